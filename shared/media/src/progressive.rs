//! Progressive files: one address, in ranges side by side where the server gives them, into parts as it is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::redact;
use crate::error::FetchError;
use crate::fault::Fault;
use crate::hls::or_abort;
use crate::mp4::probe::Probe;
use crate::net::{Piece, RangedFile, Session, Window, file_wants, look_at_file};
use crate::parts::{Head, PartWriter};
use crate::report::{Container, FetchReport};
use crate::resume::{Kept, Resume, Saver, Source};
use crate::sink::PartSink;
use crate::{Fetcher, MediaSource};

/// Fetches one file and writes it unchanged into `sink`.
///
/// The file comes in several ranges at once where its server gives ranges, all of one length and ETag. Its
/// length must be the one the server announced, and an MP4's boxes must be whole and as long as the entry. Safe to
/// repeat: a fetch starts from nothing, and on error the sink is aborted.
pub async fn fetch_progressive(
    fetcher: &Fetcher,
    source: &MediaSource,
    sink: &dyn PartSink,
) -> Result<FetchReport, FetchError> {
    resume_progressive(fetcher, source, sink, Resume::never()).await
}

/// As [`fetch_progressive`], and may be stopped, as [`resume_hls`](crate::resume_hls) says. A file whose server gives no ranges
/// can't be gone on with: it starts from nothing.
pub async fn resume_progressive(
    fetcher: &Fetcher,
    source: &MediaSource,
    sink: &dyn PartSink,
    resume: Resume<'_>,
) -> Result<FetchReport, FetchError> {
    let kept = Kept::default();
    let work = async {
        let session = Arc::new(Session::new(fetcher, source)?);
        let ranged = look_at_file(&session).await;
        let resume = if ranged.is_some() { resume } else { Resume::never() };
        run(
            &session,
            ranged.as_ref(),
            sink,
            kept.saver(resume, fetcher.config()),
        )
        .await
    };
    or_abort(sink, fetcher.config(), &kept, work).await
}

/// How far the file has been read.
#[derive(Default, Serialize, Deserialize)]
struct State {
    probe: Option<Probe>,
    container: Option<Container>,
    bytes: u64,
}

async fn run(
    session: &Arc<Session>,
    ranged: Option<&RangedFile>,
    sink: &dyn PartSink,
    mut saver: Saver<'_>,
) -> Result<FetchReport, FetchError> {
    let at = redact(session.origin());
    let source = Source {
        kind: "file".to_owned(),
        segments: 0,
        length: ranged.map_or(0, |ranged| ranged.file.bytes),
        what: ranged
            .and_then(|ranged| ranged.file.etag.clone())
            .unwrap_or_default(),
    };
    let (mut state, mut parts) = match saver.load::<State>(&source, session, sink).await? {
        Some(stood) => stood,
        None => (
            State::default(),
            PartWriter::new(sink, session.config(), Head::None),
        ),
    };
    let wants = file_wants(session, ranged, state.bytes);
    let mut window = Window::new(Arc::clone(session), wants, session.config().range_buffer_bytes);
    loop {
        let slab = match parts.beside(window.next()).await?? {
            Piece::Bytes(slab) => slab,
            Piece::End => {
                saver.rest(&source, session, &state, &mut parts).await?;
                continue;
            }
            Piece::Done => break,
        };
        let bytes = slab.as_ref();
        let kind = *state.container.get_or_insert_with(|| sniff(bytes));
        if kind == Container::Mp4 {
            state
                .probe
                .get_or_insert_default()
                .push(bytes)
                .map_err(|fault| fault.at(&at))?;
        }
        parts.write(bytes).await?;
        state.bytes += bytes.len() as u64;
    }
    let State {
        mut probe, container, ..
    } = state;
    let Some(mut container) = container else {
        return Err(FetchError::Empty { at });
    };
    if let Some(probe) = &mut probe {
        check_movie(probe).map_err(|fault| fault.at(&at))?;
        if probe.is_fragmented() {
            container = Container::FragmentedMp4;
        }
    }
    let duration_ms = probe.as_ref().and_then(Probe::duration_ms);
    if let Some(duration_ms) = duration_ms {
        session.check_entry(duration_ms, &at)?;
    }
    let bytes_out = parts.finish(&[]).await?;
    Ok(FetchReport {
        container,
        tracks: probe.as_ref().map(Probe::tracks).unwrap_or_default(),
        duration_ms,
        segments: 0,
        bytes_in: session.bytes_in(),
        bytes_out,
        retries: session.retries(),
    })
}

fn check_movie(probe: &mut Probe) -> Result<(), Fault> {
    probe.end()?;
    if !probe.is_whole_movie() {
        return Err(Fault::truncated("no index or no media in the file"));
    }
    if probe.is_encrypted() {
        return Err(Fault::Protected("common encryption"));
    }
    Ok(())
}

/// The format by the first bytes.
fn sniff(bytes: &[u8]) -> Container {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] | [_, _, _, _, b'm', b'o', b'o', b'v', ..] => Container::Mp4,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Container::Matroska,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Container::Wav,
        [0x47, rest @ ..] if rest.get(187) == Some(&0x47) => Container::MpegTs,
        [b'I', b'D', b'3', ..] => Container::Mp3,
        // The layer's two bits are 0 in ADTS only.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Container::Adts,
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Container::Mp3,
        _ => Container::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        assert_eq!(sniff(b"\0\0\0\x20ftypisom"), Container::Mp4);
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVEfmt "), Container::Wav);
        assert_eq!(sniff(&[0xff, 0xf1, 0x50]), Container::Adts);
        assert_eq!(sniff(&[0xff, 0xfb, 0x90]), Container::Mp3);
        assert_eq!(sniff(b"ID3\x04"), Container::Mp3);
        assert_eq!(sniff(b""), Container::Other);
    }
}
