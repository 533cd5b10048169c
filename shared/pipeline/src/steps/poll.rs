//! Poll: what Kaltura has for us, kept and sent.
//!
//! getJobs answers from a search index that lags behind (spec 1.2): it is a hint. What is new is kept under a condition
//! before it is sent, and what is kept but not sent is sent by a later poll, so that a crash at any point loses nothing
//! and a double does no harm. How much is sent, and whose, [`crate::admission`] says. Paged by `createdAt`, not by offset: the
//! server refuses offsets from 10,000 on, and pages shift while tasks leave PENDING.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;
use kaltura::{EntryVendorTask, JobQuery, PartnerId, TaskId, TaskStatus};

use super::{Task, event_over_since, key_expiry};
use crate::admission;
use crate::config::LIVE_SERVICES;
use crate::context::Context;
use crate::error::{Class, Result};
use crate::people::PeopleRecord;
use crate::plan::LiveEvent;
use crate::ports::{KnownTask, StagedTask};
use crate::record::{
    DeliverableRecord, Duty, LiveRecord, Parking, RECORD_VERSION, Stage, TaskRecord, TaskState,
};
use crate::telemetry::names;

/// The lease's name.
const LEASE: &str = "poll";
/// How long a poll may work. The lease lasts as long as the function's time-out in the template at least, so that a poll
/// that was killed can't overlap the next.
const LEASE_S: u64 = 120;
/// How long a poll lists and keeps, so that there is time to send: what comes behind is the next poll's. Ten thousand new jobs take
/// some seconds on AWS.
const LIST_FOR_S: u64 = LEASE_S / 2;
/// The largest page that the server gives (spec 1.2).
const PAGE: u32 = 500;
/// Records written at once.
const WRITES_AT_ONCE: usize = 16;
/// How many tasks that are due one poll sends again.
const RESENDS: usize = 500;

/// What a poll did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct PollReport {
    /// Another poll held the lease: nothing was done.
    pub skipped: bool,
    /// Jobs listed.
    pub listed: usize,
    /// Listed jobs that could not be read.
    pub unreadable: usize,
    /// Jobs of services that are not enabled.
    pub left_alone: usize,
    /// Of them, those that wait for an event that is over: whoever serves them has forgotten them.
    pub events_over: usize,
    /// Tasks kept for the first time, or again after a reset.
    pub kept: usize,
    /// Messages sent.
    pub sent: usize,
    /// Kept tasks that wait for their customer's turn.
    pub waiting: usize,
}

/// Polls once. `holder` names this run for the lease: the request id of the invocation.
pub async fn run(ctx: &Context, holder: &str) -> Result<PollReport> {
    if !ctx
        .leases
        .take(LEASE, holder, ctx.clock.now_epoch_s(), LEASE_S)
        .await?
    {
        tracing::info!("another poll is at work");
        return Ok(PollReport {
            skipped: true,
            ..PollReport::default()
        });
    }
    let outcome = Poll {
        ctx,
        report: PollReport::default(),
        oldest_unclaimed_epoch_s: None,
        kept: Vec::new(),
        kept_for_events: Vec::new(),
        event_over: None,
    }
    .all()
    .await;
    ctx.leases.give_back(LEASE, holder).await?;
    let report = outcome?;
    metrics::counter!(names::POLL_OK).increment(1);
    tracing::info!(
        listed = report.listed,
        kept = report.kept,
        sent = report.sent,
        waiting = report.waiting,
        left_alone = report.left_alone,
        unreadable = report.unreadable,
        "poll done"
    );
    Ok(report)
}

struct Poll<'a> {
    ctx: &'a Context,
    report: PollReport,
    oldest_unclaimed_epoch_s: Option<u64>,
    /// What this poll keeps: the index may not tell of it yet.
    kept: Vec<StagedTask>,
    /// The same of live orders.
    kept_for_events: Vec<StagedTask>,
    /// One of those that wait for an event that is over.
    event_over: Option<TaskId>,
}

impl Poll<'_> {
    async fn all(mut self) -> Result<PollReport> {
        let list_until_epoch_s = self.ctx.clock.now_epoch_s() + LIST_FOR_S;
        for status in [TaskStatus::Pending, TaskStatus::Scheduled] {
            self.list(status, list_until_epoch_s).await?;
        }
        match self.ctx.gate.closed().await? {
            None => {
                self.send_due().await?;
                self.admit().await?;
            }
            Some(closed) => {
                let waiting = self.ctx.tasks.staged(Stage::Waiting).await?.len();
                self.report.waiting = waiting + self.ctx.tasks.staged(Stage::WaitingForEvent).await?.len();
                let since_epoch_s = closed.since_epoch_s;
                tracing::warn!(since_epoch_s, why = %closed.why, "the gate is closed, nothing is sent");
            }
        }
        let now_epoch_s = self.ctx.clock.now_epoch_s();
        let age_s = self
            .oldest_unclaimed_epoch_s
            .map_or(0, |oldest| now_epoch_s.saturating_sub(oldest));
        #[expect(clippy::cast_precision_loss, reason = "an age in seconds is far below 2^52")]
        metrics::gauge!(names::OLDEST_UNCLAIMED_AGE_S).set(age_s as f64);
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        metrics::gauge!(names::TASKS_WAITING).set(self.report.waiting as f64);
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        metrics::gauge!(names::EVENTS_OVER).set(self.report.events_over as f64);
        if let Some(task_id) = &self.event_over {
            let events_over = self.report.events_over;
            tracing::warn!(task_id = %task_id, events_over, "tasks of services that are not enabled wait for events that are over");
        }
        Ok(self.report)
    }

    /// Lists all jobs of a status, page by page, oldest first, as long as there is time.
    async fn list(&mut self, status: TaskStatus, until_epoch_s: u64) -> Result<()> {
        let mut query = JobQuery::new(status, PAGE);
        loop {
            let page = self
                .ctx
                .sessions
                .with(async |ks| self.ctx.kaltura.vendor(ks).get_jobs(&query).await)
                .await?;
            for job in &page.rejected {
                tracing::error!(task_id = job.id.as_deref(), reason = %job.reason, "a listed job can't be read");
            }
            let in_page = page.jobs.len() + page.rejected.len();
            self.report.listed += in_page;
            self.report.unreadable += page.rejected.len();
            let listed = u64::try_from(in_page).unwrap_or(u64::MAX);
            metrics::counter!(names::TASKS_LISTED, "Status" => status.name()).increment(listed);
            if !page.rejected.is_empty() {
                let count = u64::try_from(page.rejected.len()).unwrap_or(u64::MAX);
                metrics::counter!(names::TASKS_LEFT_ALONE, "Reason" => "Unreadable").increment(count);
            }
            self.keep_new(&page.jobs).await?;
            if in_page < PAGE as usize {
                return Ok(());
            }
            if self.ctx.clock.now_epoch_s() >= until_epoch_s {
                let listed = self.report.listed;
                tracing::warn!(
                    listed,
                    "listing takes too long, the rest is left to the next poll"
                );
                return Ok(());
            }
            // The next page begins with the last second of this one, whose jobs are known by then. Only where a whole page
            // is of one second must the offset grow.
            let last = page.jobs.iter().filter_map(|job| job.created_at_epoch_s).max();
            match last {
                Some(last) if Some(last) > query.created_from_epoch_s => {
                    query.created_from_epoch_s = Some(last);
                    query.page_index = 1;
                }
                _ => query.page_index += 1,
            }
        }
    }

    /// Keeps what is new.
    async fn keep_new(&mut self, jobs: &[EntryVendorTask]) -> Result<()> {
        let ours: Vec<&EntryVendorTask> = jobs.iter().filter(|job| self.is_enabled(job)).collect();
        let ids: Vec<TaskId> = ours.iter().map(|job| job.id.clone()).collect();
        let known = self.ctx.tasks.known(&ids).await?;
        let now_epoch_s = self.ctx.clock.now_epoch_s();
        self.note_oldest(&ours, &known);
        let ctx = self.ctx;
        let admitted: Vec<Option<TaskRecord>> = futures::stream::iter(ours)
            .map(|job| {
                let known = known.get(&job.id).copied();
                async move { keep(ctx, job, known, now_epoch_s).await }
            })
            .buffered(WRITES_AT_ONCE)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<_>>()?;
        let admitted: Vec<TaskRecord> = admitted.into_iter().flatten().collect();
        self.report.kept += admitted.len();
        let kept = u64::try_from(admitted.len()).unwrap_or(u64::MAX);
        metrics::counter!(names::TASKS_KEPT).increment(kept);
        for record in &admitted {
            self.note_kept(record);
        }
        Ok(())
    }

    /// Notes a task that waits by now, as the index may not tell yet.
    fn note_kept(&mut self, record: &TaskRecord) {
        let kept = match record.stage() {
            Some(Stage::WaitingForEvent) => &mut self.kept_for_events,
            _ => &mut self.kept,
        };
        kept.push(StagedTask::of(record));
    }

    fn is_enabled(&mut self, job: &EntryVendorTask) -> bool {
        let enabled = job
            .service_feature
            .is_some_and(|feature| self.ctx.config.enabled_services.contains(&feature.number()));
        if !enabled {
            self.report.left_alone += 1;
            if event_over_since(job, self.ctx.clock.now_epoch_s()).is_some() {
                self.report.events_over += 1;
                self.event_over.get_or_insert_with(|| job.id.clone());
            }
            metrics::counter!(names::TASKS_LEFT_ALONE, "Reason" => "ServiceNotEnabled").increment(1);
            tracing::debug!(task_id = %job.id, feature = ?job.service_feature, "service is not enabled, left alone");
        }
        enabled
    }

    fn note_oldest(&mut self, jobs: &[&EntryVendorTask], known: &HashMap<TaskId, KnownTask>) {
        let unclaimed = |job: &&&EntryVendorTask| {
            known
                .get(&job.id)
                .is_none_or(|task| matches!(task.state, TaskState::Kept | TaskState::Queued))
        };
        let oldest = jobs
            .iter()
            .filter(unclaimed)
            .filter_map(|job| job.created_at_epoch_s)
            .min();
        self.oldest_unclaimed_epoch_s = self.oldest_unclaimed_epoch_s.into_iter().chain(oldest).min();
    }

    /// Sends again what was never claimed, and lets parked tasks wait for their turn again.
    async fn send_due(&mut self) -> Result<()> {
        let now_epoch_s = self.ctx.clock.now_epoch_s();
        let mut again = Vec::new();
        for task_id in self.ctx.tasks.due(Duty::Send, now_epoch_s, RESENDS).await? {
            // The index lags: the record decides.
            let Some(record) = readable(self.ctx, &task_id).await? else {
                continue;
            };
            match record.state {
                TaskState::Queued if record.is_due(Duty::Send, now_epoch_s) => again.push(record),
                TaskState::Parked if record.is_due(Duty::Send, now_epoch_s) => self.resume(record).await,
                // Kept by a version that had no stages: written once more, it gets one.
                TaskState::Kept => self.resume(record).await,
                _ => {}
            }
        }
        self.send(again).await
    }

    /// A parked task goes on as a new attempt, written down before it is sent: its old execution can't act then.
    async fn resume(&mut self, record: TaskRecord) {
        let now_epoch_s = self.ctx.clock.now_epoch_s();
        let was_parked = record.state == TaskState::Parked;
        let mut task = Task::of(self.ctx, record);
        let attempt = task.record.attempt + u32::from(was_parked);
        let resumed = task
            .change(|record| {
                record.state = TaskState::Kept;
                record.attempt = attempt;
                if was_parked {
                    record.note(now_epoch_s, "goes on after parking");
                }
            })
            .await;
        match resumed {
            Ok(()) => self.note_kept(&task.record),
            // `change` loads under the old attempt only on a conflict; then somebody else has moved the task.
            Err(error) => {
                tracing::warn!(task_id = %task.record.task_id, %error, "a parked task could not be resumed");
            }
        }
    }

    /// Sends all that wait for an event, and as many of the others as there is room for, the customers in turn.
    async fn admit(&mut self) -> Result<()> {
        let mut for_events = self.ctx.tasks.staged(Stage::WaitingForEvent).await?;
        for_events.append(&mut self.kept_for_events);
        for_events.sort_by(|one, other| one.task_id.cmp(&other.task_id));
        for_events.dedup_by(|one, other| one.task_id == other.task_id);
        self.send_kept(for_events).await?;
        let mut waiting = self.ctx.tasks.staged(Stage::Waiting).await?;
        waiting.append(&mut self.kept);
        if waiting.is_empty() {
            return Ok(());
        }
        let mut in_flight: BTreeMap<PartnerId, usize> = BTreeMap::new();
        for task in self.ctx.tasks.staged(Stage::InFlight).await? {
            *in_flight.entry(task.partner_id).or_default() += 1;
        }
        let chosen = admission::choose(waiting.clone(), &in_flight, self.ctx.config.capacity);
        waiting.sort_by(|one, other| one.task_id.cmp(&other.task_id));
        waiting.dedup_by(|one, other| one.task_id == other.task_id);
        self.report.waiting = waiting.len().saturating_sub(chosen.len());
        self.send_kept(chosen).await
    }

    /// Sends these, as far as they are still kept.
    async fn send_kept(&mut self, chosen: Vec<StagedTask>) -> Result<()> {
        let ctx = self.ctx;
        let records: Vec<Result<Option<TaskRecord>>> = futures::stream::iter(chosen)
            .map(|task| async move { readable(ctx, &task.task_id).await })
            .buffered(WRITES_AT_ONCE)
            .collect()
            .await;
        // The index lags: what was sent meanwhile is no longer Kept.
        let mut kept = Vec::new();
        for record in records {
            kept.extend(record?.filter(|record| record.state == TaskState::Kept));
        }
        self.send(kept).await
    }

    /// Sends tasks, and writes down which were taken. The rest stays as it is and is due again.
    async fn send(&mut self, records: Vec<TaskRecord>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let orders: Vec<(TaskId, PartnerId)> = records
            .iter()
            .map(|record| (record.task_id.clone(), record.partner_id))
            .collect();
        let not_taken = self.ctx.queue()?.send(&orders).await?;
        let now_epoch_s = self.ctx.clock.now_epoch_s();
        let ctx = self.ctx;
        let taken = records
            .into_iter()
            .filter(|record| !not_taken.contains(&record.task_id));
        let written: Vec<Result<()>> = futures::stream::iter(taken)
            .map(|record| async move {
                let mut task = Task::of(ctx, record);
                task.change(|record| {
                    // A quick claim may have moved it on already: then there is nothing to write down.
                    if matches!(record.state, TaskState::Kept | TaskState::Queued) {
                        record.state = TaskState::Queued;
                        record.sent_epoch_s = Some(now_epoch_s);
                    }
                })
                .await
            })
            .buffer_unordered(WRITES_AT_ONCE)
            .collect()
            .await;
        self.report.sent += written.len();
        metrics::counter!(names::TASKS_SENT).increment(u64::try_from(written.len()).unwrap_or(u64::MAX));
        for error in written.into_iter().filter_map(Result::err) {
            // Sent all the same: it is sent once more when it falls due, which does no harm.
            tracing::warn!(%error, "a sent task could not be marked so");
        }
        Ok(())
    }
}

/// Loads a record. One that this version can't read, written by a later one say, is left as it is: it must keep no other order
/// waiting.
async fn readable(ctx: &Context, task_id: &TaskId) -> Result<Option<TaskRecord>> {
    match ctx.tasks.load(task_id).await {
        Err(error) if error.class() == Class::Fault => {
            tracing::error!(task_id = %task_id, name = error.name(), %error, "a record can't be read, its task is left out");
            Ok(None)
        }
        loaded => loaded,
    }
}

/// Keeps a job that is new, or that Kaltura reset since; answers the record if it must be sent.
async fn keep(
    ctx: &Context,
    job: &EntryVendorTask,
    known: Option<KnownTask>,
    now_epoch_s: u64,
) -> Result<Option<TaskRecord>> {
    let fresh = record_of(job, now_epoch_s);
    let Some(known) = known else {
        return Ok(ctx.tasks.keep(&fresh).await?.then_some(fresh));
    };
    if fresh.queue_time_epoch_s <= known.queue_time_epoch_s {
        return Ok(None);
    }
    let Some(old) = ctx.tasks.load(&job.id).await? else {
        return Ok(None);
    };
    if fresh.queue_time_epoch_s <= old.queue_time_epoch_s {
        return Ok(None);
    }
    tracing::info!(task_id = %job.id, "kaltura reset the task, it is taken on afresh");
    let mut again = TaskRecord {
        version: old.version,
        attempt: old.attempt + 1,
        history: old.history,
        // What is still stored of the former life goes by this plan, should the task end before it is planned again.
        plan: old.plan,
        jobs: old.jobs,
        deliverables: old
            .deliverables
            .into_iter()
            .map(DeliverableRecord::of_former_life)
            .collect(),
        ..fresh
    };
    again.note(now_epoch_s, "taken on afresh: kaltura reset the task");
    Ok(ctx.tasks.save(&mut again).await?.then_some(again))
}

/// The record of a job seen for the first time.
fn record_of(job: &EntryVendorTask, now_epoch_s: u64) -> TaskRecord {
    let created_epoch_s = job.created_at_epoch_s.unwrap_or(now_epoch_s);
    let queue_time_epoch_s = job.queue_time_epoch_s.unwrap_or(created_epoch_s);
    let mut record = TaskRecord {
        record_version: RECORD_VERSION,
        version: 1,
        task_id: job.id.clone(),
        partner_id: job.partner_id,
        entry_id: job.entry_id.clone(),
        service_feature: job.service_feature.map_or(0, kaltura::ServiceFeature::number),
        service_type: job.service_type.map_or(0, kaltura::ServiceType::number),
        state: TaskState::Kept,
        attempt: 1,
        key_expires_epoch_s: key_expiry(
            &job.access_key_or_empty(),
            queue_time_epoch_s,
            job.turn_around_time,
        ),
        access_key: job.access_key_or_empty(),
        turn_around_time: job.turn_around_time,
        created_epoch_s,
        queue_time_epoch_s,
        expected_finish_epoch_s: job.expected_finish_time_epoch_s,
        kept_epoch_s: now_epoch_s,
        sent_epoch_s: None,
        claimed_epoch_s: None,
        check_at_epoch_s: None,
        ended_epoch_s: None,
        order_key: None,
        plan: None,
        media: None,
        source_text_key: None,
        works: Vec::new(),
        jobs: Vec::new(),
        forget_at_epoch_s: None,
        result: None,
        transcripts_linked: false,
        deliverables: Vec::new(),
        failure: None,
        fail_text: None,
        parking: Parking::default(),
        delete_at_epoch_s: None,
        deleted: None,
        history: Vec::new(),
        people: PeopleRecord::default(),
        live: live_record(job),
    };
    record.note(now_epoch_s, "kept");
    record
}

/// The event of a live order, as far as the job tells it; `None` for every other order.
fn live_record(job: &EntryVendorTask) -> Option<LiveRecord> {
    let number = job.service_feature?.number();
    LIVE_SERVICES.contains(&number).then(|| LiveRecord {
        event: job.task_job_data.as_ref().and_then(LiveEvent::of),
        ..LiveRecord::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(fields: &serde_json::Value) -> EntryVendorTask {
        let mut job = serde_json::json!({
            "objectType": "KalturaEntryVendorTask",
            "id": 9292,
            "partnerId": 110,
            "serviceFeature": 1,
            "serviceType": 2,
        });
        for (name, value) in fields.as_object().unwrap() {
            job[name] = value.clone();
        }
        kaltura::FromJson::from_json(job).unwrap()
    }

    /// The time that it became PENDING is what tells a reset from the order itself.
    #[test]
    fn a_job_that_tells_no_queue_time_has_that_of_its_creation() {
        let times = |fields: &serde_json::Value| {
            let record = record_of(&job(fields), 900);
            (
                record.created_epoch_s,
                record.queue_time_epoch_s,
                record.kept_epoch_s,
            )
        };
        let told = serde_json::json!({ "createdAt": 500, "queueTime": 700 });
        assert_eq!(times(&told), (500, 700, 900));
        assert_eq!(times(&serde_json::json!({ "createdAt": 500 })), (500, 500, 900));
        assert_eq!(times(&serde_json::json!({})), (900, 900, 900));
    }

    #[test]
    fn a_job_is_kept_as_the_first_attempt_of_what_was_ordered() {
        let fields = serde_json::json!({
            "entryId": "0_o2z3458w",
            "createdAt": 500,
            "expectedFinishTime": 2_300,
            "turnAroundTime": 1_800,
            "accessKey": "tells nothing",
        });
        let record = record_of(&job(&fields), 900);
        assert_eq!(
            (record.state, record.attempt, record.version),
            (TaskState::Kept, 1, 1)
        );
        assert_eq!((record.service_feature, record.service_type), (1, 2));
        assert_eq!(record.partner_id, PartnerId::from(110));
        assert_eq!(record.expected_finish_epoch_s, Some(2_300));
        assert_eq!(record.key_expires_epoch_s, 500 + 7 * 24 * 60 * 60);
        assert_eq!(record.stage(), Some(Stage::Waiting));
        assert!(record.live.is_none(), "captions of recorded media");
        assert_eq!(record.history[0].what, "kept");
    }

    #[test]
    fn a_live_order_waits_for_its_event_whether_the_job_tells_of_it_or_not() {
        let data = serde_json::json!({
            "objectType": "KalturaScheduledVendorTaskData",
            "startDate": 1_000,
            "endDate": 4_600,
            "scheduledEventId": 7,
        });
        for service_feature in LIVE_SERVICES {
            let fields = serde_json::json!({ "serviceFeature": service_feature, "taskJobData": data });
            let record = record_of(&job(&fields), 900);
            assert_eq!(record.stage(), Some(Stage::WaitingForEvent));
            let event = record.live.unwrap().event.unwrap();
            assert_eq!((event.start_epoch_s, event.end_epoch_s), (1_000, 4_600));
            let record = record_of(
                &job(&serde_json::json!({ "serviceFeature": service_feature })),
                900,
            );
            assert_eq!(record.stage(), Some(Stage::WaitingForEvent));
            assert_eq!(record.live.unwrap().event, None);
        }
    }
}
