//! What H.264 and HEVC share: the byte stream of Annex B, and parameter sets.

use memchr::memmem;

use crate::fault::Fault;

/// What one access unit turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessUnit {
    /// Decoding can start here: an IDR picture.
    pub(crate) key: bool,
    /// Bytes appended to the payload.
    pub(crate) bytes: usize,
}

/// Appends a unit with its length in four bytes in front.
pub(super) fn append(nal: &[u8], payload: &mut Vec<u8>) -> Result<(), Fault> {
    let length = u32::try_from(nal.len()).map_err(|_| Fault::damaged("picture unit over 4 GiB"))?;
    payload.extend_from_slice(&length.to_be_bytes());
    payload.extend_from_slice(nal);
    Ok(())
}

/// Adds a parameter set that is not known yet. More than 16 different ones mean that the picture changes
/// its nature midway, which one sample entry can't say.
pub(super) fn keep(
    known: &mut Vec<Vec<u8>>,
    nal: &[u8],
    identity: impl Fn(&[u8]) -> Option<u32>,
) -> Result<(), Fault> {
    const MOST: usize = 16;
    if known.iter().any(|k| k == nal) {
        return Ok(());
    }
    if nal.len() < 4 || nal.len() > usize::from(u16::MAX) {
        return Err(Fault::damaged(format!("parameter set of {} bytes", nal.len())));
    }
    let id = identity(nal);
    if known.iter().any(|k| identity(k) == id) {
        return Err(Fault::unsupported("picture whose parameter sets change midway"));
    }
    if known.len() == MOST {
        return Err(Fault::unsupported(format!("more than {MOST} parameter sets")));
    }
    known.push(nal.to_vec());
    Ok(())
}

/// The Exp-Golomb number at the beginning of the bytes, where it fits four of them.
pub(super) fn leading_ue(bytes: Option<&[u8]>) -> Option<u32> {
    let mut word = [0; 4];
    let bytes = bytes?;
    let len = bytes.len().min(4);
    word[..len].copy_from_slice(&bytes[..len]);
    let bits = u32::from_be_bytes(word);
    let zeros = bits.leading_zeros();
    (zeros < 16).then(|| (bits >> (31 - 2 * zeros)) - 1)
}

/// The units between start codes.
pub(super) fn nals(annex_b: &[u8]) -> Result<impl Iterator<Item = &[u8]>, Fault> {
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
