//! Live events.

use crate::ids::ScheduleEventId;
use crate::macros::kaltura_object;

kaltura_object! {
    /// A scheduled event.
    ScheduleEvent of "KalturaScheduleEvent" | "KalturaEntryScheduleEvent" | "KalturaLiveStreamScheduleEvent" {
        /// The class, such as `KalturaLiveStreamScheduleEvent`.
        object_type: Option<String> = "objectType",
        /// The event.
        id: ScheduleEventId = "id",
        /// Its title.
        summary: Option<String> = "summary",
        /// `KalturaScheduleEventStatus`: 1 cancelled, 2 active, 3 deleted.
        status: Option<i64> = "status",
        /// When it begins.
        start_date_epoch_s: Option<u64> = "startDate",
        /// When it ends.
        end_date_epoch_s: Option<u64> = "endDate",
        /// What is attached to the stream: live captions among them.
        live_features: Vec<LiveFeature> = "liveFeatures",
    }
}

kaltura_object! {
    /// Something attached to a live stream. Keys and tokens are not read back: they are the vendor's own.
    LiveFeature of "KalturaLiveFeature" | "KalturaLiveCaptionFeature" {
        /// The class, such as `KalturaLiveCaptionFeature`.
        object_type: Option<String> = "objectType",
        /// Its name: `LiveCaptionFeature-reach-<task id>` for a REACH order.
        system_name: Option<String> = "systemName",
        /// Seconds that it begins before the event.
        pre_start_time_s: Option<i64> = "preStartTime",
        /// Seconds that it ends after the event.
        post_end_time_s: Option<i64> = "postEndTime",
        /// The language spoken, as a three-letter code.
        language: Option<String> = "language",
        /// Seconds that the stream waits for its captions.
        input_delay_s: Option<i64> = "inputDelay",
    }
}
