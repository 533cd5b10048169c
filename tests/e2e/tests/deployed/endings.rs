//! Orders that don't end in a delivery, or not at once: through which states of the machine they go, and what the
//! customer sees.

use kaltura_sim::{AssetKind, Fault, FaultEffect, OrderRequest, ProfileSpec};
use pipeline::record::TaskState;
use reach_local::TaskView;

use crate::bed::{Bed, RECOGNISED_WITHIN, SOON};
use crate::operator;

/// `EntryVendorTaskStatus`.
const READY: i64 = 2;
const PROCESSING: i64 = 3;
const ERROR: i64 = 6;
const ABORTED: i64 = 7;

fn went_through(task: &TaskView, state: &str) -> bool {
    task.steps.iter().any(|step| step.name == state)
}

/// The profile allows no flavor that the entry has.
pub async fn refused_by_the_profile(bed: &Bed) {
    let placed = bed
        .order(OrderRequest {
            profile: ProfileSpec {
                flavor_params_ids: Some("77".to_owned()),
                ..ProfileSpec::default()
            },
            ..bed.order_for(&bed.clip)
        })
        .await;
    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Failed, "{task:?}");
    assert!(went_through(&task, "FailOrder"), "{task:?}");
    let report = bed.report(&placed);
    assert_eq!((report.status, report.refunded), (ERROR, true));
    assert!(report.task["errDescription"].as_str().unwrap().contains("77"));
}

/// The customer deletes the entry while its media is about to be fetched.
pub async fn entry_deleted_midway(bed: &Bed) {
    let placed = bed.place(bed.order_for(&bed.clip)).await;
    let slow = Fault::new(FaultEffect::Delay { ms: 4_000 })
        .on("baseentry", "getPlaybackContext")
        .for_task(&placed.task_id)
        .times(1);
    bed.sim().faults(vec![slow]);
    bed.take_on(&placed).await;
    bed.until(&placed, SOON, |task| went_through(task, "Fetch")).await;
    bed.sim().delete_entry(&placed.entry_id).unwrap();

    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Failed, "{task:?}");
    assert!(went_through(&task, "FailOrder"), "{task:?}");
    let report = bed.report(&placed);
    assert_eq!((report.status, report.refunded), (ERROR, true));
    let told = report.task["errDescription"].as_str().unwrap();
    assert!(told.contains("no longer exists"), "{told}");
}

/// The customer withdraws the order while the engine works on it.
pub async fn aborted_midway(bed: &Bed) {
    let placed = bed.order(bed.order_for(&bed.clip)).await;
    bed.until(&placed, SOON, |task| went_through(task, "Process"))
        .await;
    bed.sim().abort_order(&placed.task_id).unwrap();

    let task = bed.ended(&placed, RECOGNISED_WITHIN).await;
    assert_eq!(task.state, TaskState::Gone, "{task:?}");
    assert!(went_through(&task, "CloseGone"), "{task:?}");
    let report = bed.report(&placed);
    assert_eq!((report.status, report.refunded), (ABORTED, false));
    assert!(
        report
            .task
            .get("errDescription")
            .is_none_or(serde_json::Value::is_null),
        "nothing is said to the customer"
    );
}

/// Kaltura fails for longer than the state machine retries; the task goes on where it stopped once Kaltura is back.
pub async fn parked_and_taken_up_again(bed: &Bed) {
    let placed = bed.place(bed.order_for(&bed.clip)).await;
    let down = Fault::new(FaultEffect::HttpStatus { status: 503 })
        .on("baseentry", "getPlaybackContext")
        .for_task(&placed.task_id);
    let faults = bed.sim().faults(vec![down]);
    bed.take_on(&placed).await;

    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Parked, "{task:?}");
    assert!(went_through(&task, "Park"), "{task:?}");
    let report = bed.report(&placed);
    assert_eq!((report.status, report.refunded), (PROCESSING, false));

    for id in faults {
        bed.sim().remove_fault(id);
    }
    // The first pause is ten minutes; an operator doesn't wait.
    operator::reachctl(&["retry", placed.task_id.as_str()]).await;
    bed.stack.poll_now().await.unwrap();
    bed.until(&placed, SOON, |task| task.attempt == 2).await;
    let task = bed.ended(&placed, RECOGNISED_WITHIN).await;
    assert_eq!(task.state, TaskState::Delivered, "{task:?}");
    let report = bed.report(&placed);
    assert_eq!(report.status, READY);
    assert_eq!(report.task["externalTaskId"], format!("{}-2", placed.task_id));
    assert_eq!(report.delivered(AssetKind::Caption).count(), 1);
}
