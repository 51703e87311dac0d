//! Flows under nDPI's rules against the results of nDPI's own tests.

mod support;

use std::path::Path;

use netloom_flow::{FlowConfig, FlowRecord, FlowRules};
use support::Agreement;

/// A flow line, canonical: the endpoint that sorts first with its packets and bytes, then the
/// other.
fn line(protocol: &str, ends: [(String, u64, u64); 2]) -> String {
    let [(src, src_packets, src_bytes), (dst, dst_packets, dst_bytes)] = ends;
    format!("{protocol} {src} {src_packets}/{src_bytes} {dst} {dst_packets}/{dst_bytes}")
}

/// `addr:port`, `[addr]:port`, as `addr:port`.
fn endpoint(text: &str) -> Option<String> {
    let (address, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    Some(format!(
        "{}:{port}",
        address.trim_start_matches('[').trim_end_matches(']')
    ))
}

/// An address as ndpiReader writes it: the first zero group of an IPv6 address loses its zero,
/// though the address may have `::` already.
fn address(address: std::net::IpAddr) -> String {
    address.to_string().replacen(":0:", "::", 1)
}

/// `6 pkts/924 bytes`.
fn counts(text: &str) -> Option<(u64, u64)> {
    let (packets, bytes) = text.trim().split_once(" pkts/")?;
    Some((
        packets.parse().ok()?,
        bytes.strip_suffix(" bytes")?.parse().ok()?,
    ))
}

/// The flow lines of a result file.
fn expected(path: &Path) -> Vec<String> {
    let Ok(bytes) = std::fs::read(path) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter_map(parse).collect()
}

fn parse(text: &str) -> Option<String> {
    let rest = text.strip_prefix('\t')?;
    let (number, rest) = rest.split_once('\t')?;
    number.trim().parse::<u32>().ok()?;
    let (protocol, rest) = rest.split_once(' ')?;
    let (src, rest) = rest.split_once(' ')?;
    let (arrow, rest) = rest.split_once(' ')?;
    if !matches!(arrow, "<->" | "->") {
        return None;
    }
    let dst = rest
        .split_once([' ', '['].as_slice())
        .map_or(rest, |(dst, _)| dst);
    let dst = if rest.starts_with('[') {
        &rest[..rest.find(']')? + 1 + rest[rest.find(']')? + 1..].find('[')?]
    } else {
        dst
    };
    let both = rest.split('[').find_map(|part| {
        let part = part.split_once(']')?.0;
        let (there, back) = part
            .split_once(" <-> ")
            .or_else(|| part.split_once(" -> "))?;
        Some((counts(there)?, counts(back)?))
    });
    let ((src_packets, src_bytes), (dst_packets, dst_bytes)) = both?;
    Some(line(
        protocol,
        [
            (endpoint(src)?, src_packets, src_bytes),
            (endpoint(dst.trim())?, dst_packets, dst_bytes),
        ],
    ))
}

/// nDPI's names of IP protocols; others are numbers.
fn protocol_name(protocol: u8) -> String {
    let name = match protocol {
        1 => "ICMP",
        2 => "IGMP",
        6 => "TCP",
        17 => "UDP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPV6",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        113 => "PGM",
        132 => "SCTP",
        other => return other.to_string(),
    };
    name.into()
}

fn ours(flow: &FlowRecord) -> String {
    let end = |address: std::net::IpAddr, port: Option<u16>| {
        format!("{}:{}", self::address(address), port.unwrap_or(0))
    };
    line(
        &protocol_name(flow.protocol),
        [
            (
                end(flow.src_ip, flow.src_port),
                flow.fwd.packets,
                flow.fwd.bytes,
            ),
            (
                end(flow.dst_ip, flow.dst_port),
                flow.bwd.packets,
                flow.bwd.bytes,
            ),
        ],
    )
}

#[test]
fn flow_lines() {
    let Some(data) = support::data() else { return };
    let mut results = Vec::new();
    for capture in support::captures(&data, "ndpi") {
        for result in &capture.expected {
            let theirs = expected(&data.join(result));
            let flows =
                support::flows(&data.join(&capture.path), &FlowConfig::new(FlowRules::Ndpi));
            let agreement = Agreement::of(theirs, flows.iter().map(ours).collect());
            results.push((
                capture.path.trim_start_matches("ndpi/pcap/").to_string(),
                agreement,
            ));
        }
    }
    let (pooled, mean) = support::percentages(&results);
    let page = format!(
        "{INTRODUCTION}\n{}\n## Rows that differ\n\n{}",
        support::table(&results),
        support::differing_rows("nDPI", &results)
    );
    support::bless("agreement-ndpi.md", &page);
    println!("{page}");
    assert!(pooled >= 99.0 && mean >= 99.0, "{pooled:.2} {mean:.2}");
}

/// What the page says before its figures.
const INTRODUCTION: &str = "\
# Agreement with nDPI

Written by the test `ndpi` of `netloom-flow` (`NETLOOM_BLESS=1`). Flows under
`--flow-rules ndpi` are compared with the flow lines that ndpiReader printed for the captures of
nDPI's own tests: protocol, addresses, ports, packets and bytes each way. A line that only one
side has is a miss; an explained difference is a miss too.

What nDPI's rules mean here: ndpiReader was run with `-t`, so GRE, GTP-U, TZSP, CAPWAP and
VXLAN are opened, and MPLS, PPPoE and IP in IP always are. Fragments after the first, and
packets whose IP datagram was not captured whole, count in no flow. ICMP is one flow between
two hosts. Nothing ends a flow, and its first packet gives the direction. Bytes are those that were
captured, where the end of a frame was cut off behind the datagram.

Differences that are known:

- `ah.pcapng`: an IPv4 Authentication Header (protocol 51) is one of the headers that netloom
  looks behind, so the flow is the ICMP in it; for ndpiReader it is a flow of protocol AH.
- `ajp.pcap`: half of the packets are copies within Cisco FabricPath, which nDPI does not know.
- `fuzz-2006-06-26-2594.pcap`: a damaged UDP datagram that netloom does not take for one.
";
