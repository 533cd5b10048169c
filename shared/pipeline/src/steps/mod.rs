//! The steps of a task, one file each, and what they have in common.
//!
//! A step loads the record, does what is not yet recorded as done, and writes the outcome under a version condition.
//! It may be repeated at any point. What lives here: the input of a step, the frame that every step of the state machine
//! runs in ([`run`]), and the [`Task`] handle through which a step reads and changes its record and calls Kaltura.

pub mod claim;
pub mod complete;
pub mod extend_keys;
pub mod fail;
pub mod fetch;
pub mod finalize;
pub mod live;
pub mod poll;
pub mod process;
pub mod reconcile;
pub mod render;
mod source;
pub mod sweep;
pub mod upload;

use std::time::Instant;

use kaltura::{AccessKey, EntryVendorTask, ErrorClass, TaskClient, TaskId};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use crate::context::Context;
use crate::error::{Class, Failure, Refusal, Result, StepError};
use crate::invariants;
use crate::record::TaskRecord;
use crate::telemetry::names;

/// A key that can't be extended for so long after it died will never be.
const GIVE_UP_KEY_AFTER_S: u64 = 7 * 24 * 60 * 60;

/// An event that was never on air is over so long after its end: it may begin late.
pub const EVENT_OVER_AFTER_S: u64 = 60 * 60;

/// How often a change of a record is tried against others' writes.
const SAVE_TRIES: u32 = 5;

/// The body of a message in the orders queue: the task id, and nothing else travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMessage {
    /// The task.
    pub task_id: TaskId,
}

impl OrderMessage {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "task_id": self.task_id.as_str() }).to_string()
    }
}

/// The input of an execution and of each of its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepInput {
    /// The task.
    pub task_id: TaskId,
    /// The attempt; a step whose attempt is not the record's doesn't act.
    pub attempt: u32,
}

impl StepInput {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "task_id": self.task_id.as_str(), "attempt": self.attempt }).to_string()
    }

    /// The name of the execution of this attempt, which makes its start safe to repeat.
    pub fn execution_name(task_id: &TaskId, attempt: u32) -> String {
        format!("{task_id}-{attempt}")
    }
}

/// Runs a step of the state machine in the frame that all share: load and check the record, log and measure, and for a
/// terminal error write the cause into the record before it is answered, so that `fail` finds it there.
pub async fn run<T>(
    ctx: &Context,
    step: &'static str,
    input: &StepInput,
    work: impl AsyncFnOnce(&mut Task<'_>) -> Result<T>,
) -> Result<T> {
    let span = tracing::info_span!(
        "step",
        step,
        task_id = %input.task_id,
        attempt = input.attempt,
        partner_id = tracing::field::Empty,
        entry_id = tracing::field::Empty,
    );
    async {
        let begun = Instant::now();
        let outcome = run_recorded(ctx, step, input, work).await;
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        metrics::histogram!(names::STEP_DURATION_MS, "Step" => step)
            .record(begun.elapsed().as_secs_f64() * 1_000.0);
        match &outcome {
            Ok(_) => tracing::info!(duration_ms, "step done"),
            Err(error) => {
                let class = error.class().name();
                if error.class() != Class::Unfinished {
                    metrics::counter!(names::STEP_ERRORS, "Step" => step, "Class" => class).increment(1);
                }
                match error.class() {
                    Class::Unfinished => tracing::info!(duration_ms, "step goes on in its next call"),
                    Class::Gone | Class::Stale => {
                        tracing::info!(duration_ms, class, name = error.name(), %error, "step stops");
                    }
                    _ => tracing::error!(duration_ms, class, name = error.name(), %error, "step failed"),
                }
            }
        }
        outcome
    }
    .instrument(span)
    .await
}

/// What the simulation rules out is looked for in production, too: as tasks end, and while they run.
fn note_broken(record: &TaskRecord) {
    for broken in invariants::of_record(record) {
        let number = broken.invariant.number().to_string();
        metrics::counter!(names::INVARIANTS_BROKEN, "Number" => number).increment(1);
        tracing::error!(invariant = ?broken.invariant, seen = broken.seen, "an invariant is broken");
    }
}

async fn run_recorded<T>(
    ctx: &Context,
    step: &'static str,
    input: &StepInput,
    work: impl AsyncFnOnce(&mut Task<'_>) -> Result<T>,
) -> Result<T> {
    let mut task = Task::load(ctx, input).await?;
    let span = tracing::Span::current();
    span.record("partner_id", task.record.partner_id.to_string());
    span.record("entry_id", task.record.entry_id.as_ref().map(ToString::to_string));
    match work(&mut task).await {
        Ok(output) => {
            // What had ended before was not loaded: it is this step that has ended it.
            if task.record.state.has_ended() {
                metrics::counter!(names::TASKS_ENDED, "State" => task.record.state.name()).increment(1);
                note_broken(&task.record);
            }
            Ok(output)
        }
        Err(error) => {
            let at_epoch_s = ctx.clock.now_epoch_s();
            let line = format!("{step}: {}: {error}", error.name());
            let failure = error.customer_text().map(|customer_text| Failure {
                name: error.name().to_owned(),
                detail: error.to_string(),
                customer_text,
                step: step.to_owned(),
            });
            if matches!(error.class(), Class::Stale | Class::Gone) {
                return Err(error);
            }
            let noted = task
                .change(|record| {
                    record.note(at_epoch_s, line.clone());
                    if let Some(failure) = &failure {
                        record.failure = Some(failure.clone());
                    }
                })
                .await;
            match noted {
                // A terminal cause that could not be written down must not be acted on: the write's own error decides.
                Err(unwritten) if failure.is_some() => Err(unwritten),
                _ => Err(error),
            }
        }
    }
}

/// A task in the hands of a step: its record, and the ways to change it and to call Kaltura for it.
pub struct Task<'a> {
    /// The context of the function.
    pub ctx: &'a Context,
    /// The record, as last read or written.
    pub record: TaskRecord,
    attempt: u32,
}

impl<'a> Task<'a> {
    /// Loads the record and checks that the attempt may act on it.
    pub async fn load(ctx: &'a Context, input: &StepInput) -> Result<Task<'a>> {
        let record = ctx
            .tasks
            .load(&input.task_id)
            .await?
            .ok_or_else(|| StepError::RecordMissing {
                task_id: input.task_id.to_string(),
            })?;
        record.check_attempt(input.attempt)?;
        Ok(Self {
            ctx,
            record,
            attempt: input.attempt,
        })
    }

    /// A task whose record was just read, under its current attempt.
    pub fn of(ctx: &'a Context, record: TaskRecord) -> Task<'a> {
        let attempt = record.attempt;
        Self { ctx, record, attempt }
    }

    /// The accuracy of what is delivered (`crate::accuracy`).
    fn accuracy_percent(&self) -> Result<u8> {
        let works = self.record.plan.iter().flat_map(|plan| &plan.works);
        let made = works.zip(&self.record.works).filter_map(|(planned, work)| {
            work.result
                .as_ref()
                .map(|result| (planned.kind, result.accuracy_percent))
        });
        crate::accuracy::of_order(made).ok_or_else(|| self.out_of_order("upload", "a result"))
    }

    /// The error of a step that was reached before the one that makes its input.
    pub(crate) fn out_of_order(&self, step: &'static str, needs: &str) -> StepError {
        StepError::OutOfOrder {
            task_id: self.record.task_id.to_string(),
            step,
            needs: needs.to_owned(),
        }
    }

    /// Changes the record and writes it. If somebody else wrote meanwhile (a key was extended, say), the record is read
    /// again, the attempt checked again and the change made on the fresh one: `change` must be repeatable.
    pub async fn change(&mut self, change: impl Fn(&mut TaskRecord)) -> Result<()> {
        for _ in 0..SAVE_TRIES {
            let mut changed = self.record.clone();
            change(&mut changed);
            if self.ctx.tasks.save(&mut changed).await? {
                self.record = changed;
                return Ok(());
            }
            metrics::counter!(names::RECORD_CONFLICTS).increment(1);
            let input = StepInput {
                task_id: self.record.task_id.clone(),
                attempt: self.attempt,
            };
            self.record = Self::load(self.ctx, &input).await?.record;
        }
        Err(StepError::RecordConflict {
            task_id: self.record.task_id.to_string(),
            times: SAVE_TRIES,
        })
    }

    /// Checks, on the stored record, that this attempt may still act: to be called before a write at Kaltura.
    pub async fn still_ours(&mut self) -> Result<()> {
        let input = StepInput {
            task_id: self.record.task_id.clone(),
            attempt: self.attempt,
        };
        self.record = Self::load(self.ctx, &input).await?.record;
        Ok(())
    }

    /// Makes a call with the task's access key. A key that could die within the call is extended before; one that has died
    /// all the same is extended with the vendor KS and the call made once more: a call that was refused for its key has done
    /// nothing.
    pub async fn with_key<T>(
        &mut self,
        call: impl AsyncFn(TaskClient<'_>) -> std::result::Result<T, kaltura::Error>,
    ) -> Result<T> {
        let longest_s = self.ctx.kaltura.config().time_outs.upload.as_secs();
        if self.record.key_expires_epoch_s <= self.ctx.clock.now_epoch_s() + longest_s {
            self.extend_key().await?;
        }
        let first = {
            let key = &self.record.access_key;
            call(self.ctx.kaltura.task(&self.record.task_id, key)).await
        };
        match first {
            Err(error) if error.class() == ErrorClass::SessionDead => {
                tracing::warn!(name = error.name(), "access key is dead, extending it");
                self.extend_key().await?;
                let key = &self.record.access_key;
                let again = call(self.ctx.kaltura.task(&self.record.task_id, key)).await;
                again.map_err(|error| self.call_failed(error))
            }
            outcome => outcome.map_err(|error| self.call_failed(error)),
        }
    }

    /// An error of a call with the access key: an entry that is not there is the customer's to know.
    fn call_failed(&self, error: kaltura::Error) -> StepError {
        match &self.record.entry_id {
            Some(entry_id) if error.is_entry_missing() => Refusal::EntryGone {
                entry_id: entry_id.to_string(),
                code: error.name().to_owned(),
            }
            .into(),
            _ => error.into(),
        }
    }

    /// Extends the access key with the vendor KS and keeps the new one. Allowed in PROCESSING and SCHEDULED (spec D5);
    /// the old key stays valid, so a repeat is harmless.
    ///
    /// The server refuses where the entry is not there, or where it can't make a session (spec 1.4). The latter passes; with a
    /// key that has been dead for a week, it is the former.
    pub async fn extend_key(&mut self) -> Result<()> {
        let task_id = self.record.task_id.clone();
        let extended = self
            .ctx
            .sessions
            .with(async |ks| self.ctx.kaltura.vendor(ks).extend_access_key(&task_id).await)
            .await;
        let extended = match extended {
            Err(error) if error.name() == "FAILED_EXTEND_ACCESS_KEY" => {
                let dead_since_epoch_s = self.record.key_expires_epoch_s;
                if self.ctx.clock.now_epoch_s() > dead_since_epoch_s + GIVE_UP_KEY_AFTER_S {
                    let entry_id = self.record.entry_id.as_ref().map(ToString::to_string);
                    return Err(Refusal::EntryGone {
                        entry_id: entry_id.unwrap_or_default(),
                        code: error.name().to_owned(),
                    }
                    .into());
                }
                return Err(error);
            }
            outcome => outcome?,
        };
        let Some(key) = extended.access_key else {
            return Err(StepError::GoneAtKaltura {
                task_id: task_id.to_string(),
                detail: "extendAccessKey answered no access key".to_owned(),
            });
        };
        let now_epoch_s = self.ctx.clock.now_epoch_s();
        let expires_epoch_s = key_expiry(&key, now_epoch_s, self.record.turn_around_time);
        metrics::counter!(names::KEYS_EXTENDED).increment(1);
        self.change(|record| {
            record.access_key = key.clone();
            record.key_expires_epoch_s = expires_epoch_s;
            record.note(
                now_epoch_s,
                format!("access key extended until {expires_epoch_s}"),
            );
        })
        .await
    }
}

/// When the event of a live task ended, if that is long enough ago; `None` for a task without one. Only of a task that is PENDING
/// or SCHEDULED does it mean that the event was never on air: on air, it is PROCESSING (guide, "Live captions").
fn event_over_since(task: &EntryVendorTask, now_epoch_s: u64) -> Option<u64> {
    let ends_epoch_s = task.task_job_data.as_ref()?.end_date_epoch_s?;
    (ends_epoch_s.saturating_add(EVENT_OVER_AFTER_S) <= now_epoch_s).then_some(ends_epoch_s)
}

/// When an access key made at `made_epoch_s` expires: as the key itself says (KS v1), or the longer of 7 days and twice
/// the turn-around time (guide, "Extend accessKey Expiration"), for which named values below an hour count as days.
pub fn key_expiry(key: &AccessKey, made_epoch_s: u64, turn_around_time: Option<i64>) -> u64 {
    const SEVEN_DAYS_S: u64 = 7 * 24 * 60 * 60;
    key.expires_epoch_s().unwrap_or_else(|| {
        let turn_around_s = match turn_around_time.and_then(|time| u64::try_from(time).ok()) {
            // 1 to 7 and 10 are business days (spec 1.7).
            Some(days) if days <= 10 => days * 24 * 60 * 60,
            Some(seconds) => seconds,
            None => 0,
        };
        made_epoch_s + SEVEN_DAYS_S.max(2 * turn_around_s)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_task_and_an_execution_its_attempt() {
        let message = OrderMessage {
            task_id: "9292".parse().unwrap(),
        };
        assert_eq!(message.to_json(), r#"{"task_id":"9292"}"#);
        assert_eq!(
            serde_json::from_str::<OrderMessage>(&message.to_json()).unwrap(),
            message
        );
        assert_eq!(StepInput::execution_name(&message.task_id, 3), "9292-3");
    }

    #[test]
    fn an_executions_input_says_task_and_attempt() {
        let input = StepInput {
            task_id: "9292".parse().unwrap(),
            attempt: 3,
        };
        let json: serde_json::Value = serde_json::from_str(&input.to_json()).unwrap();
        assert_eq!(json, serde_json::json!({ "task_id": "9292", "attempt": 3 }));
        assert_eq!(
            serde_json::from_str::<StepInput>(&input.to_json()).unwrap(),
            input
        );
    }

    /// It may begin late: an hour is allowed for that, to the second.
    #[test]
    fn an_event_is_over_an_hour_after_its_end() {
        let over_at = |ends: serde_json::Value, now_epoch_s| {
            let task = serde_json::json!({
                "objectType": "KalturaEntryVendorTask",
                "id": 1,
                "partnerId": 110,
                "taskJobData": { "objectType": "KalturaScheduledVendorTaskData", "endDate": ends },
            });
            let task: EntryVendorTask = kaltura::FromJson::from_json(task).unwrap();
            event_over_since(&task, now_epoch_s)
        };
        let ends_epoch_s = 1_700_000_000;
        let ends = serde_json::json!(ends_epoch_s);
        assert_eq!(over_at(ends.clone(), ends_epoch_s), None);
        assert_eq!(over_at(ends.clone(), ends_epoch_s + EVENT_OVER_AFTER_S - 1), None);
        assert_eq!(
            over_at(ends, ends_epoch_s + EVENT_OVER_AFTER_S),
            Some(ends_epoch_s)
        );
        assert_eq!(
            over_at(serde_json::Value::Null, u64::MAX),
            None,
            "no end, no event"
        );
    }

    #[test]
    fn a_key_that_tells_nothing_lives_a_week_or_twice_the_turn_around() {
        const DAY_S: u64 = 86_400;
        let expires_after_s = |turn_around_time| {
            let key = AccessKey::from("tells nothing");
            key_expiry(&key, 1_000, turn_around_time) - 1_000
        };
        assert_eq!(expires_after_s(None), 7 * DAY_S);
        assert_eq!(expires_after_s(Some(-1)), 7 * DAY_S);
        assert_eq!(expires_after_s(Some(86_400)), 7 * DAY_S, "a day");
        assert_eq!(expires_after_s(Some(10 * 86_400)), 20 * DAY_S);
        // Business days by their number.
        assert_eq!(expires_after_s(Some(2)), 7 * DAY_S);
        assert_eq!(expires_after_s(Some(10)), 20 * DAY_S);
        assert_eq!(expires_after_s(Some(11)), 7 * DAY_S, "eleven seconds");
    }
}
