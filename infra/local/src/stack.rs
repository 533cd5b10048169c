//! The whole vendor, up and running: what the command and the end-to-end tests work with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use kaltura_sim::{OrderRequest, PlacedOrder, Sim, SimConfig, SimHandle};
use pipeline::handin::HandedIn;
use pipeline::record::TaskRecord;

use crate::deploy::{STACK, deploy};
use crate::emulator::{Emulator, REGION, ROOT_KEY, authorization};
use crate::engine::{Place, Said, SampleEngine};
use crate::error::{LocalError, Result};
use crate::ingest::{LocalIngest, RtmpPlace};
use crate::issuer::Issuer;
use crate::layout::{FUNCTIONS, Layout};
use crate::processes;
use crate::speech::{self, Speech};
use crate::watch::{TaskView, Watcher};

/// How often the tasks are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A vendor account at Kaltura. Its app token must carry `disableentitlement` (spec D9).
#[derive(Clone)]
pub struct Account {
    /// Kaltura's address: https, without a path.
    pub service_url: String,
    /// The vendor's account.
    pub partner_id: i64,
    /// The app token's id.
    pub app_token_id: String,
    /// The app token's secret.
    pub app_token: String,
    /// How its hash is computed: `SHA256` and the like.
    pub app_token_hash: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Account {{ {} at {}, app token redacted }}",
            self.partner_id, self.service_url
        )
    }
}

/// Which Kaltura the vendor works for.
#[derive(Debug, Clone)]
pub enum Kaltura {
    /// The stand-in, started with the stack and ended with it. A `work_dir` of `None` is put into the run's folder.
    Sim(Box<SimConfig>),
    /// A real account. It can't reach the bucket of this machine, so deliverables go up by upload token.
    Real(Account),
}

/// What works on the orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Worker {
    /// The programs on this machine.
    #[default]
    Local,
    /// The sample engine over HTTP, in the place of a vendor's own.
    Http,
}

/// What a stack is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names the run's folder, `target/local/NAME`; two stacks at once need two names.
    pub name: String,
    /// Which Kaltura.
    pub kaltura: Kaltura,
    /// What works.
    pub worker: Worker,
    /// Whether live events are taken: with an ingest of the vendor's own beside the stack.
    pub live: bool,
    /// Parameters of the template beside those of the Kaltura account, by name.
    pub parameters: Vec<(String, String)>,
}

impl Options {
    /// A stack with a stand-in as it is by default.
    pub fn sim(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kaltura: Kaltura::Sim(Box::default()),
            worker: Worker::default(),
            live: false,
            parameters: Vec::new(),
        }
    }
}

/// A running stack. Dropped, it ends with all its processes.
#[derive(Debug)]
pub struct LocalStack {
    layout: Layout,
    // Before the stand-in, so that no function calls it while it ends.
    emulator: Emulator,
    engine: Option<SampleEngine>,
    ingest: Option<LocalIngest>,
    issuer: Issuer,
    sim: Option<SimHandle>,
    sdk: SdkConfig,
    outputs: HashMap<String, String>,
    watcher: Watcher,
    placed: Mutex<HashMap<String, Instant>>,
}

/// An order that the browser test is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InBrowser {
    /// Its service, as the people's API names it.
    pub service: &'static str,
    /// The task.
    pub task_id: String,
    /// A file that may be handed in for it.
    pub file: PathBuf,
}

/// How a task ended, and how long it took.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The task.
    pub task: TaskView,
    /// From the order to its end; from the task's first sight where the order was not placed here.
    pub time: Duration,
}

impl LocalStack {
    /// Starts Kaltura's stand-in and the emulated AWS, makes the secret and deploys the template: some 12 seconds.
    pub async fn up(options: Options) -> Result<Self> {
        let layout = Layout::take(&options.name)?;
        let (sim, account) = match options.kaltura {
            Kaltura::Real(account) => (None, account),
            Kaltura::Sim(mut config) => {
                config.work_dir.get_or_insert_with(|| layout.work.join("kaltura"));
                // The emulator announces a length when it refuses a HEAD, which S3 doesn't (spec 3.2): captions of a few
                // words, shorter than that, would never be imported.
                config.ignore_length_of_refused_head = true;
                let sim = Sim::start(*config).await?;
                let account = account_of(&sim);
                (Some(sim), account)
            }
        };
        let python = layout.tool("engine", "python")?;
        let emulator = Emulator::start(
            &layout,
            &[
                ("REACH_ALLOW_LOOPBACK", sim.is_some().to_string()),
                ("REACH_UPLOAD_TOKENS_ONLY", sim.is_none().to_string()),
                ("REACH_LOCAL_PYTHON", python.display().to_string()),
                (
                    "REACH_LOCAL_ENGINES",
                    layout.local().join("engines").display().to_string(),
                ),
                ("RUST_BACKTRACE", "1".to_owned()),
            ],
        )
        .await?;
        let sdk = emulator.sdk().await;
        let mut parameters = vec![
            ("KalturaServiceUrl", account.service_url.clone()),
            ("VendorPartnerId", account.partner_id.to_string()),
            ("VendorName", "local-vendor".to_owned()),
            ("AppTokenSecretArn", keep_app_token(&sdk, &account).await?),
        ];
        let issuer = Issuer::start().await?;
        parameters.extend(issuer.parameters());
        let place = match options.worker {
            Worker::Local => None,
            Worker::Http => Some(Place::free().await?),
        };
        parameters.extend(place.iter().flat_map(Place::parameters));
        let rtmp = if options.live {
            Some(RtmpPlace::free().await?)
        } else {
            None
        };
        if let Some(rtmp) = rtmp {
            parameters.push(("LiveIngestUrl", rtmp.url()));
            // As much of it as there is: both layers of authentication, and captions for the recording.
            parameters
                .extend(["LiveAccountAuth", "LiveCaptionsOnRecording"].map(|name| (name, true.to_string())));
        }
        parameters.extend(
            options
                .parameters
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone())),
        );
        deploy(&layout, &emulator, &parameters).await?;
        let outputs = emulator.stack_outputs(STACK).await?;
        let engine = match place {
            Some(place) => {
                let (secret, door) = (output(&outputs, "EngineSecretArn")?, output(&outputs, "DoorUrl")?);
                Some(SampleEngine::start(&layout, place, &sdk, secret, door).await?)
            }
            None => None,
        };
        let ingest = match rtmp {
            Some(rtmp) => {
                let (secret, door) = (output(&outputs, "EngineSecretArn")?, output(&outputs, "DoorUrl")?);
                let live = format!("{}/live", door.trim_end_matches('/'));
                Some(LocalIngest::start(&layout, rtmp, &sdk, secret, &live).await?)
            }
            None => None,
        };
        leave_word(&layout, &emulator)?;
        let watcher = Watcher::new(
            &sdk,
            output(&outputs, "TasksTable")?,
            output(&outputs, "StateMachineArn")?,
        );
        Ok(Self {
            layout,
            emulator,
            engine,
            ingest,
            issuer,
            sim,
            sdk,
            outputs,
            watcher,
            placed: Mutex::default(),
        })
    }

    /// The stand-in; `None` where the vendor works for a real account.
    pub fn sim(&self) -> Option<&SimHandle> {
        self.sim.as_ref()
    }

    /// The configuration of SDK clients of the emulated AWS, with the rights of the account's root.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The address of the emulated AWS, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        self.emulator.endpoint()
    }

    /// The `Authorization` header of a plain HTTP request to a service of the emulated AWS by the account's root, whose
    /// signature is not checked: for a test that needs a service once, whose SDK would be large.
    pub fn root_authorization(&self, service: &str) -> String {
        authorization(service)
    }

    /// A login of one of the run's people (`ana`, `ben`, `chloe`, `omar`), as their browser would have it; an error for others.
    pub fn login(&self, person: &str) -> Result<String> {
        self.issuer.token(person).ok_or_else(|| LocalError::NoOutput {
            name: format!("login of {person}"),
        })
    }

    /// The address of the issuer of the people's logins.
    pub fn issuer(&self) -> &str {
        self.issuer.url()
    }

    /// Uploads the page of people who do orders from its build, where it was built; says whether.
    pub async fn upload_page(&self) -> Result<bool> {
        let built = self.layout.root.join("functions/people/page/dist");
        if !built.join("index.html").exists() {
            return Ok(false);
        }
        let stack = reachctl::stack::Stack::find(&self.sdk, STACK, "local run").await;
        let stack = stack.map_err(LocalError::aws("looking for the stack"))?;
        let uploaded = stack.upload_page(&built).await;
        uploaded.map_err(LocalError::aws("uploading the page"))?;
        Ok(true)
    }

    /// The account's token for live captions, which an operator gives to Kaltura beforehand.
    pub async fn live_account(&self) -> Result<String> {
        let stack = reachctl::stack::Stack::find(&self.sdk, STACK, "local run").await;
        let stack = stack.map_err(LocalError::aws("looking for the stack"))?;
        let (tokens, _) = stack
            .live()
            .await
            .map_err(LocalError::aws("reading the live tokens"))?;
        Ok(tokens.account().reveal().to_owned())
    }

    /// An output of the stack.
    pub fn output(&self, name: &str) -> Result<&str> {
        output(&self.outputs, name)
    }

    /// The run's folder.
    pub fn work_dir(&self) -> &Path {
        &self.layout.work
    }

    /// A log of this run.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.layout.log(name)
    }

    /// Writes what the functions have logged so far to `logs/FUNCTION.log` in the run's folder, and answers that folder.
    /// Also done at the end of the stack. Safe to repeat.
    pub async fn keep_logs(&self) -> Result<PathBuf> {
        for function in FUNCTIONS {
            let lines = self
                .emulator
                .log_lines(&format!("/aws/lambda/{STACK}-{function}"))
                .await?;
            let log = self.layout.log(function);
            std::fs::write(&log, lines.join("\n") + "\n").map_err(LocalError::file(log))?;
        }
        Ok(self.layout.work.join("logs"))
    }

    /// Media with speech to order captions for. Made once, then kept.
    pub async fn speech(&self) -> Result<Vec<Speech>> {
        speech::make(&self.layout).await
    }

    /// Tells the sample engine what it hears in any media from now on, since it is no recogniser.
    pub fn engine_hears(&self, said: &Said) -> Result<()> {
        match &self.engine {
            Some(engine) => engine.hears(said),
            None => Err(LocalError::NoOutput {
                name: "sample-engine".to_owned(),
            }),
        }
    }

    /// Places an order at the stand-in; its time counts from here.
    pub async fn place_order(&self, order: OrderRequest) -> Result<PlacedOrder> {
        let sim = self.sim.as_ref().ok_or_else(|| LocalError::NoOutput {
            name: "kaltura-sim".to_owned(),
        })?;
        let placed = sim.place_order(order).await?;
        self.since(placed.task_id.as_str());
        Ok(placed)
    }

    /// Hands in what people made, as `reachctl submit` does, once the task waits for it. An error after `deadline`, or where
    /// the file is refused.
    pub async fn hand_in(&self, id: &str, file: &Path, deadline: Duration) -> Result<()> {
        let task_id = kaltura::TaskId::try_from(id).map_err(LocalError::aws("reading a task id"))?;
        let refused = |detail: String| LocalError::HandIn {
            task_id: id.to_owned(),
            detail,
        };
        self.until_people_are_waited_for(id, deadline).await?;
        let stack = reachctl::stack::Stack::find(&self.sdk, STACK, "local run").await;
        let stack = stack.map_err(|error| refused(error.to_string()))?;
        match stack.hand_in(&task_id, file).await {
            Ok(HandedIn::Taken { .. }) => Ok(()),
            Ok(other) => Err(refused(format!("{other:?}"))),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Waits until a task waits for people. It fails where the task ends before, or at `deadline`.
    pub async fn until_people_are_waited_for(&self, id: &str, deadline: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            let record = self.watcher.record(id).await?;
            if record.as_ref().is_some_and(pipeline::handin::is_waited_for) {
                return Ok(());
            }
            let place = record.as_ref().map(|record| record.state.name());
            if begun.elapsed() > deadline || record.as_ref().is_some_and(|record| record.state.has_ended()) {
                return Err(LocalError::Deadline {
                    deadline,
                    waiting: waits(id, place),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Has the browser test do orders that wait for people, as a person would, on the page of this stack; its output goes to this
    /// process's.
    pub async fn do_in_browser(&self, orders: &[InBrowser]) -> Result<()> {
        let program = self.layout.root.join("tests/page/run");
        let told: serde_json::Map<String, serde_json::Value> = orders
            .iter()
            .map(|order| {
                let told = serde_json::json!({ "task": order.task_id, "file": order.file });
                (order.service.to_owned(), told)
            })
            .collect();
        let mut command = tokio::process::Command::new(&program);
        command
            .arg("stack")
            .env("PAGE_URL", self.output("PeopleUrl")?)
            .env("PAGE_ORDERS", serde_json::Value::Object(told).to_string())
            .env("CARGO_TARGET_DIR", &self.layout.target)
            .kill_on_drop(true);
        let status = command.status().await.map_err(|source| LocalError::Start {
            program: program.display().to_string(),
            source,
        })?;
        if status.success() {
            Ok(())
        } else {
            Err(LocalError::Browser { status })
        }
    }

    /// Has poll ask for jobs now; by its schedule it does so each minute.
    pub async fn poll_now(&self) -> Result<()> {
        self.emulator.call_function(self.output("PollFunction")?).await
    }

    /// Has extend-keys look at the keys now.
    pub async fn extend_keys_now(&self) -> Result<()> {
        self.emulator
            .call_function(self.output("ExtendKeysFunction")?)
            .await
    }

    /// Has reconcile look at the running tasks that are due now.
    pub async fn reconcile_now(&self) -> Result<()> {
        self.emulator
            .call_function(self.output("ReconcileFunction")?)
            .await
    }

    /// Has sweep delete what is due now.
    pub async fn sweep_now(&self) -> Result<()> {
        self.emulator.call_function(self.output("SweepFunction")?).await
    }

    /// A task as it stands; `None` before poll has seen it.
    pub async fn task(&self, id: &str) -> Result<Option<TaskView>> {
        self.watcher.task(id).await
    }

    /// A task's record; `None` before poll has seen it.
    pub async fn record(&self, id: &str) -> Result<Option<TaskRecord>> {
        self.watcher.record(id).await
    }

    /// All records that the vendor keeps.
    pub async fn records(&self) -> Result<Vec<TaskRecord>> {
        self.watcher.records().await
    }

    /// Kills the processes of a function, whatever they do; says how many. The next call starts a new one.
    pub fn kill_function(&self, function: &str) -> usize {
        processes::kill(self.endpoint(), function)
    }

    /// The most memory that a process of a function has taken so far, in bytes.
    pub fn peak_memory_bytes(&self, function: &str) -> u64 {
        processes::peak_memory_bytes(self.endpoint(), function)
    }

    /// All tasks that were ordered at the stand-in or kept by the vendor, the oldest first.
    pub async fn task_ids(&self) -> Result<Vec<String>> {
        let mut ids: Vec<String> = self
            .sim
            .iter()
            .flat_map(SimHandle::orders)
            .map(|order| order.task_id.to_string())
            .collect();
        for id in self.watcher.task_ids().await? {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Shortens the state machine's waits and the pauses before its retries to `share` of what they are (0 to 1), so that
    /// a task runs out of retries in seconds. Time-outs stay, and so does every clock.
    pub async fn scale_waits(&self, share: f64) -> Result<()> {
        self.emulator.scale_waits(share).await
    }

    /// Waits until a task is as `until` wants it, and answers how it is then. An error after `deadline`, which says where
    /// the task stands; waiting may begin again.
    pub async fn wait_for_task(
        &self,
        id: &str,
        deadline: Duration,
        until: impl Fn(&TaskView) -> bool,
    ) -> Result<TaskView> {
        let begun = Instant::now();
        loop {
            let task = self.watcher.task(id).await?;
            if let Some(task) = task.as_ref().filter(|task| until(task)) {
                return Ok(task.clone());
            }
            if begun.elapsed() > deadline {
                return Err(LocalError::Deadline {
                    deadline,
                    waiting: waits(id, task.as_ref().map(TaskView::place)),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until all orders have ended, or `at_least` of them where it is more; calls `on_change` whenever a task has
    /// come to another place, with the time since its order. An error after `deadline`, or as soon as the emulator is
    /// gone; the tasks are not harmed by it, and waiting may begin again.
    pub async fn wait_for_orders(
        &mut self,
        at_least: usize,
        deadline: Duration,
        mut on_change: impl FnMut(&TaskView, Duration),
    ) -> Result<Vec<Ended>> {
        let begun = Instant::now();
        let mut ended: HashMap<String, Ended> = HashMap::new();
        let mut places: HashMap<String, String> = HashMap::new();
        loop {
            self.check()?;
            let ids = self.task_ids().await?;
            for id in &ids {
                let since = self.since(id);
                if ended.contains_key(id) {
                    continue;
                }
                let Some(task) = self.watcher.task(id).await? else {
                    continue;
                };
                if places.get(id).map(String::as_str) != Some(task.place()) {
                    on_change(&task, since.elapsed());
                    places.insert(id.clone(), task.place().to_owned());
                }
                if task.has_ended() {
                    ended.insert(
                        id.clone(),
                        Ended {
                            task,
                            time: since.elapsed(),
                        },
                    );
                }
            }
            if ended.len() >= ids.len().max(at_least) {
                return Ok(ids.iter().filter_map(|id| ended.remove(id)).collect());
            }
            if begun.elapsed() > deadline {
                let waiting: Vec<String> = ids
                    .iter()
                    .filter(|id| !ended.contains_key(*id))
                    .map(|id| waits(id, places.get(id).map(String::as_str)))
                    .collect();
                return Err(LocalError::Deadline {
                    deadline,
                    waiting: waiting.join(", "),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Fails if a process of the stack's has ended by itself.
    fn check(&mut self) -> Result<()> {
        self.emulator.check()?;
        self.engine.as_mut().map_or(Ok(()), SampleEngine::check)?;
        self.ingest.as_mut().map_or(Ok(()), LocalIngest::check)
    }

    /// When a task was ordered, or first seen.
    fn since(&self, id: &str) -> Instant {
        let mut placed = self
            .placed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *placed.entry(id.to_owned()).or_insert_with(Instant::now)
    }

    /// Ends everything. Delivered files and logs stay in the run's folder.
    pub async fn down(self) {
        if let Err(error) = self.keep_logs().await {
            eprintln!("the functions' logs are lost: {error}");
        }
        if let Some(ingest) = self.ingest {
            ingest.end().await;
        }
        self.emulator.end().await;
        if let Some(engine) = self.engine {
            engine.end().await;
        }
        if let Some(sim) = self.sim {
            sim.shutdown().await;
        }
    }
}

/// Where a task waits, for an error's text.
fn waits(id: &str, place: Option<&str>) -> String {
    format!("task {id} ({})", place.unwrap_or("not polled yet"))
}

fn account_of(sim: &SimHandle) -> Account {
    Account {
        service_url: sim.service_url().to_owned(),
        partner_id: sim.vendor_partner_id().0,
        app_token_id: sim.app_token_id().to_owned(),
        app_token: sim.app_token().to_owned(),
        app_token_hash: sim.app_token_hash_type().as_str().to_owned(),
    }
}

fn output<'a>(outputs: &'a HashMap<String, String>, name: &str) -> Result<&'a str> {
    outputs
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| LocalError::NoOutput {
            name: name.to_owned(),
        })
}

/// Leaves word of where the emulated AWS is, for `reachctl --local`.
fn leave_word(layout: &Layout, emulator: &Emulator) -> Result<()> {
    let word = serde_json::json!({
        "endpoint_url": emulator.endpoint(), "region": REGION, "root_key": ROOT_KEY, "stack": STACK,
    });
    let path = layout.work.join("aws.json");
    std::fs::write(&path, format!("{word}\n")).map_err(LocalError::file(&path))
}

/// Puts the app token into the emulated Secrets Manager, as an operator does on AWS; answers the secret's ARN.
async fn keep_app_token(sdk: &SdkConfig, account: &Account) -> Result<String> {
    let secret = serde_json::json!({
        "id": account.app_token_id,
        "token": account.app_token,
        "hash_type": account.app_token_hash,
    });
    let answer = aws_sdk_secretsmanager::Client::new(sdk)
        .create_secret()
        .name("reach/app-token")
        .secret_string(secret.to_string())
        .send()
        .await
        .map_err(LocalError::aws("CreateSecret"))?;
    answer.arn.ok_or_else(|| LocalError::Aws {
        action: "CreateSecret",
        detail: "no ARN in the answer".to_owned(),
    })
}
