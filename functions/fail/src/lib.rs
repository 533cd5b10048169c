//! Fail: a task ends without a delivery, or is parked.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::fail`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::fail::{self, FailInput};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.build()
}

/// Ends or parks a task.
pub async fn handle(ctx: &Context, input: FailInput, _invocation: &Invocation) -> Result<()> {
    fail::run(ctx, &input.step, input.ending).await
}
