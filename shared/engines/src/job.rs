//! What an engine is asked to do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};
use crate::language::Language;

/// Kaltura's id of the task that a job is for. Opaque here: an engine only hands it back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// The id, as Kaltura writes it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job's name: the same for the same task, attempt and kind of work, so that a repeated start finds the job that
/// runs already. Holds ASCII letters, digits, `-`, `.` and `_` only, and at most 200 of them (the rule of Amazon
/// Transcribe's `TranscriptionJobName`, the narrowest of the engines in view).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// The name of the job for this task, attempt and kind of work. Characters that a job's name can't hold become
    /// `_`; Kaltura's ids are decimal numbers, which have none.
    pub fn new(task_id: &TaskId, attempt: u32, kind: WorkKind) -> Self {
        let task: String = task_id
            .as_str()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') {
                    c
                } else {
                    '_'
                }
            })
            .take(160)
            .collect();
        Self(format!("reach-{task}-{attempt}-{}", kind.name()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret by which a job is completed (a Step Functions task token). Whoever holds it can end the task's step, so
/// it prints redacted; it is serialised in clear, because an engine that ends later must keep it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CompletionToken(String);

impl CompletionToken {
    /// A token, as the state machine gave it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token in clear: for the call that completes the job, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CompletionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompletionToken(redacted)")
    }
}

/// The media to work on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRef {
    /// Its key in the pipeline's media store. No bucket: the stores' names are the pipeline's business.
    pub key: String,
    /// Its container, lower case: `mp4`, `m4a`, `ts`.
    pub container: String,
    /// Its duration as the fetcher knows it; `None` where neither playlist nor file told.
    pub duration_ms: Option<u64>,
}

/// The language that is spoken in the media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLanguage {
    /// Kaltura's name of it in catalog items: `English (American)`.
    pub catalog_name: String,
    /// Its BCP-47 tag: `en-US`.
    pub bcp47: String,
}

impl SourceLanguage {
    /// The spoken language of that catalog name. A name without one (`Auto Detect`, a sign language, one that is not
    /// in the list) is [`EngineError::LanguageNotSupported`], terminal.
    pub fn from_catalog_name(name: &str) -> Result<Self> {
        match Language::by_catalog_name(name) {
            Some(language) if language.is_spoken() => Ok(Self {
                catalog_name: language.catalog_name.to_owned(),
                bcp47: language.bcp47.to_owned(),
            }),
            _ => Err(EngineError::LanguageNotSupported {
                engine: "any".into(),
                work: WorkKind::Recognise.name(),
                language: name.to_owned(),
            }),
        }
    }
}

/// A kind of work: what [`Work`] asks for, without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkKind {
    /// Speech to text.
    Recognise,
}

impl WorkKind {
    /// The kind as a verb, stable: it is part of job ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recognise => "recognise",
        }
    }
}

/// Speech to text: the particulars of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognise {
    /// The language spoken.
    pub source_language: SourceLanguage,
    /// The customer's dictionary: words and phrases that are likely to be spoken, one an element (the profile's
    /// dictionary for the source language, guide 5: "delimited by a carriage return"). A help, not an order: what an
    /// engine can't use becomes a warning.
    pub dictionary: Vec<String>,
    /// Whether to tell who speaks. An engine that can't leaves the speakers out and warns.
    pub speakers_wanted: bool,
    /// Whether profane words are to be removed. The engine may do it; whether it did or not, the pipeline looks
    /// over the words again.
    pub remove_profanity: bool,
}

/// What to do with the media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// Speech to text.
    Recognise(Recognise),
}

impl Work {
    /// The kind of this work.
    pub fn kind(&self) -> WorkKind {
        match self {
            Self::Recognise(_) => WorkKind::Recognise,
        }
    }

    /// The language that the engine has to know for it.
    pub fn source_language(&self) -> &SourceLanguage {
        match self {
            Self::Recognise(recognise) => &recognise.source_language,
        }
    }
}

/// One job for an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The task that it is for.
    pub task_id: TaskId,
    /// The task's attempt, from 1.
    pub attempt: u32,
    /// The job's name.
    pub job_id: JobId,
    /// What to do.
    pub work: Work,
    /// On what.
    pub media: MediaRef,
    /// By what the job is completed, if it doesn't end within the call.
    pub completion: CompletionToken,
}

impl JobRequest {
    /// A request whose job id is made from task, attempt and work.
    pub fn new(
        task_id: TaskId,
        attempt: u32,
        work: Work,
        media: MediaRef,
        completion: CompletionToken,
    ) -> Self {
        let job_id = JobId::new(&task_id, attempt, work.kind());
        Self {
            task_id,
            attempt,
            job_id,
            work,
            media,
            completion,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorClass;

    fn request() -> JobRequest {
        JobRequest::new(
            TaskId::new("9292"),
            2,
            Work::Recognise(Recognise {
                source_language: SourceLanguage::from_catalog_name("English (American)").unwrap(),
                dictionary: vec!["River Project".to_owned()],
                speakers_wanted: true,
                remove_profanity: false,
            }),
            MediaRef {
                key: "media/9292/2.mp4".to_owned(),
                container: "mp4".to_owned(),
                duration_ms: None,
            },
            CompletionToken::new("AAAAKgAAAAIAAAAAAAAAAb"),
        )
    }

    #[test]
    fn a_request_is_the_same_after_its_json() {
        let json = serde_json::to_value(request()).unwrap();
        insta::assert_json_snapshot!(json);
        assert_eq!(serde_json::from_value::<JobRequest>(json).unwrap(), request());
    }

    #[test]
    fn the_token_does_not_print() {
        let printed = format!("{:?}", request());
        assert!(printed.contains("CompletionToken(redacted)"), "{printed}");
        assert!(!printed.contains("AAAAKgAAAAIAAAAAAAAAAb"), "{printed}");
    }

    #[test]
    fn a_job_id_is_stable_and_fits_the_narrowest_engine() {
        let id = |task: &str| JobId::new(&TaskId::new(task), 1, WorkKind::Recognise);
        assert_eq!(request().job_id.as_str(), "reach-9292-2-recognise");
        assert_eq!(request().job_id, request().job_id);
        assert_eq!(id("a/b ü").as_str(), "reach-a_b__-1-recognise");
        assert!(id(&"9".repeat(500)).as_str().len() <= 200);
    }

    #[test]
    fn a_language_that_is_not_spoken_is_refused() {
        for name in [
            "Auto Detect",
            "English (ASL)",
            "English (BSL)",
            "Klingon",
            "",
            "english",
        ] {
            let error = SourceLanguage::from_catalog_name(name).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Terminal);
            assert_eq!(
                error.customer_text(),
                format!("The language \"{name}\" is not supported by this service.")
            );
        }
    }
}
