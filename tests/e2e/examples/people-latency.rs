//! How long the list and a save take with many open orders, measured at the API of a deployed local stack: `tests/bench people`.
//!
//! The orders are copies of one that waits, put into the table by the adapter itself; each has a due time of its own. Bare queries,
//! as the list makes them, tell how much of its time is the emulated table's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::cast_precision_loss,
    reason = "a measurement: a panic is its verdict"
)]

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kaltura_sim::OrderRequest;
use pipeline::aws::dynamodb::Table;
use pipeline::people::PeopleList;
use pipeline::ports::{PeopleIndex as _, Stretch, TaskStore as _};
use reach_local::{LocalStack, Options};
use serde_json::json;

const ROUNDS: usize = 40;

#[tokio::main]
async fn main() {
    let orders: u64 = std::env::args()
        .nth(1)
        .map_or(10_000, |count| count.parse().expect("a number"));
    let stack = LocalStack::up(Options::sim("bench-people")).await.unwrap();
    let speech = stack.speech().await.unwrap();
    let mut order = OrderRequest {
        service_type: 1,
        ..OrderRequest::default()
    };
    order.entry.media = Some(speech[0].media.clone());
    reach_local::LANGUAGE.clone_into(&mut order.catalog_item.source_language);
    let placed = stack.place_order(order).await.unwrap();
    stack.poll_now().await.unwrap();
    let id = placed.task_id.to_string().parse().unwrap();
    let table = Table::new(
        aws_sdk_dynamodb::Client::new(stack.sdk()),
        stack.output("TasksTable").unwrap(),
    );
    let begun = Instant::now();
    let record = loop {
        let record = table.load(&id).await.unwrap();
        if let Some(record) = record.filter(pipeline::handin::is_waited_for) {
            break record;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(5),
            "the order does not wait for people"
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    let due_epoch_s = record
        .expected_finish_epoch_s
        .unwrap_or(record.queue_time_epoch_s);
    futures::stream::iter(1..orders)
        .for_each_concurrent(16, async |n| {
            let mut copy = record.clone();
            copy.task_id = format!("5{n:07}").parse().unwrap();
            copy.expected_finish_epoch_s = Some(due_epoch_s + n * 7_919 % 100_000);
            table.keep(&copy).await.unwrap();
        })
        .await;
    eprintln!(
        "{orders} open orders after {:.0} s",
        begun.elapsed().as_secs_f64()
    );

    let url = format!("{}api/", stack.output("PeopleUrl").unwrap());
    let http = reqwest::Client::new();
    let ana = stack.login("ana").unwrap();
    let get = async |path: &str| {
        let answer = http
            .get(format!("{url}{path}"))
            .bearer_auth(&ana)
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().await.unwrap()
        );
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let take = http
        .post(format!("{url}orders/{id}/take"))
        .bearer_auth(&ana)
        .send()
        .await
        .unwrap();
    assert!(take.status().is_success());
    let mut etag: Option<String> = None;
    println!("| at {orders} open orders | median ms | p95 ms |\n| --- | --- | --- |");
    for (what, path) in [
        ("nothing but a login (`GET api/me`)", "me"),
        ("first page of 50", "orders?limit=50"),
        (
            "first page, one service and language",
            "orders?limit=50&service=captions&language=en",
        ),
        ("page from the middle", "orders?limit=50&cursor=MIDDLE"),
        ("my orders", "orders?state=mine"),
    ] {
        let path = path.replace("MIDDLE", &format!("{:012}-1", due_epoch_s + 50_000));
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            get(&path).await;
            times.push(begun.elapsed());
        }
        tell(what, times);
    }
    for limit in [51, 204] {
        let stretch = Stretch {
            list: PeopleList::Open,
            after: None,
            before: None,
            limit,
        };
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            assert_eq!(table.waiting(stretch).await.unwrap().len(), limit);
            times.push(begun.elapsed());
        }
        tell(
            &format!("bare: a query of {limit} entries, without the API"),
            times,
        );
    }
    let cues: Vec<_> = (0..1_000_u64)
        .map(|n| json!({ "id": format!("c{n}"), "start_ms": n * 3_000, "end_ms": n * 3_000 + 2_500, "text": "Some words of a cue." }))
        .collect();
    let body = json!({ "cues": cues });
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let put = http
            .put(format!("{url}orders/{id}/draft"))
            .bearer_auth(&ana)
            .json(&body);
        let put = match &etag {
            Some(etag) => put.header("if-match", etag),
            None => put.header("if-none-match", "*"),
        };
        let begun = Instant::now();
        let answer = put.send().await.unwrap();
        times.push(begun.elapsed());
        assert!(answer.status().is_success(), "{}", answer.status());
        etag = Some(answer.headers()["etag"].to_str().unwrap().to_owned());
    }
    tell("save of a draft of 1,000 cues", times);
    stack.down().await;
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let ms = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!("| {what} | {:.0} | {:.0} |", ms(50), ms(95));
}
