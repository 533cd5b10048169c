//! Progressive files: one address, streamed into parts as it is.

use crate::error::FetchError;
use crate::{FetchReport, Fetcher, MediaSource, PartSink};

/// Fetches one file and writes it unchanged into `sink`.
///
/// The file's length must be the one the server announced, and an MP4's boxes must be whole. Safe to
/// repeat: a fetch starts from nothing, and on error the sink is aborted.
pub async fn fetch_progressive(
    fetcher: &Fetcher,
    source: &MediaSource,
    sink: &dyn PartSink,
) -> Result<FetchReport, FetchError> {
    let _ = (fetcher, source, sink);
    Err(FetchError::Unsupported {
        at: String::new(),
        what: "progressive".into(),
    })
}
