//! Real captures of many programs: packet counts as capinfos gives them, and what happens when
//! the files are cut.

use std::io::Cursor;
use std::path::PathBuf;

use netloom_capture::file::{self, OpenOptions};
use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, SourceError};

/// The folder of captures beside the workspace, and the list of them: path and packets.
fn captures() -> Option<(PathBuf, Vec<(String, Option<u64>)>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(list) = std::fs::read_to_string(folder.join("CAPTURES.tsv")) else {
        println!("skipped: there is no {}", folder.display());
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
