//! What Transcribe is to be asked for an order.

use serde::{Deserialize, Serialize};

use super::config::AwsConfig;
use super::{NAME, vocabulary};
use crate::error::{EngineError, Result};
use crate::job::{JobId, MediaRef, Work};
use crate::language::amazon::AmazonCodes;
use crate::result::DetectedLanguage;

/// What a job is started with: all of the request that matters, without its completion token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) job_id: JobId,
    pub(super) work: Work,
    pub(super) media: MediaRef,
    /// What was heard the first time, not surely enough to refuse the order: the sound is given to the ordered language then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) doubted: Option<DetectedLanguage>,
}

/// What the job is to be asked for, worked out from the ticket; the same each time.
pub(super) struct Plan {
    /// Transcribe's code of the language; none where it is asked for.
    pub(super) language_code: Option<&'static str>,
    /// The languages among which it is; empty for any.
    pub(super) options: Vec<String>,
    pub(super) phrases: vocabulary::Phrases,
    pub(super) vocabulary: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) speakers_wanted: bool,
}

impl Plan {
    pub(super) fn of(ticket: &Ticket, config: &AwsConfig) -> Result<Self> {
        match &ticket.work {
            Work::Recognise(work) => {
                let language = &work.source_language;
                let language_code = AmazonCodes::of(&language.bcp47).transcribe.ok_or_else(|| {
                    EngineError::LanguageNotSupported {
                        engine: NAME.to_owned(),
                        work: ticket.work.kind().name(),
                        language: language.catalog_name.clone(),
                    }
                })?;
                let phrases = vocabulary::phrases(&work.dictionary, language_code);
                let filters = config.vocabulary_filters.iter();
                let filter = filters
                    .filter(|_| work.remove_profanity)
                    .find(|(code, _)| code == language_code)
                    .map(|(_, name)| name.clone());
                Ok(Self {
                    language_code: Some(language_code),
                    options: match ticket.doubted {
                        None => options(language_code, &config.language_check),
                        Some(_) => Vec::new(),
                    },
                    vocabulary: vocabulary::name(&config.stack_name, &phrases.phrases, language_code),
                    phrases,
                    filter,
                    speakers_wanted: work.speakers_wanted,
                })
            }
            Work::Identify(work) => {
                let candidates = work
                    .candidates
                    .iter()
                    .filter_map(|tag| AmazonCodes::of(tag).transcribe);
                let mut options: Vec<String> = Vec::new();
                for candidate in candidates {
                    if !options.iter().any(|known| same_language(known, candidate)) {
                        options.push(candidate.to_owned());
                    }
                }
                // Transcribe wants two at least.
                if options.len() < 2 {
                    options.clear();
                }
                Ok(Self {
                    language_code: None,
                    options,
                    phrases: vocabulary::phrases(&[], ""),
                    vocabulary: None,
                    filter: None,
                    speakers_wanted: false,
                })
            }
            other => Err(EngineError::WorkNotSupported {
                engine: NAME.to_owned(),
                work: other.kind().name(),
            }),
        }
    }

    /// Whether Transcribe is to tell the language.
    pub(super) fn identifies(&self) -> bool {
        self.language_code.is_none() || !self.options.is_empty()
    }
}

/// The ordered language and those that it is checked against. Transcribe takes one variant of each language.
fn options(language_code: &str, check: &[String]) -> Vec<String> {
    let others = check.iter().filter(|other| !same_language(other, language_code));
    let others: Vec<_> = others.cloned().collect();
    if others.is_empty() {
        return others;
    }
    std::iter::once(language_code.to_owned()).chain(others).collect()
}

fn same_language(one: &str, other: &str) -> bool {
    one.split('-').next() == other.split('-').next()
}
