//! How long a future itself works, told apart from how long it waits for others.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A future that adds up the processor's time spent in its polls: what its own code takes, and that of everything polled within
/// it, without what passes while it waits, or while the machine does something else.
pub struct Metered<F> {
    inner: Pin<Box<F>>,
    begun: Instant,
    own: Duration,
}

/// What a future took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// Inside its polls, by the processor's clock.
    pub own: Duration,
    /// From its making to its end.
    pub whole: Duration,
}

/// Measures `future`, which begins now.
pub fn metered<F: Future>(future: F) -> Metered<F> {
    Metered {
        inner: Box::pin(future),
        begun: Instant::now(),
        own: Duration::ZERO,
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = (F::Output, Took);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let entered = processor_time();
        let polled = self.inner.as_mut().poll(context);
        self.own += processor_time().saturating_sub(entered);
        let took = Took {
            own: self.own,
            whole: self.begun.elapsed(),
        };
        polled.map(|output| (output, took))
    }
}

/// What the processor has spent on this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The value below which `percent` of all are.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let Some(last) = sorted.len().checked_sub(1) else {
        return Duration::ZERO;
    };
    sorted[(last * percent).div_ceil(100).min(last)]
}
