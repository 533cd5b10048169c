//! The calls that a vendor makes in its own name, with the vendor KS.

use std::fmt;

use crate::call::Call;
use crate::calls::{ExtendAccessKey, GetVendorCatalogItem, JobQuery, UpdateJob, UpdateTask};
use crate::client::{Client, Scope};
use crate::error::Result;
use crate::ids::{CatalogItemId, TaskId};
use crate::objects::{CatalogItem, EntryVendorTask, JobPage};
use crate::secret::Ks;

/// A session of the vendor's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorSession {
    /// The session.
    pub ks: Ks,
    /// When it expires.
    pub expires_epoch_s: u64,
    /// Its privileges, comma-separated.
    pub privileges: String,
}

impl VendorSession {
    /// Whether `disableentitlement` is among the privileges, which the guide demands. It can only come from the app token
    /// itself (spec D9); where it is missing, the token must be replaced at Kaltura.
    pub fn disables_entitlement(&self) -> bool {
        self.privileges.split(',').any(|privilege| {
            let name = privilege.split_once(':').map_or(privilege, |(name, _)| name);
            name.trim() == "disableentitlement"
        })
    }
}

/// Calls with the vendor KS. Made by [`Client::vendor`].
#[derive(Clone, Copy)]
pub struct VendorClient<'a> {
    pub(crate) client: &'a Client,
    pub(crate) ks: &'a Ks,
}

impl VendorClient<'_> {
    /// Makes any call in the vendor's name; `task_id` is the task that it is about, for the client tag.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn call<C: Call>(&self, call: &C, task_id: Option<&TaskId>) -> Result<C::Reply> {
        self.client
            .send(
                call,
                Scope {
                    ks: Some(self.ks.reveal()),
                    task_id,
                },
            )
            .await
    }

    /// A page of the tasks that wait for the vendor (`entryVendorTask.getJobs`). Safe to repeat. A hint: see [`JobQuery`].
    ///
    /// # Errors
    /// `SERVICE_FORBIDDEN` where the account is no REACH vendor; `INVALID_KS`; and those of any call. An object that can't
    /// be read is no error but stands in [`JobPage::rejected`].
    pub async fn get_jobs(&self, query: &JobQuery) -> Result<JobPage> {
        self.call(&query.call(), None).await
    }

    /// Changes a task (`entryVendorTask.updateJob`) and answers what it is now. Safe to repeat. Look at the answer
    /// ([`UpdateJob::confirm_status`]): what the session may not set is dropped without an error (spec 1.1).
    ///
    /// # Errors
    /// `ENTRY_VENDOR_TASK_NOT_FOUND` for an aborted task; `CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE`;
    /// `ENTRY_VENDOR_TASK_ITEM_COULD_NOT_BE_UPDATED`; and those of any call.
    pub async fn update_job(&self, task_id: &TaskId, update: &UpdateJob) -> Result<EntryVendorTask> {
        self.call(
            &UpdateTask {
                id: task_id,
                entry_vendor_task: update,
            },
            Some(task_id),
        )
        .await
    }

    /// Gives the task a new access key (`entryVendorTask.extendAccessKey`); the old one stays alive. PROCESSING and
    /// SCHEDULED only. Safe to repeat.
    ///
    /// # Errors
    /// `CANNOT_EXTEND_ACCESS_KEY` in another status; `FAILED_EXTEND_ACCESS_KEY`; `ENTRY_VENDOR_TASK_NOT_FOUND`; and those
    /// of any call.
    pub async fn extend_access_key(&self, task_id: &TaskId) -> Result<EntryVendorTask> {
        self.call(&ExtendAccessKey { id: task_id }, Some(task_id)).await
    }

    /// A catalog item (`vendorCatalogItem.get`). Safe to repeat. Seldom needed:
    /// [`TaskClient::get`](crate::TaskClient::get) brings it along.
    ///
    /// # Errors
    /// `CATALOG_ITEM_NOT_FOUND`; and those of any call.
    pub async fn catalog_item(&self, id: CatalogItemId) -> Result<CatalogItem> {
        self.call(&GetVendorCatalogItem { id }, None).await
    }
}

impl fmt::Debug for VendorClient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorClient").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entitlement_is_told_by_the_whole_name() {
        let session = |privileges: &str| VendorSession {
            ks: Ks::from("ks"),
            expires_epoch_s: 0,
            privileges: privileges.to_owned(),
        };
        for privileges in [
            "disableentitlement",
            "list:*,disableentitlement",
            "a , disableentitlement ,b",
        ] {
            assert!(session(privileges).disables_entitlement(), "{privileges}");
        }
        for privileges in ["", "disableentitlementforentry:0_a", "sessionid:1,apptoken:1"] {
            assert!(!session(privileges).disables_entitlement(), "{privileges}");
        }
    }
}
