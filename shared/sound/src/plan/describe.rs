//! Audio description: each description in a pause of the programme's speech.

use super::{Misfit, Placement, Plan, Span, said_ms, speed_for};

/// A description, and when its script wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// When it would best begin, in the media's milliseconds.
    pub wanted_ms: u64,
    /// How long its clip takes as it was made.
    pub clip_ms: u64,
}

/// What may be done to make descriptions fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DescriptionLimits {
    /// How fast a description may be said. At least 1.
    pub max_speed: f64,
    /// The silence between two descriptions, and between a description and the programme's speech.
    pub min_gap_ms: u64,
    /// How far from its wanted time a description may begin.
    pub tolerance_ms: u64,
}

impl Default for DescriptionLimits {
    /// 1.25; 80 ms; 5 s.
    fn default() -> Self {
        Self {
            max_speed: 1.25,
            min_gap_ms: 80,
            tolerance_ms: 5_000,
        }
    }
}

/// The pauses of a programme: what its speech leaves free, if it lasts `least_ms` or more. `speech` may be in any
/// order and may overlap (words or cues); what lies past the media's end is left out.
pub fn pauses(speech: &[Span], media_ms: u64, least_ms: u64) -> Vec<Span> {
    let mut speech: Vec<Span> = speech
        .iter()
        .copied()
        .filter(|span| span.duration_ms() > 0)
        .collect();
    speech.sort_by_key(|span| span.start_ms);
    let mut pauses = Vec::new();
    let mut free_ms = 0;
    for span in speech.into_iter().chain([Span::new(media_ms, media_ms)]) {
        let pause = Span::new(free_ms, span.start_ms.min(media_ms));
        if pause.duration_ms() >= least_ms.max(1) {
            pauses.push(pause);
        }
        free_ms = free_ms.max(span.end_ms);
    }
    pauses
}

/// Fits descriptions into pauses (as [`pauses`] gives them: by time, apart).
///
/// Each goes as near to its wanted time as the pauses allow, sped up only where the pause is too short for it. Their
/// order is kept. One whose pauses within the tolerance are all too short is a [`Misfit`], with how much room the best
/// of them lacks. Placements name clips by their place in `descriptions`, which may be in any order.
pub fn fit_descriptions(descriptions: &[Description], pauses: &[Span], limits: &DescriptionLimits) -> Plan {
    let max_speed = limits.max_speed.max(1.0);
    let mut order: Vec<usize> = (0..descriptions.len()).collect();
    order.sort_by_key(|&clip| descriptions[clip].wanted_ms);
    let mut plan = Plan::default();
    let mut free_ms = 0;
    for clip in order {
        let Description { wanted_ms, clip_ms } = descriptions[clip];
        let least_ms = said_ms(clip_ms, max_speed);
        let reach = Span::new(
            wanted_ms.saturating_sub(limits.tolerance_ms),
            wanted_ms.saturating_add(limits.tolerance_ms),
        );
        let mut best: Option<Placement> = None;
        let mut missing_ms = least_ms;
        for pause in pauses {
            // Speech begins and ends at the pause's edges; the media does at most at one of them, where the gap does
            // no harm.
            let from_ms = (pause.start_ms + limits.min_gap_ms)
                .max(free_ms)
                .max(reach.start_ms);
            let until_ms = pause.end_ms.saturating_sub(limits.min_gap_ms);
            if from_ms > reach.end_ms || from_ms >= until_ms {
                continue;
            }
            let room_ms = until_ms - from_ms;
            if room_ms < least_ms {
                missing_ms = missing_ms.min(least_ms - room_ms);
                continue;
            }
            let takes_ms = clip_ms.min(room_ms);
            let start_ms = wanted_ms.clamp(from_ms, until_ms - takes_ms);
            let nearer =
                best.is_none_or(|best| start_ms.abs_diff(wanted_ms) < best.start_ms.abs_diff(wanted_ms));
            if nearer {
                best = Some(Placement {
                    clip,
                    start_ms,
                    end_ms: start_ms + takes_ms,
                    speed: speed_for(clip_ms, takes_ms).min(max_speed),
                });
            }
        }
        match best {
            Some(placement) => {
                free_ms = placement.end_ms + limits.min_gap_ms;
                plan.placements.push(placement);
            }
            None => plan.misfits.push(Misfit {
                clip,
                over_ms: missing_ms.max(1),
            }),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(spans: &[(u64, u64)]) -> Vec<Span> {
        spans
            .iter()
            .map(|&(start_ms, end_ms)| Span::new(start_ms, end_ms))
            .collect()
    }

    fn fit(descriptions: &[(u64, u64)], pauses: &[(u64, u64)]) -> Plan {
        let descriptions: Vec<Description> = descriptions
            .iter()
            .map(|&(wanted_ms, clip_ms)| Description { wanted_ms, clip_ms })
            .collect();
        fit_descriptions(&descriptions, &spans(pauses), &DescriptionLimits::default())
    }

    fn times(plan: &Plan) -> Vec<(u64, u64, f64)> {
        plan.placements
            .iter()
            .map(|it| (it.start_ms, it.end_ms, it.speed))
            .collect()
    }

    #[test]
    fn pauses_are_what_speech_leaves_free() {
        let speech = spans(&[(4_000, 5_000), (1_000, 2_000), (1_500, 1_800), (5_200, 12_000)]);
        assert_eq!(pauses(&speech, 10_000, 500), spans(&[(0, 1_000), (2_000, 4_000)]));
        assert_eq!(pauses(&[], 10_000, 500), spans(&[(0, 10_000)]));
        assert_eq!(pauses(&speech, 3_000, 500), spans(&[(0, 1_000), (2_000, 3_000)]));
        assert_eq!(
            pauses(&spans(&[(0, 9_000)]), 10_000, 500),
            spans(&[(9_000, 10_000)])
        );
        assert_eq!(pauses(&[], 0, 0), []);
    }

    #[test]
    fn a_description_wanted_in_a_pause_begins_when_it_is_wanted() {
        assert_eq!(
            times(&fit(&[(3_000, 1_000)], &[(2_000, 6_000)])),
            [(3_000, 4_000, 1.0)]
        );
    }

    #[test]
    fn one_wanted_late_in_a_pause_begins_earlier_rather_than_faster() {
        assert_eq!(
            times(&fit(&[(5_500, 1_000)], &[(2_000, 6_000)])),
            [(4_920, 5_920, 1.0)]
        );
    }

    #[test]
    fn one_wanted_while_somebody_speaks_goes_to_the_nearest_pause() {
        let pauses = [(1_000, 3_000), (8_000, 11_000)];
        assert_eq!(times(&fit(&[(7_000, 1_000)], &pauses)), [(8_080, 9_080, 1.0)]);
        assert_eq!(times(&fit(&[(4_000, 1_000)], &pauses)), [(1_920, 2_920, 1.0)]);
    }

    #[test]
    fn a_short_pause_is_filled_at_a_higher_speed() {
        // 2000 less the gaps of 80 at both ends.
        assert_eq!(
            times(&fit(&[(1_000, 2_208)], &[(1_000, 3_000)])),
            [(1_080, 2_920, 1.2)]
        );
    }

    #[test]
    fn one_that_fits_nowhere_near_is_reported() {
        let plan = fit(
            &[(1_000, 3_000), (1_500, 500)],
            &[(1_000, 3_000), (20_000, 30_000)],
        );
        // 3000 at 1.25 takes 2400, of which 1840 are there.
        assert_eq!(
            plan.misfits,
            [Misfit {
                clip: 0,
                over_ms: 560
            }]
        );
        assert_eq!(times(&plan), [(1_500, 2_000, 1.0)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn descriptions_are_heard_in_pauses_only(
            speech in proptest::collection::vec((0_u64..60_000, 1_u64..4_000), 0..30),
            descriptions in proptest::collection::vec((0_u64..60_000, 1_u64..6_000), 0..30),
            media_ms in 1_u64..60_000,
        ) {
            let speech: Vec<Span> = speech.iter().map(|&(start, length)| Span::new(start, start + length)).collect();
            let descriptions: Vec<Description> = descriptions
                .iter()
                .map(|&(wanted_ms, clip_ms)| Description { wanted_ms, clip_ms })
                .collect();
            let pauses = pauses(&speech, media_ms, 300);
            let limits = DescriptionLimits::default();
            let plan = fit_descriptions(&descriptions, &pauses, &limits);

            let mut seen: Vec<usize> = plan.placements.iter().map(|it| it.clip).collect();
            seen.extend(plan.misfits.iter().map(|it| it.clip));
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..descriptions.len()).collect::<Vec<_>>());

            for pair in plan.placements.windows(2) {
                prop_assert!(pair[1].start_ms >= pair[0].end_ms + limits.min_gap_ms);
            }
            for it in &plan.placements {
                let Description { wanted_ms, clip_ms } = descriptions[it.clip];
                prop_assert!(it.start_ms.abs_diff(wanted_ms) <= limits.tolerance_ms);
                prop_assert!((1.0..=limits.max_speed).contains(&it.speed));
                prop_assert_eq!(it.end_ms - it.start_ms, said_ms(clip_ms, it.speed));
                prop_assert!(it.end_ms <= media_ms);
                for span in &speech {
                    prop_assert!(it.end_ms + 80 <= span.start_ms || it.start_ms >= span.end_ms + 80);
                }
            }
        }
    }
}
