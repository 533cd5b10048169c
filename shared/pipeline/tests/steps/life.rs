//! A task's life beside the straight way: admission, looks from outside, and ends that were lost.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kaltura::PartnerId;
use kaltura_sim::{CustomerSpec, Fault, FaultEffect, OrderRequest, PartnerId as SimPartner, ProfileSpec};
use pipeline::memory::{ManualClock, MemoryTable, sample_record};
use pipeline::ports::{
    Clock, Deleted, KnownTask, LinkMethod, ObjectLinks, ObjectStore, OrderQueue, PresignedUrl, SignedGet,
    StagedTask, TaskIndex, TaskStore,
};
use pipeline::record::{Duty, FIRST_CHECK_AFTER_S, Stage, TaskRecord, TaskState};
use pipeline::steps::claim::{self, Claimed};
use pipeline::steps::fail::{self, Ending};
use pipeline::steps::reconcile::{self, ReconcileReport};
use pipeline::steps::{OrderMessage, StepInput, extend_keys, fetch, finalize, sweep};
use pipeline::{Class, Result};
use step_world::{ServedBucket, World, order};

const HOUR_S: u64 = 60 * 60;

async fn looked(world: &World) -> ReconcileReport {
    reconcile::run(&world.ctx).await.unwrap()
}

fn put_right(looked_at: usize, put_right: usize) -> ReconcileReport {
    ReconcileReport {
        looked_at,
        put_right,
        failed: 0,
    }
}

#[tokio::test]
async fn a_task_that_is_well_is_looked_at_each_hour() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    assert_eq!(looked(&world).await, put_right(0, 0));
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, put_right(1, 0));
    world.advance(HOUR_S - 1);
    assert_eq!(looked(&world).await, put_right(0, 0));
    world.advance(1);
    assert_eq!(looked(&world).await, put_right(1, 0));
    let record = world.record(&input.task_id).await;
    assert_eq!((record.state, record.attempt), (TaskState::Running, 1));
}

#[tokio::test]
async fn a_withdrawn_task_is_stopped_and_closed() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Gone);
    assert_eq!(world.states.stopped(), [(input.task_id.clone(), 1)]);
    assert_eq!(
        fetch::run(&world.ctx, &input).await.unwrap_err().class(),
        Class::Gone,
        "a step that still runs does nothing"
    );
}

#[tokio::test]
async fn a_start_that_was_lost_is_made_up_for() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.states.forget(&input.task_id, 1);
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(world.states.started(), [(input.task_id.clone(), 1)]);
    world.run_to_the_end(&input).await;
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
}

/// An execution that died where nobody could say so: the task is parked, and goes on where it stopped.
#[tokio::test]
async fn an_execution_that_ended_alone_is_noticed() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    world.states.end(&input.task_id, 1);
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    let record = world.record(&input.task_id).await;
    assert_eq!((record.state, record.attempt), (TaskState::Parked, 1));

    world.advance(10 * 60);
    world.poll().await;
    world.claim_all().await;
    let second = StepInput { attempt: 2, ..input };
    assert_eq!(world.states.started().last(), Some(&(second.task_id.clone(), 2)));
    world.run_to_the_end(&second).await;
    assert_eq!(world.record(&second.task_id).await.state, TaskState::Delivered);
    let fetched = world.report(&second.task_id).calls;
    let manifests = fetched.iter().filter(|call| call.service == "playmanifest");
    assert_eq!(manifests.count(), 1, "the media was not fetched again");
}

/// Somebody stopped this attempt while its function was at work: it writes nothing more at Kaltura.
#[tokio::test]
async fn an_attempt_that_is_overtaken_within_its_step_knows_before_it_writes() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let overtaken = pipeline::steps::run(&world.ctx, "test", &input, async |task| {
        task.still_ours().await?;
        let mut record = world.record(&input.task_id).await;
        record.attempt += 1;
        assert!(world.table.save(&mut record).await?);
        task.still_ours().await
    });
    assert_eq!(overtaken.await.unwrap_err().class(), Class::Stale);
}

/// The function that a stopped execution waited for may run on: the next attempt waits it out.
#[tokio::test]
async fn what_runs_for_too_long_is_stopped_and_waited_out() {
    let world = World::with(&[("RUN_LIMIT_HOURS", "2")]).await;
    let input = world.begin(order()).await;
    world.advance(2 * HOUR_S);
    assert_eq!(looked(&world).await, put_right(1, 0), "two hours it may");
    world.advance(HOUR_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(world.states.stopped(), [(input.task_id.clone(), 1)]);
    let record = world.record(&input.task_id).await;
    assert_eq!(record.state, TaskState::Parked);
    let held_s = record.parking.until_epoch_s - world.clock.now_epoch_s();
    assert!((16 * 60..HOUR_S).contains(&held_s), "{held_s}");
}

/// READY was taken, its answer lost, and what would have asked again died: the order was delivered, and the record says so.
#[tokio::test]
async fn a_delivery_whose_end_was_lost_is_not_taken_for_gone() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    world.upload_until_done(&input).await.unwrap();
    let before = world.record(&input.task_id).await;
    finalize::run(&world.ctx, &input).await.unwrap();
    world.lose_end(&before).await;
    world.states.end(&input.task_id, 1);

    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
    assert_eq!(
        world
            .report(&input.task_id)
            .assets
            .iter()
            .filter(|asset| asset.by_vendor)
            .count(),
        1
    );
}

#[tokio::test]
async fn an_order_is_given_up_only_where_the_vendor_says_so() {
    for (hours, state) in [
        ("0", TaskState::Parked),
        ("3", TaskState::Failed),
        ("4", TaskState::Parked),
    ] {
        let world = World::with(&[("GIVE_UP_AFTER_HOURS", hours)]).await;
        let input = world.begin(order()).await;
        world.advance(3 * HOUR_S);
        fail::run(&world.ctx, &input, Ending::Parked).await.unwrap();
        assert_eq!(world.record(&input.task_id).await.state, state);
        let report = world.report(&input.task_id);
        assert_eq!(report.refunded, state == TaskState::Failed);
        if report.refunded {
            let told = report.task["errDescription"].as_str().unwrap();
            assert!(told.contains("within 3 hours"), "{told}");
        }
    }
}

/// No call is made with a key that could die within it.
#[tokio::test]
async fn a_key_near_its_end_is_extended_before_it_is_used() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let record = world.record(&input.task_id).await;
    let left_s = record.key_expires_epoch_s - world.clock.now_epoch_s();
    world.advance(left_s - 60);
    fetch::run(&world.ctx, &input).await.unwrap();
    assert!(world.record(&input.task_id).await.key_expires_epoch_s > record.key_expires_epoch_s);
    let calls = world.report(&input.task_id).calls;
    assert!(
        calls
            .iter()
            .all(|call| call.code.as_deref() != Some("INVALID_KS")),
        "no call met a dead key"
    );
}

/// A key that can't be extended is tried for a week after it died: by then it is the entry that is not there.
#[tokio::test]
async fn a_key_that_stays_dead_ends_its_order_after_a_week() {
    const WEEK_S: u64 = 7 * 24 * HOUR_S;
    let world = World::new().await;
    let input = world.begin(order()).await;
    let refused = Fault::new(FaultEffect::api("FAILED_EXTEND_ACCESS_KEY"));
    world
        .sim
        .faults(vec![refused.on("reach_entryvendortask", "extendAccessKey")]);
    let dies_epoch_s = world.record(&input.task_id).await.key_expires_epoch_s;
    world.advance(dies_epoch_s + WEEK_S - world.clock.now_epoch_s());
    let error = fetch::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Retryable, "FAILED_EXTEND_ACCESS_KEY")
    );
    world.advance(1);
    let error = fetch::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!((error.class(), error.name()), (Class::Terminal, "EntryGone"));
    // Any other answer is no word of the entry, however late it comes.
    world.sim.clear_faults();
    let down = Fault::new(FaultEffect::HttpStatus { status: 503 });
    world
        .sim
        .faults(vec![down.on("reach_entryvendortask", "extendAccessKey")]);
    let error = fetch::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
}

/// A look that gets no answer changes nothing: the task runs on, and the others are looked at.
#[tokio::test]
async fn a_look_that_kaltura_gives_no_answer_to_ends_no_order() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.advance(FIRST_CHECK_AFTER_S);
    let down = Fault::new(FaultEffect::HttpStatus { status: 503 });
    world.sim.faults(vec![down.on("reach_entryvendortask", "get")]);
    let report = looked(&world).await;
    assert_eq!((report.looked_at, report.put_right, report.failed), (1, 0, 1));
    let record = world.record(&input.task_id).await;
    assert_eq!((record.state, record.failure), (TaskState::Running, None));
}

/// Only a dead key is a reason to set a task PROCESSING before it was read.
#[tokio::test]
async fn a_claim_that_gets_no_answer_leaves_the_task_as_it_is() {
    let world = World::new().await;
    let task_id = world.place(order()).await;
    world.poll().await;
    let down = Fault::new(FaultEffect::HttpStatus { status: 503 });
    world.sim.faults(vec![down.on("reach_entryvendortask", "get")]);
    let claimed = world.claim_all().await;
    assert!(
        matches!(claimed.as_slice(), [Err(error)] if error.class() == Class::Retryable),
        "{claimed:?}"
    );
    let report = world.report(&task_id);
    assert_eq!(report.status, 1);
    assert!(
        report.calls.iter().all(|call| call.action == "get"),
        "{:?}",
        report.calls
    );
}

fn of_customer(partner: i64, created_epoch_s: i64) -> OrderRequest {
    OrderRequest {
        customer: CustomerSpec {
            partner_id: SimPartner(partner),
            ..CustomerSpec::default()
        },
        created_at_epoch_s: Some(created_epoch_s),
        ..OrderRequest::default()
    }
}

/// 5,000 orders of one customer, and then one each of ten others: the ten are sent with the first, whether the flood is there
/// or not; the flood takes what is free, and no more than its share.
#[tokio::test]
async fn a_flood_of_one_customers_orders_delays_nobody_elses() {
    const FLOOD: i64 = 101;
    let mut sent_at = BTreeMap::new();
    for flood in [0, 5_000] {
        let world = World::with(&[("CAPACITY", "100"), ("CAPACITY_PER_CUSTOMER", "50")]).await;
        let start_epoch_s = world.sim.now_ms() / 1_000 - 10_000;
        for number in 0..flood {
            world.place(of_customer(FLOOD, start_epoch_s + number)).await;
        }
        for partner in 201..=210 {
            world.place(of_customer(partner, start_epoch_s + 6_000)).await;
        }
        let report = world.poll().await;
        let sent = world.queue.take_all();
        let places: Vec<usize> = (0..)
            .zip(&sent)
            .filter(|(_, (_, partner))| *partner != PartnerId::from(FLOOD))
            .map(|(place, _)| place)
            .collect();
        assert_eq!(places.len(), 10, "all ten at once");
        assert!(places.iter().all(|place| *place <= 10), "and first: {places:?}");
        let of_flood = sent.len() - 10;
        assert_eq!(of_flood, usize::try_from(flood).unwrap().min(50));
        assert_eq!(report.waiting, usize::try_from(flood).unwrap() - of_flood);

        // As long as nothing ends, nothing more is sent; what ends makes room.
        assert_eq!(world.poll().await.sent, 0);
        for (task_id, _) in sent.iter().take(7) {
            let mut record = world.record(task_id).await;
            record.end(TaskState::Delivered, world.clock.now_epoch_s(), "READY");
            assert!(world.table.save(&mut record).await.unwrap());
        }
        sent_at.insert(flood, places);
        let freed = sent
            .iter()
            .take(7)
            .filter(|(_, partner)| *partner == PartnerId::from(FLOOD));
        assert_eq!(world.poll().await.sent, freed.count(), "the flood's own share");
    }
    let worst = |flood: i64| sent_at[&flood].iter().max().copied().unwrap();
    assert!(worst(5_000) <= worst(0) + 1, "{sent_at:?}");
}

/// A clock by which each look at it takes half a minute.
struct Hurried(Arc<ManualClock>);

impl Clock for Hurried {
    fn now_epoch_s(&self) -> u64 {
        self.0.advance(30);
        self.0.now_epoch_s()
    }
}

/// A poll that is slow sends what it has kept before its time is over, and the next one goes on behind it.
#[tokio::test]
async fn a_slow_poll_stops_listing_and_sends() {
    let mut world = World::with(&[("CAPACITY", "10"), ("CAPACITY_PER_CUSTOMER", "10")]).await;
    let start_epoch_s = world.sim.now_ms() / 1_000 - 10_000;
    for number in 0..520 {
        world.place(of_customer(101, start_epoch_s + number)).await;
    }
    world.ctx.clock = Arc::new(Hurried(world.clock.clone()));
    let report = world.poll().await;
    assert_eq!((report.listed, report.kept, report.sent), (500, 500, 10));
    world.ctx.clock = world.clock.clone();
    let report = world.poll().await;
    assert_eq!((report.kept, report.sent, report.waiting), (20, 0, 510));
}

/// A message that was lost, or lies in the dead-letter queue, keeps its place in flight and is sent again.
#[tokio::test]
async fn what_was_never_claimed_is_sent_again_and_counts_once() {
    let world = World::with(&[("CAPACITY", "2")]).await;
    for _ in 0..3 {
        world.place(order()).await;
    }
    assert_eq!(world.poll().await.sent, 2);
    let lost = world.queue.take_all();
    world.advance(20 * 60);
    let report = world.poll().await;
    assert_eq!((report.sent, report.waiting), (2, 1));
    let mut again = world.queue.take_all();
    again.sort();
    let mut lost = lost;
    lost.sort();
    assert_eq!(again, lost);
    world.queue.send(&again).await.unwrap();
}

/// Two deliveries of one message at the same time: one execution, claimed once, whatever the other writes meanwhile.
#[tokio::test]
async fn a_message_that_is_claimed_twice_at_once_starts_once() {
    let world = World::new().await;
    let task_id = world.place(order()).await;
    world.poll().await;
    let message = OrderMessage {
        task_id: task_id.clone(),
    };
    let (one, other) = tokio::join!(claim::run(&world.ctx, &message), claim::run(&world.ctx, &message));
    let claimed = [one.unwrap(), other.unwrap()];
    assert!(claimed.contains(&Claimed::Started), "{claimed:?}");
    assert_eq!(world.states.started(), [(task_id.clone(), 1)]);
    let record = world.record(&task_id).await;
    let claims = record.history.iter().filter(|entry| entry.what == "claimed");
    assert_eq!(claims.map(|entry| entry.times).sum::<u32>(), 1, "{record:?}");
    world.run_to_the_end(&StepInput { task_id, attempt: 1 }).await;
}

/// `DELETE_ONCE_PROCESSED`.
fn to_be_deleted() -> OrderRequest {
    OrderRequest {
        profile: ProfileSpec {
            content_deletion_policy: 2,
            ..ProfileSpec::default()
        },
        ..order()
    }
}

/// A bucket that deletes nothing of one task.
struct Stubborn {
    bucket: ServedBucket,
    task_id: String,
}

#[async_trait::async_trait]
impl ObjectStore for Stubborn {
    async fn put(&self, key: &str, content: Bytes, content_type: &str) -> Result<()> {
        self.bucket.put(key, content, content_type).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.bucket.get(key).await
    }

    async fn sink(&self, key: &str, content_type: &str) -> Result<Box<dyn media::PartSink>> {
        self.bucket.sink(key, content_type).await
    }

    async fn download(&self, key: &str, to: &std::path::Path) -> Result<u64> {
        self.bucket.download(key, to).await
    }

    async fn delete_all(&self, prefix: &str) -> Result<Deleted> {
        if prefix.contains(&self.task_id) {
            return Err(pipeline::StepError::Aws {
                service: "s3",
                action: "DeleteObjects",
                detail: "denied".to_owned(),
            });
        }
        self.bucket.delete_all(prefix).await
    }

    async fn upload(&self, key: &str, from: &std::path::Path, content_type: &str) -> Result<u64> {
        self.bucket.upload(key, from, content_type).await
    }
}

#[async_trait::async_trait]
impl ObjectLinks for Stubborn {
    fn bucket(&self) -> &str {
        self.bucket.bucket()
    }

    async fn sign_get(&self, key: &str, now_epoch_s: u64) -> Result<SignedGet> {
        self.bucket.sign_get(key, now_epoch_s).await
    }

    async fn presign(
        &self,
        method: LinkMethod,
        key: &str,
        now_epoch_s: u64,
        ttl_s: u64,
    ) -> Result<PresignedUrl> {
        self.bucket.presign(method, key, now_epoch_s, ttl_s).await
    }
}

/// What can't be deleted is told, and how late it is, as long as it is there; what stands behind it is deleted.
#[test]
fn data_that_can_not_be_deleted_is_overdue_and_harms_no_other() {
    let ((), told) = step_world::told(async {
        let mut world = World::new().await;
        let stuck = world.begin(to_be_deleted()).await;
        world.run_to_the_end(&stuck).await;
        world.advance(1);
        let other = world.begin(to_be_deleted()).await;
        world.run_to_the_end(&other).await;
        world.ctx.parts.objects = Some(Arc::new(Stubborn {
            bucket: world.bucket.clone(),
            task_id: stuck.task_id.to_string(),
        }));
        world.advance(30 * HOUR_S);
        let report = sweep::run(&world.ctx).await.unwrap();
        assert_eq!((report.swept, report.failed), (1, 1));
        assert!(world.record(&stuck.task_id).await.deleted.is_none());
        assert!(world.record(&other.task_id).await.deleted.is_some());
    });
    let overdue_s = told.last["DeletionOverdueS"];
    assert!(overdue_s > 30.0 * 3_600.0, "{overdue_s}");
}

/// A flood that ends at once is swept in one run, batch by batch.
#[tokio::test]
async fn as_many_as_are_due_are_swept() {
    let world = World::new().await;
    for number in 0..450 {
        let mut record = sample_record(format!("{}", 900_000 + number).parse().unwrap());
        record.end(TaskState::Gone, 500, "withdrawn");
        record.delete_at_epoch_s = Some(500 + number);
        world.table.keep(&record).await.unwrap();
    }
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 450);
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 0);
}

/// What was stored in a former life of the task is deleted with it, however this one ends.
#[tokio::test]
async fn a_task_that_is_reset_and_withdrawn_leaves_nothing() {
    let world = World::new().await;
    let input = world.begin(to_be_deleted()).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    let media = world.record(&input.task_id).await.media.unwrap().key;
    // Kaltura tells times in whole seconds: a reset within the second of the order would look like the order.
    world.advance(5);
    world.sim.reset_order(&input.task_id.as_str().into()).unwrap();
    world.advance(5);
    assert_eq!(world.poll().await.kept, 1);
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    assert!(matches!(world.claim_all().await.as_slice(), [Ok(Claimed::Gone)]));
    assert!(world.bucket.get(&media).await.unwrap().is_some());
    world.advance(HOUR_S);
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 1);
    assert!(world.bucket.get(&media).await.unwrap().is_none());
}

/// The alarms on near and missed deadlines see every task that has not ended: running, parked, or not yet begun.
#[test]
fn the_soonest_deadline_is_told_whatever_state_its_task_is_in() {
    let (_, told) = step_world::told(async {
        let world = World::new().await;
        assert_eq!(looked(&world).await, put_right(0, 0));
        let input = world.begin(order()).await;
        world.states.end(&input.task_id, 1);
        fail::run(&world.ctx, &input, Ending::Parked).await.unwrap();
        let mut record = world.record(&input.task_id).await;
        record.expected_finish_epoch_s = Some(world.clock.now_epoch_s() + 100);
        assert!(world.table.save(&mut record).await.unwrap());
        world.advance(160);
        looked(&world).await
    });
    let margin_s = told.last["DeadlineMarginS"];
    assert!((margin_s + 60.0).abs() < 0.5, "{margin_s}");
    assert!(
        told.log.contains("later than its customer expects"),
        "{}",
        told.log
    );
}

/// A task that ends as no task may is noticed by the step that ends it.
#[test]
fn an_invariant_that_breaks_is_told() {
    for (state, broken) in [(TaskState::Failed, 1), (TaskState::Gone, 0)] {
        let (ended, told) = step_world::told(async {
            let world = World::new().await;
            let input = world.begin(order()).await;
            pipeline::steps::run(&world.ctx, "test", &input, async |task| {
                task.change(|record| record.end(state, 500, "without a cause"))
                    .await
            })
            .await
        });
        ended.unwrap();
        assert_eq!(told.counted["TasksEnded"], 1);
        assert_eq!(
            told.counted.get("InvariantsBroken").copied().unwrap_or(0),
            broken,
            "{state:?}"
        );
    }
}

/// A record that this version can't read keeps neither orders nor keys of others waiting.
#[tokio::test]
async fn a_record_of_a_later_version_harms_no_other() {
    let mut world = World::new().await;
    let (parked, running) = (world.begin(order()).await, world.begin(order()).await);
    fail::run(&world.ctx, &parked, Ending::Parked).await.unwrap();
    world.ctx.tasks = Arc::new(OneUnreadable {
        table: world.table.clone(),
        task_id: parked.task_id.clone(),
    });
    world.place(order()).await;
    world.advance(HOUR_S);
    assert_eq!(world.poll().await.sent, 1, "the new one");
    world.advance(6 * 24 * HOUR_S);
    let report = extend_keys::run(&world.ctx).await.unwrap();
    assert_eq!((report.extended, report.failed), (1, 1));
    let record = world.record(&running.task_id).await;
    assert!(record.key_expires_epoch_s > world.clock.now_epoch_s() + 6 * 24 * HOUR_S);
}

/// A table with a record of a later version.
struct OneUnreadable {
    table: Arc<MemoryTable>,
    task_id: kaltura::TaskId,
}

#[async_trait::async_trait]
impl TaskStore for OneUnreadable {
    async fn keep(&self, record: &TaskRecord) -> Result<bool> {
        self.table.keep(record).await
    }

    async fn load(&self, task_id: &kaltura::TaskId) -> Result<Option<TaskRecord>> {
        if *task_id == self.task_id {
            return Err(pipeline::StepError::RecordUnreadable {
                what: task_id.to_string(),
                detail: "record_version is Some(99)".to_owned(),
            });
        }
        TaskStore::load(self.table.as_ref(), task_id).await
    }

    async fn known(&self, task_ids: &[kaltura::TaskId]) -> Result<HashMap<kaltura::TaskId, KnownTask>> {
        self.table.known(task_ids).await
    }

    async fn save(&self, record: &mut TaskRecord) -> Result<bool> {
        TaskStore::save(self.table.as_ref(), record).await
    }
}

#[async_trait::async_trait]
impl TaskIndex for OneUnreadable {
    async fn due(&self, duty: Duty, now_epoch_s: u64, limit: usize) -> Result<Vec<kaltura::TaskId>> {
        self.table.due(duty, now_epoch_s, limit).await
    }

    async fn staged(&self, stage: Stage) -> Result<Vec<StagedTask>> {
        self.table.staged(stage).await
    }

    async fn in_state(&self, state: TaskState, limit: usize) -> Result<Vec<kaltura::TaskId>> {
        self.table.in_state(state, limit).await
    }

    async fn keys_expiring(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(kaltura::TaskId, u64)>> {
        self.table.keys_expiring(before_epoch_s, limit).await
    }

    async fn expected(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(kaltura::TaskId, u64)>> {
        self.table.expected(before_epoch_s, limit).await
    }
}

/// A table that is not as a table should be: an index that lags behind, or nothing that can be read or written now.
struct Ailing {
    table: Arc<MemoryTable>,
    /// What each index tells of, whatever has become of it.
    told: Vec<kaltura::TaskId>,
    is_unreadable: bool,
    is_unwritable: bool,
    /// Whether the index of what waits tells of nothing yet.
    is_behind: bool,
}

impl Ailing {
    fn of(world: &World) -> Self {
        Self {
            table: world.table.clone(),
            told: Vec::new(),
            is_unreadable: false,
            is_unwritable: false,
            is_behind: false,
        }
    }
}

fn throttled(action: &'static str) -> pipeline::StepError {
    pipeline::StepError::Aws {
        service: "dynamodb",
        action,
        detail: "throttled".to_owned(),
    }
}

#[async_trait::async_trait]
impl TaskStore for Ailing {
    async fn keep(&self, record: &TaskRecord) -> Result<bool> {
        self.table.keep(record).await
    }

    async fn load(&self, task_id: &kaltura::TaskId) -> Result<Option<TaskRecord>> {
        if self.is_unreadable {
            return Err(throttled("GetItem"));
        }
        TaskStore::load(self.table.as_ref(), task_id).await
    }

    async fn known(&self, task_ids: &[kaltura::TaskId]) -> Result<HashMap<kaltura::TaskId, KnownTask>> {
        self.table.known(task_ids).await
    }

    async fn save(&self, record: &mut TaskRecord) -> Result<bool> {
        if self.is_unwritable {
            return Err(throttled("PutItem"));
        }
        TaskStore::save(self.table.as_ref(), record).await
    }
}

#[async_trait::async_trait]
impl TaskIndex for Ailing {
    async fn due(&self, _: Duty, _: u64, _: usize) -> Result<Vec<kaltura::TaskId>> {
        Ok(self.told.clone())
    }

    async fn staged(&self, stage: Stage) -> Result<Vec<StagedTask>> {
        let mut staged = if self.is_behind {
            Vec::new()
        } else {
            self.table.staged(stage).await?
        };
        if stage == Stage::Waiting {
            for task_id in &self.told {
                let record = TaskStore::load(self.table.as_ref(), task_id).await?;
                staged.extend(record.as_ref().map(StagedTask::of));
            }
        }
        Ok(staged)
    }

    async fn in_state(&self, state: TaskState, limit: usize) -> Result<Vec<kaltura::TaskId>> {
        self.table.in_state(state, limit).await
    }

    async fn keys_expiring(&self, before_epoch_s: u64, _: usize) -> Result<Vec<(kaltura::TaskId, u64)>> {
        Ok(self
            .told
            .iter()
            .map(|task_id| (task_id.clone(), before_epoch_s))
            .collect())
    }

    async fn expected(&self, before_epoch_s: u64, limit: usize) -> Result<Vec<(kaltura::TaskId, u64)>> {
        self.table.expected(before_epoch_s, limit).await
    }
}

/// The indexes tell of what is past, or of what is yet to come: nothing is done to a task before its own record says so.
#[tokio::test]
async fn an_index_that_lags_has_nothing_done_too_soon() {
    let mut world = World::new().await;
    let ended = world.begin(to_be_deleted()).await;
    world.run_to_the_end(&ended).await;
    let (parked, running) = (world.begin(order()).await, world.begin(order()).await);
    fail::run(&world.ctx, &parked, Ending::Parked).await.unwrap();
    let queued = world.place(order()).await;
    assert_eq!(world.poll().await.sent, 1);
    world.queue.take_all();

    let mut ailing = Ailing::of(&world);
    ailing.told = vec![
        ended.task_id.clone(),
        parked.task_id.clone(),
        running.task_id.clone(),
        queued.clone(),
        "1".parse().unwrap(),
    ];
    let told = ailing.told.clone();
    world.ctx.tasks = Arc::new(ailing);
    world.advance(60);
    let before = world.table.all();
    assert_eq!(world.poll().await.sent, 0);
    assert_eq!(world.queue.take_all(), []);
    assert_eq!(looked(&world).await, put_right(0, 0));
    let swept = sweep::run(&world.ctx).await.unwrap();
    assert_eq!((swept.swept, swept.failed), (0, 0));
    let extended = extend_keys::run(&world.ctx).await.unwrap();
    assert_eq!((extended.extended, extended.gone, extended.failed), (0, 0, 0));
    let states = [
        TaskState::Delivered,
        TaskState::Parked,
        TaskState::Running,
        TaskState::Queued,
    ];
    for (task_id, state) in told.iter().zip(states) {
        let record = world.record(task_id).await;
        assert_eq!((record.state, record.attempt), (state, 1), "{task_id}");
        let as_before = before.iter().any(|before| **before == record);
        assert!(as_before, "nothing was written: {record:?}");
    }
}

/// What a poll keeps it sends, though the index doesn't tell of it yet.
#[tokio::test]
async fn an_order_is_sent_by_the_poll_that_kept_it() {
    let mut world = World::new().await;
    world.ctx.tasks = Arc::new(Ailing {
        is_behind: true,
        ..Ailing::of(&world)
    });
    let task_id = world.place(order()).await;
    assert_eq!(world.poll().await.sent, 1);
    assert_eq!(world.record(&task_id).await.state, TaskState::Queued);
}

/// A record that can't be read now is no record of a later version: nothing is skipped for it.
#[tokio::test]
async fn a_table_that_can_not_be_read_now_fails_the_poll_and_the_next_one_sends() {
    let mut world = World::new().await;
    world.place(order()).await;
    let whole = world.ctx.tasks.clone();
    world.ctx.tasks = Arc::new(Ailing {
        is_unreadable: true,
        ..Ailing::of(&world)
    });
    let error = pipeline::steps::poll::run(&world.ctx, "test").await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
    assert_eq!(world.queue.take_all(), []);
    world.ctx.tasks = whole;
    assert_eq!(world.poll().await.sent, 1);
}

/// Nor of a record that no key can be looked after for: the next run does.
#[tokio::test]
async fn a_table_that_can_not_be_read_now_fails_the_look_after_keys() {
    let mut world = World::new().await;
    let input = world.begin(order()).await;
    world.ctx.tasks = Arc::new(Ailing {
        is_unreadable: true,
        told: vec![input.task_id.clone()],
        ..Ailing::of(&world)
    });
    let error = extend_keys::run(&world.ctx).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
}

/// `fail` goes by the cause in the record: a cause that is not there must not bring the state machine there.
#[tokio::test]
async fn a_terminal_cause_that_could_not_be_written_down_is_not_acted_on() {
    let mut world = World::new().await;
    let input = world.begin(order()).await;
    let whole = world.ctx.tasks.clone();
    let step = async |world: &World, error: fn() -> pipeline::StepError| {
        pipeline::steps::run(&world.ctx, "test", &input, async |_| Err::<(), _>(error()))
            .await
            .unwrap_err()
    };
    let terminal = || pipeline::Refusal::NoEvent.into();
    world.ctx.tasks = Arc::new(Ailing {
        is_unwritable: true,
        ..Ailing::of(&world)
    });
    let error = step(&world, terminal).await;
    assert_eq!(error.class(), Class::Retryable, "the write's own: {error}");
    let error = step(&world, || pipeline::StepError::RecordMissing {
        task_id: "1".to_owned(),
    })
    .await;
    assert_eq!(
        error.name(),
        "RecordMissing",
        "what is not terminal needs no cause"
    );
    assert_eq!(world.record(&input.task_id).await.failure, None);
    world.ctx.tasks = whole;
    let error = step(&world, terminal).await;
    assert_eq!((error.class(), error.name()), (Class::Terminal, "NoEvent"));
    let failure = world.record(&input.task_id).await.failure.unwrap();
    assert_eq!(
        (failure.name.as_str(), failure.step.as_str()),
        ("NoEvent", "test")
    );
}

/// A running order with a terminal cause in its record, so that ERROR comes next.
async fn about_to_fail(world: &World) -> StepInput {
    let input = world.begin(order()).await;
    let refused = pipeline::steps::run(&world.ctx, "test", &input, async |_| {
        Err::<(), _>(pipeline::Refusal::NoEvent.into())
    });
    refused.await.unwrap_err();
    input
}

fn no_answer() -> Fault {
    Fault::new(FaultEffect::HttpStatus { status: 503 }).on("reach_entryvendortask", "updateJob")
}

/// Kaltura can't be told now: the order is neither closed nor forgotten, and ERROR comes when it can.
#[tokio::test]
async fn an_error_that_kaltura_could_not_be_told_is_told_later() {
    let world = World::new().await;
    let input = about_to_fail(&world).await;
    world.sim.faults(vec![no_answer()]);
    let error = fail::run(&world.ctx, &input, Ending::Error).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Running);
    world.sim.clear_faults();
    for _ in 0..2 {
        fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
    }
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Failed);
    let report = world.report(&input.task_id);
    assert_eq!((report.status, report.refunded), (6, true));
}

/// Aborted between its cause and its ERROR: it ends quietly.
#[tokio::test]
async fn an_order_that_is_withdrawn_before_its_error_is_gone() {
    let world = World::new().await;
    let input = about_to_fail(&world).await;
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Gone);
    assert_eq!(world.report(&input.task_id).status, 7, "aborted, as it was");
}

/// Its own READY may have ended it. As long as Kaltura doesn't say, it is neither gone nor delivered.
#[tokio::test]
async fn a_delivered_order_is_not_gone_because_kaltura_gives_no_answer() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    world.upload_until_done(&input).await.unwrap();
    world.sim.faults(vec![no_answer()]);
    let error = fail::run(&world.ctx, &input, Ending::Gone).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Running);
    world.sim.clear_faults();
    fail::run(&world.ctx, &input, Ending::Gone).await.unwrap();
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
    assert_eq!(world.report(&input.task_id).status, 2);
}

/// That a key can't be extended any more says that the task is gone; that Kaltura gives no answer says nothing.
#[tokio::test]
async fn a_key_that_can_not_be_extended_ends_only_a_withdrawn_order() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let down = Fault::new(FaultEffect::HttpStatus { status: 503 });
    world
        .sim
        .faults(vec![down.on("reach_entryvendortask", "extendAccessKey")]);
    let report = extend_keys::one(&world.ctx, &input.task_id).await.unwrap();
    assert_eq!((report.extended, report.gone, report.failed), (0, 0, 1));
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Running);
    world.sim.clear_faults();
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    let report = extend_keys::one(&world.ctx, &input.task_id).await.unwrap();
    assert_eq!((report.extended, report.gone, report.failed), (0, 1, 0));
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Gone);
    let report = extend_keys::one(&world.ctx, &input.task_id).await.unwrap();
    assert_eq!(
        (report.extended, report.gone, report.failed),
        (0, 0, 0),
        "it has ended"
    );
}

/// The alarm on orders that nobody claims: their age, as long as they are this vendor's and not yet claimed.
#[test]
fn the_age_of_the_oldest_order_that_nobody_has_claimed_is_told() {
    for is_claimed in [false, true] {
        let (_, told) = step_world::told(async {
            let world = World::new().await;
            let now_epoch_s = i64::try_from(world.clock.now_epoch_s()).unwrap();
            for (service_feature, age_s) in [(1, 300), (1, 500), (2, 9_000)] {
                let mut request = order();
                request.service_feature = service_feature;
                request.created_at_epoch_s = Some(now_epoch_s - age_s);
                // They stay PENDING at Kaltura, and so are listed again.
                request.profile.vendor_task_processing_region = Some(2);
                world.place(request).await;
            }
            world.poll().await;
            if is_claimed {
                world.claim_all().await;
            }
            world.advance(40);
            world.poll().await
        });
        let age_s = told.last["OldestUnclaimedAgeS"];
        let expected = if is_claimed { 0.0 } else { 540.0 };
        assert!((age_s - expected).abs() < 0.5, "{age_s}, claimed: {is_claimed}");
    }
}

/// A step of an order that was withdrawn stops, and is no error that anybody need look at.
#[test]
fn a_withdrawn_order_alarms_nobody_and_a_fault_does() {
    let stopped_by = |error: fn() -> pipeline::StepError| {
        let (_, told) = step_world::told(async {
            let world = World::new().await;
            let input = world.begin(order()).await;
            let stopped = pipeline::steps::run(&world.ctx, "test", &input, async |_| Err::<(), _>(error()));
            stopped.await.unwrap_err()
        });
        let events = told.events();
        let errors = events.iter().filter(|event| event["level"] == "ERROR").count();
        let counted = told.counted.get("StepErrors").copied().unwrap_or_default();
        (errors, counted)
    };
    let gone = || pipeline::StepError::GoneAtKaltura {
        task_id: "1".to_owned(),
        detail: "aborted".to_owned(),
    };
    assert_eq!(stopped_by(gone), (0, 1));
    let stale = || pipeline::StepError::StaleAttempt {
        task_id: "1".to_owned(),
        asked: 1,
        current: 2,
    };
    assert_eq!(stopped_by(stale), (0, 1));
    assert_eq!(stopped_by(|| throttled("GetItem")), (1, 1));
}

/// A sweep that is slow asks for no further batch: the next one goes on.
#[tokio::test]
async fn a_slow_sweep_stops_after_its_batch_and_the_next_goes_on() {
    let mut world = World::new().await;
    for number in 0..250 {
        let mut record = sample_record(format!("{}", 900_000 + number).parse().unwrap());
        record.end(TaskState::Gone, 500, "withdrawn");
        record.delete_at_epoch_s = Some(500 + number);
        world.table.keep(&record).await.unwrap();
    }
    world.ctx.clock = Arc::new(Hurried(world.clock.clone()));
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 200);
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 50);
}

/// What is counted and measured on this thread, each metric by its name and dimensions.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    counted: Arc<Mutex<BTreeMap<String, u64>>>,
    timed: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
}

impl Measured {
    /// How often this was counted: a metric's name and its dimensions' values.
    pub fn count(&self, of: &str) -> u64 {
        self.counted.lock().unwrap().get(of).copied().unwrap_or_default()
    }
}

struct One {
    to: Measured,
    of: String,
}

impl One {
    fn of(to: &Measured, key: &metrics::Key) -> Arc<Self> {
        let values = key.labels().map(metrics::Label::value);
        let of: Vec<&str> = std::iter::once(key.name()).chain(values).collect();
        Arc::new(Self {
            to: to.clone(),
            of: of.join(" "),
        })
    }
}

impl metrics::CounterFn for One {
    fn increment(&self, value: u64) {
        *self
            .to
            .counted
            .lock()
            .unwrap()
            .entry(self.of.clone())
            .or_default() += value;
    }

    fn absolute(&self, value: u64) {
        self.to.counted.lock().unwrap().insert(self.of.clone(), value);
    }
}

impl metrics::HistogramFn for One {
    fn record(&self, value: f64) {
        let mut timed = self.to.timed.lock().unwrap();
        timed.entry(self.of.clone()).or_default().push(value);
    }
}

impl metrics::Recorder for Measured {
    fn describe_counter(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}

    fn describe_gauge(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}

    fn describe_histogram(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}

    fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(One::of(self, key))
    }

    fn register_gauge(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::noop()
    }

    fn register_histogram(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(One::of(self, key))
    }
}

/// `StepDurationMs` is in milliseconds: of the step itself, and no longer than whoever waits for it.
#[tokio::test]
async fn a_step_is_measured_in_milliseconds() {
    const WORK: Duration = Duration::from_millis(3);
    let measured = Measured::default();
    let world = World::new().await;
    let input = world.begin(order()).await;
    let _measuring = metrics::set_default_local_recorder(&measured);
    let begun = Instant::now();
    pipeline::steps::run(&world.ctx, "test", &input, async |_| {
        let begun = Instant::now();
        while begun.elapsed() < WORK {
            std::hint::spin_loop();
        }
        Ok(())
    })
    .await
    .unwrap();
    let waited_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    let timed = measured.timed.lock().unwrap();
    let took_ms = timed["StepDurationMs test"].as_slice();
    assert_eq!(took_ms.len(), 1);
    assert!(
        took_ms[0] >= 3.0 && took_ms[0] <= waited_ms,
        "{took_ms:?} of {waited_ms}"
    );
}

/// How an error's class and its step are told: the alarms are set on them.
#[tokio::test]
async fn a_steps_errors_are_counted_by_step_and_class() {
    let measured = Measured::default();
    let world = World::new().await;
    let input = about_to_fail(&world).await;
    let _measuring = metrics::set_default_local_recorder(&measured);
    for error in [throttled("GetItem"), pipeline::Refusal::NoEvent.into()] {
        let failed = pipeline::steps::run(&world.ctx, "test", &input, async |_| Err::<(), _>(error));
        failed.await.unwrap_err();
    }
    assert_eq!(measured.count("StepErrors test Retryable"), 1);
    assert_eq!(measured.count("StepErrors test Terminal"), 1);
    fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
    assert_eq!(measured.count("TasksEnded Failed"), 1);
    assert_eq!(measured.count("TasksFailed 1"), 1);
}
