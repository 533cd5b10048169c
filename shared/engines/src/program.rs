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
pub(crate) struct Ended {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// How many bytes it wrote to standard output.
    pub(crate) stdout_bytes: u64,
    /// The end of what it wrote to standard error.
    pub(crate) stderr_tail: String,
}

impl Ended {
    /// The error for a program that ended with a failure.
    pub(crate) fn failure(&self, name: &str) -> EngineError {
        EngineError::ProgramFailed {
            program: name.to_owned(),
            status: self.status.to_string(),
            detail: self.stderr_tail.trim().to_owned(),
        }
    }
}

/// Runs a program to its end, with its standard output going to `stdout`. `name` is what errors call it.
///
/// Nothing comes in by standard input. The program is killed when `timeout` is over, when `stdout` can't take more,
/// and when the future is dropped. Whether its exit status is a success is for the caller to say.
pub(crate) async fn run(
    name: &str,
    command: &mut Command,
    timeout: Duration,
    stdout: &mut (dyn AsyncWrite + Unpin + Send),
) -> Result<Ended> {
    let place = command.as_std().get_program().to_string_lossy().into_owned();
    let missing = |error: std::io::Error| EngineError::ProgramMissing {
        program: name.to_owned(),
        detail: format!("`{place}`: {error}"),
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(missing)?;
    let (Some(mut child_stdout), Some(child_stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(missing(std::io::Error::other("its output can't be read")));
    };
    let work = async {
        // Both pipes are read at once, since a program that fills one of them waits; a failure of the first ends the
        // call, and with it the program.
        let copying = async {
            tokio::io::copy(&mut child_stdout, stdout)
                .await
                .map_err(|error| not_kept(name, &error))
        };
        let (stdout_bytes, stderr_tail) =
            tokio::try_join!(copying, async { Ok(tail(child_stderr, STDERR_TAIL_BYTES).await) })?;
        let status = child.wait().await.map_err(missing)?;
        Ok(Ended {
            status,
            stdout_bytes,
            stderr_tail,
        })
    };
    match tokio::time::timeout(timeout, work).await {
        Ok(ended) => ended,
        Err(_) => Err(EngineError::ProgramTimedOut {
            program: name.to_owned(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

/// What a program says its version is, as `flite 2.2`. One that says nothing of the kind is just its name.
pub(crate) async fn version(name: &str, program: &Path, flag: &str, timeout: Duration) -> Result<String> {
    let mut stdout = Bounded::new(STDERR_TAIL_BYTES);
    let ended = run(name, Command::new(program).arg(flag), timeout, &mut stdout).await?;
    let said = format!(
        "{}\n{}",
        String::from_utf8_lossy(&stdout.bytes),
        ended.stderr_tail
    );
    Ok(match version_in(&said) {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

/// The first run of digits and dots with a dot between digits.
fn version_in(said: &str) -> Option<&str> {
    said.split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|run| run.trim_matches('.'))
        .find(|run| run.contains('.'))
}

/// The error for output that could not be kept: too much of it, or no room for it.
fn not_kept(name: &str, error: &std::io::Error) -> EngineError {
    if error.kind() == std::io::ErrorKind::FileTooLarge {
        return EngineError::OutputUnreadable {
            program: name.to_owned(),
            detail: error.to_string(),
        };
    }
    EngineError::Files {
        action: format!("keeping the output of `{name}`"),
        detail: error.to_string(),
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
pub(crate) struct Bounded {
    pub(crate) bytes: Vec<u8>,
    most_bytes: usize,
}

impl Bounded {
    pub(crate) fn new(most_bytes: usize) -> Self {
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
            let detail = format!("more than the {} bytes expected at most", self.most_bytes);
            Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, detail))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_say() {
        for (said, version) in [
            ("Apertium 3.8.3\n", Some("3.8.3")),
            (
                "eSpeak NG text-to-speech: 1.51  Data at: /usr/lib/espeak-ng-data",
                Some("1.51"),
            ),
            (
                "  Carnegie Mellon University, Copyright (c) 1999-2016, all rights reserved\n  version: flite-2.2-current \
                 Sep 2018 (http://cmuflite.org)",
                Some("2.2"),
            ),
            ("no version. 12", None),
        ] {
            assert_eq!(version_in(said), version, "{said}");
        }
    }
}
