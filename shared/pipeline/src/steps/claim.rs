//! Claim: a message becomes an execution, or is found to need none.
//!
//! Everything that can be refused is refused here, before PROCESSING; and the processing region, known only from the
//! details, decides here whether the task is this stack's. SQS delivers a message at least once: each way out of here may
//! be taken again.
//!
//! How a task is taken on, its plan says ([`TakenOn`]): most begin at once, and those of a live event are made ready for it
//! ([`super::live`]).

use kaltura::{EntryVendorTask, ErrorClass, TaskId, TaskStatus, UpdateJob};

use super::fail::{self, Ending};
use super::{OrderMessage, StepInput, Task, live};
use crate::context::Context;
use crate::error::{Class, Result, StepError};
use crate::plan::{Order, Plan, TakenOn};
use crate::record::{FIRST_CHECK_AFTER_S, TaskRecord, TaskState};
use crate::telemetry::names;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The task is PROCESSING, or SCHEDULED for its event, and its execution started.
    Started,
    /// The order was refused: ERROR at Kaltura.
    Refused,
    /// The task belongs to the stack of another processing region; Kaltura's task is as it was.
    AnotherRegion,
    /// The task is no longer there for us.
    Gone,
    /// A double, or a task that has moved on: nothing was to be done.
    NothingToDo,
}

/// Claims the task of a message. An error means that the message must be delivered again.
pub async fn run(ctx: &Context, message: &OrderMessage) -> Result<Claimed> {
    let record = ctx
        .tasks
        .load(&message.task_id)
        .await?
        .ok_or_else(|| StepError::RecordMissing {
            task_id: message.task_id.to_string(),
        })?;
    match record.state {
        _ if is_waiting(&record) => {}
        TaskState::Running => {
            // The start may have been lost: the name makes a second one harmless.
            ctx.executions()?.start(&record.task_id, record.attempt).await?;
            return Ok(Claimed::NothingToDo);
        }
        _ => return Ok(Claimed::NothingToDo),
    }
    let input = StepInput {
        task_id: record.task_id.clone(),
        attempt: record.attempt,
    };
    match super::run(ctx, "claim", &input, claim).await {
        Ok(claimed) => Ok(claimed),
        Err(error) => match error.class() {
            Class::Terminal => {
                fail::run(ctx, &input, Ending::Error).await?;
                Ok(Claimed::Refused)
            }
            Class::Gone => {
                fail::run(ctx, &input, Ending::Gone).await?;
                Ok(Claimed::Gone)
            }
            Class::Stale => Ok(Claimed::NothingToDo),
            Class::Retryable | Class::RetryLater | Class::Fault | Class::Unfinished => Err(error),
        },
    }
}

async fn claim(task: &mut Task<'_>) -> Result<Claimed> {
    let ctx = task.ctx;
    if let Some(text) = task.record.fail_text.clone() {
        return Err(crate::Refusal::ByOperator { text }.into());
    }
    let (details, processing_already) = details(task).await?;
    check_is_ours(&task.record.task_id, details.status)?;
    let order = Order::new(&task.record, &details)?;
    if !order.belongs_to(ctx.config.processing_region) {
        leave_alone(task, &order, processing_already).await?;
        return Ok(Claimed::AnotherRegion);
    }
    let was_on_air = details.status == Some(TaskStatus::Processing) && !processing_already;
    let order = match &task.record.live {
        Some(_) if !was_on_air => live::with_its_event(task, order).await?,
        Some(live) => Order {
            event: live.event.clone().or(order.event),
            ..order
        },
        None => order,
    };
    if !was_on_air
        && task.record.live.is_none()
        && let Some(ended_epoch_s) = super::event_over_since(&details, ctx.clock.now_epoch_s())
    {
        return Err(crate::Refusal::EventOver { ended_epoch_s }.into());
    }
    let Some(entry_id) = details.entry_id.clone() else {
        return Err(crate::Refusal::NoEntry {
            entry_object_type: format!("{:?}", details.entry_object_type),
        }
        .into());
    };
    let plan = Plan::new(&order, &ctx.engines()?.capabilities(), ctx.config.plan_rules)?;
    live::check_interpreter(ctx, &plan)?;
    let order_key = format!("orders/{}.json", task.record.task_id);
    let order_json = serde_json::to_vec(&order).map_err(|error| StepError::RecordUnreadable {
        what: "order".to_owned(),
        detail: error.to_string(),
    })?;
    // Written before it is stored: whatever becomes of the task, the record knows that there is something to delete, and when.
    task.change(|record| {
        // A double of this message may have been quicker: what works by now is not planned anew.
        if !is_waiting(record) {
            return;
        }
        record.entry_id = Some(entry_id.clone());
        record.order_key = Some(order_key.clone());
        if is_planned_anew(record) {
            record.set_plan(plan.clone());
        }
        if plan.taken_on == TakenOn::ForItsEvent {
            live::note_provisioning(record, &order);
        }
        record.failure = None;
    })
    .await?;
    if !is_waiting(&task.record) {
        return Ok(Claimed::NothingToDo);
    }
    ctx.objects()?
        .put(&order_key, order_json.into(), "application/json")
        .await?;
    let attempt = task.record.attempt;
    let external_task_id = StepInput::execution_name(&task.record.task_id, attempt);
    let status = match plan.taken_on {
        TakenOn::AtOnce => TaskStatus::Processing,
        TakenOn::ForItsEvent => live::provision(task, &order, &plan, was_on_air).await?,
    };
    let taken_on = UpdateJob::new(status).external_task_id(&external_task_id);
    update(ctx, &task.record.task_id, taken_on).await?;
    let now_epoch_s = ctx.clock.now_epoch_s();
    let waited_s = now_epoch_s.saturating_sub(task.record.sent_epoch_s.unwrap_or(now_epoch_s));
    task.change(|record| {
        if is_waiting(record) {
            record.state = TaskState::Running;
            record.claimed_epoch_s = Some(now_epoch_s);
            record.check_at_epoch_s = Some(now_epoch_s + FIRST_CHECK_AFTER_S);
            record.note(now_epoch_s, "claimed");
        }
    })
    .await?;
    if task.record.state != TaskState::Running {
        return Ok(Claimed::NothingToDo);
    }
    if status == TaskStatus::Scheduled && live::is_on_air(&task.record) {
        // The event was quicker than this claim.
        update(ctx, &task.record.task_id, UpdateJob::new(TaskStatus::Processing)).await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a wait in seconds is far below 2^52")]
    metrics::histogram!(names::QUEUE_WAIT_S).record(waited_s as f64);
    ctx.executions()?.start(&task.record.task_id, attempt).await?;
    Ok(Claimed::Started)
}

/// A task of the stack of another processing region, left as it was.
async fn leave_alone(task: &mut Task<'_>, order: &Order, processing_already: bool) -> Result<()> {
    let ctx = task.ctx;
    if processing_already {
        // Only a dead key brings us here: PROCESSING had to come first. The other stack must find it PENDING.
        update(ctx, &task.record.task_id, UpdateJob::new(TaskStatus::Pending)).await?;
    }
    let now_epoch_s = ctx.clock.now_epoch_s();
    let region = order.processing_region.unwrap_or_default();
    task.change(|record| {
        record.end(
            TaskState::LeftAlone,
            now_epoch_s,
            &format!("belongs to processing region {region}"),
        );
    })
    .await?;
    metrics::counter!(names::TASKS_LEFT_ALONE, "Reason" => "AnotherRegion").increment(1);
    Ok(())
}

/// Whether nothing was made or delivered by a former plan, which would have to fit this one: a task that goes on after
/// parking keeps the plan that it began with, whatever engines there are by now.
fn is_planned_anew(record: &TaskRecord) -> bool {
    let has_begun = record
        .works
        .iter()
        .any(|work| work.is_done() || work.accepted.is_some())
        || record
            .deliverables
            .iter()
            .any(|deliverable| deliverable.key.is_some());
    record.plan.is_none() || !has_begun
}

/// Whether nobody has claimed the task yet.
fn is_waiting(record: &TaskRecord) -> bool {
    matches!(record.state, TaskState::Kept | TaskState::Queued)
}

/// Whether a task of this status is still to be worked on.
pub(super) fn check_is_ours(task_id: &TaskId, status: Option<TaskStatus>) -> Result<()> {
    match status {
        Some(TaskStatus::Pending | TaskStatus::Scheduled | TaskStatus::Processing) => Ok(()),
        status => Err(StepError::GoneAtKaltura {
            task_id: task_id.to_string(),
            detail: format!("its status is {status:?}"),
        }),
    }
}

/// The task by its access key, and whether it had to be set PROCESSING for that, or SCHEDULED where it is for an event.
///
/// A task that stayed PENDING longer than its key lives can't be read, and a key is extended only from either status on
/// (spec 1.4): so updateJob, extendAccessKey, get, in that order.
async fn details(task: &mut Task<'_>) -> Result<(EntryVendorTask, bool)> {
    let ctx = task.ctx;
    let task_id = task.record.task_id.clone();
    match ctx.kaltura.task(&task_id, &task.record.access_key).get().await {
        Ok(details) => Ok((details, false)),
        Err(error) if error.class() == ErrorClass::SessionDead => {
            tracing::warn!(
                name = error.name(),
                "the access key died while the task was pending"
            );
            let status = match task.record.live {
                Some(_) => TaskStatus::Scheduled,
                None => TaskStatus::Processing,
            };
            update(ctx, &task_id, UpdateJob::new(status)).await?;
            task.extend_key().await?;
            Ok((
                ctx.kaltura.task(&task_id, &task.record.access_key).get().await?,
                true,
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// updateJob with the vendor KS, and a look at what came of it: a property that the session may not set is dropped
/// without an error (spec 1.1). Safe to repeat: the same status again is accepted.
pub(super) async fn update(ctx: &Context, task_id: &TaskId, update: UpdateJob) -> Result<EntryVendorTask> {
    let updated = ctx
        .sessions
        .with(async |ks| ctx.kaltura.vendor(ks).update_job(task_id, &update).await)
        .await?;
    if let Err(error) = update.confirm_status(&updated) {
        metrics::counter!(names::MISMATCHED_STATUS).increment(1);
        return Err(error.into());
    }
    Ok(updated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_ours_until_it_has_ended_at_kaltura() {
        let task_id = TaskId::parse("1").unwrap();
        let ours = [TaskStatus::Pending, TaskStatus::Processing, TaskStatus::Scheduled];
        for status in ours {
            assert!(check_is_ours(&task_id, Some(status)).is_ok(), "{status:?}");
        }
        let others = [TaskStatus::Ready, TaskStatus::Error, TaskStatus::Aborted];
        for status in others.map(Some).into_iter().chain([None]) {
            let error = check_is_ours(&task_id, status).unwrap_err();
            assert_eq!(error.class(), Class::Gone, "{status:?}");
        }
    }
}
