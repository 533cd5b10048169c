//! Rules for an audio track, and what breaks them. Pure.

use std::ops::RangeInclusive;

use crate::inspect::TrackFacts;

/// What an audio track has to be.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackRules {
    /// The bit rates that may have been asked for, in bits a second.
    pub bit_rates_bps: Vec<u64>,
    /// How far from one of them the bit rate may be, as a part of it.
    pub bit_rate_tolerance: f64,
    /// How long the media is, in milliseconds.
    pub media_ms: u64,
    /// How much shorter or longer than the media the track may be.
    pub duration_tolerance_ms: u64,
    /// How loud it may be, in LUFS.
    pub loudness_lufs: RangeInclusive<f64>,
    /// How much of it may be silent, from 0 to 1.
    pub max_silent_share: f64,
}

impl TrackRules {
    /// The rules for a track of media of this length: 64 or 128 kbit/s give or take 15 %, 500 ms, -36 to -9 LUFS, at
    /// most 98 % silent.
    pub fn of_media(media_ms: u64) -> Self {
        Self {
            bit_rates_bps: vec![64_000, 128_000],
            bit_rate_tolerance: 0.15,
            media_ms,
            duration_tolerance_ms: 500,
            loudness_lufs: -36.0..=-9.0,
            max_silent_share: 0.98,
        }
    }
}

/// What is wrong with a track: each says what it is about, what was found and what was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not an MP4 file.
    #[error("the file is `{found}`, expected MP4")]
    Container {
        /// The container found.
        found: String,
    },
    /// Not exactly one audio track.
    #[error("the file has {found} audio tracks, expected one")]
    Tracks {
        /// How many it has.
        found: usize,
    },
    /// Not AAC.
    #[error("the codec is `{found}`, expected AAC")]
    Codec {
        /// The codec found.
        found: String,
    },
    /// AAC, but not of the low complexity profile.
    #[error("the AAC profile is `{found}`, expected LC")]
    Profile {
        /// The profile found.
        found: String,
    },
    /// Another bit rate.
    #[error("the bit rate is {} kbit/s, expected {expected} kbit/s", kbps(*.found_bps))]
    BitRate {
        /// The bit rate found; `None` where the file doesn't say.
        found_bps: Option<u64>,
        /// Those allowed, in kbit/s: `64 or 128`.
        expected: String,
    },
    /// Shorter or longer than the media.
    #[error("the track is {} s long, expected the media's {} s give or take {} s",
        seconds(*.found_ms), seconds(*.expected_ms), seconds(*.tolerance_ms))]
    Duration {
        /// The track's length.
        found_ms: u64,
        /// The media's length.
        expected_ms: u64,
        /// How far they may be apart.
        tolerance_ms: u64,
    },
    /// Too soft or too loud.
    #[error("the loudness is {found_lufs:.1} LUFS, expected {least_lufs} to {most_lufs} LUFS")]
    Loudness {
        /// The integrated loudness found.
        found_lufs: f64,
        /// The least allowed.
        least_lufs: f64,
        /// The most allowed.
        most_lufs: f64,
    },
    /// Nothing, or next to nothing, to be heard.
    #[error("{:.1} % of the track is silent, expected {:.1} % at most", found * 100.0, expected * 100.0)]
    Silent {
        /// The silent share found.
        found: f64,
        /// The most allowed.
        expected: f64,
    },
}

impl Problem {
    /// The stable name, for the API and for translations.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Container { .. } => "TrackContainer",
            Self::Tracks { .. } => "TrackCount",
            Self::Codec { .. } => "TrackCodec",
            Self::Profile { .. } => "TrackProfile",
            Self::BitRate { .. } => "TrackBitRate",
            Self::Duration { .. } => "TrackDuration",
            Self::Loudness { .. } => "TrackLoudness",
            Self::Silent { .. } => "TrackSilent",
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn seconds(ms: u64) -> String {
    format!("{:.3}", ms as f64 / 1_000.0)
}

fn kbps(bps: Option<u64>) -> String {
    bps.map_or_else(|| "unknown".to_owned(), |bps| (bps / 1_000).to_string())
}

/// Everything that is wrong with a track; nothing for a good one.
///
/// The bit rate is an average, and encoders spend next to nothing on silence: a track that is half silent is right at
/// half of its nominal bit rate too.
pub fn check_track(facts: &TrackFacts, rules: &TrackRules) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !facts.container.split(',').any(|name| name == "mp4") {
        problems.push(Problem::Container {
            found: facts.container.clone(),
        });
    }
    if facts.audio_tracks != 1 {
        problems.push(Problem::Tracks {
            found: facts.audio_tracks,
        });
    }
    if facts.codec != "aac" {
        problems.push(Problem::Codec {
            found: facts.codec.clone(),
        });
    } else if facts.profile.as_deref() != Some("LC") {
        problems.push(Problem::Profile {
            found: facts.profile.clone().unwrap_or_else(|| "unknown".to_owned()),
        });
    }
    if !facts
        .bit_rate_bps
        .is_some_and(|bps| bit_rate_is_right(bps, facts.silent_share, rules))
    {
        let expected: Vec<String> = rules
            .bit_rates_bps
            .iter()
            .map(|bps| (bps / 1_000).to_string())
            .collect();
        problems.push(Problem::BitRate {
            found_bps: facts.bit_rate_bps,
            expected: expected.join(" or "),
        });
    }
    if facts.duration_ms.abs_diff(rules.media_ms) > rules.duration_tolerance_ms {
        problems.push(Problem::Duration {
            found_ms: facts.duration_ms,
            expected_ms: rules.media_ms,
            tolerance_ms: rules.duration_tolerance_ms,
        });
    }
    match facts.loudness_lufs {
        Some(found_lufs) if !rules.loudness_lufs.contains(&found_lufs) => problems.push(Problem::Loudness {
            found_lufs,
            least_lufs: *rules.loudness_lufs.start(),
            most_lufs: *rules.loudness_lufs.end(),
        }),
        // What is too soft to be measured is silent, or too short to be right.
        _ => {}
    }
    if facts.silent_share > rules.max_silent_share {
        problems.push(Problem::Silent {
            found: facts.silent_share,
            expected: rules.max_silent_share,
        });
    }
    problems
}

#[allow(clippy::cast_precision_loss)]
fn bit_rate_is_right(bps: u64, silent_share: f64, rules: &TrackRules) -> bool {
    rules.bit_rates_bps.iter().any(|nominal| {
        let nominal = *nominal as f64;
        let least = nominal * (1.0 - silent_share) * (1.0 - rules.bit_rate_tolerance);
        (least..=nominal * (1.0 + rules.bit_rate_tolerance)).contains(&(bps as f64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> TrackFacts {
        TrackFacts {
            container: "mov,mp4,m4a,3gp,3g2,mj2".to_owned(),
            codec: "aac".to_owned(),
            profile: Some("LC".to_owned()),
            bit_rate_bps: Some(127_000),
            sample_rate_hz: 48_000,
            channels: 2,
            audio_tracks: 1,
            duration_ms: 60_010,
            loudness_lufs: Some(-23.0),
            silent_share: 0.1,
        }
    }

    fn problems(change: impl FnOnce(&mut TrackFacts)) -> Vec<String> {
        let mut facts = good();
        change(&mut facts);
        check_track(&facts, &TrackRules::of_media(60_000))
            .iter()
            .map(|problem| format!("{}: {problem}", problem.name()))
            .collect()
    }

    #[test]
    fn a_good_track_has_no_problem() {
        assert_eq!(problems(|_| {}), [] as [&str; 0]);
        assert_eq!(
            problems(|facts| facts.bit_rate_bps = Some(64_300)),
            [] as [&str; 0]
        );
    }

    #[test]
    fn each_problem_says_what_was_found_and_what_was_expected() {
        assert_eq!(
            problems(|facts| facts.container = "wav".to_owned()),
            ["TrackContainer: the file is `wav`, expected MP4"]
        );
        assert_eq!(
            problems(|facts| facts.audio_tracks = 2),
            ["TrackCount: the file has 2 audio tracks, expected one"]
        );
        assert_eq!(
            problems(|facts| facts.codec = "mp3".to_owned()),
            ["TrackCodec: the codec is `mp3`, expected AAC"]
        );
        assert_eq!(
            problems(|facts| facts.profile = Some("HE-AAC".to_owned())),
            ["TrackProfile: the AAC profile is `HE-AAC`, expected LC"]
        );
        assert_eq!(
            problems(|facts| facts.bit_rate_bps = Some(96_000)),
            ["TrackBitRate: the bit rate is 96 kbit/s, expected 64 or 128 kbit/s"]
        );
        assert_eq!(
            problems(|facts| facts.bit_rate_bps = None),
            ["TrackBitRate: the bit rate is unknown kbit/s, expected 64 or 128 kbit/s"]
        );
        assert_eq!(
            problems(|facts| facts.duration_ms = 59_400),
            ["TrackDuration: the track is 59.400 s long, expected the media's 60.000 s give or take 0.500 s"]
        );
        assert_eq!(
            problems(|facts| facts.loudness_lufs = Some(-41.26)),
            ["TrackLoudness: the loudness is -41.3 LUFS, expected -36 to -9 LUFS"]
        );
        assert_eq!(
            problems(|facts| {
                facts.loudness_lufs = None;
                facts.silent_share = 1.0;
            }),
            ["TrackSilent: 100.0 % of the track is silent, expected 98.0 % at most"]
        );
    }

    #[test]
    fn silence_explains_a_low_bit_rate_and_no_high_one() {
        let half_silent = |bps| {
            problems(move |facts| {
                facts.silent_share = 0.5;
                facts.bit_rate_bps = Some(bps);
            })
        };
        assert_eq!(half_silent(33_000), [] as [&str; 0]);
        assert_eq!(half_silent(20_000).len(), 1);
        assert_eq!(half_silent(160_000).len(), 1);
    }
}
