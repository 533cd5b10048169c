//! What an MPEG-4 sample entry says of bit rates.

use super::boxes::{Header, header};
use crate::report::TrackKind;

/// Tags of ISO/IEC 14496-1, 7.2.6: an elementary stream, and how it is decoded.
const STREAM: u8 = 3;
const DECODER: u8 = 4;

/// Sets buffer size and bit rates in an entry's `esds` to 0, which says nothing of them. Whoever writes them measured a part of
/// the media only, and entries that differ in nothing else would be taken for two.
pub(crate) fn forget_bit_rates(entry: &mut [u8], kind: TrackKind) {
    if let Some(rates) = bit_rates(entry, kind).and_then(|begin| entry.get_mut(begin..begin + 11)) {
        rates.fill(0);
    }
}

/// Where buffer size and bit rates stand in an entry.
fn bit_rates(entry: &[u8], kind: TrackKind) -> Option<usize> {
    // The fields before an entry's boxes (ISO/IEC 14496-12, 12.1.3 and 12.2.3).
    let mut at = match kind {
        TrackKind::Video => 86,
        TrackKind::Audio => 36,
    };
    loop {
        let Ok(Header::Box { kind, size, head }) = header(entry.get(at..)?) else {
            return None;
        };
        if kind == *b"esds" {
            // Version and flags.
            at += usize::try_from(head).ok()? + 4;
            break;
        }
        at = at.checked_add(usize::try_from(size).ok()?)?;
    }
    at = descriptor(entry, at, STREAM)?;
    // The stream's number, and flags that tell of more fields.
    let [_, _, 0] = *entry.get(at..at + 3)? else {
        return None;
    };
    at = descriptor(entry, at + 3, DECODER)?;
    // The kinds of codec and of stream.
    Some(at + 2)
}

/// Where the content of the descriptor at `at` begins, if it has this tag.
fn descriptor(entry: &[u8], at: usize, tag: u8) -> Option<usize> {
    if *entry.get(at)? != tag {
        return None;
    }
    // A length of up to four bytes, whose first bit says that another follows.
    let length = entry.get(at + 1..at + 5)?;
    let bytes = length.iter().position(|byte| byte & 0x80 == 0)? + 1;
    Some(at + 1 + bytes)
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Audio, Encode as _, Esds, FixedPoint, Mp4a, esds};
    use proptest::prelude::*;

    use super::*;

    fn entry(bit_rate: u32) -> Vec<u8> {
        let audio = Audio {
            data_reference_index: 1,
            channel_count: 2,
            sample_size: 16,
            sample_rate: FixedPoint::new(44_100, 0),
        };
        let dec_config = esds::DecoderConfig {
            object_type_indication: 0x40,
            stream_type: 5,
            max_bitrate: bit_rate,
            avg_bitrate: bit_rate,
            dec_specific: Some(esds::DecoderSpecific {
                raw: vec![0x12, 0x10],
                profile: 0,
                freq_index: 0,
                chan_conf: 0,
            }),
            ..esds::DecoderConfig::default()
        };
        let es_desc = esds::EsDescriptor {
            es_id: 1,
            dec_config,
            ..esds::EsDescriptor::default()
        };
        let mut bytes = Vec::new();
        let esds = Esds { es_desc };
        Mp4a {
            audio,
            esds,
            btrt: None,
            taic: None,
        }
        .encode(&mut bytes)
        .unwrap();
        bytes
    }

    #[test]
    fn entries_that_differ_in_their_bit_rates_become_equal() {
        let (mut one, mut other) = (entry(64_000), entry(65_123));
        assert_ne!(one, other);
        forget_bit_rates(&mut one, TrackKind::Audio);
        forget_bit_rates(&mut other, TrackKind::Audio);
        assert_eq!(one, other);
        assert_eq!(one, entry(0));
    }

    proptest! {
        #[test]
        fn arbitrary_entries_never_panic(tail in prop::collection::vec(any::<u8>(), 0..80), keep in 0usize..60) {
            let mut bytes = entry(1);
            bytes.truncate(keep);
            bytes.extend(tail);
            forget_bit_rates(&mut bytes.clone(), TrackKind::Audio);
            forget_bit_rates(&mut bytes, TrackKind::Video);
        }
    }
}
