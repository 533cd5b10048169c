//! Segments that can't be read without a key: AES-128, whose key is served, and DRM, whose key is not (spec section 6.3).

use crate::media::Media;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockEncryptMut, KeyIvInit};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// The file that has the key, beside the playlist.
pub(crate) const KEY_FILE: &str = "encryption.key";

/// How an entry's HLS segments are protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Not at all.
    #[default]
    None,
    /// AES-128: whoever plays gets the key.
    Aes128,
    /// DRM: the sources say so (`drm`), and only a licensed player gets the key.
    Drm,
}

impl Protection {
    /// The playlist's line that says how its segments are protected.
    pub(crate) fn playlist_line(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Aes128 => Some(format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{KEY_FILE}\"")),
            Self::Drm => Some(
                "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://license\",KEYFORMAT=\"com.apple.streamingkeydelivery\",\
                 KEYFORMATVERSIONS=\"1\""
                    .to_owned(),
            ),
        }
    }

    /// The key of AES-128: 16 bytes. `None` where nobody is given one.
    pub(crate) fn served_key(self, media: &Media) -> Option<[u8; 16]> {
        (self == Self::Aes128).then(|| key(media))
    }

    /// The segment's file as it goes out: itself, or beside it an encrypted one, made at the first request.
    pub(crate) async fn segment(
        self,
        media: &Media,
        plain: PathBuf,
        number: u64,
    ) -> std::io::Result<PathBuf> {
        if self == Self::None {
            return Ok(plain);
        }
        let target = plain.with_extension("ts.enc");
        if tokio::fs::try_exists(&target).await? {
            return Ok(target);
        }
        let clear = tokio::fs::read(&plain).await?;
        let sealed = cbc::Encryptor::<aes::Aes128>::new(&key(media).into(), &iv(number).into())
            .encrypt_padded_vec_mut::<Pkcs7>(&clear);
        write_whole(&target, &sealed).await?;
        Ok(target)
    }
}

/// A key of the media's own.
fn key(media: &Media) -> [u8; 16] {
    let digest = Sha256::digest(media.hash());
    std::array::from_fn(|place| digest[place])
}

/// Without an IV in the playlist, it is the segment's media sequence number, which here is its number (RFC 8216, 5.2).
fn iv(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

/// Nobody sees half a file.
async fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension(format!("{}.part", crate::session::random_name(8)));
    tokio::fs::write(&part, content).await?;
    tokio::fs::rename(&part, path).await
}
