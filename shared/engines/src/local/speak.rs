//! Text to speech: each passage spoken by itself, all of them in one file.
//!
//! Neither program tells when it says what, but both go clause by clause and hear from a comma that more is to come. So the
//! phrases of a passage are spoken one by one, and where each begins is known.

use std::path::{Path, PathBuf};

use deunicode::deunicode;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use tokio::process::Command;

use super::config::LocalConfig;
use super::voices::{Synthesiser, Voice};
use crate::error::{EngineError, Result};
use crate::job::Passage;
use crate::program;
use crate::result::{Clip, Warning};

/// The most that a voice may hurry: beyond it, listeners have to strain.
const FASTEST: f64 = 1.25;
/// espeak-ng's own rate, in words a minute.
const ESPEAK_WPM: f64 = 175.0;
/// A sample below this is silence: synthetic voices have no noise of a room.
const SILENCE: u16 = 64;
/// Kept around what is louder, since a breath of a consonant is not.
const MARGIN_MS: u64 = 10;
/// The sample rate where there is nothing to hear.
const NO_SOUND_HZ: u32 = 16_000;
/// Between clips, so that none is heard with its neighbour.
const BETWEEN_MS: u64 = 100;

/// What was spoken.
#[derive(Debug)]
pub(super) struct Spoken {
    /// The program and its version.
    pub(super) program: String,
    /// The sound: mono, 16 bits a sample.
    pub(super) path: PathBuf,
    pub(super) duration_ms: u64,
    pub(super) clips: Vec<Clip>,
    pub(super) warnings: Vec<Warning>,
}

/// Speaks the passages into `speech.wav` in `dir`. A passage that is too long for its time is spoken faster, up to
/// [`FASTEST`]; one without a time is not hurried.
pub(super) async fn speak(
    config: &LocalConfig,
    voice: &Voice,
    passages: &[Passage],
    dir: &Path,
) -> Result<Spoken> {
    let synthesiser = Speaker { config, voice, dir };
    let path = dir.join("speech.wav");
    let mut sound: Option<Sound> = None;
    let mut clips = Vec::new();
    let (mut silent, mut too_long) = (Vec::new(), Vec::new());
    for (index, passage) in passages.iter().enumerate() {
        let window_ms = passage.end_ms.saturating_sub(passage.start_ms);
        // Of signs alone a voice makes a noise or names them, neither of which is meant.
        let phrases: Vec<&str> = match passage.phrases.as_slice() {
            [] => vec![&passage.text],
            phrases => phrases.iter().map(String::as_str).collect(),
        };
        let said = if passage.text.chars().any(char::is_alphanumeric) {
            synthesiser.within(&phrases, window_ms).await?
        } else {
            Said::nothing()
        };
        if said.samples.is_empty() {
            silent.push(index);
            continue;
        }
        if window_ms > 0 && said.duration_ms() > window_ms {
            too_long.push(index);
        }
        let sound = match &mut sound {
            Some(sound) => sound,
            none => none.insert(Sound::create(&path, said.rate_hz)?),
        };
        let (start_ms, end_ms) = sound.append(&said)?;
        clips.push(Clip {
            passage: index,
            start_ms,
            end_ms,
            marks_ms: said.marks_ms().map(|mark_ms| start_ms + mark_ms).collect(),
        });
    }
    let sound = match sound {
        Some(sound) => sound,
        // A file of silence is a file, which a pipeline can keep and read.
        None => Sound::create(&path, NO_SOUND_HZ)?,
    };
    let duration_ms = sound.finish()?;
    let mut warnings = Vec::new();
    if !silent.is_empty() {
        warnings.push(Warning::new(
            "PassagesNotSpoken",
            format!("the voice says nothing for passages {silent:?}"),
        ));
    }
    if !too_long.is_empty() {
        warnings.push(Warning::new(
            "PassagesTooLong",
            format!("at {FASTEST} of the voice's rate, these passages are still longer than their time: {too_long:?}"),
        ));
    }
    Ok(Spoken {
        program: synthesiser.version().await?,
        path,
        duration_ms,
        clips,
        warnings,
    })
}

/// A voice, ready to speak.
struct Speaker<'a> {
    config: &'a LocalConfig,
    voice: &'a Voice,
    dir: &'a Path,
}

impl Speaker<'_> {
    fn program(&self) -> (&'static str, &Path) {
        let path = match self.voice.program {
            Synthesiser::Flite => &self.config.flite,
            Synthesiser::Espeak => &self.config.espeak,
        };
        (self.voice.program.name(), path)
    }

    async fn version(&self) -> Result<String> {
        let (name, path) = self.program();
        program::version(name, path, "--version", self.config.program_timeout).await
    }

    /// The phrases as spoken within that time, if it can be; 0 for any time.
    async fn within(&self, phrases: &[&str], window_ms: u64) -> Result<Said> {
        let said = self.phrases(phrases, 1.0).await?;
        if window_ms == 0 || said.duration_ms() <= window_ms {
            return Ok(said);
        }
        #[expect(clippy::cast_precision_loss, reason = "hours in milliseconds are exact")]
        let needed = said.duration_ms() as f64 / window_ms as f64;
        // Pauses shrink less than words, so a rate that is just enough mostly isn't.
        let rate = (needed * 1.02).min(FASTEST);
        let faster = self.phrases(phrases, rate).await?;
        if faster.duration_ms() <= window_ms || rate >= FASTEST {
            return Ok(faster);
        }
        self.phrases(phrases, FASTEST).await
    }

    /// The phrases one after the other, as [`Speaker::say`] says each; one that makes no sound is not marked.
    async fn phrases(&self, phrases: &[&str], rate: f64) -> Result<Said> {
        let mut whole = Said::nothing();
        for phrase in phrases {
            let said = self.say(phrase, rate).await?;
            whole.append(said);
        }
        Ok(whole)
    }

    /// The text as spoken at so many times the voice's own rate, without the silence around it.
    async fn say(&self, text: &str, rate: f64) -> Result<Said> {
        let text_path = self.dir.join("passage.txt");
        let sound_path = self.dir.join("passage.wav");
        let (name, program) = self.program();
        let mut command = Command::new(program);
        let text = match self.voice.program {
            Synthesiser::Flite => {
                command
                    .args(["-voice", self.voice.name])
                    .args(["--setf", &format!("duration_stretch={:.4}", 1.0 / rate)])
                    .arg("-o")
                    .arg(&sound_path);
                // flite reads bytes: a typographic quote would be three letters to it.
                deunicode(text)
            }
            Synthesiser::Espeak => {
                command
                    .args(["-v", self.voice.name, "-b", "1"])
                    .args(["-s", &format!("{:.0}", ESPEAK_WPM * rate)])
                    .arg("-w")
                    .arg(&sound_path);
                // Phonemes are written between these.
                text.replace("[[", "[ [")
            }
        };
        command.arg("-f").arg(&text_path);
        let files = |error: std::io::Error| EngineError::Files {
            action: format!("writing `{}`", text_path.display()),
            detail: error.to_string(),
        };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        tokio::fs::write(&text_path, format!("{line}\n"))
            .await
            .map_err(files)?;
        // What an earlier passage left must not be taken for this one's.
        match tokio::fs::remove_file(&sound_path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(files(error)),
            _ => {}
        }
        let ended = program::run(
            name,
            &mut command,
            self.config.program_timeout,
            &mut tokio::io::sink(),
        )
        .await?;
        // flite and espeak-ng both end well when they can't load the voice; then there is no sound.
        if !ended.status.success() || !tokio::fs::try_exists(&sound_path).await.unwrap_or(false) {
            return Err(ended.failure(name));
        }
        Said::read(name, &sound_path)
    }
}

/// A passage as it was spoken.
#[derive(Debug)]
struct Said {
    rate_hz: u32,
    samples: Vec<i16>,
    /// Where its phrases after the first begin: where milliseconds do.
    marks: Vec<u64>,
}

impl Said {
    fn nothing() -> Self {
        Self {
            rate_hz: NO_SOUND_HZ,
            samples: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Goes on with another phrase, after as much silence as is kept between clips, for the one may be placed without the
    /// other.
    fn append(&mut self, phrase: Self) {
        if self.samples.is_empty() {
            *self = phrase;
        } else if !phrase.samples.is_empty() {
            let from = self.samples.len() as u64 + samples_in(BETWEEN_MS, self.rate_hz);
            let from = from.next_multiple_of(grid(self.rate_hz));
            self.samples
                .resize(usize::try_from(from).unwrap_or(usize::MAX), 0);
            self.marks.push(from);
            self.samples.extend(phrase.samples);
        }
    }

    fn marks_ms(&self) -> impl Iterator<Item = u64> {
        self.marks.iter().map(|mark| ms_of(*mark, self.rate_hz))
    }

    fn read(program: &str, path: &Path) -> Result<Self> {
        let unreadable = |detail: String| EngineError::OutputUnreadable {
            program: program.to_owned(),
            detail,
        };
        let mut reader = WavReader::open(path).map_err(|error| unreadable(error.to_string()))?;
        let spec = reader.spec();
        if spec.channels != 1 || spec.bits_per_sample != 16 || spec.sample_format != SampleFormat::Int {
            return Err(unreadable(format!("{spec:?}, expected one channel of 16 bits")));
        }
        let samples: std::result::Result<Vec<i16>, _> = reader.samples().collect();
        Ok(Self {
            rate_hz: spec.sample_rate,
            samples: trimmed(
                samples.map_err(|error| unreadable(error.to_string()))?,
                spec.sample_rate,
            ),
            marks: Vec::new(),
        })
    }

    fn duration_ms(&self) -> u64 {
        ms_of(self.samples.len() as u64, self.rate_hz)
    }
}

/// The samples without the silence at both ends; none where all is silence.
fn trimmed(mut samples: Vec<i16>, rate_hz: u32) -> Vec<i16> {
    let is_loud = |sample: &i16| sample.unsigned_abs() >= SILENCE;
    let (Some(first), Some(last)) = (
        samples.iter().position(is_loud),
        samples.iter().rposition(is_loud),
    ) else {
        return Vec::new();
    };
    let margin = usize::try_from(samples_in(MARGIN_MS, rate_hz)).unwrap_or(0);
    samples.truncate((last + 1 + margin).min(samples.len()));
    samples.drain(..first.saturating_sub(margin));
    samples
}

/// The time of so many samples, in milliseconds begun.
fn ms_of(samples: u64, rate_hz: u32) -> u64 {
    (samples * 1_000).div_ceil(u64::from(rate_hz))
}

/// The samples of so much time, at least.
fn samples_in(time_ms: u64, rate_hz: u32) -> u64 {
    (time_ms * u64::from(rate_hz)).div_ceil(1_000)
}

/// The samples after which milliseconds are whole again: 16 at 16 kHz, 441 (20 ms) at 22,050 Hz.
fn grid(rate_hz: u32) -> u64 {
    let (mut one, mut other) = (u64::from(rate_hz), 1_000);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    u64::from(rate_hz) / one
}

/// The file of all clips.
struct Sound {
    writer: WavWriter<std::io::BufWriter<std::fs::File>>,
    path: PathBuf,
    rate_hz: u32,
    samples: u64,
}

impl Sound {
    fn create(path: &Path, rate_hz: u32) -> Result<Self> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        Ok(Self {
            writer: WavWriter::create(path, spec).map_err(|error| writing(path, &error))?,
            path: path.to_owned(),
            rate_hz,
            samples: 0,
        })
    }

    /// Writes a clip where a millisecond begins; answers its start and end, in milliseconds.
    fn append(&mut self, said: &Said) -> Result<(u64, u64)> {
        if said.rate_hz != self.rate_hz {
            return Err(EngineError::OutputUnreadable {
                program: "voice".to_owned(),
                detail: format!("{} Hz, expected {} Hz as before", said.rate_hz, self.rate_hz),
            });
        }
        if self.samples > 0 {
            let until = self.samples + samples_in(BETWEEN_MS, self.rate_hz);
            let until = until.next_multiple_of(grid(self.rate_hz));
            self.write(std::iter::repeat_n(
                0,
                usize::try_from(until - self.samples).unwrap_or(0),
            ))?;
        }
        let start_ms = ms_of(self.samples, self.rate_hz);
        self.write(said.samples.iter().copied())?;
        Ok((start_ms, ms_of(self.samples, self.rate_hz)))
    }

    fn write(&mut self, samples: impl Iterator<Item = i16>) -> Result<()> {
        for sample in samples {
            self.writer
                .write_sample(sample)
                .map_err(|error| writing(&self.path, &error))?;
            self.samples += 1;
        }
        Ok(())
    }

    /// Ends the file; answers how long it is.
    fn finish(self) -> Result<u64> {
        self.writer
            .finalize()
            .map_err(|error| writing(&self.path, &error))?;
        Ok(ms_of(self.samples, self.rate_hz))
    }
}

fn writing(path: &Path, error: &hound::Error) -> EngineError {
    EngineError::Files {
        action: format!("writing `{}`", path.display()),
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silence_around_speech_goes_but_for_a_margin() {
        let mut samples = vec![0_i16; 1_600];
        samples.extend([5_000, 0, 0, -5_000]);
        samples.extend([3; 1_600]);
        let trimmed = trimmed(samples, 16_000);
        assert_eq!(trimmed.len(), 160 + 4 + 160);
        assert_eq!(trimmed[160..164], [5_000, 0, 0, -5_000]);
        assert!(super::trimmed(vec![0; 100], 16_000).is_empty());
        assert_eq!(super::trimmed(vec![i16::MIN], 16_000), [i16::MIN]);
    }

    proptest! {
        #[test]
        fn a_clip_is_where_its_milliseconds_say(
            rate_hz in proptest::sample::select(vec![8_000_u32, 16_000, 22_050, 44_100]),
            lengths in proptest::collection::vec(1_usize..3_000, 1..6),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("speech.wav");
            let mut sound = Sound::create(&path, rate_hz).unwrap();
            let mut clips = Vec::new();
            for length in &lengths {
                let said = Said { rate_hz, samples: vec![1_000; *length], marks: Vec::new() };
                clips.push(sound.append(&said).unwrap());
            }
            let duration_ms = sound.finish().unwrap();
            prop_assert_eq!(clips.last().unwrap().1, duration_ms);

            let samples: Vec<i16> = WavReader::open(&path).unwrap().into_samples().map(|s| s.unwrap()).collect();
            for ((start_ms, end_ms), length) in clips.iter().zip(&lengths) {
                prop_assert_eq!(start_ms * u64::from(rate_hz) % 1_000, 0);
                let start = usize::try_from(start_ms * u64::from(rate_hz) / 1_000).unwrap();
                prop_assert!(samples[start..start + length].iter().all(|sample| *sample == 1_000));
                prop_assert!(start == 0 || samples[start - 1] == 0);
                prop_assert!(samples.get(start + length).is_none_or(|sample| *sample == 0));
                prop_assert_eq!(*end_ms, ms_of((start + length) as u64, rate_hz));
            }
        }
    }
}
