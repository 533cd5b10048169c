//! What an operator does with `reachctl`, on the deployed stack.

use std::time::Instant;

use clap::Parser as _;
use kaltura_sim::{Fault, FaultEffect};
use pipeline::record::TaskState;
use reachctl::Arguments;
use serde_json::Value;

use crate::bed::{Bed, SOON};

/// ERROR at Kaltura.
const ERROR: i64 = 6;

/// Runs the command against this run's stack, and answers what it prints as JSON.
pub async fn reachctl(arguments: &[&str]) -> Value {
    let line = ["reachctl", "--local", "e2e", "--as", "anna", "--json"]
        .iter()
        .chain(arguments);
    let printed = reachctl::run(&Arguments::try_parse_from(line).unwrap())
        .await
        .unwrap();
    serde_json::from_str(&printed).unwrap()
}

fn ids(listed: &Value) -> Vec<&str> {
    let rows = listed.as_array().unwrap().iter();
    rows.map(|row| row["task_id"].as_str().unwrap()).collect()
}

/// A parked task is found, looked at, its key extended, and at last failed with the operator's own words.
pub async fn looks_and_fails(bed: &Bed) {
    let notes = "Please spell the names as on the slides.";
    let mut order = bed.order_for(&bed.clip);
    order.notes = Some(notes.to_owned());
    let placed = bed.place(order).await;
    let down = Fault::new(FaultEffect::HttpStatus { status: 503 })
        .on("baseentry", "getPlaybackContext")
        .for_task(&placed.task_id);
    bed.sim().faults(vec![down]);
    bed.take_on(&placed).await;
    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Parked, "{task:?}");
    let id = placed.task_id.as_str();

    let customer = bed.report(&placed).partner_id.to_string();
    let listed = reachctl(&["list", "--state", "parked", "--customer", &customer]).await;
    assert_eq!(ids(&listed), [id]);
    let shown = reachctl(&["show", id]).await;
    assert_eq!(shown["state"], "Parked");
    assert_eq!(shown["execution"], "ended");
    assert_eq!(shown["access_key"], "redacted");
    assert_eq!(shown["notes"], notes);
    let history = shown["history"].as_array().unwrap().iter();
    let history: Vec<&str> = history.map(|entry| entry["what"].as_str().unwrap()).collect();
    assert!(
        history.contains(&"kept") && history.contains(&"claimed"),
        "{history:?}"
    );
    let before = shown["key_expires_epoch_s"].as_u64().unwrap();
    let extended = reachctl(&["extend-key", id]).await;
    assert!(extended["key_expires_epoch_s"].as_u64().unwrap() >= before);

    let text = "The recording can't be opened. Please upload it again.";
    reachctl(&["fail", id, "--text", text]).await;
    bed.stack.poll_now().await.unwrap();
    let task = bed
        .until(&placed, SOON, |task| task.state == TaskState::Failed)
        .await;
    assert!(task.cause.unwrap().starts_with("ByOperator"));
    let report = bed.report(&placed);
    assert_eq!((report.status, report.refunded), (ERROR, true));
    assert_eq!(report.task["errDescription"], text);
}

/// Behind a closed gate an order is kept; what lies in the dead-letter queue is sent again. Not beside other cases: they need
/// the gate.
pub async fn drains_and_redrives(bed: &Bed) {
    reachctl(&["drain", "--why", "a new engine"]).await;
    assert_eq!(reachctl(&["gate"]).await["closed"]["why"], "anna: a new engine");
    let placed = bed.order(bed.order_for(&bed.clip)).await;
    bed.stack.poll_now().await.unwrap();
    let id = placed.task_id.as_str();
    assert_eq!(ids(&reachctl(&["list", "--state", "kept"]).await), [id]);
    reachctl(&["fail", id, "--text", "Not today."]).await;
    reachctl(&["resume"]).await;
    assert_eq!(reachctl(&["gate"]).await["closed"], Value::Null);

    // Given up by claim, while the gate was closed: it waits for its turn again, and its message does no harm.
    let sqs = aws_sdk_sqs::Client::new(bed.stack.sdk());
    let message = serde_json::json!({ "task_id": id }).to_string();
    sqs.send_message()
        .queue_url(bed.stack.output("OrdersDlqUrl").unwrap())
        .message_group_id("7")
        .message_body(&message)
        .send()
        .await
        .unwrap();
    let about = |letters: &Value| letters[0]["about"].as_u64().unwrap();
    let letters = reachctl(&["dlq", "show"]).await;
    assert_eq!(
        (about(&letters), &letters[0]["shown"][0]),
        (1, &Value::from(message))
    );
    assert_eq!(reachctl(&["dlq", "redrive"]).await["sent"], 1);
    assert_eq!(about(&reachctl(&["dlq", "show"]).await), 0);
    assert_eq!(reachctl(&["dlq", "purge", "schedules"]).await["deleted"], 0);

    let begun = Instant::now();
    while bed.report(&placed).status != ERROR {
        assert!(begun.elapsed() < SOON, "{:?}", bed.report(&placed).status);
        bed.stack.poll_now().await.unwrap();
        let failed = |task: &reach_local::TaskView| task.state == TaskState::Failed;
        let soon = std::time::Duration::from_secs(3);
        drop(bed.stack.wait_for_task(id, soon, failed).await);
    }
    assert_eq!(bed.report(&placed).task["errDescription"], "Not today.");
}
