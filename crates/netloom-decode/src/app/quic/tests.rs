//! Connections made by hand, and the packet of RFC 9001, appendix A.3.

use proptest::prelude::*;

use crate::app::tls::tests::{
    Heard, client_hello, context, extension, message, probe_of, server_hello, sni,
};
use crate::app::{Interest, Next};

use super::keys::tests::seal;
use super::*;

const V1: Version = Version(1);
const V2: Version = Version(0x6b33_43cf);
/// The client's first destination in all of these.
const DCID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
const SERVER_CID: [u8; 4] = [1, 2, 3, 4];

fn head(version: Version, dcid: &[u8], scid: &[u8]) -> Vec<u8> {
    let mut bytes = vec![if version.is_v2() { 0xd0 } else { 0xc0 }];
    bytes.extend(version.0.to_be_bytes());
    bytes.push(dcid.len() as u8);
    bytes.extend(dcid);
    bytes.push(scid.len() as u8);
    bytes.extend(scid);
    bytes
}

/// An Initial packet without token, its payload padded.
fn initial(
    version: Version,
    key_dcid: &[u8],
    dcid: &[u8],
    scid: &[u8],
    frames: &[u8],
    by_client: bool,
) -> Vec<u8> {
    let mut head = head(version, dcid, scid);
    head.push(0);
    let mut payload = frames.to_vec();
    payload.resize(payload.len().max(1180), 0);
    seal(version, key_dcid, &head, 0, &payload, by_client)
}

fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![6];
    bytes.extend((0x4000 | offset as u16).to_be_bytes());
    bytes.extend((0x4000 | data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn hello() -> Vec<u8> {
    let body = client_hello(&[
        extension(0, &sni("quic.example")),
        extension(16, &[0, 3, 2, b'h', b'3']),
        extension(43, &[2, 3, 4]),
        extension(57, &[1, 2, 0x40, 0x64]),
    ]);
    message(1, &body)
}

fn answer() -> Vec<u8> {
    message(
        2,
        &server_hello(
            0x0303,
            0x1301,
            &[extension(43, &[3, 4]), extension(51, &[0, 29, 0, 1, 9])],
        ),
    )
}

fn play(datagrams: &[(bool, Vec<u8>)]) -> Heard {
    let mut heard = Heard::default();
    let mut parser = (DETECTOR.parser.unwrap())();
    for (from_client, datagram) in datagrams {
        let next = parser.datagram(&context(*from_client, false), datagram, &mut heard);
        assert!(parser.heap_bytes() < 200_000);
        if !matches!(next, Next::Continue) {
            break;
        }
    }
    parser.finish(&context(true, false), &mut heard);
    heard
}

#[test]
fn the_servers_packet_of_the_appendix() {
    let packet = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a\
        1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c\
        73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456\
        cbc42158407dd074ee";
    let digits: Vec<u8> = packet
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    let packet: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    let heard = play(&[
        (
            true,
            initial(V1, &DCID, &DCID, &[], &crypto(0, &hello()), true),
        ),
        (false, packet),
    ]);
    assert!(heard.has("server hello TLSv13 TLS_AES_128_GCM_SHA256 x25519"));
    assert!(heard.has("quic 00000001 8394c8f03e515708 f067a5502a4262b5 ISis"));
}

#[test]
fn a_hello_over_several_packets_in_any_order() {
    let hello = hello();
    let mut frames = crypto(40, &hello[40..60]);
    frames.extend(crypto(0, &hello[..10]));
    for version in [
        V1,
        V2,
        Version(0xff00_001d),
        Version(0xff00_001b),
        Version(0xface_b00e),
        Version(0x0a0a_0a0a),
    ] {
        let heard = play(&[
            (
                true,
                initial(version, &DCID, &DCID, &[7], &crypto(55, &hello[55..]), true),
            ),
            (true, initial(version, &DCID, &DCID, &[7], &frames, true)),
            (
                true,
                initial(
                    version,
                    &DCID,
                    &DCID,
                    &[7],
                    &crypto(10, &hello[10..40]),
                    true,
                ),
            ),
            (
                false,
                initial(
                    version,
                    &DCID,
                    &[7],
                    &SERVER_CID,
                    &crypto(0, &answer()),
                    false,
                ),
            ),
        ]);
        assert!(heard.has("quic_sni quic.example"), "{version:?} {heard:?}");
        assert!(heard.has("client hello h3"));
        assert!(heard.has("server hello TLSv13 TLS_AES_128_GCM_SHA256 x25519"));
        assert!(
            heard
                .0
                .iter()
                .any(|line| line.starts_with("ja4 q13d0204h3_"))
        );
        let told = format!("quic {:08x} 8394c8f03e515708 01020304 IIISis", version.0);
        assert!(heard.has(&told), "{heard:?}");
    }
}

#[test]
fn coalesced_packets_and_short_headers() {
    let mut second = initial(V1, &DCID, &[7], &SERVER_CID, &crypto(0, &answer()), false);
    let mut handshake = head(V1, &[7], &SERVER_CID);
    handshake[0] = 0xe0;
    handshake.extend([0x40, 30]);
    handshake.extend([5; 30]);
    second.extend(&handshake);
    second.extend([0x41; 40]);
    let short = vec![0x43; 50];
    let heard = play(&[
        (
            true,
            initial(V1, &DCID, &DCID, &[7], &crypto(0, &hello()), true),
        ),
        (false, second),
        (true, short.clone()),
        (true, short.clone()),
        (true, short.clone()),
        (true, short),
    ]);
    assert!(
        heard.has("quic 00000001 8394c8f03e515708 01020304 ISishoOOO"),
        "{heard:?}"
    );
}

#[test]
fn a_retry_gives_new_keys() {
    let mut retry = head(V1, &[7], &SERVER_CID);
    retry[0] = 0xf0;
    retry.extend([9; 40]);
    let mut other = head(V1, &[7], &[9; 4]);
    other[0] = 0xf0;
    other.extend([9; 40]);
    let hello = hello();
    let heard = play(&[
        (
            true,
            initial(V1, &DCID, &DCID, &[7], &crypto(0, &hello[..20]), true),
        ),
        (false, retry),
        (
            true,
            initial(V1, &SERVER_CID, &SERVER_CID, &[7], &crypto(0, &hello), true),
        ),
        // A client heeds one Retry (RFC 9000, section 17.2.5.2).
        (false, other),
        (
            false,
            initial(V1, &SERVER_CID, &[7], &[4; 8], &crypto(0, &answer()), false),
        ),
    ]);
    assert!(heard.has("quic_sni quic.example"));
    assert!(heard.has("server hello TLSv13 TLS_AES_128_GCM_SHA256 x25519"));
    assert!(
        heard.has("quic 00000001 8394c8f03e515708 0404040404040404 IrISris retry 01020304"),
        "{heard:?}"
    );
}

#[test]
fn a_version_that_changes_within_the_handshake() {
    let heard = play(&[
        (
            true,
            initial(V1, &DCID, &DCID, &[7], &crypto(0, &hello()), true),
        ),
        (
            false,
            initial(V2, &DCID, &[7], &SERVER_CID, &crypto(0, &answer()), false),
        ),
    ]);
    assert!(heard.has("server hello TLSv13 TLS_AES_128_GCM_SHA256 x25519"));
}

#[test]
fn a_client_that_is_the_responder() {
    let heard = play(&[(
        false,
        initial(V1, &DCID, &DCID, &[7], &crypto(0, &hello()), true),
    )]);
    assert!(heard.has("flipped") && heard.has("quic_sni quic.example"));
}

#[test]
fn a_datagram_that_was_cut() {
    let whole = initial(V1, &DCID, &DCID, &[7], &crypto(0, &hello()), true);
    let mut context = context(true, false);
    context.wire_len = whole.len();
    let mut heard = Heard::default();
    let mut parser = (DETECTOR.parser.unwrap())();
    let _ = parser.datagram(&context, &whole[..400], &mut heard);
    assert!(heard.has("quic_sni quic.example"));
    // Not one that was changed.
    let mut changed = whole.clone();
    changed[300] ^= 1;
    assert!(!play(&[(true, changed)]).has("quic_sni quic.example"));
}

#[test]
fn google_in_clear() {
    let mut chlo = b"CHLO".to_vec();
    chlo.extend([2, 0, 0, 0]);
    chlo.extend(b"SNI\0");
    chlo.extend(11_u32.to_le_bytes());
    chlo.extend(b"UAID");
    chlo.extend(17_u32.to_le_bytes());
    chlo.extend(b"www.g.exampChrome");
    let mut datagram = vec![0x09, 1, 2, 3, 4, 5, 6, 7, 8];
    datagram.extend(b"Q043\x01");
    datagram.extend([0; 12]);
    datagram.extend([0xa0, 1, 0, 4]);
    datagram.extend(&chlo);
    assert_eq!(
        (DETECTOR.probe)(&probe_of(&datagram, false, true)),
        Guess::Certain
    );
    let heard = play(&[(true, datagram)]);
    assert!(heard.has("quic_sni www.g.examp"));
    assert!(heard.has("software Chrome"));
    // MD5 of the text.
    assert!(
        heard.has("cyu 43,SNI-UAID 9f946d5dc2772006371ed3360664cb84"),
        "{heard:?}"
    );
    assert!(heard.has("quic 51303433 0102030405060708  IS"), "{heard:?}");
    assert_eq!(Version(0x5130_3433).name(), "Q043");
    // Under protection, where a CRYPTO frame has another number.
    let mut frame = crypto(0, &chlo);
    frame[0] = 8;
    let heard = play(&[(
        true,
        initial(Version(0x5130_3530), &DCID, &DCID, &[], &frame, true),
    )]);
    assert!(heard.has("quic_sni www.g.examp"));
}

#[test]
fn recognition() {
    let probe = |data: &[u8]| (DETECTOR.probe)(&probe_of(data, false, true));
    assert_eq!(
        probe(&initial(V1, &DCID, &DCID, &[], &[], true)),
        Guess::Certain
    );
    let mut negotiation = head(Version(0), &[7], &DCID);
    negotiation.extend([0x0a, 0x1a, 0x2a, 0x3a, 0, 0, 0, 1]);
    assert_eq!(probe(&negotiation), Guess::Certain);
    let refused = initial(
        Version(0x1a2a_3a4a),
        &DCID,
        &DCID,
        &[],
        &crypto(0, &[0; 200]),
        true,
    );
    assert_eq!(probe(&refused), Guess::Certain);
    let mut grease = head(Version(0xff00_0040), &DCID, &[]);
    grease.resize(1200, 0);
    assert_eq!(probe(&grease), Guess::Unsure);
    // RTP, DNS, DTLS, STUN, a length that does not fit.
    let mut long = head(V1, &DCID, &[]);
    long.extend([0, 0x44, 0, 1, 2, 3, 4, 5]);
    for other in [
        &[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..],
        &[0xc0, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1],
        &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42],
        &long,
    ] {
        assert_eq!(probe(other), Guess::No, "{other:02x?}");
    }
}

#[test]
fn what_nobody_wants_is_not_looked_at() {
    /// Wants no rows.
    struct Names(Heard);
    impl crate::app::Events for Names {
        fn wants(&self, _: Interest) -> bool {
            false
        }
        fn event(&mut self, event: crate::app::Event<'_>) {
            self.0.event(event);
        }
    }
    let mut names = Names(Heard::default());
    let mut parser = (DETECTOR.parser.unwrap())();
    let first = initial(V1, &DCID, &DCID, &[7], &crypto(0, &hello()), true);
    let second = initial(V1, &DCID, &[7], &SERVER_CID, &crypto(0, &answer()), false);
    assert!(matches!(
        parser.datagram(&context(true, false), &first, &mut names),
        Next::Continue
    ));
    assert!(matches!(
        parser.datagram(&context(false, false), &second, &mut names),
        Next::Done
    ));
    assert!(names.0.has("quic_sni quic.example"));
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
    fn any_payloads(payloads in proptest::collection::vec((any::<bool>(), proptest::collection::vec(0_u8..32, 0..100)), 0..8), cut in 0_usize..1200) {
        let datagrams: Vec<_> = payloads
            .iter()
            .map(|(by_client, payload)| {
                let mut datagram = initial(V1, &DCID, &DCID, &[7], payload, *by_client);
                datagram.truncate(datagram.len() - cut.min(datagram.len()) * usize::from(payload.len() % 3 == 0));
                (*by_client, datagram)
            })
            .collect();
        play(&datagrams);
    }
}

/// Without copying what there is for every frame, and without holding what says nothing.
#[test]
fn a_hello_of_googles_is_read_once() {
    let mut parser = (DETECTOR.parser.unwrap())();
    let mut heard = Heard::default();
    let mut put = |frames: &[u8]| {
        let packet = initial(V1, &DCID, &DCID, &[], frames, true);
        parser.datagram(&context(true, false), &packet, &mut heard);
        parser.heap_bytes()
    };
    let empty = put(&[]);
    // Its tag, then far more than it has room for.
    assert!(put(&crypto(0, b"CHLO")) < empty + 1000);
    assert!(put(&crypto(6, &[b'x'; 16_000])) > empty + 16_000);
    // Its head makes no sense: all is dropped, and what follows is not held.
    assert!(put(&crypto(4, &[0, 0])) < empty + 1000);
    assert!(put(&crypto(9000, &[b'x'; 7000])) < empty + 1000);
}

#[test]
fn a_refusal_of_googles() {
    let mut data = vec![0x08, 1, 2, 3, 4, 5, 6, 7, 8, 1];
    data.extend([0x5a; 12]);
    data.extend(b"\xa4\x01\0\x03REJ\0\x02\0\0\0STK\0\x08\0\0\0SNO\0\x10\0\0\0");
    assert!(google::rejection(&data));
    let mut wrong = data.clone();
    wrong[32] = 1;
    assert!(!google::rejection(&wrong));
    assert!(!google::rejection(&data[..data.len() - 1]));
    data[0] = 0x09;
    assert!(!google::rejection(&data));
}

#[test]
fn one_identifier_in_all_datagrams() {
    let mut before = vec![0x41];
    before.extend([9, 8, 7, 6, 5, 4, 3, 2]);
    before.extend([0x11; 40]);
    let mut data = before.clone();
    data[9..].fill(0x22);
    let of = |data: &[u8], previous: &[u8], port| {
        (DETECTOR.probe)(&Probe {
            previous,
            ..crate::app::trial::probe(data, false, true, (40_000, port))
        })
    };
    assert_eq!(of(&data, &before, 443), Guess::Unsure);
    assert_eq!(of(&data, &before, 4000), Guess::No);
    assert_eq!(of(&data, &data, 443), Guess::No);
    before[3] = 0;
    assert_eq!(of(&data, &before, 443), Guess::No);
}
