//! From samples to a transcript: `recognise.py`, and the reading of what it heard.

use std::path::Path;

use captions::{Transcript, Word};
use serde::Deserialize;
use tokio::process::Command;

use super::MODEL_LANGUAGE;
use super::config::LocalConfig;
use super::sound::Samples;
use super::spelling;
use crate::error::{EngineError, Result};
use crate::program::{self, Bounded};
use crate::result::{DetectedLanguage, Warning};

/// The program, in [`LocalConfig::scripts_dir`].
const PROGRAM: &str = "recognise.py";

/// The version of the program's output that this code reads.
const OUTPUT_VERSION: u32 = 1;

/// An hour of fast speech is some 12,000 words of 100 bytes; this holds more than a day.
const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// The recogniser is this sure on average of English that is spoken clearly, and of nothing else that was tried: other
/// languages reach 0.55, English in a voice that it hears badly as little (`infra/local/engines/measure_language.py`).
const ENGLISH_CONFIDENCE: f32 = 0.65;
/// Of fewer words an average says little.
const ENGLISH_WORDS: usize = 20;

/// What the recogniser heard.
#[derive(Debug)]
pub(super) struct Heard {
    /// Name and version of the recogniser.
    pub(super) program: String,
    pub(super) transcript: Transcript,
    /// English where it surely is, none where the recogniser can't tell.
    pub(super) language: Option<DetectedLanguage>,
    pub(super) warnings: Vec<Warning>,
}

/// The program's output.
#[derive(Debug, Deserialize)]
struct Output {
    version: u32,
    program: String,
    tokens: Vec<Token>,
    #[serde(default)]
    unknown_dictionary_words: Vec<String>,
}

/// One entry of the recogniser's segmentation: a word, or what it puts between words.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Token {
    /// A word, maybe with the number of its pronunciation (`to(3)`); a filler (`<sil>`, `[NOISE]`).
    pub text: String,
    /// Onset, in milliseconds from the first sample.
    pub start_ms: u64,
    /// End, likewise.
    pub end_ms: u64,
    /// Posterior probability. The recogniser's fixed-point logarithms give up to 1.001 for certainty.
    pub posterior: f32,
}

/// The words of tokens of sound that is so long, without fillers, and with the dictionary's words as it spells them.
pub fn words_of(tokens: &[Token], duration_ms: u64, dictionary: &[String]) -> Vec<Word> {
    let mut words: Vec<Word> = tokens
        .iter()
        .filter_map(|token| word(token, duration_ms))
        .collect();
    spelling::from_dictionary(&mut words, dictionary);
    words
}

/// Recognises the samples. The words of `dictionary` are taught to the recogniser where a pronunciation is known, and
/// spelt as they stand there; those without one are a warning.
pub(super) async fn recognise(
    config: &LocalConfig,
    samples: &Samples,
    dictionary: &[String],
    dir: &Path,
) -> Result<Heard> {
    let dictionary_path = dir.join("dictionary.json");
    let writing = |detail: String| EngineError::Files {
        action: format!("writing `{}`", dictionary_path.display()),
        detail,
    };
    let json = serde_json::to_vec(dictionary).map_err(|error| writing(error.to_string()))?;
    tokio::fs::write(&dictionary_path, json)
        .await
        .map_err(|error| writing(error.to_string()))?;

    let mut command = Command::new(&config.python);
    command
        .arg(config.scripts_dir.join(PROGRAM))
        .arg("--samples")
        .arg(&samples.path)
        .arg("--dictionary")
        .arg(&dictionary_path);
    let mut stdout = Bounded::new(MAX_OUTPUT_BYTES);
    let ended = program::run(PROGRAM, &mut command, config.program_timeout, &mut stdout).await?;
    tracing::debug!(program = PROGRAM, stderr = %ended.stderr_tail, "ended");
    if !ended.status.success() {
        return Err(ended.failure(PROGRAM));
    }
    read_output(&stdout.bytes, samples.duration_ms, dictionary)
}

fn read_output(json: &[u8], duration_ms: u64, dictionary: &[String]) -> Result<Heard> {
    let unreadable = |detail: String| EngineError::OutputUnreadable {
        program: PROGRAM.to_owned(),
        detail,
    };
    let output: Output = serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))?;
    if output.version != OUTPUT_VERSION {
        return Err(unreadable(format!(
            "`version` is {}, expected {OUTPUT_VERSION}",
            output.version
        )));
    }
    let words = words_of(&output.tokens, duration_ms, dictionary);
    let transcript = Transcript::new(Some(MODEL_LANGUAGE.to_owned()), words, duration_ms);
    transcript
        .check()
        .map_err(|error| unreadable(error.to_string()))?;

    let mut warnings = Vec::new();
    if transcript.words.is_empty() {
        warnings.push(Warning::new(
            "NoSpeech",
            format!("no word in {duration_ms} ms of sound"),
        ));
    }
    if !output.unknown_dictionary_words.is_empty() {
        let words = output.unknown_dictionary_words.join(", ");
        warnings.push(Warning::new(
            "DictionaryWordsUnknown",
            format!("no pronunciation is known for: {words}"),
        ));
    }
    Ok(Heard {
        program: output.program,
        language: language_of(&transcript.words),
        transcript,
        warnings,
    })
}

/// English, with the mean confidence of the words, if that is beyond what other languages are heard with. Never any other
/// language: the model has no words of one.
fn language_of(words: &[Word]) -> Option<DetectedLanguage> {
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for confidence in words.iter().filter_map(|word| word.confidence) {
        sum += f64::from(confidence);
        count += 1;
    }
    if words.len() < ENGLISH_WORDS || count == 0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "0 to 1")]
    let confidence = (sum / f64::from(count)) as f32;
    (confidence >= ENGLISH_CONFIDENCE).then(|| DetectedLanguage {
        bcp47: "en".to_owned(),
        confidence,
    })
}

/// The word of a token; `None` for a filler, and for one that lies behind the end of the sound (the last frame is
/// padded).
fn word(token: &Token, duration_ms: u64) -> Option<Word> {
    let text = spelling::of_token(&token.text)?;
    let end_ms = token.end_ms.min(duration_ms);
    if token.start_ms >= end_ms {
        return None;
    }
    let mut word = Word::new(text, token.start_ms, end_ms);
    // A confidence that is no number is one that the recogniser does not have.
    word.confidence = token
        .posterior
        .is_finite()
        .then(|| token.posterior.clamp(0.0, 1.0));
    Some(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Heard> {
        read_output(json.as_bytes(), 29_022, &["Kaltura".to_owned()])
    }

    #[test]
    fn words_come_clean_and_fillers_go() {
        insta::assert_json_snapshot!(
            read(include_str!("fixtures/recognise-ok.json"))
                .unwrap()
                .transcript
        );
    }

    #[test]
    fn silence_is_an_empty_transcript_and_a_warning() {
        let heard = read(include_str!("fixtures/recognise-empty.json")).unwrap();
        assert!(heard.transcript.words.is_empty());
        assert_eq!(heard.warnings.len(), 1);
        assert_eq!(heard.warnings[0].name, "NoSpeech");
    }

    #[test]
    fn a_dictionary_word_without_a_pronunciation_is_a_warning() {
        let heard = read(include_str!("fixtures/recognise-dictionary.json")).unwrap();
        assert!(heard.transcript.words.iter().any(|word| word.text == "Kaltura"));
        assert_eq!(
            heard.warnings,
            [Warning::new(
                "DictionaryWordsUnknown",
                "no pronunciation is known for: x2y, 東京"
            )]
        );
    }

    #[test]
    fn english_is_told_from_enough_words_that_are_sure_enough() {
        let language = |count, confidence| {
            let mut word = Word::new("word", 0, 1);
            word.confidence = confidence;
            language_of(&vec![word; count])
        };
        let english = language(20, Some(0.75)).unwrap();
        assert_eq!((english.bcp47.as_str(), english.confidence), ("en", 0.75));
        assert_eq!(language(19, Some(0.75)), None);
        assert_eq!(language(200, Some(0.55)), None);
        assert_eq!(language(200, None), None);
    }

    #[test]
    fn what_is_not_the_output_says_so() {
        let texts = [
            read("").unwrap_err(),
            read("Traceback (most recent call last):").unwrap_err(),
            read(include_str!("fixtures/recognise-version-2.json")).unwrap_err(),
            read(include_str!("fixtures/recognise-backwards.json")).unwrap_err(),
            read(include_str!("fixtures/recognise-truncated.json")).unwrap_err(),
        ]
        .map(|error| format!("{} {error}", error.name()));
        insta::assert_snapshot!(texts.join("\n"));
    }

    proptest! {
        #[test]
        fn any_output_gives_a_checked_transcript_or_an_error(json in ".*") {
            if let Ok(heard) = read(&json) {
                prop_assert!(heard.transcript.check().is_ok());
            }
        }

        #[test]
        fn any_tokens_give_words_within_the_sound(
            tokens in proptest::collection::vec((".{0,8}", 0_u64..40_000, 0_u64..40_000, any::<f32>()), 0..20)
        ) {
            let tokens: Vec<_> = tokens
                .into_iter()
                .map(|(text, start_ms, end_ms, posterior)| Token { text, start_ms, end_ms, posterior })
                .collect();
            for word in tokens.iter().filter_map(|token| word(token, 29_022)) {
                prop_assert!(word.start_ms < word.end_ms && word.end_ms <= 29_022);
                prop_assert!(word.confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence)));
                prop_assert!(!word.text.trim().is_empty());
            }
        }
    }
}
