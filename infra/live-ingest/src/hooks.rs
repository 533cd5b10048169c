//! What the RTMP server asks and tells: nginx-rtmp's `on_publish`, `on_publish_done` and `on_play`.
//!
//! A publisher is let in only where the stack wants its stream, and nobody else publishes it. Its answer waits until we read
//! the stream, so that nothing of its beginning is missed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use crate::error::{IngestError, Result};
use crate::stack::MediaKey;
use crate::stream::{self, Command, Means};

/// How long a publisher waits for us to read its stream. nginx gives up after ten seconds.
const READ_WITHIN: Duration = Duration::from_secs(3);
/// How often the stack is asked for a stream while a publisher waits.
const ADMIT_TRIES: u32 = 3;
const ADMIT_PAUSE: Duration = Duration::from_millis(300);

/// A stream that is heard.
struct Live {
    commands: mpsc::Sender<Command>,
    /// nginx's number of the publisher; `None` off air.
    publisher: Option<String>,
    /// Rings when somebody begins to read the stream: that is us.
    read: Arc<Notify>,
    /// Which stream of this key it is.
    number: u64,
    task: AbortHandle,
}

/// All streams that are heard.
pub(crate) struct Streams {
    means: Means,
    most: usize,
    live: Mutex<(u64, HashMap<MediaKey, Live>)>,
}

impl Streams {
    pub(crate) fn new(means: Means, most: usize) -> Arc<Self> {
        Arc::new(Self {
            means,
            most,
            live: Mutex::default(),
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<MediaKey, Live>) -> T) -> T {
        look(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// A publisher has come: it may publish, or why not.
    async fn publish(self: &Arc<Self>, key: MediaKey, publisher: String) -> Result<()> {
        self.check(&key)?;
        let mut tries = 1;
        let admitted = loop {
            match self.means.stack.admit(&key).await {
                Err(IngestError::Unavailable { .. }) if tries < ADMIT_TRIES => {
                    tries += 1;
                    tokio::time::sleep(ADMIT_PAUSE).await;
                }
                outcome => break outcome?,
            }
        };
        // Others may have come meanwhile.
        self.check(&key)?;
        let (commands, read) = {
            let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            let (numbers, streams) = &mut *live;
            let stream = streams.entry(key.clone()).or_insert_with(|| {
                *numbers += 1;
                let (commands, received) = mpsc::channel(16);
                let (streams, means, key, number) = (self.clone(), self.means.clone(), key.clone(), *numbers);
                let task = tokio::spawn(async move {
                    stream::run(means, key.clone(), admitted, received).await;
                    streams.with(|live| {
                        if live.get(&key).is_some_and(|live| live.number == number) {
                            live.remove(&key);
                        }
                    });
                });
                Live {
                    commands,
                    publisher: None,
                    read: Arc::default(),
                    number,
                    task: task.abort_handle(),
                }
            });
            stream.publisher = Some(publisher);
            (stream.commands.clone(), stream.read.clone())
        };
        // Registered before the command, so that it can't ring too early.
        let reading = read.notified();
        tokio::pin!(reading);
        reading.as_mut().enable();
        if commands.send(Command::Published).await.is_err() {
            // It ended at this very moment.
            self.with(|live| live.remove(&key));
            return Err(IngestError::Unavailable {
                detail: "the stream has just ended".to_owned(),
                retry_after_s: None,
            });
        }
        if tokio::time::timeout(READ_WITHIN, reading).await.is_err() {
            tracing::warn!("the stream was not read in time: its beginning may be missed");
        }
        Ok(())
    }

    /// Ends all streams as they are. Their places are kept.
    pub(crate) fn end(&self) {
        self.with(|live| {
            for (_, live) in live.drain() {
                live.task.abort();
            }
        });
    }

    fn check(&self, key: &MediaKey) -> Result<()> {
        self.with(|live| match live.get(key) {
            Some(live) if live.publisher.is_some() => Err(IngestError::Published),
            None if live.len() >= self.most => Err(IngestError::Full { most: self.most }),
            _ => Ok(()),
        })
    }

    /// A publisher has gone. One that was not let in is of no interest.
    async fn gone(&self, key: &MediaKey, publisher: &str) {
        let commands = self.with(|live| {
            let live = live.get_mut(key)?;
            if live.publisher.as_deref() != Some(publisher) {
                return None;
            }
            live.publisher = None;
            Some(live.commands.clone())
        });
        if let Some(commands) = commands {
            // One that has ended needs no telling.
            let _ = commands.send(Command::Gone).await;
        }
    }

    /// Somebody begins to read a stream: whether it is one that we hear.
    fn read(&self, key: &MediaKey) -> bool {
        self.with(|live| live.get(key).map(|live| live.read.notify_waiters()).is_some())
    }
}

/// What nginx-rtmp sends, as far as it is of interest.
#[derive(Debug, Deserialize)]
struct Hook {
    call: String,
    /// The stream's name, which is its key.
    name: String,
    #[serde(default)]
    clientid: String,
    #[serde(default)]
    addr: String,
}

/// The routes: `POST /rtmp` for all hooks, `GET /health`.
pub(crate) fn routes(streams: Arc<Streams>) -> Router {
    Router::new()
        .route("/rtmp", post(hook))
        .route("/health", get(health))
        .with_state(streams)
}

async fn health(State(streams): State<Arc<Streams>>) -> Json<Value> {
    let (heard, on_air) = streams.with(|live| {
        let on_air = live.values().filter(|live| live.publisher.is_some()).count();
        (live.len(), on_air)
    });
    Json(json!({ "streams": heard, "on_air": on_air }))
}

async fn hook(State(streams): State<Arc<Streams>>, Form(hook): Form<Hook>) -> StatusCode {
    let Some(key) = MediaKey::new(&hook.name) else {
        return StatusCode::FORBIDDEN;
    };
    match hook.call.as_str() {
        "publish" => {
            // In a task of its own: nginx that hangs up must not leave half a stream.
            let publishing = tokio::spawn(async move { streams.publish(key, hook.clientid).await });
            match publishing.await {
                Ok(Ok(())) => StatusCode::OK,
                Ok(Err(error)) => {
                    tracing::warn!(error_name = error.name(), %error, from = hook.addr, "a publisher is refused");
                    StatusCode::FORBIDDEN
                }
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
            }
        }
        "publish_done" => {
            streams.gone(&key, &hook.clientid).await;
            StatusCode::OK
        }
        "play" => {
            let is_here = hook.addr.parse().is_ok_and(|addr: IpAddr| addr.is_loopback());
            if is_here && streams.read(&key) {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            }
        }
        _ => StatusCode::OK,
    }
}
