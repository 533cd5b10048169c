//! The transcript: what an engine heard, word by word. It is the one format kept between engine and upload.
//!
//! How it is cut into captions is [`crate::lay_out`]'s business; how an engine's own output becomes one is the
//! engine adapter's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::CaptionError;

/// The version of the JSON form that [`Transcript::to_json`] writes and [`Transcript::from_json`] reads.
pub const TRANSCRIPT_VERSION: u32 = 1;

/// Who speaks, as the engine tells voices apart (`spk_0`, `A`, a UUID). Compared exactly, shown never:
/// captions show `Speaker 1`, `Speaker 2` by first appearance, or a name from [`Transcript::speaker_names`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpeakerId(String);

impl SpeakerId {
    /// Takes the engine's own id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The engine's own id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a [`Word`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WordKind {
    /// Something said.
    #[default]
    Word,
    /// Punctuation of its own, as some engines give it: joined to a neighbour without a space. Its times don't count.
    Punctuation,
    /// A sound that isn't speech, as a word such as `laughter`: shown in brackets, left out unless asked for.
    AudioTag,
}

impl WordKind {
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's skip_serializing_if gives a reference"
    )]
    fn is_word(&self) -> bool {
        *self == Self::Word
    }
}

/// One word, with when it was said. Punctuation may be part of the text (`Hello,`) or a word of its own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Word {
    /// As it is to be shown. Not blank.
    pub text: String,
    /// Onset, in milliseconds from the start of the media.
    pub start_ms: u64,
    /// End, in milliseconds from the start of the media; not before `start_ms`.
    pub end_ms: u64,
    /// How sure the engine is, 0 to 1; none where it doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Who said it; none where voices aren't told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<SpeakerId>,
    /// Word, punctuation or sound.
    #[serde(default, skip_serializing_if = "WordKind::is_word")]
    pub kind: WordKind,
}

impl Word {
    /// A spoken word without confidence or speaker.
    pub fn new(text: impl Into<String>, start_ms: u64, end_ms: u64) -> Self {
        Self {
            text: text.into(),
            start_ms,
            end_ms,
            ..Self::default()
        }
    }
}

/// Everything an engine heard in one media file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// [`TRANSCRIPT_VERSION`] of the writer.
    pub version: u32,
    /// What is spoken, as a BCP-47 tag (`en-US`); none where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// In the order said: each starts no earlier than the one before it.
    pub words: Vec<Word>,
    /// How long the media is, in milliseconds; 0 where unknown.
    #[serde(default)]
    pub duration_ms: u64,
    /// Names to show for speakers (`Interviewer`); a speaker without one is numbered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub speaker_names: BTreeMap<SpeakerId, String>,
}

impl Transcript {
    /// A transcript of the current version, not yet checked.
    pub fn new(language: Option<String>, words: Vec<Word>, duration_ms: u64) -> Self {
        Self {
            version: TRANSCRIPT_VERSION,
            language,
            words,
            duration_ms,
            speaker_names: BTreeMap::new(),
        }
    }

    /// Reads and checks the JSON form.
    pub fn from_json(json: &[u8]) -> Result<Self, CaptionError> {
        let transcript: Self = serde_json::from_slice(json).map_err(|error| CaptionError::Json {
            expected: "transcript",
            detail: error.to_string(),
        })?;
        transcript.check()?;
        Ok(transcript)
    }

    /// Checks and writes the JSON form: one line, UTF-8.
    pub fn to_json(&self) -> Result<Vec<u8>, CaptionError> {
        self.check()?;
        serde_json::to_vec(self).map_err(|error| CaptionError::Json {
            expected: "transcript",
            detail: error.to_string(),
        })
    }

    /// Whether every rule holds: known version, a plausible language tag, words that are not blank, end no earlier
    /// than they start, start in order, and have a confidence from 0 to 1. Names the first word that breaks one.
    ///
    /// Words may overlap (two people at once) and may run past `duration_ms` (engines pad the last frame).
    pub fn check(&self) -> Result<(), CaptionError> {
        if self.version != TRANSCRIPT_VERSION {
            return Err(CaptionError::UnknownVersion {
                found: self.version,
                expected: TRANSCRIPT_VERSION,
            });
        }
        if let Some(language) = self.language.as_deref().filter(|tag| !is_language_tag(tag)) {
            return Err(CaptionError::BadLanguage { found: cut(language) });
        }
        let mut previous_start_ms = 0;
        for (index, word) in self.words.iter().enumerate() {
            if let Some(problem) = fault_of(word, previous_start_ms) {
                return Err(CaptionError::BadWord {
                    index,
                    text: cut(&word.text),
                    problem,
                });
            }
            if word.kind != WordKind::Punctuation {
                previous_start_ms = word.start_ms;
            }
        }
        Ok(())
    }

    /// Kaltura's `accuracy`: the mean confidence of the spoken words as a whole percentage, rounded down so that a
    /// machine's work never shows the 100 that means "human" at Kaltura (guide, "Captions"; the server prefers ≥ 99).
    /// None where no word has a confidence.
    ///
    /// It is the engine's own estimate, not a measured error rate; the one place where the one becomes the other.
    pub fn accuracy_percent(&self) -> Option<u8> {
        let (sum, count) = self
            .words
            .iter()
            .filter(|word| word.kind == WordKind::Word)
            .filter_map(|word| word.confidence)
            .filter(|confidence| confidence.is_finite())
            .fold((0.0_f64, 0_u32), |(sum, count), confidence| {
                (sum + f64::from(confidence.clamp(0.0, 1.0)), count + 1)
            });
        if count == 0 {
            return None;
        }
        let percent = (sum / f64::from(count) * 100.0 + 1e-3).floor();
        (0..=99_u8).rev().find(|whole| f64::from(*whole) <= percent)
    }
}

fn fault_of(word: &Word, previous_start_ms: u64) -> Option<String> {
    if word.text.trim().is_empty() {
        return Some("blank text, expected a word".to_owned());
    }
    if word.end_ms < word.start_ms {
        return Some(format!(
            "ends at {} ms, before its start at {} ms",
            word.end_ms, word.start_ms
        ));
    }
    if word.kind != WordKind::Punctuation && word.start_ms < previous_start_ms {
        return Some(format!(
            "starts at {} ms, before the word before it ({previous_start_ms} ms)",
            word.start_ms
        ));
    }
    match word.confidence {
        Some(confidence) if !(0.0..=1.0).contains(&confidence) => {
            Some(format!("confidence {confidence}, expected 0 to 1"))
        }
        _ => None,
    }
}

/// Shape only: parts of letters and digits joined by `-`, the first of 2 to 8 letters.
fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    parts
        .next()
        .is_some_and(|first| (2..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
