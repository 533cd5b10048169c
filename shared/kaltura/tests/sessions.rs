//! Opening a vendor session by app token.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod support;

use kaltura::{AppToken, AppTokenHashType, ErrorClass, Ks};
use serde_json::json;
use support::{Server, exception, ok};

fn token(hash_type: AppTokenHashType) -> AppToken {
    AppToken {
        id: "1_token".to_owned(),
        token: "app-token".into(),
        hash_type,
    }
}

#[tokio::test]
async fn widget_session_then_hash_then_session() {
    for hash_type in AppTokenHashType::ALL {
        let server = Server::start([
            ok(json!({"ks": "widget-ks", "partnerId": 12345, "userId": "0", "objectType": "KalturaStartWidgetSessionResponse"})),
            ok(json!({
                "ks": "vendor-ks", "sessionType": 2, "partnerId": 12345, "userId": "REACH_JOB_PROCESSOR",
                "expiry": 1_800_000_000, "privileges": "sessionid:1,disableentitlement,apptoken:1_token",
                "objectType": "KalturaSessionInfo",
            })),
        ])
        .await;
        let (client, _) = support::client(&server.url);
        let session = client
            .open_vendor_session(&token(hash_type), 86_400)
            .await
            .unwrap();
        assert_eq!(
            (session.ks.reveal(), session.expires_epoch_s),
            ("vendor-ks", 1_800_000_000)
        );
        assert!(session.disables_entitlement());

        let [widget, start] = server.seen().try_into().unwrap();
        assert_eq!(widget.json()["widgetId"], "_12345");
        assert!(widget.json().get("ks").is_none());
        assert_eq!(start.json()["ks"], "widget-ks");
        assert_eq!(
            start.json()["tokenHash"],
            token(hash_type).hash(&Ks::from("widget-ks"))
        );
        assert_eq!(start.json()["clientTag"], "app:1.2.3_vendorName_12345");
    }
}

#[tokio::test]
async fn a_token_that_is_not_known_is_terminal() {
    let server = Server::start([
        ok(json!({"ks": "widget-ks"})),
        exception("APP_TOKEN_ID_NOT_FOUND"),
    ])
    .await;
    let (client, _) = support::client(&server.url);
    let error = client
        .open_vendor_session(&token(AppTokenHashType::Sha1), 86_400)
        .await
        .unwrap_err();
    assert_eq!(
        (error.name(), error.class()),
        ("APP_TOKEN_ID_NOT_FOUND", ErrorClass::Terminal)
    );
}

#[tokio::test]
async fn a_session_without_an_expiry_is_refused() {
    let server = Server::start([ok(json!({"ks": "widget-ks"})), ok(json!({"ks": "djJ8vendor"}))]).await;
    let (client, _) = support::client(&server.url);
    let error = client
        .open_vendor_session(&token(AppTokenHashType::Sha1), 86_400)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("at expiry"), "{error}");
}

/// A multi-threaded runtime may move a call between threads: checked by the compiler.
#[tokio::test]
async fn every_way_of_a_call_is_send() {
    fn send<T: Send>(_: &T) {}
    let (client, _) = support::client("http://127.0.0.1:9");
    let (task_id, key, ks) = (support::task_id(), support::key(), support::ks());
    let entry_id = support::samples::entry_id();
    let task = client.task(&task_id, &key);
    send(&task.get());
    send(&task.caption_list(&entry_id));
    send(&task.chapters(&entry_id));
    send(&task.upload_file("a.srt", "x".into()));
    send(&client.vendor(&ks).extend_access_key(&task_id));
    send(&client.open_vendor_session(&token(AppTokenHashType::Md5), 1));
    let source = axum::body::Bytes::from_static(b"x");
    send(&task.upload_chunked("a.srt", &source, kaltura::Chunking::default()));
}
