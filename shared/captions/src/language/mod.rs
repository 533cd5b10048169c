//! Where a line or a caption may break: what each language says about the two words on either side.

mod english;
mod french;
mod german;
mod script;
mod spanish;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use self::script::{is_right_to_left, is_spaceless, line_breaks, needs_dictionary, opens};

/// What a word does at the end or start of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Article, possessive, number word and the like: holds on to the word after it.
    Determiner,
    /// Auxiliary or particle of a verb: holds on to the verb after it.
    Auxiliary,
    /// Subject pronoun: holds on to its verb.
    Pronoun,
    /// Good to begin with, bad to end with.
    Preposition,
    /// Good to begin with, bad to end with.
    Conjunction,
    /// Title before a name, ending in a full stop that ends no sentence.
    Title,
}

/// How good the place between two words is to break at, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Break {
    /// After a sentence, or where another speaker begins.
    Sentence,
    /// After a comma or the like.
    Clause,
    /// Before a conjunction.
    Conjunction,
    /// Before a preposition.
    Preposition,
    /// Between two words that nothing joins.
    Plain,
    /// Inside what is written without blanks, where a word may go on.
    Inside,
    /// article|noun, auxiliary|verb, first|last name, and after a preposition or conjunction.
    Bad,
    /// Inside a word, before a closing or after an opening mark: only where nothing else fits.
    Glued,
}

/// The word lists of a language, as they are written in its file.
struct Lists {
    determiners: &'static str,
    auxiliaries: &'static str,
    pronouns: &'static str,
    prepositions: &'static str,
    conjunctions: &'static str,
    titles: &'static str,
}

/// The rules of one language.
pub(crate) struct Grammar {
    roles: HashMap<&'static str, Role>,
}

static ENGLISH: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(&english::LISTS));
static SPANISH: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(&spanish::LISTS));
static FRENCH: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(&french::LISTS));
static GERMAN: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(&german::LISTS));
/// Punctuation, names and scripts alone: what holds in any language.
static ANY: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    roles: HashMap::new(),
});

/// The first part of a BCP-47 tag, in lower case.
pub(crate) fn primary(tag: &str) -> String {
    tag.split(['-', '_'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

impl Grammar {
    /// The rules for a BCP-47 tag; the common ones for languages without rules of their own.
    pub(crate) fn of(tag: &str) -> &'static Self {
        match primary(tag).as_str() {
            "en" => &ENGLISH,
            "es" => &SPANISH,
            "fr" => &FRENCH,
            "de" => &GERMAN,
            _ => &ANY,
        }
    }

    fn new(lists: &Lists) -> Self {
        let mut roles = HashMap::new();
        // A word in two lists has the role of the later one.
        for (words, role) in [
            (lists.pronouns, Role::Pronoun),
            (lists.auxiliaries, Role::Auxiliary),
            (lists.determiners, Role::Determiner),
            (lists.prepositions, Role::Preposition),
            (lists.conjunctions, Role::Conjunction),
            (lists.titles, Role::Title),
        ] {
            roles.extend(words.split_whitespace().map(|word| (word, role)));
        }
        Self { roles }
    }

    /// Whether `word` only holds a sentence together: an article, a preposition and the like.
    pub(crate) fn has_role(&self, word: &str) -> bool {
        self.features(word).role.is_some()
    }

    /// What matters of a word for breaking before and after it. `text` is as shown, punctuation included.
    pub(crate) fn features(&self, text: &str) -> Features {
        let core = text.trim_matches(|c: char| !c.is_alphanumeric());
        let lower = core.to_lowercase().replace('\u{2019}', "'");
        let role = self.roles.get(lower.as_str()).copied();
        let is_title = role == Some(Role::Title);
        let closed = text.trim_end_matches(is_closing_mark);
        let last = closed.chars().next_back();
        let is_initial = core.chars().count() == 1 && core.chars().all(char::is_uppercase);
        let is_abbreviation = last == Some('.') && (is_title || is_initial && core != "I");
        let mut letters = core.chars();
        let is_capitalised = letters.next().is_some_and(char::is_uppercase)
            && (letters.any(char::is_lowercase) || is_initial && is_abbreviation);
        Features {
            role,
            ends_sentence: last.is_some_and(is_sentence_end) && !is_abbreviation,
            ends_clause: last.is_some_and(is_clause_end),
            is_capitalised,
            is_label: text.starts_with(['[', '(', '\u{266a}'])
                || text == ">>"
                || matches!(text, "-" | "\u{2013}"),
            ends_with_mark: text.chars().next_back().is_some_and(|c| !c.is_alphanumeric())
                && !is_abbreviation,
            first: text.chars().next(),
            last: text.chars().next_back(),
        }
    }

    /// How good it is to break between two neighbours. `starts_sentence` says that `before` is the first word of its
    /// sentence, whose capital says nothing about a name.
    #[allow(
        clippy::unused_self,
        reason = "the rules of a language are asked through it, whichever they use today"
    )]
    pub(crate) fn quality(&self, before: &Features, after: &Features, starts_sentence: bool) -> Break {
        let keeps_together = after.first.is_some_and(script::must_not_start_line)
            || before.last.is_some_and(script::must_not_end_line)
            || before.last.is_some_and(script::opens) && after.first.is_some_and(is_spaceless);
        if keeps_together {
            return Break::Glued;
        }
        if before.ends_sentence || after.is_label && !before.is_label {
            return Break::Sentence;
        }
        if before.ends_clause {
            return Break::Clause;
        }
        if before.is_label {
            return Break::Plain;
        }
        if before.last.is_some_and(is_spaceless) && after.first.is_some_and(is_spaceless) {
            return script::quality(before.last, after.first);
        }
        let holds = match before.role {
            Some(Role::Title) => true,
            Some(_) => !before.ends_with_mark,
            None => false,
        };
        let is_name = before.is_capitalised
            && after.is_capitalised
            && before.role.is_none()
            && after.role.is_none()
            && !starts_sentence
            && !before.ends_with_mark;
        if holds || is_name {
            return Break::Bad;
        }
        match after.role {
            Some(Role::Conjunction) => Break::Conjunction,
            Some(Role::Preposition) => Break::Preposition,
            _ => Break::Plain,
        }
    }
}

/// What matters of a word for breaking before and after it.
#[derive(Debug, Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts about one word, each with a name"
)]
pub(crate) struct Features {
    role: Option<Role>,
    /// Ends in `.`, `?`, `!` or their like in other scripts, closing quotes aside.
    pub(crate) ends_sentence: bool,
    ends_clause: bool,
    is_capitalised: bool,
    /// A speaker's label, a sound, `>>` or a dialogue dash.
    is_label: bool,
    ends_with_mark: bool,
    first: Option<char>,
    last: Option<char>,
}

fn is_closing_mark(character: char) -> bool {
    matches!(
        character,
        '"' | '\''
            | ')'
            | ']'
            | '}'
            | '\u{2019}'
            | '\u{201d}'
            | '\u{201c}'
            | '\u{bb}'
            | '\u{ab}'
            | '\u{203a}'
            | '\u{300d}'
            | '\u{300f}'
            | '\u{ff09}'
    )
}

fn is_sentence_end(character: char) -> bool {
    matches!(
        character,
        '.' | '?'
            | '!'
            | '\u{2026}'
            | '\u{3002}'
            | '\u{ff1f}'
            | '\u{ff01}'
            | '\u{ff0e}'
            | '\u{61f}'
            | '\u{6d4}'
            | '\u{964}'
            | '\u{203d}'
    )
}

fn is_clause_end(character: char) -> bool {
    matches!(
        character,
        ',' | ';'
            | ':'
            | '\u{2014}'
            | '\u{2013}'
            | '\u{3001}'
            | '\u{ff0c}'
            | '\u{ff1b}'
            | '\u{ff1a}'
            | '\u{60c}'
            | '\u{61b}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(tag: &str, before: &str, after: &str) -> Break {
        let grammar = Grammar::of(tag);
        grammar.quality(&grammar.features(before), &grammar.features(after), false)
    }

    #[test]
    fn each_language_knows_its_bad_breaks() {
        for (tag, before, after) in [
            ("en-US", "the", "house"),
            ("en", "have", "gone"),
            ("en", "James", "Bond"),
            ("en", "Mr.", "Bond"),
            ("en", "of", "it"),
            ("es-MX", "la", "casa"),
            ("es", "ha", "venido"),
            ("fr", "les", "enfants"),
            ("fr", "est", "parti"),
            ("de", "der", "Hund"),
            ("de", "wird", "kommen"),
            ("fi", "Aino", "Virtanen"),
        ] {
            assert_eq!(between(tag, before, after), Break::Bad, "{tag}: {before}|{after}");
        }
    }

    #[test]
    fn each_language_knows_its_good_breaks() {
        for (tag, before, after, expected) in [
            ("en", "home.", "Then", Break::Sentence),
            ("en", "home.\"", "Then", Break::Sentence),
            ("en", "home,", "then", Break::Clause),
            ("en", "home", "because", Break::Conjunction),
            ("en", "went", "into", Break::Preposition),
            ("en", "the,", "house", Break::Clause),
            ("en", "went", "home", Break::Plain),
            ("es", "casa", "porque", Break::Conjunction),
            ("fr", "maison", "dans", Break::Preposition),
            ("de", "Haus", "und", Break::Conjunction),
            (
                "ja",
                "\u{5929}\u{6c17}\u{3067}\u{3059}\u{3002}",
                "\u{4eca}\u{65e5}",
                Break::Sentence,
            ),
            ("ja", "\u{5929}", "\u{3001}", Break::Glued),
            (
                "ar",
                "\u{645}\u{631}\u{62d}\u{628}\u{627}\u{60c}",
                "\u{643}\u{64a}\u{641}",
                Break::Clause,
            ),
            ("xx", "went", "home", Break::Plain),
        ] {
            assert_eq!(between(tag, before, after), expected, "{tag}: {before}|{after}");
        }
    }
}
