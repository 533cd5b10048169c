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
