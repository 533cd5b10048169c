//! Nothing lives here: the end-to-end tests are in `tests/`.
