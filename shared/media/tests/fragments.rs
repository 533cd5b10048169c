//! HLS of fragmented MP4 against ffmpeg: a plain MP4 of the same frames at the same times.

#![allow(clippy::unwrap_used, reason = "test helpers: a panic is the report")]

mod support;

use std::path::Path;

use media::{Class, Container, HlsRequest};
use support::likeness::{assert_counts, assert_like};
use support::oracle::{decoded_frames, packet_times_s, remuxed_by_ffmpeg, stream_hash, streams};
use support::server::Fault;
use support::{Fetched, Server, clips, fails, fetch};

/// Starts as exact as ours: ffmpeg rounds them to milliseconds otherwise.
const EXACT: [&str; 2] = ["-movie_timescale", "90000"];

#[track_caller]
fn assert_plain(fetched: &Fetched) {
    assert_eq!(fetched.report.container, Container::Mp4);
    let file = std::fs::read(&fetched.path).unwrap();
    let place = |name: &[u8]| file.windows(4).position(|window| window == name);
    assert!(
        place(b"moov") < place(b"mdat") && place(b"moof").is_none(),
        "the index is in front, and there is one"
    );
    assert_counts(fetched);
}

async fn like_ffmpeg(clip: &Path, request: HlsRequest, extra: &[&str]) -> Fetched {
    let server = Server::of(clip).await;
    let fetched = fetch(&server, "index.m3u8", &request).await;
    let extra = [&EXACT[..], extra].concat();
    assert_like(
        &fetched.path,
        &remuxed_by_ffmpeg(&clip.join("index.m3u8"), &fetched.path, &extra),
    );
    assert_plain(&fetched);
    fetched
}

#[tokio::test]
async fn fragments_become_one_plain_mp4() {
    let fetched = like_ffmpeg(&clips::fragmented(), HlsRequest::audio_video(), &[]).await;
    let codecs: Vec<_> = fetched
        .report
        .tracks
        .iter()
        .map(|track| &track.codec[..])
        .collect();
    assert_eq!(codecs, ["avc1", "mp4a"]);
    for kind in ["v", "a"] {
        let source = clips::movie().join("movie.mp4");
        assert_eq!(
            stream_hash(&fetched.path, kind, true),
            stream_hash(&source, kind, true)
        );
    }
    assert!(
        fetched.report.duration_ms.unwrap().abs_diff(clips::CLIP_S * 1000) < 100,
        "{:?}",
        fetched.report
    );
}

#[tokio::test]
async fn fragments_of_one_file_by_byte_range_are_put_together() {
    like_ffmpeg(&clips::fragments_by_byte_range(), HlsRequest::audio_video(), &[]).await;
}

#[tokio::test]
async fn codecs_of_which_nothing_is_known_come_as_they_are() {
    let clip = clips::fragmented_hevc_opus();
    let fetched = fetch(&Server::of(&clip).await, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_plain(&fetched);
    let tracks = fetched.report.tracks.iter();
    let codecs: Vec<_> = tracks.map(|track| &track.codec[..]).collect();
    assert_eq!(codecs, ["hvc1", "Opus"]);
    // Not beside ffmpeg's file, whose edit list cuts off the last of the 601 frames of sound.
    let source = clip.join("index.m3u8");
    for kind in ["v", "a"] {
        assert_eq!(
            stream_hash(&fetched.path, kind, true),
            stream_hash(&source, kind, true)
        );
    }
    assert_eq!(decoded_frames(&fetched.path), decoded_frames(&source));
}

#[tokio::test]
async fn sound_is_taken_out_of_muxed_fragments() {
    let clip = clips::fragmented();
    let fetched = fetch(&Server::of(&clip).await, "index.m3u8", &HlsRequest::audio_only()).await;
    assert_plain(&fetched);
    assert_eq!(
        (fetched.report.has_video(), fetched.report.has_audio()),
        (Some(false), Some(true))
    );
    assert_eq!(
        stream_hash(&fetched.path, "a", true),
        stream_hash(&clip.join("index.m3u8"), "a", true)
    );
}

#[tokio::test]
async fn sound_apart_is_joined_with_its_picture() {
    let clip = clips::fragmented_apart();
    let server = Server::of(&clip).await;
    let fetched = fetch(&server, "master.m3u8", &HlsRequest::audio_video()).await;
    assert_plain(&fetched);
    assert_like(
        &fetched.path,
        &remuxed_by_ffmpeg(&clip.join("master.m3u8"), &fetched.path, &EXACT),
    );
    let sound = fetch(&server, "master.m3u8", &HlsRequest::audio_only()).await;
    assert_plain(&sound);
    assert_eq!(
        stream_hash(&sound.path, "a", true),
        stream_hash(&clips::movie().join("movie.mp4"), "a", true)
    );
}

#[tokio::test]
async fn no_frame_is_lost_at_a_discontinuity_with_another_picture() {
    let clip = clips::fragmented_discontinuity();
    let fetched = fetch(&Server::of(&clip).await, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_plain(&fetched);
    let parts = [clips::fragmented(), clips::fragmented_smaller()];
    let facts = parts
        .each_ref()
        .map(|part| streams(&remuxed_by_ffmpeg(&part.join("index.m3u8"), &fetched.path, &[])));
    let mut joins_s = Vec::new();
    for (index, both) in streams(&fetched.path).iter().enumerate() {
        let counts = facts.each_ref().map(|facts| facts[index].packets);
        assert_eq!(both.packets, counts.iter().sum::<u64>(), "{both:?}");
        assert!((both.duration_s - 24.0).abs() < 0.1, "{both:?}");
        let times_s = packet_times_s(&fetched.path, &both.kind[..1]);
        joins_s.push(times_s[usize::try_from(counts[0]).unwrap()] - times_s[0]);
    }
    // In the parts, too, the sound begins 24 ms before the picture.
    assert!((joins_s[0] - joins_s[1]).abs() < 0.03, "{joins_s:?}");
    // Each half decodes by its own entry: the frames are those of the parts, one after the other.
    let apart = parts.map(|part| decoded_frames(&part.join("index.m3u8")));
    assert_eq!(decoded_frames(&fetched.path), apart.concat());
}

#[tokio::test]
async fn encrypted_fragments_are_decrypted() {
    let clip = clips::fragmented_encrypted();
    let server = Server::of(&clip).await;
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_plain(&fetched);
    assert_like(
        &fetched.path,
        &remuxed_by_ffmpeg(&clips::fragmented().join("index.m3u8"), &fetched.path, &EXACT),
    );
}

#[tokio::test]
async fn a_fragment_that_is_not_whole_is_an_error() {
    for (file, fault, name) in [
        ("index1.m4s", Fault::CutShort(50), "MediaTruncated"),
        ("index1.m4s", Fault::Html, "MediaNotMedia"),
        ("index1.m4s", Fault::Status(404), "MediaStatus"),
        ("init.mp4", Fault::CutShort(50), "MediaDamaged"),
        // The first box's length.
        ("index2.m4s", Fault::Flipped(3), "MediaDamaged"),
        ("init.mp4", Fault::Status(404), "MediaStatus"),
    ] {
        let server = Server::of(clips::fragmented()).await.with(file, fault.clone());
        let error = fails(&server, "index.m3u8", &HlsRequest::audio_video()).await;
        assert_eq!(error.name(), name, "{file}, {fault:?}: {error}");
        assert_eq!(error.class(), Class::Retryable, "{error}");
    }
}
