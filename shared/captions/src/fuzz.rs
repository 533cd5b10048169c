//! Fuzz targets of the readers: no panic, no more text than the input explains, and what was read is written and read back
//! the same.
//!
//! `cargo test` gives each a second of random input; `cargo bolero test -p captions fuzz::srt` goes on from there with coverage
//! (a nightly toolchain, and `cargo install cargo-bolero`).

use crate::{CaptionFormat, Transcript, read, read_any, read_timed_json, tidy, write, write_timed_json};

/// Reads `begin` and the noise behind it, and noise in the place of words in a file that is otherwise whole.
fn check(format: CaptionFormat, begins: &[&str], whole: fn(&str) -> String) {
    bolero::check!().for_each(|bytes: &[u8]| {
        let noise = String::from_utf8_lossy(bytes);
        let inputs = begins
            .iter()
            .map(|begin| [begin.as_bytes(), bytes].concat())
            .chain([whole(&noise).into_bytes()]);
        for input in inputs {
            let _ = read_any(&input);
            let Ok(cues) = read(format, &input) else {
                continue;
            };
            let text: usize = cues.iter().flat_map(|cue| &cue.lines).map(String::len).sum();
            // A byte of Windows-1252 becomes three bytes of UTF-8.
            assert!(
                text <= 3 * input.len(),
                "{text} bytes of text from {}",
                input.len()
            );
            let file = write(format, &cues, "en");
            let tidied = tidy(format, &cues);
            if !tidied.is_empty() {
                assert_eq!(read(format, file.as_bytes()).unwrap(), tidied, "{file}");
            }
        }
    });
}

#[test]
fn srt() {
    check(
        CaptionFormat::Srt,
        &["", "1\n00:00:01,000 --> 00:00:02,000\n", "1\n00:00:01,000 --> "],
        |noise| {
            format!("1\n00:00:01,000 --> 00:00:02,000\n{noise}\n\n2\n00:00:03,000 --> 00:00:04,000\nend\n")
        },
    );
}

#[test]
fn vtt() {
    check(
        CaptionFormat::Vtt,
        &["", "WEBVTT\n\n", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v "],
        |noise| format!("WEBVTT\n\n00:01.000 --> 00:02.000\n{noise}\n\n00:03.000 --> 00:04.000\nend\n"),
    );
}

#[test]
fn dfxp() {
    check(
        CaptionFormat::Dfxp,
        &[
            "",
            "<tt xmlns=\"http://www.w3.org/ns/ttml\"><body><div>",
            "<tt><body><div><p begin=\"",
        ],
        |noise| {
            format!(
                "<tt xmlns=\"http://www.w3.org/ns/ttml\"><body><div><p begin=\"00:00:01.000\" end=\"00:00:02.000\">{noise}</p>\
                 <p begin=\"00:00:03.000\" end=\"00:00:04.000\">end</p></div></body></tt>"
            )
        },
    );
}

#[test]
fn timed_json() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let noise = String::from_utf8_lossy(bytes);
        let word = serde_json::to_string(&noise).unwrap();
        let inputs = [
            bytes.to_vec(),
            [b"[{\"w\":", bytes].concat(),
            format!("[{{\"i\":0,\"w\":{word},\"s\":{word},\"e\":9,\"t\":{word},\"a\":1}}]").into_bytes(),
        ];
        for input in inputs {
            if let Ok(transcript) = read_timed_json(&input) {
                transcript.check().unwrap();
                let json = write_timed_json(&transcript);
                assert_eq!(write_timed_json(&read_timed_json(json.as_bytes()).unwrap()), json);
            }
            let _ = Transcript::from_json(&input);
        }
    });
}
