//! The client: one connection pool, and the way of a call through it.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response, header, redirect};
use serde_json::Value;

use crate::call::{Call, Pace, Repeat};
use crate::calls::{AppToken, StartAppTokenSession, StartWidgetSession, UploadChunk};
use crate::config::ClientConfig;
use crate::envelope;
use crate::error::{CallName, Error, Result};
use crate::ids::TaskId;
use crate::json::FromJson;
use crate::observe::{CallReport, millis};
use crate::retry::RetryBudget;
use crate::secret::{AccessKey, Ks};
use crate::task_client::TaskClient;
use crate::vendor_client::{VendorClient, VendorSession};

/// The largest answer that is read. A full page of 500 jobs has some 2 MB.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How long the widget session of the app-token handshake lives: two calls.
const WIDGET_LIFE_S: u64 = 600;

/// A client of one Kaltura environment. Cheap to clone; all clones share one connection pool and one retry budget.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    config: ClientConfig,
    budget: RetryBudget,
}

/// In whose name a call is made.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The session, where the action takes one.
    pub(crate) ks: Option<&'a str>,
    /// The task, for the client tag.
    pub(crate) task_id: Option<&'a TaskId>,
}

impl Client {
    /// A client with its own connection pool: HTTP/2 where the server offers it, gzip, no redirects (a session must not
    /// follow one), no plain http except to a loopback service URL.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration that can't be used.
    pub fn new(config: ClientConfig) -> Result<Self> {
        config.check()?;
        let http = reqwest::Client::builder()
            .user_agent(format!("{}/{}", config.vendor_name, config.application_version))
            .connect_timeout(config.time_outs.connect)
            .timeout(config.time_outs.quick)
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
        let budget = RetryBudget::new(&config.retry);
        Ok(Self(Arc::new(Inner { http, config, budget })))
    }

    /// What the client was made from.
    pub fn config(&self) -> &ClientConfig {
        &self.0.config
    }

    /// The calls that a vendor makes in its own name.
    pub fn vendor<'a>(&'a self, ks: &'a Ks) -> VendorClient<'a> {
        VendorClient { client: self, ks }
    }

    /// The calls that a vendor makes for one task, in the customer's account.
    pub fn task<'a>(&'a self, task_id: &'a TaskId, key: &'a AccessKey) -> TaskClient<'a> {
        TaskClient {
            client: self,
            task_id,
            key,
        }
    }

    /// Opens a vendor session by app token: widget session, hash, startSession (spec 4.2). Two calls. Safe to repeat: each
    /// time gives another session.
    ///
    /// `life_s` is how long the session shall live; the token may shorten it. Whether it carries `disableentitlement` is
    /// the token's doing alone (spec D9): look at [`VendorSession::disables_entitlement`].
    ///
    /// # Errors
    /// `APP_TOKEN_ID_NOT_FOUND`, `APP_TOKEN_NOT_ACTIVE`, `APP_TOKEN_EXPIRED`, `INVALID_APP_TOKEN_HASH`,
    /// `INVALID_WIDGET_ID`; and those of any call.
    pub async fn open_vendor_session(&self, token: &AppToken, life_s: u64) -> Result<VendorSession> {
        let widget = StartWidgetSession::new(self.0.config.vendor_partner_id, WIDGET_LIFE_S);
        let widget = self.call(&widget).await?;
        let start = StartAppTokenSession::new(token, &widget.ks, life_s);
        let info = self
            .send(
                &start,
                Scope {
                    ks: Some(widget.ks.reveal()),
                    task_id: None,
                },
            )
            .await?;
        let expires_epoch_s = info.expiry_epoch_s.or_else(|| info.ks.expires_epoch_s());
        let expires_epoch_s = expires_epoch_s.ok_or_else(|| Error::UnexpectedShape {
            call: start.name(),
            what: "expected an integer, found nothing".to_owned(),
            at: "expiry".to_owned(),
        })?;
        Ok(VendorSession {
            ks: info.ks,
            expires_epoch_s,
            privileges: info.privileges.unwrap_or_default(),
        })
    }

    /// Makes a call without a session: [`StartWidgetSession`] and [`StartSession`](crate::calls::StartSession) need none.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn call<C: Call>(&self, call: &C) -> Result<C::Reply> {
        self.send(
            call,
            Scope {
                ks: None,
                task_id: None,
            },
        )
        .await
    }

    /// Makes a call with a JSON body.
    pub(crate) async fn send<C: Call>(&self, call: &C, scope: Scope<'_>) -> Result<C::Reply> {
        let body = Bytes::from(self.body(call, scope)?);
        let request = || {
            self.post(call.name(), C::PACE)
                // Exactly this, without a charset: the server compares the whole header (spec 4.4).
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone())
        };
        self.attempt(call, C::REPEAT, scope, body.len(), request).await
    }

    /// Sends a file or a chunk. `repeat` says whether this chunk may be sent again.
    pub(crate) async fn upload(
        &self,
        chunk: &UploadChunk<'_>,
        repeat: Repeat,
        scope: Scope<'_>,
    ) -> Result<<UploadChunk<'_> as Call>::Reply> {
        let json = self.body(chunk, scope)?;
        let size_bytes = json.len() + chunk.data.len();
        let request = || {
            // The server asks for a file name (spec 5); its extension becomes the asset's.
            let data = Part::stream_with_length(chunk.data.clone(), chunk.data.len() as u64)
                .file_name(chunk.file_name.to_owned());
            let form = Form::new().text("json", json.clone()).part("fileData", data);
            self.post(chunk.name(), Pace::Upload).multipart(form)
        };
        self.attempt(chunk, repeat, scope, size_bytes, request).await
    }

    /// The request's body: the call's parameters and what every call carries.
    fn body<C: Call>(&self, call: &C, scope: Scope<'_>) -> Result<String> {
        let unfit = |found: String| Error::Invalid {
            what: "parameters",
            expected: "a JSON object",
            found,
        };
        let parameters = serde_json::to_value(call).map_err(|error| unfit(error.to_string()))?;
        let Value::Object(mut body) = parameters else {
            return Err(unfit("another JSON value".to_owned()));
        };
        let common: [(&str, Option<String>); 2] = [
            ("ks", scope.ks.map(str::to_owned)),
            ("clientTag", Some(self.0.config.client_tag(scope.task_id))),
        ];
        body.insert("format".to_owned(), Value::from(1));
        body.extend(
            common
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))),
        );
        Ok(Value::Object(body).to_string())
    }

    fn post(&self, call: CallName, pace: Pace) -> RequestBuilder {
        let Inner { http, config, .. } = &*self.0;
        http.post(config.service_url.endpoint(call))
            .timeout(self.time_out(pace))
    }

    fn time_out(&self, pace: Pace) -> Duration {
        let time_outs = &self.0.config.time_outs;
        match pace {
            Pace::Quick => time_outs.quick,
            Pace::Content => time_outs.content,
            Pace::Upload => time_outs.upload,
        }
    }

    /// Tries, reports, and tries again as the policy and the call allow.
    async fn attempt<C: Call>(
        &self,
        call: &C,
        repeat: Repeat,
        scope: Scope<'_>,
        sent_bytes: usize,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<C::Reply> {
        let Inner { config, budget, .. } = &*self.0;
        let mut secrets = call.secrets();
        secrets.extend(scope.ks);
        let mut attempt = 1;
        loop {
            let began = Instant::now();
            let outcome = self
                .exchange(call.name(), C::PACE, request(), &secrets)
                .await
                .and_then(|value| {
                    C::Reply::from_json(value).map_err(|shape| Error::UnexpectedShape {
                        call: call.name(),
                        what: shape.what,
                        at: shape.at,
                    })
                });
            let retry_in = match &outcome {
                Ok(_) => {
                    budget.earn();
                    None
                }
                Err(error) => budget.next(&config.retry, repeat, attempt, error),
            };
            config.observer.called(&CallReport {
                service: C::SERVICE,
                action: C::ACTION,
                task_id: scope.task_id,
                attempt,
                duration_ms: millis(began.elapsed()),
                sent_bytes: sent_bytes as u64,
                error: outcome.as_ref().err(),
                retry_in,
            });
            let Some(pause) = retry_in else { return outcome };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// One request and its answer.
    async fn exchange(
        &self,
        call: CallName,
        pace: Pace,
        request: RequestBuilder,
        secrets: &[&str],
    ) -> Result<Value> {
        let failed = |error: reqwest::Error| {
            if error.is_connect() {
                Error::Connect {
                    call,
                    detail: detail(error),
                }
            } else if error.is_timeout() {
                Error::Timeout {
                    call,
                    after_ms: millis(self.time_out(pace)),
                }
            } else {
                Error::Broken {
                    call,
                    detail: detail(error),
                }
            }
        };
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let body = read(response).await.map_err(|stop| match stop {
            Stop::TooLarge => Error::TooLarge {
                call,
                limit_bytes: MAX_ANSWER_BYTES,
            },
            Stop::Http { error, .. } if error.is_timeout() => failed(error),
            Stop::Http { read_bytes, .. } => Error::Truncated {
                call,
                bytes: read_bytes,
            },
        })?;
        envelope::open(call, status, &body, secrets)
    }
}

/// Why an answer was not read to its end.
enum Stop {
    TooLarge,
    Http {
        error: reqwest::Error,
        read_bytes: usize,
    },
}

async fn read(mut response: Response) -> Result<Vec<u8>, Stop> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => return Err(Stop::TooLarge),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                return Err(Stop::Http {
                    error,
                    read_bytes: body.len(),
                });
            }
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
