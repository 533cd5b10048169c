//! The client against the stand-in, which shares no code with it: what the server does differently from the guide, an order
//! of each kind, and files of many chunks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

mod bench;
mod disagreements;
mod orders;
mod services;
mod uploads;
