//! A file that is handed in, as it lies in the bucket. It may be larger than memory, so it is looked at on the disk, to which it
//! comes once, and only where something of it isn't known yet.

use std::io::Read as _;
use std::path::PathBuf;

use engines::MediaRef;
use sound::{Source, Tools, TrackFacts, inspect};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{Finding, Looked, TEXT_BYTES};
use crate::error::{Result, StepError};
use crate::steps::Task;

/// How much of a file's beginning tells whether it is a text.
const BEGINNING_BYTES: u64 = 4_096;

/// The file at a key.
pub(super) struct File<'a, 'b> {
    task: &'a Task<'b>,
    key: &'a str,
    disk: OnceCell<OnDisk>,
}

/// The same on the disk, gone when it is dropped.
struct OnDisk {
    _folder: TempDir,
    path: PathBuf,
    size_bytes: u64,
}

impl<'a, 'b> File<'a, 'b> {
    /// The file at that key.
    pub(super) fn at(task: &'a Task<'b>, key: &'a str) -> Self {
        Self {
            task,
            key,
            disk: OnceCell::new(),
        }
    }

    /// Its name, by which it is spoken of.
    fn name(&self) -> &'a str {
        self.key.rsplit('/').next().unwrap_or("handed-in")
    }

    /// The same as what engines take.
    pub(super) fn as_media(&self, facts: &TrackFacts) -> MediaRef {
        let extension = self
            .name()
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        MediaRef {
            key: self.key.to_owned(),
            container: extension.to_owned(),
            duration_ms: Some(facts.duration_ms),
            size_bytes: None,
        }
    }

    async fn on_disk(&self) -> Result<&OnDisk> {
        self.disk
            .get_or_try_init(async || {
                let folder = crate::files::folder()?;
                let path = folder.path().join(self.name());
                let size_bytes = self.task.ctx.objects()?.download(self.key, &path).await?;
                Ok(OnDisk {
                    _folder: folder,
                    path,
                    size_bytes,
                })
            })
            .await
    }

    /// Whether it is one of captions, whatever is wrong with it: it has no zero byte, as every sound file has.
    pub(super) async fn is_text(&self) -> Result<bool> {
        if self.kept_facts().await?.is_some() {
            return Ok(false);
        }
        let mut beginning = Vec::new();
        std::fs::File::open(&self.on_disk().await?.path)
            .and_then(|file| file.take(BEGINNING_BYTES).read_to_end(&mut beginning))
            .map_err(|error| unreadable(&error))?;
        let utf_16 = beginning.starts_with(&[0xFF, 0xFE]) || beginning.starts_with(&[0xFE, 0xFF]);
        Ok(utf_16 || !beginning.contains(&0))
    }

    /// Its content, where it is no larger than a text.
    pub(super) async fn text(&self) -> Result<Looked<Vec<u8>>> {
        let disk = self.on_disk().await?;
        if disk.size_bytes > TEXT_BYTES {
            let text = format!(
                "the file has {} bytes, expected {TEXT_BYTES} at most",
                disk.size_bytes
            );
            return Ok(Err(vec![Finding::new("TextTooLarge", text)]));
        }
        std::fs::read(&disk.path)
            .map(Ok)
            .map_err(|error| unreadable(&error))
    }

    /// What is known of its sound. To find that out takes longer than an answer may for a track of hours; so it is kept, and who
    /// asks again has it.
    pub(super) async fn facts(&self) -> Result<Looked<TrackFacts>> {
        if let Some(facts) = self.kept_facts().await? {
            return Ok(Ok(facts));
        }
        let source = Source::new(&self.on_disk().await?.path, self.name());
        let facts = match inspect(&Tools::default(), &source).await {
            Ok(facts) => facts,
            Err(error) if error.class() == sound::ErrorClass::Terminal => {
                return Ok(Err(vec![Finding::new(error.name(), error.to_string())]));
            }
            Err(error) => return Err(error.into()),
        };
        if let (Some(key), Ok(json)) = (self.facts_key(), serde_json::to_vec(&facts)) {
            let objects = self.task.ctx.objects()?;
            objects.put(&key, json.into(), "application/json").await?;
        }
        Ok(Ok(facts))
    }

    /// What was kept of it; nothing where it can't be read, as when another version kept it.
    async fn kept_facts(&self) -> Result<Option<TrackFacts>> {
        let Some(key) = self.facts_key() else {
            return Ok(None);
        };
        let json = self.task.ctx.objects()?.get(&key).await?;
        Ok(json.and_then(|json| serde_json::from_slice(&json).ok()))
    }

    /// Where its facts are kept: only of a file whose key has the hash of its content, so that another has other ones.
    fn facts_key(&self) -> Option<String> {
        let (folder, name) = self.key.rsplit_once('/')?;
        let (hash, _) = name.strip_prefix("handed-in-")?.split_once('.')?;
        Some(format!("{folder}/facts-{hash}.json"))
    }
}

fn unreadable(error: &std::io::Error) -> StepError {
    StepError::Aws {
        service: "lambda",
        action: "read a file that was handed in",
        detail: error.to_string(),
    }
}
