//! The tokens of live captions: who may listen to a stream, speak into it, publish to it, or come for the account.
//!
//! All are made from the stack's secret and checked without a store. Each purpose signs in a domain of its own, so that none
//! passes for another.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use kaltura::TaskId;
use sha2::Sha256;

use crate::error::Result;
use crate::links::keyed;

/// Keeps these signatures apart from all others that the secret may ever make.
const DOMAIN: &str = "reach-vendor live";
/// How long a session of the account is good, in seconds.
const SESSION_TTL_S: u64 = 60 * 60;
/// No token is longer.
const MOST_TOKEN_BYTES: usize = 200;

/// A token. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct LiveToken(String);

impl LiveToken {
    /// The token in clear: for the one who is to use it, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LiveToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveToken(redacted)")
    }
}

/// What a signature is for.
#[derive(Clone, Copy)]
enum Purpose {
    Caption,
    Media,
    Engine,
    Account,
    Session,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Caption => "caption",
            Self::Media => "media",
            Self::Engine => "engine",
            Self::Account => "account",
            Self::Session => "session",
        }
    }
}

/// Makes and checks the tokens. Prints without its secret.
#[derive(Clone)]
pub struct LiveTokens {
    secret: Hmac<Sha256>,
    account_version: u64,
}

impl fmt::Debug for LiveTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LiveTokens {{ secret: redacted, account_version: {} }}",
            self.account_version
        )
    }
}

impl LiveTokens {
    /// Tokens of a secret of at least 32 bytes. Another `account_version` makes another account token, and the former one
    /// is no longer taken.
    pub fn new(secret: &str, account_version: u64) -> Result<Self> {
        Ok(Self {
            secret: keyed(secret)?,
            account_version,
        })
    }

    fn mac(&self, purpose: Purpose, what: &str) -> Hmac<Sha256> {
        let mut mac = self.secret.clone();
        mac.update(format!("{DOMAIN}\n{}\n{what}", purpose.name()).as_bytes());
        mac
    }

    fn signature(&self, purpose: Purpose, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(purpose, what).finalize().into_bytes())
    }

    /// In constant time, whatever the signature.
    fn is_signature(&self, purpose: Purpose, what: &str, signature: &str) -> bool {
        let given = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        signature.len() <= MOST_TOKEN_BYTES && self.mac(purpose, what).verify_slice(&given).is_ok()
    }

    /// The token by which Kaltura listens to a stream's captions (`captionToken`).
    pub fn caption(&self, task_id: &TaskId) -> LiveToken {
        LiveToken(self.signature(Purpose::Caption, task_id.as_str()))
    }

    /// Whether this is the stream's caption token.
    pub fn is_caption(&self, task_id: &TaskId, token: &str) -> bool {
        self.is_signature(Purpose::Caption, task_id.as_str(), token)
    }

    /// The address by which Kaltura listens (`captionUrl`): `base_url` with the stream and its caption token.
    pub fn caption_url(&self, base_url: &str, task_id: &TaskId) -> LiveToken {
        LiveToken(format!(
            "{base_url}?stream={task_id}&token={}",
            self.caption(task_id).reveal()
        ))
    }

    /// The name under which Kaltura publishes the stream's media (`mediaKey`): the task and a signature.
    pub fn media_key(&self, task_id: &TaskId) -> LiveToken {
        LiveToken(format!(
            "{task_id}-{}",
            self.signature(Purpose::Media, task_id.as_str())
        ))
    }

    /// The task whose media key this is; `None` for all else.
    pub fn open_media_key(&self, media_key: &str) -> Option<TaskId> {
        let (task_id, signature) = media_key.split_once('-')?;
        let task_id = TaskId::parse(task_id).ok()?;
        self.is_signature(Purpose::Media, task_id.as_str(), signature)
            .then_some(task_id)
    }

    /// The token by which an engine or a stenographer posts a stream's words.
    pub fn engine(&self, task_id: &TaskId) -> LiveToken {
        LiveToken(self.signature(Purpose::Engine, task_id.as_str()))
    }

    /// Whether this is the stream's engine token.
    pub fn is_engine(&self, task_id: &TaskId, token: &str) -> bool {
        self.is_signature(Purpose::Engine, task_id.as_str(), token)
    }

    /// The token that the vendor gives to Kaltura once, for the account.
    pub fn account(&self) -> LiveToken {
        LiveToken(self.signature(Purpose::Account, &self.account_version.to_string()))
    }

    /// Whether this is the account's token of today.
    pub fn is_account(&self, token: &str) -> bool {
        self.is_signature(Purpose::Account, &self.account_version.to_string(), token)
    }

    /// A session of the account, which is good for an hour, and for how many seconds that is.
    pub fn session(&self, now_epoch_s: u64) -> (LiveToken, u64) {
        let expires_epoch_s = now_epoch_s + SESSION_TTL_S;
        let signature = self.signature(Purpose::Session, &self.session_text(expires_epoch_s));
        (LiveToken(format!("{expires_epoch_s}.{signature}")), SESSION_TTL_S)
    }

    fn session_text(&self, expires_epoch_s: u64) -> String {
        format!("{expires_epoch_s} {}", self.account_version)
    }

    /// Whether this is a session of the account that is not over.
    pub fn is_session(&self, token: &str, now_epoch_s: u64) -> bool {
        let Some((expires, signature)) = token.split_once('.') else {
            return false;
        };
        let Ok(expires_epoch_s) = expires.parse::<u64>() else {
            return false;
        };
        self.is_signature(Purpose::Session, &self.session_text(expires_epoch_s), signature)
            && now_epoch_s < expires_epoch_s
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_EPOCH_S: u64 = 1_790_000_000;
    const SECRET: &str = "a secret of more than thirty-two letters";

    fn tokens() -> LiveTokens {
        LiveTokens::new(SECRET, 1).unwrap()
    }

    fn task(id: &str) -> TaskId {
        TaskId::parse(id).unwrap()
    }

    #[test]
    fn a_secret_has_thirty_two_bytes_or_more() {
        assert!(LiveTokens::new(&"s".repeat(32), 1).is_ok());
        assert!(LiveTokens::new(&"s".repeat(31), 1).is_err());
    }

    #[test]
    fn each_token_is_good_for_its_own_stream_and_purpose_alone() {
        let tokens = tokens();
        let (ours, other) = (task("9292"), task("929"));
        let caption = tokens.caption(&ours);
        let engine = tokens.engine(&ours);
        assert!(tokens.is_caption(&ours, caption.reveal()) && tokens.is_engine(&ours, engine.reveal()));
        assert!(!tokens.is_caption(&other, caption.reveal()) && !tokens.is_engine(&other, engine.reveal()));
        assert!(!tokens.is_caption(&ours, engine.reveal()) && !tokens.is_engine(&ours, caption.reveal()));
        assert!(!tokens.is_account(caption.reveal()) && !tokens.is_caption(&ours, tokens.account().reveal()));
        assert_eq!(
            tokens.open_media_key(tokens.media_key(&ours).reveal()),
            Some(ours.clone())
        );
        let media_key = tokens.media_key(&ours).reveal().replacen("9292", "929", 1);
        assert_eq!(tokens.open_media_key(&media_key), None);
        let url = tokens.caption_url("wss://live.example.com/live", &ours);
        let token = url
            .reveal()
            .strip_prefix("wss://live.example.com/live?stream=9292&token=");
        assert_eq!(token, Some(caption.reveal()));
    }

    #[test]
    fn another_stack_s_tokens_are_not_taken() {
        let foreign = LiveTokens::new("another secret of thirty-two letters", 1).unwrap();
        let ours = task("9292");
        assert!(!tokens().is_caption(&ours, foreign.caption(&ours).reveal()));
        assert!(!tokens().is_account(foreign.account().reveal()));
        assert_eq!(tokens().open_media_key(foreign.media_key(&ours).reveal()), None);
    }

    #[test]
    fn a_session_ends_and_goes_with_the_account_token_that_it_came_by() {
        let (session, expires_in_s) = tokens().session(NOW_EPOCH_S);
        assert!(tokens().is_session(session.reveal(), NOW_EPOCH_S + expires_in_s - 1));
        assert!(!tokens().is_session(session.reveal(), NOW_EPOCH_S + expires_in_s));
        let later = session.reveal().replacen("179", "189", 1);
        assert!(!tokens().is_session(&later, NOW_EPOCH_S));
        let rotated = LiveTokens::new(SECRET, 2).unwrap();
        assert!(!rotated.is_account(tokens().account().reveal()));
        assert!(!rotated.is_session(session.reveal(), NOW_EPOCH_S));
    }

    #[test]
    fn secrets_are_long_and_do_not_print() {
        assert!(LiveTokens::new("short", 1).is_err());
        let printed = format!("{:?} {:?}", tokens(), tokens().media_key(&task("9292")));
        assert!(
            !printed.contains("thirty") && !printed.contains("9292"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_is_no_token(token in ".{0,80}") {
            let ours = task("9292");
            prop_assert!(!tokens().is_caption(&ours, &token) && !tokens().is_engine(&ours, &token));
            prop_assert!(!tokens().is_account(&token) && !tokens().is_session(&token, NOW_EPOCH_S));
            prop_assert_eq!(tokens().open_media_key(&token), None);
        }
    }
}
