//! The norms that a layout keeps to: `spec/captions.md` section 2, with what the order changes.

use crate::transcript::Transcript;

/// Characters a line where the order says nothing (Netflix).
pub const DEFAULT_CHARS_PER_LINE: u32 = 42;

/// How captions are to look. [`LayoutRules::default`] is the published norm.
#[derive(Debug, Clone, PartialEq)]
pub struct LayoutRules {
    /// The widest line, in user-perceived characters, wide ones counted as two: the order's
    /// `maxCharactersPerCaptionLine`. Taken as 8 at least (narrower lines would cut words) and 250 at most.
    pub max_chars_per_line: u32,
    /// Lines a cue, 1 to 3.
    pub max_lines: u32,
    /// The shortest a cue may be shown.
    pub min_ms: u64,
    /// The longest a cue may be shown.
    pub max_ms: u64,
    /// The smallest gap between two cues that don't touch: two frames.
    pub gap_ms: u64,
    /// How long a cue may stay after its last word.
    pub linger_ms: u64,
    /// The fastest that can be read, in characters a second.
    pub max_chars_per_second: f64,
    /// What to stay under where the speech allows, in characters a second.
    pub good_chars_per_second: f64,
    /// Language of the text as a BCP-47 tag; empty to take the transcript's, or where there is none, the rules
    /// that hold for any language.
    pub language: String,
    /// `[Speaker 1]` before the first words of each speaker and at each change (`enableSpeakerId`).
    pub speaker_labels: bool,
    /// `>>` at each change of speaker (`enableSpeakerChangeIndication`).
    pub speaker_change_marks: bool,
    /// Show [`crate::WordKind::AudioTag`] in brackets (`enableAudioTags`).
    pub audio_tags: bool,
}

impl Default for LayoutRules {
    fn default() -> Self {
        Self {
            max_chars_per_line: DEFAULT_CHARS_PER_LINE,
            max_lines: 2,
            min_ms: 834,
            max_ms: 7_000,
            gap_ms: 83,
            linger_ms: 500,
            max_chars_per_second: 20.0,
            good_chars_per_second: 17.0,
            language: String::new(),
            speaker_labels: false,
            speaker_change_marks: false,
            audio_tags: false,
        }
    }
}

impl LayoutRules {
    /// The norms for an order: its `maxCharactersPerCaptionLine` (none or 0: the default) and the language spoken.
    pub fn for_order(max_chars_per_line: Option<u32>, language: &str) -> Self {
        Self {
            max_chars_per_line: max_chars_per_line
                .filter(|chars| *chars > 0)
                .unwrap_or(DEFAULT_CHARS_PER_LINE),
            language: language.to_owned(),
            ..Self::default()
        }
    }

    /// The language to break by: the rules' own, else the transcript's, else none.
    pub(crate) fn language_of<'a>(&'a self, transcript: &'a Transcript) -> &'a str {
        match self.language.as_str() {
            "" => transcript.language.as_deref().unwrap_or_default(),
            language => language,
        }
    }

    /// The line limit that is kept to.
    pub(crate) fn line_width(&self) -> usize {
        usize::try_from(self.max_chars_per_line.clamp(8, 250)).unwrap_or(usize::MAX)
    }

    /// The number of lines that is kept to.
    pub(crate) fn line_count(&self) -> usize {
        usize::try_from(self.max_lines.clamp(1, 3)).unwrap_or(1)
    }
}
