//! `attachmentAsset`. Access key.

use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::{AssetFilter, ContentResource, FilterPager};
use crate::call::{Call, Pace, Repeat, call};
use crate::enums::AttachmentType;
use crate::ids::{AssetId, EntryId};
use crate::json::Page;
use crate::language::AssetLanguage;
use crate::objects::AttachmentAsset;
use crate::secret::SecretUrl;

/// An attachment to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAttachmentAsset {
    /// What it is.
    pub kind: AttachmentKind,
    /// The file's format.
    pub format: AttachmentType,
    /// The file's extension. Can't be changed later.
    pub file_ext: String,
    /// The file's name; empty leaves it out.
    pub filename: String,
    /// What viewers see; empty leaves it out.
    pub title: String,
    /// Tags, comma-separated; empty leaves them out. `AAD` marks an extended audio description (guide).
    pub tags: String,
    /// The vendor's own mark.
    pub partner_data: String,
}

/// What an attachment is: the class it is added as.
#[derive(Debug, Clone, PartialEq)]
pub enum AttachmentKind {
    /// `KalturaTranscriptAsset`.
    Transcript {
        /// The language of the text.
        language: AssetLanguage,
        /// Accuracy in percent.
        accuracy_percent: u8,
    },
    /// `KalturaAttachmentAsset`.
    Plain,
}

impl Serialize for NewAttachmentAsset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        match &self.kind {
            AttachmentKind::Transcript {
                language,
                accuracy_percent,
            } => {
                body.serialize_entry("objectType", "KalturaTranscriptAsset")?;
                body.serialize_entry("language", language)?;
                body.serialize_entry("accuracy", accuracy_percent)?;
            }
            AttachmentKind::Plain => body.serialize_entry("objectType", "KalturaAttachmentAsset")?,
        }
        body.serialize_entry("format", &self.format)?;
        body.serialize_entry("fileExt", &self.file_ext)?;
        for (name, text) in [
            ("filename", &self.filename),
            ("title", &self.title),
            ("tags", &self.tags),
        ] {
            if !text.is_empty() {
                body.serialize_entry(name, text)?;
            }
        }
        body.serialize_entry("partnerData", &self.partner_data)?;
        body.end()
    }
}

/// `attachmentAsset.add`. Not safe to repeat.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddAttachment<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
    /// The asset.
    pub attachment_asset: &'a NewAttachmentAsset,
}
call!(AddAttachment<'a> => "attachment_attachmentasset"."add", Once -> AttachmentAsset);

/// `attachmentAsset.setContent`. By URL, the file is fetched within the call and without headers (spec D2), under a name
/// that must be unique (spec 3.3); an upload token is the safer way. Not safe to repeat.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAttachmentContent<'a> {
    /// The asset.
    pub id: &'a AssetId,
    /// Its content.
    pub content_resource: &'a ContentResource,
}

impl Call for SetAttachmentContent<'_> {
    const SERVICE: &'static str = "attachment_attachmentasset";
    const ACTION: &'static str = "setContent";
    const REPEAT: Repeat = Repeat::Once;
    const PACE: Pace = Pace::Content;
    type Reply = AttachmentAsset;

    fn secrets(&self) -> Vec<&str> {
        self.content_resource.secrets()
    }
}

/// `attachmentAsset.get`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetAttachment<'a> {
    /// The asset.
    pub attachment_asset_id: &'a AssetId,
}
call!(GetAttachment<'a> => "attachment_attachmentasset"."get", Safe -> AttachmentAsset);

/// `attachmentAsset.list`: the attachments of an entry, to find one by its mark.
#[derive(Debug, Clone, Serialize)]
pub struct ListAttachments {
    /// Whose attachments.
    pub filter: AssetFilter,
    /// Which page.
    pub pager: FilterPager,
}
call!(ListAttachments => "attachment_attachmentasset"."list", Safe -> Page<AttachmentAsset>);

/// `attachmentAsset.getUrl`: where the file can be downloaded. The URL carries a session.
#[derive(Debug, Clone, Serialize)]
pub struct GetAttachmentUrl<'a> {
    /// The asset; must be READY.
    pub id: &'a AssetId,
}
call!(GetAttachmentUrl<'a> => "attachment_attachmentasset"."getUrl", Safe -> SecretUrl);
