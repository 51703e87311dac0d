//! Tests of who serves.

use std::net::IpAddr;

use netloom_decode::app::by_name;
use netloom_decode::{DecodeOptions, decode_ip};
use netloom_packet::Timestamp;

use super::*;
use crate::app::{AppInfo, Confidence};
use crate::{FlowKey, FlowRules, flow_id};

/// A flow between two ports, of a service that was recognised.
fn flow(service: &str, protocol: u8, ports: (u16, u16), history: &str) -> FlowRecord {
    let datagram = [
        0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
    let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
    let id = flow_id(&key, Timestamp::from_nanos(0), 1, "");
    let [src, dst] = [1, 2].map(|host| IpAddr::from([10, 0, 0, host]));
    let mut record = FlowRecord::new(id, src, dst, protocol);
    (record.src_port, record.dst_port) = (Some(ports.0), Some(ports.1));
    record.history = history.to_owned();
    if let Some(service) = by_name(service) {
        let mut app = AppInfo::default();
        (app.service, app.confidence) = (Some(service), Some(Confidence::Content));
        record.app = Some(Box::new(app));
    }
    record
}

#[test]
fn who_serves() {
    for (service, protocol, ports, history, serves) in [
        // Who opens a connection asks, from whichever port; an answer to it tells as much.
        ("ssh", 6, (22, 54_750), "ShAd", false),
        ("ssh", 6, (22, 54_750), "hAd", false),
        ("ssh", 6, (22, 54_750), "^dA", true),
        ("ssh", 6, (22, 22), "dA", false),
        ("ssh", 6, (54_750, 22), "dA", false),
        // A port of the protocol's own before one on which it is common: a mapper gives any.
        ("dce_rpc", 6, (135, 50_000), "dA", true),
        ("dce_rpc", 6, (50_000, 135), "dA", false),
        ("tls", 6, (8443, 50_000), "dA", true),
        ("tls", 6, (443, 10_161), "dA", true),
        ("tls", 6, (10_161, 443), "dA", false),
        ("dns", 17, (53, 40_000), "Dd", true),
        ("ssdp", 17, (1900, 1901), "D", true),
        // What systems give to clients, and what is assigned to nobody.
        ("ssh", 6, (4022, 54_750), "dA", true),
        ("ssh", 6, (40_000, 54_750), "dA", false),
        ("ssh", 6, (4022, 4023), "dA", false),
        ("bittorrent", 6, (6000, 54_750), "dA", true),
        ("dns", 17, (4022, 54_750), "Dd", false),
        // By the port alone; and of nothing that is known.
        ("", 17, (161, 40_000), "Dd", true),
        ("", 6, (4022, 54_750), "dA", false),
    ] {
        let record = flow(service, protocol, ports, history);
        assert_eq!(
            record.originator_serves(),
            serves,
            "{service} {ports:?} {history}"
        );
    }
}

#[test]
fn ports_stand_for_what_the_responder_serves() {
    for (protocol, ports, history, service) in [
        // A scan from ports that are known.
        (6, (443, 9999), "S", None),
        (6, (443, 22), "Sr", Some("ssh")),
        (6, (53, 8080), "Sr", Some("http")),
        (6, (5060, 9999), "Sr", None),
        (6, (5060, 9999), "hR", None),
        (6, (40_000, 80), "Sr", Some("http")),
        // But a server of FTP opens from its own.
        (6, (20, 40_000), "Sh", Some("ftp-data")),
        (6, (20, 25), "Sh", Some("smtp")),
        (6, (20, 1000), "Sh", None),
        // Seen in the middle, or without any connection: the responder's first.
        (6, (443, 50_000), "Da", Some("tls")),
        (6, (5060, 51_000), "Da", Some("sip")),
        (6, (5060, 9999), "Da", Some("sip")),
        (6, (5060, 80), "Da", Some("http")),
        (6, (50_000, 9999), "Da", None),
        (17, (5060, 51_000), "D", Some("sip")),
        (17, (5060, 9999), "D", Some("sip")),
        (17, (53, 9999), "D", Some("dns")),
        (17, (53, 161), "D", Some("snmp")),
        (17, (51_820, 9999), "D", None),
        (17, (9999, 51_820), "D", Some("wireguard")),
        (17, (50_001, 51_000), "D", None),
        // ICMP has types in their place.
        (1, (8, 0), "", None),
    ] {
        let record = flow("", protocol, ports, history);
        assert_eq!(
            record.service_by_port(),
            service,
            "{protocol} {ports:?} {history}"
        );
        let confidence = service.map(|_| Confidence::Port);
        assert_eq!(record.confidence(), confidence);
    }
}

#[test]
fn refused() {
    for (ports, history, refused) in [
        ((40_000, 80), "Sr", true),
        ((40_000, 80), "Ar", true),
        ((40_000, 80), "ShR", false),
        ((40_000, 80), "ShADadr", false),
        ((40_000, 80), "S", false),
        ((40_000, 80), "SR", false),
        ((80, 50_000), "aR", true),
        ((80, 50_000), "aDR", false),
        ((40_000, 80), "", false),
    ] {
        let record = flow("http", 6, ports, history);
        assert_eq!(record.is_refused(), refused, "{ports:?} {history}");
    }
    assert!(!flow("dns", 17, (40_000, 53), "Ddr").is_refused());
}
