//! The world of the step tests and the handler tests: the Kaltura stand-in, the other ports in memory, an engine that says
//! what it is told, and a bucket that Kaltura can fetch from. A library of its own, since the pipeline's tests and those of
//! each function play in the same world.
//!
//! What does not live here: the AWS adapters, which the end-to-end tests run on an emulator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test's world: a panic is the test's verdict"
)]

mod amazon;
mod answers;
mod bucket;
mod clips;
mod elsewhere;
mod engine;
mod events;
mod in_process;
mod live;
mod told;

use std::sync::Arc;

use engines::live::Live;
use engines::people::People;
use engines::{CompletionToken, Engine, EngineSet};
use kaltura::{AccessKey, TaskId};
use kaltura_sim::{
    CatalogItemSpec, EntrySpec, FlavorSpec, OrderReport, OrderRequest, Sim, SimConfig, SimHandle,
};
use pipeline::config::{Config, Env};
use pipeline::context::{Context, Parts, kaltura_client};
use pipeline::live::LiveTokens;
use pipeline::memory::{
    FixedAppToken, ManualClock, MemoryBus, MemoryQueue, MemorySockets, MemoryStates, MemoryStreams,
    MemoryTable,
};
use pipeline::ports::{OrderQueue, TaskStore, WorkState};
use pipeline::record::TaskRecord;
use pipeline::session::VendorSessions;
use pipeline::steps::fail::Ending;
use pipeline::steps::process::ProcessInput;
use pipeline::steps::upload::UploadOutcome;
use pipeline::steps::{OrderMessage, StepInput, claim, fail, fetch, finalize, poll, process, render, upload};
use pipeline::{Class, Result, StepError};
use serde_json::Value;

pub use amazon::Amazon;
pub use bucket::ServedBucket;
pub use clips::{media_with_early_end_of_sound, media_with_sound, media_without_sound};
pub use elsewhere::{ElsewhereEngine, heard};
pub use engine::{Answer, ToldEngine, in_spanish, said, spoken};
pub use events::{http_event, socket_event};
pub use in_process::InProcess;
pub use live::live_line;
pub use told::{Told, told};

/// Where the vendor takes streams.
pub const INGEST_URL: &str = "rtmps://live.vendor.example/reach";
/// Where it gives captions.
pub const CAPTIONS_URL: &str = "wss://captions.vendor.example/live";

/// A vendor with its Kaltura, in one process.
pub struct World {
    /// Kaltura.
    pub sim: SimHandle,
    /// What the functions work with, all of its parts there.
    pub ctx: Context,
    /// The table.
    pub table: Arc<MemoryTable>,
    /// The orders queue.
    pub queue: Arc<MemoryQueue>,
    /// The state machine: it notes what is started and completed, and runs nothing.
    pub states: Arc<MemoryStates>,
    /// The live streams.
    pub streams: Arc<MemoryStreams>,
    /// The websocket.
    pub sockets: Arc<MemorySockets>,
    /// The account's event bus.
    pub bus: Arc<MemoryBus>,
    /// The bucket.
    pub bucket: ServedBucket,
    /// The vendor's clock; [`World::advance`] moves Kaltura's with it.
    pub clock: Arc<ManualClock>,
    /// The engine.
    pub engine: Arc<ToldEngine>,
}

/// What the vendor has on offer.
#[derive(Clone, Copy)]
enum Vendor {
    Captions,
    EveryService,
    LiveEvents,
}

impl Vendor {
    fn enabled_services(self) -> &'static str {
        match self {
            Self::Captions => "1",
            Self::EveryService => "1,2,3,4,5,6,7,9",
            Self::LiveEvents => "1,8,11",
        }
    }

    fn engines(self) -> (Arc<ToldEngine>, Vec<Arc<dyn Engine>>) {
        match self {
            Self::Captions => {
                let engine = Arc::new(ToldEngine::default());
                (engine.clone(), vec![engine])
            }
            Self::EveryService | Self::LiveEvents => {
                let engine = Arc::new(ToldEngine::of_every_work());
                (engine.clone(), vec![engine, Arc::new(People), Arc::new(Live)])
            }
        }
    }
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
    /// The usual world: one vendor, captions enabled, region US.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A world whose settings differ by `vars`.
    pub async fn with(vars: &[(&str, &str)]) -> Self {
        Self::made(SimConfig::default(), vars, None, Vendor::Captions).await
    }

    /// A world whose vendor has every service for recorded media, with machines and people. Its settings differ by `vars`.
    pub async fn of_every_service(vars: &[(&str, &str)]) -> Self {
        Self::made(SimConfig::default(), vars, None, Vendor::EveryService).await
    }

    /// A world whose vendor has live events, and captions. Its settings differ by `vars`.
    pub async fn of_live_events(vars: &[(&str, &str)]) -> Self {
        Self::made(SimConfig::default(), vars, None, Vendor::LiveEvents).await
    }

    /// A world with another Kaltura.
    pub async fn at(sim: SimConfig) -> Self {
        Self::made(sim, &[], None, Vendor::Captions).await
    }

    /// A world in which the answers to `action` come changed.
    pub async fn with_answers(action: &str, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        let answers = Some((action, Arc::new(change) as Arc<answers::Change>));
        Self::made(SimConfig::default(), &[], answers, Vendor::Captions).await
    }

    async fn made(
        sim: SimConfig,
        vars: &[(&str, &str)],
        answers: Option<(&str, Arc<answers::Change>)>,
        vendor: Vendor,
    ) -> Self {
        let sim = Sim::start(sim).await.unwrap();
        let service_url = match answers {
            Some((action, change)) => answers::altered(sim.service_url(), action, change).await,
            None => sim.service_url().to_owned(),
        };
        let partner = sim.vendor_partner_id().to_string();
        let mut all = vec![
            ("KALTURA_SERVICE_URL", service_url.as_str()),
            ("VENDOR_PARTNER_ID", partner.as_str()),
            ("VENDOR_NAME", "testVendor"),
            ("TASKS_TABLE", "tasks"),
            ("APP_TOKEN_SECRET_ARN", "secret"),
            ("PROCESSING_REGION", "US"),
            ("ENABLED_SERVICES", vendor.enabled_services()),
            ("REACH_ALLOW_LOOPBACK", "true"),
            ("DELIVER_TRANSCRIPTS", "false"),
            ("LIVE_INGEST_URL", INGEST_URL),
            ("LIVE_CAPTIONS_URL", CAPTIONS_URL),
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
        let (streams, sockets) = (
            Arc::new(MemoryStreams::default()),
            Arc::new(MemorySockets::default()),
        );
        let live_tokens = LiveTokens::new("a secret of more than thirty-two letters", 1).unwrap();
        let bus = Arc::new(MemoryBus::default());
        let bucket = ServedBucket::start().await;
        let (engine, set) = vendor.engines();
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
            gate: table.clone(),
            kaltura,
            parts: Parts {
                queue: Some(queue.clone()),
                objects: Some(Arc::new(bucket.clone())),
                executions: Some(states.clone()),
                completions: Some(states.clone()),
                events: Some(bus.clone()),
                fetcher: Some(Arc::new(media::Fetcher::new(fetch_config).unwrap())),
                engines: Some(EngineSet::new(set)),
                people: Some(table.clone()),
                drafts: Some(Arc::new(bucket.objects().clone())),
                streams: Some(streams.clone()),
                sockets: Some(sockets.clone()),
                live_tokens: Some(Arc::new(live_tokens)),
                ..Parts::default()
            },
        };
        Self {
            sim,
            ctx,
            table,
            queue,
            states,
            streams,
            sockets,
            bus,
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

    /// What Kaltura has of a task.
    pub fn report(&self, task_id: &TaskId) -> OrderReport {
        self.sim.order(&task_id.as_str().into()).unwrap()
    }

    /// The access key that Kaltura has made of a task.
    pub fn key_of(&self, task_id: &TaskId) -> AccessKey {
        AccessKey::from(self.report(task_id).task["accessKey"].as_str().unwrap())
    }

    /// A flavor's file, byte for byte, as whoever plays the entry gets it from Kaltura.
    pub async fn flavor_bytes(&self, report: &OrderReport, flavor_id: &str) -> Vec<u8> {
        let (partner, entry) = (report.partner_id, &report.entry_id);
        let url = format!(
            "{}/pd/p/{partner}/sp/{partner}00/serveFlavor/entryId/{entry}/v/1/ev/3/flavorId/{flavor_id}/name/a.mp4",
            self.sim.service_url()
        );
        let answer = reqwest::get(url).await.unwrap().error_for_status().unwrap();
        answer.bytes().await.unwrap().to_vec()
    }

    /// What the table has of a task.
    pub async fn record(&self, task_id: &TaskId) -> TaskRecord {
        self.table.load(task_id).await.unwrap().unwrap()
    }

    /// Polls once.
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
        self.processed(order()).await
    }

    /// The same of any order; where it is people's, up to where they are waited for.
    pub async fn processed(&self, order: OrderRequest) -> StepInput {
        let input = Box::pin(self.begin(order)).await;
        Box::pin(fetch::run(&self.ctx, &input)).await.unwrap();
        Box::pin(self.process(&input)).await.unwrap();
        input
    }

    /// As if the write that ended this task had never come about, and its record were in the state of before.
    pub async fn lose_end(&self, before: &TaskRecord) {
        let mut lost = self.record(&before.task_id).await;
        lost.state = before.state;
        lost.ended_epoch_s = None;
        assert!(self.table.save(&mut lost).await.unwrap());
    }

    /// Has the engines work on a task, piece after piece, and renders what is to be delivered once all is done. Where people
    /// take on a piece, it is left to them.
    pub async fn process(&self, input: &StepInput) -> Result<()> {
        loop {
            self.work(input, "a-token").await?;
            if self.record(&input.task_id).await.accepted().is_some() {
                return Ok(());
            }
            match self.states.last_state() {
                Some(WorkState::More) => {}
                Some(WorkState::Done) => return render::run(&self.ctx, input).await,
                None => return Ok(()),
            }
        }
    }

    /// Has an engine begin the next piece of work on a task; `token` is the waiting state's.
    pub async fn work(&self, input: &StepInput, token: &str) -> Result<()> {
        let input = ProcessInput {
            step: input.clone(),
            task_token: CompletionToken::new(token),
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
                Class::Retryable | Class::RetryLater | Class::Fault | Class::Unfinished => Ending::Parked,
            };
            fail::run(&self.ctx, input, ending).await.unwrap();
        }
    }
}
