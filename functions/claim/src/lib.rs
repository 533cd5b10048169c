//! Claim: messages of the orders queue become executions.
//!
//! Invoked by SQS with a batch. The unit of failure is the message: a failed one is named in the answer and delivered
//! again, the rest of the batch is unharmed. The logic is `pipeline::steps::claim`.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Context as Invocation;
use pipeline::steps::{OrderMessage, claim};
use pipeline::{Builder, Context, Result};
use tracing::Instrument as _;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env()
        .await?
        .with_objects()?
        .with_executions()?
        .with_engines()
        .await?
        .with_streams()?
        .with_sockets()?
        .with_live_tokens()
        .await?
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
    let span = tracing::info_span!(
        "message",
        step = "claim",
        message_id,
        task_id = %order.task_id,
        partner_id = message.attributes.get("MessageGroupId").map(String::as_str),
    );
    async {
        match claim::run(ctx, &order).await {
            Ok(outcome) => {
                tracing::info!(?outcome, "message done");
                true
            }
            Err(error) => {
                let class = error.class().name();
                tracing::warn!(class, %error, "message comes again");
                false
            }
        }
    }
    .instrument(span)
    .await
}

#[cfg(test)]
mod tests {
    use kaltura_sim::{Fault, FaultEffect, PartnerId};
    use pipeline::record::TaskState;
    use serde_json::json;
    use step_world::{World, order, told};

    use super::*;

    /// Hands a batch to the handler, and answers which of its messages must come again, by their place.
    async fn failed(world: &World, bodies: &[&str]) -> Vec<usize> {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(place, body)| {
                let attributes = json!({ "MessageGroupId": "101" });
                json!({ "messageId": place.to_string(), "eventSource": "aws:sqs", "body": body, "attributes": attributes })
            })
            .collect();
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        let answer = handle(&world.ctx, event, &Invocation::default()).await.unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        answer["batchItemFailures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|failure| failure["itemIdentifier"].as_str().unwrap().parse().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_poison_message_harms_no_other() {
        let world = World::new().await;
        let (first, last) = (world.place(order()).await, world.place(order()).await);
        world.poll().await;
        let bodies = [
            OrderMessage { task_id: first }.to_json(),
            String::new(),
            "<html>".to_owned(),
            r#"{"task":1}"#.to_owned(),
            r#"{"task_id":"../1"}"#.to_owned(),
            // Of no task that we know.
            r#"{"task_id":"9007199254740993"}"#.to_owned(),
            OrderMessage { task_id: last }.to_json(),
        ];
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        assert_eq!(failed(&world, &bodies).await, [1, 2, 3, 4, 5]);
        assert_eq!(
            world.states.started().len(),
            2,
            "the first and the last were claimed"
        );
    }

    /// The customer is known from the message, before the record is read.
    #[test]
    fn each_line_tells_task_and_customer() {
        let ((), told) = told(async {
            let world = World::new().await;
            let task = world.place(order()).await;
            world.poll().await;
            world.sim.faults(vec![
                Fault::new(FaultEffect::HttpStatus { status: 502 }).on("reach_entryvendortask", "get"),
            ]);
            let body = OrderMessage { task_id: task }.to_json();
            assert_eq!(failed(&world, &[&body]).await, [0]);
        });
        let of_claim: Vec<_> = told
            .events()
            .into_iter()
            .filter(|event| event["step"] == "claim")
            .collect();
        assert!(
            of_claim
                .iter()
                .any(|event| event["message"] == "message comes again"),
            "{told:?}"
        );
        assert!(of_claim.iter().any(|event| event["code"] == "Http"), "{told:?}");
        for event in of_claim {
            assert_eq!(event["partner_id"], "101", "{event}");
            assert!(event["task_id"].is_string(), "{event}");
        }
    }

    #[tokio::test]
    async fn a_message_that_meets_a_passing_fault_comes_again_alone() {
        let world = World::new().await;
        let (one, other) = (world.place(order()).await, world.place(order()).await);
        world.poll().await;
        let blocked = Fault::new(FaultEffect::api("ACTION_BLOCKED"))
            .on("reach_entryvendortask", "get")
            .for_task(&one.as_str().into());
        world.sim.faults(vec![blocked]);
        let (one, other) = (
            OrderMessage { task_id: one }.to_json(),
            OrderMessage { task_id: other }.to_json(),
        );
        assert_eq!(failed(&world, &[&one, &other]).await, [0]);
        world.sim.clear_faults();
        assert!(
            failed(&world, &[&one]).await.is_empty(),
            "the second delivery is good"
        );
        assert_eq!(world.states.started().len(), 2);
    }

    /// A key that opens nothing, or something else, is exchanged by the vendor session for the task's own.
    #[tokio::test]
    async fn a_key_of_nobody_is_exchanged() {
        let world = World::with_answers("getJobs", |page| {
            for job in page["objects"].as_array_mut().into_iter().flatten() {
                job["accessKey"] = json!("bm9ib2R5IG1hZGUgdGhpcw==");
            }
        })
        .await;
        let task_id = world.place(order()).await;
        world.poll().await;
        let message = OrderMessage {
            task_id: task_id.clone(),
        }
        .to_json();
        assert!(failed(&world, &[&message]).await.is_empty());
        assert_eq!(world.record(&task_id).await.state, TaskState::Running);
    }

    /// Kaltura answers that it has no such task: what a key doesn't open is not there.
    #[tokio::test]
    async fn a_key_of_another_task_opens_nothing() {
        let world = World::with_answers("getJobs", |page| {
            let Some(jobs) = page["objects"].as_array_mut().filter(|jobs| jobs.len() == 2) else {
                return;
            };
            let first = jobs[0]["accessKey"].take();
            jobs[0]["accessKey"] = std::mem::replace(&mut jobs[1]["accessKey"], first);
        })
        .await;
        let mut of_another = order();
        of_another.customer.partner_id = PartnerId(102);
        let tasks = [world.place(order()).await, world.place(of_another).await];
        world.poll().await;
        for task_id in tasks {
            let message = OrderMessage {
                task_id: task_id.clone(),
            }
            .to_json();
            assert!(failed(&world, &[&message]).await.is_empty());
            assert_eq!(world.record(&task_id).await.state, TaskState::Gone);
            assert_eq!(world.report(&task_id).status, 1, "left PENDING, as it was");
        }
    }

    #[tokio::test]
    async fn a_task_with_values_of_the_future_is_claimed() {
        let world = World::with_answers("get", |task| {
            task["serviceType"] = json!(4711);
            task["creationMode"] = json!(4711);
            task["somethingNew"] = json!([{ "objectType": "KalturaFuture" }]);
            task["relatedObjects"]["future"] = json!(null);
        })
        .await;
        let task_id = world.place(order()).await;
        world.poll().await;
        let message = OrderMessage { task_id }.to_json();
        assert!(failed(&world, &[&message]).await.is_empty());
        assert_eq!(world.states.started().len(), 1);
    }
}
