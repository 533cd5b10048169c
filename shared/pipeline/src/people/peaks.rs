//! The waveform of an order's media, computed beforehand, so that nobody's browser has to decode an hour of sound.

use sound::{Source, Tools};

use crate::error::Result;
use crate::record::TaskRecord;
use crate::steps::Task;

/// Where a task's waveform is kept: `{"peaks_per_s":50,"peaks":[0..=255]}`.
pub fn key_of(record: &TaskRecord) -> String {
    format!("transcripts/{}/peaks.json", record.task_id)
}

/// Peaks a second of media of up to four hours.
const PEAKS_PER_S: u32 = 50;
/// Of longer media; so that an answer stays within what Lambda may say.
const FEWER_PEAKS_PER_S: u32 = 10;
const LONG_MS: u64 = 4 * 60 * 60 * 1_000;

/// Computes the waveform and keeps it. Safe to repeat. Where it can't be had (no ffmpeg, no sound), the work goes on without.
pub(crate) async fn prepare(task: &Task<'_>) {
    match computed(task).await {
        Ok(true) => {}
        Ok(false) => tracing::info!("the media has no file to draw a waveform of"),
        Err(error) => tracing::warn!(%error, "no waveform"),
    }
}

async fn computed(task: &Task<'_>) -> Result<bool> {
    let Some(media) = &task.record.media else {
        return Ok(false);
    };
    let objects = task.ctx.objects()?;
    let folder = crate::files::folder()?;
    let name = media.key.rsplit('/').next().unwrap_or("media");
    let path = folder.path().join(name);
    objects.download(&media.key, &path).await?;
    let is_long = media.duration_ms.is_some_and(|duration_ms| duration_ms > LONG_MS);
    let per_s = if is_long { FEWER_PEAKS_PER_S } else { PEAKS_PER_S };
    let peaks = sound::peaks(&Tools::default(), &Source::new(&path, name), per_s).await?;
    let json = serde_json::json!({ "peaks_per_s": per_s, "peaks": peaks });
    objects
        .put(&key_of(&task.record), json.to_string().into(), "application/json")
        .await?;
    Ok(true)
}
