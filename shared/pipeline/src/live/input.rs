//! What a source of words sends, and what is wrong with it.

use captions::{SpeakerId, Word, WordKind};
use serde::{Deserialize, Serialize};

use crate::error::StepError;
use crate::telemetry::names;

/// The largest input that is looked at: as much as API Gateway takes of a message.
pub const MOST_INPUT_BYTES: usize = 128 * 1024;

const MOST_SOURCE_CHARS: usize = 64;
const MOST_WORDS: usize = 1_000;
const MOST_WORD_CHARS: usize = 100;
const MOST_LINES: usize = 20;
const MOST_LINE_CHARS: usize = 200;
const MOST_SPEAKER_CHARS: usize = 40;
/// No event is longer.
const MOST_MS: u64 = 48 * 60 * 60 * 1_000;
/// Until the year 2100.
const MOST_EPOCH_S: f64 = 4_102_444_800.0;
/// A pts of 33 bits, in seconds of a 90 kHz clock, and many times that.
const MOST_PTS_S: f64 = 10_000_000.0;

/// Where the times of a source begin: the pts and the wall clock of its time 0, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The pts of the media, in seconds. Negative where a publisher has come back with time stamps that begin anew.
    pub pts_s: f64,
    /// The time at which that media was received, in seconds since 1970.
    pub epoch_s: f64,
}

/// A word, with its times from the start of the media stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveWord {
    /// As it is to be shown.
    pub text: String,
    /// Its begin in milliseconds.
    pub start_ms: u64,
    /// Its end in milliseconds.
    pub end_ms: u64,
    /// Word, punctuation or sound; a word where it isn't said.
    #[serde(default)]
    pub kind: WordKind,
    /// Who says it, by whatever name the source has.
    #[serde(default)]
    pub speaker: Option<SpeakerId>,
    /// How sure the source is, 0 to 1.
    #[serde(default)]
    pub confidence: Option<f32>,
}

/// A line as a stenographer writes it: a caption, or the end of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveLine {
    /// The words.
    pub text: String,
    /// Its begin in milliseconds.
    pub start_ms: u64,
    /// Its end in milliseconds.
    pub end_ms: u64,
    /// Who says it.
    #[serde(default)]
    pub speaker: Option<SpeakerId>,
}

/// One post of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveInput {
    /// The source's name: each counts its own posts.
    pub source: String,
    /// The number of the post, from 1.
    pub sequence: u64,
    /// Where its times begin; another one when the publisher has come back.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// Up to where everything has been recognised, in milliseconds; where it isn't said, the end of the last word.
    #[serde(default)]
    pub heard_until_ms: Option<u64>,
    /// Words, final ones.
    #[serde(default)]
    pub words: Vec<LiveWord>,
    /// Lines, in order; they stand behind the words.
    #[serde(default)]
    pub lines: Vec<LiveLine>,
    /// Nothing comes after this, from any source.
    #[serde(default)]
    pub end_of_stream: bool,
}

/// Why an input, or somebody who comes, is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such stream.
    #[error("there is no such stream")]
    NoStream,
    /// Nobody is let in without a token.
    #[error("there is no token")]
    NoToken,
    /// The token is not the stream's, or not for this.
    #[error("the token is wrong")]
    WrongToken,
    /// It is larger than anything that is looked at.
    #[error("it has {size_bytes} bytes, expected at most {MOST_INPUT_BYTES}")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// It is not as it must be.
    #[error("`{at}` is {found}, expected {expected}")]
    Malformed {
        /// Where: a field (`words[3].end_ms`), or a place in the text.
        at: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// Posts before this one are missing.
    #[error("`sequence` is {found}, expected {expected}")]
    Skipped {
        /// The number that came.
        found: u64,
        /// The number that is to come.
        expected: u64,
    },
    /// The stream has ended.
    #[error("the stream has ended")]
    Ended,
    /// More listen already than ever should.
    #[error("too many listen to this stream")]
    TooMany,
    /// It failed for a fault that may pass, or one of ours.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl Refused {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoStream => "NoStream",
            Self::NoToken => "NoToken",
            Self::WrongToken => "WrongToken",
            Self::TooLarge { .. } => "TooLarge",
            Self::Malformed { .. } => "Malformed",
            Self::Skipped { .. } => "Skipped",
            Self::Ended => "Ended",
            Self::TooMany => "TooMany",
            Self::Step(_) => "NotNow",
        }
    }

    /// Counts it, by its name.
    pub fn count(&self) {
        metrics::counter!(names::LIVE_REFUSED, "Reason" => self.name()).increment(1);
    }
}

fn malformed(at: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Refused {
    Refused::Malformed {
        at: at.into(),
        found: found.into(),
        expected: expected.into(),
    }
}

/// What a text is, for an answer: its beginning, without what would break a line.
fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(40).collect();
    format!("\"{}\"", beginning.escape_debug())
}

impl LiveInput {
    /// Reads and checks one post.
    pub fn parse(json: &[u8]) -> Result<Self, Refused> {
        if json.len() > MOST_INPUT_BYTES {
            return Err(Refused::TooLarge {
                size_bytes: json.len(),
            });
        }
        let input: Self = serde_json::from_slice(json).map_err(|error| {
            let at = format!("line {} column {}", error.line(), error.column());
            let text = error.to_string();
            let found = text.split(" at line ").next().unwrap_or_default();
            match found.rsplit_once(", expected ") {
                Some((found, expected)) => malformed(at, found, expected),
                None => malformed(at, found, "a post of words as openapi.yaml has it"),
            }
        })?;
        input.check()?;
        Ok(input)
    }

    /// Whether everything in it is within its bounds; names the first thing that isn't.
    pub fn check(&self) -> Result<(), Refused> {
        let is_name = (1..=MOST_SOURCE_CHARS).contains(&self.source.len())
            && self
                .source
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !is_name {
            return Err(malformed(
                "source",
                shown(&self.source),
                "1 to 64 letters, digits, hyphens, dots and underscores",
            ));
        }
        if self.sequence == 0 {
            return Err(malformed("sequence", "0", "a number from 1"));
        }
        if let Some(origin) = self.origin {
            // A publisher that comes back may begin its time stamps anew: those of time 0 lie before them.
            within("origin.pts_s", origin.pts_s, -MOST_PTS_S, MOST_PTS_S)?;
            within("origin.epoch_s", origin.epoch_s, 0.0, MOST_EPOCH_S)?;
        }
        if let Some(heard_until_ms) = self.heard_until_ms {
            time("heard_until_ms", heard_until_ms)?;
        }
        count("words", self.words.len(), MOST_WORDS)?;
        for (index, word) in self.words.iter().enumerate() {
            let at = |field: &str| format!("words[{index}].{field}");
            span(&at, word.start_ms, word.end_ms)?;
            text(&at("text"), &word.text, MOST_WORD_CHARS)?;
            speaker(&at, word.speaker.as_ref())?;
            if let Some(confidence) = word.confidence.filter(|sure| !(0.0..=1.0).contains(sure)) {
                return Err(malformed(
                    at("confidence"),
                    confidence.to_string(),
                    "a number from 0 to 1",
                ));
            }
        }
        count("lines", self.lines.len(), MOST_LINES)?;
        for (index, line) in self.lines.iter().enumerate() {
            let at = |field: &str| format!("lines[{index}].{field}");
            span(&at, line.start_ms, line.end_ms)?;
            text(&at("text"), &line.text, MOST_LINE_CHARS)?;
            speaker(&at, line.speaker.as_ref())?;
        }
        Ok(())
    }

    /// Its words, as they came.
    pub(super) fn words(&self) -> Vec<Word> {
        self.words.iter().map(word).collect()
    }

    /// The end of what it brings, in milliseconds.
    pub(super) fn last_ms(&self) -> u64 {
        let words = self.words.iter().map(|word| word.end_ms);
        let lines = self.lines.iter().map(|line| line.end_ms);
        words.chain(lines).max().unwrap_or(0)
    }
}

fn word(word: &LiveWord) -> Word {
    Word {
        text: word.text.clone(),
        start_ms: word.start_ms,
        end_ms: word.end_ms,
        confidence: word.confidence,
        speaker: word.speaker.clone(),
        kind: word.kind,
    }
}

fn within(at: &str, number: f64, least: f64, most: f64) -> Result<(), Refused> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(malformed(
        at,
        format!("{number:?}"),
        format!("a number from {least} to {most}"),
    ))
}

fn time(at: &str, ms: u64) -> Result<(), Refused> {
    if ms <= MOST_MS {
        return Ok(());
    }
    Err(malformed(
        at,
        ms.to_string(),
        format!("a number from 0 to {MOST_MS}"),
    ))
}

fn span(at: &impl Fn(&str) -> String, start_ms: u64, end_ms: u64) -> Result<(), Refused> {
    time(&at("start_ms"), start_ms)?;
    time(&at("end_ms"), end_ms)?;
    if end_ms < start_ms {
        return Err(malformed(
            at("end_ms"),
            end_ms.to_string(),
            format!("a number from {start_ms}, its start_ms"),
        ));
    }
    Ok(())
}

fn count(at: &str, count: usize, most: usize) -> Result<(), Refused> {
    if count <= most {
        return Ok(());
    }
    Err(malformed(at, format!("{count} long"), format!("at most {most}")))
}

fn text(at: &str, text: &str, most: usize) -> Result<(), Refused> {
    let is_text = !text.trim().is_empty()
        && text.chars().count() <= most
        && text.chars().all(|c| c == ' ' || !c.is_control());
    if is_text {
        return Ok(());
    }
    Err(malformed(
        at,
        shown(text),
        format!("a text of 1 to {most} characters that is not blank and has no control characters"),
    ))
}

fn speaker(at: &impl Fn(&str) -> String, speaker: Option<&SpeakerId>) -> Result<(), Refused> {
    match speaker {
        None => Ok(()),
        Some(id) => text(&at("speaker"), id.as_str(), MOST_SPEAKER_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({
            "source": "main",
            "sequence": 17,
            "origin": { "pts_s": 12.5, "epoch_s": 1_764_000_000.123 },
            "heard_until_ms": 15_320,
            "words": [
                { "text": "Hello,", "start_ms": 15_000, "end_ms": 15_200, "kind": "word", "speaker": "1" },
                { "text": "laughter", "start_ms": 15_200, "end_ms": 15_300, "kind": "audio_tag", "confidence": 0.5 },
            ],
            "lines": [{ "text": "A line.", "start_ms": 15_300, "end_ms": 15_310, "speaker": null }],
            "end_of_stream": false,
        })
    }

    fn parse(json: &Value) -> Result<LiveInput, Refused> {
        LiveInput::parse(json.to_string().as_bytes())
    }

    #[test]
    fn a_post_of_the_largest_size_is_read_and_a_larger_one_is_not() {
        let of_size = |bytes: usize| {
            let mut json = good().to_string();
            json.push_str(&" ".repeat(bytes - json.len()));
            LiveInput::parse(json.as_bytes())
        };
        assert!(of_size(MOST_INPUT_BYTES).is_ok());
        let refused = of_size(MOST_INPUT_BYTES + 1).unwrap_err();
        assert!(matches!(refused, Refused::TooLarge { size_bytes } if size_bytes == MOST_INPUT_BYTES + 1));
    }

    /// What a source is told, and what is counted, by name.
    #[test]
    fn each_refusal_has_its_name() {
        let step = StepError::RecordMissing {
            task_id: "1".to_owned(),
        };
        let refusals = [
            Refused::NoStream,
            Refused::NoToken,
            Refused::WrongToken,
            Refused::TooLarge { size_bytes: 1 },
            malformed("sequence", "0", "1 or more"),
            Refused::Skipped {
                expected: 2,
                found: 3,
            },
            Refused::Ended,
            Refused::TooMany,
            Refused::Step(step),
        ];
        assert_eq!(
            refusals.map(|refused| refused.name()),
            [
                "NoStream",
                "NoToken",
                "WrongToken",
                "TooLarge",
                "Malformed",
                "Skipped",
                "Ended",
                "TooMany",
                "NotNow",
            ]
        );
    }

    #[test]
    fn a_post_is_read_with_as_little_as_it_needs() {
        let input = parse(&good()).unwrap();
        assert_eq!(
            (input.words.len(), input.lines.len(), input.last_ms()),
            (2, 1, 15_310)
        );
        let least = parse(&json!({ "source": "main", "sequence": 1 })).unwrap();
        assert!(least.words.is_empty() && !least.end_of_stream && least.last_ms() == 0);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_was_expected() {
        let mut told = Vec::new();
        for (at, value) in [
            ("/source", json!("ma in")),
            ("/source", json!("m".repeat(65))),
            ("/sequence", json!(0)),
            ("/sequence", json!(-1)),
            ("/sequence", json!("1")),
            ("/origin/pts_s", json!(-1e8)),
            ("/origin/epoch_s", json!(1e300)),
            ("/heard_until_ms", json!(172_800_001)),
            ("/words/0/text", json!(" ")),
            ("/words/0/text", json!("a\u{7}b")),
            ("/words/0/text", json!("w".repeat(101))),
            ("/words/0/end_ms", json!(14_999)),
            ("/words/0/kind", json!("music")),
            ("/words/0/speaker", json!("")),
            ("/words/1/confidence", json!(1.5)),
            ("/words/1", json!({ "text": "no times" })),
            ("/lines/0/start_ms", json!(15_311)),
            ("/lines", json!(vec![good()["lines"][0].clone(); 21])),
            ("/end_of_stream", json!("yes")),
        ] {
            let mut post = good();
            *post.pointer_mut(at).unwrap() = value;
            told.push(parse(&post).unwrap_err().to_string());
        }
        let mut more = good();
        more["more"] = json!(1);
        told.push(parse(&more).unwrap_err().to_string());
        told.push(LiveInput::parse(b"[]").unwrap_err().to_string());
        told.push(LiveInput::parse(b"\xff").unwrap_err().to_string());
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_post_that_is_too_large_is_not_read() {
        let large = vec![b' '; MOST_INPUT_BYTES + 1];
        assert!(matches!(
            LiveInput::parse(&large),
            Err(Refused::TooLarge { size_bytes }) if size_bytes == MOST_INPUT_BYTES + 1
        ));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_answered(json in "\\PC{0,200}") {
            prop_assert!(LiveInput::parse(json.as_bytes()).is_err());
        }
    }
}
