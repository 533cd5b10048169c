//! The customer's stream, as Kaltura relays it: ffmpeg pushes media by RTMP, as fast as it plays.

use super::Live;
use super::spec::PushSpec;
use crate::ids::TaskId;
use crate::world::Shared;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

/// Sends one stretch and returns when it has been sent, or ffmpeg has given up. Dropped, ffmpeg is ended.
pub(super) async fn push(
    shared: &Shared,
    task_id: &TaskId,
    index: usize,
    media: &Path,
    spec: &PushSpec,
    address: &str,
) {
    let note = |change: &mut dyn FnMut(&mut super::report::PushReport)| {
        Live::with(shared, task_id, |live| {
            if let Some(push) = live.report.pushes.get_mut(index) {
                change(push);
            }
        });
    };
    let mut failed = None;
    let child = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-re",
            "-ss",
            &seconds(spec.media_from_ms),
            "-i",
        ])
        .arg(media)
        .args(["-t", &seconds(spec.for_ms), "-c", "copy"])
        .args(["-output_ts_offset", &seconds(spec.first_pts_ms)])
        .args(["-progress", "pipe:1", "-stats_period", "0.5"])
        .args(["-flvflags", "no_duration_filesize", "-f", "flv", address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    match child {
        Err(error) => failed = Some(error.to_string()),
        Ok(mut child) => {
            let progress = child.stdout.take();
            let errors = child.stderr.take();
            let read_progress = async {
                let Some(progress) = progress else { return };
                let mut lines = BufReader::new(progress).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let time_us = line
                        .strip_prefix("out_time_us=")
                        .and_then(|text| text.parse::<i64>().ok());
                    let Some(sent_ms) = time_us.map(|us| us.max(0) / 1_000) else {
                        continue;
                    };
                    let first_frame_ms = shared.clock.now_ms() - sent_ms;
                    note(&mut |push| {
                        // What ffmpeg says late makes the beginning seem late, never early.
                        push.first_frame_ms = Some(
                            push.first_frame_ms
                                .map_or(first_frame_ms, |known| known.min(first_frame_ms)),
                        );
                        push.sent_ms = push.sent_ms.max(sent_ms.unsigned_abs());
                    });
                }
            };
            let read_errors = async {
                let mut text = String::new();
                if let Some(mut errors) = errors {
                    // What can't be read is no error of the stream.
                    let _ = errors.read_to_string(&mut text).await;
                }
                text
            };
            let ((), text) = tokio::join!(read_progress, read_errors);
            match child.wait().await {
                Ok(status) if status.success() => {}
                Ok(status) => {
                    let last = text.lines().rev().find(|line| !line.trim().is_empty());
                    failed = Some(
                        format!("{status}: {}", last.unwrap_or_default()).replace(address, "<mediaUrl>"),
                    );
                }
                Err(error) => failed = Some(error.to_string()),
            }
        }
    }
    let now_ms = shared.clock.now_ms();
    note(&mut |push| {
        push.ended_ms = Some(now_ms);
        push.error.clone_from(&failed);
    });
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
