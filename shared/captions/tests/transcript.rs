//! The transcript format that is kept between engine and upload.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use captions::{CaptionError, ErrorClass, SpeakerId, Transcript, Word, WordKind};

fn transcript() -> Transcript {
    let words = vec![
        Word {
            confidence: Some(0.5),
            speaker: Some(SpeakerId::new("spk_0")),
            ..Word::new("Hello", 100, 400)
        },
        Word {
            kind: WordKind::Punctuation,
            ..Word::new(",", 0, 0)
        },
        Word {
            confidence: Some(1.0),
            ..Word::new("world", 450, 900)
        },
        Word {
            kind: WordKind::AudioTag,
            ..Word::new("applause", 900, 2_000)
        },
    ];
    let mut transcript = Transcript::new(Some("en-US".to_owned()), words, 2_500);
    transcript
        .speaker_names
        .insert(SpeakerId::new("spk_0"), "Host".to_owned());
    transcript
}

#[test]
fn its_json_is_stable_and_read_back() {
    let json = transcript().to_json().unwrap();
    insta::assert_snapshot!(String::from_utf8(json.clone()).unwrap());
    assert_eq!(Transcript::from_json(&json).unwrap(), transcript());
}

#[test]
fn what_breaks_a_rule_is_named() {
    let changed = |change: fn(&mut Transcript)| {
        let mut transcript = transcript();
        change(&mut transcript);
        transcript.check().unwrap_err()
    };
    let errors = [
        changed(|t| t.version = 2),
        changed(|t| t.language = Some("Spanish (Latin America)".to_owned())),
        changed(|t| t.words[0].text = " \n".to_owned()),
        changed(|t| t.words[0].end_ms = 50),
        changed(|t| t.words[2].start_ms = 50),
        changed(|t| t.words[2].confidence = Some(1.5)),
        changed(|t| t.words[2].confidence = Some(f32::NAN)),
        Transcript::from_json(br#"{"version":1,"words":[{"text":"a","start_ms":-1,"end_ms":0}]}"#)
            .unwrap_err(),
        Transcript::from_json(br#"{"version":1,"words":[{"text":"a","start_ms":0.5,"end_ms":1}]}"#)
            .unwrap_err(),
        Transcript::from_json(b"").unwrap_err(),
    ];
    assert_eq!(errors[0].class(), ErrorClass::OtherVersion);
    assert!(
        errors[1..]
            .iter()
            .all(|error| error.class() == ErrorClass::BadInput)
    );
    let shown: Vec<String> = errors
        .iter()
        .map(|error: &CaptionError| format!("{}: {error}", error.name()))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn accuracy_is_the_mean_confidence_and_never_that_of_people() {
    assert_eq!(transcript().accuracy_percent(), Some(75));
    let with = |confidences: &[Option<f32>]| {
        let words = confidences
            .iter()
            .map(|confidence| Word {
                confidence: *confidence,
                ..Word::new("a", 0, 0)
            })
            .collect();
        Transcript::new(None, words, 0).accuracy_percent()
    };
    assert_eq!(with(&[]), None);
    assert_eq!(with(&[None]), None);
    assert_eq!(with(&[Some(0.0)]), Some(0));
    assert_eq!(with(&[Some(0.9), None]), Some(90));
    assert_eq!(with(&[Some(1.0), Some(1.0)]), Some(99));
}
