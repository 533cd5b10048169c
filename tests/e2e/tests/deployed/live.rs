//! Live events: orders made ready in time, and captions at Kaltura's listeners. One is real speech pushed by RTMP and recognised
//! while it is spoken, with dropouts; the words of two others are posted as a stenographer's program posts them.

use std::time::Instant;

use kaltura::TaskId;
use kaltura_sim::{
    AssetKind, CatalogItemSpec, EventSpec, LiveReport, LiveState, OrderRequest, PlacedOrder, PlaySpec,
    TokenPlace,
};
use pipeline::record::TaskState;
use reach_local::play_event;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

use crate::bed::{Bed, SOON};
use crate::life::{now_epoch_s, reconciled};
use crate::operator::reachctl;

/// How long the event of real speech is: two stretches of a few sentences.
const EVENT_S: u64 = 35;
/// From an order to its event: what poll, claim and making ready take beside others, and more.
const LEAD_S: u64 = 20;
const LIVE_CAPTIONS: i64 = 8;
const LIVE_TRANSLATION: i64 = 11;
const PROCESSING: i64 = 3;
const READY: i64 = 2;

/// All of them at once.
pub async fn events(bed: &Bed) {
    tokio::join!(
        short_event_with_dropouts(bed),
        translated_event(bed),
        withdrawn_on_air(bed),
    );
}

/// The publisher and a listener drop out in the middle.
async fn short_event_with_dropouts(bed: &Bed) {
    let outcome = play_event(&bed.stack, EVENT_S, |line| println!("{line}"))
        .await
        .unwrap();
    assert!(outcome.all_well(), "{}", outcome.table());
    // The publisher came back, and so did the listener; a wrong token was refused.
    assert!(outcome.live.pushes.iter().all(|push| push.sent_ms > 5_000));
    let sessions: Vec<usize> = outcome
        .live
        .connections
        .iter()
        .map(|one| {
            one.sessions
                .iter()
                .filter(|session| session.http_status == Some(101))
                .count()
        })
        .collect();
    assert_eq!(sessions, [2, 1], "{:#?}", outcome.live.connections);
    assert_eq!(outcome.live.wrong_tokens.len(), 1);
}

/// Said in English and shown in Spanish, also on the recording. Kaltura listens with a session of its account, and nobody is let in
/// with the stream's token alone.
async fn translated_event(bed: &Bed) {
    let account = reachctl(&["live", "account"]).await;
    let session: Value = reqwest::Client::new()
        .post(text(&account, "auth_url"))
        .bearer_auth(text(&account, "token"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let placed = bed
        .order(event(bed, LIVE_TRANSLATION, text(&session, "token")))
        .await;
    until_listened_to(bed, &placed).await;
    assert_eq!(try_alone(bed, &placed).await, 403);

    let mut writer = Writer::of(&placed).await;
    writer.says("Good evening and welcome.", false).await;
    until_on_air(bed, &placed).await;
    writer.says("Thank you and good night.", true).await;

    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Delivered, "{task:?}");
    let report = bed.report(&placed);
    assert_eq!(report.status, READY);
    let live = until_over(bed, &placed).await;
    assert_eq!(
        (live.state, live.findings.as_slice()),
        (LiveState::Ended, &[][..]),
        "{live:#?}"
    );
    for listener in &live.connections {
        let heard: Vec<&str> = live
            .messages
            .iter()
            .filter(|message| message.connection == listener.name)
            .filter_map(|message| message.caption.as_ref())
            .map(|caption| caption.transcript.as_str())
            .collect();
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert!(
            heard[0].to_lowercase().contains("bienvenid") && heard[1].to_lowercase().contains("gracias"),
            "{heard:?}"
        );
    }
    let captions: Vec<_> = report.delivered(AssetKind::Caption).collect();
    assert_eq!(captions.len(), 1);
    let field = |name: &str| captions[0].fields[name].clone();
    assert_eq!(field("language"), "Spanish");
    assert_eq!(field("entryId"), report.entry["recordedEntryId"]);
}

/// The order goes while captions go out: nobody is let in any more, and nothing is taken.
async fn withdrawn_on_air(bed: &Bed) {
    let account = bed.stack.live_account().await.unwrap();
    let placed = bed.order(event(bed, LIVE_CAPTIONS, &account)).await;
    until_listened_to(bed, &placed).await;
    let mut writer = Writer::of(&placed).await;
    writer.says("Good evening and welcome.", false).await;
    until_on_air(bed, &placed).await;
    bed.sim().abort_order(&placed.task_id).unwrap();
    let task_id = TaskId::parse(placed.task_id.as_str()).unwrap();
    reconciled(bed, &task_id, |_| ()).await;
    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Gone, "{task:?}");
    assert_eq!(until_over(bed, &placed).await.state, LiveState::Removed);
    assert_eq!(writer.post("Is anybody there?", false).await, 404);
}

/// An order of a live event to which Kaltura listens by two connections, each with its own way to send its token.
fn event(bed: &Bed, service_feature: i64, account_token: &str) -> OrderRequest {
    let start_epoch_s = now_epoch_s() + LEAD_S;
    let mut play = PlaySpec {
        pushes: Vec::new(),
        is_written: true,
        account_token: Some(account_token.to_owned()),
        ..PlaySpec::default()
    };
    play.connections[1].token = TokenPlace::Header;
    OrderRequest {
        service_feature,
        catalog_item: CatalogItemSpec {
            source_language: "English".to_owned(),
            target_language: (service_feature == LIVE_TRANSLATION).then(|| "Spanish".to_owned()),
            ..CatalogItemSpec::default()
        },
        task_data: Some(json!({ "startDate": start_epoch_s, "endDate": start_epoch_s + 600 })),
        event: EventSpec {
            play: Some(play),
            ..EventSpec::default()
        },
        ..bed.order_for(&bed.clip)
    }
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap()
}

fn live(bed: &Bed, placed: &PlacedOrder) -> LiveReport {
    bed.report(placed).live.unwrap()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "waited for {what} in vain");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn until_listened_to(bed: &Bed, placed: &PlacedOrder) {
    until("both listeners", || {
        live(bed, placed).connections.iter().all(|one| {
            one.sessions
                .iter()
                .any(|session| session.http_status == Some(101))
        })
    })
    .await;
}

async fn until_on_air(bed: &Bed, placed: &PlacedOrder) {
    until("PROCESSING", || bed.report(placed).status == PROCESSING).await;
}

async fn until_over(bed: &Bed, placed: &PlacedOrder) -> LiveReport {
    until("the end of the event", || live(bed, placed).state.is_over()).await;
    live(bed, placed)
}

/// The status for who comes with the stream's token, and not with the account's.
async fn try_alone(bed: &Bed, placed: &PlacedOrder) -> u16 {
    let feature = bed.report(placed).live_feature.unwrap();
    match connect_async(feature["captionUrl"].as_str().unwrap()).await {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("no answer: {other:?}"),
    }
}

/// Somebody who writes what is said.
struct Writer {
    url: String,
    token: String,
    began_epoch_s: u64,
    sequence: u64,
}

impl Writer {
    async fn of(placed: &PlacedOrder) -> Self {
        let words = reachctl(&["live", "words", placed.task_id.as_str()]).await;
        Self {
            url: text(&words, "captions_url").to_owned(),
            token: text(&words, "token").to_owned(),
            began_epoch_s: now_epoch_s(),
            sequence: 0,
        }
    }

    /// Posts a line, of the next ten seconds, in whose rest nothing is said; answers the status.
    async fn post(&mut self, line: &str, is_last: bool) -> u16 {
        let start_ms = self.sequence * 10_000;
        self.sequence += 1;
        let post = json!({
            "source": "writer",
            "sequence": self.sequence,
            "origin": { "pts_s": 0.0, "epoch_s": self.began_epoch_s },
            "heard_until_ms": start_ms + 10_000,
            "lines": [{ "text": line, "start_ms": start_ms, "end_ms": start_ms + 2_500 }],
            "end_of_stream": is_last,
        });
        let client = reqwest::Client::new();
        let answer = client.post(&self.url).bearer_auth(&self.token).json(&post);
        answer.send().await.unwrap().status().as_u16()
    }

    async fn says(&mut self, line: &str, is_last: bool) {
        assert_eq!(self.post(line, is_last).await, 200);
    }
}
