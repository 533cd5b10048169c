//! The import job behind `setContent` with an address (spec section 3.2): HEAD without the caller's headers, GET
//! with them, three tries, then READY or −1.

use crate::assets::{self, ERROR};
use crate::faults::{FaultEffect, Target};
use crate::ids::{AssetId, PartnerId};
use crate::report::ImportAttempt;
use crate::web::WebAnswer;
use crate::world::Shared;
use axum::http::Method;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RANGE};
use futures::StreamExt as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What the server calls itself.
pub(crate) const USER_AGENT: &str =
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9.0.6) Gecko/2009011913 Firefox/3.0.6";

const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How an attempt ended.
enum Attempt {
    Done(PathBuf),
    /// Another attempt may help; `partial`: some bytes have come.
    Retry {
        reason: String,
        partial: bool,
    },
    Failed(String),
}

/// Starts the job for an asset that was set to IMPORTING. A second one for the same asset runs beside the first, as
/// on the server.
pub(crate) fn start(
    shared: &Arc<Shared>,
    asset: AssetId,
    url: &str,
    headers: Vec<String>,
    should_redirect: bool,
) {
    let url = collapse_slashes(url);
    let job = run(shared.clone(), asset, url, headers, should_redirect);
    shared.spawn(job);
}

async fn run(shared: Arc<Shared>, asset: AssetId, url: String, headers: Vec<String>, should_redirect: bool) {
    let timings = shared.config.import;
    let mut due_ms = shared.clock.now_ms().saturating_add_unsigned(timings.queue_ms);
    let fault = fault(&shared, &asset);
    match fault {
        Some(FaultEffect::ImportStuck) => return,
        Some(FaultEffect::ImportLate { ms }) => due_ms = due_ms.saturating_add_unsigned(ms),
        Some(FaultEffect::ImportFails { description }) => {
            assets::set_status(&shared, &asset, ERROR, Some(&description));
            return;
        }
        _ => {}
    }
    let mut partial_before = false;
    for attempt in 1..=timings.attempts {
        set_due(&shared, &asset, Some(due_ms));
        shared.clock.sleep_until(due_ms).await;
        set_due(&shared, &asset, None);
        // Jobs beyond the account's share wait for one to end.
        let slots = import_slots(&shared, &asset);
        let _slot = slots.acquire().await;
        if should_redirect && attempt == 1 && check_address(&shared, &url).await.is_ok() {
            // Where the address leads, asked with the headers; whatever the answer, the import goes on.
            let answer = look(&shared, Method::HEAD, &url, header_lines(&headers)).await;
            note(
                &shared,
                &asset,
                attempt,
                "HEAD",
                answer.map(|answer| answer.status),
            );
        }
        let outcome = fetch(&shared, &asset, &url, &headers, attempt, partial_before).await;
        let last = attempt == timings.attempts;
        match outcome {
            Attempt::Done(path) => {
                let extension = url::Url::parse(&url)
                    .map(|url| assets::extension_of(url.path()))
                    .unwrap_or_default();
                if let Err(error) = assets::attach(&shared, &asset, &path, Some(&extension)) {
                    assets::set_status(
                        &shared,
                        &asset,
                        ERROR,
                        Some(&format!("Failed to store the file: {error}")),
                    );
                }
                return;
            }
            Attempt::Failed(reason) => {
                assets::set_status(&shared, &asset, ERROR, Some(&reason));
                return;
            }
            Attempt::Retry { reason, .. } if last => {
                assets::set_status(&shared, &asset, ERROR, Some(&reason));
                return;
            }
            Attempt::Retry { partial, reason } => {
                tracing::debug!(%asset, attempt, reason, "import: another attempt will follow");
                partial_before = partial;
                due_ms = shared
                    .clock
                    .now_ms()
                    .saturating_add_unsigned(timings.retry_interval_ms);
            }
        }
    }
}

/// The imports that the asset's account may run at once (spec section 3.2).
fn import_slots(shared: &Shared, asset: &AssetId) -> Arc<Semaphore> {
    let mut world = shared.world();
    let partner = world.assets.get(asset).map(|asset| asset.partner_id);
    let slots = world.import_slots.entry(partner.unwrap_or(PartnerId(0)));
    slots
        .or_insert_with(|| Arc::new(Semaphore::new(shared.config.import.at_once)))
        .clone()
}

fn set_due(shared: &Shared, asset: &AssetId, due_ms: Option<i64>) {
    if let Some(asset) = shared.world().assets.get_mut(asset) {
        asset.next_import_at_ms = due_ms;
    }
}

fn fault(shared: &Shared, asset: &AssetId) -> Option<FaultEffect> {
    let mut world = shared.world();
    let found = world.assets.get(asset)?;
    let target = Target {
        service: "import".to_owned(),
        action: "import".to_owned(),
        partners: vec![found.partner_id],
        task_id: found.task_id.clone(),
    };
    world.fault(&target)
}

fn note(shared: &Shared, asset: &AssetId, attempt: u32, method: &str, http_status: Option<u16>) {
    let at_ms = shared.clock.now_ms();
    if let Some(asset) = shared.world().assets.get_mut(asset) {
        asset.imports.push(ImportAttempt {
            attempt,
            method: method.to_owned(),
            http_status,
            at_ms,
        });
    }
}

async fn fetch(
    shared: &Shared,
    asset: &AssetId,
    url: &str,
    headers: &[String],
    attempt: u32,
    partial_before: bool,
) -> Attempt {
    if let Err(reason) = check_address(shared, url).await {
        return Attempt::Failed(reason);
    }
    let mut announced = None;
    if partial_before {
        // After a part of the file came, the server asks whether it may resume, without the caller's headers.
        let (method, headers) = if attempt == 2 {
            let first_byte = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-0"))]);
            (Method::GET, first_byte)
        } else {
            (Method::HEAD, HeaderMap::new())
        };
        let answer = look(shared, method.clone(), url, headers).await;
        let status = answer.map(|answer| answer.status);
        note(shared, asset, attempt, method.as_str(), status);
        if !matches!(status, Some(200 | 206 | 301 | 302)) {
            let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            return Attempt::Failed(format!("Failed while reading file. HTTP Error: [{status}]"));
        }
    } else {
        let head = look(shared, Method::HEAD, url, HeaderMap::new()).await;
        let status = head.as_ref().map(|answer| answer.status);
        note(shared, asset, attempt, "HEAD", status);
        // Its status isn't looked at, only what it says of the length.
        let believed = head.as_ref().filter(|answer| {
            !(shared.config.ignore_length_of_refused_head && (400..500).contains(&answer.status))
        });
        announced = believed.and_then(|answer| announced_length(&answer.headers));
    }
    get(shared, asset, url, headers, attempt, announced).await
}

/// A request whose answer may well not come.
async fn look(shared: &Shared, method: Method, url: &str, headers: HeaderMap) -> Option<WebAnswer> {
    let asked = shared.web.fetch(method, url.to_owned(), headers);
    tokio::time::timeout(HEAD_TIMEOUT, asked).await.ok()?.ok()
}

/// The length that an answer announces, unless it is a page.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    let is_page = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/html"));
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    length.filter(|_| !is_page)
}

async fn get(
    shared: &Shared,
    asset: &AssetId,
    url: &str,
    headers: &[String],
    attempt: u32,
    announced: Option<u64>,
) -> Attempt {
    let stall = Duration::from_millis(shared.config.import.stall_ms);
    let asked = shared
        .web
        .fetch(Method::GET, url.to_owned(), header_lines(headers));
    let sent = tokio::time::timeout(stall, asked).await;
    let failed = |reason: String, partial| Attempt::Retry {
        reason: format!("Failed while reading file. {reason}"),
        partial,
    };
    let mut response = match sent {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            note(shared, asset, attempt, "GET", None);
            return failed(format!("CURL Error: [{error}]"), false);
        }
        Err(_) => {
            note(shared, asset, attempt, "GET", None);
            return failed("CURL Error: [time-out]".to_owned(), false);
        }
    };
    let status = response.status;
    note(shared, asset, attempt, "GET", Some(status));
    if status >= 400 {
        return failed(format!("HTTP Error: [{status}]"), false);
    }
    let path = shared
        .work_dir
        .join("uploads")
        .join(format!("{asset}-{}", crate::session::random_name(8)));
    let mut received = 0_u64;
    // Files of imports are small, and a write that waits for no other thread happens where a test expects it.
    let mut file = match std::fs::File::create(&path) {
        Ok(file) => file,
        Err(error) => return Attempt::Failed(error.to_string()),
    };
    loop {
        match tokio::time::timeout(stall, response.body.next()).await {
            Ok(Some(Ok(chunk))) => {
                received += chunk.len() as u64;
                if let Err(error) = file.write_all(&chunk) {
                    return Attempt::Failed(error.to_string());
                }
            }
            Ok(None) => break,
            Ok(Some(Err(error))) => return failed(format!("CURL Error: [{error}]"), received > 0),
            Err(_) => return failed("CURL Error: [time-out]".to_owned(), received > 0),
        }
    }
    match announced {
        Some(expected) if received < expected => failed(
            format!("The file size [{received}] is smaller than expected [{expected}]"),
            received > 0,
        ),
        _ => Attempt::Done(path),
    }
}

/// Complete header lines, `Name: value`; what can't be one is dropped, as curl does.
fn header_lines(lines: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.trim()),
                HeaderValue::from_str(value.trim()),
            )
        {
            headers.append(name, value);
        }
    }
    headers
}

/// Every double slash becomes one, but for that of the scheme.
fn collapse_slashes(url: &str) -> String {
    let (scheme, mut rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest.to_owned()),
        None => (String::new(), url.to_owned()),
    };
    while rest.contains("//") {
        rest = rest.replace("//", "/");
    }
    format!("{scheme}{}", rest.trim_start_matches('/'))
}

/// The server's guard: no address that leads inside (switched off for local runs by `allow_private_imports`).
pub(crate) async fn check_address(shared: &Shared, url: &str) -> Result<(), String> {
    let refused = || "Internal not allowed url, curl will not be invoked".to_owned();
    let parsed =
        url::Url::parse(url).map_err(|error| format!("Failed while reading file. CURL Error: [{error}]"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(refused());
    }
    if shared.config.allow_private_imports {
        return Ok(());
    }
    let host = parsed
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let port = parsed.port_or_known_default().unwrap_or(80);
    let found = tokio::net::lookup_host((host.as_str(), port)).await;
    let addresses = found.map_err(|error| format!("Failed while reading file. CURL Error: [{error}]"))?;
    for address in addresses {
        if is_inside(address.ip()) {
            return Err(refused());
        }
    }
    Ok(())
}

fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some_and(|ip| is_inside(IpAddr::V4(ip)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn double_slashes_collapse_all_over() {
        assert_eq!(collapse_slashes("https://h/a//b?x=1//2"), "https://h/a/b?x=1/2");
        assert_eq!(collapse_slashes("https://h/a/b"), "https://h/a/b");
    }

    #[test]
    fn only_whole_header_lines_are_sent() {
        let headers = header_lines(&[
            "X-A: b:c".to_owned(),
            "no colon".to_owned(),
            "bad name: x".to_owned(),
        ]);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-a"], "b:c");
    }

    #[test]
    fn a_page_announces_no_length() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("300"));
        assert_eq!(announced_length(&headers), Some(300));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        assert_eq!(announced_length(&headers), None);
    }

    #[test]
    fn inside_is_loopback_private_and_link_local() {
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "::1",
            "fd00::1",
            "::ffff:192.168.0.1",
        ];
        assert!(inside.iter().all(|ip| is_inside(ip.parse().expect("an address"))));
        assert!(!is_inside("93.184.216.34".parse().expect("an address")));
    }
}
