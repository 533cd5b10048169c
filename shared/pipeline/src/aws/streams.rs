//! The table of live streams, and whose each connection is.
//!
//! A table of its own, key `pk`: `STREAM#<task id>` and `SOCKET#<connection>`. A stream is written with every post of words, and
//! is nobody's to query, so it lies in its item as one text of JSON (`body`) beside its `version`: half as many bytes as by
//! attributes, and quicker read. Both kinds are swept by `ttl_epoch_s`, should nothing delete them sooner.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use kaltura::TaskId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::dynamodb::{from_item, to_item, unreadable};
use super::failed;
use crate::error::Result;
use crate::live::{Bound, ConnectionId, LiveStream, STREAM_VERSION};
use crate::ports::StreamStore;

const SERVICE: &str = "dynamodb";

type Item = HashMap<String, AttributeValue>;

/// The table, as store of streams.
#[derive(Debug, Clone)]
pub struct Streams {
    client: Client,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct StreamItem {
    pk: String,
    version: u64,
    record_version: u32,
    body: String,
    ttl_epoch_s: u64,
}

#[derive(Serialize, Deserialize)]
struct SocketItem {
    pk: String,
    bound: Bound,
    ttl_epoch_s: u64,
}

impl Streams {
    /// The table `name`.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    async fn get<T: DeserializeOwned>(&self, pk: &str) -> Result<Option<T>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed(SERVICE, "GetItem"))?;
        answer.item.map(|item| from_item(pk, item)).transpose()
    }

    async fn put(&self, item: Item, condition: Option<(&str, Option<Item>)>) -> Result<bool> {
        let mut put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        if let Some((condition, values)) = condition {
            put = put
                .condition_expression(condition)
                .set_expression_attribute_values(values);
        }
        match put.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(false)
            }
            Err(error) => Err(failed(SERVICE, "PutItem")(error)),
        }
    }

    async fn remove(&self, pk: String) -> Result<()> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk))
            .send()
            .await
            .map(|_| ())
            .map_err(failed(SERVICE, "DeleteItem"))
    }
}

fn stream_pk(task_id: &TaskId) -> String {
    format!("STREAM#{task_id}")
}

fn socket_pk(connection: &ConnectionId) -> String {
    format!("SOCKET#{connection}")
}

fn stream_item(stream: &LiveStream, version: u64) -> Result<Item> {
    let pk = stream_pk(&stream.task_id);
    let item = StreamItem {
        version,
        record_version: STREAM_VERSION,
        body: serde_json::to_string(stream).map_err(|error| unreadable(&pk, &error))?,
        ttl_epoch_s: stream.expires_epoch_s(),
        pk: pk.clone(),
    };
    to_item(&pk, &item)
}

#[async_trait]
impl StreamStore for Streams {
    async fn keep(&self, stream: &LiveStream) -> Result<bool> {
        let item = stream_item(stream, stream.version)?;
        self.put(item, Some(("attribute_not_exists(pk)", None))).await
    }

    async fn load(&self, task_id: &TaskId) -> Result<Option<LiveStream>> {
        let pk = stream_pk(task_id);
        let Some(item) = self.get::<StreamItem>(&pk).await? else {
            return Ok(None);
        };
        if item.record_version > STREAM_VERSION {
            let detail = format!(
                "record_version is {}, expected a number up to {STREAM_VERSION}",
                item.record_version
            );
            return Err(unreadable(&pk, &detail));
        }
        let mut stream: LiveStream =
            serde_json::from_str(&item.body).map_err(|error| unreadable(&pk, &error))?;
        // What the condition of the next write is about.
        stream.version = item.version;
        Ok(Some(stream))
    }

    async fn save(&self, stream: &mut LiveStream) -> Result<bool> {
        let item = stream_item(stream, stream.version + 1)?;
        let read = AttributeValue::N(stream.version.to_string());
        let values = HashMap::from([(":read".to_owned(), read)]);
        let is_saved = self.put(item, Some(("version = :read", Some(values)))).await?;
        if is_saved {
            stream.version += 1;
        }
        Ok(is_saved)
    }

    async fn delete(&self, task_id: &TaskId) -> Result<()> {
        self.remove(stream_pk(task_id)).await
    }

    async fn bind(&self, connection: &ConnectionId, to: &Bound) -> Result<()> {
        let pk = socket_pk(connection);
        let item = SocketItem {
            pk: pk.clone(),
            bound: to.clone(),
            ttl_epoch_s: to.expires_epoch_s,
        };
        self.put(to_item(&pk, &item)?, None).await.map(|_| ())
    }

    async fn bound(&self, connection: &ConnectionId) -> Result<Option<Bound>> {
        let item = self.get::<SocketItem>(&socket_pk(connection)).await?;
        Ok(item.map(|item| item.bound))
    }

    async fn unbind(&self, connection: &ConnectionId) -> Result<()> {
        self.remove(socket_pk(connection)).await
    }
}
