//! An asset's way: added once, its content set, looked at until it is READY.
//!
//! An add is written down before and after, since the server does not deduplicate it (spec 7); a content is set by URL, and
//! by upload token once that has failed often enough. Only assets in our own record are written to. What differs between
//! captions, flavors and attachments stands in [`super::kind`].

use kaltura::objects::EntryStatus;
use kaltura::{AssetId, AssetStatus, ContentResource};

use super::kind::{AssetKind, Content, NewAsset};
use super::{WAIT_FIRST_S, wait_s};
use crate::error::{Refusal, Result, StepError};
use crate::plan::{Deliverable, SoundTrack};
use crate::ports::LinkMethod;
use crate::record::Import;
use crate::steps::Task;
use crate::telemetry::names;

/// After this many failed imports by URL the deliverable goes up by upload token.
pub const URL_TRIES: u32 = 3;

/// An import that runs longer than this is not waited for any more. Kaltura tries three times, 5 minutes apart, and each
/// may queue (spec 3.2): far beyond any import seen to end well, and long after its signature (15 minutes) has expired.
pub const IMPORT_LONGEST_S: u64 = 2 * 60 * 60;

/// A presigned address is used within the call that names it, or not at all.
const PRESIGNED_FOR_S: u64 = 15 * 60;

/// One step further for one deliverable: `None` when its asset is READY, else the seconds to wait.
pub(super) async fn deliver(
    task: &mut Task<'_>,
    index: usize,
    deliverable: &Deliverable,
) -> Result<Option<u64>> {
    let kind = AssetKind::of(deliverable.delivered_as())
        .ok_or_else(|| task.out_of_order("upload", "a deliverable that is an asset"))?;
    let Some(asset_id) = task.deliverable(index)?.asset_id.clone() else {
        return match add(task, kind, index, deliverable).await? {
            Added::Now(asset_id) => set_content(task, kind, index, &asset_id).await,
            // Its content may be on its way already: look first.
            Added::Before(asset_id) => look(task, kind, index, &asset_id).await,
            Added::Linked => Ok(None),
        };
    };
    look(task, kind, index, &asset_id).await
}

/// Looks how far an asset is, and goes on from there.
async fn look(task: &mut Task<'_>, kind: AssetKind, index: usize, asset_id: &AssetId) -> Result<Option<u64>> {
    let asset = match task
        .with_key(async |client| kind.get(&client, asset_id).await)
        .await
    {
        Err(error) if error.name() == kind.not_found() => {
            return deleted(task, index, asset_id).await;
        }
        outcome => outcome?,
    };
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let import = task.deliverable(index)?.import.clone();
    let is_settled = matches!(
        asset.status,
        None | Some(AssetStatus::Ready | AssetStatus::Error | AssetStatus::Queued)
    );
    if task.deliverable(index)?.content_is_old && is_settled {
        let next = set_content(task, kind, index, asset_id).await?;
        task.change_deliverable(
            index,
            |record| record.content_is_old = false,
            Some("the former asset got the new content"),
        )
        .await?;
        return Ok(next);
    }
    match asset.status {
        Some(AssetStatus::Ready) => {
            task.change_deliverable(index, |record| record.ready = true, Some("asset READY"))
                .await?;
            Ok(None)
        }
        Some(AssetStatus::Error) => {
            let description = asset.description.clone().unwrap_or_default();
            if kind.reads_content() && !import_may_be_repeated(&description) {
                return rejected(task, index, asset_id, description).await;
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
            set_content(task, kind, index, asset_id).await
        }
        // QUEUED: no content was ever set, or the answer of the call that set it was lost before it took effect.
        Some(AssetStatus::Queued) | None => set_content(task, kind, index, asset_id).await,
        Some(AssetStatus::Deleted) => deleted(task, index, asset_id).await,
        // IMPORTING and whatever else is under way: never a second setContent beside it.
        Some(_) => {
            let age_s = now_epoch_s.saturating_sub(import.begun_epoch_s.unwrap_or(now_epoch_s));
            if age_s > IMPORT_LONGEST_S {
                return stuck(task, kind, index, asset_id, age_s).await;
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

/// An import that doesn't end. Its asset is deleted, so that nothing it may still do is seen by anybody, and another one is
/// added, which gets its content by upload token. On the same asset it would not be safe: an import that fails late makes an
/// asset -1 that is READY by then, and no key opens that any more. Where an asset can't be deleted (flavors; whatever the
/// customer's rules forbid), the task is parked for an operator.
async fn stuck(
    task: &mut Task<'_>,
    kind: AssetKind,
    index: usize,
    asset_id: &AssetId,
    age_s: u64,
) -> Result<Option<u64>> {
    let stuck = || StepError::ImportStuck {
        asset_id: asset_id.to_string(),
        age_s,
    };
    if !kind.may_be_deleted() {
        return Err(stuck());
    }
    task.still_ours().await?;
    // Written down before: whoever finds the asset gone adds the next one for an upload.
    task.change_deliverable(
        index,
        |record| record.import.url_tries = URL_TRIES,
        Some("the import doesn't end, the asset is given up"),
    )
    .await?;
    tracing::warn!(asset_id = %asset_id, age_s, "an import doesn't end, its asset is deleted");
    match task
        .with_key(async |client| kind.delete(&client, asset_id).await)
        .await
    {
        Err(StepError::Kaltura(error)) if error.is_forbidden() => Err(stuck()),
        Err(error) => Err(error),
        Ok(()) => deleted(task, index, asset_id).await,
    }
}

/// Kaltura can't read the file, which is a fault of ours: the task is parked. Its next attempt, by mended code, makes the file
/// anew and sets it again.
async fn rejected(
    task: &mut Task<'_>,
    index: usize,
    asset_id: &AssetId,
    description: String,
) -> Result<Option<u64>> {
    task.change_deliverable(
        index,
        |record| {
            record.key = None;
            record.content_is_old = true;
            record.import = Import::default();
        },
        Some("kaltura rejects the content"),
    )
    .await?;
    Err(StepError::ContentRejected {
        asset_id: asset_id.to_string(),
        description,
    })
}

/// Our asset is not there any more: with its entry, which ends the order; or alone, which takes another one.
pub(super) async fn deleted(task: &mut Task<'_>, index: usize, asset_id: &AssetId) -> Result<Option<u64>> {
    let entry_id = task.entry_id()?;
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
            record.ready = false;
            record.add_begun_epoch_s = None;
            record.content_is_old = false;
            // What was learnt of this file's way stays: where no import by URL ended well, the next asset is uploaded to.
            record.import = Import {
                url_tries: record.import.url_tries,
                last_failure: record.import.last_failure.clone(),
                ..Import::default()
            };
        },
        Some("asset deleted at kaltura"),
    )
    .await?;
    Ok(Some(WAIT_FIRST_S))
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
async fn set_content(
    task: &mut Task<'_>,
    kind: AssetKind,
    index: usize,
    asset_id: &AssetId,
) -> Result<Option<u64>> {
    task.still_ours().await?;
    let record = task.deliverable(index)?.clone();
    let key = task.file_key(index)?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let by_url = record.import.url_tries < URL_TRIES && !task.ctx.config.upload_tokens_only;
    if by_url {
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
        let resource = by_url_resource(task, kind, &key, now_epoch_s).await?;
        let set = task
            .with_key(async |client| kind.set_content(&client, asset_id, &resource).await)
            .await;
        return match set {
            Ok(asset) => settled(task, index, &asset).await,
            // Attachments are downloaded within the call: another try is due at once, and by token in the end.
            Err(error) if kind.download_failed(error.name()) => {
                tracing::warn!(asset_id = %asset_id, %error, tries = record.import.url_tries + 1, "a download failed");
                metrics::counter!(names::IMPORT_RETRIES).increment(1);
                let failure = error.to_string();
                task.change_deliverable(
                    index,
                    |record| {
                        record.import.begun_epoch_s = None;
                        record.import.last_failure = Some(failure.clone());
                    },
                    Some("download failed"),
                )
                .await?;
                Ok(Some(WAIT_FIRST_S))
            }
            Err(error) => Err(error),
        };
    }
    let token = kind.upload(task, index, &key).await?;
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
        .with_key(async |client| kind.set_content(&client, asset_id, &resource).await)
        .await?;
    settled(task, index, &asset).await
}

/// The address of the file: signed by headers where Kaltura sends them, else with the signature in it (spec 3.1).
async fn by_url_resource(
    task: &Task<'_>,
    kind: AssetKind,
    key: &str,
    now_epoch_s: u64,
) -> Result<ContentResource> {
    let objects = task.ctx.objects()?;
    Ok(if kind.sends_headers() {
        let signed = objects.sign_get(key, now_epoch_s).await?;
        ContentResource::url(&signed.url, &signed.header_lines)?
    } else {
        let url = objects
            .presign(LinkMethod::Get, key, now_epoch_s, PRESIGNED_FOR_S)
            .await?;
        ContentResource::url(url.reveal(), &[])?
    })
}

/// What the answer of a setContent says: READY at once, refused, or to be looked at.
async fn settled(task: &mut Task<'_>, index: usize, asset: &Content) -> Result<Option<u64>> {
    match asset.status {
        Some(AssetStatus::Ready) => {
            task.change_deliverable(index, |record| record.ready = true, Some("asset READY"))
                .await?;
            Ok(None)
        }
        Some(AssetStatus::Error) => {
            let description = asset.description.clone().unwrap_or_default();
            rejected(task, index, &asset.id, description).await
        }
        status => {
            tracing::info!(asset_id = %asset.id, ?status, "content set");
            Ok(Some(wait_s(0)))
        }
    }
}

/// An asset of ours.
enum Added {
    /// Added just now: it has no content.
    Now(AssetId),
    /// Made by an earlier add whose answer was lost.
    Before(AssetId),
    /// The customer's own, which is as good as ours and left as it is.
    Linked,
}

/// Adds the asset, unless an earlier add whose answer was lost has made it.
async fn add(task: &mut Task<'_>, kind: AssetKind, index: usize, deliverable: &Deliverable) -> Result<Added> {
    let entry_id = task.entry_id()?;
    let mark = task.record.mark(index);
    if task.deliverable(index)?.add_begun_epoch_s.is_some() {
        match find_by_mark(task, kind, &entry_id, &mark).await? {
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
    let accuracy = task.accuracy_percent()?;
    let new = NewAsset::of(deliverable, accuracy, mark)
        .ok_or_else(|| task.out_of_order("upload", "a deliverable that is an asset"))?;
    let asset = match task
        .with_key(async |client| new.add(&client, &entry_id).await)
        .await
    {
        Err(StepError::Kaltura(error)) if error.existing_flavor_asset().is_some() => {
            return in_the_way(task, index, deliverable, error.existing_flavor_asset()).await;
        }
        outcome => outcome?,
    };
    let added = format!("asset {} added", asset.id);
    task.change_deliverable(
        index,
        |record| record.asset_id = Some(asset.id.clone()),
        Some(&added),
    )
    .await?;
    Ok(Added::Now(asset.id))
}

/// A flavor of the same params is there already. One that carries our own mark is ours; a READY clear track of the same
/// language, as an earlier dubbing leaves it, does as well as another and is linked; whatever else is the customer's and is
/// never written over.
async fn in_the_way(
    task: &mut Task<'_>,
    index: usize,
    deliverable: &Deliverable,
    asset_id: Option<AssetId>,
) -> Result<Added> {
    let Deliverable::Sound {
        track,
        flavor_params_id,
        language,
        ..
    } = deliverable
    else {
        return Err(task.out_of_order("upload", "a sound track"));
    };
    let asset_id = asset_id.ok_or_else(|| task.out_of_order("upload", "the flavor in the way"))?;
    let flavor = task
        .with_key(async |client| client.flavor_get(&asset_id).await)
        .await?;
    if flavor.partner_data.as_deref() == Some(task.record.mark(index).as_str()) {
        task.change_deliverable(
            index,
            |record| record.asset_id = Some(asset_id.clone()),
            Some("asset found by its mark"),
        )
        .await?;
        return Ok(Added::Before(asset_id));
    }
    let same_language = flavor.language.as_deref() == Some(language.as_str());
    if *track == SoundTrack::Clear && same_language && flavor.status == Some(AssetStatus::Ready) {
        let linked = format!("the entry's own clear track {asset_id} is linked");
        task.change_deliverable(
            index,
            |record| {
                record.asset_id = Some(asset_id.clone());
                record.is_linked = true;
                record.ready = true;
            },
            Some(&linked),
        )
        .await?;
        return Ok(Added::Linked);
    }
    Err(Refusal::FlavorTaken {
        asset_id: asset_id.to_string(),
        flavor_params_id: *flavor_params_id,
    }
    .into())
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
async fn find_by_mark(
    task: &mut Task<'_>,
    kind: AssetKind,
    entry_id: &kaltura::EntryId,
    mark: &str,
) -> Result<Found> {
    match task
        .with_key(async |client| kind.list(&client, entry_id).await)
        .await
    {
        Ok(assets) => Ok(assets
            .into_iter()
            .find(|asset| asset.partner_data.as_deref() == Some(mark))
            .map_or(Found::Nothing, |asset| Found::Asset(asset.id))),
        Err(StepError::Kaltura(error)) if error.is_forbidden() => {
            tracing::warn!("an add lost its answer and its list is refused: adding again");
            Ok(Found::Refused)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
