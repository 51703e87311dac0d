//! Reports made up for tests: a full one, an empty one, one of a single packet, a huge one and
//! a hostile one.

mod edges;
mod hostile;
mod named;

use super::model::*;
pub(crate) use edges::{empty, huge, one_packet};
pub(crate) use hostile::{each_text, hostile};

/// An office network with a bit of everything, two minutes long.
pub(crate) fn full() -> Report {
    let timeline = timeline(60, 2.0);
    let bytes: u64 = timeline.bytes.iter().sum();
    let packets: u64 = timeline.packets.iter().sum();
    let part = |per_mille: u64| (packets * per_mille / 1000, bytes * per_mille / 1000);
    let mut report = Report {
        schema_version: 1,
        netloom_version: "0.1.0".into(),
        flow_rules: "native".into(),
        packets,
        bytes,
        captured_bytes: bytes - 12_345,
        flows: 1_284,
        first_ts: Some("2026-03-02T09:14:00.000123456Z".into()),
        last_ts: Some("2026-03-02T09:15:59.871002003Z".into()),
        duration: 119.870_878_547,
        packets_per_second: Some(packets as f64 / 119.87),
        bits_per_second: Some(bytes as f64 * 8.0 / 119.87),
        mean_packet_len: Some(bytes as f64 / packets as f64),
        capture: vec![Capture {
            name: "office.pcapng.zst".into(),
            format: "pcapng+zstd".into(),
            packets,
            bytes,
            dropped_kernel: Some(37),
            dropped_interface: None,
            truncated: 12,
            out_of_order: 3,
            first_ts: Some("2026-03-02T09:14:00.000123456Z".into()),
            last_ts: Some("2026-03-02T09:15:59.871002003Z".into()),
            interfaces: vec![CaptureInterface {
                name: Some("eth0".into()),
                link_type: "ETHERNET".into(),
                snap_len: 262_144,
                packets,
            }],
            application: Some("Dumpcap (Wireshark) 4.4.6".into()),
            os: Some("Linux 6.12.9-amd64".into()),
            hardware: None,
            comments: vec!["mirror port of the core switch".into()],
            warnings: vec!["the last packet is cut off at byte 48211034; read up to there".into()],
        }],
        quality: Quality {
            truncated: 12,
            dropped: Some(37),
            duplicates: 4,
            out_of_order: 3,
            oversized: 210,
            decode_stopped: 29,
            one_way_tcp_share: Some(0.042),
            missed_bytes: 18_220,
        },
        approximate: false,
        ..Report::default()
    };
    report.timeline = timeline;
    report.protocols = [
        ("ethernet", 0, 1000),
        ("ethernet:ipv4", 1, 912),
        ("ethernet:ipv4:tcp", 2, 744),
        ("ethernet:ipv4:tcp:tls", 3, 602),
        ("ethernet:ipv4:tcp:http", 3, 71),
        ("ethernet:ipv4:tcp:ssh", 3, 32),
        ("ethernet:ipv4:tcp:ftp", 3, 9),
        ("ethernet:ipv4:udp", 2, 160),
        ("ethernet:ipv4:udp:quic", 3, 121),
        ("ethernet:ipv4:udp:dns", 3, 22),
        ("ethernet:ipv4:icmp", 2, 6),
        ("ethernet:ipv6", 1, 79),
        ("ethernet:ipv6:tcp", 2, 61),
        ("ethernet:ipv6:tcp:tls", 3, 58),
        ("ethernet:ipv6:icmp6", 2, 4),
        ("ethernet:arp", 1, 8),
        ("ethernet:lldp", 1, 1),
    ]
    .iter()
    .map(|&(path, depth, per_mille)| {
        let (packets, bytes) = part(per_mille);
        let name = path.rsplit(':').next().unwrap_or_default().to_owned();
        Protocol {
            name,
            path: path.into(),
            depth,
            packets,
            bytes,
        }
    })
    .collect();
    report.services = [
        ("tls", "tcp", Some(443), 640, 660),
        ("quic", "udp", Some(443), 88, 121),
        ("http", "tcp", Some(80), 57, 71),
        ("ssh", "tcp", Some(22), 4, 32),
        ("dns", "udp", Some(53), 402, 22),
        ("ftp", "tcp", Some(21), 3, 9),
        ("telnet", "tcp", Some(23), 1, 2),
        ("icmp", "icmp", None, 12, 6),
    ]
    .iter()
    .map(|&(name, transport, port, flows, per_mille)| {
        let (packets, bytes) = part(per_mille);
        Service {
            name: name.into(),
            transport: transport.into(),
            port,
            source: "port".into(),
            flows,
            packets,
            bytes,
        }
    })
    .collect();
    let hosts = [
        ("192.168.1.42", Some("anna-laptop"), 401, 6),
        ("151.101.1.69", Some("cdn.example.net"), 290, 96),
        ("192.168.1.17", None, 222, 11),
        ("2001:db8:1234:5678:9abc:def0:1234:5678", None, 179, 22),
        ("142.250.74.46", None, 144, 90),
        ("192.168.1.1", Some("router"), 101, 52),
        ("192.168.1.20", Some("nas.home.arpa"), 80, 71),
        ("10.0.0.5", None, 51, 49),
        ("fe80::1c2d:3eff:fe4f:5a6b", None, 9, 60),
        ("224.0.0.251", None, 3, 0),
    ];
    report.top_addresses = hosts
        .iter()
        .map(|&(address, name, per_mille, sent_percent)| {
            let (packets, bytes) = part(per_mille);
            Address {
                address: address.into(),
                name: name.map(Into::into),
                is_local: !address.starts_with('1')
                    || address.starts_with("192")
                    || address.starts_with("10."),
                packets,
                bytes,
                packets_sent: packets * (sent_percent + 20) / 130,
                packets_received: packets - packets * (sent_percent + 20) / 130,
                bytes_sent: bytes * sent_percent / 100,
                bytes_received: bytes - bytes * sent_percent / 100,
                bytes_received_as_responder: (bytes - bytes * sent_percent / 100) / 2,
                flows: per_mille * 3 / 2 + 1,
            }
        })
        .collect();
    report.top_addresses_by_packets = report.top_addresses.clone();
    report.top_addresses_by_packets.swap(1, 2);
    report.top_addresses_by_packets.swap(4, 5);
    report
        .top_addresses_by_packets
        .sort_by_key(|a| std::cmp::Reverse(a.packets));
    report.top_destinations = report
        .top_addresses
        .iter()
        .filter(|a| !a.is_local)
        .cloned()
        .collect();
    report.top_conversations = [
        ("192.168.1.42", "151.101.1.69", 280, 5, &["tls"][..]),
        (
            "192.168.1.17",
            "142.250.74.46",
            139,
            9,
            &["quic", "tls"][..],
        ),
        (
            "2001:db8:1234:5678:9abc:def0:1234:5678",
            "2606:4700:4700::1111",
            122,
            11,
            &["tls", "dns"][..],
        ),
        (
            "192.168.1.42",
            "192.168.1.20",
            77,
            30,
            &["http", "ftp", "telnet", "ssh"][..],
        ),
        ("10.0.0.5", "192.168.1.20", 31, 70, &[][..]),
        ("192.168.1.42", "192.168.1.1", 18, 40, &["dns", "ntp"][..]),
    ]
    .iter()
    .map(|&(a, b, per_mille, percent, services)| {
        let (packets, bytes) = part(per_mille);
        Conversation {
            a: a.into(),
            b: b.into(),
            packets,
            bytes,
            packets_a_to_b: packets * (percent + 20) / 130,
            bytes_a_to_b: bytes * percent / 100,
            packets_b_to_a: packets - packets * (percent + 20) / 130,
            bytes_b_to_a: bytes - bytes * percent / 100,
            flows: per_mille / 2,
            services: services.iter().map(|&s| s.into()).collect(),
            duration: 119.8 / per_mille as f64 * 20.0,
        }
    })
    .collect();
    report.unique = Unique {
        src_macs: 14,
        dst_macs: 21,
        src_ips: 118,
        dst_ips: 131,
        approximate: false,
        top_macs: [
            ("3c:22:fb:10:9a:01", 400),
            ("f4:92:bf:77:00:12", 380),
            ("00:11:32:aa:bb:cc", 90),
        ]
        .iter()
        .map(|&(mac, per_mille)| {
            let (packets, bytes) = part(per_mille);
            Mac {
                mac: mac.into(),
                packets_sent: packets,
                packets_received: packets / 2,
                bytes_sent: bytes,
                bytes_received: bytes / 3,
            }
        })
        .collect(),
    };
    report.packet_sizes = [
        (0, Some(63), 4),
        (64, Some(64), 121),
        (65, Some(127), 242),
        (128, Some(255), 71),
        (256, Some(511), 40),
        (512, Some(1023), 58),
        (1024, Some(1518), 455),
        (1519, Some(9018), 9),
        (9019, None, 0),
    ]
    .iter()
    .map(|&(min, max, per_mille)| SizeBucket {
        min,
        max,
        packets: packets * per_mille / 1000,
        bytes: packets * per_mille / 1000 * u64::from(min + max.unwrap_or(min)) / 2,
    })
    .collect();
    report.risky = vec![
        Risky {
            protocol: "telnet".into(),
            label: "Telnet".into(),
            severity: "high".into(),
            why: "Everything, the password included, crosses the network as plain text.".into(),
            instead:
                "Use SSH; if the device has none, reach it over a VPN or a management network."
                    .into(),
            flows: 1,
            packets: 96,
            bytes: 7_420,
            approximate: false,
            pairs: vec![RiskyPair {
                src: "192.168.1.42".into(),
                dst: "192.168.1.20".into(),
                dst_port: 23,
                flows: 1,
                bytes: 7_420,
                detail: Some("login as \"admin\"".into()),
            }],
        },
        Risky {
            protocol: "ftp".into(),
            label: "FTP".into(),
            severity: "high".into(),
            why: "Login and files cross the network as plain text.".into(),
            instead: "Use SFTP (over SSH) or FTPS.".into(),
            flows: 3,
            packets: 812,
            bytes: 640_112,
            approximate: false,
            pairs: vec![
                RiskyPair {
                    src: "192.168.1.42".into(),
                    dst: "192.168.1.20".into(),
                    dst_port: 21,
                    flows: 2,
                    bytes: 600_000,
                    detail: Some("login as \"backup\"".into()),
                },
                RiskyPair {
                    src: "10.0.0.5".into(),
                    dst: "192.168.1.20".into(),
                    dst_port: 21,
                    flows: 1,
                    bytes: 40_112,
                    detail: None,
                },
            ],
        },
        Risky {
            protocol: "http".into(),
            label: "HTTP".into(),
            severity: "medium".into(),
            why: "Pages and forms can be read and changed on the way.".into(),
            instead: "Use HTTPS and redirect port 80 to it.".into(),
            flows: 57,
            packets: 3_012,
            bytes: 2_600_112,
            approximate: false,
            pairs: vec![RiskyPair {
                src: "192.168.1.17".into(),
                dst: "93.184.216.34".into(),
                dst_port: 80,
                flows: 57,
                bytes: 2_600_112,
                detail: Some("POST /login".into()),
            }],
        },
    ];
    report.performance = Performance {
        tcp_flows: 702,
        rtt_ms: Distribution {
            count: 690,
            p50: Some(14.2),
            p95: Some(88.0),
            p99: Some(310.0),
            max: Some(1_204.6),
        },
        server_delay_ms: Distribution {
            count: 655,
            p50: Some(31.0),
            p95: Some(240.0),
            p99: Some(1_900.0),
            max: Some(6_022.0),
        },
        retransmissions: 412,
        data_retransmissions: 412,
        data_packets: 31_022,
        out_of_order: 61,
        zero_windows: 9,
        failed_connections: 23,
        worst: vec![
            SlowFlow {
                flow_id: "3kTMd9hqYv0aZ1Xc".into(),
                src: "192.168.1.17:50122".into(),
                dst: "142.250.74.46:443".into(),
                service: Some("tls".into()),
                packets: 1_204,
                tcp_rtt_ms: Some(188.0),
                server_delay_ms: Some(6_022.0),
                retransmissions: 148,
                data_retransmissions: 148,
                retransmission_share: 0.123,
                zero_windows: 0,
                missed_bytes: 0,
                why: "12 % of its data packets were sent again; the server took 6.0 s to answer"
                    .into(),
            },
            SlowFlow {
                flow_id: "9bQw2LpE77sUx0aa".into(),
                src: "[2001:db8:1234:5678:9abc:def0:1234:5678]:41022".into(),
                dst: "[2606:4700:4700::1111]:443".into(),
                service: None,
                packets: 310,
                tcp_rtt_ms: Some(1_204.6),
                server_delay_ms: None,
                retransmissions: 4,
                data_retransmissions: 4,
                retransmission_share: 0.018,
                zero_windows: 9,
                missed_bytes: 18_220,
                why: "the receiver stopped the sender 9 times".into(),
            },
        ],
    };
    report.local = LocalTraffic {
        arp_requests: 402,
        arp_replies: 120,
        arp_gratuitous: 6,
        arp_conflicts: vec![ArpConflict {
            address: "192.168.1.1".into(),
            macs: vec!["f4:92:bf:77:00:12".into(), "de:ad:be:ef:00:01".into()],
        }],
        arp_top: vec![
            ArpAsker {
                mac: "de:ad:be:ef:00:01".into(),
                address: "192.168.1.66".into(),
                requests: 254,
                targets: 254,
            },
            ArpAsker {
                mac: "3c:22:fb:10:9a:01".into(),
                address: "192.168.1.42".into(),
                requests: 31,
                targets: 6,
            },
        ],
        arp_approximate: false,
        broadcast_packets: 512,
        broadcast_bytes: 61_440,
        multicast_packets: 1_122,
        multicast_bytes: 201_333,
    };
    report.anomalies = vec![
        Anomaly {
            layer: "ipv4".into(),
            kind: "truncated".into(),
            packets: 21,
            first_number: 1_022,
            example: "ipv4 at byte 14: needs 1500 bytes, 96 left".into(),
        },
        Anomaly {
            layer: "tcp".into(),
            kind: "bad_length".into(),
            packets: 8,
            first_number: 20_311,
            example: "data offset 3 is less than 5".into(),
        },
    ];
    report.flow_table = FlowTableFacts {
        peak_live: 611,
        evicted: 0,
        max_memory: 536_870_912,
        fragments_incomplete: 2,
    };
    report.findings = vec![
        Finding {
            severity: "high".into(),
            title: "Telnet carries a login in the clear".into(),
            detail: "192.168.1.42 logged in to 192.168.1.20 as \"admin\"; anyone on the way can read it.".into(),
        },
        Finding {
            severity: "high".into(),
            title: "Two stations claim 192.168.1.1".into(),
            detail: "f4:92:bf:77:00:12 and de:ad:be:ef:00:01 both answer for it: an address used twice, or ARP spoofing.".into(),
        },
        Finding {
            severity: "medium".into(),
            title: "One station asked for 254 addresses by ARP".into(),
            detail: "de:ad:be:ef:00:01 (192.168.1.66) sent 254 requests: a scan of the local network.".into(),
        },
        Finding {
            severity: "low".into(),
            title: "1.3 % of TCP data was sent again".into(),
            detail: "412 of 31,022 data packets; most in one connection to 142.250.74.46.".into(),
        },
        Finding {
            severity: "info".into(),
            title: "The capture lost 37 packets".into(),
            detail: "The kernel dropped them while capturing; figures are a little low.".into(),
        },
    ];
    named::fill(&mut report);
    report
}

fn timeline(intervals: u64, interval: f64) -> Timeline {
    let wave = |i: u64, period: u64, height: u64| {
        let at = i % period;
        height * at.min(period - at) * 2 / period
    };
    let series: [(&str, u64, u64, u64); 6] = [
        ("tls", 700_000, 29, 620),
        ("quic", 220_000, 17, 900),
        ("http", 90_000, 11, 610),
        ("ssh", 30_000, 40, 180),
        ("dns", 9_000, 7, 120),
        ("other", 22_000, 13, 300),
    ];
    let by_protocol: Vec<Series> = series
        .iter()
        .map(|&(name, height, period, len)| {
            let bytes: Vec<u64> = (0..intervals)
                .map(|i| {
                    let burst = if name == "tls" && (33..37).contains(&i) {
                        height * 2
                    } else {
                        0
                    };
                    wave(i, period, height) + height / 8 + burst + i * 7919 % (height / 6)
                })
                .collect();
            let packets = bytes.iter().map(|b| b / len + 1).collect();
            Series {
                name: name.into(),
                packets,
                bytes,
            }
        })
        .collect();
    let sum = |pick: fn(&Series) -> &Vec<u64>| -> Vec<u64> {
        (0..intervals as usize)
            .map(|i| by_protocol.iter().map(|s| pick(s)[i]).sum())
            .collect()
    };
    Timeline {
        start: Some("2026-03-02T09:14:00.000123456Z".into()),
        interval,
        packets: sum(|s| &s.packets),
        bytes: sum(|s| &s.bytes),
        new_flows: (0..intervals)
            .map(|i| 8 + wave(i, 9, 14) + i * 31 % 11)
            .collect(),
        by_protocol,
    }
}
