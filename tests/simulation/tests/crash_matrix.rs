//! Every call that leaves a function, from an order's first poll to its deletion: the function dies before it, dies after it, is
//! refused, or never hears the answer. Each time the order is delivered, once. A live order goes the same way, through its event: it
//! makes many more calls, so each is struck in one of these ways, in turn, and in all four where `CRASH_POINTS` is `all`.

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

/// What is ordered.
#[derive(Debug, Clone, Copy)]
enum Ordered {
    /// Captions of a recording.
    Captions,
    /// Captions of a live event, whose engine says when it is over, or doesn't.
    Live {
        /// Whether it does.
        says_end: bool,
    },
}

/// One order, with one blow; and the calls that were made.
fn told(ordered: Ordered, plan: Plan) -> (Outcome, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut story = Story::new(1, plan);
        // There is a deletion to be disturbed, too.
        match ordered {
            Ordered::Captions => story.place_of(101, ONCE_PROCESSED).await,
            Ordered::Live { says_end } => story.place_live(101, ONCE_PROCESSED, 1_800, says_end).await,
        }
        story.until_all_have_ended().await;
        let calls = story.chaos().calls();
        (story.judge(), calls)
    })
}

/// In which ways a call is struck.
fn blows_at(ordered: Ordered, call: usize) -> Vec<Blow> {
    let turn = match ordered {
        Ordered::Captions => return BLOWS.to_vec(),
        _ if std::env::var("CRASH_POINTS").is_ok_and(|points| points == "all") => return BLOWS.to_vec(),
        Ordered::Live { says_end: true } => call,
        // The two events begin with the same calls: not in the same way there.
        Ordered::Live { says_end: false } => call + 2,
    };
    vec![BLOWS[turn % BLOWS.len()]]
}

/// Strikes at each call of an order's way in turn; `writes` must be among them.
fn each_call_is_struck(ordered: Ordered, writes: &[&str]) {
    let (calm, calls) = told(ordered, Plan::Calm);
    assert_eq!(calm.broken, []);
    assert_eq!(calm.ends, BTreeMap::from([("Delivered", 1)]), "{:?}", calm.told);
    // What comes after the delivery is polls of an idle vendor, all alike.
    let last = calls
        .iter()
        .rposition(|call| call == "bucket.delete_all")
        .unwrap();
    let calls_struck = last + 4;
    let mut points = 0;
    for call in 0..calls_struck {
        for blow in blows_at(ordered, call) {
            points += 1;
            let (outcome, made) = told(ordered, Plan::Once { call, blow });
            let what = format!("{blow:?} at call {call}, {}", made[call]);
            assert_eq!(outcome.blows, BTreeMap::from([(blow, 1)]), "{what}");
            assert_eq!(outcome.broken, [], "{what}");
            assert_eq!(outcome.ends, BTreeMap::from([("Delivered", 1)]), "{what}");
        }
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &calls[..calls_struck] {
        *kinds.entry(call).or_default() += 1;
    }
    println!("{ordered:?}: {calls_struck} calls, {points} crash points: {kinds:?}");
    let common = [
        "table.keep",
        "table.save",
        "queue.send",
        "states.start",
        "states.succeed",
        "bucket.put",
        "bucket.delete_all",
        "reach_entryvendortask.updateJob",
    ];
    for write in common.iter().chain(writes) {
        assert!(kinds.contains_key(write), "no blow fell at {write}");
    }
}

#[test]
fn each_call_may_be_the_last_one() {
    each_call_is_struck(
        Ordered::Captions,
        &[
            "bucket.put_media",
            "caption_captionasset.add",
            "caption_captionasset.setContent",
        ],
    );
}

/// What a live order has beside: its stream, those who listen, and Kaltura's event.
const OF_LIVE: [&str; 7] = [
    "streams.keep",
    "streams.save",
    "streams.delete",
    "streams.bind",
    "sockets.send",
    "sockets.close",
    "schedule_scheduleevent.updateLiveFeature",
];

#[test]
fn each_call_of_a_live_order_may_be_the_last_one() {
    each_call_is_struck(Ordered::Live { says_end: true }, &OF_LIVE);
}

#[test]
fn each_call_of_a_live_order_that_the_vendor_ends_may_be_the_last_one() {
    each_call_is_struck(Ordered::Live { says_end: false }, &OF_LIVE);
}
