//! The waveform of a sound, for people to see.

use crate::error::{Result, SoundError};
use crate::probe::{Source, Tools, probe};
use crate::program;

/// What is decoded to: a waveform shows no more than speech has.
const RATE_HZ: u32 = 8_000;
const FFMPEG: &str = "ffmpeg";

/// The loudest sample of each interval of the default audio track, from 0 to 255; `per_s` intervals a second, which must
/// divide 8,000. Decodes all of it, with memory for the answer only.
///
/// Errors: [`SoundError::NoAudio`]; [`SoundError::MediaUnreadable`]; those of the programs.
pub async fn peaks(tools: &Tools, source: &Source<'_>, per_s: u32) -> Result<Vec<u8>> {
    let found = probe(tools, source).await?;
    let Some(track) = found.choose(source.language) else {
        return Err(SoundError::NoAudio {
            media: source.name.to_owned(),
        });
    };
    let mut command = tools.ffmpeg();
    source.input_args(&mut command);
    command
        .args(["-map", &format!("0:{}", track.index)])
        .args(["-af", &format!("aresample={RATE_HZ}:async=1:first_pts=0")])
        .args(["-ac", "1", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"]);
    let mut drawn = Drawn::new((RATE_HZ / per_s.clamp(1, RATE_HZ)) as usize);
    let ended = program::run(FFMPEG, &mut command, tools.timeout, async |chunk| {
        drawn.take(chunk);
        Ok(())
    })
    .await?;
    ended.checked()?;
    Ok(drawn.end())
}

/// Peaks of samples as they come.
struct Drawn {
    per_peak: usize,
    /// The first byte of a sample whose other byte is still to come.
    rest: Option<u8>,
    loudest: u16,
    samples: usize,
    peaks: Vec<u8>,
}

impl Drawn {
    fn new(per_peak: usize) -> Self {
        Self {
            per_peak,
            rest: None,
            loudest: 0,
            samples: 0,
            peaks: Vec::new(),
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            match self.rest.take() {
                None => self.rest = Some(byte),
                Some(low) => self.sample(i16::from_le_bytes([low, byte])),
            }
        }
    }

    fn sample(&mut self, sample: i16) {
        self.loudest = self.loudest.max(sample.unsigned_abs());
        self.samples += 1;
        if self.samples == self.per_peak {
            self.end_peak();
        }
    }

    fn end_peak(&mut self) {
        let loudest = (self.loudest / 128).min(255);
        self.peaks.push(u8::try_from(loudest).unwrap_or(u8::MAX));
        self.loudest = 0;
        self.samples = 0;
    }

    fn end(mut self) -> Vec<u8> {
        if self.samples > 0 {
            self.end_peak();
        }
        self.peaks
    }
}

#[cfg(test)]
mod tests {
    use super::Drawn;

    #[test]
    fn a_peak_is_the_loudest_of_its_interval_however_the_bytes_come() {
        let samples: [i16; 5] = [0, -32_768, 128, 12_800, -1];
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        for at in 1..bytes.len() {
            let mut drawn = Drawn::new(2);
            drawn.take(&bytes[..at]);
            drawn.take(&bytes[at..]);
            assert_eq!(drawn.end(), [255, 100, 0], "split at {at}");
        }
    }
}
