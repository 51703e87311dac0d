//! Messages made by hand.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

fn context(seconds: i64) -> Context {
    Context {
        timestamp: Timestamp::from_nanos(seconds * 1_000_000_000),
        number: 1,
        from_client: true,
        tcp: false,
        client: (IpAddr::V4(Ipv4Addr::LOCALHOST), 1),
        server: (IpAddr::V4(Ipv4Addr::LOCALHOST), 53),
        wire_len: 0,
    }
}

/// A message with questions for `names` (one letter each), and an address for the first.
fn message(id: u8, flags: u16, names: &[u8]) -> Vec<u8> {
    let answers = u8::from(flags & 0x8000 != 0);
    let mut bytes = vec![0, id];
    bytes.extend_from_slice(&flags.to_be_bytes());
    bytes.extend_from_slice(&[0, names.len() as u8, 0, answers, 0, 0, 0, 0]);
    for &name in names {
        bytes.extend_from_slice(&[1, name, 0, 0, 1, 0x80, 1]);
    }
    if answers == 1 {
        bytes.extend_from_slice(&[1, b'z', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]);
    }
    bytes
}

fn feed(service: &'static str, messages: &[(i64, Vec<u8>)]) -> (Vec<DnsRecord>, Vec<DnsRecord>) {
    let mut pairing = Pairing::default();
    let mut early = Vec::new();
    for (seconds, bytes) in messages {
        let message = Message::parse(bytes, bytes.len(), service).unwrap();
        pairing.message(&context(*seconds), &message, Interest::ALL, &mut |row| {
            early.push(*row);
        });
    }
    assert!(pairing.heap_bytes() < 128 * 1024);
    let mut late = Vec::new();
    pairing.finish(&mut |row| late.push(*row));
    (early, late)
}

/// RFC 2136: a name that may not be there, a set that goes, a record that goes, an address that comes.
#[test]
fn updates() {
    let mut bytes = vec![0, 7, 0xa8, 0, 0, 1, 0, 1, 0, 3, 0, 0];
    bytes.extend_from_slice(&[1, b'z', 0, 0, 6, 0, 1]);
    for (class, rtype, ttl, data) in [
        (254, 255, 0, &[][..]),
        (255, 28, 0, &[]),
        (254, 1, 0, &[192, 0, 2, 1]),
        (1, 1, 9, &[192, 0, 2, 2]),
    ] {
        bytes.extend_from_slice(&[1, b'a', 1, b'z', 0, 0, rtype, 0, class, 0, 0, 0, ttl, 0]);
        bytes.push(data.len() as u8);
        bytes.extend_from_slice(data);
    }
    let (_, late) = feed("dns", &[(1, bytes)]);
    let answers: Vec<&str> = late[0].answers.iter().map(|text| &**text).collect();
    assert_eq!(
        answers,
        [
            "pre: NameNotInUse a.z",
            "del: RRSet AAAA",
            "del: RR A a.z",
            "add: A a.z 192.0.2.2"
        ]
    );
    assert_eq!(late[0].ttls, [0, 0, 0, 9]);
    assert_eq!(late[0].query.as_deref(), Some("z"));
}

fn queries(rows: &[DnsRecord]) -> Vec<&str> {
    rows.iter()
        .map(|row| row.query.as_deref().unwrap())
        .collect()
}

#[test]
fn pairs() {
    // Two queries with the same identifier, a third one, an answer to the first of them.
    let (early, late) = feed(
        "dns",
        &[
            (1, message(7, 0x0100, b"a")),
            (2, message(7, 0x0100, b"b")),
            (3, message(8, 0x0100, b"c")),
            (4, message(8, 0x8580, b"x")),
            (5, message(7, 0x8580, b"A")),
        ],
    );
    assert_eq!(queries(&early), ["a"]);
    // An answer to another question is none to this one.
    assert_eq!(queries(&late), ["b", "c", "x"]);
    let row = &early[0];
    assert_eq!(row.rtt, Some(4_000_000_000));
    assert_eq!(row.ts, Timestamp::from_nanos(1_000_000_000));
    assert_eq!(
        (row.rcode, row.qtype, row.aa, row.ra, row.rd),
        (Some(0), Some(1), true, true, true)
    );
    assert_eq!((&*row.answers[0], row.ttls[0]), ("192.0.2.1", 9));
    assert_eq!(row.answer_types, [1]);
    assert!(!row.rejected);
    assert_eq!((late[0].rcode, late[0].rtt), (None, None));
}

#[test]
fn a_response_alone_and_before_its_query() {
    let (early, late) = feed("dns", &[(1, message(7, 0x8400, b""))]);
    assert!(early.is_empty());
    assert_eq!(queries(&late), ["z"]);
    assert_eq!((late[0].qtype, late[0].rtt), (None, None));
    let (early, late) = feed(
        "dns",
        &[(1, message(7, 0x8400, b"")), (2, message(7, 0x0100, b"a"))],
    );
    assert!(late.is_empty());
    assert_eq!(queries(&early), ["a"]);
    assert_eq!((early[0].rtt, early[0].rcode), (None, Some(0)));
}

#[test]
fn several_questions_are_several_rows() {
    let (early, late) = feed(
        "mdns",
        &[(1, message(0, 0, b"abc")), (2, message(0, 0x8400, b""))],
    );
    assert_eq!(queries(&early[..3]), ["a", "b", "c"]);
    assert_eq!((&early[3].query, &*early[3].answer_names[0]), (&None, "z"));
    assert!(late.is_empty());
    // The unicast bit is no part of the class.
    assert_eq!(early[0].qclass, Some(1));
}

/// 64 questions of a name of 253 bytes that are no text, and as many answers that point to it.
fn crowded(flags: u16) -> Vec<u8> {
    let mut bytes = vec![0, 7];
    bytes.extend(flags.to_be_bytes());
    bytes.extend([0, 64, 0, 64, 0, 0, 0, 0]);
    for length in [63, 63, 63, 60] {
        bytes.push(length);
        bytes.extend(vec![0xff; length.into()]);
    }
    bytes.extend([0, 0, 1, 0, 1]);
    for _ in 1..64 {
        bytes.extend([0xc0, 12, 0, 1, 0, 1]);
    }
    for _ in 0..64 {
        bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]);
    }
    bytes
}

#[test]
fn answers_stand_in_one_row() {
    let mut bytes = message(7, 0x8580, b"ab");
    bytes[7] = 2;
    bytes.extend([1, b'b', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 2]);
    let (early, late) = feed("dns", &[(1, message(7, 0x0100, b"ab")), (2, bytes)]);
    assert!(late.is_empty());
    assert_eq!(queries(&early), ["a", "b"]);
    assert_eq!(early[0].answers.len(), 2);
    assert_eq!(early[0].answer_records.len(), 2);
    assert!(early[1].answers.is_empty() && early[1].answer_records.is_empty());
    assert_eq!(
        (early[1].rcode, early[1].rtt),
        (Some(0), Some(1_000_000_000))
    );
    assert!(!early[1].rejected);
}

#[test]
fn rows_hold_no_more_than_their_message_has_room_for() {
    for (service, flags) in [("dns", 0x8180), ("mdns", 0x8400), ("mdns", 0)] {
        let bytes = crowded(flags);
        let (early, late) = feed(service, &[(1, bytes.clone())]);
        let rows = [early, late].concat();
        assert!((2..40).contains(&rows.len()), "{}", rows.len());
        let len = |texts: &[Box<str>]| texts.iter().map(|text| text.len()).sum::<usize>();
        let held: usize = rows
            .iter()
            .map(|row| {
                size_of::<DnsRecord>()
                    + row.query.as_ref().map_or(0, |query| query.len())
                    + len(&row.answers)
                    + len(&row.answer_names)
                    + len(&row.answer_records)
            })
            .sum();
        let most = 4 * (ROWS_FREE + TEXT_RATIO * bytes.len());
        assert!(held < most, "{held} bytes of {}", bytes.len());
        assert_eq!(rows[0].answers.is_empty(), flags == 0);
    }
}

proptest! {
    /// Whatever a message is made of, its rows are of its size.
    #[test]
    fn rows_are_of_the_size_of_their_message(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(vec![0xc0, 12, 0, 1, 0, 1]),
                Just(vec![0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]),
                Just(vec![0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 2, 1, 0xff]),
                Just(vec![0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 60, 0, 4, 0xc0, 12, 0xc0, 12]),
                Just([&[63][..], &[0xff; 63], &[0]].concat()),
                proptest::collection::vec(any::<u8>(), 0..12),
            ],
            0..200,
        ),
        counts in any::<[u8; 4]>(),
        flags in prop_oneof![Just(0_u16), Just(0x8180), Just(0xa800), any::<u16>()],
        mdns: bool,
    ) {
        let mut bytes = vec![0, 0];
        bytes.extend(flags.to_be_bytes());
        for count in counts {
            bytes.extend([0, count]);
        }
        bytes.extend([63; 64].repeat(3));
        bytes.push(0);
        bytes.extend(parts.concat());
        let service = if mdns { "mdns" } else { "dns" };
        let message = Message::parse(&bytes, bytes.len(), service).unwrap();
        let waiting = Waiting::new(&context(1), &message, Interest::ALL);
        // Lists grow by doubling, an item has 16 bytes beside its text.
        let most = 6 * (ROWS_FREE + TEXT_RATIO * bytes.len());
        let held = waiting.count();
        prop_assert!(held <= most, "{} bytes of {}", held, bytes.len());
    }
}

/// What browsers of services ask at once: short names below a common one.
#[test]
fn many_questions_of_mdns_are_all_there() {
    let mut bytes = vec![0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0];
    bytes.extend(b"\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01");
    for _ in 1..64 {
        bytes.extend(b"\x04_abc\xc0\x11\0\x0c\0\x01");
    }
    let (early, _) = feed("mdns", &[(1, bytes)]);
    assert_eq!(early.len(), 64);
    assert_eq!(early[63].query.as_deref(), Some("_abc._tcp.local"));
}

#[test]
fn what_waits_is_bounded() {
    let many: Vec<_> = (0..200)
        .map(|number| (i64::from(number), message(number, 0, b"a")))
        .collect();
    let (early, late) = feed("dns", &many);
    assert_eq!(early.len(), 200 - WAITING_MAX);
    assert_eq!(late.len(), WAITING_MAX);
    assert!(
        early
            .iter()
            .zip(0..)
            .all(|(row, number)| row.trans_id == number)
    );
}

#[test]
fn the_flags_of_a_response_that_does_not_repeat_the_querys() {
    // Kind 9, which there is not; recursion desired by the query alone.
    let pair = [(1, message(7, 0x4900, b"a")), (2, message(7, 0xc800, b"a"))];
    let (early, late) = feed("dns", &pair);
    let row = early.iter().chain(&late).next().unwrap();
    assert_eq!((row.response_flags, row.rd), (Some(0xc800), true));
    let (_, late) = feed("dns", &pair[..1]);
    assert_eq!(late[0].response_flags, None);
}

#[test]
fn refusals() {
    let refused = |flags: u16| {
        let mut bytes = message(7, flags & 0x7fff, b"a");
        bytes[2] |= 0x80;
        feed("dns", &[(1, bytes)]).1.remove(0)
    };
    assert!(refused(0x8005).rejected);
    assert_eq!(refused(0x8005).rcode, Some(5));
    assert!(refused(0x8000).rejected);
}
