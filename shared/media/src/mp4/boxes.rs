//! The boxes of an MP4, as they lie in bytes that are all there.

use mp4_atom::{Decode, FourCC};

use crate::fault::Fault;

/// A box with what is in it.
pub(crate) struct Found<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) whole: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl Found<'_> {
    /// The box as what it is.
    pub(crate) fn read<T: Decode>(&self) -> Result<T, Fault> {
        let mut whole = self.whole;
        T::decode(&mut whole)
            .map_err(|error| Fault::damaged(format!("box {} not readable: {error}", FourCC::new(&self.kind))))
    }
}

/// The boxes that lie one after the other in `bytes`, which must end with one.
pub(crate) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = Result<Found<'_>, Fault>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let cut = || Fault::damaged("a box reaches beyond the one around it");
        let found = header(bytes).and_then(|header| {
            let Header::Box { kind, size, head } = header else {
                return Err(cut());
            };
            let size = usize::try_from(size).map_err(|_| cut())?;
            let head = usize::try_from(head).map_err(|_| cut())?;
            let (whole, rest) = bytes.split_at_checked(size).ok_or_else(cut)?;
            bytes = rest;
            Ok(Found {
                kind,
                whole,
                body: &whole[head..],
            })
        });
        if found.is_err() {
            bytes = &[];
        }
        Some(found)
    })
}

/// The beginning of a box.
pub(crate) enum Header {
    /// More bytes are needed.
    Short,
    /// Its kind, its length, and the part of it that the header takes.
    Box { kind: [u8; 4], size: u64, head: u64 },
}

/// Reads a header from the first bytes.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, Fault> {
    let [a, b, c, d, k0, k1, k2, k3, rest @ ..] = bytes else {
        return Ok(Header::Short);
    };
    let kind = [*k0, *k1, *k2, *k3];
    if !kind
        .iter()
        .all(|byte| (0x20..0x7f).contains(byte) || *byte == 0xa9)
    {
        return Err(Fault::damaged(format!("no box where {kind:02x?} stands")));
    }
    let (size, head) = match u32::from_be_bytes([*a, *b, *c, *d]) {
        1 => {
            let Some(large) = rest.first_chunk::<8>() else {
                return Ok(Header::Short);
            };
            (u64::from_be_bytes(*large), 16)
        }
        size => (u64::from(size), 8),
    };
    if size < head {
        let name = String::from_utf8_lossy(&kind).into_owned();
        return Err(Fault::damaged(format!("box {name} of {size} bytes")));
    }
    Ok(Header::Box { kind, size, head })
}
