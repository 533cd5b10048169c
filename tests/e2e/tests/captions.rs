//! Orders through the real template, deployed to the emulator: what arrives at Kaltura is read back and checked.
//!
//! Needs what `infra/local/setup run` makes; `tests/run` calls it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use captions::{CaptionFormat, Cue};
use kaltura_sim::{
    AssetKind, CatalogItemSpec, CustomerSpec, EntrySpec, OrderReport, OrderRequest, PartnerId, ProfileSpec,
};
use pipeline::aws::{dynamodb::Table, s3::Bucket, sqs::Orders};
use pipeline::conformance;
use reach_local::{LANGUAGE, LocalStack, Options};

fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| {
            word.chars()
                .filter(|c| c.is_alphanumeric())
                .collect::<String>()
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Share of words that differ: the least number of changes from one text to the other, by the said words.
fn word_error_rate(said: &[String], read: &[String]) -> f64 {
    let mut row: Vec<usize> = (0..=read.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in read.iter().enumerate() {
            let change = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    f64::from(u32::try_from(row[read.len()]).unwrap()) / f64::from(u32::try_from(said.len()).unwrap())
}

/// Checks every field of the delivered asset, and answers its cues.
fn delivered(report: &OrderReport, format: CaptionFormat, number: &str) -> Vec<Cue> {
    assert_eq!(
        report.status,
        2,
        "task {} is READY: {:?}",
        report.task_id,
        report.task.get("errDescription")
    );
    let assets: Vec<_> = report.delivered(AssetKind::Caption).collect();
    assert_eq!(assets.len(), 1, "one asset of one order");
    let asset = assets[0];
    let field = |name: &str| asset.fields.get(name).cloned().unwrap_or_default();
    assert_eq!(asset.status, 2);
    assert_eq!(field("format"), number);
    assert_eq!(field("fileExt"), format.extension());
    assert_eq!(field("language"), LANGUAGE);
    assert_eq!(field("label"), LANGUAGE);
    assert_eq!(field("isDefault"), true);
    assert_eq!(field("displayOnPlayer"), true);
    let accuracy = field("accuracy").as_i64().unwrap();
    assert!((50..100).contains(&accuracy), "{accuracy}");
    assert_eq!(report.task["accuracy"], accuracy);
    assert_eq!(report.task["outputObjectId"], asset.id.as_str());
    assert_eq!(report.task["externalTaskId"], format!("{}-1", report.task_id));
    assert!(
        field("partnerData")
            .as_str()
            .unwrap()
            .contains(report.task_id.as_str())
    );
    let imports: Vec<(&str, Option<u16>)> = asset
        .imports
        .iter()
        .map(|import| (import.method.as_str(), import.http_status))
        .collect();
    assert_eq!(
        imports,
        [("HEAD", Some(403)), ("GET", Some(200))],
        "signed headers open the object, nothing else does"
    );
    let file = std::fs::read(asset.file.as_ref().unwrap()).unwrap();
    captions::read(format, &file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_delivered_and_the_adapters_conform() {
    let mut stack = LocalStack::up(Options::sim("e2e")).await.unwrap();
    let speech = stack.speech().await.unwrap();
    let formats = [
        (CaptionFormat::Srt, "1"),
        (CaptionFormat::Dfxp, "2"),
        (CaptionFormat::Vtt, "3"),
    ];
    let mut orders = Vec::new();
    for (n, ((format, number), speech)) in formats.into_iter().zip(&speech).enumerate() {
        let placed = stack
            .place_order(OrderRequest {
                customer: CustomerSpec {
                    partner_id: PartnerId(201 + i64::try_from(n).unwrap()),
                    ..Default::default()
                },
                entry: EntrySpec {
                    media: Some(speech.media.clone()),
                    ..EntrySpec::default()
                },
                catalog_item: CatalogItemSpec {
                    source_language: LANGUAGE.to_owned(),
                    output_format: Some(number.to_owned()),
                    ..CatalogItemSpec::default()
                },
                ..OrderRequest::default()
            })
            .await
            .unwrap();
        orders.push((
            placed.task_id,
            format,
            number,
            speech.description.clone().unwrap(),
        ));
    }
    // One that can't be fulfilled, and fails in the state machine: the profile allows no flavor that the entry has.
    let refused = stack
        .place_order(OrderRequest {
            entry: EntrySpec {
                media: Some(speech[0].media.clone()),
                ..EntrySpec::default()
            },
            profile: ProfileSpec {
                flavor_params_ids: Some("77".to_owned()),
                ..ProfileSpec::default()
            },
            catalog_item: CatalogItemSpec {
                source_language: LANGUAGE.to_owned(),
                ..CatalogItemSpec::default()
            },
            ..OrderRequest::default()
        })
        .await
        .unwrap();
    stack.poll_now().await.unwrap();
    stack
        .wait_for_orders(4, Duration::from_mins(8), |_, _| {})
        .await
        .unwrap();

    for (task_id, format, number, description) in &orders {
        let report = stack.sim().unwrap().order(task_id).unwrap();
        let cues = delivered(&report, *format, number);
        let described: serde_json::Value =
            serde_json::from_slice(&std::fs::read(description).unwrap()).unwrap();
        let said = words(described["text"].as_str().unwrap());
        let read = words(
            &cues
                .iter()
                .flat_map(|cue| cue.lines.clone())
                .collect::<Vec<_>>()
                .join(" "),
        );
        let rate = word_error_rate(&said, &read);
        assert!(
            rate <= 0.15,
            "task {task_id}: {rate:.2} of the words differ: {read:?}"
        );
        let duration_ms = described["duration_ms"].as_u64().unwrap();
        assert!(
            cues.windows(2).all(|pair| pair[0].end_ms <= pair[1].start_ms),
            "cues don't overlap"
        );
        assert!(
            cues.iter()
                .all(|cue| cue.start_ms < cue.end_ms && cue.end_ms <= duration_ms + 1_000),
            "{cues:?}"
        );
        assert!(
            cues.iter()
                .flat_map(|cue| &cue.lines)
                .all(|line| line.chars().count() <= 42)
        );
    }
    let report = stack.sim().unwrap().order(&refused.task_id).unwrap();
    assert_eq!((report.status, report.refunded), (6, true));
    assert!(report.task["errDescription"].as_str().unwrap().contains("77"));

    adapters_conform(&stack).await;
    stack.down().await;
}

/// The AWS adapters pass what the doubles pass.
async fn adapters_conform(stack: &LocalStack) {
    let dynamo = aws_sdk_dynamodb::Client::new(stack.sdk());
    make_table(&dynamo, "conformance").await;
    let table = Table::new(dynamo, "conformance");
    conformance::task_store(&table, "7", async || {}).await.unwrap();
    conformance::leases(&table).await.unwrap();
    conformance::session_store(&table).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(stack.sdk(), stack.output("WorkBucket").unwrap());
    conformance::object_store(&bucket, folder.path()).await.unwrap();
    let sqs = aws_sdk_sqs::Client::new(stack.sdk());
    let url = sqs
        .create_queue()
        .queue_name("conformance")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    conformance::order_queue(&Orders::new(sqs, url)).await.unwrap();
}

/// A table with the indexes of the template's.
async fn make_table(dynamo: &aws_sdk_dynamodb::Client, name: &str) {
    let types = HashMap::from([
        ("pk", ScalarAttributeType::S),
        ("due_kind", ScalarAttributeType::S),
        ("due_at_epoch_s", ScalarAttributeType::N),
        ("key_watch", ScalarAttributeType::S),
        ("key_expires_epoch_s", ScalarAttributeType::N),
    ]);
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .unwrap()
    };
    let index = |name: &str, hash: &str, range: &str| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(hash, KeyType::Hash))
            .key_schema(key(range, KeyType::Range))
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::KeysOnly)
                    .build(),
            )
            .build()
            .unwrap()
    };
    let attributes = types.into_iter().map(|(name, kind)| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind)
            .build()
            .unwrap()
    });
    dynamo
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.collect()))
        .key_schema(key("pk", KeyType::Hash))
        .global_secondary_indexes(index("due", "due_kind", "due_at_epoch_s"))
        .global_secondary_indexes(index("keys", "key_watch", "key_expires_epoch_s"))
        .send()
        .await
        .unwrap();
}
