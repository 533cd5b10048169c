//! The table: task records, the poll's lease and the vendor session.
//!
//! One table, key `pk`: `TASK#<id>`, `LEASE#<name>`, `GATE`, `SESSION#vendor`. Five sparse indexes: `due` (`due_kind`,
//! `due_at_epoch_s`) holds the tasks that wait for something by [`Duty`], `stage` (`stage`, `created_epoch_s`) those that
//! admission sees, `keys` (`key_watch`, `key_expires_epoch_s`) the keys to keep alive, `deadline` (`deadline_watch`,
//! `deadline_epoch_s`) by when customers expect what has not ended, `people` (`people_list`, `people_place`) the orders that
//! wait for people, with all that a list shows. Their attributes are written from the record by [`TaskRecord::due`],
//! [`TaskRecord::stage`], [`TaskRecord::key_is_watched`], [`TaskRecord::deadline_epoch_s`] and [`WaitingOrder::of`], so that
//! record and index can't disagree.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use kaltura::{PartnerId, TaskId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::failed;
use crate::error::{Result, StepError};
use crate::people::WaitingOrder;
use crate::ports::{
    Gate, GateClosed, KnownTask, Leases, PeopleIndex, SessionStore, StagedTask, Stretch, TaskIndex, TaskStore,
};
use crate::record::{Duty, RECORD_VERSION, Stage, TaskRecord, TaskState};
use crate::session::CachedSession;

const SERVICE: &str = "dynamodb";

/// The index of tasks that wait for something. A partition takes 1,000 writes a second: tasks are few against that.
const DUE_INDEX: &str = "due";
/// The index of tasks by stage.
const STAGE_INDEX: &str = "stage";
/// The index of watched keys.
const KEYS_INDEX: &str = "keys";
/// The index of deadlines.
const DEADLINE_INDEX: &str = "deadline";
/// The index of orders that wait for people.
const PEOPLE_INDEX: &str = "people";
/// The one partition of the `keys` and of the `deadline` index.
const WATCHED: &str = "1";

const SESSION_PK: &str = "SESSION#vendor";
const TASK_PK: &str = "TASK#";
const GATE_PK: &str = "GATE";

/// `BatchGetItem` takes at most this many keys.
const BATCH_KEYS: usize = 100;
/// `BatchGetItem` may leave keys unprocessed under throttling; asked again this many times, with growing pauses.
const BATCH_TRIES: u32 = 8;

type Item = HashMap<String, AttributeValue>;

/// The table, as store of tasks, leases and the session.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// The attributes of a task's item beside the record's own: its key and its places in the indexes.
#[derive(Serialize)]
struct Indexed {
    pk: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at_epoch_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_watch: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_watch: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_epoch_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people_list: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people_place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people_order: Option<WaitingOrder>,
    /// DynamoDB deletes the item by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_epoch_s: Option<u64>,
}

/// What `known` reads of an item.
#[derive(Deserialize)]
struct KnownItem {
    task_id: TaskId,
    state: TaskState,
    queue_time_epoch_s: u64,
}

/// What the `stage` index has of an item.
#[derive(Deserialize)]
struct StagedItem {
    task_id: TaskId,
    partner_id: PartnerId,
    created_epoch_s: u64,
}

/// What the `people` index has of an item.
#[derive(Deserialize)]
struct PeopleItem {
    people_order: WaitingOrder,
}

/// What a scan reads of an item.
#[derive(Deserialize)]
struct FoundItem {
    task_id: TaskId,
}

/// The gate as stored, while it is closed.
#[derive(Serialize, Deserialize)]
struct GateItem {
    pk: String,
    #[serde(flatten)]
    closed: GateClosed,
}

impl Table {
    /// The table `name`.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    async fn get(&self, pk: String) -> Result<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed(SERVICE, "GetItem"))?;
        Ok(answer.item)
    }

    async fn put_if(
        &self,
        item: Item,
        condition: &str,
        values: Option<HashMap<String, AttributeValue>>,
    ) -> Result<bool> {
        let outcome = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(false)
            }
            Err(error) => Err(failed(SERVICE, "PutItem")(error)),
        }
    }

    /// Reads up to `limit` task ids of one partition of an index, in the order of its sort key, up to `until`.
    async fn index(
        &self,
        (index, partition_name, partition, sort_name): (&str, &str, &str, &str),
        until: u64,
        limit: usize,
    ) -> Result<Vec<(TaskId, u64)>> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index)
            .key_condition_expression("#partition = :partition AND #sort <= :until")
            .expression_attribute_names("#partition", partition_name)
            .expression_attribute_names("#sort", sort_name)
            .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
            .expression_attribute_values(":until", AttributeValue::N(until.to_string()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed(SERVICE, "Query"))?;
        answer
            .items
            .unwrap_or_default()
            .iter()
            .map(|item| {
                let pk = item.get("pk").and_then(|value| value.as_s().ok());
                let sort = item
                    .get(sort_name)
                    .and_then(|value| value.as_n().ok())
                    .and_then(|n| n.parse().ok());
                let id = pk
                    .and_then(|pk| pk.strip_prefix(TASK_PK))
                    .and_then(|id| TaskId::parse(id).ok());
                match (id, sort) {
                    (Some(id), Some(sort)) => Ok((id, sort)),
                    _ => Err(unreadable(
                        index,
                        &"item without `pk` of a task or without its sort key",
                    )),
                }
            })
            .collect()
    }
}

fn task_pk(task_id: &TaskId) -> String {
    format!("{TASK_PK}{task_id}")
}

pub(super) fn unreadable(what: &str, detail: &dyn std::fmt::Display) -> StepError {
    StepError::RecordUnreadable {
        what: what.to_owned(),
        detail: detail.to_string(),
    }
}

pub(super) fn to_item<T: Serialize>(what: &str, value: &T) -> Result<Item> {
    serde_dynamo::aws_sdk_dynamodb_1::to_item(value).map_err(|error| unreadable(what, &error))
}

pub(super) fn from_item<T: DeserializeOwned>(what: &str, item: Item) -> Result<T> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|error| unreadable(what, &error))
}

/// The item of a record, with its places in the indexes.
fn record_item(record: &TaskRecord) -> Result<Item> {
    let pk = task_pk(&record.task_id);
    let due = record.due();
    let people_order = WaitingOrder::of(record);
    let mut item = to_item(&pk, record)?;
    item.extend(to_item(
        &pk,
        &Indexed {
            due_kind: due.map(|(duty, _)| duty.name()),
            due_at_epoch_s: due.map(|(_, at_epoch_s)| at_epoch_s),
            stage: record.stage().map(Stage::name),
            key_watch: record.key_is_watched().then_some(WATCHED),
            deadline_watch: record.deadline_epoch_s().map(|_| WATCHED),
            deadline_epoch_s: record.deadline_epoch_s(),
            people_list: people_order.as_ref().map(|order| order.list().name()),
            people_place: people_order.as_ref().map(WaitingOrder::place),
            people_order,
            ttl_epoch_s: record.expires_epoch_s(),
            pk: pk.clone(),
        },
    )?);
    Ok(item)
}

#[async_trait]
impl TaskStore for Table {
    async fn keep(&self, record: &TaskRecord) -> Result<bool> {
        self.put_if(record_item(record)?, "attribute_not_exists(pk)", None)
            .await
    }

    async fn load(&self, task_id: &TaskId) -> Result<Option<TaskRecord>> {
        let pk = task_pk(task_id);
        let Some(item) = self.get(pk.clone()).await? else {
            return Ok(None);
        };
        let written_by: Option<u32> = item
            .get("record_version")
            .and_then(|value| value.as_n().ok())
            .and_then(|n| n.parse().ok());
        match written_by {
            Some(version) if version <= RECORD_VERSION => {
                from_item(&pk, item).map(TaskRecord::upgraded).map(Some)
            }
            other => Err(unreadable(
                &pk,
                &format!("record_version is {other:?}, expected a number up to {RECORD_VERSION}"),
            )),
        }
    }

    async fn known(&self, task_ids: &[TaskId]) -> Result<HashMap<TaskId, KnownTask>> {
        let mut known = HashMap::new();
        for batch in task_ids.chunks(BATCH_KEYS) {
            let keys = batch
                .iter()
                .map(|id| HashMap::from([("pk".to_owned(), AttributeValue::S(task_pk(id)))]))
                .collect();
            let request = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .projection_expression("task_id, #state, queue_time_epoch_s")
                .expression_attribute_names("#state", "state")
                .build()
                .map_err(failed(SERVICE, "BatchGetItem"))?;
            let mut ask = Some(HashMap::from([(self.name.clone(), request)]));
            let mut tries = 0;
            while let Some(request) = ask.take() {
                if tries == BATCH_TRIES {
                    return Err(StepError::Aws {
                        service: SERVICE,
                        action: "BatchGetItem",
                        detail: format!("keys are still unprocessed after {BATCH_TRIES} tries"),
                    });
                }
                if tries > 0 {
                    tokio::time::sleep(Duration::from_millis(50 << tries)).await;
                }
                tries += 1;
                let answer = self
                    .client
                    .batch_get_item()
                    .set_request_items(Some(request))
                    .send()
                    .await
                    .map_err(failed(SERVICE, "BatchGetItem"))?;
                for item in answer.responses.unwrap_or_default().into_values().flatten() {
                    let item: KnownItem = from_item("a known task", item)?;
                    let task = KnownTask {
                        state: item.state,
                        queue_time_epoch_s: item.queue_time_epoch_s,
                    };
                    known.insert(item.task_id, task);
                }
                ask = answer.unprocessed_keys.filter(|left| !left.is_empty());
            }
        }
        Ok(known)
    }

    async fn save(&self, record: &mut TaskRecord) -> Result<bool> {
        let expected = record.version;
        record.version += 1;
        record.record_version = RECORD_VERSION;
        let values = HashMap::from([(":expected".to_owned(), AttributeValue::N(expected.to_string()))]);
        let item = record_item(record)?;
        let saved = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", "version")
            .set_expression_attribute_values(Some(values))
            .send()
            .await;
        match saved {
            Ok(_) => Ok(true),
            Err(error) => {
                record.version = expected;
                match error {
                    SdkError::ServiceError(error) if error.err().is_conditional_check_failed_exception() => {
                        Ok(false)
                    }
                    error => Err(failed(SERVICE, "PutItem")(error)),
                }
            }
        }
    }
}

#[async_trait]
impl TaskIndex for Table {
    async fn due(&self, duty: Duty, now_epoch_s: u64, limit: usize) -> Result<Vec<TaskId>> {
        let index = (DUE_INDEX, "due_kind", duty.name(), "due_at_epoch_s");
        Ok(self
            .index(index, now_epoch_s, limit)
            .await?
            .into_iter()
            .map(|(id, _)| id)
            .collect())
    }

    async fn staged(&self, stage: Stage) -> Result<Vec<StagedTask>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(STAGE_INDEX)
            .key_condition_expression("#stage = :stage")
            .expression_attribute_names("#stage", "stage")
            .expression_attribute_values(":stage", AttributeValue::S(stage.name().to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut staged = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(failed(SERVICE, "Query"))?;
            let item: StagedItem = from_item(STAGE_INDEX, item)?;
            staged.push(StagedTask {
                task_id: item.task_id,
                partner_id: item.partner_id,
                created_epoch_s: item.created_epoch_s,
            });
        }
        Ok(staged)
    }

    async fn in_state(&self, state: TaskState, limit: usize) -> Result<Vec<TaskId>> {
        let mut pages = self
            .client
            .scan()
            .table_name(&self.name)
            .filter_expression("#state = :state AND begins_with(pk, :task)")
            .projection_expression("task_id")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", AttributeValue::S(state.name().to_owned()))
            .expression_attribute_values(":task", AttributeValue::S(TASK_PK.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(failed(SERVICE, "Scan"))?;
            let item: FoundItem = from_item("a found task", item)?;
            found.push(item.task_id);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    async fn keys_expiring(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>> {
        self.index(
            (KEYS_INDEX, "key_watch", WATCHED, "key_expires_epoch_s"),
            before_epoch_s,
            limit,
        )
        .await
    }

    async fn expected(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(TaskId, u64)>> {
        self.index(
            (DEADLINE_INDEX, "deadline_watch", WATCHED, "deadline_epoch_s"),
            before_epoch_s,
            limit,
        )
        .await
    }
}

#[async_trait]
impl PeopleIndex for Table {
    async fn waiting(&self, stretch: Stretch<'_>) -> Result<Vec<WaitingOrder>> {
        // A sort key takes one condition, and BETWEEN has both its ends in it: a blank is before, and a tilde behind, whatever a
        // place may go on with. A place is never as short as what `before` may be.
        let from = stretch
            .after
            .map_or_else(|| " ".to_owned(), |after| format!("{after} "));
        let to = stretch.before.unwrap_or("~");
        if from.as_str() > to {
            return Ok(Vec::new());
        }
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(PEOPLE_INDEX)
            .key_condition_expression("#list = :list AND #place BETWEEN :from AND :to")
            .expression_attribute_names("#list", "people_list")
            .expression_attribute_names("#place", "people_place")
            .expression_attribute_values(":list", AttributeValue::S(stretch.list.name().to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .expression_attribute_values(":to", AttributeValue::S(to.to_owned()))
            .limit(i32::try_from(stretch.limit).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut orders = Vec::new();
        while orders.len() < stretch.limit
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(failed(SERVICE, "Query"))?;
            orders.push(from_item::<PeopleItem>(PEOPLE_INDEX, item)?.people_order);
        }
        Ok(orders)
    }
}

/// A lease as stored.
#[derive(Serialize)]
struct LeaseItem<'a> {
    pk: String,
    holder: &'a str,
    until_epoch_s: u64,
    /// DynamoDB sweeps abandoned leases by this.
    ttl_epoch_s: u64,
}

#[async_trait]
impl Leases for Table {
    async fn take(&self, name: &str, holder: &str, now_epoch_s: u64, ttl_s: u64) -> Result<bool> {
        let until_epoch_s = now_epoch_s + ttl_s;
        let pk = format!("LEASE#{name}");
        let item = to_item(
            &pk,
            &LeaseItem {
                pk: pk.clone(),
                holder,
                until_epoch_s,
                ttl_epoch_s: until_epoch_s + 86_400,
            },
        )?;
        let values = HashMap::from([
            (":now".to_owned(), AttributeValue::N(now_epoch_s.to_string())),
            (":holder".to_owned(), AttributeValue::S(holder.to_owned())),
        ]);
        let condition = "attribute_not_exists(pk) OR until_epoch_s <= :now OR holder = :holder";
        self.put_if(item, condition, Some(values)).await
    }

    async fn give_back(&self, name: &str, holder: &str) -> Result<()> {
        let outcome = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(format!("LEASE#{name}")))
            .condition_expression("holder = :holder")
            .expression_attribute_values(":holder", AttributeValue::S(holder.to_owned()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(())
            }
            Err(error) => Err(failed(SERVICE, "DeleteItem")(error)),
        }
    }
}

#[async_trait]
impl Gate for Table {
    async fn closed(&self) -> Result<Option<GateClosed>> {
        let item = self.get(GATE_PK.to_owned()).await?;
        let item: Option<GateItem> = item.map(|item| from_item(GATE_PK, item)).transpose()?;
        Ok(item.map(|item| item.closed))
    }

    async fn close(&self, closed: &GateClosed) -> Result<()> {
        let item = GateItem {
            pk: GATE_PK.to_owned(),
            closed: closed.clone(),
        };
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(to_item(GATE_PK, &item)?))
            .send()
            .await
            .map_err(failed(SERVICE, "PutItem"))?;
        Ok(())
    }

    async fn open(&self) -> Result<()> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(GATE_PK.to_owned()))
            .send()
            .await
            .map_err(failed(SERVICE, "DeleteItem"))?;
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct SessionItem {
    pk: String,
    session: CachedSession,
    ttl_epoch_s: u64,
}

#[async_trait]
impl SessionStore for Table {
    async fn load(&self) -> Result<Option<CachedSession>> {
        let Some(item) = self.get(SESSION_PK.to_owned()).await? else {
            return Ok(None);
        };
        from_item::<SessionItem>(SESSION_PK, item).map(|item| Some(item.session))
    }

    async fn save(&self, session: &CachedSession) -> Result<()> {
        let item = SessionItem {
            pk: SESSION_PK.to_owned(),
            session: session.clone(),
            ttl_epoch_s: session.expires_epoch_s,
        };
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(to_item(SESSION_PK, &item)?))
            .send()
            .await
            .map(|_| ())
            .map_err(failed(SERVICE, "PutItem"))
    }
}
