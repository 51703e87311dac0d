use std::net::Ipv4Addr;

use netloom_decode::app::Interest;
use netloom_decode::{DecodeOptions, decode};
use netloom_packet::{LinkType, Packet, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{FlowConfig, FlowPacket, FlowRecord, FlowRules, FlowTable};

const CLIENT: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 40_000);
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 8_123);
const SYN: u8 = 2;
const ACK: u8 = 16;
const PSH: u8 = 8;

/// A flow table and the number of the next packet.
struct Bench {
    table: FlowTable,
    number: u64,
    closed: Vec<FlowRecord>,
}

impl Bench {
    fn new() -> Self {
        Self::under(FlowRules::Native)
    }

    fn under(rules: FlowRules) -> Self {
        let mut config = FlowConfig::new(rules);
        config.applications = Some(Interest::ALL);
        Self {
            table: FlowTable::new(&config),
            number: 0,
            closed: Vec::new(),
        }
    }

    /// A segment; `cut` bytes at its end are on the wire but not captured.
    fn tcp(
        &mut self,
        from_client: bool,
        seq: u32,
        ack: u32,
        flags: u8,
        payload: &[u8],
        cut: usize,
    ) {
        let (from, to) = if from_client {
            (CLIENT, SERVER)
        } else {
            (SERVER, CLIENT)
        };
        let mut segment = seq.to_be_bytes().to_vec();
        segment.extend_from_slice(&ack.to_be_bytes());
        segment.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend_from_slice(payload);
        self.ip(6, from, to, &segment, cut);
    }

    /// A packet of a protocol with ports, `rest` behind them.
    fn ip(
        &mut self,
        protocol: u8,
        from: (Ipv4Addr, u16),
        to: (Ipv4Addr, u16),
        rest: &[u8],
        cut: usize,
    ) {
        let mut data = vec![0x45, 0];
        data.extend_from_slice(&((24 + rest.len()) as u16).to_be_bytes());
        data.extend_from_slice(&[0, 0, 0, 0, 64, protocol, 0, 0]);
        data.extend_from_slice(&from.0.octets());
        data.extend_from_slice(&to.0.octets());
        data.extend_from_slice(&from.1.to_be_bytes());
        data.extend_from_slice(&to.1.to_be_bytes());
        data.extend_from_slice(rest);
        let wire_len = data.len() as u32;
        data.truncate(data.len() - cut);
        self.number += 1;
        let packet = Packet {
            number: self.number,
            timestamp: Timestamp::from_nanos(self.number as i64 * 1_000_000),
            link_type: LinkType::RAW,
            interface: 0,
            wire_len,
            data: &data,
        };
        let options = DecodeOptions {
            tunnels: FlowRules::Native.tunnels(),
        };
        let decoded = decode(&packet, options);
        self.table
            .ingest(&FlowPacket::new(&packet, &decoded), &mut self.closed);
    }

    fn open(&mut self) {
        self.tcp(true, 99, 0, SYN, b"", 0);
        self.tcp(false, 499, 100, SYN | ACK, b"", 0);
    }

    /// Ends the flow: its record, and the rows.
    fn end(mut self) -> (FlowRecord, Vec<AppRecord>) {
        self.table.finish(self.number + 1, &mut self.closed);
        let rows = self.table.take_rows().collect();
        assert_eq!(self.closed.len(), 1);
        (self.closed.remove(0), rows)
    }
}

const REQUEST: &[u8] =
    b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: test/1.0\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

/// Data says what an association carries, on any port; setting it up and keeping it alive does not.
#[test]
fn associations_are_named_by_their_data() {
    let header = [0, 0, 0, 7, 0, 0, 0, 0];
    let heartbeat = [4, 0, 0, 8, 0, 1, 0, 4];
    let data = [0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 0];
    let mut bench = Bench::new();
    bench.ip(132, CLIENT, SERVER, &[&header[..], &heartbeat].concat(), 0);
    bench.ip(132, SERVER, CLIENT, &[&header[..], &data].concat(), 0);
    bench.ip(132, CLIENT, SERVER, &[&header[..], &heartbeat].concat(), 0);
    let (flow, _) = bench.end();
    assert_eq!(flow.service(), Some("ngap"));
    assert_eq!(flow.confidence(), Some(Confidence::Content));
    assert_eq!(flow.app.map(|app| app.risks.len()), Some(0));

    let mut bench = Bench::new();
    bench.ip(132, CLIENT, SERVER, &[&header[..], &heartbeat].concat(), 0);
    let (flow, _) = bench.end();
    assert_eq!((flow.service(), flow.app.is_some()), (None, false));
}

#[test]
fn padding_behind_acknowledgements_is_no_data() {
    let mut bench = Bench::new();
    bench.open();
    bench.tcp(true, 100, 500, ACK, &[0; 2], 0);
    bench.tcp(true, 100, 500, ACK | PSH, REQUEST, 0);
    let asked = 100 + REQUEST.len() as u32;
    bench.tcp(false, 500, asked, ACK, &[0; 6], 0);
    bench.tcp(false, 500, asked, ACK | PSH, RESPONSE, 0);
    let (_, rows) = bench.end();
    assert_eq!(http_rows(&rows), [("/index.html", 200)]);
}

/// What keeps a connection alive repeats a byte that was sent before the capture began: the request
/// behind it is whole.
#[test]
fn a_capture_may_begin_with_a_keep_alive() {
    for byte in [0, b'x'] {
        let mut bench = Bench::new();
        bench.tcp(true, 99, 500, ACK, &[byte], 0);
        bench.tcp(false, 500, 100, ACK, b"", 0);
        bench.tcp(true, 100, 500, ACK | PSH, REQUEST, 0);
        let asked = 100 + REQUEST.len() as u32;
        bench.tcp(false, 500, asked, ACK | PSH, RESPONSE, 0);
        let (_, rows) = bench.end();
        assert_eq!(http_rows(&rows), [("/index.html", 200)]);
    }
    // One byte with PSH was written: here the first of the request.
    let mut bench = Bench::new();
    bench.tcp(true, 100, 500, ACK | PSH, &REQUEST[..1], 0);
    bench.tcp(true, 101, 500, ACK | PSH, &REQUEST[1..], 0);
    let asked = 100 + REQUEST.len() as u32;
    bench.tcp(false, 500, asked, ACK | PSH, RESPONSE, 0);
    let (_, rows) = bench.end();
    assert_eq!(http_rows(&rows), [("/index.html", 200)]);
}

/// The capture begins in the middle of a download: only the next request tells the protocol.
#[test]
fn a_request_behind_a_download_that_began_before() {
    const PIECE: usize = 1400;
    for pieces in [5, 40] {
        let mut bench = Bench::new();
        let mut at = 500;
        bench.tcp(true, 100, at, ACK, b"", 0);
        for _ in 0..pieces {
            bench.tcp(false, at, 100, ACK, &[0xa7; PIECE], 0);
            at += PIECE as u32;
            bench.tcp(true, 100, at, ACK, b"", 0);
        }
        bench.tcp(true, 100, at, ACK | PSH, REQUEST, 0);
        let asked = 100 + REQUEST.len() as u32;
        bench.tcp(false, at, asked, ACK | PSH, RESPONSE, 0);
        bench.tcp(
            true,
            asked,
            at + RESPONSE.len() as u32,
            ACK | PSH,
            REQUEST,
            0,
        );
        let (flow, rows) = bench.end();
        assert_eq!(flow.service(), Some("http"));
        assert_eq!(flow.confidence(), Some(Confidence::Content));
        let expected = [("/index.html", 200), ("/index.html", 0)];
        assert_eq!(http_rows(&rows), expected, "{pieces} pieces");
    }
}

/// After one attempt nothing more is asked.
#[test]
fn the_other_side_is_awaited_once() {
    let mut bench = Bench::new();
    let (mut of_client, mut of_server) = (100, 500);
    bench.tcp(true, of_client, of_server, ACK, b"", 0);
    for from_client in [false, true, false, true] {
        let (seq, ack) = if from_client {
            (&mut of_client, of_server)
        } else {
            (&mut of_server, of_client)
        };
        for _ in 0..20 {
            bench.tcp(from_client, *seq, ack, ACK, &[0xa7; 100], 0);
            *seq += 100;
        }
    }
    bench.tcp(true, of_client, of_server, ACK | PSH, REQUEST, 0);
    let (flow, rows) = bench.end();
    assert_ne!(flow.confidence(), Some(Confidence::Content));
    assert!(rows.is_empty());
}

fn http_rows(rows: &[AppRecord]) -> Vec<(&str, u16)> {
    rows.iter()
        .filter_map(|record| match &record.row {
            AppRow::Http(http) => Some((http.uri.as_deref()?, http.status_code.unwrap_or(0))),
            _ => None,
        })
        .collect()
}

#[test]
fn a_request_in_pieces_and_out_of_order() {
    let mut bench = Bench::new();
    bench.open();
    let (first, rest) = REQUEST.split_at(7);
    let (second, third) = rest.split_at(20);
    bench.tcp(true, 100, 500, ACK, first, 0);
    bench.tcp(true, 127, 500, ACK, third, 0);
    bench.tcp(true, 107, 500, ACK, second, 0);
    bench.tcp(false, 500, 100 + REQUEST.len() as u32, ACK, RESPONSE, 0);
    let (flow, rows) = bench.end();
    assert_eq!(flow.service(), Some("http"));
    assert_eq!(flow.confidence(), Some(Confidence::Content));
    assert_eq!(flow.server_name(), Some("www.example.org"));
    assert_eq!(flow.domain().as_deref(), Some("example.org"));
    assert_eq!(http_rows(&rows), [("/index.html", 200)]);
    assert!(rows.iter().all(|row| row.flow_id() == flow.flow_id()));
}

/// What the receiver has acknowledged will not come again: the next exchange is found behind
/// the hole.
#[test]
fn a_hole_that_was_acknowledged() {
    let mut bench = Bench::new();
    bench.open();
    bench.tcp(true, 100, 500, ACK, REQUEST, 0);
    let end = 100 + REQUEST.len() as u32;
    bench.tcp(false, 500, end, ACK, RESPONSE, 0);
    // The second request is lost; its answer and a third exchange are there.
    let answered = 500 + RESPONSE.len() as u32;
    bench.tcp(false, answered, end + 50, ACK, RESPONSE, 0);
    let last: Vec<u8> =
        [b"GET /third HTTP/1.1\r\nHost: www.example.org\r\n\r\n".as_slice()].concat();
    bench.tcp(true, end + 50, answered, ACK, &last, 0);
    bench.tcp(
        false,
        answered + RESPONSE.len() as u32,
        end + 50 + last.len() as u32,
        ACK,
        RESPONSE,
        0,
    );
    let (flow, rows) = bench.end();
    assert_eq!(flow.service(), Some("http"));
    let uris: Vec<&str> = http_rows(&rows).iter().map(|row| row.0).collect();
    assert!(
        uris.contains(&"/index.html") && uris.contains(&"/third"),
        "{uris:?}"
    );
}

/// The snap length cut the only segment: what is there is enough to know the protocol.
#[test]
fn a_segment_that_was_cut() {
    let mut bench = Bench::new();
    bench.open();
    let long = [REQUEST, &[b'x'; 400]].concat();
    bench.tcp(true, 100, 500, ACK, &long, 380);
    bench.tcp(true, 100 + long.len() as u32, 500, ACK, b"more", 0);
    let (flow, _) = bench.end();
    assert_eq!(flow.service(), Some("http"));
    assert_eq!(flow.server_name(), Some("www.example.org"));
}

#[test]
fn no_payload_no_cost() {
    let mut bench = Bench::new();
    bench.open();
    let (flow, rows) = bench.end();
    assert!(flow.app.is_none() && rows.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the streams are cut, the same is understood.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1_usize..REQUEST.len(), 0..6)) {
        let mut bench = Bench::new();
        bench.open();
        let mut places = cuts;
        places.extend([0, REQUEST.len()]);
        places.sort_unstable();
        places.dedup();
        for pair in places.windows(2) {
            bench.tcp(true, 100 + pair[0] as u32, 500, ACK, &REQUEST[pair[0]..pair[1]], 0);
        }
        bench.tcp(false, 500, 100 + REQUEST.len() as u32, ACK, RESPONSE, 0);
        let (flow, rows) = bench.end();
        prop_assert_eq!(flow.server_name(), Some("www.example.org"));
        prop_assert_eq!(http_rows(&rows), [("/index.html", 200)]);
    }

    /// Any bytes in any order: no panic, and what is held stays inside the flow table's count.
    #[test]
    fn hostile(
        segments in prop::collection::vec(
            (any::<bool>(), 0_u32..4_000, any::<u32>(), prop::collection::vec(any::<u8>(), 0..300)),
            0..60,
        ),
    ) {
        let mut bench = Bench::new();
        bench.open();
        for (from_client, seq, ack, payload) in segments {
            bench.tcp(from_client, 100 + seq, ack, ACK, &payload, 0);
            prop_assert!(bench.table.stats().memory < 1 << 20);
        }
        bench.table.finish(bench.number + 1, &mut bench.closed);
    }
}

/// The rows of `http`.
/// What a client says of protocols that make rows: how it begins, and pieces that may follow each other.
const TALKS: &[(&[u8], &[&[u8]])] = &[
    (
        // The table takes 64 KiB, and a field of 1,200 bytes is in it.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\x04\xc3\x01\x04\0\0\0\x01\x3f\xe1\xff\x03\x40\x0auser-agent\x7f\xb1\x08",
        &[
            b"\0\0\x01\x01\x05\0\0\0\x03\x82",
            b"\0\0\x04\x01\x05\0\0\0\x05\x82\xbe\xbe\xbe",
            b"\0\0\x0a\x01\x05\0\0\0\x07\x82\xbe\x40\x05:path\0",
            b"\0\0\x03\x01\x05\0\0\0\x09\x82\x7e\0",
        ],
    ),
    (
        b"\0\x13\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01",
        &[
            b"\0\x0c\0\x01\x01\0\0\0\0\0\0\0\0\0",
            b"\0\x17\0\x01\x01\0\0\x02\0\0\0\0\0\0\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01",
            b"\0\x2d\0\x01\x81\x80\0\x01\0\x02\0\0\0\0\0\0\x05\0\x01\xc0\x0c\0\x05\0\x01\0\0\0\x01\0\x02\xc0\x0c\xc0\x0c\0\x05\0\x01\0\0\0\x01\0\x02\xc0\x0c",
        ],
    ),
    (
        b"GET / HTTP/1.0\r\n\r\n",
        &[
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET /\r\n",
            b"GET /\xff\xff HTTP/\xff\r\nHost: \xff:1\r\nVia: \xff\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        ],
    ),
    (
        b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02id",
        &[b"\xc0\0", b"\x40\x02\0\x01", b"\x30\x03\0\x01\xff"],
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However little a message takes, its rows do not take much more.
    #[test]
    fn rows_are_of_the_size_of_what_was_said(
        talk in 0..TALKS.len(),
        pieces in prop::collection::vec((0_usize..4, 1_usize..200), 1..12),
        size in 30_usize..1400,
    ) {
        let (start, units) = TALKS[talk];
        let mut said = start.to_vec();
        if talk == 0 {
            said.extend([0xff; 1200]);
        }
        for (unit, times) in pieces {
            said.extend(units[unit % units.len()].repeat(times));
        }
        let mut bench = Bench::new();
        bench.open();
        let mut seq = 100;
        for piece in said.chunks(size) {
            bench.tcp(true, seq, 500, ACK | PSH, piece, 0);
            seq += piece.len() as u32;
        }
        let (flow, rows) = bench.end();
        prop_assert!(flow.app.is_some());
        let told: usize = rows.iter().map(|row| format!("{:?}", row.row).len()).sum();
        // A row of HTTP shows the names of its fields in a thousand bytes, a head has ten.
        let most = 80 * 1024 + 192 * said.len();
        prop_assert!(told <= most, "{} bytes of {}", told, said.len());
    }
}

fn exchanges(rows: Vec<AppRecord>) -> Vec<HttpRecord> {
    rows.into_iter()
        .filter_map(|record| match record.row {
            AppRow::Http(row) => Some(*row),
            _ => None,
        })
        .collect()
}

#[test]
fn a_request_without_version_whose_line_never_ends() {
    let mut bench = Bench::new();
    bench.open();
    bench.tcp(true, 100, 500, ACK, b"GET /", 0);
    bench.tcp(false, 500, 105, ACK, b"<html>hi</html>", 0);
    let (flow, rows) = bench.end();
    assert_eq!(flow.app.unwrap().service.unwrap().name, "http");
    let rows = exchanges(rows);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].uri.as_deref(), Some("/"));
    assert_eq!(rows[0].version.as_deref(), Some("0.9"));
    assert_eq!(rows[0].response_body_len, 15);
    assert_eq!(rows[0].status_code, Some(0));
}

#[test]
fn a_line_that_was_cut_is_no_request_without_version() {
    let mut bench = Bench::new();
    bench.open();
    bench.tcp(true, 100, 500, ACK, b"GET /long", 0);
    bench.tcp(
        false,
        500,
        200,
        ACK,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        0,
    );
    let (_, rows) = bench.end();
    let rows = exchanges(rows);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (rows[0].method.as_deref(), rows[0].status_code),
        (None, Some(200))
    );
}

#[test]
fn the_versions_of_a_request_and_of_its_response() {
    let mut bench = Bench::new();
    bench.open();
    bench.tcp(true, 100, 500, ACK, b"GET /x HTTP/1.0\r\n\r\n", 0);
    bench.tcp(false, 500, 119, ACK, b"HTTP/1.1 204 No Content\r\n\r\n", 0);
    let (_, rows) = bench.end();
    let row = &exchanges(rows)[0];
    assert_eq!(row.request_version.as_deref(), Some("1.0"));
    assert_eq!(row.version.as_deref(), Some("1.1"));
}

#[test]
fn a_message_has_the_protocol_that_is_spoken_by_then() {
    // A NetBIOS session (RFC 1002, section 4.3.2), in which SMB begins.
    let mut request = vec![0x81, 0, 0, 68];
    for letter in [b'E', b'F'] {
        request.push(32);
        request.extend([letter; 32]);
        request.push(0);
    }
    let mut negotiate = b"\xffSMB\x72\0\0\0\0\x18\x01\x20".to_vec();
    negotiate.extend([0; 20]);
    negotiate.extend(b"\0\x0c\0\x02NT LM 0.12\0");
    let mut answer = b"\xffSMB\x72\0\0\0\0\x98\x01\x20".to_vec();
    answer.extend([0; 20]);
    answer.push(17);
    answer.extend([0; 34]);
    answer.extend([0, 0]);
    let framed = |message: &[u8]| [&[0, 0, 0, message.len() as u8], message].concat();
    let mut bench = Bench::new();
    bench.open();
    bench.tcp(true, 100, 500, ACK, &request, 0);
    bench.tcp(false, 500, 172, ACK, &[0x82, 0, 0, 0], 0);
    bench.tcp(true, 172, 504, ACK, &framed(&negotiate), 0);
    bench.tcp(
        false,
        504,
        172 + 4 + negotiate.len() as u32,
        ACK,
        &framed(&answer),
        0,
    );
    let (flow, rows) = bench.end();
    assert_eq!(flow.app.unwrap().service.unwrap().name, "nbss");
    let said: Vec<_> = rows
        .into_iter()
        .filter_map(|record| match record.row {
            AppRow::Message(message) => Some((message.service.name, message.kind)),
            _ => None,
        })
        .collect();
    let smb = said.iter().filter(|(service, _)| *service == "smb");
    assert_eq!(smb.count(), 1, "{said:?}");
}

#[test]
fn zeeks_rules_have_zeeks_rows() {
    for (rules, expected) in [(FlowRules::Native, 1), (FlowRules::Zeek, 2)] {
        let mut bench = Bench::under(rules);
        bench.open();
        bench.tcp(true, 100, 500, ACK, b"GET /x\r\n", 0);
        bench.tcp(false, 500, 108, ACK, b"old", 0);
        let (_, rows) = bench.end();
        let depths: Vec<u32> = exchanges(rows).iter().map(|row| row.trans_depth).collect();
        assert_eq!(depths, (1..=expected).collect::<Vec<_>>());
    }
}

#[test]
fn bodies_are_unpacked_to_be_counted() {
    // printf '<html>' | gzip -n
    let gzip =
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xb3\xc9\x28\xc9\xcd\xb1\x03\0\xc8\xa3\x2b\x14\x06\0\0\0";
    let mut bench = Bench::new();
    bench.open();
    bench.tcp(true, 100, 500, ACK, b"GET /x HTTP/1.1\r\n\r\n", 0);
    let mut answer =
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 26\r\n\r\n".to_vec();
    answer.extend_from_slice(gzip);
    bench.tcp(false, 500, 119, ACK, &answer, 0);
    let (_, rows) = bench.end();
    let rows = exchanges(rows);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (rows[0].response_body_len, rows[0].response_encoded_len),
        (6, 26)
    );
    assert_eq!(rows[0].resp_mime_type.as_deref(), Some("text/html"));
}
