//! The record of a stream: what is known of a live event between two calls, and how it changes. Pure, but for its types' JSON.

use std::collections::BTreeMap;
use std::fmt;

use captions::Word;
use captions::live::{LiveCaption, LiveLayout, LiveRules, SentenceGatherer, words_of_line};
use engines::SourceLanguage;
use kaltura::TaskId;
use serde::{Deserialize, Serialize};

use super::hand_out::LEASE_S;
use super::input::{LiveInput, Origin, Refused};

/// The version of [`LiveStream`]'s shape that this code writes.
pub const STREAM_VERSION: u32 = 1;

/// So many messages stay in the record; older ones are in the bucket.
pub(super) const KEPT_MESSAGES: usize = 32;
/// So many go into the bucket at once.
pub(super) const CHUNK_MESSAGES: usize = 16;
/// A stream has at most so many sources.
const MOST_SOURCES: usize = 16;
/// A stream has at most so many places.
const MOST_PLACES: usize = 32;
/// A place that a reader left is kept for so long, for the reader to come back to.
const PLACE_KEPT_S: u64 = 5 * 60;
/// What was sent so shortly before a reader left may not have reached it: it is sent again, with the same id.
const SENT_AGAIN_S: u64 = 3;
/// A connection is made within this time: until then, API Gateway may say that it is not there.
const CONNECTING_S: u64 = 10;
/// Origins that differ by less are one: clocks and pts are not told to the millisecond.
const SAME_ORIGIN_S: f64 = 1.0;
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

/// From some time of the stream on, the pts and the wall clock that its time 0 would have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Mark {
    from_ms: u64,
    pts_s: f64,
    epoch_s: f64,
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

/// A reader's place in the stream. It outlives the connection, so that the next one goes on where this one stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its number.
    pub number: u32,
    /// Who has it; `None` where its reader has gone.
    pub connection: Option<ConnectionId>,
    /// Since when it is had, or not.
    pub since_epoch_s: u64,
    /// The last message that was sent to it.
    pub delivered_seq: u64,
    /// Whether its connection has ever taken a message: one that is only being made doesn't yet.
    #[serde(default)]
    pub is_proven: bool,
    /// What was sent lately: when, and the last message before it.
    #[serde(default)]
    pub recent: Vec<(u64, u64)>,
    /// How often in a row nothing could be sent to it in time.
    #[serde(default)]
    pub strikes: u32,
    /// Until when it is left alone, because it is slow.
    #[serde(default)]
    pub rests_until_epoch_s: u64,
}

impl Place {
    /// Notes that everything up to `seq` was sent.
    pub(super) fn sent(&mut self, seq: u64, now_epoch_s: u64) {
        if seq <= self.delivered_seq {
            return;
        }
        self.recent.retain(|(at, _)| at + SENT_AGAIN_S >= now_epoch_s);
        if self.recent.last().is_none_or(|(at, _)| *at < now_epoch_s) {
            self.recent.push((now_epoch_s, self.delivered_seq));
        }
        self.delivered_seq = seq;
        self.is_proven = true;
        self.strikes = 0;
    }

    /// Whether its connection can be taken for gone when API Gateway says so: not while it may only be in the making.
    pub(super) fn is_settled(&self, now_epoch_s: u64) -> bool {
        self.is_proven || self.since_epoch_s + CONNECTING_S <= now_epoch_s
    }

    /// Its reader has gone: what it got in its last seconds is to be sent again.
    pub(super) fn vacate(&mut self, now_epoch_s: u64) {
        let unsure = self
            .recent
            .iter()
            .find(|(at, _)| at + SENT_AGAIN_S >= now_epoch_s);
        if let Some((_, before)) = unsure {
            self.delivered_seq = *before;
        }
        self.recent.clear();
        self.connection = None;
        self.since_epoch_s = now_epoch_s;
        self.is_proven = false;
        self.strikes = 0;
        self.rests_until_epoch_s = 0;
    }
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

/// A post as the stream takes it, on the stream's time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    /// Its words.
    pub words: Vec<Word>,
    /// Its lines, each as words.
    pub lines: Vec<Vec<Word>>,
    /// How many of its words were left out.
    pub left_out: u64,
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

    /// Whether a post is the source's next one; `false` where it was taken before.
    pub(super) fn is_next(&self, input: &LiveInput) -> Result<bool, Refused> {
        let expected = self.next_sequence(&input.source);
        if input.sequence < expected {
            return Ok(false);
        }
        if self.state == StreamState::Ended {
            return Err(Refused::Ended);
        }
        if input.sequence > expected {
            return Err(Refused::Skipped {
                found: input.sequence,
                expected,
            });
        }
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&input.source) {
            return Err(Refused::Malformed {
                at: "source".to_owned(),
                found: "another source".to_owned(),
                expected: format!("at most {MOST_SOURCES} of them"),
            });
        }
        Ok(true)
    }

    /// Takes a source's next post: its origin, its words on the stream's time, and how far everything has been heard. What
    /// another source has been heard for already is left out: of a source and the one that stands in for it, the first is shown.
    pub(super) fn hear(&mut self, input: &LiveInput, now_epoch_s: u64) -> Heard {
        let told_ms = input.heard_until_ms.unwrap_or(0).max(input.last_ms());
        let offset_ms = self.offset(input, told_ms, now_epoch_s);
        let shift = |ms: u64| ms.saturating_add_signed(offset_ms);
        let others = self.sources.iter().filter(|(name, _)| **name != input.source);
        let covered_ms = others.map(|(_, source)| source.heard_until_ms).max().unwrap_or(0);
        let mut left_out = 0;
        let mut place = |mut word: Word| {
            word.start_ms = shift(word.start_ms);
            word.end_ms = shift(word.end_ms);
            if covered_ms > 0 && word.end_ms <= covered_ms {
                left_out += 1;
                return None;
            }
            word.start_ms = word.start_ms.max(covered_ms);
            Some(word)
        };
        let words = input.words().into_iter().filter_map(&mut place).collect();
        let lines = input.lines.iter().map(|line| {
            let words = words_of_line(&line.text, line.start_ms, line.end_ms, line.speaker.as_ref());
            words.into_iter().filter_map(&mut place).collect()
        });
        let lines = lines.collect();
        self.heard_until_ms = self.heard_until_ms.max(shift(told_ms));
        self.left_out_words += left_out;
        Heard {
            words,
            lines,
            left_out,
        }
    }

    /// What is to be added to the times of this post, its origin noted where it is a new one.
    fn offset(&mut self, input: &LiveInput, told_ms: u64, now_epoch_s: u64) -> i64 {
        let former = self.sources.get(&input.source);
        let (mut origin, mut offset_ms) =
            former.map_or((None, 0), |source| (source.origin, source.offset_ms));
        let is_new = input.origin.filter(|told| {
            origin.is_none_or(|former| {
                (former.pts_s - told.pts_s).abs() >= SAME_ORIGIN_S
                    || (former.epoch_s - told.epoch_s).abs() >= SAME_ORIGIN_S
            })
        });
        if let Some(told) = is_new {
            // The stream's time is the wall clock since its first origin, so that it goes on when a publisher comes back.
            let first_epoch_s = self.marks.first().map_or(told.epoch_s, |mark| mark.epoch_s);
            offset_ms = ms_of(told.epoch_s - first_epoch_s);
            origin = Some(told);
            self.marks.push(Mark {
                from_ms: 0_u64.saturating_add_signed(offset_ms),
                pts_s: told.pts_s - seconds_of(offset_ms),
                epoch_s: first_epoch_s,
            });
        } else if self.marks.is_empty() {
            // Nobody says where the times begin: at the pts 0, and so that what was heard last was heard now.
            #[allow(clippy::cast_precision_loss, reason = "times of events are far below 2^52 ms")]
            let epoch_s = now_epoch_s as f64 - told_ms as f64 / 1_000.0;
            self.marks.push(Mark {
                from_ms: 0,
                pts_s: 0.0,
                epoch_s,
            });
        }
        let heard_before_ms = self
            .sources
            .get(&input.source)
            .map_or(0, |source| source.heard_until_ms);
        let source = Source {
            next_sequence: input.sequence + 1,
            origin,
            offset_ms,
            heard_until_ms: heard_before_ms.max(told_ms.saturating_add_signed(offset_ms)),
        };
        self.sources.insert(input.source.clone(), source);
        offset_ms
    }

    /// Makes captions into messages.
    pub(super) fn say(&mut self, captions: Vec<LiveCaption>, now_epoch_s: u64) {
        for caption in captions {
            let (pts_s, epoch_s) = self.base(caption.start_ms);
            self.tail.push(Message {
                seq: self.next_seq,
                start_ms: caption.start_ms,
                end_ms: caption.end_ms,
                text: caption.text,
                words: caption.words,
                pts_s,
                epoch_s,
                is_end_of_stream: false,
            });
            self.next_seq += 1;
            self.first_caption_epoch_s.get_or_insert(now_epoch_s);
        }
    }

    /// Says the last message, and takes nothing more.
    pub(super) fn say_end(&mut self, now_epoch_s: u64) {
        // A caption lingers behind its last word.
        let at_ms = self.heard_until_ms.max(self.layout.given_until_ms());
        let (pts_s, epoch_s) = self.base(at_ms);
        self.tail.push(Message {
            seq: self.next_seq,
            start_ms: at_ms,
            end_ms: at_ms,
            text: String::new(),
            words: Vec::new(),
            pts_s,
            epoch_s,
            is_end_of_stream: true,
        });
        self.next_seq += 1;
        self.state = StreamState::Ended;
        self.ended_epoch_s = Some(now_epoch_s);
    }

    /// The pts and the wall clock of the stream's time 0, as they are at that time.
    fn base(&self, at_ms: u64) -> (f64, f64) {
        let mark = self.marks.iter().rev().find(|mark| mark.from_ms <= at_ms);
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        let unknown = (0.0, self.kept_epoch_s as f64);
        mark.or(self.marks.first())
            .map_or(unknown, |mark| (mark.pts_s, mark.epoch_s))
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

    /// Gives a connection its place: the one that it has, else the one longest without a reader, else a new one. The first place
    /// of all begins with the oldest message that the record has, a later one with the next. `None` where too many are there.
    pub(super) fn seat(&mut self, connection: &ConnectionId, now_epoch_s: u64) -> Option<u32> {
        if let Some(place) = self.place_of(connection) {
            return Some(place.number);
        }
        self.places
            .retain(|place| place.connection.is_some() || place.since_epoch_s + PLACE_KEPT_S >= now_epoch_s);
        let vacant = self.places.iter_mut().filter(|place| place.connection.is_none());
        if let Some(place) = vacant.min_by_key(|place| (place.since_epoch_s, place.number)) {
            place.connection = Some(connection.clone());
            place.since_epoch_s = now_epoch_s;
            return Some(place.number);
        }
        if self.places.len() >= MOST_PLACES {
            return None;
        }
        let number = self.next_place;
        self.next_place += 1;
        self.places.push(Place {
            number,
            connection: Some(connection.clone()),
            since_epoch_s: now_epoch_s,
            delivered_seq: match self.tail.first() {
                Some(oldest) if number == 1 => oldest.seq - 1,
                _ => self.next_seq - 1,
            },
            is_proven: false,
            recent: Vec::new(),
            strikes: 0,
            rests_until_epoch_s: 0,
        });
        Some(number)
    }

    fn place_of(&self, connection: &ConnectionId) -> Option<&Place> {
        self.places
            .iter()
            .find(|place| place.connection.as_ref() == Some(connection))
    }

    /// The reader of a connection has gone; says whether it had a place.
    pub(super) fn vacate(&mut self, connection: &ConnectionId, now_epoch_s: u64) -> bool {
        let place = self
            .places
            .iter_mut()
            .find(|place| place.connection.as_ref() == Some(connection));
        place.map(|place| place.vacate(now_epoch_s)).is_some()
    }

    /// Whether this connection has a place.
    pub fn has(&self, connection: &ConnectionId) -> bool {
        self.place_of(connection).is_some()
    }

    /// Whether somebody who has left may still come back.
    pub(super) fn may_come_back(&self, now_epoch_s: u64) -> bool {
        self.ended_epoch_s
            .is_none_or(|ended| ended + PLACE_KEPT_S >= now_epoch_s)
    }

    /// Whether a reader was lost before it had everything, and may still come back for the rest of a stream that has ended.
    pub fn awaits_readers(&self, now_epoch_s: u64) -> bool {
        let last_seq = self.next_seq - 1;
        self.may_come_back(now_epoch_s) && self.places.iter().any(|place| place.delivered_seq < last_seq)
    }

    /// Whether somebody is there whom something is to be sent to now.
    pub(super) fn has_undelivered(&self, now_epoch_s: u64) -> bool {
        let last_seq = self.next_seq - 1;
        self.places.iter().any(|place| {
            place.connection.is_some()
                && place.delivered_seq < last_seq
                && place.rests_until_epoch_s <= now_epoch_s
        })
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

fn ms_of(seconds: f64) -> i64 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "differences of times within a century, in milliseconds"
    )]
    let ms = (seconds * 1_000.0).round() as i64;
    ms
}

fn seconds_of(ms: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "times of events are far below 2^52 ms")]
    let seconds = ms as f64 / 1_000.0;
    seconds
}
