//! The `live` function: see the library of this crate.

use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let live = Arc::new(live::live().await?);
    pipeline::function::serve(move |event, _invocation| {
        let live = Arc::clone(&live);
        async move { Ok(live::handle(&live, event).await) }
    })
    .await
}
