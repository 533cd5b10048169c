//! What must hold of every task, whatever was killed, doubled, delayed or refused: one catalogue, with a number and a name each.
//!
//! The simulation checks all of them at the end of each story and those of the record after each write; the end-to-end tests
//! check them on what was delivered; reconcile checks those of the record in production. Pure: what is seen is handed in.

use kaltura::{AssetId, TaskId};

use crate::record::{TaskRecord, TaskState};

/// An invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// 1: an order never has two READY assets of one deliverable.
    OneAssetADeliverable,
    /// 2: a task recorded as delivered is READY at Kaltura.
    DeliveredIsReady,
    /// 3: a task that is READY at Kaltura has a READY asset for each deliverable of its plan.
    ReadyHasItsAssets,
    /// 4: ERROR at Kaltura comes with a terminal cause in the record.
    ErrorHasItsCause,
    /// 5: a task that is READY at Kaltura is never recorded as failed, gone or parked for good.
    ReadyIsNoFailure,
    /// 6: only assets that carry our own task's mark are in the record.
    OnlyOwnAssets,
    /// 7: an ended task waits for nothing but its deletion, and holds no place in flight.
    EndedIsQuiet,
    /// 8: no asset is seen READY that the record has no id of.
    ReadyHasAnId,
    /// 9: in the end every order has ended, as Kaltura has it: none is lost.
    NoneIsLost,
    /// 10: a customer is charged for a delivery or refunded for a failure, never both.
    ChargedOrRefunded,
    /// 11: what a customer's policy deletes is deleted, within [`DELETED_WITHIN_S`] of good times.
    DeletedInTime,
    /// 12: no stream is left of an order that has ended.
    NoStreamIsLeft,
    /// 13: what is said at a live event comes to whoever listens, whole and in order.
    HeardInOrder,
}

/// Good times of this length are enough to delete what is due: a function that may still work is waited out, and sweep comes
/// each ten minutes, so that two runs may fail.
pub const DELETED_WITHIN_S: u64 = 60 * 60;

impl Invariant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::OneAssetADeliverable,
        Self::DeliveredIsReady,
        Self::ReadyHasItsAssets,
        Self::ErrorHasItsCause,
        Self::ReadyIsNoFailure,
        Self::OnlyOwnAssets,
        Self::EndedIsQuiet,
        Self::ReadyHasAnId,
        Self::NoneIsLost,
        Self::ChargedOrRefunded,
        Self::DeletedInTime,
        Self::NoStreamIsLeft,
        Self::HeardInOrder,
    ];

    /// Its number.
    pub fn number(self) -> usize {
        Self::ALL
            .iter()
            .position(|other| *other == self)
            .map_or(0, |place| place + 1)
    }
}

/// What was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// The task, and what was seen.
    pub seen: String,
}

/// An asset at Kaltura, as the customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAsset {
    /// The asset.
    pub id: AssetId,
    /// Its `partnerData`.
    pub mark: String,
    /// Whether it is READY.
    pub is_ready: bool,
}

/// A task at Kaltura, as the customer sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenTask {
    /// `EntryVendorTaskStatus`, as Kaltura's number.
    pub status: i64,
    /// The assets that the vendor added for it.
    pub assets: Vec<SeenAsset>,
    /// Whether the customer was charged.
    pub is_charged: bool,
    /// Whether the customer was refunded.
    pub is_refunded: bool,
}

/// `EntryVendorTaskStatus` READY.
const READY: i64 = 2;
/// `EntryVendorTaskStatus` ERROR.
const ERROR: i64 = 6;

/// What of a record alone is broken.
pub fn of_record(record: &TaskRecord) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut check = |holds: bool, invariant: Invariant, what: &str| {
        if !holds {
            let seen = format!("task {} ({}): {what}", record.task_id, record.state.name());
            broken.push(Broken { invariant, seen });
        }
    };
    let deliverables = &record.deliverables;
    check(
        deliverables
            .iter()
            .all(|one| !one.ready || one.asset_id.is_some()),
        Invariant::ReadyHasAnId,
        "a deliverable is ready without an asset",
    );
    check(
        record.state != TaskState::Delivered
            || ((!deliverables.is_empty() || was_on_air(record)) && deliverables.iter().all(|one| one.ready)),
        Invariant::DeliveredIsReady,
        "it is delivered, and not all of its deliverables are ready",
    );
    check(
        record.state != TaskState::Failed || record.failure.is_some(),
        Invariant::ErrorHasItsCause,
        "it failed without a cause",
    );
    check(
        !record.state.has_ended() || (record.stage().is_none() && record.ended_epoch_s.is_some()),
        Invariant::EndedIsQuiet,
        "it has ended, and still counts",
    );
    broken
}

/// Whether captions of a live event were handed out: there need be no asset then.
fn was_on_air(record: &TaskRecord) -> bool {
    let live = record.live.as_ref();
    live.is_some_and(|live| live.on_air_epoch_s.is_some())
}

/// What of a record and its task at Kaltura is broken, at any moment.
pub fn of_task(record: &TaskRecord, task: &SeenTask) -> Vec<Broken> {
    let mut broken = of_record(record);
    let mut check = |holds: bool, invariant: Invariant, what: String| {
        if !holds {
            let seen = format!("task {} ({}): {what}", record.task_id, record.state.name());
            broken.push(Broken { invariant, seen });
        }
    };
    // What is no asset has no status to look at; before there is a plan, there must be none of the first deliverable's mark.
    let is_asset = |index: &usize| {
        let deliverable = record.deliverables.get(*index);
        deliverable.is_none_or(|one| one.delivered_as.is_asset() && !one.is_linked)
    };
    let least = usize::from(!was_on_air(record));
    let marks = (0..record.deliverables.len().max(least)).filter(is_asset);
    for (index, mark) in marks.map(|index| (index, record.mark(index))) {
        let ready = task
            .assets
            .iter()
            .filter(|asset| asset.mark == mark && asset.is_ready);
        let ready = ready.count();
        check(
            ready <= 1,
            Invariant::OneAssetADeliverable,
            format!("{ready} READY assets of deliverable {index}"),
        );
        check(
            task.status != READY || ready == 1,
            Invariant::ReadyHasItsAssets,
            format!("READY with {ready} READY assets of deliverable {index}"),
        );
    }
    let deliverables = record.deliverables.iter().enumerate();
    for (index, deliverable) in deliverables.filter(|(index, _)| is_asset(index)) {
        let own = deliverable.asset_id.as_ref().is_none_or(|id| {
            let asset = task.assets.iter().find(|asset| asset.id == *id);
            asset.is_some_and(|asset| asset.mark == record.mark(index))
        });
        check(
            own,
            Invariant::OnlyOwnAssets,
            format!("asset {:?} is not ours", deliverable.asset_id),
        );
    }
    check(
        record.state != TaskState::Delivered || task.status == READY,
        Invariant::DeliveredIsReady,
        format!("kaltura has it at status {}", task.status),
    );
    check(
        task.status != ERROR || record.failure.is_some(),
        Invariant::ErrorHasItsCause,
        "ERROR without a cause".to_owned(),
    );
    check(
        task.status != READY || !matches!(record.state, TaskState::Failed | TaskState::Gone),
        Invariant::ReadyIsNoFailure,
        "READY at kaltura".to_owned(),
    );
    check(
        !(task.is_charged && task.is_refunded),
        Invariant::ChargedOrRefunded,
        "charged and refunded".to_owned(),
    );
    broken
}

/// What is broken once everything has had the time to come to its end. Times have been good since `good_since_epoch_s`: before
/// that, nothing can be promised of a deletion.
pub fn in_the_end(
    record: &TaskRecord,
    task: &SeenTask,
    good_since_epoch_s: u64,
    now_epoch_s: u64,
) -> Vec<Broken> {
    let mut broken = of_task(record, task);
    if !record.state.has_ended() {
        broken.push(Broken {
            invariant: Invariant::NoneIsLost,
            seen: format!(
                "task {} ({}) has not ended: {:?}",
                record.task_id,
                record.state.name(),
                record.history.last()
            ),
        });
    }
    if let Some(delete_at_epoch_s) = record.delete_at_epoch_s.filter(|_| record.state.has_ended()) {
        let deleted_epoch_s = record.deleted.as_ref().map(|deleted| deleted.at_epoch_s);
        let until_epoch_s = delete_at_epoch_s.max(good_since_epoch_s) + DELETED_WITHIN_S;
        if deleted_epoch_s.unwrap_or(now_epoch_s) > until_epoch_s {
            let when = deleted_epoch_s.map_or("is still there".to_owned(), |at| format!("went at {at}"));
            broken.push(Broken {
                invariant: Invariant::DeletedInTime,
                seen: format!(
                    "task {}: its data was to go at {delete_at_epoch_s} and {when}",
                    record.task_id
                ),
            });
        }
    }
    broken
}

/// What is broken of a live order's stream, once everything has had the time to come to its end: it goes with its order.
pub fn of_stream(record: &TaskRecord, is_there: bool) -> Option<Broken> {
    (is_there && record.state.has_ended()).then(|| Broken {
        invariant: Invariant::NoStreamIsLeft,
        seen: format!(
            "task {} ({}): its stream is still there",
            record.task_id,
            record.state.name()
        ),
    })
}

/// What is broken of what a listener heard of a live event: all of `said` in its order, before anything else. `said` is what the
/// vendor took, so more than that may have been heard, of what it took without being able to say so. To be asked of a listener
/// that was never away for longer than its place is kept.
pub fn of_captions(task_id: &TaskId, said: &[String], heard: &[String]) -> Option<Broken> {
    (!heard.starts_with(said)).then(|| Broken {
        invariant: Invariant::HeardInOrder,
        seen: format!("task {task_id}: said {said:?}, heard {heard:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample_record;
    use crate::record::{DeliverableRecord, LiveRecord};

    fn names(broken: &[Broken]) -> Vec<Invariant> {
        broken.iter().map(|one| one.invariant).collect()
    }

    #[test]
    fn numbers_are_those_of_the_catalogue() {
        assert_eq!(Invariant::OneAssetADeliverable.number(), 1);
        assert_eq!(Invariant::DeletedInTime.number(), 11);
        assert_eq!(Invariant::HeardInOrder.number(), 13);
    }

    #[test]
    fn an_asset_of_somebody_else_is_seen_in_a_record() {
        let mut record = sample_record("9292".parse().unwrap());
        let asset = |id: &str, mark: String| SeenAsset {
            id: AssetId::parse(id).unwrap(),
            mark,
            is_ready: false,
        };
        let task = SeenTask {
            status: 3,
            assets: vec![asset("0_a", record.mark(0)), asset("0_c", "another's".to_owned())],
            ..SeenTask::default()
        };
        let mut broken_with = |id: &str| {
            record.deliverables = vec![DeliverableRecord {
                asset_id: Some(AssetId::parse(id).unwrap()),
                ..DeliverableRecord::default()
            }];
            names(&of_task(&record, &task))
        };
        assert_eq!(broken_with("0_a"), []);
        assert_eq!(broken_with("0_c"), [Invariant::OnlyOwnAssets]);
        assert_eq!(
            broken_with("0_d"),
            [Invariant::OnlyOwnAssets],
            "one that is not there"
        );
    }

    #[test]
    fn each_break_is_seen() {
        let mut record = sample_record("9292".parse().unwrap());
        assert_eq!(of_record(&record), []);
        record.state = TaskState::Failed;
        assert_eq!(
            names(&of_record(&record)),
            [Invariant::ErrorHasItsCause, Invariant::EndedIsQuiet]
        );
        record.state = TaskState::Running;
        let mark = record.mark(0);
        let asset = |id: &str, is_ready| SeenAsset {
            id: AssetId::parse(id).unwrap(),
            mark: mark.clone(),
            is_ready,
        };
        let mut task = SeenTask {
            status: 3,
            assets: vec![asset("0_a", true), asset("0_b", true)],
            ..SeenTask::default()
        };
        assert_eq!(names(&of_task(&record, &task)), [Invariant::OneAssetADeliverable]);
        task.assets = vec![asset("0_a", false)];
        task.status = READY;
        assert_eq!(names(&of_task(&record, &task)), [Invariant::ReadyHasItsAssets]);
        task.status = ERROR;
        task.is_charged = true;
        task.is_refunded = true;
        assert_eq!(
            names(&of_task(&record, &task)),
            [Invariant::ErrorHasItsCause, Invariant::ChargedOrRefunded]
        );
        task = SeenTask {
            status: 3,
            ..SeenTask::default()
        };
        assert_eq!(
            names(&in_the_end(&record, &task, 0, 10_000)),
            [Invariant::NoneIsLost]
        );
    }

    #[test]
    fn a_live_event_needs_no_asset_once_it_was_on_air() {
        let mut record = sample_record("9292".parse().unwrap());
        record.live = Some(LiveRecord::default());
        record.end(TaskState::Delivered, 500, "READY");
        let task = SeenTask {
            status: READY,
            ..SeenTask::default()
        };
        assert_eq!(
            names(&of_task(&record, &task)),
            [Invariant::DeliveredIsReady, Invariant::ReadyHasItsAssets]
        );
        record.live = Some(LiveRecord {
            on_air_epoch_s: Some(400),
            ..LiveRecord::default()
        });
        assert_eq!(of_task(&record, &task), []);
    }

    #[test]
    fn a_stream_is_seen_that_outlives_its_order() {
        let mut record = sample_record("9292".parse().unwrap());
        assert_eq!(of_stream(&record, true), None);
        record.end(TaskState::Gone, 500, "withdrawn");
        let left = of_stream(&record, true).map(|broken| broken.invariant);
        assert_eq!(left, Some(Invariant::NoStreamIsLeft));
        assert_eq!(of_stream(&record, false), None);
    }

    #[test]
    fn lines_that_are_missing_or_in_another_order_are_seen() {
        let task_id = "9292".parse().unwrap();
        let lines = |numbers: &[u8]| numbers.iter().map(u8::to_string).collect::<Vec<_>>();
        let said = lines(&[1, 2]);
        let broken = |heard: &[u8]| of_captions(&task_id, &said, &lines(heard)).is_some();
        assert_eq!(
            [&[1, 2][..], &[1, 2, 3], &[1], &[2, 1], &[2], &[]].map(broken),
            [false, false, true, true, true, true]
        );
    }

    #[test]
    fn a_late_deletion_is_seen_and_bad_times_excuse_it() {
        let mut record = sample_record("9292".parse().unwrap());
        let task = SeenTask::default();
        record.end(TaskState::Gone, 500, "withdrawn");
        let late = |record: &TaskRecord, good_since_epoch_s, now_epoch_s| {
            names(&in_the_end(record, &task, good_since_epoch_s, now_epoch_s))
        };
        assert_eq!(late(&record, 0, 1_000_000), [], "no policy");
        record.delete_at_epoch_s = Some(1_000);
        assert_eq!(late(&record, 0, 4_600), [], "there is time yet");
        assert_eq!(late(&record, 0, 4_601), [Invariant::DeletedInTime]);
        assert_eq!(late(&record, 1_500, 5_100), [], "times were bad");
        let mut went = |at_epoch_s| {
            record.deleted = Some(crate::record::DeletionReport {
                at_epoch_s,
                objects: 1,
                size_bytes: 1,
            });
            late(&record, 0, 1_000_000)
        };
        assert_eq!(went(4_600), []);
        assert_eq!(went(4_601), [Invariant::DeletedInTime]);
    }

    fn seen(status: i64, assets: &[(&str, &str, bool)]) -> SeenTask {
        let assets = assets.iter().map(|&(id, mark, is_ready)| SeenAsset {
            id: AssetId::parse(id).unwrap(),
            mark: mark.to_owned(),
            is_ready,
        });
        SeenTask {
            status,
            assets: assets.collect(),
            ..SeenTask::default()
        }
    }

    fn ready(id: &str) -> DeliverableRecord {
        DeliverableRecord {
            asset_id: AssetId::parse(id).ok(),
            ready: true,
            ..DeliverableRecord::default()
        }
    }

    fn delivered(deliverables: Vec<DeliverableRecord>) -> TaskRecord {
        let mut record = sample_record("9292".parse().unwrap());
        record.deliverables = deliverables;
        record.end(TaskState::Delivered, 500, "READY");
        record
    }

    #[test]
    fn an_order_that_was_delivered_well_breaks_nothing() {
        let record = delivered(vec![ready("0_a"), ready("0_b")]);
        let (first, second) = (record.mark(0), record.mark(1));
        let task = seen(READY, &[("0_a", &first, true), ("0_b", &second, true)]);
        assert_eq!(in_the_end(&record, &task, 0, 1_000), []);
    }

    #[test]
    fn a_delivered_record_has_all_of_its_deliverables_ready_and_with_an_id() {
        let of = |deliverables| names(&of_record(&delivered(deliverables)));
        assert_eq!(of(vec![ready("0_a"), ready("0_b")]), []);
        assert_eq!(of(Vec::new()), [Invariant::DeliveredIsReady]);
        let not_ready = DeliverableRecord {
            ready: false,
            ..ready("0_b")
        };
        assert_eq!(
            of(vec![ready("0_a"), not_ready.clone()]),
            [Invariant::DeliveredIsReady]
        );
        let no_id = DeliverableRecord {
            asset_id: None,
            ..ready("0_b")
        };
        assert_eq!(of(vec![ready("0_a"), no_id]), [Invariant::ReadyHasAnId]);
        let mut on_air = delivered(vec![not_ready]);
        on_air.live = Some(LiveRecord {
            on_air_epoch_s: Some(400),
            ..LiveRecord::default()
        });
        assert_eq!(
            names(&of_record(&on_air)),
            [Invariant::DeliveredIsReady],
            "what is delivered beside an event must be ready too"
        );
    }

    #[test]
    fn an_ended_record_has_the_time_of_its_end() {
        let mut record = delivered(vec![ready("0_a")]);
        assert_eq!(of_record(&record), []);
        record.ended_epoch_s = None;
        assert_eq!(names(&of_record(&record)), [Invariant::EndedIsQuiet]);
    }

    #[test]
    fn each_deliverable_has_one_ready_asset_of_its_own_mark() {
        let record = delivered(vec![ready("0_a"), ready("0_b")]);
        let (first, second) = (record.mark(0), record.mark(1));
        let of = |assets: &[(&str, &str, bool)]| names(&of_task(&record, &seen(READY, assets)));
        let good = [("0_a", first.as_str(), true), ("0_b", second.as_str(), true)];
        assert_eq!(
            of(&[good[0], good[1], ("0_c", &first, false)]),
            [],
            "one that never got ready"
        );
        assert_eq!(of(&[good[0], good[1], ("0_c", "another's", true)]), []);
        assert_eq!(
            of(&[good[0], good[1], ("0_c", &second, true)]),
            [Invariant::OneAssetADeliverable, Invariant::ReadyHasItsAssets]
        );
        assert_eq!(
            of(&[good[0], ("0_b", &second, false)]),
            [Invariant::ReadyHasItsAssets]
        );
        assert_eq!(
            of(&[good[1], ("0_a", &second, false)]),
            [Invariant::ReadyHasItsAssets, Invariant::OnlyOwnAssets],
            "the mark is of another deliverable"
        );
    }

    #[test]
    fn what_is_no_asset_or_the_customers_own_has_no_mark_to_look_for() {
        let chapters = DeliverableRecord {
            delivered_as: crate::record::DeliveredAs::CuePoints,
            ..ready("0_cue")
        };
        let linked = DeliverableRecord {
            is_linked: true,
            ..ready("0_theirs")
        };
        let record = delivered(vec![chapters, linked]);
        assert_eq!(of_task(&record, &seen(READY, &[])), []);
    }

    #[test]
    fn a_task_without_a_plan_has_no_asset_of_its_first_mark_yet() {
        let mut record = sample_record("9292".parse().unwrap());
        record.state = TaskState::Running;
        let mark = record.mark(0);
        let twice = seen(3, &[("0_a", &mark, true), ("0_b", &mark, true)]);
        assert_eq!(
            names(&of_task(&record, &twice)),
            [Invariant::OneAssetADeliverable]
        );
        assert_eq!(
            names(&of_task(&record, &seen(READY, &[]))),
            [Invariant::ReadyHasItsAssets]
        );
    }

    #[test]
    fn a_failure_is_seen_that_is_ready_at_kaltura_and_an_error_only_without_a_cause() {
        let mut record = sample_record("9292".parse().unwrap());
        let mark = record.mark(0);
        let with_asset = |status| seen(status, &[("0_a", &mark, true)]);
        record.failure = Some(crate::error::Failure {
            name: "NoAudio".to_owned(),
            detail: "no audio".to_owned(),
            customer_text: "The media has no sound.".to_owned(),
            step: "process".to_owned(),
        });
        for state in [TaskState::Failed, TaskState::Gone] {
            record.end(state, 500, "ended");
            assert_eq!(of_task(&record, &with_asset(ERROR)), [], "{state:?}");
            let broken = names(&of_task(&record, &with_asset(READY)));
            assert_eq!(broken, [Invariant::ReadyIsNoFailure], "{state:?}");
        }
        record.state = TaskState::LeftAlone;
        assert_eq!(of_task(&record, &with_asset(READY)), []);
    }

    #[test]
    fn a_delivery_is_ready_at_kaltura_and_is_charged_or_refunded() {
        let record = delivered(vec![ready("0_a")]);
        let mark = record.mark(0);
        let mut task = seen(3, &[("0_a", &mark, true)]);
        assert_eq!(names(&of_task(&record, &task)), [Invariant::DeliveredIsReady]);
        task.status = READY;
        for (is_charged, is_refunded) in [(false, false), (true, false), (false, true)] {
            task = SeenTask {
                is_charged,
                is_refunded,
                ..task
            };
            assert_eq!(of_task(&record, &task), []);
        }
        task.is_charged = true;
        assert_eq!(names(&of_task(&record, &task)), [Invariant::ChargedOrRefunded]);
    }

    #[test]
    fn what_is_seen_names_its_task_and_its_state() {
        let broken = of_record(&delivered(Vec::new()));
        assert_eq!(
            broken[0].seen,
            "task 9292 (Delivered): it is delivered, and not all of its deliverables are ready"
        );
    }
}
