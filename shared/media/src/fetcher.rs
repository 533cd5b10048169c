//! The HTTP side: one guarded client, its redirects, retries and limits.

use crate::config::FetchConfig;
use crate::error::FetchError;

/// Fetches over a guarded HTTP client. Make one a process: it keeps connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    config: FetchConfig,
}

impl Fetcher {
    /// A fetcher with its own connection pool.
    pub fn new(config: FetchConfig) -> Result<Self, FetchError> {
        Ok(Self { config })
    }
}
