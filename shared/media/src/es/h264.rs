//! H.264 (ISO/IEC 14496-10): from the byte stream of Annex B to the length-prefixed units of an MP4, and
//! the parameter sets that its sample entry needs.

use serde::{Deserialize, Serialize};

use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitReader, decode_nal};

use super::nal::{AccessUnit, append, keep, leading_ue, nals};
use crate::fault::Fault;

/// What a sample entry needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AvcConfig {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) sps: Vec<Vec<u8>>,
    pub(crate) pps: Vec<Vec<u8>>,
    /// Chroma format and bit depths, which the record carries for the High profiles.
    pub(crate) chroma: Option<Chroma>,
}

/// The sequence parameter set's chroma fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chroma {
    pub(crate) format: u8,
    pub(crate) luma_bits: u8,
    pub(crate) color_bits: u8,
}

/// Converts access units and collects parameter sets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct H264Reader {
    sps: Vec<Vec<u8>>,
    pps: Vec<Vec<u8>>,
}

impl H264Reader {
    /// Appends one access unit, as a PES packet carries it, to `payload`: every unit stays, in order, with
    /// its length in four bytes instead of a start code.
    pub(crate) fn convert(&mut self, annex_b: &[u8], payload: &mut Vec<u8>) -> Result<AccessUnit, Fault> {
        let before = payload.len();
        let (mut key, mut delimiters, mut slices) = (false, 0, 0);
        for nal in nals(annex_b)? {
            match nal[0] & 0x1f {
                1 => slices += 1,
                5 => {
                    slices += 1;
                    key = true;
                }
                7 => keep(&mut self.sps, nal, identity)?,
                8 => keep(&mut self.pps, nal, identity)?,
                9 => delimiters += 1,
                _ => {}
            }
            append(nal, payload)?;
        }
        if delimiters > 1 {
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
    pub(crate) fn config(&self) -> Result<AvcConfig, Fault> {
        let (Some(first), false) = (self.sps.first(), self.pps.is_empty()) else {
            return Err(Fault::damaged("picture without parameter sets"));
        };
        let unreadable = |e: &dyn std::fmt::Debug| Fault::damaged(format!("sequence parameter set: {e:?}"));
        let rbsp = decode_nal(first).map_err(|e| unreadable(&e))?;
        let sps = SeqParameterSet::from_bits(BitReader::new(&rbsp[..])).map_err(|e| unreadable(&e))?;
        let (width, height) = sps.pixel_dimensions().map_err(|e| unreadable(&e))?;
        let side = |pixels: u32| {
            u16::try_from(pixels).map_err(|_| Fault::unsupported(format!("pictures of {width}x{height}")))
        };
        let chroma = sps.profile_idc.has_chroma_info().then(|| Chroma {
            format: u8::try_from(sps.chroma_info.chroma_format.to_u32()).unwrap_or(1),
            luma_bits: sps.chroma_info.bit_depth_luma_minus8 + 8,
            color_bits: sps.chroma_info.bit_depth_chroma_minus8 + 8,
        });
        Ok(AvcConfig {
            width: side(width)?,
            height: side(height)?,
            sps: self.sps.clone(),
            pps: self.pps.clone(),
            chroma,
        })
    }
}

/// The parameter set's identifier: it follows the three profile bytes in a sequence set, and comes first in a picture set.
fn identity(nal: &[u8]) -> Option<u32> {
    leading_ue(nal.get(if nal[0] & 0x1f == 7 { 4 } else { 1 }..))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn start_codes_become_lengths() {
        let mut payload = Vec::new();
        let annex_b = [
            &[0, 0, 0, 1, 9, 0xf0][..],
            &[0, 0, 0, 1, 0x65, 1, 2],
            &[0, 0, 1, 0x65, 3],
        ]
        .concat();
        let unit = H264Reader::default().convert(&annex_b, &mut payload).unwrap();
        assert_eq!(
            payload,
            [0, 0, 0, 2, 9, 0xf0, 0, 0, 0, 3, 0x65, 1, 2, 0, 0, 0, 2, 0x65, 3]
        );
        assert_eq!(
            unit,
            AccessUnit {
                key: true,
                bytes: payload.len()
            }
        );
    }

    #[test]
    fn two_pictures_in_a_packet_are_refused() {
        let annex_b = [
            0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65, 1, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x61, 1,
        ];
        let outcome = H264Reader::default().convert(&annex_b, &mut Vec::new());
        assert!(matches!(outcome, Err(Fault::Unsupported(_))), "{outcome:?}");
    }

    #[test]
    fn a_parameter_set_that_changes_is_refused() {
        let mut known = Vec::new();
        keep(&mut known, &[0x67, 100, 0, 31, 0x80, 1], identity).unwrap();
        keep(&mut known, &[0x67, 100, 0, 31, 0x80, 1], identity).unwrap();
        keep(&mut known, &[0x67, 100, 0, 31, 0x40, 1], identity).unwrap();
        assert!(keep(&mut known, &[0x67, 100, 0, 40, 0x80, 1], identity).is_err());
        assert_eq!(known.len(), 2);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(0u8..12, 0..200)) {
            let mut reader = H264Reader::default();
            let _ = reader.convert(&bytes, &mut Vec::new());
            let _ = reader.config();
        }

        #[test]
        fn arbitrary_parameter_sets_never_panic(mut sps in prop::collection::vec(any::<u8>(), 4..80)) {
            sps[0] = 0x67;
            let reader = H264Reader { sps: vec![sps], pps: vec![vec![0x68, 0xee]] };
            let _ = reader.config();
        }
    }
}
