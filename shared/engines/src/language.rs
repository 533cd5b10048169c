//! The languages of Kaltura's catalog items, and their codes.
//!
//! A catalog item names its language in English (`KalturaCatalogItemLanguage`, 97 names); engines and files want
//! BCP-47 tags and ISO 639 codes. What lives here: that table, and the matching of a tag against an engine's language
//! ranges, and in [`amazon`] the codes of Amazon's engines. What doesn't: which languages an engine knows (its
//! capabilities say).

pub mod amazon;

/// What kind of language a catalog name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LanguageKind {
    /// Spoken: its sound can be recognised, its text written.
    Spoken,
    /// Signed: there is neither sound nor text in it.
    Signed,
    /// `Auto Detect`: the customer leaves it to the vendor to find out.
    Unspecified,
}

/// One language of Kaltura's catalog items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// Its name as Kaltura writes it (value of `KalturaCatalogItemLanguage`).
    pub catalog_name: &'static str,
    /// Its BCP-47 tag; `und` for `Auto Detect`.
    pub bcp47: &'static str,
    /// Its ISO 639-3 code, that of the macrolanguage where the name means that (`ara`, `zho`); `und` for
    /// `Auto Detect`.
    pub iso639_3: &'static str,
    /// Its kind.
    pub kind: LanguageKind,
}

impl Language {
    /// The language of that catalog name, written exactly as Kaltura writes it; `None` for any other name.
    pub fn by_catalog_name(name: &str) -> Option<&'static Self> {
        LANGUAGES.iter().find(|language| language.catalog_name == name)
    }

    /// The language of a BCP-47 tag, as an engine tells it: the catalog's of the very tag, else the one of its primary
    /// language. `None` for a language that the catalog doesn't have.
    pub fn by_bcp47(tag: &str) -> Option<&'static Self> {
        let spoken = || LANGUAGES.iter().filter(|language| language.is_spoken());
        let exact = spoken().find(|language| language.bcp47.eq_ignore_ascii_case(tag));
        let primary = tag.split('-').next()?;
        let within = || spoken().find(|language| matches_range(tag, language.bcp47));
        exact
            .or_else(within)
            .or_else(|| spoken().find(|language| language.bcp47.eq_ignore_ascii_case(primary)))
    }

    /// Whether the language is spoken: it can be recognised, and captions can be written in it.
    pub fn is_spoken(&self) -> bool {
        self.kind == LanguageKind::Spoken
    }

    /// Its ISO 639-1 code: two letters; `None` for the languages without one.
    pub fn iso639_1(&self) -> Option<&'static str> {
        primary_subtag(self.bcp47).filter(|primary| primary.len() == 2)
    }

    /// Its name as the language of an asset (value of `KalturaLanguage`), which is the same; `None` for the three
    /// names that only catalog items have (`Auto Detect` and the sign languages: Kaltura refuses them on an asset
    /// with `INVALID_ENUM_VALUE`).
    pub fn asset_name(&self) -> Option<&'static str> {
        self.is_spoken().then_some(self.catalog_name)
    }
}

/// Whether a BCP-47 tag is within a language range, by the extended filtering of RFC 4647, section 3.3.2: `en` holds
/// for `en-US`, `zh-CN` for `zh-Hans-CN`, `*` for any. Case is ignored.
pub fn matches_range(tag: &str, range: &str) -> bool {
    let mut subtags = tag.split('-');
    let mut wanted = range.split('-');
    match (subtags.next(), wanted.next()) {
        (Some(tag), Some(range)) if range == "*" || range.eq_ignore_ascii_case(tag) => {}
        _ => return false,
    }
    for want in wanted.filter(|want| *want != "*") {
        loop {
            match subtags.next() {
                Some(subtag) if subtag.eq_ignore_ascii_case(want) => break,
                // A singleton begins an extension or private use, which a range does not look into.
                Some(subtag) if subtag.len() > 1 => {}
                _ => return false,
            }
        }
    }
    true
}

/// Whether two tags name the same language, whatever the region or script: an engine that hears `en-US` where `en-GB` was
/// ordered hears no other language. Mandarin counts as Chinese.
pub fn same_language(one: &str, other: &str) -> bool {
    let primary = |tag: &str| {
        let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        if primary == "cmn" {
            "zh".to_owned()
        } else {
            primary
        }
    };
    primary(one) == primary(other)
}

fn primary_subtag(bcp47: &'static str) -> Option<&'static str> {
    bcp47.split('-').next()
}

const fn spoken(catalog_name: &'static str, bcp47: &'static str, iso639_3: &'static str) -> Language {
    Language {
        catalog_name,
        bcp47,
        iso639_3,
        kind: LanguageKind::Spoken,
    }
}

const fn signed(catalog_name: &'static str, bcp47: &'static str, iso639_3: &'static str) -> Language {
    Language {
        catalog_name,
        bcp47,
        iso639_3,
        kind: LanguageKind::Signed,
    }
}

const fn unspecified(catalog_name: &'static str) -> Language {
    Language {
        catalog_name,
        bcp47: "und",
        iso639_3: "und",
        kind: LanguageKind::Unspecified,
    }
}

/// All languages of catalog items, by name.
///
/// Tags are the shortest that tell the name apart (BCP 47: no script or region without need); the three written forms
/// of Chinese carry script and region, since the script is what their names are about and the region is what Kaltura's
/// own keys say (`ZH_CN`, `ZH_TW`, `ZH_HK`).
pub static LANGUAGES: [Language; 97] = [
    spoken("Afrikaans", "af", "afr"),
    spoken("Arabic", "ar", "ara"),
    spoken("Arabic (Lebanon)", "ar-LB", "ara"),
    spoken("Arabic (Qatar)", "ar-QA", "ara"),
    spoken("Arabic (Saudi Arabia)", "ar-SA", "ara"),
    unspecified("Auto Detect"),
    spoken("Azerbaijani", "az", "aze"),
    spoken("Bashkir", "ba", "bak"),
    spoken("Basque", "eu", "eus"),
    spoken("Bengali (Bangla)", "bn", "ben"),
    spoken("Bosnian", "bs", "bos"),
    spoken("Bulgarian", "bg", "bul"),
    spoken("Burmese", "my", "mya"),
    spoken("Byelorussian (Belarusian)", "be", "bel"),
    spoken("Cambodian", "km", "khm"),
    spoken("Cantonese", "yue", "yue"),
    spoken("Catalan", "ca", "cat"),
    spoken("Chinese", "zh", "zho"),
    spoken("Croatian", "hr", "hrv"),
    spoken("Czech", "cs", "ces"),
    spoken("Danish", "da", "dan"),
    spoken("Dutch", "nl", "nld"),
    spoken("English", "en", "eng"),
    signed("English (ASL)", "ase", "ase"),
    spoken("English (American)", "en-US", "eng"),
    spoken("English (Australian)", "en-AU", "eng"),
    signed("English (BSL)", "bfi", "bfi"),
    spoken("English (British)", "en-GB", "eng"),
    spoken("Esperanto", "eo", "epo"),
    spoken("Estonian", "et", "est"),
    spoken("Farsi", "fa", "fas"),
    spoken("Finnish", "fi", "fin"),
    spoken("French", "fr", "fra"),
    spoken("French (Canada)", "fr-CA", "fra"),
    spoken("Gaelic (Scottish)", "gd", "gla"),
    spoken("Galician", "gl", "glg"),
    spoken("Georgian", "ka", "kat"),
    spoken("German", "de", "deu"),
    spoken("Greek", "el", "ell"),
    spoken("Gujarati", "gu", "guj"),
    spoken("Hebrew", "he", "heb"),
    spoken("Hindi", "hi", "hin"),
    spoken("Hungarian", "hu", "hun"),
    spoken("Icelandic", "is", "isl"),
    spoken("Indonesian", "id", "ind"),
    spoken("Interlingua", "ia", "ina"),
    spoken("Irish", "ga", "gle"),
    spoken("Italian", "it", "ita"),
    spoken("Japanese", "ja", "jpn"),
    spoken("Javanese", "jv", "jav"),
    spoken("Kannada", "kn", "kan"),
    spoken("Kazakh", "kk", "kaz"),
    spoken("Korean", "ko", "kor"),
    spoken("Laothian", "lo", "lao"),
    spoken("Latvian (Lettish)", "lv", "lav"),
    spoken("Lithuanian", "lt", "lit"),
    spoken("Macedonian", "mk", "mkd"),
    spoken("Malay", "ms", "msa"),
    spoken("Malayalam", "ml", "mal"),
    spoken("Mandarin Chinese", "cmn", "cmn"),
    spoken("Marathi", "mr", "mar"),
    spoken("Mongolian", "mn", "mon"),
    spoken("Nepali", "ne", "nep"),
    spoken("Norwegian", "no", "nor"),
    spoken("Persian (Iran)", "fa-IR", "fas"),
    spoken("Polish", "pl", "pol"),
    spoken("Portuguese", "pt", "por"),
    spoken("Portuguese (Brazil)", "pt-BR", "por"),
    spoken("Punjabi", "pa", "pan"),
    spoken("Romanian", "ro", "ron"),
    spoken("Russian", "ru", "rus"),
    spoken("Serbian", "sr", "srp"),
    spoken("Simplified Chinese", "zh-Hans-CN", "zho"),
    spoken("Sinhalese", "si", "sin"),
    spoken("Slovak", "sk", "slk"),
    spoken("Slovakian", "sk-SK", "slk"),
    spoken("Slovenian", "sl", "slv"),
    spoken("Spanish", "es", "spa"),
    spoken("Spanish (Latin America)", "es-419", "spa"),
    spoken("Sundanese", "su", "sun"),
    spoken("Swahili (Kiswahili)", "sw", "swa"),
    spoken("Swedish", "sv", "swe"),
    spoken("Tagalog", "tl", "tgl"),
    spoken("Taiwanese Mandarin", "zh-Hant-TW", "zho"),
    spoken("Tamil", "ta", "tam"),
    spoken("Telugu", "te", "tel"),
    spoken("Thai", "th", "tha"),
    spoken("Traditional Chinese", "zh-Hant-HK", "zho"),
    spoken("Turkish", "tr", "tur"),
    spoken("Uighur", "ug", "uig"),
    spoken("Ukrainian", "uk", "ukr"),
    spoken("Urdu", "ur", "urd"),
    spoken("Uzbek", "uz", "uzb"),
    spoken("Vietnamese", "vi", "vie"),
    spoken("Welsh", "cy", "cym"),
    spoken("Xhosa", "xh", "xho"),
    spoken("Zulu", "zu", "zul"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// One value of `KalturaCatalogItemLanguage`, from Kaltura's own contract.
    #[derive(Deserialize)]
    struct CatalogValue {
        /// The enum's key: a code of Kaltura's making, `ZH_CN`.
        key: String,
        /// The value: the name.
        name: String,
        /// Whether `KalturaLanguage` has the name too.
        is_asset_language: bool,
    }

    fn catalog() -> Vec<CatalogValue> {
        serde_json::from_str(include_str!("fixtures/catalog-item-languages.json")).unwrap()
    }

    #[test]
    fn every_catalog_name_is_in_the_table_once_and_no_other() {
        let names: BTreeSet<_> = catalog().into_iter().map(|value| value.name).collect();
        let table: BTreeSet<_> = LANGUAGES
            .iter()
            .map(|language| language.catalog_name.to_owned())
            .collect();
        assert_eq!(names.len(), 97);
        assert_eq!(table, names);
    }

    #[test]
    fn assets_have_the_names_that_kaltura_takes_for_them() {
        for value in catalog() {
            let language = Language::by_catalog_name(&value.name).unwrap();
            assert_eq!(
                language.asset_name().is_some(),
                value.is_asset_language,
                "{}",
                value.name
            );
        }
    }

    #[test]
    fn the_unmapped_are_the_three_that_nobody_speaks() {
        let unmapped: Vec<_> = LANGUAGES
            .iter()
            .filter(|language| !language.is_spoken())
            .collect();
        let names: Vec<_> = unmapped.iter().map(|language| language.catalog_name).collect();
        assert_eq!(names, ["Auto Detect", "English (ASL)", "English (BSL)"]);
    }

    /// Kaltura's keys are codes themselves, made apart from this table: language first, then the region.
    #[test]
    fn tags_agree_with_kalturas_own_keys() {
        for value in catalog() {
            let language = Language::by_catalog_name(&value.name).unwrap();
            let expected = match value.key.as_str() {
                // ISO 639 withdrew `in` for Indonesian.
                "IN" => "id".to_owned(),
                // Kaltura's own invention for Latin America, a region by the UN's numbers.
                "ES_XL" => "es-419".to_owned(),
                "AUTO_DETECT" => "und".to_owned(),
                "EN_ASL" => "ase".to_owned(),
                "EN_BSL" => "bfi".to_owned(),
                key => key.to_lowercase().replace('_', "-"),
            };
            assert!(
                matches_range(language.bcp47, &expected),
                "{}: {}",
                value.name,
                language.bcp47
            );
            let extra = language
                .bcp47
                .split('-')
                .filter(|subtag| !matches!(*subtag, "Hans" | "Hant"))
                .count();
            assert_eq!(
                extra,
                expected.split('-').count(),
                "{}: {}",
                value.name,
                language.bcp47
            );
        }
    }

    #[test]
    fn codes_have_the_shape_of_their_standard() {
        for language in &LANGUAGES {
            assert_eq!(language.iso639_3.len(), 3, "{}", language.catalog_name);
            let primary = language.bcp47.split('-').next().unwrap();
            assert!(
                primary.bytes().all(|b| b.is_ascii_lowercase()),
                "{}",
                language.catalog_name
            );
            match language.iso639_1() {
                Some(code) => assert_eq!(code, primary),
                None => assert_eq!(language.iso639_3, primary),
            }
        }
    }

    #[test]
    fn one_language_has_one_iso_code() {
        for one in &LANGUAGES {
            for other in LANGUAGES
                .iter()
                .filter(|other| other.iso639_1() == one.iso639_1())
            {
                if one.iso639_1().is_some() {
                    assert_eq!(
                        one.iso639_3, other.iso639_3,
                        "{}, {}",
                        one.catalog_name, other.catalog_name
                    );
                }
            }
        }
    }

    #[test]
    fn ranges_match_as_rfc_4647_says() {
        for (tag, range, expected) in [
            ("en-US", "en", true),
            ("en-US", "EN-us", true),
            ("en", "en-US", false),
            ("en-GB", "en-US", false),
            ("zh-Hans-CN", "zh-CN", true),
            ("zh-Hant-HK", "zh-CN", false),
            ("zh-Hans-CN", "*", true),
            ("zh-Hans-CN", "*-CN", true),
            ("zh-Hans-CN", "zh-*-CN", true),
            ("eng", "en", false),
            ("de-x-DE", "de-DE", false),
            ("", "", true),
            ("en", "", false),
        ] {
            assert_eq!(matches_range(tag, range), expected, "{tag} in {range}");
        }
    }

    proptest! {
        #[test]
        fn any_tag_is_within_itself_and_within_any(tag in "[a-zA-Z]{2,8}(-[a-zA-Z0-9]{2,8}){0,3}") {
            prop_assert!(matches_range(&tag, &tag));
            prop_assert!(matches_range(&tag, "*"));
        }

        #[test]
        fn no_text_makes_matching_panic(tag in ".*", range in ".*") {
            let _ = matches_range(&tag, &range);
        }
    }

    #[test]
    fn a_tag_that_an_engine_tells_finds_its_catalog_language() {
        let named = |tag| Language::by_bcp47(tag).map(|language| language.catalog_name);
        assert_eq!(named("en"), Some("English"));
        assert_eq!(named("en-US"), Some("English (American)"));
        assert_eq!(named("en-IN"), Some("English"));
        assert_eq!(named("es-MX"), Some("Spanish"));
        assert_eq!(named("zh-TW"), Some("Chinese"));
        assert_eq!(named("tlh"), None);
        assert_eq!(named(""), None);
        assert_eq!(named("und"), None);
    }

    #[test]
    fn accents_are_no_other_language() {
        assert!(same_language("en-US", "en-GB") && same_language("cmn", "zh-Hans-CN"));
        assert!(!same_language("es", "pt-BR"));
    }
}
