//! A given text to the times at which it is spoken: `recognise.py` hears what is said, `anchors.rs` finds the text's
//! words in it, and `align.py` puts them on the sound to the frame.

use std::path::Path;

use captions::{Transcript, Word};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::anchors::{self, Piece, Plan, Spoken, Unit};
use super::config::LocalConfig;
use super::recognise::{self, Heard};
use super::sound::Samples;
use crate::error::{EngineError, Result};
use crate::job::Align;
use crate::program::{self, Bounded};
use crate::result::Warning;

/// The program, in [`LocalConfig::scripts_dir`].
const PROGRAM: &str = "align.py";

/// The version of the program's output that this code reads.
const OUTPUT_VERSION: u32 = 1;

/// As for the recogniser.
const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// A piece as the program takes it.
#[derive(Serialize)]
struct Wanted<'a> {
    start_ms: u64,
    end_ms: u64,
    words: Vec<&'a str>,
}

/// The program's output.
#[derive(Debug, Deserialize)]
struct Output {
    version: u32,
    pieces: Vec<Option<Vec<Option<Time>>>>,
}

#[derive(Debug, Deserialize)]
struct Time {
    start_ms: u64,
    end_ms: u64,
    posterior: f32,
}

/// Aligns a text. Every word of it comes back; the words whose place could only be guessed, and what was heard beside the
/// text, are warnings.
pub(super) async fn align(
    config: &LocalConfig,
    samples: &Samples,
    work: &Align,
    dir: &Path,
) -> Result<Heard> {
    let texts: Vec<&str> = work.text.split_whitespace().collect();
    let units = anchors::units(&texts);
    // The text's words are what is likely to be spoken.
    let mut dictionary: Vec<String> = units.iter().map(|unit| unit.form.clone()).collect();
    dictionary.sort_unstable();
    dictionary.dedup();
    let heard = recognise::recognise(config, samples, &dictionary, dir).await?;
    let spoken: Vec<Spoken> = heard.transcript.words.iter().map(spoken).collect();
    let plan = anchors::plan(&units, &spoken, samples.duration_ms);
    let aligned = if plan.pieces.is_empty() {
        vec![None; units.len()]
    } else {
        force(config, samples, &units, &plan.pieces, dir).await?
    };
    let (words, found) = anchors::words(&texts, &units, &plan, &spoken, &aligned, samples.duration_ms);
    let warnings = warnings(&heard, &plan, found.guessed, words.len());
    Ok(Heard {
        program: heard.program,
        language: heard.language,
        transcript: Transcript::new(
            Some(work.source_language.bcp47.clone()),
            words,
            samples.duration_ms,
        ),
        warnings,
    })
}

fn warnings(heard: &Heard, plan: &Plan, guessed: usize, all: usize) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = heard
        .warnings
        .iter()
        .filter(|warning| warning.name == "NoSpeech")
        .cloned()
        .collect();
    if guessed > 0 {
        warnings.push(Warning::new(
            "WordsNotFound",
            format!("{guessed} of {all} words were not found in the sound; their times are guessed"),
        ));
    }
    if plan.heard_only > 0 {
        warnings.push(Warning::new(
            "SpeechWithoutText",
            format!("{} words are spoken that the text lacks", plan.heard_only),
        ));
    }
    warnings
}

fn spoken(word: &Word) -> Spoken {
    Spoken {
        form: anchors::heard_form(&word.text),
        start_ms: word.start_ms,
        end_ms: word.end_ms,
        posterior: word.confidence.unwrap_or(0.0),
    }
}

/// Runs the aligner on the pieces; answers each unit's place, where it found it.
async fn force(
    config: &LocalConfig,
    samples: &Samples,
    units: &[Unit],
    pieces: &[Piece],
    dir: &Path,
) -> Result<Vec<Option<Spoken>>> {
    let path = dir.join("pieces.json");
    let writing = |detail: String| EngineError::Files {
        action: format!("writing `{}`", path.display()),
        detail,
    };
    let wanted: Vec<Wanted<'_>> = pieces
        .iter()
        .map(|piece| Wanted {
            start_ms: piece.start_ms,
            end_ms: piece.end_ms,
            words: units[piece.units.clone()]
                .iter()
                .map(|unit| unit.form.as_str())
                .collect(),
        })
        .collect();
    let json = serde_json::to_vec(&wanted).map_err(|error| writing(error.to_string()))?;
    tokio::fs::write(&path, json)
        .await
        .map_err(|error| writing(error.to_string()))?;
    let mut command = Command::new(&config.python);
    command
        .arg(config.scripts_dir.join(PROGRAM))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("--samples")
        .arg(&samples.path)
        .arg("--pieces")
        .arg(&path);
    let mut stdout = Bounded::new(MAX_OUTPUT_BYTES);
    let ended = program::run(PROGRAM, &mut command, config.program_timeout, &mut stdout).await?;
    if !ended.status.success() {
        return Err(ended.failure(PROGRAM));
    }
    read_output(&stdout.bytes, units, pieces)
}

fn read_output(json: &[u8], units: &[Unit], pieces: &[Piece]) -> Result<Vec<Option<Spoken>>> {
    let unreadable = |detail: String| EngineError::OutputUnreadable {
        program: PROGRAM.to_owned(),
        detail,
    };
    let output: Output = serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))?;
    if output.version != OUTPUT_VERSION {
        return Err(unreadable(format!(
            "`version` is {}, expected {OUTPUT_VERSION}",
            output.version
        )));
    }
    if output.pieces.len() != pieces.len() {
        let found = output.pieces.len();
        return Err(unreadable(format!("{found} pieces, expected {}", pieces.len())));
    }
    let mut aligned = vec![None; units.len()];
    for (index, (times, piece)) in output.pieces.into_iter().zip(pieces).enumerate() {
        let Some(times) = times else { continue };
        if times.len() != piece.units.len() {
            let (found, expected) = (times.len(), piece.units.len());
            return Err(unreadable(format!(
                "{found} words in piece {index}, expected {expected}"
            )));
        }
        let mut last_ms = piece.start_ms;
        for (unit, time) in piece.units.clone().zip(times) {
            let Some(time) = time else { continue };
            // The aligner's last frame may be one that is padded.
            let end_ms = time.end_ms.min(piece.end_ms);
            if time.start_ms < last_ms || end_ms < time.start_ms {
                let form = &units[unit].form;
                return Err(unreadable(format!(
                    "`{form}` in piece {index} is at {} to {} ms, expected from {last_ms} to {} ms",
                    time.start_ms, time.end_ms, piece.end_ms
                )));
            }
            last_ms = time.start_ms;
            aligned[unit] = Some(Spoken {
                form: units[unit].form.clone(),
                start_ms: time.start_ms,
                end_ms,
                posterior: time.posterior.clamp(0.0, 1.0),
            });
        }
    }
    Ok(aligned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Vec<Option<Spoken>>> {
        let units = anchors::units(&["Good", "morning,", "x2y"]);
        let pieces = [Piece {
            start_ms: 300,
            end_ms: 1_270,
            units: 0..3,
        }];
        read_output(json.as_bytes(), &units, &pieces)
    }

    #[test]
    fn words_have_the_aligners_times() {
        let aligned = read(include_str!("fixtures/align-ok.json")).unwrap();
        let times: Vec<_> = aligned
            .iter()
            .map(|word| word.as_ref().map(|word| (word.start_ms, word.end_ms)))
            .collect();
        assert_eq!(times, [Some((530, 760)), Some((760, 1_270)), None]);
        let aligned = read(r#"{"version": 1, "pieces": [null]}"#).unwrap();
        assert_eq!(aligned, [None, None, None]);
    }

    #[test]
    fn what_is_not_the_output_says_so() {
        let texts = [
            r"",
            r#"{"version": 2, "pieces": []}"#,
            r#"{"version": 1, "pieces": []}"#,
            r#"{"version": 1, "pieces": [[null]]}"#,
            r#"{"version": 1, "pieces": [[{"start_ms": 100, "end_ms": 200, "posterior": 1.0}, null, null]]}"#,
            r#"{"version": 1, "pieces": [[{"start_ms": 700, "end_ms": 600, "posterior": 1.0}, null, null]]}"#,
        ]
        .map(|json| read(json).unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n"));
    }

    proptest! {
        #[test]
        fn any_output_gives_places_within_the_piece_or_an_error(
            times in proptest::collection::vec(
                proptest::option::of((0_u64..2_000, 0_u64..2_000, -1.0_f32..2.0)), 3
            )
        ) {
            let times: Vec<_> = times
                .into_iter()
                .map(|time| time.map(|(start_ms, end_ms, posterior)| {
                    serde_json::json!({"start_ms": start_ms, "end_ms": end_ms, "posterior": posterior})
                }))
                .collect();
            let json = serde_json::json!({"version": 1, "pieces": [times]}).to_string();
            if let Ok(aligned) = read(&json) {
                for word in aligned.iter().flatten() {
                    prop_assert!(300 <= word.start_ms && word.start_ms <= word.end_ms && word.end_ms <= 1_270);
                    prop_assert!((0.0..=1.0).contains(&word.posterior));
                }
            }
        }
    }
}
