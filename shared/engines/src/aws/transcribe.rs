//! Recognition and identification by Transcribe.
//!
//! A job is started by what is kept of it in the store beforehand (its *ticket*), because the vocabulary for it may have to be
//! made first, which takes minutes: then `start` answers before the job exists, and the `look` that finds the vocabulary
//! made starts it. Both do the same, and Transcribe knows a job by its name, so that each may be repeated at any point.

use aws_sdk_transcribe::Client;
use aws_sdk_transcribe::types::{
    JobExecutionSettings, LanguageCode, LanguageIdSettings, Media, MediaFormat, Settings, TranscriptionJob,
    TranscriptionJobStatus, VocabularyFilterMethod,
};
use captions::Transcript;
use serde::{Deserialize, Serialize};

use super::config::AwsConfig;
use super::fault::{code, is_missing, unavailable, unreadable};
use super::plan::{Plan, Ticket};
use super::verdict::{check_duration, failure, finish, is_silence};
use super::{NAME, name, output, sound, vocabulary};
use crate::contract::{JobFiles, Look, StoredAt};
use crate::error::{EngineError, Result};
use crate::job::{AcceptedJob, JobId, JobRequest};
use crate::result::DetectedLanguage;

/// How the ticket's name ends, and the output's in its stead.
const TICKET: &str = "-ticket.json";
const OUTPUT: &str = "-output.json";

/// Our own name of an accepted job. It says where the ticket is, and what is to be deleted with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ExternalId {
    ticket: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vocabulary: Option<String>,
}

impl ExternalId {
    fn of(job: &AcceptedJob) -> Result<Self> {
        serde_json::from_str(&job.external_id).map_err(|error| EngineError::JobFailed {
            engine: NAME.to_owned(),
            job: job.job_id.to_string(),
            detail: format!("`{}` is no job of this engine: {error}", job.external_id),
        })
    }
}

/// Transcribe, with our settings.
#[derive(Debug, Clone)]
pub(super) struct Recogniser {
    client: Client,
    config: AwsConfig,
}

impl Recogniser {
    pub(super) fn new(client: Client, config: AwsConfig) -> Self {
        Self { client, config }
    }

    /// Starts the job, or the making of its vocabulary; answers the external id.
    pub(super) async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> Result<String> {
        check_duration(request.media()?)?;
        let ffmpeg = self.config.sound_ffmpeg.as_deref();
        let ticket = Ticket {
            job_id: request.job_id.clone(),
            work: request.work.clone(),
            media: sound::within_the_limit(request, ffmpeg, files).await?,
            doubted: None,
        };
        let plan = Plan::of(&ticket, &self.config)?;
        let id = ExternalId {
            ticket: keep(&ticket, files).await?,
            vocabulary: plan.vocabulary.clone(),
        };
        self.advance(&ticket, &plan, &output_key(&id.ticket)?, files)
            .await?;
        serde_json::to_string(&id).map_err(|error| files_failed("name the job", &error))
    }

    /// What a start leaves, even if it never answers: the job, and its vocabulary.
    pub(super) fn traces(&self, request: &JobRequest) -> Option<String> {
        let ticket = Ticket {
            job_id: request.job_id.clone(),
            work: request.work.clone(),
            media: request.media.clone()?,
            doubted: None,
        };
        let id = ExternalId {
            ticket: String::new(),
            vocabulary: Plan::of(&ticket, &self.config).ok()?.vocabulary,
        };
        serde_json::to_string(&id).ok()
    }

    /// Starts the job if its vocabulary is ready, or can't be had.
    async fn advance(
        &self,
        ticket: &Ticket,
        plan: &Plan,
        output_key: &str,
        files: &dyn JobFiles,
    ) -> Result<()> {
        let mut vocabulary = plan.vocabulary.as_deref();
        if let (Some(name), Some(language_code)) = (vocabulary, plan.language_code) {
            let phrases = &plan.phrases.phrases;
            let stack = &self.config.stack_name;
            match vocabulary::ensure(&self.client, stack, name, phrases, language_code).await? {
                vocabulary::State::Ready => {}
                vocabulary::State::Pending => {
                    tracing::info!(job_id = %ticket.job_id, vocabulary = name, "waits for its vocabulary");
                    return Ok(());
                }
                vocabulary::State::Unusable(reason) => {
                    tracing::warn!(job_id = %ticket.job_id, vocabulary = name, reason, "goes on without its vocabulary");
                    vocabulary = None;
                }
            }
        }
        let media = files.stored_at(&ticket.media.key)?;
        let output = files.stored_at(output_key)?;
        self.start_job(ticket, plan, vocabulary, &media, output).await
    }

    async fn start_job(
        &self,
        ticket: &Ticket,
        plan: &Plan,
        vocabulary: Option<&str>,
        media: &StoredAt,
        output: StoredAt,
    ) -> Result<()> {
        let mut start = self
            .client
            .start_transcription_job()
            .transcription_job_name(self.name(&ticket.job_id))
            .set_media_format(media_format(&ticket.media.container))
            .media(
                Media::builder()
                    .media_file_uri(format!("s3://{}/{}", media.bucket, media.key))
                    .build(),
            )
            .output_bucket_name(output.bucket)
            .output_key(output.key)
            .set_output_encryption_kms_key_id(self.config.output_kms_key_id.clone());
        if let Some(role) = &self.config.data_access_role_arn {
            start = start.job_execution_settings(
                JobExecutionSettings::builder()
                    .allow_deferred_execution(true)
                    .data_access_role_arn(role)
                    .build(),
            );
        }
        let mut settings = Settings::builder();
        if plan.speakers_wanted {
            settings = settings
                .show_speaker_labels(true)
                .max_speaker_labels(self.config.max_speakers);
        }
        let method = VocabularyFilterMethod::from(self.config.vocabulary_filter_method.as_str());
        if plan.identifies() {
            start = start.identify_language(true);
            for option in &plan.options {
                start = start.language_options(LanguageCode::from(option.as_str()));
            }
            // With identification, vocabulary and filter hold for the ordered language only.
            if let Some(language_code) = plan
                .language_code
                .filter(|_| vocabulary.is_some() || plan.filter.is_some())
            {
                start = start.language_id_settings(
                    LanguageCode::from(language_code),
                    LanguageIdSettings::builder()
                        .set_vocabulary_name(vocabulary.map(str::to_owned))
                        .set_vocabulary_filter_name(plan.filter.clone())
                        .build(),
                );
            }
            if plan.filter.is_some() {
                settings = settings.vocabulary_filter_method(method);
            }
        } else {
            start = start.set_language_code(plan.language_code.map(LanguageCode::from));
            settings = settings.set_vocabulary_name(vocabulary.map(str::to_owned));
            if let Some(filter) = &plan.filter {
                settings = settings
                    .vocabulary_filter_name(filter)
                    .vocabulary_filter_method(method);
            }
        }
        let settings = settings.build();
        if settings != Settings::builder().build() {
            start = start.settings(settings);
        }
        match start.send().await {
            Ok(_) => Ok(()),
            // A job of that name runs already: an earlier start's, whose answer was lost.
            Err(error) if code(&error) == "ConflictException" => Ok(()),
            Err(error) => Err(unavailable("start a job")(error)),
        }
    }

    /// How the job is; starts it if its vocabulary was waited for.
    pub(super) async fn look(&self, job: &AcceptedJob, files: &dyn JobFiles) -> Result<Look> {
        let id = ExternalId::of(job)?;
        let found = self.job(&job.job_id).await?;
        let status = found
            .as_ref()
            .and_then(|found| found.transcription_job_status().cloned());
        if matches!(
            status,
            Some(TranscriptionJobStatus::Queued | TranscriptionJobStatus::InProgress)
        ) {
            return Ok(Look::Running);
        }
        let Some(ticket) = files.read(&id.ticket).await? else {
            return Err(EngineError::JobFailed {
                engine: NAME.to_owned(),
                job: job.job_id.to_string(),
                detail: format!("its ticket `{}` is gone", id.ticket),
            });
        };
        let ticket: Ticket = serde_json::from_slice(&ticket)
            .map_err(|error| unreadable("transcribe", format!("ticket `{}`: {error}", id.ticket)))?;
        let plan = Plan::of(&ticket, &self.config)?;
        let output_key = output_key(&id.ticket)?;
        let Some(found) = found else {
            self.advance(&ticket, &plan, &output_key, files).await?;
            return Ok(Look::Running);
        };
        let identified = identified(&found);
        // The job of before the doubt, whose words are of another language.
        if ticket.doubted.is_some() && identified.is_some() {
            self.delete_job(&job.job_id).await?;
            self.advance(&ticket, &plan, &output_key, files).await?;
            return Ok(Look::Running);
        }
        match status {
            Some(TranscriptionJobStatus::Completed) => {}
            Some(TranscriptionJobStatus::Failed) => {
                let reason = found.failure_reason().unwrap_or("no reason told");
                if is_silence(reason) && plan.language_code.is_some() {
                    let silence = Transcript::new(None, Vec::new(), ticket.media.duration_ms.unwrap_or(0));
                    let heard = output::Heard {
                        transcript: silence,
                        language: None,
                    };
                    return Ok(Look::Done(Box::new(finish(&ticket, &plan, &found, heard))));
                }
                let error = failure(&ticket, reason);
                if error.class() == crate::ErrorClass::Retryable {
                    // The name is needed again when the job is started again.
                    self.delete_job(&job.job_id).await?;
                }
                return Err(error);
            }
            other => {
                return Err(unreadable("transcribe", format!("job status {other:?}")));
            }
        }
        if found.language_code().is_none() {
            return Err(unreadable("transcribe", "a completed job without `LanguageCode`"));
        }
        if let Some(doubted) = self.is_in_doubt(&plan, identified.as_ref()) {
            return self
                .hear_as_ordered(ticket, doubted, files, job, &output_key)
                .await;
        }
        let heard = if plan.language_code.is_none() {
            output::Heard {
                transcript: Transcript::new(None, Vec::new(), ticket.media.duration_ms.unwrap_or(0)),
                language: identified,
            }
        } else {
            let json = files.read(&output_key).await?.ok_or_else(|| {
                unreadable(
                    "transcribe",
                    format!("the job is completed, and `{output_key}` isn't there"),
                )
            })?;
            let mut heard = output::read(&json, ticket.media.duration_ms)?;
            if plan.identifies() {
                heard.language = identified.or(heard.language);
            }
            if ticket.doubted.is_some() {
                heard.language.clone_from(&ticket.doubted);
            }
            heard
        };
        Ok(Look::Done(Box::new(finish(&ticket, &plan, &found, heard))))
    }

    /// What was heard, where that is another language than was ordered, and not surely enough to refuse the order.
    fn is_in_doubt(&self, plan: &Plan, identified: Option<&DetectedLanguage>) -> Option<DetectedLanguage> {
        let (ordered, heard) = (plan.language_code?, identified?);
        let is_another = !crate::language::same_language(&heard.bcp47, ordered);
        let least = f32::from(self.config.language_mismatch_percent) / 100.0;
        (is_another && heard.confidence < least).then(|| heard.clone())
    }

    /// Transcribe has worked in the language that it took for the likelier. The order goes on in the ordered one, so the words
    /// have to be heard in that: a job of the same name, begun again without a choice. Safe to repeat, since the ticket tells
    /// of the doubt before the job goes.
    async fn hear_as_ordered(
        &self,
        mut ticket: Ticket,
        doubted: DetectedLanguage,
        files: &dyn JobFiles,
        job: &AcceptedJob,
        output_key: &str,
    ) -> Result<Look> {
        tracing::info!(job_id = %job.job_id, heard = doubted.bcp47, confidence = doubted.confidence, "heard once more, as ordered");
        ticket.doubted = Some(doubted);
        keep(&ticket, files).await?;
        let plan = Plan::of(&ticket, &self.config)?;
        self.delete_job(&job.job_id).await?;
        self.advance(&ticket, &plan, output_key, files).await?;
        Ok(Look::Running)
    }

    /// Deletes the job and the vocabulary made for it, unless another job needs that. Transcribe can't end a job that runs: it
    /// refuses, which is to be tried again later.
    pub(super) async fn forget(&self, job: &AcceptedJob) -> Result<()> {
        self.delete_job(&job.job_id).await?;
        // A name that isn't ours has no vocabulary of ours.
        if let Ok(ExternalId {
            vocabulary: Some(vocabulary),
            ..
        }) = ExternalId::of(job)
        {
            vocabulary::delete_unused(&self.client, &self.config.stack_name, &vocabulary).await?;
        }
        Ok(())
    }

    /// The job's name at Transcribe.
    fn name(&self, job_id: &JobId) -> String {
        name::at_transcribe(&self.config.stack_name, job_id)
    }

    async fn job(&self, job_id: &JobId) -> Result<Option<TranscriptionJob>> {
        let found = self
            .client
            .get_transcription_job()
            .transcription_job_name(self.name(job_id))
            .send()
            .await;
        match found {
            Ok(found) => Ok(found.transcription_job),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(unavailable("look at a job")(error)),
        }
    }

    async fn delete_job(&self, job_id: &JobId) -> Result<()> {
        let deleted = self
            .client
            .delete_transcription_job()
            .transcription_job_name(self.name(job_id))
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(unavailable("delete a job")(error)),
        }
    }
}

/// The language that Transcribe chose, where it had the choice.
fn identified(found: &TranscriptionJob) -> Option<DetectedLanguage> {
    let confidence = found.identified_language_score()?.clamp(0.0, 1.0);
    let bcp47 = found.language_code()?.as_str().to_owned();
    Some(DetectedLanguage { bcp47, confidence })
}

/// The container as Transcribe names it; none where it is left to find out.
fn media_format(container: &str) -> Option<MediaFormat> {
    match container {
        "amr" | "flac" | "m4a" | "mp3" | "mp4" | "ogg" | "wav" | "webm" => Some(MediaFormat::from(container)),
        _ => None,
    }
}

async fn keep(ticket: &Ticket, files: &dyn JobFiles) -> Result<String> {
    let name = format!("aws-{}{TICKET}", ticket.work.kind().name());
    let path = files.work_dir().join(&name);
    let json = serde_json::to_vec(ticket).map_err(|error| files_failed("write the ticket", &error))?;
    tokio::fs::write(&path, json)
        .await
        .map_err(|error| files_failed("write the ticket", &error))?;
    files.keep(&name, &path).await
}

/// Where the output goes: beside the ticket, under the job's own keys.
fn output_key(ticket: &str) -> Result<String> {
    match ticket.strip_suffix(TICKET) {
        Some(stem) => Ok(format!("{stem}{OUTPUT}")),
        None => Err(EngineError::Files {
            action: "name the output".to_owned(),
            detail: format!("the ticket is kept as `{ticket}`, expected a key that ends in `{TICKET}`"),
        }),
    }
}

fn files_failed(action: &str, error: &dyn std::error::Error) -> EngineError {
    EngineError::Files {
        action: action.to_owned(),
        detail: error.to_string(),
    }
}
