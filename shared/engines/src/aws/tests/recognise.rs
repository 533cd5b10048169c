//! Jobs of Transcribe, from start to end.

use super::*;

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

/// A world with ffmpeg, and a job on media with these streams that are said to have so many bytes.
async fn large(streams: &[&str], size_bytes: u64) -> (World, JobRequest) {
    let world = World::new(AwsConfig {
        sound_ffmpeg: Some("ffmpeg".into()),
        ..AwsConfig::default()
    })
    .await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    let media = world.folder.path().join("media/9292/1.mp4");
    std::fs::create_dir_all(media.parent().unwrap()).unwrap();
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error"]);
    for stream in streams {
        ffmpeg.args(["-f", "lavfi", "-i", stream]);
    }
    assert!(ffmpeg.arg(media).status().unwrap().success());
    let mut request = recognise(&[]);
    request.media.as_mut().unwrap().size_bytes = Some(size_bytes);
    (world, request)
}

const PICTURE: &str = "testsrc=size=64x48:rate=5:duration=2";
const SOUND: &str = "sine=frequency=440:duration=2";

#[tokio::test]
async fn of_media_that_is_too_large_the_sound_is_sent() {
    let (world, request) = large(&[PICTURE, SOUND], 2_700_000_000).await;
    let job = world.accepted(&request).await;
    let sent = world.last("StartTranscriptionJob");
    assert_eq!(
        sent["Media"]["MediaFileUri"],
        "s3://folder/kept/aws-recognise-sound.mp4"
    );
    assert_eq!(sent["MediaFormat"], "mp4");
    let sound = world.folder.path().join("kept/aws-recognise-sound.mp4");
    let probe = std::process::Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_type",
            "-of",
            "csv=p=0",
        ])
        .arg(sound)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(probe.stdout).unwrap().trim(), "audio");
    world.completes("output-speakers", &json!({}));
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it runs");
    };
    assert!(result.transcript().is_some());
    // A repeated start sends the same.
    world.accepted(&request).await;
    assert_eq!(world.last("StartTranscriptionJob"), sent);
}

#[tokio::test]
async fn media_whose_sound_can_not_be_taken_is_refused_with_the_reason() {
    let mut told = Vec::new();
    for (streams, size_bytes) in [
        (vec![PICTURE, SOUND], 8_000_000_001),
        (vec![PICTURE], 2_700_000_000),
    ] {
        let (world, request) = large(&streams, size_bytes).await;
        let error = world.engine.start(&request, &world.files).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Terminal);
        assert_eq!(world.operations(), Vec::<String>::new());
        told.push(format!("{error}\n{}", error.customer_text()));
    }
    let world = World::new(AwsConfig::default()).await;
    let mut request = recognise(&[]);
    request.media.as_mut().unwrap().size_bytes = Some(2_700_000_000);
    let error = world.engine.start(&request, &world.files).await.unwrap_err();
    told.push(format!("{error}\n{}", error.customer_text()));
    insta::assert_snapshot!(told.join("\n"));
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
            "LanguageIdSettings": {"en-US": {"VocabularyName": "reach.en-US-x"}},
        }),
    );
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it is done");
    };
    insta::assert_json_snapshot!(result);
}

/// Its words would be of the wrong language: they are heard once more, in the ordered one, and the doubt is told.
#[tokio::test]
async fn a_language_in_doubt_is_heard_once_more_as_ordered() {
    let world = World::new(AwsConfig {
        language_check: ["es-US", "fr-FR"].map(str::to_owned).to_vec(),
        ..AwsConfig::default()
    })
    .await;
    world.stub.always("StartTranscriptionJob", Answer::Ok(json!({})));
    world.stub.always("DeleteTranscriptionJob", Answer::Ok(json!({})));
    let job = world.accepted(&recognise(&[])).await;
    let doubtful = json!({
        "LanguageCode": "es-US",
        "IdentifyLanguage": true,
        "IdentifiedLanguageScore": 0.62,
    });
    world.completes("output-identified", &doubtful);
    // Doubled, as after a crash between the two: the job of before the doubt is there still.
    for _ in 0..2 {
        let look = world.engine.look(&job, &world.files).await.unwrap();
        assert_eq!(look, Look::Running);
        let again = world.last("StartTranscriptionJob");
        assert_eq!(
            (&again["LanguageCode"], &again["IdentifyLanguage"]),
            (&json!("en-US"), &Value::Null)
        );
        assert_eq!(again["TranscriptionJobName"], "reach.9292-1-recognise");
    }
    let operations = world.operations();
    let begun = operations
        .iter()
        .filter(|called| *called == "StartTranscriptionJob")
        .count();
    let deleted = operations
        .iter()
        .filter(|called| *called == "DeleteTranscriptionJob")
        .count();
    assert_eq!((begun, deleted), (3, 2));

    world.completes("output-speakers", &json!({}));
    let Look::Done(result) = world.engine.look(&job, &world.files).await.unwrap() else {
        panic!("it is done");
    };
    let heard = result.language.as_ref().unwrap();
    assert_eq!(heard.bcp47, "es-US");
    assert!((heard.confidence - 0.62).abs() < 1e-6, "{heard:?}");
    assert_eq!(
        result.transcript().unwrap().language.as_deref(),
        Some("en-US"),
        "the words are of the ordered one"
    );
}

/// What a start leaves is known before it, so that a crash in between leaves nothing that nobody knows of.
#[tokio::test]
async fn what_a_start_leaves_is_known_before_it() {
    let world = World::new(AwsConfig::default()).await;
    let request = recognise(&["Kaltura"]);
    let job = AcceptedJob {
        job_id: request.job_id.clone(),
        kind: WorkKind::Recognise,
        external_id: world.engine.traces(&request).unwrap(),
    };
    assert_eq!(world.operations(), Vec::<String>::new());
    world.stub.always("DeleteTranscriptionJob", missing());
    world.stub.always("ListTranscriptionJobs", Answer::Ok(json!({})));
    world.stub.always("DeleteVocabulary", Answer::Ok(json!({})));
    world.engine.forget(&job).await.unwrap();
    let deleted = world.last("DeleteVocabulary")["VocabularyName"].clone();
    assert!(deleted.as_str().unwrap().starts_with("reach.en-US-"), "{deleted}");
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
