//! How playManifest refuses: empty answers at HTTP 200, told by a number in a header and repeated for a while (spec
//! section 6.2).

use crate::serve::header_value;
use crate::world::Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

/// Numbers of `KExternalErrors` that playback answers with.
pub(crate) const ENTRY_NOT_FOUND: u16 = 1;
pub(crate) const ACCESS_CONTROL: u16 = 3;
pub(crate) const FILE_NOT_FOUND: u16 = 5;
pub(crate) const FLAVOR_NOT_FOUND: u16 = 6;
pub(crate) const KS_INVALID: u16 = 7;
pub(crate) const KS_EXPIRED: u16 = 31;
/// Errors that the server doesn't repeat from its cache.
const NEVER_KEPT: [u16; 3] = [ACCESS_CONTROL, 16, 53];

/// Empty at HTTP 200, told by headers only (spec section 6.2).
pub(crate) fn error_response(number: u16) -> Response {
    let text = match number {
        ENTRY_NOT_FOUND => "Requested entry not found",
        ACCESS_CONTROL => "Access control restricted",
        FILE_NOT_FOUND => "File not found",
        FLAVOR_NOT_FOUND => "Requested flavor not found",
        KS_INVALID => "ks not valid",
        KS_EXPIRED => "ks expired",
        _ => "error",
    };
    let mut response = StatusCode::OK.into_response();
    for (name, value) in [
        ("X-Kaltura", format!("error-{number}")),
        ("X-Kaltura-App", format!("exiting on error {number} - {text}")),
    ] {
        if let Some(value) = header_value(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The error that playManifest gave for this address within the last minute.
pub(crate) fn kept_error(shared: &Shared, path: &str) -> Option<u16> {
    let now_ms = shared.clock.now_ms();
    shared
        .world()
        .manifest_errors
        .get(path)
        .filter(|(_, until_ms)| *until_ms > now_ms)
        .map(|(number, _)| *number)
}

/// Keeps a new error of playManifest, as the server's cache does for GET.
pub(crate) fn keep_error(shared: &Shared, path: &str, response: &Response) {
    let number = response
        .headers()
        .get("X-Kaltura")
        .and_then(|value| value.to_str().ok());
    let number = number
        .and_then(|value| value.strip_prefix("error-"))
        .and_then(|number| number.parse().ok());
    let Some(number) = number.filter(|number| !NEVER_KEPT.contains(number)) else {
        return;
    };
    let now_ms = shared.clock.now_ms();
    let until_ms = now_ms.saturating_add_unsigned(shared.config.manifest_error_cache_ms);
    let mut world = shared.world();
    let kept = world
        .manifest_errors
        .entry(path.to_owned())
        .or_insert((number, until_ms));
    if kept.1 <= now_ms {
        *kept = (number, until_ms);
    }
}
