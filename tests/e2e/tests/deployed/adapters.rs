//! The AWS adapters of the pipeline's ports pass what the doubles in memory pass.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use media::sink::conformance as conformance_of_sinks;
use pipeline::aws::{dynamodb::Table, s3::Bucket, sqs::Orders};
use pipeline::conformance;
use pipeline::ports::ObjectStore;

use crate::bed::Bed;

pub async fn conform(bed: &Bed) {
    let stack = &bed.stack;
    let dynamo = aws_sdk_dynamodb::Client::new(stack.sdk());
    make_table(&dynamo, "conformance").await;
    let table = Table::new(dynamo, "conformance");
    conformance::task_index(&table, "7", async || {}).await.unwrap();
    conformance::people_index(&table, &table, "6", async || {})
        .await
        .unwrap();
    conformance::task_store(&table, "8").await.unwrap();
    conformance::leases(&table).await.unwrap();
    conformance::gate(&table).await.unwrap();
    conformance::session_store(&table).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(stack.sdk(), stack.output("WorkBucket").unwrap());
    conformance::object_store(&bucket, folder.path()).await.unwrap();
    conformance::shared_objects(&bucket).await.unwrap();
    sinks(&bucket).await;
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

/// An upload to the bucket is gone on with in another process.
async fn sinks(bucket: &Bucket) {
    const KEY: &str = "media/conformance/again.mp4";
    let made = async || bucket.sink(KEY, "video/mp4").await.unwrap();
    let read = async |_: &_| bucket.get(KEY).await.unwrap().map(|content| content.to_vec());
    conformance_of_sinks::an_upload_is_gone_on_with(&made().await, made, read).await;
}

/// A table with the indexes of the template's.
async fn make_table(dynamo: &aws_sdk_dynamodb::Client, name: &str) {
    let types = HashMap::from([
        ("pk", ScalarAttributeType::S),
        ("due_kind", ScalarAttributeType::S),
        ("due_at_epoch_s", ScalarAttributeType::N),
        ("key_watch", ScalarAttributeType::S),
        ("key_expires_epoch_s", ScalarAttributeType::N),
        ("stage", ScalarAttributeType::S),
        ("created_epoch_s", ScalarAttributeType::N),
        ("deadline_watch", ScalarAttributeType::S),
        ("deadline_epoch_s", ScalarAttributeType::N),
        ("people_list", ScalarAttributeType::S),
        ("people_place", ScalarAttributeType::S),
    ]);
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .unwrap()
    };
    let index = |name: &str, hash: &str, range: &str, with: &[&str]| {
        let projection = if with.is_empty() {
            Projection::builder().projection_type(ProjectionType::KeysOnly)
        } else {
            let with = with.iter().map(|name| (*name).to_owned()).collect();
            Projection::builder()
                .projection_type(ProjectionType::Include)
                .set_non_key_attributes(Some(with))
        };
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(hash, KeyType::Hash))
            .key_schema(key(range, KeyType::Range))
            .projection(projection.build())
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
        .global_secondary_indexes(index("due", "due_kind", "due_at_epoch_s", &[]))
        .global_secondary_indexes(index("keys", "key_watch", "key_expires_epoch_s", &[]))
        .global_secondary_indexes(index("deadline", "deadline_watch", "deadline_epoch_s", &[]))
        .global_secondary_indexes(index(
            "stage",
            "stage",
            "created_epoch_s",
            &["task_id", "partner_id"],
        ))
        .global_secondary_indexes(index("people", "people_list", "people_place", &["people_order"]))
        .send()
        .await
        .unwrap();
}
