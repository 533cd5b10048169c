//! Kaltura during a live event: relays the customer's stream to the vendor, listens for captions, and looks at each message.
//!
//! The event's time is the sim clock's; once it has come, everything goes by real time, since media plays in it. What lives
//! here: what the real server does (spec section 8.2), and what an event can be made to suffer. What doesn't: the live
//! feature itself, which is the API's (`services::live`).

mod check;
mod listen;
mod push;
mod report;
mod spec;

pub use report::{
    ConnectionReport, LiveMessage, LiveReport, LiveState, PushReport, ReceivedCaption, SessionReport,
};
pub use spec::{ConnectionSpec, DropSpec, PlaySpec, PushSpec, TokenPlace};

use crate::ids::TaskId;
use crate::params;
use crate::world::{FINAL, Shared};
use check::Checker;
use futures::future::join_all;
use listen::Address;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often the feature is looked at while the event is on air.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// An event that is played.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) report: LiveReport,
    /// One a listener.
    checkers: Vec<Checker>,
    is_written: bool,
}

impl Live {
    fn new(play: &PlaySpec) -> Self {
        let pushes = play.pushes.iter().map(|push| PushReport {
            media_from_ms: push.media_from_ms,
            first_pts_ms: push.first_pts_ms,
            ..PushReport::default()
        });
        let connections = play.connections.iter().map(|connection| ConnectionReport {
            name: connection.name.clone(),
            ..ConnectionReport::default()
        });
        Self {
            report: LiveReport {
                pushes: pushes.collect(),
                connections: connections.collect(),
                ..LiveReport::default()
            },
            checkers: play.connections.iter().map(|_| Checker::default()).collect(),
            is_written: play.is_written,
        }
    }

    /// Does something with the event of a task; `None` where it has none.
    fn with<T>(shared: &Shared, task_id: &TaskId, change: impl FnOnce(&mut Self) -> T) -> Option<T> {
        shared.world().live.get_mut(task_id).map(change)
    }

    /// Takes a listener's next message; says whether it told the end of the stream.
    fn take(&mut self, index: usize, at_ms: i64, text: &str) -> bool {
        let checked = self.checkers[index].check(text);
        let connection = &mut self.report.connections[index];
        connection.messages += 1;
        connection.doubled += usize::from(checked.doubled);
        connection.sent_again += usize::from(checked.sent_again);
        connection.out_of_order += usize::from(checked.out_of_order);
        let is_end = checked
            .caption
            .as_ref()
            .is_some_and(|caption| caption.is_end_of_stream);
        connection.saw_the_end |= is_end;
        let (name, number) = (connection.name.clone(), connection.messages);
        let findings = checked.findings.iter();
        let findings = findings.map(|finding| format!("{name}, message {number}: {finding}"));
        self.report.findings.extend(findings);
        self.report.messages.push(LiveMessage {
            connection: name,
            at_ms,
            text: text.to_owned(),
            caption: checked.caption,
        });
        is_end
    }

    fn find(&mut self, index: usize, finding: &str) {
        let name = &self.report.connections[index].name;
        self.report.findings.push(format!("{name}: {finding}"));
    }

    /// What can be told only at the end: what is missing, what came at the wrong time, and how the connections ended.
    fn conclude(&mut self, state: LiveState) {
        self.report.state = state;
        let is_written = self.is_written;
        let report = &mut self.report;
        let captions = |name: Option<&str>| -> HashSet<&str> {
            let messages = report.messages.iter();
            let of_it = messages.filter(|message| name.is_none_or(|name| message.connection == name));
            of_it
                .filter_map(|message| message.caption.as_ref().map(|caption| caption.id.as_str()))
                .collect()
        };
        let all = captions(None);
        let lost: Vec<usize> = report
            .connections
            .iter()
            .map(|connection| all.len() - captions(Some(&connection.name)).len())
            .collect();
        let of_time: Vec<String> = report
            .messages
            .iter()
            .filter(|_| !is_written)
            .filter_map(|message| {
                let caption = message
                    .caption
                    .as_ref()
                    .filter(|caption| !caption.is_end_of_stream)?;
                let fault = check::fault_of_time(caption, &report.pushes)?;
                Some(format!("{}: {fault}", message.connection))
            })
            .collect();
        report.findings.extend(of_time);
        for (connection, lost) in report.connections.iter_mut().zip(lost) {
            connection.lost = lost;
            let name = &connection.name;
            if lost > 0 {
                report
                    .findings
                    .push(format!("{name}: {lost} messages that others got are missing"));
            }
            if !connection
                .sessions
                .iter()
                .any(|session| session.http_status == Some(101))
            {
                report.findings.push(format!("{name}: was never let in"));
            } else if state == LiveState::Ended && !connection.saw_the_end {
                report
                    .findings
                    .push(format!("{name}: the end of the stream was not told"));
            } else if state == LiveState::Ended
                && let Some(code) = connection.sessions.last().map(|session| session.close_code)
                && !matches!(code, Some(1_000 | 1_001))
            {
                let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                report
                    .findings
                    .push(format!("{name}: closed with {code}, expected 1000"));
            }
        }
        for status in report
            .wrong_tokens
            .iter()
            .filter(|status| !matches!(status, 401 | 403))
        {
            report.findings.push(format!(
                "a wrong token was answered {status}, expected 401 or 403"
            ));
        }
        for (number, push) in report.pushes.iter().enumerate() {
            if let Some(error) = &push.error {
                report.findings.push(format!("push {}: {error}", number + 1));
            }
        }
    }
}

/// Has the event of an order played when its time comes.
pub(crate) fn begin(shared: &Arc<Shared>, task_id: &TaskId, play: PlaySpec) {
    shared.world().live.insert(task_id.clone(), Live::new(&play));
    let (job, id) = (shared.clone(), task_id.clone());
    shared.spawn(async move {
        let state = run(&job, &id, play).await;
        Live::with(&job, &id, |live| live.conclude(state));
    });
}

async fn run(shared: &Arc<Shared>, task_id: &TaskId, play: PlaySpec) -> LiveState {
    let Some(start_ms) = start_ms(shared, task_id) else {
        return LiveState::NotFilled;
    };
    shared.clock.sleep_until(start_ms).await;
    let Some((media_address, mut address)) = filled(shared, task_id) else {
        return LiveState::NotFilled;
    };
    let begun = Instant::now();
    let now_ms = shared.clock.now_ms();
    address.account_token.clone_from(&play.account_token);
    Live::with(shared, task_id, |live| {
        live.report.state = LiveState::OnAir;
        live.report.begun_ms = Some(now_ms);
    });
    tokio::select! {
        // Who withdraws has the end told, too: it may be heard before the withdrawal is looked for.
        () = on_air(shared, task_id, &play, &media_address, &address, begun) => {
            if is_removed(shared, task_id) { LiveState::Removed } else { LiveState::Ended }
        }
        () = removed(shared, task_id) => LiveState::Removed,
    }
}

async fn on_air(
    shared: &Arc<Shared>,
    task_id: &TaskId,
    play: &PlaySpec,
    media_address: &str,
    address: &Address,
    begun: Instant,
) {
    for _ in 0..play.wrong_tokens {
        // No answer is none that lets anybody in, yet not the refusal that is expected.
        let status = listen::try_wrong_token(address).await.unwrap_or(0);
        Live::with(shared, task_id, |live| live.report.wrong_tokens.push(status));
    }
    let last_ms = play.pushes.iter().map(|push| push.at_ms + push.for_ms).max();
    let until = begun + Duration::from_millis(last_ms.unwrap_or(0) + play.linger_ms);
    let listeners = play
        .connections
        .iter()
        .enumerate()
        .map(|(index, spec)| listen::listen(shared, task_id, index, spec, address, begun, until));
    let pushes = async {
        let media = media_path(shared, play);
        for (index, spec) in play.pushes.iter().enumerate() {
            tokio::time::sleep_until(begun + Duration::from_millis(spec.at_ms)).await;
            push::push(shared, task_id, index, &media, spec, media_address).await;
        }
    };
    tokio::join!(join_all(listeners), pushes);
}

/// Returns once the feature is gone: aborted, failed.
async fn removed(shared: &Shared, task_id: &TaskId) {
    while !is_removed(shared, task_id) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_removed(shared: &Shared, task_id: &TaskId) -> bool {
    filled(shared, task_id).is_none() && !is_ready(shared, task_id)
}

fn is_ready(shared: &Shared, task_id: &TaskId) -> bool {
    const READY: i64 = 2;
    let world = shared.world();
    world
        .tasks
        .get(task_id)
        .is_some_and(|task| task.status() == READY)
}

fn media_path(shared: &Shared, play: &PlaySpec) -> PathBuf {
    match &shared.config.media_dir {
        Some(dir) => dir.join(&play.media),
        None => play.media.clone(),
    }
}

/// When the task's event begins.
fn start_ms(shared: &Shared, task_id: &TaskId) -> Option<i64> {
    let world = shared.world();
    let data = world.tasks.get(task_id)?.fields.get("taskJobData")?;
    let id = data.get("scheduledEventId").map(params::integer)?;
    let event = world.schedule_events.get(&id)?;
    event
        .fields
        .get("startDate")
        .map(|start| params::integer(start) * 1_000)
}

/// Where the vendor wants the stream, and where it has captions: `None` unless the feature has all four fields.
fn filled(shared: &Shared, task_id: &TaskId) -> Option<(String, Address)> {
    let world = shared.world();
    let task = world.tasks.get(task_id)?;
    if FINAL.contains(&task.status()) {
        return None;
    }
    let feature = task.live_feature.as_ref()?;
    let field = |name: &str| {
        let text = feature.get(name).and_then(params::text)?;
        (!text.is_empty()).then_some(text)
    };
    let media_address = format!(
        "{}/{}",
        field("mediaUrl")?.trim_end_matches('/'),
        field("mediaKey")?
    );
    let address = Address {
        caption_url: field("captionUrl")?,
        caption_token: field("captionToken")?,
        account_token: None,
    };
    Some((media_address, address))
}
