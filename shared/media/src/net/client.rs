//! The HTTP client: hyper's, with its connections to addresses that were checked, and its buffers bounded.
//!
//! Not `reqwest`, which leaves hyper's read buffer as it is: it grows to 400 KiB, two of them are held by a connection whose
//! reader waits, and with thirty-two connections that is more than everything else.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Request, StatusCode, Uri, Version};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use url::Url;

use super::resolver::GuardedResolver;
use crate::config::FetchConfig;

/// Bytes read from a connection at a time; an answer's headers have to fit into them.
const READ_BYTES: usize = 32 << 10;

/// An error of the client, as a cause.
pub(crate) type ClientError = Box<dyn Error + Send + Sync>;

/// Sends requests over HTTP/1.1 and keeps connections. Follows no redirects, uses no proxy, asks for no compression: a
/// compressed body would hide its length and could expand without end.
#[derive(Debug, Clone)]
pub(super) struct Client(legacy::Client<HttpsConnector<HttpConnector<GuardedResolver>>, Empty<Bytes>>);

impl Client {
    pub(super) fn new(config: &FetchConfig) -> Result<Self, ClientError> {
        let mut tcp = HttpConnector::new_with_resolver(GuardedResolver {
            allow_loopback: config.allow_loopback,
        });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(config.limits.connect_time));
        let tls =
            HttpsConnectorBuilder::new().with_provider_and_platform_verifier(Arc::new(default_provider()))?;
        let tls = if config.allow_loopback {
            tls.https_or_http()
        } else {
            tls.https_only()
        };
        // HTTP/1.1 only: downloads that wait for the reader would use up the window that HTTP/2 streams share, and the one
        // being read would starve. CDNs also cap each connection.
        let connector = tls.enable_http1().wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_read_buf_exact_size(READ_BYTES)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends a GET and waits for the answer's headers.
    pub(super) async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Response, ClientError> {
        let mut request = Request::get(url.as_str().parse::<Uri>()?).body(Empty::new())?;
        *request.headers_mut() = headers;
        let own = request.headers_mut();
        own.insert(ACCEPT, HeaderValue::from_static("*/*"));
        own.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("reach-vendor/", env!("CARGO_PKG_VERSION"))),
        );
        let (parts, body) = self.0.request(request).await?.into_parts();
        Ok(Response {
            content_length: body.size_hint().exact(),
            parts,
            body,
            url: url.clone(),
        })
    }
}

/// An answer whose body is yet to be read.
#[derive(Debug)]
pub(super) struct Response {
    parts: Parts,
    body: Incoming,
    content_length: Option<u64>,
    url: Url,
}

impl Response {
    pub(super) fn status(&self) -> StatusCode {
        self.parts.status
    }

    pub(super) fn version(&self) -> Version {
        self.parts.version
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The body's length in bytes, where the headers tell it.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The address that was asked.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The next bytes of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
