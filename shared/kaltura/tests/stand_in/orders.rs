//! An order of each kind, from job to READY, with as few calls as it takes: what the table in the crate's documentation says
//! is counted here.

use std::collections::BTreeMap;

use kaltura::{
    AssetId, AssetLanguage, AttachmentKind, AttachmentType, CaptionType, ContentResource, EntryVendorTask,
    LiveCaptionFeature, MultiLingualString, NewAttachmentAsset, NewChapter, NewFlavorAsset, StreamerType,
    TaskClient, TaskStatus, ThumbCuePointSubType, UpdateJob,
};
use kaltura_sim::{AssetKind, CatalogItemSpec, ExistingCaption, OrderReport, OrderRequest};

use crate::bench::{Bench, Order, SRT, caption, english, settled};

/// Takes on an order; gives it to `deliver`, and ends it. Answers the requests that it took, in order; what is asked again
/// and again until it is so stands once.
async fn work(
    request: OrderRequest,
    deliver: impl AsyncFnOnce(&Bench, &Order, TaskClient<'_>, &EntryVendorTask) -> Option<AssetId>,
) -> (Vec<String>, OrderReport) {
    let bench = Bench::start().await;
    let order = bench.place(request).await;
    bench.requests();
    let task = bench.task(&order);
    let job = task.get().await.unwrap();
    if job
        .task_job_data
        .as_ref()
        .is_some_and(|data| data.scheduled_event_id.is_none())
    {
        bench.set(&order, TaskStatus::Processing).await.unwrap();
    }
    let output = deliver(&bench, &order, task, &job).await;
    let mut ready = UpdateJob::new(TaskStatus::Ready);
    if let Some(output) = output {
        ready = ready.output_object_id(output.as_str()).accuracy(95);
    }
    bench.update(&order, ready).await.unwrap();
    let report = bench.report(&order);
    assert_eq!((report.status, report.charged), (2, true));
    for asset in report.assets.iter().filter(|asset| asset.by_vendor) {
        assert_eq!(asset.status, 2, "{asset:?}");
    }
    let mut requests = bench.requests();
    requests
        .dedup_by(|next, one| next == one && one.rsplit_once('.').is_some_and(|(_, action)| action == "get"));
    (requests, report)
}

fn of_service(service_feature: i64) -> OrderRequest {
    OrderRequest {
        service_feature,
        ..OrderRequest::default()
    }
}

async fn media(order: &Order, task: TaskClient<'_>) {
    let context = task
        .playback_context(&order.entry_id, StreamerType::AppleHttp)
        .await
        .unwrap();
    assert!(!context.sources.is_empty());
}

async fn caption_by_url(
    bench: &Bench,
    order: &Order,
    task: TaskClient<'_>,
    _: &EntryVendorTask,
) -> Option<AssetId> {
    media(order, task).await;
    let new = caption(CaptionType::Srt, english());
    let id = task.caption_add(&order.entry_id, &new).await.unwrap().id;
    task.caption_set_content(&id, &bench.files.signed("a.srt"))
        .await
        .unwrap();
    settled(async || task.caption_get(&id).await.unwrap().status).await;
    Some(id)
}

async fn caption_by_token(order: &Order, task: TaskClient<'_>, language: AssetLanguage) -> Option<AssetId> {
    let new = caption(CaptionType::Srt, language);
    let id = task.caption_add(&order.entry_id, &new).await.unwrap().id;
    let token = task.upload_file("a.srt", SRT.into()).await.unwrap();
    task.caption_set_content(&id, &ContentResource::upload_token(&token))
        .await
        .unwrap();
    Some(id)
}

fn attachment(kind: AttachmentKind, file_ext: &str, tags: &str) -> NewAttachmentAsset {
    NewAttachmentAsset {
        kind,
        format: AttachmentType::Text,
        file_ext: file_ext.to_owned(),
        filename: String::new(),
        title: "Words".to_owned(),
        tags: tags.to_owned(),
        partner_data: "stand-in-1".to_owned(),
    }
}

async fn attach(order: &Order, task: TaskClient<'_>, new: NewAttachmentAsset) -> AssetId {
    let id = task.attachment_add(&order.entry_id, &new).await.unwrap().id;
    let name = format!("words.{}", new.file_ext);
    let token = task.upload_file(&name, "Good morning.\n".into()).await.unwrap();
    task.attachment_set_content(&id, &ContentResource::upload_token(&token))
        .await
        .unwrap();
    id
}

/// The two tracks of a dubbing or a description, watched together.
async fn tracks(
    bench: &Bench,
    order: &Order,
    task: TaskClient<'_>,
    job: &EntryVendorTask,
) -> Option<AssetId> {
    media(order, task).await;
    let item = job.catalog_item().unwrap();
    let params = [
        item.flavor_params_id.unwrap(),
        item.clear_audio_flavor_params_id.unwrap(),
    ];
    let mut ids = Vec::new();
    for (number, flavor_params_id) in params.into_iter().enumerate() {
        let track = NewFlavorAsset {
            flavor_params_id,
            language: english(),
            label: "English".to_owned(),
            is_default: number == 1,
            file_ext: "mp4".to_owned(),
            partner_data: format!("stand-in-{number}"),
        };
        let id = task.flavor_add(&order.entry_id, &track).await.unwrap().id;
        let content = bench.files.signed(&format!("{number}.mp4"));
        task.flavor_set_content(&id, &content).await.unwrap();
        ids.push(id);
    }
    for place in 0..ids.len() {
        settled(async || task.flavors_get(&ids).await.swap_remove(place).unwrap().status).await;
    }
    ids.into_iter().next()
}

fn two_tracks(service_feature: i64, params: (i64, i64)) -> OrderRequest {
    OrderRequest {
        catalog_item: CatalogItemSpec {
            flavor_params_id: Some(params.0),
            clear_audio_flavor_params_id: Some(params.1),
            ..CatalogItemSpec::default()
        },
        ..of_service(service_feature)
    }
}

fn chapter(order: &Order, number: u64) -> NewChapter {
    NewChapter {
        entry_id: order.entry_id.clone(),
        start_time_ms: number * 500,
        sub_type: ThumbCuePointSubType::Chapter,
        title: format!("Chapter {number}"),
        description: String::new(),
        system_name: format!("{}-{number}", order.task_id),
        partner_data: "stand-in".to_owned(),
    }
}

#[tokio::test]
async fn what_an_order_of_each_kind_costs() {
    let mut costs = BTreeMap::new();
    let mut note = |kind: &'static str, calls: Vec<String>| {
        costs.insert(kind, calls);
    };

    let (made, report) = work(of_service(1), caption_by_url).await;
    assert_eq!(report.delivered(AssetKind::Caption).count(), 1);
    note("captions, by URL", made);

    let (made, _) = work(of_service(1), async |_, order, task, _| {
        media(order, task).await;
        caption_by_token(order, task, english()).await
    })
    .await;
    note("captions, by upload token", made);

    let mut request = of_service(2);
    request.entry.captions = vec![ExistingCaption::default()];
    let (made, report) = work(request, async |_, order, task, job| {
        let source = job.task_job_data.clone().unwrap().caption_asset_id.unwrap();
        assert_eq!(task.caption_get(&source).await.unwrap().accuracy, Some(95));
        task.caption_url(&source).await.unwrap();
        caption_by_token(order, task, AssetLanguage::parse("Spanish").unwrap()).await
    })
    .await;
    assert_eq!(
        report.delivered(AssetKind::Caption).next().unwrap().fields["language"],
        "Spanish"
    );
    note("translation of captions, by upload token", made);

    let (made, report) = work(of_service(3), async |_, order, task, _| {
        media(order, task).await;
        let id = caption_by_token(order, task, english()).await;
        let transcript = AttachmentKind::Transcript {
            language: english(),
            accuracy_percent: 100,
        };
        attach(order, task, attachment(transcript, "txt", "")).await;
        id
    })
    .await;
    assert_eq!(report.delivered(AssetKind::Attachment).count(), 1);
    note("alignment with a transcript, by upload token", made);

    for (kind, service, params) in [
        ("audio description, by URL", 4, (200, 201)),
        ("dubbing, by URL", 7, (301, 302)),
    ] {
        let (made, report) = work(two_tracks(service, params), tracks).await;
        assert_eq!(report.delivered(AssetKind::Flavor).count(), 2);
        note(kind, made);
    }

    let (made, _) = work(of_service(9), async |_, order, task, _| {
        media(order, task).await;
        Some(attach(order, task, attachment(AttachmentKind::Plain, "vtt", "AAD")).await)
    })
    .await;
    note("extended audio description, by upload token", made);

    let (made, report) = work(of_service(5), async |_, order, task, _| {
        media(order, task).await;
        let chapters: Vec<_> = (0..60).map(|number| chapter(order, number)).collect();
        for outcome in task.chapters_add(&chapters).await {
            outcome.unwrap();
        }
        None
    })
    .await;
    assert_eq!(report.cue_points.len(), 60);
    note("chapters, 60 of them", made);

    let (made, report) = work(of_service(8), live).await;
    assert!(report.live_feature.is_some());
    note("live captions", made);

    let lines: Vec<String> = costs
        .iter()
        .map(|(kind, calls)| format!("{kind}: {}\n    {}", calls.len(), calls.join("\n    ")))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

async fn live(bench: &Bench, order: &Order, task: TaskClient<'_>, job: &EntryVendorTask) -> Option<AssetId> {
    let data = job.task_job_data.clone().unwrap();
    let feature = LiveCaptionFeature {
        media_url: "rtmps://vendor.example/in".to_owned(),
        media_key: "stream-1".to_owned(),
        caption_url: "wss://vendor.example/out".to_owned(),
        caption_token: "token-1".to_owned(),
        input_delay_s: None,
    };
    task.update_live_feature(data.scheduled_event_id.unwrap(), &feature)
        .await
        .unwrap();
    for status in [TaskStatus::Scheduled, TaskStatus::Processing] {
        bench.set(order, status).await.unwrap();
    }
    None
}

/// A chapter that is there already, in the middle of others: each has its own outcome.
#[tokio::test]
async fn chapters_are_answered_one_by_one() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(5)).await;
    let task = bench.task(&order);
    task.chapter_add(&chapter(&order, 1)).await.unwrap();
    let chapters = [chapter(&order, 0), chapter(&order, 1), chapter(&order, 2)];
    let outcomes = task.chapters_add(&chapters).await;
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().err().and_then(kaltura::Error::code))
        .collect();
    assert_eq!(codes, [None, Some("CUE_POINT_SYSTEM_NAME_EXISTS"), None]);
    assert_eq!(outcomes[2].as_ref().unwrap().title.as_deref(), Some("Chapter 2"));
    assert_eq!(task.chapters(&order.entry_id).await.unwrap().len(), 3);
}

/// Tags of several languages, beside those that the entry has.
#[tokio::test]
async fn tags_are_set_by_language_and_plainly() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    let task = bench.task(&order);
    let tags = ["FR", "EN"].map(|language| MultiLingualString {
        language: language.to_owned(),
        value: format!("{language}-tag"),
    });
    task.set_tags_by_language(&order.entry_id, tags.to_vec())
        .await
        .unwrap();
    let report = bench.report(&order);
    for language in ["FR", "EN"] {
        assert!(
            format!("{:?}", report.multilingual_tags).contains(&format!("{language}-tag")),
            "{report:?}"
        );
    }
    task.set_tags(&order.entry_id, "a,b").await.unwrap();
    assert_eq!(bench.report(&order).tags, ["a", "b"]);
}

/// Orders of all services of the contract, and of one that nobody knows yet, with what a customer can wish for: each is
/// listed and read.
#[tokio::test]
async fn an_order_of_any_service_is_read() {
    let bench = Bench::start().await;
    for feature in (1..=28).chain([4711]) {
        let order = OrderRequest {
            dictionary: Some("kaltura\nreach".to_owned()),
            notes: Some("names matter".to_owned()),
            catalog_item: CatalogItemSpec {
                target_language: Some("French".to_owned()),
                output_format: Some("3".to_owned()),
                flavor_params_id: Some(301),
                clear_audio_flavor_params_id: Some(302),
                require_source: Some(false),
                ..CatalogItemSpec::default()
            },
            ..of_service(feature)
        };
        let order = bench.place(order).await;
        let job = bench.task(&order).get().await.unwrap();
        assert_eq!(job.dictionary.as_deref(), Some("kaltura\nreach"));
        assert!(job.task_job_data.is_some(), "{feature}");
        let item = job.catalog_item().unwrap();
        assert_eq!(
            item.service_feature.map(kaltura::ServiceFeature::number),
            Some(feature)
        );
        assert!(job.reach_profile().is_some(), "{feature}");
    }
    let page = bench
        .vendor()
        .get_jobs(&kaltura::JobQuery::new(TaskStatus::Pending, 500))
        .await
        .unwrap();
    assert_eq!((page.jobs.len(), page.rejected.len()), (29, 0));
}
