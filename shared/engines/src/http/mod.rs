//! The engine `http`: a program of the vendor's own, anywhere, by the protocol in `openapi.yaml`.
//!
//! The pipeline asks, the engine answers: PUT starts a job, GET says how it is, DELETE ends it. Each request is signed
//! ([`signature`]) and may be sent again. The engine's own call back to the pipeline's door says only that it is worth
//! asking, so that one that is forged, late or doubled changes nothing.
//!
//! What lives here: the adapter, its settings and the checks on what an engine answers. What doesn't: the links to media
//! and uploads (the pipeline's), the door that is called back (`functions/door`), and an engine (`tests/sample-engine` is one
//! to start from).

mod call;
mod config;
pub mod signature;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use reqwest::Method;

pub use config::{HttpConfig, works};

use self::call::Caller;
use self::wire::{Expected, JobAnswer, JobBody, Media, SOUND, State, Upload, checked};
use crate::contract::{Capabilities, Engine, JobFiles, Look, Progress};
use crate::error::{EngineError, Result};
use crate::job::{AcceptedJob, JobId, JobRequest};

/// The engine's name.
const NAME: &str = "http";

/// The engine `http`.
#[derive(Debug, Clone)]
pub struct Http {
    config: HttpConfig,
    caller: Caller,
}

impl Http {
    /// The engine with these settings. Asks nobody yet.
    pub fn new(config: HttpConfig) -> Result<Self> {
        Ok(Self {
            caller: Caller::new(&config)?,
            config,
        })
    }

    /// The engine with the settings of the process's environment ([`HttpConfig::from_env`]) and this secret.
    pub fn from_env(secret: &str) -> Result<Self> {
        Self::new(HttpConfig::from_env(secret)?)
    }

    async fn body<'a>(&self, request: &'a JobRequest, files: &dyn JobFiles) -> Result<JobBody<'a>> {
        let mut media = None;
        if request.work.kind().needs_media() {
            let of = request.media()?;
            media = Some(Media {
                url: files.link(&of.key).await?,
                container: of.container.clone(),
                duration_ms: of.duration_ms,
            });
        }
        let mut uploads = Vec::new();
        if Expected::of(&request.work).makes_sound() {
            let (url, key) = files.upload_link(SOUND).await?;
            uploads.push(Upload {
                name: SOUND,
                key,
                url,
            });
        }
        Ok(JobBody {
            work: &request.work,
            media,
            uploads,
            callback_url: format!("{}engine/jobs/{}/ended", self.config.door_url, request.job_id),
        })
    }

    /// What an answer means. An error is the job's own.
    async fn read(
        &self,
        answer: JobAnswer,
        job_id: &JobId,
        expected: Expected,
        files: &dyn JobFiles,
    ) -> Result<Look> {
        let failed = |detail: String| EngineError::JobFailed {
            engine: NAME.to_owned(),
            job: job_id.to_string(),
            detail,
        };
        if answer.job_id != job_id.as_str() {
            return Err(failed("the answer is of another job".to_owned()));
        }
        tracing::debug!(%job_id, state = ?answer.state, progress_percent = answer.progress_percent, "engine asked");
        match answer.state {
            State::Queued | State::Running => Ok(match answer.progress_percent {
                Some(percent) => Look::RunningAt(percent.min(100)),
                None => Look::Running,
            }),
            State::Done => {
                let result = answer
                    .result
                    .ok_or_else(|| failed("`result` is missing of a job that is done".to_owned()))?;
                let sound_key = if expected.makes_sound() {
                    Some(files.upload_link(SOUND).await?.1)
                } else {
                    None
                };
                checked(result, job_id, NAME, expected, sound_key.as_deref())
                    .map(|result| Look::Done(Box::new(result)))
                    .map_err(failed)
            }
            State::Failed => {
                let detail = answer.error.map(|error| error.detail());
                Err(failed(detail.unwrap_or_else(|| "no reason given".to_owned())))
            }
            State::Refused => {
                // Without its reason it is no refusal: ERROR is final, so it has to be meant.
                let error = answer
                    .error
                    .ok_or_else(|| failed("refused without `error`".to_owned()))?;
                Err(EngineError::Refused {
                    engine: NAME.to_owned(),
                    detail: error.detail(),
                    customer_text: error.customer_text(),
                })
            }
        }
    }
}

#[async_trait]
impl Engine for Http {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: NAME,
            works: self.config.works.clone(),
        }
    }

    async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> Result<Progress> {
        self.capabilities().check(&request.work)?;
        let body = self.body(request, files).await?;
        let body = serde_json::to_vec(&body).map_err(|error| EngineError::Files {
            action: format!("write the request of `{}`", request.job_id),
            detail: error.to_string(),
        })?;
        let expected = Expected::of(&request.work);
        let answer = self
            .caller
            .job(Method::PUT, &request.job_id, body)
            .await?
            .ok_or_else(|| not_known(&request.job_id))?;
        match self.read(answer, &request.job_id, expected, files).await? {
            Look::Done(result) => Ok(Progress::Done(result)),
            Look::Running | Look::RunningAt(_) => Ok(Progress::Accepted {
                external_id: expected.external_id(),
            }),
        }
    }

    fn traces(&self, request: &JobRequest) -> Option<String> {
        Some(Expected::of(&request.work).external_id())
    }

    async fn look(&self, job: &AcceptedJob, files: &dyn JobFiles) -> Result<Look> {
        let expected = Expected::of_accepted(job)?;
        let answer = self
            .caller
            .job(Method::GET, &job.job_id, Vec::new())
            .await?
            .ok_or_else(|| not_known(&job.job_id))?;
        self.read(answer, &job.job_id, expected, files).await
    }

    async fn forget(&self, job: &AcceptedJob) -> Result<()> {
        self.caller.delete(&job.job_id).await
    }
}

fn not_known(job_id: &JobId) -> EngineError {
    EngineError::JobFailed {
        engine: NAME.to_owned(),
        job: job_id.to_string(),
        detail: "the engine doesn't know the job (404)".to_owned(),
    }
}
