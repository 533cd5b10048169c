//! Every state of the machine that calls a function: repeated, and failed in each way that the machine knows of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use pipeline::record::{TaskRecord, TaskState};
use serde_json::Value;
use simulation::{Plan, Story, Trick};

const DEFINITION: &str = include_str!("../../../infra/reach-task.asl.json");

/// A name that no rule of the machine knows.
const UNKNOWN: &str = "Runtime.Something";

/// How one order ended, and which states it went through.
struct Told {
    record: Arc<TaskRecord>,
    visited: BTreeMap<String, usize>,
}

/// One order, to which these things happen.
fn told(tricks: &[(&str, Trick)]) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut story = Story::new(1, Plan::Calm);
        for (state, trick) in tricks {
            story.play(state, trick.clone());
        }
        story.place().await;
        story.until_all_have_ended().await;
        assert!(story.all_is_played(), "{tricks:?} did not come about");
        let record = story.records().remove(0);
        let outcome = story.judge();
        assert_eq!(outcome.broken, [], "{tricks:?}: {:#?}", record.history);
        Told {
            record,
            visited: outcome.visited,
        }
    })
}

/// The states that call a function, with how often each is tried again at most.
fn states() -> Vec<(String, usize)> {
    let definition: Value = serde_json::from_str(DEFINITION).unwrap();
    let states = definition["States"].as_object().unwrap();
    let tasks = states.iter().filter(|(_, state)| state["Type"] == "Task");
    tasks
        .map(|(name, state)| {
            let rules = state["Retry"].as_array().unwrap();
            let rule = rules.iter().find(|rule| {
                rule["ErrorEquals"]
                    .as_array()
                    .unwrap()
                    .contains(&"Retryable".into())
            });
            let at_most = rule.unwrap()["MaxAttempts"].as_u64().unwrap();
            (name.clone(), usize::try_from(at_most).unwrap())
        })
        .collect()
}

/// What must happen before a state is reached.
fn way_to(state: &str) -> Vec<(&'static str, Trick)> {
    match state {
        "FailOrder" => vec![("Fetch", Trick::fail("Terminal", 1))],
        "CloseGone" => vec![("Fetch", Trick::fail("Gone", 1))],
        "Park" => vec![("Fetch", Trick::fail(UNKNOWN, 1))],
        _ => Vec::new(),
    }
}

/// How an order ends that comes through a state undisturbed.
fn end_of(state: &str) -> TaskState {
    match state {
        "FailOrder" => TaskState::Failed,
        "CloseGone" => TaskState::Gone,
        _ => TaskState::Delivered,
    }
}

fn played(state: &str, trick: Trick) -> Told {
    let mut tricks = way_to(state);
    tricks.push((state, trick));
    told(&tricks)
}

#[test]
fn a_state_that_is_repeated_changes_nothing() {
    for (state, _) in states() {
        let told = played(&state, Trick::Repeat);
        assert_eq!(told.record.state, end_of(&state), "{state}");
        let attempts = if state == "Park" { 2 } else { 1 };
        assert_eq!(told.record.attempt, attempts, "{state}");
    }
}

#[test]
fn a_fetch_that_is_not_done_goes_on_and_on() {
    let told = played("Fetch", Trick::fail("Unfinished", 200));
    assert_eq!(told.record.state, TaskState::Delivered);
    assert_eq!((told.visited["Fetch"], told.visited.get("Park")), (201, None));
}

#[test]
fn what_the_other_side_keeps_for_a_minute_is_asked_for_later() {
    let told = played("Fetch", Trick::fail("RetryLater", 3));
    assert_eq!(told.record.state, TaskState::Delivered);
    assert_eq!((told.visited["Fetch"], told.visited.get("Park")), (4, None));
    let history = &told.record.history;
    let (first, last) = (history.first().unwrap(), history.last().unwrap());
    assert!(
        last.at_epoch_s - first.at_epoch_s > 61 + 122 + 244,
        "{history:#?}"
    );
}

#[test]
fn a_passing_fault_is_tried_again_as_often_as_the_machine_says() {
    for (state, at_most) in states() {
        for error in ["Retryable", "Lambda.TooManyRequestsException", "Sandbox.Timedout"] {
            let told = played(&state, Trick::fail(error, at_most));
            assert_eq!(told.record.state, end_of(&state), "{state}, {error}");
            let parks = usize::from(state == "Park") * (1 + at_most);
            assert_eq!(
                told.visited.get("Park").copied().unwrap_or(0),
                parks,
                "{state}, {error}"
            );
        }
    }
}

#[test]
fn out_of_retries_and_by_an_unknown_fault_it_is_parked_and_goes_on() {
    for (state, at_most) in states() {
        for trick in [Trick::fail("Retryable", at_most + 1), Trick::fail(UNKNOWN, 1)] {
            let told = played(&state, trick.clone());
            assert!(told.visited.contains_key("Park"), "{state}, {trick:?}");
            let mut parked = told.record.history.iter();
            assert!(
                parked.any(|entry| entry.what.starts_with("parked for")),
                "{state}, {trick:?}: {:#?}",
                told.record.history
            );
            // A failure that could not be told is looked into once more: by then there is none.
            let end = match state.as_str() {
                "CloseGone" => TaskState::Gone,
                _ => TaskState::Delivered,
            };
            assert_eq!(
                (told.record.state, told.record.attempt),
                (end, 2),
                "{state}, {trick:?}"
            );
        }
    }
}

#[test]
fn a_terminal_fault_ends_the_order_with_its_own_cause() {
    for (state, _) in states() {
        // Fail and close don't fail terminally; if they did, they would be parked.
        if matches!(state.as_str(), "FailOrder" | "CloseGone" | "Park") {
            continue;
        }
        let told = played(&state, Trick::fail("Terminal", 1));
        assert_eq!(told.record.state, TaskState::Failed, "{state}");
        assert_eq!(
            told.record.failure.as_ref().unwrap().name,
            Trick::CAUSE,
            "{state}"
        );
        assert_eq!(told.visited.get("FailOrder"), Some(&1), "{state}");
        assert!(!told.visited.contains_key("Park"), "{state}");
    }
}

#[test]
fn an_order_that_is_gone_is_closed_from_everywhere() {
    for (state, _) in states() {
        let mut tricks = way_to(&state);
        // The way to this one has withdrawn it already.
        if state != "CloseGone" {
            tricks.push((state.as_str(), Trick::fail("Gone", 1)));
        }
        let told = told(&tricks);
        assert_eq!(told.record.state, TaskState::Gone, "{state}");
        assert_eq!(told.record.failure.is_some(), state == "FailOrder", "{state}");
    }
}

#[test]
fn an_attempt_that_is_out_of_date_stops_and_the_order_goes_on() {
    for (state, _) in states() {
        let told = played(&state, Trick::fail("Stale", 1));
        assert!(told.visited.contains_key("Superseded"), "{state}");
        let end = match state.as_str() {
            "CloseGone" => TaskState::Gone,
            _ => TaskState::Delivered,
        };
        assert_eq!(told.record.state, end, "{state}");
    }
}
