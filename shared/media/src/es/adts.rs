//! AAC in ADTS frames (ISO/IEC 14496-3, 1.A.2.2): frames that may cross packets, and the decoder's
//! configuration.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Samples per channel in an AAC frame.
pub(crate) const FRAME_SAMPLES: u32 = 1024;

/// Sampling rates by their index in the header.
const RATES_HZ: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// What a decoder must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AacConfig {
    /// MPEG-4 audio object type; 2 is LC.
    object_type: u8,
    rate_index: u8,
    channel_config: u8,
}

impl AacConfig {
    pub(crate) fn rate_hz(self) -> u32 {
        RATES_HZ
            .get(usize::from(self.rate_index))
            .copied()
            .unwrap_or(48_000)
    }

    pub(crate) fn channels(self) -> u16 {
        if self.channel_config == 7 {
            8
        } else {
            u16::from(self.channel_config)
        }
    }

    /// The AudioSpecificConfig of ISO/IEC 14496-3, 1.6.2.1.
    pub(crate) fn specific_config(self) -> [u8; 2] {
        [
            self.object_type << 3 | self.rate_index >> 1,
            (self.rate_index & 1) << 7 | self.channel_config << 3,
        ]
    }
}

struct Header {
    config: AacConfig,
    /// Where the frame's data begins and ends, from the header's first byte.
    begins: usize,
    ends: usize,
}

impl Header {
    /// Reads a header; `None` where more bytes are needed.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        if bytes
            .iter()
            .zip([0xff, 0xf0])
            .any(|(byte, sync)| byte & sync != sync)
        {
            let found: Vec<String> = bytes.iter().take(2).map(|b| format!("{b:02x}")).collect();
            return Err(Fault::damaged(format!(
                "sound frame starts with {}, fff expected",
                found.concat()
            )));
        }
        let [_, b1, b2, b3, b4, b5, b6, ..] = *bytes else {
            return Ok(None);
        };
        if b1 & 0b110 != 0 {
            return Err(Fault::unsupported(
                "MPEG audio layers in a stream announced as AAC",
            ));
        }
        let config = AacConfig {
            object_type: (b2 >> 6) + 1,
            rate_index: b2 >> 2 & 0x0f,
            channel_config: (b2 & 1) << 2 | b3 >> 6,
        };
        if usize::from(config.rate_index) >= RATES_HZ.len() {
            return Err(Fault::damaged(format!(
                "sampling rate index {}, 0 to 12 expected",
                config.rate_index
            )));
        }
        if config.channel_config == 0 {
            return Err(Fault::unsupported(
                "AAC whose channels are told inside its frames",
            ));
        }
        if b6 & 0b11 != 0 {
            return Err(Fault::unsupported("several AAC blocks in one ADTS frame"));
        }
        let begins = if b1 & 1 == 1 { 7 } else { 9 };
        let ends = usize::from(b3 & 0b11) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
        if ends <= begins {
            return Err(Fault::damaged(format!(
                "sound frame of {ends} bytes, header included"
            )));
        }
        Ok(Some(Self { config, begins, ends }))
    }
}

/// One AAC frame without its ADTS header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) config: AacConfig,
    /// The packet's time, in its unit, for the first frame that begins in a packet; `None` for those that
    /// follow on.
    pub(crate) pts: Option<i64>,
    pub(crate) data: &'a [u8],
}

/// Cuts ADTS frames out of packets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct AdtsReader {
    /// The beginning of a frame from the packet before.
    carry: Vec<u8>,
    config: Option<AacConfig>,
}

impl AdtsReader {
    /// Takes a packet's bytes and its time; gives every frame that is whole by now.
    pub(crate) fn push(
        &mut self,
        pts: Option<i64>,
        data: &[u8],
        mut take: impl FnMut(Frame<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.carry.is_empty() {
            let used = self.frames(data, pts, 0, &mut take)?;
            self.carry.extend_from_slice(&data[used..]);
            return Ok(());
        }
        // The packet's time is that of the first frame that begins in it, not of the one it completes.
        let begins_here = self.carry.len();
        let mut joined = std::mem::take(&mut self.carry);
        joined.extend_from_slice(data);
        let used = self.frames(&joined, pts, begins_here, &mut take)?;
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
        bytes: &[u8],
        mut pts: Option<i64>,
        begins_here: usize,
        take: &mut impl FnMut(Frame<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some(header) = Header::parse(&bytes[at..])? {
            let Some(frame) = bytes.get(at..at + header.ends) else {
                break;
            };
            if *self.config.get_or_insert(header.config) != header.config {
                return Err(Fault::unsupported("sound whose rate or channels change"));
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

    fn push(reader: &mut AdtsReader, pts: i64, data: &[u8], got: &mut Got) -> Result<(), Fault> {
        reader.push(Some(pts), data, |f| {
            got.push((f.pts, f.data.to_vec()));
            Ok(())
        })
    }

    #[test]
    fn a_frame_across_packets_keeps_its_own_time() {
        let stream = [frame(b"one"), frame(b"two"), frame(b"three")].concat();
        let (mut reader, mut got) = (AdtsReader::default(), Vec::new());
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
        let mut reader = AdtsReader::default();
        push(&mut reader, 0, &frame(b"one")[..9], &mut Vec::new()).unwrap();
        assert!(matches!(reader.end_run(), Err(Fault::Truncated(_))));
    }

    #[test]
    fn lost_sync_is_damage() {
        let mut bytes = frame(b"one");
        bytes.extend(b"junk");
        let outcome = push(&mut AdtsReader::default(), 0, &bytes, &mut Vec::new());
        assert!(matches!(outcome, Err(Fault::Damaged(_))), "{outcome:?}");
    }

    #[test]
    fn the_decoder_is_told_rate_and_channels() {
        let header = Header::parse(&frame(b"x")).unwrap().unwrap();
        assert_eq!((header.config.rate_hz(), header.config.channels()), (44_100, 2));
        assert_eq!(header.config.specific_config(), [0x12, 0x10]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = push(&mut AdtsReader::default(), 0, &bytes, &mut Vec::new());
        }

        #[test]
        fn packets_of_any_size_give_the_same_frames(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..12),
            size in 1usize..50,
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|p| frame(p)).collect();
            let (mut reader, mut got) = (AdtsReader::default(), Vec::new());
            for packet in stream.chunks(size) {
                push(&mut reader, 0, packet, &mut got).unwrap();
            }
            reader.end_run().unwrap();
            prop_assert_eq!(got.into_iter().map(|(_, data)| data).collect::<Vec<_>>(), payloads);
        }
    }
}
