//! What makes packets belong together: [`FlowKey`]; and the identifier of a flow.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

use netloom_decode::{Decoded, Transport, Tunnel, TunnelKind};
use netloom_packet::Timestamp;
use sha2::{Digest, Sha256};

use crate::config::FlowRules;
use crate::icmp;

/// How many logical shards there are, always (the threads that run them vary).
pub const SHARDS: usize = 64;

/// What the packets of a flow have in common, the same for both directions.
///
/// The endpoint with the smaller (address, port) comes first, except for ICMP messages that
/// nothing answers: there the sender does, so that the two directions are two flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowKey {
    first: Octets,
    second: Octets,
    /// VLANs and tunnels, folded; 0 where the rules leave them out or there are none.
    scope: u64,
    first_port: u16,
    second_port: u16,
    protocol: u8,
    /// [`IPV6`], [`ONE_WAY`], [`PORTS`].
    flags: u8,
}

/// The 16 octets of an address (IPv4 at the end) as two numbers, in network order: they compare
/// as the octets do, and are made without going over them.
type Octets = (u64, u64);

/// The addresses are IPv6.
const IPV6: u8 = 1;
/// An ICMP message that nothing answers.
const ONE_WAY: u8 = 4;
/// The ports are ports, or stand for ICMP type and code.
const PORTS: u8 = 8;

impl FlowKey {
    /// The key of a packet under `rules`, and whether the packet goes from the key's first
    /// endpoint to its second. `None` where there is no IP header.
    #[inline]
    pub fn new(decoded: &Decoded, rules: FlowRules) -> Option<(Self, bool)> {
        let ip = decoded.ip.as_ref()?;
        let (src, dst) = (octets(ip.src), octets(ip.dst));
        let mut flags = if ip.src.is_ipv6() { IPV6 } else { 0 };
        let (mut src_port, mut dst_port) = (decoded.src_port, decoded.dst_port);
        match decoded.transport {
            Transport::Icmpv4(header) | Transport::Icmpv6(header) => {
                (src_port, dst_port) = (0, 0);
                if rules.pairs_icmp() {
                    let v6 = matches!(decoded.transport, Transport::Icmpv6(_));
                    let ports = icmp::ports(v6, header.icmp_type, header.code);
                    (src_port, dst_port) = (ports.src, ports.dst);
                    flags |= PORTS | if ports.one_way { ONE_WAY } else { 0 };
                }
            }
            // A header that is not all there has no ports for nDPI.
            Transport::None if rules.is_ndpi_like() => (src_port, dst_port) = (0, 0),
            _ if rules.hosts_only(ip.protocol) => (src_port, dst_port) = (0, 0),
            _ if has_ports(ip.protocol) => flags |= PORTS,
            _ => {}
        }
        let forward = flags & ONE_WAY != 0 || (src, src_port) <= (dst, dst_port);
        let (first, second, first_port, second_port) = if forward {
            (src, dst, src_port, dst_port)
        } else {
            (dst, src, dst_port, src_port)
        };
        let key = Self {
            first,
            second,
            scope: scope(decoded, rules),
            first_port,
            second_port,
            protocol: ip.protocol,
            flags,
        };
        Some((key, forward))
    }

    /// The endpoint that comes first: address and port (or ICMP type).
    pub fn first(&self) -> (IpAddr, u16) {
        (self.address(self.first), self.first_port)
    }

    /// The other endpoint.
    pub fn second(&self) -> (IpAddr, u16) {
        (self.address(self.second), self.second_port)
    }

    /// IP protocol number.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Whether the protocol has ports (or ICMP type and code in their place).
    pub fn has_ports(&self) -> bool {
        self.flags & PORTS != 0
    }

    /// The logical shard the flow belongs to, below [`SHARDS`]: the same in every run.
    pub fn shard(&self) -> u8 {
        let mut sum = self.scope ^ u64::from(self.protocol);
        for (high, low) in [self.first, self.second] {
            for half in [high, low] {
                sum = (sum ^ half.swap_bytes()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                sum ^= sum >> 29;
            }
        }
        sum ^= u64::from(self.first_port) << 16 | u64::from(self.second_port);
        sum = sum.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (sum >> 58) as u8
    }

    #[inline]
    fn address(&self, octets: Octets) -> IpAddr {
        if self.flags & IPV6 != 0 {
            IpAddr::V6(Ipv6Addr::from_bits(bits(octets)))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(octets.1 as u32))
        }
    }
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for address in [self.first, self.second] {
            state.write_u128(bits(address));
        }
        state.write_u64(self.scope);
        state.write_u64(
            u64::from(self.first_port) << 32
                | u64::from(self.second_port) << 16
                | u64::from(self.protocol) << 8
                | u64::from(self.flags),
        );
    }
}

/// The logical shard of a packet, below [`SHARDS`]: the same for all packets of a flow, in
/// every run. 0 where there is no IP header.
pub fn shard_of(decoded: &Decoded, rules: FlowRules) -> u8 {
    FlowKey::new(decoded, rules).map_or(0, |(key, _)| key.shard())
}

#[inline]
fn octets(address: IpAddr) -> Octets {
    match address {
        IpAddr::V4(address) => (0, u64::from(address.to_bits())),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            ((bits >> 64) as u64, bits as u64)
        }
    }
}

#[inline]
fn bits((high, low): Octets) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// Whether an IP protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
pub(crate) fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

/// VLANs and tunnels folded into a number; the same in every run.
#[inline]
fn scope(decoded: &Decoded, rules: FlowRules) -> u64 {
    if decoded.vlans.is_empty() && decoded.tunnels.is_empty() {
        return 0;
    }
    fold_scope(decoded, rules)
}

fn fold_scope(decoded: &Decoded, rules: FlowRules) -> u64 {
    let (vlans, tunnels) = (decoded.vlans.as_slice(), decoded.tunnels.as_slice());
    let mut sum = 0_u64;
    let mut add = |value: u64| {
        sum = (sum ^ value)
            .wrapping_add(0x9e37_79b9_7f4a_7c15)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        sum ^= sum >> 31;
    };
    match rules {
        FlowRules::Native => {
            // Identifier 0 is no VLAN: such a tag gives a frame a priority (IEEE 802.1Q), and often only the
            // frames of one direction have it.
            for &id in vlans.iter().filter(|&&id| id != 0) {
                add(u64::from(id) | 1 << 40);
            }
            for &tunnel in tunnels {
                add(tunnel_identity(tunnel));
            }
        }
        FlowRules::Zeek => {}
        // nDPI keeps the innermost of stacked VLANs.
        FlowRules::Nfstream | FlowRules::Ndpi => {
            if let Some(&id) = vlans.last()
                && id != 0
            {
                add(u64::from(id));
            }
            if rules == FlowRules::Nfstream {
                let opened = FlowRules::Nfstream.tunnels();
                let udp = |tunnel: &&Tunnel| {
                    opened.contains(tunnel.kind) && FlowRules::is_udp_tunnel(tunnel.kind)
                };
                if let Some(tunnel) = tunnels.iter().rev().find(udp) {
                    add(1 << 41 | tunnel.kind as u64);
                }
            }
        }
    }
    sum
}

/// What tells a tunnel from others of its kind, the same in both directions: identifiers that
/// each direction chooses for itself (GTP-U's TEID, L2TP's sessions, MPLS labels, PPTP's call
/// in GRE's key) would cut a conversation in two and stay out.
fn tunnel_identity(tunnel: Tunnel) -> u64 {
    let id = match tunnel.kind {
        TunnelKind::Vxlan
        | TunnelKind::Geneve
        | TunnelKind::Pppoe
        | TunnelKind::Pbb
        | TunnelKind::Erspan => tunnel.id,
        _ => 0,
    };
    1 << 48 | (tunnel.kind as u64) << 32 | u64::from(id)
}

/// Identifier of a flow: 16 base62 digits.
///
/// It is the start of a SHA-256 over key, start, number of the first packet and sensor, so
/// the same capture and rules give the same identifiers, whatever the threads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub(crate) [u8; Self::LEN]);

impl FlowId {
    /// Digits.
    pub const LEN: usize = 16;

    /// The digits as ASCII.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowId({self})")
    }
}

/// Which flow something is about. Its [`FlowId`] takes a hash: it is made when it is first asked for.
#[derive(Debug, Clone)]
pub struct FlowIdentity(Identity);

#[derive(Debug, Clone)]
enum Identity {
    /// Only the identifier is known.
    Made(FlowId),
    /// What it is made of, and what was made of that.
    Of(Parts, OnceLock<FlowId>),
}

/// What a [`FlowId`] is made of.
#[derive(Debug, Clone)]
struct Parts {
    key: FlowKey,
    start: Timestamp,
    first_number: u64,
    /// `None`: it has no name.
    sensor: Option<Arc<str>>,
}

impl FlowIdentity {
    /// The flow of `key` that began at `start` with packet `first_number` at `sensor`.
    pub fn new(
        key: FlowKey,
        start: Timestamp,
        first_number: u64,
        sensor: Option<Arc<str>>,
    ) -> Self {
        let parts = Parts {
            key,
            start,
            first_number,
            sensor,
        };
        Self(Identity::Of(parts, OnceLock::new()))
    }

    /// The flow's identifier.
    pub fn id(&self) -> FlowId {
        match &self.0 {
            Identity::Made(id) => *id,
            Identity::Of(of, made) => *made.get_or_init(|| {
                let sensor = of.sensor.as_deref().unwrap_or_default();
                flow_id(&of.key, of.start, of.first_number, sensor)
            }),
        }
    }
}

/// A flow of which only the identifier is known.
impl From<FlowId> for FlowIdentity {
    fn from(id: FlowId) -> Self {
        Self(Identity::Made(id))
    }
}

impl PartialEq for FlowIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for FlowIdentity {}

/// Digits of base 62.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The identifier of the flow of `key` that began at `start` with packet `first_number` at
/// `sensor`.
pub fn flow_id(key: &FlowKey, start: Timestamp, first_number: u64, sensor: &str) -> FlowId {
    let mut hash = Sha256::new();
    hash.update(bits(key.first).to_be_bytes());
    hash.update(bits(key.second).to_be_bytes());
    hash.update(key.scope.to_le_bytes());
    hash.update(key.first_port.to_le_bytes());
    hash.update(key.second_port.to_le_bytes());
    hash.update([key.protocol, key.flags]);
    hash.update(start.as_nanos().to_le_bytes());
    hash.update(first_number.to_le_bytes());
    hash.update(sensor);
    let digest = hash.finalize();
    let (words, _) = digest.as_chunks::<8>();
    // Eight digits of each of two words: divisions of 128 bits would take longer than the hash.
    let mut digits = [0; FlowId::LEN];
    for (digits, word) in digits.chunks_exact_mut(8).zip(words) {
        let mut word = u64::from_le_bytes(*word);
        for digit in digits {
            *digit = BASE62[(word % 62) as usize];
            word /= 62;
        }
    }
    FlowId(digits)
}

#[cfg(test)]
mod tests {
    use netloom_decode::{Icmp, Ip, Network};

    use super::*;

    pub(crate) fn packet(
        src: [u8; 4],
        dst: [u8; 4],
        transport: Transport,
        protocol: u8,
    ) -> Decoded {
        Decoded {
            network: Network::Ipv4,
            ip: Some(Ip {
                src: IpAddr::V4(Ipv4Addr::from(src)),
                dst: IpAddr::V4(Ipv4Addr::from(dst)),
                offset: 0,
                header_len: 20,
                total_len: 40,
                ttl: 64,
                tos: 0,
                protocol,
                fragment: None,
            }),
            transport,
            ..Decoded::default()
        }
    }

    #[test]
    fn both_directions_have_one_key() {
        let mut there = packet([10, 0, 0, 2], [10, 0, 0, 1], Transport::Udp, 17);
        (there.src_port, there.dst_port) = (53, 4000);
        let mut back = packet([10, 0, 0, 1], [10, 0, 0, 2], Transport::Udp, 17);
        (back.src_port, back.dst_port) = (4000, 53);
        let (key, forward) = FlowKey::new(&there, FlowRules::Native).unwrap();
        assert_eq!(
            FlowKey::new(&back, FlowRules::Native),
            Some((key, !forward))
        );
        assert_eq!(key.first(), ("10.0.0.1".parse().unwrap(), 4000));
        assert_eq!(key.second(), ("10.0.0.2".parse().unwrap(), 53));
        assert!(key.has_ports());
        assert_eq!(shard_of(&there, FlowRules::Native), key.shard());
    }

    #[test]
    fn vlans_part_flows_but_not_for_zeek() {
        let plain = packet([10, 0, 0, 2], [10, 0, 0, 1], Transport::Udp, 17);
        let mut tagged = plain;
        tagged.vlans.push(7);
        let key = |decoded, rules| FlowKey::new(decoded, rules).unwrap().0;
        for (rules, same) in [
            (FlowRules::Native, false),
            (FlowRules::Zeek, true),
            (FlowRules::Nfstream, false),
            (FlowRules::Ndpi, false),
        ] {
            assert_eq!(key(&plain, rules) == key(&tagged, rules), same, "{rules:?}");
        }
        // A tag with a priority alone parts nothing, behind another either.
        let mut priority = plain;
        priority.vlans.push(0);
        let mut both = tagged;
        both.vlans.push(0);
        for rules in [FlowRules::Native, FlowRules::Zeek, FlowRules::Nfstream] {
            assert_eq!(key(&plain, rules), key(&priority, rules), "{rules:?}");
        }
        assert_eq!(
            key(&tagged, FlowRules::Native),
            key(&both, FlowRules::Native)
        );
    }

    #[test]
    fn pings_pair_and_errors_do_not() {
        let icmp = |icmp_type, code| {
            Transport::Icmpv4(Icmp {
                icmp_type,
                code,
                id: 1,
                seq: 1,
            })
        };
        let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let key = |decoded| FlowKey::new(&decoded, FlowRules::Zeek).unwrap();
        let (request, there) = key(packet(a, b, icmp(8, 0), 1));
        let (reply, back) = key(packet(b, a, icmp(0, 0), 1));
        assert_eq!(request, reply);
        assert_ne!(there, back);
        let (error, _) = key(packet(a, b, icmp(3, 1), 1));
        let (opposite, _) = key(packet(b, a, icmp(3, 1), 1));
        assert_ne!(error, opposite);
        let hosts = |decoded| FlowKey::new(&decoded, FlowRules::Ndpi).unwrap().0;
        assert_eq!(
            hosts(packet(a, b, icmp(8, 0), 1)),
            hosts(packet(b, a, icmp(3, 1), 1))
        );
    }

    #[test]
    fn identifiers_are_stable() {
        let decoded = packet([10, 0, 0, 2], [10, 0, 0, 1], Transport::Udp, 17);
        let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
        let id = flow_id(&key, Timestamp::from_nanos(1), 1, "");
        assert_eq!(id.to_string().len(), 16);
        assert!(
            id.as_str()
                .bytes()
                .all(|digit| digit.is_ascii_alphanumeric())
        );
        assert_eq!(id, flow_id(&key, Timestamp::from_nanos(1), 1, ""));
        assert_ne!(id, flow_id(&key, Timestamp::from_nanos(1), 2, ""));
        assert_ne!(id, flow_id(&key, Timestamp::from_nanos(1), 1, "a"));
    }

    #[test]
    fn an_identity_has_the_identifier_of_its_flow() {
        let decoded = packet([10, 0, 0, 1], [10, 0, 0, 2], Transport::Udp, 17);
        let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
        let start = Timestamp::from_nanos(1);
        let identity =
            |sensor: Option<&str>| FlowIdentity::new(key, start, 1, sensor.map(Arc::from));
        assert_eq!(identity(None).id(), flow_id(&key, start, 1, ""));
        assert_eq!(identity(Some("a")).id(), flow_id(&key, start, 1, "a"));
        assert_ne!(identity(None), identity(Some("a")));
        assert_eq!(identity(None), FlowIdentity::from(identity(None).id()));
    }
}
