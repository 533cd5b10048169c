//! The server of the media benchmark: a folder over HTTP/1.1 on loopback, as slow as it is told to be.
//!
//! Each answer begins after a wait (`--first-byte-ms`), and its body keeps to a rate (`--connection-bytes-per-s`). One
//! connection carries one answer at a time, so that the rate is the connection's. Ranges are served. The first line printed
//! is the address.

use std::io::SeekFrom;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use clap::Parser;
use futures::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes read at a time where a rate is kept: 13 ms of 20 Mbit/s.
const PACED_CHUNK_BYTES: usize = 32 << 10;
/// Bytes read at a time where none is.
const FREE_CHUNK_BYTES: usize = 256 << 10;

#[derive(Debug, Parser)]
struct Options {
    /// The folder that is served.
    #[arg(long)]
    root: PathBuf,
    /// Milliseconds before each answer.
    #[arg(long, default_value_t = 0)]
    first_byte_ms: u64,
    /// Bytes a second of each connection; 0 for as fast as it goes.
    #[arg(long, default_value_t = 0)]
    connection_bytes_per_s: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Arc::new(Options::parse());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let app = Router::new().fallback(serve).with_state(options);
    axum::serve(listener, app).await
}

async fn serve(State(options): State<Arc<Options>>, request: Request) -> Response {
    sleep(Duration::from_millis(options.first_byte_ms)).await;
    let relative = Path::new(request.uri().path().trim_start_matches('/'));
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return StatusCode::BAD_REQUEST.into_response();
    }
    match answer(&options, &options.root.join(relative), request.headers()).await {
        Ok(response) => response,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn answer(options: &Options, path: &Path, headers: &HeaderMap) -> std::io::Result<Response> {
    let mut file = File::open(path).await?;
    let size_bytes = file.metadata().await?.len();
    let asked = headers
        .get(header::RANGE)
        .and_then(|value| span(value.to_str().ok()?, size_bytes));
    let (first, end) = asked.unwrap_or((0, size_bytes));
    file.seek(SeekFrom::Start(first)).await?;
    let body = Body::from_stream(paced(file, end - first, options.connection_bytes_per_s));
    let mut response = Response::builder()
        .header(header::CONTENT_LENGTH, end - first)
        .header(header::CONTENT_TYPE, content_type(path))
        .header(header::ACCEPT_RANGES, "bytes");
    if asked.is_some() {
        response = response.status(StatusCode::PARTIAL_CONTENT).header(
            header::CONTENT_RANGE,
            format!("bytes {first}-{}/{size_bytes}", end.saturating_sub(1)),
        );
    }
    response.body(body).map_err(std::io::Error::other)
}

/// First byte and end of a `Range` of one span that lies inside the file.
fn span(range: &str, size_bytes: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first: u64 = first.parse().ok()?;
    let end = match last {
        "" => size_bytes,
        last => last.parse::<u64>().ok()?.saturating_add(1).min(size_bytes),
    };
    (first < end).then_some((first, end))
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("m3u8") => "application/vnd.apple.mpegurl",
        Some("ts") => "video/mp2t",
        Some("mp4") => "video/mp4",
        _ => "application/octet-stream",
    }
}

/// `left` bytes of a file at a rate of `bytes_per_s`, where it isn't 0.
fn paced(file: File, left: u64, bytes_per_s: u64) -> impl stream::Stream<Item = std::io::Result<Bytes>> {
    let begun = Instant::now();
    stream::try_unfold((file, left, 0_u64), move |(mut file, left, sent)| async move {
        if left == 0 {
            return Ok(None);
        }
        if let Some(due_ms) = (sent * 1_000).checked_div(bytes_per_s) {
            sleep_until(begun + Duration::from_millis(due_ms)).await;
        }
        let most = if bytes_per_s == 0 {
            FREE_CHUNK_BYTES
        } else {
            PACED_CHUNK_BYTES
        };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        let mut chunk = BytesMut::with_capacity(most);
        let read = (&mut file).take(most as u64).read_buf(&mut chunk).await? as u64;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((chunk.freeze(), (file, left - read, sent + read))))
    })
}
