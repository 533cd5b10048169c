//! From an HTTP request of the API to its answer: parameters, session, contract, gate, service, faults, log.

use crate::answer::{ApiError, Format, render};
use crate::faults::{FaultEffect, Target};
use crate::gate::{self, Session};
use crate::ids::{PartnerId, TaskId};
use crate::params::{self, Params};
use crate::report::{CallRecord, KsKind};
use crate::secrets;
use crate::serve::{Dropped, header_value};
use crate::services::{self, Answer, Call};
use crate::world::Shared;
use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest body of a request: a whole media file in one upload.
const MAX_BODY_BYTES: usize = 1 << 30;
/// Longer values are cut in the log.
const MAX_LOGGED_CHARS: usize = 500;
/// Most requests of one multirequest.
const MAX_REQUESTS: usize = 50;

/// A request as it was sent.
struct Sent {
    service: String,
    action: String,
    params: Params,
    file: Option<(String, Bytes)>,
    in_multirequest: bool,
}

/// Answers one request of the API.
pub(crate) async fn handle(shared: Arc<Shared>, request: Request) -> Response {
    let sent = match read(request).await {
        Ok(sent) => sent,
        Err(response) => return response,
    };
    let format = Format::from_param(sent.params.get("format"));
    if sent.service.eq_ignore_ascii_case("multirequest") {
        return multirequest(&shared, &sent, format).await;
    }
    one(&shared, sent, format).await
}

async fn read(request: Request) -> Result<Sent, Response> {
    let bad = |status: StatusCode, reason: String| (status, reason).into_response();
    let (path, query) = (
        request.uri().path().to_owned(),
        request.uri().query().unwrap_or_default().to_owned(),
    );
    let mut params = Params::new();
    let mut segments = path
        .split('/')
        .filter(|part| !part.is_empty() && !matches!(*part, "api_v3" | "index.php"));
    let (mut service, mut action) = (String::new(), String::new());
    while let Some(name) = segments.next() {
        match name {
            "service" => segments.next().unwrap_or_default().clone_into(&mut service),
            "action" => {
                segments.next().unwrap_or_default().clone_into(&mut action);
                params::add_path(&mut params, segments);
                break;
            }
            _ => {}
        }
    }
    params::add_encoded(&mut params, query.as_bytes());
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let mut file = None;
    if content_type.starts_with("multipart/form-data") {
        let mut parts = Multipart::from_request(request, &())
            .await
            .map_err(|error| bad(error.status(), error.body_text()))?;
        while let Some(part) = parts
            .next_field()
            .await
            .map_err(|error| bad(error.status(), error.body_text()))?
        {
            let name = part.name().unwrap_or_default().to_owned();
            let file_name = part.file_name().map(str::to_owned);
            let content = part
                .bytes()
                .await
                .map_err(|error| bad(error.status(), error.body_text()))?;
            match file_name {
                Some(file_name) => file = Some((file_name, content)),
                None if name == "json" => {
                    params::add_json(&mut params, &content);
                }
                None if name == "fileData" => file = Some((String::new(), content)),
                None => params::add_pair(&mut params, &name, &String::from_utf8_lossy(&content)),
            }
        }
    } else {
        let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES)
            .await
            .map_err(|error| bad(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
        // Exactly this type, without a charset: the server reads any other as a form.
        if content_type == "application/json" {
            params::add_json(&mut params, &body);
        } else {
            params::add_encoded(&mut params, &body);
        }
    }
    for (name, target) in [("service", &mut service), ("action", &mut action)] {
        if target.is_empty() {
            *target = params.get(name).and_then(params::text).unwrap_or_default();
        }
    }
    Ok(Sent {
        service: service.to_ascii_lowercase(),
        action,
        params,
        file,
        in_multirequest: false,
    })
}

/// What came of one action, before it is put on the wire.
struct Outcome {
    answer: Answer,
    headers: Vec<(String, String)>,
    file: Option<std::path::PathBuf>,
    effect: Option<FaultEffect>,
}

async fn one(shared: &Arc<Shared>, sent: Sent, format: Format) -> Response {
    // In a task of its own: the server ends what it began when the caller hangs up.
    let work = tokio::spawn({
        let shared = shared.clone();
        async move { perform(&shared, sent).await }
    });
    let Ok(outcome) = work.await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Some(response) = outcome.effect.as_ref().and_then(broken_response) {
        return response;
    }
    if let (Some(path), Ok(_)) = (&outcome.file, &outcome.answer) {
        return crate::files::file_response(path, None, "text/plain; charset=utf-8").await;
    }
    let mut body = render(format, &outcome.answer);
    if matches!(outcome.effect, Some(FaultEffect::Truncated)) {
        let half = (0..=body.len() / 2)
            .rev()
            .find(|at| body.is_char_boundary(*at))
            .unwrap_or(0);
        body.truncate(half);
    }
    respond(format, body, outcome.headers, outcome.answer.as_ref().err())
}

fn respond(
    format: Format,
    body: String,
    headers: Vec<(String, String)>,
    error: Option<&ApiError>,
) -> Response {
    let mut response = ([(header::CONTENT_TYPE, format.content_type())], body).into_response();
    let mut set = |name: &str, value: &str| {
        if let (Ok(name), Some(value)) = (HeaderName::try_from(name), header_value(value)) {
            response.headers_mut().append(name, value);
        }
    };
    set("X-Me", "kaltura-sim");
    set("X-Kaltura-Session", &format!("{:08x}", rand::random::<u32>()));
    for (name, value) in headers {
        set(&name, &value);
    }
    if let Some(error) = error {
        set("X-Kaltura", &format!("error-{}", error.code));
        set(
            "X-Kaltura-App",
            &format!("exiting on error {} - {}", error.code, error.message),
        );
    }
    response
}

/// The answer that a fault puts in place of the real one.
pub(crate) fn broken_response(effect: &FaultEffect) -> Option<Response> {
    match effect {
        FaultEffect::HttpStatus { status } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some((status, "").into_response())
        }
        FaultEffect::Html => Some(
            (
                [(header::CONTENT_TYPE, "text/html")],
                "<html><body><h1>Service temporarily unavailable</h1></body></html>",
            )
                .into_response(),
        ),
        FaultEffect::Empty => Some(StatusCode::OK.into_response()),
        FaultEffect::Reset | FaultEffect::ReplyLost => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(Dropped);
            Some(response)
        }
        FaultEffect::Endless => {
            let chunk = Bytes::from(vec![0x47_u8; 1 << 16]);
            let chunks =
                futures::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(chunk.clone()));
            Some(Response::new(Body::from_stream(chunks)))
        }
        _ => None,
    }
}

/// Session, contract, gate, faults, service, log: everything about one action but the wire.
async fn perform(shared: &Arc<Shared>, sent: Sent) -> Outcome {
    let started = Instant::now();
    let raw_ks = sent
        .params
        .get("ks")
        .and_then(params::text)
        .filter(|ks| !ks.is_empty());
    secrets::note_sent(&mut shared.world().secrets, &sent.params);
    let session = raw_ks.as_deref().map(|raw| gate::open(shared, raw));
    let target = target_of(
        shared,
        &sent,
        session.as_ref().and_then(|opened| opened.as_ref().ok()),
        raw_ks.as_deref(),
    );
    let effect = shared.world().fault(&target);
    let mut headers = Vec::new();
    let mut file = None;
    let mut spelled = sent.action.clone();
    let answer = match &effect {
        Some(FaultEffect::Api { code, message }) => Err(ApiError::new(
            code,
            if message.is_empty() { code } else { message },
            &[],
        )),
        Some(
            FaultEffect::HttpStatus { .. }
            | FaultEffect::Html
            | FaultEffect::Empty
            | FaultEffect::Reset
            | FaultEffect::Endless,
        ) => Ok(Value::Null),
        other => {
            if let Some(FaultEffect::Delay { ms }) = other {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
            }
            let forbidden = match other {
                Some(FaultEffect::ForbidProperties { names }) => names.clone(),
                _ => Vec::new(),
            };
            let opened = session.clone().transpose();
            act(
                shared,
                &sent,
                opened,
                forbidden,
                &mut spelled,
                &mut headers,
                &mut file,
            )
            .await
        }
    };
    let code = effect.as_ref().map(|effect| effect.label().to_owned());
    let code = match &answer {
        Err(error) => Some(error.code.clone()),
        Ok(_) => code,
    };
    let kind = match &session {
        None => KsKind::None,
        Some(Err(_)) => KsKind::Invalid,
        Some(Ok(session)) => session.kind,
    };
    let record = CallRecord {
        at_ms: shared.clock.now_ms(),
        service: target.service.clone(),
        action: spelled,
        ks_kind: kind,
        partner_id: session.and_then(Result::ok).map(|session| session.ks.partner_id),
        task_id: target.task_id.clone(),
        client_tag: sent.params.get("clientTag").and_then(params::text),
        code,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        params: redacted(&Value::Object(sent.params)),
    };
    tracing::debug!(service = record.service, action = record.action, ks_kind = ?record.ks_kind, code = record.code, "call");
    let mut world = shared.world();
    if let Ok(answer) = &answer {
        secrets::note_answered(&mut world.secrets, answer);
    }
    world.calls.push(record);
    drop(world);
    Outcome {
        answer,
        headers,
        file,
        effect,
    }
}

/// What the call is about, as far as faults and the log can tell before it is done: the key's task, or the id that
/// an entryVendorTask action names.
fn target_of(shared: &Shared, sent: &Sent, session: Option<&Session>, raw_ks: Option<&str>) -> Target {
    let world = shared.world();
    let by_key = raw_ks.and_then(|raw| world.key_tasks.get(raw).cloned());
    let named = (sent.service == "reach_entryvendortask")
        .then(|| sent.params.get("id").and_then(params::text).map(TaskId::from))
        .flatten()
        .filter(|id| world.tasks.contains_key(id));
    let task_id = named.or(by_key);
    let mut partners: Vec<PartnerId> = session.map(|session| session.ks.partner_id).into_iter().collect();
    partners.extend(
        task_id
            .as_ref()
            .and_then(|id| world.tasks.get(id))
            .map(|task| task.partner_id),
    );
    Target {
        service: sent.service.clone(),
        action: sent.action.clone(),
        partners,
        task_id,
    }
}

async fn act(
    shared: &Arc<Shared>,
    sent: &Sent,
    session: Result<Option<Session>, gate::Refused>,
    forbidden: Vec<String>,
    spelled: &mut String,
    headers: &mut Vec<(String, String)>,
    file: &mut Option<std::path::PathBuf>,
) -> Answer {
    let (name, spec) = shared.contract.action(&sent.service, &sent.action)?;
    name.clone_into(spelled);
    let session = session.map_err(|refused| ApiError::invalid_ks(refused.reason()))?;
    let arguments = shared.contract.arguments(spec, &sent.params)?;
    gate::check(&sent.service, name, session.as_ref())?;
    let mut call = Call {
        shared,
        service: &sent.service,
        action: name,
        session,
        arguments,
        params: &sent.params,
        file: sent.file.clone(),
        forbidden,
        in_multirequest: sent.in_multirequest,
        headers: Vec::new(),
    };
    let served = match (call.service, call.action) {
        ("caption_captionasset", "serve") => Some(services::captions::served_file(&call)?),
        ("attachment_attachmentasset", "serve") => Some(services::attachments::served_file(&call)?),
        _ => None,
    };
    if served.is_some() {
        *file = served;
        return Ok(Value::Null);
    }
    let answer = services::run(&mut call).await;
    headers.append(&mut call.headers);
    answer
}

/// Several requests in one, with the shared parameters and `{n:result:field}` references (spec section 4.4).
async fn multirequest(shared: &Arc<Shared>, sent: &Sent, format: Format) -> Response {
    let mut answers: Vec<Value> = Vec::new();
    // The protocol counts from 1; the official Python client from 0.
    let first = usize::from(!sent.params.contains_key("0"));
    for index in first..first + MAX_REQUESTS {
        let Some(Value::Object(own)) = sent.params.get(&index.to_string()) else {
            break;
        };
        let (Some(service), Some(action)) = (
            own.get("service").and_then(params::text),
            own.get("action").and_then(params::text),
        ) else {
            break;
        };
        let mut params = Params::new();
        for name in ["ks", "clientTag", "partnerId", "responseProfile"] {
            if let Some(value) = sent.params.get(name) {
                params.insert(name.to_owned(), value.clone());
            }
        }
        for (name, value) in own {
            params.insert(name.clone(), resolved(value, &answers));
        }
        let request = Sent {
            service: service.to_ascii_lowercase(),
            action,
            params,
            file: None,
            in_multirequest: true,
        };
        let outcome = Box::pin(perform(shared, request)).await;
        if let Some(response) = outcome.effect.as_ref().and_then(broken_response) {
            return response;
        }
        answers.push(outcome.answer.unwrap_or_else(|error| error.to_json()));
    }
    respond(
        format,
        render(format, &Ok(Value::Array(answers))),
        Vec::new(),
        None,
    )
}

/// Puts earlier answers in place of references such as `{1:result:id}`, which count from 1.
fn resolved(value: &Value, answers: &[Value]) -> Value {
    match value {
        Value::String(text) => reference(text, answers).unwrap_or_else(|| value.clone()),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| (name.clone(), resolved(member, answers)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| resolved(item, answers)).collect()),
        other => other.clone(),
    }
}

fn reference(text: &str, answers: &[Value]) -> Option<Value> {
    let path = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut parts = path.split(':');
    let index: usize = parts.next()?.parse().ok()?;
    if parts.next()? != "result" {
        return None;
    }
    let mut found = answers.get(index.checked_sub(1)?)?;
    for part in parts {
        found = match found {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            other => other.get(part)?,
        };
    }
    Some(found.clone())
}

/// Parameters for the log: no sessions, secrets, header values, or query parts of addresses.
fn redacted(value: &Value) -> Value {
    const SECRET: [&str; 8] = [
        "ks",
        "secret",
        "tokenHash",
        "kalsig",
        "accessKey",
        "urlHeaders",
        "captionToken",
        "mediaKey",
    ];
    match value {
        Value::Object(members) => {
            let kept: Map<String, Value> = members
                .iter()
                .map(|(name, member)| {
                    let member = match (SECRET.contains(&name.as_str()), name.as_str(), member) {
                        (true, "urlHeaders", member) => header_names(member),
                        (true, ..) => json!("<redacted>"),
                        (_, "url" | "captionUrl", Value::String(url)) => {
                            json!(url.split('?').next().unwrap_or_default())
                        }
                        (_, _, member) => redacted(member),
                    };
                    (name.clone(), member)
                })
                .collect();
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.iter().map(redacted).collect()),
        Value::String(text) if text.len() > MAX_LOGGED_CHARS => {
            json!(format!(
                "{}…",
                text.chars().take(MAX_LOGGED_CHARS).collect::<String>()
            ))
        }
        other => other.clone(),
    }
}

fn header_names(headers: &Value) -> Value {
    let name = |header: &Value| {
        let line = header.get("value").and_then(params::text).unwrap_or_default();
        line.split(':').next().unwrap_or_default().to_owned()
    };
    params::list(headers).iter().map(name).collect()
}
