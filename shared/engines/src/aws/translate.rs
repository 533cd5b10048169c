//! Translation by Amazon Translate.
//!
//! One call a passage, several at once. Many passages in one text with separators between them would be fewer calls and lose
//! passages, since the model moves, joins and drops what separates them; the synchronous document call knows no lines and
//! only pairs with English. A passage is what belongs together, so that nothing is lost in quality.
//!
//! The dictionary becomes a terminology of the job's own in which each entry translates to itself. It is made before and
//! deleted after: nothing of the customer's stays, and jobs can't take each other's away. A live translation goes the same
//! way, a sentence a call.

use async_trait::async_trait;
use aws_sdk_translate::Client;
use aws_sdk_translate::primitives::Blob;
use aws_sdk_translate::types::{
    Brevity, Directionality, Formality, MergeStrategy, Profanity, TerminologyData, TerminologyDataFormat,
    TranslationSettings,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::config::AwsConfig;
use super::fault::{code, is_missing, unavailable, unbuilt};
use super::text::pieces;
use super::{NAME, name};
use crate::error::{EngineError, Result};
use crate::interpret::Interpreter;
use crate::job::{JobId, JobRequest, SourceLanguage, Translate, WorkKind};
use crate::language::amazon::AmazonCodes;
use crate::result::{EngineVersion, JobResult, Output, RESULT_VERSION, Warning};

/// The most bytes of a text.
const MAX_TEXT_BYTES: usize = 10_000;
/// How many passages are translated at once.
const CONCURRENT_CALLS: usize = 8;
/// The version of Translate's API.
const VERSION: &str = "translate 2017-07-01";

/// Translate, with our settings.
#[derive(Debug, Clone)]
pub(super) struct Translator {
    client: Client,
    config: AwsConfig,
}

impl Translator {
    pub(super) fn new(client: Client, config: AwsConfig) -> Self {
        Self { client, config }
    }

    /// Translates all passages.
    pub(super) async fn translate(&self, request: &JobRequest, work: &Translate) -> Result<JobResult> {
        let from = code_of(&work.source_language)?;
        let into = code_of(&work.target_language)?;
        if from == into {
            return Err(not_supported(&work.target_language));
        }
        let mut warnings = Vec::new();
        let terminology = match self.import(&request.job_id, work, from, into).await {
            Ok(terminology) => terminology,
            Err(NotImported::Unusable(reason)) => {
                warnings.push(Warning::new("DictionaryNotUsed", reason));
                None
            }
            Err(NotImported::Failed(error)) => return Err(error),
        };
        let texts = self.texts(from, into, terminology.as_deref(), work).await;
        // Deleted whatever came of it.
        if terminology.is_some() {
            self.forget(&request.job_id).await?;
        }
        let texts = texts.map_err(NotTranslated::into_error)?;
        tracing::info!(job_id = %request.job_id, passages = texts.len(), from, into, "translated");
        Ok(JobResult {
            version: RESULT_VERSION,
            job_id: request.job_id.clone(),
            engine: EngineVersion {
                name: NAME.to_owned(),
                version: VERSION.to_owned(),
            },
            output: Output::Texts { texts },
            language: None,
            audio_duration_ms: 0,
            warnings,
        })
    }

    /// All passages, several at once.
    async fn texts(
        &self,
        from: &str,
        into: &str,
        terminology: Option<&str>,
        work: &Translate,
    ) -> std::result::Result<Vec<String>, NotTranslated> {
        let calls: Vec<_> = work
            .passages
            .iter()
            .map(|passage| self.text(&passage.text, from, into, terminology, work))
            .collect();
        stream::iter(calls).buffered(CONCURRENT_CALLS).try_collect().await
    }

    async fn text(
        &self,
        text: &str,
        from: &str,
        into: &str,
        terminology: Option<&str>,
        work: &Translate,
    ) -> std::result::Result<String, NotTranslated> {
        let mut translated = String::new();
        for piece in pieces(text, MAX_TEXT_BYTES, &str::len) {
            if piece.trim().is_empty() {
                continue;
            }
            let answer = self
                .client
                .translate_text()
                .text(piece)
                .source_language_code(from)
                .target_language_code(into)
                .set_terminology_names(terminology.map(|name| vec![name.to_owned()]))
                .set_settings(self.settings(work))
                .send()
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) if code(&error) == "UnsupportedLanguagePairException" => {
                    return Err(NotTranslated::Failed(not_supported(&work.target_language)));
                }
                Err(error) if terminology.is_some() && is_missing(&error) => {
                    return Err(NotTranslated::NoTerminology(unavailable("find a terminology")(
                        error,
                    )));
                }
                Err(error) => return Err(NotTranslated::Failed(unavailable("translate a text")(error))),
            };
            if !translated.is_empty() {
                translated.push(' ');
            }
            translated.push_str(answer.translated_text().trim());
        }
        Ok(translated)
    }

    fn settings(&self, work: &Translate) -> Option<TranslationSettings> {
        let settings = TranslationSettings::builder()
            .set_formality(self.config.formality.as_deref().map(|formality| match formality {
                "informal" => Formality::Informal,
                _ => Formality::Formal,
            }))
            .set_profanity(work.remove_profanity.then_some(Profanity::Mask))
            .set_brevity(self.config.brevity.then_some(Brevity::On))
            .build();
        (settings != TranslationSettings::builder().build()).then_some(settings)
    }

    /// Makes the job's terminology; none where the dictionary is empty. Done again, it overwrites.
    async fn import(
        &self,
        job_id: &JobId,
        work: &Translate,
        from: &str,
        into: &str,
    ) -> std::result::Result<Option<String>, NotImported> {
        let Some(csv) = csv(&work.dictionary, from, into) else {
            return Ok(None);
        };
        let name = name::at_translate(&self.config.stack_name, job_id);
        let data = TerminologyData::builder()
            .file(Blob::new(csv))
            .format(TerminologyDataFormat::Csv)
            .directionality(Directionality::Uni)
            .build()
            .map_err(|error| NotImported::Failed(unbuilt("import a terminology")(error)))?;
        let imported = self
            .client
            .import_terminology()
            .name(&name)
            .merge_strategy(MergeStrategy::Overwrite)
            .terminology_data(data)
            .send()
            .await;
        match imported {
            Ok(_) => Ok(Some(name)),
            Err(error)
                if matches!(
                    code(&error),
                    "InvalidParameterValueException" | "LimitExceededException"
                ) =>
            {
                Err(NotImported::Unusable(format!("terminology: {}", code(&error))))
            }
            Err(error) => Err(NotImported::Failed(unavailable("import a terminology")(error))),
        }
    }

    /// Deletes the job's terminology. Safe to repeat.
    pub(super) async fn forget(&self, job_id: &JobId) -> Result<()> {
        match self
            .client
            .delete_terminology()
            .name(name::at_translate(&self.config.stack_name, job_id))
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(unavailable("delete a terminology")(error)),
        }
    }
}

/// A stream's terminology is made with its first sentence, found by the others, and goes with [`Interpreter::stop`].
#[async_trait]
impl Interpreter for Translator {
    async fn interpret(&self, job_id: &JobId, work: &Translate) -> Result<Vec<String>> {
        let from = code_of(&work.source_language)?;
        let into = code_of(&work.target_language)?;
        if from == into {
            return Err(not_supported(&work.target_language));
        }
        let name =
            csv(&work.dictionary, from, into).map(|_| name::at_translate(&self.config.stack_name, job_id));
        let missing = match self.texts(from, into, name.as_deref(), work).await {
            Err(NotTranslated::NoTerminology(error)) => error,
            texts => return texts.map_err(NotTranslated::into_error),
        };
        tracing::debug!(%job_id, error = %missing, "the stream has no terminology yet");
        let name = match self.import(job_id, work, from, into).await {
            Ok(name) => name,
            Err(NotImported::Unusable(reason)) => {
                tracing::warn!(%job_id, reason, "interpreted without the dictionary");
                None
            }
            Err(NotImported::Failed(error)) => return Err(error),
        };
        let texts = self.texts(from, into, name.as_deref(), work).await;
        texts.map_err(NotTranslated::into_error)
    }

    async fn stop(&self, job_id: &JobId) -> Result<()> {
        self.forget(job_id).await
    }
}

/// Why there is no text.
enum NotTranslated {
    /// The terminology isn't there.
    NoTerminology(EngineError),
    /// The call failed.
    Failed(EngineError),
}

impl NotTranslated {
    fn into_error(self) -> EngineError {
        match self {
            Self::NoTerminology(error) | Self::Failed(error) => error,
        }
    }
}

/// Why there is no terminology.
enum NotImported {
    /// Translate doesn't take it: the job goes on without.
    Unusable(String),
    /// The call failed: the job is to be tried again.
    Failed(EngineError),
}

fn code_of(language: &SourceLanguage) -> Result<&'static str> {
    AmazonCodes::of(&language.bcp47)
        .translate
        .ok_or_else(|| not_supported(language))
}

fn not_supported(language: &SourceLanguage) -> EngineError {
    EngineError::LanguageNotSupported {
        engine: NAME.to_owned(),
        work: WorkKind::Translate.name(),
        language: language.catalog_name.clone(),
    }
}

/// The dictionary as a terminology of which each entry stays as it is.
fn csv(dictionary: &[String], from: &str, into: &str) -> Option<String> {
    let mut rows = String::new();
    for entry in dictionary {
        let entry = entry.split_whitespace().collect::<Vec<_>>().join(" ");
        if !entry.is_empty() {
            let quoted = format!("\"{}\"", entry.replace('"', "\"\""));
            rows.extend([quoted.as_str(), ",", &quoted, "\n"]);
        }
    }
    (!rows.is_empty()).then(|| format!("{from},{into}\n{rows}"))
}
