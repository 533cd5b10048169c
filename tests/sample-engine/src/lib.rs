//! An engine that speaks the protocol of the pipeline's `http` adapter (`shared/engines/src/http/openapi.yaml`): what a
//! vendor can start from, and what that adapter is tested with.
//!
//! It knows nothing of the pipeline but that protocol, and shares no code with it. What lives here: the jobs and their
//! addresses. What to replace by an engine of one's own is `work.rs`.

mod signature;
mod wire;
mod work;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use serde_json::json;
use tokio::sync::Semaphore;

use self::signature::Signer;
use self::wire::{Fault, JobAnswer, JobRequest, State};
use self::work::Undone;

/// The largest request that is read.
const MOST_REQUEST_BYTES: usize = 8 * 1024 * 1024;

/// How the engine is set up.
#[derive(Debug, Default)]
pub struct Options {
    /// The secret that is shared with the pipeline; at least 32 bytes.
    pub secret: String,
    /// The folder of sidecars, for `recognise` and `identify`.
    pub sidecars: Option<PathBuf>,
    /// The address of the stack's door: links and callbacks elsewhere are not followed. None follows all.
    pub door: Option<url::Url>,
    /// What each job needs a permit of before it goes on from 50 percent; none lets all go on.
    pub gate: Option<Arc<Semaphore>>,
}

/// What can go wrong when the engine is set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The secret is too short.
    #[error("the secret has fewer than 32 bytes")]
    Secret,
    /// No client for fetching media can be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

struct Job {
    answer: JobAnswer,
    task: tokio::task::AbortHandle,
}

struct Engine {
    signer: Mutex<Signer>,
    jobs: Mutex<HashMap<String, Job>>,
    sidecars: Option<PathBuf>,
    gate: Option<Arc<Semaphore>>,
    ways: Ways,
}

/// How the engine reaches the pipeline.
pub(crate) struct Ways {
    /// Follows redirects, as media links need it.
    fetching: reqwest::Client,
    /// Follows none, for callbacks, and for uploads: their links are asked where a file goes.
    direct: reqwest::Client,
    door: Option<url::Origin>,
}

impl Ways {
    /// Fails for an address that is not the door's. A redirect from there may lead anywhere.
    pub fn check(&self, url: &url::Url) -> Result<(), String> {
        match &self.door {
            Some(door) if *door != url.origin() => Err("the link does not lead to the door".to_owned()),
            _ => Ok(()),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine's addresses, to be served.
pub fn router(options: Options) -> Result<Router, SetupError> {
    let client = || reqwest::Client::builder().timeout(Duration::from_mins(10));
    let engine = Arc::new(Engine {
        signer: Mutex::new(Signer::new(&options.secret).ok_or(SetupError::Secret)?),
        jobs: Mutex::new(HashMap::new()),
        sidecars: options.sidecars,
        gate: options.gate,
        ways: Ways {
            fetching: client().build()?,
            direct: client().redirect(reqwest::redirect::Policy::none()).build()?,
            door: options.door.map(|door| door.origin()),
        },
    });
    Ok(Router::new()
        .route("/jobs/{job_id}", put(start).get(look).delete(forget))
        .layer(middleware::from_fn_with_state(Arc::clone(&engine), signed))
        .layer(DefaultBodyLimit::max(MOST_REQUEST_BYTES))
        .with_state(engine))
}

fn problem(status: StatusCode, detail: impl Into<String>) -> Response {
    (status, axum::Json(json!({ "detail": detail.into() }))).into_response()
}

/// Lets in only what the pipeline signed.
async fn signed(Shared(engine): Shared<Arc<Engine>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MOST_REQUEST_BYTES).await else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
    };
    let verified = {
        let mut signer = locked(&engine.signer);
        signer.verify(parts.method.as_str(), parts.uri.path(), &parts.headers, &body)
    };
    match verified {
        Ok(()) => next.run(Request::from_parts(parts, body.into())).await,
        Err(why) => problem(StatusCode::UNAUTHORIZED, why),
    }
}

fn is_job_id(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Starts a job, or answers how the one of that name is. A failed job is started again.
async fn start(Shared(engine): Shared<Arc<Engine>>, Path(job_id): Path<String>, body: Bytes) -> Response {
    if !is_job_id(&job_id) {
        return problem(StatusCode::BAD_REQUEST, "the job's name can't be one");
    }
    let request: JobRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let mut jobs = locked(&engine.jobs);
    if let Some(job) = jobs.get(&job_id)
        && job.answer.state != State::Failed
    {
        return (StatusCode::OK, axum::Json(job.answer.clone())).into_response();
    }
    let answer = JobAnswer {
        job_id: job_id.clone(),
        state: State::Queued,
        progress_percent: 0,
        result: None,
        error: None,
    };
    let task = tokio::spawn(run(Arc::clone(&engine), job_id.clone(), request)).abort_handle();
    jobs.insert(
        job_id,
        Job {
            answer: answer.clone(),
            task,
        },
    );
    (StatusCode::ACCEPTED, axum::Json(answer)).into_response()
}

async fn look(Shared(engine): Shared<Arc<Engine>>, Path(job_id): Path<String>) -> Response {
    match locked(&engine.jobs).get(&job_id) {
        Some(job) => axum::Json(job.answer.clone()).into_response(),
        None => problem(StatusCode::NOT_FOUND, "there is no such job"),
    }
}

/// Ends a job and forgets it, whether it is known or not.
async fn forget(Shared(engine): Shared<Arc<Engine>>, Path(job_id): Path<String>) -> Response {
    if !is_job_id(&job_id) {
        return problem(StatusCode::BAD_REQUEST, "the job's name can't be one");
    }
    if let Some(job) = locked(&engine.jobs).remove(&job_id) {
        job.task.abort();
    }
    StatusCode::NO_CONTENT.into_response()
}

impl Engine {
    fn set(&self, job_id: &str, change: impl FnOnce(&mut JobAnswer)) {
        if let Some(job) = locked(&self.jobs).get_mut(job_id) {
            change(&mut job.answer);
        }
    }

    /// Tells the pipeline that the job has ended. It will ask by itself in the end, so a callback that can't be brought is
    /// given up.
    async fn call_back(&self, job_id: &str, state: State, url: &url::Url) {
        if let Err(why) = self.ways.check(url) {
            return tracing::warn!(job_id, why, "not called back");
        }
        let body = json!({ "job_id": job_id, "state": state }).to_string();
        for pause_s in [1, 5, 0] {
            let headers = locked(&self.signer).sign("POST", url.path(), body.as_bytes());
            let mut request = self
                .ways
                .direct
                .post(url.clone())
                .header("content-type", "application/json");
            for (name, value) in headers {
                request = request.header(name, value);
            }
            match request.body(body.clone()).send().await {
                Ok(answer) if !answer.status().is_server_error() => {
                    tracing::info!(job_id, status = %answer.status(), "called back");
                    return;
                }
                Ok(answer) => tracing::warn!(job_id, status = %answer.status(), "callback not taken"),
                Err(error) => tracing::warn!(job_id, error = %error.without_url(), "callback not brought"),
            }
            tokio::time::sleep(Duration::from_secs(pause_s)).await;
        }
    }
}

/// A job's life.
async fn run(engine: Arc<Engine>, job_id: String, request: JobRequest) {
    engine.set(&job_id, |answer| {
        answer.state = State::Running;
        answer.progress_percent = 50;
    });
    if let Some(gate) = &engine.gate
        && let Ok(permit) = gate.acquire().await
    {
        permit.forget();
    }
    let outcome = work::run(&engine.ways, engine.sidecars.as_deref(), &request).await;
    let (state, result, error): (_, _, Option<Fault>) = match outcome {
        Ok(result) => (State::Done, Some(result), None),
        Err(Undone::Failed(fault)) => (State::Failed, None, Some(fault)),
        Err(Undone::Refused(fault)) => (State::Refused, None, Some(fault)),
    };
    tracing::info!(job_id, ?state, "ended");
    engine.set(&job_id, |answer| {
        *answer = JobAnswer {
            job_id: job_id.clone(),
            state,
            progress_percent: 100,
            result,
            error,
        };
    });
    engine.call_back(&job_id, state, &request.callback_url).await;
}
