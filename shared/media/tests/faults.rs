//! Broken, missing and foreign answers: an error with its name, never a shorter file.

mod support;

use std::time::Duration;

use media::{Class, FetchError, HlsRequest};
use support::oracle::stream_hash;
use support::server::Fault;
use support::{Server, clips, config, fails, fails_with, fetch, last};

const SEGMENT: &str = "index1.ts";

/// The name of the error that a broken second segment ends the fetch with.
async fn with_segment(fault: Fault) -> FetchError {
    let server = Server::of(clips::muxed()).await.with(SEGMENT, fault);
    fails(&server, "index.m3u8", &HlsRequest::audio_video()).await
}

#[track_caller]
fn assert_exhausted(error: &FetchError, name: &str) {
    assert!(
        matches!(error, FetchError::Exhausted { attempts: 3, .. }),
        "{error:?}"
    );
    assert_eq!(
        (error.name(), error.class()),
        (name, Class::Retryable),
        "{error:?}"
    );
}

#[tokio::test]
async fn segment_404() {
    let error = with_segment(Fault::Status(404)).await;
    assert_exhausted(&error, "MediaStatus");
    assert!(
        last(&error).to_string().ends_with("index1.ts answered HTTP 404"),
        "{error:?}"
    );
}

#[tokio::test]
async fn segment_forbidden_is_not_repeated() {
    let server = Server::of(clips::muxed()).await.with(SEGMENT, Fault::Status(403));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(error.name(), "MediaStatus");
    assert_eq!(server.count(SEGMENT), 1);
}

#[tokio::test]
async fn segment_reset() {
    assert_exhausted(&with_segment(Fault::Reset(0)).await, "MediaTransport");
}

#[tokio::test]
async fn segment_truncated_upstream() {
    let error = with_segment(Fault::CutShort(50)).await;
    assert!(
        ["MediaTruncated", "MediaDamaged"].contains(&error.name()),
        "{error:?}"
    );
}

#[tokio::test]
async fn last_segment_truncated_upstream() {
    let server = Server::of(clips::muxed())
        .await
        .with("index2.ts", Fault::CutShort(30));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert!(
        ["MediaTruncated", "MediaDamaged"].contains(&error.name()),
        "{error:?}"
    );
}

#[tokio::test]
async fn segment_of_another_playlist() {
    let foreign = std::fs::read(clips::muxed().join("index0.ts")).unwrap();
    let error = with_segment(Fault::Body(foreign)).await;
    assert_eq!(error.name(), "MediaDamaged", "{error:?}");
}

#[tokio::test]
async fn segment_html() {
    assert_exhausted(&with_segment(Fault::Html).await, "MediaNotMedia");
}

#[tokio::test]
async fn segment_zero_bytes() {
    assert_exhausted(&with_segment(Fault::Empty(vec![])).await, "MediaEmpty");
}

#[tokio::test]
async fn segment_endless() {
    let server = Server::of(clips::muxed()).await.with(SEGMENT, Fault::Endless);
    let mut config = config();
    config.limits.segment_bytes = 4 << 20;
    let error = fails_with(config, &server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(
        (error.name(), error.class()),
        ("MediaSegmentTooLarge", Class::Terminal)
    );
}

#[tokio::test]
async fn segment_silent() {
    let server = Server::of(clips::muxed()).await.with(SEGMENT, Fault::Silent);
    let mut config = config();
    config.limits.idle_time = Duration::from_millis(100);
    let error = fails_with(config, &server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_exhausted(&error, "MediaStalled");
}

#[tokio::test]
async fn segment_sync_lost() {
    let error = with_segment(Fault::Flipped(188 * 40)).await;
    assert_eq!(error.name(), "MediaDamaged", "{error:?}");
}

#[tokio::test]
async fn segment_counter_broken() {
    // The continuity counter of the 41st packet.
    let error = with_segment(Fault::Flipped(188 * 40 + 3)).await;
    assert_eq!(error.name(), "MediaDamaged", "{error:?}");
}

#[tokio::test]
async fn a_reset_segment_goes_on_where_it_broke() {
    let server = Server::of(clips::muxed())
        .await
        .with_times(SEGMENT, Fault::Reset(60), 1);
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!((fetched.report.retries, server.count(SEGMENT)), (1, 2));
    let again = server
        .seen()
        .into_iter()
        .rfind(|seen| seen.path == SEGMENT)
        .unwrap();
    let range = again.headers["range"].to_str().unwrap().to_owned();
    assert!(range.starts_with("bytes=") && range != "bytes=0-", "{range}");
    let whole = fetch(
        &Server::of(clips::muxed()).await,
        "index.m3u8",
        &HlsRequest::audio_video(),
    )
    .await;
    assert_eq!(
        stream_hash(&fetched.path, "v", true),
        stream_hash(&whole.path, "v", true)
    );
}

#[tokio::test]
async fn a_server_without_ranges_is_read_past_what_is_there() {
    let clip = clips::encrypted();
    let server = Server::of(&clip).await.with_times(SEGMENT, Fault::Reset(60), 1);
    let first = fetch(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    let server = Server::of(clips::byte_ranges())
        .await
        .with("index.ts", Fault::IgnoresRange);
    let second = fetch(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(
        stream_hash(&first.path, "v", true),
        stream_hash(&second.path, "v", true)
    );
}

#[tokio::test]
async fn faults_that_pass_are_only_counted() {
    let server = Server::of(clips::muxed())
        .await
        .with_times("index.m3u8", Fault::Status(503), 1)
        .with_times("index0.ts", Fault::Status(404), 2)
        .with_times("index2.ts", Fault::Html, 1);
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(fetched.report.retries, 4);
}

#[tokio::test]
async fn empty_manifest() {
    let headers = vec![
        ("x-kaltura", "error-6"),
        ("x-kaltura-app", "exiting on error 6 - FLAVOR_NOT_FOUND"),
        ("content-type", "text/html"),
    ];
    let server = Server::of(clips::muxed())
        .await
        .with("index.m3u8", Fault::Empty(headers));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(
        (error.name(), error.class()),
        ("MediaManifestEmpty", Class::Terminal)
    );
    assert_eq!(error.customer_text(), "The entry's flavor was not found.");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(61)));
    assert!(
        error
            .to_string()
            .contains("error-6 (exiting on error 6 - FLAVOR_NOT_FOUND)"),
        "{error}"
    );
    assert_eq!(
        server.count("index.m3u8"),
        1,
        "a cached refusal is not asked for again"
    );
}

#[tokio::test]
async fn empty_manifest_for_a_dead_session() {
    let server = Server::of(clips::muxed())
        .await
        .with("index.m3u8", Fault::Empty(vec![("x-kaltura", "error-31")]));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(
        (error.class(), error.is_session_fault()),
        (Class::Retryable, true)
    );
}

#[tokio::test]
async fn manifest_html() {
    let server = Server::of(clips::muxed()).await.with("index.m3u8", Fault::Html);
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_exhausted(&error, "MediaPlaylistInvalid");
}

#[tokio::test]
async fn manifest_live() {
    let list = std::fs::read_to_string(clips::muxed().join("index.m3u8")).unwrap();
    let live = list
        .replace("#EXT-X-ENDLIST", "")
        .replace("#EXT-X-PLAYLIST-TYPE:VOD", "");
    let server = Server::of(clips::muxed())
        .await
        .with("index.m3u8", Fault::Body(live.into_bytes()));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(
        (error.name(), error.class()),
        ("MediaPlaylistLive", Class::Terminal)
    );
}

#[tokio::test]
async fn manifest_too_large() {
    let server = Server::of(clips::muxed())
        .await
        .with("index.m3u8", Fault::Endless);
    let mut config = config();
    config.limits.playlist_bytes = 1 << 20;
    let error = fails_with(config, &server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(error.name(), "MediaPlaylistTooLarge");
}

#[tokio::test]
async fn media_too_large() {
    let server = Server::of(clips::muxed()).await;
    let mut config = config();
    config.limits.total_bytes = 100_000;
    let error = fails_with(config, &server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!((error.name(), error.class()), ("MediaTooLarge", Class::Terminal));
}

#[tokio::test]
async fn too_many_frames() {
    let server = Server::of(clips::muxed()).await;
    let mut config = config();
    config.limits.frames = 100;
    let error = fails_with(config, &server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(error.name(), "MediaTooManyFrames");
}

#[tokio::test]
async fn out_of_time() {
    let server = Server::of(clips::muxed()).await.with(SEGMENT, Fault::Silent);
    let mut config = config();
    config.limits.total_time = Duration::from_millis(300);
    let error = fails_with(config, &server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(
        (error.name(), error.class()),
        ("MediaOutOfTime", Class::Retryable)
    );
}

#[tokio::test]
async fn playlist_that_announces_more_than_there_is() {
    let list = std::fs::read_to_string(clips::muxed().join("index.m3u8")).unwrap();
    let longer = list.replace("#EXTINF:4.000000", "#EXTINF:6.000000");
    assert_ne!(list, longer);
    let server = Server::of(clips::muxed())
        .await
        .with("index.m3u8", Fault::Body(longer.into_bytes()));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(error.name(), "MediaTruncated", "{error:?}");
}

#[tokio::test]
async fn no_sound() {
    let server = Server::of(clips::no_sound()).await;
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_only()).await;
    assert_eq!((error.name(), error.class()), ("MediaNoSound", Class::Terminal));
    assert_eq!(error.customer_text(), "The media has no sound.");
}

#[tokio::test]
async fn codec_not_taken() {
    let server = Server::of(clips::mpeg2()).await;
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(
        (error.name(), error.class()),
        ("MediaUnsupported", Class::Terminal)
    );
}

#[tokio::test]
async fn key_of_the_wrong_length() {
    let server = Server::of(clips::encrypted())
        .await
        .with("encryption.key", Fault::Body(vec![7; 15]));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_exhausted(&error, "MediaKey");
}

#[tokio::test]
async fn key_of_other_media() {
    let server = Server::of(clips::encrypted())
        .await
        .with("encryption.key", Fault::Body(vec![8; 16]));
    let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert!(["MediaKey", "MediaNotMedia"].contains(&error.name()), "{error:?}");
}

#[tokio::test]
async fn a_playlist_shorter_than_its_entry_is_told_before_a_segment_is_fetched() {
    for clip in [clips::muxed(), clips::fragmented()] {
        let server = Server::of(&clip).await;
        let fetcher = media::Fetcher::new(config()).unwrap();
        let sink = media::sink::MemorySink::new();
        let source = media::MediaSource::new(server.url("index.m3u8")).lasting_ms(60_000);
        let outcome = media::fetch_hls(&fetcher, &source, &HlsRequest::audio_video(), &sink).await;
        let error = outcome.unwrap_err();
        assert!(
            matches!(
                error,
                FetchError::ShorterThanEntry {
                    entry_ms: 60_000,
                    actual_ms: 11_900..12_100,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(server.seen().len(), 1, "the playlist alone");
        assert_eq!(sink.object(), None);
    }
}

#[tokio::test]
async fn a_sink_that_fails_ends_the_fetch() {
    use media::sink::{PartSink, SinkError};

    #[derive(Default)]
    struct Broken(std::sync::atomic::AtomicU32);

    #[async_trait::async_trait]
    impl PartSink for Broken {
        async fn put_part(&self, _: u32, _: bytes::Bytes) -> Result<(), SinkError> {
            Err(SinkError::retryable("503 from the store"))
        }
        async fn finish(&self, _: u32) -> Result<(), SinkError> {
            panic!("nothing to finish")
        }
        async fn put_whole(&self, _: bytes::Bytes) -> Result<(), SinkError> {
            Err(SinkError::retryable("503 from the store"))
        }
        async fn abort(&self) -> Result<(), SinkError> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        }
    }

    let server = Server::of(clips::muxed()).await;
    let fetcher = media::Fetcher::new(config()).unwrap();
    let sink = Broken::default();
    let source = media::MediaSource::new(server.url("index.m3u8"));
    let error = media::fetch_hls(&fetcher, &source, &HlsRequest::audio_video(), &sink)
        .await
        .unwrap_err();
    assert_eq!((error.name(), error.class()), ("MediaSink", Class::Retryable));
    assert_eq!(sink.0.into_inner(), 1, "aborted once");
}
