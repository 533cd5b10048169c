//! Fetch: the media of a task, into S3.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::fetch`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::{StepInput, fetch};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.with_objects()?.with_fetcher()?.build()
}

/// Fetches the media of a task.
pub async fn handle(ctx: &Context, input: StepInput, _invocation: &Invocation) -> Result<()> {
    // Boxed: the fetch holds playlists and windows, kilobytes of state.
    Box::pin(fetch::run(ctx, &input)).await
}

#[cfg(test)]
mod tests {
    use kaltura_sim::{Fault, FaultEffect};
    use lambda_runtime::Diagnostic;
    use serde_json::json;
    use step_world::{World, media_without_sound, order};

    use super::*;

    /// What the state machine is told: nothing, or the error's name and message.
    async fn fetched(world: &World, input: &StepInput) -> std::result::Result<(), Diagnostic> {
        let event = json!({ "task_id": input.task_id.as_str(), "attempt": input.attempt });
        let event = serde_json::from_value(event).unwrap();
        handle(&world.ctx, event, &Invocation::default())
            .await
            .map_err(Diagnostic::from)
    }

    #[tokio::test]
    async fn the_media_is_in_the_bucket_afterwards() {
        let world = World::new().await;
        let input = world.begin(order()).await;
        fetched(&world, &input).await.unwrap();
        let media = world.record(&input.task_id).await.media.unwrap();
        let stored = world
            .ctx
            .objects()
            .unwrap()
            .get(&media.key)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(stored.len() as u64, media.size_bytes);
    }

    /// The limit on a segment's size is tested where it lives (`media`): what the stand-in sends without end stops being
    /// media long before.
    #[tokio::test]
    async fn a_segment_of_nothing_or_without_end_is_tried_again() {
        for (effect, name) in [
            (FaultEffect::Empty, "MediaEmpty"),
            (FaultEffect::Endless, "MediaDamaged"),
        ] {
            let world = World::new().await;
            let input = world.begin(order()).await;
            world.sim.faults(vec![Fault {
                service: Some("segment".to_owned()),
                ..Fault::new(effect)
            }]);
            let told = fetched(&world, &input).await.unwrap_err();
            assert_eq!(told.error_type, "Retryable", "{told:?}");
            assert!(told.error_message.starts_with(name), "{told:?}");
            assert_eq!(world.record(&input.task_id).await.media, None);
            world.sim.clear_faults();
            fetched(&world, &input).await.unwrap();
        }
    }

    #[tokio::test]
    async fn media_without_sound_is_terminal() {
        let world = World::new().await;
        let mut request = order();
        request.entry.media = Some(media_without_sound());
        let input = world.begin(request).await;
        assert_eq!(fetched(&world, &input).await.unwrap_err().error_type, "Terminal");
    }

    #[tokio::test]
    async fn another_attempt_is_stale() {
        let world = World::new().await;
        let mut input = world.begin(order()).await;
        input.attempt += 1;
        assert_eq!(fetched(&world, &input).await.unwrap_err().error_type, "Stale");
    }
}
