//! What was ordered, and what we do about it.
//!
//! [`Order`] is what Kaltura sent. [`Plan`] is what follows from it: small, kept in the record, read by every step. Making
//! one from the other is pure, and is told service by service in `services`.

mod order;
mod services;
#[cfg(test)]
mod tests;

use captions::CaptionFormat;
use engines::{Handover, WorkKind};
use kaltura::{AssetId, AssetLanguage, CaptionType, ServiceFeature};
use serde::{Deserialize, Serialize};

pub use order::{DeletionPolicy, LiveEvent, Order};
pub use services::PlanRules;

use crate::record::DeliveredAs;

/// Which tracks of the media the work needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaNeed {
    /// None: the work is on text.
    None,
    /// Sound only, as little of it as there is: what a machine recognises.
    Audio,
    /// Sound only, the best there is: what becomes part of a track.
    BestAudio,
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

/// The form of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TranscriptForm {
    /// Plain text, by paragraphs.
    Text,
    /// DFXP.
    Dfxp,
    /// Kaltura's timed JSON.
    Json,
}

impl TranscriptForm {
    /// The file's extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Dfxp => "dfxp",
            Self::Json => "json",
        }
    }

    /// The file's content type.
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Dfxp => "application/ttml+xml",
            Self::Json => "application/json",
        }
    }
}

/// What a sound track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoundTrack {
    /// The dubbed one.
    Dubbed,
    /// The programme with descriptions of the picture in its pauses.
    Described,
    /// The original, which goes beside either: the player shows several tracks only if the original is one of them.
    Clear,
}

/// One thing to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Deliverable {
    /// A caption asset.
    Caption {
        /// Its format.
        format: CaptionFormat,
        /// `captionAsset[language]`: one of `KalturaLanguage`.
        language: AssetLanguage,
        /// `captionAsset[label]`.
        label: String,
        /// `captionAsset[isDefault]`: true for the source language.
        is_default: bool,
        /// Whether it is an extended audio description (`captionAsset[usage]` 1, spec D8).
        #[serde(default)]
        is_description: bool,
    },
    /// A transcript, as an attachment that belongs to the captions.
    Transcript {
        /// Its form.
        form: TranscriptForm,
        /// `language`.
        language: AssetLanguage,
        /// `title`.
        title: String,
    },
    /// An extended audio description, as an attachment that the player reads aloud (tag `AAD`).
    Description {
        /// `title`, which the player shows.
        title: String,
    },
    /// A sound track.
    Sound {
        /// Which.
        track: SoundTrack,
        /// `flavorParamsId`, of the catalog item.
        flavor_params_id: i64,
        /// `language`.
        language: AssetLanguage,
        /// `label`.
        label: String,
        /// `isDefault`: true for the original.
        is_default: bool,
    },
    /// Chapters, as cue points.
    Chapters,
    /// Tags of the entry, in a language.
    Tags {
        /// Its ISO 639-1 code in capitals, as `multiLingual_tags` has it.
        language_code: String,
    },
}

impl Deliverable {
    /// What it becomes at Kaltura.
    pub fn delivered_as(&self) -> DeliveredAs {
        match self {
            Self::Caption { .. } => DeliveredAs::Caption,
            Self::Transcript { .. } | Self::Description { .. } => DeliveredAs::Attachment,
            Self::Sound { .. } => DeliveredAs::Flavor,
            Self::Chapters => DeliveredAs::CuePoints,
            Self::Tags { .. } => DeliveredAs::Tags,
        }
    }

    /// Its file's extension.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Caption { format, .. } => format.extension(),
            Self::Transcript { form, .. } => form.extension(),
            Self::Description { .. } => "vtt",
            Self::Sound { .. } => "mp4",
            Self::Chapters | Self::Tags { .. } => "json",
        }
    }

    /// Its file's content type.
    pub fn mime_type(&self) -> &'static str {
        match self {
            Self::Caption { format, .. } => format.mime_type(),
            Self::Transcript { form, .. } => form.mime_type(),
            Self::Description { .. } => CaptionFormat::Vtt.mime_type(),
            Self::Sound { .. } => "audio/mp4",
            Self::Chapters | Self::Tags { .. } => "application/json",
        }
    }

    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Caption {
                is_description: false,
                ..
            } => "caption",
            Self::Caption { .. } | Self::Description { .. } => "description",
            Self::Transcript { .. } => "transcript",
            Self::Sound {
                track: SoundTrack::Dubbed,
                ..
            } => "dubbed track",
            Self::Sound {
                track: SoundTrack::Described,
                ..
            } => "described track",
            Self::Sound {
                track: SoundTrack::Clear,
                ..
            } => "clear track",
            Self::Chapters => "chapters",
            Self::Tags { .. } => "tags",
        }
    }

    /// Its language, where it has one.
    pub fn language(&self) -> Option<&AssetLanguage> {
        match self {
            Self::Caption { language, .. }
            | Self::Transcript { language, .. }
            | Self::Sound { language, .. } => Some(language),
            _ => None,
        }
    }
}

/// Kaltura's type of a caption format.
pub fn caption_type(format: CaptionFormat) -> CaptionType {
    match format {
        CaptionFormat::Srt => CaptionType::Srt,
        CaptionFormat::Dfxp => CaptionType::Dfxp,
        CaptionFormat::Vtt => CaptionType::WebVtt,
    }
}

/// A language of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLanguage {
    /// Its catalog name.
    pub catalog_name: String,
    /// Its BCP-47 tag.
    pub bcp47: String,
}

/// One piece of work, and who does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWork {
    /// What.
    pub kind: WorkKind,
    /// The engine's name.
    pub engine: String,
    /// What people hand in, where it is theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Handover>,
}

/// A text of the customer's that the work is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceText {
    /// Captions, to be translated or aligned.
    Caption(AssetId),
    /// A transcript as text, to be aligned.
    TextTranscript(AssetId),
    /// A transcript as timed JSON, to be aligned.
    JsonTranscript(AssetId),
}

/// What a task's `outputObjectId` names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputObject {
    /// The first deliverable's asset.
    #[default]
    Delivered,
    /// The captions that a translation was made from (guide, "Translation"; spec D11).
    SourceCaptions,
}

/// How a task is taken on, and with it the status that tells the customer so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakenOn {
    /// Work begins: PROCESSING.
    #[default]
    AtOnce,
    /// All is made ready for an event: SCHEDULED. PROCESSING comes once the first caption of it was handed out.
    ForItsEvent,
}

/// What we do about an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The service, as Kaltura's number.
    #[serde(default = "captions_feature")]
    pub service_feature: i64,
    /// How the task is taken on.
    #[serde(default)]
    pub taken_on: TakenOn,
    /// The tracks to fetch.
    pub media: MediaNeed,
    /// The only flavors that may be fetched, in the customer's order; empty where any may.
    pub flavor_params_ids: Vec<i64>,
    /// The language of the sound, by its catalog name.
    pub source_language: String,
    /// The same as a BCP-47 tag.
    pub source_bcp47: String,
    /// The language to translate into.
    #[serde(default)]
    pub target: Option<PlanLanguage>,
    /// The text that the work is on.
    #[serde(default)]
    pub source_text: Option<SourceText>,
    /// How captions look.
    pub style: CaptionStyle,
    /// The work, one after the other; [`crate::record::TaskRecord::works`] has one record for each.
    #[serde(default = "recognised_locally")]
    pub works: Vec<PlannedWork>,
    /// What to deliver; [`crate::record::TaskRecord::deliverables`] has one record for each.
    pub deliverables: Vec<Deliverable>,
    /// What `outputObjectId` names.
    #[serde(default)]
    pub output_object: OutputObject,
    /// When our copies must go.
    pub deletion: DeletionPolicy,
}

/// Plans of the second record version were all of captions.
fn captions_feature() -> i64 {
    ServiceFeature::Captions.number()
}

/// And all of them by the one engine that there was.
fn recognised_locally() -> Vec<PlannedWork> {
    vec![PlannedWork {
        kind: WorkKind::Recognise,
        engine: "local".to_owned(),
        handover: None,
    }]
}

impl Plan {
    /// The service.
    pub fn service(&self) -> ServiceFeature {
        ServiceFeature::from(self.service_feature)
    }

    /// The language of what is delivered: the target's, else the source's.
    pub fn delivered_language(&self) -> PlanLanguage {
        self.target.clone().unwrap_or_else(|| self.source())
    }

    /// The language of the sound.
    pub fn source(&self) -> PlanLanguage {
        PlanLanguage {
            catalog_name: self.source_language.clone(),
            bcp47: self.source_bcp47.clone(),
        }
    }

    /// Whether people have a part in it.
    pub fn needs_people(&self) -> bool {
        self.works.iter().any(|work| work.kind == WorkKind::HandIn)
    }
}
