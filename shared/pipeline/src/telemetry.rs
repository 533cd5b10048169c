//! Logs, metrics and traces of a function.
//!
//! Logs are JSON lines on stdout with `function`, and in a step `task_id`, `entry_id`, `partner_id`, `step`, `attempt` and the
//! request id of the invocation (from its span). Metrics are EMF lines, written at the end of each invocation. Names of
//! metrics stand in [`names`] alone, so that code, dashboard and README can be compared. Nothing secret goes in:
//! secret types print redacted.

use std::sync::OnceLock;

use kaltura::{CallObserver, CallReport, TracingObserver};
use lambda_runtime::Context as Invocation;
use metrics_cloudwatch_embedded::{Builder, Collector};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::Env;

/// The names of all metrics. The dashboard (`template.yaml`) and the README use the same.
pub mod names {
    /// Jobs that getJobs listed, by `Status`.
    pub const TASKS_LISTED: &str = "TasksListed";
    /// New tasks kept.
    pub const TASKS_KEPT: &str = "TasksKept";
    /// Tasks sent to the queue.
    pub const TASKS_SENT: &str = "TasksSent";
    /// Jobs left alone, by `Reason`.
    pub const TASKS_LEFT_ALONE: &str = "TasksLeftAlone";
    /// Polls that went through: its absence is an alarm.
    pub const POLL_OK: &str = "PollOk";
    /// Age of the oldest task that nobody has claimed, in seconds.
    pub const OLDEST_UNCLAIMED_AGE_S: &str = "OldestUnclaimedAgeS";
    /// Wait from being sent to being claimed, in seconds.
    pub const QUEUE_WAIT_S: &str = "QueueWaitS";
    /// Duration of a step, by `Step`.
    pub const STEP_DURATION_MS: &str = "StepDurationMs";
    /// Errors of a step, by `Step` and `Class`.
    pub const STEP_ERRORS: &str = "StepErrors";
    /// Tasks set to READY, by `Service`.
    pub const TASKS_DELIVERED: &str = "TasksDelivered";
    /// Tasks set to ERROR, by `Service`.
    pub const TASKS_FAILED: &str = "TasksFailed";
    /// Tasks ended, by state.
    pub const TASKS_ENDED: &str = "TasksEnded";
    /// Tasks that vanished at Kaltura.
    pub const TASKS_GONE: &str = "TasksGone";
    /// Tasks parked.
    pub const TASKS_PARKED: &str = "TasksParked";
    /// From the order to READY, in seconds, by `Service`.
    pub const ORDER_TO_DELIVERY_S: &str = "OrderToDeliveryS";
    /// Calls to Kaltura, by `Action`.
    pub const KALTURA_CALLS: &str = "KalturaCalls";
    /// Calls to Kaltura that failed: by `Code`, and once more by `Class`, which an alarm can add up whatever the code.
    pub const KALTURA_ERRORS: &str = "KalturaErrors";
    /// The least time left of a running task's key, in seconds.
    pub const KEY_MARGIN_S: &str = "KeyMarginS";
    /// Keys extended.
    pub const KEYS_EXTENDED: &str = "KeysExtended";
    /// Bytes of media stored.
    pub const MEDIA_BYTES: &str = "MediaBytes";
    /// Imports that Kaltura failed and we began again.
    pub const IMPORT_RETRIES: &str = "ImportRetries";
    /// Sessions opened with a token that lacks `disableentitlement`.
    pub const APP_TOKEN_WITHOUT_DISABLE_ENTITLEMENT: &str = "AppTokenWithoutDisableEntitlement";
    /// Status updates that Kaltura accepted without taking them.
    pub const MISMATCHED_STATUS: &str = "MismatchedStatus";
    /// Tasks at Kaltura that wait for an event that is over, of services that are not enabled.
    pub const EVENTS_OVER: &str = "EventsOver";
    /// Kept tasks that wait for their customer's turn.
    pub const TASKS_WAITING: &str = "TasksWaiting";
    /// The time left until a customer expects a running task; below 0 once it is late.
    pub const DEADLINE_MARGIN_S: &str = "DeadlineMarginS";
    /// What reconcile put right, by `What`.
    pub const RECONCILED: &str = "Reconciled";
    /// Invariants found broken, by `Number` (`crate::invariants`): never anything but 0.
    pub const INVARIANTS_BROKEN: &str = "InvariantsBroken";
    /// Tasks whose data was deleted.
    pub const TASKS_SWEPT: &str = "TasksSwept";
    /// How long the data overdue longest should have been deleted, in seconds.
    pub const DELETION_OVERDUE_S: &str = "DeletionOverdueS";
    /// Conditional writes that met another's write.
    pub const RECORD_CONFLICTS: &str = "RecordConflicts";
    /// Sounds in another language than was ordered, by `Outcome`: refused, or doubted and worked on.
    pub const LANGUAGE_MISMATCHES: &str = "LanguageMismatches";
    /// Orders of people's that came near their deadline, by `Percent` of their time that is over.
    pub const PEOPLE_DEADLINE_WARNINGS: &str = "PeopleDeadlineWarnings";
    /// What people did with orders, by `What`.
    pub const PEOPLE_ACTS: &str = "PeopleActs";
    /// Captions of live events.
    pub const LIVE_CAPTIONS: &str = "LiveCaptions";
    /// From a post of words of a live event until its captions have been handed out, in milliseconds.
    pub const LIVE_HAND_OUT_MS: &str = "LiveHandOutMs";
    /// Words of live events that came too late for their time.
    pub const LIVE_LATE_WORDS: &str = "LiveLateWords";
    /// Listeners of live events that were lost, by `Why`: gone, or too slow.
    pub const LIVE_READERS_LOST: &str = "LiveReadersLost";
    /// Posts, and who came, to live events and were not taken, by `Reason`.
    pub const LIVE_REFUSED: &str = "LiveRefused";

    /// All of them.
    pub const ALL: [&str; 39] = [
        LIVE_CAPTIONS,
        LIVE_HAND_OUT_MS,
        LIVE_LATE_WORDS,
        LIVE_READERS_LOST,
        LIVE_REFUSED,
        EVENTS_OVER,
        PEOPLE_DEADLINE_WARNINGS,
        PEOPLE_ACTS,
        LANGUAGE_MISMATCHES,
        TASKS_LISTED,
        TASKS_KEPT,
        TASKS_SENT,
        TASKS_LEFT_ALONE,
        POLL_OK,
        OLDEST_UNCLAIMED_AGE_S,
        QUEUE_WAIT_S,
        STEP_DURATION_MS,
        STEP_ERRORS,
        TASKS_DELIVERED,
        TASKS_FAILED,
        TASKS_ENDED,
        TASKS_GONE,
        TASKS_PARKED,
        ORDER_TO_DELIVERY_S,
        KALTURA_CALLS,
        KALTURA_ERRORS,
        KEY_MARGIN_S,
        KEYS_EXTENDED,
        MEDIA_BYTES,
        IMPORT_RETRIES,
        APP_TOKEN_WITHOUT_DISABLE_ENTITLEMENT,
        MISMATCHED_STATUS,
        RECORD_CONFLICTS,
        TASKS_WAITING,
        DEADLINE_MARGIN_S,
        RECONCILED,
        INVARIANTS_BROKEN,
        TASKS_SWEPT,
        DELETION_OVERDUE_S,
    ];
}

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Sets up logs and metrics of this process. Call it once, first thing in `main`; further calls change nothing.
///
/// `LOG_LEVEL` is a filter as `tracing-subscriber` takes it (`info`, `debug`, `pipeline=debug,info`);
/// `METRICS_NAMESPACE` the CloudWatch namespace, `ReachVendor` where it is absent.
pub fn init(env: &Env) {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse_lossy(env.optional("LOG_LEVEL").unwrap_or_default());
    // An error means that a subscriber is set already: then there is nothing to do.
    let _ = tracing::subscriber::set_global_default(lines(filter, std::io::stdout));
    let namespace = env
        .optional("METRICS_NAMESPACE")
        .unwrap_or_else(|| "ReachVendor".to_owned());
    match Builder::new().cloudwatch_namespace(namespace).init() {
        Ok(collector) => {
            let _ = COLLECTOR.set(collector);
        }
        Err(error) => tracing::debug!(%error, "metrics are set up already"),
    }
}

/// What writes the log: a JSON line an event, with the fields of the spans that it is in under `spans`.
pub fn lines<W>(filter: EnvFilter, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_target(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

/// Writes the metrics of this invocation as EMF lines with its request id. A failure is logged, never an error:
/// losing a metric must not lose an order.
pub fn flush(invocation: &Invocation) {
    if let Some(collector) = COLLECTOR.get()
        && let Err(error) = collector
            .set_property("RequestId", invocation.request_id.clone())
            .flush(std::io::stdout())
    {
        tracing::warn!(%error, "metrics could not be written");
    }
}

/// Counts every call to Kaltura, its repeats included, and writes it as a log line.
#[derive(Debug, Clone, Copy, Default)]
pub struct KalturaCalls;

impl CallObserver for KalturaCalls {
    fn called(&self, report: &CallReport<'_>) {
        metrics::counter!(names::KALTURA_CALLS, "Action" => report.action).increment(1);
        if let Some(error) = report.error {
            metrics::counter!(names::KALTURA_ERRORS, "Code" => report.code().to_owned()).increment(1);
            metrics::counter!(names::KALTURA_ERRORS, "Class" => error.class().name()).increment(1);
        }
        TracingObserver.called(report);
    }
}
