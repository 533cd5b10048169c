//! Jobs that an engine has taken on: ends that nobody told, limits of time, and what engines keep.

use engines::aws::stub::Answer;
use kaltura_sim::{Fault, FaultEffect, ProfileSpec};
use pipeline::Class;
use pipeline::people::{Desk, Ended, Person, PersonId, Refused, deadline};
use pipeline::ports::{ObjectStore, TaskStore};
use pipeline::record::{CHECK_JOBS_EVERY_S, FIRST_CHECK_AFTER_S, FUNCTION_ENDS_WITHIN_S, TaskState};
use pipeline::steps::fail::{self, Ending};
use pipeline::steps::reconcile::{self, ReconcileReport};
use pipeline::steps::{StepInput, fetch, finalize, render, sweep};
use serde_json::Value;
use step_world::{Amazon, World, order};

const HOUR_S: u64 = 60 * 60;
const DAY_S: u64 = 24 * HOUR_S;
/// `DELETE_AFTER_WEEK`.
const AFTER_WEEK: i64 = 3;

/// An order of captions that people are at, ordered a day before it is expected.
async fn with_people(world: &World) -> StepInput {
    let mut request = order();
    request.service_type = 1;
    let input = world.begin(request).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    // The machine's draft, and then the wait.
    world.process(&input).await.unwrap();
    let mut record = world.record(&input.task_id).await;
    assert!(record.accepted().is_some());
    record.expected_finish_epoch_s = Some(record.queue_time_epoch_s + DAY_S);
    world.ctx.tasks.save(&mut record).await.unwrap();
    input
}

#[tokio::test]
async fn an_order_of_peoples_is_warned_of_as_its_time_goes_by_and_waits_on() {
    let world = World::of_every_service(&[]).await;
    let input = with_people(&world).await;
    let mut told = Vec::new();
    for _ in 0..30 {
        world.advance(HOUR_S);
        looked(&world).await;
        let record = world.record(&input.task_id).await;
        if told.last() != Some(&record.people.warned_percent) {
            told.push(record.people.warned_percent.clone());
        }
        assert!(record.check_at_epoch_s.unwrap() <= world.ctx.clock.now_epoch_s() + HOUR_S);
    }
    assert_eq!(told, [vec![], vec![50], vec![50, 80], vec![50, 80, 100]]);
    let events = world.bus.told();
    let percents: Vec<Value> = events
        .iter()
        .map(|(kind, detail)| {
            assert_eq!(*kind, deadline::WARNING);
            let detail: Value = serde_json::from_str(detail).unwrap();
            assert_eq!(detail["task_id"], input.task_id.as_str());
            detail["percent"].clone()
        })
        .collect();
    assert_eq!(percents, [50, 80, 100], "each once");
    let record = world.record(&input.task_id).await;
    assert!(
        record.accepted().is_some() && record.failure.is_none(),
        "it waits on, late"
    );
    assert!(world.states.failed().is_empty());
}

#[tokio::test]
async fn an_order_is_looked_at_when_its_next_warning_is_due() {
    let world = World::of_every_service(&[]).await;
    let input = with_people(&world).await;
    world.advance(11 * HOUR_S + HOUR_S / 2);
    looked(&world).await;
    let record = world.record(&input.task_id).await;
    assert_eq!(
        record.check_at_epoch_s,
        Some(record.queue_time_epoch_s + DAY_S / 2)
    );
}

#[tokio::test]
async fn a_warning_that_nobody_could_be_told_of_comes_again_and_keeps_no_order_from_its_end() {
    let world = World::of_every_service(&[("PEOPLE_AFTER_DEADLINE", "fail")]).await;
    let input = with_people(&world).await;
    world.bus.refuse(true);
    world.advance(13 * HOUR_S);
    assert_eq!(looked(&world).await.failed, 1);
    assert!(
        world
            .record(&input.task_id)
            .await
            .people
            .warned_percent
            .is_empty()
    );
    world.bus.refuse(false);
    world.advance(HOUR_S);
    looked(&world).await;
    assert_eq!(world.record(&input.task_id).await.people.warned_percent, [50]);
    assert_eq!(world.bus.told().len(), 1);
    world.bus.refuse(true);
    world.advance(11 * HOUR_S);
    assert_eq!(looked(&world).await, put_right(1, 1), "it fails at its deadline");
    assert_eq!(world.states.failed(), [("a-token".to_owned(), Class::Terminal)]);
}

#[tokio::test]
async fn an_order_of_peoples_fails_after_its_deadline_where_the_vendor_has_it_so() {
    let world = World::of_every_service(&[("PEOPLE_AFTER_DEADLINE", "fail")]).await;
    let input = with_people(&world).await;
    world.advance(23 * HOUR_S);
    looked(&world).await;
    assert!(world.states.failed().is_empty());
    world.advance(2 * HOUR_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(world.states.failed(), [("a-token".to_owned(), Class::Terminal)]);
    fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 6, "{:?}", report.task);
}

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

/// A task whose recognition runs at Transcribe.
async fn taken_on(world: &World) -> StepInput {
    let mut request = order();
    request.profile = ProfileSpec {
        content_deletion_policy: AFTER_WEEK,
        ..ProfileSpec::default()
    };
    let input = world.begin(request).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    world.work(&input, "the-token").await.unwrap();
    assert!(world.states.succeeded().is_empty());
    input
}

/// Lets the job end, and the task with it.
async fn delivered(world: &World, amazon: &Amazon, input: &StepInput) {
    amazon.job_is("COMPLETED", "");
    world.advance(CHECK_JOBS_EVERY_S);
    assert_eq!(looked(world).await, put_right(1, 1));
    render::run(&world.ctx, input).await.unwrap();
    world.upload_until_done(input).await.unwrap();
    finalize::run(&world.ctx, input).await.unwrap();
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
}

#[tokio::test]
async fn an_end_that_nobody_told_is_found_within_ten_minutes() {
    let (world, amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    world.advance(CHECK_JOBS_EVERY_S - 1);
    assert_eq!(looked(&world).await, put_right(0, 0));
    world.advance(1);
    assert_eq!(looked(&world).await, put_right(1, 0), "it runs");
    assert!(world.states.succeeded().is_empty());
    delivered(&world, &amazon, &input).await;
    assert_eq!(world.states.succeeded(), ["the-token"]);
    let mut assets = world.report(&input.task_id).assets;
    assets.retain(|asset| asset.by_vendor);
    assert_eq!((assets.len(), assets[0].status), (1, 2), "READY captions");
    assert_eq!(amazon.called("StartTranscriptionJob"), 1);
}

#[tokio::test]
async fn a_job_that_failed_and_nobody_told_fails_its_wait() {
    let (world, amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    amazon.job_is("FAILED", "Internal failure.");
    world.advance(CHECK_JOBS_EVERY_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(
        world.states.failed(),
        [("the-token".to_owned(), Class::Retryable)]
    );
    // The state machine comes again, and the job is begun again by the name that is free for it.
    world.work(&input, "another-token").await.unwrap();
    assert_eq!(amazon.called("StartTranscriptionJob"), 2);
    amazon.job_is("COMPLETED", "");
    world.advance(CHECK_JOBS_EVERY_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(world.states.succeeded(), ["another-token"]);
}

#[tokio::test]
async fn an_engine_that_can_not_be_asked_is_asked_again_and_the_wait_goes_on() {
    let (world, amazon) = World::with_amazon().await;
    taken_on(&world).await;
    amazon
        .stub
        .always("GetTranscriptionJob", Answer::Error(500, "InternalFailure", "no"));
    for _ in 0..2 {
        world.advance(CHECK_JOBS_EVERY_S);
        let report = looked(&world).await;
        assert_eq!((report.looked_at, report.failed), (1, 1));
    }
    assert!(world.states.failed().is_empty() && world.states.stopped().is_empty());
}

#[tokio::test]
async fn a_machines_job_is_stopped_at_the_limit_and_peoples_is_not() {
    for (engine, is_stopped) in [("aws", true), ("people", false)] {
        let (world, _amazon) = World::with_amazon().await;
        let input = taken_on(&world).await;
        let mut record = world.record(&input.task_id).await;
        record.plan.as_mut().unwrap().works[0].engine = engine.to_owned();
        assert!(world.table.save(&mut record).await.unwrap());
        let limit_s = world.ctx.config.run_limit_s;
        world.advance(limit_s + HOUR_S);
        assert_eq!(
            looked(&world).await,
            put_right(1, usize::from(is_stopped)),
            "{engine}"
        );
        assert_eq!(world.states.stopped().len(), usize::from(is_stopped), "{engine}");
        let expected = if is_stopped {
            TaskState::Parked
        } else {
            TaskState::Running
        };
        assert_eq!(world.record(&input.task_id).await.state, expected, "{engine}");
    }
}

/// After people's days, what follows by machine is not overdue before it has begun.
#[tokio::test]
async fn peoples_days_are_not_counted_against_the_machine_that_follows() {
    let (world, _amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    let mut record = world.record(&input.task_id).await;
    let limit_s = world.ctx.config.run_limit_s;
    // People did the first piece; the second is a machine's job, taken on a while ago.
    let machines = record.plan.as_ref().unwrap().works[0].clone();
    let plan = record.plan.as_mut().unwrap();
    plan.works[0].engine = "people".to_owned();
    plan.works.push(machines);
    let mut second = record.works[0].clone();
    record.works[0].accepted = None;
    record.works[0].skipped = Some("a stand-in for what people made".to_owned());
    second.accepted.as_mut().unwrap().since_epoch_s += 3 * limit_s;
    record.works.push(second);
    assert!(world.table.save(&mut record).await.unwrap());
    world.advance(3 * limit_s + HOUR_S);
    assert_eq!(looked(&world).await, put_right(1, 0));
    world.advance(limit_s);
    assert_eq!(looked(&world).await, put_right(1, 1), "its own time counts");
    assert_eq!(world.states.stopped().len(), 1);
}

#[tokio::test]
async fn engines_keep_nothing_beyond_the_deletion_policy() {
    let (world, amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    delivered(&world, &amazon, &input).await;
    world.advance(7 * DAY_S);
    sweep::run(&world.ctx).await.unwrap();
    assert_eq!(amazon.called("DeleteTranscriptionJob"), 0, "not before its time");
    world.advance(FUNCTION_ENDS_WITHIN_S);
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 1);
    let deleted = amazon.stub.calls().pop().unwrap();
    assert_eq!(deleted.0, "DeleteTranscriptionJob");
    assert_eq!(
        deleted.1["TranscriptionJobName"],
        format!("reach.{}-1-recognise", input.task_id)
    );
    let record = world.record(&input.task_id).await;
    assert!(record.jobs.is_empty() && record.due().is_none());
}

/// Transcribe can't end a job that runs. What it writes after the deletion is deleted, too.
#[tokio::test]
async fn an_engine_that_can_not_forget_holds_nothing_up_and_is_told_again() {
    let (world, amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    delivered(&world, &amazon, &input).await;
    let refusal = Answer::Error(400, "LimitExceededException", "later");
    amazon.stub.always("DeleteTranscriptionJob", refusal);
    world.advance(7 * DAY_S + FUNCTION_ENDS_WITHIN_S);
    let report = sweep::run(&world.ctx).await.unwrap();
    assert_eq!((report.swept, report.failed), (1, 0));
    let record = world.record(&input.task_id).await;
    let objects = record.deleted.clone().unwrap().objects;
    assert!(objects > 0 && record.media.is_none(), "{record:?}");
    assert_eq!(record.jobs.len(), 1);
    assert_eq!(
        sweep::run(&world.ctx).await.unwrap().swept,
        0,
        "not at once again"
    );

    let late = format!("engine/{}/1/aws-recognise-output.json", input.task_id);
    world
        .bucket
        .put(&late, "{}".into(), "application/json")
        .await
        .unwrap();
    amazon
        .stub
        .always("DeleteTranscriptionJob", Answer::Ok(serde_json::json!({})));
    world.advance(HOUR_S + FUNCTION_ENDS_WITHIN_S);
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 1);
    let record = world.record(&input.task_id).await;
    assert!(record.jobs.is_empty() && record.due().is_none());
    assert_eq!(record.deleted.unwrap().objects, objects + 1);
    assert!(world.bucket.get(&late).await.unwrap().is_none());
}

#[tokio::test]
async fn an_engine_that_never_forgets_is_given_up_after_two_weeks() {
    let (world, amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    delivered(&world, &amazon, &input).await;
    amazon.stub.always(
        "DeleteTranscriptionJob",
        Answer::Error(500, "InternalFailure", "no"),
    );
    world.advance(7 * DAY_S + FUNCTION_ENDS_WITHIN_S);
    sweep::run(&world.ctx).await.unwrap();
    world.advance(13 * DAY_S);
    sweep::run(&world.ctx).await.unwrap();
    assert!(world.record(&input.task_id).await.due().is_some());
    world.advance(DAY_S);
    sweep::run(&world.ctx).await.unwrap();
    let record = world.record(&input.task_id).await;
    assert!(record.due().is_none() && record.expires_epoch_s().is_some());
    assert_eq!(record.jobs.len(), 1, "what is left there is known");
}

#[tokio::test]
async fn a_task_that_is_reset_does_not_lose_sight_of_its_jobs() {
    let (world, _amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    world.advance(5);
    world.sim.reset_order(&input.task_id.as_str().into()).unwrap();
    world.advance(5);
    assert_eq!(world.poll().await.kept, 1);
    let record = world.record(&input.task_id).await;
    assert_eq!((record.attempt, record.jobs.len()), (2, 1));
}

#[tokio::test]
async fn the_job_of_a_withdrawn_task_is_ended() {
    let (world, amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, put_right(1, 1));
    assert_eq!(amazon.called("DeleteTranscriptionJob"), 1);
    let record = world.record(&input.task_id).await;
    assert_eq!((record.state, record.jobs.len()), (TaskState::Gone, 0));
}

/// Between people's piece and the machine's next one nothing runs, and no time is counted.
#[tokio::test]
async fn peoples_days_are_not_counted_before_the_next_machine_has_begun() {
    let (world, _amazon) = World::with_amazon().await;
    let input = taken_on(&world).await;
    let mut record = world.record(&input.task_id).await;
    let plan = record.plan.as_mut().unwrap();
    let machines = plan.works[0].clone();
    plan.works[0].engine = "people".to_owned();
    plan.works.push(machines);
    record.works[0].accepted = None;
    record.works[0].skipped = Some("a stand-in for what people made".to_owned());
    record.works.push(pipeline::record::WorkRecord::default());
    assert!(world.table.save(&mut record).await.unwrap());
    world.advance(world.ctx.config.run_limit_s + HOUR_S);
    assert_eq!(looked(&world).await, put_right(1, 0));
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Running);
    assert!(world.states.stopped().is_empty());
}

/// Nobody is to work on what was withdrawn; and where Kaltura doesn't say, the work goes on.
#[tokio::test]
async fn whoever_takes_an_order_learns_whether_it_was_withdrawn() {
    let world = World::of_every_service(&[]).await;
    let input = with_people(&world).await;
    let person = Person {
        id: PersonId::new("p-1"),
        name: "Anna".to_owned(),
        groups: vec!["service.any".to_owned(), "language.any".to_owned()],
    };
    let desk = Desk::of(&world.ctx, &person);
    desk.take(&input.task_id, None).await.unwrap();
    let down = Fault::new(FaultEffect::api("ACTION_BLOCKED"));
    world.sim.faults(vec![down.on("reach_entryvendortask", "get")]);
    world.advance(HOUR_S);
    desk.take(&input.task_id, None).await.unwrap();
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Running);
    assert!(world.states.stopped().is_empty());
    world.sim.clear_faults();
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    world.advance(HOUR_S);
    let refused = desk.take(&input.task_id, None).await.unwrap_err();
    assert!(matches!(refused, Refused::Ended(Ended::Withdrawn)), "{refused:?}");
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Gone);
    assert_eq!(world.states.stopped(), [(input.task_id.clone(), 1)]);
}
