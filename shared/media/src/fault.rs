//! Faults of bytes, told by the pure readers, which don't know where the bytes came from.

use crate::error::FetchError;

/// What is wrong with media bytes. [`at`](Fault::at) adds the place and makes it the crate's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The structure is broken.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The bytes end inside a structure.
    #[error("truncated: {0}")]
    Truncated(String),
    /// Another kind of file.
    #[error("not media: {0}")]
    NotMedia(String),
    /// A codec or feature that is not handled.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// Encrypted in a way that needs a licence.
    #[error("protected by {0}")]
    Protected(&'static str),
    /// Sound was wanted and there is none.
    #[error("no sound")]
    NoSound,
    /// More frames than the limit.
    #[error("more than {0} frames")]
    TooManyFrames(usize),
}

impl Fault {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    pub(crate) fn truncated(what: impl Into<String>) -> Self {
        Self::Truncated(what.into())
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    /// The crate's error for this fault in the bytes from `at`, a redacted address.
    pub(crate) fn at(self, at: &str) -> FetchError {
        let at = at.to_owned();
        match self {
            Self::Damaged(what) => FetchError::Damaged { at, what },
            Self::Truncated(what) => FetchError::Truncated { at, what },
            Self::NotMedia(what) => FetchError::NotMedia { at, what },
            Self::Unsupported(what) => FetchError::Unsupported { at, what },
            Self::Protected(method) => FetchError::Protected {
                at,
                method: method.to_owned(),
            },
            Self::NoSound => FetchError::NoSound { at },
            Self::TooManyFrames(limit) => FetchError::TooManyFrames { at, limit },
        }
    }
}
