//! Flow lines of nDPI's result files, and netloom's flows by the same key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use netloom_flow::FlowRecord;

use crate::seen::Seen;

/// A flow line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Transport and both ends, the smaller first.
    pub(crate) key: String,
    /// `TLS.Google`
    pub(crate) protocol: String,
    /// Whether nDPI knows the protocol by inspection.
    pub(crate) by_content: bool,
    pub(crate) name: Option<String>,
    pub(crate) ja4: Option<String>,
    pub(crate) ja3: Option<String>,
    pub(crate) risks: Vec<String>,
}

impl Line {
    /// The flow lines of a file.
    pub(crate) fn all(path: &Path) -> Vec<Self> {
        let text = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().filter_map(Self::parse).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix('\t')?;
        let (number, rest) = rest.split_once('\t')?;
        number.trim().parse::<u32>().ok()?;
        let mut words = rest.split(' ');
        let transport = words.next()?;
        let one = endpoint(words.next()?);
        words.next()?;
        let other = endpoint(words.next()?);
        let protocol = part(line, "proto")?.split_once('/')?.1;
        let own = |text: &str| text.to_owned();
        let risks = part(line, "Risk").unwrap_or_default();
        Some(Self {
            key: key(transport, &one, &other),
            protocol: protocol.to_owned(),
            by_content: part(line, "Confidence").is_some_and(|text| text.starts_with("DPI")),
            name: part(line, "Hostname/SNI").map(own),
            ja4: part(line, "JA4").map(own),
            ja3: part(line, "JA3C").map(own),
            risks: risks
                .split("**")
                .map(str::trim)
                .filter(|risk| !risk.is_empty())
                .map(own)
                .collect(),
        })
    }

    /// The protocol before the dot.
    pub(crate) fn master(&self) -> &str {
        self.protocol.split('.').next().unwrap_or_default()
    }
}

/// The value in `[name: value]`.
fn part<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let start = line.find(&format!("[{name}: "))? + name.len() + 3;
    line.get(start..)?.split(']').next()
}

/// `address:port` or `[address]:port`, the address in canonical form where it can be read (nDPI's
/// own form of IPv6 is not always one that can).
fn endpoint(text: &str) -> String {
    let Some((address, port)) = text.rsplit_once(':') else {
        return text.to_owned();
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => format!("{address}:{port}"),
        Err(_) => format!("{address}:{port}"),
    }
}

fn key(transport: &str, one: &str, other: &str) -> String {
    let (first, second) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    format!("{transport} {first} {second}")
}

/// nDPI's names of IP protocols; others are numbers.
fn transport(protocol: u8) -> String {
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
    name.to_owned()
}

/// Flows by key; those that differ only in VLAN or tunnel stand together.
pub(crate) struct Flows<'a>(HashMap<String, Vec<&'a FlowRecord>>);

impl<'a> Flows<'a> {
    pub(crate) fn of(seen: &'a Seen) -> Self {
        let mut flows: HashMap<String, Vec<&FlowRecord>> = HashMap::new();
        for flow in &seen.flows {
            let transport = transport(flow.protocol);
            // The first zero group of an IPv6 address loses its zero in nDPI's form, which can
            // then not be read where it has `::` already.
            let plain =
                |address: IpAddr, port: Option<u16>| format!("{address}:{}", port.unwrap_or(0));
            let theirs = |address: IpAddr, port: Option<u16>| {
                let text = address.to_string().replacen(":0:", "::", 1);
                let text = match text.parse::<IpAddr>() {
                    Ok(address) => address.to_string(),
                    Err(_) => text,
                };
                format!("{text}:{}", port.unwrap_or(0))
            };
            let mut keys = vec![
                key(
                    &transport,
                    &plain(flow.src_ip, flow.src_port),
                    &plain(flow.dst_ip, flow.dst_port),
                ),
                key(
                    &transport,
                    &theirs(flow.src_ip, flow.src_port),
                    &theirs(flow.dst_ip, flow.dst_port),
                ),
            ];
            keys.dedup();
            for key in keys {
                flows.entry(key).or_default().push(flow);
            }
        }
        Self(flows)
    }

    pub(crate) fn get(&self, line: &Line) -> &[&'a FlowRecord] {
        self.0.get(&line.key).map(Vec::as_slice).unwrap_or_default()
    }
}
