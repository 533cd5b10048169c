//! Speech made from text, for the tests of this crate.

use captions::{SpeakerId, Transcript, Word, WordKind};

/// Words of `text` as if read aloud at about `words_per_minute`: longer words take longer, with a breath after a comma
/// and a pause after a sentence. `{A}` gives the speaker from there on, `*laughter*` a sound of one second, and `...` a
/// silence of three seconds.
pub fn spoken(language: &str, text: &str, words_per_minute: u64) -> Transcript {
    let mut words: Vec<Word> = Vec::new();
    let mut speaker = None;
    let mut at_ms: u64 = 500;
    // What a word takes on average, less its pauses.
    let pace_ms = 60_000 / words_per_minute;
    for part in text.split_whitespace() {
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            speaker = Some(SpeakerId::new(name));
        } else if part == "..." {
            at_ms += 3_000;
        } else if let Some(sound) = part.strip_prefix('*').and_then(|part| part.strip_suffix('*')) {
            words.push(Word {
                kind: WordKind::AudioTag,
                ..Word::new(sound, at_ms, at_ms + 1_000)
            });
            at_ms += 1_100;
        } else {
            let letters = part.chars().count() as u64;
            let length_ms = pace_ms * (35 + 9 * letters) / 100;
            let word = Word::new(part, at_ms, at_ms + length_ms);
            words.push(Word {
                speaker: speaker.clone(),
                confidence: Some(0.93),
                ..word
            });
            at_ms += length_ms + 20;
            at_ms += match part.chars().next_back() {
                Some('.' | '?' | '!') => 550,
                Some(',') => 180,
                _ => 0,
            };
        }
    }
    Transcript::new(Some(language.to_owned()), words, at_ms + 500)
}
