//! Profanity, by exact words: a part of a word is never looked at, so that class, assignment and Scunthorpe stay whole.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::language::primary;
use crate::transcript::{Transcript, WordKind};

/// What stands for a word that was taken out.
const MASK: &str = "***";

/// A text with sentence case has a capital in this many words, and mostly far more.
const LEAST_WORDS_A_CAPITAL: usize = 40;

/// A list of words that a customer who asks for profanity removal doesn't want to read.
///
/// As a file: one word a line, in any case; `#` begins a comment; a `?` behind a word says that it is a name or an
/// innocent word as well (`dick?`), which is left alone where it is written as a name (capitalised) or where the whole
/// transcript has no capitals to tell by.
#[derive(Debug, Clone, Default)]
pub struct Profanity {
    /// Lower case; true where the word may be a name.
    words: HashMap<String, bool>,
}

impl Profanity {
    /// The list that comes with this crate for a BCP-47 tag: English, Spanish, French, German. Any other language has
    /// an empty list.
    pub fn for_language(tag: &str) -> Self {
        Self::from_list(match primary(tag).as_str() {
            "en" => include_str!("profanity/en.txt"),
            "es" => include_str!("profanity/es.txt"),
            "fr" => include_str!("profanity/fr.txt"),
            "de" => include_str!("profanity/de.txt"),
            _ => "",
        })
    }

    /// A list of your own, in place of the one that comes with the crate.
    pub fn from_list(list: &str) -> Self {
        let words = list
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
            .filter(|line| !line.is_empty())
            .map(|line| match line.strip_suffix('?') {
                Some(word) => (fold(word.trim()), true),
                None => (fold(line), false),
            })
            .collect();
        Self { words }
    }

    /// Puts `***` in place of every listed word, punctuation around it kept, and gives how many there were. Doing it
    /// twice changes nothing.
    pub fn remove(&self, transcript: &mut Transcript) -> usize {
        let has_capitals = has_capitals(transcript);
        let mut masked = 0;
        for word in transcript
            .words
            .iter_mut()
            .filter(|word| word.kind == WordKind::Word)
        {
            let text = self.clean(&word.text, has_capitals);
            if text != word.text {
                masked += 1;
                word.text = text;
            }
        }
        masked
    }

    /// `text` with every listed word masked. `has_capitals` says whether names are capitalised in the words around it.
    pub(crate) fn clean(&self, text: &str, has_capitals: bool) -> String {
        let pieces: Vec<String> = text
            .split(' ')
            .map(|piece| {
                self.masked(piece, has_capitals)
                    .unwrap_or_else(|| piece.to_owned())
            })
            .collect();
        pieces.join(" ")
    }

    /// Whether `word` is on the list, names or not.
    pub(crate) fn lists(&self, word: &str) -> bool {
        self.words.contains_key(&fold(word))
    }

    /// `text` with its core masked; none where it is clean.
    fn masked(&self, text: &str, has_capitals: bool) -> Option<String> {
        let core = text.trim_matches(|c: char| !c.is_alphanumeric());
        let stem = core
            .strip_suffix("'s")
            .or_else(|| core.strip_suffix("\u{2019}s"))
            .unwrap_or(core);
        let may_be_name = *self.words.get(&fold(stem))?;
        let is_name = may_be_name && (!has_capitals || core.starts_with(char::is_uppercase));
        if is_name {
            return None;
        }
        Some(text.replacen(stem, MASK, 1))
    }
}

/// Whether the transcript is written with capitals.
fn has_capitals(transcript: &Transcript) -> bool {
    let mut capitals = Capitals::default();
    for word in transcript.words.iter().filter(|word| word.kind == WordKind::Word) {
        capitals.count(&word.text);
    }
    capitals.are_used()
}

/// Tells whether words are written with capitals: not only those of the pronoun `I` and of a dictionary's few words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capitals {
    words: usize,
    capitalised: usize,
}

impl Capitals {
    /// Takes a spoken word into account.
    pub fn count(&mut self, text: &str) {
        self.words += 1;
        let is_capitalised =
            text.starts_with(char::is_uppercase) && text.len() > 1 && !text.starts_with("I'");
        self.capitalised += usize::from(is_capitalised);
    }

    /// Whether the words so far have sentence case.
    pub fn are_used(self) -> bool {
        self.capitalised * LEAST_WORDS_A_CAPITAL >= self.words
    }
}

/// Lower case, without hyphens: `Mother-Fucker` is `motherfucker`.
fn fold(word: &str) -> String {
    word.chars()
        .filter(|c| *c != '-')
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Word;

    fn masked(list: &Profanity, text: &str) -> String {
        let words = text.split(' ').map(|word| Word::new(word, 0, 0)).collect();
        let mut transcript = Transcript::new(None, words, 0);
        list.remove(&mut transcript);
        let once = transcript.clone();
        assert_eq!(list.remove(&mut transcript), 0);
        assert_eq!(transcript, once);
        transcript
            .words
            .iter()
            .map(|word| word.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn no_clean_word_is_harmed() {
        let clean = "The class in Scunthorpe passed an assignment on Dick Van Dyke, cockpits, analysis, Essex, shitake \
                     mushrooms, Hancock, the Titanic and a bassoon.";
        assert_eq!(masked(&Profanity::for_language("en-GB"), clean), clean);
        let without_capitals = "we met dick van dyke in class";
        assert_eq!(
            masked(&Profanity::for_language("en"), without_capitals),
            without_capitals
        );
    }

    #[test]
    fn a_capital_from_the_dictionary_does_not_make_sentence_case() {
        let text = "we at Kaltura met dick van dyke in class and ".to_owned() + &"so on and on ".repeat(20);
        assert_eq!(masked(&Profanity::for_language("en"), text.trim()), text.trim());
    }

    #[test]
    fn exact_words_go_and_their_punctuation_stays() {
        let english = Profanity::for_language("en-US");
        assert_eq!(
            masked(
                &english,
                "Well, \u{201c}Fuck!\u{201d} said the mother-fucker's son."
            ),
            "Well, \u{201c}***!\u{201d} said the ***'s son."
        );
        assert_eq!(masked(&english, "Don't be a dick."), "Don't be a ***.");
        assert_eq!(
            masked(&Profanity::for_language("es"), "\u{bf}Qu\u{e9} mierda es esto?"),
            "\u{bf}Qu\u{e9} *** es esto?"
        );
        assert_eq!(masked(&Profanity::for_language("fr"), "Oh, merde !"), "Oh, *** !");
        assert_eq!(
            masked(&Profanity::for_language("de"), "So eine Schei\u{df}e!"),
            "So eine ***!"
        );
    }

    #[test]
    fn a_list_of_ones_own_takes_the_place_of_ours() {
        let list = Profanity::from_list("# ours\nheck\nDarn # mild\n\n");
        assert_eq!(masked(&list, "Oh heck, darn it, shit"), "Oh ***, *** it, shit");
        assert_eq!(masked(&Profanity::for_language("fi"), "Oh shit"), "Oh shit");
    }
}
