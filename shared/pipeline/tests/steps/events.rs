//! Tasks that wait at Kaltura for an event that is over: those of this stack end, and all others are told of.

use kaltura::{TaskId, TaskStatus, UpdateJob};
use kaltura_sim::OrderRequest;
use pipeline::ports::Clock;
use pipeline::record::{FIRST_CHECK_AFTER_S, TaskState};
use pipeline::steps::EVENT_OVER_AFTER_S;
use pipeline::steps::claim::Claimed;
use pipeline::steps::reconcile::{self, ReconcileReport};
use serde_json::json;
use step_world::{World, order, told};

const HOUR_S: u64 = 60 * 60;
const LIVE_CAPTIONS: i64 = 8;
const PENDING: i64 = 1;
const ERROR: i64 = 6;
const SCHEDULED: i64 = 9;

/// An order for an event of an hour, which ends so long from now.
fn for_event(world: &World, service_feature: i64, status: i64, ends_in_s: i64) -> OrderRequest {
    let ends_epoch_s = i64::try_from(world.clock.now_epoch_s()).unwrap() + ends_in_s;
    OrderRequest {
        service_feature,
        status,
        task_data: Some(json!({
            "objectType": "KalturaScheduledVendorTaskData",
            "startDate": ends_epoch_s - 3_600,
            "endDate": ends_epoch_s,
        })),
        ..order()
    }
}

fn looked(looked_at: usize, put_right: usize) -> ReconcileReport {
    ReconcileReport {
        looked_at,
        put_right,
        failed: 0,
    }
}

/// Sets a task to a status, as the vendor.
pub async fn set(world: &World, task_id: &TaskId, status: TaskStatus) {
    let update = UpdateJob::new(status);
    let kaltura = &world.ctx.kaltura;
    let updated = world
        .ctx
        .sessions
        .with(async |ks| kaltura.vendor(ks).update_job(task_id, &update).await)
        .await;
    assert_eq!(updated.unwrap().status, Some(status));
}

/// Whoever serves it has forgotten it, and its customer has paid: an operator is told, and nothing is done to it.
#[test]
fn an_event_that_is_over_is_told_where_its_service_is_not_enabled() {
    let ((first, second, reports), told) = told(async {
        let world = World::new().await;
        let mut tasks = Vec::new();
        for (status, ends_in_s) in [
            (SCHEDULED, -7_200),
            (PENDING, -7_200),
            (SCHEDULED, -1_800),
            (SCHEDULED, 1_800),
        ] {
            let request = for_event(&world, LIVE_CAPTIONS, status, ends_in_s);
            tasks.push(world.place(request).await);
        }
        let first = world.poll().await;
        world.sim.abort_order(&tasks[0].as_str().into()).unwrap();
        let second = world.poll().await;
        let reports: Vec<_> = tasks.iter().map(|task_id| world.report(task_id)).collect();
        (first, second, reports)
    });
    assert_eq!((first.left_alone, first.events_over, first.kept), (4, 2, 0));
    assert_eq!((second.left_alone, second.events_over), (3, 1));
    assert_eq!(told.last["EventsOver"].to_string(), "1", "the last poll's");
    let statuses: Vec<i64> = reports.iter().map(|report| report.status).collect();
    assert_eq!(statuses, [7, PENDING, SCHEDULED, SCHEDULED]);
    assert!(reports.iter().all(|report| !report.refunded));
    let warned = told.events();
    let warned = warned.iter().filter(|event| event["events_over"].is_u64());
    assert_eq!(warned.count(), 2, "one line a poll");
}

#[tokio::test]
async fn an_order_whose_event_is_over_is_refunded_with_the_reason() {
    let world = World::of_live_events(&[]).await;
    for (status, ends_in_s) in [(SCHEDULED, -7_200), (PENDING, -7_200), (PENDING, -1)] {
        let task_id = world
            .place(for_event(&world, LIVE_CAPTIONS, status, ends_in_s))
            .await;
        world.poll().await;
        let claimed = world.claim_all().await;
        assert!(
            matches!(claimed.as_slice(), [Ok(Claimed::Refused)]),
            "{claimed:?}"
        );
        let failure = world.record(&task_id).await.failure.unwrap();
        assert_eq!(failure.name, "EventOver", "{ends_in_s}");
        let report = world.report(&task_id);
        assert_eq!((report.status, report.refunded), (ERROR, true));
        let told = report.task["errDescription"].as_str().unwrap();
        assert!(told.contains("is over"), "{told}");
    }
}

/// An order of another service that has an event all the same: it is over when its event is, not before.
#[tokio::test]
async fn an_order_that_has_an_event_and_is_for_none_is_claimed_until_the_event_is_over() {
    let world = World::new().await;
    let over = i64::try_from(EVENT_OVER_AFTER_S).unwrap();
    for (ends_in_s, expected) in [
        (60, Claimed::Started),
        (1 - over, Claimed::Started),
        (-over, Claimed::Refused),
    ] {
        let task_id = world.place(for_event(&world, 1, PENDING, ends_in_s)).await;
        world.poll().await;
        let claimed = world.claim_all().await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(*claimed[0].as_ref().unwrap(), expected, "{ends_in_s}");
        let failure = world.record(&task_id).await.failure.map(|failure| failure.name);
        let expected = (expected == Claimed::Refused).then_some("EventOver");
        assert_eq!(failure.as_deref(), expected);
    }
}

/// Claimed in time, and then nothing of the event ever came: it is found by the index of what is due, and ends.
#[tokio::test]
async fn a_task_that_stays_scheduled_beyond_its_event_is_ended() {
    let world = World::new().await;
    let hour = i64::try_from(HOUR_S).unwrap();
    let input = world.begin(for_event(&world, 1, PENDING, hour)).await;
    set(&world, &input.task_id, TaskStatus::Scheduled).await;
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(
        reconcile::run(&world.ctx).await.unwrap(),
        looked(1, 0),
        "yet to come"
    );
    world.advance(HOUR_S);
    assert_eq!(
        reconcile::run(&world.ctx).await.unwrap(),
        looked(1, 0),
        "it may begin late"
    );
    world.advance(EVENT_OVER_AFTER_S);
    assert_eq!(reconcile::run(&world.ctx).await.unwrap(), looked(1, 1));
    let record = world.record(&input.task_id).await;
    assert_eq!(record.state, TaskState::Failed);
    assert_eq!(record.failure.unwrap().name, "EventOver");
    assert_eq!(world.states.stopped(), [(input.task_id.clone(), 1)]);
    let report = world.report(&input.task_id);
    assert_eq!((report.status, report.refunded), (ERROR, true));
    assert_eq!(reconcile::run(&world.ctx).await.unwrap(), looked(0, 0));
}

#[tokio::test]
async fn a_task_that_is_on_air_beyond_its_event_is_left_to_run() {
    let world = World::new().await;
    let input = world.begin(for_event(&world, 1, SCHEDULED, 60)).await;
    world.advance(HOUR_S + EVENT_OVER_AFTER_S);
    assert_eq!(reconcile::run(&world.ctx).await.unwrap(), looked(1, 0));
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Running);
}

/// Each run looks at so many at most; the rest is looked at by the next.
#[tokio::test]
async fn many_are_ended_in_bounded_batches() {
    let world = World::new().await;
    let request = for_event(&world, 1, PENDING, 60);
    let first = world.begin(request.clone()).await;
    for _ in 1..reconcile::AT_MOST + 2 {
        let task_id = world.place(request.clone()).await;
        let mut record = world.record(&first.task_id).await;
        record.access_key = world.key_of(&task_id);
        record.task_id = task_id;
        pipeline::ports::TaskStore::keep(&*world.table, &record)
            .await
            .unwrap();
    }
    for order in world.sim.orders() {
        let task_id = TaskId::parse(order.task_id.as_str()).unwrap();
        set(&world, &task_id, TaskStatus::Scheduled).await;
    }
    world.advance(HOUR_S + EVENT_OVER_AFTER_S);
    for expected in [reconcile::AT_MOST, 2] {
        let report = reconcile::run(&world.ctx).await.unwrap();
        assert_eq!(report, looked(expected, expected));
    }
}
