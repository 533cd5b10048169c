//! What travels, as the protocol's OpenAPI file describes it. Fields that this engine has no use for are passed over: the
//! protocol may grow.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of `PUT /jobs/{job_id}`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JobRequest {
    pub work: Work,
    pub media: Option<Media>,
    pub uploads: Vec<Upload>,
    pub callback_url: url::Url,
}

/// A time. To JSON Schema, `5.0` is as whole a number as `5`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Milliseconds;

impl TryFrom<f64> for Milliseconds {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        // 2 to the power of 53: above it not every whole number is one.
        if number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number) {
            Ok(Self)
        } else {
            Err("a time is a whole number of milliseconds, not below 0")
        }
    }
}

/// The media, by a link that redirects to it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Media {
    pub url: url::Url,
    #[serde(rename = "container")]
    pub _container: String,
    #[serde(rename = "duration_ms")]
    pub _duration_ms: Option<Milliseconds>,
}

/// Where a file that we make goes.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Upload {
    pub name: String,
    pub key: String,
    pub url: url::Url,
}

/// A language.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Language {
    #[serde(rename = "catalog_name")]
    pub _catalog_name: String,
    pub bcp47: String,
}

/// A run of speech.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Passage {
    #[serde(rename = "start_ms")]
    pub _start_ms: Milliseconds,
    #[serde(rename = "end_ms")]
    pub _end_ms: Milliseconds,
    pub text: String,
    #[serde(default)]
    pub phrases: Vec<String>,
}

/// The work that this engine does. Any other kind is refused, not malformed.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Work {
    Recognise {
        source_language: Language,
    },
    Identify {
        candidates: Vec<String>,
    },
    Translate {
        source_language: Language,
        target_language: Language,
        passages: Vec<Passage>,
    },
    Speak {
        #[serde(rename = "language")]
        _language: Language,
        passages: Vec<Passage>,
    },
    #[serde(other)]
    Other,
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Queued,
    Running,
    Done,
    Failed,
    Refused,
}

/// The answer to PUT and GET.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobAnswer {
    pub job_id: String,
    pub state: State,
    pub progress_percent: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
}

/// Why a job failed, or is refused.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_text: Option<String>,
}
