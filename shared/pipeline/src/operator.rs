//! What an operator may do to tasks by hand: look, let go on, hold back, fail, and close the gate before the queue.
//!
//! An operator changes records and stops executions, under the same rules as the functions; Kaltura is called by nobody but
//! the functions. So everything here may meet the pipeline at work, die half-way or be repeated: a task is held by being
//! parked, and goes on as a new attempt once no function of the former one can still work. What lives here is the logic;
//! commands and tables are `reachctl`'s.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use kaltura::{PartnerId, TaskId};

use crate::error::{Result, StepError};
use crate::ports::{Clock, ExecutionState, Executions, Gate, GateClosed, TaskStore};
use crate::record::{Duty, FUNCTION_ENDS_WITHIN_S, Stage, TaskRecord, TaskState};

/// How often a change of a record is tried against others' writes.
const SAVE_TRIES: u32 = 8;
/// Records read at once.
const READS_AT_ONCE: usize = 16;
/// Later than any time in a record: what is due ever.
const EVER_EPOCH_S: u64 = u32::MAX as u64;

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Tasks in one of these states; where empty, all that have not ended. Naming an ended state reads the whole table.
    pub states: BTreeSet<TaskState>,
    /// Tasks of this customer only.
    pub partner_id: Option<PartnerId>,
}

/// An operator at work.
pub struct Operator {
    /// The tasks' records.
    pub tasks: Arc<dyn TaskStore>,
    /// The state machine.
    pub executions: Arc<dyn Executions>,
    /// The gate before the queue.
    pub gate: Arc<dyn Gate>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who it is, as the histories show.
    pub name: String,
}

impl Operator {
    /// Tasks, the oldest first, `limit` at most.
    pub async fn list(&self, wanted: &Wanted, limit: usize) -> Result<Vec<TaskRecord>> {
        let mut ids = BTreeSet::new();
        let is_wanted = |state| wanted.states.is_empty() || wanted.states.contains(&state);
        let by_stage = [
            (Stage::Waiting, [TaskState::Kept].as_slice()),
            (Stage::WaitingForEvent, &[TaskState::Kept]),
            (Stage::InFlight, &[TaskState::Queued, TaskState::Running]),
            (Stage::AtEvent, &[TaskState::Queued, TaskState::Running]),
        ];
        for (stage, states) in by_stage {
            if states.iter().copied().any(is_wanted) {
                let staged = self.tasks.staged(stage).await?;
                ids.extend(staged.into_iter().map(|task| task.task_id));
            }
        }
        if is_wanted(TaskState::Parked) {
            // Those in the queue are due, too; they are in already.
            ids.extend(self.tasks.due(Duty::Send, EVER_EPOCH_S, usize::MAX).await?);
        }
        for state in wanted.states.iter().copied().filter(|state| state.has_ended()) {
            ids.extend(self.tasks.in_state(state, limit).await?);
        }
        // The indexes lag: the records decide.
        let records: Vec<Option<TaskRecord>> = futures::stream::iter(ids)
            .map(async |task_id| self.tasks.load(&task_id).await)
            .buffer_unordered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut records: Vec<TaskRecord> = records
            .into_iter()
            .flatten()
            .filter(|record| is_wanted(record.state))
            .filter(|record| {
                wanted
                    .partner_id
                    .is_none_or(|partner_id| partner_id == record.partner_id)
            })
            .collect();
        records.sort_by(|one, other| {
            (one.created_epoch_s, &one.task_id).cmp(&(other.created_epoch_s, &other.task_id))
        });
        records.truncate(limit);
        Ok(records)
    }

    /// A task, and how the execution of its attempt is.
    pub async fn show(&self, task_id: &TaskId) -> Result<(TaskRecord, ExecutionState)> {
        let record = self.load(task_id).await?;
        let execution = self.executions.look(task_id, record.attempt).await?;
        Ok((record, execution))
    }

    /// Has a task go on as a new attempt, as soon as no function of the present one can work any more; an execution that
    /// runs is stopped. What the task has done so far stays done. Answers the record: it tells when the task is due.
    pub async fn retry(&self, task_id: &TaskId) -> Result<TaskRecord> {
        self.hold(task_id, |record, now_epoch_s, name| {
            record.fail_text = None;
            record.park_until(now_epoch_s);
            record.note(now_epoch_s, format!("retried by {name}"));
        })
        .await
    }

    /// Holds a task back for so long; an execution that runs is stopped. Kaltura is told nothing, and its key is kept alive.
    pub async fn park(&self, task_id: &TaskId, for_s: u64, why: &str) -> Result<TaskRecord> {
        self.hold(task_id, |record, now_epoch_s, name| {
            record.park_until(now_epoch_s.saturating_add(for_s));
            record.note(now_epoch_s, format!("parked for {for_s} s by {name}: {why}"));
        })
        .await
    }

    /// Has a task end with ERROR and this text for the customer, who is refunded: final at Kaltura. It is the task's next
    /// attempt that does it; [`Operator::retry`] before that takes it back.
    pub async fn fail(&self, task_id: &TaskId, customer_text: &str) -> Result<TaskRecord> {
        self.hold(task_id, |record, now_epoch_s, name| {
            record.fail_text = Some(customer_text.to_owned());
            record.park_until(now_epoch_s);
            record.note(now_epoch_s, format!("to be failed, says {name}"));
        })
        .await
    }

    /// Closes the gate: nothing more is sent, what was sent is worked to its end.
    pub async fn drain(&self, why: &str) -> Result<GateClosed> {
        let closed = GateClosed {
            since_epoch_s: self.clock.now_epoch_s(),
            why: format!("{}: {why}", self.name),
        };
        self.gate.close(&closed).await?;
        Ok(closed)
    }

    /// Opens the gate; the next poll sends.
    pub async fn resume(&self) -> Result<()> {
        self.gate.open().await
    }

    async fn load(&self, task_id: &TaskId) -> Result<TaskRecord> {
        let record = self.tasks.load(task_id).await?;
        record.ok_or_else(|| StepError::RecordMissing {
            task_id: task_id.to_string(),
        })
    }

    /// Stops what works on the task, and writes down what becomes of it. Stopped first: if nothing is written after that,
    /// reconcile finds an execution that has ended without its task, and parks it.
    async fn hold(
        &self,
        task_id: &TaskId,
        change: impl Fn(&mut TaskRecord, u64, &str),
    ) -> Result<TaskRecord> {
        let mut not_before_epoch_s = 0;
        for _ in 0..SAVE_TRIES {
            let mut record = self.load(task_id).await?;
            if record.state.has_ended() {
                return Err(StepError::Ended {
                    task_id: task_id.to_string(),
                    state: record.state.name().to_owned(),
                });
            }
            let attempt = record.attempt;
            if record.state == TaskState::Running
                && self.executions.look(task_id, attempt).await? == ExecutionState::Running
            {
                let why = format!("stopped by {}", self.name);
                self.executions.stop(task_id, attempt, &why).await?;
                not_before_epoch_s = self.clock.now_epoch_s() + FUNCTION_ENDS_WITHIN_S;
            }
            let parking = &mut record.parking;
            parking.not_before_epoch_s = parking.not_before_epoch_s.max(not_before_epoch_s);
            change(&mut record, self.clock.now_epoch_s(), &self.name);
            if self.tasks.save(&mut record).await? {
                return Ok(record);
            }
        }
        Err(StepError::RecordConflict {
            task_id: task_id.to_string(),
            times: SAVE_TRIES,
        })
    }
}
