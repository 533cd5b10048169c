//! Customers' files as they come: read without loss.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use captions::{CaptionError, CaptionFormat, Cue, ErrorClass, read, read_any};
use proptest::prelude::*;

fn cue(start_ms: u64, end_ms: u64, text: &str) -> Cue {
    Cue::new(start_ms, end_ms, text)
}

#[test]
fn srt_without_blank_lines_or_counters() {
    let file = "\u{feff}1\r\n00:00:01,000 --> 00:00:02,000\r\nOne\r\n2\r\n0:0:3,5 -> 0:0:4\r\nTwo\r\n\r\nstill two\r\n\r\n\
                00:00:05.000-->00:00:06.000\r\nThree\r\n\r\n4\r\n00:00:07,000 --> 00:00:08,000 X1:1 X2:2\r\n1984\r\n";
    let expected = [
        cue(1_000, 2_000, "One"),
        cue(3_500, 4_000, "Two\nstill two"),
        cue(5_000, 6_000, "Three"),
        cue(7_000, 8_000, "1984"),
    ];
    assert_eq!(read(CaptionFormat::Srt, file.as_bytes()).unwrap(), expected);
}

#[test]
fn srt_with_a_blank_line_after_each_line() {
    let file = "1\n\n00:00:01,000 --> 00:00:02,000\n\nOne\n\n2\n\n00:00:03,000 --> 00:00:04,000\n\nTwo\n";
    let expected = [cue(1_000, 2_000, "One"), cue(3_000, 4_000, "Two")];
    assert_eq!(read(CaptionFormat::Srt, file.as_bytes()).unwrap(), expected);
}

#[test]
fn vtt_with_every_kind_of_block() {
    let file = "WEBVTT - a title\nKind: captions\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\nSTYLE\n::cue { color: red }\n\n\
                REGION\nid:fred\n\nNOTE\nfor us only\n\nintro\n00:01.000 --> 00:02.000 align:start position:10%\n\
                <v.loud Mary>Hello <i>you</i> &amp; me\n\nNOTE not this\n\n100:00:00.000 --> 100:00:01.000\n- <c.yellow>a &lt; b</c>\n\
                - 1 < 2\n";
    let expected = [
        cue(1_000, 2_000, "[Mary] Hello you & me"),
        cue(360_000_000, 360_001_000, "- a < b\n- 1 < 2"),
    ];
    assert_eq!(
        read_any(file.as_bytes()).unwrap(),
        (CaptionFormat::Vtt, expected.to_vec())
    );
}

#[test]
fn ttml_with_prefixes_and_inherited_times() {
    let file = r#"<?xml version="1.0" encoding="ISO-8859-1"?>
        <tt:tt xmlns:tt="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25">
        <tt:head><tt:metadata><ttm:title>No caption</ttm:title></tt:metadata></tt:head>
        <tt:body begin="10s"><tt:div>
          <tt:p begin="00:00:01:05" dur="1s">Hello<tt:br/>R&amp;D &#x263A;</tt:p>
          <tt:p begin="3s" end="6s"><tt:span begin="0s" end="1s">one</tt:span> <tt:span begin="1s" dur="500ms">two</tt:span></tt:p>
          <tt:div timeContainer="seq"><tt:p dur="2s">first</tt:p><tt:p dur="25f">then</tt:p></tt:div>
        </tt:div></tt:body></tt:tt>"#;
    let expected = [
        cue(11_200, 12_200, "Hello\nR&D \u{263a}"),
        cue(13_000, 14_000, "one"),
        cue(14_000, 14_500, "two"),
        cue(10_000, 12_000, "first"),
        cue(12_000, 13_000, "then"),
    ];
    assert_eq!(
        read_any(file.as_bytes()).unwrap(),
        (CaptionFormat::Dfxp, expected.to_vec())
    );
}

#[test]
fn dfxp_that_is_no_xml() {
    let file = "<tt><body><div><p begin='00:00:01.000' end='00:00:02.000'>Tom & Jerry <3 & 1 < 2<br>next\n\
                <p begin=\"00:00:03,000\" end=00:00:04.000>never closed &nbsp; &unknown; </div> tail";
    let cues = read(CaptionFormat::Dfxp, file.as_bytes()).unwrap();
    assert_eq!(cues[0], cue(1_000, 2_000, "Tom & Jerry <3 & 1 < 2\nnext"));
    assert_eq!(cues[1].lines, ["never closed \u{a0} &unknown;", "tail"]);
    assert_eq!((cues[1].start_ms, cues[1].end_ms), (3_000, 4_000));
}

#[test]
fn impossible_times_keep_their_text() {
    let file = "1\n00:00:05,000 --> 00:00:05,000\nzero\n\n2\n00:00:05,000 --> 00:00:01,000\nbackwards\n\n3\n\
                123456:00:00,000 --> 999999999999999999999:00:00,000\nlate\n\n4\n-00:00:01,000 --> 00:00:01,000\nearly\n";
    let cues = read(CaptionFormat::Srt, file.as_bytes()).unwrap();
    let texts: Vec<String> = cues.iter().map(Cue::text).collect();
    assert_eq!(texts, ["zero", "backwards", "late", "early"]);
    for format in CaptionFormat::ALL {
        let written = captions::write(format, &cues, "en");
        assert_eq!(read(format, written.as_bytes()).unwrap().len(), 4, "{written}");
    }
}

#[test]
fn a_file_without_cues_says_what_was_expected() {
    for (format, bytes) in [
        (CaptionFormat::Srt, &b""[..]),
        (CaptionFormat::Vtt, b"WEBVTT\n\n"),
        (
            CaptionFormat::Dfxp,
            b"<html><body><h1>403 Forbidden</h1></body></html>",
        ),
    ] {
        let error = read(format, bytes).unwrap_err();
        assert_eq!(
            error,
            CaptionError::NoCues {
                expected: format.name(),
                size_bytes: bytes.len()
            }
        );
        assert_eq!((error.class(), error.name()), (ErrorClass::BadInput, "NoCues"));
    }
    assert_eq!(
        read_any(b"plain text").unwrap_err().to_string(),
        "no SRT, WebVTT or DFXP cue in 10 bytes of input"
    );
}

#[test]
fn huge_and_deep_input_is_read_in_one_pass() {
    let line = "word ".repeat(200_000);
    let file = format!("1\n00:00:01,000 --> 00:00:02,000\n{line}\n");
    assert_eq!(
        read(CaptionFormat::Srt, file.as_bytes()).unwrap()[0].lines[0].len(),
        line.len() - 1
    );

    let deep = format!(
        "<tt><p begin='1s' end='2s'>{}deep{}",
        "<span>".repeat(50_000),
        "</span>".repeat(50_000)
    );
    assert_eq!(
        read(CaptionFormat::Dfxp, deep.as_bytes()).unwrap(),
        [cue(1_000, 2_000, "deep")]
    );

    for hostile in [
        "<!--",
        "<![CDATA[",
        "<",
        "&",
        "{\\",
        "<p begin='1s'>",
        "00:00:00,000 --> 00:00:00,000\n",
        "1\n",
    ] {
        let file = hostile.repeat(100_000);
        for format in CaptionFormat::ALL {
            let _ = read(format, file.as_bytes());
        }
    }
}

/// A file as a careless hand would write it, and its words.
fn careless() -> impl Strategy<Value = (bool, String, Vec<String>)> {
    let cue = (
        proptest::collection::vec(proptest::collection::vec("[a-zé]{1,8}", 1..4), 1..4),
        0_usize..4,
        prop::sample::select(vec![" --> ", "-->", " -> ", "  -->\t", " \u{2013}> "]),
        prop::sample::select(vec!["\n", "\n\n"]),
        prop::sample::select(vec!["", " ", "<i>", "{\\an8}", "<font color=red>"]),
    );
    (
        any::<bool>(),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
        proptest::collection::vec(cue, 1..12),
    )
        .prop_map(|(is_vtt, line_end, cues)| {
            let mut file = if is_vtt {
                "WEBVTT\n\n".to_owned()
            } else {
                String::new()
            };
            let mut words = Vec::new();
            for (place, (lines, heading, arrow, between, before)) in cues.into_iter().enumerate() {
                match heading {
                    0 => writeln!(file, "{}", place + 1).unwrap(),
                    1 => writeln!(file, "  {}", place + 1).unwrap(),
                    _ => {}
                }
                let seconds = place * 2;
                writeln!(
                    file,
                    "0:{:02}:{:02}{}5{arrow}0:0:{seconds}.9",
                    seconds / 60,
                    seconds % 60,
                    if is_vtt { '.' } else { ',' }
                )
                .unwrap();
                for line in lines {
                    let before = if is_vtt && before.starts_with('{') {
                        ""
                    } else {
                        before
                    };
                    write!(file, "{before}{}{between}", line.join(" ")).unwrap();
                    words.extend(line);
                }
                file.push('\n');
            }
            (is_vtt, file.replace('\n', line_end), words)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_word_of_a_careless_file_is_lost((is_vtt, file, words) in careless()) {
        let format = if is_vtt { CaptionFormat::Vtt } else { CaptionFormat::Srt };
        let cues = read(format, file.as_bytes()).unwrap();
        let found: Vec<&str> = cues.iter().flat_map(|cue| &cue.lines).flat_map(|line| line.split(' ')).collect();
        prop_assert_eq!(found, words, "{}", file);
    }
}
