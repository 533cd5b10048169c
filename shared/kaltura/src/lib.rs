//! A typed client of Kaltura's API for a REACH vendor.
//!
//! Under construction: the manual follows.

mod call;
pub mod calls;
mod client;
mod config;
mod enums;
mod envelope;
mod error;
mod ids;
mod json;
mod language;
mod macros;
pub mod objects;
mod observe;
mod retry;
mod secret;
mod task_client;
mod upload;
mod vendor_client;

pub use call::{Call, Pace, Repeat};
pub use calls::{
    AppToken, AttachmentKind, CaptionUpdate, ContentResource, FlavorUpdate, JobOrder, JobQuery,
    LiveCaptionFeature, NewAttachmentAsset, NewCaptionAsset, NewChapter, NewFlavorAsset, StartSession,
    UpdateJob,
};
pub use client::Client;
pub use config::{ClientConfig, RetryPolicy, ServiceUrl, TimeOuts};
pub use enums::{
    AppTokenHashType, AssetStatus, AttachmentType, CaptionType, CaptionUsage, CatalogItemStatus,
    ContentDeletionPolicy, CreationMode, EntryObjectType, OutputFormat, ProcessingRegion, ServiceFeature,
    ServiceType, SessionType, StreamerType, TaskStatus, ThumbCuePointSubType, UploadTokenStatus,
};
pub use error::{ApiException, CallName, Error, ErrorClass, Result};
pub use ids::{
    AssetId, CatalogItemId, CuePointId, EntryId, IdError, PartnerId, ReachProfileId, ScheduleEventId, TaskId,
    UploadTokenId,
};
pub use json::{Extra, FromJson, Page, Shape};
pub use language::{AssetLanguage, CatalogLanguage, LanguageError};
pub use objects::{
    AccessMessage, AttachmentAsset, CaptionAsset, CatalogItem, CuePoint, Entry, EntryVendorTask, FlavorAsset,
    JobPage, MultiLingualString, PlaybackContext, PlaybackSource, ReachProfile, RejectedJob, ScheduleEvent,
    TaskJobData, UploadToken,
};
pub use observe::{CallObserver, CallReport, TracingObserver};
pub use secret::{AccessKey, AdminSecret, AppTokenSecret, Ks, SecretUrl};
pub use task_client::TaskClient;
pub use upload::ChunkSource;
pub use vendor_client::{VendorClient, VendorSession};
