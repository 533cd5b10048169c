//! What goes wrong outside the API itself. API errors are answers, see `answer`.

use std::path::PathBuf;

/// Why the stand-in couldn't start or take a request of its control plane. None is worth a retry as it stands:
/// each names what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The listening address is taken or not allowed.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The working folder can't be made or written.
    #[error("can't use {}: {source}", path.display())]
    File {
        /// The path that failed.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The embedded API contract can't be read: a fault of this crate.
    #[error("the api contract can't be read: {0}")]
    Contract(#[from] serde_json::Error),
    /// The HTTP client for imports can't be built.
    #[error("the http client for imports can't be built: {0}")]
    HttpClient(#[source] reqwest::Error),
    /// A field of an order, fault or clock request is out of range.
    #[error("{field} is {got}, expected {expected}")]
    Invalid {
        /// Path of the field, for instance `entry.media`.
        field: String,
        /// What was given.
        got: String,
        /// What is taken.
        expected: &'static str,
    },
    /// No task, entry or fault of that id.
    #[error("no {kind} with id {id}")]
    Unknown {
        /// `task`, `entry` or `fault`.
        kind: &'static str,
        /// The id asked for.
        id: String,
    },
    /// ffmpeg or ffprobe is missing, or couldn't read the media.
    #[error("{tool} failed on {}: {reason}", path.display())]
    Media {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// The media file.
        path: PathBuf,
        /// The tool's last line, or the system's reason.
        reason: String,
    },
}

impl SimError {
    /// A stable name for logs and the control plane's answers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "listen",
            Self::File { .. } => "file",
            Self::Contract(_) => "contract",
            Self::HttpClient(_) => "http_client",
            Self::Invalid { .. } => "invalid",
            Self::Unknown { .. } => "unknown",
            Self::Media { .. } => "media",
        }
    }
}
