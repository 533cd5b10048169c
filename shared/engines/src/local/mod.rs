//! The engine `local`: programs on this machine. The embedded default of a local run, and the engine of the
//! end-to-end tests: real speech recognition, US English, without a network.
//!
//! A job goes `ffprobe` (has it sound?) → `ffmpeg` (16 kHz mono samples) → `recognise.py` (pocketsphinx). What lives
//! here: running these programs and reading what they say. What doesn't: the programs themselves
//! (`infra/local/engines`, whose README says how to install them).
//!
//! The recogniser gives neither punctuation nor case, tells neither speakers nor languages apart, and hears every
//! accent with US English ears; what an order wants beyond that becomes a warning of the result.

mod config;
mod program;
mod recognise;
mod sound;
mod spelling;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use config::LocalConfig;

use crate::contract::{Capabilities, Capability, Engine, JobFiles, Progress};
use crate::error::{EngineError, Result};
use crate::job::{JobRequest, Recognise, Work, WorkKind};
use crate::language::Language;
use crate::result::{EngineVersion, JobResult, Output, RESULT_VERSION, Warning};

/// The engine's name.
const NAME: &str = "local";

/// The language of the recogniser's model.
const MODEL_LANGUAGE: &str = "en-US";

/// The engine `local`. It keeps nothing between jobs; jobs may run side by side.
#[derive(Debug, Clone)]
pub struct Local {
    config: LocalConfig,
}

impl Local {
    /// The engine with these settings. Looks at nothing yet: a missing program shows when a job is started.
    pub fn new(config: LocalConfig) -> Self {
        Self { config }
    }

    /// The engine with the settings of the process's environment ([`LocalConfig::from_env`]).
    pub fn from_env() -> Result<Self> {
        LocalConfig::from_env().map(Self::new)
    }

    async fn recognise(
        &self,
        request: &JobRequest,
        work: &Recognise,
        files: &dyn JobFiles,
    ) -> Result<JobResult> {
        let media_ref = request.media()?;
        let media = files.media(media_ref).await?;
        let source = sound::Source {
            path: &media,
            key: &media_ref.key,
        };
        let spoken_iso639_3 =
            Language::by_catalog_name(&work.source_language.catalog_name).map(|l| l.iso639_3);
        let track = sound::find_track(&self.config, &source, spoken_iso639_3).await?;
        let samples = sound::extract(&self.config, &source, track, files.work_dir()).await?;
        let heard = recognise::recognise(&self.config, &samples, &work.dictionary, files.work_dir()).await?;
        tracing::info!(
            job_id = %request.job_id,
            words = heard.transcript.words.len(),
            audio_duration_ms = samples.duration_ms,
            "recognised"
        );
        let mut warnings = heard.warnings;
        warnings.extend(early_end(samples.duration_ms, media_ref.duration_ms));
        warnings.extend(unfulfilled(work));
        Ok(JobResult {
            version: RESULT_VERSION,
            job_id: request.job_id.clone(),
            engine: EngineVersion {
                name: NAME.to_owned(),
                version: heard.program,
            },
            output: Output::Transcript {
                transcript: heard.transcript,
            },
            // One model, one language: whatever is spoken, it hears English.
            language: None,
            audio_duration_ms: samples.duration_ms,
            warnings,
        })
    }
}

/// A track may be somewhat shorter than its media; one that ends long before it is media cut off in the fetching.
fn early_end(sound_ms: u64, media_ms: Option<u64>) -> Option<Warning> {
    let media_ms = media_ms?;
    let missing_ms = media_ms.saturating_sub(sound_ms);
    (missing_ms > 2_000 && missing_ms > media_ms / 20).then(|| {
        Warning::new(
            "SoundEndsEarly",
            format!("{sound_ms} ms of sound in {media_ms} ms of media"),
        )
    })
}

/// What the order wants and this engine can't give.
fn unfulfilled(work: &Recognise) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let tag = &work.source_language.bcp47;
    if tag.contains('-') && !tag.eq_ignore_ascii_case(MODEL_LANGUAGE) {
        warnings.push(Warning::new(
            "AccentNotModelled",
            format!("`{tag}` was recognised with a model of {MODEL_LANGUAGE}"),
        ));
    }
    if work.speakers_wanted {
        warnings.push(Warning::new(
            "SpeakersNotTold",
            "this engine can't tell speakers apart",
        ));
    }
    if work.remove_profanity {
        warnings.push(Warning::new(
            "ProfanityNotRemoved",
            "this engine leaves every word as it was heard",
        ));
    }
    warnings
}

#[async_trait]
impl Engine for Local {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: NAME,
            works: vec![Capability::new(WorkKind::Recognise, &["en"])],
        }
    }

    async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> Result<Progress> {
        self.capabilities().check(&request.work)?;
        match &request.work {
            Work::Recognise(work) => self
                .recognise(request, work, files)
                .await
                .map(|result| Progress::Done(Box::new(result))),
            work => Err(EngineError::WorkNotSupported {
                engine: NAME.to_owned(),
                work: work.kind().name(),
            }),
        }
    }
}
