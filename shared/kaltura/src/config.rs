//! What a client must be told: where Kaltura is, who the vendor is, how long to wait and how often to try.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use crate::error::{CallName, Error, Result};
use crate::ids::{PartnerId, TaskId};
use crate::observe::{CallObserver, TracingObserver};

/// The address of a Kaltura environment, such as `https://www.kaltura.com` (spec 4.5): https, without query, fragment,
/// user and password. A path is kept as a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// Checks an address; https only (guide, "Encryption").
    ///
    /// # Errors
    /// [`Error::Invalid`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        Self::checked(text, false)
    }

    /// As [`Self::parse`], but plain http to this machine passes too: for a stand-in of Kaltura.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what is wrong with it.
    pub fn parse_allow_loopback(text: &str) -> Result<Self> {
        Self::checked(text, true)
    }

    fn checked(text: &str, allow_loopback: bool) -> Result<Self> {
        // The text may hold a password, so only its form is told.
        let invalid = |expected, found: &str| {
            Err(Error::Invalid {
                what: "service URL",
                expected,
                found: found.to_owned(),
            })
        };
        let Ok(mut url) = Url::parse(text) else {
            return invalid("a URL such as https://www.kaltura.com", "no URL");
        };
        match url.scheme() {
            "https" => {}
            "http" if allow_loopback && is_loopback(&url) => {}
            "http" if allow_loopback => {
                return invalid("https, or http to a loopback address", "http to another host");
            }
            "http" => return invalid("https", "http"),
            _ => return invalid("https", "another scheme"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("no user or password", "a user or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return invalid("no query or fragment", "a query or fragment");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Where a call is posted to.
    pub(crate) fn endpoint(&self, call: CallName) -> String {
        let base = self.0.as_str().trim_end_matches('/');
        if call.service == crate::multirequest::SERVICE {
            return format!("{base}/api_v3/service/{}", call.service);
        }
        format!("{base}/api_v3/service/{}/action/{}", call.service, call.action)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// How long to wait. Every call has a time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOuts {
    /// Until a connection stands.
    pub connect: Duration,
    /// For an ordinary call.
    pub quick: Duration,
    /// For a `setContent`, within which the server may copy or fetch a file.
    pub content: Duration,
    /// For a file, or a chunk of one, on its way up.
    pub upload: Duration,
}

impl Default for TimeOuts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            quick: Duration::from_secs(30),
            content: Duration::from_mins(3),
            upload: Duration::from_mins(10),
        }
    }
}

/// How often to try within one call of a method. Only quick passing faults are tried again here; whatever takes longer is
/// for the caller, who can wait without a function running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all; 1 never repeats.
    pub max_attempts: u32,
    /// The pause before the second try is random between nothing and this; it doubles with each further one.
    pub base_delay: Duration,
    /// The longest pause.
    pub max_delay: Duration,
    /// Repeats that all calls of a client together may make in a row of failures; ten successes earn one back. When Kaltura
    /// is down, its clients thus don't triple its load.
    pub budget: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(2),
            budget: 20,
        }
    }
}

/// What a [`Client`](crate::Client) is made from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Where Kaltura is.
    pub service_url: ServiceUrl,
    /// The vendor's name, for client tags: letters, digits, `.` and `-`.
    pub vendor_name: String,
    /// The vendor's account.
    pub vendor_partner_id: PartnerId,
    /// The version of the application, for client tags: letters, digits, `.` and `-`.
    pub application_version: String,
    /// How long to wait.
    pub time_outs: TimeOuts,
    /// How often to try.
    pub retry: RetryPolicy,
    /// Who is told of every call.
    pub observer: Arc<dyn CallObserver>,
}

impl ClientConfig {
    /// A configuration with the defaults for everything else: `application_version` is this crate's, the observer writes
    /// `tracing` events.
    pub fn new(
        service_url: ServiceUrl,
        vendor_name: impl Into<String>,
        vendor_partner_id: PartnerId,
    ) -> Self {
        Self {
            service_url,
            vendor_name: vendor_name.into(),
            vendor_partner_id,
            application_version: env!("CARGO_PKG_VERSION").to_owned(),
            time_outs: TimeOuts::default(),
            retry: RetryPolicy::default(),
            observer: Arc::new(TracingObserver),
        }
    }

    /// Checks what becomes part of a client tag.
    pub(crate) fn check(&self) -> Result<()> {
        for (what, text) in [
            ("vendor name", &self.vendor_name),
            ("application version", &self.application_version),
        ] {
            let sound = (1..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
            if !sound {
                return Err(Error::Invalid {
                    what,
                    expected: "1 to 64 letters, digits, `.` and `-`",
                    found: format!("`{}`", text.escape_debug()),
                });
            }
        }
        Ok(())
    }

    /// The client tag, in the guide's two spellings ("Client tags", direct API calls): `app:1.0_vendor_12345`, and
    /// `app:1.0_vendor-12345-9292` for a call about task 9292.
    pub fn client_tag(&self, task_id: Option<&TaskId>) -> String {
        let Self {
            application_version,
            vendor_name,
            vendor_partner_id,
            ..
        } = self;
        match task_id {
            None => format!("app:{application_version}_{vendor_name}_{vendor_partner_id}"),
            Some(task_id) => format!("app:{application_version}_{vendor_name}-{vendor_partner_id}-{task_id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_tags_are_spelled_as_the_guide_does() {
        let url = ServiceUrl::parse("https://www.kaltura.com").unwrap();
        let mut config = ClientConfig::new(url, "vendorName", PartnerId::from(12_345));
        config.application_version = "18-11-11".to_owned();
        assert_eq!(config.client_tag(None), "app:18-11-11_vendorName_12345");
        let task_id = TaskId::parse("9292").unwrap();
        assert_eq!(
            config.client_tag(Some(&task_id)),
            "app:18-11-11_vendorName-12345-9292"
        );
    }

    #[test]
    fn https_passes_and_keeps_its_path() {
        let call = CallName {
            service: "session",
            action: "start",
        };
        for (text, endpoint) in [
            (
                "https://www.kaltura.com",
                "https://www.kaltura.com/api_v3/service/session/action/start",
            ),
            (
                "https://www.kaltura.com/",
                "https://www.kaltura.com/api_v3/service/session/action/start",
            ),
            (
                "https://host:8443/kaltura/",
                "https://host:8443/kaltura/api_v3/service/session/action/start",
            ),
        ] {
            assert_eq!(ServiceUrl::parse(text).unwrap().endpoint(call), endpoint);
        }
    }

    #[test]
    fn http_passes_to_this_machine_alone_and_only_when_allowed() {
        for text in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9"] {
            assert!(ServiceUrl::parse(text).is_err(), "{text}");
            assert!(ServiceUrl::parse_allow_loopback(text).is_ok(), "{text}");
        }
        for text in [
            "http://www.kaltura.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
        ] {
            assert!(ServiceUrl::parse_allow_loopback(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_showing_it() {
        let error = ServiceUrl::parse("https://me:hunter2@www.kaltura.com").unwrap_err();
        assert_eq!(
            error.to_string(),
            "service URL: expected no user or password, found a user or password"
        );
    }

    #[test]
    fn a_vendor_name_must_not_break_the_tag() {
        let url = ServiceUrl::parse("https://www.kaltura.com").unwrap();
        for name in ["", "two words", "under_score", "new\nline"] {
            assert_eq!(
                ClientConfig::new(url.clone(), name, PartnerId::from(1))
                    .check()
                    .unwrap_err()
                    .name(),
                "Invalid"
            );
        }
    }
}
