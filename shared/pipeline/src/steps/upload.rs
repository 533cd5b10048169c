//! Upload: each deliverable as an asset at Kaltura, seen READY.
//!
//! The state machine calls this step again and again, with a wait between, until every asset is READY; each call does what
//! can be done now and answers. An add is written down before and after, since the server does not deduplicate it (spec
//! 7); a content is set by URL with signed headers, and by upload token once that has failed often enough. Only assets in
//! our own record are written to.

use captions::CaptionFormat;
use kaltura::objects::EntryStatus;
use kaltura::{AssetId, AssetStatus, ContentResource, NewCaptionAsset};
use serde::Serialize;

use super::{StepInput, Task};
use crate::context::Context;
use crate::error::{Refusal, Result, StepError};
use crate::plan::{Deliverable, Plan};
use crate::record::{DeliverableRecord, Import, StoredResult};
use crate::render;
use crate::telemetry::names;

/// After this many failed imports by URL the deliverable goes up by upload token.
pub const URL_TRIES: u32 = 3;

/// An import that runs longer than this is not waited for any more. Kaltura tries three times, 5 minutes apart, and each
/// may queue (spec 3.2): far beyond any import seen to end well.
pub const IMPORT_LONGEST_S: u64 = 2 * 60 * 60;

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
    super::run(ctx, "upload", input, upload).await
}

async fn upload(task: &mut Task<'_>) -> Result<UploadOutcome> {
    let plan = task
        .record
        .plan
        .clone()
        .ok_or_else(|| task.out_of_order("upload", "a plan"))?;
    let mut wait_s = None;
    for (index, deliverable) in plan.deliverables.iter().enumerate() {
        if task.record.deliverables.get(index).is_some_and(|done| done.ready) {
            continue;
        }
        let looked_again_after_s = deliver(task, &plan, index, deliverable).await?;
        wait_s = wait_s.into_iter().chain(looked_again_after_s).min();
    }
    Ok(match wait_s {
        Some(wait_s) => UploadOutcome::Importing { wait_s },
        None => UploadOutcome::Delivered { wait_s: 0 },
    })
}

/// One step further for one deliverable: `None` when its asset is READY, else the seconds to wait.
async fn deliver(
    task: &mut Task<'_>,
    plan: &Plan,
    index: usize,
    deliverable: &Deliverable,
) -> Result<Option<u64>> {
    let Deliverable::Caption { format, .. } = deliverable;
    if task.deliverable(index)?.key.is_none() {
        render_caption(task, plan, index, *format).await?;
    }
    let Some(asset_id) = task.deliverable(index)?.asset_id.clone() else {
        return match add_caption(task, index, deliverable).await? {
            Added::Now(asset_id) => set_content(task, index, &asset_id).await,
            // Its content may be on its way already: look first.
            Added::Before(asset_id) => look(task, index, &asset_id).await,
        };
    };
    look(task, index, &asset_id).await
}

/// Looks how far an asset is, and goes on from there.
async fn look(task: &mut Task<'_>, index: usize, asset_id: &AssetId) -> Result<Option<u64>> {
    let asset = match task
        .with_key(async |client| client.caption_get(asset_id).await)
        .await
    {
        Err(error) if error.name() == "CAPTION_ASSET_ID_NOT_FOUND" => {
            return deleted(task, index, asset_id).await;
        }
        outcome => outcome?,
    };
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let import = task.deliverable(index)?.import.clone();
    match asset.status {
        Some(AssetStatus::Ready) => {
            task.change_deliverable(index, |record| record.ready = true, Some("asset READY"))
                .await?;
            Ok(None)
        }
        Some(AssetStatus::Error) => {
            let description = asset.description.clone().unwrap_or_default();
            if !import_may_be_repeated(&description) {
                return Err(StepError::ContentRejected {
                    asset_id: asset_id.to_string(),
                    description,
                });
            }
            if import.begun_epoch_s.is_some() {
                metrics::counter!(names::IMPORT_RETRIES).increment(1);
                tracing::warn!(asset_id = %asset_id, description, tries = import.url_tries, "an import failed");
                task.change_deliverable(
                    index,
                    |record| {
                        record.import.begun_epoch_s = None;
                        record.import.last_failure = Some(description.clone());
                    },
                    Some("import failed"),
                )
                .await?;
            }
            set_content(task, index, asset_id).await
        }
        // QUEUED: no content was ever set, or the answer of the call that set it was lost before it took effect.
        Some(AssetStatus::Queued) | None => set_content(task, index, asset_id).await,
        Some(AssetStatus::Deleted) => deleted(task, index, asset_id).await,
        // IMPORTING and whatever else is under way: never a second setContent beside it.
        Some(_) => {
            let age_s = now_epoch_s.saturating_sub(import.begun_epoch_s.unwrap_or(now_epoch_s));
            if age_s > IMPORT_LONGEST_S {
                return Err(StepError::ImportStuck {
                    asset_id: asset_id.to_string(),
                    age_s,
                });
            }
            task.change_deliverable(
                index,
                |record| {
                    record.import.looks += 1;
                    // The call that began it may have lost its answer before the record knew.
                    record.import.begun_epoch_s.get_or_insert(now_epoch_s);
                },
                None,
            )
            .await?;
            Ok(Some(wait_s(import.looks)))
        }
    }
}

/// Our asset is not there any more: with its entry, which ends the order; or alone, which takes another one.
async fn deleted(task: &mut Task<'_>, index: usize, asset_id: &AssetId) -> Result<Option<u64>> {
    let entry_id = task
        .record
        .entry_id
        .clone()
        .ok_or_else(|| task.out_of_order("upload", "an entry"))?;
    let entry = task
        .with_key(async |client| client.entry(&entry_id).await)
        .await?;
    if entry.status.as_ref().is_some_and(EntryStatus::is_deleted) {
        return Err(Refusal::EntryGone {
            entry_id: entry_id.to_string(),
            code: "deleted".to_owned(),
        }
        .into());
    }
    tracing::warn!(asset_id = %asset_id, "our asset was deleted at kaltura, another is added");
    task.change_deliverable(
        index,
        |record| {
            record.asset_id = None;
            record.add_begun_epoch_s = None;
            record.import = Import::default();
        },
        Some("asset deleted at kaltura"),
    )
    .await?;
    Ok(Some(WAIT_FIRST_S))
}

/// Seconds until the next look: doubling, from [`WAIT_FIRST_S`] to [`WAIT_LONGEST_S`].
fn wait_s(looks: u32) -> u64 {
    WAIT_FIRST_S
        .checked_shl(looks.min(16))
        .unwrap_or(WAIT_LONGEST_S)
        .min(WAIT_LONGEST_S)
}

/// Whether a failed import is worth another try. Kaltura writes the download's own failures into the description
/// (`KAsyncImport`: "Failed while reading file. HTTP Error: [403]", curl errors, time-outs); an asset that failed for its
/// content has no such words (`CaptionAsset::preUpdate` only sets the status).
fn import_may_be_repeated(description: &str) -> bool {
    let text = description.to_ascii_lowercase();
    [
        "failed while reading",
        "http error",
        "curl",
        "timeout",
        "timed out",
        "time out",
        "connect",
        "download",
        "partial",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// Begins the import, or uploads. Written down before and after.
async fn set_content(task: &mut Task<'_>, index: usize, asset_id: &AssetId) -> Result<Option<u64>> {
    task.still_ours().await?;
    let record = task.deliverable(index)?.clone();
    let key = record
        .key
        .clone()
        .ok_or_else(|| task.out_of_order("upload", "a rendered file"))?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    if record.import.url_tries < URL_TRIES && !task.ctx.config.upload_tokens_only {
        task.change_deliverable(
            index,
            |record| {
                record.import = Import {
                    url_tries: record.import.url_tries + 1,
                    begun_epoch_s: Some(now_epoch_s),
                    looks: 0,
                    ..record.import.clone()
                };
            },
            Some("import by URL begun"),
        )
        .await?;
        let signed = task.ctx.objects()?.sign_get(&key, now_epoch_s).await?;
        let resource = ContentResource::url(&signed.url, &signed.header_lines)?;
        let asset = task
            .with_key(async |client| client.caption_set_content(asset_id, &resource).await)
            .await?;
        tracing::info!(asset_id = %asset_id, status = ?asset.status, "content set by URL");
        return Ok(Some(wait_s(0)));
    }
    let content = task
        .ctx
        .objects()?
        .get(&key)
        .await?
        .ok_or_else(|| task.out_of_order("upload", "the rendered file in S3"))?;
    // Kaltura takes the extension of the uploaded file for the asset's (spec 5).
    let file_name = key.rsplit('/').next().unwrap_or("deliverable").to_owned();
    let token = task
        .with_key(async |client| client.upload_file(&file_name, content.clone()).await)
        .await?;
    task.change_deliverable(
        index,
        |record| {
            record.import = Import {
                by_upload_token: true,
                begun_epoch_s: Some(now_epoch_s),
                looks: 0,
                ..record.import.clone()
            };
        },
        Some("uploaded by token"),
    )
    .await?;
    let resource = ContentResource::upload_token(&token);
    let asset = task
        .with_key(async |client| client.caption_set_content(asset_id, &resource).await)
        .await?;
    match asset.status {
        Some(AssetStatus::Ready) => {
            task.change_deliverable(index, |record| record.ready = true, Some("asset READY"))
                .await?;
            Ok(None)
        }
        Some(AssetStatus::Error) => Err(StepError::ContentRejected {
            asset_id: asset_id.to_string(),
            description: asset.description.unwrap_or_default(),
        }),
        _ => Ok(Some(wait_s(0))),
    }
}

/// An asset of ours.
enum Added {
    /// Added just now: it has no content.
    Now(AssetId),
    /// Made by an earlier add whose answer was lost.
    Before(AssetId),
}

/// Adds the asset, unless an earlier add whose answer was lost has made it.
async fn add_caption(task: &mut Task<'_>, index: usize, deliverable: &Deliverable) -> Result<Added> {
    let Deliverable::Caption {
        format,
        language,
        label,
        is_default,
    } = deliverable;
    let entry_id = task
        .record
        .entry_id
        .clone()
        .ok_or_else(|| task.out_of_order("upload", "an entry"))?;
    let mark = task.record.mark(index);
    if task.deliverable(index)?.add_begun_epoch_s.is_some() {
        match find_by_mark(task, &entry_id, &mark).await? {
            Found::Asset(asset_id) => {
                task.change_deliverable(
                    index,
                    |record| record.asset_id = Some(asset_id.clone()),
                    Some("asset found by its mark"),
                )
                .await?;
                return Ok(Added::Before(asset_id));
            }
            Found::Nothing => {}
            Found::Refused => {
                task.change_deliverable(
                    index,
                    |record| record.abandoned_adds += 1,
                    Some("an add lost its answer and the list is refused: an empty asset may be left"),
                )
                .await?;
            }
        }
    }
    task.still_ours().await?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change_deliverable(index, |record| record.add_begun_epoch_s = Some(now_epoch_s), None)
        .await?;
    let accuracy = task.result()?.accuracy_percent;
    let new = NewCaptionAsset {
        format: match format {
            CaptionFormat::Srt => kaltura::CaptionType::Srt,
            CaptionFormat::Dfxp => kaltura::CaptionType::Dfxp,
            CaptionFormat::Vtt => kaltura::CaptionType::WebVtt,
        },
        file_ext: format.extension().to_owned(),
        accuracy,
        language: language.clone(),
        is_default: *is_default,
        display_on_player: true,
        label: label.clone(),
        partner_data: mark,
        usage: None,
    };
    let asset = task
        .with_key(async |client| client.caption_add(&entry_id, &new).await)
        .await?;
    let added = format!("asset {} added", asset.id);
    task.change_deliverable(
        index,
        |record| record.asset_id = Some(asset.id.clone()),
        Some(&added),
    )
    .await?;
    Ok(Added::Now(asset.id))
}

/// What there is of an add whose answer was lost.
enum Found {
    Asset(AssetId),
    Nothing,
    /// The server doesn't let us look.
    Refused,
}

/// Looks for the asset of a lost answer by the mark in its `partnerData`. Where the server refuses a list (the customer's
/// rules may, spec 1.1), there is nothing to find it by, and another is added; the empty one stays QUEUED and invisible.
async fn find_by_mark(task: &mut Task<'_>, entry_id: &kaltura::EntryId, mark: &str) -> Result<Found> {
    match task
        .with_key(async |client| client.caption_list(entry_id).await)
        .await
    {
        Ok(assets) => Ok(assets
            .into_iter()
            .find(|asset| asset.partner_data.as_deref() == Some(mark))
            .map_or(Found::Nothing, |asset| Found::Asset(asset.id))),
        Err(StepError::Kaltura(error)) if error.is_forbidden() => {
            tracing::warn!("an add lost its answer and captionAsset.list is refused: adding again");
            Ok(Found::Refused)
        }
        Err(error) => Err(error),
    }
}

/// Renders the captions into S3. The key is the same at each repeat, and so is the content.
async fn render_caption(task: &mut Task<'_>, plan: &Plan, index: usize, format: CaptionFormat) -> Result<()> {
    let order = super::process::load_order(task).await?;
    let result_key = task.result()?.key.clone();
    let json = task
        .ctx
        .objects()?
        .get(&result_key)
        .await?
        .ok_or_else(|| task.out_of_order("upload", "the engine's result in S3"))?;
    let result = engines::JobResult::from_json(&json)?;
    let mut transcript = result
        .transcript()
        .cloned()
        .ok_or_else(|| task.out_of_order("upload", "a transcript"))?;
    render::edit(
        &mut transcript,
        &plan.style,
        &plan.source_bcp47,
        &order.dictionary,
    );
    let file = render::caption_file(&transcript, &plan.style, &plan.source_bcp47, format);
    let size_bytes = file.len() as u64;
    let key = format!(
        "deliverables/{}/{}-{}.{}",
        task.record.task_id,
        index,
        plan.source_bcp47,
        format.extension()
    );
    task.ctx
        .objects()?
        .put(&key, file.into(), format.mime_type())
        .await?;
    task.change_deliverable(
        index,
        |record| {
            record.key = Some(key.clone());
            record.size_bytes = size_bytes;
        },
        Some("rendered"),
    )
    .await
}

impl Task<'_> {
    fn deliverable(&self, index: usize) -> Result<&DeliverableRecord> {
        self.record
            .deliverables
            .get(index)
            .ok_or_else(|| self.out_of_order("upload", "a record of the deliverable"))
    }

    fn result(&self) -> Result<&StoredResult> {
        self.record
            .result
            .as_ref()
            .ok_or_else(|| self.out_of_order("upload", "the engine's result"))
    }

    async fn change_deliverable(
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
    fn only_a_failed_download_is_repeated() {
        for description in [
            "Failed while reading file. HTTP Error: [403]",
            "Error: Operation timed out",
            "curl error 7",
        ] {
            assert!(import_may_be_repeated(description), "{description}");
        }
        for description in ["", "invalid caption content", "File type restricted"] {
            assert!(!import_may_be_repeated(description), "{description}");
        }
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
