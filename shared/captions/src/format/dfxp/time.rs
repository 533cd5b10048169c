//! TTML time expressions.

use super::super::clock;

/// What frames and ticks mean in a document: `ttp:frameRate`, `ttp:frameRateMultiplier`, `ttp:subFrameRate`,
/// `ttp:tickRate` on its root.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rates {
    /// Frames a second, the multiplier taken in.
    pub frames: f64,
    /// Parts of a frame.
    pub sub_frames: f64,
    /// Ticks a second; none where the document doesn't say.
    pub ticks: Option<f64>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            frames: 30.0,
            sub_frames: 1.0,
            ticks: None,
        }
    }
}

impl Rates {
    /// Ticks a second, with TTML's default: the frame rate times the parts of a frame, else one.
    fn tick_rate(&self, frame_rate_given: bool) -> f64 {
        self.ticks.unwrap_or(if frame_rate_given {
            self.frames * self.sub_frames
        } else {
            1.0
        })
    }
}

/// Reads `00:00:01.5`, `00:00:01:12`, `1.5s`, `1500ms`, `36f`, `15000000t`, and by leniency a comma for the point, a
/// bare number of seconds and `MM:SS`. None where it is no time. Below zero is zero.
pub(super) fn milliseconds(text: &str, rates: &Rates, frame_rate_given: bool) -> Option<u64> {
    let text = text.trim().replace(',', ".");
    if let Some(rest) = text.strip_prefix('-') {
        return milliseconds(rest, rates, frame_rate_given).map(|_| 0);
    }
    if text.contains(':') {
        return clock_time(&text, rates);
    }
    let number_length = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(number_length);
    let number: f64 = number.parse().ok()?;
    let per_unit_ms = match unit.trim() {
        "h" => 3_600_000.0,
        "m" => 60_000.0,
        "s" | "" => 1_000.0,
        "ms" => 1.0,
        "f" => 1_000.0 / rates.frames,
        "t" => 1_000.0 / rates.tick_rate(frame_rate_given),
        _ => return None,
    };
    Some(rounded(number * per_unit_ms))
}

fn clock_time(text: &str, rates: &Rates) -> Option<u64> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let (hours, minutes, seconds, frames) = match parts[..] {
        [minutes, seconds] => ("0", minutes, seconds, "0"),
        [hours, minutes, seconds] => (hours, minutes, seconds, "0"),
        [hours, minutes, seconds, frames] => (hours, minutes, seconds, frames),
        _ => return None,
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let whole = |text: &str| {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    let minutes = whole(hours)?.saturating_mul(60).saturating_add(whole(minutes)?);
    let seconds = minutes.saturating_mul(60).saturating_add(whole(seconds)?);
    let (frames, sub_frames) = frames.split_once('.').unwrap_or((frames, "0"));
    let frames: f64 = frames.parse().ok()?;
    let sub_frames: f64 = sub_frames.parse().unwrap_or(0.0);
    let frames_ms = rounded((frames + sub_frames / rates.sub_frames) * 1_000.0 / rates.frames);
    let fraction_ms = clock::fraction(
        &fraction
            .bytes()
            .take_while(u8::is_ascii_digit)
            .collect::<Vec<_>>(),
    );
    Some(
        seconds
            .saturating_mul(1_000)
            .saturating_add(fraction_ms)
            .saturating_add(frames_ms),
    )
}

/// To whole milliseconds; the cast saturates and takes what is no number for 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and times are not below 0"
)]
fn rounded(ms: f64) -> u64 {
    ms.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_time_expression_is_read() {
        let rates = Rates {
            frames: 25.0,
            sub_frames: 1.0,
            ticks: Some(10_000_000.0),
        };
        for (text, expected) in [
            ("00:00:01.5", Some(1_500)),
            ("00:00:01,500", Some(1_500)),
            ("00:00:01:12", Some(1_480)),
            ("100:00:00.0004", Some(360_000_000)),
            ("01:02", Some(62_000)),
            ("1.5s", Some(1_500)),
            ("1500ms", Some(1_500)),
            ("0.5h", Some(1_800_000)),
            ("2m", Some(120_000)),
            ("50f", Some(2_000)),
            ("15000000t", Some(1_500)),
            ("7", Some(7_000)),
            ("-1s", Some(0)),
            ("99999999999999999999:00:00", Some(u64::MAX)),
            ("soon", None),
            ("", None),
            (":", None),
            ("1:2:3:4:5", None),
        ] {
            assert_eq!(milliseconds(text, &rates, true), expected, "{text}");
        }
    }
}
