//! What the services beyond captions need of the client, each against the stand-in: sources that the customer has, and
//! deliverables that are found again by their marks.

use kaltura::{
    AssetId, AssetStatus, AttachmentKind, AttachmentType, CaptionType, CaptionUpdate, CaptionUsage,
    ContentResource, MultiLingualString, NewAttachmentAsset, NewCaptionAsset, NewChapter, NewFlavorAsset,
    SecretUrl, ThumbCuePointSubType,
};
use kaltura_sim::{ExistingCaption, ExistingTranscript, OrderRequest};

use crate::bench::{Bench, caption, english};

fn of_service(service_feature: i64) -> OrderRequest {
    OrderRequest {
        service_feature,
        ..OrderRequest::default()
    }
}

/// A plain GET, without any session of ours.
async fn download(url: &SecretUrl) -> String {
    let answer = reqwest::get(url.reveal()).await.unwrap();
    String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_captions_of_a_translation_are_judged_and_fetched() {
    let bench = Bench::start().await;
    let mut order = of_service(2);
    order.catalog_item.require_source = Some(true);
    order.entry.captions = vec![ExistingCaption {
        language: "German".to_owned(),
        format: 3,
        accuracy: Some(87),
        content: "WEBVTT\n\n00:00.000 --> 00:01.000\nGuten Morgen.\n".to_owned(),
        ..ExistingCaption::default()
    }];
    let order = bench.place(order).await;
    let task = bench.task(&order);
    let job = task.get().await.unwrap();
    assert!(job.catalog_item().unwrap().requires_source());
    let source = job.task_job_data.unwrap().caption_asset_id.unwrap();
    let asset = task.caption_get(&source).await.unwrap();
    assert_eq!(
        (
            asset.language.as_deref(),
            asset.accuracy,
            asset.format,
            asset.status
        ),
        (
            Some("German"),
            Some(87),
            Some(CaptionType::WebVtt),
            Some(AssetStatus::Ready)
        )
    );
    let text = download(&task.caption_url(&source).await.unwrap()).await;
    assert!(text.contains("Guten Morgen."), "{text}");
}

#[tokio::test]
async fn captions_that_are_not_there_yet_are_not_served() {
    let bench = Bench::start().await;
    let mut order = of_service(2);
    order.entry.captions = vec![ExistingCaption {
        status: 7,
        ..ExistingCaption::default()
    }];
    let order = bench.place(order).await;
    let task = bench.task(&order);
    let source = task
        .get()
        .await
        .unwrap()
        .task_job_data
        .unwrap()
        .caption_asset_id
        .unwrap();
    let refused = task.caption_url(&source).await.unwrap_err();
    assert_eq!(
        (refused.name(), refused.class()),
        ("CAPTION_ASSET_IS_NOT_READY", kaltura::ErrorClass::Retryable)
    );
}

#[tokio::test]
async fn the_transcripts_of_an_alignment_are_found_and_fetched() {
    let bench = Bench::start().await;
    let mut order = of_service(3);
    order.entry.transcripts = vec![
        ExistingTranscript::default(),
        ExistingTranscript {
            format: 4,
            content: "[]".to_owned(),
            ..ExistingTranscript::default()
        },
    ];
    let order = bench.place(order).await;
    let task = bench.task(&order);
    let data = task.get().await.unwrap().task_job_data.unwrap();
    let text = data.text_transcript_asset_id.unwrap();
    let json = data.json_transcript_asset_id.unwrap();
    let listed = task.attachment_list(&order.entry_id).await.unwrap();
    let kinds: Vec<_> = listed.iter().map(|asset| (&asset.id, asset.format)).collect();
    assert_eq!(
        kinds,
        [
            (&text, Some(AttachmentType::Text)),
            (&json, Some(AttachmentType::Json))
        ]
    );
    let asset = task.attachment_get(&text).await.unwrap();
    assert_eq!(asset.object_type.as_deref(), Some("KalturaTranscriptAsset"));
    assert_eq!(
        download(&task.attachment_url(&text).await.unwrap()).await,
        "Hello.\n"
    );
    assert_eq!(download(&task.attachment_url(&json).await.unwrap()).await, "[]");
}

/// A transcript goes up, is found by its mark, and is named by the captions that it belongs to.
#[tokio::test]
async fn transcripts_are_found_by_their_mark_and_belong_to_captions() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(1)).await;
    let task = bench.task(&order);
    let captions = bench.captioned(&order).await;
    let mut transcripts = Vec::new();
    for (kind, file_ext) in [
        (
            AttachmentKind::Transcript {
                language: english(),
                accuracy_percent: 95,
            },
            "txt",
        ),
        (AttachmentKind::Plain, "vtt"),
    ] {
        let mark = format!("stand-in-{file_ext}");
        let new = NewAttachmentAsset {
            kind,
            format: AttachmentType::Text,
            file_ext: file_ext.to_owned(),
            filename: format!("{}.{file_ext}", order.task_id),
            title: "Transcript".to_owned(),
            tags: String::new(),
            partner_data: mark.clone(),
        };
        let added = task.attachment_add(&order.entry_id, &new).await.unwrap();
        assert_eq!(added.status, Some(AssetStatus::Queued));
        let content = ContentResource::text("Good morning everybody.\n");
        let set = task.attachment_set_content(&added.id, &content).await.unwrap();
        assert_eq!(set.status, Some(AssetStatus::Ready));
        let listed = task.attachment_list(&order.entry_id).await.unwrap();
        let found = listed
            .iter()
            .find(|asset| asset.partner_data.as_deref() == Some(&mark));
        assert_eq!(found.unwrap().id, added.id);
        transcripts.push(added.id);
    }
    let ids: Vec<&str> = transcripts.iter().map(AssetId::as_str).collect();
    let update = CaptionUpdate {
        associated_transcript_ids: Some(ids.join(",")),
        ..CaptionUpdate::default()
    };
    task.caption_update(&captions.id, &update).await.unwrap();
    let captions = task.caption_get(&captions.id).await.unwrap();
    assert_eq!(captions.associated_transcript_ids, transcripts);

    task.caption_delete(&captions.id).await.unwrap();
    let gone = task.caption_get(&captions.id).await.unwrap_err();
    assert_eq!(gone.name(), "CAPTION_ASSET_ID_NOT_FOUND");
    let again = task.caption_delete(&captions.id).await.unwrap_err();
    assert_eq!(again.name(), "CAPTION_ASSET_ID_NOT_FOUND");
}

#[tokio::test]
async fn a_sound_track_that_is_there_is_told_and_found_by_its_mark() {
    let bench = Bench::start().await;
    let mut order = of_service(7);
    order.catalog_item.flavor_params_id = Some(301);
    let order = bench.place(order).await;
    let task = bench.task(&order);
    let new = NewFlavorAsset {
        flavor_params_id: 301,
        language: english(),
        label: "English".to_owned(),
        is_default: false,
        file_ext: "mp4".to_owned(),
        partner_data: "stand-in-track".to_owned(),
    };
    let added = task.flavor_add(&order.entry_id, &new).await.unwrap();
    let refused = task.flavor_add(&order.entry_id, &new).await.unwrap_err();
    let there = refused.existing_flavor().unwrap();
    assert_eq!((&there.asset_id, there.flavor_params_id), (&added.id, Some(301)));
    let ours = |flavor: &&kaltura::FlavorAsset| flavor.partner_data.as_deref() == Some("stand-in-track");
    let listed = task.flavor_list(&order.entry_id).await.unwrap();
    assert_eq!(listed.iter().find(ours).unwrap().id, added.id);
    let content = ContentResource::text("sound");
    let set = task.flavor_set_content(&there.asset_id, &content).await.unwrap();
    assert_eq!(set.status, Some(AssetStatus::Ready));
}

#[tokio::test]
async fn an_extended_description_is_a_caption_of_its_own_usage() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(9)).await;
    let task = bench.task(&order);
    let new = NewCaptionAsset {
        usage: Some(CaptionUsage::ExtendedAudioDescription),
        is_default: false,
        ..caption(CaptionType::WebVtt, english())
    };
    let added = task.caption_add(&order.entry_id, &new).await.unwrap();
    let read = task.caption_get(&added.id).await.unwrap();
    assert_eq!(
        (read.usage, read.is_default),
        (Some(CaptionUsage::ExtendedAudioDescription), Some(false))
    );
    let plain = bench.captioned(&order).await;
    assert_eq!(plain.usage, Some(CaptionUsage::Caption));
}

/// Tags replace those of their language: they are read, merged and sent whole.
#[tokio::test]
async fn tags_are_merged_with_those_that_are_there() {
    let bench = Bench::start().await;
    let mut order = of_service(1);
    for (language, tags) in [("DE", "hafen"), ("FR", "port")] {
        order
            .entry
            .multilingual_tags
            .insert(language.to_owned(), tags.to_owned());
    }
    let order = bench.place(order).await;
    let task = bench.task(&order);
    let mut french = task.media(&order.entry_id).await.unwrap().multi_lingual_tags;
    french.retain(|tags| tags.language == "FR");
    assert_eq!(french[0].value, "port");
    french[0].value.push_str(",nuit");
    task.set_tags_by_language(&order.entry_id, french).await.unwrap();
    let merged = task.media(&order.entry_id).await.unwrap().multi_lingual_tags;
    let merged: Vec<_> = merged
        .iter()
        .map(|MultiLingualString { language, value, .. }| (language.as_str(), value.as_str()))
        .collect();
    assert_eq!(merged, [("DE", "hafen"), ("FR", "port,nuit")]);
}

#[tokio::test]
async fn chapters_are_found_by_their_system_name() {
    let bench = Bench::start().await;
    let order = bench.place(of_service(5)).await;
    let task = bench.task(&order);
    let chapter = NewChapter {
        entry_id: order.entry_id.clone(),
        start_time_ms: 1_500,
        sub_type: ThumbCuePointSubType::Chapter,
        title: "Welcome".to_owned(),
        description: "The guests arrive.".to_owned(),
        system_name: format!("{}-chapter-0", order.task_id),
        partner_data: "stand-in-0".to_owned(),
    };
    task.chapter_add(&chapter).await.unwrap();
    let refused = task.chapter_add(&chapter).await.unwrap_err();
    assert_eq!(refused.name(), "CUE_POINT_SYSTEM_NAME_EXISTS");
    let listed = task.chapters(&order.entry_id).await.unwrap();
    let [found] = &listed[..] else {
        panic!("one chapter: {listed:?}")
    };
    assert_eq!(
        (
            found.system_name.as_deref(),
            found.start_time_ms,
            found.title.as_deref()
        ),
        (Some(chapter.system_name.as_str()), Some(1_500), Some("Welcome"))
    );
}
