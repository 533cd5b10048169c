//! What holds for any transcript and any file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use captions::{
    CaptionFormat, Cue, FaultKind, LayoutRules, SpeakerId, Transcript, Word, WordKind, faults, lay_out, read,
    read_any, tidy, write,
};
use proptest::prelude::*;

/// What can't be seen and may be added or dropped.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{ad}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

fn shown(cues: &[Cue]) -> String {
    cues.iter()
        .flat_map(|cue| &cue.lines)
        .map(|line| visible(line))
        .collect()
}

fn word_text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z']{1,12}[,.?!]?",
        1 => "the|of|and|Mr\\.|is|Maria|Lopez|10",
        1 => "[\u{4e00}-\u{4e40}\u{3041}-\u{3090}。、「」]{1,30}",
        1 => "[\u{5d0}-\u{5ea}]{1,9}",
        1 => "[a-z/.:]{30,90}",
        1 => "\\PC{1,20}",
    ]
}

fn transcripts() -> impl Strategy<Value = Transcript> {
    let word = (word_text(), 0_u64..1_500, 0_u64..900, 0_usize..14, 0_usize..30);
    (
        proptest::collection::vec(word, 0..80),
        prop::sample::select(vec!["en", "es", "fr", "de", "ja", "he", ""]),
    )
        .prop_map(|(parts, language)| {
            let mut at_ms = 0;
            let words = parts
                .into_iter()
                .map(|(text, gap_ms, length_ms, speaker, kind)| {
                    let start_ms = at_ms + if gap_ms > 1_200 { gap_ms * 3 } else { gap_ms / 8 };
                    at_ms = start_ms + length_ms / 2;
                    Word {
                        text,
                        start_ms,
                        end_ms: start_ms + length_ms,
                        confidence: None,
                        speaker: (speaker < 3).then(|| SpeakerId::new(speaker.to_string())),
                        kind: if kind == 0 {
                            WordKind::Punctuation
                        } else {
                            WordKind::Word
                        },
                    }
                })
                .collect();
            Transcript::new((!language.is_empty()).then(|| language.to_owned()), words, at_ms)
        })
}

fn rules() -> impl Strategy<Value = LayoutRules> {
    (0_u32..60, 0_u32..5).prop_map(|(max_chars_per_line, max_lines)| LayoutRules {
        max_chars_per_line,
        max_lines,
        ..LayoutRules::default()
    })
}

fn cues() -> impl Strategy<Value = Vec<Cue>> {
    let line = prop_oneof![
        4 => "[a-z ,.]{0,40}",
        1 => "[0-9]{1,3}",
        2 => "\\PC{0,30}",
        2 => "[ a-b0-9:.,<>{}\\\\/&;#!?\\[\\]\n\r\t\u{0}\u{7}\u{85}\u{2028}\u{feff}-]{0,30}",
        1 => Just("00:00:01.000 --> 00:00:02.000".to_owned()),
        1 => Just("NOTE --> <v Bob>&lt;</i> &amp;amp; {\\an8}".to_owned()),
    ];
    let time = prop_oneof![4 => 0_u64..600_000, 1 => any::<u64>()];
    let cue = (time, -500_i64..8_000, proptest::collection::vec(line, 0..4)).prop_map(
        |(start_ms, length_ms, lines)| Cue {
            start_ms,
            end_ms: start_ms.saturating_add_signed(length_ms),
            lines,
        },
    );
    proptest::collection::vec(cue, 0..20)
}

/// Pieces that caption files are made of, in any order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\n",
            "\r\n",
            "\r",
            "\n\n",
            " ",
            "1",
            "00:00:01,000",
            "-->",
            " --> ",
            "->",
            "00:01.000",
            "-0:0:0,0",
            "99999999999:00:00,0",
            "WEBVTT",
            "NOTE",
            "STYLE",
            "<p begin=\"1s\" end=\"2s\">",
            "<p begin='",
            "</p>",
            "<br/>",
            "<br>",
            "<span begin=\"1f\">",
            "</span>",
            "<tt xmlns=\"http://www.w3.org/ns/ttml\">",
            "<body><div>",
            "<![CDATA[",
            "]]>",
            "<!--",
            "<!DOCTYPE",
            "<?xml",
            "?>",
            "<head>",
            "&",
            "&amp;",
            "&#x41;",
            "&#xD800;",
            "<",
            ">",
            "\"",
            "{\\an8}",
            "{\\",
            "<i>",
            "</",
            "\u{feff}",
            "\u{0}",
            "é",
            "字",
            "word",
            "<v Bob>",
            "<00:01.000>",
            "ttp:frameRate=\"0\"",
            "timeContainer=\"seq\"",
        ])
        .prop_map(|piece: &str| piece.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_layout_shows_every_word_once_in_order(transcript in transcripts(), rules in rules()) {
        let cues = lay_out(&transcript, &rules);
        let said: String = transcript.words.iter().map(|word| visible(&word.text)).collect();
        prop_assert_eq!(shown(&cues), said);
    }

    #[test]
    fn a_layout_keeps_the_limits_that_can_always_be_kept(
        transcript in transcripts(),
        rules in rules(),
        labels in any::<bool>(),
        marks in any::<bool>(),
    ) {
        let rules = LayoutRules { speaker_labels: labels, speaker_change_marks: marks, ..rules };
        let cues = lay_out(&transcript, &rules);
        let always = [
            FaultKind::Empty,
            FaultKind::NoDuration,
            FaultKind::LineTooLong,
            FaultKind::TooManyLines,
            FaultKind::TooLong,
            FaultKind::Overlap,
        ];
        for fault in faults(&cues, &rules) {
            prop_assert!(!always.contains(&fault.kind), "{:?}: {:?}", fault, cues[fault.cue]);
        }
        for cue in &cues {
            prop_assert!(!cue.lines.is_empty() && cue.lines.iter().all(|line| !line.trim().is_empty()));
        }
    }

    #[test]
    fn what_is_written_is_read_back(cues in cues()) {
        for format in CaptionFormat::ALL {
            let expected = tidy(format, &cues);
            let file = write(format, &cues, "en");
            if expected.is_empty() {
                prop_assert!(read(format, file.as_bytes()).is_err());
            } else {
                prop_assert_eq!(read(format, file.as_bytes()).unwrap(), expected.clone(), "{}", file);
                prop_assert_eq!(read_any(file.as_bytes()).unwrap(), (format, expected), "{}", file);
            }
        }
    }

    #[test]
    fn tidying_keeps_the_text_and_settles_at_once(cues in cues()) {
        for format in CaptionFormat::ALL {
            let tidied = tidy(format, &cues);
            prop_assert_eq!(&tidy(format, &tidied), &tidied);
            let letters = |cues: &[Cue]| {
                let mut all: Vec<char> = shown(cues).chars().filter(|c| c.is_alphanumeric()).collect();
                all.sort_unstable();
                all
            };
            prop_assert_eq!(letters(&tidied), letters(&cues));
            prop_assert!(tidied.iter().all(|cue| cue.start_ms < cue.end_ms));
        }
    }

    #[test]
    fn what_is_written_is_inside_the_safe_subset(cues in cues()) {
        for format in CaptionFormat::ALL {
            let file = write(format, &cues, "en");
            prop_assert!(file.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{feff}'), "{:?}", file);
            match format {
                CaptionFormat::Srt => check_srt(&file),
                CaptionFormat::Vtt => check_vtt(&file),
                CaptionFormat::Dfxp => check_dfxp(&file),
            }
        }
    }

    #[test]
    fn readers_take_any_bytes(bytes in prop_oneof![soup(), proptest::collection::vec(any::<u8>(), 0..300)]) {
        for format in CaptionFormat::ALL {
            if let Ok(cues) = read(format, &bytes) {
                prop_assert!(cues.iter().all(|cue| !cue.lines.is_empty()));
                let tidied = tidy(format, &cues);
                let file = write(format, &cues, "");
                prop_assert_eq!(read(format, file.as_bytes()).unwrap(), tidied);
            }
        }
        let _ = read_any(&bytes);
        let _ = Transcript::from_json(&bytes);
    }
}

/// `HH:MM:SS` with `point` and three digits.
fn clock_ms(text: &str, point: char) -> u64 {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(shape, format!("99:99:99{point}999"), "{text}");
    let numbers: Vec<u64> = text
        .split([':', point])
        .map(|part| part.parse().unwrap())
        .collect();
    assert!(numbers[1] < 60 && numbers[2] < 60, "{text}");
    ((numbers[0] * 60 + numbers[1]) * 60 + numbers[2]) * 1_000 + numbers[3]
}

fn check_times(line: &str, point: char) {
    let (start, end) = line.split_once(" --> ").unwrap();
    assert!(clock_ms(start, point) < clock_ms(end, point), "{line}");
}

/// A strict reader: blocks of counter, times and text, with one blank line after each.
fn check_srt(file: &str) {
    let blocks = file
        .strip_suffix("\n\n")
        .map_or(vec![], |file| file.split("\n\n").collect());
    for (place, block) in blocks.iter().enumerate() {
        let lines: Vec<&str> = block.split('\n').collect();
        assert_eq!(lines[0], (place + 1).to_string());
        check_times(lines[1], ',');
        check_text(&lines[2..]);
        let is_number = |line: &&str| line.bytes().all(|byte| byte.is_ascii_digit());
        assert!(lines.len() == 3 || !lines[2..].iter().any(is_number), "{block:?}");
    }
}

fn check_vtt(file: &str) {
    let body = file.strip_prefix("WEBVTT\n\n").unwrap();
    let blocks = body
        .strip_suffix("\n\n")
        .map_or(vec![], |body| body.split("\n\n").collect());
    for block in blocks {
        let lines: Vec<&str> = block.split('\n').collect();
        check_times(lines[0], '.');
        check_text(&lines[1..]);
        assert!(!lines[1..].iter().any(|line| line.contains('<')), "{block:?}");
    }
}

fn check_text(lines: &[&str]) {
    assert!(!lines.is_empty());
    for line in lines {
        assert!(!line.trim().is_empty() && !line.contains("-->"), "{lines:?}");
    }
}

/// Read by a strict XML parser: namespace, times, and text only where a cue is.
fn check_dfxp(file: &str) {
    let document = roxmltree::Document::parse(file).unwrap();
    for node in document.descendants() {
        if node.is_element() {
            assert_eq!(node.tag_name().namespace(), Some("http://www.w3.org/ns/ttml"));
        }
        if node.has_tag_name(("http://www.w3.org/ns/ttml", "p")) {
            let time = |name| clock_ms(node.attribute(name).unwrap(), '.');
            assert!(time("begin") < time("end"));
            assert!(
                node.descendants()
                    .filter_map(|child| child.text())
                    .any(|text| !text.trim().is_empty())
            );
        } else if node.is_text()
            && !node
                .parent()
                .unwrap()
                .has_tag_name(("http://www.w3.org/ns/ttml", "p"))
        {
            assert!(node.text().unwrap().trim().is_empty());
        }
    }
}
