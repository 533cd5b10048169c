//! The loop of a Lambda function: events in, answers out, metrics written after each.

use std::future::Future;

use lambda_runtime::{Context as Invocation, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::Result;
use crate::telemetry;

/// Serves invocations until Lambda ends the process.
///
/// `handler` gets the event and what Lambda says of the invocation. Its error becomes `errorType` and `errorMessage` of
/// the invocation, by which the state machine tells the classes apart. An event that can't be read as `E` is answered
/// as an error by the runtime.
pub async fn serve<E, O, F>(
    handler: impl Fn(E, Invocation) -> F,
) -> std::result::Result<(), lambda_runtime::Error>
where
    E: DeserializeOwned,
    O: Serialize,
    F: Future<Output = Result<O>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| {
        let (payload, invocation) = event.into_parts();
        // Boxed: a step's future is tens of kilobytes, and each layer of the runtime would copy it.
        let answer = Box::pin(handler(payload, invocation.clone()));
        async move {
            let answer = answer.await;
            telemetry::flush(&invocation);
            answer
        }
    }))
    .await
}
