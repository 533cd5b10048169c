//! The adapter with stand-ins for its programs: media whose content is what ffprobe says of it, and recognisers that
//! are shell scripts of a line. The real programs are run by `tests/local.rs` and by the end-to-end tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::job::{CompletionToken, Describe, MediaRef, Passage, SourceLanguage, TaskId};
use crate::{EngineError, ErrorClass, FolderFiles};

/// A recogniser that hears one word. It writes what it was told to standard error, which is left alone.
const HEARS_HELLO: &str = r#"echo "$@" >&2
echo '{"version": 1, "program": "sphinx 0", "tokens": [
  {"text": "<s>", "start_ms": 0, "end_ms": 90, "posterior": 1.0},
  {"text": "hello(2)", "start_ms": 90, "end_ms": 480, "posterior": 1.0007}]}'"#;

const PROBE_OK: &str = include_str!("fixtures/probe-ok.json");

/// A machine with the stand-ins installed, and one job's files on it.
struct Machine {
    dir: tempfile::TempDir,
    config: LocalConfig,
}

impl Machine {
    fn new(media: &str, recogniser: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("media.mp4"), media).unwrap();
        std::fs::write(dir.path().join("recognise.py"), recogniser).unwrap();
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/local/fixtures/programs");
        let config = LocalConfig {
            // The scripts are read by a shell rather than executed, so that none is still open for writing then.
            python: PathBuf::from("/bin/sh"),
            scripts_dir: dir.path().to_owned(),
            ffmpeg: programs.join("ffmpeg"),
            apertium: programs.join("apertium"),
            espeak: programs.join("espeak-ng"),
            flite: programs.join("flite"),
            program_timeout: Duration::from_mins(1),
        };
        Self { dir, config }
    }

    async fn start(&self, language: &str) -> Result<JobResult> {
        self.work(&request(language)).await
    }

    async fn work(&self, request: &JobRequest) -> Result<JobResult> {
        match Local::new(self.config.clone())
            .start(request, &FolderFiles::new(self.dir.path()))
            .await?
        {
            Progress::Done(result) => Ok(*result),
            Progress::Accepted { external_id } => panic!("{external_id}"),
        }
    }

    /// The failure of a job, and its line in the log without what differs between runs.
    async fn failure(&self) -> (EngineError, String) {
        let error = self.start("English").await.unwrap_err();
        let text = format!("{} {error}", error.name()).replace(self.dir.path().to_str().unwrap(), "DIR");
        (error, text)
    }
}

fn request(language: &str) -> JobRequest {
    JobRequest::new(
        TaskId::new("9292"),
        1,
        Work::Recognise(Recognise {
            source_language: SourceLanguage::from_catalog_name(language).unwrap(),
            dictionary: vec!["Hello".to_owned()],
            speakers_wanted: true,
            remove_profanity: true,
        }),
        Some(MediaRef {
            key: "media.mp4".to_owned(),
            container: "mp4".to_owned(),
            duration_ms: Some(2_000),
            size_bytes: None,
        }),
        CompletionToken::new("token"),
    )
}

#[tokio::test]
async fn speech_becomes_a_transcript_with_its_warnings() {
    let result = Machine::new(PROBE_OK, HEARS_HELLO)
        .start("English (British)")
        .await
        .unwrap();
    insta::assert_json_snapshot!(result);
}

#[tokio::test]
async fn american_english_is_what_the_model_knows() {
    let result = Machine::new(PROBE_OK, HEARS_HELLO)
        .start("English (American)")
        .await
        .unwrap();
    assert!(
        result
            .warnings
            .iter()
            .all(|warning| warning.name != "AccentNotModelled")
    );
}

#[test]
fn sound_that_ends_long_before_its_media_is_told() {
    assert!(early_end(27_870, Some(28_400)).is_none());
    assert!(early_end(3_598_000, Some(3_600_000)).is_none());
    assert!(early_end(13_932, None).is_none());
    assert!(early_end(30_000, Some(28_000)).is_none());
    let warning = early_end(13_932, Some(33_571)).unwrap();
    assert_eq!(warning.name, "SoundEndsEarly");
    assert_eq!(warning.detail, "13932 ms of sound in 33571 ms of media");
}

#[tokio::test]
async fn a_job_may_be_started_again_with_its_files() {
    let machine = Machine::new(PROBE_OK, HEARS_HELLO);
    assert_eq!(
        machine.start("English").await.unwrap(),
        machine.start("English").await.unwrap()
    );
}

#[tokio::test]
async fn bad_media_is_the_customers_and_terminal() {
    let mut texts = Vec::new();
    for media in [
        include_str!("fixtures/probe-no-audio.json"),
        include_str!("fixtures/probe-invalid-data.json"),
        include_str!("fixtures/probe-playlist.json"),
    ] {
        let (error, text) = Machine::new(media, HEARS_HELLO).failure().await;
        assert_eq!(error.class(), ErrorClass::Terminal);
        texts.push(format!("{text}\n  {}", error.customer_text()));
    }
    insta::assert_snapshot!(texts.join("\n"));
}

#[tokio::test]
async fn programs_that_fail_are_ours_and_retryable() {
    let mut texts = Vec::new();
    for (media, recogniser) in [
        (include_str!("fixtures/probe-no-file.json"), HEARS_HELLO),
        ("ffprobe: cannot execute", HEARS_HELLO),
        (
            PROBE_OK,
            "echo loading >&2; echo 'no module named pocketsphinx' >&2; exit 3",
        ),
        (PROBE_OK, "kill -9 $$"),
        (PROBE_OK, "echo hello"),
        (PROBE_OK, "exit 0"),
        (PROBE_OK, "exec cat /dev/zero"),
    ] {
        let (error, text) = Machine::new(media, recogniser).failure().await;
        assert_eq!(error.class(), ErrorClass::Retryable);
        texts.push(text);
    }
    insta::assert_snapshot!(texts.join("\n"));
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut machine = Machine::new(PROBE_OK, HEARS_HELLO);
    machine.config.python = PathBuf::from("/nowhere/python3");
    let (error, recogniser) = machine.failure().await;
    assert_eq!(error.class(), ErrorClass::Retryable);
    machine.config.ffmpeg = PathBuf::from("/nowhere/ffmpeg");
    let (_, probe) = machine.failure().await;
    insta::assert_snapshot!([recogniser, probe].join("\n"));
}

#[tokio::test]
async fn a_program_that_hangs_is_killed() {
    let machine = Machine::new(PROBE_OK, r#"exec 3>"$(dirname "$0")/alive"; exec sleep 600"#);
    let alive = machine.dir.path().join("alive");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&alive)
            .status()
            .unwrap()
            .success()
    );
    // The pipe's other end is the program: reading ends when it does.
    let ended = tokio::task::spawn_blocking(move || std::fs::read(alive));

    let samples = sound::Samples {
        path: machine.dir.path().join("media.mp4"),
        duration_ms: 2_000,
    };
    let mut config = machine.config.clone();
    config.program_timeout = Duration::from_millis(200);
    let error = recognise::recognise(&config, &samples, &[], machine.dir.path())
        .await
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "program `recognise.py` did not end within 200 ms"
    );
    assert_eq!(error.class(), ErrorClass::Retryable);
    assert!(ended.await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn output_beyond_its_pipe_does_not_stall_a_program() {
    let machine = Machine::new(
        PROBE_OK,
        "head -c 1000000 /dev/zero >&2; echo the end >&2; exit 1",
    );
    let (_, text) = machine.failure().await;
    assert!(text.ends_with("the end"), "{text}");
    assert!(text.len() < 5_000);
}

#[tokio::test]
async fn another_language_is_refused_before_any_file_is_asked_for() {
    let engine = Local::new(Machine::new(PROBE_OK, HEARS_HELLO).config);
    let error = engine
        .start(&request("French (Canada)"), &FolderFiles::new("/nowhere"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Terminal);
    assert_eq!(
        error.to_string(),
        "engine `local` can't recognise in `French (Canada)`"
    );
}

#[tokio::test]
async fn samples_are_whatever_ffmpeg_gives() {
    let machine = Machine::new(PROBE_OK, "");
    let media = machine.dir.path().join("media.mp4");
    let source = sound::Source {
        path: &media,
        key: "media/9292/1.mp4",
    };
    let track = sound::find_track(&machine.config, &source, Some("eng"))
        .await
        .unwrap();
    let samples = sound::extract(&machine.config, &source, track, machine.dir.path())
        .await
        .unwrap();
    assert_eq!(samples.duration_ms, 2_000);
    assert_eq!(std::fs::read(&samples.path).unwrap(), vec![0; 64_000]);
}

fn language(name: &str) -> SourceLanguage {
    SourceLanguage::from_catalog_name(name).unwrap()
}

fn without_media(work: Work) -> JobRequest {
    JobRequest::new(TaskId::new("9292"), 1, work, None, CompletionToken::new("token"))
}

fn passages(texts: &[&str]) -> Vec<Passage> {
    texts
        .iter()
        .map(|text| Passage {
            start_ms: 0,
            end_ms: 1_000,
            text: (*text).to_owned(),
            speaker: None,
            phrases: Vec::new(),
        })
        .collect()
}

fn translation(texts: &[&str]) -> JobRequest {
    without_media(Work::Translate(Translate {
        source_language: language("English"),
        target_language: language("Spanish"),
        passages: passages(texts),
        dictionary: vec!["Kaltura".to_owned()],
        remove_profanity: true,
    }))
}

fn speech(name: &str, texts: &[&str]) -> JobRequest {
    without_media(Work::Speak(Speak {
        language: language(name),
        passages: passages(texts),
    }))
}

/// The stand-in changes every letter, as apertium might with a word that it was to leave alone.
#[tokio::test]
async fn a_passage_that_loses_a_name_is_translated_with_it() {
    let request = translation(&["one", "two", " ", "of Kaltura"]);
    let result = Machine::new(PROBE_OK, "").work(&request).await.unwrap();
    insta::assert_json_snapshot!(result);
}

#[tokio::test]
async fn a_sentence_is_interpreted_within_the_call() {
    let request = translation(&["one", "of Kaltura"]);
    let Work::Translate(work) = &request.work else {
        panic!("{:?}", request.work);
    };
    let machine = Machine::new(PROBE_OK, "");
    let engine = Local::new(machine.config.clone());
    let interpreter = engine.interpreter().unwrap();
    let texts = interpreter.interpret(&request.job_id, work).await.unwrap();
    let whole = machine.work(&request).await.unwrap();
    assert_eq!(whole.output, Output::Texts { texts });
    interpreter.stop(&request.job_id).await.unwrap();
}

#[tokio::test]
async fn a_translation_that_is_not_whole_is_refused() {
    let machine = Machine::new(PROBE_OK, "");
    let mut texts = Vec::new();
    for text in ["JOINED", "BROKEN", "SILENT"] {
        let error = machine.work(&translation(&["one", text])).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Retryable);
        texts.push(format!("{} {error}", error.name()));
    }
    insta::assert_snapshot!(texts.join("\n"));
}

#[tokio::test]
async fn a_voice_that_gives_no_sound_is_a_failure() {
    let mut machine = Machine::new(PROBE_OK, "");
    let mut texts = Vec::new();
    for name in ["English", "French"] {
        let error = machine.work(&speech(name, &["one"])).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Retryable);
        texts.push(format!("{} {error}", error.name()));
    }
    machine.config.flite = PathBuf::from("/nowhere/flite");
    let error = machine.work(&speech("English", &["one"])).await.unwrap_err();
    texts.push(format!("{} {error}", error.name()));
    insta::assert_snapshot!(texts.join("\n"));
}

/// The recogniser hears `hello`; the aligner says that the text doesn't fit the sound.
#[tokio::test]
async fn words_that_the_aligner_cannot_place_are_where_they_were_heard() {
    let machine = Machine::new(PROBE_OK, HEARS_HELLO);
    std::fs::write(
        machine.dir.path().join("align.py"),
        r#"echo '{"version": 1, "program": "sphinx 0", "pieces": [null]}'"#,
    )
    .unwrap();
    let mut request = request("English");
    request.work = Work::Align(Align {
        source_language: language("English"),
        text: "“Hello!”".to_owned(),
    });
    let result = machine.work(&request).await.unwrap();
    let word = &result.transcript().unwrap().words[0];
    assert_eq!(
        (word.text.as_str(), word.start_ms, word.end_ms, word.confidence),
        ("“Hello!”", 90, 480, Some(1.0))
    );
    std::fs::write(machine.dir.path().join("align.py"), "echo broken >&2; exit 1").unwrap();
    let error = machine.work(&request).await.unwrap_err();
    assert_eq!(error.name(), "EngineProgramFailed");
    assert!(error.to_string().contains("`align.py`"), "{error}");
}

/// As the recogniser gives it: neither capitals nor full stops, a pause after each sentence.
#[tokio::test]
async fn each_subject_of_a_talk_is_a_chapter() {
    let text = include_str!("../../../captions/tests/speech/topics.txt");
    let mut words = Vec::new();
    let mut at_ms = 0;
    let mut starts = Vec::new();
    for paragraph in text.lines() {
        starts.push(at_ms);
        for said in paragraph.split_whitespace() {
            let ends = said.ends_with('.');
            let plain: String = said.chars().filter(|c| c.is_alphanumeric()).collect();
            words.push(captions::Word::new(plain.to_lowercase(), at_ms, at_ms + 300));
            at_ms += if ends { 1_200 } else { 320 };
        }
    }
    let divide = |words| {
        without_media(Work::Chapter(Divide {
            language: language("English"),
            transcript: captions::Transcript::new(None, words, at_ms),
        }))
    };
    let machine = Machine::new(PROBE_OK, "");
    let result = machine.work(&divide(words)).await.unwrap();
    let Output::Chapters { chapters } = &result.output else {
        panic!("{result:?}");
    };
    let found: Vec<u64> = chapters.iter().map(|chapter| chapter.start_ms).collect();
    assert_eq!(found, starts);
    insta::assert_json_snapshot!(chapters);

    let silence = machine.work(&divide(Vec::new())).await.unwrap();
    assert_eq!(silence.output, Output::Chapters { chapters: Vec::new() });
    assert_eq!(silence.warnings[0].name, "NoSpeech");
}

#[tokio::test]
async fn pictures_are_not_described() {
    let request = without_media(Work::Describe(Describe {
        language: language("English"),
        pauses_ms: Vec::new(),
    }));
    let error = Machine::new(PROBE_OK, "").work(&request).await.unwrap_err();
    assert_eq!(error.to_string(), "engine `local` can't describe");
}
