//! The objects that Kaltura sends, as this crate reads them.
//!
//! All are read leniently in form (strings or numbers, missing or null fields) and keep what they don't model in `extra`.
//! Times are seconds since 1970 (`_epoch_s`) unless the name says `_ms`.

mod assets;
mod catalog;
mod entry;
mod event;
mod playback;
mod session;
mod task;

pub use assets::{AttachmentAsset, CaptionAsset, FlavorAsset, UploadToken};
pub use catalog::{CatalogItem, Dictionary, ReachProfile};
pub use entry::{CuePoint, Entry, EntryStatus, MultiLingualString};
pub use event::{LiveFeature, ScheduleEvent};
pub use playback::{AccessMessage, Drm, PlaybackContext, PlaybackSource};
pub use session::{SessionInfo, WidgetSession};
pub use task::{EntryVendorTask, JobPage, RejectedJob, RelatedObjects, TaskJobData};
