//! The flow table: nanoseconds a packet, for few busy flows and for a flood of new ones.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use netloom_decode::{Decoded, Ip, Network, Tcp, TcpFlags, Transport};
use netloom_flow::{FlowConfig, FlowPacket, FlowRules, FlowTable};
use netloom_packet::Timestamp;

/// Packets of a round.
const PACKETS: u32 = 100_000;

/// A segment of one of `flows` connections.
fn segment(number: u32, flows: u32) -> Decoded {
    let flow = number % flows;
    let round = number / flows;
    let forward = round.is_multiple_of(2);
    let client = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + flow));
    let server = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let (src, dst, src_port, dst_port) = if forward {
        (client, server, 40_000, 443)
    } else {
        (server, client, 443, 40_000)
    };
    let flags = match round {
        0 => TcpFlags::SYN.0,
        1 => TcpFlags::SYN.0 | TcpFlags::ACK.0,
        _ => TcpFlags::ACK.0,
    };
    let tcp = Tcp {
        seq: round / 2 * 1000,
        ack: round / 2 * 1000 + 1,
        window: 1000,
        flags: TcpFlags(flags),
        header_len: 20,
        ..Tcp::default()
    };
    Decoded {
        network: Network::Ipv4,
        ip: Some(Ip {
            src,
            dst,
            offset: 14,
            header_len: 20,
            total_len: 1040,
            ttl: 64,
            tos: 0,
            protocol: 6,
            fragment: None,
        }),
        transport: Transport::Tcp(tcp),
        src_port,
        dst_port,
        payload_len: 1000,
        payload_wire_len: 1000,
        ..Decoded::default()
    }
}

fn ingest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flow_table");
    group.throughput(Throughput::Elements(u64::from(PACKETS)));
    for (name, flows) in [
        ("10_flows", 10),
        ("10k_flows", 10_000),
        ("all_new", PACKETS),
    ] {
        let packets: Vec<Decoded> = (0..PACKETS).map(|number| segment(number, flows)).collect();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut table = FlowTable::new(&FlowConfig::new(FlowRules::Native));
                let mut closed = Vec::new();
                for (number, decoded) in packets.iter().enumerate() {
                    let packet = FlowPacket {
                        number: number as u64 + 1,
                        timestamp: Timestamp::from_nanos(number as i64 * 1_000),
                        wire_len: 1054,
                        caplen: 1054,
                        data: &[],
                        decoded,
                        later_fragment: false,
                        payload_only: false,
                        outer: false,
                    };
                    black_box(table.ingest(&packet, &mut closed));
                }
                table.finish(u64::from(PACKETS), &mut closed);
                closed.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
