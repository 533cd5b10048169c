//! Placing an order: account, entry, flavors, catalog item, profile, task and access key, as a customer's order
//! makes them.

use crate::contract::Fields;
use crate::error::SimError;
use crate::ids::{AssetId, EntryId, TaskId};
use crate::media::Media;
use crate::order::{EntrySpec, FlavorSpec, OrderRequest, PlacedOrder};
use crate::report::AssetKind;
use crate::session::random_name;
use crate::shapes::{catalog_item, fields_of, profile, task_data_class};
use crate::world::{Asset, Entry, Partner, ScheduleEvent, Shared, Task, World, key_life_s};
use serde_json::{Value, json};
use std::sync::Arc;

/// Live captions and live translation: the order is for a scheduled event.
const LIVE_FEATURES: [i64; 2] = [8, 11];

/// Translation and alignment: the order names the caption it starts from, the entry's first unless `task_data` says.
const WITH_SOURCE_CAPTION: [i64; 2] = [2, 3];

pub(crate) async fn place(shared: &Shared, order: OrderRequest) -> Result<PlacedOrder, SimError> {
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
    world.mint_access_key(&task_id, created_s + life_s);
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
    let duration_ms = media.as_ref().map_or(spec.duration_ms, |media| media.duration_ms);
    let fields = fields_of(json!({
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
    for flavor in &spec.flavors {
        add_flavor(world, order, entry_id, flavor, media.as_deref(), now_s);
    }
    for caption in &spec.captions {
        let serial = world.next_number();
        let id = AssetId::from(crate::world::new_id());
        let extension = crate::caption_check::extension(&caption.format.to_string());
        let path = shared.work_dir.join("assets").join(format!("{id}.{extension}"));
        std::fs::write(&path, &caption.content).map_err(|source| SimError::File {
            path: path.clone(),
            source,
        })?;
        let fields = fields_of(json!({
            "id": id, "entryId": entry_id, "partnerId": order.customer.partner_id, "version": 1,
            "sizeInBytes": caption.content.len(), "size": caption.content.len() / 1024, "tags": "",
            "fileExt": extension, "createdAt": now_s, "updatedAt": now_s, "language": caption.language,
            "label": caption.language, "format": caption.format.to_string(), "status": caption.status,
            "isDefault": false, "displayOnPlayer": true, "accuracy": caption.accuracy, "usage": "0",
            "objectType": "KalturaCaptionAsset",
        }));
        let asset = Asset {
            kind: AssetKind::Caption,
            partner_id: order.customer.partner_id,
            entry_id: entry_id.clone(),
            fields,
            task_id: None,
            file: Some(path),
            imports: Vec::new(),
            next_import_at_ms: None,
            cut: None,
            serial: serial.unsigned_abs(),
        };
        world.assets.insert(id, asset);
    }
    world.entries.insert(
        entry_id.clone(),
        new_entry(spec, order, media, duration_ms, fields),
    );
    Ok(())
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
        multilingual_tags: serde_json::Map::new(),
    }
}

fn add_flavor(
    world: &mut World,
    order: &OrderRequest,
    entry_id: &EntryId,
    spec: &FlavorSpec,
    media: Option<&Media>,
    now_s: i64,
) {
    let serial = world.next_number();
    let id = AssetId::from(crate::world::new_id());
    let shown = media.filter(|media| media.has_video && !spec.audio_only);
    let fields = fields_of(json!({
        "id": id,
        "entryId": entry_id,
        "partnerId": order.customer.partner_id,
        "version": 1,
        "flavorParamsId": spec.flavor_params_id,
        "width": shown.map_or(0, |media| media.width),
        "height": shown.map_or(0, |media| media.height),
        "bitrate": media.map_or(0, |media| media.bitrate_kbps),
        "frameRate": if shown.is_some() { 25 } else { 0 },
        "isOriginal": spec.is_original,
        "isWeb": !spec.is_original,
        "containerFormat": "isom",
        "videoCodecId": shown.map(|_| "avc1"),
        "fileExt": "mp4",
        "status": 2,
        "language": spec.language.as_deref().unwrap_or("Undefined"),
        "label": spec.label,
        "isDefault": false,
        "tags": spec.tags,
        "size": media.map_or(0, |media| media.size_bytes / 1024),
        "sizeInBytes": media.map_or(0, |media| media.size_bytes),
        "createdAt": now_s,
        "updatedAt": now_s,
        "objectType": "KalturaFlavorAsset",
    }));
    let asset = Asset {
        kind: AssetKind::Flavor,
        partner_id: order.customer.partner_id,
        entry_id: entry_id.clone(),
        fields,
        task_id: None,
        file: None,
        imports: Vec::new(),
        next_import_at_ms: None,
        cut: Some(spec.audio_only),
        serial: serial.unsigned_abs(),
    };
    world.assets.insert(id, asset);
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
    if WITH_SOURCE_CAPTION.contains(&order.service_feature) {
        let assets = world.assets_of(entry_id).into_iter();
        let mut captions = assets.filter(|(_, asset)| asset.kind == AssetKind::Caption);
        if let Some((id, _)) = captions.next() {
            data["captionAssetId"] = json!(id);
        }
    }
    if let (Some(data), Some(Value::Object(given))) = (data.as_object_mut(), order.task_data.clone()) {
        data.extend(given);
    }
    let live_feature = LIVE_FEATURES
        .contains(&order.service_feature)
        .then(|| add_live_event(world, order, task_id, entry_id, &mut data, created_s));
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
        "entryObjectType": 1,
        "version": "0",
        "notes": order.notes,
        "dictionary": order.dictionary,
        "context": order.context,
        "creationMode": 1,
        "taskJobData": data,
        "expectedFinishTime": expected_finish_s(created_s, turn_around),
        "serviceType": order.service_type,
        "serviceFeature": order.service_feature,
        "turnAroundTime": turn_around,
        "objectType": "KalturaEntryVendorTask",
    }));
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
            "edit:{entry_id},setrole:REACH_VENDOR_ROLE,disableentitlementforentry:{entry_id},sview:{entry_id},\
             download:{entry_id}{moderation}"
        ),
        charged: false,
        refunded: false,
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
    let feature = fields_of(json!({
        "systemName": format!("LiveCaptionFeature-reach-{task_id}"),
        "preStartTime": 0,
        "postEndTime": 0,
        "language": order.catalog_item.target_language.as_deref().unwrap_or(&order.catalog_item.source_language),
        "objectType": "KalturaLiveCaptionFeature",
    }));
    let partner_id = order.customer.partner_id;
    world.schedule_events.entry(event_id).or_insert_with(|| ScheduleEvent {
        partner_id,
        fields: fields_of(json!({
            "id": event_id, "partnerId": partner_id, "summary": order.entry.name, "status": 2, "startDate": start,
            "endDate": end, "templateEntryId": entry_id, "objectType": "KalturaLiveStreamScheduleEvent",
        })),
    });
    feature
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
