//! Captions and transcripts in another language: passages out, translations back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use captions::{
    Cue, LayoutRules, Passage, PassageRules, Transcript, Word, WordKind, faults, lay_out, passages, retime,
    retimed_transcript, transcript_passages, width,
};
use common::spoken;
use proptest::prelude::*;

fn rules(language: &str) -> LayoutRules {
    LayoutRules {
        language: language.to_owned(),
        ..LayoutRules::default()
    }
}

fn texts(passages: &[Passage]) -> Vec<&str> {
    passages.iter().map(|passage| passage.text.as_str()).collect()
}

fn speakers(passages: &[Passage]) -> Vec<Option<&str>> {
    passages
        .iter()
        .map(|passage| passage.speaker.as_ref().map(captions::SpeakerId::as_str))
        .collect()
}

fn of_cues(cues: &[Cue]) -> Vec<Passage> {
    passages(cues, "en", &PassageRules::default())
}

fn lecture() -> Vec<Cue> {
    vec![
        Cue::new(0, 2_500, "Good morning everyone,\nand welcome to the first"),
        Cue::new(2_500, 4_000, "lecture of this course."),
        Cue::new(4_100, 6_000, "Dr. Park will give it."),
        Cue::new(9_000, 11_000, "- Can I ask a question?\n- Of course."),
        Cue::new(11_000, 12_000, "[Applause]"),
        Cue::new(12_500, 14_000, ">> [Ann] How does a reef"),
        Cue::new(14_000, 15_500, "survive a storm"),
        Cue::new(18_000, 20_000, "like the one in March?"),
    ]
}

#[test]
fn cues_become_sentences() {
    let found = of_cues(&lecture());
    assert_eq!(
        texts(&found),
        [
            "Good morning everyone, and welcome to the first lecture of this course.",
            "Dr. Park will give it.",
            "Can I ask a question?",
            "Of course.",
            "[Applause]",
            "How does a reef survive a storm",
            "like the one in March?",
        ]
    );
    assert_eq!((found[0].start_ms, found[0].end_ms), (0, 4_000));
    assert_eq!(
        speakers(&found),
        [None, None, None, None, None, Some("Ann"), Some("Ann")]
    );
    assert!(
        found
            .iter()
            .all(|passage| passage.is_sound == (passage.text == "[Applause]"))
    );
}

#[test]
fn a_translation_takes_the_times_and_labels_of_its_source() {
    let translated = [
        "Buenos días a todos y bienvenidos a la primera clase de este curso.",
        "La dará la doctora Park.",
        "¿Puedo hacer una pregunta?",
        "Por supuesto.",
        "[Aplausos]",
        "¿Cómo sobrevive un arrecife a una tormenta",
        "como la de marzo?",
    ];
    let cues = retime(&of_cues(&lecture()), &translated, &rules("es")).unwrap();
    let expected = [
        Cue::new(0, 2_500, "Buenos días\na todos y bienvenidos a la primera"),
        Cue::new(2_500, 4_000, "clase de este curso."),
        Cue::new(4_100, 6_000, "La dará la doctora Park."),
        Cue::new(9_000, 11_000, "- ¿Puedo hacer una pregunta?\n- Por supuesto."),
        Cue::new(11_000, 12_000, "[Aplausos]"),
        Cue::new(12_500, 14_000, ">> [Ann] ¿Cómo sobrevive"),
        Cue::new(14_000, 15_500, "un arrecife a una tormenta"),
        Cue::new(18_000, 20_000, "como la de marzo?"),
    ];
    assert_eq!(cues, expected);
}

#[test]
fn what_does_not_fit_two_lines_is_split_within_its_cue() {
    let source = [Cue::new(1_000, 7_000, "It is what it is.")];
    let long = "Das ist eine sehr viel längere Übersetzung, als man sie hätte erwarten dürfen, und sie passt bei aller \
                Mühe nicht in die beiden Zeilen.";
    let cues = retime(&of_cues(&source), &[long], &rules("de")).unwrap();
    assert_eq!(cues.len(), 2);
    assert_eq!((cues[0].start_ms, cues[1].end_ms), (1_000, 7_000));
    assert_eq!(cues[0].end_ms, cues[1].start_ms);
    assert!(
        cues.iter()
            .flat_map(|cue| &cue.lines)
            .all(|line| width(line) <= 42)
    );
    let shown: Vec<&str> = cues
        .iter()
        .flat_map(|cue| &cue.lines)
        .map(String::as_str)
        .collect();
    assert_eq!(shown.join(" "), long);
}

#[test]
fn a_cue_that_no_word_is_left_for_gives_its_time_away() {
    let source = [
        Cue::new(0, 1_500, "Is that so, or do I"),
        Cue::new(1_500, 2_500, "perhaps err?"),
    ];
    let cues = retime(&of_cues(&source), &["Nein?"], &rules("de")).unwrap();
    assert_eq!(cues, [Cue::new(0, 2_500, "Nein?")]);
    assert_eq!(retime(&of_cues(&source), &[" "], &rules("de")).unwrap(), []);
}

#[test]
fn cues_that_overlap_are_shown_one_after_the_other() {
    let source = [
        Cue::new(0, 4_000, "At the top."),
        Cue::new(0, 4_000, "At the bottom."),
        Cue::new(3_000, 2_000, "Backwards."),
    ];
    let cues = retime(
        &of_cues(&source),
        &["Oben.", "Unten.", "Rückwärts."],
        &rules("de"),
    )
    .unwrap();
    let expected = [
        Cue::new(0, 1_500, "Oben."),
        Cue::new(1_500, 3_000, "Unten."),
        Cue::new(3_000, 3_001, "Rückwärts."),
    ];
    assert_eq!(cues, expected);
}

#[test]
fn chinese_is_filled_into_the_cues_without_blanks() {
    let text = "各位早上好，欢迎来到本课程的第一节课。";
    let cues = retime(&of_cues(&lecture()[..2]), &[text], &rules("zh")).unwrap();
    assert_eq!(cues.len(), 2);
    let shown: String = cues
        .iter()
        .flat_map(|cue| &cue.lines)
        .map(String::as_str)
        .collect();
    assert_eq!(shown, text);
    assert_eq!(cues[0].lines.last().unwrap(), "各位早上好，");
}

#[test]
fn thai_keeps_the_blanks_between_its_phrases() {
    let text = "อรุณสวัสดิ์ทุกคน ยินดีต้อนรับสู่บทเรียนแรกของหลักสูตรนี้";
    let found = of_cues(&lecture()[..2]);
    let shown = |cues: &[Cue]| {
        cues.iter()
            .map(|cue| cue.lines.join("|"))
            .collect::<Vec<_>>()
            .join("|")
    };
    let cues = retime(&found, &[text], &rules("th")).unwrap();
    assert_eq!(cues.len(), 2);
    assert_eq!(shown(&cues).replace(['|', ' '], ""), text.replace(' ', ""));
    assert!(shown(&cues).contains("ทุกคน ยินดี"), "{}", shown(&cues));
    let short = "ใช่ ถูกต้อง";
    assert_eq!(
        shown(&retime(&of_cues(&lecture()[2..3]), &[short], &rules("th")).unwrap()),
        short
    );
    let thai = retimed_transcript(&found, &[short], "th", 9_000).unwrap();
    assert_eq!(shown(&lay_out(&thai, &rules("th"))), short);
}

#[test]
fn marks_of_direction_are_no_part_of_a_passage() {
    let source = [Cue::new(0, 3_000, "\u{200f}[Speaker 1] שלום לכולם.\u{200f}")];
    let found = of_cues(&source);
    assert_eq!(
        (texts(&found), speakers(&found)),
        (vec!["שלום לכולם."], vec![Some("Speaker 1")])
    );
    let cues = retime(&found, &["مرحبا بالجميع."], &rules("ar")).unwrap();
    assert_eq!(cues[0].lines, ["\u{200f}[Speaker 1] مرحبا بالجميع."]);
}

#[test]
fn one_text_a_passage_is_asked_for() {
    let found = of_cues(&lecture());
    let error = retime(&found, &["only one"], &rules("es")).unwrap_err();
    assert_eq!(error.to_string(), "1 texts for 7 passages");
    assert_eq!(error.name(), "PassageCountMismatch");
    assert_eq!(
        retimed_transcript(&found, &["only one"], "es", 0).unwrap_err(),
        error
    );
}

#[test]
fn an_engines_limit_holds_and_no_word_is_lost() {
    let narrow = PassageRules {
        max_bytes: 60,
        ..PassageRules::default()
    };
    let word = "a".repeat(150);
    let source = [
        Cue::new(0, 4_000, "no marks here and on it goes with and without a break"),
        Cue::new(
            4_000,
            9_000,
            &format!("or two, and on {word} 字幕字幕字幕字幕字幕字幕字幕字幕字幕"),
        ),
    ];
    let found = passages(&source, "en", &narrow);
    assert!(found.iter().all(|passage| passage.text.len() <= 60));
    let glued = |text: &str| text.replace([' ', '\n'], "");
    let whole: String = source.iter().map(|cue| glued(&cue.text())).collect();
    assert_eq!(texts(&found).concat().replace(' ', ""), whole);
    assert_eq!(
        found[0].text,
        "no marks here and on it goes with and without a break"
    );
    let back = retime(&found, &texts(&found), &rules("en")).unwrap();
    assert_eq!(
        back.iter().map(|cue| glued(&cue.text())).collect::<String>(),
        whole
    );
}

#[test]
fn a_transcript_becomes_sentences_of_one_speaker() {
    let transcript = spoken(
        "en",
        "{A} Can I ask Dr. Park a question? *laughter* Of course. {B} How do they survive ... a storm?",
        150,
    );
    let found = transcript_passages(&transcript, &PassageRules::default());
    assert_eq!(
        texts(&found),
        [
            "Can I ask Dr. Park a question?",
            "[laughter]",
            "Of course.",
            "How do they survive",
            "a storm?"
        ]
    );
    assert_eq!(
        speakers(&found),
        [Some("A"), Some("A"), Some("A"), Some("B"), Some("B")]
    );
    assert_eq!(found[0].start_ms, transcript.words[0].start_ms);
    assert_eq!(found[0].end_ms, transcript.words[6].end_ms);
    assert!(found[1].is_sound);
}

#[test]
fn a_translated_transcript_is_timed_within_its_passages() {
    let transcript = spoken("en", "{A} Can I ask a question? *laughter* {B} Of course.", 150);
    let found = transcript_passages(&transcript, &PassageRules::default());
    let translated = ["¿Puedo hacer una pregunta?", "[risas]", "Por supuesto."];
    let spanish = retimed_transcript(&found, &translated, "es", transcript.duration_ms).unwrap();
    spanish.check().unwrap();
    assert_eq!(spanish.language.as_deref(), Some("es"));
    let words: Vec<&str> = spanish.words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words.join(" "), "¿Puedo hacer una pregunta? risas Por supuesto.");
    assert_eq!(spanish.words[4].kind, WordKind::AudioTag);
    assert_eq!(spanish.words[0].start_ms, found[0].start_ms);
    assert_eq!(spanish.words[3].end_ms, found[0].end_ms);
    assert_eq!(spanish.words[6].end_ms, found[2].end_ms);
    let cues = lay_out(&spanish, &rules("es"));
    assert_eq!(faults(&cues, &rules("es")), []);
}

#[test]
fn a_lecture_translated_into_itself_keeps_its_norms() {
    let source = lay_out(&spoken("en", include_str!("speech/en.txt"), 150), &rules("en"));
    let found = of_cues(&source);
    let cues = retime(&found, &texts(&found), &rules("en")).unwrap();
    let shown = |cues: &[Cue]| {
        cues.iter()
            .map(|cue| cue.lines.join(" "))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(shown(&cues), shown(&source));
    let times = |cues: &[Cue]| {
        cues.iter()
            .map(|cue| (cue.start_ms, cue.end_ms))
            .collect::<Vec<_>>()
    };
    assert_eq!(times(&cues), times(&source));
    assert!(
        faults(&cues, &rules("en")).len() * 20 <= cues.len(),
        "{:?}",
        faults(&cues, &rules("en"))
    );
}

fn cues() -> impl Strategy<Value = Vec<Cue>> {
    let line = prop_oneof![
        6 => "[a-zA-Z,.? ]{0,60}",
        1 => "(>> |- |\\[[A-Za-z ]{1,9}\\] )[a-z ]{1,20}[.]?",
        1 => "[\u{4e00}-\u{4e40}。、]{1,40}",
        1 => "[\u{5d0}-\u{5ea} ]{1,40}",
        1 => "\\PC{0,30}",
    ];
    let time = prop_oneof![6 => 0_u64..60_000, 1 => any::<u64>()];
    let cue = (time, -500_i64..8_000, proptest::collection::vec(line, 0..4)).prop_map(
        |(start_ms, length_ms, lines)| Cue {
            start_ms,
            end_ms: start_ms.saturating_add_signed(length_ms),
            lines,
        },
    );
    proptest::collection::vec(cue, 0..10)
}

/// Letters and marks, without what is only there to be looked at.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !c.is_whitespace()
                && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect()
}

/// Sorted, apart, of some length and with text.
fn check_cues(cues: &[Cue]) -> Result<(), TestCaseError> {
    for pair in cues.windows(2) {
        prop_assert!(pair[0].end_ms <= pair[1].start_ms, "{pair:?}");
    }
    for cue in cues {
        prop_assert!(cue.start_ms < cue.end_ms || cue.end_ms == u64::MAX, "{cue:?}");
        prop_assert!((1..=2).contains(&cue.lines.len()), "{cue:?}");
        prop_assert!(cue.lines.iter().all(|line| !line.trim().is_empty()), "{cue:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passages_keep_the_limit_and_every_text(cues in cues(), max_bytes in 0_usize..300) {
        let found = passages(&cues, "en", &PassageRules { max_bytes, ..PassageRules::default() });
        for passage in &found {
            prop_assert!(passage.text.len() <= max_bytes.max(16), "{passage:?}");
            prop_assert!(passage.start_ms <= passage.end_ms && !passage.text.trim().is_empty(), "{passage:?}");
        }
        let back = retime(&found, &texts(&found), &rules("en")).unwrap();
        check_cues(&back)?;
        let mut sorted = cues;
        sorted.sort_by_key(|cue| cue.start_ms);
        let said = |cues: &[Cue]| cues.iter().map(|cue| visible(&cue.text())).collect::<String>();
        prop_assert_eq!(said(&back), said(&sorted));
    }

    #[test]
    fn no_translated_word_is_lost_or_shown_twice(
        cues in cues(),
        words in proptest::collection::vec("[a-zé]{1,9}[,.]?|[\u{4e00}-\u{4e40}]{1,30}|[a-z]{60}", 1..60),
    ) {
        let plain: Vec<Cue> = cues
            .into_iter()
            .map(|cue| Cue { lines: cue.lines.into_iter().map(|line| line.replace(['>', '-', '[', '\u{2013}'], "")).collect(), ..cue })
            .collect();
        let found = passages(&plain, "en", &PassageRules::default());
        let mut words = words.into_iter().cycle();
        let translated: Vec<String> = found
            .iter()
            .map(|passage| words.by_ref().take(passage.text.len() % 23).collect::<Vec<_>>().join(" "))
            .collect();
        let back = retime(&found, &translated, &rules("es")).unwrap();
        check_cues(&back)?;
        prop_assert!(back.iter().flat_map(|cue| &cue.lines).all(|line| width(line) <= 42));
        let shown: String = back.iter().map(|cue| visible(&cue.text())).collect();
        prop_assert_eq!(shown, visible(&translated.concat()));
    }

    #[test]
    fn a_transcripts_words_are_in_its_passages_once(
        words in proptest::collection::vec(("[a-zA-Z]{1,9}[,.?]?", 0_u64..2_500, 0_u64..900, 0_usize..9), 0..60),
        max_bytes in 16_usize..200,
    ) {
        let mut at_ms = 0;
        let words: Vec<Word> = words
            .into_iter()
            .map(|(text, gap_ms, length_ms, speaker)| {
                at_ms += gap_ms;
                Word {
                    speaker: (speaker < 2).then(|| captions::SpeakerId::new(speaker.to_string())),
                    ..Word::new(text, at_ms, at_ms + length_ms)
                }
            })
            .collect();
        let transcript = Transcript::new(Some("en".to_owned()), words, at_ms);
        let found = transcript_passages(&transcript, &PassageRules { max_bytes, ..PassageRules::default() });
        prop_assert!(found.iter().all(|passage| passage.text.len() <= max_bytes));
        let all = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect::<Vec<_>>().join(" ");
        prop_assert_eq!(texts(&found).join(" "), all(&transcript.words));
        let back = retimed_transcript(&found, &texts(&found), "en", at_ms).unwrap();
        back.check().unwrap();
        prop_assert_eq!(all(&back.words), all(&transcript.words));
    }
}
