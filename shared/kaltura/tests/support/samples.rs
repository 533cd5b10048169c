//! Every call that the crate can make, with every parameter set at least once.

use axum::body::Bytes;
use kaltura::calls::{
    AbortTask, AddAttachment, AddCaption, AddCuePoint, AddFlavor, AddUploadToken, AssetFilter,
    CuePointFilter, DeleteCaption, EntryUpdate, ExtendAccessKey, FilterPager, GetAttachment,
    GetAttachmentUrl, GetBaseEntry, GetCaption, GetCaptionUrl, GetFlavor, GetMedia, GetPlaybackContext,
    GetScheduleEvent, GetTask, GetUploadToken, GetVendorCatalogItem, ListAttachments, ListCaptions,
    ListCuePoints, ListFlavors, ListFlavorsOfEntry, SetAttachmentContent, SetCaptionContent,
    SetFlavorContent, StartAppTokenSession, StartWidgetSession, UpdateBaseEntry, UpdateCaption, UpdateFlavor,
    UpdateLiveFeature, UpdateMedia, UpdateTask, UploadChunk,
};
use kaltura::{
    AppToken, AppTokenHashType, AssetId, AssetLanguage, AttachmentKind, AttachmentType, Call, CaptionType,
    CaptionUpdate, CaptionUsage, CatalogItemId, ContentResource, EntryId, FlavorUpdate, JobOrder, JobQuery,
    LiveCaptionFeature, MultiLingualString, NewAttachmentAsset, NewCaptionAsset, NewChapter, NewFlavorAsset,
    PartnerId, ScheduleEventId, SessionType, StartSession, StreamerType, TaskId, TaskStatus,
    ThumbCuePointSubType, UpdateJob, UploadTokenId,
};

/// Whose session a call is made with (spec 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    Nothing,
    VendorKs,
    VendorKsForTask,
    AccessKey,
}

/// Is shown every call.
pub trait Visitor {
    /// `sample` tells the samples of one action apart; empty where there is one.
    async fn visit<C: Call>(&mut self, call: &C, with: With, sample: &str);
}

/// How many calls the crate declares, by its sources: so that none is forgotten here.
pub fn declared() -> usize {
    [
        include_str!("../../src/calls/attachment.rs"),
        include_str!("../../src/calls/caption.rs"),
        include_str!("../../src/calls/entry.rs"),
        include_str!("../../src/calls/event.rs"),
        include_str!("../../src/calls/flavor.rs"),
        include_str!("../../src/calls/session.rs"),
        include_str!("../../src/calls/task.rs"),
        include_str!("../../src/calls/upload.rs"),
    ]
    .iter()
    .flat_map(|source| source.lines())
    .filter(|line| line.starts_with("call!(") || line.starts_with("impl Call for "))
    .count()
}

pub fn entry_id() -> EntryId {
    EntryId::parse("0_o2z3458w").unwrap()
}

pub fn new_chapter() -> NewChapter {
    NewChapter {
        entry_id: entry_id(),
        start_time_ms: 61_000,
        sub_type: ThumbCuePointSubType::Chapter,
        title: "Questions".to_owned(),
        description: "What the audience asks".to_owned(),
        system_name: "reach-9292-chapter-2".to_owned(),
        partner_data: "reach-9292-1".to_owned(),
    }
}

pub fn asset_id() -> AssetId {
    AssetId::parse("0_caption1").unwrap()
}

pub fn english() -> AssetLanguage {
    AssetLanguage::parse("English").unwrap()
}

pub fn new_caption() -> NewCaptionAsset {
    NewCaptionAsset {
        format: CaptionType::Srt,
        file_ext: "srt".to_owned(),
        accuracy: 93,
        language: english(),
        is_default: true,
        display_on_player: true,
        label: "English".to_owned(),
        partner_data: "reach-9292-0".to_owned(),
        usage: Some(CaptionUsage::Caption),
    }
}

pub fn by_url() -> ContentResource {
    let lines = [
        "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/s3/aws4_request, Signature=00ff"
            .to_owned(),
        "x-amz-date: 20261122T231200Z".to_owned(),
        "x-amz-content-sha256: UNSIGNED-PAYLOAD".to_owned(),
    ];
    ContentResource::url(
        "https://bucket.s3.eu-west-1.amazonaws.com/captions/9292/0.srt",
        &lines,
    )
    .unwrap()
}

pub async fn visit_all(visitor: &mut impl Visitor) {
    sessions(visitor).await;
    tasks(visitor).await;
    entries(visitor).await;
    captions(visitor).await;
    flavors(visitor).await;
    attachments(visitor).await;
    uploads(visitor).await;
    events(visitor).await;
}

async fn sessions(visitor: &mut impl Visitor) {
    visitor
        .visit(
            &StartWidgetSession::new(PartnerId::from(12_345), 600),
            With::Nothing,
            "",
        )
        .await;
    let token = AppToken {
        id: "1_token".to_owned(),
        token: "app-token".into(),
        hash_type: AppTokenHashType::Sha256,
    };
    let start = StartAppTokenSession::new(&token, &super::ks(), 86_400);
    visitor.visit(&start, With::VendorKs, "").await;
    let start = StartSession {
        secret: "admin-secret".into(),
        user_id: "reach".to_owned(),
        session_type: SessionType::Admin,
        partner_id: PartnerId::from(12_345),
        life_s: 3600,
        privileges: "disableentitlement".to_owned(),
    };
    visitor.visit(&start, With::Nothing, "").await;
}

async fn tasks(visitor: &mut impl Visitor) {
    let id = super::task_id();
    visitor
        .visit(
            &JobQuery::new(TaskStatus::Pending, 500).call(),
            With::VendorKs,
            "pending",
        )
        .await;
    let mut query = JobQuery::new(TaskStatus::Pending, 9_999);
    query.statuses.push(TaskStatus::Scheduled);
    query.created_from_epoch_s = Some(1_521_639_688);
    query.created_until_epoch_s = Some(1_521_726_088);
    query.not_ids = vec![id.clone(), TaskId::parse("9007199254740993").unwrap()];
    query.order = JobOrder::ExpectedFinishTime;
    query.page_index = 2;
    visitor.visit(&query.call(), With::VendorKs, "all_filters").await;
    visitor.visit(&GetTask::new(&id), With::AccessKey, "").await;
    let processing = UpdateJob::new(TaskStatus::Processing).external_task_id("9292-1");
    visitor
        .visit(
            &UpdateTask {
                id: &id,
                entry_vendor_task: &processing,
            },
            With::VendorKsForTask,
            "processing",
        )
        .await;
    let ready = UpdateJob::new(TaskStatus::Ready)
        .output_object_id("0_caption1")
        .accuracy(93)
        .partner_data(&serde_json::json!({"engine": "local"}));
    visitor
        .visit(
            &UpdateTask {
                id: &id,
                entry_vendor_task: &ready,
            },
            With::VendorKsForTask,
            "ready",
        )
        .await;
    let error = UpdateJob::new(TaskStatus::Error).err_description("The media has no sound.");
    visitor
        .visit(
            &UpdateTask {
                id: &id,
                entry_vendor_task: &error,
            },
            With::VendorKsForTask,
            "error",
        )
        .await;
    visitor
        .visit(&ExtendAccessKey { id: &id }, With::VendorKsForTask, "")
        .await;
    visitor
        .visit(
            &AbortTask {
                id: &id,
                abort_reason: Some("changed my mind"),
            },
            With::VendorKsForTask,
            "",
        )
        .await;
    visitor
        .visit(
            &GetVendorCatalogItem {
                id: CatalogItemId::from(17),
            },
            With::AccessKey,
            "",
        )
        .await;
}

async fn entries(visitor: &mut impl Visitor) {
    let entry_id = &entry_id();
    let key = super::key();
    visitor
        .visit(&GetBaseEntry { entry_id }, With::AccessKey, "")
        .await;
    visitor.visit(&GetMedia { entry_id }, With::AccessKey, "").await;
    let hls = GetPlaybackContext::new(entry_id, StreamerType::AppleHttp, &key);
    visitor.visit(&hls, With::AccessKey, "hls").await;
    let http = GetPlaybackContext::new(entry_id, StreamerType::Http, &key);
    visitor.visit(&http, With::AccessKey, "http").await;
    let base_entry = &EntryUpdate::Base {
        tags: "one,two".to_owned(),
    };
    visitor
        .visit(&UpdateBaseEntry { entry_id, base_entry }, With::AccessKey, "")
        .await;
    let french = MultiLingualString {
        language: "FR".to_owned(),
        value: "francais".to_owned(),
    };
    let media_entry = &EntryUpdate::Media {
        multi_lingual_tags: vec![french],
    };
    visitor
        .visit(
            &UpdateMedia {
                entry_id,
                media_entry,
            },
            With::AccessKey,
            "",
        )
        .await;
    let chapter = new_chapter();
    visitor
        .visit(&AddCuePoint { cue_point: &chapter }, With::AccessKey, "")
        .await;
    let list = ListCuePoints {
        filter: CuePointFilter::chapters(entry_id),
        pager: FilterPager {
            page_size: 500,
            page_index: 1,
        },
    };
    visitor.visit(&list, With::AccessKey, "").await;
}

async fn captions(visitor: &mut impl Visitor) {
    let (entry_id, id) = (&entry_id(), &asset_id());
    visitor
        .visit(
            &AddCaption {
                entry_id,
                caption_asset: &new_caption(),
            },
            With::AccessKey,
            "",
        )
        .await;
    let by_url = by_url();
    visitor
        .visit(
            &SetCaptionContent {
                id,
                content_resource: &by_url,
            },
            With::AccessKey,
            "url",
        )
        .await;
    let by_token = ContentResource::upload_token(&UploadTokenId::parse("0_token1").unwrap());
    visitor
        .visit(
            &SetCaptionContent {
                id,
                content_resource: &by_token,
            },
            With::AccessKey,
            "token",
        )
        .await;
    let by_text = ContentResource::text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n");
    visitor
        .visit(
            &SetCaptionContent {
                id,
                content_resource: &by_text,
            },
            With::AccessKey,
            "text",
        )
        .await;
    visitor
        .visit(&GetCaption { caption_asset_id: id }, With::AccessKey, "")
        .await;
    let filter = AssetFilter {
        entry_id_equal: entry_id.clone(),
    };
    visitor
        .visit(
            &ListCaptions {
                filter,
                pager: FilterPager {
                    page_size: 500,
                    page_index: 1,
                },
            },
            With::AccessKey,
            "",
        )
        .await;
    visitor.visit(&GetCaptionUrl { id }, With::AccessKey, "").await;
    let update = CaptionUpdate {
        accuracy: Some(99),
        associated_transcript_ids: Some("0_txt,0_dfxp".to_owned()),
        partner_data: Some("reach-9292-0".to_owned()),
    };
    visitor
        .visit(
            &UpdateCaption {
                id,
                caption_asset: &update,
            },
            With::AccessKey,
            "",
        )
        .await;
    let deleted = DeleteCaption { caption_asset_id: id };
    visitor.visit(&deleted, With::AccessKey, "").await;
}

async fn flavors(visitor: &mut impl Visitor) {
    let (entry_id, id) = (&entry_id(), &AssetId::parse("0_flavor1").unwrap());
    let flavor = NewFlavorAsset {
        flavor_params_id: 200,
        language: english(),
        label: "English - Audio description".to_owned(),
        is_default: false,
        file_ext: "mp4".to_owned(),
        partner_data: "reach-9292-0".to_owned(),
    };
    visitor
        .visit(
            &AddFlavor {
                entry_id,
                flavor_asset: &flavor,
            },
            With::AccessKey,
            "",
        )
        .await;
    visitor
        .visit(
            &SetFlavorContent {
                id,
                content_resource: &by_url(),
            },
            With::AccessKey,
            "",
        )
        .await;
    visitor.visit(&GetFlavor { id }, With::AccessKey, "").await;
    visitor
        .visit(&ListFlavorsOfEntry { entry_id }, With::AccessKey, "")
        .await;
    let filter = AssetFilter {
        entry_id_equal: entry_id.clone(),
    };
    visitor
        .visit(
            &ListFlavors {
                filter,
                pager: FilterPager {
                    page_size: 500,
                    page_index: 1,
                },
            },
            With::AccessKey,
            "",
        )
        .await;
    let update = FlavorUpdate {
        language: Some(english()),
        label: Some("English".to_owned()),
        is_default: Some(true),
        partner_data: Some("reach-9292-1".to_owned()),
    };
    visitor
        .visit(
            &UpdateFlavor {
                id,
                flavor_asset: &update,
            },
            With::AccessKey,
            "",
        )
        .await;
}

async fn attachments(visitor: &mut impl Visitor) {
    let (entry_id, id) = (&entry_id(), &AssetId::parse("0_attach1").unwrap());
    let transcript = NewAttachmentAsset {
        kind: AttachmentKind::Transcript {
            language: english(),
            accuracy_percent: 93,
        },
        format: AttachmentType::Text,
        file_ext: "txt".to_owned(),
        filename: "transcript.txt".to_owned(),
        title: "Transcript".to_owned(),
        tags: String::new(),
        partner_data: "reach-9292-1".to_owned(),
    };
    visitor
        .visit(
            &AddAttachment {
                entry_id,
                attachment_asset: &transcript,
            },
            With::AccessKey,
            "transcript",
        )
        .await;
    let description = NewAttachmentAsset {
        kind: AttachmentKind::Plain,
        file_ext: "vtt".to_owned(),
        filename: String::new(),
        title: "Extended Audio Description".to_owned(),
        tags: "AAD".to_owned(),
        ..transcript
    };
    visitor
        .visit(
            &AddAttachment {
                entry_id,
                attachment_asset: &description,
            },
            With::AccessKey,
            "description",
        )
        .await;
    visitor
        .visit(
            &SetAttachmentContent {
                id,
                content_resource: &by_url(),
            },
            With::AccessKey,
            "",
        )
        .await;
    visitor
        .visit(
            &GetAttachment {
                attachment_asset_id: id,
            },
            With::AccessKey,
            "",
        )
        .await;
    let filter = AssetFilter {
        entry_id_equal: entry_id.clone(),
    };
    let pager = FilterPager {
        page_size: 500,
        page_index: 1,
    };
    visitor
        .visit(&ListAttachments { filter, pager }, With::AccessKey, "")
        .await;
    visitor.visit(&GetAttachmentUrl { id }, With::AccessKey, "").await;
}

async fn uploads(visitor: &mut impl Visitor) {
    let token = &UploadTokenId::parse("0_token1").unwrap();
    visitor
        .visit(&AddUploadToken::new("9292-0.srt", 1234), With::AccessKey, "")
        .await;
    visitor
        .visit(
            &GetUploadToken {
                upload_token_id: token,
            },
            With::AccessKey,
            "",
        )
        .await;
    let data = Bytes::from_static(b"1\n00:00:00,000 --> 00:00:01,000\nHello.\n");
    visitor
        .visit(
            &UploadChunk::whole(token, "9292-0.srt", data.clone()),
            With::AccessKey,
            "whole",
        )
        .await;
    visitor
        .visit(
            &UploadChunk::first(token, "9292-0.srt", data.clone()),
            With::AccessKey,
            "first",
        )
        .await;
    visitor
        .visit(
            &UploadChunk::resumed(token, "9292-0.srt", data, 39, true),
            With::AccessKey,
            "final",
        )
        .await;
}

async fn events(visitor: &mut impl Visitor) {
    let event_id = ScheduleEventId::from(771);
    visitor
        .visit(
            &GetScheduleEvent {
                schedule_event_id: event_id,
            },
            With::AccessKey,
            "",
        )
        .await;
    let feature = LiveCaptionFeature {
        media_url: "rtmps://live.vendor.example/in".to_owned(),
        media_key: "stream-key".to_owned(),
        caption_url: "wss://live.vendor.example/captions".to_owned(),
        caption_token: "caption-token".to_owned(),
        input_delay_s: Some(10),
    };
    visitor
        .visit(
            &UpdateLiveFeature::new(event_id, &super::task_id(), &feature),
            With::AccessKey,
            "",
        )
        .await;
}
