//! The enums of the contract that this crate reads or writes (spec 1.7). Unknown values are kept as `Other`.

use crate::macros::kaltura_enum;

kaltura_enum! {
    /// Where a task is in its life. Which change of status the server accepts is in spec 1.3.
    TaskStatus = "KalturaEntryVendorTaskStatus" as int {
        /// Waiting for the vendor.
        Pending = 1 "PENDING",
        /// Delivered. Final, and the access key dies with it (spec D14).
        Ready = 2 "READY",
        /// The vendor works on it.
        Processing = 3 "PROCESSING",
        /// Waiting for the customer's moderator.
        PendingModeration = 4 "PENDING_MODERATION",
        /// Refused by the customer's moderator. Final.
        Rejected = 5 "REJECTED",
        /// Failed. Final, and the customer is refunded.
        Error = 6 "ERROR",
        /// Taken back by the customer. Final, and invisible to the vendor (spec D15).
        Aborted = 7 "ABORTED",
        /// Waiting for the entry to become playable.
        PendingEntryReady = 8 "PENDING_ENTRY_READY",
        /// A live order that the vendor has accepted.
        Scheduled = 9 "SCHEDULED",
    }
}

impl TaskStatus {
    /// Whether the task has ended for good: no other status is accepted any more (spec 1.3).
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ready | Self::Rejected | Self::Error | Self::Aborted)
    }
}

kaltura_enum! {
    /// What was ordered.
    ServiceFeature = "KalturaVendorServiceFeature" as int {
        /// Captions in the language spoken.
        Captions = 1 "CAPTIONS",
        /// Captions in another language.
        Translation = 2 "TRANSLATION",
        /// A given transcript timed to the media.
        Alignment = 3 "ALIGNMENT",
        /// A sound track with a description of the picture.
        AudioDescription = 4 "AUDIO_DESCRIPTION",
        /// Chapters as cue points.
        Chaptering = 5 "CHAPTERING",
        /// Tags for the entry.
        IntelligentTagging = 6 "INTELLIGENT_TAGGING",
        /// A sound track in another language.
        Dubbing = 7 "DUBBING",
        /// Captions of a live event.
        LiveCaption = 8 "LIVE_CAPTION",
        /// A description of the picture, spoken by the player in pauses.
        ExtendedAudioDescription = 9 "EXTENDED_AUDIO_DESCRIPTION",
        /// Clips.
        Clips = 10 "CLIPS",
        /// Captions of a live event in another language.
        LiveTranslation = 11 "LIVE_TRANSLATION",
        /// A quiz.
        Quiz = 12 "QUIZ",
        /// A summary.
        Summary = 13 "SUMMARY",
        /// What the picture shows.
        VideoAnalysis = 14 "VIDEO_ANALYSIS",
        /// A check against rules.
        Moderation = 15 "MODERATION",
        /// Name, description and tags for the entry.
        MetadataEnrichment = 16 "METADATA_ENRICHMENT",
        /// Mood of what is said.
        SentimentAnalysis = 17 "SENTIMENT_ANALYSIS",
        /// A document made readable.
        DocumentEnrichment = 18 "DOCUMENT_ENRICHMENT",
        /// A sign-language picture.
        SignLanguage = 19 "SIGN_LANGUAGE",
        /// Video made from speech.
        SpeechToVideo = 20 "SPEECH_TO_VIDEO",
        /// A call with an agent.
        ImmersiveAgentCall = 21 "IMMERSIVE_AGENT_CALL",
        /// A chat with an agent.
        ImmersiveAgentChat = 22 "IMMERSIVE_AGENT_CHAT",
        /// A video with an avatar.
        AvatarVod = 23 "AVATAR_VOD",
        /// Language models.
        LlmModels = 24 "LLM_MODELS",
        /// The evaluation of an agent.
        ImmersiveAgentEval = 25 "IMMERSIVE_AGENT_EVAL",
        /// The preview of an agent.
        ImmersiveAgentPreview = 26 "IMMERSIVE_AGENT_PREVIEW",
        /// A generated video.
        VideoGeneration = 27 "VIDEO_GENERATION",
        /// A description of the picture as text.
        VisualDescription = 28 "VISUAL_DESCRIPTION",
    }
}

kaltura_enum! {
    /// Who does the work.
    ServiceType = "KalturaVendorServiceType" as int {
        /// People.
        Human = 1 "HUMAN",
        /// A machine.
        Machine = 2 "MACHINE",
        /// Both.
        Hybrid = 3 "HYBRID",
    }
}

kaltura_enum! {
    /// The caption format that a catalog item or a profile asks for.
    OutputFormat = "KalturaVendorCatalogItemOutputFormat" as int {
        /// SubRip.
        Srt = 1 "SRT",
        /// TTML in its DFXP profile.
        Dfxp = 2 "DFXP",
        /// WebVTT.
        Vtt = 3 "VTT",
    }
}

kaltura_enum! {
    /// When the vendor must delete the customer's content.
    ContentDeletionPolicy = "KalturaReachProfileContentDeletionPolicy" as int {
        /// No rule.
        DoNothing = 1 "DO_NOTHING",
        /// As soon as the task has ended.
        DeleteOnceProcessed = 2 "DELETE_ONCE_PROCESSED",
        /// A week after.
        DeleteAfterWeek = 3 "DELETE_AFTER_WEEK",
        /// A month after.
        DeleteAfterMonth = 4 "DELETE_AFTER_MONTH",
        /// Three months after.
        DeleteAfterThreeMonths = 5 "DELETE_AFTER_THREE_MONTHS",
    }
}

kaltura_enum! {
    /// Where the customer's media may be processed.
    ProcessingRegion = "KalturaVendorTaskProcessingRegion" as int {
        /// The United States.
        Us = 1 "US",
        /// The European Union.
        Eu = 2 "EU",
        /// Canada.
        Ca = 3 "CA",
    }
}

kaltura_enum! {
    /// What a task is about.
    EntryObjectType = "KalturaEntryObjectType" as int {
        /// An entry.
        Entry = 1 "ENTRY",
        /// An asset of an entry.
        Asset = 2 "ASSET",
        /// Something outside Kaltura: such a task has no access key (spec 1.5).
        ExternalObject = 3 "EXTERNAL_OBJECT",
    }
}

kaltura_enum! {
    /// Who placed the order.
    CreationMode = "KalturaEntryVendorTaskCreationMode" as int {
        /// A person.
        Manual = 1 "MANUAL",
        /// A rule of the customer's.
        Automatic = 2 "AUTOMATIC",
    }
}

kaltura_enum! {
    /// Whether a catalog item is on sale.
    CatalogItemStatus = "KalturaVendorCatalogItemStatus" as int {
        /// No longer sold.
        Deprecated = 1 "DEPRECATED",
        /// On sale.
        Active = 2 "ACTIVE",
        /// Gone.
        Deleted = 3 "DELETED",
    }
}

kaltura_enum! {
    /// The format of a caption file.
    CaptionType = "KalturaCaptionType" as text {
        /// SubRip.
        Srt = 1 "SRT",
        /// TTML in its DFXP profile.
        Dfxp = 2 "DFXP",
        /// WebVTT.
        WebVtt = 3 "WEBVTT",
        /// CAP.
        Cap = 4 "CAP",
        /// Scenarist closed captions.
        Scc = 5 "SCC",
    }
}

kaltura_enum! {
    /// What a caption asset is for (spec D8).
    CaptionUsage = "KalturaCaptionAssetUsage" as text {
        /// Captions.
        Caption = 0 "CAPTION",
        /// A description that the player speaks in pauses.
        ExtendedAudioDescription = 1 "EXTENDED_AUDIO_DESCRIPTION",
    }
}

kaltura_enum! {
    /// The kind of an attachment.
    AttachmentType = "KalturaAttachmentType" as text {
        /// Text.
        Text = 1 "TEXT",
        /// Media.
        Media = 2 "MEDIA",
        /// A document.
        Document = 3 "DOCUMENT",
        /// JSON.
        Json = 4 "JSON",
        /// Markdown.
        Markdown = 5 "MARKDOWN",
    }
}

kaltura_enum! {
    /// Where an asset is in its life: one list for captions, flavors and attachments (spec 1.7).
    ///
    /// The contract's enums leave out `ERROR`; the server sends it for a failed import and for a caption file that does
    /// not parse in its declared format (spec 3.2).
    AssetStatus = "KalturaFlavorAssetStatus" as int {
        /// The import failed or the content is not what it was declared to be: see the asset's `description`.
        Error = -1 "ERROR",
        /// Made, without content.
        Queued = 0 "QUEUED",
        /// Being converted.
        Converting = 1 "CONVERTING",
        /// There, and in use.
        Ready = 2 "READY",
        /// Deleted.
        Deleted = 3 "DELETED",
        /// Not made for this entry.
        NotApplicable = 4 "NOT_APPLICABLE",
        /// Temporary.
        Temp = 5 "TEMP",
        /// Waiting for conversion.
        WaitForConvert = 6 "WAIT_FOR_CONVERT",
        /// Kaltura fetches the content (spec D1).
        Importing = 7 "IMPORTING",
        /// Being checked.
        Validating = 8 "VALIDATING",
        /// Being moved to remote storage.
        Exporting = 9 "EXPORTING",
    }
}

kaltura_enum! {
    /// Where an upload is.
    UploadTokenStatus = "KalturaUploadTokenStatus" as int {
        /// No byte yet.
        Pending = 0 "PENDING",
        /// Some chunks.
        PartialUpload = 1 "PARTIAL_UPLOAD",
        /// The whole file.
        FullUpload = 2 "FULL_UPLOAD",
        /// Used by a `setContent`: it can't be used again.
        Closed = 3 "CLOSED",
        /// Left unfinished for too long.
        TimedOut = 4 "TIMED_OUT",
        /// Deleted.
        Deleted = 5 "DELETED",
    }
}

kaltura_enum! {
    /// What a thumb cue point marks.
    ThumbCuePointSubType = "KalturaThumbCuePointSubType" as int {
        /// A slide.
        Slide = 1 "SLIDE",
        /// A chapter.
        Chapter = 2 "CHAPTER",
    }
}

kaltura_enum! {
    /// Whose session it is.
    SessionType = "KalturaSessionType" as int {
        /// A user's.
        User = 0 "USER",
        /// An administrator's.
        Admin = 2 "ADMIN",
    }
}

/// How the media of an entry is asked for in getPlaybackContext (spec 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamerType {
    /// HLS: what the guide asks for first.
    AppleHttp,
    /// Progressive files: what it asks for where there is no HLS.
    Http,
}

impl StreamerType {
    /// The value of `contextDataParams[streamerType]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AppleHttp => "applehttp",
            Self::Http => "http",
        }
    }
}

/// The hash that an app token was made with (`KalturaAppTokenHashType`, spec 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AppTokenHashType {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl AppTokenHashType {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}
