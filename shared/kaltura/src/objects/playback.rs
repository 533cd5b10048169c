//! Where the media of an entry can be had.

use crate::ids::AssetId;
use crate::macros::kaltura_object;
use crate::objects::FlavorAsset;
use crate::secret::SecretUrl;

kaltura_object! {
    /// The answer of getPlaybackContext. On a block by access control the lists are empty and `messages` tells why
    /// (spec 6.1).
    PlaybackContext of "KalturaPlaybackContext" {
        /// The sources.
        sources: Vec<PlaybackSource> = "sources",
        /// The flavors that are in the sources.
        flavor_assets: Vec<FlavorAsset> = "flavorAssets",
        /// What access control says.
        messages: Vec<AccessMessage> = "messages",
    }
}

kaltura_object! {
    /// One way to get the media.
    PlaybackSource of "KalturaPlaybackSource" {
        /// The delivery profile.
        delivery_profile_id: Option<String> = "deliveryProfileId",
        /// `applehttp`, `url`, `mpegdash` and so on.
        format: Option<String> = "format",
        /// `http`, `https`, comma-separated.
        protocols: Option<String> = "protocols",
        /// The flavors in it.
        flavor_ids: Vec<AssetId> = "flavorIds",
        /// The playManifest address; empty where the server sent none.
        url: SecretUrl = "url",
        /// Encryption. A source with any can't be read by a vendor.
        drm: Vec<Drm> = "drm",
    }
}

kaltura_object! {
    /// A way that a source is encrypted.
    Drm of "KalturaDrmPlaybackPluginData" {
        /// Such as `drm.WIDEVINE_CENC`.
        scheme: Option<String> = "scheme",
    }
}

kaltura_object! {
    /// A message of access control.
    AccessMessage of "KalturaAccessControlMessage" {
        /// For people.
        message: Option<String> = "message",
        /// Such as `OK`, `COUNTRY_RESTRICTED`, `SCHEDULED_RESTRICTED` (spec 6.1); empty where the server sent none.
        code: String = "code",
    }
}
