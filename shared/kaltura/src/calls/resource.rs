//! Where an asset's content comes from.

use std::fmt;

use serde::Serialize;
use url::Url;

use crate::error::{Error, Result};
use crate::ids::UploadTokenId;

/// `KalturaContentResource`: the content for a `setContent`. `Debug` shows neither URL nor content.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ContentResource(Resource);

#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType")]
enum Resource {
    #[serde(rename = "KalturaUrlResource", rename_all = "camelCase")]
    Url {
        url: String,
        force_async_download: bool,
        url_headers: Vec<HeaderLine>,
    },
    #[serde(rename = "KalturaUploadedFileTokenResource")]
    UploadedFile { token: UploadTokenId },
    #[serde(rename = "KalturaStringResource")]
    Text { content: String },
}

/// A `KalturaString`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaString")]
struct HeaderLine {
    value: String,
}

impl ContentResource {
    /// A URL that Kaltura fetches with these header lines, each complete: `Name: value`.
    ///
    /// For captions and flavors the fetch is an import job: `setContent` answers at once with IMPORTING, and the job makes
    /// one HEAD without the headers and one GET with them (spec 3.2). Attachments are fetched within the call, *without*
    /// the headers (spec D2). `forceAsyncDownload` is sent as false, as the guide says; the server ignores it (spec D1).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL that Kaltura would change on the way (spec 3.2: a double slash after the scheme, a
    /// fragment, user and password, spaces or brackets) or a header line that it would drop or that is several lines.
    pub fn url(url: &str, header_lines: &[String]) -> Result<Self> {
        let invalid = |expected| Error::Invalid {
            what: "content URL",
            expected,
            found: "another".to_owned(),
        };
        let parsed = Url::parse(url).map_err(|_| invalid("a URL"))?;
        if !matches!(parsed.scheme(), "https" | "http") || parsed.host_str().is_none() {
            return Err(invalid("http or https and a host"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid("no user or password"));
        }
        let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
        if after_scheme.contains("//") {
            return Err(invalid(
                "no `//` after the scheme: the server makes it `/`, which breaks a signature",
            ));
        }
        if url.contains(['#', ' ', '[', ']']) || url.contains(char::is_control) {
            return Err(invalid("no fragment, space, bracket or control character"));
        }
        let url_headers = header_lines
            .iter()
            .map(|line| header_line(line))
            .collect::<Result<_>>()?;
        Ok(Self(Resource::Url {
            url: url.to_owned(),
            force_async_download: false,
            url_headers,
        }))
    }

    /// An uploaded file: `KalturaUploadedFileTokenResource`, not the guide's `KalturaAssetResource` (spec D3). The asset
    /// is READY or ERROR when the call returns. A token is good for one use.
    pub fn upload_token(token: &UploadTokenId) -> Self {
        Self(Resource::UploadedFile { token: token.clone() })
    }

    /// The content itself: for small captions. The asset is READY or ERROR when the call returns. An attachment loses its
    /// `fileExt` that way (the server's temporary file has none, spec 3.4 and 5): upload it instead.
    pub fn text(content: impl Into<String>) -> Self {
        Self(Resource::Text {
            content: content.into(),
        })
    }

    /// What Kaltura's messages may echo and nobody may read.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match &self.0 {
            Resource::Url { url, url_headers, .. } => url_headers
                .iter()
                .filter_map(|line| line.value.split_once(':'))
                .map(|(_, value)| value.trim())
                // A presigned address carries its signature in the query.
                .chain(url.split_once('?').map(|(_, query)| query))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// A line that Kaltura will put into its request word for word (spec section 3).
fn header_line(line: &str) -> Result<HeaderLine> {
    let sound = line.split_once(':').is_some_and(|(name, value)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
            && !value.trim().is_empty()
    });
    if !sound || line.chars().any(char::is_control) {
        return Err(Error::Invalid {
            what: "header line",
            expected: "one line `Name: value`",
            found: format!("{} characters of another form", line.chars().count()),
        });
    }
    Ok(HeaderLine {
        value: line.to_owned(),
    })
}

impl fmt::Debug for ContentResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Resource::Url { url, url_headers, .. } => {
                write!(
                    f,
                    "Url({}, {} headers redacted)",
                    crate::secret::scrub(url, &[]),
                    url_headers.len()
                )
            }
            Resource::UploadedFile { token } => write!(f, "UploadedFile({token})"),
            Resource::Text { content } => write!(f, "Text({} bytes)", content.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://bucket.s3.eu-west-1.amazonaws.com/captions/15/1.srt";

    #[test]
    fn urls_that_kaltura_would_change_are_refused() {
        for url in [
            "captions/15/1.srt",
            "ftp://host/1.srt",
            "https://user:pass@host/1.srt",
            "https://host/captions//1.srt",
            "https://host/1.srt?next=http://other/",
            "https://host/1.srt#top",
            "https://host/a b.srt",
        ] {
            assert_eq!(
                ContentResource::url(url, &[]).unwrap_err().name(),
                "Invalid",
                "{url}"
            );
        }
        assert!(ContentResource::url(URL, &[]).is_ok());
    }

    #[test]
    fn header_lines_must_be_complete_and_single() {
        for line in [
            "",
            "Authorization",
            "Authorization:",
            ": x",
            "A b: c",
            "A: b\r\nHost: other",
        ] {
            assert_eq!(
                ContentResource::url(URL, &[line.to_owned()]).unwrap_err().name(),
                "Invalid",
                "{line}"
            );
        }
        let lines = [
            "Authorization: AWS4-HMAC-SHA256 Credential=a/b".to_owned(),
            "x-amz-date: 1".to_owned(),
        ];
        let resource = ContentResource::url(URL, &lines).unwrap();
        assert!(!format!("{resource:?}").contains("Credential"));
    }
}
