//! Fuzz targets of the readers that take what a foreign server sends: no panic, and no more memory than the input explains.
//!
//! `cargo test` gives each a second of random input; `cargo bolero test -p media fuzz::transport_stream` goes on from there with
//! coverage (a nightly toolchain, and `cargo install cargo-bolero`).

use url::Url;

use crate::FetchConfig;
use crate::mp4::probe::Probe;
use crate::playlist::{Parsed, parse};
use crate::remux::Remuxer;
use crate::ts::made::{AUDIO, VIDEO, packet, pes, tables_of};
use crate::ts::{Picture, Wanted};

#[test]
fn playlist() {
    let url = Url::parse("https://cdn.example.com/index.m3u8").unwrap();
    let config = FetchConfig::default();
    bolero::check!().for_each(|bytes: &[u8]| {
        for begin in [
            &b""[..],
            b"#EXTM3U\n",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n",
        ] {
            let text = [begin, bytes].concat();
            if let Ok(Parsed::Media(list)) = parse(&text, &url, &config) {
                assert!(list.segments.len() <= text.len(), "a segment has a line at least");
            }
        }
    });
}

/// Both streams' packets with whatever is in them, of each codec that is taken, and packets of nothing but noise.
#[test]
fn transport_stream() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let mut packets = Vec::new();
        let mut counters = [0u8; 2];
        for (number, noise) in bytes.chunks(61).enumerate() {
            let video = noise[0] & 1 == 1;
            let counter = &mut counters[usize::from(video)];
            let pid = if video { VIDEO } else { AUDIO };
            let start = noise[0] & 2 == 2;
            let payload = if start {
                pes(number as u64 * 3_000, noise)
            } else {
                noise.to_vec()
            };
            packets.extend(packet(pid, start, *counter, &payload));
            *counter = (*counter + 1) & 15;
        }
        let wanted = Wanted {
            picture: Picture::Take,
            sound: true,
        };
        let streams = [(0x1b, 0x0f), (0x24, 0x03), (0x1b, 0x81)]
            .map(|(video, audio)| [tables_of(video, audio), packets.clone()].concat());
        for bytes in streams.iter().map(Vec::as_slice).chain([bytes]) {
            let mut remuxer = Remuxer::new(&[wanted], 1_000);
            let read = remuxer.push(0, bytes).and_then(|()| remuxer.end_segment(0));
            let _ = read.and_then(|()| remuxer.end_run());
            let _ = (remuxer.presented_ms(), remuxer.duration_ms(), remuxer.head());
            let mut payload = Vec::new();
            remuxer.take_payload(&mut payload);
            // A start code of three bytes becomes a length of four.
            assert!(
                payload.len() <= 2 * bytes.len() + 8,
                "{} from {}",
                payload.len(),
                bytes.len()
            );
        }
    });
}

/// Sound without a container: noise behind whatever a tag or a frame begins with.
#[test]
fn packed_sound() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let wanted = Wanted {
            picture: Picture::Ignore,
            sound: true,
        };
        for begin in [
            &b"ID3\x04\0\0\0\0\0\x08"[..],
            b"ID3",
            &[0xff, 0xf1, 0x50],
            &[0xff, 0xfb],
            &[0x0b, 0x77],
        ] {
            let mut remuxer = Remuxer::new(&[wanted], 1_000);
            let segment = [begin, bytes].concat();
            let read = remuxer.push(0, &segment).and_then(|()| remuxer.end_segment(0));
            let _ = read.and_then(|()| remuxer.end_run());
            let _ = (remuxer.presented_ms(), remuxer.duration_ms(), remuxer.head());
            let mut payload = Vec::new();
            remuxer.take_payload(&mut payload);
            assert!(payload.len() <= segment.len(), "no more than came");
        }
    });
}

/// Init sections and fragments, of noise inside the boxes that are entered.
#[test]
fn fragments() {
    fn bx(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], &kind, body].concat()
    }
    bolero::check!().for_each(|bytes: &[u8]| {
        let wanted = Wanted {
            picture: Picture::Take,
            sound: true,
        };
        for init in [
            bytes.to_vec(),
            bx(*b"moov", bytes),
            bx(*b"moov", &bx(*b"trak", bytes)),
        ] {
            let _ = Remuxer::new(&[wanted], 1_000).init(0, &init);
        }
        let init = include_bytes!("mp4/fixtures/init-of-picture-and-sound.mp4");
        let indexes = [
            bytes.to_vec(),
            bx(*b"moof", bytes),
            bx(*b"moof", &bx(*b"traf", bytes)),
            // The fragment's head of the first track, and runs of noise.
            bx(
                *b"moof",
                &bx(
                    *b"traf",
                    &[&bx(*b"tfhd", &[0, 0, 0, 0, 0, 0, 0, 1])[..], &bx(*b"trun", bytes)].concat(),
                ),
            ),
        ];
        for index in indexes {
            let mut remuxer = Remuxer::new(&[wanted], 1_000);
            remuxer.init(0, init).unwrap();
            let segment = [index, bx(*b"mdat", bytes)].concat();
            let read = remuxer.push(0, &segment).and_then(|()| remuxer.end_segment(0));
            let _ = read.and_then(|()| remuxer.end_run());
            let _ = (remuxer.presented_ms(), remuxer.duration_ms(), remuxer.head());
            let mut payload = Vec::new();
            remuxer.take_payload(&mut payload);
            assert!(payload.len() <= 2 * bytes.len(), "no more than came");
        }
    });
}

#[test]
fn boxes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let mut probe = Probe::default();
        for begin in [
            &b""[..],
            b"\0\0\0\x10ftypisom\0\0\0\0",
            b"\0\0\0\x60moov\0\0\0\x58trak",
        ] {
            let _ = probe
                .push(begin)
                .and_then(|()| probe.push(bytes))
                .and_then(|()| probe.end());
            let _ = (probe.tracks(), probe.duration_ms(), probe.is_whole_movie());
        }
    });
}
