//! Messages in the schema that Kaltura takes: one JSON text each, of type `captions`, final, with one alternative.

use std::collections::BTreeMap;

use captions::{SpeakerId, WordKind};
use kaltura::TaskId;
use serde::Serialize;
use uuid::Uuid;

use super::stream::Message;

/// The namespace of the ids of messages and speakers: any fixed one would do.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0d_1a3e_2b5c_4c8e_9a47_51d0_7e66_c2b9);

#[derive(Serialize)]
struct Envelope<'a> {
    response: Response<'a>,
}

#[derive(Serialize)]
struct Response<'a> {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    start: f64,
    end: f64,
    start_pts: f64,
    start_epoch: f64,
    is_final: bool,
    is_end_of_stream: bool,
    speakers: Vec<Speaker<'a>>,
    alternatives: [Alternative<'a>; 1],
}

#[derive(Serialize)]
struct Speaker<'a> {
    id: Uuid,
    label: Option<&'a str>,
}

#[derive(Serialize)]
struct Alternative<'a> {
    transcript: &'a str,
    start: f64,
    end: f64,
    start_pts: f64,
    start_epoch: f64,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    start: f64,
    end: f64,
    kind: &'static str,
    value: &'a str,
    speaker_id: Uuid,
}

/// The id of a stream's message, the same whenever it is made.
pub fn id(task_id: &TaskId, attempt: u32, seq: u64) -> String {
    message_id(task_id, attempt, seq).to_string()
}

fn message_id(task_id: &TaskId, attempt: u32, seq: u64) -> Uuid {
    Uuid::new_v5(
        &NAMESPACE,
        format!("message {task_id} {attempt} {seq}").as_bytes(),
    )
}

fn speaker_id(task_id: &TaskId, speaker: Option<&SpeakerId>) -> Uuid {
    let name = match speaker {
        None => format!("speaker {task_id}"),
        Some(speaker) => format!("speaker {task_id} {}", speaker.as_str()),
    };
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// The message as it is sent. The same whenever it is made.
pub fn to_json(task_id: &TaskId, attempt: u32, message: &Message) -> String {
    let start = seconds(message.start_ms);
    let end = seconds(message.end_ms);
    let start_pts = to_ms(message.pts_s + start);
    let start_epoch = to_ms(message.epoch_s + start);
    let mut speakers = BTreeMap::new();
    let mut items = Vec::with_capacity(message.words.len());
    for word in &message.words {
        let speaker = word.speaker.as_ref();
        let id = speaker_id(task_id, speaker);
        speakers.insert(id, speaker.map(SpeakerId::as_str));
        items.push(Item {
            start: seconds(word.start_ms),
            end: seconds(word.end_ms),
            kind: match word.kind {
                WordKind::Punctuation => "punct",
                _ => "text",
            },
            value: &word.text,
            speaker_id: id,
        });
    }
    let response = Response {
        id: message_id(task_id, attempt, message.seq),
        kind: "captions",
        start,
        end,
        start_pts,
        start_epoch,
        is_final: true,
        is_end_of_stream: message.is_end_of_stream,
        speakers: speakers
            .into_iter()
            .map(|(id, label)| Speaker { id, label })
            .collect(),
        alternatives: [Alternative {
            transcript: &message.text,
            start,
            end,
            start_pts,
            start_epoch,
            items,
        }],
    };
    // Numbers and texts only: this can't fail.
    serde_json::to_string(&Envelope { response }).unwrap_or_default()
}

fn seconds(ms: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "times of events are far below 2^52 ms")]
    let seconds = ms as f64 / 1_000.0;
    seconds
}

/// Rounded to a millisecond: what is behind it is only the arithmetic's.
fn to_ms(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use captions::Word;

    use super::*;

    fn message() -> Message {
        let of = |speaker: Option<&str>, kind, text, start_ms, end_ms| Word {
            speaker: speaker.map(SpeakerId::new),
            kind,
            ..Word::new(text, start_ms, end_ms)
        };
        Message {
            seq: 17,
            start_ms: 15_000,
            end_ms: 16_800,
            text: "Hello.\nGood evening!".to_owned(),
            words: vec![
                of(Some("1"), WordKind::Word, "Hello", 15_000, 15_200),
                of(Some("1"), WordKind::Punctuation, ".", 15_200, 15_200),
                of(None, WordKind::Word, "Good", 15_900, 16_100),
                of(None, WordKind::Word, "evening", 16_100, 16_600),
                of(None, WordKind::Punctuation, "!", 16_600, 16_600),
            ],
            pts_s: 12.1,
            epoch_s: 1_764_000_000.123,
            is_end_of_stream: false,
        }
    }

    fn task() -> TaskId {
        TaskId::parse("9292").unwrap()
    }

    #[test]
    fn a_message_is_in_kalturas_schema() {
        let json: serde_json::Value = serde_json::from_str(&to_json(&task(), 1, &message())).unwrap();
        insta::assert_json_snapshot!(json);
    }

    #[test]
    fn the_last_message_has_no_words_and_says_that_it_is_the_last() {
        let last = Message {
            text: String::new(),
            words: Vec::new(),
            is_end_of_stream: true,
            ..message()
        };
        let json: serde_json::Value = serde_json::from_str(&to_json(&task(), 1, &last)).unwrap();
        insta::assert_json_snapshot!(json);
    }

    #[test]
    fn each_message_has_an_id_of_its_own_which_stays() {
        let ids = [("9292", 1, 1), ("9292", 1, 2), ("9292", 2, 1), ("929", 1, 1)];
        let ids = ids.map(|(task_id, attempt, seq)| id(&TaskId::parse(task_id).unwrap(), attempt, seq));
        let different: std::collections::HashSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_eq!(ids[0], id(&task(), 1, 1));
    }

    /// API Gateway takes 128 KB of a message, in frames of 32 KB.
    #[test]
    fn a_caption_of_as_many_words_as_two_lines_hold_fits_into_one_frame() {
        let mut full = message();
        // Two lines of 80 characters, of words of one letter, each of another speaker.
        full.words = (0..80)
            .map(|index| Word {
                speaker: Some(SpeakerId::new(format!("speaker {index}"))),
                ..Word::new("I", index * 20, index * 20 + 10)
            })
            .collect();
        let size_bytes = to_json(&task(), 1, &full).len();
        assert!((8_000..32 * 1024).contains(&size_bytes), "{size_bytes}");
    }
}
