//! What a function tells its operators while it runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// Logs and counters.
#[derive(Debug)]
pub struct Told {
    /// The log, a line an event.
    pub log: String,
    /// The metrics that were counted, by name; one with dimensions is summed.
    pub counted: BTreeMap<String, u64>,
}

/// Runs to the end on this thread, and answers what was logged and counted meanwhile. Not from inside a runtime.
pub fn told<T>(run: impl Future<Output = T>) -> (T, Told) {
    let recorder = DebuggingRecorder::new();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = metrics::with_local_recorder(&recorder, || {
        tracing::subscriber::with_default(subscriber, || runtime.block_on(run))
    });
    let mut counted = BTreeMap::new();
    for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
        if let DebugValue::Counter(count) = value {
            *counted.entry(key.key().name().to_owned()).or_default() += count;
        }
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (outcome, Told { log, counted })
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
