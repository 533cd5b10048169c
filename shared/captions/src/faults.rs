//! The scorer: which cues break which of the norms.
use crate::{Cue, LayoutRules};
/// What is wrong with a cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// A line is wider than the rules allow.
    LineTooLong,
}
/// One fault of one cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The cue's place, from 0.
    pub cue: usize,
    /// What is wrong with it.
    pub kind: FaultKind,
}
/// Every fault of `cues` by `rules`.
pub fn faults(_: &[Cue], _: &LayoutRules) -> Vec<Fault> { Vec::new() }
