//! The bucket of media, transcripts and deliverables.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use media::{PartSink, SinkError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use super::sign::{Addressing, object_url, presign, presign_with, sign_get};
use super::{chain, endpoint_override, failed};
use crate::config::setting;
use crate::error::{Result, StepError};
use crate::ports::{
    Deleted, Expected, LinkMethod, ObjectLinks, ObjectStore, PresignedUpload, PresignedUrl, SharedObjects,
    SignedGet,
};

const SERVICE: &str = "s3";

/// The bucket `name`.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    sdk: SdkConfig,
    name: String,
    addressing: Addressing,
}

impl Bucket {
    /// The bucket `name`, addressed by path where the endpoint is an emulator's.
    pub fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        let addressing =
            endpoint_override(sdk).map_or(Addressing::VirtualHosted, |endpoint| Addressing::PathStyle {
                endpoint: endpoint.trim_end_matches('/').to_owned(),
            });
        let by_path = matches!(addressing, Addressing::PathStyle { .. });
        let config = aws_sdk_s3::config::Builder::from(sdk)
            .force_path_style(by_path)
            .build();
        Self {
            client: Client::from_conf(config),
            sdk: sdk.clone(),
            name: name.into(),
            addressing,
        }
    }

    async fn object(&self, key: &str) -> Result<Option<aws_sdk_s3::operation::get_object::GetObjectOutput>> {
        match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(object) => Ok(Some(object)),
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => Ok(None),
            Err(error) => Err(failed(SERVICE, "GetObject")(error)),
        }
    }

    /// What to sign with.
    async fn signer(&self) -> Result<(String, Credentials)> {
        let region = self
            .sdk
            .region()
            .map(ToString::to_string)
            .ok_or_else(|| setting("AWS_REGION", "is not set"))?;
        let provider = self
            .sdk
            .credentials_provider()
            .ok_or_else(|| setting("AWS_ACCESS_KEY_ID", "no credentials to sign with"))?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(failed(SERVICE, "read credentials"))?;
        Ok((region, credentials))
    }

    /// Deletes these versions, at most 1,000: as many as a page of versions has.
    async fn delete(&self, identifiers: Vec<ObjectIdentifier>) -> Result<()> {
        let delete = Delete::builder()
            .set_objects(Some(identifiers))
            .quiet(true)
            .build()
            .map_err(failed(SERVICE, "DeleteObjects"))?;
        let answer = self
            .client
            .delete_objects()
            .bucket(&self.name)
            .delete(delete)
            .send()
            .await
            .map_err(failed(SERVICE, "DeleteObjects"))?;
        match answer.errors().first() {
            None => Ok(()),
            Some(error) => Err(StepError::Aws {
                service: SERVICE,
                action: "DeleteObjects",
                detail: format!(
                    "{} of the objects stay: {}",
                    answer.errors().len(),
                    error.code().unwrap_or_default()
                ),
            }),
        }
    }

    /// Aborts uploads to keys that begin so.
    async fn abort_uploads(&self, prefix: &str) -> Result<()> {
        let uploads = self
            .client
            .list_multipart_uploads()
            .bucket(&self.name)
            .prefix(prefix)
            .send()
            .await
            .map_err(failed(SERVICE, "ListMultipartUploads"))?;
        for upload in uploads.uploads() {
            // An emulator may take the prefix for no more than a hint.
            let Some(key) = upload.key().filter(|key| key.starts_with(prefix)) else {
                continue;
            };
            let abort = self
                .client
                .abort_multipart_upload()
                .bucket(&self.name)
                .key(key)
                .set_upload_id(upload.upload_id().map(str::to_owned));
            match abort.send().await {
                Ok(_) => {}
                Err(SdkError::ServiceError(error)) if error.err().is_no_such_upload() => {}
                Err(error) => return Err(failed(SERVICE, "AbortMultipartUpload")(error)),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put(&self, key: &str, content: Bytes, content_type: &str) -> Result<()> {
        put_object(&self.client, &self.name, key, content_type, content)
            .await
            .map_err(failed(SERVICE, "PutObject"))
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let Some(object) = self.object(key).await? else {
            return Ok(None);
        };
        Ok(Some(
            object
                .body
                .collect()
                .await
                .map_err(failed(SERVICE, "GetObject"))?
                .into_bytes(),
        ))
    }

    async fn sink(&self, key: &str, content_type: &str) -> Result<Box<dyn PartSink>> {
        Ok(Box::new(Multipart {
            client: self.client.clone(),
            bucket: self.name.clone(),
            key: key.to_owned(),
            content_type: content_type.to_owned(),
            upload: Mutex::new(Upload::default()),
        }))
    }

    async fn download(&self, key: &str, to: &Path) -> Result<u64> {
        let file_failed = |error: std::io::Error| StepError::Aws {
            service: SERVICE,
            action: "write a download to a file",
            detail: error.to_string(),
        };
        let mut object = self.object(key).await?.ok_or_else(|| StepError::Aws {
            service: SERVICE,
            action: "GetObject",
            detail: format!("no object `{key}`"),
        })?;
        let mut file = tokio::fs::File::create(to).await.map_err(file_failed)?;
        let mut size_bytes = 0;
        while let Some(chunk) = object
            .body
            .try_next()
            .await
            .map_err(failed(SERVICE, "GetObject"))?
        {
            size_bytes += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(file_failed)?;
        }
        file.flush().await.map_err(file_failed)?;
        Ok(size_bytes)
    }

    async fn delete_all(&self, prefix: &str) -> Result<Deleted> {
        let mut deleted = Deleted::default();
        // Always the first page: what it names is gone when it is asked for again.
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.name)
                .prefix(prefix)
                .send()
                .await
                .map_err(failed(SERVICE, "ListObjectVersions"))?;
            let versions = page.versions();
            let named = versions
                .iter()
                .map(|version| (version.key(), version.version_id()))
                .chain(
                    page.delete_markers()
                        .iter()
                        .map(|marker| (marker.key(), marker.version_id())),
                );
            let identifiers: Vec<ObjectIdentifier> = named
                .filter_map(|(key, version_id)| {
                    let version_id = version_id.map(str::to_owned);
                    ObjectIdentifier::builder()
                        .key(key?)
                        .set_version_id(version_id)
                        .build()
                        .ok()
                })
                .collect();
            if identifiers.is_empty() {
                break;
            }
            self.delete(identifiers).await?;
            deleted.objects += versions.len() as u64;
            deleted.size_bytes += versions
                .iter()
                .filter_map(|version| u64::try_from(version.size()?).ok())
                .sum::<u64>();
        }
        self.abort_uploads(prefix).await?;
        Ok(deleted)
    }

    async fn upload(&self, key: &str, from: &Path, content_type: &str) -> Result<u64> {
        let unreadable = failed(SERVICE, "read a file to upload");
        let size_bytes = match tokio::fs::metadata(from).await {
            Ok(file) => file.len(),
            Err(error) => return Err(unreadable(error)),
        };
        let body = ByteStream::from_path(from)
            .await
            .map_err(failed(SERVICE, "read a file to upload"))?;
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .content_type(content_type)
            .body(body)
            .send()
            .await
            .map_err(failed(SERVICE, "PutObject"))?;
        Ok(size_bytes)
    }
}

#[async_trait]
impl ObjectLinks for Bucket {
    fn bucket(&self) -> &str {
        &self.name
    }

    async fn sign_get(&self, key: &str, now_epoch_s: u64) -> Result<SignedGet> {
        let (region, credentials) = self.signer().await?;
        let url = object_url(&self.addressing, &region, &self.name, key)?;
        sign_get(url, &region, credentials, at(now_epoch_s))
    }

    async fn presign(
        &self,
        method: LinkMethod,
        key: &str,
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUrl> {
        let (region, credentials) = self.signer().await?;
        let url = object_url(&self.addressing, &region, &self.name, key)?;
        let ttl = Duration::from_secs(ttl_s);
        presign(method, &url, &region, credentials, at(now_epoch_s), ttl)
    }
}

/// What S3 answers to a conditional write whose condition didn't hold, or that met another one.
const NOT_AS_EXPECTED: [&str; 3] = ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];

#[async_trait]
impl SharedObjects for Bucket {
    async fn size_bytes(&self, key: &str) -> Result<Option<u64>> {
        let head = self.client.head_object().bucket(&self.name).key(key);
        match head.send().await {
            Ok(head) => Ok(Some(
                head.content_length
                    .and_then(|bytes| u64::try_from(bytes).ok())
                    .unwrap_or_default(),
            )),
            Err(SdkError::ServiceError(error)) if error.err().is_not_found() => Ok(None),
            Err(error) => Err(failed(SERVICE, "HeadObject")(error)),
        }
    }

    async fn get_tagged(&self, key: &str) -> Result<Option<(Bytes, String)>> {
        let Some(object) = self.object(key).await? else {
            return Ok(None);
        };
        let tag = object.e_tag.unwrap_or_default();
        let content = object
            .body
            .collect()
            .await
            .map_err(failed(SERVICE, "GetObject"))?;
        Ok(Some((content.into_bytes(), tag)))
    }

    async fn put_expected(
        &self,
        key: &str,
        content: Bytes,
        content_type: &str,
        expected: Expected<'_>,
    ) -> Result<Option<String>> {
        let put = self.client.put_object().bucket(&self.name).key(key);
        let put = put.content_type(content_type).body(content.into());
        let put = match expected {
            Expected::Missing => put.if_none_match("*"),
            Expected::Tagged(tag) => put.if_match(tag),
        };
        match put.send().await {
            Ok(put) => Ok(Some(put.e_tag.unwrap_or_default())),
            Err(error) if error.code().is_some_and(|code| NOT_AS_EXPECTED.contains(&code)) => Ok(None),
            Err(error) => Err(failed(SERVICE, "PutObject")(error)),
        }
    }

    async fn presign_upload(
        &self,
        key: &str,
        sha256: &[u8; 32],
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUpload> {
        let (region, credentials) = self.signer().await?;
        let url = object_url(&self.addressing, &region, &self.name, key)?;
        let checksum = STANDARD.encode(sha256);
        let header = (CHECKSUM_HEADER, checksum.as_str());
        let ttl = Duration::from_secs(ttl_s);
        let url = presign_with(
            LinkMethod::Put,
            &url,
            &[header],
            &region,
            credentials,
            at(now_epoch_s),
            ttl,
        )?;
        let headers = vec![(CHECKSUM_HEADER.to_owned(), checksum)];
        Ok(PresignedUpload { url, headers })
    }
}

/// By this, S3 checks what is put.
const CHECKSUM_HEADER: &str = "x-amz-checksum-sha256";

/// Writes an object whole.
async fn put_object(
    client: &Client,
    bucket: &str,
    key: &str,
    content_type: &str,
    content: Bytes,
) -> std::result::Result<(), SdkError<PutObjectError>> {
    let put = client
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type(content_type);
    put.body(content.into()).send().await.map(|_| ())
}

fn at(epoch_s: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(epoch_s)
}

/// A multipart upload, begun with its first part.
struct Multipart {
    client: Client,
    bucket: String,
    key: String,
    content_type: String,
    upload: Mutex<Upload>,
}

#[derive(Default, Serialize, Deserialize)]
struct Upload {
    id: Option<String>,
    /// The ETags by part number.
    parts: BTreeMap<u32, String>,
}

/// SDK errors as the sink's: what the SDK's own retries did not mend may pass later, except a refusal.
fn sink_failed<E>(error: &SdkError<E>) -> SinkError
where
    E: std::error::Error + 'static,
{
    let refused = error
        .raw_response()
        .is_some_and(|response| matches!(response.status().as_u16(), 400 | 403 | 404));
    let text = chain(error);
    if refused {
        SinkError::permanent(text)
    } else {
        SinkError::retryable(text)
    }
}

impl Multipart {
    /// The upload's id; the first caller begins it.
    async fn id(&self) -> std::result::Result<String, SinkError> {
        let mut upload = self.upload.lock().await;
        if let Some(id) = &upload.id {
            return Ok(id.clone());
        }
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key)
            .content_type(&self.content_type)
            .send()
            .await
            .map_err(|error| sink_failed(&error))?;
        let id = begun
            .upload_id
            .ok_or_else(|| SinkError::retryable("CreateMultipartUpload answered no upload id"))?;
        upload.id = Some(id.clone());
        Ok(id)
    }
}

#[async_trait]
impl PartSink for Multipart {
    async fn put_part(&self, number: u32, data: Bytes) -> std::result::Result<(), SinkError> {
        let part_number = i32::try_from(number)
            .ok()
            .filter(|number| (1..=10_000).contains(number))
            .ok_or_else(|| SinkError::permanent(format!("part number {number} is not in 1 to 10000")))?;
        let id = self.id().await?;
        let stored = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(id)
            .part_number(part_number)
            .body(data.into())
            .customize()
            // A part's bytes are guarded by the CRC that the SDK sends in a signed header. To sign their SHA-256 too takes more
            // of the processor than all else that a fetch does with them.
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| sink_failed(&error))?;
        let tag = stored
            .e_tag
            .ok_or_else(|| SinkError::retryable("UploadPart answered no ETag"))?;
        self.upload.lock().await.parts.insert(number, tag);
        Ok(())
    }

    async fn finish(&self, parts: u32) -> std::result::Result<(), SinkError> {
        let id = self.id().await?;
        let upload = self.upload.lock().await;
        let mut completed = Vec::with_capacity(upload.parts.len());
        for number in 1..=parts {
            let tag = upload
                .parts
                .get(&number)
                .ok_or_else(|| SinkError::permanent(format!("part {number} of {parts} was never stored")))?;
            completed.push(
                CompletedPart::builder()
                    .set_part_number(i32::try_from(number).ok())
                    .e_tag(tag)
                    .build(),
            );
        }
        self.client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(id)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(completed))
                    .build(),
            )
            .send()
            .await
            .map(|_| ())
            .map_err(|error| sink_failed(&error))
    }

    async fn put_whole(&self, data: Bytes) -> std::result::Result<(), SinkError> {
        put_object(&self.client, &self.bucket, &self.key, &self.content_type, data)
            .await
            .map_err(|error| sink_failed(&error))
    }

    async fn state(&self) -> std::result::Result<Option<Vec<u8>>, SinkError> {
        let upload = self.upload.lock().await;
        if upload.id.is_none() {
            return Ok(None);
        }
        let unwritable = |error: serde_json::Error| SinkError::permanent(format!("upload: {error}"));
        serde_json::to_vec(&*upload).map(Some).map_err(unwritable)
    }

    async fn resume(&self, state: &[u8]) -> std::result::Result<bool, SinkError> {
        let Ok(stood) = serde_json::from_slice::<Upload>(state) else {
            return Ok(false);
        };
        let looked = self
            .client
            .list_parts()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_upload_id(stood.id.clone())
            .max_parts(1)
            .send()
            .await;
        match looked {
            Ok(_) => {
                *self.upload.lock().await = stood;
                Ok(true)
            }
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(false),
            Err(error) => Err(sink_failed(&error)),
        }
    }

    async fn abort(&self) -> std::result::Result<(), SinkError> {
        let mut upload = self.upload.lock().await;
        let Some(id) = upload.id.clone() else {
            return Ok(());
        };
        match self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(id)
            .send()
            .await
        {
            Ok(_) => {}
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_upload() => {}
            Err(error) => return Err(sink_failed(&error)),
        }
        *upload = Upload::default();
        Ok(())
    }
}
