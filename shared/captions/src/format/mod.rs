//! The caption files: SRT, WebVTT and DFXP, written inside the subset that Kaltura's parsers read without loss
//! (`spec/captions.md` section 1) and read however sloppy they are.

mod blocks;
mod clock;
mod decode;
mod dfxp;
mod markup;
mod srt;
mod tidy;
mod vtt;

use serde::{Deserialize, Serialize};

pub use self::tidy::tidy;
use crate::cue::Cue;
use crate::error::CaptionError;

/// A caption file format that an order can ask for (`KalturaVendorCatalogItemOutputFormat` 1, 2, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptionFormat {
    /// SubRip.
    Srt,
    /// TTML in its DFXP profile.
    Dfxp,
    /// WebVTT.
    Vtt,
}

impl CaptionFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Srt, Self::Dfxp, Self::Vtt];

    /// `captionAsset[fileExt]`: without a dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Srt => "srt",
            Self::Dfxp => "dfxp",
            Self::Vtt => "vtt",
        }
    }

    /// The media type to store the file under.
    pub const fn mime_type(self) -> &'static str {
        match self {
            Self::Srt => "application/x-subrip",
            Self::Dfxp => "application/ttml+xml",
            Self::Vtt => "text/vtt",
        }
    }

    /// The name people know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Srt => "SRT",
            Self::Dfxp => "DFXP",
            Self::Vtt => "WebVTT",
        }
    }
}

/// Writes `cues` as a file of `format`: UTF-8, no byte order mark, line feeds, times as `HH:MM:SS` with milliseconds.
/// `language` is a BCP-47 tag, put where the format has a place for it (DFXP's `xml:lang`); empty where unknown.
///
/// The cues are put through [`tidy`] first, so the file is sound whatever comes in, and what is read back from it
/// equals `tidy(format, cues)`. The same cues give the same bytes. A file over 1 MiB (some ten hours of speech) can't be
/// served in segments by Kaltura; nothing is cut here for that.
pub fn write(format: CaptionFormat, cues: &[Cue], language: &str) -> String {
    let cues = tidy(format, cues);
    match format {
        CaptionFormat::Srt => srt::write(&cues),
        CaptionFormat::Dfxp => dfxp::write(&cues, language),
        CaptionFormat::Vtt => vtt::write(&cues),
    }
}

/// Reads a file that is said to be of `format`. Lenient: any encoding mark, any line ends, missing counters, sloppy
/// times, markup (taken off) and stray text (kept with the cue before it). Fails only where there is no cue at all,
/// or for DFXP where the XML can't be parsed.
///
/// Times and order are as in the file: cues may overlap, be of no length, or run backwards. [`tidy`] mends that.
pub fn read(format: CaptionFormat, bytes: &[u8]) -> Result<Vec<Cue>, CaptionError> {
    let text = decode::decode(bytes);
    let cues = match format {
        CaptionFormat::Srt => srt::read(&text),
        CaptionFormat::Dfxp => dfxp::read(&text)?,
        CaptionFormat::Vtt => vtt::read(&text),
    };
    if cues.is_empty() {
        return Err(CaptionError::NoCues {
            expected: format.name(),
            size_bytes: bytes.len(),
        });
    }
    Ok(cues)
}

/// Reads a file by what it holds, since customers' files are often named for another format than they are in.
/// Gives the format found.
pub fn read_any(bytes: &[u8]) -> Result<(CaptionFormat, Vec<Cue>), CaptionError> {
    let text = decode::decode(bytes);
    let head = text.trim_start();
    let format = if head.starts_with("WEBVTT") {
        CaptionFormat::Vtt
    } else if head.starts_with('<') {
        CaptionFormat::Dfxp
    } else {
        CaptionFormat::Srt
    };
    read(format, bytes)
        .map(|cues| (format, cues))
        .map_err(|error| match error {
            CaptionError::NoCues { size_bytes, .. } => CaptionError::NoCues {
                expected: "SRT, WebVTT or DFXP",
                size_bytes,
            },
            other => other,
        })
}
