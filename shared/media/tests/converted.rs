//! What goes through an ffmpeg child: the same frames, and no way out of its pipes.

#![allow(clippy::unwrap_used, reason = "test helpers: a panic is the report")]

mod support;

use std::path::{Path, PathBuf};

use media::sink::MemorySink;
use media::{
    Class, Container, FetchConfig, FetchError, FetchReport, Fetcher, HlsRequest, MediaSource, fetch_hls,
};
use support::oracle::{stream_hash, streams};
use support::server::Fault;
use support::{Server, clips, config};

/// The ffmpeg of the PATH.
fn ffmpeg() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|dir| dir.join("ffmpeg"))
        .find(|program| program.exists())
        .unwrap_or_else(|| panic!("these tests need ffmpeg on the PATH (Debian: apt-get install ffmpeg)"))
}

async fn through(
    program: &Path,
    server: &Server,
    request: &HlsRequest,
) -> (Result<FetchReport, FetchError>, MemorySink) {
    let config = FetchConfig {
        ffmpeg: Some(program.to_owned()),
        ..config()
    };
    let (sink, fetcher) = (MemorySink::new(), Fetcher::new(config).unwrap());
    let outcome = fetch_hls(
        &fetcher,
        &MediaSource::new(server.url("index.m3u8")),
        request,
        &sink,
    )
    .await;
    (outcome, sink)
}

/// Fetches through the child and compares every stream with the source's, frame for frame.
async fn like_the_source(clip: &Path, request: HlsRequest, kinds: &[&str]) -> FetchReport {
    let server = Server::of(clip).await;
    let (outcome, sink) = through(&ffmpeg(), &server, &request).await;
    let report = outcome.unwrap();
    assert_eq!(report.container, Container::FragmentedMp4);
    assert_eq!(report.bytes_out, sink.object().unwrap().len() as u64);
    let dir = tempfile::tempdir().unwrap();
    let ours = dir.path().join("ours.mp4");
    std::fs::write(&ours, sink.object().unwrap()).unwrap();
    assert_eq!(streams(&ours).len(), kinds.len());
    for kind in kinds {
        assert_eq!(
            stream_hash(&ours, kind, true),
            stream_hash(&clip.join("index.m3u8"), kind, true),
            "packets of {kind}"
        );
    }
    assert!(
        report.duration_ms.unwrap().abs_diff(clips::CLIP_S * 1000) < 100,
        "{report:?}"
    );
    report
}

#[tokio::test]
async fn a_codec_not_taken_here_comes_as_it_is() {
    let clip = clips::mpeg2();
    like_the_source(&clip, HlsRequest::audio_video(), &["v"]).await;
}

#[tokio::test]
async fn sound_that_begins_late_stays_late() {
    let server = Server::of(clips::eac3_late()).await;
    for (request, index) in [(HlsRequest::audio_video(), 1), (HlsRequest::audio_only(), 0)] {
        let (outcome, sink) = through(&ffmpeg(), &server, &request).await;
        let report = outcome.unwrap();
        assert_eq!(report.tracks.len(), index + 1, "{report:?}");
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().join("ours.mp4");
        std::fs::write(&ours, sink.object().unwrap()).unwrap();
        let audio = &streams(&ours)[index];
        assert_eq!(audio.codec, "eac3");
        if index == 1 {
            assert!((audio.start_s - 0.7).abs() < 0.1, "{audio:?}");
        }
    }
}

#[tokio::test]
async fn a_program_that_is_missing_is_told() {
    let server = Server::of(clips::mpeg2()).await;
    let (outcome, sink) = through(Path::new("/nowhere/ffmpeg"), &server, &HlsRequest::audio_video()).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.name(), error.class()), ("MediaConverter", Class::Fault));
    assert!(
        error.to_string().starts_with("/nowhere/ffmpeg can't be run"),
        "{error}"
    );
    assert_eq!((sink.object(), sink.open_parts()), (None, 0));
}

#[tokio::test]
async fn a_program_that_is_there_is_left_alone_where_it_is_not_needed() {
    let server = Server::of(clips::muxed()).await;
    let (outcome, _) = through(Path::new("/nowhere/ffmpeg"), &server, &HlsRequest::audio_video()).await;
    assert_eq!(outcome.unwrap().container, Container::Mp4);
}

#[tokio::test]
async fn what_the_child_would_pass_over_is_an_error() {
    for (fault, name) in [
        (Fault::Status(404), "MediaStatus"),
        (Fault::CutShort(50), "MediaDamaged"),
        (Fault::Html, "MediaNotMedia"),
        // The sync byte of the hundredth packet.
        (Fault::Flipped(188 * 99), "MediaDamaged"),
    ] {
        let server = Server::of(clips::mpeg2()).await.with("index1.ts", fault.clone());
        let (outcome, sink) = through(&ffmpeg(), &server, &HlsRequest::audio_video()).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.name(), name, "{fault:?}: {error}");
        assert_eq!((sink.object(), sink.open_parts()), (None, 0));
    }
}

/// A file that would have ffmpeg open others, in the place of a segment.
#[tokio::test]
async fn a_segment_that_names_files_is_not_followed() {
    let secret = tempfile::tempdir().unwrap();
    let clip = clips::mpeg2();
    std::fs::copy(clip.join("index0.ts"), secret.path().join("other.ts")).unwrap();
    let other = secret.path().join("other.ts");
    for list in [
        format!("ffconcat version 1.0\nfile '{}'\n", other.display()),
        format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{}\n#EXT-X-ENDLIST\n",
            other.display()
        ),
    ] {
        let server = Server::of(&clip)
            .await
            .with("index0.ts", Fault::Body(list.into_bytes()));
        let (outcome, sink) = through(&ffmpeg(), &server, &HlsRequest::audio_video()).await;
        assert_eq!(outcome.unwrap_err().name(), "MediaNotMedia");
        assert_eq!(sink.object(), None);
    }
}
