//! How words become cues, seen on speech in several languages.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::HashSet;
use std::fmt::Write as _;

use captions::{
    Cue, FaultKind, LayoutRules, SpeakerId, Transcript, Word, WordKind, faults, lay_out, width, write_text,
};
use common::spoken;

fn rules(language: &str) -> LayoutRules {
    LayoutRules {
        language: language.to_owned(),
        ..LayoutRules::default()
    }
}

/// Cues as a test shows them.
fn show(cues: &[Cue]) -> String {
    let mut shown = String::new();
    for cue in cues {
        let _ = writeln!(
            shown,
            "{:>6} {:>6} {}",
            cue.start_ms,
            cue.end_ms,
            cue.lines.join(" | ")
        );
    }
    shown
}

fn share(cues: &[Cue], is_faulty: impl Fn(usize) -> bool) -> f64 {
    let count = u32::try_from((0..cues.len()).filter(|cue| is_faulty(*cue)).count()).unwrap();
    f64::from(count) / f64::from(u32::try_from(cues.len()).unwrap())
}

#[test]
fn a_lecture_keeps_the_norms() {
    for (language, text) in [
        ("en", include_str!("speech/en.txt")),
        ("es", include_str!("speech/es.txt")),
        ("fr", include_str!("speech/fr.txt")),
        ("de", include_str!("speech/de.txt")),
    ] {
        for words_per_minute in [110, 130, 155] {
            let rules = rules(language);
            let cues = lay_out(&spoken(language, text, words_per_minute), &rules);
            let found = faults(&cues, &rules);
            let with =
                |kind: FaultKind| share(&cues, |cue| found.iter().any(|f| f.cue == cue && f.kind == kind));
            let what = format!("{language} at {words_per_minute}: {found:?}\n{}", show(&cues));
            assert!(
                share(&cues, |cue| found.iter().any(|fault| fault.cue == cue)) <= 0.05,
                "{what}"
            );
            assert!(with(FaultKind::BadBreak) <= 0.03, "{what}");
            assert!(with(FaultKind::TooFast) <= 0.01, "{what}");
            assert!(with(FaultKind::OneWord) <= 0.005, "{what}");
        }
    }
}

#[test]
fn english_with_two_speakers() {
    let transcript = spoken("en", include_str!("speech/en.txt"), 150);
    let rules = LayoutRules {
        speaker_labels: true,
        speaker_change_marks: true,
        audio_tags: true,
        ..rules("en")
    };
    insta::assert_snapshot!(show(&lay_out(&transcript, &rules)));
}

#[test]
fn spanish() {
    insta::assert_snapshot!(show(&lay_out(
        &spoken("es-MX", include_str!("speech/es.txt"), 150),
        &rules("")
    )));
}

#[test]
fn french() {
    insta::assert_snapshot!(show(&lay_out(
        &spoken("fr", include_str!("speech/fr.txt"), 150),
        &rules("")
    )));
}

#[test]
fn german() {
    insta::assert_snapshot!(show(&lay_out(
        &spoken("de-DE", include_str!("speech/de.txt"), 150),
        &rules("")
    )));
}

#[test]
fn narrow_lines_as_an_order_may_ask() {
    let rules = LayoutRules::for_order(Some(26), "en");
    let cues = lay_out(&spoken("en", include_str!("speech/en.txt"), 130), &rules);
    assert!(
        cues.iter()
            .flat_map(|cue| &cue.lines)
            .all(|line| width(line) <= 26)
    );
    insta::assert_snapshot!(show(&cues[..12]));
}

#[test]
fn japanese_fills_lines_without_blanks() {
    let sentences = [
        "今日はサンゴ礁の作り方と、そこに住む生き物について話します。",
        "サンゴは植物のように見えますが、実は動物です。",
    ];
    let mut at_ms = 0;
    let mut words = Vec::new();
    for sentence in sentences {
        words.push(Word::new(sentence, at_ms, at_ms + 7_500));
        at_ms += 8_000;
    }
    let cues = lay_out(&Transcript::new(Some("ja".to_owned()), words, at_ms), &rules(""));
    assert!(
        cues.iter()
            .flat_map(|cue| &cue.lines)
            .all(|line| width(line) <= 42 && !line.contains(' '))
    );
    assert!(
        !cues
            .iter()
            .flat_map(|cue| &cue.lines)
            .any(|line| line.starts_with(['、', '。']))
    );
    insta::assert_snapshot!(show(&cues));
}

#[test]
fn chinese_words_join_and_latin_ones_do_not() {
    let words = [
        "珊瑚", "看", "起来", "像", "植物", "。", "Coral", "reefs", "很", "美", "。",
    ];
    let words = (0_u64..)
        .zip(words)
        .map(|(at, text)| Word::new(text, at * 400, at * 400 + 380))
        .collect();
    let cues = lay_out(
        &Transcript::new(Some("zh-CN".to_owned()), words, 4_400),
        &rules(""),
    );
    let text: Vec<String> = cues.iter().map(Cue::text).collect();
    assert_eq!(text, ["珊瑚看起来像植物。Coral reefs很美。"]);
}

/// The lines of a text said in so many seconds.
fn lines_of(language: &str, text: &str, length_ms: u64) -> Vec<String> {
    let words = text.split(' ').collect::<Vec<_>>();
    let each_ms = length_ms / words.len() as u64;
    let words = (0_u64..)
        .zip(words)
        .map(|(at, text)| Word::new(text, at * each_ms, (at + 1) * each_ms))
        .collect();
    let transcript = Transcript::new(Some(language.to_owned()), words, length_ms);
    lay_out(&transcript, &rules(""))
        .into_iter()
        .flat_map(|cue| cue.lines)
        .collect()
}

#[test]
fn thai_lao_khmer_and_burmese_break_between_words_of_their_dictionaries() {
    for (language, text, words) in [
        (
            "th",
            "สวัสดีตอนเช้าทุกคนยินดีต้อนรับสู่การบรรยายครั้งแรกของหลักสูตรชีววิทยาทางทะเล",
            "สวัสดี ตอน เช้า ทุก คน ยินดี ต้อนรับ สู่ การ บรรยาย ครั้ง แรก ของ หลักสูตร ชีววิทยา ทาง ทะเล",
        ),
        (
            "lo",
            "ສະບາຍດີຕອນເຊົ້າທຸກຄົນຍິນດີຕ້ອນຮັບສູ່ການບັນຍາຍຄັ້ງທຳອິດຂອງຫຼັກສູດ",
            "ສະບາຍດີ ຕອນເຊົ້າ ທຸກ ຄົນ ຍິນດີ ຕ້ອນຮັບ ສູ່ ການ ບັນຍາຍ ຄັ້ງ ທຳອິດ ຂອງ ຫຼັກສູດ",
        ),
        (
            "km",
            "អរុណសួស្តីអ្នកទាំងអស់គ្នាសូមស្វាគមន៍មកកាន់ការបង្រៀនដំបូងនៃវគ្គសិក្សានេះ",
            "អរុណសួស្តី អ្នក ទាំង អស់ គ្នា សូម ស្វាគមន៍ មក កាន់ ការ បង្រៀន ដំបូង នៃ វគ្គ សិក្សា នេះ",
        ),
        (
            "my",
            "မင်္ဂလာနံနက်ခင်းပါအားလုံးကိုကြိုဆိုပါတယ်ဒီသင်တန်းရဲ့ပထမဆုံးဟောပြောပွဲ",
            "မင်္ဂလာ နံနက် ခင်း ပါ အားလုံး ကို ကြိုဆို ပါ တယ် ဒီ သင်တန်း ရဲ့ ပထမ ဆုံး ဟောပြော ပွဲ",
        ),
    ] {
        let mut ends = HashSet::new();
        let mut end = 0;
        for word in words.split(' ') {
            end += word.len();
            ends.insert(end);
        }
        let lines = lines_of(language, text, 7_000);
        assert!(lines.len() > 1, "{lines:?}");
        assert_eq!(lines.concat(), text);
        let mut at = 0;
        for line in &lines {
            at += line.len();
            assert!(ends.contains(&at), "{language}: {lines:?}");
        }
    }
}

#[test]
fn chinese_and_japanese_marks_stay_with_their_words() {
    let chinese =
        "老师说：“珊瑚看起来像植物，其实是动物（一种很小的动物）。”我们今天去看《珊瑚礁》这部电影，好吗？";
    let japanese = "先生は「サンゴは植物のように見えますが、実は動物です」と言いました。ちょっと待ってください、ニュージーランドの話です。";
    for (language, text) in [("zh", chinese), ("ja", japanese)] {
        for length_ms in [6_000, 9_000, 14_000] {
            for max_chars_per_line in [14, 20, 26, 42] {
                let transcript = Transcript::new(
                    Some(language.to_owned()),
                    vec![Word::new(text, 0, length_ms)],
                    length_ms,
                );
                let cues = lay_out(
                    &transcript,
                    &LayoutRules {
                        max_chars_per_line,
                        ..rules("")
                    },
                );
                let lines: Vec<&String> = cues.iter().flat_map(|cue| &cue.lines).collect();
                assert_eq!(lines.iter().map(|line| line.as_str()).collect::<String>(), text);
                for line in lines {
                    assert!(width(line) <= max_chars_per_line as usize, "{line}");
                    assert!(
                        !line.starts_with(|c| "、。，：？！）》」”っょーュ".contains(c)),
                        "{line}"
                    );
                    assert!(!line.ends_with(|c| "（《「“".contains(c)), "{line}");
                }
            }
        }
    }
}

#[test]
fn korean_breaks_between_its_words_only() {
    let text = "여러분, 안녕하세요. 해양 생물학 강의의 첫 시간에 오신 것을 진심으로 환영합니다.";
    let lines = lines_of("ko", text, 8_000);
    assert_eq!(lines.join(" "), text);
    assert!(lines.len() > 1);
    assert!(lines.iter().all(|line| width(line) <= 42));
}

#[test]
fn right_to_left_lines_keep_their_words_in_order_and_break_after_their_own_marks() {
    for (language, text, first) in [
        (
            "ar",
            "صباح الخير جميعا، ومرحبا بكم في المحاضرة الأولى من دورة علم الأحياء البحرية؟ سنبدأ الآن.",
            "صباح الخير جميعا،",
        ),
        (
            "he",
            "בוקר טוב לכולם, וברוכים הבאים לשיעור הראשון בקורס Marine Biology של האוניברסיטה. נתחיל עכשיו.",
            "בוקר טוב לכולם, וברוכים הבאים לשיעור",
        ),
        (
            "fa",
            "صبح همگی بخیر، و به اولین جلسه این دوره زیست‌شناسی دریا خوش آمدید. اکنون شروع می‌کنیم.",
            "صبح همگی بخیر،",
        ),
    ] {
        let lines = lines_of(language, text, 10_000);
        let shown = lines.join(" ").replace('\u{200f}', "");
        assert_eq!(shown, text);
        assert_eq!(lines[0], first, "{lines:?}");
        for line in &lines {
            let first_letter = line.chars().find(|c| c.is_alphabetic()).unwrap();
            assert_eq!(
                line.starts_with('\u{200f}'),
                first_letter.is_ascii_alphabetic(),
                "{line}"
            );
        }
    }
}

#[test]
fn a_label_before_right_to_left_text_leaves_the_line_right_to_left() {
    let transcript = spoken("he", "{A} שלום לכולם וברוכים הבאים לשיעור הראשון.", 120);
    let cues = lay_out(
        &transcript,
        &LayoutRules {
            speaker_labels: true,
            ..rules("")
        },
    );
    assert_eq!(
        cues[0].lines,
        ["\u{200f}[Speaker 1] שלום לכולם", "וברוכים הבאים לשיעור הראשון."]
    );
    let plain = lay_out(&transcript, &rules(""));
    assert!(!plain[0].text().contains('\u{200f}'));
}

#[test]
fn speakers_are_numbered_or_named_and_marked_when_they_change() {
    let mut transcript = spoken(
        "en",
        "{x} Where were you born? {y} In a small town near Oslo. {x} I see, thank you.",
        140,
    );
    let with = |labels, marks| LayoutRules {
        speaker_labels: labels,
        speaker_change_marks: marks,
        ..rules("en")
    };
    let lines = |transcript: &Transcript, rules: &LayoutRules| -> Vec<String> {
        lay_out(transcript, rules)
            .into_iter()
            .flat_map(|cue| cue.lines)
            .collect()
    };
    assert_eq!(
        lines(&transcript, &with(true, false)),
        [
            "[Speaker 1] Where were you born?",
            "[Speaker 2] In a small town near Oslo.",
            "[Speaker 1] I see, thank you."
        ]
    );
    assert_eq!(
        lines(&transcript, &with(false, true)),
        [
            "Where were you born?",
            ">> In a small town near Oslo.",
            ">> I see, thank you."
        ]
    );
    transcript
        .speaker_names
        .insert(SpeakerId::new("x"), "Interviewer".to_owned());
    assert_eq!(
        lines(&transcript, &with(true, true))[2],
        ">> [Interviewer] I see, thank you."
    );
}

#[test]
fn sounds_are_shown_only_when_asked_for() {
    let transcript = spoken(
        "en",
        "And then it fell over. *laughter* But nobody was hurt at all.",
        140,
    );
    let with = |audio_tags| LayoutRules {
        audio_tags,
        ..rules("en")
    };
    let text = |cues: Vec<Cue>| cues.iter().map(Cue::text).collect::<Vec<_>>().join("\n");
    assert!(!text(lay_out(&transcript, &with(false))).contains("laughter"));
    assert!(text(lay_out(&transcript, &with(true))).contains("[laughter]"));
}

#[test]
fn a_long_pause_is_not_bridged() {
    let cues = lay_out(
        &spoken("en", "We waited for a ... long time before it came.", 140),
        &rules("en"),
    );
    let texts: Vec<String> = cues.iter().map(Cue::text).collect();
    assert_eq!(texts, ["We waited for a", "long time before it came."]);
    assert!(cues[1].start_ms - cues[0].end_ms > 2_000, "{}", show(&cues));
}

#[test]
fn punctuation_of_its_own_joins_its_neighbours() {
    let word = |text: &str, at_ms| Word::new(text, at_ms, at_ms + 300);
    let mark = |text: &str| Word {
        kind: WordKind::Punctuation,
        ..Word::new(text, 0, 0)
    };
    let words = vec![
        mark("¿"),
        word("Qué", 0),
        word("tal", 300),
        mark("?"),
        word("dijo", 800),
        mark(","),
        mark("\""),
        word("hola", 1_200),
        mark("\""),
        mark("."),
    ];
    let transcript = Transcript::new(Some("es".to_owned()), words, 2_000);
    transcript.check().unwrap();
    assert_eq!(write_text(&transcript, &rules("")), "¿Qué tal? dijo, \"hola\".\n");
}

#[test]
fn a_mark_that_widens_its_word_still_fits_the_line() {
    let mark = Word {
        kind: WordKind::Punctuation,
        ..Word::new("\u{fe0f}", 0, 0)
    };
    let words = vec![Word::new("issue##8", 0, 900), mark];
    let rules = LayoutRules {
        max_chars_per_line: 8,
        ..rules("en")
    };
    let cues = lay_out(&Transcript::new(None, words, 1_000), &rules);
    assert!(
        cues.iter()
            .flat_map(|cue| &cue.lines)
            .all(|line| width(line) <= 8),
        "{cues:?}"
    );
}

#[test]
fn nothing_stays_after_the_media_has_ended() {
    let words = vec![
        Word::new("That", 1_000, 1_400),
        Word::new("is", 1_400, 1_700),
        Word::new("all.", 1_700, 2_400),
    ];
    let end_ms =
        |duration_ms| lay_out(&Transcript::new(None, words.clone(), duration_ms), &rules("en"))[0].end_ms;
    assert_eq!((end_ms(2_600), end_ms(0), end_ms(1_200)), (2_600, 2_900, 1_834));
}

#[test]
fn words_without_times_are_all_shown() {
    let words = (0..100)
        .map(|at| Word::new(format!("word{at}"), 1_000, 1_000))
        .collect();
    let cues = lay_out(&Transcript::new(None, words, 2_000), &rules("en"));
    let shown: Vec<String> = cues
        .iter()
        .flat_map(|cue| {
            cue.lines
                .join(" ")
                .split(' ')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(shown.len(), 100);
    assert!(
        cues.windows(2)
            .all(|pair| pair[0].end_ms <= pair[1].start_ms && pair[0].start_ms < pair[0].end_ms)
    );
}

#[test]
fn the_scorer_sees_each_fault() {
    let cue = |start_ms, end_ms, text: &str| Cue::new(start_ms, end_ms, text);
    let cues = [
        cue(0, 500, "This one is gone far too soon and too wide for it"),
        cue(550, 8_000, "This stays on.\nThis too.\nAnd this."),
        cue(7_900, 9_900, "He lives in the\nhouse by the sea."),
        cue(9_900, 9_900, "Yes."),
        cue(12_000, 14_000, " "),
    ];
    let found: Vec<(usize, &str)> = faults(&cues, &rules("en"))
        .into_iter()
        .map(|f| (f.cue, f.kind.name()))
        .collect();
    assert_eq!(
        found,
        [
            (0, "line_too_long"),
            (0, "too_short"),
            (0, "gap_too_small"),
            (0, "too_fast"),
            (1, "too_many_lines"),
            (1, "too_long"),
            (1, "overlap"),
            (2, "bad_break"),
            (3, "no_duration"),
            (3, "too_short"),
            (3, "too_fast"),
            (3, "one_word"),
            (4, "empty"),
        ]
    );
}
