//! Compressed captures, and what is no capture.

use netloom_packet::WarningKind;

use super::{gzip, kinds, lz4, pcap_of, read, read_with, refused, zstd};

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

#[test]
fn what_is_left_of_damaged_data_does_not_depend_on_the_block() {
    let file = pcap_of(&(0..20_000).map(|at| at * 7_919).collect::<Vec<_>>());
    for compress in [gzip as fn(&[u8]) -> Vec<u8>, zstd, lz4] {
        let mut compressed = compress(&file);
        let at = compressed.len() / 2;
        for byte in &mut compressed[at..at + 40] {
            *byte = !*byte;
        }
        let (packets, _) = read(&compressed);
        assert!(packets.len() > 1_000);
        for block_size in [64, 3_000, 1 << 20] {
            // Whether the decompressor or a packet made of rubbish is what ends it may differ,
            // and LZ4 without a checksum does not notice at all.
            let (again, _) = read_with(&compressed, block_size);
            assert!(again == packets, "{} and {}", again.len(), packets.len());
        }
    }
}

#[test]
fn a_frame_that_fails_at_once_is_not_asked_again() {
    // Found by fuzzing: an LZ4 frame whose first block is too long, with more bytes behind.
    let mut compressed = lz4(&pcap_of(&[1, 2, 3]));
    compressed.truncate(7);
    compressed.extend([0x04, 0x22, 0x4d, 0x18]);
    compressed.extend(lz4(&vec![0; 100_000]));
    let (packets, info) = read_with(&compressed, 64);
    assert!(packets.is_empty());
    assert_eq!(kinds(&info), [(WarningKind::Corrupt, 0)]);
}
