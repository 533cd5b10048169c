//! When a cue goes, and the order of all.

use crate::cue::Cue;
use crate::rules::LayoutRules;

/// When a cue goes that comes at `start_ms` with its first word and holds `width` characters, whose last word ends at
/// `spoken_until_ms`, where the next cue comes at `next_ms`.
///
/// As late as reading it needs, but no later than `linger_ms` after its last word (or the shortest time allowed), nor
/// than the next cue; up to the next cue where the gap would be a flicker; never longer than `max_ms`.
pub(crate) fn end_ms(
    start_ms: u64,
    spoken_until_ms: u64,
    next_ms: Option<u64>,
    width: usize,
    rules: &LayoutRules,
) -> u64 {
    let latest_ms = spoken_until_ms.saturating_add(rules.linger_ms);
    let to_read_ms = start_ms.saturating_add(reading_ms(width, rules.good_chars_per_second));
    let least_ms = start_ms.saturating_add(rules.min_ms);
    let mut end_ms = spoken_until_ms.max(to_read_ms.min(latest_ms)).max(least_ms);
    if let Some(next_ms) = next_ms {
        let touches = next_ms <= latest_ms || next_ms < end_ms.saturating_add(rules.gap_ms);
        if touches {
            end_ms = next_ms;
        }
    } else {
        end_ms = end_ms.max(latest_ms);
    }
    end_ms.min(start_ms.saturating_add(rules.max_ms)).max(start_ms)
}

/// How long `width` characters take to read; the cast saturates.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "widths are small, and a float cast saturates"
)]
fn reading_ms(width: usize, chars_per_second: f64) -> u64 {
    (width as f64 * 1_000.0 / chars_per_second.max(1.0)).ceil() as u64
}

/// Makes sure of what readers rely on, where the words' times don't: each cue starts no earlier than the one before it
/// ends, and ends after it starts. Cues whose words have no room of their own get a millisecond each.
pub(super) fn settle(cues: &mut [Cue], rules: &LayoutRules) {
    let mut free_from_ms = 0_u64;
    for at in 0..cues.len() {
        let next_start_ms = cues.get(at + 1).map(|next| next.start_ms);
        let Some(cue) = cues.get_mut(at) else { break };
        cue.start_ms = cue.start_ms.max(free_from_ms);
        if cue.end_ms <= cue.start_ms {
            cue.end_ms = cue.start_ms.saturating_add(1);
        }
        if let Some(next_start_ms) = next_start_ms.filter(|next| *next > cue.start_ms) {
            cue.end_ms = cue.end_ms.min(next_start_ms);
            if next_start_ms - cue.end_ms < rules.gap_ms {
                let fits = next_start_ms - cue.start_ms <= rules.max_ms;
                let before_gap_ms = next_start_ms.saturating_sub(rules.gap_ms);
                cue.end_ms = if fits || before_gap_ms <= cue.start_ms {
                    next_start_ms
                } else {
                    before_gap_ms
                };
            }
        }
        free_from_ms = cue.end_ms;
    }
}
