//! Text to text: apertium, once for all passages.

use std::path::Path;

use tokio::process::Command;

use super::config::LocalConfig;
use crate::error::{EngineError, Result};
use crate::job::{Passage, Translate};
use crate::language::matches_range;
use crate::program::{self, Bounded};
use crate::result::Warning;

/// What errors call the program.
const PROGRAM: &str = "apertium";

/// Hours of speech are some hundred thousand words.
const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// What apertium takes for the end of a text, and keeps: a blank line.
const BETWEEN: &str = "\n\n";

/// A way between two languages that is installed, the narrower ranges first.
pub(super) struct Mode {
    from: &'static str,
    into: &'static str,
    /// apertium's name of it.
    pub(super) name: &'static str,
}

/// The modes of the packages `apertium-eng-spa` and `apertium-eng-cat`; both write British English unless told.
pub(super) const MODES: [Mode; 6] = [
    Mode {
        from: "en",
        into: "es",
        name: "eng-spa",
    },
    Mode {
        from: "en",
        into: "ca",
        name: "eng-cat",
    },
    Mode {
        from: "es",
        into: "en-US",
        name: "spa-eng_US",
    },
    Mode {
        from: "es",
        into: "en",
        name: "spa-eng",
    },
    Mode {
        from: "ca",
        into: "en-US",
        name: "cat-eng_US",
    },
    Mode {
        from: "ca",
        into: "en",
        name: "cat-eng",
    },
];

/// Translations.
#[derive(Debug)]
pub(super) struct Translated {
    /// The program and its version.
    pub(super) program: String,
    /// One for each passage.
    pub(super) texts: Vec<String>,
    pub(super) warnings: Vec<Warning>,
}

fn mode_for(from: &str, into: &str) -> Option<&'static str> {
    MODES
        .iter()
        .find(|mode| matches_range(from, mode.from) && matches_range(into, mode.into))
        .map(|mode| mode.name)
}

/// Translates the passages. Words of the dictionary stay as they are.
pub(super) async fn translate(config: &LocalConfig, work: &Translate, dir: &Path) -> Result<Translated> {
    let (texts, warnings) = texts(config, work, dir).await?;
    Ok(Translated {
        program: program::version(PROGRAM, &config.apertium, "-V", config.program_timeout).await?,
        texts,
        warnings,
    })
}

/// A text for each passage, and what could not be had.
pub(super) async fn texts(
    config: &LocalConfig,
    work: &Translate,
    dir: &Path,
) -> Result<(Vec<String>, Vec<Warning>)> {
    let (from, into) = (&work.source_language, &work.target_language);
    let mode = mode_for(&from.bcp47, &into.bcp47).ok_or_else(|| EngineError::LanguageNotSupported {
        engine: super::NAME.to_owned(),
        work: "translate",
        language: into.catalog_name.clone(),
    })?;
    let plain: Vec<String> = work.passages.iter().map(one_line).collect();
    let names = Names::new(&plain, &work.dictionary);
    let hidden: Vec<Hidden> = plain.iter().map(|text| names.hide(text)).collect();
    let texts: Vec<&str> = hidden.iter().map(|hidden| hidden.text.as_str()).collect();
    let translated = run(config, mode, &texts, dir).await?;
    let mut texts: Vec<Option<String>> = hidden
        .iter()
        .zip(&translated)
        .map(|(hidden, text)| hidden.restore(text))
        .collect();

    let mut warnings = Vec::new();
    let lost: Vec<usize> = (0..texts.len()).filter(|index| texts[*index].is_none()).collect();
    if !lost.is_empty() {
        // Better a name translated than a sentence without it.
        let again: Vec<&str> = lost.iter().map(|index| plain[*index].as_str()).collect();
        for (index, text) in lost.iter().zip(run(config, mode, &again, dir).await?) {
            texts[*index] = Some(text);
        }
        warnings.push(Warning::new(
            "DictionaryWordsTranslated",
            format!("names could not be kept as they are in passages {lost:?}"),
        ));
    }
    if work.remove_profanity {
        warnings.push(Warning::new(
            "ProfanityNotRemoved",
            "this engine translates every word",
        ));
    }
    let texts = texts
        .into_iter()
        .zip(&plain)
        .map(|(text, source)| begin_as(source, text.unwrap_or_default()));
    Ok((texts.collect(), warnings))
}

/// Translates texts of one line each; a blank one stays blank.
async fn run(config: &LocalConfig, mode: &str, texts: &[&str], dir: &Path) -> Result<Vec<String>> {
    let said: Vec<&str> = texts.iter().filter(|text| !text.is_empty()).copied().collect();
    if said.is_empty() {
        return Ok(vec![String::new(); texts.len()]);
    }
    let path = dir.join("passages.txt");
    tokio::fs::write(&path, said.join(BETWEEN) + "\n")
        .await
        .map_err(|error| EngineError::Files {
            action: format!("writing `{}`", path.display()),
            detail: error.to_string(),
        })?;
    let mut command = Command::new(&config.apertium);
    command
        .env("LC_ALL", "C.UTF-8")
        // Without the marks of words that it doesn't know.
        .arg("-u")
        .arg(mode)
        .arg(&path);
    let mut output = Bounded::new(MAX_OUTPUT_BYTES);
    let ended = program::run(PROGRAM, &mut command, config.program_timeout, &mut output).await?;
    if !ended.status.success() {
        return Err(ended.failure(PROGRAM));
    }
    let unreadable = |detail: String| EngineError::OutputUnreadable {
        program: PROGRAM.to_owned(),
        detail,
    };
    let output = String::from_utf8(output.bytes).map_err(|error| unreadable(error.to_string()))?;
    let answers: Vec<&str> = output.trim_end().split(BETWEEN).map(str::trim).collect();
    if answers.len() != said.len() || answers.iter().any(|answer| answer.is_empty()) {
        let (found, expected) = (answers.len(), said.len());
        // The program has no exit status for a broken link of its pipe.
        let detail = ended.stderr_tail.trim();
        return Err(unreadable(format!(
            "{found} texts, expected {expected}, none empty; {detail}"
        )));
    }
    let mut answers = answers.into_iter();
    Ok(texts
        .iter()
        .map(|text| {
            if text.is_empty() {
                String::new()
            } else {
                answers.next().unwrap_or_default().to_owned()
            }
        })
        .collect())
}

/// A passage's text without line breaks and control characters, which mean something to apertium.
fn one_line(passage: &Passage) -> String {
    let text: String = passage
        .text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text that began with a capital begins with one again: apertium drops it where the first word goes.
fn begin_as(source: &str, text: String) -> String {
    let mut chars = text.chars();
    match (source.chars().next(), chars.next()) {
        (Some(wanted), Some(first)) if wanted.is_uppercase() && first.is_lowercase() => {
            first.to_uppercase().chain(chars).collect()
        }
        _ => text,
    }
}

/// The names of a dictionary, hidden from apertium behind words that it can't know.
struct Names<'a> {
    /// The longer first.
    names: Vec<&'a str>,
    /// With what the made words begin; no text has it.
    prefix: String,
}

/// A text with its names hidden.
struct Hidden<'a> {
    text: String,
    /// The made words, and the names behind them.
    names: Vec<(String, &'a str)>,
}

impl<'a> Names<'a> {
    fn new(texts: &[String], dictionary: &'a [String]) -> Self {
        let mut names: Vec<&str> = dictionary
            .iter()
            .map(|name| name.trim())
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let mut prefix = "Zqx".to_owned();
        while texts.iter().any(|text| text.contains(&prefix)) {
            prefix.push('q');
        }
        Self { names, prefix }
    }

    /// Hides every name that stands in the text as the dictionary writes it, as whole words.
    fn hide(&self, text: &str) -> Hidden<'a> {
        let mut hidden = Hidden {
            text: String::with_capacity(text.len()),
            names: Vec::new(),
        };
        let mut rest = text;
        let mut before: Option<char> = None;
        while let Some(first) = rest.chars().next() {
            let begins_word = !before.is_some_and(char::is_alphanumeric);
            let name = self.names.iter().find(|name| {
                begins_word
                    && rest
                        .strip_prefix(**name)
                        .is_some_and(|after| !after.chars().next().is_some_and(char::is_alphanumeric))
            });
            if let Some(name) = name {
                let word = format!("{}{}", self.prefix, letters(hidden.names.len()));
                hidden.text.push_str(&word);
                hidden.names.push((word, name));
                rest = &rest[name.len()..];
                before = name.chars().last();
            } else {
                hidden.text.push(first);
                rest = &rest[first.len_utf8()..];
                before = Some(first);
            }
        }
        hidden
    }
}

/// A number as letters, four and more of them, none the beginning of another of as many.
fn letters(number: usize) -> String {
    format!("{number:04}")
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'a'))
        .collect()
}

impl Hidden<'_> {
    /// The translation with the names in their places; none where one has gone, or come twice.
    fn restore(&self, translation: &str) -> Option<String> {
        let mut text = translation.to_owned();
        for (word, name) in &self.names {
            if text.matches(word.as_str()).count() != 1 {
                return None;
            }
            text = text.replacen(word.as_str(), name, 1);
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_way_has_its_mode() {
        for (from, into, mode) in [
            ("en-US", "es-419", Some("eng-spa")),
            ("en", "ca", Some("eng-cat")),
            ("es", "en-US", Some("spa-eng_US")),
            ("es-419", "en-GB", Some("spa-eng")),
            ("ca", "en", Some("cat-eng")),
            ("es", "ca", None),
            ("en", "fr", None),
        ] {
            assert_eq!(mode_for(from, into), mode, "{from} into {into}");
        }
    }

    #[test]
    fn names_are_hidden_as_whole_words_the_longest_first() {
        let dictionary = ["River", "River Project", " ", "C++"].map(str::to_owned);
        let texts = ["The River Project's Rivers by the River in C++, river.".to_owned()];
        let names = Names::new(&texts, &dictionary);
        let hidden = names.hide(&texts[0]);
        assert_eq!(
            hidden.text,
            "The Zqxaaaa's Rivers by the Zqxaaab in Zqxaaac, river."
        );
        assert_eq!(hidden.restore(&hidden.text).as_deref(), Some(texts[0].as_str()));
        assert_eq!(hidden.restore("Zqxaaaa"), None);
        assert_eq!(hidden.restore("Zqxaaaa Zqxaaab Zqxaaab Zqxaaac"), None);
    }

    #[test]
    fn a_capital_at_the_beginning_stays() {
        assert_eq!(begin_as("I don't", "no lo".to_owned()), "No lo");
        assert_eq!(begin_as("and", "y".to_owned()), "y");
        assert_eq!(begin_as("", String::new()), "");
    }

    proptest! {
        #[test]
        fn what_was_hidden_comes_back(text in "[A-Cq Zx'.é]{0,40}", dictionary in proptest::collection::vec("[A-CZqx é]{0,3}", 0..6)) {
            let texts = [text.clone()];
            let names = Names::new(&texts, &dictionary);
            let hidden = names.hide(&text);
            prop_assert_eq!(hidden.restore(&hidden.text), Some(text));
        }
    }
}
