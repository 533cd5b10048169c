//! What a function tells its operators while it runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::Value;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Logs and counters.
#[derive(Debug)]
pub struct Told {
    /// The log as the functions write it: a JSON line an event.
    pub log: String,
    /// The metrics that were counted, by name; one with dimensions is summed.
    pub counted: BTreeMap<String, u64>,
    /// The last values of the metrics that tell a state, by name.
    pub last: BTreeMap<String, f64>,
}

impl Told {
    /// The events, each with the fields of the spans that it was told in.
    pub fn events(&self) -> Vec<Value> {
        let read = |line: &str| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            let spans = event["spans"].take();
            let fields = spans
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_object);
            for (name, value) in fields.flatten().filter(|(name, _)| *name != "name") {
                event[name] = value.clone();
            }
            event
        };
        self.log.lines().map(read).collect()
    }
}

/// Runs to the end on this thread, and answers what was logged and counted meanwhile. Not from inside a runtime.
pub fn told<T>(run: impl Future<Output = T>) -> (T, Told) {
    listen();
    let recorder = DebuggingRecorder::new();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = pipeline::telemetry::lines(EnvFilter::new("info"), move || writer.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = metrics::with_local_recorder(&recorder, || {
        tracing::subscriber::with_default(subscriber, || runtime.block_on(run))
    });
    let (mut counted, mut last) = (BTreeMap::new(), BTreeMap::new());
    for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
        let name = key.key().name().to_owned();
        match value {
            DebugValue::Counter(count) => *counted.entry(name).or_default() += count,
            DebugValue::Gauge(value) => drop(last.insert(name, value.into_inner())),
            DebugValue::Histogram(_) => {}
        }
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (outcome, Told { log, counted, last })
}

/// Has every thread take an interest in what is told: where one subscriber is all there is, `tracing` asks the thread that
/// comes to a place first, and a test that listens to nothing would turn that place off for the others.
fn listen() {
    // An error means that somebody listens already.
    let _ = tracing_subscriber::registry().with(LevelFilter::INFO).try_init();
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
