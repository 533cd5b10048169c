//! Starting, steering and stopping a stand-in from code.

use crate::config::{AppTokenHash, SimConfig};
use crate::error::SimError;
use crate::faults::Fault;
use crate::ids::{EntryId, FaultId, PartnerId, TaskId};
use crate::order::{OrderRequest, PlacedOrder};
use crate::report::{CallRecord, OrderReport};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The stand-in: see [`Sim::start`].
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// Starts one on `config.listen` and returns once it accepts connections (well under a second; ffmpeg runs only
    /// when media is asked for). It runs on the current tokio runtime until [`SimHandle::shutdown`], or until the
    /// handle is dropped.
    pub async fn start(config: SimConfig) -> Result<SimHandle, SimError> { Err(SimError::Invalid { field: "listen".to_owned(), got: config.listen.to_string(), expected: "a finished server" }) }
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

/// A running stand-in. All methods are safe to call at any time and from any task.
#[derive(Debug)]
pub struct SimHandle {
    info: SimInfo,
}

impl SimHandle {
    /// Base address, without a slash at the end: `http://127.0.0.1:PORT`.
    pub fn service_url(&self) -> &str { &self.info.service_url }

    /// The vendor's account.
    pub fn vendor_partner_id(&self) -> PartnerId { self.info.vendor_partner_id }

    /// The vendor's admin secret, for `session.start`.
    pub fn admin_secret(&self) -> &str { &self.info.admin_secret }

    /// Id of the vendor's app token.
    pub fn app_token_id(&self) -> &str { &self.info.app_token_id }

    /// Secret of the vendor's app token.
    pub fn app_token(&self) -> &str { &self.info.app_token }

    /// How the app token's hash is computed.
    pub fn app_token_hash_type(&self) -> AppTokenHash { self.info.app_token_hash }

    /// All of the above in one value.
    pub fn info(&self) -> SimInfo { self.info.clone() }

    /// Places an order as a customer would: makes account, entry, catalog item, profile, task and access key.
    /// Reads the media's length with ffprobe. Not to be repeated blindly: each call is one more order.
    pub async fn place_order(&self, order: OrderRequest) -> Result<PlacedOrder, SimError> { let _ = order; Err(SimError::Unknown { kind: "task", id: String::new() }) }

    /// What an order has come to.
    pub fn order(&self, task_id: &TaskId) -> Result<OrderReport, SimError> { let _ = task_id; Err(SimError::Unknown { kind: "task", id: String::new() }) }

    /// All orders, oldest first.
    pub fn orders(&self) -> Vec<PlacedOrder> { Vec::new() }

    /// The customer withdraws the order: status 7, invisible to the vendor from now on (spec D15).
    pub fn abort_order(&self, task_id: &TaskId) -> Result<(), SimError> { let _ = task_id; Err(SimError::Unknown { kind: "task", id: String::new() }) }

    /// Kaltura resets the task: PENDING again, with a new queue time and a new access key.
    pub fn reset_order(&self, task_id: &TaskId) -> Result<(), SimError> { let _ = task_id; Err(SimError::Unknown { kind: "task", id: String::new() }) }

    /// The customer deletes the entry.
    pub fn delete_entry(&self, entry_id: &EntryId) -> Result<(), SimError> { let _ = entry_id; Err(SimError::Unknown { kind: "task", id: String::new() }) }

    /// Switches faults on; the ids take them off again.
    pub fn faults(&self, faults: Vec<Fault>) -> Vec<FaultId> { let _ = faults; Vec::new() }

    /// Takes all faults off.
    pub fn clear_faults(&self) {  }

    /// Moves the sim clock forward. Keys and sessions expire and import retries fall due accordingly.
    pub fn advance_clock(&self, by: Duration) { let _ = by; }

    /// Sim time, epoch milliseconds.
    pub fn now_ms(&self) -> i64 { 0 }

    /// Every call so far, those of no task too.
    pub fn calls(&self) -> Vec<CallRecord> { Vec::new() }

    /// Stops listening, ends open connections and imports, and removes the working folder if it was made here.
    pub async fn shutdown(self) {  }
}
