//! Running programs: bounded in time and output, ended with the call.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::error::{Result, SoundError};

/// How much of a program's standard error is kept: its end, where the cause stands.
const STDERR_TAIL_BYTES: usize = 4 * 1024;

/// A program that runs, and is killed when this is dropped. Its pipes are for the caller to serve.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

/// How a program ended.
pub(crate) struct Ended {
    name: &'static str,
    pub(crate) status: ExitStatus,
    pub(crate) stderr_tail: String,
}

impl Ended {
    /// Nothing for a success, else [`SoundError::ProgramFailed`].
    pub(crate) fn checked(self) -> Result<()> {
        if self.status.success() {
            return Ok(());
        }
        Err(SoundError::ProgramFailed {
            program: self.name.to_owned(),
            status: self.status.to_string(),
            detail: self.stderr_tail.trim().to_owned(),
        })
    }
}

impl Running {
    /// Starts a program that gives its output by pipe, and takes input by pipe where `takes_input`. `name` is what
    /// errors call it.
    pub(crate) fn start(name: &'static str, command: &mut Command, takes_input: bool) -> Result<Self> {
        let mut child = command
            .stdin(if takes_input {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                let place = command.as_std().get_program().to_string_lossy().into_owned();
                missing(name, &format!("`{place}`: {error}"))
            })?;
        Ok(Self {
            name,
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
        })
    }

    /// Reads standard error to its end, then waits. To be awaited together with what serves the other pipes, since a
    /// program that fills one of them waits.
    pub(crate) async fn end(mut self) -> Result<Ended> {
        let stderr_tail = match self.stderr.take() {
            Some(stderr) => tail(stderr, STDERR_TAIL_BYTES).await,
            None => String::new(),
        };
        let status = self
            .child
            .wait()
            .await
            .map_err(|error| missing(self.name, &error.to_string()))?;
        Ok(Ended {
            name: self.name,
            status,
            stderr_tail,
        })
    }
}

fn missing(name: &str, detail: &str) -> SoundError {
    SoundError::ProgramMissing {
        program: name.to_owned(),
        detail: detail.to_owned(),
    }
}

/// Gives `work` so much time. What it runs is killed when it is dropped.
pub(crate) async fn within<T>(
    timeout: Duration,
    name: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(timeout, work).await {
        Ok(result) => result,
        Err(_) => Err(SoundError::ProgramTimedOut {
            program: name.to_owned(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

/// Runs a program to its end; `each` sees its standard output piece by piece and may refuse to go on.
pub(crate) async fn run(
    name: &'static str,
    command: &mut Command,
    timeout: Duration,
    mut each: impl AsyncFnMut(&[u8]) -> Result<()>,
) -> Result<Ended> {
    let work = async {
        let mut running = Running::start(name, command, false)?;
        let stdout = running.stdout.take();
        let reading = async {
            let Some(mut stdout) = stdout else { return Ok(()) };
            let mut chunk = vec![0; 64 * 1024];
            loop {
                match stdout.read(&mut chunk).await {
                    Ok(0) => return Ok(()),
                    Ok(read) => each(&chunk[..read]).await?,
                    Err(error) => return Err(files(format!("reading the output of `{name}`"), &error)),
                }
            }
        };
        let ((), ended) = tokio::try_join!(reading, running.end())?;
        Ok(ended)
    };
    within(timeout, name, work).await
}

/// The error for a file that could not be read or written.
pub(crate) fn files(action: impl Into<String>, error: &std::io::Error) -> SoundError {
    SoundError::Files {
        action: action.into(),
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
