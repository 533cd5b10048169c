//! Files as HTTP answers, whole or in ranges.

use crate::serve::header_value;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// A file, or the range of it that the headers ask for.
pub(crate) async fn file_response(
    path: &Path,
    headers: Option<&HeaderMap>,
    content_type: &'static str,
) -> Response {
    let Ok(mut file) = tokio::fs::File::open(path).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(length) = file.metadata().await.map(|metadata| metadata.len()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let range = headers
        .and_then(|headers| headers.get(header::RANGE))
        .and_then(|value| value.to_str().ok());
    let range = match range.map(|range| parse_range(range, length)) {
        None | Some(Range::Ignored) => None,
        Some(Range::Bytes(start, end)) => Some((start, end)),
        Some(Range::Unsatisfiable) => {
            let value = format!("bytes */{length}");
            return (
                StatusCode::RANGE_NOT_SATISFIABLE,
                [(header::CONTENT_RANGE, value)],
            )
                .into_response();
        }
    };
    let (start, end) = range.unwrap_or((0, length));
    if file.seek(std::io::SeekFrom::Start(start)).await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let chunks = futures::stream::try_unfold((file, end - start), |(mut file, left)| async move {
        let size = usize::try_from(left.min(1 << 16)).unwrap_or(1 << 16);
        if size == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut buffer = vec![0; size];
        file.read_exact(&mut buffer).await?;
        Ok(Some((Bytes::from(buffer), (file, left - size as u64))))
    });
    let mut response = Response::new(Body::from_stream(chunks.boxed()));
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if range.is_some()
        && let Some(value) = header_value(&format!("bytes {start}-{}/{length}", end.saturating_sub(1)))
    {
        answer.insert(header::CONTENT_RANGE, value);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// What a `Range` header comes to.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// From and to (exclusive).
    Bytes(u64, u64),
    Unsatisfiable,
    /// Not understood, or several ranges: the whole file is answered.
    Ignored,
}

fn parse_range(header: &str, length: u64) -> Range {
    let parsed = header
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((first, last)) = parsed else {
        return Range::Ignored;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), _) if first >= length => Range::Unsatisfiable,
        (Ok(first), Ok(last)) if last >= first => Range::Bytes(first, (last + 1).min(length)),
        (Ok(first), Err(_)) if last.is_empty() => Range::Bytes(first, length),
        (Err(_), Ok(0)) if first.is_empty() => Range::Unsatisfiable,
        (Err(_), Ok(count)) if first.is_empty() => Range::Bytes(length.saturating_sub(count), length),
        _ => Range::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-99", 1_000), Range::Bytes(0, 100));
        assert_eq!(parse_range("bytes=900-", 1_000), Range::Bytes(900, 1_000));
        assert_eq!(parse_range("bytes=-10", 1_000), Range::Bytes(990, 1_000));
        assert_eq!(parse_range("bytes=0-5000", 1_000), Range::Bytes(0, 1_000));
        assert_eq!(parse_range("bytes=1000-", 1_000), Range::Unsatisfiable);
        assert_eq!(parse_range("bytes=0-1,5-6", 1_000), Range::Ignored);
    }
}
