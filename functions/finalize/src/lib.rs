//! Finalize: a delivered task is set READY.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::finalize`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::{StepInput, finalize};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.build()
}

/// Closes a delivered task.
pub async fn handle(ctx: &Context, input: StepInput, _invocation: &Invocation) -> Result<()> {
    finalize::run(ctx, &input).await
}
