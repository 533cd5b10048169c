//! Placing an order: account, entry, flavors, catalog item, profile, task and access key, as a customer's order
//! makes them.

use crate::contract::Fields;
use crate::error::SimError;
use crate::ids::{EntryId, TaskId};
use crate::media::Media;
use crate::order::{EntrySpec, OrderRequest, PlacedOrder, RecordingSpec};
use crate::report::AssetKind;
use crate::session::random_name;
use crate::shapes::{catalog_item, fields_of, profile, task_data_class};
use crate::standing::NewEntry;
use crate::world::{Asset, Entry, Partner, ScheduleEvent, Shared, Task, World, key_life_s};
use serde_json::{Value, json};
use std::sync::Arc;

/// Live captions and live translation: the order is for a scheduled event.
const LIVE_FEATURES: [i64; 2] = [8, 11];

/// Statuses in which a live task has no feature: not approved yet, or ended otherwise than READY (spec section 8.1).
const NO_LIVE_FEATURE: [i64; 4] = [4, 5, 6, 7];

/// Translation and alignment name the caption that they start from.
const WITH_SOURCE_CAPTION: [i64; 2] = [2, 3];
/// Alignment names the transcripts, too.
const ALIGNMENT: i64 = 3;

/// An entry object type whose tasks have no access key.
const EXTERNAL_OBJECT: i64 = 3;

pub(crate) async fn place(shared: &Arc<Shared>, order: OrderRequest) -> Result<PlacedOrder, SimError> {
    check(&order)?;
    let stands = order
        .entry
        .id
        .as_ref()
        .is_some_and(|id| shared.world().entries.contains_key(id));
    let media = match &order.entry.media {
        Some(path) if !stands => {
            let path = shared
                .config
                .media_dir
                .as_ref()
                .map_or_else(|| path.clone(), |dir| dir.join(path));
            Some(Arc::new(shared.media.probe(&path).await?))
        }
        _ => None,
    };
    let now_s = shared.clock.now_s();
    let mut world = shared.world();
    let partner_id = order.customer.partner_id;
    world.partners.entry(partner_id).or_insert_with(|| Partner {
        name: order.customer.name.clone(),
        admin_secret: random_name(32),
    });
    let entry_id = order
        .entry
        .id
        .clone()
        .unwrap_or_else(|| EntryId::from(crate::world::new_id()));
    match world.entries.get(&entry_id) {
        Some(entry) if entry.partner_id != partner_id => {
            return Err(SimError::Invalid {
                field: "entry.id".to_owned(),
                got: entry_id.to_string(),
                expected: "an entry of the same customer",
            });
        }
        Some(_) => {}
        None => add_entry(shared, &mut world, &order, &entry_id, media, now_s)?,
    }
    let task_id = match &order.task_id {
        Some(id) => id.clone(),
        None => loop {
            let id = TaskId::from(world.next_number().to_string());
            if !world.tasks.contains_key(&id) {
                break id;
            }
        },
    };
    if world.tasks.contains_key(&task_id) {
        return Err(SimError::Invalid {
            field: "task_id".to_owned(),
            got: task_id.to_string(),
            expected: "an id that no task has",
        });
    }
    let task = new_task(shared, &mut world, &order, &task_id, &entry_id, now_s);
    let created_s = order.created_at_epoch_s.unwrap_or(now_s);
    world.tasks.insert(task_id.clone(), task);
    world.task_order.push(task_id.clone());
    let life_s = order
        .access_key
        .life_s
        .unwrap_or_else(|| key_life_s(order.catalog_item.turn_around_time));
    if order.entry_object_type != EXTERNAL_OBJECT {
        world.mint_access_key(&task_id, created_s + life_s);
    }
    drop(world);
    if let Some(play) = order.event.play {
        crate::live::begin(shared, &task_id, play);
    }
    Ok(PlacedOrder {
        task_id,
        entry_id,
        partner_id,
    })
}

fn check(order: &OrderRequest) -> Result<(), SimError> {
    let invalid = |field: &str, got: String, expected| {
        Err(SimError::Invalid {
            field: field.to_owned(),
            got,
            expected,
        })
    };
    if !(1..=9).contains(&order.status) {
        return invalid(
            "status",
            order.status.to_string(),
            "an EntryVendorTaskStatus, 1 to 9",
        );
    }
    if let Some(id) = &order.task_id
        && id.as_str().parse::<i64>().is_err()
    {
        return invalid("task_id", id.to_string(), "digits of a 64-bit number");
    }
    if order.task_data.as_ref().is_some_and(|data| !data.is_object()) {
        return invalid("task_data", "no object".to_owned(), "an object");
    }
    if !(1..=3).contains(&order.entry_object_type) {
        return invalid(
            "entry_object_type",
            order.entry_object_type.to_string(),
            "an EntryObjectType, 1 to 3",
        );
    }
    if order.event.play.is_some() && !LIVE_FEATURES.contains(&order.service_feature) {
        return invalid(
            "event.play",
            format!("there for service {}", order.service_feature),
            "a live service, 8 or 11",
        );
    }
    if order.entry.flavors.is_empty() {
        return invalid("entry.flavors", "empty".to_owned(), "at least one flavor");
    }
    Ok(())
}

fn add_entry(
    shared: &Shared,
    world: &mut World,
    order: &OrderRequest,
    entry_id: &EntryId,
    media: Option<Arc<Media>>,
    now_s: i64,
) -> Result<(), SimError> {
    let spec = &order.entry;
    let is_live = LIVE_FEATURES.contains(&order.service_feature);
    let duration_ms = media.as_ref().map_or(spec.duration_ms, |media| media.duration_ms);
    let mut fields = fields_of(json!({
        "id": entry_id,
        "partnerId": order.customer.partner_id,
        "name": spec.name,
        "tags": spec.tags,
        "userId": order.user_id,
        "status": "2",
        "type": "1",
        "mediaType": if media.as_ref().is_some_and(|media| !media.has_video) { 5 } else { 1 },
        "duration": duration_ms.div_ceil(1000),
        "msDuration": duration_ms,
        "createdAt": now_s,
        "updatedAt": now_s,
        "version": 0,
        "objectType": "KalturaMediaEntry",
    }));
    if is_live {
        let recorded_entry_id = add_recording(world, order, &fields);
        fields.extend(fields_of(json!({
            "type": "7",
            // Neither video nor audio, so it takes no captions.
            "mediaType": 201,
            "recordedEntryId": recorded_entry_id,
            "objectType": "KalturaLiveStreamEntry",
        })));
    }
    let new = NewEntry {
        shared,
        partner_id: order.customer.partner_id,
        entry_id,
        now_s,
    };
    for flavor in &spec.flavors {
        new.add_flavor(world, flavor, media.as_deref());
    }
    for caption in &spec.captions {
        new.add_caption(world, caption)?;
    }
    for transcript in &spec.transcripts {
        new.add_transcript(world, transcript)?;
    }
    world.entries.insert(
        entry_id.clone(),
        new_entry(spec, order, media, duration_ms, fields),
    );
    Ok(())
}

/// The entry that is recorded of a live one; an empty id where none is.
fn add_recording(world: &mut World, order: &OrderRequest, live: &Fields) -> String {
    if order.event.recording == RecordingSpec::Nothing {
        return String::new();
    }
    let recorded_entry_id = EntryId::from(crate::world::new_id());
    let mut fields = live.clone();
    fields.insert("id".to_owned(), json!(recorded_entry_id));
    let recorded = new_entry(&order.entry, order, None, order.entry.duration_ms, fields);
    world.entries.insert(recorded_entry_id.clone(), recorded);
    recorded_entry_id.to_string()
}

fn new_entry(
    spec: &EntrySpec,
    order: &OrderRequest,
    media: Option<Arc<Media>>,
    duration_ms: u64,
    fields: Fields,
) -> Entry {
    Entry {
        partner_id: order.customer.partner_id,
        fields,
        deleted: false,
        media,
        duration_ms,
        hls: spec.hls,
        protection: spec.protection,
        access_controlled: spec.access_controlled,
        multilingual_tags: spec
            .multilingual_tags
            .iter()
            .map(|(language, tags)| (language.to_ascii_uppercase(), json!(tags)))
            .collect(),
    }
}

fn new_task(
    shared: &Shared,
    world: &mut World,
    order: &OrderRequest,
    task_id: &TaskId,
    entry_id: &EntryId,
    now_s: i64,
) -> Task {
    let vendor = shared.config.vendor_partner_id;
    let partner_id = order.customer.partner_id;
    let created_s = order.created_at_epoch_s.unwrap_or(now_s);
    let catalog_item_id = world.next_number();
    world.catalog_items.insert(
        catalog_item_id,
        catalog_item(order, &order.catalog_item, catalog_item_id, vendor.0),
    );
    let profile_id = world.next_number();
    world
        .profiles
        .insert(profile_id, profile(&order.profile, profile_id, partner_id.0));
    let duration_ms = world.entries.get(entry_id).map_or(0, |entry| entry.duration_ms);
    let mut data =
        json!({"objectType": task_data_class(order.service_feature), "entryDuration": duration_ms});
    name_sources(world, order.service_feature, entry_id, &mut data);
    if let (Some(data), Some(Value::Object(given))) = (data.as_object_mut(), order.task_data.clone()) {
        data.extend(given);
    }
    let live_feature = LIVE_FEATURES
        .contains(&order.service_feature)
        .then(|| add_live_event(world, order, task_id, entry_id, &mut data, created_s))
        .filter(|_| !NO_LIVE_FEATURE.contains(&order.status));
    know_flavor_params(world, order);
    let turn_around = order.catalog_item.turn_around_time;
    let fields = fields_of(json!({
        "id": task_id,
        "partnerId": partner_id,
        "vendorPartnerId": vendor,
        "createdAt": created_s,
        "updatedAt": created_s,
        "queueTime": created_s,
        "entryId": entry_id,
        "status": order.status,
        "reachProfileId": profile_id,
        "catalogItemId": catalog_item_id,
        "price": 0,
        "userId": order.user_id.as_deref().unwrap_or("customer@example.com"),
        "entryObjectType": order.entry_object_type,
        "version": "0",
        "notes": order.notes,
        "dictionary": dictionary(order),
        "context": order.context,
        "creationMode": 1,
        "taskJobData": data,
        "expectedFinishTime": expected_finish_s(created_s, turn_around),
        "serviceType": order.service_type,
        "serviceFeature": order.service_feature,
        "turnAroundTime": turn_around,
        "objectType": "KalturaEntryVendorTask",
    }));
    // The server lets a key that is nobody's edit a recording that is nobody's: here the key names it.
    let recording = world.recording_of(entry_id);
    let edit = match recording.filter(|_| order.event.recording == RecordingSpec::OfNobody) {
        Some(recording) => format!("edit:{entry_id}/{recording}"),
        None => format!("edit:{entry_id}"),
    };
    let moderation = if order.profile.auto_display_captions_on_player {
        ""
    } else {
        ",enablecaptionmoderation"
    };
    Task {
        partner_id,
        entry_id: entry_id.clone(),
        catalog_item_id,
        profile_id,
        fields,
        key_version: order.access_key.version,
        key_privileges: format!(
            "{edit},setrole:REACH_VENDOR_ROLE,disableentitlementforentry:{entry_id},sview:{entry_id},\
             download:{entry_id}{moderation}"
        ),
        charged: false,
        refunded: false,
        first_live_feature: live_feature.clone(),
        live_feature,
    }
}

/// The event of a live order with the feature that the server makes with the task (spec section 8.1).
fn add_live_event(
    world: &mut World,
    order: &OrderRequest,
    task_id: &TaskId,
    entry_id: &EntryId,
    data: &mut Value,
    created_s: i64,
) -> Fields {
    let event_id = data.get("scheduledEventId").map(crate::params::integer);
    let event_id = event_id.unwrap_or_else(|| world.next_number());
    let start = data
        .get("startDate")
        .map_or(created_s + 3_600, crate::params::integer);
    let end = data.get("endDate").map_or(start + 3_600, crate::params::integer);
    data["scheduledEventId"] = event_id.into();
    data["startDate"] = start.into();
    data["endDate"] = end.into();
    let event = &order.event;
    let (event_start, event_end) = match world.schedule_events.get(&event_id) {
        Some(stands) => {
            let time = |name: &str| stands.fields.get(name).map(crate::params::integer);
            (time("startDate").unwrap_or(start), time("endDate").unwrap_or(end))
        }
        None => (
            event.start_epoch_s.unwrap_or(start),
            event.end_epoch_s.unwrap_or(end),
        ),
    };
    let partner_id = order.customer.partner_id;
    world
        .schedule_events
        .entry(event_id)
        .or_insert_with(|| ScheduleEvent {
            partner_id,
            fields: fields_of(json!({
                "id": event_id,
                "partnerId": partner_id,
                "summary": order.entry.name,
                "status": 2,
                "startDate": event_start,
                "endDate": event_end,
                "templateEntryId": entry_id,
                "objectType": if event.is_no_live_stream {
                    "KalturaRecordScheduleEvent"
                } else {
                    "KalturaLiveStreamScheduleEvent"
                },
            })),
        });
    fields_of(json!({
        "systemName": format!("LiveCaptionFeature-reach-{task_id}"),
        "preStartTime": event_start - start,
        "postEndTime": end - event_end,
        "language": order.catalog_item.target_language.as_deref().unwrap_or(&order.catalog_item.source_language),
        "objectType": "KalturaLiveCaptionFeature",
    }))
}

/// The assets of the entry that the order starts from: the first caption, and for an alignment the first transcript of
/// each format. `task_data` goes before them.
fn name_sources(world: &World, service_feature: i64, entry_id: &EntryId, data: &mut Value) {
    if !WITH_SOURCE_CAPTION.contains(&service_feature) {
        return;
    }
    let assets = world.assets_of(entry_id);
    let first = |kind: AssetKind, fits: &dyn Fn(&Asset) -> bool| {
        let mut found = assets
            .iter()
            .filter(|(_, asset)| asset.kind == kind && fits(asset));
        found.next().map(|(id, _)| json!(id))
    };
    let is_json = |asset: &Asset| asset.text("format") == crate::standing::JSON.to_string();
    let mut sources = vec![("captionAssetId", first(AssetKind::Caption, &|_| true))];
    if service_feature == ALIGNMENT {
        let is_text = |asset: &Asset| !is_json(asset);
        sources.push(("textTranscriptAssetId", first(AssetKind::Attachment, &is_text)));
        sources.push(("jsonTranscriptAssetId", first(AssetKind::Attachment, &is_json)));
    }
    for (name, id) in sources {
        if let Some(id) = id {
            data[name] = id;
        }
    }
}

/// The task's dictionary: the order's own, else the profile's for the item's source language (spec section 1.6).
fn dictionary(order: &OrderRequest) -> Option<String> {
    let of_profile = || {
        let mut known = order.profile.dictionaries.iter();
        known.find(|words| words.language == order.catalog_item.source_language)
    };
    order
        .dictionary
        .clone()
        .or_else(|| of_profile().map(|words| words.data.clone()))
}

/// The conversions that the catalog item names, with the tags that they give to their flavors (spec section 7).
fn know_flavor_params(world: &mut World, order: &OrderRequest) {
    let item = &order.catalog_item;
    let spoken = match order.service_feature {
        4 => "audio_only,alt_audio,audio_description",
        _ => "audio_only,alt_audio",
    };
    let new = item.flavor_params_tags.as_deref().unwrap_or(spoken);
    for (id, tags) in [
        (item.flavor_params_id, new),
        (item.clear_audio_flavor_params_id, "audio_only,alt_audio"),
    ] {
        if let Some(id) = id.filter(|id| *id > 0) {
            world.flavor_params.insert(id, tags.to_owned());
        }
    }
}

/// Spec section 1.6. Business days count from the next day on and skip weekends (the server also knows opening
/// hours in New York, which nothing here depends on).
fn expected_finish_s(queue_s: i64, turn_around: i64) -> i64 {
    const DAY_S: i64 = 86_400;
    match turn_around {
        ..0 => queue_s + 604_800,
        0 => queue_s,
        1..=10 => {
            let mut at = queue_s;
            let mut left = turn_around;
            while left > 0 {
                at += DAY_S;
                // 1970-01-01 was a Thursday: 2 and 3 are Saturday and Sunday.
                if !matches!(at.div_euclid(DAY_S).rem_euclid(7), 2 | 3) {
                    left -= 1;
                }
            }
            at
        }
        seconds => queue_s + seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_times_follow_the_turn_around() {
        // 2024-05-17 was a Friday.
        let friday = 1_715_940_000;
        assert_eq!(expected_finish_s(friday, -1), friday + 604_800);
        assert_eq!(expected_finish_s(friday, 0), friday);
        assert_eq!(expected_finish_s(friday, 1), friday + 3 * 86_400);
        assert_eq!(expected_finish_s(friday, 10_800), friday + 10_800);
    }

    #[test]
    fn keys_live_a_week_at_least() {
        assert_eq!(
            [-1, 0, 7, 10_800, 864_000].map(key_life_s),
            [604_800, 604_800, 604_800, 604_800, 1_728_000]
        );
    }
}
