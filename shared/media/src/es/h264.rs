//! H.264 (ISO/IEC 14496-10): from the byte stream of Annex B to the length-prefixed units of an MP4, and
//! the parameter sets that its sample entry needs.

use serde::{Deserialize, Serialize};

use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitReader, decode_nal};
use memchr::memmem;

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

/// What one access unit turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessUnit {
    /// Decoding can start here: an IDR picture.
    pub(crate) key: bool,
    /// Bytes appended to the payload.
    pub(crate) bytes: usize,
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
                7 => keep(&mut self.sps, nal)?,
                8 => keep(&mut self.pps, nal)?,
                9 => delimiters += 1,
                _ => {}
            }
            let length = u32::try_from(nal.len()).map_err(|_| Fault::damaged("picture unit over 4 GiB"))?;
            payload.extend_from_slice(&length.to_be_bytes());
            payload.extend_from_slice(nal);
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

/// Adds a parameter set that is not known yet. More than 16 different ones mean that the picture changes
/// its nature midway, which one sample entry can't say.
fn keep(known: &mut Vec<Vec<u8>>, nal: &[u8]) -> Result<(), Fault> {
    const MOST: usize = 16;
    if known.iter().any(|k| k == nal) {
        return Ok(());
    }
    if nal.len() < 4 || nal.len() > usize::from(u16::MAX) {
        return Err(Fault::damaged(format!("parameter set of {} bytes", nal.len())));
    }
    // The identifier follows the three profile bytes in a sequence set, and comes first in a picture set.
    let identity = if nal[0] & 0x1f == 7 { 4 } else { 1 };
    let same_id = |k: &&Vec<u8>| leading_ue(k.get(identity..)) == leading_ue(nal.get(identity..));
    if known.iter().find(same_id).is_some() {
        return Err(Fault::unsupported("picture whose parameter sets change midway"));
    }
    if known.len() == MOST {
        return Err(Fault::unsupported(format!("more than {MOST} parameter sets")));
    }
    known.push(nal.to_vec());
    Ok(())
}

/// The Exp-Golomb number at the beginning of the bytes, where it fits four of them.
fn leading_ue(bytes: Option<&[u8]>) -> Option<u32> {
    let mut word = [0; 4];
    let bytes = bytes?;
    let len = bytes.len().min(4);
    word[..len].copy_from_slice(&bytes[..len]);
    let bits = u32::from_be_bytes(word);
    let zeros = bits.leading_zeros();
    (zeros < 16).then(|| (bits >> (31 - 2 * zeros)) - 1)
}

/// The units between start codes.
fn nals(annex_b: &[u8]) -> Result<impl Iterator<Item = &[u8]>, Fault> {
    const START: &[u8] = &[0, 0, 1];
    let Some(first) = memmem::find(annex_b, START) else {
        return Err(Fault::damaged("picture without a start code"));
    };
    if annex_b[..first].iter().any(|&byte| byte != 0) {
        return Err(Fault::damaged("bytes before the picture's first start code"));
    }
    let mut rest = Some(&annex_b[first + START.len()..]);
    Ok(std::iter::from_fn(move || {
        loop {
            let bytes = rest?;
            let (nal, next) = match memmem::find(bytes, START) {
                Some(end) => (trim_zeros(&bytes[..end]), Some(&bytes[end + START.len()..])),
                None => (bytes, None),
            };
            rest = next;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    }))
}

/// Zeros before a start code belong to it, not to the unit: a unit never ends with one.
fn trim_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    &bytes[..end]
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
        keep(&mut known, &[0x67, 100, 0, 31, 0x80, 1]).unwrap();
        keep(&mut known, &[0x67, 100, 0, 31, 0x80, 1]).unwrap();
        keep(&mut known, &[0x67, 100, 0, 31, 0x40, 1]).unwrap();
        assert!(keep(&mut known, &[0x67, 100, 0, 40, 0x80, 1]).is_err());
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
