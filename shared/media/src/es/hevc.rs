//! HEVC (ISO/IEC 23008-2): from the byte stream of Annex B to the length-prefixed units of an MP4, and the parameter
//! sets that its sample entry needs.

use serde::{Deserialize, Serialize};

use h264_reader::rbsp::{BitRead as _, BitReader, BitReaderError, decode_nal};

use super::nal::{AccessUnit, append, keep, leading_ue, nals};
use crate::fault::Fault;

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

/// What a sample entry needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HevcConfig {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// The twelve bytes of the general profile, tier and level, as they stand in the sequence parameter set.
    pub(crate) profile: [u8; 12],
    pub(crate) temporal_layers: u8,
    pub(crate) temporal_nesting: bool,
    pub(crate) chroma_format: u8,
    pub(crate) luma_bits: u8,
    pub(crate) color_bits: u8,
    /// The parameter sets, by their kind of unit.
    pub(crate) sets: [(u8, Vec<Vec<u8>>); 3],
}

/// Converts access units and collects parameter sets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct HevcReader {
    vps: Vec<Vec<u8>>,
    sps: Vec<Vec<u8>>,
    pps: Vec<Vec<u8>>,
}

impl HevcReader {
    /// Appends one access unit, as a PES packet carries it, to `payload`: every unit stays, in order, with its length in
    /// four bytes instead of a start code.
    pub(crate) fn convert(&mut self, annex_b: &[u8], payload: &mut Vec<u8>) -> Result<AccessUnit, Fault> {
        let before = payload.len();
        let (mut key, mut pictures, mut slices) = (false, 0, 0);
        for nal in nals(annex_b)? {
            let kind = nal[0] >> 1 & 0x3f;
            match kind {
                // Slices; those of 16 to 23 are of pictures at which decoding can start.
                0..=31 => {
                    slices += 1;
                    key |= (16..24).contains(&kind);
                    // The first bit after the unit's two bytes of header marks a picture's first slice.
                    pictures += u32::from(nal.get(2).is_some_and(|byte| byte & 0x80 != 0));
                }
                VPS => keep(&mut self.vps, nal, identity)?,
                SPS => keep(&mut self.sps, nal, identity)?,
                PPS => keep(&mut self.pps, nal, identity)?,
                _ => {}
            }
            append(nal, payload)?;
        }
        if pictures > 1 {
            return Err(Fault::unsupported("several pictures in one PES packet"));
        }
        if slices == 0 {
            return Err(Fault::damaged("PES packet of picture without a slice"));
        }
        Ok(AccessUnit {
            key,
            bytes: payload.len() - before,
        })
    }

    /// The configuration from the parameter sets seen so far.
    pub(crate) fn config(&self) -> Result<HevcConfig, Fault> {
        let (Some(first), false, false) = (self.sps.first(), self.vps.is_empty(), self.pps.is_empty()) else {
            return Err(Fault::damaged("picture without parameter sets"));
        };
        let unreadable = |e: &dyn std::fmt::Debug| Fault::damaged(format!("sequence parameter set: {e:?}"));
        // The header's second byte is taken for the only one of an H.264 unit.
        let rbsp = decode_nal(first.get(1..).unwrap_or_default()).map_err(|e| unreadable(&e))?;
        let head: [u8; 13] = rbsp
            .get(..13)
            .and_then(|head| head.try_into().ok())
            .ok_or_else(|| Fault::damaged("sequence parameter set too short"))?;
        let sps = Sps::parse(&rbsp).map_err(|e| unreadable(&e))?;
        let side = |pixels: u32| {
            u16::try_from(pixels)
                .map_err(|_| Fault::unsupported(format!("pictures of {}x{}", sps.width, sps.height)))
        };
        let [layers, profile @ ..] = head;
        Ok(HevcConfig {
            width: side(sps.width)?,
            height: side(sps.height)?,
            profile,
            temporal_layers: (layers >> 1 & 0b111) + 1,
            temporal_nesting: layers & 1 == 1,
            chroma_format: sps.chroma_format,
            luma_bits: sps.luma_bits,
            color_bits: sps.color_bits,
            sets: [
                (VPS, self.vps.clone()),
                (SPS, self.sps.clone()),
                (PPS, self.pps.clone()),
            ],
        })
    }
}

/// The parameter set's identifier: four bits in a video set, behind profile and level in a sequence set, where what precedes
/// it stands for it, and first in a picture set.
fn identity(nal: &[u8]) -> Option<u32> {
    match nal[0] >> 1 & 0x3f {
        VPS => nal.get(2).map(|byte| u32::from(byte >> 4)),
        SPS => nal.get(2).map(|byte| u32::from(*byte)),
        _ => leading_ue(nal.get(2..)),
    }
}

/// What is read of a sequence parameter set (7.3.2.2).
struct Sps {
    width: u32,
    height: u32,
    chroma_format: u8,
    luma_bits: u8,
    color_bits: u8,
}

impl Sps {
    fn parse(rbsp: &[u8]) -> Result<Self, BitReaderError> {
        let mut bits = BitReader::new(rbsp);
        bits.skip(4, "video parameter set")?;
        let sub_layers: u8 = bits.read::<3, u8>("sub-layers")?;
        bits.skip(1 + 12 * 8, "nesting, profile and level")?;
        let mut present = Vec::with_capacity(usize::from(sub_layers));
        for _ in 0..sub_layers {
            present.push((bits.read_bit("profile present")?, bits.read_bit("level present")?));
        }
        if sub_layers > 0 {
            bits.skip(2 * (8 - u32::from(sub_layers)), "reserved")?;
        }
        for (profile, level) in present {
            bits.skip(if profile { 88 } else { 0 }, "sub-layer profile")?;
            bits.skip(if level { 8 } else { 0 }, "sub-layer level")?;
        }
        bits.read_ue("identifier")?;
        let chroma_format = bits.read_ue("chroma format")?;
        if chroma_format == 3 {
            bits.skip(1, "separate planes")?;
        }
        let (width, height) = (bits.read_ue("width")?, bits.read_ue("height")?);
        let (mut cut_x, mut cut_y) = (0, 0);
        if bits.read_bit("window")? {
            let mut pair = |name| -> Result<u32, BitReaderError> {
                Ok(bits.read_ue(name)?.saturating_add(bits.read_ue(name)?))
            };
            (cut_x, cut_y) = (pair("left and right")?, pair("top and bottom")?);
        }
        // The window is told in units of color samples.
        let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma_format == 1 { 2 } else { 1 };
        let depth = |less_8: u32| u8::try_from(less_8.saturating_add(8)).unwrap_or(u8::MAX);
        Ok(Self {
            width: width.saturating_sub(cut_x.saturating_mul(unit_x)),
            height: height.saturating_sub(cut_y.saturating_mul(unit_y)),
            chroma_format: u8::try_from(chroma_format).unwrap_or(u8::MAX),
            luma_bits: depth(bits.read_ue("luma depth")?),
            color_bits: depth(bits.read_ue("color depth")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Main profile at level 3.1, 320x184 with four lines cut off at the bottom, as x265 writes it.
    const SPS_320X180: [u8; 29] = [
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
        0x3c, 0xa0, 0x0a, 0x08, 0x0b, 0x9f, 0x79, 0x65, 0x79, 0x24, 0xca, 0xe0,
    ];

    #[test]
    fn what_is_cut_off_does_not_count() {
        let reader = HevcReader {
            vps: vec![vec![0x40, 0x01, 0x0c]],
            sps: vec![SPS_320X180.to_vec()],
            pps: vec![vec![0x44, 0x01, 0xc1]],
        };
        let config = reader.config().unwrap();
        assert_eq!((config.width, config.height), (320, 180));
        assert_eq!(
            (config.chroma_format, config.luma_bits, config.color_bits),
            (1, 8, 8)
        );
        assert_eq!((config.temporal_layers, config.temporal_nesting), (1, true));
        assert_eq!((config.profile[0], config.profile[11]), (0x01, 0x3c));
    }

    #[test]
    fn two_pictures_in_a_packet_are_refused() {
        let annex_b = [0, 0, 1, 0x26, 1, 0x80, 0, 0, 1, 0x02, 1, 0x80];
        let outcome = HevcReader::default().convert(&annex_b, &mut Vec::new());
        assert!(matches!(outcome, Err(Fault::Unsupported(_))), "{outcome:?}");
    }

    #[test]
    fn slices_of_one_picture_are_one_frame() {
        let annex_b = [0, 0, 1, 0x26, 1, 0x80, 0, 0, 1, 0x26, 1, 0x10];
        let mut payload = Vec::new();
        let unit = HevcReader::default().convert(&annex_b, &mut payload).unwrap();
        assert!(unit.key);
        assert_eq!(payload, [0, 0, 0, 3, 0x26, 1, 0x80, 0, 0, 0, 3, 0x26, 1, 0x10]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(0u8..80, 0..200)) {
            let mut reader = HevcReader::default();
            let _ = reader.convert(&bytes, &mut Vec::new());
            let _ = reader.config();
        }

        #[test]
        fn arbitrary_parameter_sets_never_panic(mut sps in prop::collection::vec(any::<u8>(), 4..80)) {
            sps[0] = 0x42;
            let reader = HevcReader {
                vps: vec![vec![0x40, 0x01, 0x0c]],
                sps: vec![sps],
                pps: vec![vec![0x44, 0x01, 0xc1]],
            };
            let _ = reader.config();
        }
    }
}
