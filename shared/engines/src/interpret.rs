//! Translation while somebody speaks: a sentence at a time, within the call that brought its last word.
//!
//! Here lives what an engine offers for it, and the choice of an engine with the time that it may take. The way to the
//! translator is that of [`crate::WorkKind::Translate`], by the adapters that do that work. Not here: how sentences are
//! gathered and their translation becomes captions (the `captions` crate's), and when a stream is over (the pipeline's).

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{EngineError, Result};
use crate::job::{JobId, Translate, WorkKind};
use crate::set::EngineSet;

/// An engine that translates within a call.
#[async_trait]
pub trait Interpreter: Send + Sync {
    /// A text for each of `work.passages`, in their order, by the order's dictionary and its wish on profanity. `job_id` is
    /// the stream's, the same for all of its calls.
    ///
    /// Safe to repeat. What the engine keeps for the stream (a terminology) it makes where it is missing.
    async fn interpret(&self, job_id: &JobId, work: &Translate) -> Result<Vec<String>>;

    /// Removes whatever the engine keeps for the stream. Safe to repeat; where there is nothing, it is no error.
    async fn stop(&self, job_id: &JobId) -> Result<()> {
        let _ = job_id;
        Ok(())
    }
}

impl EngineSet {
    /// Whether one of the engines translates within a call between the languages of these BCP-47 tags.
    pub fn interprets(&self, from_bcp47: &str, into_bcp47: &str) -> bool {
        self.interpreter(from_bcp47, into_bcp47).is_some()
    }

    /// A text for each of `work.passages`, in their order, by the first engine that can, in `longest` at most. Blank texts and
    /// no passages ask nobody.
    ///
    /// Safe to repeat. Fails terminally with [`EngineError::LanguageNotSupported`] where no engine can, and retryably
    /// with [`EngineError::Unavailable`] where the time is over.
    pub async fn interpret(
        &self,
        job_id: &JobId,
        work: &Translate,
        longest: Duration,
    ) -> Result<Vec<String>> {
        if work.passages.is_empty() {
            return Ok(Vec::new());
        }
        let (from, into) = (&work.source_language.bcp47, &work.target_language.bcp47);
        let Some((engine, interpreter)) = self.interpreter(from, into) else {
            return Err(EngineError::LanguageNotSupported {
                engine: "any".to_owned(),
                work: WorkKind::Translate.name(),
                language: work.target_language.catalog_name.clone(),
            });
        };
        let Ok(answer) = tokio::time::timeout(longest, interpreter.interpret(job_id, work)).await else {
            return Err(EngineError::Unavailable {
                engine: engine.to_owned(),
                action: "translate while somebody speaks".to_owned(),
                detail: format!("no answer within {} ms", longest.as_millis()),
            });
        };
        let texts = answer?;
        if texts.len() != work.passages.len() {
            return Err(EngineError::OutputUnreadable {
                program: engine.to_owned(),
                detail: format!("{} texts, expected {}", texts.len(), work.passages.len()),
            });
        }
        Ok(texts)
    }

    /// Removes whatever the engine that interpreted keeps for the stream. Safe to repeat.
    pub async fn stop_interpreting(&self, job_id: &JobId, from_bcp47: &str, into_bcp47: &str) -> Result<()> {
        match self.interpreter(from_bcp47, into_bcp47) {
            Some((_, interpreter)) => interpreter.stop(job_id).await,
            None => Ok(()),
        }
    }

    fn interpreter(&self, from_bcp47: &str, into_bcp47: &str) -> Option<(&'static str, &dyn Interpreter)> {
        self.engines().find_map(|engine| {
            let translates = engine.capabilities().translates(from_bcp47, into_bcp47);
            let interpreter = engine.interpreter().filter(|_| translates)?;
            Some((engine.name(), interpreter))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Capabilities, Capability, Engine, JobFiles, Progress};
    use crate::error::ErrorClass;
    use crate::job::{JobRequest, Passage, SourceLanguage, TaskId};
    use std::sync::Arc;

    /// Writes texts backwards, `answers` of them, after `takes`.
    struct Backwards {
        takes: Duration,
        answers: usize,
    }

    #[async_trait]
    impl Engine for Backwards {
        fn name(&self) -> &'static str {
            "backwards"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities {
                engine: "backwards",
                works: vec![Capability::translate(&["en"], &["es"])],
            }
        }

        async fn start(&self, _: &JobRequest, _: &dyn JobFiles) -> Result<Progress> {
            unreachable!("interprets only")
        }

        fn interpreter(&self) -> Option<&dyn Interpreter> {
            Some(self)
        }
    }

    #[async_trait]
    impl Interpreter for Backwards {
        async fn interpret(&self, _: &JobId, work: &Translate) -> Result<Vec<String>> {
            tokio::time::sleep(self.takes).await;
            let texts = work.passages.iter().take(self.answers);
            Ok(texts
                .map(|passage| passage.text.chars().rev().collect())
                .collect())
        }
    }

    fn set(takes: Duration, answers: usize) -> EngineSet {
        EngineSet::new(vec![Arc::new(Backwards { takes, answers })])
    }

    fn work(into: &str) -> Translate {
        Translate {
            source_language: SourceLanguage::from_catalog_name("English").unwrap(),
            target_language: SourceLanguage::from_catalog_name(into).unwrap(),
            passages: ["one", "two"]
                .map(|text| Passage {
                    start_ms: 0,
                    end_ms: 500,
                    text: text.to_owned(),
                    speaker: None,
                    phrases: Vec::new(),
                })
                .to_vec(),
            dictionary: Vec::new(),
            remove_profanity: false,
        }
    }

    async fn interpreted(set: &EngineSet, work: &Translate) -> Result<Vec<String>> {
        let job_id = JobId::new(&TaskId::new("9292"), 1, WorkKind::Translate);
        set.interpret(&job_id, work, Duration::from_millis(200)).await
    }

    #[tokio::test]
    async fn the_engine_that_can_answers_within_the_call() {
        let set = set(Duration::ZERO, 2);
        assert!(set.interprets("en-US", "es-419") && !set.interprets("es", "en"));
        assert_eq!(interpreted(&set, &work("Spanish")).await.unwrap(), ["eno", "owt"]);
        let nothing = Translate {
            passages: Vec::new(),
            ..work("French")
        };
        assert!(interpreted(&set, &nothing).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_can_not_be_had_says_whether_it_may_be_later() {
        for (set, into, name, class) in [
            (
                set(Duration::from_mins(1), 2),
                "Spanish",
                "EngineUnavailable",
                ErrorClass::Retryable,
            ),
            (
                set(Duration::ZERO, 1),
                "Spanish",
                "EngineOutputUnreadable",
                ErrorClass::Retryable,
            ),
            (
                set(Duration::ZERO, 2),
                "French",
                "EngineLanguageNotSupported",
                ErrorClass::Terminal,
            ),
        ] {
            let error = interpreted(&set, &work(into)).await.unwrap_err();
            assert_eq!((error.name(), error.class()), (name, class));
        }
    }
}
