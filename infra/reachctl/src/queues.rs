//! The dead-letter queues: of orders that could not be claimed, and of schedules that could not call.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use clap::ValueEnum;
use serde::Serialize;

use crate::error::{ReachctlError, Result};

/// How many messages are shown of a queue: what one receive gives at most.
const SHOWN: i32 = 10;
/// A message that is moved or deleted is nobody else's for so long.
const IN_HAND_S: i32 = 60;
/// Receives without a message before a queue counts as empty: a short receive may miss some.
const EMPTY_RECEIVES: u32 = 3;

/// One of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Orders that claim failed five times.
    Orders,
    /// Scheduled calls that failed to the end.
    Schedules,
}

/// What lies in a queue.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetters {
    /// The queue.
    pub queue: Which,
    /// How many messages, about.
    pub about: u64,
    /// What some of them say.
    pub shown: Vec<String>,
}

/// Both queues.
#[derive(Debug)]
pub struct Letters {
    sqs: Client,
    orders_url: String,
    schedules_arn: String,
}

impl Letters {
    /// Of these queues: `orders_url` is the queue of orders itself, which names its own dead-letter queue.
    pub fn new(sqs: Client, orders_url: String, schedules_arn: String) -> Self {
        Self {
            sqs,
            orders_url,
            schedules_arn,
        }
    }

    /// What lies there. The messages stay.
    pub async fn look(&self) -> Result<Vec<DeadLetters>> {
        let mut letters = Vec::new();
        for queue in [Which::Orders, Which::Schedules] {
            let url = self.url(queue).await?;
            let about = self
                .attribute(&url, QueueAttributeName::ApproximateNumberOfMessages)
                .await?;
            let shown = self.receive(&url, 0).await?;
            letters.push(DeadLetters {
                queue,
                about: about.and_then(|about| about.parse().ok()).unwrap_or_default(),
                shown: shown.into_iter().filter_map(|message| message.body).collect(),
            });
        }
        Ok(letters)
    }

    /// Sends each order once more, and answers how many. A message is deleted only once it is sent; one that is sent twice does
    /// no harm.
    pub async fn redrive_orders(&self) -> Result<usize> {
        let url = self.url(Which::Orders).await?;
        self.empty(&url, async |message| {
            let group = message
                .attributes
                .as_ref()
                .and_then(|attributes| attributes.get(&MessageSystemAttributeName::MessageGroupId));
            self.sqs
                .send_message()
                .queue_url(&self.orders_url)
                .set_message_body(message.body.clone())
                .set_message_group_id(group.cloned())
                .send()
                .await
                .map_err(ReachctlError::aws("SendMessage"))?;
            Ok(())
        })
        .await
    }

    /// Deletes what lies in a queue, and answers how many. Nothing is lost by it: poll sends orders again that nobody has
    /// claimed, and each schedule calls again.
    pub async fn purge(&self, queue: Which) -> Result<usize> {
        let url = self.url(queue).await?;
        self.empty(&url, async |_| Ok(())).await
    }

    async fn empty(&self, url: &str, each: impl AsyncFn(&Message) -> Result<()>) -> Result<usize> {
        let (mut done, mut empty) = (0, 0);
        while empty < EMPTY_RECEIVES {
            let messages = self.receive(url, IN_HAND_S).await?;
            empty = if messages.is_empty() { empty + 1 } else { 0 };
            for message in messages {
                each(&message).await?;
                self.sqs
                    .delete_message()
                    .queue_url(url)
                    .set_receipt_handle(message.receipt_handle)
                    .send()
                    .await
                    .map_err(ReachctlError::aws("DeleteMessage"))?;
                done += 1;
            }
        }
        Ok(done)
    }

    async fn receive(&self, url: &str, visibility_timeout_s: i32) -> Result<Vec<Message>> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(SHOWN)
            .visibility_timeout(visibility_timeout_s)
            .wait_time_seconds(0)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .send()
            .await
            .map_err(ReachctlError::aws("ReceiveMessage"))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> Result<Option<String>> {
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone())
            .send()
            .await
            .map_err(ReachctlError::aws("GetQueueAttributes"))?;
        Ok(answer
            .attributes
            .and_then(|mut attributes| attributes.remove(&name)))
    }

    async fn url(&self, queue: Which) -> Result<String> {
        let arn = match queue {
            Which::Schedules => self.schedules_arn.clone(),
            Which::Orders => {
                let policy = self
                    .attribute(&self.orders_url, QueueAttributeName::RedrivePolicy)
                    .await?;
                let policy: serde_json::Value =
                    serde_json::from_str(&policy.unwrap_or_default()).unwrap_or_default();
                policy["deadLetterTargetArn"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            }
        };
        let name = arn.rsplit(':').next().unwrap_or_default();
        let answer = self
            .sqs
            .get_queue_url()
            .queue_name(name)
            .send()
            .await
            .map_err(ReachctlError::aws("GetQueueUrl"))?;
        Ok(answer.queue_url.unwrap_or_default())
    }
}
