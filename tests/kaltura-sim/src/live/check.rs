//! The strict reader of caption messages (spec section 8.2): the schema, and what holds between messages of `captions`.

use super::report::{PushReport, ReceivedCaption};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// Times are told in seconds with fractions; what is closer than half a millisecond is the same.
const SAME_S: f64 = 0.000_5;
/// How far time stamps and wall clock may be from what was sent: what the ways there and back take.
const NEAR_S: f64 = 3.0;
/// API Gateway's largest message, bytes.
const MOST_BYTES: usize = 128 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    response: Response,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    start: f64,
    end: f64,
    start_pts: f64,
    start_epoch: f64,
    is_final: bool,
    is_end_of_stream: bool,
    speakers: Vec<Speaker>,
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Speaker {
    id: String,
    /// Null is a value; nothing at all is a fault.
    #[serde(deserialize_with = "there")]
    label: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alternative {
    transcript: String,
    start: f64,
    end: f64,
    start_pts: f64,
    start_epoch: f64,
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    start: f64,
    end: f64,
    kind: String,
    value: String,
    speaker_id: String,
}

fn there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(from)
}

/// What a listener has heard so far. It lives through reconnects: a message must not come a second time by another way.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// Each message as it came first, by its id.
    seen: HashMap<String, String>,
    last_end_s: f64,
    /// Whether this connection is not the first, and nothing new has come by it.
    is_back: bool,
    /// Whether the end of the stream was told.
    pub(crate) ended: bool,
}

/// What one message shows.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) caption: Option<ReceivedCaption>,
    pub(crate) findings: Vec<String>,
    pub(crate) doubled: bool,
    pub(crate) sent_again: bool,
    pub(crate) out_of_order: bool,
}

impl Checker {
    /// The listener connects once more.
    pub(crate) fn comes_back(&mut self) {
        self.is_back = true;
    }

    /// Reads the next message.
    pub(crate) fn check(&mut self, text: &str) -> Checked {
        let mut checked = Checked::default();
        if self.ended {
            checked
                .findings
                .push("a message after the end of the stream".to_owned());
        }
        if text.len() > MOST_BYTES {
            let found = format!("{} bytes, more than {MOST_BYTES}", text.len());
            checked.findings.push(found);
        }
        let response = match serde_json::from_str::<Message>(text) {
            Ok(message) => message.response,
            Err(error) => {
                checked.findings.push(format!("not of the schema: {error}"));
                return checked;
            }
        };
        checked.findings.extend(faults_of(&response));
        let before = self.seen.get(&response.id);
        let was_seen = before.is_some();
        if before.is_some_and(|before| before != text) {
            let fault = "it came again with its id, and is not the same";
            checked.findings.push(fault.to_owned());
        }
        self.seen
            .entry(response.id.clone())
            .or_insert_with(|| text.to_owned());
        // Whoever comes back may be sent once more what he may have missed: the id tells that it is the same.
        checked.sent_again = was_seen && self.is_back;
        checked.doubled = was_seen && !self.is_back;
        self.is_back &= was_seen;
        if checked.doubled {
            checked.findings.push("its id was there before".to_owned());
        } else if !checked.sent_again && response.start < self.last_end_s - SAME_S {
            checked.out_of_order = true;
            checked.findings.push(format!(
                "it begins at {} s, before {} s where the one before ended",
                response.start, self.last_end_s
            ));
        }
        self.last_end_s = self.last_end_s.max(response.end);
        self.ended |= response.is_end_of_stream;
        let transcript = response.alternatives.first();
        let last = transcript.and_then(|first| first.items.last());
        checked.caption = Some(ReceivedCaption {
            transcript: transcript
                .map(|first| first.transcript.clone())
                .unwrap_or_default(),
            said_until_s: last.map_or(response.start, |item| item.end),
            id: response.id,
            start_s: response.start,
            end_s: response.end,
            start_pts_s: response.start_pts,
            start_epoch_s: response.start_epoch,
            is_end_of_stream: response.is_end_of_stream,
        });
        checked
    }
}

/// What is wrong with a message by itself.
fn faults_of(response: &Response) -> Vec<String> {
    let mut faults = Vec::new();
    let mut unless = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let says_nothing = response.alternatives.iter().all(|one| one.items.is_empty());
    unless(is_uuid(&response.id), "its id is no uuid");
    unless(response.kind == "captions", "its type is not captions");
    unless(response.is_final, "captions are final");
    unless(
        response.alternatives.len() == 1 || (response.is_end_of_stream && response.alternatives.is_empty()),
        "captions have one alternative",
    );
    unless(
        !says_nothing || response.is_end_of_stream,
        "there are no captions for silence",
    );
    unless(
        0.0 <= response.start && response.start <= response.end,
        "its end is before its start",
    );
    let speakers: HashSet<&str> = response
        .speakers
        .iter()
        .map(|speaker| speaker.id.as_str())
        .collect();
    unless(
        speakers.len() == response.speakers.len(),
        "a speaker is named twice",
    );
    unless(speakers.iter().all(|id| is_uuid(id)), "a speaker's id is no uuid");
    let labels = response.speakers.iter().filter_map(|one| one.label.as_deref());
    unless(
        labels.clone().all(|label| !label.is_empty()),
        "a speaker's label is empty",
    );
    for one in &response.alternatives {
        unless(
            near(one.start, response.start)
                && near(one.end, response.end)
                && near(one.start_pts, response.start_pts)
                && near(one.start_epoch, response.start_epoch),
            "the alternative's times are not the message's",
        );
        let mut after = one.start;
        let mut rest = one.transcript.as_str();
        for item in &one.items {
            unless(
                item.start >= after - SAME_S
                    && item.end >= item.start - SAME_S
                    && item.end <= one.end + SAME_S,
                "items overlap, or lie outside of their message",
            );
            after = item.end;
            unless(
                matches!(item.kind.as_str(), "text" | "punct"),
                "an item is neither text nor punct",
            );
            unless(!item.value.is_empty(), "an item is empty");
            unless(
                speakers.contains(item.speaker_id.as_str()),
                "an item's speaker is not named",
            );
            match rest.find(&item.value) {
                Some(at) => rest = &rest[at + item.value.len()..],
                None => unless(false, "the transcript lacks an item, or has it elsewhere"),
            }
        }
        unless(
            says_nothing || !one.transcript.trim().is_empty(),
            "items without a transcript",
        );
    }
    faults
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < SAME_S
}

/// `8-4-4-4-12` hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Whether a caption's time stamp and wall clock are those of a stretch that was sent.
pub(crate) fn fault_of_time(caption: &ReceivedCaption, pushes: &[PushReport]) -> Option<String> {
    let within = pushes.iter().any(|push| {
        let Some(first_frame_s) = push.first_frame_ms.map(seconds) else {
            return false;
        };
        let at_s = caption.start_pts_s - millis(push.first_pts_ms);
        let until_s = at_s + (caption.end_s - caption.start_s);
        at_s >= -NEAR_S
            && until_s <= millis(push.sent_ms) + NEAR_S
            && (caption.start_epoch_s - first_frame_s - at_s).abs() <= NEAR_S
    });
    (!within).then(|| {
        format!(
            "start_pts {} with start_epoch {} belongs to nothing that was sent",
            caption.start_pts_s, caption.start_epoch_s
        )
    })
}

#[expect(clippy::cast_precision_loss, reason = "times of an event are far below 2^52")]
fn seconds(epoch_ms: i64) -> f64 {
    epoch_ms as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "times of an event are far below 2^52")]
fn millis(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SPEAKER: &str = "0b3b7d4e-8a86-5b8f-9c4e-0d8f1a2b3c4d";

    fn message(number: u32, start: f64, end: f64) -> Value {
        json!({"response": {
            "id": format!("00000000-0000-5000-8000-{number:012}"), "type": "captions",
            "start": start, "end": end, "start_pts": start + 100.0, "start_epoch": 1_700_000_000.5 + start,
            "is_final": true, "is_end_of_stream": false,
            "speakers": [{"id": SPEAKER, "label": null}],
            "alternatives": [{
                "transcript": "Good\nmorning.", "start": start, "end": end,
                "start_pts": start + 100.0, "start_epoch": 1_700_000_000.5 + start,
                "items": [
                    {"start": start, "end": start + 0.4, "kind": "text", "value": "Good", "speaker_id": SPEAKER},
                    {"start": start + 0.4, "end": end, "kind": "text", "value": "morning", "speaker_id": SPEAKER},
                    {"start": end, "end": end, "kind": "punct", "value": ".", "speaker_id": SPEAKER},
                ],
            }],
        }})
    }

    fn end(number: u32, at: f64) -> Value {
        let mut message = message(number, at, at);
        message["response"]["is_end_of_stream"] = json!(true);
        message["response"]["speakers"] = json!([]);
        message["response"]["alternatives"] = json!([]);
        message
    }

    #[test]
    fn a_stream_as_it_should_be_has_no_findings() {
        let mut checker = Checker::default();
        for message in [message(1, 0.5, 1.5), message(2, 1.5, 3.0), end(3, 3.0)] {
            let looked_at = checker.check(&message.to_string());
            assert_eq!(looked_at.findings, Vec::<String>::new());
            assert!(looked_at.caption.is_some());
        }
        assert!(checker.ended);
    }

    #[test]
    fn whatever_is_wrong_with_a_message_is_found() {
        let changed = |at: &str, value: Value| {
            let mut message = message(1, 0.5, 1.5);
            *message.pointer_mut(at).expect("a place in the message") = value;
            message.to_string()
        };
        let without = |at: &str, name: &str| {
            let mut message = message(1, 0.5, 1.5);
            let parent = message.pointer_mut(at).and_then(Value::as_object_mut);
            parent.expect("a place in the message").remove(name);
            message.to_string()
        };
        let texts = [
            "no JSON".to_owned(),
            without("/response", "start_pts"),
            without("/response/speakers/0", "label"),
            changed("/response/start", json!("0.5")),
            changed("/response/id", json!("17")),
            changed("/response/type", json!("transcript")),
            changed("/response/is_final", json!(false)),
            changed("/response/end", json!(0.1)),
            changed("/response/alternatives", json!([])),
            changed("/response/alternatives/0/items", json!([])),
            changed("/response/alternatives/0/start_pts", json!(7)),
            changed("/response/alternatives/0/items/1/start", json!(0.6)),
            changed("/response/alternatives/0/items/2/kind", json!("mark")),
            changed("/response/alternatives/0/items/0/speaker_id", json!("nobody")),
            changed("/response/alternatives/0/items/0/value", json!("Bad")),
            changed("/response/speakers/0/id", json!("one")),
            format!("{}{}", message(1, 0.5, 1.5), " ".repeat(MOST_BYTES)),
            message(1, 0.5, 1.5)
                .to_string()
                .replace("\"label\"", "\"more\":1,\"label\""),
        ];
        let found: Vec<String> = texts
            .iter()
            .map(|text| Checker::default().check(text).findings.join("; "))
            .collect();
        assert!(found.iter().all(|findings| !findings.is_empty()), "{found:#?}");
        insta::assert_snapshot!(found.join("\n"));
    }

    #[test]
    fn what_comes_twice_too_early_or_after_the_end_is_found() {
        let mut checker = Checker::default();
        checker.check(&message(1, 0.5, 1.5).to_string());
        let doubled = checker.check(&message(1, 0.5, 1.5).to_string());
        assert!(doubled.doubled && !doubled.out_of_order);
        checker.comes_back();
        let again = checker.check(&message(1, 0.5, 1.5).to_string());
        assert!(again.sent_again && !again.doubled && again.findings.is_empty());
        let changed = checker.check(&message(1, 0.5, 1.4).to_string());
        assert_eq!(
            changed.findings,
            ["it came again with its id, and is not the same"]
        );
        let early = checker.check(&message(2, 1.2, 2.0).to_string());
        assert!(early.out_of_order && !early.doubled);
        assert!(checker.check(&end(3, 2.0).to_string()).findings.is_empty());
        let late = checker.check(&message(4, 2.0, 2.5).to_string());
        assert_eq!(late.findings, ["a message after the end of the stream"]);
    }

    #[test]
    fn time_stamps_must_be_those_that_were_sent() {
        let pushes = [PushReport {
            first_pts_ms: 100_000,
            first_frame_ms: Some(1_700_000_000_500),
            sent_ms: 30_000,
            ..PushReport::default()
        }];
        let caption = |start_pts_s, start_epoch_s| ReceivedCaption {
            start_s: 4.0,
            end_s: 6.0,
            start_pts_s,
            start_epoch_s,
            ..ReceivedCaption::default()
        };
        assert_eq!(fault_of_time(&caption(104.0, 1_700_000_004.9), &pushes), None);
        for (start_pts_s, start_epoch_s) in [
            (4.0, 1_700_000_004.5),
            (104.0, 1_700_000_014.5),
            (140.0, 1_700_000_040.5),
        ] {
            assert!(fault_of_time(&caption(start_pts_s, start_epoch_s), &pushes).is_some());
        }
    }
}
