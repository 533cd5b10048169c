//! What differs between the three kinds of assets: the calls, the fields, and how their content comes.

use kaltura::{
    AssetId, AssetStatus, AttachmentKind, AttachmentType, CaptionUsage, ContentResource, EntryId,
    NewAttachmentAsset, NewCaptionAsset, NewFlavorAsset, TaskClient, UploadTokenId,
};

use crate::error::Result;
use crate::plan::{Deliverable, TranscriptForm, caption_type};
use crate::record::DeliveredAs;
use crate::steps::Task;

/// The tag by which the player takes an attachment for a description to read aloud (guide, "Extended audio descriptions").
const DESCRIPTION_TAG: &str = "AAD";

/// A kind of asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AssetKind {
    Caption,
    Flavor,
    Attachment,
}

/// What the upload sees of an asset, whatever its kind.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub id: AssetId,
    pub status: Option<AssetStatus>,
    pub description: Option<String>,
    pub partner_data: Option<String>,
}

macro_rules! content_of {
    ($($asset:ty),+) => {$(
        impl From<$asset> for Content {
            fn from(asset: $asset) -> Self {
                Self {
                    id: asset.id,
                    status: asset.status,
                    description: asset.description,
                    partner_data: asset.partner_data,
                }
            }
        }
    )+};
}

content_of!(
    kaltura::CaptionAsset,
    kaltura::FlavorAsset,
    kaltura::AttachmentAsset
);

type Answer<T> = std::result::Result<T, kaltura::Error>;

impl AssetKind {
    pub(super) fn of(delivered_as: DeliveredAs) -> Option<Self> {
        match delivered_as {
            DeliveredAs::Caption => Some(Self::Caption),
            DeliveredAs::Flavor => Some(Self::Flavor),
            DeliveredAs::Attachment => Some(Self::Attachment),
            _ => None,
        }
    }

    /// The code of a get whose asset is not there.
    pub(super) fn not_found(self) -> &'static str {
        match self {
            Self::Caption => "CAPTION_ASSET_ID_NOT_FOUND",
            Self::Flavor => "FLAVOR_ASSET_ID_NOT_FOUND",
            Self::Attachment => "ATTACHMENT_ASSET_ID_NOT_FOUND",
        }
    }

    /// Whether Kaltura sends the headers that come with an address; it drops those of an attachment (spec D2).
    pub(super) fn sends_headers(self) -> bool {
        self != Self::Attachment
    }

    /// Whether Kaltura reads what it gets, and may refuse it for what it is. An attachment that failed has failed to be
    /// downloaded (spec 3.1).
    pub(super) fn reads_content(self) -> bool {
        self != Self::Attachment
    }

    /// Whether an access key may delete such an asset (spec 1.1).
    pub(super) fn may_be_deleted(self) -> bool {
        self == Self::Caption
    }

    /// Whether this is the error of a setContent whose download failed within the call.
    pub(super) fn download_failed(self, name: &str) -> bool {
        self == Self::Attachment && name == "ATTACHMENT_ASSET_DOWNLOAD_FAILED"
    }

    pub(super) async fn get(self, client: &TaskClient<'_>, id: &AssetId) -> Answer<Content> {
        Ok(match self {
            Self::Caption => client.caption_get(id).await?.into(),
            Self::Flavor => client.flavor_get(id).await?.into(),
            Self::Attachment => client.attachment_get(id).await?.into(),
        })
    }

    /// Deletes the asset, if it is there. To be asked only where [`Self::may_be_deleted`]; for others nothing is done.
    pub(super) async fn delete(self, client: &TaskClient<'_>, id: &AssetId) -> Answer<()> {
        match self {
            Self::Caption => match client.caption_delete(id).await {
                Err(error) if error.name() == self.not_found() => Ok(()),
                outcome => outcome,
            },
            Self::Flavor | Self::Attachment => Ok(()),
        }
    }

    pub(super) async fn list(self, client: &TaskClient<'_>, entry_id: &EntryId) -> Answer<Vec<Content>> {
        fn contents<T: Into<Content>>(assets: Vec<T>) -> Vec<Content> {
            assets.into_iter().map(Into::into).collect()
        }
        Ok(match self {
            Self::Caption => contents(client.caption_list(entry_id).await?),
            Self::Flavor => contents(client.flavor_list(entry_id).await?),
            Self::Attachment => contents(client.attachment_list(entry_id).await?),
        })
    }

    pub(super) async fn set_content(
        self,
        client: &TaskClient<'_>,
        id: &AssetId,
        resource: &ContentResource,
    ) -> Answer<Content> {
        Ok(match self {
            Self::Caption => client.caption_set_content(id, resource).await?.into(),
            Self::Flavor => client.flavor_set_content(id, resource).await?.into(),
            Self::Attachment => client.attachment_set_content(id, resource).await?.into(),
        })
    }

    /// Uploads the file, under a name whose extension Kaltura takes for the asset's (spec 5).
    pub(super) async fn upload(self, task: &mut Task<'_>, index: usize, key: &str) -> Result<UploadTokenId> {
        let file_name = key.rsplit('/').next().unwrap_or("deliverable").to_owned();
        let content = task.file(index).await?;
        task.with_key(async |client| client.upload_file(&file_name, content.clone()).await)
            .await
    }
}

/// An asset to add, with every field that the guide names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NewAsset {
    Caption(NewCaptionAsset),
    Flavor(NewFlavorAsset),
    Attachment(NewAttachmentAsset),
}

impl NewAsset {
    /// The asset of a deliverable; `None` for what is none.
    pub(super) fn of(deliverable: &Deliverable, accuracy: u8, mark: String) -> Option<Self> {
        let file_ext = deliverable.extension().to_owned();
        Some(match deliverable {
            Deliverable::Caption {
                format,
                language,
                label,
                is_default,
                is_description,
            } => Self::Caption(NewCaptionAsset {
                format: caption_type(*format),
                file_ext,
                accuracy,
                language: language.clone(),
                is_default: *is_default,
                display_on_player: true,
                label: label.clone(),
                partner_data: mark,
                usage: is_description.then_some(CaptionUsage::ExtendedAudioDescription),
            }),
            Deliverable::Transcript {
                form,
                language,
                title,
            } => Self::Attachment(NewAttachmentAsset {
                kind: AttachmentKind::Transcript {
                    language: language.clone(),
                    accuracy_percent: accuracy,
                },
                format: match form {
                    TranscriptForm::Json => AttachmentType::Json,
                    _ => AttachmentType::Text,
                },
                filename: format!("{title}.{file_ext}"),
                file_ext,
                title: title.clone(),
                tags: String::new(),
                partner_data: mark,
            }),
            Deliverable::Description { title } => Self::Attachment(NewAttachmentAsset {
                kind: AttachmentKind::Plain,
                format: AttachmentType::Text,
                filename: format!("{title}.{file_ext}"),
                file_ext,
                title: title.clone(),
                tags: DESCRIPTION_TAG.to_owned(),
                partner_data: mark,
            }),
            Deliverable::Sound {
                flavor_params_id,
                language,
                label,
                is_default,
                ..
            } => Self::Flavor(NewFlavorAsset {
                flavor_params_id: *flavor_params_id,
                language: language.clone(),
                label: label.clone(),
                is_default: *is_default,
                file_ext,
                partner_data: mark,
            }),
            Deliverable::Chapters | Deliverable::Tags { .. } => return None,
        })
    }

    /// Adds it. Not safe to repeat.
    pub(super) async fn add(&self, client: &TaskClient<'_>, entry_id: &EntryId) -> Answer<Content> {
        Ok(match self {
            Self::Caption(new) => client.caption_add(entry_id, new).await?.into(),
            Self::Flavor(new) => client.flavor_add(entry_id, new).await?.into(),
            Self::Attachment(new) => client.attachment_add(entry_id, new).await?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read from the far end: a signature in headers would be lost on the way to an attachment, and one in the address is for
    /// all to see.
    #[test]
    fn what_kaltura_does_with_each_kind_is_known() {
        let known = |kind: AssetKind| (kind.sends_headers(), kind.reads_content(), kind.may_be_deleted());
        assert_eq!(known(AssetKind::Caption), (true, true, true));
        assert_eq!(known(AssetKind::Flavor), (true, true, false));
        assert_eq!(known(AssetKind::Attachment), (false, false, false));
    }

    #[test]
    fn only_an_attachments_download_fails_within_the_call() {
        let of_attachments = "ATTACHMENT_ASSET_DOWNLOAD_FAILED";
        assert!(AssetKind::Attachment.download_failed(of_attachments));
        assert!(!AssetKind::Attachment.download_failed("ATTACHMENT_ASSET_ID_NOT_FOUND"));
        assert!(!AssetKind::Attachment.download_failed("CAPTION_ASSET_DOWNLOAD_FAILED"));
        for kind in [AssetKind::Caption, AssetKind::Flavor] {
            assert!(!kind.download_failed(of_attachments), "{kind:?}");
        }
    }

    #[test]
    fn what_is_no_asset_is_of_no_kind() {
        let of = |delivered_as| AssetKind::of(delivered_as).map(AssetKind::not_found);
        assert_eq!(of(DeliveredAs::Caption), Some("CAPTION_ASSET_ID_NOT_FOUND"));
        assert_eq!(of(DeliveredAs::Flavor), Some("FLAVOR_ASSET_ID_NOT_FOUND"));
        assert_eq!(of(DeliveredAs::Attachment), Some("ATTACHMENT_ASSET_ID_NOT_FOUND"));
        assert_eq!(of(DeliveredAs::CuePoints), None);
        assert_eq!(of(DeliveredAs::Tags), None);
    }
}
