//! Frames that come out of several programs, one after the other, joined as if they came out of one.
//!
//! A program that is given a stretch of a transport stream can't know whether its last frames go on in the segment after it. So
//! the last frame of each track is left to the next one, which is given the last segment of the stretch again, and gives frames
//! only from there on.

use serde::{Deserialize, Serialize};

use super::fragment::{FragmentFrame, FragmentReader, FrameSink, InitTrack};
use super::table::{CLOCK_HZ, rescale};
use crate::fault::Fault;
use crate::report::TrackKind;

/// Where a transport stream's clock starts over, in its ticks.
const WRAP: i64 = 1 << 33;

/// Where the frames of a stretch end: for each track, the time of the first frame that is the next one's, in 90 kHz ticks.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seam {
    picture: Option<i64>,
    sound: Option<i64>,
}

impl Seam {
    fn of(&mut self, kind: TrackKind) -> &mut Option<i64> {
        match kind {
            TrackKind::Video => &mut self.picture,
            TrackKind::Audio => &mut self.sound,
        }
    }
}

/// A frame that may be the last, with its bytes.
#[derive(Debug)]
struct Held {
    frame: FragmentFrame,
    bytes: Vec<u8>,
}

/// The frames of one stretch.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// Where the stretch before ended.
    from: Seam,
    /// What is added to all times, in 90 kHz ticks; known with the first frame.
    wrapped: Option<i64>,
    /// About when the first frame is due, by the frames before.
    due: Option<i64>,
    picture: Option<Held>,
    sound: Option<Held>,
    has_begun: [bool; 2],
    /// The frame whose bytes come.
    open: Option<TrackKind>,
    is_torn: bool,
}

impl Stretch {
    /// The one that begins where another ended. `due` is the end of the frames before on their clock, in 90 kHz ticks.
    pub(crate) fn after(from: Seam, due: Option<i64>) -> Self {
        Self {
            from,
            wrapped: None,
            due,
            picture: None,
            sound: None,
            has_begun: [false; 2],
            open: None,
            is_torn: false,
        }
    }

    /// Whether a track of this stretch begins too late to go on where the one before ended: something would be missing.
    pub(crate) fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// What gives this stretch's frames on.
    pub(crate) fn into<S: FrameSink>(&mut self, to: S) -> Joined<'_, S> {
        Joined { stretch: self, to }
    }

    /// Ends a stretch after which another comes: it gives where that begins.
    pub(crate) fn cut(mut self, reader: &FragmentReader) -> Seam {
        // A track that brought nothing is still due where it was.
        let mut seam = std::mem::take(&mut self.from);
        for track in reader.tracks() {
            if let Some(held) = self.held(track.kind).take() {
                *seam.of(track.kind) = Some(rescale(held.frame.dts, CLOCK_HZ, i64::from(track.timescale)));
            }
        }
        seam
    }

    /// Ends the last stretch: the last frames are given on, too.
    pub(crate) fn end(mut self, reader: &FragmentReader, to: &mut impl FrameSink) -> Result<(), Fault> {
        for track in reader.tracks() {
            if let Some(held) = self.held(track.kind).take() {
                give(track, &held, to)?;
            }
        }
        Ok(())
    }

    fn held(&mut self, kind: TrackKind) -> &mut Option<Held> {
        match kind {
            TrackKind::Video => &mut self.picture,
            TrackKind::Audio => &mut self.sound,
        }
    }

    /// What is to be added to the times of a program whose first frame has this one, on the 90 kHz clock. Each program counts
    /// from the first time that it sees, before which it may go below 0.
    fn wrap(&self, first: i64) -> i64 {
        match self.due {
            Some(due) => (due - first + WRAP / 2).div_euclid(WRAP) * WRAP,
            None => -first.div_euclid(WRAP) * WRAP,
        }
    }
}

fn give(track: &InitTrack, held: &Held, to: &mut impl FrameSink) -> Result<(), Fault> {
    if to.frame(track, held.frame)? {
        to.bytes(&held.bytes);
    }
    Ok(())
}

/// Takes a stretch's frames, and gives them on.
pub(crate) struct Joined<'a, S> {
    stretch: &'a mut Stretch,
    to: S,
}

impl<S: FrameSink> FrameSink for Joined<'_, S> {
    fn frame(&mut self, track: &InitTrack, mut frame: FragmentFrame) -> Result<bool, Fault> {
        let stretch = &mut *self.stretch;
        let timescale = i64::from(track.timescale);
        let wrapped = if let Some(wrapped) = stretch.wrapped {
            wrapped
        } else {
            let first = rescale(frame.dts, CLOCK_HZ, timescale);
            *stretch.wrapped.insert(stretch.wrap(first))
        };
        let wrapped = rescale(wrapped, timescale, CLOCK_HZ);
        frame.dts = frame.dts.saturating_add(wrapped);
        frame.pts = frame.pts.saturating_add(wrapped);
        // Times are rounded to a timescale, and back.
        let near = i64::from(frame.length / 2).max(1);
        let begins = (*stretch.from.of(track.kind)).map(|time| rescale(time, timescale, CLOCK_HZ));
        let has_begun = &mut stretch.has_begun[usize::from(track.kind == TrackKind::Audio)];
        if let Some(begins) = begins {
            if !*has_begun && frame.dts > begins + near {
                stretch.is_torn = true;
                return Err(Fault::damaged("a track doesn't go on where it ended"));
            }
            *has_begun = true;
            if frame.dts < begins - near {
                stretch.open = None;
                return Ok(false);
            }
        }
        let before = stretch.held(track.kind).replace(Held {
            frame,
            bytes: Vec::new(),
        });
        stretch.open = Some(track.kind);
        if let Some(before) = before {
            give(track, &before, &mut self.to)?;
        }
        Ok(true)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let open = self.stretch.open;
        if let Some(held) = open.and_then(|kind| self.stretch.held(kind).as_mut()) {
            held.bytes.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INIT: &[u8] = include_bytes!("fixtures/init-of-picture-and-sound.mp4");

    /// Frames of a track, as they were given on.
    #[derive(Debug, Default, PartialEq)]
    struct Got(Vec<(TrackKind, i64, Vec<u8>)>);

    impl FrameSink for &mut Got {
        fn frame(&mut self, track: &InitTrack, frame: FragmentFrame) -> Result<bool, Fault> {
            self.0.push((track.kind, frame.dts, Vec::new()));
            Ok(true)
        }

        fn bytes(&mut self, bytes: &[u8]) {
            self.0.last_mut().unwrap().2.extend_from_slice(bytes);
        }
    }

    impl Got {
        fn times(&self, kind: TrackKind) -> Vec<i64> {
            let of_kind = self.0.iter().filter(|(of, ..)| *of == kind);
            of_kind.map(|(_, dts, _)| *dts).collect()
        }
    }

    /// Frames `numbers` of each track, of 1,000 ticks each, `begin` ticks on; each frame's bytes are its number.
    fn push(
        stretch: &mut Stretch,
        reader: &FragmentReader,
        begin: i64,
        numbers: std::ops::Range<u8>,
        got: &mut Got,
    ) -> Result<(), Fault> {
        for track in reader.tracks() {
            for number in numbers.clone() {
                let mut joined = stretch.into(&mut *got);
                let dts = begin + i64::from(number) * 1_000;
                let frame = FragmentFrame {
                    dts,
                    pts: dts,
                    length: 1_000,
                    bytes: 1,
                    key: true,
                    entry: 0,
                };
                if joined.frame(track, frame)? {
                    joined.bytes(&[number]);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn each_frame_comes_once_however_stretches_overlap() {
        let reader = FragmentReader::new(INIT).unwrap();
        let (mut seam, mut got) = (Seam::default(), Got::default());
        for numbers in [0..10, 6..20] {
            let mut stretch = Stretch::after(seam, None);
            push(&mut stretch, &reader, 0, numbers, &mut got).unwrap();
            seam = stretch.cut(&reader);
        }
        let mut last = Stretch::after(seam, None);
        push(&mut last, &reader, 0, 12..22, &mut got).unwrap();
        last.end(&reader, &mut &mut got).unwrap();
        let all: Vec<i64> = (0..22).map(|number| number * 1_000).collect();
        assert_eq!(got.times(TrackKind::Video), all);
        assert_eq!(got.times(TrackKind::Audio), all);
        assert!(
            got.0
                .iter()
                .all(|(_, dts, bytes)| i64::from(bytes[0]) * 1_000 == *dts)
        );
    }

    #[test]
    fn a_stretch_that_begins_behind_the_seam_is_torn() {
        let reader = FragmentReader::new(INIT).unwrap();
        let mut first = Stretch::after(Seam::default(), None);
        push(&mut first, &reader, 0, 0..10, &mut Got::default()).unwrap();
        let mut second = Stretch::after(first.cut(&reader), None);
        push(&mut second, &reader, 0, 10..20, &mut Got::default()).unwrap_err();
        assert!(second.is_torn());
    }

    #[test]
    fn a_clock_that_starts_over_goes_on() {
        let reader = FragmentReader::new(INIT).unwrap();
        let mut got = Got::default();
        // A program whose input begins shortly before the clock starts over counts from below 0.
        let mut first = Stretch::after(Seam::default(), None);
        push(&mut first, &reader, -5_000, 0..10, &mut got).unwrap();
        let seam = first.cut(&reader);
        let due = WRAP + 5_000;
        let mut second = Stretch::after(seam, Some(due));
        push(&mut second, &reader, 0, 2..10, &mut got).unwrap();
        second.end(&reader, &mut &mut got).unwrap();
        for track in reader.tracks() {
            let times = got.times(track.kind);
            assert!(
                times.windows(2).all(|pair| pair[1] - pair[0] == 1_000),
                "{times:?}"
            );
            assert_eq!(times.len(), 15);
            assert!(times[0] > 0);
        }
    }
}
