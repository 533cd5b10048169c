//! The code and the infrastructure agree: error classes, metric names, settings.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use pipeline::Class;
use pipeline::telemetry::names;

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `ErrorEquals` value below `kind` (`Retry` or `Catch`) of the state machine's states.
fn matched(kind: &str) -> BTreeSet<String> {
    let machine: serde_json::Value = serde_json::from_str(&read("infra/reach-task.asl.json")).unwrap();
    let mut errors = BTreeSet::new();
    for state in machine["States"].as_object().unwrap().values() {
        for rule in state[kind].as_array().into_iter().flatten() {
            errors.extend(
                rule["ErrorEquals"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|e| e.as_str().unwrap().to_owned()),
            );
        }
    }
    errors
}

#[test]
fn the_state_machine_matches_the_classes_by_their_names() {
    for class in [Class::Retryable, Class::Unfinished] {
        assert!(
            matched("Retry").contains(class.name()),
            "{class:?} is not retried"
        );
    }
    let caught = matched("Catch");
    for class in [Class::Terminal, Class::Gone, Class::Stale] {
        assert!(caught.contains(class.name()), "{class:?} is not caught");
    }
    let ours: BTreeSet<&str> = [
        Class::Retryable,
        Class::Terminal,
        Class::Gone,
        Class::Stale,
        Class::Fault,
        Class::Unfinished,
    ]
    .map(Class::name)
    .into();
    for error in matched("Retry").union(&caught) {
        let known = ["States.", "Lambda.", "Runtime.", "Sandbox."]
            .iter()
            .any(|aws| error.starts_with(aws))
            || ours.contains(error.as_str());
        assert!(
            known,
            "the state machine matches `{error}`, which no function answers"
        );
    }
    for never_retried in [Class::Terminal, Class::Gone, Class::Stale, Class::Fault] {
        assert!(
            !matched("Retry").contains(never_retried.name()),
            "{never_retried:?} must not be retried"
        );
    }
}

#[test]
fn every_metric_is_in_the_template_and_the_readme() {
    let (template, readme) = (read("template.yaml"), read("README.md"));
    for name in names::ALL {
        assert!(
            template.contains(name),
            "{name} is neither on the dashboard nor in an alarm"
        );
        assert!(readme.contains(name), "{name} is not in the README");
    }
}

#[test]
fn the_loopback_exception_can_not_be_deployed() {
    assert!(!read("template.yaml").contains("REACH_ALLOW_LOOPBACK"));
    assert!(!read("samconfig.toml").contains("REACH_ALLOW_LOOPBACK"));
}

#[test]
fn every_alarm_has_its_page_in_the_runbook_and_every_page_its_alarm() {
    let (template, runbook) = (read("template.yaml"), read("infra/runbook.md"));
    let alarms: BTreeSet<&str> = template
        .lines()
        .zip(template.lines().skip(1))
        .filter(|(_, next)| next.trim() == "Type: AWS::CloudWatch::Alarm")
        .map(|(name, _)| name.trim().trim_end_matches(':'))
        .collect();
    let pages: BTreeSet<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert!(alarms.len() > 10, "{alarms:?}");
    assert_eq!(alarms, pages);
}
