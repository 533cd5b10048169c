//! Mutation testing in one build: every change of the code is compiled behind a switch, and each is tested by the tests
//! that reach it, the quickest first. Hours of compiling become minutes of testing.
//!
//! [`switches`] finds the changes and rewrites sources; [`suite`] builds and runs tests. Which crate, and what of it, is
//! the program's business (`main.rs`).

pub mod error;
pub mod suite;
pub mod switches;

pub use error::{Error, Result};
