//! Real captures of many programs: packet counts as capinfos gives them, and what happens when
//! the files are cut.

use std::io::Cursor;
use std::path::PathBuf;

use netloom_capture::file::{self, OpenOptions};
use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, SourceError, WarningKind};

/// A capture's path, and its packets where capinfos can count them.
type Listed = (String, Option<u64>);

/// The folder of captures beside the workspace, and the list of them.
fn captures() -> Option<(PathBuf, Vec<Listed>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(list) = std::fs::read_to_string(folder.join("CAPTURES.tsv")) else {
        skip(&folder.display());
        return None;
    };
    let captures = list
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let path = fields.next()?.to_owned();
            let packets = fields.nth(1)?.parse().ok();
            Some((path, packets))
        })
        .collect();
    Some((folder, captures))
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn skip(missing: &dyn std::fmt::Display) {
    println!("skipped: there is no {missing}");
}

/// Reads a source to its end; every packet must lie in its block.
fn drain(source: &mut dyn PacketSource) -> Result<(u64, Vec<CaptureInfo>), SourceError> {
    let mut batch = PacketBatch::default();
    let mut packets = 0;
    while source.next_batch(&mut batch)? {
        assert_eq!(batch.first_number, packets + 1);
        assert_eq!(batch.iter().count(), batch.len());
        packets += batch.len() as u64;
    }
    Ok((packets, source.info()))
}

#[test]
fn packet_counts_are_those_of_capinfos() {
    let Some((folder, captures)) = captures() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (path, expected) in &captures {
        let mut source = file::open(&[folder.join(path)], &OpenOptions::default())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let (packets, info) = drain(&mut *source).unwrap();
        assert_eq!(info[0].packets, packets, "{path}");
        let progress = source.progress();
        if info[0].warnings.is_empty() {
            assert_eq!(Some(progress.done), progress.total, "{path}");
        }
        if let Some(expected) = expected {
            compared += 1;
            if *expected != packets {
                wrong.push(format!(
                    "{path}: {packets}, capinfos {expected}; {:?}",
                    info[0].warnings
                ));
            }
        }
    }
    println!("{compared} of {} captures compared", captures.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cut_anywhere_a_capture_gives_a_prefix() {
    let Some((folder, captures)) = captures() else {
        return;
    };
    // A fixed sequence (Marsaglia's xorshift64), so that a failure can be repeated.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    for (path, _) in &captures {
        let bytes = std::fs::read(folder.join(path)).unwrap();
        if bytes.len() > 1 << 20 {
            continue;
        }
        let read = |bytes: Vec<u8>| {
            let options = OpenOptions { block_size: 4096 };
            let mut source = file::open_reader("cut", Cursor::new(bytes), &options).unwrap();
            drain(&mut *source).unwrap()
        };
        let (whole, _) = read(bytes.clone());
        for _ in 0..8 {
            let length = 1 + below(bytes.len() - 1);
            let (packets, _) = read(bytes[..length].to_vec());
            assert!(packets <= whole, "{path} cut at {length}");
        }
        // Flipped bytes make other packets, but never an error or a panic.
        for _ in 0..4 {
            let mut bytes = bytes.clone();
            for _ in 0..4 {
                let position = 4 + below(bytes.len() - 4);
                bytes[position] ^= 1 << below(8);
            }
            read(bytes);
        }
    }
}

/// The conformance set: file, packets, interfaces, comments, names. The packets are those of
/// capinfos; the rest is what tshark shows of the blocks.
const CONFORMANCE: [(&str, u64, usize, usize, usize); 21] = [
    ("basic/test001", 4, 1, 1, 0),
    ("basic/test002", 0, 0, 1, 0),
    ("basic/test003", 0, 1, 1, 0),
    ("basic/test004", 4, 2, 1, 0),
    ("basic/test005", 4, 2, 1, 0),
    ("basic/test006", 5, 2, 1, 0),
    ("basic/test007", 1, 1, 1, 0),
    ("basic/test008", 4, 2, 3, 0),
    ("basic/test009", 2, 1, 3, 0),
    ("basic/test010", 4, 1, 1, 0),
    ("basic/test011", 4, 1, 1, 0),
    ("basic/test012", 4, 1, 1, 0),
    ("basic/test013", 0, 1, 1, 0),
    ("basic/test014", 0, 3, 2, 0),
    ("basic/test015", 0, 1, 2, 3),
    ("basic/test016", 4, 1, 1, 10),
    ("basic/test017", 0, 0, 1, 0),
    ("basic/test018", 4, 1, 1, 0),
    ("advanced/test100", 5, 3, 1, 14),
    ("advanced/test101", 4, 3, 3, 0),
    ("advanced/test102", 5, 3, 3, 11),
];

#[test]
fn the_pcapng_conformance_set() {
    let Some((folder, _)) = captures() else {
        return;
    };
    let folder = folder.join("pcapng-test-generator");
    for (name, packets, interfaces, comments, names) in CONFORMANCE {
        let mut found = Vec::new();
        for order in ["output_le", "output_be"] {
            let path = folder.join(order).join(name).with_extension("pcapng");
            // The advanced ones exist in one byte order.
            if !path.exists() {
                continue;
            }
            let mut source = file::open(&[&path], &OpenOptions::default()).unwrap();
            let (read, mut info) = drain(&mut *source).unwrap();
            let mut info = info.remove(0);
            assert_eq!(read, packets, "{name}");
            assert_eq!(info.interfaces.len(), interfaces, "{name}");
            assert_eq!(info.comments.len(), comments, "{name}");
            assert_eq!(info.names.len(), names, "{name}");
            // Some have simple packets.
            let warnings = info.warnings.iter();
            let others = warnings.filter(|warning| warning.kind != WarningKind::Untimed);
            assert_eq!(others.count(), 0, "{name}: {:?}", info.warnings);
            assert_eq!(info.application.as_deref(), Some("pcap_writer.lua"));
            info.name.clear();
            found.push(info);
        }
        assert!(!found.is_empty(), "{name}");
        assert_eq!(found.first(), found.last(), "{name} in both byte orders");
    }
}
