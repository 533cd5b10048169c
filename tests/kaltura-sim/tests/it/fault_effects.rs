//! What injected faults look like on the wire.

use crate::bench::Bench;
use kaltura_sim::{AssetKind, Fault, FaultEffect, OrderRequest, PlacedOrder};
use serde_json::json;
use std::time::Duration;

async fn add(bench: &Bench, placed: &PlacedOrder) -> Result<(u16, String), reqwest::Error> {
    let url = format!(
        "{}/api_v3/service/caption_captionasset/action/add",
        bench.sim.service_url()
    );
    let params = json!({"ks": bench.key(&placed.task_id), "entryId": placed.entry_id, "format": 1,
        "captionAsset": {"language": "English"}});
    let answer = bench
        .http
        .post(url)
        .timeout(Duration::from_secs(5))
        .json(&params)
        .send()
        .await?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await?))
}

async fn hit(effect: FaultEffect) -> (Result<(u16, String), reqwest::Error>, usize, Option<String>) {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    bench.sim.faults(vec![
        Fault::new(effect)
            .on("caption_captionasset", "add")
            .for_task(&placed.task_id)
            .times(1),
    ]);
    let answer = add(&bench, &placed).await;
    let report = bench.report(&placed.task_id);
    let done = report.delivered(AssetKind::Caption).count();
    let logged = report.calls.last().and_then(|call| call.code.clone());
    assert_eq!(add(&bench, &placed).await.expect("the fault is spent").0, 200);
    (answer, done, logged)
}

#[tokio::test]
async fn answers_that_are_no_answers() {
    let (answer, done, logged) = hit(FaultEffect::HttpStatus { status: 503 }).await;
    assert_eq!(
        (answer.expect("an answer").0, done, logged.as_deref()),
        (503, 0, Some("fault:http_status"))
    );
    let (answer, done, _) = hit(FaultEffect::Html).await;
    let (status, body) = answer.expect("an answer");
    assert!(status == 200 && body.starts_with("<html>") && done == 0);
    let (answer, done, _) = hit(FaultEffect::Empty).await;
    assert_eq!((answer.expect("an answer"), done), ((200, String::new()), 0));
    let (answer, done, _) = hit(FaultEffect::Truncated).await;
    let body = answer.expect("an answer").1;
    assert!(body.starts_with('{') && serde_json::from_str::<serde_json::Value>(&body).is_err());
    assert_eq!(done, 1, "the work was done");
    let code = FaultEffect::api("ACTION_BLOCKED");
    let (answer, done, logged) = hit(code).await;
    assert!(answer.expect("an answer").1.contains("\"ACTION_BLOCKED\""));
    assert_eq!((done, logged.as_deref()), (0, Some("ACTION_BLOCKED")));
}

#[tokio::test]
async fn connections_that_break() {
    let (answer, done, _) = hit(FaultEffect::Reset).await;
    assert!(answer.is_err());
    assert_eq!(done, 0);
    let (answer, done, logged) = hit(FaultEffect::ReplyLost).await;
    assert!(answer.is_err());
    assert_eq!(
        (done, logged.as_deref()),
        (1, Some("fault:reply_lost")),
        "the work was done"
    );
}

/// A caller that hangs up doesn't undo what the server has begun.
#[tokio::test]
async fn a_late_answer_is_work_done_all_the_same() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    bench
        .sim
        .faults(vec![Fault::new(FaultEffect::Delay { ms: 150 }).times(1)]);
    let hasty = tokio::time::timeout(Duration::from_millis(50), add(&bench, &placed)).await;
    assert!(hasty.is_err());
    let done = async {
        while bench
            .report(&placed.task_id)
            .delivered(AssetKind::Caption)
            .count()
            == 0
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), done)
        .await
        .expect("the caption comes to be");
}
