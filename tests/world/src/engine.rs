//! An engine without a recogniser, a translator or a voice: it answers what it is told, the same each time.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use captions::{Transcript, Word};
use engines::{
    Capabilities, Capability, Chapter, Clip, Engine, EngineVersion, Interpreter, JobFiles, JobId, JobRequest,
    JobResult, MediaRef, Output, Passage, Progress, RESULT_VERSION, Speech, Translate, Work, WorkKind,
};

/// What [`ToldEngine`] answers: made anew for each job.
pub type Answer = Box<dyn Fn() -> engines::Result<Vec<Word>> + Send>;

/// How long its voice takes for a letter, in milliseconds.
const LETTER_MS: u64 = 30;
/// The silence between two clips, in milliseconds.
const BETWEEN_CLIPS_MS: u64 = 100;
/// Samples a second of its voice.
const RATE_HZ: u32 = 16_000;
/// How long the media is that it is given, in milliseconds.
const MEDIA_MS: u64 = 4_000;

/// An engine for English that answers what it is told, after a look whether there is media at all.
pub struct ToldEngine {
    /// The words of the next jobs, or their error; at first [`spoken`].
    pub answer: Mutex<Answer>,
    /// All that it was asked to do, in order.
    pub asked: Mutex<Vec<Work>>,
    /// Whether it translates while somebody speaks, too; at first it does.
    pub interprets: AtomicBool,
    works: Vec<Capability>,
}

impl Default for ToldEngine {
    fn default() -> Self {
        Self::of(vec![Capability::new(WorkKind::Recognise, &["en"])])
    }
}

impl ToldEngine {
    fn of(works: Vec<Capability>) -> Self {
        Self {
            answer: Mutex::new(Box::new(|| Ok(spoken()))),
            asked: Mutex::default(),
            interprets: AtomicBool::new(true),
            works,
        }
    }

    /// One that does every kind of machine work in English, translates into Spanish, and speaks both.
    pub fn of_every_work() -> Self {
        let english = |kind| Capability::new(kind, &["en"]);
        Self::of(vec![
            english(WorkKind::Recognise),
            english(WorkKind::Align),
            english(WorkKind::Describe),
            english(WorkKind::Chapter),
            Capability::translate(&["en"], &["es"]),
            Capability::new(WorkKind::Speak, &["en", "es"]),
        ])
    }

    /// Tells it what to answer from now on.
    pub fn tell(&self, answer: impl Fn() -> engines::Result<Vec<Word>> + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// The kinds of work that it was asked to do, in order.
    pub fn asked_kinds(&self) -> Vec<WorkKind> {
        self.asked.lock().unwrap().iter().map(Work::kind).collect()
    }

    async fn made(&self, request: &JobRequest, files: &dyn JobFiles) -> engines::Result<Output> {
        let transcript = |words| Output::Transcript {
            transcript: Transcript::new(Some("en".into()), words, MEDIA_MS),
        };
        Ok(match &request.work {
            Work::Align(work) => transcript(aligned(&work.text)),
            Work::Translate(work) => Output::Texts {
                texts: work
                    .passages
                    .iter()
                    .map(|passage| in_spanish(&passage.text))
                    .collect(),
            },
            Work::Speak(work) => Output::Speech {
                speech: speak(&work.passages, files).await?,
            },
            Work::Describe(work) => {
                let (start_ms, end_ms) = work.pauses_ms.first().copied().unwrap_or((1_000, 3_000));
                Output::Script {
                    passages: vec![Passage {
                        start_ms,
                        end_ms,
                        text: "Coloured bars move.".into(),
                        speaker: None,
                        phrases: Vec::new(),
                    }],
                }
            }
            Work::Chapter(_) => Output::Chapters {
                chapters: [(0, "Beginning"), (2_000, "End")]
                    .map(|(start_ms, title)| Chapter {
                        start_ms,
                        title: title.into(),
                        description: None,
                    })
                    .into(),
            },
            _ => transcript((self.answer.lock().unwrap())()?),
        })
    }
}

#[async_trait]
impl Interpreter for ToldEngine {
    async fn interpret(&self, _job_id: &JobId, work: &Translate) -> engines::Result<Vec<String>> {
        let passages = work.passages.iter();
        Ok(passages.map(|passage| in_spanish(&passage.text)).collect())
    }
}

#[async_trait]
impl Engine for ToldEngine {
    fn name(&self) -> &'static str {
        "told"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: "told",
            works: self.works.clone(),
        }
    }

    fn interpreter(&self) -> Option<&dyn Interpreter> {
        self.interprets.load(Ordering::SeqCst).then_some(self)
    }

    async fn start(&self, request: &JobRequest, files: &dyn JobFiles) -> engines::Result<Progress> {
        self.capabilities().check(&request.work)?;
        self.asked.lock().unwrap().push(request.work.clone());
        if request.work.kind().needs_media() {
            let media = files.media(request.media()?).await?;
            let size = std::fs::metadata(&media)
                .map(|meta| meta.len())
                .unwrap_or_default();
            assert!(size > 0, "the engine got an empty media file");
        }
        Ok(Progress::Done(Box::new(JobResult {
            version: RESULT_VERSION,
            job_id: request.job_id.clone(),
            engine: EngineVersion {
                name: "told".into(),
                version: "1".into(),
            },
            output: self.made(request, files).await?,
            language: None,
            audio_duration_ms: MEDIA_MS,
            warnings: Vec::new(),
        })))
    }
}

/// Seven words, as long as the media of [`crate::order`].
pub fn spoken() -> Vec<Word> {
    said(
        300,
        &["Captions", "are", "made", "for", "everybody", "who", "watches."],
    )
}

/// Words said one after the other from this time on, in 450 milliseconds each.
pub fn said(from_ms: u64, texts: &[&str]) -> Vec<Word> {
    let mut words = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let start_ms = from_ms + 450 * index as u64;
        words.push(Word {
            confidence: Some(0.9),
            ..Word::new(*text, start_ms, start_ms + 400)
        });
    }
    words
}

/// Every word of a text, spread over the media.
fn aligned(text: &str) -> Vec<Word> {
    let texts: Vec<&str> = text.split_whitespace().collect();
    let each_ms = MEDIA_MS / (texts.len() as u64 + 1);
    let words = texts.iter().zip(1..);
    words
        .map(|(text, place)| Word::new(*text, (place - 1) * each_ms, place * each_ms - 20))
        .collect()
}

/// What it takes for Spanish: each word with an `o` behind its letters.
pub fn in_spanish(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let letters = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        format!("{letters}o{}", &word[letters.len()..])
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A tone for each passage, as long as its letters take. It tells when it says which phrase.
async fn speak(passages: &[Passage], files: &dyn JobFiles) -> engines::Result<Speech> {
    let mut samples: Vec<i16> = Vec::new();
    let mut clips = Vec::new();
    let now_ms = |samples: &Vec<i16>| samples.len() as u64 * 1_000 / u64::from(RATE_HZ);
    let many = |ms: u64| usize::try_from(ms * u64::from(RATE_HZ) / 1_000).unwrap();
    for (passage, it) in passages.iter().enumerate() {
        let start_ms = now_ms(&samples);
        let length = many(LETTER_MS * it.text.chars().count() as u64);
        // A square wave of 250 Hz, which no programme of ours has.
        samples.extend((0..length).map(|at| if at / 32 % 2 == 0 { 6_000_i16 } else { -6_000 }));
        clips.push(Clip {
            passage,
            start_ms,
            end_ms: now_ms(&samples),
            marks_ms: marks_ms(start_ms, &it.phrases),
        });
        samples.extend(std::iter::repeat_n(0, many(BETWEEN_CLIPS_MS)));
    }
    let path = files.work_dir().join("clips.wav");
    write_wav(&path, &samples);
    Ok(Speech {
        sound: MediaRef {
            key: files.keep("clips.wav", &path).await?,
            container: "wav".into(),
            duration_ms: Some(now_ms(&samples)),
            size_bytes: None,
        },
        clips,
        voice: "a tone".into(),
    })
}

fn marks_ms(start_ms: u64, phrases: &[String]) -> Vec<u64> {
    let mut at_ms = start_ms;
    let begins = phrases.iter().map(|phrase| {
        let begins_ms = at_ms;
        at_ms += LETTER_MS * phrase.chars().count() as u64;
        begins_ms
    });
    begins.skip(1).collect()
}

/// One channel of 16 bits.
fn write_wav(path: &Path, samples: &[i16]) {
    let data_bytes = u32::try_from(samples.len() * 2).unwrap();
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&RATE_HZ.to_le_bytes());
    wav.extend_from_slice(&(RATE_HZ * 2).to_le_bytes());
    wav.extend_from_slice(&2_u16.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data_bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, wav).unwrap();
}
