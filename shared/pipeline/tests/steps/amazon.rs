//! Tasks whose work is done by Amazon's engines, as their services answer by the documentation: what a language that Transcribe
//! identified decides, what a model of Bedrock may say, and what is left there after a crash.

use ::engines::JobId;
use ::engines::aws::AwsConfig;
use ::engines::aws::stub::Answer;
use kaltura_sim::{AssetKind, ProfileSpec};
use pipeline::Class;
use pipeline::ports::WorkState;
use pipeline::record::FUNCTION_ENDS_WITHIN_S;
use pipeline::steps::complete::{self, Completed};
use pipeline::steps::fail::{self, Ending};
use pipeline::steps::{StepInput, fetch, finalize, render, sweep};
use serde_json::json;
use step_world::{Amazon, World, order};

use crate::services::{of_service, translation};

/// A vendor whose Transcribe is asked whether it is Spanish or French instead.
async fn checking() -> (World, Amazon) {
    World::with_amazon_for_every_service(AwsConfig {
        language_check: ["es-US", "fr-FR"].map(str::to_owned).to_vec(),
        ..AwsConfig::default()
    })
    .await
}

async fn with_a_model() -> (World, Amazon) {
    World::with_amazon_for_every_service(AwsConfig {
        model_id: Some("eu.amazon.nova-lite-v1:0".to_owned()),
        ..AwsConfig::default()
    })
    .await
}

/// A captions order that Transcribe works on.
async fn recognised(world: &World) -> StepInput {
    let input = world.begin(order()).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    world.work(&input, "the-token").await.unwrap();
    input
}

async fn hint(world: &World, input: &StepInput) -> pipeline::Result<Completed> {
    let job = format!("reach-{}-1-recognise", input.task_id);
    complete::run(&world.ctx, &JobId::named(job)).await
}

#[tokio::test]
async fn another_language_that_transcribe_is_sure_of_is_an_error_with_both_named() {
    let (world, amazon) = checking().await;
    let input = recognised(&world).await;
    amazon.job_heard("es-US", 0.95);
    let error = hint(&world, &input).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Terminal, "LanguageMismatch")
    );
    assert_eq!(world.states.failed(), [("the-token".to_owned(), Class::Terminal)]);
    fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
    let report = world.report(&input.task_id);
    let told = report.task["errDescription"].as_str().unwrap();
    assert!(told.contains("\"English\"") && told.contains("Spanish"), "{told}");
    assert!(report.refunded);
    assert_eq!(report.assets.iter().filter(|asset| asset.by_vendor).count(), 0);
}

/// The words of the first hearing are Spanish ones; those that are delivered are of the second, in the ordered language.
#[test]
fn another_language_that_transcribe_is_not_sure_of_is_counted_and_the_order_heard_as_ordered() {
    let (languages, told) = step_world::told(async {
        let (world, amazon) = checking().await;
        let input = recognised(&world).await;
        amazon.job_heard("es-US", 0.62);
        assert_eq!(hint(&world, &input).await.unwrap(), Completed::Running);
        assert_eq!(amazon.called("StartTranscriptionJob"), 2);
        amazon.job_is("COMPLETED", "");
        assert_eq!(hint(&world, &input).await.unwrap(), Completed::Ended);
        render::run(&world.ctx, &input).await.unwrap();
        world.upload_until_done(&input).await.unwrap();
        finalize::run(&world.ctx, &input).await.unwrap();
        let report = world.report(&input.task_id);
        let captions = report.delivered(AssetKind::Caption);
        captions
            .map(|asset| asset.fields["language"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(languages, ["English"]);
    assert_eq!(told.counted.get("LanguageMismatches"), Some(&1));
}

fn by_form(input: &serde_json::Value) -> Answer {
    Answer::Ok(json!({
        "output": {"message": {"role": "assistant", "content": [
            {"toolUse": {"toolUseId": "tooluse_1", "name": "chapters", "input": input}},
        ]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120},
        "metrics": {"latencyMs": 500},
    }))
}

#[tokio::test]
async fn chapters_of_a_model_are_delivered_and_its_nonsense_never() {
    let (world, amazon) = with_a_model().await;
    let input = world.begin(of_service(5)).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    world.work(&input, "first").await.unwrap();
    amazon.job_is("COMPLETED", "");
    assert_eq!(hint(&world, &input).await.unwrap(), Completed::Ended);
    assert_eq!(world.states.last_state(), Some(WorkState::More));

    let nonsense = [
        by_form(&json!({"chapters": [{"line": 9_000, "title": "Nowhere", "description": ""}]})),
        by_form(&json!({"chapters": []})),
        by_form(&json!({"titles": ["Welcome"]})),
        Answer::Error(
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
        ),
        Answer::Error(
            403,
            "AccessDeniedException",
            "You don't have access to the model.",
        ),
    ];
    for answer in nonsense {
        amazon.stub.always("Converse", answer);
        let error = world.work(&input, "again").await.unwrap_err();
        assert_eq!(error.class(), Class::Retryable, "{error}");
        assert!(!world.record(&input.task_id).await.works[1].is_done());
    }
    let good = json!({"chapters": [{"line": 0, "title": "A morning", "description": "By the river."}]});
    amazon.stub.always("Converse", by_form(&good));
    world.work(&input, "last").await.unwrap();
    assert_eq!(world.states.last_state(), Some(WorkState::Done));
    render::run(&world.ctx, &input).await.unwrap();
    world.upload_until_done(&input).await.unwrap();
    finalize::run(&world.ctx, &input).await.unwrap();
    let report = world.report(&input.task_id);
    assert_eq!(report.status, 2);
    let titles: Vec<_> = report
        .cue_points
        .iter()
        .map(|point| point["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["A morning"]);
}

/// Without a model the engine has no chapters, and the order is refused before it is PROCESSING.
#[tokio::test]
async fn without_a_model_chapters_are_not_promised() {
    let (world, _amazon) = World::with_amazon_for_every_service(AwsConfig::default()).await;
    let task_id = world.place(of_service(5)).await;
    world.poll().await;
    world.claim_all().await;
    assert!(world.report(&task_id).refunded);
    assert!(world.states.started().is_empty());
}

/// The policy that deletes a day later or so: long past.
const AFTER_WEEK: i64 = 3;
const WEEK_S: u64 = 7 * 24 * 60 * 60;

async fn swept(world: &World, input: &StepInput) {
    fail::run(&world.ctx, input, Ending::Gone).await.unwrap();
    world.advance(WEEK_S + FUNCTION_ENDS_WITHIN_S + 60);
    let report = sweep::run(&world.ctx).await.unwrap();
    assert_eq!((report.swept, report.failed), (1, 0), "{report:?}");
    assert!(world.record(&input.task_id).await.jobs.is_empty());
}

fn to_be_deleted() -> ProfileSpec {
    ProfileSpec {
        content_deletion_policy: AFTER_WEEK,
        ..ProfileSpec::default()
    }
}

/// Translate was asked, and neither it nor the deletion of the terminology answered: what the crash left is deleted by the
/// policy.
#[tokio::test]
async fn a_terminology_that_a_crash_left_is_deleted_by_the_policy() {
    let (world, amazon) = World::with_amazon_for_every_service(AwsConfig::default()).await;
    let mut order = translation();
    order.profile = to_be_deleted();
    order.dictionary = Some("Kaltura".to_owned());
    let input = world.begin(order).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    let gone = Answer::Error(503, "ServiceUnavailableException", "no answer");
    amazon.stub.always("ImportTerminology", Answer::Ok(json!({})));
    amazon.stub.always("TranslateText", gone.clone());
    amazon.stub.always("DeleteTerminology", gone);
    assert_eq!(
        world.work(&input, "a-token").await.unwrap_err().class(),
        Class::Retryable
    );
    let before = amazon.called("DeleteTerminology");
    amazon.stub.always("DeleteTerminology", Answer::Ok(json!({})));
    swept(&world, &input).await;
    assert_eq!(amazon.called("DeleteTerminology"), before + 1);
}

/// The job was never begun, nor its ticket told to anybody: its vocabulary is the customer's all the same.
#[tokio::test]
async fn a_vocabulary_that_a_crash_left_is_deleted_by_the_policy() {
    let (world, amazon) = World::with_amazon_for_every_service(AwsConfig::default()).await;
    let mut order = order();
    order.profile = to_be_deleted();
    order.dictionary = Some("Kaltura".to_owned());
    let input = world.begin(order).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    let none = Answer::Error(
        400,
        "NotFoundException",
        "The requested vocabulary couldn't be found.",
    );
    amazon.stub.always("GetVocabulary", none);
    amazon.stub.always(
        "CreateVocabulary",
        Answer::Ok(json!({"VocabularyState": "READY"})),
    );
    let gone = Answer::Error(500, "InternalFailureException", "no answer");
    amazon.stub.always("StartTranscriptionJob", gone);
    world.work(&input, "a-token").await.unwrap_err();
    assert_eq!(amazon.called("CreateVocabulary"), 1);
    amazon.stub.always("ListTranscriptionJobs", Answer::Ok(json!({})));
    amazon.stub.always("DeleteVocabulary", Answer::Ok(json!({})));
    swept(&world, &input).await;
    assert_eq!(amazon.called("DeleteVocabulary"), 1);
}
