//! Speech.

use super::*;
use crate::result::JobResult;

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

/// A sentence in phrases, with more than enough time to say it.
fn with_phrases(text: [&str; 3]) -> Passage {
    Passage {
        phrases: text.map(str::to_owned).into(),
        ..passage(1_000, 6_000, &text.concat())
    }
}

const RAIN: [&str; 3] = ["Wenn es regnet, ", "und das tut es, ", "bleibt & liest man."];

/// The marks of these phrases in the form that the documentation shows.
fn told(marks: &str) -> impl Fn(&Value) -> Answer + Send + Sync + 'static {
    let marks = marks.to_owned();
    move |request| match request["OutputFormat"].as_str() {
        Some("json") => Answer::Sound(marks.clone().into_bytes()),
        _ => speaks(request),
    }
}

const MARKS: &str = concat!(
    r#"{"time":800,"type":"ssml","start":23,"end":39,"value":"1"}"#,
    "\n",
    r#"{"time":1600,"type":"ssml","start":55,"end":71,"value":"2"}"#,
    "\n",
);

fn clips(result: &JobResult) -> Vec<(u64, u64, Vec<u64>)> {
    let Output::Speech { speech } = &result.output else {
        panic!("{:?}", result.output);
    };
    let clips = speech.clips.iter();
    clips
        .map(|clip| (clip.start_ms, clip.end_ms, clip.marks_ms.clone()))
        .collect()
}

#[tokio::test]
async fn speech_marks_tell_when_a_phrase_is_said() {
    let world = World::new(AwsConfig {
        polly_engines: vec!["neural".to_owned(), "standard".to_owned()],
        ..AwsConfig::default()
    })
    .await;
    world.stub.on("SynthesizeSpeech", told(MARKS));
    let passages = vec![passage(0, 1_000, "Ja."), with_phrases(RAIN)];
    let result = world.done(&speak("German", passages)).await;
    assert_eq!(clips(&result), [(0, 150, vec![]), (150, 2_900, vec![950, 1_750])]);
    assert_eq!(result.warnings, []);
    let calls = world.stub.calls();
    let asked: Vec<_> = calls
        .iter()
        .filter(|(_, call)| call["Text"].as_str().is_some_and(|text| text.contains("mark")))
        .collect();
    insta::assert_json_snapshot!(asked);
}

/// Marks cost a second call: it is made only where somebody can use what it tells.
#[tokio::test]
async fn speech_marks_are_not_asked_for_without_need() {
    let world = World::new(AwsConfig {
        polly_engines: vec!["neural".to_owned()],
        ..AwsConfig::default()
    })
    .await;
    world.stub.on("SynthesizeSpeech", told(MARKS));
    let mut hurried = with_phrases(RAIN);
    hurried.end_ms = hurried.start_ms + 2_000;
    let whole = passage(0, 5_000, &RAIN.concat());
    let mut long = with_phrases(RAIN);
    long.phrases[1] = "und das tut es, ".repeat(250);
    long.text = long.phrases.concat();
    long.end_ms = 1_000_000;
    let result = world.done(&speak("German", vec![hurried, whole, long])).await;
    assert!(clips(&result).iter().all(|(_, _, marks)| marks.is_empty()));
    let calls = world.stub.calls();
    assert!(calls.iter().all(|(_, call)| call["OutputFormat"] == "pcm"));
    assert_eq!(
        result
            .warnings
            .iter()
            .map(|it| it.name.as_str())
            .collect::<Vec<_>>(),
        ["SpeechTooLong", "PhrasesNotTold"],
        "of the long one nobody knows"
    );
}

/// Where Polly has no marks, or none that can be used, the passage is spoken all the same.
#[tokio::test]
async fn a_passage_whose_marks_are_not_told_is_spoken_whole() {
    let refused = |request: &Value| match request["OutputFormat"].as_str() {
        Some("json") => Answer::Error(400, "MarksNotSupportedForFormatException", "no marks"),
        _ => speaks(request),
    };
    let (one, other) = MARKS.split_once('\n').unwrap();
    let neural = || AwsConfig {
        polly_engines: vec!["neural".to_owned()],
        ..AwsConfig::default()
    };
    for (config, answer) in [
        // A generative voice, which has none: it isn't asked.
        (AwsConfig::default(), None),
        (neural(), None),
        (neural(), Some(one.to_owned())),
        (
            neural(),
            Some(format!("{}\n{}", one.replace("800", "1700"), other)),
        ),
        (
            neural(),
            Some(format!("{one}\n{}", other.replace("1600", "2750"))),
        ),
        (neural(), Some("<html>".to_owned())),
        (neural(), Some(String::new())),
    ] {
        let world = World::new(config).await;
        match &answer {
            None => world.stub.on("SynthesizeSpeech", refused),
            Some(marks) => world.stub.on("SynthesizeSpeech", told(marks)),
        }
        let result = world.done(&speak("German", vec![with_phrases(RAIN)])).await;
        assert_eq!(clips(&result), [(0, 2_750, vec![])], "{answer:?}");
        assert_eq!(result.warnings[0].name, "PhrasesNotTold");
    }
}

#[tokio::test]
async fn marks_that_may_be_told_later_are_waited_for() {
    let world = World::new(AwsConfig {
        polly_engines: vec!["neural".to_owned()],
        ..AwsConfig::default()
    })
    .await;
    world.stub.on("SynthesizeSpeech", |request| {
        match request["OutputFormat"].as_str() {
            Some("json") => Answer::Error(400, "ThrottlingException", "slow"),
            _ => speaks(request),
        }
    });
    let request = speak("German", vec![with_phrases(RAIN)]);
    let error = world.engine.start(&request, &world.files).await.unwrap_err();
    assert_eq!(error.name(), "EngineUnavailable");
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
