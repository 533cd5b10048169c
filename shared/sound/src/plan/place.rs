//! Dubbing: each clip at the time of the passage that it stands for.

use super::{Misfit, Placement, Plan, Span, said_ms, speed_for};

/// A passage of the media that was said in another language, and how long its new words take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// When it is said in the media.
    pub window: Span,
    /// How long its clip takes as it was made.
    pub clip_ms: u64,
}

/// What may be done to make clips fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaceLimits {
    /// How fast a clip may be said before others have to wait for it. At least 1.
    pub max_speed: f64,
    /// How fast it may be said before one is left out. At least `max_speed`.
    pub hard_speed: f64,
    /// The silence that is kept between two clips.
    pub min_gap_ms: u64,
    /// How much later than its passage a clip may begin because the former one still speaks.
    pub max_late_ms: u64,
}

impl Default for PlaceLimits {
    /// 1.25, in need 1.5; 80 ms; 2 s.
    fn default() -> Self {
        Self {
            max_speed: 1.25,
            hard_speed: 1.5,
            min_gap_ms: 80,
            max_late_ms: 2_000,
        }
    }
}

/// Places the clip of each passage.
///
/// A clip begins with its passage, or as soon as the former one has been said. It may run on into the pause that
/// follows. It is sped up only if the next would have to wait for it: up to `max_speed`, and up to `hard_speed` where
/// a later one would else be too late or too long for the media. One that can't begin in time, or be said before the
/// media ends, is a [`Misfit`]. Placements name clips by their place in `passages`, which may be in any order.
pub fn place(passages: &[Passage], media_ms: u64, limits: &PlaceLimits) -> Plan {
    let max_speed = limits.max_speed.max(1.0);
    let hard_speed = limits.hard_speed.max(max_speed);
    let mut order: Vec<usize> = (0..passages.len()).collect();
    order.sort_by_key(|&clip| passages[clip].window.start_ms);

    // By when each clip must have been said so that all later ones can begin in time at `max_speed`. No clip is asked
    // to be done before the next one's passage begins: that would help nobody.
    let mut must_end_ms = vec![media_ms; order.len()];
    for place in (1..order.len()).rev() {
        let Passage { window, clip_ms } = passages[order[place]];
        let latest_ms = must_end_ms[place]
            .saturating_sub(said_ms(clip_ms, max_speed))
            .min(window.start_ms.saturating_add(limits.max_late_ms))
            .max(window.start_ms);
        must_end_ms[place - 1] = latest_ms.saturating_sub(limits.min_gap_ms).min(media_ms);
    }

    let mut plan = Plan::default();
    let mut free_ms = 0;
    for (place, &clip) in order.iter().enumerate() {
        let Passage { window, clip_ms } = passages[clip];
        let start_ms = window.start_ms.max(free_ms);
        let late_ms = (start_ms - window.start_ms).saturating_sub(limits.max_late_ms);
        let too_long_ms = start_ms
            .saturating_add(said_ms(clip_ms, hard_speed))
            .saturating_sub(media_ms);
        if late_ms > 0 || too_long_ms > 0 {
            plan.misfits.push(Misfit {
                clip,
                over_ms: late_ms.max(too_long_ms),
            });
            continue;
        }
        let wanted_end_ms = order.get(place + 1).map_or(media_ms, |&next| {
            let next_ms = passages[next].window.start_ms;
            next_ms.saturating_sub(limits.min_gap_ms).min(media_ms)
        });
        let room_ms = wanted_end_ms.saturating_sub(start_ms);
        let most_ms = must_end_ms[place].saturating_sub(start_ms);
        let (fast_ms, hard_ms) = (said_ms(clip_ms, max_speed), said_ms(clip_ms, hard_speed));
        let (takes_ms, speed) = if clip_ms <= room_ms {
            (clip_ms, 1.0)
        } else if fast_ms <= room_ms {
            (room_ms, speed_for(clip_ms, room_ms).min(max_speed))
        } else if fast_ms <= most_ms {
            (fast_ms, max_speed)
        } else if hard_ms <= most_ms {
            (most_ms, speed_for(clip_ms, most_ms).min(hard_speed))
        } else {
            (hard_ms, hard_speed)
        };
        plan.placements.push(Placement {
            clip,
            start_ms,
            end_ms: start_ms + takes_ms,
            speed,
        });
        free_ms = start_ms + takes_ms + limits.min_gap_ms;
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passage(start_ms: u64, end_ms: u64, clip_ms: u64) -> Passage {
        Passage {
            window: Span::new(start_ms, end_ms),
            clip_ms,
        }
    }

    fn placed(passages: &[Passage], media_ms: u64) -> Vec<(u64, u64, f64)> {
        let plan = place(passages, media_ms, &PlaceLimits::default());
        assert_eq!(plan.misfits, []);
        plan.placements
            .iter()
            .map(|placement| (placement.start_ms, placement.end_ms, placement.speed))
            .collect()
    }

    #[test]
    fn a_clip_that_fits_is_said_as_it_is() {
        assert_eq!(
            placed(&[passage(1_000, 3_000, 1_500)], 10_000),
            [(1_000, 2_500, 1.0)]
        );
    }

    #[test]
    fn a_long_clip_runs_into_the_pause_after_its_passage() {
        let passages = [passage(0, 1_000, 2_000), passage(3_000, 4_000, 1_000)];
        assert_eq!(placed(&passages, 10_000), [(0, 2_000, 1.0), (3_000, 4_000, 1.0)]);
    }

    #[test]
    fn a_clip_is_sped_up_no_more_than_the_next_needs() {
        let passages = [passage(0, 1_000, 1_104), passage(1_000, 2_000, 500)];
        assert_eq!(placed(&passages, 10_000), [(0, 920, 1.2), (1_000, 1_500, 1.0)]);
    }

    #[test]
    fn the_next_waits_where_speed_is_not_enough() {
        let passages = [passage(0, 1_000, 2_000), passage(1_000, 2_000, 500)];
        assert_eq!(placed(&passages, 10_000), [(0, 1_600, 1.25), (1_680, 2_180, 1.0)]);
    }

    #[test]
    fn the_hard_limit_is_used_rather_than_leave_one_out() {
        // At 1.25 the first ends at 4000, which would begin the second 3080 ms late.
        let passages = [passage(0, 1_000, 4_200), passage(1_000, 2_000, 500)];
        assert_eq!(
            placed(&passages, 10_000),
            [(0, 2_920, 4_200.0 / 2_920.0), (3_000, 3_500, 1.0)]
        );
    }

    #[test]
    fn what_no_speed_can_fit_is_reported_with_how_much_is_missing() {
        let passages = [
            passage(0, 1_000, 9_000),
            passage(1_000, 2_000, 500),
            passage(8_000, 9_000, 500),
        ];
        let plan = place(&passages, 10_000, &PlaceLimits::default());
        // 9000 / 1.5 + 80 = 6080, and 3000 was the latest.
        assert_eq!(
            plan.misfits,
            [Misfit {
                clip: 1,
                over_ms: 3_080
            }]
        );
        assert_eq!(
            plan.placements.iter().map(|it| it.clip).collect::<Vec<_>>(),
            [0, 2]
        );

        let too_long = place(&[passage(500, 1_000, 3_000)], 2_000, &PlaceLimits::default());
        assert_eq!(
            too_long.misfits,
            [Misfit {
                clip: 0,
                over_ms: 500
            }]
        );
    }

    #[test]
    fn the_last_clip_is_sped_up_to_end_with_the_media() {
        assert_eq!(
            placed(&[passage(1_000, 1_500, 1_200)], 2_000),
            [(1_000, 2_000, 1.2)]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_plan_breaks_its_limits(
            passages in proptest::collection::vec((0_u64..60_000, 0_u64..8_000, 0_u64..12_000), 0..40),
            media_ms in 0_u64..70_000,
            max_late_ms in 0_u64..4_000,
        ) {
            let passages: Vec<Passage> = passages
                .iter()
                .map(|&(start_ms, length_ms, clip_ms)| passage(start_ms, start_ms + length_ms, clip_ms))
                .collect();
            let limits = PlaceLimits { max_late_ms, ..PlaceLimits::default() };
            let plan = place(&passages, media_ms, &limits);

            let mut seen: Vec<usize> = plan.placements.iter().map(|it| it.clip).collect();
            seen.extend(plan.misfits.iter().map(|it| it.clip));
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..passages.len()).collect::<Vec<_>>());
            prop_assert!(plan.misfits.iter().all(|misfit| misfit.over_ms > 0));

            for pair in plan.placements.windows(2) {
                prop_assert!(pair[1].start_ms >= pair[0].end_ms + limits.min_gap_ms);
            }
            let mut free_ms = 0;
            for it in &plan.placements {
                let Passage { window, clip_ms } = passages[it.clip];
                prop_assert_eq!(it.start_ms, window.start_ms.max(free_ms), "later than it could be");
                prop_assert!(it.start_ms <= window.start_ms + max_late_ms);
                prop_assert!(it.end_ms <= media_ms);
                prop_assert!((1.0..=limits.hard_speed).contains(&it.speed));
                prop_assert_eq!(it.end_ms - it.start_ms, said_ms(clip_ms, it.speed));
                free_ms = it.end_ms + limits.min_gap_ms;
            }
        }

        #[test]
        fn clips_no_longer_than_their_passages_stay_as_they_are(
            passages in proptest::collection::vec((80_u64..5_000, 1_u64..5_000), 1..40),
        ) {
            let mut now_ms = 0;
            let passages: Vec<Passage> = passages
                .iter()
                .map(|&(pause_ms, clip_ms)| {
                    let start_ms = now_ms + pause_ms;
                    now_ms = start_ms + clip_ms;
                    passage(start_ms, now_ms, clip_ms)
                })
                .collect();
            let plan = place(&passages, now_ms, &PlaceLimits::default());
            prop_assert_eq!(plan.misfits.len(), 0);
            for (it, passage) in plan.placements.iter().zip(&passages) {
                prop_assert_eq!((it.start_ms, it.end_ms), (passage.window.start_ms, passage.window.end_ms));
            }
        }
    }
}
