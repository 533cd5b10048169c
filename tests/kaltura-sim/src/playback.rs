//! playManifest, HLS playlists and segments, progressive files (spec section 6).

use crate::assets::READY;
use crate::dispatch::broken_response;
use crate::external_errors::{
    ACCESS_CONTROL, ENTRY_NOT_FOUND, FILE_NOT_FOUND, FLAVOR_NOT_FOUND, KS_EXPIRED, KS_INVALID,
    error_response, keep_error, kept_error,
};
use crate::faults::{FaultEffect, Target};
use crate::files::file_response;
use crate::gate::{self, Refused, VENDOR_ROLE};
use crate::ids::{AssetId, EntryId, PartnerId, TaskId};
use crate::media::{Media, Tracks};
use crate::protect::KEY_FILE;
use crate::report::{AssetKind, CallRecord, KsKind};
use crate::world::{Asset, Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a path of playback asks for.
struct Asked<'a> {
    /// `playmanifest`, `playlist`, `segment`, `key` or `progressive`.
    service: &'static str,
    values: HashMap<&'a str, &'a str>,
    /// The path's last part.
    file: &'a str,
}

/// Answers a path outside the API; `None`: it is no path of playback.
pub(crate) async fn handle(shared: &Arc<Shared>, path: &str, headers: &HeaderMap) -> Option<Response> {
    let asked = parse(path)?;
    let started = Instant::now();
    let ks = asked.values.get("ks").map(|ks| (*ks).to_owned()).or_else(|| {
        headers
            .get("X-Kaltura-Ks")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    });
    let ks = ks.unwrap_or_default();
    let entry = asked.values.get("entryId").copied().unwrap_or_default();
    let (task_id, partner) = about(shared, entry, &ks);
    let target = Target {
        service: asked.service.to_owned(),
        action: "get".to_owned(),
        partners: partner.into_iter().collect(),
        task_id: task_id.clone(),
    };
    let effect = shared.world().fault(&target);
    if let Some(FaultEffect::Delay { ms }) = &effect {
        tokio::time::sleep(Duration::from_millis(*ms)).await;
    }
    let injected = match &effect {
        Some(FaultEffect::Manifest { error }) => Some(error_response(*error)),
        Some(effect) => broken_response(effect),
        None => None,
    };
    let mut response = match (kept_error(shared, path), injected) {
        (Some(number), _) => error_response(number),
        (None, Some(response)) => response,
        (None, None) => answer(shared, &asked, entry, &ks, headers).await,
    };
    keep_error(shared, path, &response);
    if matches!(effect, Some(FaultEffect::Truncated)) {
        response = truncated(response).await;
    }
    let code = effect
        .map(|effect| effect.label().to_owned())
        .or_else(|| code_of(&response));
    let kind = match gate::open(shared, &ks) {
        Ok(session) => session.kind,
        Err(_) if ks.is_empty() => KsKind::None,
        Err(_) => KsKind::Invalid,
    };
    shared.world().calls.push(CallRecord {
        at_ms: shared.clock.now_ms(),
        service: asked.service.to_owned(),
        action: "get".to_owned(),
        ks_kind: kind,
        partner_id: partner,
        task_id,
        client_tag: None,
        code,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        params: json!({"entryId": entry, "flavor": asked.values.get("flavorId").or(asked.values.get("flavorIds")), "file": asked.file}),
    });
    Some(response)
}

fn parse(path: &str) -> Option<Asked<'_>> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let at = parts
        .iter()
        .position(|part| matches!(*part, "playManifest" | "serveFlavor"))?;
    let (file, pairs) = parts[at + 1..].split_last()?;
    let mut values: HashMap<&str, &str> = pairs
        .chunks_exact(2)
        .map(|pair| (full_name(pair[0]), pair[1]))
        .collect();
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    let service = match (parts[at], extension) {
        ("playManifest", _) => "playmanifest",
        (_, Some("m3u8")) => "playlist",
        (_, Some("ts")) => "segment",
        _ if *file == KEY_FILE => "key",
        _ => {
            // `…/name/a.mp4` has an even number of parts, so that the name is the last pair's value.
            values.extend(
                parts[at + 1..]
                    .chunks_exact(2)
                    .map(|pair| (full_name(pair[0]), pair[1])),
            );
            "progressive"
        }
    };
    Some(Asked {
        service,
        values,
        file,
    })
}

/// The short names of path parameters.
fn full_name(name: &str) -> &str {
    match name {
        "e" => "entryId",
        "fs" => "flavorIds",
        "f" => "format",
        "pt" => "protocol",
        other => other,
    }
}

/// The task and the account that a request is for: by its session, else by its entry.
fn about(shared: &Shared, entry: &str, ks: &str) -> (Option<TaskId>, Option<PartnerId>) {
    let world = shared.world();
    let entry_id = EntryId::from(entry);
    let partner = world.entries.get(&entry_id).map(|entry| entry.partner_id);
    let by_entry = || {
        let mut tasks = world.task_order.iter().rev();
        tasks
            .find(|id| world.tasks.get(id).is_some_and(|task| task.entry_id == entry_id))
            .cloned()
    };
    (world.key_tasks.get(ks).cloned().or_else(by_entry), partner)
}

fn code_of(response: &Response) -> Option<String> {
    let header = response
        .headers()
        .get("X-Kaltura")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let status = response.status();
    header.or_else(|| {
        (status.is_client_error() || status.is_server_error()).then(|| status.as_u16().to_string())
    })
}

async fn truncated(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut headers = parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    (parts.status, headers, body.slice(..body.len() / 2)).into_response()
}

/// Whether a session gets past the entry's access control (spec section 1.5); the error is playManifest's number.
pub(crate) fn may_play(shared: &Shared, entry: &str, ks: &str) -> Result<(), u16> {
    if ks.is_empty() {
        return Err(ACCESS_CONTROL);
    }
    let session = gate::open(shared, ks).map_err(|refused| match refused {
        Refused::Expired => KS_EXPIRED,
        Refused::Unreadable | Refused::Ended => KS_INVALID,
    })?;
    let world = shared.world();
    if world.visible_entry(entry, session.ks.partner_id).is_none() {
        return Err(ACCESS_CONTROL);
    }
    let is_vendor = session.ks.privilege("setrole") == Some(VENDOR_ROLE) && session.ks.allows("sview", entry);
    if is_vendor || session.ks.session_type == crate::session::ADMIN {
        Ok(())
    } else {
        Err(ACCESS_CONTROL)
    }
}

async fn answer(
    shared: &Arc<Shared>,
    asked: &Asked<'_>,
    entry: &str,
    ks: &str,
    headers: &HeaderMap,
) -> Response {
    let result = match asked.service {
        "playmanifest" => manifest(shared, asked, entry, ks),
        service => media_file(shared, asked, service, headers).await,
    };
    result.unwrap_or_else(|number| {
        if asked.service == "playmanifest" {
            error_response(number)
        } else {
            StatusCode::NOT_FOUND.into_response()
        }
    })
}

fn manifest(shared: &Shared, asked: &Asked<'_>, entry_id: &str, ks: &str) -> Result<Response, u16> {
    let controlled = {
        let world = shared.world();
        let entry = world
            .entries
            .get(&EntryId::from(entry_id))
            .filter(|entry| !entry.deleted);
        entry.ok_or(ENTRY_NOT_FOUND)?.access_controlled
    };
    match may_play(shared, entry_id, ks) {
        // A session that was sent must be good; none will do where there is no access control.
        Err(number) if controlled || matches!(number, KS_INVALID | KS_EXPIRED) => return Err(number),
        _ => {}
    }
    let world = shared.world();
    let entry_key = EntryId::from(entry_id);
    let entry = world.entries.get(&entry_key).ok_or(ENTRY_NOT_FOUND)?;
    let format = asked.values.get("format").copied().unwrap_or("url");
    let is_hls = format == "applehttp";
    let wanted: Option<Vec<&str>> = asked
        .values
        .get("flavorIds")
        .or(asked.values.get("flavorId"))
        .map(|ids| ids.split(',').collect());
    let one_wanted = wanted.as_ref().is_some_and(|ids| ids.len() == 1);
    let flavors: Vec<_> = world
        .assets_of(&entry_key)
        .into_iter()
        .filter(|(id, asset)| {
            asset.kind == AssetKind::Flavor
                && asset.status() == READY
                && wanted.as_ref().is_none_or(|ids| ids.contains(&id.as_str()))
                && (if is_hls {
                    !asset.flag("isOriginal")
                } else {
                    one_wanted || !asset.flag("isOriginal")
                })
        })
        .collect();
    let (first, _) = flavors.first().ok_or(FLAVOR_NOT_FOUND)?;
    if entry.media.is_none() || (is_hls && !entry.hls) {
        return Err(FILE_NOT_FOUND);
    }
    match format {
        "applehttp" => {
            let (tracks, flavors): (Vec<_>, Vec<_>) =
                flavors.iter().partition(|(_, asset)| is_named_track(asset));
            // Alone, a sound track is a variant like any other.
            let (tracks, flavors) = if flavors.is_empty() {
                (flavors, tracks)
            } else {
                (tracks, flavors)
            };
            let mut master = String::from("#EXTM3U\n");
            for (number, (id, asset)) in tracks.iter().enumerate() {
                let base = flavor_path("hls", entry.partner_id, &entry_key, id);
                let _ = writeln!(
                    master,
                    "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",LANGUAGE=\"{}\",NAME=\"{}\",AUTOSELECT=YES,\
                     DEFAULT={},URI=\"{}{base}/index-a1.m3u8\"",
                    asset.text("language"),
                    asset.text("label"),
                    if number == 0 { "YES" } else { "NO" },
                    shared.service_url,
                );
            }
            // With tracks of their own, the variants have the picture alone.
            let (group, index) = if tracks.is_empty() {
                ("", "index.m3u8")
            } else {
                (",AUDIO=\"audio\"", "index-v1.m3u8")
            };
            for (id, asset) in &flavors {
                let bandwidth = asset
                    .fields
                    .get("bitrate")
                    .map_or(0, crate::params::integer)
                    .max(1)
                    * 1024;
                let _ = write!(master, "#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH={bandwidth}");
                let (width, height) = (asset.text("width"), asset.text("height"));
                if width != "0" {
                    let _ = write!(master, ",RESOLUTION={width}x{height}");
                }
                let base = flavor_path("hls", entry.partner_id, &entry_key, id);
                let _ = writeln!(master, "{group}\n{}{base}/{index}", shared.service_url);
            }
            Ok(([(header::CONTENT_TYPE, "application/x-mpegurl")], master).into_response())
        }
        "url" | "download" | "http" => {
            let location = progressive_url(shared, entry.partner_id, &entry_key, first);
            Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
        }
        _ => Err(FILE_NOT_FOUND),
    }
}

/// Whether HLS offers the flavor as a sound track beside the picture: sound alone, with a language and a label.
fn is_named_track(asset: &Asset) -> bool {
    let language = asset.text("language");
    asset.cut == Some(true)
        && !language.is_empty()
        && language != "Undefined"
        && !asset.text("label").is_empty()
}

fn flavor_path(kind: &str, partner: PartnerId, entry: &EntryId, flavor: &AssetId) -> String {
    format!(
        "/{kind}/p/{partner}/sp/{partner}00/serveFlavor/entryId/{entry}/v/1/ev/3/flavorId/{flavor}/name/a.mp4"
    )
}

/// Where the flavor's MP4 is.
pub(crate) fn progressive_url(
    shared: &Shared,
    partner: PartnerId,
    entry: &EntryId,
    flavor: &AssetId,
) -> String {
    format!(
        "{}{}",
        shared.service_url,
        flavor_path("pd", partner, entry, flavor)
    )
}

/// What lies behind a flavor.
enum Source {
    /// Cut from the entry's media.
    Entry(Arc<Media>, bool),
    /// A delivered file.
    Delivered(std::path::PathBuf),
}

async fn media_file(
    shared: &Arc<Shared>,
    asked: &Asked<'_>,
    service: &str,
    headers: &HeaderMap,
) -> Result<Response, u16> {
    let flavor = AssetId::from(asked.values.get("flavorId").copied().unwrap_or_default());
    let (source, protection) = {
        let world = shared.world();
        let asset = world
            .assets
            .get(&flavor)
            .filter(|asset| asset.kind == AssetKind::Flavor);
        let asset = asset.ok_or(FLAVOR_NOT_FOUND)?;
        let entry = world
            .entries
            .get(&asset.entry_id)
            .filter(|entry| !entry.deleted)
            .ok_or(ENTRY_NOT_FOUND)?;
        let source = match (&asset.file, asset.cut) {
            (Some(file), _) => Source::Delivered(file.clone()),
            (None, Some(audio_only)) => Source::Entry(entry.media.clone().ok_or(FILE_NOT_FOUND)?, audio_only),
            (None, None) => return Err(FILE_NOT_FOUND),
        };
        (source, entry.protection)
    };
    let (media, audio_only) = match source {
        Source::Entry(media, audio_only) => (media, audio_only),
        Source::Delivered(file) if service == "progressive" => {
            return Ok(file_response(&file, Some(headers), "video/mp4").await);
        }
        Source::Delivered(file) => (
            Arc::new(shared.media.probe(&file).await.map_err(|_| FILE_NOT_FOUND)?),
            false,
        ),
    };
    let failed = |error: crate::error::SimError| {
        tracing::error!(%error, "media can't be cut");
        FILE_NOT_FOUND
    };
    if service == "progressive" {
        let file = shared.media.mp4(&media, audio_only).await.map_err(failed)?;
        return Ok(file_response(&file, Some(headers), "video/mp4").await);
    }
    if service == "key" {
        let key = protection.served_key(&media).ok_or(FILE_NOT_FOUND)?;
        return Ok(([(header::CONTENT_TYPE, "application/octet-stream")], key.to_vec()).into_response());
    }
    let (number, tracks) = tracks_of(asked.file, &media, audio_only).ok_or(FILE_NOT_FOUND)?;
    let folder = shared
        .media
        .hls(&media, audio_only, tracks)
        .await
        .map_err(failed)?;
    if let Some(number) = number {
        let plain = folder.join(format!("seg-{number}.ts"));
        let segment = protection.segment(&media, plain, number).await;
        let segment = segment.map_err(|_| FILE_NOT_FOUND)?;
        return Ok(file_response(&segment, Some(headers), "video/MP2T").await);
    }
    let playlist = tokio::fs::read_to_string(folder.join("index.m3u8"))
        .await
        .map_err(|_| FILE_NOT_FOUND)?;
    let suffix = format!(
        "{}{}",
        if tracks.video { "-v1" } else { "" },
        if tracks.audio { "-a1" } else { "" }
    );
    let mut key_line = protection.playlist_line();
    let mut named = String::new();
    for line in playlist.lines() {
        if line.starts_with("#EXTINF")
            && let Some(key_line) = key_line.take()
        {
            let _ = writeln!(named, "{key_line}");
        }
        let _ = match line.strip_suffix(".ts") {
            Some(segment) if !line.starts_with('#') => writeln!(named, "{segment}{suffix}.ts"),
            _ => writeln!(named, "{line}"),
        };
    }
    Ok(([(header::CONTENT_TYPE, "application/vnd.apple.mpegurl")], named).into_response())
}

/// Reads `index-v1-a1.m3u8` or `seg-3-a1.ts`: the segment's number and the tracks. No track named means all; tracks
/// that the media doesn't have are no file.
fn tracks_of(file: &str, media: &Media, audio_only: bool) -> Option<(Option<u64>, Tracks)> {
    let (stem, _) = file.rsplit_once('.')?;
    let mut parts = stem.split('-');
    let number = match parts.next()? {
        "index" => None,
        "seg" => Some(parts.next()?.parse().ok()?),
        _ => return None,
    };
    let has = Tracks {
        video: media.has_video && !audio_only,
        audio: media.has_audio,
    };
    let mut named = Tracks {
        video: false,
        audio: false,
    };
    for part in parts {
        match part {
            "v1" | "v0" => named.video = true,
            "a1" | "a0" => named.audio = true,
            "f1" => {}
            _ => return None,
        }
    }
    let tracks = if named.video || named.audio { named } else { has };
    ((has.video || !tracks.video) && (has.audio || !tracks.audio) && (tracks.video || tracks.audio))
        .then_some((number, tracks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_playback() {
        let asked =
            parse("/p/101/sp/10100/playManifest/entryId/0_a/flavorIds/0_b/format/applehttp/ks/djJ8/a.m3u8")
                .expect("a manifest");
        assert_eq!(
            (asked.service, asked.values["entryId"], asked.values["ks"]),
            ("playmanifest", "0_a", "djJ8")
        );
        let asked =
            parse("/hls/p/101/sp/10100/serveFlavor/entryId/0_a/v/1/ev/3/flavorId/0_b/name/a.mp4/seg-3-a1.ts")
                .expect("a segment");
        assert_eq!(
            (asked.service, asked.values["flavorId"], asked.file),
            ("segment", "0_b", "seg-3-a1.ts")
        );
        let asked = parse("/pd/p/101/sp/10100/serveFlavor/entryId/0_a/v/1/ev/3/flavorId/0_b/name/a.mp4")
            .expect("a file");
        assert_eq!((asked.service, asked.values["flavorId"]), ("progressive", "0_b"));
        assert!(parse("/favicon.ico").is_none());
    }
}
