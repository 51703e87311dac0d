//! Words for what the tables name by keys: versions, categories, sources, certificates.

use std::borrow::Cow;

use super::model::{Certificate, Count};
use super::units;

/// A version of TLS or DTLS as people write it: `TLS 1.3` for `TLSv13`; anything else as it is.
pub(crate) fn tls_version(version: &str) -> Cow<'_, str> {
    for (prefix, name) in [("TLSv", "TLS"), ("SSLv", "SSL"), ("DTLSv", "DTLS")] {
        let Some(digits) = version.strip_prefix(prefix) else {
            continue;
        };
        let mut digits = digits.chars().filter(|&c| c != '.');
        return match (digits.next(), digits.next(), digits.next()) {
            (Some(major), Some(minor), None)
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                format!("{name} {major}.{minor}").into()
            }
            (Some(major), None, None) if major.is_ascii_digit() => {
                format!("{name} {major}.0").into()
            }
            _ => version.into(),
        };
    }
    version.into()
}

/// A key of several words as words: `social network` for `social_network`.
pub(crate) fn spaced(key: &str) -> String {
    key.replace('_', " ")
}

/// Where a name was told, in words.
pub(crate) fn name_source(source: &str) -> Cow<'_, str> {
    match source {
        "tls_sni" => "TLS handshake".into(),
        "quic_sni" => "QUIC handshake".into(),
        "dtls_sni" => "DTLS handshake".into(),
        "http_host" => "HTTP request".into(),
        "http_proxy" => "request to an HTTP proxy".into(),
        "smtp_banner" => "SMTP greeting".into(),
        "dns" => "DNS answer".into(),
        "certificate" => "certificate".into(),
        "mdns" => "mDNS".into(),
        "llmnr" => "LLMNR".into(),
        "nbns" => "NetBIOS".into(),
        "dhcp" => "DHCP".into(),
        "ssdp" => "SSDP".into(),
        "smb" => "SMB".into(),
        other => spaced(other).into(),
    }
}

/// How long a certificate is good for: `expired 12 days ago`, `5 days left`, `not valid yet`.
pub(crate) fn validity(certificate: &Certificate) -> String {
    let days = certificate.days_left.unsigned_abs();
    match certificate.state.as_str() {
        "expired" => format!("expired {} ago", units::counted(days, "day", "days")),
        "expiring" if days == 0 => "ends within a day".to_owned(),
        "expiring" => format!("{} left", units::counted(days, "day", "days")),
        "not_yet_valid" => "not valid yet".to_owned(),
        other => spaced(other),
    }
}

/// How a status code of HTTP begins tells what it means (RFC 9110 section 15).
pub(crate) fn status_class(status: &str) -> &'static str {
    match status.as_bytes().first() {
        Some(b'1') => "informational",
        Some(b'2') => "success",
        Some(b'3') => "redirection",
        Some(b'4') => "client error",
        Some(b'5') => "server error",
        _ => "",
    }
}

/// `GET (50), POST (7)`.
pub(crate) fn tally<'a>(counts: &'a [Count], name: impl Fn(&'a str) -> Cow<'a, str>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|c| format!("{} ({})", name(&c.name), units::count(c.count)))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_words() {
        for (key, words) in [
            ("TLSv13", "TLS 1.3"),
            ("TLSv10", "TLS 1.0"),
            ("TLSv1.2", "TLS 1.2"),
            ("SSLv3", "SSL 3.0"),
            ("DTLSv12", "DTLS 1.2"),
            ("TLSv", "TLSv"),
            ("TLSv13-draft23", "TLSv13-draft23"),
            ("unknown-7f17", "unknown-7f17"),
        ] {
            assert_eq!(tls_version(key), words);
        }
    }

    #[test]
    fn certificates_say_how_long() {
        let certificate = |state: &str, days_left| Certificate {
            state: state.into(),
            days_left,
            ..Certificate::default()
        };
        assert_eq!(validity(&certificate("expired", -1)), "expired 1 day ago");
        assert_eq!(
            validity(&certificate("expired", i64::MIN)),
            "expired 9,223,372,036,854,775,808 days ago"
        );
        assert_eq!(validity(&certificate("expiring", 0)), "ends within a day");
        assert_eq!(validity(&certificate("expiring", 5)), "5 days left");
        assert_eq!(validity(&certificate("not_yet_valid", 90)), "not valid yet");
    }
}
