//! Words to sentences for a translator, and its text back to words.

use serde::{Deserialize, Serialize};

use super::LiveRules;
use super::words::{Run, insert, runs, start_of};
use crate::error::CaptionError;
use crate::language::{Grammar, primary};
use crate::layout::{Before, Token, cue_break};
use crate::passages::{Passage, PassageRules, retimed_transcript, transcript_passages};
use crate::rules::LayoutRules;
use crate::transcript::{Transcript, Word, WordKind};

/// A silence this long ends a sentence.
const PAUSE_MS: u64 = 1_000;
/// A sentence that lasts longer is translated in parts: nobody waits for its end.
const LONGEST_MS: u64 = 8_000;

/// Sentences of words that come in while somebody speaks, to be translated whole. Serialisable as
/// [`super::LiveLayout`] is; holds a sentence's words at most.
///
/// A sentence is complete with its full stop, where another speaker begins, after a silence of a second, and after eight
/// seconds at the place that breaks best.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SentenceGatherer {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Word>,
    #[serde(default)]
    heard_until_ms: u64,
    #[serde(default)]
    last_start_ms: u64,
}

impl SentenceGatherer {
    /// Takes final words, and answers the sentences that are complete, in the order said, none blank. `rules` are those of
    /// the language spoken; of them the language counts, and whether sounds are wanted.
    ///
    /// Order and `heard_until_ms` are as in [`super::LiveLayout::push`], and so is what follows from them: the sentences are
    /// the same however the words are shared out among calls.
    pub fn push(&mut self, words: Vec<Word>, heard_until_ms: u64, rules: &LiveRules) -> Vec<Passage> {
        let grammar = Grammar::of(&rules.language);
        let mut found = Vec::new();
        for mut run in runs(words, usize::MAX) {
            if let Some(start_ms) = start_of(&run) {
                self.hear(start_ms, grammar, rules, &mut found);
            }
            run.retain(|word| rules.audio_tags || word.kind != WordKind::AudioTag);
            self.take(run, grammar, rules, &mut found);
        }
        self.hear(heard_until_ms, grammar, rules, &mut found);
        found
    }

    /// The end of the stream: answers whatever is left. Safe to repeat: then nothing is.
    pub fn finish(&mut self, rules: &LiveRules) -> Vec<Passage> {
        let mut found = Vec::new();
        let count = self.pending.len();
        self.give(count, rules, &mut found);
        found
    }

    /// Up to where everything heard is in the sentences given: what the layout of their translation has heard, in
    /// milliseconds from the start of the media.
    pub fn given_until_ms(&self) -> u64 {
        self.pending
            .iter()
            .find(|word| word.kind != WordKind::Punctuation)
            .map_or(self.heard_until_ms, |word| word.start_ms.min(self.heard_until_ms))
    }

    fn take(&mut self, mut run: Run, grammar: &Grammar, rules: &LiveRules, found: &mut Vec<Passage>) {
        if let Some(start_ms) = start_of(&run) {
            if start_ms < self.last_start_ms {
                return insert(&mut self.pending, run);
            }
            self.last_start_ms = start_ms;
            let before = self.pending.iter().rev().find_map(|word| word.speaker.as_ref());
            let speaker = run.iter().find_map(|word| word.speaker.as_ref());
            let changes_speaker = before.is_some() && speaker.is_some() && before != speaker;
            let (tokens, shown) = tokens(&self.pending, grammar);
            if changes_speaker || tokens.last().is_some_and(|last| last.ends_sentence) {
                self.give(shown, rules, found);
            }
        }
        self.pending.append(&mut run);
    }

    /// Gives what is complete because nobody has said more until then.
    fn hear(&mut self, until_ms: u64, grammar: &Grammar, rules: &LiveRules, found: &mut Vec<Passage>) {
        self.heard_until_ms = self.heard_until_ms.max(until_ms);
        while self.pending.iter().any(|word| word.kind != WordKind::Punctuation) {
            let (tokens, shown) = tokens(&self.pending, grammar);
            let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
                return;
            };
            let spoken_until_ms = tokens.iter().map(|token| token.end_ms).max().unwrap_or(0);
            let pause_ms = if last.ends_sentence { 0 } else { PAUSE_MS };
            if self.heard_until_ms >= spoken_until_ms.saturating_add(pause_ms) {
                self.give(shown, rules, found);
            } else if self.heard_until_ms >= first.start_ms.saturating_add(LONGEST_MS).max(spoken_until_ms) {
                self.give(best_cut(&tokens).unwrap_or(shown), rules, found);
            } else {
                return;
            }
        }
    }

    fn give(&mut self, count: usize, rules: &LiveRules, found: &mut Vec<Passage>) {
        let words: Vec<Word> = self.pending.drain(..count).collect();
        let language = Some(rules.language.clone()).filter(|tag| !primary(tag).is_empty());
        let sentence = Transcript::new(language, words, 0);
        found.extend(transcript_passages(&sentence, &PassageRules::default()));
    }
}

/// `texts[n]`, the translation of `passages[n]`, as words over the passage's time, for the [`super::LiveLayout`] of the
/// translation. A blank text gives no words. Fails where there are not as many texts as passages.
pub fn translated_words<S: AsRef<str>>(passages: &[Passage], texts: &[S]) -> Result<Vec<Word>, CaptionError> {
    retimed_transcript(passages, texts, "", 0).map(|transcript| transcript.words)
}

/// The pieces of these words on lines without an end, and how many of the words are in them.
fn tokens(words: &[Word], grammar: &Grammar) -> (Vec<Token>, usize) {
    let rules = LayoutRules {
        max_chars_per_line: u32::MAX,
        audio_tags: true,
        ..LayoutRules::default()
    };
    Before::default().tokens(&Transcript::new(None, words.to_vec(), 0), &rules, grammar)
}

/// How many words to give of a sentence that goes on: up to the best place in its second half.
fn best_cut(tokens: &[Token]) -> Option<usize> {
    let half = tokens.len() / 2;
    tokens
        .windows(2)
        .enumerate()
        .skip(half.saturating_sub(1))
        .filter(|(_, pair)| pair[1].word > pair[0].word)
        .min_by_key(|(at, pair)| {
            let pause_ms = pair[1].start_ms.saturating_sub(pair[0].end_ms);
            (cue_break(pair[1].break_before, pause_ms), usize::MAX - at)
        })
        .map(|(_, pair)| pair[1].word)
}
