//! Texts as Polly takes them, and speech marks as it tells them.

use std::fmt::Write as _;

use serde::Deserialize;

/// Whether there is anything in it to say: a note or a dash has no sound.
pub(super) fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// A text in its phrases as SSML, with a mark before each phrase after the first: `1`, `2` and so on. Characters that XML
/// doesn't have are left out. The rate goes around the whole text, as generative voices want it.
pub(super) fn ssml(phrases: &[&str], rate_percent: u64) -> String {
    let mut text = String::new();
    for (place, phrase) in phrases.iter().enumerate() {
        if place > 0 {
            // Writing to a string can't fail.
            let _ = write!(text, "<mark name=\"{place}\"/>");
        }
        text.push_str(&escaped(phrase));
    }
    let text = text.trim();
    match rate_percent {
        100 => format!("<speak>{text}</speak>"),
        _ => format!("<speak><prosody rate=\"{rate_percent}%\">{text}</prosody></speak>"),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

pub(super) fn ssml_characters(text: &str) -> usize {
    escaped(text).chars().count()
}

/// A speech mark, as far as it is read: of the documentation's fields, those of the type that is asked for.
#[derive(Deserialize)]
struct SpeechMark {
    /// From the start of the sound, in milliseconds.
    time: u64,
    /// The name of the `<mark>`.
    value: String,
}

/// Of speech marks, one a line: when the phrases after the first begin, if they are told in order and within a sound of that
/// length.
pub(super) fn read_marks(lines: &str, phrases: usize, took_ms: u64) -> Option<Vec<u64>> {
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    let marks: Vec<SpeechMark> = lines
        .map(|line| serde_json::from_str(line).ok())
        .collect::<Option<_>>()?;
    let times: Vec<u64> = (1..phrases)
        .map(|name| {
            let mark = marks.iter().find(|mark| mark.value == name.to_string())?;
            Some(mark.time)
        })
        .collect::<Option<_>>()?;
    let bounds = [0].into_iter().chain(times.iter().copied()).chain([took_ms]);
    let bounds: Vec<u64> = bounds.collect();
    bounds.windows(2).all(|pair| pair[0] < pair[1]).then_some(times)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_escaped_and_the_rate_goes_around_it() {
        assert_eq!(
            ssml(&["Q&A: \"<b>\" isn't\u{1} \n"], 100),
            "<speak>Q&amp;A: &quot;&lt;b&gt;&quot; isn&apos;t</speak>"
        );
        assert_eq!(
            ssml(&["Fast."], 120),
            "<speak><prosody rate=\"120%\">Fast.</prosody></speak>"
        );
    }

    #[test]
    fn notes_and_dashes_are_not_spoken() {
        assert!(is_speakable("Hello") && is_speakable("42") && is_speakable("你好"));
        assert!(!is_speakable("♪ ♪") && !is_speakable("--") && !is_speakable(""));
    }

    proptest! {
        #[test]
        fn any_text_makes_well_formed_ssml(text in "\\PC*|[\u{0}-\u{20}<&>]*", rate in 100_u64..=125) {
            let ssml = ssml(&[&text], rate);
            let inner = ssml.replace("<speak>", "").replace("</speak>", "").replace("</prosody>", "");
            let inner = inner.replace(&format!("<prosody rate=\"{rate}%\">"), "");
            prop_assert!(!inner.contains('<') && !inner.contains('>'));
            prop_assert!(!inner.chars().any(|c| c < ' '));
        }
    }
}
