//! Classic pcap and its variants.

use netloom_packet::{LinkType, WarningKind};

use super::{Bytes, kinds, nanos, read, read_with};

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
