//! The customer's own text that an order is on: captions to translate, a transcript to align. Part of the fetch step.
//!
//! It is checked as the guide asks before it is fetched: its language, and for translations that its accuracy is 100 %,
//! which stands for people's work. Repeating it is safe: what the record names is not fetched again.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use engines::language::{Language, same_language};
use kaltura::{AssetId, AssetStatus, SecretUrl, ServiceFeature};
use media::{MediaSource, PartSink, Resume, SinkError};

use super::Task;
use crate::error::{Refusal, Result, StepError};
use crate::material::SourceMaterial;
use crate::plan::{Plan, SourceText};
use crate::ports::MediaKind;

/// The accuracy of captions that may be translated (guide, "Translations": "not translate it if the captions are not at
/// 100 % percent accuracy").
const TRANSLATABLE_PERCENT: i64 = 100;

/// Fetches the text that the plan names, if it names one.
pub(super) async fn fetch(task: &mut Task<'_>, plan: &Plan) -> Result<()> {
    let Some(source) = plan
        .source_text
        .clone()
        .filter(|_| task.record.source_text_key.is_none())
    else {
        return Ok(());
    };
    let material = match &source {
        SourceText::Caption(id) => {
            let url = caption(task, plan, id).await?;
            let file = download(task, &url).await?;
            let read = captions::read_any(&file);
            let (_, cues) =
                read.map_err(|error| unusable(id, &format!("its file holds no captions ({error})")))?;
            SourceMaterial::Cues(cues)
        }
        SourceText::TextTranscript(id) => {
            let file = attachment(task, id).await?;
            SourceMaterial::Text(String::from_utf8_lossy(&file).into_owned())
        }
        SourceText::JsonTranscript(id) => {
            let file = attachment(task, id).await?;
            let read = captions::read_timed_json(&file);
            let transcript =
                read.map_err(|error| unusable(id, &format!("its file holds no transcript ({error})")))?;
            SourceMaterial::Text(captions::write_text(
                &transcript,
                &crate::render::layout_rules(&plan.style, &plan.source_bcp47),
            ))
        }
    };
    let json = serde_json::to_vec(&material).map_err(|error| StepError::RecordUnreadable {
        what: "the source's text".to_owned(),
        detail: error.to_string(),
    })?;
    let key = format!("sources/{}/text.json", task.record.task_id);
    task.ctx
        .objects()?
        .put(&key, json.into(), "application/json")
        .await?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change(|record| {
        record.source_text_key = Some(key.clone());
        record.note(now_epoch_s, "the customer's text fetched");
    })
    .await
}

fn unusable(asset_id: &AssetId, why: &str) -> StepError {
    Refusal::SourceUnusable {
        asset_id: asset_id.to_string(),
        why: why.to_owned(),
    }
    .into()
}

/// Checks the captions, and says where their file is.
async fn caption(task: &mut Task<'_>, plan: &Plan, id: &AssetId) -> Result<SecretUrl> {
    let asset = match task.with_key(async |client| client.caption_get(id).await).await {
        Err(error) if error.name() == "CAPTION_ASSET_ID_NOT_FOUND" => {
            return Err(unusable(id, "the captions that it names don't exist"));
        }
        outcome => outcome?,
    };
    match asset.status {
        Some(AssetStatus::Ready) | None => {}
        Some(AssetStatus::Error | AssetStatus::Deleted) => {
            return Err(unusable(id, "the captions that it names failed or were deleted"));
        }
        Some(status) => {
            return Err(StepError::SourceNotReady {
                asset_id: id.to_string(),
                status: format!("{status:?}"),
            });
        }
    }
    let language = asset.language.clone().unwrap_or_default();
    let is_same = Language::by_catalog_name(&language).map_or(language == plan.source_language, |known| {
        same_language(known.bcp47, &plan.source_bcp47)
    });
    if !is_same {
        let ordered = &plan.source_language;
        return Err(unusable(
            id,
            &format!("the captions are in \"{language}\", and the order is for \"{ordered}\""),
        ));
    }
    if plan.service() == ServiceFeature::Translation && asset.accuracy != Some(TRANSLATABLE_PERCENT) {
        let accuracy = asset
            .accuracy
            .map_or_else(|| "unknown".to_owned(), |percent| format!("{percent} %"));
        return Err(unusable(
            id,
            &format!("the accuracy of the captions is {accuracy}, and only captions of 100 % are translated"),
        ));
    }
    task.with_key(async |client| client.caption_url(id).await).await
}

async fn attachment(task: &mut Task<'_>, id: &AssetId) -> Result<Bytes> {
    let url = match task
        .with_key(async |client| client.attachment_url(id).await)
        .await
    {
        Err(error) if error.name() == "ATTACHMENT_ASSET_ID_NOT_FOUND" => {
            return Err(unusable(id, "the transcript that it names doesn't exist"));
        }
        outcome => outcome?,
    };
    download(task, &url).await
}

/// A text's file, with the checks on addresses that media have.
async fn download(task: &Task<'_>, url: &SecretUrl) -> Result<Bytes> {
    let sink = SmallFile::default();
    task.ctx
        .fetcher()?
        .fetch(
            &MediaSource::new(url.reveal()),
            MediaKind::Progressive,
            &sink,
            Resume::never(),
        )
        .await?;
    sink.content()
        .ok_or_else(|| task.out_of_order("fetch", "the text's file"))
}

/// A file that fits into one part: a text of several MiB is none.
#[derive(Default)]
struct SmallFile(Mutex<Option<Bytes>>);

impl SmallFile {
    fn content(&self) -> Option<Bytes> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl PartSink for SmallFile {
    async fn put_part(&self, _number: u32, data: Bytes) -> std::result::Result<(), SinkError> {
        Err(SinkError::permanent(format!(
            "the text is larger than {} bytes, which no text is",
            data.len()
        )))
    }

    async fn finish(&self, _parts: u32) -> std::result::Result<(), SinkError> {
        Ok(())
    }

    async fn put_whole(&self, data: Bytes) -> std::result::Result<(), SinkError> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(data);
        Ok(())
    }

    async fn abort(&self) -> std::result::Result<(), SinkError> {
        Ok(())
    }
}
