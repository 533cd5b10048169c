//! Reconcile: tasks that are worked on, looked at from outside.
//!
//! A running task is looked at 20 minutes after its claim and then each hour, found by the `due` index in bounded batches:
//! has the customer withdrawn it, does its execution run, has it ended without our end, does it run for too long, is it
//! scheduled for an event that is over, was moved or cancelled ([`super::live`]). Where an engine has taken on its work, each ten minutes: the engine is asked how the job is, for its word may be lost. What was
//! never claimed, or was parked, is poll's to send again; what has ended, sweep's to delete. Safe to repeat: each look writes
//! down when the next one is, whatever came of it.

use std::time::Duration;

use engines::{EngineError, JobId};
use futures::StreamExt;
use kaltura::TaskStatus;

use super::complete::{self, Completed};
use super::fail::Ending;
use super::{StepInput, Task, claim, fail, live, process, sweep};
use crate::Refusal;
use crate::context::Context;
use crate::error::{Class, Result, StepError};
use crate::people::deadline;
use crate::ports::ExecutionState;
use crate::record::{
    AcceptedWork, CHECK_EVERY_S, CHECK_JOBS_EVERY_S, Duty, FIRST_CHECK_AFTER_S, FUNCTION_ENDS_WITHIN_S,
    TaskRecord,
};
use crate::telemetry::names;

/// How many tasks one run looks at; the rest is due again at the next.
pub const AT_MOST: usize = 400;
/// How many are looked at side by side.
const AT_ONCE: usize = 8;
/// After a look that failed, the next one comes after this time.
const AGAIN_AFTER_S: u64 = 10 * 60;
/// An engine is waited for so long, no longer: other tasks wait to be looked at.
const ASK_WITHIN: Duration = Duration::from_secs(30);
/// `serviceType` of machine work.
const MACHINE: i64 = 2;

/// What a look comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    /// All is as it should be.
    Well,
    /// The customer has withdrawn the task, or it has ended elsewhere: closed.
    Gone,
    /// Its execution was never started: started.
    Unstarted,
    /// Its execution has ended without our end: parked.
    Orphaned,
    /// Its execution ran for too long: stopped and parked.
    Overdue,
    /// Its engine's job had ended, and nobody had told: the execution goes on.
    Untold,
    /// It waited for an event that is over, or was cancelled: ERROR, which gives the customer the money back.
    EventOver,
    /// Its event was on air and is over: its stream was ended, and the execution goes on.
    StreamEnded,
    /// People had not done it by its deadline: failed, as the vendor has it.
    Late,
}

impl Found {
    /// The name, as the metric has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Well => "Well",
            Self::Gone => "Gone",
            Self::Unstarted => "Unstarted",
            Self::Orphaned => "Orphaned",
            Self::Overdue => "Overdue",
            Self::Untold => "Untold",
            Self::EventOver => "EventOver",
            Self::StreamEnded => "StreamEnded",
            Self::Late => "Late",
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReconcileReport {
    /// Tasks looked at.
    pub looked_at: usize,
    /// Of them, those that something was put right for.
    pub put_right: usize,
    /// Of them, those that could not be looked at now.
    pub failed: usize,
}

/// Looks at all tasks that are due.
pub async fn run(ctx: &Context) -> Result<ReconcileReport> {
    let now_epoch_s = ctx.clock.now_epoch_s();
    let due = ctx.tasks.due(Duty::Check, now_epoch_s, AT_MOST).await?;
    let outcomes: Vec<Result<Option<Found>>> = futures::stream::iter(due)
        .map(|task_id| async move {
            // The index lags: the record decides.
            let Some(record) = ctx.tasks.load(&task_id).await? else {
                return Ok(None);
            };
            if !record.is_due(Duty::Check, now_epoch_s) {
                return Ok(None);
            }
            let input = StepInput {
                task_id,
                attempt: record.attempt,
            };
            match super::run(ctx, "reconcile", &input, look).await {
                Err(error) if has_no_event(&error) => {
                    fail::run(ctx, &input, Ending::Error).await?;
                    Ok(Some(Found::EventOver))
                }
                outcome => outcome.map(Some),
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut report = ReconcileReport::default();
    for outcome in outcomes {
        match outcome {
            Ok(None) => continue,
            Ok(Some(Found::Well)) => {}
            Ok(Some(found)) => {
                report.put_right += 1;
                metrics::counter!(names::RECONCILED, "What" => found.name()).increment(1);
            }
            // Logged by the frame; one task's fault must not keep the others from being looked at.
            Err(_) => report.failed += 1,
        }
        report.looked_at += 1;
    }
    tell_deadline(ctx).await?;
    tracing::info!(
        looked_at = report.looked_at,
        put_right = report.put_right,
        failed = report.failed,
        "running tasks looked at"
    );
    Ok(report)
}

async fn look(task: &mut Task<'_>) -> Result<Found> {
    // First the time of the next look: a task whose look fails must not stand before the others for ever.
    look_again_after(task, AGAIN_AFTER_S).await?;
    let ctx = task.ctx;
    super::note_broken(&task.record);
    let (task_id, attempt) = (task.record.task_id.clone(), task.record.attempt);
    let stream_ended = match at_kaltura(task).await {
        Ok(stream_ended) => stream_ended,
        Err(error) => {
            if has_no_event(&error) {
                let stopped = ctx.executions()?.stop(&task_id, attempt, "its event is over");
                stopped.await?;
            }
            if error.class() != Class::Gone {
                return Err(error);
            }
            close(task).await?;
            end_job(task).await;
            return Ok(Found::Gone);
        }
    };
    match execution(task).await? {
        Found::Untold if stream_ended => Ok(Found::StreamEnded),
        found => Ok(found),
    }
}

/// Whether an order ends because its event is over and was never on air, or will not take place.
fn has_no_event(error: &StepError) -> bool {
    matches!(
        error,
        StepError::Refused(
            Refusal::EventOver { .. } | Refusal::EventUnknown { .. } | Refusal::EventNotLive { .. }
        )
    )
}

/// Closes a task that is no longer ours at Kaltura, and ends its execution. Safe to repeat.
async fn close(task: &mut Task<'_>) -> Result<()> {
    let (task_id, attempt) = (task.record.task_id.clone(), task.record.attempt);
    let executions = task.ctx.executions()?;
    let stopped = executions.stop(&task_id, attempt, "the task is no longer ours at kaltura");
    stopped.await?;
    fail::gone(task).await
}

/// Asks Kaltura whether it still has a task for us that waits for people, and closes one that it hasn't; says whether it did. It
/// asks by the access key alone and waits no longer than `within`, since a person waits for the answer: where there is none, the
/// task counts as ours, and the next look finds out. Safe to repeat.
pub(crate) async fn closed_if_withdrawn(
    ctx: &Context,
    record: &TaskRecord,
    within: Duration,
) -> Result<bool> {
    let client = ctx.kaltura.task(&record.task_id, &record.access_key);
    let Ok(told) = tokio::time::timeout(within, client.get()).await else {
        tracing::warn!(task_id = %record.task_id, "kaltura doesn't say in time whether the task is ours yet");
        return Ok(false);
    };
    let told = told.map_err(StepError::from);
    match told.and_then(|details| claim::check_is_ours(&record.task_id, details.status)) {
        Ok(()) => Ok(false),
        Err(error) if error.class() == Class::Gone => {
            let input = StepInput {
                task_id: record.task_id.clone(),
                attempt: record.attempt,
            };
            match super::run(ctx, "withdrawn", &input, close).await {
                // Somebody else has closed it meanwhile.
                Ok(()) | Err(StepError::Ended { .. }) => Ok(true),
                Err(error) => Err(error),
            }
        }
        Err(error) => {
            tracing::warn!(task_id = %record.task_id, %error, "kaltura doesn't say whether the task is ours yet");
            Ok(false)
        }
    }
}

/// How long the customer has to wait yet who expects his task first, in whatever state it is. Shown and alarmed, and nothing
/// else: no promise lets one customer's order overtake another's.
async fn tell_deadline(ctx: &Context) -> Result<()> {
    if let Some((task_id, deadline_epoch_s)) = ctx.tasks.expected(u64::from(u32::MAX), 1).await?.first() {
        #[expect(clippy::cast_precision_loss, reason = "times in seconds are far below 2^52")]
        let margin_s = *deadline_epoch_s as f64 - ctx.clock.now_epoch_s() as f64;
        metrics::gauge!(names::DEADLINE_MARGIN_S).set(margin_s);
        if margin_s < 0.0 {
            tracing::warn!(task_id = %task_id, margin_s, "a task is later than its customer expects it");
        }
    }
    Ok(())
}

/// Whether Kaltura still has the task for us, and what it is scheduled for is not over. Says whether a live event's stream was
/// ended by this.
async fn at_kaltura(task: &mut Task<'_>) -> Result<bool> {
    let details = task.with_key(async |client| client.get().await).await?;
    claim::check_is_ours(&task.record.task_id, details.status)?;
    if task.record.live.is_some() {
        return live::look(task, details.status).await;
    }
    if details.status == Some(TaskStatus::Scheduled)
        && let Some(ended_epoch_s) = super::event_over_since(&details, task.ctx.clock.now_epoch_s())
    {
        return Err(Refusal::EventOver { ended_epoch_s }.into());
    }
    Ok(false)
}

/// Whether its execution is as it should be.
async fn execution(task: &mut Task<'_>) -> Result<Found> {
    let executions = task.ctx.executions()?;
    let (task_id, attempt) = (task.record.task_id.clone(), task.record.attempt);
    match executions.look(&task_id, attempt).await? {
        ExecutionState::Missing => {
            executions.start(&task_id, attempt).await?;
            look_again_after(task, FIRST_CHECK_AFTER_S).await?;
            Ok(Found::Unstarted)
        }
        ExecutionState::Ended => {
            // It may have ended between the record's load and here, by its own last step.
            task.still_ours().await?;
            if task.record.due().is_none_or(|(duty, _)| duty != Duty::Check) {
                return Ok(Found::Well);
            }
            fail::park_for(task, "its execution has ended without it", 0).await?;
            Ok(Found::Orphaned)
        }
        ExecutionState::Running if job_has_ended(task).await? => Ok(Found::Untold),
        ExecutionState::Running if deadline::tell(task).await? => Ok(Found::Late),
        ExecutionState::Running if is_overdue(task) => {
            executions.stop(&task_id, attempt, "it runs for too long").await?;
            fail::park_for(task, "its execution ran for too long", FUNCTION_ENDS_WITHIN_S).await?;
            Ok(Found::Overdue)
        }
        ExecutionState::Running => {
            let now_epoch_s = task.ctx.clock.now_epoch_s();
            let grace_s = task.ctx.config.live.grace_s;
            let pause_s = match job_of_engine(&task.record) {
                Some(_) => CHECK_JOBS_EVERY_S,
                None => CHECK_EVERY_S,
            };
            let rules = &task.ctx.config.deadline_rules;
            let warning_in_s = rules
                .next_epoch_s(&task.record, now_epoch_s)
                .map_or(u64::MAX, |at| at - now_epoch_s);
            let pause_s = live::next_look_in_s(&task.record, grace_s, now_epoch_s)
                .unwrap_or_else(|| pause_s.min(warning_in_s));
            look_again_after(task, pause_s).await?;
            Ok(Found::Well)
        }
    }
}

/// The job that is to be asked for: one that an engine has taken on, or one of anybody's that has ended untold. `None` where
/// nobody has taken on anything, or people still work.
fn job_of_engine(record: &TaskRecord) -> Option<&AcceptedWork> {
    let (index, accepted) = record.awaited()?;
    (!record.is_of_people(index) || record.works[index].is_done()).then_some(accepted)
}

/// Whether the task's job has ended, in whatever way; its wait is completed then. An engine that can't be asked now is an
/// error: the task is looked at again soon.
async fn job_has_ended(task: &Task<'_>) -> Result<bool> {
    let Some(job_id) = job_of_engine(&task.record).map(|accepted| JobId::named(&accepted.job_id)) else {
        return Ok(false);
    };
    let asked = Box::pin(complete::run(task.ctx, &job_id));
    match tokio::time::timeout(ASK_WITHIN, asked).await {
        Ok(Ok(outcome)) => Ok(outcome == Completed::Ended),
        // Its wait was failed by that.
        Ok(Err(error)) if process::is_the_jobs_own(&error) => Ok(true),
        Ok(Err(error)) if matches!(error.class(), Class::Terminal | Class::Fault) => Ok(true),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(StepError::Engine(EngineError::Unavailable {
            engine: "engine".to_owned(),
            action: format!("look at {job_id}"),
            detail: format!("no answer within {} s", ASK_WITHIN.as_secs()),
        })),
    }
}

/// Ends the jobs of a task that nobody wants any more. What can't be ended now is with the deletion policy.
async fn end_job(task: &mut Task<'_>) {
    let left = sweep::forget(task.ctx, &task.record).await;
    if left.len() == task.record.jobs.len() {
        return;
    }
    let mut record = task.record.clone();
    record.jobs = left;
    // The task has ended, so the record is written under its version alone; one that was written meanwhile is as good.
    if let Err(error) = task.ctx.tasks.save(&mut record).await {
        tracing::warn!(%error, "that its jobs are forgotten could not be written down");
    }
}

/// Machines are done within hours; people have as long as they need. Where people had a part in it, only a machine's job
/// that still runs is measured, by its own time.
fn is_overdue(task: &Task<'_>) -> bool {
    let record = &task.record;
    let begun_epoch_s = match record.accepted() {
        Some((index, _)) if record.is_of_people(index) => None,
        Some((_, accepted)) if had_people(record) => Some(accepted.since_epoch_s),
        None if had_people(record) => None,
        _ => record.hours_count_from_epoch_s(),
    };
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    record.service_type == MACHINE
        && begun_epoch_s.is_some_and(|begun| now_epoch_s > begun + task.ctx.config.run_limit_s)
}

/// Whether people have done a piece of its work.
fn had_people(record: &TaskRecord) -> bool {
    let mut works = record.works.iter().enumerate();
    works.any(|(index, work)| work.is_done() && record.is_of_people(index))
}

async fn look_again_after(task: &mut Task<'_>, pause_s: u64) -> Result<()> {
    let at_epoch_s = task.ctx.clock.now_epoch_s() + pause_s;
    task.change(|record| record.check_at_epoch_s = Some(at_epoch_s))
        .await
}
