//! The web as the stand-in sees it: where imports and attachments come from. The network, or whatever a test makes of it.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use std::fmt;

/// Answers the requests that the stand-in makes.
pub trait Web: fmt::Debug + Send + Sync {
    /// Makes one request, following redirects. An error is a sentence that says why there is no answer.
    fn fetch(
        &self,
        method: Method,
        url: String,
        headers: HeaderMap,
    ) -> BoxFuture<'_, Result<WebAnswer, String>>;
}

/// What comes back from the web.
pub struct WebAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers, of which the length and the type are looked at.
    pub headers: HeaderMap,
    /// The body, piece by piece.
    pub body: BoxStream<'static, Result<Bytes, String>>,
}

impl WebAnswer {
    /// An answer whose body is at hand, with its length announced.
    pub fn of(status: u16, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        Self {
            status,
            headers,
            body: stream::iter([Ok(body)]).boxed(),
        }
    }
}

impl fmt::Debug for WebAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The network.
#[derive(Debug)]
pub(crate) struct Network(pub(crate) reqwest::Client);

impl Web for Network {
    fn fetch(
        &self,
        method: Method,
        url: String,
        headers: HeaderMap,
    ) -> BoxFuture<'_, Result<WebAnswer, String>> {
        Box::pin(async move {
            let request = self.0.request(method, url).headers(headers);
            let mut response = request.send().await.map_err(reason)?;
            let headers = std::mem::take(response.headers_mut());
            Ok(WebAnswer {
                status: response.status().as_u16(),
                headers,
                body: stream::try_unfold(response, async |mut response| {
                    let chunk = response.chunk().await.map_err(reason)?;
                    Ok(chunk.map(|chunk| (chunk, response)))
                })
                .boxed(),
            })
        })
    }
}

fn reason(error: reqwest::Error) -> String {
    error.without_url().to_string()
}
