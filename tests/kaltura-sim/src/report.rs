//! What an order has come to: the answer of `GET /_sim/orders/{id}`.

use crate::contract::Fields;
use crate::error::SimError;
use crate::ids::{AssetId, EntryId, PartnerId, TaskId};
use crate::live::LiveReport;
use crate::order::PlacedOrder;
use crate::params;
use crate::world::{Entry, Task, World, unknown};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Everything that the stand-in knows of one order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderReport {
    /// The task.
    pub task_id: TaskId,
    /// The customer's account.
    pub partner_id: PartnerId,
    /// The customer's name.
    pub partner_name: String,
    /// The entry.
    pub entry_id: EntryId,
    /// `EntryVendorTaskStatus`.
    pub status: i64,
    /// Every field of the task. The access key is among them: don't log it.
    pub task: Map<String, Value>,
    /// Whether READY charged the customer.
    pub charged: bool,
    /// Whether ERROR refunded the customer.
    pub refunded: bool,
    /// Every field of the entry.
    pub entry: Map<String, Value>,
    /// All assets of the entry and of its recording, oldest first, those from before the order among them.
    pub assets: Vec<AssetReport>,
    /// The entry's tags.
    pub tags: Vec<String>,
    /// Tags by language, as `media.update` set them.
    pub multilingual_tags: Map<String, Value>,
    /// The entry's cue points, by start time.
    pub cue_points: Vec<Map<String, Value>>,
    /// The live feature of the task, where it has one.
    pub live_feature: Option<Map<String, Value>>,
    /// What Kaltura's side saw of its event, where it is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveReport>,
    /// Every call that was made for the task, in order: by its access keys, or naming its id.
    pub calls: Vec<CallRecord>,
}

impl OrderReport {
    /// The assets that a vendor delivered, of one kind.
    pub fn delivered(&self, kind: AssetKind) -> impl Iterator<Item = &AssetReport> {
        self.assets
            .iter()
            .filter(move |asset| asset.kind == kind && asset.by_vendor)
    }
}

/// What an order has come to, in short: what a customer sees of it at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts of an order")]
pub struct OrderGlance {
    /// `EntryVendorTaskStatus`.
    pub status: i64,
    /// Whether READY charged the customer.
    pub charged: bool,
    /// Whether ERROR refunded the customer.
    pub refunded: bool,
    /// Whether the entry was deleted.
    pub is_entry_deleted: bool,
    /// The assets that a vendor added to the entry, oldest first.
    pub assets: Vec<AssetGlance>,
    /// Whether the vendor has told where to listen to the captions of its live event.
    pub has_caption_url: bool,
}

/// An asset of a vendor's, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetGlance {
    /// Its id.
    pub id: AssetId,
    /// As in [`AssetReport::status`].
    pub status: i64,
    /// Its `partnerData`; empty: none.
    pub partner_data: String,
    /// Whether its content has come.
    pub has_file: bool,
}

/// Kinds of asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// KalturaCaptionAsset.
    Caption,
    /// KalturaFlavorAsset.
    Flavor,
    /// KalturaAttachmentAsset and KalturaTranscriptAsset.
    Attachment,
}

/// One asset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AssetReport {
    /// Its id.
    pub id: AssetId,
    /// Its kind.
    pub kind: AssetKind,
    /// Whether it was added with a task's access key.
    pub by_vendor: bool,
    /// The task whose key added it.
    pub task_id: Option<TaskId>,
    /// −1 error, 0 queued, 2 ready, 7 importing, … (spec section 1.7).
    pub status: i64,
    /// Why an import failed, in the server's words.
    pub description: Option<String>,
    /// Every field, as `get` would answer it.
    pub fields: Map<String, Value>,
    /// The delivered file, once there is one.
    pub file: Option<PathBuf>,
    /// Every HTTP request that imports made for it.
    pub imports: Vec<ImportAttempt>,
    /// Sim time at which the next attempt of its import falls due, epoch milliseconds; `None`: none is waiting.
    pub next_import_at_ms: Option<i64>,
}

/// One HTTP request of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportAttempt {
    /// 1 to 3.
    pub attempt: u32,
    /// `HEAD` or `GET`.
    pub method: String,
    /// The answer's status, or `None` when there was none.
    pub http_status: Option<u16>,
    /// Sim time, epoch milliseconds.
    pub at_ms: i64,
}

/// One call of the API or of playback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallRecord {
    /// Sim time, epoch milliseconds.
    pub at_ms: i64,
    /// Service in lower case (`reach_entryvendortask`); `playmanifest`, `playlist`, `segment` or `progressive` for
    /// playback.
    pub service: String,
    /// Action as the contract spells it (`updateJob`); `get` for playback.
    pub action: String,
    /// Which session came with it.
    pub ks_kind: KsKind,
    /// The account of the session.
    pub partner_id: Option<PartnerId>,
    /// The task it was made for, where that can be told.
    pub task_id: Option<TaskId>,
    /// The caller's client tag.
    pub client_tag: Option<String>,
    /// `None` when it went well; else the API error's code, `error-<n>` of playback, or the injected fault.
    pub code: Option<String>,
    /// Milliseconds it took.
    pub duration_ms: u64,
    /// Its parameters, without sessions, secrets, header values or the query part of addresses.
    pub params: Value,
}

/// Which session came with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KsKind {
    /// None.
    None,
    /// One that can't be read, is expired or was ended.
    Invalid,
    /// An anonymous widget session.
    Widget,
    /// The vendor's own.
    Vendor,
    /// A task's access key.
    AccessKey,
    /// Another session of a customer's account.
    Customer,
}

impl World {
    pub(crate) fn placed(&self) -> Vec<PlacedOrder> {
        let tasks = self
            .task_order
            .iter()
            .filter_map(|id| self.tasks.get(id).map(|task| (id, task)));
        tasks
            .map(|(id, task)| PlacedOrder {
                task_id: id.clone(),
                entry_id: task.entry_id.clone(),
                partner_id: task.partner_id,
            })
            .collect()
    }

    pub(crate) fn status(&self, task_id: &TaskId) -> Result<i64, SimError> {
        let task = self.tasks.get(task_id);
        task.map(Task::status)
            .ok_or_else(|| unknown("task", task_id.as_str()))
    }

    fn task_and_entry(&self, task_id: &TaskId) -> Result<(&Task, &Entry), SimError> {
        let task = self
            .tasks
            .get(task_id)
            .ok_or_else(|| unknown("task", task_id.as_str()))?;
        let entry = self
            .entries
            .get(&task.entry_id)
            .ok_or_else(|| unknown("entry", task.entry_id.as_str()))?;
        Ok((task, entry))
    }

    pub(crate) fn glance(&self, task_id: &TaskId) -> Result<OrderGlance, SimError> {
        let (task, entry) = self.task_and_entry(task_id)?;
        let assets = self.assets_of(&task.entry_id).into_iter();
        let assets = assets.filter(|(_, asset)| asset.task_id.is_some());
        let assets = assets.map(|(id, asset)| AssetGlance {
            id: id.clone(),
            status: asset.status(),
            partner_data: asset.text("partnerData"),
            has_file: asset.file.is_some(),
        });
        let feature = task.live_feature.as_ref();
        Ok(OrderGlance {
            status: task.status(),
            charged: task.charged,
            refunded: task.refunded,
            is_entry_deleted: entry.deleted,
            assets: assets.collect(),
            has_caption_url: feature.is_some_and(|feature| feature.contains_key("captionUrl")),
        })
    }

    pub(crate) fn report(&self, task_id: &TaskId) -> Result<OrderReport, SimError> {
        let (task, entry) = self.task_and_entry(task_id)?;
        let recording = self.recording_of(&task.entry_id);
        let recorded = recording.iter().flat_map(|entry| self.assets_of(entry));
        let assets = self
            .assets_of(&task.entry_id)
            .into_iter()
            .chain(recorded)
            .map(|(id, asset)| AssetReport {
                id: id.clone(),
                kind: asset.kind,
                by_vendor: asset.task_id.is_some(),
                task_id: asset.task_id.clone(),
                status: asset.status(),
                description: asset.fields.get("description").and_then(params::text),
                fields: asset.fields.clone(),
                file: asset.file.clone(),
                imports: asset.imports.clone(),
                next_import_at_ms: asset.next_import_at_ms,
            });
        let mut cue_points: Vec<Fields> = self
            .cue_points
            .values()
            .filter(|cue| cue.entry_id == task.entry_id)
            .map(|cue| cue.fields.clone())
            .collect();
        cue_points.sort_by_key(|cue| cue.get("startTime").map(params::integer));
        let tags = entry
            .fields
            .get("tags")
            .and_then(params::text)
            .unwrap_or_default();
        Ok(OrderReport {
            task_id: task_id.clone(),
            partner_id: task.partner_id,
            partner_name: self
                .partners
                .get(&task.partner_id)
                .map(|partner| partner.name.clone())
                .unwrap_or_default(),
            entry_id: task.entry_id.clone(),
            status: task.status(),
            task: task.fields.clone(),
            charged: task.charged,
            refunded: task.refunded,
            entry: entry.fields.clone(),
            assets: assets.collect(),
            tags: tags
                .split(',')
                .map(str::trim)
                .filter(|tag| !tag.is_empty())
                .map(str::to_owned)
                .collect(),
            multilingual_tags: entry.multilingual_tags.clone(),
            cue_points,
            live_feature: task.live_feature.clone(),
            live: self.live.get(task_id).map(|live| live.report.clone()),
            calls: self
                .calls
                .iter()
                .filter(|call| call.task_id.as_ref() == Some(task_id))
                .cloned()
                .collect(),
        })
    }
}
