//! Captures written out byte by byte, and read.

use std::ffi::{OsStr, OsString};
use std::io::{Cursor, Write};
use std::path::Path;

use netloom_packet::{
    CaptureInfo, LinkType, PacketBatch, PacketSource, SourceError, Timestamp, WarningKind,
};
use proptest::prelude::*;

use super::{OpenOptions, open, open_reader};

/// A packet as it was read, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    number: u64,
    timestamp: Timestamp,
    link_type: LinkType,
    interface: u32,
    wire_len: u32,
    data: Vec<u8>,
}

fn drain(source: &mut dyn PacketSource) -> (Vec<Read>, Vec<CaptureInfo>) {
    let mut batch = PacketBatch::default();
    let mut packets = Vec::new();
    while source.next_batch(&mut batch).unwrap() {
        assert!(!batch.is_empty());
        assert_eq!(
            batch.iter().count(),
            batch.len(),
            "a packet outside its block"
        );
        packets.extend(batch.iter().map(|packet| Read {
            number: packet.number,
            timestamp: packet.timestamp,
            link_type: packet.link_type,
            interface: packet.interface,
            wire_len: packet.wire_len,
            data: packet.data.to_vec(),
        }));
    }
    assert!(
        !source.next_batch(&mut batch).unwrap(),
        "the end stays the end"
    );
    (packets, source.info())
}

fn read_with(bytes: &[u8], block_size: usize) -> (Vec<Read>, CaptureInfo) {
    let reader = Cursor::new(bytes.to_vec());
    let mut source = open_reader("test", reader, &OpenOptions { block_size }).unwrap();
    let (packets, mut info) = drain(&mut *source);
    (packets, info.remove(0))
}

fn read(bytes: &[u8]) -> (Vec<Read>, CaptureInfo) {
    read_with(bytes, 1 << 16)
}

fn refused(bytes: &[u8]) -> SourceError {
    let reader = Cursor::new(bytes.to_vec());
    open_reader("test", reader, &OpenOptions::default())
        .err()
        .expect("no capture")
}

fn kinds(info: &CaptureInfo) -> Vec<(WarningKind, u64)> {
    info.warnings
        .iter()
        .map(|warning| (warning.kind, warning.offset))
        .collect()
}

/// Numbers in a byte order, one after another.
struct Bytes {
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Bytes {
    fn new(big_endian: bool) -> Self {
        Self {
            bytes: Vec::new(),
            big_endian,
        }
    }

    fn u16s(mut self, values: &[u16]) -> Self {
        for value in values {
            self.bytes.extend(if self.big_endian {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        }
        self
    }

    fn u32s(mut self, values: &[u32]) -> Self {
        for value in values {
            self.bytes.extend(if self.big_endian {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        }
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn pcap(self, magic: u32, version: [u16; 2], network: u32) -> Self {
        self.u32s(&[magic])
            .u16s(&version)
            .u32s(&[0, 0, 65_535, network])
    }

    /// A pcapng block around `body`, padded.
    fn block(self, block_type: u32, body: &[u8]) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = (12 + body.len() + padding) as u32;
        self.u32s(&[block_type, length])
            .raw(body)
            .raw(&[0; 3][..padding])
            .u32s(&[length])
    }

    fn section(self) -> Self {
        let body = Self::new(self.big_endian)
            .u32s(&[0x1a2b_3c4d])
            .u16s(&[1, 0])
            .u32s(&[u32::MAX, u32::MAX]);
        self.block(0x0a0d_0d0a, &body.bytes)
    }

    fn interface(self, link_type: u16, snap_len: u32, options: &[u8]) -> Self {
        let body = Self::new(self.big_endian)
            .u16s(&[link_type, 0])
            .u32s(&[snap_len])
            .raw(options);
        self.block(1, &body.bytes)
    }

    fn enhanced(self, interface: u32, ticks: u64, wire_len: u32, data: &[u8]) -> Self {
        let body = Self::new(self.big_endian)
            .u32s(&[
                interface,
                (ticks >> 32) as u32,
                ticks as u32,
                data.len() as u32,
                wire_len,
            ])
            .raw(data);
        self.block(6, &body.bytes)
    }

    fn option(self, code: u16, value: &[u8]) -> Self {
        let padding = value.len().next_multiple_of(4) - value.len();
        self.u16s(&[code, value.len() as u16])
            .raw(value)
            .raw(&[0; 3][..padding])
    }
}

fn nanos(packets: &[Read]) -> Vec<i64> {
    packets
        .iter()
        .map(|packet| packet.timestamp.as_nanos())
        .collect()
}

#[test]
fn pcap_in_both_byte_orders_and_precisions() {
    for big_endian in [false, true] {
        for (magic, nanos_per_tick) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1), (0xa12b_3c4d, 1)] {
            let file = Bytes::new(big_endian)
                .pcap(magic, [2, 4], 1)
                .u32s(&[1, 500, 3, 60])
                .raw(&[1, 2, 3])
                .u32s(&[0, 7, 1, 1])
                .raw(&[4]);
            let (packets, info) = read(&file.bytes);
            assert_eq!(
                nanos(&packets),
                [1_000_000_000 + 500 * nanos_per_tick, 7 * nanos_per_tick]
            );
            assert_eq!(packets[0].data, [1, 2, 3]);
            assert_eq!(packets[0].wire_len, 60);
            assert_eq!(packets[1].data, [4]);
            assert_eq!(packets[1].number, 2);
            assert_eq!(info.format, "pcap");
            assert_eq!((info.packets, info.bytes), (2, 61));
            assert_eq!((info.truncated, info.out_of_order), (1, 1));
            assert_eq!(info.first_ts, Some(packets[1].timestamp));
            assert_eq!(info.last_ts, Some(packets[0].timestamp));
            assert_eq!(info.interfaces[0].packets, 2);
            assert_eq!(info.interfaces[0].snap_len, 65_535);
            assert_eq!(info.interfaces[0].link_type, LinkType::ETHERNET);
            assert_eq!(
                info.interfaces[0].ticks_per_second,
                1_000_000_000 / nanos_per_tick as u64
            );
            assert!(info.warnings.is_empty());
        }
    }
}

#[test]
fn pcap_with_longer_headers() {
    // Kuznetzov's: interface index, protocol, packet type after the lengths.
    let file = Bytes::new(true)
        .pcap(0xa1b2_cd34, [2, 4], 1)
        .u32s(&[1, 2, 2, 2, 7, 0x0800_0400])
        .raw(&[8, 9])
        .u32s(&[1, 3, 0, 0, 7, 0]);
    let (packets, info) = read(&file.bytes);
    assert_eq!(nanos(&packets), [1_000_002_000, 1_000_003_000]);
    assert_eq!(packets[0].data, [8, 9]);
    assert!(info.warnings.is_empty());
    // Ixia's: a length after the file header.
    for (magic, time) in [(0x1c00_01ac, 2), (0x1c00_01ab, 2_000)] {
        let file = Bytes::new(false)
            .pcap(magic, [2, 4], 1)
            .u32s(&[17, 0, 2, 1, 1])
            .raw(&[5]);
        let (packets, _) = read(&file.bytes);
        assert_eq!(nanos(&packets), [time]);
        assert_eq!(packets[0].data, [5]);
    }
}

#[test]
fn pcap_with_lengths_in_the_old_order() {
    for (version, first, second) in [
        ([2, 1], 9, 1),
        ([2, 2], 9, 1),
        ([543, 0], 9, 1),
        // Version 2.3 was written both ways.
        ([2, 3], 9, 1),
        ([2, 3], 1, 9),
        ([2, 4], 1, 9),
    ] {
        let file = Bytes::new(false)
            .pcap(0xa1b2_c3d4, version, 1)
            .u32s(&[0, 0, first, second])
            .raw(&[5]);
        let (packets, info) = read(&file.bytes);
        assert_eq!((packets[0].data.len(), packets[0].wire_len), (1, 9));
        assert!(info.warnings.is_empty());
    }
}

#[test]
fn pcap_of_aix() {
    for (if_type, link_type) in [
        (6, LinkType::ETHERNET),
        (9, LinkType::TOKEN_RING),
        (15, LinkType::FDDI),
        (24, LinkType::NULL),
    ] {
        let file = Bytes::new(true)
            .pcap(0xa1b2_c3d4, [2, 2], if_type)
            .u32s(&[0, 5, 1, 1, 0])
            .bytes;
        let (packets, _) = read(&file[..41]);
        assert_eq!(packets[0].link_type, link_type);
        assert_eq!(nanos(&packets), [5]);
    }
    // The same numbers in version 2.4 are what they say.
    let file = Bytes::new(true)
        .pcap(0xa1b2_c3d4, [2, 4], 6)
        .u32s(&[0, 5, 0, 0]);
    let (packets, _) = read(&file.bytes);
    assert_eq!(packets[0].link_type, LinkType::TOKEN_RING);
    assert_eq!(nanos(&packets), [5_000]);
}

#[test]
fn pcap_link_types() {
    for (field, link_type) in [
        (12, LinkType::RAW),
        (14, LinkType::RAW),
        (11, LinkType::ATM_RFC1483),
        (0x2400_0001, LinkType::ETHERNET),
        (276, LinkType::LINUX_SLL2),
    ] {
        let file = Bytes::new(false)
            .pcap(0xa1b2_c3d4, [2, 4], field)
            .u32s(&[0, 0, 0, 0]);
        let (packets, info) = read(&file.bytes);
        assert_eq!(packets[0].link_type, link_type);
        assert_eq!(info.comments.len(), usize::from(field > 0xffff));
    }
}

#[test]
fn pcap_without_packets_is_fine() {
    let (packets, info) = read(&Bytes::new(false).pcap(0xa1b2_c3d4, [2, 4], 1).bytes);
    assert!(packets.is_empty());
    assert!(info.warnings.is_empty());
    assert_eq!((info.first_ts, info.last_ts), (None, None));
}

#[test]
fn pcap_that_is_cut_or_corrupt() {
    let file = Bytes::new(false)
        .pcap(0xa1b2_c3d4, [2, 4], 1)
        .u32s(&[0, 0, 2, 2])
        .raw(&[1, 2])
        .u32s(&[0, 0, 2, 2])
        .raw(&[1]);
    let (packets, info) = read(&file.bytes);
    assert_eq!(packets.len(), 1);
    assert_eq!(kinds(&info), [(WarningKind::Truncated, 42)]);
    // libpcap's MAXIMUM_SNAPLEN is the longest packet that is believed.
    for (caplen, kind) in [
        (262_144, WarningKind::Truncated),
        (262_145, WarningKind::Corrupt),
        (u32::MAX, WarningKind::Corrupt),
    ] {
        let file = Bytes::new(false)
            .pcap(0xa1b2_c3d4, [2, 4], 1)
            .u32s(&[0, 0, 0, 0])
            .u32s(&[0, 0, caplen, 0])
            .raw(&[0; 100]);
        let (packets, info) = read(&file.bytes);
        assert_eq!(packets.len(), 1);
        assert_eq!(kinds(&info), [(kind, 40)]);
    }
    let (packets, info) = read(&[0xd4, 0xc3]);
    assert!(packets.is_empty());
    assert_eq!(kinds(&info), [(WarningKind::Truncated, 0)]);
}

#[test]
fn pcap_of_an_unknown_version_is_read_with_a_warning() {
    let file = Bytes::new(false)
        .pcap(0xa1b2_c3d4, [2, 9], 1)
        .u32s(&[0, 0, 0, 0]);
    let (packets, info) = read(&file.bytes);
    assert_eq!(packets.len(), 1);
    assert_eq!(kinds(&info), [(WarningKind::Skipped, 4)]);
}

#[test]
fn packets_larger_than_the_block() {
    let data: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
    let file = Bytes::new(false)
        .pcap(0xa1b2_c3d4, [2, 4], 1)
        .u32s(&[0, 0, 200_000, 200_000])
        .raw(&data)
        .u32s(&[0, 0, 1, 1])
        .raw(&[1]);
    let (packets, info) = read_with(&file.bytes, 64);
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[0].data, data);
    assert!(info.warnings.is_empty());
}

#[test]
fn pcapng_in_both_byte_orders() {
    for big_endian in [false, true] {
        let options = Bytes::new(big_endian)
            .option(2, b"eth0")
            .option(3, b"the wire")
            .option(9, &[9])
            .option(11, b"\0tcp port 80")
            .option(0, &[]);
        let file = Bytes::new(big_endian)
            .section()
            .interface(1, 96, &options.bytes)
            .interface(101, 0, &[])
            .enhanced(0, 5_000_000_001, 100, &[1, 2, 3])
            .enhanced(1, 7, 2, &[4, 5]);
        let (packets, info) = read(&file.bytes);
        assert_eq!(nanos(&packets), [5_000_000_001, 7_000]);
        assert_eq!(packets[0].data, [1, 2, 3]);
        assert_eq!(packets[0].wire_len, 100);
        assert_eq!(packets[1].link_type, LinkType::RAW);
        assert_eq!(packets[1].interface, 1);
        assert_eq!(info.format, "pcapng");
        let interface = &info.interfaces[0];
        assert_eq!(interface.name.as_deref(), Some("eth0"));
        assert_eq!(interface.description.as_deref(), Some("the wire"));
        assert_eq!(interface.filter.as_deref(), Some("tcp port 80"));
        assert_eq!(interface.ticks_per_second, 1_000_000_000);
        assert_eq!(interface.packets, 1);
        assert!(info.warnings.is_empty());
    }
}

#[test]
fn pcapng_sections_start_anew() {
    // The second section has the other byte order and its own interface 0.
    let mut file = Bytes::new(false)
        .section()
        .interface(1, 0, &[])
        .enhanced(0, 1, 1, &[1])
        .bytes;
    file.extend(
        Bytes::new(true)
            .section()
            .interface(113, 0, &[])
            .enhanced(0, 2, 1, &[2])
            .bytes,
    );
    let (packets, info) = read(&file);
    assert_eq!(packets[1].link_type, LinkType::LINUX_SLL);
    assert_eq!((packets[0].interface, packets[1].interface), (0, 1));
    assert_eq!(info.interfaces.len(), 2);
    assert!(info.warnings.is_empty());
}

#[test]
fn pcapng_simple_and_obsolete_packets() {
    let simple = Bytes::new(false).u32s(&[10]).raw(&[1, 2, 3, 4, 5]);
    let obsolete = Bytes::new(false)
        .u16s(&[0, 4])
        .u32s(&[0, 9, 2, 60])
        .raw(&[6, 7]);
    let unknown_drops = Bytes::new(false).u16s(&[0, 0xffff]).u32s(&[0, 9, 0, 0]);
    let file = Bytes::new(false)
        .section()
        .interface(1, 5, &[])
        .enhanced(0, 3, 1, &[9])
        .block(3, &simple.bytes)
        .block(2, &obsolete.bytes)
        .block(2, &unknown_drops.bytes);
    let (packets, info) = read(&file.bytes);
    // The snap length of the interface cuts it, not the padding.
    assert_eq!(packets[1].data, [1, 2, 3, 4, 5]);
    assert_eq!(packets[1].wire_len, 10);
    assert_eq!(packets[1].timestamp, packets[0].timestamp);
    assert_eq!(packets[2].data, [6, 7]);
    assert_eq!(packets[2].wire_len, 60);
    assert_eq!(info.dropped_kernel, Some(4));
    assert!(info.warnings.is_empty());
}

#[test]
fn pcapng_says_more_than_packets() {
    let section = Bytes::new(false)
        .u32s(&[0x1a2b_3c4d])
        .u16s(&[1, 2])
        .u32s(&[u32::MAX, u32::MAX])
        .option(1, b"of a section")
        .option(2, b"a machine")
        .option(3, b"a system")
        .option(4, b"a program");
    let packet = Bytes::new(false)
        .u32s(&[0, 0, 1, 1, 1])
        .raw(&[1, 0, 0, 0])
        .option(1, b"of a packet")
        .option(4, &3_u64.to_le_bytes())
        .option(0, &[]);
    let names = Bytes::new(false)
        .u16s(&[1, 8])
        .raw(&[192, 0, 2, 1])
        .raw(b"a\0b\0")
        .u16s(&[2, 18])
        .raw(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        .raw(b"c\0\0\0")
        .u16s(&[0, 0]);
    let statistics = Bytes::new(false)
        .u32s(&[0, 0, 0])
        .option(4, &10_u64.to_le_bytes())
        .option(5, &2_u64.to_le_bytes())
        .option(7, &5_u64.to_le_bytes());
    let secrets = Bytes::new(false).u32s(&[0x544c_534b, 5]).raw(b"CLIEN");
    let file = Bytes::new(false)
        .block(0x0a0d_0d0a, &section.bytes)
        .interface(1, 0, &Bytes::new(false).option(1, b"of an interface").bytes)
        .block(6, &packet.bytes)
        .block(4, &names.bytes)
        .block(10, &secrets.bytes)
        .block(5, &statistics.bytes)
        .block(0x0bad, &[0; 20])
        .block(0x8000_0001, &[0; 20])
        .block(0x77, &[0; 20])
        .block(0x77, &[0; 20])
        .enhanced(0, 2, 1, &[2]);
    let (packets, info) = read(&file.bytes);
    assert_eq!(packets.len(), 2);
    assert_eq!(
        info.comments,
        ["of a section", "of an interface", "of a packet"]
    );
    assert_eq!(info.packet_comments, 1);
    assert_eq!(info.hardware.as_deref(), Some("a machine"));
    assert_eq!(info.os.as_deref(), Some("a system"));
    assert_eq!(info.application.as_deref(), Some("a program"));
    let names: Vec<String> = info
        .names
        .iter()
        .map(|record| format!("{} {}", record.address, record.name))
        .collect();
    assert_eq!(names, ["192.0.2.1 a", "192.0.2.1 b", "2001:db8::1 c"]);
    assert_eq!(info.secrets, [(0x544c_534b, b"CLIEN".to_vec())]);
    assert_eq!(info.interfaces[0].received, Some(10));
    assert_eq!(info.dropped_interface, Some(2));
    // What the statistics say counts what the packets said.
    assert_eq!(info.dropped_kernel, Some(5));
    // Custom and local blocks are nobody's business; another unknown type is told once.
    assert_eq!(info.warnings.len(), 1);
    assert_eq!(info.warnings[0].kind, WarningKind::Skipped);
}

#[test]
fn pcapng_blocks_that_make_no_sense_are_left_out() {
    let too_long = Bytes::new(false).u32s(&[0, 0, 0, 100, 100]).raw(&[0; 8]);
    let file = Bytes::new(false)
        .section()
        .enhanced(0, 1, 1, &[1])
        .interface(1, 0, &[])
        .enhanced(7, 1, 1, &[1])
        .block(6, &too_long.bytes)
        .block(6, &[1, 2, 3, 4])
        .enhanced(0, 1, 1, &[2]);
    let (packets, info) = read(&file.bytes);
    assert_eq!(packets.len(), 1);
    assert_eq!(packets[0].data, [2]);
    assert_eq!(info.warnings.len(), 4);
    assert!(
        info.warnings
            .iter()
            .all(|warning| warning.kind == WarningKind::Skipped)
    );
}

#[test]
fn pcapng_framing_that_makes_no_sense_ends_it() {
    let start = || {
        Bytes::new(false)
            .section()
            .interface(1, 0, &[])
            .enhanced(0, 1, 1, &[1])
    };
    let offset = start().bytes.len() as u64;
    for (tail, kind) in [
        // Lengths that differ.
        (start().u32s(&[6, 16, 0, 20]), WarningKind::Corrupt),
        (start().u32s(&[0x0bad, 16, 0, 20]), WarningKind::Corrupt),
        // Lengths that cannot be.
        (start().u32s(&[6, 0, 0, 0]), WarningKind::Corrupt),
        (start().u32s(&[6, 0x7fff_fff0, 0, 0]), WarningKind::Corrupt),
        // The file ends.
        (start().u32s(&[6, 1_000, 0, 0]), WarningKind::Truncated),
        (start().u32s(&[6]), WarningKind::Truncated),
        // Sections of another world.
        (start().u32s(&[0x0a0d_0d0a, 28, 0]), WarningKind::Corrupt),
        (
            start().u32s(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 9, 0, 0, 28]),
            WarningKind::Corrupt,
        ),
    ] {
        let (packets, info) = read(&tail.bytes);
        assert_eq!(packets.len(), 1);
        assert_eq!(info.warnings.len(), 1, "{:?}", info.warnings);
        assert_eq!(info.warnings[0].kind, kind);
        assert!(info.warnings[0].offset >= offset);
    }
    // A skipped block of any length costs no memory, and the file's end inside is noticed.
    let huge = start().u32s(&[0x0bad, 0xffff_fff0]).raw(&[0; 5_000]);
    let (packets, info) = read_with(&huge.bytes, 64);
    assert_eq!(packets.len(), 1);
    assert_eq!(info.warnings[0].kind, WarningKind::Truncated);
}

#[test]
fn pcapng_lengths_without_their_padding() {
    // Some writers count 3 bytes of data as 3; others do not even write the padding.
    let packet = Bytes::new(false)
        .u32s(&[6, 35, 0, 0, 1, 3, 3])
        .raw(&[1, 2, 3]);
    let padded = Bytes::new(false)
        .section()
        .interface(1, 0, &[])
        .raw(&packet.bytes)
        .raw(&[0])
        .u32s(&[35])
        .enhanced(0, 1, 1, &[9]);
    let unpadded = Bytes::new(false)
        .section()
        .interface(1, 0, &[])
        .raw(&packet.bytes)
        .u32s(&[35])
        .enhanced(0, 1, 1, &[9]);
    for file in [padded, unpadded] {
        let (packets, info) = read(&file.bytes);
        assert_eq!(packets.len(), 2);
        assert_eq!(packets[0].data, [1, 2, 3]);
        assert!(info.warnings.is_empty());
    }
}

/// A pcap file of packets at these microseconds, each with its time as data.
fn pcap_of(times: &[u32]) -> Vec<u8> {
    let mut file = Bytes::new(false).pcap(0xa1b2_c3d4, [2, 4], 1);
    for time in times {
        file = file.u32s(&[0, *time, 4, 4]).u32s(&[*time]);
    }
    file.bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn compressions_are_recognised_by_content() {
    let file = pcap_of(&(0..1_000).collect::<Vec<_>>());
    let (plain, _) = read(&file);
    let (front, back) = file.split_at(5_000);
    for (compress, name) in [
        (gzip as fn(&[u8]) -> Vec<u8>, "gzip"),
        (lz4, "lz4"),
        (zstd, "zstd"),
    ] {
        let (packets, info) = read(&compress(&file));
        assert_eq!(packets, plain);
        assert_eq!(info.format, format!("pcap+{name}"));
        assert!(info.warnings.is_empty(), "{:?}", info.warnings);
        // Several members, or frames.
        let several = [compress(front), compress(back)].concat();
        let (packets, info) = read(&several);
        assert_eq!(packets, plain, "{name}");
        assert!(info.warnings.is_empty());
        // Cut: what is whole is read, then a warning.
        let compressed = compress(&file);
        let (packets, info) = read(&compressed[..compressed.len() - 9]);
        assert_eq!(packets, plain[..packets.len()]);
        assert!(packets.len() < 1_000 || !info.warnings.is_empty());
        // Cut in the first bytes.
        let (packets, info) = read(&compressed[..6]);
        assert!(packets.is_empty());
        assert_eq!(kinds(&info).len(), 1, "{name}");
    }
    let (packets, info) = read(&zstd(&gzip(&file)));
    assert_eq!(packets, plain);
    assert_eq!(info.format, "pcap+gzip+zstd");
}

#[test]
fn damaged_compression_is_a_warning() {
    let file = pcap_of(&(0..1_000).map(|at| at * 7_919).collect::<Vec<_>>());
    let mut compressed = gzip(&file);
    let at = compressed.len() - 6;
    compressed[at] ^= 0xff;
    let (packets, info) = read(&compressed);
    assert_eq!(packets.len(), 1_000);
    assert_eq!(kinds(&info), [(WarningKind::Corrupt, file.len() as u64)]);
}

#[test]
fn what_is_no_capture_is_named() {
    for (bytes, what) in [
        (&b""[..], "the file is empty"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop"),
        (b"\x7fELF\x02\x01\x01", "ELF"),
        (b"GMBU\x00\x02", "Network Monitor 2"),
        (b"PK\x03\x04", "ZIP"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"{\"a\": 1}", "JSON"),
        (b"Timestamp,Source IP,Destination IP\n1,2,3\n", "CSV"),
        (b"#separator \\x09\n", "Zeek log"),
        (
            b"12:00:01.123456 IP 192.0.2.1 > 192.0.2.2: ICMP\n",
            "tcpdump",
        ),
        (b"hello\n", "text"),
        (&[0; 64], "zero bytes"),
        (&[0xfe, 0xed, 0, 1, 2, 3], "fe ed 00 01"),
    ] {
        let error = refused(bytes);
        assert!(error.message.contains(what), "{error}");
        assert!(error.hint.is_some());
    }
    assert!(refused(&gzip(b"hello\n")).message.contains("gzip of text"));
    assert!(refused(&zstd(b"")).message.contains("zstd of nothing"));
    // Two ERF records of 24 bytes, Ethernet.
    let mut record = [0; 24];
    record[8] = 2;
    record[11] = 24;
    assert!(refused(&record.repeat(2)).message.contains("ERF"));
}

/// A folder of files, gone when the test ends.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn open_all<I: AsRef<OsStr>>(
    inputs: &[I],
    block_size: usize,
) -> Result<(Vec<Read>, Vec<CaptureInfo>), SourceError> {
    let mut source = open(inputs, &OpenOptions { block_size })?;
    let result = drain(&mut *source);
    let progress = source.progress();
    assert_eq!(Some(progress.done), progress.total);
    Ok(result)
}

fn micros(packets: &[Read]) -> Vec<i64> {
    nanos(packets)
        .into_iter()
        .map(|time| time / 1_000)
        .collect()
}

#[test]
fn files_are_merged_by_time() {
    let folder = folder(&[
        ("a", &pcap_of(&[1, 4, 4, 9])),
        ("b", &gzip(&pcap_of(&[2, 4, 20]))),
        ("c", &pcap_of(&[])),
        ("d", &pcap_of(&[3, 30, 10])),
    ]);
    let at = |name: &str| folder.path().join(name);
    for block_size in [64, 1 << 16] {
        let (packets, info) = open_all(&[at("d"), at("b"), at("c"), at("a")], block_size).unwrap();
        // A packet that is late in its own file stays behind those before it.
        assert_eq!(micros(&packets), [1, 2, 3, 4, 4, 4, 9, 20, 30, 10]);
        // At the same time the order of the inputs: b before a.
        let interfaces: Vec<u32> = packets.iter().map(|packet| packet.interface).collect();
        assert_eq!(interfaces, [3, 1, 0, 1, 3, 3, 3, 1, 0, 0]);
        let numbers: Vec<u64> = packets.iter().map(|packet| packet.number).collect();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
        assert_eq!(info.len(), 4);
        assert_eq!(info[0].packets, 3);
        assert_eq!(info[3].interfaces[0].index, 3);
        assert_eq!(info[3].interfaces[0].packets, 4);
    }
}

#[test]
fn files_that_follow_one_another_are_not_copied() {
    let times: Vec<u32> = (0..3_000).collect();
    let folder = folder(&[
        ("1", &pcap_of(&times[..1_000])),
        ("2", &pcap_of(&times[1_000..2_000])),
        ("3", &pcap_of(&times[2_000..])),
    ]);
    let inputs = ["3", "1", "2"].map(|name| folder.path().join(name));
    let (packets, _) = open_all(&inputs, 4_096).unwrap();
    assert_eq!(micros(&packets), (0..3_000).collect::<Vec<_>>());
}

#[test]
fn folders_hold_captures_and_other_things() {
    let folder = folder(&[
        ("b.txt", &pcap_of(&[5])),
        ("a/z", &pcap_of(&[6])),
        ("notes.pcap", b"no capture at all\n"),
        ("empty", b""),
    ]);
    let (packets, info) = open_all(&[folder.path()], 4_096).unwrap();
    assert_eq!(micros(&packets), [5, 6]);
    assert!(info[0].name.ends_with('z'));
    let note = &info[2];
    assert_eq!(note.name, folder.path().display().to_string());
    assert_eq!(note.format, "");
    assert_eq!(note.warnings.len(), 2);
    assert!(
        note.warnings
            .iter()
            .all(|warning| warning.kind == WarningKind::Skipped)
    );
    // By pattern.
    let pattern = |pattern: &str| folder.path().join(pattern).into_os_string();
    let (packets, info) = open_all(&[pattern("*.*")], 4_096).unwrap();
    assert_eq!(micros(&packets), [5]);
    assert_eq!(info[1].warnings.len(), 1);
    // A file that was named must be one.
    let named = open_all(&[pattern("b.txt"), pattern("empty")], 4_096);
    assert!(named.unwrap_err().message.contains("empty"));
    let none = open_all(&[pattern("nothing*")], 4_096);
    assert!(none.unwrap_err().message.contains("no file matches"));
    let only_text = open_all(&[pattern("notes*")], 4_096);
    assert!(only_text.unwrap_err().message.contains("no captures"));
    let missing = open_all(&[pattern("missing")], 4_096);
    assert!(missing.unwrap_err().hint.is_some());
    assert!(open_all::<OsString>(&[], 4_096).is_err());
}

#[test]
fn a_file_whose_name_is_a_pattern_is_that_file() {
    let folder = folder(&[("[a]", &pcap_of(&[5])), ("a", &pcap_of(&[6]))]);
    let (packets, _) = open_all(&[folder.path().join("[a]")], 4_096).unwrap();
    assert_eq!(micros(&packets), [5]);
}

#[test]
fn an_empty_folder_is_an_error() {
    let folder = folder(&[]);
    let error = open_all(&[folder.path()], 4_096).unwrap_err();
    assert!(error.message.contains("no files"), "{error}");
    assert!(
        error
            .source_name
            .contains(&*folder.path().to_string_lossy())
    );
    assert!(open_all(&[Path::new("/dev/null/x")], 4_096).is_err());
}

/// Packets for captures: time in microseconds, length on the wire beyond the data, data.
fn packets() -> impl Strategy<Value = Vec<(u32, u32, Vec<u8>)>> {
    let data = proptest::collection::vec(any::<u8>(), 0..300);
    proptest::collection::vec((any::<u32>(), 0..100_u32, data), 0..40)
}

fn written(packets: &[(u32, u32, Vec<u8>)], pcapng: bool, big_endian: bool) -> Vec<u8> {
    let mut file = Bytes::new(big_endian);
    file = if pcapng {
        file.section().interface(1, 0, &[])
    } else {
        file.pcap(0xa1b2_c3d4, [2, 4], 1)
    };
    for (time, beyond, data) in packets {
        let length = data.len() as u32;
        file = if pcapng {
            file.enhanced(0, u64::from(*time), length + beyond, data)
        } else {
            file.u32s(&[time / 1_000_000, time % 1_000_000, length, length + beyond])
                .raw(data)
        };
    }
    file.bytes
}

proptest! {
    #[test]
    fn what_is_written_is_read(packets in packets(), pcapng: bool, big_endian: bool) {
        let (found, info) = read(&written(&packets, pcapng, big_endian));
        prop_assert!(info.warnings.is_empty());
        prop_assert_eq!(found.len(), packets.len());
        for (found, (time, beyond, data)) in found.iter().zip(&packets) {
            prop_assert_eq!(found.timestamp.as_nanos(), i64::from(*time) * 1_000);
            prop_assert_eq!(found.wire_len, data.len() as u32 + beyond);
            prop_assert_eq!(&found.data, data);
        }
    }

    #[test]
    fn any_block_size_gives_the_same(packets in packets(), pcapng: bool, block_size in 0_usize..2_000) {
        let file = written(&packets, pcapng, false);
        prop_assert_eq!(read(&file), read_with(&file, block_size));
    }

    #[test]
    fn cut_anywhere_gives_a_prefix(packets in packets(), pcapng: bool, at: prop::sample::Index) {
        let file = written(&packets, pcapng, true);
        let (whole, _) = read(&file);
        let cut = 1 + at.index(file.len());
        let (found, info) = read(&file[..cut]);
        prop_assert_eq!(&found[..], &whole[..found.len()]);
        prop_assert!(found.len() == whole.len() || info.warnings.len() <= 1);
        if cut == file.len() {
            prop_assert!(info.warnings.is_empty());
        }
    }

    #[test]
    fn any_bytes_do_no_harm(
        start in prop::sample::select(vec![0xa1b2_c3d4, 0xa1b2_cd34, 0x1c00_01ac, 0x0a0d_0d0a_u32]),
        rest in proptest::collection::vec(any::<u8>(), 0..600),
        big_endian: bool,
        whole_start: bool,
    ) {
        let mut file = Bytes::new(big_endian);
        file = match (start, whole_start) {
            (_, false) => file.u32s(&[start]),
            (0x0a0d_0d0a, true) => file.section().interface(1, 0, &[]),
            (_, true) => file.pcap(start, [2, 4], 1),
        };
        let file = file.raw(&rest);
        prop_assert_eq!(read_with(&file.bytes, 64), read(&file.bytes));
    }

    #[test]
    fn any_bytes_in_any_compression_do_no_harm(
        start in prop::sample::select(vec![
            &[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd], &[0x04, 0x22, 0x4d, 0x18],
            &[0x50, 0x2a, 0x4d, 0x18], &[],
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let bytes = [start, &rest].concat();
        if let Ok(mut source) = open_reader("test", Cursor::new(bytes), &OpenOptions::default()) {
            drain(&mut *source);
        }
    }

    #[test]
    fn merging_is_a_stable_sort_of_sorted_files(
        files in proptest::collection::vec(proptest::collection::vec(0_u32..50, 0..30), 2..5),
        block_size in 64_usize..500,
    ) {
        let mut files = files;
        for times in &mut files {
            times.sort_unstable();
        }
        let named: Vec<(String, Vec<u8>)> = files
            .iter()
            .enumerate()
            .map(|(index, times)| (index.to_string(), pcap_of(times)))
            .collect();
        let list: Vec<(&str, &[u8])> = named
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let folder = folder(&list);
        let inputs: Vec<_> = named.iter().map(|(name, _)| folder.path().join(name)).collect();
        let (found, _) = open_all(&inputs, block_size).unwrap();
        let mut expected: Vec<(i64, u32)> = files
            .iter()
            .zip(0_u32..)
            .flat_map(|(times, file)| times.iter().map(move |time| (i64::from(*time), file)))
            .collect();
        expected.sort_unstable();
        let found: Vec<(i64, u32)> = found
            .iter()
            .map(|packet| (packet.timestamp.as_nanos() / 1_000, packet.interface))
            .collect();
        prop_assert_eq!(found, expected);
    }
}
