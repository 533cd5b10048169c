//! `session` and `appToken`: how a vendor session is opened (spec 4.2).

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::call::{Call, Repeat, call};
use crate::enums::{AppTokenHashType, SessionType};
use crate::ids::PartnerId;
use crate::objects::{SessionInfo, WidgetSession};
use crate::secret::{AdminSecret, AppTokenSecret, Ks};

/// An application token of the vendor's account: what sessions are opened with.
///
/// Reads from JSON as `{"id": "…", "token": "…", "hash_type": "SHA256"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppToken {
    /// The token's id.
    pub id: String,
    /// The token itself.
    pub token: AppTokenSecret,
    /// The hash that it was made with.
    pub hash_type: AppTokenHashType,
}

impl AppToken {
    /// The hash that proves the token: lower-case hexadecimal of HASH(widget session + token) (spec 4.2).
    pub fn hash(&self, widget_ks: &Ks) -> String {
        let input = format!("{}{}", widget_ks.reveal(), self.token.reveal());
        match self.hash_type {
            AppTokenHashType::Md5 => hex(&Md5::digest(input)),
            AppTokenHashType::Sha1 => hex(&Sha1::digest(input)),
            AppTokenHashType::Sha256 => hex(&Sha256::digest(input)),
            AppTokenHashType::Sha512 => hex(&Sha512::digest(input)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// `session.startWidgetSession`: a session that may do next to nothing, without a secret.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartWidgetSession {
    /// `_<partner id>`.
    pub widget_id: String,
    /// How long it shall live, in seconds.
    pub expiry: u64,
}
call!(StartWidgetSession => "session"."startWidgetSession", Safe -> WidgetSession);

impl StartWidgetSession {
    /// The widget session of an account.
    pub fn new(partner_id: PartnerId, life_s: u64) -> Self {
        Self {
            widget_id: format!("_{partner_id}"),
            expiry: life_s,
        }
    }
}

/// `appToken.startSession`, called with the widget session as `ks`.
///
/// Privileges are not asked for: the server ignores reserved ones such as `disableentitlement` here, so the token itself
/// must carry it (spec D9).
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartAppTokenSession {
    id: String,
    token_hash: String,
    user_id: &'static str,
    #[serde(rename = "type")]
    session_type: SessionType,
    expiry: u64,
}

impl StartAppTokenSession {
    /// The call for a token, proven with the widget session. The user is the one that Kaltura's own sample names.
    pub fn new(token: &AppToken, widget_ks: &Ks, life_s: u64) -> Self {
        Self {
            id: token.id.clone(),
            token_hash: token.hash(widget_ks),
            user_id: "REACH_JOB_PROCESSOR",
            session_type: SessionType::Admin,
            expiry: life_s,
        }
    }
}

impl fmt::Debug for StartAppTokenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartAppTokenSession")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Call for StartAppTokenSession {
    const SERVICE: &'static str = "apptoken";
    const ACTION: &'static str = "startSession";
    /// A second session does no harm.
    const REPEAT: Repeat = Repeat::Safe;
    type Reply = SessionInfo;

    fn secrets(&self) -> Vec<&str> {
        vec![&self.token_hash]
    }
}

/// `session.start`: a session by the account's admin secret. For tests and set-up; a vendor uses an app token (guide).
#[derive(Debug, Clone)]
pub struct StartSession {
    /// The account's admin secret.
    pub secret: AdminSecret,
    /// The user; may be empty.
    pub user_id: String,
    /// Whose session it shall be.
    pub session_type: SessionType,
    /// The account.
    pub partner_id: PartnerId,
    /// How long it shall live, in seconds.
    pub life_s: u64,
    /// Privileges, comma-separated.
    pub privileges: String,
}

impl Serialize for StartSession {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut body = serializer.serialize_struct("StartSession", 6)?;
        body.serialize_field("secret", self.secret.reveal())?;
        body.serialize_field("userId", &self.user_id)?;
        body.serialize_field("type", &self.session_type)?;
        body.serialize_field("partnerId", &self.partner_id)?;
        body.serialize_field("expiry", &self.life_s)?;
        body.serialize_field("privileges", &self.privileges)?;
        body.end()
    }
}

impl Call for StartSession {
    const SERVICE: &'static str = "session";
    const ACTION: &'static str = "start";
    const REPEAT: Repeat = Repeat::Safe;
    type Reply = Ks;

    fn secrets(&self) -> Vec<&str> {
        vec![self.secret.reveal()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_hashes_are_of_session_then_token() {
        // Checked with md5sum, sha1sum, sha256sum and sha512sum of the text `kstoken`.
        let expected = [
            (AppTokenHashType::Md5, MD5_OF_KSTOKEN),
            (AppTokenHashType::Sha1, SHA1_OF_KSTOKEN),
            (AppTokenHashType::Sha256, SHA256_OF_KSTOKEN),
            (AppTokenHashType::Sha512, SHA512_OF_KSTOKEN),
        ];
        for (hash_type, hash) in expected {
            let token = AppToken {
                id: "1".to_owned(),
                token: "token".into(),
                hash_type,
            };
            assert_eq!(token.hash(&Ks::from("ks")), hash, "{}", hash_type.name());
        }
    }

    const MD5_OF_KSTOKEN: &str = "934aaebdb5c2dcd4d0a88e9d2854523a";
    const SHA1_OF_KSTOKEN: &str = "8f178524943f6e7f12fd34c075b7edd16cb4877a";
    const SHA256_OF_KSTOKEN: &str = "400ceeab00a1aa0188634da3e4a3f1640ae716972da4e7e12198191011e150a6";
    const SHA512_OF_KSTOKEN: &str = "bc0b89430342242cd95108771d0c7bf26811dca7480e63f5489111fbf58b9dec834ee1f6edce67737f42757485b36e2f46eb7e25fedef65a10e7ac640a6a562f";

    #[test]
    fn the_stored_secret_reads_as_documented() {
        let token: AppToken =
            serde_json::from_str(r#"{"id":"1_a","token":"t0p","hash_type":"SHA1"}"#).unwrap();
        assert_eq!(token.hash_type, AppTokenHashType::Sha1);
        assert!(!format!("{token:?}").contains("t0p"));
    }
}
