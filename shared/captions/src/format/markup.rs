//! Markup inside the text of SRT and WebVTT cues: taken off, with nothing readable lost.

use crate::plain::clean_line;

/// Formatting that SRT files carry by custom.
const SRT_TAGS: [&str; 20] = [
    "i", "b", "u", "s", "em", "strong", "strike", "font", "span", "p", "div", "c", "v", "lang", "ruby", "rt",
    "br", "big", "small", "center",
];

/// The lines of an SRT cue without tags and `{\an8}` overrides. A `<` that opens no known tag is text.
pub(super) fn srt_lines(text: &str) -> Vec<String> {
    if !text.contains('<') && !text.contains('{') {
        return lines(text);
    }
    let text = strip_overrides(text);
    let text = strip_tags(&text, |tag| {
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        SRT_TAGS.iter().any(|known| known.eq_ignore_ascii_case(&name))
    });
    lines(&text)
}

/// The lines of a WebVTT cue without tags, with its character references resolved. The voice of `<v Mary>` stays
/// as `[Mary] `: it says who speaks.
pub(super) fn vtt_lines(text: &str) -> Vec<String> {
    if !text.contains('<') && !text.contains('&') {
        return lines(text);
    }
    let text = strip_tags(text, |tag| {
        tag.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.'))
    });
    lines(&unescape(&text))
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(clean_line)
        .filter(|line| !line.is_empty())
        .collect()
}

/// Takes off `<...>` where `is_tag` takes what is between for one. `<br>` is a line end; a voice becomes its label.
fn strip_tags(text: &str, is_tag: impl Fn(&str) -> bool) -> String {
    let mut stripped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (before, from) = rest.split_at(open);
        stripped.push_str(before);
        let inside = &from[1..];
        // A tag ends before the next `<`, else `a < b <i>c</i>` would lose its middle.
        let tag = inside
            .find(['<', '>'])
            .filter(|end| inside[*end..].starts_with('>'))
            .map(|end| &inside[..end]);
        if let Some(tag) = tag.filter(|tag| is_tag(tag)) {
            if tag.trim_end_matches(['/', ' ']).eq_ignore_ascii_case("br") {
                stripped.push('\n');
            } else if let Some(voice) = voice(tag) {
                stripped.push('[');
                stripped.push_str(voice);
                stripped.push_str("] ");
            }
            rest = &inside[tag.len() + 1..];
        } else {
            stripped.push('<');
            rest = inside;
        }
    }
    stripped.push_str(rest);
    stripped
}

/// The name in `v Mary` or `v.loud Mary`.
fn voice(tag: &str) -> Option<&str> {
    let after = tag.strip_prefix('v')?;
    let (classes, name) = after.split_once(char::is_whitespace)?;
    (classes.is_empty() || classes.starts_with('.'))
        .then(|| name.trim())
        .filter(|name| !name.is_empty())
}

/// Takes off SubStation overrides such as `{\an8}`.
fn strip_overrides(text: &str) -> String {
    let mut stripped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{\\") {
        let Some(close) = rest[open..].find('}') else {
            break;
        };
        stripped.push_str(&rest[..open]);
        rest = &rest[open + close + 1..];
    }
    stripped.push_str(rest);
    stripped
}

/// Resolves the character references of WebVTT and TTML, and leaves every other `&` as it is.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        if let Some((character, end)) = end.and_then(|end| Some((reference(&rest[1..end])?, end))) {
            plain.push(character);
            rest = &rest[end + 1..];
        } else {
            plain.push('&');
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    plain
}

/// The character that `name` of `&name;` stands for.
pub(super) fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        "shy" => '\u{ad}',
        "hellip" => '\u{2026}',
        "mdash" => '\u{2014}',
        "ndash" => '\u{2013}',
        "lsquo" => '\u{2018}',
        "rsquo" => '\u{2019}',
        "ldquo" => '\u{201c}',
        "rdquo" => '\u{201d}',
        _ => return None,
    })
}

/// Escapes what WebVTT and XML would take for markup. A `>` stays: tidied text holds no `-->`, and Kaltura's index keeps
/// WebVTT's references as they are, so that `>>` at a change of speaker would be spoilt.
pub(super) fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            _ => into.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_goes_and_text_stays() {
        assert_eq!(
            srt_lines("{\\an8}<i>Hi</i> <font color=\"#fff\">you</font><br/>there"),
            ["Hi you", "there"]
        );
        assert_eq!(
            srt_lines("a < b <b>c</b> <wow> {x} {\\unclosed"),
            ["a < b c <wow> {x} {\\unclosed"]
        );
    }

    #[test]
    fn voices_become_labels_and_references_characters() {
        assert_eq!(
            vtt_lines("<v Mary>R&amp;D &lt;3</v> <00:00:01.000><c.x>&x; AT&T"),
            ["[Mary] R&D <3 &x; AT&T"]
        );
        assert_eq!(vtt_lines("1 < 2\n\n&#x41;&#66;"), ["1 < 2", "AB"]);
    }
}
