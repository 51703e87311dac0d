//! Scripted conversations.

use std::net::{IpAddr, Ipv4Addr};

use netloom_decode::{Decoded, Icmp, Ip, Network, Tcp, TcpFlags, Transport};
use netloom_packet::Timestamp;

use super::*;
use crate::record::ConnState;

mod ends;
mod properties;

const SECOND: i64 = 1_000_000_000;
const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];

/// Two hosts that talk, and a table that listens.
struct Pair {
    table: FlowTable,
    closed: Vec<FlowRecord>,
    clock: i64,
    number: u64,
    client_port: u16,
    server_port: u16,
}

impl Pair {
    fn new(rules: FlowRules) -> Self {
        Self::with(&FlowConfig::new(rules))
    }

    fn with(config: &FlowConfig) -> Self {
        Self {
            table: FlowTable::new(config),
            closed: Vec::new(),
            clock: SECOND,
            number: 0,
            client_port: 40_000,
            server_port: 9_999,
        }
    }

    fn wait(&mut self, nanos: i64) -> &mut Self {
        self.clock += nanos;
        self
    }

    fn packet(
        &mut self,
        from_client: bool,
        transport: Transport,
        protocol: u8,
        len: u32,
    ) -> Ingested {
        let (src, dst, src_port, dst_port) = if from_client {
            (CLIENT, SERVER, self.client_port, self.server_port)
        } else {
            (SERVER, CLIENT, self.server_port, self.client_port)
        };
        let decoded = Decoded {
            network: Network::Ipv4,
            ip: Some(Ip {
                src: IpAddr::V4(Ipv4Addr::from(src)),
                dst: IpAddr::V4(Ipv4Addr::from(dst)),
                offset: 14,
                header_len: 20,
                total_len: 40 + len,
                ttl: 64,
                tos: 0,
                protocol,
                fragment: None,
            }),
            transport,
            src_port,
            dst_port,
            payload_len: len,
            payload_wire_len: len,
            ..Decoded::default()
        };
        self.decoded(&decoded)
    }

    fn decoded(&mut self, decoded: &Decoded) -> Ingested {
        self.number += 1;
        self.clock += 1_000;
        let wire_len = 14 + decoded.ip.map_or(0, |ip| ip.total_len);
        let packet = FlowPacket {
            number: self.number,
            timestamp: Timestamp::from_nanos(self.clock),
            wire_len,
            caplen: wire_len,
            data: &[],
            decoded,
            later_fragment: decoded
                .ip
                .and_then(|ip| ip.fragment)
                .is_some_and(|fragment| fragment.offset > 0),
            outer: false,
            payload_only: false,
        };
        self.table
            .ingest(&packet, &mut self.closed)
            .unwrap_or_default()
    }

    /// `"S"`, `"SA"`, `"A"`, `"FA"`, `"R"`… from the client (`>`) or the server (`<`), with
    /// sequence number, acknowledgment number and payload length.
    fn tcp(&mut self, from_client: bool, flags: &str, seq: u32, ack: u32, len: u32) -> Ingested {
        let bits = flags.bytes().fold(0, |bits, flag| {
            bits | match flag {
                b'S' => TcpFlags::SYN.0,
                b'A' => TcpFlags::ACK.0,
                b'F' => TcpFlags::FIN.0,
                b'R' => TcpFlags::RST.0,
                _ => 0,
            }
        });
        let window = if flags.contains('0') { 0 } else { 1000 };
        let tcp = Tcp {
            seq,
            ack,
            window,
            flags: TcpFlags(bits),
            header_len: 20,
            ..Tcp::default()
        };
        self.packet(from_client, Transport::Tcp(tcp), 6, len)
    }

    fn udp(&mut self, from_client: bool, len: u32) -> Ingested {
        self.packet(from_client, Transport::Udp, 17, len)
    }

    fn icmp(&mut self, from_client: bool, icmp_type: u8, code: u8) -> Ingested {
        self.packet(
            from_client,
            Transport::Icmpv4(Icmp {
                icmp_type,
                code,
                id: 1,
                seq: 1,
            }),
            1,
            8,
        )
    }

    fn handshake(&mut self) -> &mut Self {
        self.tcp(true, "S", 100, 0, 0);
        self.wait(10_000_000).tcp(false, "SA", 500, 101, 0);
        self.wait(5_000_000).tcp(true, "A", 101, 501, 0);
        self
    }

    fn finish(mut self) -> Vec<FlowRecord> {
        let number = self.number;
        self.table.finish(number, &mut self.closed);
        assert_eq!(self.table.stats().live, 0);
        assert_eq!(self.table.heap, 0);
        self.closed
    }

    fn only(self) -> FlowRecord {
        let mut records = self.finish();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }
}

fn described(record: &FlowRecord) -> (ConnState, &str) {
    (record.conn_state, record.history.as_str())
}

/// Each `conn_state`, with the history that goes with it.
#[test]
fn conn_states() {
    type Script = fn(&mut Pair);
    let scripts: [(Script, ConnState, &str); 18] = [
        (
            |p| {
                p.tcp(true, "S", 100, 0, 0);
            },
            ConnState::S0,
            "S",
        ),
        (
            |p| {
                p.handshake();
            },
            ConnState::S1,
            "ShA",
        ),
        (
            |p| {
                p.handshake().tcp(true, "FA", 101, 501, 0);
            },
            ConnState::S2,
            "ShAF",
        ),
        (
            |p| {
                p.handshake().tcp(false, "FA", 501, 101, 0);
            },
            ConnState::S3,
            "ShAf",
        ),
        (
            |p| {
                p.handshake().tcp(true, "A", 101, 501, 20);
                p.tcp(false, "A", 501, 121, 30);
                p.tcp(true, "FA", 121, 531, 0);
                p.tcp(false, "FA", 531, 122, 0);
                p.tcp(true, "A", 122, 532, 0);
            },
            ConnState::SF,
            "ShADdFf",
        ),
        (
            |p| {
                p.tcp(true, "S", 100, 0, 0);
                p.tcp(false, "RA", 0, 101, 0);
            },
            ConnState::Rej,
            "Sr",
        ),
        (
            |p| {
                p.handshake().tcp(true, "R", 101, 0, 0);
            },
            ConnState::Rsto,
            "ShAR",
        ),
        (
            |p| {
                p.handshake().tcp(true, "A", 101, 501, 20);
                p.tcp(false, "R", 501, 0, 0);
            },
            ConnState::Rstr,
            "ShADr",
        ),
        (
            |p| {
                p.tcp(true, "S", 100, 0, 0);
                p.tcp(true, "R", 101, 0, 0);
            },
            ConnState::Rstos0,
            "SR",
        ),
        (
            |p| {
                p.tcp(false, "SA", 500, 101, 0);
                p.tcp(true, "R", 101, 0, 0);
            },
            ConnState::Rej,
            "Hr",
        ),
        (
            |p| {
                p.tcp(true, "S", 100, 0, 0);
                p.tcp(true, "F", 101, 0, 0);
            },
            ConnState::Sh,
            "SF",
        ),
        (
            |p| {
                p.tcp(true, "A", 100, 0, 5);
                p.tcp(false, "FA", 500, 105, 0);
            },
            ConnState::Shr,
            "Df",
        ),
        (
            |p| {
                p.tcp(true, "A", 100, 0, 5);
                p.tcp(false, "A", 500, 105, 5);
            },
            ConnState::Oth,
            "Dd",
        ),
        (
            |p| {
                p.tcp(true, "R", 100, 0, 0);
            },
            ConnState::Oth,
            "R",
        ),
        (
            |p| {
                p.tcp(true, "A", 100, 900, 5);
                p.tcp(false, "R", 500, 0, 0);
            },
            ConnState::Rstrh,
            "Dr",
        ),
        (
            |p| {
                p.tcp(true, "SF", 100, 0, 0);
            },
            ConnState::Sh,
            "Q",
        ),
        (
            |p| {
                p.tcp(true, "FR", 100, 0, 0);
            },
            ConnState::Oth,
            "I",
        ),
        // The handshake's SYN was missed: the sender of the SYN-ACK is the responder.
        (
            |p| {
                p.tcp(false, "SA", 500, 101, 0);
                p.tcp(true, "A", 101, 501, 0);
                p.tcp(true, "A", 101, 501, 7);
            },
            ConnState::Oth,
            "^hAD",
        ),
    ];
    for (script, state, history) in scripts {
        for rules in [FlowRules::Native, FlowRules::Zeek] {
            let mut pair = Pair::new(rules);
            script(&mut pair);
            assert_eq!(described(&pair.only()), (state, history), "{rules:?}");
        }
    }
}

#[test]
fn a_whole_connection() {
    let mut pair = Pair::new(FlowRules::Native);
    pair.handshake();
    pair.wait(SECOND).tcp(true, "A", 101, 501, 20);
    pair.wait(40_000_000).tcp(false, "A", 501, 121, 100);
    pair.tcp(false, "A", 501, 121, 100);
    pair.tcp(true, "A0", 121, 601, 0);
    pair.tcp(true, "FA", 121, 601, 0);
    pair.tcp(false, "FA", 601, 122, 0);
    let record = pair.only();
    assert_eq!(described(&record), (ConnState::SF, "ShADdtWFf"));
    assert_eq!(
        (record.src_ip, record.src_port),
        (IpAddr::from(CLIENT), Some(40_000))
    );
    assert_eq!(record.tcp_rtt, Some(15_002_000));
    assert_eq!(record.server_delay, Some(40_001_000));
    assert_eq!((record.fwd.packets, record.bwd.packets), (5, 4));
    assert_eq!(
        (record.fwd.payload_bytes, record.bwd.payload_bytes),
        (20, 200)
    );
    assert_eq!(
        (record.fwd.stream_bytes, record.bwd.stream_bytes),
        (Some(20), Some(100))
    );
    assert_eq!((record.bwd.retransmissions, record.zero_windows), (1, 1));
    assert_eq!(record.bwd.data_retransmissions, 1);
    assert_eq!((record.missed_bytes, record.out_of_order), (0, 0));
    assert_eq!(record.fwd.ip_bytes, 5 * 40 + 20);
    assert_eq!(record.fwd.bytes, 5 * 54 + 20);
}

#[test]
fn loss_and_reordering() {
    let mut pair = Pair::new(FlowRules::Native);
    pair.handshake();
    pair.tcp(true, "A", 101, 501, 10);
    pair.tcp(true, "A", 121, 501, 10);
    pair.tcp(true, "A", 111, 501, 10);
    // 131..141 is missing, though acknowledged.
    pair.tcp(true, "A", 141, 501, 10);
    pair.tcp(false, "A", 501, 151, 0);
    // A keep-alive is no retransmission.
    pair.tcp(true, "A", 150, 501, 0);
    let record = pair.only();
    assert_eq!(record.out_of_order, 1);
    assert_eq!(record.fwd.retransmissions, 0);
    assert_eq!(record.missed_bytes, 10);
    assert_eq!(record.history, "ShADTaG");
    assert_eq!(record.fwd.stream_bytes, Some(50));
}

#[test]
fn likely_servers_are_responders() {
    for rules in [FlowRules::Native, FlowRules::Zeek] {
        let mut pair = Pair::new(rules);
        pair.server_port = 53;
        pair.udp(false, 30);
        pair.udp(true, 20);
        let record = pair.only();
        assert_eq!(record.dst_port, Some(53));
        assert_eq!(described(&record), (ConnState::SF, "^dD"));
        assert_eq!(
            (record.fwd.payload_bytes, record.bwd.payload_bytes),
            (20, 30)
        );

        let mut pair = Pair::new(rules);
        pair.server_port = 80;
        pair.tcp(false, "A", 500, 101, 30);
        let record = pair.only();
        assert_eq!(record.dst_port, Some(80));
        assert_eq!(described(&record), (ConnState::Oth, "^d"));
    }
    let mut pair = Pair::new(FlowRules::Ndpi);
    pair.server_port = 53;
    pair.udp(false, 30);
    let record = pair.only();
    assert_eq!(record.src_port, Some(53));
}

#[test]
fn pings_pair() {
    let mut pair = Pair::new(FlowRules::Native);
    pair.icmp(true, 8, 0);
    pair.icmp(false, 0, 0);
    pair.icmp(false, 3, 1);
    let records = pair.finish();
    assert_eq!(records.len(), 2);
    let ping = records
        .iter()
        .find(|record| record.icmp_type == Some(8))
        .unwrap();
    assert_eq!((ping.fwd.packets, ping.bwd.packets), (1, 1));
    assert_eq!((ping.src_port, ping.icmp_code), (None, Some(0)));

    let mut pair = Pair::new(FlowRules::Zeek);
    pair.icmp(false, 3, 1);
    let record = pair.only();
    assert_eq!((record.src_port, record.dst_port), (Some(3), Some(1)));

    let mut pair = Pair::new(FlowRules::Ndpi);
    pair.icmp(true, 8, 0);
    pair.icmp(false, 3, 1);
    let record = pair.only();
    assert_eq!((record.src_port, record.bwd.packets), (Some(0), 1));
}

#[test]
fn fragments() {
    let fragment = |offset, more| {
        let mut decoded = Decoded {
            transport: Transport::Udp,
            src_port: 40_000,
            dst_port: 9_999,
            payload_wire_len: 1472,
            ..Decoded::default()
        };
        decoded.ip = Some(Ip {
            src: IpAddr::from(CLIENT),
            dst: IpAddr::from(SERVER),
            offset: 14,
            header_len: 20,
            total_len: 1500,
            ttl: 64,
            tos: 0,
            protocol: 17,
            fragment: Some(netloom_decode::Fragment {
                id: 7,
                offset,
                more,
                len: 1480,
                data_offset: 34,
            }),
        });
        decoded
    };
    for (rules, packets, fragments) in [
        (FlowRules::Native, 2, 1),
        (FlowRules::Nfstream, 1, 1),
        (FlowRules::Ndpi, 1, 1),
        (FlowRules::Zeek, 0, 2),
    ] {
        let mut pair = Pair::new(rules);
        pair.decoded(&fragment(0, true));
        pair.decoded(&fragment(1480, false));
        let record = pair.only();
        assert_eq!(
            (record.fwd.packets, record.fwd.fragments),
            (packets, fragments),
            "{rules:?}"
        );
        if rules == FlowRules::Native {
            assert_eq!(record.fwd.payload_bytes, 1472 + 1480);
        }
    }
}

/// The hashes of a table's map are random; how much memory it counts for the map is not.
#[test]
fn which_flows_are_evicted_is_no_matter_of_chance() {
    let run = || {
        let mut config = FlowConfig::new(FlowRules::Native);
        config.max_memory = 300_000;
        let mut pair = Pair::with(&config);
        for round in 0..4 {
            for port in 0..2_000 {
                // Some come again before they are evicted, most after.
                pair.client_port = if port % 7 == 0 { round } else { port };
                pair.udp(true, 1);
            }
        }
        let stats = pair.table.stats();
        (stats.evicted, stats.live, stats.memory)
    };
    let first = run();
    assert!(first.0 > 1_000, "{first:?}");
    for _ in 0..8 {
        assert_eq!(run(), first);
    }
}

#[test]
fn eviction_takes_the_least_recently_seen() {
    let mut config = FlowConfig::new(FlowRules::Native);
    config.max_memory = 300_000;
    let mut pair = Pair::with(&config);
    for port in 0..5_000 {
        pair.client_port = port;
        pair.udp(true, 1);
        pair.client_port = 0;
        pair.udp(true, 1);
        assert!(pair.table.stats().memory <= config.max_memory);
    }
    let stats = pair.table.stats();
    assert!(stats.evicted > 3_000 && stats.live > 500, "{stats:?}");
    assert_eq!(stats.created, 5_000);
    let records = pair.finish();
    assert_eq!(records.iter().map(FlowRecord::packets).sum::<u64>(), 10_000);
    assert_eq!(records[0].end_reason, EndReason::Evicted);
    assert_eq!(records[0].src_port, Some(1));
    // The one that is seen all the time stays.
    assert_eq!(records.last().unwrap().src_port, Some(0));
}

#[test]
fn memory_of_live_flows_is_given_back() {
    let mut pair = Pair::new(FlowRules::Native);
    for port in 0..20_000 {
        pair.client_port = port;
        pair.tcp(true, "S", 1, 0, 0);
    }
    let memory = pair.table.stats().memory;
    assert!(memory / 20_000 <= 620, "{} bytes a flow", memory / 20_000);
    let clock = Timestamp::from_nanos(pair.clock + 200 * SECOND);
    pair.table.advance(clock, 1, &mut pair.closed);
    assert!(pair.table.stats().memory < memory / 50);
    assert_eq!(pair.finish().len(), 20_000);
}
