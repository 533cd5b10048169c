//! A stream with readers and sources, and whoever may be killed while they work on it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use engines::JobResult;
use kaltura::TaskId;
use media::PartSink;
use pipeline::live::{Bound, ConnectionId, Ended, LiveInput, LiveStream, LiveWord, take_in};
use pipeline::memory::sample_stream_settings;
use pipeline::ports::{
    Deleted, LinkMethod, ObjectLinks, ObjectStore, PresignedUrl, Sent, SignedGet, Sockets, StreamStore,
};
use pipeline::{Context, Result};
use serde_json::Value;
use step_world::World;
use tokio::sync::Notify;

/// When somebody is killed: with their so-and-so-many-th call to the world, before it has had its effect or after.
pub struct Kill {
    at: u32,
    is_after: bool,
    calls: AtomicU32,
    is_dead: AtomicBool,
    died: Notify,
}

impl Kill {
    pub fn at(at: u32, is_after: bool) -> Arc<Self> {
        Arc::new(Self {
            at,
            is_after,
            calls: AtomicU32::new(0),
            is_dead: AtomicBool::new(false),
            died: Notify::new(),
        })
    }

    /// Never, but with every call others get their turn.
    pub fn never() -> Arc<Self> {
        Self::at(u32::MAX, false)
    }

    pub fn has_struck(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    async fn call<T>(&self, effect: impl Future<Output = T>) -> T {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        // Turns of different length, so that writers meet in many ways.
        for _ in 0..number * 7 % 5 {
            tokio::task::yield_now().await;
        }
        if self.has_struck() || number == self.at && !self.is_after {
            return self.die().await;
        }
        let outcome = effect.await;
        if number == self.at {
            return self.die().await;
        }
        outcome
    }

    async fn die<T>(&self) -> T {
        self.is_dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
        std::future::pending().await
    }

    /// Does a piece of work, unless killed: then `None`, and nothing more is done of it.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            outcome = work => Some(outcome),
        }
    }
}

/// A port whose caller may be killed.
struct Mortal<P: ?Sized> {
    port: Arc<P>,
    kill: Arc<Kill>,
}

#[async_trait]
impl StreamStore for Mortal<dyn StreamStore> {
    async fn keep(&self, stream: &LiveStream) -> Result<bool> {
        self.kill.call(self.port.keep(stream)).await
    }
    async fn load(&self, task_id: &TaskId) -> Result<Option<LiveStream>> {
        self.kill.call(self.port.load(task_id)).await
    }
    async fn save(&self, stream: &mut LiveStream) -> Result<bool> {
        self.kill.call(self.port.save(stream)).await
    }
    async fn delete(&self, task_id: &TaskId) -> Result<()> {
        self.kill.call(self.port.delete(task_id)).await
    }
    async fn bind(&self, connection: &ConnectionId, to: &Bound) -> Result<()> {
        self.kill.call(self.port.bind(connection, to)).await
    }
    async fn bound(&self, connection: &ConnectionId) -> Result<Option<Bound>> {
        self.kill.call(self.port.bound(connection)).await
    }
    async fn unbind(&self, connection: &ConnectionId) -> Result<()> {
        self.kill.call(self.port.unbind(connection)).await
    }
}

#[async_trait]
impl Sockets for Mortal<dyn Sockets> {
    async fn send(&self, connection: &ConnectionId, text: &str) -> Result<Sent> {
        self.kill.call(self.port.send(connection, text)).await
    }
    async fn is_open(&self, connection: &ConnectionId) -> Result<bool> {
        self.kill.call(self.port.is_open(connection)).await
    }
    async fn close(&self, connection: &ConnectionId) -> Result<()> {
        self.kill.call(self.port.close(connection)).await
    }
}

#[async_trait]
impl ObjectLinks for Mortal<dyn ObjectStore> {
    fn bucket(&self) -> &str {
        self.port.bucket()
    }
    async fn sign_get(&self, key: &str, now_epoch_s: u64) -> Result<SignedGet> {
        self.port.sign_get(key, now_epoch_s).await
    }
    async fn presign(&self, method: LinkMethod, key: &str, now: u64, ttl_s: u64) -> Result<PresignedUrl> {
        self.port.presign(method, key, now, ttl_s).await
    }
}

#[async_trait]
impl ObjectStore for Mortal<dyn ObjectStore> {
    async fn put(&self, key: &str, content: Bytes, content_type: &str) -> Result<()> {
        self.kill.call(self.port.put(key, content, content_type)).await
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.kill.call(self.port.get(key)).await
    }
    async fn sink(&self, key: &str, content_type: &str) -> Result<Box<dyn PartSink>> {
        self.port.sink(key, content_type).await
    }
    async fn upload(&self, key: &str, from: &Path, content_type: &str) -> Result<u64> {
        self.port.upload(key, from, content_type).await
    }
    async fn download(&self, key: &str, to: &Path) -> Result<u64> {
        self.port.download(key, to).await
    }
    async fn delete_all(&self, prefix: &str) -> Result<Deleted> {
        self.port.delete_all(prefix).await
    }
}

/// A store into which somebody else writes right before these of the writes.
struct Contended {
    streams: Arc<dyn StreamStore>,
    behind: Range<u32>,
    saves: AtomicU32,
}

#[async_trait]
impl StreamStore for Contended {
    async fn keep(&self, stream: &LiveStream) -> Result<bool> {
        self.streams.keep(stream).await
    }
    async fn load(&self, task_id: &TaskId) -> Result<Option<LiveStream>> {
        self.streams.load(task_id).await
    }
    async fn save(&self, stream: &mut LiveStream) -> Result<bool> {
        if self.behind.contains(&self.saves.fetch_add(1, Ordering::SeqCst)) {
            let mut others = self.streams.load(&stream.task_id).await?.unwrap();
            assert!(self.streams.save(&mut others).await?);
        }
        self.streams.save(stream).await
    }
    async fn delete(&self, task_id: &TaskId) -> Result<()> {
        self.streams.delete(task_id).await
    }
    async fn bind(&self, connection: &ConnectionId, to: &Bound) -> Result<()> {
        self.streams.bind(connection, to).await
    }
    async fn bound(&self, connection: &ConnectionId) -> Result<Option<Bound>> {
        self.streams.bound(connection).await
    }
    async fn unbind(&self, connection: &ConnectionId) -> Result<()> {
        self.streams.unbind(connection).await
    }
}

/// What somebody works with of whose writes these come behind somebody else's.
pub fn contended(ctx: &Context, behind: Range<u32>) -> Context {
    let mut contended = ctx.clone();
    contended.parts.streams = Some(Arc::new(Contended {
        streams: ctx.streams().unwrap().clone(),
        behind,
        saves: AtomicU32::new(0),
    }));
    contended
}

/// What somebody works with who may be killed.
pub fn mortal(ctx: &Context, kill: &Arc<Kill>) -> Context {
    let mut mortal = ctx.clone();
    let parts = &mut mortal.parts;
    parts.streams = Some(Arc::new(Mortal::<dyn StreamStore> {
        port: ctx.streams().unwrap().clone(),
        kill: kill.clone(),
    }));
    parts.sockets = Some(Arc::new(Mortal::<dyn Sockets> {
        port: ctx.sockets().unwrap().clone(),
        kill: kill.clone(),
    }));
    parts.objects = Some(Arc::new(Mortal::<dyn ObjectStore> {
        port: ctx.objects().unwrap().clone(),
        kill: kill.clone(),
    }));
    mortal
}

pub fn connection(name: &str) -> ConnectionId {
    ConnectionId::new(name)
}

pub fn task(id: u32) -> TaskId {
    TaskId::parse(id.to_string()).unwrap()
}

pub async fn is_open(world: &World, connection: &ConnectionId) -> bool {
    world.ctx.sockets().unwrap().is_open(connection).await.unwrap()
}

/// Keeps a stream of this task, with this settings' usual ones.
pub async fn stream(world: &World, id: u32) -> TaskId {
    let task_id = task(id);
    let stream = LiveStream::new(task_id.clone(), sample_stream_settings(), 500);
    assert!(world.ctx.streams().unwrap().keep(&stream).await.unwrap());
    task_id
}

pub fn post(source: &str, sequence: u64) -> LiveInput {
    LiveInput {
        source: source.to_owned(),
        sequence,
        origin: None,
        heard_until_ms: None,
        words: Vec::new(),
        lines: Vec::new(),
        end_of_stream: false,
    }
}

/// A post of words, half a second each, from a time on.
pub fn words(source: &str, sequence: u64, start_ms: u64, text: &str) -> LiveInput {
    let words = text.split(' ').zip(0..).map(|(text, index)| LiveWord {
        text: text.to_owned(),
        start_ms: start_ms + index * 500,
        end_ms: start_ms + index * 500 + 450,
        kind: captions::WordKind::Word,
        speaker: None,
        confidence: None,
    });
    LiveInput {
        words: words.collect(),
        ..post(source, sequence)
    }
}

pub async fn take(ctx: &Context, task_id: &TaskId, input: &LiveInput) -> pipeline::live::TakenIn {
    take_in(ctx, task_id, input).await.unwrap()
}

/// What a client has received, each message once, in the order of their first coming: a repeat is known by its id, and the same
/// to the byte.
pub fn heard(world: &World, connection: &ConnectionId) -> Vec<Value> {
    let mut known: HashMap<String, String> = HashMap::new();
    let mut messages = Vec::new();
    for text in world.sockets.received(connection) {
        let mut message: Value = serde_json::from_str(&text).unwrap();
        let message = message["response"].take();
        let id = message["id"].as_str().unwrap().to_owned();
        if let Some(before) = known.get(&id) {
            assert_eq!(*before, text);
            continue;
        }
        known.insert(id, text);
        messages.push(message);
    }
    messages
}

/// How many messages a client has received again.
pub fn again(world: &World, connection: &ConnectionId) -> usize {
    world.sockets.received(connection).len() - heard(world, connection).len()
}

/// The whole of a stream that has ended: its JSON, and the same read.
pub async fn kept(world: &World, ended: &Ended) -> (String, JobResult) {
    let json = world.ctx.objects().unwrap().get(&ended.transcript_key).await;
    let json = json.unwrap().unwrap();
    let result = JobResult::from_json(&json).unwrap();
    (String::from_utf8(json.to_vec()).unwrap(), result)
}

/// What the messages say, the last one of a stream as `END`.
pub fn texts(messages: &[Value]) -> Vec<String> {
    let text = |message: &Value| {
        if message["is_end_of_stream"] == true {
            return "END".to_owned();
        }
        message["alternatives"][0]["transcript"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    messages.iter().map(text).collect()
}
