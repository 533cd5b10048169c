//! Sound without a container (RFC 8216, 3.4): frames behind a tag that tells when the first of them begins.

use serde::{Deserialize, Serialize};

use super::sound::SoundCodec;
use crate::fault::Fault;

/// Longest tag. Pictures of a cover lie in them, too.
const MAX_TAG_BYTES: usize = 4 << 20;

/// What a tag's private frame belongs to that tells the time.
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";

/// Reads one source's segments.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PackedReader {
    codec: Option<SoundCodec>,
    has_begun: bool,
    /// Where a segment is being read.
    #[serde(skip)]
    place: Place,
}

#[derive(Debug, Default)]
struct Place {
    /// A segment's beginning, as long as it may be a tag.
    begin: Vec<u8>,
    stamp: Option<u64>,
    is_sound: bool,
}

/// Bytes of sound, with the time of the first frame that begins in them where it is told: 33 bits at 90 kHz.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packed<'a> {
    pub(crate) codec: SoundCodec,
    pub(crate) pts: Option<u64>,
    pub(crate) data: &'a [u8],
}

impl PackedReader {
    /// Whether a segment of this first byte may be sound without a container.
    pub(crate) fn takes(first: u8) -> bool {
        matches!(first, b'I' | 0xff | 0x0b)
    }

    /// Takes the next bytes of a segment.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        take: impl FnOnce(Packed<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.place.is_sound {
            let Some(codec) = self.codec else { return Ok(()) };
            let (pts, data) = (None, bytes);
            return take(Packed { codec, pts, data });
        }
        self.place.begin.extend_from_slice(bytes);
        let mut begin = std::mem::take(&mut self.place.begin);
        let mut tags_bytes = 0;
        while let Tag::Whole(length) = tag(&begin[tags_bytes..])? {
            let stamp = stamp(&begin[tags_bytes..tags_bytes + length]);
            self.place.stamp = self.place.stamp.or(stamp);
            tags_bytes += length;
        }
        let sound = &begin[tags_bytes..];
        if tag(sound)? == Tag::Short {
            if sound.len() > MAX_TAG_BYTES {
                return Err(Fault::damaged("a tag beyond any size before the sound"));
            }
            begin.drain(..tags_bytes);
            self.place.begin = begin;
            return Ok(());
        }
        let codec = codec_of(sound)?;
        if *self.codec.get_or_insert(codec) != codec {
            return Err(Fault::unsupported("sound whose codec, rate or channels change"));
        }
        // Without a word on time, the first frame begins at 0, and those after it follow on.
        let pts = self.place.stamp.take().or((!self.has_begun).then_some(0));
        (self.place.is_sound, self.has_begun) = (true, true);
        take(Packed {
            codec,
            pts,
            data: sound,
        })
    }

    /// Ends a segment: there must have been sound in it.
    pub(crate) fn end_segment(&mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.place).is_sound {
            return Ok(());
        }
        Err(Fault::truncated("a segment ends before its sound begins"))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Tag {
    /// Sound, or something else.
    None,
    /// More bytes are needed.
    Short,
    /// So many bytes of tag.
    Whole(usize),
}

/// The tag at the beginning of `bytes` (ID3v2, 3.1).
fn tag(bytes: &[u8]) -> Result<Tag, Fault> {
    if !b"ID3".starts_with(&bytes[..bytes.len().min(3)]) {
        // Two bytes tell sound from something else.
        return Ok(if bytes.len() < 2 { Tag::Short } else { Tag::None });
    }
    let [_, _, _, _, _, flags, a, b, c, d, ..] = *bytes else {
        return Ok(Tag::Short);
    };
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    let length = 10 + seven_bits([a, b, c, d]) + footer;
    if length > MAX_TAG_BYTES {
        return Err(Fault::damaged(format!(
            "a tag of {length} bytes before the sound"
        )));
    }
    Ok(if bytes.len() < length {
        Tag::Short
    } else {
        Tag::Whole(length)
    })
}

/// The time that a whole tag tells.
fn stamp(tag: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(tag, OWNER)? + OWNER.len();
    let time = tag.get(at..at + 8)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*time) & ((1 << 33) - 1))
}

fn seven_bits(bytes: [u8; 4]) -> usize {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f))
}

/// The codec by a frame's first bytes.
fn codec_of(sound: &[u8]) -> Result<SoundCodec, Fault> {
    match sound {
        // The layer's two bits are 0 in ADTS only.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Ok(SoundCodec::Aac),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Ok(SoundCodec::Mpeg),
        [0x0b, 0x77, ..] => Ok(SoundCodec::Ac3),
        [a, b, ..] => Err(Fault::NotMedia(format!(
            "segment starts with {a:#04x} {b:#04x}, sound expected"
        ))),
        _ => Err(Fault::truncated("a segment ends before its sound begins")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A tag that tells a time.
    fn tagged(time: u64, sound: &[u8]) -> Vec<u8> {
        let body = [OWNER, &time.to_be_bytes()].concat();
        let frame_bytes = u8::try_from(body.len()).unwrap();
        let frame = [&b"PRIV\0\0\0"[..], &[frame_bytes, 0, 0], &body].concat();
        let tag_bytes = u8::try_from(frame.len()).unwrap();
        [&b"ID3\x04\0\0\0\0\0"[..], &[tag_bytes], &frame, sound].concat()
    }

    type Got = (Vec<Option<u64>>, Vec<u8>);

    fn read(reader: &mut PackedReader, bytes: &[u8], slice: usize, got: &mut Got) -> Result<(), Fault> {
        for bytes in bytes.chunks(slice) {
            reader.push(bytes, |sound| {
                got.0.extend(sound.pts.map(Some));
                got.1.extend(sound.data);
                Ok(())
            })?;
        }
        reader.end_segment()
    }

    #[test]
    fn sound_without_a_tag_begins_at_0_and_follows_on() {
        let (mut reader, mut got) = (PackedReader::default(), Got::default());
        for sound in [[0xff, 0xf1], [0xff, 0xf1]] {
            read(&mut reader, &sound, 9, &mut got).unwrap();
        }
        assert_eq!(got.0, [Some(0)]);
    }

    #[test]
    fn a_list_of_files_is_no_sound() {
        for other in [&b"ffconcat version 1.0"[..], b"#EXTM3U", b"IDX0"] {
            let read = read(&mut PackedReader::default(), other, 99, &mut Got::default());
            assert!(matches!(read, Err(Fault::NotMedia(_))), "{read:?}");
        }
    }

    #[test]
    fn a_tag_and_nothing_behind_it_is_truncated() {
        let tag = tagged(0, &[]);
        for kept in [0, 1, 5, tag.len() - 1, tag.len()] {
            let read = read(
                &mut PackedReader::default(),
                &tag[..kept],
                99,
                &mut Got::default(),
            );
            assert!(matches!(read, Err(Fault::Truncated(_))), "{read:?}");
        }
    }

    proptest! {
        #[test]
        fn slices_of_any_size_give_the_same_sound(time in 0..1u64 << 33, slice in 1usize..90) {
            let (mut reader, mut got) = (PackedReader::default(), Got::default());
            let sound = [0x0b, 0x77, 1, 2, 3];
            for _ in 0..2 {
                read(&mut reader, &tagged(time, &tagged(7, &sound)), slice, &mut got).unwrap();
            }
            prop_assert_eq!(got, (vec![Some(time); 2], sound.repeat(2)));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), slice in 1usize..20) {
            let _ = read(&mut PackedReader::default(), &bytes, slice, &mut Got::default());
            let _ = read(&mut PackedReader::default(), &[b"ID3", &bytes[..]].concat(), slice, &mut Got::default());
        }
    }
}
