//! A seeded simulation of the pipeline: the real steps, the real state machine and the real Kaltura client, over the Kaltura
//! stand-in in the same process, an at-least-once queue that reorders, a conditional table and a clock that jumps.
//!
//! A [`Story`] tells it: customers order, withdraw, delete; functions are called as AWS would call them, overlap, and die at any
//! call; Kaltura fails in all its ways. Then everything calms down, and every invariant of [`pipeline::invariants`] must hold. A
//! story follows from its seed, so one that broke something can be told again.
//!
//! What does not live here: the AWS adapters, and real processes that are killed (`tests/e2e`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a test's world: a panic is the test's verdict"
)]

mod broadcast;
pub mod chaos;
pub mod machine;
mod ports;
pub mod story;
mod vendor;

pub use chaos::{Blow, Chaos, Plan};
pub use story::{Outcome, Story, Trick, Turns};

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
