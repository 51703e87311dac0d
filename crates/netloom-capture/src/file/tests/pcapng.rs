//! pcapng, block by block.

use netloom_packet::{LinkType, WarningKind};

use super::{Bytes, nanos, read, read_with};

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
    let [warning] = &info.warnings[..] else {
        panic!("{:?}", info.warnings);
    };
    assert_eq!(warning.kind, WarningKind::Untimed);
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
