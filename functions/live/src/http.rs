//! Requests of the HTTP API.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engines::http::signature::{Signable, SignatureError};
use kaltura::TaskId;
use pipeline::live::{LiveInput, Refused, StreamState};
use serde::Deserialize;
use serde_json::json;

use crate::Live;
use crate::answer::Answer;

const CAPTIONS: &str = "POST /live/streams/{task_id}/captions";
const AUTH: &str = "POST /live/auth";
const INGEST: &str = "POST /live/ingest";

/// The paths, as the template routes them and `openapi.yaml` describes them.
#[cfg(test)]
pub const ROUTES: [&str; 3] = [CAPTIONS, AUTH, INGEST];

/// What the ingest tells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ingest {
    event: IngestEvent,
    media_key: String,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum IngestEvent {
    /// Somebody publishes under the key.
    Publish,
    /// They have gone, perhaps to come back.
    Done,
}

/// Answers one request.
pub async fn handle(live: &Live, request: &ApiGatewayV2httpRequest) -> Answer {
    let answered = match request.route_key.as_deref().unwrap_or_default() {
        CAPTIONS => captions(live, request).await,
        AUTH => session(live, request),
        INGEST => ingest(live, request).await,
        _ => Err(Answer::problem(404, "NotFound", "there is nothing here")),
    };
    answered.unwrap_or_else(|refused| refused)
}

/// The token of an `Authorization` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn no_token() -> Answer {
    Answer::refused(&Refused::NoToken)
}

fn wrong_token() -> Answer {
    Answer::refused(&Refused::WrongToken)
}

fn body(request: &ApiGatewayV2httpRequest) -> Result<Vec<u8>, Answer> {
    let body = request.body.as_deref().unwrap_or_default();
    if request.is_base64_encoded {
        let decoded = STANDARD.decode(body);
        return decoded.map_err(|_| Answer::problem(400, "Malformed", "the body can't be read"));
    }
    Ok(body.as_bytes().to_vec())
}

/// Words or lines of a stream.
async fn captions(live: &Live, request: &ApiGatewayV2httpRequest) -> Result<Answer, Answer> {
    let task_id = request
        .path_parameters
        .get("task_id")
        .cloned()
        .unwrap_or_default();
    let token = bearer(&request.headers).ok_or_else(no_token)?;
    // A token is a stream's: of what is no task, none is right.
    let task_id = TaskId::parse(task_id).map_err(|_| wrong_token())?;
    if !live.tokens.is_engine(&task_id, token) {
        tracing::warn!(%task_id, "words came with a wrong token");
        return Err(wrong_token());
    }
    let refused = |refused: Refused| Answer::refused(&refused);
    let input = LiveInput::parse(&body(request)?).map_err(refused)?;
    let outcome = crate::take_in(live, &task_id, &input).await.map_err(refused)?;
    Ok(Answer::taken(&outcome))
}

/// A session of the account for its token.
fn session(live: &Live, request: &ApiGatewayV2httpRequest) -> Result<Answer, Answer> {
    let token = bearer(&request.headers).ok_or_else(no_token)?;
    if !live.tokens.is_account(token) {
        tracing::warn!("somebody came for the account with a wrong token");
        return Err(wrong_token());
    }
    let (session, expires_in_s) = live.tokens.session(live.ctx.clock.now_epoch_s());
    Ok(Answer::new(
        200,
        json!({ "token": session.reveal(), "expires_in_s": expires_in_s }),
    ))
}

/// Whose a media key is, and where the words that are heard go.
async fn ingest(live: &Live, request: &ApiGatewayV2httpRequest) -> Result<Answer, Answer> {
    let body = body(request)?;
    let path = format!("{}/live/ingest", live.base_path);
    let signed = Signable {
        method: "POST",
        path: &path,
        body: &body,
    };
    let header = |name: &'static str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let now_epoch_s = live.ctx.clock.now_epoch_s();
    if let Err(error) = signed.verify(&live.engine_secret, header, now_epoch_s) {
        tracing::warn!(%error, "ingest not believed");
        let status = match error {
            SignatureError::Wrong => 403,
            _ => 401,
        };
        return Err(Answer::problem(status, "WrongSignature", &error.to_string()));
    }
    let told: Ingest = serde_json::from_slice(&body).map_err(|error| {
        Answer::problem(
            400,
            "Malformed",
            &format!("the body is not as it must be: {error}"),
        )
    })?;
    let Some(task_id) = live.tokens.open_media_key(&told.media_key) else {
        tracing::warn!("somebody publishes under a media key that is none");
        return Err(Answer::problem(403, "WrongMediaKey", "the media key is wrong"));
    };
    let stream = pipeline::live::look(&live.ctx, &task_id).await;
    let stream = stream.map_err(|refused| Answer::refused(&refused))?;
    if told.event == IngestEvent::Publish && stream.state == StreamState::Ended {
        return Err(Answer::refused(&Refused::Ended));
    }
    let event = match told.event {
        IngestEvent::Publish => "publish",
        IngestEvent::Done => "done",
    };
    tracing::info!(%task_id, event, "media at the ingest");
    Ok(Answer::new(
        200,
        json!({
            "task_id": task_id.as_str(),
            "captions_url": format!("{}/live/streams/{task_id}/captions", live.api_url),
            "engine_token": live.tokens.engine(&task_id).reveal(),
            "language": stream.settings.source.bcp47,
            "dictionary": stream.settings.dictionary,
            "event_end_epoch_s": stream.settings.event_end_epoch_s,
        }),
    ))
}
