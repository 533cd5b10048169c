//! What can't be put together here, through ffmpeg children: its codecs stay as they are.
//!
//! A child never gets an address: segments are fetched, checked and decrypted as always, and go into its standard input, one
//! after the other; what comes out of it is read like fragments from a server, into one plain MP4. Its input format is set, and
//! it may open nothing but its pipes.
//!
//! A child can't be stopped and go on. So each is given a stretch of the playlist only, and the fetch rests between two of them,
//! as it does elsewhere between two segments. Where stretches can't be joined (segments without a clock of their own, and those
//! that are no good alone), one child gets all, and such a fetch ends whole within one call, or leaves nothing.

mod child;
mod feed;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use self::child::{Made, failed, hear, start};
use self::feed::Feed;
use super::refused;
use super::remuxed::{State, check_gone_by, enter_run};
use super::source::{Plan, Step};
use crate::error::FetchError;
use crate::mp4::seam::{Seam, Stretch};
use crate::net::{SLAB_BYTES, Session};
use crate::parts::PartWriter;
use crate::remux::Remuxer;
use crate::resume::{Saver, Source};

/// How far children have come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Children {
    /// Where the last one's frames ended.
    seam: Seam,
    /// Whether one gets all.
    is_one: bool,
}

impl Children {
    /// The state from which one child gets all.
    pub(super) fn one_for_all() -> Self {
        Self {
            is_one: true,
            ..Self::default()
        }
    }
}

/// How the work of children ended.
pub(super) enum Ended {
    Whole,
    /// Stretches can't be joined: it takes one child for all.
    Torn,
}

/// Whether children can be given the plan: one playlist, with one init section between discontinuities.
pub(super) fn takes(plan: &Plan) -> bool {
    let [list] = &plan.sources[..] else { return false };
    list.segments
        .windows(2)
        .all(|pair| pair[0].run != pair[1].run || pair[0].map == pair[1].map)
}

/// Reads what is left of the plan.
pub(super) async fn drive(
    session: &Arc<Session>,
    plan: &Plan,
    program: &Path,
    state: &mut State,
    parts: &mut PartWriter<'_>,
    (source, saver): (&Source, &mut Saver<'_>),
) -> Result<Ended, FetchError> {
    let steps = plan.steps();
    let most = session.config().child_media;
    while let Some(next) = steps.get(state.taken) {
        let at = next.at();
        if next.segment.run != state.run {
            enter_run(state, *next, &at)?;
            state.children.get_or_insert_default().seam = Seam::default();
        }
        let run_end = state.taken
            + steps[state.taken..]
                .iter()
                .take_while(|step| step.segment.run == state.run)
                .count();
        let most = if state.children.get_or_insert_default().is_one {
            Duration::MAX
        } else {
            most
        };
        let mut stretch = stretch(&steps[..run_end], state.taken, most);
        // The last segment before is read again: a frame may go on behind it.
        let is_first = state.taken == 0 || steps[state.taken - 1].segment.run != state.run;
        let from = state.taken - usize::from(!is_first);
        let mut feed = Feed::new(session, &steps, from..stretch.end);
        let mut input = feed.input(plan).await?;
        if !input.has_clock() && stretch.end < run_end {
            stretch.end = run_end;
            feed = Feed::new(session, &steps, from..stretch.end);
            input = feed.input(plan).await?;
        }
        let is_last = stretch.end == run_end;

        let mut running = start(program, input, plan.sound_only)?;
        let mut joined = Stretch::after(
            state.children.get_or_insert_default().seam.clone(),
            state.remuxer.run_end(),
        );
        let work = async {
            tokio::try_join!(
                feed.into_child(running.stdin),
                read(running.stdout, &mut joined, &mut state.remuxer, parts, &at),
                async { Ok(hear(running.stderr).await) },
            )
        };
        let outcome = work.await;
        if joined.is_torn() {
            return Ok(Ended::Torn);
        }
        let (picture, made, said) = outcome?;
        let status = running.child.wait().await;
        let status = status.map_err(|error| failed(program, error.to_string()))?;
        match status.code() {
            Some(0) => {}
            // It refuses a codec before it writes anything, and broken media where it meets it.
            Some(_) if made.is_empty() && !said.contains("corrupt") => {
                return Err(refused(plan.at(), &format!("ffmpeg says: {said}")));
            }
            // A packet that goes on in the next segment is broken for it, too.
            Some(_) if !is_last => return Ok(Ended::Torn),
            Some(_) => {
                let what = format!("ffmpeg says: {said}");
                return Err(FetchError::Damaged { at, what });
            }
            None => return Err(failed(program, format!("was ended by a signal: {said}"))),
        }
        if !said.is_empty() {
            tracing::warn!(at, said, "ffmpeg has something to say");
        }
        let made = made.end().map_err(|fault| fault.at(&at))?;
        if is_last {
            let read = joined.end(&made, &mut state.remuxer.taker(0));
            read.map_err(|fault| fault.at(&at))?;
        } else {
            state.children.get_or_insert_default().seam = joined.cut(&made);
        }
        if plan.sound_only {
            picture
                .stamps()
                .for_each(|stamp| state.remuxer.picture_passed(stamp));
        }
        pass_on(&mut state.remuxer, parts).await?;
        for step in &steps[stretch] {
            state.take(step);
        }
        check_gone_by(session, plan, state, &at)?;
        if !state.children.get_or_insert_default().is_one {
            saver.rest(source, session, state, parts).await?;
        }
    }
    Ok(Ended::Whole)
}

/// The segments from `first` on that one child is given: so many that they last as long as `most`, by the playlist.
fn stretch(steps: &[Step<'_>], first: usize, most: Duration) -> Range<usize> {
    let (mut end, mut lasts_s) = (first, 0.0);
    while let Some(step) = steps.get(end)
        && lasts_s < most.as_secs_f64()
    {
        lasts_s += step.segment.duration_s;
        end += 1;
    }
    first..end
}

/// Reads what a child makes into parts.
async fn read(
    mut stdout: impl AsyncRead + Unpin,
    joined: &mut Stretch,
    remuxer: &mut Remuxer,
    parts: &mut PartWriter<'_>,
    at: &str,
) -> Result<Made, FetchError> {
    let mut made = Made::default();
    let mut bytes = vec![0; SLAB_BYTES];
    loop {
        let read = parts.beside(stdout.read(&mut bytes)).await?.unwrap_or(0);
        if read == 0 {
            return Ok(made);
        }
        let taken = made.push(&bytes[..read], &mut joined.into(remuxer.taker(0)));
        taken.map_err(|fault| fault.at(at))?;
        pass_on(remuxer, parts).await?;
    }
}

async fn pass_on(remuxer: &mut Remuxer, parts: &mut PartWriter<'_>) -> Result<(), FetchError> {
    let mut payload = Vec::new();
    remuxer.take_payload(&mut payload);
    parts.write(&payload).await
}
