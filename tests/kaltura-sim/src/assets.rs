//! Content of assets: putting a file into one, and reading the resource that `setContent` names (spec section 3).

use crate::answer::ApiError;
use crate::contract::Object;
use crate::ids::{AssetId, PartnerId};
use crate::params;
use crate::report::AssetKind;
use crate::services::Call;
use crate::world::{Shared, World};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Asset statuses (spec section 1.7).
pub(crate) const ERROR: i64 = -1;
pub(crate) const QUEUED: i64 = 0;
pub(crate) const READY: i64 = 2;
pub(crate) const DELETED: i64 = 3;
pub(crate) const IMPORTING: i64 = 7;

/// What a resource is, once read.
pub(crate) enum Content {
    /// An address to fetch later, or now for attachments.
    Url {
        url: String,
        headers: Vec<String>,
        /// Whether a HEAD with the headers goes before everything else.
        should_redirect: bool,
    },
    /// A file that is here, with the extension it gives the asset; `None`: it has none.
    File {
        path: PathBuf,
        extension: Option<String>,
    },
    /// A token whose upload hasn't ended.
    Waiting,
}

/// Reads the resource of a `setContent` call. Takes an upload token's file away: tokens serve once.
pub(crate) fn read_resource(
    call: &Call<'_>,
    asset: &AssetId,
    resource: &Object,
) -> Result<Content, ApiError> {
    let text = |name: &str| {
        resource
            .fields
            .get(name)
            .and_then(params::text)
            .unwrap_or_default()
    };
    match resource.class.as_str() {
        "KalturaUrlResource" => {
            let url = text("url");
            if url.is_empty() {
                return Err(ApiError::new(
                    "PROPERTY_VALIDATION_CANNOT_BE_NULL",
                    "The property \"@PROP_NAME@\" cannot be null",
                    &[("PROP_NAME", "url")],
                ));
            }
            let headers = resource
                .fields
                .get("urlHeaders")
                .map(params::list)
                .unwrap_or_default();
            let lines = headers
                .iter()
                .filter_map(|header| header.get("value").and_then(params::text));
            Ok(Content::Url {
                url,
                headers: lines.filter(|line| !line.is_empty()).collect(),
                should_redirect: resource.fields.get("shouldRedirect").is_some_and(params::boolean),
            })
        }
        "KalturaUploadedFileTokenResource" => take_token(call, asset, &text("token")),
        "KalturaStringResource" => {
            let path = call
                .shared
                .work_dir
                .join("uploads")
                .join(format!("{asset}.string"));
            std::fs::write(&path, text("content")).map_err(|error| internal(&error))?;
            Ok(Content::File {
                path,
                extension: None,
            })
        }
        "KalturaAssetResource" => {
            // It copies a flavor; a token's id is none (spec D3).
            let id = AssetId::from(text("assetId"));
            let world = call.shared.world();
            let found = world
                .assets
                .get(&id)
                .filter(|source| source.kind == AssetKind::Flavor && source.partner_id == call.partner());
            let file = found
                .and_then(|source| source.file.clone())
                .ok_or_else(|| flavor_not_found(id.as_str()))?;
            drop(world);
            let copy = call.shared.work_dir.join("uploads").join(format!("{asset}.copy"));
            std::fs::copy(&file, &copy).map_err(|error| internal(&error))?;
            Ok(Content::File {
                path: copy,
                extension: Some(extension_of(&file.to_string_lossy())),
            })
        }
        other => Err(ApiError::new(
            "RESOURCE_TYPE_NOT_SUPPORTED",
            "The resource type \"@RESOURCE_TYPE@\" is not supported",
            &[("RESOURCE_TYPE", other)],
        )),
    }
}

fn take_token(call: &Call<'_>, asset: &AssetId, id: &str) -> Result<Content, ApiError> {
    let not_found = || {
        ApiError::new(
            "UPLOADED_FILE_NOT_FOUND_BY_TOKEN",
            "The uploaded file was not found by the given token id, or was already used",
            &[],
        )
    };
    let mut world = call.shared.world();
    let token = world
        .upload_tokens
        .get_mut(id)
        .filter(|token| token.partner_id == call.partner() && token.user_id == call.user_id())
        .ok_or_else(not_found)?;
    match token.status() {
        crate::services::upload::FULL_UPLOAD => {
            token
                .fields
                .insert("status".to_owned(), crate::services::upload::CLOSED.into());
            let name = token
                .fields
                .get("fileName")
                .and_then(params::text)
                .unwrap_or_default();
            Ok(Content::File {
                path: token.file.clone(),
                extension: Some(extension_of(&name)),
            })
        }
        0 | 1 => {
            token.waiting_asset = Some(asset.clone());
            Ok(Content::Waiting)
        }
        _ => Err(not_found()),
    }
}

/// Puts a file into an asset: READY, or −1 if it is a caption that doesn't parse in its format. What was deleted meanwhile
/// stays so.
pub(crate) fn attach(
    shared: &Shared,
    asset_id: &AssetId,
    path: &Path,
    extension: Option<&str>,
) -> std::io::Result<()> {
    let content = std::fs::read(path)?;
    let now_s = shared.clock.now_s();
    let mut world = shared.world();
    let Some(asset) = undeleted(&mut world, asset_id) else {
        return Ok(());
    };
    let mut extension = extension.unwrap_or_default().to_owned();
    let format = asset.text("format");
    if extension.is_empty() {
        extension = match asset.kind {
            AssetKind::Caption => crate::caption_check::extension(&format).to_owned(),
            _ => "noex".to_owned(),
        };
    }
    let version = asset
        .fields
        .get("version")
        .map(params::integer)
        .unwrap_or_default()
        + 1;
    let safe: String = extension
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(16)
        .collect();
    let target = shared
        .work_dir
        .join("assets")
        .join(format!("{asset_id}-{version}.{safe}"));
    std::fs::rename(path, &target)?;
    let refusal = (asset.kind == AssetKind::Caption)
        .then(|| crate::caption_check::refusal(&format, &content))
        .flatten();
    asset.file = Some(target);
    let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
    for (name, value) in [
        ("fileExt", Value::from(extension)),
        ("version", version.into()),
        ("size", (size / 1024).into()),
        ("sizeInBytes", size.into()),
        ("updatedAt", now_s.into()),
        ("status", if refusal.is_some() { ERROR } else { READY }.into()),
    ] {
        asset.fields.insert(name.to_owned(), value);
    }
    match refusal {
        // The server logs the reason and doesn't tell it: the description stays as it was.
        Some(reason) => tracing::info!(asset = %asset_id, reason, "the caption doesn't parse in its format"),
        None => show_the_best(&mut world, asset_id),
    }
    Ok(())
}

/// Among captions of one language with an accuracy, the server shows the better one: from 99 % on the new one, else
/// the higher (spec section 7).
fn show_the_best(world: &mut World, asset_id: &AssetId) {
    let Some(new) = world.assets.get(asset_id) else {
        return;
    };
    let Some(accuracy) = new.fields.get("accuracy").map(params::integer) else {
        return;
    };
    if new.kind != AssetKind::Caption || !new.flag("displayOnPlayer") {
        return;
    }
    let (entry, language) = (new.entry_id.clone(), new.text("language"));
    let others: Vec<(AssetId, i64)> = world
        .assets
        .iter()
        .filter(|(id, other)| {
            *id != asset_id
                && other.kind == AssetKind::Caption
                && other.entry_id == entry
                && other.text("language") == language
                && other.flag("displayOnPlayer")
                && other.status() == READY
        })
        .filter_map(|(id, other)| {
            other
                .fields
                .get("accuracy")
                .map(|value| (id.clone(), params::integer(value)))
        })
        .collect();
    for (id, other) in others {
        let hidden = if accuracy >= 99 || accuracy > other {
            &id
        } else {
            asset_id
        };
        if let Some(asset) = world.assets.get_mut(hidden) {
            asset.fields.insert("displayOnPlayer".to_owned(), false.into());
        }
    }
}

fn undeleted<'a>(world: &'a mut World, asset_id: &AssetId) -> Option<&'a mut crate::world::Asset> {
    let asset = world.assets.get_mut(asset_id)?;
    (asset.status() != DELETED).then_some(asset)
}

/// Sets an asset's status and, for a failure, its description; not of one that was deleted.
pub(crate) fn set_status(shared: &Shared, asset_id: &AssetId, status: i64, description: Option<&str>) {
    let now_s = shared.clock.now_s();
    if let Some(asset) = undeleted(&mut shared.world(), asset_id) {
        asset.fields.insert("status".to_owned(), status.into());
        asset.fields.insert("updatedAt".to_owned(), now_s.into());
        if let Some(description) = description {
            asset.fields.insert("description".to_owned(), description.into());
        }
    }
}

/// The extension of a file name, in lower case; empty if it has none.
pub(crate) fn extension_of(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default()
}

/// The asset's fields, if it is of that kind, of that account and not deleted.
pub(crate) fn visible<'a>(
    world: &'a World,
    id: &str,
    kind: AssetKind,
    partner: PartnerId,
) -> Option<(AssetId, &'a crate::world::Asset)> {
    let id = AssetId::from(id);
    let asset = world.assets.get(&id)?;
    (asset.kind == kind && asset.partner_id == partner && asset.status() != DELETED).then_some((id, asset))
}

pub(crate) fn flavor_not_found(id: &str) -> ApiError {
    ApiError::new(
        "FLAVOR_ASSET_ID_NOT_FOUND",
        "Flavor asset id \"@ASSET_ID@\" not found",
        &[("ASSET_ID", id)],
    )
}

pub(crate) fn internal(error: &dyn std::fmt::Display) -> ApiError {
    tracing::error!(%error, "the stand-in failed");
    ApiError::new("INTERNAL_SERVERL_ERROR", "Internal server error occurred", &[])
}
