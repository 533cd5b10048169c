//! `baseEntry`, `media` and `cuePoint`. Access key.

use std::fmt;

use serde::Serialize;

use super::FilterPager;
use crate::call::{Call, Repeat, call};
use crate::enums::{StreamerType, ThumbCuePointSubType};
use crate::ids::EntryId;
use crate::json::Page;
use crate::objects::{CuePoint, Entry, MultiLingualString, PlaybackContext};
use crate::secret::AccessKey;

/// `baseEntry.get`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetBaseEntry<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
}
call!(GetBaseEntry<'a> => "baseentry"."get", Safe -> Entry);

/// `media.get`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetMedia<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
}
call!(GetMedia<'a> => "media"."get", Safe -> Entry);

/// `baseEntry.getPlaybackContext`: where the media can be had.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPlaybackContext<'a> {
    entry_id: &'a EntryId,
    context_data_params: PlaybackContextOptions<'a>,
}

impl<'a> GetPlaybackContext<'a> {
    /// The call for an entry. The access key goes into the options too: without it, the customer's access control would
    /// not let the vendor pass (spec 1.5).
    pub fn new(entry_id: &'a EntryId, streamer_type: StreamerType, key: &'a AccessKey) -> Self {
        let streamer_type = streamer_type.name();
        Self {
            entry_id,
            context_data_params: PlaybackContextOptions {
                streamer_type,
                ks: key.reveal(),
            },
        }
    }
}

impl Call for GetPlaybackContext<'_> {
    const SERVICE: &'static str = "baseentry";
    const ACTION: &'static str = "getPlaybackContext";
    const REPEAT: Repeat = Repeat::Safe;
    type Reply = PlaybackContext;

    fn secrets(&self) -> Vec<&str> {
        vec![self.context_data_params.ks]
    }
}

/// `KalturaPlaybackContextOptions`.
#[derive(Clone, Serialize)]
#[serde(
    tag = "objectType",
    rename = "KalturaPlaybackContextOptions",
    rename_all = "camelCase"
)]
pub struct PlaybackContextOptions<'a> {
    streamer_type: &'static str,
    ks: &'a str,
}

impl fmt::Debug for PlaybackContextOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaybackContextOptions")
            .field("streamer_type", &self.streamer_type)
            .finish_non_exhaustive()
    }
}

/// What an update of an entry changes: its tags. They *replace* the entry's (of that language): read first, and send the
/// union (spec 7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType")]
pub enum EntryUpdate {
    /// For `baseEntry.update`.
    #[serde(rename = "KalturaBaseEntry")]
    Base {
        /// All tags, comma-separated.
        tags: String,
    },
    /// For `media.update`.
    #[serde(rename = "KalturaMediaEntry")]
    Media {
        /// All tags of each language that changes; each value comma-separated.
        #[serde(rename = "multiLingual_tags")]
        multi_lingual_tags: Vec<MultiLingualString>,
    },
}

/// `baseEntry.update`. Safe to repeat.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateBaseEntry<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
    /// What changes.
    pub base_entry: &'a EntryUpdate,
}
call!(UpdateBaseEntry<'a> => "baseentry"."update", Safe -> Entry);

/// `media.update`. Safe to repeat. Never inside a multirequest: the server reads the tags from the request's top (spec 7).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMedia<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
    /// What changes.
    pub media_entry: &'a EntryUpdate,
}
call!(UpdateMedia<'a> => "media"."update", Safe -> Entry);

/// A chapter to be added: `KalturaThumbCuePoint` of sub-type CHAPTER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaThumbCuePoint", rename_all = "camelCase")]
pub struct NewChapter {
    /// The entry.
    pub entry_id: EntryId,
    /// Where it begins, in milliseconds.
    #[serde(rename = "startTime")]
    pub start_time_ms: u64,
    /// What it is: a chapter.
    pub sub_type: ThumbCuePointSubType,
    /// Its title; the server cuts it at 255 characters.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Unique in the entry: a second add with the same name gets `CUE_POINT_SYSTEM_NAME_EXISTS`.
    pub system_name: String,
    /// The vendor's own mark.
    pub partner_data: String,
}

/// `cuePoint.add`. Not safe to repeat by itself; the system name tells a repeat (spec 7).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddCuePoint<'a> {
    /// The chapter.
    pub cue_point: &'a NewChapter,
}
call!(AddCuePoint<'a> => "cuepoint_cuepoint"."add", Once -> CuePoint);

/// `cuePoint.list`: the chapters of an entry.
#[derive(Debug, Clone, Serialize)]
pub struct ListCuePoints {
    /// Whose cue points.
    pub filter: CuePointFilter,
    /// Which page.
    pub pager: FilterPager,
}
call!(ListCuePoints => "cuepoint_cuepoint"."list", Safe -> Page<CuePoint>);

/// `KalturaCuePointFilter`.
#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "objectType",
    rename = "KalturaCuePointFilter",
    rename_all = "camelCase"
)]
pub struct CuePointFilter {
    /// The entry.
    pub entry_id_equal: EntryId,
    /// The kind: chapters and slides.
    pub cue_point_type_equal: &'static str,
}

impl CuePointFilter {
    /// The chapters and slides of an entry.
    pub fn chapters(entry_id: &EntryId) -> Self {
        Self {
            entry_id_equal: entry_id.clone(),
            cue_point_type_equal: "thumbCuePoint.Thumb",
        }
    }
}
