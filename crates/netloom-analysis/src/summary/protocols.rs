//! Which protocols packets are made of.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use netloom_pipeline::decode::{Decoded, Transport};
use netloom_pipeline::packet::LinkType;
use netloom_tables::{append_protocols, network_name};

use crate::report::model::Protocol;
use crate::summary::timeline::TimelineCounter;

/// Everything about a packet that decides its place in the protocol tree, packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct PathKey {
    /// Link type, EtherType (0: none), network, IP protocol.
    layers: u64,
    /// VLAN, later fragment, how many tunnels, and their kinds, eight bits each.
    around: u64,
    /// Where the service's name lies, and how long it is: comparing every packet's service by its
    /// letters would take longer. Of one name in two places there are two paths, which the tree and
    /// the timeline take for one.
    service: (usize, usize),
}

impl PathKey {
    fn new(link_type: LinkType, decoded: &Decoded, service: Option<&'static str>) -> Self {
        let (protocol, later) = decoded
            .ip
            .as_ref()
            .map_or((0, false), |ip| (ip.protocol, ip.is_later_fragment()));
        let mut around = u64::from(!decoded.vlans.as_slice().is_empty()) | u64::from(later) << 1;
        // The timeline's label of a later fragment depends on it.
        around |= u64::from(decoded.transport == Transport::None) << 2;
        for (index, tunnel) in decoded.tunnels.as_slice().iter().enumerate() {
            around |= (tunnel.kind as u64 + 1) << (8 + 8 * index);
        }
        Self {
            layers: u64::from(link_type.0) << 32
                | u64::from(decoded.ethertype.unwrap_or(0)) << 16
                | (decoded.network as u64) << 8
                | u64::from(protocol),
            around,
            service: service.map_or((0, 0), |name| (name.as_ptr().addr(), name.len())),
        }
    }
}

/// A path that packets took.
#[derive(Debug)]
struct Path {
    /// Its protocols, outermost first, with colons between.
    names: String,
    label: u16,
    packets: u64,
    bytes: u64,
}

/// Counts packets by path. Sums only.
#[derive(Debug, Default)]
pub(crate) struct ProtocolCounter {
    paths: HashMap<PathKey, u32, foldhash::fast::RandomState>,
    rows: Vec<Path>,
    last: Option<(PathKey, u32)>,
}

impl ProtocolCounter {
    /// Counts a packet; returns its label in the timeline.
    #[inline]
    pub(crate) fn packet(
        &mut self,
        link_type: LinkType,
        decoded: &Decoded,
        service: Option<&'static str>,
        wire_len: u32,
        timeline: &mut TimelineCounter,
    ) -> u16 {
        let key = PathKey::new(link_type, decoded, service);
        let row = match self.last {
            Some((last, row)) if last == key => row,
            _ => self.row(key, link_type, decoded, service, timeline),
        };
        let path = &mut self.rows[row as usize];
        path.packets += 1;
        path.bytes += u64::from(wire_len);
        path.label
    }

    fn row(
        &mut self,
        key: PathKey,
        link_type: LinkType,
        decoded: &Decoded,
        service: Option<&'static str>,
        timeline: &mut TimelineCounter,
    ) -> u32 {
        let rows = &mut self.rows;
        let row = *self.paths.entry(key).or_insert_with(|| {
            let mut names = String::new();
            append_protocols(link_type, decoded, &mut names);
            if let Some(service) = service {
                names.push(':');
                names.push_str(service);
            }
            let label = timeline.label(label(decoded, service));
            rows.push(Path {
                names,
                label,
                packets: 0,
                bytes: 0,
            });
            (rows.len() - 1) as u32
        });
        self.last = Some((key, row));
        row
    }

    /// The tree of several counters, in depth-first order, the larger branch first.
    pub(crate) fn tree(counters: impl IntoIterator<Item = Self>) -> Vec<Protocol> {
        let mut root = Node::default();
        for path in counters.into_iter().flat_map(|counter| counter.rows) {
            let mut node = &mut root;
            for name in path.names.split(':') {
                node = node.children.entry(name.to_owned()).or_default();
                node.packets += path.packets;
                node.bytes += path.bytes;
            }
        }
        let mut tree = Vec::new();
        root.flatten("", 0, &mut tree);
        tree
    }
}

#[derive(Debug, Default)]
struct Node {
    packets: u64,
    bytes: u64,
    children: BTreeMap<String, Self>,
}

impl Node {
    fn flatten(&self, path: &str, depth: u32, into: &mut Vec<Protocol>) {
        let mut children: Vec<_> = self.children.iter().collect();
        // Stable: names decide ties.
        children.sort_by_key(|(_, node)| std::cmp::Reverse(node.packets));
        for (name, node) in children {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}:{name}")
            };
            into.push(Protocol {
                name: name.clone(),
                path: path.clone(),
                depth,
                packets: node.packets,
                bytes: node.bytes,
            });
            node.flatten(&path, depth + 1, into);
        }
    }
}

/// What the timeline calls a packet.
fn label(decoded: &Decoded, service: Option<&'static str>) -> &'static str {
    if let Some(service) = service {
        return service;
    }
    match decoded.transport {
        Transport::Tcp(_) => "tcp",
        Transport::Udp | Transport::UdpLite => "udp",
        Transport::Icmpv4(_) => "icmp",
        Transport::Icmpv6(_) => "icmpv6",
        Transport::Igmp(_) => "igmp",
        Transport::Sctp(_) => "sctp",
        Transport::Esp(_) => "esp",
        _ => network_name(decoded),
    }
}
