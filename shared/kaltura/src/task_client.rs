//! The calls that a vendor makes for one task in the customer's account, with the task's access key.

use std::fmt;

use crate::call::Call;
use crate::calls::{
    AddAttachment, AddCaption, AddCuePoint, AddFlavor, AssetFilter, CaptionUpdate, ContentResource,
    CuePointFilter, DeleteCaption, EntryUpdate, FilterPager, FlavorUpdate, GetAttachment, GetAttachmentUrl,
    GetBaseEntry, GetCaption, GetCaptionUrl, GetFlavor, GetMedia, GetPlaybackContext, GetScheduleEvent,
    GetTask, ListAttachments, ListCaptions, ListCuePoints, ListFlavorsOfEntry, LiveCaptionFeature,
    NewAttachmentAsset, NewCaptionAsset, NewChapter, NewFlavorAsset, SetAttachmentContent, SetCaptionContent,
    SetFlavorContent, UpdateBaseEntry, UpdateCaption, UpdateFlavor, UpdateLiveFeature, UpdateMedia,
};
use crate::client::{Client, Scope};
use crate::enums::StreamerType;
use crate::error::Result;
use crate::ids::{AssetId, EntryId, ScheduleEventId, TaskId};
use crate::json::{FromJson, Page};
use crate::objects::{
    AttachmentAsset, CaptionAsset, CuePoint, Entry, EntryVendorTask, FlavorAsset, MultiLingualString,
    PlaybackContext, ScheduleEvent,
};
use crate::secret::{AccessKey, SecretUrl};

/// Pages of assets that are read at most: 10,000 objects, where the server stops too (spec 1.2).
const MAX_PAGES: u32 = 20;

/// Calls with a task's access key. Made by [`Client::task`].
///
/// Every call may fail with `INVALID_KS`: of class SessionDead where the key has died (extend it), Terminal where the
/// call was about another entry than the key's.
#[derive(Clone, Copy)]
pub struct TaskClient<'a> {
    pub(crate) client: &'a Client,
    pub(crate) task_id: &'a TaskId,
    pub(crate) key: &'a AccessKey,
}

impl<'a> TaskClient<'a> {
    pub(crate) fn scope(&self) -> Scope<'a> {
        Scope {
            ks: Some(self.key.reveal()),
            task_id: Some(self.task_id),
        }
    }

    /// Makes any call for the task.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn call<C: Call>(&self, call: &C) -> Result<C::Reply> {
        self.client.send(call, self.scope()).await
    }

    /// All objects of a list, page by page.
    async fn all_pages<C: Call<Reply = Page<T>>, T: FromJson + Send>(
        &self,
        list: impl Fn(FilterPager) -> C + Send,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for page_index in 1..=MAX_PAGES {
            let pager = FilterPager::page(page_index);
            let call = list(pager);
            let page = self.call(&call).await?;
            let is_last = page.objects.len() < pager.page_size as usize;
            all.extend(page.objects);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// The task with its catalog item and profile (`entryVendorTask.get`, response profile `reach_vendor`). Safe to
    /// repeat. Some fields are on getJobs only (spec D10).
    ///
    /// # Errors
    /// `ENTRY_VENDOR_TASK_NOT_FOUND` for an aborted task.
    pub async fn get(&self) -> Result<EntryVendorTask> {
        self.call(&GetTask::new(self.task_id)).await
    }

    /// The entry (`baseEntry.get`). Safe to repeat.
    ///
    /// # Errors
    /// `ENTRY_ID_NOT_FOUND` once it was deleted.
    pub async fn entry(&self, entry_id: &EntryId) -> Result<Entry> {
        self.call(&GetBaseEntry { entry_id }).await
    }

    /// The entry as media (`media.get`), which has its type and duration. Safe to repeat.
    ///
    /// # Errors
    /// `ENTRY_ID_NOT_FOUND` once it was deleted.
    pub async fn media(&self, entry_id: &EntryId) -> Result<Entry> {
        self.call(&GetMedia { entry_id }).await
    }

    /// Where the media can be had (`baseEntry.getPlaybackContext`). Safe to repeat. HLS first, `http` where that has no
    /// source (guide, "How it should be achieved").
    ///
    /// # Errors
    /// `ENTRY_ID_NOT_FOUND`. A block by access control is no error but an empty list with messages.
    pub async fn playback_context(
        &self,
        entry_id: &EntryId,
        streamer: StreamerType,
    ) -> Result<PlaybackContext> {
        self.call(&GetPlaybackContext::new(entry_id, streamer, self.key))
            .await
    }

    /// Adds a caption asset without content (`captionAsset.add`). Not safe to repeat: a lost answer means to look for the
    /// asset by its mark ([`Self::caption_list`]).
    ///
    /// # Errors
    /// `ENTRY_ID_NOT_FOUND`, `INVALID_ENUM_VALUE`.
    pub async fn caption_add(&self, entry_id: &EntryId, asset: &NewCaptionAsset) -> Result<CaptionAsset> {
        self.call(&AddCaption {
            entry_id,
            caption_asset: asset,
        })
        .await
    }

    /// Sets the content (`captionAsset.setContent`). Not safe to repeat: by URL, each call begins an import. The answer is
    /// IMPORTING by URL, READY or ERROR otherwise.
    ///
    /// # Errors
    /// `CAPTION_ASSET_ID_NOT_FOUND`; `UPLOADED_FILE_NOT_FOUND_BY_TOKEN` for a token that is unknown or used.
    pub async fn caption_set_content(&self, id: &AssetId, content: &ContentResource) -> Result<CaptionAsset> {
        self.call(&SetCaptionContent {
            id,
            content_resource: content,
        })
        .await
    }

    /// A caption asset (`captionAsset.get`). Safe to repeat.
    ///
    /// # Errors
    /// `CAPTION_ASSET_ID_NOT_FOUND`.
    pub async fn caption_get(&self, id: &AssetId) -> Result<CaptionAsset> {
        self.call(&GetCaption { caption_asset_id: id }).await
    }

    /// All caption assets of an entry (`captionAsset.list`, by pages of 500). Safe to repeat. May be refused (spec 1.1):
    /// [`crate::Error::is_forbidden`].
    ///
    /// # Errors
    /// `SERVICE_FORBIDDEN`.
    pub async fn caption_list(&self, entry_id: &EntryId) -> Result<Vec<CaptionAsset>> {
        let filter = AssetFilter {
            entry_id_equal: entry_id.clone(),
        };
        self.all_pages(|pager| ListCaptions {
            filter: filter.clone(),
            pager,
        })
        .await
    }

    /// Changes a caption asset (`captionAsset.update`). Safe to repeat.
    ///
    /// # Errors
    /// `CAPTION_ASSET_ID_NOT_FOUND`.
    pub async fn caption_update(&self, id: &AssetId, update: &CaptionUpdate) -> Result<CaptionAsset> {
        self.call(&UpdateCaption {
            id,
            caption_asset: update,
        })
        .await
    }

    /// Deletes a caption asset, for good (`captionAsset.delete`). Safe to repeat, apart from the error.
    ///
    /// # Errors
    /// `CAPTION_ASSET_ID_NOT_FOUND` where it is deleted already.
    pub async fn caption_delete(&self, id: &AssetId) -> Result<()> {
        self.call(&DeleteCaption { caption_asset_id: id }).await
    }

    /// Where a caption file can be downloaded for a day (`captionAsset.getUrl`). Safe to repeat.
    ///
    /// # Errors
    /// `CAPTION_ASSET_IS_NOT_READY`, `CAPTION_ASSET_ID_NOT_FOUND`.
    pub async fn caption_url(&self, id: &AssetId) -> Result<SecretUrl> {
        self.call(&GetCaptionUrl { id }).await
    }

    /// Adds a sound track without content (`flavorAsset.add`). Not safe to repeat.
    ///
    /// # Errors
    /// `FLAVOR_ASSET_ALREADY_EXISTS` with the asset in the way ([`crate::Error::existing_flavor`]).
    pub async fn flavor_add(&self, entry_id: &EntryId, asset: &NewFlavorAsset) -> Result<FlavorAsset> {
        self.call(&AddFlavor {
            entry_id,
            flavor_asset: asset,
        })
        .await
    }

    /// Sets the content (`flavorAsset.setContent`). Not safe to repeat, as [`Self::caption_set_content`].
    ///
    /// # Errors
    /// `FLAVOR_ASSET_ID_NOT_FOUND`.
    pub async fn flavor_set_content(&self, id: &AssetId, content: &ContentResource) -> Result<FlavorAsset> {
        self.call(&SetFlavorContent {
            id,
            content_resource: content,
        })
        .await
    }

    /// A flavor asset (`flavorAsset.get`). Safe to repeat.
    ///
    /// # Errors
    /// `FLAVOR_ASSET_ID_NOT_FOUND`.
    pub async fn flavor_get(&self, id: &AssetId) -> Result<FlavorAsset> {
        self.call(&GetFlavor { id }).await
    }

    /// All flavor assets of an entry (`flavorAsset.getByEntryId`). Safe to repeat.
    ///
    /// # Errors
    /// `ENTRY_ID_NOT_FOUND`.
    pub async fn flavor_list(&self, entry_id: &EntryId) -> Result<Vec<FlavorAsset>> {
        self.call(&ListFlavorsOfEntry { entry_id }).await
    }

    /// Changes a flavor asset (`flavorAsset.update`). Safe to repeat.
    ///
    /// # Errors
    /// `FLAVOR_ASSET_ID_NOT_FOUND`.
    pub async fn flavor_update(&self, id: &AssetId, update: &FlavorUpdate) -> Result<FlavorAsset> {
        self.call(&UpdateFlavor {
            id,
            flavor_asset: update,
        })
        .await
    }

    /// Adds an attachment without content (`attachmentAsset.add`). Not safe to repeat.
    ///
    /// # Errors
    /// `ENTRY_ID_NOT_FOUND`.
    pub async fn attachment_add(
        &self,
        entry_id: &EntryId,
        asset: &NewAttachmentAsset,
    ) -> Result<AttachmentAsset> {
        self.call(&AddAttachment {
            entry_id,
            attachment_asset: asset,
        })
        .await
    }

    /// Sets the content (`attachmentAsset.setContent`). Not safe to repeat. By URL, the file is fetched within the call and
    /// without headers (spec D2).
    ///
    /// # Errors
    /// `ATTACHMENT_ASSET_DOWNLOAD_FAILED`, `ATTACHMENT_ASSET_ID_NOT_FOUND`.
    pub async fn attachment_set_content(
        &self,
        id: &AssetId,
        content: &ContentResource,
    ) -> Result<AttachmentAsset> {
        self.call(&SetAttachmentContent {
            id,
            content_resource: content,
        })
        .await
    }

    /// An attachment (`attachmentAsset.get`). Safe to repeat.
    ///
    /// # Errors
    /// `ATTACHMENT_ASSET_ID_NOT_FOUND`.
    pub async fn attachment_get(&self, id: &AssetId) -> Result<AttachmentAsset> {
        self.call(&GetAttachment {
            attachment_asset_id: id,
        })
        .await
    }

    /// All attachments of an entry (`attachmentAsset.list`, by pages of 500). Safe to repeat.
    ///
    /// # Errors
    /// `SERVICE_FORBIDDEN`.
    pub async fn attachment_list(&self, entry_id: &EntryId) -> Result<Vec<AttachmentAsset>> {
        let filter = AssetFilter {
            entry_id_equal: entry_id.clone(),
        };
        self.all_pages(|pager| ListAttachments {
            filter: filter.clone(),
            pager,
        })
        .await
    }

    /// Where an attachment can be downloaded (`attachmentAsset.getUrl`). Safe to repeat.
    ///
    /// # Errors
    /// `ATTACHMENT_ASSET_ID_NOT_FOUND`, `ATTACHMENT_ASSET_IS_NOT_READY`.
    pub async fn attachment_url(&self, id: &AssetId) -> Result<SecretUrl> {
        self.call(&GetAttachmentUrl { id }).await
    }

    /// Replaces the entry's tags (`baseEntry.update`): read and merge first. Safe to repeat.
    ///
    /// # Errors
    /// `ENTRY_ID_NOT_FOUND`.
    pub async fn set_tags(&self, entry_id: &EntryId, tags: impl Into<String>) -> Result<Entry> {
        self.call(&UpdateBaseEntry {
            entry_id,
            base_entry: &EntryUpdate::Base { tags: tags.into() },
        })
        .await
    }

    /// Replaces the entry's tags of these languages (`media.update`): read and merge first. Safe to repeat.
    ///
    /// # Errors
    /// `INVALID_LANGUAGE_CODE`, `ENTRY_ID_NOT_FOUND`.
    pub async fn set_tags_by_language(
        &self,
        entry_id: &EntryId,
        tags: Vec<MultiLingualString>,
    ) -> Result<Entry> {
        let update = EntryUpdate::Media {
            multi_lingual_tags: tags,
        };
        self.call(&UpdateMedia {
            entry_id,
            media_entry: &update,
        })
        .await
    }

    /// Adds a chapter (`cuePoint.add`). A repeat is told by its system name.
    ///
    /// # Errors
    /// `CUE_POINT_SYSTEM_NAME_EXISTS` if it is there already; `START_TIME_IS_BIGGER_THAN_ENTRY_END_TIME`.
    pub async fn chapter_add(&self, chapter: &NewChapter) -> Result<CuePoint> {
        self.call(&AddCuePoint { cue_point: chapter }).await
    }

    /// All chapters and slides of an entry (`cuePoint.list`, by pages of 500). Safe to repeat.
    ///
    /// # Errors
    /// Those of any call.
    pub async fn chapters(&self, entry_id: &EntryId) -> Result<Vec<CuePoint>> {
        let filter = CuePointFilter::chapters(entry_id);
        self.all_pages(|pager| ListCuePoints {
            filter: filter.clone(),
            pager,
        })
        .await
    }

    /// A live event (`scheduleEvent.get`). Safe to repeat.
    ///
    /// # Errors
    /// `INVALID_OBJECT_ID` once it is gone.
    pub async fn schedule_event(&self, event_id: ScheduleEventId) -> Result<ScheduleEvent> {
        self.call(&GetScheduleEvent {
            schedule_event_id: event_id,
        })
        .await
    }

    /// Tells Kaltura where to send the stream and fetch the captions (`scheduleEvent.updateLiveFeature`). Safe to repeat.
    ///
    /// # Errors
    /// `FEATURE_NAME_NOT_FOUND` where the server has made none for this task; `CANNOT_UPDATE_SCHEDULE_EVENT_FEATURE` while
    /// another update holds the lock.
    pub async fn update_live_feature(
        &self,
        event_id: ScheduleEventId,
        feature: &LiveCaptionFeature,
    ) -> Result<ScheduleEvent> {
        self.call(&UpdateLiveFeature::new(event_id, self.task_id, feature))
            .await
    }
}

impl fmt::Debug for TaskClient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskClient")
            .field("task_id", &self.task_id)
            .finish_non_exhaustive()
    }
}
