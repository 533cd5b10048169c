//! The subset of cue texts and times that every reader at Kaltura takes without loss.

use super::{CaptionFormat, clock};
use crate::cue::Cue;
use crate::plain::clean_line;

/// How long a cue is shown whose end was not after its start.
const MENDED_MS: u64 = 834;

/// Puts `cues` into the subset that Kaltura's parsers of `format` read without loss (`spec/captions.md` section 1):
///
/// - sorted by start; times up to 99:59:59.999; each cue ends after it starts (one that doesn't is shown for 834 ms,
///   or until the next one starts);
/// - no control characters, no line ends inside lines, white space as single blanks, no blank line, no cue without text;
/// - `-->`, and any arrow in a line that would read as times, is the character `→`;
/// - in SRT, `<` before a letter or a blank is `‹` and `{\` is `{ \`, since readers there take both for markup and there is no
///   escape; a line of digits only is joined to its neighbour, since Kaltura's index takes it for a counter.
///
/// Every word is kept. Doing it twice changes nothing.
pub fn tidy(format: CaptionFormat, cues: &[Cue]) -> Vec<Cue> {
    let mut tidied: Vec<Cue> = cues
        .iter()
        .map(|cue| Cue {
            start_ms: cue.start_ms.min(clock::MAX_MS - 1),
            end_ms: cue.end_ms.min(clock::MAX_MS),
            lines: tidy_lines(format, &cue.lines),
        })
        .filter(|cue| !cue.lines.is_empty())
        .collect();
    tidied.sort_by_key(|cue| cue.start_ms);
    let mut next_start_ms = None;
    for cue in tidied.iter_mut().rev() {
        if cue.end_ms <= cue.start_ms {
            let until_ms = next_start_ms
                .filter(|next| *next > cue.start_ms)
                .unwrap_or(clock::MAX_MS);
            cue.end_ms = (cue.start_ms + MENDED_MS).min(until_ms);
        }
        next_start_ms = Some(cue.start_ms);
    }
    tidied
}

fn tidy_lines(format: CaptionFormat, lines: &[String]) -> Vec<String> {
    let mut tidied: Vec<String> = lines
        .iter()
        .flat_map(|line| line.split(['\n', '\r']))
        .map(clean_line)
        .filter(|line| !line.is_empty())
        .collect();
    if format == CaptionFormat::Srt {
        let mut at = 0;
        while tidied.len() > 1 && at < tidied.len() {
            if tidied[at].bytes().all(|byte| byte.is_ascii_digit()) {
                let upper = at.saturating_sub(1);
                let lower = tidied.remove(upper + 1);
                tidied[upper].push(' ');
                tidied[upper].push_str(&lower);
                at = upper;
            } else {
                at += 1;
            }
        }
    }
    tidied.into_iter().map(|line| defuse(format, line)).collect()
}

/// Takes the sting out of text that a parser would take for something else.
fn defuse(format: CaptionFormat, line: String) -> String {
    let mut line = if line.contains("-->") {
        line.replace("-->", "\u{2192}")
    } else {
        line
    };
    if clock::timing_line(&line).is_some() {
        for arrow in clock::ARROWS {
            line = line.replace(arrow, "\u{2192}");
        }
    }
    if format == CaptionFormat::Srt && line.contains(['<', '{']) {
        line = defuse_srt(&line);
    }
    line
}

fn defuse_srt(line: &str) -> String {
    let mut text = String::with_capacity(line.len() + 8);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match (character, next) {
            ('<', Some(next)) if next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?' | ' ') => {
                text.push('\u{2039}');
            }
            ('{', Some('\\')) => text.push_str("{ "),
            _ => text.push(character),
        }
    }
    text
}
