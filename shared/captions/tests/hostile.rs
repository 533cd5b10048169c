//! Files that no reader should have to take: read without a panic, and without losing a word.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use captions::{CaptionFormat, Cue, LayoutRules, Transcript, Word, lay_out, read, tidy, width, write};

/// A file of `format` with these cues, each as its times in the format's own way and its text.
fn file(format: CaptionFormat, cues: &[(&str, &str, &str)]) -> String {
    let mut file = match format {
        CaptionFormat::Srt => String::new(),
        CaptionFormat::Vtt => "WEBVTT\n\n".to_owned(),
        CaptionFormat::Dfxp => "<tt xmlns=\"http://www.w3.org/ns/ttml\"><body><div>\n".to_owned(),
    };
    for (place, (start, end, text)) in cues.iter().enumerate() {
        let cue = match format {
            CaptionFormat::Srt => format!(
                "{}\n{} --> {}\n{text}\n\n",
                place + 1,
                start.replace('.', ","),
                end.replace('.', ",")
            ),
            CaptionFormat::Vtt => format!(
                "{start} --> {end}\n{}\n\n",
                text.replace('&', "&amp;").replace('<', "&lt;")
            ),
            CaptionFormat::Dfxp => format!(
                "<p begin=\"{start}\" end=\"{end}\">{}</p>\n",
                text.replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('\n', "<br/>")
            ),
        };
        file.push_str(&cue);
    }
    if format == CaptionFormat::Dfxp {
        file.push_str("</div></body></tt>\n");
    }
    file
}

/// Reads `bytes`, writes what was read and reads that: both times these texts are there, in this order.
fn check(format: CaptionFormat, bytes: &[u8], texts: &[&str]) -> Vec<Cue> {
    let cues = read(format, bytes).unwrap();
    let found: Vec<String> = cues.iter().map(Cue::text).collect();
    assert_eq!(found, texts, "{}", format.name());
    let written = write(format, &cues, "en");
    let again = read(format, written.as_bytes()).unwrap();
    assert_eq!(again, tidy(format, &cues));
    assert_eq!(again.len(), cues.len());
    assert!(again.iter().all(|cue| cue.start_ms < cue.end_ms));
    cues
}

const TWO: [(&str, &str, &str); 2] = [
    ("00:00:01.000", "00:00:02.000", "Ein Stück\nvon zweien"),
    ("00:00:03.000", "00:00:04.000", "noch eins"),
];

#[test]
fn a_byte_order_mark_and_any_line_end() {
    for format in CaptionFormat::ALL {
        let plain = file(format, &TWO);
        for text in [
            plain.clone(),
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\r"),
        ] {
            for mark in ["", "\u{feff}"] {
                let marked = format!("{mark}{text}");
                let cues = check(format, marked.as_bytes(), &["Ein Stück\nvon zweien", "noch eins"]);
                assert_eq!((cues[0].start_ms, cues[1].end_ms), (1_000, 4_000));
                let wide: Vec<u8> = "\u{feff}"
                    .encode_utf16()
                    .chain(text.encode_utf16())
                    .flat_map(u16::to_le_bytes)
                    .collect();
                check(format, &wide, &["Ein Stück\nvon zweien", "noch eins"]);
            }
        }
    }
}

#[test]
fn cues_that_overlap_run_backwards_or_take_no_time() {
    for format in CaptionFormat::ALL {
        let file = file(
            format,
            &[
                ("00:00:01.000", "00:00:09.000", "long"),
                ("00:00:02.000", "00:00:03.000", "inside it"),
                ("00:00:04.000", "00:00:04.000", "no time"),
                ("00:00:06.000", "00:00:05.000", "backwards"),
                ("00:00:06.500", "00:00:07.000", "-00:00:01"),
            ],
        );
        let cues = check(
            format,
            file.as_bytes(),
            &["long", "inside it", "no time", "backwards", "-00:00:01"],
        );
        assert_eq!((cues[0].start_ms, cues[0].end_ms), (1_000, 9_000));
    }
}

#[test]
fn negative_times_and_times_beyond_99_hours() {
    for format in CaptionFormat::ALL {
        let file = file(
            format,
            &[
                ("-00:00:02.000", "-00:00:01.000", "before"),
                ("-00:00:01.000", "00:00:01.000", "at the start"),
                ("99:59:59.000", "100:00:02.000", "at the end"),
                ("123:00:00.000", "123:00:01.000", "after"),
                (
                    "99999999999999999999999:00:00.000",
                    "99999999999999999999999:00:01.000",
                    "never",
                ),
            ],
        );
        check(
            format,
            file.as_bytes(),
            &["before", "at the start", "at the end", "after", "never"],
        );
    }
}

#[test]
fn arrows_in_the_text() {
    for format in CaptionFormat::ALL {
        let file = file(
            format,
            &[
                ("00:00:01.000", "00:00:02.000", "a --> b -> c"),
                ("00:00:03.000", "00:00:04.000", "--> d"),
            ],
        );
        let cues = check(format, file.as_bytes(), &["a --> b -> c", "--> d"]);
        let written = write(format, &cues, "en");
        let arrows = written.matches("-->").count();
        assert_eq!(
            arrows,
            if format == CaptionFormat::Dfxp { 0 } else { 2 },
            "{written}"
        );
        assert!(written.contains("a \u{2192} b"), "{written}");
    }
}

#[test]
fn zero_bytes_and_other_controls() {
    for format in CaptionFormat::ALL {
        let file = file(
            format,
            &[
                ("00:00:01.000", "00:00:02.000", "ze\u{0}ro\u{1}"),
                ("00:00:03.000", "00:00:04.000", "bell\u{7} and\u{b}tab"),
            ],
        );
        let cues = read(format, file.as_bytes()).unwrap();
        let texts: Vec<String> = cues.iter().map(Cue::text).collect();
        assert_eq!(texts.len(), 2, "{}: {texts:?}", format.name());
        assert_eq!(texts[0].replace('\u{fffd}', ""), "zero", "{}", format.name());
        assert_eq!(texts[1], "bell and tab", "{}", format.name());
        let written = write(format, &cues, "en");
        assert!(
            written.chars().all(|c| c == '\n' || !c.is_control()),
            "{written:?}"
        );
    }
}

#[test]
fn a_line_of_a_megabyte() {
    let line = "mega byte ".repeat(105_000);
    let line = line.trim_end();
    assert!(line.len() > 1 << 20);
    for format in CaptionFormat::ALL {
        let file = file(format, &[("00:00:01.000", "00:00:02.000", line), TWO[1]]);
        check(format, file.as_bytes(), &[line, "noch eins"]);
    }
    // And without a blank to break at, through the layout.
    let word = Word::new("x".repeat(1 << 20), 0, 60_000);
    let cues = lay_out(
        &Transcript::new(None, vec![word], 60_000),
        &LayoutRules::default(),
    );
    let shown: usize = cues.iter().flat_map(|cue| &cue.lines).map(String::len).sum();
    assert_eq!(shown, 1 << 20);
    assert!(
        cues.iter()
            .flat_map(|cue| &cue.lines)
            .all(|line| width(line) <= 42)
    );
}

#[test]
fn both_directions_in_one_line() {
    let mixed = "שלום world مرحبا 123 \u{202b}abc\u{202c} (סוף)";
    for format in CaptionFormat::ALL {
        let file = file(format, &[("00:00:01.000", "00:00:02.000", mixed), TWO[1]]);
        check(format, file.as_bytes(), &[mixed, "noch eins"]);
    }
}
