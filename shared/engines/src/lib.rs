//! The engine contract and its adapters.
//!
//! An *engine* does the work of an order: it makes a transcript of the media's sound (later also translations,
//! voices, chapters). The pipeline hands it a [`JobRequest`] and gets a [`JobResult`], at once or later through the
//! request's [`CompletionToken`]; which engine it is makes no difference to the pipeline, which plans from the
//! engine's [`Capabilities`].
//!
//! What lives here: the contract ([`JobRequest`], [`JobResult`], [`Engine`], [`JobFiles`], [`EngineError`]), the
//! languages of Kaltura's catalog items ([`language`]) and the adapters ([`local`]). What doesn't: what an order asks
//! for, where media and results are kept, and how a token completes a task (the pipeline's), and the making of
//! caption files (the `captions` crate's).

mod contract;
mod error;
mod job;
pub mod language;
pub mod local;
mod result;

pub use contract::{Capabilities, Capability, Engine, JobFiles, Progress};
pub use error::{EngineError, ErrorClass, Result};
pub use job::{
    CompletionToken, JobId, JobRequest, MediaRef, Recognise, SourceLanguage, TaskId, Work, WorkKind,
};
pub use result::{DetectedLanguage, EngineVersion, JobResult, RESULT_VERSION, Warning};
