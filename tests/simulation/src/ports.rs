//! The ports of one run of a function: each call may be the last one.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kaltura::transport::{Answer, Exchange, Fault, Request, Transport};
use kaltura::{PartnerId, TaskId};
use media::{Container, FetchError, FetchReport, PartSink, Resume};
use pipeline::live::{Bound, ConnectionId, LiveStream};
use pipeline::memory::{ManualClock, MemoryObjects, MemorySockets, MemoryStreams, MemoryTable};
use pipeline::ports::{
    Clock, Completions, Deleted, ExecutionState, Executions, Gate, GateClosed, KnownTask, Leases, LinkMethod,
    MediaFetcher, MediaKind, ObjectLinks, ObjectStore, OrderQueue, PresignedUrl, Sent as Taken, SessionStore,
    SignedGet, Sockets, StagedTask, StreamStore, TaskIndex, TaskStore, WorkState,
};
use pipeline::record::{Duty, Stage, TaskRecord, TaskState};
use pipeline::session::CachedSession;
use pipeline::{Class, Result, StepError};
use step_world::InProcess;

use crate::chaos::Run;
use crate::machine::Machine;

fn lost() -> StepError {
    StepError::Aws {
        service: "simulated",
        action: "call",
        detail: "no answer".to_owned(),
    }
}

/// The table, and what is broken of a record that is written to it.
pub struct Table {
    pub run: Run,
    pub store: Arc<MemoryTable>,
    pub broken: Arc<dyn Fn(&TaskRecord) + Send + Sync>,
}

#[async_trait]
impl TaskStore for Table {
    async fn keep(&self, record: &TaskRecord) -> Result<bool> {
        (self.broken)(record);
        self.run.call("table.keep", lost, self.store.keep(record)).await
    }

    async fn load(&self, task_id: &TaskId) -> Result<Option<TaskRecord>> {
        let load = TaskStore::load(self.store.as_ref(), task_id);
        self.run.call("table.load", lost, load).await
    }

    async fn known(&self, task_ids: &[TaskId]) -> Result<HashMap<TaskId, KnownTask>> {
        self.run
            .call("table.known", lost, self.store.known(task_ids))
            .await
    }

    async fn save(&self, record: &mut TaskRecord) -> Result<bool> {
        (self.broken)(record);
        let save = TaskStore::save(self.store.as_ref(), record);
        self.run.call("table.save", lost, save).await
    }
}

#[async_trait]
impl TaskIndex for Table {
    async fn due(&self, duty: Duty, now_epoch_s: u64, limit: usize) -> Result<Vec<TaskId>> {
        let due = self.store.due(duty, now_epoch_s, limit);
        self.run.call("table.due", lost, due).await
    }

    async fn staged(&self, stage: Stage) -> Result<Vec<StagedTask>> {
        self.run
            .call("table.staged", lost, self.store.staged(stage))
            .await
    }

    async fn in_state(&self, state: TaskState, limit: usize) -> Result<Vec<TaskId>> {
        self.store.in_state(state, limit).await
    }

    async fn keys_expiring(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>> {
        let keys = self.store.keys_expiring(before_epoch_s, limit);
        self.run.call("table.keys", lost, keys).await
    }

    async fn expected(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>> {
        let expected = self.store.expected(before_epoch_s, limit);
        self.run.call("table.expected", lost, expected).await
    }
}

#[async_trait]
impl Leases for Table {
    async fn take(&self, name: &str, holder: &str, now_epoch_s: u64, ttl_s: u64) -> Result<bool> {
        let take = self.store.take(name, holder, now_epoch_s, ttl_s);
        self.run.call("table.take", lost, take).await
    }

    async fn give_back(&self, name: &str, holder: &str) -> Result<()> {
        let give_back = self.store.give_back(name, holder);
        self.run.call("table.give_back", lost, give_back).await
    }
}

#[async_trait]
impl Gate for Table {
    async fn closed(&self) -> Result<Option<GateClosed>> {
        self.run.call("table.gate", lost, self.store.closed()).await
    }

    async fn close(&self, closed: &GateClosed) -> Result<()> {
        self.store.close(closed).await
    }

    async fn open(&self) -> Result<()> {
        self.store.open().await
    }
}

#[async_trait]
impl SessionStore for Table {
    async fn load(&self) -> Result<Option<CachedSession>> {
        let load = SessionStore::load(self.store.as_ref());
        self.run.call("session.load", lost, load).await
    }

    async fn save(&self, session: &CachedSession) -> Result<()> {
        let save = SessionStore::save(self.store.as_ref(), session);
        self.run.call("session.save", lost, save).await
    }
}

/// What waits in the queue; shared by all runs.
pub type Sent = Arc<std::sync::Mutex<Vec<TaskId>>>;

pub struct Queue {
    pub run: Run,
    pub sent: Sent,
}

#[async_trait]
impl OrderQueue for Queue {
    async fn send(&self, orders: &[(TaskId, PartnerId)]) -> Result<Vec<TaskId>> {
        let send = async {
            let ids = orders.iter().map(|(task_id, _)| task_id.clone());
            crate::lock(&self.sent).extend(ids);
            Ok(Vec::new())
        };
        self.run.call("queue.send", lost, send).await
    }
}

pub struct Bucket {
    pub run: Run,
    pub objects: MemoryObjects,
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put(&self, key: &str, content: Bytes, content_type: &str) -> Result<()> {
        let put = self.objects.put(key, content, content_type);
        self.run.call("bucket.put", lost, put).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.run.call("bucket.get", lost, self.objects.get(key)).await
    }

    async fn sink(&self, key: &str, content_type: &str) -> Result<Box<dyn PartSink>> {
        self.objects.sink(key, content_type).await
    }

    async fn download(&self, key: &str, to: &Path) -> Result<u64> {
        let download = self.objects.download(key, to);
        self.run.call("bucket.download", lost, download).await
    }

    async fn delete_all(&self, prefix: &str) -> Result<Deleted> {
        let delete = self.objects.delete_all(prefix);
        self.run.call("bucket.delete_all", lost, delete).await
    }

    async fn upload(&self, key: &str, from: &std::path::Path, content_type: &str) -> Result<u64> {
        let upload = self.objects.upload(key, from, content_type);
        self.run.call("bucket.upload", lost, upload).await
    }
}

#[async_trait]
impl ObjectLinks for Bucket {
    fn bucket(&self) -> &str {
        self.objects.bucket()
    }

    async fn sign_get(&self, key: &str, now_epoch_s: u64) -> Result<SignedGet> {
        self.objects.sign_get(key, now_epoch_s).await
    }

    async fn presign(
        &self,
        method: LinkMethod,
        key: &str,
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUrl> {
        self.objects.presign(method, key, now_epoch_s, ttl_s).await
    }
}

/// Media of nothing but bytes, stored in one part.
pub struct Media {
    pub run: Run,
}

#[async_trait]
impl MediaFetcher for Media {
    async fn fetch(
        &self,
        _source: &media::MediaSource,
        _kind: MediaKind,
        sink: &dyn PartSink,
        _resume: Resume<'_>,
    ) -> std::result::Result<FetchReport, FetchError> {
        let content = Bytes::from_static(b"sound");
        let put = async { sink.put_whole(content.clone()).await.map_err(FetchError::from) };
        let broken = || FetchError::from(media::SinkError::retryable("no answer"));
        self.run.call("bucket.put_media", broken, put).await?;
        Ok(FetchReport {
            container: Container::Mp4,
            tracks: Vec::new(),
            duration_ms: Some(4_000),
            segments: 1,
            bytes_in: content.len() as u64,
            bytes_out: content.len() as u64,
            retries: 0,
        })
    }
}

/// The state machine, as functions start, look at, stop and complete it.
pub struct States {
    pub run: Run,
    pub machine: Machine,
}

#[async_trait]
impl Executions for States {
    async fn start(&self, task_id: &TaskId, attempt: u32) -> Result<()> {
        let start = async {
            self.machine.start(task_id, attempt);
            Ok(())
        };
        self.run.call("states.start", lost, start).await
    }

    async fn look(&self, task_id: &TaskId, attempt: u32) -> Result<ExecutionState> {
        let look = async { Ok(self.machine.look(task_id, attempt)) };
        self.run.call("states.look", lost, look).await
    }

    async fn stop(&self, task_id: &TaskId, attempt: u32, _why: &str) -> Result<()> {
        let stop = async {
            self.machine.stop(task_id, attempt);
            Ok(())
        };
        self.run.call("states.stop", lost, stop).await
    }
}

#[async_trait]
impl Completions for States {
    async fn succeed(&self, token: &engines::CompletionToken, state: WorkState) -> Result<()> {
        let succeed = async {
            let output = serde_json::from_str(state.to_json()).unwrap();
            self.machine.complete(token.expose(), Ok(output));
            Ok(())
        };
        self.run.call("states.succeed", lost, succeed).await
    }

    async fn fail(&self, token: &engines::CompletionToken, class: Class, _name: &str) -> Result<()> {
        let fail = async {
            self.machine
                .complete(token.expose(), Err(class.name().to_owned()));
            Ok(())
        };
        self.run.call("states.fail", lost, fail).await
    }
}

/// The live streams.
pub struct Streams {
    pub run: Run,
    pub store: Arc<MemoryStreams>,
}

#[async_trait]
impl StreamStore for Streams {
    async fn keep(&self, stream: &LiveStream) -> Result<bool> {
        self.run.call("streams.keep", lost, self.store.keep(stream)).await
    }

    async fn load(&self, task_id: &TaskId) -> Result<Option<LiveStream>> {
        self.run
            .call("streams.load", lost, self.store.load(task_id))
            .await
    }

    async fn save(&self, stream: &mut LiveStream) -> Result<bool> {
        self.run.call("streams.save", lost, self.store.save(stream)).await
    }

    async fn delete(&self, task_id: &TaskId) -> Result<()> {
        self.run
            .call("streams.delete", lost, self.store.delete(task_id))
            .await
    }

    async fn bind(&self, connection: &ConnectionId, to: &Bound) -> Result<()> {
        self.run
            .call("streams.bind", lost, self.store.bind(connection, to))
            .await
    }

    async fn bound(&self, connection: &ConnectionId) -> Result<Option<Bound>> {
        self.run
            .call("streams.bound", lost, self.store.bound(connection))
            .await
    }

    async fn unbind(&self, connection: &ConnectionId) -> Result<()> {
        self.run
            .call("streams.unbind", lost, self.store.unbind(connection))
            .await
    }
}

/// The websocket.
pub struct Websocket {
    pub run: Run,
    pub sockets: Arc<MemorySockets>,
}

#[async_trait]
impl Sockets for Websocket {
    async fn send(&self, connection: &ConnectionId, text: &str) -> Result<Taken> {
        self.run
            .call("sockets.send", lost, self.sockets.send(connection, text))
            .await
    }

    async fn is_open(&self, connection: &ConnectionId) -> Result<bool> {
        self.run
            .call("sockets.is_open", lost, self.sockets.is_open(connection))
            .await
    }

    async fn close(&self, connection: &ConnectionId) -> Result<()> {
        self.run
            .call("sockets.close", lost, self.sockets.close(connection))
            .await
    }
}

/// Calls to Kaltura. A refusal here is a connection that never came about.
pub struct Calls {
    pub run: Run,
    pub kaltura: InProcess,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Calls")
    }
}

impl Transport for Calls {
    fn post(&self, request: Request) -> Exchange<'_> {
        let name = request
            .url
            .rsplit("/service/")
            .next()
            .unwrap_or_default()
            .replace("/action/", ".");
        Box::pin(async move {
            let exchange = self.kaltura.post(request);
            let broken = || Fault::Broken("no answer".to_owned());
            let answer: std::result::Result<Answer, Fault> = self.run.call(&name, broken, exchange).await;
            answer
        })
    }
}

/// The vendor's clock goes wrong by some seconds.
pub struct SkewedClock {
    pub time: Arc<ManualClock>,
    pub skew_s: i64,
}

impl Clock for SkewedClock {
    fn now_epoch_s(&self) -> u64 {
        self.time.now_epoch_s().saturating_add_signed(self.skew_s)
    }
}
