//! fail.
