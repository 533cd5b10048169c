//! Punctuation and sentence case for engines that give none, from pauses and the words around them.
//!
//! A guess, and a careful one: a mark is put only where the speaker paused and the words don't belong together.

use crate::language::{Break, Grammar, is_spaceless, primary};
use crate::transcript::{Transcript, Word, WordKind};

/// A pause this long ends a sentence of at least [`LEAST_WORDS`] words.
const SENTENCE_PAUSE_MS: u64 = 650;
/// A pause this long ends a sentence of any length.
const LONG_PAUSE_MS: u64 = 1_200;
/// A pause this long before a conjunction is a comma.
const COMMA_PAUSE_MS: u64 = 250;
const LEAST_WORDS: usize = 4;
const LEAST_WORDS_TO_COMMA: usize = 3;
/// Engines that punctuate put a mark within this many words, and mostly far sooner.
const ENOUGH_WORDS: usize = 40;

/// English words that begin a question together with a pronoun or auxiliary behind them.
const QUESTION_STARTS: &str =
    "who what when where why how is are was were do does did can could will would should have has";
const QUESTION_SECONDS: &str = "i you he she it we they there this that is are was were do does did can could will would \
                                should have has the many much about";

/// Whether `transcript` comes from an engine that gives no punctuation: none at all in a short one that begins without a
/// capital, or hardly any (the marks of a dictionary's `Dr.`) in a longer one. False where there are too few words to
/// tell.
pub fn needs_punctuation(transcript: &Transcript) -> bool {
    let said = || {
        transcript
            .words
            .iter()
            .filter(|word| word.kind != WordKind::AudioTag)
    };
    let words = said().filter(|word| word.kind == WordKind::Word).count();
    let marks = said()
        .filter(|word| word.kind == WordKind::Punctuation || word.text.ends_with(is_mark))
        .count();
    let begins_with_capital = said()
        .next()
        .is_some_and(|word| word.text.starts_with(char::is_uppercase) && !is_pronoun_i(&word.text));
    let is_sparse = if words < ENOUGH_WORDS {
        marks == 0 && !begins_with_capital
    } else {
        marks * ENOUGH_WORDS < words
    };
    words >= 2 && is_sparse
}

/// Puts full stops, commas, English question marks and capitals into the words' texts. Meant for transcripts that
/// [`needs_punctuation`]; the words, their times and their order stay. Other scripts get their own full stop, and none
/// where they have none (Thai).
pub fn punctuate(transcript: &mut Transcript) {
    let tag = transcript.language.clone().unwrap_or_default();
    let grammar = Grammar::of(&tag);
    let is_english = primary(&tag) == "en";
    let spoken: Vec<usize> = (0..transcript.words.len())
        .filter(|at| transcript.words[*at].kind == WordKind::Word)
        .collect();
    let words = &mut transcript.words;
    if is_english {
        for at in &spoken {
            capitalise_i(&mut words[*at]);
        }
    }
    let mut sentence_from = 0;
    let mut since_mark = 0;
    for place in 0..spoken.len() {
        since_mark += 1;
        let at = spoken[place];
        let mark = match spoken.get(place + 1) {
            None => Some('.'),
            Some(next) => mark_between(
                &words[at],
                &words[*next],
                grammar,
                place + 1 - sentence_from,
                since_mark,
            ),
        };
        let Some(mark) = mark else { continue };
        let has_mark = words[at].text.ends_with(is_mark);
        since_mark = 0;
        if mark == ',' {
            if !has_mark {
                words[at].text.push(',');
            }
            continue;
        }
        let sentence = &spoken[sentence_from..=place];
        let asks = is_english && is_question(sentence.iter().take(2).map(|at| words[*at].text.as_str()));
        if let Some(stop) = if asks {
            Some('?')
        } else {
            full_stop(&words[at].text)
        } {
            words[at].text.push(stop);
        }
        if let Some(first) = sentence.first() {
            words[*first].text = capitalised(&words[*first].text);
        }
        sentence_from = place + 1;
    }
}

/// What belongs between two words: a full stop, a comma, or nothing.
fn mark_between(
    before: &Word,
    after: &Word,
    grammar: &Grammar,
    in_sentence: usize,
    since_mark: usize,
) -> Option<char> {
    let pause_ms = after.start_ms.saturating_sub(before.end_ms);
    let changes_speaker =
        before.speaker.is_some() && after.speaker.is_some() && before.speaker != after.speaker;
    if changes_speaker {
        return Some('.');
    }
    let quality = grammar.quality(
        &grammar.features(&before.text),
        &grammar.features(&after.text),
        false,
    );
    if quality >= Break::Bad && pause_ms < LONG_PAUSE_MS * 2 {
        return None;
    }
    if pause_ms >= LONG_PAUSE_MS || pause_ms >= SENTENCE_PAUSE_MS && in_sentence >= LEAST_WORDS {
        return Some('.');
    }
    let is_comma =
        quality == Break::Conjunction && pause_ms >= COMMA_PAUSE_MS && since_mark >= LEAST_WORDS_TO_COMMA;
    is_comma.then_some(',')
}

fn is_question<'a>(mut start: impl Iterator<Item = &'a str>) -> bool {
    let is_in = |list: &str, word: Option<&str>| {
        word.is_some_and(|word| {
            list.split_whitespace()
                .any(|listed| listed.eq_ignore_ascii_case(word))
        })
    };
    is_in(QUESTION_STARTS, start.next()) && is_in(QUESTION_SECONDS, start.next())
}

/// The full stop of the script that `text` ends in.
fn full_stop(text: &str) -> Option<char> {
    match text.chars().next_back() {
        Some('\u{e00}'..='\u{eff}') => None,
        Some('\u{900}'..='\u{97f}') => Some('\u{964}'),
        Some('\u{600}'..='\u{6ff}' | '\u{590}'..='\u{5ff}') => Some('.'),
        Some(last) if is_spaceless(last) => Some('\u{3002}'),
        _ => Some('.'),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A mark that ends a sentence or a clause.
fn is_mark(character: char) -> bool {
    matches!(
        character,
        '.' | ','
            | '?'
            | '!'
            | ';'
            | ':'
            | '\u{2026}'
            | '\u{3002}'
            | '\u{3001}'
            | '\u{60c}'
            | '\u{61f}'
            | '\u{964}'
    )
}

/// `I`, `i'm` and the like.
fn is_pronoun_i(text: &str) -> bool {
    let mut letters = text.chars();
    matches!(letters.next(), Some('i' | 'I')) && matches!(letters.next(), None | Some('\'' | '\u{2019}'))
}

/// The English pronoun.
fn capitalise_i(word: &mut Word) {
    if is_pronoun_i(&word.text) {
        word.text = capitalised(&word.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words with `/` for each 100 ms of pause before the next.
    fn spoken(language: &str, text: &str) -> Transcript {
        let mut at_ms = 0;
        let mut words = Vec::new();
        for part in text.split(' ') {
            let pauses = part.bytes().filter(|byte| *byte == b'/').count() as u64;
            if pauses > 0 {
                at_ms += pauses * 100;
            } else {
                words.push(Word::new(part, at_ms, at_ms + 200));
                at_ms += 210;
            }
        }
        Transcript::new(Some(language.to_owned()), words, at_ms)
    }

    fn punctuated(language: &str, text: &str) -> String {
        let mut transcript = spoken(language, text);
        assert!(needs_punctuation(&transcript));
        punctuate(&mut transcript);
        assert!(!needs_punctuation(&transcript));
        transcript
            .words
            .iter()
            .map(|word| word.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn pauses_become_marks_where_words_allow() {
        assert_eq!(
            punctuated(
                "en",
                "good morning ///////////// i'm here to talk about the ///////// sea /// and what lives in it /////// do you like fish"
            ),
            "Good morning. I'm here to talk about the sea, and what lives in it. Do you like fish?"
        );
        assert_eq!(
            punctuated("de", "das ist ein haus /// und das ist ein hund"),
            "Das ist ein haus, und das ist ein hund."
        );
        assert_eq!(
            punctuated("es", "\u{e9}l vive en la casa ////////// ella no"),
            "\u{c9}l vive en la casa. Ella no."
        );
        assert_eq!(
            punctuated("ja", "\u{4eca}\u{65e5} \u{5929}\u{6c17}"),
            "\u{4eca}\u{65e5} \u{5929}\u{6c17}\u{3002}"
        );
    }

    #[test]
    fn what_has_marks_or_capitals_needs_none() {
        for text in ["Hello there", "hello there.", "one", "Hello, i'm Ann"] {
            assert!(!needs_punctuation(&spoken("en", text)), "{text}");
        }
        let lecture = include_str!("../tests/speech/en.txt");
        assert!(!needs_punctuation(&spoken("en", lecture)));
    }

    #[test]
    fn a_dictionary_or_a_mask_does_not_hide_that_marks_are_missing() {
        for text in [
            "I don't know what I'm doing",
            "welcome to Kaltura this is *** good",
        ] {
            assert!(needs_punctuation(&spoken("en", text)), "{text}");
        }
        let long = "and then we asked Dr. park about ".to_owned() + &"it goes on and on ".repeat(20);
        let mut transcript = spoken("en", long.trim());
        assert!(needs_punctuation(&transcript));
        punctuate(&mut transcript);
        assert_eq!(transcript.words[4].text, "Dr.");
    }
}
