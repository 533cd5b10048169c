//! Finalize: a delivered task is set READY.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::finalize`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::{StepInput, finalize};
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

/// Closes a delivered task.
pub async fn handle(ctx: &Context, input: StepInput, _invocation: &Invocation) -> Result<()> {
    finalize::run(ctx, &input).await
}

#[cfg(test)]
mod tests {
    use pipeline::Class;
    use step_world::World;

    use super::*;

    #[tokio::test]
    async fn ready_comes_once_and_only_with_the_assets() {
        let world = World::new().await;
        let input = world.begin_and_process().await;
        let finalize = async || handle(&world.ctx, input.clone(), &Invocation::default()).await;
        let early = finalize().await.unwrap_err();
        assert_eq!(early.class(), Class::Fault, "{early}");
        assert_eq!(world.report(&input.task_id).status, 3, "PROCESSING");

        world.upload_until_done(&input).await.unwrap();
        finalize().await.unwrap();
        assert_eq!(world.report(&input.task_id).status, 2, "READY");
        assert_eq!(finalize().await.unwrap_err().class(), Class::Gone);
    }
}
