//! What decoding finds: [`Decoded`] and its parts.

mod stop;
mod tunnels;

use std::net::IpAddr;

use netloom_packet::MacAddr;

pub use self::stop::{Layer, Stop, StopKind};
pub use self::tunnels::{Tunnel, TunnelKind, TunnelSet, Tunnels};

/// What one packet contained, down to the layer where decoding ended.
///
/// Everything under `ip`, `transport`, ports and payload is about the *innermost* IP header
/// that could be decoded; what was around it stands in `tunnels`.
///
/// Packets are decoded by one core and looked at by another, so it counts how many lines of a cache are
/// written for each: the fields stand in an order in which most packets, which have no tunnels, leave
/// the fourth line alone.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Decoded {
    /// The innermost IP header; `Some` exactly when `network` is `Ipv4` or `Ipv6`.
    pub ip: Option<Ip>,
    /// First byte of the transport payload (of the network payload, where the transport is not
    /// known), from the start of the packet.
    pub payload_offset: u32,
    /// Bytes of payload that were captured (never more than the headers promise: padding of
    /// the frame is no payload).
    pub payload_len: u32,
    /// Bytes of payload that the headers promise: larger than `payload_len` where the snap
    /// length cut the packet.
    pub payload_wire_len: u32,
    /// TCP, UDP, UDP-Lite, SCTP, DCCP ports; 0 for anything else (and for fragments after the
    /// first, unless they were reassembled).
    pub src_port: u16,
    /// See `src_port`.
    pub dst_port: u16,
    /// The transport layer that was reached; its own fields.
    pub transport: Transport,
    /// The network layer that was reached.
    pub network: Network,
    /// The last layer that was understood.
    pub last_layer: Layer,
    /// EtherType of what the outermost frame carries, after VLAN tags (0x0800 for raw IPv4
    /// links too); `None` where there is none to be told (LLC without SNAP).
    pub ethertype: Option<u16>,
    /// Hardware source of the outermost frame, where the link layer has one.
    pub src_mac: Option<MacAddr>,
    /// Hardware destination of the outermost frame.
    pub dst_mac: Option<MacAddr>,
    /// VLAN identifiers of the outermost frame, outermost first.
    pub vlans: Vlans,
    /// What stands behind the first frame of an aggregate; see
    /// [`further_datagrams`](crate::further_datagrams).
    pub subframes: Subframes,
    /// Why decoding ended before the payload, if it did.
    pub stopped: Option<Stop>,
    /// What was opened on the way to `ip`, outermost first.
    pub tunnels: Tunnels,
}

/// The frames of an 802.11 aggregate (A-MSDU, 802.11-2020 section 9.3.2.2.2) behind its first
/// one, which is what the packet itself is decoded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subframes {
    /// Start of the second frame's header, from the start of the packet.
    pub(crate) offset: u16,
    /// Bytes from there to the end of the aggregate on the wire; 0: there is no second frame.
    pub(crate) wire_len: u16,
    /// How many tunnels the aggregate lies in.
    pub(crate) depth: u8,
}

impl Subframes {
    /// Whether there is none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.wire_len == 0
    }

    /// How many of the packet's tunnels the aggregate lies in: all its frames share those.
    pub const fn depth(self) -> usize {
        self.depth as usize
    }
}

/// A VLAN stack: up to four identifiers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Vlans {
    len: u8,
    ids: [u16; 4],
}

impl Vlans {
    /// Appends an inner tag's identifier (12 bits); a fifth is not kept.
    pub fn push(&mut self, id: u16) {
        if let Some(place) = self.ids.get_mut(usize::from(self.len)) {
            *place = id & 0x0fff;
            self.len += 1;
        }
    }

    /// The identifiers, outermost first.
    #[inline]
    pub fn as_slice(&self) -> &[u16] {
        &self.ids[..usize::from(self.len)]
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// How far [`decode`](crate::decode) goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// The tunnels that are opened; a packet of any other belongs to its outer addresses.
    pub tunnels: TunnelSet,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            tunnels: TunnelSet::ALL,
        }
    }
}

/// The network layer of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
#[non_exhaustive]
pub enum Network {
    /// Nothing was recognised.
    #[default]
    None,
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 (RFC 8200).
    Ipv6,
    /// ARP (RFC 826); see [`net::arp`](crate::net::arp).
    Arp,
    /// RARP (RFC 903).
    Rarp,
    /// LLDP (802.1AB).
    Lldp,
    /// Cisco Discovery Protocol.
    Cdp,
    /// Spanning tree (802.1D, RSTP, MSTP, PVST).
    Stp,
    /// 802.1X authentication.
    Eapol,
    /// PPPoE discovery (RFC 2516).
    PppoeDiscovery,
    /// IEEE slow protocols: LACP, OAM.
    SlowProtocols,
    /// 802.11 management or control frame.
    WlanControl,
    /// Encrypted 802.11 data.
    WlanEncrypted,
    /// IPX.
    Ipx,
    /// IS-IS and other OSI protocols.
    Osi,
    /// PPP control: LCP, IPCP, PAP, CHAP and so on.
    PppControl,
    /// Ethernet loopback (CTP), 0x9000.
    Loopback,
    /// Cisco's Dynamic Trunking Protocol.
    Dtp,
    /// Cisco's VLAN Trunking Protocol.
    Vtp,
    /// Cisco's UniDirectional Link Detection (RFC 5171).
    Udld,
    /// Cisco's Port Aggregation Protocol.
    Pagp,
    /// NetBIOS frames over LLC (NetBEUI).
    NetBeui,
    /// Another EtherType or LLC SAP, not decoded.
    Other,
}

/// An IP header, version 4 or 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip {
    /// Source address; the variant says the version.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Start of the header, from the start of the packet (of the reassembled datagram, in
    /// what `decode` makes of one).
    pub offset: u32,
    /// Length of the header with IPv4 options or IPv6 extension headers.
    pub header_len: u32,
    /// Length of the datagram by its header: IPv4 total length; IPv6 payload length plus 40
    /// (a jumbo payload option counts). Where the header says 0 (segmentation offload), what
    /// the wire length leaves.
    pub total_len: u32,
    /// Time to live, hop limit.
    pub ttl: u8,
    /// Type of service, traffic class.
    pub tos: u8,
    /// Upper-layer protocol (IANA number): after the extension headers for IPv6.
    pub protocol: u8,
    /// The fragment it is, if it is one (an "atomic" IPv6 fragment is none).
    pub fragment: Option<Fragment>,
}

impl Ip {
    /// Whether it is a fragment after the first, which has no transport header.
    #[inline]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset > 0)
    }
}

/// Which part of a datagram a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where in the datagram's payload its bytes belong, in bytes.
    pub offset: u32,
    /// Whether more follow.
    pub more: bool,
    /// Bytes of the fragment's payload by the header (captured ones may be fewer).
    pub len: u32,
    /// Start of the fragment's payload, from the start of the packet.
    pub data_offset: u32,
}

/// The transport layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Transport {
    /// None, or none that was understood (the IP header's `protocol` says which it was).
    #[default]
    None,
    /// TCP (RFC 9293).
    Tcp(Tcp),
    /// UDP (RFC 768).
    Udp,
    /// UDP-Lite (RFC 3828).
    UdpLite,
    /// ICMP for IPv4 (RFC 792).
    Icmpv4(Icmp),
    /// ICMP for IPv6 (RFC 4443).
    Icmpv6(Icmp),
    /// IGMP; its type.
    Igmp(u8),
    /// SCTP (RFC 9260); verification tag.
    Sctp(u32),
    /// DCCP (RFC 4340); packet type.
    Dccp(u8),
    /// ESP (RFC 4303); SPI. What is inside is encrypted.
    Esp(u32),
    /// OSPF, PIM, VRRP, … recognised by their number, not decoded.
    Other,
}

/// Fields of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tcp {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Window as it stands, not scaled.
    pub window: u16,
    /// Flags.
    pub flags: TcpFlags,
    /// Header length in bytes, options included.
    pub header_len: u8,
    /// Maximum segment size option; 0: none.
    pub mss: u16,
    /// Window scale option; `None`: not there.
    pub window_scale: Option<u8>,
    /// SACK permitted option is there.
    pub sack_permitted: bool,
    /// Timestamps option: (value, echo reply).
    pub timestamps: Option<(u32, u32)>,
}

/// TCP flags, with CWR and ECE, as the byte of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// FIN.
    pub const FIN: Self = Self(0x01);
    /// SYN.
    pub const SYN: Self = Self(0x02);
    /// RST.
    pub const RST: Self = Self(0x04);
    /// PSH.
    pub const PSH: Self = Self(0x08);
    /// ACK.
    pub const ACK: Self = Self(0x10);
    /// URG.
    pub const URG: Self = Self(0x20);
    /// ECE.
    pub const ECE: Self = Self(0x40);
    /// CWR.
    pub const CWR: Self = Self(0x80);

    /// Whether all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Fields of an ICMP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Icmp {
    /// Type.
    pub icmp_type: u8,
    /// Code.
    pub code: u8,
    /// Identifier of echo and the like; 0 for other types.
    pub id: u16,
    /// Sequence number of echo and the like; 0 for other types.
    pub seq: u16,
}

impl Decoded {
    /// Makes it what [`default`](Self::default) gives, without writing what is so already.
    #[inline]
    pub(crate) fn reset(&mut self) {
        // All by name: no field can be forgotten.
        let Self {
            ip,
            payload_offset,
            payload_len,
            payload_wire_len,
            src_port,
            dst_port,
            transport,
            network,
            last_layer,
            ethertype,
            src_mac,
            dst_mac,
            vlans,
            subframes,
            stopped,
            tunnels,
        } = self;
        *ip = None;
        (*payload_offset, *payload_len, *payload_wire_len) = (0, 0, 0);
        (*src_port, *dst_port) = (0, 0);
        *transport = Transport::None;
        *network = Network::None;
        *last_layer = Layer::Link;
        *ethertype = None;
        (*src_mac, *dst_mac) = (None, None);
        *vlans = Vlans::default();
        *subframes = Subframes::default();
        *stopped = None;
        tunnels.truncate(0);
    }

    /// Which part of a datagram it is, if it is a fragment.
    #[inline]
    pub fn fragment(&self) -> Option<&Fragment> {
        self.ip.as_ref()?.fragment.as_ref()
    }

    /// The payload in the packet's bytes, as far as it was captured.
    #[inline]
    pub fn payload<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let start = self.payload_offset as usize;
        let end = start.saturating_add(self.payload_len as usize);
        data.get(start..end.min(data.len())).unwrap_or_default()
    }
}

impl Default for Decoded {
    /// Nothing understood.
    #[inline]
    fn default() -> Self {
        Self {
            ip: None,
            payload_offset: 0,
            payload_len: 0,
            payload_wire_len: 0,
            src_port: 0,
            dst_port: 0,
            transport: Transport::None,
            network: Network::None,
            last_layer: Layer::Link,
            ethertype: None,
            src_mac: None,
            dst_mac: None,
            vlans: Vlans::default(),
            subframes: Subframes::default(),
            stopped: None,
            tunnels: Tunnels::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn what_most_packets_have_fits_into_three_lines() {
        assert_eq!(size_of::<Decoded>(), 4 * 64);
        let places = offset_of!(Decoded, tunnels) + offset_of!(Tunnels, kinds);
        assert!(places <= 3 * 64, "{places}");
        assert!(offset_of!(Decoded, ethertype) <= 2 * 64);
    }

    #[test]
    fn a_place_used_again_is_as_a_new_one() {
        let mut decoded = Decoded {
            payload_len: 1,
            src_port: 2,
            transport: Transport::Esp(3),
            network: Network::Other,
            last_layer: Layer::Payload,
            ethertype: Some(4),
            src_mac: Some(MacAddr([5; 6])),
            stopped: Some(Stop {
                layer: Layer::Tcp,
                kind: StopKind::TooDeep,
                offset: 6,
                needed: 7,
                found: 8,
            }),
            ..Decoded::default()
        };
        decoded.vlans.push(9);
        decoded.subframes.wire_len = 10;
        for id in 0..3 {
            let tunnel = Tunnel {
                kind: TunnelKind::Gre,
                id,
                ip_offset: 11,
            };
            assert!(decoded.tunnels.push(tunnel));
        }
        decoded.reset();
        assert_eq!(decoded, Decoded::default());
    }
}
