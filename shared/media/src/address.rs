//! Which addresses may be fetched, and how they print.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::error::{AddressFault, FetchError};

/// Parses and checks an address as far as its text tells; what a name resolves to is checked by
/// the resolver at connection time.
pub(crate) fn checked(text: &str, allow_loopback: bool) -> Result<Url, FetchError> {
    let refuse = |fault| FetchError::AddressRefused {
        at: redact_text(text),
        fault,
    };
    let url = Url::parse(text).map_err(|_| refuse(AddressFault::Malformed))?;
    check(&url, allow_loopback).map_err(refuse)?;
    Ok(url)
}

/// Resolves a playlist's or redirect's reference against where it was found, and checks the outcome.
pub(crate) fn joined(base: &Url, reference: &str, allow_loopback: bool) -> Result<Url, FetchError> {
    let refuse = |fault| FetchError::AddressRefused {
        at: redact_text(reference),
        fault,
    };
    let url = base
        .join(reference)
        .map_err(|_| refuse(AddressFault::Malformed))?;
    check(&url, allow_loopback).map_err(refuse)?;
    Ok(url)
}

fn check(url: &Url, allow_loopback: bool) -> Result<(), AddressFault> {
    let host = url.host().ok_or(AddressFault::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressFault::Credentials);
    }
    let ip = match host {
        Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        Host::Domain(_) => None,
    };
    if let Some(fault) = ip.and_then(|ip| ip_fault(ip, allow_loopback)) {
        return Err(fault);
    }
    match url.scheme() {
        "https" => Ok(()),
        // A name is held to loopback by the resolver: a name may say `localhost` and mean anything.
        "http" if allow_loopback && ip.is_some_and(|ip| ip.is_loopback()) => Ok(()),
        "http" if allow_loopback && url.host_str() == Some("localhost") => Ok(()),
        _ => Err(AddressFault::NotHttps),
    }
}

/// What speaks against connecting to an address; `None` for a public unicast one.
///
/// Follows the IANA special-purpose registries. IPv6 forms that carry an IPv4 address (mapped,
/// compatible, NAT64, 6to4) are judged by it; Teredo and local NAT64 are refused as a whole.
pub(crate) fn ip_fault(ip: IpAddr, allow_loopback: bool) -> Option<AddressFault> {
    let fault = match ip {
        IpAddr::V4(ip) => ipv4_fault(ip),
        IpAddr::V6(ip) => ipv6_fault(ip),
    };
    // Only true loopback: a mapped or tunnelled form has no business in a local run.
    if fault == Some(AddressFault::Loopback) && allow_loopback && ip.is_loopback() {
        None
    } else {
        fault
    }
}

fn ipv4_fault(ip: Ipv4Addr) -> Option<AddressFault> {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (127, ..) => Some(AddressFault::Loopback),
        // 100.64/10 is carrier-grade NAT; AWS and Alibaba put services there.
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Some(AddressFault::Private),
        (169, 254, _) => Some(AddressFault::LinkLocal),
        (0 | 224..=255, ..)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => Some(AddressFault::NotPublic),
        _ => None,
    }
}

fn ipv6_fault(ip: Ipv6Addr) -> Option<AddressFault> {
    if ip.is_loopback() {
        return Some(AddressFault::Loopback);
    }
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        // Mapped, translated (SIIT) and the abandoned compatible form; NAT64's well-known prefix; 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => ipv4_fault(embedded(high, low)),
        // AWS serves instance metadata, DNS and time at fd00:ec2::/32.
        [0xfd00, 0x0ec2, ..] | [0xfe80..=0xfebf, ..] => Some(AddressFault::LinkLocal),
        // Unique local, and the deprecated site-local.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(AddressFault::Private),
        // Documentation (two blocks), Teredo and the other IETF assignments below 2001:200::. The rest of
        // 2000::/3 is global unicast, and nothing else is.
        [0x2001, 0x0db8 | 0..=0x1ff, ..] | [0x3fff, 0..=0x0fff, ..] => Some(AddressFault::NotPublic),
        [0x2000..=0x3fff, ..] => None,
        _ => Some(AddressFault::NotPublic),
    }
}

/// Whether two addresses share scheme, host and port: where headers may go.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// An address fit for logs: without query, fragment and user, and without the value after a path's `ks`.
pub(crate) fn redact(url: &Url) -> String {
    let mut out = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        out.push(':');
        out.push_str(&port.to_string());
    }
    let mut hide_next = false;
    for segment in url.path_segments().into_iter().flatten() {
        out.push('/');
        out.push_str(if hide_next { "***" } else { segment });
        hide_next = segment.eq_ignore_ascii_case("ks");
    }
    if url.query().is_some() {
        out.push_str("?***");
    }
    out
}

/// [`redact`] for text that may not be an address; such text prints as a mark only.
pub(crate) fn redact_text(text: &str) -> String {
    Url::parse(text).map_or_else(|_| "(no absolute address)".to_owned(), |url| redact(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, allow_loopback: bool) -> Option<AddressFault> {
        match checked(text, allow_loopback) {
            Ok(_) => None,
            Err(FetchError::AddressRefused { fault, .. }) => Some(fault),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn only_https_is_taken() {
        assert_eq!(fault("https://cdn.example.com/a.m3u8", false), None);
        for other in [
            "http://cdn.example.com/",
            "ftp://cdn.example.com/",
            "wss://cdn.example.com/",
        ] {
            assert_eq!(fault(other, true), Some(AddressFault::NotHttps), "{other}");
        }
        for none in [
            "",
            "a.m3u8",
            "//cdn/a",
            "file:///etc/passwd",
            "data:text/plain,x",
            "https://",
        ] {
            assert!(fault(none, true).is_some(), "{none}");
        }
    }

    #[test]
    fn loopback_http_needs_the_switch() {
        for local in ["http://127.0.0.1:8080/a", "http://[::1]:8080/a"] {
            assert_eq!(fault(local, true), None, "{local}");
            assert_eq!(fault(local, false), Some(AddressFault::Loopback), "{local}");
        }
        assert_eq!(fault("http://localhost:80/a", true), None);
        assert_eq!(
            fault("http://localhost:80/a", false),
            Some(AddressFault::NotHttps)
        );
    }

    #[test]
    fn hosts_that_are_not_public_are_refused_in_every_spelling() {
        use AddressFault::{LinkLocal, Loopback, NotPublic, Private};
        for (host, expected) in [
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("100.100.100.200", Private),
            ("169.254.169.254", LinkLocal),
            ("2852039166", LinkLocal),
            ("0xa9.0xfe.0xa9.0xfe", LinkLocal),
            ("0251.0376.0251.0376", LinkLocal),
            ("127.1", Loopback),
            ("0.0.0.0", NotPublic),
            ("224.0.0.1", NotPublic),
            ("255.255.255.255", NotPublic),
            ("192.0.2.1", NotPublic),
            ("198.18.0.1", NotPublic),
            ("[::]", NotPublic),
            ("[::1]", Loopback),
            ("[::ffff:127.0.0.1]", Loopback),
            ("[::ffff:169.254.169.254]", LinkLocal),
            ("[::ffff:0:10.0.0.1]", Private),
            ("[::10.0.0.1]", Private),
            ("[64:ff9b::10.0.0.1]", Private),
            ("[64:ff9b:1::1]", NotPublic),
            ("[2002:a9fe:a9fe::1]", LinkLocal),
            ("[2001:0:4136:e378::1]", NotPublic),
            ("[2001:db8::1]", NotPublic),
            ("[fe80::1]", LinkLocal),
            ("[fd00:ec2::254]", LinkLocal),
            ("[fc00::1]", Private),
            ("[fec0::1]", Private),
            ("[ff02::1]", NotPublic),
            ("[100::1]", NotPublic),
        ] {
            assert_eq!(
                fault(&format!("https://{host}/a"), false),
                Some(expected),
                "{host}"
            );
        }
        for host in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "[2600:9000::1]",
            "[64:ff9b::8.8.8.8]",
        ] {
            assert_eq!(fault(&format!("https://{host}/a"), false), None, "{host}");
        }
    }

    #[test]
    fn the_loopback_switch_opens_nothing_else() {
        for host in [
            "10.0.0.1",
            "169.254.169.254",
            "[::ffff:127.0.0.1]",
            "[fd00:ec2::254]",
        ] {
            assert!(fault(&format!("https://{host}/a"), true).is_some(), "{host}");
        }
    }

    #[test]
    fn references_are_checked_like_addresses() {
        let base = Url::parse("https://cdn.example.com/hls/index.m3u8").unwrap();
        assert_eq!(
            joined(&base, "seg-1.ts", false).unwrap().as_str(),
            "https://cdn.example.com/hls/seg-1.ts"
        );
        for bad in [
            "http://cdn.example.com/1.ts",
            "//169.254.169.254/1.ts",
            "file:///etc/passwd",
        ] {
            assert!(joined(&base, bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn sessions_do_not_print() {
        let text = "https://u:p@cdn.example.com:8443/p/1/ks/SECRET/a.m3u8?ks=SECRET#SECRET";
        assert_eq!(
            redact_text(text),
            "https://cdn.example.com:8443/p/1/ks/***/a.m3u8?***"
        );
        assert_eq!(redact_text("SECRET"), "(no absolute address)");
    }
}
