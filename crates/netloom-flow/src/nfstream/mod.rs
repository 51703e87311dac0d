//! Where NFStream finds headers in a packet.
//!
//! A flow under NFStream's rules has the packets that NFStream takes for its own, and their
//! addresses and ports as it reads them. For nearly all packets that is what is decoded anyway;
//! this tells the others: link layers and tags that it does not know, extension headers that it
//! does not walk, datagrams that are cut. Source: `packet_process` of its `lib_engine.c`
//! (6.6.0), and `ndpi_handle_ipv6_extension_headers` of nDPI.

mod ip;
mod link;

use std::net::IpAddr;

use netloom_decode::{
    Decoded, Icmp, Ip, Network, Tcp, TcpFlags, Transport, Tunnel, TunnelKind, Tunnels, Vlans,
};
use netloom_packet::{LinkType, MacAddr, Packet};

use ip::{IpLayer, Opened, ip_layer};
use link::{link_layer, tag};

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

const TCP: u8 = 6;
const UDP: u8 = 17;

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

fn be16(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use netloom_decode::{DecodeOptions, decode};
    use netloom_packet::Timestamp;
    use proptest::prelude::*;

    use super::ip::{CAPWAP, GTP_U, TZSP};
    use super::link::{IPV4, IPV6, MPLS, PPPOE, VLAN};
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
