//! Words become captions: as they were heard, or translated a sentence at a time.

use std::time::Duration;

use captions::Passage;
use captions::live::{LiveRules, translated_words};
use engines::{JobId, SourceLanguage, Translate, WorkKind};

use super::hear::Heard;
use super::stream::LiveStream;
use crate::context::Context;
use crate::error::Result;

/// A translation that takes longer is asked for again with the repeat of its post.
const LONGEST_TRANSLATION: Duration = Duration::from_secs(4);

/// Makes messages of what a post completes. Asks a translator where the stream's captions are in another language; a failure
/// of that leaves nothing behind that is written down.
pub(super) async fn lay_out(
    ctx: &Context,
    stream: &mut LiveStream,
    heard: Heard,
    now_epoch_s: u64,
) -> Result<()> {
    let Some(target) = stream.settings.target.clone() else {
        as_heard(stream, heard, now_epoch_s);
        return Ok(());
    };
    let rules = rules_of_source(stream);
    let gatherer = &mut stream.gatherer;
    let mut sentences = gatherer.push(heard.words, 0, &rules);
    for line in heard.lines {
        sentences.extend(gatherer.push(line, 0, &rules));
    }
    sentences.extend(gatherer.push(Vec::new(), stream.heard_until_ms, &rules));
    let words = translated(ctx, stream, &target, sentences).await?;
    let until_ms = stream.gatherer.given_until_ms();
    let captions = stream.layout.push(words, until_ms, &stream.settings.rules);
    stream.say(captions, now_epoch_s);
    Ok(())
}

/// Makes messages of the words that complete captions. A line ends its caption.
pub(super) fn as_heard(stream: &mut LiveStream, heard: Heard, now_epoch_s: u64) {
    let rules = &stream.settings.rules;
    let mut captions = stream.layout.push(heard.words, 0, rules);
    for line in heard.lines {
        let until_ms = line.iter().map(|word| word.end_ms).max().unwrap_or(0);
        captions.extend(stream.layout.push(line, until_ms, rules));
        captions.extend(stream.layout.flush(rules));
    }
    captions.extend(stream.layout.push(Vec::new(), stream.heard_until_ms, rules));
    stream.say(captions, now_epoch_s);
}

/// Makes messages of whatever is left. The stream ends all the same where it can't be translated.
pub(super) async fn finish(ctx: &Context, stream: &mut LiveStream, now_epoch_s: u64) {
    let mut captions = Vec::new();
    if let Some(target) = stream.settings.target.clone() {
        let sentences = stream.gatherer.finish(&rules_of_source(stream));
        match translated(ctx, stream, &target, sentences).await {
            Ok(words) => captions.extend(stream.layout.push(words, 0, &stream.settings.rules)),
            Err(error) => {
                tracing::error!(task_id = %stream.task_id, name = error.name(), %error, "last words not translated");
            }
        }
    }
    captions.extend(stream.layout.finish(&stream.settings.rules));
    stream.say(captions, now_epoch_s);
}

/// Has the translator remove what it keeps for the stream. What it keeps all the same, it knows by the stack's name.
pub(super) async fn stop(ctx: &Context, stream: &LiveStream) {
    let settings = &stream.settings;
    let Some(target) = &settings.target else {
        return;
    };
    let stopped = match ctx.engines() {
        Ok(engines) => {
            let (from, into) = (&settings.source.bcp47, &target.bcp47);
            engines.stop_interpreting(&job_id(stream), from, into).await
        }
        // A function that ends a stream from outside may have none.
        Err(_) => return,
    };
    if let Err(error) = stopped {
        tracing::warn!(task_id = %stream.task_id, %error, "translator not stopped");
    }
}

/// The stream as a job of an engine.
pub(super) fn job_id(stream: &LiveStream) -> JobId {
    let task_id = engines::TaskId::new(stream.task_id.as_str());
    JobId::new(&task_id, stream.settings.attempt, WorkKind::Live)
}

fn rules_of_source(stream: &LiveStream) -> LiveRules {
    LiveRules {
        language: stream.settings.source.bcp47.clone(),
        ..stream.settings.rules.clone()
    }
}

async fn translated(
    ctx: &Context,
    stream: &LiveStream,
    target: &SourceLanguage,
    sentences: Vec<Passage>,
) -> Result<Vec<captions::Word>> {
    if sentences.is_empty() {
        return Ok(Vec::new());
    }
    let passages = sentences.iter().map(|sentence| engines::Passage {
        start_ms: sentence.start_ms,
        end_ms: sentence.end_ms,
        text: sentence.text.clone(),
        speaker: sentence.speaker.clone(),
        phrases: Vec::new(),
    });
    let work = Translate {
        source_language: stream.settings.source.clone(),
        target_language: target.clone(),
        passages: passages.collect(),
        dictionary: stream.settings.dictionary.clone(),
        remove_profanity: stream.settings.rules.remove_profanity,
    };
    let texts = ctx
        .engines()?
        .interpret(&job_id(stream), &work, LONGEST_TRANSLATION)
        .await?;
    Ok(translated_words(&sentences, &texts)?)
}
