//! Passages: runs of cues or words that belong together, short enough for an engine, to be translated or spoken whole.
//!
//! What comes back from the engine is put into the passages' times by [`crate::retime`] (cues) or
//! [`retimed_transcript`] (words). No text is translated here.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::cue::Cue;
use crate::error::CaptionError;
use crate::language::{Break, Grammar, is_spaceless};
use crate::layout::{Token, tokens};
use crate::phrases::{Pause, Phrase};
use crate::plain::{self, clean_line};
use crate::rules::LayoutRules;
use crate::transcript::{SpeakerId, Transcript, Word, WordKind};
use crate::width::width;

/// The least silence that is a pause within a passage, in milliseconds: about what listeners take for one.
const LEAST_PAUSE_MS: u64 = 300;

/// Where passages end besides at sentences and speakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassageRules {
    /// The longest text of a passage, in bytes of UTF-8: what the engine takes at once. Taken as 16 at least.
    pub max_bytes: usize,
    /// A silence longer than this ends a passage, in milliseconds.
    pub pause_ms: u64,
}

impl Default for PassageRules {
    fn default() -> Self {
        Self {
            max_bytes: 4_500,
            pause_ms: 1_500,
        }
    }
}

/// Some consecutive cues or words: a sentence, or what a speaker says between two pauses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// When its first word is heard or shown, in milliseconds from the start of the media.
    pub start_ms: u64,
    /// When its last word ends, in milliseconds from the start of the media; not before `start_ms`.
    pub end_ms: u64,
    /// One line of plain text, not blank, without the speaker's label.
    pub text: String,
    /// Who speaks: of a transcript the engine's id, of cues the name in the label; none where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<SpeakerId>,
    /// Whether it is a sound in brackets (`[applause]`), to be translated but not to be spoken.
    #[serde(default)]
    pub is_sound: bool,
    /// What stood before the text and goes back there: `>> [Speaker 1]`, `-`.
    #[serde(default)]
    pub(crate) label: String,
    pub(crate) parts: Vec<Part>,
    /// Where the speaker stops for a moment, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pauses: Vec<Pause>,
    /// The text in phrases, each of which is due when the speaker goes on after a pause: two at least, or none. Of a passage
    /// that was [`Passage::reworded`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<Phrase>,
}

impl Passage {
    /// How long it lasts.
    pub fn duration_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms)
    }
}

/// A passage's share of one cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The cue's place in the order of time.
    pub cue: usize,
    /// The cue's own times.
    pub start_ms: u64,
    pub end_ms: u64,
    /// How much of the passage's text it shows.
    pub width: usize,
}

/// The passages of `cues`, in the order of time: each a run of whole cues, or of the lines that one speaker has in a cue
/// shared by two. `language` is a BCP-47 tag and says what an abbreviation is; empty where unknown.
///
/// A passage ends with the cue that ends a sentence, where another speaker's label, `>>` or dialogue dash begins, at a
/// pause, and before it grows too long for `rules`; a cue longer than that is cut. Every word is in one passage, except
/// for the labels, which [`crate::retime`] puts back.
pub fn passages(cues: &[Cue], language: &str, rules: &PassageRules) -> Vec<Passage> {
    let grammar = Grammar::of(language);
    let mut sorted: Vec<&Cue> = cues.iter().collect();
    sorted.sort_by_key(|cue| cue.start_ms);
    let mut units: Vec<Unit> = Vec::new();
    let mut speaker = None;
    for (place, cue) in sorted.into_iter().enumerate() {
        let from = units.len();
        for line in &cue.lines {
            let line = clean_line(line);
            let (label, text) = split_label(line.trim_matches(is_direction));
            if text.is_empty() {
                continue;
            }
            if !label.is_empty() {
                speaker = speaker_of(label, speaker);
            }
            let is_sound = is_sound(text);
            let goes_on = label.is_empty() && !is_sound && units.len() > from;
            if let Some(unit) = units.last_mut().filter(|unit| goes_on && !unit.is_sound) {
                if needs_blank(&unit.text, text) {
                    unit.text.push(' ');
                }
                unit.text.push_str(text);
                continue;
            }
            units.push(Unit {
                text: text.to_owned(),
                blank_before: false,
                start_ms: cue.start_ms,
                end_ms: cue.end_ms.max(cue.start_ms),
                cue: place,
                break_before: Break::Plain,
                ends_sentence: false,
                begins: !label.is_empty(),
                is_sound,
                label: label.to_owned(),
                speaker: speaker.clone(),
            });
        }
    }
    judge(&mut units, grammar);
    group(units, rules)
}

/// The passages of `transcript`, in the order of their starts: sentences, cut at changes of speaker, at pauses, and
/// before they grow too long for `rules`. Every word is in one passage; a sound is a passage of its own and may lie
/// within a sentence's time.
pub fn transcript_passages(transcript: &Transcript, rules: &PassageRules) -> Vec<Passage> {
    let grammar = Grammar::of(transcript.language.as_deref().unwrap_or_default());
    let mut units = Vec::new();
    let mut sounds = Vec::new();
    for run in speaker_runs(&transcript.words) {
        let speaker = run.iter().find_map(|word| word.speaker.clone());
        let (tags, words): (Vec<Word>, Vec<Word>) = run
            .iter()
            .cloned()
            .partition(|word| word.kind == WordKind::AudioTag);
        sounds.extend(tags.iter().filter_map(|tag| sound(tag, speaker.clone())));
        let run = Transcript::new(transcript.language.clone(), words, 0);
        let pieces = tokens(&run, &wide_rules(), grammar);
        units.extend(
            pieces
                .into_iter()
                .enumerate()
                .map(|(place, token)| Unit::of_token(token, place == 0, speaker.clone())),
        );
    }
    let mut found = group(units, rules);
    for passage in &mut found {
        let width = passage.parts.iter().map(|part| part.width).sum();
        passage.parts = vec![Part {
            cue: 0,
            start_ms: passage.start_ms,
            end_ms: passage.end_ms,
            width,
        }];
    }
    found.extend(sounds);
    found.sort_by_key(|passage| passage.start_ms);
    found
}

/// A transcript in another language: `texts[n]` said in the time of `passages[n]`, each word timed by its share of the
/// passage's characters, so that [`crate::lay_out`] can be used on it. Speakers are kept; a blank text gives no words.
/// `language` is that of the texts, as a BCP-47 tag; `duration_ms` the media's length.
///
/// Passes [`Transcript::check`] where `language` is a tag. Fails where there are not as many texts as passages.
pub fn retimed_transcript<S: AsRef<str>>(
    passages: &[Passage],
    texts: &[S],
    language: &str,
    duration_ms: u64,
) -> Result<Transcript, CaptionError> {
    check_count(passages, texts)?;
    let mut words = Vec::new();
    let mut from_ms = 0;
    for (passage, text) in passages.iter().zip(texts) {
        let text = clean_line(text.as_ref());
        if text.is_empty() {
            continue;
        }
        if passage.is_sound {
            let tag = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            words.push(Word {
                kind: WordKind::AudioTag,
                speaker: passage.speaker.clone(),
                ..Word::new(
                    tag.filter(|tag| !tag.trim().is_empty()).unwrap_or(&text),
                    passage.start_ms,
                    passage.end_ms,
                )
            });
            continue;
        }
        // Passages of people who talk at once are told one after the other, as in the source.
        let start_ms = passage.start_ms.max(from_ms);
        let timed = timed_words(&text, start_ms, passage.end_ms.max(start_ms));
        from_ms = timed.last().map_or(from_ms, |word| word.start_ms);
        words.extend(timed.into_iter().map(|word| Word {
            speaker: passage.speaker.clone(),
            ..word
        }));
    }
    words.sort_by_key(|word| word.start_ms);
    let language = (!language.is_empty()).then(|| language.to_owned());
    Ok(Transcript::new(language, words, duration_ms))
}

/// That each passage has its text.
pub(crate) fn check_count<S>(passages: &[Passage], texts: &[S]) -> Result<(), CaptionError> {
    if passages.len() == texts.len() {
        return Ok(());
    }
    Err(CaptionError::PassageCount {
        found: texts.len(),
        expected: passages.len(),
    })
}

/// The words of `text`, each with the share of the time that its characters have of all.
pub(crate) fn timed_words(text: &str, start_ms: u64, end_ms: u64) -> Vec<Word> {
    let mut words: Vec<String> = Vec::new();
    for word in plain::words(text) {
        // Words that are written together would lose a blank that is meant.
        match words.last_mut().filter(|before| !needs_blank(before, &word)) {
            Some(before) => {
                before.push(' ');
                before.push_str(&word);
            }
            None => words.push(word),
        }
    }
    let total = words.iter().map(|word| width(word) + 1).sum::<usize>();
    let total = total.saturating_sub(1).max(1);
    let length_ms = u128::from(end_ms - start_ms);
    let at_ms = |done: usize| {
        let part = length_ms * (done.min(total) as u128) / (total as u128);
        start_ms.saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
    };
    let mut done = 0;
    words
        .into_iter()
        .map(|word| {
            let from = done;
            done += width(&word) + 1;
            Word::new(word, at_ms(from), at_ms(done - 1))
        })
        .collect()
}

/// The smallest thing that goes into a passage: a word of a transcript, the lines of a cue.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts about one unit, each with a name"
)]
struct Unit {
    text: String,
    blank_before: bool,
    start_ms: u64,
    end_ms: u64,
    cue: usize,
    break_before: Break,
    ends_sentence: bool,
    /// Whether a passage begins here whatever was before.
    begins: bool,
    is_sound: bool,
    label: String,
    speaker: Option<SpeakerId>,
}

impl Unit {
    fn of_token(token: Token, begins: bool, speaker: Option<SpeakerId>) -> Self {
        Self {
            text: token.text,
            blank_before: token.blank_before,
            start_ms: token.start_ms,
            end_ms: token.end_ms.max(token.start_ms),
            cue: 0,
            break_before: token.break_before,
            ends_sentence: token.ends_sentence,
            begins,
            is_sound: false,
            label: String::new(),
            speaker,
        }
    }

    /// Itself, or where it is longer than `max_bytes`, its pieces: cut at the last blank that fits, else between
    /// characters.
    fn cut(self, max_bytes: usize) -> Vec<Self> {
        if self.text.len() <= max_bytes {
            return vec![self];
        }
        let total = width(&self.text).max(1) as u128;
        let length_ms = u128::from(self.end_ms - self.start_ms);
        let mut pieces: Vec<Self> = Vec::new();
        let mut rest = self.text.as_str();
        let mut done = 0;
        while !rest.is_empty() {
            let room = fitting(rest, max_bytes);
            let at = if room == rest.len() {
                room
            } else {
                rest[..room].rfind(' ').filter(|at| *at > 0).unwrap_or(room)
            };
            let (text, after) = rest.split_at(at);
            let follows_blank =
                rest.len() < self.text.len() && self.text[..self.text.len() - rest.len()].ends_with(' ');
            let wide = width(text);
            let at_ms = |done: usize| {
                let part = length_ms * (done as u128) / total;
                self.start_ms
                    .saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
                    .min(self.end_ms)
            };
            pieces.push(Self {
                text: text.to_owned(),
                blank_before: if pieces.is_empty() {
                    self.blank_before
                } else {
                    follows_blank
                },
                start_ms: at_ms(done),
                end_ms: at_ms(done + wide),
                cue: self.cue,
                break_before: if pieces.is_empty() {
                    self.break_before
                } else {
                    Break::Plain
                },
                ends_sentence: false,
                begins: self.begins && pieces.is_empty(),
                is_sound: self.is_sound,
                label: if pieces.is_empty() {
                    self.label.clone()
                } else {
                    String::new()
                },
                speaker: self.speaker.clone(),
            });
            done += wide;
            rest = after.trim_start();
        }
        if let Some(last) = pieces.last_mut() {
            last.ends_sentence = self.ends_sentence;
        }
        pieces
    }
}

/// How many bytes of `text` fit into `max_bytes` without cutting a character, and a grapheme only where it doesn't fit.
fn fitting(text: &str, max_bytes: usize) -> usize {
    let mut room = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if at + grapheme.len() > max_bytes {
            break;
        }
        room = at + grapheme.len();
    }
    if room == 0 {
        room = (1..=max_bytes)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(text.len());
    }
    room
}

/// Says of cues' lines how good the place before each is, now that they stand in a row.
fn judge(units: &mut [Unit], grammar: &Grammar) {
    for at in 0..units.len() {
        let (before, rest) = units.split_at_mut(at);
        let Some(unit) = rest.first_mut() else { break };
        let edge = |text: &str, last: bool| {
            let mut words = text.split(' ');
            let word = if last { words.next_back() } else { words.next() };
            grammar.features(word.unwrap_or_default())
        };
        unit.ends_sentence = edge(&unit.text, true).ends_sentence;
        if let Some(before) = before.last() {
            unit.blank_before = needs_blank(&before.text, &unit.text);
            unit.break_before = grammar.quality(&edge(&before.text, true), &edge(&unit.text, false), false);
        }
    }
}

/// Puts units together to passages.
fn group(units: Vec<Unit>, rules: &PassageRules) -> Vec<Passage> {
    let max_bytes = rules.max_bytes.max(16);
    let mut found = Vec::new();
    let mut open: Vec<Unit> = Vec::new();
    let mut length = 0;
    let mut heard_until_ms = 0;
    for unit in units.into_iter().flat_map(|unit| unit.cut(max_bytes)) {
        let begins = open.last().is_some_and(|before| {
            unit.begins
                || before.ends_sentence
                || unit.is_sound != before.is_sound
                || unit.is_sound && unit.cue != before.cue
                || unit.start_ms.saturating_sub(heard_until_ms) > rules.pause_ms
        });
        if begins {
            found.extend(passage(&open));
            open.clear();
            length = 0;
        }
        if length + 1 + unit.text.len() > max_bytes && !open.is_empty() {
            let rest = open.split_off(best_cut(&open, &unit));
            found.extend(passage(&open));
            length = rest.iter().map(|unit| unit.text.len() + 1).sum();
            open = rest;
        }
        // What is kept back from a cut may still be too long together with this one.
        if length + 1 + unit.text.len() > max_bytes && !open.is_empty() {
            found.extend(passage(&open));
            open.clear();
            length = 0;
        }
        heard_until_ms = if open.is_empty() {
            unit.end_ms
        } else {
            heard_until_ms.max(unit.end_ms)
        };
        length += unit.text.len() + usize::from(!open.is_empty());
        open.push(unit);
    }
    found.extend(passage(&open));
    found
}

/// Where to cut a passage that is too long: the best place in its second half, the later the better.
fn best_cut(open: &[Unit], next: &Unit) -> usize {
    let half = open.len().div_ceil(2).max(1);
    (half..=open.len())
        .min_by_key(|at| {
            let unit = open.get(*at).unwrap_or(next);
            (unit.break_before, open.len() - at)
        })
        .unwrap_or(open.len())
}

fn passage(units: &[Unit]) -> Option<Passage> {
    let first = units.first()?;
    let mut text = String::new();
    let mut parts: Vec<Part> = Vec::new();
    let mut pauses: Vec<Pause> = Vec::new();
    let (mut said, mut heard_until_ms) = (0, first.end_ms);
    for unit in units {
        if unit.start_ms >= heard_until_ms + LEAST_PAUSE_MS {
            pauses.push(Pause {
                width: said,
                end_ms: unit.start_ms,
            });
        }
        heard_until_ms = heard_until_ms.max(unit.end_ms);
        if !text.is_empty() && unit.blank_before {
            text.push(' ');
        }
        text.push_str(&unit.text);
        let wide = width(&unit.text);
        said += wide;
        match parts.last_mut().filter(|part| part.cue == unit.cue) {
            Some(part) => {
                part.width += wide;
                part.end_ms = part.end_ms.max(unit.end_ms);
            }
            None => parts.push(Part {
                cue: unit.cue,
                start_ms: unit.start_ms,
                end_ms: unit.end_ms,
                width: wide,
            }),
        }
    }
    let end_ms = units.iter().map(|unit| unit.end_ms).max()?;
    (!text.is_empty()).then(|| Passage {
        start_ms: first.start_ms,
        end_ms,
        text,
        speaker: first.speaker.clone(),
        is_sound: first.is_sound,
        label: first.label.clone(),
        parts,
        pauses,
        phrases: Vec::new(),
    })
}

/// A sound as a passage of its own.
fn sound(tag: &Word, speaker: Option<SpeakerId>) -> Option<Passage> {
    let text = clean_line(&tag.text);
    if text.is_empty() {
        return None;
    }
    let is_marked = text.starts_with(['[', '(', '\u{266a}']);
    let text = if is_marked { text } else { format!("[{text}]") };
    let end_ms = tag.end_ms.max(tag.start_ms);
    Some(Passage {
        start_ms: tag.start_ms,
        end_ms,
        speaker,
        is_sound: true,
        label: String::new(),
        parts: vec![Part {
            cue: 0,
            start_ms: tag.start_ms,
            end_ms,
            width: width(&text),
        }],
        text,
        pauses: Vec::new(),
        phrases: Vec::new(),
    })
}

/// The words in runs of one speaker each. A word without one belongs to whoever spoke before it.
fn speaker_runs(words: &[Word]) -> Vec<&[Word]> {
    let mut runs = Vec::new();
    let (mut from, mut speaker) = (0, None);
    for (at, word) in words.iter().enumerate() {
        let Some(found) = word.speaker.as_ref() else {
            continue;
        };
        if speaker.is_some_and(|speaker| speaker != found) {
            runs.push(&words[from..at]);
            from = at;
        }
        speaker = Some(found);
    }
    runs.push(&words[from..]);
    runs
}

/// Rules that cut words only where they are absurdly long, and show neither labels nor sounds.
fn wide_rules() -> LayoutRules {
    LayoutRules {
        max_chars_per_line: u32::MAX,
        ..LayoutRules::default()
    }
}

/// The marks at the start of a line that are no speech, and the rest: `>>`, a dialogue dash, `[Speaker 1]`. A line that
/// is nothing but a label is text, since it may be a sound.
fn split_label(line: &str) -> (&str, &str) {
    let mut rest = line;
    if let Some(after) = rest.strip_prefix(">>") {
        rest = after.trim_start_matches(['>', ' ']);
    } else if let Some(after) = rest.strip_prefix('-') {
        let speaks = after.trim_start();
        let is_dialogue = speaks.starts_with(|c: char| !c.is_ascii_digit() && c != '-');
        if is_dialogue {
            rest = speaks;
        }
    } else if let Some(after) = rest.strip_prefix("\u{2013} ") {
        rest = after;
    }
    let bracket = rest.strip_prefix('[').and_then(|inside| {
        let (name, after) = inside.split_once(']')?;
        let after = after.trim_start_matches([':', ' ']);
        (!name.trim().is_empty() && !after.is_empty()).then_some(after)
    });
    let text = bracket.unwrap_or(rest);
    if text.is_empty() {
        return ("", line);
    }
    let label = line[..line.len() - text.len()].trim_end();
    (label, text)
}

/// Who speaks after `label`. A sound in lower case (`[laughs]`) doesn't change it; a mark without a name does.
fn speaker_of(label: &str, before: Option<SpeakerId>) -> Option<SpeakerId> {
    let name = label
        .split_once('[')
        .and_then(|(_, inside)| inside.split_once(']'))
        .map(|(name, _)| name.trim());
    match name {
        Some(name) if name.starts_with(char::is_lowercase) => before,
        Some(name) => Some(SpeakerId::new(name)),
        None => None,
    }
}

/// Marks of direction, which a layout puts at the ends of lines and which belong to no text.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line that is one pair of brackets.
fn is_sound(text: &str) -> bool {
    text.strip_prefix('[')
        .and_then(|inside| inside.strip_suffix(']'))
        .is_some_and(|inside| !inside.contains([']', '[']))
}

fn needs_blank(before: &str, after: &str) -> bool {
    !before.ends_with(is_spaceless) && !after.starts_with(is_spaceless)
}
