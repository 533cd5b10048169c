//! The function's own time: its handler over stand-ins that take as long as they are told, while things break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt as _};
use kaltura::TaskId;
use live::Live;
use pipeline::live::{Bound, ConnectionId, LiveStream, message};
use pipeline::memory::{MemorySockets, MemoryStreams, sample_stream_settings};
use pipeline::ports::{Clock as _, Sent, Sockets, StreamStore, SystemClock};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use step_world::World;

use crate::Arguments;
use crate::handler::{call, function, post, post_event, reader_event};
use crate::meter::{Took, metered};
use crate::speech::Speech;
use crate::tally::{Faults, Got, compare};
use crate::told::Row;

/// How long a call to the table and a message to a connection take, there and back.
const TABLE: Duration = Duration::from_millis(4);
const SOCKET: Duration = Duration::from_millis(8);
/// A source tells so often what it has heard.
const EVERY_MS: u64 = 500;
const READERS: usize = 2;
/// Of a hundred posts, so many are killed somewhere on their way, and so many come once more.
const KILLED_PERCENT: u32 = 3;
const REPLAYED_PERCENT: u32 = 3;
/// Of a hundred posts, before so many a connection breaks.
const BROKEN_PERCENT: u32 = 4;
/// A writer that was killed holds up the others for some seconds.
const DEADLINE: Duration = Duration::from_mins(1);

/// What is called takes its time, half before it is done and half after.
struct Slow<T> {
    inner: Arc<T>,
    half: Duration,
}

impl<T> Slow<T> {
    async fn through<O>(&self, act: impl Future<Output = O>) -> O {
        tokio::time::sleep(self.half).await;
        let outcome = act.await;
        tokio::time::sleep(self.half).await;
        outcome
    }
}

#[async_trait]
impl StreamStore for Slow<MemoryStreams> {
    async fn keep(&self, stream: &LiveStream) -> pipeline::Result<bool> {
        self.through(self.inner.keep(stream)).await
    }
    async fn load(&self, task_id: &TaskId) -> pipeline::Result<Option<LiveStream>> {
        self.through(self.inner.load(task_id)).await
    }
    async fn save(&self, stream: &mut LiveStream) -> pipeline::Result<bool> {
        self.through(self.inner.save(stream)).await
    }
    async fn delete(&self, task_id: &TaskId) -> pipeline::Result<()> {
        self.through(self.inner.delete(task_id)).await
    }
    async fn bind(&self, connection: &ConnectionId, to: &Bound) -> pipeline::Result<()> {
        self.through(self.inner.bind(connection, to)).await
    }
    async fn bound(&self, connection: &ConnectionId) -> pipeline::Result<Option<Bound>> {
        self.through(self.inner.bound(connection)).await
    }
    async fn unbind(&self, connection: &ConnectionId) -> pipeline::Result<()> {
        self.through(self.inner.unbind(connection)).await
    }
}

#[async_trait]
impl Sockets for Slow<MemorySockets> {
    async fn send(&self, connection: &ConnectionId, text: &str) -> pipeline::Result<Sent> {
        self.through(self.inner.send(connection, text)).await
    }
    async fn is_open(&self, connection: &ConnectionId) -> pipeline::Result<bool> {
        self.through(self.inner.is_open(connection)).await
    }
    async fn close(&self, connection: &ConnectionId) -> pipeline::Result<()> {
        self.through(self.inner.close(connection)).await
    }
}

/// What all streams work with.
struct Stage {
    live: Live,
    sockets: Arc<MemorySockets>,
    next_connection: AtomicUsize,
}

impl Stage {
    /// Somebody comes to listen.
    async fn connect(&self, task_id: &TaskId) -> String {
        let connection = format!("c{}", self.next_connection.fetch_add(1, Ordering::Relaxed));
        let answer = call(&self.live, &reader_event(&self.live, task_id, &connection, true)).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        self.sockets.open(&ConnectionId::new(connection.as_str()));
        connection
    }
}

/// What came of one stream.
#[derive(Default)]
struct Came {
    took: Vec<Took>,
    posts: usize,
    messages: u64,
    reconnects: usize,
    killed: usize,
    replayed: usize,
    faults: Faults,
}

/// Measures it.
pub async fn measure(arguments: &Arguments) -> Row {
    let mut world = World::new().await;
    world.ctx.clock = Arc::new(SystemClock);
    let (streams, sockets) = (world.streams.clone(), world.sockets.clone());
    world.ctx.parts.streams = Some(Arc::new(Slow {
        inner: streams,
        half: TABLE / 2,
    }));
    world.ctx.parts.sockets = Some(Arc::new(Slow {
        inner: sockets.clone(),
        half: SOCKET / 2,
    }));
    let stage = Stage {
        live: function(world.ctx.clone()),
        sockets,
        next_connection: AtomicUsize::new(1),
    };
    eprintln!(
        "the function's own time: {} streams, {} s of speech",
        arguments.streams, arguments.seconds
    );
    let speakers: FuturesUnordered<_> = (0..arguments.streams)
        .map(|number| speak(&stage, arguments, number))
        .collect();
    let mut row = Row::named("own, stand-ins");
    let (mut took, mut faults) = (Vec::new(), Faults::default());
    for came in speakers.collect::<Vec<Came>>().await {
        took.extend(came.took);
        row.posts += came.posts;
        row.messages += came.messages;
        row.reconnects += came.reconnects;
        row.killed += came.killed;
        row.replayed += came.replayed;
        faults.add(came.faults);
    }
    row.connections = stage.next_connection.load(Ordering::Relaxed) - 1;
    row.faults = Some(faults);
    row.times(&took);
    row
}

/// One stream from its first word to its last message.
async fn speak(stage: &Stage, arguments: &Arguments, number: usize) -> Came {
    let mut rng = StdRng::seed_from_u64(arguments.seed.wrapping_mul(1_000_003) + number as u64);
    let task_id = TaskId::parse((10_000 + number).to_string()).unwrap();
    let streams = stage.live.ctx.streams().unwrap();
    let stream = LiveStream::new(
        task_id.clone(),
        sample_stream_settings(),
        SystemClock.now_epoch_s(),
    );
    assert!(streams.keep(&stream).await.unwrap());
    let mut readers: Vec<Vec<String>> = Vec::new();
    for _ in 0..READERS {
        readers.push(vec![stage.connect(&task_id).await]);
    }
    let speech = Speech::from(number as u64 * 7_919);
    let mut came = Came::default();
    // No two streams speak in step.
    tokio::time::sleep(Duration::from_millis(rng.random_range(0..EVERY_MS))).await;
    let begun = Instant::now();
    let posts = arguments.seconds * 1_000 / EVERY_MS;
    for sequence in 1..=posts + 1 {
        let until_ms = sequence * EVERY_MS;
        tokio::time::sleep_until((begun + Duration::from_millis(until_ms)).into()).await;
        if rng.random_ratio(BROKEN_PERCENT, 100) && sequence <= posts {
            let reader = rng.random_range(0..READERS);
            break_off(stage, &task_id, &mut readers[reader], rng.random()).await;
            came.reconnects += 1;
        }
        let (words, heard_until_ms) = speech.slice(until_ms - EVERY_MS, until_ms);
        let body = post(sequence, &words, heard_until_ms, sequence > posts);
        let event = post_event(&stage.live, &task_id, &body);
        if rng.random_ratio(KILLED_PERCENT, 100) {
            // The function is killed somewhere on its way, or just after; whoever sent the words gets no answer.
            let after = Duration::from_micros(rng.random_range(0..40_000));
            let _ = tokio::time::timeout(after, call(&stage.live, &event)).await;
            came.killed += 1;
        }
        let begun = Instant::now();
        let answer = loop {
            let (answer, took) = metered(call(&stage.live, &event)).await;
            let body: serde_json::Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            came.posts += 1;
            if body["captions"].as_u64().unwrap_or(0) > 0 {
                came.took.push(took);
            }
            if answer["statusCode"] == 200 {
                break answer;
            }
            assert!(
                answer["statusCode"] == 503 && begun.elapsed() < DEADLINE,
                "{answer}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        if rng.random_ratio(REPLAYED_PERCENT, 100) {
            let again = call(&stage.live, &event).await;
            let body: serde_json::Value = serde_json::from_str(again["body"].as_str().unwrap()).unwrap();
            assert!(
                again["statusCode"] == 200 && body["duplicate"] == true,
                "{answer} {again}"
            );
            came.replayed += 1;
        }
    }
    let ended = streams.load(&task_id).await.unwrap().unwrap();
    came.messages = ended.next_seq - 1;
    let ids: Vec<String> = (1..ended.next_seq)
        .map(|seq| message::id(&task_id, ended.settings.attempt, seq))
        .collect();
    for connections in &readers {
        let received: Vec<Vec<Got>> = connections
            .iter()
            .map(|connection| {
                let texts = stage.sockets.received(&ConnectionId::new(connection.as_str()));
                texts.iter().map(|text| Got::read(text).0).collect()
            })
            .collect();
        came.faults.add(compare(&ids, &received));
    }
    came
}

/// A reader's connection breaks, which API Gateway may tell or not, and the reader comes back.
async fn break_off(stage: &Stage, task_id: &TaskId, connections: &mut Vec<String>, is_told: bool) {
    let old = connections.last().cloned().unwrap();
    stage.sockets.lose(&ConnectionId::new(old.as_str()));
    if is_told {
        call(&stage.live, &reader_event(&stage.live, task_id, &old, false)).await;
    }
    connections.push(stage.connect(task_id).await);
}
