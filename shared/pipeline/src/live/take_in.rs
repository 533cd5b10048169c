//! Words come in: laid out, made messages, written, handed out.

use kaltura::TaskId;

use super::hand_out::{self, send_all, store_chunks};
use super::input::{LiveInput, Refused};
use super::stream::{Heard, LiveStream, StreamState};
use crate::context::Context;
use crate::error::{Result, StepError};

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
        lay_out(&mut stream, heard, now_epoch_s);
        taken.late_words += stream.layout.late_words() - late_before;
        store_chunks(ctx, &mut stream).await?;
        let lease = stream
            .has_undelivered(now_epoch_s)
            .then(|| stream.take_lease(now_epoch_s))
            .flatten();
        taken.is_duplicate = false;
        taken.next_sequence = input.sequence + 1;
        taken.captions = usize::try_from(stream.next_seq - before_seq).unwrap_or(usize::MAX);
        if !streams.save(&mut stream).await? {
            continue;
        }
        if let Some(lease) = lease {
            stream = send_all(ctx, stream, lease).await?;
        }
        taken.is_to_be_on_air = stream.is_to_be_on_air();
        return Ok(taken);
    }
    Err(conflict(task_id).into())
}

/// Makes messages of the words that complete captions. A line ends its caption.
fn lay_out(stream: &mut LiveStream, heard: Heard, now_epoch_s: u64) {
    let rules = &stream.settings.rules;
    let mut captions = Vec::new();
    captions.extend(stream.layout.push(heard.words, 0, rules));
    for line in heard.lines {
        let until_ms = line.iter().map(|word| word.end_ms).max().unwrap_or(0);
        captions.extend(stream.layout.push(line, until_ms, rules));
        captions.extend(stream.layout.flush(rules));
    }
    captions.extend(stream.layout.push(Vec::new(), stream.heard_until_ms, rules));
    stream.say(captions, now_epoch_s);
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
