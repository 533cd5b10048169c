//! What the tasks are doing, read from where the vendor itself keeps it: the table and the execution histories.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::operation::get_execution_history::GetExecutionHistoryError;
use aws_sdk_sfn::types::HistoryEvent;
use kaltura::TaskId;
use pipeline::aws::dynamodb::Table;
use pipeline::plan::Deliverable;
use pipeline::ports::TaskStore;
use pipeline::record::{TaskRecord, TaskState};
use pipeline::steps::StepInput;

use crate::error::{LocalError, Result};

/// One task, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    /// The task.
    pub id: String,
    /// The customer.
    pub partner_id: i64,
    /// `serviceFeature`, by name where this version knows it.
    pub service: String,
    /// The format of the captions, once planned: `srt`, `dfxp`, `vtt`.
    pub format: Option<String>,
    /// The record's state.
    pub state: TaskState,
    /// Which attempt works on it.
    pub attempt: u32,
    /// The states of the machine that the attempt went through, in order, each with the time spent in it; the last one
    /// is the current one until the execution ends.
    pub steps: Vec<StepTime>,
    /// The terminal cause, or why the task was parked.
    pub cause: Option<String>,
    /// Each try of a state that failed, in order: the state, the error's name, and what the function said.
    pub faults: Vec<String>,
}

impl TaskView {
    /// Where it is, for people: in work the state of the machine, else the record's state.
    pub fn place(&self) -> &str {
        match (self.state, self.steps.last()) {
            (TaskState::Running, Some(step)) => &step.name,
            (state, _) => state.name(),
        }
    }

    /// Whether it has come to an end for now. A parked task would be tried again, but not within a run's time.
    pub fn has_ended(&self) -> bool {
        self.state.has_ended() || self.state == TaskState::Parked
    }
}

/// The time that an execution spent in a state of the machine, its visits together.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTime {
    /// The state's name in `infra/reach-task.asl.json`.
    pub name: String,
    /// How long.
    pub time: Duration,
}

/// Reads tasks.
#[derive(Debug)]
pub(crate) struct Watcher {
    table: Table,
    table_name: String,
    state_machine_arn: String,
    dynamodb: aws_sdk_dynamodb::Client,
    sfn: aws_sdk_sfn::Client,
}

impl Watcher {
    pub(crate) fn new(sdk: &aws_config::SdkConfig, table_name: &str, state_machine_arn: &str) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
        Self {
            table: Table::new(dynamodb.clone(), table_name),
            table_name: table_name.to_owned(),
            state_machine_arn: state_machine_arn.to_owned(),
            dynamodb,
            sfn: aws_sdk_sfn::Client::new(sdk),
        }
    }

    /// All tasks with a record. A scan: the table of a local run is small.
    pub(crate) async fn task_ids(&self) -> Result<Vec<String>> {
        let mut items = self
            .dynamodb
            .scan()
            .table_name(&self.table_name)
            .filter_expression("begins_with(pk, :task)")
            .expression_attribute_values(":task", AttributeValue::S("TASK#".to_owned()))
            .projection_expression("pk")
            .into_paginator()
            .items()
            .send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(LocalError::aws("Scan"))?;
            let id = item
                .get("pk")
                .and_then(|pk| pk.as_s().ok()?.strip_prefix("TASK#"));
            ids.extend(id.map(str::to_owned));
        }
        ids.sort_by_key(|id| (id.len(), id.clone()));
        Ok(ids)
    }

    /// All records. A scan, for the same reason.
    pub(crate) async fn records(&self) -> Result<Vec<TaskRecord>> {
        let ids = self.task_ids().await?;
        let mut records = Vec::with_capacity(ids.len());
        for id in ids {
            records.extend(self.record(&id).await?);
        }
        Ok(records)
    }

    /// A task's record, or `None` before poll has seen it.
    pub(crate) async fn record(&self, id: &str) -> Result<Option<TaskRecord>> {
        let id = TaskId::try_from(id).map_err(LocalError::aws("reading a task id"))?;
        self.table.load(&id).await.map_err(LocalError::aws("GetItem"))
    }

    /// A task, or `None` before poll has seen it.
    pub(crate) async fn task(&self, id: &str) -> Result<Option<TaskView>> {
        let Some(record) = self.record(id).await? else {
            return Ok(None);
        };
        let events = self.history(&record).await?;
        Ok(Some(view(&record, step_times(&events), faults(&events))))
    }

    /// What the execution of the record's attempt went through: empty where it is claimed and not yet started.
    async fn history(&self, record: &TaskRecord) -> Result<Vec<HistoryEvent>> {
        let name = StepInput::execution_name(&record.task_id, record.attempt);
        let arn = format!(
            "{}:{name}",
            self.state_machine_arn
                .replacen(":stateMachine:", ":execution:", 1)
        );
        let mut events = Vec::new();
        let mut token = None;
        loop {
            let answer = self
                .sfn
                .get_execution_history()
                .execution_arn(&arn)
                .set_next_token(token.take())
                .send()
                .await;
            match answer {
                Ok(answer) => {
                    events.extend(answer.events);
                    token = answer.next_token;
                }
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(GetExecutionHistoryError::is_execution_does_not_exist) =>
                {
                    return Ok(Vec::new());
                }
                Err(error) => return Err(LocalError::aws("GetExecutionHistory")(error)),
            }
            if token.is_none() {
                return Ok(events);
            }
        }
    }
}

fn view(record: &TaskRecord, steps: Vec<StepTime>, faults: Vec<String>) -> TaskView {
    let format = record
        .plan
        .as_ref()
        .and_then(|plan| plan.deliverables.first())
        .and_then(|deliverable| match deliverable {
            Deliverable::Caption { format, .. } => Some(format.extension().to_owned()),
            _ => None,
        });
    let cause = match record.state {
        TaskState::Failed => record
            .failure
            .as_ref()
            .map(|failure| format!("{}: {}", failure.name, failure.detail)),
        TaskState::Parked | TaskState::Gone | TaskState::LeftAlone => {
            record.history.last().map(|entry| entry.what.clone())
        }
        _ => None,
    };
    TaskView {
        id: record.task_id.to_string(),
        partner_id: record.partner_id.number(),
        service: record.service(),
        format,
        state: record.state,
        attempt: record.attempt,
        steps,
        cause,
        faults,
    }
}

/// The time spent in each state: from its entry to the next entry, or to the last event.
fn step_times(events: &[HistoryEvent]) -> Vec<StepTime> {
    let seconds = |event: &HistoryEvent| event.timestamp.as_secs_f64();
    let entries: Vec<(&str, f64)> = events
        .iter()
        .filter_map(|event| {
            Some((
                event.state_entered_event_details.as_ref()?.name.as_str(),
                seconds(event),
            ))
        })
        .collect();
    let end = events.last().map(seconds).unwrap_or_default();
    let mut steps: Vec<StepTime> = Vec::new();
    for (index, (name, entered)) in entries.iter().enumerate() {
        let left = entries.get(index + 1).map_or(end, |(_, next)| *next);
        let time = Duration::try_from_secs_f64(left - entered).unwrap_or_default();
        // The latest visit goes to the end of the list, so that the last one is always the current state.
        let before = steps
            .iter()
            .position(|step| step.name == *name)
            .map(|at| steps.remove(at).time);
        steps.push(StepTime {
            name: (*name).to_owned(),
            time: time + before.unwrap_or_default(),
        });
    }
    steps
}

/// The tries that failed, each with the state that it belongs to.
fn faults(events: &[HistoryEvent]) -> Vec<String> {
    let mut state = "";
    let mut faults = Vec::new();
    for event in events {
        if let Some(entered) = &event.state_entered_event_details {
            state = &entered.name;
        }
        if let Some(failed) = &event.task_failed_event_details {
            faults.push(format!(
                "{state}: {}: {}",
                failed.error.as_deref().unwrap_or_default(),
                failed.cause.as_deref().unwrap_or_default()
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::{HistoryEventType, StateEnteredEventDetails, TaskFailedEventDetails};

    fn entered(name: &str, at_ms: i64) -> HistoryEvent {
        HistoryEvent::builder()
            .timestamp(DateTime::from_millis(at_ms))
            .r#type(HistoryEventType::TaskStateEntered)
            .id(1)
            .state_entered_event_details(StateEnteredEventDetails::builder().name(name).build().unwrap())
            .build()
            .unwrap()
    }

    fn ended(at_ms: i64) -> HistoryEvent {
        HistoryEvent::builder()
            .timestamp(DateTime::from_millis(at_ms))
            .r#type(HistoryEventType::ExecutionSucceeded)
            .id(1)
            .build()
            .unwrap()
    }

    #[test]
    fn visits_of_a_state_count_together_and_the_last_state_is_the_current_one() {
        let events = [
            entered("Fetch", 1_000),
            entered("Upload", 3_000),
            entered("AwaitImport", 3_500),
            entered("Upload", 5_500),
            ended(6_500),
        ];
        let times: Vec<(String, u128)> = step_times(&events)
            .into_iter()
            .map(|step| (step.name, step.time.as_millis()))
            .collect();
        assert_eq!(
            times,
            [
                ("Fetch".to_owned(), 2_000),
                ("AwaitImport".to_owned(), 2_000),
                ("Upload".to_owned(), 1_500)
            ]
        );
    }

    #[test]
    fn a_fault_names_its_state() {
        let failed = HistoryEvent::builder()
            .timestamp(DateTime::from_millis(2_000))
            .r#type(HistoryEventType::TaskFailed)
            .id(2)
            .task_failed_event_details(
                TaskFailedEventDetails::builder()
                    .resource_type("lambda")
                    .resource("invoke")
                    .error("Retryable")
                    .cause("HttpStatus: 503")
                    .build()
                    .unwrap(),
            )
            .build()
            .unwrap();
        assert_eq!(
            faults(&[entered("Fetch", 1_000), failed, entered("Park", 3_000)]),
            ["Fetch: Retryable: HttpStatus: 503"]
        );
    }

    #[test]
    fn no_events_are_no_steps() {
        assert_eq!(step_times(&[]), []);
    }
}
