//! A stream hears and says: posts of words on its time, captions as messages.

use captions::Word;
use captions::live::{LiveCaption, words_of_line};
use serde::{Deserialize, Serialize};

use super::input::{LiveInput, Refused};
use super::stream::{LiveStream, Message, Source, StreamState};

/// A stream has at most so many sources.
const MOST_SOURCES: usize = 16;
/// Origins that differ by less are one: clocks and pts are not told to the millisecond.
const SAME_ORIGIN_S: f64 = 1.0;

/// From some time of the stream on, the pts and the wall clock that its time 0 would have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Mark {
    from_ms: u64,
    pts_s: f64,
    epoch_s: f64,
}

/// A post as the stream takes it, on the stream's time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    /// Its words.
    pub words: Vec<Word>,
    /// Its lines, each as words.
    pub lines: Vec<Vec<Word>>,
    /// How many of its words were left out.
    pub left_out: u64,
}

impl LiveStream {
    /// Whether a post is the source's next one; `false` where it was taken before.
    pub(super) fn is_next(&self, input: &LiveInput) -> Result<bool, Refused> {
        let expected = self.next_sequence(&input.source);
        if input.sequence < expected {
            return Ok(false);
        }
        if self.state == StreamState::Ended {
            return Err(Refused::Ended);
        }
        if input.sequence > expected {
            return Err(Refused::Skipped {
                found: input.sequence,
                expected,
            });
        }
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&input.source) {
            return Err(Refused::Malformed {
                at: "source".to_owned(),
                found: "another source".to_owned(),
                expected: format!("at most {MOST_SOURCES} of them"),
            });
        }
        Ok(true)
    }

    /// Takes a source's next post: its origin, its words on the stream's time, and how far everything has been heard. What
    /// another source has been heard for already is left out: of a source and the one that stands in for it, the first is shown.
    pub(super) fn hear(&mut self, input: &LiveInput, now_epoch_s: u64) -> Heard {
        let told_ms = input.heard_until_ms.unwrap_or(0).max(input.last_ms());
        let offset_ms = self.offset(input, told_ms, now_epoch_s);
        let shift = |ms: u64| ms.saturating_add_signed(offset_ms);
        let others = self.sources.iter().filter(|(name, _)| **name != input.source);
        let covered_ms = others.map(|(_, source)| source.heard_until_ms).max().unwrap_or(0);
        let mut left_out = 0;
        let mut place = |mut word: Word| {
            word.start_ms = shift(word.start_ms);
            word.end_ms = shift(word.end_ms);
            if covered_ms > 0 && word.end_ms <= covered_ms {
                left_out += 1;
                return None;
            }
            word.start_ms = word.start_ms.max(covered_ms);
            Some(word)
        };
        let words = input.words().into_iter().filter_map(&mut place).collect();
        let lines = input.lines.iter().map(|line| {
            let words = words_of_line(&line.text, line.start_ms, line.end_ms, line.speaker.as_ref());
            words.into_iter().filter_map(&mut place).collect()
        });
        let lines = lines.collect();
        self.heard_until_ms = self.heard_until_ms.max(shift(told_ms));
        self.left_out_words += left_out;
        Heard {
            words,
            lines,
            left_out,
        }
    }

    /// What is to be added to the times of this post, its origin noted where it is a new one.
    fn offset(&mut self, input: &LiveInput, told_ms: u64, now_epoch_s: u64) -> i64 {
        let former = self.sources.get(&input.source);
        let (mut origin, mut offset_ms) =
            former.map_or((None, 0), |source| (source.origin, source.offset_ms));
        let is_new = input.origin.filter(|told| {
            origin.is_none_or(|former| {
                (former.pts_s - told.pts_s).abs() >= SAME_ORIGIN_S
                    || (former.epoch_s - told.epoch_s).abs() >= SAME_ORIGIN_S
            })
        });
        if let Some(told) = is_new {
            // The stream's time is the wall clock since its first origin, so that it goes on when a publisher comes back.
            let first_epoch_s = self.marks.first().map_or(told.epoch_s, |mark| mark.epoch_s);
            offset_ms = ms_of(told.epoch_s - first_epoch_s);
            origin = Some(told);
            self.marks.push(Mark {
                // What was heard before is of the former origin, even if it is laid out later: a source may count on where it was,
                // with an origin for its own time 0.
                from_ms: 0_u64.saturating_add_signed(offset_ms).max(self.heard_until_ms),
                pts_s: told.pts_s - seconds_of(offset_ms),
                epoch_s: first_epoch_s,
            });
        } else if self.marks.is_empty() {
            // Nobody says where the times begin: at the pts 0, and so that what was heard last was heard now.
            #[allow(clippy::cast_precision_loss, reason = "times of events are far below 2^52 ms")]
            let epoch_s = now_epoch_s as f64 - told_ms as f64 / 1_000.0;
            self.marks.push(Mark {
                from_ms: 0,
                pts_s: 0.0,
                epoch_s,
            });
        }
        let heard_before_ms = self
            .sources
            .get(&input.source)
            .map_or(0, |source| source.heard_until_ms);
        let source = Source {
            next_sequence: input.sequence + 1,
            origin,
            offset_ms,
            heard_until_ms: heard_before_ms.max(told_ms.saturating_add_signed(offset_ms)),
        };
        self.sources.insert(input.source.clone(), source);
        offset_ms
    }

    /// Makes captions into messages.
    pub(super) fn say(&mut self, captions: Vec<LiveCaption>, now_epoch_s: u64) {
        for caption in captions {
            let (pts_s, epoch_s) = self.base(caption.start_ms);
            self.tail.push(Message {
                seq: self.next_seq,
                start_ms: caption.start_ms,
                end_ms: caption.end_ms,
                text: caption.text,
                words: caption.words,
                pts_s,
                epoch_s,
                is_end_of_stream: false,
            });
            self.next_seq += 1;
            self.first_caption_epoch_s.get_or_insert(now_epoch_s);
        }
    }

    /// Says the last message, and takes nothing more.
    pub(super) fn say_end(&mut self, now_epoch_s: u64) {
        // A caption lingers behind its last word.
        let at_ms = self.heard_until_ms.max(self.layout.given_until_ms());
        let (pts_s, epoch_s) = self.base(at_ms);
        self.tail.push(Message {
            seq: self.next_seq,
            start_ms: at_ms,
            end_ms: at_ms,
            text: String::new(),
            words: Vec::new(),
            pts_s,
            epoch_s,
            is_end_of_stream: true,
        });
        self.next_seq += 1;
        self.state = StreamState::Ended;
        self.ended_epoch_s = Some(now_epoch_s);
    }

    /// The pts and the wall clock of the stream's time 0, as they are at that time.
    fn base(&self, at_ms: u64) -> (f64, f64) {
        let mark = self.marks.iter().rev().find(|mark| mark.from_ms <= at_ms);
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        let unknown = (0.0, self.kept_epoch_s as f64);
        mark.or(self.marks.first())
            .map_or(unknown, |mark| (mark.pts_s, mark.epoch_s))
    }
}

fn ms_of(seconds: f64) -> i64 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "differences of times within a century, in milliseconds"
    )]
    let ms = (seconds * 1_000.0).round() as i64;
    ms
}

fn seconds_of(ms: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "times of events are far below 2^52 ms")]
    let seconds = ms as f64 / 1_000.0;
    seconds
}
