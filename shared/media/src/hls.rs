//! HLS: from a manifest to one MP4 in the sink.

mod fragments;
mod source;
mod transport;

use std::sync::Arc;

use crate::error::FetchError;
use crate::net::Session;
use crate::sink::PartSink;
use crate::{FetchReport, Fetcher, HlsRequest, MediaSource};
use source::Plan;

/// Fetches an HLS source and writes it as one MP4 into `sink`.
///
/// `manifest` may be a master playlist (Kaltura: the playManifest URL, one flavor in it) or a media
/// playlist. Of a master's variants the one with the highest bandwidth is taken. Transport-stream
/// segments (H.264 and AAC) become plain MP4 with the index in front; fragmented MP4 stays as it is. What
/// neither can carry is [`FetchError::Unsupported`]: other codecs in transport streams, packed sound, and
/// in fragmented MP4 encryption, discontinuities, or picture and sound apart. Safe to repeat: a fetch
/// starts from nothing, and on error the sink is aborted.
pub async fn fetch_hls(
    fetcher: &Fetcher,
    manifest: &MediaSource,
    request: &HlsRequest,
    sink: &dyn PartSink,
) -> Result<FetchReport, FetchError> {
    let limit = fetcher.config().limits.total_time;
    let work = async {
        let session = Arc::new(Session::new(fetcher, manifest)?);
        let plan = source::resolve(&session, request).await?;
        run(&session, &plan, sink).await
    };
    or_abort(sink, limit, work).await
}

async fn run(session: &Arc<Session>, plan: &Plan, sink: &dyn PartSink) -> Result<FetchReport, FetchError> {
    if plan.is_fragmented() {
        fragments::run(session, plan, sink).await
    } else {
        transport::run(session, plan, sink).await
    }
}

/// Runs a fetch within its time, and aborts the sink where it fails.
pub(crate) async fn or_abort<T>(
    sink: &dyn PartSink,
    limit: std::time::Duration,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    let outcome = tokio::time::timeout(limit, work).await;
    let outcome = outcome.unwrap_or(Err(FetchError::OutOfTime { limit }));
    if outcome.is_err()
        && let Err(error) = sink.abort().await
    {
        // The fetch's own error is the one to tell; what is left is the store's backstop's.
        tracing::warn!(error = %error, "sink not aborted");
    }
    outcome
}

/// Compares the media's length with what was announced.
fn check_duration(
    actual_ms: u64,
    expected_ms: u64,
    tolerance_ms: u64,
    by: &'static str,
) -> Result<(), FetchError> {
    if actual_ms.abs_diff(expected_ms) <= tolerance_ms {
        return Ok(());
    }
    Err(FetchError::DurationMismatch {
        expected_ms,
        actual_ms,
        by,
    })
}
