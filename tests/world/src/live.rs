//! Who listens to a live event, and what is said there.

use kaltura::TaskId;
use pipeline::live::{ConnectionId, LiveInput, LiveLine, join};

use crate::World;

impl World {
    /// A client connects to a stream, and its connection is there.
    pub async fn listen(&self, task_id: &TaskId, name: &str) -> ConnectionId {
        let connection = ConnectionId::new(name);
        join(&self.ctx, task_id, &connection).await.unwrap();
        self.sockets.open(&connection);
        connection
    }
}

/// A post of one line of three seconds, the `number`-th of the event, which makes a caption.
pub fn live_line(source: &str, sequence: u64, number: u64) -> LiveInput {
    let start_ms = number * 3_000;
    LiveInput {
        source: source.to_owned(),
        sequence,
        origin: None,
        heard_until_ms: Some(start_ms + 3_000),
        words: Vec::new(),
        lines: vec![LiveLine {
            text: format!("This is line {number}."),
            start_ms,
            end_ms: start_ms + 2_500,
            speaker: None,
        }],
        end_of_stream: false,
    }
}
