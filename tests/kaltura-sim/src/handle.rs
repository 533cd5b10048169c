//! Starting, steering and stopping a stand-in from code.

use crate::config::{AppTokenHash, SimConfig};
use crate::contract::Fields;
use crate::error::SimError;
use crate::faults::Fault;
use crate::ids::{EntryId, FaultId, PartnerId, TaskId};
use crate::order::{OrderRequest, PlacedOrder};
use crate::report::{CallRecord, OrderGlance, OrderReport};
use crate::secrets::SecretKind;
use crate::serve::Server;
use crate::web::{Network, Web};
use crate::world::{Shared, unknown};
use axum::http;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The stand-in: see [`Sim::start`].
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// Starts one on `config.listen` and returns once it accepts connections (well under a second; ffmpeg runs only
    /// when media is asked for). It runs on the current tokio runtime until [`SimHandle::shutdown`], or until the
    /// handle is dropped.
    pub async fn start(config: SimConfig) -> Result<SimHandle, SimError> {
        let listen = config.listen;
        let listener = tokio::net::TcpListener::bind(listen)
            .await
            .map_err(|source| SimError::Listen {
                address: listen,
                source,
            })?;
        let address = listener.local_addr().map_err(|source| SimError::Listen {
            address: listen,
            source,
        })?;
        let mut reachable = address;
        if address.ip().is_unspecified() {
            // Listening everywhere: callers on this machine get an address that leads somewhere.
            reachable.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let http = reqwest::Client::builder()
            .no_gzip()
            .user_agent(crate::import::USER_AGENT)
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(SimError::HttpClient)?;
        let web = Arc::new(Network(http));
        let shared = Arc::new(Shared::new(config, format!("http://{reachable}"), web)?);
        let server = Some(Server::spawn(listener, shared.clone()));
        Ok(SimHandle { shared, server })
    }

    /// Makes one without a socket: it is asked by [`SimHandle::exchange`], and asks `web` for what it imports. Its service
    /// URL is [`Sim::IN_PROCESS_URL`]; `config.listen` is of no interest.
    pub fn in_process(config: SimConfig, web: Arc<dyn Web>) -> Result<SimHandle, SimError> {
        let shared = Shared::new(config, Self::IN_PROCESS_URL.to_owned(), web)?;
        Ok(SimHandle {
            shared: Arc::new(shared),
            server: None,
        })
    }

    /// The base address of a stand-in without a socket. Loopback, so that clients take it without TLS; nobody listens there.
    pub const IN_PROCESS_URL: &'static str = "http://127.0.0.1:1";
}

/// What a caller needs to reach a stand-in; the program prints it as one JSON line, `GET /_sim/info` answers it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimInfo {
    /// Base address, without a slash at the end: `http://127.0.0.1:PORT`.
    pub service_url: String,
    /// The vendor's account.
    pub vendor_partner_id: PartnerId,
    /// The vendor's admin secret.
    pub admin_secret: String,
    /// The vendor's app token.
    pub app_token_id: String,
    /// Its secret.
    pub app_token: String,
    /// How its hash is computed.
    pub app_token_hash: AppTokenHash,
    /// Folder of delivered files and cut media.
    pub work_dir: std::path::PathBuf,
    /// Sim time, epoch milliseconds.
    pub now_ms: i64,
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        // With a socket, the server does so.
        if self.server.is_none() {
            self.shared.clean_up();
        }
    }
}

/// A running stand-in. All methods are safe to call at any time and from any task.
#[derive(Debug)]
pub struct SimHandle {
    shared: Arc<Shared>,
    /// `None` without a socket.
    server: Option<Server>,
}

impl SimHandle {
    /// Base address, without a slash at the end: `http://127.0.0.1:PORT`.
    pub fn service_url(&self) -> &str {
        &self.shared.service_url
    }

    /// The vendor's account.
    pub fn vendor_partner_id(&self) -> PartnerId {
        self.shared.config.vendor_partner_id
    }

    /// The vendor's admin secret, for `session.start`.
    pub fn admin_secret(&self) -> &str {
        &self.shared.admin_secret
    }

    /// Id of the vendor's app token.
    pub fn app_token_id(&self) -> &str {
        &self.shared.app_token_id
    }

    /// Secret of the vendor's app token.
    pub fn app_token(&self) -> &str {
        &self.shared.app_token
    }

    /// How the app token's hash is computed.
    pub fn app_token_hash_type(&self) -> AppTokenHash {
        self.shared.config.app_token.hash_type
    }

    /// All of the above in one value.
    pub fn info(&self) -> SimInfo {
        self.shared.info()
    }

    /// Places an order as a customer would: makes account, entry, catalog item, profile, task and access key.
    /// Reads the media's length with ffprobe. Not to be repeated blindly: each call is one more order.
    pub async fn place_order(&self, order: OrderRequest) -> Result<PlacedOrder, SimError> {
        crate::place::place(&self.shared, order).await
    }

    /// What an order has come to.
    pub fn order(&self, task_id: &TaskId) -> Result<OrderReport, SimError> {
        self.shared.world().report(task_id)
    }

    /// An order in short: much less work than [`SimHandle::order`], for tests that look often.
    pub fn glance(&self, task_id: &TaskId) -> Result<OrderGlance, SimError> {
        self.shared.world().glance(task_id)
    }

    /// An order's `EntryVendorTaskStatus`.
    pub fn status(&self, task_id: &TaskId) -> Result<i64, SimError> {
        self.shared.world().status(task_id)
    }

    /// All orders, oldest first.
    pub fn orders(&self) -> Vec<PlacedOrder> {
        self.shared.world().placed()
    }

    /// The customer withdraws the order: status 7, invisible to the vendor from now on (spec D15).
    pub fn abort_order(&self, task_id: &TaskId) -> Result<(), SimError> {
        self.shared.abort(task_id)
    }

    /// Kaltura resets the task: PENDING again, with a new queue time and a new access key.
    pub fn reset_order(&self, task_id: &TaskId) -> Result<(), SimError> {
        self.shared.reset(task_id)
    }

    /// The customer deletes the entry.
    pub fn delete_entry(&self, entry_id: &EntryId) -> Result<(), SimError> {
        self.shared.delete_entry(entry_id)
    }

    /// The customer moves the event of a live order.
    pub fn move_event(&self, task_id: &TaskId, start_epoch_s: i64, end_epoch_s: i64) -> Result<(), SimError> {
        self.change_event(task_id, |event| {
            event.insert("startDate".to_owned(), start_epoch_s.into());
            event.insert("endDate".to_owned(), end_epoch_s.into());
        })
    }

    /// The customer cancels the event of a live order (`KalturaScheduleEventStatus` CANCELLED).
    pub fn cancel_event(&self, task_id: &TaskId) -> Result<(), SimError> {
        self.change_event(task_id, |event| {
            event.insert("status".to_owned(), 1.into());
        })
    }

    /// The customer deletes the event of a live order.
    pub fn delete_event(&self, task_id: &TaskId) -> Result<(), SimError> {
        let id = self.event_of(task_id)?;
        self.shared.world().schedule_events.remove(&id);
        Ok(())
    }

    fn change_event(&self, task_id: &TaskId, change: impl FnOnce(&mut Fields)) -> Result<(), SimError> {
        let id = self.event_of(task_id)?;
        let mut world = self.shared.world();
        let event = world.schedule_events.get_mut(&id);
        change(&mut event.ok_or_else(|| unknown("event", &id.to_string()))?.fields);
        Ok(())
    }

    fn event_of(&self, task_id: &TaskId) -> Result<i64, SimError> {
        let world = self.shared.world();
        let task = world.tasks.get(task_id);
        let task = task.ok_or_else(|| unknown("task", task_id.as_str()))?;
        let id = task
            .fields
            .get("taskJobData")
            .and_then(|data| data.get("scheduledEventId"))
            .map(crate::params::integer);
        id.ok_or_else(|| unknown("event", "of a task without one"))
    }

    /// Switches faults on; the ids take them off again.
    pub fn faults(&self, faults: Vec<Fault>) -> Vec<FaultId> {
        let mut world = self.shared.world();
        faults.into_iter().map(|fault| world.faults.add(fault)).collect()
    }

    /// Takes one fault off; nothing happens where it is off already.
    pub fn remove_fault(&self, id: FaultId) {
        self.shared.world().faults.remove(id);
    }

    /// Takes all faults off.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// Moves the sim clock forward. Keys and sessions expire and import retries fall due accordingly.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Sim time, epoch milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// Every call so far, those of no task too.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.shared.world().calls.clone()
    }

    /// Every secret that this stand-in has made, been given or answered so far, by its real value: no log, metric or message of
    /// the vendor's may have any of them.
    pub fn secrets(&self) -> BTreeMap<String, SecretKind> {
        let world = self.shared.world();
        let mut secrets = world.secrets.clone();
        let keys = world.key_tasks.keys().cloned();
        secrets.extend(keys.map(|key| (key, SecretKind::AccessKey)));
        secrets.insert(self.app_token().to_owned(), SecretKind::AppToken);
        let admin = std::iter::once(self.admin_secret().to_owned());
        let admin = admin.chain(
            world
                .partners
                .values()
                .map(|partner| partner.admin_secret.clone()),
        );
        secrets.extend(admin.map(|secret| (secret, SecretKind::AdminSecret)));
        secrets
    }

    /// Stops listening, ends open connections and imports, and removes the working folder if it was made here.
    pub async fn shutdown(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        self.shared.clean_up();
    }

    /// Answers one request as the server would over a socket; `None` where a fault closes the connection instead. Its answer
    /// is as much as the stand-in sends before it breaks off.
    pub async fn exchange(&self, request: http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        crate::serve::exchange(&self.shared, request).await
    }
}
