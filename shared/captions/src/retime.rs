//! Translated captions in the times of their source: each passage's new text spread over the cues that showed the old.

use std::collections::BTreeMap;

use crate::cue::Cue;
use crate::error::CaptionError;
use crate::language::Grammar;
use crate::layout::{Cost, Token, cue_break, cues_of, line, lines_of, speed_cost, tokens_of_text};
use crate::passages::{Part, Passage, check_count};
use crate::plain::clean_line;
use crate::rules::LayoutRules;

/// For each character that a cue's text ends away from where its source did.
const EACH_CHAR_OFF: Cost = 6;
/// More than a cue's lines hold, so that it must be split; and for each character of it.
const OVERFULL: Cost = 900;
const EACH_CHAR_OVER: Cost = 30;
/// A cue that is left without text.
const LEFT_OUT: Cost = 5_000;
/// How far from its share of the text a cue may end, in lines.
const REACH_LINES: usize = 2;

/// Puts `texts[n]`, the translation of `passages[n]`, into the times of the cues that the passages were made of by
/// [`crate::passages`]. `rules` are those of the language of `texts`.
///
/// A passage is cut where it breaks well, near each cue's share of the source text and with regard to how fast it would
/// have to be read, and each cue's lines are laid out anew. Cues keep their times, but for three cases: one whose text
/// doesn't fit `max_lines` is split within its time; one that no word is left for gives its time to the cue before it;
/// source cues that overlap are shown one after the other. Labels and dialogue dashes stand where they stood. Every word
/// of `texts` is shown once and in order; a blank text gives no cue. Sorted, none of no length.
///
/// Fails where there are not as many texts as passages.
pub fn retime<S: AsRef<str>>(
    passages: &[Passage],
    texts: &[S],
    rules: &LayoutRules,
) -> Result<Vec<Cue>, CaptionError> {
    check_count(passages, texts)?;
    let grammar = Grammar::of(&rules.language);
    let mut slots: BTreeMap<usize, Slot> = BTreeMap::new();
    for (passage, text) in passages.iter().zip(texts) {
        let text = clean_line(text.as_ref());
        let times = (passage.start_ms, passage.end_ms);
        let tokens = tokens_of_text(&passage.label, &text, times, rules, grammar);
        let tokens = if text.is_empty() { Vec::new() } else { tokens };
        let cuts = spread(&tokens, &passage.parts, rules);
        let mut from = 0;
        for (part, to) in passage.parts.iter().zip(cuts) {
            let slot = slots.entry(part.cue).or_insert_with(|| Slot::new(part));
            slot.start_ms = slot.start_ms.min(part.start_ms);
            slot.end_ms = slot.end_ms.max(part.end_ms);
            if to > from {
                slot.chunks.push(tokens[from..to].to_vec());
            }
            from = to;
        }
    }
    let mut slots: Vec<Slot> = slots.into_values().collect();
    hand_on(&mut slots, rules);
    slots.retain(|slot| !slot.chunks.is_empty());
    part_overlaps(&mut slots);
    let mut cues: Vec<Cue> = slots.into_iter().flat_map(|slot| slot.cues(rules)).collect();
    let mut free_from_ms = 0;
    for cue in &mut cues {
        cue.start_ms = cue.start_ms.max(free_from_ms);
        cue.end_ms = cue.end_ms.max(cue.start_ms.saturating_add(1));
        free_from_ms = cue.end_ms;
    }
    Ok(cues)
}

/// The time of a source cue, and what is to be shown in it: a chunk for each passage that has a part of it.
struct Slot {
    start_ms: u64,
    end_ms: u64,
    chunks: Vec<Vec<Token>>,
}

impl Slot {
    fn new(part: &Part) -> Self {
        Self {
            start_ms: part.start_ms,
            end_ms: part.end_ms,
            chunks: Vec::new(),
        }
    }

    /// One cue where the text fits, else several in the same time.
    fn cues(self, rules: &LayoutRules) -> Vec<Cue> {
        if let Some(lines) = self.lines(rules) {
            return vec![Cue {
                start_ms: self.start_ms,
                end_ms: self.end_ms,
                lines,
            }];
        }
        let widths: Vec<usize> = self.chunks.iter().map(|chunk| wide(chunk)).collect();
        let total: usize = widths.iter().sum();
        let mut shown: Vec<(usize, Vec<String>)> = Vec::new();
        for (chunk, chunk_width) in self.chunks.iter().zip(widths) {
            if let Some(lines) = lines_of(chunk, rules) {
                shown.push((chunk_width, lines));
                continue;
            }
            let times = (
                self.start_ms,
                self.start_ms + share(self.end_ms - self.start_ms, chunk_width, total),
            );
            let mut tokens = chunk.clone();
            time(&mut tokens, times);
            shown.extend(cues_of(&tokens, rules).into_iter().map(|cue| {
                let wide = cue.lines.iter().map(|line| crate::width(line)).sum();
                (wide, cue.lines)
            }));
        }
        in_turn(shown, self.start_ms, self.end_ms)
    }

    /// All of it as the lines of one cue.
    fn lines(&self, rules: &LayoutRules) -> Option<Vec<String>> {
        match self.chunks.as_slice() {
            [only] => lines_of(only, rules),
            chunks => {
                let fits = chunks.len() <= rules.line_count()
                    && chunks.iter().all(|chunk| wide(chunk) <= rules.line_width());
                fits.then(|| chunks.iter().map(|chunk| line(chunk)).collect())
            }
        }
    }
}

/// Where each part's text ends in `tokens`: the cheapest way to cut them, in the order of the parts.
fn spread(tokens: &[Token], parts: &[Part], rules: &LayoutRules) -> Vec<usize> {
    let count = tokens.len();
    let Some(last) = parts.len().checked_sub(1) else {
        return Vec::new();
    };
    let widths: Vec<usize> = std::iter::once(0)
        .chain(tokens.iter().scan(0, |sum, token| {
            *sum += token.width + usize::from(token.blank_before);
            Some(*sum)
        }))
        .collect();
    let total = widths.last().copied().unwrap_or(0);
    let source: usize = parts.iter().map(|part| part.width).sum();
    let reach = rules.line_width() * REACH_LINES;
    // The ways found so far: where the parts up to here may end, at what cost, and where the part before ended.
    let mut rows: Vec<Vec<(usize, Cost, usize)>> = vec![vec![(0, 0, 0)]];
    let mut source_done = 0;
    for (place, part) in parts.iter().enumerate() {
        source_done += part.width;
        let target = total * source_done / source.max(1);
        let ends = if place == last {
            count..=count
        } else {
            let low = widths.partition_point(|wide| *wide + reach < target);
            let high = widths.partition_point(|wide| *wide <= target + reach);
            low.min(count)..=high.saturating_sub(1).clamp(low.min(count), count)
        };
        let before = rows.last().map(Vec::as_slice).unwrap_or_default();
        let lasts_ms = part.end_ms.saturating_sub(part.start_ms);
        let row = ends
            .filter_map(|to| {
                let off = (widths[to].abs_diff(target) as Cost) * EACH_CHAR_OFF;
                let at_break = tokens
                    .get(to)
                    .filter(|_| to > 0)
                    .map_or(0, |token| cue_break(token.break_before, 0));
                before
                    .iter()
                    .filter(|(from, _, _)| *from <= to)
                    .map(|(from, cost, _)| {
                        let shown = part_cost(widths[to] - widths[*from], lasts_ms, rules);
                        // Better the last cue gives its time to the one before than the first to nobody.
                        let late = if to == 0 { LEFT_OUT } else { 0 };
                        // A place where a part ended already is not paid for again.
                        let at_break = if *from == to { 0 } else { at_break };
                        (to, cost.saturating_add(shown + late + off + at_break), *from)
                    })
                    .min_by_key(|(_, cost, _)| *cost)
            })
            .collect();
        rows.push(row);
    }
    let mut cuts = Vec::with_capacity(parts.len());
    let mut to = count;
    for row in rows.iter().skip(1).rev() {
        cuts.push(to);
        to = row
            .iter()
            .find(|(end, _, _)| *end == to)
            .map_or(0, |(_, _, from)| *from);
    }
    cuts.reverse();
    cuts
}

/// What it costs that a cue of this length shows so many characters.
fn part_cost(width: usize, lasts_ms: u64, rules: &LayoutRules) -> Cost {
    if width == 0 {
        return LEFT_OUT;
    }
    let room = rules.line_width() * rules.line_count();
    let over = width.saturating_sub(room) as Cost;
    let full = if over > 0 {
        OVERFULL + over * EACH_CHAR_OVER
    } else {
        0
    };
    full + speed_cost(width, lasts_ms, rules)
}

/// Gives the time of cues that no text is left for to the cue before them, where they follow at once.
fn hand_on(slots: &mut [Slot], rules: &LayoutRules) {
    for at in 1..slots.len() {
        let (before, rest) = slots.split_at_mut(at);
        let (Some(slot), Some(holder)) = (
            rest.first().filter(|slot| slot.chunks.is_empty()),
            before.iter_mut().rev().find(|slot| !slot.chunks.is_empty()),
        ) else {
            continue;
        };
        let follows = slot.start_ms.saturating_sub(holder.end_ms) <= rules.gap_ms;
        if follows && slot.end_ms.saturating_sub(holder.start_ms) <= rules.max_ms {
            holder.end_ms = holder.end_ms.max(slot.end_ms);
        }
    }
}

/// Lets each cue end before the next one begins. Those that begin together share the time until the next; those that no
/// time is left for get a millisecond.
fn part_overlaps(slots: &mut Vec<Slot>) {
    let mut parted: Vec<Slot> = Vec::with_capacity(slots.len());
    let mut free_from_ms = 0;
    let mut rest = std::mem::take(slots).into_iter().peekable();
    while let Some(slot) = rest.next() {
        let mut together = vec![slot];
        let begun_ms = together.iter().map(|slot| slot.start_ms).max().unwrap_or(0);
        while let Some(next) = rest.next_if(|next| next.start_ms <= begun_ms.max(free_from_ms)) {
            together.push(next);
        }
        let count = together.len() as u64;
        let start_ms = begun_ms.max(free_from_ms);
        let end_ms = together.iter().map(|slot| slot.end_ms).max().unwrap_or(start_ms);
        let end_ms = rest
            .peek()
            .map_or(end_ms, |next| end_ms.min(next.start_ms))
            .max(start_ms.saturating_add(count));
        let length_ms = end_ms - start_ms;
        for (place, slot) in (0_u64..).zip(together) {
            parted.push(Slot {
                start_ms: start_ms + share_u64(length_ms, place, count),
                end_ms: start_ms + share_u64(length_ms, place + 1, count),
                ..slot
            });
        }
        free_from_ms = end_ms;
    }
    *slots = parted;
}

/// Cues that share a time by their widths.
fn in_turn(shown: Vec<(usize, Vec<String>)>, start_ms: u64, end_ms: u64) -> Vec<Cue> {
    let total: usize = shown.iter().map(|(wide, _)| *wide).sum();
    let mut done = 0;
    let mut from_ms = start_ms;
    let count = shown.len();
    shown
        .into_iter()
        .enumerate()
        .map(|(place, (wide, lines))| {
            done += wide;
            let to_ms = start_ms + share(end_ms - start_ms, done, total);
            // Each is shown, however short the time.
            let to_ms = if place + 1 == count { end_ms } else { to_ms }.max(from_ms + 1);
            let cue = Cue {
                start_ms: from_ms,
                end_ms: to_ms,
                lines,
            };
            from_ms = to_ms;
            cue
        })
        .collect()
}

/// Gives the pieces their shares of a time.
fn time(tokens: &mut [Token], (start_ms, end_ms): (u64, u64)) {
    let total = wide(tokens);
    let mut done = 0;
    for token in tokens {
        let at_ms = |done| start_ms + share(end_ms - start_ms, done, total);
        token.start_ms = at_ms(done);
        done += token.width;
        token.end_ms = at_ms(done);
        done += 1;
    }
}

/// How wide pieces are on one line, nearly.
fn wide(tokens: &[Token]) -> usize {
    let blanks = tokens.iter().skip(1).filter(|token| token.blank_before).count();
    tokens.iter().map(|token| token.width).sum::<usize>() + blanks
}

fn share(length_ms: u64, part: usize, total: usize) -> u64 {
    share_u64(length_ms, part.min(total) as u64, total as u64)
}

fn share_u64(length_ms: u64, part: u64, total: u64) -> u64 {
    let shared = u128::from(length_ms) * u128::from(part) / u128::from(total.max(1));
    u64::try_from(shared).unwrap_or(u64::MAX)
}
