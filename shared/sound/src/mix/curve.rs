//! How loud the programme is at each moment: down under spans, with ramps beside them.

use super::Ducking;
use crate::plan::Span;

/// A curve of gains over the frames of a track. Read forwards only.
pub(super) struct Curve {
    /// Frames that are fully down: by time, apart.
    down: Vec<std::ops::Range<u64>>,
    depth: f32,
    ramp_frames: u64,
    /// How many of `down` lie before the frame read last.
    passed: usize,
}

impl Curve {
    /// Down under `spans`, which may be in any order and overlap. The ramps lie outside, so that nothing of a span is
    /// heard at more than the level asked for.
    pub(super) fn new(spans: impl Iterator<Item = Span>, ducking: Ducking, rate_hz: u32) -> Self {
        let bridge = super::frames(ducking.bridge_ms, rate_hz);
        let mut spans: Vec<Span> = spans.filter(|span| span.duration_ms() > 0).collect();
        spans.sort_by_key(|span| span.start_ms);
        let mut down: Vec<std::ops::Range<u64>> = Vec::new();
        for span in spans {
            let (start, end) = (
                super::frames(span.start_ms, rate_hz),
                super::frames(span.end_ms, rate_hz),
            );
            match down.last_mut() {
                Some(last) if start <= last.end || start - last.end < bridge => last.end = last.end.max(end),
                _ => down.push(start..end),
            }
        }
        Self {
            down,
            depth: super::amplitude(ducking.level_db).min(1.0),
            ramp_frames: super::frames(ducking.ramp_ms, rate_hz),
            passed: 0,
        }
    }

    /// Applies the curve to interleaved samples, the first of which are those of frame `first`.
    pub(super) fn apply(&mut self, first: u64, samples: &mut [f32], channels: usize) {
        for (frame, values) in (first..).zip(samples.chunks_exact_mut(channels)) {
            let gain = self.gain(frame);
            // Where nothing is to be done the samples stay as they are, to the bit.
            if gain < 1.0 {
                for value in values {
                    *value *= gain;
                }
            }
        }
    }

    fn gain(&mut self, frame: u64) -> f32 {
        while self.down.get(self.passed).is_some_and(|down| down.end <= frame) {
            self.passed += 1;
        }
        let after = match self.passed.checked_sub(1) {
            // The first frame after a span is one step up already.
            Some(last) => self.on_ramp(frame - self.down[last].end + 1),
            None => 1.0,
        };
        let before = match self.down.get(self.passed) {
            Some(next) => self.on_ramp(next.start.saturating_sub(frame)),
            None => 1.0,
        };
        after.min(before)
    }

    /// The gain so many frames beside a span.
    #[allow(clippy::cast_precision_loss)]
    fn on_ramp(&self, distance: u64) -> f32 {
        if distance > self.ramp_frames {
            return 1.0;
        }
        let part = distance as f32 / (self.ramp_frames + 1) as f32;
        self.depth + (1.0 - self.depth) * part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Down to nothing.
    fn silenced(ramp_ms: u64, bridge_ms: u64) -> Ducking {
        Ducking {
            level_db: f32::NEG_INFINITY,
            ramp_ms,
            bridge_ms,
        }
    }

    fn gains(spans: &[(u64, u64)], ducking: Ducking, frames: usize) -> Vec<f32> {
        // At 1 kHz a frame is a millisecond.
        let spans = spans
            .iter()
            .map(|&(start_ms, end_ms)| Span::new(start_ms, end_ms));
        let mut curve = Curve::new(spans, ducking, 1_000);
        let mut samples = vec![1.0; frames];
        // In two pieces, as blocks come.
        let (head, rest) = samples.split_at_mut(frames / 3);
        curve.apply(0, head, 1);
        curve.apply(head.len() as u64, rest, 1);
        samples
    }

    #[test]
    fn spans_are_down_and_ramps_lie_beside_them() {
        assert_eq!(
            gains(&[(6, 8)], silenced(3, 0), 14),
            [
                1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0
            ]
        );
    }

    #[test]
    fn spans_in_any_order_that_touch_are_one() {
        assert_eq!(
            gains(&[(4, 6), (2, 4), (5, 5), (3, 4)], silenced(0, 0), 8),
            [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
        );
    }

    #[test]
    fn between_two_near_spans_the_lower_ramp_holds() {
        assert_eq!(
            gains(&[(0, 1), (4, 5)], silenced(3, 3), 5),
            [0.0, 0.25, 0.5, 0.25, 0.0]
        );
    }

    #[test]
    fn a_gap_shorter_than_the_bridge_stays_down() {
        let spans = [(1, 2), (4, 5), (8, 9)];
        assert_eq!(
            gains(&spans, silenced(0, 3), 10),
            [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0]
        );
    }

    #[test]
    fn a_level_is_in_decibels_and_never_louder_than_the_programme() {
        let level = |level_db| {
            let ducking = Ducking {
                level_db,
                ..silenced(0, 0)
            };
            gains(&[(0, 3)], ducking, 3)[1]
        };
        assert!((level(-20.0) - 0.1).abs() < 1e-6);
        assert_eq!(level(6.0).to_bits(), 1.0_f32.to_bits());
    }
}
