//! Every call that leaves a function, from an order's first poll to its deletion: the function dies before it, dies after it, is
//! refused, or never hears the answer. Each time the order is delivered, once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::collections::BTreeMap;

use simulation::story::ONCE_PROCESSED;
use simulation::{Blow, Outcome, Plan, Story};

const BLOWS: [Blow; 4] = [Blow::DieBefore, Blow::DieAfter, Blow::ReplyLost, Blow::Refused];

/// One order, with one blow; and the calls that were made.
fn told(plan: Plan) -> (Outcome, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut story = Story::new(1, plan);
        // There is a deletion to be disturbed, too.
        story.place_of(101, ONCE_PROCESSED).await;
        story.until_all_have_ended().await;
        let calls = story.chaos().calls();
        (story.judge(), calls)
    })
}

#[test]
fn each_call_may_be_the_last_one() {
    let (calm, calls) = told(Plan::Calm);
    assert_eq!(calm.broken, []);
    assert_eq!(calm.ends, BTreeMap::from([("Delivered", 1)]));
    // What comes after the delivery is polls of an idle vendor, all alike.
    let last = calls
        .iter()
        .rposition(|call| call == "bucket.delete_all")
        .unwrap();
    let points = last + 4;
    for call in 0..points {
        for blow in BLOWS {
            let (outcome, made) = told(Plan::Once { call, blow });
            let what = format!("{blow:?} at call {call}, {}", made[call]);
            assert_eq!(outcome.blows, BTreeMap::from([(blow, 1)]), "{what}");
            assert_eq!(outcome.broken, [], "{what}");
            assert_eq!(outcome.ends, BTreeMap::from([("Delivered", 1)]), "{what}");
        }
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &calls[..points] {
        *kinds.entry(call).or_default() += 1;
    }
    println!("{points} calls, {} crash points: {kinds:?}", points * BLOWS.len());
    for write in [
        "table.keep",
        "table.save",
        "queue.send",
        "states.start",
        "states.succeed",
        "bucket.put",
        "bucket.put_media",
        "bucket.delete_all",
        "caption_captionasset.add",
        "caption_captionasset.setContent",
        "reach_entryvendortask.updateJob",
    ] {
        assert!(kinds.contains_key(write), "no blow fell at {write}");
    }
}
