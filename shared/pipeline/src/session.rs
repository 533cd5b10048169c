//! The vendor session: opened by app token, cached in DynamoDB, shared by all functions.
//!
//! What lives here: when a session is renewed, and the call that renews it once on a dead session. What does not: the
//! app-token handshake itself (`kaltura`), and where session and token are kept ([`crate::ports`]).

use std::sync::Arc;

use kaltura::{Client, ErrorClass, Ks};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::error::{Result, StepError};
use crate::ports::{AppTokenSource, Clock, SessionStore};
use crate::telemetry::names;

/// A session is renewed this long before it expires, so that no call is made with one that dies under way.
const RENEW_BEFORE_S: u64 = 10 * 60;

/// How long a session is asked for: Kaltura's default. The app token may shorten it.
const SESSION_LIFE_S: u64 = 24 * 60 * 60;

/// A vendor session as kept.
#[derive(Clone, Serialize, Deserialize, PartialEq)]
pub struct CachedSession {
    /// The KS.
    pub ks: Ks,
    /// When it expires.
    pub expires_epoch_s: u64,
}

impl std::fmt::Debug for CachedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedSession")
            .field("expires_epoch_s", &self.expires_epoch_s)
            .finish_non_exhaustive()
    }
}

/// Gives the vendor KS to whoever calls Kaltura as the vendor.
pub struct VendorSessions {
    client: Client,
    store: Arc<dyn SessionStore>,
    app_token: Arc<dyn AppTokenSource>,
    clock: Arc<dyn Clock>,
    /// The session of this process; one renewal at a time.
    current: Mutex<Option<CachedSession>>,
}

impl VendorSessions {
    /// Sessions for `client`, shared through `store`.
    pub fn new(
        client: Client,
        store: Arc<dyn SessionStore>,
        app_token: Arc<dyn AppTokenSource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            client,
            store,
            app_token,
            clock,
            current: Mutex::new(None),
        }
    }

    /// Runs a vendor call with the current KS and, where Kaltura says that the session is dead, once more with a new
    /// one (spec 4.3). A dead session means that the call was refused, so the second try can't double anything.
    pub async fn with<T>(
        &self,
        call: impl AsyncFn(&Ks) -> std::result::Result<T, kaltura::Error>,
    ) -> Result<T> {
        let ks = self.ks(None).await?;
        match call(&ks).await {
            Err(error) if error.class() == ErrorClass::SessionDead => {
                tracing::warn!(code = error.name(), "vendor session is dead, opening another");
                let ks = self.ks(Some(&ks)).await?;
                Ok(call(&ks).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// The current KS; `dead` is one that must not be handed out again.
    async fn ks(&self, dead: Option<&Ks>) -> Result<Ks> {
        let mut current = self.current.lock().await;
        let good_until_epoch_s = self.clock.now_epoch_s() + RENEW_BEFORE_S;
        let usable = |session: &CachedSession| {
            session.expires_epoch_s > good_until_epoch_s && dead.is_none_or(|dead| *dead != session.ks)
        };
        if let Some(session) = current.as_ref().filter(|session| usable(session)) {
            return Ok(session.ks.clone());
        }
        // Another function may have renewed it already.
        if let Some(session) = self.store.load().await?.filter(|session| usable(session)) {
            let ks = session.ks.clone();
            *current = Some(session);
            return Ok(ks);
        }
        let session = self.open().await?;
        self.store.save(&session).await?;
        let ks = session.ks.clone();
        *current = Some(session);
        Ok(ks)
    }

    async fn open(&self) -> Result<CachedSession> {
        let token = self.app_token.app_token().await?;
        let opened = self
            .client
            .open_vendor_session(&token, SESSION_LIFE_S)
            .await
            .map_err(StepError::from)?;
        if !opened.disables_entitlement() {
            // The server ignores the privilege when a session asks for it (spec D9): only the token can carry it.
            metrics::counter!(names::APP_TOKEN_WITHOUT_DISABLE_ENTITLEMENT).increment(1);
            tracing::warn!(
                "the app token carries no `disableentitlement`: entries under entitlement will be refused; \
                 add the privilege to the app token at kaltura"
            );
        }
        tracing::info!(expires_epoch_s = opened.expires_epoch_s, "vendor session opened");
        Ok(CachedSession {
            ks: opened.ks,
            expires_epoch_s: opened.expires_epoch_s,
        })
    }
}
