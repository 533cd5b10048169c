//! Sweep: what was stored for tasks that have ended, once the customer's deletion policy says so.
//!
//! Found by the `due` index. Media, orders, transcripts, drafts and deliverables go, in all versions, and with them what the
//! record knew of their content; the record itself stays with a report of what went when. Safe to repeat: what is gone is
//! counted as nothing. The bucket's lifecycle rule is only the backstop.
//!
//! Engines are told to forget the task's jobs. One that can't, now, keeps nothing else from being deleted: it is told again each
//! hour, and what its job wrote meanwhile is deleted then.
//!
//! A task that was ended from outside may have a function that still works on it and stores what it made: so nothing is swept
//! before such a function has ended.

use std::collections::BTreeSet;
use std::time::Duration;

use engines::{AcceptedJob, EngineError, JobId};
use futures::StreamExt;
use kaltura::TaskId;

use crate::context::Context;
use crate::error::{Result, StepError};
use crate::ports::Deleted;
use crate::record::{DeletionReport, Duty, FUNCTION_ENDS_WITHIN_S, KeptJob, TaskRecord};
use crate::telemetry::names;

/// How many tasks are asked for at a time.
const BATCH: usize = 200;
/// A run asks for no further batch after this time; the rest is due again at the next. Half of the function's time-out in the
/// template.
const BATCHES_WITHIN_S: u64 = 150;
/// How many are swept side by side.
const AT_ONCE: usize = 4;
/// An engine that could not forget a job is told again after this time.
const FORGET_AGAIN_AFTER_S: u64 = 60 * 60;
/// One that could not for so long after the task's time is told no more. The alarm has rung for all but the first day of it.
const FORGET_FOR_S: u64 = 14 * 24 * 60 * 60;
/// An engine is waited for so long.
const FORGET_WITHIN: Duration = Duration::from_secs(20);

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct SweepReport {
    /// Tasks swept.
    pub swept: usize,
    /// Tasks that could not be swept now.
    pub failed: usize,
    /// Objects and versions deleted.
    pub objects: u64,
    /// Their size together.
    pub size_bytes: u64,
}

/// Sweeps all tasks that are due, batch by batch. One that can't be swept now keeps no other from it.
pub async fn run(ctx: &Context) -> Result<SweepReport> {
    let begun_epoch_s = ctx.clock.now_epoch_s();
    let due_epoch_s = begun_epoch_s.saturating_sub(FUNCTION_ENDS_WITHIN_S);
    let mut report = SweepReport::default();
    let mut overdue_s = 0;
    let mut seen: BTreeSet<TaskId> = BTreeSet::new();
    loop {
        // Those that failed, and those that the index still tells of, come first again.
        let limit = BATCH + seen.len();
        let mut batch = ctx.tasks.due(Duty::Sweep, due_epoch_s, limit).await?;
        batch.retain(|task_id| seen.insert(task_id.clone()));
        if batch.is_empty() {
            break;
        }
        let swept: Vec<Swept> = futures::stream::iter(batch)
            .map(async |task_id| sweep_if_due(ctx, &task_id, due_epoch_s).await)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for one in swept {
            overdue_s = overdue_s.max(one.late_s);
            match one.outcome {
                Ok(None) => {}
                Ok(Some(deleted)) => {
                    report.swept += 1;
                    report.objects += deleted.objects;
                    report.size_bytes += deleted.size_bytes;
                }
                Err(_) => report.failed += 1,
            }
        }
        if ctx.clock.now_epoch_s() >= begun_epoch_s + BATCHES_WITHIN_S {
            break;
        }
    }
    metrics::counter!(names::TASKS_SWEPT).increment(u64::try_from(report.swept).unwrap_or(u64::MAX));
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds is far below 2^52")]
    metrics::gauge!(names::DELETION_OVERDUE_S).set(overdue_s as f64);
    tracing::info!(
        swept = report.swept,
        failed = report.failed,
        objects = report.objects,
        size_bytes = report.size_bytes,
        overdue_s,
        "data of ended tasks deleted"
    );
    Ok(report)
}

/// What came of one task.
struct Swept {
    /// What was deleted; `None` where nothing was due.
    outcome: Result<Option<Deleted>>,
    /// Seconds since its time, whether it was swept or could not be.
    late_s: u64,
}

async fn sweep_if_due(ctx: &Context, task_id: &TaskId, due_epoch_s: u64) -> Swept {
    let mut late_s = 0;
    let outcome = async {
        // The index lags: the record decides.
        let record = ctx.tasks.load(task_id).await?;
        let Some(record) = record.filter(|record| record.is_due(Duty::Sweep, due_epoch_s)) else {
            return Ok(None);
        };
        let now_epoch_s = ctx.clock.now_epoch_s();
        late_s = now_epoch_s.saturating_sub(record.delete_at_epoch_s.unwrap_or(now_epoch_s));
        sweep(ctx, record, now_epoch_s, late_s).await.map(Some)
    }
    .await;
    if let Err(error) = &outcome {
        tracing::error!(task_id = %task_id, name = error.name(), %error, late_s, "a task could not be swept");
    }
    Swept { outcome, late_s }
}

/// Deletes what was stored for a task, `late_s` seconds after its time; answers what that was.
async fn sweep(ctx: &Context, record: TaskRecord, now_epoch_s: u64, late_s: u64) -> Result<Deleted> {
    let objects = ctx.objects()?;
    // First the jobs: one that runs may write yet.
    let jobs = forget(ctx, &record).await;
    if record.live.is_some() {
        // It went with the task's end: this is the backstop.
        ctx.streams()?.delete(&record.task_id).await?;
    }
    let mut deleted = Deleted::default();
    for prefix in prefixes(&record) {
        let some = objects.delete_all(&prefix).await?;
        deleted.objects += some.objects;
        deleted.size_bytes += some.size_bytes;
    }
    let mut swept = record;
    // The ending is no attempt's to change any more, so the record is written under its version alone.
    let before = swept.deleted.take();
    swept.deleted = Some(DeletionReport {
        at_epoch_s: now_epoch_s,
        objects: deleted.objects + before.as_ref().map_or(0, |before| before.objects),
        size_bytes: deleted.size_bytes + before.as_ref().map_or(0, |before| before.size_bytes),
    });
    swept.forget_at_epoch_s = match jobs.as_slice() {
        [] => None,
        left if late_s >= FORGET_FOR_S => {
            tracing::error!(task_id = %swept.task_id, ?left, "jobs are left at their engines");
            None
        }
        _ => Some(now_epoch_s + FORGET_AGAIN_AFTER_S),
    };
    swept.jobs = jobs;
    (swept.plan, swept.order_key, swept.media, swept.source_text_key) = (None, None, None, None);
    swept.works.clear();
    swept.note(
        now_epoch_s,
        format!(
            "deleted {} objects, {} bytes",
            deleted.objects, deleted.size_bytes
        ),
    );
    if ctx.tasks.save(&mut swept).await? {
        tracing::info!(
            task_id = %swept.task_id,
            partner_id = %swept.partner_id,
            objects = deleted.objects,
            size_bytes = deleted.size_bytes,
            late_s,
            "data deleted"
        );
        return Ok(deleted);
    }
    Err(StepError::RecordConflict {
        task_id: swept.task_id.to_string(),
        times: 1,
    })
}

/// Has engines forget the jobs of a task; answers those that could not be forgotten now. Safe to repeat.
pub(super) async fn forget(ctx: &Context, record: &TaskRecord) -> Vec<KeptJob> {
    let mut left = Vec::new();
    for job in &record.jobs {
        let forgotten = tokio::time::timeout(FORGET_WITHIN, forget_job(ctx, job)).await;
        let error = match forgotten {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", FORGET_WITHIN.as_secs()),
        };
        tracing::warn!(task_id = %record.task_id, job_id = job.job_id, engine = job.engine, error, "a job could not be forgotten");
        left.push(job.clone());
    }
    left
}

async fn forget_job(ctx: &Context, job: &KeptJob) -> Result<()> {
    let engine = ctx
        .engines()?
        .get(&job.engine)
        .ok_or_else(|| EngineError::Unavailable {
            engine: job.engine.clone(),
            action: "forget a job".to_owned(),
            detail: "it is not at hand".to_owned(),
        })?;
    let accepted = AcceptedJob {
        job_id: JobId::named(&job.job_id),
        kind: job.kind,
        external_id: job.external_id.clone(),
    };
    Ok(engine.forget(&accepted).await?)
}

/// Where the steps store what belongs to a task. Each ends behind the task's id, so that no other task's begins like it.
fn prefixes(record: &TaskRecord) -> [String; 7] {
    let task_id = &record.task_id;
    [
        format!("media/{task_id}/"),
        format!("transcripts/{task_id}/"),
        format!("engine/{task_id}/"),
        format!("sources/{task_id}/"),
        format!("deliverables/{task_id}/"),
        format!("live/{task_id}/"),
        format!("orders/{task_id}.json"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample_record;

    #[test]
    fn no_prefix_begins_another_tasks() {
        let short = sample_record("92".parse().unwrap());
        let long = sample_record("929".parse().unwrap());
        for prefix in prefixes(&short) {
            assert!(prefixes(&long).iter().all(|other| !other.starts_with(&prefix)));
        }
    }
}
