//! The steps against the Kaltura stand-in, with the other ports in memory.

#![allow(missing_docs, reason = "a test")]

mod bad_input;
mod delivery;
mod world;
