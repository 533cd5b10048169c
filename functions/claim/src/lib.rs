//! Claim: messages of the orders queue become executions.
//!
//! Invoked by SQS with a batch. The unit of failure is the message: a failed one is named in the answer and delivered
//! again, the rest of the batch is unharmed. The logic is `pipeline::steps::claim`.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Context as Invocation;
use pipeline::steps::{OrderMessage, claim};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env()
        .await?
        .with_objects()?
        .with_executions()?
        .with_engine()?
        .build()
}

/// Claims the task of each message, and names the messages that must come again.
pub async fn handle(ctx: &Context, event: SqsEvent, _invocation: &Invocation) -> Result<SqsBatchResponse> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if !claimed(ctx, &message).await {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    Ok(response)
}

/// Whether the message is done with.
async fn claimed(ctx: &Context, message: &SqsMessage) -> bool {
    let message_id = message.message_id.as_deref().unwrap_or_default();
    let body = message.body.as_deref().unwrap_or_default();
    let order: OrderMessage = match serde_json::from_str(body) {
        Ok(order) => order,
        Err(error) => {
            // It will not become readable; the redrive policy takes it to the dead-letter queue.
            tracing::error!(message_id, %error, "a message is not `{{\"task_id\": …}}`");
            return false;
        }
    };
    match claim::run(ctx, &order).await {
        Ok(outcome) => {
            tracing::info!(message_id, task_id = %order.task_id, ?outcome, "message done");
            true
        }
        Err(error) => {
            let class = error.class().name();
            tracing::warn!(message_id, task_id = %order.task_id, class, %error, "message comes again");
            false
        }
    }
}
