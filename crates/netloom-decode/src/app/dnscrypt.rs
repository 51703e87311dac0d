//! DNSCrypt (version 2 of its specification): DNS, encrypted between client and resolver.
//!
//! Responses start with a fixed word; queries start with what the resolver's certificate says and
//! look like chance. Certificates are fetched in DNS messages, which [`dns`](super::dns) reads.

use super::dns::DNSCRYPT;
use super::{Detector, Guess, Over, Probe};

/// Recognises the responses.
pub static DETECTOR: Detector = Detector {
    protocol: &DNSCRYPT,
    over: Over::Both,
    ports: &[443, 5353, 8443],
    probe,
    parser: None,
};

/// What a response starts with (the specification's `resolver-magic`).
const RESOLVER_MAGIC: &[u8] = b"r6fnvWj8";

fn probe(probe: &Probe<'_>) -> Guess {
    let data = if probe.tcp {
        // A length stands in front.
        probe.data.get(2..).unwrap_or_default()
    } else {
        probe.data
    };
    // Magic, nonce of 24 bytes, and the tag of the encryption at least.
    if data.starts_with(RESOLVER_MAGIC) && probe.wire_len >= 8 + 24 + 16 {
        Guess::Certain
    } else if probe.tcp && data.len() < RESOLVER_MAGIC.len() && RESOLVER_MAGIC.starts_with(data) {
        Guess::More
    } else {
        Guess::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::trial::probe as of;

    #[test]
    fn responses() {
        let mut bytes = RESOLVER_MAGIC.to_vec();
        bytes.resize(64, 7);
        let guess = |data: &[u8], tcp| (DETECTOR.probe)(&of(data, tcp, false, (4000, 443)));
        assert_eq!(guess(&bytes, false), Guess::Certain);
        assert_eq!(guess(&bytes[..20], false), Guess::No);
        assert_eq!(
            guess(&[&[0, 64][..], &bytes].concat(), true),
            Guess::Certain
        );
        assert_eq!(guess(&[0, 64, b'r'], true), Guess::More);
        assert_eq!(guess(&[0, 64, b'x'], true), Guess::No);
    }
}
