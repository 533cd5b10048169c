//! entryVendorTask and vendorCatalogItem (spec section 1).

use super::{Answer, Call, list_response, not_modelled, page};
use crate::answer::ApiError;
use crate::contract::Fields;
use crate::ids::{AssetId, TaskId};
use crate::params;
use crate::world::{ABORTED, FINAL, Task, World};
use serde_json::{Value, json};

const PENDING: i64 = 1;
const READY: i64 = 2;
const PROCESSING: i64 = 3;
const ERROR: i64 = 6;
const SCHEDULED: i64 = 9;

/// Statuses from which PROCESSING and ABORTED can be reached: PENDING, PENDING_MODERATION, PENDING_ENTRY_READY,
/// SCHEDULED.
const STARTABLE: [i64; 4] = [1, 4, 8, 9];

/// Properties that the `reach_vendor` response profile leaves out (spec D10).
const NOT_IN_PROFILE: [&str; 6] = [
    "expectedFinishTime",
    "serviceType",
    "serviceFeature",
    "turnAroundTime",
    "queueTime",
    "userId",
];

/// Fields of the profile and the catalog item that `reach_vendor` doesn't show.
const NOT_RELATED: [&str; 11] = [
    "dictionaries",
    "id",
    "partnerId",
    "vendorPartnerId",
    "status",
    "stage",
    "createdAt",
    "updatedAt",
    "enableMachineModeration",
    "enableHumanModeration",
    "systemName",
];

/// Properties that `freeText` looks into.
const FREE_TEXT: [&str; 5] = ["notes", "context", "userId", "entryId", "errDescription"];

/// Properties that `orderBy` may name; others are passed over.
const SORTABLE: [&str; 8] = [
    "id",
    "createdAt",
    "updatedAt",
    "queueTime",
    "finishTime",
    "price",
    "status",
    "expectedFinishTime",
];

pub(super) fn run(call: &mut Call<'_>) -> Answer {
    match (call.service, call.action) {
        ("reach_entryvendortask", "getJobs") => get_jobs(call),
        ("reach_entryvendortask", "get") => get(call),
        ("reach_entryvendortask", "updateJob") => update_job(call),
        ("reach_entryvendortask", "extendAccessKey") => extend_access_key(call),
        ("reach_entryvendortask", "abort") => abort(call),
        ("reach_vendorcatalogitem", "get") => get_catalog_item(call),
        _ => Err(not_modelled(call)),
    }
}

/// The account's vendor flag, which getJobs and updateJob look at themselves.
fn check_vendor_account(call: &Call<'_>) -> Result<(), ApiError> {
    if call.shared.config.vendor_account_enabled {
        return Ok(());
    }
    Err(ApiError::new(
        "VENDOR_TASK_SERVICE__GET_JOB_NOT_ALLOWED",
        "Partner [@PARTNER_ID@] is not allowed to get vendor jobs",
        &[("PARTNER_ID", &call.partner().to_string())],
    ))
}

fn get_jobs(call: &Call<'_>) -> Answer {
    check_vendor_account(call)?;
    let empty = Fields::new();
    let filter = call
        .arguments
        .objects
        .get("filter")
        .map_or(&empty, |filter| &filter.fields);
    let statuses = asked_statuses(filter);
    let world = call.shared.world();
    let mut found: Vec<(&TaskId, &Task)> = world
        .tasks
        .iter()
        .filter(|(_, task)| statuses.contains(&task.status()) && matches(filter, &task.fields))
        .collect();
    // Without an order the server answers in the order of its search index: no order that a caller could use.
    found.sort_by_cached_key(|(id, _)| {
        crate::session::hex(&<sha1::Sha1 as sha1::Digest>::digest(id.as_str()))
    });
    if let Some(order) = filter.get("orderBy").and_then(Value::as_str) {
        sort(&mut found, order);
    }
    let with_profile = asks_for_vendor_profile(call);
    let objects = found
        .into_iter()
        .map(|(_, task)| shown(&world, task, with_profile))
        .collect();
    Ok(list_response(
        "KalturaEntryVendorTaskListResponse",
        page(call, objects)?,
    ))
}

/// PENDING and SCHEDULED may be asked for; anything else falls back to PENDING in silence (spec D4).
fn asked_statuses(filter: &Fields) -> Vec<i64> {
    let allowed = |status: &i64| matches!(*status, PENDING | SCHEDULED);
    let equal = filter
        .get("statusEqual")
        .filter(|value| !value.is_null())
        .map(params::integer);
    let one_of = filter.get("statusIn").and_then(params::text).unwrap_or_default();
    let asked: Vec<i64> = match equal {
        Some(status) => vec![status],
        None => one_of
            .split(',')
            .filter_map(|status| status.trim().parse().ok())
            .collect(),
    };
    if !asked.is_empty() && asked.iter().all(allowed) {
        asked
    } else {
        vec![PENDING]
    }
}

/// Whether a task passes every other condition of the filter, by their names' endings.
fn matches(filter: &Fields, task: &Fields) -> bool {
    filter
        .iter()
        .filter(|(_, value)| !value.is_null())
        .all(|(name, wanted)| {
            let got = |property: &str| task.get(property).cloned().unwrap_or(Value::Null);
            let text = |value: &Value| params::text(value).unwrap_or_default();
            let listed = |value: &Value| text(wanted).split(',').any(|one| one.trim() == text(value));
            if name.starts_with("status") || name.starts_with("vendorPartnerId") {
                true // The one is handled apart, the other is forced to the session's account.
            } else if name == "freeText" {
                let wanted = text(wanted).to_lowercase();
                FREE_TEXT
                    .iter()
                    .any(|property| text(&got(property)).to_lowercase().contains(&wanted))
            } else if let Some(property) = name.strip_suffix("GreaterThanOrEqual") {
                params::integer(&got(property)) >= params::integer(wanted)
            } else if let Some(property) = name.strip_suffix("LessThanOrEqual") {
                params::integer(&got(property)) <= params::integer(wanted)
            } else if let Some(property) = name.strip_suffix("NotIn") {
                !listed(&got(property))
            } else if let Some(property) = name.strip_suffix("In") {
                listed(&got(property))
            } else if let Some(property) = name.strip_suffix("Equal") {
                text(&got(property)) == text(wanted)
            } else {
                true
            }
        })
}

fn sort(tasks: &mut [(&TaskId, &Task)], order: &str) {
    // A plus sign that wasn't encoded arrives as a space.
    let (descending, property) = match order.trim_start_matches([' ', '+']).strip_prefix('-') {
        Some(property) => (true, property),
        None => (false, order.trim_start_matches([' ', '+'])),
    };
    if !SORTABLE.contains(&property) {
        return;
    }
    tasks.sort_by_key(|(_, task)| task.fields.get(property).map(params::integer));
    if descending {
        tasks.reverse();
    }
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let world = call.shared.world();
    let (_, task) = world
        .visible_task(&id)
        .filter(|(_, task)| task.partner_id == call.partner())
        .ok_or_else(|| ApiError::task_not_found(&id))?;
    Ok(shown(&world, task, asks_for_vendor_profile(call)))
}

fn asks_for_vendor_profile(call: &Call<'_>) -> bool {
    call.params
        .get("responseProfile")
        .and_then(|profile| profile.get("systemName"))
        .and_then(Value::as_str)
        == Some("reach_vendor")
}

fn shown(world: &World, task: &Task, with_profile: bool) -> Value {
    let mut fields = task.fields.clone();
    if with_profile {
        for name in NOT_IN_PROFILE {
            fields.remove(name);
        }
        let related = |object: Option<&Fields>, class: &str| {
            let objects: Vec<Value> = object
                .map(|fields| {
                    let kept = fields
                        .iter()
                        .filter(|(name, _)| !NOT_RELATED.contains(&name.as_str()));
                    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
                })
                .into_iter()
                .collect();
            json!({"totalCount": objects.len(), "objects": objects, "objectType": class})
        };
        fields.insert(
            "relatedObjects".to_owned(),
            json!({
                "reach_vendor_catalog_item":
                    related(world.catalog_items.get(&task.catalog_item_id), "KalturaVendorCatalogItemListResponse"),
                "reach_vendor_profile":
                    related(world.profiles.get(&task.profile_id), "KalturaReachProfileListResponse"),
            }),
        );
    }
    Value::Object(fields)
}

fn update_job(call: &mut Call<'_>) -> Answer {
    let now_s = call.now_s();
    check_vendor_account(call)?;
    let id = call.arguments.text("id");
    let object = call.arguments.object("entryVendorTask")?;
    let mut world = call.shared.world();
    let (task_id, task) = world
        .visible_task(&id)
        .ok_or_else(|| ApiError::task_not_found(&id))?;
    let current = task.status();
    let mut sent = object.clone();
    for name in &call.forbidden {
        // Nulled in silence but for a header: the caller has to look at what comes back.
        if sent.fields.remove(name).is_some() {
            call.headers.push((
                format!("KalturaEntryVendorTask-{name}-error"),
                format!("Updating property {name} is not allowed"),
            ));
        }
    }
    let wanted = sent
        .fields
        .get("status")
        .filter(|value| !value.is_null())
        .map(params::integer);
    check_final(&id, current, wanted, &sent.fields)?;
    check_partner_data(&sent.fields)?;
    let mut changes = call.shared.contract.for_update(&sent, &task.fields)?;
    if let Some(wanted) = wanted
        && matches!(wanted, PROCESSING | ABORTED)
        && wanted != current
        && !STARTABLE.contains(&current)
    {
        return Err(ApiError::new(
            "ENTRY_VENDOR_TASK_ITEM_COULD_NOT_BE_UPDATED",
            "Entry vendor task item with id [@ID@] could not be updated to status [@STATUS@]",
            &[("ID", &id), ("STATUS", &wanted.to_string())],
        ));
    }
    changes.remove("status");
    let Some(task) = world.tasks.get_mut(&task_id) else {
        return Err(ApiError::task_not_found(&id));
    };
    super::apply(&mut task.fields, changes, now_s);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != current) {
        task.set_status(wanted, now_s);
        match wanted {
            READY => become_ready(&mut world, &task_id, now_s),
            ERROR if [PENDING, PROCESSING, SCHEDULED].contains(&current) => {
                task.refunded = true;
                task.live_feature = None;
            }
            _ => {}
        }
    }
    world
        .tasks
        .get(&task_id)
        .map(|task| shown(&world, task, false))
        .ok_or_else(|| ApiError::task_not_found(&id))
}

fn check_final(id: &str, current: i64, wanted: Option<i64>, sent: &Fields) -> Result<(), ApiError> {
    if !FINAL.contains(&current) {
        return Ok(());
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted != current) {
        return Err(ApiError::new(
            "CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE",
            "Cannot update status of task with id [@ID@] from [@OLD_STATUS@] to [@NEW_STATUS@], task is in final state",
            &[
                ("ID", id),
                ("OLD_STATUS", &current.to_string()),
                ("NEW_STATUS", &wanted.to_string()),
            ],
        ));
    }
    if sent.get("unitsUsed").is_some_and(|value| !value.is_null()) {
        return Err(ApiError::new(
            "CANNOT_UPDATE_UNIT_USED_OF_TASK_WHICH_IS_IN_FINAL_STATE",
            "Cannot update units used of task with id [@ID@], task is in final state",
            &[("ID", id)],
        ));
    }
    Ok(())
}

fn check_partner_data(sent: &Fields) -> Result<(), ApiError> {
    let data = sent
        .get("partnerData")
        .and_then(Value::as_str)
        .filter(|data| !data.is_empty());
    if data.is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
        return Err(ApiError::new(
            "PARTNER_DATA_NOT_VALID_JSON_STRING",
            "Partner data is not a valid JSON string",
            &[],
        ));
    }
    Ok(())
}

/// The server's own work on READY: charge, label addition, and the end of the access key (spec D13, D14).
fn become_ready(world: &mut World, task_id: &TaskId, now_s: i64) {
    let Some(task) = world.tasks.get_mut(task_id) else {
        return;
    };
    task.charged = true;
    task.fields.insert("finishTime".to_owned(), now_s.into());
    let key = task.access_key().to_owned();
    let is_captions = task.fields.get("serviceFeature").map(params::integer) == Some(1);
    let is_machine = task.fields.get("serviceType").map(params::integer) == Some(2);
    let output = task.fields.get("outputObjectId").and_then(params::text);
    let profile = world.profiles.get(&task.profile_id);
    let addition = profile
        .and_then(|profile| {
            let kind = if is_machine { "Machine" } else { "Human" };
            profile
                .get(&format!("labelAdditionFor{kind}ServiceType"))
                .and_then(params::text)
        })
        .filter(|addition| is_captions && !addition.is_empty());
    let asset = output.map(AssetId::from).and_then(|id| world.assets.get_mut(&id));
    if let (Some(addition), Some(asset)) = (addition, asset) {
        let label = format!("{} {addition}", asset.text("label"));
        asset.fields.insert("label".to_owned(), label.trim().into());
    }
    world.dead_sessions.insert(key);
}

fn extend_access_key(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let now_s = call.now_s();
    let mut world = call.shared.world();
    let (task_id, task) = world
        .visible_task(&id)
        .ok_or_else(|| ApiError::task_not_found(&id))?;
    if !matches!(task.status(), PROCESSING | SCHEDULED) {
        return Err(ApiError::new(
            "CANNOT_EXTEND_ACCESS_KEY",
            "Extending accessKey for non processing task is not allowed",
            &[],
        ));
    }
    if world
        .entries
        .get(&task.entry_id)
        .is_none_or(|entry| entry.deleted)
    {
        return Err(ApiError::new(
            "FAILED_EXTEND_ACCESS_KEY",
            "Failed to extend access key",
            &[],
        ));
    }
    world.renew_access_key(&task_id, now_s);
    world
        .tasks
        .get(&task_id)
        .map(|task| shown(&world, task, false))
        .ok_or_else(|| ApiError::task_not_found(&id))
}

/// The customer's own way to withdraw an order.
fn abort(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let now_s = call.now_s();
    let mut world = call.shared.world();
    let (task_id, task) = world
        .visible_task(&id)
        .filter(|(_, task)| task.partner_id == call.partner())
        .ok_or_else(|| ApiError::task_not_found(&id))?;
    if ![PENDING, 4, SCHEDULED].contains(&task.status()) {
        return Err(ApiError::new(
            "CANNOT_ABORT_NOT_MODERATED_TASK",
            "Cannot abort task with id [@ID@] in its current status",
            &[("ID", &id)],
        ));
    }
    let Some(task) = world.tasks.get_mut(&task_id) else {
        return Err(ApiError::task_not_found(&id));
    };
    task.set_status(ABORTED, now_s);
    task.live_feature = None;
    let reason = call.arguments.text("abortReason");
    if !reason.is_empty() {
        task.fields.insert("errDescription".to_owned(), reason.into());
    }
    Ok(Value::Object(task.fields.clone()))
}

fn get_catalog_item(call: &Call<'_>) -> Answer {
    let id = call.arguments.integer("id").unwrap_or_default();
    let world = call.shared.world();
    world
        .catalog_items
        .get(&id)
        .map(|item| Value::Object(item.clone()))
        .ok_or_else(|| {
            ApiError::new(
                "CATALOG_ITEM_NOT_FOUND",
                "Catalog item with id [@ID@] not found",
                &[("ID", &id.to_string())],
            )
        })
}
