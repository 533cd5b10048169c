//! The deadline of an order that waits for people: warnings before it, and what becomes of the order after it.
//!
//! Reconcile looks at an order when the next warning is due. A warning is a metric and a line of the log; each is given once.
//! After the deadline the order waits on, late as it is, unless the vendor has it fail.

use engines::CompletionToken;

use crate::error::{Class, Failure, Refusal, Result};
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

/// Gives the warnings that are due, and fails the order's wait where that is wished; says whether it did. Safe to repeat.
pub(crate) async fn tell(task: &mut Task<'_>) -> Result<bool> {
    let rules = task.ctx.config.deadline_rules.clone();
    let Some(token) = waits(&task.record) else {
        return Ok(false);
    };
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let due = rules.due(&task.record, now_epoch_s);
    for percent in &due {
        metrics::counter!(names::PEOPLE_DEADLINE_WARNINGS, "Percent" => percent.to_string()).increment(1);
        let holder = task.record.people.holder(now_epoch_s);
        tracing::warn!(
            percent,
            due_epoch_s = task.record.expected_finish_epoch_s,
            holder = holder.map(|hold| hold.person.to_string()),
            "an order of people's comes near its deadline"
        );
    }
    if !due.is_empty() {
        task.change(|record| record.people.warned_percent.extend(&due))
            .await?;
    }
    let is_past = at_epoch_s(&task.record, 100).is_some_and(|at| at <= now_epoch_s);
    if !(rules.fails_after && is_past) {
        return Ok(false);
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
    use crate::memory::sample_people_record;

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
