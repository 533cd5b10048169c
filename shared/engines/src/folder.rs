//! A folder as the store of a job: for the tests of engines, and for trying one by hand.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::contract::{JobFiles, StoredAt};
use crate::error::{EngineError, Result};
use crate::job::MediaRef;

/// Files of a folder: a key is a path below it. What is kept goes to `kept/`; links are `file:` addresses.
#[derive(Debug, Clone)]
pub struct FolderFiles {
    folder: PathBuf,
}

impl FolderFiles {
    /// The store in this folder, which exists and is somebody else's to remove.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn failed(action: &str, key: &str, error: &std::io::Error) -> EngineError {
        EngineError::Files {
            action: format!("{action} `{key}`"),
            detail: error.to_string(),
        }
    }
}

#[async_trait]
impl JobFiles for FolderFiles {
    async fn media(&self, media: &MediaRef) -> Result<PathBuf> {
        let path = self.folder.join(&media.key);
        match std::fs::metadata(&path) {
            Ok(_) => Ok(path),
            Err(error) => Err(Self::failed("read", &media.key, &error)),
        }
    }

    fn work_dir(&self) -> &Path {
        &self.folder
    }

    async fn keep(&self, name: &str, file: &Path) -> Result<String> {
        let key = format!("kept/{name}");
        let keep = || {
            std::fs::create_dir_all(self.folder.join("kept"))?;
            std::fs::copy(file, self.folder.join(&key))
        };
        match keep() {
            Ok(_) => Ok(key),
            Err(error) => Err(Self::failed("keep", name, &error)),
        }
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match std::fs::read(self.folder.join(key)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Self::failed("read", key, &error)),
        }
    }

    fn stored_at(&self, key: &str) -> Result<StoredAt> {
        Ok(StoredAt {
            bucket: "folder".to_owned(),
            key: key.to_owned(),
        })
    }

    async fn link(&self, key: &str) -> Result<String> {
        Ok(format!("file://{}", self.folder.join(key).display()))
    }

    async fn upload_link(&self, name: &str) -> Result<(String, String)> {
        let key = format!("kept/{name}");
        Ok((self.link(&key).await?, key))
    }
}
