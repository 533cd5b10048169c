//! Everything that the stand-in remembers, and the handle that all requests share.

use crate::clock::SimClock;
use crate::config::SimConfig;
use crate::contract::{Contract, Fields};
use crate::error::SimError;
use crate::faults::{Faults, Target};
use crate::handle::SimInfo;
use crate::ids::{AssetId, EntryId, PartnerId, TaskId};
use crate::media::{Media, MediaStore};
use crate::order::KsVersion;
use crate::params;
use crate::protect::Protection;
use crate::report::{AssetKind, CallRecord, ImportAttempt};
use crate::session::{Ks, random_name};
use crate::web::Web;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// What every request and job shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: SimConfig,
    pub(crate) service_url: String,
    pub(crate) admin_secret: String,
    pub(crate) app_token_id: String,
    pub(crate) app_token: String,
    pub(crate) clock: SimClock,
    pub(crate) contract: Arc<Contract>,
    pub(crate) media: MediaStore,
    pub(crate) web: Arc<dyn Web>,
    pub(crate) work_dir: PathBuf,
    removes_work_dir: bool,
    world: Mutex<World>,
    jobs: Mutex<Vec<AbortHandle>>,
}

impl Shared {
    pub(crate) fn new(config: SimConfig, service_url: String, web: Arc<dyn Web>) -> Result<Self, SimError> {
        let removes_work_dir = config.work_dir.is_none();
        let work_dir = config
            .work_dir
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("kaltura-sim-{}", random_name(12))));
        for folder in ["assets", "uploads", "downloads", "media"] {
            let path = work_dir.join(folder);
            std::fs::create_dir_all(&path).map_err(|source| SimError::File { path, source })?;
        }
        let mut world = World::default();
        let admin_secret = config.admin_secret.clone().unwrap_or_else(|| random_name(32));
        world.partners.insert(
            config.vendor_partner_id,
            Partner {
                name: "vendor".to_owned(),
                admin_secret: admin_secret.clone(),
            },
        );
        Ok(Self {
            service_url,
            admin_secret,
            app_token_id: config
                .app_token
                .id
                .clone()
                .unwrap_or_else(|| format!("1_{}", random_name(8))),
            app_token: config.app_token.token.clone().unwrap_or_else(|| random_name(32)),
            clock: SimClock::new(config.clock),
            contract: Contract::embedded()?,
            media: MediaStore::new(work_dir.join("media")),
            web,
            work_dir,
            removes_work_dir,
            world: Mutex::new(world),
            jobs: Mutex::default(),
            config,
        })
    }

    /// The world, locked. Never held over an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn info(&self) -> SimInfo {
        SimInfo {
            service_url: self.service_url.clone(),
            vendor_partner_id: self.config.vendor_partner_id,
            admin_secret: self.admin_secret.clone(),
            app_token_id: self.app_token_id.clone(),
            app_token: self.app_token.clone(),
            app_token_hash: self.config.app_token.hash_type,
            work_dir: self.work_dir.clone(),
            now_ms: self.clock.now_ms(),
        }
    }

    /// Starts a background job that ends with the stand-in.
    pub(crate) fn spawn(&self, job: impl Future<Output = ()> + Send + 'static) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.retain(|job| !job.is_finished());
        jobs.push(tokio::spawn(job).abort_handle());
    }

    pub(crate) fn stop_jobs(&self) {
        for job in self.jobs.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            job.abort();
        }
    }

    pub(crate) fn clean_up(&self) {
        self.stop_jobs();
        if self.removes_work_dir
            && let Err(error) = std::fs::remove_dir_all(&self.work_dir)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.work_dir.display(), %error, "the working folder stays");
        }
    }

    pub(crate) fn abort(&self, task_id: &TaskId) -> Result<(), SimError> {
        let now_s = self.clock.now_s();
        let mut world = self.world();
        let task = world
            .tasks
            .get_mut(task_id)
            .ok_or_else(|| unknown("task", task_id.as_str()))?;
        task.set_status(ABORTED, now_s);
        task.live_feature = None;
        Ok(())
    }

    pub(crate) fn reset(&self, task_id: &TaskId) -> Result<(), SimError> {
        let now_s = self.clock.now_s();
        let mut world = self.world();
        let task = world
            .tasks
            .get_mut(task_id)
            .ok_or_else(|| unknown("task", task_id.as_str()))?;
        task.set_status(1, now_s);
        task.fields.insert("queueTime".to_owned(), now_s.into());
        for cleared in ["finishTime", "errDescription", "outputObjectId", "accuracy"] {
            task.fields.remove(cleared);
        }
        // An order like any other again: what was refunded was the run before.
        task.refunded = false;
        task.live_feature.clone_from(&task.first_live_feature);
        world.renew_access_key(task_id, now_s);
        Ok(())
    }

    pub(crate) fn delete_entry(&self, entry_id: &EntryId) -> Result<(), SimError> {
        let mut world = self.world();
        let entry = world
            .entries
            .get_mut(entry_id)
            .ok_or_else(|| unknown("entry", entry_id.as_str()))?;
        entry.deleted = true;
        entry.fields.insert("status".to_owned(), "3".into());
        for asset in world
            .assets
            .values_mut()
            .filter(|asset| asset.entry_id == *entry_id)
        {
            asset
                .fields
                .insert("status".to_owned(), crate::assets::DELETED.into());
        }
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.clean_up();
    }
}

pub(crate) fn unknown(kind: &'static str, id: &str) -> SimError {
    SimError::Unknown {
        kind,
        id: id.to_owned(),
    }
}

/// An account.
#[derive(Debug)]
pub(crate) struct Partner {
    pub(crate) name: String,
    pub(crate) admin_secret: String,
}

/// A media entry.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "four independent switches of an order's entry"
)]
pub(crate) struct Entry {
    pub(crate) partner_id: PartnerId,
    pub(crate) fields: Fields,
    pub(crate) deleted: bool,
    pub(crate) media: Option<Arc<Media>>,
    pub(crate) duration_ms: u64,
    pub(crate) hls: bool,
    pub(crate) protection: Protection,
    pub(crate) access_controlled: bool,
    pub(crate) multilingual_tags: Map<String, Value>,
}

/// An entryVendorTask.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) partner_id: PartnerId,
    pub(crate) entry_id: EntryId,
    pub(crate) catalog_item_id: i64,
    pub(crate) profile_id: i64,
    pub(crate) fields: Fields,
    pub(crate) key_version: KsVersion,
    pub(crate) key_privileges: String,
    pub(crate) charged: bool,
    pub(crate) refunded: bool,
    pub(crate) live_feature: Option<Fields>,
    /// That feature as it was made with the task.
    pub(crate) first_live_feature: Option<Fields>,
}

/// Statuses that end a task: READY, REJECTED, ERROR, ABORTED.
pub(crate) const FINAL: [i64; 4] = [2, 5, 6, 7];
/// ABORTED: invisible to everybody (spec D15).
pub(crate) const ABORTED: i64 = 7;

impl Task {
    pub(crate) fn status(&self) -> i64 {
        self.fields.get("status").map(params::integer).unwrap_or_default()
    }

    pub(crate) fn set_status(&mut self, status: i64, now_s: i64) {
        self.fields.insert("status".to_owned(), status.into());
        self.fields.insert("updatedAt".to_owned(), now_s.into());
    }

    pub(crate) fn turn_around_time(&self) -> i64 {
        self.fields
            .get("turnAroundTime")
            .map(params::integer)
            .unwrap_or_default()
    }

    pub(crate) fn access_key(&self) -> &str {
        self.fields
            .get("accessKey")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// An asset of any kind.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) kind: AssetKind,
    pub(crate) partner_id: PartnerId,
    pub(crate) entry_id: EntryId,
    pub(crate) fields: Fields,
    pub(crate) task_id: Option<TaskId>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) imports: Vec<ImportAttempt>,
    pub(crate) next_import_at_ms: Option<i64>,
    /// For flavors of the entry's own media: whether it is the sound only.
    pub(crate) cut: Option<bool>,
    /// Order of creation.
    pub(crate) serial: u64,
}

impl Asset {
    pub(crate) fn status(&self) -> i64 {
        self.fields.get("status").map(params::integer).unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.fields.get(name).and_then(params::text).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(params::boolean)
    }
}

/// An upload token.
#[derive(Debug)]
pub(crate) struct UploadToken {
    pub(crate) partner_id: PartnerId,
    pub(crate) user_id: String,
    pub(crate) fields: Fields,
    pub(crate) file: PathBuf,
    /// Byte ranges written, from and to (exclusive).
    pub(crate) written: Vec<(u64, u64)>,
    /// The asset that waits for the upload to end.
    pub(crate) waiting_asset: Option<AssetId>,
}

impl UploadToken {
    pub(crate) fn status(&self) -> i64 {
        self.fields.get("status").map(params::integer).unwrap_or_default()
    }
}

/// All state. Small enough to lie under one lock: a call holds it for microseconds.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) partners: BTreeMap<PartnerId, Partner>,
    pub(crate) entries: HashMap<EntryId, Entry>,
    pub(crate) tasks: HashMap<TaskId, Task>,
    pub(crate) task_order: Vec<TaskId>,
    pub(crate) assets: HashMap<AssetId, Asset>,
    pub(crate) upload_tokens: HashMap<String, UploadToken>,
    pub(crate) catalog_items: BTreeMap<i64, Fields>,
    pub(crate) profiles: BTreeMap<i64, Fields>,
    /// Tags that a conversion gives to its flavors, by `flavorParamsId`.
    pub(crate) flavor_params: BTreeMap<i64, String>,
    pub(crate) cue_points: BTreeMap<String, CuePoint>,
    pub(crate) schedule_events: BTreeMap<i64, ScheduleEvent>,
    /// Events that are played, by the task that they are captioned for.
    pub(crate) live: HashMap<TaskId, crate::live::Live>,
    pub(crate) dead_sessions: HashSet<String>,
    /// What was read of sessions whose signature is right, since accounts never change their secrets here.
    pub(crate) read_sessions: HashMap<String, Ks>,
    pub(crate) key_tasks: HashMap<String, TaskId>,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<CallRecord>,
    /// Secrets that came with calls or were answered, beside the access keys.
    pub(crate) secrets: crate::secrets::Secrets,
    /// Imports at once, by account.
    pub(crate) import_slots: BTreeMap<PartnerId, Arc<Semaphore>>,
    /// Errors of playManifest by path, and until when they are repeated.
    pub(crate) manifest_errors: HashMap<String, (u16, i64)>,
    last_number: i64,
}

/// A cue point.
#[derive(Debug)]
pub(crate) struct CuePoint {
    pub(crate) partner_id: PartnerId,
    pub(crate) entry_id: EntryId,
    pub(crate) fields: Fields,
}

/// A scheduled live event.
#[derive(Debug)]
pub(crate) struct ScheduleEvent {
    pub(crate) partner_id: PartnerId,
    pub(crate) fields: Fields,
}

impl World {
    /// The next number for ids.
    pub(crate) fn next_number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn secret_of(&self, partner: PartnerId) -> Option<String> {
        self.partners
            .get(&partner)
            .map(|partner| partner.admin_secret.clone())
    }

    /// Gives the task a fresh access key of the server's usual life (spec section 1.5).
    pub(crate) fn renew_access_key(&mut self, task_id: &TaskId, now_s: i64) {
        let Some(turn_around_s) = self.tasks.get(task_id).map(Task::turn_around_time) else {
            return;
        };
        self.mint_access_key(task_id, now_s + key_life_s(turn_around_s));
    }

    pub(crate) fn mint_access_key(&mut self, task_id: &TaskId, expiry_epoch_s: i64) {
        let Some(task) = self.tasks.get_mut(task_id) else {
            return;
        };
        let Some(partner) = self.partners.get(&task.partner_id) else {
            return;
        };
        let ks = Ks {
            partner_id: task.partner_id,
            expiry_epoch_s,
            session_type: crate::session::USER,
            user_id: String::new(),
            privileges: task.key_privileges.clone(),
        };
        let key = ks.mint(task.key_version, &partner.admin_secret);
        task.fields.insert("accessKey".to_owned(), key.clone().into());
        self.key_tasks.insert(key, task_id.clone());
    }

    /// A task that its vendor or customer can see.
    pub(crate) fn visible_task(&self, id: &str) -> Option<(TaskId, &Task)> {
        let id = TaskId::from(id);
        self.tasks
            .get(&id)
            .filter(|task| task.status() != ABORTED)
            .map(|task| (id, task))
    }

    /// An entry that the account can see.
    pub(crate) fn visible_entry(&self, id: &str, partner: PartnerId) -> Option<(EntryId, &Entry)> {
        let id = EntryId::from(id);
        self.entries
            .get(&id)
            .filter(|entry| !entry.deleted && entry.partner_id == partner)
            .map(|entry| (id, entry))
    }

    /// The entry that is recorded of a live one.
    pub(crate) fn recording_of(&self, entry: &EntryId) -> Option<EntryId> {
        let recorded = self.entries.get(entry)?.fields.get("recordedEntryId")?;
        let id = recorded.as_str().filter(|id| !id.is_empty())?;
        Some(EntryId::from(id))
    }

    /// The assets of an entry, oldest first.
    pub(crate) fn assets_of(&self, entry: &EntryId) -> Vec<(&AssetId, &Asset)> {
        let mut found: Vec<_> = self
            .assets
            .iter()
            .filter(|(_, asset)| asset.entry_id == *entry)
            .collect();
        found.sort_by_key(|(_, asset)| asset.serial);
        found
    }

    pub(crate) fn fault(&mut self, target: &Target) -> Option<crate::faults::FaultEffect> {
        self.faults.hit(target)
    }
}

/// Life of an access key: twice the turn-around time, at least a week. Turn-around times 1 to 10 are business days
/// stored as such small numbers that the week wins.
pub(crate) fn key_life_s(turn_around_s: i64) -> i64 {
    (2 * turn_around_s.max(0)).max(7 * 86_400)
}

/// An id as the server makes them: `0_` and eight letters or digits.
pub(crate) fn new_id() -> String {
    format!("0_{}", random_name(8))
}
