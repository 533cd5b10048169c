//! Speech on a programme's time: where each clip goes, the track that comes of it, and what a track has to be.
//!
//! What lives here: placing dubbed clips ([`place`]) with the pauses of the original ([`in_phrases`]) and descriptions ([`fit_descriptions`]), mixing them with the
//! programme's sound ([`mix_dub`], [`mix_description`], [`clear_track`]), the facts of an audio file ([`inspect`]) and
//! the rules for it ([`check_track`]). Planning and checking are pure; the rest runs ffmpeg and ffprobe on local files.
//! What doesn't: who makes the clips, where files come from and go to, Kaltura, and the retries of a failed mix (the
//! caller's state machine).
//!
//! Promise: a track that is given out is MP4 with one AAC-LC track, its index in front, of one length with the media
//! give or take an AAC frame (21 ms at 48 kHz), checked by ffprobe. Nothing else is ever at its path.
//!
//! Memory stays flat. Measured by `cargo run --release -p sound --example mix_hours -- MINUTES` on two processors with a
//! load of 25 from other work: 6 minutes of programme with 60 clips take 3.4 MB at the peak (8 times real time), 24
//! minutes with 240 clips 3.8 MB (13 times real time). The two ffmpeg beside it took 55 MB each.

mod check;
mod error;
mod inspect;
mod mix;
mod peaks;
mod plan;
mod probe;
mod program;

pub use check::{Problem, TrackRules, check_track};
pub use error::{ErrorClass, Result, SoundError};
pub use inspect::{TrackFacts, inspect};
pub use mix::{BitRate, Ducking, Order, Speech, Track, clear_track, media_ms, mix_description, mix_dub};
pub use peaks::peaks;
pub use plan::{
    Description, DescriptionLimits, Misfit, Passage, Phrase, Piece, PlaceLimits, Placement, Plan, Span,
    fit_descriptions, in_phrases, pauses, place,
};
pub use probe::{Source, Tools};
