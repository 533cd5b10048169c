//! The list of orders that wait for people, by due time, whoever the customer is.
//!
//! The index has two partitions: what nobody has taken, and what somebody has. A hold whose time is over is seen for what it is
//! when the list is read, so that nothing has to sweep the holds; the second partition is small, as people are few. Both are in
//! the order of due time, and a place in that order is the cursor.

use serde::{Deserialize, Serialize};

use kaltura::TaskId;

use super::deliverable_name;
use super::hold::{Hold, waiting};
use super::person::{Person, PersonId, covers};
use crate::context::Context;
use crate::error::Result;
use crate::plan::PlanLanguage;
use crate::ports::Stretch;
use crate::record::TaskRecord;

/// A due time behind all others, for orders that have none: within the twelve digits of a place.
const NEVER_EPOCH_S: u64 = 999_999_999_999;
/// How many entries are read at a time, at most: a filter may pass over nearly all. The first time it is no more than a page.
const READ_AT_ONCE: usize = 1_000;
/// By how much more is read the next time.
const READ_GROWS: usize = 4;
/// How many entries one page reads at most; behind them the cursor goes on.
const MOST_READ: usize = 5_000;

/// The partitions of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleList {
    /// Nobody has taken it, or who had gave it back.
    Open,
    /// Somebody took it; their time may be over.
    Taken,
}

impl PeopleList {
    /// The name, as stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken => "taken",
        }
    }
}

/// An order in the list: what stands in the index beside its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingOrder {
    /// The task.
    pub task_id: TaskId,
    /// The service, by [`super::service_name`].
    pub service: String,
    /// What is to be handed in, by [`super::deliverable_name`].
    pub deliverable: String,
    /// The language of the sound.
    pub source: PlanLanguage,
    /// The language of what is delivered, where it is another.
    pub target: Option<PlanLanguage>,
    /// By when the customer expects it.
    pub due_epoch_s: Option<u64>,
    /// When it was queued at Kaltura.
    pub ordered_epoch_s: u64,
    /// How long the media is.
    pub duration_ms: Option<u64>,
    /// Who took it.
    pub hold: Option<Hold>,
    /// Who rejected it.
    pub rejected_by: Vec<PersonId>,
}

impl WaitingOrder {
    /// What the index has of a record; `None` for one that doesn't wait for people.
    pub fn of(record: &TaskRecord) -> Option<Self> {
        let waits = waiting(record).ok()?;
        let plan = record.plan.as_ref()?;
        let rejections = record.people.rejections.iter();
        Some(Self {
            task_id: record.task_id.clone(),
            service: waits.service.to_owned(),
            deliverable: deliverable_name(waits.handover).to_owned(),
            source: plan.source(),
            target: plan.target.clone(),
            due_epoch_s: record.expected_finish_epoch_s,
            ordered_epoch_s: record.queue_time_epoch_s,
            duration_ms: record.media.as_ref().and_then(|media| media.duration_ms),
            hold: record.people.hold.clone(),
            rejected_by: rejections.map(|rejection| rejection.person.clone()).collect(),
        })
    }

    /// The partition.
    pub fn list(&self) -> PeopleList {
        match self.hold {
            None => PeopleList::Open,
            Some(_) => PeopleList::Taken,
        }
    }

    /// Its place: twelve digits of the due time, a hyphen, the task id. Unique, and in due-time order as text.
    pub fn place(&self) -> String {
        place(self.due_epoch_s.unwrap_or(NEVER_EPOCH_S), &self.task_id)
    }

    /// Its languages.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        let target = self.target.iter().map(|target| target.bcp47.as_str());
        std::iter::once(self.source.bcp47.as_str()).chain(target)
    }

    fn holder(&self, now_epoch_s: u64) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.until_epoch_s > now_epoch_s)
    }
}

fn place(due_epoch_s: u64, task_id: &TaskId) -> String {
    format!("{:012}-{task_id}", due_epoch_s.min(NEVER_EPOCH_S))
}

/// Which orders somebody wants to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Held by nobody.
    #[default]
    Open,
    /// Held by oneself.
    Mine,
    /// Held by anybody.
    Held,
}

/// What is asked of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// Which.
    pub wanted: Wanted,
    /// Of this service only.
    pub service: Option<String>,
    /// In this language only, of the sound or of what is delivered.
    pub language: Option<String>,
    /// Due before this time only.
    pub due_before_epoch_s: Option<u64>,
    /// Behind this place only.
    pub after: Option<String>,
    /// So many at most.
    pub limit: usize,
}

impl Question {
    fn takes(&self, order: &WaitingOrder, who: &Person, now_epoch_s: u64) -> bool {
        let holder = order.holder(now_epoch_s);
        let is_wanted = match self.wanted {
            Wanted::Open => holder.is_none() && (who.is_supervisor() || !order.rejected_by.contains(&who.id)),
            Wanted::Mine => holder.is_some_and(|hold| hold.person == who.id),
            Wanted::Held => holder.is_some(),
        };
        let speaks = |language: &String| order.languages().any(|tag| covers(language, tag));
        is_wanted
            && self
                .service
                .as_ref()
                .is_none_or(|service| *service == order.service)
            && self.language.as_ref().is_none_or(speaks)
            && who.lacks(&order.service, order.languages()).is_none()
    }
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The orders, by due time.
    pub orders: Vec<WaitingOrder>,
    /// Behind which place the list goes on; `None` at its end.
    pub next: Option<String>,
}

/// What was read of one partition.
struct Read {
    orders: Vec<WaitingOrder>,
    /// How far was read; `None` where to the end.
    to: Option<String>,
}

/// The page that somebody sees. A page may be short, or empty, and yet not be the last.
pub async fn list(ctx: &Context, who: &Person, question: &Question) -> Result<Page> {
    let now_epoch_s = ctx.clock.now_epoch_s();
    let read = async |list| read(ctx, list, who, question, now_epoch_s).await;
    let Read { mut orders, mut to } = if question.wanted == Wanted::Open {
        let (mut taken, open) = tokio::try_join!(read(PeopleList::Taken), read(PeopleList::Open))?;
        taken.orders.extend(open.orders);
        taken.to = match (taken.to, open.to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        taken
    } else {
        read(PeopleList::Taken).await?
    };
    orders.sort_by_cached_key(WaitingOrder::place);
    // What lies behind the place that was read to in both is told later, that none is passed over.
    orders.retain(|order| to.as_ref().is_none_or(|to| order.place() <= *to));
    if orders.len() > question.limit {
        orders.truncate(question.limit);
        to = orders.last().map(WaitingOrder::place);
    }
    Ok(Page { orders, next: to })
}

async fn read(
    ctx: &Context,
    list: PeopleList,
    who: &Person,
    question: &Question,
    now_epoch_s: u64,
) -> Result<Read> {
    let mut limit = question.limit + 1;
    let before = question
        .due_before_epoch_s
        .map(|due| format!("{:012}", due.min(NEVER_EPOCH_S)));
    let mut to = question.after.clone();
    let (mut orders, mut read) = (Vec::new(), 0);
    loop {
        let stretch = Stretch {
            list,
            after: to.as_deref(),
            before: before.as_deref(),
            limit,
        };
        let chunk = ctx.people()?.waiting(stretch).await?;
        read += chunk.len();
        let is_last = chunk.len() < limit;
        // What was read so far had little for this person, so more is read at once.
        limit = (limit * READ_GROWS).min(READ_AT_ONCE);
        to = chunk.last().map(WaitingOrder::place).or(to);
        orders.extend(
            chunk
                .into_iter()
                .filter(|order| question.takes(order, who, now_epoch_s)),
        );
        if is_last {
            return Ok(Read { orders, to: None });
        }
        if orders.len() > question.limit || read >= MOST_READ {
            return Ok(Read { orders, to });
        }
    }
}
