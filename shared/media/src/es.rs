//! Elementary streams: what an MP4 needs to know about picture (H.264, HEVC) and sound (AAC, MPEG audio, AC-3).

pub(crate) mod ac3;
pub(crate) mod adts;
pub(crate) mod h264;
pub(crate) mod hevc;
pub(crate) mod mpeg_audio;
pub(crate) mod nal;
pub(crate) mod packed;
pub(crate) mod picture;
pub(crate) mod sound;
