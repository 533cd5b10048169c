//! Running one program: bounded in time and output, ended with the call.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::process::Command;

use crate::error::{EngineError, Result};

/// How much of a program's standard error is kept: its end, where the cause stands.
const STDERR_TAIL_BYTES: usize = 4 * 1024;

/// How a program ended that did start and did end in time.
pub(super) struct Ended {
    /// Its exit status.
    pub(super) status: ExitStatus,
    /// How many bytes it wrote to standard output.
    pub(super) stdout_bytes: u64,
    /// The end of what it wrote to standard error.
    pub(super) stderr_tail: String,
}

impl Ended {
    /// The error for a program that ended with a failure.
    pub(super) fn failure(&self, program: &Path) -> EngineError {
        EngineError::ProgramFailed {
            program: name_of(program),
            status: self.status.to_string(),
            detail: self.stderr_tail.trim().to_owned(),
        }
    }
}

/// The name of a program, as errors give it: without its directory, which says nothing to the reader of a metric.
pub(super) fn name_of(program: &Path) -> String {
    program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Runs a program to its end, with its standard output going to `stdout`.
///
/// Nothing comes in by standard input. The program is killed when `timeout` is over, when `stdout` can't take more,
/// and when the future is dropped. Whether its exit status is a success is for the caller to say.
pub(super) async fn run(
    program: &Path,
    args: &mut Command,
    timeout: Duration,
    stdout: &mut (dyn AsyncWrite + Unpin + Send),
) -> Result<Ended> {
    let failed = |detail: std::io::Error| EngineError::ProgramMissing {
        program: name_of(program),
        detail: format!("`{}`: {detail}", program.display()),
    };
    let mut child = args
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(mut child_stdout), Some(child_stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed(std::io::Error::other("its output can't be read")));
    };
    let work = async {
        // Both pipes are read at once: a program that fills one of them would wait for ever.
        let (copied, stderr_tail) = tokio::join!(
            tokio::io::copy(&mut child_stdout, stdout),
            tail(child_stderr, STDERR_TAIL_BYTES)
        );
        let stdout_bytes = copied.map_err(|error| EngineError::Files {
            action: format!("keeping the output of `{}`", name_of(program)),
            detail: error.to_string(),
        })?;
        let status = child.wait().await.map_err(failed)?;
        Ok(Ended {
            status,
            stdout_bytes,
            stderr_tail,
        })
    };
    match tokio::time::timeout(timeout, work).await {
        Ok(ended) => ended,
        Err(_) => Err(EngineError::ProgramTimedOut {
            program: name_of(program),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

/// Reads to the end and keeps the last `keep_bytes`, as text. What can't be read ends it: a log is not worth a job.
async fn tail(mut source: impl AsyncRead + Unpin, keep_bytes: usize) -> String {
    let mut kept = Vec::new();
    let mut chunk = vec![0; keep_bytes];
    while let Ok(read @ 1..) = source.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        let excess = kept.len().saturating_sub(keep_bytes);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// A sink that keeps at most so many bytes and then refuses, so that a program gone wild fills no memory.
pub(super) struct Bounded {
    pub(super) bytes: Vec<u8>,
    most_bytes: usize,
}

impl Bounded {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            bytes: Vec::new(),
            most_bytes,
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        chunk: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let result = if self.bytes.len() + chunk.len() > self.most_bytes {
            Err(std::io::Error::other(format!(
                "more than {} bytes",
                self.most_bytes
            )))
        } else {
            self.bytes.extend_from_slice(chunk);
            Ok(chunk.len())
        };
        std::task::Poll::Ready(result)
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
