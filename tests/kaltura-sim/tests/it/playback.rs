//! Playback of real media, cut by ffmpeg (spec section 6).

use crate::bench::{Bench, text};
use kaltura_sim::{
    EntrySpec, Fault, FaultEffect, FlavorSpec, OrderRequest, PlacedOrder, Protection, SimConfig,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Nine seconds of picture and tone with a key frame a second.
fn media(folder: &Path) -> PathBuf {
    let path = folder.join("talk.mp4");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=160x90:rate=25:duration=9",
        ])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:duration=9", "-shortest"])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "25",
            "-c:a",
            "aac",
        ])
        .arg(&path)
        .status()
        .expect("ffmpeg runs");
    assert!(made.success());
    path
}

async fn order_on(bench: &Bench, entry: EntrySpec) -> PlacedOrder {
    let order = OrderRequest {
        entry,
        ..OrderRequest::default()
    };
    bench.order(order).await
}

async fn order(bench: &Bench, media: &Path) -> PlacedOrder {
    let entry = EntrySpec {
        media: Some(media.to_owned()),
        flavors: vec![
            FlavorSpec::source(),
            FlavorSpec::web(487_041),
            FlavorSpec::audio(301),
        ],
        ..EntrySpec::default()
    };
    order_on(bench, entry).await
}

async fn context(bench: &Bench, placed: &PlacedOrder, streamer: &str, with_ks: bool) -> Value {
    let key = bench.key(&placed.task_id);
    let mut options = json!({"objectType": "KalturaPlaybackContextOptions", "streamerType": streamer});
    if with_ks {
        options["ks"] = json!(key);
    }
    let params = json!({"ks": key, "entryId": placed.entry_id, "contextDataParams": options});
    bench.call("baseentry", "getPlaybackContext", params).await
}

fn url_of(context: &Value) -> String {
    text(&context["sources"][0]["url"])
}

async fn fetch(bench: &Bench, url: &str) -> (u16, Option<String>, Vec<u8>) {
    let answer = bench.http.get(url).send().await.expect("an answer");
    let error = answer
        .headers()
        .get("x-kaltura")
        .map(|value| value.to_str().expect("text").to_owned());
    (
        answer.status().as_u16(),
        error,
        answer.bytes().await.expect("a body").to_vec(),
    )
}

#[tokio::test]
async fn hls_from_the_context_to_the_segments() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::start().await;
    let placed = order(&bench, &media(folder.path())).await;
    let context = context(&bench, &placed, "applehttp", true).await;
    let flavors = context["flavorAssets"].as_array().expect("a list");
    let params: Vec<i64> = flavors
        .iter()
        .filter_map(|flavor| flavor["flavorParamsId"].as_i64())
        .collect();
    assert_eq!(params, [487_041, 301], "the original isn't on offer over HLS");
    let web = text(&flavors[0]["id"]);
    let all = text(&context["sources"][0]["flavorIds"]);
    let url = url_of(&context).replace(&all, &web).replace(
        "/a.m3u8",
        &format!("/ks/{}/name/a.m3u8", bench.key(&placed.task_id)),
    );
    let (_, error, master) = fetch(&bench, &url).await;
    assert_eq!(error, None);
    let master = String::from_utf8(master).expect("text");
    assert!(
        master.starts_with("#EXTM3U\n#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=")
            && master.contains(",RESOLUTION=160x90\n"),
        "{master}"
    );
    let variant = master
        .lines()
        .find(|line| line.starts_with("http"))
        .expect("a variant")
        .to_owned();

    for (name, codecs) in [
        ("index", "h264,aac"),
        ("index-a1", "aac"),
        ("index-f1-v1", "h264"),
        ("index-v1-a1", "h264,aac"),
    ] {
        let (status, _, playlist) = fetch(&bench, &variant.replace("index", name)).await;
        let playlist = String::from_utf8(playlist).expect("text");
        assert_eq!(status, 200, "{name}");
        let total: f64 = playlist
            .lines()
            .filter_map(|line| line.strip_prefix("#EXTINF:"))
            .filter_map(|rest| rest.trim_end_matches(',').parse::<f64>().ok())
            .sum();
        assert!(
            (8.9..9.2).contains(&total) && playlist.contains("#EXT-X-ENDLIST"),
            "{name}: {total} s"
        );
        let segments: Vec<&str> = playlist.lines().filter(|line| line.starts_with("seg-")).collect();
        assert!(segments.len() >= 2, "{name}: {playlist}");
        let mut joined = Vec::new();
        for segment in &segments {
            let (status, _, bytes) = fetch(&bench, &variant.replace("index.m3u8", segment)).await;
            assert_eq!(status, 200, "{segment}");
            joined.extend(bytes);
        }
        assert_eq!(codecs_of(folder.path(), &joined), codecs, "{name}");
    }
    assert_eq!(fetch(&bench, &variant.replace("index", "seg-99-v1")).await.0, 404);
}

/// The master playlist of an order over HLS, all flavors.
async fn master(bench: &Bench, placed: &PlacedOrder) -> (String, String) {
    let url = url_of(&context(bench, placed, "applehttp", true).await);
    let keyed = format!("/ks/{}/name/a.m3u8", bench.key(&placed.task_id));
    let url = url.replace("/a.m3u8", &keyed);
    let (_, error, master) = fetch(bench, &url).await;
    assert_eq!(error, None);
    (url, String::from_utf8(master).expect("text"))
}

/// What ffmpeg, which knows HLS from elsewhere, finds behind an address: codecs and milliseconds.
fn played(url: &str) -> (Vec<String>, f64) {
    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name:format=duration",
            "-of",
            "json",
            url,
        ])
        .output()
        .expect("ffprobe runs");
    let found: Value = serde_json::from_slice(&probe.stdout).expect("JSON");
    let streams = found["streams"].as_array().into_iter().flatten();
    let codecs = streams.map(|stream| text(&stream["codec_name"])).collect();
    let duration = found["format"]["duration"].as_str().unwrap_or("0");
    (codecs, duration.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn named_sound_tracks_stand_beside_the_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::start().await;
    let track = |params, language: &str| FlavorSpec {
        language: Some(language.to_owned()),
        label: Some(format!("{language} sound")),
        ..FlavorSpec::audio(params)
    };
    let entry = EntrySpec {
        media: Some(media(folder.path())),
        flavors: vec![
            FlavorSpec::web(487_041),
            track(301, "English"),
            track(302, "French"),
        ],
        ..EntrySpec::default()
    };
    let placed = order_on(&bench, entry).await;
    let (url, master) = master(&bench, &placed).await;
    let lines: Vec<&str> = master.lines().collect();
    assert!(
        lines[1].starts_with(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",LANGUAGE=\"English\",NAME=\"English sound\""
        ) && lines[1].contains("DEFAULT=YES")
            && lines[2].contains("LANGUAGE=\"French\"")
            && lines[2].contains("DEFAULT=NO"),
        "{master}"
    );
    assert!(
        lines[3].ends_with(",AUDIO=\"audio\"") && lines[4].ends_with("/index-v1.m3u8"),
        "{master}"
    );
    let (codecs, duration) = played(&url);
    assert_eq!(codecs.iter().filter(|codec| *codec == "aac").count(), 2);
    assert!(codecs.contains(&"h264".to_owned()));
    assert!((8.9..9.2).contains(&duration), "{duration} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_segments_open_with_the_key_beside_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    for (protection, method, plays) in [
        (Protection::None, None, true),
        (
            Protection::Aes128,
            Some("METHOD=AES-128,URI=\"encryption.key\""),
            true,
        ),
        (Protection::Drm, Some("METHOD=SAMPLE-AES,URI=\"skd://"), false),
    ] {
        let bench = Bench::start().await;
        let entry = EntrySpec {
            media: Some(media.clone()),
            protection,
            ..EntrySpec::default()
        };
        let placed = order_on(&bench, entry).await;
        let (url, master) = master(&bench, &placed).await;
        let variant = master
            .lines()
            .find(|line| line.starts_with("http"))
            .expect("a variant");
        let (_, _, playlist) = fetch(&bench, variant).await;
        let playlist = String::from_utf8(playlist).expect("text");
        let line = playlist.lines().find(|line| line.starts_with("#EXT-X-KEY:"));
        assert_eq!(
            line.is_some_and(|line| method.is_some_and(|method| line.contains(method))),
            method.is_some(),
            "{playlist}"
        );
        let (_, _, segment) = fetch(&bench, &variant.replace("index.m3u8", "seg-1-v1-a1.ts")).await;
        assert_eq!(
            segment[0] == 0x47,
            protection == Protection::None,
            "{protection:?}"
        );
        let (status, _, key) = fetch(&bench, &variant.replace("index.m3u8", "encryption.key")).await;
        if protection == Protection::Aes128 {
            assert_eq!((status, key.len()), (200, 16));
        } else {
            assert_eq!(status, 404, "{protection:?}");
        }
        if plays {
            let (codecs, duration) = played(&url);
            assert_eq!(codecs, ["h264", "aac"], "{protection:?}");
            assert!((8.9..9.2).contains(&duration), "{protection:?}: {duration} s");
        }
    }
}

fn codecs_of(folder: &Path, media: &[u8]) -> String {
    let path = folder.join("joined.ts");
    std::fs::write(&path, media).expect("written");
    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name",
            "-of",
            "csv=p=0",
        ])
        .arg(&path)
        .output()
        .expect("ffprobe runs");
    let mut codecs: Vec<String> = String::from_utf8_lossy(&probe.stdout)
        .lines()
        .map(|line| line.trim_matches(',').to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    codecs.sort();
    codecs.dedup();
    codecs.reverse();
    codecs.join(",")
}

#[tokio::test]
async fn progressive_files_are_redirected_to_and_served_in_ranges() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::start().await;
    let placed = order(&bench, &media(folder.path())).await;
    let context = context(&bench, &placed, "http", true).await;
    assert_eq!(context["sources"][0]["format"], "url");
    let source = text(&context["flavorAssets"][0]["id"]);
    assert_eq!(
        context["flavorAssets"][0]["isOriginal"], true,
        "over http the original is on offer"
    );
    let all = text(&context["sources"][0]["flavorIds"]);
    let url = url_of(&context)
        .replace(&all, &source)
        .replace("/a.mp4", &format!("/ks/{}/a.mp4", bench.key(&placed.task_id)));
    let redirect = bench.http.get(url).send().await.expect("an answer");
    assert_eq!(redirect.status(), 302);
    let location = redirect.headers()["location"].to_str().expect("text").to_owned();
    let (status, _, whole) = fetch(&bench, &location).await;
    assert_eq!((status, &whole[4..8]), (200, &b"ftyp"[..]));
    let part = bench
        .http
        .get(&location)
        .header("range", "bytes=100-199")
        .send()
        .await
        .expect("an answer");
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 100-199/{}", whole.len())
    );
    assert_eq!(part.bytes().await.expect("a body"), whole[100..200]);
}

#[tokio::test]
async fn errors_are_empty_answers_at_200() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let base = format!("{}/p/101/sp/10100/playManifest", bench.sim.service_url());
    let key = bench.key(&placed.task_id);
    let expired = {
        let mut order = OrderRequest::default();
        order.entry.id = Some(placed.entry_id.clone());
        order.access_key.life_s = Some(-1);
        bench.key(&bench.order(order).await.task_id)
    };
    let entry = &placed.entry_id;
    for (path, error) in [
        (format!("entryId/0_none/format/applehttp/ks/{key}/a.m3u8"), 1),
        (format!("entryId/{entry}/format/applehttp/a.m3u8"), 3),
        (format!("entryId/{entry}/format/applehttp/ks/{key}/a.m3u8"), 5),
        (
            format!("e/{entry}/flavorIds/0_none/f/applehttp/ks/{key}/a.m3u8"),
            6,
        ),
        (format!("entryId/{entry}/format/applehttp/ks/nonsense/a.m3u8"), 7),
        (
            format!("entryId/{entry}/format/applehttp/ks/{expired}/a.m3u8"),
            31,
        ),
    ] {
        let (status, header, body) = fetch(&bench, &format!("{base}/{path}")).await;
        assert_eq!(
            (status, header, body.len()),
            (200, Some(format!("error-{error}")), 0),
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_session_no_sources() {
    let bench = Bench::start().await;
    let placed = bench.order(OrderRequest::default()).await;
    let context = context(&bench, &placed, "applehttp", false).await;
    assert_eq!(
        (&context["sources"], &context["flavorAssets"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(context["messages"][0]["code"], "SESSION_RESTRICTED");
}

#[tokio::test]
async fn accounts_without_hls_offer_http_only() {
    let bench = Bench::start().await;
    let mut order = OrderRequest::default();
    order.entry.hls = false;
    let placed = bench.order(order).await;
    assert_eq!(
        context(&bench, &placed, "applehttp", true).await["sources"],
        json!([])
    );
    assert_eq!(
        context(&bench, &placed, "http", true).await["sources"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn a_manifest_error_is_repeated_for_a_minute() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::with(SimConfig::default()).await;
    let placed = order(&bench, &media(folder.path())).await;
    let url = url_of(&context(&bench, &placed, "applehttp", true).await)
        .replace("/a.m3u8", &format!("/ks/{}/a.m3u8", bench.key(&placed.task_id)));
    let mut fault = Fault::new(FaultEffect::Manifest { error: 57 }).times(1);
    fault.service = Some("playmanifest".to_owned());
    bench.sim.faults(vec![fault]);
    assert_eq!(fetch(&bench, &url).await.1.as_deref(), Some("error-57"));
    assert_eq!(
        fetch(&bench, &url).await.1.as_deref(),
        Some("error-57"),
        "from the cache"
    );
    bench.sim.advance_clock(Duration::from_secs(61));
    assert_eq!(fetch(&bench, &url).await.1, None);
}

#[tokio::test]
async fn media_that_is_none_is_told_when_the_order_is_placed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.mp4");
    std::fs::write(&path, "no media").expect("written");
    let bench = Bench::start().await;
    for media in [path, folder.path().join("none.mp4")] {
        let entry = EntrySpec {
            media: Some(media.clone()),
            ..EntrySpec::default()
        };
        let refused = bench
            .sim
            .place_order(OrderRequest {
                entry,
                ..OrderRequest::default()
            })
            .await;
        let message = refused.expect_err("refused").to_string();
        assert!(message.contains(&media.display().to_string()), "{message}");
    }
}
