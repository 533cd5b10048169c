//! SubRip.

use std::fmt::Write as _;

use super::{blocks, clock, markup};
use crate::cue::Cue;

/// Writes tidied cues.
pub(super) fn write(cues: &[Cue]) -> String {
    let mut file = String::with_capacity(cues.len() * 96);
    for (place, cue) in cues.iter().enumerate() {
        let (start, end) = (clock::write(cue.start_ms, ','), clock::write(cue.end_ms, ','));
        // Writing to a string can't fail.
        let _ = writeln!(file, "{}\n{start} --> {end}", place + 1);
        for line in &cue.lines {
            file.push_str(line);
            file.push('\n');
        }
        file.push('\n');
    }
    file
}

/// Reads whatever has timing lines in it.
pub(super) fn read(text: &str) -> Vec<Cue> {
    blocks::read(text)
        .into_iter()
        .map(|raw| Cue {
            start_ms: raw.start_ms,
            end_ms: raw.end_ms,
            lines: markup::srt_lines(&raw.text),
        })
        .filter(|cue| !cue.lines.is_empty())
        .collect()
}
