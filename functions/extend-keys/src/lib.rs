//! Extend keys: access keys of running tasks, before they expire.
//!
//! Invoked by EventBridge Scheduler, and by an operator for one task: `{"task_id": "…"}`. The unit of failure is the key: one that can't be extended is counted, the others are
//! unharmed. The logic is `pipeline::steps::extend_keys`.

use kaltura::TaskId;
use lambda_runtime::Context as Invocation;
use pipeline::steps::extend_keys::{self, ExtendReport};
use pipeline::{Builder, Context, Result, StepError};
use serde::Deserialize as _;
use serde_json::Value;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.build()
}

/// Extends every key that expires within the margin; where the event names a task, that one's, whenever it expires.
pub async fn handle(ctx: &Context, event: Value, _invocation: &Invocation) -> Result<ExtendReport> {
    match event.get("task_id") {
        None => extend_keys::run(ctx).await,
        Some(task_id) => {
            let task_id = TaskId::deserialize(task_id).map_err(|error| StepError::RecordUnreadable {
                what: "the event's task_id".to_owned(),
                detail: error.to_string(),
            })?;
            extend_keys::one(ctx, &task_id).await
        }
    }
}

#[cfg(test)]
mod tests {
    use kaltura_sim::{Fault, FaultEffect};
    use serde_json::json;
    use step_world::{World, order};

    use super::*;

    #[tokio::test]
    async fn a_key_that_can_not_be_extended_harms_no_other() {
        let world = World::new().await;
        let (one, other) = (world.begin(order()).await, world.begin(order()).await);
        let blocked = Fault::new(FaultEffect::api("ACTION_BLOCKED"))
            .on("reach_entryvendortask", "extendAccessKey")
            .for_task(&one.task_id.as_str().into());
        world.sim.faults(vec![blocked]);
        let before = world.record(&other.task_id).await.key_expires_epoch_s;
        world.advance(before - world.ctx.clock.now_epoch_s() - 3_600);
        let report = handle(&world.ctx, json!({}), &Invocation::default())
            .await
            .unwrap();
        assert_eq!((report.extended, report.failed), (1, 1));
        assert!(world.record(&other.task_id).await.key_expires_epoch_s > before);
    }

    #[tokio::test]
    async fn an_operator_has_one_key_extended() {
        let world = World::new().await;
        let (one, other) = (world.begin(order()).await, world.begin(order()).await);
        let before = world.record(&other.task_id).await.key_expires_epoch_s;
        world.advance(3_600);
        let event = json!({ "task_id": one.task_id.as_str() });
        let report = handle(&world.ctx, event, &Invocation::default()).await.unwrap();
        assert_eq!((report.extended, report.gone, report.failed), (1, 0, 0));
        assert!(world.record(&one.task_id).await.key_expires_epoch_s > before);
        assert_eq!(world.record(&other.task_id).await.key_expires_epoch_s, before);
        let unknown = handle(&world.ctx, json!({ "task_id": "999999" }), &Invocation::default()).await;
        assert_eq!(unknown.unwrap(), ExtendReport::default());
        let named = handle(&world.ctx, json!({ "task_id": "no id" }), &Invocation::default()).await;
        assert_eq!(named.unwrap_err().name(), "RecordUnreadable");
    }
}
