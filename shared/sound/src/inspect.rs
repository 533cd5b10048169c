//! Audio that people hand in: what it is, how loud it is, and what is wrong with it.

use ebur128::{EbuR128, Mode};
use serde::{Deserialize, Serialize};

use crate::error::{Result, SoundError};
use crate::probe::{FFMPEG, Source, Tools, probe};
use crate::program;

/// What loudness is measured at.
const RATE_HZ: u32 = 48_000;

/// A tenth of a second counts as silent below this level (mean square, -60 dB).
const SILENT_MEAN_SQUARE: f64 = 1e-6;

/// What is known of an audio file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackFacts {
    /// The container, as ffmpeg names its family: `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// The codec, as ffmpeg names it: `aac`.
    pub codec: String,
    /// The codec's profile, if it has any: `LC`.
    pub profile: Option<String>,
    /// Bits a second, on average over the track; `None` where the container doesn't say.
    pub bit_rate_bps: Option<u64>,
    /// In hertz.
    pub sample_rate_hz: u32,
    /// How many channels.
    pub channels: u32,
    /// How many audio tracks the file has; the facts are of the default one.
    pub audio_tracks: usize,
    /// How long the sound is, in milliseconds, found by decoding all of it.
    pub duration_ms: u64,
    /// Integrated loudness (EBU R 128), in LUFS; `None` for sound below -70 LUFS or shorter than 400 ms. More than two
    /// channels are measured mixed down to two.
    pub loudness_lufs: Option<f64>,
    /// How much of it is silent (tenths of seconds below -60 dB), from 0 to 1.
    pub silent_share: f64,
}

/// Finds the facts of an audio file, or of the sound of a video. Decodes all of it, with flat memory.
///
/// Errors: [`SoundError::NoAudio`]; [`SoundError::MediaUnreadable`]; those of the programs.
pub async fn inspect(tools: &Tools, source: &Source<'_>) -> Result<TrackFacts> {
    let found = probe(tools, source).await?;
    let Some(track) = found.choose(source.language) else {
        return Err(SoundError::NoAudio {
            media: source.name.to_owned(),
        });
    };
    let channels = if track.channels == Some(1) { 1 } else { 2 };
    let mut command = tools.ffmpeg();
    source.input_args(&mut command);
    command
        .args(["-map", &format!("0:{}", track.index)])
        .args(["-af", &format!("aresample={RATE_HZ}:async=1:first_pts=0")])
        .args([
            "-ac",
            &channels.to_string(),
            "-c:a",
            "pcm_f32le",
            "-f",
            "f32le",
            "pipe:1",
        ]);
    let mut meter = Meter::new(channels)?;
    let ended = program::run(FFMPEG, &mut command, tools.timeout, async |chunk| {
        meter.take(chunk)
    })
    .await?;
    ended.checked()?;
    if meter.frames == 0 {
        return Err(source.unreadable("its audio track holds no sound that can be decoded"));
    }
    Ok(TrackFacts {
        container: found.format.name.clone(),
        codec: track.codec_name.clone().unwrap_or_default(),
        profile: track.profile.clone(),
        bit_rate_bps: track.bit_rate_bps(),
        sample_rate_hz: track.sample_rate_hz().unwrap_or(0),
        channels: track.channels.unwrap_or(0),
        audio_tracks: found.audio().count(),
        duration_ms: meter.frames * 1_000 / u64::from(RATE_HZ),
        loudness_lufs: meter.loudness_lufs()?,
        silent_share: meter.silent_share(),
    })
}

/// Measures samples as they come.
struct Meter {
    channels: usize,
    loudness: EbuR128,
    /// Bytes of a frame whose other bytes are still to come.
    rest: Vec<u8>,
    samples: Vec<f32>,
    frames: u64,
    /// The sum of squares of the current tenth of a second, and how many samples it has.
    square: f64,
    square_samples: usize,
    tenths: u64,
    silent_tenths: u64,
}

fn not_measured(error: ebur128::Error) -> SoundError {
    SoundError::OutputWrong {
        program: FFMPEG.to_owned(),
        detail: format!("its loudness can't be measured: {error}"),
    }
}

impl Meter {
    fn new(channels: u32) -> Result<Self> {
        Ok(Self {
            channels: channels as usize,
            // The histogram keeps memory flat, at the cost of a tenth of a decibel.
            loudness: EbuR128::new(channels, RATE_HZ, Mode::I | Mode::HISTOGRAM).map_err(not_measured)?,
            rest: Vec::new(),
            samples: Vec::new(),
            frames: 0,
            square: 0.0,
            square_samples: 0,
            tenths: 0,
            silent_tenths: 0,
        })
    }

    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        self.rest.extend_from_slice(chunk);
        let whole = self.rest.len() / (4 * self.channels) * (4 * self.channels);
        self.samples.clear();
        self.samples.extend(
            self.rest[..whole]
                .chunks_exact(4)
                .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        );
        self.rest.drain(..whole);
        self.frames += (self.samples.len() / self.channels) as u64;
        self.loudness
            .add_frames_f32(&self.samples)
            .map_err(not_measured)?;
        let tenth = RATE_HZ as usize / 10 * self.channels;
        for at in 0..self.samples.len() {
            self.square += f64::from(self.samples[at]).powi(2);
            self.square_samples += 1;
            if self.square_samples == tenth {
                self.end_tenth();
            }
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)]
    fn end_tenth(&mut self) {
        self.tenths += 1;
        if self.square / (self.square_samples as f64) < SILENT_MEAN_SQUARE {
            self.silent_tenths += 1;
        }
        self.square = 0.0;
        self.square_samples = 0;
    }

    fn loudness_lufs(&self) -> Result<Option<f64>> {
        let lufs = self.loudness.loudness_global().map_err(not_measured)?;
        Ok(Some(lufs).filter(|lufs| lufs.is_finite()))
    }

    /// Sound shorter than a tenth of a second is judged by what there is.
    #[allow(clippy::cast_precision_loss)]
    fn silent_share(&mut self) -> f64 {
        if self.tenths == 0 && self.square_samples > 0 {
            self.end_tenth();
        }
        self.silent_tenths as f64 / self.tenths.max(1) as f64
    }
}
