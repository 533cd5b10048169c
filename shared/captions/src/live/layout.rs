//! Words to captions, word by word.

use serde::{Deserialize, Serialize};

use super::words::{Run, insert, items, runs, start_of};
use super::{LiveCaption, LiveRules};
use crate::language::Grammar;
use crate::layout::{Before, Cost, Search, Token, cue_break, end_ms, lines_of};
use crate::profanity::{Capitals, Profanity};
use crate::rules::LayoutRules;
use crate::transcript::{Transcript, Word, WordKind};

/// A silence this long after a word ends its caption. No shorter than a caption lingers.
const PAUSE_MS: u64 = 700;
/// What it costs to keep back a character that has been heard, in the points of a layout.
const EACH_CHAR_KEPT_BACK: Cost = 12;

/// What is laid out of words that come in while somebody speaks. Serialisable: between two calls it lies in the stream's
/// record. It holds what is not yet given out, at most a caption's worth.
///
/// A caption goes out as soon as one of these is so:
/// - its last word ends a sentence, or another speaker begins, and it has lasted for as long as a caption is shown at least;
/// - nobody has spoken for 700 ms;
/// - the next word doesn't fit its lines, or its first word has waited for [`LiveRules::longest_wait_ms`]. Then it ends at
///   the place that breaks best, and what is behind that begins the next one.
///
/// Times are those of the words: in with the first one (at once after the caption before, where the gap would be a
/// flicker), out up to half a second after the last, as far as is known that nobody has spoken until then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveLayout {
    /// Words that have not gone out, with times from `given_until_ms` on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Word>,
    /// What the words were that have.
    #[serde(default)]
    before: Before,
    /// The end of the last caption given out.
    #[serde(default)]
    given_until_ms: u64,
    /// Up to where everything has been heard.
    #[serde(default)]
    heard_until_ms: u64,
    /// When the last word in order started.
    #[serde(default)]
    last_start_ms: u64,
    #[serde(default)]
    late_words: u64,
    #[serde(default)]
    capitals: Capitals,
}

impl LiveLayout {
    /// Takes final words, and answers the captions that are complete.
    ///
    /// Words come in the order said, punctuation of its own behind its word (or before, where it opens) in the same call.
    /// `heard_until_ms` says that no word that starts before it is still to come; a value lower than an earlier one says
    /// nothing. As long as both hold, the captions are the same however the words are shared out among calls, and so are
    /// their times; only in which call they come differs.
    ///
    /// Where they don't hold, nothing is lost and nothing overlaps: a word that comes too late for its place stands where
    /// it can, and one that starts before the end of what was given out is said to start there, and counted by
    /// [`LiveLayout::late_words`]. Blank words are left out, and sounds unless the rules ask for them. Not safe to repeat:
    /// the same words again are words said again.
    pub fn push(&mut self, words: Vec<Word>, heard_until_ms: u64, rules: &LiveRules) -> Vec<LiveCaption> {
        let layout_rules = rules.layout_rules();
        let mut desk = Desk::new(self, rules, &layout_rules);
        let profanity = rules
            .remove_profanity
            .then(|| Profanity::for_language(&rules.language));
        for mut run in runs(words, layout_rules.line_width()) {
            if !rules.audio_tags && run.iter().any(|word| word.kind == WordKind::AudioTag) {
                // It is not shown, and yet what was said before it is over.
                desk.hear(start_of(&run).unwrap_or(0));
                run.retain(|word| word.kind != WordKind::AudioTag);
            }
            if let Some(profanity) = &profanity {
                for word in run.iter_mut().filter(|word| word.kind == WordKind::Word) {
                    desk.state.capitals.count(&word.text);
                    word.text = profanity.clean(&word.text, desk.state.capitals.are_used());
                }
            }
            desk.take(run);
        }
        desk.hear(heard_until_ms);
        desk.given
    }

    /// Answers the words that wait as a caption, where whoever sent them means them as one (a stenographer's line). The
    /// layout goes on behind it.
    pub fn flush(&mut self, rules: &LiveRules) -> Vec<LiveCaption> {
        let layout_rules = rules.layout_rules();
        let mut desk = Desk::new(self, rules, &layout_rules);
        let heard_until_ms = desk.state.heard_until_ms;
        desk.give_rest(Some(heard_until_ms));
        desk.given
    }

    /// The end of the stream: answers whatever is left. Safe to repeat: then nothing is.
    pub fn finish(&mut self, rules: &LiveRules) -> Vec<LiveCaption> {
        let layout_rules = rules.layout_rules();
        let mut desk = Desk::new(self, rules, &layout_rules);
        desk.give_rest(None);
        desk.given
    }

    /// How many words came that started before the end of what had been given out already.
    pub fn late_words(&self) -> u64 {
        self.late_words
    }

    /// The end of the last caption given out, in milliseconds from the start of the media; 0 before the first.
    pub fn given_until_ms(&self) -> u64 {
        self.given_until_ms
    }

    /// Whether words wait for their caption.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// A layout at work.
struct Desk<'a> {
    state: &'a mut LiveLayout,
    rules: &'a LayoutRules,
    grammar: &'static Grammar,
    wait_ms: u64,
    given: Vec<LiveCaption>,
}

impl<'a> Desk<'a> {
    fn new(state: &'a mut LiveLayout, rules: &LiveRules, layout_rules: &'a LayoutRules) -> Self {
        Self {
            state,
            rules: layout_rules,
            grammar: Grammar::of(&rules.language),
            wait_ms: rules.wait_ms(),
            given: Vec::new(),
        }
    }

    /// Takes the next word with what belongs to it.
    fn take(&mut self, mut run: Run) {
        let Some(start_ms) = start_of(&run) else {
            self.state.pending.append(&mut run);
            return self.fit();
        };
        // Words come in the order said: nobody has spoken between the last one and this.
        self.hear(start_ms);
        let given_ms = self.state.given_until_ms;
        self.state.late_words += u64::from(start_ms < given_ms);
        for word in &mut run {
            word.start_ms = word.start_ms.max(given_ms);
            word.end_ms = word.end_ms.max(word.start_ms);
        }
        if start_ms < self.state.last_start_ms {
            insert(&mut self.state.pending, run);
            return self.fit();
        }
        self.state.last_start_ms = start_ms;
        if let Some(first) = run.first() {
            if !self.has_words() {
                // What waits for a word is shown with it.
                for mark in &mut self.state.pending {
                    (mark.start_ms, mark.end_ms) = (first.start_ms, first.start_ms);
                }
            }
            self.close_before(first);
        }
        for word in run {
            self.state.pending.push(word);
            self.fit();
        }
    }

    /// Gives out what is complete because nobody has said more until then.
    fn hear(&mut self, until_ms: u64) {
        self.state.heard_until_ms = self.state.heard_until_ms.max(until_ms);
        while self.has_words() {
            let tokens = self.tokens(&self.state.pending).0;
            let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
                return;
            };
            let spoken_until_ms = spoken_until(&tokens);
            let ripe_ms = first.start_ms.saturating_add(self.rules.min_ms);
            let pause_ms = if last.ends_sentence { 0 } else { PAUSE_MS };
            let whole_ms = spoken_until_ms.saturating_add(pause_ms).max(ripe_ms);
            let waited_ms = first.start_ms.saturating_add(self.wait_ms).max(spoken_until_ms);
            let due_ms = whole_ms.min(waited_ms);
            if self.state.heard_until_ms < due_ms {
                return;
            }
            let to = if whole_ms <= waited_ms {
                tokens.len()
            } else {
                self.best_cut(&tokens, tokens.len())
            };
            self.give(&tokens, to, Some(due_ms));
        }
    }

    /// Gives out what ends where `word` begins: a sentence, a speaker's words, or what has waited for long enough.
    fn close_before(&mut self, word: &Word) {
        while self.has_words() {
            let mut words = self.state.pending.clone();
            words.push(word.clone());
            let tokens = self.tokens(&words).0;
            let at = start_of_last(&tokens);
            if at == 0 {
                return;
            }
            let lasts_ms = word.start_ms.saturating_sub(tokens[0].start_ms);
            let is_whole = tokens[at - 1].ends_sentence || tokens[at].changes_speaker;
            if is_whole && lasts_ms >= self.rules.min_ms {
                self.give(&tokens, at, None);
            } else if lasts_ms >= self.wait_ms {
                self.give(&tokens, self.best_cut(&tokens, at), None);
            } else {
                return;
            }
        }
    }

    /// Gives out of the words that wait what leaves the others room in the lines of one caption.
    fn fit(&mut self) {
        loop {
            let tokens = self.tokens(&self.state.pending).0;
            if tokens.is_empty() || Search::new(&tokens, self.rules).fits(0, tokens.len()) {
                return;
            }
            let to = match start_of_last(&tokens) {
                // A single word.
                0 => tokens.len(),
                last => self.best_cut(&tokens, last),
            };
            self.give(&tokens, to, None);
        }
    }

    /// Gives out whatever waits. `heard_until_ms` is up to when nobody has said more, where more may come.
    fn give_rest(&mut self, heard_until_ms: Option<u64>) {
        let words = Transcript::new(None, self.state.pending.clone(), 0);
        // Opening punctuation has waited for its word in vain.
        let tokens = self.state.before.last_tokens(&words, self.rules, self.grammar);
        if !tokens.is_empty() {
            let due_ms = heard_until_ms.map(|heard_ms| heard_ms.max(spoken_until(&tokens)));
            self.give(&tokens, tokens.len(), due_ms);
        }
        self.state.pending.clear();
    }

    /// Where the first of two captions best ends: at the start of a word, at `last` at most.
    fn best_cut(&self, tokens: &[Token], last: usize) -> usize {
        let search = Search::new(tokens, self.rules);
        let cost = |to: usize| -> Option<Cost> {
            let kept_back = if to < last { search.width(to, last) } else { 0 } as Cost;
            let mut cost = search.first_cost(to)? + kept_back * EACH_CHAR_KEPT_BACK;
            if to == tokens.len() {
                // It may hold on to a word that is yet to come.
                let features = |text| self.grammar.features(text);
                let end = features(&tokens[to - 1].text);
                cost += cue_break(self.grammar.quality(&end, &features("x"), false), 0);
            }
            Some(cost)
        };
        (1..=last)
            .filter(|to| *to == tokens.len() || tokens[*to].word > tokens[*to - 1].word)
            .filter_map(|to| Some((cost(to)?, to)))
            .min_by_key(|(cost, to)| (*cost, usize::MAX - to))
            .map_or(last, |(_, to)| to)
    }

    /// Gives out the first `to` of the pieces of the words that wait. Where nothing follows, nobody has said more until
    /// `due_ms`; none at the end of all.
    fn give(&mut self, tokens: &[Token], to: usize, due_ms: Option<u64>) {
        let count = match tokens.get(to) {
            Some(next) => next.word,
            None => self.tokens(&self.state.pending).1,
        };
        let words: Vec<Word> = self.state.pending.drain(..count).collect();
        let next_ms = tokens.get(to).map(|next| next.start_ms);
        let tokens = &tokens[..to];
        if let Some(lines) = lines_of(tokens, self.rules) {
            let (start_ms, end_ms) = self.times(tokens, next_ms, due_ms);
            let words = items(&words, (start_ms, end_ms), self.grammar);
            self.hand_out(start_ms, end_ms, words, &lines);
        } else {
            self.give_parts(tokens, &words, next_ms, due_ms);
        }
        let words = Transcript::new(None, words, 0);
        self.state.before = self.state.before.and(&words, self.rules, self.grammar);
    }

    /// The same of a word that is too long for a caption.
    fn give_parts(&mut self, tokens: &[Token], words: &[Word], next_ms: Option<u64>, due_ms: Option<u64>) {
        for (from, to) in Search::new(tokens, self.rules).cuts() {
            let part = &tokens[from..to];
            let next_ms = tokens.get(to).map(|next| next.start_ms).or(next_ms);
            let (start_ms, end_ms) = self.times(part, next_ms, due_ms);
            let pieces: Vec<Word> = part
                .iter()
                .filter(|token| token.is_speech)
                .map(|token| Word {
                    text: token.text.clone(),
                    start_ms: token.start_ms,
                    end_ms: token.end_ms,
                    ..words.get(token.word).cloned().unwrap_or_default()
                })
                .collect();
            let words = items(&pieces, (start_ms, end_ms), self.grammar);
            let lines = lines_of(part, self.rules).unwrap_or_default();
            self.hand_out(start_ms, end_ms, words, &lines);
        }
    }

    /// When these pieces are shown.
    fn times(&self, tokens: &[Token], next_ms: Option<u64>, due_ms: Option<u64>) -> (u64, u64) {
        let given_ms = self.state.given_until_ms;
        let said_ms = tokens.first().map_or(0, |first| first.start_ms);
        let is_flicker = given_ms > 0 && said_ms.saturating_sub(given_ms) < self.rules.gap_ms;
        let start_ms = if is_flicker {
            given_ms
        } else {
            said_ms.max(given_ms)
        };
        let wide = Search::new(tokens, self.rules).width(0, tokens.len());
        let end = end_ms(start_ms, spoken_until(tokens), next_ms, wide, self.rules);
        let latest_ms = next_ms.or(due_ms).unwrap_or(u64::MAX);
        (start_ms, end.min(latest_ms).max(start_ms.saturating_add(1)))
    }

    fn hand_out(&mut self, start_ms: u64, end_ms: u64, words: Vec<Word>, lines: &[String]) {
        self.state.given_until_ms = end_ms;
        self.given.push(LiveCaption {
            start_ms,
            end_ms,
            words,
            text: lines.join("\n"),
        });
    }

    /// The pieces of these words, and how many of the words are in them: opening punctuation at the end is not.
    fn tokens(&self, words: &[Word]) -> (Vec<Token>, usize) {
        let words = Transcript::new(None, words.to_vec(), 0);
        self.state.before.tokens(&words, self.rules, self.grammar)
    }

    fn has_words(&self) -> bool {
        let mut pending = self.state.pending.iter();
        pending.any(|word| word.kind != WordKind::Punctuation)
    }
}

/// When the last of these pieces has been said.
fn spoken_until(tokens: &[Token]) -> u64 {
    tokens.iter().map(|token| token.end_ms).max().unwrap_or(0)
}

/// The place of the first piece of the last word.
fn start_of_last(tokens: &[Token]) -> usize {
    let Some(last) = tokens.last() else { return 0 };
    tokens
        .iter()
        .position(|token| token.word == last.word)
        .unwrap_or(0)
}
