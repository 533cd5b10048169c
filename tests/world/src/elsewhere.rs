//! An engine that works elsewhere: it takes jobs on, and says how they are when it is asked.

use std::sync::Mutex;

use async_trait::async_trait;
use captions::Transcript;
use engines::{
    AcceptedJob, Capabilities, Capability, DetectedLanguage, Engine, EngineError, EngineVersion, JobFiles,
    JobId, JobRequest, JobResult, Look, Output, Progress, RESULT_VERSION, WorkKind,
};

use crate::engine::spoken;

/// How [`ElsewhereEngine`] says that a job is.
pub type Told = Box<dyn Fn(&AcceptedJob) -> engines::Result<Look> + Send>;

/// The double's name.
const NAME: &str = "elsewhere";

/// An engine for every language that recognises and identifies, and whose jobs are as it is told; at first they run.
pub struct ElsewhereEngine {
    begun: Mutex<Vec<JobId>>,
    places: Mutex<Vec<String>>,
    told: Mutex<Told>,
}

impl Default for ElsewhereEngine {
    fn default() -> Self {
        Self {
            begun: Mutex::default(),
            places: Mutex::default(),
            told: Mutex::new(Box::new(|_| Ok(Look::Running))),
        }
    }
}

impl ElsewhereEngine {
    /// Tells it how its jobs are from now on.
    pub fn tell(&self, told: impl Fn(&AcceptedJob) -> engines::Result<Look> + Send + 'static) {
        *self.told.lock().unwrap() = Box::new(told);
    }

    /// Its jobs have ended: in this language, of which it is so sure (0 to 1).
    pub fn tell_ended(&self, bcp47: &'static str, confidence: f32) {
        self.tell(move |job| Ok(Look::Done(Box::new(heard(job, bcp47, confidence)))));
    }

    /// Its jobs have failed, and may do better another time.
    pub fn tell_failed(&self) {
        self.tell(|job| {
            Err(EngineError::JobFailed {
                engine: NAME.to_owned(),
                job: job.job_id.to_string(),
                detail: "out of memory".to_owned(),
            })
        });
    }

    /// It can't be reached.
    pub fn tell_away(&self) {
        self.tell(|_| {
            Err(EngineError::Unavailable {
                engine: NAME.to_owned(),
                action: "say how the job is".to_owned(),
                detail: "503".to_owned(),
            })
        });
    }

    /// The jobs that were begun, each as often as it was.
    pub fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().iter().map(JobId::to_string).collect()
    }

    /// The keys of a file `sound` of the jobs that were looked at, where the world has links.
    pub fn places(&self) -> Vec<String> {
        self.places.lock().unwrap().clone()
    }
}

/// What a job made that heard this language: the words of [`spoken`], or the language alone.
pub fn heard(job: &AcceptedJob, bcp47: &str, confidence: f32) -> JobResult {
    let output = match job.kind {
        WorkKind::Identify => Output::Language,
        _ => Output::Transcript {
            transcript: Transcript::new(Some(bcp47.to_owned()), spoken(), 4_000),
        },
    };
    JobResult {
        version: RESULT_VERSION,
        job_id: job.job_id.clone(),
        engine: EngineVersion {
            name: NAME.to_owned(),
            version: "1".to_owned(),
        },
        output,
        language: Some(DetectedLanguage {
            bcp47: bcp47.to_owned(),
            confidence,
        }),
        audio_duration_ms: 4_000,
        warnings: Vec::new(),
    }
}

#[async_trait]
impl Engine for ElsewhereEngine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: NAME,
            works: vec![
                Capability::new(WorkKind::Recognise, &["*"]),
                Capability::new(WorkKind::Identify, &["*"]),
            ],
        }
    }

    async fn start(&self, request: &JobRequest, _files: &dyn JobFiles) -> engines::Result<Progress> {
        self.begun.lock().unwrap().push(request.job_id.clone());
        Ok(Progress::Accepted {
            external_id: format!("elsewhere/{}", request.job_id),
        })
    }

    async fn look(&self, job: &AcceptedJob, files: &dyn JobFiles) -> engines::Result<Look> {
        if let Ok((_, key)) = files.upload_link("sound").await {
            self.places.lock().unwrap().push(key);
        }
        assert_eq!(
            job.external_id,
            format!("elsewhere/{}", job.job_id),
            "its own name"
        );
        (self.told.lock().unwrap())(job)
    }
}
