//! Program tables: which streams there are.

use serde::{Deserialize, Serialize};

use super::PictureCodec;
use crate::es::sound::SoundCodec;
use crate::fault::Fault;

/// Largest PAT or PMT section: three bytes of header and the 10-bit length it can state.
const MAX_SECTION_BYTES: usize = 3 + 1021;

/// Collects a table section from the packets that carry it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Section {
    bytes: Vec<u8>,
    open: bool,
}

impl Section {
    /// Takes a packet's payload; gives the section when it is whole.
    pub(super) fn push(&mut self, unit_start: bool, payload: &[u8]) -> Result<Option<&[u8]>, Fault> {
        let payload = if unit_start {
            self.bytes.clear();
            self.open = true;
            let [pointer, rest @ ..] = payload else {
                return Err(Fault::damaged("table packet without a payload"));
            };
            let pointer = usize::from(*pointer);
            rest.get(pointer..)
                .ok_or_else(|| Fault::damaged("table starts beyond its packet"))?
        } else {
            payload
        };
        if !self.open {
            return Ok(None);
        }
        let room = MAX_SECTION_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&payload[..payload.len().min(room)]);
        let [_, high, low, ..] = self.bytes[..] else {
            return Ok(None);
        };
        let end = 3 + (usize::from(high & 0x0f) << 8 | usize::from(low));
        if end > MAX_SECTION_BYTES {
            return Err(Fault::damaged(format!(
                "table of {end} bytes, at most {MAX_SECTION_BYTES} expected"
            )));
        }
        if self.bytes.len() < end {
            return Ok(None);
        }
        self.open = false;
        Ok(Some(&self.bytes[..end]))
    }
}

/// The content of a section after its eight bytes of header and before its checksum; `None` where it is
/// another table or not yet in force.
fn content(section: &[u8], table_id: u8) -> Result<Option<&[u8]>, Fault> {
    if section.first() != Some(&table_id) {
        return Ok(None);
    }
    let (Some(flags), Some(body)) = (
        section.get(5),
        section.len().checked_sub(4).and_then(|end| section.get(8..end)),
    ) else {
        return Err(Fault::damaged(format!(
            "table of {} bytes, at least 12 expected",
            section.len()
        )));
    };
    if crc32_mpeg2(section) != 0 {
        return Err(Fault::damaged("table with a wrong checksum"));
    }
    Ok((flags & 1 == 1).then_some(body))
}

/// The program association table.
#[derive(Debug)]
pub(super) struct Pat {
    pub(super) first_program_pid: u16,
}

impl Pat {
    pub(super) fn parse(section: &[u8]) -> Result<Option<Self>, Fault> {
        let Some(body) = content(section, 0x00)? else {
            return Ok(None);
        };
        // Program 0 names the network table.
        let pid = body.chunks_exact(4).find_map(|entry| match *entry {
            [0, 0, ..] => None,
            [_, _, high, low] => Some(u16::from(high & 0x1f) << 8 | u16::from(low)),
            _ => None,
        });
        Ok(pid.map(|first_program_pid| Self { first_program_pid }))
    }
}

/// The program map table: stream type, identifier, and what its descriptors name of DVB's sound.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pmt {
    streams: Vec<(u8, u16, Option<Private>)>,
}

/// Sound that DVB carries in private streams, and marks by descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Private {
    Ac3,
    Eac3,
}

impl Pmt {
    pub(super) fn parse(section: &[u8]) -> Result<Option<Self>, Fault> {
        let Some(body) = content(section, 0x02)? else {
            return Ok(None);
        };
        let short = || Fault::damaged("program map table ends inside an entry");
        let info = body.get(2..4).ok_or_else(short)?;
        let mut rest = body.get(4 + length12(info)..).ok_or_else(short)?;
        let mut streams = Vec::new();
        while let [kind, high, low, a, b, more @ ..] = rest {
            let (descriptors, next) = more.split_at_checked(length12(&[*a, *b])).ok_or_else(short)?;
            streams.push((
                *kind,
                u16::from(high & 0x1f) << 8 | u16::from(*low),
                private_sound(descriptors),
            ));
            rest = next;
        }
        if !rest.is_empty() {
            return Err(short());
        }
        Ok(Some(Self { streams }))
    }

    /// The picture stream. Of several the first counts, as players have it.
    pub(super) fn video(&self) -> Result<Option<(PictureCodec, u16)>, Fault> {
        for &(kind, pid, _) in &self.streams {
            match kind {
                0x1b => return Ok(Some((PictureCodec::H264, pid))),
                0x24 => return Ok(Some((PictureCodec::Hevc, pid))),
                0x01 | 0x02 => return Err(Fault::unsupported("MPEG-1/2 video")),
                0x10 => return Err(Fault::unsupported("MPEG-4 part 2 video")),
                0xdb => return Err(Fault::Protected("SAMPLE-AES")),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The picture stream, whatever its codec.
    pub(super) fn any_video(&self) -> Option<u16> {
        let mut streams = self.streams.iter();
        streams
            .find(|(kind, ..)| matches!(kind, 0x01 | 0x02 | 0x10 | 0x1b | 0x24 | 0xdb))
            .map(|s| s.1)
    }

    /// The sound stream. Of several the first counts.
    pub(super) fn audio(&self) -> Result<Option<(SoundCodec, u16)>, Fault> {
        for &(kind, pid, private) in &self.streams {
            match (kind, private) {
                (0x0f, _) => return Ok(Some((SoundCodec::Aac, pid))),
                (0x03 | 0x04, _) => return Ok(Some((SoundCodec::Mpeg, pid))),
                (0x81, _) | (0x06, Some(Private::Ac3)) => return Ok(Some((SoundCodec::Ac3, pid))),
                (0x11, _) => return Err(Fault::unsupported("AAC in LATM")),
                (0x87, _) | (0x06, Some(Private::Eac3)) => return Err(Fault::unsupported("E-AC-3 audio")),
                (0xcf | 0xc1 | 0xc2, _) => return Err(Fault::Protected("SAMPLE-AES")),
                _ => {}
            }
        }
        Ok(None)
    }
}

fn length12(bytes: &[u8]) -> usize {
    match *bytes {
        [high, low] => usize::from(high & 0x0f) << 8 | usize::from(low),
        _ => 0,
    }
}

/// What the descriptors name.
fn private_sound(mut descriptors: &[u8]) -> Option<Private> {
    while let [tag, length, rest @ ..] = descriptors {
        match tag {
            0x6a => return Some(Private::Ac3),
            0x7a => return Some(Private::Eac3),
            _ => descriptors = rest.get(usize::from(*length)..).unwrap_or_default(),
        }
    }
    None
}

/// The checksum of ISO/IEC 13818-1 annex A; 0 over a section with its own checksum. Sections come a few
/// times a second, so a table is not worth it.
fn crc32_mpeg2(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            if crc & 0x8000_0000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x04c1_1db7
            }
        })
    })
}

/// A section with its checksum behind it.
#[cfg(test)]
pub(super) fn with_checksum(section: &[u8]) -> Vec<u8> {
    [section, &crc32_mpeg2(section).to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pmt(streams: &[[u8; 5]]) -> Vec<u8> {
        let length = u8::try_from(9 + streams.len() * 5 + 4).unwrap();
        let mut section = vec![0x02, 0xb0, length, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0];
        section.extend(streams.concat());
        with_checksum(&section)
    }

    #[test]
    fn streams_are_found_by_type() {
        let section = pmt(&[
            [0x15, 0xe1, 2, 0xf0, 0],
            [0x1b, 0xe1, 0, 0xf0, 0],
            [0x0f, 0xe1, 1, 0xf0, 0],
        ]);
        let table = Pmt::parse(&section).unwrap().unwrap();
        assert_eq!(table.video(), Ok(Some((PictureCodec::H264, 0x100))));
        assert_eq!(table.audio(), Ok(Some((SoundCodec::Aac, 0x101))));
    }

    #[test]
    fn codecs_not_taken_are_named() {
        let table = Pmt::parse(&pmt(&[[0x02, 0xe1, 0, 0xf0, 0], [0x87, 0xe1, 1, 0xf0, 0]]))
            .unwrap()
            .unwrap();
        assert!(matches!(table.video(), Err(Fault::Unsupported(_))));
        assert!(matches!(table.audio(), Err(Fault::Unsupported(_))));
    }

    #[test]
    fn a_flipped_bit_is_told() {
        let mut section = pmt(&[[0x1b, 0xe1, 0, 0xf0, 0]]);
        section[13] ^= 1;
        assert!(matches!(Pmt::parse(&section), Err(Fault::Damaged(_))));
    }
}
