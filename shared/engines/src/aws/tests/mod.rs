//! The engine against the stand-in: what it asks, and what it makes of the answers.

#[cfg(feature = "bedrock")]
mod model;
mod recognise;
mod speak;
mod translate;
mod vocabulary;

use std::collections::BTreeSet;
use std::path::Path;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use serde_json::{Value, json};

use super::stub::{Answer, Stub};
use super::{Aws, AwsConfig};
use crate::ErrorClass;
use crate::contract::{Engine, Look, Progress};
use crate::folder::FolderFiles;
use crate::job::{
    AcceptedJob, CompletionToken, Identify, JobRequest, MediaRef, Passage, Recognise, SourceLanguage, Speak,
    TaskId, Translate, Work, WorkKind,
};
use crate::language::LANGUAGES;
use crate::language::amazon;
use crate::result::Output;

async fn sdk(stub: &Stub) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "secret",
            None,
            None,
            "test",
        ))
        .endpoint_url(stub.endpoint())
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

/// An engine that asks a stub, and its store.
struct World {
    stub: Stub,
    engine: Aws,
    files: FolderFiles,
    folder: tempfile::TempDir,
}

impl World {
    async fn new(config: AwsConfig) -> Self {
        let stub = Stub::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self {
            engine: Aws::new(&sdk(&stub).await, config),
            files: FolderFiles::new(folder.path()),
            stub,
            folder,
        }
    }

    /// The operations called, in order.
    fn operations(&self) -> Vec<String> {
        self.stub
            .calls()
            .into_iter()
            .map(|(operation, _)| operation)
            .collect()
    }

    /// The last request of that operation.
    fn last(&self, operation: &str) -> Value {
        let calls = self.stub.calls();
        let found = calls.iter().rev().find(|(called, _)| called == operation);
        found.unwrap_or_else(|| panic!("no {operation}")).1.clone()
    }

    async fn accepted(&self, request: &JobRequest) -> AcceptedJob {
        match self.engine.start(request, &self.files).await.unwrap() {
            Progress::Accepted { external_id } => AcceptedJob {
                job_id: request.job_id.clone(),
                kind: request.work.kind(),
                external_id,
            },
            other => panic!("{other:?}"),
        }
    }

    async fn done(&self, request: &JobRequest) -> crate::JobResult {
        match self.engine.start(request, &self.files).await.unwrap() {
            Progress::Done(result) => *result,
            other => panic!("{other:?}"),
        }
    }

    /// Transcribe's side of a job that ended well: its output in the bucket.
    fn completes(&self, output: &str, more: &Value) {
        let fixture = format!("{}/src/aws/fixtures/{output}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(fixture, self.folder.path().join("kept/aws-recognise-output.json")).unwrap();
        self.job_is(more);
    }

    fn job_is(&self, fields: &Value) {
        let mut job = json!({
            "TranscriptionJobName": "reach.9292-1-recognise",
            "TranscriptionJobStatus": "COMPLETED",
            "LanguageCode": "en-US",
        });
        for (name, value) in fields.as_object().unwrap() {
            job[name] = value.clone();
        }
        self.stub.always(
            "GetTranscriptionJob",
            Answer::Ok(json!({ "TranscriptionJob": job })),
        );
    }
}

fn missing() -> Answer {
    Answer::Error(
        400,
        "BadRequestException",
        "The requested job couldn't be found. Check the job name and try your request again.",
    )
}

fn language(name: &str) -> SourceLanguage {
    SourceLanguage::from_catalog_name(name).unwrap()
}

fn request(work: Work) -> JobRequest {
    JobRequest::new(
        TaskId::new("9292"),
        1,
        work,
        Some(MediaRef {
            key: "media/9292/1.mp4".to_owned(),
            container: "mp4".to_owned(),
            duration_ms: Some(12_000),
            size_bytes: None,
        }),
        CompletionToken::new("AAAAKgAAAAIAAAAAAAAAAb"),
    )
}

fn recognise(dictionary: &[&str]) -> JobRequest {
    request(Work::Recognise(Recognise {
        source_language: language("English (American)"),
        dictionary: dictionary.iter().map(|entry| (*entry).to_owned()).collect(),
        speakers_wanted: true,
        remove_profanity: false,
    }))
}

fn passage(start_ms: u64, end_ms: u64, text: &str) -> Passage {
    Passage {
        start_ms,
        end_ms,
        text: text.to_owned(),
        speaker: None,
        phrases: Vec::new(),
    }
}

/// What an account with 100 vocabularies answers. The oldest of ours is in use, the next one isn't.
fn full_account(stub: &Stub) {
    stub.always("GetVocabulary", missing());
    let mut vocabularies = vec![
        json!({"VocabularyName": "reach.en-US-new", "LastModifiedTime": 300.0, "VocabularyState": "READY"}),
        json!({"VocabularyName": "reach.en-US-old", "LastModifiedTime": 200.0, "VocabularyState": "FAILED"}),
        json!({"VocabularyName": "reach.en-US-used", "LastModifiedTime": 100.0, "VocabularyState": "READY"}),
        json!({"VocabularyName": "reach.en-US-made", "LastModifiedTime": 50.0, "VocabularyState": "PENDING"}),
    ];
    vocabularies.extend((0..96).map(|number| {
        json!({"VocabularyName": format!("outreach-{number}"), "LastModifiedTime": 10.0, "VocabularyState": "READY"})
    }));
    // In two pages.
    stub.on("ListVocabularies", move |request| {
        match request["NextToken"].as_str() {
            None => Answer::Ok(json!({"Vocabularies": vocabularies[50..], "NextToken": "2"})),
            Some(_) => Answer::Ok(json!({"Vocabularies": vocabularies[..50]})),
        }
    });
    stub.on("ListTranscriptionJobs", |request| {
        let jobs = match request["Status"].as_str() {
            Some("QUEUED") => json!([{"TranscriptionJobName": "reach.7-1-recognise"}]),
            _ => json!([]),
        };
        Answer::Ok(json!({ "TranscriptionJobSummaries": jobs }))
    });
    stub.always(
        "GetTranscriptionJob",
        Answer::Ok(json!({"TranscriptionJob": {"Settings": {"VocabularyName": "reach.en-US-used"}}})),
    );
    stub.always("DeleteVocabulary", Answer::Ok(json!({})));
    stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
}

#[tokio::test]
async fn what_is_not_configured_is_not_offered() {
    let world = World::new(AwsConfig::default()).await;
    let capabilities = world.engine.capabilities();
    let kinds: Vec<_> = capabilities.works.iter().map(|work| work.kind).collect();
    assert_eq!(
        kinds,
        [
            WorkKind::Recognise,
            WorkKind::Identify,
            WorkKind::Translate,
            WorkKind::Speak
        ]
    );
    let standard = World::new(AwsConfig {
        polly_engines: vec!["standard".to_owned()],
        ..AwsConfig::default()
    })
    .await;
    assert!(capabilities.serves(WorkKind::Speak, "fi"));
    assert!(!standard.engine.capabilities().serves(WorkKind::Speak, "fi"));
}

#[tokio::test]
async fn capabilities_and_codes_agree_for_every_catalog_name() {
    let capabilities = World::new(AwsConfig::default()).await.engine.capabilities();
    for language in &LANGUAGES {
        let codes = amazon::AmazonCodes::of(language.bcp47);
        let served = |kind| capabilities.serves(kind, language.bcp47);
        assert_eq!(
            served(WorkKind::Recognise),
            codes.transcribe.is_some(),
            "{}",
            language.catalog_name
        );
        assert_eq!(
            served(WorkKind::Translate),
            codes.translate.is_some(),
            "{}",
            language.catalog_name
        );
        assert_eq!(
            served(WorkKind::Speak),
            codes.polly.is_some(),
            "{}",
            language.catalog_name
        );
    }
}

#[test]
fn the_codes_are_those_that_the_sdk_knows() {
    let transcribe: BTreeSet<_> = aws_sdk_transcribe::types::LanguageCode::values().iter().collect();
    for (range, code) in amazon::TRANSCRIBE {
        assert!(transcribe.contains(code), "{range}: {code}");
    }
    let languages: BTreeSet<_> = aws_sdk_polly::types::LanguageCode::values().iter().collect();
    let voices: BTreeSet<_> = aws_sdk_polly::types::VoiceId::values().iter().collect();
    for (range, voice) in amazon::POLLY {
        assert!(languages.contains(&voice.language_code), "{range}: {voice:?}");
        assert!(voices.contains(&voice.id), "{range}: {voice:?}");
    }
}

/// The fixtures are JSON of Transcribe's form, named after what they show.
#[test]
fn no_fixture_is_without_a_reader() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws/fixtures");
    let readers = [
        include_str!("mod.rs"),
        include_str!("recognise.rs"),
        include_str!("vocabulary.rs"),
        include_str!("../output.rs"),
    ]
    .concat();
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        assert!(readers.contains(&name), "{name}");
    }
}

/// The environment that an end-to-end test gives to the functions; a process's own, so another process is asked.
#[tokio::test]
async fn the_environment_leads_each_service_to_the_stand_in() {
    let stub = Stub::start().await.unwrap();
    stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    stub.always(
        "TranslateText",
        Answer::Ok(json!({"TranslatedText": "Olá", "SourceLanguageCode": "en", "TargetLanguageCode": "pt"})),
    );
    stub.always("SynthesizeSpeech", Answer::Sound(vec![0; 3_200]));
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "aws::tests::asks_by_the_environment", "--ignored"])
        .envs(stub.environment())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .output()
        .await
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
    let operations: BTreeSet<_> = stub.calls().into_iter().map(|(operation, _)| operation).collect();
    let expected = ["StartTranscriptionJob", "SynthesizeSpeech", "TranslateText"];
    assert_eq!(operations, expected.map(str::to_owned).into());
}

/// Run by the test above, with its environment.
#[tokio::test]
#[ignore = "needs the environment of the test that runs it"]
async fn asks_by_the_environment() {
    let sdk = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let engine = Aws::from_env(&sdk).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = FolderFiles::new(folder.path());
    let speak = request(Work::Speak(Speak {
        language: language("English"),
        passages: vec![passage(0, 1_000, "Hello")],
    }));
    let translate = request(Work::Translate(Translate {
        source_language: language("English"),
        target_language: language("Portuguese (Brazil)"),
        passages: vec![passage(0, 1_000, "Hello")],
        dictionary: Vec::new(),
        remove_profanity: false,
    }));
    for request in [recognise(&[]), translate, speak] {
        engine.start(&request, &files).await.unwrap();
    }
}
