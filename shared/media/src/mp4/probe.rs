//! Reads a file's boxes while it streams by: its tracks, its length, and whether it is whole.
//!
//! Only headers are kept, never sample tables, so memory stays flat. Serves progressive files and the
//! segments of fragmented MP4.

use serde::{Deserialize, Serialize};

use mp4_atom::{Decode as _, FourCC, Hdlr, Mdhd, Mvhd, Tfdt, Tfhd, Tkhd, Trex, Trun, TrunSamples};

use crate::fault::Fault;
use crate::report::{Track, TrackKind};

/// Largest box that is kept for reading. A `trun` of 16 bytes a sample holds 65,000 samples in it.
const MAX_KEPT_BYTES: u64 = 1 << 20;

/// Deepest nesting of the boxes that are entered.
const MAX_DEPTH: usize = 8;

/// What one track's headers say.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct TrackHead {
    id: u32,
    timescale: u32,
    duration: u64,
    handler: Option<[u8; 4]>,
    codec: Option<[u8; 4]>,
    /// Default frame length in fragments.
    default_duration: u32,
    /// First decoding time and end of the fragments, in the timescale.
    fragments: Option<(u64, u64)>,
    frames: u64,
}

/// Which boxes there were.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    movie: bool,
    media: bool,
    fragments: bool,
}

/// The state of reading.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// Bytes of the header or kept box being collected.
    collected: Vec<u8>,
    /// Bytes still to be passed over.
    skip: u64,
    /// A kept box: its length with header. 0 while headers are read.
    keep: u64,
    /// Ends of the entered boxes, from the file's beginning.
    ends: Vec<u64>,
    at: u64,
    /// The last box reaches to the file's end.
    open_ended: bool,
    tracks: Vec<TrackHead>,
    seen: Seen,
    movie_ms: u64,
    /// Index of the track that the current `traf` belongs to, and its frames' default length.
    fragment: Option<(usize, u32)>,
    /// Decoding time where the current `traf` goes on.
    fragment_time: u64,
}

impl Probe {
    /// Takes the next bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if self.open_ended {
                self.at += bytes.len() as u64;
                return Ok(());
            }
            if self.skip > 0 {
                let step = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= step as u64;
                self.at += step as u64;
                bytes = &bytes[step..];
                self.leave();
                continue;
            }
            let target = if self.keep > 0 {
                self.keep
            } else {
                self.header_bytes()
            };
            let missing = usize::try_from(target)
                .unwrap_or(usize::MAX)
                .saturating_sub(self.collected.len());
            let step = missing.min(bytes.len());
            self.collected.extend_from_slice(&bytes[..step]);
            self.at += step as u64;
            bytes = &bytes[step..];
            if self.collected.len() as u64 >= target {
                if self.keep > 0 {
                    self.kept()?;
                } else {
                    self.header()?;
                }
            }
        }
        Ok(())
    }

    /// Ends a file, or a segment: no box may be unfinished.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        if self.skip > 0 || self.keep > 0 || !self.collected.is_empty() || !self.ends.is_empty() {
            return Err(Fault::truncated(format!("ends inside a box at byte {}", self.at)));
        }
        Ok(())
    }

    /// Whether there is an index and media.
    pub(crate) fn is_whole_movie(&self) -> bool {
        self.seen.movie && (self.seen.media || self.seen.fragments)
    }

    pub(crate) fn is_fragmented(&self) -> bool {
        self.seen.fragments
    }

    /// The tracks of picture and sound.
    pub(crate) fn tracks(&self) -> Vec<Track> {
        self.tracks
            .iter()
            .filter_map(|track| {
                let kind = match &track.handler? {
                    b"vide" => TrackKind::Video,
                    b"soun" => TrackKind::Audio,
                    _ => return None,
                };
                let codec = track
                    .codec
                    .map(|c| String::from_utf8_lossy(&c).trim_end().to_owned());
                Some(Track {
                    kind,
                    codec: codec.unwrap_or_default(),
                    duration_ms: track.duration_ms(),
                    frames: (track.frames > 0).then_some(track.frames),
                })
            })
            .collect()
    }

    /// The media's length in milliseconds: that of the fragments where there are some, else the movie
    /// header's.
    pub(crate) fn duration_ms(&self) -> Option<u64> {
        let fragments = self.tracks.iter().filter_map(TrackHead::fragments_ms).max();
        fragments.or(Some(self.movie_ms)).filter(|ms| *ms > 0)
    }

    /// The encryption's name where a track is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.tracks
            .iter()
            .any(|t| matches!(t.codec.as_ref(), Some(b"encv" | b"enca")))
    }

    fn header_bytes(&self) -> u64 {
        match self.collected[..] {
            [0, 0, 0, 1, _, _, _, _, ..] => 16,
            _ => 8,
        }
    }

    fn header(&mut self) -> Result<(), Fault> {
        if (self.collected.len() as u64) < self.header_bytes() {
            return Ok(());
        }
        let [a, b, c, d, k0, k1, k2, k3, ref large @ ..] = self.collected[..] else {
            return Ok(());
        };
        let kind = [k0, k1, k2, k3];
        if !kind
            .iter()
            .all(|byte| (0x20..0x7f).contains(byte) || *byte == 0xa9)
        {
            return Err(Fault::damaged(format!(
                "no box at byte {}",
                self.at - self.collected.len() as u64
            )));
        }
        let head = self.collected.len() as u64;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            0 if self.ends.is_empty() && kind == *b"mdat" => {
                self.open_ended = true;
                self.seen.media = true;
                self.collected.clear();
                return Ok(());
            }
            1 => large
                .iter()
                .fold(0, |size: u64, byte| size << 8 | u64::from(*byte)),
            size => u64::from(size),
        };
        let name = || String::from_utf8_lossy(&kind).into_owned();
        let end = self.at.checked_add(size.checked_sub(head).unwrap_or(u64::MAX));
        let end = end.ok_or_else(|| Fault::damaged(format!("box {} of {size} bytes", name())))?;
        if self.ends.last().is_some_and(|parent| end > *parent) {
            return Err(Fault::damaged(format!(
                "box {} reaches beyond the one around it",
                name()
            )));
        }
        match &kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"mvex" | b"moof" | b"traf" => {
                if self.ends.len() == MAX_DEPTH {
                    return Err(Fault::damaged("boxes nested too deep"));
                }
                match &kind {
                    b"moov" => self.seen.movie = true,
                    b"trak" if self.tracks.len() < 64 => self.tracks.push(TrackHead::default()),
                    b"trak" => return Err(Fault::damaged("more than 64 tracks")),
                    b"moof" => self.seen.fragments = true,
                    b"traf" => self.fragment = None,
                    _ => {}
                }
                self.collected.clear();
                self.ends.push(end);
                self.leave();
            }
            b"mvhd" | b"tkhd" | b"mdhd" | b"hdlr" | b"stsd" | b"trex" | b"tfhd" | b"tfdt" | b"trun" => {
                if size > MAX_KEPT_BYTES {
                    return Err(Fault::damaged(format!("box {} of {size} bytes", name())));
                }
                self.keep = size;
                if size == head {
                    self.kept()?;
                }
            }
            _ => {
                self.seen.media |= kind == *b"mdat";
                self.collected.clear();
                self.skip = end - self.at;
                self.leave();
            }
        }
        Ok(())
    }

    /// Leaves the boxes that end here.
    fn leave(&mut self) {
        while self.skip == 0 && self.ends.last().is_some_and(|end| *end <= self.at) {
            self.ends.pop();
        }
    }

    fn kept(&mut self) -> Result<(), Fault> {
        self.keep = 0;
        let bytes = std::mem::take(&mut self.collected);
        let kind: [u8; 4] = bytes
            .get(4..8)
            .and_then(|k| k.try_into().ok())
            .unwrap_or_default();
        let mut body = &bytes[..];
        let unreadable =
            |e: mp4_atom::Error| Fault::damaged(format!("box {} not readable: {e}", FourCC::new(&kind)));
        match &kind {
            b"mvhd" => {
                let mvhd = Mvhd::decode(&mut body).map_err(unreadable)?;
                self.movie_ms = to_ms(mvhd.duration, mvhd.timescale);
            }
            b"trex" => {
                let trex = Trex::decode(&mut body).map_err(unreadable)?;
                if let Some(track) = self.tracks.iter_mut().find(|t| t.id == trex.track_id) {
                    track.default_duration = trex.default_sample_duration;
                }
            }
            b"tfhd" => {
                let tfhd = Tfhd::decode(&mut body).map_err(unreadable)?;
                let index = self.tracks.iter().position(|t| t.id == tfhd.track_id);
                self.fragment = index.map(|index| {
                    let usual = self.tracks[index].default_duration;
                    (index, tfhd.default_sample_duration.unwrap_or(usual))
                });
                self.fragment_time = index
                    .and_then(|index| self.tracks[index].fragments.map(|(_, end)| end))
                    .unwrap_or_default();
            }
            b"tfdt" => {
                self.fragment_time = Tfdt::decode(&mut body)
                    .map_err(unreadable)?
                    .base_media_decode_time;
            }
            b"trun" => {
                let trun = Trun::decode(&mut body).map_err(unreadable)?;
                self.fragment_run(&trun.samples);
            }
            _ => {
                if let Some(track) = self.tracks.last_mut() {
                    track.read(kind, &bytes).map_err(unreadable)?;
                }
            }
        }
        self.leave();
        Ok(())
    }

    fn fragment_run(&mut self, samples: &TrunSamples) {
        let Some((index, default)) = self.fragment else {
            return;
        };
        let length = match samples {
            TrunSamples::Inherited { count, .. } => u64::from(*count) * u64::from(default),
            TrunSamples::Explicit(entries) => entries
                .iter()
                .map(|entry| u64::from(entry.duration.unwrap_or(default)))
                .sum(),
        };
        let start = self.fragment_time;
        self.fragment_time = start.saturating_add(length);
        let track = &mut self.tracks[index];
        track.frames = track.frames.saturating_add(samples.len() as u64);
        let (first, end) = track.fragments.unwrap_or((start, start));
        track.fragments = Some((first, end.max(self.fragment_time)));
    }
}

impl TrackHead {
    fn read(&mut self, kind: [u8; 4], bytes: &[u8]) -> Result<(), mp4_atom::Error> {
        let mut body = bytes;
        match &kind {
            b"tkhd" => self.id = Tkhd::decode(&mut body)?.track_id,
            b"mdhd" => {
                let mdhd = Mdhd::decode(&mut body)?;
                self.timescale = mdhd.timescale;
                self.duration = mdhd.duration;
            }
            // The media handler only: a `meta` box has one of its own, further inside.
            b"hdlr" if self.handler.is_none() => self.handler = Some(Hdlr::decode(&mut body)?.handler.into()),
            // Version and flags, entry count, and the first entry's size come before its name.
            b"stsd" => self.codec = bytes.get(20..24).and_then(|k| k.try_into().ok()),
            _ => {}
        }
        Ok(())
    }

    fn fragments_ms(&self) -> Option<u64> {
        self.fragments
            .map(|(first, end)| to_ms(end - first, self.timescale))
    }

    fn duration_ms(&self) -> Option<u64> {
        self.fragments_ms()
            .or(Some(to_ms(self.duration, self.timescale)))
            .filter(|ms| *ms > 0)
    }
}

fn to_ms(duration: u64, timescale: u32) -> u64 {
    let ms = u128::from(duration) * 1000 / u128::from(timescale.max(1));
    u64::try_from(ms).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bx(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], &kind, body].concat()
    }

    #[test]
    fn a_box_cut_short_is_truncated() {
        let mut probe = Probe::default();
        probe.push(&bx(*b"mdat", &[0; 100])[..60]).unwrap();
        assert!(matches!(probe.end(), Err(Fault::Truncated(_))));
    }

    #[test]
    fn a_child_larger_than_its_parent_is_damage() {
        let inner = bx(*b"free", &[0; 64]);
        let outer = bx(*b"moov", &inner[..16]);
        assert!(matches!(Probe::default().push(&outer), Err(Fault::Damaged(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut probe = Probe::default();
            let _ = probe.push(&bytes);
            let _ = (probe.end(), probe.tracks(), probe.duration_ms());
        }

        #[test]
        fn arbitrary_boxes_never_panic(
            kinds in prop::collection::vec(prop::sample::select(vec![
                *b"moov", *b"trak", *b"mdia", *b"mdhd", *b"tkhd", *b"stsd", *b"hdlr", *b"moof", *b"traf",
                *b"tfhd", *b"tfdt", *b"trun", *b"mdat", *b"free",
            ]), 1..12),
            body in prop::collection::vec(any::<u8>(), 0..60),
            slice in 1usize..64,
        ) {
            let mut bytes = Vec::new();
            for kind in kinds {
                let wrapped = bx(kind, &[&body[..], &bytes].concat());
                bytes.extend(wrapped);
            }
            let mut probe = Probe::default();
            for part in bytes.chunks(slice) {
                if probe.push(part).is_err() {
                    break;
                }
            }
            let _ = (probe.end(), probe.tracks(), probe.duration_ms());
        }
    }
}
