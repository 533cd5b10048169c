//! The people's part of a task's record: who holds the order, who rejected it, what was done with it. Pure.

use engines::Handover;
use serde::{Deserialize, Serialize};

use super::person::{Person, PersonId, Refused};
use super::service_name;
use crate::record::{TaskRecord, TaskState};

/// How many lines of what people did a record keeps.
const HISTORY_LINES: usize = 200;
/// How many rejections a record keeps.
const REJECTIONS: usize = 20;

/// That somebody holds an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who.
    pub person: PersonId,
    /// What others see of them.
    pub name: String,
    /// Since when.
    pub since_epoch_s: u64,
    /// Until when; after it, the order is anybody's.
    pub until_epoch_s: u64,
}

/// That somebody said that they can't do an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Who.
    pub person: PersonId,
    /// What others see of them.
    pub name: String,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub at_epoch_s: u64,
}

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When; of the same again, the last time.
    pub at_epoch_s: u64,
    /// Who.
    pub person: PersonId,
    /// What others see of them.
    pub name: String,
    /// What.
    pub what: String,
}

/// What people do with an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleRecord {
    /// Who took it last and has not given it back; whether they still hold it, its time tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Who rejected it, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejections: Vec<Rejection>,
    /// What was done with it, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
    /// The warnings before its deadline that were given, in percent of its time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warned_percent: Vec<u8>,
    /// When Kaltura was last asked, because of what somebody did, whether the customer still wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_epoch_s: Option<u64>,
}

impl PeopleRecord {
    /// Whether nobody did anything with it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Who holds it now.
    pub fn holder(&self, now_epoch_s: u64) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.until_epoch_s > now_epoch_s)
    }

    /// Writes down what somebody did. The same again by the same person is one line.
    pub fn note(&mut self, who: &Person, what: impl Into<String>, now_epoch_s: u64) {
        let act = Act {
            at_epoch_s: now_epoch_s,
            person: who.id.clone(),
            name: who.name.clone(),
            what: what.into(),
        };
        if let Some(last) = self.acts.last_mut()
            && last.person == act.person
            && last.what == act.what
        {
            *last = act;
            return;
        }
        if self.acts.len() >= HISTORY_LINES {
            self.acts.remove(0);
        }
        self.acts.push(act);
    }

    /// Has somebody hold it until then, unless another does. Who holds it already holds on.
    pub fn take(&mut self, who: &Person, until_epoch_s: u64, now_epoch_s: u64) -> Result<(), Refused> {
        match self.holder(now_epoch_s) {
            Some(hold) if hold.person != who.id => return Err(Refused::HeldByAnother(hold.clone())),
            Some(_) => return self.extend(who, until_epoch_s, now_epoch_s),
            None => {}
        }
        self.hold = Some(Hold {
            person: who.id.clone(),
            name: who.name.clone(),
            since_epoch_s: now_epoch_s,
            until_epoch_s,
        });
        self.note(who, "taken", now_epoch_s);
        Ok(())
    }

    /// Has the holder hold it until then: oneself, or for a supervisor whoever it is.
    pub fn extend(&mut self, who: &Person, until_epoch_s: u64, now_epoch_s: u64) -> Result<(), Refused> {
        self.held_for(who, now_epoch_s)?;
        if let Some(hold) = &mut self.hold {
            hold.until_epoch_s = until_epoch_s;
        }
        self.note(who, "hold extended", now_epoch_s);
        Ok(())
    }

    /// Has nobody hold it; what nobody holds stays so.
    pub fn release(&mut self, who: &Person, now_epoch_s: u64) -> Result<(), Refused> {
        if self.holder(now_epoch_s).is_none() {
            return Ok(());
        }
        self.held_for(who, now_epoch_s)?;
        self.hold = None;
        self.note(who, "released", now_epoch_s);
        Ok(())
    }

    /// Has it go back to the list with the reason. Somebody else may be able to do it.
    pub fn reject(&mut self, who: &Person, reason: &str, now_epoch_s: u64) -> Result<(), Refused> {
        self.held_for(who, now_epoch_s)?;
        self.hold = None;
        if self.rejections.len() >= REJECTIONS {
            self.rejections.remove(0);
        }
        self.rejections.push(Rejection {
            person: who.id.clone(),
            name: who.name.clone(),
            reason: reason.to_owned(),
            at_epoch_s: now_epoch_s,
        });
        self.note(who, format!("rejected: {reason}"), now_epoch_s);
        Ok(())
    }

    /// Fails unless this person holds it, or is a supervisor where somebody does.
    fn held_for(&self, who: &Person, now_epoch_s: u64) -> Result<(), Refused> {
        match self.holder(now_epoch_s) {
            None => Err(Refused::NotHeld),
            Some(hold) if hold.person == who.id || who.is_supervisor() => Ok(()),
            Some(hold) => Err(Refused::HeldByAnother(hold.clone())),
        }
    }

    /// Fails unless this person holds it.
    pub fn held_by(&self, who: &Person, now_epoch_s: u64) -> Result<&Hold, Refused> {
        match self.holder(now_epoch_s) {
            None => Err(Refused::NotHeld),
            Some(hold) if hold.person == who.id => Ok(hold),
            Some(hold) => Err(Refused::HeldByAnother(hold.clone())),
        }
    }
}

/// Why an order waits for people no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The customer has withdrawn it, or it is gone at Kaltura.
    Withdrawn,
    /// Somebody handed in what was wanted, and the order goes on.
    HandedIn,
    /// It has ended in another way, or waits for something else.
    Elsewhere,
}

impl Ended {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Withdrawn => "Withdrawn",
            Self::HandedIn => "HandedIn",
            Self::Elsewhere => "Ended",
        }
    }

    /// The same for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Withdrawn => "the customer has withdrawn this order",
            Self::HandedIn => "this order was handed in and goes on by itself",
            Self::Elsewhere => "this order waits for people no longer",
        }
    }
}

/// What an order waits for, where it waits for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The place of the work in the plan.
    pub index: usize,
    /// What is to be handed in.
    pub handover: Handover,
    /// Its service.
    pub service: &'static str,
}

/// What an order waits for; an error says why it doesn't. An order that never was people's is [`Refused::NotFound`].
pub fn waiting(record: &TaskRecord) -> Result<Waiting, Refused> {
    let plan = record.plan.as_ref().filter(|plan| plan.needs_people());
    let plan = plan.ok_or(Refused::NotFound)?;
    let service = service_name(plan.service()).ok_or(Refused::NotFound)?;
    if record.state == TaskState::Gone {
        return Err(Refused::Ended(Ended::Withdrawn));
    }
    let handed_in = |index: usize| record.works[index].result.is_some();
    if (0..record.works.len()).any(|index| record.is_of_people(index) && handed_in(index)) {
        return Err(Refused::Ended(Ended::HandedIn));
    }
    if record.state == TaskState::Running
        && let Some((index, _)) = record.accepted()
        && record.is_of_people(index)
    {
        let handover = plan.works[index].handover.unwrap_or(Handover::Captions);
        return Ok(Waiting {
            index,
            handover,
            service,
        });
    }
    Err(Refused::Ended(Ended::Elsewhere))
}

#[cfg(test)]
mod tests {
    use kaltura::ServiceFeature;

    use super::*;
    use crate::memory::{sample_people_record, sample_person as person, sample_record};
    use crate::people::SUPERVISOR;
    use crate::record::StoredResult;

    fn ana() -> Person {
        person("Ana", &[])
    }

    fn ben() -> Person {
        person("Ben", &[])
    }

    fn supervisor() -> Person {
        person("Sue", &[SUPERVISOR])
    }

    /// Ana's from 100 to 200.
    fn held() -> PeopleRecord {
        let mut people = PeopleRecord::default();
        people.take(&ana(), 200, 100).unwrap();
        people
    }

    fn name<T>(result: Result<T, Refused>) -> &'static str {
        result.err().map_or("done", |refused| refused.name())
    }

    fn acts(people: &PeopleRecord) -> Vec<(u64, &str, &str)> {
        let acts = people.acts.iter();
        acts.map(|act| (act.at_epoch_s, act.name.as_str(), act.what.as_str()))
            .collect()
    }

    #[test]
    fn an_order_is_held_by_one_until_its_time_is_over() {
        let mut people = held();
        let hold = people.holder(199).cloned().unwrap();
        assert_eq!((hold.person, hold.name), (ana().id, "Ana".to_owned()));
        assert_eq!((hold.since_epoch_s, hold.until_epoch_s), (100, 200));
        assert_eq!(people.holder(200), None, "then it is anybody's");
        let Err(Refused::HeldByAnother(by)) = people.take(&ben(), 900, 199) else {
            panic!("two have it")
        };
        assert_eq!(by.person, ana().id);
        assert_eq!(people, held(), "nothing changed");
        people.take(&ben(), 900, 200).unwrap();
        assert_eq!(people.held_by(&ben(), 201).unwrap().since_epoch_s, 200);
        assert_eq!(name(people.held_by(&ana(), 201)), "HeldByAnother");
        assert_eq!(acts(&people), [(100, "Ana", "taken"), (200, "Ben", "taken")]);
    }

    #[test]
    fn who_takes_what_they_hold_holds_on() {
        let mut people = held();
        people.take(&ana(), 300, 150).unwrap();
        let hold = people.held_by(&ana(), 299).unwrap();
        assert_eq!((hold.since_epoch_s, hold.until_epoch_s), (100, 300));
        assert_eq!(
            acts(&people),
            [(100, "Ana", "taken"), (150, "Ana", "hold extended")]
        );
        people.take(&ana(), 500, 300).unwrap();
        let hold = people.held_by(&ana(), 300).unwrap();
        assert_eq!(hold.since_epoch_s, 300, "the former hold was over");
    }

    #[test]
    fn only_the_holder_works_and_a_supervisor_may_end_the_hold() {
        let of = |who: &Person, now_epoch_s| {
            let extended = held().extend(who, 300, now_epoch_s);
            let rejected = held().reject(who, "too long", now_epoch_s);
            let held = held();
            [
                name(held.held_by(who, now_epoch_s)),
                name(extended),
                name(rejected),
            ]
        };
        assert_eq!(of(&ana(), 199), ["done"; 3]);
        assert_eq!(of(&ben(), 199), ["HeldByAnother"; 3]);
        assert_eq!(of(&supervisor(), 199), ["HeldByAnother", "done", "done"]);
        for who in [ana(), ben(), supervisor()] {
            assert_eq!(of(&who, 200), ["NotHeld"; 3], "{}", who.name);
        }
    }

    #[test]
    fn an_extension_is_the_holders_whoever_gives_it() {
        let mut people = held();
        people.extend(&supervisor(), 300, 150).unwrap();
        assert_eq!(people.held_by(&ana(), 299).unwrap().until_epoch_s, 300);
        assert_eq!(acts(&people)[1], (150, "Sue", "hold extended"));
    }

    #[test]
    fn what_is_released_is_anybodys_and_what_nobody_holds_stays_so() {
        for who in [ana(), supervisor()] {
            let mut people = held();
            people.release(&who, 150).unwrap();
            assert_eq!(people.hold, None);
            assert_eq!(acts(&people)[1], (150, who.name.as_str(), "released"));
        }
        let mut people = held();
        assert_eq!(name(people.release(&ben(), 150)), "HeldByAnother");
        assert_eq!(people, held());
        people.release(&ben(), 200).unwrap();
        assert_eq!(people, held(), "its time was over");
    }

    #[test]
    fn a_rejection_goes_back_to_the_list_with_its_reason_and_the_latest_are_kept() {
        let mut people = PeopleRecord::default();
        for at in 1..=22 {
            people.take(&ana(), at + 1, at).unwrap();
            people.reject(&ana(), &format!("reason {at}"), at).unwrap();
            assert_eq!(people.hold, None);
        }
        assert_eq!(people.rejections.len(), REJECTIONS);
        let reasons = |at: usize| people.rejections[at].reason.as_str();
        assert_eq!((reasons(0), reasons(REJECTIONS - 1)), ("reason 3", "reason 22"));
        let last = people.rejections.last().unwrap();
        assert_eq!(
            (&last.person, last.name.as_str(), last.at_epoch_s),
            (&ana().id, "Ana", 22)
        );
        assert_eq!(acts(&people).last(), Some(&(22, "Ana", "rejected: reason 22")));
    }

    #[test]
    fn the_same_again_by_the_same_person_is_one_line_and_the_latest_are_kept() {
        let mut people = PeopleRecord::default();
        assert!(people.is_empty());
        people.note(&ana(), "saved", 1);
        people.note(&ana(), "saved", 2);
        people.note(&ben(), "saved", 3);
        people.note(&ben(), "released", 4);
        people.note(&ben(), "saved", 5);
        assert!(!people.is_empty());
        let noted = [
            (2, "Ana", "saved"),
            (3, "Ben", "saved"),
            (4, "Ben", "released"),
            (5, "Ben", "saved"),
        ];
        assert_eq!(acts(&people), noted);
        for at in 10..10 + 200 {
            people.note(&ana(), format!("act {at}"), at);
        }
        assert_eq!(people.acts.len(), HISTORY_LINES);
        assert_eq!(acts(&people)[0], (10, "Ana", "act 10"));
        people.note(&ana(), "act 209", 300);
        assert_eq!(acts(&people)[0], (10, "Ana", "act 10"), "it drove nothing out");
        assert_eq!(acts(&people)[199], (300, "Ana", "act 209"));
    }

    #[test]
    fn an_order_waits_for_people_while_their_work_runs_and_is_not_done() {
        let record = sample_people_record(&"9292".parse().unwrap());
        let waits = waiting(&record).unwrap();
        assert_eq!(
            (waits.index, waits.handover, waits.service),
            (0, Handover::Captions, "captions")
        );
        let ended = |change: fn(&mut TaskRecord)| {
            let mut record = record.clone();
            change(&mut record);
            name(waiting(&record))
        };
        assert_eq!(ended(|_| ()), "done");
        assert_eq!(ended(|record| record.state = TaskState::Gone), "Withdrawn");
        for parked_or_ended in [
            (|record| record.state = TaskState::Parked) as fn(&mut TaskRecord),
            |record| record.state = TaskState::Failed,
            |record| record.works[0].accepted = None,
        ] {
            assert_eq!(ended(parked_or_ended), "Ended");
        }
        let handed_in = |record: &mut TaskRecord| {
            record.works[0].result = Some(StoredResult {
                key: "engine/9292/1/result.json".to_owned(),
                accuracy_percent: 100,
                engine: "people 1".to_owned(),
                output: "captions".to_owned(),
            });
        };
        assert_eq!(ended(handed_in), "HandedIn");
    }

    /// Whoever asks for a task by its number learns nothing of one that never was people's.
    #[test]
    fn an_order_that_never_was_peoples_is_not_there() {
        let task_id = "9292".parse().unwrap();
        assert_eq!(name(waiting(&sample_record(task_id))), "NotFound");
        let mut record = sample_people_record(&"9292".parse().unwrap());
        record.plan.as_mut().unwrap().service_feature = ServiceFeature::IntelligentTagging.number();
        assert_eq!(name(waiting(&record)), "NotFound");
        let mut record = sample_people_record(&"9292".parse().unwrap());
        record.state = TaskState::Gone;
        record.plan.as_mut().unwrap().works[0].kind = engines::WorkKind::Recognise;
        assert_eq!(name(waiting(&record)), "NotFound");
    }

    #[test]
    fn each_end_has_its_name_and_its_text() {
        let told = [Ended::Withdrawn, Ended::HandedIn, Ended::Elsewhere]
            .map(|ended| format!("{}: {}", ended.name(), Refused::Ended(ended)));
        assert_eq!(
            told,
            [
                "Withdrawn: the customer has withdrawn this order",
                "HandedIn: this order was handed in and goes on by itself",
                "Ended: this order waits for people no longer",
            ]
        );
    }
}
