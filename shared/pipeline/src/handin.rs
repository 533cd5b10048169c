//! What people hand in: looked at, kept as the result of their work, and the wait of the task completed with it.
//!
//! What lives here: what a file must be for each kind of hand-over, and what is said of one that isn't. What does not: who
//! may hand in, and how the file came into the bucket (`people`, `reachctl`); what is made of it (`render`).
//! A file that is refused changes nothing: the order waits on, and another file may be handed in.

mod file;
mod language;
mod rules;

use std::path::Path;

use captions::{CaptionFormat, Cue};
use engines::{
    Chapter, EngineVersion, Handover, JobId, JobResult, Output, Passage, RESULT_VERSION, WorkKind,
};
use kaltura::TaskId;
use sound::{Problem, TrackFacts, TrackRules, check_track};

use self::file::File;
use crate::context::Context;
use crate::error::{Result, StepError};
use crate::people::Person;
use crate::people::must_be_vtt;
use crate::record::{TaskRecord, TaskState};
use crate::render::layout_rules;
use crate::steps::process::{complete, keep_result, load_order};
use crate::steps::{self, StepInput, Task};

/// A text may end so much behind its media: rounding, and players that tell a length in whole seconds.
const BEHIND_THE_END_MS: u64 = 1_000;
/// The longest title that Kaltura keeps of a cue point, in characters.
const TITLE_CHARACTERS: usize = 255;
/// The largest text; what is larger is none.
const TEXT_BYTES: u64 = 8 * 1024 * 1024;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It can't be used so.
    Error,
    /// It can, and somebody should look at it.
    Warning,
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub level: Level,
    /// A stable name.
    pub name: &'static str,
    /// What was found and what was expected, for whoever made the file; times as `1:02.500`, cues counted from 1.
    pub text: String,
    /// The cue that it is about, counted from 1 by time.
    pub cue: Option<usize>,
}

impl Finding {
    fn new(name: &'static str, text: String) -> Self {
        Self {
            level: Level::Error,
            name,
            text,
            cue: None,
        }
    }

    fn of_cue(name: &'static str, number: usize, text: String) -> Self {
        Self {
            cue: Some(number),
            ..Self::new(name, text)
        }
    }

    fn warned(self) -> Self {
        Self {
            level: Level::Warning,
            ..self
        }
    }
}

/// What is handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// The file at this key of the bucket.
    File(String),
    /// Cues: captions, a script, or chapters.
    Cues(Vec<Cue>),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedIn {
    /// It is good and kept, and the order goes on.
    Taken {
        /// What it was taken for: `captions`, `script`, `sound`, `chapters`.
        what: &'static str,
        /// What somebody should look at all the same.
        warnings: Vec<Finding>,
    },
    /// It can't be used. The order waits on.
    Refused(Vec<Finding>),
    /// The task doesn't wait for people: it has gone on, has ended, or never did.
    NobodyWaits,
}

/// Where a file that is handed in belongs, so that it is deleted with the rest of its task; `file_name` is its own name, whose
/// extension is kept.
pub fn key_of(record: &TaskRecord, file_name: &str) -> String {
    let extension = extension(file_name);
    format!(
        "engine/{}/{}/handed-in.{extension}",
        record.task_id, record.attempt
    )
}

/// The same for a file of this SHA-256: another content has another place, so that what was checked is what is handed in.
pub fn upload_key(record: &TaskRecord, file_name: &str, sha256: &[u8; 32]) -> String {
    let hash = hex(sha256);
    let extension = extension(file_name);
    format!(
        "engine/{}/{}/handed-in-{hash}.{extension}",
        record.task_id, record.attempt
    )
}

/// In hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

fn extension(file_name: &str) -> String {
    let extension = Path::new(file_name).extension();
    let extension: String = extension
        .and_then(|extension| extension.to_str())
        .unwrap_or("bin")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(8)
        .collect::<String>()
        .to_ascii_lowercase();
    if extension.is_empty() {
        "bin".to_owned()
    } else {
        extension
    }
}

/// Whether the task waits for people now.
pub fn is_waited_for(record: &TaskRecord) -> bool {
    record.state == TaskState::Running && waiting(record).is_some()
}

/// Takes what is handed in for what the task waits for; `who` hands it in, where that is known. Safe to repeat: a task that has
/// gone on answers [`HandedIn::NobodyWaits`].
pub async fn run(ctx: &Context, task_id: &TaskId, handed: &Handed, who: Option<&Person>) -> Result<HandedIn> {
    on_waiting(ctx, task_id, async |task| take(task, handed, who).await)
        .await
        .map(|taken| taken.unwrap_or(HandedIn::NobodyWaits))
}

/// What would be said of what is handed in, and what it would be taken for where nothing keeps it from that. Changes nothing.
/// `None` where the task doesn't wait for people.
pub async fn check(ctx: &Context, task_id: &TaskId, handed: &Handed) -> Result<Option<Checked>> {
    on_waiting(ctx, task_id, async |task| {
        let Some((index, handover)) = waiting(&task.record) else {
            return Ok(None);
        };
        let judged = judge(task, index, handover, handed).await?;
        Ok(Some(Checked {
            what: judged.output.map(|output| output.name()),
            findings: judged.findings,
        }))
    })
    .await
    .map(Option::flatten)
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it would be taken for; `None` where it would be refused.
    pub what: Option<&'static str>,
    /// What was found.
    pub findings: Vec<Finding>,
}

async fn on_waiting<T>(
    ctx: &Context,
    task_id: &TaskId,
    work: impl AsyncFnOnce(&mut Task<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let Some(record) = ctx.tasks.load(task_id).await? else {
        return Err(StepError::RecordMissing {
            task_id: task_id.to_string(),
        });
    };
    if !is_waited_for(&record) {
        return Ok(None);
    }
    let input = StepInput {
        task_id: task_id.clone(),
        attempt: record.attempt,
    };
    steps::run(ctx, "hand-in", &input, work).await.map(Some)
}

/// The piece of work that people have taken on, and what they are to hand in.
fn waiting(record: &TaskRecord) -> Option<(usize, Handover)> {
    let (index, _) = record.accepted()?;
    let work = record.plan.as_ref()?.works.get(index)?;
    (work.kind == WorkKind::HandIn).then_some((index, work.handover.unwrap_or(Handover::Captions)))
}

/// What was found, and what was made of it where nothing is an error.
struct Judged {
    output: Option<Output>,
    findings: Vec<Finding>,
}

impl Judged {
    fn of(found: Looked<Output>) -> Self {
        match found {
            Ok(output) => Self {
                output: Some(output),
                findings: Vec::new(),
            },
            Err(findings) => Self {
                output: None,
                findings,
            },
        }
    }

    fn with(mut self, more: Vec<Finding>) -> Self {
        self.findings.extend(more);
        if self.findings.iter().any(|finding| finding.level == Level::Error) {
            self.output = None;
        }
        self
    }
}

async fn judge(task: &Task<'_>, index: usize, handover: Handover, handed: &Handed) -> Result<Judged> {
    let media_ms = task.record.media.as_ref().and_then(|media| media.duration_ms);
    let plan = task.record.plan.as_ref();
    let plan = plan.ok_or_else(|| task.out_of_order("hand-in", "a plan"))?;
    // Where a voice would speak a script, the finished track does as well.
    let is_spoken = plan
        .works
        .iter()
        .skip(index)
        .any(|work| work.kind == WorkKind::Speak);
    let (file, typed) = match handed {
        Handed::File(key) => (Some(File::at(task, key)), [].as_slice()),
        Handed::Cues(cues) => (None, cues.as_slice()),
    };
    let is_track = match (handover, &file) {
        (Handover::Sound, _) => true,
        (Handover::Script, Some(file)) if is_spoken => !file.is_text().await?,
        _ => false,
    };
    if is_track {
        let Some(file) = &file else {
            let text = "the finished track is wanted, and these are cues".to_owned();
            return Ok(Judged::of(Err(vec![Finding::new("NoTrack", text)])));
        };
        let facts = file.facts().await?;
        return Ok(Judged::of(facts.and_then(|facts| {
            let sound = file.as_media(&facts);
            none_of(of_track(&facts, media_ms), Output::Sound { sound })
        })));
    }
    let read = match &file {
        None => Ok((CaptionFormat::Vtt, typed.to_vec())),
        Some(file) => file.text().await?.and_then(|text| {
            captions::read_any(&text).map_err(|error| vec![Finding::new("TextUnreadable", error.to_string())])
        }),
    };
    let (format, cues) = match read {
        Ok(read) => read,
        Err(findings) => return Ok(Judged::of(Err(findings))),
    };
    if handover == Handover::Script && must_be_vtt(plan) && format != CaptionFormat::Vtt {
        let text = format!(
            "the file is {}, expected WebVTT",
            format.extension().to_uppercase()
        );
        return Ok(Judged::of(Err(vec![Finding::new("NotWebVtt", text)])));
    }
    let language = plan.delivered_language().bcp47;
    let mut more = match handover {
        Handover::Captions => {
            let order = load_order(task).await?;
            let mut ordered = cues.clone();
            ordered.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
            rules::of_order(
                &ordered,
                &order,
                &layout_rules(&plan.style, &language),
                &plan.style,
            )
        }
        _ => Vec::new(),
    };
    more.extend(language::of_text(&cues, &language));
    let found = match handover {
        Handover::Script => script(cues, media_ms),
        Handover::Chapters => chapters(cues, media_ms),
        Handover::Captions => shown(cues, media_ms),
        other => return Err(task.out_of_order("hand-in", &format!("a known hand-over, not {other:?}"))),
    };
    Ok(Judged::of(found).with(more))
}

async fn take(task: &mut Task<'_>, handed: &Handed, who: Option<&Person>) -> Result<HandedIn> {
    let Some((index, handover)) = waiting(&task.record) else {
        return Ok(HandedIn::NobodyWaits);
    };
    let Some((_, accepted)) = task.record.accepted() else {
        return Ok(HandedIn::NobodyWaits);
    };
    let accepted = accepted.clone();
    let Judged { output, findings } = judge(task, index, handover, handed).await?;
    let Some(output) = output else {
        tracing::warn!(?findings, "what was handed in can't be used");
        return Ok(HandedIn::Refused(findings));
    };
    let what = output.name();
    let media_ms = task.record.media.as_ref().and_then(|media| media.duration_ms);
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
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change(|record| {
        record.people.hold = None;
        if let Some(who) = who {
            record.people.note(who, format!("handed in {what}"), now_epoch_s);
        }
    })
    .await?;
    complete(task, &accepted.token).await?;
    Ok(HandedIn::Taken {
        what,
        warnings: findings,
    })
}

type Looked<T> = std::result::Result<T, Vec<Finding>>;

/// Cues that are in the media, in order.
fn in_media(mut cues: Vec<Cue>, media_ms: Option<u64>) -> Looked<Vec<Cue>> {
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
            findings.push(Finding::of_cue("CueBackwards", number, text));
        }
        if cue.end_ms > end_ms.saturating_add(BEHIND_THE_END_MS) {
            let text = format!(
                "cue {number} at {at} ends at {}, and the media at {}",
                clock(cue.end_ms),
                clock(end_ms)
            );
            findings.push(Finding::of_cue("CueBehindTheEnd", number, text));
        }
        if cue.text().trim().is_empty() {
            let text = format!("cue {number} at {at} has no text");
            findings.push(Finding::of_cue("CueBlank", number, text));
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
fn shown(cues: Vec<Cue>, media_ms: Option<u64>) -> Looked<Output> {
    let cues = in_media(cues, media_ms)?;
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
            Finding::of_cue("CuesOverlap", number + 1, text)
        })
        .collect()
}

/// Descriptions with their times.
fn script(cues: Vec<Cue>, media_ms: Option<u64>) -> Looked<Output> {
    let cues = in_media(cues, media_ms)?;
    let passages = cues.iter().map(|cue| Passage {
        start_ms: cue.start_ms,
        end_ms: cue.end_ms,
        text: cue.text().split_whitespace().collect::<Vec<_>>().join(" "),
        speaker: None,
        phrases: Vec::new(),
    });
    let passages = passages.collect();
    none_of(overlaps(&cues), Output::Script { passages })
}

/// Chapters: each begins where its cue does.
fn chapters(cues: Vec<Cue>, media_ms: Option<u64>) -> Looked<Output> {
    let cues = in_media(cues, media_ms)?;
    let mut findings = Vec::new();
    let mut chapters: Vec<Chapter> = Vec::new();
    for (number, cue) in (1..).zip(&cues) {
        let at = clock(cue.start_ms);
        if chapters.last().is_some_and(|last| last.start_ms == cue.start_ms) {
            let text = format!("chapter {number} begins at {at}, as the one before it does");
            findings.push(Finding::of_cue("ChaptersAtOnce", number, text));
        }
        if media_ms.is_some_and(|media_ms| cue.start_ms >= media_ms) {
            let text = format!("chapter {number} begins at {at}, when the media has ended");
            findings.push(Finding::of_cue("ChapterBehindTheEnd", number, text));
        }
        let title = cue.lines.first().map(|line| line.trim().to_owned());
        let title = title.unwrap_or_default();
        let characters = title.chars().count();
        if characters > TITLE_CHARACTERS {
            let text = format!(
                "the title of chapter {number} at {at} has {characters} characters, expected {TITLE_CHARACTERS} at most"
            );
            findings.push(Finding::of_cue("TitleTooLong", number, text));
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

/// What is wrong with a finished track: it must be one, as long as the media, to be heard, and good enough to be encoded anew, which
/// every delivered one is: so its container is nobody's concern, and its codec and bit rate only where they have lost too much already.
fn of_track(facts: &TrackFacts, media_ms: Option<u64>) -> Vec<Finding> {
    let rules = TrackRules::of_media(media_ms.unwrap_or(facts.duration_ms));
    check_track(facts, &rules)
        .into_iter()
        .filter(|problem| {
            matches!(
                problem,
                Problem::Tracks { .. }
                    | Problem::Duration { .. }
                    | Problem::Loudness { .. }
                    | Problem::Silent { .. }
            )
        })
        .map(|problem| Finding::new(problem.name(), problem.to_string()))
        .chain(rules::of_sound(facts))
        .collect()
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

    fn read(text: &[u8]) -> Vec<Cue> {
        captions::read_any(text).unwrap().1
    }

    #[test]
    fn captions_are_within_the_media_and_one_at_a_time() {
        let good = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n\n00:01.000 --> 00:04.500\nGood bye.\n";
        assert!(matches!(shown(read(good), Some(4_000)), Ok(Output::Captions { cues }) if cues.len() == 2));
        assert_eq!(
            names(shown(read(good), Some(2_000))),
            ["cue 2 at 0:01.000 ends at 0:04.500, and the media at 0:02.000"]
        );
        let bad = b"1\n00:00:00,000 --> 00:00:02,000\nOne.\n\n2\n00:00:01,500 --> 00:00:03,000\nTwo.\n";
        assert_eq!(
            names(shown(read(bad), None)),
            ["cue 2 at 0:01.500 begins before cue 1 ends at 0:02.000"]
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
            names(chapters(read(text.as_bytes()), Some(4_000))),
            [
                "the title of chapter 2 at 0:02.000 has 256 characters, expected 255 at most",
                "chapter 3 begins at 0:02.000, as the one before it does"
            ]
        );
        let good = b"WEBVTT\n\n00:00.000 --> 00:01.000\nBeginning\nWhat it is about\n";
        let Ok(Output::Chapters { chapters }) = chapters(read(good), Some(4_000)) else {
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

    #[test]
    fn a_file_of_another_content_has_another_place() {
        let mut record = crate::memory::sample_record("9292".parse().unwrap());
        let mut sha256 = [0_u8; 32];
        (sha256[0], sha256[1], sha256[31]) = (0x0a, 0xf1, 0x90);
        let key = upload_key(&record, "My track.WAV", &sha256);
        let zeros = "0".repeat(64 - 6);
        assert_eq!(key, format!("engine/9292/1/handed-in-0af1{zeros}90.wav"));
        sha256[31] = 0x91;
        assert_ne!(upload_key(&record, "My track.WAV", &sha256), key);
        record.attempt = 2;
        assert!(upload_key(&record, "a", &sha256).starts_with("engine/9292/2/handed-in-0af1"));
    }

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(hex(&[]), "");
        assert_eq!(hex(&[0x00, 0x0f, 0xf0, 0x12, 0xab, 0xff]), "000ff012abff");
    }

    #[test]
    fn an_extension_is_short_plain_and_in_small_letters() {
        let of = [
            "a.SRT",
            "a.tar.gz",
            "a.",
            ".srt",
            "a.é/../",
            "a.averylongone",
            "a.m-4_a",
        ]
        .map(extension);
        assert_eq!(of, ["srt", "gz", "bin", "bin", "bin", "averylon", "m4a"]);
    }

    #[test]
    fn people_are_waited_for_while_their_work_runs() {
        let record = crate::memory::sample_people_record(&"9292".parse().unwrap());
        assert!(is_waited_for(&record));
        assert_eq!(waiting(&record), Some((0, Handover::Captions)));
        let mut parked = record.clone();
        parked.state = TaskState::Parked;
        assert!(!is_waited_for(&parked));
        let mut not_yet = record.clone();
        not_yet.works[0].accepted = None;
        assert!(!is_waited_for(&not_yet));
        let mut of_an_engine = record;
        of_an_engine.plan.as_mut().unwrap().works[0].kind = WorkKind::Recognise;
        assert!(!is_waited_for(&of_an_engine), "an engine's work is not theirs");
    }

    /// Cues as written: each with its times and text.
    fn cues(told: &[(u64, u64, &str)]) -> Vec<Cue> {
        told.iter()
            .map(|(start_ms, end_ms, text)| Cue::new(*start_ms, *end_ms, text))
            .collect()
    }

    #[test]
    fn a_cue_may_end_a_second_behind_the_media_and_no_more() {
        let ends = |end_ms, media_ms| names(in_media(cues(&[(0, end_ms, "Hello.")]), media_ms));
        assert_eq!(ends(5_000, Some(4_000)), [""; 0]);
        assert_eq!(
            ends(5_001, Some(4_000)),
            ["cue 1 at 0:00.000 ends at 0:05.001, and the media at 0:04.000"]
        );
        assert_eq!(ends(u64::MAX, None), [""; 0], "nobody knows how long it is");
    }

    #[test]
    fn a_cue_has_a_time_and_a_text_and_is_counted_by_time() {
        let bad = cues(&[
            (3_000, 3_000, "No time."),
            (2_000, 2_500, " "),
            (0, 1_000, "Good."),
        ]);
        let findings = in_media(bad, Some(4_000)).unwrap_err();
        let told: Vec<_> = findings
            .iter()
            .map(|finding| (finding.name, finding.cue, finding.text.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("CueBlank", Some(2), "cue 2 at 0:02.000 has no text"),
                (
                    "CueBackwards",
                    Some(3),
                    "cue 3 at 0:03.000 ends at 0:03.000, before it begins"
                ),
            ]
        );
        assert!(findings.iter().all(|finding| finding.level == Level::Error));
    }

    #[test]
    fn cues_that_touch_do_not_overlap() {
        let of = |second_ms| {
            let cues = cues(&[(0, 1_000, "One."), (second_ms, 3_000, "Two.")]);
            (names(shown(cues.clone(), None)), names(script(cues, None)))
        };
        assert_eq!(of(1_000), (Vec::new(), Vec::new()));
        let told = vec!["cue 2 at 0:00.999 begins before cue 1 ends at 0:01.000".to_owned()];
        assert_eq!(of(999), (told.clone(), told), "a voice can't say two either");
    }

    #[test]
    fn a_script_is_a_line_each_with_its_times() {
        let Ok(Output::Script { passages }) = script(
            cues(&[(2_000, 3_000, "Two\n  lines. "), (0, 1_000, "One.")]),
            Some(4_000),
        ) else {
            panic!("refused")
        };
        let told: Vec<_> = passages
            .iter()
            .map(|passage| (passage.start_ms, passage.end_ms, passage.text.as_str()))
            .collect();
        assert_eq!(told, [(0, 1_000, "One."), (2_000, 3_000, "Two lines.")]);
    }

    #[test]
    fn a_chapter_begins_before_the_media_ends_and_its_title_is_short_enough() {
        let of = |start_ms, title: &str| {
            let cues = cues(&[(0, 100, "First"), (start_ms, start_ms + 500, title)]);
            let findings = chapters(cues, Some(4_000)).err().unwrap_or_default();
            findings.iter().map(|finding| finding.name).collect::<Vec<_>>()
        };
        assert_eq!(of(3_999, &"ü".repeat(255)), [""; 0]);
        assert_eq!(of(4_000, "Late"), ["ChapterBehindTheEnd"]);
        assert_eq!(of(4_001, "Late"), ["ChapterBehindTheEnd"]);
        assert_eq!(of(1_000, &"ü".repeat(256)), ["TitleTooLong"]);
        assert_eq!(of(0, "At once"), ["ChaptersAtOnce"]);
    }

    #[test]
    fn warnings_leave_what_was_found_good_and_errors_do_not() {
        let finding = || Finding::new("Some", "something".to_owned());
        let judged = || Judged::of(Ok(Output::Language));
        assert!(judged().with(Vec::new()).output.is_some());
        let warned = judged().with(vec![finding().warned()]);
        assert!(warned.output.is_some() && warned.findings.len() == 1);
        let refused = judged().with(vec![finding().warned(), finding()]);
        assert!(refused.output.is_none() && refused.findings.len() == 2);
    }

    fn track(change: impl FnOnce(&mut TrackFacts)) -> Vec<&'static str> {
        let mut facts = TrackFacts {
            container: "wav".to_owned(),
            codec: "pcm_s16le".to_owned(),
            profile: None,
            bit_rate_bps: Some(768_000),
            sample_rate_hz: 8_000,
            channels: 1,
            audio_tracks: 1,
            duration_ms: 60_000,
            loudness_lufs: Some(-20.0),
            silent_share: 0.1,
        };
        change(&mut facts);
        let findings = of_track(&facts, Some(60_000));
        findings.iter().map(|finding| finding.name).collect()
    }

    /// Each delivered track is encoded anew, so that its container and its rates are nobody's concern.
    #[test]
    fn a_track_is_one_as_long_as_its_media_and_to_be_heard() {
        assert_eq!(track(|_| ()), [""; 0]);
        let bad: [fn(&mut TrackFacts); 4] = [
            |facts| facts.audio_tracks = 2,
            |facts| facts.duration_ms = 30_000,
            |facts| facts.silent_share = 1.0,
            |facts| facts.codec = "amr_nb".to_owned(),
        ];
        let told = bad.map(|change| track(change).join(", "));
        assert_eq!(told, ["TrackCount", "TrackDuration", "TrackSilent", "TrackCodec"]);
    }

    #[test]
    fn a_time_of_less_than_an_hour_has_none() {
        assert_eq!(clock(0), "0:00.000");
        assert_eq!(clock(3_599_999), "59:59.999");
        assert_eq!(clock(3_600_000), "1:00:00.000");
    }
}
