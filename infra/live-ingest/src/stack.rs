//! The stack, as an engine sees it: whether it wants a stream, and taking what is said in it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use captions::Word;
use engines::http::signature::{NONCE_HEADER, SIGNATURE_HEADER, SharedSecret, Signable, TIMESTAMP_HEADER};
use reqwest::{Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{IngestError, Result};
use crate::timeline::Origin;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The name of what posts: the stack counts each source's posts for itself.
const SOURCE: &str = "main";

/// The name of a stream at the RTMP server, which is its password too. Prints redacted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MediaKey(String);

impl MediaKey {
    /// A key, as the RTMP server tells it; `None` where it is longer than any or not plain.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        ((1..=200).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The key itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MediaKey(redacted)")
    }
}

/// What lets an engine post to one stream. Prints redacted.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct EngineToken(String);

impl fmt::Debug for EngineToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineToken(redacted)")
    }
}

/// A stream that the stack wants.
#[derive(Debug, Clone, Deserialize)]
pub struct Admitted {
    /// The task that it is captioned for.
    pub task_id: String,
    /// Where captions are posted.
    pub captions_url: String,
    /// With what.
    pub engine_token: EngineToken,
    /// What is spoken, as a BCP-47 tag.
    pub language: String,
    /// Words that are likely to be spoken.
    #[serde(default)]
    pub dictionary: Vec<String>,
    /// When the event is to end, seconds since 1970.
    pub event_end_epoch_s: i64,
}

/// What is posted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Post {
    source: &'static str,
    /// Counts this source's posts, from 1.
    pub sequence: u64,
    /// The stream's time 0.
    pub origin: Origin,
    /// All sound before this has been recognised.
    pub heard_until_ms: u64,
    /// Final words, in time order.
    pub words: Vec<Word>,
    /// Whether nothing follows.
    pub end_of_stream: bool,
}

impl Post {
    /// A post of this source.
    pub fn new(sequence: u64, origin: Origin, heard_until_ms: u64, words: Vec<Word>) -> Self {
        Self {
            source: SOURCE,
            sequence,
            origin,
            heard_until_ms,
            words,
            end_of_stream: false,
        }
    }
}

/// What came of a post that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It was taken.
    Taken {
        /// The sequence that comes next.
        next_sequence: u64,
        /// Whether a post of that sequence was there already, so that nothing of this one was looked at.
        duplicate: bool,
    },
    /// Another sequence is expected.
    Expected {
        /// Which.
        sequence: u64,
    },
    /// The token is not taken any more.
    Unauthorised,
    /// The stack can't read it, and never will.
    Malformed,
    /// The stream is over, or its task is gone.
    Over,
}

#[derive(Debug, Deserialize)]
struct Taken {
    next_sequence: u64,
    duplicate: bool,
    #[serde(default)]
    late_words: u64,
}

#[derive(Debug, Deserialize)]
struct Conflict {
    expected_sequence: u64,
}

/// Speaks to the stack.
#[derive(Debug, Clone)]
pub struct Stack {
    client: reqwest::Client,
    ingest_url: Url,
    secret: SharedSecret,
}

impl Stack {
    /// The stack whose live routes are under `url` (`https://…/live`), with the secret that it shares with the vendor's engine.
    pub fn new(url: &Url, secret: SharedSecret) -> Result<Self> {
        let mut base = url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let setting = |detail: String| IngestError::Setting {
            name: "the stack's address",
            detail,
        };
        let ingest_url = base
            .join("ingest")
            .map_err(|error| setting(format!("is `{url}`: {error}")))?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("reach-vendor-ingest/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| setting(error.to_string()))?;
        Ok(Self {
            client,
            ingest_url,
            secret,
        })
    }

    /// Asks whether a stream of this key is wanted. Safe to repeat. A key that is unknown, or whose event is over, is
    /// [`IngestError::Refused`].
    pub async fn admit(&self, key: &MediaKey) -> Result<Admitted> {
        let answer = self.ingest("publish", key).await?;
        answer.json().await.map_err(|error| IngestError::Unreadable {
            detail: error.to_string(),
        })
    }

    /// Tells that a stream is over. Safe to repeat.
    pub async fn done(&self, key: &MediaKey) -> Result<()> {
        self.ingest("done", key).await.map(|_| ())
    }

    async fn ingest(&self, event: &str, key: &MediaKey) -> Result<Response> {
        let body = serde_json::json!({ "event": event, "media_key": key.reveal() }).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let timestamp_epoch_s = now.map(|now| now.as_secs()).unwrap_or_default();
        let nonce = format!("{:032x}", rand::random::<u128>());
        let signature = Signable {
            method: "POST",
            path: self.ingest_url.path(),
            body: body.as_bytes(),
        }
        .sign(&self.secret, timestamp_epoch_s, &nonce);
        let sent = self
            .client
            .post(self.ingest_url.clone())
            .header(TIMESTAMP_HEADER, timestamp_epoch_s)
            .header(NONCE_HEADER, nonce)
            .header(SIGNATURE_HEADER, signature)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await;
        let answer = sent.map_err(|error| unreached(&error))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status if is_passing(status) => Err(unavailable(&answer)),
            status => Err(IngestError::Refused {
                status: status.as_u16(),
                detail: words(answer).await,
            }),
        }
    }

    /// Posts once. An error is [`IngestError::Unavailable`] or [`IngestError::Unreadable`]: whether the post was taken isn't
    /// known then, and the same one may be sent again.
    pub async fn post(&self, to: &Admitted, post: &Post) -> Result<Posted> {
        let sent = self
            .client
            .post(&to.captions_url)
            .bearer_auth(&to.engine_token.0)
            .json(post)
            .send()
            .await;
        let answer = sent.map_err(|error| unreached(&error))?;
        let unreadable = |error: reqwest::Error| IngestError::Unreadable {
            detail: error.to_string(),
        };
        match answer.status() {
            status if status.is_success() => {
                let taken: Taken = answer.json().await.map_err(unreadable)?;
                if taken.late_words > 0 {
                    tracing::warn!(
                        task_id = to.task_id,
                        late_words = taken.late_words,
                        "words came too late"
                    );
                }
                Ok(Posted::Taken {
                    next_sequence: taken.next_sequence,
                    duplicate: taken.duplicate,
                })
            }
            StatusCode::CONFLICT => {
                let conflict: Conflict = answer.json().await.map_err(unreadable)?;
                Ok(Posted::Expected {
                    sequence: conflict.expected_sequence,
                })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Posted::Unauthorised),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Posted::Over),
            status if is_passing(status) => Err(unavailable(&answer)),
            status => {
                let detail = words(answer).await;
                tracing::error!(task_id = to.task_id, %status, detail, "a post is refused");
                Ok(Posted::Malformed)
            }
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        )
}

fn unavailable(answer: &Response) -> IngestError {
    let asked = answer.headers().get(header::RETRY_AFTER);
    IngestError::Unavailable {
        detail: format!("it answers {}", answer.status()),
        retry_after_s: asked.and_then(|value| value.to_str().ok()?.trim().parse().ok()),
    }
}

/// The innermost cause, which says more than its wrappings.
fn unreached(error: &reqwest::Error) -> IngestError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    IngestError::Unavailable {
        detail: cause.to_string(),
        retry_after_s: None,
    }
}

/// The beginning of what an answer says.
async fn words(answer: Response) -> String {
    let text = answer.text().await.unwrap_or_default();
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_plain_and_does_not_print() {
        assert!(MediaKey::new("9292-0a1b").is_some());
        for text in ["", "a/b", "a b", "a?b", "é", &"a".repeat(201)] {
            assert!(MediaKey::new(text).is_none(), "{text}");
        }
        assert_eq!(
            format!("{:?}", MediaKey::new("9292-0a1b").unwrap()),
            "MediaKey(redacted)"
        );
    }

    #[test]
    fn a_post_is_as_the_wire_has_it() {
        let origin = Origin {
            pts_s: 12.5,
            epoch_s: 1_764_000_000.123,
        };
        let post = Post::new(17, origin, 15_320, vec![Word::new("Hello", 15_000, 15_200)]);
        insta::assert_json_snapshot!(post);
    }
}
