//! A story: orders, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use futures::future::{BoxFuture, FutureExt, LocalBoxFuture, join_all};
use kaltura::{AssetId, ServiceUrl, TaskId};
use kaltura_sim::{
    AssetGlance, CustomerSpec, Fault, FaultEffect, OrderGlance, OrderReport, OrderRequest, PartnerId,
    PlacedOrder, ProfileSpec, Sim, SimConfig, SimHandle, SimTime, Web, WebAnswer,
};
use pipeline::error::Failure;
use pipeline::invariants::{self, Broken, Invariant, SeenAsset, SeenTask};
use pipeline::memory::{ManualClock, MemoryObjects, MemorySockets, MemoryStreams, MemoryTable};
use pipeline::operator::Operator;
use pipeline::ports::{Clock, Gate, ObjectStore, TaskStore};
use pipeline::record::{Duty, TaskRecord, TaskState};

use crate::broadcast::Broadcast;
use crate::chaos::{Blow, Chaos, Plan, Run};
use crate::lock;
use crate::machine::{Machine, Work};
use crate::vendor::{Vendor, config};

const LIVE_CAPTIONS: i64 = 8;
const LIVE_LASTS_S: u64 = 20 * 60;
const START_EPOCH_S: u64 = 1_700_000_000;
const HOUR_S: u64 = 3_600;
/// By then everything must have come to its end: pauses of parked tasks grow to six hours.
const CALM_AT_MOST_S: u64 = 7 * 24 * HOUR_S;

/// `contentDeletionPolicy` DELETE_ONCE_PROCESSED.
pub const ONCE_PROCESSED: i64 = 2;

/// What may happen in a story beside the vendor's own misfortunes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turns {
    /// Orders placed.
    pub orders: usize,
    /// The share of them that are for live events.
    pub live: f64,
    /// How long the bad times last.
    pub bad_times_s: u64,
    /// Chance that a call of Kaltura's goes wrong in one of its ways.
    pub kaltura_fails: f64,
    /// Chance that a customer withdraws an order, and as large a one that the entry is deleted or the task reset.
    pub customer_turns: f64,
    /// Chance that an operator does something to an order, or to the gate.
    pub operator_turns: f64,
}

/// What happens to a state of the machine, once it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trick {
    /// Its function is called twice, as if the first answer had been lost.
    Repeat,
    /// Its function fails by this name, so many times, and does nothing.
    Fail {
        /// The error's name: a class of ours, or one of AWS's.
        error: String,
        /// How many times.
        times: usize,
    },
}

impl Trick {
    /// The name and the customer's text of the cause that a terminal failure writes into the record.
    pub const CAUSE: &str = "Injected";

    /// Fails by this name, so many times.
    pub fn fail(error: &str, times: usize) -> Self {
        Self::Fail {
            error: error.to_owned(),
            times,
        }
    }
}

/// What came of a story.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was broken.
    pub broken: Vec<Broken>,
    /// The whole story of each task that ended badly.
    pub told: Vec<String>,
    /// Orders by how they ended.
    pub ends: BTreeMap<&'static str, usize>,
    /// Live events that were delivered, by whether their listener was always back in time, so that what it heard was looked at.
    pub listeners: BTreeMap<&'static str, usize>,
    /// Blows that fell, by kind.
    pub blows: BTreeMap<Blow, usize>,
    /// States of the machine, by how often they were entered.
    pub visited: BTreeMap<String, usize>,
    /// Calls of functions.
    pub invocations: usize,
    /// Calls that Kaltura answered with a fault, by code.
    pub faults: BTreeMap<String, usize>,
    /// Least time that a running task's key had left, in seconds.
    pub least_key_margin_s: Option<u64>,
}

/// A message in the queue.
struct Message {
    task_id: TaskId,
    receives: u32,
    visible_epoch_s: u64,
}

pub struct Story {
    vendor: Vendor,
    sim: Arc<SimHandle>,
    time: Arc<ManualClock>,
    machine: Machine,
    chaos: Chaos,
    messages: Mutex<Vec<Message>>,
    broken: Arc<Mutex<Vec<Broken>>>,
    placed: Vec<PlacedOrder>,
    /// The events of live orders, as they take place.
    broadcasts: Vec<Broadcast>,
    /// Tasks of customers who want their content to go once the order has ended.
    go_at_once: BTreeSet<String>,
    polls: u64,
    next: [u64; 4],
    invocations: Mutex<usize>,
    operator_turns: f64,
    tricks: Mutex<BTreeMap<String, Trick>>,
    least_key_margin_s: Option<u64>,
    good_since_epoch_s: u64,
}

/// The bucket, as Kaltura's imports reach it: what was signed opens for a quarter of an hour.
#[derive(Clone)]
struct BucketWeb {
    objects: MemoryObjects,
    time: Arc<ManualClock>,
}

impl std::fmt::Debug for BucketWeb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BucketWeb")
    }
}

impl Web for BucketWeb {
    fn fetch(
        &self,
        method: Method,
        url: String,
        headers: HeaderMap,
    ) -> BoxFuture<'_, Result<WebAnswer, String>> {
        async move {
            let signed = headers.get("authorization").and_then(|value| value.to_str().ok());
            let signed_epoch_s: Option<u64> =
                signed.and_then(|text| text.strip_prefix("signed at ")?.parse().ok());
            let now_epoch_s = self.time.now_epoch_s();
            let by_headers = signed_epoch_s.is_some_and(|at| now_epoch_s.abs_diff(at) <= 900);
            let (url, query) = url.split_once('?').unwrap_or((&url, ""));
            let until = query
                .strip_prefix("method=GET&until=")
                .and_then(|rest| rest.split('&').next());
            let by_query =
                until.is_some_and(|until| until.parse().is_ok_and(|until: u64| now_epoch_s <= until));
            if method != Method::GET || !(by_headers || by_query) {
                return Ok(WebAnswer::of(403, ""));
            }
            let key = url.split_once(".amazonaws.com/").map_or("", |(_, key)| key);
            Ok(match self.objects.get(key).await.unwrap() {
                Some(content) => WebAnswer::of(200, content),
                None => WebAnswer::of(404, ""),
            })
        }
        .boxed()
    }
}

impl Story {
    /// Before anything has happened.
    pub fn new(seed: u64, plan: Plan) -> Self {
        let time = Arc::new(ManualClock::at(START_EPOCH_S));
        let objects = MemoryObjects::default();
        let web = Arc::new(BucketWeb {
            objects: objects.clone(),
            time: time.clone(),
        });
        let start_ms = i64::try_from(START_EPOCH_S * 1_000).unwrap();
        let config_of_sim = SimConfig {
            clock: SimTime::StandsAt(start_ms),
            ..SimConfig::default()
        };
        let sim = Arc::new(Sim::in_process(config_of_sim, web).unwrap());
        let broken: Arc<Mutex<Vec<Broken>>> = Arc::default();
        let noted = broken.clone();
        let chaos = Chaos::new(seed, plan);
        let machine = Machine::default();
        machine.set_time(START_EPOCH_S);
        let vendor = Vendor {
            // Orders with four assets take longer to tell than those with one: a third of the stories has them.
            config: config(&sim, seed % 3 == 1),
            url: ServiceUrl::parse_allow_loopback(sim.service_url()).unwrap(),
            sim: sim.clone(),
            chaos: chaos.clone(),
            time: time.clone(),
            table: Arc::new(MemoryTable::default()),
            objects,
            streams: Arc::new(MemoryStreams::default()),
            sockets: Arc::new(MemorySockets::default()),
            sent: Arc::default(),
            machine: machine.clone(),
            broken: Arc::new(move |record: &TaskRecord| lock(&noted).extend(invariants::of_record(record))),
            time_out: None,
        };
        Self {
            vendor,
            sim,
            time,
            machine,
            chaos,
            messages: Mutex::default(),
            broken,
            placed: Vec::new(),
            broadcasts: Vec::new(),
            go_at_once: BTreeSet::new(),
            polls: 0,
            next: [START_EPOCH_S; 4],
            invocations: Mutex::default(),
            operator_turns: 0.0,
            tricks: Mutex::default(),
            least_key_margin_s: None,
            good_since_epoch_s: START_EPOCH_S,
        }
    }

    /// What goes wrong, and what did.
    pub fn chaos(&self) -> &Chaos {
        &self.chaos
    }

    /// Kaltura.
    pub fn sim(&self) -> &SimHandle {
        &self.sim
    }

    /// Has the vendor wait for an answer no longer than this, in real time.
    pub fn wait_no_longer_than(&mut self, time_out: Duration) {
        self.vendor.time_out = Some(time_out);
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.vendor.operator(&Run::new(&self.chaos))
    }

    /// Has something happen to a state of the machine.
    pub fn play(&self, state: &str, trick: Trick) {
        lock(&self.tricks).insert(state.to_owned(), trick);
    }

    /// Whether all that was to happen has happened.
    pub fn all_is_played(&self) -> bool {
        lock(&self.tricks).is_empty()
    }

    /// The records.
    pub fn records(&self) -> Vec<Arc<TaskRecord>> {
        self.vendor.table.all()
    }

    fn now_epoch_s(&self) -> u64 {
        self.time.now_epoch_s()
    }

    /// Places an order of captions, of one customer or another, with one deletion policy or another.
    pub async fn place(&mut self) {
        let customer = 101 + i64::try_from(self.chaos.below(3)).unwrap();
        let policy = 1 + i64::try_from(self.chaos.below(3)).unwrap();
        self.place_of(customer, policy).await;
    }

    /// Places an order of captions of this customer, whose profile has this deletion policy.
    pub async fn place_of(&mut self, customer: i64, policy: i64) {
        let order = OrderRequest {
            customer: CustomerSpec {
                partner_id: PartnerId(customer),
                ..CustomerSpec::default()
            },
            profile: ProfileSpec {
                content_deletion_policy: policy,
                ..ProfileSpec::default()
            },
            ..OrderRequest::default()
        };
        let placed = self.sim.place_order(order).await.unwrap();
        if policy == ONCE_PROCESSED {
            self.go_at_once.insert(placed.task_id.to_string());
        }
        self.placed.push(placed);
    }

    /// Places an order of captions, or one for a live event within the hour.
    async fn place_any(&mut self, live: f64) {
        if !self.chaos.happens(live) {
            return self.place().await;
        }
        let customer = 101 + i64::try_from(self.chaos.below(3)).unwrap();
        let policy = 1 + i64::try_from(self.chaos.below(3)).unwrap();
        let begins_in_s = 300 + self.chaos.below(3_000) as u64;
        let says_end = self.chaos.happens(0.5);
        self.place_live(customer, policy, begins_in_s, says_end).await;
    }

    /// Places an order for a live event that begins in so many seconds and lasts twenty minutes. Its engine says when it is over,
    /// or leaves that to the vendor.
    pub async fn place_live(&mut self, customer: i64, policy: i64, begins_in_s: u64, says_end: bool) {
        let start_epoch_s = self.now_epoch_s() + begins_in_s;
        let end_epoch_s = start_epoch_s + LIVE_LASTS_S;
        let order = OrderRequest {
            service_feature: LIVE_CAPTIONS,
            customer: CustomerSpec {
                partner_id: PartnerId(customer),
                ..CustomerSpec::default()
            },
            profile: ProfileSpec {
                content_deletion_policy: policy,
                ..ProfileSpec::default()
            },
            task_data: Some(serde_json::json!({
                "objectType": "KalturaScheduledVendorTaskData",
                "startDate": start_epoch_s,
                "endDate": end_epoch_s,
            })),
            ..OrderRequest::default()
        };
        let placed = self.sim.place_order(order).await.unwrap();
        if policy == ONCE_PROCESSED {
            self.go_at_once.insert(placed.task_id.to_string());
        }
        let task_id = TaskId::parse(placed.task_id.as_str()).unwrap();
        self.broadcasts
            .push(Broadcast::new(task_id, start_epoch_s, end_epoch_s, says_end));
        self.placed.push(placed);
    }

    /// Tells the whole story: bad times, then good ones, until everything has ended.
    pub async fn tell(mut self, turns: Turns) -> Outcome {
        self.kaltura_goes_wrong(turns.kaltura_fails);
        self.operator_turns = turns.operator_turns;
        let bad_until_epoch_s = self.now_epoch_s() + turns.bad_times_s;
        while self.now_epoch_s() < bad_until_epoch_s {
            if self.placed.len() < turns.orders && self.chaos.happens(0.3) {
                self.place_any(turns.live).await;
            }
            if self.chaos.happens(turns.customer_turns) {
                self.a_customer_turns();
            }
            let pause_s = 5 + self.chaos.below(90) as u64;
            self.pass(pause_s).await;
        }
        while self.placed.len() < turns.orders {
            self.place_any(turns.live).await;
        }
        self.chaos.plan(Plan::Calm);
        self.sim.clear_faults();
        self.operator_turns = 0.0;
        self.good_since_epoch_s = self.now_epoch_s();
        self.vendor.table.open().await.unwrap();
        self.until_all_have_ended().await;
        self.judge()
    }

    /// Good times, until everything has ended and what is to be deleted at once is swept, or for long enough.
    pub async fn until_all_have_ended(&mut self) {
        let until_epoch_s = self.now_epoch_s() + CALM_AT_MOST_S;
        while self.now_epoch_s() < until_epoch_s && !self.all_have_ended() {
            let next_s = self
                .machine
                .next_epoch_s()
                .map_or(300, |next| next.saturating_sub(self.now_epoch_s()));
            let now_epoch_s = self.now_epoch_s();
            let is_live = self
                .broadcasts
                .iter()
                .any(|broadcast| broadcast.is_on(now_epoch_s));
            self.pass(next_s.clamp(10, if is_live { 60 } else { 600 })).await;
        }
        let until_epoch_s = self.now_epoch_s() + 2 * invariants::DELETED_WITHIN_S;
        while self.now_epoch_s() < until_epoch_s && !self.all_is_swept() {
            self.pass(300).await;
        }
        // Whatever still comes late finds that all is over.
        self.pass(300).await;
        self.pass(300).await;
    }

    fn all_have_ended(&self) -> bool {
        let records = self.records();
        let ended = records.iter().filter(|record| record.state.has_ended()).count();
        ended == records.len() && self.unseen().next().is_none()
    }

    /// Whether nothing is left that was to be deleted by now, whatever clock that was written by.
    fn all_is_swept(&self) -> bool {
        let soon_epoch_s = self.now_epoch_s() + 60;
        self.records()
            .iter()
            .all(|record| !record.is_due(Duty::Sweep, soon_epoch_s))
    }

    /// Orders that are still PENDING or SCHEDULED at Kaltura.
    fn unseen(&self) -> impl Iterator<Item = &PlacedOrder> {
        let pending = |order: &&PlacedOrder| matches!(self.sim.status(&order.task_id).unwrap(), 1 | 9);
        self.placed.iter().filter(pending)
    }

    fn kaltura_goes_wrong(&self, chance: f64) {
        if chance <= 0.0 {
            return;
        }
        let api = |code: &str| FaultEffect::api(code);
        let effects = [
            api("ACTION_BLOCKED"),
            api("INTERNAL_SERVERL_ERROR"),
            FaultEffect::HttpStatus { status: 503 },
            FaultEffect::HttpStatus { status: 500 },
            FaultEffect::Html,
            FaultEffect::Empty,
            FaultEffect::Truncated,
            FaultEffect::Reset,
            FaultEffect::ReplyLost,
        ];
        let share = chance / 9.0;
        let mut faults: Vec<Fault> = effects
            .into_iter()
            .map(|effect| Fault {
                probability: Some(share),
                seed: self.chaos.below(1 << 30) as u64,
                ..Fault::new(effect)
            })
            .collect();
        for (service, action, effect) in [
            ("import", "import", FaultEffect::ImportLate { ms: 1_200_000 }),
            (
                "import",
                "import",
                FaultEffect::ImportFails {
                    description: "Failed while reading file. HTTP Error: [403]".to_owned(),
                },
            ),
            ("caption_captionasset", "list", api("SERVICE_FORBIDDEN")),
            (
                "reach_entryvendortask",
                "updateJob",
                FaultEffect::ForbidProperties {
                    names: vec!["status".to_owned()],
                },
            ),
        ] {
            faults.push(Fault {
                probability: Some((chance * 3.0).min(0.5)),
                seed: self.chaos.below(1 << 30) as u64,
                ..Fault::new(effect).on(service, action)
            });
        }
        self.sim.faults(faults);
    }

    fn a_customer_turns(&mut self) {
        let Some(order) = self.placed.get(self.chaos.below(self.placed.len())) else {
            return;
        };
        let task_id = &order.task_id;
        let status = self.sim.status(task_id).unwrap();
        let mut broadcasts = self.broadcasts.iter_mut();
        let broadcast = broadcasts.find(|broadcast| broadcast.task_id.as_str() == task_id.as_str());
        match (
            self.chaos.below(if broadcast.is_some() { 6 } else { 3 }),
            broadcast,
        ) {
            // A task in a final state stays as it is.
            (0, _) if matches!(status, 1 | 3 | 9) => self.sim.abort_order(task_id).unwrap(),
            (1, _) => self.sim.delete_entry(&order.entry_id).unwrap(),
            // An engine that has spoken would have to begin anew.
            (2, None) if status == 6 => self.sim.reset_order(task_id).unwrap(),
            (2, Some(broadcast)) if status == 6 && !broadcast.has_begun() => {
                self.sim.reset_order(task_id).unwrap();
            }
            (3, Some(_)) => self.sim.cancel_event(task_id).unwrap_or_default(),
            (4, Some(_)) => self.sim.delete_event(task_id).unwrap_or_default(),
            (5, Some(broadcast)) if !broadcast.has_begun() => {
                let (start_epoch_s, end_epoch_s) = broadcast.move_by(900);
                let [start, end] = [start_epoch_s, end_epoch_s].map(|at| i64::try_from(at).unwrap());
                // One that was deleted can't be moved.
                self.sim.move_event(task_id, start, end).unwrap_or_default();
            }
            _ => {}
        }
    }

    /// Time passes, and whatever is due happens, all of it at the same time.
    pub async fn pass(&mut self, seconds: u64) {
        self.time.advance(seconds);
        self.sim.advance_clock(Duration::from_secs(seconds));
        let now_epoch_s = self.now_epoch_s();
        self.machine.set_time(now_epoch_s);
        let mut broadcasts = std::mem::take(&mut self.broadcasts);
        let mut due: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
        let periods_s = [60, 600, 900, 600];
        let mut runs = [false; 4];
        for ((next_epoch_s, period_s), runs) in self.next.iter_mut().zip(periods_s).zip(&mut runs) {
            if *next_epoch_s <= now_epoch_s {
                *next_epoch_s = now_epoch_s + period_s;
                *runs = true;
            }
        }
        self.polls += 1;
        let [polls, reconciles, extends, sweeps] = runs;
        if polls {
            due.push(self.vendor.poll(format!("poll {}", self.polls)).boxed_local());
        }
        if reconciles {
            due.push(self.vendor.reconcile().boxed_local());
        }
        if extends {
            due.push(self.vendor.extend_keys().boxed_local());
        }
        if sweeps {
            due.push(self.vendor.sweep().boxed_local());
        }
        if self.chaos.happens(self.operator_turns)
            && let Some(order) = self.placed.get(self.chaos.below(self.placed.len()))
        {
            let task_id = TaskId::parse(order.task_id.as_str()).unwrap();
            due.push(self.vendor.operate(task_id).boxed_local());
        }
        for task_id in self.received() {
            due.push(self.claim(task_id).boxed_local());
        }
        for broadcast in &mut broadcasts {
            due.push(broadcast.go_on(&self.vendor, now_epoch_s).boxed_local());
        }
        for execution in self.machine.due() {
            due.push(self.go_on(execution).boxed_local());
        }
        self.chaos.shuffle(&mut due);
        *lock(&self.invocations) += due.len();
        join_all(due).await;
        self.broadcasts = broadcasts;
        // Imports run beside, in the stand-in, and so do calls whose caller is dead.
        let runtime = tokio::runtime::Handle::current();
        for _ in 0..30 {
            if runtime.metrics().num_alive_tasks() == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.look_around();
    }

    /// Messages that are delivered now: some twice, in any order.
    fn received(&self) -> Vec<TaskId> {
        let now_epoch_s = self.now_epoch_s();
        let mut messages = lock(&self.messages);
        for task_id in lock(&self.vendor.sent).drain(..) {
            let copies = if self.chaos.happens(0.05) { 2 } else { 1 };
            messages.extend((0..copies).map(|_| Message {
                task_id: task_id.clone(),
                receives: 0,
                visible_epoch_s: now_epoch_s,
            }));
        }
        // Beyond five deliveries it lies in the dead-letter queue.
        messages.retain(|message| message.receives < 5);
        let mut received = Vec::new();
        for message in messages
            .iter_mut()
            .filter(|message| message.visible_epoch_s <= now_epoch_s)
        {
            if self.chaos.happens(0.8) {
                message.receives += 1;
                message.visible_epoch_s = now_epoch_s + 210;
                received.push(message.task_id.clone());
            }
        }
        received
    }

    async fn claim(&self, task_id: TaskId) {
        let done = Box::pin(self.vendor.claim(task_id.clone())).await;
        // The deletion of a message that is done with may be lost, too.
        if done && !self.chaos.happens(0.03) {
            let mut messages = lock(&self.messages);
            if let Some(place) = messages.iter().position(|message| message.task_id == task_id) {
                messages.remove(place);
            }
        }
    }

    /// Takes an execution as far as it goes without waiting.
    async fn go_on(&self, execution: crate::machine::Execution) {
        match self.machine.step(&execution) {
            Work::Passed => {}
            Work::Call {
                function,
                ending,
                token,
            } => {
                let call = || {
                    let call = self
                        .vendor
                        .call(&execution, &function, ending.as_deref(), token.as_deref());
                    Box::pin(call)
                };
                let outcome = match self.next_trick(&execution.state) {
                    None => call().await,
                    Some(Trick::Repeat) => {
                        drop(call().await);
                        call().await
                    }
                    Some(Trick::Fail { error, .. }) => {
                        self.prepare(&execution.task_id, &error).await;
                        Err(error)
                    }
                };
                let jitter = self.chaos.below(101) as u64;
                self.machine.answered(&execution, token, outcome, jitter);
            }
        }
    }

    /// What happens to this call of a state's function, if anything.
    fn next_trick(&self, state: &str) -> Option<Trick> {
        let mut tricks = lock(&self.tricks);
        let trick = tricks.get_mut(state)?;
        let now = trick.clone();
        match trick {
            Trick::Fail { times, .. } if *times > 1 => *times -= 1,
            _ => drop(tricks.remove(state)),
        }
        Some(now)
    }

    /// What is the case when a function fails so: a terminal cause is in the record, a task that is gone is gone.
    async fn prepare(&self, task_id: &TaskId, error: &str) {
        match error {
            "Terminal" => {
                let mut record = self.vendor.table.load(task_id).await.unwrap().unwrap();
                record.failure = Some(Failure {
                    name: Trick::CAUSE.to_owned(),
                    detail: "by the story".to_owned(),
                    customer_text: Trick::CAUSE.to_owned(),
                    step: "story".to_owned(),
                });
                assert!(self.vendor.table.save(&mut record).await.unwrap());
            }
            "Gone" => self.sim.abort_order(&task_id.as_str().into()).unwrap(),
            _ => {}
        }
    }

    /// What must hold at any moment.
    fn look_around(&mut self) {
        let now_epoch_s = self.now_epoch_s();
        for record in self.records() {
            if record.key_is_watched() {
                let margin_s = record.key_expires_epoch_s.saturating_sub(now_epoch_s);
                let least_s = self.least_key_margin_s.unwrap_or(u64::MAX).min(margin_s);
                self.least_key_margin_s = Some(least_s);
            }
            let Ok(glance) = self.sim.glance(&record.task_id.as_str().into()) else {
                continue;
            };
            lock(&self.broken).extend(invariants::of_task(&record, &seen(&glance)));
        }
    }

    /// What is in the bucket of a task whose content was to go, whatever the record says.
    fn still_there(&self, record: &TaskRecord) -> Option<Broken> {
        let task_id = record.task_id.as_str();
        if !record.state.has_ended() || !self.go_at_once.contains(task_id) {
            return None;
        }
        let mut keys = self.vendor.objects.keys();
        // `media/9292/…`, `orders/9292.json`
        keys.retain(|key| key.split(['/', '.']).nth(1) == Some(task_id));
        (!keys.is_empty()).then(|| Broken {
            invariant: Invariant::DeletedInTime,
            seen: format!("task {task_id}: {keys:?} are left: {:#?}", record.history),
        })
    }

    /// What must hold in the end.
    pub fn judge(self) -> Outcome {
        let mut broken = std::mem::take(&mut *lock(&self.broken));
        let mut outcome = Outcome {
            blows: self.chaos.struck(),
            visited: self.machine.visited(),
            invocations: *lock(&self.invocations),
            least_key_margin_s: self.least_key_margin_s,
            ..Outcome::default()
        };
        let mut told = Vec::new();
        let records = self.records();
        for order in &self.placed {
            let report = self.sim.order(&order.task_id).unwrap();
            let seen = seen(&self.sim.glance(&order.task_id).unwrap());
            for call in &report.calls {
                if let Some(code) = &call.code {
                    *outcome.faults.entry(code.clone()).or_default() += 1;
                }
            }
            let record = records
                .iter()
                .find(|record| record.task_id.as_str() == order.task_id.as_str());
            let Some(record) = record else {
                // Withdrawn before anybody saw it.
                if report.status != 7 {
                    broken.push(Broken {
                        invariant: Invariant::NoneIsLost,
                        seen: format!("task {} was never seen, status {}", order.task_id, report.status),
                    });
                }
                *outcome.ends.entry("unseen").or_default() += 1;
                continue;
            };
            let (good_since_epoch_s, now_epoch_s) = (self.good_since_epoch_s, self.now_epoch_s());
            let at_the_end = invariants::in_the_end(record, &seen, good_since_epoch_s, now_epoch_s);
            if !at_the_end.is_empty() {
                told.push(tell_of(record, &report));
            }
            broken.extend(at_the_end);
            // No end of ours while Kaltura still waits for it.
            if record.state.has_ended()
                && record.state != TaskState::LeftAlone
                && matches!(report.status, 1 | 3 | 9)
            {
                broken.push(Broken {
                    invariant: Invariant::NoneIsLost,
                    seen: format!(
                        "task {} ({}) is at status {} at kaltura: {:?}",
                        record.task_id,
                        record.state.name(),
                        report.status,
                        record.history
                    ),
                });
            }
            broken.extend(self.still_there(record));
            let mut broadcasts = self.broadcasts.iter();
            if let Some(broadcast) = broadcasts.find(|broadcast| broadcast.task_id == record.task_id) {
                broken.extend(broadcast.judge(&self.vendor, record, report.status));
                if record.state == TaskState::Delivered {
                    *outcome.listeners.entry(broadcast.listener()).or_default() += 1;
                }
            }
            *outcome.ends.entry(record.state.name()).or_default() += 1;
        }
        broken.sort_by(|one, other| one.seen.cmp(&other.seen));
        broken.dedup();
        outcome.broken = broken;
        outcome.told = told;
        outcome
    }
}

/// What both sides know of a task, line by line.
fn tell_of(record: &TaskRecord, report: &OrderReport) -> String {
    let mut lines = vec![format!("task {} at status {}", record.task_id, report.status)];
    lines.extend(record.history.iter().map(|entry| {
        let at_s = entry.at_epoch_s.saturating_sub(START_EPOCH_S);
        format!("  {at_s} s, attempt {}: {}", entry.attempt, entry.what)
    }));
    lines.extend(
        report
            .calls
            .iter()
            .filter(|call| call.service != "reach_entryvendortask")
            .map(|call| {
                let at_s = call.at_ms / 1_000 - i64::try_from(START_EPOCH_S).unwrap();
                format!(
                    "  {at_s} s: {}.{} {:?} {}",
                    call.service, call.action, call.code, call.params
                )
            }),
    );
    lines.extend(
        report
            .assets
            .iter()
            .filter(|asset| asset.by_vendor)
            .map(|asset| format!("  asset {} at {}", asset.id, asset.status)),
    );
    lines.join("\n")
}

/// A task as the customer sees it.
fn seen(glance: &OrderGlance) -> SeenTask {
    // An entry that the customer deletes takes its assets along; what was delivered was delivered.
    let is_deleted = |asset: &AssetGlance| asset.status == 3 && glance.is_entry_deleted;
    SeenTask {
        status: glance.status,
        assets: glance
            .assets
            .iter()
            .map(|asset| SeenAsset {
                id: AssetId::parse(asset.id.as_str()).unwrap(),
                mark: asset.partner_data.clone(),
                is_ready: asset.status == 2 || (is_deleted(asset) && asset.has_file),
            })
            .collect(),
        is_charged: glance.charged,
        is_refunded: glance.refunded,
    }
}
