//! Picture of either codec.

use serde::{Deserialize, Serialize};

use super::h264::H264Reader;
use super::hevc::HevcReader;
use super::nal::AccessUnit;
use crate::fault::Fault;
use crate::mp4::movie::Format;
use crate::ts::PictureCodec;

/// Converts access units of the codec that the media began with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum PictureReader {
    H264(H264Reader),
    Hevc(HevcReader),
}

impl PictureReader {
    pub(crate) fn new(codec: PictureCodec) -> Self {
        match codec {
            PictureCodec::H264 => Self::H264(H264Reader::default()),
            PictureCodec::Hevc => Self::Hevc(HevcReader::default()),
        }
    }

    /// Appends one access unit, as a PES packet carries it, to `payload`.
    pub(crate) fn convert(
        &mut self,
        codec: PictureCodec,
        annex_b: &[u8],
        payload: &mut Vec<u8>,
    ) -> Result<AccessUnit, Fault> {
        match (self, codec) {
            (Self::H264(reader), PictureCodec::H264) => reader.convert(annex_b, payload),
            (Self::Hevc(reader), PictureCodec::Hevc) => reader.convert(annex_b, payload),
            _ => Err(Fault::unsupported("picture whose codec changes midway")),
        }
    }

    /// What the sample entry is made of.
    pub(crate) fn format(&self) -> Result<Format, Fault> {
        Ok(match self {
            Self::H264(reader) => Format::Avc(reader.config()?),
            Self::Hevc(reader) => Format::Hevc(reader.config()?),
        })
    }

    /// The name in reports.
    pub(crate) fn codec_name(&self) -> &'static str {
        match self {
            Self::H264(_) => "h264",
            Self::Hevc(_) => "hevc",
        }
    }
}
