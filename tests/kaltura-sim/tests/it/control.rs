//! The control plane over HTTP, and the program.

use crate::bench::Bench;
use serde_json::{Value, json};
use std::io::BufRead as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

async fn send(bench: &Bench, method: &str, path: &str, body: Value) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let request = bench
        .http
        .request(method, format!("{}/_sim{path}", bench.sim.service_url()));
    let answer = request.json(&body).send().await.expect("an answer");
    (
        answer.status().as_u16(),
        answer.json().await.unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn orders_are_placed_read_aborted_and_reset() {
    let bench = Bench::start().await;
    let order = json!({"customer": {"partner_id": 7, "name": "school"}, "service_feature": 2,
        "catalog_item": {"target_language": "French", "require_source": false}});
    let (status, placed) = send(&bench, "POST", "/orders", order).await;
    assert_eq!((status, &placed["partner_id"]), (200, &json!(7)));
    let id = placed["task_id"].as_str().expect("an id").to_owned();
    let (_, report) = send(&bench, "GET", &format!("/orders/{id}"), Value::Null).await;
    assert_eq!(
        (&report["status"], &report["partner_name"]),
        (&json!(1), &json!("school"))
    );
    assert_eq!(
        report["task"]["taskJobData"]["objectType"],
        "KalturaTranslationVendorTaskData"
    );
    assert_eq!(
        send(&bench, "POST", &format!("/orders/{id}/abort"), Value::Null)
            .await
            .0,
        204
    );
    assert_eq!(
        send(&bench, "POST", &format!("/orders/{id}/reset"), Value::Null)
            .await
            .0,
        204
    );
    let (_, orders) = send(&bench, "GET", "/orders", Value::Null).await;
    assert_eq!(orders.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn bad_requests_say_what_is_wrong() {
    let bench = Bench::start().await;
    let refusals = [
        ("/orders", json!({"costumer": {}}), "unknown field `costumer`"),
        (
            "/orders",
            json!({"status": 12}),
            "status is 12, expected an EntryVendorTaskStatus, 1 to 9",
        ),
        (
            "/orders",
            json!({"task_id": "x"}),
            "task_id is x, expected digits of a 64-bit number",
        ),
        (
            "/orders",
            json!({"entry": {"flavors": []}}),
            "entry.flavors is empty, expected at least one flavor",
        ),
        (
            "/faults",
            json!({"add": [{"effect": {"kind": "explode"}}]}),
            "unknown variant `explode`",
        ),
        ("/clock", json!({"advance_ms": -1}), "invalid value: integer `-1`"),
    ];
    for (path, body, expected) in refusals {
        let (status, answer) = send(&bench, "POST", path, body).await;
        let message = answer["message"].as_str().expect("a message");
        assert!(
            status == 400 && message.contains(expected),
            "{path}: {status} {message}"
        );
    }
    assert_eq!(send(&bench, "GET", "/orders/404", Value::Null).await.0, 404);
    assert_eq!(
        send(&bench, "DELETE", "/entries/0_none", Value::Null).await.0,
        404
    );
}

#[tokio::test]
async fn faults_and_clock_are_steered() {
    let bench = Bench::start().await;
    let fault = json!({"add": [{"action": "ping", "effect": {"kind": "api", "code": "ACTION_BLOCKED"}}]});
    let (_, added) = send(&bench, "POST", "/faults", fault).await;
    assert_eq!(
        bench.call("system", "ping", json!({})).await["code"],
        "ACTION_BLOCKED"
    );
    assert_eq!(
        send(
            &bench,
            "DELETE",
            &format!("/faults/{}", added["ids"][0]),
            Value::Null
        )
        .await
        .0,
        204
    );
    assert_eq!(bench.call("system", "ping", json!({})).await, json!(true));
    let (_, before) = send(&bench, "GET", "/clock", Value::Null).await;
    let (_, after) = send(&bench, "POST", "/clock", json!({"advance_ms": 60_000})).await;
    let jump = after["now_ms"]
        .as_i64()
        .zip(before["now_ms"].as_i64())
        .map(|(after, before)| after - before);
    assert!(
        jump.is_some_and(|jump| (60_000..65_000).contains(&jump)),
        "{jump:?}"
    );
}

#[tokio::test]
async fn what_is_not_modelled_is_said_so() {
    let bench = Bench::start().await;
    let vendor = bench.vendor().await;
    let answer = bench
        .call(
            "flavorasset",
            "getVolumeMap",
            json!({"ks": vendor, "flavorId": "0_a"}),
        )
        .await;
    assert_eq!(answer["code"], "SIM_ACTION_NOT_MODELLED");
    assert_eq!(
        bench.call("nosuch", "get", json!({})).await["code"],
        "SERVICE_DOES_NOT_EXISTS"
    );
    assert_eq!(
        bench.call("media", "nosuch", json!({})).await["code"],
        "ACTION_DOES_NOT_EXISTS"
    );
}

#[tokio::test]
async fn a_multirequest_answers_in_order_and_refers_back() {
    let bench = Bench::start().await;
    let placed = bench.order(kaltura_sim::OrderRequest::default()).await;
    let key = bench.key(&placed.task_id);
    let params = json!({"format": "1", "ks": key,
        "1": {"service": "caption_captionasset", "action": "add", "entryId": placed.entry_id, "captionAsset": {"language": "English"}},
        "2": {"service": "caption_captionasset", "action": "get", "captionAssetId": "{1:result:id}"},
        "3": {"service": "reach_entryvendortask", "action": "getJobs"}});
    let url = format!("{}/api_v3/service/multirequest", bench.sim.service_url());
    let answers: Value = bench
        .http
        .post(url)
        .json(&params)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(answers[0]["id"], answers[1]["id"]);
    assert_eq!(answers[2]["code"], "SERVICE_FORBIDDEN");
}

#[test]
fn the_program_says_in_one_line_how_to_reach_it() {
    // It is ended too hard to clean up behind itself.
    let work_dir = tempfile::tempdir().expect("a folder");
    let started = Instant::now();
    let mut program = Command::new(env!("CARGO_BIN_EXE_kaltura-sim"))
        .args(["--listen", "127.0.0.1:0", "--work-dir"])
        .arg(work_dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    std::io::BufReader::new(program.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    let took = started.elapsed();
    program.kill().expect("it ends");
    program.wait().expect("it has ended");
    let info: Value = serde_json::from_str(&line).expect("JSON");
    for name in [
        "service_url",
        "vendor_partner_id",
        "admin_secret",
        "app_token_id",
        "app_token",
        "app_token_hash",
    ] {
        assert!(!info[name].is_null(), "{name}");
    }
    assert!(
        took < Duration::from_secs(5),
        "{took:?}: an idle machine takes a tenth of a second"
    );
}
