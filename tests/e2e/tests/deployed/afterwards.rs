//! What must hold after all cases: no invariant is broken; and nothing secret was told. For that, the real keys, sessions,
//! tokens and signatures are looked for in whatever an operator or a customer can read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aws_sdk_sfn::types::ExecutionListItem;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use kaltura::{AssetId, TaskId};
use kaltura_sim::SecretKind;
use pipeline::aws::dynamodb::Table;
use pipeline::invariants::{self, SeenAsset, SeenTask};
use pipeline::ports::{SessionStore, TaskStore};

use crate::bed::Bed;

/// What a signature looks like, in a header or in an address: those, too, that were given to nobody but an engine.
const SIGNATURES: [&str; 3] = [
    "AWS4-HMAC-SHA256 Credential=",
    "X-Amz-Signature=",
    "x-amz-security-token:",
];

/// The secrets of this deployment by their real values, each with what it is: whatever Kaltura has made, was given or has
/// answered, and what the vendor keeps.
async fn secrets(bed: &Bed) -> BTreeMap<String, String> {
    let at_kaltura = bed.sim().secrets();
    let kinds: BTreeSet<SecretKind> = at_kaltura.values().copied().collect();
    for kind in [
        SecretKind::AppToken,
        SecretKind::AdminSecret,
        SecretKind::AccessKey,
        SecretKind::Session,
        SecretKind::TokenHash,
        SecretKind::Signature,
        SecretKind::PresignedAddress,
        SecretKind::LiveKey,
    ] {
        assert!(
            kinds.contains(&kind),
            "no {kind:?} was ever seen: it is not looked for"
        );
    }
    let mut secrets: BTreeMap<String, String> = at_kaltura
        .into_iter()
        .map(|(value, kind)| (value, format!("{kind:?}")))
        .collect();
    let client = aws_sdk_dynamodb::Client::new(bed.stack.sdk());
    let table = Table::new(client, bed.stack.output("TasksTable").unwrap());
    // The record may have another than Kaltura made last.
    for order in bed.sim().orders() {
        let task_id = TaskId::parse(order.task_id.as_str()).unwrap();
        let record = TaskStore::load(&table, &task_id).await.unwrap().unwrap();
        let what = format!("the recorded key of task {task_id}");
        secrets.insert(record.access_key.reveal().to_owned(), what);
    }
    let session = SessionStore::load(&table).await.unwrap().unwrap();
    let session = serde_json::to_value(&session).unwrap();
    let ks = session["ks"].as_str().unwrap().to_owned();
    secrets.insert(ks, "the vendor's session".to_owned());
    secrets
}

/// How a secret may stand in a text: as it is, encoded for an address, and inside of a base64 at each of the three places that a
/// byte may have there, without the edges, which depend on what is beside it.
fn forms(secret: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([
        secret.to_owned(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    ]);
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for offset in 0..3 {
            let padded = [&[0; 2][..offset], secret.as_bytes()].concat();
            let encoded = engine.encode(padded);
            let first = (offset * 8).div_ceil(6);
            forms.insert(encoded[first..encoded.len() - 1].to_owned());
        }
    }
    forms
}

/// The net must be able to catch: each form is one in which the secret is found again.
fn forms_are_found_where_they_stand() {
    let secret = "a+secret/of=thirty-one-characters";
    for before in ["", "x", "xy", "xyz"] {
        let text = format!("{before}{secret} and more");
        let found = |text: &str| forms(secret).iter().any(|form| text.contains(form.as_str()));
        assert!(found(&text) && found(&STANDARD_NO_PAD.encode(&text)), "{before}");
        assert!(found(&URL_SAFE_NO_PAD.encode(&text)), "{before}");
        assert!(found("?key=a%2Bsecret%2Fof%3Dthirty-one-characters&x=1"));
        assert!(!found("a-secret-of-thirty-one-characters"));
    }
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
    forms_are_found_where_they_stand();
    let (secrets, texts) = (secrets(bed).await, readable(bed).await);
    let logged: usize = texts.values().map(String::len).sum();
    assert!(
        secrets.len() > 30 && texts.len() > 20 && logged > 100_000,
        "{} secrets, {} texts, {logged} bytes",
        secrets.len(),
        texts.len()
    );
    let mut looked_for = 0;
    for (secret, what) in &secrets {
        assert!(secret.len() > 15, "{what} is none");
        for form in forms(secret) {
            looked_for += 1;
            for (place, text) in &texts {
                assert!(!text.contains(form.as_str()), "{place} tells {what}");
            }
        }
    }
    for (place, text) in &texts {
        for signature in SIGNATURES {
            assert!(!text.contains(signature), "{place} tells a signature");
        }
    }
    println!(
        "none of {} secrets, in {looked_for} forms, in {} texts of {logged} bytes in all",
        secrets.len(),
        texts.len()
    );
}
