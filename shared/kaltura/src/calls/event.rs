//! `scheduleEvent`: live orders (spec section 8). Access key.

use std::fmt;

use serde::Serialize;

use crate::call::{Call, Repeat, call};
use crate::ids::{ScheduleEventId, TaskId};
use crate::objects::ScheduleEvent;

/// `scheduleEvent.get`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetScheduleEvent {
    /// The event.
    pub schedule_event_id: ScheduleEventId,
}
call!(GetScheduleEvent => "schedule_scheduleevent"."get", Safe -> ScheduleEvent);

/// `KalturaLiveCaptionFeature`: where Kaltura sends the stream and fetches the captions. `Debug` shows the addresses'
/// hosts alone.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "objectType",
    rename = "KalturaLiveCaptionFeature",
    rename_all = "camelCase"
)]
pub struct LiveCaptionFeature {
    /// The vendor's RTMP(S) address, to which Kaltura relays the stream.
    pub media_url: String,
    /// The stream's key there.
    pub media_key: String,
    /// The vendor's WebSocket, to which Kaltura connects for captions.
    pub caption_url: String,
    /// The token for it.
    pub caption_token: String,
    /// Seconds that the stream waits for its captions.
    #[serde(rename = "inputDelay", skip_serializing_if = "Option::is_none")]
    pub input_delay_s: Option<u32>,
}

impl fmt::Debug for LiveCaptionFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveCaptionFeature")
            .field(
                "media_url",
                &crate::secret::SecretUrl::from(self.media_url.as_str()),
            )
            .field(
                "caption_url",
                &crate::secret::SecretUrl::from(self.caption_url.as_str()),
            )
            .finish_non_exhaustive()
    }
}

/// `scheduleEvent.updateLiveFeature`: fills the feature that the server made with the task. Safe to repeat: it sets
/// fields. The parameter is `scheduledEventId`, not the guide's `scheduleEventId` (spec D6).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateLiveFeature<'a> {
    scheduled_event_id: ScheduleEventId,
    feature_name: String,
    live_feature: &'a LiveCaptionFeature,
}

impl<'a> UpdateLiveFeature<'a> {
    /// The call for a task's feature, `LiveCaptionFeature-reach-<task id>`.
    pub fn new(event_id: ScheduleEventId, task_id: &TaskId, feature: &'a LiveCaptionFeature) -> Self {
        Self {
            scheduled_event_id: event_id,
            feature_name: format!("LiveCaptionFeature-reach-{task_id}"),
            live_feature: feature,
        }
    }
}

impl Call for UpdateLiveFeature<'_> {
    const SERVICE: &'static str = "schedule_scheduleevent";
    const ACTION: &'static str = "updateLiveFeature";
    const REPEAT: Repeat = Repeat::Safe;
    type Reply = ScheduleEvent;

    fn secrets(&self) -> Vec<&str> {
        vec![&self.live_feature.media_key, &self.live_feature.caption_token]
    }
}
