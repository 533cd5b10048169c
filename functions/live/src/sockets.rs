//! Events of the WebSocket API.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kaltura::TaskId;
use pipeline::live::{self, Bound, ConnectionId, LiveInput, Refused, Role};
use serde_json::{Value, json};

use crate::Live;
use crate::answer::Answer;
use crate::http::bearer;

/// The header in which the caption token may come, beside the query `token` and `Authorization`.
const TOKEN_HEADER: &str = "x-caption-token";

/// Answers one event by its status.
pub async fn handle(live: &Live, event: &ApiGatewayWebsocketProxyRequest) -> u16 {
    let context = &event.request_context;
    let Some(connection) = context.connection_id.as_deref().map(ConnectionId::new) else {
        return 400;
    };
    let answered = match context.event_type.as_deref() {
        Some("CONNECT") => connect(live, event, &connection).await,
        Some("MESSAGE") => message(live, event, &connection).await,
        Some("DISCONNECT") => {
            tracing::info!(
                %connection,
                code = context.disconnect_status_code,
                "connection ended"
            );
            live::leave(&live.ctx, &connection).await.map_err(Refused::from)
        }
        _ => return 400,
    };
    match answered {
        Ok(()) => 200,
        Err(refused) => Answer::refused(&refused).status,
    }
}

/// Who somebody who connects says that they are.
struct Comer<'a> {
    task_id: TaskId,
    role: Role,
    /// The stream's token, and whether it came as `Authorization`.
    token: &'a str,
    is_bearer: bool,
}

/// Lets somebody in whose token is right. A wrong one is refused before anything is looked at.
async fn connect(
    live: &Live,
    event: &ApiGatewayWebsocketProxyRequest,
    connection: &ConnectionId,
) -> Result<(), Refused> {
    let comer = comer(event).and_then(|comer| {
        let is_right = match comer.role {
            Role::Engine => live.tokens.is_engine(&comer.task_id, comer.token),
            Role::Reader => {
                live.tokens.is_caption(&comer.task_id, comer.token) && comes_for_account(live, event, &comer)
            }
        };
        if is_right {
            Ok(comer)
        } else {
            Err(Refused::WrongToken)
        }
    });
    let comer = comer.inspect_err(|refused| tracing::warn!(%connection, %refused, "connection refused"))?;
    let task_id = &comer.task_id;
    match comer.role {
        Role::Reader => {
            let joined = live::join(&live.ctx, task_id, connection).await?;
            tracing::info!(%task_id, %connection, place = joined.place, "somebody listens");
        }
        Role::Engine => {
            live::speak(&live.ctx, task_id, connection).await?;
            tracing::info!(%task_id, %connection, "somebody speaks");
        }
    }
    Ok(())
}

fn comer(event: &ApiGatewayWebsocketProxyRequest) -> Result<Comer<'_>, Refused> {
    let query = |name: &str| event.query_string_parameters.first(name);
    let token = query("token").or_else(|| {
        event
            .headers
            .get(TOKEN_HEADER)
            .and_then(|value| value.to_str().ok())
    });
    let is_bearer = token.is_none();
    let token = token.or_else(|| bearer(&event.headers)).ok_or(Refused::NoToken)?;
    let role = match query("role") {
        None | Some("reader") => Role::Reader,
        Some("engine") => Role::Engine,
        Some(_) => return Err(Refused::WrongToken),
    };
    // A token is a stream's: of what is no task, none is right.
    let task_id = TaskId::parse(query("stream").unwrap_or_default()).map_err(|_| Refused::WrongToken)?;
    Ok(Comer {
        task_id,
        role,
        token,
        is_bearer,
    })
}

/// Whether they come with the account's token or a session of it, where that is needed.
fn comes_for_account(live: &Live, event: &ApiGatewayWebsocketProxyRequest, comer: &Comer<'_>) -> bool {
    if !live.needs_account {
        return true;
    }
    let token = bearer(&event.headers).filter(|_| !comer.is_bearer);
    token.is_some_and(|token| {
        live.tokens.is_account(token) || live.tokens.is_session(token, live.ctx.clock.now_epoch_s())
    })
}

/// A message. Of whoever listens, whatever it says: it shows that they are there, so they get what they have not got. Of an
/// engine, a post of words.
async fn message(
    live: &Live,
    event: &ApiGatewayWebsocketProxyRequest,
    connection: &ConnectionId,
) -> Result<(), Refused> {
    let Some(Bound { task_id, role, .. }) = live.ctx.streams()?.bound(connection).await? else {
        return Err(Refused::NoStream);
    };
    match role {
        Role::Reader => {
            let stream = live::hand_out(&live.ctx, &task_id).await?;
            if stream.is_to_be_on_air() {
                crate::go_on_air(live, &task_id).await;
            }
            Ok(())
        }
        Role::Engine => {
            let body = event.body.as_deref().unwrap_or_default();
            let answer = match post(body, event.is_base64_encoded) {
                Ok(input) => {
                    let answer = match crate::take_in(live, &task_id, &input).await {
                        Ok(taken) => Answer::taken(&taken),
                        Err(refused) => Answer::refused(&refused),
                    };
                    told(answer, Some(&input))
                }
                Err(refused) => told(Answer::refused(&refused), None),
            };
            // One that is not there any more asks again when it is.
            live.ctx.sockets()?.send(connection, &answer.to_string()).await?;
            Ok(())
        }
    }
}

fn post(body: &str, is_base64: bool) -> Result<LiveInput, Refused> {
    if !is_base64 {
        return LiveInput::parse(body.as_bytes());
    }
    let decoded = STANDARD.decode(body).map_err(|_| Refused::Malformed {
        at: "body".to_owned(),
        found: "not base64".to_owned(),
        expected: "a post of words".to_owned(),
    })?;
    LiveInput::parse(&decoded)
}

/// An answer as a message: what HTTP says by its status, and of which post.
fn told(answer: Answer, input: Option<&LiveInput>) -> Value {
    let mut told = answer.json;
    told["status"] = json!(answer.status);
    if let Some(input) = input {
        told["source"] = json!(input.source);
        told["sequence"] = json!(input.sequence);
    }
    told
}
