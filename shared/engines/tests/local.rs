//! The engine `local` with its real programs, which `infra/local/setup run` installs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use captions::Transcript;
use engines::local::{Local, LocalConfig};
use engines::{
    Align, CompletionToken, Engine, FolderFiles, Identify, JobRequest, JobResult, MediaRef, Output, Passage,
    Progress, Recognise, SourceLanguage, Speak, Speech, TaskId, Translate, Work, WorkKind,
};
use serde::Deserialize;

/// What `make_speech.py` says of the media it made.
#[derive(Deserialize)]
struct Described {
    text: String,
    sentences: Vec<Sentence>,
    duration_ms: u64,
}

#[derive(Clone, Deserialize)]
struct Sentence {
    text: String,
    start_ms: u64,
    end_ms: u64,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The target folder, where the set-up keeps its tools.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

fn engines_dir() -> PathBuf {
    repository().join("infra/local/engines")
}

fn python() -> PathBuf {
    target().join("tools/engine/bin/python")
}

fn config() -> LocalConfig {
    LocalConfig::from_vars(|name| match name {
        "REACH_LOCAL_PYTHON" => Some(python().display().to_string()),
        "REACH_LOCAL_ENGINES" => Some(engines_dir().display().to_string()),
        _ => None,
    })
    .unwrap_or_else(|error| panic!("{error}; run infra/local/setup run"))
}

fn language(name: &str) -> SourceLanguage {
    SourceLanguage::from_catalog_name(name).unwrap()
}

/// Does a job with the files of that folder.
async fn job(folder: &Path, work: Work, media: Option<&str>) -> JobResult {
    let media = media.map(|key| MediaRef {
        key: key.to_owned(),
        container: key.rsplit_once('.').unwrap().1.to_owned(),
        duration_ms: None,
        size_bytes: None,
    });
    let request = JobRequest::new(TaskId::new("1"), 1, work, media, CompletionToken::new("token"));
    match Local::new(config())
        .start(&request, &FolderFiles::new(folder))
        .await
        .unwrap_or_else(|error| panic!("{error}; run infra/local/setup run"))
    {
        Progress::Done(result) => {
            result.check().unwrap();
            *result
        }
        other => panic!("{other:?}"),
    }
}

/// The media with speech of that name, made once.
fn media(name: &str) -> (PathBuf, Described) {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-media");
        let made = Command::new(python())
            .arg("-B")
            .arg(engines_dir().join("make_speech.py"))
            .arg(&folder)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}; run infra/local/setup run", python().display()));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder
    });
    let described = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    (
        folder.join(format!("{name}.mp4")),
        serde_json::from_slice(&described).unwrap(),
    )
}

/// Aligns a text with the media of that name.
async fn align(name: &str, text: &str) -> JobResult {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(media(name).0, folder.path().join("media.mp4")).unwrap();
    let work = Work::Align(Align {
        source_language: language("English (American)"),
        text: text.to_owned(),
    });
    let result = job(folder.path(), work, Some("media.mp4")).await;
    let transcript = result.transcript().unwrap();
    let words: Vec<&str> = transcript.words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
    result
}

/// How far the first and the last word of each sentence are from where its sound begins and ends. `word` is the
/// sentence's first word in the transcript.
fn errors_ms(transcript: &Transcript, sentences: &[(usize, &Sentence)]) -> Vec<u64> {
    let mut errors: Vec<u64> = sentences
        .iter()
        .flat_map(|(word, sentence)| {
            let count = sentence.text.split_whitespace().count();
            let first = &transcript.words[*word];
            let last = &transcript.words[word + count - 1];
            [
                first.start_ms.abs_diff(sentence.start_ms),
                last.end_ms.abs_diff(sentence.end_ms),
            ]
        })
        .collect();
    errors.sort_unstable();
    errors
}

/// What was measured, for the README of the programs: shown with `--nocapture`.
fn show(name: &str, errors: &[u64], result: &JobResult) {
    let words = &result.transcript().unwrap().words;
    let sure = words
        .iter()
        .filter(|word| word.confidence.is_some_and(|confidence| confidence >= 0.5))
        .count();
    println!(
        "{name}: {} words, {sure} heard as written, edges of sentences {} ms off (median), {} ms at most",
        words.len(),
        errors[errors.len() / 2],
        errors[errors.len() - 1],
    );
}

/// The sentences with the places of their first words.
fn placed(sentences: &[Sentence]) -> Vec<(usize, &Sentence)> {
    let mut at = 0;
    sentences
        .iter()
        .map(|sentence| {
            let word = at;
            at += sentence.text.split_whitespace().count();
            (word, sentence)
        })
        .collect()
}

#[tokio::test]
async fn a_text_is_put_on_its_speech() {
    for name in ["river", "office", "bank"] {
        let described = media(name).1;
        let result = align(name, &described.text).await;
        let transcript = result.transcript().unwrap();
        let errors = errors_ms(transcript, &placed(&described.sentences));
        show(name, &errors, &result);
        assert!(errors[errors.len() / 2] <= 40, "{name}: {errors:?}");
        assert!(*errors.last().unwrap() <= 150, "{name}: {errors:?}");
        assert!(result.warnings.is_empty(), "{name}: {:?}", result.warnings);
        assert!(
            transcript.accuracy_percent().unwrap() > 80,
            "{name}: {transcript:?}"
        );
        assert_eq!(result.audio_duration_ms / 100, described.duration_ms / 100);
    }
}

/// A script that was written before the talk: one sentence of it was left out, one was said that it lacks.
#[tokio::test]
async fn a_text_that_differs_from_the_speech_is_put_where_they_agree() {
    let described = media("office").1;
    let mut sentences = described.sentences.clone();
    sentences.remove(2);
    let unspoken = "Meanwhile the Ministry of Fisheries publishes quarterly herring statistics.";
    let at = 5;
    let texts: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
    let text = [&texts[..at], &[unspoken], &texts[at..]].concat().join(" ");
    let result = align("office", &text).await;
    let transcript = result.transcript().unwrap();

    let unspoken_words = unspoken.split_whitespace().count();
    let mut spoken = placed(&sentences);
    let before = spoken[at].0;
    for (word, _) in &mut spoken[at..] {
        *word += unspoken_words;
    }
    let errors = errors_ms(transcript, &spoken);
    show("office, another script", &errors, &result);
    assert!(errors[errors.len() / 2] <= 40, "{errors:?}");
    assert!(*errors.last().unwrap() <= 300, "{errors:?}");

    for word in &transcript.words[before..before + unspoken_words] {
        assert_eq!(word.confidence, Some(0.0), "{word:?}");
    }
    let names: Vec<&str> = result
        .warnings
        .iter()
        .map(|warning| warning.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["WordsNotFound", "SpeechWithoutText"],
        "{:?}",
        result.warnings
    );
}

#[tokio::test]
async fn a_text_that_nobody_says_comes_back_whole_and_without_confidence() {
    let text = "Quarterly herring statistics – published yesterday – astonished 42 fishmongers.";
    let result = align("river", text).await;
    for word in &result.transcript().unwrap().words {
        assert!(
            word.confidence.is_none_or(|confidence| confidence < 0.5),
            "{word:?}"
        );
    }
    assert!(
        result
            .warnings
            .iter()
            .any(|warning| warning.name == "WordsNotFound")
    );
}

fn passage(start_ms: u64, end_ms: u64, text: &str) -> Passage {
    Passage {
        start_ms,
        end_ms,
        text: text.to_owned(),
        speaker: None,
        phrases: Vec::new(),
    }
}

async fn speak(folder: &Path, name: &str, passages: Vec<Passage>) -> (JobResult, Speech) {
    let work = Work::Speak(Speak {
        language: language(name),
        passages,
    });
    let result = job(folder, work, None).await;
    let Output::Speech { speech } = result.output.clone() else {
        panic!("{result:?}");
    };
    (result, speech)
}

fn samples(folder: &Path, speech: &Speech) -> (u32, Vec<i16>) {
    let reader = hound::WavReader::open(folder.join(&speech.sound.key)).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.bits_per_sample), (1, 16));
    (
        spec.sample_rate,
        reader.into_samples().map(|sample| sample.unwrap()).collect(),
    )
}

/// Numbers, signs and accents are said, and are found again where they are said.
#[tokio::test]
async fn numbers_are_aligned_as_they_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let text = "We paid $25 for twenty-five “café chairs” on the 3rd of May, and 40% of them broke.";
    let (_, speech) = speak(folder.path(), "English", vec![passage(0, 0, text)]).await;
    let work = Work::Align(Align {
        source_language: language("English"),
        text: text.to_owned(),
    });
    let result = job(folder.path(), work, Some(&speech.sound.key)).await;
    let words = &result.transcript().unwrap().words;
    let back: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(back, text.split_whitespace().collect::<Vec<_>>());
    assert!(result.warnings.is_empty(), "{:?} {words:?}", result.warnings);
    // The clip is all speech: its words fill it, and a number takes the time of the words that it is said with.
    assert!(words[0].start_ms < 150, "{words:?}");
    assert!(
        words.last().unwrap().end_ms + 150 > result.audio_duration_ms,
        "{words:?}"
    );
    let number = words.iter().find(|word| word.text == "$25").unwrap();
    assert!(number.end_ms - number.start_ms > 500, "{number:?}");
}

/// A voice says its phrases one by one, and so knows when.
#[tokio::test]
async fn a_phrase_begins_where_its_mark_says() {
    for (name, phrases) in [
        ("English", ["When it rains, ", "we stay at home."]),
        ("Spanish", ["Cuando llueve, ", "nos quedamos en casa."]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let whole = passage(0, 60_000, &phrases.concat());
        let parted = Passage {
            phrases: phrases.map(str::to_owned).into(),
            ..whole.clone()
        };
        let (result, speech) = speak(folder.path(), name, vec![whole, parted]).await;
        assert_eq!(result.warnings, [], "{name}");
        let [whole, parted] = speech.clips.as_slice() else {
            panic!("{speech:?}");
        };
        assert!(whole.marks_ms.is_empty());
        let [mark_ms] = parted.marks_ms.as_slice() else {
            panic!("{parted:?}");
        };
        let length_ms = |clip: &engines::Clip| clip.end_ms - clip.start_ms;
        assert!(
            length_ms(parted).abs_diff(length_ms(whole)) < 400,
            "{name}: {speech:?}"
        );
        let (rate_hz, samples) = samples(folder.path(), &speech);
        let loudest = |from_ms: u64, to_ms: u64| {
            let place = |ms: u64| usize::try_from(ms * u64::from(rate_hz) / 1_000).unwrap();
            let range = &samples[place(from_ms)..place(to_ms)];
            range.iter().map(|sample| sample.unsigned_abs()).max().unwrap()
        };
        assert!(loudest(parted.start_ms, mark_ms - 100) > 2_000, "{name}");
        assert_eq!(loudest(mark_ms - 95, mark_ms - 1), 0, "{name}");
        assert!(loudest(*mark_ms, mark_ms + 150) > 500, "{name}");
    }
}

#[tokio::test]
async fn each_passage_is_a_clip_of_one_sound() {
    for name in ["English", "Spanish", "Vietnamese", "Russian"] {
        let folder = tempfile::tempdir().unwrap();
        let text = match name {
            "Spanish" => ["El río está frío.", "Hasta luego."],
            "Vietnamese" => ["Sông lạnh lắm.", "Hẹn gặp lại."],
            "Russian" => ["Река холодная.", "До свидания."],
            _ => ["The river’s cold – very cold.", "Goodbye."],
        };
        let passages = vec![
            passage(0, 60_000, text[0]),
            passage(60_000, 61_000, "…"),
            passage(70_000, 90_000, text[1]),
        ];
        let (result, speech) = speak(folder.path(), name, passages).await;
        let of: Vec<usize> = speech.clips.iter().map(|clip| clip.passage).collect();
        assert_eq!(of, [0, 2], "{name}: {speech:?}");
        assert_eq!(result.warnings[0].name, "PassagesNotSpoken");

        let (rate_hz, samples) = samples(folder.path(), &speech);
        assert_eq!(
            speech.sound.duration_ms,
            Some((samples.len() as u64 * 1_000).div_ceil(u64::from(rate_hz)))
        );
        assert_eq!(Some(speech.clips[1].end_ms), speech.sound.duration_ms);
        let loudest = |from_ms: u64, to_ms: u64| {
            let place = |ms: u64| usize::try_from(ms * u64::from(rate_hz) / 1_000).unwrap();
            samples[place(from_ms)..place(to_ms).min(samples.len())]
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max()
                .unwrap()
        };
        let [first, second] = [&speech.clips[0], &speech.clips[1]];
        for clip in [first, second] {
            assert!(clip.end_ms - clip.start_ms > 300, "{name}: {clip:?}");
            // No silence but the margin at either end.
            assert!(
                loudest(clip.start_ms, clip.start_ms + 12) >= 64,
                "{name}: {clip:?}"
            );
            assert!(loudest(clip.end_ms - 12, clip.end_ms) >= 64, "{name}: {clip:?}");
        }
        assert_eq!(loudest(first.end_ms, second.start_ms), 0, "{name}");
    }
}

#[tokio::test]
async fn a_passage_is_hurried_into_its_time_within_reason() {
    let text = "The water came so fast that nobody had the time to shut the gates.";
    for name in ["English", "Spanish"] {
        let folder = tempfile::tempdir().unwrap();
        let (_, calm) = speak(folder.path(), name, vec![passage(0, 0, text)]).await;
        let calm_ms = calm.clips[0].end_ms;
        let passages = vec![
            passage(0, calm_ms * 9 / 10, text),
            passage(0, calm_ms / 2, text),
            passage(0, calm_ms, text),
        ];
        let (result, hurried) = speak(folder.path(), name, passages).await;
        let lengths: Vec<u64> = hurried
            .clips
            .iter()
            .map(|clip| clip.end_ms - clip.start_ms)
            .collect();
        assert!(lengths[0] <= calm_ms * 9 / 10, "{name}: {lengths:?} of {calm_ms}");
        // As fast as it may, and no faster.
        assert!(
            lengths[1] > calm_ms * 3 / 4 && lengths[1] < lengths[0],
            "{name}: {lengths:?} of {calm_ms}"
        );
        assert_eq!(lengths[2], calm_ms, "{name}");
        assert_eq!(result.warnings.len(), 1);
        assert_eq!(result.warnings[0].name, "PassagesTooLong");
        assert!(
            result.warnings[0].detail.ends_with("[1]"),
            "{:?}",
            result.warnings
        );
    }
}

/// A listener who knows no text: what flite says is what the recogniser hears.
#[tokio::test]
async fn english_speech_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Good morning, and welcome to the first day of your new job.";
    let (_, speech) = speak(folder.path(), "English", vec![passage(0, 0, text)]).await;
    let work = Work::Recognise(Recognise {
        source_language: language("English"),
        dictionary: Vec::new(),
        speakers_wanted: false,
        remove_profanity: false,
    });
    let result = job(folder.path(), work, Some(&speech.sound.key)).await;
    let heard: BTreeSet<&str> = result
        .transcript()
        .unwrap()
        .words
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    let said = ["morning", "welcome", "first", "day", "new", "job"];
    let understood = said.iter().filter(|word| heard.contains(**word)).count();
    assert!(understood >= 5, "{heard:?}");
}

/// English in a clear voice is told; another language is never taken for it.
#[tokio::test]
async fn english_is_identified_and_nothing_else() {
    let text = |name: &str| {
        let text = std::fs::read_to_string(engines_dir().join(format!("languages/{name}.txt"))).unwrap();
        text.split("\n\n").next().unwrap().to_owned()
    };
    for (name, file, expected) in [
        ("English", "en", Some("en")),
        ("Spanish", "es", None),
        ("Czech", "cs", None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (_, speech) = speak(folder.path(), name, vec![passage(0, 0, &text(file))]).await;
        let work = Work::Identify(Identify {
            candidates: Vec::new(),
        });
        let result = job(folder.path(), work, Some(&speech.sound.key)).await;
        assert_eq!(result.output, Output::Language);
        let told = result.language.as_ref().map(|language| language.bcp47.as_str());
        assert_eq!(told, expected, "{name}: {result:?}");
    }
}

async fn translate(from: &str, into: &str, texts: &[&str], dictionary: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let work = Work::Translate(Translate {
        source_language: language(from),
        target_language: language(into),
        passages: texts.iter().map(|text| passage(0, 1_000, text)).collect(),
        dictionary: dictionary.iter().map(|name| (*name).to_owned()).collect(),
        remove_profanity: false,
    });
    let result = job(folder.path(), work, None).await;
    assert!(result.warnings.is_empty(), "{:?}", result.warnings);
    let Output::Texts { texts: translated } = result.output else {
        panic!("{:?}", result.output);
    };
    assert_eq!(translated.len(), texts.len());
    translated
}

#[tokio::test]
async fn passages_are_translated_each_by_itself() {
    let mut shown = String::new();
    for (from, into, texts) in [
        (
            "English",
            "Spanish",
            ["Welcome back to the river.", "The boy reads", "a red book."],
        ),
        (
            "English (American)",
            "Catalan",
            ["Welcome back to the river.", "The boy reads", "a red book."],
        ),
        (
            "Spanish",
            "English (American)",
            ["El color del río es rojo.", "El niño lee", "un libro rojo."],
        ),
        (
            "Spanish (Latin America)",
            "English (British)",
            ["El color del río es rojo.", "El niño lee", "un libro rojo."],
        ),
        (
            "Catalan",
            "English",
            [
                "El color del riu és vermell.",
                "El nen llegeix",
                "un llibre vermell.",
            ],
        ),
    ] {
        writeln!(shown, "{from} into {into}").unwrap();
        for text in translate(from, into, &texts, &[]).await {
            writeln!(shown, "  {text}").unwrap();
        }
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn names_of_the_dictionary_are_not_translated() {
    let texts = [
        "The River Project of Kaltura opens the red door.",
        "The river belongs to the River Project's boys.",
    ];
    let kept = translate("English", "Spanish", &texts, &["River Project", "Kaltura"]).await;
    let lost = translate("English", "Spanish", &texts, &[]).await;
    for (kept, lost) in kept.iter().zip(&lost) {
        assert!(kept.contains("River Project"), "{kept}");
        assert!(!lost.contains("River Project"), "{lost}");
    }
    assert!(kept[1].contains("río"), "{kept:?}");
}

/// Signs that mean something to apertium, line breaks, other scripts, words that it doesn't know.
#[tokio::test]
async fn odd_passages_stay_apart() {
    let texts = [
        "First [one] ^here$ @home / 5 < 6 {x} \\ *star* #tag",
        "Two\n\nlines\r\nand a \u{0} zero.",
        "  ",
        "東京 😀 “quoted” – dash…",
        "<b>Bold</b> & <i>odd</i>",
        "Zqxaaaa Zqx",
        ".",
        "?!",
        "Xyzzyqw",
        "Last.",
    ];
    let translated = translate("English", "Spanish", &texts, &["Zqx", "odd"]).await;
    assert_eq!(translated[2], "");
    assert!(translated[3].contains("東京 😀"), "{translated:?}");
    assert_eq!(translated[5], "Zqxaaaa Zqx");
    assert_eq!(translated[8], "Xyzzyqw");
    assert!(translated[4].contains("odd"), "{translated:?}");
    let marks = translated.iter().any(|text| text.contains("*Xyzzyqw"));
    assert!(!marks, "{translated:?}");
    assert!(
        translated[9].starts_with(char::is_uppercase) && translated[9].len() < 20,
        "{translated:?}"
    );
}

/// What the capabilities promise, the installed programs have.
#[test]
fn the_installed_programs_have_what_is_offered() {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program)
            .arg(argument)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}; run infra/local/setup run"));
        String::from_utf8(output.stdout).unwrap()
    };
    let voices: BTreeSet<String> = said("espeak-ng", "--voices")
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned))
        .collect();
    let flite = said("flite", "-lv");
    let modes = said("apertium", "-l");
    for (program, voice) in engines::local::voices() {
        let has = match program {
            "flite" => flite.split_whitespace().any(|name| name == voice),
            _ => voices.contains(voice),
        };
        assert!(has, "{program} has no voice {voice}");
    }
    for mode in engines::local::modes() {
        assert!(
            modes.split_whitespace().any(|name| name == mode),
            "apertium has no {mode}"
        );
    }
}

#[test]
fn what_is_offered_is_told() {
    let capabilities = Local::new(config()).capabilities();
    for kind in [
        WorkKind::Recognise,
        WorkKind::Identify,
        WorkKind::Align,
        WorkKind::Translate,
        WorkKind::Speak,
        WorkKind::Chapter,
    ] {
        assert!(capabilities.has(kind), "{kind:?}");
    }
    for kind in [WorkKind::Describe, WorkKind::HandIn, WorkKind::Live] {
        assert!(!capabilities.has(kind), "{kind:?}");
    }
    assert!(capabilities.translates("en-US", "es-419"));
    assert!(capabilities.translates("ca", "en"));
    assert!(!capabilities.translates("es", "ca"));
    assert!(capabilities.serves(WorkKind::Speak, "fr-CA"));
    assert!(!capabilities.serves(WorkKind::Speak, "ja"));
    assert!(!capabilities.serves(WorkKind::Align, "es"));
}
