//! extend-keys.
