//! Orders of live events: made ready, kept for weeks, on air, over; and all the ways in which they end otherwise.

use std::sync::atomic::Ordering;

use engines::CompletionToken;
use kaltura::{TaskId, TaskStatus};
use kaltura_sim::{EventSpec, Fault, FaultEffect, OrderRequest, ProfileSpec, RecordingSpec};
use pipeline::Class;
use pipeline::live::{ConnectionId, EndReason, Ended, StreamState, end, take_in};
use pipeline::ports::{Clock, Sockets, StreamStore, TaskStore};
use pipeline::record::{CHECK_JOBS_EVERY_S, FIRST_CHECK_AFTER_S, Stage, TaskState};
use pipeline::steps::claim::Claimed;
use pipeline::steps::complete::Completed;
use pipeline::steps::fail::{self, Ending};
use pipeline::steps::live::{OnAir, on_air, over};
use pipeline::steps::process::{self, ProcessInput};
use pipeline::steps::upload::{self, UploadOutcome};
use pipeline::steps::{
    EVENT_OVER_AFTER_S, OrderMessage, StepInput, claim, extend_keys, fetch, finalize, reconcile, render,
    sweep,
};
use serde_json::{Value, json};
use step_world::{CAPTIONS_URL, INGEST_URL, World, live_line, order};

const LIVE_CAPTIONS: i64 = 8;
const LIVE_TRANSLATION: i64 = 11;
const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;
const READY: i64 = 2;
const PROCESSING: i64 = 3;
const ERROR: i64 = 6;
const SCHEDULED: i64 = 9;
/// `DELETE_ONCE_PROCESSED`.
const ONCE_PROCESSED: i64 = 2;

/// An order for an event that begins so long from now and lasts an hour.
fn event(world: &World, service_feature: i64, begins_in_s: u64) -> OrderRequest {
    let start_epoch_s = world.clock.now_epoch_s() + begins_in_s;
    lasting(service_feature, start_epoch_s, HOUR_S)
}

fn lasting(service_feature: i64, start_epoch_s: u64, lasts_s: u64) -> OrderRequest {
    let mut order = OrderRequest {
        service_feature,
        task_data: Some(json!({
            "objectType": "KalturaScheduledVendorTaskData",
            "startDate": start_epoch_s,
            "endDate": start_epoch_s + lasts_s,
        })),
        ..order()
    };
    if service_feature == LIVE_TRANSLATION {
        order.catalog_item.target_language = Some("Spanish".to_owned());
    }
    order
}

/// An order whose execution waits for its event, which begins so long from now.
async fn waiting(world: &World, begins_in_s: u64) -> StepInput {
    let input = world.begin(event(world, LIVE_CAPTIONS, begins_in_s)).await;
    wait(world, &input).await;
    input
}

/// Brings an execution to its wait.
async fn wait(world: &World, input: &StepInput) {
    fetch::run(&world.ctx, input).await.unwrap();
    world.work(input, "a-token").await.unwrap();
    assert!(world.record(&input.task_id).await.accepted().is_some());
    assert!(world.states.succeeded().is_empty());
}

/// Somebody speaks, and whoever listens gets it.
async fn say(world: &World, task_id: &TaskId, sequence: u64) {
    let line = live_line("main", sequence, sequence);
    take_in(&world.ctx, task_id, &line).await.unwrap();
}

/// On air: somebody listens and has got a caption, and Kaltura knows.
async fn broadcast(world: &World, input: &StepInput) -> ConnectionId {
    let connection = world.listen(&input.task_id, "kaltura").await;
    say(world, &input.task_id, 1).await;
    assert_eq!(on_air(&world.ctx, &input.task_id).await.unwrap(), OnAir::Told);
    connection
}

/// The engine says that all has been heard.
async fn end_stream(world: &World, input: &StepInput) -> Ended {
    end(&world.ctx, &input.task_id, EndReason::EndOfStream)
        .await
        .unwrap()
}

/// An order whose event was on air, and whose stream has ended, which its execution has not been told yet.
async fn after_the_event(world: &World) -> StepInput {
    let input = waiting(world, MINUTE_S).await;
    broadcast(world, &input).await;
    end_stream(world, &input).await;
    input
}

async fn is_open(world: &World, connection: &ConnectionId) -> bool {
    world.sockets.is_open(connection).await.unwrap()
}

async fn looked(world: &World) -> (usize, usize) {
    let report = reconcile::run(&world.ctx).await.unwrap();
    assert_eq!(report.failed, 0);
    (report.looked_at, report.put_right)
}

/// The statuses that the vendor asked for, in turn.
fn statuses(world: &World, task_id: &TaskId) -> Vec<i64> {
    let calls = world.report(task_id).calls;
    let updates = calls.iter().filter(|call| call.action == "updateJob");
    updates
        .filter_map(|call| {
            let job = &call.params["entryVendorTask"]["status"];
            job.as_i64().or_else(|| job.as_str()?.parse().ok())
        })
        .collect()
}

/// What is left of a stream after its order: nothing.
async fn assert_nothing_is_left(world: &World, task_id: &TaskId) {
    assert_eq!(world.streams.load(task_id).await.unwrap(), None);
}

async fn to_the_end(world: &World, input: &StepInput) {
    render::run(&world.ctx, input).await.unwrap();
    world.upload_until_done(input).await.unwrap();
    finalize::run(&world.ctx, input).await.unwrap();
}

#[tokio::test]
async fn an_event_is_made_ready_and_its_execution_waits() {
    for (service_feature, target) in [(LIVE_CAPTIONS, None), (LIVE_TRANSLATION, Some("es"))] {
        let world = World::of_live_events(&[]).await;
        let input = world.begin(event(&world, service_feature, 3 * DAY_S)).await;
        let task_id = &input.task_id;
        let report = world.report(task_id);
        assert_eq!(report.status, SCHEDULED);
        assert_eq!(report.task["externalTaskId"], format!("{task_id}-1"));
        let tokens = world.ctx.live_tokens().unwrap();
        let feature = report.live_feature.unwrap();
        assert_eq!(feature["mediaUrl"], INGEST_URL);
        assert_eq!(feature["mediaKey"], tokens.media_key(task_id).reveal());
        assert_eq!(feature["captionToken"], tokens.caption(task_id).reveal());
        let url = feature["captionUrl"].as_str().unwrap();
        let tail = url.strip_prefix(CAPTIONS_URL).unwrap();
        assert_eq!(
            tail,
            format!("?stream={task_id}&token={}", tokens.caption(task_id).reveal())
        );
        let stream = world.streams.load(task_id).await.unwrap().unwrap();
        assert_eq!(stream.state, StreamState::Provisioned);
        let settings = stream.settings;
        assert_eq!((settings.source.bcp47.as_str(), settings.attempt), ("en", 1));
        assert_eq!(
            settings.target.as_ref().map(|target| target.bcp47.as_str()),
            target
        );
        let now_epoch_s = world.clock.now_epoch_s();
        assert_eq!(
            (settings.event_start_epoch_s, settings.event_end_epoch_s),
            (now_epoch_s + 3 * DAY_S, now_epoch_s + 3 * DAY_S + HOUR_S)
        );
        wait(&world, &input).await;
        let record = world.record(task_id).await;
        assert_eq!(record.stage(), Some(Stage::AtEvent));
        assert!(record.media.is_none(), "there was nothing to fetch");
        assert_eq!(statuses(&world, task_id), [SCHEDULED]);
    }
}

/// An order of a customer's who has used up the vendor's capacity, and of one who has not.
#[tokio::test]
async fn a_live_order_takes_no_capacity_and_waits_for_none() {
    let world = World::of_live_events(&[("CAPACITY", "1"), ("CAPACITY_PER_CUSTOMER", "1")]).await;
    world.begin(order()).await;
    for _ in 0..3 {
        world.place(event(&world, LIVE_CAPTIONS, DAY_S)).await;
    }
    world.place(order()).await;
    let report = world.poll().await;
    assert_eq!((report.kept, report.sent, report.waiting), (4, 3, 1));
    let claimed = world.claim_all().await;
    assert!(
        claimed
            .iter()
            .all(|claimed| matches!(claimed, Ok(Claimed::Started))),
        "{claimed:?}"
    );
    assert_eq!(world.poll().await.sent, 0, "the other waits for its turn");
}

#[tokio::test]
async fn live_orders_alone_leave_the_whole_capacity_to_the_others() {
    let world = World::of_live_events(&[("CAPACITY", "1"), ("CAPACITY_PER_CUSTOMER", "1")]).await;
    world.begin(event(&world, LIVE_CAPTIONS, DAY_S)).await;
    world.begin(order()).await;
}

#[tokio::test]
async fn the_first_caption_sets_processing_once() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    world.advance(MINUTE_S);
    let connection = broadcast(&world, &input).await;
    assert_eq!(world.sockets.received(&connection).len(), 1);
    for _ in 0..3 {
        assert_eq!(on_air(&world.ctx, &input.task_id).await.unwrap(), OnAir::Told);
    }
    assert_eq!(statuses(&world, &input.task_id), [SCHEDULED, PROCESSING]);
    let record = world.record(&input.task_id).await;
    assert_eq!(
        record.live.unwrap().on_air_epoch_s,
        Some(world.clock.now_epoch_s())
    );
}

/// Kaltura can't be told now: the next caption tells it.
#[tokio::test]
async fn a_failure_to_tell_is_made_up_by_the_next_caption() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    world.listen(&input.task_id, "kaltura").await;
    say(&world, &input.task_id, 1).await;
    let fault = Fault::new(FaultEffect::api("ACTION_BLOCKED"));
    let ids = world
        .sim
        .faults(vec![fault.on("reach_entryvendortask", "updateJob")]);
    let error = on_air(&world.ctx, &input.task_id).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable);
    assert_eq!(world.report(&input.task_id).status, SCHEDULED);
    world.sim.remove_fault(ids[0]);
    assert_eq!(on_air(&world.ctx, &input.task_id).await.unwrap(), OnAir::Told);
    assert_eq!(world.report(&input.task_id).status, PROCESSING);
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_order() {
    let world = World::of_live_events(&[]).await;
    let mut request = event(&world, LIVE_CAPTIONS, MINUTE_S);
    request.profile = ProfileSpec {
        content_deletion_policy: ONCE_PROCESSED,
        ..ProfileSpec::default()
    };
    let input = world.begin(request).await;
    wait(&world, &input).await;
    let connection = broadcast(&world, &input).await;
    say(&world, &input.task_id, 2).await;
    let ended = end_stream(&world, &input).await;
    assert!(!is_open(&world, &connection).await);
    for _ in 0..2 {
        let completed = over(&world.ctx, &input.task_id).await.unwrap();
        assert!(matches!(completed, Completed::Ended | Completed::NobodyWaits));
    }
    assert_eq!(world.states.succeeded(), ["a-token"]);
    let record = world.record(&input.task_id).await;
    let result = record.results().next().unwrap().clone();
    assert_eq!(result.output, "transcript");
    assert!(world.bucket.objects().keys().contains(&ended.transcript_key));
    assert_eq!(
        upload::run(&world.ctx, &input).await.unwrap(),
        UploadOutcome::Delivered { wait_s: 0 }
    );
    to_the_end(&world, &input).await;
    let report = world.report(&input.task_id);
    assert_eq!((report.status, report.refunded), (READY, false));
    assert!(
        report.assets.iter().all(|asset| !asset.by_vendor),
        "the event is all"
    );
    assert_nothing_is_left(&world, &input.task_id).await;
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
    // And the deletion policy has the rest.
    world.advance(HOUR_S);
    assert_eq!(sweep::run(&world.ctx).await.unwrap().swept, 1);
    assert_eq!(world.bucket.objects().keys(), Vec::<String>::new());
}

/// The entry that was recorded of a task's event.
fn recording(world: &World, task_id: &TaskId) -> String {
    let entry = world.report(task_id).entry;
    entry["recordedEntryId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_captions_become_those_of_the_recording_where_the_vendor_offers_that() {
    for service_feature in [LIVE_CAPTIONS, LIVE_TRANSLATION] {
        let world = World::of_live_events(&[("LIVE_CAPTIONS_ON_RECORDING", "true")]).await;
        let input = world.begin(event(&world, service_feature, MINUTE_S)).await;
        wait(&world, &input).await;
        broadcast(&world, &input).await;
        end_stream(&world, &input).await;
        assert_eq!(over(&world.ctx, &input.task_id).await.unwrap(), Completed::Ended);
        to_the_end(&world, &input).await;
        let report = world.report(&input.task_id);
        assert_eq!(report.status, READY);
        let captions: Vec<_> = report.assets.iter().filter(|asset| asset.by_vendor).collect();
        assert_eq!((captions.len(), captions[0].status), (1, READY));
        assert_eq!(report.task["outputObjectId"], captions[0].id.as_str());
        assert_eq!(captions[0].fields["entryId"], recording(&world, &input.task_id));
    }
}

/// No recording, or one that is a user's, for whom the access key may not act: the event was delivered all the same.
#[tokio::test]
async fn an_event_whose_recording_can_not_have_its_captions_is_delivered_without() {
    for (recording, cause) in [
        (RecordingSpec::Nothing, "NotRecorded"),
        (RecordingSpec::OfAUser, "RecordingClosed"),
    ] {
        let world = World::of_live_events(&[("LIVE_CAPTIONS_ON_RECORDING", "true")]).await;
        let mut request = event(&world, LIVE_CAPTIONS, MINUTE_S);
        request.event.recording = recording;
        let input = world.begin(request).await;
        wait(&world, &input).await;
        broadcast(&world, &input).await;
        end_stream(&world, &input).await;
        over(&world.ctx, &input.task_id).await.unwrap();
        render::run(&world.ctx, &input).await.unwrap();
        let error = upload::run(&world.ctx, &input).await.unwrap_err();
        assert_eq!(error.class(), Class::Terminal, "{error}");
        fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
        let report = world.report(&input.task_id);
        assert_eq!((report.status, report.refunded), (READY, false));
        let record = world.record(&input.task_id).await;
        assert_eq!(record.state, TaskState::Delivered);
        assert_eq!(
            record.failure.as_ref().map(|failure| failure.name.as_str()),
            Some(cause)
        );
        assert_nothing_is_left(&world, &input.task_id).await;
    }
}

/// The customer deletes the entry after its event: the captions were delivered, and nothing is refunded.
#[tokio::test]
async fn an_event_that_was_on_air_is_no_failure_for_its_recording() {
    let world = World::of_live_events(&[("LIVE_CAPTIONS_ON_RECORDING", "true")]).await;
    let input = after_the_event(&world).await;
    over(&world.ctx, &input.task_id).await.unwrap();
    let entry_id = world.report(&input.task_id).entry_id;
    world.sim.delete_entry(&entry_id).unwrap();
    render::run(&world.ctx, &input).await.unwrap();
    let error = upload::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!((error.class(), error.name()), (Class::Terminal, "EntryGone"));
    fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
    let report = world.report(&input.task_id);
    assert_eq!((report.status, report.refunded), (READY, false));
    let record = world.record(&input.task_id).await;
    assert_eq!(record.state, TaskState::Delivered);
    assert!(
        record
            .history
            .iter()
            .any(|entry| entry.what.contains("EntryGone"))
    );
    assert_nothing_is_left(&world, &input.task_id).await;
}

/// Nobody says that it is over: the vendor looks.
#[tokio::test]
async fn a_stream_that_nobody_ends_is_ended_after_its_event() {
    let world = World::of_live_events(&[("LIVE_GRACE_MINUTES", "30")]).await;
    let input = waiting(&world, MINUTE_S).await;
    world.advance(MINUTE_S);
    let connection = broadcast(&world, &input).await;
    world.advance(HOUR_S + 30 * MINUTE_S - 1);
    looked(&world).await;
    assert!(is_open(&world, &connection).await, "it may be late");
    world.advance(CHECK_JOBS_EVERY_S);
    assert_eq!(looked(&world).await, (1, 1));
    assert!(!is_open(&world, &connection).await);
    let last: Value = serde_json::from_str(world.sockets.received(&connection).last().unwrap()).unwrap();
    assert_eq!(last["response"]["is_end_of_stream"], true);
    assert_eq!(world.states.succeeded(), ["a-token"]);
    to_the_end(&world, &input).await;
    assert_eq!(world.report(&input.task_id).status, READY);
    assert_nothing_is_left(&world, &input.task_id).await;
}

/// A stream that ended, and a function that died before it told anybody.
#[tokio::test]
async fn an_end_that_nobody_told_is_found() {
    let world = World::of_live_events(&[]).await;
    after_the_event(&world).await;
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, (1, 1));
    assert_eq!(world.states.succeeded(), ["a-token"]);
}

/// Has the step that starts work do so, as its function does: without the streams.
async fn work_without_streams(world: &World, input: &StepInput, token: &str) {
    let mut ctx = world.ctx.clone();
    ctx.parts.streams = None;
    let input = ProcessInput {
        step: input.clone(),
        task_token: CompletionToken::new(token),
    };
    process::run(&ctx, &input).await.unwrap();
}

/// The task is parked, or its execution on its way to the wait: it goes on as soon as it comes there, and nobody has to look.
#[tokio::test]
async fn an_end_while_nobody_waits_is_known_to_whoever_comes_to_wait() {
    for is_parked in [true, false] {
        let world = World::of_live_events(&[]).await;
        let mut input = world.begin(event(&world, LIVE_CAPTIONS, MINUTE_S)).await;
        if is_parked {
            wait(&world, &input).await;
        }
        broadcast(&world, &input).await;
        if is_parked {
            fail::run(&world.ctx, &input, Ending::Parked).await.unwrap();
        }
        end_stream(&world, &input).await;
        for _ in 0..2 {
            assert_eq!(
                over(&world.ctx, &input.task_id).await.unwrap(),
                Completed::NobodyWaits
            );
        }
        if is_parked {
            world.advance(HOUR_S / 4);
            world.poll().await;
            world.claim_all().await;
            input.attempt = 2;
        }
        work_without_streams(&world, &input, "the-token").await;
        assert_eq!(world.states.succeeded(), ["the-token"], "parked: {is_parked}");
        to_the_end(&world, &input).await;
        assert_eq!(world.report(&input.task_id).status, READY);
    }
}

/// It ends while its task is parked and a reader is away, who has come back for the rest by the time that it goes on.
#[tokio::test]
async fn an_end_that_a_reader_missed_is_known_once_it_may_not_come_back_any_more() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    let connection = broadcast(&world, &input).await;
    fail::run(&world.ctx, &input, Ending::Parked).await.unwrap();
    world.sockets.lose(&connection);
    say(&world, &input.task_id, 2).await;
    end_stream(&world, &input).await;
    over(&world.ctx, &input.task_id).await.unwrap();
    assert!(!world.record(&input.task_id).await.live.unwrap().is_over);
    world.advance(HOUR_S / 4);
    world.poll().await;
    world.claim_all().await;
    let input = StepInput { attempt: 2, ..input };
    work_without_streams(&world, &input, "the-token").await;
    assert_eq!(world.states.succeeded(), ["the-token"]);
}

/// The reader was lost in the last second: it comes back for the rest, and until then the stream is there.
#[tokio::test]
async fn the_stream_stays_as_long_as_a_reader_may_come_back_for_the_rest() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    let connection = broadcast(&world, &input).await;
    world.sockets.lose(&connection);
    say(&world, &input.task_id, 2).await;
    end_stream(&world, &input).await;
    assert_eq!(
        over(&world.ctx, &input.task_id).await.unwrap(),
        Completed::Running
    );
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, (1, 1));
    assert_eq!(world.states.succeeded(), ["a-token"]);
}

#[tokio::test]
async fn an_event_that_was_never_on_air_is_refunded_an_hour_after_its_end() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    let connection = world.listen(&input.task_id, "kaltura").await;
    world.advance(MINUTE_S + HOUR_S + EVENT_OVER_AFTER_S - 1);
    looked(&world).await;
    assert_eq!(
        world.report(&input.task_id).status,
        SCHEDULED,
        "it may begin late"
    );
    world.advance(CHECK_JOBS_EVERY_S);
    assert_eq!(looked(&world).await, (1, 1));
    let report = world.report(&input.task_id);
    assert_eq!((report.status, report.refunded), (ERROR, true));
    let record = world.record(&input.task_id).await;
    assert_eq!(record.failure.unwrap().name, "EventOver");
    assert_eq!(world.states.stopped(), [(input.task_id.clone(), 1)]);
    assert!(!is_open(&world, &connection).await);
    assert_nothing_is_left(&world, &input.task_id).await;
}

/// Words came, and nobody of Kaltura's ever listened: the customer got nothing.
#[tokio::test]
async fn a_stream_that_nobody_listened_to_is_no_delivery() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    say(&world, &input.task_id, 1).await;
    end_stream(&world, &input).await;
    assert_eq!(
        over(&world.ctx, &input.task_id).await.unwrap(),
        Completed::Running
    );
    world.advance(MINUTE_S + HOUR_S + EVENT_OVER_AFTER_S);
    looked(&world).await;
    assert_eq!(world.report(&input.task_id).status, ERROR);
    assert_nothing_is_left(&world, &input.task_id).await;
}

/// Captions were handed out and Kaltura could not be told until the end: it is told then, and the order is delivered.
#[tokio::test]
async fn what_kaltura_was_never_told_is_told_before_ready() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    world.listen(&input.task_id, "kaltura").await;
    say(&world, &input.task_id, 1).await;
    world.advance(MINUTE_S + HOUR_S + EVENT_OVER_AFTER_S);
    assert_eq!(looked(&world).await, (1, 1));
    to_the_end(&world, &input).await;
    let statuses = statuses(&world, &input.task_id);
    assert_eq!(statuses.first(), Some(&SCHEDULED));
    assert_eq!(statuses.last(), Some(&READY));
    assert!(statuses.contains(&PROCESSING), "{statuses:?}");
}

/// A claim that comes late sets SCHEDULED again: from there READY would say that nothing was ever on air.
#[tokio::test]
async fn an_event_that_was_on_air_is_processing_before_it_is_ready() {
    let world = World::of_live_events(&[]).await;
    let input = after_the_event(&world).await;
    over(&world.ctx, &input.task_id).await.unwrap();
    crate::events::set(&world, &input.task_id, TaskStatus::Scheduled).await;
    let before = world.record(&input.task_id).await;
    to_the_end(&world, &input).await;
    assert!(statuses(&world, &input.task_id).ends_with(&[SCHEDULED, PROCESSING, READY]));

    // The answer of READY was lost, and the step comes again.
    world.lose_end(&before).await;
    finalize::run(&world.ctx, &input).await.unwrap();
    assert_eq!(world.report(&input.task_id).status, READY);
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
}

#[tokio::test]
async fn an_order_that_is_withdrawn_while_it_waits_is_cleaned_up() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, 10 * DAY_S).await;
    let connection = world.listen(&input.task_id, "kaltura").await;
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, (1, 1));
    let record = world.record(&input.task_id).await;
    assert_eq!(record.state, TaskState::Gone);
    assert_eq!(world.states.stopped(), [(input.task_id.clone(), 1)]);
    assert!(!is_open(&world, &connection).await);
    assert_nothing_is_left(&world, &input.task_id).await;
}

/// The extension of its key is the first to notice: it leaves the closing to reconcile, which comes for it at once.
#[tokio::test]
async fn a_key_that_can_not_be_extended_has_the_order_closed() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, 10 * DAY_S).await;
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    let report = extend_keys::one(&world.ctx, &input.task_id).await.unwrap();
    assert_eq!((report.extended, report.gone), (0, 1));
    assert_eq!(looked(&world).await, (1, 1));
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Gone);
    assert_nothing_is_left(&world, &input.task_id).await;
}

/// Withdrawn in the last minute, and the first caption is what finds out.
#[tokio::test]
async fn a_first_caption_of_a_withdrawn_order_closes_its_stream() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    let connection = world.listen(&input.task_id, "kaltura").await;
    say(&world, &input.task_id, 1).await;
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    for _ in 0..2 {
        assert_eq!(on_air(&world.ctx, &input.task_id).await.unwrap(), OnAir::Gone);
    }
    assert!(!is_open(&world, &connection).await);
    assert_nothing_is_left(&world, &input.task_id).await;
    let failed = world.states.failed();
    let expected = ("a-token".to_owned(), Class::Gone);
    assert!(
        !failed.is_empty() && failed.iter().all(|one| *one == expected),
        "{failed:?}"
    );
    // As the state machine goes on by that.
    fail::run(&world.ctx, &input, Ending::Gone).await.unwrap();
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Gone);
    assert_eq!(on_air(&world.ctx, &input.task_id).await.unwrap(), OnAir::Gone);
}

#[tokio::test]
async fn an_event_that_is_moved_takes_its_order_with_it() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, HOUR_S).await;
    let start_epoch_s = world.clock.now_epoch_s() + 5 * DAY_S;
    let moved = |by: u64| i64::try_from(start_epoch_s + by).unwrap();
    world
        .sim
        .move_event(&input.task_id.as_str().into(), moved(0), moved(2 * HOUR_S))
        .unwrap();
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, (1, 0));
    let settings = world
        .streams
        .load(&input.task_id)
        .await
        .unwrap()
        .unwrap()
        .settings;
    assert_eq!(
        (settings.event_start_epoch_s, settings.event_end_epoch_s),
        (start_epoch_s, start_epoch_s + 2 * HOUR_S)
    );
    let history = world.record(&input.task_id).await.history;
    let notes = history.iter().filter(|entry| entry.what.contains("was moved"));
    assert_eq!(notes.count(), 1);
    // Over by its former times, and yet to come by its present ones.
    world.advance(DAY_S);
    assert_eq!(looked(&world).await, (1, 0));
    assert_eq!(world.report(&input.task_id).status, SCHEDULED);
    world.advance(4 * DAY_S);
    broadcast(&world, &input).await;
    looked(&world).await;
    assert!(world.states.succeeded().is_empty());
    world.advance(3 * HOUR_S);
    looked(&world).await;
    assert_eq!(world.states.succeeded(), ["a-token"]);
}

/// An event that its customer makes longer while it is on air.
#[tokio::test]
async fn an_event_that_is_made_longer_goes_on() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    world.advance(MINUTE_S);
    let start = i64::try_from(world.clock.now_epoch_s()).unwrap();
    let connection = broadcast(&world, &input).await;
    world
        .sim
        .move_event(&input.task_id.as_str().into(), start, start + 3 * 3_600)
        .unwrap();
    world.advance(2 * HOUR_S);
    looked(&world).await;
    assert!(is_open(&world, &connection).await);
    say(&world, &input.task_id, 2).await;
    assert_eq!(world.sockets.received(&connection).len(), 2);
}

#[tokio::test]
async fn an_event_that_will_not_take_place_is_refunded_with_the_reason() {
    for is_deleted in [false, true] {
        let world = World::of_live_events(&[]).await;
        let input = waiting(&world, DAY_S).await;
        let id = input.task_id.as_str().into();
        if is_deleted {
            world.sim.delete_event(&id).unwrap();
        } else {
            world.sim.cancel_event(&id).unwrap();
        }
        world.advance(FIRST_CHECK_AFTER_S);
        assert_eq!(looked(&world).await, (1, 1));
        let report = world.report(&input.task_id);
        assert_eq!((report.status, report.refunded), (ERROR, true));
        let told = report.task["errDescription"].as_str().unwrap();
        assert!(told.contains("was cancelled"), "{told}");
        assert_nothing_is_left(&world, &input.task_id).await;
    }
}

/// On air, it is what it is: customers delete events that are over, and nothing is refunded for it.
#[tokio::test]
async fn an_event_that_is_deleted_while_it_is_on_air_goes_on_to_its_end() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    let connection = broadcast(&world, &input).await;
    world.sim.delete_event(&input.task_id.as_str().into()).unwrap();
    world.advance(FIRST_CHECK_AFTER_S);
    assert_eq!(looked(&world).await, (1, 0));
    assert!(is_open(&world, &connection).await);
    world.advance(2 * HOUR_S);
    assert_eq!(looked(&world).await, (1, 1));
    to_the_end(&world, &input).await;
    assert_eq!(world.report(&input.task_id).status, READY);
}

/// Refused before anything is made ready, with a text for the customer.
#[tokio::test]
async fn an_order_that_can_not_be_served_is_refused_before_anything_is_made_ready() {
    let world = World::of_live_events(&[]).await;
    let now_epoch_s = world.clock.now_epoch_s();
    let no_live_stream = OrderRequest {
        event: EventSpec {
            is_no_live_stream: true,
            ..EventSpec::default()
        },
        ..event(&world, LIVE_CAPTIONS, DAY_S)
    };
    let mut in_no_language = event(&world, LIVE_CAPTIONS, DAY_S);
    in_no_language.catalog_item.source_language = "English (ASL)".to_owned();
    let mut into_no_language = event(&world, LIVE_TRANSLATION, DAY_S);
    into_no_language.catalog_item.target_language = Some("Hebrew".to_owned());
    let cases = [
        (no_live_stream, "EventNotLive"),
        (
            lasting(LIVE_CAPTIONS, now_epoch_s - 2 * HOUR_S, HOUR_S),
            "EventOver",
        ),
        (
            lasting(LIVE_CAPTIONS, now_epoch_s + HOUR_S, 13 * HOUR_S),
            "EventTooLong",
        ),
        (lasting(LIVE_CAPTIONS, now_epoch_s + HOUR_S, 0), "NoEvent"),
        (in_no_language, "UnusableLanguage"),
        (into_no_language, "PairNotServed"),
    ];
    for (request, cause) in cases {
        refused(&world, request, cause, |_| {}).await;
    }
    // An engine that translates, and not while somebody speaks.
    world.engine.interprets.store(false, Ordering::SeqCst);
    let translation = event(&world, LIVE_TRANSLATION, DAY_S);
    refused(&world, translation, "PairNotServed", |_| {}).await;
    let gone = event(&world, LIVE_CAPTIONS, DAY_S);
    refused(&world, gone, "EventUnknown", |task_id| {
        world.sim.delete_event(&task_id.as_str().into()).unwrap();
    })
    .await;
}

async fn refused(world: &World, request: OrderRequest, cause: &str, before: impl Fn(&TaskId)) {
    let task_id = world.place(request).await;
    before(&task_id);
    world.poll().await;
    let claimed = world.claim_all().await;
    assert!(
        matches!(claimed.as_slice(), [Ok(Claimed::Refused)]),
        "{cause}: {claimed:?}"
    );
    let failure = world.record(&task_id).await.failure.unwrap();
    assert_eq!(failure.name, cause);
    let report = world.report(&task_id);
    assert_eq!((report.status, report.refunded), (ERROR, true), "{cause}");
    assert_eq!(report.task["errDescription"], failure.customer_text);
    assert_eq!(world.streams.load(&task_id).await.unwrap(), None, "{cause}");
    let calls: Vec<_> = report.calls.iter().map(|call| call.action.as_str()).collect();
    assert!(!calls.contains(&"updateLiveFeature"), "{cause}");
}

/// The lock of the event is held by somebody else: the message comes again.
#[tokio::test]
async fn a_feature_that_is_locked_is_filled_later() {
    let world = World::of_live_events(&[]).await;
    let task_id = world.place(event(&world, LIVE_CAPTIONS, DAY_S)).await;
    let fault = Fault::new(FaultEffect::api("CANNOT_UPDATE_SCHEDULE_EVENT_FEATURE"));
    let ids = world
        .sim
        .faults(vec![fault.on("schedule_scheduleevent", "updateLiveFeature")]);
    world.poll().await;
    let message = OrderMessage {
        task_id: task_id.clone(),
    };
    let error = claim::run(&world.ctx, &message).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable);
    assert_eq!(
        world.report(&task_id).status,
        1,
        "not SCHEDULED before it is ready"
    );
    let before = world.streams.load(&task_id).await.unwrap().unwrap();
    world.sim.remove_fault(ids[0]);
    assert_eq!(claim::run(&world.ctx, &message).await.unwrap(), Claimed::Started);
    assert_eq!(world.report(&task_id).status, SCHEDULED);
    assert_eq!(
        world.streams.load(&task_id).await.unwrap(),
        Some(before),
        "the same"
    );
}

/// The server has no feature for a task that is alive: nothing that waiting would mend.
#[tokio::test]
async fn an_event_without_a_feature_for_the_order_is_refused_and_a_withdrawn_order_is_gone() {
    let world = World::of_live_events(&[]).await;
    let fault = || {
        let fault = Fault::new(FaultEffect::api("FEATURE_NAME_NOT_FOUND"));
        fault.on("schedule_scheduleevent", "updateLiveFeature")
    };
    world.sim.faults(vec![fault()]);
    let task_id = world.place(event(&world, LIVE_CAPTIONS, DAY_S)).await;
    world.poll().await;
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::Refused)]
    ));
    let failure = world.record(&task_id).await.failure.unwrap();
    assert_eq!(failure.name, "NoLiveFeature");
    assert_nothing_is_left(&world, &task_id).await;
}

/// A task that Kaltura resets begins anew: what its former life had goes, whoever listens to it.
#[tokio::test]
async fn a_reset_order_is_made_ready_afresh() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, DAY_S).await;
    let connection = broadcast(&world, &input).await;
    world.advance(5);
    world.sim.reset_order(&input.task_id.as_str().into()).unwrap();
    world.advance(5);
    assert_eq!(world.poll().await.kept, 1);
    let claimed = world.claim_all().await;
    assert!(
        matches!(claimed.as_slice(), [Ok(Claimed::Started)]),
        "{claimed:?}"
    );
    let stream = world.streams.load(&input.task_id).await.unwrap().unwrap();
    assert_eq!(
        (stream.settings.attempt, stream.state, stream.next_seq),
        (2, StreamState::Provisioned, 1)
    );
    assert!(!is_open(&world, &connection).await);
    assert_eq!(world.report(&input.task_id).status, SCHEDULED);
    let record = world.record(&input.task_id).await;
    assert_eq!(record.live.unwrap().on_air_epoch_s, None);
    // Its result is another, too.
    let input = StepInput { attempt: 2, ..input };
    wait(&world, &input).await;
}

/// Parked in the midst of its event: the stream goes on, and the next attempt goes on with it.
#[tokio::test]
async fn a_parked_order_keeps_its_stream() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    let connection = broadcast(&world, &input).await;
    fail::run(&world.ctx, &input, Ending::Parked).await.unwrap();
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Parked);
    say(&world, &input.task_id, 2).await;
    world.advance(HOUR_S / 4);
    world.poll().await;
    let claimed = world.claim_all().await;
    assert!(
        matches!(claimed.as_slice(), [Ok(Claimed::Started)]),
        "{claimed:?}"
    );
    assert_eq!(
        world.report(&input.task_id).status,
        PROCESSING,
        "never SCHEDULED again"
    );
    let input = StepInput { attempt: 2, ..input };
    world.work(&input, "another-token").await.unwrap();
    say(&world, &input.task_id, 3).await;
    assert_eq!(world.sockets.received(&connection).len(), 3);
    end_stream(&world, &input).await;
    assert_eq!(over(&world.ctx, &input.task_id).await.unwrap(), Completed::Ended);
    assert_eq!(world.states.succeeded(), ["another-token"]);
}

/// A vendor that gives up after a day does not give up an order of next month.
#[tokio::test]
async fn what_is_given_up_counts_from_the_events_end() {
    let world = World::of_live_events(&[("GIVE_UP_AFTER_HOURS", "24")]).await;
    let input = waiting(&world, 20 * DAY_S).await;
    world.advance(10 * DAY_S);
    fail::run(&world.ctx, &input, Ending::Parked).await.unwrap();
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Parked);
}

/// Weeks of waiting: the key never dies, and nothing is done but to look.
#[tokio::test]
async fn the_key_is_kept_alive_for_weeks() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, 40 * DAY_S).await;
    let first_key = world.record(&input.task_id).await.access_key;
    for _ in 0..40 * 2 {
        world.advance(DAY_S / 2);
        extend_keys::run(&world.ctx).await.unwrap();
        looked(&world).await;
        let record = world.record(&input.task_id).await;
        assert!(record.key_expires_epoch_s > world.clock.now_epoch_s());
        assert_eq!(record.state, TaskState::Running);
    }
    assert_ne!(world.record(&input.task_id).await.access_key, first_key);
    assert!(world.states.stopped().is_empty(), "it is not overdue");
    let _ = broadcast(&world, &input).await;
    assert_eq!(statuses(&world, &input.task_id), [SCHEDULED, PROCESSING]);
}

/// Each hour while its event is far, each ten minutes once it is near.
#[tokio::test]
async fn an_order_is_looked_at_more_often_as_its_event_comes_near() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, 4 * HOUR_S).await;
    let mut minutes = Vec::new();
    for _ in 0..12 {
        let at_epoch_s = world.record(&input.task_id).await.check_at_epoch_s.unwrap();
        let pause_s = at_epoch_s - world.clock.now_epoch_s();
        minutes.push(pause_s / MINUTE_S);
        world.advance(pause_s);
        assert_eq!(looked(&world).await, (1, 0));
    }
    assert_eq!(minutes, [10, 60, 60, 50, 10, 10, 10, 10, 10, 10, 10, 10]);
}

/// A task that stayed PENDING until its key was dead is SCHEDULED first, never PROCESSING: nothing is on air.
#[tokio::test]
async fn an_order_with_a_dead_key_is_scheduled_first() {
    let world = World::of_live_events(&[]).await;
    let task_id = world.place(event(&world, LIVE_CAPTIONS, 20 * DAY_S)).await;
    world.advance(8 * DAY_S);
    world.poll().await;
    let claimed = world.claim_all().await;
    assert!(
        matches!(claimed.as_slice(), [Ok(Claimed::Started)]),
        "{claimed:?}"
    );
    assert_eq!(statuses(&world, &task_id), [SCHEDULED, SCHEDULED]);
    assert!(
        world
            .report(&task_id)
            .live_feature
            .unwrap()
            .contains_key("mediaUrl")
    );
}

/// The event is quicker than the claim's last write: its first caption counts.
#[tokio::test]
async fn a_first_caption_before_the_claim_has_ended_is_not_taken_back() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    broadcast(&world, &input).await;
    // As if the claim had died before its last write, and its message came again.
    let mut record = world.record(&input.task_id).await;
    record.state = TaskState::Queued;
    assert!(world.table.save(&mut record).await.unwrap());
    let message = OrderMessage {
        task_id: input.task_id.clone(),
    };
    assert_eq!(claim::run(&world.ctx, &message).await.unwrap(), Claimed::Started);
    assert_eq!(world.report(&input.task_id).status, PROCESSING);
}

/// A claim that was overtaken left the task SCHEDULED: it is put right while it is on air.
#[tokio::test]
async fn a_task_that_is_scheduled_while_it_is_on_air_is_put_right() {
    let world = World::of_live_events(&[]).await;
    let input = waiting(&world, MINUTE_S).await;
    broadcast(&world, &input).await;
    crate::events::set(&world, &input.task_id, TaskStatus::Scheduled).await;
    world.advance(FIRST_CHECK_AFTER_S);
    looked(&world).await;
    assert_eq!(world.report(&input.task_id).status, PROCESSING);
}

/// A wait that is completed twice, a word that comes for a task that is over, a stream of nobody's.
#[tokio::test]
async fn what_is_told_of_tasks_that_nobody_waits_for_changes_nothing() {
    let world = World::of_live_events(&[]).await;
    let stranger: TaskId = "1".parse().unwrap();
    assert_eq!(over(&world.ctx, &stranger).await.unwrap(), Completed::NobodyWaits);
    assert_eq!(
        on_air(&world.ctx, &stranger).await.unwrap_err().name(),
        "RecordMissing"
    );
    let input = world.begin(event(&world, LIVE_CAPTIONS, MINUTE_S)).await;
    assert_eq!(
        over(&world.ctx, &input.task_id).await.unwrap(),
        Completed::NobodyWaits,
        "it does not wait yet"
    );
}

/// No answer about an event is no word that it was cancelled: nobody is refunded, and Kaltura is asked again.
#[tokio::test]
async fn an_event_that_can_not_be_asked_for_now_ends_no_order() {
    for fault in [
        FaultEffect::HttpStatus { status: 503 },
        FaultEffect::api("ACTION_BLOCKED"),
    ] {
        let world = World::of_live_events(&[]).await;
        let down = Fault::new(fault).on("schedule_scheduleevent", "get");
        let down = world.sim.faults(vec![down]);
        let task_id = world.place(event(&world, LIVE_CAPTIONS, DAY_S)).await;
        world.poll().await;
        let message = OrderMessage {
            task_id: task_id.clone(),
        };
        let error = claim::run(&world.ctx, &message).await.unwrap_err();
        assert_eq!(error.class(), Class::Retryable, "{error}");
        assert_eq!(world.report(&task_id).status, 1, "PENDING");
        world.sim.remove_fault(down[0]);
        assert_eq!(claim::run(&world.ctx, &message).await.unwrap(), Claimed::Started);
        let input = StepInput { task_id, attempt: 1 };
        wait(&world, &input).await;

        world.sim.faults(vec![
            Fault::new(FaultEffect::api("ACTION_BLOCKED")).on("schedule_scheduleevent", "get"),
        ]);
        world.advance(FIRST_CHECK_AFTER_S);
        let report = reconcile::run(&world.ctx).await.unwrap();
        assert_eq!((report.looked_at, report.put_right, report.failed), (1, 0, 1));
        let report = world.report(&input.task_id);
        assert_eq!((report.status, report.refunded), (SCHEDULED, false));
        assert_eq!(world.record(&input.task_id).await.state, TaskState::Running);
        assert!(world.states.stopped().is_empty());
        assert!(world.streams.load(&input.task_id).await.unwrap().is_some());
        world.sim.clear_faults();
        world.advance(HOUR_S);
        assert_eq!(looked(&world).await, (1, 0));
    }
}

/// Whoever tells an end again, later or after the order's own, changes nothing by it.
#[tokio::test]
async fn an_end_that_is_told_again_writes_nothing() {
    let world = World::of_live_events(&[]).await;
    let input = after_the_event(&world).await;
    assert_eq!(over(&world.ctx, &input.task_id).await.unwrap(), Completed::Ended);
    let before = world.record(&input.task_id).await;
    assert_eq!(
        over(&world.ctx, &input.task_id).await.unwrap(),
        Completed::NobodyWaits
    );
    assert_eq!(world.record(&input.task_id).await, before);
    to_the_end(&world, &input).await;
    let before = world.record(&input.task_id).await;
    assert_eq!(
        over(&world.ctx, &input.task_id).await.unwrap(),
        Completed::NobodyWaits
    );
    assert_eq!(world.record(&input.task_id).await, before);
    assert_eq!(world.states.succeeded(), ["a-token"], "completed once");
}

/// Only a recording that is a user's is closed to the access key. Whatever else keeps the captions from it is tried again: an order
/// that was READY without them could never get them.
#[tokio::test]
async fn a_recording_that_can_not_be_written_to_now_is_not_given_up() {
    let world = World::of_live_events(&[("LIVE_CAPTIONS_ON_RECORDING", "true")]).await;
    let input = after_the_event(&world).await;
    over(&world.ctx, &input.task_id).await.unwrap();
    render::run(&world.ctx, &input).await.unwrap();
    for (code, class) in [
        // As of a key that is dead, and as of a permission that is missing.
        ("INVALID_KS", Class::Retryable),
        ("SERVICE_FORBIDDEN", Class::Fault),
    ] {
        let fault = Fault::new(FaultEffect::api(code));
        world.sim.faults(vec![fault.on("caption_captionasset", "add")]);
        let error = upload::run(&world.ctx, &input).await.unwrap_err();
        assert_eq!((error.name(), error.class()), (code, class), "{error}");
        world.sim.clear_faults();
    }
    to_the_end(&world, &input).await;
    let report = world.report(&input.task_id);
    assert_eq!(report.status, READY);
    let captions: Vec<_> = report.assets.iter().filter(|asset| asset.by_vendor).collect();
    assert_eq!(captions.len(), 1);
    assert_eq!(captions[0].fields["entryId"], recording(&world, &input.task_id));
}

/// That nobody ended a stream is told apart from that nobody told of its end.
#[tokio::test]
async fn a_stream_that_had_to_be_ended_is_told_by_its_name() {
    for (is_ended, counted) in [(false, "Reconciled StreamEnded"), (true, "Reconciled Untold")] {
        let measured = crate::life::Measured::default();
        let world = World::of_live_events(&[]).await;
        let input = waiting(&world, MINUTE_S).await;
        broadcast(&world, &input).await;
        if is_ended {
            end_stream(&world, &input).await;
            world.advance(FIRST_CHECK_AFTER_S);
        } else {
            world.advance(DAY_S);
        }
        let _measuring = metrics::set_default_local_recorder(&measured);
        assert_eq!(looked(&world).await, (1, 1));
        assert_eq!(measured.count(counted), 1, "{measured:?}");
        assert_eq!(world.states.succeeded(), ["a-token"]);
    }
}
