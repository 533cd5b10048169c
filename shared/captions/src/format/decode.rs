//! decode.
pub(super) fn decode(bytes: &[u8]) -> String { String::from_utf8_lossy(bytes).into_owned() }
