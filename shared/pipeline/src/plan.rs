//! What was ordered, and what we do about it.
//!
//! [`Order`] is what Kaltura sent, in one object: the job of getJobs and the details of get (spec D10: neither alone has
//! all). It is kept in S3, since a dictionary can be larger than a record may be. [`Plan`] is what follows from it:
//! small, kept in the record, read by every step. Making one from the other is pure.

use captions::CaptionFormat;
use engines::{WorkKind, language::Language};
use kaltura::{CatalogItem, EntryVendorTask, ReachProfile};
use serde::{Deserialize, Serialize};

use crate::config::ProcessingRegion;
use crate::error::Refusal;
use crate::record::TaskRecord;

/// `serviceFeature` of captions (spec 1.7).
pub const CAPTIONS: i64 = 1;

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
}

impl Order {
    /// The order of a task: what poll kept of the job, and the details by access key.
    pub fn new(job: &TaskRecord, details: &EntryVendorTask) -> Result<Self, Refusal> {
        let item: &CatalogItem = details.catalog_item().ok_or(Refusal::NoCatalogItem)?;
        let profile: Option<&ReachProfile> = details.reach_profile();
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
        })
    }

    /// Whether this stack may work on it. A profile that names no region may be worked on anywhere.
    pub fn belongs_to(&self, region: ProcessingRegion) -> bool {
        self.processing_region
            .is_none_or(|wanted| wanted == region.number())
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
fn dictionary_words(text: &str) -> Vec<String> {
    text.split(['\n', '\r'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Which tracks of the media the work needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaNeed {
    /// Sound only: what a machine recognises.
    Audio,
    /// Sound and picture: what people look at.
    AudioVideo,
}

/// How the captions are laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the profile has these switches, each of its own"
)]
pub struct CaptionStyle {
    /// Characters a line.
    pub max_characters_per_line: u32,
    /// `[Speaker n]`.
    pub speaker_labels: bool,
    /// `>>` at each change of speaker.
    pub speaker_change_marks: bool,
    /// Keep audio tags.
    pub audio_tags: bool,
    /// Remove profanity.
    pub remove_profanity: bool,
}

/// One thing to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Deliverable {
    /// A caption asset in the source language.
    Caption {
        /// Its format.
        format: CaptionFormat,
        /// `captionAsset[language]`: one of `KalturaLanguage`.
        language: kaltura::AssetLanguage,
        /// `captionAsset[label]`.
        label: String,
        /// `captionAsset[isDefault]`: true for the source language.
        is_default: bool,
    },
}

/// What we do about an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The tracks to fetch.
    pub media: MediaNeed,
    /// The only flavors that may be fetched, in the customer's order; empty where any may.
    pub flavor_params_ids: Vec<i64>,
    /// The language to recognise, by its catalog name.
    pub source_language: String,
    /// The same as a BCP-47 tag.
    pub source_bcp47: String,
    /// How captions look.
    pub style: CaptionStyle,
    /// What to deliver; [`TaskRecord::deliverables`] has one record for each.
    pub deliverables: Vec<Deliverable>,
    /// When our copies must go.
    pub deletion: DeletionPolicy,
}

impl Plan {
    /// The plan of an order, or why there is none. `engine` is asked before PROCESSING, so that an order that it can't
    /// work on is refused at once.
    pub fn new(order: &Order, engine: &engines::Capabilities) -> Result<Self, Refusal> {
        if order.service_feature != CAPTIONS {
            return Err(Refusal::NoPlan {
                feature: order.service_feature.to_string(),
            });
        }
        let name = order.source_language.clone().unwrap_or_default();
        let asset_language = kaltura::CatalogLanguage::from(name.as_str()).asset_language();
        let Some((language, asset_language)) = Language::by_catalog_name(&name).zip(asset_language) else {
            return Err(Refusal::UnusableLanguage { name });
        };
        if !engine.serves(WorkKind::Recognise, language.bcp47) {
            return Err(Refusal::LanguageNotServed {
                language: name,
                engine: engine.engine.to_owned(),
            });
        }
        Ok(Self {
            media: MediaNeed::Audio,
            flavor_params_ids: order.flavor_params_ids.clone(),
            source_bcp47: language.bcp47.to_owned(),
            style: CaptionStyle {
                max_characters_per_line: order
                    .max_characters_per_caption_line
                    .filter(|characters| *characters > 0)
                    .unwrap_or(captions::DEFAULT_CHARS_PER_LINE),
                speaker_labels: order.enable_speaker_id,
                speaker_change_marks: order.enable_speaker_change_indication,
                audio_tags: order.enable_audio_tags,
                remove_profanity: order.enable_profanity_removal,
            },
            deliverables: vec![Deliverable::Caption {
                format: order.caption_format(),
                language: asset_language,
                label: name.clone(),
                is_default: true,
            }],
            deletion: order.deletion,
            source_language: name,
        })
    }
}

#[cfg(test)]
mod tests {
    use engines::{Capabilities, Capability};

    use super::*;

    fn order() -> Order {
        Order {
            source_language: Some("English".into()),
            catalog_output_format: None,
            default_output_format: None,
            enable_speaker_id: false,
            enable_speaker_change_indication: false,
            enable_audio_tags: false,
            enable_profanity_removal: false,
            enable_metadata_extraction: false,
            max_characters_per_caption_line: None,
            flavor_params_ids: Vec::new(),
            dictionary: Vec::new(),
            notes: None,
            processing_region: None,
            deletion: DeletionPolicy::DoNothing,
            service_feature: CAPTIONS,
            service_type: 2,
            turn_around_time: None,
            expected_finish_epoch_s: None,
        }
    }

    fn english_only() -> Capabilities {
        let recognise = Capability::new(WorkKind::Recognise, &["en"]);
        Capabilities {
            engine: "test",
            works: vec![recognise],
        }
    }

    #[test]
    fn the_format_is_the_catalog_items_then_the_profiles_then_srt() {
        let cases = [
            (Some(3), Some(2), CaptionFormat::Vtt),
            (None, Some(2), CaptionFormat::Dfxp),
            (None, None, CaptionFormat::Srt),
            (Some(99), Some(3), CaptionFormat::Vtt),
            (Some(99), Some(0), CaptionFormat::Srt),
        ];
        for (catalog_output_format, default_output_format, format) in cases {
            let order = Order {
                catalog_output_format,
                default_output_format,
                ..order()
            };
            assert_eq!(
                order.caption_format(),
                format,
                "{catalog_output_format:?}, {default_output_format:?}"
            );
        }
    }

    #[test]
    fn the_plan_carries_every_wish_of_the_order() {
        let order = Order {
            source_language: Some("English (American)".into()),
            catalog_output_format: Some(2),
            enable_speaker_id: true,
            enable_speaker_change_indication: true,
            enable_audio_tags: true,
            enable_profanity_removal: true,
            max_characters_per_caption_line: Some(26),
            flavor_params_ids: vec![1, 3, 5],
            deletion: DeletionPolicy::AfterWeek,
            ..order()
        };
        insta::assert_json_snapshot!(Plan::new(&order, &english_only()).unwrap());
    }

    #[test]
    fn what_can_not_be_done_is_refused_with_a_text_for_the_customer() {
        let with_language = |name: Option<&str>| Order {
            source_language: name.map(Into::into),
            ..order()
        };
        let refused = [
            with_language(None),
            with_language(Some("Auto Detect")),
            with_language(Some("English (ASL)")),
            with_language(Some("Klingon")),
            with_language(Some("Hebrew")),
            Order {
                service_feature: 7,
                ..order()
            },
        ]
        .map(|order| Plan::new(&order, &english_only()).unwrap_err());
        let told: Vec<String> = refused
            .iter()
            .map(|refusal| format!("{}: {}", refusal.name(), refusal.customer_text()))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_task_belongs_to_its_region_or_to_any() {
        let of = |processing_region| Order {
            processing_region,
            ..order()
        };
        assert!(of(None).belongs_to(ProcessingRegion::Us));
        assert!(of(Some(1)).belongs_to(ProcessingRegion::Us));
        assert!(!of(Some(2)).belongs_to(ProcessingRegion::Us));
        assert!(!of(Some(9)).belongs_to(ProcessingRegion::Ca));
    }

    #[test]
    fn deletion_is_due_by_the_customers_policy() {
        let due = |number| DeletionPolicy::from_number(number).delete_at_epoch_s(1_000);
        assert_eq!(due(None), None);
        assert_eq!(due(Some(1)), None);
        assert_eq!(due(Some(2)), Some(1_000));
        assert_eq!(due(Some(3)), Some(1_000 + 604_800));
        assert_eq!(due(Some(4)), Some(1_000 + 30 * 86_400));
        assert_eq!(due(Some(5)), Some(1_000 + 90 * 86_400));
        assert_eq!(
            due(Some(77)),
            Some(1_000),
            "an unknown policy is taken as the strictest"
        );
    }

    #[test]
    fn a_dictionary_has_a_word_or_phrase_a_line() {
        assert_eq!(
            dictionary_words("kaltura\r\nhello world\n\n  name \n"),
            ["kaltura", "hello world", "name"]
        );
    }
}
