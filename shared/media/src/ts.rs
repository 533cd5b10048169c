//! MPEG transport stream demuxing (ISO/IEC 13818-1), in slices of any size, one program, one picture and
//! one sound stream.
//!
//! Written here because a fetch must fail where a player may go on: the readers at hand skip packets that
//! lost sync, are scrambled or are flagged as broken, and the media would come out shorter.

mod packet;
mod pes;
mod psi;

use serde::{Deserialize, Serialize};

use packet::{PACKET_BYTES, Packet};
use pes::Assembler;
pub(crate) use pes::Pes;
use psi::{Pat, Pmt, Section};

use crate::es::sound::SoundCodec;
use crate::fault::Fault;

const PAT_PID: u16 = 0;
const NULL_PID: u16 = 0x1fff;

/// A codec of picture, as an Annex B byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PictureCodec {
    H264,
    Hevc,
}

/// Which elementary stream a PES packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stream {
    Picture(PictureCodec),
    Sound(SoundCodec),
    /// Picture that is not taken, of any codec: only its times.
    PictureTimes,
}

/// What to do with picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Picture {
    /// Take it out.
    Take,
    /// Tell its times only.
    Times,
    /// Pass it over: another source brings it.
    Ignore,
}

/// Which streams to take out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) picture: Picture,
    pub(crate) sound: bool,
}

/// Takes whole PES packets. An error ends the demuxing.
pub(crate) trait PesSink {
    /// One whole PES packet of a wanted stream.
    fn pes(&mut self, stream: Stream, pes: Pes<'_>) -> Result<(), Fault>;
}

/// Splits a transport stream into PES packets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Demuxer {
    wanted: Wanted,
    /// An unfinished packet from the slice before.
    partial: Vec<u8>,
    pat: Section,
    pmt: Section,
    pmt_pid: Option<u16>,
    /// Version and content of the PMT in force.
    table: Option<Pmt>,
    video: Option<Elementary>,
    audio: Option<Elementary>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Elementary {
    pid: u16,
    stream: Stream,
    assembler: Assembler,
    continuity: Option<u8>,
}

impl Elementary {
    fn new(pid: u16, stream: Stream) -> Self {
        let assembler = Assembler::new(stream == Stream::PictureTimes);
        Self {
            pid,
            stream,
            assembler,
            continuity: None,
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, sink: &mut impl PesSink) -> Result<(), Fault> {
        if let Some(last) = self.continuity
            && !packet.discontinuity
            && !packet.payload.is_empty()
        {
            // A packet may be sent twice in a row; the second is not counted and carries nothing new.
            if packet.continuity == last {
                return Ok(());
            }
            if packet.continuity != (last + 1) & 0x0f {
                return Err(Fault::damaged(format!(
                    "packets are missing in stream {:#06x}: continuity counter {} after {last}",
                    self.pid, packet.continuity
                )));
            }
        }
        if !packet.payload.is_empty() {
            self.continuity = Some(packet.continuity);
        }
        if packet.scrambled {
            return Err(Fault::Protected("transport stream scrambling"));
        }
        let stream = self.stream;
        if packet.unit_start {
            self.assembler.finish(|pes| sink.pes(stream, pes))?;
        }
        self.assembler
            .push(packet.unit_start, packet.payload, |pes| sink.pes(stream, pes))
    }
}

impl Demuxer {
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            partial: Vec::with_capacity(PACKET_BYTES),
            pat: Section::default(),
            pmt: Section::default(),
            pmt_pid: None,
            table: None,
            video: None,
            audio: None,
        }
    }

    /// Takes the next slice of the stream.
    pub(crate) fn push(&mut self, mut bytes: &[u8], sink: &mut impl PesSink) -> Result<(), Fault> {
        if !self.partial.is_empty() {
            let missing = PACKET_BYTES - self.partial.len();
            let (head, rest) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend_from_slice(head);
            bytes = rest;
            if self.partial.len() < PACKET_BYTES {
                return Ok(());
            }
            let whole = std::mem::take(&mut self.partial);
            self.packet(&whole, sink)?;
            self.partial = whole;
            self.partial.clear();
        }
        let mut packets = bytes.chunks_exact(PACKET_BYTES);
        for packet in &mut packets {
            self.packet(packet, sink)?;
        }
        self.partial.extend_from_slice(packets.remainder());
        Ok(())
    }

    /// Whether the program's tables have come.
    pub(crate) fn has_tables(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the first sound is AAC in ADTS frames, by the tables.
    pub(crate) fn sound_is_adts(&self) -> bool {
        let sound = self.table.as_ref().map(Pmt::audio);
        matches!(sound, Some(Ok(Some((SoundCodec::Aac, _)))))
    }

    /// Ends a segment: it must end with a whole packet, and must have brought the program's tables. The
    /// continuity counters may start anew in the next.
    pub(crate) fn end_segment(&mut self) -> Result<(), Fault> {
        if !self.partial.is_empty() {
            let over = self.partial.len();
            self.partial.clear();
            return Err(Fault::truncated(format!(
                "the last packet has {over} bytes, {PACKET_BYTES} expected"
            )));
        }
        if self.table.is_none() {
            return Err(Fault::damaged("no program map table in the whole segment"));
        }
        for elementary in [&mut self.video, &mut self.audio].into_iter().flatten() {
            elementary.continuity = None;
        }
        Ok(())
    }

    /// Gives out the PES packets whose end only the end of the stream tells, and forgets tables and
    /// counters: what follows is another stream.
    pub(crate) fn end_run(&mut self, sink: &mut impl PesSink) -> Result<(), Fault> {
        for elementary in [self.video.take(), self.audio.take()].into_iter().flatten() {
            let Elementary {
                mut assembler,
                stream,
                ..
            } = elementary;
            assembler.finish(|pes| sink.pes(stream, pes))?;
        }
        *self = Self::new(self.wanted);
        Ok(())
    }

    fn packet(&mut self, bytes: &[u8], sink: &mut impl PesSink) -> Result<(), Fault> {
        let packet = Packet::parse(bytes)?;
        if let Some(video) = &mut self.video
            && video.pid == packet.pid
        {
            return video.packet(&packet, sink);
        }
        if let Some(audio) = &mut self.audio
            && audio.pid == packet.pid
        {
            return audio.packet(&packet, sink);
        }
        match packet.pid {
            PAT_PID => {
                if let Some(section) = self.pat.push(packet.unit_start, packet.payload)?
                    && let Some(pat) = Pat::parse(section)?
                {
                    self.pmt_pid = Some(pat.first_program_pid);
                }
            }
            NULL_PID => {}
            pid if self.pmt_pid == Some(pid) => {
                if let Some(section) = self.pmt.push(packet.unit_start, packet.payload)?
                    && let Some(pmt) = Pmt::parse(section)?
                {
                    self.take_table(pmt)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_table(&mut self, pmt: Pmt) -> Result<(), Fault> {
        match &self.table {
            Some(known) if *known == pmt => return Ok(()),
            Some(_) => return Err(Fault::unsupported("the program's streams change within a run")),
            None => {}
        }
        self.video = match self.wanted.picture {
            Picture::Take => pmt
                .video()?
                .map(|(codec, pid)| Elementary::new(pid, Stream::Picture(codec))),
            Picture::Times => pmt
                .any_video()
                .map(|pid| Elementary::new(pid, Stream::PictureTimes)),
            Picture::Ignore => None,
        };
        if self.wanted.sound {
            self.audio = pmt
                .audio()?
                .map(|(codec, pid)| Elementary::new(pid, Stream::Sound(codec)));
            if self.audio.is_none() && self.wanted.picture != Picture::Take {
                return Err(Fault::NoSound);
            }
        }
        self.table = Some(pmt);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod made {
    //! Transport packets made by hand.

    use super::psi;

    pub(crate) const VIDEO: u16 = 0x100;
    pub(crate) const AUDIO: u16 = 0x101;

    /// One packet; what the payload leaves free is an adaptation field's stuffing.
    pub(crate) fn packet(pid: u16, start: bool, counter: u8, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(184)];
        let [high, low] = pid.to_be_bytes();
        let mut bytes = vec![0x47, high | u8::from(start) << 6, low, counter & 0x0f];
        match u8::try_from(184 - payload.len()).unwrap() {
            0 => bytes[3] |= 0x10,
            1 => {
                bytes[3] |= 0x30;
                bytes.push(0);
            }
            stuffing => {
                bytes[3] |= 0x30;
                bytes.extend([stuffing - 1, 0]);
                bytes.resize(4 + usize::from(stuffing), 0xff);
            }
        }
        bytes.extend(payload);
        bytes
    }

    /// The tables of a program with H.264 and AAC.
    pub(crate) fn tables() -> Vec<u8> {
        tables_of(0x1b, 0x0f)
    }

    /// The tables of a program with streams of these types.
    pub(crate) fn tables_of(video: u8, audio: u8) -> Vec<u8> {
        let pat = psi::with_checksum(&[0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0]);
        let pmt = psi::with_checksum(&[
            2, 0xb0, 23, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0, video, 0xe1, 0, 0xf0, 0, audio, 0xe1, 1, 0xf0, 0,
        ]);
        [
            packet(0, true, 0, &[&[0], &pat[..]].concat()),
            packet(0x1000, true, 0, &[&[0], &pmt[..]].concat()),
        ]
        .concat()
    }

    /// A PES packet with a presentation time, without a stated length.
    pub(crate) fn pes(pts: u64, data: &[u8]) -> Vec<u8> {
        let bits = |shift: u64, mask: u64| u8::try_from(pts >> shift & mask).unwrap();
        let mut bytes = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5];
        bytes.extend([0x21 | bits(30, 7) << 1, bits(22, 0xff), bits(15, 0x7f) << 1 | 1]);
        bytes.extend([bits(7, 0xff), bits(0, 0x7f) << 1 | 1]);
        bytes.extend(data);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Count(usize);

    impl PesSink for Count {
        fn pes(&mut self, _: Stream, _: Pes<'_>) -> Result<(), Fault> {
            self.0 += 1;
            Ok(())
        }
    }

    fn demuxer() -> Demuxer {
        Demuxer::new(Wanted {
            picture: Picture::Take,
            sound: true,
        })
    }

    #[test]
    fn a_page_is_no_transport_stream() {
        let page = b"<html><body>moved</body></html>".repeat(20);
        assert!(matches!(
            demuxer().push(&page, &mut Count(0)),
            Err(Fault::Damaged(_))
        ));
    }

    #[test]
    fn a_packet_cut_short_is_told() {
        let mut demuxer = demuxer();
        let null = [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat();
        demuxer.push(&null, &mut Count(0)).unwrap();
        demuxer.push(&null[..100], &mut Count(0)).unwrap();
        assert!(matches!(demuxer.end_segment(), Err(Fault::Truncated(_))));
    }

    /// Packets with a valid sync byte and few identifiers, so that tables and streams are reached.
    fn packets() -> impl Strategy<Value = Vec<u8>> {
        let packet = (
            any::<u8>(),
            prop::sample::select(vec![0u8, 1, 2]),
            any::<u8>(),
            any::<[u8; 32]>(),
        )
            .prop_map(|(flags, pid, control, body)| {
                let mut bytes = vec![0x47, flags & 0x40, pid, control];
                bytes.extend(body.iter().cycle().take(184));
                bytes
            });
        prop::collection::vec(packet, 1..20).prop_map(|p| p.concat())
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = demuxer().push(&bytes, &mut Count(0));
        }

        #[test]
        fn arbitrary_packets_never_panic(bytes in packets(), cut in 0usize..400) {
            let mut demuxer = demuxer();
            let cut = cut.min(bytes.len());
            let outcome = demuxer
                .push(&bytes[..cut], &mut Count(0))
                .and_then(|()| demuxer.push(&bytes[cut..], &mut Count(0)));
            if outcome.is_ok() {
                let _ = demuxer.end_segment();
                let _ = demuxer.end_run(&mut Count(0));
            }
        }
    }
}
