//! One stretch of a stream's sound, from its publisher's coming to its going: read, recognised, told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::recogniser::{BYTES_PER_MS, Listening, Recogniser, Wanted};
use crate::sound::{self, Piece};
use crate::timeline::{FirstSample, Heard};

/// After so much sound it is known when its first sample came in.
const SETTLED_MS: u64 = 2_000;
/// How long the rest of the sound may take once the publisher has gone: nginx has passed it on by then.
const LAST_SOUND: Duration = Duration::from_secs(1);
/// Pieces of sound that may wait to be given on.
const WAITING_PIECES: usize = 64;

/// What a stretch tells, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// Its first sample: time stamp and wall clock, in seconds. Once, before anything that was heard.
    Begun { pts_s: f64, epoch_s: f64 },
    /// By the time from the first sample.
    Heard(Heard),
    /// It is over; nothing follows.
    Over,
}

/// What a stretch is heard with.
#[derive(Clone)]
pub(crate) struct Ears {
    pub(crate) ffmpeg: PathBuf,
    pub(crate) recogniser: Arc<dyn Recogniser>,
}

/// Hears the stream at `url` until it ends; `stop` says that its publisher has gone. Ends with [`Told::Over`], whatever
/// happens. Dropped, its programs are ended.
pub(crate) async fn hear(
    ears: Ears,
    wanted: Wanted,
    url: String,
    tell: mpsc::Sender<Told>,
    stop: oneshot::Receiver<()>,
) {
    let (give, mut pieces) = mpsc::channel(WAITING_PIECES);
    let reading = async {
        if let Err(error) = sound::read(&ears.ffmpeg, &url, give).await {
            tracing::warn!(%error, "the stream's sound ended");
        }
    };
    let hearing = recognise(&ears, &wanted, &mut pieces, &tell, stop);
    // Where hearing is over first, the pieces' channel closes with it, and so does ffmpeg.
    tokio::select! {
        () = hearing => {}
        () = async { tokio::join!(reading, std::future::pending::<()>()); } => {}
    }
    // Nobody may be interested any more.
    let _ = tell.send(Told::Over).await;
}

/// What is known of a stretch while it is heard.
#[derive(Default)]
struct Known {
    pts_s: Option<f64>,
    first: FirstSample,
    sound_ms: u64,
    has_begun: bool,
    /// What was heard before it is known when the first sample came.
    early: Vec<Heard>,
}

impl Known {
    /// Tells the beginning once it is known, or at the end as far as it is; and what had to wait for it.
    async fn settle(&mut self, tell: &mpsc::Sender<Told>, is_over: bool) {
        if self.has_begun || (self.sound_ms < SETTLED_MS && !is_over) {
            return;
        }
        let (Some(pts_s), Some(epoch_s)) = (self.pts_s, self.first.epoch_s()) else {
            return;
        };
        self.has_begun = true;
        let _ = tell.send(Told::Begun { pts_s, epoch_s }).await;
        for heard in self.early.drain(..) {
            let _ = tell.send(Told::Heard(heard)).await;
        }
    }

    async fn heard(&mut self, heard: Heard, base_ms: u64, tell: &mpsc::Sender<Told>) {
        let heard = later(heard, base_ms);
        if self.has_begun {
            let _ = tell.send(Told::Heard(heard)).await;
        } else {
            self.early.push(heard);
        }
    }
}

/// By the stretch's time what was heard by the time of a recogniser that began later.
fn later(mut heard: Heard, base_ms: u64) -> Heard {
    for word in &mut heard.words {
        word.start_ms += base_ms;
        word.end_ms += base_ms;
    }
    heard.heard_until_ms += base_ms;
    heard
}

async fn recognise(
    ears: &Ears,
    wanted: &Wanted,
    pieces: &mut mpsc::Receiver<Piece>,
    tell: &mpsc::Sender<Told>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut known = Known::default();
    let mut has_more = true;
    let mut last_sound_at: Option<Instant> = None;
    while has_more {
        // A recogniser that fails is replaced; what it had not told is lost.
        let base_ms = known.sound_ms;
        let listening = match ears.recogniser.open(wanted).await {
            Ok(listening) => listening,
            Err(error) => {
                tracing::error!(%error, recogniser = ears.recogniser.name(), "the recogniser can't be started");
                return;
            }
        };
        let Listening { sound, mut heard } = listening;
        let mut sound = Some(sound);
        loop {
            let far = Instant::now() + Duration::from_hours(24);
            tokio::select! {
                piece = pieces.recv(), if sound.is_some() => match piece {
                    Some(Piece::FirstPts(pts_s)) => known.pts_s = Some(pts_s),
                    Some(Piece::Samples(samples)) => {
                        known.sound_ms += u64::try_from(samples.len() / BYTES_PER_MS).unwrap_or_default();
                        known.first.came(known.sound_ms, crate::now_epoch_s());
                        known.settle(tell, false).await;
                        if let Some(to) = &sound {
                            // Where it has failed, its other end says so.
                            let _ = to.send(samples).await;
                        }
                    }
                    None => {
                        has_more = false;
                        sound = None;
                    }
                },
                said = heard.recv() => match said {
                    Some(said) => known.heard(said, base_ms, tell).await,
                    None => break,
                },
                _ = &mut stop, if last_sound_at.is_none() => last_sound_at = Some(Instant::now() + LAST_SOUND),
                () = sleep_until(last_sound_at.unwrap_or(far)), if last_sound_at.is_some() && sound.is_some() => {
                    has_more = false;
                    sound = None;
                }
            }
        }
        if has_more {
            tracing::error!(
                recogniser = ears.recogniser.name(),
                "the recogniser ended by itself; another one goes on"
            );
        }
    }
    known.settle(tell, true).await;
}
