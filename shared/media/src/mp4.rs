//! MP4 (ISO/IEC 14496-12): sample tables kept while media passes, the index written from them at the end,
//! and a reader that tells a file's tracks while it streams by.

pub(crate) mod boxes;
mod esds;
pub(crate) mod fragment;
pub(crate) mod movie;
pub(crate) mod probe;
pub(crate) mod seam;
pub(crate) mod table;
