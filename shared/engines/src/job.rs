//! What an engine is asked to do.

use std::fmt;

use captions::{SpeakerId, Transcript};
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

    /// A job's name as it was kept, or as somebody else told it.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Reads a name that [`JobId::new`] made: the task, the attempt and the kind of work; `None` for any other name.
    pub fn parse(name: &str) -> Option<(TaskId, u32, WorkKind)> {
        let rest = name.strip_prefix("reach-")?;
        let kind = WorkKind::ALL
            .into_iter()
            .find(|kind| rest.ends_with(&format!("-{}", kind.name())))?;
        let rest = rest.strip_suffix(kind.name())?.strip_suffix('-')?;
        let (task_id, attempt) = rest.rsplit_once('-')?;
        Some((TaskId::new(task_id), attempt.parse().ok()?, kind))
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
    /// Its size in bytes, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkKind {
    /// Speech to text.
    Recognise,
    /// Which language is spoken.
    Identify,
    /// A given text to the times at which it is spoken.
    Align,
    /// Text to text.
    Translate,
    /// Text to speech.
    Speak,
    /// What is to be seen, in words.
    Describe,
    /// A transcript to chapters.
    Chapter,
    /// What people make, and hand in.
    HandIn,
    /// What is said at a live event, while it is said.
    Live,
}

impl WorkKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Recognise,
        Self::Identify,
        Self::Align,
        Self::Translate,
        Self::Speak,
        Self::Describe,
        Self::Chapter,
        Self::HandIn,
        Self::Live,
    ];

    /// The kind as a verb, stable: it is part of job ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recognise => "recognise",
            Self::Identify => "identify",
            Self::Align => "align",
            Self::Translate => "translate",
            Self::Speak => "speak",
            Self::Describe => "describe",
            Self::Chapter => "chapter",
            Self::HandIn => "hand-in",
            Self::Live => "live",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is done on the media.
    pub fn needs_media(self) -> bool {
        !matches!(self, Self::Translate | Self::Speak | Self::Chapter | Self::Live)
    }
}

/// A run of speech that belongs together: a sentence, or what lies between two pauses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// When it begins, in milliseconds from the start of the media.
    pub start_ms: u64,
    /// When it ends; not before `start_ms`.
    pub end_ms: u64,
    /// What is said. Not blank.
    pub text: String,
    /// Who says it; none where voices aren't told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<SpeakerId>,
    /// Of a passage to be spoken, the pieces of its text whose beginnings are wanted to be known
    /// ([`crate::Clip::marks_ms`]): put together they are `text`. Two at least, each with something to say; none where only
    /// the whole is of interest. A wish: the passage is spoken in one go, as if they weren't told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<String>,
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

/// Which language is spoken: asked where the customer leaves it open (`Auto Detect`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identify {
    /// The languages that it may be, as BCP-47 tags; empty where nothing is known.
    pub candidates: Vec<String>,
}

/// A given text to times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Align {
    /// The language spoken.
    pub source_language: SourceLanguage,
    /// What is spoken, with punctuation and paragraphs as the customer wrote it. Every word of it comes back, in order.
    pub text: String,
}

/// Text to text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translate {
    /// The language of the passages.
    pub source_language: SourceLanguage,
    /// The language wanted.
    pub target_language: SourceLanguage,
    /// What to translate.
    pub passages: Vec<Passage>,
    /// The customer's dictionary: names that stay as they are. A help, as in [`Recognise`].
    pub dictionary: Vec<String>,
    /// Whether profane words are to be masked, where the engine can.
    pub remove_profanity: bool,
}

/// Text to speech.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speak {
    /// The language of the passages.
    pub language: SourceLanguage,
    /// What to say; each passage becomes a clip of its own. Their times are a wish: an engine that can may speak faster
    /// where there is little time.
    pub passages: Vec<Passage>,
}

/// What is to be seen, in words, for those who can't see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Describe {
    /// The language to describe in, which is that of the sound.
    pub language: SourceLanguage,
    /// The pauses of the speech, into which descriptions fit: start and end in milliseconds. Empty where the description
    /// may stop the picture (extended audio description).
    pub pauses_ms: Vec<(u64, u64)>,
}

/// A transcript to chapters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Divide {
    /// The language of the transcript.
    pub language: SourceLanguage,
    /// What is said.
    pub transcript: Transcript,
}

/// What people hand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Handover {
    /// Captions, as they are to be shown: SRT, WebVTT or DFXP.
    Captions,
    /// Descriptions of the picture with their times: WebVTT, SRT or DFXP. A voice speaks them, or the player does.
    Script,
    /// The finished sound track: any container and codec that ffmpeg reads.
    Sound,
    /// Chapters: WebVTT whose cues are their titles.
    Chapters,
}

/// Work for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandIn {
    /// What they hand in.
    pub handover: Handover,
    /// The language that it is in.
    pub language: SourceLanguage,
}

/// A live event: captions while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The language spoken.
    pub source_language: SourceLanguage,
    /// The key in the store under which the result stands once the stream has ended.
    pub result_key: String,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// Speech to text.
    Recognise(Recognise),
    /// Which language is spoken.
    Identify(Identify),
    /// A given text to times.
    Align(Align),
    /// Text to text.
    Translate(Translate),
    /// Text to speech.
    Speak(Speak),
    /// What is to be seen, in words.
    Describe(Describe),
    /// A transcript to chapters.
    Chapter(Divide),
    /// What people make.
    HandIn(HandIn),
    /// A live event.
    Live(Stream),
}

impl Work {
    /// The kind of this work.
    pub fn kind(&self) -> WorkKind {
        match self {
            Self::Recognise(_) => WorkKind::Recognise,
            Self::Identify(_) => WorkKind::Identify,
            Self::Align(_) => WorkKind::Align,
            Self::Translate(_) => WorkKind::Translate,
            Self::Speak(_) => WorkKind::Speak,
            Self::Describe(_) => WorkKind::Describe,
            Self::Chapter(_) => WorkKind::Chapter,
            Self::HandIn(_) => WorkKind::HandIn,
            Self::Live(_) => WorkKind::Live,
        }
    }

    /// The language that the engine has to know for it; none where that is the question.
    pub fn language(&self) -> Option<&SourceLanguage> {
        match self {
            Self::Recognise(work) => Some(&work.source_language),
            Self::Identify(_) => None,
            Self::Align(work) => Some(&work.source_language),
            Self::Translate(work) => Some(&work.source_language),
            Self::Speak(work) => Some(&work.language),
            Self::Describe(work) => Some(&work.language),
            Self::Chapter(work) => Some(&work.language),
            Self::HandIn(work) => Some(&work.language),
            Self::Live(work) => Some(&work.source_language),
        }
    }

    /// The language to translate into.
    pub fn target_language(&self) -> Option<&SourceLanguage> {
        match self {
            Self::Translate(work) => Some(&work.target_language),
            _ => None,
        }
    }
}

/// A job that an engine took on and has not ended within the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedJob {
    /// The job's name.
    pub job_id: JobId,
    /// The kind of work.
    pub kind: WorkKind,
    /// The engine's own name of the job.
    pub external_id: String,
}

/// One job for an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The task that it is for.
    pub task_id: TaskId,
    /// The task's attempt, from 1.
    pub attempt: u32,
    /// The job's name.
    pub job_id: JobId,
    /// What to do.
    pub work: Work,
    /// On what; none where the work needs no media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaRef>,
    /// By what the job is completed, if it doesn't end within the call.
    pub completion: CompletionToken,
}

impl JobRequest {
    /// A request whose job id is made from task, attempt and work.
    pub fn new(
        task_id: TaskId,
        attempt: u32,
        work: Work,
        media: Option<MediaRef>,
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

    /// The media, for work that needs it.
    pub fn media(&self) -> Result<&MediaRef> {
        self.media.as_ref().ok_or_else(|| EngineError::Files {
            action: format!("look for the media of `{}`", self.job_id),
            detail: "the request has none".to_owned(),
        })
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
            Some(MediaRef {
                key: "media/9292/2.mp4".to_owned(),
                container: "mp4".to_owned(),
                duration_ms: None,
                size_bytes: None,
            }),
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
        for kind in WorkKind::ALL {
            let id = JobId::new(&TaskId::new("9292"), 12, kind);
            assert_eq!(JobId::parse(id.as_str()), Some((TaskId::new("9292"), 12, kind)));
        }
        for other in [
            "",
            "reach-",
            "reach-9292-recognise",
            "other-9292-1-recognise",
            "reach-9292-1-sing",
        ] {
            assert_eq!(JobId::parse(other), None, "{other}");
        }
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
