//! What an engine gives back, as it is kept in the pipeline's store.

use captions::Transcript;
use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};
use crate::job::JobId;

/// The version of [`JobResult`]'s shape that this code writes. Fields may be added within a version; a change that an
/// older reader would misread gets a new one.
pub const RESULT_VERSION: u32 = 1;

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
    /// `SpeakersNotTold`, `ProfanityNotRemoved`.
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

/// The result of a job: the one format in which the pipeline keeps the work of any engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// The version of this shape, [`RESULT_VERSION`].
    pub version: u32,
    /// The job that it is of.
    pub job_id: JobId,
    /// Who made it.
    pub engine: EngineVersion,
    /// The words, with times, confidences, speakers and language. Without words where nobody speaks: a warning
    /// `NoSpeech` says so.
    pub transcript: Transcript,
    /// The language heard; `None` where the engine can't tell languages apart.
    pub language: Option<DetectedLanguage>,
    /// The duration of the sound that was worked on, silence included.
    pub audio_duration_ms: u64,
    /// What else there is to say.
    pub warnings: Vec<Warning>,
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
        let result: Self = serde_json::from_slice(json).map_err(unreadable)?;
        result
            .transcript
            .check()
            .map_err(|error| EngineError::ResultUnreadable {
                detail: format!("`transcript`: {error}"),
            })?;
        Ok(result)
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
            transcript: Transcript::new(Some("en-US".to_owned()), vec![word], 2_000),
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

    #[test]
    fn what_is_no_result_says_so_and_is_retryable() {
        let mut later = result();
        later.version = 2;
        let mut blank = result();
        blank.transcript.words[0].text = " ".to_owned();
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
