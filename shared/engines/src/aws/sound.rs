//! The sound of media that is too large for Transcribe, which takes 2 GB: people are given the largest flavor there is, and of
//! an hour's picture in full size the sound is a hundredth.

use std::path::Path;
use std::time::Duration;

use super::ffmpeg::{reading, run};
use super::verdict::{MAX_SIZE_BYTES, too_large};
use crate::contract::JobFiles;
use crate::error::{EngineError, Result};
use crate::job::{JobRequest, MediaRef};

/// The largest media whose sound is taken: a function has 10 GB of disk, and the sound must fit beside it.
const MAX_LOCAL_BYTES: u64 = 8_000_000_000;
/// How long ffmpeg may take: it copies the sound and decodes nothing.
const TIMEOUT: Duration = Duration::from_mins(8);
/// The media as Transcribe takes it: as it is where that is known to be small enough or its size isn't known, else its sound,
/// copied into a file under the job's own keys. Safe to repeat.
///
/// Without ffmpeg, and where not even the sound is small enough, it is refused.
pub(super) async fn within_the_limit(
    request: &JobRequest,
    ffmpeg: Option<&Path>,
    files: &dyn JobFiles,
) -> Result<MediaRef> {
    let media = request.media()?;
    let Some(size_bytes) = media.size_bytes.filter(|size_bytes| *size_bytes > MAX_SIZE_BYTES) else {
        return Ok(media.clone());
    };
    let told = format!("media `{}` has {size_bytes} bytes", media.key);
    let Some(ffmpeg) = ffmpeg.filter(|_| size_bytes <= MAX_LOCAL_BYTES) else {
        return Err(too_large(&told));
    };
    // WebM's sound goes into no MP4 that Transcribe takes.
    let container = if media.container == "webm" { "webm" } else { "mp4" };
    let name = format!("aws-{}-sound.{container}", request.work.kind().name());
    let path = files.work_dir().join(&name);
    let from = files.media(media).await?;
    copy_sound(ffmpeg, media, &from, container, &path).await?;
    let sound_bytes = tokio::fs::metadata(&path)
        .await
        .map_err(|error| EngineError::Files {
            action: format!("look at the sound of `{}`", media.key),
            detail: error.to_string(),
        })?
        .len();
    if sound_bytes > MAX_SIZE_BYTES {
        return Err(too_large(&format!("{told}, {sound_bytes} of them sound")));
    }
    tracing::info!(job_id = %request.job_id, size_bytes, sound_bytes, "the media is too large, its sound is not");
    Ok(MediaRef {
        key: files.keep(&name, &path).await?,
        container: container.to_owned(),
        duration_ms: media.duration_ms,
        size_bytes: Some(sound_bytes),
    })
}

async fn copy_sound(ffmpeg: &Path, media: &MediaRef, from: &Path, container: &str, to: &Path) -> Result<()> {
    let mut command = reading(ffmpeg, from, None);
    command
        .args(["-map", "0:a", "-c", "copy", "-f", container, "-y"])
        .arg(to);
    let ended = run(&mut command, TIMEOUT).await?;
    let said = ended.stderr_tail.trim();
    if ended.status.success() {
        return Ok(());
    }
    Err(if said.contains("matches no streams") {
        EngineError::NoAudio {
            media: media.key.clone(),
        }
    } else if said.contains("No space left") {
        EngineError::Files {
            action: format!("write the sound of `{}`", media.key),
            detail: said.to_owned(),
        }
    } else {
        EngineError::MediaUnreadable {
            media: media.key.clone(),
            detail: said.to_owned(),
        }
    })
}
