//! The transcript as plain text, for people to read.

use crate::language::Grammar;
use crate::layout::{line, tokens};
use crate::rules::LayoutRules;
use crate::transcript::Transcript;

/// A silence this long after a sentence begins a paragraph.
const PARAGRAPH_PAUSE_MS: u64 = 2_000;
/// A silence this long begins one anywhere.
const LONG_PAUSE_MS: u64 = 6_000;

/// Writes a TXT transcript: a paragraph for each speaker's turn, cut at long pauses, with a blank line between two.
/// Labels, marks and sounds as `rules` say; its limits on lines and times don't matter here. UTF-8, line feeds, no
/// byte order mark; empty where nobody speaks.
pub fn write_text(transcript: &Transcript, rules: &LayoutRules) -> String {
    let rules = LayoutRules {
        max_chars_per_line: u32::MAX,
        ..rules.clone()
    };
    let tokens = tokens(transcript, &rules, Grammar::of(rules.language_of(transcript)));
    let mut text = String::new();
    let mut from = 0;
    for to in 1..=tokens.len() {
        let begins = match (tokens.get(to - 1), tokens.get(to)) {
            (Some(before), Some(after)) => {
                let pause_ms = after.start_ms.saturating_sub(before.end_ms);
                after.changes_speaker
                    || pause_ms >= LONG_PAUSE_MS
                    || pause_ms >= PARAGRAPH_PAUSE_MS && before.ends_sentence
            }
            _ => true,
        };
        if begins {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line(&tokens[from..to]));
            text.push('\n');
            from = to;
        }
    }
    text
}
