use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use engines::http::signature::{NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use pipeline::StepError;
use pipeline::links::Link;
use pipeline::memory::MemoryObjects;
use serde_json::{Value, json};
use step_world::http_event;

use super::*;

const NOW_EPOCH_S: u64 = 1_790_000_000;
const ENGINE_SECRET: &str = "a secret of more than thirty-two letters";
const JOB: &str = "reach-9292-1-recognise";
const NONCE: &str = "0123456789abcdef";

struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now_epoch_s(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Knows one job, and counts how often it was asked of it.
#[derive(Default)]
struct OneJob(Mutex<Vec<String>>);

#[async_trait(?Send)]
impl Completion for OneJob {
    async fn ended(&self, job_id: &JobId) -> Result<Ended> {
        self.0.lock().unwrap().push(job_id.to_string());
        match job_id.as_str() {
            JOB => Ok(Ended::Looked),
            "reach-9292-1-speak" => Err(StepError::Setting {
                name: "X".to_owned(),
                detail: "broken".to_owned(),
            }),
            _ => Ok(Ended::NobodyWaits),
        }
    }
}

struct Bench {
    door: Door,
    clock: Arc<TestClock>,
    asked: Arc<OneJob>,
}

fn bench() -> Bench {
    let clock = Arc::new(TestClock(AtomicU64::new(NOW_EPOCH_S)));
    let asked = Arc::new(OneJob::default());
    let secret = "another secret of more than thirty-two letters";
    Bench {
        door: Door {
            links: Arc::new(Links::new("https://door.example.com/live", secret).unwrap()),
            objects: Arc::new(MemoryObjects::default()),
            clock: clock.clone(),
            engine_secret: SharedSecret::new(ENGINE_SECRET).unwrap(),
            base_path: pipeline::config::base_path("https://door.example.com/live/").unwrap(),
            completion: asked.clone(),
        },
        clock,
        asked,
    }
}

/// An event with what the door reads.
fn event(
    route: &str,
    parameter: (&str, &str),
    headers: &Value,
    body: &str,
    base64: bool,
) -> ApiGatewayV2httpRequest {
    let mut event = http_event(route, parameter, headers, body);
    event["isBase64Encoded"] = json!(base64);
    serde_json::from_value(event).unwrap()
}

impl Bench {
    fn token(&self, method: LinkMethod, key: &str) -> String {
        let link = Link {
            method,
            key: key.to_owned(),
            expires_epoch_s: NOW_EPOCH_S + 3_600,
        };
        self.door.links.token(&link).unwrap()
    }

    async fn open(&self, method: &str, token: &str) -> ApiGatewayV2httpResponse {
        let route = format!("{method} /links/{{token}}");
        handle(&self.door, event(&route, ("token", token), &json!({}), "", false)).await
    }

    /// A callback of this job, signed for this path at this time; the body may be changed on its way.
    async fn call_back(&self, job_id: &str, path: &str, at_epoch_s: u64, body: &str) -> i64 {
        let signed = Signable {
            method: "POST",
            path,
            body: b"{}",
        };
        let secret = SharedSecret::new(ENGINE_SECRET).unwrap();
        let headers = json!({
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: at_epoch_s.to_string(),
            NONCE_HEADER: NONCE,
            SIGNATURE_HEADER: signed.sign(&secret, at_epoch_s, NONCE),
        });
        let route = "POST /engine/jobs/{job_id}/ended";
        let event = event(route, ("job_id", job_id), &headers, body, false);
        handle(&self.door, event).await.status_code
    }

    fn asked(&self) -> usize {
        self.asked.0.lock().unwrap().len()
    }
}

fn path_of(job_id: &str) -> String {
    format!("/live/engine/jobs/{job_id}/ended")
}

#[tokio::test]
async fn a_link_leads_to_an_address_that_was_presigned_just_now() {
    let bench = bench();
    let token = bench.token(LinkMethod::Get, "media/9292/1.mp4");
    bench.clock.0.fetch_add(1_000, Ordering::SeqCst);
    let answer = bench.open("GET", &token).await;
    // As Lambda gets it.
    insta::assert_json_snapshot!(serde_json::to_value(answer).unwrap());
}

#[tokio::test]
async fn an_upload_link_leads_to_a_place_to_put_to() {
    let bench = bench();
    let answer = bench
        .open("PUT", &bench.token(LinkMethod::Put, "engine/9292/1/sound"))
        .await;
    assert_eq!(answer.status_code, 307);
    let location = answer.headers[header::LOCATION].to_str().unwrap();
    assert!(location.contains("engine/9292/1/sound?method=PUT"), "{location}");
}

#[tokio::test]
async fn a_link_that_is_no_good_leads_nowhere() {
    let bench = bench();
    let token = bench.token(LinkMethod::Get, "media/9292/1.mp4");
    let mut forged = token.clone();
    forged.replace_range(0..1, "Z");
    for (method, token, status) in [
        ("PUT", token.as_str(), 405),
        ("GET", "no-token", 400),
        ("GET", &forged, 403),
    ] {
        let answer = bench.open(method, token).await;
        assert_eq!(answer.status_code, status, "{method} {token}");
        assert!(answer.headers.get(header::LOCATION).is_none());
    }
    bench.clock.0.fetch_add(3_600, Ordering::SeqCst);
    assert_eq!(bench.open("GET", &token).await.status_code, 410);
}

#[tokio::test]
async fn a_callback_makes_us_look_as_often_as_it_comes() {
    let bench = bench();
    for times in 1..=3 {
        assert_eq!(bench.call_back(JOB, &path_of(JOB), NOW_EPOCH_S, "{}").await, 202);
        assert_eq!(bench.asked(), times);
    }
}

#[tokio::test]
async fn a_callback_that_is_forged_old_or_changed_sets_nothing_going() {
    let bench = bench();
    assert_eq!(bench.call_back(JOB, &path_of(JOB), NOW_EPOCH_S, "{ }").await, 403);
    assert_eq!(
        bench
            .call_back(JOB, &path_of("reach-1-1-align"), NOW_EPOCH_S, "{}")
            .await,
        403
    );
    assert_eq!(
        bench.call_back(JOB, &path_of(JOB), NOW_EPOCH_S - 301, "{}").await,
        401
    );
    let route = "POST /engine/jobs/{job_id}/ended";
    let unsigned = event(route, ("job_id", JOB), &json!({}), "{}", false);
    assert_eq!(handle(&bench.door, unsigned).await.status_code, 401);
    assert_eq!(bench.asked(), 0);
}

#[tokio::test]
async fn a_job_that_nobody_knows_is_not_found_and_a_fault_of_ours_is_to_be_tried_again() {
    let bench = bench();
    for (job_id, status, asked) in [
        ("reach-1-1-align", 404, 1),
        ("what", 404, 1),
        ("reach-9292-1-speak", 503, 2),
    ] {
        assert_eq!(
            bench.call_back(job_id, &path_of(job_id), NOW_EPOCH_S, "{}").await,
            status
        );
        assert_eq!(bench.asked(), asked);
    }
}

#[tokio::test]
async fn a_body_may_come_encoded() {
    let bench = bench();
    let path = path_of(JOB);
    let body = [0xff, 0x00, 0x80];
    let signed = Signable {
        method: "POST",
        path: &path,
        body: &body,
    };
    let secret = SharedSecret::new(ENGINE_SECRET).unwrap();
    let headers = json!({
        TIMESTAMP_HEADER: NOW_EPOCH_S.to_string(),
        NONCE_HEADER: NONCE,
        SIGNATURE_HEADER: signed.sign(&secret, NOW_EPOCH_S, NONCE),
    });
    let route = "POST /engine/jobs/{job_id}/ended";
    let encoded = event(route, ("job_id", JOB), &headers, &STANDARD.encode(body), true);
    assert_eq!(handle(&bench.door, encoded).await.status_code, 202);
    let broken = event(route, ("job_id", JOB), &headers, "?", true);
    assert_eq!(handle(&bench.door, broken).await.status_code, 400);
}

#[tokio::test]
async fn there_is_nothing_else() {
    let answer = handle(
        &bench().door,
        event("GET /{x}", ("x", "y"), &json!({}), "", false),
    )
    .await;
    assert_eq!(answer.status_code, 404);
}
