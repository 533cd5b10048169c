//! Transcripts, captions and the files they travel in.
//!
//! Here live the transcript and cue model, the layout of words into cues by published norms, a scorer for those norms,
//! readers and writers for SRT, WebVTT, DFXP, plain text and Kaltura's timed JSON, passages for translation and speech,
//! keywords and chapters. Everything is a pure function of its input: nothing is read from or written to disk or
//! network, so every call is safe to repeat.
//!
//! Not here: how an engine's output becomes a [`Transcript`], who translates, where files are stored, which format an
//! order wants.
//!
//! ```
//! use captions::{CaptionFormat, LayoutRules, Transcript, Word};
//!
//! let words = vec![Word::new("Hello,", 200, 500), Word::new("world.", 520, 1_400)];
//! let transcript = Transcript::new(Some("en".to_owned()), words, 2_000);
//! let cues = captions::lay_out(&transcript, &LayoutRules::default());
//! let file = captions::write(CaptionFormat::Srt, &cues, "en");
//! assert!(file.starts_with("1\n00:00:00,200 --> "));
//! ```

mod chapters;
mod cue;
mod dictionary;
mod error;
mod faults;
mod format;
#[cfg(test)]
mod fuzz;
mod keywords;
mod language;
mod layout;
pub mod live;
mod paragraphs;
mod passages;
mod phrases;
mod plain;
mod profanity;
mod punctuate;
mod retime;
mod rules;
mod terms;
mod timed_json;
mod transcript;
mod width;

pub use chapters::{Chapter, chapters};
pub use cue::Cue;
pub use dictionary::Dictionary;
pub use error::{CaptionError, ErrorClass};
pub use faults::{Fault, FaultKind, faults};
pub use format::{CaptionFormat, read, read_any, tidy, write};
pub use keywords::keywords;
pub use layout::lay_out;
pub use paragraphs::write_text;
pub use passages::{Passage, PassageRules, passages, retimed_transcript, transcript_passages};
pub use phrases::Phrase;
pub use profanity::Profanity;
pub use punctuate::{needs_punctuation, punctuate};
pub use retime::retime;
pub use rules::{DEFAULT_CHARS_PER_LINE, LayoutRules};
pub use timed_json::{read_timed_json, write_timed_json};
pub use transcript::{SpeakerId, TRANSCRIPT_VERSION, Transcript, Word, WordKind};
pub use width::width;
