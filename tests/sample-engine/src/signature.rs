//! The protocol's signature, from both sides: HMAC-SHA-256 with the shared secret over method, path, time, nonce and the
//! hash of the body, a line each.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// How far a request's time may be from ours, either way.
const WINDOW_S: u64 = 300;

/// The seconds since 1970.
pub(crate) fn now_epoch_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map(|now| now.as_secs()).unwrap_or_default()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(digits).collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    digits
        .chunks(2)
        .map(|pair| u8::try_from(16 * pair[0] + pair[1]).ok())
        .collect()
}

/// Signs, verifies, and remembers which nonces it has seen.
pub(crate) struct Signer {
    key: Hmac<Sha256>,
    /// Nonces with the times of their requests. One older than the window is of no use to anybody.
    seen: HashMap<String, u64>,
}

impl Signer {
    /// With the shared secret; `None` where it has fewer than 32 bytes.
    pub fn new(secret: &str) -> Option<Self> {
        let key = Hmac::new_from_slice(secret.as_bytes()).ok()?;
        (secret.len() >= 32).then(|| Self {
            key,
            seen: HashMap::new(),
        })
    }

    fn mac(&self, method: &str, path: &str, timestamp: &str, nonce: &str, body: &[u8]) -> Hmac<Sha256> {
        let body = hex(&Sha256::digest(body));
        let mut mac = self.key.clone();
        mac.update(format!("{method}\n{path}\n{timestamp}\n{nonce}\n{body}").as_bytes());
        mac
    }

    /// The headers of a request that is sent now.
    pub fn sign(&self, method: &str, path: &str, body: &[u8]) -> [(&'static str, String); 3] {
        let timestamp = now_epoch_s().to_string();
        let nonce = hex(&rand::random::<[u8; 16]>());
        let signature = self.mac(method, path, &timestamp, &nonce, body).finalize();
        let signature = format!("v1={}", hex(&signature.into_bytes()));
        [
            ("reach-timestamp", timestamp),
            ("reach-nonce", nonce),
            ("reach-signature", signature),
        ]
    }

    /// Whether a request is the pipeline's, is of these minutes, and comes for the first time; if not, why.
    pub fn verify(
        &mut self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), String> {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| format!("the header {name} is missing"))
        };
        let (timestamp, nonce) = (header("reach-timestamp")?, header("reach-nonce")?);
        let signature = header("reach-signature")?;
        let signature = signature.strip_prefix("v1=").and_then(bytes_of);
        let signature = signature.ok_or("the signature is not v1= and hexadecimal digits")?;
        if !(16..=64).contains(&nonce.len()) {
            return Err("the nonce does not have 16 to 64 characters".to_owned());
        }
        // Compares in constant time.
        self.mac(method, path, timestamp, nonce, body)
            .verify_slice(&signature)
            .map_err(|_| "the signature is wrong".to_owned())?;
        let now = now_epoch_s();
        let signed: u64 = timestamp.parse().map_err(|_| "the time is no number")?;
        if now.abs_diff(signed) > WINDOW_S {
            return Err("the request is too old, or from the future".to_owned());
        }
        // One from the future's end of the window may come again for twice the window.
        self.seen.retain(|_, signed| now <= *signed + 2 * WINDOW_S);
        match self.seen.insert(nonce.to_owned(), signed) {
            None => Ok(()),
            Some(_) => Err("the request came before".to_owned()),
        }
    }
}
