//! What the fetch tests share: media made by ffmpeg, a server of it that misbehaves on demand, and
//! ffmpeg's and ffprobe's view of a file.

#![allow(dead_code, reason = "every test file takes a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test support: a panic is the report"
)]

pub mod clips;
pub mod likeness;
pub mod oracle;
pub mod server;

use std::path::PathBuf;
use std::time::Duration;

use media::sink::MemorySink;
use media::{FetchConfig, FetchError, FetchReport, Fetcher, HlsRequest, MediaSource, fetch_hls};

pub use server::Server;

/// Loopback, three quick tries.
pub fn config() -> FetchConfig {
    let mut config = FetchConfig::loopback();
    config.limits.attempts = 3;
    config.limits.backoff = Duration::from_millis(1);
    config.limits.idle_time = Duration::from_secs(5);
    config
}

/// What a fetch gave: its report and where its object lies.
pub struct Fetched {
    pub report: FetchReport,
    pub path: PathBuf,
    pub parts: Vec<u32>,
    _dir: tempfile::TempDir,
}

/// Fetches `path` of a server with small parts.
pub async fn fetch(server: &Server, path: &str, request: &HlsRequest) -> Fetched {
    fetch_with(config(), server, path, request).await
}

pub async fn fetch_with(config: FetchConfig, server: &Server, path: &str, request: &HlsRequest) -> Fetched {
    let sink = MemorySink::new();
    let fetcher = Fetcher::new(config).unwrap();
    let outcome = fetch_hls(&fetcher, &MediaSource::new(server.url(path)), request, &sink).await;
    let report =
        outcome.unwrap_or_else(|error| panic!("{path}: {error}: {:?}", std::error::Error::source(&error)));
    kept(report, &sink)
}

/// The sink's object as a file that ffprobe can read.
pub fn kept(report: FetchReport, sink: &MemorySink) -> Fetched {
    let dir = tempfile::tempdir().unwrap();
    let path = dir
        .path()
        .join(format!("object.{}", report.container.extension()));
    let object = sink.object().expect("a finished object");
    assert_eq!(
        report.bytes_out,
        object.len() as u64,
        "bytes_out is the object's size"
    );
    std::fs::write(&path, object).unwrap();
    Fetched {
        report,
        path,
        parts: sink.part_order(),
        _dir: dir,
    }
}

/// Fetches `path` of a server and expects an error, with nothing left in the sink.
pub async fn fails(server: &Server, path: &str, request: &HlsRequest) -> FetchError {
    fails_with(config(), server, path, request).await
}

pub async fn fails_with(
    config: FetchConfig,
    server: &Server,
    path: &str,
    request: &HlsRequest,
) -> FetchError {
    let sink = MemorySink::new();
    let fetcher = Fetcher::new(config).unwrap();
    let outcome = fetch_hls(&fetcher, &MediaSource::new(server.url(path)), request, &sink).await;
    let error = outcome
        .map(|report| panic!("{path} was fetched: {report:?}"))
        .unwrap_err();
    assert_eq!(sink.object(), None, "no object after an error");
    assert_eq!(
        (sink.open_parts(), sink.aborts()),
        (0, 1),
        "the upload is aborted"
    );
    error
}

/// The innermost error of a chain of tries.
pub fn last(error: &FetchError) -> &FetchError {
    match error {
        FetchError::Exhausted { source, .. } => last(source),
        other => other,
    }
}
