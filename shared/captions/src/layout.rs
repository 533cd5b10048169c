//! layout.
use crate::{Cue, LayoutRules, Transcript};
/// Lays the words out as cues.
pub fn lay_out(_: &Transcript, _: &LayoutRules) -> Vec<Cue> { Vec::new() }
