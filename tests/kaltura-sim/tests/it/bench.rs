//! A running stand-in with a caller, and a file server that imports fetch from.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kaltura_sim::{AssetReport, OrderReport, OrderRequest, PlacedOrder, Sim, SimConfig, SimHandle, TaskId};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SRT: &str = "1\n00:00:00,000 --> 00:00:02,000\nGood morning everybody.\n";

pub(crate) struct Bench {
    pub(crate) sim: SimHandle,
    pub(crate) http: reqwest::Client,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(SimConfig::default()).await
    }

    pub(crate) async fn with(config: SimConfig) -> Self {
        let sim = Sim::start(config).await.expect("the stand-in starts");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { sim, http }
    }

    /// One call with a JSON body; the answer as JSON.
    pub(crate) async fn call(&self, service: &str, action: &str, mut params: Value) -> Value {
        params["format"] = json!("1");
        let url = format!(
            "{}/api_v3/service/{service}/action/{action}",
            self.sim.service_url()
        );
        let answer = self.http.post(url).json(&params).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "API answers are HTTP 200");
        answer.json().await.expect("JSON")
    }

    /// An administrator's session of the vendor.
    pub(crate) async fn vendor(&self) -> String {
        let params = json!({"secret": self.sim.admin_secret(), "type": 2, "partnerId": self.sim.vendor_partner_id(),
            "privileges": "disableentitlement"});
        text(&self.call("session", "start", params).await)
    }

    pub(crate) async fn order(&self, order: OrderRequest) -> PlacedOrder {
        self.sim.place_order(order).await.expect("the order is placed")
    }

    pub(crate) fn report(&self, task: &TaskId) -> OrderReport {
        self.sim.order(task).expect("the order stands")
    }

    pub(crate) fn key(&self, task: &TaskId) -> String {
        text(&self.report(task).task["accessKey"])
    }

    /// `updateJob` with the vendor's session.
    pub(crate) async fn update(&self, task: &TaskId, fields: Value) -> Value {
        let ks = self.vendor().await;
        self.call(
            "reach_entryvendortask",
            "updateJob",
            json!({"ks": ks, "id": task, "entryVendorTask": fields}),
        )
        .await
    }

    /// A new caption on the order's entry.
    pub(crate) async fn caption(&self, placed: &PlacedOrder, fields: Value) -> Value {
        let params =
            json!({"ks": self.key(&placed.task_id), "entryId": placed.entry_id, "captionAsset": fields});
        self.call("caption_captionasset", "add", params).await
    }

    pub(crate) async fn set_content(
        &self,
        placed: &PlacedOrder,
        service: &str,
        id: &Value,
        resource: Value,
    ) -> Value {
        let params = json!({"ks": self.key(&placed.task_id), "id": id, "contentResource": resource});
        self.call(service, "setContent", params).await
    }

    pub(crate) fn asset(&self, placed: &PlacedOrder, id: &Value) -> AssetReport {
        let report = self.report(&placed.task_id);
        report
            .assets
            .into_iter()
            .find(|asset| json!(asset.id) == *id)
            .expect("the asset stands")
    }

    /// The asset once it has left IMPORTING. Real work is going on, so there is something to wait for; the bound is
    /// for a stand-in that hangs.
    pub(crate) async fn imported(&self, placed: &PlacedOrder, id: &Value) -> AssetReport {
        self.until(|| Some(self.asset(placed, id)).filter(|asset| asset.status != 7))
            .await
    }

    /// Waits until so many requests were made for the asset's import and the next attempt is waiting for its time,
    /// then moves the clock there.
    pub(crate) async fn to_next_attempt(&self, placed: &PlacedOrder, id: &Value, requests: usize) {
        let due_ms = self
            .until(|| {
                let asset = self.asset(placed, id);
                asset
                    .next_import_at_ms
                    .filter(|_| asset.imports.len() >= requests)
            })
            .await;
        assert_eq!(
            self.asset(placed, id).imports.len(),
            requests,
            "no attempt before its time"
        );
        let left = u64::try_from(due_ms - self.sim.now_ms()).unwrap_or_default();
        self.sim.advance_clock(Duration::from_millis(left));
    }

    async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = look() {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .expect("it happens within 20 s")
    }
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// The code of an API exception.
pub(crate) fn code(answer: &Value) -> &str {
    answer["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no exception: {answer}"))
}

pub(crate) fn url_resource(url: &str, headers: &[&str]) -> Value {
    let headers: Vec<Value> = headers
        .iter()
        .map(|line| json!({"value": line, "objectType": "KalturaString"}))
        .collect();
    json!({"objectType": "KalturaUrlResource", "url": url, "urlHeaders": headers})
}

/// What the file server answers, in order; the last one stays.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// `Content-Length` where it differs from the body's.
    pub(crate) announced: Option<u64>,
}

impl Scripted {
    pub(crate) fn ok(body: &str) -> Self {
        Self {
            status: 200,
            body: body.to_owned(),
            announced: None,
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            body: String::new(),
            announced: None,
        }
    }
}

/// One request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

#[derive(Default)]
struct Script {
    head: VecDeque<Scripted>,
    get: VecDeque<Scripted>,
    seen: Vec<Seen>,
}

/// A file server that follows a script.
pub(crate) struct Files {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

impl Files {
    pub(crate) async fn start(head: Vec<Scripted>, get: Vec<Scripted>) -> Self {
        let script = Arc::new(Mutex::new(Script {
            head: head.into(),
            get: get.into(),
            seen: Vec::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.lock().expect("not poisoned").seen.clone()
    }

    pub(crate) fn methods(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.method).collect()
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let mut script = script.lock().expect("not poisoned");
    script.seen.push(Seen {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: request.headers().clone(),
    });
    let is_head = request.method() == "HEAD";
    let answers = if is_head {
        &mut script.head
    } else {
        &mut script.get
    };
    let next = if answers.len() > 1 {
        answers.pop_front()
    } else {
        answers.front().cloned()
    };
    let next = next.unwrap_or_else(|| Scripted::status(404));
    let mut response = Response::new(if is_head {
        Body::empty()
    } else {
        Body::from(next.body)
    });
    *response.status_mut() = StatusCode::from_u16(next.status).expect("a status");
    if let Some(length) = next.announced {
        response.headers_mut().insert("content-length", length.into());
    }
    response
}
