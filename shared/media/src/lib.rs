//! Fetches media over HTTP into a byte sink: HLS playlists and their segments (remuxed to one plain
//! MP4), and progressive files as they are.
//!
//! What lives here: playlist reading, a window of concurrent segment downloads bounded in bytes, MPEG-TS
//! demuxing, MP4 writing, the checks that turn a missing, short or foreign segment into an error, and the
//! guard on untrusted addresses. What doesn't: which source of an entry to take, where the bytes are kept
//! (a [`PartSink`] of the caller), and retries of a whole fetch (the caller's state machine).
//!
//! Promise: a fetch that returns `Ok` has written every frame that the playlist announces, or every byte
//! that the server announced. Anything else is a [`FetchError`] with a class and a stable name, and the
//! sink is told to [abort](PartSink::abort).

mod address;
mod config;
mod crypto;
mod error;
mod es;
mod fault;
#[cfg(test)]
mod fuzz;
mod hls;
mod mp4;
mod net;
mod parts;
mod playlist;
mod progressive;
mod remux;
mod report;
mod request;
mod resume;
pub mod sink;
mod ts;

pub use config::{FetchConfig, FetchLimits};
pub use error::{AddressFault, Class, FetchError, ManifestRefusal};
pub use hls::{fetch_hls, resume_hls};
pub use net::Fetcher;
pub use progressive::{fetch_progressive, resume_progressive};
pub use report::{Container, FetchReport, Track, TrackKind};
pub use request::{HlsRequest, MediaSource, TrackChoice};
pub use resume::{Checkpoints, Resume};
pub use sink::{PartSink, SinkError};
