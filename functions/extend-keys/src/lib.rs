//! Extend keys: access keys of running tasks, before they expire.
//!
//! Invoked by EventBridge Scheduler. The unit of failure is the key: one that can't be extended is counted, the others are
//! unharmed. The logic is `pipeline::steps::extend_keys`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::extend_keys::{self, ExtendReport};
use pipeline::{Builder, Context, Result};
use serde_json::Value;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.build()
}

/// Extends every key that expires within the margin. The event says nothing that is needed.
pub async fn handle(ctx: &Context, _event: Value, _invocation: &Invocation) -> Result<ExtendReport> {
    extend_keys::run(ctx).await
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
        let blocked = Fault::new(FaultEffect::Api {
            code: "ACTION_BLOCKED".to_owned(),
            message: String::new(),
        })
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
}
