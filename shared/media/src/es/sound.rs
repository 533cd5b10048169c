//! Sound: whole frames out of packets that cut them anywhere, and what a sample entry needs of them.
//!
//! The codecs' own headers are read in the modules beside this one.

use serde::{Deserialize, Serialize};

use super::ac3::{self, Ac3Config};
use super::adts::{self, AacConfig};
use super::mpeg_audio::{self, MpegConfig};
use crate::fault::Fault;

/// A codec of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SoundCodec {
    /// AAC in ADTS frames.
    Aac,
    /// MPEG-1 or MPEG-2 audio, layer II or III (MP3).
    Mpeg,
    /// AC-3.
    Ac3,
}

impl SoundCodec {
    /// Reads a frame's header; `None` where more bytes are needed.
    fn header(self, bytes: &[u8]) -> Result<Option<Header>, Fault> {
        match self {
            Self::Aac => adts::header(bytes),
            Self::Mpeg => mpeg_audio::header(bytes),
            Self::Ac3 => ac3::header(bytes),
        }
    }
}

/// What a decoder must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SoundConfig {
    Aac(AacConfig),
    Mpeg(MpegConfig),
    Ac3(Ac3Config),
}

impl SoundConfig {
    pub(crate) fn rate_hz(self) -> u32 {
        match self {
            Self::Aac(config) => config.rate_hz(),
            Self::Mpeg(config) => config.rate_hz,
            Self::Ac3(config) => config.rate_hz(),
        }
    }

    pub(crate) fn channels(self) -> u16 {
        match self {
            Self::Aac(config) => config.channels(),
            Self::Mpeg(config) => config.channels,
            Self::Ac3(config) => config.channels(),
        }
    }

    /// Samples per channel in a frame.
    pub(crate) fn frame_samples(self) -> u32 {
        match self {
            Self::Aac(_) => adts::FRAME_SAMPLES,
            Self::Mpeg(config) => config.frame_samples(),
            Self::Ac3(_) => ac3::FRAME_SAMPLES,
        }
    }

    /// The name in reports.
    pub(crate) fn codec_name(self) -> &'static str {
        match self {
            Self::Aac(_) => "aac",
            Self::Mpeg(config) => config.codec_name(),
            Self::Ac3(_) => "ac3",
        }
    }
}

/// What a frame's header says.
pub(super) struct Header {
    pub(super) config: SoundConfig,
    /// Where the frame's data begins and ends, from the header's first byte.
    pub(super) begins: usize,
    pub(super) ends: usize,
}

/// One frame, an AAC frame without its ADTS header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) config: SoundConfig,
    /// The packet's time, in its unit, for the first frame that begins in a packet; `None` for those that
    /// follow on.
    pub(crate) pts: Option<i64>,
    pub(crate) data: &'a [u8],
}

/// Cuts frames out of packets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SoundReader {
    /// The beginning of a frame from the packet before.
    carry: Vec<u8>,
    config: Option<SoundConfig>,
}

impl SoundReader {
    /// Takes a packet's bytes and its time; gives every frame that is whole by now.
    pub(crate) fn push(
        &mut self,
        codec: SoundCodec,
        pts: Option<i64>,
        data: &[u8],
        mut take: impl FnMut(Frame<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.carry.is_empty() {
            let used = self.frames(codec, data, pts, 0, &mut take)?;
            self.carry.extend_from_slice(&data[used..]);
            return Ok(());
        }
        // The packet's time is that of the first frame that begins in it, not of the one it completes.
        let begins_here = self.carry.len();
        let mut joined = std::mem::take(&mut self.carry);
        joined.extend_from_slice(data);
        let used = self.frames(codec, &joined, pts, begins_here, &mut take)?;
        joined.drain(..used);
        self.carry = joined;
        Ok(())
    }

    /// Ends a run: no frame may be left unfinished.
    pub(crate) fn end_run(&mut self) -> Result<(), Fault> {
        let left = std::mem::take(&mut self.carry).len();
        if left == 0 {
            return Ok(());
        }
        Err(Fault::truncated(format!(
            "the last sound frame has {left} bytes only"
        )))
    }

    fn frames(
        &mut self,
        codec: SoundCodec,
        bytes: &[u8],
        mut pts: Option<i64>,
        begins_here: usize,
        take: &mut impl FnMut(Frame<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some(header) = codec.header(&bytes[at..])? {
            let Some(frame) = bytes.get(at..at + header.ends) else {
                break;
            };
            if *self.config.get_or_insert(header.config) != header.config {
                return Err(Fault::unsupported("sound whose codec, rate or channels change"));
            }
            let time = if at >= begins_here { pts.take() } else { None };
            take(Frame {
                config: header.config,
                pts: time,
                data: &frame[header.begins..],
            })?;
            at += header.ends;
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A 44.1 kHz stereo LC frame around `payload`.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let len = payload.len() + 7;
        let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
        let mut bytes = vec![
            0xff,
            0xf1,
            0x50,
            0x80 | high >> 3,
            high << 5 | low >> 3,
            low << 5 | 0x1f,
            0xfc,
        ];
        bytes.extend(payload);
        bytes
    }

    type Got = Vec<(Option<i64>, Vec<u8>)>;

    fn push(reader: &mut SoundReader, pts: i64, data: &[u8], got: &mut Got) -> Result<(), Fault> {
        reader.push(SoundCodec::Aac, Some(pts), data, |f| {
            got.push((f.pts, f.data.to_vec()));
            Ok(())
        })
    }

    #[test]
    fn a_frame_across_packets_keeps_its_own_time() {
        let stream = [frame(b"one"), frame(b"two"), frame(b"three")].concat();
        let (mut reader, mut got) = (SoundReader::default(), Vec::new());
        push(&mut reader, 0, &stream[..14], &mut got).unwrap();
        push(&mut reader, 4000, &stream[14..], &mut got).unwrap();
        reader.end_run().unwrap();
        let expected = [
            (Some(0), b"one".to_vec()),
            (None, b"two".to_vec()),
            (Some(4000), b"three".to_vec()),
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn an_unfinished_frame_is_truncated() {
        let mut reader = SoundReader::default();
        push(&mut reader, 0, &frame(b"one")[..9], &mut Vec::new()).unwrap();
        assert!(matches!(reader.end_run(), Err(Fault::Truncated(_))));
    }

    #[test]
    fn lost_sync_is_damage() {
        let mut bytes = frame(b"one");
        bytes.extend(b"junk");
        let outcome = push(&mut SoundReader::default(), 0, &bytes, &mut Vec::new());
        assert!(matches!(outcome, Err(Fault::Damaged(_))), "{outcome:?}");
    }

    #[test]
    fn the_decoder_is_told_rate_and_channels() {
        let header = SoundCodec::Aac.header(&frame(b"x")).unwrap().unwrap();
        assert_eq!((header.config.rate_hz(), header.config.channels()), (44_100, 2));
        let SoundConfig::Aac(config) = header.config else {
            panic!("{:?}", header.config);
        };
        assert_eq!(config.specific_config(), [0x12, 0x10]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            sync in prop::sample::select(vec![&[][..], &[0xff, 0xfb], &[0x0b, 0x77]]),
            codec in prop::sample::select(vec![SoundCodec::Aac, SoundCodec::Mpeg, SoundCodec::Ac3]),
        ) {
            let _ = SoundReader::default().push(codec, Some(0), &[sync, &bytes].concat(), |_| Ok(()));
        }

        #[test]
        fn packets_of_any_size_give_the_same_frames(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..12),
            size in 1usize..50,
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|p| frame(p)).collect();
            let (mut reader, mut got) = (SoundReader::default(), Vec::new());
            for packet in stream.chunks(size) {
                push(&mut reader, 0, packet, &mut got).unwrap();
            }
            reader.end_run().unwrap();
            prop_assert_eq!(got.into_iter().map(|(_, data)| data).collect::<Vec<_>>(), payloads);
        }
    }
}
