//! A live event as Kaltura plays it: against a small caption server, with media that ffmpeg takes in.

use crate::bench::{Bench, code};
use futures::{SinkExt as _, StreamExt as _};
use kaltura_sim::{
    ConnectionSpec, DropSpec, EventSpec, Fault, FaultEffect, LiveReport, LiveState, OrderRequest,
    PlacedOrder, PlaySpec, PushSpec, TaskId, TokenPlace,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const TOKEN: &str = "caption-token-0";
const SPEAKER: &str = "0b3b7d4e-8a86-5b8f-9c4e-0d8f1a2b3c4d";
const FIRST_PTS_S: f64 = 100.0;
/// How far apart the server's messages are.
const EVERY: Duration = Duration::from_millis(250);

fn epoch_s() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs_f64()
}

/// How the caption server misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manners {
    Good,
    /// It says its third message twice, its fifth goes back in time, and it does not end.
    Bad,
    /// It lets anybody in.
    Open,
}

/// A vendor's caption server of the smallest kind: a message each quarter of a second, then the end.
struct Server {
    url: String,
    /// Who connected, by name: with the token in the address, `primary`; as a bearer, `backup`.
    opened: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(messages: usize, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!(
            "ws://{}/live?stream=7&token={TOKEN}",
            listener.local_addr().expect("an address")
        );
        let opened = Arc::new(Mutex::new(Vec::new()));
        let places: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let begun: Arc<Mutex<Option<(Instant, f64)>>> = Arc::default();
        let names = opened.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (names, places, begun) = (names.clone(), places.clone(), begun.clone());
                tokio::spawn(async move {
                    serve(stream, messages, manners, &names, &places, &begun).await;
                });
            }
        });
        Self { url, opened }
    }

    fn opened(&self) -> usize {
        self.opened.lock().expect("not poisoned").len()
    }
}

#[expect(clippy::result_large_err, reason = "the library's own type of refusal")]
fn name_of(request: &Request, manners: Manners) -> Result<String, ErrorResponse> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if request
        .uri()
        .query()
        .unwrap_or_default()
        .contains(&format!("token={TOKEN}"))
    {
        return Ok("primary".to_owned());
    }
    if header("authorization") == Some(&format!("Bearer {TOKEN}")) {
        return Ok("backup".to_owned());
    }
    if header("x-caption-token") == Some(TOKEN) || manners == Manners::Open {
        return Ok("third".to_owned());
    }
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::UNAUTHORIZED;
    Err(refusal)
}

async fn serve(
    stream: TcpStream,
    messages: usize,
    manners: Manners,
    names: &Mutex<Vec<String>>,
    places: &Mutex<HashMap<String, usize>>,
    begun: &Mutex<Option<(Instant, f64)>>,
) {
    let mut name = String::new();
    #[expect(clippy::result_large_err, reason = "the library's own type of refusal")]
    let look = |request: &Request, response: Response| {
        name = name_of(request, manners)?;
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else {
        return;
    };
    names.lock().expect("not poisoned").push(name.clone());
    let (begun_at, begun_epoch_s) = {
        let mut begun = begun.lock().expect("not poisoned");
        *begun.get_or_insert_with(|| (Instant::now(), epoch_s()))
    };
    loop {
        let next = places
            .lock()
            .expect("not poisoned")
            .get(&name)
            .copied()
            .unwrap_or(0);
        let due = begun_at + EVERY * u32::try_from(next + 1).expect("few messages");
        tokio::select! {
            heard = socket.next() => if !matches!(heard, Some(Ok(_))) { return },
            () = tokio::time::sleep_until(due.into()) => {
                let mut said = next;
                if manners == Manners::Bad && next == 3 {
                    said = 2;
                }
                let is_end = next == messages && manners != Manners::Bad;
                let text = message(said, is_end, begun_epoch_s, manners);
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
                places.lock().expect("not poisoned").insert(name.clone(), next + 1);
                if is_end {
                    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
                    let _ = socket.close(Some(frame)).await;
                    while socket.next().await.is_some_and(|heard| heard.is_ok()) {}
                    return;
                }
            }
        }
    }
}

fn message(number: usize, is_end: bool, begun_epoch_s: f64, manners: Manners) -> String {
    let at = |number: usize| f64::from(u32::try_from(number).expect("few messages")) * EVERY.as_secs_f64();
    let start = if manners == Manners::Bad && number == 5 {
        0.1
    } else {
        at(number)
    };
    let end = if is_end { start } else { start + 0.2 };
    let (start_pts, start_epoch) = (FIRST_PTS_S + start, begun_epoch_s + start);
    let said = json!([{
        "transcript": "word", "start": start, "end": end, "start_pts": start_pts, "start_epoch": start_epoch,
        "items": [{"start": start, "end": end, "kind": "text", "value": "word", "speaker_id": SPEAKER}],
    }]);
    json!({"response": {
        "id": format!("00000000-0000-5000-8000-{number:012}"), "type": "captions",
        "start": start, "end": end, "start_pts": start_pts, "start_epoch": start_epoch,
        "is_final": true, "is_end_of_stream": is_end,
        "speakers": if is_end { json!([]) } else { json!([{"id": SPEAKER, "label": "None"}]) },
        "alternatives": if is_end { json!([]) } else { said },
    }})
    .to_string()
}

/// Six seconds of picture and tone, a key frame each second.
async fn media(folder: &Path) -> PathBuf {
    let path = folder.join("event.mp4");
    let made = tokio::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=64x64:rate=10",
        ])
        .args(["-f", "lavfi", "-i", "sine=frequency=440", "-t", "6", "-g", "10"])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ])
        .arg(&path)
        .status()
        .await
        .expect("ffmpeg runs");
    assert!(made.success());
    path
}

/// An RTMP server for one push: what came in is in the file once it has ended.
async fn ingest(file: &Path) -> (String, tokio::process::Child) {
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = port.local_addr().expect("an address").port();
    let url = format!("rtmp://127.0.0.1:{port}/live");
    let child = tokio::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-listen", "1", "-copyts", "-i"])
        .arg(format!("{url}/stream-key"))
        .args(["-c", "copy", "-copyts"])
        .arg(file)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("ffmpeg runs");
    (url, child)
}

async fn first_pts_s(file: &Path) -> f64 {
    let probed = tokio::process::Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
        ])
        .arg(file)
        .output()
        .await
        .expect("ffprobe runs");
    let text = String::from_utf8_lossy(&probed.stdout).into_owned();
    let times = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok());
    times.fold(f64::INFINITY, f64::min)
}

fn order(start_s: i64, play: PlaySpec) -> OrderRequest {
    OrderRequest {
        service_feature: 8,
        task_data: Some(json!({"startDate": start_s, "endDate": start_s + 60})),
        event: EventSpec {
            play: Some(play),
            ..EventSpec::default()
        },
        ..OrderRequest::default()
    }
}

/// What a vendor does before the event.
async fn fill(bench: &Bench, placed: &PlacedOrder, media_url: &str, caption_url: &str) -> Value {
    let task = bench.report(&placed.task_id).task;
    let params = json!({
        "ks": bench.key(&placed.task_id),
        "scheduledEventId": task["taskJobData"]["scheduledEventId"],
        "featureName": format!("LiveCaptionFeature-reach-{}", placed.task_id),
        "liveFeature": {
            "objectType": "KalturaLiveCaptionFeature", "mediaUrl": media_url, "mediaKey": "stream-key",
            "captionUrl": caption_url, "captionToken": TOKEN,
        },
    });
    bench
        .call("schedule_scheduleevent", "updateLiveFeature", params)
        .await
}

async fn until(bench: &Bench, task: &TaskId, what: impl Fn(&LiveReport) -> bool) -> LiveReport {
    let wait = async {
        loop {
            let live = bench.report(task).live.expect("an event that is played");
            if what(&live) {
                return live;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("it happens within 30 s")
}

fn soon_s(bench: &Bench) -> i64 {
    bench.sim.now_ms() / 1_000 + 1
}

#[tokio::test]
async fn an_event_is_played_and_nothing_is_found_where_all_is_well() {
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(12, Manners::Good).await;
    let play = PlaySpec {
        media: media(folder.path()).await,
        pushes: vec![PushSpec {
            media_from_ms: 2_000,
            for_ms: 3_000,
            first_pts_ms: 100_000,
            ..PushSpec::default()
        }],
        connections: vec![
            ConnectionSpec {
                drops: vec![DropSpec {
                    at_ms: 1_300,
                    for_ms: 300,
                }],
                pings_every_ms: 400,
                ..ConnectionSpec::named("primary")
            },
            ConnectionSpec {
                token: TokenPlace::Bearer,
                sleeps_ms: 300,
                ..ConnectionSpec::named("backup")
            },
        ],
        wrong_tokens: 1,
        linger_ms: 10_000,
        ..PlaySpec::default()
    };
    let placed = bench.order(order(soon_s(&bench), play)).await;
    let taken = folder.path().join("taken.mkv");
    let (media_url, mut ingest) = ingest(&taken).await;
    fill(&bench, &placed, &media_url, &server.url).await;
    let live = until(&bench, &placed.task_id, |live| live.state.is_over()).await;
    assert_eq!(live.findings, Vec::<String>::new(), "{live:#?}");
    assert_eq!(live.state, LiveState::Ended);
    assert_eq!(live.wrong_tokens, [401]);
    let shown: Vec<_> = live
        .connections
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.sessions.len(),
                one.messages,
                one.lost,
                one.saw_the_end,
            )
        })
        .collect();
    assert_eq!(shown, [("primary", 2, 13, 0, true), ("backup", 1, 13, 0, true)]);
    assert!(
        (2_800..3_200).contains(&live.pushes[0].sent_ms),
        "{:?}",
        live.pushes
    );
    ingest.wait().await.expect("the ingest ends with the push");
    assert!((first_pts_s(&taken).await - FIRST_PTS_S).abs() < 0.2);
}

#[tokio::test]
async fn a_vendor_without_manners_is_found_out() {
    let bench = Bench::start().await;
    let server = Server::start(8, Manners::Bad).await;
    let play = PlaySpec {
        pushes: Vec::new(),
        connections: vec![ConnectionSpec::named("primary")],
        linger_ms: 2_500,
        ..PlaySpec::default()
    };
    let placed = bench.order(order(soon_s(&bench), play)).await;
    fill(&bench, &placed, "rtmp://127.0.0.1:1/live", &server.url).await;
    let live = until(&bench, &placed.task_id, |live| live.state.is_over()).await;
    assert_eq!(
        (live.connections[0].doubled, live.connections[0].out_of_order),
        (1, 1)
    );
    for expected in [
        "primary, message 4: its id was there before",
        "primary, message 6: it begins at 0.1 s",
        "primary: the end of the stream was not told",
        "belongs to nothing that was sent",
    ] {
        assert!(
            live.findings.iter().any(|finding| finding.contains(expected)),
            "{expected} in {:#?}",
            live.findings
        );
    }
}

#[tokio::test]
async fn letting_a_wrong_token_in_is_found() {
    let bench = Bench::start().await;
    let server = Server::start(1, Manners::Open).await;
    let play = PlaySpec {
        pushes: Vec::new(),
        connections: Vec::new(),
        wrong_tokens: 1,
        linger_ms: 0,
        ..PlaySpec::default()
    };
    let placed = bench.order(order(soon_s(&bench), play)).await;
    fill(&bench, &placed, "rtmp://127.0.0.1:1/live", &server.url).await;
    let live = until(&bench, &placed.task_id, |live| live.state.is_over()).await;
    assert_eq!(
        live.findings,
        ["a wrong token was answered 101, expected 401 or 403"]
    );
}

#[tokio::test]
async fn a_customer_who_starts_before_the_feature_is_filled_gets_no_captions_at_all() {
    let bench = Bench::start().await;
    let server = Server::start(1, Manners::Good).await;
    let placed = bench.order(order(soon_s(&bench), PlaySpec::default())).await;
    let live = until(&bench, &placed.task_id, |live| live.state.is_over()).await;
    assert_eq!(live.state, LiveState::NotFilled);
    fill(&bench, &placed, "rtmp://127.0.0.1:1/live", &server.url).await;
    let live = until(&bench, &placed.task_id, |live| live.state.is_over()).await;
    assert_eq!((live.state, server.opened()), (LiveState::NotFilled, 0));
}

#[tokio::test]
async fn an_error_on_air_takes_the_feature_and_the_listeners_away() {
    let bench = Bench::start().await;
    let server = Server::start(1_000, Manners::Good).await;
    let play = PlaySpec {
        pushes: Vec::new(),
        linger_ms: 60_000,
        ..PlaySpec::default()
    };
    let placed = bench.order(order(soon_s(&bench), play)).await;
    fill(&bench, &placed, "rtmp://127.0.0.1:1/live", &server.url).await;
    until(&bench, &placed.task_id, |live| live.messages.len() > 2).await;
    bench
        .update(&placed.task_id, json!({"status": 6, "errDescription": "gone"}))
        .await;
    let live = until(&bench, &placed.task_id, |live| live.state.is_over()).await;
    assert_eq!(live.state, LiveState::Removed);
    assert!(bench.report(&placed.task_id).live_feature.is_none());
}

#[tokio::test]
async fn a_busy_lock_is_passed_by_trying_again() {
    let bench = Bench::start().await;
    let placed = bench
        .order(order(soon_s(&bench) + 3_600, PlaySpec::default()))
        .await;
    let busy = FaultEffect::api("CANNOT_UPDATE_SCHEDULE_EVENT_FEATURE");
    bench.sim.faults(vec![
        Fault::new(busy)
            .on("schedule_scheduleevent", "updateLiveFeature")
            .times(1),
    ]);
    let refused = fill(&bench, &placed, "rtmp://127.0.0.1:1/live", "ws://127.0.0.1:1/").await;
    assert_eq!(code(&refused), "CANNOT_UPDATE_SCHEDULE_EVENT_FEATURE");
    let filled = fill(&bench, &placed, "rtmp://127.0.0.1:1/live", "ws://127.0.0.1:1/").await;
    assert_eq!(filled["liveFeatures"][0]["mediaUrl"], "rtmp://127.0.0.1:1/live");
    let keys: Vec<_> = bench.sim.secrets().into_keys().collect();
    assert!(keys.contains(&TOKEN.to_owned()) && keys.contains(&"stream-key".to_owned()));
}

#[tokio::test]
async fn only_live_orders_are_played() {
    let bench = Bench::start().await;
    let mut order = order(soon_s(&bench), PlaySpec::default());
    order.service_feature = 1;
    let refused = bench.sim.place_order(order).await.expect_err("it is refused");
    assert_eq!(
        refused.to_string(),
        "event.play is there for service 1, expected a live service, 8 or 11"
    );
}
