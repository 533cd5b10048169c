//! The steps against the Kaltura stand-in, with the other ports in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]
#![allow(missing_docs, reason = "a test")]

mod amazon;
mod bad_input;
mod delivery;
mod engines;
mod events;
mod life;
mod live;
mod media;
mod operator;
mod overdue;
mod services;
mod services_refused;

use step_world as world;
