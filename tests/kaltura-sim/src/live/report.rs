//! What came of an event: `live` of an order's report.

use serde::{Deserialize, Serialize};

/// What Kaltura's side saw of an event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveReport {
    /// How far it is.
    pub state: LiveState,
    /// When the event began, epoch milliseconds of the sim clock; `None` before.
    pub begun_ms: Option<i64>,
    /// The stretches of the customer's stream.
    pub pushes: Vec<PushReport>,
    /// The listeners.
    pub connections: Vec<ConnectionReport>,
    /// How tries with a wrong token were answered: HTTP statuses, 101 where one was let in.
    pub wrong_tokens: Vec<u16>,
    /// Every message, as it came in.
    pub messages: Vec<LiveMessage>,
    /// What was wrong with messages or connections; empty: all was well.
    pub findings: Vec<String>,
}

/// How far an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveState {
    /// Its time has not come.
    #[default]
    Waiting,
    /// Its time came before the vendor had filled the feature: no captions at all (spec section 8.2).
    NotFilled,
    /// On air.
    OnAir,
    /// The feature was removed while it was on air.
    Removed,
    /// Over.
    Ended,
}

impl LiveState {
    /// Whether nothing more is to come.
    pub fn is_over(self) -> bool {
        matches!(self, Self::NotFilled | Self::Removed | Self::Ended)
    }
}

/// What became of a push.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PushReport {
    /// Where in the media it began.
    pub media_from_ms: u64,
    /// The time stamp of its first frame.
    pub first_pts_ms: u64,
    /// When its first frame was sent, epoch milliseconds; `None`: none was.
    pub first_frame_ms: Option<i64>,
    /// How much was sent.
    pub sent_ms: u64,
    /// When it ended, epoch milliseconds.
    pub ended_ms: Option<i64>,
    /// ffmpeg's last words, where it failed.
    pub error: Option<String>,
}

/// What a listener got.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionReport {
    /// Its name.
    pub name: String,
    /// Each time that it connected.
    pub sessions: Vec<SessionReport>,
    /// Messages that were sent once more when it had come back, by their id, before anything new.
    pub sent_again: usize,
    /// Messages in all.
    pub messages: usize,
    /// Messages that had been there before, by their id, and were not sent again after a reconnect.
    pub doubled: usize,
    /// Messages that began before the end of the one before.
    pub out_of_order: usize,
    /// Messages that other listeners got and this one didn't.
    pub lost: usize,
    /// Whether the last message said that the stream is at its end.
    pub saw_the_end: bool,
}

/// One time that a listener connected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionReport {
    /// When it tried, epoch milliseconds.
    pub tried_ms: i64,
    /// The HTTP status of the answer: 101 where it was let in; `None`: no answer.
    pub http_status: Option<u16>,
    /// When it was over, epoch milliseconds.
    pub ended_ms: Option<i64>,
    /// The server's close code; `None` where the server closed without one, or we broke off.
    pub close_code: Option<u16>,
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveMessage {
    /// The listener that got it.
    pub connection: String,
    /// When, epoch milliseconds of the sim clock.
    pub at_ms: i64,
    /// As it came.
    pub text: String,
    /// What it says; `None` where it can't be read.
    pub caption: Option<ReceivedCaption>,
}

/// What a readable message says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceivedCaption {
    /// `response.id`.
    pub id: String,
    /// `response.start`, seconds.
    pub start_s: f64,
    /// `response.end`, seconds.
    pub end_s: f64,
    /// The end of its last item, seconds; of its beginning where it has none.
    pub said_until_s: f64,
    /// `response.start_pts`, seconds.
    pub start_pts_s: f64,
    /// `response.start_epoch`, seconds.
    pub start_epoch_s: f64,
    /// The transcript of the first alternative.
    pub transcript: String,
    /// `response.is_end_of_stream`.
    pub is_end_of_stream: bool,
}
