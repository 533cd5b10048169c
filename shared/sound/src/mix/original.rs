//! The media whose sound is mixed: which track, how long, and its samples.

use super::Format;
use crate::error::{Result, SoundError};
use crate::probe::{FFMPEG, Source, Stream, Tools, probe};
use crate::program;

/// The rates kept as they are; all others become 48 kHz, since AAC-LC at low ones can't take 128 kbit/s.
const KEPT_RATES_HZ: [u32; 3] = [32_000, 44_100, 48_000];

/// Containers whose length is a guess from the bit rate; sound in them is measured by decoding it.
const GUESSED_LENGTHS: [&str; 2] = ["aac", "mp3"];

/// How much of a track's stated length may be missing before the media counts as broken.
const MISSING_AT_MOST_S: f64 = 2.0;

/// How long media is, in milliseconds: what placements have to keep within, and what all tracks will be.
///
/// It is the longest of its tracks, the picture included; audio files without a stated length are decoded to find it.
/// Errors: those of [`crate::clear_track`].
pub async fn media_ms(tools: &Tools, source: &Source<'_>) -> Result<u64> {
    let original = Original::find(tools, source).await?;
    Ok(original.frames * 1_000 / u64::from(original.format.rate_hz))
}

/// What is known of the original before it is decoded.
pub(super) struct Original {
    pub(super) index: u32,
    pub(super) format: Format,
    /// The media's length.
    pub(super) frames: u64,
    /// How many frames its sound has at least, if it is whole.
    pub(super) least_frames: u64,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn seconds_to_frames(seconds: f64, rate_hz: u32) -> u64 {
    (seconds.max(0.0) * f64::from(rate_hz)).round() as u64
}

impl Original {
    pub(super) async fn find(tools: &Tools, source: &Source<'_>) -> Result<Self> {
        let found = probe(tools, source).await?;
        let Some(track) = found.choose(source.language) else {
            return Err(SoundError::NoAudio {
                media: source.name.to_owned(),
            });
        };
        let rate_hz = track.sample_rate_hz().filter(|rate| KEPT_RATES_HZ.contains(rate));
        let format = Format {
            rate_hz: rate_hz.unwrap_or(48_000),
            channels: if track.channels == Some(1) { 1 } else { 2 },
        };
        let stated = found
            .format
            .duration_s()
            .filter(|_| !GUESSED_LENGTHS.contains(&found.format.name.as_str()));
        let Some(duration_s) = stated else {
            let frames = decoded_frames(tools, source, track, format).await?;
            return Ok(Self {
                index: track.index,
                format,
                frames,
                least_frames: 0,
            });
        };
        let end_s = track.end_s(&found.format).unwrap_or(0.0).min(duration_s);
        Ok(Self {
            index: track.index,
            format,
            frames: seconds_to_frames(duration_s, format.rate_hz),
            least_frames: seconds_to_frames(end_s - MISSING_AT_MOST_S, format.rate_hz),
        })
    }
}

/// An ffmpeg that gives the track's samples as 32-bit floats. Their time is the media's: a track that begins later
/// than the picture has silence before it, and a hole in it becomes silence.
pub(super) fn decoder(
    tools: &Tools,
    source: &Source<'_>,
    index: u32,
    format: Format,
) -> tokio::process::Command {
    let mut command = tools.ffmpeg();
    source.input_args(&mut command);
    command
        .args(["-map", &format!("0:{index}")])
        .args([
            "-af",
            &format!("aresample={}:async=1:first_pts=0", format.rate_hz),
        ])
        .args([
            "-ac",
            &format.channels.to_string(),
            "-c:a",
            "pcm_f32le",
            "-f",
            "f32le",
            "pipe:1",
        ]);
    command
}

async fn decoded_frames(tools: &Tools, source: &Source<'_>, track: &Stream, format: Format) -> Result<u64> {
    let mut bytes = 0;
    let mut command = decoder(tools, source, track.index, format);
    let ended = program::run(FFMPEG, &mut command, tools.timeout, async |chunk| {
        bytes += chunk.len() as u64;
        Ok(())
    })
    .await?;
    ended.checked()?;
    match bytes / (4 * u64::from(format.channels)) {
        0 => Err(source.unreadable("its audio track holds no sound that can be decoded")),
        frames => Ok(frames),
    }
}
