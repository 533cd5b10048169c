//! The deadline of an order that waits for people: warnings before it, and what becomes of the order after it.
//!
//! Reconcile looks at an order when the next warning is due. A warning is a metric, a line of the log, and an event on the
//! account's bus ([`Warning`]); each is given once, or again where it could not be written down that it was. After the deadline the
//! order waits on, late as it is, unless the vendor has it fail.

use engines::CompletionToken;
use kaltura::TaskId;
use serde::Serialize;

use super::list::WaitingOrder;
use super::person::PersonId;
use crate::error::{Class, Failure, Refusal, Result, StepError};
use crate::record::TaskRecord;
use crate::steps::Task;
use crate::telemetry::names;

/// What the vendor decides about deadlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineRules {
    /// After which parts of the time from order to deadline somebody is warned, in percent, rising.
    pub warn_at_percent: Vec<u8>,
    /// Whether an order whose deadline is past fails, which refunds the customer.
    pub fails_after: bool,
}

impl Default for DeadlineRules {
    fn default() -> Self {
        Self {
            warn_at_percent: vec![50, 80, 100],
            fails_after: false,
        }
    }
}

impl DeadlineRules {
    /// The warnings that are due by now and were not given.
    fn due(&self, record: &TaskRecord, now_epoch_s: u64) -> Vec<u8> {
        let percents = self.warn_at_percent.iter().copied();
        percents
            .filter(|percent| !record.people.warned_percent.contains(percent))
            .filter(|percent| at_epoch_s(record, *percent).is_some_and(|at| at <= now_epoch_s))
            .collect()
    }

    /// When the order must be looked at next for its deadline; `None` where nothing is left to tell.
    pub fn next_epoch_s(&self, record: &TaskRecord, now_epoch_s: u64) -> Option<u64> {
        let deadline = self.fails_after.then_some(100);
        let percents = self.warn_at_percent.iter().copied().chain(deadline);
        let times = percents.filter_map(|percent| at_epoch_s(record, percent));
        times.filter(|at| *at > now_epoch_s).min()
    }
}

/// When so much of the time from order to deadline is over.
fn at_epoch_s(record: &TaskRecord, percent: u8) -> Option<u64> {
    let due_epoch_s = record.expected_finish_epoch_s?;
    let time_s = due_epoch_s.saturating_sub(record.queue_time_epoch_s);
    Some(due_epoch_s - time_s * u64::from(100 - percent.min(100)) / 100)
}

/// The wait of an order that people are at.
fn waits(record: &TaskRecord) -> Option<CompletionToken> {
    super::waiting(record).ok()?;
    record.accepted().map(|(_, accepted)| accepted.token.clone())
}

/// The kind of the event, as rules match on it.
pub const WARNING: &str = "People Deadline Warning";
/// The version of its detail. Fields may be added within one.
const WARNING_VERSION: u32 = 1;

/// The detail of the event that a warning is. It names the order and never the customer: neither account nor entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The detail's version.
    pub version: u32,
    /// The task.
    pub task_id: TaskId,
    /// How much of the time from order to deadline is over, in percent, as configured.
    pub percent: u8,
    /// The service, by [`super::service_name`].
    pub service: String,
    /// What is to be handed in, by [`super::deliverable_name`].
    pub deliverable: String,
    /// The language of the sound, a BCP-47 tag.
    pub source_language: String,
    /// The language of what is delivered, where it is another.
    pub target_language: Option<String>,
    /// When it was queued at Kaltura.
    pub ordered_epoch_s: u64,
    /// By when the customer expects it.
    pub due_epoch_s: Option<u64>,
    /// Who holds it now, by the name that the issuer of tokens has for them (`sub`).
    pub holder: Option<PersonId>,
}

impl Warning {
    /// The warning of an order that waits for people; `None` for another.
    fn of(record: &TaskRecord, percent: u8, now_epoch_s: u64) -> Option<Self> {
        let order = WaitingOrder::of(record)?;
        let holder = record.people.holder(now_epoch_s);
        Some(Self {
            version: WARNING_VERSION,
            task_id: order.task_id,
            percent,
            service: order.service,
            deliverable: order.deliverable,
            source_language: order.source.bcp47,
            target_language: order.target.map(|target| target.bcp47),
            ordered_epoch_s: order.ordered_epoch_s,
            due_epoch_s: order.due_epoch_s,
            holder: holder.map(|hold| hold.person.clone()),
        })
    }

    /// As JSON.
    fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| StepError::RecordUnreadable {
            what: WARNING.to_owned(),
            detail: error.to_string(),
        })
    }
}

/// Gives the warnings that are due: those of the log and the metric first, which can't fail. Answers those that were given whole.
async fn warn(task: &Task<'_>, due: &[u8], now_epoch_s: u64) -> (Vec<u8>, Result<()>) {
    let mut given = Vec::new();
    let mut outcome = Ok(());
    for &percent in due {
        let Some(warning) = Warning::of(&task.record, percent, now_epoch_s) else {
            continue;
        };
        metrics::counter!(names::PEOPLE_DEADLINE_WARNINGS, "Percent" => percent.to_string()).increment(1);
        tracing::warn!(
            percent,
            due_epoch_s = warning.due_epoch_s,
            holder = warning.holder.as_ref().map(ToString::to_string),
            "an order of people's comes near its deadline"
        );
        let told = async { task.ctx.events()?.tell(WARNING, &warning.to_json()?).await };
        match told.await {
            Ok(()) => given.push(percent),
            Err(error) => outcome = Err(error),
        }
    }
    (given, outcome)
}

/// Gives the warnings that are due, and fails the order's wait where that is wished; says whether it did. Safe to repeat. An event
/// that can't be told now keeps nothing else from being done; it is an error, and told at the next look.
pub(crate) async fn tell(task: &mut Task<'_>) -> Result<bool> {
    let rules = task.ctx.config.deadline_rules.clone();
    let Some(token) = waits(&task.record) else {
        return Ok(false);
    };
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let due = rules.due(&task.record, now_epoch_s);
    let (given, told) = warn(task, &due, now_epoch_s).await;
    if !given.is_empty() {
        task.change(|record| record.people.warned_percent.extend(&given))
            .await?;
    }
    let is_past = at_epoch_s(&task.record, 100).is_some_and(|at| at <= now_epoch_s);
    if !(rules.fails_after && is_past) {
        return told.map(|()| false);
    }
    let refusal = Refusal::Late;
    let failure = Failure {
        name: refusal.name().to_owned(),
        detail: refusal.to_string(),
        customer_text: refusal.customer_text(),
        step: "people".to_owned(),
    };
    task.change(|record| record.failure = Some(failure.clone()))
        .await?;
    let completions = task.ctx.completions()?;
    completions.fail(&token, Class::Terminal, refusal.name()).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{sample_people_record, sample_record};

    /// Rules and programs of others are made for it: what changes here is theirs to know.
    #[test]
    fn the_event_tells_of_the_order_and_not_of_the_customer() {
        let mut record = sample_people_record(&"9292".parse().unwrap());
        let ana = crate::people::Person {
            id: PersonId::new("ana"),
            name: "Ana".to_owned(),
            groups: Vec::new(),
        };
        record.people.take(&ana, 2_000, 1_000).unwrap();
        let warning = Warning::of(&record, 80, 1_500).unwrap();
        insta::assert_json_snapshot!(warning);
        let json = warning.to_json().unwrap();
        let secrets = [
            record.entry_id.unwrap().to_string(),
            "110".to_owned(),
            "a-key".to_owned(),
            "token".to_owned(),
        ];
        for secret in secrets {
            assert!(!json.contains(&secret), "{secret}: {json}");
        }
        assert_eq!(Warning::of(&sample_record("1".parse().unwrap()), 80, 1_500), None);
    }

    #[test]
    fn warnings_come_at_their_parts_of_the_time_and_once() {
        let rules = DeadlineRules::default();
        let mut record = sample_people_record(&"9292".parse().unwrap());
        record.queue_time_epoch_s = 1_000;
        record.expected_finish_epoch_s = Some(2_000);
        assert_eq!(rules.due(&record, 1_499), [0; 0]);
        assert_eq!(rules.due(&record, 1_500), [50]);
        assert_eq!(rules.due(&record, 1_900), [50, 80]);
        assert_eq!(rules.due(&record, 2_000), [50, 80, 100]);
        record.people.warned_percent = vec![50];
        assert_eq!(rules.due(&record, 1_900), [80]);
        assert_eq!(rules.next_epoch_s(&record, 1_500), Some(1_800));
        assert_eq!(rules.next_epoch_s(&record, 2_000), None);
        record.expected_finish_epoch_s = None;
        assert_eq!(
            (rules.due(&record, 9_000), rules.next_epoch_s(&record, 0)),
            (vec![], None)
        );
    }
}
