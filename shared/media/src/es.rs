//! Elementary streams: what an MP4 needs to know about H.264 and AAC.

pub(crate) mod adts;
pub(crate) mod h264;
