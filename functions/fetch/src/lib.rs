//! Fetch: the media of a task, into S3.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::fetch`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::{StepInput, fetch};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.with_objects()?.with_fetcher()?.build()
}

/// Fetches the media of a task.
pub async fn handle(ctx: &Context, input: StepInput, _invocation: &Invocation) -> Result<()> {
    // Boxed: the fetch holds playlists and windows, kilobytes of state.
    Box::pin(fetch::run(ctx, &input)).await
}
