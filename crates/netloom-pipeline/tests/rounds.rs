//! Tables say the same wherever rounds begin, and whatever else is exported.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::ops::ControlFlow;

use netloom_capture::file::{OpenOptions, open};
use netloom_flow::FlowConfig;
use netloom_pipeline::scan::{Plain, Scan, ScanOptions, TableRequest};
use netloom_pipeline::{Control, PipelineOptions};
use netloom_tables::{RecordBatch, TableName, format_csv};

type Mac = [u8; 6];
const ROUTER: Mac = [2, 0, 0, 0, 0, 1];

fn ethernet(src: Mac, dst: Mac, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&dst[..], &src, &ethertype.to_be_bytes(), payload].concat()
}

fn ipv4(protocol: u8, src: [u8; 4], dst: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len() as u16).to_be_bytes();
    let head = [0x45, 0, len[0], len[1], 0, 0, 0, 0, 64, protocol, 0, 0];
    [&head[..], &src, &dst, payload].concat()
}

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len() as u16;
    let head: Vec<u8> = [src, dst, len, 0].map(u16::to_be_bytes).concat();
    [&head[..], payload].concat()
}

/// A request in ARP, of who has this address.
fn arp(mac: Mac, address: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, 1];
    let body = [&head[..], &mac, &address, &[0; 6], &[10, 0, 0, 1]].concat();
    ethernet(mac, [0xff; 6], 0x0806, &body)
}

/// An acknowledgement of DHCP: who has this card gets this address and is called this.
fn acknowledged(mac: Mac, address: [u8; 4], name: &str) -> Vec<u8> {
    let mut body = vec![2, 1, 6, 0, 0, 0, 0x12, mac[5], 0, 0, 0, 0, 0, 0, 0, 0];
    body.extend(address);
    body.extend([10, 0, 0, 1, 0, 0, 0, 0]);
    body.extend(mac);
    body.resize(236, 0);
    body.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 5, 12, name.len() as u8]);
    body.extend(name.as_bytes());
    body.push(0xff);
    let datagram = ipv4(17, [10, 0, 0, 1], [255; 4], &udp(67, 68, &body));
    ethernet(ROUTER, [0xff; 6], 0x0800, &datagram)
}

/// A capture of frames of Ethernet, 1 ms after one another.
fn capture(frames: &[Vec<u8>]) -> tempfile::NamedTempFile {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        bytes.extend(word.to_le_bytes());
    }
    for (at, frame) in frames.iter().enumerate() {
        let (at, len) = (at as u32, frame.len() as u32);
        for word in [1_700_000_000 + at / 1000, at % 1000 * 1000, len, len] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(frame);
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    file
}

/// The first of some tables of a capture, exported together.
fn first_of(
    tables: impl IntoIterator<Item = TableName>,
    file: &tempfile::NamedTempFile,
    max_memory: usize,
    (threads, round_blocks, block_size): (usize, usize, usize),
) -> String {
    let mut flow = FlowConfig::default();
    flow.max_memory = max_memory;
    let mut pipeline = PipelineOptions::new(flow);
    (pipeline.threads, pipeline.round_blocks) = (threads, round_blocks);
    let requests: Vec<_> = tables.into_iter().map(TableRequest::all).collect();
    let mut text = Vec::new();
    let mut write = |request: usize, batch: RecordBatch| {
        if request == 0 {
            format_csv(&batch, &mut text);
        }
        Ok(ControlFlow::Continue(()))
    };
    let mut open = || open(&[file.path()], &OpenOptions { block_size });
    Scan::new(requests, ScanOptions::new(pipeline))
        .run(&mut open, &Control::default(), &Plain, &mut write)
        .unwrap();
    String::from_utf8(text).unwrap()
}

/// `hosts` of a capture, exported together with other tables.
fn hosts(
    file: &tempfile::NamedTempFile,
    others: &[TableName],
    size: (usize, usize, usize),
) -> String {
    let tables = [TableName::Hosts].into_iter().chain(others.iter().copied());
    first_of(tables, file, 1 << 30, size)
}

const SIZES: [(usize, usize, usize); 4] =
    [(1, 1, 512), (2, 3, 2000), (1, 2, 10_000), (3, 6, 1 << 20)];

/// What packets say of an address, what devices say, what flows show: the order is that of the
/// packets, not that of the kinds within what was read at once.
#[test]
fn the_order_is_that_of_packets() {
    const LAG: u8 = 7;
    let mut frames = Vec::new();
    let (by_lease, by_arp) = (|at| [2, 0xbb, 0, 0, 0, at], |at| [2, 0xaa, 0, 0, 0, at]);
    for at in 0..100 {
        let name = format!("host{at}");
        frames.push(acknowledged(by_lease(at), [10, 1, 0, at], &name));
        if let Some(before) = at.checked_sub(LAG) {
            frames.push(arp(by_arp(before), [10, 1, 0, before]));
        }
    }
    let file = capture(&frames);
    let all = hosts(&file, &[], SIZES[0]);
    // What came last has the word: ARP, where it came at all.
    assert_eq!(all.matches(",02:aa:").count(), 100 - usize::from(LAG));
    assert_eq!(all.matches(",02:bb:").count(), usize::from(LAG));
    for size in SIZES {
        assert_eq!(hosts(&file, &[], size), all, "{size:?}");
        let together = hosts(&file, &[TableName::Flows, TableName::Dns], size);
        assert_eq!(together, all, "{size:?} with others");
    }
}

/// Flows that are alive at the end all end there: which of their facts stands must not depend on who
/// else wants them.
#[test]
fn flows_of_the_end_come_in_one_order() {
    let server = [10, 9, 9, 9];
    let mut frames = Vec::new();
    for at in 0..100 {
        let (client, mac) = ([10, 2, 0, at], [2, 0xcc, 0, 0, 0, at]);
        let port = 7000 + u16::from(at);
        let asks = ipv4(17, client, server, &udp(40_000, port, b"?"));
        let answers = ipv4(17, server, client, &udp(port, 40_000, b"!"));
        frames.push(ethernet(ROUTER, mac, 0x0800, &asks));
        frames.push(ethernet(mac, ROUTER, 0x0800, &answers));
    }
    let file = capture(&frames);
    let all = hosts(&file, &[], SIZES[0]);
    assert_eq!(all.matches(",02:cc:").count(), 1);
    for size in SIZES {
        for others in [&[TableName::Flows][..], &TableName::ALL] {
            assert_eq!(hosts(&file, others, size), all, "{size:?} {others:?}");
        }
    }
}

/// Fragments that wait for their datagram's first one until the end are counted there: the flows for
/// which they leave no room, and what those have to say, end there as well.
#[test]
fn rows_come_where_their_flow_ended() {
    let mut frames = Vec::new();
    for at in 0..64 {
        // The second fragment of a datagram that never begins.
        let mut packet = ipv4(17, [10, 3, 0, at], [10, 9, 9, 9], &[0; 16]);
        packet[7] = 100;
        frames.push(ethernet(ROUTER, [2; 6], 0x0800, &packet));
    }
    for at in 0..2000_u16 {
        let mut question = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
        question[..2].copy_from_slice(&at.to_be_bytes());
        let asks = udp(20_000 + at, 53, &question);
        let packet = ipv4(17, [10, 4, 0, 1], [10, 9, 9, 9], &asks);
        frames.push(ethernet(ROUTER, [2; 6], 0x0800, &packet));
    }
    let file = capture(&frames);
    let dns = |size| first_of([TableName::Dns], &file, 1 << 19, size);
    let all = dns(SIZES[0]);
    assert_eq!(all.lines().count(), 2000);
    for size in SIZES {
        assert_eq!(dns(size), all, "{size:?}");
    }
}

/// A scan from a port that is known is no TLS: neither in `flows` nor in `packets`.
#[test]
fn packets_have_the_service_of_their_flow() {
    let tcp = |src: u16, dst: u16, flags: u8| {
        let mut segment = [src.to_be_bytes(), dst.to_be_bytes()].concat();
        segment.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        segment
    };
    let (scanner, target) = ([10, 0, 0, 7], [10, 0, 0, 8]);
    let mut frames = Vec::new();
    for port in [9999, 22] {
        let asks = ipv4(6, scanner, target, &tcp(443, port, 0x02));
        let refuses = ipv4(6, target, scanner, &tcp(port, 443, 0x14));
        frames.push(ethernet(ROUTER, [2; 6], 0x0800, &asks));
        frames.push(ethernet([2; 6], ROUTER, 0x0800, &refuses));
    }
    let file = capture(&frames);
    for (table, ssh) in [(TableName::Flows, 1), (TableName::Packets, 2)] {
        let rows = first_of([table], &file, 1 << 30, SIZES[0]);
        let of = |service| rows.matches(service).count();
        assert_eq!((of(",tls,"), of(",ssh,")), (0, ssh), "{table}: {rows}");
    }
    // What is refused is not offered.
    assert!(!hosts(&file, &[], SIZES[0]).contains("ssh"));
}
