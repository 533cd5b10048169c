//! A live event as it takes place: Kaltura, which listens and is lost now and then, and an engine, which posts what is said and
//! posts it again until it is told that all is well.

use std::collections::BTreeSet;

use kaltura::TaskId;
use pipeline::invariants::{self, Broken};
use pipeline::live::{ConnectionId, LiveInput};
use pipeline::ports::{Sockets, StreamStore};
use pipeline::record::TaskRecord;
use serde_json::{Value, json};

use crate::vendor::{Heard, Vendor};

/// So many lines are said.
const LINES: u64 = 4;
/// The vendor keeps a lost reader's place for some minutes, and promises nothing to one that comes later.
const COMES_BACK_WITHIN_S: u64 = 4 * 60;
/// Who speaks gives up so long after the event's end.
const GIVES_UP_AFTER_S: u64 = 60 * 60;
/// READY, as Kaltura numbers it.
const READY: i64 = 2;

/// A live event.
#[allow(
    clippy::struct_excessive_bools,
    reason = "four independent facts of an event and its listener"
)]
pub struct Broadcast {
    /// The order's task.
    pub task_id: TaskId,
    start_epoch_s: u64,
    end_epoch_s: u64,
    says_end: bool,
    /// The number of the engine's next post.
    next: u64,
    /// Whether it was told that nobody hears it any more.
    is_too_late: bool,
    connections: Vec<ConnectionId>,
    is_connected: bool,
    /// When its connection was last there, or first tried.
    there_epoch_s: Option<u64>,
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
            is_too_late: false,
            connections: Vec::new(),
            is_connected: false,
            there_epoch_s: None,
            was_away: false,
        }
    }

    /// Whether the event takes place now, or goes on late, so that every minute counts.
    pub fn is_on(&self, now_epoch_s: u64) -> bool {
        now_epoch_s >= self.start_epoch_s
            && (now_epoch_s < self.end_epoch_s
                || (self.next > 1 && !self.is_said() && now_epoch_s <= self.end_epoch_s + GIVES_UP_AFTER_S))
    }

    /// Whether anything was said yet.
    pub fn has_begun(&self) -> bool {
        self.next > 1
    }

    /// Whether nothing is to be said any more: everything was, the end too where the engine says it, or nobody is there.
    fn is_said(&self) -> bool {
        self.is_too_late || self.next > LINES + u64::from(self.says_end)
    }

    /// The customer has it take place later; gives its new times.
    pub fn move_by(&mut self, seconds: u64) -> (u64, u64) {
        self.start_epoch_s += seconds;
        self.end_epoch_s += seconds;
        (self.start_epoch_s, self.end_epoch_s)
    }

    /// What happens at the event by now, if Kaltura knows where to go.
    pub async fn go_on(&mut self, vendor: &Vendor, now_epoch_s: u64) {
        let glance = vendor.sim.glance(&self.task_id.as_str().into()).unwrap();
        if now_epoch_s < self.start_epoch_s || !glance.has_caption_url {
            return;
        }
        self.listen(vendor, now_epoch_s).await;
        // It begins late where it was made ready late; then it is over late, too.
        if self.is_said() || now_epoch_s > self.end_epoch_s + GIVES_UP_AFTER_S {
            return;
        }
        match vendor.hear(&self.task_id, &self.post()).await {
            Heard::Taken => self.next += 1,
            Heard::Again => {}
            Heard::TooLate => self.is_too_late = true,
        }
    }

    /// Kaltura connects, and comes again when it is lost.
    async fn listen(&mut self, vendor: &Vendor, now_epoch_s: u64) {
        if let Some(connection) = self.connections.last().filter(|_| self.is_connected) {
            // Kaltura loses it, or the vendor has closed it.
            if vendor.chaos.happens(0.1) {
                vendor.sockets.lose(connection);
            }
            self.is_connected = vendor.sockets.is_open(connection).await.unwrap();
            if self.is_connected {
                self.there_epoch_s = Some(now_epoch_s);
            }
        }
        let is_late = |there: u64| now_epoch_s > there + COMES_BACK_WITHIN_S;
        // Who has heard all of it need not come back.
        self.was_away |= !self.is_connected
            && self.there_epoch_s.is_some_and(is_late)
            && !(self.is_said() && self.heard(vendor).len() as u64 >= LINES);
        if self.is_connected {
            return;
        }
        let name = format!("{}-{}", self.task_id, self.connections.len());
        let connection = ConnectionId::new(name);
        vendor.sockets.open(&connection);
        self.is_connected = vendor.connect(&self.task_id, &connection).await;
        if self.is_connected {
            self.there_epoch_s = Some(now_epoch_s);
        } else {
            // Its place may be taken, but there is no connection.
            vendor.sockets.lose(&connection);
            self.there_epoch_s.get_or_insert(now_epoch_s);
        }
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

    /// The lines that Kaltura has received by whatever connection, in their order.
    fn heard(&self, vendor: &Vendor) -> Vec<String> {
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
        heard
    }

    /// How its listener was.
    pub fn listener(&self) -> &'static str {
        if self.was_away { "away for long" } else { "there" }
    }

    /// What is wrong with its stream and with what Kaltura received, once all is over.
    pub fn judge(&self, vendor: &Vendor, record: &TaskRecord, status: i64) -> Vec<Broken> {
        let stream = futures::executor::block_on(vendor.streams.load(&self.task_id)).unwrap();
        let mut broken = Vec::from_iter(invariants::of_stream(record, stream.is_some()));
        if status != READY || self.was_away {
            return broken;
        }
        let heard = self.heard(vendor);
        let said: Vec<String> = (1..self.next.min(LINES + 1)).map(text).collect();
        broken.extend(invariants::of_captions(&self.task_id, &said, &heard));
        broken
    }
}

fn text(number: u64) -> String {
    format!("Line {number}.")
}
