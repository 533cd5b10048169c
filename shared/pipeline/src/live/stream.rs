//! The record of a stream: what is known of a live event between two calls. How it changes with words is in [`super::hear`], with
//! readers in [`super::places`]. All of it is pure.

use std::collections::BTreeMap;
use std::fmt;

use captions::Word;
use captions::live::{LiveLayout, LiveRules, SentenceGatherer};
use engines::SourceLanguage;
use kaltura::TaskId;
use serde::{Deserialize, Serialize};

use super::hand_out::LEASE_S;
use super::hear::Mark;
use super::input::Origin;
use super::places::Place;

/// The version of [`LiveStream`]'s shape that this code writes.
pub const STREAM_VERSION: u32 = 1;

/// So many messages stay in the record; older ones are in the bucket.
pub(super) const KEPT_MESSAGES: usize = 32;
/// So many go into the bucket at once.
pub(super) const CHUNK_MESSAGES: usize = 16;
/// The record outlives its event by this, where nothing deletes it sooner.
const EXPIRES_AFTER_S: u64 = 30 * 24 * 60 * 60;

/// A connection of the websocket, by API Gateway's name for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// The connection of that name.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It gets the messages: Kaltura.
    Reader,
    /// It brings words.
    Engine,
}

/// Whose a connection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The stream's task.
    pub task_id: TaskId,
    /// What it is for.
    pub role: Role,
    /// When this may be forgotten: no connection lasts so long.
    pub expires_epoch_s: u64,
}

/// Where a stream is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Everything is ready, and Kaltura knows where to come.
    Provisioned,
    /// Captions are going out, and Kaltura has been told so (PROCESSING).
    OnAir,
    /// Nothing comes any more.
    Ended,
}

/// What is set for a stream when it is provisioned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamSettings {
    /// The attempt of the task.
    pub attempt: u32,
    /// The language that is spoken.
    pub source: SourceLanguage,
    /// The language of the captions, where it is another one: what is heard is translated into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<SourceLanguage>,
    /// How captions are laid out; its language is that of the captions.
    pub rules: LiveRules,
    /// Words that an engine should know.
    #[serde(default)]
    pub dictionary: Vec<String>,
    /// When the event begins.
    pub event_start_epoch_s: u64,
    /// When it ends.
    pub event_end_epoch_s: u64,
}

/// A source of words, as far as it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The number of its next post.
    pub next_sequence: u64,
    /// Where its times begin, as it told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What is added to its times to have those of the stream, in milliseconds.
    #[serde(default)]
    pub offset_ms: i64,
    /// Up to where it has heard everything, in milliseconds of the stream.
    #[serde(default)]
    pub heard_until_ms: u64,
}

/// A message, before it is put into Kaltura's schema ([`super::message`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its number in the stream, from 1, without gaps.
    pub seq: u64,
    /// Its begin in the stream, in milliseconds.
    pub start_ms: u64,
    /// Its end.
    pub end_ms: u64,
    /// Its lines, joined by line breaks.
    pub text: String,
    /// Its words.
    pub words: Vec<Word>,
    /// The pts of the stream's time 0, in seconds.
    pub pts_s: f64,
    /// The wall clock of the stream's time 0, in seconds since 1970.
    pub epoch_s: f64,
    /// Whether it is the last one.
    #[serde(default)]
    pub is_end_of_stream: bool,
}

/// Who hands messages out, and until when nobody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    /// The version that it was written with, which no other lease has.
    pub taken_at: u64,
    /// When it ends by itself.
    pub until_epoch_s: u64,
}

/// What is known of a live event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveStream {
    /// The version of this shape, [`STREAM_VERSION`].
    pub record_version: u32,
    /// Raised by each write.
    pub version: u64,
    /// The task.
    pub task_id: TaskId,
    /// Where it is in its life.
    pub state: StreamState,
    /// What was set for it.
    pub settings: StreamSettings,
    /// The number of the next message.
    pub next_seq: u64,
    /// The latest messages.
    pub tail: Vec<Message>,
    /// The first numbers of the chunks of older messages, which are in the bucket.
    #[serde(default)]
    pub chunks: Vec<u64>,
    /// The readers' places.
    #[serde(default)]
    pub places: Vec<Place>,
    /// The number of the next place; more than 1 once somebody has listened.
    pub next_place: u32,
    /// The sources by their names.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    #[serde(default)]
    pub(super) marks: Vec<Mark>,
    /// Up to where everything has been heard by some source, in milliseconds of the stream.
    #[serde(default)]
    pub heard_until_ms: u64,
    /// Words that are not shown, since another source had been heard for their time already.
    #[serde(default)]
    pub left_out_words: u64,
    /// The words that are not in a sentence yet, where sentences are translated.
    #[serde(default)]
    pub gatherer: SentenceGatherer,
    /// The words that are not in a message yet.
    #[serde(default)]
    pub layout: LiveLayout,
    #[serde(default)]
    pub(super) lease: Option<Lease>,
    /// When it was provisioned.
    pub kept_epoch_s: u64,
    /// When the first caption was made.
    #[serde(default)]
    pub first_caption_epoch_s: Option<u64>,
    /// When it ended.
    #[serde(default)]
    pub ended_epoch_s: Option<u64>,
    /// Where the whole of it is, once it has ended.
    #[serde(default)]
    pub transcript_key: Option<String>,
}

impl LiveStream {
    /// A stream that nothing has come to yet.
    pub fn new(task_id: TaskId, settings: StreamSettings, now_epoch_s: u64) -> Self {
        Self {
            record_version: STREAM_VERSION,
            version: 1,
            task_id,
            state: StreamState::Provisioned,
            settings,
            next_seq: 1,
            tail: Vec::new(),
            chunks: Vec::new(),
            places: Vec::new(),
            next_place: 1,
            sources: BTreeMap::new(),
            marks: Vec::new(),
            heard_until_ms: 0,
            left_out_words: 0,
            gatherer: SentenceGatherer::default(),
            layout: LiveLayout::default(),
            lease: None,
            kept_epoch_s: now_epoch_s,
            first_caption_epoch_s: None,
            ended_epoch_s: None,
            transcript_key: None,
        }
    }

    /// When the record may be forgotten, where nothing deletes it sooner.
    pub fn expires_epoch_s(&self) -> u64 {
        self.settings.event_end_epoch_s.max(self.kept_epoch_s) + EXPIRES_AFTER_S
    }

    /// Whether Kaltura is to be told that captions are going out: there are some, somebody has come for them, and it has not
    /// been told.
    pub fn is_to_be_on_air(&self) -> bool {
        self.state == StreamState::Provisioned && self.next_seq > 1 && self.next_place > 1
    }

    /// The number of a source's next post.
    pub fn next_sequence(&self, source: &str) -> u64 {
        self.sources.get(source).map_or(1, |source| source.next_sequence)
    }

    /// The messages that go into the bucket next; `None` while there are few. Only of those before `saved_seq`, which are in the
    /// record already: nobody can have made others of their numbers. Always cut at the same numbers, so that a repeated write is
    /// the same.
    pub(super) fn chunk(&self, saved_seq: u64) -> Option<&[Message]> {
        let chunk = self.tail.get(..CHUNK_MESSAGES)?;
        let is_saved = chunk.last().is_some_and(|last| last.seq < saved_seq);
        (is_saved && self.tail.len() >= KEPT_MESSAGES + CHUNK_MESSAGES).then_some(chunk)
    }

    /// Drops as many messages as a chunk has, which are in the bucket now.
    pub(super) fn cut(&mut self, first_seq: u64) {
        self.chunks.push(first_seq);
        self.tail.drain(..CHUNK_MESSAGES);
    }

    /// Takes the lease of the hand-out with the next write, where it is free or over; says whether it did. The write's version
    /// is the lease's name.
    pub(super) fn take_lease(&mut self, now_epoch_s: u64) -> Option<u64> {
        if self.lease.is_some_and(|lease| lease.until_epoch_s > now_epoch_s) {
            return None;
        }
        let taken_at = self.version + 1;
        self.lease = Some(Lease {
            taken_at,
            until_epoch_s: now_epoch_s + LEASE_S,
        });
        Some(taken_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample_stream;

    const NOW_EPOCH_S: u64 = 1_790_000_000;

    fn stream() -> LiveStream {
        sample_stream(NOW_EPOCH_S)
    }

    fn numbered(from: u64, to: u64) -> Vec<Message> {
        (from..=to)
            .map(|seq| Message {
                seq,
                start_ms: seq,
                end_ms: seq + 1,
                text: String::new(),
                words: Vec::new(),
                pts_s: 0.0,
                epoch_s: 0.0,
                is_end_of_stream: false,
            })
            .collect()
    }

    #[test]
    fn a_chunk_is_what_is_saved_already_and_no_more_than_is_needed() {
        let most = (KEPT_MESSAGES + CHUNK_MESSAGES) as u64;
        let size = CHUNK_MESSAGES as u64;
        let mut stream = stream();
        stream.tail = numbered(1, most - 1);
        assert_eq!(stream.chunk(most), None, "there are few");
        stream.tail = numbered(1, most);
        assert_eq!(stream.chunk(size), None, "the last of them is not saved");
        assert_eq!(stream.chunk(size + 1), Some(&numbered(1, size)[..]));
        stream.cut(1);
        assert_eq!(
            (stream.chunks.as_slice(), &stream.tail),
            (&[1][..], &numbered(size + 1, most))
        );
        assert_eq!(stream.chunk(most + 1), None);
    }

    #[test]
    fn a_lease_is_had_by_one_until_it_is_over() {
        let mut stream = stream();
        assert_eq!(stream.take_lease(NOW_EPOCH_S), Some(stream.version + 1));
        stream.version += 1;
        assert_eq!(stream.take_lease(NOW_EPOCH_S + LEASE_S - 1), None);
        assert_eq!(stream.take_lease(NOW_EPOCH_S + LEASE_S), Some(stream.version + 1));
        let until_epoch_s = stream.lease.map(|lease| lease.until_epoch_s);
        assert_eq!(until_epoch_s, Some(NOW_EPOCH_S + 2 * LEASE_S));
    }

    #[test]
    fn it_is_on_air_once_somebody_has_come_for_what_there_is() {
        for (next_seq, next_place, state, is_to_be) in [
            (2, 2, StreamState::Provisioned, true),
            (1, 2, StreamState::Provisioned, false),
            (2, 1, StreamState::Provisioned, false),
            (2, 2, StreamState::Ended, false),
        ] {
            let mut stream = stream();
            (stream.next_seq, stream.next_place, stream.state) = (next_seq, next_place, state);
            assert_eq!(
                stream.is_to_be_on_air(),
                is_to_be,
                "{next_seq} {next_place} {state:?}"
            );
        }
    }

    #[test]
    fn the_record_outlives_event_and_making_by_thirty_days() {
        let mut stream = stream();
        assert_eq!(stream.expires_epoch_s(), NOW_EPOCH_S + 30 * 86_400);
        stream.settings.event_end_epoch_s = NOW_EPOCH_S + 500;
        assert_eq!(stream.expires_epoch_s(), NOW_EPOCH_S + 500 + 30 * 86_400);
    }
}
