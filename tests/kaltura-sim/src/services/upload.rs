//! uploadToken (spec section 5).

use super::{Answer, Call, list_response, not_modelled, page};
use crate::answer::ApiError;
use crate::assets;
use crate::ids::AssetId;
use crate::params;
use crate::world::{Shared, UploadToken, World};
use bytes::Bytes;
use serde_json::{Value, json};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Token statuses (spec section 1.7).
pub(crate) const PENDING: i64 = 0;
const PARTIAL_UPLOAD: i64 = 1;
pub(crate) const FULL_UPLOAD: i64 = 2;
pub(crate) const CLOSED: i64 = 3;

/// How long the final chunk waits for those before it, on the sim clock.
const GAP_WAIT_MS: i64 = 45_000;

/// How long after its token an upload may be gone on with.
const RESUME_WINDOW_S: i64 = 7 * 86_400;

/// Most chunks that wait behind a gap.
const MAX_WAITING_CHUNKS: usize = 1_000;

/// Some of the file types that no account takes: what a server or a machine would run.
const RESTRICTED: [&str; 4] = ["exe", "php", "sh", "bat"];

pub(super) async fn run(call: &Call<'_>) -> Answer {
    match call.action {
        "add" => add(call),
        "upload" => upload(call).await,
        "get" => get(call),
        "list" => list(call),
        "delete" => delete(call),
        _ => Err(not_modelled(call)),
    }
}

fn not_found() -> ApiError {
    ApiError::new("UPLOAD_TOKEN_NOT_FOUND", "Upload token not found", &[])
}

fn add(call: &Call<'_>) -> Answer {
    let mut fields = match call.arguments.objects.get("uploadToken") {
        Some(object) => call.shared.contract.for_insert(object)?,
        None => crate::contract::Fields::new(),
    };
    if fields.get("autoFinalize").is_some_and(params::boolean) && !fields.contains_key("fileSize") {
        return Err(ApiError::new(
            "UPLOAD_TOKEN_MISSING_FILE_SIZE",
            "Missing file size value in upload token when auto finalize is set",
            &[],
        ));
    }
    let id = format!("0_{}", crate::session::random_name(32));
    let now_s = call.now_s();
    for (name, value) in [
        ("id", json!(id)),
        ("partnerId", json!(call.partner())),
        ("userId", json!(call.user_id())),
        ("status", json!(PENDING)),
        ("uploadedFileSize", json!(0)),
        ("createdAt", json!(now_s)),
        ("updatedAt", json!(now_s)),
        ("uploadUrl", json!(call.shared.service_url)),
        ("objectType", json!("KalturaUploadToken")),
    ] {
        fields.insert(name.to_owned(), value);
    }
    let token = UploadToken {
        partner_id: call.partner(),
        user_id: call.user_id().to_owned(),
        fields: fields.clone(),
        file: call.shared.work_dir.join("uploads").join(&id),
        written: Vec::new(),
        waiting_asset: None,
    };
    call.shared.world().upload_tokens.insert(id, token);
    Ok(Value::Object(fields))
}

/// A token of the session's account and user.
fn own<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut UploadToken, ApiError> {
    let id = call.arguments.text("uploadTokenId");
    world
        .upload_tokens
        .get_mut(&id)
        .filter(|token| {
            token.partner_id == call.partner() && (call.is_admin() || token.user_id == call.user_id())
        })
        .ok_or_else(not_found)
}

async fn upload(call: &Call<'_>) -> Answer {
    let (file_name, content) = call
        .file
        .clone()
        .ok_or_else(|| ApiError::missing_parameter("fileData"))?;
    if file_name.is_empty() {
        return Err(ApiError::new("UPLOAD_ERROR", "Upload failed", &[]));
    }
    let resume = call.arguments.boolean("resume").unwrap_or(false);
    let is_final = call.arguments.boolean("finalChunk").unwrap_or(true);
    let resume_at = call.arguments.text("resumeAt").parse::<f64>().unwrap_or(-1.0);
    let (path, start) = {
        let mut world = call.shared.world();
        let token = own(&mut world, call)?;
        let status = token.status();
        if !matches!(status, PENDING | PARTIAL_UPLOAD) {
            return Err(ApiError::new(
                "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD",
                "Upload token is in an invalid status for uploading a file, maybe the file was already uploaded",
                &[],
            ));
        }
        if resume && status == PENDING {
            return Err(ApiError::new(
                "UPLOAD_TOKEN_CANNOT_RESUME",
                "Upload token is in an invalid status for resuming the upload",
                &[],
            ));
        }
        if RESTRICTED.contains(&assets::extension_of(&file_name).as_str()) {
            return Err(ApiError::new(
                "UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD",
                "The file type is restricted for upload",
                &[],
            ));
        }
        let made_s = token.fields.get("createdAt").map(params::integer);
        if resume && made_s.is_some_and(|made_s| call.now_s() - made_s > RESUME_WINDOW_S) {
            return Err(ApiError::new(
                "UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED",
                "Upload token passed the time that an upload may be resumed for",
                &[],
            ));
        }
        if resume && waiting_chunks(&token.written) >= MAX_WAITING_CHUNKS {
            return Err(ApiError::new(
                "MAX_ALLOWED_CHUNK_COUNT_EXCEEDED",
                "Too many chunks wait for those before them",
                &[],
            ));
        }
        if !resume {
            token.written.clear();
        }
        token.fields.entry("fileName").or_insert_with(|| json!(file_name));
        let end = token.written.iter().map(|(_, end)| *end).max().unwrap_or(0);
        (token.file.clone(), start_of(resume, resume_at, end))
    };
    write_at(&path, start, &content, !resume).map_err(|error| assets::internal(&error))?;
    let end = start + content.len() as u64;
    let whole = {
        let mut world = call.shared.world();
        let token = own(&mut world, call)?;
        token.written.push((start, end));
        token.fields.insert("status".to_owned(), PARTIAL_UPLOAD.into());
        let size = contiguous(&token.written);
        token.fields.insert("uploadedFileSize".to_owned(), size.into());
        let expected = token
            .fields
            .get("fileSize")
            .map(params::integer)
            .and_then(|size| u64::try_from(size).ok());
        let auto = token.fields.get("autoFinalize").is_some_and(params::boolean) && expected == Some(size);
        (is_final || auto).then_some(if auto { size } else { end })
    };
    if let Some(size) = whole {
        wait_for_gaps(call, size).await?;
        finish(call)?;
    }
    let mut world = call.shared.world();
    own(&mut world, call).map(|token| Value::Object(token.fields.clone()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` from a float saturates; checked for sign before"
)]
fn start_of(resume: bool, resume_at: f64, end: u64) -> u64 {
    match (resume, resume_at >= 0.0) {
        (false, _) => 0,
        (true, true) => resume_at as u64,
        (true, false) => end,
    }
}

fn write_at(path: &Path, start: u64, content: &Bytes, truncate: bool) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(truncate)
        .open(path)?;
    file.seek(SeekFrom::Start(start))?;
    file.write_all(content)
}

/// Bytes from the start without a gap.
fn contiguous(written: &[(u64, u64)]) -> u64 {
    let mut sorted = written.to_vec();
    sorted.sort_unstable();
    sorted.iter().fold(0, |reached, (start, end)| {
        if *start <= reached {
            reached.max(*end)
        } else {
            reached
        }
    })
}

/// Chunks that begin behind a gap.
fn waiting_chunks(written: &[(u64, u64)]) -> usize {
    let reached = contiguous(written);
    written.iter().filter(|(start, _)| *start > reached).count()
}

/// The final chunk may come before others; the server waits a while for them.
async fn wait_for_gaps(call: &Call<'_>, size: u64) -> Result<(), ApiError> {
    let due_ms = call.shared.clock.now_ms() + GAP_WAIT_MS;
    loop {
        {
            let mut world = call.shared.world();
            if contiguous(&own(&mut world, call)?.written) >= size {
                return Ok(());
            }
        }
        if call.shared.clock.now_ms() >= due_ms {
            return Err(ApiError::new(
                "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE",
                "Unable to match the expected size of the file",
                &[],
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The upload has ended: the asset that waits for it gets its file.
fn finish(call: &Call<'_>) -> Result<(), ApiError> {
    let now_s = call.now_s();
    let waiting = {
        let mut world = call.shared.world();
        let token = own(&mut world, call)?;
        let waiting = token.waiting_asset.take();
        let status = if waiting.is_some() { CLOSED } else { FULL_UPLOAD };
        token.fields.insert("status".to_owned(), status.into());
        token.fields.insert("updatedAt".to_owned(), now_s.into());
        let name = token
            .fields
            .get("fileName")
            .and_then(params::text)
            .unwrap_or_default();
        waiting.map(|asset| (asset, token.file.clone(), assets::extension_of(&name)))
    };
    waiting.map_or(Ok(()), |(asset, file, extension)| {
        attach_waiting(call.shared, &asset, &file, &extension)
    })
}

fn attach_waiting(
    shared: &Arc<Shared>,
    asset: &AssetId,
    file: &Path,
    extension: &str,
) -> Result<(), ApiError> {
    assets::attach(shared, asset, file, Some(extension)).map_err(|error| assets::internal(&error))
}

fn get(call: &Call<'_>) -> Answer {
    let mut world = call.shared.world();
    own(&mut world, call).map(|token| Value::Object(token.fields.clone()))
}

fn list(call: &Call<'_>) -> Answer {
    let world = call.shared.world();
    let tokens = world.upload_tokens.values().filter(|token| {
        token.partner_id == call.partner() && (call.is_admin() || token.user_id == call.user_id())
    });
    let objects = tokens.map(|token| Value::Object(token.fields.clone())).collect();
    Ok(list_response(
        "KalturaUploadTokenListResponse",
        page(call, objects)?,
    ))
}

fn delete(call: &Call<'_>) -> Answer {
    let id = call.arguments.text("uploadTokenId");
    let mut world = call.shared.world();
    own(&mut world, call)?;
    world.upload_tokens.remove(&id);
    Ok(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::{contiguous, waiting_chunks};

    #[test]
    fn gaps_end_the_contiguous_part() {
        assert_eq!(contiguous(&[]), 0);
        assert_eq!(contiguous(&[(10, 20), (0, 10)]), 20);
        assert_eq!(contiguous(&[(0, 10), (11, 20)]), 10);
        assert_eq!(contiguous(&[(0, 10), (5, 8)]), 10);
        assert_eq!(waiting_chunks(&[(0, 10), (11, 20), (20, 30)]), 2);
    }
}
