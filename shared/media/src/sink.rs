//! Where fetched bytes go: the [`PartSink`] port and two sinks for tests and local use.
//!
//! The semantics are those of an S3 multipart upload
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>), so that an adapter for it has
//! nothing to buffer. [`conformance`] checks any sink.

pub mod conformance;
mod file;
mod memory;

use async_trait::async_trait;
use bytes::Bytes;

pub use file::FileSink;
pub use memory::MemorySink;

/// Smallest part, in bytes, that S3 takes for any but the last part.
pub const MIN_PART_BYTES: usize = 5 << 20;

/// A failure of the sink.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    message: String,
    retryable: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SinkError {
    /// A fault that may pass: the network, throttling, a 5xx.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retryable: true,
            source: None,
        }
    }

    /// A fault that will not pass by itself: no permission, no such bucket, a broken contract.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retryable: false,
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same fetch may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

/// Takes one object's bytes, in numbered parts or whole.
///
/// A fetch calls either `put_whole` once, or `put_part` for the numbers 1 to n, each once, in any order
/// and several at a time (the first part comes last), and then `finish`. After any fault, of the source or
/// of the sink, it calls `abort`. It does not retry a sink: an adapter retries what it knows to be safe.
/// A fetch whose future is dropped calls nothing, so a store needs a backstop for unfinished uploads
/// (S3: `AbortIncompleteMultipartUpload`).
#[async_trait]
pub trait PartSink: Send + Sync {
    /// Stores part `number` (from 1). Every part but the highest has at least
    /// [`MIN_PART_BYTES`]. Storing the same number again replaces it.
    async fn put_part(&self, number: u32, data: Bytes) -> Result<(), SinkError>;

    /// Makes parts 1 to `parts` the object, in the order of their numbers. A missing part is an error.
    async fn finish(&self, parts: u32) -> Result<(), SinkError>;

    /// Makes `data` the object at once; used when everything fits one part.
    async fn put_whole(&self, data: Bytes) -> Result<(), SinkError>;

    /// What it takes to go on with this upload elsewhere, once everything put so far has arrived; `None` where nothing was put
    /// yet, or where the sink can't be taken up again.
    async fn state(&self) -> Result<Option<Vec<u8>>, SinkError> {
        Ok(None)
    }

    /// Goes on with the upload of that state, in a sink of the same object; `false` where it is no longer there. To be called
    /// before anything is put.
    async fn resume(&self, _state: &[u8]) -> Result<bool, SinkError> {
        Ok(false)
    }

    /// Drops the parts stored so far. Safe to repeat, and before any part. Never removes an object that
    /// an earlier fetch finished.
    async fn abort(&self) -> Result<(), SinkError>;
}

#[async_trait]
impl<S: PartSink + ?Sized> PartSink for Box<S> {
    async fn put_part(&self, number: u32, data: Bytes) -> Result<(), SinkError> {
        (**self).put_part(number, data).await
    }

    async fn finish(&self, parts: u32) -> Result<(), SinkError> {
        (**self).finish(parts).await
    }

    async fn put_whole(&self, data: Bytes) -> Result<(), SinkError> {
        (**self).put_whole(data).await
    }

    async fn state(&self) -> Result<Option<Vec<u8>>, SinkError> {
        (**self).state().await
    }

    async fn resume(&self, state: &[u8]) -> Result<bool, SinkError> {
        (**self).resume(state).await
    }

    async fn abort(&self) -> Result<(), SinkError> {
        (**self).abort().await
    }
}
