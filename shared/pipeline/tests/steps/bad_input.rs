//! What bad input gets: a retry, a clear ERROR, or a task left alone; and the rest of the batch is unharmed.

use std::sync::Arc;

use engines::EngineError;
use kaltura_sim::{
    AccessKeySpec, AssetKind, EntrySpec, Fault, FaultEffect, FlavorSpec, OrderReport, ProfileSpec, Protection,
};
use pipeline::ports::{MediaFetcher, MediaKind};
use pipeline::record::TaskState;
use pipeline::steps::claim::Claimed;
use pipeline::steps::fail::{self, Ending};
use pipeline::steps::{StepInput, fetch, poll, upload};
use pipeline::{Class, StepError};

use crate::world::{World, media_without_sound, order, spoken};

fn told(report: &OrderReport) -> &str {
    report.task["errDescription"].as_str().unwrap_or_default()
}

/// What every answer that is none does to a poll: an error that is tried again, and nothing kept.
#[tokio::test]
async fn an_answer_that_is_none_fails_the_poll_and_the_next_one_is_whole() {
    for effect in [
        FaultEffect::Html,
        FaultEffect::Truncated,
        FaultEffect::Empty,
        FaultEffect::HttpStatus { status: 502 },
        FaultEffect::api("ACTION_BLOCKED"),
        FaultEffect::Reset,
    ] {
        let world = World::new().await;
        world.place(order()).await;
        let name = format!("{effect:?}");
        world
            .sim
            .faults(vec![Fault::new(effect).on("reach_entryvendortask", "getJobs")]);
        let error = pipeline::steps::poll::run(&world.ctx, "first").await.unwrap_err();
        assert_eq!(error.class(), Class::Retryable, "{name}: {error}");
        world.sim.clear_faults();
        assert_eq!(world.poll().await.kept, 1, "{name}: the lease was given back");
    }
}

#[tokio::test]
async fn a_dead_vendor_session_is_renewed_once() {
    let world = World::new().await;
    world.poll().await;
    let dead = Fault::new(FaultEffect::api("INVALID_KS"))
        .on("reach_entryvendortask", "getJobs")
        .times(1);
    world.sim.faults(vec![dead]);
    world.place(order()).await;
    assert_eq!(world.poll().await.kept, 1);
    assert_eq!(sessions_opened(&world), 2);
}

fn sessions_opened(world: &World) -> usize {
    let calls = world.sim.calls();
    calls.iter().filter(|call| call.action == "startSession").count()
}

/// Another session can't help where it was not the session.
#[tokio::test]
async fn a_refusal_that_is_not_for_the_session_opens_no_other() {
    let world = World::new().await;
    world.poll().await;
    let refused = Fault::new(FaultEffect::api("SERVICE_FORBIDDEN")).on("reach_entryvendortask", "getJobs");
    world.sim.faults(vec![refused]);
    poll::run(&world.ctx, "test").await.unwrap_err();
    let asked = |call: &&kaltura_sim::CallRecord| call.action == "getJobs";
    // Of two states, and the first again.
    assert_eq!(world.sim.calls().iter().filter(asked).count(), 3);
    assert_eq!(sessions_opened(&world), 1);
}

/// A session lives a day: it is used to ten minutes before its end, so that none dies while a call is on its way.
#[tokio::test]
async fn a_session_is_renewed_before_it_ends() {
    let world = World::new().await;
    let day_s = 24 * 60 * 60;
    for (pause_s, opened) in [(0, 1), (day_s - 601, 1), (1, 2)] {
        world.advance(pause_s);
        world.poll().await;
        assert_eq!(sessions_opened(&world), opened, "after {pause_s} s more");
    }
}

/// Fetches files as they are, and can't put together what comes in segments.
struct FilesOnly(media::Fetcher);

#[async_trait::async_trait]
impl MediaFetcher for FilesOnly {
    async fn fetch(
        &self,
        source: &media::MediaSource,
        kind: MediaKind,
        sink: &dyn media::PartSink,
        resume: media::Resume<'_>,
    ) -> Result<media::FetchReport, media::FetchError> {
        match kind {
            MediaKind::Progressive => MediaFetcher::fetch(&self.0, source, kind, sink, resume).await,
            _ => Err(media::FetchError::Unsupported {
                at: "segment".to_owned(),
                what: "HEVC in a transport stream".to_owned(),
            }),
        }
    }
}

fn files_only(world: &mut World) {
    let fetcher = media::Fetcher::new(media::FetchConfig::loopback()).unwrap();
    world.ctx.parts.fetcher = Some(Arc::new(FilesOnly(fetcher)));
}

#[tokio::test]
async fn where_segments_can_not_be_put_together_the_file_is_fetched() {
    let mut world = World::new().await;
    files_only(&mut world);
    let input = world.begin(order()).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    let media = world.record(&input.task_id).await.media.unwrap();
    assert_eq!(media.container, "mp4");
    let calls = world.report(&input.task_id).calls;
    let asked: Vec<&str> = calls
        .iter()
        .filter(|call| call.action == "getPlaybackContext")
        .map(|call| call.params["contextDataParams"]["streamerType"].as_str().unwrap())
        .collect();
    assert_eq!(asked, ["applehttp", "http"]);
}

#[tokio::test]
async fn where_there_is_no_file_either_the_codec_is_the_cause() {
    let mut world = World::with_answers("getPlaybackContext", |context| {
        let sources = context["sources"].as_array_mut().unwrap();
        sources.retain(|source| source["format"] == "applehttp");
    })
    .await;
    files_only(&mut world);
    let input = world.begin(order()).await;
    let error = fetch::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Terminal, "MediaUnsupported")
    );
}

#[tokio::test]
async fn a_key_that_died_while_pending_is_revived_in_the_right_order() {
    let world = World::new().await;
    let mut request = order();
    request.access_key = AccessKeySpec {
        life_s: Some(60),
        ..AccessKeySpec::default()
    };
    let task_id = world.place(request).await;
    world.poll().await;
    world.advance(3_600);
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::Started)]
    ));
    let actions: Vec<String> = world
        .report(&task_id)
        .calls
        .iter()
        .map(|call| call.action.clone())
        .collect();
    assert_eq!(
        actions,
        ["get", "updateJob", "extendAccessKey", "get", "updateJob"]
    );
    world
        .run_to_the_end(&pipeline::steps::StepInput {
            task_id: task_id.clone(),
            attempt: 1,
        })
        .await;
    assert_eq!(world.report(&task_id).status, 2);
}

#[tokio::test]
async fn a_dead_key_of_another_regions_task_leaves_it_pending() {
    let world = World::new().await;
    let mut request = order();
    request.access_key = AccessKeySpec {
        life_s: Some(60),
        ..AccessKeySpec::default()
    };
    request.profile = ProfileSpec {
        vendor_task_processing_region: Some(3),
        ..ProfileSpec::default()
    };
    let task_id = world.place(request).await;
    world.poll().await;
    world.advance(3_600);
    assert!(matches!(
        world.claim_all().await.as_slice(),
        [Ok(Claimed::AnotherRegion)]
    ));
    assert_eq!(world.report(&task_id).status, 1);
}

#[tokio::test]
async fn a_key_that_dies_on_the_way_is_extended_and_the_call_repeated() {
    let world = World::new().await;
    let mut request = order();
    request.access_key = AccessKeySpec {
        life_s: Some(600),
        ..AccessKeySpec::default()
    };
    let input = world.begin(request).await;
    world.advance(3_600);
    world.run_to_the_end(&input).await;
    assert_eq!(world.report(&input.task_id).status, 2);
}

#[tokio::test]
async fn an_aborted_task_ends_quietly_wherever_it_is() {
    let world = World::new().await;
    let task_id = world.place(order()).await;
    world.poll().await;
    world.sim.abort_order(&task_id.as_str().into()).unwrap();
    assert!(matches!(world.claim_all().await.as_slice(), [Ok(Claimed::Gone)]));
    assert_eq!(world.record(&task_id).await.state, TaskState::Gone);
    assert!(world.states.started().is_empty());

    let input = world.begin(order()).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    world.sim.abort_order(&input.task_id.as_str().into()).unwrap();
    world.run_to_the_end(&input).await;
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Gone);
    assert_eq!(world.report(&input.task_id).status, 7);
}

#[tokio::test]
async fn an_entry_deleted_on_the_way_is_a_clear_error() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let entry_id = world.report(&input.task_id).entry_id;
    world.sim.delete_entry(&entry_id).unwrap();
    world.run_to_the_end(&input).await;
    let report = world.report(&input.task_id);
    assert_eq!((report.status, report.refunded), (6, true));
    assert!(told(&report).contains("no longer exists"), "{}", told(&report));
}

#[tokio::test]
async fn an_order_that_can_not_be_planned_is_an_error_at_once() {
    let cases = [("Hebrew", "not supported"), ("Auto Detect", "Auto Detect")];
    for (language, text) in cases {
        let world = World::new().await;
        let mut request = order();
        request.catalog_item.source_language = language.into();
        let task_id = world.place(request).await;
        world.poll().await;
        assert!(matches!(
            world.claim_all().await.as_slice(),
            [Ok(Claimed::Refused)]
        ));
        let report = world.report(&task_id);
        assert_eq!(report.status, 6);
        assert!(told(&report).contains(text), "{}", told(&report));
        assert_eq!(world.record(&task_id).await.state, TaskState::Failed);
    }
}

#[tokio::test]
async fn only_a_flavor_that_the_profile_allows_is_fetched() {
    let world = World::new().await;
    let mut request = order();
    request.entry.flavors = vec![
        FlavorSpec::source(),
        FlavorSpec::web(2),
        FlavorSpec::web(4),
        FlavorSpec::web(5),
    ];
    request.profile = ProfileSpec {
        flavor_params_ids: Some("1,3,5".into()),
        ..ProfileSpec::default()
    };
    let input = world.begin(request.clone()).await;
    fetch::run(&world.ctx, &input).await.unwrap();

    request.profile.flavor_params_ids = Some("77".into());
    let input = world.begin(request).await;
    world.run_to_the_end(&input).await;
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 6);
    assert!(told(&report).contains("77"), "{}", told(&report));
    assert!(
        !report.calls.iter().any(|call| call.service == "playmanifest"),
        "nothing was fetched"
    );
}

#[tokio::test]
async fn an_entry_without_hls_is_fetched_as_a_file() {
    let world = World::new().await;
    let mut request = order();
    request.entry.hls = false;
    let input = world.begin(request).await;
    world.run_to_the_end(&input).await;
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 2);
    assert!(report.calls.iter().any(|call| call.service == "progressive"));
}

#[tokio::test]
async fn an_empty_manifest_is_tried_again() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    world
        .sim
        .faults(vec![Fault::new(FaultEffect::Manifest { error: 57 })]);
    let error = fetch::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::RetryLater, "MediaManifestEmpty"),
        "{error}"
    );
    world.sim.clear_faults();
    // The server caches the refusal for a minute (spec 6.2).
    world.advance(61);
    fetch::run(&world.ctx, &input).await.unwrap();
}

#[tokio::test]
async fn a_broken_segment_never_makes_a_shorter_file() {
    for effect in [
        FaultEffect::HttpStatus { status: 404 },
        FaultEffect::Empty,
        FaultEffect::Html,
    ] {
        let world = World::new().await;
        let input = world.begin(order()).await;
        let name = format!("{effect:?}");
        world.sim.faults(vec![Fault {
            service: Some("segment".into()),
            ..Fault::new(effect)
        }]);
        let error = fetch::run(&world.ctx, &input).await.unwrap_err();
        assert_eq!(error.class(), Class::Retryable, "{name}: {error}");
        assert!(world.record(&input.task_id).await.media.is_none(), "{name}");
    }
}

#[tokio::test]
async fn media_without_sound_is_a_clear_error() {
    let world = World::new().await;
    let mut request = order();
    request.entry = EntrySpec {
        media: Some(media_without_sound()),
        ..request.entry
    };
    let input = world.begin(request).await;
    world.run_to_the_end(&input).await;
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 6);
    assert!(told(&report).contains("no sound"), "{}", told(&report));
}

#[tokio::test]
async fn a_drm_source_is_a_clear_error() {
    let world = World::new().await;
    let mut request = order();
    request.entry.protection = Protection::Drm;
    request.entry.flavors = vec![FlavorSpec::web(2)];
    let input = world.begin(request).await;
    let error = fetch::run(&world.ctx, &input).await;
    // The stand-in, like the server, may still offer the file over http: then there is no error at all.
    if let Err(error) = error {
        assert!(matches!(error, StepError::Refused(_)), "{error}");
    }
}

#[tokio::test]
async fn speech_that_is_none_is_a_clear_error() {
    let world = World::new().await;
    *world.engine.answer.lock().unwrap() = Box::new(|| Ok(Vec::new()));
    let input = world.begin(order()).await;
    world.run_to_the_end(&input).await;
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 6);
    assert!(told(&report).contains("No speech"), "{}", told(&report));
}

#[tokio::test]
async fn an_engine_that_fails_for_a_while_fails_no_order() {
    let world = World::new().await;
    *world.engine.answer.lock().unwrap() = Box::new(|| {
        Err(EngineError::ProgramTimedOut {
            program: "recognise".into(),
            timeout_ms: 1,
        })
    });
    let input = world.begin(order()).await;
    world.run_to_the_end(&input).await;
    assert_eq!(world.report(&input.task_id).status, 3);
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Parked);
    *world.engine.answer.lock().unwrap() = Box::new(|| Ok(spoken()));
    world.advance(601);
    world.poll().await;
    world.claim_all().await.pop().unwrap().unwrap();
    world
        .run_to_the_end(&pipeline::steps::StepInput {
            attempt: 2,
            ..input.clone()
        })
        .await;
    assert_eq!(world.report(&input.task_id).status, 2);
}

#[tokio::test]
async fn a_status_that_kaltura_drops_without_a_word_is_noticed() {
    let world = World::new().await;
    let task_id = world.place(order()).await;
    world.poll().await;
    let drop = Fault::new(FaultEffect::ForbidProperties {
        names: vec!["status".into()],
    })
    .on("reach_entryvendortask", "updateJob");
    world.sim.faults(vec![drop]);
    let claimed = world.claim_all().await;
    assert!(
        matches!(
            claimed.as_slice(),
            [Err(StepError::Kaltura(kaltura::Error::StatusNotTaken { .. }))]
        ),
        "{claimed:?}"
    );
    assert_eq!(
        world.record(&task_id).await.state,
        TaskState::Queued,
        "the message comes again"
    );
    assert!(world.states.started().is_empty());
}

#[tokio::test]
async fn content_that_kaltura_rejects_is_our_fault_and_not_the_customers() {
    let world = World::new().await;
    let input = world.begin_and_process().await;
    let rejected = FaultEffect::ImportFails {
        description: "invalid caption content".into(),
    };
    world.sim.faults(vec![Fault::new(rejected)]);
    upload::run(&world.ctx, &input).await.unwrap();
    let error = world.upload_until_done(&input).await.unwrap_err();
    assert_eq!((error.class(), error.name()), (Class::Fault, "ContentRejected"));
    assert_eq!(world.report(&input.task_id).status, 3, "nobody is refunded");
    let asset_id = world.record(&input.task_id).await.deliverables[0]
        .asset_id
        .clone();
    // Mended code goes on with the same asset, and with a file made anew.
    world.sim.clear_faults();
    fail::run(&world.ctx, &input, Ending::Parked).await.unwrap();
    world.advance(10 * 60);
    world.poll().await;
    world.claim_all().await;
    let again = StepInput {
        task_id: input.task_id.clone(),
        attempt: 2,
    };
    world.run_to_the_end(&again).await;
    let record = world.record(&input.task_id).await;
    assert_eq!(record.state, TaskState::Delivered, "{record:?}");
    assert_eq!(record.deliverables[0].asset_id, asset_id);
    assert_eq!(
        world.report(&input.task_id).delivered(AssetKind::Caption).count(),
        1
    );
}

#[tokio::test]
async fn a_bad_job_in_a_page_does_not_hide_the_others() {
    let world = World::new().await;
    let mut bad = order();
    bad.task_id = Some("9223372036854775807".into());
    world.place(bad).await;
    world.place(order()).await;
    let report = world.poll().await;
    assert_eq!(report.kept, 2, "an id beyond 2^53 is an id like others");
}

/// A job that can't be read is counted, so that somebody looks, and what stands beside it in the page is kept.
#[test]
fn a_job_that_can_not_be_read_is_told_and_hides_no_other() {
    for is_bad in [true, false] {
        let (report, told) = step_world::told(async {
            let world = World::with_answers("getJobs", move |answer| {
                if is_bad && let Some(job) = answer["objects"].get_mut(0) {
                    job["partnerId"] = serde_json::json!("of no account");
                }
            })
            .await;
            world.place(order()).await;
            world.place(order()).await;
            world.poll().await
        });
        let unreadable = usize::from(is_bad);
        assert_eq!(
            (report.listed, report.unreadable, report.kept),
            (2, unreadable, 2 - unreadable)
        );
        let counted = told.counted.get("TasksLeftAlone").copied();
        assert_eq!(counted, is_bad.then_some(1));
    }
}

/// That the customer's own text is not there is his to know. That Kaltura gives no answer is not.
#[tokio::test]
async fn a_text_that_is_not_there_is_a_clear_error_and_no_answer_is_none() {
    let captions = {
        let mut order = crate::services::of_service(3);
        order.entry.captions = vec![crate::services::good_captions()];
        order
    };
    for (order, service, action, code) in [
        (
            crate::services::alignment(),
            "attachment_attachmentasset",
            "getUrl",
            "ATTACHMENT_ASSET_ID_NOT_FOUND",
        ),
        (
            captions,
            "caption_captionasset",
            "get",
            "CAPTION_ASSET_ID_NOT_FOUND",
        ),
    ] {
        let world = World::of_every_service(&[]).await;
        let input = world.begin(order).await;
        let down = Fault::new(FaultEffect::api("ACTION_BLOCKED"));
        world.sim.faults(vec![down.on(service, action)]);
        let error = fetch::run(&world.ctx, &input).await.unwrap_err();
        assert_eq!(error.class(), Class::Retryable, "{error}");
        world.sim.clear_faults();
        let gone = Fault::new(FaultEffect::api(code));
        world.sim.faults(vec![gone.on(service, action)]);
        world.run_to_the_end(&input).await;
        let report = world.report(&input.task_id);
        assert_eq!((report.status, report.refunded), (6, true), "{code}");
        assert!(told(&report).contains("exist"), "{}", told(&report));
        let failure = world.record(&input.task_id).await.failure.unwrap();
        assert_eq!(failure.name, "SourceUnusable");
    }
}

/// A state machine that comes to the work without the media is at fault, and no customer is refunded for that.
#[tokio::test]
async fn no_engine_is_asked_for_work_on_media_that_is_not_there() {
    let world = World::new().await;
    let input = world.begin(order()).await;
    let error = world.work(&input, "a-token").await.unwrap_err();
    assert_eq!((error.class(), error.name()), (Class::Fault, "OutOfOrder"));
    assert!(error.to_string().contains("media"), "{error}");
    assert!(world.engine.asked.lock().unwrap().is_empty());
    fetch::run(&world.ctx, &input).await.unwrap();
    world.work(&input, "a-token").await.unwrap();
    assert_eq!(world.engine.asked.lock().unwrap().len(), 1);
}

/// The vendor reads in the record how sure the engine was.
#[tokio::test]
async fn another_language_is_noted_with_how_sure_the_engine_was() {
    let (world, amazon) = World::with_amazon_for_every_service(engines::aws::AwsConfig {
        language_check: vec!["es-US".to_owned()],
        ..engines::aws::AwsConfig::default()
    })
    .await;
    let input = world.begin(order()).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    world.work(&input, "the-token").await.unwrap();
    amazon.job_heard("es-US", 0.875);
    let job = engines::JobId::named(format!("reach-{}-1-recognise", input.task_id));
    pipeline::steps::complete::run(&world.ctx, &job)
        .await
        .unwrap_err();
    let failure = world.record(&input.task_id).await.failure.unwrap();
    assert_eq!(failure.name, "LanguageMismatch");
    assert!(failure.detail.contains("(87 %)"), "{}", failure.detail);
}
