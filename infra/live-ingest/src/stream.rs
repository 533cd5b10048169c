//! One stream, from its first publisher to its end: stretches of sound on one line of time, posted in order.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::poster::{Item, Memory, Poster};
use crate::recogniser::Wanted;
use crate::stack::{Admitted, MediaKey, Stack};
use crate::stretch::{self, Ears, Told};
use crate::timeline::{Heard, Timeline};

/// Off air, the time goes on so often, with so much behind the clock: a publisher may come back meanwhile.
const TICK: Duration = Duration::from_secs(2);
const BEHIND_S: f64 = 2.0;
/// After the event's end a publisher that has gone does not come back, but for so long.
const AFTER_THE_END: Duration = Duration::from_secs(5);
/// How long the end may take to be posted.
const LAST_POST: Duration = Duration::from_mins(10);

/// What a stream is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// A publisher has come.
    Published,
    /// It has gone.
    Gone,
}

/// What a stream works with.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) ears: Ears,
    pub(crate) stack: Stack,
    /// Where streams are read, without the key.
    pub(crate) rtmp_url: String,
    /// Where the places of streams are kept.
    pub(crate) state_dir: PathBuf,
    /// How long a publisher that has gone is waited for.
    pub(crate) reconnect: Duration,
}

/// A stretch that is heard.
struct Hearing {
    stop: Option<oneshot::Sender<()>>,
    _task: Task<()>,
}

/// A task that ends with whoever waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hears a stream to its end. Returns once the end has been posted, or the stack wants no more.
pub(crate) async fn run(
    means: Means,
    key: MediaKey,
    admitted: Admitted,
    mut commands: mpsc::Receiver<Command>,
) {
    let task_id = admitted.task_id.clone();
    let end_epoch_s = admitted.event_end_epoch_s;
    let wanted = Wanted {
        language: admitted.language.clone(),
        dictionary: admitted.dictionary.clone(),
    };
    // The task's id is plain, as every part of the key is.
    let memory_file = means.state_dir.join(format!("{}.json", key_name(&task_id)));
    let memory = Memory::load(&memory_file);
    let mut timeline = memory.timeline;
    let (post, items) = mpsc::unbounded_channel();
    let poster = Poster {
        stack: means.stack.clone(),
        key: key.clone(),
        admitted,
        memory,
        memory_file,
    };
    let mut posting = Task(tokio::spawn(poster.run(items)));
    let (tell, mut told) = mpsc::channel(64);
    let mut hearing: Option<Hearing> = None;
    // When a publisher that has gone is waited for no longer; `None` on air.
    let mut wait_until: Option<Instant> = None;
    let item = |timeline: &Timeline, heard: Heard, is_end: bool| Item {
        origin: timeline.origin(),
        heard,
        is_end,
        timeline: *timeline,
    };
    let mut ticks = tokio::time::interval(TICK);
    let is_over = loop {
        let far = Instant::now() + Duration::from_hours(24);
        tokio::select! {
            _ = &mut posting.0 => {
                tracing::info!(task_id, "the stack wants no more of the stream");
                break true;
            }
            command = commands.recv() => match command {
                Some(Command::Published) => {
                    tracing::info!(task_id, "a publisher has come");
                    wait_until = None;
                    let (stop, stopped) = oneshot::channel();
                    let url = format!("{}/{}", means.rtmp_url, key.reveal());
                    let task = stretch::hear(means.ears.clone(), wanted.clone(), url, tell.clone(), stopped);
                    hearing = Some(Hearing { stop: Some(stop), _task: Task(tokio::spawn(task)) });
                }
                Some(Command::Gone) => {
                    tracing::info!(task_id, "the publisher has gone");
                    match hearing.as_mut().and_then(|hearing| hearing.stop.take()) {
                        Some(stop) => { let _ = stop.send(()); }
                        None => wait_until = wait_until.or(Some(patience(means.reconnect, end_epoch_s))),
                    }
                }
                None => break false,
            },
            Some(said) = told.recv() => match said {
                Told::Begun { pts_s, epoch_s } => {
                    let origin = timeline.begin(pts_s, epoch_s);
                    tracing::info!(task_id, pts_s, origin_pts_s = origin.pts_s, "sound comes in");
                }
                Told::Heard(heard) => {
                    let heard = timeline.place(heard);
                    // A poster that has ended is seen above.
                    let _ = post.send(item(&timeline, heard, false));
                }
                Told::Over => {
                    hearing = None;
                    wait_until = Some(patience(means.reconnect, end_epoch_s));
                }
            },
            _ = ticks.tick(), if hearing.is_none() => {
                if let Some(heard) = timeline.idle(crate::now_epoch_s() - BEHIND_S) {
                    let _ = post.send(item(&timeline, heard, false));
                }
            }
            () = sleep_until(wait_until.unwrap_or(far)), if wait_until.is_some() => break false,
        }
    };
    drop(hearing);
    if !is_over {
        let heard = Heard {
            words: Vec::new(),
            heard_until_ms: timeline.heard_until_ms(),
        };
        let _ = post.send(item(&timeline, heard, true));
        drop(post);
        if tokio::time::timeout(LAST_POST, &mut posting.0).await.is_err() {
            tracing::error!(task_id, "the end of the stream could not be posted");
        }
    }
    if let Err(error) = means.stack.done(&key).await {
        // It ends the stream by itself some time after the event.
        tracing::warn!(task_id, %error, "the stack was not told that the stream is over");
    }
    tracing::info!(task_id, "the stream is over");
}

/// Until when a publisher that has gone is waited for: some time, but not beyond the event's end.
fn patience(reconnect: Duration, end_epoch_s: i64) -> Instant {
    let end = Duration::from_secs(u64::try_from(end_epoch_s).unwrap_or_default());
    let left = end.saturating_sub(Duration::from_secs_f64(crate::now_epoch_s().max(0.0)));
    Instant::now() + reconnect.min(left + AFTER_THE_END)
}

/// A task's id as a file's name.
fn key_name(task_id: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
            c
        } else {
            '_'
        }
    };
    task_id.chars().take(100).map(plain).collect()
}
