//! AC-3 (ETSI TS 102 366, 4.3 and 4.4): frame headers.

use serde::{Deserialize, Serialize};

use super::sound::{Header, SoundConfig};
use crate::fault::Fault;

/// Samples per channel in a frame: six blocks of 256.
pub(super) const FRAME_SAMPLES: u32 = 1536;

/// Kilobits a second by half the frame size code.
const KBITS: [u32; 19] = [
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
];

/// What a decoder must be told, in the codes of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ac3Config {
    pub(crate) rate_code: u8,
    pub(crate) bsid: u8,
    pub(crate) bsmod: u8,
    /// Which channels there are, the low-frequency one apart.
    pub(crate) acmod: u8,
    pub(crate) low_frequency: bool,
    pub(crate) bit_rate_code: u8,
}

impl Ac3Config {
    pub(super) fn rate_hz(self) -> u32 {
        match self.rate_code {
            0 => 48_000,
            1 => 44_100,
            _ => 32_000,
        }
    }

    pub(super) fn channels(self) -> u16 {
        let full = [2, 1, 2, 3, 3, 4, 4, 5][usize::from(self.acmod & 0b111)];
        full + u16::from(self.low_frequency)
    }
}

/// Reads a header; `None` where more bytes are needed.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    if bytes.iter().zip([0x0b, 0x77]).any(|(byte, sync)| *byte != sync) {
        return Err(Fault::damaged(format!(
            "sound frame starts with {:02x?}, 0b77 expected",
            &bytes[..bytes.len().min(2)]
        )));
    }
    // After two bytes of checksum.
    let [_, _, _, _, b4, b5, b6, b7, ..] = *bytes else {
        return Ok(None);
    };
    let (rate_code, size_code, bsid) = (b4 >> 6, b4 & 0x3f, b5 >> 3);
    if bsid > 8 {
        return Err(Fault::unsupported("E-AC-3 in a stream announced as AC-3"));
    }
    let kbits = KBITS.get(usize::from(size_code >> 1)).copied();
    let (Some(kbits), false) = (kbits, rate_code == 3) else {
        return Err(Fault::damaged("AC-3 with a reserved bit or sampling rate"));
    };
    let acmod = b6 >> 5;
    // Mix levels stand before the low-frequency bit where there are channels to mix: center, surround, or both; and a
    // word on Dolby Surround where there are two.
    let mut before = 0;
    if acmod & 1 == 1 && acmod != 1 {
        before += 2;
    }
    if acmod & 0b100 != 0 {
        before += 2;
    }
    if acmod == 2 {
        before += 2;
    }
    let word = u16::from_be_bytes([b6, b7]);
    let config = Ac3Config {
        rate_code,
        bsid,
        bsmod: b5 & 0b111,
        acmod,
        low_frequency: word >> (12 - before) & 1 == 1,
        bit_rate_code: size_code >> 1,
    };
    // In words of 16 bits, rounded down; at 44.1 kHz the code's last bit adds one.
    let words = kbits * 1000 * FRAME_SAMPLES / 16 / config.rate_hz();
    let words = words + u32::from(rate_code == 1 && size_code & 1 == 1);
    Ok(Some(Header {
        config: SoundConfig::Ac3(config),
        begins: 0,
        ends: usize::try_from(words * 2).unwrap_or(usize::MAX),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_channels_follow_the_codes() {
        // 448 kbit/s at 48 kHz in 5.1; 192 kbit/s at 44.1 kHz in stereo, the longer of its two lengths.
        let cases: [([u8; 8], u16, usize); 2] = [
            ([0x0b, 0x77, 0, 0, 0x1e, 0x40, 0xe1, 0], 6, 1792),
            ([0x0b, 0x77, 0, 0, 0x55, 0x40, 0x40, 0], 2, 836),
        ];
        for (bytes, channels, ends) in cases {
            let header = header(&bytes).unwrap().unwrap();
            assert_eq!((header.config.channels(), header.ends), (channels, ends));
        }
    }

    #[test]
    fn the_next_codec_under_this_name_is_refused() {
        let outcome = header(&[0x0b, 0x77, 0, 0, 0x1e, 0x80, 0xe1, 0]);
        assert!(matches!(outcome, Err(Fault::Unsupported(_))));
    }
}
