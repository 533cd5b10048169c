//! The task's record: all that the pipeline knows of one task, under its task id.
//!
//! What lives here: the record, its states, what may change it, and which index it stands in. What does not: how it is
//! stored ([`crate::aws`]), and the order's own data (the order as Kaltura sent it is an object in S3).

use engines::{CompletionToken, WorkKind};
use kaltura::{AccessKey, AssetId, EntryId, PartnerId, ServiceFeature, TaskId};
use serde::{Deserialize, Serialize};

use crate::error::{Failure, StepError};
use crate::people::PeopleRecord;
use crate::plan::{LiveEvent, Plan};

/// The version of [`TaskRecord`]'s shape that this code writes. A record of a later version is refused
/// (`RecordUnreadable`) rather than misread; older ones are read by serde defaults.
pub const RECORD_VERSION: u32 = 3;

/// After this long without being claimed, a task is sent again. Longer than the queue's visibility time-out times its
/// deliveries, so that a slow claim is not overtaken; a double is harmless anyway.
pub const RESEND_AFTER_S: u64 = 20 * 60;

/// A running task is looked at so long after it was claimed: its start may have been lost.
pub const FIRST_CHECK_AFTER_S: u64 = 20 * 60;

/// A running task is looked at so often after that: whether the customer has withdrawn it, and whether its execution runs.
pub const CHECK_EVERY_S: u64 = 60 * 60;

/// A running task whose work an engine has taken on is looked at so often: the engine's word that it has ended may be lost, and
/// some ends are told by nobody. No less than reconcile's schedule.
pub const CHECK_JOBS_EVERY_S: u64 = 10 * 60;

/// A function works on for so long after its execution was stopped: Lambda's longest time-out, and a minute.
pub const FUNCTION_ENDS_WITHIN_S: u64 = 16 * 60;

/// The first pause of a parked task; doubled each time up to [`PARK_LONGEST_S`].
pub const PARK_FIRST_S: u64 = 10 * 60;

/// The longest pause of a parked task.
pub const PARK_LONGEST_S: u64 = 6 * 60 * 60;

/// The record of an ended task is kept for so long: more than a year, for questions that come late.
pub const KEPT_AFTER_END_S: u64 = 400 * 24 * 60 * 60;

/// How many entries of history a record keeps: enough for several attempts, and far below DynamoDB's 400 KB.
const HISTORY_ENTRIES: usize = 100;

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TaskState {
    /// Seen and kept, not yet in the queue.
    Kept,
    /// In the queue, not yet claimed.
    Queued,
    /// Claimed: an execution works on it.
    Running,
    /// Out of retries for a passing fault, or stopped by a fault of ours: tried again later.
    Parked,
    /// READY at Kaltura: ended.
    Delivered,
    /// ERROR at Kaltura: ended.
    Failed,
    /// Aborted, deleted or ended elsewhere: ended without a word.
    Gone,
    /// Not ours: another stack's region. Left as it is at Kaltura.
    LeftAlone,
}

impl TaskState {
    /// The state's name, as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "Kept",
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Parked => "Parked",
            Self::Delivered => "Delivered",
            Self::Failed => "Failed",
            Self::Gone => "Gone",
            Self::LeftAlone => "LeftAlone",
        }
    }

    /// Whether nothing more is done for the task.
    pub fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Failed | Self::Gone | Self::LeftAlone
        )
    }
}

/// What a task waits for, by time: the partitions of the `due` index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// To be sent again: in the queue for long without being claimed, or parked long enough.
    Send,
    /// To be looked at: it is worked on, and what works on it may have died, or the customer have withdrawn it.
    Check,
    /// To be deleted, all that was stored for it.
    Sweep,
}

impl Duty {
    /// The name, as stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Check => "check",
            Self::Sweep => "sweep",
        }
    }
}

/// What a task is in the eyes of admission: the partitions of the `stage` index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Kept, and not yet admitted.
    Waiting,
    /// Admitted: in the queue, or worked on. It counts against the capacity.
    InFlight,
    /// Kept, and of a live event: admitted at once, whatever the capacity (`crate::admission`).
    WaitingForEvent,
    /// Admitted, and of a live event. It counts against nothing.
    AtEvent,
}

impl Stage {
    /// The name, as stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::InFlight => "in-flight",
            Self::WaitingForEvent => "waiting-for-event",
            Self::AtEvent => "at-event",
        }
    }
}

/// What was deleted of a task's data, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionReport {
    /// When.
    pub at_epoch_s: u64,
    /// How many objects and versions of objects.
    pub objects: u64,
    /// Their size together.
    pub size_bytes: u64,
}

/// The media in S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMedia {
    /// The object's key.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its duration, as the playlist or the file says; `None` where neither does.
    pub duration_ms: Option<u64>,
    /// Its container: `mp4`, `m4a`, `ts`.
    pub container: String,
}

/// What an engine or people made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResult {
    /// The key of the result (`engines::JobResult` as JSON).
    pub key: String,
    /// The accuracy that goes to Kaltura, in percent.
    pub accuracy_percent: u8,
    /// The engine's name and version.
    pub engine: String,
    /// What was made: `transcript`, `captions`, `sound` and so on (`engines::Output::name`).
    #[serde(default = "transcript")]
    pub output: String,
}

fn transcript() -> String {
    "transcript".to_owned()
}

/// A job that an engine, or people, took on: its end is told from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedWork {
    /// The job's name, of task, attempt and kind of work.
    pub job_id: String,
    /// The engine's own name of it.
    pub external_id: String,
    /// By what the waiting state is completed. A later entry into the state brings another.
    pub token: CompletionToken,
    /// When it was taken on.
    pub since_epoch_s: u64,
    /// How far it is, where the engine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<WorkProgress>,
}

/// How far a job is, as its engine told when it was asked last and had something new to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkProgress {
    /// From 0 to 100.
    pub percent: u8,
    /// When it was told first.
    pub at_epoch_s: u64,
}

/// A job that an engine keeps something of, running or ended, until it is told to forget it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptJob {
    /// The engine's name.
    pub engine: String,
    /// The kind of work.
    pub kind: WorkKind,
    /// The job's name.
    pub job_id: String,
    /// The engine's own name of it.
    pub external_id: String,
}

/// One piece of work of the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkRecord {
    /// The job that runs, or waits for people.
    #[serde(default)]
    pub accepted: Option<AcceptedWork>,
    /// What came of it.
    #[serde(default)]
    pub result: Option<StoredResult>,
    /// The job that ended with that result, as long as the state machine was not told.
    #[serde(default)]
    pub untold: Option<AcceptedWork>,
    /// Why it was not needed; a work with a result or with this is done.
    #[serde(default)]
    pub skipped: Option<String>,
}

impl WorkRecord {
    /// Whether nothing more is to be done.
    pub fn is_done(&self) -> bool {
        self.result.is_some() || self.skipped.is_some()
    }
}

/// What a deliverable becomes at Kaltura.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveredAs {
    /// A caption asset.
    #[default]
    Caption,
    /// A flavor asset.
    Flavor,
    /// An attachment asset.
    Attachment,
    /// Cue points of the entry.
    CuePoints,
    /// Tags of the entry.
    Tags,
}

impl DeliveredAs {
    /// Whether it is an asset, with a status and a mark.
    pub fn is_asset(self) -> bool {
        matches!(self, Self::Caption | Self::Flavor | Self::Attachment)
    }
}

/// An import at Kaltura, or the upload that replaces it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// How many imports by URL were begun.
    pub url_tries: u32,
    /// Whether the deliverable went up by upload token.
    pub by_upload_token: bool,
    /// When the running import was begun; `None` where none runs.
    pub begun_epoch_s: Option<u64>,
    /// How often the running import was looked at: the waits grow with it.
    pub looks: u32,
    /// Kaltura's description of the last failure.
    pub last_failure: Option<String>,
}

/// One deliverable: a file of ours and the asset that it becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverableRecord {
    /// What it becomes.
    #[serde(default)]
    pub delivered_as: DeliveredAs,
    /// The file's key in S3, once rendered.
    pub key: Option<String>,
    /// Its size.
    pub size_bytes: u64,
    /// When the add was about to be sent: written before the call. An add whose answer was lost leaves this set and
    /// `asset_id` empty; the asset is then looked for by its mark before another is added.
    pub add_begun_epoch_s: Option<u64>,
    /// The asset, once Kaltura told its id. Only assets that stand here are ever written to. Of chapters it is the first cue
    /// point, of tags the entry.
    pub asset_id: Option<AssetId>,
    /// The asset is the customer's own, linked and left as it is: a READY clear track that was there before.
    #[serde(default)]
    pub is_linked: bool,
    /// The asset is of an earlier life of the task, which Kaltura reset since: whatever its status, its content is not what was
    /// ordered now.
    #[serde(default)]
    pub content_is_old: bool,
    /// How many adds lost their answer where the server refuses a list: each may have left an empty asset (QUEUED, shown to
    /// nobody) that we can neither find nor delete.
    #[serde(default)]
    pub abandoned_adds: u32,
    /// The state of its content.
    pub import: Import,
    /// Whether the asset was seen READY.
    pub ready: bool,
}

impl DeliverableRecord {
    /// What a task that is taken on afresh keeps of a deliverable: its own asset, which gets the new content, so that the
    /// customer never has two of one deliverable.
    #[must_use]
    pub fn of_former_life(self) -> Self {
        if self.is_linked || !self.delivered_as.is_asset() {
            return Self::default();
        }
        Self {
            delivered_as: self.delivered_as,
            content_is_old: self.add_begun_epoch_s.is_some(),
            add_begun_epoch_s: self.add_begun_epoch_s,
            asset_id: self.asset_id,
            abandoned_adds: self.abandoned_adds,
            ..Self::default()
        }
    }
}

/// What is known of a live order's event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRecord {
    /// The event, with the times that Kaltura told last; `None` where the order names none.
    #[serde(default)]
    pub event: Option<LiveEvent>,
    /// In which attempt its stream was provisioned: written before it is. A stream of an earlier attempt is of an earlier life
    /// of the task, which Kaltura reset since.
    #[serde(default)]
    pub provisioned_in: Option<u32>,
    /// When it went on air: the first caption was handed out, and PROCESSING is set.
    #[serde(default)]
    pub on_air_epoch_s: Option<u64>,
    /// Whether its stream has ended with nobody waiting for that, and every reader has all of it: whoever comes to wait goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
    /// Where its captions go once it is over: the entry that was recorded of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<EntryId>,
}

/// How often a task was parked, and until when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parking {
    /// How often, over all attempts.
    pub times: u32,
    /// When it is due again.
    pub until_epoch_s: u64,
    /// Before this it must not go on, whoever asks: a function of the former attempt may still work.
    #[serde(default)]
    pub not_before_epoch_s: u64,
}

/// One line of a task's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at_epoch_s: u64,
    /// In which attempt.
    pub attempt: u32,
    /// What happened, in a few words.
    pub what: String,
    /// How often, one after the other; the time is the last one's.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// All that the pipeline knows of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The version of this shape, [`RECORD_VERSION`].
    pub record_version: u32,
    /// Counts the writes; each write is conditional on it.
    pub version: u64,
    /// The task.
    pub task_id: TaskId,
    /// The customer.
    pub partner_id: PartnerId,
    /// The entry; `None` for an order without one.
    pub entry_id: Option<EntryId>,
    /// `serviceFeature`, as Kaltura's number.
    pub service_feature: i64,
    /// `serviceType`, as Kaltura's number.
    pub service_type: i64,
    /// Where the task is in its life.
    pub state: TaskState,
    /// Which attempt works on it, from 1. An execution with another number must not act.
    pub attempt: u32,
    /// The task's access key. The table is encrypted; the key is never logged.
    pub access_key: AccessKey,
    /// When the key expires: read from the key, or reckoned.
    pub key_expires_epoch_s: u64,
    /// `turnAroundTime` of the job, in seconds or as one of Kaltura's named values.
    pub turn_around_time: Option<i64>,
    /// When the job was created at Kaltura.
    pub created_epoch_s: u64,
    /// When it was queued at Kaltura: a newer one means that Kaltura reset the task.
    pub queue_time_epoch_s: u64,
    /// By when the customer expects it.
    pub expected_finish_epoch_s: Option<u64>,
    /// When it was kept.
    pub kept_epoch_s: u64,
    /// When it was sent last.
    pub sent_epoch_s: Option<u64>,
    /// When the current attempt was claimed.
    pub claimed_epoch_s: Option<u64>,
    /// When a running task is looked at next; from the claim on.
    #[serde(default)]
    pub check_at_epoch_s: Option<u64>,
    /// When it ended.
    pub ended_epoch_s: Option<u64>,
    /// The key of the order in S3.
    pub order_key: Option<String>,
    /// What to do and to deliver.
    pub plan: Option<Plan>,
    /// The media, once fetched.
    pub media: Option<StoredMedia>,
    /// The customer's text that the work is on, once fetched: the key of its cues or text.
    #[serde(default)]
    pub source_text_key: Option<String>,
    /// The work, in the order of the plan's.
    #[serde(default)]
    pub works: Vec<WorkRecord>,
    /// The jobs that engines keep something of, over all attempts, and have not yet been told to forget. They stand here before
    /// they are begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<KeptJob>,
    /// When engines that could not forget a job are told again; set once all else was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forget_at_epoch_s: Option<u64>,
    /// The result as records of version 2 had it: of the one work that there was. [`TaskRecord::upgraded`] moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<StoredResult>,
    /// Whether the captions know their transcripts.
    #[serde(default)]
    pub transcripts_linked: bool,
    /// The deliverables, in the order of the plan's.
    pub deliverables: Vec<DeliverableRecord>,
    /// The terminal cause, if a step met one.
    pub failure: Option<Failure>,
    /// What an operator wants the customer told, with ERROR: the next attempt does nothing else.
    #[serde(default)]
    pub fail_text: Option<String>,
    /// Parking.
    pub parking: Parking,
    /// By when everything of the task must be deleted.
    pub delete_at_epoch_s: Option<u64>,
    /// What was deleted.
    #[serde(default)]
    pub deleted: Option<DeletionReport>,
    /// What happened, the latest last.
    pub history: Vec<HistoryEntry>,
    /// What people do with it, where it is theirs.
    #[serde(default, skip_serializing_if = "PeopleRecord::is_empty")]
    pub people: PeopleRecord,
    /// The event, of a live order; `None` for every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveRecord>,
}

impl TaskRecord {
    /// A record as this code writes it: what an older version kept elsewhere is moved. To be called on what is read.
    #[must_use]
    pub fn upgraded(mut self) -> Self {
        if let Some(plan) = &self.plan {
            if self.works.len() < plan.works.len() {
                self.works.resize_with(plan.works.len(), WorkRecord::default);
            }
            if let Some(result) = self.result.take()
                && let Some(first) = self.works.first_mut()
            {
                first.result.get_or_insert(result);
            }
        }
        self
    }

    /// The plan of a task that is to be worked on, kept beside the records of its parts.
    pub fn set_plan(&mut self, plan: Plan) {
        // A task that goes on after parking keeps what was made and delivered so far.
        self.works.resize_with(plan.works.len(), WorkRecord::default);
        self.deliverables
            .resize_with(plan.deliverables.len(), DeliverableRecord::default);
        let former = self.plan.take().map(|plan| plan.deliverables).unwrap_or_default();
        for (index, deliverable) in plan.deliverables.iter().enumerate() {
            let record = &mut self.deliverables[index];
            // An asset of another kind, language or format can't become this one.
            if former.get(index).is_some_and(|former| former != deliverable) {
                *record = DeliverableRecord::default();
            }
            record.delivered_as = deliverable.delivered_as();
        }
        self.plan = Some(plan);
    }

    /// The work to be done next: its place in the plan. `None` when all is done.
    pub fn next_work(&self) -> Option<usize> {
        self.works.iter().position(|work| !work.is_done())
    }

    /// What was made, the latest first.
    pub fn results(&self) -> impl Iterator<Item = &StoredResult> {
        self.works.iter().rev().filter_map(|work| work.result.as_ref())
    }

    /// The job of the task that an engine, or people, have taken on and not yet ended.
    pub fn accepted(&self) -> Option<(usize, &AcceptedWork)> {
        let index = self.next_work()?;
        Some((index, self.works[index].accepted.as_ref()?))
    }

    /// Whether a piece of work of the plan is people's.
    pub fn is_of_people(&self, index: usize) -> bool {
        let planned = self.plan.as_ref().and_then(|plan| plan.works.get(index));
        planned.is_some_and(|work| work.engine == engines::people::NAME)
    }

    /// The job of the task that the state machine waits for: one that runs, or one that has ended while the state machine
    /// could not be told.
    pub fn awaited(&self) -> Option<(usize, &AcceptedWork)> {
        let untold = || {
            let works = self.works.iter().enumerate();
            works
                .rev()
                .find_map(|(index, work)| Some((index, work.untold.as_ref()?)))
        };
        untold().or_else(|| self.accepted())
    }

    /// Writes down that an engine keeps something of a job; of one that stands here, the later external id holds.
    pub fn keep_job(&mut self, job: &KeptJob) {
        let known = |kept: &&mut KeptJob| kept.engine == job.engine && kept.job_id == job.job_id;
        match self.jobs.iter_mut().find(known) {
            Some(kept) => kept.external_id.clone_from(&job.external_id),
            None => self.jobs.push(job.clone()),
        }
    }

    /// Adds a line to the history; the oldest go when it is full. The same again is counted.
    pub fn note(&mut self, at_epoch_s: u64, what: impl Into<String>) {
        let what = what.into();
        let last = self.history.last_mut();
        if let Some(last) = last.filter(|last| last.attempt == self.attempt && last.what == what) {
            last.at_epoch_s = at_epoch_s;
            last.times = last.times.saturating_add(1);
            return;
        }
        if self.history.len() >= HISTORY_ENTRIES {
            self.history.remove(0);
        }
        self.history.push(HistoryEntry {
            at_epoch_s,
            attempt: self.attempt,
            what,
            times: 1,
        });
    }

    /// What is due for the task and when, or `None` if it waits for nothing. The `due` index holds just the records for
    /// which this is `Some`.
    pub fn due(&self) -> Option<(Duty, u64)> {
        match self.state {
            TaskState::Kept => None,
            TaskState::Queued => {
                let sent_epoch_s = self.sent_epoch_s.unwrap_or(self.kept_epoch_s);
                Some((Duty::Send, sent_epoch_s + RESEND_AFTER_S))
            }
            TaskState::Parked => Some((Duty::Send, self.parking.until_epoch_s)),
            TaskState::Running => {
                let claimed_epoch_s = self.claimed_epoch_s.unwrap_or(self.kept_epoch_s);
                let check_at_epoch_s = self.check_at_epoch_s;
                Some((
                    Duty::Check,
                    check_at_epoch_s.unwrap_or(claimed_epoch_s + FIRST_CHECK_AFTER_S),
                ))
            }
            TaskState::Delivered | TaskState::Failed | TaskState::Gone | TaskState::LeftAlone => {
                let delete_at_epoch_s = match &self.deleted {
                    None => self.delete_at_epoch_s,
                    Some(_) => self.forget_at_epoch_s,
                };
                delete_at_epoch_s.map(|at| (Duty::Sweep, at))
            }
        }
    }

    /// Whether this is due for the task by now.
    pub fn is_due(&self, duty: Duty, now_epoch_s: u64) -> bool {
        self.due()
            .is_some_and(|(due, at_epoch_s)| due == duty && at_epoch_s <= now_epoch_s)
    }

    /// What admission sees; `None` for a task that neither waits nor counts. The `stage` index holds just the records for
    /// which this is `Some`.
    pub fn stage(&self) -> Option<Stage> {
        match (self.state, &self.live) {
            (TaskState::Kept, None) => Some(Stage::Waiting),
            (TaskState::Queued | TaskState::Running, None) => Some(Stage::InFlight),
            (TaskState::Kept, Some(_)) => Some(Stage::WaitingForEvent),
            (TaskState::Queued | TaskState::Running, Some(_)) => Some(Stage::AtEvent),
            _ => None,
        }
    }

    /// When the work on it began to be a matter of hours: its claim, and of a live order the end of its event.
    pub fn hours_count_from_epoch_s(&self) -> Option<u64> {
        let event = self.live.as_ref().and_then(|live| live.event.as_ref());
        let event_ends_epoch_s = event.map_or(0, |event| event.end_epoch_s);
        Some(self.claimed_epoch_s?.max(event_ends_epoch_s))
    }

    /// Since when the customer of a task waits that is not done: since it was kept, and of a live order since the end of its
    /// event.
    pub fn waited_for_since_epoch_s(&self) -> u64 {
        let event = self.live.as_ref().and_then(|live| live.event.as_ref());
        self.kept_epoch_s.max(event.map_or(0, |event| event.end_epoch_s))
    }

    /// Whether all that is to be delivered was: every work is done and every deliverable READY. Of a live order the captions
    /// were delivered while the event was on air, and there need be nothing else.
    pub fn is_delivered(&self) -> bool {
        let was_on_air = self
            .live
            .as_ref()
            .is_some_and(|live| live.on_air_epoch_s.is_some());
        let has_worked = !self.works.is_empty() && self.next_work().is_none();
        (!self.deliverables.is_empty() || (was_on_air && has_worked))
            && self.deliverables.iter().all(|deliverable| deliverable.ready)
    }

    /// When the record itself may go; `None` as long as anything is still to be done for the task.
    pub fn expires_epoch_s(&self) -> Option<u64> {
        let ended_epoch_s = self
            .ended_epoch_s
            .filter(|_| self.state.has_ended() && self.due().is_none());
        ended_epoch_s.map(|ended_epoch_s| ended_epoch_s + KEPT_AFTER_END_S)
    }

    /// Whether the key must be kept alive. The `keys` index holds just the records for which this is true.
    pub fn key_is_watched(&self) -> bool {
        // From the claim on it is PROCESSING at Kaltura, or SCHEDULED for its event; before, a key can't be extended. An operator
        // may have parked it then.
        match self.state {
            TaskState::Running => true,
            TaskState::Parked => self.claimed_epoch_s.is_some(),
            _ => false,
        }
    }

    /// By when the customer expects the task, as long as it has not ended. The `deadline` index holds just the records for
    /// which this is `Some`.
    pub fn deadline_epoch_s(&self) -> Option<u64> {
        // A live order is due when its event is, which may be months after it was expected by the catalog item's measure.
        self.expected_finish_epoch_s
            .filter(|_| !self.state.has_ended() && self.live.is_none())
    }

    /// Fails unless `attempt` may act on this record.
    pub fn check_attempt(&self, attempt: u32) -> Result<(), StepError> {
        if self.attempt != attempt {
            return Err(StepError::StaleAttempt {
                task_id: self.task_id.to_string(),
                asked: attempt,
                current: self.attempt,
            });
        }
        if self.state.has_ended() {
            return Err(StepError::Ended {
                task_id: self.task_id.to_string(),
                state: self.state.name().to_owned(),
            });
        }
        Ok(())
    }

    /// Parks the task: due again after a pause that doubles each time.
    pub fn park(&mut self, now_epoch_s: u64, why: &str) {
        let pause_s = PARK_FIRST_S
            .checked_shl(self.parking.times.min(16))
            .unwrap_or(PARK_LONGEST_S)
            .min(PARK_LONGEST_S);
        self.parking.times = self.parking.times.saturating_add(1);
        self.park_until(now_epoch_s + pause_s);
        self.note(now_epoch_s, format!("parked for {pause_s} s: {why}"));
    }

    /// Parks the task until then, or as long as a function of this attempt may still work.
    pub fn park_until(&mut self, until_epoch_s: u64) {
        self.parking.until_epoch_s = until_epoch_s.max(self.parking.not_before_epoch_s);
        self.state = TaskState::Parked;
    }

    /// Ends the task.
    pub fn end(&mut self, state: TaskState, now_epoch_s: u64, why: &str) {
        self.state = state;
        self.ended_epoch_s = Some(now_epoch_s);
        self.delete_at_epoch_s = self
            .plan
            .as_ref()
            .and_then(|plan| plan.deletion.delete_at_epoch_s(now_epoch_s));
        self.note(now_epoch_s, format!("{}: {why}", state.name()));
    }

    /// What was ordered, by Kaltura's name in small letters, or the number of a service that this version doesn't know.
    pub fn service(&self) -> String {
        match ServiceFeature::from(self.service_feature) {
            ServiceFeature::Other(number) => number.to_string(),
            known => known.name().to_lowercase().replace('_', " "),
        }
    }

    /// The mark that our asset of deliverable `index` carries in `partnerData`, by which it is found again.
    pub fn mark(&self, index: usize) -> String {
        format!("{{\"reachTask\":\"{}\",\"deliverable\":{index}}}", self.task_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample_record;
    use crate::plan::{Deliverable, PlannedWork};

    #[test]
    fn each_state_has_its_duty_and_its_stage() {
        let mut record = sample_record("9292".parse().unwrap());
        record.kept_epoch_s = 100;
        assert_eq!((record.due(), record.stage()), (None, Some(Stage::Waiting)));
        record.state = TaskState::Queued;
        record.sent_epoch_s = Some(160);
        let in_flight = Some(Stage::InFlight);
        assert_eq!(
            (record.due(), record.stage()),
            (Some((Duty::Send, 160 + RESEND_AFTER_S)), in_flight)
        );
        record.state = TaskState::Running;
        record.claimed_epoch_s = Some(200);
        assert_eq!(
            (record.due(), record.stage()),
            (Some((Duty::Check, 200 + FIRST_CHECK_AFTER_S)), in_flight)
        );
        record.check_at_epoch_s = Some(5_000);
        assert_eq!(record.due(), Some((Duty::Check, 5_000)));
        assert!(record.is_due(Duty::Check, 5_000) && !record.is_due(Duty::Check, 4_999));
        assert!(!record.is_due(Duty::Send, 5_000));
        record.park(1_000, "kaltura is down");
        assert_eq!(
            (record.due(), record.stage()),
            (Some((Duty::Send, 1_000 + PARK_FIRST_S)), None)
        );
        for state in [
            TaskState::Delivered,
            TaskState::Failed,
            TaskState::Gone,
            TaskState::LeftAlone,
        ] {
            record.state = state;
            record.delete_at_epoch_s = None;
            assert_eq!((record.due(), record.stage()), (None, None), "{state:?}");
            record.delete_at_epoch_s = Some(7_000);
            assert_eq!(record.due(), Some((Duty::Sweep, 7_000)), "{state:?}");
        }
        record.deleted = Some(DeletionReport {
            at_epoch_s: 7_001,
            objects: 3,
            size_bytes: 5,
        });
        assert_eq!(record.due(), None, "once is enough");
    }

    /// Items of the table have them: another name would not be found in the index.
    #[test]
    fn duties_and_stages_are_stored_by_name() {
        let duties = [Duty::Send, Duty::Check, Duty::Sweep].map(Duty::name);
        assert_eq!(duties, ["send", "check", "sweep"]);
        let stages = [
            Stage::Waiting,
            Stage::InFlight,
            Stage::WaitingForEvent,
            Stage::AtEvent,
        ]
        .map(Stage::name);
        assert_eq!(stages, ["waiting", "in-flight", "waiting-for-event", "at-event"]);
    }

    #[test]
    fn a_live_order_takes_no_capacity_and_its_hours_count_from_its_events_end() {
        let mut record = sample_record("9292".parse().unwrap());
        record.kept_epoch_s = 100;
        assert_eq!(record.waited_for_since_epoch_s(), 100);
        record.live = Some(LiveRecord {
            event: Some(LiveEvent {
                event_id: 7.into(),
                start_epoch_s: 80_000,
                end_epoch_s: 90_000,
            }),
            ..LiveRecord::default()
        });
        assert_eq!(record.stage(), Some(Stage::WaitingForEvent));
        for state in [TaskState::Queued, TaskState::Running] {
            record.state = state;
            assert_eq!(record.stage(), Some(Stage::AtEvent), "{state:?}");
        }
        record.claimed_epoch_s = Some(200);
        assert_eq!(record.hours_count_from_epoch_s(), Some(90_000));
        assert_eq!(record.waited_for_since_epoch_s(), 90_000);
        assert_eq!(record.deadline_epoch_s(), None);
        record.live = Some(LiveRecord::default());
        assert_eq!(record.hours_count_from_epoch_s(), Some(200), "no event is known");
    }

    #[test]
    fn a_record_goes_when_nothing_is_left_to_do() {
        let mut record = sample_record("9292".parse().unwrap());
        assert_eq!(record.expires_epoch_s(), None);
        record.end(TaskState::Delivered, 500, "READY");
        assert_eq!(record.expires_epoch_s(), Some(500 + 400 * 86_400));
        record.delete_at_epoch_s = Some(900);
        assert_eq!(record.expires_epoch_s(), None, "its data must go first");
    }

    #[test]
    fn parking_doubles_its_pause_up_to_the_longest() {
        let mut record = sample_record("9292".parse().unwrap());
        let mut pauses = Vec::new();
        for _ in 0..8 {
            record.park(1_000, "kaltura is down");
            pauses.push(record.parking.until_epoch_s - 1_000);
        }
        assert_eq!(pauses, [600, 1_200, 2_400, 4_800, 9_600, 19_200, 21_600, 21_600]);
    }

    #[test]
    fn another_attempt_is_stale_and_an_ended_task_is_ended() {
        let mut record = sample_record("9292".parse().unwrap());
        record.attempt = 2;
        assert_eq!(record.check_attempt(1).unwrap_err().class(), crate::Class::Stale);
        assert!(record.check_attempt(2).is_ok());
        record.end(TaskState::Delivered, 5, "READY");
        assert_eq!(record.check_attempt(2).unwrap_err().class(), crate::Class::Gone);
    }

    #[test]
    fn a_service_has_a_name_for_people() {
        let mut record = sample_record("9292".parse().unwrap());
        let mut named = |number| {
            record.service_feature = number;
            record.service()
        };
        assert_eq!(named(4), "audio description");
        assert_eq!(named(4_000), "4000");
    }

    #[test]
    fn a_former_asset_is_kept_and_gets_the_new_content() {
        let added = DeliverableRecord {
            add_begun_epoch_s: Some(5),
            asset_id: AssetId::parse("0_a").ok(),
            key: Some("deliverables/9292/old.srt".to_owned()),
            ready: true,
            ..DeliverableRecord::default()
        };
        let kept = added.clone().of_former_life();
        assert_eq!((&kept.asset_id, kept.content_is_old), (&added.asset_id, true));
        assert!(!kept.ready && kept.key.is_none());
        let linked = DeliverableRecord {
            is_linked: true,
            ..added.clone()
        };
        assert_eq!(
            linked.of_former_life(),
            DeliverableRecord::default(),
            "the customer's"
        );
        assert!(
            !DeliverableRecord::default().of_former_life().content_is_old,
            "nothing was added"
        );
    }

    #[test]
    fn history_keeps_the_latest() {
        let mut record = sample_record("9292".parse().unwrap());
        for at in 0..250 {
            record.note(at, format!("event {at}"));
        }
        assert_eq!(record.history.len(), HISTORY_ENTRIES);
        assert_eq!(record.history.last().unwrap().at_epoch_s, 249);
        for at in 300..400 {
            record.note(at, "the same");
        }
        let last = record.history.last().unwrap();
        assert_eq!((last.at_epoch_s, last.times), (399, 100));
        assert_eq!(
            record.history[HISTORY_ENTRIES - 2].what,
            "event 249",
            "it drove nothing out"
        );
    }

    /// A record whose plan has one work for each of these engines, and those deliverables.
    fn planned(engines: &[&str], deliverables: Vec<Deliverable>) -> TaskRecord {
        let mut record = sample_record("9292".parse().unwrap());
        record.set_plan(plan(engines, deliverables));
        record
    }

    fn plan(engines: &[&str], deliverables: Vec<Deliverable>) -> Plan {
        let sample = crate::memory::sample_people_record(&"9292".parse().unwrap());
        let works = engines.iter().map(|engine| PlannedWork {
            kind: WorkKind::Recognise,
            engine: (*engine).to_owned(),
            handover: None,
        });
        Plan {
            works: works.collect(),
            deliverables,
            ..sample.plan.unwrap()
        }
    }

    fn result(key: &str) -> StoredResult {
        StoredResult {
            key: key.to_owned(),
            accuracy_percent: 90,
            engine: "test 1".to_owned(),
            output: transcript(),
        }
    }

    fn job(external_id: &str) -> AcceptedWork {
        AcceptedWork {
            job_id: format!("job of {external_id}"),
            external_id: external_id.to_owned(),
            token: CompletionToken::new("token"),
            since_epoch_s: 1,
            progress: None,
        }
    }

    /// A line that was written before lines were counted was one.
    #[test]
    fn a_line_of_history_that_tells_no_number_is_one() {
        let line = serde_json::json!({ "at_epoch_s": 5, "attempt": 1, "what": "claimed" });
        let line: HistoryEntry = serde_json::from_value(line).unwrap();
        assert_eq!(line.times, 1);
        let mut record = sample_record("9292".parse().unwrap());
        record.history = vec![line];
        record.note(6, "claimed");
        record.attempt = 2;
        record.note(7, "claimed");
        let lines: Vec<_> = record
            .history
            .iter()
            .map(|line| (line.at_epoch_s, line.attempt, line.times))
            .collect();
        assert_eq!(lines, [(6, 1, 2), (7, 2, 1)], "another attempt's is another line");
    }

    #[test]
    fn an_older_record_gets_the_works_of_its_plan_and_its_result_is_the_first_ones() {
        let mut old = planned(&["a", "b"], Vec::new());
        old.works.truncate(1);
        old.result = Some(result("old"));
        let upgraded = old.clone().upgraded();
        assert_eq!(upgraded.works.len(), 2);
        assert_eq!(upgraded.works[0].result, Some(result("old")));
        assert_eq!((upgraded.next_work(), upgraded.result.as_ref()), (Some(1), None));
        assert_eq!(upgraded.clone().upgraded(), upgraded, "once is enough");
        old.works[0].result = Some(result("new"));
        assert_eq!(
            old.upgraded().works[0].result,
            Some(result("new")),
            "what is there stays"
        );
        let mut more = planned(&["a"], Vec::new());
        more.works.push(WorkRecord::default());
        assert_eq!(more.clone().upgraded(), more, "nothing is thrown away");
    }

    #[test]
    fn the_next_work_is_the_first_that_is_neither_done_nor_skipped() {
        let mut record = planned(&["a", "b", "c"], Vec::new());
        assert_eq!(record.next_work(), Some(0));
        assert_eq!(record.accepted(), None);
        record.works[0].result = Some(result("first"));
        record.works[1].skipped = Some("not needed".to_owned());
        assert_eq!(record.next_work(), Some(2));
        record.works[2].accepted = Some(job("c"));
        assert_eq!(record.accepted(), Some((2, &job("c"))));
        record.works[2].result = Some(result("third"));
        assert_eq!((record.next_work(), record.accepted()), (None, None));
        let keys: Vec<_> = record.results().map(|result| result.key.as_str()).collect();
        assert_eq!(keys, ["third", "first"], "the latest first");
    }

    #[test]
    fn the_state_machine_waits_for_what_it_was_not_told_before_what_runs() {
        let mut record = planned(&["a", "b", "c"], Vec::new());
        record.works[0].untold = Some(job("a"));
        record.works[0].result = Some(result("first"));
        assert_eq!(record.awaited(), Some((0, &job("a"))));
        record.works[1].accepted = Some(job("b"));
        assert_eq!(record.awaited(), Some((0, &job("a"))));
        record.works[0].untold = None;
        assert_eq!(record.awaited(), Some((1, &job("b"))));
    }

    #[test]
    fn a_work_is_peoples_by_its_engine() {
        let record = planned(&["a", engines::people::NAME], Vec::new());
        assert_eq!(
            [0, 1, 2].map(|index| record.is_of_people(index)),
            [false, true, false]
        );
        assert!(!sample_record("9292".parse().unwrap()).is_of_people(0), "no plan");
    }

    #[test]
    fn a_job_is_kept_once_an_engine_with_the_later_external_id() {
        let mut record = sample_record("9292".parse().unwrap());
        let kept = |engine: &str, job_id: &str, external_id: &str| KeptJob {
            engine: engine.to_owned(),
            kind: WorkKind::Recognise,
            job_id: job_id.to_owned(),
            external_id: external_id.to_owned(),
        };
        record.keep_job(&kept("a", "one", ""));
        record.keep_job(&kept("a", "two", "2"));
        record.keep_job(&kept("b", "one", "3"));
        record.keep_job(&kept("a", "one", "1"));
        assert_eq!(
            record.jobs,
            [
                kept("a", "one", "1"),
                kept("a", "two", "2"),
                kept("b", "one", "3")
            ]
        );
    }

    #[test]
    fn a_plan_made_anew_keeps_what_was_delivered_of_the_same_and_nothing_of_another() {
        let tags = |code: &str| Deliverable::Tags {
            language_code: code.to_owned(),
        };
        let mut record = planned(&["a"], vec![Deliverable::Chapters, tags("EN")]);
        record.works[0].result = Some(result("first"));
        for (index, id) in [(0, "0_a"), (1, "0_b")] {
            record.deliverables[index].asset_id = AssetId::parse(id).ok();
        }
        let before = record.clone();
        record.set_plan(before.plan.clone().unwrap());
        assert_eq!(record, before);
        record.set_plan(plan(
            &["a", "b"],
            vec![Deliverable::Chapters, tags("ES"), tags("FR")],
        ));
        assert_eq!(record.next_work(), Some(1), "what was made is not made again");
        let kinds: Vec<_> = record.deliverables.iter().map(|one| one.delivered_as).collect();
        assert_eq!(
            kinds,
            [DeliveredAs::CuePoints, DeliveredAs::Tags, DeliveredAs::Tags]
        );
        let ids = record.deliverables.iter().map(|one| one.asset_id.is_some());
        assert_eq!(
            ids.collect::<Vec<_>>(),
            [true, false, false],
            "of another language"
        );
    }

    #[test]
    fn all_is_delivered_once_each_deliverable_is_ready() {
        let mut record = planned(&["a"], vec![Deliverable::Chapters, Deliverable::Chapters]);
        record.deliverables[0].ready = true;
        assert!(!record.is_delivered());
        record.deliverables[1].ready = true;
        assert!(record.is_delivered());
        let mut live = planned(&["live"], Vec::new());
        assert!(!live.is_delivered(), "nothing is no delivery");
        live.works[0].result = Some(result("captions"));
        assert!(!live.is_delivered(), "it never was on air");
        live.live = Some(LiveRecord {
            on_air_epoch_s: Some(5),
            ..LiveRecord::default()
        });
        assert!(live.is_delivered());
        live.works[0].result = None;
        assert!(!live.is_delivered(), "it is still on air");
        live.works.clear();
        assert!(!live.is_delivered(), "nobody worked on it");
    }

    #[test]
    fn a_key_is_kept_alive_from_the_claim_to_the_end() {
        let mut record = sample_record("9292".parse().unwrap());
        let mut watched = |state, claimed_epoch_s| {
            record.state = state;
            record.claimed_epoch_s = claimed_epoch_s;
            record.key_is_watched()
        };
        assert!(watched(TaskState::Running, Some(5)) && watched(TaskState::Parked, Some(5)));
        assert!(!watched(TaskState::Parked, None), "an operator parked it before");
        for state in [
            TaskState::Kept,
            TaskState::Queued,
            TaskState::Delivered,
            TaskState::Gone,
        ] {
            assert!(!watched(state, Some(5)), "{state:?}");
        }
    }

    #[test]
    fn a_deadline_counts_until_the_end() {
        let mut record = sample_record("9292".parse().unwrap());
        assert_eq!(record.deadline_epoch_s(), Some(1_850));
        record.state = TaskState::Parked;
        assert_eq!(record.deadline_epoch_s(), Some(1_850));
        record.end(TaskState::Failed, 5, "refused");
        assert_eq!(record.deadline_epoch_s(), None);
    }

    #[test]
    fn a_parked_task_waits_for_a_function_that_may_still_work() {
        let mut record = sample_record("9292".parse().unwrap());
        record.parking.not_before_epoch_s = 900;
        record.park_until(500);
        assert_eq!(
            (record.state, record.due()),
            (TaskState::Parked, Some((Duty::Send, 900)))
        );
        record.park_until(1_000);
        assert_eq!(record.due(), Some((Duty::Send, 1_000)));
        record.parking.times = u32::MAX;
        record.park(1_000, "kaltura is down");
        assert_eq!(record.parking.times, u32::MAX);
        assert_eq!(record.parking.until_epoch_s, 1_000 + PARK_LONGEST_S);
    }

    /// Once its data has gone, only engines that could not forget a job are told again.
    #[test]
    fn an_ended_task_is_swept_when_its_customer_wishes_and_again_for_its_engines() {
        let mut record = planned(&["a"], Vec::new());
        record.end(TaskState::Delivered, 500, "READY");
        assert_eq!(record.due(), Some((Duty::Sweep, 500)), "once processed");
        assert_eq!(record.ended_epoch_s, Some(500));
        let report = DeletionReport {
            at_epoch_s: 510,
            objects: 3,
            size_bytes: 5,
        };
        record.deleted = Some(report);
        assert_eq!(record.due(), None);
        record.forget_at_epoch_s = Some(900);
        assert_eq!(record.due(), Some((Duty::Sweep, 900)));
    }

    #[test]
    fn only_what_is_an_asset_has_a_status_and_a_mark() {
        let kinds = [
            DeliveredAs::Caption,
            DeliveredAs::Flavor,
            DeliveredAs::Attachment,
            DeliveredAs::CuePoints,
            DeliveredAs::Tags,
        ];
        assert_eq!(kinds.map(DeliveredAs::is_asset), [true, true, true, false, false]);
        let cue_point = DeliverableRecord {
            delivered_as: DeliveredAs::CuePoints,
            asset_id: AssetId::parse("0_a").ok(),
            ..DeliverableRecord::default()
        };
        assert_eq!(cue_point.of_former_life(), DeliverableRecord::default());
        let record = sample_record("9292".parse().unwrap());
        assert_eq!(record.mark(2), r#"{"reachTask":"9292","deliverable":2}"#);
    }
}
