//! A transcript to chapters: text tiling, in this process.

use captions::{needs_punctuation, punctuate};

use crate::job::Divide;
use crate::result::{Chapter, Warning};

/// What makes the chapters, for [`crate::EngineVersion`].
pub(super) const PROGRAM: &str = concat!("text tiling ", env!("CARGO_PKG_VERSION"));

/// The chapters of a transcript. One that a recogniser without punctuation made gets its sentences first.
pub(super) fn chapters(work: &Divide) -> (Vec<Chapter>, Vec<Warning>) {
    let mut transcript = work.transcript.clone();
    transcript
        .language
        .get_or_insert_with(|| work.language.bcp47.clone());
    if needs_punctuation(&transcript) {
        punctuate(&mut transcript);
    }
    let chapters: Vec<Chapter> = captions::chapters(&transcript)
        .into_iter()
        .map(|chapter| Chapter {
            start_ms: chapter.start_ms,
            title: chapter.title,
            description: Some(chapter.description).filter(|text| !text.is_empty()),
        })
        .collect();
    let warnings = if chapters.is_empty() {
        vec![Warning::new("NoSpeech", "no word to find chapters in")]
    } else {
        Vec::new()
    };
    (chapters, warnings)
}
