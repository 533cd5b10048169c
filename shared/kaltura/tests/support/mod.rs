//! A tiny HTTP server that records what it gets and answers what it was told, and every call of the crate as a sample.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use kaltura::{
    AccessKey, CallObserver, CallReport, Client, ClientConfig, Ks, PartnerId, RetryPolicy, ServiceUrl, TaskId,
};
use tokio::net::TcpListener;

pub mod samples;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The body with the session replaced, for a snapshot.
    pub fn without_secret(&self) -> serde_json::Value {
        let text = self.json().to_string().replace(SECRET, "(session)");
        serde_json::from_str(&text).unwrap()
    }

    pub fn content_type(&self) -> &str {
        self.headers[header::CONTENT_TYPE].to_str().unwrap()
    }
}

/// An answer: status and body.
pub type Answer = (u16, String);

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
pub fn ok(body: impl ToString) -> Answer {
    (200, body.to_string())
}

pub fn exception(code: &str) -> Answer {
    let body = serde_json::json!({"code": code, "message": "as told", "objectType": "KalturaAPIException", "args": []});
    (200, body.to_string())
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    seen: Vec<Seen>,
}

/// Answers the given answers in turn, and the last one for ever.
#[derive(Clone)]
pub struct Server {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Arc::new(Mutex::new(Script {
            answers: answers.into_iter().collect(),
            seen: Vec::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, script }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.script.lock().unwrap().seen.clone()
    }

    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a request")
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut script = script.lock().unwrap();
    script.seen.push(Seen {
        method,
        path: uri.to_string(),
        headers,
        body,
    });
    let (status, body) = match script.answers.len() {
        0 => (200, "null".to_owned()),
        1 => script.answers[0].clone(),
        _ => script.answers.pop_front().unwrap(),
    };
    let status = StatusCode::from_u16(status).unwrap();
    let location = status
        .is_redirection()
        .then_some([(header::LOCATION, "/elsewhere")]);
    (status, location.unwrap_or([(header::LOCATION, "")]), body).into_response()
}

/// Keeps what it is told, as text.
#[derive(Debug, Default)]
pub struct Notebook(pub Mutex<Vec<String>>);

impl CallObserver for Notebook {
    fn called(&self, report: &CallReport<'_>) {
        let task = report.task_id.map_or(String::new(), |id| format!(" task {id}"));
        let again = report.retry_in.map_or("", |_| ", again");
        let line = format!(
            "{}.{}{task} try {}: {}{again}",
            report.service,
            report.action,
            report.attempt,
            report.code()
        );
        let error = report.error.map_or(String::new(), |error| format!(" {error:?}"));
        assert!(
            !(line.clone() + &error).contains(SECRET),
            "a secret was reported: {line}{error}"
        );
        self.0.lock().unwrap().push(line);
    }
}

/// The session and the access key of all tests: must never be seen in an error or a report.
pub const SECRET: &str = "djJ8MTEwfNEVER_TO_BE_SEEN";

pub fn config(url: &str) -> ClientConfig {
    let url = ServiceUrl::parse_allow_loopback(url).unwrap();
    let mut config = ClientConfig::new(url, "vendorName", PartnerId::from(12_345));
    "1.2.3".clone_into(&mut config.application_version);
    config.retry = RetryPolicy {
        base_delay: Duration::ZERO,
        ..RetryPolicy::default()
    };
    config
}

/// A client, and what its observer was told.
pub fn client(url: &str) -> (Client, Arc<Notebook>) {
    let notebook = Arc::new(Notebook::default());
    let mut config = config(url);
    config.observer = Arc::<Notebook>::clone(&notebook);
    (Client::new(config).unwrap(), notebook)
}

pub fn ks() -> Ks {
    Ks::from(SECRET)
}

pub fn key() -> AccessKey {
    AccessKey::from(SECRET)
}

pub fn task_id() -> TaskId {
    TaskId::parse("9292").unwrap()
}
