//! Messages go out: in order to each reader, to all at once, by one writer at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use kaltura::TaskId;

use super::input::Refused;
use super::message;
use super::places::Place;
use super::stream::{Bound, ConnectionId, LiveStream, Message, Role, StreamState};
use super::take_in::{SAVE_TRIES, conflict};
use crate::context::Context;
use crate::error::{Result, StepError};
use crate::ports::Sent;
use crate::telemetry::names;

/// A lease of the hand-out ends by itself after so many seconds: longer than one round of it.
pub const LEASE_S: u64 = 8;
/// A reader that takes a message no sooner is slow, and waits for the others.
pub const POST_TIMEOUT: Duration = Duration::from_secs(1);

/// Each reader gets at most so many messages a round. After a round, what was taken is written down, and the lease renewed: so
/// many come again, with the same ids, where the one who sent them is killed before.
const ROUND_MESSAGES: usize = 4;
// Else somebody else would send beside one whose readers are slow: a round, the close of the connections, and the write.
const _: () = assert!((ROUND_MESSAGES as u64 + 2) * POST_TIMEOUT.as_secs() < LEASE_S);
/// A reader that is slow so often in a row is cut off: its connection is closed, so that it comes back, and gets what it missed.
const MOST_STRIKES: u32 = 5;
/// A connection ends after two hours; this is forgotten some time later.
const BOUND_S: u64 = 3 * 60 * 60;

/// What came of sending to one place.
struct Outcome {
    number: u32,
    connection: ConnectionId,
    sent_seq: Option<u64>,
    ending: Ending,
}

enum Ending {
    /// It has taken all.
    Well,
    /// It has taken all, that there is an end, too, and has been closed.
    Closed,
    /// API Gateway says that it is not there.
    Gone,
    /// It has not taken one in time, and rests.
    Slow,
    /// The same for once too often, or at the end: its connection was closed.
    CutOff,
}

/// Hands out what has not been, where nobody else is about to. Safe to repeat.
pub async fn hand_out(ctx: &Context, task_id: &TaskId) -> std::result::Result<LiveStream, Refused> {
    let stream = look(ctx, task_id).await?;
    Ok(of(ctx, stream).await?)
}

/// The same of a stream that was loaded just now; answers it as it is then.
pub(super) async fn of(ctx: &Context, mut stream: LiveStream) -> Result<LiveStream> {
    let streams = ctx.streams()?;
    for _ in 0..SAVE_TRIES {
        let now_epoch_s = ctx.clock.now_epoch_s();
        if !stream.has_undelivered(now_epoch_s) {
            return Ok(stream);
        }
        let Some(lease) = stream.take_lease(now_epoch_s) else {
            return Ok(stream);
        };
        if streams.save(&mut stream).await? {
            return send_all(ctx, stream, lease).await;
        }
        stream = reload(ctx, &stream.task_id).await?;
    }
    Err(conflict(&stream.task_id))
}

async fn reload(ctx: &Context, task_id: &TaskId) -> Result<LiveStream> {
    let stream = ctx.streams()?.load(task_id).await?;
    stream.ok_or_else(|| StepError::RecordMissing {
        task_id: task_id.to_string(),
    })
}

/// Sends, round by round, until the record has nothing newer, and gives the lease back in the write that finds that so. Stops
/// where somebody else has taken over, because this one's lease was over.
pub(super) async fn send_all(ctx: &Context, mut stream: LiveStream, lease: u64) -> Result<LiveStream> {
    let streams = ctx.streams()?;
    loop {
        let outcomes = round(ctx, &stream).await?;
        let mut tries = 0;
        let more = loop {
            let now_epoch_s = ctx.clock.now_epoch_s();
            if stream.lease.is_none_or(|held| held.taken_at != lease) {
                return Ok(stream);
            }
            for outcome in &outcomes {
                note(&mut stream, outcome, now_epoch_s);
            }
            let more = stream.has_undelivered(now_epoch_s);
            stream.lease = stream.lease.filter(|_| more).map(|mut held| {
                held.until_epoch_s = now_epoch_s + LEASE_S;
                held
            });
            if streams.save(&mut stream).await? {
                break more;
            }
            tries += 1;
            if tries == SAVE_TRIES {
                return Err(conflict(&stream.task_id));
            }
            stream = reload(ctx, &stream.task_id).await?;
        };
        if !more {
            return Ok(stream);
        }
    }
}

/// Sends each reader its next messages, to all of them at once.
async fn round(ctx: &Context, stream: &LiveStream) -> Result<Vec<Outcome>> {
    let now_epoch_s = ctx.clock.now_epoch_s();
    let last_seq = stream.next_seq - 1;
    let waiting = stream
        .places
        .iter()
        .filter(|place| stream.is_due(place, now_epoch_s));
    let mut texts = Texts::of(ctx, stream);
    let mut sendings = Vec::new();
    for place in waiting {
        let Some(connection) = place.connection.clone() else {
            continue;
        };
        let texts = texts.behind(place.delivered_seq).await?;
        sendings.push(send(ctx, stream.state, place, connection, texts, last_seq));
    }
    join_all(sendings).await.into_iter().collect()
}

async fn send(
    ctx: &Context,
    state: StreamState,
    place: &Place,
    connection: ConnectionId,
    texts: Vec<(u64, String)>,
    last_seq: u64,
) -> Result<Outcome> {
    let sockets = ctx.sockets()?;
    let mut outcome = Outcome {
        number: place.number,
        connection,
        sent_seq: None,
        ending: Ending::Well,
    };
    for (seq, text) in texts {
        let sending = sockets.send(&outcome.connection, &text);
        match tokio::time::timeout(POST_TIMEOUT, sending).await {
            Ok(Ok(Sent::Sent)) => {
                outcome.sent_seq = Some(seq);
                continue;
            }
            Ok(Ok(Sent::Gone)) => {
                outcome.ending = Ending::Gone;
                return Ok(outcome);
            }
            Ok(Err(error)) => {
                tracing::warn!(connection = %outcome.connection, seq, %error, "message not sent");
            }
            Err(_) => tracing::warn!(connection = %outcome.connection, seq, "message not taken in time"),
        }
        let strikes = outcome.sent_seq.map_or(place.strikes, |_| 0) + 1;
        let is_last = state == StreamState::Ended || strikes >= MOST_STRIKES;
        // Closed first: a reader without a place that was not told would wait for ever. One that can't be closed keeps its place.
        outcome.ending = if is_last && close(ctx, &outcome.connection).await? {
            Ending::CutOff
        } else {
            Ending::Slow
        };
        return Ok(outcome);
    }
    if state == StreamState::Ended && outcome.sent_seq == Some(last_seq) {
        close(ctx, &outcome.connection).await?;
        outcome.ending = Ending::Closed;
    }
    Ok(outcome)
}

/// Closes a connection; says whether it is closed for certain. That one can't be closed now is no reason to fail.
async fn close(ctx: &Context, connection: &ConnectionId) -> Result<bool> {
    let closing = ctx.sockets()?.close(connection);
    match tokio::time::timeout(POST_TIMEOUT, closing).await {
        Ok(Ok(())) => return Ok(true),
        Ok(Err(error)) => tracing::warn!(%connection, %error, "connection not closed"),
        Err(_) => tracing::warn!(%connection, "connection not closed in time"),
    }
    Ok(false)
}

/// Writes down what came of a sending, where its place is still had by the same reader.
fn note(stream: &mut LiveStream, outcome: &Outcome, now_epoch_s: u64) {
    let place = stream.places.iter_mut().find(|place| {
        place.number == outcome.number && place.connection.as_ref() == Some(&outcome.connection)
    });
    let Some(place) = place else {
        return;
    };
    if let Some(seq) = outcome.sent_seq {
        place.sent(seq, now_epoch_s);
    }
    match outcome.ending {
        Ending::Well => {}
        // It has all there is, so nobody is to come back to its place.
        Ending::Closed => stream.places.retain(|place| place.number != outcome.number),
        Ending::Gone if place.is_settled(now_epoch_s) => {
            lost("gone");
            place.vacate(now_epoch_s);
        }
        Ending::Gone => place.rests_until_epoch_s = now_epoch_s + 1,
        Ending::Slow => {
            place.strikes += 1;
            place.rests_until_epoch_s = now_epoch_s + (1 << place.strikes.min(MOST_STRIKES));
        }
        Ending::CutOff => {
            lost("slow");
            place.vacate(now_epoch_s);
        }
    }
}

fn lost(why: &'static str) {
    metrics::counter!(names::LIVE_READERS_LOST, "Why" => why).increment(1);
}

/// The messages of a stream as they are sent, each made once.
struct Texts<'a> {
    ctx: &'a Context,
    stream: &'a LiveStream,
    made: BTreeMap<u64, String>,
    chunk: Option<(u64, Vec<Message>)>,
}

impl<'a> Texts<'a> {
    fn of(ctx: &'a Context, stream: &'a LiveStream) -> Self {
        Self {
            ctx,
            stream,
            made: BTreeMap::new(),
            chunk: None,
        }
    }

    /// The messages of one round behind that one.
    async fn behind(&mut self, delivered_seq: u64) -> Result<Vec<(u64, String)>> {
        let first_kept = self
            .stream
            .tail
            .first()
            .map_or(self.stream.next_seq, |first| first.seq);
        let mut texts = Vec::new();
        for seq in (delivered_seq + 1..self.stream.next_seq).take(ROUND_MESSAGES) {
            if !self.made.contains_key(&seq) {
                let made = if seq >= first_kept {
                    let message = usize::try_from(seq - first_kept)
                        .ok()
                        .and_then(|index| self.stream.tail.get(index));
                    message.map(|message| self.make(message))
                } else {
                    self.old(seq).await?
                };
                // Nothing but the bucket's loss of a chunk leads here: what is there is sent all the same.
                let Some(made) = made else {
                    tracing::error!(task_id = %self.stream.task_id, seq, "a message is lost");
                    continue;
                };
                self.made.insert(seq, made);
            }
            texts.extend(self.made.get(&seq).map(|text| (seq, text.clone())));
        }
        Ok(texts)
    }

    fn make(&self, message: &Message) -> String {
        message::to_json(&self.stream.task_id, self.stream.settings.attempt, message)
    }

    /// A message that is in the bucket.
    async fn old(&mut self, seq: u64) -> Result<Option<String>> {
        let Some(first_seq) = self
            .stream
            .chunks
            .iter()
            .rev()
            .find(|first| **first <= seq)
            .copied()
        else {
            return Ok(None);
        };
        if self.chunk.as_ref().is_none_or(|(at, _)| *at != first_seq) {
            self.chunk = Some((first_seq, read_chunk(self.ctx, self.stream, first_seq).await?));
        }
        let messages = self.chunk.as_ref().map_or(&[][..], |(_, messages)| messages);
        Ok(messages
            .iter()
            .find(|message| message.seq == seq)
            .map(|message| self.make(message)))
    }
}

fn chunk_key(stream: &LiveStream, first_seq: u64) -> String {
    format!(
        "live/{}/{}/messages/{first_seq:08}.json",
        stream.task_id, stream.settings.attempt
    )
}

/// Puts messages that are more than the record keeps into the bucket, before the write that drops them; those from `saved_seq` on
/// are not in the record yet, and stay. Safe to repeat: a chunk is the same however often it is written.
pub(super) async fn store_chunks(ctx: &Context, stream: &mut LiveStream, saved_seq: u64) -> Result<()> {
    while let Some(chunk) = stream.chunk(saved_seq) {
        let first_seq = chunk.first().map_or(0, |message| message.seq);
        let json = serde_json::to_vec(chunk).map_err(|error| unreadable(stream, &error))?;
        let key = chunk_key(stream, first_seq);
        ctx.objects()?.put(&key, json.into(), "application/json").await?;
        stream.cut(first_seq);
    }
    Ok(())
}

/// The messages of a chunk; none where the bucket has lost it.
pub(super) async fn read_chunk(ctx: &Context, stream: &LiveStream, first_seq: u64) -> Result<Vec<Message>> {
    match ctx.objects()?.get(&chunk_key(stream, first_seq)).await? {
        None => Ok(Vec::new()),
        Some(json) => serde_json::from_slice(&json).map_err(|error| unreadable(stream, &error)),
    }
}

fn unreadable(stream: &LiveStream, error: &serde_json::Error) -> StepError {
    StepError::RecordUnreadable {
        what: format!("messages of task {}", stream.task_id),
        detail: error.to_string(),
    }
}

/// That a reader has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The place's number.
    pub place: u32,
}

/// Gives a new reader its place: that of a reader who has gone, with what it missed, else one of its own. Nothing is sent, since
/// nothing can be before the connection is made. Safe to repeat.
pub async fn join(
    ctx: &Context,
    task_id: &TaskId,
    connection: &ConnectionId,
) -> std::result::Result<Joined, Refused> {
    let streams = ctx.streams()?;
    let now_epoch_s = ctx.clock.now_epoch_s();
    let mut bound = false;
    let mut gone = None;
    for _ in 0..SAVE_TRIES {
        let mut stream = streams.load(task_id).await?.ok_or(Refused::NoStream)?;
        if !stream.may_come_back(now_epoch_s) {
            return Err(Refused::Ended);
        }
        if !bound {
            bind(ctx, task_id, connection, Role::Reader).await?;
            bound = true;
        }
        if gone.is_none() {
            gone = Some(gone_of(ctx, &stream, now_epoch_s).await?);
        }
        for old in gone.iter().flatten() {
            stream.vacate(old, now_epoch_s);
        }
        let place = stream.seat(connection, now_epoch_s).ok_or(Refused::TooMany)?;
        if streams.save(&mut stream).await? {
            return Ok(Joined { place });
        }
    }
    Err(conflict(task_id).into())
}

/// Lets an engine speak into a stream by a connection. Safe to repeat.
pub async fn speak(
    ctx: &Context,
    task_id: &TaskId,
    connection: &ConnectionId,
) -> std::result::Result<(), Refused> {
    if look(ctx, task_id).await?.state == StreamState::Ended {
        return Err(Refused::Ended);
    }
    Ok(bind(ctx, task_id, connection, Role::Engine).await?)
}

/// A stream as it is now.
pub async fn look(ctx: &Context, task_id: &TaskId) -> std::result::Result<LiveStream, Refused> {
    ctx.streams()?.load(task_id).await?.ok_or(Refused::NoStream)
}

/// Notes whose a connection is. Safe to repeat.
async fn bind(ctx: &Context, task_id: &TaskId, connection: &ConnectionId, role: Role) -> Result<()> {
    let bound = Bound {
        task_id: task_id.clone(),
        role,
        expires_epoch_s: ctx.clock.now_epoch_s() + BOUND_S,
    };
    ctx.streams()?.bind(connection, &bound).await
}

/// The connections with a place that are no more: one that has been lost may come back before anybody has told that it was.
async fn gone_of(ctx: &Context, stream: &LiveStream, now_epoch_s: u64) -> Result<Vec<ConnectionId>> {
    let sockets = ctx.sockets()?;
    let settled = stream.places.iter().filter(|place| place.is_settled(now_epoch_s));
    let looks = settled
        .filter_map(|place| place.connection.as_ref())
        .map(async |connection| {
            let is_open = tokio::time::timeout(POST_TIMEOUT, sockets.is_open(connection)).await;
            matches!(is_open, Ok(Ok(false))).then(|| connection.clone())
        });
    Ok(join_all(looks).await.into_iter().flatten().collect())
}

/// A connection has ended: its place is kept for a while. Safe to repeat.
pub async fn leave(ctx: &Context, connection: &ConnectionId) -> Result<()> {
    let streams = ctx.streams()?;
    let Some(bound) = streams.bound(connection).await? else {
        return Ok(());
    };
    if bound.role == Role::Reader {
        vacate(ctx, &bound.task_id, connection).await?;
    }
    streams.unbind(connection).await
}

async fn vacate(ctx: &Context, task_id: &TaskId, connection: &ConnectionId) -> Result<()> {
    let streams = ctx.streams()?;
    for _ in 0..SAVE_TRIES {
        let Some(mut stream) = streams.load(task_id).await? else {
            return Ok(());
        };
        if !stream.vacate(connection, ctx.clock.now_epoch_s()) || streams.save(&mut stream).await? {
            return Ok(());
        }
    }
    Err(conflict(task_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample_stream;

    const NOW_EPOCH_S: u64 = 1_790_000_000;

    /// A stream with three readers who have got nothing yet, `a` in place 1.
    fn stream() -> LiveStream {
        let mut stream = sample_stream(NOW_EPOCH_S);
        stream.next_seq = 10;
        for name in ["a", "b", "c"] {
            stream.seat(&ConnectionId::new(name), NOW_EPOCH_S);
        }
        for place in &mut stream.places {
            place.delivered_seq = 0;
        }
        stream
    }

    fn outcome(number: u32, connection: &str, sent_seq: Option<u64>, ending: Ending) -> Outcome {
        Outcome {
            number,
            connection: ConnectionId::new(connection),
            sent_seq,
            ending,
        }
    }

    #[test]
    fn what_came_of_sending_is_written_down_for_its_reader_alone() {
        let before = stream();
        // Another has its place by now.
        for (number, connection) in [(1, "b"), (4, "a")] {
            let mut stream = before.clone();
            note(
                &mut stream,
                &outcome(number, connection, Some(5), Ending::CutOff),
                NOW_EPOCH_S,
            );
            assert_eq!(stream, before);
        }
        let mut stream = before.clone();
        note(&mut stream, &outcome(2, "b", Some(5), Ending::Well), NOW_EPOCH_S);
        assert_eq!(stream.places[1].delivered_seq, 5);
        assert_eq!(
            (&stream.places[0], &stream.places[2]),
            (&before.places[0], &before.places[2])
        );
        note(
            &mut stream,
            &outcome(2, "b", Some(9), Ending::Closed),
            NOW_EPOCH_S,
        );
        assert_eq!(
            stream.places,
            [before.places[0].clone(), before.places[2].clone()]
        );
    }

    #[test]
    fn who_is_gone_leaves_the_place_once_the_connection_can_have_been_made() {
        let mut stream = stream();
        note(&mut stream, &outcome(1, "a", None, Ending::Gone), NOW_EPOCH_S + 1);
        assert!(stream.has(&ConnectionId::new("a")));
        assert_eq!(stream.places[0].rests_until_epoch_s, NOW_EPOCH_S + 2);
        note(
            &mut stream,
            &outcome(1, "a", Some(3), Ending::Gone),
            NOW_EPOCH_S + 3,
        );
        assert!(!stream.has(&ConnectionId::new("a")));
    }

    #[test]
    fn who_is_slow_rests_twice_as_long_each_time() {
        let mut stream = stream();
        for rests_s in [2, 4, 8, 16, 32, 32] {
            note(&mut stream, &outcome(3, "c", None, Ending::Slow), NOW_EPOCH_S);
            assert_eq!(stream.places[2].rests_until_epoch_s, NOW_EPOCH_S + rests_s);
        }
        assert_eq!(stream.places[2].strikes, 6);
        note(&mut stream, &outcome(3, "c", None, Ending::CutOff), NOW_EPOCH_S);
        assert!(!stream.has(&ConnectionId::new("c")));
    }
}
