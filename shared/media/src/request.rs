//! What a caller asks for.

use std::fmt;

use crate::address::redact_text;

/// An address to fetch from, with headers for that origin only.
///
/// The address may carry a session in its path or query; it prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaSource {
    pub(crate) address: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) entry_ms: Option<u64>,
}

impl MediaSource {
    /// A source at an absolute `https` address (`http` on loopback where the configuration allows it).
    /// Checked when it is fetched.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            headers: Vec::new(),
            entry_ms: None,
        }
    }

    /// Adds a header, such as `X-Kaltura-Ks`, to every request to this source's own origin (scheme, host
    /// and port). Never sent to another origin, whether a redirect or a playlist names it.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Says how long the media is, in milliseconds (Kaltura: the entry's `msDuration`), whatever a playlist announces. What
    /// is shorter by more than [`FetchLimits::entry_tolerance_ms`](crate::FetchLimits::entry_tolerance_ms) and
    /// [`entry_tolerance_percent`](crate::FetchLimits::entry_tolerance_percent) is
    /// [`FetchError::ShorterThanEntry`](crate::FetchError::ShorterThanEntry); what is longer lacks nothing. 0 says nothing.
    #[must_use]
    pub fn lasting_ms(mut self, entry_ms: u64) -> Self {
        self.entry_ms = Some(entry_ms).filter(|ms| *ms > 0);
        self
    }
}

impl fmt::Debug for MediaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("MediaSource")
            .field("address", &redact_text(&self.address))
            .field("headers", &names)
            .field("entry_ms", &self.entry_ms)
            .finish()
    }
}

impl From<&str> for MediaSource {
    fn from(address: &str) -> Self {
        Self::new(address)
    }
}

impl From<String> for MediaSource {
    fn from(address: String) -> Self {
        Self::new(address)
    }
}

/// Which tracks of an HLS source to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackChoice {
    /// Sound only, for recognisers: an audio rendition where the master names one, a packager's `-a1`
    /// playlist where the address has that shape, else the sound taken out of the muxed segments. Sound keeps
    /// the time it has beside the picture. Media without sound is [`FetchError::NoSound`](crate::FetchError::NoSound).
    AudioOnly,
    /// Picture and sound, for people. Sound may be missing: the report tells.
    AudioVideo,
}

/// How to fetch an HLS source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HlsRequest {
    /// The tracks wanted.
    pub tracks: TrackChoice,
}

impl HlsRequest {
    /// Sound only.
    pub fn audio_only() -> Self {
        Self {
            tracks: TrackChoice::AudioOnly,
        }
    }

    /// Picture and sound.
    pub fn audio_video() -> Self {
        Self {
            tracks: TrackChoice::AudioVideo,
        }
    }
}
