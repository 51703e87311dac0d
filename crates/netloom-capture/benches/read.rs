//! How fast captures are read: the packets are found, nobody looks at them.
//!
//! Without anything set, a capture of 64 MiB is made up. With `NETLOOM_BENCH_CAPTURE`, that
//! file is read as well.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput};
use netloom_capture::file::{self, OpenOptions};
use netloom_packet::PacketBatch;

/// Bytes of the made-up capture, about.
const SIZE: usize = 64 << 20;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, path) in made_up(folder.path()).expect("the disk takes the captures") {
        bench(&mut criterion, name, &path);
    }
    if let Some(path) = std::env::var_os("NETLOOM_BENCH_CAPTURE") {
        bench(&mut criterion, "given", Path::new(&path));
    }
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, name: &str, path: &Path) {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut group = criterion.benchmark_group("read");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes));
    for block_size in [128 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20] {
        group.bench_function(format!("{name}/{}k", block_size >> 10), |bencher| {
            let mut batch = PacketBatch::default();
            bencher.iter(|| {
                let options = OpenOptions { block_size };
                let mut source = file::open(&[path], &options).expect("it is a capture");
                let mut packets = 0;
                while source.next_batch(&mut batch).expect("it can be read") {
                    packets += batch.len();
                }
                packets
            });
        });
    }
    group.finish();
}

/// A pcap file, the same compressed, and a pcapng file of the same packets.
fn made_up(folder: &Path) -> std::io::Result<Vec<(&'static str, PathBuf)>> {
    let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    pcap.extend([0, 0, 4, 0, 1, 0, 0, 0]);
    let mut pcapng = Vec::new();
    for value in [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28] {
        pcapng.extend(value.to_le_bytes());
    }
    for value in [1_u32, 20, 1, 262_144, 20] {
        pcapng.extend(value.to_le_bytes());
    }
    let mut number = 0_u32;
    while pcap.len() < SIZE {
        // Small and large packets, as on a real link.
        let length = [60, 66, 1_514, 590, 1_514][number as usize % 5];
        let data: Vec<u8> = (0..length).map(|at| (at * 7 + number) as u8).collect();
        for value in [
            1_700_000_000 + number / 1_000,
            number % 1_000,
            length,
            length,
        ] {
            pcap.extend(value.to_le_bytes());
        }
        pcap.extend(&data);
        let padding = data.len().next_multiple_of(4) - data.len();
        let total = 32 + (data.len() + padding) as u32;
        for value in [6, total, 0, 0x0006_0a24, number, length, length] {
            pcapng.extend(value.to_le_bytes());
        }
        pcapng.extend(&data);
        pcapng.extend(&[0; 3][..padding]);
        pcapng.extend(total.to_le_bytes());
        number += 1;
    }
    let mut files = Vec::new();
    let mut write = |name: &'static str, bytes: &[u8]| {
        let path = folder.join(name);
        let written = BufWriter::new(File::create(&path)?).write_all(bytes);
        files.push((name, path));
        written
    };
    write("pcap", &pcap)?;
    write("pcapng", &pcapng)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&pcap)?;
    write("pcap+gzip", &gzip.finish()?)?;
    write("pcap+zstd", &zstd::encode_all(pcap.as_slice(), 3)?)?;
    Ok(files)
}
