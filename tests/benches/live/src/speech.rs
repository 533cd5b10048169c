//! What the streams say: speech read aloud, a slice at a time.

/// A word with its times in milliseconds from the start of the stream.
#[derive(Debug, Clone)]
pub struct Said {
    pub text: &'static str,
    pub start_ms: u64,
    pub end_ms: u64,
}

/// A minute and a half, from the benchmark of layouts.
const WORDS: &str = include_str!("../../captions/words/interview-140.en.tsv");

/// The speech over and over, each stream from another place in it.
pub struct Speech {
    words: Vec<Said>,
    length_ms: u64,
    offset_ms: u64,
}

impl Speech {
    /// Speech that begins `offset_ms` into the text.
    pub fn from(offset_ms: u64) -> Self {
        let words: Vec<Said> = WORDS.lines().filter_map(word).collect();
        let length_ms = words.last().map_or(1, |last| last.end_ms + 1_000);
        Self {
            words,
            length_ms,
            offset_ms: offset_ms % length_ms,
        }
    }

    /// The words whose last sound falls into these milliseconds, and up to where everything has been heard then: a word
    /// that is being said is told when it has been.
    pub fn slice(&self, from_ms: u64, to_ms: u64) -> (Vec<Said>, u64) {
        let first = (from_ms + self.offset_ms) / self.length_ms;
        let last = (to_ms + self.offset_ms) / self.length_ms;
        let all = (first..=last + 1).flat_map(|round| {
            self.words.iter().filter_map(move |word| {
                let shift = |ms: u64| (ms + round * self.length_ms).checked_sub(self.offset_ms);
                Some(Said {
                    text: word.text,
                    start_ms: shift(word.start_ms)?,
                    end_ms: shift(word.end_ms)?,
                })
            })
        });
        let mut told = Vec::new();
        let mut heard_until_ms = to_ms;
        for word in all {
            if word.end_ms > from_ms && word.end_ms <= to_ms {
                told.push(word);
            } else if word.end_ms > to_ms {
                heard_until_ms = heard_until_ms.min(word.start_ms);
            }
        }
        (told, heard_until_ms)
    }
}

fn word(line: &'static str) -> Option<Said> {
    let mut fields = line.split('\t');
    Some(Said {
        start_ms: fields.next()?.parse().ok()?,
        end_ms: fields.next()?.parse().ok()?,
        text: fields.next()?,
    })
}
