//! The letters that a word of a custom vocabulary may have, by language.
//!
//! One letter outside the language's set makes Transcribe refuse the whole vocabulary, so a word that has one is left
//! out beforehand. The sets are those of Transcribe's "Character sets for custom vocabularies". A language whose set is
//! not here is let have the letters of its script, in lower case: should Transcribe not agree, the vocabulary fails and
//! the order is worked without it.

/// `a-z`, `A-Z`, apostrophe, hyphen and period, beside what is listed.
const LATIN: &[(&str, &str)] = &[
    ("en", ""),
    ("fr", "ÀÂÇÈÉÊËÎÏÔÖÙÛÜàâçèéêëîïôöùûü"),
    ("de", "äöüßÄÖÜ"),
    ("es", "ÁÉÍÓÚÑáéíóúñü"),
    ("id", ""),
    ("it", "ÀÄÇÈÉÊËÌÒÙÜàäçèéêëìòùü"),
    ("ms", ""),
    ("nl", "àáâäçèéêëìíîïñòóôöùúûü"),
    ("pt", "ÀÁÂÃÄÇÈÉÊËÍÑÓÔÕÖÚÜàáâãäçèéêëíñóôõöúü"),
];

/// Whether a word of a vocabulary in this language (Transcribe's code: `en-US`) may hold the letter.
pub(super) fn allows(language_code: &str, letter: char) -> bool {
    let language = language_code.split('-').next().unwrap_or_default();
    if let Some((_, more)) = LATIN.iter().find(|(code, _)| *code == language) {
        return letter.is_ascii_alphabetic() || "'-.".contains(letter) || more.contains(letter);
    }
    match language {
        "af" => letter.is_ascii_lowercase() || "-.áèéêëíîïóôöúûü".contains(letter),
        "da" => letter.is_ascii_alphabetic() || "-.ÅÆØåæéø".contains(letter),
        "ar" => matches!(letter, '-' | '\u{621}'..='\u{63A}' | '\u{641}'..='\u{64A}'),
        "fa" => {
            matches!(letter, '\u{621}'..='\u{624}' | '\u{626}'..='\u{628}' | '\u{62A}'..='\u{63A}')
                || matches!(letter, '\u{641}' | '\u{642}' | '\u{644}'..='\u{648}' | '\u{64E}'..='\u{651}')
                || "-پچژکگی".contains(letter)
        }
        "he" => matches!(letter, '-' | '\u{5D0}'..='\u{5EA}'),
        "hi" => {
            matches!(letter, '-' | '.' | '\u{901}'..='\u{903}' | '\u{905}'..='\u{94D}' | '\u{95B}'..='\u{95D}')
        }
        "ko" => matches!(letter, '-' | '\u{AC00}'..='\u{D7A3}'),
        "ru" => matches!(letter, '\'' | '-' | '.' | 'а'..='я' | 'ё'),
        "ta" => matches!(letter, '-' | '\u{B83}'..='\u{BCD}'),
        "te" => matches!(letter, '-' | '\u{C01}'..='\u{C4D}'),
        _ => "-.".contains(letter) || (!letter.is_numeric() && !letter.is_uppercase() && is_letter(letter)),
    }
}

/// A letter, or a sign that makes one with the letter before it, as the scripts of India and South-East Asia have.
fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || matches!(letter, '\u{900}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

/// Whether the set of this language has no capital letters, so that words are to be written without.
pub(super) fn is_lower_case(language_code: &str) -> bool {
    !allows(language_code, 'A') && !allows(language_code, 'Å')
}
