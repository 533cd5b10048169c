//! Plain text: what separates words, what is dropped, what can't be seen.

/// White space that separates words, and the controls that stand for it. No-break blanks hold words together.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() && !matches!(character, '\u{a0}' | '\u{2007}' | '\u{202f}')
        || matches!(character, '\u{1c}'..='\u{1f}')
}

/// What XML forbids, what spoils Kaltura's index, and what says nothing.
pub(crate) fn is_dropped(character: char) -> bool {
    character.is_control() || matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Takes up no room: blanks, marks of direction, joiners.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || is_dropped(character)
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{ad}')
}

/// The words of `text`, without what is dropped; nothing that can't be seen.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(is_blank)
        .map(|word| word.chars().filter(|c| !is_dropped(*c)).collect::<String>())
        .filter(|word| !word.chars().all(is_invisible))
}

/// One line of plain text: white space as single blanks, none at the ends, no control characters; empty where nothing
/// can be seen.
pub(crate) fn clean_line(line: &str) -> String {
    if is_clean(line) {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    let mut blank = false;
    for character in line.chars() {
        if is_blank(character) {
            blank = !text.is_empty();
        } else if !is_dropped(character) {
            if blank {
                text.push(' ');
                blank = false;
            }
            text.push(character);
        }
    }
    if text.chars().all(is_invisible) {
        text.clear();
    }
    text
}

/// Whether a line is clean at the first look, as most are: words of visible ASCII with single blanks between them.
fn is_clean(line: &str) -> bool {
    let mut after_blank = true;
    for byte in line.bytes() {
        match byte {
            b' ' if !after_blank => after_blank = true,
            b'!'..=b'~' => after_blank = false,
            _ => return false,
        }
    }
    !after_blank
}
