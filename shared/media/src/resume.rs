//! Going on with a fetch that was stopped: by its deadline, or by the death of whoever ran it.
//!
//! What lives here: when a checkpoint is made, what it holds around the reader's own state, and whether it still fits what is
//! being fetched. What doesn't: where it is kept (a [`Checkpoints`] of the caller). A checkpoint is made only where the reader
//! rests between two segments and every part that was handed out has arrived; parts that went up after it go up again, with
//! the same numbers and the same bytes. So the object comes out the same however often a fetch was stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::FetchConfig;
use crate::error::{Class, FetchError};
use crate::net::Session;
use crate::parts::{Head, PartWriter};
use crate::sink::{PartSink, SinkError};

/// The shape of a checkpoint. One of another shape is not read: the fetch starts from nothing.
const VERSION: u32 = 5;

/// Keeps the checkpoint of one fetch.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// The one kept last; `None` where there is none.
    async fn load(&self) -> Result<Option<Bytes>, SinkError>;
    /// Keeps one in place of the former. Some 15 MB for an hour of media.
    async fn save(&self, checkpoint: Bytes) -> Result<(), SinkError>;
}

/// How a fetch may be stopped, and go on in a later call with the same source, request and object.
#[derive(Clone, Copy, Default)]
pub struct Resume<'a> {
    checkpoints: Option<&'a dyn Checkpoints>,
    stop_at: Option<Instant>,
}

impl std::fmt::Debug for Resume<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Resume {{ checkpoints: {}, stop_at: {:?} }}",
            self.checkpoints.is_some(),
            self.stop_at
        )
    }
}

impl<'a> Resume<'a> {
    /// Not at all: the fetch ends whole, or leaves nothing.
    pub fn never() -> Self {
        Self::default()
    }

    /// From the checkpoint that is kept there, if it fits; and every
    /// [`checkpoint_every`](FetchConfig::checkpoint_every) another is kept.
    pub fn from(checkpoints: &'a dyn Checkpoints) -> Self {
        Self {
            checkpoints: Some(checkpoints),
            stop_at: None,
        }
    }

    /// Stops at the first rest after this moment, with [`FetchError::Unfinished`].
    #[must_use]
    pub fn stop_at(mut self, moment: Instant) -> Self {
        self.stop_at = Some(moment);
        self
    }
}

/// What is fetched, as far as a checkpoint depends on it. Addresses don't count: they carry sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// `segments` or `file`.
    pub(crate) kind: String,
    /// Segments in all; 0 for a file.
    pub(crate) segments: usize,
    /// The length that the playlist announces, or a file's size.
    pub(crate) length: u64,
    /// A file's ETag, or which streams are taken.
    pub(crate) what: String,
}

/// What a checkpoint begins with; the reader's state follows it, and then the bytes of the part writer.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    version: u32,
    source: Source,
    sink: Option<Vec<u8>>,
    parts: PartsState,
    bytes_in: u64,
    retries: u32,
}

/// Where a part writer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartsState {
    pub(crate) part_bytes: usize,
    pub(crate) head: Head,
    pub(crate) number: u32,
    pub(crate) bytes_out: u64,
    /// Length of the first part, where it is held back; `None` as long as it is being filled.
    pub(crate) first: Option<usize>,
    /// Length of the part that is being filled.
    pub(crate) filling: usize,
}

/// Makes the checkpoints of one fetch.
pub(crate) struct Saver<'a> {
    resume: Resume<'a>,
    every: Duration,
    last: Instant,
    kept: &'a AtomicBool,
}

/// Whether there is a checkpoint from which the fetch can go on, and which needs the parts that are in the sink.
#[derive(Debug, Default)]
pub(crate) struct Kept(AtomicBool);

impl Kept {
    /// Whether what is in the sink must stay after this error. Media of another length than was announced would be that
    /// again: a later fetch starts from nothing.
    pub(crate) fn outlives(&self, error: &FetchError) -> bool {
        let is_of_all = matches!(
            error,
            FetchError::DurationMismatch { .. } | FetchError::ShorterThanEntry { .. }
        );
        let may_go_on = match error.class() {
            Class::Unfinished => true,
            Class::Retryable => self.0.load(Ordering::Relaxed),
            _ => false,
        };
        may_go_on && !is_of_all
    }

    pub(crate) fn saver<'a>(&'a self, resume: Resume<'a>, config: &FetchConfig) -> Saver<'a> {
        Saver {
            resume,
            every: config.checkpoint_every,
            last: Instant::now(),
            kept: &self.0,
        }
    }
}

impl Saver<'_> {
    /// The reader's state and the part writer as they were at the last checkpoint; `None` where the fetch starts from nothing.
    pub(crate) async fn load<'s, S: DeserializeOwned>(
        &self,
        source: &Source,
        session: &Session,
        sink: &'s dyn PartSink,
    ) -> Result<Option<(S, PartWriter<'s>)>, FetchError> {
        let Some(checkpoints) = self.resume.checkpoints else {
            return Ok(None);
        };
        let Some(bytes) = checkpoints.load().await? else {
            return Ok(None);
        };
        let (checkpoint, rest) = match postcard::take_from_bytes::<Checkpoint>(&bytes) {
            Ok((checkpoint, rest)) if checkpoint.version == VERSION => (checkpoint, rest),
            Ok(_) => {
                tracing::info!("a checkpoint is of another version, the fetch starts from nothing");
                return Ok(None);
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint can't be read, the fetch starts from nothing");
                return Ok(None);
            }
        };
        if let Some(state) = &checkpoint.sink
            && !sink.resume(state).await?
        {
            tracing::warn!("the upload of a checkpoint is gone, the fetch starts from nothing");
            return Ok(None);
        }
        let stood = || {
            let (state, held) = postcard::take_from_bytes::<S>(rest).ok()?;
            let parts = PartWriter::resumed(sink, session.config(), checkpoint.parts, held)?;
            (checkpoint.source == *source).then_some((state, parts))
        };
        let Some((state, parts)) = stood() else {
            tracing::info!("a checkpoint is of something else, the fetch starts from nothing");
            // Nobody else would know of its parts.
            sink.abort().await?;
            return Ok(None);
        };
        session.resume(checkpoint.bytes_in, checkpoint.retries);
        self.kept.store(checkpoint.sink.is_some(), Ordering::Relaxed);
        tracing::info!(
            part = checkpoint.parts.number,
            "the fetch goes on from its checkpoint"
        );
        Ok(Some((state, parts)))
    }

    /// The reader rests: keeps a checkpoint if it is time for one, and stops if it is time for that.
    pub(crate) async fn rest<S: Serialize>(
        &mut self,
        source: &Source,
        session: &Session,
        state: &S,
        parts: &mut PartWriter<'_>,
    ) -> Result<(), FetchError> {
        if self.resume.checkpoints.is_none() {
            return Ok(());
        }
        let stops = self.resume.stop_at.is_some_and(|moment| Instant::now() >= moment);
        if !stops && self.last.elapsed() < self.every {
            return Ok(());
        }
        let is_kept = self.keep(source, session, state, parts).await?;
        if stops && is_kept {
            return Err(FetchError::Unfinished);
        }
        Ok(())
    }

    /// Keeps a checkpoint, whether it is time for one or not. Gives whether the fetch may stop now.
    pub(crate) async fn keep<S: Serialize>(
        &mut self,
        source: &Source,
        session: &Session,
        state: &S,
        parts: &mut PartWriter<'_>,
    ) -> Result<bool, FetchError> {
        let Some(checkpoints) = self.resume.checkpoints else {
            return Ok(false);
        };
        parts.settle().await?;
        let sink = parts.sink().state().await?;
        if sink.is_none() && parts.has_uploaded() {
            // A sink that can't be taken up again.
            return Ok(false);
        }
        let has_parts = sink.is_some();
        let checkpoint = Checkpoint {
            version: VERSION,
            source: source.clone(),
            sink,
            parts: parts.state(),
            bytes_in: session.bytes_in(),
            retries: session.retries(),
        };
        let unwritable = |error: postcard::Error| SinkError::permanent(format!("checkpoint: {error}"));
        let bytes = postcard::to_extend(&checkpoint, Vec::new()).map_err(unwritable)?;
        let mut bytes = postcard::to_extend(state, bytes).map_err(unwritable)?;
        parts.append_held(&mut bytes);
        match checkpoints.save(bytes.into()).await {
            // One of nothing but what it holds itself needs nothing in the sink.
            Ok(()) => self.kept.store(has_parts, Ordering::Relaxed),
            // The former one still holds.
            Err(error) => tracing::warn!(%error, "a checkpoint could not be kept"),
        }
        self.last = Instant::now();
        Ok(true)
    }
}
