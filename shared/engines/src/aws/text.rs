//! Long texts in pieces that a service takes.

use unicode_segmentation::UnicodeSegmentation;

/// Cuts a text into pieces that `size` finds no larger than `limit`: between sentences where it can, else between words, else
/// between letters. The pieces put together are the text. A text within the limit is one piece.
pub(super) fn pieces<'a>(text: &'a str, limit: usize, size: &dyn Fn(&str) -> usize) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    gather(text, limit, size, 0, &mut pieces);
    pieces
}

/// One way to cut; each next one cuts finer.
fn cut(text: &str, level: usize) -> Vec<&str> {
    match level {
        0 => text.split_sentence_bounds().collect(),
        1 => text.split_word_bounds().collect(),
        _ => text.graphemes(true).collect(),
    }
}

fn gather<'a>(
    text: &'a str,
    limit: usize,
    size: &dyn Fn(&str) -> usize,
    level: usize,
    pieces: &mut Vec<&'a str>,
) {
    if size(text) <= limit || level > 2 {
        pieces.push(text);
        return;
    }
    let mut from = 0;
    let mut to = 0;
    for part in cut(text, level) {
        let end = to + part.len();
        if size(&text[from..end]) > limit {
            if from < to {
                pieces.push(&text[from..to]);
                from = to;
            }
            if size(part) > limit {
                gather(part, limit, size, level + 1, pieces);
                from = end;
            }
        }
        to = end;
    }
    if from < to {
        pieces.push(&text[from..to]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_between_sentences() {
        assert_eq!(
            pieces("One two. Three four. Five.", 18, &str::len),
            ["One two. ", "Three four. Five."]
        );
        assert_eq!(pieces("One two three", 8, &str::len), ["One two ", "three"]);
        assert_eq!(pieces("Gänsefüßchen", 4, &str::len), ["Gän", "sef", "üß", "chen"]);
        assert_eq!(pieces("short", 10, &str::len), ["short"]);
    }

    proptest! {
        #[test]
        fn no_piece_is_too_large_and_none_is_lost(text in "(\\PC|[ .!?äß한]){0,200}", limit in 40_usize..90) {
            let pieces = pieces(&text, limit, &str::len);
            prop_assert_eq!(pieces.concat(), text.clone());
            for piece in &pieces {
                prop_assert!(piece.len() <= limit || piece.graphemes(true).count() == 1, "{}", piece);
            }
        }
    }
}
