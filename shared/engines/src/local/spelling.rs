//! How the recogniser's words are written: it knows neither case nor the customer's spelling.

use captions::Word;

/// How a token is written: without the number of its pronunciation, and with the one capital that English has in
/// mid-sentence. `None` for a filler: `<s>`, `<sil>`, `[NOISE]`, `++BREATH++`.
pub(super) fn of_token(token: &str) -> Option<String> {
    let base = match token.strip_suffix(')').and_then(|head| head.rsplit_once('(')) {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => token,
    };
    if base.trim().is_empty() || base.starts_with(['<', '[']) || base.starts_with("++") {
        return None;
    }
    Some(match base.strip_prefix('i') {
        Some(rest) if rest.is_empty() || rest.starts_with('\'') => format!("I{rest}"),
        _ => base.to_owned(),
    })
}

/// Writes the words of the customer's dictionary as the dictionary does: a phrase (`River Project`) where all of its
/// words were heard in a row, so that a word of it that stands alone stays as it is. Longer phrases come first.
pub(super) fn from_dictionary(words: &mut [Word], dictionary: &[String]) {
    let mut phrases: Vec<Vec<&str>> = dictionary
        .iter()
        .map(|phrase| phrase.split_whitespace().collect::<Vec<_>>())
        .collect();
    phrases.retain(|phrase| !phrase.is_empty());
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    let mut at = 0;
    while let Some(rest) = words.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let heard = phrases.iter().find(|phrase| {
            phrase.len() <= rest.len()
                && phrase
                    .iter()
                    .zip(rest.iter())
                    .all(|(wanted, word)| same(wanted, &word.text))
        });
        let Some(phrase) = heard else {
            at += 1;
            continue;
        };
        for (word, written) in rest.iter_mut().zip(phrase) {
            (*written).clone_into(&mut word.text);
        }
        at += phrase.len();
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_spelt_as_english_is() {
        for (token, expected) in [
            ("to(3)", Some("to")),
            ("hundred(12)", Some("hundred")),
            ("i", Some("I")),
            ("i'm(2)", Some("I'm")),
            ("it's", Some("it's")),
            ("a.", Some("a.")),
            ("(2)", None),
            ("x()", Some("x()")),
            ("<sil>", None),
            ("</s>", None),
            ("[NOISE]", None),
            ("++BREATH++", None),
            (" ", None),
        ] {
            assert_eq!(of_token(token).as_deref(), expected, "{token}");
        }
    }

    fn spelt(heard: &str, dictionary: &[&str]) -> String {
        let mut words: Vec<Word> = heard.split(' ').map(|text| Word::new(text, 0, 1)).collect();
        let dictionary: Vec<String> = dictionary.iter().map(|phrase| (*phrase).to_owned()).collect();
        from_dictionary(&mut words, &dictionary);
        words
            .iter()
            .map(|word| word.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn dictionary_words_are_spelt_as_the_customer_does() {
        assert_eq!(spelt("up to kaltura now", &["Kaltura"]), "up to Kaltura now");
        assert_eq!(
            spelt("the river project on the river", &["River", "River Project"]),
            "the River Project on the River"
        );
        assert_eq!(
            spelt("the river project on the river", &["River Project"]),
            "the River Project on the river"
        );
        assert_eq!(spelt("the river", &["River Project", "", "  "]), "the river");
    }
}
