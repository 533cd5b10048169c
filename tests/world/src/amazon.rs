//! Amazon's engines, as far as a task sees them: the adapter itself, before the stand-in for its services.

use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use bytes::Bytes;
use engines::EngineSet;
use engines::aws::stub::{Answer, Stub};
use engines::aws::{Aws, AwsConfig};
use futures::FutureExt as _;
use pipeline::ports::ObjectStore;
use serde_json::{Value, json};

use crate::{World, spoken};

/// Transcribe with at most one job. A job that is started runs until the test says otherwise; its output says what
/// [`spoken`] says.
pub struct Amazon {
    /// The stand-in, to be told more.
    pub stub: Stub,
    job: Arc<Mutex<Option<(&'static str, &'static str)>>>,
}

impl World {
    /// The usual world, with Amazon's engines in place of the one that is told.
    pub async fn with_amazon() -> (Self, Amazon) {
        let mut world = Self::new().await;
        let stub = Stub::start().await.unwrap();
        let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(keys)
            .endpoint_url(stub.endpoint())
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        let engine = Arc::new(Aws::new(&sdk, AwsConfig::default()));
        world.ctx.parts.engines = Some(EngineSet::new(vec![engine]));
        let amazon = Amazon {
            stub,
            job: Arc::default(),
        };
        amazon.transcribe(&world);
        (world, amazon)
    }
}

impl Amazon {
    /// Says how the job is from now on: `COMPLETED`, or `FAILED` for a reason.
    pub fn job_is(&self, status: &'static str, reason: &'static str) {
        *self.job.lock().unwrap() = Some((status, reason));
    }

    /// How often an operation was called.
    pub fn called(&self, operation: &str) -> usize {
        self.stub
            .calls()
            .iter()
            .filter(|(called, _)| called == operation)
            .count()
    }

    fn transcribe(&self, world: &World) {
        let (job, bucket) = (self.job.clone(), world.bucket.clone());
        self.stub.on("StartTranscriptionJob", move |request| {
            *job.lock().unwrap() = Some(("IN_PROGRESS", ""));
            let key = request["OutputKey"].as_str().unwrap();
            let output = Bytes::from(output().to_string());
            // In memory, so at once.
            let put = bucket.put(key, output, "application/json").now_or_never();
            put.unwrap().unwrap();
            Answer::Ok(json!({}))
        });
        let job = self.job.clone();
        self.stub.on("GetTranscriptionJob", move |request| {
            let Some((status, reason)) = *job.lock().unwrap() else {
                return Answer::Error(400, "NotFoundException", "The requested job couldn't be found.");
            };
            Answer::Ok(json!({ "TranscriptionJob": {
                "TranscriptionJobName": request["TranscriptionJobName"],
                "TranscriptionJobStatus": status,
                "FailureReason": reason,
                "LanguageCode": "en-US",
            }}))
        });
        let job = self.job.clone();
        self.stub.on("DeleteTranscriptionJob", move |_| {
            job.lock().unwrap().take();
            Answer::Ok(json!({}))
        });
    }
}

/// An output file as Transcribe writes it.
fn output() -> Value {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let items: Vec<Value> = spoken()
        .iter()
        .enumerate()
        .map(|(id, word)| {
            json!({
                "id": id,
                "type": "pronunciation",
                "start_time": seconds(word.start_ms),
                "end_time": seconds(word.end_ms),
                "alternatives": [{ "confidence": "0.98", "content": word.text }],
            })
        })
        .collect();
    json!({ "status": "COMPLETED", "results": { "language_code": "en-US", "items": items } })
}
