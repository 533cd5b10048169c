//! PES packets: their assembly from transport payloads, and their header.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Largest PES packet held. A 10-bit 4K key frame stays well under it.
const MAX_PES_BYTES: usize = 16 << 20;

/// One whole PES packet of an elementary stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pes<'a> {
    /// Presentation time, 33 bits at 90 kHz.
    pub(crate) pts: Option<u64>,
    /// Decoding time where it differs, 33 bits at 90 kHz.
    pub(crate) dts: Option<u64>,
    /// The elementary stream's bytes.
    pub(crate) data: &'a [u8],
}

/// Longest PES header: nine bytes and the 8-bit length of what is optional.
const MAX_HEADER_BYTES: usize = 9 + 255;

/// Collects one PES packet at a time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Assembler {
    bytes: Vec<u8>,
    open: bool,
    header_only: bool,
}

impl Assembler {
    /// An assembler of whole packets, or of their headers with no more than a few bytes of data.
    pub(super) fn new(header_only: bool) -> Self {
        Self {
            header_only,
            ..Self::default()
        }
    }

    /// Takes a transport payload. Gives the packet out at once where its header states a length.
    pub(super) fn push(
        &mut self,
        unit_start: bool,
        payload: &[u8],
        take: impl FnOnce(Pes<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if unit_start {
            self.open = true;
        } else if !self.open {
            // What precedes the first start belongs to a packet that was never announced.
            return Ok(());
        }
        if self.header_only {
            let room = MAX_HEADER_BYTES.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&payload[..payload.len().min(room)]);
            return Ok(());
        }
        if self.bytes.len() + payload.len() > MAX_PES_BYTES {
            return Err(Fault::damaged(format!(
                "PES packet of more than {MAX_PES_BYTES} bytes"
            )));
        }
        self.bytes.extend_from_slice(payload);
        match stated_bytes(&self.bytes) {
            Some(stated) if self.bytes.len() >= stated => {
                self.bytes.truncate(stated);
                self.finish(take)
            }
            _ => Ok(()),
        }
    }

    /// Gives out the packet that is being collected, if there is one: the next has started, or the stream
    /// has ended. A packet that states a length and falls short of it is an error.
    pub(super) fn finish(&mut self, take: impl FnOnce(Pes<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        let outcome = match stated_bytes(&self.bytes) {
            Some(stated) if self.bytes.len() < stated && !self.header_only => Err(Fault::truncated(format!(
                "PES packet of {} bytes, {stated} stated",
                self.bytes.len()
            ))),
            _ => parse(&self.bytes).and_then(take),
        };
        self.bytes.clear();
        outcome
    }
}

/// The whole packet's length where the header states one: video leaves it at 0.
fn stated_bytes(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [_, _, _, _, high, low, ..] if (high, low) != (0, 0) => {
            Some(6 + (usize::from(high) << 8 | usize::from(low)))
        }
        _ => None,
    }
}

fn parse(bytes: &[u8]) -> Result<Pes<'_>, Fault> {
    let [0, 0, 1, _, _, _, marks, flags, header, rest @ ..] = bytes else {
        return Err(Fault::damaged("PES packet without its start code"));
    };
    if marks & 0xc0 != 0x80 {
        return Err(Fault::damaged(format!(
            "PES header starts with {marks:#04x}, 0x80 to 0xbf expected"
        )));
    }
    if marks & 0x30 != 0 {
        return Err(Fault::Protected("PES scrambling"));
    }
    let Some((header, data)) = rest.split_at_checked(usize::from(*header)) else {
        return Err(Fault::truncated("PES packet ends inside its header"));
    };
    let pts = if flags & 0x80 == 0 {
        None
    } else {
        Some(timestamp(header.get(..5))?)
    };
    let dts = if flags & 0x40 == 0 {
        None
    } else {
        Some(timestamp(header.get(5..10))?)
    };
    Ok(Pes { pts, dts, data })
}

fn timestamp(bytes: Option<&[u8]>) -> Result<u64, Fault> {
    let Some(bytes) = bytes.and_then(|bytes| <[u8; 5]>::try_from(bytes).ok()) else {
        return Err(Fault::damaged("PES header too short for its timestamp"));
    };
    // Three, fifteen and fifteen bits, each followed by a marker bit.
    if bytes[0] & bytes[2] & bytes[4] & 1 == 0 {
        return Err(Fault::damaged("timestamp without its marker bits"));
    }
    let high = u64::from(bytes[0] >> 1 & 0b111);
    let middle = u64::from(u16::from_be_bytes([bytes[1], bytes[2]]) >> 1);
    let low = u64::from(u16::from_be_bytes([bytes[3], bytes[4]]) >> 1);
    Ok(high << 30 | middle << 15 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(length: [u8; 2], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 1, 0xc0, length[0], length[1], 0x80, 0x80, 5];
        bytes.extend([0x21, 0x00, 0x05, 0xbf, 0x21]);
        bytes.extend(data);
        bytes
    }

    type Got = Option<(Option<u64>, Vec<u8>)>;

    fn take_one(bytes: &[u8]) -> Result<Got, Fault> {
        let mut got = None;
        let mut assembler = Assembler::default();
        assembler.push(true, bytes, |pes| {
            got = Some((pes.pts, pes.data.to_vec()));
            Ok(())
        })?;
        Ok(got)
    }

    #[test]
    fn a_stated_length_ends_the_packet() {
        let got = take_one(&packet([0, 11], b"abcPADDING")).unwrap();
        assert_eq!(got, Some((Some(90_000), b"abc".to_vec())));
    }

    #[test]
    fn a_packet_without_a_length_ends_with_the_next() {
        let mut assembler = Assembler::default();
        let mut got = Vec::new();
        assembler
            .push(true, &packet([0, 0], b"ab"), |_| panic!("not yet whole"))
            .unwrap();
        assembler.push(false, b"cd", |_| panic!("not yet whole")).unwrap();
        assembler
            .finish(|pes| {
                got = pes.data.to_vec();
                Ok(())
            })
            .unwrap();
        assert_eq!(got, b"abcd");
    }

    #[test]
    fn a_packet_shorter_than_stated_is_truncated() {
        let mut assembler = Assembler::default();
        assembler
            .push(true, &packet([0, 200], b"abc"), |_| panic!("not whole"))
            .unwrap();
        let outcome = assembler.finish(|_| panic!("not whole"));
        assert!(matches!(outcome, Err(Fault::Truncated(_))), "{outcome:?}");
    }
}
