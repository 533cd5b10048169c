//! Transcribe's output file as a transcript.
//!
//! Built from the items, word by word; the file's own segments and subtitles are not read. Times are seconds, written as
//! strings; punctuation has none and stands where the word before it ended.

use std::collections::HashMap;

use captions::{SpeakerId, Transcript, Word, WordKind};
use serde::Deserialize;

use super::fault::unreadable;
use crate::error::Result;
use crate::result::DetectedLanguage;

#[derive(Deserialize)]
struct File {
    results: Results,
}

#[derive(Deserialize)]
struct Results {
    language_code: Option<String>,
    #[serde(default)]
    language_identification: Vec<Score>,
    #[serde(default)]
    items: Vec<Item>,
    speaker_labels: Option<SpeakerLabels>,
}

#[derive(Deserialize)]
struct Score {
    code: String,
    score: String,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    start_time: Option<String>,
    end_time: Option<String>,
    speaker_label: Option<String>,
    #[serde(default)]
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    content: String,
    confidence: Option<String>,
}

#[derive(Deserialize)]
struct SpeakerLabels {
    #[serde(default)]
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    #[serde(default)]
    items: Vec<LabelledItem>,
}

#[derive(Deserialize)]
struct LabelledItem {
    start_time: String,
    speaker_label: Option<String>,
}

/// What an output file says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    /// The words; its language is what Transcribe worked in.
    pub(super) transcript: Transcript,
    /// The language identified, where Transcribe was asked to; the likeliest.
    pub(super) language: Option<DetectedLanguage>,
}

/// Reads an output file. `duration_ms` is the media's, as far as it is known.
pub(super) fn read(json: &[u8], duration_ms: Option<u64>) -> Result<Heard> {
    let file: File =
        serde_json::from_slice(json).map_err(|error| unreadable("transcribe", error.to_string()))?;
    let results = file.results;
    let speakers = speakers_by_start(results.speaker_labels);
    let mut words: Vec<Word> = Vec::new();
    for (place, item) in results.items.iter().enumerate() {
        let Some(best) = item
            .alternatives
            .first()
            .filter(|best| !best.content.trim().is_empty())
        else {
            // A filter that removes leaves its place empty.
            continue;
        };
        let mut word = if item.kind == "punctuation" {
            let at_ms = words.last().map_or(0, |word| word.end_ms);
            let mut mark = Word::new(best.content.trim(), at_ms, at_ms);
            mark.kind = WordKind::Punctuation;
            mark.speaker = words.last().and_then(|word| word.speaker.clone());
            mark
        } else {
            let earliest_ms = words
                .iter()
                .rev()
                .find(|word| word.kind == WordKind::Word)
                .map_or(0, |word| word.start_ms);
            let start_ms = milliseconds(item.start_time.as_deref(), place, "start_time")?.max(earliest_ms);
            let end_ms = milliseconds(item.end_time.as_deref(), place, "end_time")?.max(start_ms);
            let mut word = Word::new(best.content.trim(), start_ms, end_ms);
            word.confidence = match best.confidence.as_deref() {
                None => None,
                Some(text) => Some(number(text, place, "confidence")?.clamp(0.0, 1.0)),
            };
            word
        };
        let label = item.speaker_label.as_deref().or_else(|| {
            let start = item.start_time.as_deref()?;
            speakers.get(start).map(String::as_str)
        });
        if let Some(label) = label {
            word.speaker = Some(SpeakerId::new(label));
        }
        words.push(word);
    }
    let language = results
        .language_identification
        .iter()
        .enumerate()
        .map(|(place, score)| Ok((&score.code, number(&score.score, place, "score")?.clamp(0.0, 1.0))))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .map(|(code, confidence)| DetectedLanguage {
            bcp47: code.clone(),
            confidence,
        });
    let heard_ms = words.last().map_or(0, |word| word.end_ms);
    let transcript = Transcript::new(results.language_code, words, duration_ms.unwrap_or(heard_ms));
    transcript
        .check()
        .map_err(|error| unreadable("transcribe", error.to_string()))?;
    Ok(Heard { transcript, language })
}

/// Older output labels speakers apart from the items; a word is found there by its start, in the same writing.
fn speakers_by_start(labels: Option<SpeakerLabels>) -> HashMap<String, String> {
    let segments = labels.map(|labels| labels.segments).unwrap_or_default();
    segments
        .into_iter()
        .flat_map(|segment| segment.items)
        .filter_map(|item| Some((item.start_time, item.speaker_label?)))
        .collect()
}

fn number(text: &str, place: usize, field: &str) -> Result<f32> {
    match text.trim().parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(unreadable(
            "transcribe",
            format!("item {place}: `{field}` is `{text}`, expected a number"),
        )),
    }
}

/// Seconds, as Transcribe writes them (`12.345`), in milliseconds, without a detour over binary fractions.
fn milliseconds(text: Option<&str>, place: usize, field: &str) -> Result<u64> {
    let wrong = || {
        unreadable(
            "transcribe",
            format!("item {place}: `{field}` is {text:?}, expected seconds"),
        )
    };
    let text = text.ok_or_else(wrong)?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let seconds: u64 = seconds.parse().map_err(|_| wrong())?;
    let thousandths: u64 = thousandths.parse().map_err(|_| wrong())?;
    seconds
        .checked_mul(1000)
        .and_then(|ms| ms.checked_add(thousandths))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let path = format!("{}/src/aws/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    }

    #[test]
    fn items_become_words_with_times_speakers_and_confidence() {
        let heard = read(&fixture("output-speakers"), Some(12_000)).unwrap();
        insta::assert_json_snapshot!(heard.transcript);
        assert_eq!(heard.language, None);
    }

    #[test]
    fn the_identified_language_comes_with_its_score() {
        let heard = read(&fixture("output-identified"), None).unwrap();
        assert_eq!(
            heard.language,
            Some(DetectedLanguage {
                bcp47: "es-US".to_owned(),
                confidence: 0.9513
            })
        );
        assert_eq!(heard.transcript.language.as_deref(), Some("es-US"));
        assert_eq!(heard.transcript.duration_ms, 1_810);
    }

    #[test]
    fn speakers_of_older_output_are_found_by_time() {
        let heard = read(&fixture("output-older-labels"), None).unwrap();
        let speakers: Vec<_> = heard
            .transcript
            .words
            .iter()
            .map(|word| word.speaker.as_ref().map(SpeakerId::as_str))
            .collect();
        assert_eq!(speakers, [Some("spk_0"), Some("spk_0"), Some("spk_1")]);
    }

    #[test]
    fn silence_is_a_transcript_without_words() {
        let heard = read(&fixture("output-silence"), Some(5_000)).unwrap();
        assert_eq!(heard.transcript.words, []);
        assert_eq!(heard.transcript.duration_ms, 5_000);
    }

    #[test]
    fn what_is_no_output_says_so_and_is_retryable() {
        let errors: Vec<_> = [
            "<Error/>",
            "{}",
            r#"{"results":{"items":[{"type":"pronunciation","alternatives":[{"content":"a"}]}]}}"#,
            r#"{"results":{"items":[{"type":"pronunciation","start_time":"-1","end_time":"2","alternatives":[{"content":"a"}]}]}}"#,
            r#"{"results":{"items":[{"type":"pronunciation","start_time":"1","end_time":"2","alternatives":[{"content":"a","confidence":"high"}]}]}}"#,
        ]
        .map(|json| {
            let error = read(json.as_bytes(), None).unwrap_err();
            assert_eq!(error.class(), crate::ErrorClass::Retryable);
            error.to_string()
        })
        .into();
        insta::assert_snapshot!(errors.join("\n"));
    }

    proptest! {
        #[test]
        fn seconds_are_read_to_the_millisecond(ms in 0_u64..100_000_000) {
            let text = format!("{}.{:03}", ms / 1000, ms % 1000);
            prop_assert_eq!(milliseconds(Some(&text), 0, "start_time").unwrap(), ms);
        }

        #[test]
        fn no_text_makes_reading_panic(text in ".*") {
            let _ = milliseconds(Some(&text), 0, "start_time");
            let _ = read(text.as_bytes(), None);
        }
    }
}
