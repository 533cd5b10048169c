//! WebVTT.

use std::fmt::Write as _;

use super::{blocks, clock, markup};
use crate::cue::Cue;

/// Writes tidied cues: no identifiers, no settings, no voice tags (Kaltura strips them and the speaker with them).
pub(super) fn write(cues: &[Cue]) -> String {
    let mut file = String::with_capacity(cues.len() * 96 + 16);
    file.push_str("WEBVTT\n\n");
    for cue in cues {
        let (start, end) = (clock::write(cue.start_ms, '.'), clock::write(cue.end_ms, '.'));
        // Writing to a string can't fail.
        let _ = writeln!(file, "{start} --> {end}");
        for line in &cue.lines {
            markup::escape(line, &mut file);
            file.push('\n');
        }
        file.push('\n');
    }
    file
}

/// Reads whatever has timing lines in it, with or without the header.
pub(super) fn read(text: &str) -> Vec<Cue> {
    blocks::read(text)
        .into_iter()
        .map(|raw| Cue {
            start_ms: raw.start_ms,
            end_ms: raw.end_ms,
            lines: markup::vtt_lines(&raw.text),
        })
        .filter(|cue| !cue.lines.is_empty())
        .collect()
}
