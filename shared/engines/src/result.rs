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
    /// A stable name: `DictionaryWordsUnknown`, `AccentNotModelled`, `SpeakersNotTold`, `NoSpeech`.
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
