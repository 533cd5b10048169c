//! The adapter against the sample engine, over real HTTP on loopback, with a door of the tests' own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use sample_engine::Options;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::signature::{NONCE_HEADER, SIGNATURE_HEADER, SharedSecret, Signable, TIMESTAMP_HEADER};
use super::{Http, HttpConfig};
use crate::contract::{Engine, JobFiles, Look, Progress, StoredAt};
use crate::error::{EngineError, ErrorClass, Result};
use crate::job::{
    AcceptedJob, CompletionToken, HandIn, Handover, Identify, JobRequest, MediaRef, Passage, Recognise,
    SourceLanguage, Speak, TaskId, Translate, Work,
};
use crate::result::{JobResult, Output};

const SECRET: &str = "a secret of more than thirty-two letters";
const WORKS: &str = "recognise:en,es;identify;translate:en>es,fr;speak:*;hand-in:*";

/// Serves on a port of its own; answers the address.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// The pipeline's side: a store behind redirecting links, and the address that is called back.
#[derive(Default)]
struct Door {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Paths that were called back, and whether the signature was right.
    callbacks: Mutex<Vec<(String, bool)>>,
}

async fn door() -> (Arc<Door>, String) {
    let door = Arc::new(Door::default());
    let redirect = async |UrlPath(key): UrlPath<String>, body: Bytes| {
        // The real one takes no large body.
        if !body.is_empty() {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, format!("/store/{key}"))],
        )
            .into_response()
    };
    let read = async |State(door): State<Arc<Door>>, UrlPath(key): UrlPath<String>| {
        let object = door.objects.lock().unwrap().get(&key).cloned();
        object.ok_or(StatusCode::NOT_FOUND)
    };
    let write = async |State(door): State<Arc<Door>>, UrlPath(key): UrlPath<String>, body: Bytes| {
        door.objects.lock().unwrap().insert(key, body.to_vec());
    };
    let ended = async |State(door): State<Arc<Door>>, uri: Uri, headers: HeaderMap, body: Bytes| {
        let signed = Signable {
            method: "POST",
            path: uri.path(),
            body: &body,
        };
        let secret = SharedSecret::new(SECRET).unwrap();
        let right = signed.verify(
            &secret,
            |name| headers.get(name).and_then(|value| value.to_str().ok()),
            now_epoch_s(),
        );
        door.callbacks
            .lock()
            .unwrap()
            .push((uri.path().to_owned(), right.is_ok()));
        StatusCode::ACCEPTED
    };
    let router = Router::new()
        .route("/links/{*key}", get(redirect).put(redirect))
        .route("/store/{*key}", get(read).put(write))
        .route("/engine/jobs/{job_id}/ended", post(ended))
        .with_state(Arc::clone(&door));
    let url = serve(router).await;
    (door, url)
}

/// Files whose links go through the door.
struct Files(String);

#[async_trait]
impl JobFiles for Files {
    async fn media(&self, media: &MediaRef) -> Result<PathBuf> {
        Ok(PathBuf::from(&media.key))
    }

    fn work_dir(&self) -> &Path {
        Path::new(".")
    }

    async fn keep(&self, name: &str, _file: &Path) -> Result<String> {
        Ok(name.to_owned())
    }

    async fn read(&self, _key: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn stored_at(&self, key: &str) -> Result<StoredAt> {
        Ok(StoredAt {
            bucket: "work".to_owned(),
            key: key.to_owned(),
        })
    }

    async fn link(&self, key: &str) -> Result<String> {
        Ok(format!("{}/links/{key}", self.0))
    }

    async fn upload_link(&self, name: &str) -> Result<(String, String)> {
        let key = format!("engine/9292/1/{name}");
        Ok((self.link(&key).await?, key))
    }
}

/// Requests with their bodies.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An adapter, the engine that it speaks to, and the door.
struct Bench {
    http: Http,
    engine_url: String,
    door: Arc<Door>,
    files: Files,
    gate: Arc<Semaphore>,
    /// What came to the engine.
    seen: Seen,
    _sidecars: tempfile::TempDir,
}

/// What is said in any media.
fn sidecar(text: &str) -> Value {
    let words: Vec<Value> = text
        .split_whitespace()
        .zip(0_u64..)
        .map(|(word, index)| json!({ "text": word, "start_ms": 400 * index, "end_ms": 400 * index + 300 }))
        .collect();
    json!({ "duration_ms": 400 * words.len(), "words": words })
}

impl Bench {
    /// With an engine whose jobs go on as they like, and which hears this in any media.
    async fn new(said: Option<&str>) -> Self {
        Self::with(said, Semaphore::MAX_PERMITS, 0).await
    }

    /// With so many jobs going on, and so many first requests answered 503.
    async fn with(said: Option<&str>, permits: usize, busy: usize) -> Self {
        let sidecars = tempfile::tempdir().unwrap();
        if let Some(said) = said {
            std::fs::write(sidecars.path().join("any.json"), sidecar(said).to_string()).unwrap();
        }
        let gate = Arc::new(Semaphore::new(permits));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (door, door_url) = door().await;
        let router = sample_engine::router(Options {
            secret: SECRET.to_owned(),
            sidecars: Some(sidecars.path().to_owned()),
            door: Some(door_url.parse().unwrap()),
            gate: Some(Arc::clone(&gate)),
        })
        .unwrap();
        let (log, left) = (Arc::clone(&seen), Arc::new(AtomicUsize::new(busy)));
        let watched = router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
            watch(Arc::clone(&log), Arc::clone(&left), request, next)
        }));
        let engine_url = serve(watched).await;
        door.objects
            .lock()
            .unwrap()
            .insert("media/9292/1.mp4".to_owned(), b"the media".to_vec());
        Self {
            http: Http::new(config(&engine_url, &door_url, SECRET)).unwrap(),
            engine_url,
            door,
            files: Files(door_url),
            gate,
            seen,
            _sidecars: sidecars,
        }
    }

    async fn accepted(&self, work: Work) -> AcceptedJob {
        let request = request(work);
        match self.http.start(&request, &self.files).await.unwrap() {
            Progress::Accepted { external_id } => AcceptedJob {
                job_id: request.job_id,
                kind: request.work.kind(),
                external_id,
            },
            Progress::Done(result) => panic!("done at once: {result:?}"),
        }
    }

    /// Looks until the job has ended.
    async fn ended(&self, job: &AcceptedJob) -> Result<JobResult> {
        let look = async || match self.http.look(job, &self.files).await {
            Ok(Look::Running | Look::RunningAt(_)) => None,
            Ok(Look::Done(result)) => Some(Ok(*result)),
            Err(error) => Some(Err(error)),
        };
        soon(look).await
    }

    async fn made(&self, work: Work) -> Result<JobResult> {
        let job = self.accepted(work).await;
        self.ended(&job).await
    }
}

async fn watch(seen: Seen, left: Arc<AtomicUsize>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let line = format!("{} {}", parts.method, parts.uri.path());
    seen.lock().unwrap().push((line, body.to_vec()));
    let busy = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if busy.is_ok() {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")]).into_response();
    }
    next.run(Request::from_parts(parts, body.into())).await
}

/// Asks until there is an answer, for ten seconds at most.
async fn soon<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked)
        .await
        .unwrap()
}

fn config(engine_url: &str, door_url: &str, secret: &str) -> HttpConfig {
    let var = |name: &str| match name {
        "HTTP_ENGINE_URL" => Some(engine_url.to_owned()),
        "HTTP_ENGINE_WORKS" => Some(WORKS.to_owned()),
        "DOOR_URL" => Some(door_url.to_owned()),
        "REACH_ALLOW_LOOPBACK" => Some("true".to_owned()),
        _ => None,
    };
    HttpConfig {
        pause: Duration::from_millis(1),
        ..HttpConfig::from_vars(var, secret).unwrap()
    }
}

fn now_epoch_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn language(name: &str) -> SourceLanguage {
    SourceLanguage::from_catalog_name(name).unwrap()
}

fn recognise() -> Work {
    Work::Recognise(Recognise {
        source_language: language("English (American)"),
        dictionary: vec!["River Project".to_owned()],
        speakers_wanted: true,
        remove_profanity: false,
    })
}

fn passages(texts: &[&str]) -> Vec<Passage> {
    let passage = |(text, at): (&&str, u64)| Passage {
        start_ms: 1_000 * at,
        end_ms: 1_000 * at + 900,
        text: (*text).to_owned(),
        speaker: None,
        phrases: Vec::new(),
    };
    texts.iter().zip(0..).map(passage).collect()
}

fn translate(texts: &[&str]) -> Work {
    Work::Translate(Translate {
        source_language: language("English"),
        target_language: language("Spanish"),
        passages: passages(texts),
        dictionary: Vec::new(),
        remove_profanity: false,
    })
}

fn speak(texts: &[&str]) -> Work {
    Work::Speak(Speak {
        language: language("English"),
        passages: passages(texts),
    })
}

fn request(work: Work) -> JobRequest {
    let media = work.kind().needs_media().then(|| MediaRef {
        key: "media/9292/1.mp4".to_owned(),
        container: "mp4".to_owned(),
        duration_ms: Some(8_000),
        size_bytes: None,
    });
    JobRequest::new(
        TaskId::new("9292"),
        1,
        work,
        media,
        CompletionToken::new("AAAAKgAAAAIAAAAAAAAAAb"),
    )
}

#[tokio::test]
async fn words_are_recognised_and_the_end_is_called_back() {
    let bench = Bench::new(Some("this is the river and we walk to the bank of it")).await;
    let result = bench.made(recognise()).await.unwrap();
    assert_eq!(result.transcript().unwrap().words.len(), 12);
    assert_eq!(result.engine.name, "http");
    let heard = result.language.unwrap();
    assert_eq!((heard.bcp47.as_str(), heard.confidence), ("en", 1.0));
    let callback = soon(async || bench.door.callbacks.lock().unwrap().first().cloned()).await;
    assert_eq!(
        callback,
        ("/engine/jobs/reach-9292-1-recognise/ended".to_owned(), true)
    );
}

#[tokio::test]
async fn the_language_is_told_with_how_sure_it_is() {
    // Six Spanish little words, and a `la` that is French too.
    let bench = Bench::new(Some("el agua de los montes y el sol que es bueno la")).await;
    let identify = || {
        Work::Identify(Identify {
            candidates: vec!["en-US".to_owned(), "es".to_owned()],
        })
    };
    let result = bench.made(identify()).await.unwrap();
    assert_eq!(result.output, Output::Language);
    let heard = result.language.unwrap();
    assert_eq!(heard.bcp47, "es");
    assert!(
        (heard.confidence - 8.0 / 9.0).abs() < 0.01,
        "{}",
        heard.confidence
    );
    // Recognised as English, it still says that it heard Spanish: that is for the pipeline to judge.
    assert_eq!(
        bench.made(recognise()).await.unwrap().language.unwrap().bcp47,
        "es"
    );
}

#[tokio::test]
async fn each_passage_is_translated() {
    let bench = Bench::new(None).await;
    let result = bench
        .made(translate(&["Good morning!", "The Nile is here."]))
        .await
        .unwrap();
    let texts = vec!["bueno mañana!".to_owned(), "el Nile es aquí.".to_owned()];
    assert_eq!(result.output, Output::Texts { texts });
}

#[tokio::test]
async fn speech_is_put_where_the_link_leads() {
    let bench = Bench::new(None).await;
    let result = bench.made(speak(&["one", "two three"])).await.unwrap();
    let Output::Speech { speech } = result.output else {
        panic!("{:?}", result.output)
    };
    assert_eq!(speech.sound.key, "engine/9292/1/sound");
    assert_eq!(speech.sound.duration_ms, Some(400));
    assert_eq!(speech.clips.len(), 2);
    let objects = bench.door.objects.lock().unwrap();
    let sound = &objects["engine/9292/1/sound"];
    assert_eq!(
        (&sound[..4], sound.len()),
        (b"RIFF".as_slice(), 44 + 2 * 16 * 400)
    );
}

#[tokio::test]
async fn an_engine_tells_when_it_says_a_phrase() {
    let bench = Bench::new(None).await;
    let mut work = speak(&["one", "two three, four"]);
    if let Work::Speak(speak) = &mut work {
        speak.passages[1].phrases = vec!["two three, ".to_owned(), "four".to_owned()];
    }
    let result = bench.made(work).await.unwrap();
    let Output::Speech { speech } = result.output else {
        panic!("{:?}", result.output)
    };
    let marks: Vec<_> = speech.clips.iter().map(|clip| clip.marks_ms.as_slice()).collect();
    assert_eq!(marks, [&[][..], &[150 + 200]]);
}

#[tokio::test]
async fn a_job_runs_until_it_has_ended_and_is_the_same_when_started_again() {
    let bench = Bench::with(Some("the river"), 0, 0).await;
    let job = bench.accepted(recognise()).await;
    // How far it is, the engine tells: 0 as long as the job waits, 50 once it runs.
    let look = bench.http.look(&job, &bench.files).await.unwrap();
    assert!(matches!(look, Look::RunningAt(0 | 50)), "{look:?}");
    assert_eq!(bench.accepted(recognise()).await, job);
    assert!(bench.door.callbacks.lock().unwrap().is_empty());
    bench.gate.add_permits(1);
    let result = bench.ended(&job).await.unwrap();
    // One permit, one job: the second start began nothing.
    let again = bench
        .http
        .start(&request(recognise()), &bench.files)
        .await
        .unwrap();
    assert_eq!(again, Progress::Done(Box::new(result)));
}

#[tokio::test]
async fn a_job_is_ended_and_forgotten_once_and_again() {
    let bench = Bench::with(Some("the river"), 0, 0).await;
    let job = bench.accepted(recognise()).await;
    bench.http.forget(&job).await.unwrap();
    bench.http.forget(&job).await.unwrap();
    let error = bench.http.look(&job, &bench.files).await.unwrap_err();
    assert_eq!(error.name(), "EngineJobFailed");
    assert_eq!(error.class(), ErrorClass::Retryable);
}

#[tokio::test]
async fn a_refusal_is_final_and_a_failure_is_not() {
    let bench = Bench::new(None).await;
    let error = bench.made(recognise()).await.unwrap_err();
    assert_eq!(
        (error.name(), error.class()),
        ("EngineRefused", ErrorClass::Terminal)
    );
    assert_eq!(error.customer_text(), "What is said in this media is not known.");

    bench.door.objects.lock().unwrap().clear();
    let identify = Work::Identify(Identify {
        candidates: Vec::new(),
    });
    let error = bench.made(identify.clone()).await.unwrap_err();
    assert_eq!(
        (error.name(), error.class()),
        ("EngineJobFailed", ErrorClass::Retryable)
    );

    // Started again, a failed job is worked again; here it comes to the refusal.
    let media = ("media/9292/1.mp4".to_owned(), b"the media".to_vec());
    bench.door.objects.lock().unwrap().extend([media]);
    assert_eq!(bench.made(identify).await.unwrap_err().name(), "EngineRefused");
}

#[tokio::test]
async fn work_that_the_engine_does_not_do_is_never_sent() {
    let bench = Bench::new(None).await;
    let into_german = Work::Translate(Translate {
        source_language: language("English"),
        target_language: language("German"),
        passages: passages(&["hello"]),
        dictionary: Vec::new(),
        remove_profanity: false,
    });
    let error = bench
        .http
        .start(&request(into_german), &bench.files)
        .await
        .unwrap_err();
    assert_eq!(error.name(), "EngineLanguageNotSupported");
    assert!(bench.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_busy_engine_is_asked_again_and_given_up_in_the_end() {
    let bench = Bench::with(None, Semaphore::MAX_PERMITS, 3).await;
    assert!(bench.made(translate(&["the river"])).await.is_ok());
    let puts = bench
        .seen
        .lock()
        .unwrap()
        .iter()
        .filter(|(line, _)| line.starts_with("PUT"))
        .count();
    assert_eq!(puts, 4);

    let bench = Bench::with(None, Semaphore::MAX_PERMITS, usize::MAX).await;
    let error = bench
        .http
        .start(&request(translate(&["the river"])), &bench.files)
        .await
        .unwrap_err();
    assert_eq!(
        (error.name(), error.class()),
        ("EngineUnavailable", ErrorClass::Retryable)
    );
    assert_eq!(bench.seen.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let http = Http::new(config(&url, &url, SECRET)).unwrap();
    let error = http
        .start(&request(translate(&["hello"])), &Files(url))
        .await
        .unwrap_err();
    assert_eq!(error.name(), "EngineUnavailable");
}

#[tokio::test]
async fn another_secret_is_a_wrong_setting() {
    let bench = Bench::new(None).await;
    let foreign = "another secret of more than thirty-two letters";
    let http = Http::new(config(&bench.engine_url, &bench.files.0, foreign)).unwrap();
    let error = http
        .start(&request(translate(&["hello"])), &bench.files)
        .await
        .unwrap_err();
    assert_eq!(error.name(), "EngineSetting");
    assert!(!error.to_string().contains(foreign));
}

#[tokio::test]
async fn what_is_forged_old_or_replayed_the_engine_refuses() {
    let bench = Bench::new(None).await;
    let job = bench.accepted(translate(&["hello"])).await;
    let path = format!("/jobs/{}", job.job_id);
    let client = reqwest::Client::new();
    let send = async |at_epoch_s: u64, nonce: &str, secret: &str| {
        let secret = SharedSecret::new(secret).unwrap();
        let signed = Signable {
            method: "GET",
            path: &path,
            body: b"",
        };
        let answer = client
            .get(format!("{}{path}", bench.engine_url))
            .header(TIMESTAMP_HEADER, at_epoch_s)
            .header(NONCE_HEADER, nonce)
            .header(SIGNATURE_HEADER, signed.sign(&secret, at_epoch_s, nonce))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let now = now_epoch_s();
    assert_eq!(send(now, "nonce-number-one", SECRET).await.0, 200);
    let refusals = [
        send(now, "nonce-number-one", SECRET).await,
        send(now - 310, "nonce-number-two", SECRET).await,
        send(now + 310, "nonce-number-two", SECRET).await,
        send(now, "nonce-number-two", "another secret of thirty-two letters").await,
    ];
    insta::assert_debug_snapshot!(refusals);
}

#[tokio::test]
async fn the_request_carries_links_and_neither_token_nor_key() {
    let bench = Bench::with(None, 0, 0).await;
    bench.accepted(recognise()).await;
    bench.accepted(speak(&["hello"])).await;
    let seen = bench.seen.lock().unwrap();
    let shown = |(line, body): &(String, Vec<u8>)| {
        let body: Value = serde_json::from_slice(body).unwrap();
        format!("{line}\n{}\n", serde_json::to_string_pretty(&body).unwrap())
    };
    let sent = seen.iter().map(shown).collect::<Vec<_>>().concat();
    assert!(!sent.contains("AAAAKgAAAAIAAAAAAAAAAb"), "{sent}");
    insta::assert_snapshot!(sent.replace(&bench.files.0, "https://door.example.com"));
}

/// An engine that answers always this.
async fn answering(status: u16, answer: Value) -> Http {
    let status = StatusCode::from_u16(status).unwrap();
    let router = Router::new().fallback(any(async move || (status, axum::Json(answer))));
    let url = serve(router).await;
    Http::new(config(&url, &url, SECRET)).unwrap()
}

#[tokio::test]
async fn an_answer_that_is_not_the_protocol_s_is_a_failed_job() {
    let done = |name: &str, output: Value| {
        json!({
            "job_id": name,
            "state": "done",
            "result": { "engine_version": "x 1", "output": output },
        })
    };
    let translated = |texts: Value| {
        done(
            "reach-9292-1-translate",
            json!({ "kind": "texts", "texts": texts }),
        )
    };
    let spoken = |key: &str, clips: Value| {
        let sound = json!({ "key": key, "container": "wav", "duration_ms": 400 });
        let speech = json!({ "sound": sound, "clips": clips, "voice": "x" });
        done(
            "reach-9292-1-speak",
            json!({ "kind": "speech", "speech": speech }),
        )
    };
    let clip = |passage: u32, end_ms: u32| json!({ "passage": passage, "start_ms": 0, "end_ms": end_ms });
    let key = "engine/9292/1/sound";
    let hand_in = |handover| {
        Work::HandIn(HandIn {
            handover,
            language: language("English"),
        })
    };
    let handed = |output: Value| done("reach-9292-1-hand-in", output);
    let mut sure = done("reach-9292-1-identify", json!({ "kind": "language" }));
    sure["result"]["language"] = json!({ "bcp47": "en", "confidence": 1.5 });
    let identify = || {
        Work::Identify(Identify {
            candidates: Vec::new(),
        })
    };
    let other = |state: &str| json!({ "job_id": "reach-9292-1-translate", "state": state });
    let mut texts = Vec::new();
    for (work, status, answer) in [
        (translate(&["a", "b"]), 200, translated(json!(["a"]))),
        (translate(&["a"]), 200, translated(json!(["x".repeat(10_001)]))),
        (translate(&["a"]), 200, translated(json!([1]))),
        (
            translate(&["a"]),
            200,
            done("reach-9292-2-translate", json!({ "kind": "language" })),
        ),
        (
            translate(&["a"]),
            200,
            done("reach-9292-1-translate", json!({ "kind": "language" })),
        ),
        (translate(&["a"]), 200, other("done")),
        (translate(&["a"]), 200, other("failed")),
        (translate(&["a"]), 200, other("refused")),
        (translate(&["a"]), 200, other("lost")),
        (translate(&["a"]), 200, json!("<html>")),
        (translate(&["a"]), 302, json!({})),
        (translate(&["a"]), 404, json!({})),
        (translate(&["a"]), 422, json!({ "detail": "no" })),
        (speak(&["a"]), 200, spoken("media/1/1.mp4", json!([]))),
        (speak(&["a"]), 200, spoken(key, json!([clip(1, 10)]))),
        (speak(&["a"]), 200, spoken(key, json!([clip(0, 401)]))),
        (
            speak(&["a", "b"]),
            200,
            spoken(key, json!([clip(0, 10), clip(0, 10)])),
        ),
        (
            identify(),
            200,
            done("reach-9292-1-identify", json!({ "kind": "language" })),
        ),
        (identify(), 200, sure),
        (
            hand_in(Handover::Chapters),
            200,
            handed(json!({ "kind": "chapters", "chapters": [{ "start_ms": 5, "title": "x" }] })),
        ),
        (
            hand_in(Handover::Script),
            200,
            handed(json!({ "kind": "script", "passages": [{ "start_ms": 5, "end_ms": 1, "text": "x" }] })),
        ),
        (
            hand_in(Handover::Captions),
            200,
            handed(json!({ "kind": "captions", "cues": [{ "start_ms": 5, "end_ms": 9, "lines": [] }] })),
        ),
    ] {
        let http = answering(status, answer).await;
        let files = Files("http://127.0.0.1".to_owned());
        let error = http.start(&request(work), &files).await.unwrap_err();
        assert!(matches!(error, EngineError::JobFailed { .. }), "{error}");
        texts.push(error.to_string());
    }
    insta::assert_snapshot!(texts.join("\n"));
}

#[tokio::test]
async fn an_engine_may_answer_with_the_result_at_once() {
    let answer = json!({
        "job_id": "reach-9292-1-hand-in",
        "state": "done",
        "result": {
            "engine_version": "typists",
            "output": { "kind": "sound", "sound": { "key": "engine/9292/1/sound", "container": "wav", "duration_ms": null } },
            "warnings": [{ "name": "Noise", "detail": "wind" }],
        },
    });
    let http = answering(200, answer).await;
    let work = Work::HandIn(HandIn {
        handover: Handover::Sound,
        language: language("English"),
    });
    let files = Files("http://127.0.0.1".to_owned());
    let Progress::Done(result) = http.start(&request(work), &files).await.unwrap() else {
        panic!("not done")
    };
    insta::assert_json_snapshot!(result);
}

#[tokio::test]
async fn a_job_of_another_engine_is_not_looked_for() {
    let http = answering(200, json!({})).await;
    for external_id in ["", "job-1", "texts/x", "songs/1"] {
        let job = AcceptedJob {
            job_id: request(translate(&["a"])).job_id,
            kind: crate::job::WorkKind::Translate,
            external_id: external_id.to_owned(),
        };
        let error = http.look(&job, &Files(String::new())).await.unwrap_err();
        assert_eq!(error.name(), "EngineResultUnreadable");
    }
}
