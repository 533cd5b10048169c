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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;

    use super::*;
    use crate::config::{Config, Env};
    use crate::context::{Parts, kaltura_client};
    use crate::memory::{FixedAppToken, ManualClock, MemoryTable, sample_people_record, sample_record};
    use crate::people::{Rejection, SUPERVISOR};
    use crate::ports::PeopleIndex;
    use crate::session::VendorSessions;

    const NOW_EPOCH_S: u64 = 1_000;

    /// An index of these orders, which writes down how much was asked for at a time.
    #[derive(Default)]
    struct Index {
        orders: Vec<WaitingOrder>,
        limits: Mutex<Vec<usize>>,
    }

    #[async_trait]
    impl PeopleIndex for Index {
        async fn waiting(&self, stretch: Stretch<'_>) -> Result<Vec<WaitingOrder>> {
            self.limits.lock().unwrap().push(stretch.limit);
            let behind = |place: &str| stretch.after.is_none_or(|after| place > after);
            let before = |place: &str| stretch.before.is_none_or(|before| place < before);
            let mut orders: Vec<_> = self
                .orders
                .iter()
                .filter(|order| order.list() == stretch.list)
                .filter(|order| behind(&order.place()) && before(&order.place()))
                .cloned()
                .collect();
            orders.sort_by_cached_key(WaitingOrder::place);
            orders.truncate(stretch.limit);
            Ok(orders)
        }
    }

    /// A list of these orders at [`NOW_EPOCH_S`].
    struct Listed {
        index: Arc<Index>,
        ctx: Context,
    }

    impl Listed {
        fn of(orders: impl IntoIterator<Item = WaitingOrder>) -> Self {
            let index = Arc::new(Index {
                orders: orders.into_iter().collect(),
                ..Index::default()
            });
            let config = Config::from_env(&Env::of(&[
                ("KALTURA_SERVICE_URL", "https://www.kaltura.com"),
                ("VENDOR_PARTNER_ID", "12345"),
                ("VENDOR_NAME", "vendorName"),
                ("TASKS_TABLE", "tasks"),
                ("APP_TOKEN_SECRET_ARN", "secret"),
                ("PROCESSING_REGION", "EU"),
                ("ENABLED_SERVICES", "1"),
            ]));
            let config = config.unwrap();
            let kaltura = kaltura_client(&config).unwrap();
            let clock = Arc::new(ManualClock::at(NOW_EPOCH_S));
            let table = Arc::new(MemoryTable::default());
            let app_token = serde_json::json!({ "id": "1", "token": "t", "hash_type": "SHA256" });
            let app_token = Arc::new(FixedAppToken(serde_json::from_value(app_token).unwrap()));
            let ctx = Context {
                sessions: Arc::new(VendorSessions::new(
                    kaltura.clone(),
                    table.clone(),
                    app_token,
                    clock.clone(),
                )),
                config,
                clock,
                tasks: table.clone(),
                leases: table.clone(),
                gate: table,
                kaltura,
                parts: Parts {
                    people: Some(index.clone()),
                    ..Parts::default()
                },
            };
            Self { index, ctx }
        }

        async fn page(&self, who: &Person, question: &Question) -> (Vec<String>, Option<String>) {
            let page = list(&self.ctx, who, question).await.unwrap();
            let ids = page.orders.iter().map(|order| order.task_id.to_string());
            (ids.collect(), page.next)
        }

        /// Page by page to the end, and how many pages there were.
        async fn walked(&self, who: &Person, question: &Question) -> (Vec<String>, usize) {
            let mut question = question.clone();
            let mut all = Vec::new();
            for pages in 1..1_000 {
                let (ids, next) = self.page(who, &question).await;
                assert!(ids.len() <= question.limit);
                all.extend(ids);
                let Some(next) = next else { return (all, pages) };
                question.after = Some(next);
            }
            panic!("the list has no end")
        }
    }

    fn person(id: &str, groups: &[&str]) -> Person {
        Person {
            id: PersonId::new(id),
            name: id.to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        }
    }

    fn ana() -> Person {
        person("ana", &["service.any", "language.any"])
    }

    fn supervisor() -> Person {
        person("sue", &[SUPERVISOR])
    }

    /// Captions in English, open.
    fn order(id: u64, due_epoch_s: u64) -> WaitingOrder {
        let record = sample_people_record(&id.to_string().parse().unwrap());
        WaitingOrder {
            due_epoch_s: Some(due_epoch_s),
            ..WaitingOrder::of(&record).unwrap()
        }
    }

    fn held_by(id: &str, until_epoch_s: u64, order: WaitingOrder) -> WaitingOrder {
        let hold = Hold {
            person: PersonId::new(id),
            name: id.to_owned(),
            since_epoch_s: 1,
            until_epoch_s,
        };
        WaitingOrder {
            hold: Some(hold),
            ..order
        }
    }

    fn wanted(wanted: Wanted) -> Question {
        Question {
            wanted,
            limit: 50,
            ..Question::default()
        }
    }

    #[test]
    fn the_index_has_what_a_list_shows_of_a_record_that_waits() {
        let mut record = sample_people_record(&"9292".parse().unwrap());
        record.people.rejections.push(Rejection {
            person: PersonId::new("ben"),
            name: "Ben".to_owned(),
            reason: "too long".to_owned(),
            at_epoch_s: 140,
        });
        let order = WaitingOrder::of(&record).unwrap();
        assert_eq!(
            (order.service.as_str(), order.deliverable.as_str()),
            ("captions", "captions")
        );
        assert_eq!((order.due_epoch_s, order.ordered_epoch_s), (Some(1_850), 50));
        assert_eq!(order.duration_ms, Some(4_000));
        assert_eq!(order.rejected_by, [PersonId::new("ben")]);
        assert_eq!(order.list(), PeopleList::Open);
        assert_eq!(order.languages().collect::<Vec<_>>(), ["en"]);
        assert_eq!(
            held_by("ana", 0, order).list(),
            PeopleList::Taken,
            "even when it is over"
        );
        assert_eq!(WaitingOrder::of(&sample_record("9292".parse().unwrap())), None);
        assert_eq!(
            [PeopleList::Open, PeopleList::Taken].map(PeopleList::name),
            ["open", "taken"]
        );
    }

    /// Stored in the index: as text they must be in the order of time.
    #[test]
    fn a_place_is_twelve_digits_of_the_due_time_and_the_task() {
        assert_eq!(order(9292, 1_850).place(), "000000001850-9292");
        let never = WaitingOrder {
            due_epoch_s: None,
            ..order(9292, 1)
        };
        assert_eq!(never.place(), "999999999999-9292");
        assert_eq!(
            order(9292, u64::MAX).place(),
            "999999999999-9292",
            "no more than twelve"
        );
    }

    #[tokio::test]
    async fn each_sees_what_nobody_holds_what_they_hold_and_what_anybody_holds() {
        let mut rejected = order(5, 50);
        rejected.rejected_by = vec![PersonId::new("ben"), PersonId::new("ana")];
        let listed = Listed::of([
            order(1, 30),
            held_by("ana", NOW_EPOCH_S + 1, order(2, 10)),
            held_by("ben", NOW_EPOCH_S + 1, order(3, 20)),
            held_by("ben", NOW_EPOCH_S, order(4, 10)),
            rejected,
        ]);
        let seen = async |who: Person, state| listed.page(&who, &wanted(state)).await.0;
        assert_eq!(seen(ana(), Wanted::Open).await, ["4", "1"], "by due time");
        assert_eq!(seen(ana(), Wanted::Mine).await, ["2"]);
        assert_eq!(seen(ana(), Wanted::Held).await, ["2", "3"]);
        assert_eq!(seen(supervisor(), Wanted::Open).await, ["4", "1", "5"]);
        assert!(seen(supervisor(), Wanted::Mine).await.is_empty());
    }

    #[tokio::test]
    async fn a_question_is_of_a_service_a_language_and_a_time() {
        let mut dubbing = order(2, 20);
        "dubbing".clone_into(&mut dubbing.service);
        dubbing.source.bcp47 = "en-US".to_owned();
        dubbing.target = Some(PlanLanguage {
            catalog_name: "Spanish".to_owned(),
            bcp47: "es".to_owned(),
        });
        let listed = Listed::of([order(1, 10), dubbing, order(3, 30)]);
        let seen = async |question: Question| listed.page(&ana(), &question).await.0;
        let of = |service: Option<&str>, language: Option<&str>, due_before_epoch_s| Question {
            service: service.map(str::to_owned),
            language: language.map(str::to_owned),
            due_before_epoch_s,
            ..wanted(Wanted::Open)
        };
        assert_eq!(seen(of(None, None, None)).await, ["1", "2", "3"]);
        assert_eq!(seen(of(Some("captions"), None, None)).await, ["1", "3"]);
        assert_eq!(seen(of(Some("dubbing"), Some("es"), None)).await, ["2"]);
        assert!(seen(of(Some("captions"), Some("es"), None)).await.is_empty());
        assert_eq!(seen(of(None, Some("en"), None)).await, ["1", "2", "3"]);
        assert_eq!(seen(of(None, Some("en-US"), None)).await, ["2"]);
        assert_eq!(
            seen(of(None, None, Some(30))).await,
            ["1", "2"],
            "before, and not at it"
        );
        assert_eq!(seen(of(None, None, Some(u64::MAX))).await, ["1", "2", "3"]);
        for (groups, ids) in [
            (["service.captions", "language.en"], &["1", "3"][..]),
            (["service.dubbing", "language.en"], &[]),
        ] {
            let seen = listed
                .page(&person("ben", &groups), &wanted(Wanted::Open))
                .await
                .0;
            assert_eq!(seen, ids, "{groups:?}");
        }
    }

    #[tokio::test]
    async fn page_by_page_each_order_comes_once_and_by_due_time() {
        // Of each four, two are for her: one that is open, and one that somebody held too long.
        let orders = (0..40).map(|id| {
            let order = order(100 + id, 1_000 + id * 7 % 40);
            match id % 4 {
                0 => order,
                1 => held_by("ben", NOW_EPOCH_S - 1, order),
                2 => held_by("ben", NOW_EPOCH_S + 1, order),
                _ => WaitingOrder {
                    rejected_by: vec![PersonId::new("ana")],
                    ..order
                },
            }
        });
        let listed = Listed::of(orders);
        let mut free: Vec<_> = listed.index.orders.iter().collect();
        free.retain(|order| order.task_id.as_str().parse::<u64>().unwrap() % 4 < 2);
        free.sort_by_cached_key(|order| order.place());
        let free: Vec<_> = free.iter().map(|order| order.task_id.to_string()).collect();
        assert_eq!(free.len(), 20);
        for limit in [1, 2, 3, 7, 19, 20, 21, 50] {
            let question = Question {
                limit,
                ..Question::default()
            };
            let (ids, pages) = listed.walked(&ana(), &question).await;
            assert_eq!(ids, free, "{limit} a page");
            assert!(pages >= 20_usize.div_ceil(limit), "{limit} a page");
        }
        let held = Question {
            limit: 3,
            ..wanted(Wanted::Held)
        };
        assert_eq!(listed.walked(&ana(), &held).await.0.len(), 10);
    }

    #[tokio::test]
    async fn a_page_that_is_full_with_the_last_order_is_the_last() {
        let listed = Listed::of([order(1, 10), order(2, 20)]);
        let question = |limit| Question {
            limit,
            ..Question::default()
        };
        assert_eq!(listed.page(&ana(), &question(2)).await.1, None);
        let (ids, next) = listed.page(&ana(), &question(1)).await;
        assert_eq!(
            (ids, next.as_deref()),
            (vec!["1".to_owned()], Some("000000000010-1"))
        );
    }

    #[tokio::test]
    async fn a_person_who_sees_next_to_nothing_is_read_for_in_growing_strides_and_not_without_end() {
        let mut orders: Vec<_> = (0..MOST_READ as u64 + 2_000)
            .map(|id| held_by("ben", NOW_EPOCH_S + 1, order(10_000 + id, id)))
            .collect();
        orders.push(held_by("ana", NOW_EPOCH_S + 1, order(7, 999_999)));
        let listed = Listed::of(orders);
        let mine = Question {
            limit: 1,
            ..wanted(Wanted::Mine)
        };
        let (ids, next) = listed.page(&ana(), &mine).await;
        assert_eq!(ids, [""; 0], "it is not reached");
        let next = next.expect("an empty page that is not the last");
        let limits = listed.index.limits.lock().unwrap().clone();
        assert_eq!(limits[..7], [2, 8, 32, 128, 512, READ_AT_ONCE, READ_AT_ONCE]);
        let read: usize = limits.iter().sum();
        assert!((MOST_READ..MOST_READ + READ_AT_ONCE).contains(&read), "{read}");
        let rest = Question {
            after: Some(next),
            ..mine
        };
        assert_eq!(listed.page(&ana(), &rest).await, (vec!["7".to_owned()], None));
    }
}
