//! What can go wrong. All of it ends the run; nothing is worth a second try.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or program could not be used.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A source file is not Rust.
    #[error("{path} is not read as Rust: {source}")]
    Syntax {
        /// Which one.
        path: PathBuf,
        /// Where and why.
        source: syn::Error,
    },
    /// What a former run kept is not read.
    #[error("{path} is not what a run keeps: {source}; run without --again first")]
    Outcomes {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The code does not compile, and no mutant is to blame.
    #[error("the code does not compile: {0}")]
    Build(String),
    /// A test fails although no mutant is on.
    #[error("{0} fails as it is")]
    Fails(String),
}

impl Error {
    /// An error of a file or program, for `map_err`.
    pub fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// What anything here answers.
pub type Result<T> = std::result::Result<T, Error>;
