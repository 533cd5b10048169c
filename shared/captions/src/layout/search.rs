//! The cheapest way to cut the pieces into cues and lines.

use super::timing;
use super::tokens::Token;
use crate::language::Break;
use crate::rules::LayoutRules;

/// What a layout costs, in points; a plain cue costs 100.
pub(crate) type Cost = u64;

/// Every cue has a price, so that there are few.
const CUE: Cost = 100;
/// A cue longer than allowed, which only a single long word may be.
const TOO_LONG: Cost = 100_000;
/// Shorter than the shortest allowed.
const TOO_SHORT: Cost = 2_500;
/// Faster than can be read; and for each character a second beyond that.
const TOO_FAST: Cost = 3_000;
const EACH_CHAR_TOO_FAST: Cost = 300;
/// For each character a second beyond what reads well.
const EACH_CHAR_FAST: Cost = 60;
/// One word alone, and two.
const ONE_WORD: Cost = 900;
const TWO_WORDS: Cost = 150;
/// A sentence that ends inside a cue which then goes on into the next one.
const SENTENCE_INSIDE: Cost = 70;
/// Bridging a pause of two seconds or more.
const LONG_PAUSE: Cost = 4_000;
/// Two speakers in a cue, each on a line of their own.
const SHARED_CUE: Cost = 120;
/// Each line after the first.
const LINE: Cost = 15;
/// A line of digits alone vanishes from Kaltura's index (`spec/captions.md` section 1).
const NUMBER_LINE: Cost = 1_500;
/// Shorter than this is hasty to read, even where it is allowed.
const COMFORTABLE_MS: u64 = 1_300;

/// The pieces and the cheapest way to each place between them.
pub(crate) struct Search<'a> {
    tokens: &'a [Token],
    rules: &'a LayoutRules,
    /// Sums over the pieces before each place: widths with blanks, changes of speaker, words, ends of sentences.
    widths: Vec<usize>,
    changes: Vec<usize>,
    words: Vec<usize>,
    sentences: Vec<usize>,
    /// The same of what the pauses before the pieces cost inside a cue.
    pauses: Vec<Cost>,
}

impl<'a> Search<'a> {
    pub fn new(tokens: &'a [Token], rules: &'a LayoutRules) -> Self {
        let sums = |value: &dyn Fn(&Token) -> usize| -> Vec<usize> {
            std::iter::once(0)
                .chain(tokens.iter().scan(0, |sum, token| {
                    *sum += value(token);
                    Some(*sum)
                }))
                .collect()
        };
        let mut pauses = vec![0; tokens.len() + 1];
        let mut spoken_until_ms = 0;
        for (at, token) in tokens.iter().enumerate() {
            let pause_ms = if at == 0 {
                0
            } else {
                token.start_ms.saturating_sub(spoken_until_ms)
            };
            pauses[at + 1] = pauses[at] + pause_cost(pause_ms);
            spoken_until_ms = token.end_ms;
        }
        Self {
            tokens,
            rules,
            widths: sums(&|token| token.width + usize::from(token.blank_before)),
            changes: sums(&|token| usize::from(token.changes_speaker)),
            words: sums(&|token| usize::from(token.is_speech)),
            sentences: sums(&|token| usize::from(token.ends_sentence)),
            pauses,
        }
    }

    /// The cues of the cheapest layout, each as the places of its first piece and past its last.
    pub fn cuts(&self) -> Vec<(usize, usize)> {
        let count = self.tokens.len();
        let mut best: Vec<(Cost, usize)> = vec![(Cost::MAX, 0); count + 1];
        best[0] = (0, 0);
        let widest = self.rules.line_width() * self.rules.line_count();
        for from in 0..count {
            let (so_far, _) = best[from];
            let start_ms = self.tokens[from].start_ms;
            let mut spoken_until_ms = start_ms;
            let mut to = from;
            while to < count {
                spoken_until_ms = spoken_until_ms.max(self.tokens[to].end_ms);
                to += 1;
                let is_single = to == from + 1;
                let lasts_ms = self.tokens[to - 1].start_ms.saturating_sub(start_ms);
                if !is_single
                    && (self.width(from, to) > widest + self.rules.line_count()
                        || lasts_ms >= self.rules.max_ms)
                {
                    break;
                }
                let Some(lines) = self.line_cost(from, to, self.rules.line_count()) else {
                    continue;
                };
                let cost =
                    so_far
                        .saturating_add(lines)
                        .saturating_add(self.cue_cost(from, to, spoken_until_ms));
                if cost < best[to].0 {
                    best[to] = (cost, from);
                }
            }
        }
        let mut cuts = Vec::new();
        let mut to = count;
        while to > 0 {
            let from = best[to].1;
            cuts.push((from, to));
            to = from;
        }
        cuts.reverse();
        cuts
    }

    /// When a cue of these pieces is shown.
    pub fn times(&self, from: usize, to: usize) -> (u64, u64) {
        let start_ms = self.tokens[from].start_ms;
        let spoken_until_ms = self.tokens[from..to]
            .iter()
            .map(|token| token.end_ms)
            .max()
            .unwrap_or(start_ms);
        (start_ms, self.end_ms(from, to, spoken_until_ms))
    }

    fn end_ms(&self, from: usize, to: usize, spoken_until_ms: u64) -> u64 {
        let next_ms = self.tokens.get(to).map(|token| token.start_ms);
        timing::end_ms(
            self.tokens[from].start_ms,
            spoken_until_ms,
            next_ms,
            self.width(from, to),
            self.rules,
        )
    }

    /// The place of the first piece of each line.
    pub fn lines(&self, from: usize, to: usize) -> Vec<usize> {
        let mut starts = vec![from];
        let mut at = from;
        let mut lines = self.rules.line_count();
        while let Some((_, next)) = self.best_line(at, to, lines).filter(|(_, next)| *next < to) {
            starts.push(next);
            at = next;
            lines -= 1;
        }
        starts
    }

    /// Whether these pieces can be set in the lines of one cue.
    pub fn fits(&self, from: usize, to: usize) -> bool {
        from < to && self.line_cost(from, to, self.rules.line_count()).is_some()
    }

    /// What a first cue of the pieces before `to` costs with its lines; none where they don't fit.
    pub fn first_cost(&self, to: usize) -> Option<Cost> {
        let lines = self.line_cost(0, to, self.rules.line_count())?;
        let spoken_until_ms = self.tokens[..to].iter().map(|token| token.end_ms).max()?;
        Some(lines.saturating_add(self.cue_cost(0, to, spoken_until_ms)))
    }

    /// The width of these pieces on one line.
    pub fn width(&self, from: usize, to: usize) -> usize {
        self.widths[to] - self.widths[from] - usize::from(self.tokens[from].blank_before)
    }

    /// What setting these pieces in at most `lines` lines costs; none where it can't be done.
    fn line_cost(&self, from: usize, to: usize, lines: usize) -> Option<Cost> {
        self.best_line(from, to, lines).map(|(cost, _)| cost)
    }

    /// The cheapest first line of these pieces: the cost of all lines, and where the second one begins. Another speaker
    /// always begins a line.
    fn best_line(&self, from: usize, to: usize, lines: usize) -> Option<(Cost, usize)> {
        let line_width = self.rules.line_width();
        let is_single = to == from + 1;
        let speakers = self.changes[to] - self.changes[from + 1];
        if speakers == 0 && (self.width(from, to) <= line_width || is_single) {
            return Some((self.number_cost(from, to), to));
        }
        if lines <= 1 || speakers >= lines {
            return None;
        }
        let mut best: Option<(Cost, usize)> = None;
        // From the longest first line that fits down to the shortest that leaves room for the rest.
        for next in from + 1..to {
            let first = self.width(from, next);
            if (first > line_width && next > from + 1) || self.changes[next] > self.changes[from + 1] {
                break;
            }
            if self.width(next, to) > line_width * (lines - 1) + lines {
                continue;
            }
            let Some(rest) = self.line_cost(next, to, lines - 1) else {
                continue;
            };
            let rest_width = self.width(next, to);
            let uneven = first.abs_diff(rest_width) + first.saturating_sub(rest_width);
            let cost = rest
                + LINE
                + line_break(self.tokens[next].break_before)
                + uneven as Cost
                + self.number_cost(from, next);
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, next));
            }
        }
        best
    }

    fn number_cost(&self, from: usize, to: usize) -> Cost {
        let is_number = to == from + 1 && self.tokens[from].text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { NUMBER_LINE } else { 0 }
    }

    /// What a cue of these pieces costs, its lines aside.
    fn cue_cost(&self, from: usize, to: usize, spoken_until_ms: u64) -> Cost {
        let lasts_ms = self
            .end_ms(from, to, spoken_until_ms)
            .saturating_sub(self.tokens[from].start_ms);
        let pause_after_ms = self
            .tokens
            .get(to)
            .map(|next| next.start_ms.saturating_sub(self.tokens[to - 1].end_ms));
        let mut cost = CUE
            + self.tokens.get(to).map_or(0, |next| {
                cue_break(next.break_before, pause_after_ms.unwrap_or(0))
            });
        if lasts_ms > self.rules.max_ms {
            cost += TOO_LONG;
        }
        if lasts_ms < self.rules.min_ms {
            cost += TOO_SHORT + (self.rules.min_ms - lasts_ms);
        } else {
            cost += COMFORTABLE_MS.saturating_sub(lasts_ms) / 4;
        }
        cost += speed_cost(self.width(from, to), lasts_ms, self.rules);
        cost += match self.words[to] - self.words[from] {
            1 => ONE_WORD,
            2 => TWO_WORDS,
            _ => 0,
        };
        if self.sentences[to - 1] > self.sentences[from] && !self.tokens[to - 1].ends_sentence {
            cost += SENTENCE_INSIDE;
        }
        let speakers = self.changes[to] - self.changes[from + 1];
        cost + SHARED_CUE * speakers as Cost + (self.pauses[to] - self.pauses[from + 1])
    }
}

/// What ending a cue there costs. A pause after it makes any place better.
pub(crate) fn cue_break(quality: Break, pause_ms: u64) -> Cost {
    let cost = match quality {
        Break::Sentence => 0,
        Break::Clause => 40,
        Break::Conjunction => 90,
        Break::Preposition => 120,
        Break::Plain => 190,
        Break::Inside => 600,
        Break::Bad => 1_800,
        Break::Glued => 6_000,
    };
    match pause_ms {
        0..250 => cost,
        250..500 => cost * 3 / 4,
        500..1_000 => cost / 2,
        _ => cost / 3,
    }
}

/// What ending a line there costs.
fn line_break(quality: Break) -> Cost {
    match quality {
        Break::Sentence => 0,
        Break::Clause => 10,
        Break::Conjunction => 20,
        Break::Preposition => 30,
        Break::Plain => 55,
        Break::Inside => 250,
        Break::Bad => 1_200,
        Break::Glued => 4_000,
    }
}

/// What a pause inside a cue costs: a little where the speaker takes breath, a lot where the screen would show words
/// long before they are said.
fn pause_cost(pause_ms: u64) -> Cost {
    match pause_ms {
        0..=600 => 0,
        601..2_000 => (pause_ms - 600) / 4,
        _ => LONG_PAUSE,
    }
}

/// What it costs to show `width` characters for so long.
pub(crate) fn speed_cost(width: usize, lasts_ms: u64, rules: &LayoutRules) -> Cost {
    // In thousandths of a character a second.
    let speed = (width as u64).saturating_mul(1_000_000) / lasts_ms.max(1);
    let (limit, good) = (
        milli(rules.max_chars_per_second),
        milli(rules.good_chars_per_second),
    );
    if speed > limit {
        TOO_FAST + ((speed - limit) / 1_000).min(1_000) * EACH_CHAR_TOO_FAST
    } else {
        speed.saturating_sub(good) * EACH_CHAR_FAST / 1_000
    }
}

/// Thousandths; the cast saturates.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates; below 0 is 0"
)]
fn milli(per_second: f64) -> u64 {
    (per_second * 1_000.0) as u64
}
