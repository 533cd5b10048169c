//! The AWS adapters of the [ports](crate::ports).
//!
//! One file a service. Each passes [`crate::conformance`], run against an emulator by the end-to-end tests. Retries of
//! throttling and network faults are the SDK's own (standard mode); what comes out of here as `Aws` has outlived them.

pub mod dynamodb;
pub mod events;
pub mod s3;
pub mod secrets;
pub mod sign;
pub mod sockets;
pub mod sqs;
pub mod states;
pub mod streams;

use aws_config::{BehaviorVersion, SdkConfig};

use crate::error::StepError;

/// The SDK's configuration from the environment of the function (role credentials, region, endpoint overrides).
pub async fn sdk_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).load().await
}

/// The endpoint override of a local deployment (`AWS_ENDPOINT_URL`), which also means path-style S3 addresses.
pub fn endpoint_override(sdk: &SdkConfig) -> Option<&str> {
    sdk.endpoint_url()
}

/// Makes an SDK error into ours. `DisplayErrorContext` tells the whole chain; SDK errors hold no credentials.
fn failed<E>(service: &'static str, action: &'static str) -> impl FnOnce(E) -> StepError
where
    E: std::error::Error,
{
    move |error| StepError::Aws {
        service,
        action,
        detail: chain(&error),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
