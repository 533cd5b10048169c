//! Poll: every minute, what Kaltura has for us is kept and sent.
//!
//! Invoked by EventBridge Scheduler. The unit of failure is the whole poll: it is safe to repeat, and the next one does
//! what this one left. The logic is `pipeline::steps::poll`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::poll::{self, PollReport};
use pipeline::{Builder, Context, Result};
use serde_json::Value;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.with_queue()?.build()
}

/// Polls once. The event says nothing that is needed.
pub async fn handle(ctx: &Context, _event: Value, invocation: &Invocation) -> Result<PollReport> {
    poll::run(ctx, &invocation.request_id).await
}
