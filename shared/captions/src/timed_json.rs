//! Kaltura's timed transcript: a JSON array of `{"i","w","s","e","t","a"}` (knowledge base, "Timed transcript format").

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::CaptionError;
use crate::plain::clean_line;
use crate::transcript::{Transcript, Word, WordKind};

/// One item, in the order of the fields in Kaltura's example.
#[derive(Debug, Serialize)]
struct Item<'a> {
    i: usize,
    w: &'a str,
    s: u64,
    e: u64,
    t: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<u8>,
}

/// The same as others write it: numbers as text or with a fraction, fields missing.
#[derive(Debug, Deserialize)]
struct LooseItem {
    #[serde(default)]
    w: String,
    #[serde(default)]
    s: Value,
    #[serde(default)]
    e: Value,
    #[serde(default)]
    t: String,
    #[serde(default)]
    a: Value,
}

/// Writes the timed transcript: an item for each word (`word`) and each punctuation mark (`punc`), also for marks that
/// are part of a word's text. `a` is the confidence in whole percent, left out where the engine gives none. Speakers
/// have no place in the format.
pub fn write_timed_json(transcript: &Transcript) -> String {
    let texts: Vec<String> = transcript
        .words
        .iter()
        .map(|word| match word.kind {
            WordKind::AudioTag => format!("[{}]", clean_line(&word.text).trim_matches(['[', ']'])),
            _ => clean_line(&word.text),
        })
        .collect();
    let mut items = Vec::with_capacity(texts.len());
    let mut spoken_until_ms = 0;
    for (word, text) in transcript.words.iter().zip(&texts) {
        let a = word.confidence.map(percent);
        let (body, marks) = match word.kind {
            WordKind::Word => {
                let body = text.trim_end_matches(|c| is_mark(c) || c == ' ');
                (body, text[body.len()..].trim_start())
            }
            WordKind::Punctuation => ("", text.as_str()),
            WordKind::AudioTag => (text.as_str(), ""),
        };
        if !body.is_empty() {
            items.push(Item {
                i: items.len(),
                w: body,
                s: word.start_ms,
                e: word.end_ms,
                t: "word",
                a,
            });
            spoken_until_ms = word.end_ms;
        }
        if !marks.is_empty() {
            items.push(Item {
                i: items.len(),
                w: marks,
                s: spoken_until_ms,
                e: spoken_until_ms,
                t: "punc",
                a,
            });
        }
    }
    // Strings and numbers always serialise.
    serde_json::to_string(&items).unwrap_or_default()
}

/// Reads a timed transcript, whoever wrote it. Items without text are left out; times that run backwards are moved up
/// to where the item before them starts, so that the result passes [`Transcript::check`]. The language is unknown.
pub fn read_timed_json(bytes: &[u8]) -> Result<Transcript, CaptionError> {
    let items: Vec<LooseItem> = serde_json::from_slice(bytes).map_err(|error| CaptionError::Json {
        expected: "timed transcript",
        detail: error.to_string(),
    })?;
    let mut words: Vec<Word> = Vec::with_capacity(items.len());
    let mut from_ms = 0;
    for item in items {
        let text = clean_line(&item.w);
        if text.is_empty() {
            continue;
        }
        let start_ms = number(&item.s).map_or(from_ms, milliseconds).max(from_ms);
        let end_ms = number(&item.e).map_or(start_ms, milliseconds).max(start_ms);
        from_ms = start_ms;
        let tag = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .map(str::to_owned);
        let (text, kind) = match tag {
            _ if item.t.starts_with("punc") => (text, WordKind::Punctuation),
            Some(tag) if !tag.trim().is_empty() => (tag, WordKind::AudioTag),
            _ => (text, WordKind::Word),
        };
        words.push(Word {
            text,
            start_ms,
            end_ms,
            confidence: number(&item.a).map(confidence),
            speaker: None,
            kind,
        });
    }
    let duration_ms = words.iter().map(|word| word.end_ms).max().unwrap_or(0);
    Ok(Transcript::new(None, words, duration_ms))
}

fn is_mark(character: char) -> bool {
    matches!(
        character,
        '.' | ',' | '?' | '!' | ';' | ':' | '\u{2026}' | '\u{3002}' | '\u{3001}' | '\u{60c}' | '\u{61f}'
    )
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates; below 0 is 0"
)]
fn milliseconds(number: f64) -> u64 {
    number.round() as u64
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0 to 100"
)]
fn percent(confidence: f32) -> u8 {
    (confidence.clamp(0.0, 1.0) * 100.0).round() as u8
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to 0 to 1")]
fn confidence(percent: f64) -> f32 {
    (percent.clamp(0.0, 100.0) / 100.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_marks_are_items_of_their_own() {
        let mut hello = Word::new("Hello,", 16_410, 16_560);
        hello.confidence = Some(0.88);
        let tag = Word {
            kind: WordKind::AudioTag,
            ..Word::new("laughter", 17_000, 18_000)
        };
        let json = write_timed_json(&Transcript::new(None, vec![hello, tag], 0));
        assert_eq!(
            json,
            r#"[{"i":0,"w":"Hello","s":16410,"e":16560,"t":"word","a":88},{"i":1,"w":",","s":16560,"e":16560,"t":"punc","a":88},{"i":2,"w":"[laughter]","s":17000,"e":18000,"t":"word"}]"#
        );
        let back = read_timed_json(json.as_bytes()).unwrap();
        back.check().unwrap();
        assert_eq!(write_timed_json(&back), json);
        assert_eq!(back.words[2].kind, WordKind::AudioTag);
    }

    #[test]
    fn loose_numbers_and_backward_times_are_read() {
        let json = br#"[{"w":"b","s":"200","e":100.6,"a":250},{"w":" ","s":1},{"w":"a","s":-5,"t":"word"},{"w":"?","t":"punctuation","s":null}]"#;
        let transcript = read_timed_json(json).unwrap();
        transcript.check().unwrap();
        let times: Vec<(&str, u64, u64)> = transcript
            .words
            .iter()
            .map(|word| (word.text.as_str(), word.start_ms, word.end_ms))
            .collect();
        assert_eq!(times, [("b", 200, 200), ("a", 200, 200), ("?", 200, 200)]);
        assert_eq!(read_timed_json(b"{}").unwrap_err().name(), "BadTranscriptJson");
    }
}
