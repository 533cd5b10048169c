//! What is delivered as a part of the entry: chapters as cue points, keywords as tags.
//!
//! Both are safe to repeat: a cue point's system name is unique in its entry, and tags are merged with those that are there.

use engines::Chapter;
use kaltura::{AssetId, MultiLingualString, NewChapter, ThumbCuePointSubType};

use crate::error::{Result, StepError};
use crate::plan::Deliverable;
use crate::steps::Task;

/// The code of a cue point that is there already.
const THERE_ALREADY: &str = "CUE_POINT_SYSTEM_NAME_EXISTS";

/// Adds the chapters of the rendered file, and sees that all of them are there.
pub(super) async fn add_chapters(task: &mut Task<'_>, index: usize) -> Result<Option<u64>> {
    let chapters: Vec<Chapter> = rendered(task, index).await?;
    let entry_id = task.entry_id()?;
    let mark = task.record.mark(index);
    let name = |place: usize| format!("reach-{}-{index}-{place}", task.record.task_id);
    let new: Vec<NewChapter> = (0..)
        .zip(&chapters)
        .map(|(place, chapter)| NewChapter {
            entry_id: entry_id.clone(),
            start_time_ms: chapter.start_ms,
            sub_type: ThumbCuePointSubType::Chapter,
            title: chapter.title.clone(),
            description: chapter.description.clone().unwrap_or_default(),
            system_name: name(place),
            partner_data: mark.clone(),
        })
        .collect();
    task.still_ours().await?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change_deliverable(
        index,
        |record| record.add_begun_epoch_s = Some(now_epoch_s),
        Some("adding chapters"),
    )
    .await?;
    let outcomes = task
        .with_key(async |client| {
            let outcomes = client.chapters_add(&new).await;
            // A key that is dead has added none: the error is the call's, so that the key is extended and the call repeated.
            match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
                Some(error) if error.class() == kaltura::ErrorClass::SessionDead => Err(error.clone()),
                _ => Ok(outcomes),
            }
        })
        .await?;
    for outcome in outcomes {
        match outcome {
            Err(error) if error.code() != Some(THERE_ALREADY) => return Err(task.call_failed(error)),
            _ => {}
        }
    }
    let there = task
        .with_key(async |client| client.chapters(&entry_id).await)
        .await?;
    let ours: Vec<_> = there
        .iter()
        .filter(|point| point.partner_data.as_deref() == Some(mark.as_str()))
        .collect();
    let Some(first) = ours.first().filter(|_| ours.len() >= new.len()) else {
        return Err(StepError::ContentRejected {
            asset_id: entry_id.to_string(),
            description: format!("{} of {} chapters are there", ours.len(), new.len()),
        });
    };
    let first = asset_id(first.id.as_str())?;
    let added = format!("{} chapters added", new.len());
    task.change_deliverable(
        index,
        |record| {
            record.asset_id = Some(first.clone());
            record.ready = true;
        },
        Some(&added),
    )
    .await?;
    Ok(None)
}

/// Adds the keywords of the rendered file to the entry's tags of their language. What the customer has stays: the server
/// replaces a language's tags as a whole (spec 7), so they are read first.
pub(super) async fn merge_tags(
    task: &mut Task<'_>,
    index: usize,
    deliverable: &Deliverable,
) -> Result<Option<u64>> {
    let Deliverable::Tags { language_code } = deliverable else {
        return Err(task.out_of_order("upload", "tags"));
    };
    let keywords: Vec<String> = rendered(task, index).await?;
    let entry_id = task.entry_id()?;
    let entry = task
        .with_key(async |client| client.media(&entry_id).await)
        .await?;
    let there = entry
        .multi_lingual_tags
        .iter()
        .find(|tags| tags.language.eq_ignore_ascii_case(language_code))
        .map_or_else(
            || entry.tags.clone().unwrap_or_default(),
            |tags| tags.value.clone(),
        );
    let merged = merged(&there, &keywords);
    if merged != there {
        task.still_ours().await?;
        // Only this language's: the server leaves the others as they are.
        let tags = [MultiLingualString {
            language: language_code.clone(),
            value: merged,
        }];
        task.with_key(async |client| client.set_tags_by_language(&entry_id, tags.to_vec()).await)
            .await?;
    }
    let entry = asset_id(entry_id.as_str())?;
    task.change_deliverable(
        index,
        |record| {
            record.asset_id = Some(entry.clone());
            record.ready = true;
        },
        Some("tags merged"),
    )
    .await?;
    Ok(None)
}

/// The tags that are there, and those keywords that are not among them.
fn merged(there: &str, keywords: &[String]) -> String {
    let mut tags: Vec<&str> = there
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .collect();
    let before = tags.len();
    for keyword in keywords {
        let known = tags
            .iter()
            .any(|tag| tag.to_lowercase() == keyword.to_lowercase());
        if !known && !keyword.contains(',') {
            tags.push(keyword);
        }
    }
    if tags.len() == before {
        return there.to_owned();
    }
    tags.join(", ")
}

/// The record has one kind of id for whatever a deliverable became.
fn asset_id(id: &str) -> Result<AssetId> {
    AssetId::parse(id).map_err(|error| StepError::RecordUnreadable {
        what: "an id of kaltura's".to_owned(),
        detail: error.to_string(),
    })
}

async fn rendered<T: serde::de::DeserializeOwned>(task: &Task<'_>, index: usize) -> Result<T> {
    let json = task.file(index).await?;
    serde_json::from_slice(&json).map_err(|error| StepError::RecordUnreadable {
        what: format!("deliverable {index}"),
        detail: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_the_customer_stay_and_none_comes_twice() {
        let keywords = ["River".to_owned(), "clean water".to_owned(), "a, b".to_owned()];
        assert_eq!(merged("", &keywords), "River, clean water");
        assert_eq!(merged("boats,river", &keywords), "boats, river, clean water");
        assert_eq!(
            merged("RIVER,  Clean Water", &keywords),
            "RIVER,  Clean Water",
            "untouched"
        );
    }
}
