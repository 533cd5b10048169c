//! Posting what was heard: in order, each once, again and again while the stack can't take it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::IngestError;
use crate::stack::{Admitted, MediaKey, Post, Posted, Stack};
use crate::timeline::{Heard, Origin, Timeline};

/// In silence, a post so often: what was said may be laid out then.
const HEARTBEAT: Duration = Duration::from_millis(1_900);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The first pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// As many words as go into one post.
const MOST_WORDS: usize = 400;
/// The stack is tried no longer than this after the event's end, seconds.
const TRIED_AFTER_THE_END_S: i64 = 600;

/// What is to be posted.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) origin: Origin,
    /// By the stream's time.
    pub(crate) heard: Heard,
    pub(crate) is_end: bool,
    /// Where the stream is after it.
    pub(crate) timeline: Timeline,
}

/// What is kept of a stream, so that another life of the ingest goes on with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) next_sequence: u64,
    pub(crate) timeline: Timeline,
}

impl Memory {
    /// What an earlier life left; the beginning where it left nothing that can be read.
    pub(crate) fn load(file: &Path) -> Self {
        let kept = std::fs::read(file).ok();
        kept.and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or(Self {
                next_sequence: 1,
                timeline: Timeline::default(),
            })
    }

    fn keep(&self, file: &Path) {
        let draft = file.with_extension("draft");
        let json = serde_json::to_vec(self).unwrap_or_default();
        let kept = std::fs::write(&draft, json).and_then(|()| std::fs::rename(&draft, file));
        if let Err(error) = kept {
            tracing::warn!(%error, path = %file.display(), "the stream's place is not kept");
        }
    }
}

/// Posts the items of one stream.
pub(crate) struct Poster {
    pub(crate) stack: Stack,
    pub(crate) key: MediaKey,
    pub(crate) admitted: Admitted,
    pub(crate) memory: Memory,
    pub(crate) memory_file: PathBuf,
}

/// How posting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// The end of the stream was posted, or nobody has more to post.
    Ended,
    /// The stack wants no more.
    Over,
}

impl Poster {
    /// Posts until the end of the stream, or until the stack wants no more.
    pub(crate) async fn run(mut self, mut items: mpsc::UnboundedReceiver<Item>) -> Done {
        let mut held: Option<Item> = None;
        let mut posted_at: Option<Instant> = None;
        loop {
            let next = match held.take() {
                Some(item) => Some(item),
                None => items.recv().await,
            };
            let Some(mut item) = next else {
                return Done::Ended;
            };
            // What has come in since goes with it.
            while let Ok(more) = items.try_recv() {
                if let Err(apart) = join(&mut item, more) {
                    held = Some(*apart);
                    break;
                }
            }
            let says_something = item.is_end || !item.heard.words.is_empty();
            let is_early = posted_at.is_some_and(|at| at.elapsed() < HEARTBEAT);
            if !says_something && is_early {
                continue;
            }
            let is_end = item.is_end;
            if !self.post(item).await {
                return Done::Over;
            }
            posted_at = Some(Instant::now());
            if is_end {
                // A file that stays is swept with the machine's other temporary ones.
                let _ = std::fs::remove_file(&self.memory_file);
                return Done::Ended;
            }
        }
    }

    /// Posts one item; false where the stack wants no more of the stream.
    async fn post(&mut self, item: Item) -> bool {
        let mut post = Post::new(
            self.memory.next_sequence,
            item.origin,
            item.heard.heard_until_ms,
            item.heard.words,
        );
        post.end_of_stream = item.is_end;
        let mut pause = FIRST_PAUSE;
        // Whether a try of this sequence may have been taken without our knowing.
        let mut is_unsure = false;
        let mut had_new_token = false;
        loop {
            let wait = match self.stack.post(&self.admitted, &post).await {
                // Somebody took this sequence before us: an earlier life whose memory is lost.
                Ok(Posted::Taken {
                    next_sequence,
                    duplicate: true,
                }) if !is_unsure && next_sequence > post.sequence => {
                    post.sequence = next_sequence;
                    continue;
                }
                Ok(Posted::Taken { next_sequence, .. }) => {
                    self.memory = Memory {
                        next_sequence,
                        timeline: item.timeline,
                    };
                    self.memory.keep(&self.memory_file);
                    return true;
                }
                Ok(Posted::Expected { sequence }) if sequence != post.sequence => {
                    tracing::warn!(
                        task_id = self.admitted.task_id,
                        ours = post.sequence,
                        sequence,
                        "the stack expects another post"
                    );
                    post.sequence = sequence;
                    is_unsure = false;
                    continue;
                }
                Ok(Posted::Expected { .. }) => pause,
                Ok(Posted::Malformed) => {
                    // Without its words the next one may pass; the sequence is still free.
                    return true;
                }
                Ok(Posted::Unauthorised) if !had_new_token => {
                    had_new_token = true;
                    match self.stack.admit(&self.key).await {
                        Ok(admitted) => {
                            self.admitted = admitted;
                            continue;
                        }
                        Err(IngestError::Refused { .. }) => return false,
                        Err(_) => pause,
                    }
                }
                Ok(Posted::Unauthorised | Posted::Over) => return false,
                Err(error) => {
                    is_unsure = true;
                    let asked = match &error {
                        IngestError::Unavailable { retry_after_s, .. } => *retry_after_s,
                        _ => None,
                    };
                    tracing::warn!(task_id = self.admitted.task_id, error = %error, sequence = post.sequence, "posting again");
                    asked.map_or(pause, Duration::from_secs)
                }
            };
            if self.is_too_late() {
                return false;
            }
            tokio::time::sleep(wait.min(LONGEST_PAUSE)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn is_too_late(&self) -> bool {
        crate::now_epoch_s() > seconds(self.admitted.event_end_epoch_s + TRIED_AFTER_THE_END_S)
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
fn seconds(epoch_s: i64) -> f64 {
    epoch_s as f64
}

/// Puts the later item into the earlier one, or gives it back where they don't go together.
fn join(item: &mut Item, more: Item) -> Result<(), Box<Item>> {
    let fits = item.heard.words.len() + more.heard.words.len() <= MOST_WORDS;
    if item.is_end || item.origin != more.origin || !fits {
        return Err(Box::new(more));
    }
    item.heard.words.extend(more.heard.words);
    item.heard.heard_until_ms = more.heard.heard_until_ms;
    item.is_end = more.is_end;
    item.timeline = more.timeline;
    Ok(())
}
