//! The code and the infrastructure agree: error classes, metric names, settings.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use kaltura::ErrorClass;
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
    for class in [Class::Retryable, Class::RetryLater, Class::Unfinished] {
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
        Class::RetryLater,
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

/// Kaltura's servers keep an empty manifest for a minute (spec 6.2), and the fetch says so.
#[test]
fn what_is_kept_for_a_minute_is_not_asked_for_within_it() {
    let machine: serde_json::Value = serde_json::from_str(&read("infra/reach-task.asl.json")).unwrap();
    let rules = machine["States"]["Fetch"]["Retry"].as_array().unwrap();
    let name = serde_json::Value::from(Class::RetryLater.name());
    let rule = rules
        .iter()
        .find(|rule| rule["ErrorEquals"].as_array().unwrap().contains(&name))
        .unwrap();
    assert!(rule["IntervalSeconds"].as_u64().unwrap() > 60, "{rule}");
    assert!(rule["BackoffRate"].as_u64().unwrap() >= 1, "{rule}");
    // Full jitter draws the pause from zero on.
    assert_eq!(rule.get("JitterStrategy"), None, "{rule}");
    assert!(rule["MaxAttempts"].as_u64().unwrap() > 1, "{rule}");
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

/// The lines of a section of the template, by the name that stands at the margin.
fn section(template: &str, name: &str) -> Vec<String> {
    template
        .lines()
        .skip_while(|line| *line != format!("{name}:"))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']))
        .map(str::to_owned)
        .collect()
}

/// The names in a section, with the lines that belong to each.
fn blocks(section: &[String]) -> Vec<(String, Vec<&str>)> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for line in section {
        let indent = line.len() - line.trim_start().len();
        match line.trim_end().strip_suffix(':') {
            Some(name) if indent == 2 => found.push((name.trim().to_owned(), Vec::new())),
            _ => {
                if let Some((_, lines)) = found.last_mut() {
                    lines.push(line);
                }
            }
        }
    }
    found
}

#[test]
fn every_parameter_is_in_the_readme_with_its_default_and_no_other() {
    let template = read("template.yaml");
    let readme = read("README.md");
    let rows: Vec<Vec<String>> = readme
        .lines()
        .skip_while(|line| *line != "### Parameters")
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect();
    let parameters = section(&template, "Parameters");
    let parameters = blocks(&parameters);
    assert!(parameters.len() > 20, "{parameters:?}");
    let told: Vec<String> = rows.iter().map(|row| row[0].replace('`', "")).collect();
    let named: Vec<&String> = parameters.iter().map(|(name, _)| name).collect();
    assert_eq!(named, told.iter().collect::<Vec<_>>(), "in the same order");
    for ((name, lines), row) in parameters.iter().zip(&rows) {
        let of = |field: &str| lines.iter().find_map(|line| line.trim().strip_prefix(field));
        assert!(of("Description:").is_some(), "{name} has no description");
        assert!(
            ["AllowedPattern:", "AllowedValues:", "MinValue:"]
                .iter()
                .any(|field| of(field).is_some()),
            "{name} takes anything"
        );
        let expected = match of("Default:").map(|default| default.trim().trim_matches('"')) {
            None => "must be given".to_owned(),
            Some("") => "(none)".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        assert_eq!(row.last(), Some(&expected), "{name}");
        for value in of("AllowedValues:")
            .into_iter()
            .flat_map(|all| all.trim().trim_matches(['[', ']']).split(", "))
        {
            let value = value.trim_matches('"');
            assert!(row[1].contains(&format!("`{value}`")), "{name}: {value}");
        }
    }
}

/// A stack's operators are told by nothing else that a call got lost.
#[test]
fn every_schedule_and_queue_has_its_retries_and_its_dead_letter_queue() {
    let template = read("template.yaml");
    let resources = section(&template, "Resources");
    let mut schedules = 0;
    for (name, lines) in blocks(&resources) {
        let text = lines.join("\n");
        if text.contains("Type: ScheduleV2") {
            schedules += 1;
            for part in [
                "RetryPolicy:",
                "DeadLetterConfig:",
                "OnFailure:",
                "MaximumRetryAttempts:",
            ] {
                assert!(text.contains(part), "{name}: {part}");
            }
        }
        if text.contains("Type: AWS::SQS::Queue\n") && !name.ends_with("Dlq") {
            assert!(text.contains("deadLetterTargetArn"), "{name}");
        }
        if text.contains("Type: AWS::Serverless::Function") {
            for part in [
                "Role: !GetAtt",
                "MemorySize:",
                "Timeout:",
                "LogGroup:",
                "AutoPublishAliasAllProperties: true",
            ] {
                assert!(text.contains(part), "{name}: {part}");
            }
        }
    }
    assert_eq!(schedules, 4);
}

/// No action of all, and no resource of all but where AWS knows none: traces and log delivery, some of Amazon's engines, and in
/// the key's own policy, where it means the key.
#[test]
fn roles_may_do_what_they_need_and_no_more() {
    let template = read("template.yaml");
    let resources = section(&template, "Resources");
    let mut sessions = Vec::new();
    for (name, lines) in blocks(&resources) {
        let text = lines.join("\n");
        if name.ends_with("Role") || text.contains("Type: AWS::IAM::ManagedPolicy") {
            assert!(!text.contains("Action: \"*\"") && !text.contains(":*]"), "{name}");
            for statement in text.split("- Sid: ").skip(1) {
                let is_known = [
                    "Traces",
                    "LogDeliveryAndTraces",
                    "StartJobs",
                    "ListJobsAndMakeVocabularies",
                    "TranslateAndSpeak",
                    "ListJobs\n",
                ]
                .iter()
                .any(|sid| statement.starts_with(sid));
                assert!(
                    is_known || !statement.contains("Resource: \"*\""),
                    "{name}: {statement}"
                );
            }
            assert!(
                !text.contains("StringLike: { \"s3:prefix\""),
                "{name}: a GetObject that finds nothing brings no prefix, and would be refused"
            );
        }
        if text.contains("!Ref VendorSession") {
            sessions.push(name);
        }
    }
    for stranger in ["SweepRole", "ProcessRole", "EndedRole"] {
        assert!(
            !sessions.contains(&stranger.to_owned()),
            "{stranger} never calls Kaltura"
        );
    }
    assert_eq!(sessions.len(), 8, "{sessions:?}");
}

/// `render` finds ffmpeg and ffprobe on its path, `fetch` by its setting.
#[test]
fn functions_that_run_programs_have_the_layer_with_them() {
    let template = read("template.yaml");
    let resources = section(&template, "Resources");
    let resources = blocks(&resources);
    let block = |name: &str| {
        resources
            .iter()
            .find(|(found, _)| found == name)
            .unwrap()
            .1
            .join("\n")
    };
    let makefile = read("infra/layers/ffmpeg/Makefile");
    for function in ["Render", "Fetch", "People", "Process"] {
        let layers = "Layers: [!If [OnArm64, !Ref FfmpegArm64Layer, !Ref FfmpegX8664Layer]]";
        assert!(block(function).contains(layers), "{function}");
    }
    assert!(block("Fetch").contains("REACH_FFMPEG: /opt/bin/ffmpeg"));
    for layer in ["FfmpegArm64Layer", "FfmpegX8664Layer"] {
        assert!(
            block(layer).contains("ContentUri: infra/layers/ffmpeg"),
            "{layer}"
        );
        assert!(makefile.contains(&format!("\nbuild-{layer}:\n")), "{layer}");
    }
}

#[test]
fn each_alarm_tells_somebody_and_says_what_silence_means() {
    let template = read("template.yaml");
    let alarms: Vec<(&str, &str)> = template
        .split("\n  ")
        .scan("", |name, part| {
            let head = part.lines().next().unwrap_or_default();
            if !head.starts_with(' ') {
                *name = head.trim_end_matches(':');
            }
            Some((*name, part))
        })
        .collect();
    let block = |alarm: &str| -> String {
        let parts = alarms.iter().filter(|(name, _)| *name == alarm);
        let parts: Vec<&str> = parts.map(|(_, part)| *part).collect();
        parts.join("\n") + "\n"
    };
    let names: BTreeSet<&str> = alarms.iter().map(|(name, _)| *name).collect();
    let mut seen = 0;
    for name in names.into_iter().filter(|name| name.ends_with("Alarm")) {
        let block = block(name);
        assert!(
            block.contains("AlarmActions: !If [TellOfAlarms, [!Ref AlarmTopicArn]"),
            "{name}"
        );
        assert!(block.contains("TreatMissingData: "), "{name}");
        seen += 1;
    }
    assert!(seen > 12, "{seen}");
    // Where nothing is told, nothing works: no poll, no sweep. The first within five minutes.
    for (alarm, metric, period_s) in [
        ("NoPollAlarm", "PollOk", 300),
        ("DeletionOverdueAlarm", "DeletionOverdueS", 3_600),
    ] {
        let block = block(alarm);
        for line in [
            format!("MetricName: {metric}\n"),
            format!("Period: {period_s}\n"),
            "EvaluationPeriods: 1\n".to_owned(),
            "TreatMissingData: breaching\n".to_owned(),
        ] {
            assert!(block.contains(&line), "{alarm} has no `{line}`");
        }
    }
}

/// What an operator is to be told of, as far as a metric of ours tells it.
#[test]
fn there_is_an_alarm_for_whatever_must_not_be() {
    let template = read("template.yaml");
    let alarms = &template[template.find("  NoPollAlarm:").unwrap()..template.find("  Dashboard:").unwrap()];
    for metric in [
        names::POLL_OK,
        names::TASKS_PARKED,
        names::KEY_MARGIN_S,
        names::DEADLINE_MARGIN_S,
        names::OLDEST_UNCLAIMED_AGE_S,
        names::TASKS_ENDED,
        names::KALTURA_ERRORS,
        names::DELETION_OVERDUE_S,
        names::RECONCILED,
        names::INVARIANTS_BROKEN,
        names::EVENTS_OVER,
    ] {
        assert!(alarms.contains(&format!("MetricName: {metric}")), "{metric}");
    }
    let resources = section(&template, "Resources");
    let resources = blocks(&resources);
    let dead_letters = resources.iter().filter(|(name, lines)| {
        name.ends_with("Dlq") && lines.iter().any(|line| line.trim() == "Type: AWS::SQS::Queue")
    });
    let mut queues = 0;
    for (queue, _) in dead_letters {
        assert!(alarms.contains(&format!("!GetAtt {queue}.QueueName")), "{queue}");
        queues += 1;
    }
    assert_eq!(queues, 2);
}

/// By class, no code is missed: each class counts in the alarm.
#[test]
fn the_alarm_of_kalturas_errors_counts_every_code() {
    let template = read("template.yaml");
    let resources = section(&template, "Resources");
    let blocks = blocks(&resources);
    let (_, alarm) = blocks
        .iter()
        .find(|(name, _)| name == "KalturaRefusesAlarm")
        .unwrap();
    let expression = alarm
        .iter()
        .find_map(|line| line.trim().strip_prefix("Expression: "))
        .unwrap();
    let mut ids = BTreeSet::new();
    let mut id = "";
    for line in alarm {
        id = line.trim().strip_prefix("- Id: ").unwrap_or(id);
        for class in ErrorClass::ALL {
            if line.contains(&format!(
                "MetricName: KalturaErrors, Dimensions: [{{ Name: Class, Value: {} }}]",
                class.name()
            )) {
                assert!(
                    expression.contains(&format!("FILL({id}, 0)")),
                    "{class:?}: {expression}"
                );
                ids.insert(class.name());
            }
        }
    }
    assert_eq!(ids, ErrorClass::ALL.map(ErrorClass::name).into());
    let runbook = read("infra/runbook.md");
    for class in ids {
        assert!(
            runbook.contains(&format!("`{class}`")),
            "{class} is not in the runbook"
        );
    }
}
