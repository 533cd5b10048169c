//! Captions while somebody speaks: what is given out when, and what holds however the words come.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use captions::live::{LiveCaption, LiveLayout, LiveRules, SentenceGatherer, translated_words, words_of_line};
use captions::{Cue, FaultKind, SpeakerId, Word, WordKind, faults, width};
use proptest::prelude::*;

/// The words of a text as espeak-ng reads it, from the benchmark of layouts.
fn read_aloud(words: &str) -> Vec<Word> {
    words
        .lines()
        .map(|line| {
            let mut fields = line.split('\t');
            let mut ms = || fields.next().unwrap().parse().unwrap();
            let (start_ms, end_ms) = (ms(), ms());
            Word::new(fields.next().unwrap(), start_ms, end_ms)
        })
        .collect()
}

fn interview() -> Vec<Word> {
    read_aloud(include_str!(
        "../../../tests/benches/captions/words/interview-155.en.tsv"
    ))
}

fn rules() -> LiveRules {
    LiveRules::for_order(None, "en-US")
}

/// Captions with when they were given out: by a recogniser that tells each `every_ms` what it has heard until then.
fn told_each(every_ms: u64, words: &[Word], rules: &LiveRules) -> Vec<(u64, LiveCaption)> {
    let mut layout = LiveLayout::default();
    let mut given = Vec::new();
    let mut rest = words.iter().cloned().peekable();
    let mut heard_ms = 0;
    while rest.peek().is_some() {
        heard_ms += every_ms;
        let mut told = Vec::new();
        while let Some(word) = rest.next_if(|word| word.end_ms <= heard_ms) {
            told.push(word);
        }
        // A word that is being said has begun.
        let heard_until_ms = rest.peek().map_or(heard_ms, |word| word.start_ms.min(heard_ms));
        let captions = layout.push(told, heard_until_ms, rules);
        given.extend(captions.into_iter().map(|caption| (heard_ms, caption)));
        layout = serde_json::from_str(&serde_json::to_string(&layout).unwrap()).unwrap();
    }
    given.extend(
        layout
            .finish(rules)
            .into_iter()
            .map(|caption| (heard_ms, caption)),
    );
    assert_eq!(layout.finish(rules), []);
    assert_eq!(layout.late_words(), 0);
    given
}

fn show<'a>(captions: impl IntoIterator<Item = &'a LiveCaption>) -> String {
    let mut shown = String::new();
    for caption in captions {
        let text = caption.text.replace('\n', " | ");
        let _ = writeln!(shown, "{:>6} {:>6} {text}", caption.start_ms, caption.end_ms);
    }
    shown
}

fn cues<'a>(captions: impl IntoIterator<Item = &'a LiveCaption>) -> Vec<Cue> {
    captions
        .into_iter()
        .map(|caption| Cue::new(caption.start_ms, caption.end_ms, &caption.text))
        .collect()
}

fn all(words: Vec<Word>, rules: &LiveRules) -> Vec<LiveCaption> {
    let mut layout = LiveLayout::default();
    let mut given = layout.push(words, 0, rules);
    given.extend(layout.finish(rules));
    given
}

#[test]
fn an_interview_goes_out_while_it_is_said() {
    let mut shown = String::new();
    for (told_ms, caption) in told_each(500, &interview(), &rules()) {
        let _ = write!(shown, "{told_ms:>6}: {}", show([&caption]));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn read_speech_keeps_the_norms_and_waits_no_longer_than_told() {
    let every_ms = 250;
    let (mut shown, mut faulty) = (0, Vec::new());
    for (language, words) in [
        (
            "en",
            include_str!("../../../tests/benches/captions/words/howto-120.en.tsv"),
        ),
        (
            "en",
            include_str!("../../../tests/benches/captions/words/news-140.en.tsv"),
        ),
        (
            "en",
            include_str!("../../../tests/benches/captions/words/interview-155.en.tsv"),
        ),
        (
            "de",
            include_str!("../../../tests/benches/captions/words/story-140.de.tsv"),
        ),
        (
            "es",
            include_str!("../../../tests/benches/captions/words/story-140.es.tsv"),
        ),
        (
            "fr",
            include_str!("../../../tests/benches/captions/words/story-140.fr.tsv"),
        ),
    ] {
        let rules = LiveRules::for_order(None, language);
        let words = read_aloud(words);
        let given = told_each(every_ms, &words, &rules);
        for (told_ms, caption) in &given {
            // The longest of these words is said within the second between.
            let waited_ms = told_ms - caption.start_ms;
            assert!(
                waited_ms <= rules.longest_wait_ms + every_ms + 1_000,
                "{waited_ms}: {caption:?}"
            );
        }
        let cues = cues(given.iter().map(|(_, caption)| caption));
        let found = faults(&cues, &rules.layout_rules());
        let count = |kind: FaultKind| found.iter().filter(|fault| fault.kind == kind).count();
        let what = format!(
            "{language}: {found:?}\n{}",
            show(given.iter().map(|(_, caption)| caption))
        );
        for kind in [
            FaultKind::Empty,
            FaultKind::NoDuration,
            FaultKind::LineTooLong,
            FaultKind::TooManyLines,
            FaultKind::TooShort,
            FaultKind::TooLong,
            FaultKind::GapTooSmall,
            FaultKind::Overlap,
        ] {
            assert_eq!(count(kind), 0, "{kind:?} {what}");
        }
        shown += cues.len();
        faulty.extend(found.into_iter().map(|fault| (language, fault.kind)));
    }
    // The next word is not known when a caption has to go: now and then it would have been better within.
    assert!(shown > 80 && faulty.len() * 40 <= shown, "{faulty:?} of {shown}");
}

#[test]
fn a_sentence_goes_out_with_its_last_word_and_not_before() {
    let mut layout = LiveLayout::default();
    let words = |text: &str, at_ms| words_of_line(text, at_ms, at_ms + 900, None);
    assert_eq!(layout.push(words("We are on", 100), 1_000, &rules()), []);
    assert!(layout.is_waiting());
    let given = layout.push(words("the air.", 1_000), 1_900, &rules());
    assert_eq!(show(&given), "   100   1900 We are on the air.\n");
    assert!(!layout.is_waiting());
    assert_eq!(layout.given_until_ms(), 1_900);
}

#[test]
fn a_short_sentence_waits_until_it_can_be_read() {
    let mut layout = LiveLayout::default();
    assert_eq!(
        layout.push(vec![Word::new("Yes.", 1_000, 1_300)], 1_400, &rules()),
        []
    );
    let given = layout.push(vec![], 2_000, &rules());
    assert_eq!(show(&given), "  1000   1834 Yes.\n");
    layout.push(vec![Word::new("No.", 3_000, 3_200)], 3_200, &rules());
    let given = layout.push(words_of_line("It is not.", 3_300, 4_000, None), 4_000, &rules());
    assert_eq!(show(&given), "  3000   4000 No. It is not.\n");
}

#[test]
fn silence_gives_out_what_was_said_before_it() {
    let mut layout = LiveLayout::default();
    assert_eq!(
        layout.push(words_of_line("and then he", 0, 900, None), 1_500, &rules()),
        []
    );
    assert_eq!(
        show(&layout.push(vec![], 1_600, &rules())),
        "     0   1400 and then he\n"
    );
}

#[test]
fn a_line_is_a_caption_of_its_own_where_its_sender_says_so() {
    let mut layout = LiveLayout::default();
    let mut shown = String::new();
    for (text, start_ms) in [
        ("Good evening", 0),
        ("and welcome to", 1_000),
        ("the show", 2_000),
    ] {
        let words = words_of_line(text, start_ms, start_ms + 1_000, None);
        let mut given = layout.push(words, start_ms + 1_000, &rules());
        given.extend(layout.flush(&rules()));
        shown += &show(&given);
    }
    assert_eq!(
        shown,
        "     0   1000 Good evening\n  1000   2000 and welcome to\n  2000   3000 the show\n"
    );
    assert_eq!(layout.late_words(), 0);
    assert_eq!(words_of_line(" \u{7} ", 0, 10, None), []);
}

#[test]
fn words_that_come_too_late_stand_where_they_can() {
    let mut layout = LiveLayout::default();
    layout.push(words_of_line("This is out.", 0, 2_000, None), 2_000, &rules());
    // Out of order, and in time.
    let mut given = layout.push(vec![Word::new("last", 3_000, 3_200)], 0, &rules());
    given.extend(layout.push(vec![Word::new("first", 2_500, 2_600)], 0, &rules()));
    assert_eq!(layout.late_words(), 0);
    // In what is out already.
    given.extend(layout.push(vec![Word::new("late", 1_000, 1_200)], 0, &rules()));
    assert_eq!(layout.late_words(), 1);
    assert_eq!(given, []);
    let given = layout.finish(&rules());
    assert_eq!(show(&given), "  2000   3700 late first last\n");
    assert_eq!(
        (given[0].words[0].start_ms, given[0].words[0].end_ms),
        (2_000, 2_000)
    );
}

#[test]
fn punctuation_is_words_of_its_kind() {
    let mark = |text: &str| Word {
        kind: WordKind::Punctuation,
        ..Word::new(text, 0, 0)
    };
    let words = vec![
        mark("\""),
        Word::new("Well", 0, 300),
        mark(","),
        Word::new("(Mr.", 300, 600),
        Word::new("O'Neil)", 600, 900),
        Word::new("costs", 900, 1_100),
        Word::new("$5.50...", 1_100, 1_800),
        Word::new("in", 1_800, 1_900),
        Word::new("the", 1_900, 2_000),
        Word::new("U.S.", 2_000, 2_300),
        Word::new("today", 2_300, 2_600),
        mark("."),
        mark("\""),
    ];
    let given = all(words, &rules());
    let mut shown = String::new();
    for word in given.iter().flat_map(|caption| &caption.words) {
        let _ = writeln!(
            shown,
            "{:>5} {:>5} {:?} {}",
            word.start_ms, word.end_ms, word.kind, word.text
        );
    }
    insta::assert_snapshot!(format!("{}{shown}", show(&given)));
}

#[test]
fn the_order_says_whether_speakers_sounds_and_profanity_are_shown() {
    let said = |speaker: &str, text: &str, at_ms: u64| {
        words_of_line(text, at_ms, at_ms + 1_000, Some(&SpeakerId::new(speaker)))
    };
    let mut words = said("a", "Is this thing on", 0);
    words.extend(said("b", "Yes, damn it, shit", 1_000));
    words.push(Word {
        kind: WordKind::AudioTag,
        ..Word::new("loud laughter", 2_100, 2_600)
    });
    words.extend(said("a", "Sorry about that.", 2_700));
    let plain = all(words.clone(), &rules());
    let wanted = LiveRules {
        speaker_labels: true,
        speaker_change_marks: true,
        audio_tags: true,
        remove_profanity: true,
        ..rules()
    };
    insta::assert_snapshot!(format!("{}\n{}", show(&plain), show(&all(words, &wanted))));
}

#[test]
fn what_is_too_long_for_a_caption_becomes_several() {
    let rules = LiveRules {
        max_characters_per_line: 12,
        ..rules()
    };
    let url = "https://example.com/a/very/long/address/that/nobody/reads?twice=yes";
    let given = all(
        vec![
            Word::new(url, 0, 4_000),
            Word::new("\u{4eca}\u{5929}".repeat(20), 4_000, 8_000),
        ],
        &rules,
    );
    for caption in &given {
        assert!(caption.text.lines().count() <= 2 && caption.text.lines().all(|line| width(line) <= 12));
        assert!(!caption.words.is_empty());
    }
    let text: String = given
        .iter()
        .map(|caption| caption.text.replace('\n', ""))
        .collect();
    assert_eq!(text, url.to_owned() + &"\u{4eca}\u{5929}".repeat(20));
}

#[test]
fn a_no_break_blank_that_no_line_has_room_for_is_no_caption() {
    let rules = LiveRules {
        max_characters_per_line: 8,
        ..rules()
    };
    let words = vec![Word::new("abcdefgh\u{a0}", 0, 900), Word::new("ijk.", 900, 2_000)];
    assert_eq!(show(&all(words, &rules)), "     0   2500 abcdefgh | ijk.\n");
}

#[test]
fn sentences_are_gathered_and_their_translation_is_laid_out_in_their_time() {
    let (english, spanish) = (LiveRules::for_order(None, "en"), LiveRules::for_order(None, "es"));
    let mut gatherer = SentenceGatherer::default();
    let mut layout = LiveLayout::default();
    let mut shown = String::new();
    let mut rest = interview().into_iter().peekable();
    let mut heard_ms = 0;
    while rest.peek().is_some() {
        heard_ms += 1_000;
        let mut told = Vec::new();
        while let Some(word) = rest.next_if(|word| word.end_ms <= heard_ms) {
            told.push(word);
        }
        let heard_until_ms = rest.peek().map_or(heard_ms, |word| word.start_ms.min(heard_ms));
        let mut sentences = gatherer.push(told, heard_until_ms, &english);
        if rest.peek().is_none() {
            sentences.extend(gatherer.finish(&english));
        }
        let texts: Vec<String> = sentences
            .iter()
            .map(|sentence| sentence.text.to_uppercase())
            .collect();
        for sentence in &sentences {
            let _ = writeln!(
                shown,
                "{heard_ms:>6} {:>6} {:>6} {}",
                sentence.start_ms, sentence.end_ms, sentence.text
            );
        }
        let words = translated_words(&sentences, &texts).unwrap();
        let given = layout.push(words, gatherer.given_until_ms(), &spanish);
        for caption in &given {
            let _ = write!(shown, "            {}", show([caption]));
        }
        let kept = serde_json::to_string(&gatherer).unwrap();
        gatherer = serde_json::from_str(&kept).unwrap();
    }
    shown += &show(&layout.finish(&spanish));
    assert_eq!(layout.late_words(), 0);
    insta::assert_snapshot!(shown);
}

#[test]
fn a_sentence_ends_with_its_speaker_with_silence_and_where_it_gets_long() {
    let by = |name: &str, text: &str, start_ms: u64, end_ms: u64| {
        words_of_line(text, start_ms, end_ms, Some(&SpeakerId::new(name)))
    };
    let mut gatherer = SentenceGatherer::default();
    let texts = |found: Vec<captions::Passage>| found.into_iter().map(|found| found.text).collect::<Vec<_>>();
    let mut words = by("a", "so what do you", 0, 1_000);
    words.extend(by("b", "I think", 1_000, 1_500));
    assert_eq!(texts(gatherer.push(words, 1_500, &rules())), ["so what do you"]);
    assert_eq!(gatherer.given_until_ms(), 1_000);
    assert_eq!(texts(gatherer.push(vec![], 2_500, &rules())), ["I think"]);
    assert_eq!(gatherer.given_until_ms(), 2_500);
    let long =
        "and this goes on and on and nobody knows when it will ever come to its end because it has none";
    let found = texts(gatherer.push(by("b", long, 3_000, 12_000), 12_000, &rules()));
    assert_eq!(found.len(), 1);
    let mut all = found;
    all.extend(texts(gatherer.finish(&rules())));
    assert_eq!(all.join(" "), long);
    assert_eq!(texts(gatherer.finish(&rules())), [""; 0]);
}

fn word_text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-zA-Z']{1,12}[,.?!]?",
        1 => "the|of|and|Mr\\.|is|Maria|Lopez|10",
        1 => "[\u{4e00}-\u{4e40}\u{3041}-\u{3090}。、「」]{1,30}",
        1 => "[a-z/.:]{30,120}",
        1 => "[a-z]{1,5} [a-z]{1,5}",
        1 => "\\PC{1,20}",
    ]
}

/// Words in the order said, some of them at once, some after a silence, some of them punctuation.
fn words() -> impl Strategy<Value = Vec<Word>> {
    let word = (word_text(), 0_u64..1_500, 0_u64..900, 0_usize..9, 0_usize..30);
    proptest::collection::vec(word, 0..60).prop_map(|parts| {
        let mut at_ms = 0;
        parts
            .into_iter()
            .map(|(text, gap_ms, length_ms, speaker, kind)| {
                let start_ms = at_ms + if gap_ms > 1_200 { gap_ms * 2 } else { gap_ms / 8 };
                at_ms = start_ms + length_ms / 2;
                Word {
                    speaker: (speaker < 3).then(|| SpeakerId::new(speaker.to_string())),
                    kind: match kind {
                        0 => WordKind::Punctuation,
                        1 => WordKind::AudioTag,
                        _ => WordKind::Word,
                    },
                    ..Word::new(text, start_ms, start_ms + length_ms)
                }
            })
            .collect()
    })
}

fn live_rules() -> impl Strategy<Value = LiveRules> {
    (0_u32..60, 0_u32..5, 0_u64..9_000, any::<bool>(), any::<bool>()).prop_map(
        |(max_characters_per_line, max_lines, longest_wait_ms, marks, labels)| LiveRules {
            max_characters_per_line,
            max_lines,
            longest_wait_ms,
            speaker_change_marks: marks,
            speaker_labels: labels,
            audio_tags: labels != marks,
            ..rules()
        },
    )
}

/// Where words are shared out among calls, and how much of the silence until the next word has been heard then, in
/// percent.
fn splits() -> impl Strategy<Value = Vec<(usize, u64)>> {
    proptest::collection::vec((1_usize..8, 0_u64..=100), 1..60)
}

/// The words in calls, each with what has been heard. Punctuation comes in one call with the words on both sides.
fn calls(words: &[Word], splits: &[(usize, u64)]) -> Vec<(Vec<Word>, u64)> {
    let mut calls: Vec<(Vec<Word>, u64)> = Vec::new();
    let mut sizes = splits.iter().cycle();
    let mut rest = words;
    while !rest.is_empty() {
        let Some((size, percent)) = sizes.next() else {
            break;
        };
        let mut size = (*size).min(rest.len());
        let is_mark = |at: usize| {
            rest.get(at)
                .is_some_and(|word| word.kind == WordKind::Punctuation)
        };
        while size < rest.len() && (is_mark(size) || is_mark(size - 1)) {
            size += 1;
        }
        let (told, after) = rest.split_at(size);
        let last_ms = told.iter().map(|word| word.start_ms).max().unwrap_or(0);
        let next_ms = after.first().map_or(last_ms + 10_000, |next| next.start_ms);
        let heard_ms = if after.is_empty() {
            next_ms
        } else {
            last_ms + next_ms.saturating_sub(last_ms) * percent / 100
        };
        calls.push((told.to_vec(), heard_ms));
        rest = after;
    }
    calls
}

fn live(calls: &[(Vec<Word>, u64)], rules: &LiveRules) -> (Vec<LiveCaption>, LiveLayout) {
    let mut layout = LiveLayout::default();
    let mut given = Vec::new();
    for (words, heard_ms) in calls {
        given.extend(layout.push(words.clone(), *heard_ms, rules));
        layout = serde_json::from_str(&serde_json::to_string(&layout).unwrap()).unwrap();
    }
    given.extend(layout.finish(rules));
    (given, layout)
}

fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !(c.is_whitespace()
                || c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
                || matches!(c, '\u{ad}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
        })
        .collect()
}

fn sorted(text: &str) -> Vec<char> {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters
}

fn is_in_order(given: &[LiveCaption]) -> Result<(), TestCaseError> {
    let mut free_from_ms = 0;
    for caption in given {
        prop_assert!(caption.start_ms >= free_from_ms, "{}", show(given));
        prop_assert!(caption.end_ms > caption.start_ms, "{}", show(given));
        free_from_ms = caption.end_ms;
        for word in &caption.words {
            let is_within = caption.start_ms <= word.start_ms
                && word.start_ms <= word.end_ms
                && word.end_ms <= caption.end_ms;
            prop_assert!(is_within, "{word:?} in {}", show([caption]));
            prop_assert!(!word.text.trim().is_empty());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn however_the_words_come_the_captions_are_the_same(words in words(), splits in splits(), rules in live_rules()) {
        let once = calls(&words, &[(usize::MAX, 0)]);
        let (expected, _) = live(&once, &rules);
        let (given, layout) = live(&calls(&words, &splits), &rules);
        prop_assert_eq!(show(&given), show(&expected));
        prop_assert_eq!(given, expected);
        prop_assert!(!layout.is_waiting());
    }

    #[test]
    fn every_word_is_shown_once_in_order_within_the_lines(words in words(), splits in splits(), rules in live_rules()) {
        let rules = LiveRules { audio_tags: true,
            speaker_labels: false, speaker_change_marks: false, ..rules };
        let (given, _) = live(&calls(&words, &splits), &rules);
        is_in_order(&given)?;
        let said: String = words
            .iter()
            .filter(|word| !visible(&word.text).is_empty())
            .map(|word| {
                let text = word.text.trim();
                let is_bare = word.kind == WordKind::AudioTag && !text.starts_with(['[', '(', '\u{266a}']);
                visible(&if is_bare { format!("[{text}]") } else { text.to_owned() })
            })
            .collect();
        let shown: String = given.iter().map(|caption| visible(&caption.text)).collect();
        prop_assert_eq!(shown, said);
        let line_width = usize::try_from(rules.max_characters_per_line.clamp(8, 250)).unwrap();
        let line_count = usize::try_from(rules.max_lines.clamp(1, 3)).unwrap();
        for caption in &given {
            prop_assert!((1..=line_count).contains(&caption.text.lines().count()), "{:?}", caption);
            for line in caption.text.lines() {
                prop_assert!(width(line) <= line_width && !visible(line).is_empty(), "{:?}", caption);
            }
        }
    }

    #[test]
    fn nothing_overlaps_and_nothing_is_lost_when_times_are_wrong(
        words in words(),
        places in proptest::collection::vec((0_usize..60, 0_u64..60_000), 60),
        splits in splits(),
        heard in proptest::collection::vec(0_u64..60_000, 60),
    ) {
        let mut words = words;
        for (word, (_, start_ms)) in words.iter_mut().zip(&places) {
            word.kind = WordKind::Word;
            word.start_ms = *start_ms;
        }
        let mut calls = calls(&words, &splits);
        for (call, heard_ms) in calls.iter_mut().zip(&heard) {
            call.1 = *heard_ms;
        }
        let (given, _) = live(&calls, &rules());
        is_in_order(&given)?;
        let said: String = words.iter().map(|word| visible(&word.text)).collect();
        let shown: String = given.iter().map(|caption| visible(&caption.text)).collect();
        prop_assert_eq!(sorted(&shown), sorted(&said));
    }

    #[test]
    fn however_the_words_come_the_sentences_are_the_same(words in words(), splits in splits()) {
        let gathered = |calls: Vec<(Vec<Word>, u64)>| {
            let mut gatherer = SentenceGatherer::default();
            let mut found = Vec::new();
            for (words, heard_ms) in calls {
                found.extend(gatherer.push(words, heard_ms, &rules()));
                gatherer = serde_json::from_str(&serde_json::to_string(&gatherer).unwrap()).unwrap();
            }
            found.extend(gatherer.finish(&rules()));
            found
        };
        let expected = gathered(calls(&words, &[(usize::MAX, 0)]));
        let found = gathered(calls(&words, &splits));
        prop_assert_eq!(&found, &expected);
        // Of people who speak at once, sentences are in the order of their starts.
        let said = words.iter().filter(|word| word.kind != WordKind::AudioTag);
        let said: String = said.map(|word| visible(&word.text)).collect();
        let kept: String = found.iter().map(|found| visible(&found.text)).collect();
        prop_assert_eq!(sorted(&kept), sorted(&said));
    }
}
