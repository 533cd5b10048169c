//! The client, and one fetch's requests over it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::client::{Client, ClientError, Response};
use super::resolver::Refused;
use crate::address::{checked, joined, redact, same_origin};
use crate::config::{FetchConfig, FetchLimits};
use crate::error::{Class, FetchError, ManifestRefusal};
use crate::request::MediaSource;

/// Longest wait between two tries.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Fetches over a guarded HTTP client. Make one a process: it keeps connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    config: FetchConfig,
}

impl Fetcher {
    /// A fetcher with its own connection pool.
    ///
    /// Proxies of the environment are not used: behind one, the address that is checked would not be the
    /// one connected to.
    pub fn new(config: FetchConfig) -> Result<Self, FetchError> {
        let client = Client::new(&config).map_err(FetchError::Client)?;
        Ok(Self { client, config })
    }

    pub(crate) fn config(&self) -> &FetchConfig {
        &self.config
    }
}

/// One fetch: its source's headers, and what it has used of its limits.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    config: FetchConfig,
    origin: Url,
    headers: HeaderMap,
    entry_ms: Option<u64>,
    bytes_in: AtomicU64,
    retries: AtomicU32,
    keys: Mutex<HashMap<Url, [u8; 16]>>,
}

impl Session {
    pub(crate) fn new(fetcher: &Fetcher, source: &MediaSource) -> Result<Self, FetchError> {
        let config = fetcher.config.clone();
        let origin = checked(&source.address, config.allow_loopback)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &source.headers {
            let invalid = || FetchError::HeaderInvalid { name: name.clone() };
            let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(name.as_str()).map_err(|_| invalid())?, value);
        }
        Ok(Self {
            client: fetcher.client.clone(),
            config,
            origin,
            headers,
            entry_ms: source.entry_ms,
            bytes_in: AtomicU64::new(0),
            retries: AtomicU32::new(0),
            keys: Mutex::default(),
        })
    }

    /// The source's address.
    pub(crate) fn origin(&self) -> &Url {
        &self.origin
    }

    pub(crate) fn config(&self) -> &FetchConfig {
        &self.config
    }

    pub(crate) fn limits(&self) -> &FetchLimits {
        &self.config.limits
    }

    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub(crate) fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Goes on counting where another session stopped.
    pub(crate) fn resume(&self, bytes_in: u64, retries: u32) {
        self.bytes_in.store(bytes_in, Ordering::Relaxed);
        self.retries.store(retries, Ordering::Relaxed);
    }

    /// Compares the length of what is at `at` with the entry's, where that is known.
    pub(crate) fn check_entry(&self, actual_ms: u64, at: &str) -> Result<(), FetchError> {
        let limits = self.limits();
        match self.entry_ms {
            Some(entry_ms)
                if actual_ms
                    .saturating_add(limits.entry_tolerance_ms)
                    .saturating_add(entry_ms.saturating_mul(limits.entry_tolerance_percent) / 100)
                    < entry_ms =>
            {
                Err(FetchError::ShorterThanEntry {
                    at: at.to_owned(),
                    entry_ms,
                    actual_ms,
                })
            }
            _ => Ok(()),
        }
    }

    /// Counts received media against the fetch's limit.
    pub(crate) fn count_bytes(&self, bytes: usize) -> Result<(), FetchError> {
        let total = self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let limit = self.limits().total_bytes;
        if total > limit {
            Err(FetchError::MediaTooLarge { limit })
        } else {
            Ok(())
        }
    }

    /// Sends a GET, from byte `from` on when given and up to `last` (included), and follows redirects,
    /// each checked as the first address was. Gives a success with its final address.
    pub(super) async fn open(
        &self,
        url: &Url,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<(Response, Url), FetchError> {
        let limit = self.limits().redirects;
        let mut current = url.clone();
        for _ in 0..=limit {
            let response = self.get(&current, range).await?;
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return if status.is_success() {
                    Ok((response, current))
                } else {
                    Err(FetchError::Status {
                        at: redact(&current),
                        status: status.as_u16(),
                    })
                };
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let Some(location) = location else {
                return Err(FetchError::Status {
                    at: redact(&current),
                    status: status.as_u16(),
                });
            };
            current = joined(&current, location, self.config.allow_loopback)?;
        }
        Err(FetchError::TooManyRedirects {
            at: redact(url),
            limit,
        })
    }

    async fn get(&self, url: &Url, range: Option<(u64, Option<u64>)>) -> Result<Response, FetchError> {
        let mut headers = if same_origin(url, &self.origin) {
            self.headers.clone()
        } else {
            HeaderMap::new()
        };
        if let Some((first, last)) = range {
            let last = last.map(|last| last.to_string()).unwrap_or_default();
            let range = HeaderValue::try_from(format!("bytes={first}-{last}"));
            headers.insert(RANGE, range.map_err(|error| transport(url, error.into()))?);
        }
        let wait = self.limits().connect_time + self.limits().idle_time;
        match timeout(wait, self.client.get(url, headers)).await {
            Ok(answer) => answer.map_err(|error| transport(url, error)),
            Err(_) => Err(FetchError::Stalled {
                at: redact(url),
                after: wait,
            }),
        }
    }

    /// The next bytes of a body; `None` at its end.
    pub(super) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, FetchError> {
        let after = self.limits().idle_time;
        match timeout(after, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| transport(response.url(), error)),
            Err(_) => Err(FetchError::Stalled {
                at: redact(response.url()),
                after,
            }),
        }
    }

    /// A playlist's text and the address that it came from in the end, with retries.
    pub(crate) async fn playlist(&self, url: &Url, attempts: u32) -> Result<(Vec<u8>, Url), FetchError> {
        let mut tries = Tries::new(attempts);
        loop {
            match self.playlist_once(url).await {
                Ok(found) => return Ok(found),
                Err(error) => tries.failed(self, error).await?,
            }
        }
    }

    async fn playlist_once(&self, url: &Url) -> Result<(Vec<u8>, Url), FetchError> {
        let (mut response, found_at) = self.open(url, None).await?;
        let limit = self.limits().playlist_bytes;
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if (text.len() + chunk.len()) as u64 > limit {
                return Err(FetchError::PlaylistTooLarge {
                    at: redact(&found_at),
                    limit,
                });
            }
            text.extend_from_slice(&chunk);
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(FetchError::ManifestEmpty {
                at: redact(&found_at),
                refusal: refusal(&response),
            });
        }
        let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        if !body.trim_ascii_start().starts_with(b"#EXTM3U") {
            let what = "it does not begin with #EXTM3U".to_owned();
            return Err(FetchError::PlaylistInvalid {
                at: redact(&found_at),
                what,
            });
        }
        Ok((body.trim_ascii_start().to_vec(), found_at))
    }

    /// An AES-128 key, asked for once a fetch, with retries.
    pub(crate) async fn key(&self, url: &Url) -> Result<[u8; 16], FetchError> {
        let mut keys = self.keys.lock().await;
        if let Some(key) = keys.get(url) {
            return Ok(*key);
        }
        let mut tries = Tries::new(self.limits().attempts);
        loop {
            match self.key_once(url).await {
                Ok(key) => {
                    keys.insert(url.clone(), key);
                    return Ok(key);
                }
                Err(error) => tries.failed(self, error).await?,
            }
        }
    }

    async fn key_once(&self, url: &Url) -> Result<[u8; 16], FetchError> {
        let (mut response, found_at) = self.open(url, None).await?;
        let mut key = Vec::with_capacity(16);
        while let Some(chunk) = self.chunk(&mut response).await? {
            key.extend_from_slice(&chunk);
            if key.len() > 16 {
                break;
            }
        }
        <[u8; 16]>::try_from(&key[..]).map_err(|_| {
            let found = if key.len() > 16 {
                "more than 16".to_owned()
            } else {
                key.len().to_string()
            };
            FetchError::Key {
                at: redact(&found_at),
                what: format!("{found} bytes, 16 expected"),
            }
        })
    }
}

/// What an empty answer's headers say.
pub(super) fn refusal(response: &Response) -> ManifestRefusal {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    ManifestRefusal::from_headers(header("x-kaltura"), header("x-kaltura-app"))
}

/// The state of the file that an answer is of, where the server tells.
pub(super) fn etag(response: &Response) -> Option<String> {
    let tag = response.headers().get(ETAG)?.to_str().ok()?;
    Some(tag.to_owned())
}

/// The first byte and the whole length from a `Content-Range`.
pub(super) fn content_range(response: &Response) -> Option<(u64, Option<u64>)> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return None;
    }
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

/// The client's error, with the resolver's refusal brought to light.
fn transport(url: &Url, error: ClientError) -> FetchError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(inner) = cause {
        if let Some(Refused(fault)) = inner.downcast_ref::<Refused>() {
            return FetchError::AddressRefused {
                at: redact(url),
                fault: *fault,
            };
        }
        cause = inner.source();
    }
    FetchError::Transport {
        at: redact(url),
        source: error,
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(super) struct Tries {
    made: u32,
    most: u32,
    started: Instant,
}

impl Tries {
    pub(super) fn new(most: u32) -> Self {
        Self {
            made: 0,
            most,
            started: Instant::now(),
        }
    }

    /// Notes a failure and waits before the next try; gives the error back where there is none.
    pub(super) async fn failed(&mut self, session: &Session, error: FetchError) -> Result<(), FetchError> {
        self.made += 1;
        if !may_pass_soon(&error) {
            return Err(error);
        }
        if self.made >= self.most {
            let elapsed = self.started.elapsed();
            return Err(FetchError::Exhausted {
                attempts: self.made,
                elapsed,
                source: Box::new(error),
            });
        }
        tracing::debug!(error = %error, name = error.name(), attempt = self.made, "request repeated");
        session.retries.fetch_add(1, Ordering::Relaxed);
        let doubled = session
            .limits()
            .backoff
            .saturating_mul(1 << (self.made - 1).min(16));
        sleep(doubled.min(MAX_BACKOFF).mul_f64(rand::random_range(0.5..1.0))).await;
        Ok(())
    }
}

/// Whether the same request may do better in a moment. An empty manifest is cached for a minute.
fn may_pass_soon(error: &FetchError) -> bool {
    match error {
        FetchError::Status { status, .. } => matches!(status, 404 | 408 | 425 | 429 | 500..=599),
        FetchError::ManifestEmpty { .. } | FetchError::Changed { .. } => false,
        other => other.class() == Class::Retryable,
    }
}
