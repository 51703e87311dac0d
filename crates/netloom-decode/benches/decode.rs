//! Time a packet takes from its first byte to its payload, by kind, on generated packets.
//!
//! A block of packets with changing addresses and ports is decoded over and over, so that
//! neither the branch predictor nor the cache sees one packet only.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use netloom_decode::net::fragment::Reassembler;
use netloom_decode::service::service_by_port;
use netloom_decode::{DecodeOptions, checksum, decode, decode_ip};
use netloom_packet::{LinkType, PacketBatch, Timestamp};

const PACKETS: usize = 1024;

fn ipv4(protocol: u8, host: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((20 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0]);
    bytes.extend(host.to_be_bytes());
    bytes.extend([192, 0, 2, 1]);
    bytes.extend(payload);
    bytes
}

fn ipv6(next_header: u8, host: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend([next_header, 64]);
    bytes.extend([0x20; 14]);
    bytes.extend(host.to_be_bytes());
    bytes.extend([0x21; 16]);
    bytes.extend(payload);
    bytes
}

fn tcp(port: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(port.to_be_bytes());
    bytes.extend([1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1]);
    bytes.extend([(5 + options.len() as u8 / 4) << 4, 0x18, 1, 0, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.extend(payload);
    bytes
}

fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(src_port.to_be_bytes());
    bytes.extend(dst_port.to_be_bytes());
    bytes.extend((8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

fn ethernet(ip: &[u8]) -> Vec<u8> {
    let ethertype = if ip[0] >> 4 == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    };
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ethertype[..], ip].concat()
}

fn batch(make: impl Fn(u16) -> Vec<u8>) -> PacketBatch {
    let mut batch = PacketBatch::default();
    for index in 0..PACKETS as u16 {
        let bytes = make(index);
        let len = bytes.len() as u32;
        batch.push(Timestamp::from_nanos(0), LinkType::ETHERNET, 0, len, &bytes);
    }
    batch
}

fn whole_packets(criterion: &mut Criterion) {
    let timestamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    let syn = [
        2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
    ];
    let data = [0x17; 100];
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(PACKETS as u64));
    let mut run = |name: &str, batch: &PacketBatch| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for packet in batch.iter() {
                    black_box(decode(black_box(&packet), DecodeOptions::default()));
                }
            });
        });
    };
    run(
        "ipv4_tcp",
        &batch(|i| ethernet(&ipv4(6, i, &tcp(i | 0x8000, &[], &data)))),
    );
    run(
        "ipv4_tcp_timestamps",
        &batch(|i| ethernet(&ipv4(6, i, &tcp(i | 0x8000, &timestamps, &data)))),
    );
    run(
        "ipv4_tcp_syn",
        &batch(|i| ethernet(&ipv4(6, i, &tcp(i | 0x8000, &syn, &[])))),
    );
    run(
        "ipv4_udp",
        &batch(|i| ethernet(&ipv4(17, i, &udp(i | 0x8000, 53, &data)))),
    );
    run(
        "ipv6_tcp",
        &batch(|i| ethernet(&ipv6(6, i, &tcp(i | 0x8000, &timestamps, &data)))),
    );
    run(
        "vxlan_ipv4_tcp",
        &batch(|i| {
            let inner = ethernet(&ipv4(6, i, &tcp(i | 0x8000, &timestamps, &data)));
            let header = [8, 0, 0, 0, 0, 0, 7, 0];
            ethernet(&ipv4(
                17,
                1,
                &udp(i | 0x8000, 4789, &[&header[..], &inner].concat()),
            ))
        }),
    );
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let full = ipv4(6, 1, &tcp(1, &[], &[0x5a; 1460]));
    let decoded = decode_ip(&full, full.len() as u32, DecodeOptions::default());
    criterion.bench_function("checksum_1480_bytes", |bencher| {
        bencher.iter(|| checksum::verify_transport(black_box(&full), black_box(&decoded)));
    });
    criterion.bench_function("service_by_port", |bencher| {
        let mut port = 0_u16;
        bencher.iter(|| {
            port = port.wrapping_add(4099);
            service_by_port(6, black_box(port), black_box(443))
        });
    });
    let datagram = udp(53, 4000, &[7; 2952]);
    let mut first = ipv4(17, 1, &datagram[..1480]);
    first[6..8].copy_from_slice(&0x2000_u16.to_be_bytes());
    let mut last = ipv4(17, 1, &datagram[1480..]);
    last[6..8].copy_from_slice(&185_u16.to_be_bytes());
    let fragments = [first, last].map(|packet| {
        let ip = decode_ip(&packet, packet.len() as u32, DecodeOptions::default()).ip;
        (ip, packet)
    });
    criterion.bench_function("reassemble_two_fragments", |bencher| {
        let mut reassembler = Reassembler::default();
        bencher.iter(|| {
            for (ip, packet) in &fragments {
                if let Some(ip) = ip {
                    black_box(reassembler.ingest(Timestamp::from_nanos(0), 1, ip, packet));
                }
            }
        });
    });
}

criterion_group!(benches, whole_packets, parts);
criterion_main!(benches);
