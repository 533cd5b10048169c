//! The engine `local`: programs on this machine. The embedded default of a local run, and the engine of the
//! end-to-end tests: real speech recognition, US English, without a network.
//!
//! | work | how |
//! | --- | --- |
//! | recognise | `ffprobe` (has it sound?) → `ffmpeg` (16 kHz mono samples) → `recognise.py` (pocketsphinx) |
//! | identify | the same; English where it surely is, else nothing |
//! | align | the same, then `align.py` where the text's words are found in what was heard |
//! | translate | `apertium`, English from and into Spanish and Catalan |
//! | speak | `flite` for English, `espeak-ng` for other languages |
//! | chapter | text tiling, in this process |
//!
//! What lives here: running these programs and reading what they say. What doesn't: the programs themselves
//! (`infra/local/engines`, whose README says how to install them, and how well they do).
//!
//! The recogniser gives neither punctuation nor case, tells no speakers apart, knows no language but English, and
//! hears every accent with US English ears; what an order wants beyond that becomes a warning of the result. Nothing here describes
//! pictures: a script that people hand in is spoken.

mod align;
mod anchors;
mod chapter;
mod config;
mod recognise;
mod sound;
mod speak;
mod spelling;
#[cfg(test)]
mod tests;
mod translate;
mod voices;

use async_trait::async_trait;

pub use config::LocalConfig;
pub use recognise::{Token, words_of};

use crate::contract::{Capabilities, Capability, Engine, JobFiles, Progress};
use crate::error::{EngineError, Result};
use crate::interpret::Interpreter;
use crate::job::{
    Align, Divide, JobId, JobRequest, MediaRef, Recognise, SourceLanguage, Speak, Translate, Work, WorkKind,
};
use crate::language::Language;
use crate::result::{EngineVersion, JobResult, Output, RESULT_VERSION, Speech, Warning};

/// The engine's name.
const NAME: &str = "local";

/// The language of the recogniser's model.
const MODEL_LANGUAGE: &str = "en-US";

/// The programs' voices that the engine offers, as (program, voice): what a set-up has to install.
pub fn voices() -> impl Iterator<Item = (&'static str, &'static str)> {
    voices::VOICES
        .iter()
        .map(|voice| (voice.program.name(), voice.name))
}

/// apertium's modes that the engine offers: what a set-up has to install.
pub fn modes() -> impl Iterator<Item = &'static str> {
    translate::MODES.iter().map(|mode| mode.name)
}

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

    /// The media's sound as samples.
    async fn samples(
        &self,
        request: &JobRequest,
        spoken: Option<&SourceLanguage>,
        files: &dyn JobFiles,
    ) -> Result<sound::Samples> {
        let media_ref = request.media()?;
        let media = files.media(media_ref).await?;
        let source = sound::Source {
            path: &media,
            key: &media_ref.key,
        };
        let spoken_iso639_3 = spoken
            .and_then(|spoken| Language::by_catalog_name(&spoken.catalog_name))
            .map(|language| language.iso639_3);
        let track = sound::find_track(&self.config, &source, spoken_iso639_3).await?;
        sound::extract(&self.config, &source, track, files.work_dir()).await
    }

    async fn recognise(
        &self,
        request: &JobRequest,
        work: &Recognise,
        files: &dyn JobFiles,
    ) -> Result<JobResult> {
        let samples = self.samples(request, Some(&work.source_language), files).await?;
        let heard = recognise::recognise(&self.config, &samples, &work.dictionary, files.work_dir()).await?;
        tracing::info!(
            job_id = %request.job_id,
            words = heard.transcript.words.len(),
            audio_duration_ms = samples.duration_ms,
            "recognised"
        );
        let mut warnings: Vec<Warning> = unmodelled(&work.source_language).into_iter().collect();
        warnings.extend(unfulfilled(work));
        Ok(of_sound(request, heard, &samples, warnings))
    }

    /// Recognises, and keeps nothing but the language. The candidates are no help to a recogniser of one language.
    async fn identify(&self, request: &JobRequest, files: &dyn JobFiles) -> Result<JobResult> {
        let samples = self.samples(request, None, files).await?;
        let heard = recognise::recognise(&self.config, &samples, &[], files.work_dir()).await?;
        tracing::info!(
            job_id = %request.job_id,
            is_english = heard.language.is_some(),
            audio_duration_ms = samples.duration_ms,
            "identified"
        );
        Ok(JobResult {
            output: Output::Language,
            ..of_sound(request, heard, &samples, Vec::new())
        })
    }

    async fn align(&self, request: &JobRequest, work: &Align, files: &dyn JobFiles) -> Result<JobResult> {
        let samples = self.samples(request, Some(&work.source_language), files).await?;
        let heard = align::align(&self.config, &samples, work, files.work_dir()).await?;
        tracing::info!(
            job_id = %request.job_id,
            words = heard.transcript.words.len(),
            audio_duration_ms = samples.duration_ms,
            "aligned"
        );
        let warnings = unmodelled(&work.source_language).into_iter().collect();
        Ok(of_sound(request, heard, &samples, warnings))
    }

    async fn translate(
        &self,
        request: &JobRequest,
        work: &Translate,
        files: &dyn JobFiles,
    ) -> Result<JobResult> {
        let translated = translate::translate(&self.config, work, files.work_dir()).await?;
        tracing::info!(job_id = %request.job_id, passages = translated.texts.len(), "translated");
        let output = Output::Texts {
            texts: translated.texts,
        };
        Ok(result(request, translated.program, output, translated.warnings))
    }

    async fn speak(&self, request: &JobRequest, work: &Speak, files: &dyn JobFiles) -> Result<JobResult> {
        let voice =
            voices::voice_for(&work.language.bcp47).ok_or_else(|| EngineError::LanguageNotSupported {
                engine: NAME.to_owned(),
                work: WorkKind::Speak.name(),
                language: work.language.catalog_name.clone(),
            })?;
        let spoken = speak::speak(&self.config, voice, &work.passages, files.work_dir()).await?;
        tracing::info!(
            job_id = %request.job_id,
            clips = spoken.clips.len(),
            audio_duration_ms = spoken.duration_ms,
            "spoken"
        );
        let key = files.keep("speech.wav", &spoken.path).await?;
        let output = Output::Speech {
            speech: Speech {
                sound: MediaRef {
                    key,
                    container: "wav".to_owned(),
                    duration_ms: Some(spoken.duration_ms),
                    size_bytes: None,
                },
                clips: spoken.clips,
                voice: voice.name.to_owned(),
            },
        };
        Ok(result(request, spoken.program, output, spoken.warnings))
    }
}

fn chapter(request: &JobRequest, work: &Divide) -> JobResult {
    let (chapters, warnings) = chapter::chapters(work);
    tracing::info!(job_id = %request.job_id, chapters = chapters.len(), "divided");
    result(
        request,
        chapter::PROGRAM.to_owned(),
        Output::Chapters { chapters },
        warnings,
    )
}

fn result(request: &JobRequest, version: String, output: Output, warnings: Vec<Warning>) -> JobResult {
    JobResult {
        version: RESULT_VERSION,
        job_id: request.job_id.clone(),
        engine: EngineVersion {
            name: NAME.to_owned(),
            version,
        },
        output,
        language: None,
        audio_duration_ms: 0,
        warnings,
    }
}

/// The result of work on the media's sound.
fn of_sound(
    request: &JobRequest,
    heard: recognise::Heard,
    samples: &sound::Samples,
    more: Vec<Warning>,
) -> JobResult {
    let mut warnings = heard.warnings;
    let language = heard.language;
    let media_ms = request.media.as_ref().and_then(|media| media.duration_ms);
    warnings.extend(early_end(samples.duration_ms, media_ms));
    warnings.extend(more);
    let output = Output::Transcript {
        transcript: heard.transcript,
    };
    JobResult {
        language,
        audio_duration_ms: samples.duration_ms,
        ..result(request, heard.program, output, warnings)
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

/// Speech whose accent is not the model's.
fn unmodelled(spoken: &SourceLanguage) -> Option<Warning> {
    let tag = &spoken.bcp47;
    (tag.contains('-') && !tag.eq_ignore_ascii_case(MODEL_LANGUAGE)).then(|| {
        Warning::new(
            "AccentNotModelled",
            format!("`{tag}` was recognised with a model of {MODEL_LANGUAGE}"),
        )
    })
}

/// What the order wants and this engine can't give.
fn unfulfilled(work: &Recognise) -> Vec<Warning> {
    let mut warnings = Vec::new();
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
impl Interpreter for Local {
    async fn interpret(&self, job_id: &JobId, work: &Translate) -> Result<Vec<String>> {
        let dir = tempfile::tempdir().map_err(|error| EngineError::Files {
            action: "making a directory for a translation".to_owned(),
            detail: error.to_string(),
        })?;
        let (texts, warnings) = translate::texts(&self.config, work, dir.path()).await?;
        for warning in warnings {
            tracing::debug!(%job_id, ?warning, "interpreted with a warning");
        }
        Ok(texts)
    }
}

#[async_trait]
impl Engine for Local {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let voices: Vec<&str> = voices::VOICES.iter().map(|voice| voice.range).collect();
        Capabilities {
            engine: NAME,
            works: vec![
                Capability::new(WorkKind::Recognise, &["en"]),
                Capability::new(WorkKind::Identify, &["en"]),
                Capability::new(WorkKind::Align, &["en"]),
                Capability::translate(&["en"], &["es", "ca"]),
                Capability::translate(&["es", "ca"], &["en"]),
                Capability::new(WorkKind::Speak, &voices),
                Capability::new(WorkKind::Chapter, &["*"]),
            ],
        }
    }

    fn interpreter(&self) -> Option<&dyn Interpreter> {
        Some(self)
    }

    async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> Result<Progress> {
        self.capabilities().check(&request.work)?;
        let result = match &request.work {
            Work::Recognise(work) => self.recognise(request, work, files).await?,
            Work::Identify(_) => self.identify(request, files).await?,
            Work::Align(work) => self.align(request, work, files).await?,
            Work::Translate(work) => self.translate(request, work, files).await?,
            Work::Speak(work) => self.speak(request, work, files).await?,
            Work::Chapter(work) => chapter(request, work),
            work => {
                return Err(EngineError::WorkNotSupported {
                    engine: NAME.to_owned(),
                    work: work.kind().name(),
                });
            }
        };
        Ok(Progress::Done(Box::new(result)))
    }
}
