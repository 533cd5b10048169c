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
    job: Arc<Mutex<Option<Job>>>,
}

/// How a job is.
#[derive(Clone, Copy)]
struct Job {
    status: &'static str,
    reason: &'static str,
    /// The language that it was heard in, and how surely, where Transcribe had the choice.
    heard: Option<(&'static str, f32)>,
}

impl Job {
    fn of(status: &'static str, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            heard: None,
        }
    }
}

impl World {
    /// The usual world, with Amazon's engines in place of the one that is told.
    pub async fn with_amazon() -> (Self, Amazon) {
        Self::new().await.served_by_amazon(AwsConfig::default()).await
    }

    /// The same with these settings of Amazon's engines, for a vendor who has every service.
    pub async fn with_amazon_for_every_service(config: AwsConfig) -> (Self, Amazon) {
        Self::of_every_service(&[]).await.served_by_amazon(config).await
    }

    async fn served_by_amazon(mut self, config: AwsConfig) -> (Self, Amazon) {
        let stub = Stub::start().await.unwrap();
        let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(keys)
            .endpoint_url(stub.endpoint())
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        let engine = Arc::new(Aws::new(&sdk, config));
        self.ctx.parts.engines = Some(EngineSet::new(vec![engine]));
        let amazon = Amazon {
            stub,
            job: Arc::default(),
        };
        amazon.transcribe(&self);
        (self, amazon)
    }
}

impl Amazon {
    /// Says how the job is from now on: `COMPLETED`, or `FAILED` for a reason.
    pub fn job_is(&self, status: &'static str, reason: &'static str) {
        *self.job.lock().unwrap() = Some(Job::of(status, reason));
    }

    /// The job has ended, and Transcribe, which had the choice, heard that language so surely (0 to 1).
    pub fn job_heard(&self, language_code: &'static str, confidence: f32) {
        *self.job.lock().unwrap() = Some(Job {
            heard: Some((language_code, confidence)),
            ..Job::of("COMPLETED", "")
        });
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
            *job.lock().unwrap() = Some(Job::of("IN_PROGRESS", ""));
            let key = request["OutputKey"].as_str().unwrap();
            let output = Bytes::from(output().to_string());
            // In memory, so at once.
            let put = bucket.put(key, output, "application/json").now_or_never();
            put.unwrap().unwrap();
            Answer::Ok(json!({}))
        });
        let job = self.job.clone();
        self.stub.on("GetTranscriptionJob", move |request| {
            let Some(job) = *job.lock().unwrap() else {
                return Answer::Error(400, "NotFoundException", "The requested job couldn't be found.");
            };
            let mut answer = json!({
                "TranscriptionJobName": request["TranscriptionJobName"],
                "TranscriptionJobStatus": job.status,
                "FailureReason": job.reason,
                "LanguageCode": "en-US",
            });
            if let Some((language_code, confidence)) = job.heard {
                answer["LanguageCode"] = language_code.into();
                answer["IdentifyLanguage"] = true.into();
                answer["IdentifiedLanguageScore"] = confidence.into();
            }
            Answer::Ok(json!({ "TranscriptionJob": answer }))
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
