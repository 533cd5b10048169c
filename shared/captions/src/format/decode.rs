//! Bytes to text, whatever wrote them.

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Decodes UTF-8 and UTF-16 (by their marks, or UTF-16 by its zero bytes); what is not valid UTF-8 is taken for
/// Windows-1252, where every byte is a character, so that nothing is lost. Line ends become line feeds.
pub(super) fn decode(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8_or_windows(rest),
        _ => match zero_bytes(bytes) {
            (even, odd) if odd > even && odd >= bytes.len() / 4 && odd > 0 => {
                UTF_16LE.decode_without_bom_handling(bytes).0.into_owned()
            }
            (even, odd) if even > odd && even >= bytes.len() / 4 && even > 0 => {
                UTF_16BE.decode_without_bom_handling(bytes).0.into_owned()
            }
            _ => utf8_or_windows(bytes),
        },
    };
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    }
}

fn utf8_or_windows(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    text
}

/// How many bytes are zero at even and at odd places, in the first 4 KiB.
fn zero_bytes(bytes: &[u8]) -> (usize, usize) {
    let head = bytes.get(..4_096).unwrap_or(bytes);
    let at = |parity: usize| {
        head.iter()
            .skip(parity)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let scale = if head.is_empty() {
        1
    } else {
        bytes.len() / head.len()
    };
    (at(0) * scale, at(1) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        let little: Vec<u8> = "Más\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "Más\r".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked: Vec<u8> = [0xFF, 0xFE].into_iter().chain(little.iter().copied()).collect();
        for bytes in [
            &marked[..],
            &little,
            &big,
            b"\xEF\xBB\xBFM\xC3\xA1s\n",
            b"M\xE1s\r\n",
        ] {
            assert_eq!(decode(bytes), "Más\n", "{bytes:?}");
        }
    }

    #[test]
    fn one_bad_byte_spoils_only_itself() {
        assert_eq!(decode(b"\xC3\xA9t\xE9"), "été");
    }
}
