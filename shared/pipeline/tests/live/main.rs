//! Live captions on the doubles: words in, messages out, with writers that die and readers that come and go.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod killed;
mod readers;
mod stage;
mod translated;
mod writers;
