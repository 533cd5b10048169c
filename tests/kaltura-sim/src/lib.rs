//! A strict stand-in for Kaltura's API, as a REACH vendor meets it.
//!
//! [`Sim::start`] serves, on one loopback address, the API (`/api_v3/…`), playback (`/p/…/playManifest/…`, HLS
//! playlists and segments, progressive MP4) and a control plane (`/_sim/…`). Orders are placed and deliveries read
//! through [`SimHandle`] or, over HTTP, through the control plane; both speak the same types ([`OrderRequest`],
//! [`OrderReport`], [`Fault`]).
//!
//! [`Sim::in_process`] is the same without a socket, with a clock that can stand and a web that the test makes.
//!
//! What it refuses is what the real server refuses: every request is checked against the API contract
//! (`contract/kaltura-api.json`, names and types of the published API), the session's kind and privileges, and the
//! rules of each service. It shares no code with the client that it tests, on purpose: a mistake in both would
//! hide itself.
//!
//! Not here: anything of AWS, of the vendor's pipeline, or of caption layout.

mod answer;
mod assets;
mod caption_check;
mod clock;
mod config;
mod contract;
mod control;
mod dispatch;
mod error;
mod external_errors;
mod faults;
mod files;
mod gate;
mod handle;
mod ids;
mod import;
mod live;
mod media;
mod order;
mod params;
mod place;
mod playback;
mod protect;
mod report;
mod secrets;
mod serve;
mod services;
mod session;
mod shapes;
mod standing;
mod web;
mod world;

pub use config::{AppTokenConfig, AppTokenHash, ImportTimings, SimConfig, SimTime};
pub use error::SimError;
pub use faults::{Fault, FaultEffect};
pub use handle::{Sim, SimHandle, SimInfo};
pub use ids::{AssetId, EntryId, FaultId, PartnerId, TaskId};
pub use live::{
    ConnectionReport, ConnectionSpec, DropSpec, LiveMessage, LiveReport, LiveState, PlaySpec, PushReport,
    PushSpec, ReceivedCaption, SessionReport, TokenPlace,
};
pub use order::{
    AccessKeySpec, CatalogItemSpec, CustomerSpec, DictionarySpec, EntrySpec, EventSpec, ExistingCaption,
    ExistingTranscript, FlavorSpec, KsVersion, OrderRequest, PlacedOrder, ProfileSpec, RecordingSpec,
};
pub use protect::Protection;
pub use report::{
    AssetGlance, AssetKind, AssetReport, CallRecord, ImportAttempt, KsKind, OrderGlance, OrderReport,
};
pub use secrets::SecretKind;
pub use web::{Web, WebAnswer};
