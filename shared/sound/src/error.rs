//! What can go wrong with sound, for the log and for the customer.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, SoundError>;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Trying again later, or after a repair on our side, may help.
    Retryable,
    /// The media can never be used: the customer is told why.
    Terminal,
}

/// What can go wrong with sound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// The media is readable and has no audio track.
    #[error("media `{media}` has no audio track")]
    NoAudio {
        /// What the caller calls the media.
        media: String,
    },
    /// The media is not what a media player can read.
    #[error("media `{media}` can't be read: {detail}")]
    MediaUnreadable {
        /// What the caller calls the media.
        media: String,
        /// What is wrong, in the decoder's words where it has some.
        detail: String,
    },
    /// The file with the clips to be mixed in can't be read. It is of our own making, so no customer is to blame.
    #[error("clips `{clips}` can't be read: {detail}")]
    ClipsUnreadable {
        /// The file.
        clips: String,
        /// What is wrong.
        detail: String,
    },
    /// What is to be mixed makes no sense: a clip that isn't there, placements that overlap or leave the media.
    #[error("the mix can't be made: {detail}")]
    PlanInvalid {
        /// Which item is wrong, what it holds, and what was expected.
        detail: String,
    },
    /// A program is not where it should be, or can't be started.
    #[error("program `{program}` can't be started: {detail}")]
    ProgramMissing {
        /// The program.
        program: String,
        /// The system's words.
        detail: String,
    },
    /// A program ended with a failure.
    #[error("program `{program}` failed with {status}: {detail}")]
    ProgramFailed {
        /// The program.
        program: String,
        /// How it ended: an exit status or a signal.
        status: String,
        /// The end of what it wrote to standard error.
        detail: String,
    },
    /// A program did not end in time, and was killed.
    #[error("program `{program}` did not end within {timeout_ms} ms")]
    ProgramTimedOut {
        /// The program, or the work of several that share the limit.
        program: String,
        /// The limit.
        timeout_ms: u64,
    },
    /// A program ended well, but its output is not what was asked of it.
    #[error("output of `{program}` is not as asked: {detail}")]
    OutputWrong {
        /// The program.
        program: String,
        /// What is wrong, and what was expected.
        detail: String,
    },
    /// A file could not be read or written.
    #[error("{action} failed: {detail}")]
    Files {
        /// What was being done, and with which file.
        action: String,
        /// The cause.
        detail: String,
    },
}

impl SoundError {
    /// The class.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoAudio { .. } | Self::MediaUnreadable { .. } => ErrorClass::Terminal,
            Self::ClipsUnreadable { .. }
            | Self::PlanInvalid { .. }
            | Self::ProgramMissing { .. }
            | Self::ProgramFailed { .. }
            | Self::ProgramTimedOut { .. }
            | Self::OutputWrong { .. }
            | Self::Files { .. } => ErrorClass::Retryable,
        }
    }

    /// The stable name, for metrics, records and runbooks.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoAudio { .. } => "MediaNoAudio",
            Self::MediaUnreadable { .. } => "MediaUnreadable",
            Self::ClipsUnreadable { .. } => "SoundClipsUnreadable",
            Self::PlanInvalid { .. } => "SoundPlanInvalid",
            Self::ProgramMissing { .. } => "SoundProgramMissing",
            Self::ProgramFailed { .. } => "SoundProgramFailed",
            Self::ProgramTimedOut { .. } => "SoundProgramTimedOut",
            Self::OutputWrong { .. } => "SoundOutputWrong",
            Self::Files { .. } => "SoundFiles",
        }
    }

    /// What the customer may read: plain words, nothing internal. For a retryable error, which should never reach a
    /// customer, it says no more than that the service failed.
    pub fn customer_text(&self) -> &'static str {
        match self {
            Self::NoAudio { .. } => {
                "The media has no audio track. Please check the entry, or choose a flavor with sound."
            }
            Self::MediaUnreadable { .. } => {
                "The media could not be read as audio or video. Please check that the entry plays."
            }
            _ => "The service could not process the media at this time.",
        }
    }
}
