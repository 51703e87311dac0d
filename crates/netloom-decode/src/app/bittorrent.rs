//! BitTorrent (bittorrent.org, BEP 3, 5, 14, 15, 29): between peers over TCP and uTP, the
//! distributed hash table, trackers over UDP, search in the local network. Which torrents
//! (`info_hash`) and programs are said.

use super::support::{say, software};
use super::wire::{u16_at, u32_at};
use super::{
    Category, Context, Detector, Events, Guess, Next, Over, Parser, Probe, Protocol, Step, Value,
};

/// BitTorrent.
pub static PROTOCOL: Protocol = Protocol {
    name: "bittorrent",
    title: "BitTorrent",
    category: Category::P2p,
};

/// Recognised by the handshake's words, the table's dictionaries and the tracker's numbers.
pub static DETECTOR: Detector = Detector {
    protocol: &PROTOCOL,
    over: Over::Both,
    ports: &[6881, 6882, 6883, 6889, 6969, 6771, 51_413],
    probe,
    parser: Some(|| Box::<BitTorrent>::default()),
};

const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
/// What a connection to a tracker over UDP starts with (BEP 15).
const TRACKER: u64 = 0x417_2710_1980;
/// Bytes of uTP's header.
const UTP: usize = 20;

fn probe(probe: &Probe<'_>) -> Guess {
    if probe.tcp {
        return stream_probe(probe.data);
    }
    let data = probe.data;
    if is_dht(data)
        || data.starts_with(b"BT-SEARCH * HTTP/1.1\r\n")
        || data
            .get(UTP..)
            .is_some_and(|rest| rest.starts_with(HANDSHAKE))
        || is_tracker(data, probe.other)
    {
        return Guess::Certain;
    }
    match utp(data, probe.wire_len) {
        Some(header) => {
            // Both sides of a connection share its number, give or take one.
            let same = [probe.other, probe.previous].iter().any(|other| {
                utp(other, other.len())
                    .is_some_and(|other| header.connection.abs_diff(other.connection) <= 1)
            });
            // The start of a connection answers nothing and has sequence 1.
            let answers = utp(probe.other, probe.other.len())
                .is_some_and(|other| header.connection.abs_diff(other.connection) <= 1);
            match (answers, same) {
                (true, _) => Guess::Certain,
                (false, true) => Guess::Unsure,
                _ if header.is_start => Guess::Unsure,
                _ => Guess::No,
            }
        }
        None => Guess::No,
    }
}

fn stream_probe(data: &[u8]) -> Guess {
    if data.starts_with(HANDSHAKE) {
        return Guess::Certain;
    }
    if HANDSHAKE.starts_with(data) {
        return Guess::More;
    }
    middle(data)
}

/// The middle of a connection: whole messages, a length and a kind each, that fill what there is.
fn middle(data: &[u8]) -> Guess {
    let mut at = 0;
    let (mut kinds, mut messages) = (0_u32, 0);
    while let (Some(length), Some(&kind)) = (u32_at(data, at), data.get(at + 4)) {
        let fits = match (length, kind) {
            (1, 0..=3 | 14 | 15) | (5, 4 | 13 | 17) | (13, 6 | 8 | 16) | (3, 9) => true,
            // A block: 16 KiB and its place; an extension's dictionary.
            (16_393, 7) => u32_at(data, at + 9).is_some_and(|place| place % 16_384 == 0),
            (3..=4096, 20) => data.get(at + 6).is_none_or(|&byte| byte == b'd'),
            _ => false,
        };
        if !fits {
            return Guess::No;
        }
        kinds |= 1 << kind;
        messages += 1;
        at += 4 + length as usize;
        if messages >= 6 && kinds.count_ones() >= 2 {
            return Guess::Certain;
        }
    }
    match messages {
        0 => Guess::No,
        4.. if kinds & (1 << 7 | 1 << 20) != 0 => Guess::Certain,
        _ => Guess::More,
    }
}

/// A dictionary of the distributed hash table (BEP 5): bencoded, keys in order; the last ones are
/// the version and the kind of message.
fn is_dht(data: &[u8]) -> bool {
    let start = [
        &b"d1:ad2:id20:"[..],
        b"d1:rd2:id20:",
        b"d2:ip",
        b"d1:eli2",
        b"d1:md11:",
        b"d1:ad2:bs",
    ];
    start.iter().any(|start| data.starts_with(start))
        && [
            &b"1:y1:q"[..],
            b"1:y1:r",
            b"1:y1:e",
            b"2:id20:",
            b"1:q4:ping",
            b"upload_only",
        ]
        .iter()
        .any(|key| data.windows(key.len()).any(|window| window == *key))
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32_at(data, at)?) << 32 | u64::from(u32_at(data, at + 4)?))
}

/// A request to a tracker to connect, or its answer: action 0, the same number.
fn is_tracker(data: &[u8], other: &[u8]) -> bool {
    data.len() >= 16 && u64_at(data, 0) == Some(TRACKER) && u32_at(data, 8) == Some(0)
        || data.len() == 16
            && u64_at(other, 0) == Some(TRACKER)
            && u32_at(data, 0) == Some(0)
            && u32_at(data, 4) == u32_at(other, 12)
}

struct Utp {
    connection: u16,
    is_start: bool,
}

/// Kind and version 1, extension, connection, time, difference, window, sequence, acknowledged.
fn utp(data: &[u8], whole: usize) -> Option<Utp> {
    let (&first, &extension) = (data.first()?, data.get(1)?);
    let kind = first >> 4;
    if first & 0x0f != 1 || kind > 4 || extension > 3 || data.len() < UTP {
        return None;
    }
    // Extensions: the next one's kind, a length.
    let (mut at, mut next) = (UTP, extension);
    let mut count = 0;
    while next != 0 {
        next = *data.get(at)?;
        let length = usize::from(*data.get(at + 1)?);
        if next > 3 || !length.is_multiple_of(4) && length != 8 || count > 3 {
            return None;
        }
        at += 2 + length;
        count += 1;
    }
    let window = u32_at(data, 12)?;
    // Only data has a payload; a window of more than 16 MiB is none.
    if (kind == 0) != (whole > at) || window > 1 << 24 && kind != 3 {
        return None;
    }
    Some(Utp {
        connection: u16_at(data, 2)?,
        is_start: kind == 4
            && u16_at(data, 16) == Some(1)
            && u32_at(data, 8) == Some(0)
            && whole == at,
    })
}

/// Says what the first handshakes of a connection, or a few messages of the table, tell.
#[derive(Debug, Default)]
struct BitTorrent {
    handshakes: u8,
    said: u8,
}

/// Messages of the hash table that are said of a flow.
const SAID_MAX: u8 = 64;

impl Parser for BitTorrent {
    fn stream(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Step {
        if data.len() < 68 && HANDSHAKE.starts_with(data.get(..HANDSHAKE.len()).unwrap_or(data)) {
            return Step::consumed(0);
        }
        handshake(context, data, events);
        self.handshakes += 1;
        if self.handshakes >= 2 {
            return Step::DONE;
        }
        Step::then(data.len().min(68), Next::Quiet)
    }

    fn datagram(&mut self, context: &Context, data: &[u8], events: &mut dyn Events) -> Next {
        if let Some(rest) = data.get(UTP..)
            && rest.starts_with(HANDSHAKE)
        {
            handshake(context, rest, events);
        }
        if is_dht(data) {
            table_message(data, events);
        } else if data.starts_with(b"BT-SEARCH ") {
            for line in data.split(|&byte| byte == b'\n').take(32) {
                if let Some(hash) = line.strip_prefix(b"Infohash: ") {
                    say(
                        events,
                        "lsd",
                        &[("info_hash", Value::Text(hash.trim_ascii()))],
                    );
                }
            }
        } else if u32_at(data, 8) == Some(1) && data.len() >= 98 {
            // Announce to a tracker.
            if let Some(hash) = data.get(16..36) {
                say(events, "announce", &[("info_hash", Value::Bytes(hash))]);
            }
        } else {
            self.said += 1;
        }
        self.said += 1;
        if self.said >= SAID_MAX {
            Next::Done
        } else {
            Next::Continue
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Says what a handshake at the front of `data` tells: which content, which peer, which program.
fn handshake(context: &Context, data: &[u8], events: &mut dyn Events) {
    let (Some(hash), Some(peer)) = (data.get(28..48), data.get(48..68)) else {
        return;
    };
    if !data.starts_with(HANDSHAKE) {
        return;
    }
    // The program: -XX1234-, two letters and a version.
    let program = peer
        .strip_prefix(b"-")
        .and_then(|rest| rest.get(..6))
        .filter(|name| name.iter().all(u8::is_ascii_alphanumeric));
    say(
        events,
        "handshake",
        &[
            ("info_hash", Value::Bytes(hash)),
            ("peer_id", Value::Bytes(peer)),
        ],
    );
    if let Some(program) = program {
        software(events, context.from_client, program);
    }
}

/// Behind a key, a text of 20 bytes.
fn hash_behind<'a>(data: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = data.windows(key.len()).position(|window| window == key)?;
    data.get(at + key.len()..at + key.len() + 20)
}

fn table_message(data: &[u8], events: &mut dyn Events) {
    let kind = if data.ends_with(b"1:y1:re") || data.starts_with(b"d1:rd") {
        "dht_response"
    } else if data.ends_with(b"1:y1:ee") {
        "dht_error"
    } else {
        "dht_query"
    };
    let query = [
        (&b"1:q4:ping"[..], "ping"),
        (b"1:q9:find_node", "find_node"),
        (b"1:q9:get_peers", "get_peers"),
        (b"1:q13:announce_peer", "announce_peer"),
    ]
    .into_iter()
    .find(|(key, _)| data.windows(key.len()).any(|window| window == *key));
    let mut fields: Vec<(&'static str, Value<'_>)> = Vec::new();
    if let Some((_, query)) = query {
        fields.push(("query", Value::Word(query)));
    }
    if let Some(hash) = hash_behind(data, b"9:info_hash20:") {
        fields.push(("info_hash", Value::Bytes(hash)));
    }
    if let Some(id) = hash_behind(data, b"2:id20:") {
        fields.push(("node_id", Value::Bytes(id)));
    }
    say(events, kind, &fields);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::trial::{self, Said, conversation, exchange};

    fn handshake(peer: &[u8; 20]) -> Vec<u8> {
        let mut data = HANDSHAKE.to_vec();
        data.extend_from_slice(&[0; 8]);
        data.extend_from_slice(&[0xab; 20]);
        data.extend_from_slice(peer);
        data
    }

    fn udp_guess(data: &[u8], other: &[u8]) -> Guess {
        let probe = Probe {
            other,
            ..trial::probe(data, false, true, (40_000, 40_001))
        };
        (DETECTOR.probe)(&probe)
    }

    #[test]
    fn a_handshake() {
        let (one, two) = (
            handshake(b"-UM1860-abcdefghijkl"),
            handshake(b"-UT3450-abcdefghijkl"),
        );
        let said = conversation(&DETECTOR, &[(true, &one), (false, &two)]);
        assert!(said.has("handshake: info_hash=[ab, ab"));
        assert!(said.has("software: client UM1860"));
        assert!(said.has("software: server UT3450"));
        assert_eq!(stream_probe(&one), Guess::Certain);
        assert_eq!(stream_probe(&one[..7]), Guess::More);
    }

    #[test]
    fn the_middle_of_a_connection() {
        // Have, have, request, have, a piece.
        let mut data = Vec::new();
        for _ in 0..3 {
            data.extend_from_slice(&[0, 0, 0, 5, 4, 0, 0, 0, 9]);
        }
        data.extend_from_slice(&[0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 64, 0, 0, 0, 64, 0]);
        assert_eq!(stream_probe(&data), Guess::More);
        data.extend_from_slice(&[0, 0, 0x40, 9, 7, 0, 0, 0, 1, 0, 0, 64, 0]);
        assert_eq!(stream_probe(&data), Guess::Certain);
        assert_eq!(stream_probe(&[0, 0, 0, 5, 9]), Guess::No);
    }

    #[test]
    fn the_hash_table() {
        let query = b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaa9:info_hash20:bbbbbbbbbbbbbbbbbbbbe1:q9:get_peers1:t2:xx1:y1:qe";
        assert_eq!(udp_guess(query, &[]), Guess::Certain);
        let said = exchange(&DETECTOR, &[(true, query)]);
        assert!(said.has("dht_query: query=get_peers info_hash=[62, 62"));
        assert_eq!(udp_guess(b"d1:ad2:id20:", &[]), Guess::Certain);
        assert_eq!(udp_guess(b"d1:ad3:id", &[]), Guess::No);
    }

    #[test]
    fn utp_needs_both_sides() {
        let mut start = vec![
            0x41, 0, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0,
        ];
        assert_eq!(udp_guess(&start, &[]), Guess::Unsure);
        let state = [
            0x21, 0, 0x12, 0x34, 0, 0, 0, 2, 0, 0, 0, 1, 0, 4, 0, 0, 0, 9, 0, 1,
        ];
        assert_eq!(udp_guess(&state, &start), Guess::Certain);
        start.push(0);
        assert_eq!(udp_guess(&start, &[]), Guess::No);
    }

    #[test]
    fn a_tracker() {
        let mut connect = TRACKER.to_be_bytes().to_vec();
        connect.extend_from_slice(&[0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(udp_guess(&connect, &[]), Guess::Certain);
        let answer = [0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9];
        assert_eq!(udp_guess(&answer, &connect), Guess::Certain);
    }

    proptest! {
        #[test]
        fn any_bytes(data: Vec<u8>, other: Vec<u8>, cut: usize) {
            udp_guess(&data, &other);
            stream_probe(&data);
            let mut parser = BitTorrent::default();
            let cut = cut % (data.len() + 1);
            let mut said = Said::default();
            trial::streams(&mut parser, [(true, &data[..cut]), (false, &other), (true, &data[cut..])], &mut said);
            trial::datagrams(&mut parser, [(true, data.as_slice()), (false, &other)], &mut said);
            prop_assert!(parser.heap_bytes() < 64);
        }
    }
}
