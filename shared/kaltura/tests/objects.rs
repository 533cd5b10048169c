//! What the server sends, read: the samples of Kaltura's guide and knowledge centre, and the same in bad shape.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

use kaltura::{
    AssetStatus, CaptionAsset, EntryVendorTask, FromJson, JobPage, OutputFormat, Page, PlaybackContext,
    ServiceFeature, TaskStatus, UpdateJob,
};
use serde_json::{Value, json};

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_guides_task_with_profile_and_catalog_item() {
    insta::assert_debug_snapshot!(JobPage::from_json(fixture("task_with_profile_of_the_guide")).unwrap());
}

#[test]
fn a_job_as_get_jobs_gives_it() {
    insta::assert_debug_snapshot!(JobPage::from_json(fixture("get_jobs_with_order_fields")).unwrap());
}

#[test]
fn a_translation_task_as_get_gives_it() {
    insta::assert_debug_snapshot!(EntryVendorTask::from_json(fixture("translation_task_by_get")).unwrap());
}

#[test]
fn a_playback_context_with_hls_and_drm() {
    let context = PlaybackContext::from_json(fixture("playback_context_hls_and_drm")).unwrap();
    insta::assert_debug_snapshot!(context);
    assert!(context.sources[0].url.reveal().ends_with("/a.m3u8"));
}

#[test]
fn one_bad_job_does_not_lose_the_others() {
    let page = JobPage::from_json(fixture("get_jobs_with_bad_objects")).unwrap();
    let ids: Vec<&str> = page.jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["15", "9007199254740993", "9223372036854775807"]);
    insta::assert_debug_snapshot!(page.rejected);
}

#[test]
fn unknown_values_are_kept() {
    let page = JobPage::from_json(fixture("get_jobs_with_bad_objects")).unwrap();
    assert_eq!(page.jobs[1].service_feature, Some(ServiceFeature::Other(99)));
    assert_eq!(page.jobs[1].status, Some(TaskStatus::Other(42)));
    assert_eq!(page.jobs[1].extra.get("fieldOfNextYear"), Some(&json!({"a": 1})));
}

#[test]
fn lists_that_are_null_missing_or_empty_are_empty() {
    for answer in [
        json!({"objects": null, "totalCount": 0}),
        json!({}),
        json!({"objects": [], "totalCount": "0"}),
    ] {
        assert_eq!(JobPage::from_json(answer.clone()).unwrap(), JobPage::default());
        assert!(
            Page::<CaptionAsset>::from_json(answer)
                .unwrap()
                .objects
                .is_empty()
        );
    }
}

#[test]
fn ids_keep_every_digit() {
    for (sent, kept) in [
        (json!(9_007_199_254_740_993_u64), "9007199254740993"),
        (json!("9007199254740993"), "9007199254740993"),
        (json!(u64::MAX), "18446744073709551615"),
        (json!(15), "15"),
    ] {
        let task = EntryVendorTask::from_json(json!({"id": sent, "partnerId": "110"})).unwrap();
        assert_eq!(task.id.as_str(), kept);
    }
    for bad in [
        json!(1.5e300),
        json!(-1),
        json!("15; DROP"),
        json!("../15"),
        json!(""),
        json!(null),
        json!([]),
    ] {
        assert!(
            EntryVendorTask::from_json(json!({"id": bad.clone(), "partnerId": 1})).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn nullable_booleans_in_all_their_spellings() {
    let read = |value: Value| {
        let asset = json!({"id": "0_a", "isDefault": value});
        CaptionAsset::from_json(asset).map(|asset| asset.is_default)
    };
    for yes in [json!(true), json!(1), json!("1"), json!("true")] {
        assert_eq!(read(yes.clone()), Ok(Some(true)), "{yes}");
    }
    for no in [json!(false), json!(0), json!("0"), json!("False")] {
        assert_eq!(read(no.clone()), Ok(Some(false)), "{no}");
    }
    for unset in [json!(null), json!(-1), json!("-1"), json!("")] {
        assert_eq!(read(unset.clone()), Ok(None), "{unset}");
    }
    let shape = read(json!(7)).unwrap_err();
    assert_eq!(
        (shape.at.as_str(), shape.what.as_str()),
        (
            "isDefault",
            "expected a boolean (true, false, 0, 1), found the number 7"
        )
    );
}

#[test]
fn output_format_comes_as_a_string_a_number_or_nothing() {
    let read = |value: Value| {
        let related = json!({"reach_vendor_catalog_item": {"objects": [{"outputFormat": value}]}});
        let task = json!({"id": 1, "partnerId": 1, "relatedObjects": related});
        EntryVendorTask::from_json(task)
            .unwrap()
            .catalog_item()
            .unwrap()
            .output_format
    };
    assert_eq!(read(json!("1")), Some(OutputFormat::Srt));
    assert_eq!(read(json!(3)), Some(OutputFormat::Vtt));
    assert_eq!(read(json!("")), None);
    assert_eq!(read(json!(null)), None);
}

#[test]
fn related_objects_of_every_emptiness() {
    for related in [
        json!(null),
        json!([]),
        json!({}),
        json!({"reach_vendor_profile": null}),
        json!({"reach_vendor_profile": {"objects": null}}),
        json!({"reach_vendor_profile": {"objects": []}}),
    ] {
        let task =
            EntryVendorTask::from_json(json!({"id": 1, "partnerId": 1, "relatedObjects": related.clone()}));
        assert!(task.unwrap().reach_profile().is_none(), "{related}");
    }
    let wrong = json!({"id": 1, "partnerId": 1, "relatedObjects": {"reach_vendor_profile": {"objects": [{"defaultOutputFormat": "SRT"}]}}});
    assert_eq!(
        EntryVendorTask::from_json(wrong).unwrap_err().at,
        "relatedObjects.reach_vendor_profile.objects[0].defaultOutputFormat"
    );
}

#[test]
fn a_failed_import_is_status_minus_one_with_a_description() {
    let asset = CaptionAsset::from_json(json!({
        "id": "0_a", "status": "-1", "description": "Failed while reading file. HTTP Error: [403]",
        "partnerData": "reach-15-0", "version": "100001",
    }))
    .unwrap();
    assert_eq!(asset.status, Some(AssetStatus::Error));
    assert_eq!(asset.partner_data.as_deref(), Some("reach-15-0"));
}

#[test]
fn a_status_that_was_dropped_without_an_error_is_found() {
    let update = UpdateJob::new(TaskStatus::Processing);
    let task =
        |status| EntryVendorTask::from_json(json!({"id": "15", "partnerId": 110, "status": status})).unwrap();
    assert_eq!(update.confirm_status(&task(3)), Ok(()));
    let error = update.confirm_status(&task(1)).unwrap_err();
    assert_eq!(error.to_string(), "task 15 was set to PROCESSING but has PENDING");
}

#[test]
fn printing_a_task_shows_no_key() {
    let page = JobPage::from_json(fixture("task_with_profile_of_the_guide")).unwrap();
    assert!(!format!("{page:?}").contains("OTNmNDE5"));
}
