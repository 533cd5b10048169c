//! Ended: Amazon's word that a job of its engines has ended.
//!
//! Invoked by EventBridge with Transcribe's `Transcribe Job State Change`. The word is a hint and no more: the engine is asked,
//! and its answer counts, so an event may come late, twice or never (reconcile asks, too). The unit of failure is the event: one
//! whose job can't be looked at now fails, and Lambda brings it again. The logic is `pipeline::steps::complete`.

use engines::aws::job_at_transcribe;
use lambda_runtime::Context as Invocation;
use pipeline::steps::complete;
use pipeline::{Builder, Class, Context, Result};
use serde::Deserialize;

/// What of an event matters.
#[derive(Debug, Clone, Deserialize)]
pub struct Ended {
    /// What has changed.
    pub detail: Detail,
}

/// The job that has ended.
#[derive(Debug, Clone, Deserialize)]
pub struct Detail {
    /// Its name, which tells the stack and the job.
    #[serde(rename = "TranscriptionJobName")]
    pub job_name: String,
}

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env()
        .await?
        .with_objects()?
        .with_engines()
        .await?
        .with_completions()
        .build()
}

/// Has the task go on whose job has ended. A job of nobody's, or of another stack's, is left alone.
pub async fn handle(ctx: &Context, event: Ended, _invocation: &Invocation) -> Result<()> {
    let Some(job_id) = job_at_transcribe(&ctx.config.stack_name, &event.detail.job_name) else {
        tracing::debug!(
            job_name = event.detail.job_name,
            "a job of somebody else's has ended"
        );
        return Ok(());
    };
    match complete::run(ctx, &job_id).await {
        Ok(outcome) => {
            tracing::info!(%job_id, ?outcome, "a job is said to have ended");
            Ok(())
        }
        // The wait knows, or nobody waits any more: to be told again would change nothing.
        Err(error) if error.class() != Class::Retryable => {
            tracing::warn!(%job_id, %error, "a job that has ended came to nothing");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use engines::aws::stub::Answer;
    use pipeline::steps::StepInput;
    use serde_json::json;
    use step_world::{Amazon, World, order};

    use super::*;

    /// An event in the documentation's form.
    fn event(job_name: &str) -> Ended {
        let event = json!({
            "version": "0",
            "id": "999cccaa-eaaa-0000-1111-123456789012",
            "detail-type": "Transcribe Job State Change",
            "source": "aws.transcribe",
            "account": "111122223333",
            "time": "2026-01-15T17:16:30Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": { "TranscriptionJobName": job_name, "TranscriptionJobStatus": "COMPLETED" },
        });
        serde_json::from_value(event).unwrap()
    }

    /// A task whose recognition runs at Transcribe, and the name of its job.
    async fn taken_on() -> (World, Amazon, StepInput, String) {
        let (world, amazon) = World::with_amazon().await;
        let input = world.begin(order()).await;
        pipeline::steps::fetch::run(&world.ctx, &input).await.unwrap();
        world.work(&input, "the-token").await.unwrap();
        let job_name = format!("reach.{}-1-recognise", input.task_id);
        (world, amazon, input, job_name)
    }

    async fn told(world: &World, job_name: &str) -> Result<()> {
        handle(&world.ctx, event(job_name), &Invocation::default()).await
    }

    #[tokio::test]
    async fn an_event_lets_the_task_go_on_and_another_changes_nothing() {
        let (world, amazon, input, job_name) = taken_on().await;
        told(&world, &job_name).await.unwrap();
        assert!(
            world.states.succeeded().is_empty(),
            "the job runs, whatever was told"
        );
        amazon.job_is("COMPLETED", "");
        told(&world, &job_name).await.unwrap();
        told(&world, &job_name).await.unwrap();
        assert_eq!(world.states.succeeded(), ["the-token"]);
        let record = world.record(&input.task_id).await;
        assert!(record.works[0].result.is_some(), "{record:?}");
    }

    #[tokio::test]
    async fn a_job_that_failed_for_good_fails_the_wait_once() {
        let (world, amazon, _input, job_name) = taken_on().await;
        amazon.job_is("FAILED", "The media does not contain audio.");
        told(&world, &job_name).await.unwrap();
        assert_eq!(world.states.failed(), [("the-token".to_owned(), Class::Terminal)]);
    }

    #[tokio::test]
    async fn a_job_that_can_not_be_looked_at_now_comes_again() {
        let (world, amazon, _input, job_name) = taken_on().await;
        let busy = Answer::Error(400, "ThrottlingException", "slow down");
        amazon.stub.always("GetTranscriptionJob", busy);
        let error = told(&world, &job_name).await.unwrap_err();
        assert_eq!(error.class(), Class::Retryable);
        assert!(world.states.failed().is_empty(), "the wait goes on");
    }

    #[tokio::test]
    async fn jobs_of_others_are_left_alone() {
        let (world, amazon, input, _) = taken_on().await;
        let before = amazon.called("GetTranscriptionJob");
        let others = [
            // Another stack's, whose task has the number of one of ours.
            format!("reach-vendor.{}-1-recognise", input.task_id),
            format!("reach-{}-1-recognise", input.task_id),
            "reach.4711-1-recognise".to_owned(),
            "reach.".to_owned(),
            "somebodys".to_owned(),
            "reach.1-1-dance".to_owned(),
        ];
        for stranger in &others {
            told(&world, stranger).await.unwrap();
        }
        assert_eq!(amazon.called("GetTranscriptionJob"), before);
    }
}
