//! Door: what comes to the stack over HTTP.
//!
//! Invoked by an API Gateway HTTP API, payload format 2.0:
//!
//! - `GET|PUT /links/{token}` answers 307 to an address of the object that is presigned for this one use;
//! - `POST /engine/jobs/{job_id}/ended` is the vendor's own engine's word that a job has ended.
//!
//! Nobody who comes is trusted: a link carries our own signature, a callback the engine's, and a callback only makes us ask
//! the engine. The unit of failure is the request. What links are is in `pipeline::links`, what signatures are in
//! `engines::http::signature`.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engines::JobId;
use engines::http::signature::{SharedSecret, Signable, SignatureError};
use pipeline::config;
use pipeline::links::{LinkError, Links};
use pipeline::ports::{Clock, LinkMethod, ObjectStore};
use pipeline::steps::complete::{self, Completed};
use pipeline::{Builder, Context, Result};

/// How long a presigned address is good: long enough to begin a transfer with it.
const PRESIGNED_TTL_S: u64 = 5 * 60;

/// The largest callback that is looked at.
const MOST_CALLBACK_BYTES: usize = 64 * 1024;

/// What came of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The engine was asked, and what it said was kept.
    Looked,
    /// Nobody waits for the job: it is unknown, or ended before.
    NobodyWaits,
}

/// What looks at an engine's job, and completes the task that waits for it. Safe to repeat. Its futures stay on their thread, as a
/// function's whole event does.
#[async_trait(?Send)]
pub trait Completion: Send + Sync {
    /// Looks at a job that is said to have ended.
    async fn ended(&self, job_id: &JobId) -> Result<Ended>;
}

/// What this function works with.
pub struct Door {
    /// Opens links.
    pub links: Arc<Links>,
    /// Where the objects are.
    pub objects: Arc<dyn ObjectStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the engine signs with.
    pub engine_secret: SharedSecret,
    /// The path of the door's own address, without a slash at its end: what an engine signs begins with it.
    pub base_path: String,
    /// What a callback sets going.
    pub completion: Arc<dyn Completion>,
}

/// What this function works with, by its environment.
pub async fn door() -> Result<Door> {
    let builder = Builder::from_env().await?;
    let engine_secret = builder.engine_secret().await?;
    let base_path = config::base_path(&builder.door_url()?)?;
    let ctx = builder
        .with_objects()?
        .with_links()
        .await?
        .with_engines()
        .await?
        .with_completions()
        .build()?;
    Ok(Door {
        links: ctx.links()?.clone(),
        objects: ctx.objects()?.clone(),
        clock: ctx.clock.clone(),
        engine_secret,
        base_path,
        completion: Arc::new(Waits(ctx)),
    })
}

/// The tasks that wait for an engine elsewhere.
struct Waits(Context);

#[async_trait(?Send)]
impl Completion for Waits {
    async fn ended(&self, job_id: &JobId) -> Result<Ended> {
        match complete::run(&self.0, job_id).await? {
            Completed::Ended | Completed::Running => Ok(Ended::Looked),
            Completed::NobodyWaits => Ok(Ended::NobodyWaits),
        }
    }
}

/// Answers one request.
pub async fn handle(door: &Door, request: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let parameter = |name: &str| request.path_parameters.get(name).cloned().unwrap_or_default();
    match request.route_key.as_deref().unwrap_or_default() {
        "GET /links/{token}" => link(door, LinkMethod::Get, &parameter("token")).await,
        "PUT /links/{token}" => link(door, LinkMethod::Put, &parameter("token")).await,
        "POST /engine/jobs/{job_id}/ended" => ended(door, &request, &parameter("job_id")).await,
        _ => answer(404, "there is nothing here"),
    }
}

/// Leads to the object that a token stands for.
async fn link(door: &Door, method: LinkMethod, token: &str) -> ApiGatewayV2httpResponse {
    let now_epoch_s = door.clock.now_epoch_s();
    let link = match door.links.open(method, token, now_epoch_s) {
        Ok(link) => link,
        Err(error) => {
            tracing::warn!(method = method.name(), %error, "link not opened");
            return answer(status_of(error), &error.to_string());
        }
    };
    let presigned = door
        .objects
        .presign(method, &link.key, now_epoch_s, PRESIGNED_TTL_S)
        .await;
    match presigned.map(|url| HeaderValue::from_str(url.reveal())) {
        Ok(Ok(location)) => {
            tracing::info!(method = method.name(), key = link.key, "link opened");
            let mut response = answer(307, "");
            response.headers.insert(header::LOCATION, location);
            response
        }
        Ok(Err(_)) => answer(500, "the object's address can't be sent"),
        Err(error) => {
            tracing::error!(key = link.key, %error, "address not presigned");
            answer(503, "the object can't be reached now")
        }
    }
}

fn status_of(error: LinkError) -> u16 {
    match error {
        LinkError::Malformed => 400,
        LinkError::Expired { .. } => 410,
        LinkError::WrongMethod { .. } => 405,
        // Forged, an object that no link may lead to, and whatever may be added.
        _ => 403,
    }
}

/// Hears that a job has ended.
async fn ended(door: &Door, request: &ApiGatewayV2httpRequest, job_id: &str) -> ApiGatewayV2httpResponse {
    let Some(body) = body_of(request) else {
        return answer(400, "the body can't be read");
    };
    if body.len() > MOST_CALLBACK_BYTES {
        return answer(413, "the body is too large");
    }
    let path = format!("{}/engine/jobs/{job_id}/ended", door.base_path);
    let signed = Signable {
        method: "POST",
        path: &path,
        body: &body,
    };
    let header = |name: &'static str| request.headers.get(name).and_then(|value| value.to_str().ok());
    if let Err(error) = signed.verify(&door.engine_secret, header, door.clock.now_epoch_s()) {
        tracing::warn!(%error, "callback not taken");
        let status = match error {
            SignatureError::Wrong => 403,
            _ => 401,
        };
        return answer(status, &error.to_string());
    }
    let Some(job_id) = job(job_id) else {
        return answer(404, "there is no such job");
    };
    match door.completion.ended(&job_id).await {
        Ok(Ended::Looked) => answer(202, ""),
        Ok(Ended::NobodyWaits) => answer(404, "nobody waits for this job"),
        Err(error) => {
            tracing::error!(%job_id, %error, "job not looked at");
            answer(503, "the job can't be looked at now")
        }
    }
}

/// The job of that name, if it can be one.
fn job(name: &str) -> Option<JobId> {
    let (task_id, attempt, kind) = JobId::parse(name)?;
    let job_id = JobId::new(&task_id, attempt, kind);
    (job_id.as_str() == name).then_some(job_id)
}

fn body_of(request: &ApiGatewayV2httpRequest) -> Option<Vec<u8>> {
    let body = request.body.as_deref().unwrap_or_default();
    if request.is_base64_encoded {
        STANDARD.decode(body).ok()
    } else {
        Some(body.as_bytes().to_vec())
    }
}

/// An answer that no one keeps, and whose address is handed on to no one.
fn answer(status: u16, text: &str) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(status);
    response.headers = headers;
    response.body = Some(Body::from(text));
    response
}

#[cfg(test)]
mod tests;
