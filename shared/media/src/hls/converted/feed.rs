//! The bytes for a child: segments in order, fetched, checked and decrypted.

use std::ops::Range;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;

use crate::crypto::SegmentCipher;
use crate::error::FetchError;
use crate::fault::Fault;
use crate::hls::refused;
use crate::hls::remuxed::{cipher, too_few};
use crate::hls::source::{Plan, Step};
use crate::net::{Piece, Session, Want, Window};
use crate::ts::{Demuxer, Pes, PesSink, Picture, Stream, Wanted};

/// Most bytes in which a transport stream's tables are looked for before a child is started.
const MAX_TABLES_BYTES: usize = 1 << 20;

/// What a child is told of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Input {
    /// ffmpeg's name of the format: the child is not left to guess, since some formats name files to open.
    pub(super) format: &'static str,
    /// Whether its sound is AAC in ADTS frames, which MP4 has without them.
    pub(super) is_adts: bool,
}

impl Input {
    /// Whether its times are those of a clock that goes on from segment to segment, whoever reads them.
    pub(super) fn has_clock(self) -> bool {
        self.format == "mpegts"
    }
}

/// The segments of a stretch, with the init section before them where there is one.
pub(super) struct Feed<'a> {
    session: &'a Session,
    /// `None` is the init section.
    steps: std::vec::IntoIter<Option<Step<'a>>>,
    window: Window<std::vec::IntoIter<Want>>,
    /// The segment being read: where it is from, and what opens it.
    open: Option<(String, Option<SegmentCipher>)>,
    /// Looks whether packets of a transport stream are whole and in order, which the child would pass over.
    check: Option<Demuxer>,
    /// What was read to know the input.
    begin: Vec<u8>,
    picture: PictureTimes,
}

impl<'a> Feed<'a> {
    /// The segments of `stretch`, by their places in `steps`.
    pub(super) fn new(session: &'a Arc<Session>, steps: &[Step<'a>], stretch: Range<usize>) -> Self {
        let limit = session.limits().segment_bytes;
        let steps = steps.get(stretch).unwrap_or_default();
        let init = steps.first().and_then(|step| step.segment.map.as_ref());
        let wants: Vec<Want> = init
            .map(|init| init.want(limit))
            .into_iter()
            .chain(steps.iter().map(|step| step.want(limit)))
            .collect();
        let order: Vec<Option<Step<'a>>> = init
            .map(|_| None)
            .into_iter()
            .chain(steps.iter().copied().map(Some))
            .collect();
        Self {
            session,
            steps: order.into_iter(),
            window: Window::new(
                Arc::clone(session),
                wants.into_iter(),
                session.config().buffer_bytes,
            ),
            open: None,
            check: None,
            begin: Vec::new(),
            picture: PictureTimes::default(),
        }
    }

    /// Reads as much as it takes to know the input.
    pub(super) async fn input(&mut self, plan: &Plan) -> Result<Input, FetchError> {
        let at = plan.at();
        let empty = || FetchError::Empty { at: at.to_owned() };
        self.begin = self.next().await?.ok_or_else(empty)?;
        let format = if plan.is_fragmented() {
            "mov"
        } else {
            format_of(&self.begin).map_err(|what| refused(at, what))?
        };
        if format != "mpegts" {
            let is_adts = format == "aac";
            return Ok(Input { format, is_adts });
        }
        let mut check = Demuxer::new(Wanted {
            picture: Picture::Times,
            sound: false,
        });
        let read = check.push(&self.begin, &mut self.picture);
        read.map_err(|fault| fault.at(at))?;
        self.check = Some(check);
        while self.begin.len() < MAX_TABLES_BYTES && !self.check.as_ref().is_some_and(Demuxer::has_tables) {
            let Some(more) = self.next().await? else { break };
            self.begin.extend(more);
        }
        let is_adts = self.check.as_ref().is_some_and(Demuxer::sound_is_adts);
        Ok(Input { format, is_adts })
    }

    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        loop {
            let (at, cipher) = match &mut self.open {
                Some(open) => open,
                none => {
                    let Some(step) = self.steps.next() else {
                        return Ok(None);
                    };
                    none.insert(match step {
                        Some(step) => (step.at(), cipher(self.session, &step).await?),
                        None => ("init section".to_owned(), None),
                    })
                }
            };
            let mut bytes = Vec::new();
            let ended = match self.window.next().await? {
                Piece::Bytes(slab) => {
                    match cipher {
                        Some(cipher) => cipher.push(slab.as_ref(), &mut bytes),
                        None => bytes.extend_from_slice(slab.as_ref()),
                    }
                    false
                }
                Piece::End => {
                    if let Some(cipher) = cipher.take() {
                        cipher
                            .finish(&mut bytes)
                            .map_err(|what| FetchError::Key { at: at.clone(), what })?;
                    }
                    true
                }
                Piece::Done => return Err(too_few(at.clone())),
            };
            if let Some(check) = &mut self.check {
                check
                    .push(&bytes, &mut self.picture)
                    .and_then(|()| if ended { check.end_segment() } else { Ok(()) })
                    .map_err(|fault| fault.at(at))?;
            }
            if ended {
                self.open = None;
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    /// Gives the child everything. That it closes its input is no fault here: its exit tells why. Gives the times of the
    /// picture that went by.
    pub(super) async fn into_child(mut self, mut stdin: ChildStdin) -> Result<PictureTimes, FetchError> {
        let mut next = Some(std::mem::take(&mut self.begin));
        while let Some(bytes) = next {
            if stdin.write_all(&bytes).await.is_err() {
                return Ok(self.picture);
            }
            next = self.next().await?;
        }
        // A failure shows in the exit too.
        let _ = stdin.shutdown().await;
        Ok(self.picture)
    }
}

/// The first and the last presentation time of picture, as timestamps of 33 bits.
#[derive(Debug, Default)]
pub(super) struct PictureTimes {
    /// The first that came, and how far before and after it the others are.
    seen: Option<(u64, i64, i64)>,
}

impl PictureTimes {
    const WRAP: i64 = 1 << 33;

    pub(super) fn stamps(&self) -> impl Iterator<Item = u64> {
        let times = self.seen.map(|(first, before, after)| {
            [before, after].map(|step| {
                let time = i64::try_from(first).unwrap_or(0) + step;
                time.rem_euclid(Self::WRAP).unsigned_abs()
            })
        });
        times.into_iter().flatten()
    }
}

impl PesSink for PictureTimes {
    fn pes(&mut self, _: Stream, pes: Pes<'_>) -> Result<(), Fault> {
        let Some(pts) = pes.pts else { return Ok(()) };
        let (first, before, after) = self.seen.get_or_insert((pts, 0, 0));
        let time = |stamp: u64| i64::try_from(stamp).unwrap_or(0);
        let step = (time(pts) - time(*first) + Self::WRAP / 2).rem_euclid(Self::WRAP) - Self::WRAP / 2;
        *before = step.min(*before);
        *after = step.max(*after);
        Ok(())
    }
}

/// The format of segments by their first bytes.
fn format_of(first: &[u8]) -> Result<&'static str, &'static str> {
    let sound = match first {
        [0x47, ..] => return Ok("mpegts"),
        // A tag that tells the time of the sound behind it.
        [b'I', b'D', b'3', _, _, _, a, b, c, d, rest @ ..] => {
            let tag_bytes = [a, b, c, d]
                .iter()
                .fold(0, |sum, byte| sum << 7 | usize::from(**byte & 0x7f));
            rest.get(tag_bytes..).unwrap_or_default()
        }
        _ => first,
    };
    match sound {
        // The layer's two bits are 0 in ADTS only.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Ok("aac"),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Ok("mp3"),
        [0x0b, 0x77, ..] => Ok("ac3"),
        _ => Err("segments of a format that is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_sound_is_known_behind_its_tag() {
        let tag = |sound: &[u8]| [&b"ID3\x04\0\0\0\0\0\x02ab"[..], sound].concat();
        assert_eq!(format_of(&tag(&[0xff, 0xf1])), Ok("aac"));
        assert_eq!(format_of(&tag(&[0xff, 0xfb])), Ok("mp3"));
        assert_eq!(format_of(&[0x0b, 0x77]), Ok("ac3"));
        // A list of files to open is a format too.
        assert!(format_of(b"ffconcat version 1.0").is_err());
        assert!(format_of(b"#EXTM3U").is_err());
    }

    #[test]
    fn picture_is_seen_from_its_first_time_to_its_last_across_the_clock_s_wrap() {
        let mut times = PictureTimes::default();
        assert_eq!(times.stamps().count(), 0);
        for pts in [(1 << 33) - 100, (1 << 33) - 3700, 3500, 0] {
            let data = &[];
            let pes = Pes {
                pts: Some(pts),
                dts: None,
                data,
            };
            times.pes(Stream::PictureTimes, pes).unwrap();
        }
        assert_eq!(times.stamps().collect::<Vec<_>>(), [(1 << 33) - 3700, 3500]);
    }
}
