//! Where the vendor's engine is, and what it does.

use std::time::Duration;

use url::Url;

use super::signature::SharedSecret;
use crate::contract::Capability;
use crate::error::{EngineError, Result};
use crate::job::WorkKind;

/// The engine's address. Required.
const ENGINE_URL: &str = "HTTP_ENGINE_URL";
/// What the engine does. Required.
const ENGINE_WORKS: &str = "HTTP_ENGINE_WORKS";
/// The address of the stack's door, which the engine calls back. Required.
const DOOR_URL: &str = "DOOR_URL";
/// Whether plain http to the machine itself is allowed; `true` in local runs only.
const ALLOW_LOOPBACK: &str = "REACH_ALLOW_LOOPBACK";
/// The setting that names the secret.
pub(super) const SECRET: &str = "ENGINE_SECRET_ARN";

/// Where the vendor's engine is, what it does, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Its address, under which `jobs/` is. Ends with a slash.
    pub url: Url,
    /// What it does.
    pub works: Vec<Capability>,
    /// The address under which `engine/jobs/{job_id}/ended` is called back. Ends with a slash.
    pub door_url: Url,
    /// The secret that both sides hold.
    pub secret: SharedSecret,
    /// How often a call is tried, at most, where the engine can't be reached or is too busy.
    pub tries: u32,
    /// The pause before the second try; it doubles with each further one, and is cut at random.
    pub pause: Duration,
    /// How long one answer may take.
    pub time_out: Duration,
}

impl HttpConfig {
    /// The settings of the process's environment, and the secret's value, which is handed in:
    ///
    /// | variable | meaning | if unset |
    /// | --- | --- | --- |
    /// | `HTTP_ENGINE_URL` | the engine's address, https | an error |
    /// | `HTTP_ENGINE_WORKS` | what it does: `recognise:en,es;translate:en>es,ca;identify` | an error |
    /// | `DOOR_URL` | the address of the stack's door, https | an error |
    /// | `REACH_ALLOW_LOOPBACK` | `true` lets both be plain http on this machine | no |
    ///
    /// A missing or impossible setting is [`EngineError::Setting`], which names the variable, what it holds and what
    /// was expected.
    pub fn from_env(secret: &str) -> Result<Self> {
        Self::from_vars(|name| std::env::var(name).ok(), secret)
    }

    /// The same, from any source of variables; an empty one counts as unset.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>, secret: &str) -> Result<Self> {
        let required = |name: &'static str, expected: &str| {
            var(name)
                .filter(|value| !value.trim().is_empty())
                .ok_or_else(|| setting(name, format!("is not set, expected {expected}")))
        };
        let loopback = var(ALLOW_LOOPBACK).as_deref() == Some("true");
        let url = address(ENGINE_URL, &required(ENGINE_URL, "an https address")?, loopback)?;
        let door_url = address(DOOR_URL, &required(DOOR_URL, "an https address")?, loopback)?;
        let works = works(&required(ENGINE_WORKS, "a list like `recognise:en;identify`")?)?;
        let secret = SharedSecret::new(secret)
            .ok_or_else(|| setting(SECRET, "the secret is shorter than 32 bytes".to_owned()))?;
        Ok(Self {
            url,
            works,
            door_url,
            secret,
            tries: 4,
            pause: Duration::from_millis(250),
            time_out: Duration::from_secs(30),
        })
    }
}

fn setting(name: &'static str, detail: String) -> EngineError {
    EngineError::Setting { name, detail }
}

/// An address without query, fragment and password, to which paths can be added.
fn address(name: &'static str, text: &str, loopback: bool) -> Result<Url> {
    let wrong = |expected: &str| setting(name, format!("is `{text}`, expected {expected}"));
    let mut url = Url::parse(text.trim()).map_err(|_| wrong("an https address"))?;
    let own_machine = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => {}
        "http" if loopback && own_machine => {}
        _ => return Err(wrong("https")),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("an address without query and fragment"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not repeated: it may be a password.
        return Err(setting(
            name,
            "holds a user, expected an address without".to_owned(),
        ));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Reads what an engine does: works with `;` between them, each a kind, then after `:` the language ranges, and for a
/// translation after `>` those that it translates into. A kind without languages is done in any.
pub fn works(text: &str) -> Result<Vec<Capability>> {
    let wrong = |part: &str, expected: &str| {
        setting(
            ENGINE_WORKS,
            format!("has `{part}`, expected {expected}, as in `recognise:en,es;translate:en>es,ca;identify`"),
        )
    };
    let ranges = |part: &str, list: &str| -> Result<Vec<String>> {
        list.split(',')
            .map(|range| match range.trim() {
                range if is_range(range) => Ok(range.to_owned()),
                _ => Err(wrong(part, "BCP-47 ranges with commas between them")),
            })
            .collect()
    };
    let mut works = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (kind, languages) = part.split_once(':').unwrap_or((part, "*"));
        // A live engine is no engine of jobs: it posts what it hears.
        let kind = WorkKind::by_name(kind.trim()).filter(|kind| *kind != WorkKind::Live);
        let kind = kind.ok_or_else(|| wrong(part, "a kind of work"))?;
        let (languages, targets) = match (kind, languages.split_once('>')) {
            (WorkKind::Translate, Some((languages, targets))) => (languages, ranges(part, targets)?),
            (WorkKind::Translate, None) if languages == "*" => (languages, vec!["*".to_owned()]),
            (WorkKind::Translate, None) => return Err(wrong(part, "languages to translate into after `>`")),
            (_, Some(_)) => return Err(wrong(part, "`>` with `translate` only")),
            (_, None) => (languages, Vec::new()),
        };
        works.push(Capability {
            kind,
            languages: ranges(part, languages)?,
            targets,
        });
    }
    if works.is_empty() {
        return Err(wrong(text, "at least one kind of work"));
    }
    Ok(works)
}

fn is_range(text: &str) -> bool {
    text.split('-').all(|subtag| {
        subtag == "*"
            || ((1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "a secret of more than thirty-two letters";

    fn config(vars: &[(&str, &str)], secret: &str) -> Result<HttpConfig> {
        let mut all = vec![
            (ENGINE_URL, "https://engine.example.com/reach"),
            (ENGINE_WORKS, "recognise"),
            (DOOR_URL, "https://door.example.com"),
        ];
        all.extend_from_slice(vars);
        let of = |name: &str| all.iter().rev().find(|(known, _)| *known == name);
        HttpConfig::from_vars(|name| of(name).map(|(_, value)| (*value).to_owned()), secret)
    }

    #[test]
    fn what_an_engine_does_is_read_from_a_list() {
        assert_eq!(
            works("recognise: en, es-MX ;translate:en>es,ca; identify;speak:*;").unwrap(),
            vec![
                Capability::new(WorkKind::Recognise, &["en", "es-MX"]),
                Capability::translate(&["en"], &["es", "ca"]),
                Capability::new(WorkKind::Identify, &["*"]),
                Capability::new(WorkKind::Speak, &["*"]),
            ]
        );
        assert_eq!(
            works("translate").unwrap(),
            vec![Capability::translate(&["*"], &["*"])]
        );
    }

    #[test]
    fn an_address_ends_with_a_slash_and_may_be_plain_on_this_machine_where_allowed() {
        let loopback = [(ENGINE_URL, "http://127.0.0.1:8080"), (ALLOW_LOOPBACK, "true")];
        assert_eq!(
            config(&[], LONG).unwrap().url.as_str(),
            "https://engine.example.com/reach/"
        );
        assert_eq!(
            config(&loopback, LONG).unwrap().url.as_str(),
            "http://127.0.0.1:8080/"
        );
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected() {
        let text = |name, value| config(&[(name, value)], LONG).unwrap_err().to_string();
        let texts = [
            text(ENGINE_URL, ""),
            text(ENGINE_URL, "engine.example.com"),
            text(ENGINE_URL, "http://engine.example.com"),
            text(ENGINE_URL, "http://127.0.0.1:8080"),
            text(ENGINE_URL, "https://engine.example.com/?key=1"),
            text(ENGINE_URL, "https://user:hidden@engine.example.com/"),
            text(DOOR_URL, "ftp://door.example.com"),
            text(ENGINE_WORKS, ";"),
            text(ENGINE_WORKS, "sing:en"),
            text(ENGINE_WORKS, "recognise:"),
            text(ENGINE_WORKS, "recognise:en>es"),
            text(ENGINE_WORKS, "translate:en"),
            config(&[], "short").unwrap_err().to_string(),
        ];
        assert!(!texts.concat().contains("hidden"));
        insta::assert_snapshot!(texts.join("\n"));
    }
}
