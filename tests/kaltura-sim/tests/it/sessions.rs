//! Sessions and who may call what (spec sections 1.1 and 4).

use crate::bench::{Bench, code, text};
use kaltura_sim::{AppTokenConfig, AppTokenHash, KsKind, OrderRequest, SimConfig};
use serde_json::{Value, json};
use sha2::Digest as _;
use std::time::Duration;

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn hash(kind: AppTokenHash, text: &str) -> String {
    match kind {
        AppTokenHash::Md5 => hex(&md5::Md5::digest(text)),
        AppTokenHash::Sha1 => hex(&sha1::Sha1::digest(text)),
        AppTokenHash::Sha256 => hex(&sha2::Sha256::digest(text)),
        AppTokenHash::Sha512 => hex(&sha2::Sha512::digest(text)),
    }
}

async fn by_app_token(bench: &Bench, extra: Value) -> Value {
    let widget_id = format!("_{}", bench.sim.vendor_partner_id());
    let widget = bench
        .call("session", "startWidgetSession", json!({"widgetId": widget_id}))
        .await;
    let ks = text(&widget["ks"]);
    let token_hash = hash(
        bench.sim.app_token_hash_type(),
        &format!("{ks}{}", bench.sim.app_token()),
    );
    let mut params = json!({"ks": ks, "id": bench.sim.app_token_id(), "tokenHash": token_hash, "type": 2});
    params
        .as_object_mut()
        .expect("an object")
        .extend(extra.as_object().expect("an object").clone());
    bench.call("apptoken", "startSession", params).await
}

fn with_token(app_token: AppTokenConfig) -> SimConfig {
    SimConfig {
        app_token,
        ..SimConfig::default()
    }
}

#[tokio::test]
async fn app_tokens_of_all_four_hashes_start_a_session() {
    for hash_type in [
        AppTokenHash::Md5,
        AppTokenHash::Sha1,
        AppTokenHash::Sha256,
        AppTokenHash::Sha512,
    ] {
        let bench = Bench::with(with_token(AppTokenConfig {
            hash_type,
            ..AppTokenConfig::default()
        }))
        .await;
        let session = by_app_token(&bench, json!({})).await;
        let jobs = bench
            .call("reach_entryvendortask", "getJobs", json!({"ks": session["ks"]}))
            .await;
        assert_eq!(jobs["totalCount"], 0, "{hash_type:?}");
    }
}

#[tokio::test]
async fn d9_session_privileges_cannot_lift_entitlement() {
    let token = AppTokenConfig {
        privileges: String::new(),
        ..AppTokenConfig::default()
    };
    let bench = Bench::with(with_token(token)).await;
    let session = by_app_token(&bench, json!({"sessionPrivileges": "disableentitlement,list:*"})).await;
    let privileges = text(&session["privileges"]);
    assert!(
        !privileges.contains("disableentitlement") && privileges.starts_with("list:*,"),
        "{privileges}"
    );

    let bench = Bench::start().await;
    let session = by_app_token(&bench, json!({})).await;
    assert!(text(&session["privileges"]).starts_with("disableentitlement,sessionid:"));
}

#[tokio::test]
async fn app_tokens_are_refused_by_cause() {
    let bench = Bench::start().await;
    assert_eq!(
        code(&by_app_token(&bench, json!({"id": "1_other"})).await),
        "APP_TOKEN_ID_NOT_FOUND"
    );
    assert_eq!(
        code(&by_app_token(&bench, json!({"tokenHash": "00"})).await),
        "INVALID_APP_TOKEN_HASH"
    );
    let inactive = AppTokenConfig {
        active: false,
        ..AppTokenConfig::default()
    };
    assert_eq!(
        code(&by_app_token(&Bench::with(with_token(inactive)).await, json!({})).await),
        "APP_TOKEN_NOT_ACTIVE"
    );
    let expired = AppTokenConfig {
        expiry_epoch_s: Some(1),
        ..AppTokenConfig::default()
    };
    assert_eq!(
        code(&by_app_token(&Bench::with(with_token(expired)).await, json!({})).await),
        "APP_TOKEN_EXPIRED"
    );
    let widget = bench
        .call("session", "startWidgetSession", json!({"widgetId": "_77"}))
        .await;
    assert_eq!(code(&widget), "INVALID_WIDGET_ID");
}

#[tokio::test]
async fn a_session_lives_no_longer_than_its_token_allows() {
    let token = AppTokenConfig {
        session_duration_s: 600,
        ..AppTokenConfig::default()
    };
    let bench = Bench::with(with_token(token)).await;
    let session = by_app_token(&bench, json!({"expiry": 86_400})).await;
    let call = || bench.call("reach_entryvendortask", "getJobs", json!({"ks": session["ks"]}));
    assert_eq!(call().await["totalCount"], 0);
    bench.sim.advance_clock(Duration::from_secs(601));
    let refused = call().await;
    assert_eq!(code(&refused), "INVALID_KS");
    assert_eq!(
        refused["args"],
        json!({"KSID": "EXPIRED", "ERR_CODE": "-1", "ERR_DESC": "INVALID_STR"})
    );
}

#[tokio::test]
async fn each_session_may_call_what_its_kind_may() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let (vendor, key) = (bench.vendor().await, bench.key(&placed.task_id));
    let widget_id = format!("_{}", bench.sim.vendor_partner_id());
    let widget = text(
        &bench
            .call("session", "startWidgetSession", json!({"widgetId": widget_id}))
            .await["ks"],
    );
    let (task, entry) = (&placed.task_id, &placed.entry_id);
    let calls = [
        ("reach_entryvendortask", "getJobs", json!({})),
        ("reach_entryvendortask", "get", json!({"id": task})),
        (
            "reach_entryvendortask",
            "updateJob",
            json!({"id": task, "entryVendorTask": {"notes": "x"}}),
        ),
        ("reach_entryvendortask", "extendAccessKey", json!({"id": task})),
        ("baseentry", "get", json!({"entryId": entry})),
        (
            "caption_captionasset",
            "add",
            json!({"entryId": entry, "captionAsset": {"language": "English"}}),
        ),
        ("flavorasset", "delete", json!({"id": "0_x"})),
        (
            "attachment_attachmentasset",
            "delete",
            json!({"attachmentAssetId": "0_x"}),
        ),
        ("reach_reachprofile", "get", json!({"id": 1})),
        ("uploadtoken", "add", json!({})),
    ];
    let mut table = String::new();
    for (service, action, params) in calls {
        let mut row = vec![format!("{service}.{action}")];
        for ks in [None, Some(&widget), Some(&vendor), Some(&key)] {
            let mut params = params.clone();
            if let Some(ks) = ks {
                params["ks"] = json!(ks);
            }
            let answer = bench.call(service, action, params).await;
            row.push(answer["code"].as_str().unwrap_or("ok").to_owned());
        }
        table.push_str(&row.join(" | "));
        table.push('\n');
    }
    // action | no session | widget | vendor | access key
    insta::assert_snapshot!(table, @r"
    reach_entryvendortask.getJobs | MISSING_KS | SERVICE_FORBIDDEN | ok | SERVICE_FORBIDDEN
    reach_entryvendortask.get | MISSING_KS | SERVICE_FORBIDDEN | ENTRY_VENDOR_TASK_NOT_FOUND | ok
    reach_entryvendortask.updateJob | MISSING_KS | SERVICE_FORBIDDEN | ok | SERVICE_FORBIDDEN
    reach_entryvendortask.extendAccessKey | MISSING_KS | SERVICE_FORBIDDEN | CANNOT_EXTEND_ACCESS_KEY | SERVICE_FORBIDDEN
    baseentry.get | MISSING_KS | ENTRY_ID_NOT_FOUND | ENTRY_ID_NOT_FOUND | ok
    caption_captionasset.add | MISSING_KS | SERVICE_FORBIDDEN | ENTRY_ID_NOT_FOUND | ok
    flavorasset.delete | MISSING_KS | SERVICE_FORBIDDEN | SIM_ACTION_NOT_MODELLED | SERVICE_FORBIDDEN
    attachment_attachmentasset.delete | MISSING_KS | SERVICE_FORBIDDEN | SIM_ACTION_NOT_MODELLED | SERVICE_FORBIDDEN
    reach_reachprofile.get | MISSING_KS | SERVICE_FORBIDDEN | SIM_ACTION_NOT_MODELLED | SERVICE_FORBIDDEN
    uploadtoken.add | MISSING_KS | SERVICE_FORBIDDEN | ok | ok
    ");
}

#[tokio::test]
async fn keys_edit_their_own_entry_only() {
    let bench = Bench::start().await;
    let (one, other) = (
        bench.order(OrderRequest::default()).await,
        bench.order(OrderRequest::default()).await,
    );
    let params = json!({"ks": bench.key(&one.task_id), "entryId": other.entry_id, "captionAsset": {"language": "English"}});
    let refused = bench.call("caption_captionasset", "add", params).await;
    assert_eq!(
        (code(&refused), &refused["args"]["ERR_CODE"]),
        ("INVALID_KS", &json!("-4"))
    );
}

#[tokio::test]
async fn customers_do_not_see_each_other() {
    let bench = Bench::start().await;
    let one = bench.order(OrderRequest::default()).await;
    let mut order = OrderRequest::default();
    order.customer.partner_id = kaltura_sim::PartnerId(202);
    let other = bench.order(order).await;
    let ks = bench.key(&one.task_id);
    let get = bench
        .call(
            "reach_entryvendortask",
            "get",
            json!({"ks": ks, "id": other.task_id}),
        )
        .await;
    assert_eq!(code(&get), "ENTRY_VENDOR_TASK_NOT_FOUND");
    let entry = bench
        .call("baseentry", "get", json!({"ks": ks, "entryId": other.entry_id}))
        .await;
    assert_eq!(code(&entry), "ENTRY_ID_NOT_FOUND");
}

#[tokio::test]
async fn form_json_and_xml_say_the_same() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let key = bench.key(&placed.task_id);
    let url = format!(
        "{}/api_v3/service/CAPTION_captionAsset/action/ADD",
        bench.sim.service_url()
    );
    for encoded in [
        "captionAsset[language]=French&captionAsset[format]=3",
        "captionAsset:language=French&captionAsset:format=3",
    ] {
        let body = format!(
            "ks={}&format=1&entryId={}&{encoded}",
            url::form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>(),
            placed.entry_id
        );
        let request = bench
            .http
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert_eq!(
            (&answer["language"], &answer["format"]),
            (&json!("French"), &json!("3"))
        );
    }
    let xml = bench
        .http
        .post(&url)
        .json(&json!({"entryId": "x"}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(xml.headers()["content-type"], "text/xml");
    assert_eq!(xml.headers()["x-kaltura"], "error-MISSING_MANDATORY_PARAMETER");
    // A charset makes it a form, in which there is nothing.
    let request = bench
        .http
        .post(&url)
        .header("content-type", "application/json; charset=utf-8");
    let answer = request
        .body(r#"{"format":"1"}"#)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    assert!(answer.starts_with("<?xml"), "{answer}");
}

#[tokio::test]
async fn the_log_tells_session_and_tag_and_no_secrets() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let key = bench.key(&placed.task_id);
    let params = json!({"ks": key, "id": placed.task_id, "clientTag": "app:1_vendor-9-1"});
    bench.call("reach_entryvendortask", "get", params).await;
    let resource = crate::bench::url_resource("http://127.0.0.1:1/a.srt?sig=abc", &["Authorization: secret"]);
    let asset = bench.caption(&placed, json!({"language": "English"})).await;
    bench
        .set_content(&placed, "caption_captionasset", &asset["id"], resource)
        .await;
    let calls = bench.report(&placed.task_id).calls;
    assert_eq!(calls[0].ks_kind, KsKind::AccessKey);
    assert_eq!(calls[0].client_tag.as_deref(), Some("app:1_vendor-9-1"));
    let logged = serde_json::to_string(&calls).expect("JSON");
    assert!(
        !logged.contains(&key) && !logged.contains("sig=abc") && !logged.contains("secret"),
        "{logged}"
    );
}
