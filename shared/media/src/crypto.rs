//! AES-128 of whole segments (RFC 8216, 4.3.2.4): CBC with PKCS #7 padding, decrypted while it streams.

use aes::Aes128;
use cbc::cipher::{BlockDecryptMut as _, KeyIvInit as _, generic_array::GenericArray};

const BLOCK: usize = 16;

/// Decrypts one segment.
pub(crate) struct SegmentCipher {
    cipher: cbc::Decryptor<Aes128>,
    /// What is not yet a whole block, or is the last block so far: only the end tells that its padding
    /// goes.
    held: Vec<u8>,
}

impl SegmentCipher {
    pub(crate) fn new(key: &[u8; BLOCK], iv: &[u8; BLOCK]) -> Self {
        Self {
            cipher: cbc::Decryptor::new(key.into(), iv.into()),
            held: Vec::with_capacity(2 * BLOCK),
        }
    }

    /// Appends to `out` what the next bytes decrypt to, one block behind.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.held);
        out.extend_from_slice(bytes);
        let ready = (out.len() - start).saturating_sub(1) / BLOCK * BLOCK;
        self.held.clear();
        self.held.extend_from_slice(&out[start + ready..]);
        out.truncate(start + ready);
        for block in out[start..].chunks_exact_mut(BLOCK) {
            self.cipher.decrypt_block_mut(GenericArray::from_mut_slice(block));
        }
    }

    /// Appends the last block without its padding. Says what is wrong where the bytes are not whole
    /// blocks, or the padding shows that the key is another one.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if self.held.len() != BLOCK {
            return Err(format!(
                "{} bytes beyond the last whole block of {BLOCK}",
                self.held.len()
            ));
        }
        self.cipher
            .decrypt_block_mut(GenericArray::from_mut_slice(&mut self.held));
        let padding = self.held.last().copied().map_or(0, usize::from);
        let sound = (1..=BLOCK).contains(&padding)
            && self.held[BLOCK - padding..]
                .iter()
                .all(|byte| usize::from(*byte) == padding);
        if !sound {
            return Err("its padding is not PKCS #7, so the key or the data is another".to_owned());
        }
        out.extend_from_slice(&self.held[..BLOCK - padding]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cbc::cipher::BlockEncryptMut as _;
    use cbc::cipher::block_padding::Pkcs7;
    use proptest::prelude::*;

    use super::*;

    fn encrypt(plain: &[u8], key: &[u8; 16]) -> Vec<u8> {
        cbc::Encryptor::<Aes128>::new(key.into(), &[7; 16].into()).encrypt_padded_vec_mut::<Pkcs7>(plain)
    }

    fn decrypt(cipher: &[u8], key: &[u8; 16], slice: usize) -> Result<Vec<u8>, String> {
        let (mut segment, mut out) = (SegmentCipher::new(key, &[7; 16]), Vec::new());
        for bytes in cipher.chunks(slice) {
            segment.push(bytes, &mut out);
        }
        segment.finish(&mut out).map(|()| out)
    }

    proptest! {
        #[test]
        fn slices_of_any_size_decrypt_alike(
            plain in prop::collection::vec(any::<u8>(), 0..200),
            slice in 1usize..70,
        ) {
            prop_assert_eq!(decrypt(&encrypt(&plain, &[1; 16]), &[1; 16], slice), Ok(plain));
        }
    }

    #[test]
    fn a_cut_segment_is_told() {
        let cipher = encrypt(&[200; 100], &[1; 16]);
        assert!(decrypt(&cipher[..cipher.len() - 3], &[1; 16], 64).is_err());
        assert!(decrypt(&cipher[..cipher.len() - 16], &[1; 16], 64).is_err());
    }

    #[test]
    fn another_key_is_told() {
        assert!(decrypt(&encrypt(&[200; 100], &[1; 16]), &[2; 16], 64).is_err());
    }
}
