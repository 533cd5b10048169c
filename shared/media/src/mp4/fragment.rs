//! Reads fragmented MP4 while it streams by: an init section's tracks, and the frames of the fragments after it.
//!
//! Boxes are read here where they tell about frames, and passed over otherwise; a movie fragment's index is held whole, its
//! media never. What an init section says of a codec is kept as it stands, to the byte.

use std::collections::VecDeque;

use mp4_atom::{Elst, Hdlr, Mdhd, Mvhd, Tfdt, Tfhd, Tkhd, Trex, Trun};
use serde::{Deserialize, Serialize};

use super::boxes::{Header, boxes, header};
use super::esds::forget_bit_rates;
use crate::fault::Fault;
use crate::report::TrackKind;

/// Largest index of one fragment: 16 bytes a frame, so half a million of them.
const MAX_INDEX_BYTES: u64 = 8 << 20;

/// Most frames of one fragment. A run of equal frames takes no more bytes the longer it is.
const MAX_FRAMES: usize = 500_000;

/// Latest time, in any timescale: beyond it, sums of times would not be sure.
const MAX_TIME: i64 = 1 << 52;

/// Most bytes of one sample entry. They hold parameter sets and little else.
const MAX_ENTRY_BYTES: usize = 64 << 10;

/// The flag of a sample that is no entry point (ISO/IEC 14496-12, 8.8.3.1).
const NOT_AN_ENTRY_POINT: u32 = 0x1_0000;

/// One track of picture or sound of an init section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InitTrack {
    id: u32,
    pub(crate) kind: TrackKind,
    pub(crate) timescale: u32,
    /// What the edit list adds to media times, in the timescale.
    shift: i64,
    /// The sample entries, as they stand.
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) width: u16,
    pub(crate) height: u16,
    default_duration: u32,
    default_bytes: u32,
    default_flags: u32,
    /// Decoding time after the last fragment, where the next one doesn't tell its own.
    goes_on_at: i64,
}

/// A frame of a fragment; times are in the track's timescale, on the source's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FragmentFrame {
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    pub(crate) length: u32,
    pub(crate) bytes: u32,
    pub(crate) key: bool,
    /// Which of the track's sample entries describes it.
    pub(crate) entry: usize,
}

/// Takes the frames of fragments.
pub(crate) trait FrameSink {
    /// The next frame; whether its bytes are wanted.
    fn frame(&mut self, track: &InitTrack, frame: FragmentFrame) -> Result<bool, Fault>;
    /// Bytes of the frame told last.
    fn bytes(&mut self, bytes: &[u8]);
}

/// A frame whose bytes are still to come.
#[derive(Debug, Clone, Copy)]
struct Placed {
    track: usize,
    frame: FragmentFrame,
    /// From the segment's first byte.
    begin: u64,
}

/// Reads the segments after one init section.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FragmentReader {
    tracks: Vec<InitTrack>,
    /// Where a segment is being read; nothing of it lasts beyond its end.
    #[serde(skip)]
    place: Place,
}

/// Where a reader is in a segment.
#[derive(Debug, Default)]
struct Place {
    /// Bytes read of the segment.
    at: u64,
    /// A box's header, or a `moof` from its header on.
    collected: Vec<u8>,
    /// Length of the `moof` being collected; 0 while a header is read.
    index_bytes: u64,
    /// Bytes left of the box that is passed by.
    left: u64,
    /// Whether that is an `mdat`.
    in_media: bool,
    frames: VecDeque<Placed>,
    /// The frame at the front: how many of its bytes have come, and whether they are wanted.
    open: Option<(u32, bool)>,
    fragments: u32,
}

impl FragmentReader {
    /// Reads an init section, whole.
    pub(crate) fn new(init: &[u8]) -> Result<Self, Fault> {
        let mut movie = None;
        for found in boxes(init) {
            let found = found?;
            if found.kind == *b"moov" {
                movie = Some(found.body);
            }
        }
        let movie = movie.ok_or_else(|| Fault::damaged("the init section has no `moov`"))?;
        let mut movie_timescale = 1;
        let (mut tracks, mut defaults) = (Vec::new(), Vec::new());
        for found in boxes(movie) {
            let found = found?;
            match &found.kind {
                b"mvhd" => movie_timescale = found.read::<Mvhd>()?.timescale.max(1),
                b"trak" => tracks.push(found.body),
                b"mvex" => {
                    for inner in boxes(found.body) {
                        let inner = inner?;
                        if inner.kind == *b"trex" {
                            defaults.push(inner.read::<Trex>()?);
                        }
                    }
                }
                _ => {}
            }
        }
        let mut chosen: Vec<InitTrack> = Vec::with_capacity(2);
        for track in tracks {
            let Some(mut track) = init_track(track, movie_timescale)? else {
                continue;
            };
            if let Some(usual) = defaults.iter().find(|usual| usual.track_id == track.id) {
                track.default_duration = usual.default_sample_duration;
                track.default_bytes = usual.default_sample_size;
                track.default_flags = usual.default_sample_flags;
            }
            // The first of each kind, as ffmpeg takes them.
            if !chosen.iter().any(|other| other.kind == track.kind) {
                chosen.push(track);
            }
        }
        if chosen.is_empty() {
            return Err(Fault::damaged(
                "the init section has no track of picture or sound",
            ));
        }
        Ok(Self {
            tracks: chosen,
            place: Place::default(),
        })
    }

    /// Forgets what the tracks' entries say of bit rates.
    pub(crate) fn forget_bit_rates(&mut self) {
        for track in &mut self.tracks {
            for entry in &mut track.entries {
                forget_bit_rates(entry, track.kind);
            }
        }
    }

    /// The tracks of which frames come.
    pub(crate) fn tracks(&self) -> &[InitTrack] {
        &self.tracks
    }

    /// Takes the next bytes of a segment.
    pub(crate) fn push(&mut self, mut bytes: &[u8], sink: &mut impl FrameSink) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let used = if self.place.left > 0 {
                let most = usize::try_from(self.place.left).unwrap_or(usize::MAX);
                let passing = &bytes[..bytes.len().min(most)];
                if self.place.in_media {
                    self.media(passing, sink)?;
                }
                self.place.left -= passing.len() as u64;
                passing.len()
            } else {
                let missing = self.place.missing();
                let more = &bytes[..bytes.len().min(missing)];
                self.place.collected.extend_from_slice(more);
                more.len()
            };
            self.place.at += used as u64;
            bytes = &bytes[used..];
            if self.place.left == 0 && self.place.missing() == 0 {
                self.collected()?;
            }
        }
        Ok(())
    }

    /// Ends a segment: every frame that its fragments told must have come.
    pub(crate) fn end_segment(&mut self) -> Result<(), Fault> {
        let place = std::mem::take(&mut self.place);
        if place.left > 0 || !place.collected.is_empty() {
            return Err(Fault::truncated(format!(
                "ends inside a box at byte {}",
                place.at
            )));
        }
        if !place.frames.is_empty() {
            let missing = place.frames.len();
            return Err(Fault::truncated(format!("{missing} frames lie beyond its end")));
        }
        if place.fragments == 0 {
            return Err(Fault::NotMedia("a segment without a fragment".to_owned()));
        }
        Ok(())
    }

    /// Bytes of an `mdat` that begin where the reader is.
    fn media(&mut self, mut bytes: &[u8], sink: &mut impl FrameSink) -> Result<(), Fault> {
        let mut at = self.place.at;
        while let Some(next) = self.place.frames.front().copied() {
            let (came, wanted) = if let Some(open) = self.place.open {
                open
            } else {
                if at > next.begin {
                    return Err(Fault::damaged("frames that overlap, or lie outside their `mdat`"));
                }
                let before = usize::try_from(next.begin - at).unwrap_or(usize::MAX);
                let step = before.min(bytes.len());
                at += step as u64;
                bytes = &bytes[step..];
                if at < next.begin || (bytes.is_empty() && next.frame.bytes > 0) {
                    return Ok(());
                }
                (0, sink.frame(&self.tracks[next.track], next.frame)?)
            };
            let left = usize::try_from(next.frame.bytes - came).unwrap_or(usize::MAX);
            let part = &bytes[..bytes.len().min(left)];
            if wanted {
                sink.bytes(part);
            }
            at += part.len() as u64;
            bytes = &bytes[part.len()..];
            if part.len() == left {
                self.place.open = None;
                self.place.frames.pop_front();
            } else {
                let came = came + u32::try_from(part.len()).unwrap_or(u32::MAX);
                self.place.open = Some((came, wanted));
                return Ok(());
            }
        }
        Ok(())
    }

    /// A header, or an index, is whole.
    fn collected(&mut self) -> Result<(), Fault> {
        let place = &mut self.place;
        if place.index_bytes > 0 {
            let index = std::mem::take(&mut place.collected);
            let begin = place.at - place.index_bytes;
            place.index_bytes = 0;
            return self.fragment(&index, begin);
        }
        let (kind, size, head) = match header(&place.collected)? {
            Header::Short => return Ok(()),
            Header::Box { kind, size, head } => (kind, size, head),
        };
        if kind == *b"moof" {
            if !place.frames.is_empty() {
                return Err(Fault::truncated(
                    "frames of a fragment are missing before the next one",
                ));
            }
            if size > MAX_INDEX_BYTES {
                return Err(Fault::damaged(format!("box moof of {size} bytes")));
            }
            place.index_bytes = size;
            return Ok(());
        }
        place.collected.clear();
        place.left = size - head;
        place.in_media = kind == *b"mdat";
        Ok(())
    }

    /// Notes the frames of a fragment whose `moof` began at `begin`.
    fn fragment(&mut self, index: &[u8], begin: u64) -> Result<(), Fault> {
        self.place.fragments += 1;
        let mut frames = Vec::new();
        let mut data_end = begin;
        let whole = boxes(index).next().transpose()?;
        for found in boxes(whole.map_or(&[][..], |moof| moof.body)) {
            let found = found?;
            if found.kind == *b"traf" {
                self.track_fragment(found.body, begin, &mut data_end, &mut frames)?;
            }
        }
        frames.sort_by_key(|placed: &Placed| placed.begin);
        self.place.frames = frames.into();
        Ok(())
    }

    fn track_fragment(
        &mut self,
        body: &[u8],
        moof_begin: u64,
        data_end: &mut u64,
        frames: &mut Vec<Placed>,
    ) -> Result<(), Fault> {
        let (mut head, mut time, mut runs) = (None, None, Vec::new());
        for found in boxes(body) {
            let found = found?;
            match &found.kind {
                b"tfhd" => head = Some(found.read::<Tfhd>()?),
                b"tfdt" => time = Some(found.read::<Tfdt>()?.base_media_decode_time),
                b"trun" => runs.push(found.read::<Trun>()?),
                b"senc" => return Err(Fault::Protected("common encryption")),
                _ => {}
            }
        }
        let head = head.ok_or_else(|| Fault::damaged("box traf without a tfhd"))?;
        if head.base_data_offset.is_some() {
            return Err(Fault::unsupported(
                "fragments that count from the beginning of a file",
            ));
        }
        // Without that flag, each track goes on where the one before it ends.
        let base = if head.default_base_is_moof {
            moof_begin
        } else {
            *data_end
        };
        let index = self.tracks.iter().position(|track| track.id == head.track_id);
        let mut dts = match (time, index) {
            (Some(time), _) => i64::try_from(time)
                .ok()
                .filter(|time| *time < MAX_TIME)
                .ok_or_else(|| Fault::damaged("a time beyond any clock"))?,
            (None, Some(index)) => self.tracks[index].goes_on_at,
            (None, None) => 0,
        };
        let track = index.map(|index| &self.tracks[index]);
        let usual = |own: Option<u32>, of_track: fn(&InitTrack) -> u32| {
            own.or(track.map(of_track)).unwrap_or_default()
        };
        let usual_duration = usual(head.default_sample_duration, |track| track.default_duration);
        let usual_bytes = usual(head.default_sample_size, |track| track.default_bytes);
        let usual_flags = usual(head.default_sample_flags, |track| track.default_flags);
        let entry = usize::try_from(head.sample_description_index.unwrap_or(1))
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let shift = track.map_or(0, |track| track.shift);
        let mut at = base;
        for run in runs {
            if frames.len() + run.samples.len() > MAX_FRAMES {
                return Err(Fault::damaged(format!(
                    "a fragment of more than {MAX_FRAMES} frames"
                )));
            }
            if let Some(offset) = run.data_offset {
                at = base
                    .checked_add_signed(i64::from(offset))
                    .ok_or_else(|| Fault::damaged("frames before the beginning of their segment"))?;
            }
            for sample in &run.samples {
                let length = sample.duration.unwrap_or(usual_duration);
                let bytes = sample.size.unwrap_or(usual_bytes);
                if let Some(index) = index {
                    let media_dts = dts.saturating_add(shift);
                    frames.push(Placed {
                        track: index,
                        begin: at,
                        frame: FragmentFrame {
                            dts: media_dts,
                            pts: media_dts.saturating_add(sample.cts.unwrap_or_default()),
                            length,
                            bytes,
                            key: sample.flags.unwrap_or(usual_flags) & NOT_AN_ENTRY_POINT == 0,
                            entry,
                        },
                    });
                }
                dts = dts.saturating_add(i64::from(length));
                at = at.saturating_add(u64::from(bytes));
            }
        }
        *data_end = at;
        if let Some(index) = index {
            self.tracks[index].goes_on_at = dts;
        }
        Ok(())
    }
}

impl Place {
    /// Bytes missing to what is being collected.
    fn missing(&self) -> usize {
        let target = if self.index_bytes > 0 {
            usize::try_from(self.index_bytes).unwrap_or(usize::MAX)
        } else {
            match self.collected[..] {
                [0, 0, 0, 1, _, _, _, _, ..] => 16,
                _ => 8,
            }
        };
        target.saturating_sub(self.collected.len())
    }
}

/// The track in a `trak`; `None` where it is neither picture nor sound.
fn init_track(body: &[u8], movie_timescale: u32) -> Result<Option<InitTrack>, Fault> {
    let (mut id, mut size) = (0, (0, 0));
    let (mut edits, mut timescale, mut kind, mut entries) = (None, 1, None, Vec::new());
    // Depth first, with the boxes that are entered.
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        for found in boxes(body) {
            let found = found?;
            match &found.kind {
                b"edts" | b"mdia" | b"minf" | b"stbl" => open.push(found.body),
                b"tkhd" => {
                    let tkhd = found.read::<Tkhd>()?;
                    id = tkhd.track_id;
                    size = (tkhd.width.integer(), tkhd.height.integer());
                }
                b"elst" => edits = Some(found.read::<Elst>()?),
                b"mdhd" => timescale = found.read::<Mdhd>()?.timescale.max(1),
                b"hdlr" => {
                    kind = match &found.read::<Hdlr>()?.handler.into() {
                        b"vide" => Some(TrackKind::Video),
                        b"soun" => Some(TrackKind::Audio),
                        _ => None,
                    };
                }
                // Version and flags, and a count, precede the entries.
                b"stsd" => {
                    for entry in boxes(found.body.get(8..).unwrap_or_default()) {
                        let entry = entry?;
                        if matches!(&entry.kind, b"encv" | b"enca") {
                            return Err(Fault::Protected("common encryption"));
                        }
                        if entry.whole.len() > MAX_ENTRY_BYTES {
                            return Err(Fault::damaged("a sample entry beyond any size"));
                        }
                        entries.push(entry.whole.to_vec());
                    }
                }
                _ => {}
            }
        }
    }
    let Some(kind) = kind else { return Ok(None) };
    if entries.is_empty() {
        return Err(Fault::damaged("a track without a sample entry"));
    }
    let shift = shift_of(edits.as_ref(), timescale, movie_timescale)?;
    Ok(Some(InitTrack {
        id,
        kind,
        timescale,
        shift,
        entries,
        width: size.0,
        height: size.1,
        default_duration: 0,
        default_bytes: 0,
        default_flags: 0,
        goes_on_at: 0,
    }))
}

/// What an edit list adds to media times: empty edits delay, and a media time skips. More than one piece of media is refused.
fn shift_of(edits: Option<&Elst>, timescale: u32, movie_timescale: u32) -> Result<i64, Fault> {
    let (mut wait, mut begin, mut pieces) = (0_u128, 0_u64, 0);
    for edit in edits.iter().flat_map(|edits| &edits.entries) {
        match edit.media_time {
            None if pieces == 0 => wait += u128::from(edit.segment_duration),
            None => {}
            Some(time) => {
                begin = time;
                pieces += 1;
            }
        }
    }
    if pieces > 1 {
        return Err(Fault::unsupported("an edit list of several pieces"));
    }
    let half = u128::from(movie_timescale / 2);
    let wait = (wait * u128::from(timescale) + half) / u128::from(movie_timescale);
    let beyond = |_| Fault::damaged("an edit list beyond any clock");
    Ok(i64::try_from(wait).map_err(beyond)? - i64::try_from(begin).map_err(beyond)?)
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Encode as _, Mfhd, Moof, Traf, TrunEntry};
    use proptest::prelude::*;

    use super::*;

    fn bx(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], &kind, body].concat()
    }

    /// A reader of one track of picture, 1,000 ticks a second, whose edit list skips 80.
    fn reader() -> FragmentReader {
        FragmentReader {
            tracks: vec![InitTrack {
                id: 1,
                kind: TrackKind::Video,
                timescale: 1_000,
                shift: -80,
                entries: vec![bx(*b"avc1", &[0; 8])],
                width: 16,
                height: 16,
                default_duration: 40,
                default_bytes: 3,
                default_flags: NOT_AN_ENTRY_POINT,
                goes_on_at: 0,
            }],
            place: Place::default(),
        }
    }

    /// A fragment whose frames lie `gap` bytes behind its index.
    fn fragment(time: u64, samples: &[TrunEntry], media: &[u8], gap: i32) -> Vec<u8> {
        let index = |offset: i32| {
            let moof = Moof {
                mfhd: Mfhd::default(),
                traf: vec![Traf {
                    tfhd: Tfhd {
                        track_id: 1,
                        default_base_is_moof: true,
                        ..Tfhd::default()
                    },
                    tfdt: Some(Tfdt {
                        base_media_decode_time: time,
                    }),
                    trun: vec![Trun {
                        data_offset: Some(offset),
                        samples: samples.to_vec().into(),
                    }],
                    ..Traf::default()
                }],
            };
            let mut bytes = Vec::new();
            moof.encode(&mut bytes).unwrap();
            bytes
        };
        let length = i32::try_from(index(0).len()).unwrap();
        [index(length + 8 + gap), bx(*b"mdat", media)].concat()
    }

    #[derive(Debug, Default, PartialEq)]
    struct Got(Vec<(FragmentFrame, Vec<u8>)>);

    impl FrameSink for Got {
        fn frame(&mut self, _: &InitTrack, frame: FragmentFrame) -> Result<bool, Fault> {
            self.0.push((frame, Vec::new()));
            Ok(true)
        }

        fn bytes(&mut self, bytes: &[u8]) {
            self.0.last_mut().unwrap().1.extend_from_slice(bytes);
        }
    }

    fn sample(size: u32, cts: i64) -> TrunEntry {
        TrunEntry {
            size: Some(size),
            cts: Some(cts),
            ..TrunEntry::default()
        }
    }

    #[test]
    fn frames_come_with_their_times_and_bytes() {
        let mut got = Got::default();
        let mut reader = reader();
        let segment = fragment(1_000, &[sample(2, 80), sample(3, 0)], b"..abcde", 2);
        reader.push(&segment, &mut got).unwrap();
        reader.end_segment().unwrap();
        let times: Vec<_> = got
            .0
            .iter()
            .map(|(f, bytes)| (f.dts, f.pts, f.length, &bytes[..]))
            .collect();
        assert_eq!(times, [(920, 1_000, 40, &b"ab"[..]), (960, 960, 40, b"cde")]);
    }

    #[test]
    fn frames_that_do_not_come_are_missed() {
        let whole = fragment(0, &[sample(2, 0), sample(3, 0)], b"abcde", 0);
        let short = fragment(0, &[sample(2, 0), sample(3, 0)], b"abcd", 0);
        for (segment, keep) in [(&whole, whole.len() - 1), (&short, short.len()), (&whole, 20)] {
            let mut reader = reader();
            let read = reader
                .push(&segment[..keep], &mut Got::default())
                .and_then(|()| reader.end_segment());
            assert!(matches!(read, Err(Fault::Truncated(_))), "{read:?}");
        }
        let mut reader = reader();
        reader.push(&bx(*b"styp", b"msdh"), &mut Got::default()).unwrap();
        assert!(matches!(reader.end_segment(), Err(Fault::NotMedia(_))));
    }

    #[test]
    fn a_run_without_end_is_refused() {
        let mut frames = Vec::new();
        let mut body = Vec::new();
        Tfhd {
            track_id: 1,
            ..Tfhd::default()
        }
        .encode(&mut body)
        .unwrap();
        body.extend(bx(*b"trun", &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]));
        let outcome = reader().track_fragment(&body, 0, &mut 0, &mut frames);
        assert!(matches!(outcome, Err(Fault::Damaged(_))), "{outcome:?}");
    }

    #[test]
    fn edit_lists_delay_and_skip() {
        let edit = |ticks, media_time| mp4_atom::ElstEntry {
            segment_duration: ticks,
            media_time,
            media_rate: 1.into(),
        };
        let shift = |entries| shift_of(Some(&Elst { entries }), 48_000, 1_000);
        assert_eq!(
            shift(vec![edit(500, None), edit(0, Some(1_024))]),
            Ok(24_000 - 1_024)
        );
        assert!(shift(vec![edit(10, Some(0)), edit(10, Some(5))]).is_err());
    }

    proptest! {
        #[test]
        fn slices_of_any_size_give_the_same_frames(
            sizes in prop::collection::vec(0u32..20, 1..12),
            slice in 1usize..64,
        ) {
            let media: Vec<u8> = (0..sizes.iter().sum()).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let samples: Vec<_> = sizes.iter().map(|size| sample(*size, 0)).collect();
            // An `mdat` that is empty is passed by without a look.
            let media = [&media[..], b"end"].concat();
            let segment = fragment(7, &samples, &media, 0);
            let read = |slice: usize| {
                let (mut reader, mut got) = (reader(), Got::default());
                for bytes in segment.chunks(slice) {
                    reader.push(bytes, &mut got).unwrap();
                }
                reader.end_segment().unwrap();
                got
            };
            prop_assert_eq!(read(slice), read(segment.len()));
            prop_assert_eq!(read(slice).0.len(), sizes.len());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = FragmentReader::new(&bytes);
            let _ = FragmentReader::new(&bx(*b"moov", &bx(*b"trak", &bytes)));
            let mut reader = reader();
            let _ = reader.push(&bx(*b"moof", &bx(*b"traf", &bytes)), &mut Got::default());
            let _ = reader.push(&bytes, &mut Got::default());
            let _ = reader.end_segment();
        }
    }
}
