//! Assets of an entry, and upload tokens.

use crate::enums::{AssetStatus, AttachmentType, CaptionType, CaptionUsage, UploadTokenStatus};
use crate::ids::{AssetId, EntryId, PartnerId, UploadTokenId};
use crate::macros::kaltura_object;

kaltura_object! {
    /// A caption file of an entry.
    CaptionAsset of "KalturaCaptionAsset" {
        /// The asset.
        id: AssetId = "id",
        /// Its entry.
        entry_id: Option<EntryId> = "entryId",
        /// The customer's account.
        partner_id: Option<PartnerId> = "partnerId",
        /// Where it is in its life.
        status: Option<AssetStatus> = "status",
        /// What went wrong, after a failed import (spec 3.1).
        description: Option<String> = "description",
        /// The vendor's own mark: how an asset is found whose add lost its answer.
        partner_data: Option<String> = "partnerData",
        /// The language, by its name in `KalturaLanguage`.
        language: Option<String> = "language",
        /// What viewers see in the menu.
        label: Option<String> = "label",
        /// The format that the content is parsed in.
        format: Option<CaptionType> = "format",
        /// The file's extension.
        file_ext: Option<String> = "fileExt",
        /// Whether it is the entry's default.
        is_default: Option<bool> = "isDefault",
        /// Whether viewers see it. The server may say no whatever was sent (spec 1.5).
        display_on_player: Option<bool> = "displayOnPlayer",
        /// Accuracy in percent.
        accuracy: Option<i64> = "accuracy",
        /// What it is for.
        usage: Option<CaptionUsage> = "usage",
        /// Transcripts that belong to it.
        associated_transcript_ids: Vec<AssetId> = "associatedTranscriptIds",
        /// Tags, comma-separated.
        tags: Option<String> = "tags",
        /// Content version; grows with each `setContent`.
        version: Option<i64> = "version",
        /// Size of the content.
        size_bytes: Option<u64> = "sizeInBytes",
        /// When it was made.
        created_at_epoch_s: Option<u64> = "createdAt",
        /// When it last changed.
        updated_at_epoch_s: Option<u64> = "updatedAt",
    }
}

kaltura_object! {
    /// A media file of an entry: the original, a transcoded one, or a sound track of the vendor's.
    FlavorAsset of "KalturaFlavorAsset" {
        /// The asset.
        id: AssetId = "id",
        /// Its entry.
        entry_id: Option<EntryId> = "entryId",
        /// The customer's account.
        partner_id: Option<PartnerId> = "partnerId",
        /// What it was made by; what a profile's `flavorParamsIds` names. 0 for the original.
        flavor_params_id: Option<i64> = "flavorParamsId",
        /// Where it is in its life.
        status: Option<AssetStatus> = "status",
        /// What went wrong, after a failed import.
        description: Option<String> = "description",
        /// The vendor's own mark.
        partner_data: Option<String> = "partnerData",
        /// Picture width in pixels.
        width: Option<u32> = "width",
        /// Picture height in pixels.
        height: Option<u32> = "height",
        /// Bit rate in kilobits per second.
        bitrate: Option<u32> = "bitrate",
        /// Pictures per second.
        frame_rate: Option<f64> = "frameRate",
        /// Whether it is what the customer uploaded. Read-only (spec D7).
        is_original: Option<bool> = "isOriginal",
        /// Whether players may play it.
        is_web: Option<bool> = "isWeb",
        /// Container, such as `isom`.
        container_format: Option<String> = "containerFormat",
        /// Video codec; absent for sound alone.
        video_codec_id: Option<String> = "videoCodecId",
        /// The language, by its name in `KalturaLanguage`; `Undefined` for most uploads (guide).
        language: Option<String> = "language",
        /// What viewers see in the menu.
        label: Option<String> = "label",
        /// Whether it is the default sound track.
        is_default: Option<bool> = "isDefault",
        /// Tags, comma-separated.
        tags: Option<String> = "tags",
        /// The file's extension.
        file_ext: Option<String> = "fileExt",
        /// Size of the content.
        size_bytes: Option<u64> = "sizeInBytes",
    }
}

kaltura_object! {
    /// A file attached to an entry: a transcript, or an extended audio description (spec D8).
    AttachmentAsset of "KalturaAttachmentAsset" | "KalturaTextualAttachmentAsset" | "KalturaTranscriptAsset" {
        /// The subclass.
        object_type: Option<String> = "objectType",
        /// The asset.
        id: AssetId = "id",
        /// Its entry.
        entry_id: Option<EntryId> = "entryId",
        /// The customer's account.
        partner_id: Option<PartnerId> = "partnerId",
        /// Where it is in its life.
        status: Option<AssetStatus> = "status",
        /// What went wrong.
        description: Option<String> = "description",
        /// The vendor's own mark.
        partner_data: Option<String> = "partnerData",
        /// The file's name.
        filename: Option<String> = "filename",
        /// What viewers see.
        title: Option<String> = "title",
        /// The kind.
        format: Option<AttachmentType> = "format",
        /// The file's extension.
        file_ext: Option<String> = "fileExt",
        /// Tags, comma-separated; `AAD` marks an extended audio description.
        tags: Option<String> = "tags",
        /// Transcripts: the language, by its name in `KalturaLanguage`.
        language: Option<String> = "language",
        /// Transcripts: accuracy in percent.
        accuracy: Option<f64> = "accuracy",
        /// Size of the content.
        size_bytes: Option<u64> = "sizeInBytes",
    }
}

kaltura_object! {
    /// A file on its way to Kaltura.
    UploadToken of "KalturaUploadToken" {
        /// The token.
        id: UploadTokenId = "id",
        /// Where the upload is.
        status: Option<UploadTokenStatus> = "status",
        /// The file's name; its extension becomes the asset's (spec 5).
        file_name: Option<String> = "fileName",
        /// The file's size, as declared. The server writes it as a float.
        file_size_bytes: Option<f64> = "fileSize",
        /// What has arrived: where a broken upload goes on.
        uploaded_file_size_bytes: Option<f64> = "uploadedFileSize",
    }
}
