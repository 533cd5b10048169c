//! The end of a stream: the last message, the connections closed, the whole of it kept.

use captions::Transcript;
use engines::{DetectedLanguage, EngineVersion, JobResult, Output, RESULT_VERSION, Warning};
use kaltura::TaskId;

use super::hand_out::{self, read_chunk, send_all, store_chunks};
use super::input::Refused;
use super::lay_out::{finish, job_id, stop};
use super::stream::{LiveStream, StreamState};
use super::take_in::{SAVE_TRIES, conflict};
use crate::context::Context;
use crate::error::{Result, StepError};

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its source said so.
    EndOfStream,
    /// Its event is over, and nobody said so.
    EventOver,
    /// The order was withdrawn.
    Withdrawn,
}

/// A stream that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Where the whole of it is: a [`JobResult`] with a transcript, as JSON.
    pub transcript_key: String,
    /// How many captions there were.
    pub captions: u64,
}

/// Ends a stream: what is left of its words is shown, the last message says that it is the last, the connections are closed, and
/// the whole is kept as a transcript. Safe to repeat at any point. Retryable while another call is handing out.
pub async fn end(ctx: &Context, task_id: &TaskId, why: EndReason) -> std::result::Result<Ended, Refused> {
    let stream = say_end(ctx, task_id, why).await?;
    let stream = hand_out::of(ctx, stream).await?;
    if stream.has_undelivered(ctx.clock.now_epoch_s()) {
        return Err(StepError::HandOutBusy {
            task_id: task_id.to_string(),
        }
        .into());
    }
    Ok(archive(ctx, stream).await?)
}

async fn say_end(
    ctx: &Context,
    task_id: &TaskId,
    why: EndReason,
) -> std::result::Result<LiveStream, Refused> {
    let streams = ctx.streams()?;
    for _ in 0..SAVE_TRIES {
        let mut stream = streams.load(task_id).await?.ok_or(Refused::NoStream)?;
        if stream.state == StreamState::Ended {
            return Ok(stream);
        }
        let now_epoch_s = ctx.clock.now_epoch_s();
        let before_seq = stream.next_seq;
        finish(ctx, &mut stream, now_epoch_s).await;
        stream.say_end(now_epoch_s);
        store_chunks(ctx, &mut stream, before_seq).await?;
        let lease = stream
            .has_undelivered(now_epoch_s)
            .then(|| stream.take_lease(now_epoch_s))
            .flatten();
        if !streams.save(&mut stream).await? {
            continue;
        }
        tracing::info!(%task_id, ?why, messages = stream.next_seq - 1, "stream ended");
        return match lease {
            Some(lease) => Ok(send_all(ctx, stream, lease).await?),
            None => Ok(stream),
        };
    }
    Err(conflict(task_id).into())
}

/// Where the whole of a stream stands once it has ended; `attempt` is the one that provisioned it.
pub fn transcript_key(task_id: &TaskId, attempt: u32) -> String {
    format!("transcripts/{task_id}/{attempt}-live.json")
}

/// Keeps the whole of it, once.
async fn archive(ctx: &Context, mut stream: LiveStream) -> Result<Ended> {
    let streams = ctx.streams()?;
    // The last message has no words.
    let captions = stream.next_seq.saturating_sub(2);
    for _ in 0..SAVE_TRIES {
        if let Some(transcript_key) = stream.transcript_key {
            return Ok(Ended {
                transcript_key,
                captions,
            });
        }
        let key = transcript_key(&stream.task_id, stream.settings.attempt);
        let result = whole(ctx, &stream).await?;
        ctx.objects()?
            .put(&key, result.to_json()?.into(), "application/json")
            .await?;
        stop(ctx, &stream).await;
        stream.transcript_key = Some(key);
        if !streams.save(&mut stream).await? {
            let task_id = stream.task_id;
            stream = streams
                .load(&task_id)
                .await?
                .ok_or_else(|| StepError::RecordMissing {
                    task_id: task_id.to_string(),
                })?;
        }
    }
    Err(conflict(&stream.task_id))
}

/// All that was shown, as the work of an engine.
async fn whole(ctx: &Context, stream: &LiveStream) -> Result<JobResult> {
    let mut words = Vec::new();
    for first_seq in &stream.chunks {
        for message in read_chunk(ctx, stream, *first_seq).await? {
            words.extend(message.words);
        }
    }
    words.extend(stream.tail.iter().flat_map(|message| message.words.clone()));
    let settings = &stream.settings;
    let language = &settings.target.as_ref().unwrap_or(&settings.source).bcp47;
    let mut warnings = Vec::new();
    if words.is_empty() {
        warnings.push(Warning::new(
            "NoSpeech",
            "nothing was said while the stream was on air",
        ));
    }
    if stream.left_out_words > 0 {
        let detail = format!(
            "{} words came when another source had been heard already",
            stream.left_out_words
        );
        warnings.push(Warning::new("WordsLeftOut", detail));
    }
    let transcript = Transcript::new(Some(language.clone()), words, stream.heard_until_ms);
    let sources: Vec<&str> = stream.sources.keys().map(String::as_str).collect();
    Ok(JobResult {
        version: RESULT_VERSION,
        job_id: job_id(stream),
        engine: EngineVersion {
            name: "live".to_owned(),
            version: sources.join(" "),
        },
        output: Output::Transcript { transcript },
        language: None::<DetectedLanguage>,
        audio_duration_ms: stream.heard_until_ms,
        warnings,
    })
}
