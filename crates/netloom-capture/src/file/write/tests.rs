//! What is written can be read, in whole and cut anywhere.

use std::path::{Path, PathBuf};

use netloom_packet::{
    CaptureInfo, LinkType, MacAddr, Packet, PacketBatch, PacketSink, PacketSource, Timestamp,
};
use proptest::prelude::*;

use super::super::{OpenOptions, open, open_reader};
use super::*;

const SECOND: i64 = 1_000_000_000;
/// 2026-01-01 00:00:00 UTC.
const START: Timestamp = Timestamp::from_secs_nanos(1_767_225_600, 0);

fn packet(number: u64, after: i64, data: &[u8]) -> Packet<'_> {
    Packet {
        number,
        timestamp: START.plus_nanos(after),
        link_type: LinkType::ETHERNET,
        interface: 0,
        wire_len: data.len() as u32 + 4,
        data,
    }
}

fn interface() -> InterfaceDescription {
    InterfaceDescription {
        name: Some("eth0".to_owned()),
        description: Some("Uplink".to_owned()),
        filter: Some("tcp port 80".to_owned()),
        os: Some("Linux 6.1".to_owned()),
        mac: Some(MacAddr([2, 0, 0, 0, 0, 1])),
        speed: Some(1_000_000_000),
        link_type: LinkType::ETHERNET,
        snap_len: 96,
    }
}

type Read = (Vec<(Timestamp, u32, Vec<u8>)>, CaptureInfo);

fn drain(mut source: Box<dyn PacketSource + Send>) -> Read {
    let mut batch = PacketBatch::default();
    let mut packets = Vec::new();
    while source.next_batch(&mut batch).unwrap() {
        for packet in batch.iter() {
            packets.push((packet.timestamp, packet.wire_len, packet.data.to_vec()));
        }
    }
    (packets, source.info().remove(0))
}

fn read(path: &Path) -> Read {
    drain(open(&[path], &OpenOptions::default()).unwrap())
}

fn writer(folder: &Path, name: &str, options: WriteOptions) -> CaptureWriter {
    let path = folder.join(name);
    let names = if options.rotation.is_any() {
        FileNames::rotated(&path, |_| 0)
    } else {
        FileNames::single(&path)
    };
    CaptureWriter::create(names, options, vec![interface()], START).unwrap()
}

fn paths(writer: &CaptureWriter) -> Vec<PathBuf> {
    writer.files().kept.iter().cloned().collect()
}

#[test]
fn a_pcapng_says_where_it_was_made_and_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriteOptions {
        section: SectionDescription {
            hardware: Some("a machine".to_owned()),
            os: Some("Linux".to_owned()),
            application: Some("netloom 1".to_owned()),
            comments: vec!["for a test".to_owned()],
        },
        ..WriteOptions::default()
    };
    let mut writer = writer(folder.path(), "a.pcapng", options);
    let notes = PacketNotes {
        direction: Some(Direction::Outbound),
        comment: Some("odd"),
    };
    writer.write(&packet(1, 1, &[7; 61]), notes).unwrap();
    writer.set_statistics(
        0,
        InterfaceStatistics {
            start: Some(START),
            end: Some(START.plus_nanos(SECOND)),
            received: Some(10),
            dropped_interface: Some(2),
            dropped_kernel: Some(3),
            delivered: Some(7),
        },
    );
    writer.finish(START.plus_nanos(SECOND)).unwrap();
    let (packets, info) = read(&folder.path().join("a.pcapng"));
    assert_eq!(packets, [(START.plus_nanos(1), 65, vec![7; 61])]);
    assert_eq!(info.hardware.as_deref(), Some("a machine"));
    assert_eq!(info.application.as_deref(), Some("netloom 1"));
    assert_eq!(info.comments, ["for a test", "odd"]);
    let read = &info.interfaces[0];
    assert_eq!(read.name.as_deref(), Some("eth0"));
    assert_eq!(read.description.as_deref(), Some("Uplink"));
    assert_eq!(read.filter.as_deref(), Some("tcp port 80"));
    assert_eq!(read.snap_len, 96);
    assert_eq!(read.received, Some(10));
    assert_eq!(read.dropped_interface, Some(2));
    assert_eq!(read.dropped_kernel, Some(3));
    assert!(info.warnings.is_empty(), "{:?}", info.warnings);
}

#[test]
fn flags_say_the_direction() {
    let mut writer = PcapngWriter::new("memory", Vec::new());
    let inbound = PacketNotes {
        direction: Some(Direction::Inbound),
        comment: None,
    };
    writer.write(&packet(1, 1, &[1; 5]), inbound).unwrap();
    writer.finish().unwrap();
    let bytes = writer.into_inner();
    // The packet's block: 28 bytes of header, 5 + 3 of packet, epb_flags, end of options, length.
    let block = &bytes[bytes.len() - 52..];
    assert_eq!(block[..8], [6, 0, 0, 0, 52, 0, 0, 0]);
    assert_eq!(
        block[28..],
        [
            1, 1, 1, 1, 1, 0, 0, 0, 2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0
        ]
    );
}

#[test]
fn pcap_in_both_resolutions() {
    for (resolution, magic, kept) in [
        (PcapResolution::Nanoseconds, [0x4d, 0x3c, 0xb2, 0xa1], 1_999),
        (
            PcapResolution::Microseconds,
            [0xd4, 0xc3, 0xb2, 0xa1],
            1_000,
        ),
    ] {
        let mut writer = PcapWriter::new("memory", Vec::new(), resolution);
        writer.write_packet(&packet(1, 1_999, &[7; 61])).unwrap();
        let mut other = packet(2, 0, &[1]);
        other.link_type = LinkType::RAW;
        let refused = writer.write_packet(&other).unwrap_err();
        assert!(refused.to_string().contains("one link type"), "{refused}");
        writer.finish().unwrap();
        let bytes = writer.into_inner();
        assert_eq!(bytes[..4], magic);
        let (packets, _) = drain(
            open_reader(
                "memory",
                std::io::Cursor::new(bytes),
                &OpenOptions::default(),
            )
            .unwrap(),
        );
        assert_eq!(packets, [(START.plus_nanos(kept), 65, vec![7; 61])]);
    }
}

#[test]
fn files_of_limited_size_hold_all_packets_and_keep_their_size() {
    for (name, format) in [
        ("a.pcapng", FileFormat::Pcapng),
        ("a.pcap", FileFormat::Pcap(PcapResolution::Nanoseconds)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = WriteOptions {
            format,
            rotation: Rotation {
                bytes: Some(10_000),
                nanos: None,
            },
            ..WriteOptions::default()
        };
        let mut writer = writer(folder.path(), name, options);
        for number in 0..1000 {
            writer
                .write(
                    &packet(number + 1, number as i64, &[3; 100]),
                    PacketNotes::default(),
                )
                .unwrap();
            let counted = InterfaceStatistics {
                start: Some(START),
                received: Some(number + 1),
                ..InterfaceStatistics::default()
            };
            writer.set_statistics(0, counted);
        }
        writer.finish(START.plus_nanos(SECOND)).unwrap();
        let (mut packets, mut received) = (Vec::new(), 0);
        for path in paths(&writer) {
            assert!(std::fs::metadata(&path).unwrap().len() <= 10_000);
            let (some, info) = read(&path);
            packets.extend(some);
            received += info.interfaces[0].received.unwrap_or(0);
        }
        assert!(writer.files().kept.len() >= 12);
        let times: Vec<i64> = packets
            .iter()
            .map(|(time, ..)| time.nanos_since(START))
            .collect();
        assert_eq!(times, (0..1000).collect::<Vec<i64>>());
        if format == FileFormat::Pcapng {
            // What was counted while each file was written adds up.
            assert_eq!(received, 1000);
        }
        let closed = writer.take_closed();
        assert_eq!(
            closed.iter().map(|file| file.packets).sum::<u64>(),
            writer.files().packets
        );
    }
}

#[test]
fn files_by_time_and_a_ring_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriteOptions {
        rotation: Rotation {
            bytes: None,
            nanos: Some(SECOND),
        },
        keep: Some(3),
        ..WriteOptions::default()
    };
    let mut writer = writer(folder.path(), "%H%M%S.pcapng", options);
    for tenth in 0..100_i64 {
        let packet = packet(tenth as u64, tenth * SECOND / 10, &[3; 100]);
        writer.write(&packet, PacketNotes::default()).unwrap();
    }
    // A quiet link gets its files too, and those begin on the second.
    writer.tick(START.plus_nanos(12 * SECOND + 5)).unwrap();
    writer.finish(START.plus_nanos(12 * SECOND + 6)).unwrap();
    let names: Vec<String> = paths(&writer)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["000008.pcapng", "000009.pcapng", "000012.pcapng"]);
    assert_eq!(writer.files().removed, 8);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    assert_eq!(read(&paths(&writer)[1]).0.len(), 10);
}

#[test]
fn what_waits_is_written_within_the_second() {
    for name in ["a.pcapng", "a.pcapng.gz", "a.pcapng.zst"] {
        let folder = tempfile::tempdir().unwrap();
        let options = WriteOptions {
            compression: WriteCompression::by_name(Path::new(name)),
            ..WriteOptions::default()
        };
        let mut writer = writer(folder.path(), name, options);
        let path = folder.path().join(name);
        writer
            .write(&packet(1, 0, &[3; 100]), PacketNotes::default())
            .unwrap();
        assert_eq!(read(&path).0.len(), 0);
        writer.tick(START.plus_nanos(SECOND / 2)).unwrap();
        let (packets, info) = read(&path);
        assert_eq!(packets.len(), 1, "{name}");
        // A Zstandard frame that has not ended yet is one that was cut.
        let expected = usize::from(name == "a.pcapng.zst");
        assert_eq!(info.warnings.len(), expected, "{name}: {:?}", info.warnings);
        // A clock that is set back does not stop this.
        writer
            .write(&packet(2, 0, &[3; 100]), PacketNotes::default())
            .unwrap();
        writer.tick(START.plus_nanos(-3600 * SECOND)).unwrap();
        assert_eq!(read(&path).0.len(), 2, "{name}");
        // Nor does a kill: nobody finishes the file.
        drop(writer);
        assert_eq!(read(&path).0.len(), 2, "{name}");
    }
}

#[test]
fn compressed_files_hold_all_packets() {
    for name in ["a.pcapng.gz", "a.pcap.zst", "a.pcapng.zst"] {
        let folder = tempfile::tempdir().unwrap();
        let options = WriteOptions {
            compression: WriteCompression::by_name(Path::new(name)),
            format: if name.contains("pcapng") {
                FileFormat::Pcapng
            } else {
                FileFormat::Pcap(PcapResolution::Microseconds)
            },
            rotation: Rotation {
                bytes: Some(200_000),
                nanos: None,
            },
            ..WriteOptions::default()
        };
        let mut writer = writer(folder.path(), name, options);
        let mut state = 1_u64;
        for number in 0..3000_u64 {
            let data: Vec<u8> = (0..500)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    (state >> 60) as u8
                })
                .collect();
            let packet = packet(number, number as i64 * 1000, &data);
            writer.write(&packet, PacketNotes::default()).unwrap();
        }
        writer.finish(START).unwrap();
        let files = paths(&writer);
        assert!(files.len() > 2, "{name}: {}", files.len());
        let mut times = Vec::new();
        for path in files {
            let length = std::fs::metadata(&path).unwrap().len();
            assert!(length < 300_000, "{name}: {length}");
            let (packets, info) = read(&path);
            assert!(info.warnings.is_empty());
            times.extend(packets.iter().map(|(time, ..)| time.nanos_since(START)));
        }
        assert_eq!(
            times,
            (0..3000).map(|number| number * 1000).collect::<Vec<i64>>()
        );
    }
}

#[test]
fn a_pcap_of_one_link_type_is_asked_for_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = interface();
    other.link_type = LinkType::RAW;
    let options = WriteOptions {
        format: FileFormat::Pcap(PcapResolution::Nanoseconds),
        ..WriteOptions::default()
    };
    let names = FileNames::single(&folder.path().join("a.pcap"));
    let error = CaptureWriter::create(names, options, vec![interface(), other], START).unwrap_err();
    assert!(error.to_string().contains("one link type"), "{error}");
    assert!(!folder.path().join("a.pcap").exists());
}

#[test]
fn a_file_that_takes_no_more_ends_with_an_error() {
    // Where there is such a device, it is full from the start.
    if !Path::new("/dev/full").exists() {
        println!("skipped: no /dev/full");
        return;
    }
    let names = FileNames::single(Path::new("/dev/full"));
    let error = CaptureWriter::create(names, WriteOptions::default(), vec![interface()], START)
        .unwrap_err();
    assert_eq!(error.cause.unwrap().kind(), std::io::ErrorKind::StorageFull);
}

proptest! {
    #[test]
    fn the_last_whole_packet_is_found(
        lengths in prop::collection::vec(0_usize..90, 1..20),
        cut in 0.0_f64..1.0,
        pcap in any::<bool>(),
    ) {
        let mut ends = vec![0];
        let mut bytes = Vec::new();
        let mut encoder = pcapng::Encoder::default();
        if pcap {
            bytes.extend(pcap::file_header(PcapResolution::Nanoseconds, LinkType::RAW, 0));
            ends.push(bytes.len());
        }
        let data = [9; 90];
        for (number, &length) in lengths.iter().enumerate() {
            let packet = packet(number as u64, number as i64, &data[..length]);
            if pcap {
                pcap::packet(&mut bytes, PcapResolution::Nanoseconds, &packet).unwrap();
            } else {
                encoder.packet(&mut bytes, &packet, PacketNotes::default()).unwrap();
                if number == 0 {
                    // The interface that came with the first packet: type, length, …
                    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
                    ends.push(first as usize);
                }
            }
            ends.push(bytes.len());
        }
        let written = (bytes.len() as f64 * cut) as usize;
        let expected = *ends.iter().rev().find(|&&end| end <= written).unwrap();
        let found = if pcap {
            pcap::last_whole(&bytes, written, true)
        } else {
            pcapng::last_whole(&bytes, written)
        };
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_have_a_last_whole_packet(bytes in prop::collection::vec(any::<u8>(), 0..200), written in 0_usize..300) {
        prop_assert!(pcap::last_whole(&bytes, written, false) <= written);
        prop_assert!(pcapng::last_whole(&bytes, written) <= written);
    }
}
