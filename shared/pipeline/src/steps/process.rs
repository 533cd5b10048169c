//! Process: the engine's work, completed through the task token at once or days later.
//!
//! What lives here: the request to the engine, and what becomes of its result. What does not: the engines. The result goes
//! to S3 in one format, whichever engine made it; completing a wait twice is harmless.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use engines::{
    CompletionToken, EngineError, JobFiles, JobRequest, JobResult, MediaRef, Progress, Recognise,
    SourceLanguage, StoredAt, Work,
};
use serde::Deserialize;

use super::{StepInput, Task};
use crate::context::Context;
use crate::error::{Refusal, Result, StepError};
use crate::plan::Order;
use crate::record::{StoredResult, TaskRecord};

/// The accuracy told of a transcript whose engine gives no confidences: what the guide's machine orders commonly reach,
/// and below the 99 from which Kaltura shows a caption over another (spec 7).
const UNKNOWN_ACCURACY_PERCENT: u8 = 80;

/// The input of the process step: the state's task token with the task.
#[derive(Debug, Clone, Deserialize)]
pub struct ProcessInput {
    /// Task and attempt.
    #[serde(flatten)]
    pub step: StepInput,
    /// What completes the wait.
    pub task_token: CompletionToken,
}

/// Starts the engine's work and, where the engine has done it at once, completes the wait. An error fails the wait by its
/// class, and is answered too: whichever reaches the state machine first ends the state, with the same name.
pub async fn run(ctx: &Context, input: &ProcessInput) -> Result<()> {
    let outcome = started(ctx, input).await;
    if let Err(error) = &outcome {
        let told = ctx
            .completions()?
            .fail(&input.task_token, error.class(), error.name())
            .await;
        if let Err(untold) = told {
            tracing::warn!(%untold, "the wait could not be failed by its token; the function's own error does it");
        }
    }
    outcome
}

async fn started(ctx: &Context, input: &ProcessInput) -> Result<()> {
    super::run(ctx, "process", &input.step, async |task| {
        process(task, &input.task_token).await
    })
    .await
}

async fn process(task: &mut Task<'_>, token: &CompletionToken) -> Result<()> {
    let ctx = task.ctx;
    if task.record.result.is_none() {
        let request = request(task, token).await?;
        let files = S3Files::new(ctx, &task.record)?;
        match ctx.engine()?.start(&request, &files).await? {
            Progress::Done(result) => keep_result(task, &result).await?,
            Progress::Accepted { external_id } => {
                let now_epoch_s = ctx.clock.now_epoch_s();
                return task
                    .change(|record| {
                        record.note(now_epoch_s, format!("the engine took the work as {external_id}"));
                    })
                    .await;
            }
            other => return Err(task.out_of_order("process", &format!("a known progress, not {other:?}"))),
        }
    }
    ctx.completions()?.succeed(token).await
}

/// Puts an engine's result where the later steps find it. Safe to repeat.
pub async fn keep_result(task: &mut Task<'_>, result: &JobResult) -> Result<()> {
    let ctx = task.ctx;
    result.check()?;
    let transcript = result
        .transcript()
        .ok_or_else(|| task.out_of_order("process", "a transcript"))?;
    if transcript.words.is_empty() {
        return Err(Refusal::NoSpeech.into());
    }
    let key = format!("transcripts/{}/{}.json", task.record.task_id, task.record.attempt);
    ctx.objects()?
        .put(&key, result.to_json()?.into(), "application/json")
        .await?;
    let stored = StoredResult {
        key,
        accuracy_percent: transcript.accuracy_percent().unwrap_or(UNKNOWN_ACCURACY_PERCENT),
        engine: format!("{} {}", result.engine.name, result.engine.version),
    };
    let now_epoch_s = ctx.clock.now_epoch_s();
    task.change(|record| {
        record.note(now_epoch_s, format!("{} made a transcript", stored.engine));
        record.result = Some(stored.clone());
    })
    .await
}

/// The order as claim kept it in S3.
pub(super) async fn load_order(task: &Task<'_>) -> Result<Order> {
    let missing = || task.out_of_order("process", "the order in S3");
    let key = task.record.order_key.as_deref().ok_or_else(missing)?;
    let json = task.ctx.objects()?.get(key).await?.ok_or_else(missing)?;
    serde_json::from_slice(&json).map_err(|error| StepError::RecordUnreadable {
        what: key.to_owned(),
        detail: error.to_string(),
    })
}

async fn request(task: &Task<'_>, token: &CompletionToken) -> Result<JobRequest> {
    let order = load_order(task).await?;
    let plan = task
        .record
        .plan
        .as_ref()
        .ok_or_else(|| task.out_of_order("process", "a plan"))?;
    let media = task
        .record
        .media
        .as_ref()
        .ok_or_else(|| task.out_of_order("process", "media"))?;
    Ok(JobRequest::new(
        engines::TaskId::new(task.record.task_id.as_str()),
        task.record.attempt,
        Work::Recognise(Recognise {
            source_language: SourceLanguage::from_catalog_name(&plan.source_language)?,
            dictionary: order.dictionary,
            speakers_wanted: plan.style.speaker_labels || plan.style.speaker_change_marks,
            remove_profanity: plan.style.remove_profanity,
        }),
        Some(MediaRef {
            key: media.key.clone(),
            container: media.container.clone(),
            duration_ms: media.duration_ms,
        }),
        token.clone(),
    ))
}

/// The media of S3 as files in the function's own storage, gone when the step is.
struct S3Files<'a> {
    ctx: &'a Context,
    folder: tempfile::TempDir,
    /// Under which the job's own objects are.
    prefix: String,
}

impl<'a> S3Files<'a> {
    fn new(ctx: &'a Context, record: &TaskRecord) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(|error| StepError::Aws {
            service: "lambda",
            action: "make a temporary folder",
            detail: error.to_string(),
        })?;
        let prefix = format!("engine/{}/{}", record.task_id, record.attempt);
        Ok(Self { ctx, folder, prefix })
    }
}

#[async_trait]
impl JobFiles for S3Files<'_> {
    async fn media(&self, media: &MediaRef) -> engines::Result<PathBuf> {
        let failed = |error| files_failed("download of", &media.key, &error);
        let name = media.key.rsplit('/').next().unwrap_or("media");
        let path = self.folder.path().join(name);
        self.ctx
            .objects()
            .map_err(failed)?
            .download(&media.key, &path)
            .await
            .map_err(failed)?;
        Ok(path)
    }

    fn work_dir(&self) -> &Path {
        self.folder.path()
    }

    async fn keep(&self, name: &str, file: &Path) -> engines::Result<String> {
        let key = format!("{}/{name}", self.prefix);
        let upload = async {
            let objects = self.ctx.objects()?;
            objects.upload(&key, file, "application/octet-stream").await
        };
        match upload.await {
            Ok(_) => Ok(key),
            Err(error) => Err(files_failed("upload of", &key, &error)),
        }
    }

    async fn read(&self, key: &str) -> engines::Result<Option<Vec<u8>>> {
        let read = async { self.ctx.objects()?.get(key).await };
        let content = read.await.map_err(|error| files_failed("read of", key, &error))?;
        Ok(content.map(|content| content.to_vec()))
    }

    fn stored_at(&self, key: &str) -> engines::Result<StoredAt> {
        let objects = self
            .ctx
            .objects()
            .map_err(|error| files_failed("look for", key, &error))?;
        Ok(StoredAt {
            bucket: objects.bucket().to_owned(),
            key: key.to_owned(),
        })
    }

    async fn link(&self, key: &str) -> engines::Result<String> {
        Err(no_links(key))
    }

    async fn upload_link(&self, name: &str) -> engines::Result<(String, String)> {
        Err(no_links(name))
    }
}

fn files_failed(action: &str, key: &str, error: &StepError) -> EngineError {
    EngineError::Files {
        action: format!("{action} `{key}`"),
        detail: error.to_string(),
    }
}

fn no_links(key: &str) -> EngineError {
    EngineError::Files {
        action: format!("make a link to `{key}`"),
        detail: "this stack has no links".to_owned(),
    }
}
