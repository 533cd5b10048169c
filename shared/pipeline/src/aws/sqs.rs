//! The orders queue: a standard queue whose message groups are the customers, which makes it a fair queue
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>).

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use kaltura::{PartnerId, TaskId};

use super::failed;
use crate::error::Result;
use crate::ports::OrderQueue;
use crate::steps::OrderMessage;

const SERVICE: &str = "sqs";

/// `SendMessageBatch` takes at most this many messages.
const BATCH: usize = 10;

/// The queue at `url`.
#[derive(Debug, Clone)]
pub struct Orders {
    client: Client,
    url: String,
}

impl Orders {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }
}

#[async_trait]
impl OrderQueue for Orders {
    async fn send(&self, orders: &[(TaskId, PartnerId)]) -> Result<Vec<TaskId>> {
        let mut not_taken = Vec::new();
        for batch in orders.chunks(BATCH) {
            let mut entries = Vec::with_capacity(batch.len());
            for (index, (task_id, partner_id)) in batch.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(
                        OrderMessage {
                            task_id: task_id.clone(),
                        }
                        .to_json(),
                    )
                    .message_group_id(partner_id.to_string())
                    .build()
                    .map_err(failed(SERVICE, "SendMessageBatch"))?;
                entries.push(entry);
            }
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(failed(SERVICE, "SendMessageBatch"))?;
            for refused in answer.failed() {
                tracing::warn!(
                    code = refused.code(),
                    message = refused.message(),
                    "a message was not taken"
                );
                let order = refused
                    .id()
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| batch.get(index));
                not_taken.extend(order.map(|(task_id, _)| task_id.clone()));
            }
        }
        Ok(not_taken)
    }
}
