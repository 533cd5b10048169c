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
        .with_engine()?
        .with_completions()
        .build()
}

/// Has the engine work on a task.
pub async fn handle(ctx: &Context, input: ProcessInput, _invocation: &Invocation) -> Result<()> {
    process::run(ctx, &input).await
}
