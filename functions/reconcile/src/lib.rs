//! Reconcile: running tasks are looked at from outside, and put right.
//!
//! Invoked by EventBridge Scheduler. The unit of failure is the task: one that can't be looked at now is counted, the others
//! are unharmed. The logic is `pipeline::steps::reconcile`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::reconcile::{self, ReconcileReport};
use pipeline::{Builder, Context, Result};
use serde_json::Value;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env()
        .await?
        .with_executions()?
        .with_events()?
        .with_objects()?
        .with_engines_at_hand()
        .await?
        .with_completions()
        .with_streams()?
        .with_sockets()?
        .build()
}

/// Looks at every running task that is due. The event says nothing that is needed.
pub async fn handle(ctx: &Context, _event: Value, _invocation: &Invocation) -> Result<ReconcileReport> {
    // Boxed: many tasks are looked at side by side.
    Box::pin(reconcile::run(ctx)).await
}

#[cfg(test)]
mod tests {
    use kaltura_sim::{Fault, FaultEffect};
    use serde_json::json;
    use step_world::{World, order};

    use super::*;

    #[tokio::test]
    async fn a_task_that_can_not_be_looked_at_harms_no_other() {
        let world = World::new().await;
        let (one, other) = (world.begin(order()).await, world.begin(order()).await);
        world.states.forget(&other.task_id, 1);
        let blocked = Fault::new(FaultEffect::api("ACTION_BLOCKED"))
            .on("reach_entryvendortask", "get")
            .for_task(&one.task_id.as_str().into());
        world.sim.faults(vec![blocked]);
        world.advance(20 * 60);
        let report = handle(&world.ctx, json!({}), &Invocation::default())
            .await
            .unwrap();
        let expected = ReconcileReport {
            looked_at: 2,
            put_right: 1,
            failed: 1,
        };
        assert_eq!(report, expected);
        let again = handle(&world.ctx, json!({}), &Invocation::default()).await;
        assert_eq!(again.unwrap().looked_at, 0, "neither is due again yet");
    }
}
