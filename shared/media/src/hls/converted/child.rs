//! One ffmpeg child: what it is told to do, and what is read of it.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::feed::Input;
use crate::error::FetchError;
use crate::fault::Fault;
use crate::hls::remuxed::MAX_INIT_BYTES;
use crate::mp4::boxes::{Header, header};
use crate::mp4::fragment::{FragmentReader, FrameSink};

/// Bytes kept of what the child says.
const MAX_SAID_BYTES: usize = 4 << 10;

/// A child that runs.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// The error of a program that doesn't do its work.
pub(super) fn failed(program: &Path, what: String) -> FetchError {
    FetchError::Converter {
        program: program.display().to_string(),
        what,
    }
}

/// Starts the child. It dies when it is dropped.
pub(super) fn start(program: &Path, input: Input, sound_only: bool) -> Result<Running, FetchError> {
    let mut child = command(program, input, sound_only)
        .spawn()
        .map_err(|error| failed(program, format!("can't be run: {error}")))?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Running {
            child,
            stdin,
            stdout,
            stderr,
        }),
        _ => Err(failed(program, "has no pipes".to_owned())),
    }
}

/// The first picture and the first sound as they are, on the times that they have, in fragments of a second. Their index waits
/// for the first of each, so that its edit lists tell where they begin, in ticks as fine as the times.
fn command(program: &Path, input: Input, sound_only: bool) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .args(["-nostdin", "-hide_banner", "-v", "error", "-xerror", "-copyts"])
        .args(["-protocol_whitelist", "pipe", "-f", input.format, "-i", "pipe:0"]);
    if !sound_only {
        command.args(["-map", "0:v:0?"]);
    }
    command.args(["-map", "0:a:0?", "-c", "copy"]);
    if input.is_adts {
        command.args(["-bsf:a", "aac_adtstoasc"]);
    }
    command
        .args(["-f", "mp4", "-movie_timescale", "90000", "-write_btrt", "0"])
        .args([
            "-movflags",
            "delay_moov+default_base_moof",
            "-frag_duration",
            "1000000",
        ])
        .arg("pipe:1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What a child makes: an init section, and fragments behind it.
#[derive(Default)]
pub(super) struct Made {
    begin: Vec<u8>,
    reader: Option<FragmentReader>,
}

impl Made {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], to: &mut impl FrameSink) -> Result<(), Fault> {
        if let Some(reader) = &mut self.reader {
            return reader.push(bytes, to);
        }
        self.begin.extend_from_slice(bytes);
        let Some(length) = init_length(&self.begin)? else {
            if self.begin.len() > MAX_INIT_BYTES {
                return Err(Fault::damaged("an init section without end"));
            }
            return Ok(());
        };
        let begin = std::mem::take(&mut self.begin);
        let (init, fragments) = begin.split_at(length);
        let mut reader = FragmentReader::new(init)?;
        reader.forget_bit_rates();
        self.reader.insert(reader).push(fragments, to)
    }

    /// Whether nothing came.
    pub(super) fn is_empty(&self) -> bool {
        self.reader.is_none()
    }

    /// What has read the fragments, at their end.
    pub(super) fn end(self) -> Result<FragmentReader, Fault> {
        let nothing = || Fault::damaged("no frame in all segments");
        let mut reader = self.reader.ok_or_else(nothing)?;
        reader.end_segment()?;
        Ok(reader)
    }
}

/// Length of everything up to the end of the `moov`; `None` where that has not come yet.
fn init_length(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let mut at = 0;
    while let Header::Box { kind, size, .. } = header(&bytes[at..])? {
        at = usize::try_from(size).map_or(usize::MAX, |size| at.saturating_add(size));
        if at > bytes.len() {
            break;
        }
        if kind == *b"moov" {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// What the child says, to its end; no more than a few lines of it are kept.
pub(super) async fn hear(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut said = Vec::new();
    let mut bytes = [0; 512];
    while let Ok(read @ 1..) = stderr.read(&mut bytes).await {
        let room = MAX_SAID_BYTES.saturating_sub(said.len());
        said.extend_from_slice(&bytes[..read.min(room)]);
    }
    String::from_utf8_lossy(&said)
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("; ")
}
