//! Upload: each deliverable as what it is to be at Kaltura, seen READY.
//!
//! The state machine calls this step again and again, with a wait between, until every asset is READY; each call does what
//! can be done now and answers. What lives here: the order in which deliverables go, and what ties them together at the end.
//! What does not: an asset's way (`asset`), and what is no asset but a part of the entry (`entry`).

mod asset;
mod entry;
mod kind;

pub use asset::{IMPORT_LONGEST_S, URL_TRIES};
use kaltura::{AssetId, CaptionUpdate};
use serde::Serialize;

use self::kind::AssetKind;
use super::process::plan_of;
use super::{StepInput, Task, live};
use crate::context::Context;
use crate::error::Result;
use crate::plan::{Deliverable, Plan, TranscriptForm};
use crate::record::{DeliverableRecord, DeliveredAs};

/// Waits between looks at an import: first, and at most.
const WAIT_FIRST_S: u64 = 2;
const WAIT_LONGEST_S: u64 = 60;

/// What the state machine does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum UploadOutcome {
    /// An import runs at Kaltura: come again after `wait_s` seconds.
    Importing {
        /// Seconds to wait.
        wait_s: u64,
    },
    /// Every asset is READY.
    Delivered {
        /// Always 0: the state machine reads the same fields of both.
        wait_s: u64,
    },
}

/// Brings the deliverables of a task as far as they can be brought now.
pub async fn run(ctx: &Context, input: &StepInput) -> Result<UploadOutcome> {
    super::run(ctx, "upload", input, async |task| {
        let outcome = upload(task).await;
        outcome.map_err(|error| live::of_recording(task, error))
    })
    .await
}

async fn upload(task: &mut Task<'_>) -> Result<UploadOutcome> {
    let plan = plan_of(task, "upload")?.clone();
    if !plan.deliverables.is_empty() {
        live::find_recording(task).await?;
    }
    let mut wait_s = None;
    for (index, deliverable) in plan.deliverables.iter().enumerate() {
        if task.record.deliverables.get(index).is_some_and(|done| done.ready) {
            continue;
        }
        let looked_again_after_s = match deliverable.delivered_as() {
            DeliveredAs::CuePoints => entry::add_chapters(task, index).await?,
            DeliveredAs::Tags => entry::merge_tags(task, index, deliverable).await?,
            _ => asset::deliver(task, index, deliverable).await?,
        };
        wait_s = wait_s.into_iter().chain(looked_again_after_s).min();
    }
    if wait_s.is_none() {
        wait_s = link_transcripts(task, &plan).await?;
    }
    Ok(match wait_s {
        Some(wait_s) => UploadOutcome::Importing { wait_s },
        None => UploadOutcome::Delivered { wait_s: 0 },
    })
}

/// Tells the captions which transcripts belong to them: "the TXT and DFXP ID" (guide, "Captions", `associatedTranscriptIds`). The
/// timed JSON is an asset of the entry and no related file of the captions. Safe to repeat: the same ids are set again. Captions that
/// were deleted since they were READY are as any asset that was: the seconds until the next look are answered then.
async fn link_transcripts(task: &mut Task<'_>, plan: &Plan) -> Result<Option<u64>> {
    let ids_of = |wanted: fn(&Deliverable) -> bool| -> Vec<AssetId> {
        let both = plan.deliverables.iter().zip(&task.record.deliverables);
        both.filter(|(deliverable, _)| wanted(deliverable))
            .filter_map(|(_, record)| record.asset_id.clone())
            .collect()
    };
    let transcripts = ids_of(
        |deliverable| matches!(deliverable, Deliverable::Transcript { form, .. } if *form != TranscriptForm::Json),
    );
    let mut both = plan
        .deliverables
        .iter()
        .zip(&task.record.deliverables)
        .enumerate();
    let caption = both.find_map(|(index, (deliverable, record))| match deliverable {
        Deliverable::Caption { .. } => Some((index, record.asset_id.clone()?)),
        _ => None,
    });
    let Some((index, caption)) = caption else {
        return Ok(None);
    };
    if transcripts.is_empty() || task.record.transcripts_linked {
        return Ok(None);
    }
    task.still_ours().await?;
    let ids: Vec<&str> = transcripts.iter().map(AssetId::as_str).collect();
    let update = CaptionUpdate {
        associated_transcript_ids: Some(ids.join(",")),
        ..CaptionUpdate::default()
    };
    let updated = task.with_key(async |client| client.caption_update(&caption, &update).await);
    match updated.await {
        Err(error) if error.name() == AssetKind::Caption.not_found() => {
            return asset::deleted(task, index, &caption).await;
        }
        outcome => outcome?,
    };
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change(|record| {
        record.transcripts_linked = true;
        record.note(now_epoch_s, format!("{} transcripts linked", transcripts.len()));
    })
    .await?;
    Ok(None)
}

/// Seconds until the next look: doubling, from [`WAIT_FIRST_S`] to [`WAIT_LONGEST_S`].
fn wait_s(looks: u32) -> u64 {
    WAIT_FIRST_S
        .checked_shl(looks.min(16))
        .unwrap_or(WAIT_LONGEST_S)
        .min(WAIT_LONGEST_S)
}

impl Task<'_> {
    fn deliverable(&self, index: usize) -> Result<&DeliverableRecord> {
        self.record
            .deliverables
            .get(index)
            .ok_or_else(|| self.out_of_order("upload", "a record of the deliverable"))
    }

    /// The entry that deliverables go to: that of the order, or the recording of its event.
    fn entry_id(&self) -> Result<kaltura::EntryId> {
        let recording = self.record.live.as_ref().and_then(|live| live.recording.clone());
        recording
            .or_else(|| self.record.entry_id.clone())
            .ok_or_else(|| self.out_of_order("upload", "an entry"))
    }

    /// The rendered file of a deliverable.
    fn file_key(&self, index: usize) -> Result<String> {
        self.deliverable(index)?
            .key
            .clone()
            .ok_or_else(|| self.out_of_order("upload", "a rendered file"))
    }

    async fn file(&self, index: usize) -> Result<bytes::Bytes> {
        let key = self.file_key(index)?;
        let content = self.ctx.objects()?.get(&key).await?;
        content.ok_or_else(|| self.out_of_order("upload", "the rendered file in S3"))
    }

    pub(super) async fn change_deliverable(
        &mut self,
        index: usize,
        change: impl Fn(&mut DeliverableRecord),
        what: Option<&str>,
    ) -> Result<()> {
        let now_epoch_s = self.ctx.clock.now_epoch_s();
        self.change(|record| {
            if let Some(deliverable) = record.deliverables.get_mut(index) {
                change(deliverable);
            }
            if let Some(what) = what {
                record.note(now_epoch_s, format!("deliverable {index}: {what}"));
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<u64> = (0..8).map(wait_s).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(wait_s(u32::MAX), 60);
    }

    #[test]
    fn the_state_machine_reads_outcome_and_wait() {
        let json = |outcome| serde_json::to_string(&outcome).unwrap();
        assert_eq!(
            json(UploadOutcome::Importing { wait_s: 4 }),
            r#"{"outcome":"importing","wait_s":4}"#
        );
        assert_eq!(
            json(UploadOutcome::Delivered { wait_s: 0 }),
            r#"{"outcome":"delivered","wait_s":0}"#
        );
    }
}
