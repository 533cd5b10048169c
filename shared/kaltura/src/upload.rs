//! Files on their way to Kaltura: by upload token, whole or in chunks (spec section 5).

use std::future::Future;

use bytes::Bytes;
use futures::stream::{self, TryStreamExt as _};

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

/// How a file is cut, and how much of it is on its way at once: memory holds `chunk_bytes` × `at_once`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunking {
    /// Size of a chunk. The server keeps at most 1,000 chunks that wait for others (spec 5).
    pub chunk_bytes: u64,
    /// Chunks on their way at the same time.
    pub at_once: usize,
}

impl Default for Chunking {
    /// 10 MiB, four at once.
    fn default() -> Self {
        Self {
            chunk_bytes: 10 * 1024 * 1024,
            at_once: 4,
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
        self.settle(&token, sent).await?;
        Ok(token)
    }

    /// Uploads a file in chunks, several at once, so that a break costs a few chunks and memory holds no more.
    ///
    /// # Errors
    /// As [`Self::upload_file`]; [`Error::Source`] where the file can't be read.
    pub async fn upload_chunked<S: ChunkSource>(
        &self,
        file_name: &str,
        source: &S,
        chunking: Chunking,
    ) -> Result<UploadTokenId> {
        let size_bytes = source.size_bytes();
        check(file_name, size_bytes)?;
        let token = self.upload_token_add(file_name, size_bytes).await?.id;
        let file = File {
            token: &token,
            name: file_name,
            source,
        };
        self.send_from(&file, 0, chunking).await?;
        Ok(token)
    }

    /// Goes on with a chunked upload where it broke off: asks the server how much has arrived without a gap. The resume
    /// window is 7 days. Safe to repeat, also after the last answer was lost.
    ///
    /// # Errors
    /// As [`Self::upload_chunked`]; `UPLOAD_TOKEN_NOT_FOUND`, `UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED`.
    pub async fn upload_resume<S: ChunkSource>(
        &self,
        token: UploadTokenId,
        file_name: &str,
        source: &S,
        chunking: Chunking,
    ) -> Result<UploadTokenId> {
        let size_bytes = source.size_bytes();
        check(file_name, size_bytes)?;
        let state = self.upload_token_get(&token).await?;
        if state.status == Some(UploadTokenStatus::FullUpload) {
            return Ok(token);
        }
        // All of it may be there without the server knowing that it is all: then the last byte says so.
        let from_bytes = arrived_bytes(&state).min(size_bytes - 1);
        let file = File {
            token: &token,
            name: file_name,
            source,
        };
        self.send_from(&file, from_bytes, chunking).await?;
        Ok(token)
    }

    /// Sends what is missing: the first chunk alone, since it makes the file at Kaltura; those in the middle in any order;
    /// the last one when all others have arrived, since the server waits for gaps only a while (spec 5).
    async fn send_from<S: ChunkSource>(
        &self,
        file: &File<'_, S>,
        from_bytes: u64,
        chunking: Chunking,
    ) -> Result<()> {
        let size_bytes = file.source.size_bytes();
        let chunk_bytes = chunking.chunk_bytes.max(1);
        let end_of = |start: u64| start.saturating_add(chunk_bytes).min(size_bytes);
        let mut start_bytes = from_bytes;
        if start_bytes == 0 {
            let end_bytes = end_of(0);
            let data = file.read(0, end_bytes).await?;
            let is_whole = end_bytes == size_bytes;
            let chunk = if is_whole {
                UploadChunk::whole(file.token, file.name, data)
            } else {
                UploadChunk::first(file.token, file.name, data)
            };
            let sent = self.client.upload(&chunk, Repeat::Once, self.scope()).await;
            if is_whole {
                return self.settle(file.token, sent).await;
            }
            sent?;
            start_bytes = end_bytes;
        }
        let starts = std::iter::successors(Some(start_bytes), |start| Some(end_of(*start)))
            .take_while(|start| end_of(*start) < size_bytes);
        stream::iter(starts.map(Ok))
            .try_for_each_concurrent(chunking.at_once.max(1), async |start: u64| {
                self.send(file, start, end_of(start)).await.map(|_| ())
            })
            .await?;
        let whole_chunks = (size_bytes - 1 - start_bytes) / chunk_bytes;
        let last = self
            .send(file, start_bytes + whole_chunks * chunk_bytes, size_bytes)
            .await;
        self.settle(file.token, last).await
    }

    /// Sends a chunk that is not the first; the one that ends the file says that it does.
    async fn send<S: ChunkSource>(
        &self,
        file: &File<'_, S>,
        start_bytes: u64,
        end_bytes: u64,
    ) -> Result<UploadToken> {
        let data = file.read(start_bytes, end_bytes).await?;
        let is_last = end_bytes == file.source.size_bytes();
        let chunk = UploadChunk::resumed(file.token, file.name, data, start_bytes, is_last);
        // The same bytes at the same place: sending them again changes nothing.
        self.client.upload(&chunk, Repeat::Safe, self.scope()).await
    }

    /// Whether the last chunk arrived although its answer was lost: the token knows.
    async fn settle(&self, token: &UploadTokenId, sent: Result<UploadToken>) -> Result<()> {
        match sent {
            Ok(_) => Ok(()),
            Err(error) if error.class() == ErrorClass::Retryable && error.may_have_taken_effect() => {
                match self.upload_token_get(token).await {
                    Ok(state) if state.status == Some(UploadTokenStatus::FullUpload) => Ok(()),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// A file that goes up.
struct File<'a, S> {
    token: &'a UploadTokenId,
    name: &'a str,
    source: &'a S,
}

impl<S: ChunkSource> File<'_, S> {
    /// The bytes from `start_bytes` to before `end_bytes`, or an error where the source gives others.
    async fn read(&self, start_bytes: u64, end_bytes: u64) -> Result<Bytes> {
        let failed = |detail| Error::Source {
            file_name: self.name.to_owned(),
            detail,
        };
        let len_bytes = end_bytes - start_bytes;
        let data = self.source.chunk(start_bytes, len_bytes).await;
        let data = data.map_err(|error| failed(error.to_string()))?;
        if data.len() as u64 == len_bytes {
            return Ok(data);
        }
        Err(failed(format!(
            "expected {len_bytes} bytes at {start_bytes}, got {}",
            data.len()
        )))
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
