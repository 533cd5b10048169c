//! Untrusted addresses, redirects, and where a source's headers go.

#![allow(clippy::unwrap_used, reason = "test helpers: a panic is the report")]

mod support;

use media::sink::MemorySink;
use media::{
    AddressFault, Class, Container, FetchConfig, FetchError, Fetcher, HlsRequest, MediaSource, fetch_hls,
    fetch_progressive,
};
use support::server::Fault;
use support::{Server, clips, config, fails, fetch};

async fn refused(config: FetchConfig, address: &str) -> FetchError {
    let fetcher = Fetcher::new(config).unwrap();
    let request = HlsRequest::audio_only();
    fetch_hls(&fetcher, &MediaSource::new(address), &request, &MemorySink::new())
        .await
        .unwrap_err()
}

#[track_caller]
fn assert_refused(error: &FetchError, expected: AddressFault) {
    match error {
        FetchError::AddressRefused { fault, .. } => assert_eq!(*fault, expected, "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(error.class(), Class::Terminal);
}

#[tokio::test]
async fn loopback_is_refused_where_it_is_not_allowed() {
    let server = Server::of(clips::muxed()).await;
    assert_refused(
        &refused(FetchConfig::default(), &server.url("index.m3u8")).await,
        AddressFault::Loopback,
    );
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let error = refused(FetchConfig::default(), "https://localhost/index.m3u8").await;
    assert_refused(&error, AddressFault::Loopback);
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused() {
    for (to, expected) in [
        ("https://10.0.0.1/index.m3u8", AddressFault::Private),
        (
            "https://169.254.169.254/latest/meta-data",
            AddressFault::LinkLocal,
        ),
        ("http://[::ffff:169.254.169.254]/", AddressFault::LinkLocal),
        ("http://cdn.example.com/index.m3u8", AddressFault::NotHttps),
    ] {
        let server = Server::of(clips::muxed())
            .await
            .with("a.m3u8", Fault::Redirect(to.to_owned()));
        assert_refused(
            &fails(&server, "a.m3u8", &HlsRequest::audio_only()).await,
            expected,
        );
    }
}

#[tokio::test]
async fn redirects_have_an_end() {
    let server = Server::of(clips::muxed())
        .await
        .with("a.m3u8", Fault::Redirect("a.m3u8".to_owned()));
    let error = fails(&server, "a.m3u8", &HlsRequest::audio_only()).await;
    assert_eq!(error.name(), "MediaTooManyRedirects");
    assert_eq!(server.count("a.m3u8"), config().limits.redirects + 1);
}

#[tokio::test]
async fn relative_addresses_follow_the_redirect() {
    let server = Server::of(clips::movie().parent().unwrap()).await;
    clips::muxed();
    let server = server.with("a.m3u8", Fault::Redirect("/muxed/index.m3u8".to_owned()));
    let fetched = fetch(&server, "a.m3u8", &HlsRequest::audio_video()).await;
    assert_eq!(fetched.report.segments, 3);
}

#[tokio::test]
async fn headers_go_to_the_source_only() {
    let media = Server::of(clips::muxed()).await;
    let front = Server::of(clips::muxed())
        .await
        .with("b.m3u8", Fault::Redirect(media.url("index.m3u8")))
        .with("a.m3u8", Fault::Redirect("b.m3u8".to_owned()));
    let source = MediaSource::new(front.url("a.m3u8")).with_header("X-Kaltura-Ks", "SECRET");
    assert!(!format!("{source:?}").contains("SECRET"));
    let fetcher = Fetcher::new(config()).unwrap();
    fetch_hls(&fetcher, &source, &HlsRequest::audio_video(), &MemorySink::new())
        .await
        .unwrap();
    let with_header = |server: &Server| {
        server
            .seen()
            .iter()
            .filter(|s| s.headers.contains_key("x-kaltura-ks"))
            .count()
    };
    assert_eq!((front.seen().len(), with_header(&front)), (2, 2));
    assert_eq!((media.seen().len(), with_header(&media)), (4, 0));
    assert!(
        media
            .seen()
            .iter()
            .all(|seen| !seen.headers.contains_key("referer"))
    );
}

#[tokio::test]
async fn sound_alone_is_asked_for_at_a_packager() {
    let clip = clips::sound_only();
    let list = std::fs::read(clip.join("index.m3u8")).unwrap();
    let server = Server::of(&clip).await.with("index-a1.m3u8", Fault::Body(list));
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_only()).await;
    assert_eq!(server.count("index-a1.m3u8"), 1);
    assert_eq!(fetched.report.has_video(), Some(false));
}

#[tokio::test]
async fn the_muxed_playlist_serves_where_sound_alone_is_not_had() {
    let server = Server::of(clips::muxed())
        .await
        .with("index-a1.m3u8", Fault::Status(400));
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_only()).await;
    assert_eq!(server.count("index-a1.m3u8"), 1);
    assert_eq!(
        (fetched.report.container, fetched.report.has_video()),
        (Container::Mp4, Some(false))
    );
}

#[tokio::test]
async fn progressive_redirects_are_checked_too() {
    let server = Server::of(clips::movie())
        .await
        .with("a.mp4", Fault::Redirect("https://[fe80::1]/m".to_owned()));
    let fetcher = Fetcher::new(config()).unwrap();
    let source = MediaSource::new(server.url("a.mp4"));
    let error = fetch_progressive(&fetcher, &source, &MemorySink::new())
        .await
        .unwrap_err();
    assert_refused(&error, AddressFault::LinkLocal);
}
