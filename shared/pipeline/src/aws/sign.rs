//! SigV4 by headers, for the GET that Kaltura makes on a deliverable; and in the query, for addresses that are handed out.
//!
//! Only the GET is signed: the HEAD before it comes without headers and is refused by S3, which Kaltura ignores (spec
//! 3.4). Signed are `host`, `x-amz-content-sha256`, `x-amz-date` and, for role credentials, `x-amz-security-token`;
//! whatever else the client sends is free.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;

use crate::error::{Result, StepError};
use crate::ports::{LinkMethod, PresignedUrl, SignedGet};

/// Where objects of a bucket are addressed.
#[derive(Debug, Clone)]
pub enum Addressing {
    /// `https://<bucket>.s3.<region>.amazonaws.com/<key>`: regional, since a redirect to the right region would lose
    /// the `Authorization` header.
    VirtualHosted,
    /// `<endpoint>/<bucket>/<key>`, for an emulator on this machine.
    PathStyle {
        /// The endpoint, without a slash at its end.
        endpoint: String,
    },
}

/// The address of an object. The key must be of `[A-Za-z0-9._/-]` and without `//`, since Kaltura rewrites both (spec
/// 3.2 step 0); anything else is refused here rather than failing at Kaltura.
pub fn object_url(addressing: &Addressing, region: &str, bucket: &str, key: &str) -> Result<String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    if key.is_empty() || key.starts_with('/') || key.contains("//") || !key.chars().all(safe) {
        return Err(StepError::Aws {
            service: "s3",
            action: "sign",
            detail: format!("key `{key}` has characters outside [A-Za-z0-9._/-] or an empty segment"),
        });
    }
    Ok(match addressing {
        Addressing::VirtualHosted => format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"),
        Addressing::PathStyle { endpoint } => format!("{endpoint}/{bucket}/{key}"),
    })
}

/// Signs a GET of `url` as of `at`. The result is valid for 15 minutes around `at` and as long as the credentials are.
pub fn sign_get(url: String, region: &str, credentials: Credentials, at: SystemTime) -> Result<SignedGet> {
    let mut settings = settings();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let instructions = signed("GET", &url, &[], region, credentials, at, settings)?;
    let header_lines = instructions
        .headers()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    Ok(SignedGet { url, header_lines })
}

/// An address of `url` for one method, with its signature in the query: valid for `ttl` from `at`, and as long as the
/// credentials are.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
pub fn presign(
    method: LinkMethod,
    url: &str,
    region: &str,
    credentials: Credentials,
    at: SystemTime,
    ttl: Duration,
) -> Result<PresignedUrl> {
    presign_with(method, url, &[], region, credentials, at, ttl)
}

/// The same for a request that must have these headers, by names in small letters: they are part of what is signed.
pub fn presign_with(
    method: LinkMethod,
    url: &str,
    headers: &[(&str, &str)],
    region: &str,
    credentials: Credentials,
    at: SystemTime,
    ttl: Duration,
) -> Result<PresignedUrl> {
    let mut settings = settings();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(ttl);
    let instructions = signed(method.name(), url, headers, region, credentials, at, settings)?;
    let mut presigned = url::Url::parse(url).map_err(|error| failed(&error))?;
    presigned.query_pairs_mut().extend_pairs(instructions.params());
    Ok(PresignedUrl::new(presigned))
}

fn failed(error: &dyn std::error::Error) -> StepError {
    StepError::Aws {
        service: "s3",
        action: "sign",
        detail: error.to_string(),
    }
}

/// S3 wants the path as it is, encoded once.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

fn signed(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    region: &str,
    credentials: Credentials,
    at: SystemTime,
    settings: SigningSettings,
) -> Result<SigningInstructions> {
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(at)
        .settings(settings)
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let request = SignableRequest::new(
        method,
        url,
        headers.iter().copied(),
        SignableBody::UnsignedPayload,
    )
    .map_err(|error| failed(&error))?;
    let (instructions, _) = sign(request, &params)
        .map_err(|error| failed(&error))?
        .into_parts();
    Ok(instructions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(token: Option<&str>) -> Vec<String> {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            token.map(Into::into),
            None,
            "test",
        );
        let url = object_url(
            &Addressing::VirtualHosted,
            "eu-central-1",
            "work",
            "deliverables/9292/1-en.srt",
        )
        .unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::new(1_440_938_160, 0);
        let mut lines = sign_get(url, "eu-central-1", credentials, at)
            .unwrap()
            .header_lines;
        lines.sort();
        lines
    }

    #[test]
    fn a_signed_get_has_just_the_headers_that_kaltura_must_send() {
        insta::assert_snapshot!(signed(None).join("\n"));
    }

    #[test]
    fn role_credentials_add_their_token() {
        insta::assert_snapshot!(signed(Some("SESSIONTOKEN")).join("\n"));
    }

    /// The example of AWS's own documentation, but for the headers: the signature is checked against the emulator's S3 by the
    /// end-to-end tests.
    #[test]
    fn a_presigned_address_carries_all_of_its_signature() {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("a+b/c=".into()), None, "test");
        let at = SystemTime::UNIX_EPOCH + Duration::new(1_440_938_160, 0);
        let link = presign(
            LinkMethod::Get,
            "https://work.s3.eu-central-1.amazonaws.com/media/9292/1.mp4",
            "eu-central-1",
            credentials,
            at,
            Duration::from_mins(5),
        )
        .unwrap();
        insta::assert_snapshot!(link.reveal());
        assert_eq!(
            format!("{link:?}"),
            "PresignedUrl(https://work.s3.eu-central-1.amazonaws.com/media/9292/1.mp4?redacted)"
        );
    }

    #[test]
    fn a_key_that_kaltura_would_rewrite_is_refused() {
        for key in ["", "/a", "a//b", "a b", "a#b", "ä", "a?b", "a+b"] {
            assert!(
                object_url(&Addressing::VirtualHosted, "eu-central-1", "work", key).is_err(),
                "{key}"
            );
        }
    }

    #[test]
    fn a_signed_get_prints_without_its_signature() {
        let get = SignedGet {
            url: "https://x/y".into(),
            header_lines: vec!["authorization: secret".into()],
        };
        assert_eq!(
            format!("{get:?}"),
            "SignedGet { url: \"https://x/y\", header_lines: [1 redacted] }"
        );
    }
}
