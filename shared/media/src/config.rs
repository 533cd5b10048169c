//! Limits and switches of a [`Fetcher`](crate::Fetcher), with the reasons for their defaults.

use std::path::PathBuf;
use std::time::Duration;

/// Bounds on what a fetch may take. Each ends in a [`FetchError`](crate::FetchError) that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchLimits {
    /// Largest playlist, in bytes. 8 MiB: 50,000 segments at 160 bytes a line.
    pub playlist_bytes: u64,
    /// Most segments in one playlist. 50,000: more than a day of 2 s segments.
    pub segments: usize,
    /// Largest single segment, init section or key, in bytes. 256 MiB: 10 s at 200 Mbit/s. What an
    /// endless segment runs into.
    pub segment_bytes: u64,
    /// Most bytes received in one fetch. 48 GiB: what S3's 10,000 parts hold at 5 MiB a part.
    pub total_bytes: u64,
    /// Most frames of picture and sound that the index of an MP4 holds, at 12 bytes each. 10 million: a
    /// day at 60 frames a second.
    pub frames: usize,
    /// Most redirects followed for one request. 5.
    pub redirects: usize,
    /// Time for one whole fetch. 14 minutes: a Lambda function has 15.
    pub total_time: Duration,
    /// Time for one request, body included. 5 minutes.
    pub request_time: Duration,
    /// Time to connect. 10 s.
    pub connect_time: Duration,
    /// Longest silence inside a body. 20 s. Not counted while this side is not reading.
    pub idle_time: Duration,
    /// Tries for one request, the first included. 4.
    pub attempts: u32,
    /// Wait before the second try; doubled before each further one, and jittered. 250 ms.
    pub backoff: Duration,
    /// How far the media's length may be from the playlist's sum, in milliseconds, before the fetch
    /// fails. 1,000: EXTINF is rounded and sound ends a little off picture. Playlists whose EXTINF are
    /// whole seconds get half a second more for each segment.
    pub duration_tolerance_ms: u64,
    /// How much shorter than its entry media may be, in milliseconds and with the percentage below. 2,000: the entry's length
    /// is that of the file that was uploaded, and conversions round to frames.
    pub entry_tolerance_ms: u64,
    /// The same in percent of the entry's length. 1.
    pub entry_tolerance_percent: u64,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            playlist_bytes: 8 << 20,
            segments: 50_000,
            segment_bytes: 256 << 20,
            total_bytes: 48 << 30,
            frames: 10_000_000,
            redirects: 5,
            total_time: Duration::from_mins(14),
            request_time: Duration::from_mins(5),
            connect_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(20),
            attempts: 4,
            backoff: Duration::from_millis(250),
            duration_tolerance_ms: 1_000,
            entry_tolerance_ms: 2_000,
            entry_tolerance_percent: 1,
        }
    }
}

/// Everything that shapes a [`Fetcher`](crate::Fetcher).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchConfig {
    /// Bounds on what a fetch may take.
    pub limits: FetchLimits,
    /// Lets `http` and loopback addresses through, for runs on one machine. Other private ranges stay
    /// refused. Off.
    pub allow_loopback: bool,
    /// Segments, or ranges of a progressive file, downloaded at once. 32: where each connection is capped, almost
    /// twice as fast as 16. To be set lower where a CDN throttles.
    pub window_segments: usize,
    /// Bytes of segments held between the network and the remuxer. 16 MiB, shared evenly by the window.
    pub buffer_bytes: usize,
    /// The same for the ranges of a progressive file. 3 MiB: nothing is made of them, and what the connections themselves
    /// buffer holds a range.
    pub range_buffer_bytes: usize,
    /// Size of a part handed to the sink, in bytes. 5 MiB: S3 takes no less
    /// ([`MIN_PART_BYTES`](crate::sink::MIN_PART_BYTES)), except for the last, and at 40 ms a part two of them at once come to
    /// more than a Lambda function's network gives.
    pub part_bytes: usize,
    /// Parts on their way into the sink at once. 2. With the one being filled and, of HLS, the first part, which is held until
    /// the end, a fetch holds up to `part_bytes * (parts_in_flight + 2)` beside the buffers.
    pub parts_in_flight: usize,
    /// The ffmpeg program that takes what can't be put together here, by its path. None: that is
    /// [`FetchError::Unsupported`](crate::FetchError::Unsupported). One that can't be run is
    /// [`FetchError::Converter`](crate::FetchError::Converter).
    pub ffmpeg: Option<PathBuf>,
    /// Media that one such child is given, by the playlist; the next child goes on. Between two of them a fetch may be resumed.
    /// 2 minutes: starting one takes less than what is read of two seconds, and a fetch that is stopped loses little.
    pub child_media: Duration,
    /// How often a fetch that may be resumed keeps a checkpoint. 1 minute: a shorter fetch has none, and of a longer one no
    /// more than a minute is lost.
    pub checkpoint_every: Duration,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            limits: FetchLimits::default(),
            allow_loopback: false,
            window_segments: 32,
            buffer_bytes: 16 << 20,
            range_buffer_bytes: 3 << 20,
            part_bytes: 5 << 20,
            parts_in_flight: 2,
            ffmpeg: None,
            child_media: Duration::from_mins(2),
            checkpoint_every: Duration::from_mins(1),
        }
    }
}

impl FetchConfig {
    /// The defaults with loopback allowed: runs and tests on one machine.
    pub fn loopback() -> Self {
        Self {
            allow_loopback: true,
            ..Self::default()
        }
    }
}
