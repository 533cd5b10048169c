//! Media made by ffmpeg, once a build directory.

use std::fmt::Write as _;
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

/// Picture and sound as streams of their own.
const SPLIT: [&str; 6] = ["-map", "0:v", "-map", "0:a", "-c", "copy"];
/// As playlists of their own, and a master of both.
const APART: [&str; 5] = [
    "-var_stream_map",
    "v:0,agroup:sound a:0,agroup:sound,default:yes",
    "-master_pl_name",
    "master.m3u8",
    "rendition-%v.m3u8",
];

fn input(file: &Path) -> [&str; 2] {
    ["-i", file.to_str().unwrap()]
}

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
            copy_all(from, dir, prefix);
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
        let fragments = [
            "-hls_segment_type",
            "fmp4",
            "-hls_fmp4_init_filename",
            "init-%v.mp4",
        ];
        ffmpeg(dir, &args(&[&input(&movie), &SPLIT, &HLS, &fragments, &APART]));
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

/// A master playlist whose sound is a rendition without a container (AAC, `mp3`, `ac3`): frames behind a tag with their time.
pub fn packed(codec: &str) -> PathBuf {
    let (movie, picture) = (movie().join("movie.mp4"), no_sound());
    fixture(&format!("packed-{codec}"), |dir| {
        copy_all(&picture, dir, "");
        let encoder: &[&str] = match codec {
            "aac" => &["-c:a", "copy", "-segment_format", "adts"],
            "mp3" => &[
                "-c:a",
                "libmp3lame",
                "-segment_format_options",
                "write_xing=0:id3v2_version=0",
            ],
            _ => &["-c:a", codec],
        };
        let pieces = ["-vn", "-f", "segment", "-segment_time", "4"];
        let list = ["-segment_list_type", "csv", "-segment_list", "pieces.csv"];
        let name = format!("piece%d.{codec}");
        ffmpeg(dir, &args(&[&input(&movie), &pieces, encoder, &list, &[&name]]));
        let mut sound = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n".to_owned();
        for line in std::fs::read_to_string(dir.join("pieces.csv")).unwrap().lines() {
            let fields: Vec<_> = line.split(',').collect();
            let (begin_s, end_s): (f64, f64) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
            let piece = dir.join(fields[0]);
            // Where ffmpeg begins a transport stream, its picture's reordering aside.
            let time = std::time::Duration::from_secs_f64(begin_s + 1.4).as_micros() * 9 / 100;
            let tag = timed_tag(u64::try_from(time).unwrap());
            std::fs::write(&piece, [tag, std::fs::read(&piece).unwrap()].concat()).unwrap();
            writeln!(sound, "#EXTINF:{:.6},\n{}", end_s - begin_s, fields[0]).unwrap();
        }
        std::fs::write(dir.join("sound.m3u8"), sound + "#EXT-X-ENDLIST\n").unwrap();
        let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"sound\",DEFAULT=YES,URI=\"sound.m3u8\"\n\
                      #EXT-X-STREAM-INF:BANDWIDTH=500000,AUDIO=\"sound\"\nindex.m3u8\n";
        std::fs::write(dir.join("master.m3u8"), master).unwrap();
    })
}

/// An ID3 tag that tells a time of 90 kHz.
fn timed_tag(time: u64) -> Vec<u8> {
    let owner = b"com.apple.streaming.transportStreamTimestamp\0";
    let body = [&owner[..], &time.to_be_bytes()].concat();
    let frame = [
        &b"PRIV\0\0\0"[..],
        &[u8::try_from(body.len()).unwrap(), 0, 0],
        &body,
    ]
    .concat();
    [
        &b"ID3\x04\0\0\0\0\0"[..],
        &[u8::try_from(frame.len()).unwrap()],
        &frame,
    ]
    .concat()
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

/// MPEG-2 with AAC, in short segments, on a clock that starts over midway.
pub fn mpeg2_wraps() -> PathBuf {
    let codecs = ["-c:v", "mpeg2video", "-bf", "2", "-g", "25"];
    let rest = ["-hls_time", "1", "-output_ts_offset", "95438"];
    hls("mpeg2-wraps", &[], &args(&[&codecs, &rest]))
}

/// The same pictures with E-AC-3, cut into four segments anywhere but between two frames.
pub fn mpeg2_cut_anywhere() -> PathBuf {
    let movie = movie().join("movie.mp4");
    fixture("mpeg2-cut-anywhere", |dir| {
        let input = ["-i", movie.to_str().unwrap()];
        let codecs = ["-c:v", "mpeg2video", "-bf", "2", "-g", "25", "-c:a", "eac3"];
        ffmpeg(dir, &args(&[&input, &codecs, &["whole.ts"]]));
        let whole = std::fs::read(dir.join("whole.ts")).unwrap();
        let packets = whole.len() / 188;
        let mut list = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n".to_owned();
        for (number, piece) in whole.chunks(packets.div_ceil(4) * 188).enumerate() {
            std::fs::write(dir.join(format!("{number}.ts")), piece).unwrap();
            writeln!(list, "#EXTINF:3,\n{number}.ts").unwrap();
        }
        std::fs::write(dir.join("index.m3u8"), list + "#EXT-X-ENDLIST\n").unwrap();
    })
}

/// MPEG-2 and AAC twice in one playlist, with a discontinuity at which the clock starts over.
pub fn mpeg2_discontinuity() -> PathBuf {
    twice("mpeg2-discontinuity", &mpeg2_wraps())
}

/// Noisy MPEG-2 with AAC, so that few seconds make many parts, in segments of a second.
pub fn mpeg2_heavy() -> PathBuf {
    fixture("mpeg2-heavy-6-s", |dir| {
        let noise = "nullsrc=size=640x360:rate=25:duration=6,noise=alls=100:allf=t";
        let sound = "sine=frequency=440:sample_rate=44100:duration=6";
        let inputs = ["-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", sound];
        let codecs = ["-c:v", "mpeg2video", "-bf", "2", "-g", "25"];
        let rate = ["-b:v", "40M", "-maxrate", "40M", "-bufsize", "8M"];
        let rest = ["-hls_time", "1", "index.m3u8"];
        ffmpeg(dir, &args(&[&inputs, &codecs, &rate, &AAC, &HLS, &rest]));
    })
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
        ffmpeg(dir, &args(&[&input(&movie), &SPLIT, &HLS, &APART]));
    })
}

/// The muxed clip twice in one playlist, with a discontinuity at which the clock starts over.
pub fn discontinuity() -> PathBuf {
    twice("discontinuity", &muxed())
}

/// A clip twice in one playlist.
fn twice(name: &str, clip: &Path) -> PathBuf {
    fixture(name, |dir| {
        copy_all(clip, dir, "");
        let list = std::fs::read_to_string(clip.join("index.m3u8")).unwrap();
        let (head, segments) = list.split_at(list.find("#EXTINF").unwrap());
        let segments = segments.replace("#EXT-X-ENDLIST\n", "");
        let twice = format!("{head}{segments}#EXT-X-DISCONTINUITY\n{segments}#EXT-X-ENDLIST\n");
        std::fs::write(dir.join("index.m3u8"), twice).unwrap();
    })
}

/// Copies a folder's files, with `prefix` before their names.
fn copy_all(from: &Path, to: &Path, prefix: &str) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        std::fs::copy(&path, to.join(format!("{prefix}{name}"))).unwrap();
    }
}

/// The movie twice in one playlist, the second time with other packet identifiers, as inserts from another packager have.
pub fn discontinuity_of_streams() -> PathBuf {
    let (movie, muxed) = (movie().join("movie.mp4"), muxed());
    fixture("discontinuity-of-streams", |dir| {
        copy_all(&muxed, dir, "");
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
