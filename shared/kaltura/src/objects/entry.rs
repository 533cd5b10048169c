//! Entries and their cue points.

use serde::Serialize;
use serde_json::Value;

use crate::enums::ThumbCuePointSubType;
use crate::ids::{CuePointId, EntryId, PartnerId};
use crate::json::{FromJson, Shape};
use crate::macros::kaltura_object;

kaltura_object! {
    /// An entry: what baseEntry and media answer.
    Entry of "KalturaBaseEntry" | "KalturaPlayableEntry" | "KalturaMediaEntry" {
        /// The class, such as `KalturaMediaEntry`.
        object_type: Option<String> = "objectType",
        /// The entry.
        id: EntryId = "id",
        /// The customer's account.
        partner_id: Option<PartnerId> = "partnerId",
        /// Its name.
        name: Option<String> = "name",
        /// Its description.
        description: Option<String> = "description",
        /// Tags, comma-separated.
        tags: Option<String> = "tags",
        /// Tags by language; each value comma-separated.
        multi_lingual_tags: Vec<MultiLingualString> = "multiLingual_tags",
        /// Where it is in its life.
        status: Option<EntryStatus> = "status",
        /// `KalturaMediaType`: 1 video, 2 image, 5 audio.
        media_type: Option<i64> = "mediaType",
        /// Duration in milliseconds.
        duration_ms: Option<u64> = "msDuration",
        /// Duration in whole seconds.
        duration_s: Option<u64> = "duration",
    }
}

impl Entry {
    /// Whether it is the entry of a live stream, which can have no captions: `captionAsset.add` takes media alone.
    pub fn is_live(&self) -> bool {
        self.object_type
            .as_deref()
            .is_some_and(|class| class.starts_with("KalturaLive"))
    }

    /// The entry that is recorded of a live stream, from its first broadcast on; `None` where it isn't recorded. A field of
    /// `KalturaLiveEntry`, a class that the contract file leaves out.
    pub fn recorded_entry_id(&self) -> Option<EntryId> {
        let id = self.extra.get("recordedEntryId")?.as_str()?;
        id.parse().ok()
    }
}

/// `KalturaEntryStatus`, whose values are numbers as text and names of plugins (`virusScan.Infected`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryStatus(String);

impl EntryStatus {
    /// The value as sent: `2`, `virusScan.Infected`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the entry can be played.
    pub fn is_ready(&self) -> bool {
        self.0 == "2"
    }

    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.0 == "3"
    }
}

impl FromJson for EntryStatus {
    fn from_json(value: Value) -> Result<Self, Shape> {
        String::from_json(value).map(Self)
    }
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaMultiLingualString")]
pub struct MultiLingualString {
    /// Two letters; the server writes them in capitals (spec 7).
    pub language: String,
    /// The text.
    pub value: String,
}

impl MultiLingualString {
    /// The fields that it reads, as the server spells them.
    pub const FIELDS: &'static [&'static str] = &["language", "value"];
}

impl FromJson for MultiLingualString {
    fn from_json(mut value: Value) -> Result<Self, Shape> {
        let mut field = |name: &str| match value.get_mut(name).map(Value::take) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(text) => String::from_json(text).map_err(|shape| shape.under(name)),
        };
        Ok(Self {
            language: field("language")?,
            value: field("value")?,
        })
    }
}

kaltura_object! {
    /// A mark in an entry's time.
    CuePoint of "KalturaCuePoint" | "KalturaThumbCuePoint" {
        /// The class, such as `KalturaThumbCuePoint`.
        object_type: Option<String> = "objectType",
        /// The cue point.
        id: CuePointId = "id",
        /// Its entry.
        entry_id: Option<EntryId> = "entryId",
        /// Where it stands, in milliseconds.
        start_time_ms: Option<u64> = "startTime",
        /// Chapter or slide.
        sub_type: Option<ThumbCuePointSubType> = "subType",
        /// Its title.
        title: Option<String> = "title",
        /// Its description.
        description: Option<String> = "description",
        /// Unique in the entry: how an add is made safe to repeat (spec 7).
        system_name: Option<String> = "systemName",
        /// The vendor's own mark.
        partner_data: Option<String> = "partnerData",
        /// Tags, comma-separated.
        tags: Option<String> = "tags",
    }
}
