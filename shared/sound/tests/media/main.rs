//! Synthetic media through ffmpeg: what is mixed is measured in the result.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ear;
mod inspect;
mod mix;
