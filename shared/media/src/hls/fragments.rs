//! Fragmented MP4 segments: the init section and the fragments, one after the other, checked as they
//! pass.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::source::Plan;
use super::{check_duration, refused};
use crate::address::redact;
use crate::error::FetchError;
use crate::mp4::probe::Probe;
use crate::net::{Piece, Session, Want, Window};
use crate::parts::{Head, PartWriter};
use crate::report::{Container, FetchReport, TrackKind};
use crate::resume::Saver;
use crate::sink::PartSink;

pub(super) async fn run(
    session: &Arc<Session>,
    plan: &Plan,
    sink: &dyn PartSink,
    mut saver: Saver<'_>,
) -> Result<FetchReport, FetchError> {
    let at = plan.at();
    let source = plan.source("fragments");
    let (mut state, mut parts) = match saver.load::<State>(&source, session, sink).await? {
        Some(stood) => stood,
        None => (
            State::default(),
            PartWriter::new(sink, session.config(), Head::None),
        ),
    };
    let mut wants = wants(session, plan)?;
    wants.drain(..state.taken.min(wants.len()));
    let names: Vec<String> = wants.iter().map(|want| redact(&want.url)).collect();
    let mut window = Window::new(
        Arc::clone(session),
        wants.into_iter(),
        session.config().buffer_bytes,
    );
    for name in &names {
        loop {
            let piece = tokio::select! {
                piece = window.next() => piece?,
                arrived = parts.progress(), if parts.is_busy() => {
                    arrived?;
                    continue;
                }
            };
            match piece {
                Piece::Bytes(slab) => {
                    state.probe.push(slab.as_ref()).map_err(|fault| fault.at(name))?;
                    parts.write(slab.as_ref()).await?;
                }
                Piece::End => break,
                Piece::Done => {
                    let what = "fewer downloads than segments".to_owned();
                    return Err(FetchError::Truncated {
                        at: name.clone(),
                        what,
                    });
                }
            }
        }
        state.probe.end().map_err(|fault| fault.at(name))?;
        check_tracks(&state.probe, plan, at)?;
        state.taken += 1;
        saver.rest(&source, session, &state, &mut parts).await?;
    }
    let probe = state.probe;
    let duration_ms = probe.duration_ms().unwrap_or(0);
    let tolerance_ms = plan.tolerance_ms(session, plan.segments());
    check_duration(duration_ms, plan.announced_ms(), tolerance_ms, "the playlist")?;
    session.check_entry(duration_ms, plan.at())?;
    let bytes_out = parts.finish(&[]).await?;
    Ok(FetchReport {
        container: Container::FragmentedMp4,
        tracks: probe.tracks(),
        duration_ms: Some(duration_ms),
        segments: u32::try_from(plan.segments()).unwrap_or(u32::MAX),
        bytes_in: session.bytes_in(),
        bytes_out,
        retries: session.retries(),
    })
}

/// How far the segments have been read.
#[derive(Default, Serialize, Deserialize)]
struct State {
    probe: Probe,
    /// The init section counts.
    taken: usize,
}

/// The init section and all segments; what one file can't hold is refused.
fn wants(session: &Session, plan: &Plan) -> Result<Vec<Want>, FetchError> {
    let at = plan.at();
    let refuse = |what: &str| refused(at, what);
    let [list] = &plan.sources[..] else {
        return Err(refuse(
            "picture and sound in separate playlists of fragmented MP4",
        ));
    };
    let limit = session.limits().segment_bytes;
    let first = list.segments.first().and_then(|segment| segment.map.clone());
    let Some(init) = first else {
        return Err(refuse(
            "a playlist that turns from transport streams to fragmented MP4",
        ));
    };
    let mut wants = vec![init.want(limit)];
    for segment in &list.segments {
        if segment.key.is_some() {
            return Err(refuse("encrypted fragmented MP4"));
        }
        if segment.map.as_ref() != Some(&init) {
            return Err(refuse("several init sections of fragmented MP4"));
        }
        if segment.run > 0 {
            return Err(refuse("discontinuities in fragmented MP4"));
        }
        wants.push(Want {
            url: segment.url.clone(),
            span: segment.span,
            whole: None,
            opaque: false,
            limit,
        });
    }
    Ok(wants)
}

/// What the init section tells must fit the request before more is fetched.
pub(super) fn check_tracks(probe: &Probe, plan: &Plan, at: &str) -> Result<(), FetchError> {
    let at = || at.to_owned();
    if probe.is_encrypted() {
        return Err(FetchError::Protected {
            at: at(),
            method: "common encryption".to_owned(),
        });
    }
    let tracks = probe.tracks();
    if tracks.is_empty() {
        let what = "the init section has no track of picture or sound".to_owned();
        return Err(FetchError::Damaged { at: at(), what });
    }
    if plan.sound_only && !tracks.iter().any(|track| track.kind == TrackKind::Audio) {
        return Err(FetchError::NoSound { at: at() });
    }
    Ok(())
}
