//! The cue: a caption as it is shown, with its lines and times.

use serde::{Deserialize, Serialize};

/// One caption on the screen.
///
/// What [`crate::lay_out`] and [`crate::tidy`] give out has a start before its end, at least one line, and no blank
/// line; what a reader gives may have any times, since it hides nothing of a customer's file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Cue {
    /// When it appears, in milliseconds from the start of the media.
    pub start_ms: u64,
    /// When it goes, in milliseconds from the start of the media.
    pub end_ms: u64,
    /// Plain text from top to bottom: no markup, no line ends.
    pub lines: Vec<String>,
}

impl Cue {
    /// A cue of the lines of `text`.
    pub fn new(start_ms: u64, end_ms: u64, text: &str) -> Self {
        Self {
            start_ms,
            end_ms,
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// How long it is shown; 0 where it ends before it starts.
    pub fn duration_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms)
    }

    /// Its lines joined by line feeds.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}
