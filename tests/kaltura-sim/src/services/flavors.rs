//! flavorAsset (spec section 7).

use super::{Answer, Call, add_asset, apply, list_assets, media_entry, not_modelled};
use crate::answer::ApiError;
use crate::assets::{self, READY, flavor_not_found};
use crate::params;
use crate::report::AssetKind;
use serde_json::{Value, json};

pub(super) fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "add" => add(call),
        "update" => update(call),
        "setContent" => set_content(call),
        "get" => get(call),
        "getByEntryId" => by_entry(call),
        "getUrl" => get_url(call),
        "list" => list_assets(call, AssetKind::Flavor, "KalturaFlavorAssetListResponse"),
        _ => Err(not_modelled(call)),
    }
}

fn add(call: &Call<'_>) -> Answer {
    let entry = call.arguments.text("entryId");
    let mut world = call.shared.world();
    let (entry_id, _) = media_entry(&world, call, &entry)?;
    call.may_edit(&entry)?;
    let object = call.arguments.object("flavorAsset")?;
    let mut fields = call.shared.contract.for_insert(object)?;
    let params_id = fields.get("flavorParamsId").map(params::integer);
    let duplicate = params_id.and_then(|id| {
        world
            .assets_of(&entry_id)
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
    let is_default = fields.get("isDefault").map(params::integer) == Some(1);
    fields.insert("isDefault".to_owned(), json!(is_default));
    if params::text(fields.get("label").unwrap_or(&Value::Null)).is_none_or(|label| label.is_empty())
        && let Some(language) = fields.get("language").cloned()
    {
        fields.insert("label".to_owned(), language);
    }
    Ok(add_asset(
        &mut world,
        call,
        AssetKind::Flavor,
        entry_id,
        &object.class,
        fields,
    ))
}

fn update(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let object = call.arguments.object("flavorAsset")?;
    let mut world = call.shared.world();
    let (asset_id, asset) = assets::visible(&world, &id, AssetKind::Flavor, call.partner())
        .ok_or_else(|| flavor_not_found(&id))?;
    call.may_edit(asset.entry_id.as_str())?;
    let mut changes = call.shared.contract.for_update(object, &asset.fields)?;
    if let Some(flag) = changes
        .get("isDefault")
        .filter(|flag| !flag.is_null())
        .map(params::integer)
    {
        changes.insert("isDefault".to_owned(), json!(flag == 1));
    }
    let now_s = call.now_s();
    let Some(asset) = world.assets.get_mut(&asset_id) else {
        return Err(flavor_not_found(&id));
    };
    apply(&mut asset.fields, changes, now_s);
    Ok(Value::Object(asset.fields.clone()))
}

fn set_content(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let resource = call.arguments.object("contentResource")?;
    let asset_id = {
        let world = call.shared.world();
        let (asset_id, asset) = assets::visible(&world, &id, AssetKind::Flavor, call.partner())
            .ok_or_else(|| flavor_not_found(&id))?;
        call.may_edit(asset.entry_id.as_str())?;
        asset_id
    };
    super::captions::put_content(call, &asset_id, resource)?;
    let world = call.shared.world();
    world
        .assets
        .get(&asset_id)
        .map(|asset| Value::Object(asset.fields.clone()))
        .ok_or_else(|| flavor_not_found(&id))
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let world = call.shared.world();
    let (_, asset) = assets::visible(&world, &id, AssetKind::Flavor, call.partner())
        .ok_or_else(|| flavor_not_found(&id))?;
    Ok(Value::Object(asset.fields.clone()))
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
    let id = call.arguments.text("id");
    let world = call.shared.world();
    let (asset_id, asset) = assets::visible(&world, &id, AssetKind::Flavor, call.partner())
        .ok_or_else(|| flavor_not_found(&id))?;
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
