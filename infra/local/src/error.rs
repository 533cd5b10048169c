//! The one error of a local run. Each says what to do about it, since its reader sits before the machine.

use std::path::PathBuf;
use std::time::Duration;

/// Why a local run can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// A program, a folder or a binary that `infra/local/setup` makes is not there.
    #[error("{} is missing: run infra/local/setup first", path.display())]
    NotSetUp {
        /// What is missing.
        path: PathBuf,
    },
    /// A file or folder can't be made, read or written.
    #[error("can't use {}: {source}", path.display())]
    File {
        /// The path that failed.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another local run of the same name works in the same folder.
    #[error("another local run works in {}: end it first, or give this one another name", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// A program can't be started.
    #[error("can't start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The browser test could not do an order.
    #[error("the browser test failed ({status}): what it saw stands above")]
    Browser {
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A program failed.
    #[error("{program} failed; all of its output is in {}:\n{tail}", log.display())]
    Program {
        /// What it was doing.
        program: String,
        /// Its output.
        log: PathBuf,
        /// The output's last lines.
        tail: String,
    },
    /// The emulated AWS did not come up, or ended by itself.
    #[error("the emulated AWS {what}; its output is in {}:\n{tail}", log.display())]
    Emulator {
        /// What it did.
        what: String,
        /// Its output.
        log: PathBuf,
        /// The output's last lines.
        tail: String,
    },
    /// A call to the emulated AWS failed.
    #[error("{action} on the emulated AWS failed: {detail}")]
    Aws {
        /// The call.
        action: &'static str,
        /// The service's words.
        detail: String,
    },
    /// The stack has no such output.
    #[error("the stack has no output {name}")]
    NoOutput {
        /// The output's name in the template.
        name: String,
    },
    /// The stand-in for Kaltura.
    #[error("the stand-in for kaltura: {0}")]
    Sim(#[from] kaltura_sim::SimError),
    /// Speech media was not made as expected.
    #[error("make_speech.py answered something unexpected: {0}")]
    Speech(#[source] serde_json::Error),
    /// What people would hand in was not taken.
    #[error("task {task_id} did not take what was handed in: {detail}")]
    HandIn {
        /// The task.
        task_id: String,
        /// Why.
        detail: String,
    },
    /// The time is up.
    #[error("not all orders ended within {deadline:?}: {waiting}")]
    Deadline {
        /// The time given.
        deadline: Duration,
        /// Which tasks wait, and where.
        waiting: String,
    },
}

impl LocalError {
    /// A stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotSetUp { .. } => "NotSetUp",
            Self::File { .. } => "File",
            Self::Taken { .. } => "Taken",
            Self::Start { .. } => "Start",
            Self::Browser { .. } => "Browser",
            Self::Program { .. } => "Program",
            Self::Emulator { .. } => "Emulator",
            Self::Aws { .. } => "Aws",
            Self::NoOutput { .. } => "NoOutput",
            Self::Sim(_) => "Sim",
            Self::Speech(_) => "Speech",
            Self::HandIn { .. } => "HandIn",
            Self::Deadline { .. } => "Deadline",
        }
    }

    pub(crate) fn aws<E: std::error::Error>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |error| {
            let mut detail = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                detail.push_str(": ");
                detail.push_str(&cause.to_string());
                source = cause.source();
            }
            Self::Aws { action, detail }
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// A local run's result.
pub type Result<T> = std::result::Result<T, LocalError>;
