//! An order's way, and what must hold on it when steps are repeated.

use captions::CaptionFormat;
use kaltura_sim::{AssetKind, CatalogItemSpec, Fault, FaultEffect, ProfileSpec};
use pipeline::Class;
use pipeline::record::TaskState;
use pipeline::steps::claim::Claimed;
use pipeline::steps::{OrderMessage, StepInput, claim, extend_keys, fetch, finalize, upload};

use crate::world::{World, order};

fn fields(world: &World, input: &StepInput) -> serde_json::Value {
    let report = world.report(&input.task_id);
    let asset = report
        .delivered(AssetKind::Caption)
        .next()
        .expect("a caption was delivered");
    let kept = [
        "format",
        "fileExt",
        "accuracy",
        "language",
        "isDefault",
        "displayOnPlayer",
        "label",
        "partnerData",
        "status",
    ];
    kept.iter()
        .map(|name| ((*name).to_owned(), asset.fields[*name].clone()))
        .collect()
}

#[tokio::test]
async fn an_order_is_delivered_in_the_format_it_asks_for() {
    for (number, format) in [
        ("1", CaptionFormat::Srt),
        ("2", CaptionFormat::Dfxp),
        ("3", CaptionFormat::Vtt),
    ] {
        let world = World::new().await;
        let mut request = order();
        request.catalog_item.output_format = Some(number.into());
        let input = world.begin(request).await;
        world.run_to_the_end(&input).await;

        let report = world.report(&input.task_id);
        assert_eq!(report.status, 2, "READY");
        assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
        let captions: Vec<_> = report.delivered(AssetKind::Caption).collect();
        assert_eq!(captions.len(), 1);
        let file = std::fs::read(captions[0].file.as_ref().unwrap()).unwrap();
        let cues = captions::read(format, &file).unwrap();
        let text: Vec<String> = cues.iter().map(|cue| cue.lines.join(" ")).collect();
        assert_eq!(text.join(" "), "Captions are made for everybody who watches.");
        assert_eq!(
            report.task["outputObjectId"],
            serde_json::json!(captions[0].id.to_string())
        );
        assert_eq!(report.task["accuracy"], 90);
        assert_eq!(world.states.succeeded(), ["a-token"]);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_suffix(number);
        settings.add_filter(&format!("\\b{}\\b", input.task_id), "[task]");
        settings.bind(|| insta::assert_json_snapshot!("caption_asset", fields(&world, &input)));
    }
}

#[tokio::test]
async fn the_calls_of_an_order_are_few_and_in_order() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.run_to_the_end(&input).await;
    let calls: Vec<String> = world
        .report(&input.task_id)
        .calls
        .iter()
        .filter(|call| call.service.contains('_') || call.service == "baseentry")
        .map(|call| format!("{}.{} by {:?}", call.service, call.action, call.ks_kind))
        .collect();
    let mut looks = calls.clone();
    looks.dedup();
    insta::assert_snapshot!(looks.join("\n"));
}

#[tokio::test]
async fn every_step_may_be_repeated() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    for _ in 0..2 {
        fetch::run(&world.ctx, &input).await.unwrap();
    }
    for _ in 0..2 {
        world.process(&input).await.unwrap();
    }
    for _ in 0..2 {
        world.upload_until_done(&input).await.unwrap();
    }
    finalize::run(&world.ctx, &input).await.unwrap();
    assert_eq!(
        finalize::run(&world.ctx, &input).await.unwrap_err().class(),
        Class::Gone,
        "it has ended"
    );
    let report = world.report(&input.task_id);
    assert_eq!(report.delivered(AssetKind::Caption).count(), 1);
    assert_eq!(
        report
            .calls
            .iter()
            .filter(|call| call.action == "setContent")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_second_message_of_a_task_starts_nothing() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.queue_again(&input).await;
    let again = world.claim_all().await;
    assert!(
        matches!(again.as_slice(), [Ok(Claimed::NothingToDo)]),
        "{again:?}"
    );
    assert_eq!(world.states.started().len(), 1);
}

/// The claim died before its execution had begun: its message comes again.
#[tokio::test]
async fn a_second_message_makes_up_for_a_start_that_was_lost() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.states.forget(&input.task_id, 1);
    world.queue_again(&input).await;
    world.claim_all().await;
    assert_eq!(world.states.started(), [(input.task_id.clone(), 1)]);
}

/// Each look costs a call, and a task that has ended can't be read any more: what the record knows, Kaltura is not asked for.
#[tokio::test]
async fn for_a_second_message_kaltura_is_not_asked() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let message = OrderMessage {
        task_id: input.task_id.clone(),
    };
    let doubled = async || {
        let before = world.sim.calls().len();
        let claimed = claim::run(&world.ctx, &message).await.unwrap();
        assert_eq!(claimed, Claimed::NothingToDo);
        assert_eq!(world.sim.calls().len(), before);
    };
    doubled().await;
    world.run_to_the_end(&input).await;
    doubled().await;
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
}

#[tokio::test]
async fn an_add_whose_answer_was_lost_makes_no_second_asset() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    world.sim.faults(vec![
        Fault::new(FaultEffect::ReplyLost)
            .on("caption_captionasset", "add")
            .times(1),
    ]);
    let lost = upload::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(lost.class(), Class::Retryable);
    world.upload_until_done(&input).await.unwrap();
    let report = world.report(&input.task_id);
    assert_eq!(report.delivered(AssetKind::Caption).count(), 1);
    assert_eq!(
        report
            .calls
            .iter()
            .filter(|call| call.action == "add" && call.service.contains("caption"))
            .count(),
        1
    );
}

/// A list that gets no answer says nothing: another asset is added only where the server forbids to look.
#[tokio::test]
async fn an_add_that_can_not_be_looked_for_now_is_looked_for_later() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    let on = |effect, action| Fault::new(effect).on("caption_captionasset", action);
    let down = FaultEffect::HttpStatus { status: 503 };
    world
        .sim
        .faults(vec![on(FaultEffect::ReplyLost, "add").times(1), on(down, "list")]);
    for _ in 0..3 {
        let error = upload::run(&world.ctx, &input).await.unwrap_err();
        assert_eq!(error.class(), Class::Retryable, "{error}");
    }
    assert_eq!(made(&world, &input, "add"), 1);
    world.sim.clear_faults();
    world.upload_until_done(&input).await.unwrap();
    assert_eq!(
        world.report(&input.task_id).delivered(AssetKind::Caption).count(),
        1
    );
}

/// Where the server lets nobody look, another asset is added; the empty one stays, and the record says so.
#[tokio::test]
async fn an_add_that_can_not_be_looked_for_leaves_an_empty_asset_on_record() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    let forbidden = FaultEffect::api("SERVICE_FORBIDDEN");
    world.sim.faults(vec![
        Fault::new(FaultEffect::ReplyLost)
            .on("caption_captionasset", "add")
            .times(1),
        Fault::new(forbidden).on("caption_captionasset", "list"),
    ]);
    upload::run(&world.ctx, &input).await.unwrap_err();
    world.upload_until_done(&input).await.unwrap();
    let report = world.report(&input.task_id);
    let mut statuses: Vec<i64> = report
        .delivered(AssetKind::Caption)
        .map(|asset| asset.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 2], "one QUEUED, one READY");
    assert_eq!(
        world.record(&input.task_id).await.deliverables[0].abandoned_adds,
        1
    );
}

#[tokio::test]
async fn a_refused_import_is_signed_afresh_and_goes_up_by_token_in_the_end() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    *world.bucket.signature.lock().unwrap() = "expired".into();
    world.upload_until_done(&input).await.unwrap();
    let record = world.record(&input.task_id).await;
    let import = &record.deliverables[0].import;
    assert_eq!(import.url_tries, upload::URL_TRIES);
    assert!(import.by_upload_token);
    assert!(
        import
            .last_failure
            .as_deref()
            .is_some_and(|text| text.contains("403")),
        "{import:?}"
    );
    let report = world.report(&input.task_id);
    assert_eq!(report.delivered(AssetKind::Caption).count(), 1);
    assert_eq!(
        report
            .calls
            .iter()
            .filter(|call| call.action == "setContent")
            .count(),
        4
    );
}

#[tokio::test]
async fn an_import_that_runs_is_left_alone_and_given_up_on_in_the_end() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    world.sim.faults(vec![Fault::new(FaultEffect::ImportStuck)]);
    for _ in 0..20 {
        upload::run(&world.ctx, &input).await.unwrap();
    }
    let set = world
        .report(&input.task_id)
        .calls
        .iter()
        .filter(|call| call.action == "setContent")
        .count();
    assert_eq!(set, 1, "never a second setContent while one is importing");
    world.advance(upload::IMPORT_LONGEST_S);
    upload::run(&world.ctx, &input).await.unwrap();
    assert_eq!(made(&world, &input, "delete"), 0, "so long it may take");
    world.advance(1);
    world.upload_until_done(&input).await.unwrap();
    assert_eq!(made(&world, &input, "delete"), 1);
    let report = world.report(&input.task_id);
    let mut statuses: Vec<i64> = report
        .delivered(AssetKind::Caption)
        .map(|asset| asset.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(
        statuses,
        [2, 3],
        "READY, and the one that was given up is DELETED"
    );
    let delivered = world.record(&input.task_id).await.deliverables.remove(0);
    assert!(
        delivered.import.by_upload_token && delivered.ready,
        "{delivered:?}"
    );
}

fn made(world: &World, input: &StepInput, action: &str) -> usize {
    let calls = world.report(&input.task_id).calls;
    calls.iter().filter(|call| call.action == action).count()
}

/// It may still come to an end, late: what was deleted stays so.
#[tokio::test]
async fn an_import_that_ends_after_it_was_given_up_is_seen_by_nobody() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    let longest_ms = upload::IMPORT_LONGEST_S * 1_000;
    let late = Fault::new(FaultEffect::ImportLate {
        ms: longest_ms + 60_000,
    });
    world.sim.faults(vec![late]);
    upload::run(&world.ctx, &input).await.unwrap();
    world.advance(upload::IMPORT_LONGEST_S + 1);
    world.upload_until_done(&input).await.unwrap();
    world.advance(600);
    // The import asks the bucket, and ends: that takes a moment.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let assets = || {
        world
            .report(&input.task_id)
            .delivered(AssetKind::Caption)
            .cloned()
            .collect::<Vec<_>>()
    };
    while !assets()
        .iter()
        .any(|asset| asset.imports.iter().any(|one| one.http_status == Some(200)))
    {
        assert!(std::time::Instant::now() < deadline, "{:?}", assets());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let ready = assets().iter().filter(|asset| asset.status == 2).count();
    assert_eq!(ready, 1, "{:?}", assets());
}

/// Where an asset may not be deleted, nothing is doubled and nobody refunded: the task waits for an operator.
#[tokio::test]
async fn an_import_that_never_ends_is_parked_where_its_asset_can_not_be_deleted() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    let forbidden = Fault::new(FaultEffect::api("SERVICE_FORBIDDEN"));
    world.sim.faults(vec![
        Fault::new(FaultEffect::ImportStuck),
        forbidden.on("caption_captionasset", "delete"),
    ]);
    upload::run(&world.ctx, &input).await.unwrap();
    for _ in 0..2 {
        world.advance(upload::IMPORT_LONGEST_S + 1);
        let stuck = upload::run(&world.ctx, &input).await.unwrap_err();
        assert_eq!((stuck.class(), stuck.name()), (Class::Fault, "ImportStuck"));
    }
    assert_eq!(
        (made(&world, &input, "add"), made(&world, &input, "setContent")),
        (1, 1)
    );
}

#[tokio::test]
async fn an_old_attempt_does_nothing() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world.advance(5);
    world.sim.reset_order(&input.task_id.as_str().into()).unwrap();
    world.advance(5);
    let report = world.poll().await;
    assert_eq!(report.kept, 1, "a reset task is taken on afresh");
    let calls = world.report(&input.task_id).calls.len();
    assert_eq!(
        fetch::run(&world.ctx, &input).await.unwrap_err().class(),
        Class::Stale
    );
    assert_eq!(
        world.report(&input.task_id).calls.len(),
        calls,
        "no call was made"
    );
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::Started)]
    ));
    let next = StepInput { attempt: 2, ..input };
    world.run_to_the_end(&next).await;
    assert_eq!(world.report(&next.task_id).status, 2);
}

#[tokio::test]
async fn a_parked_task_goes_on_later_as_a_new_attempt() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let fault = Fault::new(FaultEffect::HttpStatus { status: 503 }).on("baseentry", "getPlaybackContext");
    world.sim.faults(vec![fault]);
    world.run_to_the_end(&input).await;
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Parked);
    assert_eq!(
        world.report(&input.task_id).status,
        3,
        "still PROCESSING: nobody is refunded"
    );
    world.sim.clear_faults();
    assert_eq!(world.poll().await.sent, 0, "not before its time");
    world.advance(601);
    assert_eq!(world.poll().await.sent, 1);
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::Started)]
    ));
    world
        .run_to_the_end(&StepInput {
            attempt: 2,
            ..input.clone()
        })
        .await;
    assert_eq!(world.report(&input.task_id).status, 2);
}

#[tokio::test]
async fn what_was_kept_but_not_sent_is_sent_by_the_next_poll() {
    let world = World::new().await;
    let task_id = world.place(order()).await;
    world.queue.refuse(std::slice::from_ref(&task_id));
    let first = world.poll().await;
    assert_eq!((first.kept, first.sent), (1, 0));
    world.queue.refuse(&[]);
    let second = world.poll().await;
    assert_eq!((second.kept, second.sent), (0, 1));
    assert_eq!(world.queue.take_all().len(), 1);
}

#[tokio::test]
async fn more_jobs_than_a_page_are_all_kept_once() {
    let world = World::new().await;
    let now = world.sim.now_ms() / 1_000;
    for n in 0..1_203_i64 {
        let mut request = order();
        // Hundreds of one second: more than a page of the same creation time.
        request.created_at_epoch_s = Some(if n < 700 { now - 1_000 } else { now - n % 40 });
        request.entry.media = None;
        world.place(request).await;
    }
    let report = world.poll().await;
    assert_eq!((report.kept, report.sent), (1_203, 50), "one customer's share");
    assert_eq!(report.waiting, 1_153);
    assert_eq!(world.table.all().len(), 1_203);
    assert_eq!(world.poll().await.kept, 0);
}

#[tokio::test]
async fn a_service_that_is_not_enabled_is_left_alone() {
    let world = World::new().await;
    for service_feature in [2, 7, 99] {
        world
            .place(kaltura_sim::OrderRequest {
                service_feature,
                ..order()
            })
            .await;
    }
    let report = world.poll().await;
    assert_eq!((report.left_alone, report.kept), (3, 0));
}

#[tokio::test]
async fn a_task_of_another_region_stays_pending() {
    let world = World::new().await;
    let mut request = order();
    request.profile = ProfileSpec {
        vendor_task_processing_region: Some(2),
        ..ProfileSpec::default()
    };
    let task_id = world.place(request).await;
    world.poll().await;
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::AnotherRegion)]
    ));
    assert_eq!(world.report(&task_id).status, 1, "PENDING");
    assert_eq!(world.poll().await.sent, 0, "it is not asked for again");
}

#[tokio::test]
async fn keys_near_their_end_are_extended_and_others_are_not() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let before = world.record(&input.task_id).await;
    assert_eq!(extend_keys::run(&world.ctx).await.unwrap().extended, 0);
    world.advance(before.key_expires_epoch_s - world.ctx.clock.now_epoch_s() - 3_600);
    assert_eq!(extend_keys::run(&world.ctx).await.unwrap().extended, 1);
    let after = world.record(&input.task_id).await;
    assert!(after.key_expires_epoch_s > before.key_expires_epoch_s);
    assert!(after.access_key != before.access_key);
    world.run_to_the_end(&input).await;
    assert_eq!(world.report(&input.task_id).status, 2);
}

#[tokio::test]
async fn a_key_is_extended_from_its_margin_on() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let expires_epoch_s = world.record(&input.task_id).await.key_expires_epoch_s;
    let margin_s = world.ctx.config.key_margin_s;
    world.advance(expires_epoch_s - margin_s - 1 - world.ctx.clock.now_epoch_s());
    assert_eq!(extend_keys::run(&world.ctx).await.unwrap().extended, 0);
    world.advance(1);
    assert_eq!(extend_keys::run(&world.ctx).await.unwrap().extended, 1);
}

#[tokio::test]
async fn captions_keep_to_the_profiles_line_length() {
    let world = World::new().await;
    let mut request = order();
    request.profile = ProfileSpec {
        max_characters_per_caption_line: Some(12),
        ..ProfileSpec::default()
    };
    request.catalog_item = CatalogItemSpec {
        output_format: Some(String::new()),
        ..request.catalog_item
    };
    let input = world.begin(request).await;
    world.run_to_the_end(&input).await;
    let report = world.report(&input.task_id);
    let asset = report.delivered(AssetKind::Caption).next().unwrap();
    let file = std::fs::read(asset.file.as_ref().unwrap()).unwrap();
    let cues = captions::read(CaptionFormat::Srt, &file).expect("SRT where the order names no format");
    assert!(
        cues.iter()
            .flat_map(|cue| &cue.lines)
            .all(|line| line.chars().count() <= 12),
        "{cues:?}"
    );
}

/// The server refuses offsets from 10,000 on, and what leaves PENDING meanwhile moves all that stand behind it: so a page begins by
/// the time at which the last one ended.
#[tokio::test]
async fn a_page_begins_by_time_and_not_by_number() {
    let world = World::new().await;
    let begins = world.sim.now_ms() / 1_000 - 10_000;
    for n in 0..1_010_i64 {
        let mut request = order();
        request.created_at_epoch_s = Some(begins + n);
        request.entry.media = None;
        world.place(request).await;
    }
    assert_eq!(world.poll().await.kept, 1_010);
    let calls = world.sim.calls();
    let pages: Vec<_> = calls
        .iter()
        .filter(|call| call.action == "getJobs")
        .map(|call| {
            let number = |value: &serde_json::Value| {
                let text = value.as_str().and_then(|text| text.parse::<i64>().ok());
                value.as_i64().or(text)
            };
            (
                number(&call.params["filter"]["createdAtGreaterThanOrEqual"]).map(|at| at - begins),
                number(&call.params["pager"]["pageIndex"]),
            )
        })
        .collect();
    let pending = [(None, Some(1)), (Some(499), Some(1)), (Some(998), Some(1))];
    assert_eq!(pages[..3], pending);
    assert_eq!(
        pages[3..],
        [(None, Some(1))],
        "the SCHEDULED, of which there are none"
    );
}

/// Deleted by the customer before it was READY: another one is added. That Kaltura gives no answer is no such word.
#[tokio::test]
async fn an_asset_that_is_not_there_any_more_is_added_anew() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    upload::run(&world.ctx, &input).await.unwrap();
    let down = Fault::new(FaultEffect::HttpStatus { status: 503 });
    world.sim.faults(vec![down.on("caption_captionasset", "get")]);
    let error = upload::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
    assert_eq!(made(&world, &input, "add"), 1);
    world.sim.clear_faults();
    let first = world.record(&input.task_id).await.deliverables[0]
        .asset_id
        .clone();
    let gone = Fault::new(FaultEffect::api("CAPTION_ASSET_ID_NOT_FOUND"));
    world
        .sim
        .faults(vec![gone.on("caption_captionasset", "get").times(1)]);
    world.upload_until_done(&input).await.unwrap();
    assert_eq!(made(&world, &input, "add"), 2);
    let delivered = world.record(&input.task_id).await.deliverables.remove(0);
    assert!(
        delivered.ready && delivered.asset_id.is_some() && delivered.asset_id != first,
        "{delivered:?}"
    );
    finalize::run(&world.ctx, &input).await.unwrap();
    assert_eq!(
        world.report(&input.task_id).task["outputObjectId"],
        delivered.asset_id.unwrap().as_str()
    );
}

/// The answer of its delete was lost, or somebody else was quicker: it is deleted all the same.
#[tokio::test]
async fn a_stuck_asset_that_was_deleted_already_is_given_up_as_well() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    let gone = |code: &str| {
        let fault = Fault::new(FaultEffect::api(code));
        fault.on("caption_captionasset", "delete")
    };
    world.sim.faults(vec![Fault::new(FaultEffect::ImportStuck)]);
    upload::run(&world.ctx, &input).await.unwrap();
    upload::run(&world.ctx, &input).await.unwrap();
    world.advance(upload::IMPORT_LONGEST_S + 1);
    // One that says nothing of the asset is none of that.
    let blocked = world.sim.faults(vec![gone("ACTION_BLOCKED")]);
    let error = upload::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
    assert_eq!(made(&world, &input, "add"), 1);
    world.sim.remove_fault(blocked[0]);
    world
        .sim
        .faults(vec![gone("CAPTION_ASSET_ID_NOT_FOUND").times(1)]);
    world.upload_until_done(&input).await.unwrap();
    let report = world.report(&input.task_id);
    assert_eq!(report.delivered(AssetKind::Caption).count(), 2, "one more");
    assert!(world.record(&input.task_id).await.deliverables[0].ready);
}

/// However short the time of a call is, the next one goes on where it stopped: as often as it takes.
#[tokio::test]
async fn a_fetch_that_is_stopped_goes_on_in_its_next_call() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let mut calls = 0;
    loop {
        calls += 1;
        match fetch::run_until(&world.ctx, &input, Some(std::time::Instant::now())).await {
            Ok(()) => break,
            Err(error) => assert_eq!(error.class(), Class::Unfinished, "{error}"),
        }
        assert!(calls < 20, "no call goes on from the one before");
        assert_eq!(world.record(&input.task_id).await.media, None);
    }
    assert!(calls > 1, "it was stopped");
    assert!(world.record(&input.task_id).await.media.is_some());
    let asked = world.report(&input.task_id).calls;
    let firsts = asked.iter().filter(|call| call.params["file"] == "seg-1-a1.ts");
    assert_eq!(firsts.count(), 1, "what was done is not done again");
}
