//! What an engine is to the pipeline: what it can do, how it is started, and where it finds its files.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::error::{EngineError, Result};
use crate::interpret::Interpreter;
use crate::job::{AcceptedJob, JobRequest, MediaRef, Work, WorkKind};
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
    /// For translation, the languages into which it translates from any of `languages`, as ranges too; empty for the
    /// other kinds.
    pub targets: Vec<String>,
}

impl Capability {
    /// This kind of work in these languages.
    pub fn new(kind: WorkKind, languages: &[&str]) -> Self {
        Self {
            kind,
            languages: owned(languages),
            targets: Vec::new(),
        }
    }

    /// Translation between these languages.
    pub fn translate(from: &[&str], into: &[&str]) -> Self {
        Self {
            kind: WorkKind::Translate,
            languages: owned(from),
            targets: owned(into),
        }
    }
}

fn owned(ranges: &[&str]) -> Vec<String> {
    ranges.iter().map(|range| (*range).to_owned()).collect()
}

fn within(bcp47: &str, ranges: &[String]) -> bool {
    ranges.iter().any(|range| matches_range(bcp47, range))
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
            .any(|capability| capability.kind == kind && within(bcp47, &capability.languages))
    }

    /// Whether the engine translates from the one language into the other.
    pub fn translates(&self, from_bcp47: &str, into_bcp47: &str) -> bool {
        self.works.iter().any(|capability| {
            capability.kind == WorkKind::Translate
                && within(from_bcp47, &capability.languages)
                && within(into_bcp47, &capability.targets)
        })
    }

    /// Whether the engine does this kind of work in any language.
    pub fn has(&self, kind: WorkKind) -> bool {
        self.works.iter().any(|capability| capability.kind == kind)
    }

    /// Fails, terminally, unless the engine can do this work: [`EngineError::WorkNotSupported`] or
    /// [`EngineError::LanguageNotSupported`].
    pub fn check(&self, work: &Work) -> Result<()> {
        let kind = work.kind();
        if !self.has(kind) {
            return Err(EngineError::WorkNotSupported {
                engine: self.engine.to_owned(),
                work: kind.name(),
            });
        }
        let Some(language) = work.language() else {
            return Ok(());
        };
        let unsupported = match work.target_language() {
            Some(target) if self.serves(kind, &language.bcp47) => {
                (!self.translates(&language.bcp47, &target.bcp47)).then_some(target)
            }
            _ => (!self.serves(kind, &language.bcp47)).then_some(language),
        };
        match unsupported {
            None => Ok(()),
            Some(language) => Err(EngineError::LanguageNotSupported {
                engine: self.engine.to_owned(),
                work: kind.name(),
                language: language.catalog_name.clone(),
            }),
        }
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

/// How an accepted job is, when the engine is asked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Look {
    /// It runs, or waits.
    Running,
    /// It runs, and the engine tells how far it is, in percent from 0 to 100.
    RunningAt(u8),
    /// It has ended well.
    Done(Box<JobResult>),
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

    /// By what external id the engine is told to forget what a start of this job leaves there, even one that never answered;
    /// `None` where nothing is left. Asked before the start; asks nobody.
    fn traces(&self, request: &JobRequest) -> Option<String> {
        let _ = request;
        None
    }

    /// How a job is that was accepted: asked when its end was told, and when the end is overdue. An error is the job's own:
    /// it failed, or the engine doesn't know it any more. Safe to repeat.
    ///
    /// An engine that is told nothing of the end before it (people) always answers [`Look::Running`].
    async fn look(&self, job: &AcceptedJob, files: &dyn JobFiles) -> Result<Look> {
        let _ = (job, files);
        Ok(Look::Running)
    }

    /// The engine for a live translation, where it translates within a call; [`Engine::capabilities`] says between which
    /// languages.
    fn interpreter(&self) -> Option<&dyn Interpreter> {
        None
    }

    /// Ends a job that is no longer wanted, and removes whatever the engine keeps of it. Safe to repeat; a job that the
    /// engine doesn't know is no error.
    async fn forget(&self, job: &AcceptedJob) -> Result<()> {
        let _ = job;
        Ok(())
    }
}

/// An object of the pipeline's store, for an engine that reads the store itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAt {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

/// The files of one job.
#[async_trait]
pub trait JobFiles: Send + Sync {
    /// The media as a local file, fetched if need be. Safe to repeat: the same file is given again. A failure is
    /// [`EngineError::Files`].
    async fn media(&self, media: &MediaRef) -> Result<PathBuf>;

    /// A directory of this job's own, for files that may be thrown away after the call. It exists and is writable;
    /// its owner removes it.
    fn work_dir(&self) -> &Path;

    /// Keeps a file in the store under the job's own keys, for the result to name; answers its key. Safe to repeat: the
    /// same name gets the same key. `name` holds ASCII letters, digits, `-`, `.` and `_` only.
    async fn keep(&self, name: &str, file: &Path) -> Result<String>;

    /// An object of the store, whole; `None` where there is none.
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Where an object stands, for an engine that is let into the store.
    fn stored_at(&self, key: &str) -> Result<StoredAt>;

    /// An address under which whoever has it may GET the object for as long as a job may take. It is signed on demand, so
    /// it outlives the credentials of the function that made it. Redirects; holds no secret but itself.
    async fn link(&self, key: &str) -> Result<String>;

    /// An address to which whoever has it may PUT one object of that name under the job's own keys, and its key. As
    /// [`JobFiles::link`] otherwise.
    async fn upload_link(&self, name: &str) -> Result<(String, String)>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Recognise, SourceLanguage, Translate};

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
        let works = vec![Capability::new(WorkKind::Recognise, &["en", "zh-CN"])];
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
    fn a_translation_needs_both_languages() {
        let language = |name| SourceLanguage::from_catalog_name(name).unwrap();
        let translate = |from, into| {
            Work::Translate(Translate {
                source_language: language(from),
                target_language: language(into),
                passages: Vec::new(),
                dictionary: Vec::new(),
                remove_profanity: false,
            })
        };
        let capabilities = Capabilities {
            engine: "test",
            works: vec![
                Capability::translate(&["en"], &["es", "ca"]),
                Capability::translate(&["es"], &["en"]),
            ],
        };
        assert!(
            capabilities
                .check(&translate("English (British)", "Catalan"))
                .is_ok()
        );
        assert!(capabilities.check(&translate("Spanish", "English")).is_ok());
        for (from, into) in [
            ("Spanish", "Catalan"),
            ("French", "English"),
            ("English", "English"),
        ] {
            let error = capabilities.check(&translate(from, into)).unwrap_err();
            assert_eq!(error.name(), "EngineLanguageNotSupported", "{from} into {into}");
        }
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
