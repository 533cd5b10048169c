//! A REACH task, and a page of them.

use serde_json::Value;

use crate::enums::{CreationMode, EntryObjectType, ServiceFeature, ServiceType, TaskStatus};
use crate::error::Error;
use crate::ids::{AssetId, CatalogItemId, EntryId, PartnerId, ReachProfileId, ScheduleEventId, TaskId};
use crate::json::{Field, FromJson, Shape, list_response};
use crate::macros::kaltura_object;
use crate::objects::{CatalogItem, ReachProfile};
use crate::secret::AccessKey;

kaltura_object! {
    /// A task: one service ordered by a customer for one entry.
    ///
    /// Two calls give it, and neither gives all (spec D10): getJobs has `service_feature`, `service_type`,
    /// `turn_around_time`, `queue_time` and `expected_finish_time`; get (with the `reach_vendor` response profile) has
    /// [`related`](Self::related) instead. Keep both.
    EntryVendorTask of "KalturaEntryVendorTask" {
        /// The task.
        id: TaskId = "id",
        /// The customer's account.
        partner_id: PartnerId = "partnerId",
        /// The vendor's account.
        vendor_partner_id: Option<PartnerId> = "vendorPartnerId",
        /// When it was made.
        created_at_epoch_s: Option<u64> = "createdAt",
        /// When it last changed.
        updated_at_epoch_s: Option<u64> = "updatedAt",
        /// When it became PENDING; a newer one for a known id means that Kaltura reset the task (spec 1.3). getJobs only.
        queue_time_epoch_s: Option<u64> = "queueTime",
        /// When it ended.
        finish_time_epoch_s: Option<u64> = "finishTime",
        /// The entry; absent for external objects.
        entry_id: Option<EntryId> = "entryId",
        /// Where it is in its life.
        status: Option<TaskStatus> = "status",
        /// The customer's profile.
        reach_profile_id: Option<ReachProfileId> = "reachProfileId",
        /// What was ordered.
        catalog_item_id: Option<CatalogItemId> = "catalogItemId",
        /// What it costs the customer, in credits.
        price: Option<f64> = "price",
        /// Who ordered it. getJobs only.
        user_id: Option<String> = "userId",
        /// What the task is about.
        entry_object_type: Option<EntryObjectType> = "entryObjectType",
        /// Units charged.
        units_used: Option<i64> = "unitsUsed",
        /// Why it failed, for the customer.
        err_description: Option<String> = "errDescription",
        /// The key to the customer's entry; absent for external objects.
        access_key: Option<AccessKey> = "accessKey",
        /// The entry's version.
        version: Option<String> = "version",
        /// The customer's notes for people.
        notes: Option<String> = "notes",
        /// Words and phrases, one a line: the profile's for the catalog item's source language.
        dictionary: Option<String> = "dictionary",
        /// The customer's own data.
        context: Option<String> = "context",
        /// Accuracy in percent.
        accuracy: Option<i64> = "accuracy",
        /// The asset delivered.
        output_object_id: Option<String> = "outputObjectId",
        /// The vendor's own data: JSON as text.
        partner_data: Option<String> = "partnerData",
        /// Who placed it.
        creation_mode: Option<CreationMode> = "creationMode",
        /// What the service needs to know beyond the entry.
        task_job_data: Option<TaskJobData> = "taskJobData",
        /// When the customer expects it. getJobs only.
        expected_finish_time_epoch_s: Option<u64> = "expectedFinishTime",
        /// Who does the work. getJobs only.
        service_type: Option<ServiceType> = "serviceType",
        /// What was ordered. getJobs only.
        service_feature: Option<ServiceFeature> = "serviceFeature",
        /// `KalturaVendorServiceTurnAroundTime`: seconds from 1800 up, −1 best effort, 0 at once, 1 to 7 and 10 business
        /// days (spec 1.7). getJobs only.
        turn_around_time: Option<i64> = "turnAroundTime",
        /// The vendor's own id for it.
        external_task_id: Option<String> = "externalTaskId",
        /// The object outside Kaltura that it is about.
        external_object_id: Option<String> = "externalObjectId",
        /// Catalog item and profile, where they were asked for.
        related: RelatedObjects = "relatedObjects",
    }
}

impl EntryVendorTask {
    /// The catalog item, if the call asked for the `reach_vendor` response profile.
    pub fn catalog_item(&self) -> Option<&CatalogItem> {
        self.related.catalog_item.as_ref()
    }

    /// The customer's REACH profile, if the call asked for the `reach_vendor` response profile.
    pub fn reach_profile(&self) -> Option<&ReachProfile> {
        self.related.reach_profile.as_ref()
    }

    /// The access key, or an empty one that every call refuses.
    pub fn access_key_or_empty(&self) -> AccessKey {
        self.access_key.clone().unwrap_or_else(|| AccessKey::from(""))
    }

    /// Checks that an update took: a property that the session may not set is dropped with HTTP 200 and without an error
    /// (spec 1.1), so only the returned task tells.
    ///
    /// # Errors
    /// [`Error::StatusNotTaken`] if the task has another status.
    pub fn confirm_status(&self, wanted: TaskStatus) -> Result<(), Error> {
        if self.status == Some(wanted) {
            return Ok(());
        }
        Err(Error::StatusNotTaken {
            task_id: self.id.clone(),
            wanted,
            got: self.status,
        })
    }
}

kaltura_object! {
    /// `taskJobData`: the fields of all its subclasses in one struct, those of other services absent (spec section 2).
    TaskJobData of "KalturaVendorTaskData" | "KalturaVendorTaskDataCaptionAsset" | "KalturaTranslationVendorTaskData"
        | "KalturaAlignmentVendorTaskData" | "KalturaScheduledVendorTaskData" | "KalturaLocalizedVendorTaskData"
        | "KalturaIntelligentTaggingVendorTaskData" {
        /// The subclass.
        object_type: Option<String> = "objectType",
        /// The entry's duration in milliseconds.
        entry_duration_ms: Option<u64> = "entryDuration",
        /// The caption asset to translate or align.
        caption_asset_id: Option<AssetId> = "captionAssetId",
        /// Alignment: the transcript as text.
        text_transcript_asset_id: Option<AssetId> = "textTranscriptAssetId",
        /// Alignment: the transcript as JSON.
        json_transcript_asset_id: Option<AssetId> = "jsonTranscriptAssetId",
        /// Tagging: the asset to read.
        asset_id: Option<AssetId> = "assetId",
        /// Live: when it begins.
        start_date_epoch_s: Option<u64> = "startDate",
        /// Live: when it ends.
        end_date_epoch_s: Option<u64> = "endDate",
        /// Live: the event.
        scheduled_event_id: Option<ScheduleEventId> = "scheduledEventId",
        /// Summaries and the like: the language to write in.
        output_language: Option<String> = "outputLanguage",
    }
}

/// `relatedObjects` of a task, by the `reach_vendor` response profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RelatedObjects {
    /// `reach_vendor_catalog_item.objects[0]`.
    pub catalog_item: Option<CatalogItem>,
    /// `reach_vendor_profile.objects[0]`.
    pub reach_profile: Option<ReachProfile>,
}

impl RelatedObjects {
    /// The first object of the list `name`.
    fn first<T: FromJson>(
        lists: &mut serde_json::Map<String, Value>,
        name: &str,
    ) -> Result<Option<T>, Shape> {
        let Some(list) = lists.remove(name).filter(|list| !crate::json::no_object(list)) else {
            return Ok(None);
        };
        let (objects, _) = list_response(list).map_err(|shape| shape.under(name))?;
        let first = objects.into_iter().next();
        Option::<T>::from_field(first).map_err(|shape| shape.under("objects[0]").under(name))
    }
}

impl Field for RelatedObjects {
    fn from_field(value: Option<Value>) -> Result<Self, Shape> {
        match value {
            Some(Value::Object(mut lists)) => Ok(Self {
                catalog_item: Self::first(&mut lists, "reach_vendor_catalog_item")?,
                reach_profile: Self::first(&mut lists, "reach_vendor_profile")?,
            }),
            Some(other) if !crate::json::no_object(&other) => Err(Shape::new("a map of lists", &other)),
            _ => Ok(Self::default()),
        }
    }
}

/// A page of getJobs. One object that can't be read does not lose the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobPage {
    /// The tasks, in the server's order.
    pub jobs: Vec<EntryVendorTask>,
    /// Objects of the page that are no task this crate can read.
    pub rejected: Vec<RejectedJob>,
    /// How many tasks match in all, as the server counts.
    pub total_count: u64,
}

/// An object of a getJobs page that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedJob {
    /// Its place in the page, from 0.
    pub index: usize,
    /// The field that is wrong, what was expected and what was found.
    pub reason: String,
    /// Its id, if at least that is one.
    pub id: Option<String>,
}

impl FromJson for JobPage {
    fn from_json(value: Value) -> Result<Self, Shape> {
        let (objects, total_count) = list_response(value)?;
        let mut page = Self {
            total_count,
            ..Self::default()
        };
        for (index, object) in objects.into_iter().enumerate() {
            let id = object
                .get("id")
                .cloned()
                .and_then(|id| TaskId::from_json(id).ok());
            match EntryVendorTask::from_json(object) {
                Ok(job) => page.jobs.push(job),
                Err(Shape { what, at }) => {
                    let reason = if at.is_empty() {
                        what
                    } else {
                        format!("{at}: {what}")
                    };
                    page.rejected.push(RejectedJob {
                        index,
                        reason,
                        id: id.map(|id| id.to_string()),
                    });
                }
            }
        }
        Ok(page)
    }
}
