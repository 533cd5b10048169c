//! A clip in phrases: pauses where the speaker of the original makes them, as far as there is time for them.

use super::Span;

/// A phrase of a clip after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrase {
    /// When it is said in the media.
    pub due_ms: u64,
    /// Where it begins in the file of clips.
    pub from_ms: u64,
}

/// A clip or a part of one, to be placed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// When it is due in the media.
    pub window: Span,
    /// Where it lies in the file of clips.
    pub range: Span,
}

/// Cuts a clip, said in `window` of the media and lying at `range` of the file of clips, at its phrases.
///
/// The time that the clip leaves of its window goes into its pauses: each phrase begins when it is due, or earlier if else
/// the rest would not be said within the window, and `min_gap_ms` after the former one at the soonest. A phrase that would
/// begin no later than that anyway is not cut off. So nothing has to be said faster because of a pause: a clip that fills its
/// window is one piece, and so is one whose phrases don't lie within it in order.
pub fn in_phrases(window: Span, range: Span, phrases: &[Phrase], min_gap_ms: u64) -> Vec<Piece> {
    let whole = vec![Piece { window, range }];
    let begins: Vec<u64> = std::iter::once(range.start_ms)
        .chain(phrases.iter().map(|phrase| phrase.from_ms))
        .collect();
    let is_ordered = begins.windows(2).all(|pair| pair[0] < pair[1])
        && begins.last().is_some_and(|last_ms| *last_ms < range.end_ms);
    let gaps_ms = min_gap_ms.saturating_mul(phrases.len() as u64);
    if !is_ordered || range.duration_ms().saturating_add(gaps_ms) > window.duration_ms() {
        return whole;
    }
    let mut pieces = whole;
    for (place, phrase) in phrases.iter().enumerate() {
        let Some(former) = pieces.last_mut() else { break };
        let gaps_after_ms = min_gap_ms * (phrases.len() - place - 1) as u64;
        let latest_ms = window.end_ms - (range.end_ms - phrase.from_ms) - gaps_after_ms;
        let soonest_ms = former.window.start_ms + (phrase.from_ms - former.range.start_ms) + min_gap_ms;
        let start_ms = phrase.due_ms.min(latest_ms);
        if start_ms <= soonest_ms {
            continue;
        }
        former.range.end_ms = phrase.from_ms;
        former.window.end_ms = start_ms;
        pieces.push(Piece {
            window: Span::new(start_ms, window.end_ms),
            range: Span::new(phrase.from_ms, range.end_ms),
        });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Passage, PlaceLimits, place};

    fn phrase(due_ms: u64, from_ms: u64) -> Phrase {
        Phrase { due_ms, from_ms }
    }

    /// Window and range of each piece, in a window from 10 to 20 s.
    fn pieces(clip_ms: u64, phrases: &[Phrase]) -> Vec<(u64, u64, u64, u64)> {
        let pieces = in_phrases(
            Span::new(10_000, 20_000),
            Span::new(500, 500 + clip_ms),
            phrases,
            80,
        );
        let told = pieces.iter().map(|piece| {
            let (window, range) = (piece.window, piece.range);
            (window.start_ms, window.end_ms, range.start_ms, range.end_ms)
        });
        told.collect()
    }

    #[test]
    fn a_phrase_begins_when_the_speaker_goes_on() {
        assert_eq!(
            pieces(6_000, &[phrase(15_000, 3_500)]),
            [(10_000, 15_000, 500, 3_500), (15_000, 20_000, 3_500, 6_500)]
        );
    }

    #[test]
    fn a_phrase_begins_earlier_where_its_rest_would_be_late() {
        // 6 s of 9 are left: it has to begin at 14 s.
        assert_eq!(
            pieces(9_000, &[phrase(15_000, 3_500)]),
            [(10_000, 14_000, 500, 3_500), (14_000, 20_000, 3_500, 9_500)]
        );
    }

    #[test]
    fn a_phrase_that_is_due_before_it_can_be_said_is_not_cut_off() {
        assert_eq!(
            pieces(6_000, &[phrase(12_000, 3_500), phrase(16_000, 5_000)]),
            [(10_000, 16_000, 500, 5_000), (16_000, 20_000, 5_000, 6_500)]
        );
    }

    #[test]
    fn a_clip_without_time_to_spare_or_with_wrong_marks_stays_whole() {
        for (clip_ms, phrases) in [
            (9_950, vec![phrase(15_000, 3_500)]),
            (12_000, vec![phrase(15_000, 3_500)]),
            (6_000, vec![phrase(15_000, 500)]),
            (6_000, vec![phrase(15_000, 6_500)]),
            (6_000, vec![phrase(13_000, 4_000), phrase(15_000, 3_500)]),
            (6_000, Vec::new()),
        ] {
            assert_eq!(
                pieces(clip_ms, &phrases),
                [(10_000, 20_000, 500, 500 + clip_ms)],
                "{phrases:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pauses_make_nothing_faster_or_late(
            phrases in proptest::collection::vec((0_u64..4_000, 1_u64..3_000), 0..8),
            window_ms in 0_u64..20_000,
            last_ms in 1_u64..3_000,
        ) {
            let window = Span::new(5_000, 5_000 + window_ms);
            let (mut due_ms, mut from_ms) = (window.start_ms, 700);
            let phrases: Vec<Phrase> = phrases
                .iter()
                .map(|&(pause_ms, said_ms)| {
                    from_ms += said_ms;
                    due_ms += pause_ms;
                    phrase(due_ms, from_ms)
                })
                .collect();
            let range = Span::new(700, from_ms + last_ms);
            let limits = PlaceLimits::default();
            let pieces = in_phrases(window, range, &phrases, limits.min_gap_ms);

            prop_assert_eq!(pieces[0].range.start_ms, range.start_ms);
            prop_assert_eq!(pieces[pieces.len() - 1].range.end_ms, range.end_ms);
            prop_assert!(pieces.windows(2).all(|pair| pair[0].range.end_ms == pair[1].range.start_ms));
            prop_assert_eq!(pieces[0].window.start_ms, window.start_ms);
            for piece in &pieces[1..] {
                let due = phrases.iter().find(|phrase| phrase.from_ms == piece.range.start_ms);
                prop_assert!(due.is_some_and(|due| piece.window.start_ms <= due.due_ms));
            }
            let passages: Vec<Passage> = pieces
                .iter()
                .map(|piece| Passage { window: piece.window, clip_ms: piece.range.duration_ms() })
                .collect();
            if range.duration_ms() <= window.duration_ms() {
                let plan = place(&passages, window.end_ms, &limits);
                prop_assert_eq!(plan.misfits.len(), 0);
                for (it, piece) in plan.placements.iter().zip(&pieces) {
                    prop_assert_eq!((it.start_ms, it.speed), (piece.window.start_ms, 1.0));
                }
            } else {
                prop_assert_eq!(pieces.len(), 1);
            }
        }
    }
}
