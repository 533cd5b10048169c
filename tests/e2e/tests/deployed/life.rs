//! What the timers do beside an order's own way: reconcile stops what was withdrawn, sweep deletes what is due.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kaltura::TaskId;
use kaltura_sim::{OrderRequest, ProfileSpec};
use pipeline::aws::dynamodb::Table;
use pipeline::aws::s3::Bucket;
use pipeline::aws::states::StateMachine;
use pipeline::ports::{ExecutionState, Executions, ObjectStore, TaskStore};
use pipeline::record::{FUNCTION_ENDS_WITHIN_S, TaskRecord, TaskState};

use crate::bed::{Bed, RECOGNISED_WITHIN, SOON};

pub fn now_epoch_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn table(bed: &Bed) -> Table {
    let client = aws_sdk_dynamodb::Client::new(bed.stack.sdk());
    Table::new(client, bed.stack.output("TasksTable").unwrap())
}

/// Changes a record between two writes of the functions.
pub async fn change(bed: &Bed, task_id: &TaskId, change: impl Fn(&mut TaskRecord)) -> TaskRecord {
    let table = table(bed);
    loop {
        let mut record = table.load(task_id).await.unwrap().unwrap();
        change(&mut record);
        if table.save(&mut record).await.unwrap() {
            return record;
        }
    }
}

/// Changes an order's record, and has reconcile look at it now.
pub async fn reconciled(bed: &Bed, task_id: &TaskId, alter: impl Fn(&mut TaskRecord)) {
    change(bed, task_id, |record| {
        record.check_at_epoch_s = Some(now_epoch_s());
        alter(record);
    })
    .await;
    bed.stack.reconcile_now().await.unwrap();
}

/// The customer withdraws an order while its engine works: reconcile doesn't wait for the next step to find out.
pub async fn withdrawn_and_stopped_from_outside(bed: &Bed) {
    let placed = bed.order(bed.order_for(&bed.speech[0].media)).await;
    let task_id = TaskId::parse(placed.task_id.as_str()).unwrap();
    bed.until(&placed, SOON, |task| {
        task.steps.iter().any(|step| step.name == "Process")
    })
    .await;
    bed.sim().abort_order(&placed.task_id).unwrap();
    reconciled(bed, &task_id, |_| ()).await;

    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Gone, "{task:?}");
    let client = aws_sdk_sfn::Client::new(bed.stack.sdk());
    let states = StateMachine::new(client, bed.stack.output("StateMachineArn").unwrap());
    assert_eq!(states.look(&task_id, 1).await.unwrap(), ExecutionState::Ended);
    assert!(
        !task.steps.iter().any(|step| step.name == "CloseGone"),
        "no step of its own found out: {task:?}"
    );
    let other = TaskId::parse("9007199254740990").unwrap();
    assert_eq!(states.look(&other, 1).await.unwrap(), ExecutionState::Missing);
    states
        .stop(&other, 1, "what never ran is stopped without harm")
        .await
        .unwrap();
}

/// `DELETE_ONCE_PROCESSED`: an hour later at most, nothing is left of the customer's content.
pub async fn deleted_in_time(bed: &Bed) {
    const ONCE_PROCESSED: i64 = 2;
    let placed = bed
        .order(OrderRequest {
            profile: ProfileSpec {
                content_deletion_policy: ONCE_PROCESSED,
                ..ProfileSpec::default()
            },
            ..bed.order_for(&bed.clip)
        })
        .await;
    let task = bed.ended(&placed, RECOGNISED_WITHIN).await;
    assert_eq!(task.state, TaskState::Delivered, "{task:?}");
    let task_id = TaskId::parse(placed.task_id.as_str()).unwrap();
    let media = table(bed)
        .load(&task_id)
        .await
        .unwrap()
        .unwrap()
        .media
        .unwrap()
        .key;
    let bucket = Bucket::new(bed.stack.sdk(), bed.stack.output("WorkBucket").unwrap());
    assert!(bucket.get(&media).await.unwrap().is_some());

    // As if the time had passed in which a function may work on.
    change(bed, &task_id, |record| {
        record.delete_at_epoch_s = Some(now_epoch_s() - FUNCTION_ENDS_WITHIN_S);
    })
    .await;
    bed.stack.sweep_now().await.unwrap();
    let begun = Instant::now();
    let deleted = loop {
        let record = table(bed).load(&task_id).await.unwrap().unwrap();
        if let Some(deleted) = record.deleted {
            break deleted;
        }
        assert!(begun.elapsed() < SOON, "{record:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(
        deleted.objects, 7,
        "order, media, transcript, caption and three forms of the transcript"
    );
    assert!(deleted.size_bytes > 0);
    assert!(bucket.get(&media).await.unwrap().is_none());
}
