//! What an engine is to the pipeline: what it can do, how it is started, and where it finds its files.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::error::{EngineError, Result};
use crate::job::{JobRequest, MediaRef, Work, WorkKind};
use crate::language::matches_range;
use crate::result::JobResult;

/// One kind of work that an engine does, and in which languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// The kind of work.
    pub kind: WorkKind,
    /// The languages, as BCP-47 ranges: `en` holds for `en` and `en-US`, `en-GB` for British English only, `*` for
    /// any (RFC 4647, extended filtering).
    pub languages: Vec<String>,
}

/// All that an engine can do. The plan of an order is made from it, before the task is taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The engine's name.
    pub engine: &'static str,
    /// What it does; a kind that is not listed it doesn't do.
    pub works: Vec<Capability>,
}

impl Capabilities {
    /// Whether the engine does this kind of work in the language of that BCP-47 tag.
    pub fn serves(&self, kind: WorkKind, bcp47: &str) -> bool {
        self.works
            .iter()
            .filter(|capability| capability.kind == kind)
            .any(|capability| {
                capability
                    .languages
                    .iter()
                    .any(|range| matches_range(bcp47, range))
            })
    }

    /// Fails, terminally, unless the engine can do this work: [`EngineError::WorkNotSupported`] or
    /// [`EngineError::LanguageNotSupported`].
    pub fn check(&self, work: &Work) -> Result<()> {
        let kind = work.kind();
        if !self.works.iter().any(|capability| capability.kind == kind) {
            return Err(EngineError::WorkNotSupported {
                engine: self.engine.to_owned(),
                work: kind.name(),
            });
        }
        let language = work.source_language();
        if self.serves(kind, &language.bcp47) {
            return Ok(());
        }
        Err(EngineError::LanguageNotSupported {
            engine: self.engine.to_owned(),
            work: kind.name(),
            language: language.catalog_name.clone(),
        })
    }
}

/// How far a started job is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// Done within the call.
    Done(Box<JobResult>),
    /// Taken on: the end is told through the request's completion token, in minutes or days.
    Accepted {
        /// The engine's own name of the job, by which it can be asked or cancelled.
        external_id: String,
    },
}

/// Whatever does the work of an order.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The engine's stable name: `local`.
    fn name(&self) -> &'static str;

    /// What it can do. Constant for the life of the value; asks nobody.
    fn capabilities(&self) -> Capabilities;

    /// Starts a job, and does it where the engine works within the call.
    ///
    /// Safe to repeat with the same request: the job's id is stable, so an engine that works elsewhere finds its
    /// running job, and one that works within the call does the work again to the same end. What `start` is given is
    /// checked against [`Engine::capabilities`] first. When the returned future is dropped, what it runs on this
    /// machine is ended.
    async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> Result<Progress>;
}

/// The files of one job, on the machine that runs the call.
#[async_trait]
pub trait JobFiles: Send + Sync {
    /// The media as a local file, fetched if need be. Safe to repeat: the same file is given again. A failure is
    /// [`EngineError::Files`].
    async fn media(&self, media: &MediaRef) -> Result<PathBuf>;

    /// A directory of this job's own, for files that may be thrown away after the call. It exists and is writable;
    /// its owner removes it.
    fn work_dir(&self) -> &Path;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Recognise, SourceLanguage};

    fn recognise(language: &str) -> Work {
        Work::Recognise(Recognise {
            source_language: SourceLanguage::from_catalog_name(language).unwrap(),
            dictionary: Vec::new(),
            speakers_wanted: false,
            remove_profanity: false,
        })
    }

    #[test]
    fn an_engine_serves_the_languages_within_its_ranges() {
        let works = vec![Capability {
            kind: WorkKind::Recognise,
            languages: vec!["en".into(), "zh-CN".into()],
        }];
        let capabilities = Capabilities {
            engine: "test",
            works,
        };
        assert!(capabilities.check(&recognise("English (Australian)")).is_ok());
        assert!(capabilities.check(&recognise("Simplified Chinese")).is_ok());
        assert_eq!(
            capabilities
                .check(&recognise("Traditional Chinese"))
                .unwrap_err()
                .name(),
            "EngineLanguageNotSupported"
        );
    }

    #[test]
    fn an_engine_without_the_work_refuses_it_in_any_language() {
        let capabilities = Capabilities {
            engine: "test",
            works: Vec::new(),
        };
        assert_eq!(
            capabilities.check(&recognise("English")).unwrap_err().name(),
            "EngineWorkNotSupported"
        );
        assert!(!capabilities.serves(WorkKind::Recognise, "en"));
    }
}
