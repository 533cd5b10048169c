//! What a job of Transcribe came to: a refusal beforehand, a failure, or a result with its warnings.

use aws_sdk_transcribe::types::TranscriptionJob;

use super::plan::{Plan, Ticket};
use super::{NAME, output, vocabulary};
use crate::error::{EngineError, Result};
use crate::job::{MediaRef, Work};
use crate::result::{EngineVersion, JobResult, Output, RESULT_VERSION, Warning};

/// The longest that Transcribe takes.
const MAX_DURATION_MS: u64 = 4 * 60 * 60 * 1000;
/// The shortest.
const MIN_DURATION_MS: u64 = 500;
/// The largest, in bytes: Amazon says 2 GB, which is a little more if it is meant in powers of 2.
pub(super) const MAX_SIZE_BYTES: u64 = 2_000_000_000;
/// The version of Transcribe's API.
const VERSION: &str = "transcribe 2017-10-26";

/// Refuses what Transcribe would fail at after the wait.
pub(super) fn check_duration(media: &MediaRef) -> Result<()> {
    let (detail, customer_text) = match media.duration_ms {
        Some(ms) if ms > MAX_DURATION_MS => (
            format!(
                "media `{}` is {ms} ms long, the limit is {MAX_DURATION_MS}",
                media.key
            ),
            "The media is longer than 4 hours, which is the most that this service can process.",
        ),
        Some(ms) if ms < MIN_DURATION_MS => (
            format!(
                "media `{}` is {ms} ms long, the least is {MIN_DURATION_MS}",
                media.key
            ),
            "The media is shorter than half a second, which is too short for this service.",
        ),
        _ => return Ok(()),
    };
    Err(refused(detail, customer_text))
}

fn refused(detail: String, customer_text: &str) -> EngineError {
    EngineError::Refused {
        engine: NAME.to_owned(),
        detail,
        customer_text: customer_text.to_owned(),
    }
}

/// Media of more bytes than Transcribe takes.
pub(super) fn too_large(detail: &str) -> EngineError {
    refused(
        detail.to_owned(),
        "The media is larger than 2 GB, which is the most that this service can process.",
    )
}

/// Identification needs somebody who speaks.
pub(super) fn is_silence(reason: &str) -> bool {
    reason.contains("speech segment long enough")
}

/// What a failed job means. Transcribe tells the reason in words; those of its documentation that are about the media
/// are the customer's, all others may pass.
pub(super) fn failure(ticket: &Ticket, reason: &str) -> EngineError {
    let media = &ticket.media.key;
    let lower = reason.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["file size", "size too large"]) {
        too_large(&format!("media `{media}`: {reason}"))
    } else if says(&["duration too long", "maximum duration", "audio is too long"]) {
        refused(
            format!("media `{media}`: {reason}"),
            "The media is longer than 4 hours, which is the most that this service can process.",
        )
    } else if is_silence(reason) {
        refused(
            format!("media `{media}`: {reason}"),
            "There is not enough speech in the media to tell its language. Please choose the language.",
        )
    } else if says(&["does not contain audio", "no audio", "doesn't have an audio"]) {
        EngineError::NoAudio { media: media.clone() }
    } else if says(&[
        "media format",
        "sample rate",
        "number of channels",
        "parse audio",
        "corrupt",
    ]) {
        EngineError::MediaUnreadable {
            media: media.clone(),
            detail: reason.to_owned(),
        }
    } else {
        EngineError::JobFailed {
            engine: NAME.to_owned(),
            job: ticket.job_id.to_string(),
            detail: reason.to_owned(),
        }
    }
}

pub(super) fn finish(
    ticket: &Ticket,
    plan: &Plan,
    found: &TranscriptionJob,
    heard: output::Heard,
) -> JobResult {
    let mut warnings = Vec::new();
    let output = if let Work::Recognise(work) = &ticket.work {
        if heard.transcript.words.is_empty() {
            warnings.push(Warning::new("NoSpeech", "no words in the output"));
        }
        if plan.phrases.unusable > 0 {
            warnings.push(Warning::new(
                "DictionaryWordsUnknown",
                format!(
                    "{} entries can't be written in a vocabulary",
                    plan.phrases.unusable
                ),
            ));
        }
        if let Some(name) = plan
            .vocabulary
            .as_deref()
            .filter(|_| vocabulary::vocabulary_of(found).is_none())
        {
            warnings.push(Warning::new(
                "DictionaryNotUsed",
                format!("vocabulary `{name}` could not be had"),
            ));
        }
        if work.remove_profanity && plan.filter.is_none() {
            warnings.push(Warning::new(
                "ProfanityNotRemoved",
                "no vocabulary filter for the language",
            ));
        }
        let ordered = &work.source_language.bcp47;
        let modelled = plan.language_code.unwrap_or_default();
        if region(ordered).is_some_and(|region| Some(region) != self::region(modelled)) {
            warnings.push(Warning::new(
                "AccentNotModelled",
                format!("{ordered} was heard as {modelled}"),
            ));
        }
        Output::Transcript {
            transcript: heard.transcript,
        }
    } else {
        Output::Language
    };
    let heard_ms = match &output {
        Output::Transcript { transcript } => transcript.duration_ms,
        _ => ticket.media.duration_ms.unwrap_or(0),
    };
    JobResult {
        version: RESULT_VERSION,
        job_id: ticket.job_id.clone(),
        engine: EngineVersion {
            name: NAME.to_owned(),
            version: VERSION.to_owned(),
        },
        output,
        language: heard.language,
        audio_duration_ms: heard_ms,
        warnings,
    }
}

/// The region of a tag: two letters, or three digits.
fn region(bcp47: &str) -> Option<&str> {
    bcp47.split('-').skip(1).find(|subtag| {
        (subtag.len() == 2 && subtag.bytes().all(|b| b.is_ascii_alphabetic()))
            || (subtag.len() == 3 && subtag.bytes().all(|b| b.is_ascii_digit()))
    })
}
