//! How the engine `aws` is set up.

use std::path::PathBuf;

use crate::error::{EngineError, Result};
use crate::language::amazon::TRANSCRIBE;

const STACK: &str = "STACK_NAME";
const MISMATCH: &str = "LANGUAGE_MISMATCH_PERCENT";
const DATA_ACCESS_ROLE: &str = "REACH_TRANSCRIBE_ROLE_ARN";
const OUTPUT_KEY: &str = "REACH_TRANSCRIBE_KMS_KEY_ID";
const MAX_SPEAKERS: &str = "REACH_TRANSCRIBE_MAX_SPEAKERS";
const LANGUAGE_CHECK: &str = "REACH_TRANSCRIBE_LANGUAGE_CHECK";
const FILTERS: &str = "REACH_TRANSCRIBE_FILTERS";
const FILTER_METHOD: &str = "REACH_TRANSCRIBE_FILTER_METHOD";
const FORMALITY: &str = "REACH_TRANSLATE_FORMALITY";
const BREVITY: &str = "REACH_TRANSLATE_BREVITY";
const POLLY_ENGINES: &str = "REACH_POLLY_ENGINES";
const FFMPEG: &str = "REACH_DESCRIBE_FFMPEG";
const SOUND_FFMPEG: &str = "REACH_TRANSCRIBE_FFMPEG";
const MODEL: &str = "BEDROCK_MODEL_ID";

/// Polly's engines that this project has voices for, the best first.
const KNOWN_ENGINES: [&str; 3] = ["generative", "neural", "standard"];

/// How the engine `aws` is set up. Everything has a default: with none of these set it recognises, identifies, translates
/// and speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsConfig {
    /// What the names of our jobs, vocabularies and terminologies begin with, so that the stacks of an account don't take each
    /// other's for their own.
    pub stack_name: String,
    /// The role by which Transcribe reads the media and writes its output; with it, jobs over the account's limit wait at
    /// Transcribe. None: it works with the caller's rights, and a job over the limit is refused, to be tried again.
    pub data_access_role_arn: Option<String>,
    /// The KMS key for Transcribe's output; none for the bucket's own encryption.
    pub output_kms_key_id: Option<String>,
    /// How many voices may be told apart, 2 to 30.
    pub max_speakers: i32,
    /// The languages, by Transcribe's codes, against which the ordered one is checked: the sound is given to the likeliest of
    /// all, and the result says which it was and how surely. Empty: the ordered language is believed.
    pub language_check: Vec<String>,
    /// From this confidence on, in percent, the pipeline refuses the order of sound in another language. Below it the sound is
    /// worked on once more, in the ordered language.
    pub language_mismatch_percent: u8,
    /// The vocabulary filters by Transcribe's language code, used where profanity is to go.
    pub vocabulary_filters: Vec<(String, String)>,
    /// What a filter does: `remove`, `mask` or `tag`.
    pub vocabulary_filter_method: String,
    /// `formal` or `informal`; none leaves it to Translate.
    pub formality: Option<String>,
    /// Whether translations are to be short.
    pub brevity: bool,
    /// Polly's engines that may be used: `generative`, `neural`, `standard`.
    pub polly_engines: Vec<String>,
    /// The Bedrock model, or inference profile, that finds chapters and describes; none: the engine does neither.
    pub model_id: Option<String>,
    /// ffmpeg, which takes the frames that the model describes; none: the engine describes nothing.
    pub ffmpeg: Option<PathBuf>,
    /// ffmpeg, which takes the sound of media that is too large for Transcribe; none: such media is refused.
    pub sound_ffmpeg: Option<PathBuf>,
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            stack_name: "reach".to_owned(),
            data_access_role_arn: None,
            output_kms_key_id: None,
            max_speakers: 10,
            language_check: Vec::new(),
            language_mismatch_percent: 80,
            vocabulary_filters: Vec::new(),
            vocabulary_filter_method: "remove".to_owned(),
            formality: None,
            brevity: false,
            polly_engines: KNOWN_ENGINES.map(str::to_owned).to_vec(),
            model_id: None,
            ffmpeg: None,
            sound_ffmpeg: None,
        }
    }
}

impl AwsConfig {
    /// The settings of the process's environment:
    ///
    /// | variable | meaning | if unset |
    /// | --- | --- | --- |
    /// | `STACK_NAME` | what names at Amazon begin with | `reach` |
    /// | `REACH_TRANSCRIBE_ROLE_ARN` | the role by which Transcribe reads and writes the bucket | the caller's rights |
    /// | `REACH_TRANSCRIBE_KMS_KEY_ID` | the key for its output | the bucket's encryption |
    /// | `REACH_TRANSCRIBE_MAX_SPEAKERS` | the most voices told apart, 2 to 30 | 10 |
    /// | `REACH_TRANSCRIBE_FFMPEG` | ffmpeg, to take the sound of media over 2 GB | such media is refused |
    /// | `REACH_TRANSCRIBE_LANGUAGE_CHECK` | languages to check the ordered one against: `en-US,es-US,fr-FR` | no check |
    /// | `LANGUAGE_MISMATCH_PERCENT` | the confidence in another language that refuses an order | 80 |
    /// | `REACH_TRANSCRIBE_FILTERS` | vocabulary filters: `en-US=profanity-en,de-DE=profanity-de` | none |
    /// | `REACH_TRANSCRIBE_FILTER_METHOD` | `remove`, `mask` or `tag` | `remove` |
    /// | `REACH_TRANSLATE_FORMALITY` | `formal` or `informal` | Translate's choice |
    /// | `REACH_TRANSLATE_BREVITY` | `on` | off |
    /// | `REACH_POLLY_ENGINES` | of `generative,neural,standard` | all |
    /// | `BEDROCK_MODEL_ID` | the model that finds chapters and describes | neither is offered |
    /// | `REACH_DESCRIBE_FFMPEG` | ffmpeg, to describe by that model | no descriptions |
    ///
    /// An impossible setting is [`EngineError::Setting`].
    pub fn from_env() -> Result<Self> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// The same, from any source of variables; an empty one counts as unset.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let var = |name: &str| {
            let value = var(name)?;
            let value = value.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let default = Self::default();
        Ok(Self {
            stack_name: match var(STACK) {
                None => default.stack_name,
                Some(name) if is_stack_name(&name) => name,
                Some(name) => return Err(wrong(STACK, &name, "letters, digits and hyphens, 128 at most")),
            },
            data_access_role_arn: var(DATA_ACCESS_ROLE),
            output_kms_key_id: var(OUTPUT_KEY),
            max_speakers: match var(MAX_SPEAKERS) {
                None => default.max_speakers,
                Some(text) => match text.parse() {
                    Ok(number @ 2..=30) => number,
                    _ => return Err(wrong(MAX_SPEAKERS, &text, "a number from 2 to 30")),
                },
            },
            language_check: var(LANGUAGE_CHECK)
                .map(|text| codes(&text))
                .transpose()?
                .unwrap_or_default(),
            language_mismatch_percent: match var(MISMATCH) {
                None => default.language_mismatch_percent,
                Some(text) => match text.parse() {
                    Ok(number @ 50..=100) => number,
                    _ => return Err(wrong(MISMATCH, &text, "a number from 50 to 100")),
                },
            },
            vocabulary_filters: match var(FILTERS) {
                None => Vec::new(),
                Some(text) => list(&text)
                    .iter()
                    .map(|pair| match pair.split_once('=') {
                        Some((code, name)) if !code.is_empty() && !name.is_empty() => {
                            Ok((code.trim().to_owned(), name.trim().to_owned()))
                        }
                        _ => Err(wrong(FILTERS, pair, "`language=filter`, separated by commas")),
                    })
                    .collect::<Result<_>>()?,
            },
            vocabulary_filter_method: one_of(
                FILTER_METHOD,
                var(FILTER_METHOD).unwrap_or(default.vocabulary_filter_method),
                &["remove", "mask", "tag"],
            )?,
            formality: var(FORMALITY)
                .map(|text| one_of(FORMALITY, text, &["formal", "informal"]))
                .transpose()?,
            brevity: match var(BREVITY) {
                None => false,
                Some(text) => one_of(BREVITY, text, &["on", "off"])? == "on",
            },
            polly_engines: match var(POLLY_ENGINES) {
                None => default.polly_engines,
                Some(text) => list(&text)
                    .into_iter()
                    .map(|engine| one_of(POLLY_ENGINES, engine, &KNOWN_ENGINES))
                    .collect::<Result<_>>()?,
            },
            model_id: var(MODEL),
            ffmpeg: var(FFMPEG).map(PathBuf::from),
            sound_ffmpeg: var(SOUND_FFMPEG).map(PathBuf::from),
        })
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Codes of Transcribe's, one variant of each language, as it takes them.
fn codes(text: &str) -> Result<Vec<String>> {
    let codes = list(text);
    let language = |code: &str| code.split('-').next().unwrap_or_default().to_owned();
    for (place, code) in codes.iter().enumerate() {
        if !TRANSCRIBE.iter().any(|(_, known)| known == code) {
            return Err(wrong(
                LANGUAGE_CHECK,
                code,
                "codes of Transcribe's like `en-US,fr-FR`",
            ));
        }
        if codes[..place]
            .iter()
            .any(|former| language(former) == language(code))
        {
            return Err(wrong(LANGUAGE_CHECK, code, "one variant of each language"));
        }
    }
    Ok(codes)
}

/// A name of CloudFormation's: it has no dot, so that where it ends in another name is certain.
fn is_stack_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn one_of(name: &'static str, value: String, allowed: &[&str]) -> Result<String> {
    if allowed.contains(&value.as_str()) {
        return Ok(value);
    }
    Err(wrong(name, &value, &format!("one of `{}`", allowed.join("`, `"))))
}

fn wrong(name: &'static str, value: &str, expected: &str) -> EngineError {
    EngineError::Setting {
        name,
        detail: format!("is `{value}`, expected {expected}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<AwsConfig> {
        AwsConfig::from_vars(|name| {
            let found = pairs.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn with_nothing_set_the_defaults_hold() {
        assert_eq!(from(&[]).unwrap(), AwsConfig::default());
        assert_eq!(
            from(&[(MAX_SPEAKERS, " "), (MODEL, "")]).unwrap(),
            AwsConfig::default()
        );
    }

    #[test]
    fn every_setting_is_read() {
        let config = from(&[
            (STACK, "reach-vendor-staging"),
            (MISMATCH, "90"),
            (DATA_ACCESS_ROLE, "arn:aws:iam::111122223333:role/transcribe"),
            (OUTPUT_KEY, "alias/reach"),
            (MAX_SPEAKERS, "4"),
            (LANGUAGE_CHECK, "en-US, es-US"),
            (FILTERS, "en-US=profanity-en,de-DE=profanity-de"),
            (FILTER_METHOD, "mask"),
            (FORMALITY, "formal"),
            (BREVITY, "on"),
            (POLLY_ENGINES, "neural,standard"),
            (MODEL, "eu.amazon.nova-lite-v1:0"),
            (FFMPEG, "/opt/bin/ffmpeg"),
            (SOUND_FFMPEG, "/opt/bin/ffmpeg"),
        ]);
        insta::assert_debug_snapshot!(config.unwrap());
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected() {
        let errors: Vec<_> = [
            (STACK, "reach.vendor"),
            (MISMATCH, "40"),
            (LANGUAGE_CHECK, "en-US,xx-XX"),
            (LANGUAGE_CHECK, "fr-FR,en-US,fr-CA"),
            (MAX_SPEAKERS, "1"),
            (MAX_SPEAKERS, "many"),
            (FILTERS, "profanity"),
            (FILTER_METHOD, "beep"),
            (FORMALITY, "polite"),
            (BREVITY, "yes"),
            (POLLY_ENGINES, "neural,robot"),
        ]
        .map(|pair| from(&[pair]).unwrap_err().to_string())
        .into();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
