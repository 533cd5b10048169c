//! Live: the captions of live events, in from whoever hears and out to whoever listens.
//!
//! Invoked by two APIs of API Gateway. By the WebSocket API come Kaltura, which listens, and engines that speak by it:
//! `$connect`, `$default` (each message of theirs) and `$disconnect`; `asyncapi.yaml` beside this crate has the messages. By the
//! HTTP API (payload format 2.0, `openapi.yaml`):
//!
//! - `POST /live/streams/{task_id}/captions` brings words or lines of a stream;
//! - `POST /live/auth` gives a session for the account's token;
//! - `POST /live/ingest` tells the ingest whose media key it was given, and where the words go.
//!
//! Nobody who comes is trusted before their token is checked, in constant time and without a look at any store, so that a wrong
//! one costs no stream anything. The unit of failure is the event: everything may come twice. What lives here: events, requests
//! and answers. What does not: the stream and its hand-out (`pipeline::live`), the order's status (`pipeline::steps::live`).

mod answer;
mod http;
mod sockets;

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::apigw::{
    ApiGatewayV2httpRequest, ApiGatewayV2httpResponse, ApiGatewayWebsocketProxyRequest,
};
use engines::http::signature::SharedSecret;
use kaltura::TaskId;
use pipeline::config::{self, Env};
use pipeline::live::{self, EndReason, LiveInput, LiveTokens, Refused, TakenIn};
use pipeline::{Builder, Context, Result, steps};
use serde::{Deserialize, Serialize};

/// What becomes of the order while its stream goes its way. Its futures stay on their thread, as a function's whole event does.
#[async_trait(?Send)]
pub trait Life: Send + Sync {
    /// Captions are going out: the order is PROCESSING, which Kaltura is told once. Safe to repeat.
    async fn on_air(&self, task_id: &TaskId) -> Result<()>;
    /// The stream has ended, and all of it is kept: the order goes on. Safe to repeat.
    async fn over(&self, task_id: &TaskId) -> Result<()>;
}

/// What this function works with.
pub struct Live {
    /// The pipeline's, with streams, sockets and objects.
    pub ctx: Context,
    /// Checks the tokens.
    pub tokens: Arc<LiveTokens>,
    /// What the ingest signs with.
    pub engine_secret: SharedSecret,
    /// The address of the HTTP API, without a slash at its end.
    pub api_url: String,
    /// The path of that address: what the ingest signs begins with it.
    pub base_path: String,
    /// Whether who listens must come with the account's token, too.
    pub needs_account: bool,
    /// The order's life.
    pub life: Arc<dyn Life>,
}

/// What this function works with, by its environment.
pub async fn live() -> Result<Live> {
    let env = Env::of_process();
    let builder = Builder::from_env().await?;
    let engine_secret = builder.engine_secret().await?;
    let api_url = builder.door_url()?.trim_end_matches('/').to_owned();
    let base_path = config::base_path(&api_url)?;
    let ctx = builder
        .with_objects()?
        .with_streams()?
        .with_live_tokens()
        .await?
        .with_sockets()?
        .with_engines_at_hand()
        .await?
        .with_completions()
        .build()?;
    Ok(Live {
        tokens: ctx.live_tokens()?.clone(),
        engine_secret,
        api_url,
        base_path,
        needs_account: env.flag("LIVE_ACCOUNT_AUTH", false)?,
        life: Arc::new(Orders(ctx.clone())),
        ctx,
    })
}

/// The orders' own life.
struct Orders(Context);

#[async_trait(?Send)]
impl Life for Orders {
    async fn on_air(&self, task_id: &TaskId) -> Result<()> {
        steps::live::on_air(&self.0, task_id).await.map(|_| ())
    }

    async fn over(&self, task_id: &TaskId) -> Result<()> {
        steps::live::over(&self.0, task_id).await.map(|_| ())
    }
}

/// An event of either API.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// Of the WebSocket API.
    Socket(Box<ApiGatewayWebsocketProxyRequest>),
    /// Of the HTTP API.
    Http(Box<ApiGatewayV2httpRequest>),
}

/// The answer to an event.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Answered {
    /// To the WebSocket API: at `$connect`, another status than 200 refuses the connection.
    Socket(SocketAnswer),
    /// To the HTTP API.
    Http(Box<ApiGatewayV2httpResponse>),
}

/// A status alone: whatever is to be said on a websocket is sent by the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketAnswer {
    /// The status.
    pub status_code: u16,
}

/// Answers one event.
pub async fn handle(live: &Live, event: Event) -> Answered {
    match event {
        Event::Socket(event) => Answered::Socket(SocketAnswer {
            status_code: sockets::handle(live, &event).await,
        }),
        Event::Http(request) => Answered::Http(Box::new(http::handle(live, &request).await.into_response())),
    }
}

/// Takes one post of words in, and does what comes of it: the order goes on air, or is over.
async fn take_in(live: &Live, task_id: &TaskId, input: &LiveInput) -> std::result::Result<TakenIn, Refused> {
    let ctx = &live.ctx;
    let taken = live::take_in(ctx, task_id, input).await?;
    if taken.is_to_be_on_air {
        go_on_air(live, task_id).await;
    }
    if taken.is_end_of_stream {
        live::end(ctx, task_id, EndReason::EndOfStream).await?;
        live.life.over(task_id).await?;
    }
    Ok(taken)
}

/// Has Kaltura told that captions are going out. They do, whatever comes of this: the next one has it tried again.
async fn go_on_air(live: &Live, task_id: &TaskId) {
    let told = match live.life.on_air(task_id).await {
        Ok(()) => live::note_on_air(&live.ctx, task_id).await,
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        tracing::error!(%task_id, class = error.class().name(), name = error.name(), %error, "not told to be on air");
    }
}

#[cfg(test)]
mod tests;
