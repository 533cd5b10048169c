//! Fetch: the media of a task, into S3.
//!
//! Invoked by the state machine. The unit of failure is the task: the error's class tells the state machine what to do.
//! The logic is `pipeline::steps::fetch`.

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::Context as Invocation;
use pipeline::steps::{StepInput, fetch};
use pipeline::{Builder, Context, Result};

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.with_objects()?.with_fetcher()?.build()
}

/// So long before its deadline the function stops fetching: it must still keep a checkpoint, after the parts on their way have
/// arrived and at the end of a segment.
const LEFT_AT_THE_END: Duration = Duration::from_mins(1);

/// Fetches the media of a task. What isn't done by the deadline goes on in the next invocation: `Unfinished`.
pub async fn handle(ctx: &Context, input: StepInput, invocation: &Invocation) -> Result<()> {
    let left = invocation.deadline().duration_since(SystemTime::now());
    // An invocation without a deadline, as tests make it, has no end.
    let stop_at = left
        .ok()
        .map(|left| Instant::now() + left.saturating_sub(LEFT_AT_THE_END));
    // Boxed: the fetch holds playlists and windows, kilobytes of state.
    Box::pin(fetch::run_until(ctx, &input, stop_at)).await
}

#[cfg(test)]
mod tests {
    use kaltura_sim::{Fault, FaultEffect};
    use lambda_runtime::Diagnostic;
    use serde_json::json;
    use step_world::{World, media_without_sound, order, told};

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

    /// Retries of calls, the media's own lines and the step's end: each can be found by its task, entry and customer.
    #[test]
    fn each_line_tells_whose_step_it_is() {
        let (input, told) = told(async {
            let world = World::new().await;
            let input = world.begin(order()).await;
            world.sim.faults(vec![
                Fault::new(FaultEffect::HttpStatus { status: 502 }).on("baseentry", "getPlaybackContext"),
            ]);
            fetched(&world, &input).await.unwrap_err();
            world.sim.clear_faults();
            fetched(&world, &input).await.unwrap();
            input
        });
        let of_step: Vec<_> = told
            .events()
            .into_iter()
            .filter(|event| event["step"] == "fetch")
            .collect();
        for message in ["a call to kaltura failed", "step failed", "step done"] {
            let told = of_step.iter().any(|event| event["message"] == message);
            assert!(told, "{message}: {of_step:?}");
        }
        for event in of_step {
            assert_eq!(event["task_id"], input.task_id.as_str(), "{event}");
            assert_eq!(event["attempt"], 1, "{event}");
            for field in ["entry_id", "partner_id"] {
                assert!(event[field].is_string(), "{field}: {event}");
            }
        }
    }

    #[tokio::test]
    async fn near_the_deadline_it_stops_and_the_next_call_goes_on() {
        let (world, other) = (World::new().await, World::new().await);
        let whole = other.begin(order()).await;
        fetched(&other, &whole).await.unwrap();
        let input = world.begin(order()).await;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let mut invocation = Invocation::default();
        invocation.deadline = u64::try_from((now + LEFT_AT_THE_END).as_millis()).unwrap();
        let mut stops = 0;
        while let Err(error) = handle(&world.ctx, input.clone(), &invocation).await {
            assert_eq!(Diagnostic::from(error).error_type, "Unfinished");
            assert_eq!(world.record(&input.task_id).await.media, None);
            stops += 1;
        }
        assert!(stops > 0);
        let stored = async |world: &World, input: &StepInput| {
            let media = world.record(&input.task_id).await.media.unwrap();
            world.ctx.objects().unwrap().get(&media.key).await.unwrap()
        };
        assert!(stored(&world, &input).await.unwrap() == stored(&other, &whole).await.unwrap());
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
