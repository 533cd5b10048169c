//! The `ended` function: see the library of this crate.

use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Arc::new(ended::context().await?);
    pipeline::function::serve(move |event, invocation| {
        let ctx = Arc::clone(&ctx);
        async move { ended::handle(&ctx, event, &invocation).await }
    })
    .await
}
