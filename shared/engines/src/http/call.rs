//! A call to the engine: signed, bounded in time and size, and tried again where that can help.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Method, Response, StatusCode, header, redirect};
use url::Url;

use super::NAME;
use super::config::{HttpConfig, SECRET};
use super::signature::{NONCE_HEADER, SIGNATURE_HEADER, SharedSecret, Signable, TIMESTAMP_HEADER, hex};
use super::wire::JobAnswer;
use crate::error::{EngineError, Result};
use crate::job::JobId;

/// The largest answer that is read: the words of ten hours, with room.
const MOST_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// The longest pause between two tries, whatever an engine asks for: the caller is a function that is paid for waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Speaks to the engine.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    client: reqwest::Client,
    url: Url,
    secret: SharedSecret,
    tries: u32,
    pause: Duration,
}

/// What became of one try.
enum Tried {
    Answered(StatusCode, Vec<u8>),
    /// Another try may help, after the pause that the engine asks for.
    Again(String, Option<Duration>),
}

impl Caller {
    pub fn new(config: &HttpConfig) -> Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("reach-vendor/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .timeout(config.time_out)
            // A signature is for one address.
            .redirect(redirect::Policy::none())
            .https_only(config.url.scheme() == "https")
            .build()
            .map_err(|error| unavailable("be reached", detail(&error)))?;
        Ok(Self {
            client,
            url: config.url.clone(),
            secret: config.secret.clone(),
            tries: config.tries.max(1),
            pause: config.pause,
        })
    }

    /// PUT or GET of a job; `None` where the engine doesn't know it.
    pub async fn job(&self, method: Method, job_id: &JobId, body: Vec<u8>) -> Result<Option<JobAnswer>> {
        let (status, answer) = self.call(&method, job_id, body).await?;
        match status {
            StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CREATED => serde_json::from_slice(&answer)
                .map(Some)
                .map_err(|error| failed(job_id, format!("the answer to {method} can't be read: {error}"))),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(unexpected(&method, job_id, status, &answer)),
        }
    }

    /// DELETE of a job; one that the engine doesn't know is no error.
    pub async fn delete(&self, job_id: &JobId) -> Result<()> {
        let (status, answer) = self.call(&Method::DELETE, job_id, Vec::new()).await?;
        if status.is_success() || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(());
        }
        Err(unexpected(&Method::DELETE, job_id, status, &answer))
    }

    async fn call(&self, method: &Method, job_id: &JobId, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>)> {
        let url = self
            .url
            .join(&format!("jobs/{job_id}"))
            .map_err(|error| failed(job_id, error.to_string()))?;
        let mut number = 1;
        loop {
            match self.try_once(method, &url, body.clone()).await {
                Tried::Answered(status, answer) => return Ok((status, answer)),
                Tried::Again(why, _) if number >= self.tries => {
                    return Err(unavailable(
                        &format!("answer {method} of `{job_id}`"),
                        format!("{why} ({number} tries)"),
                    ));
                }
                Tried::Again(why, asked) => {
                    let pause = pause(self.pause, number, asked);
                    tracing::debug!(%job_id, %method, why, pause_ms = pause.as_millis(), "trying the engine again");
                    tokio::time::sleep(pause).await;
                    number += 1;
                }
            }
        }
    }

    /// One try. Each is signed for itself: the engine takes a nonce once.
    async fn try_once(&self, method: &Method, url: &Url, body: Vec<u8>) -> Tried {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let timestamp_epoch_s = now.map(|now| now.as_secs()).unwrap_or_default();
        let nonce = hex(&rand::random::<[u8; 16]>());
        let signature = Signable {
            method: method.as_str(),
            path: url.path(),
            body: &body,
        }
        .sign(&self.secret, timestamp_epoch_s, &nonce);
        let mut request = self
            .client
            .request(method.clone(), url.clone())
            .header(TIMESTAMP_HEADER, timestamp_epoch_s)
            .header(NONCE_HEADER, nonce)
            .header(SIGNATURE_HEADER, signature);
        if !body.is_empty() {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Tried::Again(detail(&error), None),
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Tried::Again(format!("it answers {status}"), retry_after(&response));
        }
        match read(response).await {
            Ok(answer) => Tried::Answered(status, answer),
            Err(why) => Tried::Again(why, None),
        }
    }
}

/// The body, unless it is too large.
async fn read(mut response: Response) -> std::result::Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| detail(&error))? {
        if body.len() + chunk.len() > MOST_ANSWER_BYTES {
            return Err(format!("its answer has more than {MOST_ANSWER_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The seconds that the engine asks to wait.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The pause before the next try: random up to the base doubled for each try, and no shorter than the engine asks for.
fn pause(base: Duration, number: u32, asked: Option<Duration>) -> Duration {
    let longest = base.saturating_mul(1 << number.saturating_sub(1).min(16));
    longest
        .mul_f64(rand::random_range(0.0..=1.0))
        .max(asked.unwrap_or_default())
        .min(LONGEST_PAUSE)
}

/// An answer that the protocol doesn't know. Of the engine's words only the beginning is kept.
fn unexpected(method: &Method, job_id: &JobId, status: StatusCode, answer: &[u8]) -> EngineError {
    let words: String = String::from_utf8_lossy(answer).chars().take(500).collect();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => EngineError::Setting {
            name: SECRET,
            detail: format!(
                "the engine refuses our signature ({status}: {words}), expected the same secret there and a right clock"
            ),
        },
        _ => failed(job_id, format!("{method} is answered {status}: {words}")),
    }
}

fn failed(job_id: &JobId, detail: String) -> EngineError {
    EngineError::JobFailed {
        engine: NAME.to_owned(),
        job: job_id.to_string(),
        detail,
    }
}

fn unavailable(action: &str, detail: String) -> EngineError {
    EngineError::Unavailable {
        engine: NAME.to_owned(),
        action: action.to_owned(),
        detail,
    }
}

/// The innermost cause, which says more than its wrappings.
fn detail(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_chance_and_stay_bounded() {
        for number in 1..40 {
            let base = Duration::from_millis(250);
            let longest = base.saturating_mul(1 << (number - 1).min(16)).min(LONGEST_PAUSE);
            assert!(pause(base, number, None) <= longest);
            assert_eq!(pause(base, number, Some(Duration::from_hours(1))), LONGEST_PAUSE);
            assert!(pause(base, number, Some(Duration::from_secs(2))) >= Duration::from_secs(2));
        }
    }
}
