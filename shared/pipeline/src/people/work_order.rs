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
    use super::turn_around;

    #[test]
    fn a_turn_around_time_is_seconds_or_one_of_kalturas_names() {
        let told = |time| turn_around(Some(time));
        assert_eq!(told(1_800), (Some(1_800), "30 minutes".to_owned()));
        assert_eq!(told(86_400), (Some(86_400), "1 day".to_owned()));
        assert_eq!(told(5_400), (Some(5_400), "90 minutes".to_owned()));
        assert_eq!(told(2), (None, "2 business days".to_owned()));
        assert_eq!(told(10), (None, "10 business days".to_owned()));
        assert_eq!(told(-1), (None, "best effort".to_owned()));
        assert_eq!(turn_around(None).1, "not told");
    }
}
