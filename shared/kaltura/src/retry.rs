//! When a call is tried again, and after which pause.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::call::Repeat;
use crate::config::RetryPolicy;
use crate::error::Error;

/// What a repeat costs, in the coin in which a success earns 1.
const COST: u32 = 10;

/// Repeats that are left to all calls of a client.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    coins: AtomicU32,
    most: u32,
}

impl RetryBudget {
    pub(crate) fn new(policy: &RetryPolicy) -> Self {
        let most = policy.budget.saturating_mul(COST);
        Self {
            coins: AtomicU32::new(most),
            most,
        }
    }

    fn take(&self) -> bool {
        let pay = |coins: u32| coins.checked_sub(COST);
        self.coins
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay)
            .is_ok()
    }

    pub(crate) fn earn(&self) {
        let more = |coins: u32| Some(coins.saturating_add(1).min(self.most));
        let _ = self
            .coins
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// The pause before the next try after try number `attempt`, or `None` to give up.
    pub(crate) fn next(
        &self,
        policy: &RetryPolicy,
        repeat: Repeat,
        attempt: u32,
        error: &Error,
    ) -> Option<Duration> {
        let harmless = repeat == Repeat::Safe || !error.may_have_taken_effect();
        if attempt >= policy.max_attempts || !error.is_quick() || !harmless || !self.take() {
            return None;
        }
        Some(jittered(policy, attempt))
    }
}

/// A random pause up to the base, doubled for each try, never above the longest.
fn jittered(policy: &RetryPolicy, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let longest = policy
        .base_delay
        .saturating_mul(1 << doublings)
        .min(policy.max_delay);
    longest.mul_f64(rand::random_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CallName;

    const CALL: CallName = CallName {
        service: "s",
        action: "a",
    };

    fn broken() -> Error {
        Error::Broken {
            call: CALL,
            detail: String::new(),
        }
    }

    fn no_connection() -> Error {
        Error::Connect {
            call: CALL,
            detail: String::new(),
        }
    }

    #[test]
    fn an_add_is_repeated_only_if_it_surely_had_no_effect() {
        let policy = RetryPolicy::default();
        let budget = RetryBudget::new(&policy);
        assert!(budget.next(&policy, Repeat::Once, 1, &broken()).is_none());
        assert!(budget.next(&policy, Repeat::Once, 1, &no_connection()).is_some());
        assert!(budget.next(&policy, Repeat::Safe, 1, &broken()).is_some());
    }

    #[test]
    fn slow_faults_and_the_last_try_are_left_to_the_caller() {
        let policy = RetryPolicy::default();
        let budget = RetryBudget::new(&policy);
        let time_out = Error::Timeout {
            call: CALL,
            after_ms: 1,
        };
        assert!(budget.next(&policy, Repeat::Safe, 1, &time_out).is_none());
        assert!(budget.next(&policy, Repeat::Safe, 3, &broken()).is_none());
    }

    #[test]
    fn the_budget_is_spent_and_earned_back() {
        let policy = RetryPolicy {
            budget: 2,
            ..RetryPolicy::default()
        };
        let budget = RetryBudget::new(&policy);
        let tries = (0..5)
            .filter(|_| budget.next(&policy, Repeat::Safe, 1, &broken()).is_some())
            .count();
        assert_eq!(tries, 2);
        (0..10).for_each(|_| budget.earn());
        assert!(budget.next(&policy, Repeat::Safe, 1, &broken()).is_some());
        assert!(budget.next(&policy, Repeat::Safe, 1, &broken()).is_none());
    }

    #[test]
    fn pauses_grow_to_the_longest() {
        let policy = RetryPolicy::default();
        for attempt in 1..40 {
            let longest = Duration::from_millis(200)
                .saturating_mul(1 << (attempt - 1).min(16))
                .min(policy.max_delay);
            assert!(jittered(&policy, attempt) <= longest);
        }
    }
}
