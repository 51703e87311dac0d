//! What must hold of any capture, and of any bytes.

use std::io::Cursor;

use netloom_packet::{LinkType, Packet, PacketBatch, PacketSink, PacketSource, Timestamp};
use proptest::prelude::*;

use super::super::{OpenOptions, PcapngWriter, open, open_reader};
use super::{Bytes, drain, folder, open_all, pcap_of, read, read_with};

/// Packets for captures: time in microseconds, length on the wire beyond the data, data.
fn packets() -> impl Strategy<Value = Vec<(u32, u32, Vec<u8>)>> {
    // Mostly shorter than the room for the start of one in a block, now and then longer.
    let data = prop_oneof![
        30 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => (5_000_usize..20_000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
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
    fn parts_of_a_file_are_read_in_any_order(
        packets in packets(),
        pcapng: bool,
        block_size in 0_usize..2_000,
        together in 1_usize..6,
        alone in 0_usize..5,
        backwards: bool,
    ) {
        let file = written(&packets, pcapng, false);
        let (expected, _) = read(&file);
        let folder = folder(&[("a", &file)]);
        let mut source = open(&[folder.path().join("a")], &OpenOptions { block_size }).unwrap();
        let mut found = Vec::new();
        let mut batch = PacketBatch::default();
        let mut more = true;
        while more {
            // What is asked for without a part goes on behind the parts.
            for _ in 0..alone {
                more = more && source.next_batch(&mut batch).unwrap();
                if more {
                    found.extend(batch.iter().map(|packet| (packet.number, packet.data.to_vec())));
                }
            }
            let taken: Vec<_> = (0..together).map_while(|_| source.take_part()).collect();
            if taken.is_empty() {
                prop_assert!(!source.next_batch(&mut batch).unwrap());
                break;
            }
            prop_assert_eq!(taken.len(), together);
            let mut parts: Vec<_> = taken.into_iter().enumerate().collect();
            if backwards {
                parts.reverse();
            }
            let mut parts: Vec<_> = parts
                .into_iter()
                .map(|(index, read)| {
                    let mut block = vec![7; index * 100];
                    let part = read(&mut block);
                    (index, block, part)
                })
                .collect();
            parts.sort_by_key(|(index, ..)| *index);
            for (_, block, part) in parts {
                batch.block = block;
                more = more && source.next_batch_of(part, &mut batch).unwrap();
                if more {
                    found.extend(batch.iter().map(|packet| (packet.number, packet.data.to_vec())));
                }
            }
        }
        let expected: Vec<_> = expected.into_iter().map(|packet| (packet.number, packet.data)).collect();
        prop_assert_eq!(found, expected);
        let progress = source.progress();
        prop_assert_eq!(Some(progress.done), progress.total);
        let info = source.info().remove(0);
        prop_assert_eq!((info.packets, info.warnings), (packets.len() as u64, vec![]));
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

    #[test]
    fn the_writer_writes_what_is_read(
        packets in proptest::collection::vec(
            (any::<i64>(), 0_u16..3, 0_u32..3, any::<u32>(), proptest::collection::vec(any::<u8>(), 0..50)),
            0..30,
        ),
    ) {
        let mut writer = PcapngWriter::new("memory", Vec::new());
        for (number, (nanos, link_type, interface, wire_len, data)) in (1..).zip(&packets) {
            writer.write_packet(&Packet {
                number,
                timestamp: Timestamp::from_nanos(*nanos),
                link_type: LinkType(*link_type),
                interface: *interface,
                wire_len: *wire_len,
                data,
            }).unwrap();
        }
        writer.finish().unwrap();
        let (found, info) = read(&writer.into_inner());
        prop_assert_eq!(info.warnings, []);
        prop_assert_eq!(found.len(), packets.len());
        for (found, (nanos, link_type, _, wire_len, data)) in found.iter().zip(&packets) {
            // The last part of a second before the earliest whole one cannot be said.
            prop_assert_eq!(found.timestamp.as_nanos(), (*nanos).max(-9_223_372_036_000_000_000));
            prop_assert_eq!(found.link_type.0, *link_type);
            prop_assert_eq!(found.wire_len, *wire_len);
            prop_assert_eq!(&found.data, data);
        }
    }
}
