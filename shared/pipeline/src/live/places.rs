//! The readers' places in a stream: who has one, what was sent to it, and who is given one that was left.

use serde::{Deserialize, Serialize};

use super::stream::{ConnectionId, LiveStream, Message, StreamState};

/// A stream has at most so many places.
const MOST_PLACES: usize = 32;
/// A place that a reader left is kept for so long, for the reader to come back to.
const PLACE_KEPT_S: u64 = 5 * 60;
/// What was sent so shortly before a reader left may not have reached it: it is sent again, with the same id.
const SENT_AGAIN_S: u64 = 3;
/// A connection is made within this time: until then, API Gateway may say that it is not there.
const CONNECTING_S: u64 = 10;
/// Who comes beside others may be one of them, whose connection is dead and not known to be: they get what was said so lately.
/// Viewers by HLS are that far behind, so it can still be shown to them.
const STILL_SHOWN_MS: u64 = 30_000;

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

impl LiveStream {
    /// Gives a connection its place: the one that it has, else the one longest without a reader, else a new one. Of several that
    /// have gone, nobody knows which one comes back: each gets what any of them missed. The first place of all begins with the
    /// oldest message that the record has, a later one with what was said just now, or where one that has got nothing yet begins.
    /// `None` where too many are there.
    pub(super) fn seat(&mut self, connection: &ConnectionId, now_epoch_s: u64) -> Option<u32> {
        if let Some(place) = self.place_of(connection) {
            return Some(place.number);
        }
        self.places
            .retain(|place| place.connection.is_some() || place.since_epoch_s + PLACE_KEPT_S >= now_epoch_s);
        let vacant = self.places.iter_mut().filter(|place| place.connection.is_none());
        let mut vacant: Vec<&mut Place> = vacant.collect();
        let missed_since = vacant.iter().map(|place| place.delivered_seq).min();
        for place in &mut vacant {
            place.delivered_seq = missed_since.unwrap_or(place.delivered_seq);
        }
        if let Some(place) = vacant
            .into_iter()
            .min_by_key(|place| (place.since_epoch_s, place.number))
        {
            place.connection = Some(connection.clone());
            place.since_epoch_s = now_epoch_s;
            return Some(place.number);
        }
        if self.places.len() >= MOST_PLACES {
            return None;
        }
        // One that came lately may have broken before it got anything, untold, and this be the same reader once more.
        let unproven = self.places.iter().filter(|place| !place.is_proven);
        let behind_seq = unproven.map(|place| place.delivered_seq).min();
        let shown_from_ms = self.heard_until_ms.saturating_sub(STILL_SHOWN_MS);
        let is_still_shown = |message: &&Message| message.end_ms > shown_from_ms;
        let still_shown = self.tail.iter().rev().take_while(is_still_shown).last();
        let shown_behind_seq = still_shown.map_or(self.next_seq, |oldest| oldest.seq) - 1;
        let number = self.next_place;
        self.next_place += 1;
        self.places.push(Place {
            number,
            connection: Some(connection.clone()),
            since_epoch_s: now_epoch_s,
            delivered_seq: match self.tail.first() {
                Some(oldest) if number == 1 => oldest.seq - 1,
                _ => behind_seq.unwrap_or(shown_behind_seq).min(shown_behind_seq),
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
        self.places.iter().any(|place| self.is_due(place, now_epoch_s))
    }

    /// Whether something is to be sent to a place now. Nobody comes after the end for one that rests because it is slow.
    pub(super) fn is_due(&self, place: &Place, now_epoch_s: u64) -> bool {
        let is_at_its_end = self.state == StreamState::Ended && place.strikes > 0;
        place.connection.is_some()
            && place.delivered_seq + 1 < self.next_seq
            && (is_at_its_end || place.rests_until_epoch_s <= now_epoch_s)
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

    fn reader(name: impl std::fmt::Display) -> ConnectionId {
        ConnectionId::new(name.to_string())
    }

    /// A stream with messages of a second each, the first `cut` of them in the bucket.
    fn with_messages(count: u64, cut: u64) -> LiveStream {
        let mut stream = stream();
        stream.next_seq = count + 1;
        stream.heard_until_ms = count * 1_000;
        stream.tail = (cut + 1..=count)
            .map(|seq| Message {
                seq,
                start_ms: (seq - 1) * 1_000,
                end_ms: seq * 1_000,
                text: format!("sentence {seq}."),
                words: Vec::new(),
                pts_s: 0.0,
                epoch_s: 0.0,
                is_end_of_stream: false,
            })
            .collect();
        stream
    }

    fn place(stream: &LiveStream, number: u32) -> Place {
        let found = stream.places.iter().find(|place| place.number == number);
        found.cloned().unwrap()
    }

    #[test]
    fn what_was_sent_in_its_last_seconds_is_sent_again() {
        let mut stream = with_messages(9, 0);
        stream.seat(&reader("a"), NOW_EPOCH_S);
        let place = &mut stream.places[0];
        place.strikes = 2;
        place.rests_until_epoch_s = NOW_EPOCH_S + 4;
        for (seq, at_s) in [(1, 0), (2, 0), (2, 1), (1, 1), (4, 2), (5, 5), (6, 6)] {
            place.sent(seq, NOW_EPOCH_S + at_s);
        }
        assert_eq!(
            (place.delivered_seq, place.strikes, place.is_proven),
            (6, 0, true)
        );
        // The second before them is kept to its end: what was sent at 2 s was so behind 2.
        assert_eq!(place.recent, [(NOW_EPOCH_S + 5, 4), (NOW_EPOCH_S + 6, 5)]);
        let mut at_its_edge = place.clone();
        at_its_edge.vacate(NOW_EPOCH_S + 8);
        assert_eq!(at_its_edge.delivered_seq, 4);
        at_its_edge = place.clone();
        at_its_edge.vacate(NOW_EPOCH_S + 9);
        assert_eq!(at_its_edge.delivered_seq, 5);
        place.vacate(NOW_EPOCH_S + 10);
        assert_eq!(
            *place,
            Place {
                number: 1,
                connection: None,
                since_epoch_s: NOW_EPOCH_S + 10,
                delivered_seq: 6,
                is_proven: false,
                recent: Vec::new(),
                strikes: 0,
                rests_until_epoch_s: 0,
            }
        );
    }

    #[test]
    fn a_connection_that_has_taken_nothing_is_waited_for_while_it_may_be_in_the_making() {
        let mut stream = stream();
        stream.seat(&reader("a"), NOW_EPOCH_S);
        let place = &mut stream.places[0];
        assert!(!place.is_settled(NOW_EPOCH_S + CONNECTING_S - 1));
        assert!(place.is_settled(NOW_EPOCH_S + CONNECTING_S));
        place.sent(1, NOW_EPOCH_S + 1);
        assert!(place.is_settled(NOW_EPOCH_S + 1));
    }

    #[test]
    fn readers_are_seated_behind_what_may_have_been_missed() {
        // The first one begins with the oldest message that there is.
        let mut stream = with_messages(60, 12);
        assert_eq!(stream.seat(&reader("a"), NOW_EPOCH_S), Some(1));
        assert_eq!(place(&stream, 1).delivered_seq, 12);
        // Who comes back on the same connection has its place.
        assert_eq!(stream.seat(&reader("a"), NOW_EPOCH_S + 1), Some(1));
        assert_eq!(place(&stream, 1).since_epoch_s, NOW_EPOCH_S);
        // A second one may be the first one, which has got nothing yet.
        assert_eq!(stream.seat(&reader("b"), NOW_EPOCH_S + 1), Some(2));
        assert_eq!(place(&stream, 2).delivered_seq, 12);
        for place in &mut stream.places {
            place.sent(60, NOW_EPOCH_S + 2);
        }
        // Beside others who have got everything: what is still to be seen, half a minute.
        assert_eq!(stream.seat(&reader("c"), NOW_EPOCH_S + 3), Some(3));
        assert_eq!(place(&stream, 3).delivered_seq, 30);
        // Where nothing was said lately, only what comes.
        stream.heard_until_ms += STILL_SHOWN_MS;
        stream.places.retain(|place| place.number != 3);
        assert_eq!(stream.seat(&reader("d"), NOW_EPOCH_S + 3), Some(4));
        assert_eq!(place(&stream, 4).delivered_seq, 60);
    }

    #[test]
    fn who_comes_back_has_what_any_of_the_lost_ones_missed() {
        let mut stream = with_messages(20, 0);
        for (name, sent) in [("a", 15), ("b", 10), ("c", 18)] {
            let number = stream.seat(&reader(name), NOW_EPOCH_S).unwrap();
            let place = stream.places.iter_mut().find(|place| place.number == number);
            place.unwrap().sent(sent, NOW_EPOCH_S);
        }
        assert!(stream.vacate(&reader("a"), NOW_EPOCH_S + 20));
        assert!(stream.vacate(&reader("b"), NOW_EPOCH_S + 21));
        assert!(!stream.vacate(&reader("nobody"), NOW_EPOCH_S + 21));
        assert!(stream.has(&reader("c")) && !stream.has(&reader("a")));
        assert_eq!(stream.seat(&reader("d"), NOW_EPOCH_S + 22), Some(1));
        assert_eq!(
            (place(&stream, 1).delivered_seq, place(&stream, 2).delivered_seq),
            (10, 10)
        );
        // A place is kept for five minutes, and not for longer.
        let gone_epoch_s = NOW_EPOCH_S + 21;
        let mut later = stream.clone();
        assert_eq!(later.seat(&reader("e"), gone_epoch_s + PLACE_KEPT_S), Some(2));
        assert_eq!(
            stream.seat(&reader("e"), gone_epoch_s + PLACE_KEPT_S + 1),
            Some(4)
        );
    }

    #[test]
    fn a_stream_has_no_more_places_than_told() {
        let mut stream = with_messages(1, 0);
        for number in 1..=32 {
            assert_eq!(stream.seat(&reader(number), NOW_EPOCH_S), Some(number));
        }
        assert_eq!(stream.seat(&reader("one too many"), NOW_EPOCH_S), None);
    }

    #[test]
    fn something_is_due_to_who_is_there_and_awake() {
        let mut stream = with_messages(3, 0);
        assert!(!stream.has_undelivered(NOW_EPOCH_S));
        stream.seat(&reader("a"), NOW_EPOCH_S);
        assert!(stream.has_undelivered(NOW_EPOCH_S));
        stream.places[0].sent(3, NOW_EPOCH_S);
        assert!(!stream.has_undelivered(NOW_EPOCH_S) && !stream.awaits_readers(NOW_EPOCH_S));
        stream.next_seq += 1;
        stream.places[0].rests_until_epoch_s = NOW_EPOCH_S + 2;
        stream.places[0].strikes = 1;
        assert!(!stream.has_undelivered(NOW_EPOCH_S + 1));
        assert!(stream.has_undelivered(NOW_EPOCH_S + 2));
        // Nobody comes after the end for one that rests.
        stream.state = StreamState::Ended;
        stream.ended_epoch_s = Some(NOW_EPOCH_S);
        assert!(stream.has_undelivered(NOW_EPOCH_S));
        stream.places[0].strikes = 0;
        assert!(!stream.has_undelivered(NOW_EPOCH_S + 1));
        // It may come back for as long as places are kept.
        assert!(stream.awaits_readers(NOW_EPOCH_S + PLACE_KEPT_S));
        assert!(!stream.awaits_readers(NOW_EPOCH_S + PLACE_KEPT_S + 1));
        stream.vacate(&reader("a"), NOW_EPOCH_S + 9);
        assert!(!stream.has_undelivered(NOW_EPOCH_S + 9));
    }
}
