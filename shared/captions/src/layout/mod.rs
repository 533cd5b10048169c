//! Words to cues: a dynamic programme over the whole passage.
//!
//! Every way to cut the words into cues, and each cue into lines, has a cost: of the places it breaks at, of reading
//! speed, of duration, of pauses bridged, of single words. The cheapest way of all is found, not the best next cue, so
//! that a good break later isn't lost to a greedy one now. A cue begins with its first word and its end depends only on
//! its own words and the next one, so the search is exact, and linear in the number of words.

mod search;
mod timing;
mod tokens;

pub(crate) use self::search::{Cost, Search, cue_break, speed_cost};
pub(crate) use self::timing::end_ms;
use self::timing::settle;
pub(crate) use self::tokens::{Before, Token, chunks, tokens, tokens_of_text};
use crate::cue::Cue;
use crate::language::{Grammar, is_right_to_left};
use crate::rules::LayoutRules;
use crate::transcript::Transcript;

/// Set before a line that begins with a label or a number but reads from right to left.
const RIGHT_TO_LEFT_MARK: char = '\u{200f}';

/// Lays the words of `transcript` out as cues: every word once, in order, with times from the media's start. Cues are
/// sorted, don't overlap, end after they start, and have 1 to `max_lines` lines of at most `max_chars_per_line`.
///
/// The norms on time are kept where the speech allows; [`crate::faults`] says where it did not. A word too wide for a
/// line is cut between characters. Words whose times break the rules of [`Transcript::check`] are shown all the same,
/// in the order given. A transcript without words gives no cues.
pub fn lay_out(transcript: &Transcript, rules: &LayoutRules) -> Vec<Cue> {
    let tokens = tokens(transcript, rules, Grammar::of(rules.language_of(transcript)));
    let mut cues = cues_of(&tokens, rules);
    settle(&mut cues, rules);
    // Nothing stays after the media has ended, unless it would be too short then.
    if let Some(last) = cues.last_mut().filter(|_| transcript.duration_ms > 0) {
        last.end_ms = last.end_ms.min(
            transcript
                .duration_ms
                .max(last.start_ms.saturating_add(rules.min_ms.max(1))),
        );
    }
    cues
}

/// The cheapest cues of these pieces, not yet settled among each other.
pub(crate) fn cues_of(tokens: &[Token], rules: &LayoutRules) -> Vec<Cue> {
    let search = Search::new(tokens, rules);
    let cue = |(from, to)| {
        let (start_ms, end_ms) = search.times(from, to);
        Cue {
            start_ms,
            end_ms,
            lines: shown_lines(&search, tokens, from, to),
        }
    };
    search.cuts().into_iter().map(cue).collect()
}

/// These pieces as the lines of one cue; none where they are more than fit.
pub(crate) fn lines_of(tokens: &[Token], rules: &LayoutRules) -> Option<Vec<String>> {
    let search = Search::new(tokens, rules);
    search
        .fits(0, tokens.len())
        .then(|| shown_lines(&search, tokens, 0, tokens.len()))
}

fn shown_lines(search: &Search<'_>, tokens: &[Token], from: usize, to: usize) -> Vec<String> {
    let mut bounds = search.lines(from, to);
    bounds.push(to);
    bounds
        .windows(2)
        .map(|bound| line(&tokens[bound[0]..bound[1]]))
        .collect()
}

/// The pieces with the blanks between them.
pub(crate) fn joined(tokens: &[Token]) -> String {
    let mut text = String::new();
    for (place, token) in tokens.iter().enumerate() {
        if place > 0 && token.blank_before {
            text.push(' ');
        }
        text.push_str(&token.text);
    }
    text
}

/// The text of one line.
pub(crate) fn line(tokens: &[Token]) -> String {
    let mut text = joined(tokens);
    let strong = |c: &char| c.is_alphabetic();
    if text.chars().any(is_right_to_left) && text.chars().find(strong).is_some_and(|c| !is_right_to_left(c)) {
        text.insert(0, RIGHT_TO_LEFT_MARK);
    }
    text
}
