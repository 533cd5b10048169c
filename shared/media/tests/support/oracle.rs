//! What ffmpeg and ffprobe say of a file: the oracle.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::clips::ffmpeg;

/// One stream as ffprobe sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamFacts {
    pub kind: String,
    pub codec: String,
    pub start_s: f64,
    pub duration_s: f64,
    pub packets: u64,
}

/// A program of the PATH.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| panic!("these tests need {name} on the PATH (Debian: apt-get install ffmpeg)"))
}

/// The streams of a file, picture first.
pub fn streams(path: &Path) -> Vec<StreamFacts> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_streams", "-of", "json"])
        .arg(path)
        .output()
        .expect("ffprobe can't be run: these tests need ffmpeg and ffprobe on the PATH (Debian: apt-get install ffmpeg)");
    assert!(
        output.status.success(),
        "ffprobe: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "ffprobe complains: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(f64::NAN)
    };
    let mut streams: Vec<StreamFacts> = json["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| StreamFacts {
            kind: stream["codec_type"].as_str().unwrap().to_owned(),
            codec: stream["codec_name"].as_str().unwrap().to_owned(),
            start_s: number(&stream["start_time"]),
            duration_s: number(&stream["duration"]),
            packets: stream["nb_read_packets"].as_str().unwrap().parse().unwrap(),
        })
        .collect();
    streams.sort_by(|a, b| b.kind.cmp(&a.kind));
    streams
}

/// The presentation times of one kind's packets in seconds, in decoding order.
pub fn packet_times_s(path: &Path, kind: &str) -> Vec<f64> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            kind,
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
        ])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect()
}

/// The hash of one kind of stream (`v` or `a`): of its packets with `copy`, else of what it decodes to.
pub fn stream_hash(path: &Path, kind: &str, copy: bool) -> String {
    let map = format!("0:{kind}:0");
    let mut args = vec!["-i", path.to_str().unwrap(), "-map", &map];
    if copy {
        args.extend(["-c", "copy"]);
    } else {
        // Every frame as it is: none doubled or dropped to fit a rate.
        args.extend(["-fps_mode", "passthrough"]);
    }
    args.extend(["-f", "streamhash", "-hash", "md5", "-"]);
    let text = String::from_utf8(ffmpeg(Path::new("."), &args)).unwrap();
    text.trim().rsplit('=').next().unwrap().to_owned()
}

/// The hash of every frame of picture that a file decodes to, in order.
pub fn decoded_frames(path: &Path) -> Vec<String> {
    let mut args = Vec::new();
    if path.extension().is_some_and(|extension| extension == "m3u8") {
        args.extend(["-allowed_extensions", "ALL"]);
    }
    args.extend(["-i", path.to_str().unwrap(), "-map", "0:v:0"]);
    args.extend(["-fps_mode", "passthrough", "-noautoscale"]);
    args.extend(["-f", "framehash", "-hash", "md5", "-"]);
    let text = String::from_utf8(ffmpeg(Path::new("."), &args)).unwrap();
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    frames
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

/// What ffmpeg makes of a playlist with `-c copy`, beside `ours`.
pub fn remuxed_by_ffmpeg(playlist: &Path, ours: &Path, extra: &[&str]) -> PathBuf {
    let path = ours.with_file_name("ffmpeg.mp4");
    let mut args = Vec::new();
    if playlist.extension().is_some_and(|extension| extension == "m3u8") {
        args.extend(["-allowed_extensions", "ALL"]);
    }
    args.extend(["-i", playlist.to_str().unwrap(), "-c", "copy"]);
    args.extend(extra);
    args.push(path.to_str().unwrap());
    ffmpeg(Path::new("."), &args);
    path
}
