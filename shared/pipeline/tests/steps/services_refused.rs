//! What each service refuses, with words for the customer, and what happens where answers are lost.

use std::path::PathBuf;

use kaltura_sim::{
    AssetKind, ExistingCaption, ExistingTranscript, Fault, FaultEffect, FlavorSpec, OrderReport, OrderRequest,
};
use pipeline::Class;
use pipeline::record::TaskState;
use pipeline::steps::claim::Claimed;
use pipeline::steps::{fetch, upload};

use serde_json::Value;

use crate::services::{
    alignment, assets, file, for_people, good_captions, into_spanish, of_service, translation, with_tracks,
};
use crate::world::World;

/// Runs an order that is to end with ERROR, and answers what the customer reads.
async fn refused(world: &World, order: OrderRequest) -> String {
    let task_id = world.place(order).await;
    world.poll().await;
    for claimed in world.claim_all().await {
        match claimed.unwrap() {
            Claimed::Started => {
                let input = pipeline::steps::StepInput {
                    task_id: task_id.clone(),
                    attempt: 1,
                };
                world.run_to_the_end(&input).await;
            }
            claimed => assert_eq!(claimed, Claimed::Refused),
        }
    }
    let report = world.report(&task_id);
    assert_eq!(
        (report.status, report.refunded, report.charged),
        (6, true, false),
        "{:?}",
        world.record(&task_id).await.history
    );
    report.task["errDescription"].as_str().unwrap().to_owned()
}

fn translation_of(captions: ExistingCaption) -> OrderRequest {
    let mut order = into_spanish(2);
    order.entry.captions = vec![captions];
    order
}

/// Every refusal that the guide asks for, in the customer's words.
#[tokio::test]
async fn an_order_that_can_not_be_fulfilled_is_refunded_with_the_reason() {
    let flavor_of = |new: Option<i64>, clear: Option<i64>| {
        let mut order = into_spanish(7);
        order.catalog_item.flavor_params_id = new;
        order.catalog_item.clear_audio_flavor_params_id = clear;
        order
    };
    let mut into_german = into_spanish(2);
    into_german.entry.captions = vec![good_captions()];
    into_german.catalog_item.target_language = Some("German".into());
    let mut gone = into_spanish(2);
    gone.task_data = Some(serde_json::json!({"captionAssetId": "1_gone"}));
    let mut empty_text = of_service(3);
    empty_text.entry.transcripts = vec![ExistingTranscript {
        content: " \n".into(),
        ..ExistingTranscript::default()
    }];
    let cases = [
        ("translation without captions", into_spanish(2)),
        (
            "captions in another language",
            translation_of(ExistingCaption {
                language: "German".into(),
                ..good_captions()
            }),
        ),
        (
            "captions by machine",
            translation_of(ExistingCaption {
                accuracy: Some(99),
                ..good_captions()
            }),
        ),
        (
            "captions of unknown accuracy",
            translation_of(ExistingCaption {
                accuracy: None,
                ..good_captions()
            }),
        ),
        (
            "captions that failed",
            translation_of(ExistingCaption {
                status: -1,
                ..good_captions()
            }),
        ),
        (
            "captions that are none",
            translation_of(ExistingCaption {
                content: "nothing of the kind".into(),
                ..good_captions()
            }),
        ),
        ("captions that are gone", gone),
        ("pair not served", into_german),
        ("alignment without text", of_service(3)),
        ("alignment of nothing", empty_text),
        ("flavor params 0", flavor_of(Some(0), Some(302))),
        ("clear flavor params 0", flavor_of(Some(301), Some(0))),
        ("no flavor params", flavor_of(None, Some(302))),
        ("no clear flavor params", flavor_of(Some(301), None)),
        ("description without flavor params", of_service(4)),
    ];
    let mut told = Vec::new();
    for (name, order) in cases {
        let world = World::of_every_service(&[]).await;
        let text = refused(&world, order).await;
        told.push(format!("{name}: {}", without_ids(&text)));
    }
    insta::assert_snapshot!(told.join("\n"));
}

/// Ids of the stand-in differ from run to run.
fn without_ids(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let id = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
        if id.len() > 4 && id.contains('_') && id.starts_with(|c: char| c.is_ascii_digit()) {
            word.replace(id, "[id]")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn source_captions_that_are_not_ready_yet_are_waited_for() {
    let world = World::of_every_service(&[]).await;
    let order = translation_of(ExistingCaption {
        status: 7,
        ..good_captions()
    });
    let input = world.begin(order).await;
    let error = fetch::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Retryable, "SourceNotReady")
    );
    assert_eq!(
        world.report(&input.task_id).status,
        3,
        "PROCESSING: nobody is refunded"
    );
}

#[tokio::test]
async fn an_order_for_people_waits_for_them() {
    for order in [
        of_service(1),
        translation(),
        alignment(),
        with_tracks(of_service(4)),
        of_service(5),
        with_tracks(into_spanish(7)),
        of_service(9),
    ] {
        let world = World::of_every_service(&[]).await;
        let input = world.processed(for_people(order)).await;
        let record = world.record(&input.task_id).await;
        assert!(record.accepted().is_some(), "{:?}", record.plan);
        assert!(record.media.is_some(), "people want to see it");
        let report = world.report(&input.task_id);
        assert_eq!(report.status, 3);
        assert!(report.assets.iter().all(|asset| !asset.by_vendor));
    }
}

/// A dubbing whose entry has this flavor already.
fn dubbing_beside(flavor: FlavorSpec) -> OrderRequest {
    let mut order = with_tracks(into_spanish(7));
    order.entry.flavors.push(flavor);
    order
}

/// The customer's flavor: its id, the file that it holds, what was fetched for it, and all of its fields. The stand-in cuts
/// a standing flavor from the entry's media until somebody sets its content: no file means that nobody did.
fn before(report: &OrderReport, flavor_params_id: i64) -> (String, Option<PathBuf>, usize, Value) {
    let asset = report
        .assets
        .iter()
        .find(|asset| !asset.by_vendor && asset.fields["flavorParamsId"] == flavor_params_id)
        .unwrap();
    (
        asset.id.to_string(),
        asset.file.clone(),
        asset.imports.len(),
        serde_json::to_value(&asset.fields).unwrap(),
    )
}

#[tokio::test]
async fn a_clear_track_that_is_there_is_linked_and_left_as_it_is() {
    let world = World::of_every_service(&[]).await;
    let order = dubbing_beside(FlavorSpec {
        language: Some("English".into()),
        label: Some("English".into()),
        ..FlavorSpec::audio(302)
    });
    let input = world.begin(order).await;
    let there = before(&world.report(&input.task_id), 302);
    let bytes = world.flavor_bytes(&world.report(&input.task_id), &there.0).await;
    world.run_to_the_end(&input).await;
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 2, "{:?}", report.task["errDescription"]);
    assert_eq!(before(&report, 302), there, "untouched");
    assert!(
        world.flavor_bytes(&report, &there.0).await == bytes,
        "byte for byte"
    );
    let tracks = assets(&report, AssetKind::Flavor);
    assert_eq!(tracks.len(), 1, "the dubbed one");
    assert_eq!(tracks[0].fields["language"], "Spanish");
    let record = world.record(&input.task_id).await;
    assert!(record.deliverables[1].is_linked && record.deliverables[1].ready);
    assert_writes_only_to(&report, tracks[0].id.as_str());
}

/// No setContent and no update of any other asset.
fn assert_writes_only_to(report: &OrderReport, asset_id: &str) {
    let writes = report.calls.iter().filter(|call| {
        call.service == "flavorasset" && ["setContent", "update"].contains(&call.action.as_str())
    });
    for call in writes {
        assert_eq!(call.params["id"], asset_id, "{call:?}");
    }
}

#[tokio::test]
async fn a_customers_own_flavor_is_never_written_over() {
    for (name, flavor) in [
        ("where the new track is to go", FlavorSpec::audio(301)),
        (
            "in the language of the new track",
            FlavorSpec {
                language: Some("Spanish".into()),
                label: Some("Spanish".into()),
                ..FlavorSpec::audio(301)
            },
        ),
        (
            "a clear track of another language",
            FlavorSpec {
                language: Some("French".into()),
                label: Some("French".into()),
                ..FlavorSpec::audio(302)
            },
        ),
    ] {
        let world = World::of_every_service(&[]).await;
        let params = flavor.flavor_params_id;
        let order = dubbing_beside(flavor);
        let input = world.begin(order).await;
        let there = before(&world.report(&input.task_id), params);
        let bytes = world.flavor_bytes(&world.report(&input.task_id), &there.0).await;
        assert_eq!(&bytes[4..8], b"ftyp", "{name}");
        world.run_to_the_end(&input).await;
        let report = world.report(&input.task_id);
        assert_eq!((report.status, report.refunded), (6, true), "{name}");
        let text = report.task["errDescription"].as_str().unwrap();
        assert!(text.contains(&there.0), "{name}: which one is told: {text}");
        assert_eq!(before(&report, params), there, "{name}: untouched");
        assert!(
            world.flavor_bytes(&report, &there.0).await == bytes,
            "{name}: byte for byte"
        );
        let written = report
            .calls
            .iter()
            .any(|call| call.action == "setContent" && call.params["id"] == there.0.as_str());
        assert!(!written, "{name}");
    }
}

/// An add whose answer was lost, whose list is refused, and whose asset is then in the way of another.
#[tokio::test]
async fn a_flavor_of_our_own_mark_gets_its_content() {
    let world = World::of_every_service(&[]).await;
    let input = world.processed(with_tracks(into_spanish(7))).await;
    let forbidden = FaultEffect::api("SERVICE_FORBIDDEN");
    world.sim.faults(vec![
        Fault::new(FaultEffect::ReplyLost)
            .on("flavorasset", "add")
            .times(1),
        Fault::new(forbidden).on("flavorasset", "list"),
    ]);
    let lost = upload::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(lost.class(), Class::Retryable);
    world.upload_until_done(&input).await.unwrap();
    let report = world.report(&input.task_id);
    let tracks = assets(&report, AssetKind::Flavor);
    assert_eq!(tracks.len(), 2);
    assert!(tracks.iter().all(|track| track.status == 2));
}

/// A lost answer of whichever add makes no second asset.
#[tokio::test]
async fn adds_whose_answers_were_lost_make_no_second_asset() {
    for (service, kind, order, expected) in [
        ("flavorasset", AssetKind::Flavor, with_tracks(into_spanish(7)), 2),
        (
            "attachment_attachmentasset",
            AssetKind::Attachment,
            of_service(1),
            3,
        ),
        (
            "attachment_attachmentasset",
            AssetKind::Attachment,
            of_service(9),
            1,
        ),
        ("caption_captionasset", AssetKind::Caption, translation(), 1),
    ] {
        let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
        let input = world.processed(order).await;
        world.sim.faults(vec![
            Fault::new(FaultEffect::ReplyLost).on(service, "add").times(1),
        ]);
        let lost = upload::run(&world.ctx, &input).await.unwrap_err();
        assert_eq!(lost.class(), Class::Retryable, "{service}");
        world.upload_until_done(&input).await.unwrap();
        let report = world.report(&input.task_id);
        assert_eq!(assets(&report, kind).len(), expected, "{service}");
    }
}

#[tokio::test]
async fn chapters_whose_answers_were_lost_come_once() {
    let world = World::of_every_service(&[]).await;
    let input = world.processed(of_service(5)).await;
    world.sim.faults(vec![
        Fault::new(FaultEffect::ReplyLost)
            .on("cuepoint_cuepoint", "add")
            .times(1),
    ]);
    let lost = upload::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(lost.class(), Class::Retryable);
    world.upload_until_done(&input).await.unwrap();
    assert_eq!(world.report(&input.task_id).cue_points.len(), 2);
}

/// A key that died before chapters are added has added none: it is extended, and they are added.
#[tokio::test]
async fn chapters_that_meet_a_dead_key_come_once() {
    let world = World::of_every_service(&[]).await;
    let input = world.processed(of_service(5)).await;
    let dead = FaultEffect::api("INVALID_KS");
    world
        .sim
        .faults(vec![Fault::new(dead).on("cuepoint_cuepoint", "add").times(2)]);
    world.upload_until_done(&input).await.unwrap();
    let report = world.report(&input.task_id);
    assert_eq!(report.cue_points.len(), 2);
    let extended = report
        .calls
        .iter()
        .filter(|call| call.action == "extendAccessKey");
    assert_eq!(extended.count(), 1);
}

/// Only a download that failed is tried again: what else is said of a file is no matter of the bucket.
#[tokio::test]
async fn an_attachment_that_is_refused_for_another_reason_is_no_failed_download() {
    let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
    let input = world.processed(of_service(1)).await;
    let blocked = FaultEffect::api("ACTION_BLOCKED");
    world.sim.faults(vec![
        Fault::new(blocked).on("attachment_attachmentasset", "setContent"),
    ]);
    let error = world.upload_until_done(&input).await.unwrap_err();
    assert_eq!(error.name(), "ACTION_BLOCKED");
    let report = world.report(&input.task_id);
    let set = report
        .calls
        .iter()
        .filter(|call| call.service == "attachment_attachmentasset" && call.action == "setContent");
    assert_eq!(set.count(), 1);
}

/// Kaltura can't fetch from the bucket: attachments go up by token after three tries, the same file each.
#[tokio::test]
async fn attachments_that_can_not_be_downloaded_go_up_by_token() {
    let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
    let input = world.processed(of_service(1)).await;
    *world.bucket.signature.lock().unwrap() = "expired".into();
    world.upload_until_done(&input).await.unwrap();
    let report = world.report(&input.task_id);
    let record = world.record(&input.task_id).await;
    let transcripts = assets(&report, AssetKind::Attachment);
    assert_eq!(transcripts.len(), 3);
    for (asset, deliverable) in transcripts.iter().zip(&record.deliverables[1..]) {
        assert!(deliverable.import.by_upload_token, "{deliverable:?}");
        assert_eq!(deliverable.import.url_tries, upload::URL_TRIES);
        assert_eq!(asset.status, 2);
        let rendered = pipeline::ports::ObjectStore::get(&world.bucket, deliverable.key.as_ref().unwrap());
        assert_eq!(file(asset), rendered.await.unwrap().unwrap());
        assert_eq!(
            asset.fields["fileExt"],
            deliverable.key.as_ref().unwrap().rsplit_once('.').unwrap().1
        );
    }
}

/// Live services, sign language and what is yet to come stay where they are, and the poll goes on.
#[tokio::test]
async fn services_that_are_not_for_us_never_stop_a_poll() {
    let world = World::of_every_service(&[]).await;
    for service in [8, 10, 11, 12, 19, 42] {
        let mut order = of_service(service);
        if [8, 11].contains(&service) {
            let now_s = world.sim.now_ms() / 1_000;
            order.task_data = Some(serde_json::json!({"startDate": now_s + 60, "endDate": now_s + 120}));
        }
        world.place(order).await;
    }
    let captions = world.place(of_service(1)).await;
    let polled = world.poll().await;
    assert_eq!((polled.kept, polled.left_alone), (1, 6));
    assert_eq!(world.record(&captions).await.state, TaskState::Queued);
}
