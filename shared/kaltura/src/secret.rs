//! Sessions, access keys and other secrets: they print redacted, and are read out by name only.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{FromJson, Shape, field};

macro_rules! secret {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        ///
        /// `Debug` and `Display` print it redacted. `Serialize` and `Deserialize` write and read the secret itself:
        /// they are for storage that is encrypted at rest, and for nothing else.
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The secret itself.
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("(redacted)")
            }
        }

        impl FromJson for $name {
            fn from_json(value: Value) -> Result<Self, Shape> {
                match value {
                    Value::String(text) if !text.is_empty() => Ok(Self(text)),
                    other => Err(Shape::new(concat!("a ", stringify!($name)), &other)),
                }
            }
        }

        field!($name);
    };
}

secret!(
    /// A Kaltura session (KS) of the vendor's own account: for getJobs, updateJob and extendAccessKey.
    Ks
);
secret!(
    /// A task's access key: a KS of the customer's account, bound to the task's entry, for every other call (spec 1.5).
    AccessKey
);
secret!(
    /// The token of an application token, as the admin of the vendor's account was shown it once.
    AppTokenSecret
);
secret!(
    /// The admin secret of an account. Only [`crate::calls::StartSession`] takes it; app tokens are the better way.
    AdminSecret
);

impl AccessKey {
    /// When the key expires, in seconds since 1970, as the key itself says.
    ///
    /// Only a KS of version 1 can be read (`base64(hash|partner;pattern;expiry;type;…)`, spec 4.1); those of version 2
    /// are encrypted: `None`, and the caller reckons from `createdAt` (at least 7 days, spec 1.5).
    pub fn expires_epoch_s(&self) -> Option<u64> {
        ks_v1_expiry(&self.0)
    }
}

impl Ks {
    /// When the session expires, as [`AccessKey::expires_epoch_s`].
    pub fn expires_epoch_s(&self) -> Option<u64> {
        ks_v1_expiry(&self.0)
    }
}

fn ks_v1_expiry(ks: &str) -> Option<u64> {
    let bytes = STANDARD.decode(ks).or_else(|_| URL_SAFE.decode(ks)).ok()?;
    if bytes.starts_with(b"v2|") {
        return None;
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    let (hash, info) = text.split_once('|')?;
    if hash.len() != 40 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    info.split(';').nth(2)?.parse().ok()
}

/// A URL that may carry a session or a signature: prints as its scheme and host.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The whole URL.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SecretUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Reads as its text, so that it can be parsed without a detour; printing stays redacted.
impl std::ops::Deref for SecretUrl {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match url::Url::parse(&self.0) {
            Ok(url) => write!(
                f,
                "{}://{}/(redacted)",
                url.scheme(),
                url.host_str().unwrap_or("?")
            ),
            Err(_) => f.write_str("(redacted, not a URL)"),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromJson for SecretUrl {
    fn from_json(value: Value) -> Result<Self, Shape> {
        String::from_json(value).map(Self)
    }
}

impl crate::json::Field for SecretUrl {
    /// A missing URL is empty: the caller sees at once that there is nothing to fetch.
    fn from_field(value: Option<Value>) -> Result<Self, Shape> {
        match value {
            None | Some(Value::Null) => Ok(Self(String::new())),
            Some(value) => Self::from_json(value),
        }
    }
}

/// Takes secrets out of a text of the server's: the given ones, the query of every URL, and what follows `/ks/` in one.
pub(crate) fn scrub(text: &str, secrets: &[&str]) -> String {
    let mut clean = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= 6) {
        clean = clean.replace(*secret, "(redacted)");
    }
    let mut out = String::with_capacity(clean.len());
    for word in clean.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>')) {
        if word.contains("://") {
            let end = word
                .trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'))
                .len();
            let (url, tail) = word.split_at(end);
            let cut = [url.find('?'), url.find("/ks/").map(|at| at + 3)]
                .into_iter()
                .flatten()
                .min();
            match cut {
                Some(at) => {
                    out.push_str(&url[..=at]);
                    out.push_str("(redacted)");
                }
                None => out.push_str(url),
            }
            out.push_str(tail);
        } else {
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample key of Kaltura's guide.
    const GUIDE_KEY: &str = "OTNmNDE5Zjk2MDQxMTZkZWRhZjg1NTkzNTkxZDY5NDRjM2Y1ZmNlZnwxMTA7MTEwOzE1MjE3MjYwODg7MDsxNTIxNjM5Njg4LjQyMTM7O2VkaXQ6MF9vMnozNDU4dyxzZXRyb2xlOlJFQUNIX1ZFTkRPUl9ST0xFLGRpc2FibGVlbnRpdGxlbWVudGZvcmVudHJ5OjBfbzJ6MzQ1OHcsZW5hYmxlY2FwdGlvbm1vZGVyYXRpb247Ow==";

    #[test]
    fn the_guides_key_tells_its_expiry() {
        assert_eq!(AccessKey::from(GUIDE_KEY).expires_epoch_s(), Some(1_521_726_088));
    }

    #[test]
    fn keys_that_cant_be_read_tell_none() {
        let v2 = URL_SAFE.encode(b"v2|110|\x00\x9f\x92\x96");
        let no_hash = STANDARD.encode("110;110;1521726088;0;1;;");
        let short_hash = STANDARD.encode("abc|110;110;1521726088;0;1;;");
        for text in ["", "a-key", "====", &v2, &no_hash, &short_hash] {
            assert_eq!(AccessKey::from(text).expires_epoch_s(), None, "{text}");
        }
    }

    #[test]
    fn secrets_print_redacted() {
        let key = AccessKey::from(GUIDE_KEY);
        assert_eq!(format!("{key} {key:?}"), "(redacted) AccessKey(redacted)");
        let url = SecretUrl::from("https://cdn.example.com/p/1/ks/djJ8/a.m3u8?sig=1");
        assert_eq!(
            format!("{url} {url:?}"),
            "https://cdn.example.com/(redacted) https://cdn.example.com/(redacted)"
        );
    }

    #[test]
    fn stored_secrets_come_back() {
        let key = AccessKey::from(GUIDE_KEY);
        let stored = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<AccessKey>(&stored).unwrap(), key);
    }

    #[test]
    fn scrub_takes_out_sessions_queries_and_ks_paths() {
        let text = "bad ks djJ8MTIz, URL \"https://s3.example/x.vtt?X-Amz-Signature=abc\" and https://k/ks/djJ8/a.m3u8 end";
        assert_eq!(
            scrub(text, &["djJ8MTIz"]),
            "bad ks (redacted), URL \"https://s3.example/x.vtt?(redacted)\" and https://k/ks/(redacted) end"
        );
    }
}
