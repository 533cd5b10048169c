//! Real media for entries: probed by ffprobe, cut by ffmpeg when somebody asks for it, kept by content hash.

use crate::error::SimError;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Target length of HLS segments, seconds; they are cut at key frames, so they may be longer.
const SEGMENT_S: &str = "4";

/// A media file and what ffprobe says of it.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    path: PathBuf,
    hash: String,
    pub(crate) duration_ms: u64,
    pub(crate) size_bytes: u64,
    pub(crate) bitrate_kbps: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) has_video: bool,
    pub(crate) has_audio: bool,
    /// Whether the streams can go into MP4 and TS as they are.
    copyable: bool,
}

/// Which streams a playlist or a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tracks {
    pub(crate) video: bool,
    pub(crate) audio: bool,
}

/// What is made of a media file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cut {
    /// An MP4 with its index in front.
    Mp4 { audio_only: bool },
    /// A folder with a playlist and its segments.
    Hls { audio_only: bool, tracks: Tracks },
}

type Cell = Arc<OnceCell<Result<PathBuf, String>>>;

/// Cut media, each piece made once.
#[derive(Debug)]
pub(crate) struct MediaStore {
    dir: PathBuf,
    cells: Mutex<HashMap<(String, Cut), Cell>>,
    /// What was found out about a file, as long as it is the same by its length and its time.
    probed: Mutex<HashMap<(PathBuf, u64, SystemTime), Media>>,
}

impl Media {
    /// The hash of its content, hexadecimal.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }
}

impl MediaStore {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            cells: Mutex::default(),
            probed: Mutex::default(),
        }
    }

    /// Looks at a media file: length, streams, content hash.
    pub(crate) async fn probe(&self, path: &Path) -> Result<Media, SimError> {
        let unread = |source| SimError::File {
            path: path.to_owned(),
            source,
        };
        let file = tokio::fs::metadata(path).await.map_err(unread)?;
        let modified = file.modified().map_err(unread)?;
        let same = (path.to_owned(), file.len(), modified);
        let probed = || self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(media) = probed().get(&same) {
            return Ok(media.clone());
        }
        let media = Self::look(path).await?;
        probed().insert(same, media.clone());
        Ok(media)
    }

    async fn look(path: &Path) -> Result<Media, SimError> {
        let fail = |reason: String| SimError::Media {
            tool: "ffprobe",
            path: path.to_owned(),
            reason,
        };
        let hash = hash_file(path).await.map_err(|source| SimError::File {
            path: path.to_owned(),
            source,
        })?;
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-of", "json", "-show_format", "-show_streams"])
            .arg(path)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| fail(error.to_string()))?;
        if !output.status.success() {
            return Err(fail(last_line(&output.stderr)));
        }
        let probed: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| fail(error.to_string()))?;
        Media::from_probe(path, hash, &probed).ok_or_else(|| fail("no length or no streams".to_owned()))
    }

    /// The media as MP4, whole or the sound only.
    pub(crate) async fn mp4(&self, media: &Media, audio_only: bool) -> Result<PathBuf, SimError> {
        self.cut(media, Cut::Mp4 { audio_only }).await
    }

    /// A folder with `index.m3u8` and `seg-<n>.ts` for the given tracks.
    pub(crate) async fn hls(
        &self,
        media: &Media,
        audio_only: bool,
        tracks: Tracks,
    ) -> Result<PathBuf, SimError> {
        self.cut(media, Cut::Hls { audio_only, tracks }).await
    }

    fn cut<'a>(
        &'a self,
        media: &'a Media,
        cut: Cut,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<PathBuf, SimError>> + Send + 'a>> {
        Box::pin(async move {
            let cell = {
                let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
                cells.entry((media.hash.clone(), cut)).or_default().clone()
            };
            let made =
                cell.get_or_init(
                    || async move { self.make(media, cut).await.map_err(|error| error.to_string()) },
                );
            made.await.clone().map_err(|reason| SimError::Media {
                tool: "ffmpeg",
                path: media.path.clone(),
                reason,
            })
        })
    }

    async fn make(&self, media: &Media, cut: Cut) -> Result<PathBuf, SimError> {
        let folder = self.dir.join(&media.hash);
        let target = folder.join(cut.name());
        if target.exists() {
            return Ok(target);
        }
        let file_error = |path: &Path| {
            let path = path.to_owned();
            move |source| SimError::File { path, source }
        };
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(file_error(&folder))?;
        // Made under another name and moved, so that a run that was cut short leaves nothing that looks whole.
        let draft = folder.join(format!("{}-{}", crate::session::random_name(6), cut.name()));
        match cut {
            Cut::Mp4 { audio_only } => {
                let mut command = ffmpeg(&media.path);
                if audio_only || !media.has_video {
                    command.arg("-vn");
                }
                if media.copyable {
                    command.args(["-c", "copy"]);
                } else {
                    command.args([
                        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "100",
                    ]);
                    command.args(["-c:a", "aac", "-b:a", "128k"]);
                }
                command
                    .args([
                        "-map",
                        "0:v:0?",
                        "-map",
                        "0:a:0?",
                        "-movflags",
                        "+faststart",
                        "-f",
                        "mp4",
                    ])
                    .arg(&draft);
                run(command, &media.path).await?;
            }
            Cut::Hls { audio_only, tracks } => {
                let mp4 = self.mp4(media, audio_only).await?;
                tokio::fs::create_dir_all(&draft)
                    .await
                    .map_err(file_error(&draft))?;
                let mut command = ffmpeg(&mp4);
                if tracks.video {
                    command.args(["-map", "0:v:0?"]);
                }
                if tracks.audio {
                    command.args(["-map", "0:a:0?"]);
                }
                command.args([
                    "-c",
                    "copy",
                    "-f",
                    "hls",
                    "-hls_time",
                    SEGMENT_S,
                    "-hls_playlist_type",
                    "vod",
                ]);
                command.args([
                    "-hls_list_size",
                    "0",
                    "-start_number",
                    "1",
                    "-hls_segment_filename",
                ]);
                command.arg(draft.join("seg-%d.ts")).arg(draft.join("index.m3u8"));
                run(command, &media.path).await?;
            }
        }
        tokio::fs::rename(&draft, &target)
            .await
            .map_err(file_error(&target))?;
        Ok(target)
    }
}

impl Cut {
    fn name(self) -> String {
        let whole = |audio_only| if audio_only { "audio" } else { "whole" };
        match self {
            Self::Mp4 { audio_only } => format!("{}.mp4", whole(audio_only)),
            Self::Hls { audio_only, tracks } => {
                let video = if tracks.video { "-v1" } else { "" };
                let audio = if tracks.audio { "-a1" } else { "" };
                format!("{}{video}{audio}.hls", whole(audio_only))
            }
        }
    }
}

impl Media {
    fn from_probe(path: &Path, hash: String, probed: &Value) -> Option<Self> {
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
        let format = probed.get("format")?;
        let streams = probed.get("streams")?.as_array()?;
        let of_type = |kind: &str| streams.iter().find(|stream| stream["codec_type"] == kind);
        // A picture in a sound file's tags is no video.
        let video = of_type("video").filter(|stream| stream["disposition"]["attached_pic"] != 1);
        let audio = of_type("audio");
        if video.is_none() && audio.is_none() {
            return None;
        }
        let container = format["format_name"].as_str().unwrap_or_default();
        let copyable = container.contains("mp4")
            && video.is_none_or(|stream| stream["codec_name"] == "h264")
            && audio.is_none_or(|stream| stream["codec_name"] == "aac");
        Some(Self {
            path: path.to_owned(),
            hash,
            duration_ms: whole_number(number(&format["duration"])? * 1000.0),
            size_bytes: whole_number(number(&format["size"]).unwrap_or_default()),
            bitrate_kbps: whole_number(number(&format["bit_rate"]).unwrap_or_default() / 1000.0),
            width: video
                .and_then(|stream| stream["width"].as_u64())
                .unwrap_or_default(),
            height: video
                .and_then(|stream| stream["height"].as_u64())
                .unwrap_or_default(),
            has_video: video.is_some(),
            has_audio: audio.is_some(),
            copyable,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` from a float saturates, and lengths and sizes of media are far below 2^53"
)]
fn whole_number(value: f64) -> u64 {
    value.round() as u64
}

fn ffmpeg(input: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin", "-y", "-i"])
        .arg(input)
        .stdin(Stdio::null());
    command
}

async fn run(mut command: Command, path: &Path) -> Result<(), SimError> {
    let fail = |reason| SimError::Media {
        tool: "ffmpeg",
        path: path.to_owned(),
        reason,
    };
    let output = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| fail(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(fail(last_line(&output.stderr)))
    }
}

fn last_line(output: &[u8]) -> String {
    String::from_utf8_lossy(output)
        .lines()
        .last()
        .unwrap_or("no message")
        .to_owned()
}

async fn hash_file(path: &Path) -> std::io::Result<String> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok(crate::session::hex(&hash.finalize()[..16]));
        }
        hash.update(&buffer[..read]);
    }
}
