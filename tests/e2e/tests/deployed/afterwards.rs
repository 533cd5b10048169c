//! What must hold after all cases: no invariant is broken; and nothing secret was told. For that, the real keys, sessions,
//! tokens and signatures are looked for in whatever an operator or a customer can read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_sdk_sfn::types::ExecutionListItem;
use kaltura::{AssetId, TaskId};
use pipeline::aws::dynamodb::Table;
use pipeline::invariants::{self, SeenAsset, SeenTask};
use pipeline::ports::{SessionStore, TaskStore};

use crate::bed::Bed;

/// What a signature looks like, in a header or in an address.
const SIGNATURES: [&str; 3] = [
    "AWS4-HMAC-SHA256 Credential=",
    "X-Amz-Signature=",
    "x-amz-security-token:",
];

/// The secrets of this deployment, by what they are.
async fn secrets(bed: &Bed) -> BTreeMap<String, String> {
    let mut secrets = BTreeMap::from([
        ("the app token".to_owned(), bed.sim().app_token().to_owned()),
        ("the admin secret".to_owned(), bed.sim().admin_secret().to_owned()),
    ]);
    for order in bed.sim().orders() {
        let report = bed.sim().order(&order.task_id).unwrap();
        let key = report.task["accessKey"].as_str().unwrap().to_owned();
        secrets.insert(format!("the access key of task {}", order.task_id), key);
    }
    let client = aws_sdk_dynamodb::Client::new(bed.stack.sdk());
    let table = Table::new(client, bed.stack.output("TasksTable").unwrap());
    // The record may have another than Kaltura made last.
    for order in bed.sim().orders() {
        let task_id = TaskId::parse(order.task_id.as_str()).unwrap();
        let record = TaskStore::load(&table, &task_id).await.unwrap().unwrap();
        let what = format!("the recorded key of task {task_id}");
        secrets.insert(what, record.access_key.reveal().to_owned());
    }
    let session = SessionStore::load(&table).await.unwrap().unwrap();
    let ks = serde_json::to_value(&session).unwrap()["ks"]
        .as_str()
        .unwrap()
        .to_owned();
    secrets.insert("the vendor's session".to_owned(), ks);
    secrets
}

/// What can be read of this deployment, by where it stands.
async fn readable(bed: &Bed) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let logs = bed.stack.keep_logs().await.unwrap();
    for entry in std::fs::read_dir(logs).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        // The emulator's own log is no log of AWS.
        if name != "aws" {
            texts.insert(
                format!("the log of {name}"),
                std::fs::read_to_string(path).unwrap(),
            );
        }
    }
    for order in bed.sim().orders() {
        let report = bed.sim().order(&order.task_id).unwrap();
        let told = ["errDescription", "externalTaskId", "partnerData", "notes"];
        let told = told.map(|field| {
            report
                .task
                .get(field)
                .map(ToString::to_string)
                .unwrap_or_default()
        });
        texts.insert(
            format!("what the customer reads of task {}", order.task_id),
            told.join(" "),
        );
    }
    let states = aws_sdk_sfn::Client::new(bed.stack.sdk());
    let machine = bed.stack.output("StateMachineArn").unwrap();
    let executions = states
        .list_executions()
        .state_machine_arn(machine)
        .send()
        .await
        .unwrap();
    for arn in executions
        .executions()
        .iter()
        .map(ExecutionListItem::execution_arn)
    {
        let mut pages = states
            .get_execution_history()
            .execution_arn(arn)
            .into_paginator()
            .items()
            .send();
        let mut history = String::new();
        while let Some(event) = pages.next().await {
            writeln!(history, "{:?}", event.unwrap()).unwrap();
        }
        texts.insert(format!("the history of {arn}"), history);
    }
    let queues = aws_sdk_sqs::Client::new(bed.stack.sdk());
    for queue in ["OrdersQueueUrl", "OrdersDlqUrl", "SchedulesDlqUrl"] {
        let url = bed.stack.output(queue).unwrap();
        let waiting = queues.receive_message().queue_url(url).max_number_of_messages(10);
        let waiting = waiting.send().await.unwrap();
        let bodies = waiting.messages().iter().filter_map(|message| message.body());
        texts.insert(
            format!("messages in {queue}"),
            bodies.collect::<Vec<_>>().join("\n"),
        );
    }
    texts
}

/// Looks for whatever the simulation rules out, in what the cases have left.
pub async fn all_invariants_hold(bed: &Bed) {
    let client = aws_sdk_dynamodb::Client::new(bed.stack.sdk());
    let table = Table::new(client, bed.stack.output("TasksTable").unwrap());
    for order in bed.sim().orders() {
        let task_id = TaskId::parse(order.task_id.as_str()).unwrap();
        let record = TaskStore::load(&table, &task_id).await.unwrap().unwrap();
        let report = bed.sim().order(&order.task_id).unwrap();
        let assets = report.assets.iter().filter(|asset| asset.by_vendor);
        let task = SeenTask {
            status: report.status,
            assets: assets
                .map(|asset| SeenAsset {
                    id: AssetId::parse(asset.id.as_str()).unwrap(),
                    mark: asset.fields["partnerData"].as_str().unwrap().to_owned(),
                    is_ready: asset.status == 2,
                })
                .collect(),
            is_charged: report.charged,
            is_refunded: report.refunded,
        };
        assert_eq!(invariants::of_task(&record, &task), []);
        assert!(record.state.has_ended(), "{record:?}");
    }
}

/// Looks for each secret in each text.
pub async fn no_secret_was_told(bed: &Bed) {
    let (secrets, texts) = (secrets(bed).await, readable(bed).await);
    let logged: usize = texts.values().map(String::len).sum();
    assert!(
        secrets.len() > 10 && texts.len() > 20 && logged > 100_000,
        "{} texts, {logged} bytes",
        texts.len()
    );
    for (place, text) in &texts {
        for (what, secret) in &secrets {
            assert!(secret.len() > 20, "{what} is none");
            assert!(!text.contains(secret.as_str()), "{place} tells {what}");
        }
        for signature in SIGNATURES {
            assert!(!text.contains(signature), "{place} tells a signature");
        }
    }
    println!(
        "none of {} secrets in {} texts of {logged} bytes in all",
        secrets.len(),
        texts.len()
    );
}
