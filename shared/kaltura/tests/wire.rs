//! The wire form of every request, as reviewed snapshots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod support;

use kaltura::{Call, Client};
use serde_json::json;
use support::samples::{self, Visitor, With, visit_all};
use support::{SECRET, Server, key, ks, ok, task_id};

struct Send {
    server: Server,
    client: Client,
}

impl Visitor for Send {
    async fn visit<C: Call>(&mut self, call: &C, with: With, sample: &str) {
        // Sent as multipart by its own way: see `uploads.rs`.
        if C::ACTION == "upload" {
            return;
        }
        // Only the request matters here: most calls can't read `null`.
        let (ks, key, task_id) = (ks(), key(), task_id());
        match with {
            With::Nothing => drop(self.client.call(call).await),
            With::VendorKs => drop(self.client.vendor(&ks).call(call, None).await),
            With::VendorKsForTask => drop(self.client.vendor(&ks).call(call, Some(&task_id)).await),
            With::AccessKey => drop(self.client.task(&task_id, &key).call(call).await),
        }
        let seen = self.server.last();
        let name = [C::SERVICE, C::ACTION, sample].join(".");
        let request = json!({
            "request": format!("{} {}", seen.method, seen.path),
            "content_type": seen.content_type(),
            "body": seen.without_secret(),
        });
        insta::with_settings!({sort_maps => true, prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_json_snapshot!(name.trim_end_matches('.'), request);
        });
    }
}

#[tokio::test]
async fn every_request_has_its_reviewed_form() {
    let server = Server::start([ok("null")]).await;
    let (client, _) = support::client(&server.url);
    visit_all(&mut Send { server, client }).await;
}

/// Calls that travel together: each as it is alone, with its name, under a number from 1 on.
#[tokio::test]
async fn several_calls_in_one_request() {
    let cue = json!({"objectType": "KalturaThumbCuePoint", "id": "0_cue"});
    let exists = json!({"objectType": "KalturaAPIException", "code": "CUE_POINT_SYSTEM_NAME_EXISTS", "message": "",
        "args": {"SYSTEM_NAME": SECRET}});
    let server = Server::start([ok(json!([cue, exists]))]).await;
    let (client, _) = support::client(&server.url);
    let (key, task_id) = (key(), task_id());
    let chapter = samples::new_chapter();
    let outcomes = client
        .task(&task_id, &key)
        .chapters_add(&[chapter.clone(), chapter.clone(), chapter])
        .await;
    let named: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().err().map(kaltura::Error::name))
        .collect();
    assert_eq!(
        named,
        [
            None,
            Some("CUE_POINT_SYSTEM_NAME_EXISTS"),
            Some("UnexpectedShape")
        ]
    );
    assert!(!format!("{outcomes:?}").contains(SECRET), "{outcomes:?}");
    let seen = server.last();
    insta::with_settings!({sort_maps => true, omit_expression => true}, {
        insta::assert_json_snapshot!(json!({ "request": seen.path, "body": seen.without_secret() }));
    });
}

/// A request that fails as a whole fails each of its calls, and is not sent again where its answer was lost.
#[tokio::test]
async fn several_calls_fail_together() {
    let server = Server::start([(502, String::new())]).await;
    let (client, _) = support::client(&server.url);
    let (key, task_id) = (key(), task_id());
    let chapters = vec![samples::new_chapter(); 60];
    let outcomes = client.task(&task_id, &key).chapters_add(&chapters).await;
    assert_eq!(outcomes.len(), 60);
    assert!(outcomes.iter().all(|outcome| {
        outcome
            .as_ref()
            .is_err_and(|error| error.name() == "Http" && error.may_have_taken_effect())
    }));
    assert_eq!(server.seen().len(), 2, "50 and 10");
}

#[tokio::test]
async fn no_address_carries_a_secret() {
    struct Addresses(Send);
    impl Visitor for Addresses {
        async fn visit<C: Call>(&mut self, call: &C, _: With, _: &str) {
            let _ = self.0.client.vendor(&ks()).call(call, None).await;
            let seen = self.0.server.last();
            assert!(
                !seen.path.contains('?') && !seen.path.contains(support::SECRET),
                "{}",
                seen.path
            );
        }
    }
    let server = Server::start([ok("null")]).await;
    let (client, _) = support::client(&server.url);
    visit_all(&mut Addresses(Send { server, client })).await;
}
