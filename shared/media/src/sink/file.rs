//! A sink that writes one file, for tests and local tools.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::memory::check_parts;
use super::{PartSink, SinkError};

/// Writes the object to a path. Parts lie beside it (`<name>.part-<number>`) until they are joined; the
/// path itself appears only when the object is whole.
///
/// Writes block the thread: a sink for tests and tools, not for a server.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    parts: Mutex<BTreeMap<u32, usize>>,
}

impl FileSink {
    /// A sink for `path`, whose folder exists.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            parts: Mutex::default(),
        }
    }

    /// The path of the finished object.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_os_string();
        name.push(".");
        name.push(suffix);
        self.path.with_file_name(name)
    }

    fn part_path(&self, number: u32) -> PathBuf {
        self.beside(&format!("part-{number}"))
    }

    fn locked<T>(&self, use_parts: impl FnOnce(&mut BTreeMap<u32, usize>) -> T) -> T {
        use_parts(&mut self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn remove_parts(&self) {
        let numbers: Vec<u32> = self.locked(|p| std::mem::take(p).into_keys().collect());
        for number in numbers {
            // A part that is already gone is what is wanted.
            let _ = fs::remove_file(self.part_path(number));
        }
    }

    fn join(&self, parts: u32) -> io::Result<()> {
        let whole = self.beside("whole");
        let mut out = File::create(&whole)?;
        for number in 1..=parts {
            io::copy(&mut File::open(self.part_path(number))?, &mut out)?;
        }
        out.flush()?;
        fs::rename(&whole, &self.path)
    }

    fn fault(&self, what: &str, cause: io::Error) -> SinkError {
        SinkError::permanent(format!("{what} for {}", self.path.display())).caused_by(cause)
    }
}

#[async_trait]
impl PartSink for FileSink {
    async fn put_part(&self, number: u32, data: Bytes) -> Result<(), SinkError> {
        if number == 0 {
            return Err(SinkError::permanent("part numbers start at 1"));
        }
        fs::write(self.part_path(number), &data).map_err(|e| self.fault("part not written", e))?;
        self.locked(|p| p.insert(number, data.len()));
        Ok(())
    }

    async fn finish(&self, parts: u32) -> Result<(), SinkError> {
        self.locked(|p| check_parts(p.iter().map(|(n, size)| (*n, *size)), parts))?;
        self.join(parts).map_err(|e| self.fault("parts not joined", e))?;
        self.remove_parts();
        Ok(())
    }

    async fn put_whole(&self, data: Bytes) -> Result<(), SinkError> {
        let whole = self.beside("whole");
        fs::write(&whole, &data)
            .and_then(|()| fs::rename(&whole, &self.path))
            .map_err(|e| self.fault("file not written", e))
    }

    async fn abort(&self) -> Result<(), SinkError> {
        self.remove_parts();
        Ok(())
    }
}
