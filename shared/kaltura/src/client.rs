//! The client: one connection pool, and the way of a call through it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
use crate::transport::{Body, Fault, HttpTransport, Request, Transport};
use crate::vendor_client::{VendorClient, VendorSession};

/// How long the widget session of the app-token handshake lives: two calls.
const WIDGET_LIFE_S: u64 = 600;

/// A client of one Kaltura environment. Cheap to clone; all clones share one connection pool and one retry budget.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Arc<dyn Transport>,
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
    /// A client with its own connection pool ([`HttpTransport`]).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration that can't be used.
    pub fn new(config: ClientConfig) -> Result<Self> {
        let transport = Arc::new(HttpTransport::new(&config)?);
        Self::with_transport(config, transport)
    }

    /// A client whose requests travel by a transport of the caller's.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration that can't be used.
    pub fn with_transport(config: ClientConfig, transport: Arc<dyn Transport>) -> Result<Self> {
        config.check()?;
        let budget = RetryBudget::new(&config.retry);
        Ok(Self(Arc::new(Inner {
            transport,
            config,
            budget,
        })))
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
        let body = Body::Json(self.body(call, scope)?.into());
        self.attempt(call, C::REPEAT, scope, &body).await
    }

    /// Sends a file or a chunk. `repeat` says whether this chunk may be sent again.
    pub(crate) async fn upload(
        &self,
        chunk: &UploadChunk<'_>,
        repeat: Repeat,
        scope: Scope<'_>,
    ) -> Result<<UploadChunk<'_> as Call>::Reply> {
        let body = Body::File {
            json: self.body(chunk, scope)?,
            file_name: chunk.file_name.to_owned(),
            data: chunk.data.clone(),
        };
        self.attempt(chunk, repeat, scope, &body).await
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
        body: &Body,
    ) -> Result<C::Reply> {
        let Inner { config, budget, .. } = &*self.0;
        let mut secrets = call.secrets();
        secrets.extend(scope.ks);
        let mut attempt = 1;
        loop {
            let began = Instant::now();
            let outcome = self
                .exchange(call.name(), C::PACE, body.clone(), &secrets)
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
                sent_bytes: body.size_bytes(),
                error: outcome.as_ref().err(),
                retry_in,
            });
            let Some(pause) = retry_in else { return outcome };
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            attempt += 1;
        }
    }

    /// One request and its answer.
    async fn exchange(&self, call: CallName, pace: Pace, body: Body, secrets: &[&str]) -> Result<Value> {
        let Inner {
            transport, config, ..
        } = &*self.0;
        let request = Request {
            url: config.service_url.endpoint(call),
            body,
            time_out: self.time_out(pace),
        };
        let answer = transport.post(request).await.map_err(|fault| match fault {
            Fault::Connect(detail) => Error::Connect { call, detail },
            Fault::TimedOut => Error::Timeout {
                call,
                after_ms: millis(self.time_out(pace)),
            },
            Fault::Broken(detail) => Error::Broken { call, detail },
            Fault::Truncated(bytes) => Error::Truncated { call, bytes },
            Fault::TooLarge(limit_bytes) => Error::TooLarge { call, limit_bytes },
        })?;
        envelope::open(call, answer.status, &answer.body, secrets)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
