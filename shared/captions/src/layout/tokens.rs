//! The pieces that a layout puts together: words with their punctuation, labels and marks, each with its width.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::language::{Break, Features, Grammar, is_spaceless, line_breaks, needs_dictionary, opens};
use crate::plain::{self, clean_line, is_invisible};
use crate::rules::LayoutRules;
use crate::transcript::{SpeakerId, Transcript, Word, WordKind};
use crate::width::{grapheme_width, width};

/// Words of scripts without blanks are cut into characters from this width on, so that lines can be filled.
const WIDE_SPACELESS: usize = 12;

/// One piece that no line break cuts.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts about one piece, each with a name"
)]
pub(crate) struct Token {
    /// As shown, without blanks around it.
    pub text: String,
    pub width: usize,
    pub start_ms: u64,
    pub end_ms: u64,
    /// Whether a blank stands before it in a line.
    pub blank_before: bool,
    /// Whether another speaker begins here.
    pub changes_speaker: bool,
    /// Whether it is speech: not a label, a mark or a sound.
    pub is_speech: bool,
    /// How good it is to break before it.
    pub break_before: Break,
    /// Whether the piece ends a sentence.
    pub ends_sentence: bool,
    /// The place of the first word that is shown in it, or that it is the label of. Punctuation that closes belongs to the
    /// piece before it.
    pub word: usize,
}

/// What a layout that goes on has to know of the words before: who spoke, and whether a quotation is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    speaker: Option<SpeakerId>,
    /// By first appearance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    speakers: Vec<SpeakerId>,
    #[serde(default)]
    inside_quotes: bool,
}

impl Before {
    /// The pieces of `words`, which follow, and how many of the words are in them: opening punctuation at the end, whose
    /// word is yet to come, is not.
    pub fn tokens(&self, words: &Transcript, rules: &LayoutRules, grammar: &Grammar) -> (Vec<Token>, usize) {
        let mut builder = Builder::after(self, words, rules, grammar);
        let shown = if builder.opening.is_empty() {
            words.words.len()
        } else {
            builder.word
        };
        builder.opening.clear();
        (builder.finish(), shown)
    }

    /// The pieces of `words`, which are the last.
    pub fn last_tokens(&self, words: &Transcript, rules: &LayoutRules, grammar: &Grammar) -> Vec<Token> {
        Builder::after(self, words, rules, grammar).finish()
    }

    /// What is to be known once `words` are before, too.
    pub fn and(&self, words: &Transcript, rules: &LayoutRules, grammar: &Grammar) -> Self {
        let builder = Builder::after(self, words, rules, grammar);
        let mut speakers: Vec<(usize, SpeakerId)> = builder
            .numbers
            .iter()
            .map(|(speaker, number)| (*number, (*speaker).clone()))
            .collect();
        speakers.sort_by_key(|(number, _)| *number);
        Self {
            speaker: builder.speaker.cloned(),
            speakers: speakers.into_iter().map(|(_, speaker)| speaker).collect(),
            inside_quotes: builder.inside_quotes,
        }
    }
}

/// Cuts the words of `transcript` into pieces of at most a line's width.
pub(crate) fn tokens(transcript: &Transcript, rules: &LayoutRules, grammar: &Grammar) -> Vec<Token> {
    let mut builder = Builder::new(transcript, rules, grammar);
    for (place, word) in transcript.words.iter().enumerate() {
        builder.add(place, word);
    }
    builder.finish()
}

/// Cuts running text into pieces, its time shared out by width. `label` (`[Speaker 1]`, `>>`) is shown before it and
/// holds on to its first word; empty for none.
pub(crate) fn tokens_of_text(
    label: &str,
    text: &str,
    (start_ms, end_ms): (u64, u64),
    rules: &LayoutRules,
    grammar: &Grammar,
) -> Vec<Token> {
    let transcript = Transcript::new(None, Vec::new(), 0);
    let mut builder = Builder::new(&transcript, rules, grammar);
    if !label.is_empty() {
        builder.pieces(label, &Word::new("", start_ms, start_ms), false, false);
        builder.glued.push(builder.tokens.len());
    }
    builder.pieces(text, &Word::new("", start_ms, end_ms), true, false);
    builder.finish()
}

struct Builder<'a> {
    transcript: &'a Transcript,
    rules: &'a LayoutRules,
    grammar: &'a Grammar,
    tokens: Vec<Token>,
    /// Places in `tokens` where a piece goes on the one before it: no break between them if it can be helped.
    glued: Vec<usize>,
    speaker: Option<&'a SpeakerId>,
    numbers: HashMap<&'a SpeakerId, usize>,
    /// Opening punctuation that waits for its word.
    opening: String,
    inside_quotes: bool,
    /// The place of the word at work, or of the opening punctuation before it.
    word: usize,
}

impl<'a> Builder<'a> {
    fn new(transcript: &'a Transcript, rules: &'a LayoutRules, grammar: &'a Grammar) -> Self {
        Self {
            transcript,
            rules,
            grammar,
            tokens: Vec::with_capacity(transcript.words.len()),
            glued: Vec::new(),
            speaker: None,
            numbers: HashMap::new(),
            opening: String::new(),
            inside_quotes: false,
            word: 0,
        }
    }

    /// With all words of `transcript`, which follow what was before.
    fn after(
        before: &'a Before,
        transcript: &'a Transcript,
        rules: &'a LayoutRules,
        grammar: &'a Grammar,
    ) -> Self {
        let mut builder = Self {
            speaker: before.speaker.as_ref(),
            numbers: before.speakers.iter().zip(1..).collect(),
            inside_quotes: before.inside_quotes,
            ..Self::new(transcript, rules, grammar)
        };
        for (place, word) in transcript.words.iter().enumerate() {
            builder.add(place, word);
        }
        builder
    }

    fn add(&mut self, place: usize, word: &'a Word) {
        if self.opening.is_empty() {
            self.word = place;
        }
        match word.kind {
            WordKind::Punctuation => self.punctuation(word),
            WordKind::AudioTag if !self.rules.audio_tags => {}
            WordKind::AudioTag => {
                let text = word.text.trim();
                if !self.opening.is_empty() {
                    let opening = std::mem::take(&mut self.opening);
                    self.pieces(
                        &opening,
                        &Word::new("", word.start_ms, word.start_ms),
                        true,
                        false,
                    );
                    self.word = place;
                }
                let is_marked = text.starts_with(['[', '(', '\u{266a}']);
                let text = if is_marked {
                    text.to_owned()
                } else {
                    format!("[{text}]")
                };
                self.pieces(&text, word, false, false);
            }
            WordKind::Word => {
                let changes = self.speaker_change(word);
                let text = std::mem::take(&mut self.opening) + &word.text;
                self.pieces(&text, word, true, changes);
            }
        }
    }

    /// Notes who speaks; on a change, puts the marks and labels asked for. True where the word itself, with no label
    /// before it, begins another speaker's words.
    fn speaker_change(&mut self, word: &'a Word) -> bool {
        let Some(speaker) = word
            .speaker
            .as_ref()
            .filter(|speaker| self.speaker != Some(speaker))
        else {
            return false;
        };
        let is_change = self.speaker.is_some();
        self.speaker = Some(speaker);
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(speaker).or_insert(next);
        let mut labels = String::new();
        if self.rules.speaker_change_marks && is_change {
            labels.push_str(">> ");
        }
        if self.rules.speaker_labels {
            let label = self.transcript.speaker_names.get(speaker).map_or_else(
                || format!("[Speaker {number}]"),
                |name| format!("[{}]", name.trim()),
            );
            labels.push_str(&label);
        }
        if labels.is_empty() {
            return is_change;
        }
        let at = Word::new("", word.start_ms, word.start_ms);
        self.pieces(&labels, &at, false, is_change);
        self.glued.push(self.tokens.len());
        false
    }

    fn punctuation(&mut self, word: &Word) {
        let mark = &clean_line(&word.text);
        let is_opening = match mark.as_str() {
            "\"" => {
                self.inside_quotes = !self.inside_quotes;
                self.inside_quotes
            }
            // Opens in English, closes in German.
            "\u{201c}" => {
                let closes = self.inside_quotes;
                self.inside_quotes = false;
                !closes
            }
            "\u{201e}" => {
                self.inside_quotes = true;
                true
            }
            _ => mark
                .chars()
                .all(|c| "\u{bf}\u{a1}([{\u{2018}\u{ab}\u{2039}\u{300c}\u{300e}\u{ff08}".contains(c)),
        };
        if is_opening || !self.opening.is_empty() {
            self.opening.push_str(mark);
            return;
        }
        let room = self.rules.line_width();
        if let Some(token) = self.tokens.last_mut().filter(|token| token.is_speech) {
            // Together, since a mark may widen what it follows (a variation selector after a digit).
            let joined = token.text.clone() + mark;
            let joined_width = width(&joined);
            if joined_width <= room {
                token.text = joined;
                token.width = joined_width;
                return;
            }
        }
        let at = self.tokens.len();
        let at_ms = self.tokens.last().map_or(word.start_ms, |token| token.end_ms);
        self.pieces(mark, &Word::new("", at_ms, at_ms), true, false);
        let (before, after) = self.tokens.split_at_mut(at);
        if let (Some(before), Some(token)) = (before.last(), after.first_mut()) {
            token.blank_before = false;
            // What it takes in a line behind its word.
            let joined_width = width(&(before.text.clone() + &token.text));
            token.width = token.width.max(joined_width.saturating_sub(before.width));
            self.glued.push(at);
        }
    }

    /// Adds `text` as the pieces that fit a line: at blanks, in scripts without blanks between characters, and where
    /// one is still too wide, anywhere. The word's time is shared out by width.
    fn pieces(&mut self, text: &str, word: &Word, is_speech: bool, changes_speaker: bool) {
        let total = width(text).max(1);
        let mut done = 0;
        let mut is_first = true;
        for part in plain::words(text) {
            let pieces = split(&part, self.rules.line_width()).into_iter();
            // A line cut at a no-break blank would show nothing.
            let seen = pieces.filter(|(piece, _)| !piece.chars().all(is_invisible));
            for (place, (piece, may_begin)) in seen.enumerate() {
                let piece_width = width(piece);
                if place > 0 && !may_begin {
                    self.glued.push(self.tokens.len());
                }
                if place == 0 && !is_first && !is_speech {
                    self.glued.push(self.tokens.len());
                }
                let last = self
                    .tokens
                    .last()
                    .and_then(|token| token.text.chars().next_back());
                // A blank inside the text is meant; one between two words may only be the engine's way to tell them.
                let touches_spaceless = is_first
                    && is_speech
                    && self.tokens.last().is_some_and(|token| token.is_speech)
                    && sticks(last, piece.chars().next());
                self.tokens.push(Token {
                    text: piece.to_owned(),
                    width: piece_width,
                    start_ms: share(word, done, total),
                    end_ms: share(word, done + piece_width, total),
                    blank_before: place == 0 && !touches_spaceless,
                    changes_speaker: is_first && changes_speaker,
                    is_speech,
                    break_before: Break::Plain,
                    ends_sentence: false,
                    word: self.word,
                });
                done += piece_width;
                is_first = false;
            }
        }
    }

    /// Says how good each break is, now that every piece has its punctuation.
    fn finish(mut self) -> Vec<Token> {
        if !self.opening.is_empty() {
            let end_ms = self.tokens.last().map_or(0, |token| token.end_ms);
            let opening = std::mem::take(&mut self.opening);
            self.pieces(&opening, &Word::new("", end_ms, end_ms), true, false);
        }
        let features: Vec<Features> = self
            .tokens
            .iter()
            .map(|token| self.grammar.features(&token.text))
            .collect();
        let last_characters: Vec<Option<char>> = self
            .tokens
            .iter()
            .map(|token| token.text.chars().next_back())
            .collect();
        let mut starts_sentence = true;
        for (at, pair) in features.windows(2).enumerate() {
            let token = &mut self.tokens[at + 1];
            token.break_before = if token.changes_speaker {
                Break::Sentence
            } else {
                self.grammar.quality(&pair[0], &pair[1], starts_sentence)
            };
            // Where words need no blanks, a blank ends a phrase.
            let is_phrase_end = token.blank_before && token.break_before == Break::Plain && {
                let last = last_characters[at];
                sticks(last, token.text.chars().next())
            };
            if is_phrase_end {
                token.break_before = Break::Clause;
            }
            starts_sentence = pair[0].ends_sentence || token.changes_speaker;
        }
        for at in self.glued {
            if let Some(token) = self.tokens.get_mut(at) {
                token.break_before = Break::Glued;
            }
        }
        for (token, features) in self.tokens.iter_mut().zip(&features) {
            token.ends_sentence = features.ends_sentence;
        }
        self.tokens
    }
}

/// The time in `word` at `done` of `total` parts.
fn share(word: &Word, done: usize, total: usize) -> u64 {
    let length_ms = u128::from(word.end_ms.saturating_sub(word.start_ms));
    let part = length_ms * (done as u128) / (total.max(1) as u128);
    word.start_ms
        .saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
}

/// Whether words are written together that end and begin so.
fn sticks(before: Option<char>, after: Option<char>) -> bool {
    let is_cjk = |c: char| is_spaceless(c) && !needs_dictionary(c);
    match (before, after) {
        (Some(before), Some(after)) => {
            is_cjk(before) || is_cjk(after) || is_spaceless(before) && is_spaceless(after)
        }
        _ => false,
    }
}

/// Cuts a word that is too wide for a line, or of a script without blanks and long, into pieces. Says of each whether a
/// line may well begin with it.
fn split(word: &str, line_width: usize) -> Vec<(&str, bool)> {
    let word_width = width(word);
    let cuts_characters = word_width >= WIDE_SPACELESS && word.contains(is_spaceless);
    if word_width <= line_width && !cuts_characters {
        return vec![(word, true)];
    }
    let breaks = if cuts_characters && word.contains(needs_dictionary) {
        line_breaks(word)
    } else {
        Vec::new()
    };
    let mut pieces = Vec::new();
    let (mut from, mut held, mut may_begin) = (0, 0, true);
    for (at, grapheme) in word.grapheme_indices(true) {
        let wide = grapheme_width(grapheme);
        let may_break = cuts_characters
            && if grapheme.starts_with(needs_dictionary) {
                breaks.binary_search(&at).is_ok()
            } else {
                grapheme.starts_with(is_spaceless)
                    || grapheme.starts_with(opens) && word[..at].ends_with(is_spaceless)
            };
        if (may_break || held + wide > line_width) && at > from {
            pieces.push((&word[from..at], may_begin));
            (from, held, may_begin) = (at, 0, may_break);
        }
        held += wide;
    }
    pieces.push((&word[from..], may_begin));
    pieces
}

/// A word of a script without blanks, where it is long, as words of some characters each, between which a layout puts no
/// blank; its time is shared out by width. Any other word as it is.
pub(crate) fn chunks(word: Word, line_width: usize) -> Vec<Word> {
    let total = width(&word.text);
    if total < WIDE_SPACELESS || !word.text.contains(is_spaceless) {
        return vec![word];
    }
    let mut texts: Vec<String> = Vec::new();
    for (piece, may_begin) in split(&word.text, line_width) {
        let goes_on = texts.last_mut().filter(|text| {
            !may_begin
                || width(text) < WIDE_SPACELESS
                || !sticks(text.chars().next_back(), piece.chars().next())
        });
        match goes_on {
            Some(text) => text.push_str(piece),
            None => texts.push(piece.to_owned()),
        }
    }
    let mut done = 0;
    texts
        .into_iter()
        .map(|text| {
            let from = done;
            done += width(&text);
            Word {
                start_ms: share(&word, from, total),
                end_ms: share(&word, done, total),
                text,
                ..word.clone()
            }
        })
        .collect()
}
