//! The HTTP side: the guarded client, requests with their redirects, downloads that resume, a file in
//! ranges, and the window of downloads under way.

mod client;
mod download;
mod fetcher;
mod ranges;
mod resolver;
pub(crate) mod slab;
mod window;

pub(crate) use download::{ByteSpan, Want};
pub use fetcher::Fetcher;
pub(crate) use fetcher::Session;
pub(crate) use ranges::{RangedFile, file_wants, look_at_file};
pub(crate) use window::{Piece, SLAB_BYTES, Window};
