//! The services, one module each: what an action does once its session and arguments have been checked.

mod asset;
pub(crate) mod attachments;
pub(crate) mod captions;
pub(crate) mod cue_points;
pub(crate) mod entries;
pub(crate) mod flavors;
pub(crate) mod live;
pub(crate) mod sessions;
pub(crate) mod tasks;
pub(crate) mod upload;

use crate::answer::ApiError;
use crate::contract::{Arguments, Fields};
use crate::gate::Session;
use crate::ids::{AssetId, EntryId, PartnerId};
use crate::params::{self, Params};
use crate::report::AssetKind;
use crate::world::{Asset, Entry, Shared, World};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// One call of one action.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) service: &'a str,
    pub(crate) action: &'a str,
    pub(crate) session: Option<Session>,
    pub(crate) arguments: Arguments,
    /// As sent, for the few global parameters.
    pub(crate) params: &'a Params,
    /// The uploaded file's name and content.
    pub(crate) file: Option<(String, Bytes)>,
    /// Properties that this call may not set (see `FaultEffect::ForbidProperties`).
    pub(crate) forbidden: Vec<String>,
    /// Whether it is one of several in a request.
    pub(crate) in_multirequest: bool,
    /// Extra headers of the answer.
    pub(crate) headers: Vec<(String, String)>,
}

/// What an action answers.
pub(crate) type Answer = Result<Value, ApiError>;

impl Call<'_> {
    /// The account of the session.
    pub(crate) fn partner(&self) -> PartnerId {
        self.session
            .as_ref()
            .map_or(PartnerId(0), |session| session.ks.partner_id)
    }

    pub(crate) fn user_id(&self) -> &str {
        self.session
            .as_ref()
            .map_or("", |session| session.ks.user_id.as_str())
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.ks.session_type == crate::session::ADMIN)
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.shared.clock.now_s()
    }

    /// Refuses users whose session may not edit the entry.
    pub(crate) fn may_edit(&self, entry: &str) -> Result<(), ApiError> {
        let allowed = self.session.as_ref().is_some_and(|session| {
            session.ks.session_type == crate::session::ADMIN || session.ks.allows("edit", entry)
        });
        if allowed {
            Ok(())
        } else {
            Err(ApiError::foreign_entry())
        }
    }
}

/// Runs an action whose gate was passed.
pub(crate) async fn run(call: &mut Call<'_>) -> Answer {
    match (call.service, call.action) {
        ("system", "ping") => Ok(json!(true)),
        ("session" | "apptoken", _) => sessions::run(call),
        ("reach_entryvendortask" | "reach_vendorcatalogitem", _) => tasks::run(call),
        ("caption_captionasset", _) => captions::run(call),
        ("attachment_attachmentasset", _) => attachments::run(call).await,
        ("flavorasset", _) => flavors::run(call),
        ("uploadtoken", _) => upload::run(call).await,
        ("baseentry" | "media", _) => entries::run(call),
        ("cuepoint_cuepoint", _) => cue_points::run(call),
        ("schedule_scheduleevent", _) => live::run(call),
        _ => Err(not_modelled(call)),
    }
}

/// For actions of the contract that no vendor needs: said plainly, so that nobody takes it for the server's word.
pub(crate) fn not_modelled(call: &Call<'_>) -> ApiError {
    ApiError::new(
        "SIM_ACTION_NOT_MODELLED",
        "The stand-in doesn't model [@SERVICE@->@ACTION@]",
        &[("SERVICE", call.service), ("ACTION", call.action)],
    )
}

/// An entry that takes assets: the account's own, not deleted, video or sound.
pub(crate) fn media_entry<'a>(
    world: &'a World,
    call: &Call<'_>,
    id: &str,
) -> Result<(EntryId, &'a Entry), ApiError> {
    world
        .visible_entry(id, call.partner())
        .filter(|(_, entry)| matches!(entry.fields.get("mediaType").map(params::integer), Some(1 | 5)))
        .ok_or_else(|| ApiError::entry_not_found(id))
}

/// Adds an asset with the fields that the server fills in itself.
pub(crate) fn add_asset(
    world: &mut World,
    call: &Call<'_>,
    kind: AssetKind,
    entry_id: EntryId,
    class: &str,
    mut fields: Fields,
) -> Value {
    let now_s = call.now_s();
    let serial = world.next_number().unsigned_abs();
    let id = AssetId::from(crate::world::new_id());
    for (name, value) in [
        ("id", json!(id)),
        ("entryId", json!(entry_id)),
        ("partnerId", json!(call.partner())),
        ("version", json!(0)),
        ("size", json!(0)),
        ("createdAt", json!(now_s)),
        ("updatedAt", json!(now_s)),
        ("status", json!(crate::assets::QUEUED)),
        ("objectType", json!(class)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    let task_id = call.session.as_ref().and_then(|session| session.task_id.clone());
    let answer = Value::Object(fields.clone());
    let asset = Asset {
        kind,
        partner_id: call.partner(),
        entry_id,
        fields,
        task_id,
        file: None,
        imports: Vec::new(),
        next_import_at_ms: None,
        cut: None,
        serial,
    };
    world.assets.insert(id, asset);
    answer
}

/// A session of a day that may look at the asset's entry, for addresses that carry their own.
pub(crate) fn view_session(world: &World, call: &Call<'_>, asset: &Asset) -> String {
    let ks = crate::session::Ks {
        partner_id: call.partner(),
        expiry_epoch_s: call.now_s() + 86_400,
        session_type: crate::session::USER,
        user_id: String::new(),
        privileges: format!("sview:{}", asset.entry_id),
    };
    ks.mint(
        crate::order::KsVersion::V2,
        &world.secret_of(call.partner()).unwrap_or_default(),
    )
}

/// Writes checked fields into an asset; an explicit null removes one.
pub(crate) fn apply(fields: &mut Fields, changes: Fields, now_s: i64) {
    for (name, value) in changes {
        if value.is_null() {
            fields.remove(&name);
        } else {
            fields.insert(name, value);
        }
    }
    fields.insert("updatedAt".to_owned(), now_s.into());
}

/// Lists assets of a kind by the filter's `entryIdEqual`, `entryIdIn`, `idEqual`, `idIn`, `statusEqual`, `statusIn`.
pub(crate) fn list_assets(call: &Call<'_>, kind: AssetKind, class: &str) -> Answer {
    let empty = Fields::new();
    let filter = call
        .arguments
        .objects
        .get("filter")
        .map_or(&empty, |filter| &filter.fields);
    let wanted = |equal: &str, one_of: &str| -> Option<Vec<String>> {
        let equal = filter.get(equal).and_then(params::text).map(|value| vec![value]);
        let listed = filter.get(one_of).and_then(params::text);
        equal.or_else(|| listed.map(|list| list.split(',').map(|id| id.trim().to_owned()).collect()))
    };
    let entries = wanted("entryIdEqual", "entryIdIn");
    let ids = wanted("idEqual", "idIn");
    let statuses = wanted("statusEqual", "statusIn");
    if entries.is_none() && ids.is_none() {
        let name = "KalturaAssetFilter::idEqual/KalturaAssetFilter::idIn/KalturaAssetFilter::entryIdEqual/\
                    KalturaAssetFilter::entryIdIn";
        return Err(ApiError::new(
            "PROPERTY_VALIDATION_CANNOT_BE_NULL",
            "The property \"@PROP_NAME@\" cannot be null",
            &[("PROP_NAME", name)],
        ));
    }
    let world = call.shared.world();
    let mut found: Vec<(&AssetId, &Asset)> = world
        .assets
        .iter()
        .filter(|(id, asset)| {
            asset.kind == kind
                && asset.partner_id == call.partner()
                && asset.status() != crate::assets::DELETED
                && entries
                    .as_ref()
                    .is_none_or(|ids| ids.iter().any(|id| id == asset.entry_id.as_str()))
                && ids
                    .as_ref()
                    .is_none_or(|ids| ids.iter().any(|wanted| wanted == id.as_str()))
                && statuses
                    .as_ref()
                    .is_none_or(|all| all.contains(&asset.status().to_string()))
        })
        .collect();
    found.sort_by_key(|(_, asset)| asset.serial);
    let objects: Vec<Value> = found
        .iter()
        .map(|(_, asset)| Value::Object(asset.fields.clone()))
        .collect();
    Ok(list_response(class, page(call, objects)?))
}

/// The page of a list that the call's pager asks for, with the list's whole length.
pub(crate) fn page(call: &Call<'_>, objects: Vec<Value>) -> Result<(Vec<Value>, usize), ApiError> {
    let pager = call.arguments.objects.get("pager").map(|pager| &pager.fields);
    let number = |name: &str| {
        pager
            .and_then(|fields| fields.get(name))
            .filter(|value| !value.is_null())
            .map(params::integer)
    };
    let size = usize::try_from(number("pageSize").unwrap_or(30))
        .unwrap_or(0)
        .min(500);
    let index = usize::try_from(number("pageIndex").unwrap_or(1))
        .unwrap_or(1)
        .max(1);
    let offset = (index - 1).saturating_mul(size);
    if offset >= 10_000 {
        return Err(ApiError::new(
            "SPHINX_CRITERIA_EXCEEDED_MAX_MATCHES_ALLOWED",
            "Unable to generate list. max matches value was reached",
            &[],
        ));
    }
    let total = objects.len();
    Ok((objects.into_iter().skip(offset).take(size).collect(), total))
}

pub(crate) fn list_response(class: &str, (objects, total): (Vec<Value>, usize)) -> Value {
    json!({"objects": objects, "totalCount": total, "objectType": class})
}
