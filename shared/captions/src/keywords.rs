//! Keywords of a transcript, for an entry's tags: a small YAKE (Campos and others, 2020), which weighs words by how they
//! are used in the one text, without a corpus to compare with.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::terms::{Sentence, Term, sentences};
use crate::transcript::Transcript;

/// Words a keyword has at most.
const MOST_WORDS: usize = 3;

/// Up to `limit` keywords of `transcript`, the weightiest first, in its language: words and names or phrases of up to
/// three words, in the case they are mostly written in. No stop words, numbers, single letters or profanity, and none
/// twice or as a part of one before it. Empty where nobody speaks. The same transcript gives the same keywords.
pub fn keywords(transcript: &Transcript, limit: usize) -> Vec<String> {
    let sentences = sentences(transcript);
    ranked(&sentences, &|_| 1.0, limit)
}

/// What is known of a word.
#[derive(Debug, Default)]
struct Stats<'a> {
    count: f64,
    capitals: f64,
    acronyms: f64,
    /// How many sentences it is in, and the last of them.
    sentences: usize,
    last_sentence: Option<usize>,
    left: HashMap<&'a str, usize>,
    right: HashMap<&'a str, usize>,
}

/// A word or phrase that may be a keyword.
#[derive(Debug, Default)]
struct Candidate<'a> {
    count: f64,
    first_seen: usize,
    /// How often it is written in which way; capitals at a sentence's start aside, where there are others.
    forms: BTreeMap<String, (usize, usize)>,
    terms: Vec<&'a Term>,
    is_name: bool,
}

/// The keywords of these sentences, weightiest first. `own` says how much a word belongs to them, above 0: 1 is
/// neutral, more is better.
pub(crate) fn ranked(sentences: &[Sentence<'_>], own: &dyn Fn(&str) -> f64, limit: usize) -> Vec<String> {
    let weights = weights(sentences, own);
    let mut scored: Vec<(f64, Candidate<'_>)> = candidates(sentences)
        .into_values()
        .filter(|candidate| candidate.count >= 2.0 || candidate.is_name || candidate.is_word())
        .map(|candidate| {
            let (product, sum) = candidate
                .terms
                .iter()
                .filter(|term| !term.is_stop)
                .map(|term| weights.get(term.key.as_str()).copied().unwrap_or(1.0))
                .fold((1.0, 0.0), |(product, sum), weight| {
                    (product * weight, sum + weight)
                });
            (product / (candidate.count * (1.0 + sum)), candidate)
        })
        .collect();
    scored.sort_by(|(a, one), (b, other)| a.total_cmp(b).then(one.first_seen.cmp(&other.first_seen)));
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut shown = HashSet::new();
    let mut found = Vec::new();
    for (_, candidate) in &scored {
        if found.len() >= limit {
            break;
        }
        let says_nothing_new = candidate
            .terms
            .iter()
            .filter(|term| !term.is_stop)
            .all(|term| taken.contains(term.key.as_str()));
        let Some(form) = candidate.form() else { continue };
        if says_nothing_new || !shown.insert(form.to_lowercase()) {
            continue;
        }
        taken.extend(candidate.terms.iter().map(|term| term.key.as_str()));
        found.push(form);
    }
    found
}

impl Candidate<'_> {
    /// Whether it is a single word, and surely one.
    fn is_word(&self) -> bool {
        matches!(self.terms.as_slice(), [only] if !only.is_guess)
    }

    /// The way it is written most often; of equals, the one that isn't owed to a sentence's start, then the first seen.
    fn form(&self) -> Option<String> {
        self.forms
            .iter()
            .max_by(|(_, (count, first)), (_, (other_count, other_first))| {
                count.cmp(other_count).then(other_first.cmp(first))
            })
            .map(|(form, _)| form.clone())
    }
}

/// What each word weighs: the less, the better. By its case, length, frequency, company and spread.
fn weights<'a>(sentences: &'a [Sentence<'_>], own: &dyn Fn(&str) -> f64) -> HashMap<&'a str, f64> {
    // In an order of their own: sums of fractions come out otherwise in another one.
    let mut stats: BTreeMap<&str, Stats<'_>> = BTreeMap::new();
    for (place, sentence) in sentences.iter().enumerate() {
        for (at, term) in sentence.terms.iter().enumerate() {
            let entry = stats.entry(term.key.as_str()).or_default();
            entry.count += 1.0;
            let mut letters = term.text.chars();
            let is_capitalised = letters.next().is_some_and(char::is_uppercase);
            if is_capitalised && !term.begins_sentence {
                entry.capitals += 1.0;
            }
            if is_capitalised && term.text.len() > 1 && letters.all(char::is_uppercase) {
                entry.acronyms += 1.0;
            }
            if entry.last_sentence.replace(place) != Some(place) {
                entry.sentences += 1;
            }
            if at > 0 && !term.begins_phrase {
                let before = sentence.terms[at - 1].key.as_str();
                *entry.left.entry(before).or_default() += 1;
                *stats
                    .entry(before)
                    .or_default()
                    .right
                    .entry(&term.key)
                    .or_default() += 1;
            }
        }
    }
    let stops: HashSet<&str> = sentences
        .iter()
        .flat_map(|sentence| &sentence.terms)
        .filter(|term| term.is_stop)
        .map(|term| term.key.as_str())
        .collect();
    let counts: Vec<f64> = stats
        .iter()
        .filter(|(key, _)| !stops.contains(*key))
        .map(|(_, stats)| stats.count)
        .collect();
    let (mean, deviation) = mean_and_deviation(&counts);
    let most = stats.values().map(|stats| stats.count).fold(1.0, f64::max);
    stats
        .iter()
        .map(|(key, stats)| {
            let case = stats.capitals.max(stats.acronyms) / (1.0 + stats.count.ln());
            // Here YAKE has the place of the word in the text, since articles begin with what matters. Talks begin with
            // greetings; what tells words apart that are said once is their length.
            let length = 1.0 / (1.0 + real(key.chars().count())).ln();
            let frequency = stats.count / (mean + deviation).max(1.0);
            let related = 1.0 + (variety(&stats.left) + variety(&stats.right)) * stats.count / most;
            let spread = real(stats.sentences) / real(sentences.len());
            let weight = related * length / (case + frequency / related + spread / related);
            (*key, weight / own(key).max(f64::MIN_POSITIVE))
        })
        .collect()
}

/// Every word and phrase that begins and ends with a word of meaning, by its key.
fn candidates<'a>(sentences: &'a [Sentence<'_>]) -> BTreeMap<String, Candidate<'a>> {
    let mut found: BTreeMap<String, Candidate<'_>> = BTreeMap::new();
    let mut seen = 0;
    for sentence in sentences {
        for from in 0..sentence.terms.len() {
            for length in 1..=MOST_WORDS.min(sentence.terms.len() - from) {
                let terms = &sentence.terms[from..from + length];
                let inner = terms.get(1..length).unwrap_or_default();
                if inner.iter().any(|term| term.begins_phrase) || terms[0].is_stop {
                    break;
                }
                let (Some(last), true) = (terms.last(), inner.iter().all(|term| !term.is_stop || term.joins))
                else {
                    break;
                };
                if last.is_stop {
                    continue;
                }
                seen += 1;
                let key: Vec<&str> = terms.iter().map(|term| term.key.as_str()).collect();
                let candidate = found.entry(key.join(" ")).or_default();
                if candidate.terms.is_empty() {
                    candidate.terms = terms.iter().collect();
                    candidate.first_seen = seen;
                }
                candidate.count += 1.0;
                candidate.is_name |= length > 1
                    && terms
                        .iter()
                        .all(|term| term.text.starts_with(char::is_uppercase) && !term.is_stop)
                    && !terms[0].begins_sentence;
                let written: Vec<&str> = terms.iter().map(|term| term.text.as_str()).collect();
                let form = candidate.forms.entry(written.join(" ")).or_insert((0, seen));
                // Twice as much is a form worth that isn't owed to a sentence's start.
                form.0 += if terms[0].begins_sentence { 1 } else { 2 };
            }
        }
    }
    found
}

/// How many different neighbours there are for all of them: much for a word that goes with anything.
fn variety(neighbours: &HashMap<&str, usize>) -> f64 {
    let all: usize = neighbours.values().sum();
    if all == 0 {
        0.0
    } else {
        real(neighbours.len()) / real(all)
    }
}

pub(crate) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let count = real(values.len());
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[allow(clippy::cast_precision_loss, reason = "counts of words are far below 2^52")]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}
