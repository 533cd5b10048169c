//! What an engine gives back, as it is kept in the pipeline's store.

use captions::{Cue, Transcript};
use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};
use crate::job::{JobId, MediaRef, Passage};

/// The version of [`JobResult`]'s shape that this code writes. Fields may be added within a version; a change that an
/// older reader would misread gets a new one.
pub const RESULT_VERSION: u32 = 2;

/// A language that an engine heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectedLanguage {
    /// Its BCP-47 tag.
    pub bcp47: String,
    /// How sure the engine is, 0 to 1.
    pub confidence: f32,
}

/// Which engine made a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineVersion {
    /// The engine's name, as [`crate::Engine::name`] gives it.
    pub name: String,
    /// The version of what did the work: `pocketsphinx 5.1.1`.
    pub version: String,
}

/// Something that the result's reader should know, and that is no failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A stable name: `NoSpeech`, `SoundEndsEarly`, `DictionaryWordsUnknown`, `AccentNotModelled`,
    /// `SpeakersNotTold`, `ProfanityNotRemoved`, `PhrasesNotTold`.
    pub name: String,
    /// The particulars, for the log.
    pub detail: String,
}

impl Warning {
    /// A warning.
    pub fn new(name: &str, detail: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            detail: detail.into(),
        }
    }
}

/// One passage as it was spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// Which passage of the request, from 0.
    pub passage: usize,
    /// Where it begins in the sound, in milliseconds.
    pub start_ms: u64,
    /// Where it ends.
    pub end_ms: u64,
    /// Speech marks: where in the sound each of the passage's phrases after its first begins. None where the passage has no
    /// phrases, where the engine or its voice can't tell, and where the clip fills its time, so that nobody can use them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks_ms: Vec<u64>,
}

impl Clip {
    /// Whether it ends before it begins, or its marks are not in order within it.
    fn is_out_of_order(&self) -> bool {
        let marks = [self.start_ms].into_iter().chain(self.marks_ms.iter().copied());
        let marks: Vec<u64> = marks.collect();
        self.end_ms < self.start_ms
            || marks.windows(2).any(|pair| pair[0] >= pair[1])
            || !self.marks_ms.is_empty() && marks.last() >= Some(&self.end_ms)
    }
}

/// Spoken passages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speech {
    /// The sound: all clips in one file, one after the other.
    pub sound: MediaRef,
    /// Where each passage stands in it, in the order of the passages. A passage that can't be spoken has none.
    pub clips: Vec<Clip>,
    /// The voice, as the engine calls it.
    pub voice: String,
}

/// A chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Where it begins, in milliseconds.
    pub start_ms: u64,
    /// Its title, at most 255 characters.
    pub title: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What an engine made, by the kind of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Output {
    /// Of `Recognise` and `Align`: the words, with times, confidences, speakers and language. Without words where nobody
    /// speaks: a warning `NoSpeech` says so.
    Transcript {
        /// The words.
        transcript: Transcript,
    },
    /// Of `Identify`: nothing but [`JobResult::language`].
    Language,
    /// Of `Translate`: one text for each passage of the request, in their order.
    Texts {
        /// The texts; an empty one where nothing is left to say.
        texts: Vec<String>,
    },
    /// Of `Speak`.
    Speech {
        /// The clips.
        speech: Speech,
    },
    /// Of `Describe`, and a script handed in.
    Script {
        /// The descriptions, by time.
        passages: Vec<Passage>,
    },
    /// Of `Chapter`, and chapters handed in.
    Chapters {
        /// By time, none at the same as another.
        chapters: Vec<Chapter>,
    },
    /// Captions handed in: shown as they are.
    Captions {
        /// By time.
        cues: Vec<Cue>,
    },
    /// A finished sound track handed in.
    Sound {
        /// The file.
        sound: MediaRef,
    },
}

impl Output {
    /// Its name, for errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Transcript { .. } => "transcript",
            Self::Language => "language",
            Self::Texts { .. } => "texts",
            Self::Speech { .. } => "speech",
            Self::Script { .. } => "script",
            Self::Chapters { .. } => "chapters",
            Self::Captions { .. } => "captions",
            Self::Sound { .. } => "sound",
        }
    }

    /// What is wrong with it, if anything is.
    fn fault(&self) -> Option<String> {
        match self {
            Self::Transcript { transcript } => transcript.check().err().map(|error| error.to_string()),
            Self::Chapters { chapters } => {
                let ordered = chapters
                    .windows(2)
                    .all(|pair| pair[0].start_ms < pair[1].start_ms);
                (!ordered).then(|| "chapters are not in the order of their times".to_owned())
            }
            Self::Script { passages } => {
                let blank = passages.iter().position(|passage| passage.text.trim().is_empty());
                blank.map(|index| format!("passage {index} is blank"))
            }
            Self::Speech { speech } => {
                let wrong = speech.clips.iter().position(Clip::is_out_of_order);
                wrong.map(|index| {
                    format!("clip {index} ends before it begins, or its marks are not in order within it")
                })
            }
            Self::Language | Self::Texts { .. } | Self::Captions { .. } | Self::Sound { .. } => None,
        }
    }
}

/// The result of a job: the one format in which the pipeline keeps the work of any engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// The version of this shape, [`RESULT_VERSION`].
    pub version: u32,
    /// The job that it is of.
    pub job_id: JobId,
    /// Who made it.
    pub engine: EngineVersion,
    /// What was made.
    pub output: Output,
    /// The language heard; `None` where the engine can't tell languages apart.
    pub language: Option<DetectedLanguage>,
    /// The duration of the sound that was worked on, silence included; 0 where there was none.
    pub audio_duration_ms: u64,
    /// What else there is to say.
    pub warnings: Vec<Warning>,
}

/// Version 1 knew transcripts only.
#[derive(Deserialize)]
struct JobResultV1 {
    job_id: JobId,
    engine: EngineVersion,
    transcript: Transcript,
    language: Option<DetectedLanguage>,
    audio_duration_ms: u64,
    warnings: Vec<Warning>,
}

impl From<JobResultV1> for JobResult {
    fn from(old: JobResultV1) -> Self {
        Self {
            version: RESULT_VERSION,
            job_id: old.job_id,
            engine: old.engine,
            output: Output::Transcript {
                transcript: old.transcript,
            },
            language: old.language,
            audio_duration_ms: old.audio_duration_ms,
            warnings: old.warnings,
        }
    }
}

impl JobResult {
    /// The result as JSON, to be kept.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| EngineError::ResultUnreadable {
            detail: error.to_string(),
        })
    }

    /// Reads a kept result and checks its transcript. One of a later version is refused rather than misread.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let unreadable = |error: serde_json::Error| EngineError::ResultUnreadable {
            detail: error.to_string(),
        };
        let head: Head = serde_json::from_slice(json).map_err(unreadable)?;
        if head.version == 0 || head.version > RESULT_VERSION {
            return Err(EngineError::ResultUnreadable {
                detail: format!("`version` is {}, expected 1 to {RESULT_VERSION}", head.version),
            });
        }
        let result: Self = if head.version == 1 {
            serde_json::from_slice::<JobResultV1>(json)
                .map_err(unreadable)?
                .into()
        } else {
            serde_json::from_slice(json).map_err(unreadable)?
        };
        result.check()?;
        Ok(result)
    }

    /// Checks what was made; an engine's answer may be anything.
    pub fn check(&self) -> Result<()> {
        match self.output.fault() {
            None => Ok(()),
            Some(fault) => Err(EngineError::ResultUnreadable {
                detail: format!("`{}`: {fault}", self.output.name()),
            }),
        }
    }

    /// The words, where words were made.
    pub fn transcript(&self) -> Option<&Transcript> {
        match &self.output {
            Output::Transcript { transcript } => Some(transcript),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use captions::Word;

    use super::*;
    use crate::ErrorClass;

    fn result() -> JobResult {
        let mut word = Word::new("hello", 90, 480);
        word.confidence = Some(0.5);
        JobResult {
            version: RESULT_VERSION,
            job_id: serde_json::from_str("\"reach-9292-1-recognise\"").unwrap(),
            engine: EngineVersion {
                name: "local".to_owned(),
                version: "pocketsphinx 5.1.1".to_owned(),
            },
            output: Output::Transcript {
                transcript: Transcript::new(Some("en-US".to_owned()), vec![word], 2_000),
            },
            language: Some(DetectedLanguage {
                bcp47: "en".to_owned(),
                confidence: 0.75,
            }),
            audio_duration_ms: 2_000,
            warnings: vec![Warning::new("SpeakersNotTold", "one voice")],
        }
    }

    #[test]
    fn a_result_is_the_same_after_its_json() {
        insta::assert_json_snapshot!(result());
        assert_eq!(
            JobResult::from_json(&result().to_json().unwrap()).unwrap(),
            result()
        );
    }

    /// Redeployed while tasks wait: what the former code kept is read.
    #[test]
    fn a_result_of_the_first_version_is_read() {
        let mut json = serde_json::to_value(result()).unwrap();
        let mut output = json["output"].take();
        json["version"] = 1.into();
        json["transcript"] = output["transcript"].take();
        json.as_object_mut().unwrap().remove("output");
        assert_eq!(
            JobResult::from_json(json.to_string().as_bytes()).unwrap(),
            result()
        );
    }

    #[test]
    fn what_is_no_result_says_so_and_is_retryable() {
        let mut later = result();
        later.version = RESULT_VERSION + 1;
        let mut blank = result();
        if let Output::Transcript { transcript } = &mut blank.output {
            transcript.words[0].text = " ".to_owned();
        }
        let mut texts = Vec::new();
        for json in [
            b"{}".to_vec(),
            b"<html>".to_vec(),
            later.to_json().unwrap(),
            blank.to_json().unwrap(),
        ] {
            let error = JobResult::from_json(&json).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Retryable);
            texts.push(error.to_string());
        }
        insta::assert_snapshot!(texts.join("\n"));
    }
}
