//! session and appToken (spec sections 4.1 and 4.2).

use super::{Answer, Call, not_modelled};
use crate::answer::ApiError;
use crate::config::AppTokenHash;
use crate::ids::PartnerId;
use crate::order::KsVersion;
use crate::session::{ADMIN, Ks, USER, hex};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

const DAY_S: i64 = 86_400;

/// Privileges that only an app token itself can grant; in `sessionPrivileges` they are dropped (spec D9).
const RESERVED: [&str; 6] = [
    "disableentitlement",
    "disableentitlementforentry",
    "enableentitlement",
    "setrole",
    "apptoken",
    "sessionid",
];

pub(super) fn run(call: &Call<'_>) -> Answer {
    match (call.service, call.action) {
        ("session", "start") => start(call),
        ("session", "startWidgetSession") => start_widget_session(call),
        ("session", "get") => get(call),
        ("session", "end") => end(call),
        ("apptoken", "startSession") => start_by_app_token(call),
        _ => Err(not_modelled(call)),
    }
}

fn start(call: &Call<'_>) -> Answer {
    let failed = |partner: &str| {
        ApiError::new(
            "START_SESSION_ERROR",
            "Error while starting session for partner [@PARTNER_ID@]",
            &[("PARTNER_ID", partner)],
        )
    };
    let partner_id = PartnerId(call.arguments.integer("partnerId").unwrap_or_default());
    let secret = call
        .shared
        .world()
        .secret_of(partner_id)
        .ok_or_else(|| failed(&partner_id.to_string()))?;
    if secret != call.arguments.text("secret") {
        return Err(failed(&partner_id.to_string()));
    }
    let ks = Ks {
        partner_id,
        expiry_epoch_s: call.now_s() + call.arguments.integer("expiry").unwrap_or(DAY_S),
        session_type: call.arguments.integer("type").unwrap_or(USER),
        user_id: call.arguments.text("userId"),
        privileges: call.arguments.text("privileges"),
    };
    Ok(json!(ks.mint(KsVersion::V2, &secret)))
}

fn start_widget_session(call: &Call<'_>) -> Answer {
    let widget = call.arguments.text("widgetId");
    let partner_id = widget
        .strip_prefix('_')
        .and_then(|id| id.parse().ok())
        .map(PartnerId);
    let secret = partner_id.and_then(|id| call.shared.world().secret_of(id).map(|secret| (id, secret)));
    let (partner_id, secret) = secret.ok_or_else(|| {
        ApiError::new(
            "INVALID_WIDGET_ID",
            "Unknown widget \"@WIDGET_ID@\"",
            &[("WIDGET_ID", &widget)],
        )
    })?;
    let ks = Ks {
        partner_id,
        expiry_epoch_s: call.now_s() + call.arguments.integer("expiry").unwrap_or(DAY_S),
        session_type: USER,
        user_id: "0".to_owned(),
        privileges: format!("widget:1,view:*,widgetid:{widget}"),
    };
    Ok(json!({
        "partnerId": partner_id,
        "ks": ks.mint(KsVersion::V2, &secret),
        "userId": "0",
        "objectType": "KalturaStartWidgetSessionResponse",
    }))
}

fn get(call: &Call<'_>) -> Answer {
    let session = call.session.as_ref().ok_or_else(ApiError::missing_ks)?;
    Ok(session_info(&session.raw, &session.ks))
}

fn end(call: &Call<'_>) -> Answer {
    let session = call.session.as_ref().ok_or_else(ApiError::missing_ks)?;
    call.shared.world().dead_sessions.insert(session.raw.clone());
    Ok(Value::Null)
}

fn session_info(raw: &str, ks: &Ks) -> Value {
    json!({
        "ks": raw,
        "sessionType": ks.session_type,
        "partnerId": ks.partner_id,
        "userId": ks.user_id,
        "expiry": ks.expiry_epoch_s,
        "privileges": ks.privileges,
        "objectType": "KalturaSessionInfo",
    })
}

fn start_by_app_token(call: &Call<'_>) -> Answer {
    let widget = call.session.as_ref().ok_or_else(ApiError::missing_ks)?;
    let id = call.arguments.text("id");
    let shared = call.shared;
    let token = &shared.config.app_token;
    let vendor = shared.config.vendor_partner_id;
    if id != shared.app_token_id || widget.ks.partner_id != vendor {
        return Err(ApiError::new(
            "APP_TOKEN_ID_NOT_FOUND",
            "Application token id [@ID@] not found",
            &[("ID", &id)],
        ));
    }
    if !token.active {
        return Err(ApiError::new(
            "APP_TOKEN_NOT_ACTIVE",
            "Application token id [@ID@] is not active",
            &[("ID", &id)],
        ));
    }
    let now_s = call.now_s();
    if token.expiry_epoch_s.is_some_and(|expiry| expiry <= now_s) {
        return Err(ApiError::new(
            "APP_TOKEN_EXPIRED",
            "Application token id [@ID@] is expired",
            &[("ID", &id)],
        ));
    }
    if call.arguments.text("tokenHash") != token_hash(token.hash_type, &widget.raw, &shared.app_token) {
        return Err(ApiError::new(
            "INVALID_APP_TOKEN_HASH",
            "Invalid application token hash",
            &[],
        ));
    }
    let mut life_s = call
        .arguments
        .integer("expiry")
        .unwrap_or(DAY_S)
        .min(token.session_duration_s);
    if let Some(expiry) = token.expiry_epoch_s {
        life_s = life_s.min(expiry - now_s);
    }
    let mut privileges: Vec<String> = call
        .arguments
        .text("sessionPrivileges")
        .split(',')
        .filter(|asked| !asked.is_empty() && !RESERVED.contains(&asked.split(':').next().unwrap_or_default()))
        .map(str::to_owned)
        .collect();
    privileges.extend(
        token
            .privileges
            .split(',')
            .filter(|one| !one.is_empty())
            .map(str::to_owned),
    );
    privileges.push(format!("sessionid:{}", crate::session::random_name(16)));
    privileges.push(format!("apptoken:{id}"));
    let ks = Ks {
        partner_id: vendor,
        expiry_epoch_s: now_s + life_s,
        session_type: if token.session_type == ADMIN { ADMIN } else { USER },
        user_id: token
            .session_user_id
            .clone()
            .unwrap_or_else(|| call.arguments.text("userId")),
        privileges: privileges.join(","),
    };
    Ok(session_info(&ks.mint(KsVersion::V2, &shared.admin_secret), &ks))
}

/// Lower-case hexadecimal digits of the hash over session and token.
pub(crate) fn token_hash(kind: AppTokenHash, widget_ks: &str, token: &str) -> String {
    let text = format!("{widget_ks}{token}");
    match kind {
        AppTokenHash::Md5 => hex(&Md5::digest(text)),
        AppTokenHash::Sha1 => hex(&Sha1::digest(text)),
        AppTokenHash::Sha256 => hex(&Sha256::digest(text)),
        AppTokenHash::Sha512 => hex(&Sha512::digest(text)),
    }
}
