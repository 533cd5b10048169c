//! Doubles of the ports in memory, for tests of steps and handlers. They pass [`crate::conformance`], as the AWS adapters
//! do, so that what a test shows with them holds with AWS.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kaltura::{AccessKey, PartnerId, TaskId};
use media::sink::MemorySink;
use media::{PartSink, SinkError};
use sha2::{Digest as _, Sha256};

use crate::error::{Class, Result, StepError};
use crate::live::{Bound, ConnectionId, LiveStream, StreamSettings};
use crate::people::{PeopleRecord, WaitingOrder};
use crate::plan::{CaptionStyle, DeletionPolicy, MediaNeed, Order, OutputObject, Plan, PlannedWork, TakenOn};
use crate::ports::{
    AppTokenSource, Clock, Completions, Deleted, EventBus, ExecutionState, Executions, Expected, Gate,
    GateClosed, KnownTask, Leases, LinkMethod, ObjectLinks, ObjectStore, OrderQueue, PeopleIndex,
    PresignedUpload, PresignedUrl, Sent, SessionStore, SharedObjects, SignedGet, Sockets, StagedTask,
    StreamStore, Stretch, TaskIndex, TaskStore, WorkState,
};
use crate::record::{AcceptedWork, Duty, Parking, RECORD_VERSION, Stage, StoredMedia, TaskRecord, TaskState};
use crate::session::CachedSession;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that stands until it is set.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `epoch_s`.
    pub fn at(epoch_s: u64) -> Self {
        Self(AtomicU64::new(epoch_s))
    }

    /// Sets it forward by `seconds`.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_epoch_s(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The table in memory. A record is kept as its JSON is read back, so that what can't be stored can't be kept here either.
#[derive(Debug, Default)]
pub struct MemoryTable {
    tasks: Mutex<BTreeMap<String, Arc<TaskRecord>>>,
    leases: Mutex<HashMap<String, (String, u64)>>,
    gate: Mutex<Option<GateClosed>>,
    session: Mutex<Option<CachedSession>>,
}

impl MemoryTable {
    /// Every record as it is now, in the order of their ids, for tests to look at.
    pub fn all(&self) -> Vec<Arc<TaskRecord>> {
        lock(&self.tasks).values().cloned().collect()
    }
}

fn unreadable(what: &str, error: &serde_json::Error) -> StepError {
    StepError::RecordUnreadable {
        what: what.to_owned(),
        detail: error.to_string(),
    }
}

/// A record as it comes back from the table.
fn stored(record: &TaskRecord) -> Result<Arc<TaskRecord>> {
    serde_json::to_value(record)
        .and_then(serde_json::from_value)
        .map(Arc::new)
        .map_err(|error| unreadable(record.task_id.as_str(), &error))
}

#[async_trait]
impl TaskStore for MemoryTable {
    async fn keep(&self, record: &TaskRecord) -> Result<bool> {
        let pk = record.task_id.to_string();
        let mut tasks = lock(&self.tasks);
        if tasks.contains_key(&pk) {
            return Ok(false);
        }
        tasks.insert(pk, stored(record)?);
        Ok(true)
    }

    async fn load(&self, task_id: &TaskId) -> Result<Option<TaskRecord>> {
        let record = lock(&self.tasks).get(task_id.as_str()).cloned();
        Ok(record.map(|record| TaskRecord::clone(&record)))
    }

    async fn known(&self, task_ids: &[TaskId]) -> Result<HashMap<TaskId, KnownTask>> {
        let tasks = lock(&self.tasks);
        let mut known = HashMap::new();
        for task_id in task_ids {
            if let Some(record) = tasks.get(task_id.as_str()) {
                let task = KnownTask {
                    state: record.state,
                    queue_time_epoch_s: record.queue_time_epoch_s,
                };
                known.insert(task_id.clone(), task);
            }
        }
        Ok(known)
    }

    async fn save(&self, record: &mut TaskRecord) -> Result<bool> {
        let mut tasks = lock(&self.tasks);
        let Some(before) = tasks.get_mut(record.task_id.as_str()) else {
            return Ok(false);
        };
        if before.version != record.version {
            return Ok(false);
        }
        record.version += 1;
        record.record_version = RECORD_VERSION;
        *before = stored(record)?;
        Ok(true)
    }
}

#[async_trait]
impl TaskIndex for MemoryTable {
    async fn due(&self, duty: Duty, now_epoch_s: u64, limit: usize) -> Result<Vec<TaskId>> {
        let mut due: Vec<(u64, TaskId)> = lock(&self.tasks)
            .values()
            .filter(|record| record.is_due(duty, now_epoch_s))
            .filter_map(|record| Some((record.due()?.1, record.task_id.clone())))
            .collect();
        due.sort_by_key(|(due_at, _)| *due_at);
        Ok(due.into_iter().take(limit).map(|(_, task_id)| task_id).collect())
    }

    async fn staged(&self, stage: Stage) -> Result<Vec<StagedTask>> {
        let mut staged: Vec<StagedTask> = lock(&self.tasks)
            .values()
            .filter(|record| record.stage() == Some(stage))
            .map(|record| StagedTask::of(record))
            .collect();
        staged.sort_by_key(|task| task.created_epoch_s);
        Ok(staged)
    }

    async fn in_state(&self, state: TaskState, limit: usize) -> Result<Vec<TaskId>> {
        let tasks = lock(&self.tasks);
        let found = tasks.values().filter(|record| record.state == state);
        Ok(found.take(limit).map(|record| record.task_id.clone()).collect())
    }

    async fn keys_expiring(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>> {
        let mut keys: Vec<(TaskId, u64)> = lock(&self.tasks)
            .values()
            .filter(|record| record.key_is_watched() && record.key_expires_epoch_s <= before_epoch_s)
            .map(|record| (record.task_id.clone(), record.key_expires_epoch_s))
            .collect();
        keys.sort_by_key(|(_, expires)| *expires);
        keys.truncate(limit);
        Ok(keys)
    }

    async fn expected(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>> {
        let mut expected: Vec<(TaskId, u64)> = lock(&self.tasks)
            .values()
            .filter_map(|record| Some((record.task_id.clone(), record.deadline_epoch_s()?)))
            .filter(|(_, deadline_epoch_s)| *deadline_epoch_s <= before_epoch_s)
            .collect();
        expected.sort_by_key(|(_, deadline_epoch_s)| *deadline_epoch_s);
        expected.truncate(limit);
        Ok(expected)
    }
}

#[async_trait]
impl PeopleIndex for MemoryTable {
    async fn waiting(&self, stretch: Stretch<'_>) -> Result<Vec<WaitingOrder>> {
        let records = self.all();
        let orders = records.iter().filter_map(|record| WaitingOrder::of(record));
        let mut orders: Vec<WaitingOrder> = orders.filter(|order| order.list() == stretch.list).collect();
        orders.retain(|order| {
            let place = order.place();
            stretch.after.is_none_or(|after| place.as_str() > after)
                && stretch.before.is_none_or(|before| place.as_str() < before)
        });
        orders.sort_by_cached_key(WaitingOrder::place);
        orders.truncate(stretch.limit);
        Ok(orders)
    }
}

#[async_trait]
impl Leases for MemoryTable {
    async fn take(&self, name: &str, holder: &str, now_epoch_s: u64, ttl_s: u64) -> Result<bool> {
        let mut leases = lock(&self.leases);
        if leases
            .get(name)
            .is_some_and(|(by, until)| by != holder && *until > now_epoch_s)
        {
            return Ok(false);
        }
        leases.insert(name.to_owned(), (holder.to_owned(), now_epoch_s + ttl_s));
        Ok(true)
    }

    async fn give_back(&self, name: &str, holder: &str) -> Result<()> {
        let mut leases = lock(&self.leases);
        if leases.get(name).is_some_and(|(by, _)| by == holder) {
            leases.remove(name);
        }
        Ok(())
    }
}

#[async_trait]
impl Gate for MemoryTable {
    async fn closed(&self) -> Result<Option<GateClosed>> {
        Ok(lock(&self.gate).clone())
    }

    async fn close(&self, closed: &GateClosed) -> Result<()> {
        *lock(&self.gate) = Some(closed.clone());
        Ok(())
    }

    async fn open(&self) -> Result<()> {
        *lock(&self.gate) = None;
        Ok(())
    }
}

#[async_trait]
impl SessionStore for MemoryTable {
    async fn load(&self) -> Result<Option<CachedSession>> {
        Ok(lock(&self.session).clone())
    }

    async fn save(&self, session: &CachedSession) -> Result<()> {
        *lock(&self.session) = Some(session.clone());
        Ok(())
    }
}

/// A queue that remembers what was sent, and can be told to refuse.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    sent: Mutex<Vec<(TaskId, PartnerId)>>,
    refused: Mutex<Vec<TaskId>>,
}

impl MemoryQueue {
    /// What was sent and not yet taken, in order.
    pub fn take_all(&self) -> Vec<(TaskId, PartnerId)> {
        std::mem::take(&mut lock(&self.sent))
    }

    /// Refuses these tasks from now on.
    pub fn refuse(&self, task_ids: &[TaskId]) {
        *lock(&self.refused) = task_ids.to_vec();
    }
}

#[async_trait]
impl OrderQueue for MemoryQueue {
    async fn send(&self, orders: &[(TaskId, PartnerId)]) -> Result<Vec<TaskId>> {
        let refused = lock(&self.refused).clone();
        let (not_taken, taken): (Vec<_>, Vec<_>) = orders
            .iter()
            .cloned()
            .partition(|(task_id, _)| refused.contains(task_id));
        lock(&self.sent).extend(taken);
        Ok(not_taken.into_iter().map(|(task_id, _)| task_id).collect())
    }
}

/// A bucket in memory. What it signs can be fetched nowhere.
#[derive(Clone, Default)]
pub struct MemoryObjects {
    objects: Arc<Mutex<HashMap<String, Bytes>>>,
}

impl MemoryObjects {
    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        lock(&self.objects).keys().cloned().collect()
    }
}

#[async_trait]
impl ObjectStore for MemoryObjects {
    async fn put(&self, key: &str, content: Bytes, _content_type: &str) -> Result<()> {
        lock(&self.objects).insert(key.to_owned(), content);
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(lock(&self.objects).get(key).cloned())
    }

    async fn sink(&self, key: &str, _content_type: &str) -> Result<Box<dyn PartSink>> {
        Ok(Box::new(SinkTo {
            key: key.to_owned(),
            objects: self.clone(),
            parts: MemorySink::default(),
        }))
    }

    async fn upload(&self, key: &str, from: &Path, content_type: &str) -> Result<u64> {
        let content = tokio::fs::read(from).await.map_err(|error| StepError::Aws {
            service: "s3",
            action: "read a file to upload",
            detail: error.to_string(),
        })?;
        let size_bytes = content.len() as u64;
        self.put(key, content.into(), content_type).await?;
        Ok(size_bytes)
    }

    async fn download(&self, key: &str, to: &Path) -> Result<u64> {
        let failed = |detail: String| StepError::Aws {
            service: "s3",
            action: "GetObject",
            detail,
        };
        let content = self
            .get(key)
            .await?
            .ok_or_else(|| failed(format!("no object `{key}`")))?;
        tokio::fs::write(to, &content)
            .await
            .map_err(|error| failed(error.to_string()))?;
        Ok(content.len() as u64)
    }

    async fn delete_all(&self, prefix: &str) -> Result<Deleted> {
        let mut deleted = Deleted::default();
        lock(&self.objects).retain(|key, content| {
            let stays = !key.starts_with(prefix);
            if !stays {
                deleted.objects += 1;
                deleted.size_bytes += content.len() as u64;
            }
            stays
        });
        Ok(deleted)
    }
}

#[async_trait]
impl ObjectLinks for MemoryObjects {
    fn bucket(&self) -> &'static str {
        "work"
    }

    async fn sign_get(&self, key: &str, now_epoch_s: u64) -> Result<SignedGet> {
        Ok(SignedGet {
            url: format!("https://work.s3.eu-central-1.amazonaws.com/{key}"),
            header_lines: vec![format!("authorization: signed at {now_epoch_s}")],
        })
    }

    async fn presign(
        &self,
        method: LinkMethod,
        key: &str,
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUrl> {
        let method = method.name();
        let until_epoch_s = now_epoch_s + ttl_s;
        // As long as those of S3: Kaltura takes the end of a shorter one for the file's extension (spec 3.3).
        let padding = "0".repeat(260);
        Ok(PresignedUrl::new(format!(
            "https://work.s3.eu-central-1.amazonaws.com/{key}?method={method}&until={until_epoch_s}&padding={padding}"
        )))
    }
}

fn etag(content: &Bytes) -> String {
    format!("\"{}\"", crate::handin::hex(&Sha256::digest(content)))
}

#[async_trait]
impl SharedObjects for MemoryObjects {
    async fn size_bytes(&self, key: &str) -> Result<Option<u64>> {
        Ok(lock(&self.objects).get(key).map(|content| content.len() as u64))
    }

    async fn get_tagged(&self, key: &str) -> Result<Option<(Bytes, String)>> {
        let objects = lock(&self.objects);
        Ok(objects.get(key).map(|content| (content.clone(), etag(content))))
    }

    async fn put_expected(
        &self,
        key: &str,
        content: Bytes,
        _content_type: &str,
        expected: Expected<'_>,
    ) -> Result<Option<String>> {
        let mut objects = lock(&self.objects);
        let is_as_expected = match (objects.get(key).map(etag), expected) {
            (None, Expected::Missing) => true,
            (Some(found), Expected::Tagged(tag)) => found == tag,
            _ => false,
        };
        if !is_as_expected {
            return Ok(None);
        }
        let tag = etag(&content);
        objects.insert(key.to_owned(), content);
        Ok(Some(tag))
    }

    async fn presign_upload(
        &self,
        key: &str,
        sha256: &[u8; 32],
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUpload> {
        let url = self.presign(LinkMethod::Put, key, now_epoch_s, ttl_s).await?;
        let checksum = STANDARD.encode(sha256);
        let headers = vec![("x-amz-checksum-sha256".to_owned(), checksum)];
        Ok(PresignedUpload { url, headers })
    }
}

/// A sink whose object appears in the bucket when it is finished.
struct SinkTo {
    key: String,
    objects: MemoryObjects,
    parts: MemorySink,
}

impl SinkTo {
    fn publish(&self) {
        if let Some(object) = self.parts.object() {
            lock(&self.objects.objects).insert(self.key.clone(), object);
        }
    }
}

#[async_trait]
impl PartSink for SinkTo {
    async fn put_part(&self, number: u32, data: Bytes) -> std::result::Result<(), SinkError> {
        self.parts.put_part(number, data).await
    }

    async fn finish(&self, parts: u32) -> std::result::Result<(), SinkError> {
        self.parts.finish(parts).await?;
        self.publish();
        Ok(())
    }

    async fn put_whole(&self, data: Bytes) -> std::result::Result<(), SinkError> {
        self.parts.put_whole(data).await?;
        self.publish();
        Ok(())
    }

    async fn abort(&self) -> std::result::Result<(), SinkError> {
        self.parts.abort().await
    }
}

/// Executions and waits that are only remembered.
#[derive(Debug, Default)]
pub struct MemoryStates {
    started: Mutex<Vec<(TaskId, u32)>>,
    /// Of those started, the ones that have ended.
    ended: Mutex<Vec<(TaskId, u32)>>,
    stopped: Mutex<Vec<(TaskId, u32)>>,
    succeeded: Mutex<Vec<String>>,
    last_state: Mutex<Option<WorkState>>,
    failed: Mutex<Vec<(String, Class)>>,
}

impl MemoryStates {
    /// What was started, each attempt once.
    pub fn started(&self) -> Vec<(TaskId, u32)> {
        lock(&self.started).clone()
    }

    /// Lets an execution end, without anybody being told.
    pub fn end(&self, task_id: &TaskId, attempt: u32) {
        lock(&self.ended).push((task_id.clone(), attempt));
    }

    /// Forgets that an execution was started, as if its start had been lost.
    pub fn forget(&self, task_id: &TaskId, attempt: u32) {
        lock(&self.started).retain(|started| *started != (task_id.clone(), attempt));
    }

    /// The executions that were stopped.
    pub fn stopped(&self) -> Vec<(TaskId, u32)> {
        lock(&self.stopped).clone()
    }

    /// The tokens that were failed, and by which class.
    pub fn failed(&self) -> Vec<(String, Class)> {
        lock(&self.failed).clone()
    }

    /// What the last completion said of the work that is left.
    pub fn last_state(&self) -> Option<WorkState> {
        *lock(&self.last_state)
    }

    /// The tokens that were completed.
    pub fn succeeded(&self) -> Vec<String> {
        lock(&self.succeeded).clone()
    }
}

#[async_trait]
impl Executions for MemoryStates {
    async fn start(&self, task_id: &TaskId, attempt: u32) -> Result<()> {
        let execution = (task_id.clone(), attempt);
        let mut started = lock(&self.started);
        if !started.contains(&execution) {
            started.push(execution);
        }
        Ok(())
    }

    async fn look(&self, task_id: &TaskId, attempt: u32) -> Result<ExecutionState> {
        let execution = (task_id.clone(), attempt);
        Ok(if lock(&self.ended).contains(&execution) {
            ExecutionState::Ended
        } else if lock(&self.started).contains(&execution) {
            ExecutionState::Running
        } else {
            ExecutionState::Missing
        })
    }

    async fn stop(&self, task_id: &TaskId, attempt: u32, _why: &str) -> Result<()> {
        if self.look(task_id, attempt).await? == ExecutionState::Running {
            lock(&self.stopped).push((task_id.clone(), attempt));
            self.end(task_id, attempt);
        }
        Ok(())
    }
}

#[async_trait]
impl Completions for MemoryStates {
    async fn succeed(&self, token: &engines::CompletionToken, state: WorkState) -> Result<()> {
        *lock(&self.last_state) = Some(state);
        lock(&self.succeeded).push(token.expose().to_owned());
        Ok(())
    }

    async fn fail(&self, token: &engines::CompletionToken, class: Class, _name: &str) -> Result<()> {
        lock(&self.failed).push((token.expose().to_owned(), class));
        Ok(())
    }
}

/// The streams in memory, kept as JSON as the table's records are.
#[derive(Debug, Default)]
pub struct MemoryStreams {
    streams: Mutex<HashMap<String, String>>,
    bound: Mutex<HashMap<ConnectionId, Bound>>,
}

impl MemoryStreams {
    fn read(&self, task_id: &TaskId) -> Result<Option<LiveStream>> {
        let streams = lock(&self.streams);
        let json = streams.get(task_id.as_str());
        json.map(|json| serde_json::from_str(json).map_err(|error| unreadable("a stream", &error)))
            .transpose()
    }
}

#[async_trait]
impl StreamStore for MemoryStreams {
    async fn keep(&self, stream: &LiveStream) -> Result<bool> {
        let json = serde_json::to_string(stream).map_err(|error| unreadable("a stream", &error))?;
        let mut streams = lock(&self.streams);
        if streams.contains_key(stream.task_id.as_str()) {
            return Ok(false);
        }
        streams.insert(stream.task_id.to_string(), json);
        Ok(true)
    }

    async fn load(&self, task_id: &TaskId) -> Result<Option<LiveStream>> {
        self.read(task_id)
    }

    async fn save(&self, stream: &mut LiveStream) -> Result<bool> {
        let stored = self.read(&stream.task_id)?;
        if stored.is_none_or(|stored| stored.version != stream.version) {
            return Ok(false);
        }
        stream.version += 1;
        let json = serde_json::to_string(stream).map_err(|error| unreadable("a stream", &error))?;
        lock(&self.streams).insert(stream.task_id.to_string(), json);
        Ok(true)
    }

    async fn delete(&self, task_id: &TaskId) -> Result<()> {
        lock(&self.streams).remove(task_id.as_str());
        Ok(())
    }

    async fn bind(&self, connection: &ConnectionId, to: &Bound) -> Result<()> {
        lock(&self.bound).insert(connection.clone(), to.clone());
        Ok(())
    }

    async fn bound(&self, connection: &ConnectionId) -> Result<Option<Bound>> {
        Ok(lock(&self.bound).get(connection).cloned())
    }

    async fn unbind(&self, connection: &ConnectionId) -> Result<()> {
        lock(&self.bound).remove(connection);
        Ok(())
    }
}

/// A websocket whose connections are opened and dropped by the test.
#[derive(Debug, Default)]
pub struct MemorySockets {
    open: Mutex<HashSet<ConnectionId>>,
    slow: Mutex<HashSet<ConnectionId>>,
    received: Mutex<HashMap<ConnectionId, Vec<String>>>,
}

impl MemorySockets {
    /// A client's connection is there.
    pub fn open(&self, connection: &ConnectionId) {
        lock(&self.open).insert(connection.clone());
    }

    /// A client has gone.
    pub fn lose(&self, connection: &ConnectionId) {
        lock(&self.open).remove(connection);
    }

    /// From now on, this client takes nothing, and its connection stays; or takes what comes again.
    pub fn slow(&self, connection: &ConnectionId, is_slow: bool) {
        let mut slow = lock(&self.slow);
        if is_slow {
            slow.insert(connection.clone());
        } else {
            slow.remove(connection);
        }
    }

    /// All that a client has received.
    pub fn received(&self, connection: &ConnectionId) -> Vec<String> {
        lock(&self.received).get(connection).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Sockets for MemorySockets {
    async fn send(&self, connection: &ConnectionId, text: &str) -> Result<Sent> {
        if !lock(&self.open).contains(connection) {
            return Ok(Sent::Gone);
        }
        if lock(&self.slow).contains(connection) {
            std::future::pending::<()>().await;
        }
        let mut received = lock(&self.received);
        received
            .entry(connection.clone())
            .or_default()
            .push(text.to_owned());
        Ok(Sent::Sent)
    }

    async fn is_open(&self, connection: &ConnectionId) -> Result<bool> {
        Ok(lock(&self.open).contains(connection))
    }

    async fn close(&self, connection: &ConnectionId) -> Result<()> {
        self.lose(connection);
        Ok(())
    }
}

/// A bus that remembers what was told, and can be told to refuse.
#[derive(Debug, Default)]
pub struct MemoryBus {
    told: Mutex<Vec<(&'static str, String)>>,
    refuses: AtomicBool,
}

impl MemoryBus {
    /// What was told, in order: the kind and the detail.
    pub fn told(&self) -> Vec<(&'static str, String)> {
        lock(&self.told).clone()
    }

    /// Refuses from now on, or takes again.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
}

#[async_trait]
impl EventBus for MemoryBus {
    async fn tell(&self, kind: &'static str, detail: &str) -> Result<()> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StepError::Aws {
                service: "events",
                action: "PutEvents",
                detail: "refused".to_owned(),
            });
        }
        lock(&self.told).push((kind, detail.to_owned()));
        Ok(())
    }
}

/// An app token that is simply there.
pub struct FixedAppToken(pub kaltura::AppToken);

#[async_trait]
impl AppTokenSource for FixedAppToken {
    async fn app_token(&self) -> Result<kaltura::AppToken> {
        Ok(self.0.clone())
    }
}

/// What is set for a stream of English captions, whose event lasts from 1,000 to 4,600 s.
pub fn sample_stream_settings() -> StreamSettings {
    StreamSettings {
        attempt: 1,
        source: engines::SourceLanguage {
            catalog_name: "English".to_owned(),
            bcp47: "en".to_owned(),
        },
        target: None,
        rules: captions::live::LiveRules::for_order(Some(42), "en"),
        dictionary: vec!["Kaltura".to_owned()],
        event_start_epoch_s: 1_000,
        event_end_epoch_s: 4_600,
    }
}

/// A stream that nothing has come to yet: task 9292, provisioned at that time, with [`sample_stream_settings`].
#[cfg(test)]
pub(crate) fn sample_stream(now_epoch_s: u64) -> crate::live::LiveStream {
    let task_id = TaskId::parse("9292").unwrap();
    crate::live::LiveStream::new(task_id, sample_stream_settings(), now_epoch_s)
}

/// Somebody of that name, by which they are known in small letters, in these groups.
#[cfg(test)]
pub(crate) fn sample_person(name: &str, groups: &[&str]) -> crate::people::Person {
    crate::people::Person {
        id: crate::people::PersonId::new(name.to_lowercase()),
        name: name.to_owned(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    }
}

/// A record such as poll makes: task `task_id` of customer 110, kept, attempt 1.
pub fn sample_record(task_id: TaskId) -> TaskRecord {
    TaskRecord {
        record_version: RECORD_VERSION,
        version: 1,
        task_id,
        partner_id: PartnerId::from(110),
        entry_id: kaltura::EntryId::parse("0_o2z3458w").ok(),
        service_feature: 1,
        service_type: 2,
        state: TaskState::Kept,
        attempt: 1,
        access_key: AccessKey::from("a-key"),
        key_expires_epoch_s: 1_000_000,
        turn_around_time: Some(1_800),
        created_epoch_s: 50,
        queue_time_epoch_s: 50,
        expected_finish_epoch_s: Some(1_850),
        kept_epoch_s: 100,
        sent_epoch_s: None,
        claimed_epoch_s: None,
        check_at_epoch_s: None,
        ended_epoch_s: None,
        order_key: None,
        plan: None,
        media: None,
        source_text_key: None,
        works: Vec::new(),
        jobs: Vec::new(),
        forget_at_epoch_s: None,
        result: None,
        transcripts_linked: false,
        deliverables: Vec::new(),
        failure: None,
        fail_text: None,
        parking: Parking::default(),
        delete_at_epoch_s: None,
        deleted: None,
        history: Vec::new(),
        people: PeopleRecord::default(),
        live: None,
    }
}

/// An order for captions in English, such as claim keeps, with this limit of characters a line.
pub fn sample_order(max_characters_per_caption_line: Option<u32>) -> Order {
    Order {
        source_language: Some("English".to_owned()),
        catalog_output_format: Some(1),
        default_output_format: None,
        enable_speaker_id: false,
        enable_speaker_change_indication: false,
        enable_audio_tags: false,
        enable_profanity_removal: false,
        enable_metadata_extraction: false,
        max_characters_per_caption_line,
        flavor_params_ids: Vec::new(),
        dictionary: vec!["Kaltura".to_owned()],
        notes: Some("Dr. Mueller speaks <b>first</b>.".to_owned()),
        processing_region: Some(1),
        deletion: DeletionPolicy::OnceProcessed,
        service_feature: 1,
        service_type: 1,
        turn_around_time: Some(86_400),
        expected_finish_epoch_s: Some(1_850),
        target_language: None,
        require_source: true,
        caption_asset_id: None,
        text_transcript_asset_id: None,
        json_transcript_asset_id: None,
        flavor_params_id: None,
        clear_audio_flavor_params_id: None,
        entry_duration_ms: Some(4_000),
        event: None,
    }
}

/// A record of captions in English that wait for people: plan made, media fetched, work taken on.
pub fn sample_people_record(task_id: &TaskId) -> TaskRecord {
    let mut record = sample_record(task_id.clone());
    record.state = TaskState::Running;
    record.service_type = 1;
    record.claimed_epoch_s = Some(120);
    record.order_key = Some(format!("orders/{task_id}/1.json"));
    record.media = Some(StoredMedia {
        key: format!("media/{task_id}/1.mp4"),
        size_bytes: 5,
        duration_ms: Some(4_000),
        container: "mp4".to_owned(),
    });
    let style = CaptionStyle {
        max_characters_per_line: 42,
        speaker_labels: false,
        speaker_change_marks: false,
        audio_tags: false,
        remove_profanity: false,
    };
    record.set_plan(Plan {
        service_feature: 1,
        taken_on: TakenOn::AtOnce,
        media: MediaNeed::AudioVideo,
        flavor_params_ids: Vec::new(),
        source_language: "English".to_owned(),
        source_bcp47: "en".to_owned(),
        target: None,
        source_text: None,
        style,
        works: vec![PlannedWork {
            kind: engines::WorkKind::HandIn,
            engine: engines::people::NAME.to_owned(),
            handover: Some(engines::Handover::Captions),
        }],
        deliverables: Vec::new(),
        output_object: OutputObject::default(),
        deletion: DeletionPolicy::OnceProcessed,
    });
    record.works[0].accepted = Some(AcceptedWork {
        job_id: format!("reach-{task_id}-1-hand-in"),
        external_id: "people".to_owned(),
        token: engines::CompletionToken::new(format!("token of {task_id}")),
        since_epoch_s: 130,
        progress: None,
    });
    record
}
