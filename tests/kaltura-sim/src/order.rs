//! What a customer orders: the body of `POST /_sim/orders`. Every field has a default, so a test names only what
//! it is about; unknown fields are refused.

use crate::ids::{EntryId, PartnerId, TaskId};
use crate::live::PlaySpec;
use crate::protect::Protection;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One order. The default is machine captions in English on an entry without media for customer 101.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderRequest {
    /// Who orders. The account is made on first mention.
    pub customer: CustomerSpec,
    /// `VendorServiceFeature` (spec section 1.7), known or not: 1 captions, 2 translation, …
    pub service_feature: i64,
    /// `VendorServiceType`: 1 human, 2 machine.
    pub service_type: i64,
    /// What is to be worked on.
    pub entry: EntrySpec,
    /// The customer's REACH profile.
    pub profile: ProfileSpec,
    /// The ordered item of the vendor's catalog.
    pub catalog_item: CatalogItemSpec,
    /// Fields of `taskJobData`, beside `entryDuration`; `objectType` is chosen by the service when it is missing. The
    /// assets that a translation or an alignment starts from are the entry's, unless they are named here.
    pub task_data: Option<Value>,
    /// The event of a live order.
    pub event: EventSpec,
    /// `EntryObjectType`: 1 entry, 2 asset, 3 an object outside Kaltura, whose task has no access key (spec section 1.5).
    pub entry_object_type: i64,
    /// The customer's notes.
    pub notes: Option<String>,
    /// Words of the dictionary, newline separated; `None`: those of the profile for the item's source language.
    pub dictionary: Option<String>,
    /// Free context of the order.
    pub context: Option<String>,
    /// Who ordered.
    pub user_id: Option<String>,
    /// The task's access key.
    pub access_key: AccessKeySpec,
    /// `EntryVendorTaskStatus` at the start: 1 PENDING, 9 SCHEDULED, or any other of spec section 1.7.
    pub status: i64,
    /// Creation time; `None`: now on the sim clock.
    pub created_at_epoch_s: Option<i64>,
    /// The task's id; `None`: the next free number.
    pub task_id: Option<TaskId>,
}

impl Default for OrderRequest {
    fn default() -> Self {
        Self {
            customer: CustomerSpec::default(),
            service_feature: 1,
            service_type: 2,
            entry: EntrySpec::default(),
            profile: ProfileSpec::default(),
            catalog_item: CatalogItemSpec::default(),
            task_data: None,
            event: EventSpec::default(),
            entry_object_type: 1,
            notes: None,
            dictionary: None,
            context: None,
            user_id: None,
            access_key: AccessKeySpec::default(),
            status: 1,
            created_at_epoch_s: None,
            task_id: None,
        }
    }
}

/// A customer's account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerSpec {
    /// The account's id.
    pub partner_id: PartnerId,
    /// The account's name.
    pub name: String,
}

impl Default for CustomerSpec {
    fn default() -> Self {
        Self {
            partner_id: PartnerId(101),
            name: "customer".to_owned(),
        }
    }
}

/// The entry of an order: a new one, or one that stands already.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntrySpec {
    /// Its id. When an entry of this id stands, the order is for it and the other fields are ignored.
    pub id: Option<EntryId>,
    /// Its name.
    pub name: String,
    /// Its media: anything that ffmpeg reads (mp4, wav, …), relative paths from the media folder. `None`: an entry
    /// whose media can't be fetched (playManifest answers error 5).
    pub media: Option<PathBuf>,
    /// Its length where there is no media, milliseconds.
    pub duration_ms: u64,
    /// Whether HLS is on offer; if not, `applehttp` has no sources and only `http` works.
    pub hls: bool,
    /// How the HLS segments are protected.
    pub protection: Protection,
    /// Whether an access control profile guards it: playback context and manifest then want a session that is
    /// allowed past it (spec section 1.5). Off, any session of the customer's account plays it.
    pub access_controlled: bool,
    /// Its flavors.
    pub flavors: Vec<FlavorSpec>,
    /// Captions that it already has.
    pub captions: Vec<ExistingCaption>,
    /// Transcripts that it already has.
    pub transcripts: Vec<ExistingTranscript>,
    /// Its tags, comma separated.
    pub tags: String,
    /// Its tags by language, as `media.update` sets them: `{"FR": "bonjour,soleil"}`.
    pub multilingual_tags: BTreeMap<String, String>,
}

impl Default for EntrySpec {
    fn default() -> Self {
        Self {
            id: None,
            name: "A recorded talk".to_owned(),
            media: None,
            duration_ms: 60_000,
            hls: true,
            protection: Protection::None,
            access_controlled: true,
            flavors: vec![FlavorSpec::source(), FlavorSpec::web(487_041)],
            captions: Vec::new(),
            transcripts: Vec::new(),
            tags: String::new(),
            multilingual_tags: BTreeMap::new(),
        }
    }
}

/// One flavor of an entry; all are made from the entry's media.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlavorSpec {
    /// The conversion it came from; 0 is the source.
    pub flavor_params_id: i64,
    /// Whether it is the uploaded original: not on offer over HLS (spec section 6.1).
    #[serde(default)]
    pub is_original: bool,
    /// Whether it has sound only.
    #[serde(default)]
    pub audio_only: bool,
    /// Its tags, comma separated.
    #[serde(default)]
    pub tags: String,
    /// Its language, a `KalturaLanguage` value; `None` is the server's `Undefined`.
    #[serde(default)]
    pub language: Option<String>,
    /// What viewers see in the menu. With a language and a label, a flavor of sound alone is a track beside the picture in HLS.
    #[serde(default)]
    pub label: Option<String>,
}

impl FlavorSpec {
    /// The uploaded original.
    pub fn source() -> Self {
        Self {
            flavor_params_id: 0,
            is_original: true,
            audio_only: false,
            tags: "source".to_owned(),
            language: None,
            label: None,
        }
    }

    /// A converted flavor for playback.
    pub fn web(flavor_params_id: i64) -> Self {
        Self {
            flavor_params_id,
            is_original: false,
            audio_only: false,
            tags: "web,mobile".to_owned(),
            language: None,
            label: None,
        }
    }

    /// A converted flavor that has sound only.
    pub fn audio(flavor_params_id: i64) -> Self {
        Self {
            audio_only: true,
            tags: "audio_only".to_owned(),
            ..Self::web(flavor_params_id)
        }
    }
}

/// A caption that stands on the entry before the order, for instance the source of a translation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExistingCaption {
    /// A `KalturaLanguage` value.
    pub language: String,
    /// `KalturaCaptionType`: 1 SRT, 2 DFXP, 3 WebVTT.
    pub format: i64,
    /// Accuracy in percent.
    pub accuracy: Option<i64>,
    /// The file's text.
    pub content: String,
    /// Asset status; 2 is READY.
    pub status: i64,
}

impl Default for ExistingCaption {
    fn default() -> Self {
        Self {
            language: "English".to_owned(),
            format: 1,
            accuracy: Some(95),
            content: "1\n00:00:00,000 --> 00:00:02,000\nHello.\n".to_owned(),
            status: 2,
        }
    }
}

/// A transcript that stands on the entry before the order, for instance the text of an alignment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExistingTranscript {
    /// A `KalturaLanguage` value.
    pub language: String,
    /// `KalturaAttachmentType`: 1 text, 4 JSON.
    pub format: i64,
    /// The file's extension; empty: `txt` for text, `json` for JSON.
    pub file_ext: String,
    /// Accuracy in percent.
    pub accuracy: Option<f64>,
    /// The file's text.
    pub content: String,
    /// Asset status; 2 is READY.
    pub status: i64,
}

impl Default for ExistingTranscript {
    fn default() -> Self {
        Self {
            language: "English".to_owned(),
            format: 1,
            file_ext: String::new(),
            accuracy: Some(100.0),
            content: "Hello.\n".to_owned(),
            status: 2,
        }
    }
}

/// The event of a live order. Times that are missing are the task's own, as `task_data` has them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventSpec {
    /// When it begins.
    pub start_epoch_s: Option<i64>,
    /// When it ends.
    pub end_epoch_s: Option<i64>,
    /// Whether it is something else than a live stream: a recording, say, which has no live features.
    pub is_no_live_stream: bool,
    /// What is recorded of it.
    pub recording: RecordingSpec,
    /// What happens on air; `None`: nothing.
    pub play: Option<PlaySpec>,
}

/// What is recorded of a live event, into an entry of its own that the live one names (`recordedEntryId`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingSpec {
    /// Nothing.
    Nothing,
    /// All of it. It belongs to no user, as the live entry, so that the task's access key, which is no user's, may write to it.
    #[default]
    OfNobody,
    /// All of it, for the user whose the live entry is: the access key may write to the live entry alone.
    OfAUser,
}

/// The words of one language in a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DictionarySpec {
    /// A `KalturaCatalogItemLanguage` value.
    pub language: String,
    /// Words and phrases, newline separated.
    pub data: String,
}

/// Fields of KalturaReachProfile that reach a vendor (spec section 2). `None` leaves the field out of the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the fields are those of KalturaReachProfile"
)]
pub struct ProfileSpec {
    /// Its name.
    pub name: String,
    /// `VendorCatalogItemOutputFormat`: 1 SRT, 2 DFXP, 3 VTT.
    pub default_output_format: Option<i64>,
    /// Whether tags are wanted.
    pub enable_metadata_extraction: bool,
    /// Whether `>>` marks are wanted.
    pub enable_speaker_change_indication: bool,
    /// Whether sound tags are wanted.
    pub enable_audio_tags: bool,
    /// Whether profanity is to be removed.
    pub enable_profanity_removal: bool,
    /// Longest caption line, characters.
    pub max_characters_per_caption_line: Option<i64>,
    /// Appended to a machine caption's label on READY (spec D13).
    pub label_addition_for_machine_service_type: Option<String>,
    /// Appended to a human caption's label on READY.
    pub label_addition_for_human_service_type: Option<String>,
    /// `ReachProfileContentDeletionPolicy`, 1 to 5.
    pub content_deletion_policy: i64,
    /// Flavor conversions to fetch, in the customer's order, comma separated.
    pub flavor_params_ids: Option<String>,
    /// `VendorTaskProcessingRegion`: 1 US, 2 EU, 3 CA.
    pub vendor_task_processing_region: Option<i64>,
    /// Words by language. Those of the item's source language become the task's dictionary (spec section 1.6).
    pub dictionaries: Vec<DictionarySpec>,
    /// Off: the key carries `enablecaptionmoderation`, and new captions stay off the player.
    pub auto_display_captions_on_player: bool,
}

impl Default for ProfileSpec {
    fn default() -> Self {
        Self {
            name: "Default profile".to_owned(),
            default_output_format: Some(1),
            enable_metadata_extraction: false,
            enable_speaker_change_indication: false,
            enable_audio_tags: false,
            enable_profanity_removal: false,
            max_characters_per_caption_line: None,
            label_addition_for_machine_service_type: None,
            label_addition_for_human_service_type: None,
            content_deletion_policy: 1,
            flavor_params_ids: None,
            vendor_task_processing_region: Some(1),
            dictionaries: Vec::new(),
            auto_display_captions_on_player: true,
        }
    }
}

/// Fields of the ordered KalturaVendorCatalogItem (spec section 2). `None` leaves the field out of the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogItemSpec {
    /// Its name.
    pub name: String,
    /// A `KalturaCatalogItemLanguage` value.
    pub source_language: String,
    /// A `KalturaCatalogItemLanguage` value, for translations and dubbing.
    pub target_language: Option<String>,
    /// The format asked for, a string as the server sends it (`"1"`), even an empty one.
    pub output_format: Option<String>,
    /// Whether `[Speaker 1]` marks are wanted.
    pub enable_speaker_id: Option<bool>,
    /// `VendorServiceTurnAroundTime`: −1, 0, 1 to 10 business days, or seconds.
    pub turn_around_time: i64,
    /// For translations: whether a caption in the source language is the source.
    pub require_source: Option<bool>,
    /// For dubbing and audio description: the new track's conversion.
    pub flavor_params_id: Option<i64>,
    /// For dubbing and audio description: the clear track's conversion.
    pub clear_audio_flavor_params_id: Option<i64>,
    /// Tags that the new track's conversion gives to its flavors, comma separated.
    pub flavor_params_tags: Option<String>,
    /// Further fields, as they are.
    pub extra: serde_json::Map<String, Value>,
}

impl Default for CatalogItemSpec {
    fn default() -> Self {
        Self {
            name: "Captions".to_owned(),
            source_language: "English".to_owned(),
            target_language: None,
            output_format: None,
            enable_speaker_id: Some(false),
            turn_around_time: 10_800,
            require_source: None,
            flavor_params_id: None,
            clear_audio_flavor_params_id: None,
            flavor_params_tags: None,
            extra: serde_json::Map::new(),
        }
    }
}

/// How the task's access key is made (spec section 1.5).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessKeySpec {
    /// Its form.
    pub version: KsVersion,
    /// Its life from the task's creation, seconds; `None`: the server's rule, max(2 × turn-around time, 7 days).
    pub life_s: Option<i64>,
}

/// Form of a Kaltura session (spec section 4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KsVersion {
    /// Signed and readable.
    V1,
    /// Encrypted; what the server makes today.
    #[default]
    V2,
}

/// What became of an order that was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedOrder {
    /// The task.
    pub task_id: TaskId,
    /// The entry.
    pub entry_id: EntryId,
    /// The customer's account.
    pub partner_id: PartnerId,
}
