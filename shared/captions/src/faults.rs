//! The scorer: which cues break which of the norms. Used by tests and benchmarks, on anybody's cues.

use crate::cue::Cue;
use crate::language::{Break, Features, Grammar};
use crate::rules::LayoutRules;
use crate::width::width;

/// A silence after a cue from which on nobody sees a sentence torn: its last break is not judged.
const LONG_SILENCE_MS: u64 = 1_000;

/// What is wrong with a cue, by the norms of `spec/captions.md` section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// No text.
    Empty,
    /// Ends no later than it starts.
    NoDuration,
    /// A line wider than `max_chars_per_line`.
    LineTooLong,
    /// More than `max_lines` lines.
    TooManyLines,
    /// Shown for less than `min_ms`.
    TooShort,
    /// Shown for more than `max_ms`.
    TooLong,
    /// Gone for less than `gap_ms` before the next one comes: a flicker.
    GapTooSmall,
    /// Still there when the next one comes, or after it.
    Overlap,
    /// More than `max_chars_per_second`.
    TooFast,
    /// A line, or the cue, ends where words belong together.
    BadBreak,
    /// A single spoken word.
    OneWord,
}

impl FaultKind {
    /// A stable name for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NoDuration => "no_duration",
            Self::LineTooLong => "line_too_long",
            Self::TooManyLines => "too_many_lines",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::GapTooSmall => "gap_too_small",
            Self::Overlap => "overlap",
            Self::TooFast => "too_fast",
            Self::BadBreak => "bad_break",
            Self::OneWord => "one_word",
        }
    }
}

/// One fault of one cue; a cue has each kind once at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The cue's place, from 0.
    pub cue: usize,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// Every fault of `cues` by `rules`, in the order of the cues. `rules.language` says which words belong together; with
/// an empty one, only names and punctuation are judged.
pub fn faults(cues: &[Cue], rules: &LayoutRules) -> Vec<Fault> {
    let grammar = Grammar::of(&rules.language);
    let mut found = Vec::new();
    let mut starts_sentence = true;
    for (place, cue) in cues.iter().enumerate() {
        let next = cues.get(place + 1);
        let mut note = |kind, is_fault: bool| {
            if is_fault {
                found.push(Fault { cue: place, kind });
            }
        };
        let shown_ms = cue.duration_ms();
        let wide: usize = cue.lines.iter().map(|line| width(line)).sum();
        note(
            FaultKind::Empty,
            cue.lines.iter().all(|line| line.trim().is_empty()),
        );
        note(FaultKind::NoDuration, cue.end_ms <= cue.start_ms);
        note(
            FaultKind::LineTooLong,
            cue.lines.iter().any(|line| width(line) > rules.line_width()),
        );
        note(FaultKind::TooManyLines, cue.lines.len() > rules.line_count());
        note(FaultKind::TooShort, shown_ms < rules.min_ms);
        note(FaultKind::TooLong, shown_ms > rules.max_ms);
        if let Some(next) = next {
            note(FaultKind::Overlap, next.start_ms < cue.end_ms);
            note(
                FaultKind::GapTooSmall,
                next.start_ms > cue.end_ms && next.start_ms - cue.end_ms < rules.gap_ms,
            );
        }
        note(
            FaultKind::TooFast,
            is_too_fast(wide, shown_ms, rules.max_chars_per_second),
        );
        let heard_on = next.filter(|next| next.start_ms.saturating_sub(cue.end_ms) < LONG_SILENCE_MS);
        note(
            FaultKind::BadBreak,
            has_bad_break(cue, heard_on, grammar, &mut starts_sentence),
        );
        let words = cue.lines.iter().flat_map(|line| spoken_words(line)).count();
        let is_spaceless = cue
            .lines
            .iter()
            .any(|line| line.contains(crate::language::is_spaceless));
        note(FaultKind::OneWord, words == 1 && !is_spaceless);
    }
    found
}

#[allow(
    clippy::cast_precision_loss,
    reason = "widths and times of cues are far below 2^52"
)]
fn is_too_fast(width: usize, shown_ms: u64, max_chars_per_second: f64) -> bool {
    width > 0 && width as f64 * 1_000.0 > max_chars_per_second * shown_ms as f64
}

/// The words of a line that are speech: no `>>`, no `[label]`.
fn spoken_words(line: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    line.split_whitespace().filter(move |word| {
        let is_inside = inside || word.starts_with('[');
        inside = is_inside && !word.contains(']');
        !is_inside && word.chars().any(char::is_alphanumeric)
    })
}

/// Judges each line's end, and the cue's where `next` is heard at once after it.
fn has_bad_break(cue: &Cue, next: Option<&Cue>, grammar: &Grammar, starts_sentence: &mut bool) -> bool {
    let mut is_bad = false;
    let mut lines = cue.lines.iter().peekable();
    while let Some(line) = lines.next() {
        let Some((last, is_first)) = last_word(line, grammar, starts_sentence) else {
            continue;
        };
        let after = lines
            .peek()
            .copied()
            .or_else(|| next.and_then(|next| next.lines.first()));
        if let Some(first) = after.and_then(|line| line.split_whitespace().next()) {
            is_bad |= grammar.quality(&last, &grammar.features(first), is_first) >= Break::Bad;
        }
        *starts_sentence = last.ends_sentence;
    }
    is_bad
}

/// What matters of a line's last word, and whether it is the first of its sentence.
fn last_word(line: &str, grammar: &Grammar, starts_sentence: &mut bool) -> Option<(Features, bool)> {
    let mut last = None;
    for word in line.split_whitespace() {
        if let Some((before, _)) = last {
            let before: Features = before;
            *starts_sentence = before.ends_sentence;
        }
        last = Some((grammar.features(word), *starts_sentence));
    }
    last
}
