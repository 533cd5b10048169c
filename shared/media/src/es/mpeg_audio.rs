//! MPEG-1 and MPEG-2 audio, layers II and III (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3, 2.4.2.3): frame headers.

use serde::{Deserialize, Serialize};

use super::sound::{Header, SoundConfig};
use crate::fault::Fault;

/// Kilobits a second by the header's index 1 to 14: MPEG-1 layer II, MPEG-1 layer III, MPEG-2 layers II and III.
const KBITS: [[u32; 14]; 3] = [
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// What a decoder must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MpegConfig {
    /// MPEG-2's half rates, or the quarter rates after it.
    pub(crate) low_rates: bool,
    layer_3: bool,
    pub(crate) rate_hz: u32,
    pub(crate) channels: u16,
}

impl MpegConfig {
    /// Samples per channel in a frame.
    pub(super) fn frame_samples(self) -> u32 {
        if self.layer_3 && self.low_rates { 576 } else { 1152 }
    }

    pub(super) fn codec_name(self) -> &'static str {
        if self.layer_3 { "mp3" } else { "mp2" }
    }
}

/// Reads a header; `None` where more bytes are needed.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    if bytes
        .iter()
        .zip([0xff, 0xe0])
        .any(|(byte, sync)| byte & sync != sync)
    {
        return Err(Fault::damaged(format!(
            "sound frame starts with {:02x?}, ffe expected",
            &bytes[..bytes.len().min(2)]
        )));
    }
    let [_, b1, b2, b3, ..] = *bytes else {
        return Ok(None);
    };
    // 3 is MPEG-1, 2 is MPEG-2, and 0 has a quarter of MPEG-1's rates.
    let (low_rates, divisor) = match b1 >> 3 & 0b11 {
        3 => (false, 1),
        2 => (true, 2),
        0 => (true, 4),
        _ => return Err(Fault::damaged("MPEG audio of a reserved version")),
    };
    let layer_3 = match b1 >> 1 & 0b11 {
        1 => true,
        2 => false,
        3 => return Err(Fault::unsupported("MPEG audio layer I")),
        _ => return Err(Fault::damaged("MPEG audio of a reserved layer")),
    };
    let table = match (low_rates, layer_3) {
        (false, false) => &KBITS[0],
        (false, true) => &KBITS[1],
        (true, _) => &KBITS[2],
    };
    let kbits = match b2 >> 4 {
        0 => return Err(Fault::unsupported("MPEG audio whose bit rate is not told")),
        index => table.get(usize::from(index) - 1).copied(),
    };
    let full_rate_hz = [44_100, 48_000, 32_000].get(usize::from(b2 >> 2 & 0b11));
    let (Some(kbits), Some(full_rate_hz)) = (kbits, full_rate_hz) else {
        return Err(Fault::damaged("MPEG audio with a reserved bit or sampling rate"));
    };
    let config = MpegConfig {
        low_rates,
        layer_3,
        rate_hz: full_rate_hz / divisor,
        channels: if b3 >> 6 == 3 { 1 } else { 2 },
    };
    // A byte for eight samples, and one of padding.
    let ends = config.frame_samples() / 8 * kbits * 1000 / config.rate_hz + u32::from(b2 >> 1 & 1);
    Ok(Some(Header {
        config: SoundConfig::Mpeg(config),
        begins: 0,
        ends: usize::try_from(ends).unwrap_or(usize::MAX),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_bit_rate_and_sampling_rate() {
        // MPEG-1 layer III, 128 kbit/s, 44.1 kHz, padded; MPEG-2 layer III, 64 kbit/s, 22.05 kHz; MPEG-1 layer II,
        // 192 kbit/s, 48 kHz.
        let cases: [([u8; 4], u32, u32, usize); 3] = [
            ([0xff, 0xfb, 0x92, 0x00], 44_100, 1152, 418),
            ([0xff, 0xf3, 0x80, 0xc0], 22_050, 576, 208),
            ([0xff, 0xfd, 0xa4, 0x00], 48_000, 1152, 576),
        ];
        for (bytes, rate_hz, samples, ends) in cases {
            let header = header(&bytes).unwrap().unwrap();
            assert_eq!(
                (
                    header.config.rate_hz(),
                    header.config.frame_samples(),
                    header.ends
                ),
                (rate_hz, samples, ends)
            );
        }
    }

    #[test]
    fn what_is_reserved_is_damage() {
        for bytes in [
            [0xff, 0xeb, 0x90, 0],
            [0xff, 0xfb, 0xf0, 0],
            [0xff, 0xfb, 0x9c, 0],
        ] {
            assert!(matches!(header(&bytes), Err(Fault::Damaged(_))), "{bytes:02x?}");
        }
    }
}
