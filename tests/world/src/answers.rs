//! A server between us and the stand-in that changes the answers of one action: for what the real server has been seen to
//! send and the stand-in, which keeps to the contract, never would.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Changes the JSON of an answer.
pub(crate) type Change = dyn Fn(&mut Value) + Send + Sync;

#[derive(Clone)]
struct Between {
    http: reqwest::Client,
    service_url: String,
    action: String,
    change: Arc<Change>,
}

/// Starts it before the stand-in at `service_url`, and answers its own address. It ends with the runtime.
pub(crate) async fn altered(service_url: &str, action: &str, change: Arc<Change>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let between = Between {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        service_url: service_url.to_owned(),
        action: action.to_owned(),
        change,
    };
    let app = Router::new().fallback(pass_on).with_state(between);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

async fn pass_on(State(between): State<Between>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().as_str();
    let mut onward = between
        .http
        .request(head.method.clone(), format!("{}{path}", between.service_url))
        .body(to_bytes(body, usize::MAX).await.unwrap());
    if let Some(content_type) = head.headers.get(CONTENT_TYPE) {
        onward = onward.header(CONTENT_TYPE, content_type);
    }
    let answer = onward.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let mut content = answer.bytes().await.unwrap();
    if path.ends_with(&format!("/action/{}", between.action)) {
        let mut value = serde_json::from_slice(&content).unwrap();
        (between.change)(&mut value);
        content = serde_json::to_vec(&value).unwrap().into();
    }
    (status, [(CONTENT_TYPE, "application/json")], content).into_response()
}
