//! Rows made, and rows formatted, a second.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use netloom_decode::{DecodeOptions, Decoded, decode};
use netloom_packet::{LinkType, Packet, Timestamp};
use netloom_tables::{
    BATCH_ROWS, Columns, PacketRow, Packets, PacketsBuilder, format_csv, format_json_lines,
};

/// TCP with data, Ethernet, addresses and times that change from packet to packet.
fn frames() -> Vec<Vec<u8>> {
    (0..BATCH_ROWS)
        .map(|index| {
            let [.., high, low] = (index as u32).to_be_bytes();
            let mut frame = vec![2, 0, 0, 0, high, low, 2, 0, 0, 0, 0, 1, 8, 0];
            frame.extend([0x45, 0, 0, 140, high, low, 0x40, 0, 64, 6, 0, 0]);
            frame.extend([10, 0, high, low, 192, 168, low, 200]);
            frame.extend([high | 0x80, low, 1, 0xbb, low, high, 9, 9, 1, 2, 3, 4]);
            frame.extend([0x50, 0x18, 0xfa, 0xf0, 0, 0, 0, 0]);
            frame.resize(154, b'x');
            frame
        })
        .collect()
}

fn benches(criterion: &mut Criterion) {
    let frames = frames();
    let packets: Vec<(Packet<'_>, Decoded)> = frames
        .iter()
        .enumerate()
        .map(|(index, data)| {
            let packet = Packet {
                number: index as u64 + 1,
                timestamp: Timestamp::from_secs_nanos(1_700_000_000, index as i64 * 1_234_567),
                link_type: LinkType::ETHERNET,
                interface: 0,
                wire_len: data.len() as u32,
                data,
            };
            (packet, decode(&packet, DecodeOptions::default()))
        })
        .collect();
    let fill = |builder: &mut PacketsBuilder| {
        for (packet, decoded) in &packets {
            builder.append(&PacketRow::new(packet, decoded));
        }
        builder.finish()
    };

    let mut group = criterion.benchmark_group("packets");
    group.throughput(Throughput::Elements(BATCH_ROWS as u64));
    let without_info: Vec<_> = Columns::<Packets>::all()
        .defs()
        .map(|def| def.name)
        .filter(|&name| name != "info")
        .collect();
    for (name, columns) in [
        ("all", Columns::all()),
        (
            "without info",
            Columns::named(without_info).unwrap_or_default(),
        ),
        (
            "src_ip,len",
            Columns::parse("src_ip,len").unwrap_or_default(),
        ),
    ] {
        let mut builder = PacketsBuilder::new(&columns);
        group.bench_function(format!("build {name}"), |bencher| {
            bencher.iter(|| black_box(fill(&mut builder)));
        });
        let batch = fill(&mut builder);
        let mut out = Vec::new();
        group.bench_function(format!("csv {name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                format_csv(black_box(&batch), &mut out);
            });
        });
        group.bench_function(format!("jsonl {name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                format_json_lines(black_box(&batch), &mut out);
            });
        });
    }
    group.finish();
}

criterion_group!(format, benches);
criterion_main!(format);
