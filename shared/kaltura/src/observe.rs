//! Who is told of every call: the way to metrics and logs.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::ids::TaskId;

/// One try of one call, told when it is over. Holds no secret.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallReport<'a> {
    /// The service: `caption_captionasset`.
    pub service: &'static str,
    /// The action: `setContent`.
    pub action: &'static str,
    /// The task it was about, if one.
    pub task_id: Option<&'a TaskId>,
    /// The try, from 1.
    pub attempt: u32,
    /// How long it took.
    pub duration_ms: u64,
    /// Size of the request's body.
    pub sent_bytes: u64,
    /// Why it failed; `None` where it succeeded. Its name is the API's code or the fault's name.
    pub error: Option<&'a Error>,
    /// The pause before the next try; `None` where this was the last.
    pub retry_in: Option<Duration>,
}

impl CallReport<'_> {
    /// `OK`, the API's code, or the fault's name: the value of a metric's dimension.
    pub fn code(&self) -> &str {
        self.error.map_or("OK", Error::name)
    }
}

/// Is told of every try of every call. Called on the task that made the call: return at once, and never panic.
pub trait CallObserver: Send + Sync + fmt::Debug {
    /// A try is over.
    fn called(&self, report: &CallReport<'_>);
}

/// Writes each try as a `tracing` event with the fields `service`, `action`, `code`, `duration_ms`, `attempt`: at debug
/// level, or as a warning where the call failed. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingObserver;

impl CallObserver for TracingObserver {
    fn called(&self, report: &CallReport<'_>) {
        let CallReport {
            service,
            action,
            attempt,
            duration_ms,
            sent_bytes,
            ..
        } = *report;
        let task_id = report.task_id.map(TaskId::as_str);
        let code = report.code();
        match report.error {
            None => {
                tracing::debug!(
                    service,
                    action,
                    task_id,
                    code,
                    attempt,
                    duration_ms,
                    sent_bytes,
                    "kaltura answered"
                );
            }
            Some(error) => {
                let retry_in_ms = report.retry_in.map(millis);
                tracing::warn!(
                    service, action, task_id, code, attempt, duration_ms, sent_bytes, retry_in_ms, %error,
                    "a call to kaltura failed"
                );
            }
        }
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
