//! Extend keys: running tasks' access keys, before they expire.
//!
//! Found by the `keys` index, soonest first. The vendor KS is enough, and the old key is not revoked (spec 1.4), so a
//! repeat is harmless.

use kaltura::TaskId;

use super::{StepInput, Task};
use crate::context::Context;
use crate::error::{Class, Result};
use crate::record::TaskState;
use crate::telemetry::names;

/// How many keys one run extends; the rest is due again at the next.
const AT_MOST: usize = 1_000;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExtendReport {
    /// Keys extended.
    pub extended: usize,
    /// Tasks that turned out to be gone.
    pub gone: usize,
    /// Keys that could not be extended now.
    pub failed: usize,
}

/// Extends every key that expires within the margin.
pub async fn run(ctx: &Context) -> Result<ExtendReport> {
    let now_epoch_s = ctx.clock.now_epoch_s();
    let before_epoch_s = now_epoch_s + ctx.config.key_margin_s;
    let mut report = ExtendReport::default();
    for (task_id, _) in ctx.tasks.keys_expiring(before_epoch_s, AT_MOST).await? {
        match extend(ctx, &task_id, before_epoch_s, &mut report).await {
            // A record that can't be read must not keep the others' keys from being extended.
            Err(error) if error.class() == Class::Fault => {
                tracing::error!(task_id = %task_id, name = error.name(), %error, "a key could not be looked after");
                report.failed += 1;
            }
            outcome => outcome?,
        }
    }
    if let Some((_, soonest)) = ctx.tasks.keys_expiring(u64::from(u32::MAX), 1).await?.first() {
        #[expect(clippy::cast_precision_loss, reason = "a margin in seconds is far below 2^52")]
        metrics::gauge!(names::KEY_MARGIN_S).set(soonest.saturating_sub(now_epoch_s) as f64);
    }
    tell(&report);
    Ok(report)
}

/// Extends the key of one task, however long it lives yet: an operator asks for it. A key that is not watched (the task is
/// PENDING at Kaltura, or has ended) can't be extended: the report counts nothing then.
pub async fn one(ctx: &Context, task_id: &TaskId) -> Result<ExtendReport> {
    let mut report = ExtendReport::default();
    extend(ctx, task_id, u64::MAX, &mut report).await?;
    tell(&report);
    Ok(report)
}

/// Extends a key if it expires before that time, and counts what came of it.
async fn extend(
    ctx: &Context,
    task_id: &TaskId,
    before_epoch_s: u64,
    report: &mut ExtendReport,
) -> Result<()> {
    let Some(record) = ctx.tasks.load(task_id).await? else {
        return Ok(());
    };
    // The index lags: the record decides.
    if !record.key_is_watched() || record.key_expires_epoch_s > before_epoch_s {
        return Ok(());
    }
    let input = StepInput {
        task_id: task_id.clone(),
        attempt: record.attempt,
    };
    let now_epoch_s = ctx.clock.now_epoch_s();
    let outcome = super::run(ctx, "extend-keys", &input, async |task: &mut Task<'_>| match task
        .extend_key()
        .await
    {
        Err(error) if error.class() == Class::Gone && task.record.live.is_some() => {
            // Its stream has to be closed with it: reconcile does that, and has it due by this.
            task.change(|record| record.check_at_epoch_s = Some(now_epoch_s))
                .await?;
            Ok(false)
        }
        Err(error) if error.class() == Class::Gone => {
            task.change(|record| record.end(TaskState::Gone, now_epoch_s, "no key for it any more"))
                .await?;
            metrics::counter!(names::TASKS_GONE).increment(1);
            Ok(false)
        }
        outcome => outcome.map(|()| true),
    })
    .await;
    match outcome {
        Ok(true) => report.extended += 1,
        Ok(false) => report.gone += 1,
        // Logged by the frame; one task's fault must not keep the others' keys from being extended.
        Err(_) => report.failed += 1,
    }
    Ok(())
}

fn tell(report: &ExtendReport) {
    tracing::info!(
        extended = report.extended,
        gone = report.gone,
        failed = report.failed,
        "keys looked after"
    );
}
