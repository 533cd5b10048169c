//! What people and scripts read: tables and lines, or JSON.
//!
//! Times in JSON are epoch seconds, as in the records; people read how long ago or in how long. Access keys are never shown.

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use pipeline::live::{LiveStream, StreamState};
use pipeline::ports::{ExecutionState, GateClosed};
use pipeline::record::{AcceptedWork, Duty, LiveRecord, TaskRecord};
use serde::Serialize;
use serde_json::{Value, json};

use crate::queues::DeadLetters;

/// The times of things are told relative to now.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Seconds since 1970.
    pub epoch_s: u64,
}

impl Now {
    /// "3h 2m ago", "in 5m", "now"; to the minute from an hour on.
    pub fn tell(self, at_epoch_s: u64) -> String {
        let length = |seconds: u64| {
            let rounded = match seconds {
                0..=3_599 => seconds,
                3_600..=86_399 => seconds / 60 * 60,
                _ => seconds / 3_600 * 3_600,
            };
            humantime::format_duration(Duration::from_secs(rounded)).to_string()
        };
        match at_epoch_s.cmp(&self.epoch_s) {
            std::cmp::Ordering::Less => format!("{} ago", length(self.epoch_s - at_epoch_s)),
            std::cmp::Ordering::Equal => "now".to_owned(),
            std::cmp::Ordering::Greater => format!("in {}", length(at_epoch_s - self.epoch_s)),
        }
    }

    fn tell_if(self, at_epoch_s: Option<u64>) -> String {
        at_epoch_s.map_or_else(|| "-".to_owned(), |at| self.tell(at))
    }
}

/// A line of a list, for scripts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The task.
    pub task_id: String,
    /// Its customer.
    pub partner_id: i64,
    /// What was ordered.
    pub service: String,
    /// The record's state.
    pub state: &'static str,
    /// Which attempt works on it.
    pub attempt: u32,
    /// When the job was created at Kaltura.
    pub created_epoch_s: u64,
    /// By when the customer expects it.
    pub expected_finish_epoch_s: Option<u64>,
    /// When something is due for it next.
    pub due_epoch_s: Option<u64>,
    /// What happened last.
    pub last: Option<String>,
}

impl Row {
    /// The line of a record.
    pub fn of(record: &TaskRecord) -> Self {
        Self {
            task_id: record.task_id.to_string(),
            partner_id: record.partner_id.number(),
            service: record.service(),
            state: record.state.name(),
            attempt: record.attempt,
            created_epoch_s: record.created_epoch_s,
            expected_finish_epoch_s: record.expected_finish_epoch_s,
            due_epoch_s: record.due().map(|(_, at_epoch_s)| at_epoch_s),
            last: record.history.last().map(|entry| entry.what.clone()),
        }
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header);
    }
    table
}

fn lines(table: &Table) -> String {
    table.trim_fmt() + "\n"
}

/// A list of tasks, for people.
pub fn tasks(records: &[TaskRecord], now: Now) -> String {
    if records.is_empty() {
        return "no tasks\n".to_owned();
    }
    let mut table = table(&[
        "TASK", "CUSTOMER", "SERVICE", "STATE", "ATTEMPT", "ORDERED", "EXPECTED", "LAST",
    ]);
    for row in records.iter().map(Row::of) {
        table.add_row([
            row.task_id,
            row.partner_id.to_string(),
            row.service,
            row.state.to_owned(),
            row.attempt.to_string(),
            now.tell(row.created_epoch_s),
            now.tell_if(row.expected_finish_epoch_s),
            row.last.unwrap_or_default(),
        ]);
    }
    lines(&table)
}

/// A whole record, for scripts: as it is stored, without the access key, and with the customer's notes.
pub fn record_json(record: &TaskRecord, execution: ExecutionState, notes: Option<&str>) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(record) = value.as_object_mut() {
        record.insert("access_key".to_owned(), json!("redacted"));
        record.insert("execution".to_owned(), json!(execution_name(execution)));
        record.insert("notes".to_owned(), json!(notes));
    }
    value
}

fn execution_name(execution: ExecutionState) -> &'static str {
    match execution {
        ExecutionState::Missing => "none",
        ExecutionState::Running => "running",
        ExecutionState::Ended => "ended",
    }
}

/// A job that an engine, or people, took on, and how far it is where they tell.
fn taken_on(engine: &str, accepted: &AcceptedWork, now: Now) -> String {
    let since = now.tell(accepted.since_epoch_s);
    let taken_on = format!("taken on by {engine} as {} {since}", accepted.external_id);
    match accepted.progress {
        Some(progress) => format!(
            "{taken_on}, {} % done {}",
            progress.percent,
            now.tell(progress.at_epoch_s)
        ),
        None => taken_on,
    }
}

/// When a live order's event is, and where it stands.
fn event_of(live: &LiveRecord, now: Now) -> String {
    let Some(event) = &live.event else {
        return "none is named".to_owned();
    };
    let on_air = match live.on_air_epoch_s {
        Some(at_epoch_s) => format!("on air {}", now.tell(at_epoch_s)),
        None => "not on air yet".to_owned(),
    };
    format!(
        "{}, from {} to {}, {on_air}",
        event.event_id,
        now.tell(event.start_epoch_s),
        now.tell(event.end_epoch_s)
    )
}

/// How a live order's stream is, and who listens to it.
fn stream_of(stream: &LiveStream, now: Now) -> String {
    let state = match stream.state {
        StreamState::Provisioned => "ready",
        StreamState::OnAir => "on air",
        StreamState::Ended => "ended",
    };
    let last_seq = stream.next_seq.saturating_sub(1);
    let readers: Vec<String> = stream
        .places
        .iter()
        .map(|place| {
            let who = if place.connection.is_some() {
                "connected"
            } else {
                "lost"
            };
            format!(
                "{who} {} with {} of {last_seq}",
                now.tell(place.since_epoch_s),
                place.delivered_seq
            )
        })
        .collect();
    let readers = if readers.is_empty() {
        "nobody listens".to_owned()
    } else {
        format!("readers: {}", readers.join("; "))
    };
    let sources: Vec<&str> = stream.sources.keys().map(String::as_str).collect();
    let sources = if sources.is_empty() {
        "nobody speaks".to_owned()
    } else {
        format!("sources: {}", sources.join(", "))
    };
    format!(
        "{state}, {last_seq} messages, {} words late, {sources}, {readers}",
        stream.layout.late_words()
    )
}

/// One task with its history and the customer's notes, and a live one with its stream, for people.
pub fn task(
    record: &TaskRecord,
    execution: ExecutionState,
    notes: Option<&str>,
    stream: Option<&LiveStream>,
    now: Now,
) -> String {
    let mut facts = table(&[]);
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() && value != "-" {
            facts.add_row([name.to_owned(), value]);
        }
    };
    fact("task", record.task_id.to_string());
    fact("customer", record.partner_id.to_string());
    fact(
        "entry",
        record
            .entry_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    fact("service", record.service());
    fact("state", record.state.name().to_owned());
    fact(
        "attempt",
        format!("{}, execution {}", record.attempt, execution_name(execution)),
    );
    fact("ordered", now.tell(record.created_epoch_s));
    fact("expected", now.tell_if(record.expected_finish_epoch_s));
    fact("ended", now.tell_if(record.ended_epoch_s));
    fact("notes", notes.unwrap_or_default().to_owned());
    if let Some(live) = &record.live {
        fact("event", event_of(live, now));
    }
    if let Some(stream) = stream {
        fact("stream", stream_of(stream, now));
    }
    if let Some((duty, at_epoch_s)) = record.due() {
        let what = match duty {
            Duty::Send => "to be sent",
            Duty::Check => "to be looked at",
            Duty::Sweep => "to be deleted",
        };
        fact(what, now.tell(at_epoch_s));
    }
    fact(
        "access key",
        format!("expires {}", now.tell(record.key_expires_epoch_s)),
    );
    if let Some(media) = &record.media {
        fact("media", format!("{} ({} bytes)", media.key, media.size_bytes));
    }
    let planned = record.plan.iter().flat_map(|plan| &plan.works);
    for (planned, work) in planned.zip(&record.works) {
        let state = match (&work.result, &work.accepted, &work.skipped) {
            (Some(result), ..) => format!("{} by {}", result.key, result.engine),
            (None, Some(accepted), _) => taken_on(&planned.engine, accepted, now),
            (None, None, Some(why)) => format!("not needed: {why}"),
            (None, None, None) => format!("to be done by {}", planned.engine),
        };
        fact(planned.kind.name(), state);
    }
    for deliverable in &record.deliverables {
        let asset = deliverable.asset_id.as_ref().map(ToString::to_string);
        let state = if deliverable.ready { "ready" } else { "not ready" };
        fact(
            "deliverable",
            format!(
                "{}, asset {}, {state}",
                deliverable.key.as_deref().unwrap_or("not made"),
                asset.as_deref().unwrap_or("none yet"),
            ),
        );
    }
    if let Some(failure) = &record.failure {
        fact("failure", format!("{}: {}", failure.name, failure.detail));
        fact("customer reads", failure.customer_text.clone());
    }
    fact("to be told", record.fail_text.clone().unwrap_or_default());
    if let Some(deleted) = &record.deleted {
        fact(
            "deleted",
            format!(
                "{} objects, {} bytes, {}",
                deleted.objects,
                deleted.size_bytes,
                now.tell(deleted.at_epoch_s)
            ),
        );
    }
    let mut history = table(&["WHEN", "ATTEMPT", "WHAT"]);
    for entry in &record.history {
        let times = if entry.times > 1 {
            format!(" ({} times)", entry.times)
        } else {
            String::new()
        };
        history.add_row([
            now.tell(entry.at_epoch_s),
            entry.attempt.to_string(),
            format!("{}{times}", entry.what),
        ]);
    }
    format!("{}\n{}", lines(&facts), lines(&history))
}

/// What became of a task that was held, for people.
pub fn held(record: &TaskRecord, now: Now) -> String {
    let until_epoch_s = record.parking.until_epoch_s;
    let when = if until_epoch_s <= now.epoch_s {
        "at the next poll".to_owned()
    } else {
        now.tell(until_epoch_s)
    };
    let what = if record.fail_text.is_some() {
        "fails"
    } else {
        "goes on"
    };
    format!(
        "task {} is held, and {what} as attempt {} {when}\n",
        record.task_id,
        record.attempt + 1
    )
}

/// The gate, for people.
pub fn gate(closed: Option<&GateClosed>, now: Now) -> String {
    match closed {
        None => "the gate is open\n".to_owned(),
        Some(closed) => format!(
            "the gate was closed {}, nothing is sent ({})\n",
            now.tell(closed.since_epoch_s),
            closed.why
        ),
    }
}

/// The dead-letter queues, for people.
pub fn letters(letters: &[DeadLetters]) -> String {
    let mut lines = Vec::new();
    for queue in letters {
        let name = format!("{:?}", queue.queue).to_lowercase();
        lines.push(format!("{name}: {} messages\n", queue.about));
        lines.extend(queue.shown.iter().map(|message| format!("  {message}\n")));
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use pipeline::error::Failure;
    use pipeline::memory::sample_record;
    use pipeline::record::{Import, TaskState, WorkProgress};

    use super::*;
    use crate::queues::Which;

    const NOW: Now = Now { epoch_s: 1_000_000 };

    fn record() -> TaskRecord {
        let mut record = sample_record("9292".parse().unwrap());
        record.created_epoch_s = NOW.epoch_s - 7_300;
        record.expected_finish_epoch_s = Some(NOW.epoch_s + 90_000);
        record.key_expires_epoch_s = NOW.epoch_s + 600_000;
        record.note(NOW.epoch_s - 7_200, "kept");
        record.note(NOW.epoch_s - 3_600, "fetch: HttpStatus: 503");
        record.note(NOW.epoch_s - 3_590, "fetch: HttpStatus: 503");
        record.park(NOW.epoch_s - 300, "out of retries");
        record
    }

    #[test]
    fn a_list_for_people() {
        let mut other = record();
        other.task_id = "9293".parse().unwrap();
        other.expected_finish_epoch_s = None;
        other.end(TaskState::Delivered, NOW.epoch_s, "READY");
        insta::assert_snapshot!(tasks(&[record(), other], NOW));
        assert_eq!(tasks(&[], NOW), "no tasks\n");
    }

    #[test]
    fn a_task_for_people() {
        let mut record = record();
        let deliverable = pipeline::record::DeliverableRecord {
            key: Some("deliverables/9292/0.srt".to_owned()),
            asset_id: Some("1_abc".parse().unwrap()),
            import: Import::default(),
            ..Default::default()
        };
        record.deliverables = vec![deliverable];
        record.failure = Some(Failure {
            name: "NoSource".to_owned(),
            detail: "entry 0_x has no playback source".to_owned(),
            customer_text: "The entry offers no playable flavor to fetch.".to_owned(),
            step: "fetch".to_owned(),
        });
        let notes = Some("Please spell Ödön as the speaker does.");
        insta::assert_snapshot!(task(&record, ExecutionState::Ended, notes, None, NOW));
        record.fail_text = Some("We can't hear it.".to_owned());
        assert!(
            held(&record, NOW).contains("fails as attempt 2 in 5m"),
            "{}",
            held(&record, NOW)
        );
    }

    #[test]
    fn a_live_order_is_told_with_its_event_and_its_stream() {
        let mut record = record();
        record.live = Some(LiveRecord {
            event: Some(pipeline::plan::LiveEvent {
                event_id: 77.into(),
                start_epoch_s: NOW.epoch_s - 600,
                end_epoch_s: NOW.epoch_s + 3_000,
            }),
            provisioned_in: Some(1),
            on_air_epoch_s: Some(NOW.epoch_s - 540),
            ..LiveRecord::default()
        });
        let settings = pipeline::memory::sample_stream_settings();
        let mut stream = LiveStream::new(record.task_id.clone(), settings, NOW.epoch_s - 90_000);
        let ready = stream_of(&stream, NOW);
        stream.state = StreamState::OnAir;
        stream.next_seq = 13;
        let place = json!({
            "number": 1,
            "connection": "a",
            "since_epoch_s": NOW.epoch_s - 540,
            "delivered_seq": 12,
        });
        stream.places = vec![serde_json::from_value(place).unwrap()];
        let told = task(&record, ExecutionState::Running, None, Some(&stream), NOW);
        for line in [
            "77, from 10m ago to in 50m, on air 9m ago",
            "on air, 12 messages, 0 words late, nobody speaks, readers: connected 9m ago with 12 of 12",
        ] {
            assert!(told.contains(line), "{told}");
        }
        assert_eq!(
            ready,
            "ready, 0 messages, 0 words late, nobody speaks, nobody listens"
        );
    }

    #[test]
    fn how_far_a_job_is_is_told_where_its_engine_tells() {
        let job = json!({
            "job_id": "reach-9292-1-recognise",
            "external_id": "transcript/0",
            "token": "a-token",
            "since_epoch_s": NOW.epoch_s - 3_600,
        });
        let mut job: AcceptedWork = serde_json::from_value(job).unwrap();
        assert_eq!(
            taken_on("http", &job, NOW),
            "taken on by http as transcript/0 1h ago"
        );
        job.progress = Some(WorkProgress {
            percent: 40,
            at_epoch_s: NOW.epoch_s - 60,
        });
        assert_eq!(
            taken_on("http", &job, NOW),
            "taken on by http as transcript/0 1h ago, 40 % done 1m ago"
        );
    }

    #[test]
    fn a_task_for_scripts_has_no_key() {
        let record = record();
        let json = record_json(&record, ExecutionState::Missing, Some("by hand"));
        assert_eq!(
            (&json["access_key"], &json["execution"], &json["notes"]),
            (&json!("redacted"), &json!("none"), &json!("by hand"))
        );
        assert!(!json.to_string().contains(record.access_key.reveal()));
    }

    #[test]
    fn times_are_told_by_people_s_measure() {
        assert_eq!(NOW.tell(NOW.epoch_s), "now");
        assert_eq!(NOW.tell(NOW.epoch_s - 59), "59s ago");
        assert_eq!(NOW.tell(NOW.epoch_s + 3_661), "in 1h 1m");
        assert_eq!(NOW.tell(NOW.epoch_s - 90_061), "1day 1h ago");
    }

    #[test]
    fn queues_and_the_gate_for_people() {
        let queues = [DeadLetters {
            queue: Which::Orders,
            about: 1,
            shown: vec!["{\"task_id\":\"7\"}".to_owned()],
        }];
        assert_eq!(letters(&queues), "orders: 1 messages\n  {\"task_id\":\"7\"}\n");
        assert_eq!(gate(None, NOW), "the gate is open\n");
        let closed = GateClosed {
            since_epoch_s: NOW.epoch_s - 60,
            why: "anna: a new engine".to_owned(),
        };
        let told = "the gate was closed 1m ago, nothing is sent (anna: a new engine)\n";
        assert_eq!(gate(Some(&closed), NOW), told);
    }
}
