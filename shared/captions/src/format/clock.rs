//! Times in caption files: lenient to read, one form to write.

/// The latest time a caption file can carry at Kaltura: SRT and DFXP hours have two digits (99:59:59.999).
pub(super) const MAX_MS: u64 = 100 * 3_600_000 - 1;

/// `HH:MM:SS` and milliseconds after `point`. Times beyond [`MAX_MS`] are held at it.
pub(super) fn write(ms: u64, point: char) -> String {
    let ms = ms.min(MAX_MS);
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    format!(
        "{:02}:{:02}:{:02}{point}{ms:03}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A line such as `00:00:01,000 --> 00:00:02,500 align:start`, however sloppy: a counter in front, other arrows,
/// blanks inside the times, missing hours, `.` for `,`, negative times (taken as 0), text behind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TimingLine<'a> {
    pub start_ms: u64,
    pub end_ms: u64,
    /// What follows the times, cue settings included.
    pub rest: &'a str,
}

/// The arrows met in files, longest first.
pub(super) const ARROWS: [&str; 7] = ["-->", "-- >", "- ->", "==>", "->", "\u{2013}>", "\u{2014}>"];

/// Reads a timing line; none where the line is text.
pub(super) fn timing_line(line: &str) -> Option<TimingLine<'_>> {
    // Every arrow ends in the same character, so most lines of text are told by one look.
    let (at, arrow) = line.match_indices('>').find_map(|(at, _)| {
        let head = line.get(..=at)?;
        let arrow = ARROWS.iter().find(|arrow| head.ends_with(**arrow))?;
        Some((head.len() - arrow.len(), *arrow))
    })?;
    let left = line.get(..at)?.trim();
    let right = line.get(at + arrow.len()..)?;
    let (start_ms, after) = leading_clock(left).or_else(|| {
        // A counter on the timing line itself: `12 00:00:01,000 --> ...`.
        let (counter, clock) = left.split_once(char::is_whitespace)?;
        counter
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| leading_clock(clock))
            .flatten()
    })?;
    if !after.trim().is_empty() {
        return None;
    }
    let (end_ms, rest) = leading_clock(right)?;
    Some(TimingLine {
        start_ms,
        end_ms,
        rest,
    })
}

/// The clock that `text` starts with, in milliseconds, and what follows it. Needs one colon at least, so that a
/// number is never taken for a time. Three colons are `HH:MM:SS:FF` with the frames left out.
fn leading_clock(text: &str) -> Option<(u64, &str)> {
    if let Some(found) = plain_clock(text) {
        return Some(found);
    }
    let mut rest = text.trim_start();
    let negative = rest.starts_with(['-', '\u{2212}']);
    if negative {
        rest = rest.trim_start_matches(['-', '\u{2212}']).trim_start();
    }
    let mut fields = [0_u64; 4];
    let mut count = 0;
    loop {
        let (number, after) = leading_number(rest)?;
        *fields.get_mut(count)? = number;
        count += 1;
        rest = after;
        match after.trim_start().strip_prefix([':', '\u{ff1a}']) {
            Some(after) if count < fields.len() => rest = after.trim_start(),
            _ => break,
        }
    }
    if count < 2 {
        return None;
    }
    let mut fraction_ms = 0;
    if let Some(digits) = rest
        .trim_start()
        .strip_prefix([',', '.', '\u{ff0c}'])
        .map(str::trim_start)
    {
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if length > 0 {
            fraction_ms = fraction(&digits.as_bytes()[..length]);
            rest = digits.get(length..)?;
        }
    }
    let seconds = if count == 2 {
        fields[0].saturating_mul(60).saturating_add(fields[1])
    } else {
        let minutes = fields[0].saturating_mul(60).saturating_add(fields[1]);
        minutes.saturating_mul(60).saturating_add(fields[2])
    };
    let ms = seconds.saturating_mul(1_000).saturating_add(fraction_ms);
    Some((if negative { 0 } else { ms }, rest))
}

/// The same where it stands as it should, `HH:MM:SS,mmm` after at most one blank, as nearly all do.
fn plain_clock(text: &str) -> Option<(u64, &str)> {
    let text = text.strip_prefix(' ').unwrap_or(text);
    let bytes = text.as_bytes().first_chunk::<12>()?;
    let digit = |at: usize| bytes[at].is_ascii_digit().then(|| u64::from(bytes[at] - b'0'));
    let pair = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    if (bytes[2], bytes[5]) != (b':', b':') || !matches!(bytes[8], b',' | b'.') {
        return None;
    }
    let seconds = (pair(0)? * 60 + pair(3)?) * 60 + pair(6)?;
    let ms = seconds * 1_000 + digit(9)? * 100 + pair(10)?;
    let rest = text.get(12..)?;
    // More digits, colons and the like are for the patient reader.
    (rest.is_empty() || rest.starts_with(' ')).then_some((ms, rest))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let digits = text.get(..length)?;
    if digits.is_empty() {
        return None;
    }
    Some((digits.parse().unwrap_or(u64::MAX), text.get(length..)?))
}

/// Digits after a decimal point, as milliseconds: `5` is 500, `0625` is 62.
pub(super) fn fraction(digits: &[u8]) -> u64 {
    let digit = |place: usize| {
        digits
            .get(place)
            .map_or(0, |byte| u64::from(byte.saturating_sub(b'0').min(9)))
    };
    digit(0) * 100 + digit(1) * 10 + digit(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(line: &str) -> Option<(u64, u64)> {
        timing_line(line).map(|line| (line.start_ms, line.end_ms))
    }

    #[test]
    fn sloppy_timing_lines_are_read() {
        for line in [
            "00:00:01,000 --> 00:00:02,500",
            "00:00:01.000-->00:00:02.500",
            "0:0:1,0 -> 0:0:2,5",
            "00:01.000 --> 00:02.500",
            "7 00:00:01,000 --> 00:00:02,500",
            "00: 00: 01, 000 -- > 00: 00: 02, 500",
            " 00:00:01:12 --> 00:00:02,500 X1:100 X2:200",
            "00:00:01,000 \u{2013}> 00:00:02,500000",
        ] {
            assert_eq!(times(line), Some((1_000, 2_500)), "{line}");
        }
    }

    #[test]
    fn what_is_no_timing_line_is_text() {
        for line in [
            "a --> b",
            "1 --> 2",
            "-->",
            "see 00:00:01,000 --> 00:00:02,000",
            "00:00:01,000",
            "00:01 -> there",
        ] {
            assert_eq!(times(line), None, "{line}");
        }
    }

    #[test]
    fn times_beyond_the_clock_saturate() {
        assert_eq!(
            times("-00:00:01,000 --> 99999999999999999999:00:00,000"),
            Some((0, u64::MAX))
        );
        assert_eq!(write(u64::MAX, '.'), "99:59:59.999");
        assert_eq!(write(3_723_004, ','), "01:02:03,004");
    }

    #[test]
    fn what_follows_the_times_is_kept() {
        assert_eq!(timing_line("0:01.5 --> 0:02.5 Hello").unwrap().rest, " Hello");
    }
}
