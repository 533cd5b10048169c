//! Chapters of a talk, found where its words change: text tiling (Hearst, 1997) over the sentences of a transcript.
//!
//! Between any two sentences, the words before are compared with the words after. Where they have least in common, and
//! the stretches on either side have less in common than each has within itself, a chapter begins. All lengths are
//! shares of the transcript's own, so that a ten minute talk and a day of talks are cut alike.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::keywords::{mean_and_deviation, ranked, real};
use crate::terms::{Sentence, sentences};
use crate::transcript::Transcript;

/// The longest title that an entry's chapter may have, in characters.
const LONGEST_TITLE: usize = 255;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 300;
/// Keywords in a title.
const TITLE_WORDS: usize = 3;
/// The shortest stretch of words of meaning that says what it is about.
const LEAST_TERMS: usize = 40;
/// Stretches that share more than this part of what each shares within itself are one chapter.
const SAME_SUBJECT: f64 = 0.5;

/// A part of the media with a subject of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Where it begins, in milliseconds from the start of the media; 0 for the first.
    pub start_ms: u64,
    /// Its own keywords, 255 characters at most; no two chapters have the same. Not blank.
    pub title: String,
    /// A sentence of its own that says most of its subject, as it was said.
    pub description: String,
}

/// The chapters of `transcript` in order, the first one at 0, each later one where a sentence begins. One where the
/// subject never changes, none where nobody speaks. The same transcript gives the same chapters.
///
/// It needs sentences: put those in with [`crate::punctuate`] where the engine gives none.
pub fn chapters(transcript: &Transcript) -> Vec<Chapter> {
    let language = transcript.language.as_deref();
    let sentences = sentences(transcript);
    if sentences.is_empty() {
        return Vec::new();
    }
    let mut starts = vec![0];
    starts.extend(boundaries(&sentences));
    let mut found: Vec<Chapter> = Vec::new();
    let everywhere = counts(&sentences);
    let mut titles = HashSet::new();
    for (place, from) in starts.iter().enumerate() {
        let to = starts.get(place + 1).copied().unwrap_or(sentences.len());
        let part = &sentences[*from..to];
        let here = counts(part);
        let own = |key: &str| {
            let inside = here.get(key).copied().unwrap_or(0.0);
            (inside / everywhere.get(key).copied().unwrap_or(1.0)).powi(2)
        };
        let description = describe(part, &own, &here, language);
        let title = title(part, &own, &description, place + 1, &mut titles);
        found.push(Chapter {
            start_ms: if place == 0 { 0 } else { part[0].start_ms },
            title,
            description,
        });
    }
    found
}

/// The sentences that begin a chapter, the first one aside.
fn boundaries(sentences: &[Sentence<'_>]) -> Vec<usize> {
    let stems: Vec<Vec<String>> = sentences
        .iter()
        .map(|sentence| {
            let terms = sentence.terms.iter().filter(|term| !term.is_stop);
            terms.map(|term| stem(&term.key)).collect()
        })
        .collect();
    let total: usize = stems.iter().map(Vec::len).sum();
    let block = block_length(total);
    if total < 2 * block {
        return Vec::new();
    }
    let likeness: Vec<f64> = (1..sentences.len())
        .map(|gap| {
            let before = take(stems[..gap].iter().rev(), block);
            let after = take(stems[gap..].iter(), block);
            cosine(&before, &after)
        })
        .collect();
    let deep = valleys(&likeness);
    let (mean, deviation) = mean_and_deviation(&deep.iter().map(|(_, depth)| *depth).collect::<Vec<_>>());
    let cut = mean - deviation / 2.0;
    let mut found: Vec<usize> = deep
        .into_iter()
        .filter(|(_, depth)| *depth > 0.0 && *depth >= cut)
        .map(|(gap, _)| gap + 1)
        .collect();
    // The least different neighbours are put together until all that are left differ.
    while let Some((worst, alike)) = found
        .iter()
        .enumerate()
        .map(|(place, gap)| {
            let from = if place == 0 { 0 } else { found[place - 1] };
            let to = found.get(place + 1).copied().unwrap_or(stems.len());
            (place, sameness(&stems[from..*gap], &stems[*gap..to], block))
        })
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
    {
        if alike <= SAME_SUBJECT {
            break;
        }
        found.remove(worst);
    }
    found
}

/// How many words of meaning are compared on each side: more in longer transcripts, whose chapters are longer too.
fn block_length(total: usize) -> usize {
    (total.isqrt() * 3).max(LEAST_TERMS)
}

/// The places where likeness is least around, with their depth below the peaks on either side.
fn valleys(likeness: &[f64]) -> Vec<(usize, f64)> {
    let climb = |values: &mut dyn Iterator<Item = f64>, from: f64| {
        let mut peak = from;
        for value in values {
            if value < peak {
                break;
            }
            peak = value;
        }
        peak
    };
    let mut found = Vec::new();
    for (at, here) in likeness.iter().copied().enumerate() {
        let left = climb(&mut likeness[..at].iter().rev().copied(), here);
        let right = climb(&mut likeness[at + 1..].iter().copied(), here);
        let is_lowest =
            (at == 0 || likeness[at - 1] > here) && likeness.get(at + 1).is_none_or(|next| *next >= here);
        if is_lowest {
            found.push((at, left + right - 2.0 * here));
        }
    }
    found
}

/// How much two stretches have in common, as a part of what each has within itself. More than anything for one that is
/// too short to stand alone.
fn sameness(before: &[Vec<String>], after: &[Vec<String>], block: usize) -> f64 {
    let length = |part: &[Vec<String>]| part.iter().map(Vec::len).sum::<usize>();
    let least = length(before).min(length(after));
    if least < block {
        // The shortest goes first.
        return 1e6 - real(least);
    }
    let within = |part: &[Vec<String>]| {
        // Every second sentence against the others: what one subject has in common.
        let (odd, even): (Vec<_>, Vec<_>) = part.iter().enumerate().partition(|(place, _)| place % 2 == 1);
        cosine(
            &take(odd.into_iter().map(|(_, stems)| stems), usize::MAX),
            &take(even.into_iter().map(|(_, stems)| stems), usize::MAX),
        )
    };
    let between = cosine(&take(before.iter(), usize::MAX), &take(after.iter(), usize::MAX));
    between / f64::midpoint(within(before), within(after)).max(1e-6)
}

/// The words of whole sentences, up to about `most` of them, and how often each comes.
fn take<'a>(sentences: impl Iterator<Item = &'a Vec<String>>, most: usize) -> BTreeMap<&'a str, f64> {
    let mut counts = BTreeMap::new();
    let mut taken = 0;
    for sentence in sentences {
        for stem in sentence {
            *counts.entry(stem.as_str()).or_insert(0.0) += 1.0;
        }
        taken += sentence.len();
        if taken >= most {
            break;
        }
    }
    counts
}

fn cosine(one: &BTreeMap<&str, f64>, other: &BTreeMap<&str, f64>) -> f64 {
    let dot: f64 = one
        .iter()
        .filter_map(|(stem, count)| Some(count * other.get(stem)?))
        .sum();
    let length =
        |counts: &BTreeMap<&str, f64>| counts.values().map(|count| count * count).sum::<f64>().sqrt();
    let lengths = length(one) * length(other);
    if lengths > 0.0 { dot / lengths } else { 0.0 }
}

/// What forms of a word have in common, nearly: its first six letters.
fn stem(key: &str) -> String {
    key.chars().take(6).collect()
}

/// How often each word of meaning comes.
fn counts<'a>(sentences: &'a [Sentence<'_>]) -> HashMap<&'a str, f64> {
    let mut counts = HashMap::new();
    for term in sentences.iter().flat_map(|sentence| &sentence.terms) {
        if !term.is_stop {
            *counts.entry(term.key.as_str()).or_insert(0.0) += 1.0;
        }
    }
    counts
}

/// The sentence with the most of the chapter's own words for its length; of equals the first.
fn describe(
    part: &[Sentence<'_>],
    own: &dyn Fn(&str) -> f64,
    here: &HashMap<&str, f64>,
    language: Option<&str>,
) -> String {
    let weight = |sentence: &Sentence<'_>| {
        let keys: HashSet<&str> = sentence
            .terms
            .iter()
            .filter(|term| !term.is_stop)
            .map(|term| term.key.as_str())
            .collect();
        let mut weights: Vec<f64> = keys
            .iter()
            .map(|key| own(key) * here.get(key).copied().unwrap_or(0.0))
            .collect();
        // A sum in one order, so that it is the same each time.
        weights.sort_by(f64::total_cmp);
        weights.iter().sum::<f64>() / real(sentence.terms.len().max(8)).sqrt()
    };
    let mut best: Option<(f64, &Sentence<'_>)> = None;
    for sentence in part {
        let found = weight(sentence);
        if best.is_none_or(|(most, _)| found > most) {
            best = Some((found, sentence));
        }
    }
    best.map(|(_, sentence)| shortened(&sentence.text(language), LONGEST_DESCRIPTION))
        .unwrap_or_default()
}

/// A title that none of `titles` is, which it is added to.
fn title(
    part: &[Sentence<'_>],
    own: &dyn Fn(&str) -> f64,
    description: &str,
    number: usize,
    titles: &mut HashSet<String>,
) -> String {
    let words = ranked(part, own, TITLE_WORDS * 3);
    for length in TITLE_WORDS.min(words.len()).max(1)..=words.len() {
        let title = shortened(&capitalised(&words[..length].join(", ")), LONGEST_TITLE);
        if titles.insert(title.to_lowercase()) {
            return title;
        }
    }
    let begin: Vec<&str> = description.split_whitespace().take(6).collect();
    let plain = shortened(&begin.join(" "), LONGEST_TITLE - 24);
    let title = if !plain.is_empty() && !titles.contains(&plain.to_lowercase()) {
        plain
    } else {
        format!("{plain} ({number})").trim().to_owned()
    };
    titles.insert(title.to_lowercase());
    title
}

/// `text`, cut at a blank with an ellipsis where it has more than `most` characters.
fn shortened(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else {
        return text.to_owned();
    };
    let room = text[..end]
        .char_indices()
        .next_back()
        .map_or("", |(last, _)| &text[..last]);
    let at = room
        .rfind(' ')
        .filter(|at| *at * 2 > room.len())
        .unwrap_or(room.len());
    room[..at].trim_end_matches([',', ';', ' ']).to_owned() + "\u{2026}"
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
