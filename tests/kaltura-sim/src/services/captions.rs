//! captionAsset (spec section 7).

use super::{Answer, Call, add_asset, apply, list_assets, media_entry, not_modelled};
use crate::answer::ApiError;
use crate::assets::{self, Content, DELETED, IMPORTING, READY};
use crate::caption_check;
use crate::ids::AssetId;
use crate::params;
use crate::report::AssetKind;
use serde_json::{Value, json};

pub(super) fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "add" => add(call),
        "update" => update(call),
        "setContent" => set_content(call),
        "get" => get(call),
        "getUrl" => get_url(call),
        "list" => list_assets(call, AssetKind::Caption, "KalturaCaptionAssetListResponse"),
        "delete" => delete(call),
        "setAsDefault" => set_as_default(call),
        _ => Err(not_modelled(call)),
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(
        "CAPTION_ASSET_ID_NOT_FOUND",
        "The caption asset id \"@CAPTION_ASSET_ID@\" was not found",
        &[("CAPTION_ASSET_ID", id)],
    )
}

fn add(call: &Call<'_>) -> Answer {
    let entry = call.arguments.text("entryId");
    let mut world = call.shared.world();
    let (entry_id, _) = media_entry(&world, call, &entry)?;
    call.may_edit(&entry)?;
    let object = call.arguments.object("captionAsset")?;
    let mut fields = call.shared.contract.for_insert(object)?;
    let params_id = fields
        .get("captionParamsId")
        .map(params::integer)
        .filter(|id| *id > 0);
    let duplicate = params_id.and_then(|id| {
        let mut assets = world.assets_of(&entry_id).into_iter();
        assets.find(|(_, asset)| asset.fields.get("captionParamsId").map(params::integer) == Some(id))
    });
    if let (Some((id, _)), Some(params_id)) = (duplicate, params_id) {
        return Err(ApiError::new(
            "CAPTION_ASSET_ALREADY_EXISTS",
            "The caption asset already exists for params id \"@PARAMS_ID@\", asset id \"@ASSET_ID@\"",
            &[("ASSET_ID", id.as_str()), ("PARAMS_ID", &params_id.to_string())],
        ));
    }
    let format = fields.entry("format").or_insert_with(|| json!("1")).clone();
    let format = params::text(&format).unwrap_or_default();
    fields
        .entry("fileExt")
        .or_insert_with(|| json!(caption_check::extension(&format)));
    fields.entry("usage").or_insert_with(|| json!("0"));
    fields.entry("label").or_insert_with(|| json!(""));
    fields.entry("displayOnPlayer").or_insert_with(|| json!(true));
    if call
        .session
        .as_ref()
        .is_some_and(|session| session.ks.privilege("enablecaptionmoderation").is_some())
    {
        fields.insert("displayOnPlayer".to_owned(), json!(false));
    }
    let is_default = fields.get("isDefault").map(params::integer) == Some(1);
    fields.insert("isDefault".to_owned(), json!(is_default));
    if is_default {
        for asset in world.assets.values_mut() {
            if asset.kind == AssetKind::Caption && asset.entry_id == entry_id {
                asset.fields.insert("isDefault".to_owned(), json!(false));
            }
        }
    }
    Ok(add_asset(
        &mut world,
        call,
        AssetKind::Caption,
        entry_id,
        &object.class,
        fields,
    ))
}

fn update(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let object = call.arguments.object("captionAsset")?;
    let mut world = call.shared.world();
    let (asset_id, asset) =
        assets::visible(&world, &id, AssetKind::Caption, call.partner()).ok_or_else(|| not_found(&id))?;
    call.may_edit(asset.entry_id.as_str())?;
    let mut changes = call.shared.contract.for_update(object, &asset.fields)?;
    if let Some(flag) = changes.remove("isDefault").filter(|flag| !flag.is_null()) {
        // Making it the default is for the entry's owner, which an access key's anonymous user isn't.
        if params::integer(&flag) == 1 && !call.is_admin() {
            return Err(ApiError::entry_not_found(asset.entry_id.as_str()));
        }
        changes.insert("isDefault".to_owned(), json!(params::integer(&flag) == 1));
    }
    let now_s = call.now_s();
    let Some(asset) = world.assets.get_mut(&asset_id) else {
        return Err(not_found(&id));
    };
    apply(&mut asset.fields, changes, now_s);
    Ok(Value::Object(asset.fields.clone()))
}

fn set_content(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let resource = call.arguments.object("contentResource")?;
    let asset_id = {
        let world = call.shared.world();
        let (asset_id, asset) =
            assets::visible(&world, &id, AssetKind::Caption, call.partner()).ok_or_else(|| not_found(&id))?;
        call.may_edit(asset.entry_id.as_str())?;
        asset_id
    };
    put_content(call, &asset_id, resource)?;
    let world = call.shared.world();
    world
        .assets
        .get(&asset_id)
        .map(|asset| Value::Object(asset.fields.clone()))
        .ok_or_else(|| not_found(&id))
}

/// The way of captions and flavors: addresses become import jobs, files are taken at once.
pub(super) fn put_content(
    call: &Call<'_>,
    asset_id: &AssetId,
    resource: &crate::contract::Object,
) -> Result<(), ApiError> {
    match assets::read_resource(call, asset_id, resource)? {
        Content::Url { url, headers } => {
            assets::set_status(call.shared, asset_id, IMPORTING, None);
            crate::import::start(call.shared, asset_id.clone(), &url, headers);
            Ok(())
        }
        Content::File { path, extension } => {
            assets::attach(call.shared, asset_id, &path, extension.as_deref())
                .map_err(|error| assets::internal(&error))
        }
        Content::Waiting => {
            assets::set_status(call.shared, asset_id, IMPORTING, None);
            Ok(())
        }
    }
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("captionAssetId");
    let world = call.shared.world();
    let (_, asset) =
        assets::visible(&world, &id, AssetKind::Caption, call.partner()).ok_or_else(|| not_found(&id))?;
    Ok(Value::Object(asset.fields.clone()))
}

/// An address that needs no other session: it carries one of its own for a day.
fn get_url(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("id");
    let world = call.shared.world();
    let (_, asset) =
        assets::visible(&world, &id, AssetKind::Caption, call.partner()).ok_or_else(|| not_found(&id))?;
    if asset.status() != READY {
        return Err(ApiError::new(
            "CAPTION_ASSET_IS_NOT_READY",
            "The caption asset is not ready",
            &[],
        ));
    }
    let ks = super::view_session(&world, call, asset);
    Ok(json!(format!(
        "{}/api_v3/index.php/service/caption_captionasset/action/serve/captionAssetId/{id}/v/{}/ks/{ks}",
        call.shared.service_url,
        asset.text("version"),
    )))
}

/// The file behind [`get_url`]'s address.
pub(crate) fn served_file(call: &Call<'_>) -> Result<std::path::PathBuf, ApiError> {
    let id = call.arguments.text("captionAssetId");
    let world = call.shared.world();
    let (_, asset) =
        assets::visible(&world, &id, AssetKind::Caption, call.partner()).ok_or_else(|| not_found(&id))?;
    let file = asset.file.clone().filter(|_| asset.status() == READY);
    file.ok_or_else(|| {
        ApiError::new(
            "CAPTION_ASSET_IS_NOT_READY",
            "The caption asset is not ready",
            &[],
        )
    })
}

fn delete(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("captionAssetId");
    let mut world = call.shared.world();
    let (asset_id, asset) =
        assets::visible(&world, &id, AssetKind::Caption, call.partner()).ok_or_else(|| not_found(&id))?;
    call.may_edit(asset.entry_id.as_str())?;
    if let Some(asset) = world.assets.get_mut(&asset_id) {
        asset.fields.insert("status".to_owned(), DELETED.into());
    }
    Ok(Value::Null)
}

fn set_as_default(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("captionAssetId");
    let mut world = call.shared.world();
    let (asset_id, asset) =
        assets::visible(&world, &id, AssetKind::Caption, call.partner()).ok_or_else(|| not_found(&id))?;
    let entry_id = asset.entry_id.clone();
    if !call.is_admin() {
        return Err(ApiError::entry_not_found(entry_id.as_str()));
    }
    for (other, asset) in &mut world.assets {
        if asset.kind == AssetKind::Caption && asset.entry_id == entry_id {
            asset
                .fields
                .insert("isDefault".to_owned(), json!(*other == asset_id));
        }
    }
    Ok(Value::Null)
}
