//! Messages made by hand.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::app::trial::{Said, context, conversation, datagrams, exchange, guess, probe, streams};
use crate::app::{Guess, Next};

/// A name in wire form.
fn wire_name(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

pub(super) fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let mut out = vec![0x12, 0x34];
    out.extend_from_slice(&flags.to_be_bytes());
    for count in counts {
        out.extend_from_slice(&count.to_be_bytes());
    }
    out
}

pub(super) fn question(name: &str, qtype: u16) -> Vec<u8> {
    let mut out = wire_name(name);
    out.extend_from_slice(&qtype.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out
}

/// A record whose name is a pointer to `at` (0xc000 is added).
pub(super) fn record(at: u16, rtype: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut out = (0xc000 | at).to_be_bytes().to_vec();
    out.extend_from_slice(&rtype.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
    out
}

fn query(name: &str, qtype: u16) -> Vec<u8> {
    [header(0x0100, [1, 0, 0, 0]), question(name, qtype)].concat()
}

/// `www.example.org` is an alias of `cdn.example.net`, which has two addresses.
fn response() -> Vec<u8> {
    let question = question("www.example.org", rtype::A);
    let alias_at = (12 + question.len() + 12) as u16;
    [
        header(0x8180, [1, 3, 0, 1]),
        question,
        record(12, rtype::CNAME, 60, &wire_name("cdn.example.net")),
        record(alias_at, rtype::A, 300, &[192, 0, 2, 7]),
        record(alias_at, rtype::A, 30, &[192, 0, 2, 8]),
        vec![0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 0],
    ]
    .concat()
}

#[test]
fn a_response_is_read() {
    let bytes = response();
    let message = Message::parse(&bytes, bytes.len(), "dns").unwrap();
    assert!(message.is_response() && !message.truncated && !message.malformed);
    assert_eq!(
        (message.id, message.rcode(), message.excess),
        (0x1234, 0, 0)
    );
    assert_eq!(&*message.questions[0].name, b"www.example.org");
    assert_eq!(
        message.answers[0].data,
        Data::Name(Name::from(&b"cdn.example.net"[..]))
    );
    assert_eq!(&*message.answers[1].name, b"cdn.example.net");
    let edns = message.edns.unwrap();
    assert!(edns.dnssec_ok && edns.payload_size == 4096 && edns.version == 0);
    let texts: Vec<_> = message.answers.iter().filter_map(answer_text).collect();
    assert_eq!(texts, ["cdn.example.net", "192.0.2.7", "192.0.2.8"]);
    assert_eq!(answer_text(&message.additionals[0]), None);
    // Every shorter piece is a truncated message.
    for end in 12..bytes.len() {
        let message = Message::parse(&bytes[..end], bytes.len(), "dns").unwrap();
        assert!(message.truncated, "{end}");
    }
    assert_eq!(Message::parse(&bytes[..11], 11, "dns"), None);
}

#[test]
fn names_are_learnt_through_aliases() {
    let bytes = response();
    assert!(is_response(&bytes));
    assert!(!is_response(&query("www.example.org", rtype::A)));
    let message = Message::parse(&bytes, bytes.len(), "dns").unwrap();
    let mut learnt = Vec::new();
    learn(&message, &mut |name, address, ttl| {
        learnt.push((name.to_vec(), address, ttl));
        true
    });
    let address = |last| IpAddr::from([192, 0, 2, last]);
    // The alias lives shorter than the first address, the second address shorter than it.
    assert_eq!(
        learnt,
        [
            (b"www.example.org".to_vec(), address(7), 60),
            (b"www.example.org".to_vec(), address(8), 30),
        ]
    );
}

#[test]
fn aliases_in_a_circle_end() {
    let question = question("a.test", rtype::A);
    let bytes = [
        header(0x8180, [1, 1, 0, 0]),
        question,
        record(12, rtype::CNAME, 60, &wire_name("A.test")),
    ]
    .concat();
    let message = Message::parse(&bytes, bytes.len(), "dns").unwrap();
    learn(&message, &mut |_, _, _| panic!("there is no address"));
}

#[test]
fn records_of_many_types() {
    let mut txt = vec![5];
    txt.extend_from_slice(b"hello\x00");
    let srv = [vec![0, 1, 0, 2, 0x1f, 0x90], wire_name("host.test")].concat();
    let mx = [vec![0, 10], wire_name("mail.test")].concat();
    let soa = [wire_name("ns.test"), wire_name("admin.test"), vec![0; 20]].concat();
    let rrsig = [vec![0, 1], vec![0; 16], wire_name("test")].concat();
    let https = [
        vec![0, 1, 0],
        vec![0, 1, 0, 6, 2, b'h', b'3', 2, b'h', b'2'],
        vec![0, 4, 0, 4, 192, 0, 2, 1],
        vec![0, 5, 0, 2, 9, 9],
    ]
    .concat();
    let caa = b"\x00\x05issueca.test".to_vec();
    let records: [(u16, &[u8], Option<&str>); 13] = [
        (rtype::TXT, &txt, Some("TXT 5 hello TXT 0 ")),
        (rtype::SRV, &srv, Some("host.test")),
        (rtype::MX, &mx, Some("mail.test")),
        (rtype::SOA, &soa, Some("ns.test")),
        (rtype::RRSIG, &rrsig, Some("RRSIG 1 test")),
        (
            rtype::HTTPS,
            &https,
            Some("HTTPS 1 . alpn=h3,h2 hint=192.0.2.1 ech"),
        ),
        (rtype::CAA, &caa, Some("CAA 0 issue ca.test")),
        (rtype::DS, &[0, 1, 8, 2, 9], Some("DS 8 2")),
        (rtype::HINFO, b"\x03ARM\x05Linux", Some("HINFO ARM Linux")),
        (rtype::SSHFP, &[1, 1, 0xab, 0xcd], Some("SSHFP: abcd")),
        (rtype::A, &[1, 2, 3], None),
        (4711, &[1], Some("<unknown type=4711>")),
        (rtype::WKS, &[1], None),
    ];
    for (number, data, expected) in records {
        let bytes = [
            header(0x8180, [1, 1, 0, 0]),
            question("x.test", number),
            record(12, number, 5, data),
        ]
        .concat();
        let message = Message::parse(&bytes, bytes.len(), "dns").unwrap();
        let text = answer_text(&message.answers[0]);
        assert_eq!(text.as_deref(), expected, "type {number}");
    }
}

#[test]
fn names_may_not_leave_their_data() {
    // An MX whose name reaches into the next record.
    let bytes = [
        header(0x8180, [1, 2, 0, 0]),
        question("x.test", rtype::MX),
        record(12, rtype::MX, 5, &[0, 1, 40, b'a']),
        record(12, rtype::A, 5, &[192, 0, 2, 1]),
        vec![0; 64],
    ]
    .concat();
    let message = Message::parse(&bytes, bytes.len(), "dns").unwrap();
    assert_eq!(message.answers[0].data, Data::Other(&[0, 1, 40, b'a']));
    assert_eq!(message.answers.len(), 2);
    assert_eq!(message.excess, 64);
}

#[test]
fn probes() {
    let request = query("www.example.org", rtype::AAAA);
    let reply = response();
    for bytes in [&request, &reply] {
        let odd_port = probe(bytes, false, true, (40_000, 4711));
        assert_eq!((DETECTOR.probe)(&odd_port), Guess::Certain);
        assert_eq!((MDNS_DETECTOR.probe)(&odd_port), Guess::No);
        assert_eq!((NBNS_DETECTOR.probe)(&odd_port), Guess::No);
        let mdns = probe(bytes, false, true, (5353, 5353));
        assert_eq!((DETECTOR.probe)(&mdns), Guess::No);
        assert_eq!((MDNS_DETECTOR.probe)(&mdns), Guess::Certain);
        // Over TCP the length stands in front.
        let framed = [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
        let tcp = |end| (DETECTOR.probe)(&probe(&framed[..end], true, true, (40_000, 4711)));
        assert_eq!(tcp(framed.len()), Guess::Certain);
        assert_eq!(tcp(framed.len() - 1), Guess::More);
        assert_eq!(tcp(1), Guess::More);
    }
    let longer = [&request[..], b"x"].concat();
    for other in [
        &b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"[..],
        &[0; 40],
        &longer,
    ] {
        let odd_port = probe(other, false, true, (40_000, 4711));
        assert_eq!((DETECTOR.probe)(&odd_port), Guess::No);
        assert_eq!(guess(&NBNS_DETECTOR, other), Guess::No);
    }
}

#[test]
fn a_message_by_itself() {
    let request = query("www.example.org", rtype::AAAA);
    let len = request.len();
    assert!(is_message(&request, len, false, false));
    assert!(!is_message(&request[..len - 1], len - 1, false, false));
    assert!(is_message(&request[..len - 1], len, false, true));
    let framed = [&(len as u16).to_be_bytes()[..], &request].concat();
    assert!(is_message(&framed, framed.len(), true, false));
    assert!(!is_message(&framed[..1], 1, true, true));
    assert!(is_message(&framed, framed.len(), true, true));
    // The middle of a transfer, by chance with a length and counts.
    let middle = [&[0, 60, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &[7; 60]].concat();
    assert!(!is_message(&middle, middle.len(), true, true));
    // "Format error", and nothing else.
    let bare = header(0x8181, [0; 4]);
    assert!(is_message(&bare, 12, false, true));
    assert!(!is_message(&bare, 12, false, false));
    // What is no message is none on its port either.
    assert!(!is_message(&[0xff; 40], 40, false, true));
    assert!(!is_message(b"\x16\x03\x01\0\x05hello", 10, true, true));
}

/// First-level encoding.
fn netbios(name: &[u8], suffix: u8) -> String {
    let mut bytes = [b' '; 16];
    bytes[..name.len()].copy_from_slice(name);
    bytes[15] = suffix;
    let letters = bytes
        .iter()
        .flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]);
    letters.map(char::from).collect()
}

#[test]
fn a_netbios_registration() {
    let bytes = [
        header(0x2910, [1, 0, 0, 1]),
        question(&netbios(b"DESK", 0x20), rtype::NB),
        record(12, rtype::NB, 300, &[0x00, 0, 192, 0, 2, 9]),
    ]
    .concat();
    let odd_port = probe(&bytes, false, true, (40_000, 4711));
    assert_eq!((NBNS_DETECTOR.probe)(&odd_port), Guess::Certain);
    let said = exchange(&NBNS_DETECTOR, &[(true, &bytes)]);
    assert!(said.has("Device"), "{said:?}");
    let message = Message::parse(&bytes, bytes.len(), "nbns").unwrap();
    assert_eq!(&*message.questions[0].name, b"DESK<20>");
    assert_eq!(opcode_name(message.opcode(), true), "netbios-registration");
    assert_eq!(
        answer_text(&message.additionals[0]).as_deref(),
        Some("192.0.2.9")
    );
}

#[test]
fn a_netbios_node_status() {
    let mut data = vec![2];
    data.extend_from_slice(b"WORKGROUP      \x00\x84\x00");
    data.extend_from_slice(b"DESK           \x00\x04\x00");
    data.extend_from_slice(&[2, 0, 0, 1, 2, 3]);
    data.resize(data.len() + 40, 0);
    let mut bytes = header(0x8400, [0, 1, 0, 0]);
    let mut star = vec![b'*'];
    star.resize(15, 0);
    bytes.extend_from_slice(&wire_name(&netbios(&star, 0)));
    bytes.extend_from_slice(&[0, 33, 0, 1, 0, 0, 0, 0]);
    bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&data);
    let message = Message::parse(&bytes, bytes.len(), "nbns").unwrap();
    assert_eq!(
        answer_text(&message.answers[0]).as_deref(),
        Some("WORKGROUP<00> DESK<00> 02:00:00:01:02:03")
    );
    let said = exchange(&NBNS_DETECTOR, &[(true, &bytes)]);
    assert!(said.has("hostname: Some([68, 69, 83, 75])"), "{said:?}");
}

#[test]
fn what_devices_announce() {
    let bytes = [
        header(0x8400, [0, 4, 0, 0]),
        // The name at 12; everything after belongs to it.
        wire_name("Hall._hap._tcp.local"),
        vec![0, 16, 0x80, 1, 0, 0, 0, 9, 0, 9, 8],
        b"md=BSB002"[..8].to_vec(),
        record(
            12,
            rtype::SRV,
            9,
            &[&[0, 0, 0, 0, 0, 80][..], &wire_name("hue.local")].concat(),
        ),
        record(12, rtype::A, 9, &[192, 0, 2, 3]),
        record(12, rtype::HINFO, 9, b"\x03ARM\x05Linux"),
    ]
    .concat();
    let message = Message::parse(&bytes, bytes.len(), "mdns").unwrap();
    assert!(!message.truncated && !message.malformed, "{message:?}");
    let said = exchange(&MDNS_DETECTOR, &[(true, &bytes)]);
    for fact in [
        format!("service: Some({:?})", b"_hap._tcp"),
        format!("model: Some({:?})", b"BSB00"),
        format!("os: Some({:?})", b"Linux"),
        "address: Some(192.0.2.3)".into(),
    ] {
        assert!(said.has(&fact), "{fact}: {said:?}");
    }
}

#[test]
fn over_tcp_messages_follow_each_other() {
    let framed = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let queries = [framed(&query("a.test", 1)), framed(&query("b.test", 28))].concat();
    let reply = framed(&response());
    let said = conversation(&DETECTOR, &[(true, &queries), (false, &reply)]);
    let messages = said
        .0
        .iter()
        .filter(|line| line.starts_with("Dns("))
        .count();
    assert_eq!(messages, 3);
    // What is no message at all ends it.
    let mut said = Said::default();
    let next = streams(
        DETECTOR.parser.unwrap()().as_mut(),
        [(true, &[0_u8, 2, 1, 1][..])],
        &mut said,
    );
    assert!(matches!(next, Next::NotThis));
}

#[test]
fn behind_a_gap_a_stream_is_read_on() {
    let framed = |message: Vec<u8>| {
        let mut framed = (message.len() as u16).to_be_bytes().to_vec();
        framed.extend(message);
        framed
    };
    let (first, second) = (framed(query("a.b", 1)), framed(query("c.d", 1)));
    let context = context(true, true, 1, 0);
    let mut parser = (DETECTOR.parser.unwrap())();
    let mut said = Said::default();
    let step = parser.stream(&context, &first, &mut said);
    assert_eq!(step.consumed, first.len());
    assert!(matches!(parser.gap(&context, 9, &mut said), Next::Continue));
    // The rest of a message is none, and nothing is held for it.
    assert_eq!(
        parser.stream(&context, &second[3..], &mut said).consumed,
        second.len() - 3
    );
    let all = format!("{:?}", said.0);
    assert!(all.contains("a.b") && !all.contains("c.d"), "{all}");
    parser.stream(&context, &second, &mut said);
    assert!(format!("{:?}", said.0).contains("c.d"), "{said:?}");
}

#[test]
fn risks() {
    let said = |bytes: &[u8]| exchange(&DETECTOR, &[(true, bytes), (true, bytes)]);
    let refused = [header(0x8183, [1, 0, 0, 0]), question("no.test", 1)].concat();
    assert!(said(&refused).has("risk: error_code NXDOMAIN"));
    let asked = |bytes: &[u8]| {
        said(bytes)
            .0
            .into_iter()
            .find(|line| line.starts_with("Asked"))
    };
    assert!(asked(&refused).unwrap().ends_with("missing: true }"));
    assert!(
        asked(&query("no.test", 1))
            .unwrap()
            .ends_with("missing: false }")
    );
    assert_eq!(
        exchange(&MDNS_DETECTOR, &[(true, &refused)])
            .0
            .iter()
            .find(|line| line.starts_with("Asked")),
        None
    );
    let tunnel = query(&format!("{}.t.test", "a1".repeat(28)), rtype::NULL);
    let tunnel = said(&tunnel);
    assert!(tunnel.has("risk: suspicious_dns obsolete type NULL"));
    // Said once only.
    assert_eq!(
        tunnel
            .0
            .iter()
            .filter(|line| line.starts_with("risk"))
            .count(),
        1
    );
    let long = query(&format!("{}.t.test", "a1".repeat(28)), rtype::A);
    assert!(said(&long).has("label of 56 bytes"));
    let mut large = [header(0x8180, [1, 1, 0, 0]), question("x.test", 16)].concat();
    large.extend_from_slice(&record(12, rtype::TXT, 5, &[99; 600]));
    assert!(said(&large).has("risk: large_dns 636 bytes over UDP"));
    assert!(!said(&response()).has("risk"));
    let mut fleeting = [header(0x8180, [1, 1, 0, 0]), question("nas.lan", 1)].concat();
    fleeting.extend_from_slice(&record(12, rtype::A, 0, &[192, 168, 1, 2]));
    assert!(!said(&fleeting).has("risk"));
    let circle = [
        header(0x0100, [1, 0, 0, 0]),
        b"\xc0\x0c\x00\x01\x00\x01".to_vec(),
    ]
    .concat();
    assert!(said(&circle).has("risk: malformed_packet"));
}

#[test]
fn certificates_of_dnscrypt() {
    let bytes = query("2.dnscrypt-cert.resolver.test", rtype::TXT);
    assert!(exchange(&DETECTOR, &[(true, &bytes)]).has("service: dnscrypt"));
}

proptest! {
    /// Any bytes: no panic, and nothing outside the bounds.
    #[test]
    fn any_bytes(mut bytes: Vec<u8>, counts in any::<[u8; 4]>(), len in 0_usize..2000) {
        // Counts that are not absurd reach further.
        if let Some(header) = bytes.get_mut(4..12) {
            for (count, value) in header.chunks_exact_mut(2).zip(counts) {
                count.copy_from_slice(&[0, value % 8]);
            }
        }
        for service in ["dns", "mdns", "nbns"] {
            if let Some(message) = Message::parse(&bytes, len, service) {
                for record in message.answers.iter().chain(&message.additionals) {
                    let _ = answer_text(record);
                    prop_assert!(record.name.len() <= 255);
                }
                learn(&message, &mut |_, _, _| true);
            }
        }
        let _ = is_response(&bytes);
        for detector in [&DETECTOR, &MDNS_DETECTOR, &LLMNR_DETECTOR, &NBNS_DETECTOR] {
            let port = detector.ports[0];
            for tcp in [false, true] {
                let _ = (detector.probe)(&probe(&bytes, tcp, true, (40_000, port)));
                let _ = (detector.probe)(&probe(&bytes, tcp, false, (40_000, 9)));
            }
            let mut parser = detector.parser.unwrap()();
            let mut said = Said::default();
            datagrams(parser.as_mut(), [(true, &bytes[..]), (false, &bytes)], &mut said);
            prop_assert!(parser.heap_bytes() < 1024);
        }
    }

    /// What is learnt from the bytes is what is learnt from the message that they are: records with
    /// names of their own or pointers, of addresses, aliases and others, cut anywhere.
    #[test]
    fn bytes_teach_what_messages_do(
        counts in (0_u16..4, 0_u16..6, 0_u16..70, 0_u16..6),
        records in proptest::collection::vec(
            (
                prop_oneof![Just(12_u16), 0_u16..100],
                prop_oneof![
                    Just((rtype::A, vec![192, 0, 2, 7])),
                    Just((rtype::AAAA, vec![9; 16])),
                    Just((rtype::CNAME, wire_name("a.test"))),
                    Just((rtype::TXT, vec![])),
                    Just((rtype::A, vec![1])),
                ],
                any::<bool>(),
            ),
            0..12,
        ),
        repeated in prop_oneof![Just(0_usize), 0..80_usize],
        cut in 0_usize..20,
    ) {
        let mut bytes = header(0x8180, [counts.0, counts.1, counts.2, counts.3]);
        for _ in 0..counts.0 {
            bytes.extend(question("a.test", rtype::A));
        }
        // Many of the same reach beyond what is kept.
        let first = records.first().cloned().into_iter();
        let repeated = first.flat_map(|record| vec![record; repeated]);
        for (at, (kind, data), named) in repeated.chain(records) {
            let record = record(at, kind, 60, &data);
            if named {
                bytes.extend(wire_name("A.test"));
                bytes.extend(&record[2..]);
            } else {
                bytes.extend(record);
            }
        }
        let bytes = &bytes[..bytes.len() - cut.saturating_sub(10).min(bytes.len() - 12)];
        for service in ["dns", "mdns"] {
            let (mut slow, mut fast) = (Vec::new(), Vec::new());
            let message = Message::parse(bytes, bytes.len(), service).unwrap();
            learn(&message, &mut |name, address, ttl| {
                slow.push((name.to_vec(), address, ttl));
                true
            });
            learn_from(bytes, service, &mut |name, address, ttl| {
                fast.push((name.to_vec(), address, ttl));
                true
            });
            prop_assert_eq!(slow, fast);
        }
    }

    /// Any streams, cut anywhere.
    #[test]
    fn any_stream(pieces: Vec<(bool, Vec<u8>)>) {
        let mut parser = DETECTOR.parser.unwrap()();
        let mut said = Said::default();
        streams(parser.as_mut(), pieces, &mut said);
        prop_assert!(parser.heap_bytes() < 1024);
    }

    /// Any bytes behind a valid start.
    #[test]
    fn any_records(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [&response()[..], &tail].concat();
        for end in 0..bytes.len() {
            let _ = Message::parse(&bytes[..end], bytes.len(), "dns");
        }
    }
}
