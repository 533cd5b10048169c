//! Speech by Amazon Polly.
//!
//! Each passage is spoken for itself, by the language's best voice, as 16 kHz samples; all clips go into one WAV file.
//! Where a clip ends follows from its samples, to the millisecond, so speech marks aren't asked for: they cost a second
//! call each, and the contract has no place for word times of a voice. A passage that comes out longer than its time is
//! spoken once more, faster, by a quarter at most.

use aws_sdk_polly::Client;
use aws_sdk_polly::types::{Engine as PollyEngine, LanguageCode, OutputFormat, TextType, VoiceId};
use futures::{StreamExt, stream};

use super::NAME;
use super::config::AwsConfig;
use super::fault::{code, unavailable, unreadable};
use super::text::pieces;
use crate::contract::JobFiles;
use crate::error::{EngineError, Result};
use crate::job::{JobRequest, MediaRef, Passage, Speak, WorkKind};
use crate::language::amazon::{AmazonCodes, Voice};
use crate::result::{Clip, EngineVersion, JobResult, Output, RESULT_VERSION, Speech, Warning};

/// The samples a second.
const SAMPLE_RATE: u32 = 16_000;
/// The most characters of a call, marks not counted; escaped ones are counted long, to be on the safe side.
const MAX_CHARACTERS: usize = 3_000;
/// The most characters by which an engine is tried.
const PROBE_CHARACTERS: usize = 20;
/// The fastest that a voice may speak, in percent.
const MAX_RATE_PERCENT: u64 = 125;
/// How many passages are spoken at once.
const CONCURRENT_CALLS: usize = 4;
/// The version of Polly's API.
const VERSION: &str = "polly 2016-06-10";

/// Polly, with our settings.
#[derive(Debug, Clone)]
pub(super) struct Speaker {
    client: Client,
    config: AwsConfig,
}

/// What came of one passage.
struct Spoken {
    samples: Vec<i16>,
    /// By how much it is longer than its time, in spite of the rate.
    over_ms: u64,
}

impl Speaker {
    pub(super) fn new(client: Client, config: AwsConfig) -> Self {
        Self { client, config }
    }

    /// Speaks all passages into one file.
    pub(super) async fn speak(
        &self,
        request: &JobRequest,
        work: &Speak,
        files: &dyn JobFiles,
    ) -> Result<JobResult> {
        let not_supported = || EngineError::LanguageNotSupported {
            engine: NAME.to_owned(),
            work: WorkKind::Speak.name(),
            language: work.language.catalog_name.clone(),
        };
        let voice = AmazonCodes::of(&work.language.bcp47)
            .polly
            .ok_or_else(not_supported)?;
        let engine = match work.passages.iter().find(|passage| is_speakable(&passage.text)) {
            None => None,
            Some(passage) => Some(
                self.engine(&voice, &passage.text)
                    .await?
                    .ok_or_else(not_supported)?,
            ),
        };
        let name = "speech.wav";
        let path = files.work_dir().join(name);
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(&path, spec).map_err(|error| write_failed(&error))?;
        let mut clips = Vec::new();
        let mut late = Vec::new();
        let mut at: u64 = 0;
        let calls: Vec<_> = work
            .passages
            .iter()
            .map(|passage| self.passage(&voice, engine, passage))
            .collect();
        let mut spoken = stream::iter(calls).buffered(CONCURRENT_CALLS);
        let mut index = 0;
        while let Some(passage) = spoken.next().await {
            if let Some(passage) = passage? {
                for sample in &passage.samples {
                    file.write_sample(*sample).map_err(|error| write_failed(&error))?;
                }
                let start_ms = milliseconds(at);
                at += passage.samples.len() as u64;
                clips.push(Clip {
                    passage: index,
                    start_ms,
                    end_ms: milliseconds(at),
                });
                if passage.over_ms > 0 {
                    late.push(passage.over_ms);
                }
            }
            index += 1;
        }
        file.finalize().map_err(|error| write_failed(&error))?;
        let key = files.keep(name, &path).await?;
        let mut warnings = Vec::new();
        if let Some(most) = late.iter().max() {
            warnings.push(Warning::new(
                "SpeechTooLong",
                format!(
                    "{} passages are longer than their time, by {most} ms at most",
                    late.len()
                ),
            ));
        }
        let engine = engine.unwrap_or("none");
        tracing::info!(job_id = %request.job_id, clips = clips.len(), voice = voice.id, engine, "spoken");
        Ok(JobResult {
            version: RESULT_VERSION,
            job_id: request.job_id.clone(),
            engine: EngineVersion {
                name: NAME.to_owned(),
                version: VERSION.to_owned(),
            },
            output: Output::Speech {
                speech: Speech {
                    sound: MediaRef {
                        key,
                        container: "wav".to_owned(),
                        duration_ms: Some(milliseconds(at)),
                    },
                    clips,
                    voice: format!("{} ({engine})", voice.id),
                },
            },
            language: None,
            audio_duration_ms: milliseconds(at),
            warnings,
        })
    }

    /// The best of the voice's engines that the region has, found by having it speak; none where all are barred.
    async fn engine(&self, voice: &Voice, text: &str) -> Result<Option<&'static str>> {
        // A word is enough to ask, and costs next to nothing.
        let words = pieces(text, PROBE_CHARACTERS, &ssml_characters);
        let probe = words.into_iter().find(|word| is_speakable(word)).unwrap_or(text);
        for engine in voice.engines {
            if !self.config.polly_engines.iter().any(|allowed| allowed == engine) {
                continue;
            }
            match self.synthesize(voice, engine, probe, 100).await {
                Ok(_) => return Ok(Some(engine)),
                Err(Unspoken::NotInRegion) => {}
                Err(Unspoken::Failed(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn passage(
        &self,
        voice: &Voice,
        engine: Option<&'static str>,
        passage: &Passage,
    ) -> Result<Option<Spoken>> {
        let Some(engine) = engine.filter(|_| is_speakable(&passage.text)) else {
            return Ok(None);
        };
        let time_ms = passage.end_ms.saturating_sub(passage.start_ms);
        let mut samples = self.text(voice, engine, &passage.text, 100).await?;
        let took_ms = milliseconds(samples.len() as u64);
        if time_ms > 0 && took_ms > time_ms {
            let percent = (took_ms * 100).div_ceil(time_ms).min(MAX_RATE_PERCENT);
            samples = self.text(voice, engine, &passage.text, percent).await?;
        }
        let over_ms = match time_ms {
            0 => 0,
            _ => milliseconds(samples.len() as u64).saturating_sub(time_ms),
        };
        Ok(Some(Spoken { samples, over_ms }))
    }

    async fn text(&self, voice: &Voice, engine: &str, text: &str, rate_percent: u64) -> Result<Vec<i16>> {
        let mut samples = Vec::new();
        for piece in pieces(text, MAX_CHARACTERS, &ssml_characters) {
            if is_speakable(piece) {
                match self.synthesize(voice, engine, piece, rate_percent).await {
                    Ok(piece) => samples.extend(piece),
                    Err(Unspoken::Failed(error)) => return Err(error),
                    Err(Unspoken::NotInRegion) => {
                        return Err(unreadable(
                            "polly",
                            format!("`{engine}` spoke, and then was not there"),
                        ));
                    }
                }
            }
        }
        Ok(samples)
    }

    async fn synthesize(
        &self,
        voice: &Voice,
        engine: &str,
        text: &str,
        rate_percent: u64,
    ) -> std::result::Result<Vec<i16>, Unspoken> {
        let answer = self
            .client
            .synthesize_speech()
            .engine(PollyEngine::from(engine))
            .voice_id(VoiceId::from(voice.id))
            .language_code(LanguageCode::from(voice.language_code))
            .output_format(OutputFormat::Pcm)
            .sample_rate(SAMPLE_RATE.to_string())
            .text_type(TextType::Ssml)
            .text(ssml(text, rate_percent))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if code(&error) == "EngineNotSupportedException" => return Err(Unspoken::NotInRegion),
            Err(error) => return Err(Unspoken::Failed(unavailable("speak a text")(error))),
        };
        let bytes = answer
            .audio_stream
            .collect()
            .await
            .map_err(|error| Unspoken::Failed(unavailable("speak a text")(error)))?
            .into_bytes();
        if bytes.len() % 2 != 0 {
            return Err(Unspoken::Failed(unreadable("polly", "half a sample at the end")));
        }
        Ok(bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect())
    }
}

/// Why a text was not spoken.
enum Unspoken {
    /// The region doesn't have the voice by this engine.
    NotInRegion,
    /// The call failed.
    Failed(EngineError),
}

fn write_failed(error: &hound::Error) -> EngineError {
    EngineError::Files {
        action: "write the speech".to_owned(),
        detail: error.to_string(),
    }
}

fn milliseconds(samples: u64) -> u64 {
    samples * 1000 / u64::from(SAMPLE_RATE)
}

/// Whether there is anything in it to say: a note or a dash has no sound.
fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// The text as SSML. Characters that XML doesn't have are left out. The rate goes around the whole text, as generative
/// voices want it.
fn ssml(text: &str, rate_percent: u64) -> String {
    let text = escaped(text.trim());
    match rate_percent {
        100 => format!("<speak>{text}</speak>"),
        _ => format!("<speak><prosody rate=\"{rate_percent}%\">{text}</prosody></speak>"),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn ssml_characters(text: &str) -> usize {
    escaped(text).chars().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_escaped_and_the_rate_goes_around_it() {
        assert_eq!(
            ssml("Q&A: \"<b>\" isn't\u{1} \n", 100),
            "<speak>Q&amp;A: &quot;&lt;b&gt;&quot; isn&apos;t</speak>"
        );
        assert_eq!(
            ssml("Fast.", 120),
            "<speak><prosody rate=\"120%\">Fast.</prosody></speak>"
        );
    }

    #[test]
    fn notes_and_dashes_are_not_spoken() {
        assert!(is_speakable("Hello") && is_speakable("42") && is_speakable("你好"));
        assert!(!is_speakable("♪ ♪") && !is_speakable("--") && !is_speakable(""));
    }

    proptest! {
        #[test]
        fn any_text_makes_well_formed_ssml(text in "\\PC*|[\u{0}-\u{20}<&>]*", rate in 100_u64..=125) {
            let ssml = ssml(&text, rate);
            let inner = ssml.replace("<speak>", "").replace("</speak>", "").replace("</prosody>", "");
            let inner = inner.replace(&format!("<prosody rate=\"{rate}%\">"), "");
            prop_assert!(!inner.contains('<') && !inner.contains('>'));
            prop_assert!(!inner.chars().any(|c| c < ' '));
        }
    }
}
