//! Process: the work of the engine, completed by task token.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::process`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::process::{self, ProcessInput};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env()
        .await?
        .with_objects()?
        .with_links()
        .await?
        .with_engines()
        .await?
        .with_completions()
        .build()
}

/// Has the engine work on a task.
pub async fn handle(ctx: &Context, input: ProcessInput, _invocation: &Invocation) -> Result<()> {
    process::run(ctx, &input).await
}

#[cfg(test)]
mod tests {
    use engines::EngineError;
    use pipeline::Class;
    use serde_json::json;
    use step_world::{World, order};

    use super::*;

    /// A task whose media is there, and the event of its wait.
    async fn ready(world: &World) -> ProcessInput {
        let input = world.begin(order()).await;
        pipeline::steps::fetch::run(&world.ctx, &input).await.unwrap();
        let event = json!({ "task_id": input.task_id.as_str(), "attempt": 1, "task_token": "the-token" });
        serde_json::from_value(event).unwrap()
    }

    #[tokio::test]
    async fn a_result_completes_the_wait() {
        let world = World::new().await;
        let event = ready(&world).await;
        handle(&world.ctx, event, &Invocation::default()).await.unwrap();
        assert_eq!(world.states.succeeded(), ["the-token"]);
    }

    #[tokio::test]
    async fn an_error_fails_the_wait_by_its_class() {
        let world = World::new().await;
        world.engine.tell(|| {
            Err(EngineError::ProgramTimedOut {
                program: "recognise".to_owned(),
                timeout_ms: 1,
            })
        });
        let event = ready(&world).await;
        let error = handle(&world.ctx, event, &Invocation::default())
            .await
            .unwrap_err();
        assert_eq!(error.class(), Class::Retryable);
        assert_eq!(
            world.states.failed(),
            [("the-token".to_owned(), Class::Retryable)]
        );
        assert!(world.states.succeeded().is_empty());
    }

    #[test]
    fn an_event_without_a_token_is_refused() {
        let event = json!({ "task_id": "1", "attempt": 1 });
        assert!(serde_json::from_value::<ProcessInput>(event).is_err());
    }
}
