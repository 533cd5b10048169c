//! Upload: the deliverables of a task become assets at Kaltura.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::upload`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::StepInput;
use pipeline::steps::upload::{self, UploadOutcome};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.with_objects()?.build()
}

/// Brings the deliverables of a task as far as they can be brought now.
pub async fn handle(ctx: &Context, input: StepInput, _invocation: &Invocation) -> Result<UploadOutcome> {
    upload::run(ctx, &input).await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use step_world::World;

    use super::*;

    /// One call, and its answer as the state machine reads it.
    async fn called(world: &World, input: &StepInput) -> Value {
        let outcome = handle(&world.ctx, input.clone(), &Invocation::default())
            .await
            .unwrap();
        serde_json::to_value(outcome).unwrap()
    }

    #[tokio::test]
    async fn the_answer_says_how_long_to_wait_and_when_it_is_done() {
        let world = World::new().await;
        let input = world.begin_and_process().await;
        let first = called(&world, &input).await;
        assert_eq!(first["outcome"], "importing", "{first}");
        assert!(first["wait_s"].as_u64().unwrap() > 0, "{first}");
        world.upload_until_done(&input).await.unwrap();
        assert_eq!(
            called(&world, &input).await,
            json!({ "outcome": "delivered", "wait_s": 0 })
        );
    }
}
