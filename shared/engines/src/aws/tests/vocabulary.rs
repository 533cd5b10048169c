//! Vocabularies, and what is deleted with a job.

use super::*;

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
        json!({"VocabularyName": "reach.en-US-old"})
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
async fn what_is_forgotten_is_deleted_but_not_what_others_need() {
    let world = World::new(AwsConfig::default()).await;
    full_account(&world.stub);
    world.stub.always("DeleteTranscriptionJob", missing());
    let mut job = AcceptedJob {
        job_id: recognise(&[]).job_id,
        kind: WorkKind::Recognise,
        external_id: r#"{"ticket":"t-ticket.json","vocabulary":"reach.en-US-used"}"#.to_owned(),
    };
    world.engine.forget(&job).await.unwrap();
    assert!(!world.operations().contains(&"DeleteVocabulary".to_owned()));
    job.external_id = r#"{"ticket":"t-ticket.json","vocabulary":"reach.en-US-mine"}"#.to_owned();
    world.engine.forget(&job).await.unwrap();
    assert_eq!(
        world.last("DeleteVocabulary"),
        json!({"VocabularyName": "reach.en-US-mine"})
    );
    assert_eq!(
        world.last("DeleteTranscriptionJob"),
        json!({"TranscriptionJobName": "reach.9292-1-recognise"})
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
