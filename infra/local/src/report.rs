//! What came of the orders: the table at a run's end, and the same as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use kaltura_sim::{AssetKind, OrderReport};
use pipeline::aws::s3::Bucket;
use pipeline::ports::ObjectStore;
use pipeline::record::{TaskRecord, TaskState};
use serde::Serialize;
use serde_json::Value;

use crate::error::{LocalError, Result};
use crate::program::{command, run};
use crate::stack::{Ended, LocalStack};

/// `EntryVendorTaskStatus` READY.
const TASK_READY: i64 = 2;

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The tasks, the oldest first.
    pub tasks: Vec<TaskReport>,
}

/// What came of one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskReport {
    /// The task.
    pub id: String,
    /// The customer.
    pub partner_id: i64,
    /// The service: `captions`.
    pub service: String,
    /// The captions' format: `srt`, `dfxp`, `vtt`; `None` where the task was never planned.
    pub format: Option<String>,
    /// `delivered`, `failed`, `gone`, `parked` or `left_alone`; `undelivered` where we believe in a delivery that Kaltura
    /// doesn't show.
    pub status: &'static str,
    /// From the order to its end.
    pub seconds: f64,
    /// How many calls the task took at Kaltura, playback among them; `None` for a real account, which doesn't tell.
    pub kaltura_calls: Option<usize>,
    /// What was delivered.
    pub assets: Vec<DeliveredAsset>,
    /// Chapters: when each begins in milliseconds, and its title.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chapters: Vec<(i64, String)>,
    /// The entry's tags by language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The time by step, for the table.
    #[serde(skip)]
    pub steps: Vec<(String, f64)>,
    /// Why it was not delivered, for the table.
    #[serde(skip)]
    pub cause: Option<String>,
}

/// An asset that we delivered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveredAsset {
    /// Its id.
    pub id: String,
    /// `caption`, `flavor` or `attachment`.
    pub kind: &'static str,
    /// Its language, as Kaltura names it.
    pub language: Option<String>,
    /// Its status at Kaltura: `ready`, `error`, `importing`, or a number.
    pub status: String,
    /// The file.
    pub file: Option<String>,
    /// What ffprobe says of a sound track: codec, profile, bit rate and length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
}

impl Report {
    /// Whether there were orders, and each was delivered.
    pub fn all_delivered(&self) -> bool {
        !self.tasks.is_empty() && self.tasks.iter().all(|task| task.status == "delivered")
    }

    /// Makes the report of ended tasks: from what the stand-in has, or for a real account from our own records.
    pub async fn of(stack: &LocalStack, ended: &[Ended]) -> Result<Self> {
        let mut tasks = Vec::with_capacity(ended.len());
        for ended in ended {
            let task = &ended.task;
            let order = match stack.sim() {
                Some(sim) => Some(sim.order(&task.id.as_str().into())?),
                None => None,
            };
            let (status, kaltura_calls, assets) = match &order {
                Some(order) => (
                    status_at(order, task.state),
                    Some(order.calls.len()),
                    delivered(order),
                ),
                None => (status_name(task.state), None, recorded(stack, &task.id).await?),
            };
            let mut assets = assets;
            for asset in assets.iter_mut().filter(|asset| asset.kind == "flavor") {
                if let Some(file) = &asset.file {
                    asset.track = Some(track(Path::new(file)).await?);
                }
            }
            let (chapters, tags) = order.as_ref().map(of_the_entry).unwrap_or_default();
            tasks.push(TaskReport {
                id: task.id.clone(),
                partner_id: task.partner_id,
                service: task.service.clone(),
                format: task.format.clone(),
                status,
                seconds: tenths(ended.time.as_secs_f64()),
                kaltura_calls,
                assets,
                chapters,
                tags,
                steps: task
                    .steps
                    .iter()
                    .map(|step| (step.name.clone(), step.time.as_secs_f64()))
                    .collect(),
                cause: task.cause.clone(),
            });
        }
        Ok(Self { tasks })
    }

    /// The table, the assets, why what was not delivered was not, and the outcome in a line.
    pub fn table(&self) -> String {
        const STEPS: [&str; 6] = ["Fetch", "Process", "Render", "Upload", "AwaitImport", "Finalize"];
        let mut rows = vec![
            ["task", "customer", "service", "format", "status", "calls"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows[0].extend(STEPS.map(|step| format!("{step} s")));
        rows[0].push("in all s".to_owned());
        for task in &self.tasks {
            let mut row = vec![
                task.id.clone(),
                task.partner_id.to_string(),
                task.service.clone(),
                task.format.clone().unwrap_or_else(|| "-".to_owned()),
                task.status.to_owned(),
                task.kaltura_calls
                    .map_or_else(|| "-".to_owned(), |calls| calls.to_string()),
            ];
            row.extend(STEPS.map(|name| {
                task.steps
                    .iter()
                    .find(|(step, _)| step == name)
                    .map_or_else(|| "-".to_owned(), |(_, s)| format!("{s:.1}"))
            }));
            row.push(format!("{:.1}", task.seconds));
            rows.push(row);
        }
        let mut text = columns(&rows);
        for task in &self.tasks {
            for asset in &task.assets {
                let _ = writeln!(
                    text,
                    "task {}: {} {} ({}) {} {}",
                    task.id,
                    asset.kind,
                    asset.id,
                    asset.language.as_deref().unwrap_or("no language"),
                    asset.status,
                    asset.file.as_deref().unwrap_or("no file"),
                );
                if let Some(track) = &asset.track {
                    let _ = writeln!(text, "task {}:   {track}", task.id);
                }
            }
            for (start_ms, title) in &task.chapters {
                let _ = writeln!(text, "task {}: chapter at {start_ms} ms: {title}", task.id);
            }
            for (language, tags) in &task.tags {
                let _ = writeln!(text, "task {}: tags {language}: {tags}", task.id);
            }
            if let Some(cause) = &task.cause {
                let _ = writeln!(text, "task {}: {cause}", task.id);
            }
        }
        let delivered = self
            .tasks
            .iter()
            .filter(|task| task.status == "delivered")
            .count();
        let _ = writeln!(text, "{delivered} of {} orders delivered", self.tasks.len());
        text
    }
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(String::len)
            .max()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<0$}", width(column)))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn status_name(state: TaskState) -> &'static str {
    match state {
        TaskState::Kept => "kept",
        TaskState::Queued => "queued",
        TaskState::Running => "running",
        TaskState::Parked => "parked",
        TaskState::Delivered => "delivered",
        TaskState::Failed => "failed",
        TaskState::Gone => "gone",
        TaskState::LeftAlone => "left_alone",
        _ => "unknown",
    }
}

/// The status as Kaltura has it: our own word for a delivery is not enough.
fn status_at(order: &OrderReport, state: TaskState) -> &'static str {
    let delivered = order.status == TASK_READY
        && order
            .assets
            .iter()
            .filter(|asset| asset.by_vendor)
            .all(|asset| asset_status(asset.status) == "ready")
        && (order.assets.iter().any(|asset| asset.by_vendor)
            || !order.cue_points.is_empty()
            || !order.multilingual_tags.is_empty());
    if state == TaskState::Delivered && !delivered {
        "undelivered"
    } else {
        status_name(state)
    }
}

/// `captionAsset.status` and its kin (spec 1.7).
fn asset_status(status: i64) -> String {
    match status {
        -1 => "error".to_owned(),
        0 => "queued".to_owned(),
        2 => "ready".to_owned(),
        7 => "importing".to_owned(),
        other => other.to_string(),
    }
}

fn delivered(order: &OrderReport) -> Vec<DeliveredAsset> {
    order
        .assets
        .iter()
        .filter(|asset| asset.task_id.as_ref() == Some(&order.task_id))
        .map(|asset| DeliveredAsset {
            id: asset.id.to_string(),
            kind: match asset.kind {
                AssetKind::Caption => "caption",
                AssetKind::Flavor => "flavor",
                AssetKind::Attachment => "attachment",
            },
            language: asset
                .fields
                .get("language")
                .and_then(|value| value.as_str())
                .map(str::to_owned),
            status: asset_status(asset.status),
            file: asset.file.as_ref().map(|file| file.display().to_string()),
            track: None,
        })
        .collect()
}

/// What our record says of a real account's assets, with copies of the files from the bucket.
async fn recorded(stack: &LocalStack, id: &str) -> Result<Vec<DeliveredAsset>> {
    let Some(TaskRecord {
        plan: Some(plan),
        deliverables,
        ..
    }) = stack.record(id).await?
    else {
        return Ok(Vec::new());
    };
    let bucket = Bucket::new(stack.sdk(), stack.output("WorkBucket")?);
    let folder = stack.work_dir().join("delivered");
    std::fs::create_dir_all(&folder).map_err(LocalError::file(&folder))?;
    let mut assets = Vec::new();
    for (deliverable, record) in plan.deliverables.iter().zip(&deliverables) {
        let Some(asset_id) = &record.asset_id else {
            continue;
        };
        let mut file = None;
        if let Some(key) = &record.key {
            let path = folder.join(key.rsplit('/').next().unwrap_or(key));
            bucket
                .download(key, &path)
                .await
                .map_err(LocalError::aws("GetObject"))?;
            file = Some(path.display().to_string());
        }
        assets.push(DeliveredAsset {
            id: asset_id.to_string(),
            kind: deliverable.name(),
            language: deliverable.language().map(ToString::to_string),
            status: if record.ready { "ready" } else { "importing" }.to_owned(),
            file,
            track: None,
        });
    }
    Ok(assets)
}

/// The chapters and the tags by language of an order's entry.
fn of_the_entry(order: &OrderReport) -> (Vec<(i64, String)>, BTreeMap<String, String>) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let chapters = order.cue_points.iter().map(|point| {
        let start_ms = point.get("startTime").and_then(Value::as_i64);
        (start_ms.unwrap_or_default(), text(point.get("title")))
    });
    let tags = order.multilingual_tags.iter();
    let tags = tags.map(|(language, tags)| (language.clone(), text(Some(tags))));
    (chapters.collect(), tags.collect())
}

/// What ffprobe says of a sound track: `aac LC 128 kbit/s 12.3 s`.
async fn track(file: &Path) -> Result<String> {
    let log = file.with_extension("ffprobe");
    let mut ffprobe = command(Path::new("ffprobe"), &[]);
    ffprobe
        .args([
            "-v",
            "error",
            "-select_streams",
            "a:0",
            "-of",
            "json",
            "-show_entries",
        ])
        .arg("stream=codec_name,profile,bit_rate,duration,sample_rate,channels:format=format_name")
        .arg(file);
    run(ffprobe, "ffprobe", &log).await?;
    let json = std::fs::read(&log).map_err(LocalError::file(&log))?;
    let found: Value = serde_json::from_slice(&json).unwrap_or_default();
    let stream = &found["streams"][0];
    let word = |name: &str| stream[name].as_str().unwrap_or("?").to_owned();
    let kbps = word("bit_rate").parse::<u64>().unwrap_or_default() / 1_000;
    Ok(format!(
        "{} {} {kbps} kbit/s, {} Hz, {} channels, {} s, in {}",
        word("codec_name"),
        word("profile"),
        word("sample_rate"),
        stream["channels"],
        word("duration"),
        found["format"]["format_name"].as_str().unwrap_or("?"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(status: &'static str) -> Report {
        Report {
            tasks: vec![TaskReport {
                id: "1001".to_owned(),
                partner_id: 101,
                service: "captions".to_owned(),
                format: Some("srt".to_owned()),
                status,
                seconds: 12.3,
                kaltura_calls: Some(14),
                assets: vec![DeliveredAsset {
                    id: "1_a".to_owned(),
                    kind: "caption",
                    language: Some("English".to_owned()),
                    status: "ready".to_owned(),
                    file: Some("/f/a.srt".to_owned()),
                    track: None,
                }],
                chapters: Vec::new(),
                tags: BTreeMap::new(),
                steps: vec![("Fetch".to_owned(), 1.04), ("Process".to_owned(), 8.0)],
                cause: None,
            }],
        }
    }

    #[test]
    fn json_has_the_shape_that_is_promised() {
        insta::assert_json_snapshot!(report("delivered"));
    }

    #[test]
    fn the_table_shows_times_by_step_and_the_files() {
        insta::assert_snapshot!(report("delivered").table());
    }

    #[test]
    fn only_a_run_with_every_order_delivered_is_a_success() {
        assert!(report("delivered").all_delivered());
        assert!(!report("parked").all_delivered());
        assert!(!Report { tasks: Vec::new() }.all_delivered());
    }
}
