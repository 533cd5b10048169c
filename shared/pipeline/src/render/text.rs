//! The texts of an order: its cues and its transcript, from whatever they were made of. Pure.

use captions::{CaptionFormat, Cue, LayoutRules, Passage, PassageRules, Transcript};

use super::{caption_file, clean_text, layout_rules};
use crate::error::Result;
use crate::plan::{CaptionStyle, TranscriptForm};

/// How many keywords an entry gets as tags.
const TAGS: usize = 10;

/// Passages and what they are in another language.
pub struct Translated {
    /// The passages.
    pub passages: Vec<Passage>,
    /// Their translations.
    pub texts: Vec<String>,
    /// Whether the passages are those of captions, whose times are kept.
    pub of_captions: bool,
}

/// The cues and the transcript of an order, in the language that is delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Texts {
    /// Laid out, by time.
    pub cues: Vec<Cue>,
    /// Word by word.
    pub transcript: Transcript,
    /// Its language, as a BCP-47 tag.
    pub language: String,
}

impl Texts {
    /// Of what was heard, put right already.
    pub fn of_transcript(transcript: Transcript, style: &CaptionStyle, language: &str) -> Self {
        Self {
            cues: super::lay_out(&transcript, style, language),
            transcript,
            language: language.to_owned(),
        }
    }

    /// Of a translation. That of captions keeps their times; that of sound is laid out as speech is.
    pub fn of_translation(
        translated: &Translated,
        style: &CaptionStyle,
        language: &str,
        duration_ms: u64,
    ) -> Result<Self> {
        let texts: Vec<String> = if style.remove_profanity {
            let cleaned = translated.texts.iter().map(|text| clean_text(text, language));
            cleaned.collect()
        } else {
            translated.texts.clone()
        };
        let transcript = captions::retimed_transcript(&translated.passages, &texts, language, duration_ms)?;
        let rules: LayoutRules = layout_rules(style, language);
        let cues = if translated.of_captions {
            captions::retime(&translated.passages, &texts, &rules)?
        } else {
            captions::lay_out(&transcript, &rules)
        };
        Ok(Self {
            cues,
            transcript,
            language: language.to_owned(),
        })
    }

    /// Of captions that people handed in: shown as they are; the words of the transcript share their cues' times.
    pub fn of_cues(cues: Vec<Cue>, language: &str, duration_ms: u64) -> Result<Self> {
        let passages = captions::passages(&cues, language, &PassageRules::default());
        let texts: Vec<&str> = passages.iter().map(|passage| passage.text.as_str()).collect();
        let transcript = captions::retimed_transcript(&passages, &texts, language, duration_ms)?;
        Ok(Self {
            cues,
            transcript,
            language: language.to_owned(),
        })
    }

    /// The caption file.
    pub fn captions(&self, format: CaptionFormat) -> Vec<u8> {
        caption_file(&self.cues, &self.language, format)
    }

    /// The transcript in a form.
    pub fn transcript(&self, form: TranscriptForm, style: &CaptionStyle) -> Vec<u8> {
        match form {
            TranscriptForm::Text => {
                captions::write_text(&self.transcript, &layout_rules(style, &self.language)).into_bytes()
            }
            TranscriptForm::Dfxp => self.captions(CaptionFormat::Dfxp),
            TranscriptForm::Json => captions::write_timed_json(&self.transcript).into_bytes(),
        }
    }

    /// Keywords, for the entry's tags.
    pub fn tags(&self) -> Vec<String> {
        captions::keywords(&self.transcript, TAGS)
    }
}
