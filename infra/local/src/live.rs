//! A live event on a run's stack: real speech, pushed as Kaltura relays it, its publisher and a listener dropping out in the
//! middle; and what Kaltura's side got of captions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kaltura::AssetStatus;
use kaltura_sim::{
    AssetKind, CatalogItemSpec, ConnectionSpec, DropSpec, EntrySpec, EventSpec, LiveReport, LiveState,
    OrderRequest, PlaySpec, PushReport, PushSpec, ReceivedCaption, TaskId, TokenPlace,
};
use pipeline::record::TaskState;
use serde::Serialize;
use serde_json::json;

use crate::engine::{Said, Sentence};
use crate::error::{LocalError, Result};
use crate::program::{command, run};
use crate::report::columns;
use crate::speech::LANGUAGE;
use crate::stack::LocalStack;

/// The services that an event may be ordered with.
pub const LIVE_SERVICES: &str = "1,8,11";
/// From the order to its event: what poll, claim and making ready take, and more.
const LEAD: Duration = Duration::from_secs(25);
/// How long the publisher is away in the middle.
const PUBLISHER_AWAY_MS: u64 = 5_000;
/// How long one of the listeners is away.
const LISTENER_AWAY_MS: u64 = 3_000;
/// How long after the last push its captions and the end of the stream may take.
const LINGER: Duration = Duration::from_mins(1);
/// How long the order may take after that.
const CLOSE_WITHIN: Duration = Duration::from_mins(3);
/// The time stamp that the publisher begins with, and with which it begins anew.
const FIRST_PTS_MS: [u64; 2] = [100_000, 7_000];
/// As long as a sentence may go on after the last key frame: the pause after it is longer.
const AFTER_SENTENCE_MS: u64 = 250;
/// The recogniser alone has 1 to 10 wrong of 100 words (`infra/local/engines/README.md`).
const MOST_WORD_ERRORS: f64 = 0.2;
/// How often things are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What came of an event.
#[derive(Debug, Clone, Serialize)]
pub struct LiveOutcome {
    /// The task.
    pub task_id: String,
    /// Its record's state: `Delivered` where all is well.
    pub state: String,
    /// How long the order took to be ready for its event, seconds.
    pub ready_s: f64,
    /// Sent by Kaltura, seconds.
    pub sent_s: f64,
    /// Captions, each counted once.
    pub captions: usize,
    /// From the end of what a caption says to its arrival: median, 95 of 100, longest, seconds.
    pub delay_s: [f64; 3],
    /// Files of captions that the recording has of it.
    pub on_recording: usize,
    /// Words of the text, and how many of them were lost, made up or wrong, as a share.
    pub words: usize,
    /// See `words`.
    pub word_error_rate: f64,
    /// Everything that the stand-in saw.
    pub live: LiveReport,
}

impl LiveOutcome {
    /// Whether Kaltura got every caption once, in order and in its schema, of what was said; and the task is READY, with the
    /// captions on the recording.
    pub fn all_well(&self) -> bool {
        self.live.state == LiveState::Ended
            && self.live.findings.is_empty()
            && self.state == format!("{:?}", TaskState::Delivered)
            && self.captions > 0
            && self.on_recording == 1
            && self.word_error_rate <= MOST_WORD_ERRORS
    }

    /// The closing table, what was found wrong, and the outcome in a line.
    pub fn table(&self) -> String {
        let mut rows = vec![
            [
                "listener",
                "connected",
                "messages",
                "lost",
                "sent again",
                "doubled",
                "out of order",
                "end",
                "closed with",
            ]
            .map(str::to_owned)
            .to_vec(),
        ];
        for one in &self.live.connections {
            let code = one.sessions.last().and_then(|session| session.close_code);
            rows.push(vec![
                one.name.clone(),
                one.sessions.len().to_string(),
                one.messages.to_string(),
                one.lost.to_string(),
                one.sent_again.to_string(),
                one.doubled.to_string(),
                one.out_of_order.to_string(),
                if one.saw_the_end { "told" } else { "missing" }.to_owned(),
                code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
            ]);
        }
        let mut text = columns(&rows);
        let mut pushes = vec![["push", "first pts s", "sent s"].map(str::to_owned).to_vec()];
        for (number, push) in self.live.pushes.iter().enumerate() {
            pushes.push(vec![
                (number + 1).to_string(),
                format!("{:.1}", seconds(push.first_pts_ms)),
                format!("{:.1}", seconds(push.sent_ms)),
            ]);
        }
        let _ = write!(text, "\n{}\n", columns(&pushes));
        for finding in &self.live.findings {
            let _ = writeln!(text, "found: {finding}");
        }
        let [median, most, longest] = self.delay_s;
        let _ = writeln!(
            text,
            "ready for the event after {:.1} s; {} captions of {:.0} s, {} file of them on the recording; wrong tokens \
             answered {:?}",
            self.ready_s, self.captions, self.sent_s, self.on_recording, self.live.wrong_tokens
        );
        let _ = writeln!(
            text,
            "from speech to caption: median {median:.1} s, 95 of 100 within {most:.1} s, at most {longest:.1} s"
        );
        let _ = writeln!(
            text,
            "{:.1} of 100 words wrong ({} words); task {} {}: {}",
            self.word_error_rate * 100.0,
            self.words,
            self.task_id,
            self.state,
            if self.all_well() {
                "all is well"
            } else {
                "not as it should be"
            }
        );
        text
    }
}

/// The media of an event, and what is said in it.
struct Event {
    media: PathBuf,
    /// Where each stretch begins and how long it is, milliseconds.
    stretches: [(u64, u64); 2],
    text: String,
}

/// Orders captions of an event of so many seconds and has it played: `tell` is given a line whenever something happens. Answers
/// when the event is over and the order has ended, or can't any more in time.
pub async fn play_event(stack: &LocalStack, event_s: u64, mut tell: impl FnMut(&str)) -> Result<LiveOutcome> {
    let event = make_event(stack, event_s).await?;
    let sim = stack.sim().ok_or_else(|| LocalError::NoOutput {
        name: "kaltura-sim".to_owned(),
    })?;
    let start_s = sim.now_ms() / 1_000 + i64::try_from(LEAD.as_secs()).unwrap_or_default();
    let end_s = start_s + i64::try_from(event_s).unwrap_or_default();
    let order = OrderRequest {
        service_feature: 8,
        entry: EntrySpec {
            name: "A talk, live".to_owned(),
            ..EntrySpec::default()
        },
        catalog_item: CatalogItemSpec {
            source_language: LANGUAGE.to_owned(),
            ..CatalogItemSpec::default()
        },
        task_data: Some(json!({ "startDate": start_s, "endDate": end_s })),
        event: EventSpec {
            play: Some(play(&event, stack.live_account().await?)),
            ..EventSpec::default()
        },
        ..OrderRequest::default()
    };
    let placed = stack.place_order(order).await?;
    tell(&format!(
        "task {}: captions of an event of {event_s} s ordered, which begins in {} s",
        placed.task_id,
        LEAD.as_secs()
    ));
    let ordered_at = Instant::now();
    // A poll that meets another one at work leaves everything to that one, which may have asked before.
    while stack.record(placed.task_id.as_str()).await?.is_none() && ordered_at.elapsed() < LEAD {
        stack.poll_now().await?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let mut watch = Watch {
        ordered_at,
        ready_s: None,
        told: 0,
        sessions: 0,
        begun_ms: None,
        state: String::new(),
    };
    let deadline = ordered_at + LEAD + Duration::from_secs(event_s) + LINGER + CLOSE_WITHIN;
    let (live, state) = loop {
        let (live, state) = watch.look(stack, &placed.task_id, &mut tell).await?;
        let has_ended = state.is_some_and(TaskState::has_ended);
        if (live.state.is_over() && has_ended) || Instant::now() > deadline {
            break (live, state);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let spoken = spoken(&live);
    let heard: Vec<&str> = spoken
        .iter()
        .map(|(caption, _)| caption.transcript.as_str())
        .collect();
    let report = sim.order(&placed.task_id)?;
    let recording = report.entry.get("recordedEntryId");
    let on_recording = report.delivered(AssetKind::Caption).filter(|asset| {
        AssetStatus::from(asset.status) == AssetStatus::Ready && asset.fields.get("entryId") == recording
    });
    let (words, word_error_rate) = word_errors(&event.text, &heard.join(" "));
    Ok(LiveOutcome {
        task_id: placed.task_id.to_string(),
        state: state.map_or_else(|| "unknown".to_owned(), |state| format!("{state:?}")),
        ready_s: watch.ready_s.unwrap_or_default(),
        sent_s: live.pushes.iter().map(|push| seconds(push.sent_ms)).sum(),
        captions: spoken.len(),
        delay_s: delays(&spoken, &live.pushes),
        on_recording: on_recording.count(),
        words,
        word_error_rate,
        live,
    })
}

/// Kaltura's part in an event: the publisher and a listener drop out in the middle, and the listeners show both ways of a token
/// that goes beside the account's.
fn play(event: &Event, account_token: String) -> PlaySpec {
    let second_at_ms = event.stretches[0].1 + PUBLISHER_AWAY_MS;
    let pushes = [(0, 0), (second_at_ms, 1)].map(|(at_ms, number)| PushSpec {
        at_ms,
        // At the key frame that the stretch begins with, and not before it.
        media_from_ms: event.stretches[number].0 + if number == 0 { 0 } else { 100 },
        for_ms: event.stretches[number].1,
        first_pts_ms: FIRST_PTS_MS[number],
    });
    PlaySpec {
        media: event.media.clone(),
        pushes: pushes.to_vec(),
        is_written: false,
        connections: vec![
            ConnectionSpec {
                drops: vec![DropSpec {
                    at_ms: second_at_ms + 4_000,
                    for_ms: LISTENER_AWAY_MS,
                }],
                ..ConnectionSpec::named("primary")
            },
            ConnectionSpec {
                token: TokenPlace::Header,
                sleeps_ms: 500,
                ..ConnectionSpec::named("backup")
            },
        ],
        account_token: Some(account_token),
        wrong_tokens: 1,
        linger_ms: u64::try_from(LINGER.as_millis()).unwrap_or_default(),
    }
}

/// What has been told of an event.
struct Watch {
    ordered_at: Instant,
    ready_s: Option<f64>,
    told: usize,
    sessions: usize,
    begun_ms: Option<i64>,
    state: String,
}

impl Watch {
    async fn look(
        &mut self,
        stack: &LocalStack,
        task_id: &TaskId,
        tell: &mut impl FnMut(&str),
    ) -> Result<(LiveReport, Option<TaskState>)> {
        let sim = stack.sim().ok_or_else(|| LocalError::NoOutput {
            name: "kaltura-sim".to_owned(),
        })?;
        let report = sim.order(task_id)?;
        let live = report.live.unwrap_or_default();
        let state = stack.record(task_id.as_str()).await?.map(|record| record.state);
        let since_s = self.ordered_at.elapsed().as_secs_f64();
        let is_filled = report
            .live_feature
            .as_ref()
            .is_some_and(|feature| feature.contains_key("captionUrl"));
        if self.ready_s.is_none() && is_filled {
            self.ready_s = Some(since_s);
        }
        let place = format!(
            "{} at Kaltura, event {:?}",
            status_name(report.status),
            live.state
        );
        if place != self.state {
            tell(&format!("{since_s:7.1} s  task {task_id}: {place}"));
            self.state = place;
        }
        self.begun_ms = self.begun_ms.or(live.begun_ms);
        let on_air_s = |at_ms: i64| {
            let begun_ms = self.begun_ms.unwrap_or(at_ms);
            seconds(u64::try_from(at_ms - begun_ms).unwrap_or_default())
        };
        let sessions: Vec<_> = live
            .connections
            .iter()
            .flat_map(|one| one.sessions.iter().map(move |session| (&one.name, session)))
            .collect();
        if sessions.len() != self.sessions {
            self.sessions = sessions.len();
            tell(&format!(
                "{since_s:7.1} s  listeners have connected {} times",
                sessions.len()
            ));
        }
        for message in &live.messages[self.told..] {
            if let Some(caption) = message
                .caption
                .as_ref()
                .filter(|_| message.connection == "primary")
            {
                let what = if caption.is_end_of_stream {
                    "(end of the stream)".to_owned()
                } else {
                    caption.transcript.replace('\n', " / ")
                };
                tell(&format!("{:7.1} s  on air: {what}", on_air_s(message.at_ms)));
            }
        }
        self.told = live.messages.len();
        Ok((live, state))
    }
}

fn status_name(status: i64) -> String {
    match status {
        1 => "PENDING".to_owned(),
        2 => "READY".to_owned(),
        3 => "PROCESSING".to_owned(),
        6 => "ERROR".to_owned(),
        9 => "SCHEDULED".to_owned(),
        other => format!("status {other}"),
    }
}

/// The captions, each when it first came to anybody, in order of time.
fn spoken(live: &LiveReport) -> Vec<(ReceivedCaption, i64)> {
    let mut captions: Vec<(ReceivedCaption, i64)> = Vec::new();
    for message in &live.messages {
        let Some(caption) = message
            .caption
            .as_ref()
            .filter(|caption| !caption.is_end_of_stream)
        else {
            continue;
        };
        match captions.iter_mut().find(|(known, _)| known.id == caption.id) {
            Some((_, at_ms)) => *at_ms = message.at_ms.min(*at_ms),
            None => captions.push((caption.clone(), message.at_ms)),
        }
    }
    captions.sort_by(|(one, _), (other, _)| one.start_s.total_cmp(&other.start_s));
    captions
}

/// From the end of what a caption says, as it was sent, to its arrival: median, 95 of 100, longest, seconds.
fn delays(captions: &[(ReceivedCaption, i64)], pushes: &[PushReport]) -> [f64; 3] {
    let mut delays: Vec<f64> = captions
        .iter()
        .filter_map(|(caption, at_ms)| {
            let said_until_s = caption.start_pts_s + caption.said_until_s - caption.start_s;
            // A caption is of the stretch whose time stamps its own are among.
            let push = pushes.iter().find(|push| {
                let into_s = said_until_s - seconds(push.first_pts_ms);
                (-1.0..=seconds(push.sent_ms) + 1.0).contains(&into_s)
            })?;
            let first_frame_s = epoch_s(push.first_frame_ms?);
            Some(epoch_s(*at_ms) - first_frame_s - (said_until_s - seconds(push.first_pts_ms)))
        })
        .collect();
    delays.sort_by(f64::total_cmp);
    let at = |hundredths: usize| {
        let place = (delays.len() * hundredths).div_ceil(100).saturating_sub(1);
        delays.get(place).copied().unwrap_or_default()
    };
    [at(50), at(95), at(100)]
}

/// How many words a text has, and the share of them that was lost, made up or wrong.
fn word_errors(text: &str, heard: &str) -> (usize, f64) {
    let words = |text: &str| -> Vec<String> {
        let plain = |c: char| if c.is_alphanumeric() || c == '\'' { c } else { ' ' };
        let text: String = text.to_lowercase().chars().map(plain).collect();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let (said, heard) = (words(text), words(heard));
    let wrong = strsim::generic_levenshtein(&said, &heard);
    (said.len(), share(wrong, said.len()))
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand words")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "times of an event are far below 2^52")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are far below 2^52"
)]
fn epoch_s(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// A part of made speech: from its beginning up to the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    talk: usize,
    length_ms: u64,
    sentences: Vec<String>,
}

/// Parts of the talks in turn, from `first` on, that fill up to so much time.
fn parts(talks: &[Said], first: usize, most_ms: u64) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut left_ms = most_ms;
    for talk in (first..).map(|number| number % talks.len().max(1)) {
        let Some(said) = talks.get(talk) else { break };
        let whole = said.duration_ms <= left_ms;
        let fits = |sentence: &&Sentence| whole || sentence.end_ms + AFTER_SENTENCE_MS <= left_ms;
        let sentences: Vec<&Sentence> = said.sentences.iter().take_while(fits).collect();
        let Some(last) = sentences.last() else { break };
        let length_ms = if whole {
            said.duration_ms
        } else {
            last.end_ms + AFTER_SENTENCE_MS
        };
        parts.push(Part {
            talk,
            length_ms,
            sentences: sentences.iter().map(|sentence| sentence.text.clone()).collect(),
        });
        left_ms = left_ms.saturating_sub(length_ms);
        if !whole {
            break;
        }
    }
    parts
}

/// Puts made speech together for an event of so many seconds, in two stretches.
async fn make_event(stack: &LocalStack, event_s: u64) -> Result<Event> {
    let speech = stack.speech().await?;
    let mut talks = Vec::new();
    for one in &speech {
        let description = one.description.as_ref().ok_or_else(|| LocalError::NoOutput {
            name: "a description of the speech".to_owned(),
        })?;
        talks.push(Said::read(description)?);
    }
    let half_ms = (event_s * 1_000).saturating_sub(PUBLISHER_AWAY_MS) / 2;
    let first = parts(&talks, 0, half_ms);
    let second = parts(&talks, first.last().map_or(0, |part| part.talk + 1), half_ms);
    let length = |parts: &[Part]| parts.iter().map(|part| part.length_ms).sum::<u64>();
    let stretches = [(0, length(&first)), (length(&first), length(&second))];
    let folder = stack.work_dir().join("event");
    std::fs::create_dir_all(&folder).map_err(LocalError::file(&folder))?;
    let mut list = String::from("ffconcat version 1.0\n");
    let mut text = Vec::new();
    for part in first.iter().chain(&second) {
        let media = quoted(&speech[part.talk].media);
        let _ = writeln!(list, "file {media}\noutpoint {:.3}", seconds(part.length_ms));
        text.extend(part.sentences.iter().map(String::as_str));
    }
    let list_path = folder.join("parts.txt");
    std::fs::write(&list_path, &list).map_err(LocalError::file(&list_path))?;
    let media = folder.join("event.mp4");
    let mut ffmpeg = command(Path::new("ffmpeg"), &[]);
    ffmpeg
        .args([
            "-v", "error", "-nostdin", "-y", "-f", "concat", "-safe", "0", "-i",
        ])
        .arg(&list_path)
        .args(["-c", "copy"])
        .arg(&media);
    run(ffmpeg, "the making of the event's media", &stack.log("event")).await?;
    Ok(Event {
        media,
        stretches,
        text: text.join(" "),
    })
}

/// A path as ffmpeg's list of parts has it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(sentences: &[(u64, u64)], duration_ms: u64) -> Said {
        let sentences = sentences.iter().map(|(start_ms, end_ms)| Sentence {
            text: format!("From {start_ms}."),
            start_ms: *start_ms,
            end_ms: *end_ms,
        });
        Said {
            duration_ms,
            sentences: sentences.collect(),
        }
    }

    #[test]
    fn a_stretch_is_made_of_whole_talks_and_whole_sentences() {
        let talks = [
            talk(&[(500, 4_000), (4_500, 9_000)], 10_000),
            talk(&[(500, 3_000), (3_500, 5_000)], 6_000),
        ];
        let made = |first, most_ms| -> Vec<(usize, u64, usize)> {
            parts(&talks, first, most_ms)
                .into_iter()
                .map(|part| (part.talk, part.length_ms, part.sentences.len()))
                .collect()
        };
        assert_eq!(made(0, 10_000), [(0, 10_000, 2)]);
        assert_eq!(made(0, 14_000), [(0, 10_000, 2), (1, 3_250, 1)]);
        assert_eq!(made(1, 17_000), [(1, 6_000, 2), (0, 10_000, 2)]);
        assert_eq!(made(1, 3_000), []);
    }

    #[test]
    fn words_that_are_lost_made_up_or_wrong_are_errors() {
        assert_eq!(
            word_errors("Good morning, everyone.", "good morning everyone"),
            (3, 0.0)
        );
        let (words, rate) = word_errors("Good morning, everyone.", "good warning every one");
        assert_eq!(words, 3);
        assert!((rate - 1.0).abs() < 1e-9, "{rate}");
        assert_eq!(word_errors("", ""), (0, 0.0));
    }

    #[test]
    fn a_delay_is_from_what_was_said_to_its_caption() {
        let pushes = [
            PushReport {
                first_pts_ms: 100_000,
                first_frame_ms: Some(1_000_000),
                sent_ms: 10_000,
                ..PushReport::default()
            },
            PushReport {
                first_pts_ms: 7_000,
                first_frame_ms: Some(1_020_000),
                sent_ms: 10_000,
                ..PushReport::default()
            },
        ];
        let caption = |start_s: f64, start_pts_s: f64| ReceivedCaption {
            start_s,
            end_s: start_s + 2.0,
            said_until_s: start_s + 1.0,
            start_pts_s,
            ..ReceivedCaption::default()
        };
        let captions = [(caption(4.0, 104.0), 1_007_000), (caption(22.0, 9.0), 1_026_000)];
        assert_eq!(format!("{:?}", delays(&captions, &pushes)), "[2.0, 3.0, 3.0]");
        assert_eq!(format!("{:?}", delays(&[], &pushes)), "[0.0, 0.0, 0.0]");
    }
}
