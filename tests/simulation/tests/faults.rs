//! Each class of Kaltura's faults, and what the pipeline makes of it: a fault that passes costs time and nothing else, whatever
//! call it falls on; one that doesn't pass ends in a state that somebody is told of, and never in a refund that nobody asked for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kaltura::TaskId;
use kaltura_sim::{AssetKind, Fault, FaultEffect, OrderReport, PartnerId, TaskId as SimTask};
use pipeline::invariants::Broken;
use pipeline::record::{TaskRecord, TaskState};
use simulation::{Plan, Story};

/// `EntryVendorTaskStatus`.
const READY: i64 = 2;
const PROCESSING: i64 = 3;
const ERROR: i64 = 6;
/// The customer of these stories, and its deletion policy: none.
const CUSTOMER: i64 = 101;
const KEEP: i64 = 1;
/// Longer than the state machine tries again.
const LONG_S: u64 = 2 * 60 * 60;

/// Every call of an order's way.
const CALLS: [(&str, &str); 9] = [
    ("session", "startWidgetSession"),
    ("apptoken", "startSession"),
    ("reach_entryvendortask", "getJobs"),
    ("reach_entryvendortask", "get"),
    ("reach_entryvendortask", "updateJob"),
    ("baseentry", "getPlaybackContext"),
    ("caption_captionasset", "add"),
    ("caption_captionasset", "setContent"),
    ("caption_captionasset", "get"),
];

/// How one order ended.
struct Told {
    record: Arc<TaskRecord>,
    report: OrderReport,
    visited: BTreeMap<String, usize>,
    broken: Vec<Broken>,
    /// Calls that a fault fell on.
    hits: usize,
}

impl Told {
    /// Delivered once, without a refund, and nothing broken.
    #[track_caller]
    fn is_delivered(&self, what: &str) {
        assert_eq!(self.broken, [], "{what}");
        assert!(self.hits > 0, "{what}: nothing happened");
        assert_eq!(self.record.state, TaskState::Delivered, "{what}");
        assert_eq!(
            (self.report.status, self.report.refunded),
            (READY, false),
            "{what}"
        );
        assert_eq!(self.ready(), 1, "{what}");
    }

    fn ready(&self) -> usize {
        let captions = self.report.delivered(AssetKind::Caption);
        captions.filter(|asset| asset.status == 2).count()
    }

    fn went_through(&self, state: &str) -> bool {
        self.visited.contains_key(state)
    }
}

fn api(code: &str, message: &str) -> FaultEffect {
    FaultEffect::Api {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// One order of a customer, to which `happen` happens once it is placed.
async fn told(happen: impl AsyncFnOnce(&mut Story, &SimTask)) -> Told {
    let mut story = Story::new(1, Plan::Calm);
    story.place_of(CUSTOMER, KEEP).await;
    let task_id = story.sim().orders().remove(0).task_id;
    happen(&mut story, &task_id).await;
    story.until_all_have_ended().await;
    let record = story.records().remove(0);
    let report = story.sim().order(&task_id).unwrap();
    let hits = story
        .sim()
        .calls()
        .iter()
        .filter(|call| call.code.is_some())
        .count();
    let outcome = story.judge();
    Told {
        record,
        report,
        visited: outcome.visited,
        broken: outcome.broken,
        hits,
    }
}

/// One order, under faults that pass after a time.
async fn under(faults: Vec<Fault>, for_s: u64) -> Told {
    told(async |story: &mut Story, _: &SimTask| {
        story.sim().faults(faults);
        for _ in 0..for_s / 60 {
            story.pass(60).await;
        }
        story.sim().clear_faults();
    })
    .await
}

/// One order, under a fault of one call that passes after a time, for each call of its way.
async fn at_each_call(class: &str, effect: FaultEffect, for_s: u64) {
    for (service, action) in CALLS {
        let fault = Fault::new(effect.clone()).on(service, action);
        let told = under(vec![fault], for_s).await;
        told.is_delivered(&format!("{class} at {service}.{action}"));
    }
}

#[tokio::test]
async fn errors_at_200_pass() {
    at_each_call("an error at 200", api("INTERNAL_SERVERL_ERROR", ""), LONG_S).await;
    at_each_call("an error at 200", api("INTERNAL_DATABASE_ERROR", ""), LONG_S).await;
}

#[tokio::test]
async fn blocked_actions_pass() {
    at_each_call("ACTION_BLOCKED", api("ACTION_BLOCKED", ""), LONG_S).await;
}

#[tokio::test]
async fn pages_of_a_proxy_and_empty_answers_pass() {
    at_each_call("HTML", FaultEffect::Html, LONG_S).await;
    at_each_call("nothing", FaultEffect::Empty, LONG_S).await;
}

/// The work was done, and its answer is no answer: done again, it makes no second asset.
#[tokio::test]
async fn truncated_and_lost_answers_pass() {
    at_each_call("half an answer", FaultEffect::Truncated, LONG_S).await;
    at_each_call("a lost answer", FaultEffect::ReplyLost, LONG_S).await;
}

#[tokio::test]
async fn server_errors_and_broken_connections_pass() {
    for status in [500, 503] {
        at_each_call("5xx", FaultEffect::HttpStatus { status }, LONG_S).await;
    }
    at_each_call("a reset", FaultEffect::Reset, LONG_S).await;
}

/// The answer comes when nobody waits for it any more: the work is done, later, and nobody knows.
#[tokio::test]
async fn time_outs_pass() {
    const WAITED: Duration = Duration::from_millis(20);
    for (service, action) in CALLS {
        let late = Fault::new(FaultEffect::Delay { ms: 45 }).on(service, action);
        let told = told(async |story: &mut Story, _: &SimTask| {
            story.wait_no_longer_than(WAITED);
            story.sim().faults(vec![late]);
            for _ in 0..12 {
                story.pass(90).await;
            }
            story.sim().clear_faults();
            // What was begun late is done by then.
            tokio::time::sleep(4 * WAITED).await;
        })
        .await;
        told.is_delivered(&format!("a time-out at {service}.{action}"));
    }
}

/// `INVALID_KS` for each of its reasons (spec 4.3), of the vendor's session and of the access key.
#[tokio::test]
async fn dead_sessions_of_each_kind_are_replaced() {
    for reason in ["EXPIRED", "LOGOUT", "INVALID_STR", "EXCEEDED_ACTIONS_LIMIT"] {
        let message = format!("Invalid KS \"{reason}\", Error \"-1,INVALID_STR\"");
        for (service, action) in CALLS.into_iter().skip(2) {
            let dead = |times| {
                Fault::new(api("INVALID_KS", &message))
                    .on(service, action)
                    .times(times)
            };
            let what = format!("{reason} at {service}.{action}");
            let once = under(vec![dead(1)], LONG_S / 4).await;
            once.is_delivered(&what);
            assert!(!once.went_through("Park"), "{what}: another session is enough");
            let long = under(vec![dead(1_000)], LONG_S).await;
            long.is_delivered(&format!("{what}, for long"));
        }
    }
}

/// A key that has expired indeed, while the order waited.
#[tokio::test]
async fn a_key_that_died_in_pending_is_revived() {
    let told = told(async |story: &mut Story, _: &SimTask| {
        let blocked = Fault::new(api("ACTION_BLOCKED", "")).on("reach_entryvendortask", "get");
        story.sim().faults(vec![blocked]);
        for _ in 0..9 * 24 {
            story.pass(3_600).await;
        }
        story.sim().clear_faults();
    })
    .await;
    told.is_delivered("a dead key");
    let actions: Vec<&str> = told
        .report
        .calls
        .iter()
        .map(|call| call.action.as_str())
        .collect();
    // Several deliveries of its message may be at it at once, so the calls of others stand in between.
    let first = |action: &str| actions.iter().position(|one| *one == action).unwrap();
    let (processing, extended) = (first("updateJob"), first("extendAccessKey"));
    assert!(
        actions[..processing].iter().all(|one| *one == "get"),
        "{actions:?}"
    );
    assert!(processing < extended, "{actions:?}");
    assert!(actions[extended..].contains(&"get"), "{actions:?}");
}

/// Somebody else has ended the task: it is left as it is, and nobody is told anything.
#[tokio::test]
async fn a_final_state_is_respected() {
    for skip in [0, 1] {
        let told = told(async |story: &mut Story, task_id: &SimTask| {
            let mut ended = Fault::new(api("CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE", ""))
                .on("reach_entryvendortask", "updateJob");
            ended.skip = skip;
            story.sim().faults(vec![ended]);
            while story
                .records()
                .first()
                .is_none_or(|record| !record.state.has_ended())
            {
                story.pass(60).await;
            }
            story.sim().clear_faults();
            // As Kaltura has had it all the time.
            story.sim().abort_order(task_id).unwrap();
        })
        .await;
        assert_eq!(told.record.state, TaskState::Gone, "after {skip} updates");
        assert!(!told.report.refunded && told.record.failure.is_none());
        assert_eq!(told.broken, [], "after {skip} updates");
    }
}

#[tokio::test]
async fn an_order_that_is_withdrawn_is_gone() {
    for after_s in [0, 60, 120, 180, 240] {
        let told = told(async |story: &mut Story, task_id: &SimTask| {
            story.pass(60).await;
            story.pass(after_s).await;
            if story.sim().order(task_id).unwrap().status == READY {
                return;
            }
            story.sim().abort_order(task_id).unwrap();
        })
        .await;
        assert_eq!(told.broken, [], "after {after_s} s");
        let expected = if told.report.status == READY {
            TaskState::Delivered
        } else {
            TaskState::Gone
        };
        assert_eq!(told.record.state, expected, "after {after_s} s");
        assert!(!told.report.refunded);
    }
}

#[tokio::test]
async fn a_late_import_is_waited_for() {
    for ms in [1_200_000, 3_600_000] {
        let late = Fault::new(FaultEffect::ImportLate { ms }).on("import", "import");
        let mut told = under(vec![late], LONG_S).await;
        // The import is no call, and no fault is written down of it.
        told.hits = 1;
        told.is_delivered("a late import");
        assert!(told.visited["AwaitImport"] > 3, "{:?}", told.visited);
    }
}

/// -1 for a download that failed: signed afresh, and by upload token in the end.
#[tokio::test]
async fn a_download_that_failed_is_signed_afresh_or_uploaded() {
    for description in [
        "Failed while reading file. HTTP Error: [403]",
        "Failed while reading file. HTTP Error: [404]",
        "Error: Operation timed out after 120000 milliseconds",
        "curl error 7: could not connect to host",
        "download is partial: 10 of 20 bytes",
    ] {
        for (times, by_token) in [(1, false), (2, false), (1_000, true)] {
            let fails = Fault::new(FaultEffect::ImportFails {
                description: description.to_owned(),
            })
            .on("import", "import")
            .times(times);
            let mut told = under(vec![fails], LONG_S).await;
            told.hits = 1;
            let what = format!("{description}, {times} times");
            told.is_delivered(&what);
            let import = &told.record.deliverables[0].import;
            assert_eq!(import.by_upload_token, by_token, "{what}");
            assert!(!told.went_through("Park"), "{what}");
        }
    }
}

/// What never passes is parked, again and again, with an alarm each time: nothing is doubled, and nobody is refunded before
/// somebody says so.
async fn is_parked_until_an_operator_ends_it(faults: Vec<Fault>, what: &str) {
    let told = told(async |story: &mut Story, task_id: &SimTask| {
        story.sim().faults(faults);
        for _ in 0..72 {
            story.pass(1_200).await;
        }
        let record = story.records().remove(0);
        assert!(record.parking.times > 2, "{what}: {:#?}", record.history);
        let report = story.sim().order(task_id).unwrap();
        assert_eq!((report.status, report.refunded), (PROCESSING, false), "{what}");
        assert_eq!(report.delivered(AssetKind::Caption).count(), 1, "{what}");
        let ours = TaskId::parse(task_id.as_str()).unwrap();
        story
            .operator()
            .fail(&ours, "It can't be delivered.")
            .await
            .unwrap();
    })
    .await;
    assert_eq!(told.broken, [], "{what}");
    assert_eq!(told.record.state, TaskState::Failed, "{what}");
    assert_eq!(
        (told.report.status, told.report.refunded),
        (ERROR, true),
        "{what}"
    );
    assert_eq!(told.report.task["errDescription"], "It can't be delivered.");
    assert_eq!(told.ready(), 0, "{what}");
}

/// Its asset is deleted, and another one uploaded: nobody has to do anything, and no fault of a call meanwhile harms it.
#[tokio::test]
async fn an_import_that_never_ends_is_replaced_by_an_upload() {
    let stuck = || Fault::new(FaultEffect::ImportStuck).on("import", "import");
    let lost = || Fault::new(FaultEffect::ReplyLost).times(1);
    for beside in [
        None,
        Some(lost().on("caption_captionasset", "delete")),
        Some(lost().on("uploadtoken", "upload")),
    ] {
        let what = format!("a stuck import, and {beside:?}");
        let faults = std::iter::once(stuck()).chain(beside).collect();
        let mut told = under(faults, 2 * LONG_S).await;
        // The import is no call, and no fault is written down of it.
        told.hits = 1;
        told.is_delivered(&what);
        assert!(told.record.deliverables[0].import.by_upload_token, "{what}");
        let deleted = told.report.delivered(AssetKind::Caption);
        assert_eq!(deleted.filter(|asset| asset.status == 3).count(), 1, "{what}");
    }
}

#[tokio::test]
async fn an_import_that_never_ends_is_parked_where_its_asset_can_not_be_deleted() {
    let stuck = Fault::new(FaultEffect::ImportStuck).on("import", "import");
    let forbidden = Fault::new(api("SERVICE_FORBIDDEN", "")).on("caption_captionasset", "delete");
    is_parked_until_an_operator_ends_it(vec![stuck, forbidden], "a stuck import").await;
}

/// -1 for the content itself: a fault of ours, so it is no refund.
#[tokio::test]
async fn content_that_kaltura_can_not_read_is_parked() {
    for description in ["", "invalid caption content", "File type restricted"] {
        let fails = Fault::new(FaultEffect::ImportFails {
            description: description.to_owned(),
        })
        .on("import", "import");
        is_parked_until_an_operator_ends_it(vec![fails], description).await;
    }
}

/// An add that lost its answer where the server refuses the list: another is added, and the empty one is on record.
#[tokio::test]
async fn a_forbidden_list_leaves_an_empty_asset_on_record() {
    let lost = Fault::new(FaultEffect::ReplyLost)
        .on("caption_captionasset", "add")
        .times(1);
    let forbidden = Fault::new(api("SERVICE_FORBIDDEN", "")).on("caption_captionasset", "list");
    let told = under(vec![lost, forbidden], LONG_S).await;
    told.is_delivered("a forbidden list");
    assert_eq!(told.record.deliverables[0].abandoned_adds, 1);
    assert_eq!(told.report.delivered(AssetKind::Caption).count(), 2);
}

/// `updateJob` takes the call and drops the status without a word (spec 1.1).
#[tokio::test]
async fn a_status_that_is_dropped_is_asked_for_again() {
    let drops = Fault::new(FaultEffect::ForbidProperties {
        names: vec!["status".to_owned()],
    })
    .on("reach_entryvendortask", "updateJob");
    under(vec![drops], LONG_S).await.is_delivered("a dropped status");
}

/// Kaltura is down for one customer: another's order is delivered meanwhile, and this one afterwards.
#[tokio::test]
async fn one_customers_fault_is_nobody_elses() {
    let mut story = Story::new(1, Plan::Calm);
    story.place_of(CUSTOMER, KEEP).await;
    story.place_of(CUSTOMER + 1, KEEP).await;
    let mut down = Fault::new(FaultEffect::HttpStatus { status: 503 });
    down.partner_id = Some(PartnerId(CUSTOMER));
    story.sim().faults(vec![down]);
    for _ in 0..60 {
        story.pass(60).await;
    }
    let status = |story: &Story, customer| {
        let orders = story.sim().orders();
        let mut reports = orders
            .iter()
            .map(|order| story.sim().order(&order.task_id).unwrap());
        let report = reports.find(|report| report.partner_id == PartnerId(customer));
        report.unwrap().status
    };
    assert_ne!(status(&story, CUSTOMER), READY);
    assert_eq!(status(&story, CUSTOMER + 1), READY);
    story.sim().clear_faults();
    story.until_all_have_ended().await;
    assert_eq!(status(&story, CUSTOMER), READY);
    assert_eq!(story.judge().broken, []);
}
