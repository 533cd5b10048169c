//! How a request travels. The client makes requests and reads answers; what is between is a [`Transport`]: a connection pool
//! ([`HttpTransport`]), or, where a test needs no network, the stand-in in the same process.
//!
//! No retry, no envelope and no session lives here: a transport is told an address and bytes.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Response, header, redirect};

use crate::config::ClientConfig;
use crate::error::{Error, Result};

/// The largest answer that is read. A full page of 500 jobs has some 2 MB.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A POST.
pub struct Request {
    /// Where to.
    pub url: String,
    /// What is sent.
    pub body: Body,
    /// How long the answer may take, its body included.
    pub time_out: Duration,
}

/// What a request carries. Sessions are in it: nothing of it is for a log.
#[derive(Clone)]
pub enum Body {
    /// A JSON object, as `application/json` without a charset: the server compares the whole header (spec 4.4).
    Json(Bytes),
    /// A multipart form of the parts `json` and `fileData`. The server asks for the file's name; its extension becomes the
    /// asset's (spec 5).
    File {
        /// The parameters, a JSON object.
        json: String,
        /// The file's name.
        file_name: String,
        /// The file, or a chunk of it.
        data: Bytes,
    },
}

impl Body {
    /// What it has in bytes, without what a form adds.
    pub fn size_bytes(&self) -> u64 {
        let bytes = match self {
            Self::Json(json) => json.len(),
            Self::File { json, data, .. } => json.len() + data.len(),
        };
        bytes as u64
    }
}

/// What ends a part in [`Body::encoded`]; no JSON text has a line of it, and a file that has is none of ours.
const BOUNDARY: &str = "reach-vendor-4f1d0c6b9a3e7d52";

impl Body {
    /// The content type and the bytes, for a transport that has no encoder of its own.
    pub fn encoded(&self) -> (String, Bytes) {
        match self {
            Self::Json(json) => ("application/json".to_owned(), json.clone()),
            Self::File {
                json,
                file_name,
                data,
            } => {
                let mut form = format!(
                    "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"json\"\r\n\r\n{json}\r\n\
                     --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"fileData\"; \
                     filename=\"{file_name}\"\r\n\r\n"
                )
                .into_bytes();
                form.extend_from_slice(data);
                form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
                (format!("multipart/form-data; boundary={BOUNDARY}"), form.into())
            }
        }
    }
}

/// An answer, whatever it says.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, decompressed.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No connection came about: the request has not arrived.
    Connect(String),
    /// Not within the request's time.
    TimedOut,
    /// The connection broke between request and answer.
    Broken(String),
    /// The answer broke off after so many bytes.
    Truncated(usize),
    /// The answer is larger than this many bytes.
    TooLarge(usize),
}

/// What a transport gives in the end.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send + 'a>>;

/// Carries requests to Kaltura and its answers back. Follows no redirect, since a session must not follow one, and never
/// sends a request twice.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends a request and waits for the answer.
    fn post(&self, request: Request) -> Exchange<'_>;
}

/// The network: one connection pool, HTTP/2 where the server offers it, gzip, no plain http except to a loopback service URL.
#[derive(Debug, Clone)]
pub struct HttpTransport(reqwest::Client);

impl HttpTransport {
    /// A pool of its own for the service URL of a configuration.
    ///
    /// # Errors
    /// [`Error::Invalid`] where no client can be built.
    pub fn new(config: &ClientConfig) -> Result<Self> {
        Self::built_from(reqwest::Client::builder(), config)
    }

    /// As [`Self::new`], from a builder that knows of a proxy or of root certificates of one's own.
    ///
    /// # Errors
    /// [`Error::Invalid`] where no client can be built.
    pub fn built_from(builder: reqwest::ClientBuilder, config: &ClientConfig) -> Result<Self> {
        let client = builder
            .user_agent(format!("{}/{}", config.vendor_name, config.application_version))
            .connect_timeout(config.time_outs.connect)
            // Shorter than a load balancer's idle time, so that a call rarely meets a connection that is closing.
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(redirect::Policy::none())
            .https_only(config.service_url.is_https())
            .build()
            .map_err(|error| Error::Invalid {
                what: "HTTP client",
                expected: "one that can be built",
                found: detail(error),
            })?;
        Ok(Self(client))
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Fault> {
        let builder = self.0.post(request.url).timeout(request.time_out);
        let builder = match request.body {
            Body::Json(json) => builder
                .header(header::CONTENT_TYPE, "application/json")
                .body(json),
            Body::File {
                json,
                file_name,
                data,
            } => {
                let length = data.len() as u64;
                let data = Part::stream_with_length(data, length).file_name(file_name);
                builder.multipart(Form::new().text("json", json).part("fileData", data))
            }
        };
        let response = builder.send().await.map_err(fault)?;
        let status = response.status().as_u16();
        let body = read(response).await?;
        Ok(Answer { status, body })
    }
}

impl Transport for HttpTransport {
    fn post(&self, request: Request) -> Exchange<'_> {
        Box::pin(self.exchange(request))
    }
}

fn fault(error: reqwest::Error) -> Fault {
    if error.is_connect() {
        Fault::Connect(detail(error))
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::Broken(detail(error))
    }
}

async fn read(mut response: Response) -> Result<Bytes, Fault> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Err(Fault::TooLarge(MAX_ANSWER_BYTES));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.into()),
            Err(error) if error.is_timeout() => return Err(Fault::TimedOut),
            Err(_) => return Err(Fault::Truncated(body.len())),
        }
    }
}

/// The whole story of a transport error, without the URL.
fn detail(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("url", &self.url)
            .field("size_bytes", &self.body.size_bytes())
            .finish_non_exhaustive()
    }
}
