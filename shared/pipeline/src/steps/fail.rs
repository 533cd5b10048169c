//! Fail: the three ends that are not a delivery.
//!
//! ERROR refunds the customer and is final, so it comes only with a terminal cause written down in the record; a task that
//! is gone ends without a word; everything else is parked and tried again, unless the vendor has set a time after which it is
//! given up. Safe to repeat.

use kaltura::{TaskStatus, UpdateJob};
use serde::Deserialize;

use super::{StepInput, Task, claim, finalize, live};
use crate::context::Context;
use crate::error::{Class, Failure, Refusal, Result, StepError};
use crate::live::EndReason;
use crate::record::TaskState;
use crate::telemetry::names;

/// How the task ends, as the state machine says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// ERROR at Kaltura, by the terminal cause in the record.
    Error,
    /// Quietly: the task is no longer ours.
    Gone,
    /// Not an end: tried again later.
    Parked,
}

/// The input of the fail step.
#[derive(Debug, Clone, Deserialize)]
pub struct FailInput {
    /// Task and attempt.
    #[serde(flatten)]
    pub step: StepInput,
    /// How the task ends.
    pub ending: Ending,
}

/// Ends or parks a task. One that has ended already is left as it is.
pub async fn run(ctx: &Context, input: &StepInput, ending: Ending) -> Result<()> {
    let outcome = super::run(ctx, "fail", input, async |task| match ending {
        Ending::Error => error(task).await,
        Ending::Gone => gone(task).await,
        Ending::Parked => park(task).await,
    })
    .await;
    match outcome {
        Err(StepError::Ended { .. }) => Ok(()),
        Err(error) if ending == Ending::Error && error.class() == Class::Gone => {
            // Between the cause and here the task was aborted, or has ended elsewhere.
            super::run(ctx, "fail", input, gone).await
        }
        outcome => outcome,
    }
}

async fn error(task: &mut Task<'_>) -> Result<()> {
    let ctx = task.ctx;
    let Some(failure) = task.record.failure.clone() else {
        return Err(task.out_of_order("fail", "a terminal cause in the record"));
    };
    task.still_ours().await?;
    if live::was_delivered_on_air(&task.record) {
        return live::deliver_without_recording(task, &failure).await;
    }
    live::close(task, EndReason::Withdrawn).await?;
    let update = UpdateJob::new(TaskStatus::Error).err_description(&failure.customer_text);
    claim::update(ctx, &task.record.task_id, update).await?;
    let now_epoch_s = ctx.clock.now_epoch_s();
    task.change(|record| record.end(TaskState::Failed, now_epoch_s, &failure.name))
        .await?;
    metrics::counter!(names::TASKS_FAILED, "Service" => task.record.service_feature.to_string()).increment(1);
    Ok(())
}

/// Closes a task that is no longer ours. Where all was delivered, it may have been our own READY that ended it, with its
/// answer or our own note of it lost: READY once more is accepted then, and by nothing else (spec 1.3).
pub(super) async fn gone(task: &mut Task<'_>) -> Result<()> {
    if task.record.is_delivered() {
        match finalize::finalize(task).await {
            Err(error) if error.class() == Class::Gone => {}
            outcome => return outcome,
        }
    }
    live::close(task, EndReason::Withdrawn).await?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change(|record| record.end(TaskState::Gone, now_epoch_s, "no longer ours at kaltura"))
        .await?;
    metrics::counter!(names::TASKS_GONE).increment(1);
    Ok(())
}

async fn park(task: &mut Task<'_>) -> Result<()> {
    park_for(task, "out of retries", 0).await
}

/// Parks the task, or gives it up. A function of this attempt may work on for `function_ends_within_s`: no new attempt
/// begins before.
pub(super) async fn park_for(task: &mut Task<'_>, why: &str, function_ends_within_s: u64) -> Result<()> {
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let give_up_after_s = task.ctx.config.give_up_after_s;
    if give_up_after_s > 0 && now_epoch_s >= task.record.waited_for_since_epoch_s() + give_up_after_s {
        let refusal = Refusal::GivenUp {
            hours: give_up_after_s / 3_600,
        };
        let failure = Failure {
            name: refusal.name().to_owned(),
            detail: format!("{refusal}: {why}"),
            customer_text: refusal.customer_text(),
            step: "fail".to_owned(),
        };
        task.change(|record| record.failure = Some(failure.clone()))
            .await?;
        return error(task).await;
    }
    task.change(|record| {
        let parking = &mut record.parking;
        parking.not_before_epoch_s = parking
            .not_before_epoch_s
            .max(now_epoch_s + function_ends_within_s);
        record.park(now_epoch_s, why);
    })
    .await?;
    metrics::counter!(names::TASKS_PARKED).increment(1);
    Ok(())
}
