//! The engine against the stand-in: what it asks, and what it makes of the answers.

use std::collections::BTreeSet;
use std::path::Path;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use serde_json::{Value, json};

use super::stub::{Answer, Stub};
use super::*;
use crate::ErrorClass;
use crate::folder::FolderFiles;
use crate::job::{
    CompletionToken, Divide, Identify, MediaRef, Passage, Recognise, SourceLanguage, Speak, TaskId, Translate,
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
            "TranscriptionJobName": "reach-9292-1-recognise",
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
    }
}

#[tokio::test]
async fn a_job_is_asked_for_by_its_stable_name() {
    let world = World::new(AwsConfig {
        data_access_role_arn: Some("arn:aws:iam::111122223333:role/reach-transcribe".to_owned()),
        output_kms_key_id: Some("alias/reach".to_owned()),
        ..AwsConfig::default()
    })
    .await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&[])).await;
    assert_eq!(job.external_id, r#"{"ticket":"kept/aws-recognise-ticket.json"}"#);
    insta::assert_json_snapshot!(world.stub.calls());
    let ticket = std::fs::read_to_string(world.folder.path().join("kept/aws-recognise-ticket.json")).unwrap();
    assert!(
        !ticket.contains("AAAAKg"),
        "the completion token is a secret: {ticket}"
    );
}

#[tokio::test]
async fn a_job_that_runs_already_is_found() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always(
        "StartTranscriptionJob",
        Answer::Error(400, "ConflictException", "The requested job name already exists."),
    );
    let once = world.accepted(&recognise(&[])).await;
    assert_eq!(world.accepted(&recognise(&[])).await, once);
}

#[tokio::test]
async fn limits_and_throttling_are_retryable() {
    let world = World::new(AwsConfig::default()).await;
    for (status, code) in [
        (400, "LimitExceededException"),
        (400, "ThrottlingException"),
        (500, "InternalFailureException"),
        (400, "AccessDeniedException"),
    ] {
        world
            .stub
            .always("StartTranscriptionJob", Answer::Error(status, code, "no"));
        let error = world
            .engine
            .start(&recognise(&[]), &world.files)
            .await
            .unwrap_err();
        assert_eq!(
            (error.name(), error.class()),
            ("EngineUnavailable", ErrorClass::Retryable)
        );
        assert!(error.to_string().contains(code), "{error}");
    }
}

#[tokio::test]
async fn media_over_the_limits_is_refused_with_the_reason() {
    let world = World::new(AwsConfig::default()).await;
    let mut texts = Vec::new();
    for duration_ms in [4 * 60 * 60 * 1000 + 1, 499] {
        let mut request = recognise(&[]);
        request.media.as_mut().unwrap().duration_ms = Some(duration_ms);
        let error = world.engine.start(&request, &world.files).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Terminal);
        texts.push(format!("{error}\n{}", error.customer_text()));
    }
    insta::assert_snapshot!(texts.join("\n"));
    assert_eq!(world.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_vocabulary_is_waited_for() {
    let world = World::new(AwsConfig::default()).await;
    let dictionary = ["River Project", "Kaltura", "R2D2"];
    world.stub.always("GetVocabulary", missing());
    world.stub.always(
        "CreateVocabulary",
        Answer::Ok(json!({"VocabularyState": "PENDING"})),
    );
    let job = world.accepted(&recognise(&dictionary)).await;
    assert_eq!(world.operations(), ["GetVocabulary", "CreateVocabulary"]);

    world.stub.always("GetTranscriptionJob", missing());
    world
        .stub
        .always("GetVocabulary", Answer::Ok(json!({"VocabularyState": "PENDING"})));
    assert_eq!(
        world.engine.look(&job, &world.files).await.unwrap(),
        Look::Running
    );
    assert!(!world.operations().contains(&"StartTranscriptionJob".to_owned()));

    world
        .stub
        .always("GetVocabulary", Answer::Ok(json!({"VocabularyState": "READY"})));
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    assert_eq!(
        world.engine.look(&job, &world.files).await.unwrap(),
        Look::Running
    );
    insta::assert_json_snapshot!([
        world.last("CreateVocabulary"),
        world.last("StartTranscriptionJob")
    ]);

    let vocabulary = world.last("CreateVocabulary")["VocabularyName"].clone();
    world.completes(
        "output-speakers",
        &json!({"Settings": {"VocabularyName": vocabulary}}),
    );
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it is done");
    };
    insta::assert_json_snapshot!(result);
    result.check().unwrap();
}

#[tokio::test]
async fn a_vocabulary_that_is_ready_is_used_at_once() {
    let world = World::new(AwsConfig::default()).await;
    world
        .stub
        .always("GetVocabulary", Answer::Ok(json!({"VocabularyState": "READY"})));
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    world.accepted(&recognise(&["Kaltura"])).await;
    assert_eq!(world.operations(), ["GetVocabulary", "StartTranscriptionJob"]);
}

#[tokio::test]
async fn a_vocabulary_that_failed_is_a_warning() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always(
        "GetVocabulary",
        Answer::Ok(json!({"VocabularyState": "FAILED", "FailureReason": "a letter"})),
    );
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&["Kaltura"])).await;
    assert_eq!(
        world.last("StartTranscriptionJob")["Settings"].get("VocabularyName"),
        None
    );
    world.completes("output-speakers", &json!({}));
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it is done");
    };
    let names: Vec<_> = result
        .warnings
        .iter()
        .map(|warning| warning.name.as_str())
        .collect();
    assert_eq!(names, ["DictionaryNotUsed"]);
}

/// What an account with 100 vocabularies answers. The oldest of ours is in use, the next one isn't.
fn full_account(stub: &Stub) {
    stub.always("GetVocabulary", missing());
    let mut vocabularies = vec![
        json!({"VocabularyName": "reach-en-US-new", "LastModifiedTime": 300.0, "VocabularyState": "READY"}),
        json!({"VocabularyName": "reach-en-US-old", "LastModifiedTime": 200.0, "VocabularyState": "FAILED"}),
        json!({"VocabularyName": "reach-en-US-used", "LastModifiedTime": 100.0, "VocabularyState": "READY"}),
        json!({"VocabularyName": "reach-en-US-made", "LastModifiedTime": 50.0, "VocabularyState": "PENDING"}),
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
            Some("QUEUED") => json!([{"TranscriptionJobName": "reach-7-1-recognise"}]),
            _ => json!([]),
        };
        Answer::Ok(json!({ "TranscriptionJobSummaries": jobs }))
    });
    stub.always(
        "GetTranscriptionJob",
        Answer::Ok(json!({"TranscriptionJob": {"Settings": {"VocabularyName": "reach-en-US-used"}}})),
    );
    stub.always("DeleteVocabulary", Answer::Ok(json!({})));
    stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
}

#[tokio::test]
async fn the_oldest_unused_vocabulary_makes_room() {
    let world = World::new(AwsConfig::default()).await;
    full_account(&world.stub);
    world.stub.in_turn(
        "CreateVocabulary",
        vec![
            Answer::Error(400, "LimitExceededException", "too many vocabularies"),
            Answer::Ok(json!({"VocabularyState": "PENDING"})),
        ],
    );
    world.accepted(&recognise(&["Kaltura"])).await;
    assert_eq!(
        world.last("DeleteVocabulary"),
        json!({"VocabularyName": "reach-en-US-old"})
    );
    assert!(!world.operations().contains(&"StartTranscriptionJob".to_owned()));
}

#[tokio::test]
async fn without_room_the_job_goes_on_without_its_vocabulary() {
    let world = World::new(AwsConfig::default()).await;
    full_account(&world.stub);
    world.stub.always(
        "CreateVocabulary",
        Answer::Error(400, "LimitExceededException", "too many vocabularies"),
    );
    world.accepted(&recognise(&["Kaltura"])).await;
    let deleted = world
        .operations()
        .iter()
        .filter(|call| *call == "DeleteVocabulary")
        .count();
    assert_eq!(deleted, 1, "one is let go, not all");
    assert_eq!(
        world.last("StartTranscriptionJob")["Settings"].get("VocabularyName"),
        None
    );
}

#[tokio::test]
async fn a_limit_of_requests_lets_no_vocabulary_go() {
    let world = World::new(AwsConfig::default()).await;
    full_account(&world.stub);
    world
        .stub
        .always("ListVocabularies", Answer::Ok(json!({"Vocabularies": []})));
    world.stub.always(
        "CreateVocabulary",
        Answer::Error(400, "LimitExceededException", "too many requests"),
    );
    let error = world
        .engine
        .start(&recognise(&["Kaltura"]), &world.files)
        .await
        .unwrap_err();
    assert_eq!(error.name(), "EngineUnavailable");
    assert!(!world.operations().contains(&"DeleteVocabulary".to_owned()));
}

#[tokio::test]
async fn a_filter_is_used_where_profanity_is_to_go() {
    let world = World::new(AwsConfig {
        vocabulary_filters: vec![("en-US".to_owned(), "profanity-en".to_owned())],
        vocabulary_filter_method: "mask".to_owned(),
        ..AwsConfig::default()
    })
    .await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let mut request = recognise(&[]);
    if let Work::Recognise(work) = &mut request.work {
        work.remove_profanity = true;
        work.speakers_wanted = false;
    }
    world.accepted(&request).await;
    assert_eq!(
        world.last("StartTranscriptionJob")["Settings"],
        json!({"VocabularyFilterName": "profanity-en", "VocabularyFilterMethod": "mask"})
    );
}

#[tokio::test]
async fn a_checked_language_that_is_another_is_told_with_its_confidence() {
    let world = World::new(AwsConfig {
        language_check: ["en-GB", "es-US", "fr-FR"].map(str::to_owned).to_vec(),
        ..AwsConfig::default()
    })
    .await;
    world
        .stub
        .always("GetVocabulary", Answer::Ok(json!({"VocabularyState": "READY"})));
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&["Kaltura"])).await;
    insta::assert_json_snapshot!(world.last("StartTranscriptionJob"));
    world.completes(
        "output-identified",
        &json!({
            "LanguageCode": "es-US",
            "IdentifyLanguage": true,
            "IdentifiedLanguageScore": 0.951_299_965_381_622_3,
            "LanguageIdSettings": {"en-US": {"VocabularyName": "reach-en-US-x"}},
        }),
    );
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it is done");
    };
    insta::assert_json_snapshot!(result);
}

#[tokio::test]
async fn an_unknown_language_is_identified() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let identify = |candidates: &[&str]| {
        request(Work::Identify(Identify {
            candidates: candidates.iter().map(|tag| (*tag).to_owned()).collect(),
        }))
    };
    world.accepted(&identify(&["en-US", "en-GB", "es", "eo"])).await;
    let options = world.last("StartTranscriptionJob")["LanguageOptions"].clone();
    assert_eq!(options, json!(["en-US", "es-ES"]));

    let job = world.accepted(&identify(&["en"])).await;
    insta::assert_json_snapshot!(world.last("StartTranscriptionJob"));
    world.job_is(&json!({"LanguageCode": "pt-BR", "IdentifiedLanguageScore": 0.75}));
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it is done");
    };
    insta::assert_json_snapshot!(result);
}

#[tokio::test]
async fn a_job_that_runs_is_running() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&[])).await;
    for status in ["QUEUED", "IN_PROGRESS"] {
        world.job_is(&json!({"TranscriptionJobStatus": status}));
        assert_eq!(
            world.engine.look(&job, &world.files).await.unwrap(),
            Look::Running
        );
    }
}

/// Days later: the store was swept, the job is gone.
#[tokio::test]
async fn a_late_look_at_what_is_gone_is_an_error() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&[])).await;
    world.stub.always("GetTranscriptionJob", missing());
    std::fs::remove_dir_all(world.folder.path().join("kept")).unwrap();
    let error = world.engine.look(&job, &world.files).await.unwrap_err();
    assert_eq!(error.name(), "EngineJobFailed");
    let other = AcceptedJob {
        external_id: "somebody-elses".to_owned(),
        ..job
    };
    assert_eq!(
        world.engine.look(&other, &world.files).await.unwrap_err().name(),
        "EngineJobFailed"
    );
}

#[tokio::test]
async fn a_completed_job_without_output_is_retryable() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&[])).await;
    world.job_is(&json!({}));
    let error = world.engine.look(&job, &world.files).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retryable);
    insta::assert_snapshot!(error);
}

#[tokio::test]
async fn a_failed_job_is_classed_by_its_reason() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    world.stub.always("DeleteTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&[])).await;
    let mut told = Vec::new();
    for reason in [
        "Unsupported media format.",
        "The media format provided does not match the detected media format.",
        "Invalid sample rate for audio file.",
        "Invalid file size: file size too large.",
        "Invalid number of channels: number of channels too large.",
        "Failed to parse audio file.",
        "Access denied when reading the media file.",
        "Internal error. Try again.",
    ] {
        world.job_is(&json!({"TranscriptionJobStatus": "FAILED", "FailureReason": reason}));
        let before = world.operations().len();
        let error = world.engine.look(&job, &world.files).await.unwrap_err();
        let is_deleted = world.operations()[before..].contains(&"DeleteTranscriptionJob".to_owned());
        assert_eq!(
            is_deleted,
            error.class() == ErrorClass::Retryable,
            "the name is free for another start"
        );
        told.push(format!(
            "{reason}\n  {} {:?}: {}",
            error.name(),
            error.class(),
            error.customer_text()
        ));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn silence_that_can_t_be_identified_is_no_speech() {
    let world = World::new(AwsConfig {
        language_check: vec!["es-US".to_owned()],
        ..AwsConfig::default()
    })
    .await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&[])).await;
    world.job_is(&json!({
        "TranscriptionJobStatus": "FAILED",
        "FailureReason": "Your audio file must have a speech segment long enough in duration to perform automatic \
                          language identification. Provide an audio file with someone speaking for a longer period of \
                          time and try your request again.",
    }));
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it is done");
    };
    assert_eq!(result.warnings[0].name, "NoSpeech");
    assert_eq!(result.transcript().unwrap().words, []);
}

#[tokio::test]
async fn what_is_forgotten_is_deleted_but_not_what_others_need() {
    let world = World::new(AwsConfig::default()).await;
    full_account(&world.stub);
    world.stub.always("DeleteTranscriptionJob", missing());
    let mut job = AcceptedJob {
        job_id: recognise(&[]).job_id,
        kind: WorkKind::Recognise,
        external_id: r#"{"ticket":"t-ticket.json","vocabulary":"reach-en-US-used"}"#.to_owned(),
    };
    world.engine.forget(&job).await.unwrap();
    assert!(!world.operations().contains(&"DeleteVocabulary".to_owned()));
    job.external_id = r#"{"ticket":"t-ticket.json","vocabulary":"reach-en-US-mine"}"#.to_owned();
    world.engine.forget(&job).await.unwrap();
    assert_eq!(
        world.last("DeleteVocabulary"),
        json!({"VocabularyName": "reach-en-US-mine"})
    );
    assert_eq!(
        world.last("DeleteTranscriptionJob"),
        json!({"TranscriptionJobName": "reach-9292-1-recognise"})
    );
}

#[tokio::test]
async fn a_job_that_runs_is_forgotten_later() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always(
        "DeleteTranscriptionJob",
        Answer::Error(400, "BadRequestException", "The requested job is in progress."),
    );
    let job = AcceptedJob {
        job_id: recognise(&[]).job_id,
        kind: WorkKind::Recognise,
        external_id: "somebody-elses".to_owned(),
    };
    let error = world.engine.forget(&job).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retryable);
    world.stub.always("DeleteTranscriptionJob", missing());
    world.engine.forget(&job).await.unwrap();
}

fn translate(passages: &[&str], dictionary: &[&str]) -> JobRequest {
    let passages = passages.iter().map(|text| passage(0, 1_000, text)).collect();
    request(Work::Translate(Translate {
        source_language: language("English"),
        target_language: language("Portuguese (Brazil)"),
        passages,
        dictionary: dictionary.iter().map(|entry| (*entry).to_owned()).collect(),
        remove_profanity: true,
    }))
}

fn echo(request: &Value) -> Answer {
    Answer::Ok(json!({
        "TranslatedText": format!("<{}>", request["Text"].as_str().unwrap_or_default().trim()),
        "SourceLanguageCode": request["SourceLanguageCode"],
        "TargetLanguageCode": request["TargetLanguageCode"],
    }))
}

#[tokio::test]
async fn passages_are_translated_each_in_its_place() {
    let world = World::new(AwsConfig {
        formality: Some("formal".to_owned()),
        brevity: true,
        ..AwsConfig::default()
    })
    .await;
    world.stub.always("ImportTerminology", Answer::Ok(json!({})));
    world.stub.always("DeleteTerminology", Answer::Ok(json!({})));
    world.stub.on("TranslateText", echo);
    let long = "A sentence of some length, said again and again. ".repeat(300);
    let texts: Vec<String> = (0..20).map(|number| format!("Passage {number}.")).collect();
    let mut passages: Vec<&str> = texts.iter().map(String::as_str).collect();
    passages.push(" ");
    passages.push(&long);
    let result = world
        .done(&translate(&passages, &["River \"Project\"", " ", "Kaltura"]))
        .await;
    let Output::Texts { texts } = &result.output else {
        panic!("{:?}", result.output);
    };
    assert_eq!(texts.len(), 22);
    assert_eq!(
        (texts[0].as_str(), texts[19].as_str()),
        ("<Passage 0.>", "<Passage 19.>")
    );
    assert_eq!(texts[20], "");
    assert_eq!(
        texts[21].matches('<').count(),
        2,
        "the long one goes in two pieces"
    );
    let calls = world.stub.calls();
    for (_, call) in calls.iter().filter(|(operation, _)| operation == "TranslateText") {
        assert!(call["Text"].as_str().unwrap().len() <= 10_000);
    }
    let (first, last) = (&calls[0], &calls[calls.len() - 1]);
    let text = calls
        .iter()
        .find(|(_, call)| call["Text"] == "Passage 7.")
        .unwrap();
    insta::assert_json_snapshot!([first, text, last]);
}

#[tokio::test]
async fn a_translation_that_fails_leaves_no_terminology() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always("ImportTerminology", Answer::Ok(json!({})));
    world.stub.always("DeleteTerminology", Answer::Ok(json!({})));
    let mut told = Vec::new();
    for code in ["TooManyRequestsException", "UnsupportedLanguagePairException"] {
        world.stub.always("TranslateText", Answer::Error(400, code, "no"));
        let error = world
            .engine
            .start(&translate(&["Hello."], &["Kaltura"]), &world.files)
            .await
            .unwrap_err();
        told.push((error.name(), error.class()));
        assert_eq!(world.operations().last().unwrap(), "DeleteTerminology");
    }
    assert_eq!(
        told,
        [
            ("EngineUnavailable", ErrorClass::Retryable),
            ("EngineLanguageNotSupported", ErrorClass::Terminal)
        ]
    );
}

#[tokio::test]
async fn a_terminology_that_is_not_taken_is_a_warning() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always(
        "ImportTerminology",
        Answer::Error(400, "LimitExceededException", "100"),
    );
    world.stub.on("TranslateText", echo);
    let result = world.done(&translate(&["Hello."], &["Kaltura"])).await;
    assert_eq!(result.warnings[0].name, "DictionaryNotUsed");
    assert_eq!(world.operations(), ["ImportTerminology", "TranslateText"]);
    assert_eq!(world.last("TranslateText").get("TerminologyNames"), None);
}

/// A voice that says each letter in 50 ms, and faster as it is told.
fn speaks(request: &Value) -> Answer {
    let text = request["Text"].as_str().unwrap_or_default();
    let rate = text
        .split_once("rate=\"")
        .and_then(|(_, rest)| rest.split_once('%'))
        .map_or(100, |(rate, _)| rate.parse().unwrap());
    let inner: String = text
        .split('<')
        .filter_map(|part| part.split_once('>'))
        .map(|(_, said)| said)
        .collect();
    let samples = inner.chars().count() * 800 * 100 / rate;
    Answer::Sound((0..samples).flat_map(|_| 1_000_i16.to_le_bytes()).collect())
}

fn speak(name: &str, passages: Vec<Passage>) -> JobRequest {
    request(Work::Speak(Speak {
        language: language(name),
        passages,
    }))
}

#[tokio::test]
async fn passages_become_clips_of_one_file() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.on("SynthesizeSpeech", |request| {
        if request["Engine"] == "generative" {
            return Answer::Error(400, "EngineNotSupportedException", "not in this Region");
        }
        speaks(request)
    });
    let passages = vec![
        passage(0, 5_000, "Hello & welcome."),
        passage(6_000, 7_000, "♪"),
        // 22 letters, 1.1 s at the usual rate.
        passage(8_000, 9_000, "A little short of time"),
        passage(10_000, 10_500, "Much too long for this"),
    ];
    let result = world.done(&speak("English (American)", passages)).await;
    insta::assert_json_snapshot!(result);
    let calls = world.stub.calls();
    let faster = calls.iter().find(|(_, call)| {
        call["Text"]
            .as_str()
            .is_some_and(|text| text.contains("rate") && text.contains("little"))
    });
    insta::assert_json_snapshot!(faster);
    let mut wav = hound::WavReader::open(world.folder.path().join("kept/speech.wav")).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.spec().channels), (16_000, 1));
    assert_eq!(
        u64::from(wav.duration()) * 1000 / 16_000,
        result.audio_duration_ms
    );
    assert!(wav.samples::<i16>().all(|sample| sample.unwrap() == 1_000));
}

#[tokio::test]
async fn a_text_over_the_limit_is_spoken_in_pieces() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.on("SynthesizeSpeech", speaks);
    let text = "He said & she said, and so on and on. ".repeat(170);
    let result = world.done(&speak("German", vec![passage(0, 0, &text)])).await;
    let Output::Speech { speech } = &result.output else {
        panic!("{:?}", result.output);
    };
    assert_eq!(speech.clips.len(), 1);
    let calls = world.stub.calls();
    assert!(calls.len() >= 4, "a try and three pieces: {}", calls.len());
    for (_, call) in &calls {
        assert!(call["Text"].as_str().unwrap().chars().count() <= 3_000 + "<speak></speak>".len());
    }
}

#[tokio::test]
async fn a_voice_that_is_nowhere_is_a_language_not_supported() {
    let world = World::new(AwsConfig::default()).await;
    world.stub.always(
        "SynthesizeSpeech",
        Answer::Error(400, "EngineNotSupportedException", "not in this Region"),
    );
    let request = speak("French", vec![passage(0, 1, "Bonjour")]);
    let error = world.engine.start(&request, &world.files).await.unwrap_err();
    assert_eq!(error.name(), "EngineLanguageNotSupported");
    assert_eq!(world.operations().len(), 3, "generative, neural, standard");
    world.stub.always(
        "SynthesizeSpeech",
        Answer::Error(400, "ThrottlingException", "slow"),
    );
    let error = world.engine.start(&request, &world.files).await.unwrap_err();
    assert_eq!(error.name(), "EngineUnavailable");
}

#[cfg(feature = "bedrock")]
#[tokio::test]
async fn a_model_finds_chapters_by_a_strict_tool() {
    let world = World::new(AwsConfig {
        model_id: Some("eu.amazon.nova-lite-v1:0".to_owned()),
        ..AwsConfig::default()
    })
    .await;
    world.stub.always(
        "Converse",
        Answer::Ok(json!({
            "output": {"message": {"role": "assistant", "content": [
                {"text": "I call the tool."},
                {"toolUse": {"toolUseId": "tooluse_1", "name": "chapters", "input": {"chapters": [
                    {"line": 0, "title": "Welcome", "description": "Who speaks."},
                    {"line": 1, "title": "Thanks", "description": ""},
                ]}}},
            ]}},
            "stopReason": "tool_use",
            "usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120},
            "metrics": {"latencyMs": 500},
        })),
    );
    let heard = output::read(include_bytes!("fixtures/output-speakers.json"), Some(12_000)).unwrap();
    let request = request(Work::Chapter(Divide {
        language: language("English"),
        transcript: heard.transcript,
    }));
    let result = world.done(&request).await;
    insta::assert_json_snapshot!(result);
    insta::assert_json_snapshot!(world.last("Converse"));

    world.stub.always(
        "Converse",
        Answer::Ok(json!({
            "output": {"message": {"role": "assistant", "content": [{"text": "I'd rather not."}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
            "metrics": {"latencyMs": 5},
        })),
    );
    let error = world.engine.start(&request, &world.files).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retryable);
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
    let readers = [include_str!("tests.rs"), include_str!("output.rs")].concat();
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
