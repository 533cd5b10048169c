//! How Kaltura plays an event: what an order's `play` asks for.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What happens once the event's time has come, on the sim clock: the customer's stream is relayed to the vendor's `mediaUrl`
/// and `mediaKey`, and the vendor's `captionUrl` is listened to. Times are milliseconds from the event's start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaySpec {
    /// What the customer sends: H.264 and AAC in anything that ffmpeg reads, relative paths from the media folder. It is
    /// not encoded anew, and sent as fast as it plays.
    pub media: PathBuf,
    /// The stretches in which the customer sends, one after the other. A second one is a publisher that comes back.
    pub pushes: Vec<PushSpec>,
    /// Whether words come from elsewhere, so that nobody knows when they were said: the captions' times are not looked at.
    pub is_written: bool,
    /// Who listens.
    pub connections: Vec<ConnectionSpec>,
    /// The token of the whole account, which Kaltura and the vendor agreed on beforehand: sent as a bearer where the
    /// connection doesn't send its own that way.
    pub account_token: Option<String>,
    /// So many tries with a token that is wrong in one character, before the right one. Each must be refused.
    pub wrong_tokens: u32,
    /// How long the end of the stream is waited for after the last push.
    pub linger_ms: u64,
}

impl Default for PlaySpec {
    fn default() -> Self {
        Self {
            media: PathBuf::new(),
            pushes: vec![PushSpec::default()],
            is_written: false,
            connections: vec![
                ConnectionSpec::named("primary"),
                ConnectionSpec {
                    token: TokenPlace::Bearer,
                    ..ConnectionSpec::named("backup")
                },
            ],
            account_token: None,
            wrong_tokens: 0,
            linger_ms: 60_000,
        }
    }
}

/// A stretch of the customer's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushSpec {
    /// When it begins.
    pub at_ms: u64,
    /// Where in the media it begins: at a key frame, since nothing is encoded.
    pub media_from_ms: u64,
    /// How long it is.
    pub for_ms: u64,
    /// The time stamp of its first frame.
    pub first_pts_ms: u64,
}

impl Default for PushSpec {
    fn default() -> Self {
        Self {
            at_ms: 0,
            media_from_ms: 0,
            for_ms: 30_000,
            first_pts_ms: 0,
        }
    }
}

/// A connection to the caption websocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionSpec {
    /// Its name in the report.
    pub name: String,
    /// How the token travels.
    pub token: TokenPlace,
    /// When it breaks off without a word, and for how long.
    pub drops: Vec<DropSpec>,
    /// How long it sleeps over each message: a slow reader.
    pub sleeps_ms: u64,
    /// How often it pings; 0: never. It also says things that the vendor need not understand, at its start and its end.
    pub pings_every_ms: u64,
}

impl ConnectionSpec {
    /// A connection of this name, as it is by default.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

impl Default for ConnectionSpec {
    fn default() -> Self {
        Self {
            name: "primary".to_owned(),
            token: TokenPlace::Address,
            drops: Vec::new(),
            sleeps_ms: 0,
            pings_every_ms: 20_000,
        }
    }
}

/// How the caption token travels. Other than in the address, a `token` of the address is left out of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// As `captionUrl` has it; put there where it isn't.
    #[default]
    Address,
    /// `X-Caption-Token`.
    Header,
    /// `Authorization: Bearer`.
    Bearer,
}

/// A connection that breaks off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropSpec {
    /// When.
    pub at_ms: u64,
    /// How long it stays away.
    pub for_ms: u64,
}
