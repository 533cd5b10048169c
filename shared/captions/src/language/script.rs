//! What the script itself says, whatever the language.

use std::sync::LazyLock;

use icu_segmenter::options::LineBreakOptions;
use icu_segmenter::{LineSegmenter, LineSegmenterBorrowed};

use super::Break;

/// Tells words apart by Unicode's dictionaries.
static WORDS: LazyLock<LineSegmenterBorrowed<'static>> =
    LazyLock::new(|| LineSegmenter::new_dictionary(LineBreakOptions::default()));

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

/// Thai, Lao, Khmer and Burmese: written without blanks, yet broken between words only, which takes a dictionary.
pub(crate) fn needs_dictionary(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// Where a line may break inside `text`, in bytes, by dictionary where the script needs one; its end included.
pub(crate) fn line_breaks(text: &str) -> Vec<usize> {
    WORDS.segment_str(text).skip(1).collect()
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
    "、。，．：；？！」』）〉》】〕・ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョๆฯ»”".contains(character)
}

/// Opening marks: never last in a line.
pub(super) fn must_not_end_line(character: char) -> bool {
    "「『（〈《【〔¿¡([{„".contains(character)
}

/// Opening marks that the scripts without blanks share with others. (In German the first one closes.)
pub(crate) fn opens(character: char) -> bool {
    "“‘([".contains(character)
}

/// Between two characters written without blanks, where a dictionary allows a break if the script has one. In Japanese a phrase tends to begin where kana end and kanji or
/// katakana begin; anywhere else a word may go on.
pub(super) fn quality(before: Option<char>, after: Option<char>) -> Break {
    let is_hiragana = |c: char| ('\u{3041}'..='\u{309f}').contains(&c);
    let is_katakana = |c: char| ('\u{30a0}'..='\u{30ff}').contains(&c);
    match (before, after) {
        (Some(before), Some(after)) if is_hiragana(before) && !is_hiragana(after) => Break::Plain,
        (Some(before), Some(after)) if is_katakana(before) != is_katakana(after) => Break::Plain,
        (Some(before), Some(after)) if needs_dictionary(before) && needs_dictionary(after) => Break::Plain,
        _ => Break::Inside,
    }
}
