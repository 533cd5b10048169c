//! Files on their way to Kaltura: by upload token, whole or in chunks (spec section 5).

use std::future::Future;

use bytes::Bytes;

use crate::call::Repeat;
use crate::calls::{AddUploadToken, GetUploadToken, UploadChunk};
use crate::enums::UploadTokenStatus;
use crate::error::{Error, ErrorClass, Result};
use crate::ids::UploadTokenId;
use crate::objects::UploadToken;
use crate::task_client::TaskClient;

/// The bytes of a file, wherever they are.
pub trait ChunkSource: Sync {
    /// The file's size.
    fn size_bytes(&self) -> u64;

    /// The bytes from `offset_bytes` on: `len_bytes` of them, and neither fewer nor more. Asked again for the same place
    /// after a fault.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being read.
    fn chunk(&self, offset_bytes: u64, len_bytes: u64)
    -> impl Future<Output = std::io::Result<Bytes>> + Send;
}

/// A file in memory.
impl ChunkSource for Bytes {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    async fn chunk(&self, offset_bytes: u64, len_bytes: u64) -> std::io::Result<Bytes> {
        let end = offset_bytes
            .checked_add(len_bytes)
            .and_then(|end| usize::try_from(end).ok());
        match (usize::try_from(offset_bytes), end) {
            (Ok(start), Some(end)) if end <= self.len() => Ok(self.slice(start..end)),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl TaskClient<'_> {
    /// A new upload token (`uploadToken.add`). Safe to repeat. The name's extension becomes the asset's.
    ///
    /// # Errors
    /// Those of any call.
    pub async fn upload_token_add(&self, file_name: &str, size_bytes: u64) -> Result<UploadToken> {
        self.call(&AddUploadToken::new(file_name, size_bytes)).await
    }

    /// How much has arrived (`uploadToken.get`). Safe to repeat.
    ///
    /// # Errors
    /// `UPLOAD_TOKEN_NOT_FOUND`.
    pub async fn upload_token_get(&self, token: &UploadTokenId) -> Result<UploadToken> {
        self.call(&GetUploadToken {
            upload_token_id: token,
        })
        .await
    }

    /// Uploads a file in one call and gives the token for [`ContentResource::upload_token`]. Two calls. Safe to repeat: a
    /// token that nobody uses times out.
    ///
    /// [`ContentResource::upload_token`]: crate::calls::ContentResource::upload_token
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty file, which Kaltura would take and then put in ERROR;
    /// `UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD`; and those of any call.
    pub async fn upload_file(&self, file_name: &str, data: Bytes) -> Result<UploadTokenId> {
        let size_bytes = data.len() as u64;
        check(file_name, size_bytes)?;
        let token = self.upload_token_add(file_name, size_bytes).await?.id;
        let sent = self
            .client
            .upload(
                &UploadChunk::whole(&token, file_name, data),
                Repeat::Once,
                self.scope(),
            )
            .await;
        self.settle(token, sent).await
    }

    /// Uploads a file in chunks, one after the other, so that a break costs one chunk and memory holds one.
    ///
    /// # Errors
    /// As [`Self::upload_file`]; [`Error::Source`] where the file can't be read.
    pub async fn upload_chunked<S: ChunkSource>(
        &self,
        file_name: &str,
        source: &S,
        chunk_bytes: u64,
    ) -> Result<UploadTokenId> {
        let size_bytes = source.size_bytes();
        check(file_name, size_bytes)?;
        let token = self.upload_token_add(file_name, size_bytes).await?.id;
        self.upload_resume(token, file_name, source, chunk_bytes).await
    }

    /// Goes on with a chunked upload where it broke off: asks the server how much has arrived. The resume window is 7 days.
    ///
    /// # Errors
    /// As [`Self::upload_chunked`]; `UPLOAD_TOKEN_NOT_FOUND`, `UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED`.
    pub async fn upload_resume<S: ChunkSource>(
        &self,
        token: UploadTokenId,
        file_name: &str,
        source: &S,
        chunk_bytes: u64,
    ) -> Result<UploadTokenId> {
        let size_bytes = source.size_bytes();
        check(file_name, size_bytes)?;
        let chunk_bytes = chunk_bytes.max(1);
        let state = self.upload_token_get(&token).await?;
        if state.status == Some(UploadTokenStatus::FullUpload) {
            return Ok(token);
        }
        let mut offset_bytes = arrived_bytes(&state).min(size_bytes.saturating_sub(1));
        while offset_bytes < size_bytes {
            let len_bytes = chunk_bytes.min(size_bytes - offset_bytes);
            let data = source
                .chunk(offset_bytes, len_bytes)
                .await
                .map_err(|error| Error::Source {
                    file_name: file_name.to_owned(),
                    detail: error.to_string(),
                })?;
            if data.len() as u64 != len_bytes {
                let detail = format!("expected {len_bytes} bytes at {offset_bytes}, got {}", data.len());
                return Err(Error::Source {
                    file_name: file_name.to_owned(),
                    detail,
                });
            }
            let is_final = offset_bytes + len_bytes == size_bytes;
            let (chunk, repeat) = match (offset_bytes, is_final) {
                (0, true) => (UploadChunk::whole(&token, file_name, data), Repeat::Once),
                (0, false) => (UploadChunk::first(&token, file_name, data), Repeat::Once),
                // The same bytes at the same place: sending them again changes nothing.
                _ => (
                    UploadChunk::resumed(&token, file_name, data, offset_bytes, is_final),
                    Repeat::Safe,
                ),
            };
            let sent = self.client.upload(&chunk, repeat, self.scope()).await;
            if is_final {
                return self.settle(token, sent).await;
            }
            sent?;
            offset_bytes += len_bytes;
        }
        Ok(token)
    }

    /// Whether the last chunk arrived although its answer was lost: the token knows.
    async fn settle(&self, token: UploadTokenId, sent: Result<UploadToken>) -> Result<UploadTokenId> {
        match sent {
            Ok(_) => Ok(token),
            Err(error) if error.class() == ErrorClass::Retryable && error.may_have_taken_effect() => {
                match self.upload_token_get(&token).await {
                    Ok(state) if state.status == Some(UploadTokenStatus::FullUpload) => Ok(token),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be 0 or more; `as` saturates"
)]
fn arrived_bytes(state: &UploadToken) -> u64 {
    state
        .uploaded_file_size_bytes
        .filter(|size| *size >= 0.0)
        .map_or(0, |size| size as u64)
}

fn check(file_name: &str, size_bytes: u64) -> Result<()> {
    let extension = file_name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if extension.is_empty() || file_name.contains(['/', '\\']) || file_name.contains(char::is_control) {
        return Err(Error::Invalid {
            what: "file name",
            expected: "a name with an extension and without a path",
            found: format!(
                "`{}`",
                file_name.chars().take(80).collect::<String>().escape_debug()
            ),
        });
    }
    if size_bytes == 0 {
        return Err(Error::Invalid {
            what: "file",
            expected: "at least one byte",
            found: "none".to_owned(),
        });
    }
    Ok(())
}
