//! What TLS between Tor's clients and relays looks like: both sides make up names of hosts.

use std::ops::RangeInclusive;

use super::x509::{Certificate, Name};

/// The product, for the `app` column.
pub(super) const TITLE: &str = "Tor";

/// Letters and digits that a client puts between `www.` and `.com` (Tor's `tor_tls_new`).
const OF_CLIENT: RangeInclusive<usize> = 4..=25;
/// The same of a relay's certificate (`tor_tls_context_new`).
const OF_RELAY: RangeInclusive<usize> = 8..=20;

/// Whether a client of Tor could have made up this server name. Any name of this form could be
/// another one's, too.
pub(super) fn is_server_name(name: &[u8]) -> bool {
    made_up_label(name, b".com").is_some_and(|label| OF_CLIENT.contains(&label.len()))
}

/// Whether a relay of Tor made this certificate: a name below `.net` signed by another one below
/// `.com`, and nothing else about either.
pub(super) fn is_certificate(leaf: &Certificate<'_>) -> bool {
    !leaf.has_alternative_names && is_only(leaf.subject, b".net") && is_only(leaf.issuer, b".com")
}

/// Whether a name is nothing but a common name that Tor could have made up.
fn is_only(name: Name<'_>, suffix: &[u8]) -> bool {
    name.common_name()
        .filter(|common| {
            made_up_label(common, suffix).is_some_and(|label| OF_RELAY.contains(&label.len()))
        })
        .and_then(|common| str::from_utf8(common).ok())
        .is_some_and(|common| name.to_text().strip_prefix("CN=") == Some(common))
}

/// The label that Tor makes up for a name of a host (`crypto_random_hostname`): letters and digits of
/// base 32 (RFC 4648, section 6) between `www.` and a suffix. Not of which length: that depends on
/// what the name is for; and any name of this form may be another one's.
pub fn made_up_label<'a>(name: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let label = name.strip_prefix(b"www.")?.strip_suffix(suffix)?;
    let base32 = |byte: &u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    label.iter().all(base32).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::super::x509::tests::certificate;
    use super::*;

    #[test]
    fn names_that_were_made_up() {
        assert!(is_server_name(b"www.q4cyamnc6mtokjurvdclt.com"));
        for other in [
            "www.a1b2c3d4.com",
            "www.abc.com",
            "abcdefgh.com",
            "www.abcdefgh.net",
        ] {
            assert!(!is_server_name(other.as_bytes()), "{other}");
        }
        let is_certificate = |subject, issuer, hosts: &[&str]| {
            is_certificate(&Certificate::parse(&certificate(subject, issuer, hosts)).unwrap())
        };
        let (relay, signer) = ("www.fcsyvnlemwxv5p.net", "www.gg562izcxdvqdk.com");
        assert!(is_certificate(relay, signer, &[]));
        assert!(!is_certificate(relay, signer, &[relay]));
        assert!(!is_certificate(relay, relay, &[]));
        assert!(!is_certificate(signer, signer, &[]));
        assert!(!is_certificate(relay, "Some CA", &[]));
        assert!(!is_certificate("www.example.org", signer, &[]));
    }
}
