//! The `door` function: see the library of this crate.

use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let door = Arc::new(door::door().await?);
    pipeline::function::serve(move |event, _invocation| {
        let door = Arc::clone(&door);
        async move { Ok(door::handle(&door, event).await) }
    })
    .await
}
