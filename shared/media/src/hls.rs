//! HLS: from a manifest to one MP4 in the sink.

mod converted;
mod remuxed;
mod source;

use std::sync::Arc;

use self::converted::{Children, Ended};
use self::remuxed::State;
use self::source::Plan;
use crate::config::FetchConfig;
use crate::error::FetchError;
use crate::net::Session;
use crate::parts::{Head, PartWriter};
use crate::resume::{Kept, Resume, Saver};
use crate::sink::PartSink;
use crate::{FetchReport, Fetcher, HlsRequest, MediaSource};

/// Fetches an HLS source and writes it as one MP4 into `sink`.
///
/// `manifest` may be a master playlist (Kaltura: the playManifest URL, one flavor in it) or a media
/// playlist. Of a master's variants the one with the highest bandwidth is taken. Transport-stream
/// segments (H.264 or HEVC; AAC, MP3 or AC-3), sound alone (of the same codecs) and fragmented MP4 (any codec) become plain MP4
/// with the index in front. Other codecs go through [`ffmpeg`](FetchConfig::ffmpeg) where there is one, into such an MP4 too;
/// without it they are [`FetchError::Unsupported`], and so is a track that changes its codec, or from one kind of segments to
/// the other. Safe to repeat: a fetch starts from nothing, and on error the sink is aborted.
pub async fn fetch_hls(
    fetcher: &Fetcher,
    manifest: &MediaSource,
    request: &HlsRequest,
    sink: &dyn PartSink,
) -> Result<FetchReport, FetchError> {
    resume_hls(fetcher, manifest, request, sink, Resume::never()).await
}

/// As [`fetch_hls`], and may be stopped: goes on from the checkpoint of an earlier call, where one is kept and fits, and the
/// object is the same as if it had never been stopped. An error that may pass, and [`FetchError::Unfinished`], leave what
/// a checkpoint needs in the sink; every other error aborts it.
pub async fn resume_hls(
    fetcher: &Fetcher,
    manifest: &MediaSource,
    request: &HlsRequest,
    sink: &dyn PartSink,
    resume: Resume<'_>,
) -> Result<FetchReport, FetchError> {
    let kept = Kept::default();
    let work = async {
        let session = Arc::new(Session::new(fetcher, manifest)?);
        let plan = source::resolve(&session, request).await?;
        // Told at once: what the playlist announces is what will come.
        session.check_entry(plan.announced_ms(), plan.at())?;
        put_together(&session, &plan, sink, kept.saver(resume, fetcher.config())).await
    };
    or_abort(sink, fetcher.config(), &kept, work).await
}

/// Reads the plan into one MP4: by the remuxer, and what that can't take through ffmpeg.
async fn put_together(
    session: &Arc<Session>,
    plan: &Plan,
    sink: &dyn PartSink,
    mut saver: Saver<'_>,
) -> Result<FetchReport, FetchError> {
    let source = plan.source("segments");
    let begin = || {
        (
            State::new(session, plan),
            PartWriter::new(sink, session.config(), Head::Later),
        )
    };
    let stood = saver.load(&source, session, sink).await?;
    let (mut state, mut parts) = stood.unwrap_or_else(begin);
    loop {
        let program = session.config().ffmpeg.as_ref();
        let anew = match (&state.children, program) {
            (Some(_), Some(program)) => {
                let at_rest = (&source, &mut saver);
                // Pinned: the most of this future's size, and seldom needed.
                let work = converted::drive(session, plan, program, &mut state, &mut parts, at_rest);
                match Box::pin(work).await? {
                    Ended::Whole => break,
                    Ended::Torn => Children::one_for_all(),
                }
            }
            _ => match remuxed::drive(session, plan, &mut state, &mut parts, (&source, &mut saver)).await {
                Ok(()) => break,
                Err(FetchError::Unsupported { at, what }) if program.is_some() && converted::takes(plan) => {
                    tracing::info!(at, what, "left to ffmpeg");
                    Children::default()
                }
                Err(error) => return Err(error),
            },
        };
        // Parts that went up before it showed are of no use.
        sink.abort().await?;
        (state, parts) = begin();
        state.children = Some(anew);
        saver.keep(&source, session, &state, &mut parts).await?;
    }
    remuxed::finish(session, plan, state, parts).await
}

/// Runs a fetch within its time, and aborts the sink where it fails and can't go on.
pub(crate) async fn or_abort<T>(
    sink: &dyn PartSink,
    config: &FetchConfig,
    kept: &Kept,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    let limit = config.limits.total_time;
    let outcome = tokio::time::timeout(limit, work).await;
    let outcome = outcome.unwrap_or(Err(FetchError::OutOfTime { limit }));
    if let Err(error) = &outcome
        && !kept.outlives(error)
        && let Err(error) = sink.abort().await
    {
        // The fetch's own error is the one to tell; what is left is the store's backstop's.
        tracing::warn!(error = %error, "sink not aborted");
    }
    outcome
}

/// The error of what can't be put together.
fn refused(at: &str, what: &str) -> FetchError {
    FetchError::Unsupported {
        at: at.to_owned(),
        what: what.to_owned(),
    }
}

/// Compares the media's length with what was announced.
fn check_duration(
    actual_ms: u64,
    expected_ms: u64,
    tolerance_ms: u64,
    by: &'static str,
) -> Result<(), FetchError> {
    if actual_ms.abs_diff(expected_ms) <= tolerance_ms {
        return Ok(());
    }
    Err(FetchError::DurationMismatch {
        expected_ms,
        actual_ms,
        by,
    })
}
