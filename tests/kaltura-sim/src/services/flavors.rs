//! flavorAsset (spec section 7).

use super::asset::{AssetService, keep_flag};
use super::{Answer, Call, list_assets, not_modelled};
use crate::answer::ApiError;
use crate::assets::{self, READY, flavor_not_found};
use crate::contract::Fields;
use crate::ids::EntryId;
use crate::params;
use crate::report::AssetKind;
use crate::world::World;
use serde_json::{Value, json};

const FLAVORS: AssetService = AssetService {
    kind: AssetKind::Flavor,
    object: "flavorAsset",
    not_found: flavor_not_found,
};

pub(super) fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "add" => FLAVORS.add(call, complete),
        "update" => FLAVORS.update(call, |changes, _| {
            keep_flag(changes, "isDefault");
            Ok(())
        }),
        "setContent" => FLAVORS.set_content(call),
        "get" => FLAVORS.get(call, "id"),
        "getByEntryId" => by_entry(call),
        "getUrl" => get_url(call),
        "list" => list_assets(call, AssetKind::Flavor, "KalturaFlavorAssetListResponse"),
        _ => Err(not_modelled(call)),
    }
}

fn complete(world: &mut World, entry_id: &EntryId, fields: &mut Fields) -> Result<(), ApiError> {
    let params_id = fields.get("flavorParamsId").map(params::integer);
    let duplicate = params_id.and_then(|id| {
        world
            .assets_of(entry_id)
            .into_iter()
            .find_map(|(asset_id, asset)| {
                let same = asset.kind == AssetKind::Flavor
                    && asset.status() != assets::DELETED
                    && asset.fields.get("flavorParamsId").map(params::integer) == Some(id);
                same.then(|| asset_id.clone())
            })
    });
    if let (Some(id), Some(params_id)) = (duplicate, params_id) {
        return Err(ApiError::new(
            "FLAVOR_ASSET_ALREADY_EXISTS",
            "The flavor asset already exists, id \"@ASSET_ID@\", flavor params id \"@PARAMS_ID@\"",
            &[("ASSET_ID", id.as_str()), ("PARAMS_ID", &params_id.to_string())],
        ));
    }
    fields.insert("isOriginal".to_owned(), json!(false));
    if let Some(tags) = params_id.and_then(|id| world.flavor_params.get(&id)) {
        fields.insert("tags".to_owned(), json!(tags));
    }
    fields.entry("isDefault").or_insert(json!(0));
    keep_flag(fields, "isDefault");
    if params::text(fields.get("label").unwrap_or(&Value::Null)).is_none_or(|label| label.is_empty())
        && let Some(language) = fields.get("language").cloned()
    {
        fields.insert("label".to_owned(), language);
    }
    Ok(())
}

fn by_entry(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("entryId");
    let world = call.shared.world();
    let (entry_id, _) = world
        .visible_entry(&id, call.partner())
        .ok_or_else(|| ApiError::entry_not_found(&id))?;
    let flavors = world
        .assets_of(&entry_id)
        .into_iter()
        .filter(|(_, asset)| asset.kind == AssetKind::Flavor);
    Ok(Value::Array(
        flavors
            .map(|(_, asset)| Value::Object(asset.fields.clone()))
            .collect(),
    ))
}

fn get_url(call: &Call<'_>) -> Answer {
    let world = call.shared.world();
    let (asset_id, asset) = FLAVORS.seen(&world, call, "id")?;
    if asset.status() != READY {
        return Err(ApiError::new(
            "FLAVOR_ASSET_IS_NOT_READY",
            "The flavor asset is not ready",
            &[],
        ));
    }
    Ok(json!(crate::playback::progressive_url(
        call.shared,
        call.partner(),
        &asset.entry_id,
        &asset_id
    )))
}
