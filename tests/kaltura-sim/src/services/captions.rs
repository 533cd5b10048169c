//! captionAsset (spec section 7).

use super::asset::{AssetService, keep_flag};
use super::{Answer, Call, list_assets, not_modelled};
use crate::answer::ApiError;
use crate::assets::{DELETED, READY};
use crate::caption_check;
use crate::contract::Fields;
use crate::ids::EntryId;
use crate::params;
use crate::report::AssetKind;
use crate::world::World;
use serde_json::{Value, json};

const CAPTIONS: AssetService = AssetService {
    kind: AssetKind::Caption,
    object: "captionAsset",
    not_found,
};

pub(super) fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "add" => CAPTIONS.add(call, |world, entry_id, fields| {
            complete(call, world, entry_id, fields)
        }),
        "update" => update(call),
        "setContent" => CAPTIONS.set_content(call),
        "get" => CAPTIONS.get(call, "captionAssetId"),
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

fn complete(
    call: &Call<'_>,
    world: &mut World,
    entry_id: &EntryId,
    fields: &mut Fields,
) -> Result<(), ApiError> {
    let params_id = fields
        .get("captionParamsId")
        .map(params::integer)
        .filter(|id| *id > 0);
    let duplicate = params_id.and_then(|id| {
        let mut assets = world.assets_of(entry_id).into_iter();
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
    let defaults = [
        ("fileExt", json!(caption_check::extension(&format))),
        ("usage", json!("0")),
        ("label", json!("")),
        ("displayOnPlayer", json!(true)),
        ("isDefault", json!(0)),
    ];
    for (name, value) in defaults {
        fields.entry(name).or_insert(value);
    }
    if call
        .session
        .as_ref()
        .is_some_and(|session| session.ks.privilege("enablecaptionmoderation").is_some())
    {
        fields.insert("displayOnPlayer".to_owned(), json!(false));
    }
    if keep_flag(fields, "isDefault") == Some(true) {
        for asset in world.assets.values_mut() {
            if asset.kind == AssetKind::Caption && asset.entry_id == *entry_id {
                asset.fields.insert("isDefault".to_owned(), json!(false));
            }
        }
    }
    Ok(())
}

fn update(call: &Call<'_>) -> Answer {
    CAPTIONS.update(call, |changes, asset| {
        // Making it the default is for the entry's owner, which an access key's anonymous user isn't.
        if keep_flag(changes, "isDefault") == Some(true) && !call.is_admin() {
            return Err(ApiError::entry_not_found(asset.entry_id.as_str()));
        }
        Ok(())
    })
}

/// An address that needs no other session: it carries one of its own for a day.
fn get_url(call: &Call<'_>) -> Answer {
    let world = call.shared.world();
    let (id, asset) = CAPTIONS.seen(&world, call, "id")?;
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
    let world = call.shared.world();
    let (_, asset) = CAPTIONS.seen(&world, call, "captionAssetId")?;
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
    let mut world = call.shared.world();
    let (asset_id, asset) = CAPTIONS.seen(&world, call, "captionAssetId")?;
    call.may_edit(asset.entry_id.as_str())?;
    if let Some(asset) = world.assets.get_mut(&asset_id) {
        asset.fields.insert("status".to_owned(), DELETED.into());
    }
    Ok(Value::Null)
}

fn set_as_default(call: &Call<'_>) -> Answer {
    let mut world = call.shared.world();
    let (asset_id, asset) = CAPTIONS.seen(&world, call, "captionAssetId")?;
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
