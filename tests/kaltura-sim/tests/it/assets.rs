//! Assets, uploads, cue points and tags (spec sections 5 and 7).

use crate::bench::{Bench, SRT, code, text};
use kaltura_sim::{AssetKind, ExistingCaption, OrderRequest, PlacedOrder, ProfileSpec};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::time::Duration;

async fn with_key(
    bench: &Bench,
    placed: &PlacedOrder,
    service: &str,
    action: &str,
    mut params: Value,
) -> Value {
    params["ks"] = json!(bench.key(&placed.task_id));
    bench.call(service, action, params).await
}

#[tokio::test]
async fn captions_are_added_as_the_server_adds_them() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let fields = json!({"objectType": "KalturaCaptionAsset", "language": "English", "format": "3", "fileExt": "vtt",
        "accuracy": 95, "isDefault": 1, "displayOnPlayer": true, "label": "English", "partnerData": "1/captions"});
    let asset = bench.caption(&placed, fields).await;
    insta::assert_json_snapshot!(asset, {".id" => "[id]", ".entryId" => "[entry]", ".createdAt" => "[time]", ".updatedAt" => "[time]"});
    // Nothing tells two adds apart.
    bench
        .caption(&placed, json!({"language": "English", "isDefault": 1}))
        .await;
    let report = bench.report(&placed.task_id);
    let defaults: Vec<bool> = report
        .delivered(AssetKind::Caption)
        .filter_map(|asset| asset.fields["isDefault"].as_bool())
        .collect();
    assert_eq!(defaults, [false, true], "the newest default is the only one");
}

#[tokio::test]
async fn captions_under_moderation_stay_off_the_player() {
    let bench = Bench::start().await;
    let profile = ProfileSpec {
        auto_display_captions_on_player: false,
        ..ProfileSpec::default()
    };
    let placed = bench
        .order(OrderRequest {
            profile,
            ..OrderRequest::default()
        })
        .await;
    let asset = bench
        .caption(&placed, json!({"language": "English", "displayOnPlayer": true}))
        .await;
    assert_eq!(asset["displayOnPlayer"], false);
}

#[tokio::test]
async fn insert_only_and_owner_only_properties_are_kept() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let id = bench
        .caption(&placed, json!({"language": "English", "format": "1"}))
        .await["id"]
        .clone();
    let update = |fields: Value| {
        with_key(
            &bench,
            &placed,
            "caption_captionasset",
            "update",
            json!({"id": id, "captionAsset": fields}),
        )
    };
    assert_eq!(
        code(&update(json!({"format": "3"})).await),
        "PROPERTY_VALIDATION_NOT_UPDATABLE"
    );
    assert_eq!(
        code(&update(json!({"fileExt": "vtt"})).await),
        "PROPERTY_VALIDATION_NOT_UPDATABLE"
    );
    assert_eq!(
        code(&update(json!({"status": 2})).await),
        "PROPERTY_VALIDATION_NOT_UPDATABLE"
    );
    assert_eq!(code(&update(json!({"isDefault": 1})).await), "ENTRY_ID_NOT_FOUND");
    let updated = update(json!({"format": "1", "associatedTranscriptIds": "0_a,0_b"})).await;
    assert_eq!(updated["associatedTranscriptIds"], "0_a,0_b");
}

#[tokio::test]
async fn d12_catalog_languages_are_not_all_asset_languages() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    for language in ["Auto Detect", "English (ASL)", "English (BSL)"] {
        assert_eq!(
            code(&bench.caption(&placed, json!({"language": language})).await),
            "INVALID_ENUM_VALUE"
        );
    }
}

#[tokio::test]
async fn the_better_caption_of_a_language_is_shown() {
    let bench = Bench::start().await;
    for (accuracy, shown) in [(90, [true, false]), (97, [false, true])] {
        let mut order = OrderRequest::default();
        order.entry.captions = vec![ExistingCaption {
            accuracy: Some(95),
            ..ExistingCaption::default()
        }];
        let placed = bench.order(order).await;
        let new = bench
            .caption(&placed, json!({"language": "English", "accuracy": accuracy}))
            .await;
        let string = json!({"objectType": "KalturaStringResource", "content": SRT});
        bench
            .set_content(&placed, "caption_captionasset", &new["id"], string)
            .await;
        let captions = bench
            .report(&placed.task_id)
            .assets
            .into_iter()
            .filter(|asset| asset.kind == AssetKind::Caption);
        let flags: Vec<bool> = captions
            .filter_map(|asset| asset.fields["displayOnPlayer"].as_bool())
            .collect();
        assert_eq!(flags, shown, "{accuracy}");
    }
}

#[tokio::test]
async fn source_captions_are_served_by_their_own_address() {
    let bench = Bench::start().await;
    let mut order = OrderRequest {
        service_feature: 2,
        ..OrderRequest::default()
    };
    order.entry.captions = vec![
        ExistingCaption::default(),
        ExistingCaption {
            status: 7,
            ..ExistingCaption::default()
        },
    ];
    let placed = bench.order(order).await;
    let report = bench.report(&placed.task_id);
    let captions: Vec<_> = report
        .assets
        .iter()
        .filter(|asset| asset.kind == AssetKind::Caption)
        .collect();
    let url = |id: &str| {
        with_key(
            &bench,
            &placed,
            "caption_captionasset",
            "getUrl",
            json!({"id": id}),
        )
    };
    let address = text(&url(captions[0].id.as_str()).await);
    let served = bench
        .http
        .get(address)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    assert_eq!(served, ExistingCaption::default().content);
    assert_eq!(
        code(&url(captions[1].id.as_str()).await),
        "CAPTION_ASSET_IS_NOT_READY"
    );
    assert_eq!(code(&url("0_none").await), "CAPTION_ASSET_ID_NOT_FOUND");
}

async fn upload(bench: &Bench, placed: &PlacedOrder, token: &Value, chunk: &str, extra: Value) -> Value {
    let mut params = json!({"ks": bench.key(&placed.task_id), "format": "1", "uploadTokenId": token});
    params
        .as_object_mut()
        .expect("an object")
        .extend(extra.as_object().expect("an object").clone());
    let part = Part::text(chunk.to_owned()).file_name("talk.srt");
    let form = Form::new()
        .text("json", params.to_string())
        .part("fileData", part);
    let url = format!(
        "{}/api_v3/service/uploadtoken/action/upload",
        bench.sim.service_url()
    );
    bench
        .http
        .post(url)
        .multipart(form)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON")
}

async fn token(bench: &Bench, placed: &PlacedOrder, fields: Value) -> Value {
    let added = with_key(
        bench,
        placed,
        "uploadtoken",
        "add",
        json!({"uploadToken": fields}),
    )
    .await;
    added["id"].clone()
}

fn token_resource(token: &Value) -> Value {
    json!({"objectType": "KalturaUploadedFileTokenResource", "token": token})
}

#[tokio::test]
async fn a_token_serves_once() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let token = token(&bench, &placed, json!({"fileName": "talk.srt"})).await;
    assert_eq!(upload(&bench, &placed, &token, SRT, json!({})).await["status"], 2);
    let again = upload(&bench, &placed, &token, SRT, json!({})).await;
    assert_eq!(code(&again), "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD");
    let id = bench.caption(&placed, json!({"language": "English"})).await["id"].clone();
    let done = bench
        .set_content(&placed, "caption_captionasset", &id, token_resource(&token))
        .await;
    assert_eq!((&done["status"], &done["fileExt"]), (&json!(2), &json!("srt")));
    let state = with_key(
        &bench,
        &placed,
        "uploadtoken",
        "get",
        json!({"uploadTokenId": token}),
    )
    .await;
    assert_eq!(state["status"], 3, "closed");
    let twice = bench
        .set_content(&placed, "caption_captionasset", &id, token_resource(&token))
        .await;
    assert_eq!(code(&twice), "UPLOADED_FILE_NOT_FOUND_BY_TOKEN");
}

#[tokio::test]
async fn chunks_may_come_out_of_order_but_the_last_waits_for_gaps() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let token = token(&bench, &placed, json!({"fileName": "talk.srt"})).await;
    let chunk = |at: usize| &SRT[at * 20..((at + 1) * 20).min(SRT.len())];
    let more = |at: usize, last: bool| json!({"resume": true, "finalChunk": last, "resumeAt": at * 20});
    assert_eq!(
        code(&upload(&bench, &placed, &token, chunk(1), more(1, false)).await),
        "UPLOAD_TOKEN_CANNOT_RESUME"
    );
    upload(
        &bench,
        &placed,
        &token,
        chunk(0),
        json!({"resume": false, "finalChunk": false}),
    )
    .await;
    // The last comes while the second is missing, and waits for it.
    let last = SRT.len().div_ceil(20) - 1;
    assert_eq!(last, 2);
    let (done, _) = tokio::join!(
        upload(&bench, &placed, &token, chunk(2), more(2, true)),
        upload(&bench, &placed, &token, chunk(1), more(1, false))
    );
    assert_eq!(
        (&done["status"], &done["uploadedFileSize"]),
        (&json!(2), &json!(SRT.len()))
    );
    let id = bench.caption(&placed, json!({"language": "English"})).await["id"].clone();
    bench
        .set_content(&placed, "caption_captionasset", &id, token_resource(&token))
        .await;
    let file = bench.asset(&placed, &id).file.expect("a file");
    assert_eq!(std::fs::read_to_string(file).expect("readable"), SRT);
}

#[tokio::test]
async fn a_gap_that_stays_is_told_after_45_seconds() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let token = token(&bench, &placed, json!({"fileName": "talk.srt"})).await;
    upload(&bench, &placed, &token, "first", json!({"finalChunk": false})).await;
    let last = upload(
        &bench,
        &placed,
        &token,
        "last",
        json!({"resume": true, "resumeAt": 100}),
    );
    let jump = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.sim.advance_clock(Duration::from_secs(46));
    };
    let (answer, ()) = tokio::join!(last, jump);
    assert_eq!(code(&answer), "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE");
}

#[tokio::test]
async fn content_waits_for_an_upload_that_has_not_ended() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let token = token(&bench, &placed, json!({"fileName": "talk.srt"})).await;
    let id = bench.caption(&placed, json!({"language": "English"})).await["id"].clone();
    let waiting = bench
        .set_content(&placed, "caption_captionasset", &id, token_resource(&token))
        .await;
    assert_eq!(waiting["status"], 7);
    upload(&bench, &placed, &token, SRT, json!({})).await;
    assert_eq!(bench.asset(&placed, &id).status, 2);
}

#[tokio::test]
async fn d3_an_asset_resource_copies_a_flavor_and_takes_no_token() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let token = token(&bench, &placed, json!({"fileName": "talk.srt"})).await;
    upload(&bench, &placed, &token, SRT, json!({})).await;
    let id = bench.caption(&placed, json!({"language": "English"})).await["id"].clone();
    let resource = json!({"objectType": "KalturaAssetResource", "assetId": token});
    let refused = bench
        .set_content(&placed, "caption_captionasset", &id, resource)
        .await;
    assert_eq!(code(&refused), "FLAVOR_ASSET_ID_NOT_FOUND");
}

#[tokio::test]
async fn d7_flavors_are_told_apart_by_their_params() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let add = |fields: Value| {
        with_key(
            &bench,
            &placed,
            "flavorasset",
            "add",
            json!({"entryId": placed.entry_id, "flavorAsset": fields}),
        )
    };
    let original = add(json!({"flavorParamsId": 200, "isOriginal": 0})).await;
    assert_eq!(code(&original), "PROPERTY_VALIDATION_NOT_UPDATABLE");
    let added = add(json!({"flavorParamsId": 200, "language": "French", "isDefault": 0})).await;
    assert_eq!((&added["status"], &added["label"]), (&json!(0), &json!("French")));
    let twice = add(json!({"flavorParamsId": 200})).await;
    assert_eq!(code(&twice), "FLAVOR_ASSET_ALREADY_EXISTS");
    assert_eq!(
        twice["args"],
        json!({"ASSET_ID": added["id"], "PARAMS_ID": "200"})
    );
}

#[tokio::test]
async fn cue_points_and_tags() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let add = |start: i64, name: &str| {
        let cue = json!({"objectType": "KalturaThumbCuePoint", "entryId": placed.entry_id, "startTime": start,
            "subType": 2, "title": "x".repeat(300), "systemName": name});
        with_key(
            &bench,
            &placed,
            "cuepoint_cuepoint",
            "add",
            json!({"cuePoint": cue}),
        )
    };
    assert_eq!(text(&add(1_000, "1/chapter-1").await["title"]).len(), 255);
    assert_eq!(
        code(&add(2_000, "1/chapter-1").await),
        "CUE_POINT_SYSTEM_NAME_EXISTS"
    );
    assert_eq!(code(&add(-1, "a").await), "START_TIME_CANNOT_BE_LESS_THAN_0");
    assert_eq!(
        code(&add(60_001, "b").await),
        "START_TIME_IS_BIGGER_THAN_ENTRY_END_TIME"
    );
    let tags = |language: &str| {
        let entry = json!({"multiLingual_tags": [{"objectType": "KalturaMultiLingualString", "language": language, "value": "a,b"}]});
        with_key(
            &bench,
            &placed,
            "media",
            "update",
            json!({"entryId": placed.entry_id, "mediaEntry": entry}),
        )
    };
    assert_eq!(code(&tags("french").await), "INVALID_LANGUAGE_CODE");
    assert_eq!(tags("fr").await["multiLingual_tags"][0]["language"], "FR");
    let report = bench.report(&placed.task_id);
    assert_eq!(
        (report.cue_points.len(), report.multilingual_tags["FR"].as_str()),
        (1, Some("a,b"))
    );
}

#[tokio::test]
async fn uploads_end_after_a_week_a_thousand_waiting_chunks_and_for_programs() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let program = token(&bench, &placed, json!({"fileName": "talk.srt"})).await;
    let key = bench.key(&placed.task_id);
    let part = Part::text("x").file_name("talk.exe");
    let form = Form::new()
        .text("format", "1")
        .text("ks", key)
        .text("uploadTokenId", text(&program))
        .part("fileData", part);
    let url = format!(
        "{}/api_v3/service/uploadtoken/action/upload",
        bench.sim.service_url()
    );
    let answer = bench
        .http
        .post(url)
        .multipart(form)
        .send()
        .await
        .expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(code(&answer), "UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD");

    let late = token(&bench, &placed, json!({"fileName": "talk.srt"})).await;
    upload(&bench, &placed, &late, "first", json!({"finalChunk": false})).await;
    for at in 0..1_000 {
        let behind = json!({"resume": true, "finalChunk": false, "resumeAt": 100 + at});
        assert_eq!(
            upload(&bench, &placed, &late, "x", behind).await["status"],
            1,
            "{at}"
        );
    }
    let next = || json!({"resume": true, "finalChunk": false, "resumeAt": 5});
    assert_eq!(
        code(&upload(&bench, &placed, &late, "x", next()).await),
        "MAX_ALLOWED_CHUNK_COUNT_EXCEEDED"
    );
    // The key lives as long as the window: a new one is needed beyond it.
    bench.update(&placed.task_id, json!({"status": 3})).await;
    bench.sim.advance_clock(Duration::from_secs(7 * 86_400 + 1));
    let ks = bench.vendor().await;
    bench
        .call(
            "reach_entryvendortask",
            "extendAccessKey",
            json!({"ks": ks, "id": placed.task_id}),
        )
        .await;
    assert_eq!(
        code(&upload(&bench, &placed, &late, "x", next()).await),
        "UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED"
    );
}

/// What reaches the entry depends on how the request was written (spec section 7).
#[tokio::test]
async fn tags_by_language_stand_beside_each_other_and_get_lost_in_a_multirequest() {
    let bench = Bench::start().await;
    let mut order = OrderRequest::default();
    order
        .entry
        .multilingual_tags
        .insert("DE".to_owned(), "hafen".to_owned());
    let placed = bench.order(order).await;
    let tags = |value: &str| json!({"multiLingual_tags": [{"objectType": "KalturaMultiLingualString", "language": "fr", "value": value}]});
    let key = bench.key(&placed.task_id);
    let many = json!({"format": "1", "ks": key,
        "1": {"service": "media", "action": "update", "entryId": placed.entry_id, "mediaEntry": tags("lost")}});
    let url = format!("{}/api_v3/service/multirequest", bench.sim.service_url());
    bench.http.post(url).json(&many).send().await.expect("an answer");
    let get = || {
        with_key(
            &bench,
            &placed,
            "media",
            "get",
            json!({"entryId": placed.entry_id}),
        )
    };
    let by_language = |entry: &Value| -> Vec<(String, String)> {
        let all = entry["multiLingual_tags"].as_array().expect("tags by language");
        all.iter()
            .map(|one| (text(&one["language"]), text(&one["value"])))
            .collect()
    };
    let pair = |language: &str, value: &str| (language.to_owned(), value.to_owned());
    assert_eq!(by_language(&get().await), [pair("DE", "hafen")]);
    let one = json!({"entryId": placed.entry_id, "mediaEntry": tags("port,nuit")});
    with_key(&bench, &placed, "media", "update", one).await;
    assert_eq!(
        by_language(&get().await),
        [pair("DE", "hafen"), pair("FR", "port,nuit")]
    );
}

#[tokio::test]
async fn flavors_take_the_tags_of_their_conversion() {
    let bench = Bench::start().await;
    let mut order = OrderRequest {
        service_feature: 4,
        ..OrderRequest::default()
    };
    order.catalog_item.flavor_params_id = Some(200);
    order.catalog_item.clear_audio_flavor_params_id = Some(201);
    let placed = bench.order(order).await;
    let mut got = Vec::new();
    for params in [200, 201] {
        let flavor = json!({"flavorParamsId": params, "tags": "own"});
        let add = json!({"entryId": placed.entry_id, "flavorAsset": flavor});
        got.push(text(
            &with_key(&bench, &placed, "flavorasset", "add", add).await["tags"],
        ));
    }
    assert_eq!(
        got,
        ["audio_only,alt_audio,audio_description", "audio_only,alt_audio"]
    );
}

#[tokio::test]
async fn cue_points_are_listed_by_their_type() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    for class in ["KalturaThumbCuePoint", "KalturaCodeCuePoint"] {
        let cue = json!({"objectType": class, "entryId": placed.entry_id, "startTime": 0});
        with_key(
            &bench,
            &placed,
            "cuepoint_cuepoint",
            "add",
            json!({"cuePoint": cue}),
        )
        .await;
    }
    let filter = json!({"entryIdEqual": placed.entry_id, "cuePointTypeEqual": "thumbCuePoint.Thumb"});
    let listed = with_key(
        &bench,
        &placed,
        "cuepoint_cuepoint",
        "list",
        json!({"filter": filter}),
    )
    .await;
    assert_eq!(
        (&listed["totalCount"], &listed["objects"][0]["objectType"]),
        (&json!(1), &json!("KalturaThumbCuePoint"))
    );
}
