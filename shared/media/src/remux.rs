//! From segments, of transport streams, of fragmented MP4 or of sound alone, to the payload and the index of one MP4.

use serde::{Deserialize, Serialize};

use crate::es::packed::PackedReader;
use crate::es::picture::PictureReader;
use crate::es::sound::{Frame, SoundCodec, SoundConfig, SoundReader};
use crate::fault::Fault;
use crate::mp4::fragment::{FragmentFrame, FragmentReader, FrameSink, InitTrack};
use crate::mp4::movie::{Format, RawEntries, TrackPlan, head};
use crate::mp4::table::{CLOCK_HZ, Sample, Table, rescale};
use crate::report::{Track, TrackKind};
use crate::ts::{Demuxer, Pes, PesSink, Picture, PictureCodec, Stream, Wanted};

/// Timestamps are 33 bits wide: they start over after 26.5 hours.
const WRAP: i64 = 1 << 33;

/// A clock that goes on within half a second across a discontinuity is not a new one.
const SAME_CLOCK_TICKS: i64 = CLOCK_HZ / 2;

/// Frames whose bytes lie together, at most.
const CHUNK_BYTES: u64 = 1 << 20;

/// Most sample entries of one track: as many as a playlist has kinds of inserts, and not one for each segment.
const MAX_ENTRIES: usize = 64;

/// One source of segments: the muxed playlist, or one of picture and sound.
#[derive(Debug, Serialize, Deserialize)]
struct Source {
    wanted: Wanted,
    reader: Option<Reader>,
}

/// What reads a source's segments.
#[derive(Debug, Serialize, Deserialize)]
enum Reader {
    /// Of the current run; there is none before its first byte.
    Transport(Box<Demuxer>),
    /// Since the last init section.
    Fragments(Box<FragmentReader>),
    /// Sound without a container, of the current run.
    Packed(PackedReader),
}

/// Remuxes segments, in order, into an MP4's payload, and keeps its index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Remuxer {
    sources: Vec<Source>,
    tracks: Tracks,
    /// Offset of the timeline against the current run's clock, in 90 kHz ticks.
    offset: i64,
    runs_closed: u32,
}

/// Everything that takes frames; apart from the demuxers that give them.
#[derive(Debug, Serialize, Deserialize)]
struct Tracks {
    max_frames: usize,
    picture: Option<PictureReader>,
    frames: SoundReader,
    sound: Option<SoundConfig>,
    /// The sample entries of picture and of sound that come in fragments.
    raw_picture: Option<RawEntries>,
    raw_sound: Option<RawEntries>,
    video: Option<Table>,
    audio: Option<Table>,
    /// Presentation of picture that is not taken, in 90 kHz ticks: in the current run on its clock, and in
    /// all before on the timeline. It tells where the timeline starts and how much has gone by.
    picture_run: Option<(i64, i64)>,
    picture_past: Option<(i64, i64)>,
    clock: Option<i64>,
    payload: Vec<u8>,
    payload_start: u64,
    last: Option<(TrackKind, u64)>,
}

impl Remuxer {
    /// A remuxer for sources that bring these streams each.
    pub(crate) fn new(wanted: &[Wanted], max_frames: usize) -> Self {
        Self {
            sources: wanted
                .iter()
                .map(|wanted| Source {
                    wanted: *wanted,
                    reader: None,
                })
                .collect(),
            tracks: Tracks {
                max_frames,
                picture: None,
                frames: SoundReader::default(),
                sound: None,
                raw_picture: None,
                raw_sound: None,
                video: None,
                audio: None,
                picture_run: None,
                picture_past: None,
                clock: None,
                payload: Vec::new(),
                payload_start: 0,
                last: None,
            },
            offset: 0,
            runs_closed: 0,
        }
    }

    /// Takes an init section, whole: the segments of `source` that follow are fragments.
    pub(crate) fn init(&mut self, source: usize, bytes: &[u8]) -> Result<(), Fault> {
        let Some(source) = self.sources.get_mut(source) else {
            return Ok(());
        };
        let reader = FragmentReader::new(bytes)?;
        let has = |kind| reader.tracks().iter().any(|track| track.kind == kind);
        // Told before more is fetched.
        if source.wanted.sound && source.wanted.picture != Picture::Take && !has(TrackKind::Audio) {
            return Err(Fault::NoSound);
        }
        source.reader = Some(Reader::Fragments(Box::new(reader)));
        Ok(())
    }

    /// Takes the next bytes of a segment of `source`.
    pub(crate) fn push(&mut self, source: usize, bytes: &[u8]) -> Result<(), Fault> {
        let (Some(source), Some(first)) = (self.sources.get_mut(source), bytes.first()) else {
            return Ok(());
        };
        let reader = match &mut source.reader {
            Some(reader) => reader,
            none => none.insert(match first {
                0x47 => Reader::Transport(Box::new(Demuxer::new(source.wanted))),
                first if PackedReader::takes(*first) => Reader::Packed(PackedReader::default()),
                other => {
                    return Err(Fault::NotMedia(format!(
                        "segment starts with {other:#04x}, a transport stream (0x47) expected"
                    )));
                }
            }),
        };
        match reader {
            Reader::Transport(demuxer) => demuxer.push(bytes, &mut self.tracks),
            Reader::Fragments(fragments) => {
                let wanted = source.wanted;
                let tracks = &mut self.tracks;
                fragments.push(bytes, &mut Taker { wanted, tracks })
            }
            Reader::Packed(packed) => {
                let wanted = source.wanted;
                packed.push(bytes, |sound| {
                    if !wanted.sound {
                        return Err(Fault::unsupported(
                            "a playlist of picture whose segments are sound",
                        ));
                    }
                    let pes = Pes {
                        pts: sound.pts,
                        dts: None,
                        data: sound.data,
                    };
                    self.tracks.sound_pes(sound.codec, pes)
                })
            }
        }
    }

    /// Ends a segment of `source`.
    pub(crate) fn end_segment(&mut self, source: usize) -> Result<(), Fault> {
        match self
            .sources
            .get_mut(source)
            .and_then(|source| source.reader.as_mut())
        {
            Some(Reader::Transport(demuxer)) => demuxer.end_segment(),
            Some(Reader::Fragments(fragments)) => fragments.end_segment(),
            Some(Reader::Packed(packed)) => packed.end_segment(),
            None => Err(Fault::truncated("segment without a byte")),
        }
    }

    /// What takes frames of `source` that were read elsewhere.
    pub(crate) fn taker(&mut self, source: usize) -> Taker<'_> {
        let nothing = Wanted {
            picture: Picture::Ignore,
            sound: false,
        };
        Taker {
            wanted: self.sources.get(source).map_or(nothing, |source| source.wanted),
            tracks: &mut self.tracks,
        }
    }

    /// Where the frames of the current run end so far, in 90 kHz ticks on its clock.
    pub(crate) fn run_end(&self) -> Option<i64> {
        self.tracks.run_span().map(|(_, end)| end)
    }

    /// Notes picture that is not taken, by a timestamp of the current run.
    pub(crate) fn picture_passed(&mut self, stamp: u64) {
        let time = self.tracks.unwrap(stamp);
        self.tracks.picture_seen(time, time);
    }

    /// Ends a run: a discontinuity follows, or nothing.
    pub(crate) fn end_run(&mut self) -> Result<(), Fault> {
        for source in &mut self.sources {
            match source.reader.take() {
                Some(Reader::Transport(mut demuxer)) => demuxer.end_run(&mut self.tracks)?,
                Some(Reader::Packed(_)) => {}
                // An init section holds until the next one.
                fragments => source.reader = fragments,
            }
        }
        let tracks = &mut self.tracks;
        tracks.frames.end_run()?;
        let Some((first, _)) = tracks.run_span() else {
            return Ok(());
        };
        if self.runs_closed > 0 {
            let end = tracks.past_span().map_or(0, |(_, end)| end);
            let drift = first + self.offset - end;
            if drift.abs() > SAME_CLOCK_TICKS {
                self.offset = end - first;
            }
            let least = tracks.tables().filter_map(Table::least_offset).max();
            self.offset = self.offset.max(least.unwrap_or(i64::MIN));
        }
        tracks.close_run(self.offset)?;
        self.runs_closed += 1;
        Ok(())
    }

    /// The payload since the last call.
    pub(crate) fn take_payload(&mut self, into: &mut Vec<u8>) {
        into.clear();
        std::mem::swap(into, &mut self.tracks.payload);
        self.tracks.payload_start += into.len() as u64;
    }

    /// How much of the media has gone by, in milliseconds, by its own timestamps; and how much the
    /// last frames, not yet seen whole, may add.
    pub(crate) fn presented_ms(&self) -> (u64, u64) {
        let tracks = &self.tracks;
        let closed = tracks.past_span().map_or(0, |(first, end)| end - first);
        let open = tracks.run_span().map_or(0, |(first, end)| end - first);
        let last = |table: &Table| table.rows.last().map(|row| table.on_clock(i64::from(row.delta)));
        let frame = tracks.video.as_ref().and_then(last).unwrap_or_default();
        (clock_ms(closed + open), clock_ms(2 * frame))
    }

    /// Presented length in milliseconds after the last run.
    pub(crate) fn duration_ms(&self) -> u64 {
        self.tracks
            .past_span()
            .map_or(0, |(first, end)| clock_ms(end - first))
    }

    /// The tracks after the last run.
    pub(crate) fn tracks(&self) -> Vec<Track> {
        let describe = |kind, codec: String, table: &Table| Track {
            kind,
            codec,
            duration_ms: table
                .first_pts_clock()
                .map(|first| clock_ms(table.end_clock() - first)),
            frames: Some(table.rows.len() as u64),
        };
        let tracks = &self.tracks;
        let picture = tracks
            .picture
            .as_ref()
            .map(|picture| picture.codec_name().to_owned());
        let picture = picture.or_else(|| tracks.raw_picture.as_ref().map(RawEntries::codec));
        let sound = tracks.sound.map(|sound| sound.codec_name().to_owned());
        let sound = sound.or_else(|| tracks.raw_sound.as_ref().map(RawEntries::codec));
        let video = tracks.video.as_ref().zip(picture);
        let audio = tracks.audio.as_ref().zip(sound);
        let video = video.map(|(table, codec)| describe(TrackKind::Video, codec, table));
        let audio = audio.map(|(table, codec)| describe(TrackKind::Audio, codec, table));
        video.into_iter().chain(audio).collect()
    }

    /// Everything that precedes the payload, after the last run.
    pub(crate) fn head(&self) -> Result<Vec<u8>, Fault> {
        let tracks = &self.tracks;
        let mut plans = Vec::with_capacity(2);
        if let Some(table) = &tracks.video {
            let format = match (&tracks.picture, &tracks.raw_picture) {
                (Some(picture), _) => Some(picture.format()?),
                (None, raw) => raw.clone().map(Format::Raw),
            };
            plans.extend(format.map(|format| TrackPlan { format, table }));
        }
        if let Some(table) = &tracks.audio {
            let format = match (tracks.sound, &tracks.raw_sound) {
                (Some(config), _) => Some(Format::Sound(config)),
                (None, raw) => raw.clone().map(Format::Raw),
            };
            plans.extend(format.map(|format| TrackPlan { format, table }));
        }
        if plans.is_empty() {
            let picture = self
                .sources
                .iter()
                .any(|source| source.wanted.picture == Picture::Take);
            return Err(if picture {
                Fault::damaged("no frame in all segments")
            } else {
                Fault::NoSound
            });
        }
        let origin = tracks.past_span().map_or(0, |(first, _)| first);
        head(&plans, origin, tracks.payload_start + tracks.payload.len() as u64)
    }
}

impl Tracks {
    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.video.iter().chain(&self.audio)
    }

    /// First presentation time and end of the current run over all tracks.
    fn run_span(&self) -> Option<(i64, i64)> {
        self.tables()
            .filter_map(Table::run_span)
            .chain(self.picture_run)
            .reduce(joined)
    }

    /// The same of all runs before, on the timeline.
    fn past_span(&self) -> Option<(i64, i64)> {
        let spans = self
            .tables()
            .filter_map(|t| Some((t.first_pts_clock()?, t.end_clock())));
        spans.chain(self.picture_past).reduce(joined)
    }

    fn close_run(&mut self, offset: i64) -> Result<(), Fault> {
        self.clock = None;
        self.last = None;
        let picture = self
            .picture_run
            .take()
            .map(|(first, end)| (first + offset, end + offset));
        self.picture_past = self.picture_past.into_iter().chain(picture).reduce(joined);
        let mut tables = self.video.iter_mut().chain(&mut self.audio);
        tables.try_for_each(|table| table.close_run(offset))
    }

    /// The timestamp nearest to the clock among those that its 33 bits may mean.
    fn unwrap(&mut self, stamp: u64) -> i64 {
        let stamp = i64::try_from(stamp).unwrap_or(0) % WRAP;
        let time = match self.clock {
            Some(clock) => clock + (stamp - clock + WRAP / 2).rem_euclid(WRAP) - WRAP / 2,
            None => stamp,
        };
        self.clock = Some(time);
        time
    }

    fn video_pes(&mut self, codec: PictureCodec, pes: Pes<'_>) -> Result<(), Fault> {
        let Some(pts) = pes.pts else {
            return Err(Fault::unsupported("picture in a PES packet without a timestamp"));
        };
        let (pts, dts) = (self.unwrap(pts), pes.dts.map(|dts| self.unwrap(dts)));
        let offset = self.payload_start + self.payload.len() as u64;
        if self.raw_picture.is_some() {
            return Err(mixed());
        }
        let picture = self.picture.get_or_insert_with(|| PictureReader::new(codec));
        let unit = picture.convert(codec, pes.data, &mut self.payload)?;
        let bytes = frame_bytes(unit.bytes)?;
        let same_chunk = self.same_chunk(TrackKind::Video, offset);
        self.count_frame()?;
        let sample = Sample {
            dts: dts.unwrap_or(pts),
            pts,
            length: 0,
            bytes,
            key: unit.key,
            entry: 0,
        };
        let table = self.video.get_or_insert_with(|| Table::new(90_000, 0));
        table.push(sample, offset, same_chunk)
    }

    /// Notes picture that is not taken, in 90 kHz ticks.
    fn picture_seen(&mut self, begin: i64, end: i64) {
        self.picture_run = self.picture_run.into_iter().chain([(begin, end)]).reduce(joined);
    }

    /// A frame of a fragment.
    fn fragment_frame(&mut self, track: &InitTrack, frame: FragmentFrame) -> Result<(), Fault> {
        let (entries, table) = match track.kind {
            TrackKind::Video if self.picture.is_some() => return Err(mixed()),
            TrackKind::Audio if self.sound.is_some() => return Err(mixed()),
            TrackKind::Video => (&mut self.raw_picture, &mut self.video),
            TrackKind::Audio => (&mut self.raw_sound, &mut self.audio),
        };
        let entry = entry_number(entries, track, frame.entry)?;
        let table = table.get_or_insert_with(|| Table::new(track.timescale, 0));
        let (to, from) = (i64::from(table.timescale), i64::from(track.timescale));
        let time = |ticks: i64| {
            if to == from {
                ticks
            } else {
                rescale(ticks, to, from)
            }
        };
        let dts = time(frame.dts);
        let end = time(frame.dts.saturating_add(i64::from(frame.length)));
        let sample = Sample {
            dts,
            pts: time(frame.pts),
            length: u32::try_from(end - dts).unwrap_or(frame.length),
            bytes: frame.bytes,
            key: track.kind == TrackKind::Video && frame.key,
            entry,
        };
        self.count_frame()?;
        let offset = self.payload_start + self.payload.len() as u64;
        let same_chunk = self.same_chunk(track.kind, offset);
        let tables = match track.kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        };
        tables
            .as_mut()
            .map_or(Ok(()), |table| table.push(sample, offset, same_chunk))
    }

    fn sound_pes(&mut self, codec: SoundCodec, pes: Pes<'_>) -> Result<(), Fault> {
        let pts = pes.pts.map(|pts| self.unwrap(pts));
        let mut frames = std::mem::take(&mut self.frames);
        let outcome = frames.push(codec, pts, pes.data, |frame| self.sound_frame(frame));
        self.frames = frames;
        outcome
    }

    fn sound_frame(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        if self.raw_sound.is_some() {
            return Err(mixed());
        }
        let offset = self.payload_start + self.payload.len() as u64;
        let same_chunk = self.same_chunk(TrackKind::Audio, offset);
        self.count_frame()?;
        self.sound = Some(frame.config);
        let samples = frame.config.frame_samples();
        let table = self
            .audio
            .get_or_insert_with(|| Table::new(frame.config.rate_hz(), samples));
        let stated = frame.pts.map(|pts| table.in_timescale(pts));
        let follows = table.last_in_run().map(|last| last + i64::from(samples));
        let time = match (stated, follows) {
            // Less than half a frame from where the frames before it end is rounding.
            (Some(stated), Some(follows)) if (stated - follows).abs() <= i64::from(samples / 2) => follows,
            (Some(stated), _) => stated,
            (None, Some(follows)) => follows,
            (None, None) => return Err(Fault::unsupported("sound that starts without a timestamp")),
        };
        let sample = Sample {
            dts: time,
            pts: time,
            length: 0,
            bytes: frame_bytes(frame.data.len())?,
            key: false,
            entry: 0,
        };
        table.push(sample, offset, same_chunk)?;
        self.payload.extend_from_slice(frame.data);
        Ok(())
    }

    /// Whether the frame at `offset` follows on one of its own track; notes it.
    fn same_chunk(&mut self, kind: TrackKind, offset: u64) -> bool {
        match self.last {
            Some((last, begin)) if last == kind && offset - begin < CHUNK_BYTES => true,
            _ => {
                self.last = Some((kind, offset));
                false
            }
        }
    }

    fn count_frame(&self) -> Result<(), Fault> {
        let frames: usize = self.tables().map(|table| table.rows.len()).sum();
        if frames >= self.max_frames {
            Err(Fault::TooManyFrames(self.max_frames))
        } else {
            Ok(())
        }
    }
}

impl PesSink for Tracks {
    fn pes(&mut self, stream: Stream, pes: Pes<'_>) -> Result<(), Fault> {
        match stream {
            Stream::Picture(codec) => self.video_pes(codec, pes),
            Stream::Sound(codec) => self.sound_pes(codec, pes),
            Stream::PictureTimes => {
                if let Some(pts) = pes.pts {
                    let pts = self.unwrap(pts);
                    self.picture_seen(pts, pts);
                }
                Ok(())
            }
        }
    }
}

/// Takes the frames of fragments that a source is to bring.
pub(crate) struct Taker<'a> {
    wanted: Wanted,
    tracks: &'a mut Tracks,
}

impl FrameSink for Taker<'_> {
    fn frame(&mut self, track: &InitTrack, frame: FragmentFrame) -> Result<bool, Fault> {
        let is_wanted = match (track.kind, self.wanted.picture) {
            (TrackKind::Audio, _) => self.wanted.sound,
            (TrackKind::Video, Picture::Take) => true,
            (TrackKind::Video, Picture::Ignore) => false,
            (TrackKind::Video, Picture::Times) => {
                let on_clock = |ticks| rescale(ticks, CLOCK_HZ, i64::from(track.timescale));
                let end = frame.pts.saturating_add(i64::from(frame.length));
                self.tracks.picture_seen(on_clock(frame.pts), on_clock(end));
                false
            }
        };
        if is_wanted {
            self.tracks.fragment_frame(track, frame)?;
        }
        Ok(is_wanted)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.tracks.payload.extend_from_slice(bytes);
    }
}

/// The number that the finished track has for a sample entry of an init section.
fn entry_number(known: &mut Option<RawEntries>, track: &InitTrack, index: usize) -> Result<u32, Fault> {
    let entry = track
        .entries
        .get(index)
        .ok_or_else(|| Fault::damaged("a frame of a sample entry that is not there"))?;
    let known = known.get_or_insert_with(|| RawEntries {
        kind: track.kind,
        width: track.width,
        height: track.height,
        entries: Vec::new(),
    });
    if let Some(number) = known.entries.iter().position(|other| other == entry) {
        return Ok(u32::try_from(number).unwrap_or(u32::MAX));
    }
    let codec = |entry: &Vec<u8>| entry.get(4..8).map(<[u8]>::to_vec);
    if known
        .entries
        .first()
        .is_some_and(|first| codec(first) != codec(entry))
    {
        return Err(Fault::unsupported("fragments whose codec changes midway"));
    }
    if known.entries.len() == MAX_ENTRIES {
        return Err(Fault::unsupported(
            "fragments of more sample entries than a track may have",
        ));
    }
    known.entries.push(entry.clone());
    Ok(u32::try_from(known.entries.len() - 1).unwrap_or(u32::MAX))
}

fn mixed() -> Fault {
    Fault::unsupported("a track in transport streams and in fragments")
}

fn joined(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn frame_bytes(len: usize) -> Result<u32, Fault> {
    u32::try_from(len).map_err(|_| Fault::damaged("frame over 4 GiB"))
}

fn clock_ms(ticks: i64) -> u64 {
    u64::try_from((ticks + 45) / 90).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ts::made::{AUDIO, VIDEO, packet, pes, tables};

    const BOTH: Wanted = Wanted {
        picture: Picture::Take,
        sound: true,
    };

    fn remuxer(frames: usize) -> Remuxer {
        Remuxer::new(&[BOTH], frames)
    }

    /// A 44.1 kHz stereo frame of ten bytes.
    fn adts() -> Vec<u8> {
        [&[0xff, 0xf1, 0x50, 0x80, 0x01, 0x5f, 0xfc][..], &[1, 2, 3]].concat()
    }

    /// A segment of sound frames at these times.
    fn sound(times: &[u64]) -> Vec<u8> {
        let mut bytes = tables();
        for (counter, time) in (0u8..16).cycle().zip(times) {
            bytes.extend(packet(AUDIO, true, counter, &pes(*time, &adts())));
        }
        bytes
    }

    fn deltas(remuxer: &Remuxer) -> Vec<u32> {
        remuxer
            .tracks
            .audio
            .iter()
            .flat_map(|table| table.rows.iter().map(|row| row.delta))
            .collect()
    }

    #[test]
    fn rounded_times_do_not_shift_sound() {
        // 1024 samples are 2089.8 ticks: the times jitter by a tick.
        let mut remuxer = remuxer(100);
        remuxer.push(0, &sound(&[0, 2090, 4180, 6269])).unwrap();
        remuxer.end_run().unwrap();
        assert_eq!(deltas(&remuxer), [1024; 4]);
    }

    #[test]
    fn a_gap_in_sound_stays_a_gap() {
        let mut remuxer = remuxer(100);
        remuxer.push(0, &sound(&[0, 2090, 90_000])).unwrap();
        remuxer.end_run().unwrap();
        assert_eq!(deltas(&remuxer), [1024, 44_100 - 1024, 1024]);
    }

    #[test]
    fn a_new_clock_goes_on_where_the_old_one_ended() {
        let mut remuxer = remuxer(100);
        for times in [[0, 2090], [7_000_000, 7_002_090]] {
            remuxer.push(0, &sound(&times)).unwrap();
            remuxer.end_segment(0).unwrap();
            remuxer.end_run().unwrap();
        }
        assert_eq!(deltas(&remuxer), [1024; 4]);
        assert_eq!(remuxer.duration_ms(), 93);
    }

    #[test]
    fn frames_are_limited() {
        let outcome = remuxer(2).push(0, &sound(&[0, 2090, 4180, 6270]));
        assert_eq!(outcome, Err(Fault::TooManyFrames(2)));
    }

    /// Packets of both streams with bodies that begin as they should.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let body = (
            any::<bool>(),
            any::<bool>(),
            0..1u64 << 33,
            prop::collection::vec(0u8..9, 0..150),
        );
        prop::collection::vec(body, 1..30).prop_map(|packets| {
            let mut bytes = tables();
            let mut counters = [0u8; 2];
            for (video, start, time, noise) in packets {
                let counter = &mut counters[usize::from(video)];
                let (pid, begin) = if video {
                    (
                        VIDEO,
                        vec![
                            0, 0, 1, 0x67, 100, 0, 31, 0xac, 0, 0, 1, 0x68, 0xee, 0, 0, 1, 0x65,
                        ],
                    )
                } else {
                    (AUDIO, adts())
                };
                let payload = if start {
                    pes(time, &[begin, noise].concat())
                } else {
                    noise
                };
                bytes.extend(packet(pid, start, *counter, &payload));
                *counter += 1;
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn arbitrary_streams_never_panic(bytes in stream(), again in stream()) {
            let mut remuxer = remuxer(1000);
            for segment in [bytes, again] {
                if remuxer.push(0, &segment).and_then(|()| remuxer.end_segment(0)).is_err() {
                    break;
                }
                let _ = (remuxer.end_run(), remuxer.presented_ms(), remuxer.duration_ms(), remuxer.head());
            }
        }

        #[test]
        fn slices_of_any_size_give_the_same_file(size in 1usize..600) {
            let segment = sound(&[0, 2090, 4180, 6270, 8359, 10_449]);
            let file = |slice: usize| {
                let mut remuxer = remuxer(100);
                for bytes in segment.chunks(slice) {
                    remuxer.push(0, bytes).unwrap();
                }
                remuxer.end_segment(0).unwrap();
                remuxer.end_run().unwrap();
                let mut payload = Vec::new();
                remuxer.take_payload(&mut payload);
                [remuxer.head().unwrap(), payload].concat()
            };
            prop_assert!(file(size) == file(segment.len()));
        }
    }
}
