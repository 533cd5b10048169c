//! The function's handler as API Gateway would have it called: events in, answers out, both as bytes.

use std::sync::Arc;

use async_trait::async_trait;
use engines::http::signature::SharedSecret;
use kaltura::TaskId;
use live::{Life, Live};
use pipeline::Context;
use serde_json::{Value, json};
use step_world::{http_event, socket_event};

use crate::speech::Said;

/// An order whose life goes on elsewhere.
struct Quiet;

#[async_trait(?Send)]
impl Life for Quiet {
    async fn on_air(&self, _: &TaskId) -> pipeline::Result<()> {
        Ok(())
    }

    async fn over(&self, _: &TaskId) -> pipeline::Result<()> {
        Ok(())
    }
}

/// The function with these parts.
pub fn function(ctx: Context) -> Live {
    Live {
        tokens: ctx.live_tokens().unwrap().clone(),
        ctx,
        engine_secret: SharedSecret::new("a secret of more than thirty-two letters").unwrap(),
        api_url: "https://door.example.com".to_owned(),
        base_path: String::new(),
        needs_account: false,
        life: Arc::new(Quiet),
    }
}

/// Calls it: what the runtime does with an event's bytes, and what the function does, within one future.
pub async fn call(live: &Live, event: &[u8]) -> Value {
    let event = serde_json::from_slice(event).unwrap();
    let answer = live::handle(live, event).await;
    serde_json::to_value(answer).unwrap()
}

/// A post's body.
pub fn post(sequence: u64, words: &[Said], heard_until_ms: u64, is_last: bool) -> Value {
    let words: Vec<Value> = words
        .iter()
        .map(|word| json!({ "text": word.text, "start_ms": word.start_ms, "end_ms": word.end_ms }))
        .collect();
    json!({
        "source": "main",
        "sequence": sequence,
        "origin": { "pts_s": 0.0, "epoch_s": 1_764_000_000.0 },
        "heard_until_ms": heard_until_ms,
        "words": words,
        "end_of_stream": is_last,
    })
}

/// The event of a post.
pub fn post_event(live: &Live, task_id: &TaskId, body: &Value) -> Vec<u8> {
    let route = "POST /live/streams/{task_id}/captions";
    let token = live.tokens.engine(task_id);
    let headers =
        json!({ "authorization": format!("Bearer {}", token.reveal()), "content-type": "application/json" });
    let event = http_event(route, ("task_id", task_id.as_str()), &headers, &body.to_string());
    event.to_string().into_bytes()
}

/// The event of a reader that comes, or has gone.
pub fn reader_event(live: &Live, task_id: &TaskId, connection: &str, is_there: bool) -> Vec<u8> {
    let mut event = socket_event(if is_there { "CONNECT" } else { "DISCONNECT" }, connection);
    if is_there {
        let token = live.tokens.caption(task_id);
        event["queryStringParameters"] = json!({ "stream": task_id.as_str(), "token": token.reveal() });
        event["headers"] = json!({ "host": "id.execute-api.us-east-1.amazonaws.com" });
    }
    event.to_string().into_bytes()
}
