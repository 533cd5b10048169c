//! What a finished fetch tells.

use serde::{Deserialize, Serialize};

/// The format of the bytes that the sink was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Container {
    /// Plain MP4 (M4A when it holds sound only) with the index in front; what HLS becomes, and what progressive
    /// files mostly are.
    Mp4,
    /// Fragmented MP4, progressive files only.
    FragmentedMp4,
    /// MP3, progressive files only.
    Mp3,
    /// AAC in ADTS frames, progressive files only.
    Adts,
    /// RIFF/WAVE, progressive files only.
    Wav,
    /// Matroska or WebM, progressive files only.
    Matroska,
    /// MPEG transport stream, progressive files only.
    MpegTs,
    /// A progressive file of a format not known here; its tracks are not known either.
    Other,
}

impl Container {
    /// The media type for an object's `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mp4 | Self::FragmentedMp4 => "video/mp4",
            Self::Mp3 => "audio/mpeg",
            Self::Adts => "audio/aac",
            Self::Wav => "audio/wav",
            Self::Matroska => "video/x-matroska",
            Self::MpegTs => "video/mp2t",
            Self::Other => "application/octet-stream",
        }
    }

    /// The usual file extension, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 | Self::FragmentedMp4 => "mp4",
            Self::Mp3 => "mp3",
            Self::Adts => "aac",
            Self::Wav => "wav",
            Self::Matroska => "mkv",
            Self::MpegTs => "ts",
            Self::Other => "bin",
        }
    }
}

/// Picture or sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// Picture.
    Video,
    /// Sound.
    Audio,
}

/// One track of the media that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Picture or sound.
    pub kind: TrackKind,
    /// The codec: its name (`h264`, `aac`) for media of transport streams; else the sample entry's four characters
    /// (`avc1`, `mp4a`, `hvc1`, …).
    pub codec: String,
    /// The track's own length in milliseconds, as presented; `None` where the container doesn't say it in
    /// front (fragmented MP4).
    pub duration_ms: Option<u64>,
    /// Frames (access units) in the track; `None` for files taken as they are.
    pub frames: Option<u64>,
}

/// The outcome of a fetch that wrote the whole media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchReport {
    /// The format of what was written.
    pub container: Container,
    /// The tracks of what was written; empty when the container's tracks can't be told
    /// ([`FetchReport::tracks_known`]).
    pub tracks: Vec<Track>,
    /// Length in milliseconds as presented: the longest track's end. `None` for a progressive file that
    /// doesn't say it.
    pub duration_ms: Option<u64>,
    /// Segments fetched, init sections not counted; 0 for a progressive file.
    pub segments: u32,
    /// Bytes of media received (segments, init sections, the file), those of repeated attempts included.
    pub bytes_in: u64,
    /// Bytes handed to the sink: the size of the finished object.
    pub bytes_out: u64,
    /// Requests that were repeated after a fault.
    pub retries: u32,
}

impl FetchReport {
    /// Whether the tracks could be told at all. `false` for progressive files other than MP4, where an
    /// engine has to find out.
    pub fn tracks_known(&self) -> bool {
        matches!(self.container, Container::Mp4 | Container::FragmentedMp4)
    }

    /// Whether there is sound; `None` where the tracks can't be told.
    pub fn has_audio(&self) -> Option<bool> {
        self.tracks_known()
            .then(|| self.tracks.iter().any(|t| t.kind == TrackKind::Audio))
    }

    /// Whether there is picture; `None` where the tracks can't be told.
    pub fn has_video(&self) -> Option<bool> {
        self.tracks_known()
            .then(|| self.tracks.iter().any(|t| t.kind == TrackKind::Video))
    }
}
