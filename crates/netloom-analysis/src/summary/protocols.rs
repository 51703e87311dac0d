//! Which protocols packets are made of.

use std::collections::{BTreeMap, BinaryHeap};

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

/// Paths that are told apart: far more than traffic has that nobody made up. What took another counts
/// as [`OTHER`].
const PATHS_MAX: usize = 1_024;
/// Keys whose path is remembered: several may have one.
const KEYS_MAX: usize = 4 * PATHS_MAX;
/// The path of packets whose own is not told apart.
pub(crate) const OTHER: &str = "other";

/// A path that packets took.
#[derive(Debug, Default)]
struct Path {
    /// Its protocols, outermost first, with colons between.
    names: String,
    /// How often another path has taken its place.
    age: u32,
    packets: u64,
    bytes: u64,
}

impl Path {
    /// What decides which paths are told apart, where there are too many: those of protocols that
    /// have names come first, and those of few before those of many. It is nothing that depends on
    /// how packets were split among threads, as how many there are would.
    fn rank(&self) -> Rank {
        let of_numbers = ["linktype_", "ip_protocol_"];
        let has_numbers = of_numbers.iter().any(|name| self.names.contains(name));
        let depth = self.names.matches(':').count();
        Rank(has_numbers, depth, self.names.clone())
    }
}

/// Whether there are protocols without names, how many below the first, and all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(bool, usize, String);

/// Counts packets by path. Sums only, the same in any order: of too many paths those stay that come
/// first by [`Rank`], and one that left does not come back, as those that stay are before it.
#[derive(Debug, Default)]
pub(crate) struct ProtocolCounter {
    /// Where packets are counted, and how old that row was.
    keys: HashMap<PathKey, (Place, u32), foldhash::fast::RandomState>,
    rows: Vec<Path>,
    /// Where the path of these names is.
    names: HashMap<String, u32, foldhash::fast::RandomState>,
    /// All paths, the last by rank on top; only once there are too many.
    last_ranks: BinaryHeap<(Rank, u32)>,
    /// Packets and bytes of paths that are not told apart.
    others: (u64, u64),
    last: Option<(PathKey, Place)>,
}

/// A row, and the label in the timeline: of later fragments it may be another one for each key.
type Place = (u32, u16);

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
        let (row, label) = match self.last {
            Some((last, place)) if last == key => place,
            _ => match self.place(key, link_type, decoded, service, timeline) {
                Some(place) => place,
                None => return self.other(wire_len, timeline.label(label(decoded, service))),
            },
        };
        let path = &mut self.rows[row as usize];
        path.packets += 1;
        path.bytes += u64::from(wire_len);
        label
    }

    #[cold]
    fn other(&mut self, wire_len: u32, label: u16) -> u16 {
        self.others.0 += 1;
        self.others.1 += u64::from(wire_len);
        label
    }

    /// Where a packet is counted, if its path is told apart.
    fn place(
        &mut self,
        key: PathKey,
        link_type: LinkType,
        decoded: &Decoded,
        service: Option<&'static str>,
        timeline: &mut TimelineCounter,
    ) -> Option<Place> {
        let age = |rows: &[Path], row: u32| rows.get(row as usize).map(|path| path.age);
        if let Some(&(place, known)) = self.keys.get(&key)
            && age(&self.rows, place.0) == Some(known)
        {
            self.last = Some((key, place));
            return Some(place);
        }
        let mut names = String::new();
        append_protocols(link_type, decoded, &mut names);
        if let Some(service) = service {
            names.push(':');
            names.push_str(service);
        }
        let place = (self.row(names)?, timeline.label(label(decoded, service)));
        if self.keys.len() >= KEYS_MAX {
            // They are only remembered.
            self.keys.clear();
        }
        let age = age(&self.rows, place.0)?;
        self.keys.insert(key, (place, age));
        self.last = Some((key, place));
        Some(place)
    }

    /// Where the path of these names is, if it is told apart.
    fn row(&mut self, names: String) -> Option<u32> {
        if let Some(&row) = self.names.get(&names) {
            return Some(row);
        }
        let mut path = Path {
            names,
            ..Path::default()
        };
        if self.rows.len() < PATHS_MAX {
            let row = self.rows.len() as u32;
            self.names.insert(path.names.clone(), row);
            self.rows.push(path);
            return Some(row);
        }
        if self.last_ranks.is_empty() {
            let ranks = self.rows.iter().zip(0..);
            self.last_ranks = ranks.map(|(path, row)| (path.rank(), row)).collect();
        }
        let rank = path.rank();
        if self.last_ranks.peek().is_none_or(|(last, _)| *last < rank) {
            return None;
        }
        // The last by rank gives way.
        let (gone, row) = self.last_ranks.pop()?;
        self.names.remove(&gone.2);
        self.names.insert(path.names.clone(), row);
        self.last_ranks.push((rank, row));
        let place = self.rows.get_mut(row as usize)?;
        path.age = place.age.wrapping_add(1);
        self.others.0 += place.packets;
        self.others.1 += place.bytes;
        *place = path;
        self.last = None;
        Some(row)
    }

    /// Adds another counter's counts.
    fn absorb(&mut self, other: Self) {
        self.others.0 += other.others.0;
        self.others.1 += other.others.1;
        for path in other.rows {
            let sums = if let Some(row) = self.row(path.names)
                && let Some(own) = self.rows.get_mut(row as usize)
            {
                (&mut own.packets, &mut own.bytes)
            } else {
                (&mut self.others.0, &mut self.others.1)
            };
            *sums.0 += path.packets;
            *sums.1 += path.bytes;
        }
    }

    /// The tree of several counters, in depth-first order, the larger branch first.
    pub(crate) fn tree(counters: impl IntoIterator<Item = Self>) -> Vec<Protocol> {
        let mut all = Self::default();
        for counter in counters {
            all.absorb(counter);
        }
        let mut root = Node::default();
        for path in all.rows {
            let mut node = &mut root;
            for name in path.names.split(':') {
                node = node.children.entry(name.to_owned()).or_default();
                node.packets += path.packets;
                node.bytes += path.bytes;
            }
        }
        if all.others.0 > 0 {
            let node = root.children.entry(OTHER.to_owned()).or_default();
            node.packets += all.others.0;
            node.bytes += all.others.1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_pipeline::decode::{DecodeOptions, decode_ip};

    /// Packets of HTTP, each of a link type.
    fn count(link_types: impl IntoIterator<Item = u16>, into: &mut ProtocolCounter) {
        let datagram = [
            0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
        let mut timeline = TimelineCounter::default();
        for link_type in link_types {
            into.packet(
                LinkType(link_type),
                &decoded,
                Some("http"),
                60,
                &mut timeline,
            );
        }
    }

    fn facts(tree: &[Protocol]) -> Vec<(&str, u64, u64)> {
        let facts = tree.iter().map(|p| (&*p.path, p.packets, p.bytes));
        facts.collect()
    }

    /// However packets are split among threads, the same paths are told apart, and all packets are
    /// in the tree.
    #[test]
    fn many_paths_are_the_same_for_any_split() {
        let made_up = 40_000_u16..40_000 + 3 * PATHS_MAX as u16;
        let all = || made_up.clone().chain([1, 1]).chain(made_up.clone());
        let mut one = ProtocolCounter::default();
        count(all(), &mut one);
        assert!(one.rows.len() <= PATHS_MAX && one.keys.len() <= KEYS_MAX);
        let one = ProtocolCounter::tree([one]);
        let mut three: [ProtocolCounter; 3] = Default::default();
        for (at, link_type) in all().rev().enumerate() {
            count([link_type], &mut three[at % 3]);
        }
        let three = ProtocolCounter::tree(three);
        assert_eq!(facts(&one), facts(&three));
        let packets = |depth| -> u64 {
            let of_depth = one.iter().filter(|p| p.depth == depth);
            of_depth.map(|p| p.packets).sum()
        };
        assert_eq!(packets(0), all().count() as u64);
        let told = |path: &str| one.iter().find(|p| p.path == path).map(|p| p.packets);
        assert_eq!(told("ethernet:ipv4:tcp:http"), Some(2));
        assert_eq!(told(OTHER), Some(2 * (2 * PATHS_MAX as u64 + 1)));
    }
}
