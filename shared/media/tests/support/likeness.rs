//! What it means that a file is like another one.

use std::path::Path;

use media::TrackKind;

use super::Fetched;
use super::oracle::{StreamFacts, stream_hash, streams};

/// The same streams with equal packets, starts within a millisecond and lengths within a frame.
#[track_caller]
pub fn assert_like(ours: &Path, reference: &Path) {
    assert_alike(ours, reference);
    for stream in streams(ours) {
        let kind = &stream.kind[..1];
        assert_eq!(
            stream_hash(ours, kind, true),
            stream_hash(reference, kind, true),
            "packets of {kind}"
        );
    }
}

/// The same streams with as many packets that decode to equal frames, starts within a millisecond and lengths within a
/// frame.
#[track_caller]
pub fn assert_alike(ours: &Path, reference: &Path) {
    let (got, expected) = (streams(ours), streams(reference));
    let kinds = |facts: &[StreamFacts]| {
        facts
            .iter()
            .map(|s| (s.kind.clone(), s.codec.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&got), kinds(&expected));
    for (got, expected) in got.iter().zip(&expected) {
        let frame_s = if got.kind == "video" {
            0.04
        } else {
            1024.0 / 44_100.0
        };
        assert_eq!(got.packets, expected.packets, "{got:?} {expected:?}");
        assert!(
            (got.start_s - expected.start_s).abs() <= 0.001,
            "{got:?} {expected:?}"
        );
        assert!(
            (got.duration_s - expected.duration_s).abs() <= frame_s,
            "{got:?} {expected:?}"
        );
        let kind = &got.kind[..1];
        assert_eq!(
            stream_hash(ours, kind, false),
            stream_hash(reference, kind, false),
            "frames of {kind}"
        );
    }
}

#[track_caller]
pub fn assert_counts(fetched: &Fetched) {
    for (track, facts) in fetched.report.tracks.iter().zip(streams(&fetched.path)) {
        let kind = if track.kind == TrackKind::Video {
            "video"
        } else {
            "audio"
        };
        assert_eq!((kind, track.frames), (&facts.kind[..], Some(facts.packets)));
    }
}
