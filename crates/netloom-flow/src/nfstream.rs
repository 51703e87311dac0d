//! Where NFStream finds headers in a packet.
//!
//! A flow under NFStream's rules has the packets that NFStream takes for its own, and their
//! addresses and ports as it reads them. For nearly all packets that is what is decoded anyway;
//! this tells the others: link layers and tags that it does not know, extension headers that it
//! does not walk, datagrams that are cut. Source: `packet_process` of its `lib_engine.c`
//! (6.6.0), and `ndpi_handle_ipv6_extension_headers` of nDPI.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netloom_decode::{
    Decoded, Icmp, Ip, Network, Tcp, TcpFlags, Transport, Tunnel, TunnelKind, Tunnels, Vlans,
};
use netloom_packet::{LinkType, MacAddr, Packet};

/// What NFStream sees of a packet.
#[derive(Debug, Clone, PartialEq)]
pub enum NfstreamView {
    /// What was decoded.
    Same,
    /// Nothing: it counts in no flow.
    Ignored,
    /// Something else.
    Other(Box<Decoded>),
}

/// What NFStream sees of a packet, of which `decoded` was decoded with the tunnels that
/// [`FlowRules::Nfstream`](crate::FlowRules::Nfstream) opens.
pub fn nfstream_view(packet: &Packet<'_>, decoded: &Decoded) -> NfstreamView {
    let Some(seen) = find(packet.link_type, packet.data) else {
        return NfstreamView::Ignored;
    };
    if seen.is_in(decoded) {
        NfstreamView::Same
    } else {
        NfstreamView::Other(Box::new(seen.decoded(packet.data, decoded)))
    }
}

/// A datagram as it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    /// Source and destination, where the link layer tells them in a place that it knows.
    macs: Option<(MacAddr, MacAddr)>,
    vlan: u16,
    tunnel: Option<TunnelKind>,
    src: IpAddr,
    dst: IpAddr,
    /// Start of the IP header.
    ip_at: usize,
    protocol: u8,
    /// Start of what follows it.
    transport_at: usize,
    /// How long that is by the header.
    transport_len: u16,
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const MPLS: [u16; 2] = [0x8847, 0x8848];
const PPPOE: u16 = 0x8864;
const IP_IN_IP: [u8; 2] = [4, 41];
const TCP: u8 = 6;
const UDP: u8 = 17;
const GTP_U: u16 = 2152;
const CAPWAP: u16 = 5247;
const TZSP: u16 = 37_008;

/// What the link layer leads to.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    /// EtherType, or what it takes for one.
    kind: u16,
    at: usize,
    macs: Option<(MacAddr, MacAddr)>,
}

fn find(link_type: LinkType, data: &[u8]) -> Option<Seen> {
    let mut vlan = 0;
    let mut tunnel = None;
    let mut link = link_layer(link_type, data, 0)?;
    tag(data, &mut link, &mut vlan)?;
    loop {
        let ip = ip_layer(data, &link)?;
        // What is in a tunnel begins behind its header: each turn comes nearer to the end.
        match ip.open(data, link_type)? {
            Opened::Nothing => return ip.seen(data, link.macs, vlan, tunnel),
            Opened::Marked(kind) => {
                return ip.seen(data, link.macs, vlan, Some(kind));
            }
            Opened::Ip(kind, at) => {
                let inner = IpLayer { at, ..ip };
                return inner.seen(data, link.macs, vlan, Some(kind));
            }
            Opened::Frame(kind, inner) => {
                tunnel = Some(kind);
                link = inner;
                tag(data, &mut link, &mut vlan)?;
            }
            Opened::Wireless(kind, inner) => {
                tunnel = Some(kind);
                link = inner;
            }
        }
    }
}

fn link_layer(link_type: LinkType, data: &[u8], begin: usize) -> Option<Link> {
    let frame = data.get(begin..)?;
    if frame.len() < 28 {
        return None;
    }
    let be16 = |at: usize| be16(frame, at);
    let link = |kind: u16, at: usize| Link {
        kind,
        at: begin + at,
        macs: None,
    };
    Some(match link_type {
        LinkType::NULL => {
            let family: [u8; 4] = *frame.first_chunk()?;
            let kind = if u32::from_be_bytes(family) == 2 {
                IPV4
            } else {
                IPV6
            };
            link(kind, 4)
        }
        LinkType::PPP_HDLC => link(be16(2)?, 4),
        LinkType::PPP | LinkType::C_HDLC => {
            if matches!(data.first(), Some(0x0f | 0x8f)) {
                link(be16(2)?, 4)
            } else {
                link(be16(0)?, 2)
            }
        }
        LinkType::IPV4 => link(IPV4, 0),
        LinkType::IPV6 => link(IPV6, 0),
        LinkType::RAW => match frame.first()? >> 4 {
            4 => link(IPV4, 0),
            6 => link(IPV6, 0),
            _ => link(0, 0),
        },
        LinkType::LINUX_SLL => link(be16(14)?, 16),
        LinkType::ETHERNET => ethernet(frame, begin)?,
        LinkType::IEEE802_11_RADIOTAP => radiotap(frame, begin)?,
        _ => return None,
    })
}

fn ethernet(frame: &[u8], begin: usize) -> Option<Link> {
    let macs = Some((mac(frame, 6)?, mac(frame, 0)?));
    let kind = be16(frame, 12)?;
    let mut link = Link {
        kind: if kind >= 1536 { kind } else { 0 },
        at: begin + 14,
        macs,
    };
    if (1..=1500).contains(&kind) {
        let (dsap, ssap) = (*frame.get(14)?, *frame.get(15)?);
        if dsap == 0xaa || ssap == 0xaa {
            // It forgets to swap the bytes.
            link.kind = be16(frame, 20)?.swap_bytes();
            link.at += 8;
        } else if dsap == 0x42 || ssap == 0x42 {
            return None;
        }
    }
    Some(link)
}

fn radiotap(frame: &[u8], begin: usize) -> Option<Link> {
    let header = usize::from(be16(frame, 2)?.swap_bytes());
    if frame.get(16)? & 0x50 == 0x50 {
        return None;
    }
    let wireless = frame.get(header..).filter(|rest| rest.len() >= 24)?;
    let control = be16(wireless, 0)?.swap_bytes();
    if control >> 2 & 3 != 2 {
        return None;
    }
    // The header of QoS data, whether it is one or not.
    let to_or_from = (control & 0x0100 != 0) != (control & 0x0200 != 0);
    let len = if to_or_from { 26 } else { 0 };
    let llc = wireless.get(len..).filter(|llc| llc.len() >= 8)?;
    Some(Link {
        kind: if *llc.first()? == 0xaa {
            be16(llc, 6)?
        } else {
            0
        },
        at: begin + header + len + 8,
        macs: Some((mac(wireless, 10)?, mac(wireless, 16)?)),
    })
}

/// Goes through VLAN tags, MPLS labels and PPPoE.
fn tag(data: &[u8], link: &mut Link, vlan: &mut u16) -> Option<()> {
    let fits = |at: usize| at + 4 < data.len();
    loop {
        match link.kind {
            VLAN => {
                if !fits(link.at) {
                    return None;
                }
                while link.kind == VLAN && fits(link.at) {
                    *vlan = be16(data, link.at)? & 0x0fff;
                    link.kind = be16(data, link.at + 2)?;
                    link.at += 4;
                }
                if link.kind == VLAN {
                    return None;
                }
            }
            kind if MPLS.contains(&kind) => {
                if !fits(link.at) {
                    return None;
                }
                let is_bottom = |at: usize| data.get(at + 2).is_some_and(|byte| byte & 1 == 1);
                let mut bottom = is_bottom(link.at);
                link.at += 4;
                while !bottom && fits(link.at) {
                    bottom = is_bottom(link.at);
                    link.at += 4;
                }
                link.kind = IPV4;
            }
            PPPOE => {
                link.kind = IPV4;
                link.at += 8;
            }
            _ => return Some(()),
        }
    }
}

/// An IP header that was reached.
#[derive(Debug, Clone, Copy)]
struct IpLayer {
    at: usize,
    /// Protocol above it, as far as it was read.
    protocol: u8,
    /// What it takes for the length of the header: that of the payload for IPv6.
    len: usize,
}

/// What is in a datagram.
enum Opened {
    /// What was reached.
    Nothing,
    /// The same, counted as in a tunnel.
    Marked(TunnelKind),
    /// An IP header.
    Ip(TunnelKind, usize),
    /// A frame of the capture's own link type.
    Frame(TunnelKind, Link),
    /// What an LLC header announces.
    Wireless(TunnelKind, Link),
}

/// Goes through IP in IP.
fn ip_layer(data: &[u8], link: &Link) -> Option<IpLayer> {
    let mut at = link.at;
    let (mut protocol, mut fragment) = (0, 0);
    for _ in 0..64 {
        let header = data.get(at..).filter(|rest| rest.len() >= 20)?;
        if link.kind == IPV4 {
            fragment = be16(header, 6)?;
            protocol = *header.get(9)?;
        }
        match header.first()? >> 4 {
            4 => {
                let len = usize::from(header.first()? & 15) * 4;
                if IP_IN_IP.contains(header.get(9)?) && len > 0 {
                    at += len;
                    continue;
                }
                if fragment & 0x1fff != 0 {
                    return None;
                }
                return Some(IpLayer { at, protocol, len });
            }
            6 => {
                let extension = extension_headers(header)?;
                if IP_IN_IP.contains(&extension.protocol) {
                    at += extension.at;
                    continue;
                }
                return Some(IpLayer {
                    at,
                    protocol: extension.protocol,
                    len: extension.len.into(),
                });
            }
            _ => return None,
        }
    }
    None
}

/// What follows the extension headers of IPv6.
#[derive(Debug)]
struct Extension {
    protocol: u8,
    /// From the start of the IP header.
    at: usize,
    len: u16,
}

fn extension_headers(header: &[u8]) -> Option<Extension> {
    let len = be16(header, 4)?;
    if header.len() < 40 || size(header) < 40 + usize::from(len) {
        return None;
    }
    let mut found = Extension {
        protocol: *header.get(6)?,
        at: 40,
        len,
    };
    let mut left = size(header) - 40;
    while left > 1 && matches!(found.protocol, 0 | 43 | 44 | 59 | 60 | 135) {
        let next = header.get(found.at..)?;
        match found.protocol {
            59 => return None,
            44 => {
                if found.len < 8 || left < 5 || be16(next, 2)? >> 3 != 0 {
                    return None;
                }
                left -= 5;
                found.protocol = *next.first()?;
                found.len -= 8;
                found.at += 8;
            }
            _ => {
                let len = usize::from(*next.get(1)?) * 8 + 8;
                if len > left || len > usize::from(found.len) {
                    return None;
                }
                left -= len;
                found.protocol = *next.first()?;
                found.len -= len as u16;
                found.at += len;
            }
        }
    }
    Some(found)
}

impl IpLayer {
    /// Looks for a tunnel over UDP; `None` where the packet is ignored.
    fn open(&self, data: &[u8], link_type: LinkType) -> Option<Opened> {
        if self.protocol != UDP {
            return Some(Opened::Nothing);
        }
        let at = self.at + self.len;
        let udp = data.get(at..).filter(|rest| rest.len() >= 8)?;
        let ports = [be16(udp, 0)?, be16(udp, 2)?];
        let payload = at + 8;
        if ports.contains(&GTP_U) && payload + 8 < data.len() {
            return gtp(data, payload);
        }
        if ports.contains(&TZSP) {
            return tzsp(data, payload, link_type);
        }
        if ports.contains(&CAPWAP) {
            return Some(capwap(data, payload).unwrap_or(Opened::Nothing));
        }
        Some(Opened::Nothing)
    }

    /// Reads addresses, and how much of the datagram is there.
    fn seen(
        &self,
        data: &[u8],
        macs: Option<(MacAddr, MacAddr)>,
        vlan: u16,
        tunnel: Option<TunnelKind>,
    ) -> Option<Seen> {
        let header = data.get(self.at..)?;
        let (src, dst, protocol, transport, transport_len);
        if header.first()? >> 4 == 4 {
            let len = u16::from(header.first()? & 15) * 4;
            let total = be16(header, 2)?;
            if size(header) < 20 || usize::from(len) > size(header) || total < len {
                return None;
            }
            let address = |at: usize| {
                let bytes: [u8; 4] = *header.get(at..)?.first_chunk()?;
                Some(IpAddr::V4(Ipv4Addr::from(bytes)))
            };
            (src, dst) = (address(12)?, address(16)?);
            (protocol, transport, transport_len) = (*header.get(9)?, len.into(), total - len);
        } else {
            let extension = extension_headers(header)?;
            let address = |at: usize| {
                let bytes: [u8; 16] = *header.get(at..)?.first_chunk()?;
                Some(IpAddr::V6(Ipv6Addr::from(bytes)))
            };
            (src, dst) = (address(8)?, address(24)?);
            protocol = extension.protocol;
            (transport, transport_len) = (extension.at, extension.len);
        }
        Some(Seen {
            macs,
            vlan,
            tunnel,
            src,
            dst,
            ip_at: self.at,
            protocol,
            transport_at: self.at + transport,
            transport_len,
        })
    }
}

fn gtp(data: &[u8], at: usize) -> Option<Opened> {
    let flags = *data.get(at)?;
    if flags >> 5 != 1 || *data.get(at + 1)? != 0xff {
        return Some(Opened::Nothing);
    }
    let mut inner = at + 8;
    if flags & 7 != 0 {
        inner += 4;
    }
    if flags & 4 != 0 {
        while let Some(&len) = data.get(inner) {
            inner += usize::from(len) * 4;
            if len == 0 || inner >= data.len() {
                return Some(Opened::Nothing);
            }
            if data.get(inner - 1) == Some(&0) {
                break;
            }
        }
    }
    let Some(header) = data.get(inner..).filter(|rest| !rest.is_empty()) else {
        return Some(Opened::Nothing);
    };
    let least = match header.first()? >> 4 {
        4 => 20,
        6 => 40,
        _ => return None,
    };
    (header.len() >= least).then_some(Opened::Ip(TunnelKind::GtpU, inner))
}

fn tzsp(data: &[u8], at: usize, link_type: LinkType) -> Option<Opened> {
    let header: [u8; 4] = *data.get(at..)?.first_chunk()?;
    if header != [1, 0, 0, 1] {
        return Some(Opened::Marked(TunnelKind::Tzsp));
    }
    // The frame is looked for behind the first tag, whatever that is.
    let tag = at + 4;
    let Some(&kind) = data.get(tag) else {
        return Some(Opened::Marked(TunnelKind::Tzsp));
    };
    let len = if kind <= 1 {
        1
    } else {
        usize::from(*data.get(tag + 1)?)
    };
    if tag + len >= data.len() {
        return None;
    }
    let inner = link_layer(link_type, data, tag + len)?;
    Some(Opened::Frame(TunnelKind::Tzsp, inner))
}

fn capwap(data: &[u8], at: usize) -> Option<Opened> {
    if data.get(at)? & 15 != 0 {
        return None;
    }
    let frame = at + usize::from((data.get(at + 1)? & 0xf8) >> 1);
    if frame + 32 >= data.len() {
        return None;
    }
    let wireless = data.get(frame..)?;
    let inner = Link {
        kind: be16(wireless, 30)?,
        at: frame + 32,
        macs: Some((mac(wireless, 10)?, mac(wireless, 16)?)),
    };
    Some(Opened::Wireless(TunnelKind::Capwap, inner))
}

impl Seen {
    fn has_ports(&self) -> bool {
        match self.protocol {
            TCP => self.transport_len >= 20,
            UDP => self.transport_len >= 8,
            _ => false,
        }
    }

    fn ports(&self, data: &[u8]) -> (u16, u16) {
        let port = |at: usize| be16(data, self.transport_at + at).unwrap_or(0);
        if self.has_ports() {
            (port(0), port(2))
        } else {
            (0, 0)
        }
    }

    /// Whether a packet was decoded to the same.
    fn is_in(&self, decoded: &Decoded) -> bool {
        let Some(ip) = &decoded.ip else {
            return false;
        };
        let opened = |tunnel: &&Tunnel| {
            let kinds = [TunnelKind::GtpU, TunnelKind::Capwap, TunnelKind::Tzsp];
            kinds.contains(&tunnel.kind)
        };
        let tunnel = decoded.tunnels.as_slice().iter().rev().find(opened);
        let macs = decoded.src_mac.zip(decoded.dst_mac);
        let has_header = match decoded.transport {
            Transport::Tcp(_) => self.protocol == TCP && self.has_ports(),
            Transport::Udp => self.protocol == UDP && self.has_ports(),
            _ => !self.has_ports(),
        };
        ip.offset as usize == self.ip_at
            && ip.protocol == self.protocol
            && (ip.src, ip.dst) == (self.src, self.dst)
            && has_header
            && decoded.vlans.as_slice().last().copied().unwrap_or(0) == self.vlan
            && tunnel.map(|tunnel| tunnel.kind) == self.tunnel
            && (macs.is_none() || macs == self.macs)
    }

    /// The packet with what was found in the place of what was decoded.
    fn decoded(&self, data: &[u8], decoded: &Decoded) -> Decoded {
        let (src_port, dst_port) = self.ports(data);
        let transport_data = data.get(self.transport_at..).unwrap_or_default();
        let transport = self.transport(transport_data);
        let header = match transport {
            Transport::Tcp(tcp) => tcp.header_len.into(),
            Transport::Udp | Transport::Icmpv4(_) | Transport::Icmpv6(_) => 8,
            _ => 0,
        };
        let payload_wire_len = u32::from(self.transport_len).saturating_sub(header);
        let payload_at = self.transport_at + header as usize;
        let captured = data.len().saturating_sub(payload_at) as u32;
        let mut vlans = Vlans::default();
        if self.vlan != 0 {
            vlans.push(self.vlan);
        }
        let mut tunnels = Tunnels::default();
        if let Some(kind) = self.tunnel {
            // There is room for one.
            _ = tunnels.push(Tunnel {
                kind,
                id: 0,
                ip_offset: u16::MAX,
            });
        }
        let byte = |at: usize| data.get(self.ip_at + at).copied().unwrap_or(0);
        let is_v4 = self.src.is_ipv4();
        Decoded {
            src_mac: self.macs.map(|(src, _)| src),
            dst_mac: self.macs.map(|(_, dst)| dst),
            vlans,
            tunnels,
            network: if is_v4 { Network::Ipv4 } else { Network::Ipv6 },
            ip: Some(Ip {
                src: self.src,
                dst: self.dst,
                offset: self.ip_at as u32,
                header_len: (self.transport_at - self.ip_at) as u32,
                total_len: (self.transport_at - self.ip_at) as u32 + u32::from(self.transport_len),
                ttl: byte(if is_v4 { 8 } else { 7 }),
                tos: if is_v4 {
                    byte(1)
                } else {
                    byte(0) << 4 | byte(1) >> 4
                },
                protocol: self.protocol,
                fragment: None,
            }),
            transport,
            src_port,
            dst_port,
            payload_offset: payload_at.min(data.len()) as u32,
            payload_len: captured.min(payload_wire_len),
            payload_wire_len,
            ..*decoded
        }
    }

    fn transport(&self, data: &[u8]) -> Transport {
        let byte = |at: usize| data.get(at).copied().unwrap_or(0);
        match self.protocol {
            TCP if self.has_ports() => {
                let word = |at: usize| {
                    let bytes = data.get(at..).and_then(<[u8]>::first_chunk);
                    bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
                };
                Transport::Tcp(Tcp {
                    seq: word(4),
                    ack: word(8),
                    window: be16(data, 14).unwrap_or(0),
                    flags: TcpFlags(byte(13)),
                    header_len: byte(12) >> 4 << 2,
                    ..Tcp::default()
                })
            }
            UDP if self.has_ports() => Transport::Udp,
            1 | 58 => {
                let icmp = Icmp {
                    icmp_type: byte(0),
                    code: byte(1),
                    id: 0,
                    seq: 0,
                };
                if self.protocol == 1 {
                    Transport::Icmpv4(icmp)
                } else {
                    Transport::Icmpv6(icmp)
                }
            }
            _ => Transport::None,
        }
    }
}

/// How many bytes are there, as it counts them: in 16 bits.
fn size(data: &[u8]) -> usize {
    usize::from(data.len() as u16)
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn mac(data: &[u8], at: usize) -> Option<MacAddr> {
    data.get(at..)?.first_chunk().copied().map(MacAddr)
}

#[cfg(test)]
mod tests {
    use netloom_decode::{DecodeOptions, decode};
    use netloom_packet::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::FlowRules;

    fn view(link_type: LinkType, data: &[u8]) -> (NfstreamView, Decoded) {
        let packet = Packet {
            number: 1,
            timestamp: Timestamp::from_nanos(0),
            link_type,
            interface: 0,
            wire_len: data.len() as u32,
            data,
        };
        let tunnels = FlowRules::Nfstream.tunnels();
        let decoded = decode(&packet, DecodeOptions { tunnels });
        (nfstream_view(&packet, &decoded), decoded)
    }

    fn other(link_type: LinkType, data: &[u8]) -> Decoded {
        match view(link_type, data).0 {
            NfstreamView::Other(decoded) => *decoded,
            view => panic!("{view:?}"),
        }
    }

    /// What stands before a datagram, then IPv4 and a UDP datagram of 8 bytes between two ports.
    fn udp(before: &[u8], ports: [u16; 2]) -> Vec<u8> {
        let mut data = before.to_vec();
        data.extend([
            0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ]);
        data.extend(ports.map(u16::to_be_bytes).concat());
        data.extend([0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        data
    }

    fn ethernet(rest: &[u8]) -> Vec<u8> {
        [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], rest].concat()
    }

    #[test]
    fn most_packets_are_seen_as_they_are() {
        for before in [
            ethernet(&[0x08, 0]),
            ethernet(&[0x81, 0, 0, 7, 0x08, 0]),
            ethernet(&[0x88, 0x47, 0, 1, 0x01, 64, 0x08, 0][..6]),
            ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 38, 0, 0x21]),
        ] {
            let data = udp(&before, [4000, 53]);
            assert_eq!(
                view(LinkType::ETHERNET, &data).0,
                NfstreamView::Same,
                "{before:x?}"
            );
        }
        assert_eq!(
            view(LinkType::RAW, &udp(&[], [4000, 53])).0,
            NfstreamView::Same
        );
    }

    #[test]
    fn what_it_does_not_know_is_ignored() {
        // Cisco metadata, a service tag outside, PPP's protocol in one byte, PPP framed.
        for (link_type, before) in [
            (
                LinkType::ETHERNET,
                ethernet(&[0x89, 0x09, 1, 1, 0, 1, 0, 5, 0x08, 0]),
            ),
            (LinkType::ETHERNET, ethernet(&[0x88, 0xa8, 0, 7, 0x08, 0])),
            (
                LinkType::ETHERNET,
                ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 37, 0x21]),
            ),
            (LinkType::PPP, vec![0xff, 3, 0, 0x21]),
            (LinkType::LOOP, vec![0, 0, 0, 2]),
        ] {
            let data = udp(&before, [4000, 53]);
            let (view, decoded) = view(link_type, &data);
            assert!(decoded.ip.is_some(), "{before:x?}");
            assert_eq!(view, NfstreamView::Ignored, "{before:x?}");
        }
        // A length of 0, as segmentation offload leaves it; a later fragment.
        let mut data = udp(&[], [4000, 53]);
        data[3] = 0;
        assert_eq!(view(LinkType::RAW, &data).0, NfstreamView::Ignored);
        let mut data = udp(&[], [4000, 53]);
        data[7] = 1;
        assert_eq!(view(LinkType::RAW, &data).0, NfstreamView::Ignored);
    }

    #[test]
    fn the_authentication_header_is_not_walked() {
        let mut data = vec![
            0x45, 0, 0, 44, 0, 0, 0, 0, 64, 51, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        data.extend([1, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
        data.extend([8, 0, 0, 0, 0, 1, 0, 1]);
        let seen = other(LinkType::RAW, &data);
        assert_eq!(seen.ip.unwrap().protocol, 51);
        assert_eq!(seen.transport, Transport::None);
    }

    #[test]
    fn any_datagram_at_the_port_of_tzsp_is_in_a_tunnel() {
        let seen = other(LinkType::RAW, &udp(&[], [4000, TZSP]));
        assert_eq!((seen.src_port, seen.dst_port), (4000, TZSP));
        assert_eq!(seen.tunnels.as_slice()[0].kind, TunnelKind::Tzsp);
        assert_eq!((seen.payload_len, seen.payload_offset), (8, 28));
    }

    #[test]
    fn a_mobility_header_leads_to_what_it_says() {
        let mut data = vec![0x60, 0, 0, 0, 0, 8, 135, 64];
        data.extend([0xfe; 32]);
        data.extend([59, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(other(LinkType::RAW, &data).ip.unwrap().protocol, 59);
    }

    proptest! {
        #[test]
        fn any_bytes(
            link_type in prop::sample::select(vec![
                LinkType::ETHERNET, LinkType::RAW, LinkType::PPP, LinkType::PPP_HDLC,
                LinkType::NULL, LinkType::LINUX_SLL, LinkType::IEEE802_11_RADIOTAP,
            ]),
            kind in prop::sample::select(vec![IPV4, IPV6, VLAN, MPLS[0], PPPOE, 60]),
            port in prop::sample::select(vec![GTP_U, CAPWAP, TZSP, 53]),
            mut data in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if data.len() > 60 {
                data[12..14].copy_from_slice(&kind.to_be_bytes());
                data[23] = UDP;
                data[14] = data[14] & 0x20 | 0x45;
                data[36..38].copy_from_slice(&port.to_be_bytes());
            }
            if let (NfstreamView::Other(seen), _) = view(link_type, &data) {
                prop_assert!(seen.ip.is_some());
                prop_assert!(seen.payload_offset as usize + seen.payload_len as usize <= data.len());
            }
        }
    }
}
