//! Which voice speaks which language.

use crate::language::matches_range;

/// A program that speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synthesiser {
    /// flite: English only, from recordings.
    Flite,
    /// espeak-ng: many languages, from rules.
    Espeak,
}

impl Synthesiser {
    /// What the program is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flite => "flite",
            Self::Espeak => "espeak-ng",
        }
    }
}

/// A voice of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Voice {
    /// What it speaks, as a BCP-47 range.
    pub(super) range: &'static str,
    /// Whose it is.
    pub(super) program: Synthesiser,
    /// Its name there.
    pub(super) name: &'static str,
}

const fn espeak(range: &'static str, name: &'static str) -> Voice {
    Voice {
        range,
        program: Synthesiser::Espeak,
        name,
    }
}

/// The voices, the narrower range first.
///
/// flite's `rms` is the one of its voices that is understood best (`infra/local/engines/README.md`, the recogniser as
/// the listener). espeak-ng 1.51 has voices beyond these that don't read the language as it is written: the ideographs of
/// `ja` and `cmn`, the unwritten vowels of `ar` and `he`, `my` and `th`.
pub(super) const VOICES: &[Voice] = &[
    Voice {
        range: "en",
        program: Synthesiser::Flite,
        name: "rms",
    },
    espeak("es-419", "es-419"),
    espeak("pt-BR", "pt-br"),
    espeak("af", "af"),
    espeak("az", "az"),
    espeak("ba", "ba"),
    espeak("be", "be"),
    espeak("bg", "bg"),
    espeak("bn", "bn"),
    espeak("bs", "bs"),
    espeak("ca", "ca"),
    espeak("cs", "cs"),
    espeak("cy", "cy"),
    espeak("da", "da"),
    espeak("de", "de"),
    espeak("el", "el"),
    espeak("eo", "eo"),
    espeak("es", "es"),
    espeak("et", "et"),
    espeak("eu", "eu"),
    espeak("fa", "fa"),
    espeak("fi", "fi"),
    espeak("fr", "fr-fr"),
    espeak("ga", "ga"),
    espeak("gd", "gd"),
    espeak("gu", "gu"),
    espeak("hi", "hi"),
    espeak("hr", "hr"),
    espeak("hu", "hu"),
    espeak("ia", "ia"),
    espeak("id", "id"),
    espeak("is", "is"),
    espeak("it", "it"),
    espeak("ka", "ka"),
    espeak("kk", "kk"),
    espeak("kn", "kn"),
    espeak("ko", "ko"),
    espeak("lt", "lt"),
    espeak("lv", "lv"),
    espeak("mk", "mk"),
    espeak("ml", "ml"),
    espeak("mr", "mr"),
    espeak("ms", "ms"),
    espeak("ne", "ne"),
    espeak("nl", "nl"),
    espeak("no", "nb"),
    espeak("pa", "pa"),
    espeak("pl", "pl"),
    espeak("pt", "pt"),
    espeak("ro", "ro"),
    espeak("ru", "ru"),
    espeak("si", "si"),
    espeak("sk", "sk"),
    espeak("sl", "sl"),
    espeak("sr", "sr"),
    espeak("sv", "sv"),
    espeak("sw", "sw"),
    espeak("ta", "ta"),
    espeak("te", "te"),
    espeak("tr", "tr"),
    espeak("ug", "ug"),
    espeak("uk", "uk"),
    espeak("ur", "ur"),
    espeak("uz", "uz"),
    espeak("vi", "vi"),
    espeak("yue", "yue"),
];

/// The voice for a language; none where no voice speaks it.
pub(super) fn voice_for(bcp47: &str) -> Option<&'static Voice> {
    VOICES.iter().find(|voice| matches_range(bcp47, voice.range))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::LANGUAGES;

    #[test]
    fn the_best_voice_for_the_language() {
        for (bcp47, expected) in [
            ("en", Some("rms")),
            ("en-GB", Some("rms")),
            ("es", Some("es")),
            ("es-419", Some("es-419")),
            ("pt-BR", Some("pt-br")),
            ("pt-PT", Some("pt")),
            ("fr-CA", Some("fr-fr")),
            ("no", Some("nb")),
            ("ja", None),
            ("ar-SA", None),
            ("zh-Hans-CN", None),
        ] {
            assert_eq!(voice_for(bcp47).map(|voice| voice.name), expected, "{bcp47}");
        }
    }

    #[test]
    fn every_voice_speaks_a_language_that_can_be_ordered() {
        for voice in VOICES {
            let ordered = LANGUAGES
                .iter()
                .any(|language| voice_for(language.bcp47) == Some(voice));
            assert!(ordered, "{}", voice.range);
        }
    }
}
