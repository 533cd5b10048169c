//! HLS: from a manifest to one MP4 in the sink.

use crate::error::FetchError;
use crate::{FetchReport, Fetcher, HlsRequest, MediaSource, PartSink};

/// Fetches an HLS source and writes it as one MP4 into `sink`.
///
/// `manifest` may be a master playlist (Kaltura: the playManifest URL, one flavor in it) or a media
/// playlist. Of a master's variants the one with the highest bandwidth is taken. Safe to repeat: a fetch
/// starts from nothing, and on error the sink is aborted.
pub async fn fetch_hls(
    fetcher: &Fetcher,
    manifest: &MediaSource,
    request: &HlsRequest,
    sink: &dyn PartSink,
) -> Result<FetchReport, FetchError> {
    let _ = (fetcher, manifest, request, sink);
    Err(FetchError::Unsupported {
        at: String::new(),
        what: "hls".into(),
    })
}
