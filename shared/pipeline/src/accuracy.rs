//! The accuracy that is told Kaltura, in one place.
//!
//! Kaltura takes a whole percentage: on a caption asset it decides which of two in the same language is shown (99 and more
//! wins, else the higher one; spec 7), and 100 stands for people's work, which alone may be translated (guide,
//! "Translations"). So a machine's work never says 99 or more, and people's says what the vendor has set, 99 or 100.

use engines::{JobResult, WorkKind};

/// Told of work whose engine gives no confidences: what the guide's machine orders commonly reach.
const UNKNOWN_PERCENT: u8 = 80;

/// The most that a machine says of itself.
const MACHINE_MOST_PERCENT: u8 = 98;

/// The accuracy of a result: a machine's by the mean confidence of its words, people's as the vendor has set it.
pub fn of(result: &JobResult, kind: WorkKind, people_percent: u8) -> u8 {
    if kind == WorkKind::HandIn {
        return people_percent;
    }
    result
        .transcript()
        .and_then(captions::Transcript::accuracy_percent)
        .unwrap_or(UNKNOWN_PERCENT)
        .min(MACHINE_MOST_PERCENT)
}

/// The accuracy of an order: that of its weakest work, since each is built on the one before it. People who corrected a
/// draft have the last word.
pub fn of_order(works: impl IntoIterator<Item = (WorkKind, u8)>) -> Option<u8> {
    let mut least = None;
    for (kind, percent) in works {
        least = match least {
            Some(so_far) if kind != WorkKind::HandIn => Some(percent.min(so_far)),
            _ => Some(percent),
        };
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weakest_work_counts_and_people_have_the_last_word() {
        use WorkKind::{HandIn, Recognise, Speak, Translate};
        assert_eq!(of_order([]), None);
        assert_eq!(of_order([(Recognise, 91)]), Some(91));
        assert_eq!(
            of_order([(Recognise, 91), (Translate, 80), (Speak, 98)]),
            Some(80)
        );
        assert_eq!(of_order([(Translate, 80), (Recognise, 91)]), Some(80));
        assert_eq!(of_order([(Recognise, 70), (HandIn, 100)]), Some(100));
        assert_eq!(of_order([(HandIn, 100), (Speak, 80)]), Some(80));
    }
}
