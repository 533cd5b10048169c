//! Complete: the end of a job that an engine took on, told from outside.
//!
//! An event, a callback or a timer says that a job may have ended. What is told is a hint and no more: the engine is asked,
//! and its answer counts. So a forged hint, a late one and a doubled one change nothing.

use engines::JobId;

use super::process::{self, engine_of, has_ended, is_the_jobs_own};
use super::{StepInput, Task};
use crate::context::Context;
use crate::error::{Class, Result, StepError};
use crate::record::TaskState;

/// What came of a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// The job has ended, and the state machine goes on.
    Ended,
    /// The engine says that it still runs.
    Running,
    /// Nobody waits for such a job: it is known as ended, or of a task that goes other ways by now.
    NobodyWaits,
}

/// Looks how the job is, keeps its result and completes the wait. A job that failed fails the wait by the error's class; an
/// engine that can't be asked now is this call's own error, and the wait goes on. Safe to repeat.
pub async fn run(ctx: &Context, job_id: &JobId) -> Result<Completed> {
    let Some((task_id, _, _)) = JobId::parse(job_id.as_str()) else {
        return Ok(Completed::NobodyWaits);
    };
    let Ok(task_id) = task_id.as_str().parse() else {
        return Ok(Completed::NobodyWaits);
    };
    let Some(record) = ctx.tasks.load(&task_id).await? else {
        return Ok(Completed::NobodyWaits);
    };
    let waits = record
        .awaited()
        .is_some_and(|(_, accepted)| accepted.job_id == job_id.as_str());
    if record.state != TaskState::Running || !waits {
        return Ok(Completed::NobodyWaits);
    }
    let input = StepInput {
        task_id,
        attempt: record.attempt,
    };
    let outcome = super::run(ctx, "complete", &input, async |task| complete(task, job_id).await).await;
    if let Err(error) = &outcome
        && let Some((_, accepted)) = record.awaited()
        && ends_the_wait(error)
    {
        ctx.completions()?
            .fail(&accepted.token, error.class(), error.name())
            .await?;
    }
    outcome
}

fn ends_the_wait(error: &StepError) -> bool {
    is_the_jobs_own(error) || matches!(error.class(), Class::Terminal | Class::Fault)
}

async fn complete(task: &mut Task<'_>, job_id: &JobId) -> Result<Completed> {
    let Some((index, accepted)) = task.record.awaited() else {
        return Ok(Completed::NobodyWaits);
    };
    let accepted = accepted.clone();
    if accepted.job_id != job_id.as_str() {
        return Ok(Completed::NobodyWaits);
    }
    // One whose result is there, and whose end the state machine could not be told.
    if task.record.works[index].is_done() {
        process::complete(task, &accepted.token).await?;
        return Ok(Completed::Ended);
    }
    let engine = engine_of(task, index)?.clone();
    if !has_ended(task, index, engine.as_ref(), &accepted).await? {
        return Ok(Completed::Running);
    }
    process::complete(task, &accepted.token).await?;
    Ok(Completed::Ended)
}
