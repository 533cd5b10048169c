//! What people hand in: looked at, kept as the result of their work, and the wait of the task completed with it.
//!
//! What lives here: what a file must be for each kind of hand-over, and what is said of one that isn't. What does not: who
//! may hand in, and how the file came into the bucket (`reachctl`, an interface for people); what is made of it (`render`).
//! A file that is refused changes nothing: the order waits on, and another file may be handed in.

use std::path::Path;

use captions::Cue;
use engines::{
    Chapter, EngineVersion, Handover, JobId, JobResult, MediaRef, Output, Passage, RESULT_VERSION, WorkKind,
};
use kaltura::TaskId;
use sound::{Problem, Source, Tools, TrackRules, check_track, inspect};

use crate::context::Context;
use crate::error::{Result, StepError};
use crate::record::{TaskRecord, TaskState};
use crate::steps::process::{complete, keep_result};
use crate::steps::{self, StepInput, Task};

/// A text may end so much behind its media: rounding, and players that tell a length in whole seconds.
const BEHIND_THE_END_MS: u64 = 1_000;
/// The longest title that Kaltura keeps of a cue point, in characters.
const TITLE_CHARACTERS: usize = 255;
/// The largest text; what is larger is none.
const TEXT_BYTES: usize = 8 * 1024 * 1024;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// A stable name.
    pub name: &'static str,
    /// What was found and what was expected, for whoever made the file; times as `1:02.500`, cues counted from 1.
    pub text: String,
}

impl Finding {
    fn new(name: &'static str, text: String) -> Self {
        Self { name, text }
    }
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedIn {
    /// It is good and kept, and the order goes on. Names what it was taken for: `captions`, `script`, `sound`, `chapters`.
    Taken(&'static str),
    /// It can't be used. The order waits on.
    Refused(Vec<Finding>),
    /// The task doesn't wait for people: it has gone on, has ended, or never did.
    NobodyWaits,
}

/// Where a file that is handed in belongs, so that it is deleted with the rest of its task; `file_name` is its own name, whose
/// extension is kept.
pub fn key_of(record: &TaskRecord, file_name: &str) -> String {
    let extension: String = Path::new(file_name)
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or("bin")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(8)
        .collect::<String>()
        .to_ascii_lowercase();
    format!(
        "engine/{}/{}/handed-in.{extension}",
        record.task_id, record.attempt
    )
}

/// Whether the task waits for people now.
pub fn is_waited_for(record: &TaskRecord) -> bool {
    record.state == TaskState::Running && waiting(record).is_some()
}

/// Takes the file at `key` of the bucket for what the task waits for. Safe to repeat: a task that has gone on answers
/// [`HandedIn::NobodyWaits`].
pub async fn run(ctx: &Context, task_id: &TaskId, key: &str) -> Result<HandedIn> {
    let Some(record) = ctx.tasks.load(task_id).await? else {
        return Err(StepError::RecordMissing {
            task_id: task_id.to_string(),
        });
    };
    if !is_waited_for(&record) {
        return Ok(HandedIn::NobodyWaits);
    }
    let input = StepInput {
        task_id: task_id.clone(),
        attempt: record.attempt,
    };
    steps::run(ctx, "hand-in", &input, async |task| take(task, key).await).await
}

/// The piece of work that people have taken on, and what they are to hand in.
fn waiting(record: &TaskRecord) -> Option<(usize, Handover)> {
    let (index, _) = record.accepted()?;
    let work = record.plan.as_ref()?.works.get(index)?;
    (work.kind == WorkKind::HandIn).then_some((index, work.handover.unwrap_or(Handover::Captions)))
}

async fn take(task: &mut Task<'_>, key: &str) -> Result<HandedIn> {
    let Some((index, handover)) = waiting(&task.record) else {
        return Ok(HandedIn::NobodyWaits);
    };
    let Some((_, accepted)) = task.record.accepted() else {
        return Ok(HandedIn::NobodyWaits);
    };
    let accepted = accepted.clone();
    let media = task.record.media.as_ref();
    let media_ms = media.and_then(|media| media.duration_ms);
    // Where a voice would speak a script, the finished track does as well.
    let is_spoken = task.record.plan.iter().flat_map(|plan| &plan.works);
    let is_spoken = is_spoken.skip(index).any(|work| work.kind == WorkKind::Speak);
    let found = match handover {
        Handover::Sound => track(task, key, media_ms).await?,
        Handover::Script if is_spoken && !is_text(task, key).await? => track(task, key, media_ms).await?,
        Handover::Script => text(task, key).await?.and_then(|text| script(&text, media_ms)),
        Handover::Chapters => text(task, key).await?.and_then(|text| chapters(&text, media_ms)),
        Handover::Captions => text(task, key).await?.and_then(|text| shown(&text, media_ms)),
        other => return Err(task.out_of_order("hand-in", &format!("a known hand-over, not {other:?}"))),
    };
    let output = match found {
        Ok(output) => output,
        Err(findings) => {
            tracing::warn!(?findings, "what was handed in can't be used");
            return Ok(HandedIn::Refused(findings));
        }
    };
    let name = output.name();
    let result = JobResult {
        version: RESULT_VERSION,
        job_id: JobId::named(&accepted.job_id),
        engine: EngineVersion {
            name: engines::people::NAME.to_owned(),
            version: "1".to_owned(),
        },
        output,
        language: None,
        audio_duration_ms: media_ms.unwrap_or_default(),
        warnings: Vec::new(),
    };
    keep_result(task, index, &result).await?;
    complete(task, &accepted.token).await?;
    Ok(HandedIn::Taken(name))
}

type Looked<T> = std::result::Result<T, Vec<Finding>>;

async fn object(task: &Task<'_>, key: &str) -> Result<bytes::Bytes> {
    let content = task.ctx.objects()?.get(key).await?;
    content.ok_or_else(|| task.out_of_order("hand-in", "the file in S3"))
}

/// Whether the file is one of captions, whatever is wrong with it: it has no zero byte, as every sound file has.
async fn is_text(task: &Task<'_>, key: &str) -> Result<bool> {
    let content = object(task, key).await?;
    let utf_16 = content.starts_with(&[0xFF, 0xFE]) || content.starts_with(&[0xFE, 0xFF]);
    Ok(utf_16 || !content.iter().take(4_096).any(|byte| *byte == 0))
}

async fn text(task: &Task<'_>, key: &str) -> Result<Looked<bytes::Bytes>> {
    let content = object(task, key).await?;
    Ok(if content.len() > TEXT_BYTES {
        let text = format!(
            "the file has {} bytes, expected {TEXT_BYTES} at most",
            content.len()
        );
        Err(vec![Finding::new("TextTooLarge", text)])
    } else {
        Ok(content)
    })
}

/// The cues of a file, in the media and in order.
fn cues(text: &[u8], media_ms: Option<u64>) -> Looked<Vec<Cue>> {
    let (_, mut cues) =
        captions::read_any(text).map_err(|error| vec![Finding::new("TextUnreadable", error.to_string())])?;
    cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
    let mut findings = Vec::new();
    let end_ms = media_ms.unwrap_or(u64::MAX);
    for (number, cue) in (1..).zip(&cues) {
        let at = clock(cue.start_ms);
        if cue.end_ms <= cue.start_ms {
            let text = format!(
                "cue {number} at {at} ends at {}, before it begins",
                clock(cue.end_ms)
            );
            findings.push(Finding::new("CueBackwards", text));
        }
        if cue.end_ms > end_ms.saturating_add(BEHIND_THE_END_MS) {
            let text = format!(
                "cue {number} at {at} ends at {}, and the media at {}",
                clock(cue.end_ms),
                clock(end_ms)
            );
            findings.push(Finding::new("CueBehindTheEnd", text));
        }
        if cue.text().trim().is_empty() {
            findings.push(Finding::new(
                "CueBlank",
                format!("cue {number} at {at} has no text"),
            ));
        }
    }
    none_of(findings, cues)
}

fn none_of<T>(findings: Vec<Finding>, good: T) -> Looked<T> {
    if findings.is_empty() {
        Ok(good)
    } else {
        Err(findings)
    }
}

/// Captions, as they are to be shown: two at a time would cover each other.
fn shown(text: &[u8], media_ms: Option<u64>) -> Looked<Output> {
    let cues = cues(text, media_ms)?;
    none_of(overlaps(&cues), Output::Captions { cues })
}

fn overlaps(cues: &[Cue]) -> Vec<Finding> {
    let pairs = (1..).zip(cues.windows(2));
    pairs
        .filter(|(_, pair)| pair[1].start_ms < pair[0].end_ms)
        .map(|(number, pair)| {
            let text = format!(
                "cue {} at {} begins before cue {number} ends at {}",
                number + 1,
                clock(pair[1].start_ms),
                clock(pair[0].end_ms)
            );
            Finding::new("CuesOverlap", text)
        })
        .collect()
}

/// Descriptions with their times.
fn script(text: &[u8], media_ms: Option<u64>) -> Looked<Output> {
    let cues = cues(text, media_ms)?;
    let passages = cues.iter().map(|cue| Passage {
        start_ms: cue.start_ms,
        end_ms: cue.end_ms,
        text: cue.text().split_whitespace().collect::<Vec<_>>().join(" "),
        speaker: None,
    });
    let passages = passages.collect();
    none_of(overlaps(&cues), Output::Script { passages })
}

/// Chapters: each begins where its cue does.
fn chapters(text: &[u8], media_ms: Option<u64>) -> Looked<Output> {
    let cues = cues(text, media_ms)?;
    let mut findings = Vec::new();
    let mut chapters: Vec<Chapter> = Vec::new();
    for (number, cue) in (1..).zip(&cues) {
        let at = clock(cue.start_ms);
        if chapters.last().is_some_and(|last| last.start_ms == cue.start_ms) {
            let text = format!("chapter {number} begins at {at}, as the one before it does");
            findings.push(Finding::new("ChaptersAtOnce", text));
        }
        if media_ms.is_some_and(|media_ms| cue.start_ms >= media_ms) {
            let text = format!("chapter {number} begins at {at}, when the media has ended");
            findings.push(Finding::new("ChapterBehindTheEnd", text));
        }
        let title = cue.lines.first().map(|line| line.trim().to_owned());
        let title = title.unwrap_or_default();
        let characters = title.chars().count();
        if characters > TITLE_CHARACTERS {
            let text = format!(
                "the title of chapter {number} at {at} has {characters} characters, expected {TITLE_CHARACTERS} at most"
            );
            findings.push(Finding::new("TitleTooLong", text));
        }
        let more = cue.lines.iter().skip(1).map(|line| line.trim());
        let more = more.collect::<Vec<_>>().join(" ");
        chapters.push(Chapter {
            start_ms: cue.start_ms,
            title,
            description: (!more.is_empty()).then_some(more),
        });
    }
    none_of(findings, Output::Chapters { chapters })
}

/// A finished track: as long as the media, and to be heard. Container, codec and bit rate are nobody's concern: what is
/// delivered is encoded anew.
async fn track(task: &Task<'_>, key: &str, media_ms: Option<u64>) -> Result<Looked<Output>> {
    let folder = crate::files::folder()?;
    let name = key.rsplit('/').next().unwrap_or("handed-in");
    let path = folder.path().join(name);
    task.ctx.objects()?.download(key, &path).await?;
    let facts = match inspect(&Tools::default(), &Source::new(&path, name)).await {
        Ok(facts) => facts,
        Err(error) if error.class() == sound::ErrorClass::Terminal => {
            return Ok(Err(vec![Finding::new(error.name(), error.to_string())]));
        }
        Err(error) => return Err(error.into()),
    };
    let rules = TrackRules::of_media(media_ms.unwrap_or(facts.duration_ms));
    let findings = check_track(&facts, &rules)
        .into_iter()
        .filter(|problem| {
            matches!(
                problem,
                Problem::Duration { .. } | Problem::Loudness { .. } | Problem::Silent { .. }
            )
        })
        .map(|problem| Finding::new(problem.name(), problem.to_string()))
        .collect();
    let container = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let sound = MediaRef {
        key: key.to_owned(),
        container: container.to_owned(),
        duration_ms: Some(facts.duration_ms),
    };
    Ok(none_of(findings, Output::Sound { sound }))
}

/// A time as people write it: `1:02.500`.
fn clock(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let ms = ms % 1_000;
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}.{ms:03}")
    } else {
        format!("{minutes}:{seconds:02}.{ms:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<T>(looked: Looked<T>) -> Vec<String> {
        let findings = looked.err().unwrap_or_default();
        findings.into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn captions_are_within_the_media_and_one_at_a_time() {
        let good = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n\n00:01.000 --> 00:04.500\nGood bye.\n";
        assert!(matches!(shown(good, Some(4_000)), Ok(Output::Captions { cues }) if cues.len() == 2));
        assert_eq!(
            names(shown(good, Some(2_000))),
            ["cue 2 at 0:01.000 ends at 0:04.500, and the media at 0:02.000"]
        );
        let bad = b"1\n00:00:00,000 --> 00:00:02,000\nOne.\n\n2\n00:00:01,500 --> 00:00:03,000\nTwo.\n";
        assert_eq!(
            names(shown(bad, None)),
            ["cue 2 at 0:01.500 begins before cue 1 ends at 0:02.000"]
        );
        assert_eq!(
            names(shown(b"no captions at all", None)),
            ["no SRT, WebVTT or DFXP cue in 18 bytes of input"]
        );
    }

    #[test]
    fn chapters_begin_one_after_the_other_with_a_title() {
        let long = "x".repeat(256);
        let text = format!(
            "WEBVTT\n\n00:00.000 --> 00:01.000\nBeginning\nWhat it is about\n\n00:02.000 --> 00:03.000\n{long}\n\n\
             00:02.000 --> 00:04.000\nEnd\n"
        );
        assert_eq!(
            names(chapters(text.as_bytes(), Some(4_000))),
            [
                "the title of chapter 2 at 0:02.000 has 256 characters, expected 255 at most",
                "chapter 3 begins at 0:02.000, as the one before it does"
            ]
        );
        let good = b"WEBVTT\n\n00:00.000 --> 00:01.000\nBeginning\nWhat it is about\n";
        let Ok(Output::Chapters { chapters }) = chapters(good, Some(4_000)) else {
            panic!("refused")
        };
        assert_eq!(chapters[0].title, "Beginning");
        assert_eq!(chapters[0].description.as_deref(), Some("What it is about"));
    }

    #[test]
    fn a_time_is_told_as_people_write_it() {
        assert_eq!(clock(62_500), "1:02.500");
        assert_eq!(clock(3_723_004), "1:02:03.004");
    }

    #[test]
    fn a_file_is_kept_under_its_tasks_own_keys() {
        let record = crate::memory::sample_record("9292".parse().unwrap());
        assert_eq!(
            key_of(&record, "Über/track final.M4A"),
            "engine/9292/1/handed-in.m4a"
        );
        assert_eq!(key_of(&record, "script"), "engine/9292/1/handed-in.bin");
    }
}
