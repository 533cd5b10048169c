//! HLS of every shape against ffmpeg: the same frames, the same times.

mod support;

use media::{Container, HlsRequest};
use support::likeness::{assert_alike, assert_counts, assert_like};
use support::oracle::{decoded_frames, packet_times_s, remuxed_by_ffmpeg, stream_hash, streams};
use support::{Fetched, Server, clips, fetch};

async fn like_ffmpeg(clip: std::path::PathBuf, request: HlsRequest, extra: &[&str]) -> Fetched {
    let server = Server::of(&clip).await;
    let fetched = fetch(&server, "index.m3u8", &request).await;
    assert_like(
        &fetched.path,
        &remuxed_by_ffmpeg(&clip.join("index.m3u8"), &fetched.path, extra),
    );
    assert_counts(&fetched);
    fetched
}

#[tokio::test]
async fn muxed_segments_become_one_mp4() {
    let fetched = like_ffmpeg(clips::muxed(), HlsRequest::audio_video(), &[]).await;
    let report = &fetched.report;
    assert_eq!(
        (report.container, report.segments, report.retries),
        (Container::Mp4, 3, 0)
    );
    assert!(
        report.duration_ms.unwrap().abs_diff(clips::CLIP_S * 1000) < 60,
        "{report:?}"
    );
    assert_eq!((report.has_video(), report.has_audio()), (Some(true), Some(true)));
}

#[tokio::test]
async fn sound_is_taken_out_of_muxed_segments() {
    let fetched = like_ffmpeg(clips::muxed(), HlsRequest::audio_only(), &["-vn"]).await;
    assert_eq!(
        (fetched.report.has_video(), fetched.report.has_audio()),
        (Some(false), Some(true))
    );
}

#[tokio::test]
async fn a_clock_that_wraps_goes_on() {
    like_ffmpeg(clips::clock_wraps(), HlsRequest::audio_video(), &[]).await;
}

#[tokio::test]
async fn sound_that_begins_late_stays_late() {
    let fetched = like_ffmpeg(clips::late_sound(), HlsRequest::audio_video(), &[]).await;
    let audio = &streams(&fetched.path)[1];
    assert!((audio.start_s - 0.7).abs() < 0.1, "{audio:?}");
}

#[tokio::test]
async fn late_sound_without_its_picture_stays_late() {
    let server = Server::of(clips::late_sound()).await;
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_only()).await;
    let audio = &streams(&fetched.path)[0];
    assert!((audio.start_s - 0.7).abs() < 0.1, "{audio:?}");
}

#[tokio::test]
async fn encrypted_segments_are_decrypted() {
    let clip = clips::encrypted();
    let server = Server::of(&clip).await;
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_like(
        &fetched.path,
        &remuxed_by_ffmpeg(&clips::muxed().join("index.m3u8"), &fetched.path, &[]),
    );
    assert_eq!(server.count("encryption.key"), 1);
}

#[tokio::test]
async fn byte_ranges_of_one_file_are_put_together() {
    like_ffmpeg(clips::byte_ranges(), HlsRequest::audio_video(), &[]).await;
}

#[tokio::test]
async fn hevc_is_remuxed_like_h264() {
    let clip = clips::hevc();
    let fetched = fetch(&Server::of(&clip).await, "index.m3u8", &HlsRequest::audio_video()).await;
    // A zero that follows a slice in this stream belongs to the start code after it; ffmpeg takes it for the slice's.
    assert_alike(
        &fetched.path,
        &remuxed_by_ffmpeg(&clip.join("index.m3u8"), &fetched.path, &[]),
    );
    assert_counts(&fetched);
    assert_eq!(fetched.report.tracks[0].codec, "hevc");
}

#[tokio::test]
async fn mpeg_audio_is_remuxed_like_aac() {
    for rate_hz in ["44100", "22050"] {
        let fetched = like_ffmpeg(clips::mp3_sound(rate_hz), HlsRequest::audio_video(), &[]).await;
        assert_eq!(fetched.report.tracks[1].codec, "mp3");
    }
    let fetched = like_ffmpeg(clips::mp3_sound("44100"), HlsRequest::audio_only(), &["-vn"]).await;
    assert_eq!(fetched.report.tracks[0].codec, "mp3");
}

#[tokio::test]
async fn ac3_is_remuxed_like_aac() {
    for channels in ["2", "6"] {
        let fetched = like_ffmpeg(clips::ac3_sound(channels), HlsRequest::audio_video(), &[]).await;
        assert_eq!(fetched.report.tracks[1].codec, "ac3");
    }
}

#[tokio::test]
async fn picture_without_sound_is_told() {
    let fetched = like_ffmpeg(clips::no_sound(), HlsRequest::audio_video(), &[]).await;
    assert_eq!(
        (fetched.report.has_video(), fetched.report.has_audio()),
        (Some(true), Some(false))
    );
}

#[tokio::test]
async fn sound_without_picture_is_told() {
    let fetched = like_ffmpeg(clips::sound_only(), HlsRequest::audio_video(), &[]).await;
    assert_eq!(
        (fetched.report.has_video(), fetched.report.has_audio()),
        (Some(false), Some(true))
    );
}

#[tokio::test]
async fn sound_apart_is_joined_with_its_picture() {
    let clip = clips::apart();
    let server = Server::of(&clip).await;
    let fetched = fetch(&server, "master.m3u8", &HlsRequest::audio_video()).await;
    assert_like(
        &fetched.path,
        &remuxed_by_ffmpeg(&clips::muxed().join("index.m3u8"), &fetched.path, &[]),
    );
    let announced = ["rendition-0.m3u8", "rendition-1.m3u8"].map(|list| {
        let text = std::fs::read_to_string(clip.join(list)).unwrap();
        u32::try_from(text.matches("#EXTINF").count()).unwrap()
    });
    assert_eq!(fetched.report.segments, announced.iter().sum::<u32>());
}

#[tokio::test]
async fn of_sound_apart_only_the_sound_is_fetched() {
    let clip = clips::apart();
    let server = Server::of(&clip).await;
    let fetched = fetch(&server, "master.m3u8", &HlsRequest::audio_only()).await;
    assert_eq!(
        stream_hash(&fetched.path, "a", true),
        stream_hash(&clips::movie().join("movie.mp4"), "a", true)
    );
    assert!(
        !server
            .seen()
            .iter()
            .any(|seen| seen.path.starts_with("rendition-0")),
        "picture was fetched"
    );
}

#[tokio::test]
async fn sound_without_a_container_is_joined_with_its_picture() {
    for (codec, samples) in [("aac", 1024_u32), ("mp3", 1152), ("ac3", 1536)] {
        let clip = clips::packed(codec);
        let server = Server::of(&clip).await;
        let fetched = fetch(&server, "master.m3u8", &HlsRequest::audio_video()).await;
        let reference = remuxed_by_ffmpeg(&clip.join("master.m3u8"), &fetched.path, &[]);
        assert_counts(&fetched);
        for (ours, theirs) in streams(&fetched.path).iter().zip(streams(&reference)) {
            assert_eq!((&ours.codec, ours.packets), (&theirs.codec, theirs.packets));
            assert!(
                (ours.start_s - theirs.start_s).abs() <= 0.001,
                "{ours:?} {theirs:?}"
            );
        }
        // By its frames: ffmpeg's length has up to 130 ms that no frame fills.
        let sound = &streams(&fetched.path)[1];
        let frames = u32::try_from(sound.packets).unwrap();
        let lasts_s = f64::from(frames * samples) / 44_100.0;
        assert!((sound.duration_s - lasts_s).abs() < 0.001, "{sound:?}");

        let alone = fetch(&server, "master.m3u8", &HlsRequest::audio_only()).await;
        assert_eq!(alone.report.tracks[0].codec, codec);
        for sound in [&fetched.path, &alone.path] {
            assert_eq!(
                stream_hash(sound, "a", true),
                stream_hash(&reference, "a", true),
                "{codec}"
            );
        }
    }
}

#[tokio::test]
async fn no_frame_is_lost_at_a_discontinuity() {
    let server = Server::of(clips::discontinuity()).await;
    let fetched = fetch(&server, "index.m3u8", &HlsRequest::audio_video()).await;
    let once = remuxed_by_ffmpeg(&clips::muxed().join("index.m3u8"), &fetched.path, &[]);
    let mut joins_s = Vec::new();
    for (twice, once) in streams(&fetched.path).iter().zip(streams(&once)) {
        assert_eq!(twice.packets, 2 * once.packets, "{twice:?}");
        assert!(
            (twice.start_s - once.start_s).abs() <= 0.001,
            "{twice:?} {once:?}"
        );
        assert!((twice.duration_s - 24.0).abs() < 0.1, "{twice:?}");
        let times_s = packet_times_s(&fetched.path, &twice.kind[..1]);
        joins_s.push(times_s[usize::try_from(once.packets).unwrap()] - times_s[0]);
    }
    assert!(
        (joins_s[0] - joins_s[1]).abs() < 0.001,
        "sound and picture move together: {joins_s:?}"
    );
}

/// Here ffmpeg loses frames: it copies the streams that it found at the beginning, and those after the discontinuity have other
/// packet identifiers. It says nothing, and ends with 0.
#[tokio::test]
async fn frames_of_other_streams_after_a_discontinuity_are_not_lost_as_ffmpeg_loses_them() {
    let clip = clips::discontinuity_of_streams();
    let fetched = fetch(&Server::of(&clip).await, "index.m3u8", &HlsRequest::audio_video()).await;
    assert_counts(&fetched);
    let alone = clips::muxed().join("index.m3u8");
    let once = streams(&remuxed_by_ffmpeg(&alone, &fetched.path, &[]));
    let theirs = streams(&remuxed_by_ffmpeg(&clip.join("index.m3u8"), &fetched.path, &[]));
    for ((ours, theirs), once) in streams(&fetched.path).iter().zip(&theirs).zip(&once) {
        assert_eq!(ours.packets, 2 * once.packets, "{ours:?}");
        assert_eq!(theirs.packets, once.packets, "ffmpeg has learned it: {theirs:?}");
    }
    let half = decoded_frames(&alone);
    assert_eq!(decoded_frames(&fetched.path), [half.clone(), half].concat());
}
