//! The files of a job in the bucket, as engines see them.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use engines::{EngineError, JobFiles, MediaRef, StoredAt};
use tempfile::TempDir;

use crate::context::Context;
use crate::error::{Result, StepError};
use crate::links::{JOB_LINK_TTL_S, Link};
use crate::ports::LinkMethod;
use crate::record::TaskRecord;

/// The bucket's objects, and a folder of the function's own, gone when the step is.
pub struct JobObjects<'a> {
    ctx: &'a Context,
    folder: TempDir,
    /// Under which the job's own objects are.
    prefix: String,
}

/// A folder of the function's own storage, gone when it is dropped.
pub fn folder() -> Result<TempDir> {
    tempfile::tempdir().map_err(|error| StepError::Aws {
        service: "lambda",
        action: "make a temporary folder",
        detail: error.to_string(),
    })
}

impl<'a> JobObjects<'a> {
    /// The files of the task's present attempt.
    pub fn new(ctx: &'a Context, record: &TaskRecord) -> Result<Self> {
        Self::of_attempt(ctx, record, record.attempt)
    }

    /// The files of a job that was begun in this attempt, which may be a former one.
    pub fn of_attempt(ctx: &'a Context, record: &TaskRecord, attempt: u32) -> Result<Self> {
        Ok(Self {
            ctx,
            folder: folder()?,
            prefix: format!("engine/{}/{attempt}", record.task_id),
        })
    }
}

impl JobObjects<'_> {
    /// A link that is good for as long as a job may take.
    fn signed(&self, method: LinkMethod, key: &str) -> engines::Result<String> {
        let links = self.ctx.links().map_err(|error| failed("link to", key, &error))?;
        let link = Link {
            method,
            key: key.to_owned(),
            expires_epoch_s: self.ctx.clock.now_epoch_s() + JOB_LINK_TTL_S,
        };
        links.url(&link).map_err(|error| EngineError::Files {
            action: format!("link to `{key}`"),
            detail: error.to_string(),
        })
    }
}

fn failed(action: &str, key: &str, error: &StepError) -> EngineError {
    EngineError::Files {
        action: format!("{action} `{key}`"),
        detail: error.to_string(),
    }
}

#[async_trait]
impl JobFiles for JobObjects<'_> {
    async fn media(&self, media: &MediaRef) -> engines::Result<PathBuf> {
        let name = media.key.rsplit('/').next().unwrap_or("media");
        let path = self.folder.path().join(name);
        let download = async { self.ctx.objects()?.download(&media.key, &path).await };
        match download.await {
            Ok(_) => Ok(path),
            Err(error) => Err(failed("download of", &media.key, &error)),
        }
    }

    fn work_dir(&self) -> &Path {
        self.folder.path()
    }

    async fn keep(&self, name: &str, file: &Path) -> engines::Result<String> {
        let key = format!("{}/{name}", self.prefix);
        let upload = async {
            let objects = self.ctx.objects()?;
            objects.upload(&key, file, "application/octet-stream").await
        };
        match upload.await {
            Ok(_) => Ok(key),
            Err(error) => Err(failed("upload of", &key, &error)),
        }
    }

    async fn read(&self, key: &str) -> engines::Result<Option<Vec<u8>>> {
        let read = async { self.ctx.objects()?.get(key).await };
        match read.await {
            Ok(content) => Ok(content.map(|content| content.to_vec())),
            Err(error) => Err(failed("read of", key, &error)),
        }
    }

    fn stored_at(&self, key: &str) -> engines::Result<StoredAt> {
        match self.ctx.objects() {
            Ok(objects) => Ok(StoredAt {
                bucket: objects.bucket().to_owned(),
                key: key.to_owned(),
            }),
            Err(error) => Err(failed("look for", key, &error)),
        }
    }

    async fn link(&self, key: &str) -> engines::Result<String> {
        self.signed(LinkMethod::Get, key)
    }

    async fn upload_link(&self, name: &str) -> engines::Result<(String, String)> {
        let key = format!("{}/{name}", self.prefix);
        Ok((self.signed(LinkMethod::Put, &key)?, key))
    }
}
