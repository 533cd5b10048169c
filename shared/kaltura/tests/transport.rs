//! What the network and a broken server can do to a call, against a server on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod support;

use std::time::Duration;

use kaltura::{Client, Error, ErrorClass, JobQuery, TaskStatus};
use serde_json::json;
use support::samples::{asset_id, by_url, entry_id, new_caption};
use support::{SECRET, Server, config, exception, key, ks, ok, task_id};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn pending() -> JobQuery {
    JobQuery::new(TaskStatus::Pending, 500)
}

/// Lists jobs on a server with these answers; gives the error, and what the observer was told.
async fn list_fails(answers: impl IntoIterator<Item = support::Answer>) -> (Error, Vec<String>) {
    let server = Server::start(answers).await;
    let (client, notebook) = support::client(&server.url);
    let error = client.vendor(&ks()).get_jobs(&pending()).await.unwrap_err();
    let told = notebook.0.lock().unwrap().clone();
    (error, told)
}

#[tokio::test]
async fn html_at_200_is_named_and_left_to_the_caller() {
    let (error, told) = list_fails([ok("<html><body>Back soon</body></html>")]).await;
    assert!(
        matches!(&error, Error::NotJson { begins, .. } if begins == "<html><body>Back soon</b"),
        "{error:?}"
    );
    assert_eq!(error.class(), ErrorClass::Retryable);
    assert_eq!(told, ["reach_entryvendortask.getJobs try 1: NotJson"]);
}

#[tokio::test]
async fn json_that_breaks_off_is_tried_again_and_named() {
    let (error, told) = list_fails([ok(r#"{"objects":[{"id":"#)]).await;
    assert!(matches!(error, Error::Truncated { bytes: 18, .. }), "{error:?}");
    assert_eq!(
        told,
        [
            "reach_entryvendortask.getJobs try 1: Truncated, again",
            "reach_entryvendortask.getJobs try 2: Truncated, again",
            "reach_entryvendortask.getJobs try 3: Truncated",
        ]
    );
}

#[tokio::test]
async fn an_empty_answer_is_named() {
    let (error, _) = list_fails([ok("")]).await;
    assert_eq!((error.name(), error.class()), ("Empty", ErrorClass::Retryable));
}

#[tokio::test]
async fn a_passing_502_is_got_over() {
    let page = json!({"objects": null, "totalCount": 0, "objectType": "KalturaEntryVendorTaskListResponse"});
    let server = Server::start([(502, "<html>".to_owned()), (503, String::new()), ok(page)]).await;
    let (client, notebook) = support::client(&server.url);
    let page = client.vendor(&ks()).get_jobs(&pending()).await.unwrap();
    assert!(page.jobs.is_empty() && page.rejected.is_empty());
    assert_eq!(
        *notebook.0.lock().unwrap(),
        [
            "reach_entryvendortask.getJobs try 1: Http, again",
            "reach_entryvendortask.getJobs try 2: Http, again",
            "reach_entryvendortask.getJobs try 3: OK",
        ]
    );
}

#[tokio::test]
async fn an_exception_at_200_is_an_error_and_a_rate_limit_is_not_hammered() {
    let (error, told) = list_fails([exception("ACTION_BLOCKED")]).await;
    assert_eq!(
        (error.name(), error.class()),
        ("ACTION_BLOCKED", ErrorClass::Retryable)
    );
    assert!(!error.may_have_taken_effect());
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_session() {
    let server = Server::start([(302, String::new()), ok("null")]).await;
    let (client, _) = support::client(&server.url);
    let error = client.vendor(&ks()).get_jobs(&pending()).await.unwrap_err();
    assert!(matches!(error, Error::Http { status: 302, .. }), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_add_whose_answer_was_lost_is_not_sent_again() {
    let server = Server::start([(502, String::new())]).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let error = client
        .task(&task_id, &key)
        .caption_add(&entry_id(), &new_caption())
        .await
        .unwrap_err();
    assert!(error.may_have_taken_effect());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_import_is_not_begun_twice() {
    let server = Server::start([ok(r#"{"id":"0_"#)]).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let error = client
        .task(&task_id, &key)
        .caption_set_content(&asset_id(), &by_url())
        .await
        .unwrap_err();
    assert_eq!(error.name(), "Truncated");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn what_the_server_echoes_is_scrubbed() {
    let signature = "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/s3/aws4_request, Signature=00ff";
    let echo = json!({
        "code": "INVALID_KS",
        "message": format!("Invalid KS \"{SECRET}\", header {signature}, url https://k.example/ks/{SECRET}?a=b"),
        "objectType": "KalturaAPIException",
        "args": {"KSID": SECRET},
    });
    let server = Server::start([ok(echo)]).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let error = client
        .task(&task_id, &key)
        .caption_set_content(&asset_id(), &by_url())
        .await
        .unwrap_err();
    let shown = format!("{error} {error:?}");
    for secret in [SECRET, "AKID", "00ff", "a=b"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn a_page_of_the_wrong_shape_says_where() {
    let (error, _) = list_fails([ok(r#"{"objects":{"0":{}}}"#)]).await;
    assert_eq!(
        error.to_string(),
        "reach_entryvendortask.getJobs: answer has the wrong shape at objects: expected an array, found an object of 1 fields"
    );
    assert_eq!(error.class(), ErrorClass::Terminal);
}

#[tokio::test]
async fn nobody_there_means_not_arrived() {
    // A port that was free a moment ago.
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (client, notebook) = support::client(&url);
    let (task_id, key) = (task_id(), key());
    let error = client
        .task(&task_id, &key)
        .caption_add(&entry_id(), &new_caption())
        .await
        .unwrap_err();
    assert_eq!((error.name(), error.may_have_taken_effect()), ("Connect", false));
    assert!(!error.to_string().contains("127.0.0.1:"), "no address in {error}");
    // Even an add is tried again: it has not arrived.
    assert_eq!(notebook.0.lock().unwrap().len(), 3);
}

/// A server that reads a request and then writes `answer` and closes, or never answers if there is none.
async fn raw(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                let _ = socket.read(&mut request).await;
                match answer {
                    Some(answer) => drop(socket.write_all(answer.as_bytes()).await),
                    None => std::future::pending().await,
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_arrived() {
    let (client, notebook) = support::client(&raw(Some("")).await);
    let (task_id, key) = (task_id(), key());
    let error = client
        .task(&task_id, &key)
        .caption_add(&entry_id(), &new_caption())
        .await
        .unwrap_err();
    assert_eq!((error.name(), error.may_have_taken_effect()), ("Broken", true));
    assert_eq!(notebook.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_truncated() {
    let url = raw(Some(
        "HTTP/1.1 200 OK\r\ncontent-length: 900\r\nconnection: close\r\n\r\n{\"objects\":[",
    ))
    .await;
    let (client, _) = support::client(&url);
    let error = client.vendor(&ks()).get_jobs(&pending()).await.unwrap_err();
    assert!(matches!(error, Error::Truncated { bytes: 12, .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_runs_into_the_time_out() {
    let mut config = config(&raw(None).await);
    config.time_outs.quick = Duration::from_millis(40);
    let error = Client::new(config)
        .unwrap()
        .vendor(&ks())
        .get_jobs(&pending())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout { after_ms: 40, .. }), "{error:?}");
    assert!(error.may_have_taken_effect());
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let page = |count: usize| {
        let assets: Vec<_> = (0..count)
            .map(|n| json!({"id": format!("0_{n}"), "status": 2}))
            .collect();
        ok(json!({"objects": assets, "totalCount": 501, "objectType": "KalturaCaptionAssetListResponse"}))
    };
    let server = Server::start([page(500), page(1)]).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let assets = client
        .task(&task_id, &key)
        .caption_list(&entry_id())
        .await
        .unwrap();
    assert_eq!(assets.len(), 501);
    let pages: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.json()["pager"]["pageIndex"].clone())
        .collect();
    assert_eq!(pages, [json!(1), json!(2)]);
}
