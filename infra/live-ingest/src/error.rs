//! The one error of the ingest.

use std::path::PathBuf;

/// Why the ingest can't do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// A setting is missing or impossible.
    #[error("{name} {detail}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it holds and what is expected.
        detail: String,
    },
    /// The address for the hooks is taken or not allowed.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file can't be read or written.
    #[error("can't use {}: {source}", path.display())]
    File {
        /// The path that failed.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A program can't be started, or ended with a failure.
    #[error("{program} failed: {detail}")]
    Program {
        /// The program.
        program: &'static str,
        /// The system's reason, or the end of what it said.
        detail: String,
    },
    /// The stack knows no such key, or its stream is over.
    #[error("the stack refuses the stream ({status}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stack's words.
        detail: String,
    },
    /// The stack does not answer, or answers that it can't now. Another try may help.
    #[error("the stack can't be reached: {detail}")]
    Unavailable {
        /// The cause.
        detail: String,
        /// How long it asks to wait, seconds.
        retry_after_s: Option<u64>,
    },
    /// The stack's answer is not what was expected.
    #[error("the stack's answer can't be read: {detail}")]
    Unreadable {
        /// What is wrong with it.
        detail: String,
    },
    /// So many streams are heard as are allowed.
    #[error("{most} streams are heard already")]
    Full {
        /// The setting.
        most: usize,
    },
    /// Somebody publishes under that key already.
    #[error("somebody publishes this stream already")]
    Published,
}

impl IngestError {
    /// A stable name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "Setting",
            Self::Listen { .. } => "Listen",
            Self::File { .. } => "File",
            Self::Program { .. } => "Program",
            Self::Refused { .. } => "Refused",
            Self::Unavailable { .. } => "Unavailable",
            Self::Unreadable { .. } => "Unreadable",
            Self::Full { .. } => "Full",
            Self::Published => "Published",
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// The ingest's result.
pub type Result<T> = std::result::Result<T, IngestError>;
