//! Live events: orders that wait until their event is over.
//!
//! A job is accepted at once, asks nobody, and ends when the event's stream has. What lives here: that it is accepted, and
//! that its end is told by its result, which stands in the store then. What doesn't: the stream itself, and who sends words
//! into it (the pipeline's).

use async_trait::async_trait;

use crate::contract::{Capabilities, Capability, Engine, JobFiles, Look, Progress};
use crate::error::{EngineError, Result};
use crate::job::{AcceptedJob, JobRequest, Work, WorkKind};
use crate::result::JobResult;

/// The engine's name.
pub const NAME: &str = "live";

/// Work at a live event, in any language: whoever listens posts what is said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Live;

#[async_trait]
impl Engine for Live {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: NAME,
            works: vec![Capability::new(WorkKind::Live, &["*"])],
        }
    }

    async fn start(&self, request: &JobRequest, _files: &dyn JobFiles) -> Result<Progress> {
        self.capabilities().check(&request.work)?;
        let Work::Live(stream) = &request.work else {
            return Err(EngineError::WorkNotSupported {
                engine: NAME.to_owned(),
                work: request.work.kind().name(),
            });
        };
        Ok(Progress::Accepted {
            external_id: stream.result_key.clone(),
        })
    }

    /// The stream's result is written once, when it has ended: so long as there is none, it goes on.
    async fn look(&self, job: &AcceptedJob, files: &dyn JobFiles) -> Result<Look> {
        match files.read(&job.external_id).await? {
            None => Ok(Look::Running),
            Some(json) => Ok(Look::Done(Box::new(JobResult::from_json(&json)?))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use captions::Transcript;

    use super::*;
    use crate::contract::StoredAt;
    use crate::job::{CompletionToken, JobId, MediaRef, SourceLanguage, Stream, TaskId};
    use crate::result::{EngineVersion, Output, RESULT_VERSION};

    /// A store of one object, or of none.
    struct Store(Option<(&'static str, Vec<u8>)>);

    fn unused() -> EngineError {
        EngineError::Files {
            action: "use the store otherwise".to_owned(),
            detail: "it is only read".to_owned(),
        }
    }

    #[async_trait]
    impl JobFiles for Store {
        async fn media(&self, _media: &MediaRef) -> Result<PathBuf> {
            Err(unused())
        }

        fn work_dir(&self) -> &Path {
            Path::new("/")
        }

        async fn keep(&self, _name: &str, _file: &Path) -> Result<String> {
            Err(unused())
        }

        async fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
            let object = self.0.as_ref().filter(|(stands_at, _)| *stands_at == key);
            Ok(object.map(|(_, content)| content.clone()))
        }

        fn stored_at(&self, _key: &str) -> Result<StoredAt> {
            Err(unused())
        }

        async fn link(&self, _key: &str) -> Result<String> {
            Err(unused())
        }

        async fn upload_link(&self, _name: &str) -> Result<(String, String)> {
            Err(unused())
        }
    }

    fn job_id() -> JobId {
        JobId::new(&TaskId::new("9292"), 1, WorkKind::Live)
    }

    async fn accepted() -> AcceptedJob {
        let work = Work::Live(Stream {
            source_language: SourceLanguage::from_catalog_name("English").unwrap(),
            result_key: "live/9292/result.json".to_owned(),
        });
        let request = JobRequest::new(
            TaskId::new("9292"),
            1,
            work,
            None,
            CompletionToken::new("a-token"),
        );
        match Live.start(&request, &Store(None)).await.unwrap() {
            Progress::Accepted { external_id } => AcceptedJob {
                job_id: request.job_id,
                kind: WorkKind::Live,
                external_id,
            },
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_event_is_accepted_at_once_and_ends_with_its_stream() {
        let job = accepted().await;
        assert_eq!(job.job_id, job_id());
        let another = ("live/9293/result.json", Vec::new());
        for store in [Store(None), Store(Some(another))] {
            assert_eq!(Live.look(&job, &store).await.unwrap(), Look::Running);
        }
        let result = JobResult {
            version: RESULT_VERSION,
            job_id: job_id(),
            engine: EngineVersion {
                name: NAME.to_owned(),
                version: "1".to_owned(),
            },
            output: Output::Transcript {
                transcript: Transcript::new(Some("en".to_owned()), Vec::new(), 0),
            },
            language: None,
            audio_duration_ms: 0,
            warnings: Vec::new(),
        };
        let json = result.to_json().unwrap();
        let store = Store(Some(("live/9292/result.json", json)));
        assert_eq!(
            Live.look(&job, &store).await.unwrap(),
            Look::Done(Box::new(result))
        );
    }

    #[tokio::test]
    async fn a_result_that_can_not_be_read_is_the_jobs_own_error() {
        let store = Store(Some(("live/9292/result.json", b"no JSON".to_vec())));
        let error = Live.look(&accepted().await, &store).await.unwrap_err();
        assert_eq!(error.name(), "EngineResultUnreadable");
    }
}
