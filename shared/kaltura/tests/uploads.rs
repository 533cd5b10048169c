//! Files by upload token: whole, in chunks, broken off and gone on with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod support;

use axum::body::Bytes;
use kaltura::{Chunking, Error, UploadTokenId};
use serde_json::{Value, json};
use support::{Answer, Seen, Server, key, ok, task_id};

const FILE: &str = "9292-0.srt";

fn token(status: u8, arrived_bytes: u64) -> Answer {
    ok(
        json!({"id": "0_token1", "status": status, "uploadedFileSize": arrived_bytes, "objectType": "KalturaUploadToken"}),
    )
}

/// The parameters and the bytes of a multipart upload.
fn parts(seen: &Seen) -> (Value, String) {
    let text = String::from_utf8(seen.body.to_vec()).unwrap();
    let part = |head: &str| {
        let (_, rest) = text
            .split_once(head)
            .unwrap_or_else(|| panic!("no part {head} in {text}"));
        let (_, body) = rest.split_once("\r\n\r\n").unwrap();
        body.split_once("\r\n--").unwrap().0.to_owned()
    };
    assert!(
        seen.content_type().starts_with("multipart/form-data; boundary="),
        "{}",
        seen.content_type()
    );
    let json = serde_json::from_str(&part("name=\"json\"")).unwrap();
    (json, part("name=\"fileData\"; filename=\"9292-0.srt\""))
}

/// Chunks in their order, so that the server's answers can be told in one.
fn one_at_once(chunk_bytes: u64) -> Chunking {
    Chunking {
        chunk_bytes,
        at_once: 1,
    }
}

async fn chunked(answers: Vec<Answer>, chunk_bytes: u64) -> (Result<UploadTokenId, Error>, Vec<Seen>) {
    let server = Server::start(answers).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let source = Bytes::from_static(b"abcdefghij");
    let outcome = client
        .task(&task_id, &key)
        .upload_chunked(FILE, &source, one_at_once(chunk_bytes))
        .await;
    (outcome, server.seen())
}

fn uploads(seen: &[Seen]) -> Vec<(Value, String)> {
    seen.iter()
        .filter(|seen| seen.path.ends_with("/upload"))
        .map(parts)
        .collect()
}

#[tokio::test]
async fn a_small_file_goes_up_in_two_calls() {
    let server = Server::start([token(0, 0), token(2, 10)]).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let id = client
        .task(&task_id, &key)
        .upload_file(FILE, Bytes::from_static(b"abcdefghij"))
        .await
        .unwrap();
    assert_eq!(id.as_str(), "0_token1");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].json()["uploadToken"]["fileSize"], 10);
    let (json, data) = parts(&seen[1]);
    assert_eq!(data, "abcdefghij");
    assert_eq!(
        (&json["resume"], &json["finalChunk"], json.get("resumeAt")),
        (&json!(false), &json!(true), None)
    );
    assert_eq!(json["clientTag"], "app:1.2.3_vendorName-12345-9292");
    assert_eq!(json["ks"], support::SECRET);
}

#[tokio::test]
async fn chunks_tell_where_they_belong_and_which_is_last() {
    let (id, seen) = chunked(vec![token(0, 0), token(1, 4), token(1, 8), token(2, 10)], 4).await;
    assert_eq!(id.unwrap().as_str(), "0_token1");
    let forms: Vec<_> = uploads(&seen)
        .into_iter()
        .map(|(mut json, data)| {
            json["ks"] = json!("(session)");
            json!({"json": json, "fileData": data})
        })
        .collect();
    insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!(forms) });
    let told: Vec<_> = uploads(&seen)
        .into_iter()
        .map(|(json, data)| json!([json["resume"], json["finalChunk"], json["resumeAt"], data]))
        .collect();
    assert_eq!(
        told,
        [
            json!([false, false, null, "abcd"]),
            json!([true, false, 4, "efgh"]),
            json!([true, true, 8, "ij"])
        ]
    );
}

#[tokio::test]
async fn a_broken_chunk_is_sent_again_to_the_same_place() {
    let answers = vec![
        token(0, 0),
        token(1, 4),
        (502, String::new()),
        token(1, 8),
        token(2, 10),
    ];
    let (id, seen) = chunked(answers, 4).await;
    assert!(id.is_ok());
    let places: Vec<_> = uploads(&seen)
        .into_iter()
        .map(|(json, _)| json["resumeAt"].clone())
        .collect();
    assert_eq!(places, [json!(null), json!(4), json!(4), json!(8)]);
}

#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off() {
    let server = Server::start([token(1, 8), token(2, 10)]).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let source = Bytes::from_static(b"abcdefghij");
    let id = UploadTokenId::parse("0_token1").unwrap();
    client
        .task(&task_id, &key)
        .upload_resume(id, FILE, &source, one_at_once(4))
        .await
        .unwrap();
    let [(json, data)] = uploads(&server.seen()).try_into().unwrap();
    assert_eq!((json["resumeAt"].clone(), data.as_str()), (json!(8), "ij"));
}

#[tokio::test]
async fn a_lost_last_answer_is_settled_by_asking() {
    let (id, seen) = chunked(vec![token(0, 0), (502, String::new()), token(2, 10)], 100).await;
    assert_eq!(id.unwrap().as_str(), "0_token1");
    assert_eq!(
        seen.iter().filter(|seen| seen.path.ends_with("/upload")).count(),
        1,
        "a whole file is not sent twice"
    );
}

#[tokio::test]
async fn what_kaltura_could_not_use_is_not_sent() {
    let server = Server::start([token(0, 0)]).await;
    let (client, _) = support::client(&server.url);
    let (task_id, key) = (task_id(), key());
    let task = client.task(&task_id, &key);
    for (name, data) in [
        ("captions", "x"),
        ("../a.srt", "x"),
        ("a.srt\r\n", "x"),
        ("a.srt", ""),
        ("a.", "x"),
    ] {
        let error = task
            .upload_file(name, Bytes::from_static(data.as_bytes()))
            .await
            .unwrap_err();
        assert_eq!(error.name(), "Invalid", "{name}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_put_together_yet_is_asked_for_again() {
    let gaps = support::exception("UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE");
    let answers = vec![token(0, 0), token(1, 8), gaps, token(2, 10)];
    let (id, seen) = chunked(answers, 8).await;
    assert!(id.is_ok());
    let finals = uploads(&seen)
        .into_iter()
        .filter(|(json, _)| json["finalChunk"] == json!(true))
        .count();
    assert_eq!(finals, 2);
}
