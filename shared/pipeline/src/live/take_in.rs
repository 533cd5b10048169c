//! Words come in: laid out, made messages, written, handed out.

use std::time::Instant;

use kaltura::TaskId;

use super::hand_out::{self, send_all, store_chunks};
use super::input::{LiveInput, Refused};
use super::lay_out::lay_out;
use super::stream::StreamState;
use crate::context::Context;
use crate::error::{Result, StepError};
use crate::telemetry::names;

/// How often a write is tried against others' writes.
pub(super) const SAVE_TRIES: u32 = 10;

/// What came of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenIn {
    /// The number of the source's next post.
    pub next_sequence: u64,
    /// Whether it was taken before, and nothing but the hand-out was done now.
    pub is_duplicate: bool,
    /// How many captions it completed.
    pub captions: usize,
    /// How many of its words came too late for their time: shown as soon as could be, or left out where another source had been
    /// heard for it.
    pub late_words: u64,
    /// Whether it says that nothing comes any more: then the stream is to be ended ([`super::end()`]).
    pub is_end_of_stream: bool,
    /// Whether Kaltura is to be told that captions are going out.
    pub is_to_be_on_air: bool,
}

/// Takes one post of a source in, and hands out what is to be. Safe to repeat: the number of the post tells a repeat, which
/// changes nothing and hands out what has not been yet. When it fails after it was written, a repeat is answered as taken.
pub async fn take_in(
    ctx: &Context,
    task_id: &TaskId,
    input: &LiveInput,
) -> std::result::Result<TakenIn, Refused> {
    let streams = ctx.streams()?;
    let begun = Instant::now();
    for _ in 0..SAVE_TRIES {
        let mut stream = streams.load(task_id).await?.ok_or(Refused::NoStream)?;
        let now_epoch_s = ctx.clock.now_epoch_s();
        let mut taken = TakenIn {
            next_sequence: stream.next_sequence(&input.source),
            is_duplicate: true,
            captions: 0,
            late_words: 0,
            is_end_of_stream: input.end_of_stream,
            is_to_be_on_air: false,
        };
        if !stream.is_next(input)? {
            let stream = hand_out::of(ctx, stream).await?;
            taken.is_to_be_on_air = stream.is_to_be_on_air();
            return Ok(taken);
        }
        let before_seq = stream.next_seq;
        let late_before = stream.layout.late_words();
        let heard = stream.hear(input, now_epoch_s);
        taken.late_words = heard.left_out;
        lay_out(ctx, &mut stream, heard, now_epoch_s).await?;
        taken.late_words += stream.layout.late_words() - late_before;
        store_chunks(ctx, &mut stream, before_seq).await?;
        let lease = stream
            .has_undelivered(now_epoch_s)
            .then(|| stream.take_lease(now_epoch_s))
            .flatten();
        taken.is_duplicate = false;
        taken.next_sequence = input.sequence + 1;
        taken.captions = usize::try_from(stream.next_seq - before_seq).unwrap_or(usize::MAX);
        if !streams.save(&mut stream).await? {
            metrics::counter!(names::RECORD_CONFLICTS).increment(1);
            continue;
        }
        metrics::counter!(names::LIVE_CAPTIONS).increment(taken.captions as u64);
        metrics::counter!(names::LIVE_LATE_WORDS).increment(taken.late_words);
        if let Some(lease) = lease {
            stream = send_all(ctx, stream, lease).await?;
            metrics::histogram!(names::LIVE_HAND_OUT_MS).record(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        taken.is_to_be_on_air = stream.is_to_be_on_air();
        return Ok(taken);
    }
    Err(conflict(task_id).into())
}

pub(super) fn conflict(task_id: &TaskId) -> StepError {
    StepError::RecordConflict {
        task_id: task_id.to_string(),
        times: SAVE_TRIES,
    }
}

/// Notes that Kaltura has been told that captions are going out. Safe to repeat.
pub async fn note_on_air(ctx: &Context, task_id: &TaskId) -> Result<()> {
    let streams = ctx.streams()?;
    for _ in 0..SAVE_TRIES {
        let Some(mut stream) = streams.load(task_id).await? else {
            return Ok(());
        };
        if stream.state != StreamState::Provisioned {
            return Ok(());
        }
        stream.state = StreamState::OnAir;
        if streams.save(&mut stream).await? {
            return Ok(());
        }
    }
    Err(conflict(task_id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::live::LiveStream;
    use crate::live::input::{LiveLine, LiveWord, Origin};
    use crate::live::lay_out::as_heard;
    use crate::live::message;
    use crate::live::stream::Message;
    use crate::memory::sample_stream;

    const NOW_EPOCH_S: u64 = 1_790_000_000;

    fn stream() -> LiveStream {
        sample_stream(NOW_EPOCH_S)
    }

    /// A post with words and lines about some time, in no order, perhaps of a publisher that came back.
    fn posts() -> impl Strategy<Value = Vec<(bool, Option<u32>, LiveInput)>> {
        let word = ("[a-zA-Z]{1,12}[.,!?]?", 0_u64..6_000, 0_u64..900, 0_u8..3);
        let post = (
            any::<bool>(),
            proptest::option::weighted(0.1, 0_u32..600),
            prop::collection::vec(word, 0..12),
            prop::collection::vec(("[a-z]{1,9}( [a-z]{1,9}){0,9}", 0_u64..6_000, 0_u64..4_000), 0..2),
            0_u64..7_000,
        );
        let post = post.prop_map(|(is_backup, comes_back, words, lines, heard_ms)| {
            let words = words
                .into_iter()
                .map(|(text, start_ms, lasts_ms, speaker)| LiveWord {
                    text,
                    start_ms,
                    end_ms: start_ms + lasts_ms,
                    kind: captions::WordKind::Word,
                    speaker: (speaker > 0).then(|| captions::SpeakerId::new(speaker.to_string())),
                    confidence: None,
                });
            let lines = lines.into_iter().map(|(text, start_ms, lasts_ms)| LiveLine {
                text,
                start_ms,
                end_ms: start_ms + lasts_ms,
                speaker: None,
            });
            let input = LiveInput {
                source: String::new(),
                sequence: 0,
                origin: None,
                heard_until_ms: Some(heard_ms),
                words: words.collect(),
                lines: lines.collect(),
                end_of_stream: false,
            };
            (is_backup, comes_back, input)
        });
        prop::collection::vec(post, 1..40)
    }

    /// Has them all come, one after the other, about five seconds of media apart; answers every message.
    fn said(posts: Vec<(bool, Option<u32>, LiveInput)>) -> Vec<Message> {
        let mut stream = stream();
        let mut messages = Vec::new();
        for (index, (is_backup, comes_back, mut input)) in posts.into_iter().enumerate() {
            let by_ms = index as u64 * 5_000;
            input.source = if is_backup { "backup" } else { "main" }.to_owned();
            input.sequence = stream.next_sequence(&input.source);
            input.origin = comes_back.map(|s| Origin {
                pts_s: f64::from(s),
                epoch_s: 1_790_000_000.0 + f64::from(s),
            });
            input.heard_until_ms = input.heard_until_ms.map(|ms| ms + by_ms);
            for word in &mut input.words {
                word.start_ms += by_ms;
                word.end_ms += by_ms;
            }
            for line in &mut input.lines {
                line.start_ms += by_ms;
                line.end_ms += by_ms;
            }
            input.check().unwrap();
            assert!(stream.is_next(&input).unwrap());
            let heard = stream.hear(&input, NOW_EPOCH_S);
            as_heard(&mut stream, heard, NOW_EPOCH_S);
            messages.append(&mut stream.tail);
        }
        let captions = stream.layout.finish(&stream.settings.rules);
        stream.say(captions, NOW_EPOCH_S);
        stream.say_end(NOW_EPOCH_S);
        messages.append(&mut stream.tail);
        messages
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn messages_are_consecutive_and_never_overlap(posts in posts()) {
            let messages = said(posts);
            let task_id = TaskId::parse("9292").unwrap();
            let mut until = 0.0;
            for (message, seq) in messages.iter().zip(1..) {
                prop_assert_eq!(message.seq, seq);
                prop_assert_eq!(message.is_end_of_stream, seq == messages.len() as u64);
                let json = message::to_json(&task_id, 1, message);
                let json: serde_json::Value = serde_json::from_str(&json).unwrap();
                let time = |of: &serde_json::Value, name: &str| of[name].as_f64().unwrap();
                let response = &json["response"];
                let (start, end) = (time(response, "start"), time(response, "end"));
                prop_assert!(until <= start, "{} before {}", start, until);
                prop_assert!(start < end || message.is_end_of_stream);
                let alternative = &response["alternatives"][0];
                prop_assert_eq!(alternative["transcript"] == "", message.is_end_of_stream);
                for item in alternative["items"].as_array().unwrap() {
                    prop_assert!(start <= time(item, "start") && time(item, "start") <= time(item, "end"));
                    prop_assert!(time(item, "end") <= end);
                    let speakers = response["speakers"].as_array().unwrap();
                    prop_assert!(speakers.iter().any(|speaker| speaker["id"] == item["speaker_id"]));
                }
                until = end;
            }
        }
    }
}
