//! What the customer ordered: the job of getJobs and the details of get in one object (spec D10: neither alone has all).
//!
//! It is kept in S3, since a dictionary can be larger than a record may be.

use captions::CaptionFormat;
use kaltura::{
    AssetId, CatalogItem, EntryVendorTask, ReachProfile, ScheduleEventId, ServiceFeature, ServiceType,
    TaskJobData,
};
use serde::{Deserialize, Serialize};

use crate::config::ProcessingRegion;
use crate::error::Refusal;
use crate::record::TaskRecord;

/// What the customer wants done with our copies when the task has ended (spec 1.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// 1: no wish; the bucket's lifecycle rule is the only limit.
    #[default]
    DoNothing,
    /// 2: once processed.
    OnceProcessed,
    /// 3: after a week.
    AfterWeek,
    /// 4: after a month.
    AfterMonth,
    /// 5: after three months.
    AfterThreeMonths,
}

impl DeletionPolicy {
    /// From Kaltura's number. One we don't know is taken as the strictest: deleting early breaks no promise.
    pub fn from_number(number: Option<i64>) -> Self {
        match number {
            None | Some(1) => Self::DoNothing,
            Some(3) => Self::AfterWeek,
            Some(4) => Self::AfterMonth,
            Some(5) => Self::AfterThreeMonths,
            Some(_) => Self::OnceProcessed,
        }
    }

    /// By when everything must be deleted of a task that ended then; `None` where the customer has no wish.
    pub fn delete_at_epoch_s(self, ended_epoch_s: u64) -> Option<u64> {
        const DAY_S: u64 = 24 * 60 * 60;
        let after_s = match self {
            Self::DoNothing => return None,
            Self::OnceProcessed => 0,
            Self::AfterWeek => 7 * DAY_S,
            Self::AfterMonth => 30 * DAY_S,
            Self::AfterThreeMonths => 90 * DAY_S,
        };
        Some(ended_epoch_s + after_s)
    }
}

/// The event of a live order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// The scheduled event at Kaltura.
    pub event_id: ScheduleEventId,
    /// When captions are wanted from, which need not be when the event begins.
    pub start_epoch_s: u64,
    /// Until when they are wanted.
    pub end_epoch_s: u64,
}

impl LiveEvent {
    /// The event that a task is for; `None` where the task's data doesn't tell all of it.
    pub fn of(data: &TaskJobData) -> Option<Self> {
        Some(Self {
            event_id: data.scheduled_event_id?,
            start_epoch_s: data.start_date_epoch_s?,
            end_epoch_s: data.end_date_epoch_s?,
        })
    }

    /// How long it lasts.
    pub fn lasts_s(&self) -> u64 {
        self.end_epoch_s.saturating_sub(self.start_epoch_s)
    }
}

/// What the customer ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the profile has these switches, each of its own"
)]
pub struct Order {
    /// The catalog item's source language, by its catalog name.
    pub source_language: Option<String>,
    /// The catalog item's output format, as Kaltura's number.
    pub catalog_output_format: Option<i64>,
    /// The profile's default output format, as Kaltura's number.
    pub default_output_format: Option<i64>,
    /// `[Speaker n]` in the captions.
    pub enable_speaker_id: bool,
    /// `>>` at each change of speaker.
    pub enable_speaker_change_indication: bool,
    /// Audio tags such as `[music]`.
    pub enable_audio_tags: bool,
    /// Profanity removed.
    pub enable_profanity_removal: bool,
    /// Tags for the entry.
    pub enable_metadata_extraction: bool,
    /// Characters a caption line.
    pub max_characters_per_caption_line: Option<u32>,
    /// The only flavors that may be fetched, in the customer's order; empty where any may.
    pub flavor_params_ids: Vec<i64>,
    /// Words and phrases that the customer spells so.
    pub dictionary: Vec<String>,
    /// The customer's notes.
    pub notes: Option<String>,
    /// Where the media may be processed, as Kaltura's number; `None` where the profile does not say.
    pub processing_region: Option<i64>,
    /// When our copies must go.
    pub deletion: DeletionPolicy,
    /// `serviceFeature`.
    pub service_feature: i64,
    /// `serviceType`: 1 human, 2 machine.
    pub service_type: i64,
    /// `turnAroundTime`, of getJobs only (spec D10).
    pub turn_around_time: Option<i64>,
    /// `expectedFinishTime`, of getJobs only (spec D10).
    pub expected_finish_epoch_s: Option<u64>,
    /// The catalog item's target language, by its catalog name: of translations and dubbings.
    #[serde(default)]
    pub target_language: Option<String>,
    /// Whether a translation is made from the captions of `caption_asset_id`, and not from the sound.
    #[serde(default = "yes")]
    pub require_source: bool,
    /// The captions to translate, or the text to align.
    #[serde(default)]
    pub caption_asset_id: Option<AssetId>,
    /// The text to align, as a text file.
    #[serde(default)]
    pub text_transcript_asset_id: Option<AssetId>,
    /// The text to align, as timed JSON.
    #[serde(default)]
    pub json_transcript_asset_id: Option<AssetId>,
    /// The flavor params of the track that is made.
    #[serde(default)]
    pub flavor_params_id: Option<i64>,
    /// The flavor params of the original track that goes with it.
    #[serde(default)]
    pub clear_audio_flavor_params_id: Option<i64>,
    /// The entry's duration, as the job tells it.
    #[serde(default)]
    pub entry_duration_ms: Option<u64>,
    /// The event, of a live order.
    #[serde(default)]
    pub event: Option<LiveEvent>,
}

fn yes() -> bool {
    true
}

impl Order {
    /// The order of a task: what poll kept of the job, and the details by access key.
    pub fn new(job: &TaskRecord, details: &EntryVendorTask) -> Result<Self, Refusal> {
        let item: &CatalogItem = details.catalog_item().ok_or(Refusal::NoCatalogItem)?;
        let profile: Option<&ReachProfile> = details.reach_profile();
        let data = details.task_job_data.as_ref();
        let flag = |read: fn(&ReachProfile) -> Option<bool>| profile.and_then(read).unwrap_or(false);
        Ok(Self {
            source_language: item.source_language.clone(),
            catalog_output_format: item.output_format.map(kaltura::OutputFormat::number),
            default_output_format: profile
                .and_then(|p| p.default_output_format)
                .map(kaltura::OutputFormat::number),
            enable_speaker_id: item.enable_speaker_id.unwrap_or(false),
            enable_speaker_change_indication: flag(|p| p.enable_speaker_change_indication),
            enable_audio_tags: flag(|p| p.enable_audio_tags),
            enable_profanity_removal: flag(|p| p.enable_profanity_removal),
            enable_metadata_extraction: flag(|p| p.enable_metadata_extraction),
            max_characters_per_caption_line: profile.and_then(|p| p.max_characters_per_caption_line),
            flavor_params_ids: profile.map(|p| p.flavor_params_ids.clone()).unwrap_or_default(),
            dictionary: details
                .dictionary
                .as_deref()
                .map(dictionary_words)
                .unwrap_or_default(),
            notes: details.notes.clone(),
            processing_region: profile
                .and_then(|p| p.vendor_task_processing_region)
                .map(kaltura::ProcessingRegion::number),
            deletion: DeletionPolicy::from_number(
                profile
                    .and_then(|p| p.content_deletion_policy)
                    .map(kaltura::ContentDeletionPolicy::number),
            ),
            service_feature: item
                .service_feature
                .map_or(job.service_feature, kaltura::ServiceFeature::number),
            service_type: item
                .service_type
                .map_or(job.service_type, kaltura::ServiceType::number),
            turn_around_time: job.turn_around_time,
            expected_finish_epoch_s: job.expected_finish_epoch_s,
            target_language: item.target_language.clone(),
            require_source: item.requires_source(),
            caption_asset_id: data.and_then(|data| data.caption_asset_id.clone()),
            text_transcript_asset_id: data.and_then(|data| data.text_transcript_asset_id.clone()),
            json_transcript_asset_id: data.and_then(|data| data.json_transcript_asset_id.clone()),
            flavor_params_id: item.flavor_params_id,
            clear_audio_flavor_params_id: item.clear_audio_flavor_params_id,
            entry_duration_ms: data.and_then(|data| data.entry_duration_ms),
            event: data
                .and_then(LiveEvent::of)
                .or_else(|| job.live.as_ref()?.event.clone()),
        })
    }

    /// Whether this stack may work on it. A profile that names no region may be worked on anywhere.
    pub fn belongs_to(&self, region: ProcessingRegion) -> bool {
        self.processing_region
            .is_none_or(|wanted| wanted == region.number())
    }

    /// The service ordered.
    pub fn service(&self) -> ServiceFeature {
        ServiceFeature::from(self.service_feature)
    }

    /// Whether people are to do the work: from nothing (`serviceType` 1), or on a machine's draft (3).
    pub fn is_for_people(&self) -> bool {
        self.is_hybrid() || ServiceType::from(self.service_type) == ServiceType::Human
    }

    /// Whether a machine's draft that people correct is what was ordered (`serviceType` 3).
    pub fn is_hybrid(&self) -> bool {
        ServiceType::from(self.service_type) == ServiceType::Hybrid
    }

    /// The format to deliver: the catalog item's, else the profile's, else SRT (guide, "Captions": "If there is none then
    /// you can use SRT as default"). A number that we don't know counts as none.
    pub fn caption_format(&self) -> CaptionFormat {
        let known = |number: i64| match number {
            1 => Some(CaptionFormat::Srt),
            2 => Some(CaptionFormat::Dfxp),
            3 => Some(CaptionFormat::Vtt),
            _ => None,
        };
        self.catalog_output_format
            .and_then(known)
            .or_else(|| self.default_output_format.and_then(known))
            .unwrap_or(CaptionFormat::Srt)
    }
}

/// A dictionary is one text, a word or phrase a line (guide: "delimited by a carriage return").
pub(super) fn dictionary_words(text: &str) -> Vec<String> {
    text.split(['\n', '\r'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
