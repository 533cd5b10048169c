//! From a programme's sound and clips of speech to one audio track: MP4 with AAC-LC, as long as the media.
//!
//! One ffmpeg decodes, another encodes; between their pipes the samples pass through here block by block, so memory
//! does not grow with the media's length. Work files lie beside the result while it is made: the clips as samples
//! (mono at 48 kHz: 5.8 MB a minute of speech), and the track until it has been checked.

mod clips;
mod curve;
mod limiter;
mod original;

use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};

use crate::error::{Result, SoundError};
use crate::plan::{Placement, Span};
use crate::probe::{FFMPEG, Source, Tools, file_url, probe};
use crate::program::{self, Running, files};
use clips::Voices;
use curve::Curve;
use limiter::Limiter;
pub use original::media_ms;
use original::{Original, decoder, seconds_to_frames};

/// How many frames pass through at a time.
const BLOCK_FRAMES: u64 = 8 * 1024;

/// Frames of an AAC-LC packet: how exact the length of a track can be.
const AAC_FRAME: u64 = 1_024;

/// How loud a moment with a clip in it may be, as an amplitude: a decibel below full scale, since AAC rounds upwards
/// too. Elsewhere it is full scale, so that the programme alone is never touched.
const CLIP_CEILING: f32 = 0.891;

/// The bit rate of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BitRate {
    /// 64 kbit/s.
    Kbps64,
    /// 128 kbit/s.
    #[default]
    Kbps128,
}

impl BitRate {
    /// In bits a second.
    pub fn bps(self) -> u64 {
        match self {
            Self::Kbps64 => 64_000,
            Self::Kbps128 => 128_000,
        }
    }
}

/// Clips to be mixed in.
#[derive(Debug, Clone, Copy)]
pub struct Speech<'a> {
    /// The file with all clips: WAV of any rate and format.
    pub wav: &'a Path,
    /// Where in it each clip lies, in its own milliseconds.
    pub ranges: &'a [Span],
    /// When each is heard in the media: by time, none overlapping another, as [`crate::place`] and
    /// [`crate::fit_descriptions`] give them.
    pub placements: &'a [Placement],
    /// How much louder than they are the clips are mixed in, in decibels; 0 for as they are.
    pub gain_db: f32,
}

/// How the programme makes room for clips.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ducking {
    /// How loud it is then, in decibels below its own level: -12 for a quarter of its amplitude, minus infinity for
    /// silence.
    pub level_db: f32,
    /// How long it takes to go down before, and to come back after, in milliseconds.
    pub ramp_ms: u64,
    /// Between two clips closer than this it stays down, rather than come up for a moment.
    pub bridge_ms: u64,
}

impl Ducking {
    /// For a dub: silence, with ramps of 30 ms, and through gaps of less than 250 ms.
    pub const DUB: Self = Self {
        level_db: f32::NEG_INFINITY,
        ramp_ms: 30,
        bridge_ms: 250,
    };
    /// For audio description: 12 dB down, with ramps of 150 ms, and through gaps of less than 600 ms.
    pub const DESCRIPTION: Self = Self {
        level_db: -12.0,
        ramp_ms: 150,
        bridge_ms: 600,
    };
}

/// Where a track comes from, what it is to be, and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The media whose sound it is made of.
    pub original: Source<'a>,
    /// Its bit rate.
    pub bit_rate: BitRate,
    /// The file to be written. One that is there is replaced, once the new one has been checked.
    pub to: &'a Path,
}

/// A track that was made and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in milliseconds, as ffprobe reads it.
    pub duration_ms: u64,
    /// Its sample rate in hertz: the original's if that is 32, 44.1 or 48 kHz, else 48 kHz.
    pub sample_rate_hz: u32,
    /// 1 for an original in mono, else 2.
    pub channels: u16,
}

/// What the sound of a mix is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    rate_hz: u32,
    channels: u16,
}

/// Milliseconds in frames.
fn frames(ms: u64, rate_hz: u32) -> u64 {
    ms.saturating_mul(u64::from(rate_hz)) / 1_000
}

fn amplitude(level_db: f32) -> f32 {
    10_f32.powf(level_db / 20.0)
}

/// The dubbed track: the clips, and the original where neither it nor they speak. Under `source_speech` (what is said
/// in the original, in any order) and under the clips it goes down as `ducking` says ([`Ducking::DUB`]).
///
/// Safe to repeat. Errors: those of [`clear_track`]; [`SoundError::ClipsUnreadable`]; [`SoundError::PlanInvalid`].
pub async fn mix_dub(
    tools: &Tools,
    order: &Order<'_>,
    speech: &Speech<'_>,
    source_speech: &[Span],
    ducking: Ducking,
) -> Result<Track> {
    mix(tools, order, Some(speech), source_speech, ducking).await
}

/// The track with audio description: the programme at its full level, down as `ducking` says
/// ([`Ducking::DESCRIPTION`]) under each clip.
///
/// Safe to repeat. Errors: those of [`clear_track`]; [`SoundError::ClipsUnreadable`]; [`SoundError::PlanInvalid`].
pub async fn mix_description(
    tools: &Tools,
    order: &Order<'_>,
    speech: &Speech<'_>,
    ducking: Ducking,
) -> Result<Track> {
    mix(tools, order, Some(speech), &[], ducking).await
}

/// The original's sound alone.
///
/// Safe to repeat. Errors: [`SoundError::NoAudio`] and [`SoundError::MediaUnreadable`] for media that can't be used;
/// those of the programs; [`SoundError::OutputWrong`] where what was made is not what was asked for.
pub async fn clear_track(tools: &Tools, order: &Order<'_>) -> Result<Track> {
    mix(tools, order, None, &[], Ducking::DUB).await
}

async fn mix(
    tools: &Tools,
    order: &Order<'_>,
    speech: Option<&Speech<'_>>,
    source_speech: &[Span],
    ducking: Ducking,
) -> Result<Track> {
    let original = Original::find(tools, &order.original).await?;
    let format = original.format;
    let beside = order.to.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = tempfile::tempdir_in(beside.unwrap_or(Path::new("."))).map_err(|error| {
        files(
            format!("making a directory beside `{}`", order.to.display()),
            &error,
        )
    })?;

    let placements = speech.map_or(&[][..], |speech| speech.placements);
    let (voices, voice_format) = match speech {
        Some(speech) => {
            clips::check(
                speech,
                original
                    .frames
                    .saturating_mul(1_000)
                    .div_ceil(u64::from(format.rate_hz)),
            )?;
            clips::prepare(tools, speech, format, dir.path()).await?
        }
        None => (Vec::new(), format),
    };
    let spans = placements.iter().map(|it| Span::new(it.start_ms, it.end_ms));
    let mut desk = Desk {
        format,
        curve: Curve::new(
            spans.chain(source_speech.iter().copied()),
            ducking,
            format.rate_hz,
        ),
        voices: Voices::new(
            voices,
            voice_format,
            speech.map_or(1.0, |speech| amplitude(speech.gain_db)),
        ),
        limiter: Limiter::new(usize::from(format.channels), format.rate_hz),
        frame: 0,
        heard: Vec::new(),
    };

    let made = dir.path().join("track.mp4");
    let work = encode(tools, order, &original, &mut desk, &made);
    program::within(tools.timeout, "ffmpeg and ffmpeg", work).await?;
    let duration_ms = check_made(tools, &made, &original).await?;
    tokio::fs::rename(&made, order.to)
        .await
        .map_err(|error| files(format!("writing `{}`", order.to.display()), &error))?;
    Ok(Track {
        path: order.to.to_owned(),
        duration_ms,
        sample_rate_hz: format.rate_hz,
        channels: format.channels,
    })
}

/// Decodes, mixes and encodes at once.
async fn encode(
    tools: &Tools,
    order: &Order<'_>,
    original: &Original,
    desk: &mut Desk,
    made: &Path,
) -> Result<()> {
    let format = original.format;
    let mut decode = decoder(tools, &order.original, original.index, format);
    let mut decoder = Running::start(FFMPEG, &mut decode, false)?;
    let mut encode = tools.ffmpeg();
    encode
        .args([
            "-f",
            "f32le",
            "-ar",
            &format.rate_hz.to_string(),
            "-ac",
            &format.channels.to_string(),
        ])
        .args(["-i", "pipe:0", "-c:a", "aac", "-profile:a", "aac_low"])
        .args(["-b:a", &order.bit_rate.bps().to_string()])
        .args(["-movflags", "+faststart", "-f", "mp4"])
        .arg(file_url(made));
    let mut encoder = Running::start(FFMPEG, &mut encode, true)?;
    let (Some(samples), Some(to)) = (decoder.stdout.take(), encoder.stdin.take()) else {
        return Err(SoundError::ProgramMissing {
            program: FFMPEG.to_owned(),
            detail: "its pipes can't be used".to_owned(),
        });
    };
    let (decoded_frames, decoder_end, encoder_end) = tokio::try_join!(
        pump(samples, to, desk, original.frames),
        decoder.end(),
        encoder.end()
    )?;
    // An encoder that ended early made the decoder fail too, by taking nothing more from it.
    encoder_end.checked()?;
    decoder_end.checked()?;
    if decoded_frames == 0 {
        return Err(order
            .original
            .unreadable("its audio track holds no sound that can be decoded"));
    }
    if decoded_frames < original.least_frames {
        let seconds = |frames: u64| frames / u64::from(format.rate_hz);
        return Err(order.original.unreadable(format!(
            "its audio track breaks off after {} s, expected {} s or more",
            seconds(decoded_frames),
            seconds(original.least_frames)
        )));
    }
    Ok(())
}

/// Takes samples from one pipe through the desk into another, `frames` of them: what is missing is silence, what is
/// too much is left. Ends early where the encoder takes no more; its own words say why.
/// Gives the number of frames decoded.
async fn pump(mut from: ChildStdout, to: ChildStdin, desk: &mut Desk, frames: u64) -> Result<u64> {
    let frame_bytes = 4 * usize::from(desk.format.channels);
    let mut input = Vec::new();
    let mut samples: Vec<f32> = Vec::new();
    let mut output: Vec<f32> = Vec::new();
    let mut encoded = Vec::new();
    let mut decoded_frames = 0;
    let mut left = frames;
    let mut to = Some(to);
    loop {
        let block = left.min(BLOCK_FRAMES);
        // Also what is too much is read, so that the decoder's end is a good one.
        let wanted = (if left == 0 { BLOCK_FRAMES } else { block }) * frame_bytes as u64;
        input.clear();
        (&mut from)
            .take(wanted)
            .read_to_end(&mut input)
            .await
            .map_err(|error| files("reading the output of `ffmpeg`", &error))?;
        decoded_frames += (input.len() / frame_bytes) as u64;
        if left == 0 {
            if input.is_empty() {
                return Ok(decoded_frames);
            }
            continue;
        }
        samples.clear();
        samples.extend(
            input
                .chunks_exact(4)
                .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        );
        samples.resize(
            usize::try_from(block).unwrap_or(0) * usize::from(desk.format.channels),
            0.0,
        );
        output.clear();
        desk.mix(&mut samples, &mut output).await?;
        left -= block;
        if left == 0 {
            desk.limiter.flush(&mut output);
        }
        encoded.clear();
        encoded.extend(output.iter().flat_map(|sample| sample.to_le_bytes()));
        if let Some(pipe) = &mut to
            && pipe.write_all(&encoded).await.is_err()
        {
            return Ok(decoded_frames);
        }
        if left == 0 {
            // The encoder ends with its input.
            to = None;
        }
    }
}

/// The mixing desk: what happens to each block.
struct Desk {
    format: Format,
    curve: Curve,
    voices: Voices,
    limiter: Limiter,
    /// The first frame of the next block.
    frame: u64,
    heard: Vec<std::ops::Range<usize>>,
}

impl Desk {
    /// Mixes the next block in place and appends what is ready to `output`.
    async fn mix(&mut self, block: &mut [f32], output: &mut Vec<f32>) -> Result<()> {
        let channels = usize::from(self.format.channels);
        self.curve.apply(self.frame, block, channels);
        self.heard.clear();
        self.voices
            .add(self.frame, block, channels, &mut self.heard)
            .await?;
        let mut heard = self.heard.iter().peekable();
        for (at, frame) in block.chunks_exact(channels).enumerate() {
            while heard.peek().is_some_and(|range| range.end <= at) {
                heard.next();
            }
            let with_clip = heard.peek().is_some_and(|range| range.contains(&at));
            self.limiter
                .push(frame, if with_clip { CLIP_CEILING } else { 1.0 }, output);
        }
        self.frame += (block.len() / channels) as u64;
        Ok(())
    }
}

/// ffprobe's word on what was made. Gives its length in milliseconds.
async fn check_made(tools: &Tools, made: &Path, original: &Original) -> Result<u64> {
    let wrong = |detail: String| SoundError::OutputWrong {
        program: FFMPEG.to_owned(),
        detail,
    };
    let found = match probe(tools, &Source::new(made, "track")).await {
        Err(SoundError::MediaUnreadable { detail, .. }) => return Err(wrong(detail)),
        found => found?,
    };
    let ([track], Some(duration_s)) = (found.streams.as_slice(), found.format.duration_s()) else {
        return Err(wrong(format!(
            "{} tracks, expected one with a length",
            found.streams.len()
        )));
    };
    let is = (
        track.codec_name.as_deref(),
        track.profile.as_deref(),
        track.sample_rate_hz(),
        track.channels,
    );
    let wanted = (
        Some("aac"),
        Some("LC"),
        Some(original.format.rate_hz),
        Some(u32::from(original.format.channels)),
    );
    if is != wanted {
        return Err(wrong(format!("{is:?}, expected {wanted:?}")));
    }
    let frames = seconds_to_frames(duration_s, original.format.rate_hz);
    if frames.abs_diff(original.frames) > AAC_FRAME {
        return Err(wrong(format!(
            "{frames} frames long, expected {} give or take {AAC_FRAME}",
            original.frames
        )));
    }
    Ok(frames.saturating_mul(1_000) / u64::from(original.format.rate_hz))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of programme at 8 kHz with a clip of full scale from 0.25 to 0.5 s, through the desk in blocks. It is
    /// judged before it is encoded, since the encoder hides what is too loud.
    #[tokio::test]
    async fn a_loud_clip_does_not_clip_and_the_programme_alone_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let wav = dir.path().join("clips.wav");
        let sine = "aevalsrc=sin(2*PI*700*t):s=8000:d=0.25";
        let made = std::process::Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", sine])
            .arg(&wav)
            .status()
            .unwrap();
        assert!(made.success());
        let format = Format {
            rate_hz: 8_000,
            channels: 1,
        };
        let speech = Speech {
            wav: &wav,
            ranges: &[Span::new(0, 250)],
            placements: &[Placement {
                clip: 0,
                start_ms: 250,
                end_ms: 500,
                speed: 1.0,
            }],
            gain_db: 0.0,
        };
        let (voices, voice_format) = clips::prepare(&Tools::default(), &speech, format, dir.path())
            .await
            .unwrap();
        let ducking = Ducking::DESCRIPTION;
        let mut desk = Desk {
            format,
            curve: Curve::new([Span::new(250, 500)].into_iter(), ducking, format.rate_hz),
            voices: Voices::new(voices, voice_format, 1.0),
            limiter: Limiter::new(1, format.rate_hz),
            frame: 0,
            heard: Vec::new(),
        };
        let mut out = Vec::new();
        for _ in 0..10 {
            desk.mix(&mut [1.0; 800], &mut out).await.unwrap();
        }
        desk.limiter.flush(&mut out);

        assert_eq!(out.len(), 8_000);
        assert!(
            out[..700]
                .iter()
                .all(|sample| sample.to_bits() == 1.0_f32.to_bits())
        );
        let clip = out[2_000..4_000].iter().copied().fold(0.0, f32::max);
        assert!((0.85..=CLIP_CEILING + 1e-5).contains(&clip), "{clip}");
        assert!(out.iter().all(|sample| sample.abs() <= 1.0));
    }
}
