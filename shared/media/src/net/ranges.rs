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

/// A file that comes in ranges, and where redirects to it led.
#[derive(Debug)]
pub(crate) struct RangedFile {
    pub(crate) file: WholeFile,
    url: Url,
}

/// The downloads that make up the source's file from byte `from` on, in order: ranges of it where `ranged` says so, or the
/// whole at once, from its beginning.
pub(crate) fn file_wants(
    session: &Session,
    ranged: Option<&RangedFile>,
    from: u64,
) -> Box<dyn Iterator<Item = Want> + Send> {
    let limit = session.limits().total_bytes;
    let at_once = Want {
        url: session.origin().clone(),
        span: None,
        whole: None,
        opaque: false,
        limit,
    };
    let Some(RangedFile { file, url }) = ranged else {
        return Box::new(std::iter::once(at_once));
    };
    let (file, url) = (file.clone(), url.clone());
    let range_bytes = range_bytes(session, &file);
    let left = file.bytes.saturating_sub(from);
    let wants = (0..left.div_ceil(range_bytes)).map(move |number| {
        let first = from + number * range_bytes;
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
    Box::new(wants)
}

fn range_bytes(session: &Session, file: &WholeFile) -> u64 {
    let width = session.config().window_segments.max(1) as u64;
    file.bytes
        .div_ceil(width)
        .clamp(LEAST_RANGE_BYTES, MOST_RANGE_BYTES)
}

/// The file as the answer to a request for its first byte tells it; `None` where the server gives no ranges, doesn't tell the
/// length, or fails at being asked: the download will meet that too, and has its retries.
pub(crate) async fn look_at_file(session: &Session) -> Option<RangedFile> {
    let (mut response, found_at) = session.open(session.origin(), Some((0, Some(0)))).await.ok()?;
    let (first, whole) = content_range(&response)?;
    let file = WholeFile {
        bytes: whole.filter(|_| first == 0)?,
        etag: etag(&response),
    };
    // Read, so that the connection can be used again.
    session.chunk(&mut response).await.ok()?;
    // A small file is no better off in ranges, and one beyond the limit is left to the one download that says so.
    let in_ranges = file.bytes > range_bytes(session, &file) && file.bytes <= session.limits().total_bytes;
    in_ranges.then_some(RangedFile { file, url: found_at })
}
