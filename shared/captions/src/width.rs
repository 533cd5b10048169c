//! How wide text is on the screen.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The width of `text` in user-perceived characters: each grapheme cluster counts one, wide ones (CJK, emoji) two,
/// invisible ones none.
///
/// ```
/// assert_eq!(captions::width("Größe"), 5);
/// assert_eq!(captions::width("字幕"), 4);
/// ```
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.graphemes(true).map(grapheme_width).sum()
}

/// The width of one grapheme cluster: 0, 1 or 2.
pub(crate) fn grapheme_width(grapheme: &str) -> usize {
    grapheme.width().min(2)
}
