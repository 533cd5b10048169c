//! Chapters and descriptions by a model.

use std::process::Command;

use super::*;
use crate::aws::output;
use crate::job::{Describe, Divide};

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
    let heard = output::read(include_bytes!("../fixtures/output-speakers.json"), Some(12_000)).unwrap();
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

/// A model's answer by a form.
fn by_form(name: &str, input: &Value) -> Answer {
    Answer::Ok(json!({
        "output": {"message": {"role": "assistant", "content": [
            {"toolUse": {"toolUseId": "tooluse_1", "name": name, "input": input}},
        ]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 5},
    }))
}

/// A world with a model and ffmpeg, and media that ffmpeg makes from this source.
async fn cinema(source: &[&str]) -> World {
    let world = World::new(AwsConfig {
        model_id: Some("eu.amazon.nova-lite-v1:0".to_owned()),
        ffmpeg: Some("ffmpeg".into()),
        ..AwsConfig::default()
    })
    .await;
    std::fs::create_dir_all(world.folder.path().join("media/9292")).unwrap();
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .args(source)
        .arg(world.folder.path().join("media/9292/1.mp4"))
        .status()
        .unwrap();
    assert!(made.success());
    world
}

fn describe(pauses_ms: &[(u64, u64)]) -> JobRequest {
    request(Work::Describe(Describe {
        language: language("English"),
        pauses_ms: pauses_ms.to_vec(),
    }))
}

#[tokio::test]
async fn a_model_describes_what_ffmpeg_shows_it() {
    let world = cinema(&["testsrc=size=64x48:rate=5:duration=4"]).await;
    world.stub.always(
        "Converse",
        by_form(
            "descriptions",
            &json!({"descriptions": [
                {"place": 0, "text": "Bars of colour."},
                {"place": 1, "text": "A number counts the seconds, far too long for so short a pause."},
            ]}),
        ),
    );
    let result = world
        .done(&describe(&[(500, 2_000), (2_100, 2_500), (2_600, 5_000)]))
        .await;
    insta::assert_json_snapshot!(result);
    let mut asked = world.last("Converse");
    let mut frames = 0;
    for block in asked["messages"][0]["content"].as_array_mut().unwrap() {
        if let Some(bytes) = block.pointer_mut("/image/source/bytes") {
            assert!(bytes.as_str().unwrap().starts_with("/9j/"), "a JPEG in base64");
            *bytes = json!("[frame]");
            frames += 1;
        }
    }
    assert_eq!(frames, 4);
    insta::assert_json_snapshot!(asked);
}

/// Media comes from outside: what names other files, or addresses, is not followed.
#[tokio::test]
async fn a_playlist_in_place_of_media_is_not_followed() {
    let world = cinema(&["testsrc=size=64x48:rate=5:duration=2"]).await;
    let folder = world.folder.path().join("media/9292");
    std::fs::rename(folder.join("1.mp4"), folder.join("secret.mp4")).unwrap();
    for playlist in [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.mp4\n",
    ] {
        std::fs::write(folder.join("1.mp4"), playlist).unwrap();
        let error = world
            .engine
            .start(&describe(&[(0, 2_000)]), &world.files)
            .await
            .unwrap_err();
        assert_eq!(error.name(), "MediaUnreadable", "{error}");
    }
    assert_eq!(world.operations(), Vec::<String>::new());
}

#[tokio::test]
async fn sound_alone_can_t_be_described() {
    let world = cinema(&["sine=duration=2"]).await;
    let error = world
        .engine
        .start(&describe(&[(0, 2_000)]), &world.files)
        .await
        .unwrap_err();
    assert_eq!(
        (error.name(), error.class()),
        ("EngineRefused", ErrorClass::Terminal)
    );
    assert_eq!(world.operations(), Vec::<String>::new());
}
