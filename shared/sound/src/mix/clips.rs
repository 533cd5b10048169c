//! From a file of clips to samples that can be mixed in: at the programme's rate, stretched where a placement says so.

use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::{Format, Speech};
use crate::error::{Result, SoundError};
use crate::plan::Placement;
use crate::probe::{FFMPEG, Source, Tools, file_url, probe};
use crate::program::{self, files};

/// How many clips are stretched at a time; each takes an ffmpeg.
const STRETCHED_AT_A_TIME: usize = 2;

/// Two bytes a sample: a file of clips is 16 bit as a rule, and may be hours long.
const SAMPLE_BYTES: u64 = 2;

/// A stretched clip that is cut ends with a fade of so many milliseconds.
const CUT_FADE_MS: u64 = 5;

/// A clip with its place: which samples of which file are heard when.
#[derive(Debug)]
pub(super) struct Voice {
    /// The first frame of the programme with it.
    pub(super) start: u64,
    /// How many frames it has.
    pub(super) frames: u64,
    path: PathBuf,
    /// How many frames of the file lie before it.
    skip: u64,
    /// Whether there was more of it than its placement has room for.
    cut: bool,
}

/// Checks what is to be mixed against itself and the media's length.
pub(super) fn check(speech: &Speech<'_>, media_ms: u64) -> Result<()> {
    let invalid = |at: usize, detail: String| {
        Err(SoundError::PlanInvalid {
            detail: format!("placement {at} {detail}"),
        })
    };
    let mut free_ms = 0;
    for (at, it) in speech.placements.iter().enumerate() {
        let Some(range) = speech.ranges.get(it.clip) else {
            return invalid(
                at,
                format!("is of clip {}, expected one of {}", it.clip, speech.ranges.len()),
            );
        };
        if it.start_ms < free_ms || it.end_ms < it.start_ms {
            return invalid(
                at,
                format!(
                    "is from {} to {} ms, expected it after {free_ms} ms",
                    it.start_ms, it.end_ms
                ),
            );
        }
        if it.end_ms > media_ms {
            return invalid(
                at,
                format!(
                    "ends at {} ms, expected it within the media's {media_ms} ms",
                    it.end_ms
                ),
            );
        }
        if !(0.5..=2.0).contains(&it.speed) {
            return invalid(at, format!("has speed {}, expected 0.5 to 2", it.speed));
        }
        #[allow(clippy::cast_precision_loss)]
        let (said_ms, room_ms) = (
            range.duration_ms() as f64 / it.speed,
            (it.end_ms - it.start_ms) as f64,
        );
        if said_ms > room_ms + 2.0 {
            return invalid(
                at,
                format!("lasts {room_ms} ms, expected the clip's {said_ms:.0} ms"),
            );
        }
        free_ms = it.end_ms;
    }
    Ok(())
}

/// Makes all clips ready, in files in `dir`. By time.
pub(super) async fn prepare(
    tools: &Tools,
    speech: &Speech<'_>,
    programme: Format,
    dir: &Path,
) -> Result<(Vec<Voice>, Format)> {
    let wav = Source::new(speech.wav, "clips");
    let unreadable = |detail: String| SoundError::ClipsUnreadable {
        clips: speech.wav.display().to_string(),
        detail,
    };
    let found = match probe(tools, &wav).await {
        Ok(found) => found,
        Err(SoundError::MediaUnreadable { detail, .. }) => return Err(unreadable(detail)),
        Err(other) => return Err(other),
    };
    let Some(track) = found.choose(None) else {
        return Err(unreadable("it has no audio track".to_owned()));
    };
    let format = Format {
        rate_hz: programme.rate_hz,
        channels: if track.channels == Some(1) {
            1
        } else {
            programme.channels
        },
    };
    let frame_bytes = SAMPLE_BYTES * u64::from(format.channels);
    let all = dir.join("clips.s16le");
    let mut command = tools.ffmpeg();
    wav.input_args(&mut command);
    command.args(["-map", &format!("0:{}", track.index)]);
    let bytes = decode_to(tools, &mut command, format, &all).await?;

    let voices: Vec<Voice> = futures::stream::iter(speech.placements.iter().enumerate())
        .map(|(at, it)| voice(tools, speech, format, &all, dir.join(format!("{at}.s16le")), *it))
        .buffered(STRETCHED_AT_A_TIME)
        .try_collect()
        .await?;
    for (voice, it) in voices.iter().zip(speech.placements) {
        // A frame or two may be missing at the file's end, from rounding of times; more is another file.
        let range = speech.ranges[it.clip];
        let end_ms = bytes / frame_bytes * 1_000 / u64::from(format.rate_hz);
        if voice.frames > 0 && range.end_ms > end_ms + 20 {
            return Err(unreadable(format!(
                "it is {end_ms} ms long, and clip {} ends at {}",
                it.clip, range.end_ms
            )));
        }
    }
    Ok((voices, format))
}

async fn voice(
    tools: &Tools,
    speech: &Speech<'_>,
    format: Format,
    all: &Path,
    own: PathBuf,
    it: Placement,
) -> Result<Voice> {
    let range = speech.ranges[it.clip];
    let frames = |ms| super::frames(ms, format.rate_hz);
    let start = frames(it.start_ms);
    let room = frames(it.end_ms) - start;
    #[allow(clippy::float_cmp)]
    if it.speed == 1.0 {
        let skip = frames(range.start_ms);
        let has = frames(range.end_ms).saturating_sub(skip);
        return Ok(Voice {
            start,
            frames: has.min(room),
            path: all.to_owned(),
            skip,
            cut: has > room + frames(1),
        });
    }
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let mut command = tools.ffmpeg();
    command
        .args(["-threads", "1", "-f", "s16le"])
        .args([
            "-ar",
            &format.rate_hz.to_string(),
            "-ac",
            &format.channels.to_string(),
        ])
        .args([
            "-ss",
            &seconds(range.start_ms),
            "-t",
            &seconds(range.duration_ms()),
            "-i",
        ])
        .arg(file_url(all))
        .args(["-af", &format!("atempo={:.9}", it.speed)]);
    let bytes = decode_to(tools, &mut command, format, &own).await?;
    let has = bytes / (SAMPLE_BYTES * u64::from(format.channels));
    Ok(Voice {
        start,
        frames: has.min(room),
        path: own,
        skip: 0,
        cut: has > room,
    })
}

/// Runs an ffmpeg whose input is given, with its samples going into a file. They come by pipe, so that a full disk is
/// told from bad sound. Gives the file's length.
async fn decode_to(
    tools: &Tools,
    command: &mut tokio::process::Command,
    format: Format,
    path: &Path,
) -> Result<u64> {
    let writing = |error: std::io::Error| files(format!("writing `{}`", path.display()), &error);
    command
        .args([
            "-ar",
            &format.rate_hz.to_string(),
            "-ac",
            &format.channels.to_string(),
        ])
        .args(["-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"]);
    let mut file = tokio::fs::File::create(path).await.map_err(writing)?;
    let mut bytes = 0;
    let ended = program::run(FFMPEG, command, tools.timeout, async |chunk| {
        bytes += chunk.len() as u64;
        file.write_all(chunk).await.map_err(writing)
    })
    .await?;
    ended.checked()?;
    file.flush().await.map_err(writing)?;
    Ok(bytes)
}

/// The voices of a mix, read as time goes on. Memory: one block of one clip.
pub(super) struct Voices {
    all: Vec<Voice>,
    format: Format,
    gain: f32,
    /// The first that has not ended.
    at: usize,
    open: Option<tokio::fs::File>,
    bytes: Vec<u8>,
}

impl Voices {
    pub(super) fn new(all: Vec<Voice>, format: Format, gain: f32) -> Self {
        Self {
            all,
            format,
            gain,
            at: 0,
            open: None,
            bytes: Vec::new(),
        }
    }

    /// Adds what is heard of them in a block whose first frame is `first`. Where one is heard, `heard` is called with
    /// the range of frames within the block.
    pub(super) async fn add(
        &mut self,
        first: u64,
        block: &mut [f32],
        channels: usize,
        heard: &mut Vec<std::ops::Range<usize>>,
    ) -> Result<()> {
        let last = first + (block.len() / channels) as u64;
        while let Some(voice) = self.all.get(self.at) {
            if voice.start >= last {
                break;
            }
            let end = voice.start + voice.frames;
            let (from, until) = (voice.start.max(first), end.min(last));
            if from < until {
                let reading =
                    |error: std::io::Error| files(format!("reading `{}`", voice.path.display()), &error);
                let frame_bytes = SAMPLE_BYTES * u64::from(self.format.channels);
                let file = match &mut self.open {
                    Some(file) => file,
                    none => {
                        let mut file = tokio::fs::File::open(&voice.path).await.map_err(reading)?;
                        let skip = std::io::SeekFrom::Start(voice.skip * frame_bytes);
                        file.seek(skip).await.map_err(reading)?;
                        none.insert(file)
                    }
                };
                let want = (until - from) * frame_bytes;
                self.bytes.clear();
                file.take(want)
                    .read_to_end(&mut self.bytes)
                    .await
                    .map_err(reading)?;
                let within = |frame: u64| usize::try_from(frame - first).unwrap_or(usize::MAX);
                let place = within(from)..within(until);
                mix_in(
                    &mut block[place.start * channels..place.end * channels],
                    channels,
                    &self.bytes,
                    usize::from(self.format.channels),
                    |frame| self.gain * fade(voice, from + frame, self.format.rate_hz),
                );
                heard.push(place);
            }
            if end > last {
                break;
            }
            self.at += 1;
            self.open = None;
        }
        Ok(())
    }
}

/// The end of a clip that is cut fades, so that it does not click.
#[allow(clippy::cast_precision_loss)]
fn fade(voice: &Voice, frame: u64, rate_hz: u32) -> f32 {
    let (left, over) = (
        voice.start + voice.frames - frame,
        super::frames(CUT_FADE_MS, rate_hz),
    );
    if voice.cut && left < over {
        left as f32 / over as f32
    } else {
        1.0
    }
}

/// Adds 16-bit samples to a block; one channel goes into all, else they are as many as the block's.
fn mix_in(
    block: &mut [f32],
    channels: usize,
    bytes: &[u8],
    voice_channels: usize,
    gain: impl Fn(u64) -> f32,
) {
    let frames = block.chunks_exact_mut(channels);
    for ((frame, at), voice) in frames.zip(0..).zip(bytes.chunks_exact(voice_channels * 2)) {
        let gain = gain(at) / 32_768.0;
        let sample =
            |channel: usize| f32::from(i16::from_le_bytes([voice[channel * 2], voice[channel * 2 + 1]]));
        for (channel, value) in frame.iter_mut().enumerate() {
            *value += sample(if voice_channels == 1 { 0 } else { channel }) * gain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Span;

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    #[test]
    fn samples_are_added_exactly_and_one_channel_goes_into_both() {
        let mut block = vec![0.25; 6];
        mix_in(&mut block, 2, &bytes(&[16_384, -8_192]), 1, |_| 1.0);
        assert_eq!(block, [0.75, 0.75, 0.0, 0.0, 0.25, 0.25]);
        let mut block = vec![0.0; 4];
        mix_in(&mut block, 2, &bytes(&[16_384, -16_384, 32, 64]), 2, |_| 0.5);
        assert_eq!(block, [0.25, -0.25, 0.000_488_281_25, 0.000_976_562_5]);
    }

    #[tokio::test]
    async fn voices_are_heard_at_their_frames_whatever_the_blocks_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all");
        std::fs::write(&path, bytes(&(1..=20).map(|n| n * 1_000).collect::<Vec<i16>>())).unwrap();
        let voice = |start, frames, skip| Voice {
            start,
            frames,
            path: path.clone(),
            skip,
            cut: false,
        };
        let format = Format {
            rate_hz: 1_000,
            channels: 1,
        };
        let mut expected = vec![0.0_f32; 30];
        for (frame, value) in [(3, 5.0), (4, 6.0), (5, 7.0), (6, 1.0), (20, 10.0), (21, 11.0)] {
            expected[frame] = value * 1_000.0 / 32_768.0;
        }
        for block_frames in [1, 2, 4, 7, 30] {
            let all = vec![voice(3, 3, 4), voice(6, 1, 0), voice(9, 0, 3), voice(20, 2, 9)];
            let mut voices = Voices::new(all, format, 1.0);
            let mut out = Vec::new();
            let mut heard_frames = 0;
            while out.len() < expected.len() {
                let mut block = vec![0.0; block_frames.min(expected.len() - out.len())];
                let mut heard = Vec::new();
                voices
                    .add(out.len() as u64, &mut block, 1, &mut heard)
                    .await
                    .unwrap();
                heard_frames += heard.iter().map(ExactSizeIterator::len).sum::<usize>();
                out.extend(block);
            }
            assert_eq!(out, expected, "blocks of {block_frames}");
            assert_eq!(heard_frames, 6);
        }
    }

    #[test]
    fn a_plan_that_makes_no_sense_is_refused_with_the_placement() {
        let ranges = [Span::new(0, 1_000)];
        let refused = |placements: &[(usize, u64, u64, f64)]| {
            let placements: Vec<Placement> = placements
                .iter()
                .map(|&(clip, start_ms, end_ms, speed)| Placement {
                    clip,
                    start_ms,
                    end_ms,
                    speed,
                })
                .collect();
            let speech = Speech {
                wav: Path::new("clips.wav"),
                ranges: &ranges,
                placements: &placements,
                gain_db: 0.0,
            };
            check(&speech, 5_000).map_err(|error| error.to_string())
        };
        assert_eq!(refused(&[(0, 0, 1_000, 1.0), (0, 1_000, 1_800, 1.25)]), Ok(()));
        let says = |placements: &[(usize, u64, u64, f64)], words: &str| {
            let error = refused(placements).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        says(
            &[(1, 0, 1_000, 1.0)],
            "placement 0 is of clip 1, expected one of 1",
        );
        says(
            &[(0, 0, 1_000, 1.0), (0, 999, 2_000, 1.0)],
            "placement 1 is from 999 to 2000 ms, expected it after 1000 ms",
        );
        says(&[(0, 4_500, 5_500, 1.0)], "within the media's 5000 ms");
        says(&[(0, 0, 1_000, 0.0)], "has speed 0, expected 0.5 to 2");
        says(&[(0, 0, 500, 1.25)], "lasts 500 ms, expected the clip's 800 ms");
    }
}
