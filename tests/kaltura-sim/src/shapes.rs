//! Shapes of the objects that an order makes: catalog item, profile, and their classes by service (spec section 2).

use crate::contract::Fields;
use crate::order::{CatalogItemSpec, DictionarySpec, OrderRequest, ProfileSpec};
use serde_json::{Value, json};

/// A KalturaVendorCatalogItem of the order's service.
pub(crate) fn catalog_item(order: &OrderRequest, spec: &CatalogItemSpec, id: i64, vendor: i64) -> Fields {
    let mut fields = fields_of(json!({
        "id": id,
        "vendorPartnerId": vendor,
        "name": spec.name,
        "status": 2,
        "stage": 1,
        "sourceLanguage": spec.source_language,
        "targetLanguage": spec.target_language,
        "outputFormat": spec.output_format,
        "enableSpeakerId": spec.enable_speaker_id,
        "serviceType": order.service_type,
        "serviceFeature": order.service_feature,
        "turnAroundTime": spec.turn_around_time,
        "requireSource": spec.require_source,
        "flavorParamsId": spec.flavor_params_id,
        "clearAudioFlavorParamsId": spec.clear_audio_flavor_params_id,
        "objectType": catalog_item_class(order.service_feature),
    }));
    fields.extend(spec.extra.clone());
    fields
}

/// A KalturaReachProfile.
pub(crate) fn profile(spec: &ProfileSpec, id: i64, partner: i64) -> Fields {
    fields_of(json!({
        "id": id,
        "partnerId": partner,
        "name": spec.name,
        "status": 2,
        "defaultOutputFormat": spec.default_output_format,
        "enableMachineModeration": false,
        "enableHumanModeration": false,
        "autoDisplayMachineCaptionsOnPlayer": spec.auto_display_captions_on_player,
        "autoDisplayHumanCaptionsOnPlayer": spec.auto_display_captions_on_player,
        "enableMetadataExtraction": spec.enable_metadata_extraction,
        "enableSpeakerChangeIndication": spec.enable_speaker_change_indication,
        "enableAudioTags": spec.enable_audio_tags,
        "enableProfanityRemoval": spec.enable_profanity_removal,
        "maxCharactersPerCaptionLine": spec.max_characters_per_caption_line,
        "labelAdditionForMachineServiceType": spec.label_addition_for_machine_service_type,
        "labelAdditionForHumanServiceType": spec.label_addition_for_human_service_type,
        "contentDeletionPolicy": spec.content_deletion_policy,
        "flavorParamsIds": spec.flavor_params_ids,
        "vendorTaskProcessingRegion": spec.vendor_task_processing_region,
        "dictionaries": dictionaries(spec),
        "objectType": "KalturaReachProfile",
    }))
}

fn dictionaries(spec: &ProfileSpec) -> Option<Vec<Value>> {
    let written = |words: &DictionarySpec| json!({"language": words.language, "data": words.data, "objectType": "KalturaDictionary"});
    let all: Vec<Value> = spec.dictionaries.iter().map(written).collect();
    (!all.is_empty()).then_some(all)
}

/// An object's members; nulls are left out.
pub(crate) fn fields_of(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Fields::new(),
    }
}

/// Class of `taskJobData` by service.
pub(crate) fn task_data_class(feature: i64) -> &'static str {
    match feature {
        2 => "KalturaTranslationVendorTaskData",
        3 => "KalturaAlignmentVendorTaskData",
        4 => "KalturaAudioDescriptionVendorTaskData",
        6 => "KalturaIntelligentTaggingVendorTaskData",
        7 => "KalturaDubbingVendorTaskData",
        8 | 11 => "KalturaScheduledVendorTaskData",
        10 => "KalturaClipsVendorTaskData",
        12 => "KalturaQuizVendorTaskData",
        13 => "KalturaSummaryVendorTaskData",
        15 => "KalturaModerationVendorTaskData",
        16 => "KalturaMetadataEnrichmentVendorTaskData",
        17 => "KalturaSentimentAnalysisVendorTaskData",
        19 => "KalturaSignLanguageVendorTaskData",
        20 => "KalturaSpeechToVideoVendorTaskData",
        _ => "KalturaVendorTaskData",
    }
}

/// Class of the catalog item by service.
fn catalog_item_class(feature: i64) -> &'static str {
    match feature {
        1 => "KalturaVendorCaptionsCatalogItem",
        2 => "KalturaVendorTranslationCatalogItem",
        3 => "KalturaVendorAlignmentCatalogItem",
        4 => "KalturaVendorAudioDescriptionCatalogItem",
        5 => "KalturaVendorChapteringCatalogItem",
        6 => "KalturaVendorIntelligentTaggingCatalogItem",
        7 => "KalturaVendorDubbingCatalogItem",
        8 => "KalturaVendorLiveCaptionCatalogItem",
        9 => "KalturaVendorExtendedAudioDescriptionCatalogItem",
        10 => "KalturaVendorClipsCatalogItem",
        11 => "KalturaVendorLiveTranslationCatalogItem",
        12 => "KalturaVendorQuizCatalogItem",
        13 => "KalturaVendorSummaryCatalogItem",
        14 => "KalturaVendorVideoAnalysisCatalogItem",
        15 => "KalturaVendorModerationCatalogItem",
        16 => "KalturaVendorMetadataEnrichmentCatalogItem",
        17 => "KalturaVendorSentimentAnalysisCatalogItem",
        18 => "KalturaVendorDocumentEnrichmentCatalogItem",
        19 => "KalturaVendorSignLanguageCatalogItem",
        20 => "KalturaVendorSpeechToVideoCatalogItem",
        _ => "KalturaVendorCatalogItem",
    }
}
