//! Poll: every minute, what Kaltura has for us is kept and sent.
//!
//! Invoked by EventBridge Scheduler. The unit of failure is the whole poll: it is safe to repeat, and the next one does
//! what this one left. The logic is `pipeline::steps::poll`.

use lambda_runtime::Context as Invocation;
use pipeline::steps::poll::{self, PollReport};
use pipeline::{Builder, Context, Result};
use serde_json::Value;

/// What this function works with.
pub async fn context() -> Result<Context> {
    Builder::from_env().await?.with_queue()?.build()
}

/// Polls once. The event says nothing that is needed.
pub async fn handle(ctx: &Context, _event: Value, invocation: &Invocation) -> Result<PollReport> {
    poll::run(ctx, &invocation.request_id).await
}

#[cfg(test)]
mod tests {
    use kaltura_sim::{AppTokenConfig, SimConfig};
    use serde_json::json;
    use step_world::{World, order, told};

    use super::*;

    async fn polled(world: &World) -> Result<PollReport> {
        handle(&world.ctx, json!({}), &Invocation::default()).await
    }

    #[tokio::test]
    async fn a_poll_reports_what_it_kept_and_sent() {
        let world = World::new().await;
        world.place(order()).await;
        let report = polled(&world).await.unwrap();
        assert_eq!((report.listed, report.kept, report.sent), (1, 1, 1));
        assert_eq!(world.queue.take_all().len(), 1);
    }

    #[tokio::test]
    async fn a_list_that_is_null_is_an_empty_one() {
        let world = World::with_answers("getJobs", |page| page["objects"] = json!(null)).await;
        world.place(order()).await;
        let report = polled(&world).await.unwrap();
        assert_eq!((report.listed, report.kept), (0, 0));
    }

    /// Ids in every spelling, values that this version doesn't know, and jobs that can't be read, all in one page.
    #[tokio::test]
    async fn a_strange_job_harms_no_other() {
        let world = World::with_answers("getJobs", |page| {
            let Some(jobs) = page["objects"].as_array_mut().filter(|jobs| jobs.len() == 7) else {
                return;
            };
            jobs[0]["id"] = json!(9_007_199_254_740_993_u64);
            jobs[1]["id"] = json!("9007199254740995");
            jobs[1]["partnerId"] = json!("102");
            jobs[2]["serviceFeature"] = json!(4711);
            jobs[3]["serviceType"] = json!(4711);
            jobs[3]["somethingNew"] = json!({ "objectType": "KalturaFuture" });
            jobs[4]["id"] = json!("../1");
            jobs[5] = json!("no object");
        })
        .await;
        let mut ids = Vec::new();
        for n in 0..7 {
            // A second apart, since jobs of one second come in no order.
            let mut request = order();
            request.created_at_epoch_s = Some(world.sim.now_ms() / 1_000 - 60 + n);
            ids.push(world.place(request).await.to_string());
        }
        let report = polled(&world).await.unwrap();
        assert_eq!(
            (report.listed, report.unreadable, report.left_alone, report.kept),
            (7, 2, 1, 4)
        );
        let mut kept: Vec<String> = world
            .queue
            .take_all()
            .iter()
            .map(|(task_id, _)| task_id.to_string())
            .collect();
        kept.sort();
        let mut expected = vec![
            "9007199254740993".to_owned(),
            "9007199254740995".to_owned(),
            ids[3].clone(),
            ids[6].clone(),
        ];
        expected.sort();
        assert_eq!(kept, expected);
    }

    /// Only the token itself can carry the privilege, so an operator has to hear of it.
    #[test]
    fn an_app_token_without_the_privilege_is_said_in_log_and_metric() {
        const METRIC: &str = "AppTokenWithoutDisableEntitlement";
        for (privileges, times) in [("", 1), ("disableentitlement", 0)] {
            let app_token = AppTokenConfig {
                privileges: privileges.to_owned(),
                ..AppTokenConfig::default()
            };
            let (report, told) = told(async {
                let world = World::at(SimConfig {
                    app_token,
                    ..SimConfig::default()
                })
                .await;
                world.place(order()).await;
                polled(&world).await
            });
            assert_eq!(
                report.unwrap().kept,
                1,
                "it works on, for entries without entitlement"
            );
            assert_eq!(told.counted.get(METRIC).copied().unwrap_or(0), times, "{told:?}");
            assert_eq!(
                told.log.contains("the app token carries no `disableentitlement`"),
                times == 1,
                "{told:?}"
            );
        }
    }
}
