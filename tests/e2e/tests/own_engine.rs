//! Orders that the vendor's own engine works on, through the real template: signed jobs, links by the door, and the engine's
//! word that a job has ended. The engine is the sample one; it also tells which language it hears.
//!
//! Needs what `infra/local/setup run` makes; `tests/run` calls it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::time::{Duration, Instant};

use kaltura_sim::{AssetKind, CatalogItemSpec, EntrySpec, OrderReport, OrderRequest};
use pipeline::record::TaskState;
use reach_local::{LocalStack, Options, Said, Sentence, Speech, TaskView, Worker};

const SOON: Duration = Duration::from_mins(2);

const SPANISH: [&str; 2] = [
    "El agua de los montes baja con el viento y el polvo.",
    "Los campos que riega son los de siempre, y el pueblo vive de ellos.",
];

fn said(sentences: &[&str]) -> Said {
    let sentences = (0..).zip(sentences).map(|(number, text)| Sentence {
        text: (*text).to_owned(),
        start_ms: 4_000 * number,
        end_ms: 4_000 * number + 3_500,
    });
    Said {
        duration_ms: 10_000,
        sentences: sentences.collect(),
    }
}

/// Orders captions of media in that language, and answers how the task ended and what Kaltura has of it.
async fn ordered(stack: &LocalStack, speech: &Speech, language: &str) -> (TaskView, OrderReport) {
    let placed = stack
        .place_order(OrderRequest {
            entry: EntrySpec {
                media: Some(speech.media.clone()),
                ..EntrySpec::default()
            },
            catalog_item: CatalogItemSpec {
                source_language: language.to_owned(),
                ..CatalogItemSpec::default()
            },
            ..OrderRequest::default()
        })
        .await
        .unwrap();
    // A poll that meets another one at work leaves everything to that one, which may have asked before the order was placed.
    let begun = Instant::now();
    loop {
        stack.poll_now().await.unwrap();
        let within = Duration::from_secs(3);
        let kept = stack
            .wait_for_task(placed.task_id.as_str(), within, |_| true)
            .await;
        if kept.is_ok() {
            break;
        }
        assert!(begun.elapsed() < SOON, "{kept:?}");
    }
    let task = stack
        .wait_for_task(placed.task_id.as_str(), SOON, TaskView::has_ended)
        .await
        .unwrap();
    let report = stack.sim().unwrap().order(&placed.task_id).unwrap();
    (task, report)
}

/// The languages and the texts of the captions that were delivered.
fn captions(report: &OrderReport) -> Vec<(String, String)> {
    let assets = report.delivered(AssetKind::Caption);
    assets
        .map(|asset| {
            let language = asset.fields["language"].as_str().unwrap().to_owned();
            let file = std::fs::read_to_string(asset.file.as_ref().unwrap()).unwrap();
            (language, file.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_engine_hears_what_was_ordered_or_something_else() {
    let options = Options {
        worker: Worker::Http,
        ..Options::sim("own-engine")
    };
    let stack = LocalStack::up(options).await.unwrap();
    stack.scale_waits(0.02).await.unwrap();
    let speech = stack.speech().await.unwrap();
    let speech = &speech[0];

    // What was ordered.
    stack
        .engine_hears(&Said::read(speech.description.as_ref().unwrap()).unwrap())
        .unwrap();
    let (task, report) = ordered(&stack, speech, "English").await;
    assert_eq!(task.state, TaskState::Delivered, "{task:?}");
    assert_eq!(captions(&report).len(), 1);
    assert_eq!(captions(&report)[0].0, "English");

    // Another language: ERROR with both, and nothing delivered.
    stack.engine_hears(&said(&SPANISH)).unwrap();
    let (task, report) = ordered(&stack, speech, "English").await;
    assert_eq!(task.state, TaskState::Failed, "{task:?}");
    assert!(task.steps.iter().any(|step| step.name == "FailOrder"), "{task:?}");
    assert!(report.refunded);
    let told = report.task["errDescription"].as_str().unwrap();
    assert!(
        told.contains("\"English\"") && told.contains("\"Spanish\""),
        "{told}"
    );
    assert!(captions(&report).is_empty());

    // The same sound where the customer left the language open.
    let (task, report) = ordered(&stack, speech, "Auto Detect").await;
    assert_eq!(task.state, TaskState::Delivered, "{task:?}");
    let captions = captions(&report);
    assert_eq!(captions.len(), 1);
    let (language, text) = &captions[0];
    assert_eq!(language, "Spanish");
    assert!(text.contains("El agua de los montes"), "{text}");

    stack.down().await;
}
