//! Where the words of a given text stand in what was heard: the plan of a forced alignment, and the making good of what
//! it could not find. Pure: the programs are run elsewhere (`align.rs`).
//!
//! Text and speech need not agree. The text's words are compared with the recogniser's; runs of equal words are *anchors*.
//! Between two anchors lies a gap: where its words could be spoken in its time, the recogniser only misheard them, and
//! the aligner is to find them; where they could not, one of both sides has what the other lacks, and the sound is cut
//! there, so that the aligner is never made to put words where nobody says them.

use std::ops::Range;
use std::time::{Duration, Instant};

use captions::Word;
use deunicode::deunicode;
use similar::{Algorithm, DiffOp};

/// So many equal words in a row are no accident; fewer are an anchor if they are long.
const ANCHOR_WORDS: usize = 3;
const ANCHOR_LETTERS: usize = 12;
/// Where words are apart by this, the sound may be cut between them.
const PAUSE_MS: u64 = 100;
/// A piece is cut at a pause when it is this long, and between any two anchored words when it is four times as long.
const PIECE_MS: u64 = 5_000;
/// The aligner keeps every frame of a piece in memory; a longer piece is not tried.
const LONGEST_PIECE_MS: u64 = 120_000;
/// A written letter takes some 70 ms to say. Nobody is more than twice as fast; four times as slow is slow speech with
/// pauses.
const FASTEST_MS_PER_LETTER: u64 = 30;
const SLOWEST_MS_PER_LETTER: u64 = 300;
/// The pace of words whose place is guessed.
const GUESSED_MS_PER_LETTER: u64 = 100;
/// A pause before and after words that lie in a gap.
const SLACK_MS: u64 = 2_000;
/// The most that the comparison may take; then it is as good as it got.
const COMPARISON: Duration = Duration::from_mins(1);

/// Something spoken, with times: a heard word, or an aligned one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spoken {
    pub(super) form: String,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    /// 0 to 1, as the program says.
    pub(super) posterior: f32,
}

/// A word of the text as it is said. One that is written with hyphens is several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Which of the text's words, from 0.
    pub(super) word: usize,
    /// Lower case, ASCII, without punctuation.
    pub(super) form: String,
}

/// A stretch of sound and the units that are said in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    pub(super) units: Range<usize>,
}

/// How a text is to be aligned.
#[derive(Debug)]
pub(super) struct Plan {
    /// For each unit the heard word that it is, if it is an anchor.
    pub(super) anchors: Vec<Option<usize>>,
    /// What to align, in order of time; units that are in none can't be spoken where they stand.
    pub(super) pieces: Vec<Piece>,
    /// Heard words that the text lacks.
    pub(super) heard_only: usize,
}

/// The text's words as they are said. Words of signs only (`–`) have no unit.
pub(super) fn units(words: &[&str]) -> Vec<Unit> {
    let mut units = Vec::new();
    for (word, text) in words.iter().enumerate() {
        for form in forms(text) {
            units.push(Unit { word, form });
        }
    }
    units
}

fn forms(text: &str) -> Vec<String> {
    let plain = deunicode(text).to_lowercase();
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '\'';
    if plain.chars().any(|c| c.is_ascii_digit()) {
        // A number stays whole, since its signs are said (`$5.50`, `20%`).
        let form: String = plain.chars().filter(char::is_ascii_graphic).collect();
        let form = form.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '$' | '%' | '#'));
        let form: String = form.chars().filter(|c| !matches!(c, '(' | ')' | '"')).collect();
        return vec![form];
    }
    plain
        .split(|c| !is_inside(c))
        .map(|form| form.trim_matches('\''))
        .filter(|form| !form.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What a heard word is compared by.
pub(super) fn heard_form(text: &str) -> String {
    text.to_lowercase()
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_owned()
}

/// Plans the alignment of units with what was heard in so much sound.
pub(super) fn plan(units: &[Unit], heard: &[Spoken], duration_ms: u64) -> Plan {
    let anchors = anchors(units, heard);
    let mut heard_only = 0;
    let mut pieces = Vec::new();
    // The stretch that is being made: its first unit, and where its sound begins.
    let mut stretch: Option<(usize, u64)> = None;
    let mut from = Edge {
        unit: 0,
        heard: 0,
        at_ms: 0,
    };
    loop {
        let next = (from.unit..units.len()).find_map(|unit| anchors[unit].map(|index| (unit, index)));
        let (unit, index, until_ms) = match next {
            Some((unit, index)) => (unit, index, heard[index].start_ms),
            None => (units.len(), heard.len(), duration_ms),
        };
        let gap = &units[from.unit..unit];
        let begins = from.unit;
        let between = heard.get(from.heard..index).unwrap_or_default();
        let time_ms = until_ms.saturating_sub(from.at_ms);
        let is_long_pause = gap.is_empty() && time_ms > SLACK_MS;
        if fits(gap, between, time_ms) && !is_long_pause {
            if !gap.is_empty() && stretch.is_none() {
                stretch = Some((begins, from.at_ms));
            }
            // Between two anchors side by side the sound may be cut in a pause.
            let piece_ms = stretch.map_or(0, |(_, start_ms)| from.at_ms.saturating_sub(start_ms));
            let is_due = piece_ms >= 4 * PIECE_MS || (piece_ms >= PIECE_MS && time_ms >= PAUSE_MS);
            if gap.is_empty() && is_due {
                let cut_ms = from.at_ms.midpoint(until_ms);
                close(&mut pieces, &mut stretch, begins, cut_ms);
                stretch = (unit < units.len()).then_some((unit, cut_ms));
            }
        } else {
            heard_only += between.len().saturating_sub(gap.len());
            let pad_ms = (time_ms / 2).min(PAUSE_MS);
            close(&mut pieces, &mut stretch, begins, from.at_ms + pad_ms);
            stretch = (unit < units.len()).then_some((unit, until_ms - pad_ms));
        }
        if unit == units.len() {
            close(&mut pieces, &mut stretch, unit, duration_ms);
            break;
        }
        if stretch.is_none() {
            stretch = Some((unit, until_ms.saturating_sub(PAUSE_MS).max(from.at_ms)));
        }
        from = Edge {
            unit: unit + 1,
            heard: index + 1,
            at_ms: heard[index].end_ms,
        };
    }
    pieces.retain(|piece| piece.end_ms - piece.start_ms <= LONGEST_PIECE_MS);
    Plan {
        anchors,
        pieces,
        heard_only,
    }
}

/// The beginning, or what comes after an anchor: the next unit, the next heard word and the time.
struct Edge {
    unit: usize,
    heard: usize,
    at_ms: u64,
}

fn close(pieces: &mut Vec<Piece>, stretch: &mut Option<(usize, u64)>, before: usize, end_ms: u64) {
    if let Some((first, start_ms)) = stretch.take()
        && first < before
        && start_ms < end_ms
    {
        pieces.push(Piece {
            start_ms,
            end_ms,
            units: first..before,
        });
    }
}

/// Whether the units of a gap could be what is said in it. There is time enough for them, and what was heard there takes
/// neither much more time than they would nor far fewer words. A gap without units is one where nothing was heard.
fn fits(gap: &[Unit], heard: &[Spoken], time_ms: u64) -> bool {
    if gap.is_empty() {
        return heard.is_empty();
    }
    let letters: u64 = gap.iter().map(letters_of).sum();
    let said_ms = match (heard.first(), heard.last()) {
        (Some(first), Some(last)) => last.end_ms.saturating_sub(first.start_ms),
        _ => time_ms,
    };
    let is_said = heard.len() * 4 >= gap.len() || gap.len() <= 2;
    is_said
        && time_ms >= letters * FASTEST_MS_PER_LETTER
        && said_ms <= letters * SLOWEST_MS_PER_LETTER + SLACK_MS
}

fn letters_of(unit: &Unit) -> u64 {
    // A digit is a word when it is said.
    let letters = unit.form.chars().map(|c| if c.is_ascii_digit() { 5 } else { 1 });
    letters.sum::<u64>().max(2)
}

/// For each unit the heard word that it is, as far as that is beyond accident.
fn anchors(units: &[Unit], heard: &[Spoken]) -> Vec<Option<usize>> {
    let texts: Vec<&str> = units.iter().map(|unit| unit.form.as_str()).collect();
    let sounds: Vec<&str> = heard.iter().map(|word| word.form.as_str()).collect();
    let mut anchors = vec![None; units.len()];
    let deadline = Instant::now().checked_add(COMPARISON);
    let changes = similar::capture_diff_slices_deadline(Algorithm::Patience, &texts, &sounds, deadline);
    for change in changes {
        let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = change
        else {
            continue;
        };
        let letters: usize = texts[old_index..old_index + len]
            .iter()
            .map(|form| form.len())
            .sum();
        let is_whole = len == texts.len();
        if len >= ANCHOR_WORDS || letters >= ANCHOR_LETTERS || is_whole {
            for step in 0..len {
                anchors[old_index + step] = Some(new_index + step);
            }
        }
    }
    anchors
}

/// How the text's words came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Words whose place is only guessed from their neighbours'.
    pub(super) guessed: usize,
}

/// The text's words with their times: of the aligner where it found them, else of the recogniser, else spread between
/// their neighbours. Every word, in order, within the sound and with ascending times.
pub(super) fn words(
    texts: &[&str],
    units: &[Unit],
    plan: &Plan,
    heard: &[Spoken],
    aligned: &[Option<Spoken>],
    duration_ms: u64,
) -> (Vec<Word>, Found) {
    let placed: Vec<Option<Placed>> = (0..units.len())
        .map(|unit| {
            Placed::of(
                plan.anchors[unit].map(|index| &heard[index]),
                aligned[unit].as_ref(),
            )
        })
        .collect();
    let placed = spread(units, &placed, duration_ms);

    let mut found = Found::default();
    let mut at = 0;
    let mut last = (0, 0);
    let mut words = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let count = units[at..].iter().take_while(|unit| unit.word == index).count();
        let mine = &placed[at..at + count];
        at += count;
        let (start_ms, end_ms) = match (mine.first(), mine.last()) {
            (Some(first), Some(last)) => (first.start_ms, last.end_ms),
            // Signs alone are not said: they stand where the word before them ends.
            _ => (last.1, last.1),
        };
        let start_ms = start_ms.clamp(last.0, duration_ms);
        let mut word = Word::new(*text, start_ms, end_ms.clamp(start_ms, duration_ms));
        word.confidence = mine.iter().map(|unit| unit.confidence).reduce(f32::min);
        found.guessed += usize::from(word.confidence == Some(0.0));
        last = (word.start_ms, word.end_ms);
        words.push(word);
    }
    (words, found)
}

/// A unit's place.
#[derive(Debug, Clone, Copy)]
struct Placed {
    start_ms: u64,
    end_ms: u64,
    confidence: f32,
}

impl Placed {
    /// The times are the aligner's where it has some. The confidence is how far two witnesses agree: the text and the
    /// recogniser, who does not know the text. Heard as written, a word has at least a half; otherwise at most a half,
    /// by the aligner's own posterior.
    fn of(heard: Option<&Spoken>, aligned: Option<&Spoken>) -> Option<Self> {
        let times = aligned.or(heard)?;
        let confidence = match heard {
            Some(heard) => f32::midpoint(1.0, heard.posterior),
            None => times.posterior / 2.0,
        };
        Some(Self {
            start_ms: times.start_ms,
            end_ms: times.end_ms,
            // Zero is kept for what is guessed.
            confidence: confidence.clamp(0.01, 1.0),
        })
    }
}

/// Gives the units without a place one: between their neighbours, by their letters.
fn spread(units: &[Unit], placed: &[Option<Placed>], duration_ms: u64) -> Vec<Placed> {
    let mut all: Vec<Placed> = Vec::with_capacity(units.len());
    let mut at = 0;
    while at < placed.len() {
        if let Some(place) = placed[at] {
            all.push(place);
            at += 1;
            continue;
        }
        let until = (at..placed.len())
            .find(|index| placed[*index].is_some())
            .unwrap_or(placed.len());
        let from_ms = all.last().map_or(0, |place| place.end_ms);
        let to_ms = placed
            .get(until)
            .copied()
            .flatten()
            .map_or(duration_ms, |place| place.start_ms);
        let gap = &units[at..until];
        let letters: u64 = gap.iter().map(letters_of).sum();
        let time_ms = to_ms.saturating_sub(from_ms).min(letters * GUESSED_MS_PER_LETTER);
        let mut before = 0;
        for unit in gap {
            let after = before + letters_of(unit);
            all.push(Placed {
                start_ms: from_ms + time_ms * before / letters,
                end_ms: from_ms + time_ms * after / letters,
                confidence: 0.0,
            });
            before = after;
        }
        at = until;
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words at 300 ms each, one after the other; `_` is a pause of that length.
    fn heard(text: &str) -> (Vec<Spoken>, u64) {
        let mut words = Vec::new();
        let mut at_ms = 0;
        for form in text.split_whitespace() {
            if form != "_" {
                words.push(Spoken {
                    form: form.to_owned(),
                    start_ms: at_ms,
                    end_ms: at_ms + 300,
                    posterior: 0.8,
                });
            }
            at_ms += 300;
        }
        (words, at_ms)
    }

    /// The pieces of a text, as `start-end: units`, and the words that are in none.
    fn planned(text: &str, said: &str) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        let units = units(&words);
        let (heard, duration_ms) = heard(said);
        let plan = plan(&units, &heard, duration_ms);
        let forms = |range: Range<usize>| {
            units[range]
                .iter()
                .map(|unit| unit.form.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut lines: Vec<String> = plan
            .pieces
            .iter()
            .map(|piece| {
                format!(
                    "{}-{}: {}",
                    piece.start_ms,
                    piece.end_ms,
                    forms(piece.units.clone())
                )
            })
            .collect();
        lines.push(format!("heard only: {}", plan.heard_only));
        lines.join("\n")
    }

    #[test]
    fn words_are_compared_as_they_are_said() {
        for (text, expected) in [
            ("Hello,", vec!["hello"]),
            ("“It’s”", vec!["it's"]),
            ("twenty-five", vec!["twenty", "five"]),
            ("and/or", vec!["and", "or"]),
            ("Café.", vec!["cafe"]),
            ("($5.50),", vec!["$5.50"]),
            ("20%", vec!["20%"]),
            ("–", vec![]),
            ("'90s", vec!["90s"]),
        ] {
            assert_eq!(forms(text), expected, "{text}");
        }
    }

    #[test]
    fn sound_is_cut_where_text_and_speech_part() {
        let agree = planned("The quick brown fox jumps", "the quick brown fox jumps");
        let misheard = planned(
            "The quick brown Kaltura jumps over it",
            "the quick brown cal jumps over it",
        );
        let not_in_text = planned(
            "the quick brown fox jumps over it",
            "the quick brown well you know i mean to say that fox jumps over it",
        );
        let not_spoken = planned(
            "the quick brown and this here was never said by anybody at all really fox jumps over it",
            "the quick brown fox jumps over it",
        );
        let nothing = planned("nobody says any of all this", "_ _");
        insta::assert_snapshot!([agree, misheard, not_in_text, not_spoken, nothing].join("\n\n"));
    }

    #[test]
    fn long_speech_is_cut_at_its_pauses() {
        let sentence = "one of these days we will see how far the river goes and what is there _ ";
        let said = sentence.repeat(12);
        let plan = planned(&said.replace('_', ""), &said);
        assert_eq!(plan.lines().count(), 7, "{plan}");
    }

    #[test]
    fn long_silence_is_in_no_piece() {
        let silence = "_ ".repeat(500);
        let said = format!("{silence} the quick brown {silence} fox jumps over {silence}");
        insta::assert_snapshot!(planned("the quick brown fox jumps over", &said));
    }

    #[test]
    fn what_is_not_found_stands_between_its_neighbours() {
        let texts = [
            "The", "quick", "brown", "fox", "–", "never", "said", "jumps", "over", "it.",
        ];
        let units = units(&texts);
        let (heard, duration_ms) = heard("the quick brown fox _ jumps over it _");
        let plan = plan(&units, &heard, duration_ms);
        let aligned = vec![None; units.len()];
        let (words, found) = words(&texts, &units, &plan, &heard, &aligned, duration_ms);
        assert_eq!(found.guessed, 2);
        insta::assert_json_snapshot!(words);
    }

    proptest! {
        #[test]
        fn every_word_comes_back_in_order(
            text in proptest::collection::vec("[a-c]{1,2}|[–.]|[a-c]-[a-c]|[0-9%é\u{4e00}]{1,3}", 0..40),
            said in proptest::collection::vec("[a-c]{1,2}|_", 0..40),
            aligns in proptest::collection::vec(any::<bool>(), 200),
            slack_ms in 0_u64..5_000,
        ) {
            let texts: Vec<&str> = text.iter().map(String::as_str).collect();
            let units = units(&texts);
            let (heard, duration_ms) = heard(&said.join(" "));
            let duration_ms = duration_ms + slack_ms;
            let plan = plan(&units, &heard, duration_ms);
            let mut aligned = vec![None; units.len()];
            let mut last = (0, 0);
            for (index, piece) in plan.pieces.iter().enumerate() {
                prop_assert!(piece.start_ms < piece.end_ms && piece.end_ms <= duration_ms);
                prop_assert!(last.0 <= piece.start_ms && last.1 <= piece.units.start);
                last = (piece.end_ms, piece.units.end);
                let width_ms = (piece.end_ms - piece.start_ms) / piece.units.len() as u64;
                for (step, unit) in piece.units.clone().enumerate() {
                    let start_ms = piece.start_ms + width_ms * step as u64;
                    aligned[unit] = aligns[index % 200].then(|| Spoken {
                        form: units[unit].form.clone(),
                        start_ms,
                        end_ms: start_ms + width_ms,
                        posterior: 1.0,
                    });
                }
            }
            let (words, _) = words(&texts, &units, &plan, &heard, &aligned, duration_ms);
            let back: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(back, texts);
            prop_assert!(words.iter().all(|word| word.end_ms <= duration_ms));
            prop_assert!(captions::Transcript::new(None, words, duration_ms).check().is_ok());
        }
    }
}
