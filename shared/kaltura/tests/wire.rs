//! The wire form of every request, as reviewed snapshots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod support;

use kaltura::{Call, Client};
use serde_json::json;
use support::samples::{Visitor, With, visit_all};
use support::{Server, key, ks, ok, task_id};

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
