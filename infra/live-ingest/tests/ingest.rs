//! The ingest as the RTMP server and the stack meet it: hooks by HTTP, sound from files that ffmpeg reads in the place of
//! streams, and a stack that keeps what is posted.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, by a panic that says what was expected"
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use captions::Word;
use engines::http::signature::Signable;
use live_ingest::{
    BYTES_PER_MS, Heard, Ingest, Listening, Recogniser, Result, Settings, SharedSecret, Wanted,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const SECRET: &str = "correct horse battery staple, twice over";
const KEY: &str = "9292-0a1b";

fn now_epoch_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs()
}

/// Hears a word in each second of sound.
struct EachSecond;

#[async_trait]
impl Recogniser for EachSecond {
    fn name(&self) -> &'static str {
        "each second"
    }

    async fn open(&self, wanted: &Wanted) -> Result<Listening> {
        assert_eq!(
            (wanted.language.as_str(), wanted.dictionary.as_slice()),
            ("en-US", ["Kaltura".to_owned()].as_slice())
        );
        let (sound, mut pieces) = mpsc::channel::<Vec<u8>>(16);
        let (tell, heard) = mpsc::channel(16);
        tokio::spawn(async move {
            let (mut bytes, mut second) = (0, 0);
            while let Some(piece) = pieces.recv().await {
                bytes += piece.len();
                while bytes / BYTES_PER_MS >= (second + 1) * 1_000 {
                    let from_ms = u64::try_from(second * 1_000).expect("a short stream");
                    let word = Word::new(format!("word{second}"), from_ms + 100, from_ms + 600);
                    second += 1;
                    let heard = Heard {
                        words: vec![word],
                        heard_until_ms: from_ms + 1_000,
                    };
                    if tell.send(heard).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Listening { sound, heard })
    }
}

/// How the stack answers a post, beside taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Not taken, 503.
    Busy,
    /// Taken, and the answer is lost in a 500.
    AnswerLost,
    /// 401: another token is wanted.
    TokenOld,
    /// 410.
    Over,
}

#[derive(Default)]
struct Kept {
    posts: Vec<Value>,
    events: Vec<(String, String)>,
    next_sequence: u64,
    troubles: VecDeque<Trouble>,
    tokens: u32,
    end_epoch_s: u64,
}

/// The stack's two routes.
#[derive(Clone)]
struct FakeStack {
    kept: Arc<Mutex<Kept>>,
    address: SocketAddr,
}

impl FakeStack {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Kept {
            next_sequence: 1,
            end_epoch_s: now_epoch_s() + 600,
            ..Kept::default()
        };
        let stack = Self {
            kept: Arc::new(Mutex::new(kept)),
            address,
        };
        let routes = Router::new()
            .route("/live/ingest", post(ingest))
            .route("/live/streams/9292/captions", post(captions))
            .with_state(stack.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        stack
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap())
    }

    fn words(&self) -> Vec<(String, u64)> {
        self.with(|kept| {
            let words = kept
                .posts
                .iter()
                .flat_map(|post| post["words"].as_array().unwrap());
            words
                .map(|word| {
                    (
                        word["text"].as_str().unwrap().to_owned(),
                        word["start_ms"].as_u64().unwrap(),
                    )
                })
                .collect()
        })
    }

    async fn until(&self, what: impl Fn(&Kept) -> bool) {
        let wait = async {
            while !self.with(|kept| what(kept)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(came.is_ok(), "{:#?}", self.with(|kept| kept.posts.clone()));
    }

    async fn until_the_end(&self) {
        self.until(|kept| kept.events.iter().any(|(event, _)| event == "done"))
            .await;
    }
}

async fn ingest(State(stack): State<FakeStack>, headers: HeaderMap, body: Bytes) -> Response {
    let secret = SharedSecret::new(SECRET).unwrap();
    let signed = Signable {
        method: "POST",
        path: "/live/ingest",
        body: &body,
    };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Err(error) = signed.verify(&secret, header, now_epoch_s()) {
        return (StatusCode::UNAUTHORIZED, error.to_string()).into_response();
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let text = |name: &str| asked[name].as_str().unwrap().to_owned();
    if text("media_key") != KEY {
        return StatusCode::FORBIDDEN.into_response();
    }
    stack.with(|kept| {
        kept.events.push((text("event"), text("media_key")));
        kept.tokens += 1;
        Json(json!({
            "task_id": "9292", "captions_url": format!("http://{}/live/streams/9292/captions", stack.address),
            "engine_token": format!("token-{}", kept.tokens), "language": "en-US", "dictionary": ["Kaltura"],
            "event_end_epoch_s": kept.end_epoch_s,
        }))
        .into_response()
    })
}

async fn captions(State(stack): State<FakeStack>, headers: HeaderMap, Json(post): Json<Value>) -> Response {
    stack.with(|kept| {
        let bearer = headers["authorization"].to_str().unwrap();
        assert!(bearer.starts_with("Bearer token-"), "{bearer}");
        let trouble = kept.troubles.pop_front();
        match trouble {
            Some(Trouble::Busy) => return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response(),
            Some(Trouble::TokenOld) => return StatusCode::UNAUTHORIZED.into_response(),
            Some(Trouble::Over) => return StatusCode::GONE.into_response(),
            Some(Trouble::AnswerLost) | None => {}
        }
        let sequence = post["sequence"].as_u64().unwrap();
        let taken = |kept: &Kept, duplicate: bool| {
            Json(json!({"next_sequence": kept.next_sequence, "duplicate": duplicate, "captions": 0, "late_words": 0}))
                .into_response()
        };
        if sequence < kept.next_sequence {
            return taken(kept, true);
        }
        if sequence > kept.next_sequence {
            let conflict = Json(json!({"expected_sequence": kept.next_sequence}));
            return (StatusCode::CONFLICT, conflict).into_response();
        }
        kept.next_sequence += 1;
        kept.posts.push(post);
        if trouble == Some(Trouble::AnswerLost) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        taken(kept, false)
    })
}

/// An ingest beside a folder of streams.
struct Bench {
    stack: FakeStack,
    ingest: Ingest,
    folder: tempfile::TempDir,
    http: reqwest::Client,
}

impl Bench {
    async fn start(reconnect: Duration) -> Self {
        let stack = FakeStack::start().await;
        Self::beside(stack, tempfile::tempdir().unwrap(), reconnect).await
    }

    async fn beside(stack: FakeStack, folder: tempfile::TempDir, reconnect: Duration) -> Self {
        let settings = Settings {
            stack_url: format!("http://{}/live", stack.address).parse().unwrap(),
            secret: SharedSecret::new(SECRET).unwrap(),
            rtmp_url: folder.path().display().to_string(),
            ffmpeg: "ffmpeg".into(),
            state_dir: folder.path().join("state"),
            most_streams: 1,
            reconnect,
        };
        let listen = "127.0.0.1:0".parse().unwrap();
        let ingest = Ingest::start(listen, settings, Arc::new(EachSecond))
            .await
            .unwrap();
        let http = reqwest::Client::new();
        Self {
            stack,
            ingest,
            folder,
            http,
        }
    }

    async fn hook(&self, call: &str, name: &str, publisher: &str, addr: &str) -> u16 {
        let form = format!("app=live&call={call}&name={name}&clientid={publisher}&addr={addr}");
        let sent = self
            .http
            .post(format!("http://{}/rtmp", self.ingest.address()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send();
        sent.await.unwrap().status().as_u16()
    }

    /// A publisher comes, and the reader's own hook lets its answer go.
    async fn publish(&self, publisher: &str) -> u16 {
        let playing = async {
            while self.hook("play", KEY, "0", "127.0.0.1").await != 200 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let answered = self.hook("publish", KEY, publisher, "198.51.100.7");
        tokio::pin!(answered);
        tokio::select! {
            status = &mut answered => status,
            () = playing => answered.await,
        }
    }

    /// A tone in the place of the stream.
    async fn stream(&self, seconds: u32, first_pts_s: u32) {
        tone(&self.folder.path().join(KEY), seconds, first_pts_s).await;
    }
}

async fn tone(path: &Path, seconds: u32, first_pts_s: u32) {
    let made = tokio::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg(format!("sine=frequency=440:duration={seconds}"))
        .args([
            "-c:a",
            "aac",
            "-output_ts_offset",
            &first_pts_s.to_string(),
            "-f",
            "flv",
        ])
        .arg(path)
        .status()
        .await
        .unwrap();
    assert!(made.success());
}

#[tokio::test]
async fn a_stream_is_heard_and_posted_to_its_end() {
    let bench = Bench::start(Duration::ZERO).await;
    bench.stream(4, 100).await;
    assert_eq!(bench.publish("1").await, 200);
    bench
        .stack
        .until(|kept| kept.posts.iter().any(|post| post["heard_until_ms"] == 4_000))
        .await;
    assert_eq!(bench.hook("publish_done", KEY, "1", "198.51.100.7").await, 200);
    bench.stack.until_the_end().await;

    let words: Vec<_> = (0..4_u64)
        .map(|n| (format!("word{n}"), n * 1_000 + 100))
        .collect();
    assert_eq!(bench.stack.words(), words);
    bench.stack.with(|kept| {
        let pts_s = kept.posts[0]["origin"]["pts_s"].as_f64().unwrap();
        assert!((pts_s - 100.0).abs() < 0.1, "{pts_s}");
        let ends: Vec<bool> = kept
            .posts
            .iter()
            .map(|post| post["end_of_stream"].as_bool().unwrap())
            .collect();
        assert!(
            ends.iter().rev().skip(1).all(|end| !end) && ends.last() == Some(&true),
            "{ends:?}"
        );
        let events: Vec<_> = kept.events.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(events, ["publish", "done"]);
    });
}

#[tokio::test]
async fn whoever_is_not_wanted_is_refused() {
    let bench = Bench::start(Duration::from_mins(1)).await;
    bench.stream(1, 0).await;
    assert_eq!(bench.hook("publish", "9292-ffff", "1", "198.51.100.7").await, 403);
    assert_eq!(
        bench.hook("publish", "..%2Fpasswd", "1", "198.51.100.7").await,
        403
    );
    assert_eq!(
        bench.hook("play", KEY, "2", "127.0.0.1").await,
        403,
        "nobody publishes it"
    );
    assert_eq!(bench.publish("3").await, 200);
    assert_eq!(
        bench.hook("publish", KEY, "4", "203.0.113.9").await,
        403,
        "somebody does"
    );
    assert_eq!(
        bench.hook("play", KEY, "5", "203.0.113.9").await,
        403,
        "it is for us alone"
    );
    // That one who was refused goes is of no interest.
    bench.hook("publish_done", KEY, "4", "203.0.113.9").await;
    let health: Value = bench
        .http
        .get(format!("http://{}/health", bench.ingest.address()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(health, json!({"streams": 1, "on_air": 1}));
}

#[tokio::test]
async fn a_publisher_that_comes_back_goes_on_with_the_stream() {
    let bench = Bench::start(Duration::from_mins(1)).await;
    bench.stream(3, 100).await;
    bench.publish("1").await;
    bench
        .stack
        .until(|kept| kept.posts.iter().any(|post| post["heard_until_ms"] == 3_000))
        .await;
    bench.hook("publish_done", KEY, "1", "198.51.100.7").await;
    bench.stream(3, 7).await;
    assert_eq!(bench.publish("2").await, 200);
    bench
        .stack
        .until(|kept| {
            kept.posts
                .iter()
                .filter(|post| post["words"] != json!([]))
                .count()
                > 1
        })
        .await;
    bench.stack.with(|kept| kept.end_epoch_s = 0);

    let words = bench.stack.words();
    assert_eq!(words.len(), 6, "{words:?}");
    assert!(words.is_sorted_by_key(|(_, start_ms)| *start_ms), "{words:?}");
    assert!(words[3].1 >= 3_100, "{words:?}");
    bench.stack.with(|kept| {
        let last = kept.posts.last().unwrap();
        assert_eq!(last["end_of_stream"], false);
        // Its own time stamp for its own first word.
        let pts_s = last["origin"]["pts_s"].as_f64().unwrap();
        let start_s = Duration::from_millis(words[3].1).as_secs_f64();
        assert!((pts_s + start_s - 7.1).abs() < 0.1, "{pts_s} + {start_s}");
    });
}

#[tokio::test]
async fn what_the_stack_could_not_take_is_posted_again_and_nothing_twice() {
    let bench = Bench::start(Duration::ZERO).await;
    bench.stack.with(|kept| {
        kept.troubles = [
            Trouble::Busy,
            Trouble::AnswerLost,
            Trouble::Busy,
            Trouble::TokenOld,
        ]
        .into();
    });
    bench.stream(3, 0).await;
    bench.publish("1").await;
    bench.hook("publish_done", KEY, "1", "198.51.100.7").await;
    bench.stack.until_the_end().await;
    let words: Vec<_> = (0..3_u64)
        .map(|n| (format!("word{n}"), n * 1_000 + 100))
        .collect();
    assert_eq!(bench.stack.words(), words);
}

#[tokio::test]
async fn a_stream_that_is_over_at_the_stack_is_over() {
    let bench = Bench::start(Duration::from_mins(1)).await;
    bench.stack.with(|kept| kept.troubles = [Trouble::Over].into());
    bench.stream(3, 0).await;
    bench.publish("1").await;
    bench.stack.until_the_end().await;
    assert_eq!(bench.stack.words(), []);
}

#[tokio::test]
async fn a_next_life_goes_on_with_the_sequence_and_the_time() {
    let bench = Bench::start(Duration::from_mins(1)).await;
    bench.stream(3, 0).await;
    bench.publish("1").await;
    bench
        .stack
        .until(|kept| kept.posts.iter().any(|post| post["heard_until_ms"] == 3_000))
        .await;
    let Bench {
        stack,
        ingest,
        folder,
        ..
    } = bench;
    drop(ingest);
    let bench = Bench::beside(stack, folder, Duration::ZERO).await;
    bench.publish("1").await;
    bench.hook("publish_done", KEY, "1", "198.51.100.7").await;
    bench.stack.until_the_end().await;
    let words = bench.stack.words();
    assert_eq!(words.len(), 6);
    assert!(words[3].1 >= 3_100, "{words:?}");

    // And without its memory, it asks the stack where it was.
    std::fs::remove_dir_all(bench.folder.path().join("state")).unwrap();
    std::fs::create_dir(bench.folder.path().join("state")).unwrap();
    bench.stack.with(|kept| kept.events.clear());
    bench.publish("2").await;
    bench.hook("publish_done", KEY, "2", "198.51.100.7").await;
    bench.stack.until_the_end().await;
    assert_eq!(bench.stack.words().len(), 9);
}
