//! `captionAsset`. Access key.

use serde::Serialize;

use super::{AssetFilter, ContentResource, FilterPager, nullable_boolean};
use crate::call::{Call, Pace, Repeat, call};
use crate::enums::{CaptionType, CaptionUsage};
use crate::ids::{AssetId, EntryId};
use crate::json::Page;
use crate::language::AssetLanguage;
use crate::objects::CaptionAsset;
use crate::secret::SecretUrl;

/// A caption asset to be added: every field that the guide names ("Asset creation and upload").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaCaptionAsset", rename_all = "camelCase")]
pub struct NewCaptionAsset {
    /// The format that the server parses the content in. Can't be changed later.
    pub format: CaptionType,
    /// The file's extension: `srt`, `dfxp`, `vtt`. Can't be changed later.
    pub file_ext: String,
    /// Accuracy in percent; the same as the task's.
    pub accuracy: u8,
    /// The language of the captions.
    pub language: AssetLanguage,
    /// Whether it is the entry's default: yes for captions in the source language, no for translations (guide). Only add
    /// may set it: an update with the access key is refused (spec 7).
    #[serde(serialize_with = "nullable_boolean")]
    pub is_default: bool,
    /// Whether viewers see it. The server says no by itself where the customer moderates (spec 1.5).
    pub display_on_player: bool,
    /// What viewers see in the menu, such as the language's name.
    pub label: String,
    /// The vendor's own mark, by which the asset is found if the answer to the add is lost.
    pub partner_data: String,
    /// What it is for; `None` leaves the server's default, captions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<CaptionUsage>,
}

/// `captionAsset.add`. Not safe to repeat: plain adds are never deduplicated (spec 7).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddCaption<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
    /// The asset.
    pub caption_asset: &'a NewCaptionAsset,
}
call!(AddCaption<'a> => "caption_captionasset"."add", Once -> CaptionAsset);

/// `captionAsset.setContent`. Not safe to repeat: each call by URL begins another import, and an upload token is good for
/// one use.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetCaptionContent<'a> {
    /// The asset.
    pub id: &'a AssetId,
    /// Its content.
    pub content_resource: &'a ContentResource,
}

impl Call for SetCaptionContent<'_> {
    const SERVICE: &'static str = "caption_captionasset";
    const ACTION: &'static str = "setContent";
    const REPEAT: Repeat = Repeat::Once;
    const PACE: Pace = Pace::Content;
    type Reply = CaptionAsset;

    fn secrets(&self) -> Vec<&str> {
        self.content_resource.secrets()
    }
}

/// `captionAsset.get`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetCaption<'a> {
    /// The asset.
    pub caption_asset_id: &'a AssetId,
}
call!(GetCaption<'a> => "caption_captionasset"."get", Safe -> CaptionAsset);

/// `captionAsset.delete`. Safe to repeat: where it is gone already, the server says `CAPTION_ASSET_ID_NOT_FOUND`. Flavors and
/// attachments have no such thing with an access key (spec 1.1).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteCaption<'a> {
    /// The asset.
    pub caption_asset_id: &'a AssetId,
}
call!(DeleteCaption<'a> => "caption_captionasset"."delete", Safe -> ());

/// `captionAsset.list`: the captions of an entry. Kaltura's FAQ says that vendors may not; the server lets them (spec
/// 1.1): use it where nothing else helps, and expect `SERVICE_FORBIDDEN`.
#[derive(Debug, Clone, Serialize)]
pub struct ListCaptions {
    /// Whose captions.
    pub filter: AssetFilter,
    /// Which page.
    pub pager: FilterPager,
}
call!(ListCaptions => "caption_captionasset"."list", Safe -> Page<CaptionAsset>);

/// `captionAsset.getUrl`: where the file can be downloaded for a day. The URL carries a session.
#[derive(Debug, Clone, Serialize)]
pub struct GetCaptionUrl<'a> {
    /// The asset; must be READY.
    pub id: &'a AssetId,
}
call!(GetCaptionUrl<'a> => "caption_captionasset"."getUrl", Safe -> SecretUrl);

/// What an update of a caption asset changes. Format, extension and default are left out: the server refuses them here
/// (spec 7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaCaptionAsset", rename_all = "camelCase")]
pub struct CaptionUpdate {
    /// Accuracy in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<u8>,
    /// Transcripts that belong to it, comma-separated (guide: after the transcripts were added).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associated_transcript_ids: Option<String>,
    /// The vendor's own mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner_data: Option<String>,
}

/// `captionAsset.update`. Safe to repeat.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCaption<'a> {
    /// The asset.
    pub id: &'a AssetId,
    /// What changes.
    pub caption_asset: &'a CaptionUpdate,
}
call!(UpdateCaption<'a> => "caption_captionasset"."update", Safe -> CaptionAsset);
