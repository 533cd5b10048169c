//! The secrets that pass through the stand-in, by their real values: what a test looks for wherever nothing secret may stand.

use crate::params::{self, Params};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// The secret of the vendor's app token.
    AppToken,
    /// An account's admin secret.
    AdminSecret,
    /// A task's access key, as it was made.
    AccessKey,
    /// Any other session, as it was answered or came with a call.
    Session,
    /// The hash of app token and session.
    TokenHash,
    /// The signature of a request to S3, from a header line or an address.
    Signature,
    /// The token of temporary credentials, from a header line or an address.
    SessionToken,
    /// An address that carries its signature.
    PresignedAddress,
    /// The caption token or the media key of a live event.
    LiveKey,
}

/// Secrets by value.
pub(crate) type Secrets = BTreeMap<String, SecretKind>;

/// Notes the secrets that came with a call.
pub(crate) fn note_sent(secrets: &mut Secrets, sent: &Params) {
    for (name, member) in sent {
        match (name.as_str(), params::text(member)) {
            ("ks", Some(ks)) => note(secrets, SecretKind::Session, &ks),
            ("tokenHash", Some(hash)) => note(secrets, SecretKind::TokenHash, &hash),
            ("captionToken" | "mediaKey", Some(key)) => note(secrets, SecretKind::LiveKey, &key),
            ("url", Some(url)) => note_address(secrets, &url),
            ("urlHeaders", _) => {
                for header in params::list(member) {
                    note_header(
                        secrets,
                        &header.get("value").and_then(params::text).unwrap_or_default(),
                    );
                }
            }
            _ => {
                if let Value::Object(members) = member {
                    note_sent(secrets, members);
                }
            }
        }
    }
}

/// Notes the session in an answer: its `ks`, or that in an address.
pub(crate) fn note_answered(secrets: &mut Secrets, answer: &Value) {
    let text = answer.as_str().unwrap_or_default();
    let in_path = text
        .split("/ks/")
        .nth(1)
        .and_then(|rest| rest.split(['/', '?']).next());
    let ks = answer.get("ks").and_then(Value::as_str).or(in_path);
    if let Some(ks) = ks {
        note(secrets, SecretKind::Session, ks);
    }
}

fn note_header(secrets: &mut Secrets, line: &str) {
    let (name, value) = line.split_once(':').unwrap_or_default();
    match name.trim().to_ascii_lowercase().as_str() {
        "authorization" => {
            let signature = value.split("Signature=").nth(1).unwrap_or(value);
            note(secrets, SecretKind::Signature, signature.trim());
        }
        "x-amz-security-token" => note(secrets, SecretKind::SessionToken, value.trim()),
        _ => {}
    }
}

fn note_address(secrets: &mut Secrets, address: &str) {
    let Ok(url) = url::Url::parse(address) else {
        return;
    };
    for (name, value) in url.query_pairs() {
        match name.to_ascii_lowercase().as_str() {
            "x-amz-signature" => {
                note(secrets, SecretKind::Signature, &value);
                note(secrets, SecretKind::PresignedAddress, address);
            }
            "x-amz-security-token" => note(secrets, SecretKind::SessionToken, &value),
            _ => {}
        }
    }
}

fn note(secrets: &mut Secrets, kind: SecretKind, value: &str) {
    if !value.is_empty() && !secrets.contains_key(value) {
        secrets.insert(value.to_owned(), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_signs_is_a_secret_and_what_is_signed_is_none() {
        let sent = json!({
            "ks": "djJ8",
            "contentResource": {
                "url": "https://b.s3.eu-west-1.amazonaws.com/a.txt?X-Amz-Date=1&X-Amz-Signature=5167&X-Amz-Security-Token=a%2Fb",
                "urlHeaders": [
                    {"value": "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/1, SignedHeaders=host, Signature=beef"},
                    {"value": "x-amz-date: 20260101T000000Z"},
                    {"value": "x-amz-security-token: Fwo+="},
                ],
            },
        });
        let mut secrets = Secrets::new();
        note_sent(&mut secrets, sent.as_object().expect("an object"));
        let address = sent["contentResource"]["url"].as_str().expect("a text");
        let expected = [
            ("djJ8", SecretKind::Session),
            ("5167", SecretKind::Signature),
            ("a/b", SecretKind::SessionToken),
            (address, SecretKind::PresignedAddress),
            ("beef", SecretKind::Signature),
            ("Fwo+=", SecretKind::SessionToken),
        ];
        assert_eq!(
            secrets,
            expected.map(|(value, kind)| (value.to_owned(), kind)).into()
        );
    }

    #[test]
    fn sessions_are_found_in_answers() {
        let mut secrets = Secrets::new();
        for answer in [
            json!({"ks": "one", "objectType": "KalturaSessionInfo"}),
            json!("http://127.0.0.1:1/api_v3/action/serve/captionAssetId/0_a/v/1/ks/two/a.srt"),
            json!({"id": 7}),
            Value::Null,
        ] {
            note_answered(&mut secrets, &answer);
        }
        assert_eq!(secrets.keys().collect::<Vec<_>>(), ["one", "two"]);
    }
}
