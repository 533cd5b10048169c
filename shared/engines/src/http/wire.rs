//! What travels between the pipeline and the vendor's engine, as `openapi.yaml` describes it, and the checks on what
//! comes back: an engine's answer may be anything.

use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};
use crate::job::{AcceptedJob, Handover, Passage, Work};
use crate::result::{
    Clip, DetectedLanguage, EngineVersion, JobResult, Output, RESULT_VERSION, Speech, Warning,
};

/// The name of the file that an engine makes where sound is wanted.
pub(super) const SOUND: &str = "sound";

const MOST_WARNINGS: usize = 100;
const MOST_TEXT_CHARS: usize = 10_000;
const MOST_TITLE_CHARS: usize = 255;
const MOST_CUSTOMER_CHARS: usize = 500;
const MOST_DETAIL_CHARS: usize = 2_000;

/// The media of a job.
#[derive(Debug, Serialize)]
pub(super) struct Media {
    pub url: String,
    pub container: String,
    pub duration_ms: Option<u64>,
}

/// A file that the engine may make.
#[derive(Debug, Serialize)]
pub(super) struct Upload {
    pub name: &'static str,
    pub key: String,
    pub url: String,
}

/// The body of `PUT /jobs/{job_id}`. The completion token is no part of it: the engine needs none, and whoever had it
/// could end the step.
#[derive(Debug, Serialize)]
pub(super) struct JobBody<'a> {
    pub work: &'a Work,
    pub media: Option<Media>,
    pub uploads: Vec<Upload>,
    pub callback_url: String,
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Queued,
    Running,
    Done,
    Failed,
    Refused,
}

/// The answer to PUT and GET.
#[derive(Debug, Deserialize)]
pub(super) struct JobAnswer {
    pub job_id: String,
    pub state: State,
    #[serde(default)]
    pub progress_percent: Option<u8>,
    #[serde(default)]
    pub result: Option<WireResult>,
    #[serde(default)]
    pub error: Option<WireError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireResult {
    engine_version: String,
    output: Output,
    #[serde(default)]
    language: Option<DetectedLanguage>,
    #[serde(default)]
    audio_duration_ms: u64,
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireError {
    pub detail: String,
    #[serde(default)]
    pub customer_text: Option<String>,
}

impl WireError {
    /// The engine's words, cut to what a log can bear.
    pub fn detail(&self) -> String {
        cut(&self.detail, MOST_DETAIL_CHARS)
    }

    /// What the customer is told; a plain sentence where the engine gives none.
    pub fn customer_text(&self) -> String {
        let text = self.customer_text.as_deref().unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return "The service can't process this media.".to_owned();
        }
        cut(&text, MOST_CUSTOMER_CHARS)
    }
}

fn cut(text: &str, most_chars: usize) -> String {
    text.chars().take(most_chars).collect()
}

/// What is expected of a job's result. It is carried in the accepted job's external id, since whoever looks later no
/// longer has the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    output: &'static str,
    /// How many passages the work has; 0 for work without.
    passages: usize,
}

const OUTPUTS: [&str; 8] = [
    "transcript",
    "language",
    "texts",
    "speech",
    "script",
    "chapters",
    "captions",
    "sound",
];

impl Expected {
    pub fn of(work: &Work) -> Self {
        let (output, passages) = match work {
            Work::Recognise(_) | Work::Align(_) | Work::Live(_) => ("transcript", 0),
            Work::Identify(_) => ("language", 0),
            Work::Translate(work) => ("texts", work.passages.len()),
            Work::Speak(work) => ("speech", work.passages.len()),
            Work::Describe(_) => ("script", 0),
            Work::Chapter(_) => ("chapters", 0),
            Work::HandIn(work) => match work.handover {
                Handover::Captions => ("captions", 0),
                Handover::Script => ("script", 0),
                Handover::Sound => ("sound", 0),
                Handover::Chapters => ("chapters", 0),
            },
        };
        Self { output, passages }
    }

    /// Whether the engine makes a sound file.
    pub fn makes_sound(self) -> bool {
        matches!(self.output, "speech" | "sound")
    }

    /// As an external id: `texts/12`.
    pub fn external_id(self) -> String {
        format!("{}/{}", self.output, self.passages)
    }

    /// Of an accepted job, whose external id [`Expected::external_id`] made.
    pub fn of_accepted(job: &AcceptedJob) -> Result<Self> {
        let read = || {
            let (output, passages) = job.external_id.split_once('/')?;
            Some(Self {
                output: OUTPUTS.into_iter().find(|known| *known == output)?,
                passages: passages.parse().ok()?,
            })
        };
        read().ok_or_else(|| EngineError::ResultUnreadable {
            detail: format!(
                "the external id of `{}` is `{}`, expected an output and a number of passages like `texts/12`",
                job.job_id, job.external_id
            ),
        })
    }
}

/// Makes the pipeline's result of the engine's, or says what is wrong with it. `sound_key` is the key under which a sound
/// was to be put.
pub(super) fn checked(
    result: WireResult,
    job: &crate::job::JobId,
    engine: &str,
    expected: Expected,
    sound_key: Option<&str>,
) -> std::result::Result<JobResult, String> {
    let output = &result.output;
    if output.name() != expected.output {
        return Err(format!(
            "`output.kind` is `{}`, expected `{}`",
            output.name(),
            expected.output
        ));
    }
    fault(output, expected, sound_key).map_or(Ok(()), Err)?;
    match &result.language {
        None if matches!(output, Output::Language) => {
            return Err("`language` is missing, and it is what was asked".to_owned());
        }
        Some(heard) if !(0.0..=1.0).contains(&heard.confidence) => {
            return Err(format!(
                "`language.confidence` is {}, expected 0 to 1",
                heard.confidence
            ));
        }
        Some(heard) if !is_tag(&heard.bcp47) => {
            return Err(format!(
                "`language.bcp47` is `{}`, expected a BCP-47 tag",
                cut(&heard.bcp47, 50)
            ));
        }
        _ => {}
    }
    if result.warnings.len() > MOST_WARNINGS {
        return Err(format!(
            "{} warnings, expected at most {MOST_WARNINGS}",
            result.warnings.len()
        ));
    }
    let version = cut(result.engine_version.trim(), 100);
    if version.is_empty() {
        return Err("`engine_version` is blank".to_owned());
    }
    let warnings = result
        .warnings
        .iter()
        .map(|warning| Warning::new(&cut(&warning.name, 100), cut(&warning.detail, MOST_DETAIL_CHARS)));
    let made = JobResult {
        version: RESULT_VERSION,
        job_id: job.clone(),
        engine: EngineVersion {
            name: engine.to_owned(),
            version,
        },
        language: result.language,
        audio_duration_ms: result.audio_duration_ms,
        warnings: warnings.collect(),
        output: result.output,
    };
    made.check().map_err(|error| error.to_string())?;
    Ok(made)
}

/// What is wrong with an output of the right kind, beyond what [`JobResult::check`] sees.
fn fault(output: &Output, expected: Expected, sound_key: Option<&str>) -> Option<String> {
    match output {
        Output::Texts { texts } if texts.len() != expected.passages => Some(format!(
            "{} texts, expected {}: one for each passage",
            texts.len(),
            expected.passages
        )),
        Output::Texts { texts } => texts
            .iter()
            .position(|text| is_long(text, MOST_TEXT_CHARS))
            .map(|index| format!("text {index} has more than {MOST_TEXT_CHARS} characters")),
        Output::Speech { speech } => {
            wrong_key(&speech.sound.key, sound_key).or_else(|| wrong_clip(speech, expected.passages))
        }
        Output::Sound { sound } => wrong_key(&sound.key, sound_key),
        Output::Script { passages } => wrong_passage(passages),
        Output::Chapters { chapters } => {
            let first_ms = chapters.first().map_or(0, |chapter| chapter.start_ms);
            let title = chapters.iter().position(|chapter| {
                chapter.title.trim().is_empty() || is_long(&chapter.title, MOST_TITLE_CHARS)
            });
            match title {
                _ if first_ms != 0 => Some(format!("the first chapter begins at {first_ms} ms, expected 0")),
                Some(index) => Some(format!(
                    "the title of chapter {index} is blank or has more than {MOST_TITLE_CHARS} characters"
                )),
                None => None,
            }
        }
        Output::Captions { cues } => cues
            .iter()
            .position(|cue| cue.end_ms < cue.start_ms || cue.lines.is_empty())
            .map(|index| format!("cue {index} is empty or ends before it begins")),
        Output::Transcript { .. } | Output::Language => None,
    }
}

fn wrong_key(key: &str, expected: Option<&str>) -> Option<String> {
    let expected = expected.unwrap_or_default();
    (key != expected).then(|| format!("`sound.key` is `{}`, expected `{expected}`", cut(key, 200)))
}

fn wrong_clip(speech: &Speech, passages: usize) -> Option<String> {
    let sound_ms = speech.sound.duration_ms.unwrap_or(u64::MAX);
    let outside = |clip: &Clip| clip.passage >= passages || clip.end_ms > sound_ms;
    if let Some(index) = speech.clips.iter().position(outside) {
        return Some(format!(
            "clip {index} is of a passage that was not asked for, or ends after the sound"
        ));
    }
    let disorder = |pair: &[Clip]| pair[0].passage >= pair[1].passage || pair[0].end_ms > pair[1].start_ms;
    speech
        .clips
        .windows(2)
        .position(disorder)
        .map(|index| format!("clip {} does not come after the one before it", index + 1))
}

fn wrong_passage(passages: &[Passage]) -> Option<String> {
    let wrong =
        |passage: &Passage| passage.end_ms < passage.start_ms || is_long(&passage.text, MOST_TEXT_CHARS);
    if let Some(index) = passages.iter().position(wrong) {
        return Some(format!(
            "passage {index} ends before it begins, or has more than {MOST_TEXT_CHARS} characters"
        ));
    }
    passages
        .windows(2)
        .position(|pair| pair[0].start_ms > pair[1].start_ms)
        .map(|index| format!("passage {} begins before the one before it", index + 1))
}

fn is_long(text: &str, most_chars: usize) -> bool {
    text.chars().nth(most_chars).is_some()
}

fn is_tag(text: &str) -> bool {
    text.len() <= 35
        && text.split('-').all(|subtag| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}
