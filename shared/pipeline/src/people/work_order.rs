//! The work order: all that people must get of an order, and nothing that names the customer. Pure.

use captions::CaptionFormat;
use engines::Handover;

use super::hold::{Act, Hold, Rejection, waiting};
use super::list::WaitingOrder;
use super::person::{Person, Refused};
use crate::plan::{CaptionStyle, Deliverable, Order, Plan};
use crate::record::TaskRecord;
use crate::render::layout_rules;

/// How captions are to look.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The switches of the order.
    pub style: CaptionStyle,
    /// The norms.
    pub norms: captions::LayoutRules,
}

/// Kaltura's flavors of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flavors {
    /// The only ones that may be watched or heard; empty where any may.
    pub media: Vec<i64>,
    /// What a dubbed or described track becomes.
    pub track: Option<i64>,
    /// The original track that goes with it.
    pub clear: Option<i64>,
}

/// An order as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkOrder {
    /// What the list has of it.
    pub summary: WaitingOrder,
    /// Who holds it now.
    pub holder: Option<Hold>,
    /// The customer's notes: text, never markup.
    pub notes: Option<String>,
    /// Words and phrases as the customer spells them.
    pub dictionary: Vec<String>,
    /// The turn-around time in seconds, where it is one.
    pub turn_around_s: Option<u64>,
    /// The same for people.
    pub turn_around: String,
    /// How captions are to look.
    pub rules: Rules,
    /// The format that the customer gets, where it is a text.
    pub output_format: Option<CaptionFormat>,
    /// File name extensions that may be handed in; `cues` where cues may.
    pub accepts: Vec<&'static str>,
    /// Kaltura's flavors.
    pub flavors: Flavors,
    /// Who rejected it, and why.
    pub rejections: Vec<Rejection>,
    /// What was done with it.
    pub acts: Vec<Act>,
    /// What this person may do with it now.
    pub can: Vec<&'static str>,
}

impl WorkOrder {
    /// The order of a record that waits for people, as this person sees it.
    pub fn new(record: &TaskRecord, order: &Order, who: &Person, now_epoch_s: u64) -> Result<Self, Refused> {
        let waits = waiting(record)?;
        let summary = WaitingOrder::of(record).ok_or(Refused::NotFound)?;
        let plan = record.plan.as_ref().ok_or(Refused::NotFound)?;
        let (turn_around_s, turn_around) = turn_around(order.turn_around_time);
        let holder = record.people.holder(now_epoch_s).cloned();
        Ok(Self {
            can: can(holder.as_ref(), who),
            holder,
            notes: order.notes.clone().filter(|notes| !notes.trim().is_empty()),
            dictionary: order.dictionary.clone(),
            turn_around_s,
            turn_around,
            rules: Rules {
                style: plan.style.clone(),
                norms: layout_rules(&plan.style, &plan.delivered_language().bcp47),
            },
            output_format: output_format(plan),
            accepts: accepts(plan, waits.handover),
            flavors: Flavors {
                media: order.flavor_params_ids.clone(),
                track: order.flavor_params_id.filter(|id| *id > 0),
                clear: order.clear_audio_flavor_params_id.filter(|id| *id > 0),
            },
            rejections: record.people.rejections.clone(),
            acts: record.people.acts.clone(),
            summary,
        })
    }
}

fn can(holder: Option<&Hold>, who: &Person) -> Vec<&'static str> {
    let mut can = match holder {
        None => vec!["take"],
        Some(hold) if hold.person == who.id => vec!["work", "extend", "release", "reject"],
        Some(_) if who.is_supervisor() => vec!["extend", "release", "reject"],
        Some(_) => Vec::new(),
    };
    if who.is_supervisor() {
        can.push("end");
    }
    can
}

/// Kaltura's turn-around time: seconds, or one of its named values, of which 1 to 7 and 10 count business days.
fn turn_around(time: Option<i64>) -> (Option<u64>, String) {
    match time {
        None => (None, "not told".to_owned()),
        Some(-1) => (None, "best effort".to_owned()),
        Some(0) => (None, "immediate".to_owned()),
        Some(1) => (None, "1 business day".to_owned()),
        Some(days @ (2..=7 | 10)) => (None, format!("{days} business days")),
        Some(seconds) => match u64::try_from(seconds) {
            Ok(seconds) => (Some(seconds), spelled(seconds)),
            Err(_) => (None, "not told".to_owned()),
        },
    }
}

fn spelled(time_s: u64) -> String {
    let known = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let whole = known
        .into_iter()
        .find(|(long_s, _)| time_s >= *long_s && time_s.is_multiple_of(*long_s));
    let (long_s, word) = whole.unwrap_or((1, "second"));
    let count = time_s / long_s;
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {word}{ending}")
}

fn output_format(plan: &Plan) -> Option<CaptionFormat> {
    plan.deliverables
        .iter()
        .find_map(|deliverable| match deliverable {
            Deliverable::Caption { format, .. } => Some(*format),
            Deliverable::Description { .. } => Some(CaptionFormat::Vtt),
            _ => None,
        })
}

/// Whether what is handed in is delivered as it is to a player that reads WebVTT.
pub(crate) fn must_be_vtt(plan: &Plan) -> bool {
    plan.deliverables.iter().any(|deliverable| {
        matches!(
            deliverable,
            Deliverable::Description { .. }
                | Deliverable::Caption {
                    is_description: true,
                    ..
                }
        )
    })
}

fn accepts(plan: &Plan, handover: Handover) -> Vec<&'static str> {
    const SOUND: [&str; 7] = ["wav", "flac", "m4a", "mp4", "mp3", "ogg", "opus"];
    match handover {
        Handover::Sound => SOUND.to_vec(),
        Handover::Script if must_be_vtt(plan) => vec!["cues", "vtt"],
        // A finished track does as well as the script of one.
        Handover::Script => [&["cues", "vtt", "srt", "dfxp"], SOUND.as_slice()].concat(),
        Handover::Chapters => vec!["cues", "vtt"],
        _ => vec!["cues", "srt", "vtt", "dfxp"],
    }
}

#[cfg(test)]
mod tests {
    use kaltura::CatalogLanguage;

    use super::*;
    use crate::memory::{sample_order, sample_people_record, sample_person as person};
    use crate::people::SUPERVISOR;
    use crate::plan::{SoundTrack, TranscriptForm};

    /// Of an order that is Ana's from 100 to 200.
    fn seen(who: &Person, now_epoch_s: u64) -> WorkOrder {
        let mut record = sample_people_record(&"9292".parse().unwrap());
        record.people.take(&person("Ana", &[]), 200, 100).unwrap();
        WorkOrder::new(&record, &sample_order(None), who, now_epoch_s).unwrap()
    }

    #[test]
    fn what_a_person_may_do_is_by_who_holds_it() {
        let can = |who: &Person, now_epoch_s| seen(who, now_epoch_s).can;
        let (ana, ben) = (person("Ana", &[]), person("Ben", &["service.any"]));
        let sue = person("Sue", &[SUPERVISOR]);
        assert_eq!(can(&ana, 199), ["work", "extend", "release", "reject"]);
        assert_eq!(can(&ben, 199), [""; 0]);
        assert_eq!(can(&sue, 199), ["extend", "release", "reject", "end"]);
        for who in [&ana, &ben] {
            assert_eq!(can(who, 200), ["take"], "its time is over");
        }
        assert_eq!(can(&sue, 200), ["take", "end"]);
        let ana = person("Ana", &[SUPERVISOR]);
        assert_eq!(can(&ana, 199), ["work", "extend", "release", "reject", "end"]);
    }

    #[test]
    fn an_order_is_seen_whole_with_who_holds_it_now() {
        let ben = person("Ben", &[]);
        let order = seen(&ben, 199);
        assert_eq!(order.holder.map(|hold| hold.name).as_deref(), Some("Ana"));
        assert_eq!(order.summary.task_id.as_str(), "9292");
        assert_eq!(order.notes.as_deref(), Some("Dr. Mueller speaks <b>first</b>."));
        assert_eq!(order.dictionary, ["Kaltura"]);
        assert_eq!(
            (order.turn_around_s, order.turn_around.as_str()),
            (Some(86_400), "1 day")
        );
        assert_eq!(order.rules.style.max_characters_per_line, 42);
        assert_eq!(order.acts.len(), 1);
        assert_eq!(seen(&ben, 200).holder, None, "its time is over");
    }

    #[test]
    fn notes_of_blanks_are_none_and_flavor_params_of_nothing_neither() {
        let record = sample_people_record(&"9292".parse().unwrap());
        let with = |notes: &str, id| {
            let order = Order {
                notes: Some(notes.to_owned()),
                flavor_params_ids: vec![5, 3],
                flavor_params_id: id,
                clear_audio_flavor_params_id: id,
                ..sample_order(None)
            };
            let seen = WorkOrder::new(&record, &order, &person("Ben", &[]), 1).unwrap();
            assert_eq!(seen.flavors.media, [5, 3], "in the customer's order");
            (seen.notes, seen.flavors.track, seen.flavors.clear)
        };
        assert_eq!(with(" \n", Some(0)), (None, None, None));
        assert_eq!(with("-", Some(1)), (Some("-".to_owned()), Some(1), Some(1)));
    }

    #[test]
    fn an_order_that_does_not_wait_is_not_seen() {
        let mut record = sample_people_record(&"9292".parse().unwrap());
        record.state = crate::record::TaskState::Gone;
        let refused = WorkOrder::new(&record, &sample_order(None), &person("Ben", &[]), 1).unwrap_err();
        assert_eq!(refused.name(), "Withdrawn");
    }

    fn caption(format: CaptionFormat, is_description: bool) -> Deliverable {
        Deliverable::Caption {
            format,
            language: english(),
            label: "English".to_owned(),
            is_default: true,
            is_description,
        }
    }

    fn english() -> kaltura::AssetLanguage {
        CatalogLanguage::from("English").asset_language().unwrap()
    }

    /// The output format and what may be handed in of an order with these deliverables.
    fn of_deliverables(
        handover: Handover,
        deliverables: Vec<Deliverable>,
    ) -> (Option<CaptionFormat>, Vec<&'static str>) {
        let mut record = sample_people_record(&"9292".parse().unwrap());
        let mut plan = record.plan.clone().unwrap();
        plan.works[0].handover = Some(handover);
        plan.deliverables = deliverables;
        record.plan = Some(plan);
        let order = WorkOrder::new(&record, &sample_order(None), &person("Ben", &[]), 1).unwrap();
        (order.output_format, order.accepts)
    }

    #[test]
    fn what_may_be_handed_in_is_by_what_becomes_of_it() {
        let title = "Extended Audio Description".to_owned();
        let track = Deliverable::Sound {
            track: SoundTrack::Described,
            flavor_params_id: 301,
            language: english(),
            label: "English".to_owned(),
            is_default: false,
        };
        let transcript = Deliverable::Transcript {
            form: TranscriptForm::Text,
            language: english(),
            title: "English transcript".to_owned(),
        };
        let sound = ["wav", "flac", "m4a", "mp4", "mp3", "ogg", "opus"];
        assert_eq!(
            of_deliverables(
                Handover::Captions,
                vec![transcript, caption(CaptionFormat::Dfxp, false)]
            ),
            (Some(CaptionFormat::Dfxp), vec!["cues", "srt", "vtt", "dfxp"])
        );
        assert_eq!(
            of_deliverables(Handover::Sound, vec![track.clone()]),
            (None, sound.to_vec())
        );
        assert_eq!(
            of_deliverables(Handover::Script, vec![track]),
            (None, [&["cues", "vtt", "srt", "dfxp"], sound.as_slice()].concat()),
            "a voice speaks it, or it is the track"
        );
        for description in [
            Deliverable::Description { title },
            caption(CaptionFormat::Vtt, true),
        ] {
            assert_eq!(
                of_deliverables(Handover::Script, vec![description]),
                (Some(CaptionFormat::Vtt), vec!["cues", "vtt"]),
                "the player reads it as it is"
            );
        }
        assert_eq!(
            of_deliverables(Handover::Chapters, vec![Deliverable::Chapters]),
            (None, vec!["cues", "vtt"])
        );
    }

    #[test]
    fn a_turn_around_time_is_seconds_or_one_of_kalturas_names() {
        let told = |time| turn_around(Some(time));
        assert_eq!(told(1_800), (Some(1_800), "30 minutes".to_owned()));
        assert_eq!(told(86_400), (Some(86_400), "1 day".to_owned()));
        assert_eq!(told(5_400), (Some(5_400), "90 minutes".to_owned()));
        assert_eq!(told(2), (None, "2 business days".to_owned()));
        assert_eq!(told(10), (None, "10 business days".to_owned()));
        assert_eq!(told(-1), (None, "best effort".to_owned()));
        assert_eq!(told(0), (None, "immediate".to_owned()));
        assert_eq!(told(1), (None, "1 business day".to_owned()));
        assert_eq!(told(7), (None, "7 business days".to_owned()));
        assert_eq!(told(8), (Some(8), "8 seconds".to_owned()));
        assert_eq!(told(-2), (None, "not told".to_owned()));
        assert_eq!(told(60), (Some(60), "1 minute".to_owned()));
        assert_eq!(told(3_661), (Some(3_661), "3661 seconds".to_owned()));
        assert_eq!(told(172_800), (Some(172_800), "2 days".to_owned()));
        assert_eq!(told(90_000), (Some(90_000), "25 hours".to_owned()));
        assert_eq!(turn_around(None).1, "not told");
    }
}
