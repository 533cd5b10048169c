//! Where the guide and the server disagree (spec section 0, D1 to D15): the stand-in does as the server does, and the
//! client copes.

use axum::http::Method;
use kaltura::{
    AssetId, AssetStatus, AttachmentKind, AttachmentType, CaptionType, CaptionUsage, CatalogLanguage,
    ContentResource, ErrorClass, JobQuery, LiveCaptionFeature, NewAttachmentAsset, NewFlavorAsset,
    TaskStatus, UpdateJob,
};
use kaltura_sim::{
    AppTokenConfig, AssetKind, CatalogItemSpec, ExistingCaption, OrderRequest, ProfileSpec, SimConfig,
};
use serde_json::json;

use crate::bench::{Bench, SRT, caption, english, settled};

fn of_service(service_feature: i64) -> OrderRequest {
    OrderRequest {
        service_feature,
        ..OrderRequest::default()
    }
}

fn attachment(title: &str) -> NewAttachmentAsset {
    NewAttachmentAsset {
        kind: AttachmentKind::Plain,
        format: AttachmentType::Text,
        file_ext: "vtt".to_owned(),
        filename: String::new(),
        title: title.to_owned(),
        tags: "AAD".to_owned(),
        partner_data: "stand-in-0".to_owned(),
    }
}

/// `forceAsyncDownload: false` is sent, as the guide says, and the import is asynchronous all the same.
#[tokio::test]
async fn d01_an_address_is_always_imported_later() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    let task = bench.task(&order);
    let asset = bench.captioned(&order).await;
    let content = bench.files.signed("a.srt");
    assert_eq!(
        serde_json::to_value(&content).unwrap()["forceAsyncDownload"],
        json!(false)
    );
    let asset = task.caption_set_content(&asset.id, &content).await.unwrap();
    assert_eq!(asset.status, Some(AssetStatus::Importing));
    let status = settled(async || task.caption_get(&asset.id).await.unwrap().status).await;
    assert_eq!(status, AssetStatus::Ready);
    assert_eq!(
        bench.files.seen(),
        [(Method::HEAD, false), (Method::GET, true)],
        "the headers come with the GET alone"
    );
}

/// The headers are dropped for attachments. They go by an address that opens by itself, or by upload token.
#[tokio::test]
async fn d02_attachments_are_fetched_without_the_headers() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(9)).await;
    let task = bench.task(&order);
    let asset = task
        .attachment_add(&order.entry_id, &attachment("Description"))
        .await
        .unwrap();
    let error = task
        .attachment_set_content(&asset.id, &bench.files.signed("1.vtt"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ATTACHMENT_ASSET_DOWNLOAD_FAILED"));
    assert_eq!(bench.files.seen(), [(Method::GET, false)]);

    let done = task
        .attachment_set_content(&asset.id, &bench.files.open("2.vtt"))
        .await
        .unwrap();
    assert_eq!(
        done.status,
        Some(AssetStatus::Ready),
        "at once, and by a signed address"
    );
    let token = task.upload_file("3.vtt", "WEBVTT\n".into()).await.unwrap();
    let done = task
        .attachment_set_content(&asset.id, &ContentResource::upload_token(&token))
        .await
        .unwrap();
    assert_eq!(done.status, Some(AssetStatus::Ready));
}

#[tokio::test]
async fn d03_an_upload_token_is_no_asset() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    let task = bench.task(&order);
    let asset = bench.captioned(&order).await;
    let token = task.upload_file("a.srt", SRT.into()).await.unwrap();
    let of_the_guide = json!({
        "id": asset.id, "contentResource": { "objectType": "KalturaAssetResource", "assetId": token },
    });
    let code = bench
        .refused(&order.key, "caption_captionasset", "setContent", of_the_guide)
        .await;
    assert_eq!(code, "FLAVOR_ASSET_ID_NOT_FOUND");
    let done = task
        .caption_set_content(&asset.id, &ContentResource::upload_token(&token))
        .await
        .unwrap();
    assert_eq!(done.status, Some(AssetStatus::Ready));
}

/// PENDING and SCHEDULED can be asked for; whatever else is asked for gets PENDING without a word.
#[tokio::test]
async fn d04_the_filter_of_the_list_knows_two_statuses() {
    let bench = Bench::start().await;
    let pending = bench.place(OrderRequest::default()).await;
    let scheduled = bench
        .place(OrderRequest {
            status: 9,
            ..of_service(8)
        })
        .await;
    let running = bench.place(OrderRequest::default()).await;
    bench.set(&running, TaskStatus::Processing).await.unwrap();
    for (asked, expected) in [
        (TaskStatus::Pending, &pending),
        (TaskStatus::Scheduled, &scheduled),
        (TaskStatus::Processing, &pending),
    ] {
        let page = bench.vendor().get_jobs(&JobQuery::new(asked, 500)).await.unwrap();
        let ids: Vec<_> = page.jobs.iter().map(|job| &job.id).collect();
        assert_eq!(ids, [&expected.task_id], "{asked:?}");
    }
}

#[tokio::test]
async fn d05_a_scheduled_task_gets_a_new_key_too() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(8)).await;
    let extend = async || bench.vendor().extend_access_key(&order.task_id).await;
    assert_eq!(
        extend().await.unwrap_err().code(),
        Some("CANNOT_EXTEND_ACCESS_KEY"),
        "PENDING"
    );
    for status in [TaskStatus::Scheduled, TaskStatus::Processing] {
        bench.set(&order, status).await.unwrap();
        assert_ne!(
            extend().await.unwrap().access_key,
            Some(order.key.clone()),
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn d06_the_event_is_named_by_scheduled_event_id() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(8)).await;
    let event = bench
        .task(&order)
        .get()
        .await
        .unwrap()
        .task_job_data
        .unwrap()
        .scheduled_event_id;
    let event = event.unwrap();
    let feature = LiveCaptionFeature {
        media_url: "rtmps://vendor.example/in".to_owned(),
        media_key: "stream-1".to_owned(),
        caption_url: "wss://vendor.example/out".to_owned(),
        caption_token: "token-1".to_owned(),
        input_delay_s: Some(30),
    };
    let of_the_guide = json!({
        "scheduleEventId": event, "featureName": format!("LiveCaptionFeature-reach-{}", order.task_id),
        "liveFeature": feature,
    });
    let code = bench
        .refused(
            &order.key,
            "schedule_scheduleevent",
            "updateLiveFeature",
            of_the_guide,
        )
        .await;
    assert_eq!(code, "MISSING_MANDATORY_PARAMETER");
    bench
        .task(&order)
        .update_live_feature(event, &feature)
        .await
        .unwrap();
    assert_eq!(
        bench.report(&order).live_feature.unwrap()["captionToken"],
        "token-1"
    );
}

#[tokio::test]
async fn d07_the_server_alone_says_what_is_the_original() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(7)).await;
    let of_the_guide = json!({
        "entryId": order.entry_id,
        "flavorAsset": { "objectType": "KalturaFlavorAsset", "flavorParamsId": 301, "isOriginal": 1 },
    });
    let code = bench
        .refused(&order.key, "flavorasset", "add", of_the_guide)
        .await;
    assert_eq!(code, "PROPERTY_VALIDATION_NOT_UPDATABLE");
    let track = NewFlavorAsset {
        flavor_params_id: 301,
        language: english(),
        label: "English".to_owned(),
        is_default: true,
        file_ext: "mp4".to_owned(),
        partner_data: "stand-in-0".to_owned(),
    };
    let asset = bench
        .task(&order)
        .flavor_add(&order.entry_id, &track)
        .await
        .unwrap();
    assert_eq!((asset.is_original, asset.is_default), (Some(false), Some(true)));
}

/// The guide's attachment tagged `AAD`, and the caption of another usage that the server has meanwhile: both are there to
/// be made.
#[tokio::test]
async fn d08_extended_descriptions_go_either_way() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(9)).await;
    let task = bench.task(&order);
    let attached = task
        .attachment_add(&order.entry_id, &attachment("Extended Audio Description"))
        .await
        .unwrap();
    assert_eq!(attached.tags.as_deref(), Some("AAD"));
    let mut described = caption(CaptionType::WebVtt, english());
    described.usage = Some(CaptionUsage::ExtendedAudioDescription);
    let described = task.caption_add(&order.entry_id, &described).await.unwrap();
    assert_eq!(described.usage, Some(CaptionUsage::ExtendedAudioDescription));
    let plain = task
        .caption_add(&order.entry_id, &caption(CaptionType::WebVtt, english()))
        .await
        .unwrap();
    assert_eq!(plain.usage, Some(CaptionUsage::Caption));
}

/// Only the token can carry `disableentitlement`; the session tells whether it does.
#[tokio::test]
async fn d09_reserved_privileges_come_from_the_token() {
    for (privileges, disabled) in [("", false), ("list:*", false), ("disableentitlement", true)] {
        let app_token = AppTokenConfig {
            privileges: privileges.to_owned(),
            ..AppTokenConfig::default()
        };
        let bench = Bench::with(SimConfig {
            app_token,
            ..SimConfig::default()
        })
        .await;
        assert_eq!(bench.session.disables_entitlement(), disabled, "{privileges}");
    }
}

/// What the response profile leaves out is on the list alone: both objects are kept.
#[tokio::test]
async fn d10_times_and_service_are_on_the_list_alone() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    let page = bench
        .vendor()
        .get_jobs(&JobQuery::new(TaskStatus::Pending, 500))
        .await
        .unwrap();
    let listed = &page.jobs[0];
    let got = bench.task(&order).get().await.unwrap();
    for (job, is_there) in [(listed, true), (&got, false)] {
        let there = [
            job.expected_finish_time_epoch_s.is_some(),
            job.service_type.is_some(),
            job.service_feature.is_some(),
            job.turn_around_time.is_some(),
            job.queue_time_epoch_s.is_some(),
            job.user_id.is_some(),
        ];
        assert_eq!(there, [is_there; 6], "{job:?}");
    }
    assert!(got.catalog_item().is_some() && listed.catalog_item().is_none());
    assert!(got.reach_profile().is_some() && listed.reach_profile().is_none());
}

/// The server takes any output object: that of the source, as the guide says, or the one that was made.
#[tokio::test]
async fn d11_the_output_object_is_what_the_vendor_says() {
    for own in [true, false] {
        let bench = Bench::start().await;
        let mut request = of_service(2);
        request.entry.captions = vec![ExistingCaption::default()];
        let order = bench.place(request).await;
        let task = bench.task(&order);
        let source = task
            .get()
            .await
            .unwrap()
            .task_job_data
            .unwrap()
            .caption_asset_id
            .unwrap();
        let made: AssetId = task
            .caption_add(&order.entry_id, &caption(CaptionType::Srt, english()))
            .await
            .unwrap()
            .id;
        let output = if own { &made } else { &source };
        let ready = UpdateJob::new(TaskStatus::Ready).output_object_id(output.as_str());
        bench.update(&order, ready).await.unwrap();
        let report = bench.report(&order);
        assert_eq!(report.task["outputObjectId"], json!(output));
        let labels: Vec<_> = report
            .assets
            .iter()
            .filter(|asset| asset.kind == AssetKind::Caption)
            .map(|asset| &asset.fields["label"])
            .collect();
        assert_eq!(labels, ["English", "English"], "neither label is touched");
    }
}

#[tokio::test]
async fn d12_three_languages_of_the_catalog_are_none_of_an_asset() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    for name in ["Auto Detect", "English (ASL)", "English (BSL)"] {
        assert_eq!(CatalogLanguage::from(name).asset_language(), None, "{name}");
        let copied = json!({
            "entryId": order.entry_id,
            "captionAsset": { "objectType": "KalturaCaptionAsset", "language": name },
        });
        let code = bench
            .refused(&order.key, "caption_captionasset", "add", copied)
            .await;
        assert_eq!(code, "INVALID_ENUM_VALUE", "{name}");
    }
    for name in ["English", "Spanish (Latin America)"] {
        let language = CatalogLanguage::from(name).asset_language().unwrap();
        bench
            .task(&order)
            .caption_add(&order.entry_id, &caption(CaptionType::Srt, language))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn d13_the_server_adds_to_the_label() {
    let bench = Bench::start().await;
    let order = bench
        .place(OrderRequest {
            profile: ProfileSpec {
                label_addition_for_machine_service_type: Some("(auto)".to_owned()),
                ..ProfileSpec::default()
            },
            ..OrderRequest::default()
        })
        .await;
    let asset = bench.captioned(&order).await;
    assert_eq!(asset.label.as_deref(), Some("English"), "ours is without it");
    let ready = UpdateJob::new(TaskStatus::Ready).output_object_id(asset.id.as_str());
    bench.update(&order, ready).await.unwrap();
    let report = bench.report(&order);
    let asset = report.delivered(AssetKind::Caption).next().unwrap();
    assert_eq!(asset.fields["label"], "English (auto)");
}

/// After READY nothing can be mended, so every asset is looked at before.
#[tokio::test]
async fn d14_ready_ends_the_key() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    bench.task(&order).get().await.unwrap();
    bench.set(&order, TaskStatus::Ready).await.unwrap();
    let error = bench.task(&order).get().await.unwrap_err();
    assert_eq!(
        (error.class(), error.session_fault()),
        (ErrorClass::SessionDead, Some("LOGOUT"))
    );
    let error = bench
        .vendor()
        .extend_access_key(&order.task_id)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("CANNOT_EXTEND_ACCESS_KEY"), "and for good");
}

#[tokio::test]
async fn d15_an_aborted_task_is_not_there() {
    let bench = Bench::start().await;
    let order = bench
        .place(OrderRequest {
            catalog_item: CatalogItemSpec::default(),
            ..OrderRequest::default()
        })
        .await;
    bench.sim.abort_order(&order.task_id.as_str().into()).unwrap();
    let outcomes = [
        bench.task(&order).get().await.map(|_| ()),
        bench.set(&order, TaskStatus::Processing).await,
        bench.vendor().extend_access_key(&order.task_id).await.map(|_| ()),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.code(), error.class()),
            (Some("ENTRY_VENDOR_TASK_NOT_FOUND"), ErrorClass::Gone)
        );
    }
    let page = bench
        .vendor()
        .get_jobs(&JobQuery::new(TaskStatus::Pending, 500))
        .await
        .unwrap();
    assert!(page.jobs.is_empty());
}
