//! From what was made to the files that are delivered.
//!
//! What lives here: which of the order's wishes are applied, and in which order. What does not: how each is done
//! (`captions`, `sound`), and when (`steps::render`). All of it is pure but for sound, which runs programs.

mod sound;
mod text;

use captions::{CaptionFormat, Cue, Dictionary, LayoutRules, Profanity, Transcript, Word};

pub use sound::sound;
pub use text::{Texts, Translated};

use crate::plan::CaptionStyle;

/// Puts the words right for delivery: profanity out where the profile asks for that, the customer's spelling in (guide:
/// "check the dictionary value for words or phrases"), and punctuation and capitals where the engine gave none. In this
/// order, since a customer's capitals would hide that the engine gave none.
pub fn edit(transcript: &mut Transcript, style: &CaptionStyle, language: &str, dictionary: &[String]) {
    let unpunctuated = captions::needs_punctuation(transcript);
    let removed = if style.remove_profanity {
        Profanity::for_language(language).remove(transcript)
    } else {
        0
    };
    let corrected = Dictionary::parse(&dictionary.join("\n")).correct(transcript);
    if unpunctuated {
        captions::punctuate(transcript);
    }
    tracing::info!(removed, corrected, punctuated = unpunctuated, "transcript edited");
}

/// How an order's captions are laid out in `language` (BCP-47).
pub fn layout_rules(style: &CaptionStyle, language: &str) -> LayoutRules {
    LayoutRules {
        speaker_labels: style.speaker_labels,
        speaker_change_marks: style.speaker_change_marks,
        audio_tags: style.audio_tags,
        ..LayoutRules::for_order(Some(style.max_characters_per_line), language)
    }
}

/// The cues of an edited transcript, in `language` (BCP-47).
pub fn lay_out(transcript: &Transcript, style: &CaptionStyle, language: &str) -> Vec<Cue> {
    captions::lay_out(transcript, &layout_rules(style, language))
}

/// The caption file of cues, in `language` (BCP-47).
pub fn caption_file(cues: &[Cue], language: &str, format: CaptionFormat) -> Vec<u8> {
    captions::write(format, cues, language).into_bytes()
}

/// A translated text without profanity, where the profile asks for that: engines may leave it in.
pub fn clean_text(text: &str, language: &str) -> String {
    let words = text
        .split_whitespace()
        .map(|word| Word::new(word, 0, 0))
        .collect();
    let mut transcript = Transcript::new(None, words, 0);
    if Profanity::for_language(language).remove(&mut transcript) == 0 {
        return text.to_owned();
    }
    let words: Vec<&str> = transcript.words.iter().map(|word| word.text.as_str()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use captions::{SpeakerId, Word};

    use super::*;

    fn rendered(style: &CaptionStyle) -> String {
        let said = [
            "welcome", "to", "cal-tura", "this", "is", "a", "damn", "shit", "demo",
        ];
        let words = said.iter().enumerate().map(|(index, text)| {
            let start_ms = 500 + 400 * index as u64;
            let speaker = SpeakerId::new(if index < 3 { "a" } else { "b" });
            Word {
                speaker: Some(speaker),
                confidence: Some(0.5),
                ..Word::new(*text, start_ms, start_ms + 350)
            }
        });
        let mut transcript = Transcript::new(Some("en".into()), words.collect(), 6_000);
        edit(&mut transcript, style, "en", &["Kaltura".into()]);
        let cues = lay_out(&transcript, style, "en");
        String::from_utf8(caption_file(&cues, "en", CaptionFormat::Srt)).unwrap()
    }

    fn plain() -> CaptionStyle {
        CaptionStyle {
            max_characters_per_line: 42,
            speaker_labels: false,
            speaker_change_marks: false,
            audio_tags: false,
            remove_profanity: false,
        }
    }

    #[test]
    fn a_plain_order_gets_its_words_with_the_customers_spelling() {
        insta::assert_snapshot!(rendered(&plain()));
    }

    #[test]
    fn a_translation_is_cleaned_word_by_word() {
        assert_eq!(clean_text("una clase  de arte", "es"), "una clase  de arte");
        assert!(!clean_text("this is shit, really", "en").contains("shit"));
    }

    #[test]
    fn every_wish_of_the_profile_shows() {
        let style = CaptionStyle {
            speaker_labels: true,
            speaker_change_marks: true,
            remove_profanity: true,
            ..plain()
        };
        insta::assert_snapshot!(rendered(&style));
    }
}
