//! `entryVendorTask` and `vendorCatalogItem`.

use serde::Serialize;
use serde_json::Value;

use super::FilterPager;
use super::asset::MAX_PAGE_SIZE;
use crate::call::call;
use crate::enums::TaskStatus;
use crate::error::{Error, Result};
use crate::ids::{CatalogItemId, TaskId};
use crate::objects::{CatalogItem, EntryVendorTask, JobPage};

/// What to list with getJobs.
///
/// The list comes from a search index that lags behind: take it as a hint, and the task's own status (from get or
/// updateJob) as the truth (spec 1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobQuery {
    /// The statuses to list: PENDING and SCHEDULED are honoured, for any other the server silently lists PENDING (spec
    /// D4). Empty lists PENDING.
    pub statuses: Vec<TaskStatus>,
    /// Only tasks made at this time or later.
    pub created_from_epoch_s: Option<u64>,
    /// Only tasks made at this time or earlier.
    pub created_until_epoch_s: Option<u64>,
    /// Tasks to leave out.
    pub not_ids: Vec<TaskId>,
    /// The order; the server's own is arbitrary.
    pub order: JobOrder,
    /// Tasks a page, 1 to 500.
    pub page_size: u32,
    /// The page, from 1. From an offset of 10,000 on the server refuses: go on by `created_from_epoch_s` instead.
    pub page_index: u32,
}

/// The order of a list of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JobOrder {
    /// Oldest first.
    #[default]
    CreatedAt,
    /// Most urgent first.
    ExpectedFinishTime,
}

impl JobOrder {
    /// The value of `filter[orderBy]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "+createdAt",
            Self::ExpectedFinishTime => "+expectedFinishTime",
        }
    }
}

impl JobQuery {
    /// The first page of the tasks in `status`, oldest first. `page_size` is brought into 1 to 500.
    pub fn new(status: TaskStatus, page_size: u32) -> Self {
        Self {
            statuses: vec![status],
            created_from_epoch_s: None,
            created_until_epoch_s: None,
            not_ids: Vec::new(),
            order: JobOrder::default(),
            page_size: page_size.clamp(1, MAX_PAGE_SIZE),
            page_index: 1,
        }
    }

    /// The call that lists this.
    pub fn call(&self) -> GetJobs {
        let join = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(",");
        let (status_equal, status_in) = match self.statuses.as_slice() {
            [] => (None, None),
            [one] => (Some(*one), None),
            several => (
                None,
                Some(join(
                    &mut several.iter().map(|status| status.number().to_string()),
                )),
            ),
        };
        let not_ids = join(&mut self.not_ids.iter().map(ToString::to_string));
        GetJobs {
            filter: JobFilter {
                order_by: self.order.name(),
                status_equal,
                status_in,
                created_at_greater_than_or_equal: self.created_from_epoch_s,
                created_at_less_than_or_equal: self.created_until_epoch_s,
                id_not_in: Some(not_ids).filter(|ids| !ids.is_empty()),
            },
            pager: FilterPager {
                page_size: self.page_size.clamp(1, MAX_PAGE_SIZE),
                page_index: self.page_index.max(1),
            },
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "objectType",
    rename = "KalturaEntryVendorTaskFilter",
    rename_all = "camelCase"
)]
struct JobFilter {
    order_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_equal: Option<TaskStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_in: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at_greater_than_or_equal: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at_less_than_or_equal: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_not_in: Option<String>,
}

/// `entryVendorTask.getJobs`: the tasks that wait for the vendor. Vendor KS. Made by [`JobQuery::call`].
#[derive(Debug, Clone, Serialize)]
pub struct GetJobs {
    filter: JobFilter,
    pager: FilterPager,
}
call!(GetJobs => "reach_entryvendortask"."getJobs", Safe -> JobPage);

/// `entryVendorTask.get` with the `reach_vendor` response profile: the task with catalog item and profile. Access key
/// (the vendor KS gets `ENTRY_VENDOR_TASK_NOT_FOUND`, spec 1.1).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetTask<'a> {
    id: &'a TaskId,
    response_profile: ResponseProfile,
}
call!(GetTask<'a> => "reach_entryvendortask"."get", Safe -> EntryVendorTask);

#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "objectType",
    rename = "KalturaResponseProfileHolder",
    rename_all = "camelCase"
)]
struct ResponseProfile {
    system_name: &'static str,
}

impl<'a> GetTask<'a> {
    /// The call for one task.
    pub fn new(id: &'a TaskId) -> Self {
        Self {
            id,
            response_profile: ResponseProfile {
                system_name: "reach_vendor",
            },
        }
    }
}

/// What updateJob changes: the fields that a vendor may write (spec 1.3). Unset ones stay as they are.
///
/// Setting READY kills the access key (spec D14); setting ERROR refunds the customer; neither can be taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(
    tag = "objectType",
    rename = "KalturaEntryVendorTask",
    rename_all = "camelCase"
)]
#[non_exhaustive]
pub struct UpdateJob {
    /// The new status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    /// Why the task failed, for the customer: to be set with ERROR (guide).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err_description: Option<String>,
    /// Accuracy in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<u8>,
    /// The asset delivered. Must be there when READY is set: the server labels that asset (spec D13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_object_id: Option<String>,
    /// The vendor's own id for the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_task_id: Option<String>,
    /// The vendor's own data: JSON as text, or the server refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner_data: Option<String>,
}

impl UpdateJob {
    /// An update that sets the status.
    pub fn new(status: TaskStatus) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Adds the reason for the customer.
    #[must_use]
    pub fn err_description(self, text: impl Into<String>) -> Self {
        Self {
            err_description: Some(text.into()),
            ..self
        }
    }

    /// Adds the accuracy in percent.
    #[must_use]
    pub fn accuracy(self, percent: u8) -> Self {
        Self {
            accuracy: Some(percent.min(100)),
            ..self
        }
    }

    /// Adds the asset delivered.
    #[must_use]
    pub fn output_object_id(self, id: impl Into<String>) -> Self {
        Self {
            output_object_id: Some(id.into()),
            ..self
        }
    }

    /// Adds the vendor's own id.
    #[must_use]
    pub fn external_task_id(self, id: impl Into<String>) -> Self {
        Self {
            external_task_id: Some(id.into()),
            ..self
        }
    }

    /// Adds the vendor's own data.
    #[must_use]
    pub fn partner_data(self, data: &Value) -> Self {
        Self {
            partner_data: Some(data.to_string()),
            ..self
        }
    }

    /// Checks that the task that updateJob answered has the status that this update set.
    ///
    /// # Errors
    /// [`Error::StatusNotTaken`] as [`EntryVendorTask::confirm_status`].
    pub fn confirm_status(&self, updated: &EntryVendorTask) -> Result<(), Error> {
        self.status
            .map_or(Ok(()), |wanted| updated.confirm_status(wanted))
    }
}

/// `entryVendorTask.updateJob`. Vendor KS. Safe to repeat: the same status again is accepted, in a final state too (spec
/// 1.3).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateTask<'a> {
    /// The task.
    pub id: &'a TaskId,
    /// What changes.
    pub entry_vendor_task: &'a UpdateJob,
}
call!(UpdateTask<'a> => "reach_entryvendortask"."updateJob", Safe -> EntryVendorTask);

/// `entryVendorTask.extendAccessKey`: the task with a new key. Vendor KS; PROCESSING and SCHEDULED only (spec D5). Safe
/// to repeat: the old key stays alive.
#[derive(Debug, Clone, Serialize)]
pub struct ExtendAccessKey<'a> {
    /// The task.
    pub id: &'a TaskId,
}
call!(ExtendAccessKey<'a> => "reach_entryvendortask"."extendAccessKey", Safe -> EntryVendorTask);

/// `entryVendorTask.abort`: a customer's call, refused to a vendor (spec 1.3); here for tests that play the customer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AbortTask<'a> {
    /// The task.
    pub id: &'a TaskId,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_reason: Option<&'a str>,
}
call!(AbortTask<'a> => "reach_entryvendortask"."abort", Once -> EntryVendorTask);

/// `vendorCatalogItem.get`. Access key or vendor KS (spec 1.1).
#[derive(Debug, Clone, Serialize)]
pub struct GetVendorCatalogItem {
    /// The item.
    pub id: CatalogItemId,
}
call!(GetVendorCatalogItem => "reach_vendorcatalogitem"."get", Safe -> CatalogItem);
