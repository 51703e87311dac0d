//! What is wrong, or worth knowing, with a handshake.

use std::net::IpAddr;

use netloom_packet::Timestamp;

use crate::app::text::{self, display};
use crate::app::{Context, Event, Events, Risk, support};

use super::x509::Certificate;
use super::{Carrier, ClientHello, ServerHello, names};

/// Longest a certificate may be valid: 398 days (CA/Browser Forum, baseline requirements, 6.3.2),
/// from the day on that browsers enforced it.
const VALIDITY_MAX: i64 = 398 * 86_400;
/// 2020-09-01, UTC: certificates issued before could be valid for longer (825 days, before 39 or 60 months).
const VALIDITY_SINCE: i64 = 1_598_918_400;
/// Longest that was ever allowed: 60 months.
const VALIDITY_EVER: i64 = (60 * 31) * 86_400;

/// Risks that were told of already.
#[derive(Debug, Default)]
pub(super) struct Said(Vec<Risk>);

impl Said {
    fn risk(&mut self, risk: Risk, detail: &str, events: &mut dyn Events) {
        if self.0.contains(&risk) {
            return;
        }
        self.0.push(risk);
        support::risk(events, risk, detail);
    }
}

/// Names of public resolvers that answer over HTTPS, and of the domains below which each
/// subscriber has a resolver.
const RESOLVERS: &[&str] = &[
    "chrome.cloudflare-dns.com",
    "cloudflare-dns.com",
    "dns.adguard.com",
    "dns.adguard-dns.com",
    "dns.alidns.com",
    "dns.cloudflare.com",
    "dns.google",
    "dns.google.com",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns.sb",
    "dns.switch.ch",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "dns9.quad9.net",
    "dns64.cloudflare-dns.com",
    "dns64.dns.google",
    "dnsforge.de",
    "dnsforfamily.com",
    "doh.applied-privacy.net",
    "doh.centraleu.pi-dns.com",
    "doh.cleanbrowsing.org",
    "doh.dns.apple.com",
    "doh.dns.sb",
    "doh.dnslify.com",
    "doh.familyshield.opendns.com",
    "doh.ffmuc.net",
    "doh.libredns.gr",
    "doh.mullvad.net",
    "dns.mullvad.net",
    "doh.opendns.com",
    "doh.pub",
    "doh.securedns.eu",
    "doh.tiar.app",
    "doh.umbrella.com",
    "doh.xfinity.com",
    "doh-jp.blahdns.com",
    "family.cloudflare-dns.com",
    "mozilla.cloudflare-dns.com",
    "odvr.nic.cz",
    "one.one.one.one",
    "ordns.he.net",
    "security.cloudflare-dns.com",
    "unfiltered.adguard-dns.com",
];

/// Application protocols (IANA's ALPN registry, and those of before it).
const PROTOCOLS: &[&str] = &[
    "acme-tls/1",
    "apns-pack-v1",
    "apns-security-v3",
    "c-webrtc",
    "co",
    "coap",
    "dicom",
    "doq",
    "dot",
    "ftp",
    "grpc-exp",
    "h2",
    "h2c",
    "h3",
    "hq",
    "hq-interop",
    "http/0.9",
    "http/1.0",
    "http/1.1",
    "http/2",
    "imap",
    "irc",
    "managesieve",
    "mqtt",
    "nnsp",
    "nntp",
    "ntske/1",
    "pop3",
    "postgresql",
    "radius/1.0",
    "radius/1.1",
    "siemensrdp",
    "sip/2",
    "smb",
    "spdy/1",
    "spdy/2",
    "spdy/3",
    "spdy/3.1",
    "stun.nat-discovery",
    "stun.turn",
    "sunrpc",
    "tds/8.0",
    "webrtc",
    "x-amzn-mqtt-ca",
    "x-amzn-http-ca",
    "xmpp-client",
    "xmpp-server",
    "mysql",
    "smtp",
    "ldap",
];

/// Starts of application protocols that carry the number of a draft or a version.
const PROTOCOL_STARTS: &[&str] = &[
    "h2-", "h3-", "hq-", "doq-", "http2-", "spdy/", "h1q-", "h2-fb", "moq-", "perf", "wq-vvv-",
    "smb", "baduk", "ldaps", "sip",
];

pub(super) fn client_hello(
    said: &mut Said,
    context: &Context,
    hello: &ClientHello<'_>,
    events: &mut dyn Events,
) {
    match hello.server_name {
        None if !hello.truncated && !hello.extensions.contains(&0) => {
            said.risk(Risk::TlsWithoutSni, "no server_name extension", events);
        }
        Some(name) if !is_host_name(name) => {
            let detail = format!("server name {}", display(name));
            said.risk(Risk::TlsSuspiciousExtension, &detail, events);
        }
        _ => (),
    }
    if let Some(twice) = repeated(&hello.extensions) {
        // RFC 8446, section 4.2: no more than one of a type.
        let detail = format!("extension {twice} more than once");
        said.risk(Risk::TlsSuspiciousExtension, &detail, events);
    }
    if let Some(alpn) = hello.alpn.iter().find(|alpn| !is_known_protocol(alpn)) {
        let detail = format!("ALPN {}", display(alpn));
        said.risk(Risk::TlsUncommonAlpn, &detail, events);
    }
    if hello.ech {
        said.risk(
            Risk::EncryptedClientHello,
            "encrypted_client_hello extension",
            events,
        );
    }
    encrypted_dns(said, context, hello, events);
}

/// DNS over TLS, HTTPS or QUIC: by application protocol, port of its own, or name of a resolver.
fn encrypted_dns(
    said: &mut Said,
    context: &Context,
    hello: &ClientHello<'_>,
    events: &mut dyn Events,
) {
    const DNS_OVER_TLS: u16 = 853;
    let offers = |name: &str| {
        let draft = |alpn: &&[u8]| {
            let rest = alpn.strip_prefix(name.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"-"))
        };
        hello.alpn.iter().any(draft)
    };
    let server_port = if context.from_client {
        context.server.1
    } else {
        context.client.1
    };
    let name = hello.server_name.map(<[u8]>::to_ascii_lowercase);
    let name = name.as_deref().unwrap_or_default();
    let resolver = RESOLVERS.iter().any(|known| known.as_bytes() == name)
        || name.ends_with(b".dns.nextdns.io")
        || name.ends_with(b".cloudflare-gateway.com")
        || name.ends_with(b".d.adguard-dns.com");
    let app = if hello.carrier == Carrier::Quic && (offers("doq") || server_port == DNS_OVER_TLS) {
        "DoQ"
    } else if offers("dot") || server_port == DNS_OVER_TLS {
        "DoT"
    } else if resolver {
        "DoH"
    } else {
        return;
    };
    events.event(Event::App(app));
    let detail = match name {
        b"" => app.to_owned(),
        name => format!("{app} to {}", display(name)),
    };
    said.risk(Risk::EncryptedDns, &detail, events);
}

pub(super) fn server_hello(said: &mut Said, hello: &ServerHello<'_>, events: &mut dyn Events) {
    if matches!(hello.version, 0x0002 | 0x0300..=0x0302 | 0xfeff | 0x0100) {
        let version = names::version(hello.version);
        said.risk(Risk::ObsoleteTls, &version, events);
    }
    if hello.version != 0x0002 && names::is_weak_cipher(hello.cipher_suite) {
        let suite = names::cipher_suite(hello.cipher_suite);
        said.risk(Risk::WeakCipher, &suite, events);
    }
    if let Some(twice) = repeated(&hello.extensions) {
        let detail = format!("extension {twice} more than once");
        said.risk(Risk::TlsSuspiciousExtension, &detail, events);
    }
}

pub(super) fn alert(said: &mut Said, level: u8, description: u8, events: &mut dyn Events) {
    const FATAL: u8 = 2;
    if level == FATAL {
        said.risk(Risk::TlsFatalAlert, &names::alert(description), events);
    }
}

/// A network that hides who speaks with whom.
pub(super) fn anonymizer(said: &mut Said, title: &str, events: &mut dyn Events) {
    said.risk(Risk::Anonymizer, title, events);
}

/// How long before its end a certificate should have been renewed, in seconds: 30 days.
const EXPIRING: i64 = 30 * 86_400;

/// The server's certificate, at the time of the packet, for the host that was asked for.
///
/// Where `signalled`, its fingerprint was agreed on beforehand: then it may well be self-signed and
/// made for a call (RFC 8122, section 5.1, and RFC 8827, section 6.5).
pub(super) fn certificate(
    said: &mut Said,
    context: &Context,
    leaf: &Certificate<'_>,
    host: Option<&[u8]>,
    signalled: bool,
    events: &mut dyn Events,
) {
    let for_a_call = signalled && leaf.is_self_signed();
    let now = context.timestamp;
    let day = |time: Timestamp| {
        let (year, month, day, ..) = time.to_civil();
        format!("{year:04}-{month:02}-{day:02}")
    };
    if let Some(end) = leaf.not_after
        && now > end
    {
        let detail = format!("expired {}", day(end));
        said.risk(Risk::CertificateExpired, &detail, events);
    } else if let Some(end) = leaf.not_after
        && !for_a_call
        && end.as_secs().saturating_sub(now.as_secs()) <= EXPIRING
    {
        let detail = format!("expires {}", day(end));
        said.risk(Risk::CertificateExpiring, &detail, events);
    }
    if let Some(start) = leaf.not_before
        && now < start
    {
        let detail = format!("valid from {}", day(start));
        said.risk(Risk::CertificateNotYetValid, &detail, events);
    }
    if let (Some(start), Some(end)) = (leaf.not_before, leaf.not_after)
        && !for_a_call
    {
        let seconds = end.as_secs().saturating_sub(start.as_secs());
        let allowed = if start.as_secs() >= VALIDITY_SINCE {
            VALIDITY_MAX
        } else {
            VALIDITY_EVER
        };
        if seconds > allowed {
            let detail = format!("valid for {} days", seconds / 86_400);
            said.risk(Risk::CertificateLongValidity, &detail, events);
        }
    }
    if leaf.is_self_signed() && !for_a_call && !leaf.subject.is_empty() {
        let subject = leaf.subject.to_text();
        said.risk(
            Risk::CertificateSelfSigned,
            &display(subject.as_bytes()),
            events,
        );
    }
    if let Some(host) = host
        && !leaf.is_for(host)
    {
        let detail = format!("{} is not {}", compared(leaf, host), display(host));
        said.risk(Risk::CertificateMismatch, &detail, events);
    }
}

/// Most of a certificate's names in evidence.
const SHOWN_MAX: usize = 3;

/// What a host was compared with, in words (RFC 6125, section 6.4.4): the alternative names of its
/// kind, where there are none the others, else the subject.
fn compared(leaf: &Certificate<'_>, host: &[u8]) -> String {
    let names = leaf.dns_names.iter().map(|name| display(name).into_owned());
    let addresses = leaf.addresses.iter().map(ToString::to_string);
    let of_address = str::from_utf8(host).is_ok_and(|host| host.parse::<IpAddr>().is_ok());
    let of_kind: Vec<String> = if of_address && !leaf.addresses.is_empty() {
        addresses.collect()
    } else if !leaf.dns_names.is_empty() {
        names.collect()
    } else {
        let subject = leaf.subject.to_text();
        return match &*display(subject.as_bytes()) {
            "" => "a certificate without a name".to_owned(),
            subject => shortened(subject).to_owned(),
        };
    };
    let shown = of_kind.get(..SHOWN_MAX).unwrap_or(&of_kind);
    let mut text: Vec<&str> = shown.iter().map(|name| shortened(name)).collect();
    let more = format!("{} more", of_kind.len() - shown.len());
    if of_kind.len() > shown.len() {
        text.push(&more);
    }
    match text.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("any of {}", several.join(", ")),
    }
}

/// The start of a text of which the end can be spared.
fn shortened(text: &str) -> &str {
    text::start(text, 48)
}

/// The host that a certificate is for: its common name where that is a host's, else the first of
/// its alternative names; a wildcard gives the domain below it.
pub(super) fn host_of<'a>(leaf: &Certificate<'a>) -> Option<&'a [u8]> {
    let common = leaf.subject.common_name();
    let mut names = common.into_iter().chain(leaf.dns_names.iter().copied());
    let host = |name: &&[u8]| name.contains(&b'.') && is_host_name(name);
    names
        .clone()
        .find(host)
        .or_else(|| names.find_map(|name| name.strip_prefix(b"*.").filter(host)))
}

/// Letters, digits, `-`, `_` and dots, in labels of at most 63 (RFC 1035 and what is in use);
/// behind a colon a port, which some clients send along.
fn is_host_name(name: &[u8]) -> bool {
    let name = match name.iter().position(|&byte| byte == b':') {
        Some(colon) => name.get(..colon).unwrap_or_default(),
        None => name,
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    !name.is_empty()
        && name.len() <= 253
        && name.split(|&byte| byte == b'.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .iter()
                    .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

fn is_known_protocol(alpn: &[u8]) -> bool {
    // GREASE (RFC 8701, section 2) is two equal bytes that end in `a`.
    if let &[high, low] = alpn
        && names::is_grease(u16::from_be_bytes([high, low]))
    {
        return true;
    }
    matches!(alpn, b"h2" | b"http/1.1" | b"h3")
        || PROTOCOLS.iter().any(|name| name.as_bytes() == alpn)
        || PROTOCOL_STARTS
            .iter()
            .any(|start| alpn.starts_with(start.as_bytes()))
}

fn repeated(kinds: &[u16]) -> Option<u16> {
    // Most have a dozen: a bit for each of the low numbers, and the rest compared.
    let mut low = 0_u64;
    let twice = |(at, kind): (usize, &u16)| {
        if *kind < 64 {
            let bit = 1 << kind;
            let seen = low & bit != 0;
            low |= bit;
            seen
        } else {
            kinds.get(..at).is_some_and(|before| before.contains(kind))
        }
    };
    if kinds.len() <= 64 && !kinds.iter().enumerate().any(twice) {
        return None;
    }
    let mut sorted = kinds.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).find_map(|pair| match pair {
        &[a, b] if a == b => Some(a),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::x509::tests::certificate;
    use super::*;

    #[test]
    fn what_a_host_was_compared_with() {
        let words = |der: &[u8], host: &str| {
            let leaf = Certificate::parse(der).unwrap();
            assert!(!leaf.is_for(host.as_bytes()), "{host}");
            compared(&leaf, host.as_bytes())
        };
        let plain = certificate("OFFICE-VM", "OFFICE-VM", &[]);
        assert_eq!(words(&plain, "192.0.2.142"), "CN=OFFICE-VM");
        // The common name does not count beside alternative names.
        let other = certificate("h.example.com", "CA", &["zzz.example.com"]);
        assert_eq!(words(&other, "h.example.com"), "zzz.example.com");
        let wildcard = certificate("*.example.com", "CA", &["*.example.com"]);
        assert_eq!(words(&wildcard, "a.b.example.com"), "*.example.com");
        assert_eq!(words(&wildcard, "192.0.2.142"), "*.example.com");
        let many = certificate("a.test", "CA", &["a.test", "b.test", "c.test", "d.test"]);
        assert_eq!(
            words(&many, "e.test"),
            "any of a.test, b.test, c.test, 1 more"
        );
        let nameless = certificate("", "CA", &[]);
        assert_eq!(words(&nameless, "e.test"), "a certificate without a name");
        let long = certificate("a.test", "CA", &[&"ü".repeat(100)]);
        assert!(words(&long, "e.test").len() <= 48);
    }
}
