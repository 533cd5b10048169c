//! The function's handler as API Gateway would have it called: events in, answers out, both as bytes.

use std::sync::Arc;

use async_trait::async_trait;
use engines::http::signature::SharedSecret;
use kaltura::TaskId;
use live::{Life, Live};
use pipeline::Context;
use serde_json::{Value, json};

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

/// The event of a post (payload format 2.0).
pub fn post_event(live: &Live, task_id: &TaskId, body: &Value) -> Vec<u8> {
    let route = "POST /live/streams/{task_id}/captions";
    let path = format!("/live/streams/{task_id}/captions");
    let token = live.tokens.engine(task_id);
    let event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "authorization": format!("Bearer {}", token.reveal()), "content-type": "application/json" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "a" },
            "requestId": "id",
            "routeKey": route,
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_u64,
        },
        "body": body.to_string(),
        "pathParameters": { "task_id": task_id.as_str() },
        "isBase64Encoded": false,
    });
    event.to_string().into_bytes()
}

/// The event of a reader that comes, or has gone.
pub fn socket_event(live: &Live, task_id: &TaskId, connection: &str, is_there: bool) -> Vec<u8> {
    let (route, kind) = if is_there {
        ("$connect", "CONNECT")
    } else {
        ("$disconnect", "DISCONNECT")
    };
    let mut event = json!({
        "requestContext": {
            "routeKey": route,
            "eventType": kind,
            "extendedRequestId": "id",
            "requestTime": "25/Nov/2026:21:22:12 +0000",
            "messageDirection": "IN",
            "stage": "live",
            "connectedAt": 1_764_019_332_211_u64,
            "requestTimeEpoch": 1_764_019_332_213_u64,
            "identity": { "sourceIp": "192.0.2.1" },
            "requestId": "id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "connectionId": connection,
            "apiId": "id",
        },
        "isBase64Encoded": false,
    });
    if is_there {
        let token = live.tokens.caption(task_id);
        event["queryStringParameters"] = json!({ "stream": task_id.as_str(), "token": token.reveal() });
        event["headers"] = json!({ "host": "id.execute-api.us-east-1.amazonaws.com" });
    }
    event.to_string().into_bytes()
}
