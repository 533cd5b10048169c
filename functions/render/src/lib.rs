//! Render: the files of a task's deliverables, made of what engines and people have made.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::render`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::{StepInput, render};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.with_objects()?.build()
}

/// Makes the files of a task's deliverables.
pub async fn handle(ctx: &Context, input: StepInput, _invocation: &Invocation) -> Result<()> {
    render::run(ctx, &input).await
}

#[cfg(test)]
mod tests {
    use pipeline::ports::ObjectStore;
    use step_world::{World, order};

    use super::*;

    #[tokio::test]
    async fn each_deliverable_gets_its_file_once() {
        let world = World::new().await;
        let input = world.begin(order()).await;
        pipeline::steps::fetch::run(&world.ctx, &input).await.unwrap();
        world.work(&input, "a-token").await.unwrap();
        for _ in 0..2 {
            handle(&world.ctx, input.clone(), &Invocation::default())
                .await
                .unwrap();
        }
        let record = world.record(&input.task_id).await;
        let key = record.deliverables[0].key.clone().unwrap();
        let file = world.bucket.get(&key).await.unwrap().unwrap();
        assert_eq!(file.len() as u64, record.deliverables[0].size_bytes);
        assert_eq!(
            record
                .history
                .iter()
                .filter(|line| line.what.ends_with("rendered"))
                .count(),
            1
        );
    }

    #[tokio::test]
    async fn before_the_work_is_done_there_is_nothing_to_render() {
        let world = World::new().await;
        let input = world.begin(order()).await;
        let early = handle(&world.ctx, input, &Invocation::default())
            .await
            .unwrap_err();
        assert_eq!(early.name(), "OutOfOrder");
    }
}
