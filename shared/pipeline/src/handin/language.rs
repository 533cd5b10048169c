//! The language of a text that is handed in, held against the ordered one. Pure.
//!
//! What is judged is the text as a whole: names, songs and quotations in other languages are nobody's fault. It is cut into
//! pieces of some sentences, and each is recognised by itself, by its letters alone. A refusal takes a long text that is nearly
//! all in other languages; what is shorter or mixed warns; languages that the recogniser doesn't know are not judged.

use captions::Cue;
use engines::language::Language;
use whatlang::{Detector, Lang};

use super::Finding;

/// A piece is so long, in letters.
const PIECE_LETTERS: usize = 150;
/// A text of less says nothing.
const LEAST_LETTERS: usize = 60;
/// A text of less is not refused.
const SURE_LETTERS: usize = 250;
/// A text of which so much is in other languages warns, in percent of its letters.
const WARN_FROM_PERCENT: usize = 50;
/// One of which so much is in other languages is refused, where next to nothing is in its own.
const REFUSE_FROM_PERCENT: usize = 80;
/// Next to nothing.
const OWN_AT_MOST_PERCENT: usize = 10;

/// Languages that a recogniser by letters takes for each other now and then. Between them it warns and never refuses.
const NEAR: [&[Lang]; 9] = [
    &[Lang::Nob, Lang::Dan, Lang::Swe],
    &[Lang::Hrv, Lang::Srp, Lang::Slv],
    &[Lang::Ces, Lang::Slk],
    &[Lang::Nld, Lang::Afr],
    &[Lang::Ind, Lang::Jav],
    &[Lang::Hin, Lang::Mar, Lang::Nep],
    &[Lang::Rus, Lang::Ukr, Lang::Bel, Lang::Bul, Lang::Mkd, Lang::Srp],
    &[Lang::Spa, Lang::Por, Lang::Cat],
    &[Lang::Tur, Lang::Aze, Lang::Tuk, Lang::Uzb],
];

/// Languages that are written in more scripts than the recogniser knows them by.
const SEVERAL_SCRIPTS: [Lang; 5] = [Lang::Aze, Lang::Pan, Lang::Srp, Lang::Tuk, Lang::Uzb];

/// What is said of the language of these cues, where this one was ordered, a BCP-47 tag.
pub(super) fn of_text(cues: &[Cue], ordered_bcp47: &str) -> Option<Finding> {
    let ordered = Language::by_bcp47(ordered_bcp47)?;
    let own = known(ordered)?;
    said_of(&Shares::of(cues, own), own, ordered)
}

fn said_of(shares: &Shares, own: Lang, ordered: &Language) -> Option<Finding> {
    let (other, percent) = (shares.most_of_others()?, shares.others_percent());
    if shares.letters < LEAST_LETTERS || percent < WARN_FROM_PERCENT {
        return None;
    }
    let is_near = NEAR
        .iter()
        .any(|near| near.contains(&own) && near.contains(&other));
    let is_sure = shares.letters >= SURE_LETTERS
        && percent >= REFUSE_FROM_PERCENT
        && shares.own_percent() <= OWN_AT_MOST_PERCENT;
    let (found, expected) = (other.eng_name(), ordered.catalog_name);
    Some(if is_sure && !is_near {
        let text = format!("the text is in {found}, expected {expected}");
        Finding::new("WrongLanguage", text)
    } else {
        let text = format!("most of the text seems to be in {found}, expected {expected}");
        Finding::new("LanguageInDoubt", text).warned()
    })
}

/// The recogniser's language; `None` where it doesn't know it.
fn known(language: &Language) -> Option<Lang> {
    match language.iso639_3 {
        "zho" | "yue" => Some(Lang::Cmn),
        "fas" => Some(Lang::Pes),
        "nor" => Some(Lang::Nob),
        code => Lang::from_code(code),
    }
}

/// How much of a text is in which language, in letters.
struct Shares {
    letters: usize,
    own: usize,
    others: Vec<(Lang, usize)>,
}

impl Shares {
    fn of(cues: &[Cue], own: Lang) -> Self {
        let mut shares = Self {
            letters: 0,
            own: 0,
            others: Vec::new(),
        };
        for (piece, letters) in pieces(cues) {
            shares.letters += letters;
            match heard(&piece, own) {
                Heard::Own => shares.own += letters,
                Heard::Other(lang) => shares.add(lang, letters),
                Heard::Unclear => {}
            }
        }
        shares
    }

    fn add(&mut self, lang: Lang, letters: usize) {
        match self.others.iter_mut().find(|(other, _)| *other == lang) {
            Some((_, sum)) => *sum += letters,
            None => self.others.push((lang, letters)),
        }
    }

    fn percent(&self, letters: usize) -> usize {
        letters * 100 / self.letters.max(1)
    }

    fn own_percent(&self) -> usize {
        self.percent(self.own)
    }

    fn others_percent(&self) -> usize {
        self.percent(self.others.iter().map(|(_, letters)| letters).sum())
    }

    /// The other language that most is in.
    fn most_of_others(&self) -> Option<Lang> {
        let most = self.others.iter().max_by_key(|(_, letters)| *letters);
        most.map(|(lang, _)| *lang)
    }
}

/// What a piece is in.
enum Heard {
    /// The ordered language.
    Own,
    /// Surely not the ordered one, and most likely this.
    Other(Lang),
    /// Nobody knows.
    Unclear,
}

fn heard(piece: &str, own: Lang) -> Heard {
    let Some(info) = whatlang::detect(piece) else {
        return Heard::Unclear;
    };
    let lang = info.lang();
    if lang == own {
        return Heard::Own;
    }
    let is_own_script = info.script().langs().contains(&own);
    if !is_own_script && SEVERAL_SCRIPTS.contains(&own) {
        return Heard::Unclear;
    }
    if !is_own_script || info.is_reliable() {
        return Heard::Other(lang);
    }
    // It may be unsure between two relations, and yet sure that it is none of the ordered language.
    let between = Detector::with_allowlist(vec![own, lang]).detect(piece);
    match between {
        Some(info) if info.lang() == lang && info.is_reliable() => Heard::Other(lang),
        _ => Heard::Unclear,
    }
}

/// Pieces of whole cues with how many letters each has. What is left at the end is with the piece before it.
fn pieces(cues: &[Cue]) -> Vec<(String, usize)> {
    let mut pieces: Vec<(String, usize)> = Vec::new();
    let mut is_full = true;
    for line in cues.iter().flat_map(|cue| &cue.lines) {
        let said = said(line);
        let letters = said.chars().map(weight).sum::<usize>();
        if is_full {
            pieces.push((String::new(), 0));
        }
        if let Some((piece, sum)) = pieces.last_mut() {
            piece.push_str(&said);
            piece.push(' ');
            *sum += letters;
            is_full = *sum >= PIECE_LETTERS;
        }
    }
    if pieces.len() > 1
        && let Some((rest, letters)) = pieces.pop_if(|(_, letters)| *letters < PIECE_LETTERS)
        && let Some((piece, sum)) = pieces.last_mut()
    {
        piece.push_str(&rest);
        *sum += letters;
    }
    pieces
}

/// A line without what is in brackets or tags: speakers, sounds, styles.
fn said(line: &str) -> String {
    let mut depth = 0_u32;
    let mut said = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '[' | '(' | '<' | '{' => depth += 1,
            ']' | ')' | '>' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => said.push(c),
            _ => {}
        }
    }
    said
}

/// How many letters a character counts for: one of Chinese, Japanese or Korean says as much as some three of an alphabet.
fn weight(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{11FF}'
        | '\u{2E80}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7AF}'
        | '\u{F900}'..='\u{FAFF}' => 3,
        c if c.is_alphabetic() => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::super::Level;
    use super::*;

    /// One talk, by language.
    fn talks() -> Vec<(&'static str, &'static str)> {
        let lines = include_str!("fixtures/one-talk-in-many-languages.tsv").lines();
        lines.filter_map(|line| line.split_once('\t')).collect()
    }

    /// Cues of some words each, or of some characters where nothing is between words.
    fn cues(text: &str) -> Vec<Cue> {
        let mut cues: Vec<Cue> = Vec::new();
        let mut line = String::new();
        for word in text.split_inclusive([' ', '。']) {
            line.push_str(word);
            if line.chars().count() > 24 {
                cues.push(Cue::new(0, 1, line.trim()));
                line.clear();
            }
        }
        cues.push(Cue::new(0, 1, line.trim()));
        cues
    }

    fn verdict(text: &str, ordered: &str) -> Option<(&'static str, Level)> {
        of_text(&cues(text), ordered).map(|finding| (finding.name, finding.level))
    }

    #[test]
    fn a_text_in_its_own_language_is_right_and_in_another_is_told() {
        let mut told = String::new();
        for (ordered, _) in talks() {
            let mut others = Vec::new();
            for (tag, text) in talks() {
                match verdict(text, ordered) {
                    None if tag == ordered => {}
                    Some((_, Level::Error)) if tag != ordered => {}
                    other => others.push(format!("{tag}: {}", other.map_or("nothing", |(name, _)| name))),
                }
            }
            let _ = writeln!(told, "{ordered}: {}", others.join(", "));
        }
        // All that is not refused by the other language.
        insta::assert_snapshot!(told);
    }

    #[test]
    fn it_is_told_in_words() {
        let talks = talks();
        let (hebrew, spanish) = (talks[9].1, talks[1].1);
        let text = |text, ordered| of_text(&cues(text), ordered).map(|finding| finding.text);
        assert_eq!(
            text(hebrew, "en-US").as_deref(),
            Some("the text is in Hebrew, expected English (American)")
        );
        assert_eq!(
            text(spanish, "pt").as_deref(),
            Some("most of the text seems to be in Spanish, expected Portuguese")
        );
    }

    #[test]
    fn what_is_short_or_mixed_is_not_refused() {
        let talks = talks();
        let (english, spanish) = (talks[0].1, talks[1].1);
        let first = |text: &str, share: usize| {
            text.chars()
                .take(text.chars().count() * share / 100)
                .collect::<String>()
        };
        assert_eq!(verdict("Gracias.", "en"), None, "a word");
        assert_eq!(
            verdict(&first(spanish, 40), "en"),
            Some(("LanguageInDoubt", Level::Warning))
        );
        let quoting = format!("{english} {}", first(spanish, 70));
        assert_eq!(verdict(&quoting, "en"), None, "a quotation");
        let quoted = format!("{} {spanish} {spanish}", first(english, 70));
        assert_eq!(verdict(&quoted, "en"), Some(("LanguageInDoubt", Level::Warning)));
    }

    #[test]
    fn a_text_warns_from_half_of_it_on_and_is_refused_when_it_is_long_and_nearly_all_of_it() {
        let said = |letters: usize, own: usize, others: usize| {
            let shares = Shares {
                letters,
                own,
                others: vec![(Lang::Spa, others)],
            };
            let finding = said_of(&shares, Lang::Eng, Language::by_bcp47("en").unwrap());
            finding.map(|finding| finding.level)
        };
        let (refused, warned) = (Some(Level::Error), Some(Level::Warning));
        for (letters, own, others, expected) in [
            (59, 0, 59, None),
            (60, 0, 60, warned),
            (200, 101, 99, None),
            (200, 100, 100, warned),
            (249, 0, 249, warned),
            (250, 0, 250, refused),
            (1_000, 0, 799, warned),
            (1_000, 0, 800, refused),
            (1_000, 100, 800, refused),
            (1_000, 110, 800, warned),
        ] {
            assert_eq!(said(letters, own, others), expected, "{letters}, {own}, {others}");
        }
    }

    /// The recogniser knows Serbian by its Cyrillic letters alone.
    #[test]
    fn a_language_of_several_scripts_is_not_doubted_in_one_that_the_recogniser_does_not_know() {
        let serbian = "Dobro veče i hvala vam što ste došli u tako velikom broju. Danas ćemo govoriti o reci koja protiče \
            kroz naš grad, o ljudima koji žive pored nje i o mostovima koje su gradili njihovi očevi. Posle predavanja možete \
            da postavljate pitanja, a ko želi može sa nama da prošeta do pristaništa i da vidi stare brodove.";
        assert_eq!(verdict(serbian, "sr"), None);
        assert!(verdict(serbian, "en").is_some());
    }

    #[test]
    fn what_the_recogniser_does_not_know_is_not_judged() {
        let english = talks()[0].1;
        for ordered in ["eu", "gl", "is", "und", "tlh", "ase"] {
            assert_eq!(verdict(english, ordered), None, "{ordered}");
        }
        assert_eq!(verdict("♪ 1 2 3 ♪", "en"), None);
        assert_eq!(of_text(&[], "en"), None);
    }

    #[test]
    fn speakers_and_sounds_are_not_what_is_said() {
        let spanish = talks()[1].1;
        let mut cues = cues(spanish);
        for cue in &mut cues {
            cue.lines.insert(
                0,
                "[The chairwoman of the city council] (applause and laughter)".to_owned(),
            );
        }
        assert_eq!(of_text(&cues, "es"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_stumble(lines in prop::collection::vec("\\PC{0,60}", 0..12), talk in 0_usize..18) {
            let ordered = talks()[talk].0;
            let cues: Vec<Cue> = lines.iter().map(|line| Cue::new(0, 1, line)).collect();
            let letters: usize = pieces(&cues).iter().map(|(_, letters)| letters).sum();
            let all: usize = lines.iter().flat_map(|line| said(line).chars().map(weight).collect::<Vec<_>>()).sum();
            prop_assert_eq!(letters, all, "nothing is lost");
            let found = of_text(&cues, ordered);
            prop_assert!(letters >= LEAST_LETTERS || found.is_none());
        }
    }

    #[test]
    fn letters_of_one_language_are_added_up() {
        let mut shares = Shares {
            letters: 400,
            own: 40,
            others: Vec::new(),
        };
        assert_eq!((shares.most_of_others(), shares.others_percent()), (None, 0));
        for (lang, letters) in [(Lang::Spa, 100), (Lang::Deu, 120), (Lang::Spa, 100)] {
            shares.add(lang, letters);
        }
        assert_eq!(shares.others, [(Lang::Spa, 200), (Lang::Deu, 120)]);
        assert_eq!(shares.most_of_others(), Some(Lang::Spa));
        assert_eq!((shares.own_percent(), shares.others_percent()), (10, 80));
        let nothing = Shares {
            letters: 0,
            ..Shares { own: 0, ..shares }
        };
        assert_eq!(nothing.own_percent(), 0);
    }

    /// Whole lines make a piece, and what is too short for one goes with the piece before it.
    #[test]
    fn a_text_is_cut_into_pieces_of_enough_letters() {
        let of = |lines: &[usize]| -> Vec<usize> {
            let cues: Vec<Cue> = lines
                .iter()
                .map(|letters| Cue::new(0, 1, &"a".repeat(*letters)))
                .collect();
            pieces(&cues).iter().map(|(_, letters)| *letters).collect()
        };
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[20]), [20], "all there is");
        assert_eq!(of(&[150]), [150]);
        assert_eq!(of(&[150, 150]), [150, 150]);
        assert_eq!(of(&[100, 100, 100, 50]), [200, 150]);
        assert_eq!(of(&[150, 149]), [299], "the rest goes with it");
        assert_eq!(of(&[100, 60, 170, 30]), [160, 200]);
        let cues = [Cue::new(0, 1, &"a".repeat(150)), Cue::new(1, 2, "end")];
        assert_eq!(pieces(&cues)[0].0.trim_end().split(' ').next_back(), Some("end"));
    }

    #[test]
    fn brackets_of_any_kind_are_left_out_and_unclosed_ones_to_the_end() {
        assert_eq!(said("[Ana] (laughs) <i>Yes</i> {x}no").trim(), "Yes no");
        assert_eq!(said("a (b [c] d) e"), "a  e");
        assert_eq!(said("a] b [c"), "a b ");
    }

    #[test]
    fn a_character_of_chinese_japanese_or_korean_weighs_three_letters() {
        assert_eq!(
            ['a', 'ü', 'я', 'א', '1', '.', ' '].map(weight),
            [1, 1, 1, 1, 0, 0, 0]
        );
        assert_eq!(['水', 'か', '한'].map(weight), [3, 3, 3]);
    }
}
