//! Answers: JSON that nobody keeps, and what is refused.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipeline::people::{Hold, Refused};
use serde_json::{Value, json};

/// What is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: Vec<(HeaderName, HeaderValue)>,
    content: Vec<u8>,
}

impl Answer {
    /// JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::of(status, "application/json", value.to_string().into_bytes())
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::REFERRER_POLICY, "no-referrer")
    }

    /// A content of any kind.
    pub fn of(status: u16, content_type: &str, content: Vec<u8>) -> Self {
        let answer = Self {
            status,
            headers: Vec::new(),
            content,
        };
        answer
            .with(header::CONTENT_TYPE, content_type)
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }

    /// With a header; one that can't be sent is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// As Lambda gives it to API Gateway: text as it is, all else as base64.
    pub fn into_response(self) -> ApiGatewayV2httpResponse {
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = i64::from(self.status);
        response.headers = HeaderMap::from_iter(self.headers);
        match String::from_utf8(self.content) {
            Ok(text) => response.body = Some(Body::from(text)),
            Err(binary) => {
                response.body = Some(Body::from(STANDARD.encode(binary.as_bytes())));
                response.is_base64_encoded = true;
            }
        }
        response
    }
}

/// What is answered where something can't be.
pub fn problem(status: u16, name: &str, text: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "name": name, "text": text } }))
}

/// Who holds an order, as others see it.
pub fn holder(hold: &Hold) -> Value {
    json!({
        "name": hold.name,
        "since_epoch_s": hold.since_epoch_s,
        "until_epoch_s": hold.until_epoch_s,
    })
}

/// What is answered to somebody who may not, or not now.
pub fn refused(refused: &Refused) -> Answer {
    let (name, text) = (refused.name(), refused.to_string());
    match refused {
        Refused::NotFound | Refused::NothingThere(_) => problem(404, name, &text),
        Refused::NotYours { .. } => problem(403, name, &text),
        Refused::HeldByAnother(hold) => Answer::json(
            409,
            &json!({ "error": { "name": name, "text": text }, "holder": holder(hold) }),
        ),
        Refused::NotHeld => problem(409, name, &text),
        Refused::Ended(_) => problem(410, name, &text),
        Refused::BadRequest(_) => problem(400, name, &text),
        // What failed is for the log; who came can only try again.
        error => {
            tracing::error!(%error, "request failed");
            problem(503, name, "this can't be done now, try again")
        }
    }
}
