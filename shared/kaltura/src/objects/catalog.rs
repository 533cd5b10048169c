//! What was ordered (catalog item) and how the customer wants it (REACH profile).

use crate::enums::{
    CatalogItemStatus, ContentDeletionPolicy, OutputFormat, ProcessingRegion, ServiceFeature, ServiceType,
};
use crate::ids::{CatalogItemId, PartnerId, ReachProfileId};
use crate::language::CatalogLanguage;
use crate::macros::kaltura_object;

kaltura_object! {
    /// A catalog item: the fields of all its subclasses in one struct; which one it is stands in `object_type`.
    CatalogItem of "KalturaVendorCatalogItem" | "KalturaVendorCaptionsCatalogItem" | "KalturaVendorTranslationCatalogItem"
        | "KalturaVendorAlignmentCatalogItem" | "KalturaVendorDubbingCatalogItem"
        | "KalturaVendorAudioDescriptionCatalogItem" | "KalturaVendorExtendedAudioDescriptionCatalogItem"
        | "KalturaVendorLiveCatalogItem" | "KalturaVendorSignLanguageCatalogItem" {
        /// The subclass, such as `KalturaVendorCaptionsCatalogItem`.
        object_type: Option<String> = "objectType",
        /// The item; the `reach_vendor` response profile leaves it out.
        id: Option<CatalogItemId> = "id",
        /// The vendor's account.
        vendor_partner_id: Option<PartnerId> = "vendorPartnerId",
        /// Its name.
        name: Option<String> = "name",
        /// Its system name.
        system_name: Option<String> = "systemName",
        /// Whether it is on sale.
        status: Option<CatalogItemStatus> = "status",
        /// Who does the work.
        service_type: Option<ServiceType> = "serviceType",
        /// The service.
        service_feature: Option<ServiceFeature> = "serviceFeature",
        /// `KalturaVendorServiceTurnAroundTime`, as [`turn_around_time`](super::EntryVendorTask::turn_around_time).
        turn_around_time: Option<i64> = "turnAroundTime",
        /// The language spoken, by its catalog name (see [`CatalogLanguage`]).
        source_language: Option<String> = "sourceLanguage",
        /// The language to deliver, by its catalog name: translation, dubbing, sign language.
        target_language: Option<String> = "targetLanguage",
        /// The caption format to deliver. Arrives as a string, or empty (spec 1.7): then the profile's default, then SRT.
        output_format: Option<OutputFormat> = "outputFormat",
        /// Whether captions name the speakers.
        enable_speaker_id: Option<bool> = "enableSpeakerId",
        /// Translation: whether the source caption file is to be translated rather than the sound; absent means yes
        /// (see [`Self::requires_source`]).
        require_source: Option<bool> = "requireSource",
        /// Dubbing and audio description: flavor params of the new sound track. 0 means "not configured" (spec 7).
        flavor_params_id: Option<i64> = "flavorParamsId",
        /// Dubbing and audio description: flavor params of the original sound track. 0 means "not configured".
        clear_audio_flavor_params_id: Option<i64> = "clearAudioFlavorParamsId",
        /// Live: until how long before the event the customer is refunded.
        minimal_refund_time: Option<i64> = "minimalRefundTime",
        /// Live: how long before the event it must be ordered.
        minimal_order_time: Option<i64> = "minimalOrderTime",
        /// Live: the longest event.
        duration_limit: Option<i64> = "durationLimit",
        /// The vendor's own data.
        vendor_data: Option<String> = "vendorData",
        /// Notes on the item.
        notes: Option<String> = "notes",
    }
}

impl CatalogItem {
    /// The language spoken.
    pub fn source(&self) -> Option<CatalogLanguage> {
        self.source_language.as_deref().map(CatalogLanguage::from)
    }

    /// The language to deliver.
    pub fn target(&self) -> Option<CatalogLanguage> {
        self.target_language.as_deref().map(CatalogLanguage::from)
    }

    /// Whether a translation starts from the source caption file: "true or when that parameter is not present" (guide,
    /// "Services input & output").
    pub fn requires_source(&self) -> bool {
        self.require_source.unwrap_or(true)
    }
}

kaltura_object! {
    /// A customer's REACH profile, as the `reach_vendor` response profile gives it.
    ReachProfile of "KalturaReachProfile" {
        /// The profile; the response profile leaves it out.
        id: Option<ReachProfileId> = "id",
        /// Its name.
        name: Option<String> = "name",
        /// The customer's account.
        partner_id: Option<PartnerId> = "partnerId",
        /// The caption format where the catalog item names none.
        default_output_format: Option<OutputFormat> = "defaultOutputFormat",
        /// Whether the vendor makes tags for the entry.
        enable_metadata_extraction: Option<bool> = "enableMetadataExtraction",
        /// Whether captions mark a change of speaker with `>>`.
        enable_speaker_change_indication: Option<bool> = "enableSpeakerChangeIndication",
        /// Whether captions carry audio tags such as `[music]`.
        enable_audio_tags: Option<bool> = "enableAudioTags",
        /// Whether profanity is removed.
        enable_profanity_removal: Option<bool> = "enableProfanityRemoval",
        /// Characters a caption line.
        max_characters_per_caption_line: Option<u32> = "maxCharactersPerCaptionLine",
        /// What the server appends to the label of machine captions; nothing for the vendor to do (spec D13).
        label_addition_for_machine_service_type: Option<String> = "labelAdditionForMachineServiceType",
        /// What the server appends to the label of human captions; nothing for the vendor to do (spec D13).
        label_addition_for_human_service_type: Option<String> = "labelAdditionForHumanServiceType",
        /// When our copies of the content must go.
        content_deletion_policy: Option<ContentDeletionPolicy> = "contentDeletionPolicy",
        /// The flavor params of the only flavors that may be fetched, in the customer's order; empty where any may.
        flavor_params_ids: Vec<i64> = "flavorParamsIds",
        /// Where the media may be processed.
        vendor_task_processing_region: Option<ProcessingRegion> = "vendorTaskProcessingRegion",
        /// Words by language.
        dictionaries: Vec<Dictionary> = "dictionaries",
    }
}

kaltura_object! {
    /// The words of one language in a profile.
    Dictionary of "KalturaDictionary" {
        /// The language, by its catalog name.
        language: Option<String> = "language",
        /// Words and phrases, one a line.
        data: Option<String> = "data",
    }
}
