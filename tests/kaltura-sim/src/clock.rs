//! The sim clock: real time plus what the tests added, or only what they added.

use crate::config::SimTime;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Runs in real time from its start, or stands, and jumps forward on demand; sleepers wake on a jump.
#[derive(Debug)]
pub(crate) struct SimClock {
    /// Added to real time; where the clock stands, the time itself.
    offset_ms: watch::Sender<i64>,
    stands: bool,
}

fn real_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl SimClock {
    pub(crate) fn new(time: SimTime) -> Self {
        let offset_ms = match time {
            SimTime::Real => 0,
            SimTime::RunsFrom(start_ms) => start_ms - real_now_ms(),
            SimTime::StandsAt(start_ms) => start_ms,
        };
        Self {
            offset_ms: watch::Sender::new(offset_ms),
            stands: matches!(time, SimTime::StandsAt(_)),
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let real_ms = if self.stands { 0 } else { real_now_ms() };
        real_ms.saturating_add(*self.offset_ms.borrow())
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms
            .send_modify(|offset| *offset = offset.saturating_add(by_ms));
    }

    /// Returns once the sim clock has reached `due_ms`, be it by waiting or by a jump.
    pub(crate) async fn sleep_until(&self, due_ms: i64) {
        let mut jumps = self.offset_ms.subscribe();
        loop {
            jumps.mark_unchanged();
            let left_ms = due_ms.saturating_sub(self.now_ms());
            let Ok(left_ms @ 1..) = u64::try_from(left_ms) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(left_ms)), if !self.stands => {}
                _ = jumps.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_jump_wakes_a_sleeper() {
        for time in [SimTime::RunsFrom(1_000_000), SimTime::StandsAt(1_000_000)] {
            jump(time).await;
        }
    }

    #[test]
    fn a_clock_that_stands_moves_when_it_is_told() {
        let clock = SimClock::new(SimTime::StandsAt(1_000_000));
        assert_eq!(clock.now_ms(), 1_000_000);
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.now_ms(), 1_000_005);
    }

    async fn jump(time: SimTime) {
        let clock = std::sync::Arc::new(SimClock::new(time));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(1_000_000 + 3_600_000).await;
                clock.now_ms()
            }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_hours(1));
        assert!(sleeper.await.expect("the sleeper ends") >= 4_600_000);
    }
}
