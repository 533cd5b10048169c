//! A stand-in for the services, for tests.
//!
//! It listens on loopback and answers each operation as it was told to: Transcribe by JSON, Translate by CBOR, Polly and
//! Bedrock by REST, so that the SDK's own request and answer code runs. It knows nothing of the services but these
//! forms; what they do is the test's to say.
//!
//! An end-to-end test starts one ([`Stub::start`]), has the functions deployed with the environment of
//! [`Stub::environment`] and tells it by [`Stub::on`] what to do: `StartTranscriptionJob`, for one, to put an output file
//! where the request's `OutputBucketName` and `OutputKey` say, and `GetTranscriptionJob` to say `COMPLETED`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What the stub answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Success, with this body.
    Ok(Value),
    /// An error of that code and message, with the HTTP status.
    Error(u16, &'static str, &'static str),
    /// Success, with sound in it.
    Sound(Vec<u8>),
}

type Handler = Arc<dyn Fn(&Value) -> Answer + Send + Sync>;

#[derive(Default)]
struct Told {
    handlers: HashMap<String, Handler>,
    calls: Vec<(String, Value)>,
}

type Shared = Arc<Mutex<Told>>;

/// A stand-in for Transcribe, Translate, Polly and Bedrock. It listens until the runtime ends.
#[derive(Clone)]
pub struct Stub {
    address: SocketAddr,
    told: Shared,
}

impl Stub {
    /// Listens on a free port of loopback.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let told = Shared::default();
        let service = Router::new().fallback(answer).with_state(told.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        Ok(Self { address, told })
    }

    /// The endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The environment that leads the SDK's clients of these services here, and those of no other.
    pub fn environment(&self) -> Vec<(String, String)> {
        ["TRANSCRIBE", "TRANSLATE", "POLLY", "BEDROCK_RUNTIME"]
            .map(|service| (format!("AWS_ENDPOINT_URL_{service}"), self.endpoint()))
            .into()
    }

    /// Says what an operation (`TranslateText`) answers to a request. The last word holds.
    pub fn on(&self, operation: &str, handler: impl Fn(&Value) -> Answer + Send + Sync + 'static) {
        self.told()
            .handlers
            .insert(operation.to_owned(), Arc::new(handler));
    }

    /// Says what an operation always answers.
    pub fn always(&self, operation: &str, answer: Answer) {
        self.on(operation, move |_| answer.clone());
    }

    /// Says what an operation answers by turns; the last answer holds on.
    pub fn in_turn(&self, operation: &str, answers: Vec<Answer>) {
        let next = Mutex::new(0);
        self.on(operation, move |_| {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = answers.get(*next).or(answers.last());
            *next += 1;
            answer.cloned().unwrap_or(Answer::Ok(json!({})))
        });
    }

    /// All calls so far: the operation and the request.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.told().calls.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In which form an operation is asked and answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Cbor,
}

async fn answer(State(told): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some((operation, form)) = operation(&uri, &headers) else {
        return (StatusCode::NOT_FOUND, format!("no operation at {uri}")).into_response();
    };
    let request = match form {
        Form::Json => serde_json::from_slice(&body).unwrap_or(Value::Null),
        Form::Cbor => ciborium::from_reader(body.as_ref()).map_or(Value::Null, |cbor| to_json(&cbor)),
    };
    let handler = {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.calls.push((operation.clone(), request.clone()));
        told.handlers.get(&operation).cloned()
    };
    let answer = handler.map_or(
        Answer::Error(500, "InternalFailure", "the test does not say what to answer"),
        |handler| handler(&request),
    );
    match answer {
        Answer::Ok(body) => write(StatusCode::OK, form, &body, ""),
        Answer::Error(status, code, message) => write(
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            form,
            &json!({"__type": code, "message": message, "Message": message}),
            code,
        ),
        Answer::Sound(sound) => ([(header::CONTENT_TYPE, "audio/pcm")], sound).into_response(),
    }
}

fn operation(uri: &Uri, headers: &HeaderMap) -> Option<(String, Form)> {
    if let Some(target) = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
    {
        return Some((target.rsplit('.').next()?.to_owned(), Form::Json));
    }
    let path = uri.path();
    if let Some((_, operation)) = path.split_once("/operation/") {
        return Some((operation.to_owned(), Form::Cbor));
    }
    match path {
        "/v1/speech" => Some(("SynthesizeSpeech".to_owned(), Form::Json)),
        _ if path.starts_with("/model/") && path.ends_with("/converse") => {
            Some(("Converse".to_owned(), Form::Json))
        }
        _ => None,
    }
}

fn write(status: StatusCode, form: Form, body: &Value, error: &str) -> Response {
    let mut bytes = Vec::new();
    match form {
        Form::Json => bytes = body.to_string().into_bytes(),
        // Writing to memory can't fail.
        Form::Cbor => drop(ciborium::into_writer(body, &mut bytes)),
    }
    let mut response = (status, bytes).into_response();
    let headers = response.headers_mut();
    let kind = match form {
        Form::Json => "application/json",
        Form::Cbor => "application/cbor",
    };
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    if form == Form::Cbor {
        headers.insert("smithy-protocol", header::HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Ok(error) = header::HeaderValue::from_str(error)
        && !error.is_empty()
    {
        headers.insert("x-amzn-errortype", error);
    }
    response
}

/// Bytes become the text that they are in UTF-8: terminologies are.
fn to_json(cbor: &ciborium::Value) -> Value {
    match cbor {
        ciborium::Value::Integer(number) => i64::try_from(*number).map_or(Value::Null, Value::from),
        ciborium::Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
        ciborium::Value::Float(number) => (*number).into(),
        ciborium::Value::Text(text) => text.clone().into(),
        ciborium::Value::Bool(value) => (*value).into(),
        ciborium::Value::Array(items) => items.iter().map(to_json).collect(),
        ciborium::Value::Map(fields) => fields
            .iter()
            .filter_map(|(name, value)| Some((name.as_text()?.to_owned(), to_json(value))))
            .collect(),
        _ => Value::Null,
    }
}
