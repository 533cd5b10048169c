//! Phrases: a passage's new text in the pieces that go on where the speaker of the old one went on after a pause.
//!
//! A voice says a passage in one go, for the sake of its melody; whoever places the sound may then wait before a phrase, as
//! the speaker did. No sound is touched here.

use serde::{Deserialize, Serialize};

use crate::language::{Break, Grammar, is_spaceless};
use crate::passages::Passage;
use crate::plain::clean_line;
use crate::width::width;

/// How far from its share of the text a phrase may begin, as a part of the whole text: clauses of a translation are about
/// as long as those of the source, and seldom change places.
const REACH: usize = 5;

/// A silence within a passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    /// How much of the passage's text comes before it.
    pub width: usize,
    /// When the speaker goes on.
    pub end_ms: u64,
}

/// A piece of a passage's text, and when it is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrase {
    /// When it is said in the source, in milliseconds from the start of the media: of the first phrase when the passage
    /// begins, of the others when the speaker goes on after a pause.
    pub start_ms: u64,
    /// Its text, with the blank that parts it from the next; the phrases put together are the passage's text.
    pub text: String,
}

impl Passage {
    /// The passage said in other words: `text`, a line, in the language of that BCP-47 tag. Its phrases are told anew: each
    /// pause of the source is put at the end of a clause or sentence near its share of the text, and left out where there
    /// is none.
    #[must_use]
    pub fn reworded(mut self, text: &str, language: &str) -> Self {
        self.text = clean_line(text);
        self.phrases = phrases(&self, Grammar::of(language));
        self
    }
}

/// The phrases of a passage; none where it isn't parted.
fn phrases(passage: &Passage, grammar: &Grammar) -> Vec<Phrase> {
    let text = passage.text.as_str();
    let source: usize = passage.parts.iter().map(|part| part.width).sum();
    let (source, whole) = (source.max(1), width(text).max(1));
    // Shares of both texts, on one scale.
    let off = |pause: &Pause, start: usize| (pause.width * whole).abs_diff(width(&text[..start]) * source);
    let starts = clause_starts(text, grammar);
    let mut cuts: Vec<(usize, u64)> = Vec::new();
    for pause in &passage.pauses {
        let from = cuts.last().map_or(0, |(start, _)| *start);
        let near = starts.iter().copied().filter(|start| {
            *start > from
                && is_speakable(&text[from..*start])
                && is_speakable(&text[*start..])
                && off(pause, *start) * REACH <= source * whole
        });
        if let Some(start) = near.min_by_key(|start| off(pause, *start)) {
            cuts.push((start, pause.end_ms));
        }
    }
    if cuts.is_empty() {
        return Vec::new();
    }
    let ends = cuts.iter().map(|(start, _)| *start).chain([text.len()]);
    let begins = std::iter::once((0, passage.start_ms)).chain(cuts.iter().copied());
    begins
        .zip(ends)
        .map(|((from, start_ms), to)| Phrase {
            start_ms,
            text: text[from..to].to_owned(),
        })
        .collect()
}

fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Where in a clean line a clause or sentence begins after another, in bytes.
fn clause_starts(text: &str, grammar: &Grammar) -> Vec<usize> {
    let inner = text.char_indices().map(|(at, _)| at).skip(1);
    inner
        .filter(|at| {
            let (before, after) = text.split_at(*at);
            // Blanks belong to what they follow.
            if after.starts_with(' ') {
                return false;
            }
            let before_word = before.trim_end().rsplit(' ').next().unwrap_or_default();
            let after_word = after.split(' ').next().unwrap_or_default();
            let is_between_words =
                before.ends_with(' ') || ends_spaceless(before) && after.starts_with(is_spaceless);
            if !is_between_words || before_word.is_empty() {
                return false;
            }
            let quality = grammar.quality(
                &grammar.features(before_word),
                &grammar.features(after_word),
                false,
            );
            matches!(quality, Break::Sentence | Break::Clause)
        })
        .collect()
}

/// Whether a text ends as those do that are written without blanks: with such a letter, or a mark after one.
fn ends_spaceless(text: &str) -> bool {
    text.trim_end_matches(|c: char| !c.is_alphanumeric())
        .ends_with(is_spaceless)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cue::Cue;
    use crate::passages::{PassageRules, passages, transcript_passages};
    use crate::transcript::{Transcript, Word};

    /// A sentence in English, with pauses after words.
    fn said(words: &[(&str, u64)]) -> Passage {
        let mut at_ms = 1_000;
        let mut found = Vec::new();
        for (text, pause_ms) in words {
            found.push(Word::new(*text, at_ms, at_ms + 300));
            at_ms += 300 + pause_ms;
        }
        let transcript = Transcript::new(Some("en".to_owned()), found, at_ms);
        let mut passages = transcript_passages(&transcript, &PassageRules::default());
        assert_eq!(passages.len(), 1, "{passages:?}");
        passages.remove(0)
    }

    fn phrases(passage: &Passage, text: &str, language: &str) -> Vec<(u64, String)> {
        let reworded = passage.clone().reworded(text, language);
        assert_eq!(reworded.text, text);
        let phrases = reworded.phrases.into_iter();
        phrases.map(|phrase| (phrase.start_ms, phrase.text)).collect()
    }

    fn waits() -> Passage {
        said(&[
            ("When", 0),
            ("it", 0),
            ("rains,", 900),
            ("we", 0),
            ("stay", 0),
            ("at", 0),
            ("home.", 0),
        ])
    }

    #[test]
    fn a_pause_of_the_speaker_is_put_at_the_clause_near_it() {
        assert_eq!(
            phrases(&waits(), "Cuando llueve, nos quedamos en casa.", "es"),
            [
                (1_000, "Cuando llueve, ".to_owned()),
                (2_800, "nos quedamos en casa.".to_owned())
            ]
        );
        assert_eq!(
            phrases(&waits(), "雨が降ると、家にいます。", "ja"),
            [
                (1_000, "雨が降ると、".to_owned()),
                (2_800, "家にいます。".to_owned())
            ]
        );
    }

    #[test]
    fn a_text_without_a_clause_near_the_pause_is_one_phrase() {
        for text in [
            "Nos quedamos en casa cuando llueve.",
            "S\u{ed}, nos quedamos en casa cuando est\u{e1} lloviendo.",
            "Cuestan 1,500 euros en casa.",
            "",
            "\u{2014}",
        ] {
            assert_eq!(phrases(&waits(), text, "es"), [], "{text}");
        }
    }

    #[test]
    fn speech_without_a_pause_is_one_phrase() {
        let passage = said(&[("When", 0), ("it", 0), ("rains,", 200), ("we", 0), ("stay.", 0)]);
        assert_eq!(phrases(&passage, "Cuando llueve, nos quedamos.", "es"), []);
    }

    #[test]
    fn captions_pause_where_none_is_shown() {
        let cues = [
            Cue::new(0, 2_000, "When it rains,"),
            Cue::new(2_040, 4_000, "as it mostly does,"),
            Cue::new(5_000, 7_000, "we stay at home."),
        ];
        let passages = passages(&cues, "en", &PassageRules::default());
        assert_eq!(passages.len(), 1);
        assert_eq!(
            phrases(
                &passages[0],
                "Cuando llueve, como casi siempre, nos quedamos en casa.",
                "es"
            ),
            [
                (0, "Cuando llueve, como casi siempre, ".to_owned()),
                (5_000, "nos quedamos en casa.".to_owned())
            ]
        );
    }

    #[test]
    fn passages_that_were_kept_before_have_no_phrases() {
        let mut json = serde_json::to_value(waits()).unwrap();
        let fields = json.as_object_mut().unwrap();
        assert!(fields.remove("pauses").is_some() && !fields.contains_key("phrases"));
        let kept: Passage = serde_json::from_value(json).unwrap();
        assert_eq!(phrases(&kept, "Cuando llueve, nos quedamos en casa.", "es"), []);
    }

    proptest! {
        #[test]
        fn phrases_are_the_text_in_the_order_of_their_times(
            words in prop::collection::vec(("[a-z]{1,8}[,;]?", 0_u64..1_400), 1..30),
            text in prop::collection::vec("[a-zé]{1,9}[,;:.]?|、|\\PC{1,4}|家に、いる。", 0..40),
        ) {
            let words: Vec<(&str, u64)> = words.iter().map(|(word, pause_ms)| (word.as_str(), *pause_ms)).collect();
            let passage = said(&words).reworded(&text.join(" "), "es");
            let phrases = &passage.phrases;
            prop_assert_ne!(phrases.len(), 1);
            if let Some(first) = phrases.first() {
                let whole: String = phrases.iter().map(|phrase| phrase.text.as_str()).collect();
                prop_assert_eq!(&whole, &passage.text);
                prop_assert_eq!(first.start_ms, passage.start_ms);
                prop_assert!(phrases.windows(2).all(|pair| pair[0].start_ms < pair[1].start_ms));
                prop_assert!(phrases.iter().all(|phrase| phrase.start_ms <= passage.end_ms));
                prop_assert!(phrases.iter().all(|phrase| is_speakable(&phrase.text)));
            }
        }
    }
}
