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
