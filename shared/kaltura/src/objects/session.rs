//! What opening a session answers.

use crate::enums::SessionType;
use crate::ids::PartnerId;
use crate::macros::kaltura_object;
use crate::secret::Ks;

kaltura_object! {
    /// A widget session: what an app token's hash is made with.
    WidgetSession of "KalturaStartWidgetSessionResponse" {
        /// The session.
        ks: Ks = "ks",
        /// The account.
        partner_id: Option<PartnerId> = "partnerId",
    }
}

kaltura_object! {
    /// A session and what it may do.
    SessionInfo of "KalturaSessionInfo" {
        /// The session.
        ks: Ks = "ks",
        /// Whose it is.
        session_type: Option<SessionType> = "sessionType",
        /// The account.
        partner_id: Option<PartnerId> = "partnerId",
        /// The user.
        user_id: Option<String> = "userId",
        /// When it expires.
        expiry_epoch_s: Option<u64> = "expiry",
        /// Its privileges, comma-separated.
        privileges: Option<String> = "privileges",
    }
}
