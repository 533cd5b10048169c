//! Which session may call what (spec section 1.1).

use crate::answer::ApiError;
use crate::ids::TaskId;
use crate::report::KsKind;
use crate::session::{ADMIN, Ks};
use crate::world::Shared;

/// A session that was read and is alive.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) raw: String,
    pub(crate) ks: Ks,
    pub(crate) kind: KsKind,
    /// The task whose access key it is.
    pub(crate) task_id: Option<TaskId>,
}

/// Why a session is refused, in the words of the error's `KSID` argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Unreadable,
    Expired,
    Ended,
}

impl Refused {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "INVALID_STR",
            Self::Expired => "EXPIRED",
            Self::Ended => "LOGOUT",
        }
    }
}

/// Reads a session: signature, expiry, and whether it was ended.
pub(crate) fn open(shared: &Shared, raw: &str) -> Result<Session, Refused> {
    let mut world = shared.world();
    let ks = if let Some(read) = world.read_sessions.get(raw) {
        read.clone()
    } else {
        let read = crate::session::read(raw, |partner| world.secret_of(partner));
        let read = read.map_err(|_| Refused::Unreadable)?;
        world.read_sessions.insert(raw.to_owned(), read.clone());
        read
    };
    if world.dead_sessions.contains(raw) {
        return Err(Refused::Ended);
    }
    if ks.expiry_epoch_s <= shared.clock.now_s() {
        return Err(Refused::Expired);
    }
    let task_id = world.key_tasks.get(raw).cloned();
    let kind = if ks.privilege("widget").is_some() {
        KsKind::Widget
    } else if ks.partner_id == shared.config.vendor_partner_id {
        KsKind::Vendor
    } else if ks.privilege("setrole") == Some(VENDOR_ROLE) {
        KsKind::AccessKey
    } else {
        KsKind::Customer
    };
    Ok(Session {
        raw: raw.to_owned(),
        ks,
        kind,
        task_id,
    })
}

/// The role inside every access key.
pub(crate) const VENDOR_ROLE: &str = "REACH_VENDOR_ROLE";

/// What an action asks of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// Any session, an anonymous one too.
    AnySession,
    /// A user's session.
    UserSession,
    /// The vendor role, or an administrator.
    VendorRole,
    /// An administrator of the vendor's account.
    VendorAccount,
    Administrator,
}

fn needs(service: &str, action: &str) -> Needs {
    match (service, action) {
        ("session", "start" | "startWidgetSession") | ("system", _) => Needs::Nothing,
        ("apptoken" | "session", _)
        | ("baseentry" | "media", "get" | "getPlaybackContext")
        | ("caption_captionasset" | "attachment_attachmentasset", "serve") => Needs::AnySession,
        ("reach_entryvendortask", "getJobs" | "updateJob" | "extendAccessKey") => Needs::VendorAccount,
        ("reach_entryvendortask" | "reach_vendorcatalogitem", "get")
        | ("cuepoint_cuepoint", "add" | "list" | "get" | "update" | "delete")
        | ("uploadtoken", _)
        | ("baseentry" | "media", "update") => Needs::UserSession,
        (
            "caption_captionasset",
            "add" | "update" | "setContent" | "delete" | "setAsDefault" | "get" | "getUrl" | "list",
        )
        | ("attachment_attachmentasset", "add" | "get" | "update" | "setContent" | "getUrl" | "list")
        | ("flavorasset", "add" | "update" | "setContent" | "get" | "getByEntryId" | "list" | "getUrl")
        | ("schedule_scheduleevent", "get" | "updateLiveFeature") => Needs::VendorRole,
        _ => Needs::Administrator,
    }
}

/// Refuses a call whose session doesn't fit the action.
pub(crate) fn check(service: &str, action: &str, session: Option<&Session>) -> Result<(), ApiError> {
    let needs = needs(service, action);
    if needs == Needs::Nothing {
        return Ok(());
    }
    let session = session.ok_or_else(ApiError::missing_ks)?;
    let is_admin = session.ks.session_type == ADMIN;
    let passes = match needs {
        Needs::Nothing | Needs::AnySession => true,
        Needs::UserSession => session.kind != KsKind::Widget,
        Needs::VendorRole => is_admin || session.kind == KsKind::AccessKey,
        Needs::VendorAccount => is_admin && session.kind == KsKind::Vendor,
        Needs::Administrator => is_admin,
    };
    if passes {
        Ok(())
    } else {
        Err(ApiError::service_forbidden(service, action))
    }
}
