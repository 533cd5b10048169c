//! Links to objects that live longer than the credentials of whoever made them.
//!
//! A presigned address of S3 ends with the session of the role that signed it, within hours; a job may take days. So a link
//! leads to the stack's own door, says which object is meant, for which method and until when, and carries a signature by a
//! secret of the stack. The door presigns an address afresh each time it is asked. What lives here: making and opening such
//! links. What doesn't: the door (`functions/door`), and who may have a link.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::config::setting;
use crate::error::Result;
use crate::ports::LinkMethod;

/// How long a link for a job is good: longer than any job may run (720 hours).
pub const JOB_LINK_TTL_S: u64 = 31 * 24 * 60 * 60;

/// What may be read by a link.
const READABLE: [&str; 5] = ["media/", "engine/", "transcripts/", "deliverables/", "drafts/"];
/// What may be written by one: never media or orders, which the pipeline trusts.
const WRITABLE: [&str; 2] = ["engine/", "drafts/"];

const MOST_KEY_BYTES: usize = 500;
const VERSION: &str = "1";
const LEAST_SECRET_BYTES: usize = 32;
/// Keeps these signatures apart from all others that the secret may ever make.
const DOMAIN: &[u8] = b"reach-vendor link\n";

/// Why a link is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It is none: cut off, or of another shape or version.
    #[error("the link can't be read")]
    Malformed,
    /// It was not made by this stack, or was changed since.
    #[error("the link's signature is wrong")]
    Forged,
    /// Its time is over.
    #[error("the link is over since {since_s} s")]
    Expired {
        /// For how long, in seconds.
        since_s: u64,
    },
    /// It is for the other method.
    #[error("the link is for {}", .expected.name())]
    WrongMethod {
        /// The method that it is for.
        expected: LinkMethod,
    },
    /// An object that no link may lead to. Of a link made by this stack only if what it may lead to has changed since.
    #[error("no link may lead to such an object")]
    ForbiddenKey,
}

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The method.
    pub method: LinkMethod,
    /// The object's key.
    pub key: String,
    /// Until when, in seconds since 1970.
    pub expires_epoch_s: u64,
}

/// Makes and opens links. Prints without its secret.
#[derive(Clone)]
pub struct Links {
    base_url: String,
    secret: Hmac<Sha256>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links {{ base_url: {:?}, secret: redacted }}", self.base_url)
    }
}

/// What signs with the stack's secret, which has at least 32 bytes.
pub(crate) fn keyed(secret: &str) -> Result<Hmac<Sha256>> {
    let short = || setting("LINK_SECRET_ARN", "the secret is shorter than 32 bytes");
    if secret.len() < LEAST_SECRET_BYTES {
        return Err(short());
    }
    Hmac::new_from_slice(secret.as_bytes()).map_err(|_| short())
}

impl Links {
    /// Links under `base_url`, the door's address, signed with a secret of at least 32 bytes.
    pub fn new(base_url: &str, secret: &str) -> Result<Self> {
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            secret: keyed(secret)?,
        })
    }

    fn mac(&self, payload: &str) -> Hmac<Sha256> {
        let mut mac = self.secret.clone();
        mac.update(DOMAIN);
        mac.update(payload.as_bytes());
        mac
    }

    /// The token of a link. [`LinkError::ForbiddenKey`] for an object that no link may lead to by that method.
    pub fn token(&self, link: &Link) -> std::result::Result<String, LinkError> {
        if !may_lead_to(link.method, &link.key) {
            return Err(LinkError::ForbiddenKey);
        }
        let payload = format!(
            "{VERSION} {} {} {}",
            link.method.name(),
            link.expires_epoch_s,
            link.key
        );
        let signature = self.mac(&payload).finalize().into_bytes();
        Ok(format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(payload),
            URL_SAFE_NO_PAD.encode(signature)
        ))
    }

    /// The link itself: `https://<door>/links/<token>`. Whoever has it has the object, so it is not for a log.
    pub fn url(&self, link: &Link) -> std::result::Result<String, LinkError> {
        Ok(format!("{}/links/{}", self.base_url, self.token(link)?))
    }

    /// Opens a token that came with this method at this time. The signature is compared in constant time, and nothing is
    /// told of a forged token but that it is one.
    pub fn open(
        &self,
        method: LinkMethod,
        token: &str,
        now_epoch_s: u64,
    ) -> std::result::Result<Link, LinkError> {
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| LinkError::Malformed);
        let (payload, signature) = token.split_once('.').ok_or(LinkError::Malformed)?;
        let payload = String::from_utf8(decoded(payload)?).map_err(|_| LinkError::Malformed)?;
        let signature = decoded(signature)?;
        self.mac(&payload)
            .verify_slice(&signature)
            .map_err(|_| LinkError::Forged)?;
        let link = read(&payload).ok_or(LinkError::Malformed)?;
        if now_epoch_s >= link.expires_epoch_s {
            return Err(LinkError::Expired {
                since_s: now_epoch_s - link.expires_epoch_s,
            });
        }
        if method != link.method {
            return Err(LinkError::WrongMethod {
                expected: link.method,
            });
        }
        if !may_lead_to(method, &link.key) {
            return Err(LinkError::ForbiddenKey);
        }
        Ok(link)
    }
}

fn read(payload: &str) -> Option<Link> {
    let mut fields = payload.splitn(4, ' ');
    if fields.next()? != VERSION {
        return None;
    }
    let method = match fields.next()? {
        "GET" => LinkMethod::Get,
        "PUT" => LinkMethod::Put,
        _ => return None,
    };
    Some(Link {
        method,
        expires_epoch_s: fields.next()?.parse().ok()?,
        key: fields.next()?.to_owned(),
    })
}

/// Whether a link may lead to this object by this method: below one of the known prefixes, of the characters that keys
/// have (spec 3.4), without steps upwards.
pub fn may_lead_to(method: LinkMethod, key: &str) -> bool {
    let prefixes: &[&str] = match method {
        LinkMethod::Get => &READABLE,
        LinkMethod::Put => &WRITABLE,
    };
    let segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    key.len() <= MOST_KEY_BYTES
        && prefixes.iter().any(|prefix| key.starts_with(prefix))
        && key.split('/').all(segment)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_EPOCH_S: u64 = 1_790_000_000;

    fn links() -> Links {
        Links::new(
            "https://door.example.com/",
            "a secret of more than thirty-two letters",
        )
        .unwrap()
    }

    fn link(method: LinkMethod, key: &str) -> Link {
        Link {
            method,
            key: key.to_owned(),
            expires_epoch_s: NOW_EPOCH_S + JOB_LINK_TTL_S,
        }
    }

    #[test]
    fn a_link_is_opened_until_its_time_is_over() {
        let made = link(LinkMethod::Get, "media/9292/1.mp4");
        let url = links().url(&made).unwrap();
        let token = url.strip_prefix("https://door.example.com/links/").unwrap();
        let opened = |now| links().open(LinkMethod::Get, token, now);
        assert_eq!(opened(NOW_EPOCH_S), Ok(made.clone()));
        assert_eq!(opened(made.expires_epoch_s - 1), Ok(made.clone()));
        assert_eq!(
            opened(made.expires_epoch_s),
            Err(LinkError::Expired { since_s: 0 })
        );
        assert_eq!(
            opened(made.expires_epoch_s + 60),
            Err(LinkError::Expired { since_s: 60 })
        );
    }

    #[test]
    fn a_secret_has_thirty_two_bytes_or_more() {
        let of = |count: usize| Links::new("https://door.example.com", &"s".repeat(count));
        assert!(of(32).is_ok());
        assert!(of(31).is_err());
    }

    #[test]
    fn a_link_is_for_one_method() {
        let token = links()
            .token(&link(LinkMethod::Put, "engine/9292/1/sound"))
            .unwrap();
        assert_eq!(
            links().open(LinkMethod::Get, &token, NOW_EPOCH_S),
            Err(LinkError::WrongMethod {
                expected: LinkMethod::Put
            })
        );
    }

    #[test]
    fn no_link_leads_where_none_may() {
        for (method, key) in [
            (LinkMethod::Get, "orders/9292.json"),
            (LinkMethod::Put, "media/9292/1.mp4"),
            (LinkMethod::Put, "transcripts/9292/1.json"),
            (LinkMethod::Get, "media/"),
            (LinkMethod::Get, "media/../orders/9292.json"),
            (LinkMethod::Get, "media//9292"),
            (LinkMethod::Get, "media/92 92"),
            (LinkMethod::Get, "media/ü"),
            (LinkMethod::Get, "/media/9292"),
            (LinkMethod::Get, ""),
        ] {
            assert_eq!(
                links().token(&link(method, key)),
                Err(LinkError::ForbiddenKey),
                "{key}"
            );
        }
        let long = format!("media/{}", "9".repeat(MOST_KEY_BYTES));
        assert!(!may_lead_to(LinkMethod::Get, &long));
    }

    #[test]
    fn another_stack_s_link_is_forged() {
        let foreign = Links::new("https://door.example.com", "another secret of thirty-two letters").unwrap();
        let token = foreign.token(&link(LinkMethod::Get, "media/9292/1.mp4")).unwrap();
        assert_eq!(
            links().open(LinkMethod::Get, &token, NOW_EPOCH_S),
            Err(LinkError::Forged)
        );
    }

    #[test]
    fn what_is_signed_and_of_another_version_cant_be_read() {
        for payload in [
            "2 GET 1799999999 media/1",
            "1 HEAD 1799999999 media/1",
            "1 GET soon media/1",
            "1 GET",
        ] {
            let signature = links().mac(payload).finalize().into_bytes();
            let token = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(payload),
                URL_SAFE_NO_PAD.encode(signature)
            );
            assert_eq!(
                links().open(LinkMethod::Get, &token, NOW_EPOCH_S),
                Err(LinkError::Malformed)
            );
        }
    }

    #[test]
    fn a_secret_is_long_and_does_not_print() {
        assert!(Links::new("https://door.example.com", "short").is_err());
        let printed = format!("{:?}", links());
        assert!(
            printed.contains("redacted") && !printed.contains("thirty"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn what_is_made_is_opened(
            put in any::<bool>(),
            name in "[A-Za-z0-9_-]{1,60}",
            ttl_s in 1..JOB_LINK_TTL_S,
        ) {
            let method = if put { LinkMethod::Put } else { LinkMethod::Get };
            let made = Link { expires_epoch_s: NOW_EPOCH_S + ttl_s, ..link(method, &format!("engine/{name}")) };
            let token = links().token(&made).unwrap();
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
            prop_assert_eq!(links().open(method, &token, NOW_EPOCH_S), Ok(made));
        }

        /// Any one character changed, the link is no longer opened.
        #[test]
        fn what_is_changed_is_not_opened(at in any::<prop::sample::Index>(), by in "[A-Za-z0-9_-]") {
            let token = links().token(&link(LinkMethod::Get, "media/9292/1.mp4")).unwrap();
            let at = at.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &by);
            prop_assume!(changed != token);
            let opened = links().open(LinkMethod::Get, &changed, NOW_EPOCH_S);
            prop_assert!(matches!(opened, Err(LinkError::Forged | LinkError::Malformed)), "{:?}", opened);
        }

        #[test]
        fn whatever_comes_is_answered(token in ".{0,200}") {
            prop_assert!(links().open(LinkMethod::Get, &token, NOW_EPOCH_S).is_err());
        }
    }
}
