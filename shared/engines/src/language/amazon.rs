//! The codes that Amazon's engines have for a language.
//!
//! Each table goes from BCP-47 ranges to codes, the narrower range first, so that it serves the catalog's languages and
//! any other tag, and doubles as the engine's capabilities. From the documentation of 2026: Transcribe's "Supported
//! languages and language-specific features" (what it takes as a file), Translate's "Supported languages and language
//! codes", Polly's "Available voices". The adapter's tests hold the codes against the SDK's own lists.
//!
//! A name without a region gets the region that most of its speakers would expect of it: `es` is Spain's, since Latin
//! America's has a name of its own, and `pt` Portugal's.

use super::matches_range;

/// A voice of Amazon Polly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// Its name: `Joanna`.
    pub id: &'static str,
    /// The language that it speaks, by Polly's code: `en-US`, `arb`.
    pub language_code: &'static str,
    /// The engines by which it can speak, the best first: `generative`, `neural`, `standard`.
    pub engines: &'static [&'static str],
}

/// The codes of one language; none where an engine doesn't know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmazonCodes {
    /// Transcribe's: `en-US`.
    pub transcribe: Option<&'static str>,
    /// Translate's: `en`.
    pub translate: Option<&'static str>,
    /// Polly's best voice.
    pub polly: Option<Voice>,
}

impl AmazonCodes {
    /// The codes of a BCP-47 tag.
    pub fn of(bcp47: &str) -> Self {
        Self {
            transcribe: first(TRANSCRIBE, bcp47),
            translate: first(TRANSLATE, bcp47),
            polly: first(POLLY, bcp47),
        }
    }
}

fn first<T: Copy>(table: &[(&str, T)], bcp47: &str) -> Option<T> {
    table
        .iter()
        .find(|(range, _)| matches_range(bcp47, range))
        .map(|(_, code)| *code)
}

/// Transcribe's languages, for a job on a file.
pub static TRANSCRIBE: &[(&str, &str)] = &[
    ("ab", "ab-GE"),
    ("af", "af-ZA"),
    ("am", "am-ET"),
    // The Gulf's Arabic is told apart; all other kinds go by the written standard.
    ("ar-AE", "ar-AE"),
    ("ar-QA", "ar-AE"),
    ("ar", "ar-SA"),
    ("ast", "ast-ES"),
    ("az", "az-AZ"),
    ("ba", "ba-RU"),
    ("be", "be-BY"),
    ("bg", "bg-BG"),
    ("bn", "bn-IN"),
    ("bs", "bs-BA"),
    ("ca", "ca-ES"),
    ("cmn", "zh-CN"),
    ("cs", "cs-CZ"),
    ("cy", "cy-WL"),
    ("da", "da-DK"),
    ("de-CH", "de-CH"),
    ("de", "de-DE"),
    ("el", "el-GR"),
    ("en-AU", "en-AU"),
    ("en-GB", "en-GB"),
    ("en-IE", "en-IE"),
    ("en-IN", "en-IN"),
    ("en-NZ", "en-NZ"),
    ("en-ZA", "en-ZA"),
    ("en", "en-US"),
    ("es-419", "es-US"),
    ("es-MX", "es-US"),
    ("es-US", "es-US"),
    ("es", "es-ES"),
    ("et", "et-EE"),
    ("eu", "eu-ES"),
    ("fa-AF", "fa-AF"),
    ("fa", "fa-IR"),
    ("fi", "fi-FI"),
    ("fr-CA", "fr-CA"),
    ("fr", "fr-FR"),
    ("gl", "gl-ES"),
    ("gu", "gu-IN"),
    ("ha", "ha-NG"),
    ("he", "he-IL"),
    ("hi", "hi-IN"),
    ("hr", "hr-HR"),
    ("ht", "ht-HT"),
    ("hu", "hu-HU"),
    ("hy", "hy-AM"),
    ("id", "id-ID"),
    ("is", "is-IS"),
    ("it", "it-IT"),
    ("ja", "ja-JP"),
    ("jv", "jv-ID"),
    ("ka", "ka-GE"),
    ("kk", "kk-KZ"),
    ("km", "km-KH"),
    ("kn", "kn-IN"),
    ("ko", "ko-KR"),
    ("ky", "ky-KG"),
    ("lt", "lt-LT"),
    ("lv", "lv-LV"),
    ("mk", "mk-MK"),
    ("ml", "ml-IN"),
    ("mn", "mn-MN"),
    ("mr", "mr-IN"),
    ("ms", "ms-MY"),
    ("mt", "mt-MT"),
    ("my", "my-MM"),
    ("ne", "ne-NP"),
    ("nl", "nl-NL"),
    ("no", "no-NO"),
    ("nb", "no-NO"),
    ("pa", "pa-IN"),
    ("pl", "pl-PL"),
    ("ps", "ps-AF"),
    ("pt-BR", "pt-BR"),
    ("pt", "pt-PT"),
    ("ro", "ro-RO"),
    ("ru", "ru-RU"),
    ("si", "si-LK"),
    ("sk", "sk-SK"),
    ("sl", "sl-SI"),
    ("so", "so-SO"),
    ("sq", "sq-AL"),
    ("sr", "sr-RS"),
    ("su", "su-ID"),
    ("sv", "sv-SE"),
    ("sw", "sw-KE"),
    ("ta", "ta-IN"),
    ("te", "te-IN"),
    ("th", "th-TH"),
    ("tl", "tl-PH"),
    ("tr", "tr-TR"),
    ("tt", "tt-RU"),
    ("ug", "ug-CN"),
    ("uk", "uk-UA"),
    ("uz", "uz-UZ"),
    ("vi", "vi-VN"),
    ("yue", "zh-HK"),
    // Traditional Chinese is how it is written; Cantonese has a name of its own in the catalog.
    ("zh-Hant", "zh-TW"),
    ("zh-TW", "zh-TW"),
    ("zh", "zh-CN"),
    ("zu", "zu-ZA"),
];

/// Translate's languages; it translates from each into each other.
pub static TRANSLATE: &[(&str, &str)] = &[
    ("af", "af"),
    ("am", "am"),
    ("ar", "ar"),
    ("az", "az"),
    ("bg", "bg"),
    ("bn", "bn"),
    ("bs", "bs"),
    ("ca", "ca"),
    ("cmn", "zh"),
    ("cs", "cs"),
    ("cy", "cy"),
    ("da", "da"),
    ("de", "de"),
    ("el", "el"),
    ("en", "en"),
    ("es-419", "es-MX"),
    ("es-MX", "es-MX"),
    ("es", "es"),
    ("et", "et"),
    ("fa-AF", "fa-AF"),
    ("fa", "fa"),
    ("fi", "fi"),
    ("fr-CA", "fr-CA"),
    ("fr", "fr"),
    ("ga", "ga"),
    ("gu", "gu"),
    ("ha", "ha"),
    ("he", "he"),
    ("hi", "hi"),
    ("hr", "hr"),
    ("ht", "ht"),
    ("hu", "hu"),
    ("hy", "hy"),
    ("id", "id"),
    ("is", "is"),
    ("it", "it"),
    ("ja", "ja"),
    ("ka", "ka"),
    ("kk", "kk"),
    ("kn", "kn"),
    ("ko", "ko"),
    ("lt", "lt"),
    ("lv", "lv"),
    ("mk", "mk"),
    ("ml", "ml"),
    ("mn", "mn"),
    ("mr", "mr"),
    ("ms", "ms"),
    ("mt", "mt"),
    ("nl", "nl"),
    ("no", "no"),
    ("nb", "no"),
    ("pa", "pa"),
    ("pl", "pl"),
    ("ps", "ps"),
    // Its `pt` is Brazil's.
    ("pt-BR", "pt"),
    ("pt", "pt-PT"),
    ("ro", "ro"),
    ("ru", "ru"),
    ("si", "si"),
    ("sk", "sk"),
    ("sl", "sl"),
    ("so", "so"),
    ("sq", "sq"),
    ("sr", "sr"),
    ("sv", "sv"),
    ("sw", "sw"),
    ("ta", "ta"),
    ("te", "te"),
    ("th", "th"),
    ("tl", "tl"),
    ("tr", "tr"),
    ("uk", "uk"),
    ("ur", "ur"),
    ("uz", "uz"),
    ("vi", "vi"),
    ("zh-Hant", "zh-TW"),
    ("zh-TW", "zh-TW"),
    ("zh", "zh"),
];

const STANDARD: &[&str] = &["standard"];
const NEURAL: &[&str] = &["neural"];
const TO_NEURAL: &[&str] = &["generative", "neural"];
const NEURAL_DOWN: &[&str] = &["neural", "standard"];
const ALL: &[&str] = &["generative", "neural", "standard"];

const fn voice(id: &'static str, language_code: &'static str, engines: &'static [&'static str]) -> Voice {
    Voice {
        id,
        language_code,
        engines,
    }
}

/// Polly's languages, each with the one voice that is offered by its best engine. A region may lack an engine: then the next
/// of the voice's engines speaks.
pub static POLLY: &[(&str, Voice)] = &[
    ("ar-AE", voice("Hala", "ar-AE", NEURAL)),
    ("ar-QA", voice("Hala", "ar-AE", NEURAL)),
    ("ar", voice("Zeina", "arb", STANDARD)),
    ("ca", voice("Arlet", "ca-ES", NEURAL)),
    ("cmn", voice("Zhiyu", "cmn-CN", NEURAL_DOWN)),
    ("cs", voice("Jitka", "cs-CZ", NEURAL)),
    ("cy", voice("Gwyneth", "cy-GB", STANDARD)),
    ("da", voice("Sofie", "da-DK", NEURAL)),
    ("de-AT", voice("Hannah", "de-AT", TO_NEURAL)),
    ("de-CH", voice("Sabrina", "de-CH", TO_NEURAL)),
    ("de", voice("Vicki", "de-DE", ALL)),
    ("en-AU", voice("Olivia", "en-AU", TO_NEURAL)),
    ("en-GB", voice("Amy", "en-GB", ALL)),
    ("en-IE", voice("Niamh", "en-IE", TO_NEURAL)),
    ("en-IN", voice("Kajal", "en-IN", TO_NEURAL)),
    ("en-NZ", voice("Aria", "en-NZ", TO_NEURAL)),
    ("en-ZA", voice("Ayanda", "en-ZA", TO_NEURAL)),
    ("en", voice("Joanna", "en-US", ALL)),
    ("es-419", voice("Mia", "es-MX", ALL)),
    ("es-MX", voice("Mia", "es-MX", ALL)),
    ("es-US", voice("Lupe", "es-US", ALL)),
    ("es", voice("Lucia", "es-ES", ALL)),
    ("fi", voice("Suvi", "fi-FI", NEURAL)),
    ("fr-BE", voice("Isabelle", "fr-BE", TO_NEURAL)),
    ("fr-CA", voice("Gabrielle", "fr-CA", TO_NEURAL)),
    ("fr", voice("Lea", "fr-FR", ALL)),
    ("hi", voice("Kajal", "hi-IN", TO_NEURAL)),
    ("is", voice("Dora", "is-IS", STANDARD)),
    ("it", voice("Bianca", "it-IT", ALL)),
    ("ja", voice("Takumi", "ja-JP", NEURAL_DOWN)),
    ("ko", voice("Seoyeon", "ko-KR", ALL)),
    ("nb", voice("Ida", "nb-NO", NEURAL)),
    ("nl-BE", voice("Lisa", "nl-BE", TO_NEURAL)),
    ("nl", voice("Laura", "nl-NL", TO_NEURAL)),
    ("no", voice("Ida", "nb-NO", NEURAL)),
    ("pl", voice("Ola", "pl-PL", TO_NEURAL)),
    ("pt-BR", voice("Camila", "pt-BR", ALL)),
    ("pt", voice("Ines", "pt-PT", NEURAL_DOWN)),
    ("ro", voice("Carmen", "ro-RO", STANDARD)),
    ("ru", voice("Tatyana", "ru-RU", STANDARD)),
    ("sv", voice("Elin", "sv-SE", NEURAL)),
    ("tr", voice("Burcu", "tr-TR", NEURAL)),
    ("yue", voice("Hiujin", "yue-CN", NEURAL)),
    ("zh", voice("Zhiyu", "cmn-CN", NEURAL_DOWN)),
];

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;
    use crate::language::LANGUAGES;

    #[test]
    fn the_unmapped_names_are_these() {
        let mut text = String::new();
        for (engine, is_mapped) in [
            (
                "transcribe",
                (|codes| codes.transcribe.is_some()) as fn(AmazonCodes) -> bool,
            ),
            ("translate", |codes| codes.translate.is_some()),
            ("polly", |codes| codes.polly.is_some()),
        ] {
            let unmapped: Vec<_> = LANGUAGES
                .iter()
                .filter(|language| !is_mapped(AmazonCodes::of(language.bcp47)))
                .map(|language| language.catalog_name)
                .collect();
            writeln!(text, "{engine}: {}\n", unmapped.join(", ")).unwrap();
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_narrower_range_stands_before_the_wider_one_that_holds_it() {
        fn check<T>(table: &[(&str, T)]) {
            for (place, (range, _)) in table.iter().enumerate() {
                for (earlier, _) in &table[..place] {
                    assert!(
                        !matches_range(range, earlier),
                        "`{range}` comes after `{earlier}`"
                    );
                }
            }
        }
        check(TRANSCRIBE);
        check(TRANSLATE);
        check(POLLY);
    }

    #[test]
    fn a_signed_or_open_language_has_no_code() {
        for language in LANGUAGES.iter().filter(|language| !language.is_spoken()) {
            let codes = AmazonCodes::of(language.bcp47);
            assert_eq!(
                (codes.transcribe, codes.translate, codes.polly),
                (None, None, None),
                "{}",
                language.catalog_name
            );
        }
    }

    /// `UPDATE_LANGUAGES=1 cargo test -p engines the_table_of_the_docs` writes it anew.
    #[test]
    fn the_table_of_the_docs_is_the_code_s() {
        let mut table = String::from(
            "# Languages\n\nMade from the code by `UPDATE_LANGUAGES=1 cargo test -p engines the_table_of_the_docs`; a test holds it \
             against the code.\n\nThe names of Kaltura's catalog items, the language of the assets made, and what each engine of \
             Amazon's calls it. `-`: the engine doesn't know the language, and an order that needs it becomes ERROR before \
             PROCESSING. Polly's voice speaks by the first of its engines that the region has.\n\n\
             | catalog name | asset language | BCP-47 | ISO 639-1 | ISO 639-3 | Transcribe | Translate | Polly |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for language in &LANGUAGES {
            let codes = AmazonCodes::of(language.bcp47);
            let polly = codes.polly.map(|voice| {
                format!(
                    "{}, {} ({})",
                    voice.id,
                    voice.language_code,
                    voice.engines.join(", ")
                )
            });
            writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                language.catalog_name,
                language.asset_name().unwrap_or("-"),
                language.bcp47,
                language.iso639_1().unwrap_or("-"),
                language.iso639_3,
                codes.transcribe.unwrap_or("-"),
                codes.translate.unwrap_or("-"),
                polly.as_deref().unwrap_or("-"),
            )
            .unwrap();
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("LANGUAGES.md");
        if std::env::var_os("UPDATE_LANGUAGES").is_some() {
            std::fs::write(&path, &table).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), table);
    }
}
