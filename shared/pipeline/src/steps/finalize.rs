//! Finalize: READY, with what was delivered.
//!
//! READY kills the access key (spec D14), so it comes last, when every asset was seen READY. Safe to repeat: the same
//! status is accepted again.

use kaltura::{TaskStatus, UpdateJob};

use super::{StepInput, Task, claim};
use crate::context::Context;
use crate::error::Result;
use crate::record::TaskState;
use crate::telemetry::names;

/// Closes a delivered task.
pub async fn run(ctx: &Context, input: &StepInput) -> Result<()> {
    super::run(ctx, "finalize", input, finalize).await
}

pub(super) async fn finalize(task: &mut Task<'_>) -> Result<()> {
    let ctx = task.ctx;
    let deliverables = &task.record.deliverables;
    let Some(output_object_id) = deliverables.first().and_then(|first| first.asset_id.clone()) else {
        return Err(task.out_of_order("finalize", "an asset"));
    };
    if deliverables.iter().any(|deliverable| !deliverable.ready) {
        return Err(task.out_of_order("finalize", "every asset READY"));
    }
    let accuracy = task.record.result.as_ref().map(|result| result.accuracy_percent);
    let Some(accuracy) = accuracy else {
        return Err(task.out_of_order("finalize", "the engine's result"));
    };
    task.still_ours().await?;
    let ready = UpdateJob::new(TaskStatus::Ready)
        .output_object_id(output_object_id.as_str())
        .accuracy(accuracy);
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
