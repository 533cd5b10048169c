//! Content by address: the import job of captions and flavors, the synchronous fetch of attachments (spec section 3).

use crate::bench::{Bench, Files, SRT, Scripted, code, url_resource};
use kaltura_sim::{AssetReport, Fault, FaultEffect, OrderRequest, PlacedOrder, SimConfig};
use serde_json::{Value, json};
use std::time::Duration;

async fn import(bench: &Bench, url: &str, format: i64) -> (PlacedOrder, Value) {
    let placed = bench.order(OrderRequest::default()).await;
    let asset = bench
        .caption(
            &placed,
            json!({"language": "English", "format": format, "fileExt": "txt"}),
        )
        .await;
    let resource = url_resource(
        url,
        &["Authorization: Signed abc", "x-amz-date: 20240101T000000Z", ""],
    );
    let answer = bench
        .set_content(&placed, "caption_captionasset", &asset["id"], resource)
        .await;
    assert_eq!(
        answer["status"], 7,
        "D1: asynchronous, whatever forceAsyncDownload says"
    );
    (placed, asset["id"].clone())
}

async fn imported(head: Scripted, get: Scripted, format: i64) -> (AssetReport, Files) {
    let bench = Bench::start().await;
    let files = Files::start(vec![head], vec![get]).await;
    let (placed, id) = import(
        &bench,
        &format!("{}/deep//folder/talk.SRT?x=1", files.url),
        format,
    )
    .await;
    (bench.imported(&placed, &id).await, files)
}

#[tokio::test]
async fn d2_head_goes_without_the_headers_and_get_with_them() {
    let (asset, files) = imported(Scripted::status(403), Scripted::ok(SRT), 1).await;
    assert_eq!(
        (asset.status, asset.fields["fileExt"].as_str()),
        (2, Some("srt")),
        "the address gives the extension"
    );
    assert_eq!(
        std::fs::read_to_string(asset.file.expect("a file")).expect("readable"),
        SRT
    );
    let seen = files.seen();
    assert_eq!(files.methods(), ["HEAD", "GET"]);
    assert!(!seen[0].headers.contains_key("authorization"));
    assert_eq!(seen[1].headers["authorization"], "Signed abc");
    assert_eq!(seen[1].headers["x-amz-date"], "20240101T000000Z");
    assert!(!seen[1].headers.contains_key("range") && !seen[1].headers.contains_key("accept-encoding"));
    assert_eq!(
        seen[1].path, "/deep/folder/talk.SRT?x=1",
        "double slashes collapse"
    );
}

#[tokio::test]
async fn captions_must_parse_in_their_format() {
    for (format, content, status) in [
        (1, SRT, 2),
        (1, "", -1),
        (1, "no cue", -1),
        (3, "WEBVTT\n", 2),
        (3, SRT, -1),
        (2, "<tt", -1),
    ] {
        let (asset, _) = imported(Scripted::status(403), Scripted::ok(content), format).await;
        assert_eq!(asset.status, status, "format {format}: {content}");
    }
}

#[tokio::test]
async fn a_refused_import_is_tried_three_times_five_minutes_apart() {
    let bench = Bench::start().await;
    let files = Files::start(vec![Scripted::status(403)], vec![Scripted::status(403)]).await;
    let (placed, id) = import(&bench, &format!("{}/talk.srt", files.url), 1).await;
    for attempt in 1..=2 {
        bench.to_next_attempt(&placed, &id, attempt * 2).await;
        assert_eq!(bench.asset(&placed, &id).status, 7);
    }
    let asset = bench.imported(&placed, &id).await;
    assert_eq!(asset.status, -1);
    assert_eq!(
        asset.description.as_deref(),
        Some("Failed while reading file. HTTP Error: [403]")
    );
    let apart = asset.imports[2].at_ms - asset.imports[1].at_ms;
    assert!((300_000..310_000).contains(&apart), "{apart} ms");
    assert_eq!(files.methods(), ["HEAD", "GET", "HEAD", "GET", "HEAD", "GET"]);
}

#[tokio::test]
async fn a_later_attempt_heals_with_the_same_headers() {
    let bench = Bench::start().await;
    let files = Files::start(
        vec![Scripted::status(403)],
        vec![Scripted::status(503), Scripted::ok(SRT)],
    )
    .await;
    let (placed, id) = import(&bench, &format!("{}/talk.srt", files.url), 1).await;
    bench.to_next_attempt(&placed, &id, 2).await;
    assert_eq!(bench.imported(&placed, &id).await.status, 2);
    assert_eq!(files.seen()[3].headers["authorization"], "Signed abc");
}

/// A 403 to HEAD that announces more than the file has makes the whole file look partial, and the way back from a
/// partial file has no headers: it can only fail (spec section 3.2, steps 2 and 5).
#[tokio::test]
async fn a_length_on_the_refused_head_is_a_trap() {
    let refused = Scripted {
        announced: Some(211),
        ..Scripted::status(403)
    };
    let bench = Bench::start().await;
    let files = Files::start(
        vec![refused.clone()],
        vec![Scripted::ok(SRT), Scripted::status(403)],
    )
    .await;
    let (placed, id) = import(&bench, &format!("{}/talk.srt", files.url), 1).await;
    bench.to_next_attempt(&placed, &id, 2).await;
    let asset = bench.imported(&placed, &id).await;
    assert_eq!(asset.status, -1);
    let seen = files.seen();
    assert_eq!(files.methods(), ["HEAD", "GET", "GET"]);
    assert_eq!(seen[2].headers["range"], "bytes=0-0");
    assert!(!seen[2].headers.contains_key("authorization"));

    let bench = Bench::with(SimConfig {
        ignore_length_of_refused_head: true,
        ..SimConfig::default()
    })
    .await;
    let files = Files::start(vec![refused], vec![Scripted::ok(SRT)]).await;
    let (placed, id) = import(&bench, &format!("{}/talk.srt", files.url), 1).await;
    assert_eq!(bench.imported(&placed, &id).await.status, 2);
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let bench = Bench::with(SimConfig {
        allow_private_imports: false,
        ..SimConfig::default()
    })
    .await;
    let files = Files::start(vec![], vec![Scripted::ok(SRT)]).await;
    let (placed, id) = import(&bench, &format!("{}/talk.srt", files.url), 1).await;
    let asset = bench.imported(&placed, &id).await;
    assert_eq!(asset.status, -1);
    assert!(
        asset
            .description
            .is_some_and(|text| text.starts_with("Internal not allowed url"))
    );
    assert!(files.seen().is_empty());
}

#[tokio::test]
async fn imports_can_be_made_to_fail_to_wait_and_to_hang() {
    let bench = Bench::start().await;
    let files = Files::start(vec![Scripted::status(403)], vec![Scripted::ok(SRT)]).await;
    let url = format!("{}/talk.srt", files.url);
    bench.sim.faults(vec![
        Fault::new(FaultEffect::ImportFails {
            description: "disk full".to_owned(),
        })
        .times(1),
    ]);
    let (placed, id) = import(&bench, &url, 1).await;
    let asset = bench.imported(&placed, &id).await;
    assert_eq!(
        (asset.status, asset.description.as_deref()),
        (-1, Some("disk full"))
    );

    bench.sim.faults(vec![
        Fault::new(FaultEffect::ImportLate { ms: 3_600_000 }).times(1),
    ]);
    let (placed, id) = import(&bench, &url, 1).await;
    assert_eq!(bench.asset(&placed, &id).status, 7);
    assert!(files.seen().is_empty());
    bench.to_next_attempt(&placed, &id, 0).await;
    assert_eq!(bench.imported(&placed, &id).await.status, 2);

    bench.sim.faults(vec![Fault::new(FaultEffect::ImportStuck)]);
    let (placed, id) = import(&bench, &url, 1).await;
    bench.sim.advance_clock(Duration::from_hours(24));
    assert_eq!(bench.asset(&placed, &id).status, 7);
}

#[tokio::test]
async fn d2_attachments_are_fetched_at_once_and_without_headers() {
    let bench = Bench::start().await;
    let files = Files::start(
        vec![],
        vec![
            Scripted::ok("first"),
            Scripted::ok("second"),
            Scripted::status(403),
        ],
    )
    .await;
    let placed = bench.order(OrderRequest::default()).await;
    let add = async |extension: &str| {
        let params = json!({"ks": bench.key(&placed.task_id), "entryId": placed.entry_id, "attachmentAsset":
            {"objectType": "KalturaTranscriptAsset", "language": "English", "fileExt": extension}});
        bench.call("attachment_attachmentasset", "add", params).await["id"].clone()
    };
    let put = |id: Value, name: &str| {
        let resource = url_resource(&format!("{}/{name}", files.url), &["Authorization: Signed abc"]);
        let (bench, placed) = (&bench, &placed);
        async move {
            bench
                .set_content(placed, "attachment_attachmentasset", &id, resource)
                .await
        }
    };
    let first = put(add("txt").await, "a/talk-1.txt").await;
    assert_eq!((&first["status"], &first["fileExt"]), (&json!(2), &json!("txt")));
    assert!(!files.seen()[0].headers.contains_key("authorization"));
    assert_eq!(files.methods(), ["GET"]);
    let params = json!({"ks": bench.key(&placed.task_id), "id": first["id"]});
    let address = bench.call("attachment_attachmentasset", "getUrl", params).await;
    let served = bench
        .http
        .get(crate::bench::text(&address))
        .send()
        .await
        .expect("an answer");
    assert_eq!(served.text().await.expect("text"), "first");
    let second = put(add("txt").await, "a/talk-2.txt?sig=1").await;
    assert_eq!(
        second["fileExt"], "txt?sig=1",
        "the query is taken for the extension"
    );
    let id = add("txt").await;
    assert_eq!(
        code(&put(id.clone(), "a/talk-3.txt").await),
        "ATTACHMENT_ASSET_DOWNLOAD_FAILED"
    );
    assert_eq!(bench.asset(&placed, &id).status, -1);
}

/// Left-overs of the same base name stay in front of the next download: the server opens the file to append.
#[tokio::test]
async fn attachments_of_one_base_name_run_into_each_other() {
    let work_dir = tempfile::tempdir().expect("a folder");
    let config = SimConfig {
        work_dir: Some(work_dir.path().to_owned()),
        ..SimConfig::default()
    };
    let bench = Bench::with(config).await;
    std::fs::write(work_dir.path().join("downloads/transcript.txt"), "left over,").expect("written");
    let files = Files::start(vec![], vec![Scripted::ok("new")]).await;
    let placed = bench.order(OrderRequest::default()).await;
    let params = json!({"ks": bench.key(&placed.task_id), "entryId": placed.entry_id, "attachmentAsset": {"format": "1"}});
    let id = bench.call("attachment_attachmentasset", "add", params).await["id"].clone();
    let resource = url_resource(&format!("{}/x/transcript.txt", files.url), &[]);
    bench
        .set_content(&placed, "attachment_attachmentasset", &id, resource)
        .await;
    let file = bench.asset(&placed, &id).file.expect("a file");
    assert_eq!(std::fs::read_to_string(file).expect("readable"), "left over,new");
}

#[tokio::test]
async fn where_an_address_leads_may_be_asked_first_with_the_headers() {
    let bench = Bench::start().await;
    let files = Files::start(vec![Scripted::status(403)], vec![Scripted::ok(SRT)]).await;
    let placed = bench.order(OrderRequest::default()).await;
    let id = bench.caption(&placed, json!({"language": "English"})).await["id"].clone();
    let mut resource = url_resource(&format!("{}/talk.srt", files.url), &["Authorization: Signed abc"]);
    resource["shouldRedirect"] = json!(true);
    bench
        .set_content(&placed, "caption_captionasset", &id, resource)
        .await;
    assert_eq!(bench.imported(&placed, &id).await.status, 2);
    let seen: Vec<_> = files
        .seen()
        .into_iter()
        .map(|seen| (seen.method, seen.headers.contains_key("authorization")))
        .collect();
    let expected =
        [("HEAD", true), ("HEAD", false), ("GET", true)].map(|(method, proven)| (method.to_owned(), proven));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_account_has_so_many_imports_at_once_and_no_other_waits_for_it() {
    let mut config = SimConfig::default();
    config.import.at_once = 1;
    let bench = Bench::with(config).await;
    let files = Files::start(vec![Scripted::status(403)], vec![Scripted::ok(SRT)]).await;
    // Takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_url = format!("http://{}", silent.local_addr().expect("an address"));
    let mut begun = Vec::new();
    for (account, url) in [(101, &silent_url), (101, &files.url), (102, &files.url)] {
        let mut order = OrderRequest::default();
        order.customer.partner_id = kaltura_sim::PartnerId(account);
        let placed = bench.order(order).await;
        let id = bench.caption(&placed, json!({"language": "English"})).await["id"].clone();
        let resource = url_resource(&format!("{url}/talk.srt"), &[]);
        bench
            .set_content(&placed, "caption_captionasset", &id, resource)
            .await;
        begun.push((placed, id));
    }
    let [_, waiting, other] = &begun[..] else {
        panic!("three imports")
    };
    assert_eq!(bench.imported(&other.0, &other.1).await.status, 2);
    let asset = bench.asset(&waiting.0, &waiting.1);
    assert_eq!(
        (asset.status, asset.imports.len()),
        (7, 0),
        "its turn hasn't come"
    );
    drop(silent);
    assert_eq!(bench.imported(&waiting.0, &waiting.1).await.status, 2);
}
