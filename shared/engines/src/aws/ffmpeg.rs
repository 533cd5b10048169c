//! ffmpeg on media of customers: what it may open, and how it is run. What is made of it: `describe`, `sound`.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::error::Result;
use crate::program::{self, Ended};

/// The containers that ffmpeg may open, by its names. Playlists are not among them: they would have it open whatever the media
/// names.
const CONTAINERS: &str = "mov,mp4,m4a,mpegts,mpeg,matroska,webm,flv,avi,asf,wav";

/// An ffmpeg that reads one file of media, from a time on or whole, and nothing else.
pub(super) fn reading(ffmpeg: &Path, media: &Path, from_ms: Option<u64>) -> Command {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-v", "error"]);
    if let Some(from_ms) = from_ms {
        command
            .arg("-ss")
            .arg(format!("{}.{:03}", from_ms / 1000, from_ms % 1000));
    }
    command
        .args(["-protocol_whitelist", "file,pipe"])
        .args(["-format_whitelist", CONTAINERS, "-i"])
        .arg(media);
    command
}

/// Runs it to its end, for so long at most. Whether that is a success is for the caller to say.
pub(super) async fn run(command: &mut Command, timeout: Duration) -> Result<Ended> {
    program::run("ffmpeg", command, timeout, &mut tokio::io::sink()).await
}
