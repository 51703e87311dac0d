//! Handshakes made by hand.

use proptest::prelude::*;

use crate::app::tls::tests::{
    Heard, client_hello, context, extension, probe_of, server_hello, sni,
};
use crate::app::tls::x509::tests::certificate;

use super::*;

fn fragment(kind: u8, sequence: u16, body: &[u8], from: usize, to: usize) -> Vec<u8> {
    let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
    let mut bytes = vec![kind];
    bytes.extend(three(body.len()));
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(three(from));
    bytes.extend(three(to - from));
    bytes.extend(&body[from..to]);
    bytes
}

fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, sequence, body, 0, body.len())
}

fn record(content: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![content, 0xfe, 0xfd];
    bytes.extend(epoch.to_be_bytes());
    bytes.extend([0; 6]);
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A ClientHello of DTLS 1.2 with a cookie.
fn hello() -> Vec<u8> {
    let mut body = client_hello(&[extension(0, &sni("dtls.example"))]);
    body.splice(0..2, [0xfe, 0xfd]);
    body.splice(35..35, [2, 0xaa, 0xbb]);
    body
}

fn play(datagrams: &[(bool, Vec<u8>)]) -> Heard {
    play_with((DETECTOR.parser.unwrap())(), datagrams)
}

fn play_with(mut parser: Box<dyn Parser>, datagrams: &[(bool, Vec<u8>)]) -> Heard {
    let mut heard = Heard::default();
    for (from_client, datagram) in datagrams {
        let next = parser.datagram(&context(*from_client, false), datagram, &mut heard);
        assert!(parser.heap_bytes() < 20 * Assembly::MAX);
        if !matches!(next, Next::Continue) {
            heard.0.push(format!("{next:?}"));
            break;
        }
    }
    parser.finish(&context(true, false), &mut heard);
    heard
}

#[test]
fn certificates_of_calls_are_self_signed() {
    let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
    let of = |extensions: &[Vec<u8>], issuer: &str| {
        let mut hello = client_hello(extensions);
        hello.splice(0..2, [0xfe, 0xfd]);
        hello.splice(35..35, [0]);
        let der = certificate("WebRTC", issuer, &[]);
        let chain = [three(der.len()), der].concat();
        let body = [three(chain.len()), chain].concat();
        let mut server = server_hello(0xfefd, 0xc02b, &[]);
        server.splice(0..2, [0xfe, 0xfd]);
        vec![
            (true, record(content::HANDSHAKE, 0, &message(1, 0, &hello))),
            (
                false,
                record(content::HANDSHAKE, 0, &message(2, 0, &server)),
            ),
            (false, record(content::HANDSHAKE, 0, &message(11, 1, &body))),
        ]
    };
    let self_signed = "risk certificate_self_signed: CN=WebRTC";
    let plain = of(&[], "WebRTC");
    assert!(play(&plain).has(self_signed));
    assert!(!play_with(beside_stun(), &plain).has(self_signed));
    let media = of(&[extension(14, &[0, 2, 0, 1, 0])], "WebRTC");
    let heard = play(&media);
    assert!(heard.has("certificates false 1"), "{heard:?}");
    assert!(!heard.has(self_signed));
}

#[test]
fn a_handshake_with_a_cookie_and_fragments() {
    let hello = hello();
    let server = server_hello(0xfefd, 0xc02f, &[]);
    let certificates = [0_u8; 300];
    let heard = play(&[
        (true, record(22, 0, &message(1, 0, &hello))),
        (
            false,
            record(22, 0, &message(3, 0, &[0xfe, 0xff, 2, 0xaa, 0xbb])),
        ),
        // The last part first, one of them twice.
        (
            true,
            record(22, 0, &fragment(1, 1, &hello, 50, hello.len())),
        ),
        (
            true,
            record(22, 0, &fragment(1, 1, &hello, 50, hello.len())),
        ),
        (true, record(22, 0, &fragment(1, 1, &hello, 0, 60))),
        (
            false,
            [
                record(22, 0, &message(2, 1, &server)),
                record(22, 0, &fragment(11, 2, &certificates, 0, 200)),
            ]
            .concat(),
        ),
        (
            false,
            record(22, 0, &fragment(11, 2, &certificates, 200, 300)),
        ),
        (false, record(22, 0, &message(14, 3, &[]))),
        (
            true,
            [
                record(22, 0, &message(16, 2, &[1; 33])),
                record(20, 0, &[1]),
                record(22, 1, &[7; 40]),
            ]
            .concat(),
        ),
        (
            false,
            [record(20, 0, &[1]), record(22, 1, &[7; 40])].concat(),
        ),
    ]);
    assert_eq!(heard.history(), "CvCsxnGIi");
    assert!(heard.has("dtls_sni dtls.example"));
    assert!(heard.has("server hello DTLSv12 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "));
    assert!(heard.0.iter().any(|line| line.starts_with("ja4 dd2d0201")));
    assert!(heard.has("established"));
    assert_eq!(heard.0.last().unwrap(), "Done");
}

#[test]
fn what_dtls_1_3_encrypts() {
    let heard = play(&[
        (true, record(22, 0, &message(1, 0, &hello()))),
        (
            false,
            [
                record(
                    22,
                    0,
                    &message(
                        2,
                        0,
                        &server_hello(0xfefd, 0x1301, &[extension(43, &[0xfe, 0xfc])]),
                    ),
                ),
                vec![0x2e, 0, 1, 0, 3, 1, 2, 3],
            ]
            .concat(),
        ),
        (true, vec![0x2e, 0, 1, 0, 3, 1, 2, 3]),
    ]);
    assert_eq!(heard.history(), "Cs");
    assert!(heard.has("server hello DTLSv13 TLS_AES_128_GCM_SHA256 "));
    assert!(heard.has("established"));
}

#[test]
fn recognition() {
    let first = record(22, 0, &message(1, 0, &hello()));
    assert_eq!(
        (DETECTOR.probe)(&probe_of(&first, false, true)),
        Guess::Certain
    );
    assert_eq!(
        (DETECTOR.probe)(&probe_of(&record(23, 1, &[1; 30]), false, true)),
        Guess::Certain
    );
    // STUN, DNS, RTP, and a record longer than the datagram.
    for other in [
        &[
            0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        ][..],
        &[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        &[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1],
        &[23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 1],
    ] {
        assert_eq!((DETECTOR.probe)(&probe_of(other, false, true)), Guess::No);
    }
}

proptest! {
    #[test]
    fn any_datagrams(datagrams in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..100)), 0..20)) {
        for (from_client, data) in &datagrams {
            let _ = (DETECTOR.probe)(&probe_of(data, false, *from_client));
        }
        play(&datagrams);
    }

    #[test]
    fn any_fragments(fragments in proptest::collection::vec(
        (any::<bool>(), 20_u8..25, 0_u16..2, proptest::collection::vec(any::<u8>(), 0..60)), 0..30)) {
        let datagrams: Vec<_> = fragments
            .into_iter()
            .map(|(from_client, content, epoch, mut body)| {
                // Lengths that fit, so that fragments are put together.
                if body.len() > 12 {
                    let (len, high, low) = (body.len() as u8 - 12, body[5] & 7, body[8] % 100);
                    body[1..12].copy_from_slice(&[0, 0, 200, 0, high, 0, 0, low, 0, 0, len]);
                }
                (from_client, record(content, epoch, &body))
            })
            .collect();
        play(&datagrams);
    }
}
