//! How a stand-in is set up.

use crate::ids::PartnerId;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Settings of one stand-in. [`SimConfig::default`] is right for tests: a free loopback port, a folder of its own
/// under the system's temporary one, imports that start at once and retry on the sim clock as the server does.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Folder that relative media paths of orders start from.
    pub media_dir: Option<PathBuf>,
    /// Folder for delivered files, uploads and cut media. `None`: a fresh one under the system's temporary folder,
    /// removed at shutdown. Cut media is kept by content hash, so a folder of one's own saves the next run's ffmpeg.
    pub work_dir: Option<PathBuf>,
    /// The vendor's account.
    pub vendor_partner_id: PartnerId,
    /// The vendor's admin secret; `None` makes one up.
    pub admin_secret: Option<String>,
    /// Whether the vendor's account is marked as a REACH vendor. Without it `getJobs` and `updateJob`
    /// answer `VENDOR_TASK_SERVICE__GET_JOB_NOT_ALLOWED` (spec section 1.3).
    pub vendor_account_enabled: bool,
    /// The vendor's app token.
    pub app_token: AppTokenConfig,
    /// When and how often content is fetched.
    pub import: ImportTimings,
    /// Whether imports may go to loopback and private addresses, which the real server refuses (spec section 3.2).
    /// On by default, since the deliverables of a local run live on loopback.
    pub allow_private_imports: bool,
    /// Whether the length that a refused HEAD (403, 404, …) announces is passed over. The real server takes it for the
    /// file's (spec section 3.2, step 2); S3 announces none, but S3 emulators do, and short files then fail there.
    pub ignore_length_of_refused_head: bool,
    /// How long playManifest repeats an error for the same address, milliseconds of the sim clock; the server's
    /// 60,000 (spec section 6.2). Errors 3 and 16 aren't kept.
    pub manifest_error_cache_ms: u64,
    /// What the sim clock does by itself.
    pub clock: SimTime,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            media_dir: None,
            work_dir: None,
            vendor_partner_id: PartnerId(6_000_001),
            admin_secret: None,
            vendor_account_enabled: true,
            app_token: AppTokenConfig::default(),
            import: ImportTimings::default(),
            allow_private_imports: true,
            ignore_length_of_refused_head: false,
            manifest_error_cache_ms: 60_000,
            clock: SimTime::Real,
        }
    }
}

/// What the sim clock does by itself; [`SimHandle::advance_clock`](crate::SimHandle::advance_clock) moves it forward in any
/// case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimTime {
    /// It shows the machine's time.
    Real,
    /// It starts there, epoch milliseconds, and runs.
    RunsFrom(i64),
    /// It stands there, epoch milliseconds.
    StandsAt(i64),
}

/// Times of the import job, in milliseconds of the sim clock (spec section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportTimings {
    /// From `setContent` to the first attempt: the server's queue. Default 0.
    pub queue_ms: u64,
    /// Between two attempts. The server's is 300,000; shorten it for local runs, or advance the clock.
    pub retry_interval_ms: u64,
    /// Attempts before the asset goes to −1. The server's is 3.
    pub attempts: u32,
    /// Real milliseconds without a byte after which an attempt fails. The server's is 120,000.
    pub stall_ms: u64,
    /// Attempts of one account's imports that run at once. The server's is 50.
    pub at_once: usize,
}

impl Default for ImportTimings {
    fn default() -> Self {
        Self {
            queue_ms: 0,
            retry_interval_ms: 300_000,
            attempts: 3,
            stall_ms: 120_000,
            at_once: 50,
        }
    }
}

/// An app token of the vendor's account (spec section 4.2).
#[derive(Debug, Clone)]
pub struct AppTokenConfig {
    /// Its id; `None` makes one up.
    pub id: Option<String>,
    /// Its secret; `None` makes one up.
    pub token: Option<String>,
    /// How `tokenHash` is to be computed.
    pub hash_type: AppTokenHash,
    /// Type of the session: 2 ADMIN as in Kaltura's own sample, 0 USER. Overrides the caller's argument.
    pub session_type: i64,
    /// User of the session; overrides the caller's argument when set.
    pub session_user_id: Option<String>,
    /// Privileges of the session. Only here can `disableentitlement` be granted (spec D9).
    pub privileges: String,
    /// Longest session, in seconds.
    pub session_duration_s: i64,
    /// When the token itself ends, epoch seconds.
    pub expiry_epoch_s: Option<i64>,
    /// Whether the token is active; if not, `APP_TOKEN_NOT_ACTIVE`.
    pub active: bool,
}

impl Default for AppTokenConfig {
    fn default() -> Self {
        Self {
            id: None,
            token: None,
            hash_type: AppTokenHash::Sha256,
            session_type: 2,
            session_user_id: None,
            privileges: "disableentitlement".to_owned(),
            session_duration_s: 86_400,
            expiry_epoch_s: None,
            active: true,
        }
    }
}

/// Hash functions of app tokens. Prints and parses as on the wire: `MD5`, `SHA1`, `SHA256`, `SHA512`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AppTokenHash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl AppTokenHash {
    /// The name on the wire, for instance `SHA256`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl std::str::FromStr for AppTokenHash {
    type Err = String;

    /// Reads a name in any case; the error lists the names.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.to_ascii_uppercase().as_str() {
            "MD5" => Ok(Self::Md5),
            "SHA1" => Ok(Self::Sha1),
            "SHA256" => Ok(Self::Sha256),
            "SHA512" => Ok(Self::Sha512),
            _ => Err(format!(
                "{name} is no app token hash, expected MD5, SHA1, SHA256 or SHA512"
            )),
        }
    }
}
