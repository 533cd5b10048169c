//! Answers: JSON that nobody keeps, the same over HTTP and over the websocket.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::{HeaderMap, HeaderValue, header};
use pipeline::live::{Refused, TakenIn};
use serde_json::{Value, json};

/// How long whoever met a passing fault should wait, in seconds.
const RETRY_AFTER_S: &str = "1";

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What is told.
    pub json: Value,
}

impl Answer {
    /// An answer.
    pub fn new(status: u16, json: Value) -> Self {
        Self { status, json }
    }

    /// Why something can't be.
    pub fn problem(status: u16, name: &str, text: &str) -> Self {
        Self::new(status, json!({ "error": { "name": name, "text": text } }))
    }

    /// A post that was taken.
    pub fn taken(taken: &TakenIn) -> Self {
        Self::new(
            200,
            json!({
                "next_sequence": taken.next_sequence,
                "duplicate": taken.is_duplicate,
                "captions": taken.captions,
                "late_words": taken.late_words,
            }),
        )
    }

    /// A post, or somebody, that was not taken.
    pub fn refused(refused: &Refused) -> Self {
        refused.count();
        let (name, text) = (refused.name(), refused.to_string());
        match refused {
            Refused::Malformed { at, found, expected } => Self::new(
                400,
                json!({ "error": { "name": name, "text": text, "at": at, "found": found, "expected": expected } }),
            ),
            Refused::NoToken => Self::problem(401, name, &text),
            Refused::WrongToken => Self::problem(403, name, &text),
            Refused::NoStream => Self::problem(404, name, &text),
            Refused::Skipped { expected, .. } => Self::new(
                409,
                json!({ "error": { "name": name, "text": text }, "expected_sequence": expected }),
            ),
            Refused::Ended => Self::problem(410, name, &text),
            Refused::TooLarge { .. } => Self::problem(413, name, &text),
            Refused::TooMany => Self::problem(429, name, &text),
            // What failed is for the log; who came can only try again.
            error => {
                tracing::error!(%error, "request failed");
                Self::problem(503, name, "this can't be done now, try again")
            }
        }
    }

    /// As Lambda gives it to API Gateway.
    pub fn into_response(self) -> ApiGatewayV2httpResponse {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == 503 {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = i64::from(self.status);
        response.headers = headers;
        response.body = Some(Body::from(self.json.to_string()));
        response
    }
}
