//! Progressive files: byte for byte, or an error.

#![allow(clippy::unwrap_used, reason = "test helpers: a panic is the report")]

mod support;

use media::sink::MemorySink;
use media::{
    Class, Container, FetchConfig, FetchError, FetchReport, Fetcher, MediaSource, TrackKind,
    fetch_progressive,
};
use support::server::Fault;
use support::{Server, clips, config};

async fn progressive(
    config: FetchConfig,
    server: &Server,
    path: &str,
) -> (Result<FetchReport, FetchError>, MemorySink) {
    let sink = MemorySink::new();
    let fetcher = Fetcher::new(config).unwrap();
    let outcome = fetch_progressive(&fetcher, &MediaSource::new(server.url(path)), &sink).await;
    if outcome.is_err() {
        assert_eq!((sink.object(), sink.open_parts(), sink.aborts()), (None, 0, 1));
    }
    (outcome, sink)
}

#[tokio::test]
async fn a_file_shorter_than_its_entry_is_an_error() {
    let server = Server::of(clips::movie()).await;
    let fetcher = Fetcher::new(config()).unwrap();
    let lasting = |ms: u64| MediaSource::new(server.url("movie.mp4")).lasting_ms(ms);
    let sink = MemorySink::new();
    // Two seconds and a hundredth are let pass.
    let error = fetch_progressive(&fetcher, &lasting(14_500), &sink)
        .await
        .unwrap_err();
    assert_eq!(
        (error.name(), error.class()),
        ("MediaShorterThanEntry", Class::Retryable),
        "{error}"
    );
    assert_eq!((sink.object(), sink.open_parts(), sink.aborts()), (None, 0, 1));
    for ms in [14_000, 3_000] {
        fetch_progressive(&fetcher, &lasting(ms), &MemorySink::new())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_file_comes_byte_for_byte_wherever_its_index_is() {
    for name in ["movie.mp4", "index-behind.mp4"] {
        let server = Server::of(clips::movie()).await;
        let (outcome, sink) = progressive(config(), &server, name).await;
        let report = outcome.unwrap();
        let file = std::fs::read(clips::movie().join(name)).unwrap();
        assert!(sink.object().unwrap() == file, "{name}");
        assert_eq!(
            (report.container, report.bytes_out),
            (Container::Mp4, file.len() as u64)
        );
        let kinds: Vec<_> = report.tracks.iter().map(|t| (t.kind, t.codec.as_str())).collect();
        assert_eq!(
            kinds,
            [(TrackKind::Video, "avc1"), (TrackKind::Audio, "mp4a")],
            "{name}"
        );
        assert!(
            report.duration_ms.unwrap().abs_diff(clips::CLIP_S * 1000) < 100,
            "{report:?}"
        );
    }
}

#[tokio::test]
async fn a_large_file_goes_up_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let size: usize = 27 << 20;
    let head = u32::try_from(size).unwrap().to_be_bytes();
    let movie = std::fs::read(clips::movie().join("movie.mp4")).unwrap();
    let filler = [&movie[..], &head, b"free", &vec![9; size - 8]].concat();
    std::fs::write(dir.path().join("large.mp4"), &filler).unwrap();
    let server = Server::of(dir.path()).await;
    let (outcome, sink) = progressive(config(), &server, "large.mp4").await;
    assert_eq!(outcome.unwrap().bytes_in, filler.len() as u64);
    assert!(sink.object().unwrap() == filler);
    let mut order = sink.part_order();
    order.sort_unstable();
    assert_eq!(order, [1, 2, 3, 4, 5, 6]);
    // A look at it, and as many ranges as come at once.
    assert_eq!(server.count("large.mp4"), 1 + config().window_segments);
}

#[tokio::test]
async fn a_server_without_ranges_gives_the_file_at_once() {
    let server = Server::of(clips::movie())
        .await
        .with("movie.mp4", Fault::IgnoresRange);
    let (outcome, sink) = progressive(config(), &server, "movie.mp4").await;
    assert_eq!(outcome.unwrap().retries, 0);
    assert!(sink.object().unwrap() == std::fs::read(clips::movie().join("movie.mp4")).unwrap());
    assert_eq!(server.count("movie.mp4"), 2);
}

#[tokio::test]
async fn ranges_of_a_file_that_changed_are_not_put_together() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file.bin"), vec![9; 3 << 20]).unwrap();
    let server = Server::of(dir.path())
        .await
        .with_times("file.bin", Fault::CutShort(60), 1);
    let error = progressive(config(), &server, "file.bin").await.0.unwrap_err();
    assert_eq!(
        (error.name(), error.class()),
        ("MediaChanged", Class::Retryable),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_reset_file_goes_on_where_it_broke() {
    let server = Server::of(clips::movie())
        .await
        // Once where the file is looked at, which is not repeated.
        .with_times("movie.mp4", Fault::Reset(70), 3);
    let (outcome, sink) = progressive(config(), &server, "movie.mp4").await;
    assert_eq!(outcome.unwrap().retries, 2);
    assert!(sink.object().unwrap() == std::fs::read(clips::movie().join("movie.mp4")).unwrap());
}

#[tokio::test]
async fn a_redirect_is_followed() {
    let server = Server::of(clips::movie())
        .await
        .with("a.mp4", Fault::Redirect("movie.mp4".to_owned()));
    assert!(progressive(config(), &server, "a.mp4").await.0.is_ok());
}

#[tokio::test]
async fn broken_files_are_errors() {
    let refused = Fault::Empty(vec![("x-kaltura", "error-1"), ("content-type", "text/html")]);
    for (fault, name, class) in [
        (Fault::Status(404), "MediaStatus", Class::Retryable),
        (Fault::Html, "MediaNotMedia", Class::Retryable),
        (Fault::Empty(vec![]), "MediaEmpty", Class::Retryable),
        (refused, "MediaManifestEmpty", Class::Terminal),
        (Fault::CutShort(60), "MediaTruncated", Class::Retryable),
        (Fault::Reset(0), "MediaTransport", Class::Retryable),
    ] {
        let server = Server::of(clips::movie()).await.with("movie.mp4", fault.clone());
        let error = progressive(config(), &server, "movie.mp4").await.0.unwrap_err();
        assert_eq!(
            (error.name(), error.class()),
            (name, class),
            "{fault:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_endless_file_meets_its_limit() {
    let server = Server::of(clips::movie()).await.with("movie.mp4", Fault::Endless);
    let mut config = config();
    config.limits.total_bytes = 30 << 20;
    let error = progressive(config, &server, "movie.mp4").await.0.unwrap_err();
    assert_eq!(error.class(), Class::Terminal, "{error:?}");
}
