//! The time of a stream: one line through every time that its publisher comes and goes. Pure.
//!
//! Captions are told in milliseconds from the start of the stream. A recogniser counts from the first sample that it gets,
//! anew each time that the publisher comes back; and a publisher that comes back begins its time stamps where it likes. So
//! each stretch of sound is put on the stream's time by the wall clock, never before what was heard already, and told with
//! the time stamp and the wall clock that the stream's time 0 has by that stretch.

use captions::Word;
use serde::{Deserialize, Serialize};

/// What the stream's time 0 is by the time stamps and the clock of the stretch that is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Time stamp, seconds. Negative where a publisher came back with time stamps that begin anew.
    pub pts_s: f64,
    /// Wall clock, seconds since 1970.
    pub epoch_s: f64,
}

/// What was heard, by the recogniser's or by the stream's time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// Final words, in time order.
    pub words: Vec<Word>,
    /// All sound before this has been recognised.
    pub heard_until_ms: u64,
}

/// Where the stream is. Kept between two lives of the ingest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The wall clock of the stream's time 0; `None` before the first sound.
    zero_epoch_s: Option<f64>,
    /// All sound before this has been told.
    heard_until_ms: u64,
    /// Where the stretch that is heard begins.
    offset_ms: u64,
    origin: Origin,
}

impl Timeline {
    /// A stretch of sound begins: with this time stamp, and at this wall clock.
    pub fn begin(&mut self, first_pts_s: f64, first_epoch_s: f64) -> Origin {
        let since_s = first_epoch_s - *self.zero_epoch_s.get_or_insert(first_epoch_s);
        self.offset_ms = ms(since_s).max(self.heard_until_ms);
        let offset_s = seconds(self.offset_ms);
        self.origin = Origin {
            pts_s: milli(first_pts_s - offset_s),
            epoch_s: milli(first_epoch_s - offset_s),
        };
        self.origin
    }

    /// The origin of the stretch that is heard.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// All sound before this has been told, milliseconds.
    pub fn heard_until_ms(&self) -> u64 {
        self.heard_until_ms
    }

    /// Nobody speaks, and the wall clock goes on: the stream's time has come to here. `None` before the first sound, or where
    /// more than that was told already.
    pub fn idle(&mut self, epoch_s: f64) -> Option<Heard> {
        let until_ms = ms(epoch_s - self.zero_epoch_s?);
        if until_ms <= self.heard_until_ms {
            return None;
        }
        self.heard_until_ms = until_ms;
        Some(Heard {
            words: Vec::new(),
            heard_until_ms: until_ms,
        })
    }

    /// Puts what was heard in this stretch on the stream's time. Words that overlap are put right: the later one begins where
    /// the earlier one ends.
    pub fn place(&mut self, heard: Heard) -> Heard {
        let mut after_ms = self.heard_until_ms;
        let words = heard
            .words
            .into_iter()
            .filter_map(|mut word| {
                word.start_ms = (word.start_ms + self.offset_ms).max(after_ms);
                word.end_ms += self.offset_ms;
                after_ms = after_ms.max(word.end_ms);
                (word.start_ms <= word.end_ms).then_some(word)
            })
            .collect();
        self.heard_until_ms = (heard.heard_until_ms + self.offset_ms).max(after_ms);
        Heard {
            words,
            heard_until_ms: self.heard_until_ms,
        }
    }
}

/// The wall clock of a stretch's first sample, from when its sound came in: the earliest that any piece suggests, since sound
/// comes late or at once, never early.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstSample {
    epoch_s: Option<f64>,
}

impl FirstSample {
    /// At this wall clock, so much sound had come in altogether.
    pub fn came(&mut self, sound_ms: u64, now_epoch_s: f64) {
        let suggested = now_epoch_s - seconds(sound_ms);
        self.epoch_s = Some(self.epoch_s.map_or(suggested, |known| known.min(suggested)));
    }

    /// What is known so far; `None` before any sound.
    pub fn epoch_s(&self) -> Option<f64> {
        self.epoch_s
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of a stream are far below 2^52")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped at 0, and a stream is no longer than a day"
)]
fn ms(seconds: f64) -> u64 {
    (seconds * 1_000.0).round().clamp(0.0, 86_400_000.0) as u64
}

/// To the millisecond: what is finer is noise, and long in JSON.
fn milli(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(words: &[(u64, u64)], heard_until_ms: u64) -> Heard {
        Heard {
            words: words
                .iter()
                .map(|(start, end)| Word::new("word", *start, *end))
                .collect(),
            heard_until_ms,
        }
    }

    #[test]
    fn the_first_stretch_is_the_stream_s_own_time() {
        let mut timeline = Timeline::default();
        let origin = timeline.begin(102.02, 1_764_000_000.123);
        assert_eq!(
            origin,
            Origin {
                pts_s: 102.02,
                epoch_s: 1_764_000_000.123
            }
        );
        assert_eq!(
            timeline.place(heard(&[(500, 900)], 1_200)),
            heard(&[(500, 900)], 1_200)
        );
    }

    #[test]
    fn a_publisher_that_comes_back_goes_on_by_the_wall_clock_with_time_stamps_of_its_own() {
        let mut timeline = Timeline::default();
        timeline.begin(100.0, 1_764_000_000.0);
        timeline.place(heard(&[(500, 900)], 20_000));
        let origin = timeline.begin(0.5, 1_764_000_025.0);
        assert_eq!(
            origin,
            Origin {
                pts_s: -24.5,
                epoch_s: 1_764_000_000.0
            }
        );
        assert_eq!(
            timeline.place(heard(&[(0, 400)], 1_000)),
            heard(&[(25_000, 25_400)], 26_000)
        );
    }

    #[test]
    fn a_clock_that_is_put_back_puts_no_words_back() {
        let mut timeline = Timeline::default();
        timeline.begin(0.0, 1_764_000_000.0);
        timeline.place(heard(&[], 20_000));
        timeline.begin(0.0, 1_763_999_000.0);
        assert_eq!(
            timeline.place(heard(&[(0, 400)], 1_000)),
            heard(&[(20_000, 20_400)], 21_000)
        );
    }

    #[test]
    fn off_air_the_time_goes_on_by_the_wall_clock() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.idle(1_764_000_000.0), None);
        timeline.begin(0.0, 1_764_000_000.0);
        timeline.place(heard(&[], 20_000));
        assert_eq!(timeline.idle(1_764_000_019.0), None);
        assert_eq!(timeline.idle(1_764_000_022.0), Some(heard(&[], 22_000)));
        assert_eq!(timeline.heard_until_ms(), 22_000);
    }

    #[test]
    fn a_next_life_goes_on_where_the_last_one_was() {
        let mut timeline = Timeline::default();
        timeline.begin(0.0, 1_764_000_000.0);
        timeline.place(heard(&[], 20_000));
        let json = serde_json::to_string(&timeline).unwrap();
        let mut next: Timeline = serde_json::from_str(&json).unwrap();
        next.begin(0.0, 1_764_000_030.0);
        assert_eq!(next.place(heard(&[], 1_000)).heard_until_ms, 31_000);
    }

    #[test]
    fn the_first_sample_is_as_early_as_any_piece_suggests() {
        let mut first = FirstSample::default();
        assert_eq!(first.epoch_s(), None);
        first.came(100, 1_000.9);
        first.came(1_000, 1_001.2);
        first.came(2_000, 1_002.6);
        assert!((first.epoch_s().unwrap() - 1_000.2).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn words_never_go_back(
            stretches in proptest::collection::vec(
                (0.0..1_000.0_f64, 0.0..100.0_f64, proptest::collection::vec((0_u64..30_000, 0_u64..2_000), 0..8), 0_u64..30_000),
                1..5,
            )
        ) {
            let mut timeline = Timeline::default();
            let mut after_ms = 0;
            for (pts_s, epoch_s, words, until_ms) in stretches {
                timeline.begin(pts_s, 1_764_000_000.0 + epoch_s);
                let mut words: Vec<(u64, u64)> = words.into_iter().map(|(start, length)| (start, start + length)).collect();
                words.sort_unstable();
                let placed = timeline.place(heard(&words, until_ms));
                for word in &placed.words {
                    prop_assert!(after_ms <= word.start_ms && word.start_ms <= word.end_ms);
                    after_ms = word.end_ms;
                }
                prop_assert!(placed.heard_until_ms >= after_ms);
                after_ms = placed.heard_until_ms;
            }
        }
    }
}
