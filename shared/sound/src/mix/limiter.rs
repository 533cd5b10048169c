//! A limiter that looks ahead: no sample leaves it above its ceiling, and what needs no limiting leaves it unchanged.

use std::collections::VecDeque;

/// How long the gain takes to come back, to about two thirds.
const RELEASE_MS: u64 = 80;
/// How far it looks ahead: how long the gain takes to go down.
const LOOK_AHEAD_MS: u64 = 5;

/// A limiter for interleaved samples; all channels get the same gain, so that the stereo image stays.
///
/// The gain of a frame is the mean of an envelope over the look-ahead, each value of which is low enough for that
/// frame; so it is low enough, and has no steps.
pub(super) struct Limiter {
    channels: usize,
    look_ahead: usize,
    release: f64,
    /// Frames read and not yet given out.
    delayed: VecDeque<f32>,
    /// The gains that frames within the look-ahead need, as a queue of falling age and rising gain: the first is the
    /// lowest.
    needed: VecDeque<(u64, f64)>,
    envelope: VecDeque<f64>,
    envelope_sum: f64,
    /// How many values at the envelope's end are exactly 1.
    ones: usize,
    level: f64,
    read: u64,
}

impl Limiter {
    pub(super) fn new(channels: usize, rate_hz: u32) -> Self {
        let look_ahead = usize::try_from(super::frames(LOOK_AHEAD_MS, rate_hz))
            .unwrap_or(1)
            .max(1);
        #[allow(clippy::cast_precision_loss)]
        let release_frames = super::frames(RELEASE_MS, rate_hz).max(1) as f64;
        Self {
            channels,
            look_ahead,
            release: 1.0 - (-1.0 / release_frames).exp(),
            delayed: VecDeque::with_capacity(look_ahead * channels),
            needed: VecDeque::new(),
            envelope: VecDeque::with_capacity(look_ahead),
            envelope_sum: 0.0,
            ones: 0,
            level: 1.0,
            read: 0,
        }
    }

    /// Takes a frame that may be as loud as `ceiling`, and gives out the one that is due by now, if any.
    pub(super) fn push(&mut self, frame: &[f32], ceiling: f32, out: &mut Vec<f32>) {
        let peak = frame.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
        let needed = if peak > ceiling {
            f64::from(ceiling) / f64::from(peak)
        } else {
            1.0
        };
        self.delayed.extend(frame);
        self.step(needed, out);
    }

    /// Gives out what is still held.
    pub(super) fn flush(&mut self, out: &mut Vec<f32>) {
        while !self.delayed.is_empty() {
            self.step(1.0, out);
        }
    }

    fn step(&mut self, needed: f64, out: &mut Vec<f32>) {
        while self.needed.back().is_some_and(|(_, later)| *later >= needed) {
            self.needed.pop_back();
        }
        self.needed.push_back((self.read, needed));
        // As many frames as the envelope is averaged over: those that the mean will be used for.
        let oldest = (self.read + 1).saturating_sub(self.look_ahead as u64);
        while self.needed.front().is_some_and(|(frame, _)| *frame < oldest) {
            self.needed.pop_front();
        }
        let lowest = self.needed.front().map_or(1.0, |(_, gain)| *gain);
        self.level = (self.level + (1.0 - self.level) * self.release).min(lowest);
        // The release would take for ever to end; what is left is inaudible (a 10,000th of a decibel).
        if lowest >= 1.0 && self.level > 0.999_99 {
            self.level = 1.0;
        }
        self.envelope.push_back(self.level);
        self.envelope_sum += self.level;
        self.ones = if self.level >= 1.0 { self.ones + 1 } else { 0 };
        self.read += 1;
        if self.envelope.len() > self.look_ahead
            && let Some(oldest) = self.envelope.pop_front()
        {
            self.envelope_sum -= oldest;
        }
        if self.read < self.look_ahead as u64 {
            return;
        }
        let gain = if self.ones >= self.envelope.len() {
            // What additions and subtractions left over is forgotten here.
            #[allow(clippy::cast_precision_loss)]
            {
                self.envelope_sum = self.envelope.len() as f64;
            }
            1.0
        } else {
            #[allow(clippy::cast_precision_loss)]
            {
                self.envelope_sum / self.envelope.len() as f64
            }
        };
        for value in self.delayed.drain(..self.channels.min(self.delayed.len())) {
            #[allow(clippy::cast_possible_truncation)]
            out.push(if gain < 1.0 {
                (f64::from(value) * gain) as f32
            } else {
                value
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limited(samples: &[f32], channels: usize, ceiling: f32) -> Vec<f32> {
        let mut limiter = Limiter::new(channels, 8_000);
        let mut out = Vec::new();
        for frame in samples.chunks_exact(channels) {
            limiter.push(frame, ceiling, &mut out);
        }
        limiter.flush(&mut out);
        out
    }

    #[test]
    fn what_is_below_the_ceiling_stays_as_it_is() {
        let samples: Vec<f32> = (0_u8..200).map(|n| f32::from(n) / 200.0).collect();
        assert_eq!(limited(&samples, 2, 1.0), samples);
        assert_eq!(limited(&samples[..6], 1, 1.0), samples[..6]);
        assert_eq!(limited(&[], 1, 1.0), [] as [f32; 0]);
    }

    #[test]
    fn a_peak_lowers_what_is_near_it_and_nothing_else() {
        let mut samples = vec![0.5; 16_000];
        samples[2_000] = 2.0;
        let out = limited(&samples, 1, 1.0);
        assert_eq!(out[..1_960], samples[..1_960]);
        assert!(out[1_990] < 0.4);
        assert!((out[2_000] - 1.0).abs() < 1e-5);
        assert_eq!(out[15_999].to_bits(), 0.5_f32.to_bits());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_leaves_above_the_ceiling_and_nothing_is_lost(
            samples in proptest::collection::vec(-3.0_f32..3.0, 0..400),
            channels in 1_usize..3,
        ) {
            let whole = samples.len() / channels * channels;
            let out = limited(&samples[..whole], channels, 0.9);
            prop_assert_eq!(out.len(), whole);
            for (out, sample) in out.iter().zip(&samples) {
                prop_assert!(out.abs() <= 0.9 + 1e-5);
                prop_assert!(out.abs() <= sample.abs());
                prop_assert!(out * sample >= 0.0);
            }
        }
    }
}
