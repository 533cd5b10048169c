//! What can be wrong with a transcript or a caption file.

/// Who can mend a [`CaptionError`]: nobody by trying again, since nothing here does I/O.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The input itself is at fault: the same bytes fail again, whoever reads them.
    BadInput,
    /// Written by another version of this system: a newer reader may understand it.
    OtherVersion,
}

/// A transcript or a caption file that can't be taken for what it should be.
///
/// Readers of caption files are lenient: they fail only where there is nothing to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptionError {
    /// The bytes hold no cue at all.
    #[error("no {expected} cue in {size_bytes} bytes of input")]
    NoCues {
        /// What was looked for: `SRT`, `WebVTT`, `DFXP`, or `SRT, WebVTT or DFXP`.
        expected: &'static str,
        /// The size of the input.
        size_bytes: usize,
    },
    /// The input ends in the middle of a cue's markup, or is no XML at all.
    #[error("not well-formed {expected} near byte {offset_bytes}: {detail}")]
    Malformed {
        /// What it should be.
        expected: &'static str,
        /// Where reading stopped.
        offset_bytes: u64,
        /// The parser's own words.
        detail: String,
    },
    /// JSON that is no transcript.
    #[error("not a {expected}: {detail}")]
    Json {
        /// What was expected: `transcript`, `timed transcript`.
        expected: &'static str,
        /// The parser's own words, with line and column.
        detail: String,
    },
    /// A transcript of a version this reader doesn't know.
    #[error("transcript version {found}, expected {expected}")]
    UnknownVersion {
        /// The version in the file.
        found: u32,
        /// The version this crate reads.
        expected: u32,
    },
    /// A word of a transcript breaks a rule of [`crate::Transcript::check`].
    #[error("word {index} ({text:?}): {problem}")]
    BadWord {
        /// Its place in `words`, from 0.
        index: usize,
        /// Its text, cut to 40 characters.
        text: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// The transcript's language is not a BCP-47 tag.
    #[error("language {found:?} is not a BCP-47 tag such as \"en\" or \"es-MX\"")]
    BadLanguage {
        /// What was found.
        found: String,
    },
    /// Not one text for each passage.
    #[error("{found} texts for {expected} passages")]
    PassageCount {
        /// How many texts came.
        found: usize,
        /// How many passages there are.
        expected: usize,
    },
}

impl CaptionError {
    /// Whether another reader may do better.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::UnknownVersion { .. } => ErrorClass::OtherVersion,
            Self::NoCues { .. }
            | Self::Malformed { .. }
            | Self::Json { .. }
            | Self::BadWord { .. }
            | Self::BadLanguage { .. }
            | Self::PassageCount { .. } => ErrorClass::BadInput,
        }
    }

    /// A stable name for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoCues { .. } => "NoCues",
            Self::Malformed { .. } => "MalformedCaptions",
            Self::Json { .. } => "BadTranscriptJson",
            Self::UnknownVersion { .. } => "UnknownTranscriptVersion",
            Self::BadWord { .. } => "BadTranscriptWord",
            Self::BadLanguage { .. } => "BadTranscriptLanguage",
            Self::PassageCount { .. } => "PassageCountMismatch",
        }
    }

    /// What a customer may be told about a file of theirs; the log line says more.
    pub const fn customer_text(&self) -> &'static str {
        match self {
            Self::NoCues { .. } => "The caption file holds no captions.",
            Self::Malformed { .. } => "The caption file is damaged and can't be read.",
            Self::Json { .. }
            | Self::UnknownVersion { .. }
            | Self::BadWord { .. }
            | Self::BadLanguage { .. } => "The transcript is damaged and can't be read.",
            Self::PassageCount { .. } => "The translation is incomplete.",
        }
    }
}
