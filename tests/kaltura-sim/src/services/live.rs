//! scheduleEvent, as far as live captions need it (spec section 8.1).

use super::{Answer, Call, not_modelled};
use crate::answer::ApiError;
use crate::ids::TaskId;
use serde_json::{Value, json};

pub(super) fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "get" => get(call),
        "updateLiveFeature" => update_live_feature(call),
        _ => Err(not_modelled(call)),
    }
}

fn get(call: &Call<'_>) -> Answer {
    event(
        call,
        call.arguments.integer("scheduleEventId").unwrap_or_default(),
    )
}

fn event(call: &Call<'_>, id: i64) -> Answer {
    let world = call.shared.world();
    let found = world
        .schedule_events
        .get(&id)
        .filter(|event| event.partner_id == call.partner());
    let mut fields = found.map(|event| event.fields.clone()).ok_or_else(|| {
        ApiError::new(
            "INVALID_OBJECT_ID",
            "Invalid object id [@ID@]",
            &[("ID", &id.to_string())],
        )
    })?;
    let features = world.tasks.values().filter(|task| {
        task.fields
            .get("taskJobData")
            .and_then(|data| data.get("scheduledEventId"))
            .and_then(Value::as_i64)
            == Some(id)
    });
    let features: Vec<Value> = features
        .filter_map(|task| task.live_feature.clone().map(Value::Object))
        .collect();
    fields.insert("liveFeatures".to_owned(), json!(features));
    Ok(Value::Object(fields))
}

/// A partial update of the feature that came with the task.
fn update_live_feature(call: &Call<'_>) -> Answer {
    let id = call.arguments.integer("scheduledEventId").unwrap_or_default();
    let name = call.arguments.text("featureName");
    let object = call.arguments.object("liveFeature")?;
    let found = event(call, id)?;
    if found["objectType"] != "KalturaLiveStreamScheduleEvent" {
        return Err(ApiError::new(
            "INVALID_SCHEDULE_EVENT_TYPE",
            "Schedule event [@ID@] is of the wrong type",
            &[("ID", &id.to_string())],
        ));
    }
    let not_found = || {
        ApiError::new(
            "FEATURE_NAME_NOT_FOUND",
            "Feature name [@FEATURE_NAME@] not found",
            &[("FEATURE_NAME", &name)],
        )
    };
    let task_id = name
        .strip_prefix("LiveCaptionFeature-reach-")
        .map(TaskId::from)
        .ok_or_else(not_found)?;
    {
        let mut world = call.shared.world();
        let task = world
            .tasks
            .get_mut(&task_id)
            .filter(|task| task.partner_id == call.partner());
        let feature = task
            .and_then(|task| task.live_feature.as_mut())
            .ok_or_else(not_found)?;
        let changes = call.shared.contract.for_update(object, feature)?;
        feature.extend(changes.into_iter().filter(|(_, value)| !value.is_null()));
    }
    event(call, id)
}
