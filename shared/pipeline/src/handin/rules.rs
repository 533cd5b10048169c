//! The rules of the order, held against what is handed in. Pure.
//!
//! What the customer fixed as a number refuses; what asks for judgement warns. A sentence can need a cue that is read a little
//! faster than the norm, and a word on a list of profanity can be somebody's name.

use captions::{Cue, FaultKind, LayoutRules, Profanity, Transcript, Word, faults, width};
use sound::TrackFacts;

use super::{Finding, clock};
use crate::plan::{CaptionStyle, Order};

/// A lossy track of less than this, in bits a second where it is not silent, is not good enough to be encoded once more.
const LEAST_LOSSY_BPS: f64 = 60_000.0;
/// Codecs that a finished track may have.
const LOSSY: [&str; 6] = ["aac", "mp3", "opus", "vorbis", "ac3", "eac3"];

/// The rules of captions, on cues by time.
pub(super) fn of_order(
    cues: &[Cue],
    order: &Order,
    norms: &LayoutRules,
    style: &CaptionStyle,
) -> Vec<Finding> {
    let line_is_ordered = order.max_characters_per_caption_line.is_some_and(|most| most > 0);
    let mut findings: Vec<Finding> = faults(cues, norms)
        .into_iter()
        .filter_map(|fault| {
            let cue = cues.get(fault.cue)?;
            of_fault(fault.cue + 1, cue, fault.kind, norms, line_is_ordered)
        })
        .collect();
    let profanity = Profanity::for_language(&norms.language);
    for (number, cue) in (1..).zip(cues) {
        let at = clock(cue.start_ms);
        let mut warn = |name, what: &str| {
            let text = format!("cue {number} at {at} {what}");
            findings.push(Finding::of_cue(name, number, text).warned());
        };
        if style.remove_profanity && has_profanity(cue, &profanity) {
            warn(
                "Profanity",
                "may have profanity, which the customer wants removed",
            );
        }
        if !style.audio_tags
            && !style.speaker_labels
            && cue.lines.iter().any(|line| line.trim_start().starts_with('['))
        {
            warn(
                "TagNotWanted",
                "begins a line with a bracket, and the customer wants neither sounds nor speakers",
            );
        }
    }
    let has = |mark: &str| {
        cues.iter()
            .any(|cue| cue.lines.iter().any(|line| line.trim_start().starts_with(mark)))
    };
    if style.speaker_labels && !has("[") {
        let text = "no cue names its speaker as in `[Ana]`, which the customer wants".to_owned();
        findings.push(Finding::new("NoSpeakers", text).warned());
    }
    findings
}

fn has_profanity(cue: &Cue, profanity: &Profanity) -> bool {
    let words = cue.lines.iter().flat_map(|line| line.split_whitespace());
    let words = words.map(|word| Word::new(word, 0, 0)).collect();
    profanity.remove(&mut Transcript::new(None, words, 0)) > 0
}

/// What is said of a fault of layout; nothing of what another check says, and of style.
fn of_fault(
    number: usize,
    cue: &Cue,
    kind: FaultKind,
    norms: &LayoutRules,
    line_is_ordered: bool,
) -> Option<Finding> {
    let at = clock(cue.start_ms);
    let shown_ms = cue.duration_ms();
    let (name, what) = match kind {
        FaultKind::LineTooLong => {
            let widest = cue.lines.iter().map(|line| width(line)).max().unwrap_or_default();
            let most = norms.max_chars_per_line;
            let finding = Finding::of_cue(
                "LineTooLong",
                number,
                format!("cue {number} at {at} has a line of {widest} characters, expected {most} at most"),
            );
            return Some(if line_is_ordered {
                finding
            } else {
                finding.warned()
            });
        }
        FaultKind::TooManyLines => (
            "TooManyLines",
            format!(
                "has {} lines, expected {} at most",
                cue.lines.len(),
                norms.max_lines
            ),
        ),
        FaultKind::TooShort => (
            "CueTooShort",
            format!("is shown for {shown_ms} ms, expected {} at least", norms.min_ms),
        ),
        FaultKind::TooLong => (
            "CueTooLong",
            format!("is shown for {shown_ms} ms, expected {} at most", norms.max_ms),
        ),
        FaultKind::GapTooSmall => (
            "GapTooSmall",
            format!(
                "ends less than {} ms before the next one begins, without touching it",
                norms.gap_ms
            ),
        ),
        FaultKind::TooFast => (
            "TooFast",
            format!("has more than {} characters a second", norms.max_chars_per_second),
        ),
        _ => return None,
    };
    Some(Finding::of_cue(name, number, format!("cue {number} at {at} {what}")).warned())
}

/// Whether a track has lost too much already.
pub(super) fn of_sound(facts: &TrackFacts) -> Vec<Finding> {
    let is_lossless =
        facts.codec.starts_with("pcm_") || matches!(facts.codec.as_str(), "flac" | "alac" | "wavpack");
    if is_lossless {
        return Vec::new();
    }
    if !LOSSY.contains(&facts.codec.as_str()) {
        let text = format!(
            "the codec is `{}`, expected PCM, FLAC, ALAC, AAC, MP3, Opus, Vorbis or AC-3",
            facts.codec
        );
        return vec![Finding::new("TrackCodec", text)];
    }
    // Encoders spend next to nothing on silence.
    let least_bps = LEAST_LOSSY_BPS * (1.0 - facts.silent_share) * 0.85;
    #[expect(clippy::cast_precision_loss, reason = "bit rates are far below 2^52")]
    let is_poor = facts.bit_rate_bps.is_some_and(|bps| (bps as f64) < least_bps);
    if is_poor {
        let text = format!(
            "the bit rate is {} kbit/s, expected 60 or more, or a lossless codec",
            facts.bit_rate_bps.unwrap_or_default() / 1_000
        );
        return vec![Finding::new("TrackBitRate", text)];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn style() -> CaptionStyle {
        CaptionStyle {
            max_characters_per_line: 20,
            speaker_labels: false,
            speaker_change_marks: false,
            audio_tags: false,
            remove_profanity: true,
        }
    }

    fn said(most_characters: Option<u32>, style: &CaptionStyle) -> Vec<String> {
        let order = crate::memory::sample_order(most_characters);
        let norms = crate::render::layout_rules(style, "en");
        let cues = [
            Cue::new(0, 2_000, "This line is longer than it may be."),
            Cue::new(2_040, 2_300, "Shit, that was quick\nto read\nfor anybody."),
            Cue::new(3_000, 15_000, "[music] Slow."),
        ];
        let findings = of_order(&cues, &order, &norms, style).into_iter();
        let told = findings.map(|finding| {
            let level = if finding.level == Level::Error {
                "error"
            } else {
                "warning"
            };
            format!("{level} {} {:?}: {}", finding.name, finding.cue, finding.text)
        });
        told.collect()
    }

    #[test]
    fn what_the_customer_fixed_refuses_and_the_norms_warn() {
        insta::assert_snapshot!(said(Some(20), &style()).join("\n"));
        let unfixed = said(None, &style());
        assert!(
            unfixed.iter().all(|told| told.starts_with("warning")),
            "{unfixed:?}"
        );
        assert_eq!(said(Some(0), &style()), unfixed, "a line of nothing is no wish");
    }

    #[test]
    fn speakers_are_missed_where_they_are_wanted() {
        let wanted = CaptionStyle {
            speaker_labels: true,
            ..style()
        };
        assert!(
            !said(None, &wanted)
                .iter()
                .any(|told| told.contains("TagNotWanted"))
        );
        let order = crate::memory::sample_order(None);
        let norms = crate::render::layout_rules(&wanted, "en");
        let findings = of_order(&[Cue::new(0, 2_000, "Who says this?")], &order, &norms, &wanted);
        assert!(
            findings.iter().any(|finding| finding.name == "NoSpeakers"),
            "{findings:?}"
        );
    }

    fn track(codec: &str, bit_rate_bps: Option<u64>, silent_share: f64) -> TrackFacts {
        TrackFacts {
            container: "x".to_owned(),
            codec: codec.to_owned(),
            profile: None,
            bit_rate_bps,
            sample_rate_hz: 48_000,
            channels: 1,
            audio_tracks: 1,
            duration_ms: 60_000,
            loudness_lufs: Some(-20.0),
            silent_share,
        }
    }

    #[test]
    fn a_track_has_not_lost_too_much() {
        let of = |codec: &str, bps: Option<u64>, silent_share: f64| {
            of_sound(&track(codec, bps, silent_share))
                .first()
                .map(|finding| finding.text.clone())
        };
        assert_eq!(of("pcm_s16le", Some(8), 0.0), None);
        assert_eq!(of("aac", Some(128_000), 0.0), None);
        assert_eq!(of("opus", None, 0.0), None, "its container does not say");
        assert_eq!(of("aac", Some(32_000), 0.5), None, "half of it is silent");
        assert_eq!(
            of("aac", Some(51_000), 0.0),
            None,
            "as many as an encoder makes of 60"
        );
        assert!(of("aac", Some(50_999), 0.0).is_some());
        assert_eq!(
            of("mp3", Some(24_000), 0.0).as_deref(),
            Some("the bit rate is 24 kbit/s, expected 60 or more, or a lossless codec")
        );
        assert!(of("amr_nb", Some(12_000), 0.0).is_some());
    }

    /// As much as a lossy track of 60 kbit/s has where it is not silent, within what encoders save.
    #[test]
    fn the_least_bit_rate_is_that_of_what_is_to_be_heard() {
        let is_poor = |bps, silent_share| {
            of_sound(&track("aac", Some(bps), silent_share))
                .first()
                .is_some_and(|finding| finding.name == "TrackBitRate")
        };
        assert!(!is_poor(51_100, 0.0) && is_poor(50_900, 0.0));
        assert!(!is_poor(25_600, 0.5) && is_poor(25_400, 0.5));
        assert!(!is_poor(1, 1.0), "nothing is to be heard");
    }
}
