//! What SRT and WebVTT have in common: timing lines with text below them. The reader of both.

use super::clock::{TimingLine, timing_line};

/// A cue as it stands in the file, markup and all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawCue {
    pub start_ms: u64,
    pub end_ms: u64,
    pub text: String,
}

/// Reads every cue of an SRT or WebVTT file. Text under a timing line belongs to it up to the next one, blank lines
/// or not; text before the first one goes with the first. Only what is no text goes: counters, identifiers, the
/// WebVTT header, and its `NOTE`, `STYLE` and `REGION` blocks.
pub(super) fn read(text: &str) -> Vec<RawCue> {
    let lines: Vec<&str> = text.lines().collect();
    let timings: Vec<(usize, TimingLine<'_>)> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, timing_line(line)?)))
        .collect();
    let is_vtt = lines
        .iter()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| is_vtt_header(line));
    let Some(first) = timings.first().map(|(at, _)| *at) else {
        return Vec::new();
    };

    let mut from = if is_vtt { header_length(&lines, first) } else { 0 };
    let mut counter = None;
    let mut cues: Vec<RawCue> = Vec::with_capacity(timings.len());
    let mut pending = String::new();
    for (place, (at, timing)) in timings.iter().enumerate() {
        let heading = heading_length(&lines, from, *at, place == 0, &mut counter, is_vtt);
        let body = lines.get(from..at.saturating_sub(heading)).unwrap_or_default();
        match cues.last_mut() {
            Some(cue) => push_text(body, is_vtt, false, &mut cue.text),
            None => push_text(body, is_vtt, true, &mut pending),
        }
        let mut text = std::mem::take(&mut pending);
        if !is_settings(timing.rest) {
            text.push_str(timing.rest);
            text.push('\n');
        }
        cues.push(RawCue {
            start_ms: timing.start_ms,
            end_ms: timing.end_ms,
            text,
        });
        from = at + 1;
    }
    if let Some(cue) = cues.last_mut() {
        push_text(
            lines.get(from..).unwrap_or_default(),
            is_vtt,
            false,
            &mut cue.text,
        );
    }
    cues
}

fn is_vtt_header(line: &str) -> bool {
    line.trim_start()
        .strip_prefix("WEBVTT")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// The header ends at the first blank line after `WEBVTT`, or at the first cue.
fn header_length(lines: &[&str], first_timing: usize) -> usize {
    let start = lines.iter().position(|line| is_vtt_header(line)).unwrap_or(0);
    let length = lines[start..]
        .iter()
        .take_while(|line| !line.trim().is_empty())
        .count();
    (start + length).min(first_timing)
}

/// How many lines before the timing line at `at` (and not before `from`) are its counter or identifier.
fn heading_length(
    lines: &[&str],
    from: usize,
    at: usize,
    is_first: bool,
    counter: &mut Option<u64>,
    is_vtt: bool,
) -> usize {
    let expected = counter.map(|counter| counter + 1);
    *counter = expected;
    let Some(body) = lines.get(from..at) else { return 0 };
    let blanks = body
        .iter()
        .rev()
        .take_while(|line| line.trim().is_empty())
        .count();
    let Some(place) = body.len().checked_sub(blanks + 1) else {
        return 0;
    };
    let follows_blank = place == 0 && is_first || place > 0 && body[place - 1].trim().is_empty();
    let line = body[place].trim();
    let number = line
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| line.parse::<u32>().ok())
        .flatten();
    let is_heading = match number.map(u64::from) {
        Some(number) if blanks == 0 => follows_blank || is_first || expected == Some(number),
        // Files with a blank line after each line.
        Some(number) => is_first || follows_blank && expected == Some(number),
        None => is_vtt && blanks == 0 && follows_blank,
    };
    if !is_heading {
        return 0;
    }
    if let Some(number) = number {
        *counter = Some(u64::from(number));
    }
    blanks + 1
}

/// Appends the text lines of `body`, leaving WebVTT's comment blocks out.
fn push_text(body: &[&str], is_vtt: bool, before_first_cue: bool, text: &mut String) {
    let mut skipping = false;
    let mut follows_blank = before_first_cue;
    for line in body {
        let is_blank = line.trim().is_empty();
        if is_blank {
            skipping = false;
        } else if is_vtt && follows_blank {
            let word = line.split_whitespace().next().unwrap_or_default();
            skipping = word == "NOTE" || before_first_cue && matches!(line.trim_end(), "STYLE" | "REGION");
        }
        if !is_blank && !skipping {
            text.push_str(line);
            text.push('\n');
        }
        follows_blank = is_blank;
    }
}

/// Cue settings (`align:start`) and SubRip's coordinates (`X1:63`): words with a colon inside.
fn is_settings(rest: &str) -> bool {
    rest.split_whitespace().all(|word| {
        word.split_once(':').is_some_and(|(name, value)| {
            !name.is_empty() && !value.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    })
}
