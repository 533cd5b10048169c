//! Mixes of synthetic media: each clip is a tone of its own, so that what is heard when can be measured in the result.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ear::{ffprobe, heard, listen, make, tone_between};
use sound::{
    BitRate, Ducking, ErrorClass, Order, Placement, SoundError, Source, Span, Speech, Tools, Track,
    clear_track, media_ms, mix_description, mix_dub,
};

const PROGRAMME_HZ: f64 = 300.0;
/// The clips' tones, in hertz: 1 s, 2 s and 1.5 s long.
const CLIPS_HZ: [f64; 3] = [700.0, 1_100.0, 1_700.0];
/// Where they lie in their file.
const RANGES: [Span; 3] = [
    Span {
        start_ms: 0,
        end_ms: 1_000,
    },
    Span {
        start_ms: 1_000,
        end_ms: 3_000,
    },
    Span {
        start_ms: 3_000,
        end_ms: 4_500,
    },
];
/// ffmpeg's sine has an amplitude of an eighth; in both of two channels it is as loud at the root of a half of that.
const AMPLITUDE: f64 = 0.125;
const STEREO_AMPLITUDE: f64 = AMPLITUDE * std::f64::consts::FRAC_1_SQRT_2;

fn placement(clip: usize, start_ms: u64, end_ms: u64, speed: f64) -> Placement {
    Placement {
        clip,
        start_ms,
        end_ms,
        speed,
    }
}

/// Ten seconds of picture and tone.
fn programme(dir: &Path) -> PathBuf {
    make(
        dir,
        "programme.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=64x64:rate=25:duration=10",
            "-f",
            "lavfi",
            "-i",
            "sine=f=300:r=44100:d=10",
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-ac",
            "2",
            "-c:a",
            "aac",
            "-shortest",
        ],
    )
}

/// The clips as a speech engine gives them: mono, at a rate of its own.
fn clips(dir: &Path) -> PathBuf {
    let tones = "sine=f=700:r=22050:d=1[a];sine=f=1100:r=22050:d=2[b];sine=f=1700:r=22050:d=1.5[c];\
                 [a][b][c]concat=n=3:v=0:a=1";
    make(dir, "clips.wav", &["-filter_complex", tones])
}

fn order<'a>(original: &'a Path, to: &'a Path) -> Order<'a> {
    Order {
        original: Source::new(original, "programme"),
        bit_rate: BitRate::Kbps128,
        to,
    }
}

fn speech<'a>(wav: &'a Path, placements: &'a [Placement]) -> Speech<'a> {
    Speech {
        wav,
        ranges: &RANGES,
        placements,
        gain_db: 0.0,
    }
}

/// ffprobe's word: one AAC-LC track at the bit rate, as long as the media, its index in front.
fn assert_track(track: &Track, bit_rate: f64, duration_s: f64) {
    let shown = ffprobe(&track.path);
    let stream = &shown["streams"][0];
    assert_eq!(shown["streams"].as_array().unwrap().len(), 1);
    assert_eq!(stream["codec_name"], "aac");
    assert_eq!(stream["profile"], "LC");
    assert!(shown["format"]["format_name"].as_str().unwrap().contains("mp4"));
    let number = |value: &serde_json::Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let found = number(&stream["bit_rate"]);
    assert!((found / bit_rate - 1.0).abs() < 0.15, "{found}");
    assert!((number(&shown["format"]["duration"]) - duration_s).abs() <= 1_024.0 / 44_100.0);
    let bytes = std::fs::read(&track.path).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"), "the index is not in front");
}

fn assert_near(found: (usize, usize), expected: (usize, usize)) {
    let near = found.0.abs_diff(expected.0) <= 15 && found.1.abs_diff(expected.1) <= 15;
    assert!(
        near,
        "heard from and until {found:?} ms, expected {expected:?} ms"
    );
}

fn files_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_dub_has_each_clip_at_its_place_and_the_original_between() {
    let dir = tempfile::tempdir().unwrap();
    let (programme, clips, to) = (
        programme(dir.path()),
        clips(dir.path()),
        dir.path().join("dub.mp4"),
    );
    // The second is a quarter faster; the clips are not heard in the order in which they lie in their file.
    let placements = [
        placement(2, 1_000, 2_500, 1.0),
        placement(1, 4_000, 5_600, 1.25),
        placement(0, 5_680, 6_680, 1.0),
    ];
    let source_speech = [Span::new(8_000, 9_000), Span::new(900, 2_000)];
    let track = mix_dub(
        &Tools::default(),
        &order(&programme, &to),
        &speech(&clips, &placements),
        &source_speech,
        Ducking::DUB,
    )
    .await
    .unwrap();

    assert_track(&track, 128_000.0, 10.0);
    assert_eq!((track.sample_rate_hz, track.channels), (44_100, 2));
    let samples = listen(&to);
    for it in &placements {
        let expected = (
            usize::try_from(it.start_ms).unwrap(),
            usize::try_from(it.end_ms).unwrap(),
        );
        assert_near(heard(&samples, CLIPS_HZ[it.clip], AMPLITUDE), expected);
    }
    let programme_between = |from_ms, until_ms| tone_between(&samples, PROGRAMME_HZ, from_ms, until_ms);
    for (from_ms, until_ms) in [(100, 850), (2_550, 3_950), (6_730, 7_950), (9_050, 9_900)] {
        let found = programme_between(from_ms, until_ms);
        assert!(
            (found / STEREO_AMPLITUDE - 1.0).abs() < 0.1,
            "{from_ms} to {until_ms} ms: {found}"
        );
    }
    for (from_ms, until_ms) in [(920, 2_480), (4_020, 6_660), (8_020, 8_980)] {
        let found = programme_between(from_ms, until_ms);
        assert!(
            found < STEREO_AMPLITUDE / 50.0,
            "{from_ms} to {until_ms} ms: {found}"
        );
    }
    assert_eq!(files_in(dir.path()), ["clips.wav", "dub.mp4", "programme.mp4"]);
}

#[tokio::test]
async fn under_a_description_the_programme_is_a_quarter_as_loud() {
    let dir = tempfile::tempdir().unwrap();
    let (programme, clips, to) = (
        programme(dir.path()),
        clips(dir.path()),
        dir.path().join("described.mp4"),
    );
    let placements = [placement(1, 3_000, 5_000, 1.0)];
    let mut order = order(&programme, &to);
    order.bit_rate = BitRate::Kbps64;
    let track = mix_description(
        &Tools::default(),
        &order,
        &speech(&clips, &placements),
        Ducking::DESCRIPTION,
    )
    .await
    .unwrap();

    assert_track(&track, 64_000.0, 10.0);
    let samples = listen(&to);
    assert_near(heard(&samples, CLIPS_HZ[1], AMPLITUDE), (3_000, 5_000));
    let levels = [(200, 2_800), (3_050, 4_950), (5_200, 9_800)].map(|(from_ms, until_ms)| {
        tone_between(&samples, PROGRAMME_HZ, from_ms, until_ms) / STEREO_AMPLITUDE
    });
    assert!(
        (levels[0] - 1.0).abs() < 0.1 && (levels[2] - 1.0).abs() < 0.1,
        "{levels:?}"
    );
    assert!((levels[1] - 0.251).abs() < 0.03, "{levels:?}");
}

#[tokio::test]
async fn the_clear_track_is_the_original_and_as_long_as_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    // The sound begins 2 s after the picture and ends 3 s before it; mono at a rate that is not kept.
    let media = make(
        dir.path(),
        "late.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=64x64:rate=25:duration=10",
            "-itsoffset",
            "2",
            "-f",
            "lavfi",
            "-i",
            "sine=f=300:r=22050:d=5",
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c:a",
            "flac",
        ],
    );
    let to = dir.path().join("clear.mp4");
    let track = clear_track(&Tools::default(), &order(&media, &to)).await.unwrap();
    assert_eq!((track.sample_rate_hz, track.channels), (48_000, 1));
    assert!(track.duration_ms.abs_diff(10_000) <= 21, "{track:?}");
    let samples = listen(&to);
    assert_near(heard(&samples, PROGRAMME_HZ, AMPLITUDE), (2_000, 7_000));
}

#[tokio::test]
async fn containers_without_a_stated_length_are_measured() {
    let dir = tempfile::tempdir().unwrap();
    let source = ["-f", "lavfi", "-i", "sine=f=300:r=48000:d=7"];
    for name in ["tone.aac", "tone.mp3", "tone.wav", "tone.ogg", "tone.ts"] {
        let media = make(dir.path(), name, &source);
        let found_ms = media_ms(&Tools::default(), &Source::new(&media, name))
            .await
            .unwrap();
        assert!(found_ms.abs_diff(7_000) <= 60, "{name}: {found_ms}");
        let to = dir.path().join("clear.mp4");
        let track = clear_track(&Tools::default(), &order(&media, &to)).await.unwrap();
        assert!(track.duration_ms.abs_diff(found_ms) <= 22, "{name}: {track:?}");
    }
}

#[tokio::test]
async fn media_that_can_not_be_used_is_told_apart_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("clear.mp4");
    let mute = make(
        dir.path(),
        "mute.mp4",
        &["-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=1"],
    );
    let broken = dir.path().join("broken.mp4");
    std::fs::write(&broken, "this is no film".repeat(100)).unwrap();
    // The index says ten seconds of sound, but the file breaks off in the third.
    let whole = make(
        dir.path(),
        "whole.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "anoisesrc=d=10:r=48000",
            "-c:a",
            "aac",
            "-movflags",
            "+faststart",
        ],
    );
    let torn = dir.path().join("torn.mp4");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() * 3 / 10]).unwrap();

    for (media, name) in [
        (&mute, "MediaNoAudio"),
        (&broken, "MediaUnreadable"),
        (&torn, "MediaUnreadable"),
    ] {
        let error = clear_track(&Tools::default(), &order(media, &to))
            .await
            .unwrap_err();
        assert_eq!(
            (error.name(), error.class()),
            (name, ErrorClass::Terminal),
            "{media:?}: {error}"
        );
    }
    assert_eq!(
        files_in(dir.path()),
        ["broken.mp4", "mute.mp4", "torn.mp4", "whole.mp4"]
    );
}

#[tokio::test]
async fn a_fault_of_our_own_is_never_the_customers() {
    let dir = tempfile::tempdir().unwrap();
    let (programme, clips, to) = (
        programme(dir.path()),
        clips(dir.path()),
        dir.path().join("dub.mp4"),
    );
    let no_wav = dir.path().join("no.wav");
    std::fs::write(&no_wav, "no sound at all").unwrap();
    let short = [placement(2, 1_000, 2_500, 1.0)];
    let late = [placement(0, 9_500, 10_500, 1.0)];
    let faults: [(&str, &Path, &[Placement], Tools); 5] = [
        ("SoundClipsUnreadable", &no_wav, &short, Tools::default()),
        ("SoundPlanInvalid", &clips, &late, Tools::default()),
        (
            "SoundProgramMissing",
            &clips,
            &short,
            Tools {
                ffmpeg: "/nowhere/ffmpeg".into(),
                ..Tools::default()
            },
        ),
        (
            "SoundProgramTimedOut",
            &clips,
            &short,
            Tools {
                timeout: Duration::from_millis(1),
                ..Tools::default()
            },
        ),
        // Clips that end before the last one should.
        (
            "SoundClipsUnreadable",
            &programme_of_a_second(dir.path()),
            &short,
            Tools::default(),
        ),
    ];
    for (name, wav, placements, tools) in faults {
        let error: SoundError = mix_dub(
            &tools,
            &order(&programme, &to),
            &speech(wav, placements),
            &[],
            Ducking::DUB,
        )
        .await
        .unwrap_err();
        assert_eq!(
            (error.name(), error.class()),
            (name, ErrorClass::Retryable),
            "{error}"
        );
        assert!(!to.exists());
    }
}

fn programme_of_a_second(dir: &Path) -> PathBuf {
    make(dir, "second.wav", &["-f", "lavfi", "-i", "sine=d=1"])
}

#[tokio::test]
async fn an_encoder_that_fails_is_named_and_a_track_that_was_there_stays() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (programme, to) = (programme(dir.path()), dir.path().join("clear.mp4"));
    std::fs::write(&to, "the former track").unwrap();
    // Programs that do as the real ones, except that the encoder gives up at once.
    let programs = dir.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    for (name, script) in [
        ("ffprobe", "#!/bin/sh\nexec ffprobe \"$@\"\n"),
        (
            "ffmpeg",
            "#!/bin/sh\ncase \"$*\" in *pipe:0*) echo 'no such encoder' >&2; exit 3;; esac\nexec ffmpeg \"$@\"\n",
        ),
    ] {
        let path = programs.join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let tools = Tools {
        ffmpeg: programs.join("ffmpeg"),
        timeout: Duration::from_secs(30),
    };
    let error = clear_track(&tools, &order(&programme, &to)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "program `ffmpeg` failed with exit status: 3: no such encoder"
    );
    assert_eq!(std::fs::read(&to).unwrap(), b"the former track");
}
