//! A live event as it takes place: Kaltura, which listens and is lost now and then, and an engine, which posts what is said and
//! posts it again until it is told that all is well.

use std::collections::BTreeSet;

use kaltura::TaskId;
use kaltura_sim::OrderReport;
use pipeline::invariants::{Broken, Invariant};
use pipeline::live::{ConnectionId, LiveInput};
use pipeline::ports::StreamStore;
use serde_json::{Value, json};

use crate::vendor::Vendor;

/// So many lines are said.
const LINES: u64 = 4;
/// The vendor keeps a lost reader's place for some minutes, and promises nothing to one that comes later.
const COMES_BACK_WITHIN_S: u64 = 4 * 60;
/// READY, as Kaltura numbers it.
const READY: i64 = 2;

/// A live event.
pub struct Broadcast {
    /// The order's task.
    pub task_id: TaskId,
    start_epoch_s: u64,
    end_epoch_s: u64,
    says_end: bool,
    /// The number of the engine's next post.
    next: u64,
    connections: Vec<ConnectionId>,
    is_connected: bool,
    /// Since when Kaltura has been trying to come back, where it has.
    lost_epoch_s: Option<u64>,
    /// Whether it was away for longer than its place is kept.
    was_away: bool,
}

impl Broadcast {
    /// An event that has not begun; `says_end` where its engine will say that it is over.
    pub fn new(task_id: TaskId, start_epoch_s: u64, end_epoch_s: u64, says_end: bool) -> Self {
        Self {
            task_id,
            start_epoch_s,
            end_epoch_s,
            says_end,
            next: 1,
            connections: Vec::new(),
            is_connected: false,
            lost_epoch_s: None,
            was_away: false,
        }
    }

    /// Whether the event takes place now, so that every minute counts.
    pub fn is_on(&self, now_epoch_s: u64) -> bool {
        (self.start_epoch_s..self.end_epoch_s).contains(&now_epoch_s)
    }

    /// What happens at the event by now, if Kaltura knows where to go.
    pub async fn go_on(&mut self, vendor: &Vendor, now_epoch_s: u64) {
        let report = vendor.sim.order(&self.task_id.as_str().into()).unwrap();
        let knows = report
            .live_feature
            .is_some_and(|feature| feature.contains_key("captionUrl"));
        if now_epoch_s < self.start_epoch_s || !knows {
            return;
        }
        self.listen(vendor, now_epoch_s).await;
        // It begins late where it was made ready late; then it is over late, too.
        let last = LINES + u64::from(self.says_end);
        if self.next > last || now_epoch_s > self.end_epoch_s + 60 * 60 {
            return;
        }
        if vendor.hear(&self.task_id, &self.post()).await {
            self.next += 1;
        }
    }

    /// Kaltura connects, and comes again when it is lost.
    async fn listen(&mut self, vendor: &Vendor, now_epoch_s: u64) {
        if self.is_connected && vendor.chaos.happens(0.1) {
            vendor.sockets.lose(&self.connections[self.connections.len() - 1]);
            self.is_connected = false;
            self.lost_epoch_s = Some(now_epoch_s);
        }
        let is_late = |lost: u64| now_epoch_s > lost + COMES_BACK_WITHIN_S;
        self.was_away |= !self.is_connected && self.lost_epoch_s.is_some_and(is_late);
        if self.is_connected {
            return;
        }
        let name = format!("{}-{}", self.task_id, self.connections.len());
        let connection = ConnectionId::new(name);
        vendor.sockets.open(&connection);
        self.is_connected = vendor.connect(&self.task_id, &connection).await;
        self.connections.push(connection);
    }

    fn post(&self) -> LiveInput {
        let number = self.next;
        let start_ms = number * 3_000;
        let lines = match number {
            1..=LINES => json!([{ "text": text(number), "start_ms": start_ms, "end_ms": start_ms + 2_000 }]),
            _ => json!([]),
        };
        let input = json!({
            "source": "main",
            "sequence": number,
            "origin": { "pts_s": 0.0, "epoch_s": self.start_epoch_s },
            "heard_until_ms": start_ms + 2_000,
            "lines": lines,
            "end_of_stream": number > LINES,
        });
        LiveInput::parse(input.to_string().as_bytes()).unwrap()
    }

    /// What is wrong with what Kaltura received, once all is over.
    pub fn judge(&self, vendor: &Vendor, report: &OrderReport) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut say = |invariant, what: String| {
            broken.push(Broken {
                invariant,
                seen: format!("task {}: {what}", self.task_id),
            });
        };
        let stream = futures::executor::block_on(vendor.streams.load(&self.task_id)).unwrap();
        if stream.is_some() {
            say(Invariant::EndedIsQuiet, "its stream is still there".to_owned());
        }
        // Twice is once, by the id; order and number must be those of what was said.
        let (mut ids, mut heard) = (BTreeSet::new(), Vec::new());
        for connection in &self.connections {
            for message in vendor.sockets.received(connection) {
                let message: Value = serde_json::from_str(&message).unwrap();
                let response = &message["response"];
                if ids.insert(response["id"].to_string()) {
                    let text = response["alternatives"][0]["transcript"].as_str();
                    heard.extend(text.filter(|text| !text.is_empty()).map(str::to_owned));
                }
            }
        }
        let said: Vec<String> = (1..self.next.min(LINES + 1)).map(text).collect();
        let is_whole = heard.len() >= said.len() && heard[..said.len()] == said[..];
        if report.status == READY && !is_whole && !self.was_away {
            say(
                Invariant::NoneIsLost,
                format!("said {said:?}, received {heard:?}"),
            );
        }
        broken
    }
}

fn text(number: u64) -> String {
    format!("Line {number}.")
}
