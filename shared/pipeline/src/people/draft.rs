//! Drafts: what somebody has written so far, kept beside the order under the ETag of its object.
//!
//! A save names the draft that it is based on. One that is based on an older draft changes nothing and gets the newer one, so
//! that neither of two writers loses what they typed. Where nobody has saved anything, the draft is the machine's.

use captions::Cue;
use serde::{Deserialize, Serialize};

use super::person::Refused;
use crate::error::StepError;
use crate::material::{Material, SourceMaterial};
use crate::plan::{Order, Plan};
use crate::record::TaskRecord;
use crate::render::{Texts, Translated};
use crate::steps::Task;

/// The most cues that a draft may have.
pub const MOST_CUES: usize = 20_000;
/// The longest text of a cue, in characters.
const MOST_TEXT_CHARACTERS: usize = 2_000;
/// The longest name of a speaker, in characters.
const MOST_SPEAKER_CHARACTERS: usize = 100;
/// The longest note, in characters.
const MOST_NOTE_CHARACTERS: usize = 5_000;
/// No cue is later: a hundred hours.
const LATEST_MS: u64 = 360_000_000;

/// A cue as it is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftCue {
    /// The writer's own name of it.
    pub id: String,
    /// When it appears.
    pub start_ms: u64,
    /// When it goes.
    pub end_ms: u64,
    /// Its lines, by line feeds.
    pub text: String,
    /// Who speaks.
    #[serde(default)]
    pub speaker: Option<String>,
}

/// What somebody writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The cues.
    pub cues: Vec<DraftCue>,
    /// For whoever goes on with it.
    #[serde(default)]
    pub note: Option<String>,
}

impl Written {
    /// Fails where a draft has more than one may; what is wrong with the cues themselves is said by a check.
    pub fn within_limits(&self) -> Result<(), Refused> {
        let wrong = |what: String| Err(Refused::BadRequest(what));
        if self.cues.len() > MOST_CUES {
            return wrong(format!("a draft has {MOST_CUES} cues at most"));
        }
        let characters = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
        if characters(&self.note) > MOST_NOTE_CHARACTERS {
            return wrong(format!("a note has {MOST_NOTE_CHARACTERS} characters at most"));
        }
        for (number, cue) in (1..).zip(&self.cues) {
            if cue.id.is_empty() || cue.id.chars().count() > 64 {
                return wrong(format!("the id of cue {number} has not 1 to 64 characters"));
            }
            if cue.start_ms.max(cue.end_ms) > LATEST_MS {
                return wrong(format!("cue {number} is later than a hundred hours"));
            }
            if cue.text.chars().count() > MOST_TEXT_CHARACTERS {
                return wrong(format!(
                    "cue {number} has more than {MOST_TEXT_CHARACTERS} characters"
                ));
            }
            if characters(&cue.speaker) > MOST_SPEAKER_CHARACTERS {
                return wrong(format!(
                    "the speaker of cue {number} has more than {MOST_SPEAKER_CHARACTERS} characters"
                ));
            }
        }
        Ok(())
    }
}

/// A draft that was saved, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDraft {
    /// What was written.
    #[serde(flatten)]
    pub written: Written,
    /// When it was saved.
    pub saved_epoch_s: u64,
    /// By whom, as others see them.
    pub saved_by: String,
}

impl SavedDraft {
    /// From the bucket.
    pub fn from_json(key: &str, json: &[u8]) -> Result<Self, StepError> {
        serde_json::from_slice(json).map_err(|error| StepError::RecordUnreadable {
            what: key.to_owned(),
            detail: error.to_string(),
        })
    }

    /// As stored.
    pub fn to_json(&self) -> Result<Vec<u8>, StepError> {
        serde_json::to_vec(self).map_err(|error| StepError::RecordUnreadable {
            what: "a draft".to_owned(),
            detail: error.to_string(),
        })
    }
}

/// Where the cues of a draft come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody saved them.
    Saved,
    /// A machine made them.
    Machine,
    /// They are the customer's own, to work from.
    Source,
    /// There are none.
    Empty,
}

impl Origin {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Machine => "machine",
            Self::Source => "source",
            Self::Empty => "empty",
        }
    }
}

/// Where a task's draft is kept. Not by attempt: people don't begin again because Kaltura was down.
pub fn key_of(record: &TaskRecord) -> String {
    format!("drafts/{}/draft.json", record.task_id)
}

/// Cues of the caption model as they are worked on.
pub fn of_cues(cues: &[Cue]) -> Vec<DraftCue> {
    (1..)
        .zip(cues)
        .map(|(number, cue)| DraftCue {
            id: format!("c{number}"),
            start_ms: cue.start_ms,
            end_ms: cue.end_ms,
            text: cue.text(),
            speaker: None,
        })
        .collect()
}

/// Cues as they are handed in: the speakers are written into them as the order wants, where they change.
pub fn to_cues(written: &[DraftCue], labels: bool, marks: bool) -> Vec<Cue> {
    let mut ordered: Vec<&DraftCue> = written.iter().collect();
    ordered.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
    let mut speaking: Option<&str> = None;
    ordered
        .into_iter()
        .map(|cue| {
            let speaker = cue
                .speaker
                .as_deref()
                .map(str::trim)
                .filter(|name| !name.is_empty());
            let changes = speaker.is_some_and(|name| speaking != Some(name));
            let is_first = speaking.is_none();
            speaking = speaker.or(speaking);
            let mut text = cue.text.trim().to_owned();
            if changes && !text.is_empty() {
                if let Some(name) = speaker.filter(|_| labels)
                    && !text.starts_with('[')
                {
                    text = format!("[{name}] {text}");
                }
                if marks && !is_first && !text.starts_with(">>") {
                    text = format!(">> {text}");
                }
            }
            Cue::new(cue.start_ms, cue.end_ms, &text)
        })
        .collect()
}

/// What people begin with, where nobody has saved anything: what a machine made of the order so far, else the customer's own
/// cues.
pub(super) async fn first(
    task: &Task<'_>,
    plan: &Plan,
    order: &Order,
) -> Result<(Origin, Vec<DraftCue>), StepError> {
    let material = Material::load(task).await?;
    let language = plan.delivered_language().bcp47;
    let duration_ms = task.record.media.as_ref().and_then(|media| media.duration_ms);
    if let Some((passages, texts)) = material.translation(task).await? {
        let end_ms = passages
            .iter()
            .map(|passage| passage.end_ms)
            .max()
            .unwrap_or_default();
        let translated = Translated {
            passages,
            texts,
            of_captions: plan.source_text.is_some(),
        };
        let texts = Texts::of_translation(
            &translated,
            &plan.style,
            &language,
            duration_ms.unwrap_or(end_ms).max(end_ms),
        )?;
        return Ok((Origin::Machine, of_cues(&texts.cues)));
    }
    if let Some(chapters) = material.chapters() {
        let ends = chapters.iter().skip(1).map(|next| next.start_ms);
        let ends = ends.chain(duration_ms);
        let cues = chapters.iter().zip(ends).map(|(chapter, end_ms)| {
            let text = [Some(chapter.title.as_str()), chapter.description.as_deref()];
            let text = text.into_iter().flatten().collect::<Vec<_>>().join("\n");
            Cue::new(chapter.start_ms, end_ms, &text)
        });
        return Ok((Origin::Machine, of_cues(&cues.collect::<Vec<_>>())));
    }
    if let Some(script) = material.script() {
        let cues = script
            .iter()
            .map(|passage| Cue::new(passage.start_ms, passage.end_ms, &passage.text));
        return Ok((Origin::Machine, of_cues(&cues.collect::<Vec<_>>())));
    }
    // Of an order for something to be heard, the words that were recognised are no draft: they only tell the pauses.
    let is_of_captions = plan.deliverables.iter().any(|deliverable| {
        matches!(
            deliverable,
            crate::plan::Deliverable::Caption {
                is_description: false,
                ..
            }
        )
    });
    if is_of_captions && plan.target.is_none() && material.transcript().is_some() {
        let transcript = material.edited_transcript(task, plan, &order.dictionary)?;
        let texts = Texts::of_transcript(transcript, &plan.style, &language);
        return Ok((Origin::Machine, of_cues(&texts.cues)));
    }
    if is_of_captions && let Some(SourceMaterial::Cues(cues)) = material.source() {
        return Ok((Origin::Source, of_cues(cues)));
    }
    Ok((Origin::Empty, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a cue larger by so much than it may be.
    type Change<'a> = &'a dyn Fn(&mut DraftCue, usize);

    fn cue(start_ms: u64, text: &str, speaker: Option<&str>) -> DraftCue {
        DraftCue {
            id: format!("c{start_ms}"),
            start_ms,
            end_ms: start_ms + 900,
            text: text.to_owned(),
            speaker: speaker.map(str::to_owned),
        }
    }

    fn texts(labels: bool, marks: bool) -> Vec<String> {
        let written = [
            cue(2_000, "Thank you.", Some("Ben")),
            cue(0, "Welcome,", Some("Ana")),
            cue(1_000, "Ben.", Some("Ana ")),
            cue(3_000, "It is late.", None),
            cue(4_000, "[Ben] Very.", Some("Ana")),
        ];
        to_cues(&written, labels, marks).iter().map(Cue::text).collect()
    }

    #[test]
    fn speakers_are_written_where_they_change_and_where_the_order_wants_them() {
        assert_eq!(
            texts(false, false),
            ["Welcome,", "Ben.", "Thank you.", "It is late.", "[Ben] Very."]
        );
        let labelled = [
            "[Ana] Welcome,",
            "Ben.",
            "[Ben] Thank you.",
            "It is late.",
            "[Ben] Very.",
        ];
        assert_eq!(texts(true, false), labelled);
        let marked = [
            "Welcome,",
            "Ben.",
            ">> Thank you.",
            "It is late.",
            ">> [Ben] Very.",
        ];
        assert_eq!(texts(false, true), marked);
    }

    #[test]
    fn a_draft_has_its_limits() {
        let with = |change: fn(&mut Written)| {
            let mut written = Written {
                cues: vec![cue(0, "Hello.", None)],
                note: None,
            };
            change(&mut written);
            written
                .within_limits()
                .map_err(|refused| refused.to_string())
                .err()
        };
        assert_eq!(with(|_| ()), None);
        assert!(with(|written| written.cues[0].text = "x".repeat(2_001)).is_some());
        assert!(with(|written| written.cues[0].id.clear()).is_some());
        assert!(with(|written| written.cues[0].end_ms = u64::MAX).is_some());
        assert!(with(|written| written.note = Some("ü".repeat(5_001))).is_some());
        assert!(with(|written| written.cues = vec![cue(0, "", None); MOST_CUES + 1]).is_some());
    }

    fn refused(written: &Written) -> Option<String> {
        let refused = written.within_limits().err()?;
        assert_eq!(refused.name(), "BadRequest");
        Some(refused.to_string())
    }

    /// The limits themselves are within: who counts to them has nothing refused.
    #[test]
    fn what_is_just_within_a_limit_is_taken_and_one_more_is_not() {
        let of_cue = |change: &dyn Fn(&mut DraftCue, usize), more: usize| {
            let mut written = Written {
                cues: vec![cue(0, "Hello.", None), cue(1, "Hello.", None)],
                note: None,
            };
            change(&mut written.cues[1], more);
            refused(&written)
        };
        let latest = |cue: &mut DraftCue, more: usize| cue.end_ms = 360_000_000 + more as u64;
        let latest_start = |cue: &mut DraftCue, more: usize| cue.start_ms = 360_000_000 + more as u64;
        let id = |cue: &mut DraftCue, more: usize| cue.id = "ü".repeat(64 + more);
        let text = |cue: &mut DraftCue, more: usize| cue.text = "ü".repeat(2_000 + more);
        let speaker = |cue: &mut DraftCue, more: usize| cue.speaker = Some("ü".repeat(100 + more));
        let changes: [(Change<'_>, &str); 5] = [
            (&latest, "cue 2 is later than a hundred hours"),
            (&latest_start, "cue 2 is later than a hundred hours"),
            (&id, "the id of cue 2 has not 1 to 64 characters"),
            (&text, "cue 2 has more than 2000 characters"),
            (&speaker, "the speaker of cue 2 has more than 100 characters"),
        ];
        for (change, told) in changes {
            assert_eq!(of_cue(change, 0), None, "{told}");
            assert_eq!(of_cue(change, 1).as_deref(), Some(told));
            assert_eq!(of_cue(change, 50).as_deref(), Some(told), "far beyond");
        }
        let of_note = |characters| {
            refused(&Written {
                cues: Vec::new(),
                note: Some("ü".repeat(characters)),
            })
        };
        assert_eq!(of_note(5_000), None);
        for characters in [5_001, 5_002] {
            assert_eq!(
                of_note(characters).as_deref(),
                Some("a note has 5000 characters at most")
            );
        }
        let of_cues = |count| {
            refused(&Written {
                cues: vec![cue(0, "", None); count],
                note: None,
            })
        };
        assert_eq!(of_cues(MOST_CUES), None);
        for count in [MOST_CUES + 1, MOST_CUES + 2] {
            assert_eq!(of_cues(count).as_deref(), Some("a draft has 20000 cues at most"));
        }
    }

    #[test]
    fn a_cue_has_an_id_of_its_place_and_keeps_its_time_and_lines() {
        let cues = [Cue::new(100, 900, "One\ntwo."), Cue::new(1_000, 1_900, "Three.")];
        let drafted = of_cues(&cues);
        let told: Vec<_> = drafted
            .iter()
            .map(|cue| (cue.id.as_str(), cue.start_ms, cue.end_ms, cue.text.as_str()))
            .collect();
        assert_eq!(
            told,
            [("c1", 100, 900, "One\ntwo."), ("c2", 1_000, 1_900, "Three.")]
        );
        assert_eq!(to_cues(&drafted, true, true), cues, "and back");
    }

    /// Cues that begin at once stand in the order of their ends, whatever order they were written in.
    #[test]
    fn what_is_handed_in_is_by_time_and_without_blanks_around() {
        let mut written = vec![
            cue(500, " Late. ", None),
            cue(0, "Long.", None),
            cue(0, "Short.", None),
        ];
        written[1].end_ms = 400;
        written[2].end_ms = 300;
        let cues = to_cues(&written, true, true);
        let told: Vec<_> = cues
            .iter()
            .map(|cue| (cue.start_ms, cue.end_ms, cue.text()))
            .collect();
        let expected = [(0, 300, "Short."), (0, 400, "Long."), (500, 1_400, "Late.")];
        assert_eq!(
            told,
            expected.map(|(start, end, text)| (start, end, text.to_owned()))
        );
    }

    #[test]
    fn a_speaker_is_told_once_and_neither_of_a_blank_cue_nor_twice() {
        let handed_in = |written: &[DraftCue], labels, marks| {
            let cues = to_cues(written, labels, marks);
            cues.iter().map(Cue::text).collect::<Vec<_>>()
        };
        let written = [
            cue(0, "Hello.", Some("Ana")),
            cue(1_000, ">> Hi.", Some("Ben")),
            cue(2_000, "How are you?", Some("  ")),
            cue(3_000, " ", Some("Ana")),
            cue(4_000, "Fine.", Some("Ben")),
        ];
        assert_eq!(
            handed_in(&written, false, true),
            ["Hello.", ">> Hi.", "How are you?", "", ">> Fine."],
            "a mark that was typed is enough"
        );
        assert_eq!(
            handed_in(&written[1..3], true, false),
            ["[Ben] >> Hi.", "How are you?"]
        );
        assert_eq!(
            handed_in(&written[3..], true, true),
            ["", ">> [Ben] Fine."],
            "nothing is said of nothing"
        );
    }

    #[test]
    fn a_draft_is_its_orders_and_comes_back_as_it_was_saved() {
        let mut record = crate::memory::sample_record("9292".parse().unwrap());
        let key = key_of(&record);
        assert_eq!(key, "drafts/9292/draft.json");
        record.attempt = 2;
        assert_eq!(key_of(&record), key, "people don't begin again");
        let saved = SavedDraft {
            written: Written {
                cues: vec![cue(0, "Hello.", Some("Ana"))],
                note: Some("Who is the second voice?".to_owned()),
            },
            saved_epoch_s: 77,
            saved_by: "Ana".to_owned(),
        };
        let json = saved.to_json().unwrap();
        assert_eq!(SavedDraft::from_json(&key, &json).unwrap(), saved);
        let error = SavedDraft::from_json(&key, b"{").unwrap_err();
        assert_eq!(error.name(), "RecordUnreadable");
        assert!(error.to_string().contains(&key), "{error}");
    }

    #[test]
    fn an_origin_has_its_name() {
        let origins = [Origin::Saved, Origin::Machine, Origin::Source, Origin::Empty];
        assert_eq!(origins.map(Origin::name), ["saved", "machine", "source", "empty"]);
    }
}
