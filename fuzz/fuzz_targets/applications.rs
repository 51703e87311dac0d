//! Any packets through a flow table that looks into payloads and wants every row: no panic, every
//! packet in one flow, memory within the cap, rows that fit what is known.
//!
//! The first byte chooses rules and the cap; then, for each packet: flags, a port, a length in
//! steps of four bytes, and bytes. Most packets get headers made here, so that the bytes are a
//! payload in order; others are frames as they are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netloom_decode::app::Interest;
use netloom_decode::{DecodeOptions, decode};
use netloom_flow::app::{AppInfo, AppRecord, AppRow, FieldValue};
use netloom_flow::{FlowConfig, FlowPacket, FlowRecord, FlowRules, FlowTable, PortAnalyzer};
use netloom_packet::{LinkType, Packet, Timestamp};

/// Ports of servers; payloads that say nothing by themselves need theirs.
const PORTS: [u16; 32] = [
    21, 22, 25, 53, 67, 69, 80, 88, 110, 123, 137, 139, 143, 161, 389, 443, 445, 502, 514, 554,
    1433, 1883, 3306, 3478, 5060, 5353, 5355, 5432, 6379, 8080, 8888, 50_000,
];

/// The next sequence number of each direction of each port.
type Sequences = [[u32; 2]; PORTS.len()];

/// A packet of IPv4 that carries `payload` over TCP or UDP between two hosts.
fn packet(flags: u8, port: u8, payload: &[u8], sequences: &mut Sequences) -> Vec<u8> {
    let place = usize::from(port) % PORTS.len();
    let server = PORTS[place].to_be_bytes();
    let client = (40_000 + u16::from(port)).to_be_bytes();
    let tcp = flags & 1 != 0;
    let to_server = flags & 2 == 0;
    let mut frame = vec![
        0x45,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        64,
        if tcp { 6 } else { 17 },
        0,
        0,
    ];
    let hosts: [&[u8]; 2] = [&[192, 0, 2, 1], &[192, 0, 2, 2]];
    let ends = [client, server];
    let (from, to) = if to_server { (0, 1) } else { (1, 0) };
    frame.extend_from_slice(hosts[from]);
    frame.extend_from_slice(hosts[to]);
    frame.extend_from_slice(&ends[from]);
    frame.extend_from_slice(&ends[to]);
    if tcp {
        let next = &mut sequences[place][from];
        // A hole before it, or bytes once more.
        match flags & 0x0c {
            0x08 => *next = next.wrapping_add(7),
            0x0c => *next = next.wrapping_sub(7),
            _ => {}
        }
        frame.extend_from_slice(&next.to_be_bytes());
        *next = next.wrapping_add(payload.len() as u32);
        frame.extend_from_slice(&sequences[place][to].to_be_bytes());
        let ends = u8::from(flags & 0xf0 == 0xf0);
        frame.extend_from_slice(&[0x50, 0x18 | ends, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        frame.extend_from_slice(&(8 + payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(&[0, 0]);
    }
    frame.extend_from_slice(payload);
    let length = (frame.len() as u16).to_be_bytes();
    frame[2..4].copy_from_slice(&length);
    frame
}

/// A packet without payload that opens a connection to a port: SYN, or its answer.
fn opening(port: u8, answer: bool, sequences: &mut Sequences) -> Vec<u8> {
    let flags = if answer { 3 } else { 1 };
    let mut frame = packet(flags, port, &[], sequences);
    let place = usize::from(port) % PORTS.len();
    let side = usize::from(answer);
    let before = sequences[place][side].wrapping_sub(1);
    frame[24..28].copy_from_slice(&before.to_be_bytes());
    frame[33] = if answer { 0x12 } else { 0x02 };
    frame
}

/// Text that may be shown: what controls a terminal is escaped.
fn check_text(text: &str) {
    assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
}

fn check_info(info: &AppInfo) {
    assert_eq!(info.service.is_some(), info.confidence.is_some());
    assert!(info.fingerprints.len() <= AppInfo::FINGERPRINTS_MAX);
    for (_, detail) in &info.risks {
        assert!(detail.len() <= 200);
        check_text(detail);
    }
    let texts = [
        &info.server_name,
        &info.user,
        &info.client_software,
        &info.server_software,
        &info.certificate_organization,
    ];
    texts
        .into_iter()
        .flatten()
        .for_each(|text| check_text(text));
}

/// Looks at a row; how long it is, about.
fn check_row(row: &AppRecord, packets: u64) -> usize {
    assert!((1..=packets).contains(&row.number), "{row:?}");
    if let AppRow::Message(message) = &row.row {
        check_text(&message.kind);
        for (_, value) in &message.fields {
            match value {
                FieldValue::Text(text) => check_text(text),
                FieldValue::List(texts) => texts.iter().for_each(|text| check_text(text)),
                _ => {}
            }
        }
    }
    format!("{:?}", row.row).len()
}

/// Most bytes of rows, as they are shown for debugging, that a byte of payload may make: smallest is a
/// frame of HTTP/2 of ten bytes, which makes a row of its own. And what a flow may have at first.
const ROWS_RATIO: usize = 256;
const ROWS_FREE: usize = 512 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, mut rest)) = bytes.split_first() else {
        return;
    };
    let rules = [
        FlowRules::Native,
        FlowRules::Zeek,
        FlowRules::Nfstream,
        FlowRules::Ndpi,
    ][usize::from(choice & 3)];
    let mut config = FlowConfig::new(rules);
    config.applications = Some(Interest::ALL);
    config.max_memory = if choice & 4 == 0 { 200_000 } else { 1 << 26 };
    config.packet_flow_ids = choice & 8 != 0;
    if choice & 16 != 0 {
        // Small enough to be exceeded.
        config.limits.mime_depth = 3;
        config.limits.gnutella_line = 20;
        config.limits.ncp_frame = 40;
        config.limits.login_line = 20;
        config.limits.on_ports = vec![
            (PortAnalyzer::Gnutella, 50_000),
            (PortAnalyzer::Ncp, 8888),
            (PortAnalyzer::Rlogin, 1433),
            (PortAnalyzer::Rsh, 514),
            (PortAnalyzer::Telnet, 23),
        ];
    }
    let mut table = FlowTable::new(&config);
    let mut sequences: Sequences = [[1000, 2000]; PORTS.len()];
    let mut opened = [false; PORTS.len()];
    let mut closed = Vec::new();
    let (mut number, mut counted, mut shown) = (0, 0, 0);
    while let Some((&[flags, port, length], after)) = rest.split_first_chunk() {
        let (piece, after) = after.split_at(after.len().min(usize::from(length) * 4));
        rest = after;
        let frame = if port == 0xff {
            piece.to_vec()
        } else {
            packet(flags, port, piece, &mut sequences)
        };
        // Every second time connections are seen from their start.
        let place = usize::from(port) % PORTS.len();
        let begins = choice & 32 != 0 && port != 0xff && flags & 1 != 0 && !opened[place];
        let mut frames = Vec::new();
        if begins {
            opened[place] = true;
            let mut first = [[1000, 2000]; PORTS.len()];
            frames.push(opening(port, false, &mut first));
            frames.push(opening(port, true, &mut first));
        }
        frames.push(frame);
        for frame in frames {
            number += 1;
            let packet = Packet {
                number,
                timestamp: Timestamp::from_nanos(number as i64 * 1_000_000),
                link_type: LinkType::RAW,
                interface: 0,
                wire_len: frame.len() as u32,
                data: &frame,
            };
            let decoded = decode(
                &packet,
                DecodeOptions {
                    tunnels: rules.tunnels(),
                },
            );
            let fragment = decoded.ip.and_then(|ip| ip.fragment);
            let later_fragment = fragment.is_some_and(|fragment| fragment.offset > 0);
            let flow_packet = FlowPacket {
                later_fragment,
                ..FlowPacket::new(&packet, &decoded)
            };
            let ingested = table.ingest(&flow_packet, &mut closed);
            // Zeek counts datagrams and what is not corrupt.
            if ingested.is_some() && rules != FlowRules::Zeek {
                counted += 1;
            }
            shown += table.take_rows().map(|row| check_row(&row, number)).sum::<usize>();
            let stats = table.stats();
            assert!(
                stats.memory <= config.max_memory || stats.live <= 1,
                "{stats:?}"
            );
        }
    }
    table.finish(number, &mut closed);
    shown += table.take_rows().map(|row| check_row(&row, number)).sum::<usize>();
    assert!(!table.has_rows());
    let most = ROWS_FREE + ROWS_RATIO * bytes.len();
    assert!(shown <= most, "rows of {shown} bytes of {}", bytes.len());
    assert_eq!(table.stats().live, 0);
    for info in closed.iter().filter_map(|flow| flow.app.as_deref()) {
        check_info(info);
    }
    if rules != FlowRules::Zeek {
        assert_eq!(closed.iter().map(FlowRecord::packets).sum::<u64>(), counted);
    }
});
