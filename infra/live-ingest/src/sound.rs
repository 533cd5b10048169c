//! The sound of a stream: ffmpeg reads it from the RTMP server beside us, and gives samples as they come.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::error::{IngestError, Result};
use crate::recogniser::SAMPLE_RATE_HZ;

/// As much as is read at once: half a second.
const PIECE_BYTES: usize = 16 * 1024;

/// What comes of a stream, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// The time stamp of the first sample, in seconds: once, before any samples.
    FirstPts(f64),
    /// Samples, as a recogniser wants them.
    Samples(Vec<u8>),
}

/// Reads a stream until it ends, or until nobody wants it any more. Dropped, ffmpeg is ended.
pub(crate) async fn read(ffmpeg: &Path, url: &str, pieces: mpsc::Sender<Piece>) -> Result<()> {
    let failed = |detail: String| IngestError::Program {
        program: "ffmpeg",
        // The address is the stream's password.
        detail: detail.replace(url, "<stream>"),
    };
    // Without `-fflags nobuffer`, which throws away the sound by which the stream is found out.
    // Time stamps as they came; a gap in them is filled with silence, so that samples and time stamps stay together.
    let filter = format!("ashowinfo,aresample={SAMPLE_RATE_HZ}:async=1:min_hard_comp=0.1");
    let mut child = Command::new(ffmpeg)
        .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "info"])
        .args(["-analyzeduration", "500000", "-copyts", "-i", url])
        .args([
            "-map",
            "0:a:0",
            "-vn",
            "-af",
            &filter,
            "-ac",
            "1",
            "-f",
            "s16le",
            "-flush_packets",
            "1",
            "pipe:1",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (Some(mut stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed("its pipes are missing".to_owned()));
    };
    let (tell_pts, first_pts) = tokio::sync::oneshot::channel();
    let talking = async {
        let mut tell_pts = Some(tell_pts);
        let mut last = String::new();
        let mut lines = BufReader::new(stderr).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line);
            match pts_s(&line) {
                Some(pts_s) => {
                    if let Some(tell) = tell_pts.take() {
                        // Nobody may wait any more.
                        let _ = tell.send(pts_s);
                    }
                }
                None if !line.trim().is_empty() => line.trim().clone_into(&mut last),
                None => {}
            }
        }
        last
    };
    let sounding = async {
        let Ok(pts_s) = first_pts.await else { return };
        if pieces.send(Piece::FirstPts(pts_s)).await.is_err() {
            return;
        }
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(read @ 1..) = stdout.read(&mut piece).await {
            if pieces.send(Piece::Samples(piece[..read].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let last = tokio::select! {
        (last, ()) = async { tokio::join!(talking, sounding) } => last,
        () = pieces.closed() => return Ok(()),
    };
    match child.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("{status}: {last}"))),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// The time stamp in a line of the filter that shows frames.
fn pts_s(line: &str) -> Option<f64> {
    let rest = line.split("pts_time:").nth(1)?;
    let number = rest.split_whitespace().next()?;
    number.parse().ok().filter(|pts: &f64| pts.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_stamp_is_read_from_what_ffmpeg_says_of_a_frame() {
        let line = "[Parsed_ashowinfo_0 @ 0x5635b4af54c0] n:0 pts:4523646 pts_time:102.577 pos:23926 fmt:fltp \
                    channels:1 rate:44100 nb_samples:1024";
        assert_eq!(pts_s(line), Some(102.577));
        assert_eq!(pts_s("n:0 pts:NOPTS pts_time:NOPTS pos:1"), None);
        assert_eq!(pts_s("Stream #0:0: Audio: aac (LC), 44100 Hz"), None);
    }

    #[tokio::test]
    async fn the_sound_of_a_file_comes_with_its_first_time_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tone.flv");
        let made = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "sine=frequency=440:duration=2",
                "-c:a",
                "aac",
            ])
            .args(["-output_ts_offset", "100"])
            .arg(&file)
            .status()
            .await
            .unwrap();
        assert!(made.success());
        let (tell, mut pieces) = mpsc::channel(100);
        read(Path::new("ffmpeg"), file.to_str().unwrap(), tell)
            .await
            .unwrap();
        let Some(Piece::FirstPts(pts_s)) = pieces.recv().await else {
            panic!("the time stamp comes first");
        };
        assert!((pts_s - 100.0).abs() < 0.1, "{pts_s}");
        let mut bytes = 0;
        while let Some(piece) = pieces.recv().await {
            let Piece::Samples(samples) = piece else {
                panic!("one time stamp only")
            };
            bytes += samples.len();
        }
        let sound_ms = bytes / crate::recogniser::BYTES_PER_MS;
        assert!((1_900..2_200).contains(&sound_ms), "{sound_ms} ms");
    }

    #[tokio::test]
    async fn a_stream_that_is_not_there_is_an_error_without_its_address() {
        let (tell, _pieces) = mpsc::channel(1);
        let error = read(Path::new("ffmpeg"), "/nowhere/secret-key", tell)
            .await
            .unwrap_err();
        assert_eq!(error.name(), "Program");
        assert!(!error.to_string().contains("secret-key"), "{error}");
    }
}
