//! Captions while somebody speaks: words come in a few at a time, and captions go out that are never taken back.
//!
//! What lives here: the layout of words that come in ([`LiveLayout`]), sentences gathered for a translation
//! ([`SentenceGatherer`]) and the translated text as words again ([`translated_words`]). All of it is state that can be
//! written down between two calls, and pure: what a call gives depends on the words, their times and the rules alone.
//! Time is that of the media: it goes on by the words that come and by what the caller says has been heard.
//!
//! Not here: the messages that captions travel in, who receives them, and who translates.

mod layout;
mod sentences;
mod words;

use serde::{Deserialize, Serialize};

pub use self::layout::LiveLayout;
pub use self::sentences::{SentenceGatherer, translated_words};
pub use self::words::words_of_line;
use crate::rules::{DEFAULT_CHARS_PER_LINE, LayoutRules};
use crate::transcript::Word;

/// How live captions are to look, and how long they may be waited for. [`LiveRules::default`] is the published norm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent wishes of an order, each with a name"
)]
pub struct LiveRules {
    /// Language of the words as a BCP-47 tag: where a caption may break, and which words are profane. Empty for the rules
    /// that hold for any language.
    pub language: String,
    /// The widest line, in user-perceived characters, wide ones counted as two: the order's
    /// `maxCharactersPerCaptionLine`. Taken as 8 at least and 250 at most.
    pub max_characters_per_line: u32,
    /// Lines a caption, 1 to 3.
    pub max_lines: u32,
    /// The longest that a word waits for those after it, from its start, in milliseconds of the media. Taken as
    /// 1,000 at least and 7,000 at most, since no caption is to be shown longer.
    pub longest_wait_ms: u64,
    /// `[Speaker 1]` before the first words of each speaker and at each change (`enableSpeakerId`).
    pub speaker_labels: bool,
    /// `>>` at each change of speaker (`enableSpeakerChangeIndication`).
    pub speaker_change_marks: bool,
    /// Sounds in brackets (`enableAudioTags`); without it they are left out.
    pub audio_tags: bool,
    /// `***` in place of profane words.
    pub remove_profanity: bool,
}

impl Default for LiveRules {
    fn default() -> Self {
        Self {
            language: String::new(),
            max_characters_per_line: DEFAULT_CHARS_PER_LINE,
            max_lines: 2,
            longest_wait_ms: 4_000,
            speaker_labels: false,
            speaker_change_marks: false,
            audio_tags: false,
            remove_profanity: false,
        }
    }
}

impl LiveRules {
    /// The norms for an order: its `maxCharactersPerCaptionLine` (none or 0: the default) and the language of the captions.
    pub fn for_order(max_characters_per_line: Option<u32>, language: &str) -> Self {
        Self {
            max_characters_per_line: max_characters_per_line
                .filter(|characters| *characters > 0)
                .unwrap_or(DEFAULT_CHARS_PER_LINE),
            language: language.to_owned(),
            ..Self::default()
        }
    }

    /// The same as norms of captions that are laid out afterwards; by them [`crate::faults`] judges live ones.
    pub fn layout_rules(&self) -> LayoutRules {
        LayoutRules {
            max_chars_per_line: self.max_characters_per_line,
            max_lines: self.max_lines,
            language: self.language.clone(),
            speaker_labels: self.speaker_labels,
            speaker_change_marks: self.speaker_change_marks,
            audio_tags: self.audio_tags,
            ..LayoutRules::default()
        }
    }

    /// The wait that is kept to.
    pub(crate) fn wait_ms(&self) -> u64 {
        self.longest_wait_ms.clamp(1_000, 7_000)
    }
}

/// One caption, final from the moment that it is given out. Each starts no earlier than the one before it ends, and ends
/// after it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveCaption {
    /// When it appears, in milliseconds from the start of the media.
    pub start_ms: u64,
    /// When it goes, in milliseconds from the start of the media.
    pub end_ms: u64,
    /// What is said in it, within its times: words without the punctuation around them, and the punctuation as words of
    /// its kind. Labels and marks of speakers are no words.
    pub words: Vec<Word>,
    /// Its lines as they are shown, joined by line feeds; not blank.
    pub text: String,
}
