//! The open elements of a TTML document while it is read: what time it is in each, and where its text goes.

use super::time::{Rates, milliseconds};
use crate::cue::Cue;
use crate::plain::clean_line;

/// The attributes that matter, by local name.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    begin: Option<String>,
    end: Option<String>,
    dur: Option<String>,
    is_sequence: bool,
    preserves_space: Option<bool>,
    frame_rate: Option<f64>,
    frame_rate_multiplier: Option<f64>,
    sub_frame_rate: Option<f64>,
    tick_rate: Option<f64>,
}

impl Attributes {
    /// Keeps one attribute if it matters.
    pub fn insert(&mut self, name: &str, value: &str) {
        let positive = || {
            value
                .trim()
                .parse()
                .ok()
                .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        };
        match name {
            "begin" => self.begin = Some(value.to_owned()),
            "end" => self.end = Some(value.to_owned()),
            "dur" => self.dur = Some(value.to_owned()),
            "timeContainer" => self.is_sequence = value == "seq",
            "space" => self.preserves_space = Some(value == "preserve"),
            "frameRate" => self.frame_rate = positive(),
            "frameRateMultiplier" => self.frame_rate_multiplier = ratio(value),
            "subFrameRate" => self.sub_frame_rate = positive(),
            "tickRate" => self.tick_rate = positive(),
            _ => {}
        }
    }
}

/// `1000 1001` (TTML 1) or `1000:1001` (drafts).
fn ratio(value: &str) -> Option<f64> {
    let (above, below) = value.trim().split_once([' ', ':'])?;
    let (above, below): (f64, f64) = (above.trim().parse().ok()?, below.trim().parse().ok()?);
    Some(above / below).filter(|ratio| ratio.is_finite() && *ratio > 0.0)
}

/// One open element.
#[derive(Debug)]
struct Frame {
    name: String,
    begin_ms: u64,
    end_ms: Option<u64>,
    /// Where the next child of a `seq` begins.
    cursor_ms: u64,
    is_sequence: bool,
    preserves_space: bool,
    /// `head` and `metadata`: no captions in it.
    is_silent: bool,
    /// The place in `Frames::cues` that takes its text; none outside of every cue.
    cue: Option<usize>,
}

/// All open elements, and the cues so far.
#[derive(Debug, Default)]
pub(super) struct Frames {
    open: Vec<Frame>,
    cues: Vec<(u64, Option<u64>, String)>,
    /// Text before the first cue.
    stray: String,
    rates: Rates,
    frame_rate_given: bool,
    /// Whether any element has a time: else it is no caption file, but an error page, say.
    has_times: bool,
}

/// Deeper than any caption file; beyond it, elements count as their parent's text.
const MAX_DEPTH: usize = 200;

impl Frames {
    /// An element opens.
    pub fn open(&mut self, name: &str, attributes: &Attributes) {
        match name {
            "br" => return self.text_as_is("\n"),
            "tt" => self.set_rates(attributes),
            // A `p` within a `p` means that the first was never closed.
            "p" if self.open.iter().any(|frame| frame.name == "p") => self.close("p"),
            _ => {}
        }
        if self.open.len() >= MAX_DEPTH {
            return;
        }
        let parent = self.open.last();
        let reference_ms = parent.map_or(0, |frame| {
            if frame.is_sequence {
                frame.cursor_ms
            } else {
                frame.begin_ms
            }
        });
        let time = |text: &Option<String>| {
            text.as_deref()
                .and_then(|t| milliseconds(t, &self.rates, self.frame_rate_given))
        };
        let begin = time(&attributes.begin);
        let begin_ms = reference_ms.saturating_add(begin.unwrap_or(0));
        let end = time(&attributes.end).map(|end| reference_ms.saturating_add(end));
        let until = time(&attributes.dur).map(|duration| begin_ms.saturating_add(duration));
        let own_end_ms = match (end, until) {
            (Some(end), Some(until)) => Some(end.min(until)),
            (end, until) => end.or(until),
        };
        let parent_end_ms = parent.and_then(|frame| frame.end_ms);
        let is_timed = begin.is_some() || own_end_ms.is_some();
        self.has_times |= is_timed;
        let is_silent = parent.is_some_and(|frame| frame.is_silent) || matches!(name, "head" | "metadata");
        let preserves_space = attributes
            .preserves_space
            .or(parent.map(|frame| frame.preserves_space))
            .unwrap_or(false);
        // Inline elements without times add to the cue they stand in.
        let end_ms = own_end_ms.or(parent_end_ms);
        let cue = match parent {
            Some(parent) if !is_timed && name != "p" && (parent.cue.is_some() || end_ms.is_none()) => {
                parent.cue
            }
            None if !is_timed && name != "p" => None,
            _ => {
                self.cues
                    .push((begin_ms, end_ms, std::mem::take(&mut self.stray)));
                Some(self.cues.len() - 1)
            }
        };
        self.open.push(Frame {
            name: name.to_owned(),
            begin_ms,
            end_ms,
            cursor_ms: begin_ms,
            is_sequence: attributes.is_sequence,
            preserves_space,
            is_silent,
            cue,
        });
    }

    /// An element closes, and with it every element in it that was never closed. An end without a start is nothing.
    pub fn close(&mut self, name: &str) {
        let Some(place) = self.open.iter().rposition(|frame| frame.name == name) else {
            return;
        };
        while self.open.len() > place {
            let Some(frame) = self.open.pop() else { break };
            if let Some(parent) = self.open.last_mut().filter(|parent| parent.is_sequence) {
                parent.cursor_ms = frame.end_ms.unwrap_or(frame.cursor_ms).max(frame.cursor_ms);
            }
        }
    }

    /// Text between tags. Line ends are blanks unless `xml:space` preserves them.
    pub fn text(&mut self, text: &str) {
        if self.open.last().is_some_and(|frame| frame.preserves_space) {
            self.text_as_is(text);
        } else {
            self.text_as_is(&text.replace('\n', " "));
        }
    }

    fn text_as_is(&mut self, text: &str) {
        let Some(frame) = self.open.last().filter(|frame| !frame.is_silent) else {
            return;
        };
        match frame.cue {
            Some(cue) => {
                if let Some((_, _, held)) = self.cues.get_mut(cue) {
                    held.push_str(text);
                }
            }
            None if text.trim().is_empty() => {}
            // Text outside of every cue goes with the one before it, or with the first.
            None => match self.cues.last_mut() {
                Some((_, _, held)) => held.extend(["\n", text]),
                None => self.stray.extend([text, "\n"]),
            },
        }
    }

    fn set_rates(&mut self, attributes: &Attributes) {
        self.frame_rate_given = attributes.frame_rate.is_some();
        self.rates = Rates {
            frames: attributes.frame_rate.unwrap_or(30.0) * attributes.frame_rate_multiplier.unwrap_or(1.0),
            sub_frames: attributes.sub_frame_rate.unwrap_or(1.0),
            ticks: attributes.tick_rate,
        };
    }

    /// Every cue with text, in the order their elements opened. A cue without an end gets its own start as end.
    pub fn finish(self) -> Vec<Cue> {
        if !self.has_times {
            return Vec::new();
        }
        self.cues
            .into_iter()
            .map(|(start_ms, end_ms, text)| Cue {
                start_ms,
                end_ms: end_ms.unwrap_or(start_ms),
                lines: text
                    .split('\n')
                    .map(clean_line)
                    .filter(|line| !line.is_empty())
                    .collect(),
            })
            .filter(|cue| !cue.lines.is_empty())
            .collect()
    }
}
