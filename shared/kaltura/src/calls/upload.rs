//! `uploadToken` (spec section 5). Access key: the token must belong to the customer's account.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::call::{Call, Pace, Repeat, call};
use crate::ids::UploadTokenId;
use crate::objects::UploadToken;

/// `uploadToken.add`. Safe to repeat: a token that nobody uses times out by itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddUploadToken {
    upload_token: NewUploadToken,
}
call!(AddUploadToken => "uploadtoken"."add", Safe -> UploadToken);

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "objectType", rename = "KalturaUploadToken", rename_all = "camelCase")]
struct NewUploadToken {
    file_name: String,
    file_size: u64,
}

impl AddUploadToken {
    /// A token for a file. The name's extension becomes the asset's `fileExt`.
    pub fn new(file_name: impl Into<String>, size_bytes: u64) -> Self {
        Self {
            upload_token: NewUploadToken {
                file_name: file_name.into(),
                file_size: size_bytes,
            },
        }
    }
}

/// `uploadToken.get`: how much has arrived.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetUploadToken<'a> {
    /// The token.
    pub upload_token_id: &'a UploadTokenId,
}
call!(GetUploadToken<'a> => "uploadtoken"."get", Safe -> UploadToken);

/// `uploadToken.upload`: a file, or a chunk of one, as the `fileData` part of a multipart body whose `json` part has the
/// parameters.
///
/// Once by type: a whole file or a first chunk sent twice is refused. The uploader repeats chunks that resume, since
/// those overwrite the same bytes.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadChunk<'a> {
    upload_token_id: &'a UploadTokenId,
    resume: bool,
    final_chunk: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_at: Option<u64>,
    #[serde(skip)]
    pub(crate) file_name: &'a str,
    #[serde(skip)]
    pub(crate) data: Bytes,
}

impl<'a> UploadChunk<'a> {
    /// The whole file in one call.
    pub fn whole(token: &'a UploadTokenId, file_name: &'a str, data: Bytes) -> Self {
        Self {
            upload_token_id: token,
            resume: false,
            final_chunk: true,
            resume_at: None,
            file_name,
            data,
        }
    }

    /// The first chunk of several.
    pub fn first(token: &'a UploadTokenId, file_name: &'a str, data: Bytes) -> Self {
        Self {
            final_chunk: false,
            ..Self::whole(token, file_name, data)
        }
    }

    /// A further chunk that begins at `offset_bytes`; the final one makes the server put the file together.
    pub fn resumed(
        token: &'a UploadTokenId,
        file_name: &'a str,
        data: Bytes,
        offset_bytes: u64,
        final_chunk: bool,
    ) -> Self {
        Self {
            resume: true,
            final_chunk,
            resume_at: Some(offset_bytes),
            ..Self::whole(token, file_name, data)
        }
    }
}

impl Call for UploadChunk<'_> {
    const SERVICE: &'static str = "uploadtoken";
    const ACTION: &'static str = "upload";
    const REPEAT: Repeat = Repeat::Once;
    const PACE: Pace = Pace::Upload;
    type Reply = UploadToken;
}

/// Shows the size of the bytes alone.
impl fmt::Debug for UploadChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadChunk")
            .field("upload_token_id", &self.upload_token_id)
            .field("resume_at", &self.resume_at)
            .field("final_chunk", &self.final_chunk)
            .field("size_bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}
