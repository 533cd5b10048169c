//! attachmentAsset, transcripts among them (spec sections 3.3 and 7).

use super::asset::AssetService;
use super::{Answer, Call, list_assets, not_modelled};
use crate::answer::ApiError;
use crate::assets::{self, Content, ERROR, READY};
use crate::report::AssetKind;
use axum::http::{HeaderMap, Method};
use futures::StreamExt as _;
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;

const ATTACHMENTS: AssetService = AssetService {
    kind: AssetKind::Attachment,
    object: "attachmentAsset",
    not_found,
};

pub(super) async fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "add" => ATTACHMENTS.add(call, |_, _, _| Ok(())),
        "update" => ATTACHMENTS.update(call, |_, _| Ok(())),
        "setContent" => set_content(call).await,
        "get" => ATTACHMENTS.get(call, "attachmentAssetId"),
        "getUrl" => get_url(call),
        "list" => list_assets(call, AssetKind::Attachment, "KalturaAttachmentAssetListResponse"),
        _ => Err(not_modelled(call)),
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(
        "ATTACHMENT_ASSET_ID_NOT_FOUND",
        "The attachment asset id \"@ATTACHMENT_ASSET_ID@\" was not found",
        &[("ATTACHMENT_ASSET_ID", id)],
    )
}

/// Inside the call, without the caller's headers: the server drops them here (spec D2).
async fn set_content(call: &Call<'_>) -> Answer {
    let resource = call.arguments.object("contentResource")?;
    let (asset_id, given_extension) = {
        let world = call.shared.world();
        let (asset_id, asset) = ATTACHMENTS.editable(&world, call)?;
        (asset_id, asset.text("fileExt"))
    };
    let (path, extension) = match assets::read_resource(call, &asset_id, resource)? {
        Content::Url { url, .. } => match download(call, &url, &given_extension).await {
            Ok(found) => found,
            Err(reason) => {
                tracing::info!(asset = %asset_id, reason, "the attachment can't be fetched");
                assets::set_status(call.shared, &asset_id, ERROR, None);
                return Err(ApiError::new(
                    "ATTACHMENT_ASSET_DOWNLOAD_FAILED",
                    "Failed to download file from url \"@URL@\"",
                    &[("URL", &url)],
                ));
            }
        },
        Content::File { path, extension } => (path, extension.unwrap_or_default()),
        Content::Waiting => {
            assets::set_status(call.shared, &asset_id, assets::IMPORTING, None);
            return ATTACHMENTS.get(call, "id");
        }
    };
    assets::attach(call.shared, &asset_id, &path, Some(&extension))
        .map_err(|error| assets::internal(&error))?;
    ATTACHMENTS.get(call, "id")
}

/// Fetches into a file named by the last part of the address, query included, and appends: what another download of
/// that name left there stays in front. A name beyond 255 characters is hashed and leaves the extension alone.
async fn download(call: &Call<'_>, url: &str, given_extension: &str) -> Result<(PathBuf, String), String> {
    let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or("file");
    let (name, extension) = if name.len() > 255 {
        (
            crate::session::hex(&<md5::Md5 as md5::Digest>::digest(url)),
            given_extension.to_owned(),
        )
    } else {
        (
            name.to_owned(),
            name.rsplit_once('.')
                .map_or(String::new(), |(_, extension)| extension.to_owned()),
        )
    };
    let path = call.shared.work_dir.join("downloads").join(name);
    crate::import::check_address(call.shared, url).await?;
    let asked = call
        .shared
        .web
        .fetch(Method::GET, url.to_owned(), HeaderMap::new());
    let mut answer = asked.await?;
    if !(200..300).contains(&answer.status) {
        return Err(format!("HTTP Error: [{}]", answer.status));
    }
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|error| error.to_string())?;
    while let Some(chunk) = answer.body.next().await {
        file.write_all(&chunk?).map_err(|error| error.to_string())?;
    }
    Ok((path, extension))
}

fn get_url(call: &Call<'_>) -> Answer {
    let world = call.shared.world();
    let (id, asset) = ATTACHMENTS.seen(&world, call, "id")?;
    if asset.status() != READY {
        return Err(ApiError::new(
            "ATTACHMENT_ASSET_IS_NOT_READY",
            "The attachment asset is not ready",
            &[],
        ));
    }
    let ks = super::view_session(&world, call, asset);
    Ok(json!(format!(
        "{}/api_v3/index.php/service/attachment_attachmentasset/action/serve/attachmentAssetId/{id}/ks/{ks}",
        call.shared.service_url
    )))
}

/// The file behind [`get_url`]'s address.
pub(crate) fn served_file(call: &Call<'_>) -> Result<PathBuf, ApiError> {
    let world = call.shared.world();
    let (_, asset) = ATTACHMENTS.seen(&world, call, "attachmentAssetId")?;
    let file = asset.file.clone().filter(|_| asset.status() == READY);
    file.ok_or_else(|| {
        ApiError::new(
            "ATTACHMENT_ASSET_IS_NOT_READY",
            "The attachment asset is not ready",
            &[],
        )
    })
}
