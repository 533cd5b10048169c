//! Sweep: what was stored for ended tasks is deleted by the customers' policies.
//!
//! Invoked by EventBridge Scheduler. The unit of failure is the task: one whose data can't be deleted now is counted, the
//! others are unharmed. The logic is `pipeline::steps::sweep`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::sweep::{self, SweepReport};
use pipeline::{Builder, Context, Result};
use serde_json::Value;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env()
        .await?
        .with_objects()?
        .with_engines_at_hand()
        .await?
        .with_streams()?
        .build()
}

/// Deletes what is due. The event says nothing that is needed.
pub async fn handle(ctx: &Context, _event: Value, _invocation: &Invocation) -> Result<SweepReport> {
    sweep::run(ctx).await
}

#[cfg(test)]
mod tests {
    use kaltura_sim::ProfileSpec;
    use pipeline::ports::ObjectStore;
    use pipeline::record::FUNCTION_ENDS_WITHIN_S;
    use serde_json::json;
    use step_world::{World, order};

    use super::*;

    /// `DELETE_AFTER_WEEK`.
    const AFTER_WEEK: i64 = 3;
    const WEEK_S: u64 = 7 * 24 * 60 * 60;

    #[tokio::test]
    async fn nothing_of_a_task_is_left_once_its_time_has_come() {
        let world = World::new().await;
        let mut request = order();
        request.profile = ProfileSpec {
            content_deletion_policy: AFTER_WEEK,
            ..ProfileSpec::default()
        };
        let input = world.begin(request).await;
        world.run_to_the_end(&input).await;
        let record = world.record(&input.task_id).await;
        let media = record.media.unwrap().key;
        let swept = async || {
            handle(&world.ctx, json!({}), &Invocation::default())
                .await
                .unwrap()
        };

        world.advance(WEEK_S - 60);
        assert_eq!(swept().await, SweepReport::default(), "not before its time");
        assert!(world.bucket.get(&media).await.unwrap().is_some());

        world.advance(120);
        assert_eq!(
            swept().await,
            SweepReport::default(),
            "a function may work on for a while"
        );
        world.advance(FUNCTION_ENDS_WITHIN_S);
        let report = swept().await;
        // The order, the media, the transcript and the caption.
        assert_eq!((report.swept, report.failed, report.objects), (1, 0, 4));
        let record = world.record(&input.task_id).await;
        let deleted = record.deleted.unwrap();
        assert_eq!((deleted.objects, deleted.size_bytes), (4, report.size_bytes));
        assert!(report.size_bytes > 0 && record.plan.is_none() && record.media.is_none());
        assert!(world.bucket.get(&media).await.unwrap().is_none());
        assert_eq!(swept().await, SweepReport::default(), "once is enough");
    }

    #[tokio::test]
    async fn a_customer_without_a_wish_keeps_the_data_for_the_lifecycle_rule() {
        let world = World::new().await;
        let input = world.begin(order()).await;
        world.run_to_the_end(&input).await;
        world.advance(10 * WEEK_S);
        let report = handle(&world.ctx, json!({}), &Invocation::default())
            .await
            .unwrap();
        assert_eq!(report, SweepReport::default());
        let media = world.record(&input.task_id).await.media.unwrap().key;
        assert!(world.bucket.get(&media).await.unwrap().is_some());
    }
}
