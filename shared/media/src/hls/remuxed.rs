//! Segments of transport streams and of fragmented MP4: through the remuxer, and its end as one plain MP4.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check_duration;
use super::converted::Children;
use super::source::{File, Plan, Step, seconds_to_ms};
use crate::address::redact;
use crate::crypto::SegmentCipher;
use crate::error::FetchError;
use crate::net::{Piece, Session, Want, Window};
use crate::parts::PartWriter;
use crate::playlist::InitSection;
use crate::remux::Remuxer;
use crate::report::{Container, FetchReport};
use crate::resume::{Saver, Source};

/// Largest init section: it holds no media.
pub(super) const MAX_INIT_BYTES: usize = 4 << 20;

/// How far the segments have been read.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    pub(super) remuxer: Remuxer,
    /// Of each source, the length of its segments so far, as its playlist has it.
    gone_by: Vec<f64>,
    pub(super) taken: usize,
    pub(super) run: u32,
    /// Where ffmpeg reads them.
    pub(super) children: Option<Children>,
}

impl State {
    pub(super) fn new(session: &Session, plan: &Plan) -> Self {
        Self {
            remuxer: Remuxer::new(&plan.wanted, session.limits().frames),
            gone_by: vec![0.0; plan.sources.len()],
            taken: 0,
            run: 0,
            children: None,
        }
    }

    /// Counts a segment that was read.
    pub(super) fn take(&mut self, step: &Step<'_>) {
        self.taken += 1;
        self.gone_by[step.source] += step.segment.duration_s;
    }
}

/// Reads what is left of the plan.
pub(super) async fn drive(
    session: &Arc<Session>,
    plan: &Plan,
    state: &mut State,
    parts: &mut PartWriter<'_>,
    (source, saver): (&Source, &mut Saver<'_>),
) -> Result<(), FetchError> {
    let files = plan.files_after(state.taken);
    let limit = session.limits().segment_bytes;
    let wants: Vec<_> = files.iter().map(|file| file.want(limit)).collect();
    let mut window = Window::new(
        Arc::clone(session),
        wants.into_iter(),
        session.config().buffer_bytes,
    );
    let mut payload = Vec::new();
    for file in files {
        let step = match file {
            File::Init(step, init) => {
                let at = redact(&init.url);
                let bytes = init_section(session, &mut window, step, init, &at).await?;
                enter_run(state, step, &at)?;
                let read = state.remuxer.init(step.source, &bytes);
                read.map_err(|fault| fault.at(&at))?;
                continue;
            }
            File::Segment(step) => step,
        };
        let at = step.at();
        enter_run(state, step, &at)?;
        let remuxer = &mut state.remuxer;
        let mut cipher = cipher(session, &step).await?;
        let mut opened = Vec::new();
        loop {
            let ended = match parts.beside(window.next()).await?? {
                Piece::Bytes(slab) => {
                    let bytes = match &mut cipher {
                        Some(cipher) => {
                            opened.clear();
                            cipher.push(slab.as_ref(), &mut opened);
                            &opened[..]
                        }
                        None => slab.as_ref(),
                    };
                    remuxer.push(step.source, bytes).map_err(|fault| fault.at(&at))?;
                    false
                }
                Piece::End => true,
                Piece::Done => return Err(too_few(at)),
            };
            if ended {
                if let Some(cipher) = cipher.take() {
                    opened.clear();
                    cipher
                        .finish(&mut opened)
                        .map_err(|what| FetchError::Key { at: at.clone(), what })?;
                    remuxer
                        .push(step.source, &opened)
                        .map_err(|fault| fault.at(&at))?;
                }
                remuxer.end_segment(step.source).map_err(|fault| fault.at(&at))?;
            }
            remuxer.take_payload(&mut payload);
            parts.write(&payload).await?;
            if ended {
                break;
            }
        }
        state.take(&step);
        check_gone_by(session, plan, state, &at)?;
        saver.rest(source, session, state, parts).await?;
    }
    Ok(())
}

/// Ends the run before, where `step` begins another.
pub(super) fn enter_run(state: &mut State, step: Step<'_>, at: &str) -> Result<(), FetchError> {
    if step.segment.run != state.run {
        state.remuxer.end_run().map_err(|fault| fault.at(at))?;
        state.run = step.segment.run;
    }
    Ok(())
}

pub(super) fn too_few(at: String) -> FetchError {
    let what = "fewer downloads than segments".to_owned();
    FetchError::Truncated { at, what }
}

/// The window's next file, whole: an init section, opened where it is encrypted.
async fn init_section<I: Iterator<Item = Want>>(
    session: &Session,
    window: &mut Window<I>,
    step: Step<'_>,
    init: &InitSection,
    at: &str,
) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    loop {
        match window.next().await? {
            Piece::Bytes(slab) => bytes.extend_from_slice(slab.as_ref()),
            Piece::End => break,
            Piece::Done => return Err(too_few(at.to_owned())),
        }
        if bytes.len() > MAX_INIT_BYTES {
            return Err(FetchError::SegmentTooLarge {
                at: at.to_owned(),
                limit: MAX_INIT_BYTES as u64,
            });
        }
    }
    let is_plain = bytes
        .get(4..8)
        .is_some_and(|kind| kind.iter().all(u8::is_ascii_alphanumeric));
    let Some(key) = init.key.as_ref().filter(|_| !is_plain) else {
        return Ok(bytes);
    };
    let secret = session.key(&key.url).await?;
    let mut cipher = SegmentCipher::new(&secret, &key.iv(step.segment.sequence));
    let mut opened = Vec::with_capacity(bytes.len());
    cipher.push(&bytes, &mut opened);
    cipher.finish(&mut opened).map_err(|what| FetchError::Key {
        at: at.to_owned(),
        what,
    })?;
    Ok(opened)
}

/// The media may not fall behind its playlist: a segment that was cut short upstream shows as time that
/// did not go by, although all that was sent has arrived.
pub(super) fn check_gone_by(
    session: &Session,
    plan: &Plan,
    state: &State,
    at: &str,
) -> Result<(), FetchError> {
    // Of two playlists the one that is behind: what the other brings early is not missing.
    let announced_ms = seconds_to_ms(state.gone_by.iter().copied().fold(f64::INFINITY, f64::min));
    let (presented_ms, pending_ms) = state.remuxer.presented_ms();
    let tolerance_ms = plan.tolerance_ms(session, state.taken) + pending_ms;
    if presented_ms + tolerance_ms >= announced_ms {
        return Ok(());
    }
    let what = format!("the media has come to {presented_ms} ms after it, {announced_ms} ms expected");
    Err(FetchError::Truncated {
        at: at.to_owned(),
        what,
    })
}

/// Ends the last run, and puts the head in front of everything.
pub(super) async fn finish(
    session: &Session,
    plan: &Plan,
    mut state: State,
    mut parts: PartWriter<'_>,
) -> Result<FetchReport, FetchError> {
    let mut payload = Vec::new();
    state.remuxer.end_run().map_err(|fault| fault.at(plan.at()))?;
    state.remuxer.take_payload(&mut payload);
    parts.write(&payload).await?;
    parts.drain().await?;
    let head = state.remuxer.head().map_err(|fault| fault.at(plan.at()))?;
    let duration_ms = state.remuxer.duration_ms();
    let tolerance_ms = plan.tolerance_ms(session, state.taken);
    check_duration(duration_ms, plan.announced_ms(), tolerance_ms, "the playlist")?;
    session.check_entry(duration_ms, plan.at())?;
    let tracks = state.remuxer.tracks();
    // The sample tables make room for the first part.
    let segments = u32::try_from(state.taken).unwrap_or(u32::MAX);
    drop(state);
    Ok(FetchReport {
        container: Container::Mp4,
        tracks,
        duration_ms: Some(duration_ms),
        segments,
        bytes_in: session.bytes_in(),
        bytes_out: parts.finish(&head).await?,
        retries: session.retries(),
    })
}

pub(super) async fn cipher(session: &Session, step: &Step<'_>) -> Result<Option<SegmentCipher>, FetchError> {
    let Some(key) = &step.segment.key else {
        return Ok(None);
    };
    let secret = session.key(&key.url).await?;
    Ok(Some(SegmentCipher::new(&secret, &key.iv(step.segment.sequence))))
}
