//! What hears: the trait that a recogniser is put behind.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::error::Result;
use crate::timeline::Heard;

/// Samples a second. Sound is mono, 16 bit, little endian, without a header.
pub const SAMPLE_RATE_HZ: u32 = 16_000;
/// Bytes of a millisecond of sound.
pub const BYTES_PER_MS: usize = 32;

/// What a recogniser is to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What is spoken, as a BCP-47 tag.
    pub language: String,
    /// Words and phrases that are likely to be spoken.
    pub dictionary: Vec<String>,
}

/// A recogniser at work on one stretch of sound.
///
/// Sound goes in by `sound`, in pieces of any size, as fast as somebody speaks; dropping it ends the stretch. What was heard
/// comes out by `heard` as soon as it is final, by the time from the first sample, and with the stretch's end the rest; then
/// the channel closes. One that closes before that has failed, and is replaced by another: what it had not told is lost.
#[derive(Debug)]
pub struct Listening {
    /// For sound.
    pub sound: mpsc::Sender<Vec<u8>>,
    /// What was heard.
    pub heard: mpsc::Receiver<Heard>,
}

/// A live recogniser: pocketsphinx is one; a service in the cloud is put behind the same two methods.
#[async_trait]
pub trait Recogniser: Send + Sync {
    /// Its name, for logs.
    fn name(&self) -> &'static str;

    /// Begins to hear. Several stretches may be heard side by side. Cancelling ends what it started, and so does dropping the
    /// answer.
    async fn open(&self, wanted: &Wanted) -> Result<Listening>;
}
