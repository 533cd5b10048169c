//! Extend keys: access keys of running tasks, before they expire.
//!
//! Invoked by EventBridge Scheduler. The unit of failure is the key: one that can't be extended is counted, the others are
//! unharmed. The logic is `pipeline::steps::extend_keys`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::extend_keys::{self, ExtendReport};
use pipeline::{Builder, Context, Result};
use serde_json::Value;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.build()
}

/// Extends every key that expires within the margin. The event says nothing that is needed.
pub async fn handle(ctx: &Context, _event: Value, _invocation: &Invocation) -> Result<ExtendReport> {
    extend_keys::run(ctx).await
}
