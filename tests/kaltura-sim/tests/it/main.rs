//! The stand-in from outside, over HTTP: what the spec says of the real server, a test for each rule.

#![allow(
    clippy::expect_used,
    reason = "helpers of tests fail as tests do, by a panic that says what was expected"
)]

mod assets;
mod bench;
mod control;
mod fault_effects;
mod imports;
mod live;
mod playback;
mod sessions;
mod tasks;
