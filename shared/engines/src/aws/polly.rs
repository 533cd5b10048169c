//! Speech by Amazon Polly.
//!
//! Each passage is spoken for itself, by the language's best voice, as 16 kHz samples; all clips go into one WAV file.
//! Where a clip ends follows from its samples, to the millisecond. A passage that comes out longer than its time is spoken
//! once more, faster, by a quarter at most.
//!
//! Where in a clip a phrase begins is told by speech marks: a `<mark>` before each, and a second call with the same text,
//! which is paid like the first. So they are asked for where they are of use only: of a passage with phrases that leaves
//! some of its time. Generative voices have none.

use aws_sdk_polly::Client;
use aws_sdk_polly::operation::synthesize_speech::builders::SynthesizeSpeechFluentBuilder;
use aws_sdk_polly::types::{
    Engine as PollyEngine, LanguageCode, OutputFormat, SpeechMarkType, TextType, VoiceId,
};
use futures::{StreamExt, stream};

use super::NAME;
use super::config::AwsConfig;
use super::fault::{code, unavailable, unreadable};
use super::ssml::{is_speakable, read_marks, ssml, ssml_characters};
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
/// With these Polly says that it has no marks for a text, which no second try changes.
const REFUSALS: [&str; 5] = [
    "EngineNotSupportedException",
    "InvalidSsmlException",
    "LanguageNotSupportedException",
    "MarksNotSupportedForFormatException",
    "SsmlMarksNotSupportedForTextTypeException",
];
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
    /// Where its phrases after the first begin in it.
    marks_ms: Vec<u64>,
    /// Whether its phrases are of use, and nobody tells where they begin.
    lacks_marks: bool,
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
        let mut unmarked = 0;
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
                    marks_ms: passage
                        .marks_ms
                        .iter()
                        .map(|mark_ms| start_ms + mark_ms)
                        .collect(),
                });
                unmarked += usize::from(passage.lacks_marks);
                if passage.over_ms > 0 {
                    late.push(passage.over_ms);
                }
            }
            index += 1;
        }
        file.finalize().map_err(|error| write_failed(&error))?;
        let key = files.keep(name, &path).await?;
        let warnings = warnings(&late, unmarked);
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
                        size_bytes: None,
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
            match self.synthesize(voice, engine, ssml(&[probe], 100)).await {
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
        let texts = texts(passage, engine);
        let mut samples = self.texts(voice, engine, &texts, 100).await?;
        let mut took_ms = milliseconds(samples.len() as u64);
        // What fills its time, or is hurried to keep within it, has none to pause.
        let has_time = !passage.phrases.is_empty() && took_ms < time_ms;
        if time_ms > 0 && took_ms > time_ms {
            let percent = (took_ms * 100).div_ceil(time_ms).min(MAX_RATE_PERCENT);
            samples = self.texts(voice, engine, &texts, percent).await?;
            took_ms = milliseconds(samples.len() as u64);
        }
        let marks_ms = match texts.as_slice() {
            [phrases] if has_time && phrases.len() > 1 => {
                self.marks_ms(voice, engine, phrases, took_ms).await?
            }
            _ => None,
        };
        Ok(Some(Spoken {
            samples,
            over_ms: if time_ms == 0 {
                0
            } else {
                took_ms.saturating_sub(time_ms)
            },
            lacks_marks: has_time && marks_ms.is_none(),
            marks_ms: marks_ms.unwrap_or_default(),
        }))
    }

    /// Speaks texts, each in its phrases, one after the other.
    async fn texts(
        &self,
        voice: &Voice,
        engine: &str,
        texts: &[Vec<&str>],
        rate_percent: u64,
    ) -> Result<Vec<i16>> {
        let mut samples = Vec::new();
        for phrases in texts {
            if phrases.iter().any(|phrase| is_speakable(phrase)) {
                match self.synthesize(voice, engine, ssml(phrases, rate_percent)).await {
                    Ok(spoken) => samples.extend(spoken),
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

    fn call(&self, voice: &Voice, engine: &str, ssml: String) -> SynthesizeSpeechFluentBuilder {
        self.client
            .synthesize_speech()
            .engine(PollyEngine::from(engine))
            .voice_id(VoiceId::from(voice.id))
            .language_code(LanguageCode::from(voice.language_code))
            .text_type(TextType::Ssml)
            .text(ssml)
    }

    async fn synthesize(
        &self,
        voice: &Voice,
        engine: &str,
        ssml: String,
    ) -> std::result::Result<Vec<i16>, Unspoken> {
        let call = self.call(voice, engine, ssml);
        let answer = call
            .output_format(OutputFormat::Pcm)
            .sample_rate(SAMPLE_RATE.to_string())
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

    /// When the phrases after the first are said in the sound, which is that long; `None` where Polly doesn't tell. Marks
    /// are a help: only a fault that may pass is an error.
    async fn marks_ms(
        &self,
        voice: &Voice,
        engine: &str,
        phrases: &[&str],
        took_ms: u64,
    ) -> Result<Option<Vec<u64>>> {
        let call = self.call(voice, engine, ssml(phrases, 100));
        let answer = call
            .output_format(OutputFormat::Json)
            .speech_mark_types(SpeechMarkType::Ssml)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if REFUSALS.contains(&code(&error)) => {
                tracing::warn!(code = code(&error), engine, "no speech marks");
                return Ok(None);
            }
            Err(error) => return Err(unavailable("ask for speech marks")(error)),
        };
        let bytes = answer.audio_stream.collect().await;
        let bytes = bytes.map_err(unavailable("ask for speech marks"))?.into_bytes();
        let marks = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|lines| read_marks(lines, phrases.len(), took_ms));
        if marks.is_none() {
            tracing::warn!(bytes = bytes.len(), engine, "speech marks that can't be used");
        }
        Ok(marks)
    }
}

/// What is to be said of passages that are longer than their time, by so much each, and of those whose phrases are of use and
/// not told.
fn warnings(late_ms: &[u64], unmarked: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(most) = late_ms.iter().max() {
        warnings.push(Warning::new(
            "SpeechTooLong",
            format!(
                "{} passages are longer than their time, by {most} ms at most",
                late_ms.len()
            ),
        ));
    }
    if unmarked > 0 {
        warnings.push(Warning::new(
            "PhrasesNotTold",
            format!("of {unmarked} passages it is not known when their phrases are said"),
        ));
    }
    warnings
}

/// The texts to be spoken for a passage, each within the service's limit, in its phrases: several where the passage is too
/// long for one call, and then without phrases.
fn texts<'a>(passage: &'a Passage, engine: &str) -> Vec<Vec<&'a str>> {
    let pieces = pieces(&passage.text, MAX_CHARACTERS, &ssml_characters);
    if pieces.len() == 1 && passage.phrases.len() > 1 && has_marks(engine) {
        return vec![passage.phrases.iter().map(String::as_str).collect()];
    }
    pieces.into_iter().map(|piece| vec![piece]).collect()
}

/// Whether an engine's voices tell speech marks (developer guide, "Placing a custom tag in your text").
fn has_marks(engine: &str) -> bool {
    engine != "generative"
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
