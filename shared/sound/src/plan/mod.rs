//! When each clip of speech is heard. Pure: times in, times out.

mod describe;
mod phrases;
mod place;

pub use describe::{Description, DescriptionLimits, fit_descriptions, pauses};
pub use phrases::{Phrase, Piece, in_phrases};
pub use place::{Passage, PlaceLimits, place};

/// A stretch of time, in milliseconds. Of the media, or of a file of clips: who takes it says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its first millisecond.
    pub start_ms: u64,
    /// The millisecond after its last.
    pub end_ms: u64,
}

impl Span {
    /// From `start_ms` up to `end_ms`.
    pub fn new(start_ms: u64, end_ms: u64) -> Self {
        Self { start_ms, end_ms }
    }

    /// How long it is; 0 where it ends before it starts.
    pub fn duration_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms)
    }
}

/// Where a clip is heard in the media.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Which clip: its place in what was given to be placed.
    pub clip: usize,
    /// When it is heard first, in the media's milliseconds.
    pub start_ms: u64,
    /// When it has been said, in the media's milliseconds.
    pub end_ms: u64,
    /// How fast it is said: 1 is as it was made, 1.25 a quarter faster.
    pub speed: f64,
}

/// A clip that has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// Which clip.
    pub clip: usize,
    /// How much is missing: by how many milliseconds it would be too late or too long, said as fast as is allowed.
    pub over_ms: u64,
}

/// What became of the clips: each is in exactly one of the lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Those with a place, by time; none overlaps another.
    pub placements: Vec<Placement>,
    /// Those without, by time.
    pub misfits: Vec<Misfit>,
}

/// How long a clip takes at a speed: whole milliseconds, rounded up so that nothing of it is cut. What a speed made from
/// whole milliseconds loses by rounding is no millisecond more.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn said_ms(clip_ms: u64, speed: f64) -> u64 {
    (clip_ms as f64 / speed.max(1.0) - 1e-6).ceil() as u64
}

/// The speed that makes a clip take `room_ms`; never below 1.
#[allow(clippy::cast_precision_loss)]
fn speed_for(clip_ms: u64, room_ms: u64) -> f64 {
    if clip_ms <= room_ms {
        1.0
    } else {
        clip_ms as f64 / room_ms as f64
    }
}
