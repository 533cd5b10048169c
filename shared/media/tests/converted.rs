//! What goes through an ffmpeg child: the same frames, and no way out of its pipes.

#![allow(clippy::unwrap_used, reason = "test helpers: a panic is the report")]

mod support;

use std::path::Path;
use std::time::Duration;

use media::sink::MemorySink;
use media::{
    Class, Container, FetchConfig, FetchError, FetchReport, Fetcher, HlsRequest, MediaSource, fetch_hls,
};
use support::likeness::{assert_counts, assert_like};
use support::oracle::{decoded_frames, program, remuxed_by_ffmpeg, stream_hash, streams};
use support::server::Fault;
use support::{Fetched, Server, clips, config, kept};

async fn through(
    program: &Path,
    server: &Server,
    request: &HlsRequest,
    child_media: Duration,
) -> (Result<FetchReport, FetchError>, MemorySink) {
    let config = FetchConfig {
        ffmpeg: Some(program.to_owned()),
        child_media,
        ..config()
    };
    let (sink, fetcher) = (MemorySink::new(), Fetcher::new(config).unwrap());
    let source = MediaSource::new(server.url("index.m3u8"));
    let outcome = fetch_hls(&fetcher, &source, request, &sink).await;
    (outcome, sink)
}

const ALL: Duration = Duration::MAX;

/// So little that a clip takes several children.
const LITTLE: Duration = Duration::from_millis(900);

async fn fetched(clip: &Path, request: &HlsRequest, child_media: Duration) -> Fetched {
    let server = Server::of(clip).await;
    let (outcome, sink) = through(&program("ffmpeg"), &server, request, child_media).await;
    let fetched = kept(outcome.unwrap(), &sink);
    assert_eq!(fetched.report.container, Container::Mp4);
    assert_counts(&fetched);
    fetched
}

/// Fetches through one child, and through several, and compares with what one ffmpeg makes of everything.
async fn like_ffmpeg(clip: &Path, extra: &[&str]) {
    for child_media in [ALL, LITTLE] {
        let fetched = fetched(clip, &HlsRequest::audio_video(), child_media).await;
        let extra = [&["-movie_timescale", "90000"][..], extra].concat();
        let reference = remuxed_by_ffmpeg(&clip.join("index.m3u8"), &fetched.path, &extra);
        assert_like(&fetched.path, &reference);
    }
}

#[tokio::test]
async fn a_codec_not_taken_here_comes_as_it_is() {
    like_ffmpeg(&clips::mpeg2(), &[]).await;
}

#[tokio::test]
async fn sound_that_is_known_comes_with_picture_that_is_not() {
    like_ffmpeg(&clips::mpeg2_wraps(), &[]).await;
}

#[tokio::test]
async fn sound_that_begins_late_stays_late() {
    let clip = clips::eac3_late();
    like_ffmpeg(&clip, &[]).await;
    for child_media in [ALL, LITTLE] {
        let alone = fetched(&clip, &HlsRequest::audio_only(), child_media).await;
        let sound = &streams(&alone.path)[..];
        assert_eq!((sound.len(), &sound[0].codec[..]), (1, "eac3"));
        assert!((sound[0].start_s - 0.7).abs() < 0.1, "{sound:?}");
        assert_eq!(
            stream_hash(&alone.path, "a", true),
            stream_hash(&clip.join("index.m3u8"), "a", true)
        );
    }
}

#[tokio::test]
async fn frames_that_go_on_in_the_next_segment_stay_whole() {
    let clip = clips::mpeg2_cut_anywhere();
    for child_media in [ALL, LITTLE] {
        let fetched = fetched(&clip, &HlsRequest::audio_video(), child_media).await;
        let reference = remuxed_by_ffmpeg(&clip.join("whole.ts"), &fetched.path, &[]);
        assert_like(&fetched.path, &reference);
    }
}

#[tokio::test]
async fn no_frame_is_lost_at_a_discontinuity() {
    let once = streams(&clips::mpeg2_wraps().join("index.m3u8"));
    for child_media in [ALL, LITTLE] {
        let fetched = fetched(
            &clips::mpeg2_discontinuity(),
            &HlsRequest::audio_video(),
            child_media,
        )
        .await;
        for (both, once) in streams(&fetched.path).iter().zip(&once) {
            assert_eq!(both.packets, 2 * once.packets, "{both:?}");
            assert!((both.duration_s - 24.0).abs() < 0.1, "{both:?}");
        }
        let once = decoded_frames(&clips::mpeg2_wraps().join("index.m3u8"));
        assert_eq!(decoded_frames(&fetched.path), [&once[..], &once].concat());
    }
}

#[tokio::test]
async fn a_program_that_is_missing_is_told() {
    let server = Server::of(clips::mpeg2()).await;
    let (outcome, sink) = through(
        Path::new("/nowhere/ffmpeg"),
        &server,
        &HlsRequest::audio_video(),
        ALL,
    )
    .await;
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
    let (outcome, _) = through(
        Path::new("/nowhere/ffmpeg"),
        &server,
        &HlsRequest::audio_video(),
        ALL,
    )
    .await;
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
        let (outcome, sink) = through(&program("ffmpeg"), &server, &HlsRequest::audio_video(), ALL).await;
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
        let (outcome, sink) = through(&program("ffmpeg"), &server, &HlsRequest::audio_video(), ALL).await;
        assert_eq!(outcome.unwrap_err().name(), "MediaNotMedia");
        assert_eq!(sink.object(), None);
    }
}
