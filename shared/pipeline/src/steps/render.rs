//! Render: the files to deliver, into S3.
//!
//! Each deliverable becomes one object; what the record names is not made again, and the key is the same at each repeat. What
//! lives here: which material each deliverable is made of. What does not: the making (`render`).

use kaltura::ServiceFeature;

use super::process::{load_order, plan_of};
use super::{StepInput, Task};
use crate::context::Context;
use crate::error::{Refusal, Result, StepError};
use crate::material::Material;
use crate::plan::{Deliverable, Order, Plan};
use crate::render::{self, Texts, Translated};

/// Makes the files of a task's deliverables.
pub async fn run(ctx: &Context, input: &StepInput) -> Result<()> {
    super::run(ctx, "render", input, render).await
}

async fn render(task: &mut Task<'_>) -> Result<()> {
    let plan = plan_of(task, "render")?.clone();
    let left: Vec<usize> = (0..plan.deliverables.len())
        .filter(|index| {
            let record = task.record.deliverables.get(*index);
            record.is_none_or(|record| record.key.is_none())
        })
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    if task.record.next_work().is_some() {
        return Err(task.out_of_order("render", "all work done"));
    }
    let order = load_order(task).await?;
    let material = Material::load(task).await?;
    let texts = texts(task, &plan, &order, &material).await?;
    for index in left {
        let deliverable = &plan.deliverables[index];
        let key = format!(
            "deliverables/{task_id}/{task_id}-{index}-{language}.{extension}",
            task_id = task.record.task_id,
            language = plan.delivered_language().bcp47,
            extension = deliverable.extension(),
        );
        let made = if matches!(deliverable, Deliverable::Sound { .. }) {
            render::sound(task, &plan, &material, deliverable, &key).await?
        } else {
            let content = content(task, &plan, deliverable, &material, texts.as_ref())?;
            let size_bytes = content.len() as u64;
            task.ctx
                .objects()?
                .put(&key, content.into(), deliverable.mime_type())
                .await?;
            size_bytes
        };
        task.change_deliverable(
            index,
            |record| {
                record.key = Some(key.clone());
                record.size_bytes = made;
            },
            Some("rendered"),
        )
        .await?;
    }
    Ok(())
}

/// The cues and the transcript, for the services that deliver text.
async fn texts(task: &Task<'_>, plan: &Plan, order: &Order, material: &Material) -> Result<Option<Texts>> {
    let needs = |deliverable: &Deliverable| match deliverable {
        Deliverable::Caption { is_description, .. } => !is_description,
        Deliverable::Transcript { .. } | Deliverable::Tags { .. } => true,
        _ => false,
    };
    if !plan.deliverables.iter().any(needs) {
        return Ok(None);
    }
    let language = plan.delivered_language().bcp47;
    let media = task.record.media.as_ref();
    let duration_ms = media.and_then(|media| media.duration_ms).unwrap_or_default();
    if let Some(cues) = material.captions() {
        return Texts::of_cues(cues, &language, duration_ms).map(Some);
    }
    if let Some((passages, texts)) = material.translation(task).await? {
        let translated = Translated {
            passages,
            texts,
            of_captions: plan.source_text.is_some(),
        };
        return Texts::of_translation(&translated, &plan.style, &language, duration_ms).map(Some);
    }
    let transcript = material.edited_transcript(task, plan, &order.dictionary)?;
    Ok(Some(Texts::of_transcript(transcript, &plan.style, &language)))
}

fn content(
    task: &Task<'_>,
    plan: &Plan,
    deliverable: &Deliverable,
    material: &Material,
    texts: Option<&Texts>,
) -> Result<Vec<u8>> {
    let needed = |what: &str| task.out_of_order("render", what);
    let texts = || texts.ok_or_else(|| needed("a text"));
    Ok(match deliverable {
        Deliverable::Caption {
            is_description: true, ..
        }
        | Deliverable::Description { .. } => description(plan, material).ok_or_else(|| needed("a script"))?,
        Deliverable::Caption { format, .. } => {
            let texts = texts()?;
            if texts.cues.is_empty() {
                return Err(Refusal::NoSpeech.into());
            }
            texts.captions(*format)
        }
        Deliverable::Transcript { form, .. } => texts()?.transcript(*form, &plan.style),
        Deliverable::Tags { .. } => json(&texts()?.tags())?,
        Deliverable::Chapters => {
            let chapters = material.chapters().ok_or_else(|| needed("chapters"))?;
            if chapters.is_empty() {
                return Err(Refusal::NoSpeech.into());
            }
            json(&chapters)?
        }
        other => return Err(needed(&format!("a known deliverable, not {other:?}"))),
    })
}

/// The script as the player reads it: WebVTT, each description at its time.
fn description(plan: &Plan, material: &Material) -> Option<Vec<u8>> {
    let cues: Vec<captions::Cue> = material
        .script()?
        .iter()
        .map(|passage| captions::Cue::new(passage.start_ms, passage.end_ms, &passage.text))
        .collect();
    let is_extended = plan.service() == ServiceFeature::ExtendedAudioDescription;
    (is_extended && !cues.is_empty())
        .then(|| render::caption_file(&cues, &plan.source_bcp47, captions::CaptionFormat::Vtt))
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| StepError::RecordUnreadable {
        what: "a deliverable".to_owned(),
        detail: error.to_string(),
    })
}
