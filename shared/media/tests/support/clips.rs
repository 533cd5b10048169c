//! Media made by ffmpeg, once a build directory.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Length of a clip in seconds.
pub const CLIP_S: u64 = 12;

/// Makes (or finds) the folder of a fixture; `make` fills an empty folder. A fixture that changes needs a
/// new name: what an earlier run made is taken as it is.
fn fixture(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("media-clips");
    let ready = root.join(name);
    if ready.exists() {
        return ready;
    }
    std::fs::create_dir_all(&root).unwrap();
    // Tests run in processes of their own: each makes its copy, and the first rename wins.
    let draft = tempfile::tempdir_in(&root).unwrap();
    make(draft.path());
    let draft = draft.keep();
    if std::fs::rename(&draft, &ready).is_err() {
        std::fs::remove_dir_all(&draft).unwrap();
    }
    ready
}

/// Runs ffmpeg in `dir`.
pub fn ffmpeg(dir: &Path, args: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .current_dir(dir)
        .output()
        .expect("ffmpeg can't be run: these tests need ffmpeg and ffprobe on the PATH (Debian: apt-get install ffmpeg)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {args:?}: {said}");
    output.stdout
}

const PICTURE: &str = "testsrc2=size=320x180:rate=25:duration=12";
const SOUND: &str = "sine=frequency=440:sample_rate=44100:duration=12";
const H264: [&str; 10] = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    "50",
    "-pix_fmt",
    "yuv420p",
];
const AAC: [&str; 4] = ["-c:a", "aac", "-b:a", "64k"];
const HLS: [&str; 8] = [
    "-f",
    "hls",
    "-hls_time",
    "4",
    "-hls_list_size",
    "0",
    "-hls_playlist_type",
    "vod",
];

fn args<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    parts.concat()
}

/// 320x180 at 25 frames a second with B-frames, and AAC: progressive MP4 with its index in front.
pub fn movie() -> PathBuf {
    fixture("movie", |dir| {
        let inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND];
        ffmpeg(
            dir,
            &args(&[&inputs, &H264, &AAC, &["-movflags", "+faststart", "movie.mp4"]]),
        );
        ffmpeg(dir, &["-i", "movie.mp4", "-c", "copy", "index-behind.mp4"]);
    })
}

/// Packages the movie as HLS with further arguments.
fn hls(name: &str, before: &[&str], after: &[&str]) -> PathBuf {
    let movie = movie().join("movie.mp4");
    fixture(name, |dir| {
        let input = [before, &["-i", movie.to_str().unwrap(), "-c", "copy"]].concat();
        ffmpeg(dir, &args(&[&input, &HLS, after, &["index.m3u8"]]));
    })
}

/// Picture and sound in one playlist.
pub fn muxed() -> PathBuf {
    hls("muxed", &[], &[])
}

/// Timestamps that start over in the middle: 2^33 ticks are 95,443.7 s.
pub fn clock_wraps() -> PathBuf {
    hls("clock-wraps", &[], &["-output_ts_offset", "95438"])
}

/// Sound that begins 700 ms after the picture.
pub fn late_sound() -> PathBuf {
    let movie = movie().join("movie.mp4");
    fixture("late-sound", |dir| {
        let movie = movie.to_str().unwrap();
        let inputs = [
            "-i",
            movie,
            "-itsoffset",
            "0.7",
            "-i",
            movie,
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c",
            "copy",
        ];
        ffmpeg(dir, &args(&[&inputs, &HLS, &["index.m3u8"]]));
    })
}

/// AES-128 with a key beside the playlist and the sequence number as IV.
pub fn encrypted() -> PathBuf {
    let movie = movie().join("movie.mp4");
    fixture("encrypted", |dir| {
        std::fs::write(dir.join("encryption.key"), [7; 16]).unwrap();
        std::fs::write(dir.join("key-info"), "encryption.key\nencryption.key\n").unwrap();
        let input = ["-i", movie.to_str().unwrap(), "-c", "copy"];
        ffmpeg(
            dir,
            &args(&[&input, &HLS, &["-hls_key_info_file", "key-info", "index.m3u8"]]),
        );
    })
}

/// One file, its segments by byte range.
pub fn byte_ranges() -> PathBuf {
    hls("byte-ranges", &[], &["-hls_flags", "single_file"])
}

/// Fragmented MP4 with an init section.
pub fn fragmented() -> PathBuf {
    hls("fragmented", &[], &["-hls_segment_type", "fmp4"])
}

/// The same with its fragments in one file.
pub fn fragments_by_byte_range() -> PathBuf {
    hls(
        "fragments-by-byte-range",
        &[],
        &["-hls_segment_type", "fmp4", "-hls_flags", "single_file"],
    )
}

/// Fragments of codecs that no transport stream here has.
pub fn fragmented_hevc_opus() -> PathBuf {
    let codecs = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-g",
        "50",
        "-x265-params",
        "log-level=error:bframes=2",
        "-tag:v",
        "hvc1",
        "-c:a",
        "libopus",
        "-hls_segment_type",
        "fmp4",
    ];
    hls("fragmented-hevc-opus", &[], &codecs)
}

/// Fragments of a picture half as wide and high.
pub fn fragmented_smaller() -> PathBuf {
    let smaller = ["-s", "160x90", "-hls_segment_type", "fmp4"];
    let movie = movie().join("movie.mp4");
    fixture("fragmented-smaller", |dir| {
        let input = ["-i", movie.to_str().unwrap(), "-c:a", "copy"];
        ffmpeg(dir, &args(&[&input, &H264, &HLS, &smaller, &["index.m3u8"]]));
    })
}

/// Both, one after the other: another init section, and a clock that starts over.
pub fn fragmented_discontinuity() -> PathBuf {
    let (first, second) = (fragmented(), fragmented_smaller());
    fixture("fragmented-discontinuity", |dir| {
        let copied = |from: &Path, prefix: &str| {
            for entry in std::fs::read_dir(from).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                std::fs::copy(&path, dir.join(format!("{prefix}{name}"))).unwrap();
            }
            let list = std::fs::read_to_string(from.join("index.m3u8")).unwrap();
            let list = list.replace("URI=\"init", &format!("URI=\"{prefix}init"));
            list.replace("\nindex", &format!("\n{prefix}index"))
        };
        let (first, second) = (copied(&first, "a-"), copied(&second, "b-"));
        let first = first.replace("#EXT-X-ENDLIST\n", "");
        let second = &second[second.find("#EXT-X-MAP").unwrap()..];
        let both = format!("{first}#EXT-X-DISCONTINUITY\n{second}");
        std::fs::write(dir.join("index.m3u8"), both).unwrap();
    })
}

/// Fragments and their init section under AES-128, with an IV stated.
pub fn fragmented_encrypted() -> PathBuf {
    let plain = fragmented();
    fixture("fragmented-encrypted", |dir| {
        std::fs::write(dir.join("encryption.key"), [7; 16]).unwrap();
        for entry in std::fs::read_dir(&plain).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "index.m3u8" {
                let list = std::fs::read_to_string(&path).unwrap();
                let key = format!(
                    "#EXT-X-KEY:METHOD=AES-128,URI=\"encryption.key\",IV=0x{}\n#EXT-X-MAP",
                    "09".repeat(16)
                );
                std::fs::write(dir.join(name), list.replace("#EXT-X-MAP", &key)).unwrap();
            } else {
                use cbc::cipher::{BlockEncryptMut as _, KeyIvInit as _, block_padding::Pkcs7};
                let cipher = cbc::Encryptor::<aes::Aes128>::new(&[7; 16].into(), &[9; 16].into());
                let secret = cipher.encrypt_padded_vec_mut::<Pkcs7>(&std::fs::read(&path).unwrap());
                std::fs::write(dir.join(name), secret).unwrap();
            }
        }
    })
}

/// Fragments whose sound is a rendition of its own.
pub fn fragmented_apart() -> PathBuf {
    let movie = movie().join("movie.mp4");
    fixture("fragmented-apart", |dir| {
        let input = [
            "-i",
            movie.to_str().unwrap(),
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-c",
            "copy",
        ];
        let apart = [
            "-hls_segment_type",
            "fmp4",
            "-hls_fmp4_init_filename",
            "init-%v.mp4",
            "-var_stream_map",
            "v:0,agroup:sound a:0,agroup:sound,default:yes",
            "-master_pl_name",
            "master.m3u8",
            "rendition-%v.m3u8",
        ];
        ffmpeg(dir, &args(&[&input, &HLS, &apart]));
    })
}

/// Picture without sound.
pub fn no_sound() -> PathBuf {
    hls("no-sound", &[], &["-an"])
}

/// Sound without picture.
pub fn sound_only() -> PathBuf {
    hls("sound-only", &[], &["-vn"])
}

/// MPEG audio in place of AAC, at its half rates too.
pub fn mp3_sound(rate_hz: &str) -> PathBuf {
    hls(
        &format!("mp3-sound-{rate_hz}"),
        &[],
        &["-c:a", "libmp3lame", "-ar", rate_hz],
    )
}

/// AC-3 in place of AAC, in 5.1 or stereo.
pub fn ac3_sound(channels: &str) -> PathBuf {
    hls(
        &format!("ac3-sound-{channels}"),
        &[],
        &["-c:a", "ac3", "-ac", channels],
    )
}

/// HEVC in place of H.264, with B-frames.
pub fn hevc() -> PathBuf {
    hls(
        "hevc",
        &[],
        &[
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
            "-g",
            "50",
            "-x265-params",
            "log-level=error:bframes=2",
        ],
    )
}

/// MPEG-2 in place of H.264, without sound.
pub fn mpeg2() -> PathBuf {
    hls(
        "mpeg2-alone",
        &[],
        &["-an", "-c:v", "mpeg2video", "-bf", "2", "-g", "50"],
    )
}

/// E-AC-3 that begins 700 ms after the picture.
pub fn eac3_late() -> PathBuf {
    let movie = movie().join("movie.mp4");
    fixture("eac3-late", |dir| {
        let movie = movie.to_str().unwrap();
        let inputs = ["-i", movie, "-itsoffset", "0.7", "-i", movie];
        let streams = ["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "eac3"];
        ffmpeg(dir, &args(&[&inputs, &streams, &HLS, &["index.m3u8"]]));
    })
}

/// A master playlist whose sound is a rendition of its own.
pub fn apart() -> PathBuf {
    let movie = movie().join("movie.mp4");
    fixture("apart", |dir| {
        let input = [
            "-i",
            movie.to_str().unwrap(),
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-c",
            "copy",
        ];
        let apart = [
            "-var_stream_map",
            "v:0,agroup:sound a:0,agroup:sound,default:yes",
            "-master_pl_name",
            "master.m3u8",
            "rendition-%v.m3u8",
        ];
        ffmpeg(dir, &args(&[&input, &HLS, &apart]));
    })
}

/// The muxed clip twice in one playlist, with a discontinuity at which the clock starts over.
pub fn discontinuity() -> PathBuf {
    let muxed = muxed();
    fixture("discontinuity", |dir| {
        for entry in std::fs::read_dir(&muxed).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
        let list = std::fs::read_to_string(muxed.join("index.m3u8")).unwrap();
        let (head, segments) = list.split_at(list.find("#EXTINF").unwrap());
        let segments = segments.replace("#EXT-X-ENDLIST\n", "");
        let twice = format!("{head}{segments}#EXT-X-DISCONTINUITY\n{segments}#EXT-X-ENDLIST\n");
        std::fs::write(dir.join("index.m3u8"), twice).unwrap();
    })
}

/// The movie twice in one playlist, the second time with other packet identifiers, as inserts from another packager have.
pub fn discontinuity_of_streams() -> PathBuf {
    let (movie, muxed) = (movie().join("movie.mp4"), muxed());
    fixture("discontinuity-of-streams", |dir| {
        for entry in std::fs::read_dir(&muxed).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
        let input = ["-i", movie.to_str().unwrap(), "-c", "copy"];
        let other = ["-hls_segment_options", "mpegts_start_pid=512", "other.m3u8"];
        ffmpeg(dir, &args(&[&input, &HLS, &other]));
        let list = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        let (first, second) = (list("index.m3u8"), list("other.m3u8"));
        let first = first.replace("#EXT-X-ENDLIST\n", "");
        let second = &second[second.find("#EXTINF").unwrap()..];
        let both = format!("{first}#EXT-X-DISCONTINUITY\n{second}");
        std::fs::write(dir.join("index.m3u8"), both).unwrap();
    })
}

/// Noisy pictures, so that few seconds make many parts: as HLS of a second a segment in `ts/` and, fragmented, in `fmp4/`, and as
/// `heavy.mp4`.
pub fn heavy() -> PathBuf {
    fixture("heavy-5-s", |dir| {
        let noise = "nullsrc=size=640x360:rate=25:duration=5,noise=alls=100:allf=t";
        let sound = "sine=frequency=440:sample_rate=44100:duration=5";
        let inputs = ["-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", sound];
        let rate = ["-qp", "18", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0"];
        let faststart = ["-movflags", "+faststart", "heavy.mp4"];
        ffmpeg(dir, &args(&[&inputs, &H264, &rate, &AAC, &faststart]));
        for (folder, kind) in [("ts", "mpegts"), ("fmp4", "fmp4")] {
            std::fs::create_dir(dir.join(folder)).unwrap();
            let input = ["-i", "heavy.mp4", "-c", "copy"];
            let list = format!("{folder}/index.m3u8");
            let hls = [
                "-f",
                "hls",
                "-hls_time",
                "1",
                "-hls_list_size",
                "0",
                "-hls_playlist_type",
                "vod",
                "-hls_segment_type",
                kind,
                &list,
            ];
            ffmpeg(dir, &args(&[&input, &hls]));
        }
    })
}
