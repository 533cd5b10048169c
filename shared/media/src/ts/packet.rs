//! The 188-byte transport packet.

use crate::fault::Fault;

/// Length of a transport packet.
pub(super) const PACKET_BYTES: usize = 188;

/// A parsed packet header with its payload.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) pid: u16,
    pub(super) unit_start: bool,
    pub(super) scrambled: bool,
    pub(super) continuity: u8,
    /// The adaptation field announces a jump of the counter.
    pub(super) discontinuity: bool,
    /// Empty where the packet has an adaptation field only.
    pub(super) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads one packet of [`PACKET_BYTES`].
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let [sync, b1, b2, b3, rest @ ..] = bytes else {
            return Err(Fault::truncated("a transport packet without a header"));
        };
        if *sync != 0x47 {
            return Err(Fault::damaged(format!(
                "packet starts with {sync:#04x}, 0x47 expected"
            )));
        }
        if b1 & 0x80 != 0 {
            return Err(Fault::damaged("packet is flagged as broken by its sender"));
        }
        let (payload, discontinuity) = match b3 >> 4 & 0b11 {
            0b01 => (rest, false),
            0b00 => {
                return Err(Fault::damaged(
                    "packet with the reserved adaptation field control 0",
                ));
            }
            control => {
                let [length, field @ ..] = rest else {
                    return Err(Fault::truncated("a transport packet without an adaptation field"));
                };
                let length = usize::from(*length);
                let Some((field, payload)) = field.split_at_checked(length) else {
                    return Err(Fault::damaged(format!(
                        "adaptation field of {length} bytes, 183 at most"
                    )));
                };
                let discontinuity = field.first().is_some_and(|flags| flags & 0x80 != 0);
                (if control == 0b11 { payload } else { &[] }, discontinuity)
            }
        };
        Ok(Self {
            pid: u16::from(b1 & 0x1f) << 8 | u16::from(*b2),
            unit_start: b1 & 0x40 != 0,
            scrambled: b3 & 0xc0 != 0,
            continuity: b3 & 0x0f,
            discontinuity,
            payload,
        })
    }
}
