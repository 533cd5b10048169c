//! The customer's dictionary: its words put right where the engine came near them.

use std::collections::HashMap;

use crate::language::Grammar;
use crate::plain;
use crate::transcript::{Transcript, Word, WordKind};

/// From this confidence on, the engine is believed against the dictionary unless the letters are the same.
const SURE: f32 = 0.9;
/// Below this one, a letter more may differ.
const UNSURE: f32 = 0.5;
/// How many words more than an entry has may stand for it (`call tour a` for `Kaltura`).
const EXTRA_WORDS: usize = 2;

/// Words and phrases as the customer wants them spelled (guide, "Captions": "words or phrases, delimited by a carriage
/// return"; the server sends line feeds).
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    entries: Vec<Entry>,
    /// Entries by their letters alone.
    by_key: HashMap<String, usize>,
    /// Entries by how many letters they have.
    by_length: HashMap<usize, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Entry {
    words: Vec<String>,
    key: String,
}

/// Some words of the transcript that may stand for an entry.
#[derive(Debug)]
struct Match {
    entry: usize,
    words: usize,
    distance: usize,
    /// What follows the entry in the text: `s` or `'s`.
    suffix: &'static str,
}

impl Dictionary {
    /// Reads `EntryVendorTask.dictionary`: one entry a line, blank ones left out, the first of two with the same
    /// letters kept.
    pub fn parse(text: &str) -> Self {
        let mut dictionary = Self::default();
        for line in text.split(['\n', '\r']) {
            let words: Vec<String> = plain::words(line).collect();
            let key = key(&words.concat());
            if key.is_empty() || dictionary.by_key.contains_key(&key) {
                continue;
            }
            let place = dictionary.entries.len();
            dictionary.by_key.insert(key.clone(), place);
            dictionary
                .by_length
                .entry(key.chars().count())
                .or_default()
                .push(place);
            dictionary.entries.push(Entry { words, key });
        }
        dictionary
    }

    /// The entries as they are to be spelled, for an engine that takes hints.
    pub fn phrases(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.words.join(" ")).collect()
    }

    /// Puts entries right in the text and gives how many places changed. A place is taken for an entry where it has its
    /// letters in another case or spacing, or where one to three letters of a longer word differ and the engine was not
    /// sure. Times, speakers and punctuation stay; where words are joined, their times are. Words of the language that
    /// only hold a sentence together (articles, prepositions) are never taken for an entry.
    pub fn correct(&self, transcript: &mut Transcript) -> usize {
        if self.entries.is_empty() {
            return 0;
        }
        let grammar = Grammar::of(transcript.language.as_deref().unwrap_or_default());
        let words = std::mem::take(&mut transcript.words);
        let mut changed = 0;
        let mut at = 0;
        while at < words.len() {
            let Some(found) = self.best_match(&words[at..], grammar) else {
                transcript.words.push(words[at].clone());
                at += 1;
                continue;
            };
            let window = &words[at..at + found.words];
            let replaced = self.replaced(window, &found);
            if replaced != window {
                changed += 1;
            }
            transcript.words.extend(replaced);
            at += found.words;
        }
        changed
    }

    /// The entry that the first words of `words` stand for: the nearest, and of those the longest.
    fn best_match(&self, words: &[Word], grammar: &Grammar) -> Option<Match> {
        let mut best: Option<Match> = None;
        let mut joined = String::new();
        let mut least_confidence: Option<f32> = None;
        let longest = self
            .entries
            .iter()
            .map(|entry| entry.words.len())
            .max()
            .unwrap_or(0)
            + EXTRA_WORDS;
        for (place, word) in words.iter().take(longest).enumerate() {
            let follows_mark = place > 0 && words[place - 1].text.ends_with(|c: char| !c.is_alphanumeric());
            if word.kind != WordKind::Word || word.speaker != words[0].speaker || follows_mark {
                break;
            }
            joined.push_str(&word.text);
            least_confidence = match (least_confidence, word.confidence) {
                (Some(least), Some(confidence)) => Some(least.min(confidence)),
                (least, confidence) => least.or(confidence),
            };
            let is_common = place == 0 && grammar.has_role(&word.text);
            let Some(found) = self.nearest(&joined, place + 1, least_confidence, is_common) else {
                continue;
            };
            let is_better = best.as_ref().is_none_or(|best| {
                (found.distance, usize::MAX - found.words) < (best.distance, usize::MAX - best.words)
            });
            if is_better {
                best = Some(found);
            }
        }
        best
    }

    /// The entry nearest to `text`, which is `words` words together.
    fn nearest(&self, text: &str, words: usize, confidence: Option<f32>, is_common: bool) -> Option<Match> {
        let core = text.trim_matches(|c: char| !c.is_alphanumeric());
        let possessive = ["'s", "\u{2019}s"]
            .into_iter()
            .find(|suffix| core.ends_with(suffix))
            .unwrap_or("");
        let key = key(core.strip_suffix(possessive).unwrap_or(core));
        if let Some(entry) = self.by_key.get(&key) {
            return Some(Match {
                entry: *entry,
                words,
                distance: 0,
                suffix: possessive,
            });
        }
        // A plural is its singular's business.
        if let Some(entry) = key.strip_suffix('s').and_then(|stem| self.by_key.get(stem)) {
            return Some(Match {
                entry: *entry,
                words,
                distance: 0,
                suffix: "s",
            });
        }
        if is_common || confidence.is_some_and(|confidence| confidence >= SURE) {
            return None;
        }
        let length = key.chars().count();
        let slack = usize::from(confidence.is_some_and(|confidence| confidence < UNSURE));
        (length.saturating_sub(4)..=length + 4)
            .filter_map(|length| self.by_length.get(&length))
            .flatten()
            .filter_map(|place| {
                let entry = &self.entries[*place];
                let allowed = allowed_distance(entry.key.chars().count(), slack);
                let is_near_in_words =
                    words <= entry.words.len() + EXTRA_WORDS && entry.words.len() <= words + 1;
                let is_near = is_near_in_words
                    && entry.key.chars().count().abs_diff(length) <= allowed
                    && (entry.key.chars().next() == key.chars().next()
                        || entry.key.chars().next_back() == key.chars().next_back());
                let distance = if is_near {
                    strsim::levenshtein(&entry.key, &key)
                } else {
                    usize::MAX
                };
                (distance <= allowed).then_some(Match {
                    entry: *place,
                    words,
                    distance,
                    suffix: possessive,
                })
            })
            .min_by_key(|found| found.distance)
    }

    /// The words of `window` with the entry in their place.
    fn replaced(&self, window: &[Word], found: &Match) -> Vec<Word> {
        let entry = &self.entries[found.entry];
        let (Some(first), Some(last)) = (window.first(), window.last()) else {
            return Vec::new();
        };
        let before = &first.text[..first.text.find(char::is_alphanumeric).unwrap_or(0)];
        let after = &last.text[last
            .text
            .rfind(char::is_alphanumeric)
            .map_or(last.text.len(), |at| {
                at + last.text[at..].chars().next().map_or(0, char::len_utf8)
            })..];
        let mut texts = if entry.words.len() == window.len() {
            entry.words.clone()
        } else {
            vec![entry.words.join(" ")]
        };
        if let Some(text) = texts.first_mut() {
            text.insert_str(0, before);
        }
        if let Some(text) = texts.last_mut() {
            text.push_str(found.suffix);
            // An entry such as `Yahoo!` brings its own mark.
            if !text.ends_with(after) {
                text.push_str(after);
            }
        }
        if texts.len() == window.len() {
            return texts
                .into_iter()
                .zip(window)
                .map(|(text, word)| Word { text, ..word.clone() })
                .collect();
        }
        let end_ms = window
            .iter()
            .map(|word| word.end_ms)
            .max()
            .unwrap_or(first.end_ms);
        texts
            .into_iter()
            .map(|text| Word {
                text,
                end_ms,
                ..first.clone()
            })
            .collect()
    }
}

/// How many letters of an entry may be wrong.
fn allowed_distance(length: usize, slack: usize) -> usize {
    match length {
        0..5 => 0,
        5..8 => 1 + slack,
        8..12 => 2 + slack,
        _ => 3 + slack,
    }
}

/// Letters and digits in lower case.
fn key(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(entries: &str, text: &str, confidence: Option<f32>) -> (String, usize) {
        let word = |(place, text): (usize, &str)| Word {
            confidence,
            ..Word::new(text, place as u64 * 100, place as u64 * 100 + 90)
        };
        let words: Vec<Word> = text.split(' ').enumerate().map(word).collect();
        let end_ms = words.last().map_or(0, |word| word.end_ms);
        let mut transcript = Transcript::new(Some("en".to_owned()), words, end_ms);
        let changed = Dictionary::parse(entries).correct(&mut transcript);
        transcript.check().unwrap();
        assert_eq!(transcript.words.last().map_or(0, |word| word.end_ms), end_ms);
        let texts: Vec<String> = transcript.words.into_iter().map(|word| word.text).collect();
        (texts.join(" "), changed)
    }

    #[test]
    fn near_misses_are_put_right() {
        for (entries, text, expected) in [
            (
                "Kaltura",
                "welcome to \u{201c}kaltura,\u{201d} friends",
                "welcome to \u{201c}Kaltura,\u{201d} friends",
            ),
            ("Kaltura", "this is caltura's player", "this is Kaltura's player"),
            ("Kaltura", "this is kal tura. Yes", "this is Kaltura. Yes"),
            (
                "Step Functions",
                "with stepfunctions and lambda",
                "with Step Functions and lambda",
            ),
            (
                "CloudFormation\rDynamoDB",
                "cloud formation made dynamo DB tables",
                "CloudFormation made DynamoDB tables",
            ),
            (
                "photosynthesis",
                "called fotosinthesis today",
                "called photosynthesis today",
            ),
            ("API", "many apis and an api", "many APIs and an API"),
            ("Yahoo!", "at yahoo today", "at Yahoo! today"),
        ] {
            assert_eq!(corrected(entries, text, None).0, expected);
        }
    }

    #[test]
    fn what_is_right_is_left_alone() {
        for (entries, text, confidence) in [
            ("Kaltura", "a culture of care", None),
            ("Kaltura", "caltura", Some(0.95)),
            ("Andy", "cats and dogs", None),
            ("Marina", "a marine biologist", Some(0.99)),
            ("", "nothing to do", None),
            ("\n \r\n", "nothing to do", None),
            ("tour", "the our", None),
        ] {
            assert_eq!(corrected(entries, text, confidence), (text.to_owned(), 0));
        }
    }

    #[test]
    fn doing_it_twice_changes_nothing() {
        let (once, changed) = corrected("Kaltura\nREACH", "kal tura reach", None);
        assert_eq!((once.as_str(), changed), ("Kaltura REACH", 2));
        assert_eq!(corrected("Kaltura\nREACH", &once, None), (once.clone(), 0));
    }
}
