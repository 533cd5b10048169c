//! Speech.

use super::*;

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
