//! The engine contract and its adapters.
//!
//! An *engine* does a part of the work of an order: it makes a transcript of the media's sound, translates, speaks, finds
//! chapters. The pipeline hands it a [`JobRequest`] and gets a [`JobResult`], at once or later through the
//! request's [`CompletionToken`]; which engine it is makes no difference to the pipeline, which plans from the
//! engine's [`Capabilities`].
//!
//! What lives here: the contract ([`JobRequest`], [`JobResult`], [`Engine`], [`JobFiles`], [`EngineError`]), the
//! languages of Kaltura's catalog items ([`language`]) and the adapters ([`local`], [`http`], [`people`], [`live`], and `aws` with
//! the feature of that name). What doesn't: what an order asks
//! for, where media and results are kept, and how a token completes a task (the pipeline's), and the making of
//! caption files (the `captions` crate's).

#[cfg(feature = "aws")]
pub mod aws;
mod contract;
mod error;
mod folder;
pub mod http;
mod interpret;
mod job;
pub mod language;
pub mod live;
pub mod local;
pub mod people;
mod program;
mod result;
mod set;

pub use contract::{Capabilities, Capability, Engine, JobFiles, Look, Progress, StoredAt};
pub use error::{EngineError, ErrorClass, Result};
pub use folder::FolderFiles;
pub use interpret::Interpreter;
pub use job::{
    AcceptedJob, Align, CompletionToken, Describe, Divide, HandIn, Handover, Identify, JobId, JobRequest,
    MediaRef, Passage, Recognise, SourceLanguage, Speak, Stream, TaskId, Translate, Work, WorkKind,
};
pub use result::{
    Chapter, Clip, DetectedLanguage, EngineVersion, JobResult, Output, RESULT_VERSION, Speech, Warning,
};
pub use set::EngineSet;
