//! How the pipeline and the vendor's engine sign what they send each other.
//!
//! Both hold one secret. A request is signed by HMAC-SHA-256 over its method, path, time, a nonce and the hash of its
//! body; whoever receives it refuses what is older or newer than five minutes. What lives here: the signature. What
//! doesn't: a memory of nonces. The engine keeps one (`openapi.yaml` says for how long); the pipeline needs none, since a
//! callback is a hint only and may come as often as it likes.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The header of the time at which a request was signed, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "reach-timestamp";
/// The header of the nonce: no two requests of one sender have the same.
pub const NONCE_HEADER: &str = "reach-nonce";
/// The header of the signature: `v1=` and 64 hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "reach-signature";
/// How far a request's time may be from the receiver's, in seconds, either way.
pub const WINDOW_S: u64 = 5 * 60;

/// A secret has at least so many bytes: as many as the hash it feeds.
const LEAST_SECRET_BYTES: usize = 32;

/// The secret that the pipeline and the engine share. Prints redacted.
#[derive(Clone)]
pub struct SharedSecret(Hmac<Sha256>);

impl SharedSecret {
    /// The secret of that text; `None` where it has fewer than 32 bytes.
    pub fn new(text: &str) -> Option<Self> {
        if text.len() < LEAST_SECRET_BYTES {
            return None;
        }
        Hmac::new_from_slice(text.as_bytes()).ok().map(Self)
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(redacted)")
    }
}

/// Why a request is not taken for the other side's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A header is not there.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// A header can't be read.
    #[error("the header `{0}` can't be read")]
    Malformed(&'static str),
    /// It was signed more than five minutes ago, or is signed for later than that.
    #[error("signed {off_s} s away from now, expected at most {WINDOW_S}")]
    OutsideWindow {
        /// The distance from now, in seconds.
        off_s: u64,
    },
    /// It was not signed with our secret, or was changed since.
    #[error("the signature is wrong")]
    Wrong,
}

/// What a signature is made over.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path of the address, as it was written, without host and query.
    pub path: &'a str,
    /// The body; empty where there is none.
    pub body: &'a [u8],
}

impl Signable<'_> {
    fn mac(&self, secret: &SharedSecret, timestamp: &str, nonce: &str) -> Hmac<Sha256> {
        let body_hash = hex(&Sha256::digest(self.body));
        let mut mac = secret.0.clone();
        mac.update(
            format!(
                "{}\n{}\n{timestamp}\n{nonce}\n{body_hash}",
                self.method, self.path
            )
            .as_bytes(),
        );
        mac
    }

    /// The value of [`SIGNATURE_HEADER`] for this time and nonce.
    pub fn sign(&self, secret: &SharedSecret, timestamp_epoch_s: u64, nonce: &str) -> String {
        let mac = self.mac(secret, &timestamp_epoch_s.to_string(), nonce);
        format!("v1={}", hex(&mac.finalize().into_bytes()))
    }

    /// Checks the three headers, which `header` looks up by their lower-case names. The signature is compared in constant
    /// time.
    pub fn verify<'h>(
        &self,
        secret: &SharedSecret,
        header: impl Fn(&'static str) -> Option<&'h str>,
        now_epoch_s: u64,
    ) -> Result<(), SignatureError> {
        let read = |name| header(name).ok_or(SignatureError::Missing(name));
        let timestamp = read(TIMESTAMP_HEADER)?;
        let nonce = read(NONCE_HEADER)?;
        let signature = read(SIGNATURE_HEADER)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let signed_epoch_s: u64 = Some(timestamp)
            .filter(|text| digits(text))
            .and_then(|text| text.parse().ok())
            .ok_or(SignatureError::Malformed(TIMESTAMP_HEADER))?;
        if !is_nonce(nonce) {
            return Err(SignatureError::Malformed(NONCE_HEADER));
        }
        let given = signature
            .strip_prefix("v1=")
            .and_then(unhex)
            .ok_or(SignatureError::Malformed(SIGNATURE_HEADER))?;
        let off_s = signed_epoch_s.abs_diff(now_epoch_s);
        if off_s > WINDOW_S {
            return Err(SignatureError::OutsideWindow { off_s });
        }
        self.mac(secret, timestamp, nonce)
            .verify_slice(&given)
            .map_err(|_| SignatureError::Wrong)
    }
}

/// A nonce has 16 to 64 letters, digits, `-` and `_`: nothing that could pass for the end of a line.
fn is_nonce(text: &str) -> bool {
    (16..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_EPOCH_S: u64 = 1_790_000_000;
    const NONCE: &str = "0123456789abcdef";

    fn secret() -> SharedSecret {
        SharedSecret::new("correct horse battery staple, twice over").unwrap()
    }

    const REQUEST: Signable<'static> = Signable {
        method: "PUT",
        path: "/jobs/reach-9292-1-recognise",
        body: b"{}",
    };

    fn verify(
        signed: &Signable<'_>,
        timestamp: &str,
        nonce: &str,
        signature: &str,
    ) -> Result<(), SignatureError> {
        let header = |name| match name {
            TIMESTAMP_HEADER => Some(timestamp),
            NONCE_HEADER => Some(nonce),
            _ => Some(signature),
        };
        signed.verify(&secret(), header, NOW_EPOCH_S)
    }

    /// The example of the protocol's description, for whoever writes the other side: computed by Python's hmac.
    #[test]
    fn the_signature_is_the_one_of_the_protocol_s_example() {
        assert_eq!(
            REQUEST.sign(&secret(), NOW_EPOCH_S, NONCE),
            "v1=91f7bcc761cf8cb62272786006eef91b7a4b94a2750c8a4ffb64085b022445a3"
        );
    }

    #[test]
    fn a_request_is_taken_within_five_minutes_either_way_only() {
        for (signed_epoch_s, taken) in [
            (NOW_EPOCH_S, Ok(())),
            (NOW_EPOCH_S - WINDOW_S, Ok(())),
            (NOW_EPOCH_S + WINDOW_S, Ok(())),
            (
                NOW_EPOCH_S - WINDOW_S - 1,
                Err(SignatureError::OutsideWindow { off_s: 301 }),
            ),
            (
                NOW_EPOCH_S + WINDOW_S + 1,
                Err(SignatureError::OutsideWindow { off_s: 301 }),
            ),
        ] {
            let signature = REQUEST.sign(&secret(), signed_epoch_s, NONCE);
            assert_eq!(
                verify(&REQUEST, &signed_epoch_s.to_string(), NONCE, &signature),
                taken
            );
        }
    }

    #[test]
    fn whatever_is_changed_makes_the_signature_wrong() {
        let signature = REQUEST.sign(&secret(), NOW_EPOCH_S, NONCE);
        let now = NOW_EPOCH_S.to_string();
        let others = [
            Signable {
                method: "DELETE",
                ..REQUEST
            },
            Signable {
                path: "/jobs/reach-9292-2-recognise",
                ..REQUEST
            },
            Signable {
                body: b"{ }",
                ..REQUEST
            },
        ];
        for other in others {
            assert_eq!(
                verify(&other, &now, NONCE, &signature),
                Err(SignatureError::Wrong)
            );
        }
        let later = (NOW_EPOCH_S + 1).to_string();
        assert_eq!(
            verify(&REQUEST, &later, NONCE, &signature),
            Err(SignatureError::Wrong)
        );
        assert_eq!(
            verify(&REQUEST, &now, "0123456789abcdeF", &signature),
            Err(SignatureError::Wrong)
        );
        let foreign = SharedSecret::new("correct horse battery staple, twice ovER").unwrap();
        let forged = REQUEST.sign(&foreign, NOW_EPOCH_S, NONCE);
        assert_eq!(verify(&REQUEST, &now, NONCE, &forged), Err(SignatureError::Wrong));
        assert_eq!(
            verify(&REQUEST, &now, NONCE, &signature[..signature.len() - 2]),
            Err(SignatureError::Wrong)
        );
    }

    #[test]
    fn headers_that_cant_be_read_are_named() {
        let signature = REQUEST.sign(&secret(), NOW_EPOCH_S, NONCE);
        let now = NOW_EPOCH_S.to_string();
        for (timestamp, nonce, signature, named) in [
            ("", NONCE, signature.as_str(), TIMESTAMP_HEADER),
            ("+1790000000", NONCE, &signature, TIMESTAMP_HEADER),
            (&now, "short", &signature, NONCE_HEADER),
            (&now, "0123456789abcde\n", &signature, NONCE_HEADER),
            (&now, NONCE, "v2=00", SIGNATURE_HEADER),
            (&now, NONCE, "v1=0", SIGNATURE_HEADER),
            (&now, NONCE, "v1=öö", SIGNATURE_HEADER),
        ] {
            assert_eq!(
                verify(&REQUEST, timestamp, nonce, signature),
                Err(SignatureError::Malformed(named))
            );
        }
        assert_eq!(
            REQUEST.verify(&secret(), |_| None, NOW_EPOCH_S),
            Err(SignatureError::Missing(TIMESTAMP_HEADER))
        );
    }

    #[test]
    fn a_secret_is_long_and_does_not_print() {
        assert!(SharedSecret::new("one that has thirty-one letters").is_none());
        assert!(SharedSecret::new("one that has thirty-two letters!").is_some());
        assert_eq!(format!("{:?}", secret()), "SharedSecret(redacted)");
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified(
            path in "/[a-zA-Z0-9/._-]{0,40}",
            body in proptest::collection::vec(any::<u8>(), 0..200),
            nonce in "[A-Za-z0-9_-]{16,64}",
        ) {
            let signed = Signable { method: "POST", path: &path, body: &body };
            let signature = signed.sign(&secret(), NOW_EPOCH_S, &nonce);
            prop_assert_eq!(verify(&signed, &NOW_EPOCH_S.to_string(), &nonce, &signature), Ok(()));
        }
    }
}
