//! What an order's work has come to so far, read from the bucket: the results of the works that are done, the customer's own
//! text, and the passages that were translated or spoken.
//!
//! What lives here: which result is used for what. What does not: how files are made of it (`render`).

use captions::{Cue, Passage, PassageRules, Transcript};
use engines::{Chapter, Clip, JobResult, MediaRef, Output, Speech, WorkKind};
use serde::{Deserialize, Serialize};

use crate::error::{Refusal, Result, StepError};
use crate::plan::Plan;
use crate::render;
use crate::steps::Task;

/// The least pause that a description may be put into, in milliseconds.
const LEAST_PAUSE_MS: u64 = 1_200;

/// The customer's own text, as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceMaterial {
    /// Captions.
    Cues(Vec<Cue>),
    /// Plain text.
    Text(String),
}

/// What passages were made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassagesOf {
    /// To be translated.
    Translation,
    /// To be spoken.
    Speech,
}

impl PassagesOf {
    fn key(self, task: &Task<'_>) -> String {
        let name = match self {
            Self::Translation => "translation",
            Self::Speech => "speech",
        };
        format!("transcripts/{}/passages-{name}.json", task.record.task_id)
    }
}

/// Passages, as they are handed to an engine and put together again with its answer: kept, since they must be the same then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passages(Vec<Passage>);

impl Passages {
    /// As the engine gets them.
    pub fn for_engine(&self) -> Vec<engines::Passage> {
        self.0
            .iter()
            .map(|passage| engines::Passage {
                start_ms: passage.start_ms,
                end_ms: passage.end_ms,
                text: passage.text.clone(),
                speaker: passage.speaker.clone(),
                phrases: passage.phrases.iter().map(|phrase| phrase.text.clone()).collect(),
            })
            .collect()
    }

    /// Keeps them in the bucket. Safe to repeat.
    pub async fn keep(&self, task: &Task<'_>, of: PassagesOf) -> Result<()> {
        let json = serde_json::to_vec(&self.0).map_err(|error| unreadable("passages", &error))?;
        let objects = task.ctx.objects()?;
        objects.put(&of.key(task), json.into(), "application/json").await
    }

    async fn load(task: &Task<'_>, of: PassagesOf) -> Result<Self> {
        let key = of.key(task);
        let Some(json) = task.ctx.objects()?.get(&key).await? else {
            return Err(task.out_of_order("render", "the passages in S3"));
        };
        serde_json::from_slice(&json)
            .map(Self)
            .map_err(|error| unreadable(&key, &error))
    }
}

fn unreadable(what: &str, error: &serde_json::Error) -> StepError {
    StepError::RecordUnreadable {
        what: what.to_owned(),
        detail: error.to_string(),
    }
}

/// What was made so far.
pub struct Material {
    /// The results, in the order of the works.
    made: Vec<(WorkKind, JobResult)>,
    source: Option<SourceMaterial>,
}

/// What a voice is to be put where.
pub struct Voice {
    /// The clips.
    pub speech: Speech,
    /// The passages they speak, in the clips' numbering.
    pub passages: Vec<Passage>,
}

impl Voice {
    /// The window of a clip; none at all where nobody knows of its passage.
    pub fn window_ms(&self, clip: &Clip) -> (u64, u64) {
        self.passages
            .get(clip.passage)
            .map(|passage| (passage.start_ms, passage.end_ms))
            .unwrap_or_default()
    }

    /// The phrases of a clip after its first: when each is due in the media, and where it begins in the sound. None where
    /// the engine couldn't tell.
    pub fn phrases_ms(&self, clip: &Clip) -> Vec<(u64, u64)> {
        let phrases = self.passages.get(clip.passage).map(|passage| &passage.phrases);
        let due_ms = phrases
            .into_iter()
            .flatten()
            .skip(1)
            .map(|phrase| phrase.start_ms);
        let due_ms: Vec<u64> = due_ms.collect();
        if due_ms.len() == clip.marks_ms.len() {
            due_ms.into_iter().zip(clip.marks_ms.iter().copied()).collect()
        } else {
            Vec::new()
        }
    }
}

impl Material {
    /// Reads all that is there.
    pub async fn load(task: &Task<'_>) -> Result<Self> {
        let objects = task.ctx.objects()?;
        let mut made = Vec::new();
        let works = task.record.plan.iter().flat_map(|plan| &plan.works);
        for (planned, work) in works.zip(&task.record.works) {
            let Some(stored) = &work.result else { continue };
            let json = objects
                .get(&stored.key)
                .await?
                .ok_or_else(|| task.out_of_order("render", "a result in S3"))?;
            made.push((planned.kind, JobResult::from_json(&json)?));
        }
        let source = match &task.record.source_text_key {
            None => None,
            Some(key) => {
                let json = objects
                    .get(key)
                    .await?
                    .ok_or_else(|| task.out_of_order("render", "the source's text in S3"))?;
                Some(serde_json::from_slice(&json).map_err(|error| unreadable(key, &error))?)
            }
        };
        Ok(Self { made, source })
    }

    fn output<T>(&self, pick: impl Fn(&Output) -> Option<T>) -> Option<T> {
        self.made
            .iter()
            .rev()
            .find_map(|(_, result)| pick(&result.output))
    }

    /// What an engine heard, or aligned.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.made.iter().rev().find_map(|(_, result)| result.transcript())
    }

    /// What was heard, put right as the order wishes.
    pub fn edited_transcript(
        &self,
        task: &Task<'_>,
        plan: &Plan,
        dictionary: &[String],
    ) -> Result<Transcript> {
        let mut transcript = self
            .transcript()
            .cloned()
            .ok_or_else(|| task.out_of_order("render", "a transcript"))?;
        transcript.language = Some(plan.source_bcp47.clone());
        // What the customer wrote is aligned as it stands.
        if !self.made.iter().any(|(kind, _)| *kind == WorkKind::Align) {
            render::edit(&mut transcript, &plan.style, &plan.source_bcp47, dictionary);
        }
        Ok(transcript)
    }

    /// The customer's text, to be aligned.
    pub fn text_to_align(&self, task: &Task<'_>) -> Result<String> {
        let text = match &self.source {
            Some(SourceMaterial::Text(text)) => text.clone(),
            Some(SourceMaterial::Cues(cues)) => cues.iter().map(Cue::text).collect::<Vec<_>>().join("\n"),
            None => return Err(task.out_of_order("process", "the text to align")),
        };
        if text.trim().is_empty() {
            return Err(Refusal::NoTextToAlign.into());
        }
        Ok(text)
    }

    /// The customer's captions, or what was heard, in passages.
    pub fn passages_to_translate(
        &self,
        task: &Task<'_>,
        plan: &Plan,
        dictionary: &[String],
    ) -> Result<Passages> {
        let rules = PassageRules::default();
        if let Some(SourceMaterial::Cues(cues)) = &self.source {
            return Ok(Passages(captions::passages(cues, &plan.source_bcp47, &rules)));
        }
        let transcript = self.edited_transcript(task, plan, dictionary)?;
        Ok(Passages(captions::transcript_passages(&transcript, &rules)))
    }

    /// The passages that were translated, and their translations.
    pub async fn translation(&self, task: &Task<'_>) -> Result<Option<(Vec<Passage>, Vec<String>)>> {
        let texts = self.output(|output| match output {
            Output::Texts { texts } => Some(texts.clone()),
            _ => None,
        });
        match texts {
            None => Ok(None),
            Some(texts) => Ok(Some((
                Passages::load(task, PassagesOf::Translation).await?.0,
                texts,
            ))),
        }
    }

    /// What a voice is to say, in the language of that BCP-47 tag: a script, or what was translated, in phrases where the
    /// speaker of the source pauses. Sounds in brackets are not spoken.
    pub async fn passages_to_speak(&self, task: &Task<'_>, bcp47: &str) -> Result<Passages> {
        if let Some(script) = self.script() {
            return Ok(Passages(script));
        }
        let (passages, texts) = self
            .translation(task)
            .await?
            .ok_or_else(|| task.out_of_order("process", "something to say"))?;
        let spoken = passages
            .into_iter()
            .zip(texts)
            .filter(|(passage, _)| !passage.is_sound)
            .map(|(passage, text)| passage.reworded(&text, bcp47))
            .filter(|passage| !passage.text.is_empty());
        Ok(Passages(spoken.collect()))
    }

    /// Descriptions of the picture, as an engine or people wrote them.
    pub fn script(&self) -> Option<Vec<Passage>> {
        let passages = self.output(|output| match output {
            Output::Script { passages } => Some(passages.clone()),
            _ => None,
        })?;
        let cues: Vec<Cue> = passages
            .iter()
            .map(|passage| Cue::new(passage.start_ms, passage.end_ms, &passage.text))
            .collect();
        let whole = PassageRules {
            pause_ms: 0,
            ..PassageRules::default()
        };
        // A cue each: a script's times are its author's.
        Some(
            cues.into_iter()
                .flat_map(|cue| captions::passages(&[cue], "", &whole))
                .collect(),
        )
    }

    /// The pauses of what is spoken, within the media.
    pub fn pauses_ms(&self, task: &Task<'_>) -> Vec<(u64, u64)> {
        let Some(transcript) = self.transcript() else {
            return Vec::new();
        };
        let media = task.record.media.as_ref();
        let duration_ms = media
            .and_then(|media| media.duration_ms)
            .unwrap_or(transcript.duration_ms);
        let mut pauses = Vec::new();
        let mut silent_from_ms = 0;
        for word in &transcript.words {
            if word.start_ms >= silent_from_ms + LEAST_PAUSE_MS {
                pauses.push((silent_from_ms, word.start_ms));
            }
            silent_from_ms = silent_from_ms.max(word.end_ms);
        }
        if duration_ms >= silent_from_ms + LEAST_PAUSE_MS {
            pauses.push((silent_from_ms, duration_ms));
        }
        pauses
    }

    /// When somebody speaks, as start and end.
    pub fn speech_ms(&self) -> Vec<(u64, u64)> {
        let words = self.transcript().map(|transcript| transcript.words.as_slice());
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for word in words.unwrap_or_default() {
            match spans.last_mut() {
                Some(last) if word.start_ms <= last.1 + 300 => last.1 = last.1.max(word.end_ms),
                _ => spans.push((word.start_ms, word.end_ms)),
            }
        }
        spans
    }

    /// The customer's own text.
    pub fn source(&self) -> Option<&SourceMaterial> {
        self.source.as_ref()
    }

    /// Captions that people handed in.
    pub fn captions(&self) -> Option<Vec<Cue>> {
        self.output(|output| match output {
            Output::Captions { cues } => Some(cues.clone()),
            _ => None,
        })
    }

    /// The chapters.
    pub fn chapters(&self) -> Option<Vec<Chapter>> {
        self.output(|output| match output {
            Output::Chapters { chapters } => Some(chapters.clone()),
            _ => None,
        })
    }

    /// The finished track that people handed in.
    pub fn sound(&self) -> Option<MediaRef> {
        self.output(|output| match output {
            Output::Sound { sound } => Some(sound.clone()),
            _ => None,
        })
    }

    /// What was spoken for a track.
    pub async fn voice(&self, task: &Task<'_>) -> Result<Option<Voice>> {
        let speech = self.output(|output| match output {
            Output::Speech { speech } => Some(speech.clone()),
            _ => None,
        });
        match speech {
            None => Ok(None),
            Some(speech) => Ok(Some(Voice {
                speech,
                passages: Passages::load(task, PassagesOf::Speech).await?.0,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use captions::Word;
    use engines::{EngineVersion, JobId, RESULT_VERSION};

    use super::*;

    fn made(outputs: Vec<(WorkKind, Output)>) -> Material {
        let made = outputs.into_iter().map(|(kind, output)| {
            let result = JobResult {
                version: RESULT_VERSION,
                job_id: JobId::named("job"),
                engine: EngineVersion {
                    name: "test".to_owned(),
                    version: "1".to_owned(),
                },
                output,
                language: None,
                audio_duration_ms: 10_000,
                warnings: Vec::new(),
            };
            (kind, result)
        });
        Material {
            made: made.collect(),
            source: None,
        }
    }

    fn heard(words: &[(u64, u64)]) -> Material {
        let words = words
            .iter()
            .map(|(start_ms, end_ms)| Word::new("word", *start_ms, *end_ms));
        let transcript = Transcript::new(None, words.collect(), 10_000);
        made(vec![(WorkKind::Recognise, Output::Transcript { transcript })])
    }

    #[test]
    fn somebody_speaks_until_they_stop_for_more_than_a_moment() {
        assert_eq!(heard(&[]).speech_ms(), []);
        assert_eq!(made(Vec::new()).speech_ms(), [], "nobody listened");
        assert_eq!(heard(&[(100, 400), (700, 900)]).speech_ms(), [(100, 900)]);
        assert_eq!(
            heard(&[(100, 400), (701, 900), (5_000, 5_500)]).speech_ms(),
            [(100, 400), (701, 900), (5_000, 5_500)]
        );
        assert_eq!(
            heard(&[(0, 2_000), (500, 900), (2_100, 2_400)]).speech_ms(),
            [(0, 2_400)],
            "two at once"
        );
    }

    fn cues(text: &str) -> Output {
        Output::Captions {
            cues: vec![Cue::new(0, 1_000, text)],
        }
    }

    #[test]
    fn of_what_was_made_twice_the_latest_counts() {
        let chapters = |title: &str| Output::Chapters {
            chapters: vec![Chapter {
                start_ms: 0,
                title: title.to_owned(),
                description: None,
            }],
        };
        let material = made(vec![
            (WorkKind::Chapter, chapters("machine's")),
            (WorkKind::HandIn, chapters("people's")),
        ]);
        assert_eq!(material.chapters().unwrap()[0].title, "people's");
        assert_eq!((material.captions(), material.sound()), (None, None));
        let material = made(vec![(WorkKind::HandIn, cues("By hand."))]);
        assert_eq!(material.captions().unwrap()[0].text(), "By hand.");
        assert!(material.chapters().is_none() && material.script().is_none());
    }

    /// A script's times are its author's, however close its passages are and however long.
    #[test]
    fn a_script_keeps_each_passage_with_its_times() {
        let passage = |start_ms, end_ms, text: &str| engines::Passage {
            start_ms,
            end_ms,
            text: text.to_owned(),
            speaker: None,
            phrases: Vec::new(),
        };
        let passages = vec![
            passage(0, 1_000, "A man enters"),
            passage(1_000, 2_000, "and sits down. He waits."),
            passage(5_000, 6_000, "It rains."),
        ];
        let material = made(vec![(WorkKind::HandIn, Output::Script { passages })]);
        let script = material.script().unwrap();
        let told: Vec<_> = script
            .iter()
            .map(|passage| (passage.start_ms, passage.end_ms, passage.text.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (0, 1_000, "A man enters"),
                (1_000, 2_000, "and sits down. He waits."),
                (5_000, 6_000, "It rains."),
            ]
        );
        let for_engine = Passages(script).for_engine();
        assert_eq!(for_engine[0], passage(0, 1_000, "A man enters"));
    }

    #[test]
    fn a_clip_has_the_window_of_its_passage_and_none_where_there_is_no_such() {
        let clip = |passage, marks_ms: &[u64]| Clip {
            passage,
            start_ms: 0,
            end_ms: 800,
            marks_ms: marks_ms.to_vec(),
        };
        let rules = PassageRules::default();
        let passages = captions::passages(&[Cue::new(100, 900, "Good morning.")], "en", &rules);
        let voice = Voice {
            speech: Speech {
                sound: MediaRef {
                    key: "speech.wav".to_owned(),
                    container: "wav".to_owned(),
                    duration_ms: Some(800),
                    size_bytes: None,
                },
                clips: vec![clip(0, &[])],
                voice: "a voice".to_owned(),
            },
            passages,
        };
        assert_eq!(voice.window_ms(&clip(0, &[])), (100, 900));
        assert_eq!(voice.window_ms(&clip(1, &[])), (0, 0));
        assert_eq!(voice.phrases_ms(&clip(0, &[400])), [], "a mark of no phrase");
        assert_eq!(voice.phrases_ms(&clip(1, &[])), []);
    }
}
