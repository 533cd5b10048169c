//! Progressive files: one address, in ranges side by side where the server gives them, into parts as it is.

use std::sync::Arc;

use crate::address::redact;
use crate::error::FetchError;
use crate::fault::Fault;
use crate::hls::or_abort;
use crate::mp4::probe::Probe;
use crate::net::{Piece, Session, Window, file_wants};
use crate::parts::PartWriter;
use crate::report::{Container, FetchReport};
use crate::sink::PartSink;
use crate::{Fetcher, MediaSource};

/// Fetches one file and writes it unchanged into `sink`.
///
/// The file comes in several ranges at once where its server gives ranges, all of one length and ETag. Its
/// length must be the one the server announced, and an MP4's boxes must be whole. Safe to
/// repeat: a fetch starts from nothing, and on error the sink is aborted.
pub async fn fetch_progressive(
    fetcher: &Fetcher,
    source: &MediaSource,
    sink: &dyn PartSink,
) -> Result<FetchReport, FetchError> {
    let limit = fetcher.config().limits.total_time;
    let work = async {
        let session = Arc::new(Session::new(fetcher, source)?);
        run(&session, sink).await
    };
    or_abort(sink, limit, work).await
}

async fn run(session: &Arc<Session>, sink: &dyn PartSink) -> Result<FetchReport, FetchError> {
    let at = redact(session.origin());
    let wants = file_wants(session).await;
    let mut window = Window::new(Arc::clone(session), wants, session.config().window_segments);
    let mut parts = PartWriter::new(sink, session.config());
    let mut probe: Option<Probe> = None;
    let mut container = None;
    loop {
        let piece = tokio::select! {
            piece = window.next() => piece?,
            arrived = parts.progress(), if parts.is_busy() => {
                arrived?;
                continue;
            }
        };
        let slab = match piece {
            Piece::Bytes(slab) => slab,
            Piece::End => continue,
            Piece::Done => break,
        };
        let bytes = slab.as_ref();
        let kind = *container.get_or_insert_with(|| sniff(bytes));
        if kind == Container::Mp4 {
            probe
                .get_or_insert_default()
                .push(bytes)
                .map_err(|fault| fault.at(&at))?;
        }
        parts.write(bytes).await?;
    }
    let Some(mut container) = container else {
        return Err(FetchError::Empty { at });
    };
    if let Some(probe) = &mut probe {
        check_movie(probe).map_err(|fault| fault.at(&at))?;
        if probe.is_fragmented() {
            container = Container::FragmentedMp4;
        }
    }
    let bytes_out = parts.finish(&[]).await?;
    Ok(FetchReport {
        container,
        tracks: probe.as_ref().map(Probe::tracks).unwrap_or_default(),
        duration_ms: probe.as_ref().and_then(Probe::duration_ms),
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
