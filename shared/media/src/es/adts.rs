//! AAC in ADTS frames (ISO/IEC 14496-3, 1.A.2.2): their headers, and the decoder's configuration.

use serde::{Deserialize, Serialize};

use super::sound::{Header, SoundConfig};
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

/// Reads a header; `None` where more bytes are needed.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
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
    Ok(Some(Header {
        config: SoundConfig::Aac(config),
        begins,
        ends,
    }))
}
