//! The engine `aws`: Transcribe recognises and identifies, Translate translates, Polly speaks, and a model of Bedrock
//! finds chapters and describes the picture, where one is configured.
//!
//! What lives here: the calls to these services, and what their answers and errors mean. What doesn't: the pipeline's
//! bucket, into which Transcribe itself reads and writes (the function's role lets it, or a role of its own), and the
//! event that tells a job's end. `README.md` beside this file says which rights are needed and what it costs.

#[cfg(feature = "bedrock")]
mod chapters;
mod charset;
mod config;
#[cfg(feature = "bedrock")]
mod describe;
mod fault;
mod ffmpeg;
#[cfg(feature = "bedrock")]
mod model;
mod name;
mod output;
mod plan;
mod polly;
mod sound;
mod ssml;
#[cfg(feature = "aws-stub")]
pub mod stub;
#[cfg(test)]
mod tests;
mod text;
mod transcribe;
mod translate;
mod verdict;
mod vocabulary;

use async_trait::async_trait;
use aws_config::SdkConfig;

pub use config::AwsConfig;
pub use name::job_at_transcribe;

use crate::contract::{Capabilities, Capability, Engine, JobFiles, Look, Progress};
use crate::error::{EngineError, Result};
use crate::interpret::Interpreter;
use crate::job::{AcceptedJob, JobRequest, Work, WorkKind};
use crate::language::amazon::{POLLY, TRANSCRIBE, TRANSLATE};

/// The engine's name.
const NAME: &str = "aws";

/// The engine `aws`. It keeps nothing between jobs; jobs may run side by side.
#[derive(Debug, Clone)]
pub struct Aws {
    config: AwsConfig,
    recogniser: transcribe::Recogniser,
    translator: translate::Translator,
    speaker: polly::Speaker,
    #[cfg(feature = "bedrock")]
    divider: Option<chapters::Divider>,
    #[cfg(feature = "bedrock")]
    describer: Option<describe::Describer>,
}

impl Aws {
    /// The engine with these settings, for the account, region and endpoints of the SDK's configuration. Calls nobody.
    pub fn new(sdk: &SdkConfig, config: AwsConfig) -> Self {
        #[cfg(feature = "bedrock")]
        let model = config
            .model_id
            .clone()
            .map(|model_id| model::Model::new(aws_sdk_bedrockruntime::Client::new(sdk), model_id));
        Self {
            recogniser: transcribe::Recogniser::new(aws_sdk_transcribe::Client::new(sdk), config.clone()),
            translator: translate::Translator::new(aws_sdk_translate::Client::new(sdk), config.clone()),
            speaker: polly::Speaker::new(aws_sdk_polly::Client::new(sdk), config.clone()),
            #[cfg(feature = "bedrock")]
            describer: model
                .clone()
                .zip(config.ffmpeg.clone())
                .map(|(model, ffmpeg)| describe::Describer::new(model, ffmpeg)),
            #[cfg(feature = "bedrock")]
            divider: model.map(chapters::Divider::new),
            config,
        }
    }

    /// The engine with the settings of the process's environment ([`AwsConfig::from_env`]).
    pub fn from_env(sdk: &SdkConfig) -> Result<Self> {
        Ok(Self::new(sdk, AwsConfig::from_env()?))
    }

    fn not_supported(work: WorkKind) -> EngineError {
        EngineError::WorkNotSupported {
            engine: NAME.to_owned(),
            work: work.name(),
        }
    }
}

#[async_trait]
impl Engine for Aws {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let recognised: Vec<_> = TRANSCRIBE.iter().map(|(range, _)| *range).collect();
        let translated: Vec<_> = TRANSLATE.iter().map(|(range, _)| *range).collect();
        let spoken: Vec<_> = POLLY
            .iter()
            .filter(|(_, voice)| {
                let engines = voice.engines.iter();
                engines
                    .into_iter()
                    .any(|engine| self.config.polly_engines.iter().any(|allowed| allowed == engine))
            })
            .map(|(range, _)| *range)
            .collect();
        #[cfg_attr(not(feature = "bedrock"), allow(unused_mut, reason = "a model adds to it"))]
        let mut works = vec![
            Capability::new(WorkKind::Recognise, &recognised),
            Capability::new(WorkKind::Identify, &["*"]),
            Capability::translate(&translated, &translated),
            Capability::new(WorkKind::Speak, &spoken),
        ];
        #[cfg(feature = "bedrock")]
        if self.divider.is_some() {
            works.push(Capability::new(WorkKind::Chapter, &["*"]));
        }
        #[cfg(feature = "bedrock")]
        if self.describer.is_some() {
            works.push(Capability::new(WorkKind::Describe, &["*"]));
        }
        Capabilities { engine: NAME, works }
    }

    fn interpreter(&self) -> Option<&dyn Interpreter> {
        Some(&self.translator)
    }

    async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> Result<Progress> {
        self.capabilities().check(&request.work)?;
        let result = match &request.work {
            Work::Recognise(_) | Work::Identify(_) => {
                let external_id = self.recogniser.start(request, files).await?;
                return Ok(Progress::Accepted { external_id });
            }
            Work::Translate(work) => self.translator.translate(request, work).await?,
            Work::Speak(work) => self.speaker.speak(request, work, files).await?,
            #[cfg(feature = "bedrock")]
            Work::Chapter(work) => match &self.divider {
                Some(divider) => divider.divide(request, work).await?,
                None => return Err(Self::not_supported(WorkKind::Chapter)),
            },
            #[cfg(feature = "bedrock")]
            Work::Describe(work) => match &self.describer {
                Some(describer) => describer.describe(request, work, files).await?,
                None => return Err(Self::not_supported(WorkKind::Describe)),
            },
            other => return Err(Self::not_supported(other.kind())),
        };
        Ok(Progress::Done(Box::new(result)))
    }

    async fn look(&self, job: &AcceptedJob, files: &dyn JobFiles) -> Result<Look> {
        match job.kind {
            WorkKind::Recognise | WorkKind::Identify => self.recogniser.look(job, files).await,
            other => Err(Self::not_supported(other)),
        }
    }

    fn traces(&self, request: &JobRequest) -> Option<String> {
        match &request.work {
            Work::Recognise(_) | Work::Identify(_) => self.recogniser.traces(request),
            Work::Translate(work) if !work.dictionary.is_empty() => Some(request.job_id.to_string()),
            _ => None,
        }
    }

    async fn forget(&self, job: &AcceptedJob) -> Result<()> {
        match job.kind {
            WorkKind::Recognise | WorkKind::Identify => self.recogniser.forget(job).await,
            WorkKind::Translate => self.translator.forget(&job.job_id).await,
            _ => Ok(()),
        }
    }
}
