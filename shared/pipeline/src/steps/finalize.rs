//! Finalize: READY, with what was delivered.
//!
//! READY kills the access key (spec D14), so it comes last, when every asset was seen READY. Safe to repeat: the same
//! status is accepted again.

use kaltura::{AssetId, TaskStatus, UpdateJob};

use super::{StepInput, Task, claim, live};
use crate::context::Context;
use crate::error::Result;
use crate::live::EndReason;
use crate::plan::{OutputObject, SourceText};
use crate::record::TaskState;
use crate::telemetry::names;

/// Closes a delivered task.
pub async fn run(ctx: &Context, input: &StepInput) -> Result<()> {
    super::run(ctx, "finalize", input, finalize).await
}

/// What the task's `outputObjectId` names: the first deliverable, or the captions that a translation was made from (spec D11).
/// `None` where the event was all that was delivered.
fn output_object_id(task: &Task<'_>) -> Result<Option<AssetId>> {
    let plan = task.record.plan.as_ref();
    if let Some(plan) = plan
        && plan.output_object == OutputObject::SourceCaptions
        && let Some(SourceText::Caption(id)) = &plan.source_text
    {
        return Ok(Some(id.clone()));
    }
    let Some(first) = task.record.deliverables.first() else {
        return Ok(None);
    };
    match &first.asset_id {
        Some(id) => Ok(Some(id.clone())),
        None => Err(task.out_of_order("finalize", "an asset")),
    }
}

pub(super) async fn finalize(task: &mut Task<'_>) -> Result<()> {
    let ctx = task.ctx;
    if !task.record.is_delivered() {
        return Err(task.out_of_order("finalize", "every asset READY"));
    }
    let output_object_id = output_object_id(task)?;
    let accuracy = task.accuracy_percent()?;
    task.still_ours().await?;
    live::close(task, EndReason::EventOver).await?;
    live::processing_before_ready(task).await?;
    let mut ready = UpdateJob::new(TaskStatus::Ready).accuracy(accuracy);
    if let Some(id) = &output_object_id {
        ready = ready.output_object_id(id.as_str());
    }
    claim::update(ctx, &task.record.task_id, ready).await?;
    let now_epoch_s = ctx.clock.now_epoch_s();
    task.change(|record| record.end(TaskState::Delivered, now_epoch_s, "READY at kaltura"))
        .await?;
    let service = task.record.service_feature.to_string();
    metrics::counter!(names::TASKS_DELIVERED, "Service" => service.clone()).increment(1);
    let took_s = now_epoch_s.saturating_sub(task.record.queue_time_epoch_s);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a duration in seconds is far below 2^52"
    )]
    metrics::histogram!(names::ORDER_TO_DELIVERY_S, "Service" => service).record(took_s as f64);
    Ok(())
}
