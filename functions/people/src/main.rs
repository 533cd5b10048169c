//! The `people` function: see the library of this crate.

use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let people = Arc::new(people::people().await?);
    pipeline::function::serve(move |event, _invocation| {
        let people = Arc::clone(&people);
        async move { Ok(people::handle(&people, event).await) }
    })
    .await
}
