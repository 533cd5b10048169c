//! Process: the next piece of the plan's work, completed through the task token at once or days later.
//!
//! The state machine comes here once for each piece of work, until all is done. What lives here: who is asked for what, and
//! what becomes of the result. What does not: the engines; how a result that comes later gets here ([`super::complete`]);
//! what is made of the results (`render`). Results go to S3 in one format, whichever engine made them; completing a wait
//! twice is harmless.

use engines::{
    AcceptedJob, Align, CompletionToken, Describe, DetectedLanguage, Divide, Engine, EngineError, HandIn,
    Handover, Identify, JobId, JobRequest, JobResult, Look, MediaRef, Output, Progress, Recognise,
    SourceLanguage, Speak, Stream, Translate, Work, WorkKind, language::Language,
};
use serde::Deserialize;

use super::{StepInput, Task, live};
use crate::accuracy;
use crate::context::Context;
use crate::error::{Refusal, Result, StepError};
use crate::files::JobObjects;
use crate::material::{Material, PassagesOf};
use crate::people;
use crate::plan::{Order, Plan, PlanLanguage};
use crate::ports::WorkState;
use crate::record::{AcceptedWork, CHECK_JOBS_EVERY_S, KeptJob, StoredMedia, StoredResult, WorkProgress};
use crate::telemetry::names;

/// The input of the process step: the state's task token with the task.
#[derive(Debug, Clone, Deserialize)]
pub struct ProcessInput {
    /// Task and attempt.
    #[serde(flatten)]
    pub step: StepInput,
    /// What completes the wait.
    pub task_token: CompletionToken,
}

/// Starts the next work and, where the engine has done it at once, completes the wait. An error fails the wait by its
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
    skip_needless(task).await?;
    let Some(index) = task.record.next_work() else {
        return ctx.completions()?.succeed(token, WorkState::Done).await;
    };
    let engine = engine_of(task, index)?.clone();
    if still_runs(task, index, engine.as_ref(), token).await? {
        return Ok(());
    }
    if !task.record.works[index].is_done() {
        if task.record.is_of_people(index) {
            people::peaks::prepare(task).await;
        }
        let request = request(task, index, token).await?;
        leaves_traces(task, engine.as_ref(), &request).await?;
        let files = JobObjects::new(ctx, &task.record)?;
        match engine.start(&request, &files).await? {
            Progress::Done(result) => keep_result(task, index, &result).await?,
            Progress::Accepted { external_id } => {
                accepted(task, index, &request, external_id).await?;
                if !ended_meanwhile(task, index, engine.as_ref()).await? {
                    return Ok(());
                }
            }
            other => return Err(task.out_of_order("process", &format!("a known progress, not {other:?}"))),
        }
    }
    complete(task, token).await
}

/// Tells the state machine that a piece of work is done, and whether another is left.
pub(crate) async fn complete(task: &mut Task<'_>, token: &CompletionToken) -> Result<()> {
    skip_needless(task).await?;
    let state = match task.record.next_work() {
        Some(_) => WorkState::More,
        None => WorkState::Done,
    };
    task.ctx.completions()?.succeed(token, state).await?;
    if task.record.works.iter().any(|work| work.untold.is_some()) {
        let told = task
            .change(|record| record.works.iter_mut().for_each(|work| work.untold = None))
            .await;
        // The state machine goes on by now, perhaps to the end; telling it once more does no harm.
        if let Err(error) = told {
            tracing::info!(%error, "that the state machine was told could not be written down");
        }
    }
    Ok(())
}

/// A finished track needs no voice: where people hand one in instead of a script, what would follow is passed over.
async fn skip_needless(task: &mut Task<'_>) -> Result<()> {
    let needless = |record: &crate::record::TaskRecord| {
        let index = record.next_work()?;
        let kind = record.plan.as_ref()?.works.get(index)?.kind;
        let has_sound = record.results().any(|result| result.output == "sound");
        (kind == WorkKind::Speak && has_sound).then_some(index)
    };
    while needless(&task.record).is_some() {
        task.change(|record| {
            if let Some(index) = needless(record) {
                record.works[index].skipped = Some("the finished track was handed in".to_owned());
            }
        })
        .await?;
    }
    Ok(())
}

pub(super) fn plan_of<'t>(task: &'t Task<'_>, step: &'static str) -> Result<&'t Plan> {
    task.record
        .plan
        .as_ref()
        .ok_or_else(|| task.out_of_order(step, "a plan"))
}

/// The engine that the plan names for a piece of work.
pub(super) fn engine_of<'t>(task: &'t Task<'_>, index: usize) -> Result<&'t std::sync::Arc<dyn Engine>> {
    let planned = plan_of(task, "process")?
        .works
        .get(index)
        .ok_or_else(|| task.out_of_order("process", "a planned work"))?;
    task.ctx
        .engines()?
        .get(&planned.engine)
        .ok_or_else(|| StepError::Setting {
            name: "ENGINES".to_owned(),
            detail: format!("lacks `{}`, which the plan of this task names", planned.engine),
        })
}

/// Whether a job that was accepted before still runs; its wait gets the present token. A job of a former attempt is gone on
/// with: people don't begin again because Kaltura was down, and a machine's hour isn't paid for twice.
async fn still_runs(
    task: &mut Task<'_>,
    index: usize,
    engine: &dyn Engine,
    token: &CompletionToken,
) -> Result<bool> {
    let Some(accepted) = task.record.works[index].accepted.clone() else {
        return Ok(false);
    };
    match has_ended(task, index, engine, &accepted).await {
        Ok(true) => Ok(false),
        Ok(false) => {
            task.change(|record| {
                if let Some(accepted) = &mut record.works[index].accepted {
                    accepted.token = token.clone();
                }
            })
            .await?;
            Ok(true)
        }
        Err(error) if is_the_jobs_own(&error) => {
            tracing::warn!(%error, job_id = accepted.job_id, "the job that was accepted failed, it is begun again");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether a job has ended that was taken on just now. Its end may have been told before it was written down that somebody
/// waits for it, and would not be told again. An engine that can't be asked will tell.
async fn ended_meanwhile(task: &mut Task<'_>, index: usize, engine: &dyn Engine) -> Result<bool> {
    let Some(accepted) = task.record.works[index].accepted.clone() else {
        return Ok(false);
    };
    match has_ended(task, index, engine, &accepted).await {
        Err(StepError::Engine(error @ EngineError::Unavailable { .. })) => {
            tracing::warn!(%error, job_id = accepted.job_id, "the engine can't say how the job is");
            Ok(false)
        }
        outcome => outcome,
    }
}

/// Writes down what a start leaves at the engine, before it: what a crash then leaves there is deleted all the same.
async fn leaves_traces(task: &mut Task<'_>, engine: &dyn Engine, request: &JobRequest) -> Result<()> {
    let Some(external_id) = engine.traces(request) else {
        return Ok(());
    };
    let job = KeptJob {
        engine: engine.name().to_owned(),
        kind: request.work.kind(),
        job_id: request.job_id.to_string(),
        external_id,
    };
    // One that is begun again may be known by a better name.
    if task.record.jobs.iter().any(|kept| kept.job_id == job.job_id) {
        return Ok(());
    }
    task.change(|record| record.keep_job(&job)).await
}

/// Asks the engine how an accepted job is, and keeps its result once there is one, or how far it is.
pub(super) async fn has_ended(
    task: &mut Task<'_>,
    index: usize,
    engine: &dyn Engine,
    accepted: &AcceptedWork,
) -> Result<bool> {
    match look(task, index, engine, accepted).await? {
        Look::Done(result) => {
            if !live::counts(task, index).await? {
                return Ok(false);
            }
            keep_result(task, index, &result).await?;
            Ok(true)
        }
        Look::RunningAt(percent) => {
            note_progress(task, index, percent).await?;
            Ok(false)
        }
        _ => Ok(false),
    }
}

/// Keeps how far a job is, for those who look at the task. The same again is not written.
async fn note_progress(task: &mut Task<'_>, index: usize, percent: u8) -> Result<()> {
    let known = task.record.works[index].accepted.as_ref();
    if known.is_none_or(|accepted| {
        accepted
            .progress
            .is_some_and(|progress| progress.percent == percent)
    }) {
        return Ok(());
    }
    let progress = WorkProgress {
        percent,
        at_epoch_s: task.ctx.clock.now_epoch_s(),
    };
    task.change(|record| {
        if let Some(accepted) = &mut record.works[index].accepted {
            accepted.progress = Some(progress);
        }
    })
    .await
}

/// Whether an error is the job's own, and not that of asking: it came to nothing, or to something that can't be used. Another
/// job may do better.
pub(super) fn is_the_jobs_own(error: &StepError) -> bool {
    matches!(
        error,
        StepError::Engine(
            EngineError::JobFailed { .. }
                | EngineError::OutputUnreadable { .. }
                | EngineError::ResultUnreadable { .. }
        )
    )
}

/// Asks the engine how an accepted job is.
async fn look(task: &Task<'_>, index: usize, engine: &dyn Engine, accepted: &AcceptedWork) -> Result<Look> {
    // What it uploads, it uploads under the attempt that it was begun in.
    let attempt = JobId::parse(&accepted.job_id).map_or(task.record.attempt, |(_, attempt, _)| attempt);
    let files = JobObjects::of_attempt(task.ctx, &task.record, attempt)?;
    let kind = plan_of(task, "process")?
        .works
        .get(index)
        .map_or(WorkKind::Recognise, |work| work.kind);
    let job = AcceptedJob {
        job_id: JobId::named(&accepted.job_id),
        kind,
        external_id: accepted.external_id.clone(),
    };
    Ok(engine.look(&job, &files).await?)
}

async fn accepted(
    task: &mut Task<'_>,
    index: usize,
    request: &JobRequest,
    external_id: String,
) -> Result<()> {
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let accepted = AcceptedWork {
        job_id: request.job_id.to_string(),
        external_id,
        token: request.completion.clone(),
        since_epoch_s: now_epoch_s,
        progress: None,
    };
    let kept = plan_of(task, "process")?.works.get(index).map(|planned| KeptJob {
        engine: planned.engine.clone(),
        kind: planned.kind,
        job_id: accepted.job_id.clone(),
        external_id: accepted.external_id.clone(),
    });
    let rules = &task.ctx.config.deadline_rules;
    task.change(|record| {
        // People are no engine: nothing is kept by them, and nobody asks them how far they are.
        if !record.is_of_people(index) {
            let look_by_epoch_s = now_epoch_s + CHECK_JOBS_EVERY_S;
            record.check_at_epoch_s = Some(
                record
                    .check_at_epoch_s
                    .map_or(look_by_epoch_s, |at| at.min(look_by_epoch_s)),
            );
            if let Some(job) = &kept {
                record.keep_job(job);
            }
        } else if let Some(warn_at_epoch_s) = rules.next_epoch_s(record, now_epoch_s) {
            let check_at_epoch_s = record.check_at_epoch_s.unwrap_or(warn_at_epoch_s);
            record.check_at_epoch_s = Some(check_at_epoch_s.min(warn_at_epoch_s));
        }
        record.note(
            now_epoch_s,
            format!(
                "{} taken on as {}",
                request.work.kind().name(),
                accepted.external_id
            ),
        );
        record.works[index].accepted = Some(accepted.clone());
    })
    .await
}

/// Puts a result where the later steps find it, and draws from it what decides how the order goes on: no speech, another
/// language than was ordered, a language that was to be found out. Safe to repeat.
pub async fn keep_result(task: &mut Task<'_>, index: usize, result: &JobResult) -> Result<()> {
    let ctx = task.ctx;
    result.check()?;
    let plan = plan_of(task, "process")?.clone();
    let planned = plan
        .works
        .get(index)
        .ok_or_else(|| task.out_of_order("process", "a planned work"))?;
    if !fits(planned.kind, &result.output) {
        return Err(EngineError::OutputUnreadable {
            program: result.engine.name.clone(),
            detail: format!(
                "it has `{}`, which is not what `{}` makes",
                result.output.name(),
                planned.kind.name()
            ),
        }
        .into());
    }
    if let Some(transcript) = result.transcript()
        && transcript.words.is_empty()
        && plan.service() != kaltura::ServiceFeature::AudioDescription
    {
        return Err(Refusal::NoSpeech.into());
    }
    if matches!(planned.kind, WorkKind::Recognise | WorkKind::Identify) {
        check_language(task, &plan, result.language.as_ref())?;
    }
    let key = format!(
        "transcripts/{}/{}-{index}.json",
        task.record.task_id, task.record.attempt
    );
    ctx.objects()?
        .put(&key, result.to_json()?.into(), "application/json")
        .await?;
    let stored = StoredResult {
        key,
        accuracy_percent: accuracy::of(result, planned.kind, ctx.config.people_accuracy_percent),
        engine: format!("{} {}", result.engine.name, result.engine.version),
        output: result.output.name().to_owned(),
    };
    let settled = match planned.kind {
        WorkKind::Identify => Some(settle_language(task, &plan, result.language.as_ref()).await?),
        _ => None,
    };
    for warning in &result.warnings {
        tracing::warn!(name = warning.name, detail = warning.detail, "the engine warns");
    }
    let now_epoch_s = ctx.clock.now_epoch_s();
    task.change(|record| {
        record.note(now_epoch_s, format!("{} made {}", stored.engine, stored.output));
        if let Some(plan) = &settled {
            record.set_plan(plan.clone());
        }
        let work = &mut record.works[index];
        work.result = Some(stored.clone());
        work.untold = work.accepted.take();
    })
    .await
}

/// The guide: "check that the sourceLanguage actually matches the soundtrack […], if there is a mismatch the caption job
/// should end in error". A language that the engine is less sure of is counted and no more.
fn check_language(task: &Task<'_>, plan: &Plan, heard: Option<&DetectedLanguage>) -> Result<()> {
    let Some(heard) = heard.filter(|_| plan.source_bcp47 != "und") else {
        return Ok(());
    };
    if engines::language::same_language(&heard.bcp47, &plan.source_bcp47) {
        return Ok(());
    }
    let least = f32::from(task.ctx.config.language_mismatch_percent) / 100.0;
    let is_sure = heard.confidence >= least;
    let outcome = if is_sure { "refused" } else { "doubted" };
    metrics::counter!(names::LANGUAGE_MISMATCHES, "Outcome" => outcome).increment(1);
    if !is_sure {
        tracing::warn!(
            heard = heard.bcp47,
            confidence = heard.confidence,
            ordered = plan.source_bcp47,
            "another language was heard, not surely enough to refuse the order"
        );
        return Ok(());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of one, as a percentage"
    )]
    let confidence_percent = (heard.confidence.clamp(0.0, 1.0) * 100.0) as u32;
    Err(Refusal::LanguageMismatch {
        ordered: plan.source_language.clone(),
        heard: Language::by_bcp47(&heard.bcp47).map_or_else(
            || heard.bcp47.clone(),
            |language| language.catalog_name.to_owned(),
        ),
        confidence_percent,
    }
    .into())
}

/// The plan of an order whose language was left open, with the language that was found out.
async fn settle_language(task: &Task<'_>, plan: &Plan, heard: Option<&DetectedLanguage>) -> Result<Plan> {
    let tag = heard.map(|heard| heard.bcp47.clone()).unwrap_or_default();
    let language = Language::by_bcp47(&tag).ok_or(Refusal::UnusableLanguage { name: tag })?;
    let order = load_order(task).await?;
    let capabilities = task.ctx.engines()?.capabilities();
    Ok(plan.in_language(&order, language, &capabilities, task.ctx.config.plan_rules)?)
}

/// The order as claim kept it in S3.
pub(crate) async fn load_order(task: &Task<'_>) -> Result<Order> {
    let missing = || task.out_of_order("process", "the order in S3");
    let key = task.record.order_key.as_deref().ok_or_else(missing)?;
    let json = task.ctx.objects()?.get(key).await?.ok_or_else(missing)?;
    serde_json::from_slice(&json).map_err(|error| StepError::RecordUnreadable {
        what: key.to_owned(),
        detail: error.to_string(),
    })
}

fn language(language: &PlanLanguage) -> SourceLanguage {
    SourceLanguage {
        catalog_name: language.catalog_name.clone(),
        bcp47: language.bcp47.clone(),
    }
}

fn media_ref(media: &StoredMedia) -> MediaRef {
    MediaRef {
        key: media.key.clone(),
        container: media.container.clone(),
        duration_ms: media.duration_ms,
        size_bytes: Some(media.size_bytes),
    }
}

/// What is asked of the engine: the order's wishes and what was made so far.
async fn request(task: &Task<'_>, index: usize, token: &CompletionToken) -> Result<JobRequest> {
    let plan = plan_of(task, "process")?;
    let planned = &plan.works[index];
    let media = task.record.media.as_ref();
    if planned.kind.needs_media() && media.is_none() && planned.kind != WorkKind::HandIn {
        return Err(task.out_of_order("process", "media"));
    }
    let work = work(task, plan, planned.kind, planned.handover).await?;
    Ok(JobRequest::new(
        engines::TaskId::new(task.record.task_id.as_str()),
        task.record.attempt,
        work,
        media.filter(|_| planned.kind.needs_media()).map(media_ref),
        token.clone(),
    ))
}

async fn work(task: &Task<'_>, plan: &Plan, kind: WorkKind, handover: Option<Handover>) -> Result<Work> {
    let order = load_order(task).await?;
    let source = language(&plan.source());
    Ok(match kind {
        WorkKind::Recognise => Work::Recognise(Recognise {
            source_language: source,
            dictionary: order.dictionary,
            speakers_wanted: plan.style.speaker_labels || plan.style.speaker_change_marks,
            remove_profanity: plan.style.remove_profanity,
        }),
        WorkKind::Identify => Work::Identify(Identify {
            candidates: Vec::new(),
        }),
        WorkKind::Align => Work::Align(Align {
            source_language: source,
            text: Material::load(task).await?.text_to_align(task)?,
        }),
        WorkKind::Translate => {
            let material = Material::load(task).await?;
            let passages = material.passages_to_translate(task, plan, &order.dictionary)?;
            passages.keep(task, PassagesOf::Translation).await?;
            Work::Translate(Translate {
                source_language: source,
                target_language: language(&plan.delivered_language()),
                passages: passages.for_engine(),
                dictionary: order.dictionary,
                remove_profanity: plan.style.remove_profanity,
            })
        }
        WorkKind::Speak => {
            let material = Material::load(task).await?;
            let language = language(&plan.delivered_language());
            let passages = material.passages_to_speak(task, &language.bcp47).await?;
            passages.keep(task, PassagesOf::Speech).await?;
            Work::Speak(Speak {
                language,
                passages: passages.for_engine(),
            })
        }
        WorkKind::Describe => Work::Describe(Describe {
            language: source,
            pauses_ms: Material::load(task).await?.pauses_ms(task),
        }),
        WorkKind::Chapter => Work::Chapter(Divide {
            language: source,
            transcript: Material::load(task)
                .await?
                .edited_transcript(task, plan, &order.dictionary)?,
        }),
        WorkKind::HandIn => Work::HandIn(HandIn {
            handover: handover.unwrap_or(Handover::Captions),
            language: language(&plan.delivered_language()),
        }),
        WorkKind::Live => Work::Live(Stream {
            source_language: source,
            result_key: live::result_key(&task.record),
        }),
        other => return Err(task.out_of_order("process", &format!("a known work, not {other:?}"))),
    })
}

/// Whether a result is what a piece of work is to make; an engine's answer may be anything.
fn fits(kind: WorkKind, output: &Output) -> bool {
    matches!(
        (kind, output),
        (
            WorkKind::Recognise | WorkKind::Align | WorkKind::Live,
            Output::Transcript { .. }
        ) | (WorkKind::Identify, Output::Language)
            | (WorkKind::Translate, Output::Texts { .. })
            | (WorkKind::Speak, Output::Speech { .. })
            | (WorkKind::Describe, Output::Script { .. })
            | (WorkKind::Chapter, Output::Chapters { .. })
            | (
                WorkKind::HandIn,
                Output::Captions { .. }
                    | Output::Script { .. }
                    | Output::Sound { .. }
                    | Output::Chapters { .. }
            )
    )
}
