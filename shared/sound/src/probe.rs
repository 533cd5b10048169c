//! What `ffprobe` says of a file, and which of its audio tracks is worked on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::error::{Result, SoundError};
use crate::program;

/// What errors call the programs.
pub(crate) const FFPROBE: &str = "ffprobe";
pub(crate) const FFMPEG: &str = "ffmpeg";

/// A Lambda function ends after 15 minutes; a program is ended before that, so that the log says which it was.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(14);

/// ffmpeg's code for data that is not what it should be (`AVERROR_INVALIDDATA`, the tag "INDA" negated).
const INVALID_DATA: i64 = -1_094_995_529;

/// ffmpeg's code for a container that is not in [`CONTAINERS`], or that it has no use for (`AVERROR(EINVAL)`).
const INVALID_ARGUMENT: i64 = -22;

/// The containers that media may come in, as ffmpeg names its demuxers. Playlists and the like are not among them:
/// they would have ffmpeg open whatever file the media names.
const CONTAINERS: &str = "mov,mp4,m4a,mpegts,mpeg,matroska,webm,mp3,aac,wav,ogg,flac,flv,avi,asf";

/// ffprobe's list of a few streams takes some kilobytes.
const MAX_PROBE_BYTES: usize = 1024 * 1024;

/// Where ffmpeg and ffprobe are, and how long one piece of work may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    /// ffmpeg: a path, or a name to be found on `PATH`. ffprobe is expected beside it.
    pub ffmpeg: PathBuf,
    /// The most that one program may take, or the programs that make one mix together; then they are killed, and the
    /// work fails with [`SoundError::ProgramTimedOut`].
    pub timeout: Duration,
}

impl Default for Tools {
    /// `ffmpeg` on `PATH`, 14 minutes.
    fn default() -> Self {
        Self {
            ffmpeg: PathBuf::from("ffmpeg"),
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

impl Tools {
    /// An ffmpeg command that reports errors only and never asks.
    pub(crate) fn ffmpeg(&self) -> Command {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
        command
    }

    fn ffprobe(&self) -> Command {
        let mut command = Command::new(self.ffmpeg.with_file_name("ffprobe"));
        command.args(["-v", "error"]);
        command
    }
}

/// A local media file to be read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// What it is called in errors.
    pub name: &'a str,
    /// The language whose audio track is wanted (ISO 639-3, as media files write it). Where no track is marked with
    /// it, or with `None`, it is the default track, else the first.
    pub language: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// The default audio track of a file.
    pub fn new(path: &'a Path, name: &'a str) -> Self {
        Self {
            path,
            name,
            language: None,
        }
    }

    /// What makes ffmpeg and ffprobe read this file and nothing else.
    pub(crate) fn input_args(&self, command: &mut Command) {
        command
            .args(["-protocol_whitelist", "file,pipe"])
            .args(["-format_whitelist", CONTAINERS, "-i"])
            .arg(file_url(self.path));
    }

    pub(crate) fn unreadable(&self, detail: impl Into<String>) -> SoundError {
        SoundError::MediaUnreadable {
            media: self.name.to_owned(),
            detail: detail.into(),
        }
    }
}

/// A path as ffmpeg takes it whatever its name: one that begins with `-` or `http:` is still a file.
pub(crate) fn file_url(path: &Path) -> std::ffi::OsString {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    url
}

#[derive(Debug, Deserialize)]
pub(crate) struct Probe {
    #[serde(default)]
    pub(crate) streams: Vec<Stream>,
    #[serde(default)]
    pub(crate) format: Format,
    error: Option<ProbeError>,
}

#[derive(Debug, Deserialize)]
struct ProbeError {
    code: i64,
    string: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Format {
    #[serde(default, rename = "format_name")]
    pub(crate) name: String,
    duration: Option<String>,
    start_time: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stream {
    pub(crate) index: u32,
    codec_type: Option<String>,
    pub(crate) codec_name: Option<String>,
    pub(crate) profile: Option<String>,
    sample_rate: Option<String>,
    pub(crate) channels: Option<u32>,
    bit_rate: Option<String>,
    duration: Option<String>,
    start_time: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    default: u8,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Tags {
    language: Option<String>,
}

fn seconds(text: Option<&String>) -> Option<f64> {
    text?.parse().ok().filter(|seconds: &f64| seconds.is_finite())
}

impl Format {
    /// How long the file says it is, in seconds.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        seconds(self.duration.as_ref()).filter(|duration| *duration > 0.0)
    }
}

impl Stream {
    pub(crate) fn is_audio(&self) -> bool {
        self.codec_type.as_deref() == Some("audio")
    }

    pub(crate) fn sample_rate_hz(&self) -> Option<u32> {
        self.sample_rate.as_ref()?.parse().ok().filter(|rate| *rate > 0)
    }

    pub(crate) fn bit_rate_bps(&self) -> Option<u64> {
        self.bit_rate.as_ref()?.parse().ok()
    }

    /// When the track ends on the media's time, in seconds, where the container says so.
    pub(crate) fn end_s(&self, format: &Format) -> Option<f64> {
        let start = seconds(self.start_time.as_ref()).unwrap_or(0.0);
        let media_start = seconds(format.start_time.as_ref()).unwrap_or(0.0);
        Some(start - media_start + seconds(self.duration.as_ref())?)
    }
}

impl Probe {
    pub(crate) fn audio(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.is_audio())
    }

    /// The track that a [`Source`] means.
    pub(crate) fn choose(&self, language: Option<&str>) -> Option<&Stream> {
        self.audio()
            .find(|stream| language.is_some() && stream.tags.language.as_deref() == language)
            .or_else(|| self.audio().find(|stream| stream.disposition.default == 1))
            .or_else(|| self.audio().next())
    }
}

/// Asks ffprobe about a file. What it can't make out is [`SoundError::MediaUnreadable`].
pub(crate) async fn probe(tools: &Tools, source: &Source<'_>) -> Result<Probe> {
    let mut command = tools.ffprobe();
    source.input_args(&mut command);
    command.args(["-show_error", "-show_streams", "-show_format", "-of", "json"]);
    let mut output = Vec::new();
    let ended = program::run(FFPROBE, &mut command, tools.timeout, async |chunk| {
        if output.len() + chunk.len() > MAX_PROBE_BYTES {
            return Err(wrong(format!(
                "more than the {MAX_PROBE_BYTES} bytes expected at most"
            )));
        }
        output.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    let probe: Probe = match serde_json::from_slice(&output) {
        Ok(probe) => probe,
        // ffprobe that says nothing readable is broken itself; one that failed has said why on standard error.
        Err(error) => {
            ended.checked()?;
            return Err(wrong(format!("{error}, expected `streams` or `error` as JSON")));
        }
    };
    match &probe.error {
        Some(error) if matches!(error.code, INVALID_DATA | INVALID_ARGUMENT) => {
            return Err(source.unreadable(&error.string));
        }
        Some(error) => {
            return Err(SoundError::ProgramFailed {
                program: FFPROBE.to_owned(),
                status: ended.status.to_string(),
                detail: format!("{} (code {})", error.string, error.code),
            });
        }
        None => ended.checked()?,
    }
    Ok(probe)
}

fn wrong(detail: String) -> SoundError {
    SoundError::OutputWrong {
        program: FFPROBE.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_track_in_the_wanted_language_comes_before_the_default_one() {
        let mut probe: Probe = serde_json::from_str(
            r#"{"streams": [
            {"index": 0, "codec_type": "video"},
            {"index": 1, "codec_type": "audio", "disposition": {"default": 0}, "tags": {"language": "spa"}},
            {"index": 2, "codec_type": "audio", "disposition": {"default": 1}, "tags": {"language": "fra"}},
            {"index": 3, "codec_type": "audio", "disposition": {"default": 0}, "tags": {"language": "eng"}}
        ]}"#,
        )
        .unwrap();
        let index = |probe: &Probe, language| probe.choose(language).map(|stream| stream.index);
        assert_eq!(index(&probe, Some("eng")), Some(3));
        assert_eq!(index(&probe, Some("deu")), Some(2));
        assert_eq!(index(&probe, None), Some(2));
        probe.streams.truncate(2);
        assert_eq!(index(&probe, Some("eng")), Some(1));
        probe.streams.truncate(1);
        assert_eq!(index(&probe, Some("eng")), None);
    }
}
