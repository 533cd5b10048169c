use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Result<Parsed, FetchError> {
    let url = Url::parse("https://cdn.example.com/p/1/ks/SECRET/hls/index.m3u8").unwrap();
    parse(text.as_bytes(), &url, &FetchConfig::default())
}

fn media(text: &str) -> MediaPlaylist {
    match parsed(text).unwrap() {
        Parsed::Media(media) => media,
        Parsed::Master(_) => panic!("a master"),
    }
}

fn fault(text: &str) -> (&'static str, String) {
    let error = parsed(text).map(|_| ()).unwrap_err();
    (error.name(), error.to_string())
}

fn body(lines: &str) -> String {
    format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n{lines}\n#EXT-X-ENDLIST\n")
}

/// One line a segment: what the fetch will do with it.
fn shown(text: &str) -> String {
    let line = |segment: &Segment| {
        let key = segment.key.as_ref().map_or_else(String::new, |key| {
            let iv = u128::from_be_bytes(key.iv(segment.sequence));
            format!(" key {} iv {iv:032x}", key.url)
        });
        let map = segment.map.as_ref();
        let map = map.map_or_else(String::new, |map| format!(" map {} {:?}", map.url, map.span));
        let Segment {
            run,
            duration_s,
            url,
            span,
            ..
        } = segment;
        format!("run {run}, {duration_s:.3} s, {url} {span:?}{key}{map}")
    };
    media(text)
        .segments
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn fixtures_read_as_expected() {
    insta::assert_snapshot!("packager-vod", shown(include_str!("fixtures/packager-vod.m3u8")));
    insta::assert_snapshot!("key-rotation", shown(include_str!("fixtures/key-rotation.m3u8")));
    insta::assert_snapshot!(
        "fragments-by-byte-range",
        shown(include_str!("fixtures/fragments-by-byte-range.m3u8"))
    );
    let Ok(Parsed::Master(master)) = parsed(include_str!("fixtures/playmanifest-audio-rendition.m3u8"))
    else {
        panic!("a master expected")
    };
    let Renditions {
        variant,
        audio,
        audio_only,
    } = master.renditions().unwrap();
    let named = |url: Option<Url>| url.map_or_else(|| "none".to_owned(), String::from);
    let text = format!(
        "variant {variant}\nits sound {}\nsound alone {}",
        named(audio),
        named(audio_only)
    );
    insta::assert_snapshot!("playmanifest-audio-rendition", text);
}

#[test]
fn a_playlist_without_an_end_is_live() {
    let live = include_str!("fixtures/packager-vod.m3u8").replace("#EXT-X-ENDLIST", "");
    assert_eq!(fault(&live).0, "MediaPlaylistLive");
}

#[test]
fn a_gap_is_refused() {
    let (name, text) = fault(&body("#EXTINF:10,\n1.ts\n#EXT-X-GAP\n#EXTINF:10,\n2.ts"));
    assert_eq!(name, "MediaDamaged");
    assert!(text.contains("segment 2"), "{text}");
}

#[test]
fn sessions_in_addresses_stay_out_of_errors() {
    let (_, text) = fault(&body("#EXTINF:10,\n1.ts\n#EXT-X-GAP\n#EXTINF:10,\n2.ts"));
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn a_line_that_cannot_be_read_is_no_shorter_playlist() {
    let (name, text) = fault(&body("#EXTINF:10,\n1.ts\n#EXTINF:ten,\n2.ts\n#EXTINF:10,\n3.ts"));
    assert_eq!(name, "MediaPlaylistInvalid", "{text}");
}

#[test]
fn drm_is_told() {
    for key in [
        "METHOD=SAMPLE-AES,URI=\"skd://a\"",
        "METHOD=AES-128,URI=\"k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"",
    ] {
        assert_eq!(
            fault(&body(&format!("#EXT-X-KEY:{key}\n#EXTINF:10,\n1.ts"))).0,
            "MediaProtected",
            "{key}"
        );
    }
}

#[test]
fn addresses_of_segments_and_keys_are_checked() {
    for lines in [
        "#EXTINF:10,\nhttp://cdn.example.com/1.ts",
        "#EXTINF:10,\nhttps://169.254.169.254/1.ts",
        "#EXTINF:10,\nfile:///etc/passwd",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"https://10.0.0.1/k\"\n#EXTINF:10,\n1.ts",
        "#EXT-X-MAP:URI=\"https://[::1]/i\"\n#EXTINF:10,\n1.mp4",
    ] {
        assert_eq!(fault(&body(lines)).0, "MediaAddressRefused", "{lines}");
    }
}

#[test]
fn tags_that_matter_are_not_passed_over_when_they_cannot_be_read() {
    for tag in [
        "#EXT-X-KEY:URI=\"k\"",
        "#EXT-X-MAP:URI=bare",
        "#EXT-X-BYTERANGE:many",
    ] {
        let (name, text) = fault(&body(&format!("{tag}\n#EXTINF:10,\n1.ts")));
        assert_eq!(name, "MediaPlaylistInvalid", "{tag}: {text}");
    }
}

#[test]
fn byte_ranges_follow_on() {
    let list = media(&body(
        "#EXTINF:10,\n#EXT-X-BYTERANGE:100@50\nall.ts\n#EXTINF:10,\n#EXT-X-BYTERANGE:70\nall.ts",
    ));
    let spans: Vec<_> = list
        .segments
        .iter()
        .map(|s| s.span.map(|s| (s.first, s.bytes)))
        .collect();
    assert_eq!(spans, [Some((50, 100)), Some((150, 70))]);
    for endless in [
        "#EXT-X-BYTERANGE:18446744073709551615@5",
        "#EXT-X-MAP:URI=\"i\",BYTERANGE=\"18446744073709551615@5\"",
    ] {
        let (_, text) = fault(&body(&format!("{endless}\n#EXTINF:10,\n1.ts")));
        assert!(text.contains("beyond any file"), "{text}");
    }
    let orphan = body("#EXTINF:10,\n#EXT-X-BYTERANGE:70\nall.ts");
    assert_eq!(fault(&orphan).0, "MediaPlaylistInvalid");
}

#[test]
fn the_last_sequence_number_there_is_does_no_harm() {
    let list = media(&body(
        "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n#EXTINF:10,\n1.ts\n#EXTINF:10,\n2.ts",
    ));
    assert_eq!(list.segments[1].sequence, 0);
}

#[test]
fn lengths_without_a_fraction_are_rounded() {
    assert!(media(&body("#EXTINF:10,\n1.ts\n#EXTINF:9,title 1.5\n2.ts")).whole_seconds);
    assert!(!media(&body("#EXTINF:10.000,\n1.ts\n#EXTINF:9,\n2.ts")).whole_seconds);
}

#[test]
fn too_many_segments_are_refused() {
    let url = Url::parse("https://cdn.example.com/index.m3u8").unwrap();
    let mut config = FetchConfig::default();
    config.limits.segments = 2;
    let text = body(&"#EXTINF:10,\n1.ts\n".repeat(3));
    let error = parse(text.as_bytes(), &url, &config).map(|_| ()).unwrap_err();
    assert_eq!(error.name(), "MediaTooManySegments");
}

#[test]
fn packager_addresses_lead_to_their_sound() {
    let audio = |name: &str| {
        let url = Url::parse(&format!("https://cdn.example.com/hls/p/1/{name}?x=1")).unwrap();
        packager_audio(&url).map(|url| url.path_segments().unwrap().next_back().unwrap().to_owned())
    };
    for (name, expected) in [
        ("index.m3u8", Some("index-a1.m3u8")),
        ("index-f1.m3u8", Some("index-f1-a1.m3u8")),
        ("index-f1-v1.m3u8", Some("index-f1-a1.m3u8")),
        ("index-f1-v1-a2.m3u8", Some("index-f1-a2.m3u8")),
        ("index-a1.m3u8", None),
        ("index-f1-a1.m3u8", None),
        ("index-live.m3u8", None),
        ("playlist.m3u8", None),
        ("index.ts", None),
    ] {
        assert_eq!(audio(name).as_deref(), expected, "{name}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let url = Url::parse("https://cdn.example.com/index.m3u8").unwrap();
        let _ = parse(&bytes, &url, &FetchConfig::default());
        let _ = parse(&[b"#EXTM3U\n", &bytes[..]].concat(), &url, &FetchConfig::default());
    }

    #[test]
    fn arbitrary_lines_never_panic(
        lines in prop::collection::vec(prop::sample::select(vec![
            "#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", "#EXTINF:,", "#EXTINF:1e99,",
            "#EXT-X-BYTERANGE:18446744073709551615@18446744073709551615", "#EXT-X-BYTERANGE:5", "#EXT-X-DISCONTINUITY",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0xzz", "#EXT-X-KEY:METHOD=NONE", "#EXT-X-MAP:URI=\"i\"",
            "#EXT-X-ENDLIST", "#EXT-X-GAP", "1.ts", "", "#", "#EXT-X-MEDIA-SEQUENCE:18446744073709551615",
            "#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"", "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\"", "\u{e9}",
        ]), 0..30),
    ) {
        if let Ok(Parsed::Master(master)) = parsed(&lines.join("\n")) {
            let _ = master.renditions();
        }
    }
}
