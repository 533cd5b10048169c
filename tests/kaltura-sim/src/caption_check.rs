//! Whether Kaltura's own parsers take a caption file in its declared format (`spec/captions.md`, section 1): if
//! not, the asset goes to −1 once its content is there.

/// File extension of a caption format (`KalturaCaptionType` on the wire).
pub(crate) fn extension(format: &str) -> &'static str {
    match format {
        "2" => "dfxp",
        "3" => "vtt",
        "5" => "scc",
        "4" => "cap",
        _ => "srt",
    }
}

/// Why the content doesn't parse, or `None` when it does.
pub(crate) fn refusal(format: &str, content: &[u8]) -> Option<String> {
    if content.is_empty() {
        return Some("the file is empty".to_owned());
    }
    let text = String::from_utf8_lossy(content);
    match format {
        "1" => (!has_srt_cue(&text)).then(|| "no SRT cue in the file".to_owned()),
        "2" => dfxp_refusal(&text),
        "3" => (!has_webvtt_header(&text)).then(|| "the file doesn't start with WEBVTT".to_owned()),
        _ => None,
    }
}

/// At least one `HH:MM:SS,mmm --> HH:MM:SS,mmm` with text below it.
fn has_srt_cue(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().peekable();
    while let Some(line) = lines.next() {
        if is_srt_timing(line) && lines.peek().is_some_and(|next| !next.trim().is_empty()) {
            return true;
        }
    }
    false
}

fn is_srt_timing(line: &str) -> bool {
    line.trim()
        .split_once("-->")
        .is_some_and(|(from, to)| is_srt_time(from.trim()) && is_srt_time(to.trim()))
}

fn is_srt_time(time: &str) -> bool {
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some((clock, fraction)) = time.split_once([',', '.']) else {
        return false;
    };
    let parts: Vec<&str> = clock.split(':').collect();
    matches!(parts[..], [hours, minutes, seconds]
        if digits(hours, 1..=2) && digits(minutes, 2..=2) && digits(seconds, 2..=2))
        && digits(fraction, 1..=3)
}

/// `WEBVTT` at the very start, but for a byte order mark; then a line end, or a space and a description.
fn has_webvtt_header(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.strip_prefix("WEBVTT")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['\n', '\r', ' ', '\t']))
}

/// Well-formed XML with at least one unprefixed `<p>` that has a begin.
fn dfxp_refusal(text: &str) -> Option<String> {
    let document = match roxmltree::Document::parse(text.trim_start_matches('\u{feff}')) {
        Ok(document) => document,
        Err(error) => return Some(format!("no well-formed XML: {error}")),
    };
    let source = document.input_text();
    let is_cue = |node: roxmltree::Node<'_, '_>| {
        node.is_element()
            && node.tag_name().name() == "p"
            && node.has_attribute("begin")
            // `<tt:p>` is not found by the server: it looks for the bare name.
            && source.get(node.range()).is_some_and(|raw| raw.starts_with("<p"))
    };
    (!document.descendants().any(is_cue)).then(|| "no <p> with a begin in the file".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepted(format: &str, content: &str) -> bool {
        refusal(format, content.as_bytes()).is_none()
    }

    #[test]
    fn srt_wants_a_cue() {
        assert!(accepted("1", "1\n00:00:01,000 --> 00:00:02,500\nHello.\n"));
        assert!(accepted(
            "1",
            "\u{feff}1\r\n0:00:01,000 --> 0:00:02,500\r\nHello.\r\n"
        ));
        assert!(!accepted("1", ""));
        assert!(!accepted("1", "1\n00:00:01,000 --> 00:00:02,500\n\n"));
        assert!(!accepted("1", "WEBVTT\n\nno cue"));
        assert!(!accepted("1", "1\n100:00:01,000 --> 100:00:02,000\nLate.\n"));
    }

    #[test]
    fn webvtt_wants_its_header() {
        assert!(accepted("3", "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello.\n"));
        assert!(accepted("3", "\u{feff}WEBVTT - talk\n"));
        assert!(!accepted("3", " WEBVTT\n"));
        assert!(!accepted("3", "WEBVTTX\n"));
    }

    #[test]
    fn dfxp_wants_bare_paragraphs_in_well_formed_xml() {
        let with = |p: &str| {
            format!(
                "<tt xmlns=\"http://www.w3.org/ns/ttml\" xmlns:tt=\"http://www.w3.org/ns/ttml\"><body><div>{p}</div></body></tt>"
            )
        };
        assert!(accepted(
            "2",
            &with("<p begin=\"00:00:01.000\" end=\"00:00:02.000\">Hello <br/>world</p>")
        ));
        assert!(!accepted(
            "2",
            &with("<tt:p begin=\"00:00:01.000\" end=\"00:00:02.000\">Hello</tt:p>")
        ));
        assert!(!accepted(
            "2",
            &with("<p begin=\"00:00:01.000\" end=\"00:00:02.000\">a\u{1}b</p>")
        ));
        assert!(!accepted("2", "<tt><body>"));
    }

    proptest! {
        #[test]
        fn no_content_panics(format in "[0-9]", content in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = refusal(&format, &content);
        }
    }
}
