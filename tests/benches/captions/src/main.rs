//! The Rust half of `tests/bench captions`: lays words out, scores cues whoever made them, and times the crate.
//! `measure.py` calls it and puts the table together.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use captions::{
    CaptionFormat, Cue, FaultKind, LayoutRules, Transcript, Word, faults, lay_out, read, read_any, write,
};
use clap::Parser;
use serde_json::{Value, json};

/// What can be done here. Words are lines of start, end (milliseconds) and word, with tabs between.
#[derive(Debug, Parser)]
enum Command {
    /// Lays words out and writes them as a file of the format that OUT is named for.
    LayOut {
        /// The words.
        words: PathBuf,
        /// Where the captions go: .srt, .vtt or .dfxp.
        out: PathBuf,
        /// What is spoken, as a BCP-47 tag.
        #[arg(long)]
        language: String,
    },
    /// Reads caption files, whatever their format, and prints JSON: for each its cues.
    Read {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Scores caption files by the published norms and prints JSON: cues, how many have which fault, words missed.
    Score {
        /// What is spoken, as a BCP-47 tag.
        #[arg(long)]
        language: String,
        /// Words and captions made of them, in turn.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Times layout, writing and reading of so many minutes of speech, made of the words said again and again, and
    /// prints JSON. Leaves the captions in FOLDER for others to be timed on.
    Time {
        /// Files of words, said one after the other.
        #[arg(required = true)]
        words: Vec<PathBuf>,
        /// How long the speech is.
        #[arg(long)]
        minutes: u64,
        /// How often each is done; the fastest counts.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// Where the captions go.
        #[arg(long)]
        folder: PathBuf,
    },
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    match Command::parse() {
        Command::LayOut { words, out, language } => {
            let cues = lay_out(&transcript(&words, &language)?, &LayoutRules::default());
            fs::write(&out, write(format_of(&out)?, &cues, &language))?;
        }
        Command::Read { files } => {
            let mut all = Vec::new();
            for path in files {
                let (_, cues) =
                    read_any(&fs::read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
                let cue =
                    |cue: Cue| json!({"start_ms": cue.start_ms, "end_ms": cue.end_ms, "lines": cue.lines});
                all.push(cues.into_iter().map(cue).collect());
            }
            println!("{}", Value::Array(all));
        }
        Command::Score { language, files } => {
            let mut scores = Vec::new();
            for pair in files.chunks(2) {
                let [words, captions] = pair else {
                    return Err("a file of words without its captions".into());
                };
                scores.push(score(&transcript(words, &language)?, captions, &language)?);
            }
            println!("{}", Value::Array(scores));
        }
        Command::Time {
            words,
            minutes,
            rounds,
            folder,
        } => {
            let words: Vec<Vec<Word>> = words.iter().map(|path| said(path)).collect::<Outcome<_>>()?;
            println!("{}", time(&words, minutes, rounds, &folder)?);
        }
    }
    Ok(())
}

fn format_of(path: &Path) -> Outcome<CaptionFormat> {
    CaptionFormat::ALL
        .into_iter()
        .find(|format| path.extension().is_some_and(|found| found == format.extension()))
        .ok_or_else(|| format!("{}: expected .srt, .vtt or .dfxp", path.display()).into())
}

fn said(path: &Path) -> Outcome<Vec<Word>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .map(|line| {
            let mut fields = line.split('\t');
            let mut field = || {
                fields
                    .next()
                    .ok_or_else(|| format!("{}: {line:?}", path.display()))
            };
            let (start, end, word) = (field()?, field()?, field()?);
            Ok(Word::new(word, start.parse()?, end.parse()?))
        })
        .collect()
}

fn transcript(path: &Path, language: &str) -> Outcome<Transcript> {
    let words = said(path)?;
    let duration_ms = words.last().map_or(0, |word| word.end_ms) + 1_000;
    let transcript = Transcript::new(Some(language.to_owned()), words, duration_ms);
    transcript.check()?;
    Ok(transcript)
}

/// One file's figures. Every cue is judged by `captions::faults`, which knows nothing of how it was made.
fn score(transcript: &Transcript, captions: &Path, language: &str) -> Outcome<Value> {
    let (_, cues) = read_any(&fs::read(captions)?)?;
    let rules = LayoutRules {
        language: language.to_owned(),
        ..LayoutRules::default()
    };
    let found = faults(&cues, &rules);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in &found {
        *kinds.entry(fault.kind.name()).or_default() += 1;
    }
    let mut faulty: Vec<usize> = found.iter().map(|fault| fault.cue).collect();
    faulty.dedup();
    let shown: Vec<&str> = cues
        .iter()
        .flat_map(|cue| &cue.lines)
        .flat_map(|line| line.split_whitespace())
        .collect();
    let said: Vec<&str> = transcript.words.iter().map(|word| word.text.as_str()).collect();
    let listed: Vec<Value> = found
        .iter()
        .map(|fault| {
            let cue = &cues[fault.cue];
            json!({"kind": fault.kind.name(), "start_ms": cue.start_ms, "end_ms": cue.end_ms, "lines": cue.lines})
        })
        .collect();
    Ok(json!({
        "cues": cues.len(),
        "faulty": faulty.len(),
        "kinds": kinds,
        "words": said.len(),
        "words_in_order": in_order(&said, &shown),
        "words_shown": shown.len(),
        "faults": listed,
        "over_good_speed": cues.iter().filter(|cue| is_fast(cue, &rules)).count(),
    }))
}

/// Faster than what reads well: no fault, but worth knowing.
fn is_fast(cue: &Cue, rules: &LayoutRules) -> bool {
    let only_speed = LayoutRules {
        max_chars_per_second: rules.good_chars_per_second,
        ..rules.clone()
    };
    faults(std::slice::from_ref(cue), &only_speed)
        .iter()
        .any(|fault| fault.kind == FaultKind::TooFast)
}

/// How many of `said` are in `shown` in their order: the longest common subsequence.
fn in_order(said: &[&str], shown: &[&str]) -> usize {
    let mut row = vec![0_usize; shown.len() + 1];
    for word in said {
        let mut diagonal = 0;
        for (at, other) in shown.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other {
                diagonal + 1
            } else {
                above.max(row[at])
            };
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn time(texts: &[Vec<Word>], minutes: u64, rounds: u32, folder: &Path) -> Outcome<Value> {
    let mut words: Vec<Word> = Vec::new();
    let mut from_ms = 0;
    for text in texts.iter().cycle() {
        if from_ms >= minutes * 60_000 || texts.iter().all(Vec::is_empty) {
            break;
        }
        words.extend(text.iter().map(|word| Word {
            start_ms: word.start_ms + from_ms,
            end_ms: word.end_ms + from_ms,
            ..word.clone()
        }));
        from_ms = words.last().map_or(from_ms, |word| word.end_ms) + 1_000;
    }
    let transcript = Transcript::new(Some("en".to_owned()), words, from_ms);
    transcript.check()?;
    let rules = LayoutRules::default();
    let (layout, cues) = fastest(rounds, || lay_out(&transcript, &rules));
    let mut formats = serde_json::Map::new();
    for format in CaptionFormat::ALL {
        let (writing, file) = fastest(rounds, || write(format, &cues, "en"));
        let (reading, back) = fastest(rounds, || read(format, file.as_bytes()));
        if back?.len() != cues.len() {
            return Err(format!("{} lost cues", format.name()).into());
        }
        let (both, _) = fastest(rounds, || write(format, &lay_out(&transcript, &rules), "en"));
        fs::write(folder.join(format!("speech.{}", format.extension())), &file)?;
        formats.insert(
            format.extension().to_owned(),
            json!({
                "write_s": writing.as_secs_f64(),
                "read_s": reading.as_secs_f64(),
                "lay_out_and_write_s": both.as_secs_f64(),
                "bytes": file.len(),
            }),
        );
    }
    Ok(json!({
        "minutes": minutes,
        "words": transcript.words.len(),
        "cues": cues.len(),
        "lay_out_s": layout.as_secs_f64(),
        "formats": formats,
    }))
}

/// The fastest of so many runs, and what the last one gave.
fn fastest<T>(rounds: u32, work: impl Fn() -> T) -> (Duration, T) {
    let run = || {
        let begun = Instant::now();
        let made = black_box(work());
        (begun.elapsed(), made)
    };
    let (mut shortest, mut result) = run();
    for _ in 1..rounds {
        let (elapsed, made) = run();
        shortest = shortest.min(elapsed);
        result = made;
    }
    (shortest, result)
}
