//! Fail: a task ends without a delivery, or is parked.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::fail`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::fail::{self, FailInput};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env()
        .await?
        .with_objects()?
        .with_streams()?
        .with_sockets()?
        .build()
}

/// Ends or parks a task.
pub async fn handle(ctx: &Context, input: FailInput, _invocation: &Invocation) -> Result<()> {
    fail::run(ctx, &input.step, input.ending).await
}

#[cfg(test)]
mod tests {
    use pipeline::record::TaskState;
    use serde_json::json;
    use step_world::{World, order};

    use super::*;

    /// Begins a task and ends it so; answers our state and Kaltura's status, or the error's name.
    async fn ended(world: &World, ending: &str) -> std::result::Result<(TaskState, i64), String> {
        let input = world.begin(order()).await;
        let event = json!({ "task_id": input.task_id.as_str(), "attempt": 1, "ending": ending });
        let event = serde_json::from_value(event).unwrap();
        handle(&world.ctx, event, &Invocation::default())
            .await
            .map_err(|error| error.name().to_owned())?;
        Ok((
            world.record(&input.task_id).await.state,
            world.report(&input.task_id).status,
        ))
    }

    #[tokio::test]
    async fn nothing_is_said_to_kaltura_of_a_parked_or_a_gone_task() {
        let world = World::new().await;
        assert_eq!(ended(&world, "parked").await, Ok((TaskState::Parked, 3)));
        assert_eq!(ended(&world, "gone").await, Ok((TaskState::Gone, 3)));
    }

    /// ERROR refunds the customer and is final: not without a cause that a step has written down.
    #[tokio::test]
    async fn error_needs_a_cause() {
        let world = World::new().await;
        assert_eq!(ended(&world, "error").await, Err("OutOfOrder".to_owned()));
    }

    #[tokio::test]
    async fn the_cause_reaches_the_customer() {
        let world = World::new().await;
        let mut request = order();
        request.profile.flavor_params_ids = Some("77".to_owned());
        let input = world.begin(request).await;
        pipeline::steps::fetch::run(&world.ctx, &input).await.unwrap_err();
        let event = json!({ "task_id": input.task_id.as_str(), "attempt": 1, "ending": "error" });
        let event = serde_json::from_value(event).unwrap();
        handle(&world.ctx, event, &Invocation::default()).await.unwrap();
        let report = world.report(&input.task_id);
        assert_eq!((report.status, report.refunded), (6, true));
        assert!(report.task["errDescription"].as_str().unwrap().contains("77"));
    }

    #[test]
    fn an_unknown_ending_is_refused() {
        let event = json!({ "task_id": "1", "attempt": 1, "ending": "forgotten" });
        assert!(serde_json::from_value::<FailInput>(event).is_err());
    }
}
