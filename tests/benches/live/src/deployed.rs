//! The function with its real clients, and the whole deployment: at the emulated AWS, with websockets that break.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kaltura::TaskId;
use live::Live;
use pipeline::config::Env;
use pipeline::live::{LiveStream, StreamState, message};
use pipeline::memory::sample_stream_settings;
use pipeline::ports::{Clock as _, SystemClock};
use pipeline::{Builder, Context};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reach_local::{LocalStack, Options};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::Arguments;
use crate::handler::{call, function, post, post_event};
use crate::meter::{Took, metered};
use crate::speech::Speech;
use crate::tally::{Faults, Got, compare};
use crate::told::{Row, Times};

/// The function's name in the stack, and the local stack's.
const FUNCTION: &str = "live";
const STACK: &str = "reach";
/// What a post says; the emulator bears fewer than people speak.
const SLICE_MS: u64 = 4_000;
const READERS: usize = 2;
/// So many posts are under way at once.
const AT_ONCE: usize = 4;
/// Where the function is killed, connections break and posts come twice: of a hundred posts.
const KILLED_PERCENT: u32 = 1;
const BROKEN_PERCENT: u32 = 5;
const REPLAYED_PERCENT: u32 = 5;
/// A writer that was killed holds up the others for some seconds, and a slow machine everybody.
const DEADLINE: Duration = Duration::from_mins(3);

/// What came on one connection: message and when.
type Log = Vec<(Got, Instant)>;

/// Somebody who listens, and comes back when the connection breaks.
struct Reader {
    connections: Arc<Mutex<Vec<Log>>>,
    broken: Arc<Notify>,
    is_there: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Reader {
    fn new(url: String) -> Self {
        let connections: Arc<Mutex<Vec<Log>>> = Arc::default();
        let broken = Arc::new(Notify::new());
        let is_there = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(listen(url, connections.clone(), broken.clone(), is_there.clone()));
        Self {
            connections,
            broken,
            is_there,
            task,
        }
    }

    fn logs(&self) -> Vec<Log> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Listens until the last message.
async fn listen(
    url: String,
    connections: Arc<Mutex<Vec<Log>>>,
    broken: Arc<Notify>,
    is_there: Arc<AtomicBool>,
) {
    loop {
        // Refused while the function starts anew.
        let Ok((mut socket, _)) = connect_async(&url).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        connections.lock().unwrap().push(Log::new());
        is_there.store(true, Ordering::SeqCst);
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                () = broken.notified() => break,
            };
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => break,
            };
            let now = Instant::now();
            let (got, is_last) = Got::read(text.as_str());
            if let Some(log) = connections.lock().unwrap().last_mut() {
                log.push((got, now));
            }
            if is_last {
                return;
            }
        }
        is_there.store(false, Ordering::SeqCst);
    }
}

/// One stream on air.
struct Stream {
    task_id: TaskId,
    speech: Speech,
    readers: Vec<Reader>,
}

/// How words go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the handler in this process, with the real clients.
    Clients,
    /// By HTTP to the deployed function.
    Deployed,
    /// The same, while things break.
    Breaking,
}

/// What all phases work with.
struct Stage {
    stack: LocalStack,
    live: Live,
    http: reqwest::Client,
    door: String,
    streams: Vec<Stream>,
    rng: Mutex<StdRng>,
    /// Of the posts of a phase that completed captions.
    took: Mutex<Vec<Took>>,
    /// When the posts left that completed the messages of these ids.
    sent: Mutex<HashMap<String, Instant>>,
    reconnects: AtomicUsize,
    killed: AtomicUsize,
    replayed: AtomicUsize,
}

/// Measures rows for the handler with the real clients, the deployment, and the deployment while things break.
pub async fn measure(arguments: &Arguments) -> Vec<Row> {
    let stack = LocalStack::up(Options::sim("bench-live")).await.unwrap();
    let stage = Stage::on(stack, arguments).await;
    let rounds = (arguments.seconds * 1_000 / SLICE_MS).max(3);
    let mut rows = Vec::new();
    let mut said = 0;
    for (name, way, until_round) in [
        ("own, real clients", Way::Clients, rounds / 3),
        ("deployed", Way::Deployed, rounds * 2 / 3),
        ("deployed, breaking", Way::Breaking, rounds),
    ] {
        let mut row = Row::named(name);
        let before = stage.messages().await;
        for round in said + 1..=until_round {
            stage.round(round, way, false).await;
        }
        row.posts = usize::try_from(until_round - said).unwrap_or(0) * stage.streams.len();
        said = until_round;
        if way == Way::Breaking {
            stage.round(rounds + 1, way, true).await;
            row.posts += stage.streams.len();
            row.faults = Some(stage.faults().await);
        }
        row.messages = stage.messages().await - before;
        let took = std::mem::take(&mut *stage.took.lock().unwrap());
        row.times(&took);
        if way != Way::Clients {
            // The function's own is in another process.
            row.own = None;
        }
        let sent = std::mem::take(&mut *stage.sent.lock().unwrap());
        row.received = Times::of(stage.received(&sent).await);
        row.connections = stage.connections();
        rows.push(row);
    }
    if let Some(row) = rows.last_mut() {
        row.reconnects = stage.reconnects.load(Ordering::SeqCst);
        row.killed = stage.killed.load(Ordering::SeqCst);
        row.replayed = stage.replayed.load(Ordering::SeqCst);
    }
    stage.stack.down().await;
    rows
}

impl Stage {
    /// Everybody is there, and nobody has spoken.
    async fn on(stack: LocalStack, arguments: &Arguments) -> Self {
        let live = function(context(&stack).await);
        let door = stack.output("DoorUrl").unwrap().trim_end_matches('/').to_owned();
        let captions = stack.output("LiveUrl").unwrap().to_owned();
        let begun = Instant::now();
        let mut streams = Vec::new();
        for number in 0..arguments.streams {
            let task_id = TaskId::parse((20_000 + number).to_string()).unwrap();
            let now_epoch_s = SystemClock.now_epoch_s();
            let mut settings = sample_stream_settings();
            settings.event_start_epoch_s = now_epoch_s;
            settings.event_end_epoch_s = now_epoch_s + 3_600;
            let mut stream = LiveStream::new(task_id.clone(), settings, now_epoch_s);
            // Kaltura has no such order: it is not to be told of it.
            stream.state = StreamState::OnAir;
            assert!(live.ctx.streams().unwrap().keep(&stream).await.unwrap());
            let mut readers = Vec::new();
            for _ in 0..READERS {
                let url = live.tokens.caption_url(&captions, &task_id);
                let reader = Reader::new(url.reveal().to_owned());
                until("a reader to be there", || reader.is_there.load(Ordering::SeqCst)).await;
                readers.push(reader);
            }
            streams.push(Stream {
                task_id,
                speech: Speech::from(number as u64 * 7_919),
                readers,
            });
        }
        eprintln!(
            "{} streams on air at the emulated AWS, connected in {:.0} s",
            arguments.streams,
            begun.elapsed().as_secs_f64()
        );
        Self {
            stack,
            live,
            http: reqwest::Client::new(),
            door,
            streams,
            rng: Mutex::new(StdRng::seed_from_u64(arguments.seed)),
            took: Mutex::default(),
            sent: Mutex::default(),
            reconnects: AtomicUsize::new(0),
            killed: AtomicUsize::new(0),
            replayed: AtomicUsize::new(0),
        }
    }

    /// Every stream says its next words.
    async fn round(&self, round: u64, way: Way, is_last: bool) {
        futures::stream::iter(&self.streams)
            .for_each_concurrent(AT_ONCE, |stream| self.say(stream, round, way, is_last))
            .await;
    }

    async fn say(&self, stream: &Stream, round: u64, way: Way, is_last: bool) {
        let until_ms = round * SLICE_MS;
        let (words, heard_until_ms) = stream.speech.slice(until_ms - SLICE_MS, until_ms);
        let body = post(round, &words, heard_until_ms, is_last);
        let happens =
            |percent: u32| way == Way::Breaking && self.rng.lock().unwrap().random_ratio(percent, 100);
        // One at a time: of two who come back, either may take the place of the other.
        let is_whole = stream
            .readers
            .iter()
            .all(|reader| reader.is_there.load(Ordering::SeqCst));
        if !is_last && is_whole && happens(BROKEN_PERCENT) {
            let reader = self.rng.lock().unwrap().random_range(0..READERS);
            let reader = &stream.readers[reader];
            if reader.is_there.swap(false, Ordering::SeqCst) {
                reader.broken.notify_one();
                self.reconnects.fetch_add(1, Ordering::SeqCst);
            }
        }
        let before = self.record(stream).await.next_seq;
        let begun = Instant::now();
        let (took, captions) = if way == Way::Clients {
            let event = post_event(&self.live, &stream.task_id, &body);
            let (answer, took) = metered(call(&self.live, &event)).await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
            let answer: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            (took, answer["captions"].as_u64().unwrap_or(0))
        } else {
            if happens(KILLED_PERCENT) {
                // Whatever it does, for whomever.
                let after = Duration::from_millis(self.rng.lock().unwrap().random_range(0..60));
                let killing = async {
                    tokio::time::sleep(after).await;
                    self.killed
                        .fetch_add(self.stack.kill_function(FUNCTION), Ordering::SeqCst);
                };
                let (answer, ()) = tokio::join!(self.post(stream, &body), killing);
                drop(answer);
            }
            let answer = self.post(stream, &body).await;
            let whole = begun.elapsed();
            let took = Took {
                own: Duration::ZERO,
                whole,
            };
            (took, answer["captions"].as_u64().unwrap_or(0))
        };
        if captions > 0 {
            self.took.lock().unwrap().push(took);
            let ids = (before..before + captions).map(|seq| (message::id(&stream.task_id, 1, seq), begun));
            self.sent.lock().unwrap().extend(ids);
        }
        if happens(REPLAYED_PERCENT) {
            let again = self.post(stream, &body).await;
            assert_eq!(again["duplicate"], true, "{again}");
            self.replayed.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Posts to the deployed function until it answers, as a source does.
    async fn post(&self, stream: &Stream, body: &Value) -> Value {
        let url = format!("{}/live/streams/{}/captions", self.door, stream.task_id);
        let token = self.live.tokens.engine(&stream.task_id);
        let begun = Instant::now();
        loop {
            let sent = self
                .http
                .post(&url)
                .bearer_auth(token.reveal())
                .json(body)
                .send()
                .await;
            let told = match sent {
                Ok(answer) if answer.status() == 200 => return answer.json().await.unwrap(),
                Ok(answer) => {
                    let status = answer.status();
                    assert!(
                        status.is_server_error(),
                        "{status}: {}",
                        answer.text().await.unwrap()
                    );
                    status.to_string()
                }
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < DEADLINE, "stream {}: {told}", stream.task_id);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn record(&self, stream: &Stream) -> LiveStream {
        let streams = self.live.ctx.streams().unwrap();
        streams.load(&stream.task_id).await.unwrap().unwrap()
    }

    /// How many messages there are of all streams.
    async fn messages(&self) -> u64 {
        let mut messages = 0;
        for stream in &self.streams {
            messages += self.record(stream).await.next_seq - 1;
        }
        messages
    }

    fn connections(&self) -> usize {
        let readers = self.streams.iter().flat_map(|stream| &stream.readers);
        readers.map(|reader| reader.logs().len()).sum()
    }

    /// From the posts' leaving to their messages' coming, at every reader. A reader that was slow is sent the rest by the next post;
    /// where none comes, it is sent from here. What has not come in the end is with the faults.
    async fn received(&self, sent: &HashMap<String, Instant>) -> Vec<Duration> {
        let came = || {
            let mut came: HashMap<(usize, usize, String), Duration> = HashMap::new();
            for (number, stream) in self.streams.iter().enumerate() {
                for (place, reader) in stream.readers.iter().enumerate() {
                    for (got, at) in reader.logs().into_iter().flatten() {
                        if let Some(left) = sent.get(&got.id) {
                            came.entry((number, place, got.id))
                                .or_insert(at.duration_since(*left));
                        }
                    }
                }
            }
            came
        };
        let begun = Instant::now();
        while came().len() < sent.len() * READERS && begun.elapsed() < DEADLINE {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for stream in &self.streams {
                let record = self.record(stream).await;
                if record
                    .places
                    .iter()
                    .any(|place| place.delivered_seq + 1 < record.next_seq)
                {
                    // One that fails is tried again.
                    let _ = pipeline::live::hand_out(&self.live.ctx, &stream.task_id).await;
                }
            }
        }
        let came = came();
        if came.len() < sent.len() * READERS {
            eprintln!(
                "{} of {} messages have not come",
                sent.len() * READERS - came.len(),
                sent.len() * READERS
            );
        }
        came.into_values().collect()
    }

    /// What went wrong, once everybody has had the last message.
    async fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        for stream in &self.streams {
            let record = self.record(stream).await;
            let ids: Vec<String> = (1..record.next_seq)
                .map(|seq| message::id(&stream.task_id, record.settings.attempt, seq))
                .collect();
            for reader in &stream.readers {
                // A reader without it has lost it, which is counted.
                let begun = Instant::now();
                while !reader.task.is_finished() && begun.elapsed() < DEADLINE {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                let logs = reader.logs();
                let connections: Vec<Vec<Got>> = logs
                    .into_iter()
                    .map(|log| log.into_iter().map(|(got, _)| got).collect())
                    .collect();
                faults.add(compare(&ids, &connections));
            }
        }
        faults
    }
}

/// What the deployed function works with, by its own settings.
async fn context(stack: &LocalStack) -> Context {
    let lambda = aws_sdk_lambda::Client::new(stack.sdk());
    let function = lambda
        .get_function_configuration()
        .function_name(format!("{STACK}-{FUNCTION}"))
        .send()
        .await
        .unwrap();
    let variables = function.environment().and_then(|all| all.variables()).unwrap();
    let mut settings: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    settings.push(("REACH_ALLOW_LOOPBACK", "true"));
    Builder::of(Env::of(&settings), stack.sdk().clone())
        .unwrap()
        .with_objects()
        .unwrap()
        .with_streams()
        .unwrap()
        .with_live_tokens()
        .await
        .unwrap()
        .with_sockets()
        .unwrap()
        .build()
        .unwrap()
}

/// Waits for something, with a deadline.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "waited for {what} in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
