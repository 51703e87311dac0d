//! Captures of next to nothing, and of more than anybody reads.

use super::super::model::*;
use super::{full, timeline};

/// A capture without a packet.
pub(crate) fn empty() -> Report {
    Report {
        schema_version: 1,
        netloom_version: "0.1.0".into(),
        flow_rules: "native".into(),
        capture: vec![Capture {
            name: "empty.pcap".into(),
            format: "pcap".into(),
            ..Capture::default()
        }],
        ..Report::default()
    }
}

/// A capture of one ARP request.
pub(crate) fn one_packet() -> Report {
    let ts = Some("2026-03-02T09:14:00.000123456Z".to_owned());
    let one = |path: &str, name: &str, depth| Protocol {
        name: name.into(),
        path: path.into(),
        depth,
        packets: 1,
        bytes: 60,
    };
    Report {
        packets: 1,
        bytes: 60,
        captured_bytes: 60,
        first_ts: ts.clone(),
        last_ts: ts.clone(),
        mean_packet_len: Some(60.0),
        timeline: Timeline {
            start: ts,
            interval: 0.001,
            packets: vec![1],
            bytes: vec![60],
            new_flows: vec![0],
            by_protocol: vec![Series {
                name: "arp".into(),
                packets: vec![1],
                bytes: vec![60],
            }],
        },
        protocols: vec![
            one("ethernet", "ethernet", 0),
            one("ethernet:arp", "arp", 1),
        ],
        packet_sizes: vec![SizeBucket {
            min: 0,
            max: Some(63),
            packets: 1,
            bytes: 60,
        }],
        local: LocalTraffic {
            arp_requests: 1,
            broadcast_packets: 1,
            broadcast_bytes: 60,
            ..LocalTraffic::default()
        },
        unique: Unique {
            src_macs: 1,
            dst_macs: 1,
            ..Unique::default()
        },
        ..empty()
    }
}

/// A year of capture in thousands of files, with long lists.
pub(crate) fn huge() -> Report {
    let mut report = full();
    report.flows = 1_048_576;
    report.packets = 98_765_432_109;
    report.bytes = 76_543_210_987_654;
    report.duration = 86_400.0 * 365.0;
    report.approximate = true;
    report.unique.approximate = true;
    for risk in &mut report.risky {
        risk.approximate = true;
    }
    report.local.arp_approximate = true;
    report.dns.approximate = true;
    report.tls.approximate = true;
    report.http.approximate = true;
    report.timeline = timeline(5_000, 6_307.2);
    let address = report.top_addresses[2].clone();
    report.top_addresses = (0..1_000_u64)
        .map(|i| Address {
            address: format!("10.{}.{}.{}", i % 200, i / 7 % 250, i % 251),
            bytes: address.bytes / (i + 1),
            bytes_sent: address.bytes_sent / (i + 1),
            bytes_received: address.bytes_received / (i + 1),
            ..address.clone()
        })
        .collect();
    let file = report.capture[0].clone();
    report.capture = (0..3_000)
        .map(|i| Capture {
            name: format!("/captures/2026/day-{i:04}.pcapng.zst"),
            ..file.clone()
        })
        .collect();
    report
}
