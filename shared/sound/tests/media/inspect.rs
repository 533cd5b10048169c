//! Facts of audio files, against ffmpeg's own measurements, and the rules for handed-in tracks.

use std::path::Path;
use std::process::Command;

use super::ear::make;
use sound::{Problem, Source, Tools, TrackFacts, TrackRules, check_track, inspect};

async fn facts(path: &Path) -> TrackFacts {
    inspect(&Tools::default(), &Source::new(path, "track"))
        .await
        .unwrap()
}

/// Integrated loudness in ffmpeg's words.
fn ffmpeg_lufs(path: &Path) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(path)
        .args(["-af", "ebur128=framelog=verbose", "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("I:"))
        .unwrap();
    line.trim().trim_end_matches("LUFS").trim().parse().unwrap()
}

const SPEECH_LIKE: &str = "anoisesrc=c=pink:r=48000:a=0.2:d=8,volume='if(lt(mod(t,2),1.5),1,0.1)':eval=frame";

#[tokio::test]
async fn the_facts_of_a_track_are_those_that_ffmpeg_finds() {
    let dir = tempfile::tempdir().unwrap();
    for channels in ["1", "2"] {
        let track = make(
            dir.path(),
            "track.mp4",
            &[
                "-f",
                "lavfi",
                "-i",
                SPEECH_LIKE,
                "-ac",
                channels,
                "-c:a",
                "aac",
                "-b:a",
                "128k",
            ],
        );
        let facts = facts(&track).await;
        let lufs = facts.loudness_lufs.unwrap();
        assert!((lufs - ffmpeg_lufs(&track)).abs() < 0.3, "{lufs} LUFS");
        assert_eq!(
            (facts.codec.as_str(), facts.profile.as_deref()),
            ("aac", Some("LC"))
        );
        assert_eq!(
            (facts.sample_rate_hz, facts.channels.to_string().as_str()),
            (48_000, channels)
        );
        assert!(facts.duration_ms.abs_diff(8_000) <= 22, "{facts:?}");
        assert!(facts.silent_share < 0.01, "{facts:?}");
        assert_eq!(check_track(&facts, &TrackRules::of_media(8_000)), []);
    }
}

#[tokio::test]
async fn silence_is_measured_in_tenths_of_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let quarter = make(
        dir.path(),
        "quarter.wav",
        &[
            "-f",
            "lavfi",
            "-i",
            "sine=r=48000:d=8,volume='if(lt(t,2),1,0)':eval=frame",
        ],
    );
    let found = facts(&quarter).await;
    assert!((found.silent_share - 0.75).abs() < 0.03, "{found:?}");
    let silent = make(
        dir.path(),
        "silent.mp4",
        &["-f", "lavfi", "-i", "anullsrc=d=5", "-t", "5", "-c:a", "aac"],
    );
    let found = facts(&silent).await;
    assert_eq!((found.loudness_lufs, found.silent_share), (None, 1.0));
    let problems = check_track(&found, &TrackRules::of_media(5_000));
    assert!(matches!(problems[..], [Problem::Silent { .. }]), "{problems:?}");
}

#[tokio::test]
async fn what_people_may_hand_in_by_mistake_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let rules = TrackRules::of_media(8_000);
    let problems = async |name: &str, args: &[&str]| {
        let source = ["-f", "lavfi", "-i", SPEECH_LIKE];
        let path = make(dir.path(), name, &[&source, args].concat());
        let problems = check_track(&facts(&path).await, &rules);
        problems.iter().map(Problem::name).collect::<Vec<_>>()
    };
    assert_eq!(
        problems("raw.wav", &[]).await,
        ["TrackContainer", "TrackCodec", "TrackBitRate"]
    );
    assert_eq!(
        problems("mp3.mp4", &["-c:a", "libmp3lame", "-b:a", "128k"]).await,
        ["TrackCodec"]
    );
    assert_eq!(
        problems("thick.mp4", &["-c:a", "aac", "-b:a", "256k"]).await,
        ["TrackBitRate"]
    );
    assert_eq!(
        problems("short.mp4", &["-t", "6", "-c:a", "aac", "-b:a", "128k"]).await,
        ["TrackDuration"]
    );
    assert_eq!(
        problems(
            "soft.mp4",
            &["-af", "volume=-30dB", "-c:a", "aac", "-b:a", "128k"]
        )
        .await,
        ["TrackLoudness"]
    );
    // Made by ffmpeg 5.1 with `-profile:a aac_main`; later ones encode no other profile than LC.
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/aac-main.mp4");
    let found = check_track(&facts(&main).await, &TrackRules::of_media(1_000));
    assert_eq!(
        found.iter().map(Problem::name).collect::<Vec<_>>(),
        ["TrackProfile"]
    );
}

#[tokio::test]
async fn a_file_without_sound_has_no_facts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("text.mp4");
    std::fs::write(&path, "WEBVTT\n\nno sound").unwrap();
    let error = inspect(&Tools::default(), &Source::new(&path, "text"))
        .await
        .unwrap_err();
    assert_eq!(error.name(), "MediaUnreadable");
}
