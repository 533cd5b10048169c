//! The one error of the pipeline, and the kinds of outcome that the state machine knows.
//!
//! What lives here: [`StepError`], its [`Class`] and the [`Failure`] kept in a task's record. What does not:
//! the errors of the libraries (each has its own enum; they are carried as sources here).

use serde::{Deserialize, Serialize};

/// What the state machine does with an error: the four kinds of `DESIGN.md`, and `Fault` for our own mistakes.
///
/// The name of the class is the `errorType` that a function answers, so it is what `Retry` and `Catch` of
/// `infra/reach-task.asl.json` match on. Renaming one is a change of that file too; a test compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// A passing fault: the step is tried again with backoff, then the task is parked.
    Retryable,
    /// The same, where the other side is known to keep its answer: tried again no sooner than it has forgotten it.
    RetryLater,
    /// The order can't be fulfilled, whoever tries: ERROR at Kaltura, with a text for the customer.
    Terminal,
    /// The task is not ours to work on any more (aborted, deleted, ended elsewhere): stop quietly.
    Gone,
    /// This execution is an old attempt: another one works on the task, so this one must not act.
    Stale,
    /// A fault of ours that trying again won't mend: parked at once, for an operator to look at.
    Fault,
    /// Nothing is wrong: the function's time is over, and the next call goes on where this one stopped.
    Unfinished,
}

impl Class {
    /// The stable name, as the state machine spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retryable => "Retryable",
            Self::RetryLater => "RetryLater",
            Self::Terminal => "Terminal",
            Self::Gone => "Gone",
            Self::Stale => "Stale",
            Self::Fault => "Fault",
            Self::Unfinished => "Unfinished",
        }
    }
}

/// Why an order can't be fulfilled: terminal by nature. `Display` is the log line; the text for the customer is
/// [`Refusal::customer_text`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The task carries no entry (an external object, `entryObjectType` 3), so there is no media to fetch.
    #[error("task has no entry id (entryObjectType {entry_object_type})")]
    NoEntry {
        /// `entryObjectType` as Kaltura sent it.
        entry_object_type: String,
    },
    /// The catalog item's source language is missing or not one that Kaltura's assets know (spec D12).
    #[error("source language `{name}` of the catalog item has no asset language")]
    UnusableLanguage {
        /// The language's name as the catalog item has it; empty where it has none.
        name: String,
    },
    /// The catalog item's target language is missing or not one that Kaltura's assets know (spec D12).
    #[error("target language `{name}` of the catalog item has no asset language")]
    UnusableTarget {
        /// The language's name as the catalog item has it; empty where it has none.
        name: String,
    },
    /// No engine of this stack works in the language.
    #[error("engine `{engine}` does not work in `{language}`")]
    LanguageNotServed {
        /// The language's name as the catalog item has it.
        language: String,
        /// The engines' names.
        engine: String,
    },
    /// No engine of this stack translates between these languages.
    #[error("engine `{engine}` does not translate from `{from}` into `{into}`")]
    PairNotServed {
        /// The source language's name.
        from: String,
        /// The target language's name.
        into: String,
        /// The engines' names.
        engine: String,
    },
    /// No engine of this stack does this kind of work.
    #[error("no engine can {work}")]
    WorkNotOffered {
        /// The work, as a verb.
        work: &'static str,
    },
    /// The sound is in another language than was ordered.
    #[error("the sound is in `{heard}` ({confidence_percent} %), not in `{ordered}`")]
    LanguageMismatch {
        /// The language ordered, by its catalog name.
        ordered: String,
        /// The language heard, by its catalog name or its tag.
        heard: String,
        /// How sure the engine is.
        confidence_percent: u32,
    },
    /// A translation from captions names none.
    #[error("the order of a translation names no source captions")]
    NoSourceCaptions,
    /// An alignment names no text.
    #[error("the order of an alignment names no text")]
    NoTextToAlign,
    /// The captions or the text that the order names can't be had, or can't be used.
    #[error("source `{asset_id}` can't be used: {why}")]
    SourceUnusable {
        /// The asset.
        asset_id: String,
        /// Why, in words that the customer understands: the rest of a sentence.
        why: String,
    },
    /// The catalog item lacks the flavor params of a track, or has 0, which is the customer's source.
    #[error("{which} of the catalog item is not configured")]
    FlavorParamsNotConfigured {
        /// Which of the two.
        which: String,
    },
    /// The entry has a flavor of the track's params already, and it is none of ours.
    #[error("entry has flavor {asset_id} of params {flavor_params_id} already")]
    FlavorTaken {
        /// The customer's asset.
        asset_id: String,
        /// The flavor params.
        flavor_params_id: i64,
    },
    /// The track can't be made: what is to be said has no room in the media.
    #[error("the track has no room: {detail}")]
    NoRoom {
        /// Where, and how much.
        detail: String,
    },
    /// The response profile brought no catalog item, so nobody can say what was ordered.
    #[error("entryVendorTask.get returned no catalog item under relatedObjects.reach_vendor_catalog_item")]
    NoCatalogItem,
    /// The service of the order is not one that this version knows how to fulfil.
    #[error("service feature {feature} has no plan")]
    NoPlan {
        /// `serviceFeature` as Kaltura sent it.
        feature: String,
    },
    /// None of the profile's `flavorParamsIds` is among the entry's flavors; the guide says to follow them strictly.
    #[error("none of the flavor params ids [{wanted}] is among the entry's playable flavors [{have}]")]
    NoMatchingFlavor {
        /// What the profile asks for, in its order.
        wanted: String,
        /// The flavor params ids that the playback context lists.
        have: String,
    },
    /// Playback is blocked by the customer's own rules (access control, schedule).
    #[error("playback of entry {entry_id} is blocked: {codes}")]
    PlaybackBlocked {
        /// The entry.
        entry_id: String,
        /// The message codes of the playback context.
        codes: String,
    },
    /// Every source is protected by DRM.
    #[error("every playback source of entry {entry_id} is protected by DRM")]
    Drm {
        /// The entry.
        entry_id: String,
    },
    /// Kaltura offers neither HLS nor a file for the entry.
    #[error("entry {entry_id} has no playback source, neither applehttp nor http")]
    NoSource {
        /// The entry.
        entry_id: String,
    },
    /// The entry is deleted, or the key no longer opens it.
    #[error("entry {entry_id} does not exist: {code}")]
    EntryGone {
        /// The entry.
        entry_id: String,
        /// Kaltura's error code.
        code: String,
    },
    /// The entry of a live event, which was not recorded: there is nothing that could have its captions.
    #[error("live entry {entry_id} has no recording")]
    NotRecorded {
        /// The entry.
        entry_id: String,
    },
    /// The recording of a live event is a user's, and the access key may write to the live entry alone.
    #[error("the access key may not write to recording {entry_id}")]
    RecordingClosed {
        /// The recorded entry.
        entry_id: String,
    },
    /// A live order names no event, or not when it is.
    #[error("the order names no scheduled event with a start and an end")]
    NoEvent,
    /// The event of a live order is not there: never was, or was cancelled or deleted.
    #[error("event {event_id} is not there: {detail}")]
    EventUnknown {
        /// The event.
        event_id: String,
        /// Kaltura's error code, or the event's status.
        detail: String,
    },
    /// The event of a live order is no live stream.
    #[error("event {event_id} is a {object_type}, no live stream")]
    EventNotLive {
        /// The event.
        event_id: String,
        /// Its class at Kaltura.
        object_type: String,
    },
    /// The event of a live order has no place for its captions.
    #[error("event {event_id} has no caption feature of this task")]
    NoLiveFeature {
        /// The event.
        event_id: String,
    },
    /// The event of a live order lasts longer than the vendor serves (`LiveLongestHours`).
    #[error("the event lasts {lasts_s} s, at most {longest_s} s are served")]
    EventTooLong {
        /// How long it lasts.
        lasts_s: u64,
        /// The longest.
        longest_s: u64,
    },
    /// The event of the order is over, and nothing of it ever came.
    #[error("the event ended at {ended_epoch_s} and was never on air")]
    EventOver {
        /// When it was to end.
        ended_epoch_s: u64,
    },
    /// The order could not be fulfilled within the time that the vendor has set (`GiveUpAfterHours`).
    #[error("given up after {hours} hours")]
    GivenUp {
        /// That time.
        hours: u64,
    },
    /// People had not done the order when the customer expected it, and the vendor lets no order be late
    /// (`PeopleAfterDeadline`).
    #[error("people had not done it by its deadline")]
    Late,
    /// An operator of ours has ended the order.
    #[error("ended by an operator")]
    ByOperator {
        /// What the customer is told, in the operator's words.
        text: String,
    },
    /// Nobody speaks in the media, so there is nothing to caption; Kaltura refuses a file without a cue.
    #[error("the transcript has no words")]
    NoSpeech,
    /// Kaltura refuses the call for good, with a code that no retry changes.
    #[error("kaltura refuses {action} for good: {code}")]
    Kaltura {
        /// Service and action.
        action: String,
        /// Kaltura's error code.
        code: String,
    },
}

impl Refusal {
    /// The stable name, kept in the record and in the metric.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoEntry { .. } => "NoEntry",
            Self::UnusableLanguage { .. } => "UnusableLanguage",
            Self::UnusableTarget { .. } => "UnusableTarget",
            Self::LanguageNotServed { .. } => "LanguageNotServed",
            Self::PairNotServed { .. } => "PairNotServed",
            Self::WorkNotOffered { .. } => "WorkNotOffered",
            Self::LanguageMismatch { .. } => "LanguageMismatch",
            Self::NoSourceCaptions => "NoSourceCaptions",
            Self::NoTextToAlign => "NoTextToAlign",
            Self::SourceUnusable { .. } => "SourceUnusable",
            Self::FlavorParamsNotConfigured { .. } => "FlavorParamsNotConfigured",
            Self::FlavorTaken { .. } => "FlavorTaken",
            Self::NoRoom { .. } => "NoRoom",
            Self::NoCatalogItem => "NoCatalogItem",
            Self::NoPlan { .. } => "NoPlan",
            Self::NoMatchingFlavor { .. } => "NoMatchingFlavor",
            Self::PlaybackBlocked { .. } => "PlaybackBlocked",
            Self::Drm { .. } => "Drm",
            Self::NoSource { .. } => "NoSource",
            Self::EntryGone { .. } => "EntryGone",
            Self::NotRecorded { .. } => "NotRecorded",
            Self::RecordingClosed { .. } => "RecordingClosed",
            Self::NoEvent => "NoEvent",
            Self::EventUnknown { .. } => "EventUnknown",
            Self::EventNotLive { .. } => "EventNotLive",
            Self::NoLiveFeature { .. } => "NoLiveFeature",
            Self::EventTooLong { .. } => "EventTooLong",
            Self::EventOver { .. } => "EventOver",
            Self::GivenUp { .. } => "GivenUp",
            Self::Late => "Late",
            Self::ByOperator { .. } => "ByOperator",
            Self::NoSpeech => "NoSpeech",
            Self::Kaltura { .. } => "KalturaRefused",
        }
    }

    /// What the customer reads as `errDescription`: plain words, what to do about it, nothing internal.
    #[expect(clippy::too_many_lines, reason = "one text a refusal, in one place")]
    pub fn customer_text(&self) -> String {
        match self {
            Self::NoEntry { .. } => {
                "The order refers to no media entry, and this service needs one. Please order it on an entry.".into()
            }
            Self::UnusableLanguage { name } if name.is_empty() => {
                "The catalog item states no source language. Please choose a service with a source language.".into()
            }
            Self::UnusableLanguage { name } => format!(
                "Captions can't be delivered for the source language \"{name}\". Please choose a service with a \
                 spoken language."
            ),
            Self::UnusableTarget { name } if name.is_empty() => {
                "The catalog item states no target language. Please choose a service with a target language.".into()
            }
            Self::UnusableTarget { name } => format!(
                "Nothing can be delivered in the target language \"{name}\". Please choose a service with a written \
                 language."
            ),
            Self::LanguageNotServed { language, .. } => {
                format!("The language \"{language}\" is not supported by this service.")
            }
            Self::PairNotServed { from, into, .. } => {
                format!("Translation from \"{from}\" into \"{into}\" is not supported by this service.")
            }
            Self::LanguageMismatch { ordered, heard, .. } => format!(
                "The order is for media in \"{ordered}\", but the sound is in \"{heard}\". Please order the service \
                 for the language that is spoken."
            ),
            Self::NoSourceCaptions => {
                "A translation is made from captions, and the order names none. Please order captions in the source \
                 language first, or a translation from the sound."
                    .into()
            }
            Self::NoTextToAlign => {
                "An alignment needs a text, and the order names none. Please order it with a transcript.".into()
            }
            Self::SourceUnusable { why, .. } => format!("The source of this order can't be used: {why}."),
            Self::FlavorParamsNotConfigured { which } => format!(
                "The catalog item of this service is not configured: it lacks {which}. Please ask Kaltura to complete it."
            ),
            Self::FlavorTaken {
                asset_id,
                flavor_params_id,
            } => format!(
                "The entry already has a track of flavor params {flavor_params_id} (flavor {asset_id}), which is not \
                 replaced. Please remove it and order again."
            ),
            Self::NoRoom { detail } => {
                format!("The track could not be made, because there is too little time for what is to be said ({detail}).")
            }
            Self::NoCatalogItem => {
                "The order's catalog item could not be read, so it is unknown what was ordered. Please order again."
                    .into()
            }
            Self::NoPlan { .. } | Self::WorkNotOffered { .. } => "The service ordered is not offered for this media.".into(),
            Self::NoMatchingFlavor { wanted, .. } => format!(
                "The REACH profile allows only flavors made from flavor params {wanted}, and the entry has none of \
                 them. Please add such a flavor, or change the profile."
            ),
            Self::PlaybackBlocked { codes, .. } => format!(
                "The media can't be fetched, because playback of the entry is restricted ({codes}). Please lift the \
                 restriction and order again."
            ),
            Self::Drm { .. } => {
                "The media is protected by DRM and can't be fetched. Please provide a flavor without DRM.".into()
            }
            Self::NoSource { .. } => {
                "The entry offers no playable flavor to fetch. Please check that its conversion has ended well.".into()
            }
            Self::EntryGone { .. } => {
                "The entry of this order no longer exists, or is neither audio nor video. Please check the entry.".into()
            }
            Self::NotRecorded { .. } => {
                "The event of this order was not recorded, so there is no recording that its captions could go to."
                    .into()
            }
            Self::RecordingClosed { .. } => {
                "The captions of this order could not be put on the recording of its event, which allows no changes.".into()
            }
            Self::NoEvent => {
                "A live service needs a scheduled event with a start and an end, and the order names none. Please \
                 order it on a scheduled event."
                    .into()
            }
            Self::EventUnknown { .. } => {
                "The scheduled event of this order does not exist, or was cancelled. Please order the service on an \
                 event that is to take place."
                    .into()
            }
            Self::EventNotLive { .. } => {
                "The scheduled event of this order is no live stream. Please order the service on a live stream event."
                    .into()
            }
            Self::NoLiveFeature { .. } => {
                "The scheduled event of this order has no place for live captions. Please order the service again."
                    .into()
            }
            Self::EventTooLong { longest_s, .. } => format!(
                "The event of this order lasts longer than the {} hours that are served at a time. Please order it in \
                 several parts.",
                longest_s / 3_600
            ),
            Self::EventOver { .. } => {
                "The event of this order is over, and nothing of it was received. Please order the service for its \
                 recording."
                    .into()
            }
            Self::GivenUp { hours } => {
                format!("The order could not be fulfilled within {hours} hours. Please order it again later.")
            }
            Self::Late => "The order could not be done by the time that was agreed. Please order it again.".into(),
            Self::ByOperator { text } => text.clone(),
            Self::NoSpeech => "No speech was found in the media, so there is nothing to caption.".into(),
            Self::Kaltura { code, .. } => {
                format!("The result could not be delivered to this entry ({code}). Please check the entry.")
            }
        }
    }
}

/// What can go wrong in a step. Each variant has a [`Class`] and a stable [`StepError::name`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The order can't be fulfilled.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A call to Kaltura failed.
    #[error("kaltura: {0}")]
    Kaltura(#[from] kaltura::Error),
    /// The media could not be fetched.
    #[error("media: {0}")]
    Media(#[from] media::FetchError),
    /// The engine failed.
    #[error("engine: {0}")]
    Engine(#[from] engines::EngineError),
    /// A sound track could not be made.
    #[error("sound: {0}")]
    Sound(#[from] sound::SoundError),
    /// A transcript or a caption file is not what it should be.
    #[error("captions: {0}")]
    Captions(#[from] captions::CaptionError),
    /// An AWS service refused or could not be reached.
    #[error("{service}: {action} failed: {detail}")]
    Aws {
        /// The service: `dynamodb`, `s3`, `sqs`, `states`, `secretsmanager`.
        service: &'static str,
        /// What was being done.
        action: &'static str,
        /// The service's own words.
        detail: String,
    },
    /// Somebody else wrote the record again and again while this step tried to.
    #[error("record of task {task_id} changed under us {times} times")]
    RecordConflict {
        /// The task.
        task_id: String,
        /// How often the write was tried.
        times: u32,
    },
    /// Another call hands out a live stream's messages, or died while it did.
    #[error("messages of task {task_id} are being handed out by another call")]
    HandOutBusy {
        /// The task.
        task_id: String,
    },
    /// No record of the task.
    #[error("no record of task {task_id}")]
    RecordMissing {
        /// The task.
        task_id: String,
    },
    /// A record that this version can't read.
    #[error("record of {what} can't be read: {detail}")]
    RecordUnreadable {
        /// Which record.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The attempt in the input is not the record's: another execution works on the task.
    #[error("attempt {asked} of task {task_id} is not the current one ({current})")]
    StaleAttempt {
        /// The task.
        task_id: String,
        /// The attempt that asked.
        asked: u32,
        /// The attempt in the record.
        current: u32,
    },
    /// The task has ended (delivered, failed, gone): nothing more is done for it.
    #[error("task {task_id} has ended as {state}")]
    Ended {
        /// The task.
        task_id: String,
        /// The state it ended in.
        state: String,
    },
    /// Kaltura says that the task is not there for us any more, or has ended elsewhere.
    #[error("task {task_id} is gone at kaltura: {detail}")]
    GoneAtKaltura {
        /// The task.
        task_id: String,
        /// How we know.
        detail: String,
    },
    /// A step was reached before the step that makes its input.
    #[error("step `{step}` of task {task_id} needs {needs}")]
    OutOfOrder {
        /// The task.
        task_id: String,
        /// The step.
        step: &'static str,
        /// What is missing.
        needs: String,
    },
    /// Kaltura could not read a file that we delivered: our fault, not the customer's.
    #[error("kaltura rejects the content of asset {asset_id}: {description}")]
    ContentRejected {
        /// The asset.
        asset_id: String,
        /// Kaltura's description.
        description: String,
    },
    /// The captions to work on are not there yet.
    #[error("source {asset_id} is not ready, its status is {status}")]
    SourceNotReady {
        /// The asset.
        asset_id: String,
        /// Its status.
        status: String,
    },
    /// An import at Kaltura lasts longer than any import should.
    #[error("import of asset {asset_id} still runs after {age_s} s")]
    ImportStuck {
        /// The asset.
        asset_id: String,
        /// Its age in seconds.
        age_s: u64,
    },
    /// A setting is missing or wrong.
    #[error("setting {name}: {detail}")]
    Setting {
        /// The environment variable.
        name: String,
        /// What is wrong, and what was expected.
        detail: String,
    },
}

impl StepError {
    /// The class, which decides what the state machine does.
    pub fn class(&self) -> Class {
        match self {
            Self::Refused(_) => Class::Terminal,
            Self::Kaltura(error) => match error.class() {
                kaltura::ErrorClass::Retryable | kaltura::ErrorClass::SessionDead => Class::Retryable,
                kaltura::ErrorClass::Gone | kaltura::ErrorClass::FinalState => Class::Gone,
                _ => Class::Fault,
            },
            Self::Media(error) => match error.class() {
                media::Class::Retryable if error.retry_after().is_some() => Class::RetryLater,
                media::Class::Retryable => Class::Retryable,
                media::Class::Terminal => Class::Terminal,
                media::Class::Unfinished => Class::Unfinished,
                media::Class::Fault => Class::Fault,
            },
            Self::Engine(error) => match error.class() {
                engines::ErrorClass::Retryable => Class::Retryable,
                engines::ErrorClass::Terminal => Class::Terminal,
            },
            Self::Sound(error) => match error.class() {
                sound::ErrorClass::Retryable => Class::Retryable,
                sound::ErrorClass::Terminal => Class::Terminal,
            },
            Self::Aws { .. }
            | Self::RecordConflict { .. }
            | Self::HandOutBusy { .. }
            | Self::SourceNotReady { .. } => Class::Retryable,
            Self::StaleAttempt { .. } => Class::Stale,
            Self::Ended { .. } | Self::GoneAtKaltura { .. } => Class::Gone,
            Self::Captions(_)
            | Self::RecordMissing { .. }
            | Self::RecordUnreadable { .. }
            | Self::OutOfOrder { .. }
            | Self::ContentRejected { .. }
            | Self::ImportStuck { .. }
            | Self::Setting { .. } => Class::Fault,
        }
    }

    /// The stable name of what happened, for metrics, records and runbooks.
    pub fn name(&self) -> &str {
        match self {
            Self::Refused(refusal) => refusal.name(),
            Self::Kaltura(error) => error.name(),
            Self::Media(error) => error.name(),
            Self::Engine(error) => error.name(),
            Self::Sound(error) => error.name(),
            Self::Captions(error) => error.name(),
            Self::Aws { .. } => "Aws",
            Self::RecordConflict { .. } => "RecordConflict",
            Self::HandOutBusy { .. } => "HandOutBusy",
            Self::RecordMissing { .. } => "RecordMissing",
            Self::RecordUnreadable { .. } => "RecordUnreadable",
            Self::StaleAttempt { .. } => "StaleAttempt",
            Self::Ended { .. } => "Ended",
            Self::GoneAtKaltura { .. } => "GoneAtKaltura",
            Self::OutOfOrder { .. } => "OutOfOrder",
            Self::ContentRejected { .. } => "ContentRejected",
            Self::ImportStuck { .. } => "ImportStuck",
            Self::SourceNotReady { .. } => "SourceNotReady",
            Self::Setting { .. } => "Setting",
        }
    }

    /// What to tell the customer, for terminal errors; `None` for all others, which never reach a customer.
    pub fn customer_text(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.customer_text()),
            Self::Media(error) if self.class() == Class::Terminal => Some(error.customer_text().to_owned()),
            Self::Engine(error) if self.class() == Class::Terminal => Some(error.customer_text()),
            Self::Sound(error) if self.class() == Class::Terminal => Some(error.customer_text().to_owned()),
            _ => None,
        }
    }
}

/// The terminal cause of a task, as kept in its record by the step that met it, for `fail` to act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stable name of the cause.
    pub name: String,
    /// The log line.
    pub detail: String,
    /// `errDescription`: the text for the customer.
    pub customer_text: String,
    /// The step that met it.
    pub step: String,
}

impl From<StepError> for lambda_runtime::Diagnostic {
    /// `errorType` is the class, which the state machine matches on; the message leads with the stable name.
    fn from(error: StepError) -> Self {
        Self {
            error_type: error.class().name().to_owned(),
            error_message: format!("{}: {error}", error.name()),
        }
    }
}

/// A step's result.
pub type Result<T> = std::result::Result<T, StepError>;

#[cfg(test)]
mod tests {
    use super::*;

    /// What may pass, or is a fault of ours, is no customer's: they would be told of it with ERROR.
    #[test]
    fn a_customer_is_told_of_what_is_terminal_and_of_nothing_else() {
        let media = || "media/9292/1.mp4".to_owned();
        let terminal: [StepError; 4] = [
            Refusal::NoCatalogItem.into(),
            media::FetchError::PlaylistLive {
                at: "https://x.example".to_owned(),
            }
            .into(),
            engines::EngineError::NoAudio { media: media() }.into(),
            sound::SoundError::NoAudio { media: media() }.into(),
        ];
        for error in terminal {
            assert_eq!(error.class(), Class::Terminal, "{error}");
            let text = error.customer_text().unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("9292"), "{error}: {text}");
        }
        let program = || "ffmpeg".to_owned();
        let others: [StepError; 5] = [
            media::FetchError::Unfinished.into(),
            engines::EngineError::ProgramTimedOut {
                program: program(),
                timeout_ms: 1,
            }
            .into(),
            sound::SoundError::ProgramTimedOut {
                program: program(),
                timeout_ms: 1,
            }
            .into(),
            StepError::RecordMissing {
                task_id: "9292".to_owned(),
            },
            StepError::StaleAttempt {
                task_id: "9292".to_owned(),
                asked: 1,
                current: 2,
            },
        ];
        for error in others {
            assert_ne!(error.class(), Class::Terminal, "{error}");
            assert_eq!(error.customer_text(), None, "{error}");
        }
    }

    /// The state machine matches on the class, and runbooks on the name.
    #[test]
    fn a_diagnostic_is_of_the_class_and_leads_with_the_name() {
        let error = StepError::StaleAttempt {
            task_id: "9292".to_owned(),
            asked: 1,
            current: 2,
        };
        let said = error.to_string();
        let diagnostic = lambda_runtime::Diagnostic::from(error);
        assert_eq!(diagnostic.error_type, "Stale");
        assert_eq!(diagnostic.error_message, format!("StaleAttempt: {said}"));
    }
}
