//! Files, folders and patterns, and several of them merged.

use std::ffi::OsString;
use std::path::Path;

use netloom_packet::WarningKind;

use super::{folder, gzip, micros, open_all, pcap_of};

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

/// A pipe is opened by name here, as standard input cannot be given to a test.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_gives_packets_as_they_come() {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use netloom_packet::PacketBatch;

    use super::super::{OpenOptions, open};

    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    let file = pcap_of(&[1, 2]);
    // The header, the first packet and half of the second; the writer stays open.
    writer.write_all(&file[..24 + 20 + 10]).unwrap();
    let mut source = open(&[&path], &OpenOptions::default()).unwrap();
    let mut batch = PacketBatch::default();
    assert!(source.next_batch(&mut batch).unwrap());
    assert_eq!(batch.len(), 1);
    writer.write_all(&file[24 + 20 + 10..]).unwrap();
    assert!(source.next_batch(&mut batch).unwrap());
    assert_eq!((batch.len(), batch.first_number), (1, 2));
    drop(writer);
    assert!(!source.next_batch(&mut batch).unwrap());
    assert_eq!(source.progress().total, None);
    assert_eq!(source.info()[0].warnings, []);
    // Beside a file.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    writer.write_all(&file).unwrap();
    drop(writer);
    let folder = folder(&[("a", &pcap_of(&[1, 3]))]);
    let beside = folder.path().join("a");
    let mut source = open(&[Path::new(&path), &beside], &OpenOptions::default()).unwrap();
    let (packets, _) = super::drain(&mut *source);
    assert_eq!(micros(&packets), [1, 1, 2, 3]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_more_than_once_from_a_copy() {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::super::{OpenOptions, Replay};

    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    writer.write_all(&pcap_of(&[1, 2, 3])).unwrap();
    drop(writer);
    let replay = Replay::new(&[&path], &OpenOptions::default()).unwrap();
    for _ in 0..2 {
        let (packets, info) = super::drain(&mut *replay.open().unwrap());
        assert_eq!(micros(&packets), [1, 2, 3]);
        assert_eq!(info[0].name, path);
    }
}

#[test]
fn a_file_that_grows_is_the_same_each_time() {
    use std::io::Write as _;

    use super::super::{OpenOptions, Replay};

    let folder = folder(&[("a.pcap", &pcap_of(&[1, 2])), ("b.pcap", &pcap_of(&[3]))]);
    let path = folder.path().join("a.pcap");
    for inputs in [vec![path.as_path()], vec![folder.path()]] {
        let replay = Replay::new(&inputs, &OpenOptions::default()).unwrap();
        let (before, _) = super::drain(&mut *replay.open().unwrap());
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        file.write_all(&pcap_of(&[4])[24..]).unwrap();
        let (after, info) = super::drain(&mut *replay.open().unwrap());
        assert_eq!(micros(&before), micros(&after));
        assert!(info[0].warnings.is_empty(), "{:?}", info[0].warnings);
        replay.check().unwrap();
        // Who begins anew has all of it.
        replay.renew();
        let (all, _) = super::drain(&mut *replay.open().unwrap());
        assert_eq!(all.len(), before.len() + 1);
    }
}

#[test]
fn a_file_that_was_cut_or_replaced_is_told() {
    use super::super::{OpenOptions, Replay};

    let change: [fn(&Path); 3] = [
        |path| std::fs::write(path, pcap_of(&[1])).unwrap(),
        |path| {
            let other = path.with_extension("new");
            std::fs::write(&other, pcap_of(&[7, 8, 9])).unwrap();
            std::fs::rename(&other, path).unwrap();
        },
        |path| std::fs::remove_file(path).unwrap(),
    ];
    for change in change {
        let folder = folder(&[("a.pcap", &pcap_of(&[1, 2]))]);
        let path = folder.path().join("a.pcap");
        let replay = Replay::new(&[&path], &OpenOptions::default()).unwrap();
        super::drain(&mut *replay.open().unwrap());
        change(&path);
        let Err(error) = replay.open() else {
            panic!("it was opened again");
        };
        assert!(
            error.to_string().contains("changed while it was read"),
            "{error}"
        );
        assert!(replay.check().is_err());
    }
}
