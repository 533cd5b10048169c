//! What an operator does to tasks, with the pipeline at work around it.

use std::collections::BTreeSet;

use kaltura::PartnerId;
use kaltura_sim::{CustomerSpec, OrderRequest, PartnerId as SimPartner};
use pipeline::Class;
use pipeline::operator::{Operator, Wanted};
use pipeline::ports::{Clock, ExecutionState};
use pipeline::record::{FUNCTION_ENDS_WITHIN_S, TaskState};
use pipeline::steps::claim::Claimed;
use pipeline::steps::{StepInput, extend_keys, fetch};
use step_world::{World, order};

const HOUR_S: u64 = 60 * 60;

fn operator(world: &World) -> Operator {
    Operator {
        tasks: world.table.clone(),
        executions: world.states.clone(),
        gate: world.table.clone(),
        clock: world.clock.clone(),
        name: "anna".to_owned(),
    }
}

fn wanted(states: &[TaskState]) -> Wanted {
    Wanted {
        states: states.iter().copied().collect::<BTreeSet<_>>(),
        partner_id: None,
    }
}

/// The next attempt, which the poll sends and claim begins.
async fn next_attempt(world: &World, input: &StepInput) -> StepInput {
    assert_eq!(world.poll().await.sent, 1);
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::Started)]
    ));
    StepInput {
        task_id: input.task_id.clone(),
        attempt: input.attempt + 1,
    }
}

#[tokio::test]
async fn a_parked_task_is_retried_at_once_and_delivered() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let operator = operator(&world);
    world.states.end(&input.task_id, 1);
    operator
        .park(&input.task_id, 24 * HOUR_S, "wait for the customer")
        .await
        .unwrap();
    assert_eq!(world.poll().await.sent, 0, "it is held back");
    world.advance(23 * HOUR_S);
    assert_eq!(world.poll().await.sent, 0, "and still is");
    operator.retry(&input.task_id).await.unwrap();
    let again = next_attempt(&world, &input).await;
    world.run_to_the_end(&again).await;
    let record = world.record(&input.task_id).await;
    assert_eq!((record.state, record.attempt), (TaskState::Delivered, 2));
    let told: Vec<&str> = record.history.iter().map(|entry| entry.what.as_str()).collect();
    assert!(
        told.contains(&"parked for 86400 s by anna: wait for the customer"),
        "{told:?}"
    );
    assert!(told.contains(&"retried by anna"), "{told:?}");
}

#[tokio::test]
async fn what_runs_is_stopped_and_its_function_waited_out() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let operator = operator(&world);
    operator.retry(&input.task_id).await.unwrap();
    assert_eq!(world.states.stopped(), [(input.task_id.clone(), 1)]);
    // Asked again, it still doesn't begin beside a function that may work.
    let record = operator.retry(&input.task_id).await.unwrap();
    let now_epoch_s = world.clock.now_epoch_s();
    assert_eq!(record.parking.until_epoch_s, now_epoch_s + FUNCTION_ENDS_WITHIN_S);
    world.advance(FUNCTION_ENDS_WITHIN_S - 1);
    assert_eq!(world.poll().await.sent, 0);
    world.advance(1);
    let again = next_attempt(&world, &input).await;
    assert_eq!(
        fetch::run(&world.ctx, &input).await.unwrap_err().class(),
        Class::Stale
    );
    world.run_to_the_end(&again).await;
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
}

#[tokio::test]
async fn the_customer_reads_why_an_operator_failed_an_order() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let operator = operator(&world);
    let text = "The recording is silent from the second minute on. Please order again.";
    operator.fail(&input.task_id, text).await.unwrap();
    assert_eq!(
        world.report(&input.task_id).status,
        3,
        "nothing yet: it may be taken back"
    );
    world.advance(FUNCTION_ENDS_WITHIN_S);
    assert_eq!(world.poll().await.sent, 1);
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::Refused)]
    ));
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 6);
    assert_eq!(report.task["errDescription"], text);
    let record = world.record(&input.task_id).await;
    assert_eq!(record.state, TaskState::Failed);
    assert_eq!(record.failure.unwrap().name, "ByOperator");
    let ended = operator.retry(&input.task_id).await.unwrap_err();
    assert_eq!(ended.name(), "Ended");
}

#[tokio::test]
async fn a_failing_is_taken_back_by_a_retry() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.states.end(&input.task_id, 1);
    let operator = operator(&world);
    operator.fail(&input.task_id, "Not to be told.").await.unwrap();
    operator.retry(&input.task_id).await.unwrap();
    let again = next_attempt(&world, &input).await;
    world.run_to_the_end(&again).await;
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
}

#[tokio::test]
async fn a_task_that_nobody_has_claimed_is_held_and_its_key_left() {
    let world = World::new().await;
    let task_id = world.place(order()).await;
    world.poll().await;
    let operator = operator(&world);
    operator
        .park(&task_id, 30 * 24 * HOUR_S, "holidays")
        .await
        .unwrap();
    let claimed = world.claim_all().await;
    assert!(
        matches!(claimed.as_slice(), [Ok(Claimed::NothingToDo)]),
        "its message finds it parked: {claimed:?}"
    );
    assert_eq!(world.report(&task_id).status, 1);
    // PENDING: its key can't be extended, and nobody tries.
    world.advance(20 * 24 * HOUR_S);
    assert_eq!(
        extend_keys::run(&world.ctx).await.unwrap(),
        extend_keys::ExtendReport::default()
    );
    operator.retry(&task_id).await.unwrap();
    let again = next_attempt(&world, &StepInput { task_id, attempt: 1 }).await;
    world.run_to_the_end(&again).await;
    assert_eq!(world.record(&again.task_id).await.state, TaskState::Delivered);
}

#[tokio::test]
async fn behind_a_closed_gate_orders_are_kept_and_what_runs_runs() {
    let world = World::new().await;
    let first = world.begin(order()).await;
    let operator = operator(&world);
    operator.drain("a new engine").await.unwrap();
    let second = world.place(order()).await;
    for _ in 0..2 {
        let report = world.poll().await;
        assert_eq!((report.sent, report.waiting), (0, 1));
    }
    world.run_to_the_end(&first).await;
    assert_eq!(world.record(&first.task_id).await.state, TaskState::Delivered);
    assert_eq!(world.record(&second).await.state, TaskState::Kept);
    operator.resume().await.unwrap();
    assert_eq!(world.poll().await.sent, 1);
}

#[tokio::test]
async fn tasks_are_listed_by_state_and_customer() {
    let world = World::new().await;
    let of = |partner_id| OrderRequest {
        customer: CustomerSpec {
            partner_id: SimPartner(partner_id),
            ..CustomerSpec::default()
        },
        ..order()
    };
    let delivered = world.begin(of(301)).await;
    world.run_to_the_end(&delivered).await;
    let running = world.begin(of(302)).await;
    let parked = world.begin(of(303)).await;
    let operator = operator(&world);
    world.states.end(&parked.task_id, 1);
    operator.park(&parked.task_id, HOUR_S, "a look").await.unwrap();
    let queued = world.place(of(302)).await;
    world.poll().await;
    operator.drain("a look").await.unwrap();
    let kept = world.place(of(303)).await;
    world.poll().await;

    let listed = async |wanted: &Wanted, limit| -> Vec<String> {
        let records = operator.list(wanted, limit).await.unwrap();
        let mut ids: Vec<String> = records.iter().map(|record| record.task_id.to_string()).collect();
        ids.sort();
        ids
    };
    let ids = |ids: &[&kaltura::TaskId]| {
        let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.sort();
        ids
    };
    let all = 100;
    assert_eq!(
        listed(&Wanted::default(), all).await,
        ids(&[&running.task_id, &parked.task_id, &queued, &kept]),
        "what has not ended"
    );
    for (state, task_id) in [
        (TaskState::Running, &running.task_id),
        (TaskState::Parked, &parked.task_id),
        (TaskState::Queued, &queued),
        (TaskState::Kept, &kept),
        (TaskState::Delivered, &delivered.task_id),
    ] {
        assert_eq!(listed(&wanted(&[state]), all).await, ids(&[task_id]), "{state:?}");
    }
    let of_customer = Wanted {
        partner_id: Some(PartnerId::from(302)),
        ..Wanted::default()
    };
    assert_eq!(listed(&of_customer, all).await, ids(&[&running.task_id, &queued]));
    assert_eq!(listed(&Wanted::default(), 2).await.len(), 2);

    let (record, execution) = operator.show(&running.task_id).await.unwrap();
    assert_eq!(
        (record.state, execution),
        (TaskState::Running, ExecutionState::Running)
    );
    let unknown = "999999".parse().unwrap();
    assert_eq!(operator.show(&unknown).await.unwrap_err().name(), "RecordMissing");
}
