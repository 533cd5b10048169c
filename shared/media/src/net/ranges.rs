//! One file as ranges that come side by side, where its server gives ranges.
//!
//! Servers cap the rate of a connection, not of a reader: thirty ranges at once come thirty times as fast.

use url::Url;

use super::download::{ByteSpan, Want, WholeFile};
use super::fetcher::{Session, content_range, etag};

/// Smallest range, in bytes. Below it, the wait for the first byte would outweigh what is won.
const LEAST_RANGE_BYTES: u64 = 512 << 10;
/// Largest range, in bytes. A few times a download's share of the buffer, which the connection's own buffers make up for; more,
/// and those behind the first would stand still before they are through.
const MOST_RANGE_BYTES: u64 = 2 << 20;

/// The downloads that make up the source's file, in order: ranges of it, or the whole at once where the server gives no
/// ranges, doesn't tell the length, or fails at being asked.
pub(crate) async fn file_wants(session: &Session) -> Box<dyn Iterator<Item = Want> + Send> {
    let limit = session.limits().total_bytes;
    let at_once = Want {
        url: session.origin().clone(),
        span: None,
        whole: None,
        opaque: false,
        limit,
    };
    let Some((file, url)) = looked_at(session).await else {
        return Box::new(std::iter::once(at_once));
    };
    let width = session.config().window_segments.max(1) as u64;
    let range_bytes = file
        .bytes
        .div_ceil(width)
        .clamp(LEAST_RANGE_BYTES, MOST_RANGE_BYTES);
    // A file beyond the limit is left to the one download that says so.
    if file.bytes <= range_bytes || file.bytes > limit {
        return Box::new(std::iter::once(at_once));
    }
    let ranges = (0..file.bytes.div_ceil(range_bytes)).map(move |number| {
        let first = number * range_bytes;
        Want {
            url: url.clone(),
            span: Some(ByteSpan {
                first,
                bytes: range_bytes.min(file.bytes - first),
            }),
            whole: Some(file.clone()),
            opaque: first > 0,
            limit,
        }
    });
    Box::new(ranges)
}

/// The file as the answer to a request for its first byte tells it, and where redirects led to. A failure is not told:
/// the download will meet it too, and has its retries.
async fn looked_at(session: &Session) -> Option<(WholeFile, Url)> {
    let (mut response, found_at) = session.open(session.origin(), Some((0, Some(0)))).await.ok()?;
    let (first, whole) = content_range(&response)?;
    let file = WholeFile {
        bytes: whole.filter(|_| first == 0)?,
        etag: etag(&response),
    };
    // Read, so that the connection can be used again.
    session.chunk(&mut response).await.ok()?;
    Some((file, found_at))
}
