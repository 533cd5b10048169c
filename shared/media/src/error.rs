//! The crate's error: what went wrong, where, whether it may pass, and what a customer may be told.

use std::fmt;
use std::time::Duration;

use crate::sink::SinkError;

/// Whether a fault may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The same fetch may succeed later: the network, a server's fault, a file not yet there.
    Retryable,
    /// It will not: the media is of a kind that is not taken, or the address must not be fetched.
    Terminal,
    /// Nothing is wrong: it was stopped, and goes on from its checkpoint.
    Unfinished,
    /// It will not, and the media is not to blame: the sink refuses.
    Fault,
}

/// Why an address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AddressFault {
    /// Not an absolute URL with a host.
    #[error("not an absolute address with a host")]
    Malformed,
    /// A scheme other than `https` (or loopback `http` where allowed).
    #[error("only https is taken")]
    NotHttps,
    /// A user name or password inside the address.
    #[error("an address must not carry a user name or password")]
    Credentials,
    /// The host is, or resolves to, loopback.
    #[error("the host is loopback")]
    Loopback,
    /// The host is, or resolves to, an address of a private network.
    #[error("the host is in a private network")]
    Private,
    /// The host is, or resolves to, a link-local address; cloud metadata services live there.
    #[error("the host is link-local or a metadata service")]
    LinkLocal,
    /// The host is, or resolves to, multicast, unspecified, documentation, reserved or tunnelled space.
    #[error("the host is not a public unicast address")]
    NotPublic,
}

/// Why a manifest server answered with nothing: Kaltura's playManifest answers errors as an empty 200 with
/// `X-Kaltura: error-<n>` (server: `KExternalErrors.class.php`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRefusal {
    /// The number from `X-Kaltura: error-<n>`; `None` when the header is missing or of another form.
    pub code: Option<u16>,
    /// `X-Kaltura-App` as sent, cut to 200 characters.
    pub text: Option<String>,
}

impl ManifestRefusal {
    /// Reads the two headers' values.
    pub(crate) fn from_headers(x_kaltura: Option<&str>, x_kaltura_app: Option<&str>) -> Self {
        let code = x_kaltura.and_then(|value| {
            value
                .split([',', ' '])
                .find_map(|word| word.strip_prefix("error-")?.trim().parse().ok())
        });
        Self {
            code,
            text: x_kaltura_app.map(|text| text.chars().take(200).collect()),
        }
    }

    /// Terminal for what only the customer can change; the rest may pass: a schedule window opens (2), a
    /// file is still being copied (5), a session is renewed (7, 31), a rate limit ends (57).
    fn class(&self) -> Class {
        match self.code {
            Some(1 | 3 | 6 | 16 | 36) => Class::Terminal,
            _ => Class::Retryable,
        }
    }

    /// The server caches a refusal per URL for 60 s, except for access control (3, 16) and 53.
    fn cached_for(&self) -> Option<Duration> {
        match self.code {
            Some(3 | 16 | 53) => None,
            _ => Some(Duration::from_secs(61)),
        }
    }
}

impl fmt::Display for ManifestRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "error-{code}")?,
            None => f.write_str("no error code")?,
        }
        self.text.as_ref().map_or(Ok(()), |text| write!(f, " ({text})"))
    }
}

/// Why a fetch failed. Nothing was delivered: the sink was aborted.
///
/// Addresses inside print without sessions and queries.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// An address that must not be fetched, in the request, a redirect or a playlist.
    #[error("address {at} refused: {fault}")]
    AddressRefused {
        /// The address, redacted.
        at: String,
        /// What is wrong with it.
        fault: AddressFault,
    },
    /// A header of the source that is not one.
    #[error("header {name:?} is not a valid http header")]
    HeaderInvalid {
        /// Its name.
        name: String,
    },
    /// More redirects than the limit.
    #[error("{at} redirects more than {limit} times")]
    TooManyRedirects {
        /// The address asked for first, redacted.
        at: String,
        /// [`FetchLimits::redirects`](crate::FetchLimits::redirects).
        limit: usize,
    },
    /// No connection, or one that broke.
    #[error("request to {at} failed")]
    Transport {
        /// The address, redacted.
        at: String,
        /// The client's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer that is not a success.
    #[error("{at} answered HTTP {status}")]
    Status {
        /// The address, redacted.
        at: String,
        /// The HTTP status.
        status: u16,
    },
    /// Silence inside a body, or a request beyond its time.
    #[error("{at} gave nothing for {after:?}")]
    Stalled {
        /// The address, redacted.
        at: String,
        /// How long was waited.
        after: Duration,
    },
    /// The whole fetch took longer than its limit.
    #[error("fetch not finished within {limit:?}")]
    OutOfTime {
        /// [`FetchLimits::total_time`](crate::FetchLimits::total_time).
        limit: Duration,
    },
    /// The fetch was stopped where it was told to, with a checkpoint kept.
    #[error("stopped at its deadline, goes on from its checkpoint")]
    Unfinished,
    /// The manifest is empty: the server's way to refuse.
    #[error("{at} answered an empty manifest: {refusal}")]
    ManifestEmpty {
        /// The manifest's address, redacted.
        at: String,
        /// What its headers said.
        refusal: ManifestRefusal,
    },
    /// Something else than a playlist, or a playlist that contradicts itself.
    #[error("playlist {at} not usable: {what}")]
    PlaylistInvalid {
        /// The playlist's address, redacted.
        at: String,
        /// What was found and expected.
        what: String,
    },
    /// A live or endless playlist: it has no `#EXT-X-ENDLIST`.
    #[error("playlist {at} is live: it has no end")]
    PlaylistLive {
        /// The playlist's address, redacted.
        at: String,
    },
    /// A playlist larger than the limit.
    #[error("playlist {at} is larger than {limit} bytes")]
    PlaylistTooLarge {
        /// The playlist's address, redacted.
        at: String,
        /// [`FetchLimits::playlist_bytes`](crate::FetchLimits::playlist_bytes).
        limit: u64,
    },
    /// More segments than the limit.
    #[error("playlist {at} has {count} segments, at most {limit} are taken")]
    TooManySegments {
        /// The playlist's address, redacted.
        at: String,
        /// How many it has.
        count: usize,
        /// [`FetchLimits::segments`](crate::FetchLimits::segments).
        limit: usize,
    },
    /// A segment larger than the limit, or without an end.
    #[error("segment {at} is larger than {limit} bytes")]
    SegmentTooLarge {
        /// The segment's address, redacted.
        at: String,
        /// [`FetchLimits::segment_bytes`](crate::FetchLimits::segment_bytes).
        limit: u64,
    },
    /// More bytes in all than the limit.
    #[error("media is larger than {limit} bytes")]
    MediaTooLarge {
        /// [`FetchLimits::total_bytes`](crate::FetchLimits::total_bytes).
        limit: u64,
    },
    /// More frames than the index may hold.
    #[error("{at} brings more than {limit} frames")]
    TooManyFrames {
        /// The segment's address, redacted.
        at: String,
        /// [`FetchLimits::frames`](crate::FetchLimits::frames).
        limit: usize,
    },
    /// A body without a byte.
    #[error("{at} is empty")]
    Empty {
        /// The address, redacted.
        at: String,
    },
    /// A page, or another kind of file, where media was announced.
    #[error("{at} is not media: {what}")]
    NotMedia {
        /// The address, redacted.
        at: String,
        /// What was found and expected.
        what: String,
    },
    /// A body that ended before it was whole.
    #[error("{at} is truncated: {what}")]
    Truncated {
        /// The address, redacted.
        at: String,
        /// How that shows.
        what: String,
    },
    /// The file at an address is another one than when its first bytes were read.
    #[error("{at} changed while it was read: {what}")]
    Changed {
        /// The address, redacted.
        at: String,
        /// What differs.
        what: String,
    },
    /// Media whose structure is broken.
    #[error("{at} is damaged: {what}")]
    Damaged {
        /// The segment's address, redacted.
        at: String,
        /// What was found and expected.
        what: String,
    },
    /// The media's length is not the one announced.
    #[error("media lasts {actual_ms} ms, {expected_ms} ms were announced by {by}")]
    DurationMismatch {
        /// What was announced, in milliseconds.
        expected_ms: u64,
        /// What was found, in milliseconds.
        actual_ms: u64,
        /// Who announced it.
        by: &'static str,
    },
    /// The media is shorter than the entry that it is of.
    #[error("{at} lasts {actual_ms} ms, and its entry {entry_ms} ms")]
    ShorterThanEntry {
        /// The playlist's or the file's address, redacted.
        at: String,
        /// What [`MediaSource::lasting_ms`](crate::MediaSource::lasting_ms) said.
        entry_ms: u64,
        /// What the playlist announces, or the file holds, in milliseconds.
        actual_ms: u64,
    },
    /// A feature or codec that is not handled.
    #[error("{at} needs what is not supported: {what}")]
    Unsupported {
        /// The playlist's or segment's address, redacted.
        at: String,
        /// The feature or codec.
        what: String,
    },
    /// Media under DRM, which can't be had without a licence.
    #[error("{at} is protected by DRM ({method})")]
    Protected {
        /// The playlist's address, redacted.
        at: String,
        /// The key's method or format.
        method: String,
    },
    /// A decryption key that is not one, or media that it doesn't open.
    #[error("key for {at} does not fit: {what}")]
    Key {
        /// The key's or segment's address, redacted.
        at: String,
        /// What was found and expected.
        what: String,
    },
    /// Sound was asked for, and the media has none.
    #[error("{at} has no sound")]
    NoSound {
        /// The playlist's address, redacted.
        at: String,
    },
    /// Every try for one request failed.
    #[error("gave up after {attempts} attempts in {elapsed:?}")]
    Exhausted {
        /// How many tries there were.
        attempts: u32,
        /// Time from the first try to the last failure.
        elapsed: Duration,
        /// The last failure.
        #[source]
        source: Box<FetchError>,
    },
    /// The sink failed.
    #[error("sink failed")]
    Sink(#[from] SinkError),
    /// The program that other codecs go through could not be run, or was ended.
    #[error("{program} {what}")]
    Converter {
        /// [`FetchConfig::ffmpeg`](crate::FetchConfig::ffmpeg).
        program: String,
        /// What became of it.
        what: String,
    },
    /// The HTTP client could not be made.
    #[error("http client could not be set up")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl FetchError {
    /// Whether the same fetch may succeed later.
    ///
    /// A missing or broken segment counts as retryable although this crate has already tried it several
    /// times: ERROR is final at Kaltura, and a CDN's fault passes.
    pub fn class(&self) -> Class {
        match self {
            Self::AddressRefused { .. }
            | Self::HeaderInvalid { .. }
            | Self::TooManyRedirects { .. }
            | Self::PlaylistLive { .. }
            | Self::PlaylistTooLarge { .. }
            | Self::TooManySegments { .. }
            | Self::SegmentTooLarge { .. }
            | Self::MediaTooLarge { .. }
            | Self::TooManyFrames { .. }
            | Self::Unsupported { .. }
            | Self::Protected { .. }
            | Self::NoSound { .. } => Class::Terminal,
            Self::Transport { .. }
            | Self::Status { .. }
            | Self::Stalled { .. }
            | Self::OutOfTime { .. }
            | Self::PlaylistInvalid { .. }
            | Self::Empty { .. }
            | Self::NotMedia { .. }
            | Self::Truncated { .. }
            | Self::Changed { .. }
            | Self::Damaged { .. }
            | Self::DurationMismatch { .. }
            | Self::ShorterThanEntry { .. }
            | Self::Key { .. }
            | Self::Client(_) => Class::Retryable,
            Self::Converter { .. } => Class::Fault,
            Self::Unfinished => Class::Unfinished,
            Self::ManifestEmpty { refusal, .. } => refusal.class(),
            Self::Exhausted { source, .. } => source.class(),
            Self::Sink(sink) => {
                if sink.is_retryable() {
                    Class::Retryable
                } else {
                    Class::Fault
                }
            }
        }
    }

    /// A stable name for metrics and state machines; that of the last failure when tries ran out.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddressRefused { .. } => "MediaAddressRefused",
            Self::HeaderInvalid { .. } => "MediaHeaderInvalid",
            Self::TooManyRedirects { .. } => "MediaTooManyRedirects",
            Self::Transport { .. } => "MediaTransport",
            Self::Status { .. } => "MediaStatus",
            Self::Stalled { .. } => "MediaStalled",
            Self::OutOfTime { .. } => "MediaOutOfTime",
            Self::Unfinished => "MediaUnfinished",
            Self::ManifestEmpty { .. } => "MediaManifestEmpty",
            Self::PlaylistInvalid { .. } => "MediaPlaylistInvalid",
            Self::PlaylistLive { .. } => "MediaPlaylistLive",
            Self::PlaylistTooLarge { .. } => "MediaPlaylistTooLarge",
            Self::TooManySegments { .. } => "MediaTooManySegments",
            Self::SegmentTooLarge { .. } => "MediaSegmentTooLarge",
            Self::MediaTooLarge { .. } => "MediaTooLarge",
            Self::TooManyFrames { .. } => "MediaTooManyFrames",
            Self::Empty { .. } => "MediaEmpty",
            Self::NotMedia { .. } => "MediaNotMedia",
            Self::Truncated { .. } => "MediaTruncated",
            Self::Changed { .. } => "MediaChanged",
            Self::Damaged { .. } => "MediaDamaged",
            Self::DurationMismatch { .. } => "MediaDurationMismatch",
            Self::ShorterThanEntry { .. } => "MediaShorterThanEntry",
            Self::Unsupported { .. } => "MediaUnsupported",
            Self::Protected { .. } => "MediaProtected",
            Self::Key { .. } => "MediaKey",
            Self::NoSound { .. } => "MediaNoSound",
            Self::Exhausted { source, .. } => source.name(),
            Self::Sink(_) => "MediaSink",
            Self::Converter { .. } => "MediaConverter",
            Self::Client(_) => "MediaClient",
        }
    }

    /// How long to wait at least before the same manifest is asked for again, where the server is known to
    /// cache its refusal; `None` where any backoff will do.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ManifestEmpty { refusal, .. } => refusal.cached_for(),
            Self::Exhausted { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// The session in the address is invalid or expired, so a renewed one may be taken.
    pub fn is_session_fault(&self) -> bool {
        match self {
            Self::ManifestEmpty { refusal, .. } => matches!(refusal.code, Some(7 | 31)),
            Self::Exhausted { source, .. } => source.is_session_fault(),
            _ => false,
        }
    }

    /// One sentence for the customer whose media it is: no addresses, no figures of ours.
    pub fn customer_text(&self) -> &'static str {
        match self {
            Self::NoSound { .. } => "The media has no sound.",
            Self::Protected { .. } => "The media is protected by DRM and can't be downloaded.",
            Self::PlaylistLive { .. } => "The media is a live stream that has not ended.",
            Self::Unsupported { .. } => "The media is in a format that is not supported.",
            Self::PlaylistTooLarge { .. }
            | Self::TooManySegments { .. }
            | Self::SegmentTooLarge { .. }
            | Self::MediaTooLarge { .. }
            | Self::TooManyFrames { .. } => "The media is larger than can be processed.",
            Self::AddressRefused { .. } | Self::TooManyRedirects { .. } => {
                "The media's address is not a public https address."
            }
            Self::ManifestEmpty { refusal, .. } => match refusal.code {
                Some(1) => "The entry was not found.",
                Some(2) => "The entry is outside its scheduling window.",
                Some(3 | 16) => "The entry's access control does not allow the media to be downloaded.",
                Some(5 | 6) => "The entry's flavor was not found.",
                Some(36) => "The entry is a live stream that is not on air.",
                _ => "The media could not be downloaded.",
            },
            Self::Exhausted { source, .. } => source.customer_text(),
            _ => "The media could not be downloaded.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(x_kaltura: Option<&str>) -> FetchError {
        let refusal = ManifestRefusal::from_headers(x_kaltura, Some("exiting on error 1 - ENTRY_NOT_FOUND"));
        FetchError::ManifestEmpty {
            at: "https://cdn/a.m3u8".into(),
            refusal,
        }
    }

    #[test]
    fn refusals_are_classed_by_their_number() {
        for code in [1, 3, 6, 16, 36] {
            assert_eq!(
                refusal(Some(&format!("error-{code}"))).class(),
                Class::Terminal,
                "error-{code}"
            );
        }
        for code in [2, 5, 7, 31, 57, 99] {
            assert_eq!(
                refusal(Some(&format!("error-{code}"))).class(),
                Class::Retryable,
                "error-{code}"
            );
        }
        assert_eq!(refusal(None).class(), Class::Retryable);
        assert!(refusal(Some("error-31")).is_session_fault());
    }

    #[test]
    fn refusals_tell_what_the_server_said() {
        let text = refusal(Some("cached-dispatcher-cache-time,error-1")).to_string();
        assert_eq!(
            text,
            "https://cdn/a.m3u8 answered an empty manifest: error-1 (exiting on error 1 - ENTRY_NOT_FOUND)"
        );
        assert!(refusal(Some("junk")).to_string().contains("no error code"));
    }

    #[test]
    fn cached_refusals_say_when_to_come_back() {
        assert_eq!(
            refusal(Some("error-1")).retry_after(),
            Some(Duration::from_secs(61))
        );
        assert_eq!(refusal(Some("error-16")).retry_after(), None);
    }

    #[test]
    fn exhausted_speaks_for_its_cause() {
        let last = FetchError::Status {
            at: "https://cdn/1.ts".into(),
            status: 404,
        };
        let error = FetchError::Exhausted {
            attempts: 4,
            elapsed: Duration::from_secs(2),
            source: Box::new(last),
        };
        assert_eq!((error.name(), error.class()), ("MediaStatus", Class::Retryable));
    }
}
