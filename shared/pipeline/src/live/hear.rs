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

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "quarters of a second are exact")]
mod tests {
    use super::super::input::{LiveWord, Origin};
    use super::*;
    use crate::memory::sample_stream;

    const NOW_EPOCH_S: u64 = 1_790_000_000;
    const FIRST_EPOCH_S: f64 = 1_790_000_000.0;

    fn stream() -> LiveStream {
        sample_stream(NOW_EPOCH_S)
    }

    fn origin(pts_s: f64, after_s: f64) -> Origin {
        Origin {
            pts_s,
            epoch_s: FIRST_EPOCH_S + after_s,
        }
    }

    /// The source's next post, of one word.
    fn post(
        stream: &LiveStream,
        source: &str,
        origin: Option<Origin>,
        word_ms: (u64, u64),
        heard_ms: u64,
    ) -> LiveInput {
        LiveInput {
            source: source.to_owned(),
            sequence: stream.next_sequence(source),
            origin,
            heard_until_ms: Some(heard_ms),
            words: vec![LiveWord {
                text: "Well".to_owned(),
                start_ms: word_ms.0,
                end_ms: word_ms.1,
                kind: captions::WordKind::Word,
                speaker: None,
                confidence: None,
            }],
            lines: Vec::new(),
            end_of_stream: false,
        }
    }

    /// When the words of a post are, on the stream's time.
    fn times(heard: &Heard) -> Vec<(u64, u64)> {
        let times = heard.words.iter().map(|word| (word.start_ms, word.end_ms));
        times.collect()
    }

    #[test]
    fn what_is_said_at_the_very_beginning_is_heard() {
        let mut stream = stream();
        let first = post(&stream, "main", None, (0, 0), 1_000);
        assert_eq!(times(&stream.hear(&first, NOW_EPOCH_S)), [(0, 0)]);
    }

    #[test]
    fn a_publisher_that_comes_back_goes_on_in_the_streams_time() {
        let mut stream = stream();
        let first = post(&stream, "main", Some(origin(100.0, 0.0)), (500, 900), 1_000);
        assert_eq!(times(&stream.hear(&first, NOW_EPOCH_S)), [(500, 900)]);
        // Told a little otherwise, it is the same.
        let same = post(&stream, "main", Some(origin(100.75, 0.5)), (1_000, 1_500), 2_000);
        assert_eq!(times(&stream.hear(&same, NOW_EPOCH_S)), [(1_000, 1_500)]);
        assert_eq!(stream.marks.len(), 1);
        assert_eq!(stream.base(1_000), (100.0, FIRST_EPOCH_S));
        // A minute after the first: its pts is another one, and its times begin anew.
        let back = post(&stream, "main", Some(origin(5.0, 60.0)), (250, 500), 750);
        assert_eq!(times(&stream.hear(&back, NOW_EPOCH_S)), [(60_250, 60_500)]);
        assert_eq!(stream.heard_until_ms, 60_750);
        assert_eq!(stream.base(59_999), (100.0, FIRST_EPOCH_S));
        // What is at 60 s of the stream is at its pts 5.
        assert_eq!(stream.base(60_000), (5.0 - 60.0, FIRST_EPOCH_S));
        assert_eq!(
            stream.sources["main"],
            Source {
                next_sequence: 4,
                origin: Some(origin(5.0, 60.0)),
                offset_ms: 60_000,
                heard_until_ms: 60_750,
            }
        );
        // Only its pts is another one, or only its clock, and each by just as much as tells two apart.
        for (told, at_ms) in [
            (Some(origin(6.0, 60.0)), 60_000),
            (Some(origin(6.0, 61.0)), 61_000),
        ] {
            let marks = stream.marks.len();
            let again = post(&stream, "main", told, (9_000, 9_500), 9_500);
            assert_eq!(
                times(&stream.hear(&again, NOW_EPOCH_S)),
                [(at_ms + 9_000, at_ms + 9_500)]
            );
            assert_eq!(stream.marks.len(), marks + 1);
        }
    }

    #[test]
    fn times_of_which_nobody_says_where_they_begin_are_of_now() {
        let mut stream = stream();
        let first = post(&stream, "main", None, (0, 2_000), 2_500);
        stream.hear(&first, NOW_EPOCH_S);
        assert_eq!(stream.base(2_000), (0.0, FIRST_EPOCH_S - 2.5));
        let next = post(&stream, "main", None, (3_000, 3_500), 4_000);
        stream.hear(&next, NOW_EPOCH_S + 2);
        assert_eq!(stream.marks.len(), 1);
        // A word that ends behind what is told has been heard to its end.
        let late = post(&stream, "main", None, (5_000, 5_500), 100);
        stream.hear(&late, NOW_EPOCH_S + 3);
        assert_eq!(
            (stream.heard_until_ms, stream.sources["main"].heard_until_ms),
            (5_500, 5_500)
        );
        let earlier = post(&stream, "main", None, (4_000, 4_500), 100);
        stream.hear(&earlier, NOW_EPOCH_S + 3);
        assert_eq!(
            (stream.heard_until_ms, stream.sources["main"].heard_until_ms),
            (5_500, 5_500)
        );
    }

    #[test]
    fn of_what_another_source_has_been_heard_for_only_the_rest_is_taken() {
        let mut stream = stream();
        let main = post(&stream, "main", None, (0, 900), 1_000);
        assert_eq!(stream.hear(&main, NOW_EPOCH_S).left_out, 0);
        for (word_ms, taken) in [
            ((500, 1_000), None),
            ((500, 1_001), Some((1_000, 1_001))),
            ((1_200, 1_500), Some((1_200, 1_500))),
        ] {
            let backup = post(&stream, "backup", None, word_ms, 900);
            let heard = stream.hear(&backup, NOW_EPOCH_S);
            assert_eq!(times(&heard), Vec::from_iter(taken));
            assert_eq!(heard.left_out, u64::from(taken.is_none()));
        }
        assert_eq!(stream.left_out_words, 1);
        // What it said itself doesn't stand in its way.
        let more = post(&stream, "backup", None, (1_300, 1_600), 1_600);
        assert_eq!(times(&stream.hear(&more, NOW_EPOCH_S)), [(1_300, 1_600)]);
    }

    #[test]
    fn a_stream_takes_each_post_once_and_so_many_sources() {
        let mut stream = stream();
        for number in 0..MOST_SOURCES {
            let input = post(&stream, &number.to_string(), None, (0, 1), 1);
            assert!(stream.is_next(&input).unwrap());
            stream.hear(&input, NOW_EPOCH_S);
            assert!(!stream.is_next(&input).unwrap(), "it was taken before");
        }
        let known = post(&stream, "3", None, (0, 1), 1);
        assert!(stream.is_next(&known).unwrap());
        let another = post(&stream, "another", None, (0, 1), 1);
        assert!(matches!(stream.is_next(&another), Err(Refused::Malformed { .. })));
        let skipped = LiveInput {
            sequence: 7,
            ..known.clone()
        };
        assert!(matches!(
            stream.is_next(&skipped),
            Err(Refused::Skipped {
                found: 7,
                expected: 2
            })
        ));
        stream.say_end(NOW_EPOCH_S + 5);
        assert!(matches!(stream.is_next(&known), Err(Refused::Ended)));
        assert_eq!(stream.ended_epoch_s, Some(NOW_EPOCH_S + 5));
    }

    #[test]
    fn the_last_message_is_behind_everything() {
        let mut stream = stream();
        let caption = LiveCaption {
            start_ms: 1_000,
            end_ms: 2_000,
            words: Vec::new(),
            text: "Well.".to_owned(),
        };
        stream.say(vec![caption.clone(), caption], NOW_EPOCH_S + 1);
        assert_eq!(stream.first_caption_epoch_s, Some(NOW_EPOCH_S + 1));
        stream.heard_until_ms = 2_500;
        stream.say_end(NOW_EPOCH_S + 2);
        let seen: Vec<(u64, u64, u64, bool)> = stream
            .tail
            .iter()
            .map(|message| {
                (
                    message.seq,
                    message.start_ms,
                    message.end_ms,
                    message.is_end_of_stream,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (1, 1_000, 2_000, false),
                (2, 1_000, 2_000, false),
                (3, 2_500, 2_500, true)
            ]
        );
        assert_eq!(stream.next_seq, 4);
        // Nobody ever said where its times begin.
        assert_eq!(stream.base(0), (0.0, FIRST_EPOCH_S));
    }
}
