//! EventBridge: the account's default bus.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::failed;
use crate::error::{Result, StepError};
use crate::ports::EventBus;

const SERVICE: &str = "events";
const ACTION: &str = "PutEvents";

/// The source of our events, which rules match on.
pub const SOURCE: &str = "reach-vendor";

/// The default bus of the account.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    about_arn: String,
}

impl Bus {
    /// The bus; its events are about this resource.
    pub fn new(client: Client, about_arn: impl Into<String>) -> Self {
        Self {
            client,
            about_arn: about_arn.into(),
        }
    }
}

#[async_trait]
impl EventBus for Bus {
    async fn tell(&self, kind: &'static str, detail: &str) -> Result<()> {
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(kind)
            .detail(detail)
            .resources(&self.about_arn)
            .build();
        let told = self.client.put_events().entries(entry).send().await;
        let told = told.map_err(failed(SERVICE, ACTION))?;
        // A refused entry is told of in an answer that is none of an error.
        match told.entries().iter().find_map(|entry| entry.error_code()) {
            Some(code) => Err(StepError::Aws {
                service: SERVICE,
                action: ACTION,
                detail: format!("the event was refused: {code}"),
            }),
            None => Ok(()),
        }
    }
}
