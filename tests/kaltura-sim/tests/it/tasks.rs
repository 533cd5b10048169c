//! entryVendorTask: listing, the status table and its side effects, keys (spec section 1).

use crate::bench::{Bench, code, text};
use kaltura_sim::{
    AccessKeySpec, AssetKind, CatalogItemSpec, DictionarySpec, ExistingCaption, ExistingTranscript, Fault,
    FaultEffect, KsVersion, OrderRequest, PlacedOrder, ProfileSpec, SimConfig, TaskId,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

async fn jobs(bench: &Bench, filter: Value, pager: Value) -> Value {
    let ks = bench.vendor().await;
    bench
        .call(
            "reach_entryvendortask",
            "getJobs",
            json!({"ks": ks, "filter": filter, "pager": pager}),
        )
        .await
}

fn ids(jobs: &Value) -> Vec<String> {
    jobs["objects"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|job| text(&job["id"]))
        .collect()
}

fn with_status(status: i64) -> OrderRequest {
    OrderRequest {
        status,
        ..OrderRequest::default()
    }
}

#[tokio::test]
async fn jobs_are_ordered_and_paged_on_demand_only() {
    let bench = Bench::start().await;
    let mut placed = Vec::new();
    for created in [300, 100, 200] {
        let order = OrderRequest {
            created_at_epoch_s: Some(created),
            ..OrderRequest::default()
        };
        placed.push(text(&json!(bench.order(order).await.task_id)));
    }
    let sorted = jobs(&bench, json!({"orderBy": "+createdAt"}), json!({})).await;
    assert_eq!(
        ids(&sorted),
        [placed[1].clone(), placed[2].clone(), placed[0].clone()]
    );
    let reverse = jobs(
        &bench,
        json!({"orderBy": "-createdAt"}),
        json!({"pageSize": 2, "pageIndex": 1}),
    )
    .await;
    assert_eq!(ids(&reverse), [placed[0].clone(), placed[2].clone()]);
    assert_eq!(reverse["totalCount"], 3);
    let window = json!({"createdAtGreaterThanOrEqual": 150, "createdAtLessThanOrEqual": 250});
    assert_eq!(ids(&jobs(&bench, window, json!({})).await), [placed[2].clone()]);
    let far = jobs(&bench, json!({}), json!({"pageSize": 500, "pageIndex": 21})).await;
    assert_eq!(code(&far), "SPHINX_CRITERIA_EXCEEDED_MAX_MATCHES_ALLOWED");
}

#[tokio::test]
async fn pages_hold_30_by_default_and_500_at_most() {
    let bench = Bench::start().await;
    for _ in 0..520 {
        bench.order(OrderRequest::default()).await;
    }
    let count = |jobs: &Value| ids(jobs).len();
    assert_eq!(count(&jobs(&bench, json!({}), json!({})).await), 30);
    let first = jobs(&bench, json!({"orderBy": "+id"}), json!({"pageSize": 9_999})).await;
    let second = jobs(
        &bench,
        json!({"orderBy": "+id"}),
        json!({"pageSize": 500, "pageIndex": 2}),
    )
    .await;
    assert_eq!((count(&first), count(&second)), (500, 20));
    let all: BTreeSet<String> = ids(&first).into_iter().chain(ids(&second)).collect();
    assert_eq!(all.len(), 520);
}

#[tokio::test]
async fn d4_other_statuses_than_pending_and_scheduled_fall_back_to_pending() {
    let bench = Bench::start().await;
    let pending = text(&json!(bench.order(with_status(1)).await.task_id));
    let scheduled = text(&json!(bench.order(with_status(9)).await.task_id));
    bench.order(with_status(3)).await;
    for (filter, expected) in [
        (json!({}), vec![&pending]),
        (json!({"statusEqual": 9}), vec![&scheduled]),
        (
            json!({"statusIn": "1,9", "orderBy": "+id"}),
            vec![&pending, &scheduled],
        ),
        (json!({"statusEqual": 3}), vec![&pending]),
        (json!({"statusIn": "1,3"}), vec![&pending]),
    ] {
        let found = ids(&jobs(&bench, filter.clone(), json!({})).await);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
}

#[tokio::test]
async fn d10_the_vendor_profile_brings_related_objects_and_leaves_fields_out() {
    let bench = Bench::start().await;
    let order = OrderRequest {
        notes: Some("notes test".to_owned()),
        dictionary: Some("Test Dictionary".to_owned()),
        task_id: Some(TaskId::from("9007199254740993")),
        created_at_epoch_s: Some(1_521_639_688),
        access_key: AccessKeySpec {
            life_s: Some(4_000_000_000),
            ..AccessKeySpec::default()
        },
        catalog_item: CatalogItemSpec {
            source_language: "Hebrew".to_owned(),
            output_format: Some("1".to_owned()),
            enable_speaker_id: Some(true),
            turn_around_time: 1800,
            ..CatalogItemSpec::default()
        },
        profile: ProfileSpec {
            enable_metadata_extraction: true,
            ..ProfileSpec::default()
        },
        ..OrderRequest::default()
    };
    let placed = bench.order(order).await;
    let params = json!({"ks": bench.key(&placed.task_id), "id": placed.task_id,
        "responseProfile": {"systemName": "reach_vendor"}});
    let job = bench.call("reach_entryvendortask", "get", params).await;
    insta::assert_json_snapshot!(job, {".accessKey" => "[key]", ".entryId" => "[entry]", ".updatedAt" => "[time]"});
    let listed = jobs(&bench, json!({}), json!({})).await["objects"][0].clone();
    for name in [
        "expectedFinishTime",
        "serviceType",
        "serviceFeature",
        "turnAroundTime",
        "queueTime",
        "userId",
    ] {
        assert!(!listed[name].is_null() && job[name].is_null(), "{name}");
    }
}

/// What `updateJob` makes of every step from every status: the table of spec section 1.3.
#[tokio::test]
async fn the_status_table() {
    let bench = Bench::start().await;
    let mut table = String::new();
    for from in 1..=9 {
        let _ = write!(table, "{from}:");
        for to in [1, 2, 3, 6, 7, 9] {
            let placed = bench.order(with_status(from)).await;
            let answer = bench.update(&placed.task_id, json!({"status": to})).await;
            let outcome = match answer["code"].as_str() {
                Some("CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE") => "final".to_owned(),
                Some("ENTRY_VENDOR_TASK_ITEM_COULD_NOT_BE_UPDATED") => "barred".to_owned(),
                Some("ENTRY_VENDOR_TASK_NOT_FOUND") => "not found".to_owned(),
                Some(other) => other.to_owned(),
                None => {
                    assert_eq!(answer["status"], to);
                    if bench.report(&placed.task_id).refunded {
                        "ok+refund"
                    } else {
                        "ok"
                    }
                    .to_owned()
                }
            };
            let _ = write!(table, " {to}={outcome}");
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table, @r"
    1: 1=ok 2=ok 3=ok 6=ok+refund 7=ok 9=ok
    2: 1=final 2=ok 3=final 6=final 7=final 9=final
    3: 1=ok 2=ok 3=ok 6=ok+refund 7=barred 9=ok
    4: 1=ok 2=ok 3=ok 6=ok 7=ok 9=ok
    5: 1=final 2=final 3=final 6=final 7=final 9=final
    6: 1=final 2=final 3=final 6=ok 7=final 9=final
    7: 1=not found 2=not found 3=not found 6=not found 7=not found 9=not found
    8: 1=ok 2=ok 3=ok 6=ok 7=ok 9=ok
    9: 1=ok 2=ok 3=ok 6=ok+refund 7=ok 9=ok
    ");
}

#[tokio::test]
async fn final_states_take_other_fields_but_no_units() {
    let bench = Bench::start().await;
    let placed = bench.order(with_status(2)).await;
    let same = bench
        .update(&placed.task_id, json!({"status": 2, "partnerData": "{\"a\":1}"}))
        .await;
    assert_eq!(same["partnerData"], "{\"a\":1}");
    let units = bench.update(&placed.task_id, json!({"unitsUsed": 3})).await;
    assert_eq!(
        code(&units),
        "CANNOT_UPDATE_UNIT_USED_OF_TASK_WHICH_IS_IN_FINAL_STATE"
    );
    let moved = bench.update(&placed.task_id, json!({"status": 6})).await;
    assert_eq!(
        moved["args"],
        json!({"ID": placed.task_id, "OLD_STATUS": "2", "NEW_STATUS": "6"})
    );
}

#[tokio::test]
async fn updates_are_checked() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let refusals = [
        (json!({"partnerData": "{"}), "PARTNER_DATA_NOT_VALID_JSON_STRING"),
        (
            json!({"dictionary": "other"}),
            "PROPERTY_VALIDATION_NOT_UPDATABLE",
        ),
        (json!({"entryId": "0_other"}), "PROPERTY_VALIDATION_NOT_UPDATABLE"),
        (json!({"status": 44}), "INVALID_ENUM_VALUE"),
    ];
    for (fields, expected) in refusals {
        assert_eq!(code(&bench.update(&placed.task_id, fields).await), expected);
    }
    let kept = bench
        .update(
            &placed.task_id,
            json!({"entryId": placed.entry_id, "externalTaskId": "v-1"}),
        )
        .await;
    assert_eq!(kept["externalTaskId"], "v-1");
    let unknown = bench.update(&TaskId::from("424242"), json!({"status": 3})).await;
    assert_eq!(
        (code(&unknown), &unknown["args"]),
        ("ENTRY_VENDOR_TASK_NOT_FOUND", &json!({"ID": "424242"}))
    );
}

#[tokio::test]
async fn an_account_without_the_vendor_flag_is_refused_by_its_odd_code() {
    let bench = Bench::with(SimConfig {
        vendor_account_enabled: false,
        ..SimConfig::default()
    })
    .await;
    let placed = bench.order(OrderRequest::default()).await;
    let refused = bench.update(&placed.task_id, json!({"status": 3})).await;
    for refused in [refused, jobs(&bench, json!({}), json!({})).await] {
        assert_eq!(code(&refused), "VENDOR_TASK_SERVICE__GET_JOB_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn forbidden_properties_are_nulled_in_silence() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let effect = FaultEffect::ForbidProperties {
        names: vec!["status".to_owned()],
    };
    bench.sim.faults(vec![
        Fault::new(effect)
            .on("reach_entryvendortask", "updateJob")
            .times(1),
    ]);
    let params = json!({"ks": bench.vendor().await, "id": placed.task_id, "format": "1",
        "entryVendorTask": {"status": 3, "notes": "kept"}});
    let url = format!(
        "{}/api_v3/service/reach_entryvendortask/action/updateJob",
        bench.sim.service_url()
    );
    let answer = bench
        .http
        .post(url)
        .json(&params)
        .send()
        .await
        .expect("an answer");
    assert!(
        answer
            .headers()
            .contains_key("kalturaentryvendortask-status-error")
    );
    let task: Value = answer.json().await.expect("JSON");
    assert_eq!((&task["status"], &task["notes"]), (&json!(1), &json!("kept")));
}

#[tokio::test]
async fn d13_d14_ready_adds_the_label_charges_and_ends_the_key() {
    let bench = Bench::start().await;
    let profile = ProfileSpec {
        label_addition_for_machine_service_type: Some("(auto)".to_owned()),
        ..ProfileSpec::default()
    };
    let placed = bench
        .order(OrderRequest {
            profile,
            ..OrderRequest::default()
        })
        .await;
    let asset = bench
        .caption(&placed, json!({"language": "English", "label": "English"}))
        .await;
    let old_key = bench.key(&placed.task_id);
    bench.update(&placed.task_id, json!({"status": 3})).await;
    let extended = extend(&bench, &placed).await;
    let done = bench
        .update(
            &placed.task_id,
            json!({"status": 2, "outputObjectId": asset["id"]}),
        )
        .await;
    assert!(done["finishTime"].is_i64());
    let report = bench.report(&placed.task_id);
    assert!(report.charged && !report.refunded);
    assert_eq!(
        bench.asset(&placed, &asset["id"]).fields["label"],
        "English (auto)"
    );
    let get = |ks: String| bench.call("baseentry", "get", json!({"ks": ks, "entryId": placed.entry_id}));
    let dead = get(text(&extended["accessKey"])).await;
    assert_eq!(
        (code(&dead), &dead["args"]["KSID"]),
        ("INVALID_KS", &json!("LOGOUT"))
    );
    assert_eq!(
        get(old_key).await["id"],
        json!(placed.entry_id),
        "only the task's key of now is ended"
    );
}

async fn extend(bench: &Bench, placed: &PlacedOrder) -> Value {
    let ks = bench.vendor().await;
    bench
        .call(
            "reach_entryvendortask",
            "extendAccessKey",
            json!({"ks": ks, "id": placed.task_id}),
        )
        .await
}

#[tokio::test]
async fn d5_keys_are_extended_in_processing_and_scheduled() {
    let bench = Bench::start().await;
    for status in [1, 2, 4, 5, 6, 8] {
        let placed = bench.order(with_status(status)).await;
        assert_eq!(
            code(&extend(&bench, &placed).await),
            "CANNOT_EXTEND_ACCESS_KEY",
            "{status}"
        );
    }
    for status in [3, 9] {
        let placed = bench.order(with_status(status)).await;
        let old = bench.key(&placed.task_id);
        let new = text(&extend(&bench, &placed).await["accessKey"]);
        assert_ne!(old, new);
        for ks in [old, new] {
            let entry = bench
                .call("baseentry", "get", json!({"ks": ks, "entryId": placed.entry_id}))
                .await;
            assert_eq!(entry["id"], json!(placed.entry_id));
        }
    }
    let placed = bench.order(with_status(3)).await;
    bench
        .sim
        .delete_entry(&placed.entry_id)
        .expect("the entry stands");
    assert_eq!(code(&extend(&bench, &placed).await), "FAILED_EXTEND_ACCESS_KEY");
}

#[tokio::test]
async fn d15_aborted_tasks_are_invisible() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let key = bench.key(&placed.task_id);
    bench.sim.abort_order(&placed.task_id).expect("the order stands");
    let get = bench
        .call(
            "reach_entryvendortask",
            "get",
            json!({"ks": key, "id": placed.task_id}),
        )
        .await;
    let update = bench.update(&placed.task_id, json!({"status": 3})).await;
    for answer in [get, update, extend(&bench, &placed).await] {
        assert_eq!(code(&answer), "ENTRY_VENDOR_TASK_NOT_FOUND");
    }
    assert_eq!(
        jobs(&bench, json!({"statusIn": "1,9"}), json!({})).await["totalCount"],
        0
    );
}

/// A task that waited longer than its key lives: update, extend, get, in that order (spec section 1.4).
#[tokio::test]
async fn an_expired_key_comes_back_only_after_processing() {
    for version in [KsVersion::V1, KsVersion::V2] {
        let bench = Bench::start().await;
        let access_key = AccessKeySpec {
            version,
            life_s: None,
        };
        let placed = bench
            .order(OrderRequest {
                access_key,
                ..OrderRequest::default()
            })
            .await;
        let get = |ks: String| {
            bench.call(
                "reach_entryvendortask",
                "get",
                json!({"ks": ks, "id": placed.task_id}),
            )
        };
        assert_eq!(get(bench.key(&placed.task_id)).await["id"], json!(placed.task_id));
        bench.sim.advance_clock(Duration::from_secs(7 * 86_400 + 1));
        assert_eq!(get(bench.key(&placed.task_id)).await["args"]["KSID"], "EXPIRED");
        assert_eq!(code(&extend(&bench, &placed).await), "CANNOT_EXTEND_ACCESS_KEY");
        bench.update(&placed.task_id, json!({"status": 3})).await;
        let key = text(&extend(&bench, &placed).await["accessKey"]);
        assert_eq!(get(key).await["status"], 3);
    }
}

#[tokio::test]
async fn a_reset_task_is_pending_again_with_a_new_queue_time() {
    let bench = Bench::start().await;
    let placed = bench
        .order(OrderRequest {
            created_at_epoch_s: Some(1_000),
            ..with_status(6)
        })
        .await;
    bench.sim.reset_order(&placed.task_id).expect("the order stands");
    let job = jobs(&bench, json!({}), json!({})).await["objects"][0].clone();
    assert_eq!(job["id"], json!(placed.task_id));
    assert!(job["queueTime"].as_i64() > Some(1_000) && job["createdAt"] == 1_000);
}

#[tokio::test]
async fn a_translation_names_the_caption_that_it_starts_from() {
    let bench = Bench::start().await;
    let mut order = OrderRequest {
        service_feature: 2,
        ..OrderRequest::default()
    };
    order.entry.captions = vec![ExistingCaption::default()];
    let placed = bench.order(order.clone()).await;
    let report = bench.report(&placed.task_id);
    let caption = report
        .assets
        .iter()
        .find(|asset| asset.kind == AssetKind::Caption);
    let named = &report.task["taskJobData"]["captionAssetId"];
    assert_eq!(*named, json!(caption.expect("it stands").id));

    order.task_data = Some(json!({ "captionAssetId": "1_other" }));
    order.entry.id = Some(placed.entry_id);
    let other = bench.order(order).await;
    let report = bench.report(&other.task_id);
    assert_eq!(
        report.task["taskJobData"]["captionAssetId"], "1_other",
        "the order's word goes first"
    );
}

#[tokio::test]
async fn live_orders_have_an_event_with_their_feature() {
    let bench = Bench::start().await;
    let placed = bench
        .order(OrderRequest {
            service_feature: 8,
            ..OrderRequest::default()
        })
        .await;
    let event = bench.report(&placed.task_id).task["taskJobData"]["scheduledEventId"].clone();
    let update = |name: String| {
        let params = json!({"ks": bench.key(&placed.task_id), "scheduledEventId": event, "featureName": name,
            "liveFeature": {"objectType": "KalturaLiveCaptionFeature", "mediaUrl": "rtmps://vendor/in", "mediaKey": "k"}});
        bench.call("schedule_scheduleevent", "updateLiveFeature", params)
    };
    assert_eq!(code(&update("other".to_owned()).await), "FEATURE_NAME_NOT_FOUND");
    let name = format!("LiveCaptionFeature-reach-{}", placed.task_id);
    assert_eq!(
        update(name.clone()).await["liveFeatures"][0]["mediaUrl"],
        "rtmps://vendor/in"
    );
    bench.update(&placed.task_id, json!({"status": 6})).await;
    assert_eq!(
        code(&update(name).await),
        "FEATURE_NAME_NOT_FOUND",
        "ERROR takes the feature off"
    );
}

/// The stretch of the event that the task is for is told by the feature, and only an approved task has one.
#[tokio::test]
async fn a_live_feature_knows_the_event_and_ends_with_the_task() {
    let bench = Bench::start().await;
    let live = |status: i64| {
        let mut order = OrderRequest {
            service_feature: 11,
            status,
            ..OrderRequest::default()
        };
        order.task_data = Some(json!({"startDate": 10_000, "endDate": 20_000}));
        order.event.start_epoch_s = Some(10_300);
        order.event.end_epoch_s = Some(19_880);
        order
    };
    let placed = bench.order(live(1)).await;
    let feature = bench.report(&placed.task_id).live_feature.expect("it has one");
    assert_eq!(
        (&feature["preStartTime"], &feature["postEndTime"]),
        (&json!(300), &json!(120))
    );
    bench.sim.abort_order(&placed.task_id).expect("the order stands");
    assert!(
        bench.report(&placed.task_id).live_feature.is_none(),
        "aborted: taken off"
    );
    let waiting = bench.order(live(4)).await;
    assert!(
        bench.report(&waiting.task_id).live_feature.is_none(),
        "not approved yet"
    );

    let mut recorded = live(1);
    recorded.event.is_no_live_stream = true;
    let placed = bench.order(recorded).await;
    let event = bench.report(&placed.task_id).task["taskJobData"]["scheduledEventId"].clone();
    let name = format!("LiveCaptionFeature-reach-{}", placed.task_id);
    let params = json!({"ks": bench.key(&placed.task_id), "scheduledEventId": event, "featureName": name,
        "liveFeature": {"objectType": "KalturaLiveCaptionFeature", "mediaKey": "k"}});
    let answer = bench
        .call("schedule_scheduleevent", "updateLiveFeature", params)
        .await;
    assert_eq!(code(&answer), "INVALID_SCHEDULE_EVENT_TYPE");
}

#[tokio::test]
async fn an_alignment_names_the_transcripts_that_it_starts_from() {
    let bench = Bench::start().await;
    let mut order = OrderRequest {
        service_feature: 3,
        ..OrderRequest::default()
    };
    let words = r#"[{"i":0,"s":0,"e":400,"t":"word","w":"Hallo","a":100}]"#;
    let as_json = ExistingTranscript {
        language: "German".to_owned(),
        format: 4,
        content: words.to_owned(),
        ..ExistingTranscript::default()
    };
    order.entry.transcripts = vec![as_json, ExistingTranscript::default()];
    let placed = bench.order(order).await;
    let report = bench.report(&placed.task_id);
    let data = &report.task["taskJobData"];
    let key = bench.key(&placed.task_id);
    let get = |id: &Value| {
        bench.call(
            "attachment_attachmentasset",
            "get",
            json!({"ks": key, "attachmentAssetId": id}),
        )
    };
    let (json_one, text_one) = (
        get(&data["jsonTranscriptAssetId"]).await,
        get(&data["textTranscriptAssetId"]).await,
    );
    assert_eq!(
        (
            &json_one["objectType"],
            &json_one["language"],
            &json_one["format"],
            &json_one["fileExt"]
        ),
        (
            &json!("KalturaTranscriptAsset"),
            &json!("German"),
            &json!("4"),
            &json!("json")
        )
    );
    assert_eq!(
        (&text_one["format"], &text_one["fileExt"]),
        (&json!("1"), &json!("txt"))
    );
    let url = bench
        .call(
            "attachment_attachmentasset",
            "getUrl",
            json!({"ks": key, "id": json_one["id"]}),
        )
        .await;
    let served = bench.http.get(text(&url)).send().await.expect("an answer");
    assert_eq!(served.text().await.expect("text"), words);
}

#[tokio::test]
async fn a_task_has_the_words_of_its_source_language() {
    let bench = Bench::start().await;
    let mut order = OrderRequest::default();
    order.profile.dictionaries = [("German", "Kaltura"), ("English", "kaltura\nreach")]
        .map(|(language, data)| DictionarySpec {
            language: language.to_owned(),
            data: data.to_owned(),
        })
        .to_vec();
    let of_profile = bench.order(order.clone()).await;
    assert_eq!(
        bench.report(&of_profile.task_id).task["dictionary"],
        "kaltura\nreach"
    );
    order.dictionary = Some("own".to_owned());
    let of_order = bench.order(order).await;
    assert_eq!(bench.report(&of_order.task_id).task["dictionary"], "own");
}

#[tokio::test]
async fn a_task_for_an_object_outside_has_no_key() {
    let bench = Bench::start().await;
    let placed = bench
        .order(OrderRequest {
            entry_object_type: 3,
            ..OrderRequest::default()
        })
        .await;
    let job = jobs(&bench, json!({}), json!({})).await["objects"][0].clone();
    assert_eq!(
        (&job["id"], &job["entryObjectType"], &job["accessKey"]),
        (&json!(placed.task_id), &json!(3), &Value::Null)
    );
}

#[tokio::test]
async fn free_text_looks_into_notes_and_context() {
    let bench = Bench::start().await;
    for notes in ["two speakers", "names matter"] {
        bench
            .order(OrderRequest {
                notes: Some(notes.to_owned()),
                ..OrderRequest::default()
            })
            .await;
    }
    let found = jobs(&bench, json!({"freeText": "Names"}), json!({})).await;
    assert_eq!(
        (&found["totalCount"], &found["objects"][0]["notes"]),
        (&json!(1), &json!("names matter"))
    );
}
