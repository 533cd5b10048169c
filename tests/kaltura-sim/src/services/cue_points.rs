//! cuePoint (spec section 7).

use super::{Answer, Call, apply, list_response, not_modelled, page};
use crate::answer::ApiError;
use crate::contract::Fields;
use crate::params;
use crate::world::CuePoint;
use serde_json::{Value, json};

/// Longest title the server keeps, characters.
const TITLE_LENGTH: usize = 255;

pub(super) fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "add" => add(call),
        "get" => get(call),
        "list" => list(call),
        "update" => update(call),
        "delete" => delete(call),
        _ => Err(not_modelled(call)),
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(
        "INVALID_CUE_POINT_ID",
        "Cue point [@ID@] not found",
        &[("ID", id)],
    )
}

/// `KalturaCuePointType` of a class.
fn cue_point_type(class: &str) -> &'static str {
    match class {
        "KalturaAdCuePoint" => "adCuePoint.Ad",
        "KalturaCodeCuePoint" => "codeCuePoint.Code",
        "KalturaEventCuePoint" => "eventCuePoint.Event",
        "KalturaSessionCuePoint" => "sessionCuePoint.Session",
        "KalturaQuestionCuePoint" => "quiz.QUIZ_QUESTION",
        "KalturaAnswerCuePoint" => "quiz.QUIZ_ANSWER",
        _ => "thumbCuePoint.Thumb",
    }
}

fn add(call: &Call<'_>) -> Answer {
    let object = call.arguments.object("cuePoint")?;
    let mut fields = call.shared.contract.for_insert(object)?;
    let text = |fields: &Fields, name: &str| fields.get(name).and_then(params::text).unwrap_or_default();
    let entry = text(&fields, "entryId");
    let mut world = call.shared.world();
    let (entry_id, found) = world
        .visible_entry(&entry, call.partner())
        .ok_or_else(|| ApiError::entry_not_found(&entry))?;
    let start_ms = fields.get("startTime").map(params::integer).unwrap_or_default();
    if start_ms < 0 {
        return Err(ApiError::new(
            "START_TIME_CANNOT_BE_LESS_THAN_0",
            "The start time can't be less than 0, start time received [@START_TIME@]",
            &[("START_TIME", &start_ms.to_string())],
        ));
    }
    if u64::try_from(start_ms).is_ok_and(|start| start > found.duration_ms) {
        return Err(ApiError::new(
            "START_TIME_IS_BIGGER_THAN_ENTRY_END_TIME",
            "The start time [@START_TIME@] is bigger than the entry's end time [@ENTRY_END_TIME@]",
            &[
                ("START_TIME", &start_ms.to_string()),
                ("ENTRY_END_TIME", &found.duration_ms.to_string()),
            ],
        ));
    }
    let system_name = text(&fields, "systemName");
    let taken = |cue: &CuePoint| cue.entry_id == entry_id && text(&cue.fields, "systemName") == system_name;
    if !system_name.is_empty()
        && let Some((id, _)) = world.cue_points.iter().find(|(_, cue)| taken(cue))
    {
        return Err(ApiError::new(
            "CUE_POINT_SYSTEM_NAME_EXISTS",
            "Cue point with the system name [@SYSTEM_NAME@] already exists with id [@CUE_POINT_ID@]",
            &[("SYSTEM_NAME", &system_name), ("CUE_POINT_ID", id)],
        ));
    }
    let id = crate::world::new_id();
    let now_s = call.now_s();
    let title: String = text(&fields, "title").chars().take(TITLE_LENGTH).collect();
    for (name, value) in [
        ("id", json!(id)),
        ("partnerId", json!(call.partner())),
        ("startTime", json!(start_ms)),
        ("title", json!(title)),
        ("status", json!(1)),
        ("cuePointType", json!(cue_point_type(&object.class))),
        ("createdAt", json!(now_s)),
        ("updatedAt", json!(now_s)),
        ("objectType", json!(object.class)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    let answer = Value::Object(fields.clone());
    world.cue_points.insert(
        id,
        CuePoint {
            partner_id: call.partner(),
            entry_id,
            fields,
        },
    );
    Ok(answer)
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let world = call.shared.world();
    let found = world
        .cue_points
        .get(&id)
        .filter(|cue| cue.partner_id == call.partner());
    found
        .map(|cue| Value::Object(cue.fields.clone()))
        .ok_or_else(|| not_found(&id))
}

fn list(call: &Call<'_>) -> Answer {
    let filter = call.arguments.objects.get("filter").map(|filter| &filter.fields);
    let wanted = |name: &str| filter.and_then(|fields| fields.get(name)).and_then(params::text);
    let conditions: Vec<(&str, String)> = [
        ("entryIdEqual", "entryId"),
        ("systemNameEqual", "systemName"),
        ("cuePointTypeEqual", "cuePointType"),
    ]
    .into_iter()
    .filter_map(|(name, property)| wanted(name).map(|wanted| (property, wanted)))
    .collect();
    let has = |cue: &Fields, property: &str| cue.get(property).and_then(params::text);
    let world = call.shared.world();
    let mut found: Vec<&Fields> = world
        .cue_points
        .values()
        .filter(|cue| {
            cue.partner_id == call.partner()
                && conditions
                    .iter()
                    .all(|(property, wanted)| has(&cue.fields, property).as_ref() == Some(wanted))
        })
        .map(|cue| &cue.fields)
        .collect();
    found.sort_by_key(|cue| cue.get("startTime").map(params::integer));
    let objects = found.into_iter().map(|cue| Value::Object(cue.clone())).collect();
    Ok(list_response("KalturaCuePointListResponse", page(call, objects)?))
}

fn update(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let object = call.arguments.object("cuePoint")?;
    let now_s = call.now_s();
    let mut world = call.shared.world();
    let cue = world
        .cue_points
        .get_mut(&id)
        .filter(|cue| cue.partner_id == call.partner())
        .ok_or_else(|| not_found(&id))?;
    call.may_edit(cue.entry_id.as_str())?;
    let changes = call.shared.contract.for_update(object, &cue.fields)?;
    apply(&mut cue.fields, changes, now_s);
    Ok(Value::Object(cue.fields.clone()))
}

fn delete(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let mut world = call.shared.world();
    let cue = world
        .cue_points
        .get(&id)
        .filter(|cue| cue.partner_id == call.partner())
        .ok_or_else(|| not_found(&id))?;
    call.may_edit(cue.entry_id.as_str())?;
    world.cue_points.remove(&id);
    Ok(Value::Null)
}
