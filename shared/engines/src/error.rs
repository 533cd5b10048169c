//! What can go wrong in an engine's work, for the log and for the customer.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, EngineError>;

/// What to do about an error.
///
/// ERROR at Kaltura refunds the customer and is final, so only what no retry and no repair of ours can change is
/// terminal; a fault of the vendor's own (a missing program, a wrong setting) is retried, then parked with an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Trying again later may help.
    Retryable,
    /// The job can never succeed: the customer is told why.
    Terminal,
}

/// What can go wrong in an engine's work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine can't do this work in this language. Known before the job, from the engine's capabilities.
    #[error("engine `{engine}` can't {work} in `{language}`")]
    LanguageNotSupported {
        /// The engine.
        engine: String,
        /// The work, as a verb: `recognise`.
        work: &'static str,
        /// The language's catalog name.
        language: String,
    },
    /// The engine can't do this work in any language. Known before the job, from the engine's capabilities.
    #[error("engine `{engine}` can't {work}")]
    WorkNotSupported {
        /// The engine.
        engine: String,
        /// The work, as a verb.
        work: &'static str,
    },
    /// The media is readable and has no audio track.
    #[error("media `{media}` has no audio track")]
    NoAudio {
        /// The media's key.
        media: String,
    },
    /// The media is not what a media player can read.
    #[error("media `{media}` can't be read: {detail}")]
    MediaUnreadable {
        /// The media's key.
        media: String,
        /// The decoder's words.
        detail: String,
    },
    /// A program of the engine is not where it should be, or can't be started.
    #[error("program `{program}` can't be started: {detail}")]
    ProgramMissing {
        /// The program.
        program: String,
        /// The system's words.
        detail: String,
    },
    /// A program of the engine ended with a failure.
    #[error("program `{program}` failed with {status}: {detail}")]
    ProgramFailed {
        /// The program.
        program: String,
        /// How it ended: an exit status or a signal.
        status: String,
        /// The end of what it wrote to standard error.
        detail: String,
    },
    /// A program of the engine did not end in time, and was killed.
    #[error("program `{program}` did not end within {timeout_ms} ms")]
    ProgramTimedOut {
        /// The program.
        program: String,
        /// The limit.
        timeout_ms: u64,
    },
    /// An engine ended well, but its answer is not what the contract with it says.
    #[error("output of `{program}` can't be read: {detail}")]
    OutputUnreadable {
        /// The program.
        program: String,
        /// What is wrong, where, and what was expected.
        detail: String,
    },
    /// A file of the job could not be fetched, read or written.
    #[error("{action} failed: {detail}")]
    Files {
        /// What was being done, and with which file or object.
        action: String,
        /// The cause.
        detail: String,
    },
    /// An engine elsewhere looked at the job and won't do it, for a reason that no retry changes.
    #[error("engine `{engine}` refuses the job: {detail}")]
    Refused {
        /// The engine.
        engine: String,
        /// Why, in the engine's words, for the log.
        detail: String,
        /// Why, for the customer.
        customer_text: String,
    },
    /// An engine elsewhere could not be reached, or was too busy.
    #[error("engine `{engine}` could not {action}: {detail}")]
    Unavailable {
        /// The engine.
        engine: String,
        /// What was asked of it, as a verb.
        action: String,
        /// The cause.
        detail: String,
    },
    /// A job ended badly at an engine elsewhere, and may end well another time.
    #[error("job `{job}` failed at engine `{engine}`: {detail}")]
    JobFailed {
        /// The engine.
        engine: String,
        /// The job's name.
        job: String,
        /// The engine's words.
        detail: String,
    },
    /// A kept result is not one that this version can read.
    #[error("job result can't be read: {detail}")]
    ResultUnreadable {
        /// What is wrong, and what was expected.
        detail: String,
    },
    /// A setting of the engine is missing or wrong.
    #[error("setting {name}: {detail}")]
    Setting {
        /// The environment variable.
        name: &'static str,
        /// What it holds, and what was expected.
        detail: String,
    },
}

impl EngineError {
    /// The class.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::LanguageNotSupported { .. }
            | Self::WorkNotSupported { .. }
            | Self::NoAudio { .. }
            | Self::Refused { .. }
            | Self::MediaUnreadable { .. } => ErrorClass::Terminal,
            Self::ProgramMissing { .. }
            | Self::ProgramFailed { .. }
            | Self::ProgramTimedOut { .. }
            | Self::OutputUnreadable { .. }
            | Self::Files { .. }
            | Self::ResultUnreadable { .. }
            | Self::Unavailable { .. }
            | Self::JobFailed { .. }
            | Self::Setting { .. } => ErrorClass::Retryable,
        }
    }

    /// The stable name, for metrics, records and runbooks.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LanguageNotSupported { .. } => "EngineLanguageNotSupported",
            Self::WorkNotSupported { .. } => "EngineWorkNotSupported",
            Self::NoAudio { .. } => "MediaNoAudio",
            Self::MediaUnreadable { .. } => "MediaUnreadable",
            Self::ProgramMissing { .. } => "EngineProgramMissing",
            Self::ProgramFailed { .. } => "EngineProgramFailed",
            Self::ProgramTimedOut { .. } => "EngineProgramTimedOut",
            Self::OutputUnreadable { .. } => "EngineOutputUnreadable",
            Self::Files { .. } => "EngineFiles",
            Self::ResultUnreadable { .. } => "EngineResultUnreadable",
            Self::Refused { .. } => "EngineRefused",
            Self::Unavailable { .. } => "EngineUnavailable",
            Self::JobFailed { .. } => "EngineJobFailed",
            Self::Setting { .. } => "EngineSetting",
        }
    }

    /// What the customer may read as `errDescription`: plain words, nothing internal. For a retryable error, which
    /// should never reach a customer, it says no more than that the service failed.
    pub fn customer_text(&self) -> String {
        match self {
            Self::LanguageNotSupported { language, .. } => {
                format!("The language \"{language}\" is not supported by this service.")
            }
            Self::WorkNotSupported { .. } => "The service ordered is not offered.".into(),
            Self::NoAudio { .. } => {
                "The media has no audio track. Please check the entry, or choose a flavor with sound.".into()
            }
            Self::MediaUnreadable { .. } => {
                "The media could not be read as audio or video. Please check that the entry plays.".into()
            }
            Self::Refused { customer_text, .. } => customer_text.clone(),
            _ => "The service could not process the media at this time.".into(),
        }
    }
}
