//! The sample files under `tests/samples`: made here, compared on each run, and read by other people's readers in
//! `oracle/check.py`. `UPDATE_SAMPLES=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use captions::{
    CaptionFormat, Cue, LayoutRules, lay_out, read_any, tidy, write, write_text, write_timed_json,
};
use common::spoken;
use serde_json::json;

fn compare(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/samples")
        .join(name);
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), made, "{name}");
}

fn expected(cues: &[Cue]) -> String {
    let cues: Vec<_> = cues
        .iter()
        .map(|cue| json!({ "start_ms": cue.start_ms, "end_ms": cue.end_ms, "lines": cue.lines }))
        .collect();
    serde_json::to_string_pretty(&cues).unwrap() + "\n"
}

fn compare_cues(name: &str, cues: &[Cue]) {
    for format in CaptionFormat::ALL {
        let file = write(format, cues, "en");
        compare(&format!("{name}.{}", format.extension()), &file);
        let tidied = tidy(format, cues);
        compare(
            &format!("{name}.{}.expected.json", format.extension()),
            &expected(&tidied),
        );
        assert_eq!(read_any(file.as_bytes()).unwrap(), (format, tidied));
    }
}

#[test]
fn a_lecture() {
    let transcript = spoken("en", include_str!("speech/en.txt"), 150);
    let rules = LayoutRules {
        speaker_labels: true,
        speaker_change_marks: true,
        audio_tags: true,
        ..LayoutRules::default()
    };
    compare_cues("lecture", &lay_out(&transcript, &rules));
    compare("lecture.txt", &write_text(&transcript, &rules));
    compare("lecture.json", &(write_timed_json(&transcript) + "\n"));
}

/// The same greeting in scripts that are written in other ways, laid out by the rules of each.
#[test]
fn languages() {
    let texts = [
        (
            "es",
            "¿Qué tal? —dijo ella—. Bienvenidos a la primera clase de este curso, que dura «todo» el año.",
        ),
        (
            "fr",
            "Bonjour à tous, et bienvenue au premier cours : qu’est-ce qu’un récif, et qui l’habite ?",
        ),
        (
            "de",
            "Guten Morgen! Willkommen zur ersten Vorlesung über „Größe & Maß“ der Korallenriffe.",
        ),
        (
            "ar",
            "صباح الخير جميعا، ومرحبا بكم في المحاضرة الأولى من دورة علم الأحياء البحرية 2024.",
        ),
        (
            "he",
            "בוקר טוב לכולם, וברוכים הבאים לשיעור הראשון בקורס Marine Biology של האוניברסיטה.",
        ),
        (
            "ru",
            "Доброе утро, и добро пожаловать на первую лекцию этого курса по морской биологии.",
        ),
        (
            "hi",
            "सुप्रभात, और समुद्री जीव विज्ञान के इस पाठ्यक्रम के पहले व्याख्यान में आपका स्वागत है।",
        ),
        (
            "ja",
            "皆さん、おはようございます。海洋生物学の最初の講義へようこそ。今日はサンゴ礁について話します。",
        ),
        (
            "zh",
            "各位早上好，欢迎来到海洋生物学课程的第一讲，今天我们来看看珊瑚礁是怎样形成的。",
        ),
        (
            "ko",
            "여러분, 안녕하세요. 해양 생물학 강의의 첫 시간에 오신 것을 환영합니다.",
        ),
        (
            "th",
            "สวัสดีตอนเช้าทุกคน ยินดีต้อนรับสู่การบรรยายครั้งแรกของหลักสูตรชีววิทยาทางทะเล",
        ),
    ];
    let mut cues = Vec::new();
    for (place, (language, text)) in (0_u64..).zip(texts) {
        let mut transcript = spoken(language, text, 130);
        let length_ms = 9_000;
        let last_ms = transcript.words.last().unwrap().end_ms;
        for word in &mut transcript.words {
            word.start_ms = word.start_ms * length_ms / last_ms + place * 10_000;
            word.end_ms = word.end_ms * length_ms / last_ms + place * 10_000;
        }
        transcript.duration_ms = (place + 1) * 10_000;
        cues.extend(lay_out(&transcript, &LayoutRules::default()));
    }
    compare_cues("languages", &cues);
}

/// What formats and parsers are known to stumble over.
#[test]
fn stumbling_blocks() {
    let cues = [
        Cue::new(0, 1_000, "R&D < 3 > 2 --> 1 &amp; AT&T"),
        Cue::new(1_000, 2_000, "<i>not a tag</i> <3 & \"quotes\" 'too'"),
        Cue::new(2_000, 2_000, "no time at all"),
        Cue::new(5_000, 4_000, "backwards"),
        Cue::new(6_000, 7_500, "a\tblank\u{b}line\n\n \nin between\u{0}\u{7}"),
        Cue::new(8_000, 9_000, "42\nis a number"),
        Cue::new(10_000, 11_000, "שלום world مرحبا 123"),
        Cue::new(12_000, 13_000, "字幕 と emoji 👩‍👩‍👧 e\u{301}"),
        Cue::new(12_500, 14_000, "overlaps the one before"),
        Cue::new(359_998_000, 360_005_000, "at the end of the clock"),
    ];
    compare_cues("stumbling-blocks", &cues);
}
