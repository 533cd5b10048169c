//! What the pipeline needs of the world, as small traits named for the need.
//!
//! The AWS adapters live in [`crate::aws`], the doubles in [`crate::memory`]; both pass the functions of
//! [`crate::conformance`]. Nothing here mirrors an SDK.

use std::collections::HashMap;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use kaltura::{PartnerId, TaskId};
use media::{FetchError, FetchReport, HlsRequest, MediaSource, PartSink, Resume};

use crate::error::{Class, Result};
use crate::live::{Bound, ConnectionId, LiveStream};
use crate::people::{PeopleList, WaitingOrder};
use crate::record::{Duty, Stage, TaskRecord, TaskState};
use crate::session::CachedSession;

/// The time, so that tests can set it.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now_epoch_s(&self) -> u64;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_epoch_s(&self) -> u64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }
}

/// What poll must know of a task that it has seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTask {
    /// Where the task is in its life.
    pub state: TaskState,
    /// `queueTime` of the job that the record was made from: a newer one means that Kaltura reset the task.
    pub queue_time_epoch_s: u64,
}

/// The tasks' records.
#[async_trait]
pub trait TaskStore: TaskIndex {
    /// Keeps a new record unless the task has one; says whether it was kept. Safe to repeat.
    async fn keep(&self, record: &TaskRecord) -> Result<bool>;
    /// Reads a record, consistently.
    async fn load(&self, task_id: &TaskId) -> Result<Option<TaskRecord>>;
    /// Of these tasks, those with a record. Any number may be asked for; the adapter makes batches.
    async fn known(&self, task_ids: &[TaskId]) -> Result<HashMap<TaskId, KnownTask>>;
    /// Writes the record if the stored one still has `record.version`, and answers whether it did; on success
    /// `record.version` is one higher, and the record of this code's shape. Nobody else's write is ever overwritten.
    async fn save(&self, record: &mut TaskRecord) -> Result<bool>;
}

/// A task in a stage, as the index tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedTask {
    /// The task.
    pub task_id: TaskId,
    /// Its customer.
    pub partner_id: PartnerId,
    /// When it was created at Kaltura.
    pub created_epoch_s: u64,
}

impl StagedTask {
    /// What an index tells of a record.
    pub fn of(record: &TaskRecord) -> Self {
        Self {
            task_id: record.task_id.clone(),
            partner_id: record.partner_id,
            created_epoch_s: record.created_epoch_s,
        }
    }
}

/// That an operator has closed the gate, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GateClosed {
    /// Since when.
    pub since_epoch_s: u64,
    /// Why, and who says so: for people.
    pub why: String,
}

/// The gate before the queue. While it is closed, orders are kept and none is sent; what was sent is worked to its end. So
/// the vendor runs dry.
#[async_trait]
pub trait Gate: Send + Sync {
    /// `None` while the gate is open, as it is where nobody ever closed it.
    async fn closed(&self) -> Result<Option<GateClosed>>;
    /// Closes the gate. Safe to repeat: the last reason counts.
    async fn close(&self, closed: &GateClosed) -> Result<()>;
    /// Opens the gate. Safe to repeat.
    async fn open(&self) -> Result<()>;
}

/// The tasks' indexes. Eventually consistent: what they name is a hint, to be checked against the record.
#[async_trait]
pub trait TaskIndex: Send + Sync {
    /// Tasks for which this is due by now, the longest due first.
    async fn due(&self, duty: Duty, now_epoch_s: u64, limit: usize) -> Result<Vec<TaskId>>;
    /// All tasks in a stage, oldest first.
    async fn staged(&self, stage: Stage) -> Result<Vec<StagedTask>>;
    /// Tasks in a state, in no order. Reads the whole table: for people, not for functions.
    async fn in_state(&self, state: TaskState, limit: usize) -> Result<Vec<TaskId>>;
    /// Running tasks whose key expires before that time, soonest first, with the expiry. A hint, like `due`.
    async fn keys_expiring(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>>;
    /// Tasks that have not ended and are expected before that time, soonest first, with that time. A hint, like `due`.
    async fn expected(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>>;
}

/// A stretch of a list of people's orders, by place ([`WaitingOrder::place`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The list.
    pub list: PeopleList,
    /// What is behind this place; `None` for all from the beginning.
    pub after: Option<&'a str>,
    /// What is before this place; `None` for all to the end.
    pub before: Option<&'a str>,
    /// So many at most.
    pub limit: usize,
}

/// The index of orders that wait for people. Eventually consistent, like the others.
#[async_trait]
pub trait PeopleIndex: Send + Sync {
    /// The orders of a stretch, by place; fewer than its limit only where there are no more.
    async fn waiting(&self, stretch: Stretch<'_>) -> Result<Vec<WaitingOrder>>;
}

/// What an object must be for a write to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected<'a> {
    /// Not there.
    Missing,
    /// There, with this ETag, as it was told.
    Tagged(&'a str),
}

/// Objects that several write, and objects that come straight from a person's browser.
#[async_trait]
pub trait SharedObjects: Send + Sync {
    /// The size of an object in bytes; `None` where there is none.
    async fn size_bytes(&self, key: &str) -> Result<Option<u64>>;
    /// Reads an object whole, with its ETag; `None` where there is none.
    async fn get_tagged(&self, key: &str) -> Result<Option<(Bytes, String)>>;
    /// Writes an object whole if it is as expected; answers its new ETag, or `None` where it was not, and nothing was written.
    async fn put_expected(
        &self,
        key: &str,
        content: Bytes,
        content_type: &str,
        expected: Expected<'_>,
    ) -> Result<Option<String>>;
    /// An address to which the content of this SHA-256 may be put, and nothing else, with the headers that must go with it;
    /// valid for `ttl_s` seconds from `now_epoch_s`.
    async fn presign_upload(
        &self,
        key: &str,
        sha256: &[u8; 32],
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUpload>;
}

/// Where and how something may be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedUpload {
    /// The address.
    pub url: PresignedUrl,
    /// The headers, to be sent word for word.
    pub headers: Vec<(String, String)>,
}

/// A lease that keeps two runs of the same timer apart.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the lease for `ttl_s` seconds unless somebody else holds it; says whether it was taken.
    async fn take(&self, name: &str, holder: &str, now_epoch_s: u64, ttl_s: u64) -> Result<bool>;
    /// Gives the lease back if `holder` still has it. Safe to repeat.
    async fn give_back(&self, name: &str, holder: &str) -> Result<()>;
}

/// Where all functions share one vendor session.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The session kept last, expired or not.
    async fn load(&self) -> Result<Option<CachedSession>>;
    /// Keeps a session in place of the former one: the last writer wins, which is harmless, since each is valid.
    async fn save(&self, session: &CachedSession) -> Result<()>;
}

/// The queue of orders.
#[async_trait]
pub trait OrderQueue: Send + Sync {
    /// Sends task ids, each in the message group of its customer; answers the ids that were not taken. At least once:
    /// the receiver must bear doubles.
    async fn send(&self, orders: &[(TaskId, PartnerId)]) -> Result<Vec<TaskId>>;
}

/// A GET that somebody else may make: the address and the complete header lines that authenticate it.
#[derive(Clone)]
pub struct SignedGet {
    /// The address, without a query.
    pub url: String,
    /// `Name: value` lines, to be sent word for word.
    pub header_lines: Vec<String>,
}

impl std::fmt::Debug for SignedGet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SignedGet {{ url: {:?}, header_lines: [{} redacted] }}",
            self.url,
            self.header_lines.len()
        )
    }
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Objects and versions of objects.
    pub objects: u64,
    /// Their size together.
    pub size_bytes: u64,
}

/// What may be done with a presigned address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMethod {
    /// Read the object.
    Get,
    /// Write it.
    Put,
}

impl LinkMethod {
    /// The HTTP method.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
        }
    }
}

/// An address that carries its own signature: whoever has it has the object. Prints without its query.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// A signed address.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address in clear: for the one who is to use it, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bare = self.0.split('?').next().unwrap_or_default();
        write!(f, "PresignedUrl({bare}?redacted)")
    }
}

/// Addresses of objects, for those who are not let into the bucket.
#[async_trait]
pub trait ObjectLinks: Send + Sync {
    /// The bucket's name.
    fn bucket(&self) -> &str;
    /// Signs a GET of the object by headers (SigV4), valid for about 15 minutes from `now_epoch_s`.
    async fn sign_get(&self, key: &str, now_epoch_s: u64) -> Result<SignedGet>;
    /// An address for one method, valid for `ttl_s` seconds (a week at most) from `now_epoch_s`, and no longer than the
    /// credentials of the function that signs it.
    async fn presign(
        &self,
        method: LinkMethod,
        key: &str,
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUrl>;
}

/// The bucket of media, transcripts and deliverables. Keys are of `[A-Za-z0-9._/-]` only (spec 3.4).
#[async_trait]
pub trait ObjectStore: ObjectLinks {
    /// Writes an object whole. Safe to repeat: the same key gets the same content.
    async fn put(&self, key: &str, content: Bytes, content_type: &str) -> Result<()>;
    /// Reads an object whole; `None` where there is none.
    async fn get(&self, key: &str) -> Result<Option<Bytes>>;
    /// A sink for a large object, written in parts; nothing is visible before its `finish`.
    async fn sink(&self, key: &str, content_type: &str) -> Result<Box<dyn PartSink>>;
    /// Writes an object from a file; answers its size in bytes. Safe to repeat.
    async fn upload(&self, key: &str, from: &Path, content_type: &str) -> Result<u64>;
    /// Copies an object into a file; answers its size in bytes.
    async fn download(&self, key: &str, to: &Path) -> Result<u64>;
    /// Deletes all objects whose keys begin so, with their older versions, and aborts uploads to such keys. Safe to repeat.
    async fn delete_all(&self, prefix: &str) -> Result<Deleted>;
}

/// What is fetched from a playback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// The sound of an HLS stream.
    HlsAudio,
    /// Picture and sound of an HLS stream.
    HlsAudioVideo,
    /// A file as it is.
    Progressive,
}

/// Where media comes from.
#[async_trait]
pub trait MediaFetcher: Send + Sync {
    /// Fetches the media of `source` into the sink, whole or not at all; as `resume` says, it may be stopped and go on in a later
    /// call. Safe to repeat with another sink of the same object.
    async fn fetch(
        &self,
        source: &MediaSource,
        kind: MediaKind,
        sink: &dyn PartSink,
        resume: Resume<'_>,
    ) -> std::result::Result<FetchReport, FetchError>;
}

#[async_trait]
impl MediaFetcher for media::Fetcher {
    async fn fetch(
        &self,
        source: &MediaSource,
        kind: MediaKind,
        sink: &dyn PartSink,
        resume: Resume<'_>,
    ) -> std::result::Result<FetchReport, FetchError> {
        let request = match kind {
            MediaKind::HlsAudio => HlsRequest::audio_only(),
            MediaKind::HlsAudioVideo => HlsRequest::audio_video(),
            MediaKind::Progressive => {
                return media::resume_progressive(self, source, sink, resume).await;
            }
        };
        media::resume_hls(self, source, &request, sink, resume).await
    }
}

/// What the state machine says of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionState {
    /// It was never started, or ended so long ago that nobody knows.
    Missing,
    /// It runs, or waits.
    Running,
    /// It has ended, in whatever way.
    Ended,
}

/// The executions of the state machine.
#[async_trait]
pub trait Executions: Send + Sync {
    /// Starts the execution of a task's attempt. Safe to repeat: the name is made of both, so a second start of the
    /// same attempt answers the first one.
    async fn start(&self, task_id: &TaskId, attempt: u32) -> Result<()>;
    /// How the execution of a task's attempt is.
    async fn look(&self, task_id: &TaskId, attempt: u32) -> Result<ExecutionState>;
    /// Stops the execution of a task's attempt, if it runs; `why` stands in its history. A function that it waits for works
    /// on until its own end: the attempt's number keeps it from acting.
    async fn stop(&self, task_id: &TaskId, attempt: u32, why: &str) -> Result<()>;
}

/// Whether work is left of a task when a piece of it is done: what the state machine goes on by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkState {
    /// Another piece.
    More,
    /// None.
    Done,
}

impl WorkState {
    /// The output of the wait, as the state machine reads it.
    pub fn to_json(self) -> &'static str {
        match self {
            Self::More => r#"{"work":"more"}"#,
            Self::Done => r#"{"work":"done"}"#,
        }
    }
}

/// How a waiting state is told that its work is done.
#[async_trait]
pub trait Completions: Send + Sync {
    /// Completes the wait. A token that is no longer waited for is not an error: a late or doubled completion is
    /// harmless.
    async fn succeed(&self, token: &engines::CompletionToken, state: WorkState) -> Result<()>;
    /// Fails the wait by `class`, which the state machine matches on; `name` says what happened. Harmless when nobody waits.
    async fn fail(&self, token: &engines::CompletionToken, class: Class, name: &str) -> Result<()>;
}

/// The records of live streams, and whose each connection is.
#[async_trait]
pub trait StreamStore: Send + Sync {
    /// Keeps a new stream unless its task has one; says whether it was kept. Safe to repeat.
    async fn keep(&self, stream: &LiveStream) -> Result<bool>;
    /// Reads a stream, consistently.
    async fn load(&self, task_id: &TaskId) -> Result<Option<LiveStream>>;
    /// Writes the stream if the stored one still has `stream.version`, and answers whether it did; on success `stream.version` is
    /// one higher. Nobody else's write is ever overwritten.
    async fn save(&self, stream: &mut LiveStream) -> Result<bool>;
    /// Deletes a stream. Safe to repeat.
    async fn delete(&self, task_id: &TaskId) -> Result<()>;
    /// Notes whose a connection is. Safe to repeat.
    async fn bind(&self, connection: &ConnectionId, to: &Bound) -> Result<()>;
    /// Whose a connection is, where that was noted; read consistently.
    async fn bound(&self, connection: &ConnectionId) -> Result<Option<Bound>>;
    /// Forgets a connection. Safe to repeat.
    async fn unbind(&self, connection: &ConnectionId) -> Result<()>;
}

/// Whether a message has gone out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The connection has taken it.
    Sent,
    /// The connection is not there, or not yet.
    Gone,
}

/// The connections of the websocket, from the side of whoever serves them.
#[async_trait]
pub trait Sockets: Send + Sync {
    /// Sends a text to a connection. A repeat sends it twice.
    async fn send(&self, connection: &ConnectionId, text: &str) -> Result<Sent>;
    /// Whether a connection is there.
    async fn is_open(&self, connection: &ConnectionId) -> Result<bool>;
    /// Closes a connection. Safe to repeat.
    async fn close(&self, connection: &ConnectionId) -> Result<()>;
}

/// Where others hear of what happens here: the account's event bus.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Tells of something of this kind, once or more often; `detail` is JSON, and without secrets.
    async fn tell(&self, kind: &'static str, detail: &str) -> Result<()>;
}

/// Where the app token comes from.
#[async_trait]
pub trait AppTokenSource: Send + Sync {
    /// The app token, read afresh (so that a rotated one is seen).
    async fn app_token(&self) -> Result<kaltura::AppToken>;
}
