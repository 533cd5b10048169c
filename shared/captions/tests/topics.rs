//! What a transcript is about: keywords and chapters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::HashSet;
use std::fmt::Write as _;

use captions::{Transcript, Word, WordKind, chapters, keywords};
use common::spoken;
use proptest::prelude::*;

const TOPICS: &str = include_str!("speech/topics.txt");
const LECTURE: &str = include_str!("speech/en.txt");

fn show(transcript: &Transcript) -> String {
    let mut shown = String::new();
    for chapter in chapters(transcript) {
        let _ = writeln!(
            shown,
            "{:>7} {}\n        {}",
            chapter.start_ms, chapter.title, chapter.description
        );
    }
    shown
}

#[test]
fn each_subject_is_a_chapter() {
    let transcript = spoken("en", TOPICS, 150);
    let found = chapters(&transcript);
    let mut words = 0;
    let mut starts = Vec::new();
    for paragraph in TOPICS.lines() {
        starts.push(if words == 0 {
            0
        } else {
            transcript.words[words].start_ms
        });
        words += paragraph.split_whitespace().count();
    }
    let found: Vec<u64> = found.iter().map(|chapter| chapter.start_ms).collect();
    assert_eq!(found, starts, "{}", show(&transcript));
    insta::assert_snapshot!(show(&transcript));
}

#[test]
fn a_talk_of_one_subject_is_one_chapter() {
    for text in [LECTURE].into_iter().chain(TOPICS.lines()) {
        assert_eq!(
            chapters(&spoken("en", text, 150)).len(),
            1,
            "{}",
            show(&spoken("en", text, 150))
        );
    }
}

#[test]
fn keywords_say_what_a_talk_is_about() {
    let show = |language: &str, text: &str| keywords(&spoken(language, text, 150), 8).join(", ");
    let mut shown = format!("en: {}\n", show("en", LECTURE));
    for topic in TOPICS.lines() {
        let _ = writeln!(shown, "en: {}", show("en", topic));
    }
    for (language, text) in [
        ("es", include_str!("speech/es.txt")),
        ("fr", include_str!("speech/fr.txt")),
        ("de", include_str!("speech/de.txt")),
    ] {
        let _ = writeln!(shown, "{language}: {}", show(language, text));
    }
    let japanese = "今日はサンゴ礁の作り方と、そこに住む生き物について話します。サンゴは植物のように見えますが、実は動物です。";
    let _ = writeln!(shown, "ja: {}", show("ja", japanese));
    let chinese = "珊瑚礁是由珊瑚建造的。珊瑚看起来像植物，但是珊瑚其实是动物。珊瑚礁里住着很多鱼。";
    let _ = writeln!(shown, "zh: {}", show("zh", chinese));
    insta::assert_snapshot!(shown);
}

#[test]
fn subjects_told_all_at_once_are_one_chapter() {
    let topics: Vec<Vec<&str>> = TOPICS
        .lines()
        .map(|topic| topic.split_inclusive(". ").collect())
        .collect();
    let longest = topics.iter().map(Vec::len).max().unwrap();
    let mixed: Vec<&str> = (0..longest)
        .flat_map(|place| topics.iter().filter_map(move |topic| topic.get(place)))
        .copied()
        .collect();
    let transcript = spoken("en", &mixed.join(" "), 150);
    assert_eq!(chapters(&transcript).len(), 1, "{}", show(&transcript));
}

#[test]
fn keywords_are_clean_and_come_once() {
    let text = "The shit report of 2024 says that R and B matter. Kaltura shit, kaltura and Kaltura's reports: 2024 shit. \
                The *** report.";
    let found = keywords(&spoken("en", text, 150), 10);
    assert_eq!(found, ["Kaltura", "report", "matter"]);
    assert_eq!(keywords(&spoken("en", text, 150), 1), ["Kaltura"]);
    assert_eq!(
        keywords(&Transcript::new(None, Vec::new(), 0), 5),
        Vec::<String>::new()
    );
}

#[test]
fn nothing_said_has_no_chapter() {
    let applause = Word {
        kind: WordKind::AudioTag,
        ..Word::new("applause", 0, 9_000)
    };
    assert_eq!(chapters(&Transcript::new(None, vec![applause], 9_000)), []);
}

#[test]
fn a_chapter_without_a_word_of_meaning_has_a_title() {
    let found = chapters(&spoken("en", "And so it was. It was that.", 150));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].title, "And so it was.");
}

fn transcripts() -> impl Strategy<Value = Transcript> {
    let topic =
        |words: &'static [&'static str]| proptest::collection::vec(prop::sample::select(words), 0..120);
    let word = prop_oneof![
        4 => topic(&["bread", "oven", "yeast.", "the", "of", "Baker", "dough", "crust,"]),
        4 => topic(&["planet", "moon.", "and", "Jupiter", "orbits", "in", "telescope", "Sun?"]),
        1 => proptest::collection::vec("\\PC{1,9}", 0..20).prop_map(|words| {
            words.into_iter().filter(|w| !w.trim().is_empty()).map(|w| &*w.leak()).collect()
        }),
        1 => topic(&["サンゴは", "動物です。", "珊瑚礁里住着很多鱼和海草", "字幕", "กขค", "שלום"]),
    ];
    (
        proptest::collection::vec(word, 0..6),
        prop::sample::select(vec!["en", "de", "ja", "zh", "nb", "xx", ""]),
    )
        .prop_map(|(parts, language)| {
            let words: Vec<Word> = (0_u64..)
                .zip(parts.concat())
                .map(|(at, text)| Word::new(text, at * 300, at * 300 + 250))
                .collect();
            Transcript::new((!language.is_empty()).then(|| language.to_owned()), words, 0)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn chapters_begin_at_words_and_have_titles_of_their_own(transcript in transcripts()) {
        let found = chapters(&transcript);
        prop_assert_eq!(&found, &chapters(&transcript));
        let is_said = transcript.words.iter().any(|word| word.text.contains(char::is_alphanumeric));
        prop_assert!(!is_said || !found.is_empty());
        let titles: HashSet<String> = found.iter().map(|chapter| chapter.title.to_lowercase()).collect();
        prop_assert_eq!(titles.len(), found.len());
        for (place, chapter) in found.iter().enumerate() {
            prop_assert!(!chapter.title.trim().is_empty() && chapter.title.chars().count() <= 255);
            prop_assert!(!chapter.description.is_empty() && chapter.description.chars().count() <= 300);
            if place == 0 {
                prop_assert_eq!(chapter.start_ms, 0);
            } else {
                prop_assert!(chapter.start_ms > found[place - 1].start_ms);
                prop_assert!(transcript.words.iter().any(|word| word.start_ms == chapter.start_ms));
            }
        }
    }

    #[test]
    fn keywords_are_words_of_the_transcript(transcript in transcripts(), limit in 0_usize..12) {
        let found = keywords(&transcript, limit);
        prop_assert_eq!(&found, &keywords(&transcript, limit));
        prop_assert!(found.len() <= limit);
        let distinct: HashSet<String> = found.iter().map(|keyword| keyword.to_lowercase()).collect();
        prop_assert_eq!(distinct.len(), found.len());
        let said = transcript.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        for keyword in &found {
            prop_assert!(keyword.split(' ').all(|word| said.contains(word)), "{keyword}");
            prop_assert!(keyword.chars().any(char::is_alphabetic) && keyword.chars().count() > 1, "{keyword}");
        }
    }
}
