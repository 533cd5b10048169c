//! Records of every version that was ever written are read: a redeploy in the midst of waiting tasks goes on with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use pipeline::record::{
    Duty, FIRST_CHECK_AFTER_S, RECORD_VERSION, RESEND_AFTER_S, Stage, TaskRecord, TaskState,
};

fn record(version: u32) -> TaskRecord {
    sample(&format!("record-v{version}"))
}

fn sample(name: &str) -> TaskRecord {
    let path = format!("{}/tests/records/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let json = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn each_version_has_a_sample_that_is_read() {
    for version in 1..=RECORD_VERSION {
        let record = record(version);
        assert_eq!(record.record_version, version);
        assert_eq!(record.history.len(), 1, "nothing is lost");
    }
}

#[test]
fn a_record_of_the_first_version_finds_its_way() {
    let mut record = record(1);
    assert_eq!(record.due(), Some((Duty::Send, 160 + RESEND_AFTER_S)));
    assert_eq!(record.stage(), Some(Stage::InFlight));
    record.state = TaskState::Running;
    record.claimed_epoch_s = Some(300);
    assert_eq!(record.due(), Some((Duty::Check, 300 + FIRST_CHECK_AFTER_S)));
}

#[test]
fn a_look_that_is_written_down_counts() {
    assert_eq!(record(2).due(), Some((Duty::Check, 5_000)));
}

/// A redeploy in the midst of a task: what the former code recognised is delivered, and not recognised again.
#[test]
fn a_result_of_the_second_version_is_that_of_the_one_work_there_was() {
    let record = sample("record-v2-recognised").upgraded();
    assert_eq!(record.next_work(), None);
    let result = record.results().next().unwrap();
    assert_eq!(
        (result.accuracy_percent, result.output.as_str()),
        (91, "transcript")
    );
    assert!(record.result.is_none(), "moved, not copied");
    assert_eq!(record.clone().upgraded(), record);
}

#[test]
fn what_waits_for_people_is_told_by_its_job() {
    let record = record(3).upgraded();
    let (index, accepted) = record.accepted().unwrap();
    assert_eq!((index, accepted.job_id.as_str()), (1, "reach-9292-1-hand-in"));
}
