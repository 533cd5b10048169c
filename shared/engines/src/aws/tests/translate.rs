//! Translation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

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

/// Translate as it keeps terminologies: one that was imported is there, any other is not.
fn remembering(world: &World) {
    let is_there = Arc::new(AtomicBool::new(false));
    let imported = is_there.clone();
    world.stub.on("ImportTerminology", move |_| {
        imported.store(true, Ordering::SeqCst);
        Answer::Ok(json!({}))
    });
    world.stub.on("TranslateText", move |request| {
        if request.get("TerminologyNames").is_some() && !is_there.load(Ordering::SeqCst) {
            return Answer::Error(400, "ResourceNotFoundException", "no such terminology");
        }
        echo(request)
    });
    world.stub.always("DeleteTerminology", Answer::Ok(json!({})));
}

async fn interpreted(world: &World, texts: &[&str], dictionary: &[&str]) -> crate::Result<Vec<String>> {
    let request = translate(texts, dictionary);
    let Work::Translate(work) = &request.work else {
        panic!("{:?}", request.work);
    };
    let interpreter = world.engine.interpreter().unwrap();
    interpreter.interpret(&request.job_id, work).await
}

#[tokio::test]
async fn a_stream_makes_its_terminology_once_and_removes_it_at_its_end() {
    let world = World::new(AwsConfig::default()).await;
    remembering(&world);
    assert_eq!(
        interpreted(&world, &["One."], &["Kaltura"]).await.unwrap(),
        ["<One.>"]
    );
    assert_eq!(
        interpreted(&world, &["Two.", "Three."], &["Kaltura"])
            .await
            .unwrap(),
        ["<Two.>", "<Three.>"]
    );
    let job_id = translate(&[], &[]).job_id;
    world.engine.interpreter().unwrap().stop(&job_id).await.unwrap();
    assert_eq!(
        world.operations(),
        [
            "TranslateText",
            "ImportTerminology",
            "TranslateText",
            "TranslateText",
            "TranslateText",
            "DeleteTerminology"
        ]
    );
    let named = |operation: &str| world.last(operation);
    assert_eq!(
        named("TranslateText")["TerminologyNames"],
        json!([named("ImportTerminology")["Name"]])
    );
    assert_eq!(
        named("DeleteTerminology")["Name"],
        named("ImportTerminology")["Name"]
    );
    assert_eq!(named("TranslateText")["Settings"]["Profanity"], "MASK");
}

#[tokio::test]
async fn a_stream_goes_on_without_a_dictionary_that_is_not_taken() {
    let world = World::new(AwsConfig::default()).await;
    remembering(&world);
    world.stub.always(
        "ImportTerminology",
        Answer::Error(400, "LimitExceededException", "100"),
    );
    assert_eq!(
        interpreted(&world, &["One."], &["Kaltura"]).await.unwrap(),
        ["<One.>"]
    );
    assert_eq!(world.last("TranslateText").get("TerminologyNames"), None);
}

#[tokio::test]
async fn a_sentence_that_can_not_be_translated_says_whether_it_may_be_later() {
    let world = World::new(AwsConfig::default()).await;
    let mut told = Vec::new();
    for code in [
        "ThrottlingException",
        "ResourceNotFoundException",
        "UnsupportedLanguagePairException",
    ] {
        world.stub.always("TranslateText", Answer::Error(400, code, "no"));
        let error = interpreted(&world, &["One."], &[]).await.unwrap_err();
        told.push((error.name(), error.class()));
    }
    assert_eq!(
        told,
        [
            ("EngineUnavailable", ErrorClass::Retryable),
            ("EngineUnavailable", ErrorClass::Retryable),
            ("EngineLanguageNotSupported", ErrorClass::Terminal)
        ]
    );
}
