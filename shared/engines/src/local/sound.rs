//! From media to samples: `ffprobe` says whether there is sound, `ffmpeg` makes it what the recogniser wants.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::process::Command;

use super::config::LocalConfig;
use crate::error::{EngineError, Result};
use crate::program::{self, Bounded};

/// What errors call the programs.
const FFPROBE: &str = "ffprobe";
const FFMPEG: &str = "ffmpeg";

/// What the recogniser's acoustic model was made with.
const SAMPLE_RATE_HZ: u64 = 16_000;
/// Mono, 16 bits a sample.
const BYTES_PER_MS: u64 = SAMPLE_RATE_HZ * 2 / 1_000;

/// ffmpeg's code for data that is not what it should be (`AVERROR_INVALIDDATA`, the tag "INDA" negated).
const INVALID_DATA: i64 = -1_094_995_529;

/// ffmpeg's code for a container that is not in [`CONTAINERS`], or that it has no use for (`AVERROR(EINVAL)`). Its own
/// options can't cause it: with a wrong one it ends before it reports a code.
const INVALID_ARGUMENT: i64 = -22;

/// The containers that media may come in, as ffmpeg names its demuxers. Playlists and the like are not among them:
/// they would have ffmpeg open whatever file the media names.
const CONTAINERS: &str = "mov,mp4,m4a,mpegts,mpeg,matroska,webm,mp3,aac,wav,ogg,flac,flv,avi,asf";

/// ffprobe's list of a few streams takes some kilobytes.
const MAX_PROBE_BYTES: usize = 1024 * 1024;

/// The media of a job.
pub(super) struct Source<'a> {
    /// Where it is.
    pub(super) path: &'a Path,
    /// What it is called in errors.
    pub(super) key: &'a str,
}

impl Source<'_> {
    /// What makes ffmpeg and ffprobe read this file and nothing else.
    fn input_args(&self, command: &mut Command) {
        let mut file = std::ffi::OsString::from("file:");
        file.push(self.path);
        command
            .args([
                "-v",
                "error",
                "-protocol_whitelist",
                "file,pipe",
                "-format_whitelist",
                CONTAINERS,
                "-i",
            ])
            .arg(file);
    }

    fn unreadable(&self, detail: impl Into<String>) -> EngineError {
        EngineError::MediaUnreadable {
            media: self.key.to_owned(),
            detail: detail.into(),
        }
    }
}

/// The place of an audio track among the media's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Track(u32);

/// Samples on disk: 16 kHz, mono, 16 bit little endian, no header.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) path: PathBuf,
    pub(super) duration_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<Stream>,
    error: Option<ProbeError>,
}

#[derive(Debug, Deserialize)]
struct ProbeError {
    code: i64,
    string: String,
}

#[derive(Debug, Deserialize)]
struct Stream {
    index: u32,
    codec_type: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    default: u8,
}

#[derive(Debug, Default, Deserialize)]
struct Tags {
    language: Option<String>,
}

/// The audio track to work on: the one marked as being in the language spoken (ISO 639-3, as media files write it),
/// else the default one, else the first. Media without any is [`EngineError::NoAudio`]; what ffprobe can't make out
/// is [`EngineError::MediaUnreadable`].
pub(super) async fn find_track(
    config: &LocalConfig,
    source: &Source<'_>,
    spoken_iso639_3: Option<&str>,
) -> Result<Track> {
    let mut command = Command::new(config.ffprobe());
    source.input_args(&mut command);
    command.args(["-show_error", "-show_streams", "-of", "json"]);
    let mut output = Bounded::new(MAX_PROBE_BYTES);
    let ended = program::run(FFPROBE, &mut command, config.program_timeout, &mut output).await?;
    let probe: Probe = match serde_json::from_slice(&output.bytes) {
        Ok(probe) => probe,
        // ffprobe that says nothing readable is broken itself; one that failed has said why on standard error.
        Err(_) if !ended.status.success() => return Err(ended.failure(FFPROBE)),
        Err(error) => {
            return Err(EngineError::OutputUnreadable {
                program: FFPROBE.to_owned(),
                detail: format!("{error}, expected `streams` or `error` as JSON"),
            });
        }
    };
    match &probe.error {
        Some(error) if matches!(error.code, INVALID_DATA | INVALID_ARGUMENT) => {
            return Err(source.unreadable(&error.string));
        }
        Some(error) => {
            return Err(EngineError::ProgramFailed {
                program: FFPROBE.to_owned(),
                status: ended.status.to_string(),
                detail: format!("{} (code {})", error.string, error.code),
            });
        }
        None if !ended.status.success() => return Err(ended.failure(FFPROBE)),
        None => {}
    }
    choose(&probe.streams, spoken_iso639_3).ok_or_else(|| EngineError::NoAudio {
        media: source.key.to_owned(),
    })
}

fn choose(streams: &[Stream], spoken_iso639_3: Option<&str>) -> Option<Track> {
    let audio = || {
        streams
            .iter()
            .filter(|stream| stream.codec_type.as_deref() == Some("audio"))
    };
    audio()
        .find(|stream| spoken_iso639_3.is_some() && stream.tags.language.as_deref() == spoken_iso639_3)
        .or_else(|| audio().find(|stream| stream.disposition.default == 1))
        .or_else(|| audio().next())
        .map(|stream| Track(stream.index))
}

/// Writes the samples of a track into `dir`. Their time is the media's: a track that begins later than the picture
/// has silence before it, and a hole in it becomes silence, so that word times fit the video.
///
/// The samples come by pipe rather than in a file of ffmpeg's making, so that a full disk is told from bad media.
pub(super) async fn extract(
    config: &LocalConfig,
    source: &Source<'_>,
    track: Track,
    dir: &Path,
) -> Result<Samples> {
    let path = dir.join("samples.s16le");
    let writing = |error: std::io::Error| EngineError::Files {
        action: format!("writing `{}`", path.display()),
        detail: error.to_string(),
    };
    let mut file = tokio::fs::File::create(&path).await.map_err(writing)?;
    let mut command = Command::new(&config.ffmpeg);
    command.args(["-nostdin", "-hide_banner"]);
    source.input_args(&mut command);
    command
        .args(["-map", &format!("0:{}", track.0)])
        .args(["-af", &format!("aresample={SAMPLE_RATE_HZ}:async=1:first_pts=0")])
        .args(["-ac", "1", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"]);
    let ended = program::run(FFMPEG, &mut command, config.program_timeout, &mut file).await?;
    tokio::io::AsyncWriteExt::flush(&mut file)
        .await
        .map_err(writing)?;
    // ffprobe could read this media, so a failure now is rather ffmpeg's than the media's.
    if !ended.status.success() {
        return Err(ended.failure(FFMPEG));
    }
    if ended.stdout_bytes == 0 {
        return Err(source.unreadable("its audio track holds no sound that can be decoded"));
    }
    Ok(Samples {
        path,
        duration_ms: ended.stdout_bytes / BYTES_PER_MS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(json: &str) -> Vec<Stream> {
        serde_json::from_str::<Probe>(json).unwrap().streams
    }

    const TWO_AUDIO_TRACKS: &str = r#"{"streams": [
        {"index": 0, "codec_type": "video"},
        {"index": 1, "codec_type": "audio", "disposition": {"default": 0}, "tags": {"language": "spa"}},
        {"index": 2, "codec_type": "audio", "disposition": {"default": 1}, "tags": {"language": "fra"}},
        {"index": 3, "codec_type": "audio", "disposition": {"default": 0}, "tags": {"language": "eng"}}
    ]}"#;

    #[test]
    fn the_track_in_the_spoken_language_comes_before_the_default_one() {
        let streams = streams(TWO_AUDIO_TRACKS);
        assert_eq!(choose(&streams, Some("eng")), Some(Track(3)));
        assert_eq!(choose(&streams, Some("deu")), Some(Track(2)));
        assert_eq!(choose(&streams, None), Some(Track(2)));
        assert_eq!(choose(&streams[..2], Some("eng")), Some(Track(1)));
        assert_eq!(choose(&streams[..1], Some("eng")), None);
    }

    #[test]
    fn a_recorded_probe_is_read() {
        assert_eq!(
            choose(&streams(include_str!("fixtures/probe-ok.json")), Some("eng")),
            Some(Track(1))
        );
    }
}
