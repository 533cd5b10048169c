//! baseEntry and media (spec sections 6.1 and 7).

use super::{Answer, Call, not_modelled};
use crate::answer::ApiError;
use crate::assets::READY;
use crate::ids::AssetId;
use crate::params;
use crate::protect::Protection;
use crate::report::AssetKind;
use crate::world::{Asset, Entry};
use serde_json::{Value, json};

pub(super) fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "get" => get(call),
        "update" => update(call),
        "getPlaybackContext" => playback_context(call),
        _ => Err(not_modelled(call)),
    }
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("entryId");
    let world = call.shared.world();
    let (_, entry) = world
        .visible_entry(&id, call.partner())
        .ok_or_else(|| ApiError::entry_not_found(&id))?;
    Ok(shown(entry))
}

/// An entry's fields with its tags by language.
fn shown(entry: &Entry) -> Value {
    let mut fields = entry.fields.clone();
    if !entry.multilingual_tags.is_empty() {
        let all = entry.multilingual_tags.iter().map(|(language, value)| {
            json!({"language": language, "value": value, "objectType": "KalturaMultiLingualString"})
        });
        fields.insert("multiLingual_tags".to_owned(), Value::Array(all.collect()));
    }
    Value::Object(fields)
}

fn update(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("entryId");
    let object = call.arguments.object(if call.service == "media" {
        "mediaEntry"
    } else {
        "baseEntry"
    })?;
    let now_s = call.now_s();
    let mut world = call.shared.world();
    let (entry_id, entry) = world
        .visible_entry(&id, call.partner())
        .ok_or_else(|| ApiError::entry_not_found(&id))?;
    call.may_edit(&id)?;
    let mut changes = call.shared.contract.for_update(object, &entry.fields)?;
    // Inside a multirequest the server looks for them at the request's top, where they are not (spec section 7).
    let multilingual = changes
        .remove("multiLingual_tags")
        .filter(|_| !call.in_multirequest);
    let tags = multilingual.as_ref().map(multilingual_tags).transpose()?;
    let Some(entry) = world.entries.get_mut(&entry_id) else {
        return Err(ApiError::entry_not_found(&id));
    };
    for (language, value) in tags.into_iter().flatten() {
        // Replaces what the entry had in that language.
        entry.multilingual_tags.insert(language, json!(value));
    }
    super::apply(&mut entry.fields, changes, now_s);
    Ok(shown(entry))
}

fn multilingual_tags(sent: &Value) -> Result<Vec<(String, String)>, ApiError> {
    let read = |item: &Value| {
        let text = |name: &str| item.get(name).and_then(params::text).unwrap_or_default();
        let language = text("language").to_ascii_uppercase();
        if language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_uppercase()) {
            Ok((language, text("value")))
        } else {
            Err(ApiError::new(
                "INVALID_LANGUAGE_CODE",
                "Invalid language code \"@LANGUAGE@\"",
                &[("LANGUAGE", &language)],
            ))
        }
    };
    params::list(sent).iter().map(read).collect()
}

fn playback_context(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("entryId");
    let options = call.arguments.object("contextDataParams")?;
    let option = |name: &str| {
        options
            .fields
            .get(name)
            .and_then(params::text)
            .unwrap_or_default()
    };
    let (ks, streamer) = (option("ks"), option("streamerType"));
    let allowed = crate::playback::may_play(call.shared, &id, &ks).is_ok();
    let world = call.shared.world();
    let (entry_id, entry) = world
        .visible_entry(&id, call.partner())
        .ok_or_else(|| ApiError::entry_not_found(&id))?;
    let mut context = json!({
        "sources": [], "playbackCaptions": [], "flavorAssets": [], "actions": [], "messages": [], "bumperData": [],
        "objectType": "KalturaPlaybackContext",
    });
    if entry.access_controlled && !allowed {
        context["actions"] = json!([{"type": "1", "objectType": "KalturaAccessControlBlockAction"}]);
        context["messages"] = json!([{
            "message": "Un authorized access. You need a valid session in order to view this content",
            "code": "SESSION_RESTRICTED",
            "objectType": "KalturaAccessControlMessage",
        }]);
        return Ok(context);
    }
    let flavors: Vec<(&AssetId, &Asset)> = world
        .assets_of(&entry_id)
        .into_iter()
        .filter(|(_, asset)| asset.kind == AssetKind::Flavor && asset.status() == READY)
        .collect();
    let mut sources = Vec::new();
    let mut shown: Vec<&AssetId> = Vec::new();
    for (format, manifest, wanted) in [("applehttp", "applehttp", entry.hls), ("url", "url", true)] {
        let asked = match streamer.as_str() {
            "" | "auto" => true,
            "applehttp" | "hls" => format == "applehttp",
            "http" | "url" => format == "url",
            _ => false,
        };
        // The uploaded original isn't on offer over HLS.
        let offered: Vec<&AssetId> = flavors
            .iter()
            .filter(|(_, asset)| format == "url" || !asset.flag("isOriginal"))
            .map(|(id, _)| *id)
            .collect();
        if asked && wanted && !offered.is_empty() {
            sources.push(source(call, entry, &entry_id.to_string(), manifest, &offered));
            shown.extend(offered);
        }
    }
    let listed = flavors.iter().filter(|(id, _)| shown.contains(id));
    context["flavorAssets"] = listed
        .map(|(_, asset)| Value::Object(asset.fields.clone()))
        .collect();
    context["sources"] = Value::Array(sources);
    Ok(context)
}

fn source(call: &Call<'_>, entry: &Entry, entry_id: &str, format: &str, flavors: &[&AssetId]) -> Value {
    let ids: Vec<&str> = flavors.iter().map(|id| id.as_str()).collect();
    let ids = ids.join(",");
    let (profile, end) = if format == "applehttp" {
        ("16951", "a.m3u8")
    } else {
        ("16952", "a.mp4")
    };
    let drm = if entry.protection == Protection::Drm && format == "applehttp" {
        json!([{"scheme": "fairplay.FAIRPLAY", "licenseURL": format!("{}/license", call.shared.service_url),
            "objectType": "KalturaFairPlayPlaybackPluginData"}])
    } else {
        json!([])
    };
    json!({
        "deliveryProfileId": profile,
        "format": format,
        "protocols": "http,https",
        "flavorIds": ids,
        "url": format!(
            "{}/p/{partner}/sp/{partner}00/playManifest/entryId/{entry_id}/flavorIds/{ids}/deliveryProfileId/\
             {profile}/protocol/http/format/{format}/{end}",
            call.shared.service_url,
            partner = entry.partner_id,
        ),
        "drm": drm,
        "objectType": "KalturaPlaybackSource",
    })
}
