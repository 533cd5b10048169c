//! Every action that this crate can call: a struct of its parameters, named for what it does.
//!
//! The methods of [`VendorClient`](crate::VendorClient) and [`TaskClient`](crate::TaskClient) make these; they are public
//! so that a call can be inspected, tested against the contract, or sent with
//! [`TaskClient::call`](crate::TaskClient::call). Which session an action needs is in spec 1.1.

mod asset;
mod attachment;
mod caption;
mod entry;
mod event;
mod flavor;
mod resource;
mod session;
mod task;
mod upload;

pub use asset::{AssetFilter, FilterPager};
pub use attachment::{
    AddAttachment, AttachmentKind, GetAttachment, GetAttachmentUrl, ListAttachments, NewAttachmentAsset,
    SetAttachmentContent,
};
pub use caption::{
    AddCaption, CaptionUpdate, DeleteCaption, GetCaption, GetCaptionUrl, ListCaptions, NewCaptionAsset,
    SetCaptionContent, UpdateCaption,
};
pub use entry::{
    AddCuePoint, CuePointFilter, EntryUpdate, GetBaseEntry, GetMedia, GetPlaybackContext, ListCuePoints,
    NewChapter, PlaybackContextOptions, UpdateBaseEntry, UpdateMedia,
};
pub use event::{GetScheduleEvent, LiveCaptionFeature, UpdateLiveFeature};
pub use flavor::{
    AddFlavor, FlavorUpdate, GetFlavor, ListFlavors, ListFlavorsOfEntry, NewFlavorAsset, SetFlavorContent,
    UpdateFlavor,
};
pub use resource::ContentResource;
pub use session::{AppToken, StartAppTokenSession, StartSession, StartWidgetSession};
pub use task::{
    AbortTask, ExtendAccessKey, GetJobs, GetTask, GetVendorCatalogItem, JobOrder, JobQuery, UpdateJob,
    UpdateTask,
};
pub use upload::{AddUploadToken, GetUploadToken, UploadChunk};

use serde::Serializer;

/// Writes a `KalturaNullableBoolean`, whose values in the contract are 0 and 1.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
fn nullable_boolean<S: Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(u8::from(*flag))
}

/// Writes an optional `KalturaNullableBoolean`; skip it where it is `None`.
#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
fn optional_nullable_boolean<S: Serializer>(flag: &Option<bool>, serializer: S) -> Result<S::Ok, S::Error> {
    match flag {
        Some(flag) => nullable_boolean(flag, serializer),
        None => serializer.serialize_none(),
    }
}
