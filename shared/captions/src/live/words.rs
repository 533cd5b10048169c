//! Words on their way into a live layout and out of it.

use crate::language::Grammar;
use crate::layout::chunks;
use crate::passages::timed_words;
use crate::plain::clean_line;
use crate::transcript::{SpeakerId, Word, WordKind};

/// The words of a line as a stenographer types it, its time shared out by their widths. None where nothing can be seen.
pub fn words_of_line(text: &str, start_ms: u64, end_ms: u64, speaker: Option<&SpeakerId>) -> Vec<Word> {
    timed_words(&clean_line(text), start_ms, end_ms.max(start_ms))
        .into_iter()
        .map(|word| Word {
            speaker: speaker.cloned(),
            ..word
        })
        .collect()
}

/// A word as a layout takes it: in pieces where blanks stand in it or it is a long one of a script without blanks, and the
/// punctuation behind it. Punctuation that no word is before is a run of its own.
pub(super) type Run = Vec<Word>;

/// The words as runs: none blank, none that ends before it starts, in the order of their starts. Whatever comes in order
/// stays so.
pub(super) fn runs(words: Vec<Word>, line_width: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::with_capacity(words.len());
    for word in words {
        let text = clean_line(&word.text);
        if text.is_empty() {
            continue;
        }
        let end_ms = word.end_ms.max(word.start_ms);
        let word = Word { text, end_ms, ..word };
        match word.kind {
            WordKind::Punctuation => match runs.last_mut() {
                Some(run) => run.push(word),
                None => runs.push(vec![word]),
            },
            WordKind::AudioTag => runs.push(vec![word]),
            WordKind::Word => {
                let parts = timed_words(&word.text, word.start_ms, end_ms).into_iter();
                let pieces = parts.flat_map(|part| {
                    let part = Word {
                        text: part.text,
                        start_ms: part.start_ms,
                        end_ms: part.end_ms,
                        ..word.clone()
                    };
                    chunks(part, line_width)
                });
                runs.push(pieces.collect());
            }
        }
    }
    runs.sort_by_key(|run| start_of(run).unwrap_or(0));
    runs
}

/// When a run's word starts; none where it has none.
pub(super) fn start_of(run: &[Word]) -> Option<u64> {
    let first = run.first()?;
    (first.kind != WordKind::Punctuation).then_some(first.start_ms)
}

/// Puts a run that comes too late for its place before the first word that starts after it.
pub(super) fn insert(pending: &mut Vec<Word>, run: Run) {
    let start_ms = start_of(&run).unwrap_or(0);
    let at = pending
        .iter()
        .position(|word| word.kind != WordKind::Punctuation && word.start_ms > start_ms)
        .unwrap_or(pending.len());
    pending.splice(at..at, run);
}

/// The words of a caption with the punctuation around them as words of its own, all within the caption's times.
pub(super) fn items(words: &[Word], (start_ms, end_ms): (u64, u64), grammar: &Grammar) -> Vec<Word> {
    let mut items: Vec<Word> = Vec::with_capacity(words.len() + 2);
    let mut opening = Vec::new();
    let mut spoken_until_ms = start_ms;
    for word in words {
        let within = |at_ms: u64| at_ms.clamp(start_ms, end_ms);
        if word.kind == WordKind::Punctuation {
            // Its own times don't count, and whether it closes or opens is told by what is on either side.
            opening.push(Word {
                start_ms: spoken_until_ms,
                end_ms: spoken_until_ms,
                ..word.clone()
            });
            continue;
        }
        items.append(&mut opening);
        let word = Word {
            start_ms: within(word.start_ms),
            end_ms: within(word.end_ms),
            ..word.clone()
        };
        spoken_until_ms = spoken_until_ms.max(word.end_ms);
        if word.kind == WordKind::AudioTag {
            items.push(word);
            continue;
        }
        let (before, core, after) = parted(&word.text, grammar);
        let mark = |text: &str, at_ms: u64| Word {
            text: text.to_owned(),
            start_ms: at_ms,
            end_ms: at_ms,
            kind: WordKind::Punctuation,
            confidence: None,
            speaker: word.speaker.clone(),
        };
        if !before.is_empty() {
            items.push(mark(before, word.start_ms));
        }
        items.push(Word {
            text: core.to_owned(),
            ..word.clone()
        });
        if !after.is_empty() {
            items.push(mark(after, word.end_ms));
        }
    }
    items.append(&mut opening);
    items
}

/// A word without the punctuation before and behind it; abbreviations keep their full stop, and what is no word stays whole.
fn parted<'a>(text: &'a str, grammar: &Grammar) -> (&'a str, &'a str, &'a str) {
    let whole = ("", text, "");
    let inner = text.trim_start_matches(is_opening);
    let (before, rest) = text.split_at(text.len() - inner.len());
    let core = rest.trim_end_matches(is_closing);
    let (mut core, mut after) = rest.split_at(core.len());
    if !core.contains(char::is_alphanumeric) {
        return whole;
    }
    let is_abbreviation = after.starts_with('.')
        && !after.starts_with("..")
        && (core.contains('.') || !grammar.features(&rest[..=core.len()]).ends_sentence);
    if is_abbreviation {
        (core, after) = rest.split_at(core.len() + 1);
    }
    (before, core, after)
}

fn is_opening(character: char) -> bool {
    "\"([{\u{bf}\u{a1}\u{201c}\u{2018}\u{201e}\u{ab}\u{2039}\u{300c}\u{300e}\u{ff08}".contains(character)
}

fn is_closing(character: char) -> bool {
    ".,?!;:\")]}\u{2026}\u{201d}\u{201c}\u{bb}\u{203a}\u{300d}\u{300f}\u{ff09}\u{3002}\u{3001}\u{ff0c}\u{ff0e}\u{ff1b}\
     \u{ff1a}\u{ff1f}\u{ff01}\u{60c}\u{61b}\u{61f}\u{6d4}\u{964}\u{203d}"
        .contains(character)
}
