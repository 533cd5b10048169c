//! The world of the step tests: the Kaltura stand-in, the ports in memory, an engine that says what it is told, and a
//! bucket that Kaltura can fetch from.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use captions::{Transcript, Word};
use engines::{
    Capabilities, Capability, CompletionToken, Engine, EngineVersion, JobFiles, JobRequest, JobResult,
    Progress, RESULT_VERSION, WorkKind,
};
use kaltura::TaskId;
use kaltura_sim::{
    CatalogItemSpec, EntrySpec, FlavorSpec, OrderReport, OrderRequest, Sim, SimConfig, SimHandle,
};
use media::PartSink;
use pipeline::config::{Config, Env};
use pipeline::context::{Context, Parts, kaltura_client};
use pipeline::memory::{FixedAppToken, ManualClock, MemoryObjects, MemoryQueue, MemoryStates, MemoryTable};
use pipeline::ports::{ObjectStore, OrderQueue, SignedGet, TaskStore};
use pipeline::record::TaskRecord;
use pipeline::session::VendorSessions;
use pipeline::steps::fail::Ending;
use pipeline::steps::process::ProcessInput;
use pipeline::steps::upload::UploadOutcome;
use pipeline::steps::{OrderMessage, StepInput, claim, fail, fetch, finalize, poll, process, upload};
use pipeline::{Class, Result, StepError};

/// The header value that the bucket of the tests asks for.
const GOOD: &str = "signed";

pub struct World {
    pub sim: SimHandle,
    pub ctx: Context,
    pub table: Arc<MemoryTable>,
    pub queue: Arc<MemoryQueue>,
    pub states: Arc<MemoryStates>,
    pub bucket: ServedBucket,
    pub clock: Arc<ManualClock>,
    pub engine: Arc<ToldEngine>,
}

/// An engine that answers what it is told.
pub struct ToldEngine {
    pub answer: Mutex<Box<dyn Fn() -> engines::Result<Vec<Word>> + Send>>,
}

#[async_trait]
impl Engine for ToldEngine {
    fn name(&self) -> &'static str {
        "told"
    }

    fn capabilities(&self) -> Capabilities {
        let recognise = Capability {
            kind: WorkKind::Recognise,
            languages: vec!["en".into()],
        };
        Capabilities {
            engine: "told",
            works: vec![recognise],
        }
    }

    async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> engines::Result<Progress> {
        let media = files.media(&request.media).await?;
        let size = std::fs::metadata(&media)
            .map(|meta| meta.len())
            .unwrap_or_default();
        assert!(size > 0, "the engine got an empty media file");
        let words = (self.answer.lock().unwrap())()?;
        Ok(Progress::Done(Box::new(JobResult {
            version: RESULT_VERSION,
            job_id: request.job_id.clone(),
            engine: EngineVersion {
                name: "told".into(),
                version: "1".into(),
            },
            transcript: Transcript::new(Some("en".into()), words, 4_000),
            language: None,
            audio_duration_ms: 4_000,
            warnings: Vec::new(),
        })))
    }
}

pub fn spoken() -> Vec<Word> {
    let texts = ["Captions", "are", "made", "for", "everybody", "who", "watches."];
    let mut words = Vec::new();
    for (index, text) in texts.into_iter().enumerate() {
        let start_ms = 300 + 450 * index as u64;
        words.push(Word {
            confidence: Some(0.9),
            ..Word::new(text, start_ms, start_ms + 400)
        });
    }
    words
}

/// The bucket in memory, served over HTTP as S3 would: nothing without the header that was signed.
#[derive(Clone)]
pub struct ServedBucket {
    objects: MemoryObjects,
    url: String,
    /// What the next GETs are signed with: anything but `signed` is refused with 403.
    pub signature: Arc<Mutex<String>>,
}

impl ServedBucket {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let objects = MemoryObjects::default();
        let app = Router::new()
            .route("/{*key}", axum::routing::any(serve))
            .with_state(objects.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            objects,
            url,
            signature: Arc::new(Mutex::new(GOOD.into())),
        }
    }
}

async fn serve(
    State(objects): State<MemoryObjects>,
    UrlPath(key): UrlPath<String>,
    method: Method,
    headers: HeaderMap,
) -> (StatusCode, Bytes) {
    if method != Method::GET || headers.get("authorization").is_none_or(|value| value != GOOD) {
        return (StatusCode::FORBIDDEN, Bytes::new());
    }
    match objects.get(&key).await.unwrap() {
        Some(content) => (StatusCode::OK, content),
        None => (StatusCode::NOT_FOUND, Bytes::new()),
    }
}

#[async_trait]
impl ObjectStore for ServedBucket {
    async fn put(&self, key: &str, content: Bytes, content_type: &str) -> Result<()> {
        self.objects.put(key, content, content_type).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.objects.get(key).await
    }

    async fn sink(&self, key: &str, content_type: &str) -> Result<Box<dyn PartSink>> {
        self.objects.sink(key, content_type).await
    }

    async fn download(&self, key: &str, to: &std::path::Path) -> Result<u64> {
        self.objects.download(key, to).await
    }

    async fn sign_get(&self, key: &str, _now_epoch_s: u64) -> Result<SignedGet> {
        let signature = self.signature.lock().unwrap().clone();
        Ok(SignedGet {
            url: format!("{}/{key}", self.url),
            header_lines: vec![format!("Authorization: {signature}")],
        })
    }
}

/// Four seconds of picture and sound, made once.
pub fn media_with_sound() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        make_media(
            "sound.mp4",
            &["-f", "lavfi", "-i", "sine=frequency=440:duration=4"],
        )
    })
    .clone()
}

/// Four seconds of picture alone, made once.
pub fn media_without_sound() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| make_media("silent.mp4", &[])).clone()
}

fn make_media(name: &str, sound: &[&str]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{}-{name}", std::process::id()));
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=160x90:rate=10:duration=4",
        ])
        .args(sound)
        .args([
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-c:a",
            "aac",
            "-shortest",
        ])
        .arg(&path)
        .status()
        .expect("ffmpeg is needed by the tests: `infra/local/setup --tools-only` installs it");
    assert!(made.success(), "ffmpeg could not make {name}");
    path
}

/// A captions order of four seconds of media.
pub fn order() -> OrderRequest {
    OrderRequest {
        entry: EntrySpec {
            media: Some(media_with_sound()),
            flavors: vec![FlavorSpec::source(), FlavorSpec::web(487_041)],
            ..EntrySpec::default()
        },
        catalog_item: CatalogItemSpec {
            source_language: "English".into(),
            ..CatalogItemSpec::default()
        },
        ..OrderRequest::default()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A world whose settings differ by `vars`.
    pub async fn with(vars: &[(&str, &str)]) -> Self {
        let sim = Sim::start(SimConfig {
            allow_private_imports: true,
            ..SimConfig::default()
        })
        .await
        .unwrap();
        let partner = sim.vendor_partner_id().to_string();
        let mut all = vec![
            ("KALTURA_SERVICE_URL", sim.service_url()),
            ("VENDOR_PARTNER_ID", partner.as_str()),
            ("VENDOR_NAME", "testVendor"),
            ("TASKS_TABLE", "tasks"),
            ("APP_TOKEN_SECRET_ARN", "secret"),
            ("PROCESSING_REGION", "US"),
            ("ENABLED_SERVICES", "1"),
            ("REACH_ALLOW_LOOPBACK", "true"),
        ];
        all.extend(vars);
        let config = Config::from_env(&Env::of(&all)).unwrap();
        let kaltura = kaltura_client(&config).unwrap();
        let token = serde_json::json!({
            "id": sim.app_token_id(), "token": sim.app_token(), "hash_type": sim.app_token_hash_type(),
        });
        let app_token = Arc::new(FixedAppToken(serde_json::from_value(token).unwrap()));
        let clock = Arc::new(ManualClock::at(u64::try_from(sim.now_ms() / 1_000).unwrap()));
        let table = Arc::new(MemoryTable::default());
        let queue = Arc::new(MemoryQueue::default());
        let states = Arc::new(MemoryStates::default());
        let bucket = ServedBucket::start().await;
        let engine = Arc::new(ToldEngine {
            answer: Mutex::new(Box::new(|| Ok(spoken()))),
        });
        let fetch_config = media::FetchConfig {
            allow_loopback: true,
            ..media::FetchConfig::default()
        };
        let ctx = Context {
            sessions: Arc::new(VendorSessions::new(
                kaltura.clone(),
                table.clone(),
                app_token,
                clock.clone(),
            )),
            config,
            clock: clock.clone(),
            tasks: table.clone(),
            leases: table.clone(),
            kaltura,
            parts: Parts {
                queue: Some(queue.clone()),
                objects: Some(Arc::new(bucket.clone())),
                executions: Some(states.clone()),
                completions: Some(states.clone()),
                fetcher: Some(media::Fetcher::new(fetch_config).unwrap()),
                engine: Some(engine.clone()),
            },
        };
        Self {
            sim,
            ctx,
            table,
            queue,
            states,
            bucket,
            clock,
            engine,
        }
    }

    /// Time passes, here and at Kaltura.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(seconds);
        self.sim.advance_clock(std::time::Duration::from_secs(seconds));
    }

    /// Places an order and answers its task.
    pub async fn place(&self, order: OrderRequest) -> TaskId {
        let placed = self.sim.place_order(order).await.unwrap();
        TaskId::parse(placed.task_id.to_string()).unwrap()
    }

    pub fn report(&self, task_id: &TaskId) -> OrderReport {
        self.sim.order(&task_id.as_str().into()).unwrap()
    }

    pub async fn record(&self, task_id: &TaskId) -> TaskRecord {
        self.table.load(task_id).await.unwrap().unwrap()
    }

    pub async fn poll(&self) -> poll::PollReport {
        poll::run(&self.ctx, "test").await.unwrap()
    }

    /// Takes the messages that wait, and claims their tasks.
    pub async fn claim_all(&self) -> Vec<Result<claim::Claimed>> {
        let mut claimed = Vec::new();
        for (task_id, _) in self.queue.take_all() {
            claimed.push(claim::run(&self.ctx, &OrderMessage { task_id }).await);
        }
        claimed
    }

    /// Puts a task's message into the queue once more, as SQS may.
    pub async fn queue_again(&self, input: &StepInput) {
        let partner_id = self.record(&input.task_id).await.partner_id;
        self.queue
            .send(&[(input.task_id.clone(), partner_id)])
            .await
            .unwrap();
    }

    /// Polls and claims, and expects one execution to start.
    pub async fn begin(&self, order: OrderRequest) -> StepInput {
        let task_id = self.place(order).await;
        self.poll().await;
        let claimed = self.claim_all().await;
        assert!(
            matches!(claimed.as_slice(), [Ok(claim::Claimed::Started)]),
            "{claimed:?}"
        );
        StepInput { task_id, attempt: 1 }
    }

    /// Brings a captions order up to where its deliverables are uploaded.
    pub async fn begin_and_process(&self) -> StepInput {
        let input = self.begin(order()).await;
        fetch::run(&self.ctx, &input).await.unwrap();
        self.process(&input).await.unwrap();
        input
    }

    pub async fn process(&self, input: &StepInput) -> Result<()> {
        let input = ProcessInput {
            step: input.clone(),
            task_token: CompletionToken::new("a-token"),
        };
        process::run(&self.ctx, &input).await
    }

    /// Calls upload as the state machine does, until it has delivered or fails; imports get the time they need.
    pub async fn upload_until_done(&self, input: &StepInput) -> Result<()> {
        for _ in 0..60 {
            match upload::run(&self.ctx, input).await? {
                UploadOutcome::Delivered { .. } => return Ok(()),
                UploadOutcome::Importing { wait_s } => {
                    self.advance(wait_s);
                    self.settle(input).await;
                }
            }
        }
        panic!("60 looks and no end: {:?}", self.report(&input.task_id).assets)
    }

    /// Lets an import that is due at the stand-in come to an end: it runs on its own, so its asset is watched.
    async fn settle(&self, input: &StepInput) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_millis(300);
        while self
            .report(&input.task_id)
            .assets
            .iter()
            .any(|asset| asset.by_vendor && asset.status == 7)
        {
            if std::time::Instant::now() > deadline {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Runs a claimed task as the state machine does, its ends included.
    pub async fn run_to_the_end(&self, input: &StepInput) {
        let steps = async {
            fetch::run(&self.ctx, input).await?;
            self.process(input).await?;
            self.upload_until_done(input).await?;
            finalize::run(&self.ctx, input).await
        };
        let outcome: std::result::Result<(), StepError> = steps.await;
        if let Err(error) = outcome {
            let ending = match error.class() {
                Class::Terminal => Ending::Error,
                Class::Gone => Ending::Gone,
                Class::Stale => return,
                Class::Retryable | Class::Fault => Ending::Parked,
            };
            fail::run(&self.ctx, input, ending).await.unwrap();
        }
    }
}
