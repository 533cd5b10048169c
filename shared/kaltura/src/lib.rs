//! A typed client of Kaltura's API, as a REACH vendor needs it.
//!
//! A *vendor* (a captioning or localisation company) gets orders (*tasks*) from Kaltura's customers, works on the media
//! of the customer's *entry*, and delivers *assets*: captions, sound tracks, transcripts, chapters. This crate makes the
//! calls for that. It knows nothing of AWS, of media formats or of who does the work.
//!
//! # Two sessions, two faces
//!
//! | Face | Made with | For |
//! |---|---|---|
//! | [`Client::vendor`] → [`VendorClient`] | the vendor's own session ([`Ks`]) | getJobs, updateJob, extendAccessKey |
//! | [`Client::task`] → [`TaskClient`] | the task's [`AccessKey`], a session of the customer's | everything else |
//!
//! The vendor session is opened by app token ([`Client::open_vendor_session`]) and good for a day: keep it and share it.
//! The access key comes with the job. It lives at least 7 days, is extended by [`VendorClient::extend_access_key`], and
//! dies the moment the task is READY: check every asset before.
//!
//! # Working a job list
//!
//! ```no_run
//! use kaltura::{
//!     AppToken, AssetStatus, CaptionType, Client, ClientConfig, ContentResource, ErrorClass, JobQuery, NewCaptionAsset,
//!     PartnerId, ServiceFeature, ServiceUrl, StreamerType, TaskStatus, UpdateJob,
//! };
//!
//! # async fn caption(_: &kaltura::PlaybackContext) -> String { String::new() }
//! # async fn work(token: AppToken) -> Result<(), Box<dyn std::error::Error>> {
//! let url = ServiceUrl::parse("https://www.kaltura.com")?;
//! let client = Client::new(ClientConfig::new(url, "example-captions", PartnerId::from(12345)))?;
//!
//! let session = client.open_vendor_session(&token, 24 * 60 * 60).await?;
//! if !session.disables_entitlement() {
//!     eprintln!("the app token must carry `disableentitlement`");
//! }
//! let vendor = client.vendor(&session.ks);
//!
//! let page = vendor.get_jobs(&JobQuery::new(TaskStatus::Pending, 500)).await?;
//! for job in &page.rejected {
//!     eprintln!("job {:?} can't be read: {}", job.id, job.reason);
//! }
//! for job in page.jobs {
//!     let (Some(key), Some(entry_id)) = (&job.access_key, &job.entry_id) else { continue };
//!     if job.service_feature != Some(ServiceFeature::Captions) {
//!         continue;
//!     }
//!     let customer = client.task(&job.id, key);
//!
//!     // The catalog item and the profile come with `get`, the order's times with `get_jobs`: keep both objects.
//!     let task = match customer.get().await {
//!         Ok(task) => task,
//!         Err(error) if error.class() == ErrorClass::Gone => continue, // aborted meanwhile
//!         Err(error) => return Err(error.into()),
//!     };
//!     let language = task.catalog_item().and_then(|item| item.source()?.asset_language());
//!     let Some(language) = language else {
//!         let refused = UpdateJob::new(TaskStatus::Error).err_description("Captions need a named language.");
//!         vendor.update_job(&job.id, &refused).await?;
//!         continue;
//!     };
//!
//!     let processing = UpdateJob::new(TaskStatus::Processing);
//!     processing.confirm_status(&vendor.update_job(&job.id, &processing).await?)?;
//!
//!     let media = customer.playback_context(entry_id, StreamerType::AppleHttp).await?;
//!     let srt = caption(&media).await;
//!
//!     let new = NewCaptionAsset {
//!         format: CaptionType::Srt,
//!         file_ext: "srt".to_owned(),
//!         accuracy: 93,
//!         label: language.to_string(),
//!         language,
//!         is_default: true,
//!         display_on_player: true,
//!         partner_data: format!("example-{}-0", job.id), // how it is found if this answer is lost
//!         usage: None,
//!     };
//!     let asset = customer.caption_add(entry_id, &new).await?;
//!     let uploaded = customer.upload_file(&format!("{}.srt", job.id), srt.into()).await?;
//!     let asset = customer.caption_set_content(&asset.id, &ContentResource::upload_token(&uploaded)).await?;
//!     if asset.status == Some(AssetStatus::Ready) {
//!         let ready = UpdateJob::new(TaskStatus::Ready).output_object_id(asset.id.as_str()).accuracy(93);
//!         ready.confirm_status(&vendor.update_job(&job.id, &ready).await?)?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # When a call fails
//!
//! Every error has a [class](Error::class) that says what to do and a stable [name](Error::name) for metrics. The server
//! answers its exceptions with HTTP 200; they arrive here as [`Error::Api`].
//!
//! | Class | Do |
//! |---|---|
//! | [`Retryable`](ErrorClass::Retryable) | call again later |
//! | [`SessionDead`](ErrorClass::SessionDead) | open another session, or extend the access key, and call again |
//! | [`Gone`](ErrorClass::Gone), [`FinalState`](ErrorClass::FinalState) | stop working on the task, quietly |
//! | [`Terminal`](ErrorClass::Terminal) | decide: the same call gets the same answer |
//!
//! The client itself tries again, with jitter and within a [budget](RetryPolicy::budget), only where a fault passes in a
//! moment and the call is [safe to repeat](Repeat::Safe) or surely had no effect. An add is never repeated after its answer
//! was lost: [`Error::may_have_taken_effect`] tells, and the caller looks for the asset by its `partner_data`.
//!
//! # What an order costs
//!
//! Calls at Kaltura for one order, from job to READY, without faults:
//!
//! | Order | Requests | Which |
//! |---|---|---|
//! | captions, by URL | 7 | get, updateJob, getPlaybackContext, captionAsset add, setContent, get until READY (1 or more), updateJob |
//! | captions, by upload token | 8 | as above with uploadToken add and upload in place of the wait |
//! | translation of captions | 9 | get, updateJob, captionAsset get and getUrl of the source, add, uploadToken add and upload, setContent, updateJob |
//! | alignment, with a transcript | 12 | as captions by upload token, and the same four for an attachmentAsset |
//! | dubbing, audio description | 9 | get, updateJob, getPlaybackContext, two flavorAsset add and setContent, one get for both (1 or more), updateJob |
//! | extended audio description | 8 | as captions by upload token, with attachmentAsset |
//! | chapters | 5 | get, updateJob, getPlaybackContext, one cuePoint.add for each 50 chapters, updateJob |
//! | live captions | 5 | get, updateLiveFeature, updateJob three times (SCHEDULED, PROCESSING, READY) |
//!
//! One more where there is no HLS source (getPlaybackContext again); two more for tags (media get and update). Not counted,
//! since all orders share them: two calls to open a session each day, and getJobs (one for each status and 500 tasks at each
//! poll). The numbers are those of a test (`what_an_order_of_each_kind_costs`) against the project's stand-in.
//!
//! Two kinds of calls travel together, in a multirequest: [`TaskClient::chapters_add`] and [`TaskClient::flavors_get`]. The
//! others are not joined: the steps need each other's answers, with a wait between them, and an add must be written down
//! before its content is set; setContent and tags are those that the server breaks inside a multirequest (spec 4.4,
//! section 7).
//!
//! # What it keeps to
//!
//! - Https, except to this machine ([`ServiceUrl`]); no redirects; a [time-out](TimeOuts) on everything.
//! - Client tags in the guide's two spellings on every call ([`ClientConfig::client_tag`]).
//! - Sessions, keys and signed URLs print redacted, and are taken out of whatever the server echoes.
//! - What the server sends is read leniently: unknown fields and enum values are kept, numbers may be strings, one job that
//!   can't be read does not lose the others ([`JobPage::rejected`]).
//! - Every try of every call is told to a [`CallObserver`].
//! - One connection pool, HTTP/2 where it is offered, gzip ([`HttpTransport`](transport::HttpTransport)); another
//!   [`Transport`](transport::Transport) can take its place.
//!
//! "Guide" in this documentation is Kaltura's "Working with the Kaltura Reach API"; "spec" is the project's account of how
//! the server behaves, with its section.

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
mod multirequest;
pub mod objects;
mod observe;
mod retry;
mod secret;
mod task_client;
pub mod transport;
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
pub use error::{ApiException, CallName, Error, ErrorClass, ExistingFlavor, Result};
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
pub use upload::{ChunkSource, Chunking};
pub use vendor_client::{VendorClient, VendorSession};
