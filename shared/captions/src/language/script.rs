//! What the script itself says, whatever the language.

use super::Break;

/// Whether words of this script are written without blanks between them: Chinese, Japanese, Thai, Lao, Khmer,
/// Burmese. Their punctuation counts too.
pub(crate) fn is_spaceless(character: char) -> bool {
    matches!(
        character,
        '\u{3001}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}'
            | '\u{ff5b}'..='\u{ff9f}' | '\u{20000}'..='\u{3134f}'
            | '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
    )
}

/// Hebrew, Arabic, Syriac, Thaana, N'Ko and the like.
pub(crate) fn is_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

/// Closing marks, small kana and signs of repetition: never first in a line.
pub(super) fn must_not_start_line(character: char) -> bool {
    "\u{3001}\u{3002}\u{ff0c}\u{ff0e}\u{ff1a}\u{ff1b}\u{ff1f}\u{ff01}\u{300d}\u{300f}\u{ff09}\u{3009}\u{300b}\u{3011}\u{3015}\u{30fb}\u{30fc}\
     \u{3005}\u{3041}\u{3043}\u{3045}\u{3047}\u{3049}\u{3063}\u{3083}\u{3085}\u{3087}\u{30a1}\u{30a3}\u{30a5}\u{30a7}\u{30a9}\u{30c3}\u{30e3}\u{30e5}\u{30e7}\
     \u{e46}\u{e2f}\u{bb}\u{201d}"
        .contains(character)
}

/// Opening marks: never last in a line.
pub(super) fn must_not_end_line(character: char) -> bool {
    "\u{300c}\u{300e}\u{ff08}\u{3008}\u{300a}\u{3010}\u{3014}\u{bf}\u{a1}([{\u{201e}".contains(character)
}

/// Between two characters written without blanks. In Japanese a phrase tends to begin where kana end and kanji or
/// katakana begin; anywhere else a word may go on.
pub(super) fn quality(before: Option<char>, after: Option<char>) -> Break {
    let is_hiragana = |c: char| ('\u{3041}'..='\u{309f}').contains(&c);
    let is_katakana = |c: char| ('\u{30a0}'..='\u{30ff}').contains(&c);
    match (before, after) {
        (Some(before), Some(after)) if is_hiragana(before) && !is_hiragana(after) => Break::Plain,
        (Some(before), Some(after)) if is_katakana(before) != is_katakana(after) => Break::Plain,
        _ => Break::Inside,
    }
}
